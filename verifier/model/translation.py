"""Address translation: page walks, cached translations, invalidation (single level, no PCIDs).

A use of a translation is served by one page walk, at any earlier instant (MMR 3.3: walks need no
reason; MMR 4.1: what is cached may be used or not, without bound on age), or by an entry that the
TLB held at the start.  The walk is one event that reads ``cr3`` of its CPU and the entry it leads
to: rf and fr at these cells place it in the residency of its root (MMR 3.3, 5.7) and at the age of
its entry (MMR 3.2).  No fence, no LOCK and no dependency orders a walk (MMR 2.1, 3.7).
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from verifier.model.candidate import Candidate

X = Candidate[Any, Any]


def walk(x: X) -> Any:
    """A walk precedes the use it serves (MMR 3.3)."""
    return x.trans


def fresh(x: X) -> Any:
    """T-FRESH (i): a use after an invalidation that covers its address is served by a walk after
    that invalidation (MMR 0.2, 5.4, 5.6; SDM 4.10.4.1)."""
    return (x.po & x.covers) @ ~x.trans


def start(x: X) -> Any:
    """What the TLB held at the start is older than every invalidation."""
    return x.INIT * x.INV


def forward_issue(x: X) -> Any:
    """A walk that reads a store of its own CPU reads it after it was executed (MMR 3.5)."""
    return reduce(lambda a, c: a | (x.issue @ c.forwarded), x.cells, x.none)


def forward_pending(x: X) -> Any:
    """A walk that is forwarded from the store buffer happens before the store's commit (MMR 3.5)."""
    return reduce(lambda a, c: a | ~c.forwarded, x.cells, x.none)


def forward_newest(x: X) -> Any:
    """It is forwarded the newest own store: newer ones are executed after it (MMR 3.5)."""
    return reduce(lambda a, c: a | (~c.forwarded @ (c.co & x.po) @ ~x.issue), x.cells, x.none)
