"""Address translation: page walks, what is cached of them, invalidation.

A use of a translation is served by a page walk, at any earlier instants (MMR 3.3: walks need no
reason; MMR 4.1: what is cached may be used or not, without bound on age), or by an entry that the
TLB held at the start.  A walk reads ``cr3`` and one entry after the other, each at an instant of its
own (MMR 3.4); every read is also one of ``pcid``, and finds the same one: the walk's tag (MMR 4.4,
5.7).  That a finished TLB entry or an upper entry was cached in between is not an event: it is the
fact that some time went by.  No fence, no LOCK and no dependency orders a walk (MMR 2.1, 3.7).
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
    """A walk reads an entry before what lies below it (MMR 3.4)."""
    return x.levels


def fresh(x: X[R]) -> R:
    """T-FRESH (i): a use after an invalidation that covers its entry is served by a walk whose last
    read is after that invalidation (MMR 0.2, 5.4, 5.6; SDM 4.10.4.1)."""
    return ((x.po | x.remote) & x.covers) @ ~x.trans


def fresh_upper(x: X[R]) -> R:
    """T-FRESH (ii): an upper entry that was read before an invalidation which covers it leads to
    nothing that is read after it (MMR 0.2, 17.1; SDM 4.10.3.1, 4.10.4.1)."""
    return x.covers_upper & ((x.aged | x.po | x.remote) @ ~x.above)


def age(x: X[R]) -> R:
    """A walk's last read is before or after each invalidation."""
    return x.aged


def start(x: X[R]) -> R:
    """What the TLB held at the start is older than every invalidation."""
    return x.INIT * x.INV


def forward_issue(x: X[R]) -> R:
    """A walk that reads a store of its own CPU reads it after it was executed (MMR 3.5)."""
    return x.none.plus(x.issue @ c.forwarded for c in x.cells)


def forward_newest(x: X[R]) -> R:
    """It is forwarded the newest own store: newer ones are executed after it (MMR 3.5). That it reads
    the store before another one overwrites it in memory is said by ``fr``."""
    return x.none.plus(~c.forwarded @ (c.co & x.po) @ ~x.issue for c in x.cells)


def forward_never(x: X[R]) -> R:
    """Switch ``walk_forward = memory_only``: no walk is forwarded; any such pair is a cycle (MMR 3.5)."""
    return x.none.plus(c.forwarded | ~c.forwarded for c in x.cells)


def forward_always(x: X[R]) -> R:
    """Switch ``walk_forward = forward_always``: a walk is outside the time that an own store to its
    entry spends in the store buffer, unless it is forwarded from it or a newer one (MMR 3.5)."""
    return x.apart


def broadcast(x: X[R]) -> R:
    """What an INVLPGB does on each CPU comes after it, in nobody's program order; a TLBSYNC of the
    same CPU waits for all of it (MMR 11.2, 11.3)."""
    return x.broadcast | x.answers | x.remote


def remote_stores(x: X[R]) -> R:
    """Switch ``tlbsync_waits_remote_stores``: TLBSYNC also waits for stores that were translated
    before the invalidation on their CPU (MMR 11.3, 17.8)."""
    return ~x.issue @ x.remote @ x.answers
