"""Where a symbolic execution reads and writes: the encoder's records."""

from __future__ import annotations

from dataclasses import dataclass, field

from verifier.program.events import Access, Event
from verifier.program.values import Ptr, Value
from verifier.solve.clauses import TRUE

Literals = dict[Value, int]


@dataclass(slots=True, eq=False)
class Write:
    """A write of one cell among ``where`` (cell -> literal: done, and done there)."""

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
    ``memory`` (at any instant, memory only: a snapshot).
    """

    node: int
    cpu: int
    body: int
    at: int
    where: dict[Ptr, int]
    values: Literals
    kind: str = "load"
    access: Access | None = None


@dataclass(slots=True, eq=False)
class Walk:
    """A page walk that may serve a use: literal ``chosen``; what it reads is in ``pages``."""

    node: int
    use: int
    cpu: int
    chosen: int
    vas: Literals
    pages: Literals
    event: Event | None = None  # None: it serves a condition


@dataclass(slots=True, eq=False)
class Use:
    """A use of a translation, at its event: who may serve it, and its possible results."""

    node: int
    event: Event | None
    cpu: int
    vas: Literals
    walk: Walk | None
    initial: list[tuple[int, Ptr, Value]] = field(default_factory=list)  # (literal, va, page)
    fault: int = -TRUE
    pages: Literals = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Source:
    """One possible rf pair: ``read`` takes its value at ``cell`` from ``write`` (None: init)."""

    literal: int
    cell: Ptr
    write: Write | None
    read: Read
    forwarded: bool = False
