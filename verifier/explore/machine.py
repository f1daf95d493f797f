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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from verifier.explore.layout import UNSENT, Layout, Op, Pending
from verifier.program.events import Event, Program
from verifier.program.values import FAULT, Ptr, Value, apply, evaluate, truth

Entry = tuple[tuple[int, Value], ...]  # one buffered store: its cells, all committed at once
IDLE = -1  # no handler is running
CUT = 1 << 62  # in ``State.ever``: the run was cut at the unrolling bound

# Which steps of a CPU are asked for.
COMMIT, EXEC, DELIVER = 1, 2, 4
ALL = COMMIT | EXEC | DELIVER


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


class Machine(Layout):
    """The machine of one program. ``buffered`` is False for sequential consistency.

    ``bad`` is an executed event with a wrong address, if there was one; ``dropped`` counts the steps
    that led to runs that do not count.
    """

    def __init__(self, program: Program, buffered: bool = True) -> None:
        super().__init__(program, buffered)
        self.bad: Event | None = None
        self.dropped = 0

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
        for cpu, _, va, page in program.tlb:
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
                cell = self.pte_cell(root, i)
                if cell >= 0:
                    for value in {memory[cell], self._load(cell, buffer, memory)}:
                        if isinstance(value, Ptr):
                            found |= self.entry(i, value)
            vas >>= 1
            i += 1
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
        pcs, slots = tuple(draft.pcs), draft.slots
        rest = self.rest(pcs)
        for slot, value in enumerate(slots):
            if value is not None and not rest.slots >> slot & 1:
                slots[slot] = None
        if self.translating:
            self._fill(draft, rest.vas)
        for n, i in enumerate(self.evers):
            o = self.program.observables[i]
            if not draft.ever >> n & 1 and o.expr is not None and o.at is not None:
                for observed in self.instant(draft.memory, draft.tlbs, o.at):
                    if truth(evaluate(o.expr, {}, observed)):
                        draft.ever |= 1 << n
                        break
        return State(
            pcs,
            tuple(draft.memory),
            tuple(draft.buffers),
            tuple(draft.tlbs),
            tuple(draft.pending),
            tuple(draft.running),
            tuple(slots),
            tuple(draft.results),
            draft.ever,
        )

    def _fill(self, draft: _Draft, used: tuple[int, ...]) -> None:
        """Make every TLB as large as walks can make it at this instant; forget what is of no use."""
        for cpu in self.cpus:
            vas = used[cpu] | self.watched_vas[cpu]
            if vas:
                draft.tlbs[cpu] |= self.fillable(draft.memory, draft.buffers[cpu], cpu, vas)
                draft.tlbs[cpu] &= self.watched[cpu] | self.entries_of(used[cpu])
            else:
                draft.tlbs[cpu] = 0

    def _evaluate(self, item: Pending, draft: _Draft) -> None:
        value = item.code(draft.slots)
        if item.kind == "result":
            draft.results[item.index] = value
        elif item.kind == "cut":
            if truth(value):
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

    def moves(self, state: State, cpu: int, which: int = ALL) -> list[Step]:
        """All steps of one CPU, or those of the kinds ``which``."""
        out: list[Step] = []
        if which & COMMIT and state.buffers[cpu]:
            self._attempt(out, self._commit(state, cpu))
        handler = state.running[cpu]
        if which & EXEC:
            body = self.threads[cpu] if handler == IDLE else handler
            pc = state.pcs[body]
            if pc < self.length[body]:
                self._attempt(out, self._execute(state, cpu, body, self.ops[body][pc]))
        if which & DELIVER and handler == IDLE and state.pending[cpu] and state.memory[self.irq[cpu]] == 1:
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

    def _execute(self, state: State, cpu: int, body: int, op: Op) -> Iterator[tuple[Move, _Draft, int]]:
        """All ways in which an event can be executed now; none if it has to wait."""
        if op.drains and state.buffers[cpu]:
            return
        event = op.event
        if event.op == "WAIT" and self.unfinished(state.pcs, event.handlers):
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

    def _write(self, draft: _Draft, cpu: int, op: Op, cells: list[int]) -> tuple[tuple[int, Value], ...]:
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

    def _translate(self, state: State, cpu: int, op: Op) -> Iterator[tuple[Move, _Draft]]:
        """A translated access: through any cached entry, or a fault if the entry is not present."""
        event = op.event
        (touch,) = op.touches
        address = touch.addr(state.slots)
        va = self.va_at.get(address, -1)
        pte = self.pte_cell(state.memory[self.cr3[cpu]], va) if va >= 0 else -1
        if pte < 0:
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
