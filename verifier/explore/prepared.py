"""A program prepared for the machine: compiled expressions, indices, and what the rest of a run may do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Literal

from verifier.budget import Budget
from verifier.explore.caches import Caches, removal
from verifier.explore.compiled import (
    Code,
    Compiled,
    compiled,
    compiled_event,
    possible_attributes,
    touch,
)
from verifier.explore.graces import Graces
from verifier.explore.state import DIRECT, linear_address
from verifier.program import arrivals
from verifier.program.asking import awaited, branches
from verifier.program.events import Body, Cell, Event, Program
from verifier.program.expressions import TRUE, Const, Expr, mask, refs
from verifier.program.invalidations import INVALIDATING
from verifier.program.kinds import undefined_decisions
from verifier.program.ops import ICR
from verifier.program.profiles import Switches
from verifier.program.stops import running
from verifier.program.undefined import by_undefined
from verifier.program.values import CLEAN, UNACCESSED, Ptr, Value, softirqs_off
from verifier.program.waits import Wait
from verifier.records import dataclass


def grouped(waits: Sequence[Wait]) -> dict[int, int]:
    """By event, the group of waits that it looks for: waits that share events are one group."""
    of: dict[int, int] = {}
    for number, wait in enumerate(waits):
        merged = {of[e] for e in wait.events if e in of}
        for event, group in of.items():
            if group in merged:
                of[event] = number
        of |= dict.fromkeys(wait.events, number)
    return of


def _looked_at(program: Program) -> dict[int, int]:
    """By CPU: the slots of what conditions ask for, where its thread may come to rest."""
    stopping = {s.cpu for s in program.stops if program.bodies[s.body].kind == "thread"}
    found: dict[int, int] = {}
    for o in program.observables:
        if o.kind == "reg" and o.cpu in stopping:
            found[o.cpu] = found.get(o.cpu, 0) | mask(o.expr)
    return found


UNSENT = -1  # program counter of a handler that no SEND has started yet


PendingKind = Literal["assume", "cut", "decision", "result"]


@dataclass(slots=True, eq=False)
class Pending:
    """An expression that the machine evaluates as soon as all events that it depends on are past.

    ``needs`` has, for each body that matters, the body and the index of the last event that matters.
    """

    kind: PendingKind
    code: Code
    needs: tuple[tuple[int, int], ...]
    slots: int
    index: int = 0  # which assumption, loop, result


@dataclass(frozen=True, slots=True)
class Rest:
    """What the rest of a run may do from given program counters on; handlers that may still be sent count.

    ``slots``   the slots that a later step needs, as bits;
    ``kept``    of the values of all slots, and None after them: those that matter, and None for the others;
    ``vas``     by CPU: the virtual addresses that it may use;
    ``reads``   by CPU: the cells that it may read;
    ``writes``  by CPU: the cells that events not yet executed may write.
    """

    slots: int
    kept: Callable[[list[Value | None]], tuple[Value | None, ...]]
    vas: tuple[int, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    floods: bool = False  # an INVLPGB may still come


class Prepared:
    """All facts about a program that are known before its first step.

    The machine runs a program without its stops; ``whole`` has them. ``kept``, by CPU: the slots, as bits,
    that are looked at where its thread comes to rest.

    ``buffered`` is False for sequential consistency: stores reach memory at once.
    """

    def __init__(self, program: Program, switches: Switches, budget: Budget) -> None:
        self.whole, self.kept = program, _looked_at(program)
        self.program = program = running(program)
        self.switches = switches
        self.budget = budget
        self.buffered = switches.store_buffer
        self.cells = list(program.cells.values())
        self.graces = Graces(program, len(self.cells))
        self.cells += self.graces.cells
        # One more cell, which no event names, says which handlers have been acknowledged (MMR 8.7), as bits.
        self.answered = len(self.cells)
        self.answering_bodies = sum(1 << body for body in program.acknowledgements())
        if self.answering_bodies:
            self.cells.append(Cell(Ptr("%acks"), "acks", 0, "register"))
        self.cell_at: dict[Value | str, int] = {cell.ptr: i for i, cell in enumerate(self.cells)}
        self.register = [cell.kind == "register" for cell in self.cells]
        self.cpus = range(program.cpus)
        self.irq = [self.cell_at.get(Ptr(f"{c}:irq"), -1) for c in self.cpus]
        self.softirqs_off = [self.cell_at.get(softirqs_off(c), -1) for c in self.cpus]
        self.caches = Caches(program, switches, self.cell_at)
        self.va_at = self.caches.va_at
        self.every_va = (1 << len(program.vas)) - 1
        self.everything = (1 << len(self.cells)) - 1
        self.ptes = self._cells(lambda i: self.cells[i].kind == "pte")
        self.page_data = self._cells(lambda i: self.cells[i].ptr.base.endswith(".data"))
        self._features()
        self._observe()
        self.ops = [[self._op(event) for event in body.events] for body in program.bodies]
        self.length = [len(ops) for ops in self.ops]
        # The program counters at which an instruction is half done, so no interrupt comes (MMR 8.9), as bits.
        self.halfway = [sum(2 << i for i, e in enumerate(b.events) if e.joined) for b in program.bodies]
        self.threads = [0] * program.cpus
        self.handlers: list[list[int]] = [[] for _ in self.cpus]
        self.nmis: list[list[int]] = [[] for _ in self.cpus]  # those that may strike or not
        self.sent_nmis: list[list[int]] = [[] for _ in self.cpus]
        for body in program.bodies:
            if body.kind == "thread":
                self.threads[body.cpu] = body.id
            elif body.kind in ("handler", "callback"):
                self.handlers[body.cpu].append(body.id)
            else:
                (self.nmis if body.send is None else self.sent_nmis)[body.cpu].append(body.id)
        self.bodies_on = [
            [self.threads[c], *self.handlers[c], *self.sent_nmis[c], *self.nmis[c]] for c in self.cpus
        ]
        self.unmaskable = [body.kind == "nmi" for body in program.bodies]
        self.softly = [body.kind == "callback" for body in program.bodies]
        self.batching = {body.id for pair in arrivals.batches(program) for body in pair}
        self.own_calls = {body.id for body in arrivals.own_calls(program)}
        self.sender = [-1 if body.send is None else body.send.cpu for body in program.bodies]
        self.by_nmi = [self._from_nmi(body) for body in program.bodies]
        # Handlers that no call queue keeps in order (MMR 8.3), those from before the test among them.
        self.bare = [body.send is None or body.send.kind in ICR for body in program.bodies]
        self.sent_if = [None if b.sent == TRUE else compiled(b.sent) for b in program.bodies]
        # By body: those that may be merged with it (MMR 8.3).
        self.alike = [
            {*b.merges, *(c.id for c in program.bodies if b.id in c.merges)} for b in program.bodies
        ]
        # By event, the group of waits that it looks for (MMR 20.1).
        self.halting = {self.threads[c]: kept for c, kept in self.kept.items()}
        self.looks = grouped([w for w in program.waits if w.kind in ("spin", "lock", "halt")])
        # A grace period of call_rcu() may begin late; it matters to whether it ends.
        self.late_graces = bool(self.graces.callback and self.whole.stops) and self.buffered
        first_look: dict[int, int] = {}  # by group: its first event, by its place in its body
        for ops in self.ops:
            for i, op in enumerate(ops):
                group = self.looks.get(op.event.id)
                if group is not None:
                    first = first_look.setdefault(group, i)
                    for earlier in ops[first:i]:
                        op.slots |= mask(earlier.event.guard)
        # What says which kernel this is, and which calls are waited for: a delivery asks for it (MMR 17.7).
        self.asked_later = 0 if program.kernel is None else 1 << program.kernel
        for event in program.events:
            self.asked_later |= mask(event.waited)
        self._schedule()
        self._suffixes()
        # A program without translated accesses, and without conditions about the TLB, needs no TLB.
        self.translating = self.aged or any(rows[0][1] for rows in self._columns) or any(self.watched_vas)

    def _features(self) -> None:
        """Find out which of the rarer features the program uses."""
        program, switches = self.program, self.switches
        events, found = program.events, possible_attributes(program)
        self.dirties = bool(found & CLEAN) and switches.spontaneous  # a write may have to set D
        walkers = min(self.caches.cr3, default=-1) >= 0
        self.aged = bool(found & UNACCESSED) and switches.spontaneous and walkers  # walkers may set A
        self.flooding = any(e.op == "BINV" for e in events)
        self.answering = self.flooding and switches.tlbsync_waits_remote_stores
        self.asides = self.aged or self.flooding
        # By CPU: which cells it fetches instructions from; does an SFENCE, does a branch matter?
        self.fetched = [0] * program.cpus
        # By CPU and linear address: likewise, not by way of a TLB entry.
        self.direct: list[dict[int, int]] = [{} for _ in range(program.cpus)]
        self.translated: list[set[int]] = [set() for _ in range(program.cpus)]  # the addresses for the others
        self.weak = [False] * program.cpus
        for event in events:
            if event.op == "IF":
                a = event.accesses[0].addr
                cell = self.cell_at.get(a.value, -1) if isinstance(a, Const) else -1
                other = self._cells(lambda i: not self.register[i])
                mine = self.page_data if event.virtual else 1 << cell if cell >= 0 else other
                self.fetched[event.cpu] |= mine
                named = {a.value} if isinstance(a, Const) else self.va_at.keys()
                vas = {at for va, at in self.va_at.items() if va in named}
                if event.virtual and switches.spontaneous:
                    self.translated[event.cpu] |= vas
                    continue
                direct = self.direct[event.cpu]
                for linear in map(linear_address, vas) if event.virtual else (DIRECT,):
                    direct[linear] = direct.get(linear, 0) | mine
            elif event.kind == "nt" or (event.kind == "x2apic" and switches.x2apic_fence == "sfence"):
                self.weak[event.cpu] = self.buffered
        self.branching = [bool(cells) and switches.smc == "intel" for cells in self.fetched]
        self.awaited = awaited(program)
        self.sends = {e.id: n for n, e in enumerate(e for e in events if e.kind == "x2apic")}
        weak = self.buffered and not switches.amd_x2apic_ordered
        self.ahead = [
            sum(1 << self.sends[e.id] for e in body.events if weak and e.id in self.sends)
            for body in program.bodies
        ]
        # By the event in front of them: the branches that an early ICR write waits for.
        sending = {e.id for body in program.bodies if self.ahead[body.id] for e in body.events}
        self.told = {at: told for at, told in branches(program).items() if at in sending}
        self.branches = {at: [compiled(branch) for branch in told] for at, told in self.told.items()}

    def _from_nmi(self, body: Body) -> bool:
        """Does this body run only if some NMI strikes?"""
        while body.send is not None:
            body = self.program.bodies[body.send.body]
        return body.kind == "nmi"

    def _cells(self, chosen: Callable[[int], bool]) -> int:
        return sum(1 << i for i in range(len(self.cells)) if chosen(i))

    def _observe(self) -> None:
        """Sort the observables: those at the end of a run, those about TLBs, those at single instants."""
        observables = self.program.observables
        self.finals = [i for i, o in enumerate(observables) if o.at is None or o.kind == "ever"]
        self.evers = [i for i in self.finals if observables[i].kind == "ever"]
        self.watched_vas = self.caches.watched_vas
        self.seen_cells = 0  # cells that an ``ever`` looks at
        self.seen_tlbs: set[int] = set()
        self.instants: dict[int, list[int]] = {}
        for i, o in enumerate(observables):
            if o.at is None or o.kind == "ever":
                continue
            self.instants.setdefault(o.at, []).append(i)
            if o.kind == "mem" and o.cell is not None:
                self.seen_cells |= 1 << self.cell_at[o.cell]
            elif o.kind == "tlb" and o.cpu is not None:
                self.seen_tlbs.add(o.cpu)
                self.seen_cells |= self.ptes

    def _op(self, event: Event) -> Compiled:
        self.budget.tick()
        places = [self._fixed(a.addr) for a in event.accesses]
        touches = tuple(touch(a, cell) for a, cell in zip(event.accesses, places, strict=True))
        op = compiled_event(event, touches, self.switches)
        if event.op in INVALIDATING:
            removal(event.kind)  # an unknown one is refused, whether it is executed or not
        op.slots = mask(event.guard)
        for a in event.accesses:
            op.slots |= mask(a.addr) | mask(a.value) | mask(a.when)
        op.slots |= mask(event.va) | mask(event.pcid)
        for h in event.handlers:
            op.slots |= mask(self.program.bodies[h].sent)
        for branch in self.told.get(event.id, ()):
            op.slots |= mask(branch)
        for a, cell in zip(event.accesses, places, strict=True):
            where = 1 << cell if cell >= 0 else self.everything
            if op.translated:
                where = self.page_data
                fixed = self.va_at.get(a.addr.value, -1) if isinstance(a.addr, Const) else -1
                op.vas |= 1 << fixed if fixed >= 0 else self.every_va
                op.reads |= self.ptes
            if event.op == "T":
                continue
            if a.slot is not None:
                op.reads |= where
            if a.value is not None:
                op.stores |= where
        self._effects(op)
        return op

    def _effects(self, op: Compiled) -> None:
        """Add the cells that an event touches at its instant besides those of its accesses."""
        event, cpu = op.event, op.event.cpu
        if event.op in ("INV", "CR3"):
            op.reads |= self.ptes
            op.reads |= (
                self.fetched[cpu] if self.translated[cpu] else 0
            )  # until now, it was read by other entries
        if op.serial:  # fetches and absent entries start anew
            op.reads |= self.fetched[cpu]
            op.reads |= self.ptes if self.switches.fault_walk == "spurious_once" else 0
        later = event.op == "W" and self.buffered
        hides = later and self.switches.walk_forward == "forward_always"  # from this CPU's walks
        now = 0
        if op.translated and op.modifies and self.dirties:
            now = self.ptes
        reads, sections = self.graces.effects(event)
        op.reads |= reads
        now |= sections
        op.writes = now if later else op.stores | now
        op.stores |= now
        if (op.writes | (op.stores if hides else 0)) & self.walked(cpu):
            op.reads |= self.ptes  # the walks that this CPU could do until now depend on other entries, too
        op.visible = bool(
            op.writes & self.seen_cells
            or (cpu in self.seen_tlbs and (op.reads | op.stores) & self.ptes and event.op != "R")
            or (cpu in self.seen_tlbs and op.translated)
        )

    def walked(self, cpu: int) -> int:
        """The cells whose present values this CPU may read by its walks, or behind them (MMR 3.3, 10.1)."""
        return self.ptes | (self.fetched[cpu] if self.translated[cpu] else 0)

    def _fixed(self, addr: Expr) -> int:
        """The cell of a constant address; -1 for any other address."""
        return self.cell_at.get(addr.value, -1) if isinstance(addr, Const) else -1

    def _schedule(self) -> None:
        """Find out when each assumption, cut and result can be evaluated."""
        home: dict[int, tuple[int, int]] = {}
        for body in self.program.bodies:
            if body.choice is not None:
                home[body.choice] = (body.id, 0)
            for i, event in enumerate(body.events):
                for a in event.accesses:
                    if a.slot is not None:
                        home[a.slot] = (body.id, i)
        program = self.program
        loops = list(dict.fromkeys(program.loops))
        self.decisions = undefined_decisions(program)
        # What is wrong comes first: what an assumption says of an UNDEF value does not matter.
        exprs: list[tuple[PendingKind, Expr, int]] = [
            ("decision", by_undefined(d), n) for n, d in enumerate(self.decisions)
        ]
        exprs += [("assume", e, n) for n, e in enumerate(program.assumes)]
        exprs += [("cut", e, loops.index(loop)) for e, loop in zip(program.cuts, program.loops, strict=True)]
        self.result_of: dict[int, int] = {}
        for i in self.finals:
            o = program.observables[i]
            if o.kind == "reg" and o.expr is not None:
                exprs.append(("result", o.expr, len(self.result_of)))
                self.result_of[i] = len(self.result_of)
        self.waiting: list[Pending] = []
        self.due: dict[tuple[int, int], list[Pending]] = {}
        places = {e.id: (b.id, i) for b in program.bodies for i, e in enumerate(b.events)}
        after = [(d.after, d.other) for d in self.decisions]
        after += [(x, -1) for x in (*(wait.after for wait in program.waits), *program.cuts_after)]
        for n, (kind, expr, index) in enumerate(exprs):
            self.budget.tick()
            # Not before the place where it stands: until then the body may come to rest.
            last: dict[int, int] = {}
            for where in after[n] if n < len(after) else ():
                if where >= 0:
                    body_id, i = places[where]
                    last[body_id] = max(i, last.get(body_id, 0))
            for slot in refs(expr):
                if slot == program.kernel:
                    continue  # known from the start
                body_id, i = home[slot]
                last[body_id] = max(i, last.get(body_id, 0))
            item = Pending(
                kind=kind, code=compiled(expr), needs=tuple(last.items()), slots=mask(expr), index=index
            )
            self.waiting.append(item)
            for need in item.needs:
                self.due.setdefault(need, []).append(item)

    def _suffixes(self) -> None:
        """For every body and program counter: find out what the rest of the body may touch."""
        self._columns: list[list[tuple[int, int, int, int, bool]]] = []
        for body, ops in enumerate(self.ops):
            waiting = [0] * (len(ops) + 1)
            for item in self.waiting:
                for at, last in item.needs:
                    if at == body:
                        waiting[last] |= item.slots
            if body in self.halting and ops:
                waiting[-2] |= self.halting[body]
            rows = [(0, 0, 0, 0, False)]
            for i in range(len(ops) - 1, -1, -1):
                op, (slots, vas, reads, writes, floods) = ops[i], rows[-1]
                rows.append(
                    (
                        slots | op.slots | waiting[i],
                        vas | op.vas,
                        reads | op.reads,
                        writes | op.stores,
                        floods or op.event.op == "BINV",
                    )
                )
            rows.reverse()
            rows.append(rows[0])  # at index UNSENT
            self._columns.append(rows)
        self._rests: dict[tuple[int, ...], Rest] = {}

    def rest(self, pcs: tuple[int, ...]) -> Rest:
        """What the rest of a run may do from these program counters on."""
        known = self._rests.get(pcs)
        if known is None:
            slots, vas, reads, writes, floods = 0, [], [], [], False
            for bodies in self.bodies_on:
                v = r = w = 0
                for body in bodies:
                    row = self._columns[body][pcs[body]]
                    slots |= row[0]
                    v |= row[1]
                    r |= row[2]
                    w |= row[3]
                    floods = floods or row[4]
                vas.append(v)
                reads.append(r)
                writes.append(w)
            count = self.program.slots
            slots |= self.asked_later
            known = self._rests[pcs] = Rest(
                slots=slots,
                kept=itemgetter(*(n if slots >> n & 1 else count for n in range(count)), count, count),
                vas=tuple(vas),
                reads=tuple(reads),
                writes=tuple(writes),
                floods=floods,
            )
        return known

    def unanswered(self, memory: Sequence[Value], handlers: Iterable[int]) -> bool:
        """Is one of these handlers, which somebody waits for, still without acknowledgement?"""
        done = memory[self.answered] if handlers else 0
        assert isinstance(done, int)
        return any(not done >> h & 1 for h in handlers)

    def unfinished(self, pcs: tuple[int, ...], handlers: Iterable[int]) -> bool:
        """May one of these handlers still run?"""
        return any(pcs[h] < self.length[h] for h in handlers)
