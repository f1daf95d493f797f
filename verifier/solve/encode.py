"""A program under a model as clauses.

Values and control are literals (``encoding``), and every read, write and walk becomes a *site* (``sites``).
``chains`` and ``walks`` make the translations.  ``relate`` makes the base relations of a candidate execution
of all sites.  The model's equations are interpreted over these relations (``symbolic``), and each axiom
becomes clauses (``acyclic``).  Only the model says what is *allowed*.
"""

from __future__ import annotations

from verifier.budget import Budget
from verifier.model import Model
from verifier.model.axioms import Equation
from verifier.model.cover import cover
from verifier.model.roles import buffered, invalidates
from verifier.program.events import Access, DecidedBy, Event, Observable, Program
from verifier.program.expressions import Const
from verifier.program.functions import apply
from verifier.program.invalidations import INVALIDATING
from verifier.program.values import UNDEF, Ptr, Value
from verifier.program.waits import Loop
from verifier.solve.acyclic import require_acyclic
from verifier.solve.clauses import NO, YES
from verifier.solve.encoding import Encoding
from verifier.solve.hangs import require_reasons
from verifier.solve.lines import require_lines
from verifier.solve.relate import candidate
from verifier.solve.relate_walks import Symbolic
from verifier.solve.sites import InvalidationSite, Literals, Read, Use, Write
from verifier.solve.symbolic import SymbolicRelation
from verifier.solve.walks import Walks


def encode(program: Program, model: Model, budget: Budget | None = None, lazily: bool = False) -> Encoding:
    """All clauses and literals of one program under one model. ``lazily``: without the clauses of relations
    with many cycles; those are ``watched``. Raises ``LimitError``."""
    encoding, execution = candidates(program, model, budget)
    known: dict[Equation, SymbolicRelation] = {}
    for axiom in model.axioms:
        require_acyclic(axiom.relation(execution, known), watched=encoding.watched if lazily else None)
    require_lines(encoding)
    return encoding


def candidates(program: Program, model: Model, budget: Budget | None = None) -> tuple[Encoding, Symbolic]:
    """All candidate executions of a program, whether the model allows them or not. Raises ``LimitError``."""
    encoder = _Encoder(program, model, budget)
    return encoder, encoder.encode()


class _Encoder(Encoding):
    """Makes the sites and clauses of an encoding."""

    def encode(self) -> Symbolic:
        """Make everything but what the model forbids.

        The order matters: each part uses the nodes that earlier parts have numbered."""
        self.walks = Walks(self)
        self._walked = self._with_walks()
        # The CPUs that may fetch from a page what they have stored there by any address (MMR 10.2).
        amd = self.model.switches.smc == "amd"
        self._fetches = {e.cpu for e in self.program.events if amd and e.op == "IF" and e.virtual}
        self.walks.demand()
        self._decisions()
        for event in self.program.events:
            self._event(event)
        self.walks.accessed()
        self._invalidations()
        self._observables()
        del self.walks  # it knows this encoder, and a decided test is to leave no cycles
        self.init = self.node()
        self._assumptions()
        self.budget.enter("encoding what may happen in which order")
        execution = candidate(self)
        require_reasons(self)
        return execution

    # -- events ---------------------------------------------------------------------------------

    def _with_walks(self) -> set[int | None]:
        """The CPUs on which a walk matters: something uses a translation, or the walker may set A."""
        found = {e.cpu for e in self.program.events if e.virtual}
        found |= {cpu for cpu in range(self.program.cpus) if self.walks.marks(cpu)}
        return found | {o.cpu for o in self.program.observables if o.kind == "tlb"}

    def _event(self, event: Event) -> None:
        self.clauses.check()
        done = self.executed[event.id]
        late = self.model.buffered and buffered(event, self.program)
        use = None
        if event.virtual:
            use = self.walks.access(event, self.instant(event))
            if use.fault != NO:
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
                self.reads.append(
                    Read(
                        node,
                        event.cpu,
                        body=event.body,
                        at=event.id,
                        where=where,
                        values=values,
                        kind=kind,
                    )
                )
            if access.value is not None:
                self._write(event, access, where, late)

    def _write(self, event: Event, access: Access, where: dict[Ptr, int], late: bool) -> None:
        wrote = self.truth(access.when)
        here = {c: self.clauses.both(x, wrote) for c, x in where.items()} if wrote != YES else where
        here = {c: x for c, x in here.items() if x != NO}
        if not here:
            return
        issue = self.issues.get(event.id)
        if late and issue is None and self._forwards(event, here):
            issue = self.issues[event.id] = self.node()
        values = self.literals(access.value) if access.value is not None else {}
        self.writes.append(
            Write(
                event.id,
                event.cpu,
                body=event.body,
                at=event.id,
                where=here,
                values=values,
                buffered=late,
                issue=issue,
            )
        )

    def _forwards(self, event: Event, where: dict[Ptr, int]) -> bool:
        """May a page walk or a fetch of this CPU read the store while it is buffered?"""
        kinds = {self.program.cells[c].kind for c in where}
        return ("pte" in kinds and event.cpu in self._walked) or "code" in kinds or event.cpu in self._fetches

    def _where(self, event: Event, access: Access, done: int, use: Use | None) -> dict[Ptr, int]:
        """The cells that an access may touch, each with the literal that it is done and touches it."""
        if use is not None:
            found = [(apply("page_data", (p,)), x) for p, x in use.pages.items()]
        else:
            found = list(self.literals(access.addr).items())
        where: dict[Ptr, int] = {}
        for address, literal in found:
            literal = self.clauses.both(literal, done)
            if literal == NO:
                continue
            if isinstance(address, Ptr) and address in self.program.cells:
                where[address] = literal
            else:
                self.bad.append((literal, event))
                if access.slot is not None and UNDEF in self.slots[access.slot]:
                    self.clauses.add(-literal, self.slots[access.slot][UNDEF])
        return where

    def pcid(self, event: Event) -> Literals:
        """The PCID that an invalidation acts on: the one that it names, the new one, or the current one."""
        if event.pcid is not None:
            return self.literals(event.pcid)
        for access in event.accesses:
            if isinstance(access.addr, Const) and access.addr.value == Ptr(f"{event.cpu}:pcid"):
                if event.op == "CR3" and access.value is not None:
                    return self.literals(access.value)
                if access.slot is not None:
                    return self.slots[access.slot]
        return {self._only_pcid(event.cpu): YES}

    def _only_pcid(self, cpu: int) -> Value:
        cell = self.program.cells.get(Ptr(f"{cpu}:pcid"))
        return cell.init if cell is not None else 0

    def _invalidations(self) -> None:
        """Everything that removes translations of a CPU, faults and INVLPGBs included."""
        for event in self.program.events:
            if event.op not in INVALIDATING:
                continue
            removes = not cover(event.kind, self.model.switches).nothing
            done, kind, pcid = self.executed[event.id], event.kind, self.pcid(event)
            vas = {} if event.va is None else self.literals(event.va)
            if invalidates(event, broadcast=True):
                for cpu in range(self.program.cpus):
                    node = self.flushes[event.id, cpu] = self.node()
                    self.invalidations.append(
                        InvalidationSite(node, cpu, done=done, kind=kind, vas=vas, pcid=pcid, remote=True)
                    )
            elif removes:
                self.invalidations.append(
                    InvalidationSite(event.id, event.cpu, done=done, kind=kind, vas=vas, pcid=pcid)
                )
        for use in self.uses:
            if use.event is not None and use.fault != NO:
                node = self.faults[use.event.id]
                self.invalidations.append(
                    InvalidationSite(node, use.cpu, done=use.fault, kind="fault", vas=use.vas, pcid=use.now)
                )

    # -- conditions -----------------------------------------------------------------------------

    def _observables(self) -> None:
        for index, o in enumerate(self.program.observables):
            if o.kind == "tlb":
                assert o.cpu is not None and o.va is not None and o.page is not None
                node, done = self.node(), self.clauses.new()
                use = self.walks.asked(
                    node, o.cpu, va=o.va, wanted=o.page, now=self._asked_pcid(o), done=done
                )
                self.observed[index] = {1: done, 0: -done}
                self.asked[node] = index
                use.snapshot = None if o.at is None else self._snapshot(o.at)
            elif o.kind == "mem" and o.at is not None:
                assert o.cell is not None
                values = self.one_hot(self.domains.contents(o.cell))
                self.observed[index] = values
                self.reads.append(
                    Read(
                        self._snapshot(o.at),
                        -1,
                        body=-1,
                        at=-1,
                        where={o.cell: YES},
                        values=values,
                        kind="memory",
                    )
                )

    def _snapshot(self, number: int) -> int:
        if number not in self.snapshots:
            self.snapshots[number] = self.node()
        return self.snapshots[number]

    def _asked_pcid(self, o: Observable) -> Literals:
        """The PCID under which a condition asks: a given one, or the one in force at its instant."""
        if o.pcid is not None:
            return {o.pcid: YES}
        cell = Ptr(f"{o.cpu}:pcid")
        if cell not in self.program.cells:
            return {0: YES}
        if o.at is None:
            return self.final(cell)
        values = self.one_hot(self.domains.contents(cell))
        self.reads.append(
            Read(self._snapshot(o.at), -1, body=-1, at=-1, where={cell: YES}, values=values, kind="memory")
        )
        return values

    def _decisions(self) -> None:
        """Where a decision is by an UNDEF value, the run is wrong."""
        for d in self.program.decisions:
            unknown = self.literals(d.value).get(UNDEF, NO)
            if unknown != NO:
                here = self.clauses.all((unknown, *map(self.truth, d.guard)))
                if here != NO:
                    self.bad.append((here, d))

    def _assumptions(self) -> None:
        events = self.program.events
        for expr, wait in zip(self.program.assumes, self.program.waits, strict=True):
            # A turn that is left out may be wrong: the body goes on as if it had found what it looks for.
            body = events[wait.events[0]].body if wait.events and self.bad else -1
            wrong = [x for x, what in self.bad if what.body == body and after(what)[0] <= wait.after]
            self.clauses.add(self.truth(expr), *wrong)
        cuts: dict[Loop, list[int]] = {}
        for expr, loop in zip(self.program.cuts, self.program.loops, strict=True):
            cuts.setdefault(loop, []).append(self.truth(expr))
        self.cuts = {loop: self.clauses.any(done) for loop, done in cuts.items()}
        self.cut = self.clauses.any(self.cuts.values())


def lost(encoding: Encoding) -> int:
    """The literal that some access has an address without a cell, and that its body has decided by no UNDEF
    value before."""
    clauses, bad = encoding.clauses, encoding.bad

    def before(event: Event) -> list[int]:
        return [-x for x, what in bad if what.body == event.body and after(what) < after(event)]

    return clauses.any(clauses.all((x, *before(e))) for x, e in bad if isinstance(e, Event))


def after(what: Event | DecidedBy) -> tuple[int, bool]:
    """The event that makes a run wrong, or after which it decides by an UNDEF value; what it decides comes
    after what the event does."""
    return (what.id, False) if isinstance(what, Event) else (what.after, True)
