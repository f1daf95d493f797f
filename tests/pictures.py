"""Pictures of tests, and what is to be true of all of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree

import verifier
from verifier.picture.cycles import cycle_pictures
from verifier.picture.layout import FONT, NOTE_FONT, Layout, layout
from verifier.picture.parts import Picture
from verifier.picture.runs import run_picture
from verifier.picture.svg import svg
from verifier.picture.texts import width
from verifier.program.trace import Trace
from verifier.render.story import rows, runs
from verifier.results import Verdict
from verifier.syntax.test import Test

LITMUS = Path(__file__).resolve().parents[1] / "litmus"

Box = tuple[str, float, float, float, float]  # its name, left, top, right, bottom


def load(path: str, variant: str | None = None) -> Test:
    """A test of litmus/."""
    return next(t for t in verifier.load(LITMUS / path) if t.variant == variant)


def pictures(test: Test, timeout: float = 60.0) -> Iterator[Picture]:
    """All pictures of a test: of its runs, and of its cycles; each is looked over."""
    verdict = verifier.check(test, timeout=timeout)
    for trace in runs(verdict):
        picture = run_picture(verdict, trace)
        look_over_run(verdict, trace, picture)
        look_over(picture)
        yield picture
    for cycle in cycle_pictures(verifier.explain(test, timeout=timeout, reasons=1)):
        assert len(cycle.picture.nodes) == len(cycle.picture.edges) == len(cycle.closed.links)
        look_over(cycle.picture)
        yield cycle.picture


def look_over_run(verdict: Verdict, trace: Trace, picture: Picture) -> None:
    """Each row of the story has its node, in its order, and no node is of no row."""
    story = [n for n in picture.nodes if n.step is not None]
    assert [n.step for n in story] == list(range(len(rows(verdict, trace))))
    assert [n.matters for n in story] == [row.matters for row in rows(verdict, trace)]
    steps = len(trace.steps)
    for arc in trace.arcs:
        assert 0 <= arc.first < steps and 0 <= arc.second < steps, arc
        assert trace.steps[arc.first] != trace.steps[arc.second]
    for s in trace.standing:
        assert s.uses and all(0 <= n < steps for n in (*s.uses, *s.left, s.since or 0, s.until or 0)), s


def look_over(picture: Picture) -> None:
    """Nothing covers anything; every edge's ends are there; the text is well-formed."""
    placed = layout(picture)
    named = [*boxes(placed), *labels(placed)]
    for a, b in combinations([*named, *bars(placed)], 2):
        assert _apart(a, b), f"{picture.title}: {a} covers {b}"
    for name, left, top, right, bottom in named:
        assert 0 <= left < right <= placed.width and 0 <= top < bottom <= placed.height, (
            f"{picture.title}: {name}"
        )
    for edge in placed.edges:
        first, second = placed.nodes[edge.edge.first], placed.nodes[edge.edge.second]
        for (x, y), node in ((edge.points[0], first), (edge.points[-1], second)):
            assert x in (node.x, node.x + node.w) or y in (node.y, node.y + node.h), edge
            assert node.x <= x <= node.x + node.w and node.y <= y <= node.y + node.h, edge
        for (ax, ay), (bx, by) in pairwise(edge.points):
            assert ax == bx or ay == by, edge
            line: Box = ("", min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
            for box in boxes(placed):
                assert _apart(line, box, 0), f"{picture.title}: {edge.edge} goes over {box}"
    for p in placed.nodes:
        assert width(p.text, FONT) <= p.w and all(width(n, NOTE_FONT) <= p.w for n in p.notes), p
    ElementTree.fromstring(svg(picture))


def boxes(placed: Layout) -> list[Box]:
    """The boxes of nodes."""
    return [(f"{p.node.step}. {p.text}", p.x, p.y, p.x + p.w, p.y + p.h) for p in placed.nodes]


def labels(placed: Layout) -> list[Box]:
    """The labels of edges, and of spokes."""
    found = [
        (f"{p.edge.label} at {p.edge.second}", p.x, p.y - 8, p.x + width(p.edge.label, NOTE_FONT), p.y + 2)
        for p in placed.edges
        if p.edge.label
    ]
    for bar in placed.bars:
        said = [s for s in bar.spokes if s.label and s.kind in ("uses", "removes", "misses")]
        found += [(s.kind, s.label, s.y - 12, s.label + width(s.kind, NOTE_FONT), s.y - 2) for s in said]
    return found


def bars(placed: Layout) -> list[Box]:
    """What lasts."""
    return [(bar.bar.full, bar.x - 3, bar.top, bar.x + 3, bar.bottom) for bar in placed.bars]


def _apart(a: Box, b: Box, gap: float = 0.0) -> bool:
    """Have two rectangles no point in common but on their edges?"""
    return a[3] <= b[1] + gap or b[3] <= a[1] + gap or a[4] <= b[2] + gap or b[4] <= a[2] + gap
