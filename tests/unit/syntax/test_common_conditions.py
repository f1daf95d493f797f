"""What the most common conditions mean is read without a tree; the grammar gives the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from verifier.source import Source, Span
from verifier.syntax.condition import Builder
from verifier.syntax.grammars import Unparsed, tree_of

CLASSIC = sorted(Path(__file__).resolve().parents[3].glob("litmus/classic/*.litmus"))


def told(x: Any) -> Any:
    """All that a part of a condition says, places included; ``Span`` compares no sources."""
    if isinstance(x, Span):
        return x.start, x.end
    if isinstance(x, tuple):
        return type(x).__name__, *map(told, x)
    return x


def by_grammar(text: str) -> Any:
    return Builder(Source("c.litmus", text)).final(tree_of(text, "condition", start="final"))


def by_form(text: str) -> Any:
    return Builder(Source("c.litmus", text)).common(text)


@pytest.mark.parametrize(
    "text",
    [
        "exists (x=1)",
        "exists x = 1",
        "exists([x]=1)",
        "\n\n  ~exists ( 0:EAX = 0 /\\ 1:EBX == -3 && [ y ]=2 )\n",
        "forall x=1 /\\ y=2",
        "forall [x]=1",
        "locations [x;]exists x=1",
        "locations [ x; 1:rax ; y ]\nexists (existsx=1 /\\ forall=2)",
    ],
)
def test_a_common_form_is_read_as_by_the_grammar(text: str) -> None:
    assert told(by_form(text)) == told(by_grammar(text))


@pytest.mark.parametrize(
    "text",
    [
        "exists (x=1 \\/ y=1)",
        "exists (x=1);",
        "exists x=1 /\\ ~(y=1)",
        "exists (x=y)",
        "exists ((x=1))",
        "exists (x=1 /\\)",
        "exists (x=1",
        "exists x=1)",
        "exists (x=0x1)",
        "exists (0:x=1a)",
        "existsx=1",
        "final x=1",
        "locations [int x;] exists (x=1)",
        "filter x=1 exists (x=1)",
        "locations [x;]",
        "",
    ],
)
def test_any_other_form_is_left_to_the_grammar(text: str) -> None:
    assert by_form(text) is None


def test_most_tests_have_a_common_form() -> None:
    """Else the pattern has a fault that no other test would show."""
    known = 0
    for path in CLASSIC:
        text = path.read_text()
        at = max(text.rfind(word) for word in ("exists", "forall"))
        at = at - 1 if text[at - 1 : at] == "~" else at
        try:
            wanted = told(by_grammar(text[at:]))
        except Unparsed:
            continue
        found = by_form(text[at:])
        if found is not None:
            known += 1
            assert told(found) == wanted, path
    assert known > len(CLASSIC) / 2
