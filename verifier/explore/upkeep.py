"""The work between two steps of the machine: it makes states, keeps them small, and looks at them.

After each step the machine skips events without effect, evaluates the expressions whose slots are known
now, forgets dead slots, and makes every cache as large as walks and prefetches can make it at this instant.

This module also has the parts that several kinds of steps share, because ``access`` and ``sends`` are below
the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.budget import Budget
from verifier.explore.compiled import Compiled
from verifier.explore.fetch import Copies
from verifier.explore.prepared import UNSENT, Pending, Prepared
from verifier.explore.state import (
    ANSWER,
    ASTRAY,
    CALLBACK,
    CUT,
    DIRECT,
    IDLE,
    VIRTUAL,
    WRONG,
    WRONG_BIT,
    WRONG_BITS,
    Buffered,
    Draft,
    Dropped,
    Move,
    State,
    Written,
    linear_address,
    put,
)
from verifier.program.events import Event, Program
from verifier.program.expressions import Slots, evaluate
from verifier.program.ops import Kind
from verifier.program.profiles import GENERIC, Switches
from verifier.program.undefined import Wrong, by_undefined, decision, no_cell
from verifier.program.values import UNDEF, Value, truth


class Upkeep(Prepared):
    """The machine between two steps.

    ``bad``      an access to an address without a cell, if there was one;
    ``undefined``  the last decision by an UNDEF value of a run that goes on; ``astray``: the last access to
                 an address without a cell of such a run;
    ``dropped``  the number of steps that led to runs that do not count;
    ``failed``   the assumptions that failed in those runs.
    """

    def __init__(self, program: Program, switches: Switches = GENERIC, budget: Budget | None = None) -> None:
        super().__init__(program, switches, budget or Budget())
        self.bad: Wrong | None = None
        self.undefined: Wrong | None = None
        self.astray: Wrong | None = None
        self.dropped = 0
        self.failed: set[int] = set()
        self.refuses = program.refuses
        self.prefetched = Copies(self)
        self.fetching = any(self.fetched)
        self.broadcasts: list[tuple[Kind, Value, int]] = []  # INVLPGBs: kind, PCID, address

    def initials(self) -> Iterator[State]:
        """The first states, one for each kernel version; none if no run counts."""
        for kernel in self.program.kernels(self.switches):
            state = self._initial(kernel)
            if state is not None:
                yield state

    def _initial(self, kernel: int) -> State | None:
        """The first state under one of ``profiles.KERNELS``; None if no run counts."""
        program = self.program
        none = [IDLE] * program.cpus
        draft = Draft(
            pcs=[0 if body.send is None else UNSENT for body in program.bodies],
            memory=[cell.init for cell in self.cells],
            buffers=[()] * program.cpus,
            tlbs=[0] * program.cpus,
            pending=[
                tuple(h for h in handlers if program.bodies[h].send is None) for handlers in self.handlers
            ],
            running=none,
            struck=tuple(none),
            calling=tuple(none),
            batches=(0,) * program.cpus,
            slots=[None] * program.slots,
            results=[None] * len(self.result_of),
            ever=0,
            faults=tuple(none),
            copies=((0, 0),) * program.cpus,
            floods=((),) * program.cpus,
            marked=tuple(none),
            early=0,
        )
        if program.kernel is not None:
            draft.slots[program.kernel] = kernel
        for b in program.bodies:
            if b.merges and b.choice is not None:
                draft.slots[b.choice] = 1
        for cpu, pcid, va, content in program.tlb:
            entry = self.caches.initial(draft.memory, cpu, pcid, self.va_at[va], content=content)
            draft.tlbs[cpu] |= entry
        try:
            for item in self.waiting:
                if not item.needs:
                    self._evaluate(item, draft)
            for body in self.threads:
                self._advance(draft, body)
            return self._settled(draft)
        except Dropped:
            self.dropped += 1
            return None

    def final(self, state: State) -> bool:
        """Has the run ended? All bodies are done, all buffers are empty, no INVLPGB or fault is pending."""
        done = state.pcs == tuple(self.length) and not any(state.buffers) and not any(state.floods)
        return done and max(state.faults, default=IDLE) == IDLE

    def instant(self, memory: Sequence[Value], tlbs: Sequence[int], at: int) -> Iterator[dict[int, Value]]:
        """The values that the observables of snapshot ``at`` may have now. A TLB entry may be gone."""
        fixed: dict[int, Value] = {}
        cached: list[int] = []
        for i in self.instants.get(at, ()):
            o = self.program.observables[i]
            if o.kind == "mem" and o.cell is not None:
                fixed[i] = memory[self.cell_at[o.cell]]
            elif o.kind == "tlb":
                fixed[i] = 0
                if self.cached(i, memory, tlbs):
                    cached.append(i)
            else:
                raise TypeError(f"an instant cannot be asked for {o.label}")
        for choice in range((1 << len(cached)) - 1, -1, -1):
            self.budget.tick()
            yield fixed | {i: choice >> n & 1 for n, i in enumerate(cached)}

    def observed(self, index: int, state: State) -> tuple[Value, ...]:
        """What an observable of the end may be in a state."""
        o = self.program.observables[index]
        if o.kind == "reg":
            value = state.results[self.result_of[index]]
            return (0 if value is None else value,)
        if o.kind == "hang":
            return (0,)  # at the end of a run nobody waits; ``Rest`` has the other runs
        if o.kind == "mem" and o.cell is not None:
            return (state.memory[self.cell_at[o.cell]],)
        if o.kind == "ever":
            return (1, 0) if state.ever >> self.evers.index(index) & 1 else (0,)
        if o.kind == "tlb":
            return (1, 0) if self.cached(index, state.memory, state.tlbs) else (0,)
        raise TypeError(f"not an observable of an end: {o.label}")

    def cached(self, index: int, memory: Sequence[Value], tlbs: Sequence[int]) -> int:
        """The entries that make ``tlb`` observable ``index`` true."""
        o = self.program.observables[index]
        assert o.cpu is not None
        return self.caches.answer(o, o.pcid, tlbs[o.cpu], memory, cpu=o.cpu)

    def _settled(self, draft: Draft) -> State:
        """Make the draft a state: forget dead slots, fill the caches, and look whether an ``ever`` holds."""
        rest = self.rest(tuple(draft.pcs))
        draft.slots = list(rest.kept([*draft.slots, None]))[:-2]
        if self.translating:
            for cpu, va in enumerate(draft.faults):
                looked = (
                    cpu in self.seen_tlbs or self.translated[cpu]
                )  # at the TLB, before the fault removes some
                if va != IDLE and not draft.buffers[cpu] and not looked:
                    self._take(draft, cpu)
            self._fill(draft, rest.vas)
        if self.fetching:
            self.prefetched.prefetch(draft, rest.reads)
        for n, i in enumerate(self.evers):
            o = self.program.observables[i]
            if not draft.ever >> n & 1 and o.expr is not None and o.at is not None:
                for observed in self.instant(draft.memory, draft.tlbs, o.at):
                    if truth(evaluate(o.expr, {}, observed)):
                        draft.ever |= 1 << n
                        break
        return draft.state()

    def _fill(self, draft: Draft, used: tuple[int, ...]) -> None:
        """Make every TLB as large as walks can make it at this instant, and forget items without use."""
        caches = self.caches
        for cpu in self.cpus:
            vas = self.every_va if self.aged else used[cpu] | self.watched_vas[cpu]
            if vas:
                tlb = caches.filled(draft.tlbs[cpu], draft.memory, draft.buffers[cpu], cpu, vas=vas)
                kept, va, vas = caches.watched[cpu], 0, used[cpu]
                if self.aged:
                    kept |= caches.uppers
                while vas:
                    if vas & 1:
                        kept |= caches.of_va[va]
                    vas >>= 1
                    va += 1
                draft.tlbs[cpu] = self._ahead(draft, cpu, tlb & kept) if caches.loading else tlb & kept
            else:
                draft.tlbs[cpu] = 0
                if draft.floods[cpu] and not draft.buffers[cpu]:
                    draft.floods = put(draft.floods, cpu, ())  # the TLB has nothing left to remove

    def _ahead(self, draft: Draft, cpu: int, tlb: int) -> int:
        """A TLB, with what the walk of this CPU's next event can have loaded at this instant (MMR 3.4)."""
        body = self.current(draft, cpu)
        pc = draft.pcs[body]
        op = self.ops[body][pc] if pc < self.length[body] else None
        if op is None or not op.translated or draft.faults[cpu] != IDLE:
            return tlb
        va = self.va_at.get(op.touches[0].addr(draft.slots), -1)
        return tlb if va < 0 else self.caches.ahead(draft.memory, draft.buffers[cpu], cpu, va, tlb)

    def alone(self, state: State, cpu: int) -> State:
        """A state in which the next access of a CPU has loaded nothing before this instant."""
        draft = Draft.of(state)
        draft.tlbs[cpu] &= ~self.caches.loaded
        draft.tlbs[cpu] = self._ahead(draft, cpu, draft.tlbs[cpu])
        return draft.state()

    def _evaluate(self, item: Pending, draft: Draft) -> None:
        value = item.code(draft.slots)
        if item.kind == "result":
            draft.results[item.index] = value
        elif item.kind == "cut":
            if truth(value):
                draft.ever |= CUT | CUT << 1 + item.index
        elif item.kind == "decision":
            if value == 1:
                self._undefined(item.index, draft)
        elif not truth(value):
            self.failed.add(item.index)
            looks = self.program.waits[item.index].events
            if looks and draft.ever & _wrong(self.program.events[looks[0]].body):
                self._blame(self.blamed(draft.ever))  # it did so in a turn that may be left out
            raise Dropped

    def _undefined(self, index: int, draft: Draft) -> None:
        """Note a decision by an UNDEF value. As for any other, it counts if the run is one that does."""
        made = self.decisions[index]
        first, draft.ever = not draft.ever & WRONG, draft.ever | _wrong(made.body)
        if first:
            self.undefined = decision(self.program, made, _known(draft.slots))

    def _passed(self, draft: Draft, body: int, start: int, end: int) -> None:
        """Evaluate the expressions that have waited for events ``start .. end`` of a body."""
        due = self.due
        for i in range(start, end):
            for item in due.get((body, i), ()):
                if all(draft.pcs[b] > last for b, last in item.needs):
                    self._evaluate(item, draft)

    def _advance(self, draft: Draft, body: int) -> None:
        """Skip events that are not executed: false guards, and events without effect (MMR 2.4, 2.5)."""
        ops, pc = self.ops[body], draft.pcs[body]
        start = pc
        while pc < len(ops):
            op = ops[pc]
            if op.guard is not None and not truth(op.guard(draft.slots)):
                for handler in op.event.handlers if op.event.op == "SEND" else ():
                    self.never(draft, handler)
            elif draft.early and op.event.id in self.sends and draft.early >> self.sends[op.event.id] & 1:
                draft.early &= ~(1 << self.sends[op.event.id])
            elif not self.idle(op):
                break
            pc += 1
            draft.pcs[body] = pc
        self._passed(draft, body, start, pc)

    def idle(self, op: Compiled) -> bool:
        """Is this an event without effect?"""
        if op.event.op == "F":
            return not op.drains and not (op.event.kind == "sfence" and self.weak[op.event.cpu])
        return op.event.op == "JMP" and not self.branching[op.event.cpu]

    def never(self, draft: Draft, body: int) -> None:
        """A handler was not sent: it never runs, nor do the handlers that it would send."""
        draft.pcs[body] = self.length[body]
        if self.answering_bodies >> body & 1:
            self._answer(draft, 1 << body)
        for op in self.ops[body]:
            for handler in op.event.handlers if op.event.op == "SEND" else ():
                self.never(draft, handler)
        self._passed(draft, body, 0, self.length[body])

    def _take(self, draft: Draft, cpu: int) -> None:
        """The CPU takes a fault, which removes all cached items for its address (MMR 5.1)."""
        tag = self.caches.tag(draft.memory, cpu)
        draft.tlbs[cpu] &= ~self.caches.removed("fault", tag, draft.faults[cpu])
        draft.faults = put(draft.faults, cpu, IDLE)

    def _answer(self, draft: Draft, bodies: Value) -> None:
        """These handlers, as bits, have been acknowledged."""
        known = draft.memory[self.answered]
        assert isinstance(known, int) and isinstance(bodies, int)
        draft.memory[self.answered] = known | bodies

    # ---- parts of steps, for ``access``, ``sends`` and the machine

    def current(self, state: State | Draft, cpu: int) -> int:
        """The body that a CPU executes: an NMI, else a handler, else a callback, else its thread."""
        for running in (state.struck, state.running, state.calling):
            if running[cpu] != IDLE:
                return running[cpu]
        return self.threads[cpu]

    def running_ahead(self, state: State, cpu: int) -> int:
        """The ICR writes that this CPU has executed early, as bits."""
        return state.early & self.ahead[self.current(state, cpu)]

    def wrong(self, event: Event, state: State) -> Dropped:
        """Note an access to an address without a cell; the exception ends its run."""
        if state.ever & _wrong(event.body):
            self._blame(self.blamed(state.ever))
        else:
            self._blame(no_cell(self.program, event, _known(state.slots)))
        return Dropped()

    def _blame(self, what: Wrong | None) -> None:
        """Note what has made a run wrong that goes no further. The first access to no object stays."""
        if self.bad is None or not self.bad.lost:
            self.bad = what

    def decided(self, slots: Slots) -> Wrong | None:
        """The first decision by an UNDEF value in a run with these values."""
        for made in self.decisions:
            try:
                if truth(evaluate(by_undefined(made), slots)):
                    return decision(self.program, made, slots)
            except KeyError:
                continue  # the run does not come here
        return self.undefined

    def blamed(self, ever: int) -> Wrong | None:
        """What has made a run wrong."""
        return self.astray if ever & ASTRAY else self.undefined

    def lost(self, state: State, op: Compiled, rootless: bool = False) -> Draft:
        """What an access to an address without a cell leaves: it reads UNDEF, and stores nothing.

        It is a part of a decision by an UNDEF value that its own body has made before, or that has made this
        value the root (``rootless``); other bodies may still access no object for themselves. Otherwise only
        a failed ``assume()`` may still refuse the run. Raises ``Dropped`` if none can: no more need be known.
        """
        first = not rootless and not state.ever & _wrong(op.event.body)
        if first and not self.refuses:
            raise self.wrong(op.event, state)
        draft = Draft.of(state)
        for touch in op.touches:
            if touch.slot is not None:
                draft.slots[touch.slot] = UNDEF
        if first:
            self.astray = no_cell(self.program, op.event, _known(state.slots))
            draft.ever |= ASTRAY
        if not rootless:
            draft.ever |= _wrong(op.event.body)
        return draft

    def write(self, draft: Draft, cpu: int, op: Compiled, cells: list[int]) -> Written:
        """Write the values of an event: plain stores go to the store buffer, all others to their cells."""
        writes: list[tuple[int, Value]] = []
        for touch, cell in zip(op.touches, cells, strict=True):
            if touch.value is not None and (touch.when is None or truth(touch.when(draft.slots))):
                writes.append((cell, touch.value(draft.slots)))
        held: list[tuple[int, Value]] = []
        for cell, value in writes:
            if op.event.op == "W" and self.buffered and not self.register[cell]:
                held.append((cell, value))
            else:
                draft.memory[cell] = value
                if self.fetched[cpu] >> cell & 1:
                    self.prefetched.stored(draft, cpu, cell, op.kind, self.linear(op, draft.slots))
        if held:
            for cell, _ in held if self.translated[cpu] else ():
                self.prefetched.issued(draft, cpu, cell)
            kind = op.kind | (VIRTUAL if self.answering and op.translated else 0)
            code = any([self.fetched[cpu] >> cell & 1 for cell, _ in held])
            linear = self.linear(op, draft.slots) if code else DIRECT
            draft.buffers[cpu] = (*draft.buffers[cpu], Buffered(tuple(held), kind, linear=linear))
        return tuple(writes)

    def linear(self, op: Compiled, slots: Sequence[Value | None]) -> int:
        """The linear address of an access."""
        if not op.event.virtual:
            return DIRECT
        return linear_address(self.va_at[op.touches[0].addr(slots)])

    def fetch(
        self, state: State, cpu: int, op: Compiled, cell: int, item: int = 0
    ) -> Iterator[tuple[Move, Draft]]:
        """All ways to execute an instruction word, which may have been prefetched at any time (MMR 10.1).
        ``item``: the TLB entry by which it was."""
        (touch,) = op.touches
        for value, copy in self.prefetched.choices(state, cpu, cell, self.linear(op, state.slots), item):
            draft = Draft.of(state)
            if touch.slot is not None:
                draft.slots[touch.slot] = value
            yield Move("exec", cpu, op.event, ((cell, value),), copy=copy), draft

    def queue(self, draft: Draft, cpu: int, store: Buffered) -> None:
        """Queue an entry that waits for the stores before it, and that writes no cell of the program (MMR
        8.7, 18.2, 18.3)."""
        late = self.late_graces and store.kind & CALLBACK
        if draft.buffers[cpu] or late:
            draft.buffers[cpu] = (*draft.buffers[cpu], store)
            return
        self.left(draft, store)
        for handler in store.sends:
            self.started(draft, handler)

    def left(self, draft: Draft, store: Buffered) -> None:
        """The effect of such an entry when it leaves the buffer. It writes no cell of the program."""
        if store.kind & ANSWER:
            self._answer(draft, store.writes[0][1])
        else:
            self.graces.leave(draft, store)

    def started(self, draft: Draft, handler: int) -> None:
        """A handler has been sent."""
        to = self.program.bodies[handler].cpu
        draft.pcs[handler] = 0
        # Only the order of one sender's calls counts, so all interleavings of senders have one order here.
        waiting = (*draft.pending[to], handler)
        bare, sender = self.bare, self.sender
        draft.pending[to] = tuple(sorted(waiting, key=lambda h: (bare[h], h if bare[h] else sender[h])))


def _known(slots: Sequence[Value | None]) -> dict[int, Value]:
    """The slots that have a value."""
    return {slot: value for slot, value in enumerate(slots) if value is not None}


def _wrong(body: int) -> int:
    """In ``State.ever``: this body has decided by an UNDEF value. The last bit is of all later bodies."""
    return 1 << WRONG_BIT + min(body, WRONG_BITS - 1)
