"""The abstract machine: the steps that a CPU can take.

Every CPU has a program counter in its thread and in each handler instance, a store buffer, cached
translations, prefetched instructions and its register cells.  In one step a CPU commits a buffered
store, executes its next event, delivers a pending interrupt, takes a fault, sets an A bit, or carries
out an INVLPGB.

Three things need no step of their own, and no behaviour is lost:

* *Walks, prefetches and evictions.*  The machine always keeps the largest set that can be cached.
* *Skips.*  Events whose guard is false, and fences that have no effect on write-back memory.
* *Taking a fault* with an empty store buffer: the machine takes it, with its invalidation, at once.

``MMR`` numbers are the rules of docs/memory-model.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.explore import access, sends
from verifier.explore.buffers import committable, stripped, without
from verifier.explore.caches import loaded
from verifier.explore.compiled import Compiled
from verifier.explore.prepared import UNSENT
from verifier.explore.state import (
    ANSWER,
    BARRIER,
    IDLE,
    SILENT,
    UNCACHED,
    VIRTUAL,
    Buffered,
    Draft,
    Dropped,
    Move,
    State,
    Successor,
    put,
)
from verifier.explore.upkeep import Upkeep
from verifier.program.invalidations import INVALIDATING, invalidation
from verifier.program.values import UNACCESSED, Value, flags, make_entry, target

# Kinds of steps, as bits.
COMMIT, EXEC, DELIVER, ASIDE = 1, 2, 4, 8
ALL = COMMIT | EXEC | DELIVER | ASIDE


# What a step does, the draft of the state after it, and the body that moves past its event (-1: none).
Attempts = Iterator[tuple[Move, Draft, int]]


class AbstractMachine(Upkeep):
    """The machine of one program: the steps that lead from one state to the next."""

    # ---- steps

    def moves(self, state: State, cpu: int, which: int = ALL) -> list[Successor]:
        """The steps of one CPU whose kinds are in ``which``, each with the state after it."""
        out: list[Successor] = []
        buffer = state.buffers[cpu]
        if which & COMMIT and buffer:
            for index in committable(buffer):
                self._attempt(out, self._commit(state, cpu, index))
        if which & ASIDE and self.asides:
            self._attempt(out, self._aside(state, cpu))
        if state.faults[cpu] != IDLE:
            if which & EXEC and not buffer:
                self._attempt(out, self._fault(state, cpu))
            return out
        if which & EXEC:
            body = self.current(state, cpu)
            pc = state.pcs[body]
            if pc < self.length[body]:
                self._attempt(out, self._execute(state, cpu, body, self.ops[body][pc]))
                if state.batches[cpu] and self.ops[body][pc].event.op == "IRET" and state.struck[cpu] == IDLE:
                    self._attempt(out, self._go_on(state, cpu, body, self.ops[body][pc]))
                if self.ahead[body]:
                    self._attempt(out, sends.early(self, state, cpu, body))
        if state.marked[cpu] != IDLE or self.half_done(state, cpu):
            return out
        if which & DELIVER and state.struck[cpu] == IDLE:
            if state.running[cpu] == IDLE and state.pending[cpu] and state.memory[self.irq[cpu]] == 1:
                for body in sends.deliverable(self, state, cpu):
                    self._attempt(out, self._execute(state, cpu, body, self.ops[body][0]))
            for body in sends.striking(self, state, cpu):
                self._attempt(out, self._execute(state, cpu, body, self.ops[body][0]))
            for body in self.nmis[cpu]:
                if state.pcs[body] == 0:
                    self._attempt(out, self._strike(state, cpu, body))
        return out

    def half_done(self, state: State, cpu: int) -> bool:
        """Is a CPU between two parts of one instruction, where no interrupt comes (MMR 8.9)?"""
        body = self.current(state, cpu)
        return bool(self.halfway[body] >> state.pcs[body] & 1)

    def _strike(self, state: State, cpu: int, body: int) -> Attempts:
        """An NMI strikes. It may do so at any instant, and it ignores the interrupt flag (MMR 12.1). When
        its CPU has nothing else left to do, the other step is that the NMI never strikes. This step does
        not wait for handlers that only an NMI would have sent."""
        choice = self.program.bodies[body].choice
        assert choice is not None
        if not self.running_ahead(state, cpu):
            yield from self._execute(state, cpu, body, self.ops[body][0])
        pcs, length = state.pcs, self.length
        if all(
            pcs[b] in (length[b], UNSENT) if self.by_nmi[b] else pcs[b] == length[b]
            for b in self.bodies_on[cpu]
            if b not in self.nmis[cpu]
        ):
            draft = Draft.of(state)
            draft.slots[choice] = 0
            self.never(draft, body)
            yield Move("never", cpu), draft, -1

    def _attempt(self, out: list[Successor], steps: Attempts) -> None:
        """Collect steps, and drop those that lead to runs that do not count."""
        while True:
            try:
                step = next(steps, None)
                if step is None:
                    return
                move, draft, body = step
                if body >= 0:
                    self._next(draft, move.cpu, body)
                out.append((move, self._settled(draft)))
            except Dropped:
                self.dropped += 1

    def _next(self, draft: Draft, cpu: int, body: int) -> None:
        """Move past the event that was just executed."""
        pc = draft.pcs[body]
        draft.pcs[body] = pc + 1
        draft.tlbs[cpu] &= ~self.caches.loaded  # the next access loads anew
        self._passed(draft, body, pc, pc + 1)
        self._advance(draft, body)
        if draft.pcs[body] == self.length[body]:
            if draft.running[cpu] == body:
                draft.running[cpu] = IDLE
            elif draft.struck[cpu] == body:
                draft.struck = put(draft.struck, cpu, IDLE)
            elif draft.calling[cpu] == body:
                draft.calling = put(draft.calling, cpu, IDLE)

    def _commit(self, state: State, cpu: int, index: int) -> Attempts:
        """A buffered store reaches memory (MMR 1.1); a waiting ICR write is executed (8.1)."""
        draft = Draft.of(state)
        store = state.buffers[cpu][index]
        draft.buffers[cpu] = without(state.buffers[cpu], index)
        writes = store.writes
        if store.kind & SILENT:
            self.left(draft, store)
            writes = ()
        for cell, value in writes:
            draft.memory[cell] = value
            if self.fetched[cpu] >> cell & 1:
                self.prefetched.stored(draft, cpu, cell, store.kind, store.linear, late=True)
        move = Move("commit", cpu, writes=writes, at=index)
        yield from ((move, after, -1) for after in sends.start(self, draft, store.sends))

    def _aside(self, state: State, cpu: int) -> Attempts:
        """The processor acts by itself: it sets A (MMR 7.2), or an INVLPGB takes effect (11.3)."""
        if self.aged:
            for cell in sorted(self.caches.updatable(state.tlbs[cpu], state.memory, cpu)):
                draft, value = Draft.of(state), state.memory[cell]
                draft.memory[cell] = make_entry(target(value) or 0, flags(value) & ~UNACCESSED)
                yield Move("update", cpu, writes=((cell, draft.memory[cell]),)), draft, -1
        for flood in dict.fromkeys(state.floods[cpu]):
            if state.marked[cpu] != IDLE:
                break  # an access keeps its translation until it is done; else it would walk again
            draft = Draft.of(state)
            left = list(state.floods[cpu])
            left.remove(flood)
            draft.floods = put(draft.floods, cpu, tuple(left))
            sender, index = flood
            kind, pcid, va = self.broadcasts[index]
            draft.tlbs[cpu] &= ~self.caches.removed(kind, pcid, va)
            draft.buffers[cpu] = tuple(
                s._replace(sync=s.sync | 1 << sender) if s.kind & VIRTUAL else s for s in state.buffers[cpu]
            )
            yield Move("flush", cpu, at=index), draft, -1

    def _fault(self, state: State, cpu: int) -> Attempts:
        """The CPU takes a fault; its store buffer is empty (MMR 6.3, 8.4)."""
        draft = Draft.of(state)
        self._take(draft, cpu)
        yield Move("fault", cpu), draft, -1

    def _held(self, state: State, cpu: int, op: Compiled) -> bool:
        """Does an event wait for anything besides the store buffer?"""
        event = op.event
        if event.op == "WAIT":
            return self.unanswered(state.memory, event.handlers)
        if self.graces.waiting(state.memory, event):
            return True
        if event.op == "TLBSYNC":
            if any(sender == cpu for floods in state.floods for sender, _ in floods):
                return True
            return any(store.sync >> cpu & 1 for buffer in state.buffers for store in buffer)
        if event.op in ("R", "T"):
            return any(store.kind & UNCACHED for store in state.buffers[cpu])
        return False

    def _execute(self, state: State, cpu: int, body: int, op: Compiled) -> Attempts:
        """All ways in which the CPU can execute an event now; empty if the event has to wait."""
        event = op.event
        if self._held(state, cpu, op):
            return
        if op.translated:
            for move, after in access.ways(self, state, cpu, op):
                yield move, after, -1 if move.kind == "update" else body
            return
        # If the interrupt before it continues with this function, there is no new delivery (MMR 8.10).
        goes_on = event.op == "DLV" and state.running[cpu] == body
        if op.drains and state.buffers[cpu] and not goes_on:
            return
        cells = self._cells_of(state, op)
        if cells is None:
            yield Move("exec", cpu, event), self.lost(state, op), body
            return
        if event.op == "IF":
            for step in self.fetch(state, cpu, op, cells[0]):
                yield *step, body
            return
        draft = Draft.of(state)
        reads: list[tuple[int, Value]] = []
        for touch, cell in zip(op.touches, cells, strict=True):
            if touch.slot is not None:
                value = loaded(cell, state.buffers[cpu], state.memory)
                draft.slots[touch.slot] = value
                reads.append((cell, value))
        writes = self.write(draft, cpu, op, cells)
        move = Move("exec", cpu, event, tuple(reads), writes=writes)
        if event.op == "SEND":
            yield from ((move, after, body) for after in sends.send_ipi(self, draft, cpu, event))
            return
        if goes_on:
            self._delivered(draft, cpu, body)
        elif event.op not in ("R", "W", "X"):
            self._effect(draft, cpu, body, op)
        yield move, draft, body

    def _delivered(self, draft: Draft, cpu: int, body: int) -> None:
        """A handler begins. If it is the first of its interrupt, the interrupt also takes along the other
        functions that are queued (MMR 8.10)."""
        first = draft.running[cpu] != body
        draft.pending[cpu] = tuple(h for h in draft.pending[cpu] if h != body)
        if self.softly[body]:
            draft.calling = put(draft.calling, cpu, body)
            return
        draft.running[cpu] = body
        if body in self.batching:
            along = [h for h in draft.pending[cpu] if h in self.batching] if first else []
            queued = sum(1 << h for h in along) if first else draft.batches[cpu] & ~(1 << body)
            draft.batches = put(draft.batches, cpu, queued)

    def _go_on(self, state: State, cpu: int, body: int, op: Compiled) -> Attempts:
        """The interrupt continues with another function of its batch, and does not return (MMR 8.10)."""
        for other in sends.following(self, state, cpu):
            draft = Draft.of(state)
            writes = self.write(draft, cpu, op, self._cells_of(state, op) or [])
            self._next(draft, cpu, body)
            draft.running[cpu] = other
            yield Move("exec", cpu, op.event, (), writes=writes), draft, -1

    def _cells_of(self, state: State, op: Compiled) -> list[int] | None:
        """The cells that an event accesses; None if an address has no cell."""
        cells = []
        for touch in op.touches:
            cell = touch.cell
            if cell < 0:
                cell = self.cell_at.get(touch.addr(state.slots), -1)
                if cell < 0:
                    return None
            cells.append(cell)
        return cells

    def _effect(self, draft: Draft, cpu: int, body: int, op: Compiled) -> None:
        """Carry out what an event does besides reading and writing cells."""
        event = op.event
        if event.op in ("RCU", "GP"):
            store = self.graces.execute(draft, event)
            if store is not None:
                self.queue(draft, cpu, store)
        elif event.op == "ACK":
            self.queue(draft, cpu, Buffered(((self.answered, 1 << body),), ANSWER))
        elif event.op == "NMI":
            choice = self.program.bodies[body].choice
            if choice is not None:
                draft.slots[choice] = 1
            draft.pending[cpu] = tuple(h for h in draft.pending[cpu] if h != body)
            draft.struck = put(draft.struck, cpu, body)
        elif event.op == "DLV":
            self._delivered(draft, cpu, body)
        elif event.op == "IRET" and draft.struck[cpu] == IDLE:
            draft.batches = put(draft.batches, cpu, 0)
        elif event.op in INVALIDATING and not invalidation(event.kind).broadcast:
            self._invalidate(draft, cpu, op)
        elif event.op in INVALIDATING:
            asked = event.kind, *self.covered(draft, op)
            if asked not in self.broadcasts:
                self.broadcasts.append(asked)
            flood = cpu, self.broadcasts.index(asked)
            draft.floods = tuple([tuple(sorted((*floods, flood))) for floods in draft.floods])
        elif event.op == "F" and event.kind == "sfence":
            draft.buffers[cpu] = stripped((*draft.buffers[cpu], Buffered((), BARRIER)))
        elif event.op == "JMP":
            self.prefetched.branch(draft, cpu)
        if op.serial and not sends.without_interrupt(self, draft, event):
            self.prefetched.restart(draft, cpu)
            draft.tlbs[cpu] &= ~self.caches.absents

    def covered(self, draft: Draft, op: Compiled) -> tuple[Value, int]:
        """The PCID that an invalidation acts on, 0 for all, and the address that it names, -1 for none."""
        va = -1 if op.va is None else self.va_at.get(op.va(draft.slots), -1)
        if op.pcid is not None:
            return op.pcid(draft.slots), va
        event = op.event
        return 0 if invalidation(event.kind).acts == "every" else self.caches.tag(draft.memory, event.cpu), va

    def _invalidate(self, draft: Draft, cpu: int, op: Compiled) -> None:
        """Remove the items that a CR3 write or an INV covers (MMR 5.1, 5.7)."""
        draft.tlbs[cpu] &= ~self.caches.removed(op.event.kind, *self.covered(draft, op))
