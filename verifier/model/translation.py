"""Address translation: page walks, what is cached of them, invalidation.

A use of a translation is served by a page walk, at any earlier instants, or by an entry that the TLB held
at the start.  Walks need no reason (MMR 3.3), and cached entries of any age may be used or not (MMR 4.1).
A walk reads ``cr3`` and one entry after the other, each at an instant of its own (MMR 3.4).  Each of these
reads also reads ``pcid``, and all find the same value: the walk's tag (MMR 4.4, 5.7).  Caching has no
event: that an entry was cached shows in the time between its read and its use.  Fences, LOCK and
dependencies leave walks unordered (MMR 2.1, 3.7).
"""

from __future__ import annotations

from verifier.model.algebra import R
from verifier.model.candidate import X


def walk(x: X[R]) -> R:
    """A walk precedes the use it serves (MMR 3.3)."""
    return x.trans


def marking(x: X[R]) -> R:
    """D is set in an entry after the walk has read it (MMR 7.3)."""
    return x.marks


def descent(x: X[R]) -> R:
    """A walk reads an entry before the entries below it (MMR 3.4)."""
    return x.levels


def fresh(x: X[R]) -> R:
    """T-FRESH (i): a use after an invalidation that covers its entry is served by a walk whose last
    read is after that invalidation (MMR 0.2, 5.4, 5.6; SDM 4.10.4.1)."""
    return ((x.po | x.remote) & x.covers) @ ~x.trans


def fresh_upper(x: X[R]) -> R:
    """T-FRESH (ii): if an upper entry was read before an invalidation that covers it, the walk's next read
    is before that invalidation, too (MMR 0.2, 17.1; SDM 4.10.3.1, 4.10.4.1)."""
    return x.covers_upper & ((x.aged | x.po | x.remote) @ ~x.next)


def age(x: X[R]) -> R:
    """A walk's read behind an upper entry is before or after each invalidation that covers the entry."""
    return x.aged


def start(x: X[R]) -> R:
    """The entries that the TLB held at the start are older than every invalidation."""
    return x.INIT * x.INV


def forward_issue(x: X[R]) -> R:
    """A walk that reads a store of its own CPU reads it after it was executed (MMR 3.5)."""
    return x.none.plus(x.issue @ c.forwarded for c in x.cells)


def forward_newest(x: X[R]) -> R:
    """A walk is forwarded the newest own store: newer ones are executed after the walk's read (MMR 3.5).
    ``fr`` says that the walk reads before another store overwrites that one in memory."""
    return x.none.plus(~c.forwarded @ (c.co & x.po) @ ~x.issue for c in x.cells)


def forward_never(x: X[R]) -> R:
    """Switch ``walk_forward = memory_only``: walks read memory; a forwarded pair is a cycle (MMR 3.5)."""
    return x.none.plus(c.forwarded | ~c.forwarded for c in x.cells)


def forward_always(x: X[R]) -> R:
    """Switch ``walk_forward = forward_always``: a walk is outside the time that an own store to its
    entry spends in the store buffer, unless it is forwarded that store or a newer one (MMR 3.5)."""
    return x.apart


def broadcast(x: X[R]) -> R:
    """The effects of an INVLPGB on each CPU come after it, outside of every program order; a TLBSYNC of the
    CPU that issued it waits for all of them (MMR 11.2, 11.3)."""
    return x.broadcast | x.answers | x.remote


def remote_stores(x: X[R]) -> R:
    """Switch ``tlbsync_waits_remote_stores``: TLBSYNC also waits for stores that were translated
    before the invalidation on their CPU (MMR 11.3, 17.8)."""
    return ~x.issue @ x.remote @ x.answers
