"""The rules as data: they are complete, citations are right, and docs/rules.md is printed from them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifier.model.rules import reference, rules, tell
from verifier.program.profiles import Switches

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_printed_from_the_data() -> None:
    assert (ROOT / "docs" / "rules.md").read_text() == reference()


def test_every_switch_belongs_to_a_rule() -> None:
    assert {s for r in rules().values() for s in r.switches} == set(Switches._fields)


def test_one_rule() -> None:
    assert tell("5.7").startswith("5.7  MOV CR3")
    with pytest.raises(KeyError):
        tell("99")


SOURCES = sorted((ROOT / "verifier").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_rules_that_are_cited_exist(path: Path) -> None:
    for cited in re.findall(r"MMR ([0-9]+\.[0-9]+)", path.read_text()):
        assert cited in rules(), cited
