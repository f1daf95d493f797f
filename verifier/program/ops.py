"""The names of machine instructions and events: ``op`` and ``kind`` of ``code.Emit`` and ``events.Event``.

=======  ====================================================================================
R W X    load; store; LOCK'd read-modify-write (one instant, even if it does not write).
         A virtual one goes through a translation; ``kind`` ``user``: in user mode. R ``hlt``: the
         end of a halt, which finds 0 in ``c:%halted``.
         More ``kind`` of a W: ``nt`` (MOVNTI), ``alias`` (to an instruction word, by a linear
         address that the fetch does not use)
F        fence; ``kind``: ``mfence``, ``lock`` (a LOCK'd operation on the own stack), ``lfence``,
         ``sfence``, ``clflush`` (CLFLUSH and its kin)
T        ``translate(va)``: the page to which the CPU translates a virtual address
CR3      write of CR3: it writes the register cells ``c:cr3`` (root) and ``c:pcid``; ``kind``: ``cr3``
         flushes the new PCID, ``noflush`` flushes nothing (bit 63)
INV      invalidation of this CPU's TLB; it reads ``c:pcid``; ``invalidations`` has its kinds, and says
         whether a kind names a ``va`` and a ``pcid``
BINV     INVLPGB; its kinds, ``va`` and ``pcid`` are as for INV
TLBSYNC  waits for this CPU's earlier INVLPGBs; serializing
SER      serializing; ``kind``: by which instruction
IF       instruction fetch: one access, a read
JMP      a taken branch; it matters only to self-modifying code
IRQ      write of the interrupt flag: one access, of the register cell ``c:irq`` (1 on, 0 off);
         ``kind`` ``hlt``: STI and HLT at one instant, so that it writes ``c:%halted``, too; ``bh``: a
         change of ``c:%bh``, which counts why no softirq runs, in place of ``c:irq``
HLT      HLT: it writes 1 to the register cell ``c:%halted``, which CPUs have that halt somewhere
SEND     one IPI to each target whose guard holds; ``waited``: does the sender wait for it?
         ``kind`` empty: by the call queue, which orders earlier stores before it;
         ``x2apic``, ``xapic``: the bare ICR write; ``rcu``: ``call_rcu``, which starts a grace
         period and, when this has ended, sends this CPU an interrupt
WAIT     waits until all handlers of the SENDs of the same group have been acknowledged
RCU      ``lock``, ``unlock``: one more, or one fewer, reason to be an RCU reader. ``unroll`` keeps only
         those that begin and end the outermost section of a body, including sections with
         interrupts off; ``held``: the beginning of a section that was open before the test.
         Those of SRCU name their domain, and are all kept
GP       a grace period that this CPU waits for: ``start``, directly followed by ``end``; ``barrier`` in
         place of ``start``: it waits for callbacks
=======  ====================================================================================

Instructions only:

=======  ====================================================================================
SYSRET   a handler's last instruction: it returns by SYSRET, not by IRET; elsewhere it has no effect
EQS      ``start``, ``end`` of an extended quiescent state, in which RCU does not watch the CPU. ``unroll``
         makes an RCU of it where a section ends or begins by that
=======  ====================================================================================

Events only, at the ends of handlers and waits, and in stories:

=======  ====================================================================================
DLV      delivery: reads ``c:irq``, which must be 1, and writes 0; ``kind`` ``callback``: the start of
         a callback of ``call_rcu``, which is no interrupt and does not write it, but reads ``c:%bh``, if
         there is one, which must be 0. Both, and NMI, write 0 to ``c:%halted``, if there is one
NMI      an NMI strikes; it ignores ``c:irq``
ACK      acknowledgement, if the sender waits for one: a store after the stores of the handler
IRET     return: writes ``c:irq = 1``, except after an NMI; ``kind`` ``sysret``: by SYSRET;
         ``callback``: the end of a callback, which writes nothing
PAUSE    a CPU waits and reads nothing
WARN     the code hits a WARN or BUG; only the steps of a run have it
=======  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from verifier.program.invalidations import InvalidationKind, invalidating

Op = Literal[
    "R", "W", "X", "F", "T", "CR3", "INV", "BINV", "TLBSYNC", "SER", "IF", "JMP", "IRQ", "HLT", "SEND",
    "WAIT", "RCU", "GP", "SYSRET", "EQS",
    "DLV", "NMI", "ACK", "IRET", "PAUSE", "WARN",
]  # fmt: skip

Fence = Literal["mfence", "lock", "lfence", "sfence", "clflush"]
Serializer = Literal["cpuid", "serialize", "iret", "sync_core", "wrmsr"]

Kind = Literal[
    "", "user", "nt", "alias", Fence, InvalidationKind, Serializer, "x2apic", "xapic", "rcu",
    "lock", "unlock", "held", "start", "barrier", "end", "callback", "sysret", "hlt", "bh",
]  # fmt: skip

ICR: frozenset[Kind] = frozenset({"x2apic", "xapic"})  # bare writes of the interrupt command register

_PLAIN: frozenset[Kind] = frozenset({""})

# The kinds of each op.
KINDS: Mapping[Op, frozenset[Kind]] = MappingProxyType(
    {
        "R": frozenset({"", "user", "hlt"}),
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
        "IRQ": frozenset({"", "hlt", "bh"}),
        "HLT": _PLAIN,
        "SEND": frozenset({"", "x2apic", "xapic", "rcu"}),
        "WAIT": _PLAIN,
        "RCU": frozenset({"lock", "unlock", "held"}),
        "GP": frozenset({"start", "barrier", "end"}),
        "SYSRET": _PLAIN,
        "EQS": frozenset({"start", "end"}),
        "DLV": frozenset({"", "callback"}),
        "NMI": _PLAIN,
        "ACK": _PLAIN,
        "IRET": frozenset({"", "callback", "sysret"}),
        "PAUSE": _PLAIN,
        "WARN": _PLAIN,
    }
)
