"""What part an event plays in the model: the one place that reads ``Event.op``.

The tables below are the barrier table of docs/memory-model.md (MMR 14).
"""

from __future__ import annotations

from verifier.program.events import Event, Program
from verifier.program.expressions import Const
from verifier.program.invalidations import INVALIDATING, row
from verifier.program.profiles import Switches
from verifier.program.values import Ptr

# Instants that wait until the CPU's store buffer is empty.
DRAINS = {
    "X": "MMR 2.1: LOCK'd operation (SDM 8.2.2)",
    "F lock": "MMR 2.1: LOCK'd operation on a word of its own (SDM 8.2.2)",
    "F mfence": "MMR 2.3: MFENCE (SDM 8.2.2)",
    "CR3": "MMR 5.2, 5.3: serializing (SDM 8.3)",
    "INV": "MMR 5.2, 5.3: serializing (SDM 8.3)",
    "SER": "MMR 9.1, 9.2: serializing (SDM 8.3, APM2 7.6.4)",
    "TLBSYNC": "MMR 11.2: serializing",
    "SEND": "MMR 8.2, 17.4: LOCK'd operation on the call queue",
    "SEND xapic": "MMR 8.1: store to uncached memory",
    "DLV": "MMR 8.4: interrupt delivery (SDM 11.10, APM2 7.5.1)",
    "NMI": "MMR 8.4, 12.1: delivery of an NMI (SDM 11.10, APM2 7.5.1)",
    "IRET": "MMR 8.6, 9.1: serializing (SDM 8.3)",
    "GP": "MMR 18.2: full fences at both ends of a grace period",
}

# Instants that drop prefetched copies.
SERIALIZES = {
    "CR3": "MMR 5.2 (SDM 8.3)",
    "INV": "MMR 5.2 (SDM 8.3, 4.10.4.3)",
    "SER": "MMR 9.1 (SDM 8.3, APM2 7.6.4)",
    "TLBSYNC": "MMR 11.2",
    "IRET": "MMR 8.6, 9.1 (SDM 8.3)",
}


def serializes(event: Event, s: Switches) -> bool:
    """Is this event serializing (MMR 9.1)? CR3 and INV are unless they are the relaxed form."""
    if event.op in INVALIDATING:
        return event.serializing and row(event.kind).serializes(s)
    if event.op == "F":
        return event.kind == "mfence" and s.mfence_serializing
    if event.op in ("DLV", "NMI"):
        return s.dlv_serializing and not event.kind
    if event.op == "IRET":
        return not event.kind
    return event.op in SERIALIZES


def drains(event: Event, s: Switches) -> bool:
    """Does this event wait for an empty store buffer?"""
    if serializes(event, s):
        return True
    if event.op in INVALIDATING:
        return row(event.kind).drains(s)
    if event.op in ("DLV", "NMI"):
        return s.dlv_drains_sb and not event.kind
    if event.op == "IRET":
        return False  # by SYSRET, or the end of a callback
    if event.op == "SEND":
        return event.kind not in ("x2apic", "rcu") or (event.kind == "x2apic" and s.amd_x2apic_ordered)
    return event.op in DRAINS or f"{event.op} {event.kind}" in DRAINS


def bare(event: Event) -> bool:
    """Is this a bare write of the interrupt command register (MMR 8.1, 8.2)?"""
    return event.op == "SEND" and event.kind in ("x2apic", "xapic")


def queued(event: Event) -> bool:
    """Does this event take its place among the stores, though it writes nothing? An acknowledgement
    (MMR 8.7), the end of an RCU reader's section, and ``call_rcu``."""
    return event.op == "ACK" or promised(event)


def promised(event: Event) -> bool:
    """Does this event come after non-temporal stores, too? What RCU promises (MMR 18.2, 18.3)."""
    return (event.op == "RCU" and event.kind == "unlock") or (event.op == "SEND" and event.kind == "rcu")


def uncached(event: Event) -> bool:
    """Is this the ICR as memory, a store to it in the order of all stores (MMR 8.1)?"""
    return event.op == "SEND" and event.kind == "xapic"


def instant(event: Event, s: Switches) -> bool:
    """Does this event hold later ones back, as a load does? Not an SFENCE, a bare ICR write."""
    if bare(event):
        return event.kind == "xapic" and s.ucw_blocks_later_loads
    return not (event.op == "F" and event.kind == "sfence")


def holds_icr(event: Event, s: Switches) -> bool:
    """Does a later bare ICR write wait for this instant (MMR 8.2)? LOCK'd operations and MFENCE
    alone do not hold it; LFENCE does, which waits for them. What reads nothing and does not serialize
    does not hold it either, nor, by that, what is in front of it."""
    if event.op == "X" or (event.op == "F" and event.kind == "lock"):
        return s.amd_x2apic_ordered
    if event.op == "F":
        if event.kind == "mfence":
            return s.amd_x2apic_ordered or s.mfence_serializing or s.x2apic_fence in ("mfence", "sfence")
        return event.kind == "lfence" or (event.kind == "sfence" and s.x2apic_fence == "sfence")
    if event.op in ("IRQ", "JMP", "BINV", "RCU", "ACK"):
        return False
    if event.op in ("INV", "CR3"):
        return serializes(event, s)
    return event.op != "SEND" or event.kind != "x2apic"


def invalidates(event: Event, *, broadcast: bool) -> bool:
    """Is this an invalidation of its own CPU's translations, or of those of all CPUs?"""
    return event.op in INVALIDATING and row(event.kind).broadcast == broadcast


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
