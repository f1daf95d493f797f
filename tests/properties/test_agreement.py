"""Both judges on random programs: the same answers, sets of final states above all.

``VERIFIER_AGREEMENT=20000 pytest tests/properties`` runs so many programs instead of a few.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.properties.mmu_programs import FOCI, random_mmu_test, random_switches
from tests.properties.programs import describe, random_test
from verifier import explore, solve
from verifier.program.profiles import GENERIC
from verifier.program.unroll import unroll

T = TypeVar("T")
KINDS = ("plain", "mmu", "ipi", "all", "rcu")
WANTED = os.environ.get("VERIFIER_AGREEMENT")
EXAMPLES = int(WANTED) if WANTED else 600
LIMIT = 20_000  # states; larger programs are left out


@pytest.mark.parametrize("kind", KINDS)
def test_judges_agree(kind: str) -> None:
    compared = 0

    # Without a wish for more, the same programs every time.
    @settings(
        max_examples=EXAMPLES // len(KINDS),
        deadline=None,
        derandomize=WANTED is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        nonlocal compared

        def draw(options: Sequence[T]) -> T:
            return data.draw(st.sampled_from(options))

        program = unroll(random_test(draw, kind), 1)
        model = draw(("x86-tso", "x86-tso", "x86-tso", "sc"))
        switches = random_switches(draw) if draw((False, False, True)) else GENERIC
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
        for what in ("states", "reachable", "refutable", "positive", "negative", "cut", "deadlock", "bad"):
            if what == "cut" and program.filter is not None:
                continue  # what a filter says of a run that did not end is a matter of taste
            assert getattr(explored, what) == getattr(solved, what), what
        compared += 1

    agree()
    assert compared > EXAMPLES // len(KINDS) // 2


@pytest.mark.parametrize("focus", FOCI)
def test_judges_agree_about_the_mmu(focus: str) -> None:
    compared = 0

    @settings(
        max_examples=EXAMPLES // len(FOCI),
        deadline=None,
        derandomize=WANTED is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        nonlocal compared

        def draw(options: Sequence[T]) -> T:
            return data.draw(st.sampled_from(options))

        program = unroll(random_mmu_test(draw, focus), 1)
        switches = random_switches(draw)
        note(str(switches))
        note(describe(program))
        explored = explore.decide(program, switches=switches, want_states=True, limit_states=LIMIT)
        if explored.states is None:
            return
        solved = solve.decide(program, switches=switches, want_states=True)
        assert solved.states is not None, solved.reason
        note(f"only the explorer: {set(explored.states) - set(solved.states)}")
        note(f"only Z3: {set(solved.states) - set(explored.states)}")
        for what in ("states", "reachable", "refutable", "deadlock", "bad"):
            assert getattr(explored, what) == getattr(solved, what), what
        compared += 1

    agree()
    assert compared > EXAMPLES // len(FOCI) // 2
