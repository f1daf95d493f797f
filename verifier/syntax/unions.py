"""Unions: which members of one have one address, and two words that lie over an integer of 128 bits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from verifier.patterns import pattern
from verifier.syntax import ast

_WIDE = pattern(r"_*([us]|u?int)128(_t)?")
_WORD = pattern(r"_*([us]|u?int)64(_t)?|((un)?signed )?long( long)?( int)?( unsigned)?")


def halves(struct: ast.StructDef) -> Mapping[str, tuple[str, bool]]:
    """The fields that are half of another one: ``union { struct { u64 low; u64 high; }; u128 full; }``. Each
    with the name of the whole, and whether it is the upper half."""
    arms: dict[int, dict[int, list[ast.StructField]]] = {}
    for f in struct.fields:
        for union, at in f.arms[-1:]:
            arms.setdefault(union, {}).setdefault(at, []).append(f)
    found: dict[str, tuple[str, bool]] = {}
    for members in arms.values():
        wholes = [m[0].name for m in members.values() if len(m) == 1 and _plain(m, _WIDE)]
        pairs = [m for m in members.values() if len(m) == 2 and _plain(m, _WORD)]
        if len(wholes) == 1 and len(wholes) + len(pairs) == len(members):
            found |= {f.name: (wholes[0], at == 1) for pair in pairs for at, f in enumerate(pair)}
    return found


def _plain(fields: Iterable[ast.StructField], types: re.Pattern[str]) -> bool:
    """Are these fields single integers of such types, in one union and no other?"""
    return all(
        len(f.arms) == 1
        and types.fullmatch(f.type.base)
        and not f.type.pointers
        and f.size is None
        and f.bits is None
        for f in fields
    )


def beside(struct: ast.StructDef) -> Iterable[tuple[str, ...]]:
    """The names of the fields that lie at the beginning of a union, for each union of a struct."""
    if struct.beside is not None:
        yield from struct.beside
        return
    for union in {union: None for f in struct.fields for union, _ in f.arms}:
        members = [f for f in struct.fields if union in dict(f.arms)]
        yield tuple(
            f.name for at, f in enumerate(members) if all(overlap(other, f) for other in members[:at])
        )


def overlap(a: ast.StructField, b: ast.StructField) -> bool:
    """Do the fields belong to different members of one union?"""
    arms = dict(b.arms)
    return any(arms.get(union, at) != at for union, at in a.arms)
