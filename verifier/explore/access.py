"""Translated accesses: what may serve them, the setting of A and D, and faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from verifier.explore.caches import UPPER, Item, Place, load
from verifier.explore.ops import Op
from verifier.explore.state import Draft, Move, State, Written, put
from verifier.program.values import CLEAN, FAULT, OLD, RO, Value, apply, flags, make_entry, target

if TYPE_CHECKING:
    from verifier.explore.machine import Machine

Ways = Iterator[tuple[Move, Draft]]


def ways(machine: Machine, state: State, cpu: int, op: Op) -> Ways:
    """All ways in which a translated access can be executed now."""
    (touch,) = op.touches
    va = machine.va_at.get(touch.addr(state.slots), -1)
    root = machine.caches.root(state.memory, cpu)
    if va < 0 or (root, va) not in machine.caches.cells:
        raise machine.wrong(op.event)
    waits = op.drains and bool(state.buffers[cpu])
    spurious = False
    done: set[tuple[Value, int]] = set()
    for walked, tlb, memory in walks(machine, state, cpu, va):
        start = state if memory is state.memory else state._replace(memory=memory)
        for bit, item in machine.caches.usable(tlb, memory, cpu, va):
            if item.flags & op.forbidding:
                spurious = spurious or (
                    machine.switches.spurious_prot_fault and bool(tlb & bit & state.tlbs[cpu])
                )
            elif not waits and ((item.to, item.leaf) not in done or walked):
                done.add((item.to, item.leaf))
                for move, draft in _through(machine, start, cpu, op, bit, item):
                    draft.tlbs[cpu] |= tlb
                    yield move._replace(walked=walked), draft
    if machine.running_ahead(state, cpu):
        return  # an ICR write was executed before this access, which therefore did not fault
    found = faulting(machine, state, cpu, op, va)
    if found is not None or spurious:
        draft = Draft.of(state)
        draft.faults = put(draft.faults, cpu, va)
        if touch.slot is not None:
            draft.slots[touch.slot] = FAULT
        reads, walked = found or ((), ())
        for cell, value in walked:
            draft.memory[cell] = value
        yield Move("exec", cpu, op.event, reads, fault=True, walked=walked), draft


def walks(
    machine: Machine, state: State, cpu: int, va: int
) -> Iterator[tuple[Written, int, tuple[Value, ...]]]:
    """What the TLB and memory can be at an access, with the entries in which A was set.

    Only without spontaneous walks is this anything but what they are: the access walks itself, each
    level a load, and sets A as it goes (MMR 3.3).
    """
    tlb, caches = state.tlbs[cpu], machine.caches
    if machine.switches.spontaneous:
        yield (), tlb, state.memory
        return
    memory, set_here = list(state.memory), []
    place = Place(caches.root(memory, cpu), 0, ())
    tag, found = caches.tag(memory, cpu), 0
    while True:
        cell = caches.cells.get((place.handle, va), -1)
        value = load(cell, state.buffers[cpu], memory) if cell >= 0 else 0
        to = target(value)
        if to is not None and flags(value) & OLD and value == memory[cell]:
            value = memory[cell] = make_entry(to, flags(value) & ~OLD)
            set_here.append((cell, value))
        found = caches.read(place, tag, va, cell, value) if cell >= 0 else 0
        item = caches.items[found.bit_length() - 1] if found else None
        if item is None or item.kind != UPPER:
            break
        place = Place(item.to, item.flags, item.path)
    if set_here or not found:
        yield (), tlb, state.memory
    if found:
        yield tuple(set_here), tlb | found, tuple(memory) if set_here else state.memory


def _through(machine: Machine, state: State, cpu: int, op: Op, bit: int, item: Item) -> Ways:
    """The access by one cached translation."""
    event, (touch,) = op.event, op.touches
    dirty: Written = ()
    if op.modifies and item.flags & CLEAN:
        marked = dirtied(machine, state, item)
        if marked is None:
            return
        dirty = ((item.leaf, marked),)
    if event.op == "T":
        draft = Draft.of(state)
        if touch.slot is not None:
            draft.slots[touch.slot] = item.to
        yield Move("exec", cpu, event, used=bit), draft
        return
    cell = machine.cell_at.get(apply("page_data", (item.to,)), -1)
    if cell < 0:
        raise machine.wrong(event)
    if event.op == "IF":
        for move, draft in machine.fetch(state, cpu, op, cell):
            yield move._replace(used=bit), draft
        return
    draft = Draft.of(state)
    for at, value in dirty:
        draft.memory[at] = value
    reads: Written = ()
    if touch.slot is not None:
        value = load(cell, state.buffers[cpu], state.memory)
        draft.slots[touch.slot] = value
        reads = ((cell, value),)
    writes = machine.write(draft, cpu, op, [cell])
    yield Move("exec", cpu, event, reads, writes, bit, dirty=dirty), draft


def dirtied(machine: Machine, state: State, item: Item) -> Value | None:
    """The leaf entry after D was set in it; None if it cannot be (MMR 7.1, 7.3)."""
    if item.leaf < 0:
        return None
    value = state.memory[item.leaf]
    bits = flags(value)
    if target(value) != item.to or not bits & CLEAN:
        return None
    if bits & RO and not machine.switches.d_on_ro:
        return None
    return make_entry(item.to, bits & ~(CLEAN | OLD))


def faulting(machine: Machine, state: State, cpu: int, op: Op, va: int) -> tuple[Written, Written] | None:
    """The read that a fault of this access is reported for, if it may fault now (MMR 6.2, 6.3).

    Without spontaneous walks, the one that finds out sets A on its way: these entries are second.
    """
    caches, memory, buffer, tlb = machine.caches, state.memory, state.buffers[cpu], state.tlbs[cpu]
    alone = not machine.switches.spontaneous
    confirming = machine.switches.fault_walk == "rewalk" or alone
    walked: list[tuple[int, Value]] = []
    places = [Place(caches.root(memory, cpu), 0, ())]
    if not confirming:
        places = caches.places(tlb, memory, cpu, va)
    for place in places:
        cell = caches.cells.get((place.handle, va), -1)
        if cell < 0:
            raise machine.wrong(op.event)
        value = load(cell, buffer, memory)
        to, bits = target(value), flags(value)
        if to is None:
            return ((cell, value),), tuple(walked)
        if to not in caches.tables:
            if (place.flags | bits) & op.forbidding:
                return ((cell, value),), tuple(walked)
        elif confirming and len(place.path) + 1 < caches.depth:
            if bits & OLD:
                if not alone or value != memory[cell]:
                    break
                walked.append((cell, make_entry(to, bits & ~OLD)))
            places.append(Place(to, place.flags | bits, (*place.path, (place.handle, cell))))
    tags = caches.of_tag.get(caches.tag(memory, cpu), 0)
    absent = tlb & caches.absents & caches.of_va[va] & tags
    return ((), ()) if absent else None
