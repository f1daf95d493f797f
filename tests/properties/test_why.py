"""Random programs: what leaving out a part changes, by the engine, and by the explorer on what is left.

``python -m tests.properties.test_why FIRST LAST`` runs the programs of these seeds.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from itertools import count, cycle

import pytest

from tests.effort import EFFORT, times
from tests.properties.programs import drawing, random_test
from verifier import explore
from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.lower.code import Emit, Instruction, Lowered
from verifier.lower.optional import given, optional
from verifier.lower.unroll import unroll
from verifier.model import model
from verifier.program.expressions import TRUE
from verifier.program.profiles import GENERIC
from verifier.source import Source, Span
from verifier.why.engine import Engine

KINDS = ("plain", "mmu", "ipi", "all", "rcu")
STATES = 20_000 if EFFORT > 1 else 4_000
FAST, SLOW = 5, times(5)


def placed(test: Lowered) -> Lowered:
    """The same test, in which every instruction has a place."""
    source, places = Source("random", " " * 10_000), count()

    def code(body: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
        return tuple(emit(x) if isinstance(x, Emit) else x for x in body)

    def emit(x: Emit) -> Emit:
        at = next(places)
        targets = tuple(t._replace(code=code(t.code)) for t in x.targets)
        return x._replace(span=Span(source, at, at + 1), targets=targets)

    return replace(
        test,
        threads=[code(body) for body in test.threads],
        nmis=[(cpu, code(body)) for cpu, body in test.nmis],
        pending=[p._replace(code=code(p.code)) for p in test.pending],
        condition=TRUE,
        filter=None,
    )


def check(seed: int, kind: str) -> Counter[str]:
    """Leave out each part of a random program; how many there were of each kind."""
    code, parts = optional(placed(random_test(drawing(seed), kind)))
    found = Counter[str]()

    def states(present: set[str]) -> set[object] | None:
        answer = explore.decide(unroll(given(code, present), 1), want_states=True, limit_states=STATES)
        return None if answer.states is None else set(answer.states)

    names = {p.name for p in parts}
    all_there = states(names)
    if all_there is None:
        return found
    try:
        with Engine(unroll(code, 1), parts, model(GENERIC), budget=Budget(20)) as engine:
            assert engine.possible(parts) == bool(all_there)
            changing = engine.changing(parts, parts, STATES)
            if changing is None:
                return found
            for part in parts:
                less = states(names - {part.name})
                if less is not None:
                    changes = part in changing
                    assert changes == bool(less - all_there), (seed, kind, part)
                    found[part.kind] += 1
                    found["changes"] += changes
    except LimitError:
        return found
    return found


def several(seeds: range) -> None:
    """Check many programs; a good part of the questions has to be asked, and to have either answer."""
    found = sum((check(seed, kind) for seed, kind in zip(seeds, cycle(KINDS), strict=False)), Counter[str]())
    changes = found.pop("changes")
    assert found.total() > len(seeds) and 0 < changes < found.total()


@pytest.mark.long
def test_a_few() -> None:
    several(range(FAST))


@pytest.mark.long
@pytest.mark.parametrize("part", range(1))
def test_many(part: int) -> None:
    several(range(1000 + part * SLOW, 1000 + (part + 1) * SLOW))


if __name__ == "__main__":
    asked = Counter[str]()
    for seed, kind in zip(range(int(sys.argv[1]), int(sys.argv[2])), cycle(KINDS), strict=False):
        asked += check(seed, kind)
    print(asked)
