"""Pages: each step of a story has a row, a line and a node that find each other; texts stay texts."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

import verifier
from verifier.picture.page import document, listing, page, section
from verifier.syntax.test import Test

LITMUS = Path(__file__).resolve().parents[3] / "litmus"


def load(path: str, variant: str | None = None) -> Test:
    return next(t for t in verifier.load(LITMUS / path) if t.variant == variant)


class _Reader(HTMLParser):
    """Collects elements; complains about what is not closed."""

    VOID = frozenset({"meta", "br", "input", "path", "rect", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def having(self, name: str) -> list[dict[str, str]]:
        return [attrs for _, attrs in self.elements if name in attrs]


@pytest.mark.parametrize(
    ("path", "variant"), [("classic/SB.litmus", None), ("linux/gup-fast/table-free.litmus", "B1")]
)
def test_steps_lines_and_nodes_find_each_other(path: str, variant: str | None) -> None:
    read = _Reader(page(verifier.check(load(path, variant))))
    lines = {e["data-line"] for e in read.having("data-line")}
    rows = read.having("data-at")
    assert rows
    steps = Counter(e["data-step"] for e in read.having("data-step"))
    for row in rows:
        assert set(row["data-at"].split()) <= lines
        assert steps[row["data-step"]] == 2, "a row of the story and a node of the picture"
    assert steps.keys() == {row["data-step"] for row in rows}


def test_sections_share_a_page() -> None:
    tests = verifier.load(LITMUS / "linux/switch_mm-vs-flush.litmus")[:2]
    parts = [section(verifier.check(t), prefix=f"v{n}") for n, t in enumerate(tests)]
    read = _Reader(document("several", listing(tests[0].source) + "".join(parts)))
    ids = Counter(e["id"] for e in read.having("id"))
    assert {name: n for name, n in ids.items() if n > 1} == {}
    names = [n for e in read.having("aria-labelledby") for n in e["aria-labelledby"].split()]
    assert names and ids.keys() >= set(names)


def test_a_page_needs_nothing_else() -> None:
    text = page(verifier.check(load("classic/SB.litmus")))
    assert "default-src 'none'" in text
    assert not re.search(
        r"(?:src|href)=[\"'](?!#)|url\(|@import|eval\(|https?://(?!www\.w3\.org/2000/svg)", text
    )
