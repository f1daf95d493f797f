"""What a picture shows, before anything has a place: nodes in the lanes of their CPUs, one under the other;
edges between them; bars for what lasts."""

from __future__ import annotations

from typing import Literal

from verifier.records import NamedTuple, dataclass
from verifier.source import Span

LaneKind = Literal["code", "buffer", "tlb"]
NodeShape = Literal["statement", "processor", "interrupt", "stop", "instant", "start"]
EdgeKind = Literal[
    "rf", "co", "fr", "walk", "IPI", "call", "NMI", "callback", "ack", "grace", "broadcast", "order", "data"
]
SpokeKind = Literal["enters", "leaves", "fills", "uses", "removes", "misses"]


class PictureNode(NamedTuple):
    """One row of a picture, in the lane of a CPU; ``cpu`` is None for what is on no CPU.

    ``text``     what happens, in a few words; ``note``: what there is to say about it;
    ``full``     all that is known about it, for those who point at it;
    ``span``     its place in the source;
    ``indent``   1 in a handler, 2 in an NMI;
    ``matters``  is it one of the steps that matter?
    ``step``     its number in the story, from 0; None: the story does not have it.
    """

    cpu: int | None
    lane: LaneKind
    shape: NodeShape
    text: str
    note: str = ""
    full: str = ""
    span: Span | None = None
    indent: int = 0
    matters: bool = False
    step: int | None = None


class PictureEdge(NamedTuple):
    """From node ``first`` to node ``second``.

    ``label``   its kind, and what it is about; ``full``: in a sentence;
    ``minor``   it is shown only to those who ask for it;
    ``needed``  of a cycle: the outcome needs it, and not the machine.
    """

    kind: EdgeKind
    first: int
    second: int
    label: str
    full: str
    minor: bool = False
    needed: bool = False


class Spoke(NamedTuple):
    """What node ``node`` has to do with a bar."""

    kind: SpokeKind
    node: int


class Bar(NamedTuple):
    """What lasts from node ``first`` to node ``last``: a store in its buffer, a translation in a TLB, an
    instruction that is prefetched. ``home``: the node in the bar's lane that says what it is."""

    lane: LaneKind
    home: int
    first: int
    last: int
    spokes: tuple[Spoke, ...]
    full: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """``title`` and ``sentence`` say what it is about; ``cpus``: its columns, the one without a CPU last."""

    title: str
    sentence: str
    cpus: tuple[int | None, ...]
    nodes: tuple[PictureNode, ...]
    edges: tuple[PictureEdge, ...] = ()
    bars: tuple[Bar, ...] = ()
