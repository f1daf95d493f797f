"""Where the items of TLBs and paging-structure caches that a run has used are from: when a walk read what."""

from __future__ import annotations

from verifier.errors import InternalError
from verifier.explore.caches import UPPER_ENTRY, Item, WalkPoint, loaded
from verifier.explore.flushes import Flushes
from verifier.explore.machine import AbstractMachine
from verifier.explore.state import Move, State
from verifier.program.values import Value


class Sources:
    """Where the items that a run has used are from."""

    def __init__(self, machine: AbstractMachine, states: list[State], moves: list[Move]) -> None:
        self.machine, self.states, self.moves = machine, states, moves
        self.flushes = Flushes(machine, states, moves)
        self.initial: dict[tuple[int, int], tuple[int, Value]] = {}  # CPU, item -> PCID, content
        for cpu, pcid, va, content in machine.program.tlb:
            at = machine.va_at[va]
            item = machine.caches.initial(states[0].memory, cpu, pcid, at, content=content)
            self.initial[cpu, item] = pcid, content

    def since(self, cpu: int, item: int, at: int) -> int:
        """The first state from which an item that is used at state ``at`` may be."""
        if not self.machine.switches.spontaneous and item & self.machine.caches.uppers:
            return at  # every access reads an upper entry again
        return self.flushes.gone(cpu, item, at)

    def last_read(self, cpu: int, item: int, first: int, at: int) -> tuple[int, int, int, Value] | None:
        """The last instant, from state ``first`` to ``at``, at which a walk's read could cache an item.

        The result has the instant, the upper item from which the walk starts (0 if it starts at the root),
        and the cell and the value that it reads.
        """
        caches, spontaneous = self.machine.caches, self.machine.switches.spontaneous
        va = caches.items[item.bit_length() - 1].va
        for i in range(at, first - 1, -1):
            self.machine.budget.tick()
            s = self.states[i]
            if not spontaneous and not self.walks_at(cpu, i):
                continue
            tlb = s.tlbs[cpu] if spontaneous else self.walked(s, cpu, va)
            for bit, place, cell, value in caches.derivations(tlb, s.memory, s.buffers[cpu], cpu, va=va):
                if bit == item and (spontaneous or value == loaded(cell, s.buffers[cpu], s.memory)):
                    return i, self.upper(s, cpu, va, place), cell, value
        return None

    def fetched(self, move: Move, at: int) -> int:
        """The last state in which the instruction that move ``at`` executes can have been read (MMR 10.1)."""
        copy = self.machine.prefetched.made[move.copy.bit_length() - 1]
        for i in range(at, -1, -1):
            s = self.states[i]
            own = self.machine.prefetched.seen(s.buffers[move.cpu], copy.cell) if copy.item else None
            value = s.memory[copy.cell] if own is None else own
            if value == copy.value and (not copy.item or s.tlbs[move.cpu] & copy.item):
                return i
        raise InternalError("a story does not say when an instruction was read")

    def upper(self, s: State, cpu: int, va: int, place: WalkPoint) -> int:
        """The upper item from which a walk continues at a place; 0 at the root."""
        caches = self.machine.caches
        tag = caches.tag(s.memory, cpu)
        upper = Item(UPPER_ENTRY, tag, va, place.handle, flags=place.flags, path=place.path)
        return caches.bits[upper] if place.path else 0

    def walked(self, s: State, cpu: int, va: int) -> int:
        """The TLB and the upper entries that an access reads on its way; no cache keeps these (MMR 3.3)."""
        caches, tlb, before = self.machine.caches, s.tlbs[cpu], -1
        while tlb != before:
            before = tlb
            for bit, _, _, _ in caches.derivations(tlb, s.memory, s.buffers[cpu], cpu, va=va):
                tlb |= bit & caches.uppers
        return tlb

    def walks_at(self, cpu: int, at: int) -> bool:
        """Is this CPU's next step an access that may walk?"""
        move = self.moves[at] if at < len(self.moves) else None
        return move is not None and move.cpu == cpu and bool(move.used)
