"""The symbolic candidate execution of an encoding: its base relations over literals.

What is said here is only what an execution *is*: each executed read takes its value from one
write, writes to a cell are totally ordered, a handler lies between two instants, a use of a
translation is served by one walk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verifier.model.candidate import Candidate, CellRelations
from verifier.model.roles import drains, invalidates
from verifier.program.values import Ptr
from verifier.solve.clauses import FALSE, TRUE
from verifier.solve.sites import Literals, Read, Source, Use, Write
from verifier.solve.symbolic import Space, SymbolicEvents, SymbolicRelation

if TYPE_CHECKING:
    from verifier.solve.encode import Encoding

Symbolic = Candidate[SymbolicRelation, SymbolicEvents]


def candidate(e: Encoding) -> Symbolic:
    """The candidate; adds to the encoding's clauses what ties its literals together."""
    space = Space(e.nodes, e.clauses)
    parts: dict[str, Any] = {name: SymbolicEvents(space) for name in ("I", "S", "D", "INV", "USE", "INIT")}
    for name in (
        "po",
        "loc",
        "rfe",
        "rfi",
        "co",
        "issue",
        "trans",
        "covers",
        "sent",
        "acked",
        "seen",
        "none",
    ):
        parts[name] = SymbolicRelation(space)
    x = Symbolic(cells=[], translated=bool(e.uses), **parts)
    _sets(e, x)
    _program_order(e, x)
    _locations(e, x)
    _memory(e, x)
    _translation(e, x)
    _interrupts(e, x)
    return x


def _sets(e: Encoding, x: Symbolic) -> None:
    late = {w.node for w in e.writes if w.buffered}
    for event in e.program.events:
        done = e.executed[event.id]
        (x.S if event.id in late else x.I).add(event.id)
        if drains(event):
            x.D.add(event.id, done)
        if invalidates(event):
            x.INV.add(event.id, done)
    for issue in e.issues.values():
        x.I.add(issue)
    for use in e.uses:
        x.USE.add(use.node)
        if use.event is None:
            x.I.add(use.node)
        if use.fault != FALSE:
            x.D.add(use.node, use.fault)
            x.INV.add(use.node, use.fault)
    x.INIT.add(e.init)


def _program_order(e: Encoding, x: Symbolic) -> None:
    """Static order inside a body; for handlers, the literals of their place."""
    lines: list[list[tuple[int, int]]] = []
    for body in e.program.bodies:
        line: list[tuple[int, int]] = []
        for event in body.events:
            issue = e.issues.get(event.id)
            if issue is not None:
                line.append((issue, event.id))
                x.issue.add(issue, event.id)
            line.append((event.id, event.id))
        lines.append(line)
        after = 0
        for node, _ in reversed(line):
            x.po.must[node] |= after
            after |= 1 << node
    for body in e.program.bodies:
        for other in e.program.bodies:
            if body.cpu != other.cpu or body is other or body.kind != "handler":
                continue
            if other.kind == "handler" and body.id > other.id:
                continue
            _interleave(e, x, lines[body.id], lines[other.id], body.id, other.id)


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
        for mine, _ in handler:
            x.po.add(mine, node, first)
            x.po.add(node, mine, -first)


def _locations(e: Encoding, x: Symbolic) -> None:
    """Pairs of one CPU that access one cell, one of them writing."""
    both = e.clauses.both
    sites: dict[tuple[int, Ptr], list[tuple[int, int, bool]]] = {}
    for w in e.writes:
        for cell, done in w.where.items():
            sites.setdefault((w.cpu, cell), []).append((w.node, done, True))
    for r in e.reads:
        if r.kind == "load":
            for cell, done in r.where.items():
                sites.setdefault((r.cpu, cell), []).append((r.node, done, False))
    for here in sites.values():
        for i, (a, done, writes) in enumerate(here):
            if not writes:
                break  # writes come first
            for b, too, _ in here[:i] + here[i + 1 :]:
                if a != b:
                    literal = both(done, too)
                    x.loc.add(a, b, literal)
                    x.loc.add(b, a, literal)


def _memory(e: Encoding, x: Symbolic) -> None:
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
        x.cells.append(relations)
        for r in reading:
            _sources(e, x, relations, cell, r, here)
        for i, a in enumerate(here):
            relations.co.add(e.init, a.node, a.where[cell])
            for b in here[:i]:
                done = both(a.where[cell], b.where[cell])
                if done == FALSE or a.node == b.node:
                    continue
                first = e.co_literal(a, b)
                relations.co.add(a.node, b.node, both(done, first))
                relations.co.add(b.node, a.node, both(done, -first))
        x.co = x.co | relations.co


def _sources(
    e: Encoding,
    x: Symbolic,
    relations: CellRelations[SymbolicRelation],
    cell: Ptr,
    read: Read,
    writers: list[Write],
) -> None:
    """Each done read takes its value from exactly one write that is done at that cell."""
    clauses = e.clauses
    done = read.where[cell]
    candidates: list[tuple[Write | None, bool]] = []
    hidden_before = -1
    if read.kind == "load":
        for w in writers:
            if w.body == read.body and w.at < read.at and w.where[cell] == TRUE:
                hidden_before = max(hidden_before, w.at)
    if hidden_before < 0:
        candidates.append((None, False))
    for w in writers:
        if read.kind == "load" and w.body == read.body and not hidden_before <= w.at < read.at:
            continue
        if w.node == read.node:
            continue
        candidates.append((w, False))
        if read.kind == "walk" and w.cpu == read.cpu and w.buffered:
            candidates.append((w, True))
    if done == TRUE and len(candidates) <= 2:
        literals = clauses.one_hot(len(candidates))
    elif len(candidates) == 1:
        literals = [done]
    else:
        literals = [clauses.new() for _ in candidates]
        clauses.add(-done, *literals)
        clauses.at_most_one(literals)
        for literal in literals:
            clauses.add(-literal, done)
    init = {e.program.cells[cell].init: TRUE}
    for (source, forwarded), literal in zip(candidates, literals, strict=True):
        if literal == FALSE:
            continue
        if source is not None:
            clauses.add(-literal, source.where[cell])
        for value, has in (source.values if source is not None else init).items():
            clauses.add(-literal, -has, read.values.get(value, FALSE))
        e.sources.append(Source(literal, cell, source, read, forwarded))
        node = source.node if source is not None else e.init
        relations.rf.add(node, read.node, literal)
        if forwarded:
            relations.forwarded.add(node, read.node, literal)
        elif source is not None and source.cpu == read.cpu and read.kind == "load":
            x.rfi.add(node, read.node, literal)
        else:
            x.rfe.add(node, read.node, literal)


def _translation(e: Encoding, x: Symbolic) -> None:
    """Who serves each use, which invalidations cover it, and what a condition's use comes after."""
    for use in e.uses:
        if use.walk:
            x.trans.add(use.walk.node, use.node, use.walk.chosen)
        for literal, _, _ in use.initial:
            x.trans.add(e.init, use.node, literal)
    # (event, its CPU, literal that it is done, virtual addresses it covers or None for all)
    covering: list[tuple[int, int, int, Literals | None]] = [
        (v.id, v.cpu, e.executed[v.id], e.literals(v.args[0]) if v.kind == "invlpg" else None)
        for v in e.program.events
        if invalidates(v)
    ]
    covering += [(u.node, u.cpu, u.fault, u.vas) for u in e.uses if u.fault != FALSE]
    for use in e.uses:
        for node, cpu, done, vas in covering:
            if cpu == use.cpu and node != use.node:
                _cover(e, x, node, use, done, vas)
    until: dict[int, int] = {}
    for (node, snapshot), known in e.past.items():
        if known == TRUE:
            x.seen.add(node, snapshot)
            until[node] = snapshot
        else:
            literal = e.past[node, snapshot] = e.clauses.new()
            x.seen.add(node, snapshot, literal)
            x.seen.add(snapshot, node, -literal)
    for use in e.uses:
        if use.event is None:
            for node, cpu, _, _ in covering:
                if cpu == use.cpu:
                    snapshot_of = until.get(use.node)
                    x.po.add(node, use.node, TRUE if snapshot_of is None else e.past[node, snapshot_of])


def _cover(
    e: Encoding,
    x: Symbolic,
    node: int,
    use: Use,
    done: int,
    vas: Literals | None,
) -> None:
    """Rule 5.1: which uses an invalidation covers; ``vas`` None means all."""
    both = e.clauses.both
    same = TRUE
    if vas is not None:
        same = e.clauses.any(both(lit, use.vas[va]) for va, lit in vas.items() if va in use.vas)
    x.covers.add(node, use.node, both(done, same))


def _interrupts(e: Encoding, x: Symbolic) -> None:
    for body in e.program.bodies:
        if body.send is not None:
            x.sent.add(body.send.id, body.events[0].id, e.ran[body.id])
    for event in e.program.events:
        if event.op == "WAIT":
            for handler in event.handlers:
                done = e.clauses.both(e.executed[event.id], e.ran[handler])
                x.acked.add(e.program.bodies[handler].events[-1].id, event.id, done)
