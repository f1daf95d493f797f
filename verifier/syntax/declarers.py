"""The kernel's macros that declare a local struct and give it its first values: ``DEFINE_WAKE_Q(q);``.

Sources: include/linux/completion.h, wait.h, sched/wake_q.h. Includes have the structs, and the functions that
give them these values.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from verifier.syntax import ast


class Declarer(NamedTuple):
    """What a macro declares, and the function that it is initialized by."""

    type: str
    init: str


_COMPLETION = Declarer("struct completion", "init_completion")
_QUEUE = Declarer("struct wait_queue_head", "init_waitqueue_head")
DECLARERS: Mapping[str, Declarer] = MappingProxyType(
    {
        "DEFINE_WAKE_Q": Declarer("struct wake_q_head", "wake_q_init"),
        "DECLARE_COMPLETION": _COMPLETION,
        "DECLARE_COMPLETION_ONSTACK": _COMPLETION,
        "DECLARE_WAIT_QUEUE_HEAD": _QUEUE,
        "DECLARE_WAIT_QUEUE_HEAD_ONSTACK": _QUEUE,
    }
)


def declared(statement: ast.Stmt) -> tuple[ast.Stmt, ...]:
    """A statement as it is, or the declaration and the call that such a macro stands for."""
    call = statement.expr if isinstance(statement, ast.ExprStmt) else None
    if not isinstance(call, ast.CallExpr) or call.name not in DECLARERS or len(call.arguments) != 1:
        return (statement,)
    (name,) = call.arguments
    if not isinstance(name, ast.Ident):
        return (statement,)
    macro = DECLARERS[call.name]
    initializes = ast.CallExpr(macro.init, (ast.Unary("&", name, name.span),), call.span)
    return (
        ast.Declare(ast.CType(macro.type), name.name, None, name.span),
        ast.ExprStmt(initializes, statement.span),
    )
