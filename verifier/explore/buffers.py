"""Which stores may leave a store buffer next.

Stores leave the buffer in order (MMR 1.1). Non-temporal stores (2.6) and ICR writes (8.1, 8.2) are
exceptions. The entries that RCU puts into the buffer wait for all stores before them (18.2, 18.3).
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.explore.state import BARRIER, CALLBACK, FENCED, NT, RELEASE, SENDING, WEAK, Buffer

FIRST = (0,)
SPECIAL = NT | BARRIER | SENDING


def committable(buffer: Buffer) -> Sequence[int]:
    """The indices of the entries that may leave a buffer now; the buffer is not empty."""
    for store in buffer:
        if store.kind & SPECIAL:
            return _out_of_order(buffer)
    return FIRST


def _out_of_order(buffer: Buffer) -> list[int]:
    found: list[int] = []
    cells: set[int] = set()
    stores = ordered = sends = fenced = False
    for i, store in enumerate(buffer):
        if store.kind & BARRIER:
            fenced = True  # the buffer has older stores, and they come first
        if store.kind & SENDING:
            if not sends and not (fenced and store.kind & FENCED) and (store.kind & WEAK or not stores):
                found.append(i)
            sends = True
        if fenced or store.kind & SENDING:
            continue
        mine = {cell for cell, _ in store.writes}
        # Stores to one cell keep their order (coherence). Ordinary stores keep their order, too.
        waits = stores if store.kind & (RELEASE | CALLBACK) else ordered
        if not mine & cells and (store.kind & NT or not waits):
            found.append(i)
        cells |= mine
        stores = True
        ordered = ordered or not store.kind & NT
    return found


def without(buffer: Buffer, index: int) -> Buffer:
    """A buffer after the entry at ``index`` has left it."""
    return stripped((*buffer[:index], *buffer[index + 1 :]))


def stripped(buffer: Buffer) -> Buffer:
    """A buffer without the SFENCEs that have no older store to wait for."""
    kept = []
    stores = False
    for store in buffer:
        if store.kind & BARRIER and not stores:
            continue
        stores = stores or not store.kind & (SENDING | BARRIER)
        kept.append(store)
    return tuple(kept) if len(kept) < len(buffer) else buffer
