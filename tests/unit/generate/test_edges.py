"""The table of edges, and the names that choose from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.errors import UsageError
from verifier.generate.edges import DEFAULTS, LANGUAGES, MEETINGS, STEP_KINDS, edges, every, table
from verifier.model.rules import rules

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_page_has_the_table() -> None:
    assert table() in (DOCS / "generate.md").read_text()


def test_the_rules_exist() -> None:
    known = set(rules())
    for row in (*STEP_KINDS, *MEETINGS):
        assert set(row.rules) <= known, row.name


def names(*asked: str, language: str = "X86") -> list[str]:
    return [e.name for e in edges(asked, language)]


def test_types_may_be_left_open() -> None:
    assert names("Pod*W", "Wse") == ["Coe", "PodRW", "PodWW"]
    assert names("PodXX") == ["PodXX"]
    assert names("MFenced") == [f"MFenced{a}{b}" for a in "RW" for b in "RW"]
    assert names("MFenced", "FreRX")[1:] == [f"MFenced{a}{b}" for a in "RWX" for b in "RWX"]
    assert names("DpAddrd", "DpDatadW", language="C") == ["DpAddrdR", "DpAddrdW", "DpDatadW"]
    assert names("Rfe") == ["Rfe"] and names("Rfe**") == ["RfeWX", "RfeXR", "RfeXX"]
    assert names("Invlpgd", language="MM") == ["InvlpgdRT", "InvlpgdWT", "InvlpgdTT"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_defaults_exist(language: str) -> None:
    found = edges(DEFAULTS[language], language)
    assert set(found) <= set(every(language)) and len(found) > 10


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("MFencdWR", "did you mean 'MFencedWR'"),
        ("PodWT", "it takes --language MM"),
        ("PodWZ", "Pod leads from R, W, X to R, W, X"),
        ("DpAddrdZ", "DpAddrd leads from R to R, W"),
        ("DpCtrldW", "it takes --language MM"),
        ("Rfw", "it takes --language MM"),
        ("nonsense", "docs/generate.md"),
    ],
)
def test_bad_names(name: str, what: str) -> None:
    with pytest.raises(UsageError, match=what.replace("*", r"\*")):
        edges([name], "X86")
