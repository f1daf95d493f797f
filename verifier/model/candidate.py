"""A candidate execution: the base relations that the equations speak of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Literal, TypeVar, get_args

from verifier.model.algebra import R, S, SetLike
from verifier.records import dataclass, fields

Rel = TypeVar("Rel", covariant=True)
Set = TypeVar("Set", covariant=True)

# What a program can have. A rule that needs what a program lacks is left out: its relation would be empty, or
# would have pairs after the initial state alone, before which nothing comes then.
Feature = Literal[
    "translation", "uppers", "fetch", "broadcast", "icr", "nt", "rcu", "sends", "issues", "snapshots"
]
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

    An event is an instant.  The event of a plain store is its *commit*.  A store whose execution matters
    (it is translated, or may be forwarded to a page walk) has a second event, its *issue*.  A LOCK'd
    read-modify-write is one event, so every acyclicity contains its atomicity.  An access that
    faults has two events: the load of the entry that ends its walk, and the fault that is taken.

    Sets (of executed events)

    ``I``      instants in program order: loads, LOCK'd operations, MFENCE, LFENCE, issues,
               invalidations, sends, deliveries, returns: all events but commits, SFENCEs and bare ICR
               writes
    ``S``      commits of buffered stores (a write of the ICR as memory is one)
    ``NT``     commits of non-temporal stores
    ``Q``      events of ``S`` that wait for earlier non-temporal stores: ends of RCU sections, ``call_rcu``
    ``D``      events that wait until the own store buffer is empty
    ``SER``    serializing events: they drop prefetched copies
    ``SF``     store fences
    ``ICR``    writes of the interrupt command register by x2APIC
    ``H``      instants that an x2APIC write waits for
    ``INV``    events that invalidate translations of their CPU; page faults, and the effects of an
               INVLPGB on each CPU, are among them
    ``C``      events that use a copy which was read earlier: mainly instruction fetches
    ``INIT``   the event that wrote the initial state, TLB contents included

    Relations

    ``po``     program order on each CPU; a handler is in the place where it was delivered;
               a use by a condition is after everything that happens before it
    ``loc``    both events access the same cell, and at least one of them writes it
    ``cells``  rf and co, cell by cell
    ``rfe``    rf that has left the store buffer: from another CPU, from ``init``, to a walk from memory
    ``rfi``    rf of a load from its own CPU
    ``issue``  issue of a store -> its commit
    ``trans``  the last read of a page walk -> the use it serves (``init`` -> a use served by an
               initial TLB entry)
    ``marks``  the last read of a page walk -> the update that sets D in the entry it read
    ``levels`` a read of a page walk -> later ones of it
    ``next``   a read of an upper entry -> the next read of the same walk
    ``covers`` invalidation -> use, if it removes TLB entries like the one used (rule 5.1)
    ``covers_upper``  invalidation -> read of an upper entry, if it removes it from the
               paging-structure caches (rule 5.1)
    ``aged``   invalidation -> read of a walk behind an upper entry, or the reverse pair: exactly one of
               the two
    ``remote`` effect of an INVLPGB on a CPU -> use there, invalidation -> read of a translated instruction,
               or the reverse pair: exactly one of the two
    ``apart``  own store -> walk or walk -> its issue, if the walk is not forwarded from it
    ``copy``   the read of a copy -> the event that uses it
    ``smc``    own store -> fetch that has to see it (rule 10.2)
    ``broadcast``, ``answers``  INVLPGB -> its effect on each CPU -> the TLBSYNC that waits for it
    ``sent``   send -> delivery; ``called``: those that go by the call queue
    ``kept``   send -> send of the same CPU, if their handlers keep the order of the sends
    ``acked``  acknowledgement of a handler -> the wait for it
    ``grace``  end of a reader's section -> end of a grace period, or start of the grace period ->
               start of the section: exactly one of the two
    ``asking`` LOCK'd operation -> bare ICR write, if the value read decides whether and where the write
               sends, or what is executed before it
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
    next: Rel
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
    """A candidate with new sets and new relations, for its maker to fill. Each is made when it is first asked
    for: most tests fill few of them."""
    return _Blank(events, relation, cells, has)


class _Blank(Candidate[R, S]):
    __slots__ = ("_events", "_relation")

    def __init__(
        self,
        events: Callable[[], S],
        relation: Callable[[], R],
        cells: Sequence[CellRelations[R]],
        has: frozenset[Feature],
    ) -> None:
        give = object.__setattr__  # a candidate is frozen
        give(self, "_events", events)
        give(self, "_relation", relation)
        give(self, "cells", cells)
        give(self, "has", has)

    def __getattr__(self, name: str) -> Any:
        """A set or a relation that nobody has asked for yet."""
        if name in _KINDS:
            made = self._relation() if _KINDS[name] else self._events()
            object.__setattr__(self, name, made)
            return made
        raise AttributeError(name)


# By the name of a set or a relation, whether it is a relation.
_KINDS = dict.fromkeys(SETS, False) | dict.fromkeys((*RELATIONS, "none"), True)
