"""Base relations of page walks and of the entries that are cached from them; see ``relate``."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.model.candidate import Candidate
from verifier.solve.clauses import NO, YES
from verifier.solve.covers import covers_upper, covers_use
from verifier.solve.encoding import Encoding
from verifier.solve.sites import Chain, InvalidationSite, Level, Use, Write
from verifier.solve.symbolic import SymbolicEvents, SymbolicRelation

Symbolic = Candidate[SymbolicRelation, SymbolicEvents]


def translation(e: Encoding, x: Symbolic) -> None:
    """What serves each use, what each invalidation covers, and which events precede a condition's use."""
    chains: dict[int, Chain] = {}  # each once: where software fills TLBs, one serves several uses
    for use in e.uses:
        for served, chain in use.served:
            chains.setdefault(id(chain), chain)
            for level in chain.levels:
                if level.node != use.node:
                    _serves(e, x, use, level.node, e.clauses.both(served, level.last))
                if use.dirty is not None:
                    x.marks.add(level.node, use.dirty, e.clauses.both(served, level.last))
        for entry in use.initial:
            _serves(e, x, use, e.init, entry.done)
    chains |= {id(c): c for use in e.uses for c in use.faults} | {id(u.chain): u.chain for u in e.updates}
    for chain in chains.values():
        _chain(e, x, chain)
    for use in e.uses:
        for inv in e.invalidations:
            e.clauses.check(len(x.covers.may))
            if inv.cpu != use.cpu or (use.event is not None and inv.node == e.faults.get(use.event.id)):
                continue
            removed = covers_use(e, inv, use)
            for at, when in _instants(e, use):
                x.covers.add(inv.node, at, e.clauses.both(when, removed))
                if at != use.node:
                    _either_way(e.choices["remote"], x.remote, inv.node, at)
            if use.event is None:
                _asked(e, x, inv, use)
            elif inv.remote:
                _either_way(e.choices["remote"], x.remote, inv.node, use.node)
        if use.snapshot is not None:
            x.seen.add(use.node, use.snapshot)
    if e.model.switches.walk_forward == "forward_always":
        _apart(e, x)


def _instants(e: Encoding, use: Use) -> list[tuple[int, int]]:
    """The nodes at which a translation may be used, each with its literal. An instruction that is executed
    uses it where its copy is read (MMR 10.1)."""
    copy = e.fetches.get(use.event.id) if use.event is not None and e.model.switches.spontaneous else None
    if copy is None:
        return [(use.node, YES)]
    return [(copy, -use.stale), *([(use.node, use.stale)] if use.stale != NO else [])]


def _serves(e: Encoding, x: Symbolic, use: Use, node: int, literal: int) -> None:
    """The last read of a walk, or the start, serves a use."""
    for at, when in _instants(e, use):
        x.trans.add(node, at, e.clauses.both(when, literal))


def _chain(e: Encoding, x: Symbolic, chain: Chain) -> None:
    """The order of a walk's reads, and which upper entries each invalidation removes."""
    levels = chain.levels
    for k, level in enumerate(levels):
        for upper in levels[:k]:
            if upper.node != level.node:
                x.levels.add(upper.node, level.node, _both(e, upper, level))
    steps = list(_steps(levels))
    for upper, level in steps:
        x.next.add(upper.node, level.node, _both(e, upper, level))
    for inv in e.invalidations if steps else ():
        e.clauses.check(len(x.covers_upper.may))
        if inv.cpu != chain.cpu:
            continue
        for upper, level in steps:
            going = e.clauses.both(upper.done, -upper.last)
            literal = e.clauses.both(going, covers_upper(e, inv, chain, upper))
            x.covers_upper.add(inv.node, upper.node, literal)
            if literal != NO and e.floats(level.node):
                _either_way(e.choices["aged"], x.aged, inv.node, level.node)


def _both(e: Encoding, upper: Level, level: Level) -> int:
    """The literal that a walk goes on from one level and reads another."""
    return e.clauses.all((level.done, upper.done, -upper.last))


def _steps(levels: list[Level]) -> Iterator[tuple[Level, Level]]:
    """Each level from which a walk may go on, with the levels that may be its next one: one at which it ends,
    and one from which it goes on."""
    for k, upper in enumerate(levels):
        for level in levels[k + 1 :] if upper.last != upper.done else ():
            yield upper, level
            if level.last != level.done:
                break


def _either_way(chosen: dict[tuple[int, int], int], relation: SymbolicRelation, a: int, b: int) -> None:
    """One of two events is before the other."""
    if (a, b) not in chosen:
        first = chosen[a, b] = relation.space.clauses.new()
        relation.add(a, b, first)
        relation.add(b, a, -first)


def _asked(e: Encoding, x: Symbolic, inv: InvalidationSite, use: Use) -> None:
    """A condition's use is after the invalidations that are past at its instant."""
    if use.snapshot is None:
        x.po.add(inv.node, use.node)
        return
    key = inv.node, use.snapshot
    if key not in e.past:
        e.past[key] = e.clauses.new()
        x.seen.add(*key, e.past[key])
        x.seen.add(key[1], key[0], -e.past[key])
    x.po.add(inv.node, use.node, e.past[key])


def _apart(e: Encoding, x: Symbolic) -> None:
    """Where walks are always forwarded: while an own store waits, a walk's read of its cell is forwarded that
    store or a newer one."""
    forwarded: dict[int, list[tuple[Write, int]]] = {}
    for s in e.sources:
        if s.forwarded and s.write is not None and s.read.kind == "walk":
            forwarded.setdefault(s.read.node, []).append((s.write, s.literal))
    for read in [r for r in e.reads if r.kind == "walk"]:
        e.clauses.check(len(x.apart.may))
        for w in e.writes:
            if w.cpu != read.cpu or not w.buffered or w.issue is None:
                continue
            same = e.clauses.any(
                e.clauses.both(w.where[c], read.where[c]) for c in w.where if c in read.where
            )
            newer = [
                x if other is w else e.clauses.both(x, e.po_between(
                    e.program.events[w.at], e.program.events[other.at]))
                for other, x in forwarded.get(read.node, ())
            ]  # fmt: skip
            needed = e.clauses.all([same, *(-n for n in newer)])
            if needed == NO:
                continue
            first = e.choices["apart"].setdefault((w.node, read.node), e.clauses.new())
            x.apart.add(w.node, read.node, e.clauses.both(needed, first))
            x.apart.add(read.node, w.issue, e.clauses.both(needed, -first))
