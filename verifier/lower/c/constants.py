"""What C's operators make of initial values. What is not evaluated in C, the other side of ``?:``, has to be
a constant, too, but may divide by 0."""

from __future__ import annotations

from collections.abc import Callable

from verifier.lower.c import types as t
from verifier.lower.c.types import Type
from verifier.program.functions import apply
from verifier.program.values import UNDEF, Ptr, Value, truth
from verifier.program.values import compared as begins
from verifier.syntax import ast
from verifier.syntax.numbers import COMPARED
from verifier.syntax.operations import COMPARISONS
from verifier.syntax.trouble import Trouble

ValueOf = Callable[[ast.CExpr], tuple[Value, Type]]
_UNDEFINED = frozenset({"divides", "shift"})  # the codes of errors about what C does not define


def calculated(expr: ast.Binary, value: ValueOf) -> tuple[Value, Type]:
    """``a op b``. ``value``: of an operand. Raises ``Trouble`` for what is no constant."""
    if expr.op in ("&&", "||"):
        left, known = truth(value(expr.left)[0]), expr.op == "||"
        if left == known:
            _not_evaluated(expr.right, value)
            return int(known), t.INT
        return int(truth(value(expr.right)[0])), t.INT
    (a, kind), (b, other) = value(expr.left), value(expr.right)
    if expr.op in COMPARED:
        return _compared(expr, (a, kind), (b, other)), t.INT
    function = t.ARITHMETIC[expr.op]
    if not (kind.kind == other.kind == "int" and isinstance(a, int) and isinstance(b, int)):
        stride = t.cells(kind.to) if kind.kind == "pointer" and expr.op in "+-" else 1
        found = apply(function, (a, b * stride if isinstance(b, int) else b))
        if isinstance(a, Ptr) and isinstance(b, Ptr) and isinstance(found, int):
            return found // stride, t.LONG  # how many elements lie between two addresses
        if found == UNDEF:
            low = next((x.low for x in (a, b) if isinstance(x, Ptr) and x.low), 0)
            hint = f"marks are numbers below {1 << low}: the other bits say where the object is"
            raise Trouble(
                "value", "this is not an initial value", expr.span, hint if low else "calculate with numbers"
            )
        return found, kind
    shifts = expr.op in ("<<", ">>")
    kind = t.promoted(kind, t.INT if shifts else other)
    if shifts and not 0 <= b < kind.bits:
        text = f"a shift by {b} of what has {kind.bits} bits is undefined in C"
        raise Trouble("shift", text, expr.right.span, f"shift by 0 to {kind.bits - 1}; 1UL has 64 bits")
    if expr.op in ("/", "%") and b == 0:
        raise Trouble("divides", "this divides by 0", expr.right.span)
    found = apply(function, (t.number(a, kind), b if shifts else t.number(b, kind)))
    return t.number(found, kind) if isinstance(found, int) else found, kind


def _compared(expr: ast.Binary, left: tuple[Value, Type], right: tuple[Value, Type]) -> int:
    (a, kind), (b, other) = left, right
    if isinstance(a, int) and isinstance(b, int):
        if kind.kind == other.kind == "int":
            common = t.promoted(kind, other)
            a, b = t.number(a, common), t.number(b, common)
        return int(COMPARED[expr.op](a, b))
    if expr.op in ("==", "!="):
        return int(COMPARED[expr.op](begins(a), begins(b)))
    found = apply(COMPARISONS[expr.op], (a, b))
    if not isinstance(found, int):
        text = f"nothing says whether {expr.left.span.text} is below {expr.right.span.text}"
        raise Trouble("value", text, expr.span, "compare addresses in one array, or numbers")
    return found


def chosen(expr: ast.Conditional | ast.OrElse, value: ValueOf) -> tuple[Value, Type]:
    """``c ? a : b`` and ``a ?: b``, as ``calculated``."""
    if isinstance(expr, ast.OrElse):
        first, other = value(expr.value), expr.other
        taken = first if truth(first[0]) else None
        rest = _not_evaluated(other, value) if taken else value(other)
        return _as(taken or rest, first[1], rest[1])
    holds = truth(value(expr.condition)[0])
    then, other = (expr.then, expr.other) if holds else (expr.other, expr.then)
    found, left = value(then), _not_evaluated(other, value)
    return _as(found, found[1], left[1])


def _as(found: tuple[Value, Type], kind: Type, other: Type) -> tuple[Value, Type]:
    """A value in the type that both sides have in common (C11 6.5.15)."""
    held, _ = found
    if kind.kind == other.kind == "int" and isinstance(held, int):
        common = t.promoted(kind, other)
        return t.number(held, common), common
    return found


def _not_evaluated(expr: ast.CExpr, value: ValueOf) -> tuple[Value, Type]:
    try:
        return value(expr)
    except Trouble as trouble:
        if trouble.diagnostic.code not in _UNDEFINED:
            raise
    return 0, t.INT
