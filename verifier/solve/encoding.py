"""A program as literals: values and control, the order of events, and the sites of an execution.

``encode``, ``chains`` and ``walks`` make the sites; ``relate`` and ``covers`` read them.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, product

from verifier.budget import Budget
from verifier.execution.run import Choice
from verifier.model import Model
from verifier.model.roles import buffered
from verifier.program import arrivals
from verifier.program.events import DecidedBy, Event, Observable, Program
from verifier.program.expressions import Apply, Const, Expr, Obs, Ref, large_parts, refs
from verifier.program.functions import apply
from verifier.program.leaves import addresses
from verifier.program.values import NO_NUMBER, UNDEF, Ptr, Value, compared
from verifier.program.waits import Loop
from verifier.solve.clauses import NO, YES, Clauses
from verifier.solve.domains import MAX_COMBINATIONS, Domains, order_key
from verifier.solve.large import too_many
from verifier.solve.lazily import Watched
from verifier.solve.sites import WALKER, InvalidationSite, Literals, Read, RfSource, Update, Use, Write


class Encoding:
    """Clauses and literals of one program under one model. Raises ``LimitError``."""

    def __init__(self, program: Program, model: Model, budget: Budget | None = None) -> None:
        self.program, self.model = program, model
        self.budget = budget or Budget()
        self.clauses = Clauses(self.budget)
        self.budget.enter("finding values")
        self.domains = Domains(program, self.budget, program.kernels(model.switches))
        self.budget.enter("encoding")
        self.memo: dict[Expr, Literals] = {}
        self.slots: list[Literals] = [self.one_hot(d) for d in self.domains.slots]
        self.executed = [self.truth(e.guard) for e in program.events]
        self.ran = [self.truth(b.guard) for b in program.bodies]
        self.nodes = len(program.events)
        self.reads: list[Read] = []
        self.writes: list[Write] = []
        self.uses: list[Use] = []
        self.updates: list[Update] = []
        self.issues: dict[int, int] = {}  # event of a store -> its issue
        self.faults: dict[int, int] = {}  # event -> the fault that it takes
        self.fetches: dict[int, int] = {}  # event of a fetch -> the read of its copy
        self.loads: dict[int, list[int]] = {}  # event -> loads of upper entries by which it walks
        self.invalidations: list[InvalidationSite] = []
        self.flushes: dict[tuple[int, int], int] = {}  # (INVLPGB, CPU) -> its effect there
        self.sources: list[RfSource] = []
        self.addresses = addresses(program)
        self.order: dict[tuple[int, int], int] = {}  # co between events of different CPUs
        # Later part of an instruction -> its first part: an interrupt comes before both or after both (8.9).
        self.begun: dict[int, int] = {}
        for body in program.bodies:
            for a, b in pairwise(body.events):
                if a.joined:
                    self.begun[b.id] = self.begun.get(a.id, a.id)
        # (handler, handler): one interrupt runs both, the first one first (8.10).
        self.together = {(a.id, b.id): self.clauses.new() for a, b in arrivals.batches(program)}
        self.delivered: dict[tuple[int, int], int] = {}  # (handler, event of the thread): handler first
        self.before: dict[tuple[int, int], int] = {}  # (handler, handler): order on one CPU
        self.snapshots: dict[int, int] = {}  # number -> node
        self.past: dict[tuple[int, int], int] = {}  # (event, snapshot node): event is before it
        self.choices: dict[Choice, dict[tuple[int, int], int]] = {
            "aged": {}, "remote": {}, "apart": {}, "grace": {}
        }  # fmt: skip
        self.bad: list[tuple[int, Event | DecidedBy]] = []
        self.watched: list[Watched] = []  # relations whose cycles the clauses do not rule out
        self.asked: dict[int, int] = {}  # use by a condition -> its observable
        self.observed: dict[int, Literals] = {}
        # Where bodies come to rest for ever; is there any (MMR 20.1)?
        self.stops = [self.slots[stop.slot].get(1, NO) for stop in program.stops]
        self.stuck = self.clauses.any(self.stops)
        # By the event in front of which a grace period's end, or a handler's delivery, may not come.
        self.rests_at = {
            program.bodies[s.body].events[0].id if s.kind == "pending" else s.event: rests
            for s, rests in zip(program.stops, self.stops, strict=True)
            if s.kind in ("pending", "grace")
        }
        self.still_open: dict[int, list[int]] = {}  # by such an event: that a section keeps it from coming
        self.cuts: dict[Loop, int] = {}
        self.cut = NO
        self.init = -1  # the node that wrote the initial state, the last one

    # -- values ---------------------------------------------------------------------------------

    def one_hot(self, values: frozenset[Value]) -> Literals:
        """New literals for these values; exactly one of them holds."""
        ordered = sorted(values, key=order_key)
        return dict(zip(ordered, self.clauses.one_hot(len(ordered)), strict=True)) if ordered else {}

    def literals(self, expr: Expr) -> Literals:
        """For each value that an expression may have, the literal that it has that value."""
        kind = type(expr)
        if kind is Const:
            return {expr.value: YES}  # type: ignore[union-attr,dict-item]
        if kind is Ref:
            return self.slots[expr.slot]  # type: ignore[union-attr]
        known = self.memo.get(expr)
        if known is None:
            for part in large_parts(expr, self.memo):
                self.memo[part] = self._apply(part)
            known = self.memo[expr] = self._apply(expr)
        return known

    def truth(self, expr: Expr) -> int:
        """The literal that an expression is true."""
        if type(expr) is Const:
            return NO if expr.value == 0 else YES
        return self.clauses.any(x for v, x in self.literals(expr).items() if v != 0)

    def _apply(self, expr: Expr) -> Literals:
        if isinstance(expr, Obs):
            found = self.observe(expr.index).items()
            return self.collect((NO_NUMBER if v == UNDEF else v, x) for v, x in found)
        assert isinstance(expr, Apply)
        function, args = expr.function, expr.args
        clauses = self.clauses
        clauses.check()
        if expr.slots and not expr.slots & (expr.slots - 1) and not expr.observes:
            (slot,) = refs(expr)
            values = self.slots[slot].items()
            return self.collect((self.domains.tabled.of(expr, (v,)), x) for v, x in values)
        if function in ("and", "or", "not", "bool"):
            return self._logic(function, [self.literals(a) for a in args])
        if function == "ite":
            return self._choice(*(self.literals(a) for a in args))
        parts = [self.literals(a) for a in args]
        size = 1
        for p in parts:
            size *= len(p)
        if size > MAX_COMBINATIONS:
            raise too_many(self.program, expr, f"combines {size} values")
        if function in ("eq", "ne") and len(parts) == 2:
            parts = [self._compared(p) for p in parts]
            common = [v for v in parts[0] if v in parts[1] and v not in _NEVER_EQUAL]
            same = clauses.any(clauses.both(parts[0][v], parts[1][v]) for v in common)
            unknown = clauses.any(p[UNDEF] for p in parts if UNDEF in p)
            return self._decided(same if function == "eq" else clauses.all((-same, -unknown)), unknown)
        return self.collect(
            (apply(function, tuple(v for v, _ in choice)), clauses.all([x for _, x in choice]))
            for choice in product(*(p.items() for p in parts))
        )

    def _compared(self, part: Literals) -> Literals:
        """The values of a part as a comparison sees them."""
        if all(compared(v) is v for v in part):
            return part
        return self.collect((compared(v), x) for v, x in part.items())

    def _logic(self, function: str, parts: list[Literals]) -> Literals:
        """A connective of parts with these literals."""
        clauses = self.clauses
        truths = [clauses.any(x for v, x in p.items() if v != 0 and v != UNDEF) for p in parts]
        join = clauses.any if function == "or" else clauses.all
        holds = join(truths)
        if not any(UNDEF in p for p in parts):
            return _boolean(-holds if function == "not" else holds)
        may = join([clauses.either(x, p.get(UNDEF, NO)) for x, p in zip(truths, parts, strict=True)])
        unknown = clauses.both(may, -holds)
        return self._decided(-may if function == "not" else holds, unknown)

    def _decided(self, holds: int, unknown: int) -> Literals:
        """The literals of a truth that holds, is UNDEF, or else fails."""
        if unknown == NO:
            return _boolean(holds)
        return self.collect([(1, holds), (UNDEF, unknown), (0, -self.clauses.either(holds, unknown))])

    def _choice(self, chosen: Literals, then: Literals, other: Literals) -> Literals:
        """An ``ite`` of parts with these literals."""
        both = self.clauses.both
        holds = self.clauses.any(x for v, x in chosen.items() if v != 0 and v != UNDEF)
        unknown = chosen.get(UNDEF, NO)
        fails = -self.clauses.either(holds, unknown)
        pairs = [(v, both(holds, x)) for v, x in then.items()]
        pairs += [(v, both(fails, x)) for v, x in other.items()]
        if unknown != NO:
            same = [(v, both(unknown, both(x, other[v]))) for v, x in then.items() if v in other]
            pairs += same
            pairs.append((UNDEF, self.clauses.all((unknown, *(-x for _, x in same)))))
        return self.collect(pairs)

    def collect(self, pairs: Iterable[tuple[Value, int]]) -> Literals:
        """For each value the literal that one of its pairs holds; values that are impossible are left out."""
        groups: dict[Value, list[int]] = {}
        for value, literal in pairs:
            if literal != NO:
                groups.setdefault(value, []).append(literal)
        return {v: self.clauses.any(xs) for v, xs in groups.items()}

    # -- nodes ----------------------------------------------------------------------------------

    def node(self) -> int:
        """A new instant."""
        self.nodes += 1
        return self.nodes - 1

    def instant(self, event: Event) -> int:
        """The node at which a translated event is executed: the issue of a buffered store, else its own."""
        if not (self.model.buffered and buffered(event, self.program)):
            return event.id
        if event.id not in self.issues:
            self.issues[event.id] = self.node()
        return self.issues[event.id]

    def load(self, event: Event) -> int:
        """A new instant right before an access, at which its walk loads an upper entry (MMR 3.4)."""
        node = self.node()
        self.loads.setdefault(event.id, []).append(node)
        return node

    # -- observables ----------------------------------------------------------------------------

    def observe(self, index: int) -> Literals:
        """Literals of an observable's values."""
        if index not in self.observed:
            o = self.program.observables[index]
            self.observed[index] = self._observe(o)
        return self.observed[index]

    def _observe(self, o: Observable) -> Literals:
        if o.kind in ("reg", "hang"):
            assert o.expr is not None
            return self.literals(o.expr)
        if o.kind == "ever":
            assert o.expr is not None
            holds = self.clauses.new()
            self.clauses.add(-holds, self.truth(o.expr))
            return {1: holds, 0: -holds}
        assert o.cell is not None
        return self.final(o.cell)

    def final(self, cell: Ptr) -> Literals:
        """What a cell holds in the end: the value of the last write in co."""
        clauses = self.clauses
        here = [(w, w.where[cell]) for w in self.writes if cell in w.where]
        init = self.program.cells[cell].init
        if not here:
            return {init: YES}
        parts: list[tuple[Value, int]] = []
        for w, done in here:
            clauses.check()
            later = [clauses.both(x, self.co_literal(w, other)) for other, x in here if other is not w]
            last = clauses.all([done, *(-x for x in later)])
            parts += [(v, clauses.both(last, x)) for v, x in w.values.items()]
        parts.append((init, clauses.all([-done for _, done in here])))
        return self.collect(parts)

    # -- order ----------------------------------------------------------------------------------

    def co_literal(self, a: Write, b: Write) -> int:
        """The literal that ``a`` comes before ``b`` in co, if both are done at one cell."""
        if a.node == b.node:
            return NO
        if a.body == b.body:
            return YES if a.at < b.at else NO
        if a.cpu == b.cpu and a.cpu != WALKER:
            return self.po_literal(a.body, a.at, b.body, b.at)
        key = (a.node, b.node) if a.node < b.node else (b.node, a.node)
        literal = self.order.get(key)
        if literal is None:
            literal = self.order[key] = self.clauses.new()
        return literal if a.node < b.node else -literal

    def po_literal(self, body: int, at: int, other: int, to: int) -> int:
        """Program order between events of different bodies of one CPU."""
        bodies = self.program.bodies
        if bodies[body].rank == bodies[other].rank:
            if body < other:
                return self._handlers(body, other)
            return -self._handlers(other, body)
        if bodies[body].rank > bodies[other].rank:
            return self._delivered(body, to)
        return -self._delivered(other, at)

    def po_between(self, a: Event, b: Event) -> int:
        """The literal that ``a`` is before ``b`` in program order."""
        if a.cpu != b.cpu or a.id == b.id:
            return NO
        if a.body == b.body:
            return YES if a.id < b.id else NO
        return self.po_literal(a.body, a.id, b.body, b.id)

    def floats(self, node: int) -> bool:
        """Is this node outside of every program order?"""
        return node >= len(self.program.events) and node not in self.issues.values()

    def _handlers(self, body: int, other: int) -> int:
        literal = self.before.get((body, other))
        if literal is None:
            literal = self.before[body, other] = self.clauses.new()
        return literal

    def _delivered(self, handler: int, event: int) -> int:
        event = self.begun.get(event, event)
        literal = self.delivered.get((handler, event))
        if literal is None:
            literal = self.delivered[handler, event] = self.clauses.new()
        return literal


_NEVER_EQUAL = (UNDEF, NO_NUMBER)


def _boolean(literal: int) -> Literals:
    if literal == YES:
        return {1: YES}
    if literal == NO:
        return {0: YES}
    return {1: literal, 0: -literal}
