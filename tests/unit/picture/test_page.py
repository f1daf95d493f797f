"""Pages: each step of a story has a row, a line and a node that find each other; texts stay texts."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

import verifier
from tests.pictures import LITMUS, load
from verifier.picture.page import anchor, cited, document, listing, page, section
from verifier.source import Source
from verifier.syntax import load as parsed


class _Reader(HTMLParser):
    """Collects elements; complains about what is not closed."""

    VOID = frozenset({"meta", "br", "input", "path", "rect", "circle"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
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

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

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


HOSTILE = """MM </script><b>x
"\\"quoted\\" & <i>it</i> </title></style>--> \u202e\u2066"
{ int x = 0; int y = 0; }
P0 { WRITE_ONCE(x, 1);   // </script><script>alert(1)</script> ' " &amp; ünïcödé 日本 \u202egnp
     r1 = READ_ONCE(y); }
P1 { WRITE_ONCE(y, 1); r2 = READ_ONCE(x); }
variants { A sometimes "<img src=x onerror=alert(1)> \u2066"; }
exists (0:r1 = 0 /\\ 1:r2 = 0)
"""


def test_texts_stay_texts() -> None:
    """Names and comments that look like markup, or turn the direction of writing."""
    name = "<script>alert(1)<b>'\".litmus"
    text = HOSTILE.replace("MM </script><b>x", "MM hostile").replace('\\"', "'")
    (test,) = parsed(Source(name, text))
    verdict = verifier.check(test)
    made = page(verdict)
    read = _Reader(made)
    assert [tag for tag, _ in read.elements].count("script") == 1
    assert not {"i", "img"} & {tag for tag, _ in read.elements}
    assert not any(key.startswith("on") for _, attrs in read.elements for key in attrs)
    assert "\u202e" not in made and "\u2066" not in made and "\\u202e" in made
    assert "ünïcödé 日本" in made
    said = "".join(read.texts)
    assert name in said and "</script><script>alert(1)</script> ' \" &amp; " in said
    assert "<img src=x onerror=alert(1)> \\u2066" in said


def test_an_explanation_on_a_page() -> None:
    explanation = verifier.explain(load("linux/switch_mm-vs-flush.litmus", "F"), reasons=1)
    read = _Reader(page(explanation.verdict, explanation))
    cycles = [cycle for reason in explanation.reasons for cycle in reason.cycles]
    steps = Counter(e["data-step"] for e in read.having("data-step"))
    assert sum(len(c.links) for c in cycles) == len(steps) and set(steps.values()) == {2}
    said = " ".join("".join(read.texts).split())
    for cycle in cycles:
        assert all(f"before: {link.why}" in said for link in cycle.links)
    assert "smp.inc" in said and "/* Pairs with smp_mb() (line 22). */" in said


def test_a_part_on_no_cycle_is_named() -> None:
    test = load("linux/gup-fast/table-free.litmus", "F")
    found = verifier.explain(test)
    told = section(found.verdict, found)
    assert "is on no cycle: without it, some runs would close none." in told


def test_the_sentences_of_a_section_can_be_told_in_another_way() -> None:
    test = load("linux/switch_mm-vs-flush.litmus", "B1")
    heard: list[str] = []

    def told(text: str) -> str:
        heard.append(text)
        return "SAID"

    (plain, other) = (section(verifier.check(test), head=head, told=told) for head in (True, False))
    assert "goes to the store buffer [1.2]" in heard and "[1.2]" not in plain.split("<svg")[0]
    assert '<h2 class="v-head' in plain and '<h2 class="v-head' not in other


def test_included_lines_are_shown() -> None:
    verdict = verifier.check(load("linux/gup-fast/table-free.litmus", "B1"))
    files = {source.name.rpartition("/")[2]: lines for source, lines in cited(verdict)}
    assert files["gup.inc"] == {10, 13}
    part = listing(*next((s, ls) for s, ls in cited(verdict) if s.name.endswith("gup.inc")))
    numbers = [int(e["value"]) for e in _Reader(part).having("value")]
    assert numbers == list(range(6, 18))


def test_lines_can_be_elsewhere() -> None:
    """A report has its sources on other pages."""
    verdict = verifier.check(load("classic/SB.litmus"))
    read = _Reader(section(verdict, href=lambda span: f"other.html#{anchor(span.source, span.line)}"))
    places = {e["href"] for e in read.having("href")}
    source = verdict.test.source
    assert places == {f"other.html#{anchor(source, 7)}", f"other.html#{anchor(source, 8)}"}
    assert anchor(Source("elsewhere/SB.litmus", source.text), 7) == anchor(source, 7)


def test_notebooks_show_pages() -> None:
    test = load("classic/MP.litmus")
    for answer in (verifier.check(test), verifier.explain(test)):
        made = answer._repr_html_()
        assert made is not None
        frame = _Reader(made).having("srcdoc")[0]
        assert frame["srcdoc"].startswith("<!DOCTYPE html>") and "MP" in frame["srcdoc"]
        assert frame["sandbox"] == "allow-scripts"
    assert "cannot" not in (verifier.check(test)._repr_html_() or "")
