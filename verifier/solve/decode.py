"""A solver's model read back as an ``Execution``: values in place of literals."""

from __future__ import annotations

from functools import cmp_to_key

from verifier.execution import Execution, From, Walk, combined
from verifier.execution.run import Choice
from verifier.program.events import Event
from verifier.program.values import UNACCESSED, Ptr, Value, flags
from verifier.solve.asker import Asker
from verifier.solve.clauses import NO, YES
from verifier.solve.encoding import Encoding
from verifier.solve.sites import Chain, Literals, Use, Write


def decode(encoding: Encoding, solver: Asker) -> Execution:
    """The execution that the solver's current model describes."""
    return _Decoder(encoding, solver).execution()


class _Decoder:
    def __init__(self, encoding: Encoding, solver: Asker) -> None:
        self.encoding, self.solver = encoding, solver

    def holds(self, literal: int) -> bool:
        return literal == YES or (literal != NO and self.solver.value(literal))

    def value(self, literals: Literals) -> Value:
        return next(v for v, x in literals.items() if self.holds(x))

    def execution(self) -> Execution:
        e = self.encoding
        program = e.program
        executed = frozenset(v.id for v in program.events if self.holds(e.executed[v.id]))
        uses = e.uses
        slots = {
            a.slot: self.value(e.slots[a.slot])
            for v in program.events
            if v.id in executed
            for a in v.accesses
            if a.slot is not None
        }
        slots |= {b.choice: self.value(e.slots[b.choice]) for b in program.bodies if b.choice is not None}
        slots |= {s.slot: self.value(e.slots[s.slot]) for s in program.stops}
        slots |= {slot: self.value(e.slots[slot]) for slot in program.options.values()}
        if program.kernel is not None:
            slots[program.kernel] = self.value(e.slots[program.kernel])
        reads = self.reads()
        done = {r.read for r in reads}
        faulting = {u.event.id for u in uses if u.event is not None and self.holds(u.fault)}
        return Execution(
            program=program,
            model=e.model,
            executed=executed,
            slots=slots,
            order=[self.order(cpu, executed) for cpu in range(program.cpus)],
            reads=reads,
            co={c: [w.node for w in self.coherent(c)] for c in program.cells},
            issues={v: i for v, i in e.issues.items() if v in executed},
            walks=[w for u in uses for w in self.walked(u)] + self.updates(),
            faults={v: n for v, n in e.faults.items() if v in faulting},
            dirty={
                u.event.id: u.dirty
                for u in uses
                if u.event is not None and u.dirty is not None and self.wrote(u.dirty)
            },
            unaged=frozenset(u.dirty for u in uses if u.dirty is not None and self.unaged(u.dirty)),
            fetches={v: n for v, n in e.fetches.items() if v in executed},
            loads={v: tuple(n for n in nodes if n in done) for v, nodes in e.loads.items() if v in executed},
            flushes={n: pair for pair, n in e.flushes.items() if pair[0] in executed},
            snapshots=dict(e.snapshots),
            past=frozenset(pair for pair, literal in e.past.items() if self.holds(literal)),
            choices={name: self.chosen(name) for name in e.choices},
            together=frozenset(pair for pair, x in e.together.items() if self.holds(x)),
            observed={
                i: self.value(x) for i, x in e.observed.items() if program.observables[i].kind == "ever"
            },
        )

    def wrote(self, node: int) -> bool:
        """Is this update done?"""
        return any(self.holds(x) for w in self.encoding.writes if w.node == node for x in w.where.values())

    def unaged(self, node: int) -> bool:
        """Has this update left A clear?"""
        written = next(w.values for w in self.encoding.writes if w.node == node)
        return self.wrote(node) and bool(flags(self.value(written)) & UNACCESSED)

    def chosen(self, name: Choice) -> frozenset[tuple[int, int]]:
        """Pairs of events between which an order was chosen, the first one first."""
        pairs = self.encoding.choices[name].items()
        return frozenset((a, b) if self.holds(x) else (b, a) for (a, b), x in pairs)

    def reads(self) -> list[From]:
        out: list[From] = []
        for s in self.encoding.sources:
            if self.holds(s.literal) and self.holds(s.read.where[s.cell]):
                if s.write is None:
                    value = self.encoding.program.cells[s.cell].init
                else:
                    value = self.value(s.write.values)
                node = None if s.write is None else s.write.node
                out.append(From(s.cell, node, read=s.read.node, value=value, forwarded=s.forwarded))
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

        def compare(a: Event, b: Event) -> int:
            return -1 if self.holds(e.po_between(a, b)) else 1

        mine = [v for v in e.program.events if v.cpu == cpu and v.id in executed]
        return [v.id for v in sorted(mine, key=cmp_to_key(compare))]

    def walked(self, use: Use) -> list[Walk]:
        """The walk, or the initial entry, that serves a use or ends in its fault."""
        event = use.event.id if use.event else None
        observable = None
        if use.event is None:
            observable = self.encoding.asked[use.node]
            if not self.holds(self.encoding.observed[observable][1]):
                return []
        elif event is not None and not self.holds(self.encoding.executed[event]):
            return []
        va = self.value(use.vas)
        assert isinstance(va, Ptr)
        for entry in use.initial:
            if self.holds(entry.done):
                return [
                    Walk(
                        "initial",
                        use.node,
                        cpu=use.cpu,
                        va=va,
                        tag=entry.pcid,
                        levels=(),
                        content=entry.content,
                        event=event,
                        observable=observable,
                    )
                ]
        for served, chain in use.served:
            if self.holds(served):
                return [self.walk(chain, "use", event, observable)._replace(use=use.node)]
        for chain in use.faults:
            if self.holds(chain.done):
                return [self.walk(chain, "fault", event, observable)]
        return []

    def walk(self, chain: Chain, kind: str, event: int | None, observable: int | None) -> Walk:
        """What a walk has read."""
        levels: list[tuple[int, Ptr, Value]] = []
        va, tag = self.value(chain.vas), self.value(chain.tag)
        assert isinstance(va, Ptr) and isinstance(tag, int)
        for level in chain.levels:
            # A faulting walk may end at any depth: where it may end or go on, it has two records.
            if self.holds(level.done):
                cell = next(c for c, x in level.where.items() if self.holds(x))
                levels.append((level.node, cell, self.value(level.values)))
        return Walk(
            kind,
            chain.use,
            cpu=chain.cpu,
            va=va,
            tag=tag,
            levels=tuple(levels),
            content=combined(levels),
            event=event,
            observable=observable,
        )

    def updates(self) -> list[Walk]:
        """The updates by page walkers that set A."""
        return [
            self.walk(u.chain, "accessed", None, None) for u in self.encoding.updates if self.holds(u.done)
        ]
