"""Compares both judges with final states that other tools found; ``data/`` has a sample of them.

``VERIFIER_FIGURES=DIR`` names a directory with complete files of the same names and shape.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from verifier import explore
from verifier.lower.build import build
from verifier.program.states import state_line
from verifier.solve import decide
from verifier.source import Source
from verifier.syntax import load

DATA = Path(os.environ.get("VERIFIER_FIGURES") or Path(__file__).with_name("data"))
FILES = ("x86-tso.jsonl", "c-on-tso.jsonl")
PARTS = 8


@dataclass(frozen=True)
class Row:
    """A test's text, its condition as herd7 prints it, and all its final states."""

    name: str
    group: str
    litmus: str
    condition: str
    states: tuple[str, ...]
    by_rules: tuple[str, ...] | None = None  # herd7's under ``data/rules.cat``, if they differ

    @property
    def ordered(self) -> bool:
        """Has it instructions that the model of herd7 orders more than x86 does?

        There LFENCE, SFENCE and CLFLUSH order a store before a later load, and MOVNTI is like any other store
        (docs/rules.md, 2.4, 2.5, 2.6; SDM 8.2.5 and vol. 2).
        """
        return any(word in self.litmus.lower() for word in ("lfence", "sfence", "clflush", "movnti"))

    @property
    def expected(self) -> tuple[str, ...]:
        """The final states that the rules allow."""
        if not self.ordered or "VERIFIER_FIGURES" not in os.environ:
            return self.by_rules or self.states
        found = herd7_states(self.litmus)  # other data may not have them
        assert found is not None, "herd7 has to be on PATH, for the tests with fences and MOVNTI"
        return found


def herd7_states(text: str) -> tuple[str, ...] | None:
    """What herd7 finds under ``data/rules.cat``; None if it is not on ``PATH``."""
    if shutil.which("herd7") is None:
        return None
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "t.litmus"
        path.write_text(text)
        command = ["herd7", "-model", str(Path(__file__).with_name("data") / "rules.cat"), str(path)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    count, _, rest = out.partition("\nStates ")[2].partition("\n")
    return tuple(sorted(line.strip() for line in rest.splitlines()[: int(count)]))


@cache
def rows(name: str) -> list[Row]:
    """The rows of a file."""
    lines = map(json.loads, (DATA / name).read_text(encoding="utf-8").splitlines())
    return [
        Row(
            name=x["name"],
            group=x["group"],
            litmus=x["litmus"],
            condition=x["condition"],
            states=tuple(sorted(x["states"])),
            by_rules=tuple(sorted(x["by_rules"])) if "by_rules" in x else None,
        )
        for x in lines
    ]


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", FILES)
def test_the_same_final_states(name: str, part: int) -> None:
    chosen = rows(name)[part::PARTS]
    assert len(chosen) >= 10
    explored = 0
    for row in chosen:
        (test,) = load(Source(row.name, row.litmus))
        assert f"{test.quantifier} ({test.condition})" == row.condition, row.name
        program = build(test)
        answer = decide(program, want_states=True, witnesses=False)
        assert answer.bad is None and answer.states is not None, row.name
        states = tuple(sorted(state_line(program, s) for s in answer.states))
        assert states == row.expected, row.name
        second = explore.decide(
            program, want_states=True, witnesses=False, limit_states=500 if row.group == "rcu" else 20_000
        )
        if second.states is not None:
            assert set(second.states) == set(answer.states), row.name
            explored += 1
    assert explored > len(chosen) // 2


def test_herd7_has_fewer_states_only_where_it_orders_more() -> None:
    """Where the rules have other states than the model of herd7, they have more."""
    differ = [r for r in rows(FILES[0]) if r.expected != r.states]
    assert differ and all(r.ordered and set(r.expected) > set(r.states) for r in differ)


@pytest.mark.skipif(shutil.which("herd7") is None, reason="herd7 is not on PATH")
def test_the_states_by_the_rules_are_those_of_herd7() -> None:
    """``data/rules.cat`` explains each difference, and it makes no other one."""
    chosen = [r for r in rows(FILES[0]) if r.ordered]
    assert len(chosen) > 20
    for row in chosen:
        assert herd7_states(row.litmus) == (row.by_rules or row.states), row.name


def test_the_figures_are_of_many_kinds() -> None:
    assert {r.group for r in rows(FILES[0])} >= {"cycles", "random"}
    assert {r.group for r in rows(FILES[1])} >= {"plain", "rcu", "lock", "atomic"}
    for name in FILES:
        assert len({len(r.states) for r in rows(name)}) >= 10
