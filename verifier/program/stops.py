"""A program without its stops: the runs in which no body comes to rest for ever."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.program.events import Body, DecidedBy, Event, Program
from verifier.program.expressions import FALSE, TRUE, Apply, Expr, Ref, call, large_parts, mask
from verifier.records import replace


class _Fixed:
    """Expressions in which some slots have values that are known."""

    def __init__(self, slots: Mapping[int, Expr]) -> None:
        self.slots = slots
        self.mask = sum(1 << slot for slot in slots)
        self.known: dict[Expr, Expr] = {}

    def of(self, expr: Expr) -> Expr:
        """The expression, with what is constant folded."""
        if not mask(expr) & self.mask:
            return expr
        if isinstance(expr, Ref):
            return self.slots[expr.slot]
        assert isinstance(expr, Apply)
        for part in large_parts(expr, self.known):
            self.known[part] = call(part.function, *(self.of(a) for a in part.args))
        if expr not in self.known:
            self.known[expr] = call(expr.function, *(self.of(a) for a in expr.args))
        return self.known[expr]

    def decision(self, d: DecidedBy) -> DecidedBy:
        """Likewise of a place where a value decides."""
        if not any(mask(x) & self.mask for x in (*d.guard, d.value)):
            return d
        return d._replace(guard=tuple([self.of(x) for x in d.guard]), value=self.of(d.value))

    def maybe(self, expr: Expr | None) -> Expr | None:
        """Likewise, where there may be none."""
        return None if expr is None else self.of(expr)


def fixed(expr: Expr, slots: Mapping[int, Expr]) -> Expr:
    """An expression with what is known of some slots, with what is constant folded."""
    return _Fixed(slots).of(expr)


def running(program: Program) -> Program:
    """The same program where no body comes to rest for ever. Events keep their numbers, slots theirs."""
    if not program.stops:
        return program
    fixed = _Fixed({stop.slot: FALSE for stop in program.stops})

    def event(e: Event) -> Event:
        accesses = tuple(
            replace(a, addr=fixed.of(a.addr), value=fixed.maybe(a.value), when=fixed.of(a.when))
            for a in e.accesses
        )
        return replace(
            e,
            guard=fixed.of(e.guard),
            accesses=accesses,
            va=fixed.maybe(e.va),
            pcid=fixed.maybe(e.pcid),
            waited=fixed.maybe(e.waited),
        )

    events = [event(e) for e in program.events]

    def body(b: Body) -> Body:
        send = None if b.send is None else events[b.send.id]
        mine = [events[e.id] for e in b.events]
        return replace(b, events=mine, guard=fixed.of(b.guard), sent=fixed.of(b.sent), send=send)

    assumes = [(fixed.of(a), wait) for a, wait in zip(program.assumes, program.waits, strict=True)]
    assumes = [(a, wait) for a, wait in assumes if a != TRUE]
    return replace(
        program,
        events=events,
        bodies=[body(b) for b in program.bodies],
        assumes=[a for a, _ in assumes],
        waits=[wait for _, wait in assumes],
        cuts=[fixed.of(c) for c in program.cuts],
        observables=[replace(o, expr=fixed.maybe(o.expr)) for o in program.observables],
        decisions=[fixed.decision(d) for d in program.decisions],
        begun=[b._replace(guard=fixed.of(b.guard)) for b in program.begun],
        warns=[w._replace(hit=fixed.of(w.hit)) for w in program.warns],
        stops=[],
    )
