"""What definitions of structs say: the types of fields, and which bitfields share a unit of memory.

A bitfield is a part of an object.  A compiler reads it by a load of the unit that it lies in, and writes
it by a load and a store of that unit, so that what another CPU does to a neighbour in between is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from verifier.lower.c import types as t
from verifier.lower.c.types import Type
from verifier.program.expressions import Const, Expr, call
from verifier.records import NamedTuple, dataclass, field, replace
from verifier.source import Diagnostic, Span

if TYPE_CHECKING:
    from verifier.syntax import ast

MAX_ELEMENTS = 4096


class Declarator(NamedTuple):
    """One declarator of a definition: ``u64 gen;``, ``unsigned a : 3;`` (``bits``; ``: 0`` has no name),
    ``struct ctx ctxs[6];`` (``size``)."""

    name: str
    type: ast.CType
    bits: int | None = None
    size: int | None = None
    columns: int | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Bitfield:
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
class StructLayout:
    """``fields``: types by name, units of bitfields among them; ``parts``: the bitfields; ``troubles``:
    what is wrong with the definition."""

    fields: dict[str, Type] = field(default_factory=dict)
    parts: dict[str, Bitfield] = field(default_factory=dict)
    troubles: list[Diagnostic] = field(default_factory=list)


def declared(unit: ast.Unit) -> Mapping[str, tuple[Declarator, ...]]:
    """The definitions of a test, by ``struct foo``. A definition has a ``name`` and ``fields``, each with
    ``name``, ``type``, ``size``, ``bits`` and ``span``; the last two of them are constant expressions."""
    found: dict[str, tuple[Declarator, ...]] = {}
    for definition in getattr(unit, "structs", ()):
        members = [
            Declarator(
                f.name,
                f.type,
                _constant(f.bits, unit),
                size=_constant(f.size, unit),
                columns=_constant(f.columns, unit),
                span=f.span,
            )
            for f in definition.fields
        ]
        if members:
            found[f"struct {definition.name}"] = tuple(members)
    return found


def at_the_beginning(definition: ast.StructDef, fields: Iterable[str]) -> tuple[str, ...]:
    """Of the fields and units of bitfields of a struct, those that have its address: the first one, and in a
    union the first one of each member."""
    from verifier.syntax.unions import overlap  # conditions of all kinds of tests use this room

    before: list[ast.StructField] = []
    found: list[str] = []
    for f in definition.fields:
        alone = all(overlap(other, f) for other in before)
        if alone if definition.begins is None else f.name in definition.begins:
            found += [name for name in fields if f.name in name.split("|") and name not in found]
        before.append(f)
    return tuple(found)


def _constant(expr: ast.CExpr | None, unit: ast.Unit) -> int | None:
    """A width or a size; -1 if it is not a constant."""
    from verifier.syntax.tree import constant

    value = None if expr is None else constant(expr, unit.enums)
    return -1 if expr is not None and value is None else value


def layout(members: Iterable[Declarator]) -> StructLayout:
    """The fields of a struct, as the x86-64 ABI lays them out (psABI 3.1.2): a bitfield lies within one
    unit of its declared type, which others may have begun; ``: 0`` begins a new one. Bitfields whose units
    overlap are one cell; other fields are never part of it (C11 3.14)."""
    made = StructLayout()
    at = first = 0  # bits from the beginning; where the run of bitfields begins
    run: list[_Placed] = []
    names: set[str] = set()
    for member in members:
        kind = t.of(member.type)
        if not _right(member, kind, names, made.troubles):
            continue
        if member.bits is None:
            _units(run, first, made)
            run = []
            unit = kind.bits if kind.kind == "int" else 64
            at = first = at + -at % unit + unit * (member.size or 1) * (member.columns or 1)
            if kind.kind in ("struct", "mask") and not member.type.pointers:
                kind = replace(kind, inside=True)
            elif kind.kind in ("mm", "page", "table") and not member.type.pointers:
                kind = t.VOID  # these have names of their own
            if member.columns is not None:
                kind = Type("array", member.columns, to=kind)
            made.fields[member.name] = kind
            if member.size is not None:
                made.fields[member.name] = Type("array", member.size, to=kind)
            continue
        if not member.bits or at % kind.bits + member.bits > kind.bits:
            at += -at % kind.bits
        if member.bits and member.name:
            run.append(_Placed(member, kind, at))
        at += member.bits
    _units(run, first, made)
    return made


def _right(member: Declarator, kind: Type, names: set[str], troubles: list[Diagnostic]) -> bool:
    """Is a member what C allows? If not, why is noted."""
    text = ""
    if member.name in names:
        return False  # which the parser has said
    sizes = [size for size in (member.size, member.columns) if size is not None]
    if not all(0 < size <= MAX_ELEMENTS for size in sizes):
        text = f"the size of an array is a constant from 1 to {MAX_ELEMENTS}"
    elif member.bits is not None and kind.kind != "int":
        text = f"a bitfield holds a number, not {kind.words}"
    elif member.bits is not None:
        least, most = int(bool(member.name)), 1 if kind.tag == "bool" else kind.bits
        if not least <= member.bits <= most:
            text = f"the width of {member.name or 'this'} is a constant from {least} to {most}"
    if member.name:
        names.add(member.name)
    if text:
        troubles.append(Diagnostic("struct", text, member.span))
    return not text


class _Placed(NamedTuple):
    member: Declarator
    type: Type
    at: int


def _units(run: list[_Placed], first: int, made: StructLayout) -> None:
    """Add the units of consecutive bitfields; all their bits are from ``first`` on."""
    units: list[tuple[int, int, list[_Placed]]] = []  # from bit, to bit
    for one in run:
        low = one.at - one.at % one.type.bits
        high, inside = low + one.type.bits, [one]
        low = max(low, first)
        while units and units[-1][1] > low:
            begin, end, others = units.pop()
            low, high, inside = min(low, begin), max(high, end), others + inside
        units.append((low, high, inside))
    for low, high, inside in units:
        name = "|".join(one.member.name for one in inside)
        made.fields[name] = Type("int", high - low, False)
        for one in inside:
            width = Type("int", one.member.bits or 0, one.type.signed, tag=one.type.tag)
            made.parts[one.member.name] = Bitfield(name, one.at - low, width)
