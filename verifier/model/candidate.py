"""A candidate execution: the base relations that the equations speak of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

Rel = TypeVar("Rel")
Set = TypeVar("Set")


@dataclass(slots=True, eq=False)
class CellRelations(Generic[Rel]):
    """Reads-from and coherence at one cell. Initial contents are written by the event ``init``."""

    rf: Rel
    co: Rel
    forwarded: Rel  # the part of rf in which a page walk reads its own CPU's store buffer


@dataclass(slots=True, eq=False)
class Candidate(Generic[Rel, Set]):
    """One candidate execution, concrete or symbolic.

    An event is an instant.  A plain store has its *commit* as its event, and where its execution
    matters (it is translated, or a page walk may be forwarded from it) another, its *issue*.
    A LOCK'd read-modify-write is one event, so its atomicity is part of every acyclicity.

    Sets (of executed events)

    ``I``      instants in program order: loads, LOCK'd operations, fences, issues, invalidations,
               CR3 writes, sends, deliveries, returns: everything that is no commit
    ``S``      commits of buffered stores
    ``D``      events that wait until the own store buffer is empty
    ``INV``    events that invalidate translations of their CPU (a page fault is one)
    ``USE``    uses of a translation: translated accesses, issues of translated stores,
               and the end of the run or a snapshot where a condition asks what is cached
    ``INIT``   the event that wrote the initial state, TLB contents included

    Relations

    ``po``     program order on each CPU, handlers in the place where they were delivered;
               a use by a condition is after everything that happens before it
    ``loc``    both events access one cell, and at least one writes it
    ``cells``  rf and co, cell by cell
    ``rfe``    rf that has left the store buffer: from another CPU, from ``init``, to a walk from memory
    ``rfi``    rf of a load from its own CPU
    ``issue``  issue of a store -> its commit
    ``trans``  page walk -> the use it serves (``init`` -> a use served by an initial TLB entry)
    ``covers`` invalidation -> use, if it removes TLB entries of the use's address (rule 5.1)
    ``sent``   send -> delivery
    ``acked``  return of a handler -> the wait for it
    ``seen``   event -> snapshot or snapshot -> event, as the snapshot's instant is chosen
    """

    I: Set  # noqa: E741
    S: Set
    D: Set
    INV: Set
    USE: Set
    INIT: Set
    po: Rel
    loc: Rel
    cells: list[CellRelations[Rel]]
    rfe: Rel
    rfi: Rel
    co: Rel
    issue: Rel
    trans: Rel
    covers: Rel
    sent: Rel
    acked: Rel
    seen: Rel
    none: Rel
    translated: bool = False  # does the program translate at all
