"""Both judges decide random programs, and must give the same answers and sets of final states.

With ``VERIFIER_EFFORT=100``, each of the two tests tries some 9,000 programs in place of a few.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.effort import EFFORT, times
from tests.properties.mmu_programs import FOCI, random_mmu_test, random_switches
from tests.properties.programs import Draw, describe, random_test
from verifier import explore, solve
from verifier.lower.unroll import unroll
from verifier.program.events import Program
from verifier.program.profiles import GENERIC, Switches

KINDS = ("plain", "mmu", "ipi", "all", "rcu", "srcu")
EXAMPLES = times(90)
# States; larger programs are left out. To find that a program is one of these took most of the time.
LIMIT = 20_000 if EFFORT > 1 else 4_000
ANSWERS = (
    "states",
    "reachable",
    "refutable",
    "positive",
    "negative",
    "cut",
    "deadlock",
    "hangs",
    "rests",
    "bad",
)


def compare(examples: int, make: Callable[[Draw], tuple[Program, str, Switches]]) -> None:
    """Decide a number of random programs by both judges. ``make`` gives a program, a model and switches."""
    compared = 0

    # By default, the programs are the same every time.
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=EFFORT == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        nonlocal compared
        program, model, switches = make(lambda options: data.draw(st.sampled_from(options)))
        note(f"{model} {switches}")
        note(describe(program))
        explored = explore.decide(
            program, model=model, switches=switches, want_states=True, limit_states=LIMIT
        )
        if explored.states is None:
            return
        solved = solve.decide(program, model=model, switches=switches, want_states=True)
        assert solved.states is not None, solved.reason
        note(f"only the explorer: {set(explored.states) - set(solved.states)}")
        note(f"only Z3: {set(solved.states) - set(explored.states)}")
        for what in ANSWERS:
            if what == "cut" and program.filter is not None:
                continue  # a filter has no clear meaning for a run that did not end
            assert getattr(explored, what) == getattr(solved, what), what
        if program.filter is None:
            assert set(explored.loops) <= set(
                solved.loops
            )  # of two loops that are only cut together, Z3 names one
            assert bool(explored.loops) == bool(solved.loops) == solved.cut
        compared += 1

    agree()
    assert compared > examples // 2


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_judges_agree(kind: str) -> None:
    def make(draw: Draw) -> tuple[Program, str, Switches]:
        program = unroll(random_test(draw, kind), 1)
        model = draw(("x86-tso", "x86-tso", "x86-tso", "sc"))
        return program, model, random_switches(draw) if draw((False, False, True)) else GENERIC

    examples = EXAMPLES // len(KINDS)
    # Each callback of SRCU runs on a CPU of its own, so these programs are the largest ones.
    compare(examples // 3 if kind == "srcu" and EFFORT == 1 else examples, make)


@pytest.mark.parametrize("focus", FOCI)
def test_judges_agree_about_the_mmu(focus: str) -> None:
    def make(draw: Draw) -> tuple[Program, str, Switches]:
        return unroll(random_mmu_test(draw, focus), 1), "x86-tso", random_switches(draw)

    compare(EXAMPLES // len(FOCI), make)
