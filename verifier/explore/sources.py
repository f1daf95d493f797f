"""Where the items of TLBs and paging-structure caches that a run has used are from: when a walk read what."""

from __future__ import annotations

from verifier.errors import InternalError
from verifier.explore.caches import LOADED, UPPER_ENTRY, Item, WalkPoint, loaded
from verifier.explore.flushes import Flushes
from verifier.explore.machine import AbstractMachine
from verifier.explore.state import Move, State
from verifier.program.values import Value, flags, target


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
        if not item & self.machine.caches.loaded:
            return self.flushes.gone(cpu, item, at)
        executed = (i for i in range(at - 1, -1, -1) if self._executes(cpu, i))
        return next(executed, -1) + 1  # every access loads anew

    def _executes(self, cpu: int, at: int) -> bool:
        """Does a CPU execute its next event by this move? It may also execute a later one early."""
        move = self.moves[at]
        early = move.event is not None and move.event.op == "SEND" and move.at
        return move.cpu == cpu and move.kind == "exec" and not early

    def last_read(self, cpu: int, item: int, first: int, at: int) -> tuple[int, int, int, Value] | None:
        """The last instant, from state ``first`` to ``at``, at which a walk's read could cache an item.

        The result has the instant, the upper item from which the walk starts (0 if it starts at the root),
        and the cell and the value that it reads.
        """
        caches, spontaneous = self.machine.caches, self.machine.switches.spontaneous
        va = caches.items[item.bit_length() - 1].va
        by_load = bool(item & caches.loaded) or not spontaneous
        for i in range(at, first - 1, -1):
            self.machine.budget.tick()
            s = self.states[i]
            if by_load and not item & caches.loaded and not self._fills(cpu, item, i, used=i == at):
                continue
            found = (caches.loads if by_load else caches.derivations)(
                s.tlbs[cpu], s.memory, s.buffers[cpu], cpu, va=va
            )
            for bit, place, cell, value in found:
                if bit == item:
                    return i, self.upper(s, cpu, va, place, by_load), cell, value
        return None

    def fetched(self, move: Move, at: int) -> int:
        """The last state in which the instruction that move ``at`` executes can have been read (MMR 10.1)."""
        copy = self.machine.prefetched.made[move.copy.bit_length() - 1]
        for i in range(at, -1, -1):
            s = self.states[i]
            buffer = s.buffers[move.cpu]
            own = self.machine.prefetched.seen(buffer, copy.cell, copy.linear) if copy.item else None
            value = s.memory[copy.cell] if own is None else own
            if value == copy.value and (not copy.item or s.tlbs[move.cpu] & copy.item):
                return i
        raise InternalError("a story does not say when an instruction was read")

    def translated(self, move: Move, at: int) -> int:
        """The state in which move ``at`` uses its translation: that of a copy where it was read. Without
        spontaneous walks it is the one of the execution (MMR 10.1)."""
        return self.fetched(move, at) if move.copy and self.machine.switches.spontaneous else at

    def upper(self, s: State, cpu: int, va: int, place: WalkPoint, by_load: bool = False) -> int:
        """The upper item, cached or loaded, from which a walk continues at a place; 0 at the root."""
        caches = self.machine.caches
        tag, kind = caches.tag(s.memory, cpu), LOADED if by_load else UPPER_ENTRY
        upper = Item(kind, tag, va, place.handle, flags=place.flags, path=place.path)
        return caches.bits[upper] if place.path else 0

    def above_fault(self, at: int, cpu: int, va: int, forbidding: int, end: int) -> int:
        """The upper item, 0 for the root, below which an access in front of move ``at`` has loaded the cell
        ``end`` and faults."""
        caches, s = self.machine.caches, self.states[at]
        value = loaded(end, s.buffers[cpu], s.memory)
        for place in caches.faulting(s.tlbs[cpu], s.memory, cpu, va):
            forbidden = target(value) is None or (place.flags | flags(value)) & forbidding
            if caches.cells.get((place.handle, va), -1) == end and forbidden:
                return self.upper(s, cpu, va, place, by_load=caches.loading)
        raise InternalError(f"a story does not say how a walk comes to {self.machine.cells[end].name}")

    def _fills(self, cpu: int, item: int, at: int, used: bool) -> bool:
        """Is this move an access that has walked for an item, which its CPU's TLB did not have (MMR 3.3)?"""
        move = self.moves[at] if at < len(self.moves) else None
        if move is None or move.cpu != cpu or not move.used or item & self.states[at].tlbs[cpu]:
            return False
        return used or bool(item & self.states[at + 1].tlbs[cpu])
