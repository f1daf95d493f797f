"""Both judges on random programs: the same sets of final states, cuts and deadlocks.

``VERIFIER_AGREEMENT=20000 pytest tests/properties`` runs so many programs instead of a few.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.properties.programs import describe, random_test
from verifier.explore import explore
from verifier.program.unroll import unroll
from verifier.solve import decide

T = TypeVar("T")
KINDS = ("plain", "mmu", "ipi", "all")
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
        note(model)
        note(describe(program))
        explored = explore(program, model=model, limit_states=LIMIT)
        if not explored.complete:
            return
        decided = decide(program, model=model, want_states=True)
        assert decided.states is not None, decided.reason
        solved = set(decided.states)
        note(f"only the explorer: {explored.shown - solved}; only Z3: {solved - explored.shown}")
        assert explored.shown == solved
        assert explored.cut == decided.cut
        # A run that was cut may have gone on, so no deadlock is certain beside one.
        assert explored.cut or explored.deadlock == decided.deadlock
        compared += 1

    agree()
    assert compared > EXAMPLES // len(KINDS) // 2
