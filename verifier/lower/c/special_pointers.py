"""Pointers that stand for errors, and the sizes of arrays."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.arguments import given
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.error_numbers import as_address
from verifier.lower.c.parts import Val
from verifier.lower.c.places import base_of, field_of
from verifier.lower.c.types import Type
from verifier.program.expressions import TRUE, Const, call
from verifier.program.values import Ptr
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble


def err_ptr(b: BodyCode, use: SpecialCall) -> Val:
    """``ERR_PTR()``: a number as an address."""
    error = given(b, use, "error")
    b.memory.errors = True
    if isinstance(error.expr, Const) and isinstance(error.expr.value, int):
        return Val(Const(as_address(error.expr.value, use.e.span)), t.ANY)
    return Val(call("u64", error.expr), t.ANY)


def array_size(b: BodyCode, use: SpecialCall) -> Val:
    """``ARRAY_SIZE()``, and with a ``value`` the end of the array."""
    e = use.arguments["arr"]
    kind = array_of(b, e)
    if kind is None:
        hint = "name the array itself; how many elements lie behind a pointer, nothing says"
        raise Trouble("type", f"{use.word.name} takes an array, and {e.span.text} is none", e.span, hint)
    if use.special.value == TRUE:
        end = ast.IndexExpr(e, ast.Num(kind.bits, e.span), use.e.span)
        return b.value(ast.Unary("&", end, use.e.span))
    return Val(Const(kind.bits), t.ULONG)


def array_of(b: BodyCode, e: ast.CExpr) -> Type | None:
    """The type of the array that an expression is, which is not evaluated; None if it is none."""
    if isinstance(e, ast.Ident):
        local = b.local(e.name, False)
        at = local.fixed.expr if local is not None and local.stack and local.fixed is not None else None
        name = at.value.base if isinstance(at, Const) and isinstance(at.value, Ptr) else e.name
        named = (b.memory.named if local is None else b.memory.stack).get(name)
        return None if named is None or named.size is None else Type("array", named.size, to=named.type)
    if not isinstance(e, ast.FieldExpr | ast.IndexExpr):
        return None
    outer, b.percpu = b.percpu, Const(b.cpu)  # what every CPU has is of the same type
    try:
        _, base = b.captured(lambda: base_of(b, e.base))
    finally:
        b.percpu = outer
    if isinstance(e, ast.IndexExpr):
        kind = base.type.to
    else:
        of = base.type.to if base.type.kind == "pointer" and base.type.to is not None else base.type
        kind = field_of(b, of, e)[0]
    return kind if kind is not None and kind.kind == "array" else None
