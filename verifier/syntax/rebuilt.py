"""Makes trees out of trees: each node with its parts as a function has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from verifier.records import fields, replace
from verifier.source import Span
from verifier.syntax import ast

_LEAF = (str, int, bool, type(None), Span)
Of = Callable[[Any], Any]  # of one kind of node another one, which fits in its place


def rebuilt(node: Any, of: Of) -> Any:
    """A node with each part of it as ``of`` has it; the node itself if no part changes."""
    changed: dict[str, Any] = {}
    for field in fields(node):
        old = getattr(node, field.name)
        new = _part(old, of)
        if new is not old:
            changed[field.name] = new
    return replace(node, **changed) if changed else node


def _part(old: Any, of: Of) -> Any:
    if isinstance(old, _LEAF) or (isinstance(old, ast.CType) and old.of is None):
        return old
    if isinstance(old, tuple):
        made = tuple([_part(o, of) for o in old])
        return made if any(a is not b for a, b in zip(made, old, strict=True)) else old
    return of(old)


def substituted(body: Any, given: Mapping[str, ast.CExpr]) -> Any:
    """A tree with other expressions in the places of some names."""

    def put(x: Any) -> Any:
        if isinstance(x, ast.Ident) and x.name in given:
            return given[x.name]
        return rebuilt(x, put)

    return put(body) if given else body


def renamed_types(node: Any, types: Mapping[str, ast.CType]) -> Any:
    """A node in which names of types, but none in its parts, are those that they stand for."""
    changed = {
        field.name: _meant(old, types)
        for field in (fields(node) if types else ())
        if isinstance(old := getattr(node, field.name), ast.CType) and old.base in types
    }
    return replace(node, **changed) if changed else node


def _meant(old: ast.CType, types: Mapping[str, ast.CType]) -> ast.CType:
    for _ in types:  # a typedef may be one of another one
        if old.base not in types:
            break
        of = types[old.base]
        old = replace(of, pointers=old.pointers + of.pointers)
    return old


def retyped(unit: ast.Unit, typedefs: Mapping[str, ast.CType]) -> ast.Unit:
    """A unit in which each typedef is the type that it is another name of."""

    def put(x: Any) -> Any:
        return renamed_types(rebuilt(x, put), typedefs)

    return replace(
        unit,
        functions={name: put(f) for name, f in unit.functions.items()},
        threads={cpu: put(t) for cpu, t in unit.threads.items()},
        nmis=tuple(map(put, unit.nmis)),
        initial=tuple(map(put, unit.initial)),
        structs=tuple(map(put, unit.structs)),
    )
