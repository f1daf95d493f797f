"""What part an event plays in the model: the barrier table (MMR 14).

Each row says in which sets of a candidate some events are; ``candidate.Candidate`` says what the
sets mean.  An event without a row is an error.  Both interpreters, and the stories, take the roles of all
events from here.

Some rows (``UNSEEN``) may or may not say that their events are instants: no program shows the difference.
CLFLUSH, jumps and writes of the interrupt flag are ordered only by program order, and by orders on the
flag of their own CPU that agree with it.  Stores are instants only where no store is buffered, under ``sc``;
there all of program order is kept anyway.
"""

from __future__ import annotations

from functools import lru_cache

from verifier.errors import InternalError
from verifier.program.events import Event, Program
from verifier.program.expressions import Const
from verifier.program.invalidations import INVALIDATING, invalidation
from verifier.program.ops import KINDS, Kind, Op
from verifier.program.profiles import CHOICES, Switches
from verifier.program.values import Ptr
from verifier.records import NamedTuple


class SwitchValue(NamedTuple):
    """A switch with a value: ``at`` is its place in ``Switches``."""

    at: int
    value: bool | str

    def __str__(self) -> str:
        name = Switches._fields[self.at]
        return name if self.value is True else f"{name}={self.value}"


# Always, never, or if at least one of these switches has its value.
Condition = bool | tuple[SwitchValue, ...]


def _where(*settings: str) -> tuple[SwitchValue, ...]:
    """``name`` for a switch that is on, ``name=value`` for one that has a value. Raises ``ValueError``."""
    out: list[SwitchValue] = []
    for text in settings:
        name, _, value = text.partition("=")
        if value and value not in CHOICES[name]:
            raise ValueError(text)
        out.append(SwitchValue(Switches._fields.index(name), value or True))
    return tuple(out)


class Role(NamedTuple):
    """One row, and where it comes from.

    ``instant``     it holds later events back, as a load does (``I``);
    ``drains``      it waits until the CPU's store buffer is empty (``D``);
    ``serializes``  it drops prefetched copies (``SER``);
    ``holds``       a later x2APIC write waits for it (``H``);
    ``queued``      it takes its place among the stores, though it writes nothing (``S``);
    ``promised``    it is queued, and waits for non-temporal stores, too (``Q``);
    ``fences``      stores before it reach memory before stores after it (``SF``);
    ``bare``        it is a bare write of the interrupt command register (``ICR``);
    ``uncached``    it is that register as memory: a store among all stores;
    ``waits``       the rules of ``source`` that say so of the store buffer, if it drains or is promised.
    """

    source: str
    instant: Condition = True
    drains: Condition = False
    serializes: Condition = False
    holds: Condition = False
    queued: bool = False
    promised: bool = False
    fences: bool = False
    bare: bool = False
    uncached: bool = False
    waits: str = ""


_ORDERED = _where("amd_x2apic_ordered")
_DELIVERY = _where("dlv_drains_sb", "dlv_serializing")
_INVPCID = _where("amd_invpcid_serializing")
_SERIALIZED = _where("dlv_serializing")

# A key is an op and its kinds. ``-`` stands for the kind without a name, and so does an op alone; ``*``
# stands for all kinds that no other row has. ``relaxed`` is the hypothetical form of an invalidation, of any
# kind, that does not serialize.
ROLES: dict[str, Role] = {
    "R - user hlt": Role("MMR 1.1, 8.2: loads in order (SDM 8.2.2)", holds=True),
    "W - user nt alias": Role("MMR 1.2, 2.6: where it is not buffered, see ``buffered``"),
    "X - user": Role("MMR 2.1, 8.2: LOCK'd operation (SDM 8.2.2)", drains=True, waits="2.1"),
    "T": Role("MMR 3.3: as a load", holds=True),
    "IF - user": Role("MMR 10.1: as a load", holds=True),
    "F mfence": Role(
        "MMR 2.3, 8.2, 9.1: MFENCE (SDM 8.2.2)",
        drains=True,
        serializes=_where("mfence_serializing"),
        holds=_where("mfence_serializing", "x2apic_fence=mfence", "x2apic_fence=sfence"),
        waits="2.3",
    ),
    "F lock": Role(
        "MMR 2.1, 8.2: LOCK'd operation on a word of its own (SDM 8.2.2)", drains=True, waits="2.1"
    ),
    "F lfence": Role("MMR 2.4, 8.2: LFENCE (SDM 8.2.5)", holds=True),
    "F sfence": Role(
        "MMR 2.5, 8.2: loads pass it", instant=False, fences=True, holds=_where("x2apic_fence=sfence")
    ),
    "F clflush": Role("MMR 2.6: invisible in coherent memory"),
    "CR3 *": Role("MMR 5.2, 5.3 (SDM 8.3)", drains=True, serializes=True, holds=True, waits="5.3"),
    "CR3 relaxed": Role("hypothetical"),
    "INV *": Role("MMR 5.2, 5.3 (SDM 8.3)", drains=True, serializes=True, holds=True, waits="5.3"),
    "INV invpcid0 invpcid1 invpcid2 invpcid3": Role(
        "MMR 5.2, 5.3 (SDM 8.3, 4.10.4.3)", drains=_INVPCID, serializes=_INVPCID, holds=_INVPCID, waits="5.3"
    ),
    "INV relaxed": Role("hypothetical"),
    "BINV *": Role("MMR 11.3: INVLPGB", drains=_where("invlpgb_after_earlier_stores"), waits="11.3"),
    "TLBSYNC": Role("MMR 9.1, 9.2, 11.2", drains=True, serializes=True, holds=True, waits="9.2"),
    "SER cpuid serialize iret wrmsr sync_core": Role(
        "MMR 9.1, 9.2 (SDM 8.3, APM2 7.6.4)", drains=True, serializes=True, holds=True, waits="9.2"
    ),
    "JMP": Role("MMR 10.2: a jump"),
    "PAUSE": Role("MMR 20.3: a wait that looks at nothing new"),
    "IRQ - hlt bh": Role("MMR 8.2, 8.8, 18.3: CLI, STI; softirqs off and on"),
    "HLT": Role("MMR 8.11: HLT orders nothing"),
    "SEND": Role("MMR 8.2, 17.4: LOCK'd operation on the call queue", drains=True, holds=True, waits="17.4"),
    "SEND rcu": Role("MMR 18.3: call_rcu()", instant=False, queued=True, promised=True, waits="18.3"),
    "SEND x2apic": Role("MMR 8.2: WRMSR to the ICR", instant=False, drains=_ORDERED, bare=True, waits="8.2"),
    "SEND xapic": Role(
        "MMR 8.1: store to uncached memory",
        instant=_where("ucw_blocks_later_loads"),
        drains=True,
        holds=True,
        bare=True,
        uncached=True,
        waits="8.1",
    ),
    "WAIT": Role("MMR 8.7: as a load", holds=True),
    "ACK": Role("MMR 8.7: acknowledgement, a store", instant=False, queued=True),
    "RCU lock held": Role("MMR 18.1: where a section begins"),
    "RCU unlock": Role(
        "MMR 18.2: where a section ends", instant=False, queued=True, promised=True, waits="18.2"
    ),
    "GP start barrier end": Role(
        "MMR 18.2: full fences at both ends of a grace period", drains=True, holds=True, waits="18.2"
    ),
    "DLV": Role(
        "MMR 8.4: interrupt delivery (SDM 11.10, APM2 7.5.1)",
        drains=_DELIVERY,
        serializes=_SERIALIZED,
        holds=True,
        waits="8.4",
    ),
    "DLV callback": Role("MMR 18.3: the start of a callback is no fence", holds=True),
    "NMI": Role(
        "MMR 8.4, 12.1: delivery of an NMI (SDM 11.10, APM2 7.5.1)",
        drains=_DELIVERY,
        serializes=_SERIALIZED,
        holds=True,
        waits="8.4",
    ),
    "IRET": Role("MMR 8.6, 9.1, 9.2 (SDM 8.3)", drains=True, serializes=True, holds=True, waits="8.6, 9.2"),
    "IRET sysret callback": Role("MMR 8.6, 18.3: not by IRET", holds=True),
}

UNSEEN = ("PAUSE", "W - user nt alias", "F clflush", "IRQ - hlt bh", "HLT", "JMP")


def _keys() -> dict[tuple[str, str], str]:
    """(op, kind) -> the key of its row."""
    found: dict[tuple[str, str], str] = {}
    for key in ROLES:
        op, *kinds = key.split()
        for kind in kinds or ["-"]:
            if found.setdefault((op, kind.strip("-")), key) != key:
                raise ValueError(key)
    for op, all_kinds in KINDS.items():
        if (op, "*") in found:
            rest = found.pop((op, "*"))
            for kind in all_kinds:
                found.setdefault((op, kind), rest)
    return found


_KEYS = _keys()


def role(event: Event) -> Role:
    """The row of an event. Raises ``InternalError`` for an event without a row."""
    relaxed = not event.serializing and event.op in ("CR3", "INV")
    key = _KEYS.get((event.op, "relaxed" if relaxed else event.kind))
    if key is None:
        raise InternalError(f"the model does not say what the event {event.op} {event.kind} is")
    return ROLES[key]


def met(condition: Condition, s: Switches) -> bool:
    """Is a condition met under these switches?"""
    if isinstance(condition, bool):
        return condition
    return any(s[at] == value for at, value in condition)


def serializes(event: Event, s: Switches) -> bool:
    """Is this event serializing (MMR 9.1)?"""
    return met(role(event).serializes, s)


def drains(event: Event, s: Switches) -> bool:
    """Does this event wait for an empty store buffer?"""
    return met(role(event).drains, s)


def instant(event: Event, s: Switches) -> bool:
    """Does this event hold later ones back, as a load does? An SFENCE and a bare ICR write do not."""
    return met(role(event).instant, s)


def holds_icr(event: Event, s: Switches) -> bool:
    """Does a later bare ICR write wait for this instant (MMR 8.2)? LFENCE holds the write, and waits for
    LOCK'd operations and MFENCE, which do not hold it alone. An event that reads nothing and does not
    serialize does not hold the write; so it does not make the write wait for earlier events either. With
    ``amd_x2apic_ordered``, the write is executed in program order, and every instant holds it; then stores,
    which may have a later one, are waited for because it drains."""
    ordered = s.amd_x2apic_ordered and event.op != "W" and instant(event, s)
    return ordered or met(role(event).holds, s)


def bare(event: Event) -> bool:
    """Is this a bare write of the interrupt command register (MMR 8.1, 8.2)?"""
    return role(event).bare


def queued(event: Event) -> bool:
    """Does this event take its place among the stores, though it writes nothing? An acknowledgement
    (MMR 8.7), the end of an RCU reader's section, and ``call_rcu`` do."""
    return role(event).queued


def promised(event: Event) -> bool:
    """Does this event wait for non-temporal stores, too? RCU promises it (MMR 18.2, 18.3)."""
    return role(event).promised


def fences(event: Event) -> bool:
    """Is this a store fence (MMR 2.5)?"""
    return role(event).fences


def uncached(event: Event) -> bool:
    """Is this a write of the ICR as memory, and so a store in the order of all stores (MMR 8.1)?"""
    return role(event).uncached


class Sets(NamedTuple):
    """What the functions above say of an event, under some switches."""

    instant: bool
    drains: bool
    serializes: bool
    holds: bool
    queued: bool
    promised: bool
    fences: bool
    bare: bool
    uncached: bool


class SetsByKey(dict[tuple[str, str, bool], Sets]):
    """The sets of events by op, kind, and whether they are serializing; each is found once."""

    def __init__(self, s: Switches) -> None:
        self.s = s

    def __missing__(self, key: tuple[Op, Kind, bool]) -> Sets:
        op, kind, serializing = key
        e, s = Event(-1, -1, -1, op, kind=kind, serializing=serializing), self.s
        found = self[key] = Sets(
            instant(e, s), drains(e, s), serializes(e, s), holds_icr(e, s), queued(e), promised(e), fences(e),
            bare(e), uncached(e),
        )  # fmt: skip
        return found


@lru_cache(maxsize=32)
def sets_under(s: Switches) -> SetsByKey:
    """The sets of all events under some switches."""
    return SetsByKey(s)


def invalidates(event: Event, *, broadcast: bool) -> bool:
    """Is this an invalidation of its own CPU's translations, or with ``broadcast`` of those of all CPUs?"""
    return event.op in INVALIDATING and invalidation(event.kind).broadcast == broadcast


def buffered(event: Event, program: Program) -> bool:
    """Is this a plain store, which reaches memory later than it executes (MMR 1.2)?

    Writes of ``cr3`` and of the interrupt flag take effect at their instant.
    """
    if event.op != "W":
        return False
    address = event.accesses[0].addr
    if not isinstance(address, Const) or not isinstance(address.value, Ptr):
        return True
    cell = program.cells.get(address.value)
    return cell is None or cell.kind != "register"
