"""The orders that a run of the machine has chosen: what came first, where either could have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from verifier.explore.instants import Instants
from verifier.program.invalidations import INVALIDATING, invalidation

Order = Literal["aged", "remote", "apart", "grace"]


def chosen(facts: Instants) -> dict[Order, frozenset[tuple[int, int]]]:
    """The orders that the run has chosen, the earlier node first."""
    pairs: dict[Order, set[tuple[int, int]]] = {name: set() for name in ("aged", "remote", "apart", "grace")}
    invalidations = list(_invalidations(facts))
    for w in facts.walks:
        mine = [n for n, cpu in invalidations if cpu == w.cpu]
        pairs["aged"] |= {(n, level) for level, _, _ in w.levels[1:] for n in mine}
        pairs["remote"] |= {(n, w.use) for n in mine if n in facts.flushes}
        stores = [e for e in facts.issues if facts.program.events[e].cpu == w.cpu and e not in facts.faults]
        pairs["apart"] |= {(e, n) for e in stores for n, _, _ in w.levels}
    for lock, _ in facts.program.sections():
        for start, _ in facts.program.grace_periods():
            if {lock.id, start.id} <= facts.executed and lock.kind != "held":
                pairs["grace"].add((lock.id, start.id))
    turns = facts.turns
    return {
        name: frozenset(p if turns[p[0]] < turns[p[1]] else p[::-1] for p in found if p[0] != p[1])
        for name, found in pairs.items()
    }


def past(facts: Instants) -> frozenset[tuple[int, int]]:
    """(invalidation, snapshot) if the invalidation is before the snapshot."""
    return frozenset(
        (n, s)
        for n, _ in _invalidations(facts)
        for s in facts.snapshots.values()
        if facts.turns[n] < facts.turns[s]
    )


def _invalidations(facts: Instants) -> Iterator[tuple[int, int]]:
    """The nodes that remove translations, each with its CPU."""
    for e in facts.program.events:
        if e.id in facts.executed and e.op in INVALIDATING and not invalidation(e.kind).broadcast:
            yield e.id, e.cpu
    yield from ((node, facts.program.events[e].cpu) for e, node in facts.faults.items())
    yield from ((node, cpu) for node, (_, cpu) in facts.flushes.items())
