"""Which steps are enough: a partial-order reduction that keeps every end of a run.

In some states a few steps of one CPU form a *persistent set*: all other steps, now and later, are
independent of them, as are all steps that these make possible.  Then one of the steps in the set leads
to each end of a run, and the search can leave out the others.  An ``ever`` looks at single instants, so
the reduction never chooses a step that an ``ever`` could see.

Two steps are independent if the cells that they may touch say so.  ``Prepared.rest`` gives the cells that
the rest of a run may touch. Where addresses are computed, it gives too many cells, but never too few.
"""

from __future__ import annotations

from verifier.explore.buffers import committable
from verifier.explore.compiled import Compiled
from verifier.explore.machine import ALL, COMMIT, EXEC, AbstractMachine
from verifier.explore.prepared import UNSENT
from verifier.explore.state import CALLBACK, IDLE, State, Successor

NONE = 0


def steps(machine: AbstractMachine, state: State, reduced: bool = True) -> list[Successor]:
    """The steps from a state: a persistent set if ``reduced`` and if there is one, else all of them."""
    if reduced:
        best: list[Successor] | None = None
        writes, touched = _others(machine, state)
        for cpu in machine.cpus:
            which = _alone(machine, state, cpu, writes[cpu], touched=touched[cpu])
            if which == NONE:
                continue
            dropped = machine.dropped
            mine = machine.moves(state, cpu, which)
            if not mine and machine.dropped == dropped:
                continue  # this CPU can do nothing now
            if len(mine) <= 1:
                return mine
            if best is None or len(mine) < len(best):
                best = mine
        if best is not None:
            return best
    return [step for cpu in machine.cpus for step in machine.moves(state, cpu)]


def _others(machine: AbstractMachine, state: State) -> tuple[list[int], list[int]]:
    """For every CPU: the cells that other CPUs may still write, and the cells that they may read or write."""
    rest = machine.rest(state.pcs)
    writes = list(rest.writes)
    for cpu, buffer in enumerate(state.buffers):
        for store in buffer:
            for cell, _ in store.writes:
                writes[cpu] |= 1 << cell
    # Every CPU may set A at any time, and an INVLPGB may take effect at any time.
    always = machine.ptes if machine.aged else 0
    looked_at = machine.ptes if machine.flooding and _flooded(machine, state) else 0
    by_others, touched = [], []
    for cpu in machine.cpus:
        w, t = always, looked_at
        for d in machine.cpus:
            if d != cpu:
                w |= writes[d]
                t |= rest.reads[d]
        by_others.append(w)
        touched.append(w | t)
    return by_others, touched


def _flooded(machine: AbstractMachine, state: State) -> bool:
    """May an INVLPGB still take effect somewhere?"""
    return machine.rest(state.pcs).floods or any(state.floods)


def _alone(machine: AbstractMachine, state: State, cpu: int, writes: int, touched: int) -> int:
    """The kinds of steps of one CPU that form a persistent set: ``COMMIT``, ``EXEC``, ``ALL`` or ``NONE``.

    Other CPUs may still write the cells ``writes``, and read or write the cells ``touched``.
    """
    pcs, buffer = state.pcs, state.buffers[cpu]
    if machine.late_graces and any(store.kind & CALLBACK for store in buffer):
        return NONE
    commits = True
    if buffer:
        cells = 0
        for i in committable(buffer):
            for cell, _ in buffer[i].writes:
                cells |= 1 << cell
        commits = not cells & (touched | machine.seen_cells)
        # The walks that this CPU can do until the commit depend on entries that others write, too.
        commits = commits and not (cells & machine.walked(cpu) and writes & machine.ptes)
        # Own loads cannot tell a buffered store from a committed one; own walks and fetches can.
        if commits and not cells & (machine.ptes | machine.fetched[cpu]):
            return COMMIT
    if state.faults[cpu] != IDLE:
        return NONE
    # Can an interrupt be delivered before this CPU's next event?
    interrupts = (
        state.struck[cpu] == IDLE
        and not machine.half_done(state, cpu)
        and (
            (
                state.running[cpu] == IDLE
                and bool(machine.handlers[cpu])
                and state.memory[machine.irq[cpu]] == 1
                and machine.unfinished(pcs, machine.handlers[cpu])
            )
            or any(pcs[nmi] == 0 for nmi in machine.nmis[cpu])
            or machine.unfinished(pcs, machine.sent_nmis[cpu])
        )
    )
    body = machine.current(state, cpu)
    op = machine.ops[body][pcs[body]] if pcs[body] < machine.length[body] else None
    if op is not None and op.event.id in machine.looks:
        return NONE  # it may come to rest here, whatever it could see now
    flooded = machine.flooding and _flooded(machine, state)
    if op is not None:
        if op.visible or (op.event.op == "WAIT" and machine.unanswered(state.memory, op.event.handlers)):
            return NONE
        read, written = _footprint(machine, state, op)
        # What a walk finds between an INVLPGB's effect and this event depends on which is first.
        walks = op.translated or read & machine.ptes
        if flooded and (walks or op.event.op in ("INV", "CR3", "TLBSYNC")):
            return NONE
        if read & writes or written & touched:
            return NONE
        if not interrupts and (not buffer or _indifferent(op)):
            return EXEC
    if not commits or flooded or machine.aged:
        return NONE
    if _only_struck(machine, state, cpu, over=op is None):
        return NONE
    return ALL if not interrupts or _deliverable(machine, state, cpu, writes) else NONE


def _only_struck(machine: AbstractMachine, state: State, cpu: int, over: bool) -> bool:
    """May a CPU come to rest where it only has an NMI to take, which need not strike? Others go on then."""
    if not machine.whole.stops or all(state.pcs[nmi] != 0 for nmi in machine.nmis[cpu]):
        return False
    body = machine.current(state, cpu)
    if not over:
        return machine.graces.waiting(state.memory, machine.ops[body][state.pcs[body]].event)
    return bool(state.pending[cpu])


def _deliverable(machine: AbstractMachine, state: State, cpu: int, writes: int) -> bool:
    """Are the deliveries that this CPU may do next independent of all other CPUs?"""
    if 1 << machine.irq[cpu] & machine.seen_cells:
        return False
    callbacks = machine.graces.callback
    if callbacks and any(state.pcs[h] < machine.length[h] for h in machine.handlers[cpu] if h in callbacks):
        return False  # other CPUs may decide when its grace period ends
    if machine.switches.dlv_serializing:
        what = machine.fetched[cpu]
        if machine.switches.fault_walk == "spurious_once":
            what |= machine.ptes
        if what & writes:
            return False
    coming = (*machine.handlers[cpu], *machine.sent_nmis[cpu])
    return not any(state.pcs[h] == UNSENT and machine.sender[h] != cpu for h in coming)


def _indifferent(op: Compiled) -> bool:
    """Does the event have the same effect before and after its CPU commits the oldest store?"""
    return not (op.drains or op.translated or op.event.op in ("INV", "CR3", "IF"))


def _footprint(machine: AbstractMachine, state: State, op: Compiled) -> tuple[int, int]:
    """The cells that an event reads and writes at its instant, with the present values of its addresses."""
    if op.translated or all(touch.cell >= 0 for touch in op.touches):
        return op.reads, op.writes
    read, written = op.reads if op.event.op == "W" else 0, 0
    slots = list(state.slots)
    for touch in op.touches:
        cell = touch.cell
        if cell < 0:
            cell = machine.cell_at.get(touch.addr(slots), -1)
        if cell < 0 or (touch.slot is not None and len(op.touches) > 1):
            return op.reads, op.writes
        read |= (touch.slot is not None) << cell
        written |= (touch.value is not None and bool(op.writes)) << cell
    return read, written
