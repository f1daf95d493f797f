"""A program under a model as clauses.

Values and control become literals here, and every read, write and walk a *site* (``sites``);
``walks`` makes the translations, ``relate`` the base relations of a candidate execution of them all;
the model's equations are interpreted over these (``symbolic``), and each axiom becomes clauses
(``acyclic``).  What is
*allowed* is said by the model alone.
"""

from __future__ import annotations

from itertools import pairwise, product

from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.model import Model
from verifier.model.cover import cover
from verifier.model.roles import buffered, invalidates
from verifier.program.events import Access, Event, Observable, Program
from verifier.program.expressions import Apply, Const, Expr, Obs, Ref, large_parts, refs
from verifier.program.functions import apply
from verifier.program.invalidations import INVALIDATING
from verifier.program.profiles import kernels
from verifier.program.values import Ptr, Value
from verifier.program.waits import Loop
from verifier.solve.acyclic import require_acyclic
from verifier.solve.clauses import FALSE, TRUE, Clauses
from verifier.solve.domains import MAX_COMBINATIONS, Domains, order_key
from verifier.solve.relate import candidate
from verifier.solve.sites import WALKER, Invalidation, Literals, Read, Source, Use, Write
from verifier.solve.walks import Walks


class Encoding:
    """All clauses and literals of one program under one model. Raises ``LimitError``."""

    def __init__(self, program: Program, model: Model, budget: Budget | None = None) -> None:
        self.program, self.model = program, model
        self.budget = budget or Budget()
        self.clauses = Clauses(self.budget)
        self.budget.enter("finding values")
        self.domains = Domains(program, self.budget, kernels(model.switches, program.versions))
        self.budget.enter("encoding")
        self.memo: dict[Expr, Literals] = {}
        self.slots: list[Literals] = [self.one_hot(d) for d in self.domains.slots]
        self.executed = [self.truth(e.guard) for e in program.events]
        self.ran = [self.truth(b.guard) for b in program.bodies]
        self.nodes = len(program.events)
        self.reads: list[Read] = []
        self.writes: list[Write] = []
        self.walks = Walks(self)
        self.issues: dict[int, int] = {}  # event of a store -> its issue
        self.faults: dict[int, int] = {}  # event -> the fault that it takes
        self.fetches: dict[int, int] = {}  # event of a fetch -> the read of its copy
        self.invalidations: list[Invalidation] = []
        self.flushes: dict[tuple[int, int], int] = {}  # (INVLPGB, CPU) -> what it does there
        self.sources: list[Source] = []
        self.order: dict[tuple[int, int], int] = {}  # co between events of different CPUs
        # The second part of an instruction -> its first: what comes before one comes before both (8.9).
        self.begun: dict[int, int] = {}
        for body in program.bodies:
            for a, b in pairwise(body.events):
                if a.joined:
                    self.begun[b.id] = self.begun.get(a.id, a.id)
        # (handler, handler): one interrupt runs both, the first one first (8.10).
        self.together = {(a.id, b.id): self.clauses.new() for a, b in program.batches()}
        self.delivered: dict[tuple[int, int], int] = {}  # (handler, event of the thread): it is before
        self.before: dict[tuple[int, int], int] = {}  # (handler, handler): order on one CPU
        self.snapshots: dict[int, int] = {}  # number -> node
        self.past: dict[tuple[int, int], int] = {}  # (event, snapshot node): event is before it
        self.choices: dict[str, dict[tuple[int, int], int]] = {
            "aged": {}, "remote": {}, "apart": {}, "grace": {}
        }  # fmt: skip
        self.bad: list[tuple[int, Event]] = []
        self.asked: dict[int, int] = {}  # use by a condition -> its observable
        self.observed: dict[int, Literals] = {}
        self._walked = {c for c in range(program.cpus) if self._walks(c)}
        self.walks.demand()
        for event in program.events:
            self._event(event)
        self.walks.accessed()
        self._invalidations()
        self._observables()
        self.init = self.node()
        self._assumptions()
        self.budget.enter("encoding what may happen in which order")
        x = candidate(self)
        for axiom in model.axioms:
            require_acyclic(axiom.relation(x))

    # -- values ---------------------------------------------------------------------------------

    def one_hot(self, values: frozenset[Value]) -> Literals:
        ordered = sorted(values, key=order_key)
        return dict(zip(ordered, self.clauses.one_hot(len(ordered)), strict=True)) if ordered else {}

    def literals(self, expr: Expr) -> Literals:
        """For each value an expression may have, the literal that it has it."""
        kind = type(expr)
        if kind is Const:
            return {expr.value: TRUE}  # type: ignore[union-attr,dict-item]
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
        return self.clauses.any(x for v, x in self.literals(expr).items() if v != 0)

    def _leaves(self, expr: Expr) -> list[Literals] | None:
        """Literals of the slots (or observables) an expression mentions."""
        if isinstance(expr, Ref):
            return [self.slots[expr.slot]]
        return None

    def _apply(self, expr: Expr) -> Literals:
        if isinstance(expr, Obs):
            return self.observe(expr.index)
        assert isinstance(expr, Apply)
        function, args = expr.function, expr.args
        clauses = self.clauses
        clauses.check()
        if expr.slots and not expr.slots & (expr.slots - 1) and not expr.observes:
            (slot,) = refs(expr)
            values = self.slots[slot].items()
            return self.collect((self.domains.value(expr, (slot,), (v,)), x) for v, x in values)
        if function == "and" or function == "or":
            truths = [self.truth(a) for a in args]
            x = clauses.all(truths) if function == "and" else clauses.any(truths)
            return _boolean(x)
        if function == "not":
            return _boolean(-self.truth(args[0]))
        if function == "bool":
            return _boolean(self.truth(args[0]))
        if function == "ite":
            chosen = self.truth(args[0])
            pairs = [(v, clauses.both(chosen, x)) for v, x in self.literals(args[1]).items()]
            pairs += [(v, clauses.both(-chosen, x)) for v, x in self.literals(args[2]).items()]
            return self.collect(pairs)
        parts = [self.literals(a) for a in args]
        size = 1
        for p in parts:
            size *= len(p)
        if size > MAX_COMBINATIONS:
            raise LimitError(f"an expression combines {size} values; make the test smaller")
        if function in ("eq", "ne") and len(parts) == 2:
            same = clauses.any(clauses.both(x, parts[1][v]) for v, x in parts[0].items() if v in parts[1])
            return _boolean(same if function == "eq" else -same)
        return self.collect(
            (apply(function, tuple(v for v, _ in choice)), clauses.all([x for _, x in choice]))
            for choice in product(*(p.items() for p in parts))
        )

    def collect(self, pairs: object) -> Literals:
        groups: dict[Value, list[int]] = {}
        for value, literal in pairs:  # type: ignore[attr-defined]
            if literal != FALSE:
                groups.setdefault(value, []).append(literal)
        return {v: self.clauses.any(xs) for v, xs in groups.items()}

    # -- events ---------------------------------------------------------------------------------

    def node(self) -> int:
        self.nodes += 1
        return self.nodes - 1

    def _walks(self, cpu: int) -> bool:
        """Does anything on this CPU use a translation?"""
        return any(e.virtual and e.cpu == cpu for e in self.program.events) or any(
            o.kind == "tlb" and o.cpu == cpu for o in self.program.observables
        )

    def _event(self, event: Event) -> None:
        self.clauses.check()
        done = self.executed[event.id]
        late = self.model.buffered and buffered(event, self.program)
        use = None
        if event.virtual:
            use = self.walks.access(event, self.instant(event))
            if use.fault != FALSE:
                self.faults[event.id] = self.node()
                done = self.clauses.both(done, -use.fault)
        if event.op == "T":
            return
        for access in event.accesses:
            where = self._where(event, access, done, use)
            if access.slot is not None:
                node, kind = event.id, "load"
                if event.op == "IF":
                    node, kind = self.node(), "fetch"
                    self.fetches[event.id] = node
                values = self.slots[access.slot]
                self.reads.append(Read(node, event.cpu, event.body, event.id, where, values, kind, access))
            if access.value is not None:
                self._write(event, access, where, late)

    def instant(self, event: Event) -> int:
        """The node at which a translated event is executed: a buffered store's issue, or its own."""
        if not (self.model.buffered and buffered(event, self.program)):
            return event.id
        if event.id not in self.issues:
            self.issues[event.id] = self.node()
        return self.issues[event.id]

    def _write(self, event: Event, access: Access, where: dict[Ptr, int], late: bool) -> None:
        wrote = self.truth(access.when)
        here = {c: self.clauses.both(x, wrote) for c, x in where.items()} if wrote != TRUE else where
        here = {c: x for c, x in here.items() if x != FALSE}
        if not here:
            return
        issue = self.issues.get(event.id)
        if late and issue is None and self._forwards(event, here):
            issue = self.issues[event.id] = self.node()
        values = self.literals(access.value) if access.value is not None else {}
        self.writes.append(Write(event.id, event.cpu, event.body, event.id, here, values, late, issue))

    def _forwards(self, event: Event, where: dict[Ptr, int]) -> bool:
        """May a page walk or a fetch of this CPU read the store while it is buffered?"""
        kinds = {self.program.cells[c].kind for c in where}
        return ("pte" in kinds and event.cpu in self._walked) or "code" in kinds

    def _where(self, event: Event, access: Access, done: int, use: Use | None) -> dict[Ptr, int]:
        """The cells an access touches, each with the literal that it does (it is executed, too)."""
        if use is not None:
            found = [(apply("page_data", (p,)), x) for p, x in use.pages.items()]
        else:
            found = list(self.literals(access.addr).items())
        where: dict[Ptr, int] = {}
        for address, literal in found:
            literal = self.clauses.both(literal, done)
            if literal == FALSE:
                continue
            if isinstance(address, Ptr) and address in self.program.cells:
                where[address] = literal
            else:
                self.bad.append((literal, event))
        return where

    def pcid(self, event: Event) -> Literals:
        """The PCID that an invalidation acts on: the one it names, the new one, or the current one."""
        if event.pcid is not None:
            return self.literals(event.pcid)
        for access in event.accesses:
            if isinstance(access.addr, Const) and access.addr.value == Ptr(f"{event.cpu}:pcid"):
                if event.op == "CR3" and access.value is not None:
                    return self.literals(access.value)
                if access.slot is not None:
                    return self.slots[access.slot]
        return {self._only_pcid(event.cpu): TRUE}

    def _only_pcid(self, cpu: int) -> Value:
        cell = self.program.cells.get(Ptr(f"{cpu}:pcid"))
        return cell.init if cell is not None else 0

    def _invalidations(self) -> None:
        """Everything that removes translations of a CPU, the faults and INVLPGBs too."""
        for event in self.program.events:
            if event.op not in INVALIDATING:
                continue
            removes = not cover(event.kind, self.model.switches).nothing
            done, kind, pcid = self.executed[event.id], event.kind, self.pcid(event)
            vas = {} if event.va is None else self.literals(event.va)
            if invalidates(event, broadcast=True):
                for cpu in range(self.program.cpus):
                    node = self.flushes[event.id, cpu] = self.node()
                    self.invalidations.append(Invalidation(node, cpu, done, kind, vas, pcid, True))
            elif removes:
                self.invalidations.append(Invalidation(event.id, event.cpu, done, kind, vas, pcid))
        for use in self.walks.uses:
            if use.event is not None and use.fault != FALSE:
                node = self.faults[use.event.id]
                self.invalidations.append(Invalidation(node, use.cpu, use.fault, "fault", use.vas, use.now))

    # -- conditions -----------------------------------------------------------------------------

    def _observables(self) -> None:
        for index, o in enumerate(self.program.observables):
            if o.kind == "tlb":
                assert o.cpu is not None and o.va is not None and o.page is not None
                node, done = self.node(), self.clauses.new()
                use = self.walks.asked(node, o.cpu, o.va, o.page, self._asked_pcid(o), done)
                self.observed[index] = {1: done, 0: -done}
                self.asked[node] = index
                use.snapshot = None if o.at is None else self._snapshot(o.at)
            elif o.kind == "mem" and o.at is not None:
                assert o.cell is not None
                values = self.one_hot(self.domains.contents(o.cell))
                self.observed[index] = values
                self.reads.append(Read(self._snapshot(o.at), -1, -1, -1, {o.cell: TRUE}, values, "memory"))

    def _snapshot(self, number: int) -> int:
        if number not in self.snapshots:
            self.snapshots[number] = self.node()
        return self.snapshots[number]

    def _asked_pcid(self, o: Observable) -> Literals:
        """The PCID under which a condition asks: a given one, or the one in force then."""
        if o.pcid is not None:
            return {o.pcid: TRUE}
        cell = Ptr(f"{o.cpu}:pcid")
        if cell not in self.program.cells:
            return {0: TRUE}
        if o.at is None:
            return self._final(cell)
        values = self.one_hot(self.domains.contents(cell))
        self.reads.append(Read(self._snapshot(o.at), -1, -1, -1, {cell: TRUE}, values, "memory"))
        return values

    def observe(self, index: int) -> Literals:
        """Literals of an observable's values."""
        if index not in self.observed:
            o = self.program.observables[index]
            self.observed[index] = self._observe(o)
        return self.observed[index]

    def _observe(self, o: Observable) -> Literals:
        if o.kind == "reg":
            assert o.expr is not None
            return self.literals(o.expr)
        if o.kind == "ever":
            assert o.expr is not None
            holds = self.clauses.new()
            self.clauses.add(-holds, self.truth(o.expr))
            return {1: holds, 0: -holds}
        assert o.cell is not None
        return self._final(o.cell)

    def _final(self, cell: Ptr) -> Literals:
        """What a cell holds in the end: what its co-last write wrote."""
        clauses = self.clauses
        here = [(w, w.where[cell]) for w in self.writes if cell in w.where]
        init = self.program.cells[cell].init
        if not here:
            return {init: TRUE}
        parts: list[tuple[Value, int]] = []
        for w, done in here:
            clauses.check()
            later = [clauses.both(x, self.co_literal(w, other)) for other, x in here if other is not w]
            last = clauses.all([done, *(-x for x in later)])
            parts += [(v, clauses.both(last, x)) for v, x in w.values.items()]
        parts.append((init, clauses.all([-done for _, done in here])))
        return self.collect(parts)

    # -- relations ------------------------------------------------------------------------------

    def _assumptions(self) -> None:
        for expr in self.program.assumes:
            self.clauses.add(self.truth(expr))
        cuts: dict[Loop, list[int]] = {}
        for expr, loop in zip(self.program.cuts, self.program.loops, strict=True):
            cuts.setdefault(loop, []).append(self.truth(expr))
        self.cuts = {loop: self.clauses.any(done) for loop, done in cuts.items()}
        self.cut = self.clauses.any(self.cuts.values())

    def co_literal(self, a: Write, b: Write) -> int:
        """The literal that ``a`` comes before ``b`` in co, where both are done at one cell."""
        if a.node == b.node:
            return FALSE
        if a.body == b.body:
            return TRUE if a.at < b.at else FALSE
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
            return FALSE
        if a.body == b.body:
            return TRUE if a.id < b.id else FALSE
        return self.po_literal(a.body, a.id, b.body, b.id)

    def floats(self, node: int) -> bool:
        """Is this node in nobody's program order?"""
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


def _boolean(literal: int) -> Literals:
    if literal == TRUE:
        return {1: TRUE}
    if literal == FALSE:
        return {0: TRUE}
    return {1: literal, 0: -literal}
