"""Warnings about tests that use two members of one union: the model gives each its own memory."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.ast import nodes
from verifier.syntax.idle import fields, reached

_HINT = "the model gives each its own memory: a store to one never changes the other; use only one"


def overlaid(units: Iterable[ast.Unit]) -> list[Diagnostic]:
    """Warnings about unions of which one variant uses two members (C11 6.7.2.1)."""
    said: dict[Span, Diagnostic] = {}
    for unit in units:
        functions = [unit.functions[name] for name in reached(unit)]
        used = fields((unit.initial, functions, unit.threads, unit.nmis, unit.final))
        used |= {x.name for x in nodes(unit.initial) if isinstance(x, ast.FieldInit)}
        for struct in unit.structs:
            members = [f for f in struct.fields if f.arms and f.name in used]
            pairs = ((a, b) for at, b in enumerate(members) for a in members[:at] if _overlap(a, b))
            for first, second in islice(pairs, 1):
                text = f"{first.name} and {second.name} share memory in a union"
                said[second.span] = Diagnostic("union", text, second.span, _HINT, severity="warning")
    return list(said.values())


def _overlap(a: ast.StructField, b: ast.StructField) -> bool:
    """Do the fields belong to different members of one union?"""
    arms = dict(b.arms)
    return any(arms.get(union, at) != at for union, at in a.arms)
