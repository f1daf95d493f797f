"""What part an event plays in the model: the one place that reads ``Event.op``.

The table below is the "barrier" half of docs/memory-model.md for the instructions of this version.
"""

from __future__ import annotations

from verifier.program.events import Event, Program
from verifier.program.values import Const, Ptr

# Instants that wait until the CPU's store buffer is empty.
DRAINS = {
    "X": "MMR 2.1: LOCK'd operation (SDM 8.2.2)",
    "F mfence": "MMR 2.3: MFENCE (SDM 8.2.2)",
    "CR3": "MMR 5.2, 5.3: serializing (SDM 8.3)",
    "INV": "MMR 5.2, 5.3: serializing (SDM 8.3)",
    "SEND": "MMR 8.2, 17.4: LOCK'd operation on the call queue",
    "DLV": "MMR 8.4: interrupt delivery (SDM 11.10, APM2 7.5.1)",
    "IRET": "MMR 8.6, 9.1: serializing (SDM 8.3)",
}


def drains(event: Event) -> bool:
    """Does this event wait for an empty store buffer? CR3 and INV do if they serialize."""
    if event.op in ("CR3", "INV"):
        return event.serializing
    return event.op in DRAINS or f"{event.op} {event.kind}" in DRAINS


def invalidates(event: Event) -> bool:
    """Does this event remove TLB entries of its own CPU (MMR 5.1)?"""
    return event.op in ("CR3", "INV")


def buffered(event: Event, program: Program) -> bool:
    """Is this a plain store, which reaches memory later than it executes (MMR 1.2)?

    A write of ``cr3`` or of the interrupt flag is not: it takes effect at its instant.
    """
    if event.op != "W":
        return False
    address = event.accesses[0].addr
    if not isinstance(address, Const) or not isinstance(address.value, Ptr):
        return True
    cell = program.cells.get(address.value)
    return cell is None or cell.kind != "register"
