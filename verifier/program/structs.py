"""What definitions of structs say: the types of fields, and which bitfields share a unit of memory.

A bitfield is no object of its own.  A compiler reads it by a load of the unit that it lies in, and writes
it by a load and a store of that unit, so that what another CPU does to a neighbour in between is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from verifier.program import c_types as t
from verifier.program.c_types import Type
from verifier.program.values import Const, Expr, call
from verifier.source import Span
from verifier.syntax import ast


class Member(NamedTuple):
    """One declarator of a definition: ``u64 gen;``, ``unsigned a : 3;`` (``bits``; ``: 0`` has no name)."""

    name: str
    type: ast.CType
    bits: int | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A bitfield: ``type``, whose ``bits`` is its width, from bit ``offset`` of the field ``unit`` on."""

    unit: str
    offset: int
    type: Type

    @property
    def promoted(self) -> Type:
        """The type of its value: an ``int`` if that holds all of them (C11 6.3.1.1)."""
        return t.promoted(self.type, t.INT) if self.type.bits <= 32 else Type("int", 64, self.type.signed)

    def read(self, unit: Expr) -> Expr:
        """Its value in the content of its unit."""
        return t.wrapped(call("shr", unit, Const(self.offset)), self.type)

    def written(self, unit: Expr, value: Expr) -> Expr:
        """The content of its unit with another value of it."""
        mask = (1 << self.type.bits) - 1
        rest = call("bitand", unit, Const(~(mask << self.offset)))
        return call("bitor", rest, call("shl", call("bitand", value, Const(mask)), Const(self.offset)))


@dataclass(slots=True)
class Layout:
    """``fields``: types by name, units of bitfields among them; ``parts``: the bitfields."""

    fields: dict[str, Type] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)


def declared(unit: ast.Unit) -> Mapping[str, tuple[Member, ...]]:
    """The definitions of a test, by ``struct foo``; the parser gives none yet."""
    return getattr(unit, "members", {})


def layout(members: Iterable[Member]) -> Layout:
    """The fields of a struct."""
    made = Layout()
    for run in _runs(members):
        if run[0].bits is None:
            made.fields[run[0].name] = t.of(run[0].type)
        else:
            _bitfields(run, made)
    return made


def _runs(members: Iterable[Member]) -> Iterator[list[Member]]:
    """Consecutive bitfields together, all others by themselves."""
    run: list[Member] = []
    for member in members:
        if member.bits is not None:
            run.append(member)
            continue
        if run:
            yield run
        run = []
        yield [member]
    if run:
        yield run


def _bitfields(run: list[Member], made: Layout) -> None:
    """Consecutive bitfields, as the x86-64 ABI lays them out (psABI 3.1.2): each lies within one unit of
    its declared type, ``: 0`` begins a new one. Units that overlap are one cell."""
    at = 0
    placed: list[tuple[Member, Type, int]] = []
    units: list[tuple[int, int]] = []  # from bit, to bit
    for member in run:
        kind = t.of(member.type)
        bits = member.bits or 0
        if not bits or at % kind.bits + bits > kind.bits:
            at += -at % kind.bits
        if bits and member.name:
            low, high = at - at % kind.bits, at - at % kind.bits + kind.bits
            while units and units[-1][1] > low:
                first, last = units.pop()
                low, high = min(low, first), max(high, last)
            units.append((low, high))
            placed.append((member, kind, at))
        at += bits
    for low, high in units:
        inside = [(m, kind, at) for m, kind, at in placed if low <= at < high]
        name = "|".join(m.name for m, _, _ in inside)
        made.fields[name] = Type("int", high - low, False)
        for member, kind, at in inside:
            width = Type("int", member.bits or 0, kind.signed, tag=kind.tag)
            made.parts[member.name] = Part(name, at - low, width)
