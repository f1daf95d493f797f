"""Events and expressions, compiled; which events drain the store buffer, and which serialize."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import cast

from verifier.explore.state import ALIAS, NT
from verifier.program.events import Access, Event, Program
from verifier.program.expressions import TRUE, Apply, Const, Expr, Ref, apply_lazily, evaluate, parts, refs
from verifier.program.functions import apply
from verifier.program.ops import Kind
from verifier.program.profiles import Switches
from verifier.program.rights import needs
from verifier.program.values import ATTRIBUTES, UNDEF, Entry, Value
from verifier.records import dataclass

SlotValues = Sequence["Value | None"]
Code = Callable[[SlotValues], Value]

SMALL = 4  # applications in an expression that is evaluated each time
REMEMBERED = 1 << 12  # values of one that is not


class Unknown(KeyError):
    """An expression needs a slot that has not been read yet."""


class Known(list["Value | None"]):
    """The values of slots. Asking for a slot that has not been read raises ``Unknown``."""

    def __getitem__(self, index: int) -> Value | None:  # type: ignore[override]
        value = super().__getitem__(index)
        if value is None:
            raise Unknown
        return value


def compiled(expr: Expr) -> Code:
    """An expression as a function of the slots. It is as lazy as ``expressions.evaluate``."""
    return _remembering(expr) if isinstance(expr, Apply) and expr.size > SMALL else _plain(expr)


def _plain(expr: Expr) -> Code:
    if isinstance(expr, Const):
        value = expr.value
        return lambda slots: value  # type: ignore[return-value]
    if isinstance(expr, Ref):
        slot = expr.slot
        return lambda slots: slots[slot]  # type: ignore[return-value]
    if not isinstance(expr, Apply):
        raise TypeError(f"not a closed expression: {expr}")
    if expr.large:
        return lambda slots: evaluate(expr, slots)
    function, args = expr.function, [_plain(a) for a in expr.args]
    if function == "and" or function == "or":
        return _logic(function, args)
    if function == "ite":
        chosen, then, other = args

        def branch(slots: SlotValues) -> Value:
            which = chosen(slots)
            if which == UNDEF:
                return apply_lazily(function, args, lambda a: a(slots))
            return then(slots) if which != 0 else other(slots)

        return branch
    return lambda slots: apply(function, tuple([a(slots) for a in args]))


def _logic(function: str, args: list[Code]) -> Code:
    """A connective, as a function of the slots."""

    def conjunction(slots: SlotValues) -> Value:
        for a in args:
            value = a(slots)
            if value == 0:
                return 0
            if value != 1 and value == UNDEF:
                return apply_lazily(function, args, lambda a: a(slots))
        return 1

    def disjunction(slots: SlotValues) -> Value:
        for a in args:
            value = a(slots)
            if value == 0:
                continue
            if value != 1 and value == UNDEF:
                return apply_lazily(function, args, lambda a: a(slots))
            return 1
        return 0

    return conjunction if function == "and" else disjunction


def _remembering(expr: Apply) -> Code:
    """A function that remembers its values: runs differ in few slots."""
    given = itemgetter(*refs(expr)) if expr.slots else _nothing
    plain, known, missing = _plain(expr), dict[object, Value](), cast(Value, object())

    def code(slots: SlotValues) -> Value:
        if type(slots) is Known:
            return plain(slots)
        key = given(slots)
        value = known.get(key, missing)
        if value is missing:
            value = plain(slots)
            if len(known) >= REMEMBERED:
                known.clear()
            known[key] = value
        return value

    return code


def _nothing(slots: SlotValues) -> None:
    """What an expression without slots depends on."""


def _leaves(expr: Expr | None) -> Iterator[int]:
    """The attributes that a value of this expression may bring into an entry."""
    for part in parts(expr) if expr is not None else ():
        if isinstance(part, Const) and not isinstance(part.value, str):
            yield part.value.flags if isinstance(part.value, Entry) else 0
        elif isinstance(part, Apply) and part.function in ("mk_pte", "pte_with"):
            bits = part.args[-1]
            known = isinstance(bits, Const) and isinstance(bits.value, int)
            yield bits.value if known else sum(ATTRIBUTES.values())  # type: ignore[misc,union-attr]


def possible_attributes(program: Program) -> int:
    """All attributes that some entry may have in some run."""
    found = 0
    for cell in program.cells.values():
        found |= cell.init.flags if isinstance(cell.init, Entry) else 0
    for *_, content in program.tlb:
        found |= content.flags if isinstance(content, Entry) else 0
    for event in program.events:
        for a in event.accesses:
            for bits in _leaves(a.value):
                found |= bits
    return found


@dataclass(slots=True, eq=False)
class CompiledAccess:
    """One access, compiled. ``cell`` is its index if the address is fixed, else -1."""

    cell: int
    addr: Code
    slot: int | None
    value: Code | None
    when: Code | None


def touch(a: Access, cell: int) -> CompiledAccess:
    """An access, compiled."""
    return CompiledAccess(
        cell=cell,
        addr=compiled(a.addr),
        slot=a.slot,
        value=None if a.value is None else compiled(a.value),
        when=None if a.when == TRUE else compiled(a.when),
    )


@dataclass(slots=True, eq=False)
class Compiled:
    """One event, compiled. ``reads`` and ``writes`` are the cells that it may access at its instant."""

    event: Event
    guard: Code | None
    touches: tuple[CompiledAccess, ...]
    va: Code | None  # the address that an invalidation names
    pcid: Code | None
    drains: bool
    serial: bool
    translated: bool
    forbidding: int  # attributes that forbid this access
    kind: int  # of its store
    reads: int = 0
    writes: int = 0
    stores: int = 0  # the cells that it may write, at its instant or later
    slots: int = 0  # the slots that it mentions
    vas: int = 0  # the virtual addresses that it may use
    visible: bool = False  # an ``ever`` may see its instant

    @property
    def modifies(self) -> bool:
        """Does it need the right to write, and D (MMR 7.3)?"""
        return self.event.op in ("W", "X")


def compiled_event(event: Event, touches: tuple[CompiledAccess, ...], switches: Switches) -> Compiled:
    """An event, compiled. The cells and slots that it may touch are not filled in yet."""
    serial = serializing(event, switches)
    return Compiled(
        event=event,
        guard=None if event.guard == TRUE else compiled(event.guard),
        touches=touches,
        va=None if event.va is None else compiled(event.va),
        pcid=None if event.pcid is None else compiled(event.pcid),
        drains=serial or _drains(event, switches),
        serial=serial,
        translated=event.virtual or event.op == "T",
        forbidding=needs(event),
        kind={"nt": NT, "alias": ALIAS}.get(event.kind, 0),
    )


_INVPCID: frozenset[Kind] = frozenset({"invpcid0", "invpcid1", "invpcid2", "invpcid3"})


def serializing(event: Event, switches: Switches) -> bool:
    """Does an event drain the store buffer and drop prefetched instructions (MMR 9.2)?"""
    if event.op == "F":
        return event.kind == "mfence" and switches.mfence_serializing
    if event.op in ("DLV", "NMI"):
        return switches.dlv_serializing and not event.kind
    if event.op == "INV" and event.kind in _INVPCID:
        return event.serializing and switches.amd_invpcid_serializing
    return event.serializing or event.op in ("SER", "TLBSYNC")


def _drains(event: Event, switches: Switches) -> bool:
    """Does an event wait until the store buffer is empty (MMR 2.1, 2.3, 8.4, 11.3, 17.4, 18.2)?"""
    if event.op in ("DLV", "NMI"):
        return switches.dlv_drains_sb and not event.kind
    if event.op == "SEND":
        return event.kind == ""
    if event.op == "BINV":
        return switches.invlpgb_after_earlier_stores
    return event.op in ("X", "GP") or (event.op == "F" and event.kind in ("mfence", "lock"))
