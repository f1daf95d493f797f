"""Warnings about labels that no jump of a C or MM file names, which are often misspelt; and whether a file
has a loop to unroll."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.patterns import pattern
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import nearest

_LOOPS = ast.While | ast.DoWhile | ast.For | ast.ForEachEntry | ast.Goto
_WAITS = pattern(r"\w*wait_(\w+_)?event\w*")  # macros that loop: include/linux/wait.h, wait_bit.h


def loops(units: Iterable[ast.Unit]) -> bool:
    """Does any variant of a file have a loop that may turn as often as the bound says? One over CPUs has a
    turn for each of them."""
    return any(
        isinstance(x, _LOOPS) or (isinstance(x, ast.CallExpr) and bool(_WAITS.fullmatch(x.name)))
        for unit in units
        for x in nodes((tuple(unit.functions.values()), tuple(unit.threads.values()), unit.nmis))
    )


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
