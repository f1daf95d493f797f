"""A solver's model read back as an ``Execution``, which knows nothing of literals."""

from __future__ import annotations

from functools import cmp_to_key

from verifier.execution import Execution, From, Translation
from verifier.program.values import Ptr, Value
from verifier.solve.clauses import FALSE, TRUE
from verifier.solve.encode import Encoding
from verifier.solve.sites import Literals, Use, Write
from verifier.solve.z3 import Solver


def decode(encoding: Encoding, solver: Solver) -> Execution:
    """The execution that the solver's current model describes."""
    return _Decoder(encoding, solver).execution()


class _Decoder:
    def __init__(self, encoding: Encoding, solver: Solver) -> None:
        self.encoding, self.solver = encoding, solver

    def holds(self, literal: int) -> bool:
        return literal == TRUE or (literal != FALSE and self.solver.value(literal))

    def value(self, literals: Literals) -> Value:
        return next(v for v, x in literals.items() if self.holds(x))

    def execution(self) -> Execution:
        e = self.encoding
        program = e.program
        executed = frozenset(v.id for v in program.events if self.holds(e.executed[v.id]))
        faults = frozenset(u.event.id for u in e.uses if u.event and self.holds(u.fault))
        slots = {
            a.slot: self.value(e.slots[a.slot])
            for v in program.events
            if v.id in executed
            for a in v.accesses
            if a.slot is not None
        }
        translations = [t for u in e.uses for t in self.translation(u)]
        snapshots = dict(e.snapshots)
        return Execution(
            program,
            e.model,
            executed,
            slots,
            [self.order(cpu, executed) for cpu in range(program.cpus)],
            self.reads(),
            {c: [w.node for w in self.coherent(c)] for c in program.cells},
            {v: i for v, i in e.issues.items() if v in executed},
            translations,
            faults,
            snapshots,
            frozenset(pair for pair, literal in e.past.items() if self.holds(literal)),
            {i: self.value(x) for i, x in e.observed.items() if program.observables[i].kind == "ever"},
        )

    def reads(self) -> list[From]:
        out: list[From] = []
        for s in self.encoding.sources:
            if self.holds(s.literal) and self.holds(s.read.where[s.cell]):
                if s.write is None:
                    value = self.encoding.program.cells[s.cell].init
                else:
                    value = self.value(s.write.values)
                node = None if s.write is None else s.write.node
                out.append(From(s.cell, node, s.read.node, value, s.forwarded))
        return out

    def coherent(self, cell: Ptr) -> list[Write]:
        """The writes done at a cell, in coherence order."""
        done = [w for w in self.encoding.writes if cell in w.where and self.holds(w.where[cell])]

        def compare(a: Write, b: Write) -> int:
            return -1 if self.holds(self.encoding.co_literal(a, b)) else 1

        return sorted(done, key=cmp_to_key(compare))

    def order(self, cpu: int, executed: frozenset[int]) -> list[int]:
        """The executed events of a CPU in program order, handlers where they were delivered."""
        e = self.encoding
        thread = next(b for b in e.program.bodies if b.cpu == cpu and b.kind == "thread")
        handlers = [
            b for b in e.program.bodies if b.cpu == cpu and b.kind == "handler" and b.events[0].id in executed
        ]
        handlers.sort(
            key=cmp_to_key(lambda a, b: -1 if self.holds(e.po_literal(a.id, -1, b.id, b.events[0].id)) else 1)
        )
        line: list[int] = []
        for event in thread.events:
            while handlers and self.holds(e.po_literal(handlers[0].id, -1, thread.id, event.id)):
                line += [v.id for v in handlers.pop(0).events if v.id in executed]
            if event.id in executed:
                line.append(event.id)
        for handler in handlers:
            line += [v.id for v in handler.events if v.id in executed]
        return line

    def translation(self, use: Use) -> list[Translation]:
        event = use.event.id if use.event else None
        if use.event is not None and event is not None and not self.holds(self.encoding.executed[event]):
            return []
        observable = None
        if use.event is None:
            observable = self.encoding.asked[use.node]
            if not self.holds(self.encoding.observed[observable][1]):
                return []
        for literal, va, entry in use.initial:
            if self.holds(literal):
                return [Translation(use.node, use.cpu, va, entry, None, event, observable)]
        if use.walk and self.holds(use.walk.chosen):
            address, page = self.value(use.walk.vas), self.value(use.walk.pages)
            assert isinstance(address, Ptr)
            return [Translation(use.node, use.cpu, address, page, use.walk.node, event, observable)]
        return []
