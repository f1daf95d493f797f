"""Instruction fetch: all prefetched copies of instruction words that can exist (MMR 10).

The machine keeps two sets of copies for every CPU. The first has the copies that the CPU may still
execute. The second has those of them that the CPU may still execute after a branch: they are not older
than the CPU's last store to the word (10.2).
"""

from __future__ import annotations

from verifier.explore.prepared import Prepared
from verifier.explore.state import ALIAS, BARRIER, JUMPED, SENDING, Draft, State, put
from verifier.program.values import Value


class Copies:
    """All copies of instruction words that were ever made. A set of copies is an integer."""

    def __init__(self, layout: Prepared) -> None:
        self.fetched = layout.fetched
        self.made: list[tuple[int, Value]] = []
        self.bits: dict[tuple[int, Value], int] = {}
        self.of_cell = [0] * len(layout.cells)
        self.amd = layout.switches.smc == "amd"

    def bit(self, cell: int, value: Value) -> int:
        """The bit of a copy."""
        found = self.bits.get((cell, value))
        if found is None:
            found = self.bits[cell, value] = 1 << len(self.made)
            self.made.append((cell, value))
            self.of_cell[cell] |= found
        return found

    def prefetch(self, draft: Draft, reads: tuple[int, ...]) -> None:
        """Prefetch every word that a CPU can prefetch now (MMR 10.1). ``reads`` has, for each CPU, the
        cells that it may still read."""
        for cpu, cells in enumerate(self.fetched):
            if not cells:
                continue
            old, recent = draft.copies[cpu]
            now = kept = 0
            cells &= reads[cpu]
            while cells:
                cell = (cells & -cells).bit_length() - 1
                cells &= cells - 1
                now |= self.bit(cell, draft.memory[cell])
                kept |= self.of_cell[cell]
            draft.copies = put(draft.copies, cpu, ((old | now) & kept, (recent | now) & kept))

    def restart(self, draft: Draft, cpu: int) -> None:
        """A serializing event: the CPU fetches all words again (MMR 9.2)."""
        draft.copies = put(draft.copies, cpu, (0, 0))

    def stored(self, draft: Draft, cpu: int, cell: int, kind: int) -> None:
        """A store of this CPU has reached memory. Drop the copies that are too old now (MMR 10.2)."""
        old, recent = draft.copies[cpu]
        other = ~self.of_cell[cell]
        if self.amd or kind & JUMPED:
            draft.copies = put(draft.copies, cpu, (old & other, recent & other))
        elif not kind & ALIAS:
            draft.copies = put(draft.copies, cpu, (old, recent & other))

    def branch(self, draft: Draft, cpu: int) -> None:
        """A taken branch: from now on the CPU sees its own stores before the branch (MMR 10.2)."""
        _, recent = draft.copies[cpu]
        draft.copies = put(draft.copies, cpu, (recent, recent))
        cells = self.fetched[cpu]
        draft.buffers[cpu] = tuple(
            store._replace(kind=store.kind | JUMPED)
            if not store.kind & (ALIAS | BARRIER | SENDING) and any(cells >> c & 1 for c, _ in store.writes)
            else store
            for store in draft.buffers[cpu]
        )

    def choices(self, state: State, cpu: int, cell: int) -> list[tuple[Value, int]]:
        """The instructions that a fetch may execute, each with the bit of its copy (0: from the buffer)."""
        for store in reversed(state.buffers[cpu]):
            if self.amd or store.kind & JUMPED:
                for at, value in reversed(store.writes):
                    if at == cell:
                        return [(value, 0)]
        found = []
        copies = state.copies[cpu][0] & self.of_cell[cell]
        while copies:
            low = copies & -copies
            copies ^= low
            found.append((self.made[low.bit_length() - 1][1], low))
        return found
