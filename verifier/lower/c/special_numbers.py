"""Words that choose between numbers: ``min()``, ``max()``, ``clamp()``."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import decide, numeric
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.parts import Val
from verifier.program.expressions import Const, call
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble

_COMPARES = {"min": ("lt",), "max": ("gt",), "clamp": ("lt", "gt")}  # the other one is taken unless it is so


def chosen(b: BodyCode, use: SpecialCall) -> Val:
    """One of several numbers (include/linux/minmax.h). Raises ``Trouble`` where the kernel's macro does not
    compile: a number with a sign beside one without."""
    (found, first), *others = [(_evaluated(b, e), e) for e in use.arguments.values()]
    order = reversed(_COMPARES[use.word.name]) if len(others) > 1 else _COMPARES[use.word.name]
    for other, e in others:
        _same_sign(use, found, other, first.span.to(e.span))
    for function, (other, e) in zip(order, others, strict=True):
        kind = t.promoted(found.type, other.type)
        x, y = (t.converted(v.expr, v.type, kind) for v in (found, other))
        stays = call(function, x, y)
        decide(b, stays, e.span)
        found = Val(call("ite", stays, x, y), kind)
    return found


def _evaluated(b: BodyCode, e: ast.CExpr) -> Val:
    """An argument, evaluated once."""
    value = b.value(e)
    numeric(value, e)
    return Val(b.held(value.expr), value.type)


def _same_sign(use: SpecialCall, one: Val, other: Val, span: Span) -> None:
    signs = {t.promoted(v.type, t.INT).signed for v in (one, other) if v.type.kind == "int" and not _fits(v)}
    if len(signs) > 1:
        hint = "cast one of them, as in (unsigned long)n"
        raise Trouble("type", f"{use.word.name} of numbers with and without a sign", span, hint)


def _fits(v: Val) -> bool:
    """Is it a constant that is the same with and without a sign?"""
    number = v.expr.value if isinstance(v.expr, Const) else None
    return isinstance(number, int) and 0 <= number < 1 << 31
