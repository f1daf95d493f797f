"""The exact pictures of some tests; ``--update-golden`` draws them anew."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import verifier
from tests.pictures import load
from verifier.cli import main
from verifier.picture.parts import Picture, PictureEdge, PictureNode
from verifier.picture.svg import DASHES, MEANINGS, STYLE, svg
from verifier.render.dot import dot

HERE = Path(__file__).resolve().parent
LITMUS = HERE.parents[2] / "litmus"

CASES = {
    "store-buffers": "classic/SB.litmus",
    "message-passing": "classic/MP.litmus",
    "stale-tlb": "linux/switch_mm-vs-flush.litmus::B1",
    "barriers-needed": "linux/switch_mm-vs-flush.litmus::F",
    "interrupt": "linux/gup-fast/table-free.litmus::B1",
    "hang": "hangs/abba-mmap-sem.litmus::B",
    "int3": "linux/code-patching/int3.litmus::B1",
}


@pytest.mark.parametrize("name", CASES)
def test_pictures(name: str, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> None:
    assert main(["show", "--svg", str(LITMUS / CASES[name])]) == 0
    text = capsys.readouterr().out
    path = HERE / "golden" / f"{name}.svg"
    if request.config.getoption("--update-golden"):
        path.write_text(text)
    assert path.read_text() == text


def test_no_colour_is_needed() -> None:
    """Edges of different kinds differ in dashes or width, and each has its name beside it; a node that
    matters has a heavier frame and a star."""
    plain = [kind for kind in MEANINGS if kind not in ("IPI", "call", "NMI", "callback", "order", "data")]
    assert len({DASHES[kind] for kind in plain}) == len(plain)
    heavy = set(re.findall(r"\.vp \.(\w+) path(?=[^}]*stroke-width)", STYLE))
    assert heavy == {"IPI", "call", "NMI", "callback", "need"}
    nodes = (
        PictureNode(0, "code", "statement", "x = 1", matters=True, step=0),
        PictureNode(1, "code", "statement", "r1 = x", step=1),
    )
    edges = tuple(PictureEdge(kind, 0, 1, f"{kind} x", "") for kind in MEANINGS)
    root = ElementTree.fromstring(svg(Picture("all kinds", "", (0, 1), nodes, edges)))
    said = ["".join(e.itertext()) for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {f"{kind} x" for kind in MEANINGS} <= set(said)
    assert "1*" in said and "2" in said
    assert set(MEANINGS.values()) <= set(said), "the legend explains all"


def test_both_schemes_colour_the_same_things() -> None:
    """What has a colour on white paper has one on a dark screen, too."""
    light, dark = STYLE.split("@media screen and (prefers-color-scheme:dark)")
    coloured = re.compile(r"^(\.vp [^{]+)\{[^}]*(?:fill|stroke):#", re.MULTILINE)
    for part in (
        "text",
        ".n",
        ".paper",
        ".band",
        ".life",
        ".b",
        ".processor .b",
        ".stop .b",
        ".rf path",
        ".bar",
    ):
        for text in (light, dark):
            assert any(f".vp {part}" in selector for selector in coloured.findall(text)), part


def test_it_says_what_it_shows() -> None:
    verdict = verifier.check(load("classic/SB.litmus"))
    assert verdict.witness is not None
    from verifier.picture.runs import run_picture

    root = ElementTree.fromstring(svg(run_picture(verdict, verdict.witness)))
    space = "{http://www.w3.org/2000/svg}"
    named = root.attrib["aria-labelledby"].split()
    texts = {e.attrib["id"]: e.text or "" for e in root if "id" in e.attrib}
    assert root.attrib["role"] == "img" and [root.find(f"{space}title"), root.find(f"{space}desc")]
    assert "SB: a run in which it holds" in texts[named[0]] and "takes effect before" in texts[named[1]]
    assert "6 steps" not in texts[named[1]] and "5 steps" in texts[named[1]]
    groups = [g for g in root.iter(f"{space}g") if g.find(f"{space}title") is not None]
    assert any("MOV EAX,[y]" in (g.findtext(f"{space}title") or "") for g in groups)


def test_long_statements_keep_their_whole_text() -> None:
    long = "smp_call_function_many(mm_cpumask(mm), do_flush_tlb_and_more, &info, 1)"
    node = PictureNode(0, "code", "statement", long, full=f"1. CPU 0 {long}", step=0)
    text = svg(Picture("long", "", (0,), (node,)))
    assert f"<title>1. CPU 0 {long.replace('&', '&amp;')}</title>" in text
    assert f">{long.replace('&', '&amp;')}</text>" not in text and "…</text>" in text


def test_graphs_have_the_edges_of_the_execution() -> None:
    """Two stores write the same value, and only one of them is read: values do not say which."""
    from verifier.source import Source
    from verifier.syntax import load as tests

    text = """MM same-value
{ int x = 0; int y = 0; }
P0 { WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); }
P1 { r1 = READ_ONCE(y); smp_mb(); r2 = READ_ONCE(x); WRITE_ONCE(x, 1); }
exists (1:r1 = 1 /\\ 1:r2 = 1)
"""
    verdict = verifier.check(next(iter(tests(Source("same.litmus", text)))))
    assert verdict.witness is not None
    graph = dot(verdict, verdict.witness)
    steps = verdict.witness.steps
    arcs = [(a.kind, a.what) for a in verdict.witness.arcs if a.kind == "rf"]
    assert arcs == [("rf", ("x",)), ("rf", ("y",))]
    for arc in verdict.witness.arcs:
        assert f"s{arc.first} -> s{arc.second} [label={arc.kind}" in graph
    assert all(
        steps[a.first].cpu == 0 and steps[a.second].cpu == 1 for a in verdict.witness.arcs if a.kind == "rf"
    )
