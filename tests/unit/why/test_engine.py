"""The engine's answers against both judges: with all parts, and without each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.effort import share
from verifier import explore, solve
from verifier.budget import Budget
from verifier.lower.build import lower, unrolled
from verifier.lower.optional import optional
from verifier.model import model
from verifier.program.profiles import GENERIC
from verifier.source import Source
from verifier.syntax import load
from verifier.syntax.test import Test
from verifier.why.engine import Engine

ROOT = Path(__file__).parents[3]
SLOW = ("locks", "rcu", "linux/gup-fast")


def files_tests(path: Path) -> list[Test]:
    return load(Source(str(path), path.read_text()))


def agrees(test: Test) -> Counter[str]:
    """Compare every question that a judge can answer; how many of each kind, and how many ``open``."""
    found = Counter[str]()
    code, parts = optional(lower(test, Budget()))
    program = unrolled(test, code)
    ordinary = solve.decide(unrolled(test, lower(test, Budget())), witnesses=False)
    with Engine(program, parts, model(GENERIC)) as engine:
        assert engine.possible(parts) == ordinary.reachable, test.id
        found["all"] += 1
        for part in parts:
            options = {**dict.fromkeys(code.options, 1), part.name: 0}
            less = unrolled(test, replace(code, options=options))
            explored = explore.decide(less, witnesses=False, budget=Budget(2))
            solved = solve.decide(less, witnesses=False, budget=Budget(5))
            answers = {x.reachable for x in (explored, solved)} - {None}
            others = [p for p in parts if p is not part]
            assert answers <= {engine.possible(others, [part])}, (test.id, part)
            found[part.kind if answers else "open"] += 1
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "classic/SB.litmus", "mmu/8.8-window.litmus", "mmu/5.6-switch.litmus", "mmu/8.2-waits.litmus",
        "mmu/20.4-last-turn.litmus",
    ],
)  # fmt: skip
def test_some_files(name: str) -> None:
    assert sum((agrees(test) for test in files_tests(ROOT / "litmus" / name)), Counter[str]())["all"]


LOOPS = """
MM loops
{{ int x; int l; int a; int b; }}
P0 {{
    [BOTH] int old = READ_ONCE(x);
    [BOTH] {first}
    [SPIN] {taken}
    [SPIN] WRITE_ONCE(a, READ_ONCE(a) + 1);
    [SPIN] smp_store_release(&l, 0);
}}
P1 {{
    [BOTH] int old = READ_ONCE(x);
    [BOTH] do {{ }} while (!try_cmpxchg(&x, &old, old + 1));
    [SPIN] while (cmpxchg(&l, 0, 1));
    [SPIN] WRITE_ONCE(a, READ_ONCE(a) + 1);
    [SPIN] smp_store_release(&l, 0);
}}
variants {{ BOTH never; SPIN never; }}
[BOTH] exists (~x = 2)
[SPIN] exists (~a = 2)
"""
LOCKED = {
    "first": "do { } while (!try_cmpxchg(&x, &old, old + 1));",
    "taken": "while (cmpxchg(&l, 0, 1));",
}
PLAIN = {
    "first": "while (1) { r1 = READ_ONCE(x); if (r1 == old) break; old = r1; } WRITE_ONCE(x, old + 1);",
    "taken": "while (READ_ONCE(l)); WRITE_ONCE(l, 1);",
}


def test_a_loop_without_lock_is_the_loop_written_without_it() -> None:
    tests, edited = (load(Source("loops", LOOPS.format(**x))) for x in (LOCKED, PLAIN))
    for test, other in zip(tests, edited, strict=True):
        code, parts = optional(lower(test, Budget()))
        program = unrolled(test, code)
        assert not program.loops, test.id  # none is cut
        by_hand = unrolled(other, lower(other, Budget()))
        answers = {
            solve.decide(by_hand, witnesses=False).reachable,
            explore.decide(by_hand, witnesses=False).reachable,
        }
        (first,) = (p for p in parts if p.kind == "LOCK" and p.cpus == {0})
        with Engine(program, parts, model(GENERIC)) as engine:
            assert not engine.possible(parts)
            assert {engine.possible([p for p in parts if p is not first], [first])} == answers == {True}


@pytest.mark.long
@pytest.mark.parametrize("folder", SLOW)
def test_folders(folder: str) -> None:
    files = share(sorted((ROOT / "litmus" / folder).rglob("*.litmus")), 3)
    found = sum((agrees(test) for path in files for test in files_tests(path)), Counter[str]())
    assert found["all"] and found.total() > 2 * found["all"]
