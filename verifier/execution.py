"""One concrete execution: what a witness is, re-checked from the program alone, and told as a story.

An ``Execution`` is data that anyone may have produced.  ``check`` believes none of it: it runs the
program again with the values the reads are said to have returned, compares every rf pair with what
was written, and interprets the model's equations over concrete pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.model import Candidate, Events, Model, Relation, violations
from verifier.model.candidate import CellRelations
from verifier.model.roles import buffered, drains, invalidates
from verifier.program.events import Access, Event, Program
from verifier.program.values import FAULT, Ptr, Value, apply, evaluate, truth


class From(NamedTuple):
    """``read`` took ``value`` at ``cell`` from ``write`` (None: the initial state)."""

    cell: Ptr
    write: int | None
    read: int
    value: Value
    forwarded: bool = False


class Translation(NamedTuple):
    """How a use came by its page. ``walk`` is None for an entry that the TLB held at the start.

    ``event`` is None for a use by a condition (observable ``observable``).
    """

    use: int
    cpu: int
    va: Ptr
    page: Value
    walk: int | None
    event: int | None = None
    observable: int | None = None


@dataclass(slots=True, eq=False)
class Execution:
    """One execution of ``program`` under ``model``.

    Events are numbered as in the program; further numbers are issues of stores, page walks, uses by
    conditions, snapshots and, last, the initial state. ``order`` lists each CPU's executed bodies'
    events in program order, handlers where they ran. ``past`` has, for each snapshot, the
    invalidations before it.
    """

    program: Program
    model: Model
    executed: frozenset[int]
    slots: dict[int, Value]
    order: list[list[int]]
    reads: list[From]
    co: dict[Ptr, list[int]]
    issues: dict[int, int]
    translations: list[Translation]
    faults: frozenset[int]
    snapshots: dict[int, int] = field(default_factory=dict)
    past: frozenset[tuple[int, int]] = frozenset()
    observed: dict[int, Value] = field(default_factory=dict)

    # -- re-checking ----------------------------------------------------------------------------

    def check(self) -> list[str]:
        """Everything that is wrong with this execution; empty if it is one of the model."""
        wrong = self._check_control() + self._check_values() + self._check_translations()
        wrong += self._check_order()
        if not wrong:
            wrong += violations(self.model, self.candidate())
        return wrong

    def written(self, event: Event, access: Access) -> Value | None:
        """The value an executed event writes by an access; None if it writes nothing."""
        if access.value is None or event.id in self.faults or not truth(evaluate(access.when, self.slots)):
            return None
        return evaluate(access.value, self.slots)

    def cell(self, event: Event, access: Access) -> Ptr | None:
        """The cell an executed event touches by an access; None if it faulted."""
        address = evaluate(access.addr, self.slots)
        if event.virtual:
            page = next((t.page for t in self.translations if t.event == event.id), None)
            if page is None:
                return None
            address = apply("page_data", (page,))
        return address if isinstance(address, Ptr) else None

    def _check_control(self) -> list[str]:
        wrong: list[str] = []
        for event in self.program.events:
            if truth(evaluate(event.guard, self.slots)) != (event.id in self.executed):
                wrong.append(f"event {event.id}: executed against its guard")
        for expr in self.program.assumes:
            if not truth(evaluate(expr, self.slots)):
                wrong.append("an assumption fails")
        for expr in self.program.cuts:
            if truth(evaluate(expr, self.slots)):
                wrong.append("the run was cut")
        return wrong

    def _written_at(self) -> dict[tuple[int, Ptr], Value]:
        out: dict[tuple[int, Ptr], Value] = {}
        for event in self.program.events:
            if event.id in self.executed:
                for access in event.accesses:
                    value, cell = self.written(event, access), self.cell(event, access)
                    if value is not None and cell is not None:
                        out[event.id, cell] = value
        return out

    def _check_values(self) -> list[str]:
        wrong: list[str] = []
        written = self._written_at()
        found = {(r.read, r.cell): r.value for r in self.reads}
        for r in self.reads:
            source = self.program.cells[r.cell].init if r.write is None else written.get((r.write, r.cell))
            if source != r.value:
                wrong.append(f"event {r.read} reads {r.value} of {r.cell}, but {source} was written")
        for event in self.program.events:
            if event.id not in self.executed or event.op == "T":
                continue
            for access in event.accesses:
                if access.slot is None:
                    continue
                cell = self.cell(event, access)
                value: Value | None = None
                if event.id in self.faults:
                    value = FAULT
                elif cell is not None:
                    value = found.get((event.id, cell))
                if value is None or self.slots.get(access.slot) != value:
                    wrong.append(f"event {event.id} returned {self.slots.get(access.slot)}, not {value}")
        order = {cell: set(events) for cell, events in self.co.items()}
        for event_id, cell in written:
            if event_id not in order.get(cell, ()):
                wrong.append(f"event {event_id} is missing in co of {cell}")
        if sum(map(len, self.co.values())) != len(written):
            wrong.append("co orders events that write nothing")
        return wrong

    def _check_translations(self) -> list[str]:
        wrong: list[str] = []
        found = {(r.read, r.cell): r.value for r in self.reads}
        served = {t.event for t in self.translations}
        for event in self.program.events:
            if not event.virtual or event.id not in self.executed:
                continue
            va = evaluate(event.accesses[0].addr, self.slots)
            if event.id in self.faults:
                if event.id in served:
                    wrong.append(f"event {event.id} faults and is translated")
                node = self.issues.get(event.id, event.id)
                entry = apply("pte", (found.get((node, Ptr(f"{event.cpu}:cr3")), 0), va))
                if isinstance(found.get((node, entry)), Ptr | None):  # type: ignore[arg-type]
                    wrong.append(f"event {event.id} faults on a present entry")
                continue
            mine = [t for t in self.translations if t.event == event.id]
            if len(mine) != 1 or mine[0].va != va:
                wrong.append(f"event {event.id} is not translated once")
                continue
            slot = event.accesses[0].slot
            if event.op == "T" and slot is not None and self.slots.get(slot) != mine[0].page:
                wrong.append(f"event {event.id} returned another page than its translation's")
        for t in self.translations:
            if t.walk is None:
                if (t.cpu, 0, t.va, t.page) not in self.program.tlb:
                    wrong.append(f"use {t.use}: no such initial entry")
                continue
            entry = apply("pte", (found.get((t.walk, Ptr(f"{t.cpu}:cr3")), 0), t.va))
            if found.get((t.walk, entry)) != t.page or not isinstance(t.page, Ptr):  # type: ignore[arg-type]
                wrong.append(f"walk {t.walk} does not read {t.page}")
        return wrong

    def _check_order(self) -> list[str]:
        """Each body in program order, handlers in one piece; sent exactly those that ran."""
        wrong: list[str] = []
        seen: list[int] = []
        for cpu, line in enumerate(self.order):
            seen += line
            bodies = [self.program.events[e].body for e in line]
            for body in self.program.bodies:
                mine = [e for e in line if self.program.events[e].body == body.id]
                if mine != sorted(mine) or (mine and body.cpu != cpu):
                    wrong.append(f"{body.name} is out of program order")
                if body.kind == "handler" and mine:
                    first = bodies.index(body.id)
                    if any(b != body.id for b in bodies[first : first + len(mine)]):
                        wrong.append(f"{body.name} is interrupted")
        if sorted(seen) != sorted(self.executed):
            wrong.append("program order and executed events differ")
        return wrong

    # -- the candidate --------------------------------------------------------------------------

    def lines(self) -> list[list[int]]:
        """Each CPU's instants in program order, issues before their commits."""
        return [
            [n for e in line for n in ((self.issues[e], e) if e in self.issues else (e,))]
            for line in self.order
        ]

    def buffered(self, event: int) -> bool:
        """Is this event the commit of a buffered store?"""
        return self.model.buffered and buffered(self.program.events[event], self.program)

    def candidate(self) -> Candidate[Relation, Events]:
        """The base relations as concrete pairs."""
        program, none = self.program, Relation()
        events = [e for e in program.events if e.id in self.executed]
        lines = self.lines()
        late = Events(e.id for e in events if self.buffered(e.id) and e.id not in self.faults)
        unwritten = Events(e.id for e in events if self.buffered(e.id) and e.id in self.faults)
        init = -1
        po = Relation((a, b) for line in lines for i, a in enumerate(line) for b in line[i + 1 :])
        fault_nodes = {self.issues.get(e, e): e for e in self.faults}
        invalidations = {e.id: e for e in events if invalidates(e)}
        invalidations.update({n: program.events[e] for n, e in fault_nodes.items()})
        uses = {t.use: t for t in self.translations}
        seen = Relation(
            p
            for s in self.snapshots.values()
            for n in (*invalidations, *(t.use for t in self.translations if self._at(t) == s))
            for p in [(n, s) if (n, s) in self.past or (n in uses and uses[n].event is None) else (s, n)]
            if self._observer(s, n)
        )
        po = po | Relation(
            (n, t.use)
            for t in self.translations
            if t.event is None
            for n, e in invalidations.items()
            if e.cpu == t.cpu and (self._at(t) is None or (n, self._at(t)) in self.past)
        )
        cells = self._cells(init)
        forwarded = {(r.write, r.read) for r in self.reads if r.forwarded}
        every = Relation(
            (init if r.write is None else r.write, r.read)
            for r in self.reads
            if (r.write, r.read) not in forwarded
        )
        cpu = {n: c for c, line in enumerate(lines) for n in line}
        rfi = Relation((a, b) for a, b in every if a in cpu and cpu.get(b) == cpu[a])
        touched = self._touched()
        return Candidate(
            I=Events(n for line in lines for n in line if n not in late and n not in unwritten)
            | (t.use for t in self.translations if t.event is None),
            S=late,
            D=Events(e.id for e in events if drains(e)) | fault_nodes,
            INV=Events(invalidations),
            USE=Events(uses),
            INIT=Events([init]),
            po=po,
            loc=Relation(
                (a, b)
                for mine in touched.values()
                for a, writes in mine
                for b, too in mine
                if a != b and (writes or too) and cpu[a] == cpu[b]
            ),
            cells=cells,
            rfe=Relation(every - rfi),
            rfi=rfi,
            co=Relation(p for c in cells for p in c.co),
            issue=Relation((i, e) for e, i in self.issues.items() if e in self.executed),
            trans=Relation((init if t.walk is None else t.walk, t.use) for t in self.translations),
            covers=Relation(
                (n, t.use)
                for n, e in invalidations.items()
                for t in self.translations
                if e.cpu == t.cpu and n != t.use and self._covers(e, n in fault_nodes, t)
            ),
            sent=self._sent(),
            acked=self._acked(),
            seen=seen,
            none=none,
            translated=bool(self.translations or self.faults),
        )

    def _at(self, t: Translation) -> int | None:
        """The snapshot at which a condition uses a translation; None: at the end."""
        if t.observable is None:
            return None
        at = self.program.observables[t.observable].at
        return None if at is None else self.snapshots[at]

    def _observer(self, snapshot: int, node: int) -> bool:
        """Does a snapshot's instant matter to this invalidation or use?"""
        mine = [t for t in self.translations if self._at(t) == snapshot]
        if any(t.use == node for t in mine):
            return True
        return (node, snapshot) in self.past or any(self._cpu(node) == t.cpu for t in mine)

    def _cpu(self, node: int) -> int | None:
        for event, issue in self.issues.items():
            if issue == node:
                node = event
        return self.program.events[node].cpu if node < len(self.program.events) else None

    def _covers(self, event: Event, fault: bool, t: Translation) -> bool:
        """Rule 5.1, concretely."""
        if fault:
            return evaluate(event.accesses[0].addr, self.slots) == t.va
        return event.kind != "invlpg" or evaluate(event.args[0], self.slots) == t.va

    def _cells(self, init: int) -> list[CellRelations[Relation]]:
        out: list[CellRelations[Relation]] = []
        for cell in self.program.cells:
            mine = [r for r in self.reads if r.cell == cell]
            order = [init, *self.co.get(cell, ())]
            out.append(
                CellRelations(
                    rf=Relation((init if r.write is None else r.write, r.read) for r in mine),
                    co=Relation((a, b) for i, a in enumerate(order) for b in order[i + 1 :]),
                    forwarded=Relation(
                        (r.write, r.read) for r in mine if r.forwarded and r.write is not None
                    ),
                )
            )
        return out

    def _touched(self) -> dict[Ptr, list[tuple[int, bool]]]:
        """cell -> events in program order that touch it, with whether they write it."""
        out: dict[Ptr, list[tuple[int, bool]]] = {}
        for event_id, cell in self._written_at():
            out.setdefault(cell, []).append((event_id, True))
        inside = {n for line in self.lines() for n in line}
        for r in self.reads:
            if r.read in inside:
                out.setdefault(r.cell, []).append((r.read, False))
        return out

    def _sent(self) -> Relation:
        return Relation(
            (body.send.id, body.events[0].id)
            for body in self.program.bodies
            if body.send is not None and body.events[0].id in self.executed
        )

    def _acked(self) -> Relation:
        returns = {b.id: b.events[-1].id for b in self.program.bodies if b.kind == "handler"}
        return Relation(
            (returns[handler], event.id)
            for event in self.program.events
            if event.op == "WAIT" and event.id in self.executed
            for handler in event.handlers
            if returns[handler] in self.executed
        )

    # -- its end --------------------------------------------------------------------------------

    def final(self, cell: Ptr) -> Value:
        """What a cell holds in the end."""
        order = self.co.get(cell)
        if not order:
            return self.program.cells[cell].init
        event = self.program.events[order[-1]]
        for access in event.accesses:
            if self.cell(event, access) == cell:
                value = self.written(event, access)
                if value is not None:
                    return value
        raise KeyError(cell)

    def values(self) -> dict[int, Value]:
        """All observables at the end: registers and memory computed, the others as witnessed."""
        out: dict[int, Value] = {}
        uses = {t.observable for t in self.translations}
        at_snapshot = {(r.read, r.cell): r.value for r in self.reads}
        for index, o in enumerate(self.program.observables):
            if o.kind == "reg" and o.expr is not None:
                out[index] = evaluate(o.expr, self.slots)
            elif o.kind == "mem" and o.cell is not None:
                if o.at is None:
                    out[index] = self.final(o.cell)
                elif o.at in self.snapshots:
                    value = at_snapshot.get((self.snapshots[o.at], o.cell))
                    if value is not None:
                        out[index] = value
            elif o.kind == "tlb":
                out[index] = int(index in uses)
        for index, o in enumerate(self.program.observables):
            if o.kind == "ever" and o.expr is not None:
                claimed = self.observed.get(index, 0)
                out[index] = int(bool(claimed) and truth(evaluate(o.expr, self.slots, out)))
        return out

    def state(self) -> tuple[Value, ...]:
        """The final state: the shown observables in order."""
        values = self.values()
        return tuple(values[i] for i in self.program.shown)
