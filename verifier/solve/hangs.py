"""Configurations that are stuck, as clauses: where each CPU has come to rest, and why (MMR 20.1).

``Program.stops`` says where bodies may come to rest.  Here each of them gets its reason: without one, a
run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from verifier.model.roles import bare
from verifier.program.events import Body, Event
from verifier.program.values import Ptr, softirqs_off
from verifier.program.waits import Stop
from verifier.solve.clauses import NO, YES
from verifier.solve.encoding import Encoding
from verifier.solve.relate_interrupts import keeps


def require_reasons(e: Encoding) -> None:
    """Every stop has its reason."""
    stops = Stops(e)
    for stop, x in stops.all:
        if x != NO:
            e.clauses.check()
            stops.reason(stop, x)
    stops.nothing_after()
    stops.in_order()


class Stops:
    """The stops of a program, with the literals that a body comes to rest there."""

    def __init__(self, e: Encoding) -> None:
        self.e, self.program = e, e.program
        self.all = list(zip(e.program.stops, e.stops, strict=True))
        self.of: dict[int, list[int]] = {}  # body -> where it may come to rest, once it has begun
        self.pending: dict[int, int] = {}  # handler -> that it is sent, and not delivered
        for stop, x in self.all:
            if stop.kind == "pending":
                self.pending[stop.body] = x
            else:
                self.of.setdefault(stop.body, []).append(x)
        self.resting = {body: e.clauses.any(found) for body, found in self.of.items()}

    def reason(self, stop: Stop, x: int) -> None:
        """What has to hold where a body comes to rest."""
        e, body = self.e, self.program.bodies[stop.body]
        above = [self.resting.get(b.id, NO) for b in self._above(body)]
        if stop.kind == "interrupted":
            e.clauses.add(-x, *above)
            return
        if stop.kind == "pending":
            e.clauses.add(-x, *self._undelivered(body))
            return
        for other in above:
            e.clauses.add(-x, -other)  # then it is interrupted, wherever it is
        if stop.kind == "answers":
            assert stop.event is not None
            handlers = self.program.events[stop.event].handlers
            missing = [[self.pending.get(h, NO), self.resting.get(h, NO)] for h in handlers]
            e.clauses.add(-x, *chain.from_iterable(missing))
        elif stop.kind == "grace":
            assert stop.event is not None
            e.clauses.add(-x, *e.still_open.get(stop.event, ()))
        else:
            assert stop.wait is not None
            for event in stop.wait.events:
                self._last_look(self.program.events[event], body, x)

    def _above(self, body: Body) -> list[Body]:
        """What may interrupt a body."""
        return [b for b in self.program.bodies if b.cpu == body.cpu and b.rank > body.rank]

    def _undelivered(self, body: Body) -> list[int]:
        """Why a handler is not delivered: interrupts or softirqs are off, its CPU is in another one, what was
        sent before it is not delivered, its grace period does not end."""
        e = self.e
        reasons = [e.final(Ptr(f"{body.cpu}:irq")).get(0, NO)] if body.kind != "nmi" else []
        if body.kind == "callback" and softirqs_off(body.cpu) in self.program.cells:
            reasons += [x for v, x in e.final(softirqs_off(body.cpu)).items() if v != 0]
        reasons += [
            self.resting.get(b.id, NO)
            for b in self.program.bodies
            if b.cpu == body.cpu and b.rank >= body.rank > 0 and b is not body
        ]
        reasons += [e.clauses.both(x, before) for x, before in self._sent_before(body)]
        return [*reasons, *e.still_open.get(body.events[0].id, ())]

    def _sent_before(self, body: Body) -> Iterator[tuple[int, int]]:
        """Of each handler that this one has to come after: that it is pending, that this one has to."""
        e = self.e
        for other, x in self.pending.items():
            before = self.program.bodies[other]
            if other == body.id or before.cpu != body.cpu or before.send is None or body.send is None:
                continue
            if before.send.cpu == body.send.cpu and not bare(before.send) and not bare(body.send):
                first = e.po_between(before.send, body.send)
                yield x, e.clauses.both(first, keeps(e, before.send, body.send))

    def in_order(self) -> None:
        """No handler runs before one that it has to come after."""
        for id in self.pending:
            for x, before in self._sent_before(self.program.bodies[id]):
                self.e.clauses.add(-x, -before, -self.e.ran[id])

    def _last_look(self, look: Event, body: Body, x: int) -> None:
        """A look at the end reads what is there at the end, after all interrupts of its CPU."""
        e = self.e
        for source in e.sources:
            if source.read.at != look.id:
                continue
            node = None if source.write is None else source.write.node
            for w in e.writes:
                if source.cell in w.where and w.node != node:
                    later = YES if source.write is None else e.co_literal(source.write, w)
                    e.clauses.add(-x, -source.literal, -w.where[source.cell], -later)
        for above in self._above(body):
            e.clauses.add(-x, -e.ran[above.id], e.po_between(above.events[-1], look))

    def nothing_after(self) -> None:
        """After an interrupt that has come to rest nothing that it holds up is done on its CPU."""
        e = self.e
        for id, rests in self.resting.items():
            body = self.program.bodies[id]
            if not body.rank or rests == NO:
                continue
            for event in self.program.events:
                other = self.program.bodies[event.body]
                if event.cpu == body.cpu and other is not body and other.rank <= body.rank:
                    done = e.executed[event.id]
                    e.clauses.add(-rests, -done, e.po_between(event, body.events[0]))
