"""What machine instructions and events are called: ``op`` and ``kind`` of ``code.Emit`` and ``events.Event``.

=======  ====================================================================================
R W X    load; store; LOCK'd read-modify-write (one instant, also when it does not write).
         A virtual one goes through a translation; ``kind`` ``user``: in user mode.
         ``kind`` of a W also: ``nt`` (MOVNTI), ``alias`` (to an instruction word, through another
         linear address than it is fetched by)
F        fence; ``kind``: ``mfence``, ``lock`` (a LOCK'd operation on the own stack), ``lfence``,
         ``sfence``, ``clflush`` (CLFLUSH and its kin)
T        ``translate(va)``: what page the CPU's translation of a virtual address gives
CR3      write of CR3: it writes the register cells ``c:cr3`` (root) and ``c:pcid``; ``kind``: ``cr3``,
         it flushes the new PCID, or ``noflush``: nothing (bit 63)
INV      invalidation of this CPU's TLB; it reads ``c:pcid``; ``kind`` as in ``invalidations``, as is
         what it names (``va``, ``pcid``)
BINV     INVLPGB; ``kind`` and what it names likewise
TLBSYNC  waits for this CPU's earlier INVLPGBs; serializing
SER      serializing; ``kind``: by which instruction
IF       instruction fetch: one access, a read
JMP      a taken branch, which matters to self-modifying code
IRQ      write of the interrupt flag: one access, of the register cell ``c:irq`` (1 on, 0 off)
SEND     one IPI to each target whose guard holds; ``waited``: whether it is waited for;
         ``kind`` empty: by the call queue, orders earlier stores before it;
         ``x2apic``, ``xapic``: the bare ICR write; ``rcu``: ``call_rcu``, which starts a grace
         period and sends this CPU an interrupt when it has ended
WAIT     waits until all handlers of the SENDs of the same group have been acknowledged
RCU      ``lock``, ``unlock``: one more, one fewer reason to be an RCU reader. ``unroll`` leaves those
         that begin and end the outermost section of a body, those of windows with interrupts off
         too; ``held``: the beginning of one that was there before the test
GP       a grace period that this CPU waits for: ``start``, and next to it ``end``
=======  ====================================================================================

Instructions only:

=======  ====================================================================================
SYSRET   a handler's last instruction: it returns by SYSRET, not by IRET; elsewhere nothing
=======  ====================================================================================

Events only, at the ends of handlers and in stories:

=======  ====================================================================================
DLV      delivery: reads ``c:irq``, which must be 1, and writes 0; ``kind`` ``callback``: the start of
         a callback of ``call_rcu``, which is no interrupt and writes nothing
NMI      an NMI strikes, whatever ``c:irq`` says
ACK      acknowledgement, if the sender waits for one: a store that comes after the handler's
IRET     return: writes ``c:irq = 1``, but after an NMI; ``kind`` ``sysret``: not by IRET;
         ``callback``: the end of a callback, which writes nothing
WARN     a WARN or BUG is hit: in the steps of a run alone
=======  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from verifier.program.invalidations import InvalidationKind, invalidating

Op = Literal[
    "R", "W", "X", "F", "T", "CR3", "INV", "BINV", "TLBSYNC", "SER", "IF", "JMP", "IRQ", "SEND", "WAIT",
    "RCU", "GP", "SYSRET",
    "DLV", "NMI", "ACK", "IRET", "WARN",
]  # fmt: skip

Fence = Literal["mfence", "lock", "lfence", "sfence", "clflush"]
Serializer = Literal["cpuid", "serialize", "iret", "sync_core", "wrmsr"]

Kind = Literal[
    "", "user", "nt", "alias", Fence, InvalidationKind, Serializer, "x2apic", "xapic", "rcu",
    "lock", "unlock", "held", "start", "end", "callback", "sysret",
]  # fmt: skip

_PLAIN: frozenset[Kind] = frozenset({""})

# Which kinds there are of which op.
KINDS: Mapping[Op, frozenset[Kind]] = MappingProxyType(
    {
        "R": frozenset({"", "user"}),
        "W": frozenset({"", "user", "nt", "alias"}),
        "X": _PLAIN,
        "F": frozenset(get_args(Fence)),
        "T": _PLAIN,
        "CR3": invalidating("CR3"),
        "INV": invalidating("INV"),
        "BINV": invalidating("BINV"),
        "TLBSYNC": _PLAIN,
        "SER": frozenset(get_args(Serializer)),
        "IF": _PLAIN,
        "JMP": _PLAIN,
        "IRQ": _PLAIN,
        "SEND": frozenset({"", "x2apic", "xapic", "rcu"}),
        "WAIT": _PLAIN,
        "RCU": frozenset({"lock", "unlock", "held"}),
        "GP": frozenset({"start", "end"}),
        "SYSRET": _PLAIN,
        "DLV": frozenset({"", "callback"}),
        "NMI": _PLAIN,
        "ACK": _PLAIN,
        "IRET": frozenset({"", "callback", "sysret"}),
        "WARN": _PLAIN,
    }
)
