"""Every rule is nailed: without it, the verdict of some litmus test changes.

``nails.json`` names the test for each rule, table row and switch; ``pytest tests/nailed
--update-golden`` searches for these tests again (half a minute).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.mutants import Mutant, covers, observation, roles, rules, settings
from verifier.lower.build import build
from verifier.model import model
from verifier.program.events import Program
from verifier.program.profiles import GENERIC, Switches
from verifier.suite.discover import discover
from verifier.suite.load import load_task
from verifier.suite.options import Options

ROOT = Path(__file__).resolve().parents[2]
NAILS = Path(__file__).with_name("nails.json")
MUTANTS = [*rules(), *roles(), *covers(), *settings()]


def programs(*paths: str) -> Iterator[tuple[str, Program]]:
    """The programs of all tests below some paths, by id."""
    for task in discover(str(ROOT / p) for p in paths):
        for test in load_task(task, Options()):
            name = str(Path(task.name).relative_to(ROOT))
            yield f"{name}::{test.variant}" if test.variant else name, build(test)


@cache
def corpus() -> dict[str, Program]:
    """All tests that may nail a rule."""
    return dict(programs("litmus/mmu", "litmus/words", "litmus/rcu", "litmus/linux", "litmus/classic"))


@cache
def of_file(path: str) -> dict[str, Program]:
    """The tests of a file."""
    return dict(programs(path))


def named(name: str) -> Program:
    """A test of the corpus."""
    return of_file(name.partition("::")[0])[name]


@cache
def before(switches: Switches, name: str) -> tuple[bool, bool]:
    """The observation of a test under the whole model."""
    return observation(named(name), model(switches))


def flips(mutant: Mutant, name: str) -> bool:
    """Does the mutant change the observation of the test?"""
    # A mutant of a switch sets another value; all others only take something away.
    switches = GENERIC if mutant.kind == "switch" else mutant.switches
    whole = before(switches, name)
    with mutant.applied():
        return observation(named(name), mutant.model()) != whole


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_nailed(mutant: Mutant, request: pytest.FixtureRequest) -> None:
    nails: dict[str, str] = json.loads(NAILS.read_text()) if NAILS.exists() else {}
    if request.config.getoption("--update-golden"):
        found = next((name for name in corpus() if flips(mutant, name)), None)
        nails.pop(str(mutant), None)
        nails |= {} if found is None else {str(mutant): found}
        NAILS.write_text(json.dumps(nails, indent=1, sort_keys=True) + "\n")
    assert str(mutant) in nails, "no test depends on this"
    assert flips(mutant, nails[str(mutant)]), f"{nails[str(mutant)]} does not depend on this"


def test_no_nail_is_left_over() -> None:
    assert set(json.loads(NAILS.read_text())) == {str(m) for m in MUTANTS}
