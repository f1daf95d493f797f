"""Members of unions: which of them are the same memory, and which share bytes and have cells of their own.

Two members that are one number or one address each, of one size and at the beginning of their union, are
one cell with two names (C11 6.7.2.1). All others have cells of their own; what one finds after a store to
another is not modelled (``lower/overlaps.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from types import MappingProxyType

from verifier.lower.c import types as t
from verifier.lower.c.types import Type
from verifier.records import NamedTuple
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.tree import constant
from verifier.syntax.typenames import CALLBACK_TYPES
from verifier.syntax.unions import beside, overlap

_ADDRESSES = frozenset({"pointer", "struct"})  # what a pointer is: of a struct it is the handle itself
_HINT = "what one holds after a store to the other is not modelled, and unknown; use only one"


def same_memory(struct: ast.StructDef, fields: Mapping[str, Type]) -> Mapping[str, str]:
    """The fields that are another name of another one, each with that one. ``fields``: the types of those
    that have a cell."""
    found: dict[str, str] = {}
    for names in beside(struct):
        first: dict[object, str] = {}
        for name in names:
            if name in fields and name not in found and (form := _form(fields[name])) is not None:
                whole = first.setdefault(form, name)
                if whole != name:
                    found[name] = whole
    return found


def _form(kind: Type) -> object:
    """Equal for types of which two values can be in one cell; None if no other can be."""
    if kind.kind == "int" and not kind.tag and not t.wide(kind):
        return kind.bits
    if kind.kind in _ADDRESSES and not kind.inside:
        return 64
    return None


def differ_in_sign(a: Type, b: Type) -> bool:
    """Are these two numbers, of which one has a sign?"""
    return a.kind == b.kind == "int" and a.signed != b.signed


def overlaid(
    struct: ast.StructDef,
    used: Mapping[str, Span],
    cell: Callable[[str], tuple[str, ...]],
    sharing: Container[frozenset[str]],
) -> list[Diagnostic]:
    """A warning about unions of which a test uses two members that share bytes, and have cells of their own.
    ``used``: where fields are used; ``cell``: the way to a field, which begins with the one that it is in."""
    members = [f for f in struct.fields if f.arms and f.name in used]
    for at, b in enumerate(members):
        for a in members[:at]:
            if overlap(a, b) and frozenset({cell(a.name)[0], cell(b.name)[0]}) in sharing:
                text = f"{a.name} and {b.name} share memory in a union"
                places = [used[f.name] for f in (a, b)]
                where = " and ".join(f"{p.source.name}:{p.line} uses {p.text}" for p in places)
                return [Diagnostic("union", text, b.span, f"{_HINT}; {where}", severity="warning")]
    return []


# ---- where members lie


def sharing(struct: ast.StructDef, unit: ast.Unit) -> Iterator[tuple[ast.StructField, ast.StructField]]:
    """The fields that share bytes. Where nothing says how large a field is, all fields of two members of a
    union do."""
    members = [f for f in struct.fields if f.arms]
    found = _laid_out(struct, unit) if members else None
    ranges = found.ranges if found is not None else {}
    for a, b in itertools.combinations(members, 2):
        if overlap(a, b):
            mine, other = ranges.get(a.name), ranges.get(b.name)
            if mine is None or other is None or max(mine[0], other[0]) < min(mine[1], other[1]):
                yield a, b


class _Extent(NamedTuple):
    """``bits`` of memory, which begin at a multiple of ``align``; ``ranges``: from which bit to which each
    field lies."""

    bits: int
    align: int
    ranges: Mapping[str, tuple[int, int]] = MappingProxyType({})


def _laid_out(struct: ast.StructDef, unit: ast.Unit) -> _Extent | None:
    """How a struct is laid out (psABI 3.1.2); None if the size of some field is not known."""
    if struct.beside is not None or not struct.fields:
        return None  # fields are left out
    return _members(struct.fields, 0, unit)


def _members(fields: Sequence[ast.StructField], level: int, unit: ast.Unit) -> _Extent | None:
    """Fields, one after the other; ``level``: how many unions are around them."""
    at, align, ranges = 0, 8, dict[str, tuple[int, int]]()
    for _, some in itertools.groupby(fields, lambda f: f.arms[level][0] if len(f.arms) > level else f.name):
        inside = list(some)
        first = inside[0]
        if len(first.arms) <= level and first.bits is not None:
            kind, width = t.of(first.type), constant(first.bits, unit.enums)
            if kind.kind != "int" or width is None:
                return None
            if not width or at % kind.bits + width > kind.bits:
                at += -at % kind.bits
            low = at - at % kind.bits
            ranges[first.name] = low, low + kind.bits  # a compiler may access all of its unit
            at, align = at + width, max(align, kind.bits if width else 8)
            continue
        made = _union(inside, level, unit) if len(first.arms) > level else _field(first, unit)
        if made is None:
            return None
        at += -at % made.align
        ranges |= {name: (low + at, high + at) for name, (low, high) in made.ranges.items()}
        at, align = at + made.bits, max(align, made.align)
    return _Extent(at + -at % align, align, ranges)


def _union(fields: Sequence[ast.StructField], level: int, unit: ast.Unit) -> _Extent | None:
    """The members of a union, which begin at one place."""
    arms = [list(some) for _, some in itertools.groupby(fields, lambda f: f.arms[level][1])]
    made = [found for some in arms if (found := _members(some, level + 1, unit)) is not None]
    if len(made) < len(arms):
        return None
    ranges = {name: where for one in made for name, where in one.ranges.items()}
    align = max(one.align for one in made)
    bits = max(one.bits for one in made)
    return _Extent(bits + -bits % align, align, ranges)


def _field(f: ast.StructField, unit: ast.Unit) -> _Extent | None:
    """One field, which may be an array."""
    sizes = [1 if x is None else constant(x, unit.enums) for x in (f.size, f.columns)]
    one = _one(f.type, unit)
    if one is None or None in sizes:
        return None
    bits = one.bits
    for size in sizes:
        bits *= size or 0
    return _Extent(bits, one.align, {f.name: (0, bits)})


def _one(kind: ast.CType, unit: ast.Unit) -> _Extent | None:
    """What has a type; None for what is smaller here than in the kernel, as locks are."""
    if kind.pointers or kind.base in _POINTERS:
        return _Extent(64, 64)
    of = t.of(kind)
    if of.kind == "int" and (kind.base not in t.IN_MEMORY or kind.base in _COUNTERS):
        return _Extent(of.bits, of.bits)
    if of.kind != "struct":
        return None
    return next((_laid_out(x, unit) for x in unit.structs if x.name == of.tag), None)


_COUNTERS = frozenset({"atomic_t", "refcount_t", "atomic64_t", "atomic_long_t", "local_t", "local64_t"})
_POINTERS = frozenset({"function", *CALLBACK_TYPES})
