"""The engine's answers against both judges: with all parts, and without each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

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
    """Compare every question that both can be asked; how many of each kind."""
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
            answer = explore.decide(less, witnesses=False, budget=Budget(2))
            if answer.reachable is not None:
                others = [p for p in parts if p is not part]
                assert engine.possible(others, [part]) == answer.reachable, (test.id, part)
                found[part.kind] += 1
    return found


@pytest.mark.parametrize(
    "name", ["classic/SB.litmus", "mmu/8.8-window.litmus", "mmu/5.6-switch.litmus", "mmu/8.2-waits.litmus"]
)
def test_some_files(name: str) -> None:
    assert sum((agrees(test) for test in files_tests(ROOT / "litmus" / name)), Counter[str]())["all"]


@pytest.mark.slow
@pytest.mark.parametrize("folder", SLOW)
def test_folders(folder: str) -> None:
    files = sorted((ROOT / "litmus" / folder).rglob("*.litmus"))
    found = sum((agrees(test) for path in files for test in files_tests(path)), Counter[str]())
    assert found["all"] and found.total() > 2 * found["all"]
