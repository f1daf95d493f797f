"""Unions: the model gives each member its own memory, and tests that use two members of one are warned. Only
two words that lie over an integer of 128 bits share its memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice

from verifier.patterns import pattern
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.idle import fields, reached
from verifier.syntax.nodes import nodes

_HINT = "the model gives each its own memory: a store to one never changes the other; use only one"


def overlaid(units: Iterable[ast.Unit]) -> list[Diagnostic]:
    """Warnings about unions of which one variant uses two members (C11 6.7.2.1)."""
    said: dict[Span, Diagnostic] = {}
    for unit in units:
        functions = [unit.functions[name] for name in reached(unit)]
        used = fields((unit.initial, functions, unit.threads, unit.nmis, unit.final))
        used |= {x.name for x in nodes(unit.initial) if isinstance(x, ast.FieldInit)}
        for struct in unit.structs:
            shared = halves(struct)
            members = [f for f in struct.fields if f.arms and f.name in used and f.name not in shared]
            pairs = ((a, b) for at, b in enumerate(members) for a in members[:at] if overlap(a, b))
            for first, second in islice(pairs, 1):
                text = f"{first.name} and {second.name} share memory in a union"
                said[second.span] = Diagnostic("union", text, second.span, _HINT, severity="warning")
    return list(said.values())


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


def overlap(a: ast.StructField, b: ast.StructField) -> bool:
    """Do the fields belong to different members of one union?"""
    arms = dict(b.arms)
    return any(arms.get(union, at) != at for union, at in a.arms)
