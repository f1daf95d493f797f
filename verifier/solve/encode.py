"""A program under a model as clauses.

Values and control become literals here, and every read, write and walk a *site* (``sites``);
``relate`` makes the base relations of a candidate execution of them; the model's equations are
interpreted over these (``symbolic``), and each axiom becomes clauses (``acyclic``).  What is
*allowed* is said by the model alone.
"""

from __future__ import annotations

from itertools import product

from verifier.errors import LimitError
from verifier.model import Model
from verifier.model.roles import buffered, invalidates
from verifier.program.events import Access, Event, Observable, Program
from verifier.program.values import FAULT, Apply, Const, Expr, Obs, Ptr, Ref, Value, apply, refs
from verifier.solve.acyclic import require_acyclic
from verifier.solve.clauses import FALSE, TRUE, Clauses
from verifier.solve.domains import MAX_COMBINATIONS, Domains, evaluate_in, order_key
from verifier.solve.relate import candidate
from verifier.solve.sites import Literals, Read, Source, Use, Walk, Write


class Encoding:
    """All clauses and literals of one program under one model. Raises ``LimitError``."""

    def __init__(self, program: Program, model: Model) -> None:
        self.program, self.model = program, model
        self.clauses = Clauses()
        self.domains = Domains(program)
        self.memo: dict[Expr, Literals] = {}
        self.slots: list[Literals] = [self._one_hot(d) for d in self.domains.slots]
        self.executed = [self.truth(e.guard) for e in program.events]
        self.ran = [self.truth(b.guard) for b in program.bodies]
        self.nodes = len(program.events)
        self.reads: list[Read] = []
        self.writes: list[Write] = []
        self.walks: list[Walk] = []
        self.uses: list[Use] = []
        self.issues: dict[int, int] = {}  # event of a store -> its issue
        self.sources: list[Source] = []
        self.order: dict[tuple[int, int], int] = {}  # co between events of different CPUs
        self.delivered: dict[tuple[int, int], int] = {}  # (handler, event of the thread): it is before
        self.before: dict[tuple[int, int], int] = {}  # (handler, handler): order on one CPU
        self.snapshots: dict[int, int] = {}  # number -> node
        self.past: dict[tuple[int, int], int] = {}  # (event, snapshot node): event is before it
        self.bad: list[tuple[int, Event]] = []
        self.asked: dict[int, int] = {}  # use by a condition -> its observable
        self.observed: dict[int, Literals] = {}
        self._walked = {c for c in range(program.cpus) if self._walks(c)}
        for event in program.events:
            self._event(event)
        self._observables()
        self.init = self._node()
        self._assumptions()
        x = candidate(self)
        for axiom in model.axioms:
            require_acyclic(axiom.relation(x))

    # -- values ---------------------------------------------------------------------------------

    def _one_hot(self, values: frozenset[Value]) -> Literals:
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
        slots = sorted(set(refs(expr)))
        if len(slots) == 1 and not _observes(expr):
            one = self.slots[slots[0]]
            return self._collect((evaluate_in(expr, {slots[0]: v}), x) for v, x in one.items())
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
            return self._collect(pairs)
        parts = [self.literals(a) for a in args]
        size = 1
        for p in parts:
            size *= len(p)
        if size > MAX_COMBINATIONS:
            raise LimitError(f"an expression combines {size} values; make the test smaller")
        if function in ("eq", "ne") and len(parts) == 2:
            same = clauses.any(clauses.both(x, parts[1][v]) for v, x in parts[0].items() if v in parts[1])
            return _boolean(same if function == "eq" else -same)
        return self._collect(
            (apply(function, tuple(v for v, _ in choice)), clauses.all([x for _, x in choice]))
            for choice in product(*(p.items() for p in parts))
        )

    def _collect(self, pairs: object) -> Literals:
        groups: dict[Value, list[int]] = {}
        for value, literal in pairs:  # type: ignore[attr-defined]
            if literal != FALSE:
                groups.setdefault(value, []).append(literal)
        return {v: self.clauses.any(xs) for v, xs in groups.items()}

    # -- events ---------------------------------------------------------------------------------

    def _node(self) -> int:
        self.nodes += 1
        return self.nodes - 1

    def _walks(self, cpu: int) -> bool:
        """Does anything on this CPU use a translation?"""
        return any(e.virtual and e.cpu == cpu for e in self.program.events) or any(
            o.kind == "tlb" and o.cpu == cpu for o in self.program.observables
        )

    def _event(self, event: Event) -> None:
        done = self.executed[event.id]
        late = self.model.buffered and buffered(event, self.program)
        fault = FALSE
        if event.virtual:
            fault = self._use(event, late)
            done = self.clauses.both(done, -fault)
        if event.op == "T":
            return
        for access in event.accesses:
            where = self._where(event, access, done)
            if access.slot is not None:
                self.reads.append(
                    Read(
                        event.id,
                        event.cpu,
                        event.body,
                        event.id,
                        where,
                        self.slots[access.slot],
                        "load",
                        access,
                    )
                )
            if access.value is not None:
                wrote = self.truth(access.when)
                here = {c: self.clauses.both(x, wrote) for c, x in where.items()} if wrote != TRUE else where
                here = {c: x for c, x in here.items() if x != FALSE}
                if not here:
                    continue
                issue = self.issues.get(event.id)
                if late and issue is None and event.cpu in self._walked and self._entries(here):
                    issue = self.issues[event.id] = self._node()
                values = self.literals(access.value)
                self.writes.append(
                    Write(event.id, event.cpu, event.body, event.id, here, values, late, issue)
                )

    def _entries(self, where: dict[Ptr, int]) -> bool:
        return any(self.program.cells[c].kind == "pte" for c in where)

    def _where(self, event: Event, access: Access, done: int) -> dict[Ptr, int]:
        """The cells an access touches, each with the literal that it does (it is executed, too)."""
        if event.virtual:
            use = self.uses[-1]
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

    def _use(self, event: Event, late: bool) -> int:
        """A translated access: a walk, an initial entry or a fault serves it. The fault's literal."""
        clauses, access = self.clauses, event.accesses[0]
        done = self.executed[event.id]
        node = event.id
        if late:
            node = self.issues[event.id] = self._node()
        vas = self.literals(access.addr)
        use = self._served(node, event.cpu, vas, self.domains.pages[id(access)], done, event)
        if self.domains.faults[id(access)]:
            use.fault = clauses.new()
            clauses.add(-use.fault, done)
            self._entry_read(event.cpu, event.body, event.id, node, vas, use.fault, None, "load")
        options = [x for x, _, _ in use.initial]
        if use.walk:
            options.append(use.walk.chosen)
        if use.fault != FALSE:
            options.append(use.fault)
        clauses.add(-done, *options)
        clauses.at_most_one(options)
        if access.slot is not None:
            values = self.slots[access.slot]
            if use.fault != FALSE:
                clauses.add(-use.fault, values.get(FAULT, FALSE))
            if event.op == "T":
                for page, literal in use.pages.items():
                    clauses.add(-literal, values.get(page, FALSE))
        return use.fault

    def _served(
        self, node: int, cpu: int, vas: Literals, pages: frozenset[Value], done: int, event: Event | None
    ) -> Use:
        """The ways in which a use may find one of ``pages``: by a walk, or an initial entry."""
        clauses = self.clauses
        use = Use(node, event, cpu, vas, None)
        found: dict[Value, list[int]] = {}
        entries = frozenset(
            v
            for va in vas
            for root in self.domains.roots(cpu)
            for v, _, _ in self.domains.cells.get(apply("pte", (root, va)), ())
            if v in pages
        )
        if entries:
            chosen = clauses.new()
            clauses.add(-chosen, done)
            values = self._one_hot(entries)
            walk = Walk(self._node(), node, cpu, chosen, vas, values, event)
            use.walk = walk
            self.walks.append(walk)
            self._entry_read(cpu, -1, -1, walk.node, vas, chosen, values, "walk")
            for page, literal in values.items():
                found.setdefault(page, []).append(clauses.both(chosen, literal))
        for at, _, va, page in self.program.tlb:
            if at == cpu and va in vas and page in pages:
                literal = clauses.new()
                clauses.add(-literal, done)
                clauses.add(-literal, vas[va])
                use.initial.append((literal, va, page))
                found.setdefault(page, []).append(literal)
        use.pages = {page: clauses.any(xs) for page, xs in found.items()}
        self.uses.append(use)
        return use

    def _entry_read(
        self,
        cpu: int,
        body: int,
        at: int,
        node: int,
        vas: Literals,
        done: int,
        pages: Literals | None,
        kind: str,
    ) -> None:
        """Read cr3 and the entry it leads to; ``pages`` None: the entry must not be present."""
        both = self.clauses.both
        roots = self._one_hot(self.domains.roots(cpu))
        self.reads.append(Read(node, cpu, body, at, {Ptr(f"{cpu}:cr3"): done}, roots, kind))
        where: dict[Ptr, int] = {}
        for (root, x), (va, y) in product(roots.items(), vas.items()):
            literal = both(done, both(x, y))
            entry = apply("pte", (root, va))
            if isinstance(entry, Ptr) and entry in self.program.cells:
                if literal != FALSE:
                    where[entry] = literal
            else:
                self.clauses.add(-literal)
        if pages is None:
            absent = {v for c in where for v, _, _ in self.domains.cells[c] if not isinstance(v, Ptr)}
            pages = dict.fromkeys(absent, TRUE)
        self.reads.append(Read(node, cpu, body, at, where, pages, kind))

    # -- conditions -----------------------------------------------------------------------------

    def _observables(self) -> None:
        for index, o in enumerate(self.program.observables):
            if o.kind == "tlb":
                assert o.cpu is not None and o.va is not None
                node = self._node()
                done = self.clauses.new()
                use = self._served(node, o.cpu, {o.va: TRUE}, frozenset([o.page]), done, None)  # type: ignore[list-item]
                options = [x for x, _, _ in use.initial] + ([use.walk.chosen] if use.walk else [])
                self.clauses.add(-done, *options)
                self.clauses.at_most_one(options)
                self.observed[index] = {1: done, 0: -done}
                self.asked[node] = index
                self._seen_until(node, o.cpu, o.at)
            elif o.kind == "mem" and o.at is not None:
                assert o.cell is not None
                values = self._one_hot(frozenset(v for v, _, _ in self.domains.cells[o.cell]))
                self.observed[index] = values
                self.reads.append(Read(self._snapshot(o.at), -1, -1, -1, {o.cell: TRUE}, values, "memory"))

    def _snapshot(self, number: int) -> int:
        if number not in self.snapshots:
            self.snapshots[number] = self._node()
        return self.snapshots[number]

    def _seen_until(self, node: int, cpu: int, at: int | None) -> None:
        """Which of a CPU's invalidations are before a condition's use: all, or a snapshot's past."""
        if at is None:
            return
        snapshot = self._snapshot(at)
        self.past[node, snapshot] = TRUE
        for event in self.program.events:
            if event.cpu == cpu and (invalidates(event) or event.virtual):
                self.past.setdefault((self.issues.get(event.id, event.id), snapshot), 0)

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
            later = [clauses.both(x, self.co_literal(w, other)) for other, x in here if other is not w]
            last = clauses.all([done, *(-x for x in later)])
            parts += [(v, clauses.both(last, x)) for v, x in w.values.items()]
        parts.append((init, clauses.all([-done for _, done in here])))
        return self._collect(parts)

    # -- relations ------------------------------------------------------------------------------

    def _assumptions(self) -> None:
        for expr in self.program.assumes:
            self.clauses.add(self.truth(expr))
        self.cut = self.clauses.any(self.truth(c) for c in self.program.cuts)

    def co_literal(self, a: Write, b: Write) -> int:
        """The literal that ``a`` comes before ``b`` in co, where both are done at one cell."""
        if a.node == b.node:
            return FALSE
        if a.body == b.body:
            return TRUE if a.at < b.at else FALSE
        if a.cpu == b.cpu:
            return self.po_literal(a.body, a.at, b.body, b.at)
        key = (a.node, b.node) if a.node < b.node else (b.node, a.node)
        literal = self.order.get(key)
        if literal is None:
            literal = self.order[key] = self.clauses.new()
        return literal if a.node < b.node else -literal

    def po_literal(self, body: int, at: int, other: int, to: int) -> int:
        """Program order between events of different bodies of one CPU."""
        bodies = self.program.bodies
        if bodies[body].kind == "handler" and bodies[other].kind == "handler":
            if body < other:
                return self._handlers(body, other)
            return -self._handlers(other, body)
        if bodies[body].kind == "handler":
            return self._delivered(body, to)
        return -self._delivered(other, at)

    def _handlers(self, body: int, other: int) -> int:
        literal = self.before.get((body, other))
        if literal is None:
            literal = self.before[body, other] = self.clauses.new()
        return literal

    def _delivered(self, handler: int, event: int) -> int:
        literal = self.delivered.get((handler, event))
        if literal is None:
            literal = self.delivered[handler, event] = self.clauses.new()
        return literal


def _observes(expr: Expr) -> bool:
    if isinstance(expr, Obs):
        return True
    return isinstance(expr, Apply) and any(_observes(a) for a in expr.args)


def _boolean(literal: int) -> Literals:
    if literal == TRUE:
        return {1: TRUE}
    if literal == FALSE:
        return {0: TRUE}
    return {1: literal, 0: -literal}
