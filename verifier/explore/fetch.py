"""Instruction fetch: all prefetched copies of instruction words that can exist (MMR 10).

The machine keeps two sets of copies for every CPU. The first has the copies that the CPU may still
execute. The second has those of them that the CPU may still execute after a branch: they are not older
than the CPU's last store to the word (10.2).
"""

from __future__ import annotations

from verifier.explore.prepared import Prepared
from verifier.explore.state import (
    ALIAS,
    BARRIER,
    JUMPED,
    SENDING,
    Buffer,
    Buffered,
    Draft,
    State,
    linear_address,
    put,
)
from verifier.program.functions import apply
from verifier.program.values import Value
from verifier.records import NamedTuple


class Copy(NamedTuple):
    """A copy of the word in ``cell``, read by a ``linear`` address and through the TLB entry ``item``; 0: the
    address is physical, or the entry does not matter."""

    cell: int
    value: Value
    linear: int
    item: int = 0


class Copies:
    """All copies of instruction words that were ever made. A set of copies is an integer."""

    def __init__(self, layout: Prepared) -> None:
        self.fetched, self.direct, self.translated = layout.fetched, layout.direct, layout.translated
        self.caches, self.cell_at = layout.caches, layout.cell_at
        self.made: list[Copy] = []
        self.bits: dict[Copy, int] = {}
        self.of_cell = [0] * len(layout.cells)
        self.by_address: dict[tuple[int, int], int] = {}  # by cell and linear address
        self.through = 0  # those that were read by way of a TLB entry
        self.amd = layout.switches.smc == "amd"

    def bit(self, copy: Copy) -> int:
        """The bit of a copy."""
        found = self.bits.get(copy)
        if found is None:
            found = self.bits[copy] = 1 << len(self.made)
            self.made.append(copy)
            self.of_cell[copy.cell] |= found
            at = copy.cell, copy.linear
            self.by_address[at] = self.by_address.get(at, 0) | found
            self.through |= found if copy.item else 0
        return found

    def seen(self, buffer: Buffer, cell: int, linear: int) -> Value | None:
        """What a fetch of a cell by a linear address has to see in the store buffer of its CPU (MMR 10.2);
        None: nothing."""
        for store in reversed(buffer):
            if self.amd or (store.kind & JUMPED and store.linear == linear):
                for at, value in reversed(store.writes):
                    if at == cell:
                        return value
        return None

    def prefetch(self, draft: Draft, reads: tuple[int, ...]) -> None:
        """Prefetch every word that a CPU can prefetch now (MMR 10.1). ``reads`` has, for each CPU, the
        cells that it may still read."""
        for cpu, cells in enumerate(self.fetched):
            if not cells:
                continue
            old, recent = draft.copies[cpu]
            now = kept = 0
            for va in self.translated[cpu]:
                now |= self._translated(draft, cpu, va)
            cells &= reads[cpu]
            while cells:
                cell = (cells & -cells).bit_length() - 1
                cells &= cells - 1
                for linear, mine in self.direct[cpu].items():
                    if mine >> cell & 1:
                        now |= self.bit(Copy(cell, draft.memory[cell], linear))
                kept |= self.of_cell[cell]
            draft.copies = put(draft.copies, cpu, ((old | now) & kept, (recent | now) & kept))

    def _translated(self, draft: Draft, cpu: int, va: int) -> int:
        """The copies that a CPU can make now by the translations that it has for an address."""
        found = 0
        for bit, item in self.caches.usable(draft.tlbs[cpu], draft.memory, cpu, va):
            cell = self.cell_at.get(apply("page_data", (item.to,)), -1)
            if cell >= 0:
                linear = linear_address(va)
                own = self.seen(draft.buffers[cpu], cell, linear)
                found |= self.bit(Copy(cell, draft.memory[cell] if own is None else own, linear, bit))
        return found

    def restart(self, draft: Draft, cpu: int) -> None:
        """A serializing event: the CPU fetches all words again (MMR 9.2)."""
        draft.copies = put(draft.copies, cpu, (0, 0))

    def issued(self, draft: Draft, cpu: int, cell: int) -> None:
        """A store of this CPU is in the store buffer. On AMD later copies see it there."""
        if self.amd:
            self._drop(draft, cpu, self.of_cell[cell] & self.through)

    def stored(self, draft: Draft, cpu: int, cell: int, kind: int, linear: int, late: bool = False) -> None:
        """A store of this CPU, by a linear address, has reached memory. Drop the copies that are too old now
        (MMR 10.2). If it was in the buffer (``late``), those by way of a TLB entry have seen it there."""
        old, recent = draft.copies[cpu]
        mine = self.of_cell[cell] if self.amd else self.by_address.get((cell, linear), 0)
        if self.amd or kind & JUMPED:
            self._drop(draft, cpu, mine & (~self.through if late else -1))
        elif not kind & ALIAS:
            draft.copies = put(draft.copies, cpu, (old, recent & ~mine))

    def _drop(self, draft: Draft, cpu: int, copies: int) -> None:
        old, recent = draft.copies[cpu]
        draft.copies = put(draft.copies, cpu, (old & ~copies, recent & ~copies))

    def branch(self, draft: Draft, cpu: int) -> None:
        """A taken branch: from now on the CPU sees its own stores before the branch (MMR 10.2)."""
        _, recent = draft.copies[cpu]
        draft.copies = put(draft.copies, cpu, (recent, recent))
        draft.buffers[cpu] = tuple([self._jumped(draft, cpu, store) for store in draft.buffers[cpu]])

    def _jumped(self, draft: Draft, cpu: int, store: Buffered) -> Buffered:
        mine = [c for c, _ in store.writes if self.fetched[cpu] >> c & 1]
        if store.kind & (ALIAS | BARRIER | SENDING | JUMPED) or not mine:
            return store
        for cell in mine:
            self._drop(draft, cpu, self.by_address.get((cell, store.linear), 0) & self.through)
        return store._replace(kind=store.kind | JUMPED)

    def choices(
        self, state: State, cpu: int, cell: int, linear: int, item: int = 0
    ) -> list[tuple[Value, int]]:
        """The instructions that a fetch may execute, each with the bit of its copy (0: from the buffer)."""
        own = None if item else self.seen(state.buffers[cpu], cell, linear)
        if own is not None:
            return [(own, 0)]
        found = []
        copies = state.copies[cpu][0] & self.by_address.get((cell, linear), 0)
        while copies:
            low = copies & -copies
            copies ^= low
            copy = self.made[low.bit_length() - 1]
            if copy.item == item:
                found.append((copy.value, low))
        return found

    def items(self, state: State, cpu: int, va: int) -> dict[int, int]:
        """The TLB entries for an address by which this CPU has prefetched, each with the cell read."""
        found: dict[int, int] = {}
        copies = state.copies[cpu][0]
        while copies:
            low = copies & -copies
            copies ^= low
            copy = self.made[low.bit_length() - 1]
            if copy.item and self.caches.items[copy.item.bit_length() - 1].va == va:
                found[copy.item] = copy.cell
        return found
