"""Every rule has a test that cites it: ``rules 2.1, 5.3 - 5.5`` in a file's Source line."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from verifier.model.rules import rules

ROOT = Path(__file__).resolve().parents[3]


@cache
def cited() -> dict[str, list[str]]:
    """rule -> files below litmus/ that cite it."""
    order = list(rules())
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "litmus").rglob("*.litmus")):
        text = path.read_text()
        source = re.search(r"^Source=.*?\brules? ([0-9. ,-]+)", text, re.M)
        numbers = re.findall(r"^Id=MMR-([0-9.]+)", text, re.M)
        for part in (source.group(1) if source else "").split(","):
            first, _, last = (p.strip().rstrip(".") for p in part.partition("-"))
            if first and last:
                numbers += order[order.index(first) : order.index(last) + 1]
            elif first:
                numbers.append(first)
        for number in numbers:
            found.setdefault(number, []).append(path.name)
    return found


@pytest.mark.parametrize("number", rules())
def test_a_file_cites_the_rule(number: str) -> None:
    assert cited().get(number), "write a test that rests on it, and cite it in its Source line"


def test_what_is_cited_exists() -> None:
    assert set(cited()) <= {*rules(), "14"}
