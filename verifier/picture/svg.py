"""A picture as SVG: one text that needs nothing else, readable without colour and on a dark screen."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from verifier.picture.layout import (
    FONT,
    MARGIN,
    NOTE_FONT,
    NUMBERED,
    Layout,
    PlacedBar,
    PlacedColumn,
    PlacedEdge,
    PlacedNode,
    layout,
)
from verifier.picture.parts import EdgeKind, Picture
from verifier.picture.texts import ADVANCE, clean, escaped, width

# Dashes of edges: each kind has its own, so that colour is not needed.
DASHES: dict[EdgeKind, str] = {
    "rf": "", "co": "9 4", "fr": "9 3 2 3", "walk": "2 3", "IPI": "", "call": "", "NMI": "", "callback": "",
    "ack": "6 3", "grace": "12 3 2 3 2 3", "broadcast": "4 2", "order": "", "data": "9 3 2 3",
}  # fmt: skip
MEANINGS: dict[EdgeKind, str] = {
    "rf": "reads from", "co": "is overwritten by", "fr": "reads what is overwritten by",
    "walk": "page walk goes on", "IPI": "sends an interrupt", "call": "calls without an interrupt",
    "NMI": "sends an NMI",
    "callback": "is called back", "ack": "is waited for", "grace": "grace period",
    "broadcast": "INVLPGB takes effect", "order": "the machine keeps this order",
    "data": "the outcome needs this order",
}  # fmt: skip
THICK: tuple[EdgeKind, ...] = ("IPI", "call", "NMI", "callback")
_MONO = "ui-monospace,'DejaVu Sans Mono','Liberation Mono',Menlo,Consolas,monospace"
STYLE = f"""
.vp text{{font:{FONT}px {_MONO};fill:#1b1b1b}}
.vp .t{{font-weight:bold}}
.vp .n,.vp .l,.vp .k{{font-size:{NOTE_FONT}px}}
.vp .n,.vp .k{{fill:#555}}
.vp .paper{{fill:#fff}}
.vp .band{{fill:#f4f5f7}}
.vp .life{{stroke:#c9cdd3;fill:none}}
.vp .b{{fill:#fff;stroke:#70757d}}
.vp .processor .b{{fill:#eef4fb;stroke-dasharray:4 2}}
.vp .interrupt .b,.vp .instant .b{{fill:#f6f1e4}}
.vp .start .b{{fill:#f4f5f7;stroke-dasharray:2 2}}
.vp .stop .b{{fill:#fdecea;stroke:#a02020;stroke-width:2.5;stroke-dasharray:7 3}}
.vp .m .b{{stroke:#1b1b1b;stroke-width:2.5}}
.vp .m .x{{font-weight:bold}}
.vp .e path,.vp .s path{{fill:none;stroke:#3d434b}}
.vp .e .h,.vp .s .h{{fill:#3d434b;stroke:none}}
.vp .e .l{{paint-order:stroke;stroke:#fff;stroke-width:3px}}
.vp .rf path{{stroke:#0a6b35}}.vp .rf .h,.vp .rf .l{{fill:#0a6b35}}
.vp .fr path,.vp .data path{{stroke:#a3281e}}.vp .fr .h,.vp .fr .l,.vp .data .h,.vp .data .l{{fill:#a3281e}}
.vp .co path{{stroke:#1f4fa3}}.vp .co .h,.vp .co .l{{fill:#1f4fa3}}
.vp .IPI path,.vp .call path,.vp .NMI path,.vp .callback path{{stroke-width:2.5}}
.vp .need path{{stroke-width:3}}.vp .need .l{{font-weight:bold}}
.vp .bar{{fill:#c8d6e8;stroke:#70757d}}
.vp .buffer .bar{{fill:#e8dcc0}}
.vp .minor{{display:none}}
@media screen and (prefers-color-scheme:dark){{
.vp text{{fill:#e6e6e6}}
.vp .n,.vp .k{{fill:#a9adb5}}
.vp .paper{{fill:#16181c}}
.vp .band{{fill:#1e2126}}
.vp .life{{stroke:#3a3f47}}
.vp .b{{fill:#16181c;stroke:#8a9099}}
.vp .processor .b{{fill:#1b2735}}
.vp .interrupt .b,.vp .instant .b{{fill:#2b2618}}
.vp .start .b{{fill:#1e2126}}
.vp .stop .b{{fill:#351b1a;stroke:#f08a80}}
.vp .m .b{{stroke:#fff}}
.vp .e path,.vp .s path{{stroke:#b5bac2}}
.vp .e .h,.vp .s .h{{fill:#b5bac2}}
.vp .e .l{{stroke:#16181c}}
.vp .rf path{{stroke:#63c98b}}.vp .rf .h,.vp .rf .l{{fill:#63c98b}}
.vp .fr path,.vp .data path{{stroke:#f08a80}}.vp .fr .h,.vp .fr .l,.vp .data .h,.vp .data .l{{fill:#f08a80}}
.vp .co path{{stroke:#8fb4f5}}.vp .co .h,.vp .co .l{{fill:#8fb4f5}}
.vp .bar{{fill:#2f4560;stroke:#8a9099}}
.vp .buffer .bar{{fill:#57492a}}
}}
"""


def svg(*pictures: Picture, prefix: str = "", alone: bool = True) -> str:
    """Pictures as one SVG, one below another.

    ``alone``   as a file of its own, with its heading and style; else for a page that has ``STYLE``;
    ``prefix``  in front of all its ids, of letters, digits and ``-``. On a page, ``PREFIXN`` in the
                attribute ``data-step`` of a node is step N of the story.
    """
    writers = [_Writer(picture, prefix, alone) for picture in pictures]
    return "\n".join(_lines(writers, prefix, alone)) + "\n"


def _lines(writers: list[_Writer], prefix: str, alone: bool) -> Iterator[str]:
    wide, high = max(w.width for w in writers), sum(w.height for w in writers)
    title = "; ".join(dict.fromkeys(w.picture.title for w in writers))
    role = "img" if alone else "group"  # on a page, its nodes can be pressed
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="vp" role="{role}" width="{wide}" height="{high}"'
        f' viewBox="0 0 {wide} {high}" aria-labelledby="{prefix}title {prefix}desc">'
    )
    yield f'<title id="{prefix}title">{escaped(title)}</title>'
    yield f'<desc id="{prefix}desc">{escaped(" ".join(w.described() for w in writers))}</desc>'
    if alone:
        yield f"<style>{STYLE}</style>"
    yield f'<rect class="paper" width="{wide}" height="{high}"/>'
    y = 0
    for writer in writers:
        if y:
            yield f'<g transform="translate(0 {y})">'
        yield from writer.lines()
        if y:
            yield "</g>"
        y += writer.height
    yield "</svg>"


class _Writer:
    def __init__(self, picture: Picture, prefix: str, alone: bool) -> None:
        self.picture, self.prefix, self.alone = picture, prefix, alone
        self.placed: Layout = layout(picture)
        self.width = max(self.placed.width, 340)
        self.head = self._heading() if alone else []
        self.legend = self._legend()
        self.below = 15 * len(self.head) + (MARGIN if self.head else 0)
        self.height = self.below + self.placed.height + 16 * len(self.legend) + (8 if self.legend else 0)

    def _heading(self) -> list[tuple[str, str]]:
        room = int((self.width - 2 * MARGIN) / (FONT * ADVANCE))
        lines = [("t", line) for line in wrap(clean(self.picture.title), room)]
        return lines + [("", line) for line in wrap(clean(self.picture.sentence), room)]

    def lines(self) -> Iterator[str]:
        """One picture, line by line."""
        placed = self.placed
        for n, (kind, line) in enumerate(self.head):
            yield f'<text class="{kind}" x="{MARGIN}" y="{MARGIN + 8 + 15 * n}">{escaped(line)}</text>'
        yield f'<g transform="translate(0 {self.below})">'
        for column in placed.columns:
            yield from self._column(column)
        for bar in placed.bars:
            yield from self._bar(bar)
        for edge in placed.edges:
            yield self._edge(edge)
        for n, node in enumerate(placed.nodes):
            yield from self._node(n, node)
        yield "</g>"
        yield from self._legend_lines(self.below + placed.height)

    def described(self) -> str:
        """What a reader hears who does not see it."""
        steps = sum(n.step is not None for n in self.picture.nodes)
        said = f"A column for each CPU; time runs downwards; {steps} steps."
        return f"{self.picture.sentence}. {said}" if self.picture.sentence else said

    # -- parts --------------------------------------------------------------------------------------

    def _column(self, c: PlacedColumn) -> Iterator[str]:
        bottom = self.placed.height
        yield f'<rect class="band" x="{c.x - 5}" y="0" width="{c.w + 10}" height="{bottom}" rx="4"/>'
        yield f'<text class="t" x="{c.x}" y="14">{escaped(c.title)}</text>'
        for lane in c.lanes:
            if lane.caption:
                yield f'<text class="k" x="{lane.x}" y="28">{escaped(lane.caption)}</text>'
            if lane.kind == "code":
                yield f'<path class="life" d="M{lane.x + 6} {self.placed.head}V{bottom}"/>'

    def _node(self, n: int, p: PlacedNode) -> Iterator[str]:
        node = p.node
        kinds = f"{node.shape}{' m' if node.matters else ''}"
        live = node.step is not None and not self.alone
        step = f' data-step="{self.prefix}{node.step}" tabindex="-1"' if live else ""
        yield f'<g class="{kinds}"{step}><title>{escaped(node.full)}</title>'
        number = "" if node.step is None else f"{node.step + 1}{'*' if node.matters else ''}"
        middle = p.y + p.h // 2
        if number:
            yield f'<text class="k" x="{NUMBERED}" y="{middle + 4}" text-anchor="end">{number}</text>'
        if node.shape == "instant":
            right = self.placed.width
            yield f'<path class="life" stroke-dasharray="3 3" d="M{NUMBERED + 6} {middle}H{right}"/>'
        round_ = {"processor": p.h // 2 if p.h < 30 else 11, "start": 11}.get(node.shape, 2)
        yield f'<rect class="b" x="{p.x}" y="{p.y}" width="{p.w}" height="{p.h}" rx="{round_}"/>'
        if node.shape == "interrupt":
            yield f'<path class="b" d="M{p.x + 3} {p.y}V{p.y + p.h}"/>'
        first = middle + 4 - 6 * len(p.notes)
        yield f'<text class="x" x="{p.x + 8}" y="{first}">{escaped(p.text)}</text>'
        for k, note in enumerate(p.notes, 1):
            yield f'<text class="n" x="{p.x + 8}" y="{first + 12 * k + 1}">{escaped(note)}</text>'
        yield "</g>"

    def _edge(self, p: PlacedEdge) -> str:
        e = p.edge
        kinds = f"e {e.kind}{' minor' if e.minor else ''}{' need' if e.needed else ''}"
        dash = f' stroke-dasharray="{DASHES[e.kind]}"' if DASHES[e.kind] else ""
        label = f'<text class="l" x="{p.x}" y="{p.y}">{escaped(e.label)}</text>' if e.label else ""
        return (
            f'<g class="{kinds}"><title>{escaped(e.full)}</title><path d="{_way(p.points)}"{dash}/>'
            f"{_head(p.points[-2], p.points[-1])}{label}</g>"
        )

    def _bar(self, p: PlacedBar) -> Iterator[str]:
        yield f'<g class="s {p.bar.lane}"><title>{escaped(p.bar.full)}</title>'
        yield f'<rect class="bar" x="{p.x - 3}" y="{p.top}" width="6" height="{max(p.bottom - p.top, 2)}"/>'
        for s in p.spokes:
            yield f'<path d="M{s.x} {s.y}H{p.x}"{_SPOKES[s.kind]}/>'
            if s.kind in ("uses", "leaves"):
                yield _head((p.x, s.y), (s.x, s.y))
            elif s.kind == "enters":
                yield _head((s.x, s.y), (p.x - 3, s.y))
            elif s.kind == "removes":
                yield f'<path stroke-width="2" d="M{p.x - 5} {s.y - 5}l10 10m0 -10l-10 10"/>'
            elif s.kind == "misses":
                yield f'<circle class="paper" stroke="#70757d" cx="{p.x}" cy="{s.y}" r="4"/>'
            if s.kind in ("uses", "removes", "misses") and s.label:
                yield f'<text class="l" x="{s.label}" y="{s.y - 4}">{s.kind}</text>'
        yield "</g>"

    # -- legend -------------------------------------------------------------------------------------

    def _legend(self) -> list[list[tuple[EdgeKind, str]]]:
        used = dict.fromkeys(p.edge.kind for p in self.placed.edges if not p.edge.minor)
        rows: list[list[tuple[EdgeKind, str]]] = [[]]
        x = MARGIN
        for kind in (k for k in MEANINGS if k in used):
            wide = 40 + round(width(MEANINGS[kind], NOTE_FONT)) + MARGIN
            if x + wide > self.width and rows[-1]:
                rows.append([])
                x = MARGIN
            rows[-1].append((kind, MEANINGS[kind]))
            x += wide
        return rows if rows[0] else []

    def _legend_lines(self, top: int) -> Iterator[str]:
        for n, row in enumerate(self.legend):
            x, y = MARGIN, top + 10 + 16 * n
            for kind, said in row:
                need = " need" if kind == "data" else ""
                dash = f' stroke-dasharray="{DASHES[kind]}"' if DASHES[kind] else ""
                yield (
                    f'<g class="e {kind}{need}"><path d="M{x} {y}h30"{dash}/>{_head((x, y), (x + 34, y))}</g>'
                    f'<text class="k" x="{x + 40}" y="{y + 4}">{escaped(said)}</text>'
                )
                x += 40 + round(width(said, NOTE_FONT)) + MARGIN


_SPOKES = {
    "enters": "", "leaves": "", "fills": "", "uses": ' stroke-dasharray="2 3"', "removes": "",
    "misses": ' stroke-dasharray="4 3"',
}  # fmt: skip


def _way(points: tuple[tuple[int, int], ...]) -> str:
    """The corners of an edge, up to its arrowhead."""
    (x, y), (fx, fy) = points[-1], points[-2]
    end = (x - 6 * _sign(x - fx), y - 6 * _sign(y - fy))
    return "M" + "L".join(f"{a} {b}" for a, b in (*points[:-1], end))


def _head(start: tuple[int, int], end: tuple[int, int]) -> str:
    """An arrowhead at the end of a level or upright line."""
    x, y = end
    dx, dy = _sign(x - start[0]), _sign(y - start[1])
    a, b = (x - 8 * dx - 4 * dy, y - 8 * dy - 4 * dx), (x - 8 * dx + 4 * dy, y - 8 * dy + 4 * dx)
    return f'<path class="h" d="M{x} {y}L{a[0]} {a[1]}L{b[0]} {b[1]}z"/>'


def _sign(n: int) -> int:
    return (n > 0) - (n < 0)
