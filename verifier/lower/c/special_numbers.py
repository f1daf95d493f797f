"""Words that choose between numbers: ``min()``, ``max()``, ``clamp()``, and those that are given a type."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import decide, numeric
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.expressions import written
from verifier.lower.c.parts import Val
from verifier.lower.c.types import Type
from verifier.program.expressions import Apply, Const, Expr, call
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble


def chosen(b: BodyCode, use: SpecialCall) -> Val:
    """One of several numbers (include/linux/minmax.h). Raises ``Trouble`` where the kernel's macro does not
    compile: a number with a sign beside one without."""
    given = _type_of(b, use)
    numbers = [e for name, e in use.arguments.items() if name != "type"]
    (found, first), *others = [(_evaluated(b, e, given), e) for e in numbers]
    for other, e in others:
        _same_sign(use, found, other, first.span.to(e.span))
    for compared, (other, e) in zip(_all(use.special.value), others, strict=True):
        kind = t.promoted(found.type, other.type)
        x, y = (t.converted(v.expr, v.type, kind) for v in (found, other))
        first_stays = call(compared.function, x, y)
        decide(b, first_stays, e.span)
        found = Val(call("ite", first_stays, x, y), kind)
    return found


def _all(stays: Expr) -> list[Apply]:
    """The comparisons that a row asks for, one with each of the other numbers."""
    every = stays.args if isinstance(stays, Apply) and stays.function == "and" else (stays,)
    return [x for x in every if isinstance(x, Apply)]


def _type_of(b: BodyCode, use: SpecialCall) -> Type | None:
    """The type that a word is given; None if it takes none. Raises ``Trouble`` for what is no type of
    numbers."""
    given = use.arguments.get("type")
    if given is None:
        return None
    kind = written(b, given.type) if isinstance(given, ast.TypeArgument) else t.VOID
    if kind.kind != "int":
        text = f"{use.word.name} takes a type of numbers first"
        raise Trouble("type", text, given.span, f"write {use.word.name}(unsigned int, …)")
    return kind


def _evaluated(b: BodyCode, e: ast.CExpr, kind: Type | None) -> Val:
    """An argument, evaluated once, as a number of this type."""
    value = b.value(e)
    numeric(value, e)
    if kind is not None:
        value = Val(t.converted(value.expr, value.type, kind), kind)
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
