"""IPIs: sending them by the call queue or by a bare ICR write, and delivering them (MMR 8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.explore.compiled import Compiled, Known, Unknown
from verifier.explore.state import (
    BARRIER,
    FENCED,
    IDLE,
    SENDING,
    UNCACHED,
    WEAK,
    Buffered,
    Draft,
    Move,
    State,
)
from verifier.explore.upkeep import Upkeep
from verifier.program import arrivals
from verifier.program.events import Event
from verifier.program.expressions import evaluate
from verifier.program.ops import ICR
from verifier.program.values import truth


def deliverable(machine: Upkeep, state: State, cpu: int) -> Iterator[int]:
    """The pending handlers that may be delivered next.

    Two calls from one sender to one CPU arrive in order, except that a call whose sender waits may come
    first (MMR 17.7). Bare ICR writes arrive in any order (8.3).
    """
    if machine.running_ahead(state, cpu):
        return  # the interrupt would come before an ICR write that the CPU has executed already
    for i, body in enumerate(state.pending[cpu]):
        if machine.unmaskable[body]:
            continue
        if machine.bare[body]:
            yield body
        elif all(_overtakes(machine, state, body, other) for other in state.pending[cpu][:i]):
            if machine.softly[body] and (state.calling[cpu] != IDLE or _softirqs_off(machine, state, cpu)):
                continue  # a callback interrupts no other one, and no code that turns softirqs off
            if machine.graces.ended(state.memory, body):
                yield body


def _softirqs_off(machine: Upkeep, state: State, cpu: int) -> bool:
    cell = machine.softirqs_off[cpu]
    return cell >= 0 and state.memory[cell] != 0


def striking(machine: Upkeep, state: State, cpu: int) -> Iterator[int]:
    """The NMIs that have been sent and that may strike next: the interrupt flag does not hold them (MMR
    8.3, 12.1)."""
    if not machine.running_ahead(state, cpu):
        yield from (body for body in state.pending[cpu] if machine.unmaskable[body])


def following(machine: Upkeep, state: State, cpu: int) -> Iterator[int]:
    """The handlers with which an interrupt may continue: those of its batch that may come next."""
    for body in deliverable(machine, state, cpu):
        if state.batches[cpu] >> body & 1:
            yield body


def without_interrupt(machine: Upkeep, state: State | Draft, event: Event) -> bool:
    """Is this the beginning or the end of a call that its CPU finds by itself, before its thread has executed
    anything (MMR 8.12)? That it comes by an interrupt orders more, and adds no outcomes."""
    if event.op not in ("DLV", "IRET") or event.body not in machine.own_calls:
        return False
    thread = machine.threads[event.cpu]
    begun = machine.program.bodies[thread].events[: state.pcs[thread]]
    slots = state.slots
    if arrivals.old_queue(machine.program, slots):
        return False
    return not any(truth(evaluate(e.guard, slots)) for e in begun)


def _overtakes(machine: Upkeep, state: State, body: int, other: int) -> bool:
    """May a pending handler be delivered before one that was sent earlier?"""
    if machine.bare[other] or machine.sender[body] != machine.sender[other]:
        return True
    bodies = machine.program.bodies
    mine, its = bodies[body].send, bodies[other].send
    assert mine is not None and its is not None
    if mine.domain != its.domain:
        return True
    if arrivals.old_queue(machine.program, state.slots):
        return False
    return truth(evaluate(arrivals.overtakes(mine, its), state.slots))


def _wanted(machine: Upkeep, draft: Draft, event: Event) -> list[int]:
    """The handlers that an IPI starts. The other handlers of the event never run."""
    wanted = []
    for handler in event.handlers:
        guard = machine.sent_if[handler]
        if guard is not None and not truth(guard(draft.slots)):
            machine.never(draft, handler)
        else:
            wanted.append(handler)
    return wanted


def send_ipi(machine: Upkeep, draft: Draft, cpu: int, event: Event) -> Iterator[Draft]:
    """All ways to send an IPI to every target whose guard holds. A bare ICR write may have to wait (MMR 8.1,
    8.2).

    An ICR write that waits for stores does not hold up later events, so it waits in the store buffer.
    """
    wanted = _wanted(machine, draft, event)
    if event.kind == "rcu":
        store = machine.graces.execute(draft, event, tuple(wanted))
        if store is not None:
            machine.queue(draft, cpu, store)
        yield draft
        return
    buffer, kind = draft.buffers[cpu], SENDING
    if event.kind in ICR and buffer:
        if event.kind == "x2apic" and not machine.switches.amd_x2apic_ordered:
            kind |= WEAK | (FENCED if machine.switches.x2apic_fence == "sfence" else 0)
        elif event.kind == "xapic" and machine.switches.ucw_blocks_later_loads:
            kind |= UNCACHED
        earlier = SENDING | (BARRIER if kind & FENCED else 0)
        if not kind & WEAK or any(store.kind & earlier for store in buffer):
            draft.buffers[cpu] = (*buffer, Buffered((), kind, 0, tuple(wanted)))
            yield draft
            return
    yield from start(machine, draft, wanted)


def start(machine: Upkeep, draft: Draft, handlers: Sequence[int]) -> Iterator[Draft]:
    """All ways in which the handlers of a SEND become pending. A bare ICR write may be merged with one of the
    same vector that is pending: one handler runs for both (MMR 8.3)."""
    drafts = [draft]
    for handler in handlers:
        pending = draft.pending[machine.program.bodies[handler].cpu]
        for before in drafts:
            machine.started(before, handler)
        lost = dict.fromkeys(max(handler, other) for other in pending if other in machine.alike[handler])
        drafts += [_merged(machine, before, body) for before in drafts for body in lost]
    yield from drafts


def _merged(machine: Upkeep, draft: Draft, body: int) -> Draft:
    """A pending handler does not run, as another one runs for both."""
    after, here = Draft.of(draft.state()), machine.program.bodies[body]
    after.pending[here.cpu] = tuple(h for h in after.pending[here.cpu] if h != body)
    assert here.choice is not None
    after.slots[here.choice] = 0
    machine.never(after, body)
    return after


def early(machine: Upkeep, state: State, cpu: int, body: int) -> Iterator[tuple[Move, Draft, int]]:
    """Execute the next x2APIC write early, before stores and fences that come before it (MMR 8.2)."""
    pc, ops, slots = state.pcs[body], machine.ops[body], Known(state.slots)
    earlier = SENDING | (BARRIER if machine.switches.x2apic_fence == "sfence" else 0)
    if any(store.kind & earlier for store in state.buffers[cpu]):
        return
    stores = bool(state.buffers[cpu])
    for at in range(pc, len(ops)):
        op = ops[at]
        try:
            done = op.guard is None or truth(op.guard(slots))
            bit = machine.sends.get(op.event.id) if done else None
            if bit is not None and not state.early >> bit & 1:
                if at > pc:
                    draft = Draft.of(state)
                    draft.early |= 1 << bit
                    draft.slots = slots
                    wanted = _wanted(machine, draft, op.event)
                    draft.slots = list(state.slots)
                    for after in start(machine, draft, wanted):
                        yield Move("exec", cpu, op.event, at=at - pc), after, -1
                return
            for branch in machine.branches.get(op.event.id, ()):
                branch(slots)
        except Unknown:
            return
        if done and bit is None:
            if not _passable(machine, op, stores):
                return
            stores = stores or op.event.op in ("W", "X")


def _passable(machine: Upkeep, op: Compiled, stores: bool) -> bool:
    """May the CPU execute an x2APIC write before this event, which comes before it in the program?

    An LFENCE holds it: nothing behind an LFENCE begins before the LFENCE is executed (MMR 2.4, 8.2). So does
    what the CPU waits for in a loop or at a lock: it does not know before that it gets past it.
    ``stores``: some store before the event is not committed.
    """
    event, mode = op.event, machine.switches.x2apic_fence
    if op.serial or event.id in machine.awaited:
        return False
    if event.op == "F":
        if event.kind == "mfence":
            return mode == "mfence_lfence"
        if event.kind == "sfence":
            return mode != "sfence" or not stores
        return event.kind == "lock"
    if event.op == "W":
        return not op.translated
    return event.kind == "rcu" or event.op in ("X", "IRQ", "HLT", "JMP", "BINV", "INV", "CR3", "RCU")
