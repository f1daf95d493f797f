"""Generated tests against the theory, by both judges.

A critical cycle violates sequential consistency, and the condition of its test is true in one candidate
execution. On x86-TSO this execution is possible if and only if some step of the cycle is from a write to a
read, none of which is an XCHG, and neither MFENCE nor a LOCK'd operation stands between the two (Shasha and
Snir, TOPLAS 1988; Alglave, Maranget, Tautschnig, TOPLAS 2014). ``VERIFIER_EFFORT=75
pytest tests/properties/test_theory.py`` tries 3,000 tests in each language.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.effort import times
from verifier import explore, solve
from verifier.generate.cycles import Cycle, Necklaces
from verifier.generate.edges import MEETINGS, STEP_KINDS, edges
from verifier.generate.names import placed
from verifier.generate.texts import written
from verifier.lower.build import build
from verifier.program.events import Program
from verifier.program.profiles import PROFILES
from verifier.source import Source
from verifier.syntax import load

COUNT = times(20)
FENCES = ("MFenced", "Locked")
EXCHANGES = ("RfeWX", "RfeXR", "RfeXX", "FreRX", "CoeXW")
PLAIN = ("Rfe", "Fre", "Coe", *EXCHANGES, "Pod", "MFenced", "LFenced", "SFenced", "Locked")
DEPENDENT = (*PLAIN, "DpAddrd", "DpDatad", "DpCtrld")
EVERY = tuple(row.name for row in (*STEP_KINDS, *MEETINGS))


def sample(names: tuple[str, ...], language: str, seed: int, size: int, cpus: int) -> Iterator[Cycle]:
    return Necklaces(edges(names, language), size, cpus).sample(COUNT, seed)


def program(cycle: Cycle, language: str) -> Program:
    place = placed(cycle)
    (test,) = load(Source(place.name, written(place, language)))
    assert not test.warnings
    return build(test)


def relaxed(cycle: Cycle) -> bool:
    """Has the cycle a step that x86-TSO does not keep?"""
    return any((b.step.source, b.step.target) == ("W", "R") and b.step.kind.name not in FENCES for b in cycle)


@pytest.mark.long
@pytest.mark.parametrize(
    ("language", "names", "seed"), [("X86", PLAIN, 1), ("C", DEPENDENT, 2), ("MM", DEPENDENT, 5)]
)
def test_a_cycle_is_possible_if_a_store_may_pass_a_load(
    language: str, names: tuple[str, ...], seed: int
) -> None:
    kinds = set[bool]()
    for cycle in sample(names, language, seed, 8, 5):
        made, name = program(cycle, language), placed(cycle).name
        expected = relaxed(cycle)
        kinds.add(expected)
        assert bool(solve.decide(made, witnesses=False).reachable) == expected, name
        assert not solve.decide(made, model="sc", witnesses=False).reachable, name
        second = explore.decide(made, witnesses=False, limit_states=20_000)
        assert second.reachable is None or bool(second.reachable) == expected, name
    assert kinds == {True, False}


@pytest.mark.long
def test_the_judges_agree_about_cycles_with_walks() -> None:
    kinds, explored = set[bool](), 0
    for number, cycle in enumerate(sample(EVERY, "MM", 4, 6, 4)):
        made, name = program(cycle, "MM"), placed(cycle).name
        switches = PROFILES[list(PROFILES)[number % len(PROFILES)]]
        first = solve.decide(made, switches=switches, witnesses=False)
        second = explore.decide(made, switches=switches, witnesses=False, limit_states=20_000)
        assert first.reachable is not None
        kinds.add(bool(first.reachable))
        if second.reachable is not None:
            assert bool(first.reachable) == bool(second.reachable), name
            explored += 1
    assert kinds == {True, False} and explored > COUNT // 2


@pytest.mark.skipif(shutil.which("herd7") is None, reason="herd7 is not on PATH")
@pytest.mark.parametrize("which", ["small", "sample"])
def test_herd7_says_the_same(which: str, tmp_path: Path) -> None:
    """Of all cycles of up to four edges, and of a sample of larger ones."""
    expected: dict[str, bool] = {}
    small = Necklaces(edges(PLAIN, "X86"), 4, 4)
    for cycle in small if which == "small" else sample(PLAIN, "X86", 5, 8, 5):
        place = placed(cycle)
        (tmp_path / f"{place.name}.litmus").write_text(written(place, "X86"))
        expected[place.name] = relaxed(cycle)
    (tmp_path / "@all").write_text("\n".join(f"{name}.litmus" for name in expected) + "\n")
    out = subprocess.run(["herd7", "@all"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    found = {
        name: word != "Never" for name, word in re.findall(r"^Observation (\S+) (\w+)", out, re.MULTILINE)
    }
    assert found == expected
