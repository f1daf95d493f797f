"""Warnings about labels that no jump of a C or MM file names. Often one of the names is misspelt."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import nearest


def unused(units: Iterable[ast.Unit]) -> list[Diagnostic]:
    """Warnings about labels that no ``goto`` names in any variant of a file."""
    labels: dict[Span, str] = {}
    jumps: dict[Span, set[str]] = {}  # by the place of the body
    for unit in units:
        own = [f for f in unit.functions.values() if not f.included]
        parts: list[ast.Thread | ast.Function] = [*unit.threads.values(), *unit.nmis, *own]
        for part in parts:
            found = list(nodes(part.body))
            jumps.setdefault(part.span, set()).update(n.name for n in found if isinstance(n, ast.Goto))
            for node in found:
                if isinstance(node, ast.LabelStmt):
                    labels[node.span] = node.name
                    jumps[node.span] = jumps[part.span]
    return [
        Diagnostic(
            "unused", f"no goto jumps to {label}", span, nearest(label, jumps[span]), severity="warning"
        )
        for span, label in labels.items()
        if label not in jumps[span]
    ]
