"""Translated accesses: which cached translations may serve them, how A and D are set, and faults."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.explore.caches import Item, loaded
from verifier.explore.compiled import Compiled
from verifier.explore.state import IDLE, Draft, Move, State, Written, put
from verifier.explore.upkeep import Upkeep
from verifier.program.functions import apply
from verifier.program.values import CLEAN, FAULT, RO, UNACCESSED, Value, flags, make_entry, target

Ways = Iterator[tuple[Move, Draft]]


def ways(machine: Upkeep, state: State, cpu: int, op: Compiled) -> Ways:
    """All ways in which a translated access can be executed now."""
    (touch,) = op.touches
    va = machine.va_at.get(touch.addr(state.slots), -1)
    root = machine.caches.root(state.memory, cpu)
    waits = op.drains and bool(state.buffers[cpu])
    if va < 0 or (root, va) not in machine.caches.cells:
        if not waits:
            yield Move("exec", cpu, op.event), machine.lost(state, op, rootless=va >= 0)
        return
    if state.marked[cpu] != IDLE:
        if not waits:
            item = machine.caches.items[state.marked[cpu]]
            for move, draft in _through(machine, state, cpu, op, bit=1 << state.marked[cpu], item=item):
                draft.marked = put(draft.marked, cpu, IDLE)
                yield move, draft
        return
    if op.event.op == "IF" and machine.switches.spontaneous:
        yield from _prefetched(machine, state, cpu, op, va)
    spurious = False
    for tlb in walked(machine, state, cpu, va):
        done: set[tuple[Value, int]] = set()
        for bit, item in machine.caches.usable(tlb, state.memory, cpu, va):
            if item.flags & op.forbidding:
                spurious = spurious or (machine.switches.spurious_prot_fault and bool(bit & state.tlbs[cpu]))
            elif op.event.op == "IF" and machine.switches.spontaneous:
                continue
            elif (item.to, item.leaf) not in done and (not waits or item.leaf >= 0):
                done.add((item.to, item.leaf))
                for move, draft in _through(machine, state, cpu, op, bit=bit, item=item):
                    draft.tlbs[cpu] |= tlb
                    yield move, draft
    if machine.running_ahead(state, cpu):
        return  # an ICR write was executed before this access, so the access cannot fault
    if op.event.unless is not None:
        return  # the load of its instruction did not fault
    found = faulting(machine, state, cpu, op, va=va)
    if found is not None or spurious:
        draft = Draft.of(state)
        draft.faults = put(draft.faults, cpu, va)
        if touch.slot is not None:
            draft.slots[touch.slot] = FAULT
        yield Move("exec", cpu, op.event, found or (), fault=True), draft


def _prefetched(machine: Upkeep, state: State, cpu: int, op: Compiled, va: int) -> Ways:
    """The execution of an instruction that was read through some TLB entry, which may be gone (MMR 10.1)."""
    done: set[tuple[int, Value]] = set()
    for bit, cell in machine.prefetched.items(state, cpu, va).items():
        if not machine.caches.items[bit.bit_length() - 1].flags & op.forbidding:
            for move, draft in machine.fetch(state, cpu, op, cell, item=bit):
                if move.reads[0] not in done:
                    done.add(move.reads[0])
                    yield move._replace(used=bit), draft


def walked(machine: Upkeep, state: State, cpu: int, va: int) -> list[int]:
    """The TLBs that an access may find.

    With spontaneous walks this is the TLB as it is. Without them the access itself may walk, once, and reads
    each level by a load (MMR 3.3). In that case software fills the TLB, and software sets A and D.
    """
    tlb, caches = state.tlbs[cpu], machine.caches
    if machine.switches.spontaneous:
        return [tlb]
    found = [bit for bit, *_ in caches.loads(tlb, state.memory, state.buffers[cpu], cpu, va)]
    return list(dict.fromkeys(tlb | bit for bit in found if bit & caches.entries & ~tlb)) or [tlb]


def _through(machine: Upkeep, state: State, cpu: int, op: Compiled, bit: int, item: Item) -> Ways:
    """The access by one cached translation.

    A store that has to set D enters the store buffer in the same step: no other CPU can see a
    difference. Other CPUs do see a LOCK'd operation, or a store without a buffer. These set D first,
    in a step of its own (MMR 7.3).
    """
    event = op.event
    if op.modifies and item.leaf >= 0 and state.marked[cpu] == IDLE:
        for marked in dirtied(machine, state, item):
            dirty = ((item.leaf, marked),)
            if event.op == "X" or not machine.buffered:
                draft = Draft.of(state)
                draft.memory[item.leaf] = marked
                draft.marked = put(draft.marked, cpu, bit.bit_length() - 1)
                yield Move("update", cpu, event, (), writes=dirty, used=bit), draft
            else:
                yield from _done(machine, state, cpu, op, bit=bit, item=item, dirty=dirty)
    elif not (op.drains and state.buffers[cpu]):
        yield from _done(machine, state, cpu, op, bit=bit, item=item, dirty=())


def _done(
    machine: Upkeep, state: State, cpu: int, op: Compiled, bit: int, item: Item, dirty: Written
) -> Ways:
    """The access itself. ``dirty`` is the entry in which it sets D in the same step."""
    event, (touch,) = op.event, op.touches
    if event.op == "T":
        draft = Draft.of(state)
        if touch.slot is not None:
            draft.slots[touch.slot] = item.to
        yield Move("exec", cpu, event, used=bit), draft
        return
    cell = machine.cell_at.get(apply("page_data", (item.to,)), -1)
    if cell < 0:
        yield Move("exec", cpu, event, used=bit), machine.lost(state, op)
        return
    if event.op == "IF":
        for move, draft in machine.fetch(state, cpu, op, cell):
            yield move._replace(used=bit), draft
        return
    draft = Draft.of(state)
    for at, value in dirty:
        draft.memory[at] = value
    reads: Written = ()
    if touch.slot is not None:
        value = loaded(cell, state.buffers[cpu], state.memory)
        draft.slots[touch.slot] = value
        reads = ((cell, value),)
    writes = machine.write(draft, cpu, op, [cell])
    yield Move("exec", cpu, event, reads, writes=writes, used=bit, dirty=dirty), draft


def dirtied(machine: Upkeep, state: State, item: Item) -> list[Value]:
    """The values that the leaf entry may have after D is set; empty if D cannot be set (MMR 7.1, 7.3)."""
    value, mode = state.memory[item.leaf], machine.switches.d_sets_a
    bits = flags(value)
    if target(value) != item.to or not bits & CLEAN or (bits & RO and not machine.switches.d_on_ro):
        return []
    left = bits & ~CLEAN
    found = [make_entry(item.to, left & ~UNACCESSED)] if mode != "never" or not left & UNACCESSED else []
    if left & UNACCESSED and mode != "always":
        found.append(make_entry(item.to, left))
    return found


def faulting(machine: Upkeep, state: State, cpu: int, op: Compiled, va: int) -> Written | None:
    """If this access may fault now: the read that the fault reports; else None (MMR 6.2, 6.3)."""
    caches, memory, buffer, tlb = machine.caches, state.memory, state.buffers[cpu], state.tlbs[cpu]
    for place in caches.faulting(tlb, memory, cpu, va):
        cell = caches.cells.get((place.handle, va), -1)
        if cell < 0:
            raise machine.wrong(op.event, state)
        value = loaded(cell, buffer, memory)
        to, bits = target(value), flags(value)
        if to is None:
            return ((cell, value),)
        if to not in caches.tables and (place.flags | bits) & op.forbidding:
            return ((cell, value),)
    tags = caches.of_tag.get(caches.tag(memory, cpu), 0)
    absent = tlb & caches.absents & caches.of_va[va] & tags
    return () if absent else None
