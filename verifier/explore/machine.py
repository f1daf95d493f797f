"""The abstract machine: what one step of a CPU can be.

Every CPU has a program counter in its thread and in each handler instance, a FIFO store buffer, a
TLB (a set of ``va -> page`` entries) and its register cells.  A step is a commit of the oldest
buffered store, the execution of the next event, or the delivery of a pending interrupt.

Two things are not steps, and lose nothing by it:

* *Fills and evictions.*  A TLB is kept as the largest set that it can be: whatever a page walk can
  read now is in it at once.  Entries may vanish at any time and are never in anybody's way, so each
  smaller set is an option of the largest one.
* *Skips.*  Events whose guard is false, and fences that mean nothing for write-back memory.

``MMR`` numbers are the rules of docs/memory-model.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from verifier.program.events import Access, Event, Program
from verifier.program.values import (
    FAULT,
    TRUE,
    UNDEF,
    Apply,
    Const,
    Expr,
    Ptr,
    Ref,
    Value,
    apply,
    evaluate,
    refs,
    truth,
)

Slots = Sequence["Value | None"]
Code = Callable[[Slots], Value]
Entry = tuple[tuple[int, Value], ...]  # one buffered store: its cells, all committed at once
UNSENT = -1  # program counter of a handler that no SEND has started yet
IDLE = -1  # no handler is running
CUT = 1 << 62  # in ``State.ever``: the run was cut at the unrolling bound

# Executed only with an empty store buffer (MMR 2.1, 2.3, 8.2, 8.4, 8.6, 17.4).
DRAINING = frozenset({"X", "SEND", "DLV", "IRET"})


class State(NamedTuple):
    """One state of the machine. Slots that nobody will look at again are None."""

    pcs: tuple[int, ...]  # by body
    memory: tuple[Value, ...]  # by cell, register cells too
    buffers: tuple[tuple[Entry, ...], ...]  # by CPU, oldest store first
    tlbs: tuple[int, ...]  # by CPU, a set of bits of ``Machine.entries``
    pending: tuple[tuple[int, ...], ...]  # by CPU, handlers to be delivered
    running: tuple[int, ...]  # by CPU, the handler that runs, or IDLE
    slots: tuple[Value | None, ...]
    results: tuple[Value | None, ...]  # of ``reg`` observables
    ever: int  # which ``ever`` observables have held at some instant


class Move(NamedTuple):
    """What a step did: ``kind`` is ``exec`` or ``commit``; cells are indices."""

    kind: str
    cpu: int
    event: Event | None = None
    reads: tuple[tuple[int, Value], ...] = ()
    writes: tuple[tuple[int, Value], ...] = ()
    used: int = 0  # the TLB entry that translated the access
    fault: bool = False


def compiled(expr: Expr) -> Code:
    """An expression as a function of the slots; as lazy as ``values.evaluate``."""
    if isinstance(expr, Const):
        value = expr.value
        return lambda slots: value  # type: ignore[return-value]
    if isinstance(expr, Ref):
        slot = expr.slot
        return lambda slots: slots[slot]  # type: ignore[return-value]
    if not isinstance(expr, Apply):
        raise TypeError(f"not a closed expression: {expr}")
    function, args = expr.function, [compiled(a) for a in expr.args]
    if function == "and":
        return lambda slots: int(all(a(slots) != 0 for a in args))
    if function == "or":
        return lambda slots: int(any(a(slots) != 0 for a in args))
    if function == "ite":
        chosen, then, other = args

        def branch(slots: Slots) -> Value:
            which = chosen(slots)
            return UNDEF if which == UNDEF else then(slots) if which != 0 else other(slots)

        return branch
    return lambda slots: apply(function, tuple([a(slots) for a in args]))


def mask(expr: Expr | None) -> int:
    """The slots that an expression mentions, as bits."""
    bits = 0
    if expr is not None:
        for slot in refs(expr):
            bits |= 1 << slot
    return bits


@dataclass(slots=True, eq=False)
class _Touch:
    """One access, compiled. ``cell`` is its index if the address is fixed, else -1."""

    cell: int
    addr: Code
    slot: int | None
    value: Code | None
    when: Code | None


@dataclass(slots=True, eq=False)
class _Op:
    """One event, compiled. ``reads`` and ``writes`` are the cells it may touch at its instant."""

    event: Event
    guard: Code | None
    touches: tuple[_Touch, ...]
    drains: bool
    translated: bool
    args: tuple[Code, ...] = ()
    reads: int = 0
    writes: int = 0
    stores: int = 0  # cells it may write, then or later
    slots: int = 0  # slots it mentions
    vas: int = 0  # virtual addresses it may use
    visible: bool = False  # an ``ever`` may see its instant


@dataclass(slots=True, eq=False)
class _Pending:
    """An expression to be evaluated as soon as all events it speaks of are past.

    ``needs`` has one (body, index of its last event that matters) for each body.
    """

    kind: str  # "assume", "cut" or "result"
    code: Code
    needs: tuple[tuple[int, int], ...]
    slots: int
    index: int = 0


@dataclass(slots=True)
class _Draft:
    """A state being changed."""

    pcs: list[int]
    memory: list[Value]
    buffers: list[tuple[Entry, ...]]
    tlbs: list[int]
    pending: list[tuple[int, ...]]
    running: list[int]
    slots: list[Value | None]
    results: list[Value | None]
    ever: int


Written = list[tuple[int, Value]]
Step = tuple[Move, State]


class _Dropped(Exception):
    """This run does not count: an assumption fails, it is cut, or an address is wrong."""


class Machine:
    """A program made ready to run. ``buffered`` is False for sequential consistency.

    ``bad`` is an executed event with a wrong address, if there was one; ``cut`` is to be set once a
    run that was cut has ended: no more of them is run then; ``dropped`` counts the steps that led
    to runs that do not count.
    """

    def __init__(self, program: Program, buffered: bool = True) -> None:
        self.program = program
        self.buffered = buffered
        self.bad: Event | None = None
        self.cut = False
        self.dropped = 0
        self.cells = list(program.cells.values())
        self.cell_at: dict[Value | str, int] = {cell.ptr: i for i, cell in enumerate(self.cells)}
        self.register = [cell.kind == "register" for cell in self.cells]
        self.cpus = range(program.cpus)
        self.irq = [self.cell_at.get(Ptr(f"{c}:irq"), -1) for c in self.cpus]
        self.cr3 = [self.cell_at.get(Ptr(f"{c}:cr3"), -1) for c in self.cpus]
        self.vas = list(program.vas)
        self.va_at: dict[Value | str, int] = {va: i for i, va in enumerate(self.vas)}
        self.entries: list[tuple[int, Value]] = []  # TLB entry by bit number: (va, page)
        self.entry_bit: dict[tuple[int, Value], int] = {}
        self.va_entries = [0] * len(self.vas)
        self.everything = (1 << len(self.cells)) - 1
        self.ptes = self._cells(lambda i: self.cells[i].kind == "pte")
        self.page_data = self._cells(lambda i: self.cells[i].ptr.base.endswith(".data"))
        self._observe()
        self.ops = [[self._op(event) for event in body.events] for body in program.bodies]
        self.length = [len(ops) for ops in self.ops]
        self.threads = [0] * program.cpus
        self.handlers: list[list[int]] = [[] for _ in self.cpus]
        for body in program.bodies:
            if body.kind == "thread":
                self.threads[body.cpu] = body.id
            else:
                self.handlers[body.cpu].append(body.id)
        self.bodies_on = [[self.threads[c], *self.handlers[c]] for c in self.cpus]
        self.sender = [-1 if body.send is None else body.send.cpu for body in program.bodies]
        self.sent_if = [None if b.guard == TRUE else compiled(b.guard) for b in program.bodies]
        self._schedule()
        self._suffixes()
        # Without translated accesses, or conditions about the TLB, there is no TLB to keep.
        self.translating = any(u[0] for u in self.uses_va) or any(self.watched)

    # ---- what is known before the first step

    def _cells(self, chosen: Callable[[int], bool]) -> int:
        return sum(1 << i for i in range(len(self.cells)) if chosen(i))

    def _observe(self) -> None:
        """Sort the observables: what is asked of results, TLBs and single instants."""
        observables = self.program.observables
        self.finals = [i for i, o in enumerate(observables) if o.at is None or o.kind == "ever"]
        self.evers = [i for i in self.finals if observables[i].kind == "ever"]
        self.watched = [0] * self.program.cpus  # TLB entries that a condition asks for
        self.watched_vas = [0] * self.program.cpus
        self.seen_cells = 0  # cells that an ``ever`` looks at
        self.seen_tlbs: set[int] = set()
        self.instants: dict[int, list[int]] = {}
        for i, o in enumerate(observables):
            if o.kind == "tlb" and o.cpu is not None and o.va is not None and o.page is not None:
                va = self.va_at[o.va]
                self.watched[o.cpu] |= self.entry(va, o.page)
                self.watched_vas[o.cpu] |= 1 << va
            if o.at is None or o.kind == "ever":
                continue
            self.instants.setdefault(o.at, []).append(i)
            if o.kind == "mem" and o.cell is not None:
                self.seen_cells |= 1 << self.cell_at[o.cell]
            elif o.kind == "tlb" and o.cpu is not None:
                self.seen_tlbs.add(o.cpu)
                self.seen_cells |= self.ptes

    def entry(self, va: int, page: Value) -> int:
        """The bit of the TLB entry ``va -> page``."""
        bit = self.entry_bit.get((va, page))
        if bit is None:
            bit = self.entry_bit[va, page] = 1 << len(self.entries)
            self.entries.append((va, page))
            self.va_entries[va] |= bit
        return bit

    def _op(self, event: Event) -> _Op:
        touches = tuple(self._touch(a) for a in event.accesses)
        translated = event.virtual or event.op == "T"
        op = _Op(
            event,
            None if event.guard == TRUE else compiled(event.guard),
            touches,
            event.serializing or event.op in DRAINING or (event.op == "F" and event.kind == "mfence"),
            translated,
            tuple(compiled(a) for a in event.args),
        )
        op.slots = mask(event.guard)
        for a in event.accesses:
            op.slots |= mask(a.addr) | mask(a.value) | mask(a.when)
        for argument in event.args:
            op.slots |= mask(argument)
        for h in event.handlers:
            op.slots |= mask(self.program.bodies[h].guard)
        for a, touch in zip(event.accesses, touches, strict=True):
            where = 1 << touch.cell if touch.cell >= 0 else self.everything
            if translated:
                where = self.page_data
                fixed = self.va_at.get(a.addr.value, -1) if isinstance(a.addr, Const) else -1
                op.vas |= 1 << fixed if fixed >= 0 else (1 << len(self.vas)) - 1
                op.reads |= self.ptes
            if event.op == "T":
                continue
            if a.slot is not None:
                op.reads |= where
            if a.value is not None:
                op.stores |= where
        if event.op in ("INV", "CR3"):
            op.reads |= self.ptes
        op.writes = 0 if event.op == "W" and self.buffered else op.stores
        op.visible = bool(
            op.writes & self.seen_cells
            or (event.cpu in self.seen_tlbs and (op.reads | op.stores) & self.ptes and event.op != "R")
            or (event.cpu in self.seen_tlbs and translated)
        )
        return op

    def _touch(self, a: Access) -> _Touch:
        cell = self.cell_at.get(a.addr.value, -1) if isinstance(a.addr, Const) else -1
        return _Touch(
            cell,
            compiled(a.addr),
            a.slot,
            None if a.value is None else compiled(a.value),
            None if a.when == TRUE else compiled(a.when),
        )

    def _schedule(self) -> None:
        """When each assumption, cut and result can be evaluated."""
        home: dict[int, tuple[int, int]] = {}
        for body in self.program.bodies:
            for i, event in enumerate(body.events):
                for a in event.accesses:
                    if a.slot is not None:
                        home[a.slot] = (body.id, i)
        program = self.program
        exprs = [("assume", e, 0) for e in program.assumes] + [("cut", e, 0) for e in program.cuts]
        self.result_of: dict[int, int] = {}
        for i in self.finals:
            o = program.observables[i]
            if o.kind == "reg" and o.expr is not None:
                exprs.append(("result", o.expr, len(self.result_of)))
                self.result_of[i] = len(self.result_of)
        self.waiting: list[_Pending] = []
        self.due: dict[tuple[int, int], list[_Pending]] = {}
        for kind, expr, index in exprs:
            last: dict[int, int] = {}
            for slot in refs(expr):
                body_id, i = home[slot]
                last[body_id] = max(i, last.get(body_id, 0))
            item = _Pending(kind, compiled(expr), tuple(last.items()), mask(expr), index)
            self.waiting.append(item)
            for need in item.needs:
                self.due.setdefault(need, []).append(item)

    def _suffixes(self) -> None:
        """For every body and program counter: what the rest of the body may still touch."""
        self.uses_slot: list[list[int]] = []
        self.uses_va: list[list[int]] = []
        self.may_read: list[list[int]] = []
        self.may_write: list[list[int]] = []
        for body, ops in enumerate(self.ops):
            columns = [[0] * (len(ops) + 1) for _ in range(4)]
            for i in range(len(ops) - 1, -1, -1):
                op = ops[i]
                for column, bits in zip(columns, (op.slots, op.vas, op.reads, op.stores), strict=True):
                    column[i] = column[i + 1] | bits
            for item in self.waiting:
                for at, last in item.needs:
                    if at == body:
                        for i in range(last + 1):
                            columns[0][i] |= item.slots
            for column in columns:
                column.append(column[0])  # at index UNSENT
            self.uses_slot.append(columns[0])
            self.uses_va.append(columns[1])
            self.may_read.append(columns[2])
            self.may_write.append(columns[3])

    # ---- states

    def initial(self) -> State | None:
        """The first state; None if no run counts at all."""
        program = self.program
        draft = _Draft(
            [0 if body.kind == "thread" else UNSENT for body in program.bodies],
            [cell.init for cell in self.cells],
            [()] * program.cpus,
            [0] * program.cpus,
            [()] * program.cpus,
            [IDLE] * program.cpus,
            [None] * program.slots,
            [None] * len(self.result_of),
            0,
        )
        for cpu, va, page in program.tlb:
            draft.tlbs[cpu] |= self.entry(self.va_at[va], page)
        try:
            for item in self.waiting:
                if not item.needs:
                    self._evaluate(item, draft)
            for body in self.threads:
                self._advance(draft, body)
            return self._settled(draft)
        except _Dropped:
            self.dropped += 1
            return None

    def final(self, state: State) -> bool:
        """Has the run ended: all threads and sent handlers done, all store buffers empty?"""
        return state.pcs == tuple(self.length) and not any(state.buffers)

    def fillable(self, memory: Sequence[Value], buffer: tuple[Entry, ...], cpu: int, vas: int) -> int:
        """The entries that walks by ``cpu`` can make at this instant, for some virtual addresses.

        A walk reads what memory holds, or the newest own store still in the store buffer, under the
        root that CR3 holds now; only present entries are cached (MMR 3.2, 3.3, 3.5, 4.3).
        """
        root, found, i = memory[self.cr3[cpu]], 0, 0
        while vas:
            if vas & 1:
                cell = self.cell_at.get(apply("pte", (root, self.vas[i])), -1)
                if cell >= 0:
                    for value in {memory[cell], self._load(cell, buffer, memory)}:
                        if isinstance(value, Ptr):
                            found |= self.entry(i, value)
            vas >>= 1
            i += 1
        return found

    def of(self, vas: int) -> int:
        """All TLB entries of some virtual addresses."""
        found = 0
        for i, entries in enumerate(self.va_entries):
            if vas >> i & 1:
                found |= entries
        return found

    def instant(self, memory: Sequence[Value], tlbs: Sequence[int], at: int) -> Iterator[dict[int, Value]]:
        """What the observables of snapshot ``at`` may be now: a TLB entry may also have gone."""
        fixed: dict[int, Value] = {}
        cached: list[int] = []
        for i in self.instants.get(at, ()):
            o = self.program.observables[i]
            if o.kind == "mem" and o.cell is not None:
                fixed[i] = memory[self.cell_at[o.cell]]
            elif o.kind == "tlb" and o.cpu is not None and o.va is not None and o.page is not None:
                fixed[i] = 0
                if tlbs[o.cpu] & self.entry(self.va_at[o.va], o.page):
                    cached.append(i)
            else:
                raise TypeError(f"an instant cannot be asked for {o.label}")
        for choice in range((1 << len(cached)) - 1, -1, -1):
            yield fixed | {i: choice >> n & 1 for n, i in enumerate(cached)}

    def _settled(self, draft: _Draft) -> State:
        """The draft as a state: dead slots forgotten, TLBs filled, instants looked at."""
        live = 0
        for uses, pc in zip(self.uses_slot, draft.pcs, strict=True):
            live |= uses[pc]
        slots = draft.slots
        for slot, value in enumerate(slots):
            if value is not None and not live >> slot & 1:
                slots[slot] = None
        if self.translating:
            self._fill(draft)
        for n, i in enumerate(self.evers):
            o = self.program.observables[i]
            if not draft.ever >> n & 1 and o.expr is not None and o.at is not None:
                for observed in self.instant(draft.memory, draft.tlbs, o.at):
                    if truth(evaluate(o.expr, {}, observed)):
                        draft.ever |= 1 << n
                        break
        return State(
            tuple(draft.pcs),
            tuple(draft.memory),
            tuple(draft.buffers),
            tuple(draft.tlbs),
            tuple(draft.pending),
            tuple(draft.running),
            tuple(slots),
            tuple(draft.results),
            draft.ever,
        )

    def _fill(self, draft: _Draft) -> None:
        """Make every TLB as large as walks can make it at this instant."""
        for cpu in self.cpus:
            used = 0
            for body in self.bodies_on[cpu]:
                used |= self.uses_va[body][draft.pcs[body]]
            vas = used | self.watched_vas[cpu]
            if vas:
                draft.tlbs[cpu] |= self.fillable(draft.memory, draft.buffers[cpu], cpu, vas)
                draft.tlbs[cpu] &= self.watched[cpu] | self.of(used)
            else:
                draft.tlbs[cpu] = 0

    def _evaluate(self, item: _Pending, draft: _Draft) -> None:
        value = item.code(draft.slots)
        if item.kind == "result":
            draft.results[item.index] = value
        elif item.kind == "cut":
            if truth(value):
                # One such run that ends is enough to know.
                if self.cut:
                    raise _Dropped
                draft.ever |= CUT
        elif not truth(value):
            raise _Dropped

    def _passed(self, draft: _Draft, body: int, start: int, end: int) -> None:
        """Evaluate what has waited for events ``start .. end`` of a body."""
        due = self.due
        for i in range(start, end):
            for item in due.get((body, i), ()):
                if all(draft.pcs[b] > last for b, last in item.needs):
                    self._evaluate(item, draft)

    def _advance(self, draft: _Draft, body: int) -> None:
        """Skip what is not executed: false guards, and LFENCE and SFENCE (MMR 2.4, 2.5)."""
        ops, pc = self.ops[body], draft.pcs[body]
        start = pc
        while pc < len(ops):
            op = ops[pc]
            if op.guard is not None and not truth(op.guard(draft.slots)):
                for handler in op.event.handlers if op.event.op == "SEND" else ():
                    self._never(draft, handler)
            elif op.event.op != "F" or op.drains:
                break
            pc += 1
            draft.pcs[body] = pc
        self._passed(draft, body, start, pc)

    def _never(self, draft: _Draft, body: int) -> None:
        """This handler was not sent, so it and all that it would send are over."""
        draft.pcs[body] = self.length[body]
        for op in self.ops[body]:
            for handler in op.event.handlers if op.event.op == "SEND" else ():
                self._never(draft, handler)
        self._passed(draft, body, 0, self.length[body])

    # ---- steps

    def moves(self, state: State, cpu: int) -> list[Step]:
        """All steps of one CPU."""
        out: list[Step] = []
        buffer = state.buffers[cpu]
        if buffer:
            self._attempt(out, self._commit(state, cpu))
        handler = state.running[cpu]
        body = self.threads[cpu] if handler == IDLE else handler
        pc = state.pcs[body]
        if pc < self.length[body]:
            self._attempt(out, self._execute(state, cpu, body, self.ops[body][pc]))
        if handler == IDLE and state.pending[cpu] and state.memory[self.irq[cpu]] == 1:
            senders: set[int] = set()
            for body in state.pending[cpu]:
                # Two IPIs of one sender to one CPU arrive in order (MMR 17.7).
                if self.sender[body] not in senders:
                    senders.add(self.sender[body])
                    self._attempt(out, self._execute(state, cpu, body, self.ops[body][0]))
        return out

    def _attempt(self, out: list[Step], steps: Iterator[tuple[Move, _Draft, int]]) -> None:
        """Collect steps; those of runs that do not count are dropped."""
        while True:
            try:
                step = next(steps, None)
                if step is None:
                    return
                move, draft, body = step
                if body >= 0:
                    self._next(draft, move.cpu, body)
                out.append((move, self._settled(draft)))
            except _Dropped:
                self.dropped += 1

    def _next(self, draft: _Draft, cpu: int, body: int) -> None:
        """Past the event that was just executed."""
        pc = draft.pcs[body]
        draft.pcs[body] = pc + 1
        self._passed(draft, body, pc, pc + 1)
        self._advance(draft, body)
        if draft.running[cpu] == body and draft.pcs[body] == self.length[body]:
            draft.running[cpu] = IDLE

    def _draft(self, s: State) -> _Draft:
        return _Draft(
            list(s.pcs),
            list(s.memory),
            list(s.buffers),
            list(s.tlbs),
            list(s.pending),
            list(s.running),
            list(s.slots),
            list(s.results),
            s.ever,
        )

    def _commit(self, state: State, cpu: int) -> Iterator[tuple[Move, _Draft, int]]:
        """The oldest buffered store reaches memory (MMR 1.1)."""
        draft = self._draft(state)
        entry, *rest = state.buffers[cpu]
        draft.buffers[cpu] = tuple(rest)
        for cell, value in entry:
            draft.memory[cell] = value
        yield Move("commit", cpu, writes=entry), draft, -1

    def _wrong(self, event: Event) -> _Dropped:
        if self.bad is None:
            self.bad = event
        return _Dropped()

    def _execute(self, state: State, cpu: int, body: int, op: _Op) -> Iterator[tuple[Move, _Draft, int]]:
        """All ways in which an event can be executed now; none if it has to wait."""
        if op.drains and state.buffers[cpu]:
            return
        event = op.event
        if event.op == "WAIT" and any(state.pcs[h] < self.length[h] for h in event.handlers):
            return
        if op.translated:
            for step in self._translate(state, cpu, op):
                yield *step, body
            return
        draft = self._draft(state)
        cells: list[int] = []
        for touch in op.touches:
            cell = touch.cell
            if cell < 0:
                cell = self.cell_at.get(touch.addr(draft.slots), -1)
                if cell < 0:
                    raise self._wrong(event)
            cells.append(cell)
            if touch.slot is not None:
                draft.slots[touch.slot] = self._load(cell, state.buffers[cpu], state.memory)
        writes = self._write(draft, cpu, op, cells)
        if event.op == "SEND":
            self._send(draft, cpu, event)
        elif event.op == "DLV":
            draft.running[cpu] = body
            draft.pending[cpu] = tuple(h for h in draft.pending[cpu] if h != body)
        elif event.op == "CR3" or (event.op == "INV" and event.kind != "invlpg"):
            draft.tlbs[cpu] = 0  # MMR 5.1; there are neither PCIDs nor global entries yet
        elif event.op == "INV":
            va = self.va_at.get(op.args[0](draft.slots), -1)
            if va >= 0:
                draft.tlbs[cpu] &= ~self.va_entries[va]
        reads = tuple(
            (cell, draft.slots[t.slot] or 0)
            for t, cell in zip(op.touches, cells, strict=True)
            if t.slot is not None
        )
        yield Move("exec", cpu, event, reads, writes), draft, body

    def _load(self, cell: int, buffer: tuple[Entry, ...], memory: Sequence[Value]) -> Value:
        """What a load gives: the newest own buffered store, else memory (MMR 1.1)."""
        for entry in reversed(buffer):
            for at, value in reversed(entry):
                if at == cell:
                    return value
        return memory[cell]

    def _write(self, draft: _Draft, cpu: int, op: _Op, cells: list[int]) -> tuple[tuple[int, Value], ...]:
        """Write what an event writes: a plain store to the buffer, all else where it belongs."""
        writes: Written = []
        for touch, cell in zip(op.touches, cells, strict=True):
            if touch.value is not None and (touch.when is None or truth(touch.when(draft.slots))):
                writes.append((cell, touch.value(draft.slots)))
        held: Written = []
        for cell, value in writes:
            if op.event.op == "W" and self.buffered and not self.register[cell]:
                held.append((cell, value))
            else:
                draft.memory[cell] = value
        if held:
            draft.buffers[cpu] = (*draft.buffers[cpu], tuple(held))
        return tuple(writes)

    def _send(self, draft: _Draft, cpu: int, event: Event) -> None:
        """An IPI to every target whose guard holds."""
        for handler in event.handlers:
            guard = self.sent_if[handler]
            if guard is not None and not truth(guard(draft.slots)):
                self._never(draft, handler)
                continue
            target = self.program.bodies[handler].cpu
            draft.pcs[handler] = 0
            # One order for all interleavings of different senders: only a sender's own counts.
            waiting = sorted((*draft.pending[target], handler), key=self.sender.__getitem__)
            draft.pending[target] = tuple(waiting)

    def _translate(self, state: State, cpu: int, op: _Op) -> Iterator[tuple[Move, _Draft]]:
        """A translated access: through any cached entry, or a fault if the entry is not present."""
        event = op.event
        (touch,) = op.touches
        address = touch.addr(state.slots)
        va = self.va_at.get(address, -1)
        pte = self.cell_at.get(apply("pte", (state.memory[self.cr3[cpu]], address)), -1)
        if va < 0 or pte < 0:
            raise self._wrong(event)
        entries = state.tlbs[cpu] & self.va_entries[va]
        for n, (_, page) in enumerate(self.entries):
            if not entries >> n & 1:
                continue
            draft = self._draft(state)
            if event.op == "T":
                if touch.slot is not None:
                    draft.slots[touch.slot] = page
                yield Move("exec", cpu, event, used=1 << n), draft
                continue
            cell = self.cell_at.get(apply("page_data", (page,)), -1)
            if cell < 0:
                raise self._wrong(event)
            reads: tuple[tuple[int, Value], ...] = ()
            if touch.slot is not None:
                value = self._load(cell, state.buffers[cpu], state.memory)
                draft.slots[touch.slot] = value
                reads = ((cell, value),)
            writes = self._write(draft, cpu, op, [cell])
            yield Move("exec", cpu, event, reads, writes, 1 << n), draft
        # The terminating read is a load; the exception drains the store buffer, so it reads memory.
        # It drops what was cached for the address (MMR 5.1, 6.3, 8.4).
        if not state.buffers[cpu] and not isinstance(state.memory[pte], Ptr):
            draft = self._draft(state)
            draft.tlbs[cpu] &= ~self.va_entries[va]
            if touch.slot is not None:
                draft.slots[touch.slot] = FAULT
            yield Move("exec", cpu, event, ((pte, state.memory[pte]),), fault=True), draft

    # ---- which steps are enough

    def steps(self, state: State, reduced: bool = True) -> list[Step]:
        """Steps from a state: all of them, or those of one CPU that nobody else can interfere with.

        The second loses no end of a run: no step of another CPU, now or later, is in conflict with
        or brings about a step of that CPU, and no ``ever`` can see its steps (a persistent set).
        """
        best: list[Step] | None = None
        found: list[Step] = []
        reads, writes = self._rest(state) if reduced else ([], [])
        for cpu in self.cpus:
            dropped = self.dropped
            mine = self.moves(state, cpu)
            found += mine
            if reduced and (mine or self.dropped > dropped) and self._alone(state, cpu, reads, writes):
                if len(mine) <= 1:
                    return mine
                if best is None or len(mine) < len(best):
                    best = mine
        return found if best is None else best

    def _rest(self, state: State) -> tuple[list[int], list[int]]:
        """For every CPU, the cells it may still read, and those it may still write."""
        reads, writes = [], []
        for cpu in self.cpus:
            r = w = 0
            for body in self.bodies_on[cpu]:
                pc = state.pcs[body]
                r |= self.may_read[body][pc]
                w |= self.may_write[body][pc]
            for entry in state.buffers[cpu]:
                for cell, _ in entry:
                    w |= 1 << cell
            reads.append(r)
            writes.append(w)
        return reads, writes

    def _alone(self, state: State, cpu: int, reads: list[int], writes: list[int]) -> bool:
        """Can no other CPU interfere with what this one can do now?"""
        others_write = others_touch = 0
        for d in self.cpus:
            if d != cpu:
                others_write |= writes[d]
                others_touch |= reads[d] | writes[d]
        if state.buffers[cpu]:
            cells = sum(1 << cell for cell, _ in state.buffers[cpu][0])
            if cells & (others_touch | self.seen_cells):
                return False
        handler = state.running[cpu]
        body = self.threads[cpu] if handler == IDLE else handler
        pc = state.pcs[body]
        if pc < self.length[body]:
            op = self.ops[body][pc]
            if op.visible or op.reads & others_write or op.writes & others_touch:
                return False
            if op.event.op == "WAIT" and any(state.pcs[h] < self.length[h] for h in op.event.handlers):
                return False
        if handler != IDLE or not self.handlers[cpu] or state.memory[self.irq[cpu]] != 1:
            return True
        if 1 << self.irq[cpu] & self.seen_cells:
            return False
        return not any(state.pcs[h] == UNSENT and self.sender[h] != cpu for h in self.handlers[cpu])
