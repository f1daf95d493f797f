"""What a C or MM file defines and nothing in it uses: a misspelt name, often, and never meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.trouble import nearest


def unused(units: Iterable[ast.Unit]) -> list[Diagnostic]:
    """Warnings about functions that nobody calls and labels that no ``goto`` names, in any variant of a
    file; what its includes define is there for others, too."""
    functions: dict[str, ast.Function] = {}
    named: set[str] = set()
    labels: dict[Span, str] = {}
    jumps: dict[Span, set[str]] = {}  # by where the body stands
    units = list(units)
    for unit in units:
        own = [f for f in unit.functions.values() if not f.included]
        functions.update((f.name, f) for f in own)
        named |= set(_names(unit.initial))
        parts: list[ast.Thread | ast.Function] = [*unit.threads.values(), *unit.nmis, *own]
        for part in parts:
            named |= set(_names(part.body))
            nodes = list(_nodes(part.body))
            jumps.setdefault(part.span, set()).update(n.name for n in nodes if isinstance(n, ast.Goto))
            for node in nodes:
                if isinstance(node, ast.LabelStmt):
                    labels[node.span] = node.name
                    jumps[node.span] = jumps[part.span]
    if functions.keys() - named:  # do those call them that are included?
        included = {id(f): f.body for u in units for f in u.functions.values() if f.included}
        named |= set(_names(list(included.values())))
    found: list[Diagnostic] = []
    for function in functions.values():
        if function.name not in named:
            text, hint = f"nobody calls {function.name}()", nearest(function.name, named - set(functions))
            found.append(Diagnostic("unused", text, function.span, hint, "warning"))
    for span, label in labels.items():
        if label not in jumps[span]:
            hint = nearest(label, jumps[span])
            found.append(Diagnostic("unused", f"no goto goes to {label}", span, hint, "warning"))
    return found


def _names(tree: Any) -> Iterator[str]:
    for node in _nodes(tree):
        if isinstance(node, ast.Ident | ast.CallExpr):
            yield node.name


def _nodes(tree: Any) -> Iterator[Any]:
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, tuple | list):
            pending += node
        elif is_dataclass(node) and not isinstance(node, Span):
            yield node
            pending += [getattr(node, f.name) for f in fields(node)]
