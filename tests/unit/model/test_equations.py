"""docs/memory-model.md shows the equations of the code. Only the notation may differ."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from verifier.model.axioms import Rule, model
from verifier.model.candidate import RELATIONS, SETS
from verifier.program.profiles import GENERIC

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "memory-model.md").read_text()
SHOWN = dict(re.findall(r"^(\w+) += (.*?)(?: {2,}.*)?$", PAGE.split("## The models")[1], re.M))
RULES: dict[str, Rule] = {
    rule.name: rule
    for switches in (GENERIC, GENERIC._replace(tlbsync_waits_remote_stores=True))
    for axiom in model(switches).axioms
    for rule in axiom.rules
}
NAMES = sorted(SHOWN.keys() & RULES.keys())


def plain(text: str) -> str:
    """An equation without spaces, brackets, and the candidate's name."""
    return re.sub(r"[\s()]|\bx\.", "", text)


@pytest.mark.parametrize("name", NAMES)
def test_an_equation_is_what_the_page_shows(name: str) -> None:
    source = inspect.getsource(RULES[name].equation)
    lines = dict(re.findall(r"^    (\w+) = (.*)$", source, re.M))  # what an equation names
    code = source.split("    return ")[1]
    for local, meaning in lines.items():
        code = re.sub(rf"\b{local}\b", meaning, code)
    code = re.sub(r"~x\.(\w+)", r"x.\1⁻¹", code).replace("@", ";")
    assert plain(code) == plain(SHOWN[name])


def test_the_page_has_the_equations_that_matter() -> None:
    assert {"ppo", "drain", "drain_nt", "sfence", "icr", "fresh", "fresh_upper", "refetch"} <= set(NAMES)


@pytest.mark.parametrize("name", [*SETS, *RELATIONS])
def test_the_page_explains_every_name(name: str) -> None:
    explained = re.search(rf"^\|[^|]*`{name}`[^|]*\|", PAGE, re.M)
    assert explained
