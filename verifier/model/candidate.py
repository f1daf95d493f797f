"""A candidate execution: the base relations that the equations speak of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, Literal, TypeVar, get_args

from verifier.model.algebra import R, S, SetLike

Rel = TypeVar("Rel", covariant=True)
Set = TypeVar("Set", covariant=True)

# What a program can have. A rule that needs what a program lacks is left out: its relation would be empty.
Feature = Literal["translation", "uppers", "fetch", "broadcast", "icr", "nt", "rcu"]
FEATURES: frozenset[Feature] = frozenset(get_args(Feature))


@dataclass(frozen=True, slots=True, eq=False)
class CellRelations(Generic[Rel]):
    """Reads-from and coherence at one cell. Initial contents are written by the event ``init``."""

    rf: Rel
    co: Rel
    forwarded: Rel  # the part of rf in which a walk or a fetch reads its own CPU's store buffer


@dataclass(frozen=True, slots=True, eq=False)
class Candidate(Generic[Rel, Set]):
    """One candidate execution, concrete or symbolic.

    An event is an instant.  A plain store has its *commit* as its event, and where its execution
    matters (it is translated, or may be forwarded to a page walk) another, its *issue*.  A LOCK'd
    read-modify-write is one event, so its atomicity is part of every acyclicity.  An access that
    faults has two: the load of the entry that ends its walk, and the fault that is taken.

    Sets (of executed events)

    ``I``      instants in program order: loads, LOCK'd operations, MFENCE, LFENCE, issues,
               invalidations, sends, deliveries, returns: everything that is no commit, no SFENCE and
               no bare ICR write
    ``S``      commits of buffered stores (the ICR as memory is one), ``NT`` those of non-temporal ones
    ``Q``      events of ``S`` that non-temporal stores come before: ends of RCU sections, ``call_rcu``
    ``D``      events that wait until the own store buffer is empty
    ``SER``    serializing events: they drop prefetched copies
    ``SF``     store fences
    ``ICR``    writes of the interrupt command register by x2APIC
    ``H``      instants that an x2APIC write waits for
    ``INV``    events that invalidate translations of their CPU (a page fault is one, and what an
               INVLPGB does on each CPU is one)
    ``C``      events that use a copy which was read earlier: instruction fetches above all
    ``INIT``   the event that wrote the initial state, TLB contents included

    Relations

    ``po``     program order on each CPU, handlers in the place where they were delivered;
               a use by a condition is after everything that happens before it
    ``loc``    both events access one cell, and at least one writes it
    ``cells``  rf and co, cell by cell
    ``rfe``    rf that has left the store buffer: from another CPU, from ``init``, to a walk from memory
    ``rfi``    rf of a load from its own CPU
    ``issue``  issue of a store -> its commit
    ``trans``  the last read of a page walk -> the use it serves (``init`` -> a use served by an
               initial TLB entry)
    ``marks``  the last read of a page walk -> the update that sets D in the entry it read
    ``levels`` a read of a page walk -> the next one
    ``above``  a read of an upper entry -> what is read below it in the end: the walk's last read
    ``covers`` invalidation -> use, if it removes TLB entries like the one used (rule 5.1)
    ``covers_upper``  invalidation -> read of an upper entry, if it removes it from the
               paging-structure caches (rule 5.1)
    ``aged``   invalidation -> last read of a walk, or the other way: one of the two
    ``remote`` what an INVLPGB does on a CPU -> use there, or the other way: one of the two
    ``apart``  own store -> walk or walk -> its issue, if the walk is not forwarded from it
    ``copy``   the read of a copy -> the event that uses it
    ``smc``    own store -> fetch that has to see it (rule 10.2)
    ``broadcast``, ``answers``  INVLPGB -> what it does on each CPU -> the TLBSYNC that waits for it
    ``sent``   send -> delivery; ``called`` those by the call queue
    ``kept``   send -> send of the same CPU, if their handlers keep the order of the sends
    ``acked``  acknowledgement of a handler -> the wait for it
    ``grace``  end of a reader's section -> end of a grace period, or start of the grace period ->
               start of the section: one of the two
    ``asking`` LOCK'd operation -> bare ICR write, if what it read decides whether and where one is sent,
               or what is executed in front of it
    ``seen``   event -> snapshot or snapshot -> event, as the snapshot's instant is chosen
    """

    I: Set  # noqa: E741
    S: Set
    NT: Set
    Q: Set
    D: Set
    SER: Set
    SF: Set
    ICR: Set
    H: Set
    INV: Set
    C: Set
    INIT: Set
    po: Rel
    loc: Rel
    cells: Sequence[CellRelations[Rel]]
    rfe: Rel
    rfi: Rel
    co: Rel
    issue: Rel
    trans: Rel
    marks: Rel
    levels: Rel
    above: Rel
    covers: Rel
    covers_upper: Rel
    aged: Rel
    apart: Rel
    copy: Rel
    smc: Rel
    broadcast: Rel
    answers: Rel
    remote: Rel
    sent: Rel
    called: Rel
    acked: Rel
    seen: Rel
    grace: Rel
    asking: Rel
    kept: Rel
    none: Rel
    has: frozenset[Feature]


# The names above, as data: the sets, and the relations that say something.
SETS = tuple(f.name for f in fields(Candidate) if f.type == "Set")
RELATIONS = tuple(f.name for f in fields(Candidate) if f.type == "Rel" and f.name != "none")

X = Candidate[R, SetLike[R]]  # what an equation speaks of, in either interpreter


def blank(
    events: Callable[[], S],
    relation: Callable[[], R],
    cells: Sequence[CellRelations[R]],
    has: frozenset[Feature],
) -> Candidate[R, S]:
    """A candidate with new sets and new relations, for its maker to fill."""
    parts: dict[str, Any] = {name: events() for name in SETS}
    parts |= {name: relation() for name in (*RELATIONS, "none")}
    return Candidate(cells=cells, has=has, **parts)
