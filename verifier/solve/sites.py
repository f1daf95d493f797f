"""Where a symbolic execution reads, writes, walks and invalidates: the encoder's records."""

from __future__ import annotations

from verifier.program.events import Event
from verifier.program.ops import Kind
from verifier.program.values import Ptr, Value
from verifier.records import dataclass, field
from verifier.solve.clauses import NO

Literals = dict[Value, int]
WALKER = -1  # the CPU of an update by a page walker, which is outside of every program order


@dataclass(slots=True, eq=False)
class Write:
    """A write of one cell among ``where`` (cell -> the literal that the write is done, and at this cell)."""

    node: int
    cpu: int
    body: int
    at: int
    where: dict[Ptr, int]
    values: Literals
    buffered: bool
    issue: int | None = None


@dataclass(slots=True, eq=False)
class Read:
    """A read of one cell among ``where``; ``values`` are the literals of its result.

    ``kind``: ``load`` (in program order), ``walk`` (at any instant, own store buffer or memory),
    ``memory`` (at any instant, memory only), ``fetch`` (memory, or an own store it has to see).
    """

    node: int
    cpu: int
    body: int
    at: int
    where: dict[Ptr, int]
    values: Literals
    kind: str = "load"


@dataclass(slots=True, eq=False)
class Level:
    """One entry that a walk reads if it gets there (``done``); ``last``: the walk ends there."""

    node: int
    done: int
    where: dict[Ptr, int]
    values: Literals
    last: int = NO


@dataclass(slots=True, eq=False)
class Chain:
    """A page walk that may serve ``use``; it does if ``done`` holds."""

    use: int
    cpu: int
    done: int
    vas: Literals
    tag: Literals
    levels: list[Level] = field(default_factory=list)
    flags: dict[int, int] = field(default_factory=dict)  # attribute -> literal, of the whole walk
    pages: Literals = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class InitialEntry:
    """An entry that the TLB held at the start; ``done``: it serves; ``leaf``: where it was read, if known."""

    done: int
    pcid: int
    va: Ptr
    content: Value
    leaf: Ptr | None


@dataclass(slots=True, eq=False)
class Use:
    """A use of a translation: by an event, or by a condition (``event`` None).

    ``served``: the walks that may serve it, each with the literal that it does; ``pages``: the pages that
    it may be translated to and may access; ``fault``: it faults.
    """

    node: int
    event: Event | None
    cpu: int
    vas: Literals
    now: Literals
    served: list[tuple[int, Chain]] = field(default_factory=list)
    initial: list[InitialEntry] = field(default_factory=list)
    stale: int = NO  # it faults by a cached entry
    faults: list[Chain] = field(default_factory=list)  # it faults by what these read
    fault: int = NO
    pages: Literals = field(default_factory=dict)
    dirty: int | None = None  # node of the update that sets D
    snapshot: int | None = None


@dataclass(slots=True, eq=False)
class Update:
    """The walker of a CPU sets the accessed flag of an entry, if ``done``."""

    node: int
    cpu: int
    done: int
    chain: Chain


@dataclass(slots=True, eq=False)
class InvalidationSite:
    """Something that removes translations of a CPU; ``kind`` is a row of ``model.cover``.

    ``pcid`` is the one it acts on; ``remote``: it is an effect of an INVLPGB, outside of every program order.
    """

    node: int
    cpu: int
    done: int
    kind: Kind
    vas: Literals
    pcid: Literals
    remote: bool = False


@dataclass(slots=True, eq=False)
class RfSource:
    """One possible rf pair: ``read`` takes its value at ``cell`` from ``write`` (None: init)."""

    literal: int
    cell: Ptr
    write: Write | None
    read: Read
    forwarded: bool = False
