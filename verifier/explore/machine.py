"""The abstract machine: what one step of a CPU can be.

Every CPU has a program counter in its thread and in each handler instance, a store buffer, cached
translations, prefetched instructions and its register cells.  A step is a commit of a buffered
store, the execution of the next event, the delivery of a pending interrupt, a fault being taken, the
setting of an A bit, or the effect of an INVLPGB.

Some things are not steps, and lose nothing by it:

* *Walks, prefetches and evictions.*  What is cached is kept as the largest set that it can be.
* *Skips.*  Events whose guard is false, and fences that mean nothing for write-back memory.
* *Faults being taken* with an empty store buffer: an invalidation is best at once.

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

# Which steps of a CPU are asked for.
COMMIT, EXEC, DELIVER, ASIDE = 1, 2, 4, 8
ALL = COMMIT | EXEC | DELIVER | ASIDE


# What was done, the state after it, and the body that is past its event by it; -1: none.
Attempts = Iterator[tuple[Move, Draft, int]]


class AbstractMachine(Upkeep):
    """The machine of one program: its steps."""

    # ---- steps

    def moves(self, state: State, cpu: int, which: int = ALL) -> list[Successor]:
        """All steps of one CPU, or those of the kinds ``which``."""
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
            for body in self.nmis[cpu]:
                if state.pcs[body] == 0:
                    self._attempt(out, self._strike(state, cpu, body))
        return out

    def half_done(self, state: State, cpu: int) -> bool:
        """Is a CPU between two parts of one instruction, where no interrupt comes (MMR 8.9)?"""
        body = self.current(state, cpu)
        return bool(self.halfway[body] >> state.pcs[body] & 1)

    def _strike(self, state: State, cpu: int, body: int) -> Attempts:
        """An NMI, at any instant, whatever the interrupt flag says (MMR 12.1); or, when nothing else is
        left to be done on its CPU, none. What only an NMI would have sent is not waited for."""
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
            except Dropped:
                self.dropped += 1

    def _next(self, draft: Draft, cpu: int, body: int) -> None:
        """Past the event that was just executed."""
        pc = draft.pcs[body]
        draft.pcs[body] = pc + 1
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
                self.prefetched.stored(draft, cpu, cell, store.kind)
        for handler in store.sends:
            self.started(draft, handler)
        yield Move("commit", cpu, writes=writes, at=index), draft, -1

    def _aside(self, state: State, cpu: int) -> Attempts:
        """What happens by itself: A is set (MMR 7.2); an INVLPGB takes effect (11.3)."""
        if self.aged:
            for cell in sorted(self.caches.updatable(state.tlbs[cpu], state.memory, cpu)):
                draft, value = Draft.of(state), state.memory[cell]
                draft.memory[cell] = make_entry(target(value) or 0, flags(value) & ~UNACCESSED)
                yield Move("update", cpu, writes=((cell, draft.memory[cell]),)), draft, -1
        for flood in dict.fromkeys(state.floods[cpu]):
            if state.marked[cpu] != IDLE:
                break  # within one access no translation is lost: it would have to be walked again
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
        """A fault is taken, with an empty store buffer (MMR 6.3, 8.4)."""
        draft = Draft.of(state)
        self._take(draft, cpu)
        yield Move("fault", cpu), draft, -1

    def _held(self, state: State, cpu: int, op: Compiled) -> bool:
        """Does an event wait for something else than the store buffer?"""
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
        """All ways in which an event can be executed now; none if it has to wait."""
        event = op.event
        if self._held(state, cpu, op):
            return
        if op.translated:
            for move, after in access.ways(self, state, cpu, op):
                yield move, after, -1 if move.kind == "update" else body
            return
        # A function that the interrupt before it goes on with is not delivered anew (MMR 8.10).
        goes_on = event.op == "DLV" and state.running[cpu] == body
        if op.drains and state.buffers[cpu] and not goes_on:
            return
        cells = self._cells_of(state, op)
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
        if goes_on:
            self._delivered(draft, cpu, body)
        elif event.op not in ("R", "W", "X"):
            self._effect(draft, cpu, body, op)
        yield Move("exec", cpu, event, tuple(reads), writes=writes), draft, body

    def _delivered(self, draft: Draft, cpu: int, body: int) -> None:
        """A handler begins; the first that an interrupt runs takes along what is queued (MMR 8.10)."""
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
        """Instead of returning, the interrupt goes on with another function of its batch (MMR 8.10)."""
        for other in sends.following(self, state, cpu):
            draft = Draft.of(state)
            writes = self.write(draft, cpu, op, self._cells_of(state, op))
            self._next(draft, cpu, body)
            draft.running[cpu] = other
            yield Move("exec", cpu, op.event, (), writes=writes), draft, -1

    def _cells_of(self, state: State, op: Compiled) -> list[int]:
        cells = []
        for touch in op.touches:
            cell = touch.cell
            if cell < 0:
                cell = self.cell_at.get(touch.addr(state.slots), -1)
                if cell < 0:
                    raise self.wrong(op.event)
            cells.append(cell)
        return cells

    def _effect(self, draft: Draft, cpu: int, body: int, op: Compiled) -> None:
        """What an event does besides reading and writing cells."""
        event = op.event
        if event.op == "SEND":
            sends.send_ipi(self, draft, cpu, event)
        elif event.op in ("RCU", "GP"):
            store = self.graces.execute(draft, event)
            if store is not None:
                self.queue(draft, cpu, store)
        elif event.op == "ACK":
            self.queue(draft, cpu, Buffered(((self.answered, 1 << body),), ANSWER))
        elif event.op == "NMI":
            choice = self.program.bodies[body].choice
            assert choice is not None
            draft.slots[choice] = 1
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
        if op.serial:
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
        """Remove what a CR3 write or an INV covers (MMR 5.1, 5.7)."""
        draft.tlbs[cpu] &= ~self.caches.removed(op.event.kind, *self.covered(draft, op))
