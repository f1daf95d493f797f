"""Where the parts of a picture are.

Each node has a row of its own, so a line from its side meets no other node. An edge leaves the side of a
node, goes along a track between two columns, and enters the side of another node. The labels of edges have a
place of their own in front of the column that they enter. So nothing covers anything, whatever is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from verifier.picture.parts import Bar, LaneKind, Picture, PictureEdge, PictureNode, SpokeKind
from verifier.picture.texts import folded_lines, shortened, width
from verifier.records import NamedTuple, dataclass

FONT, NOTE_FONT = 12, 10  # sizes of text
NOTES = 2  # lines of a note
PORT, TRACK = 16, 12  # between two ends of edges at a node; between two edges side by side
PAD, GAP, INDENT = 7, 9, 16
TITLED = 20  # the gap above a node that a labelled edge enters from above
NUMBERED = 30  # the numbers of steps
HEAD, CAPTION = 20, 14  # the titles of columns, and the captions of lanes
MARGIN = 12
HOLD = 10  # an arrowhead
_MOST: dict[LaneKind, tuple[int, int]] = {"code": (40, 50), "buffer": (26, 30), "tlb": (30, 34)}
CAPTIONS: dict[LaneKind, str] = {"code": "program", "buffer": "store buffer", "tlb": "TLB"}
LANES: tuple[LaneKind, ...] = ("code", "buffer", "tlb")

Side = Literal["left", "right"]


class PlacedNode(NamedTuple):
    """A node's box, and its texts as they fit into it."""

    node: PictureNode
    x: int
    y: int
    w: int
    h: int
    text: str
    notes: tuple[str, ...]


class PlacedEdge(NamedTuple):
    """The corners of an edge, and where its label stands: ``x`` is its start, ``y`` its base line."""

    edge: PictureEdge
    points: tuple[tuple[int, int], ...]
    x: int
    y: int


class PlacedSpoke(NamedTuple):
    """A level line from ``x``, at a node, to the bar."""

    kind: SpokeKind
    x: int
    y: int
    label: int  # where its label starts


class PlacedBar(NamedTuple):
    """A bar's middle, and its ends."""

    bar: Bar
    x: int
    top: int
    bottom: int
    spokes: tuple[PlacedSpoke, ...]


class PlacedLane(NamedTuple):
    """A lane of a column, and its caption."""

    kind: LaneKind
    x: int
    w: int
    caption: str


class PlacedColumn(NamedTuple):
    """The column of a CPU."""

    title: str
    x: int
    w: int
    lanes: tuple[PlacedLane, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A picture whose parts have places."""

    width: int
    height: int
    head: int  # the titles
    columns: tuple[PlacedColumn, ...]
    nodes: tuple[PlacedNode, ...]
    edges: tuple[PlacedEdge, ...]
    bars: tuple[PlacedBar, ...]


def layout(picture: Picture) -> Layout:
    """The places of all parts. They depend on the picture alone."""
    return _Placer(picture).layout()


class _Way(NamedTuple):
    """How an edge goes: straight down, or out of ``out`` and into ``into`` by a track of a gutter."""

    edge: PictureEdge
    straight: bool
    out: Side = "left"
    into: Side = "left"
    gutter: int = 0


@dataclass(slots=True)
class _Column:
    """A column's widths: of its lanes, and of what stands in front of the boxes in them."""

    cpu: int | None
    lanes: dict[LaneKind, int]  # boxes
    tracks: dict[LaneKind, int]  # bars side by side
    labels: int = 0  # of spokes to the TLB
    x: int = 0

    def front(self, kind: LaneKind) -> int:
        """The width in front of a lane's boxes."""
        labels = self.labels if kind == "tlb" else 0
        return labels + self.tracks[kind] * TRACK if self.tracks.get(kind) else 0

    def start(self, kind: LaneKind) -> int:
        """Where a lane begins."""
        before = (k for k in LANES[: LANES.index(kind)] if k in self.lanes)
        return self.x + sum(self.front(k) + self.lanes[k] + MARGIN for k in before)

    @property
    def width(self) -> int:
        """All lanes."""
        return sum(self.front(k) + w for k, w in self.lanes.items()) + MARGIN * (len(self.lanes) - 1)


class _Placer:
    def __init__(self, picture: Picture) -> None:
        self.picture, self.nodes = picture, picture.nodes
        self.texts = [_fitted(n) for n in self.nodes]
        self.sizes = [_size(*t) for t in self.texts]
        self.at = {cpu: n for n, cpu in enumerate(picture.cpus)}
        self.column = [self.at[n.cpu] for n in self.nodes]
        self.entered: set[int] = set()  # nodes that an edge enters from above
        self.ways = [self._way(e) for e in picture.edges]
        self.bar_tracks = self._bars_apart()
        self.columns = [self._column(cpu) for cpu in picture.cpus]
        self.tracks, self.counts = self._edges_apart()
        self.head = HEAD + (CAPTION if any(len(c.lanes) > 1 for c in self.columns) else 0)
        self.ports: dict[tuple[int, Side], list[object]] = defaultdict(list)
        self._ports()
        self.tops, self.heights = self._rows()
        self.left = self._gutters()

    # -- edges and bars apart -----------------------------------------------------------------------

    def _way(self, e: PictureEdge) -> _Way:
        a, b = self.column[e.first], self.column[e.second]
        if a == b and self._free(e.first, e.second):
            self.entered.add(e.second)
            return _Way(e, True)
        if a == b:
            both = self.nodes[e.first].lane == self.nodes[e.second].lane == "tlb"
            return _Way(e, False, "right", "right", a + 1) if both else _Way(e, False, "left", "left", a)
        return _Way(e, False, "right", "left", b) if a < b else _Way(e, False, "left", "right", b + 1)

    def _free(self, first: int, second: int) -> bool:
        """Is the second node straight below the first one, and no other edge between them?"""
        lane, column = self.nodes[first].lane, self.column[first]
        if second <= first or self.nodes[second].lane != lane or second in self.entered:
            return False
        between = range(first + 1, second)
        return not any(self.column[n] == column and self.nodes[n].lane == lane for n in between)

    def _bars_apart(self) -> list[int]:
        """A track for each bar, so that those of one lane do not meet."""
        keys = [(self.column[bar.home], bar.lane) for bar in self.picture.bars]
        spans = [(bar.first, bar.last) for bar in self.picture.bars]
        return _apart(keys, spans)

    def _edges_apart(self) -> tuple[list[int], dict[int, int]]:
        """A track for each edge in its gutter, and how many each gutter has."""
        bent = [w for w in self.ways if not w.straight]
        spans = [tuple(sorted((w.edge.first, w.edge.second))) for w in bent]
        tracks = iter(_apart([w.gutter for w in bent], [(s[0], s[1]) for s in spans]))
        found = [-1 if w.straight else next(tracks) for w in self.ways]
        counts: dict[int, int] = defaultdict(int)
        for way, track in zip(self.ways, found, strict=True):
            counts[way.gutter] = max(counts[way.gutter], track + 1)
        return found, counts

    def _column(self, cpu: int | None) -> _Column:
        at = self.at[cpu]
        lanes: dict[LaneKind, int] = {}
        for kind in LANES:
            mine = [n for n, node in enumerate(self.nodes) if self.column[n] == at and node.lane == kind]
            least = round(width(CAPTIONS[kind] if kind != "tlb" else "TLB and prefetch", NOTE_FONT))
            if mine or kind == "code":
                wide = (self.nodes[n].indent * INDENT + self.sizes[n][0] for n in mine)
                lanes[kind] = max([*wide, least])
        bars = list(zip(self.picture.bars, self.bar_tracks, strict=True))
        tracks = {
            kind: max((t + 1 for b, t in bars if self.column[b.home] == at and b.lane == kind), default=0)
            for kind in lanes
        }
        said = [s.kind for b, _ in bars if self.column[b.home] == at and b.lane == "tlb" for s in b.spokes]
        labels = max(
            (round(width(k, NOTE_FONT)) for k in said if k in ("uses", "removes", "misses")), default=0
        )
        straight = [w.edge.label for w in self.ways if w.straight and self.column[w.edge.second] == at]
        if straight:
            lanes["code"] = max(lanes["code"], max(round(width(s, NOTE_FONT)) for s in straight) + 2 * INDENT)
        return _Column(cpu, lanes, tracks, labels + (MARGIN if labels else 0))

    def _ports(self) -> None:
        """Which ends of edges and spokes are at which side of a node, from top to bottom."""
        ends: list[tuple[int, Side, int, object]] = []
        for n, way in enumerate(self.ways):
            if not way.straight:
                ends.append((way.edge.second, way.into, way.edge.first, ("into", n)))
                ends.append((way.edge.first, way.out, way.edge.second, ("out", n)))
        for n, bar in enumerate(self.picture.bars):
            for k, spoke in enumerate(bar.spokes):
                inside = self.nodes[spoke.node].lane == bar.lane
                ends.append((spoke.node, "left" if inside else "right", spoke.node, (n, k)))
        for node, side, _, end in sorted(ends, key=lambda e: (e[0], e[1], e[2])):
            self.ports[node, side].append(end)

    # -- down ---------------------------------------------------------------------------------------

    def _rows(self) -> tuple[list[int], list[int]]:
        y, tops, heights = self.head, [], []
        for n in range(len(self.nodes)):
            most = max(len(self.ports.get((n, "left"), ())), len(self.ports.get((n, "right"), ())))
            heights.append(max(self.sizes[n][1], most * PORT + 5))
            y += TITLED if n in self.entered else GAP
            tops.append(y)
            y += heights[-1]
        return tops, heights

    def _port(self, node: int, side: Side, end: object) -> int:
        ends = self.ports[node, side]
        middle = self.tops[node] + self.heights[node] / 2
        return round(middle + (ends.index(end) - (len(ends) - 1) / 2) * PORT + 1)

    # -- across -------------------------------------------------------------------------------------

    def _gutters(self) -> list[int]:
        """Where each gutter's tracks begin; columns get their places."""
        x, found = NUMBERED, []
        for g in range(len(self.columns) + 1):
            x += MARGIN + self._labels(g, "right")
            found.append(x)
            x += self.counts.get(g, 0) * TRACK + MARGIN + self._labels(g, "left")
            if g < len(self.columns):
                self.columns[g].x = x
                x += self.columns[g].width
        self.end = x
        return found

    def _labels(self, gutter: int, into: Side) -> int:
        """The width of the labels of edges that come from a gutter."""
        mine = (w for w in self.ways if not w.straight and w.gutter == gutter and w.into == into)
        widest = max((round(width(w.edge.label, NOTE_FONT)) for w in mine), default=0)
        return widest + HOLD + 4 if widest else 0

    def _box(self, n: int) -> PlacedNode:
        node, column = self.nodes[n], self.columns[self.column[n]]
        x = column.start(node.lane) + column.front(node.lane) + node.indent * INDENT
        return PlacedNode(node, x, self.tops[n], self.sizes[n][0], self.heights[n], *self.texts[n])

    def layout(self) -> Layout:
        """All places."""
        boxes = [self._box(n) for n in range(len(self.nodes))]
        bottom = max((b.y + b.h for b in boxes), default=self.head)
        edges = [self._edge(n, way, boxes) for n, way in enumerate(self.ways)]
        bars = [self._bar(n, bar, boxes) for n, bar in enumerate(self.picture.bars)]
        return Layout(
            self.end, bottom + MARGIN, self.head, tuple(map(self._titled, self.columns)), tuple(boxes),
            tuple(edges), tuple(bars),
        )  # fmt: skip

    def _titled(self, column: _Column) -> PlacedColumn:
        lanes = tuple(
            PlacedLane(k, column.start(k), column.front(k) + w, self._caption(column, k))
            for k, w in column.lanes.items()
        )
        title = "all CPUs" if column.cpu is None else f"CPU {column.cpu}"
        return PlacedColumn(title, column.x, column.width, lanes if len(lanes) > 1 else lanes[:1])

    def _caption(self, column: _Column, kind: LaneKind) -> str:
        if kind != "tlb":
            return CAPTIONS[kind] if len(column.lanes) > 1 else ""
        mine = [n for n in self.nodes if n.cpu == column.cpu and n.lane == "tlb"]
        fetches = [n for n in mine if n.text.startswith("fetch ")]
        return "TLB" if not fetches else "prefetch" if len(fetches) == len(mine) else "TLB and prefetch"

    def _edge(self, n: int, way: _Way, boxes: Sequence[PlacedNode]) -> PlacedEdge:
        a, b = boxes[way.edge.first], boxes[way.edge.second]
        if way.straight:
            x = max(a.x, b.x) + INDENT
            return PlacedEdge(way.edge, ((x, a.y + a.h), (x, b.y)), x + 6, b.y - 7)
        out = self._port(way.edge.first, way.out, ("out", n))
        into = self._port(way.edge.second, way.into, ("into", n))
        track = self.left[way.gutter] + self.tracks[n] * TRACK + TRACK // 2
        start = a.x if way.out == "left" else a.x + a.w
        end = b.x if way.into == "left" else b.x + b.w
        column = self.columns[self.column[way.edge.second]]
        wide = round(width(way.edge.label, NOTE_FONT))
        x = column.x - HOLD - wide if way.into == "left" else column.x + column.width + HOLD
        return PlacedEdge(way.edge, ((start, out), (track, out), (track, into), (end, into)), x, into - 4)

    def _bar(self, n: int, bar: Bar, boxes: Sequence[PlacedNode]) -> PlacedBar:
        column = self.columns[self.column[bar.home]]
        start = column.start(bar.lane)
        zone = start + (column.labels if bar.lane == "tlb" else 0)
        x = zone + self.bar_tracks[n] * TRACK + TRACK // 2
        spokes: list[PlacedSpoke] = []
        for k, spoke in enumerate(bar.spokes):
            box, inside = boxes[spoke.node], self.nodes[spoke.node].lane == bar.lane
            y = self._port(spoke.node, "left" if inside else "right", (n, k))
            spokes.append(
                PlacedSpoke(spoke.kind, box.x if inside else box.x + box.w, y, 0 if inside else start)
            )
        ys = [s.y for s in spokes]
        return PlacedBar(bar, x, min(ys), max(ys), tuple(spokes))


def _fitted(node: PictureNode) -> tuple[str, tuple[str, ...]]:
    """The texts of a node, as long as they may be."""
    text, note = _MOST[node.lane]
    return shortened(node.text, text), tuple(folded_lines(node.note, note, NOTES))


def _size(text: str, notes: tuple[str, ...]) -> tuple[int, int]:
    wide = max([width(text, FONT), *(width(note, NOTE_FONT) for note in notes)])
    return round(wide) + 2 * PAD + 2, 22 + (12 * len(notes) if notes else 0)


def _apart(keys: Sequence[object], spans: Iterable[tuple[int, int]]) -> list[int]:
    """A track for each span of rows, so that spans with one key and one track have no row in common."""
    found: list[int] = [0] * len(keys)
    taken: dict[object, list[int]] = defaultdict(list)  # by key: the last row of each track
    for n, (first, last) in sorted(enumerate(spans), key=lambda s: (s[1][0], s[1][1])):
        ends = taken[keys[n]]
        track = next((t for t, end in enumerate(ends) if end < first), len(ends))
        ends[track : track + 1] = [last]
        found[n] = track
    return found
