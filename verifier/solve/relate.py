"""The symbolic candidate execution of an encoding: its base relations over literals.

This module says only what an execution *is*: each executed read takes its value from one
write, writes to a cell are totally ordered, a handler lies between two instants, one walk serves a use of a
translation.
"""

from __future__ import annotations

from itertools import combinations

from verifier.model.candidate import CellRelations, Feature, blank
from verifier.model.roles import bare, buffered, instant, sets_under
from verifier.program.events import Body, Event
from verifier.program.values import Ptr
from verifier.solve.clauses import NO, YES
from verifier.solve.encoding import Encoding
from verifier.solve.relate_interrupts import between_functions, interrupts, without_interrupt
from verifier.solve.relate_walks import Symbolic, translation
from verifier.solve.sites import WALKER, Read, RfSource, Write
from verifier.solve.symbolic import Space, SymbolicEvents, SymbolicRelation


def candidate(e: Encoding) -> Symbolic:
    """The candidate. Adds the clauses that tie its literals together to those of the encoding."""
    space = Space(e.nodes, e.clauses)
    cells: list[CellRelations[SymbolicRelation]] = []
    x = blank(lambda: SymbolicEvents(space), lambda: SymbolicRelation(space), cells, _features(e))
    _sets(e, x)
    _program_order(e, x)
    _locations(e, x)
    _fetches(e, x)
    _memory(e, x, cells)
    translation(e, x)
    _broadcast(e, x)
    interrupts(e, x)
    _grace_periods(e, x)
    return x


def _features(e: Encoding) -> frozenset[Feature]:
    events = e.program.events
    ops = {(v.op, v.kind) for v in events}
    chains = [c for u in e.uses for c in (*(c for _, c in u.served), *u.faults)]
    chains += [u.chain for u in e.updates]
    found: dict[Feature, bool] = {
        "translation": bool(e.uses or e.updates),
        "uppers": any(len(c.levels) > 1 for c in chains),
        "fetch": bool(e.fetches) or e.model.switches.fault_walk == "spurious_once",
        "broadcast": bool(e.flushes) or any(v.op == "IF" and v.virtual for v in events),
        "icr": any(bare(v) for v in events if v.op == "SEND"),
        "rcu": any(op == "GP" or (op == "SEND" and kind == "rcu") for op, kind in ops),
        "nt": ("W", "nt") in ops or ("F", "sfence") in ops,
        "sends": any(op in ("SEND", "WAIT") for op, _ in ops),
        "issues": bool(e.issues),
        "snapshots": bool(e.snapshots),
    }
    return frozenset(name for name, there in found.items() if there)


def _sets(e: Encoding, x: Symbolic) -> None:
    """The sets of executed events. ``I`` and ``S`` may contain events that are not executed, too: if an event
    is in these alone, it adds no order. In all other sets it would, so these have executed events alone."""
    switches, both = e.model.switches, e.clauses.both
    late = {w.node for w in e.writes if w.buffered}
    faults = {u.event.id: u.fault for u in e.uses if u.event is not None}
    between, found = between_functions(e), without_interrupt(e)
    sets = sets_under(switches)
    for event in e.program.events:
        of = sets[event.op, event.kind, event.serializing]
        come = done = e.executed[event.id]
        if between:
            come = done = both(come, -between.get(event.id, NO))
        if event.id in faults:
            done = both(come, -faults[event.id])
        if event.id in late:
            (x.NT if event.kind == "nt" else x.S).add(event.id)
        elif of.instant:
            x.I.add(event.id)
        if of.queued and e.model.buffered:
            x.S.add(event.id)
            if of.promised:
                x.Q.add(event.id, done)
        if of.holds:
            x.H.add(event.id, come)
        if of.drains:
            x.D.add(event.id, done)
        if of.serializes:
            x.SER.add(event.id, both(done, -found.get(event.id, NO)))
        if of.fences:
            x.SF.add(event.id, done)
        if of.uncached and e.model.buffered:
            x.S.add(event.id)
        elif of.bare:
            x.ICR.add(event.id, done)
    for store, node in e.issues.items():
        x.I.add(node)
        if e.program.events[store].virtual:
            x.H.add(node, e.executed[store])
    for node in (n for nodes in e.loads.values() for n in nodes):
        x.I.add(node)
    for use in e.uses:
        if use.dirty is not None:
            x.I.add(use.dirty)
    for use in e.uses:
        if use.event is None:
            x.I.add(use.node)
        elif use.fault != NO:
            node = e.faults[use.event.id]
            x.I.add(node)
            x.H.add(node, use.fault)
            x.D.add(node, use.fault)
    for v in e.invalidations:
        x.INV.add(v.node, v.done)
    x.INIT.add(e.init)


def _instants(e: Encoding, event: int) -> list[int]:
    """An event's own instants in order: the loads of its walk, the update of D, the issue or the event, a
    fault, the commit."""
    loads = e.loads.get(event, [])
    dirty = next((u.dirty for u in e.uses if u.event is not None and u.event.id == event), None)
    issue, fault = e.issues.get(event), e.faults.get(event)
    if issue is None:
        return [*loads, *(n for n in (dirty, event, fault) if n is not None)]
    return [*loads, *(n for n in (dirty, issue, fault, event) if n is not None)]


def _program_order(e: Encoding, x: Symbolic) -> None:
    """Static order inside a body; for handlers, the literals of their place."""
    lines: list[list[tuple[int, int]]] = []
    for body in e.program.bodies:
        line: list[tuple[int, int]] = []
        for event in body.events:
            line += [(node, event.id) for node in _instants(e, event.id)]
            if event.id in e.issues:
                x.issue.add(e.issues[event.id], event.id)
        lines.append(line)
        after = 0
        for node, _ in reversed(line):
            x.po.must[node] |= after
            after |= 1 << node
    for body in e.program.bodies:
        for other in e.program.bodies:
            if body.cpu != other.cpu or body is other or body.rank < max(other.rank, 1):
                continue
            if body.rank == other.rank and body.id > other.id:
                continue
            _interleave(e, x, handler=lines[body.id], line=lines[other.id], body=body.id, other=other.id)
    for cpu in range(e.program.cpus):
        _one_line(e, [b for b in e.program.bodies if b.cpu == cpu])


def _one_line(e: Encoding, bodies: list[Body]) -> None:
    """Program order is a line. For instants that follows from the axioms. Other events may be unordered
    by the axioms; here they, too, get one place in relation to any two bodies."""
    for a, b in combinations(sorted(bodies, key=lambda b: (-b.rank, b.id)), 2):
        e.clauses.check()
        for other in bodies if b.rank else ():
            for at in other.events if other.rank < b.rank else ():
                if instant(at, e.model.switches) and not buffered(at, e.program):
                    continue
                first, second = (e.po_literal(x.id, -1, other.id, at.id) for x in (a, b))
                e.clauses.add(-e.po_literal(a.id, -1, b.id, b.events[-1].id), -second, first)
                e.clauses.add(e.po_literal(a.id, -1, b.id, b.events[0].id), second, -first)


def _interleave(
    e: Encoding,
    x: Symbolic,
    handler: list[tuple[int, int]],
    line: list[tuple[int, int]],
    body: int,
    other: int,
) -> None:
    previous = None
    for node, at in line:
        first = e.po_literal(body, -1, other, at)
        if previous is not None and previous != first:
            e.clauses.add(-previous, first)
        previous = first
        e.clauses.check(len(x.po.may))
        for mine, _ in handler:
            x.po.add(mine, node, first)
            x.po.add(node, mine, -first)


def _locations(e: Encoding, x: Symbolic) -> None:
    """Pairs of events of one CPU that access one cell, at least one of them writing."""
    both = e.clauses.both
    sites: dict[tuple[int, Ptr], list[tuple[Write | Read, int]]] = {}
    for w in e.writes:
        for cell, done in w.where.items() if w.cpu != WALKER else ():
            sites.setdefault((w.cpu, cell), []).append((w, done))
    for r in e.reads:
        if r.kind == "load":
            for cell, done in r.where.items():
                sites.setdefault((r.cpu, cell), []).append((r, done))
    for here in sites.values():
        for i, (a, done) in enumerate(here):
            if isinstance(a, Read):
                break  # writes come first
            e.clauses.check(len(x.loc.may))
            for b, too in here[:i] + here[i + 1 :]:
                if a.node != b.node and not _exclusive(e, a, b):
                    literal = both(done, too)
                    x.loc.add(a.node, b.node, literal)
                    x.loc.add(b.node, a.node, literal)


def _memory(e: Encoding, x: Symbolic, cells: list[CellRelations[SymbolicRelation]]) -> None:
    """rf and co, cell by cell."""
    both = e.clauses.both
    readers: dict[Ptr, list[Read]] = {}
    writers: dict[Ptr, list[Write]] = {}
    for w in e.writes:
        for cell in w.where:
            writers.setdefault(cell, []).append(w)
    for r in e.reads:
        for cell in r.where:
            readers.setdefault(cell, []).append(r)
    for cell in e.program.cells:
        here, reading = writers.get(cell, []), readers.get(cell, [])
        if not here and not reading:
            continue
        relations = CellRelations(*(SymbolicRelation(x.none.space) for _ in range(3)))
        cells.append(relations)
        for r in reading:
            _sources(e, x, relations=relations, cell=cell, read=r, writers=here)
        for i, a in enumerate(here):
            e.clauses.check(len(relations.co.may))
            relations.co.add(e.init, a.node, a.where[cell])
            for b in here[:i]:
                done = NO if _exclusive(e, a, b) else both(a.where[cell], b.where[cell])
                if done == NO or a.node == b.node:
                    continue
                first = e.co_literal(a, b)
                relations.co.add(a.node, b.node, both(done, first))
                relations.co.add(b.node, a.node, both(done, -first))
        x.co.take(relations.co)


def _exclusive(e: Encoding, a: Write | Read, b: Write | Read) -> bool:
    """Are two writes, or a write and a load, never both done, as their guards show?"""
    return WALKER not in (a.cpu, b.cpu) and e.domains.branches.exclusive(a.at, b.at)


def _sources(
    e: Encoding,
    x: Symbolic,
    relations: CellRelations[SymbolicRelation],
    cell: Ptr,
    read: Read,
    writers: list[Write],
) -> None:
    """Each done read takes its value from exactly one write that is done at that cell."""
    clauses, branches = e.clauses, e.domains.branches
    clauses.check(len(relations.rf.may))
    done = read.where[cell]
    candidates: list[tuple[Write | None, bool]] = []
    hidden_before = -1
    if read.kind == "load":
        hidden_before = branches.after(e.program.events[read.at], cell)
        for w in writers:
            if w.body == read.body and w.at < read.at and w.where[cell] == YES:
                hidden_before = max(hidden_before, w.at)
    if hidden_before < 0:
        candidates.append((None, False))
    for w in writers:
        if read.kind == "load" and w.body == read.body and not hidden_before <= w.at < read.at:
            continue
        if w.node == read.node or (read.kind == "load" and _exclusive(e, w, read)):
            continue
        candidates.append((w, False))
        if w.cpu == read.cpu and w.buffered and w.issue is not None and _forwardable(e, x, w, read):
            candidates.append((w, True))
    if done == YES and len(candidates) <= 2:
        literals = clauses.one_hot(len(candidates))
    elif len(candidates) == 1:
        literals = [done]
    else:
        literals = [clauses.new() for _ in candidates]
        clauses.add(-done, *literals)
        clauses.at_most_one(literals)
        for literal in literals:
            clauses.add(-literal, done)
    init = {e.program.cells[cell].init: YES}
    for (source, forwarded), literal in zip(candidates, literals, strict=True):
        if literal == NO:
            continue
        if source is not None:
            clauses.add(-literal, source.where[cell])
        for value, has in (source.values if source is not None else init).items():
            clauses.add(-literal, -has, read.values.get(value, NO))
        e.sources.append(RfSource(literal, cell, write=source, read=read, forwarded=forwarded))
        node = source.node if source is not None else e.init
        relations.rf.add(node, read.node, literal)
        if forwarded:
            relations.forwarded.add(node, read.node, literal)
            if read.kind == "fetch":
                clauses.add(-literal, x.smc.literal(node, _user(e, read)))
        elif source is not None and source.cpu == read.cpu and read.kind == "load":
            x.rfi.add(node, read.node, literal)
        else:
            x.rfe.add(node, read.node, literal)


def _forwardable(e: Encoding, x: Symbolic, w: Write, read: Read) -> bool:
    """Walks may read the own store buffer; fetches may read those own stores that they have to see."""
    return read.kind == "walk" or (read.kind == "fetch" and x.smc.may_hold(w.node, _user(e, read)))


def _user(e: Encoding, read: Read) -> int:
    """The fetch that uses a copy."""
    return next(event for event, node in e.fetches.items() if node == read.node)


def _fetches(e: Encoding, x: Symbolic) -> None:
    """Copies and their users, and which own stores a fetch has to see (MMR 10.2)."""
    for event, node in e.fetches.items():
        e.clauses.check()
        done = e.executed[event]
        x.copy.add(node, event, done)
        x.C.add(event, done)
        read = next(r for r in e.reads if r.node == node)
        for w in e.writes:
            if w.cpu == read.cpu:
                same = e.clauses.any(
                    e.clauses.both(w.where[c], read.where[c]) for c in w.where if c in read.where
                )
                x.smc.add(w.node, event, e.clauses.both(same, _seen_by_fetch(e, w, event)))
    for use in e.uses:
        for chain in use.faults:
            last = chain.levels[-1].node if chain.levels else use.node
            if last != use.node and use.event is not None:
                x.copy.add(last, use.node, chain.done)
                x.C.add(use.node, chain.done)


def _seen_by_fetch(e: Encoding, w: Write, fetch: int) -> int:
    """The literal that a fetch has to see a store. By Intel's rule a jump has to lie between them, and both
    have to use the same linear address."""
    store, reader = e.program.events[w.at], e.program.events[fetch]
    before = e.po_between(store, reader)
    if e.model.switches.smc == "amd":
        return before
    same = _same_address(e, store, reader)
    if store.kind == "alias" or same == NO:
        return NO
    jumps = [
        e.clauses.all((e.executed[j.id], e.po_between(store, j), e.po_between(j, reader)))
        for j in e.program.events
        if j.op == "JMP" and j.cpu == w.cpu
    ]
    return e.clauses.all((same, before, e.clauses.any(jumps)))


def _same_address(e: Encoding, a: Event, b: Event) -> int:
    """The literal that two accesses to a word use the same linear address."""
    if a.virtual != b.virtual:
        return NO
    if not a.virtual:
        return YES
    mine, other = (e.literals(x.accesses[0].addr) for x in (a, b))
    return e.clauses.any(e.clauses.both(x, other[va]) for va, x in mine.items() if va in other)


def _broadcast(e: Encoding, x: Symbolic) -> None:
    """INVLPGBs, their effects on each CPU, and the TLBSYNCs that wait for these (MMR 11.3)."""
    for (event, _), node in e.flushes.items():
        issue = e.program.events[event]
        x.broadcast.add(event, node, e.executed[event])
        for sync in e.program.events:
            if sync.op == "TLBSYNC" and sync.cpu == issue.cpu:
                done = e.clauses.both(e.executed[event], e.executed[sync.id])
                x.answers.add(node, sync.id, e.clauses.both(done, e.po_between(issue, sync)))


def _grace_periods(e: Encoding, x: Symbolic) -> None:
    """Each section ends before a grace period does, or begins after it has started (MMR 18.2)."""
    both, graces = e.clauses.both, e.program.grace_periods()
    for lock, unlocks in e.program.sections() if graces else ():
        ends, open_ = [], YES
        for unlock in unlocks:
            ends.append((unlock.id, both(open_, e.executed[unlock.id])))
            open_ = both(open_, -e.executed[unlock.id])
        for start, end in (g for g in graces if e.program.awaits(g[0], lock)):
            done = both(e.executed[lock.id], e.executed[start.id])
            over = both(e.executed[lock.id], e.executed[end.id])
            first = e.choices["grace"][lock.id, start.id] = e.clauses.new()
            e.clauses.add(-over, -first, -open_)  # a grace period that ends waits only for sections that end
            if lock.kind == "held":
                e.clauses.add(-done, first)
            x.grace.add(start.id, lock.id, both(done, -first))
            for unlock_id, ended in ends:
                x.grace.add(unlock_id, end.id, e.clauses.all((over, first, ended)))
            rests = e.rests_at.get(end.id, NO)
            if rests != NO:
                kept = e.clauses.all((rests, done, first, open_))
                e.still_open.setdefault(end.id, []).append(kept)
                if lock.kind != "held" and start.op != "SEND":  # that of a callback may start later (18.3)
                    x.grace.add(lock.id, start.id, kept)
