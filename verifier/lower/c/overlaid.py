"""Members of unions: which of them are the same memory, and what is said of those that are not.

Two members that are one number or one address each, of one size and at the beginning of their union, are
one cell with two names (C11 6.7.2.1). All others have cells of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from verifier.lower.c import types as t
from verifier.lower.c.types import Type
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.unions import beside, overlap

_ADDRESSES = frozenset({"pointer", "struct"})  # what a pointer is: of a struct it is the handle itself
_HINT = "the model gives each its own memory: a store to one never changes the other; use only one"


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
    structs: Mapping[str, ast.StructDef],
    used: Mapping[str, Mapping[str, Span]],
    cells: Mapping[str, Mapping[str, str]],
) -> list[Diagnostic]:
    """Warnings about unions of which a test uses two members that are not the same memory here. By the group
    of a struct: ``used`` has where fields are used, ``cells`` the field that each field is in."""
    said: list[Diagnostic] = []
    for group, struct in structs.items():
        names, cell = used.get(group, {}), cells.get(group, {})
        members = [f for f in struct.fields if f.arms and f.name in names]
        pairs = (
            (a, b)
            for at, b in enumerate(members)
            for a in members[:at]
            if overlap(a, b) and cell.get(a.name, a.name) != cell.get(b.name, b.name)
        )
        for a, b in pairs:
            text = f"{a.name} and {b.name} share memory in a union"
            places = [names[f.name] for f in (a, b)]
            where = " and ".join(f"{p.source.name}:{p.line} uses {p.text}" for p in places)
            said.append(Diagnostic("union", text, b.span, f"{_HINT}; {where}", severity="warning"))
            break
    return said
