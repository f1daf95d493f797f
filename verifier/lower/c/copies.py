"""Structs that are assigned whole: ``*p = *q``, ``a = b``. A compiler may copy them in any pieces and in any
order; here it is a load and a plain store for each field, one field after the other."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.lower.c import types as t
from verifier.lower.c.body import BodyCode
from verifier.lower.c.fields import group
from verifier.lower.c.parts import MemoryPlace, Spanned, Val
from verifier.lower.c.places import base_of, place_of
from verifier.lower.c.types import Type
from verifier.lower.code import Emit, Touch
from verifier.program.expressions import Const, Expr, Reg, call
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble


def named_struct(b: BodyCode, e: ast.CExpr) -> Val | None:
    """The struct that a name or a literal is, as its address; None for all else."""
    if isinstance(e, ast.Literal):
        return unnamed(b, e)
    if not isinstance(e, ast.Ident):
        return None
    local = b.local(e.name)
    if local is not None:
        fixed = local.fixed
        return fixed if local.stack and fixed is not None and fixed.type.kind == "struct" else None
    named = b.memory.named.get(e.name)
    if named is None or named.type.kind != "struct" or named.size is not None:
        return None
    return base_of(b, e)


def unnamed(b: BodyCode, e: ast.Literal) -> Val:
    """The struct that a literal is: an object on the stack, of which each turn of a loop has the same one.
    Raises ``Trouble`` for other types."""
    if t.of(e.type).kind != "struct" or e.type.pointers:
        hint = "declare a local with these braces, and use the local"
        raise Trouble("not-yet", "a literal in braces is a struct here", e.span, hint)
    name = f"literal'{e.span.start}"
    b.frame.scopes.append({})
    b.statement(ast.Declare(e.type, name, e.init, e.span))
    local = b.frame.scopes.pop()[name]
    assert local.fixed is not None
    return local.fixed


def copied_from(b: BodyCode, e: ast.CExpr, kind: Type) -> Val:
    """The struct that an expression is, as its address. Raises ``Trouble`` for what is no struct of type
    ``kind``."""
    found = named_struct(b, e)
    if (
        found is None
        and isinstance(e, ast.Unary | ast.FieldExpr | ast.IndexExpr)
        and getattr(e, "op", "*") == "*"
    ):
        place = place_of(b, e)
        if isinstance(place, MemoryPlace) and is_struct(place):
            found = Val(place.addr, place.type)
    if found is None and isinstance(e, ast.CallExpr) and e.name in b.unit.functions:
        given_type = t.of(b.unit.functions[e.name].result)
        if given_type.kind == "struct" and not b.unit.functions[e.name].result.pointers:
            found = b.value(e)
    if isinstance(e, ast.Assign) and not e.op:  # a = b = c
        to = None if isinstance(e.target, ast.Ident) else place_of(b, e.target)
        if named_struct(b, e.target) or (isinstance(to, MemoryPlace) and is_struct(to)):
            found = b.value(e)
    if found is None or found.type.tag != kind.tag:
        given = e.span.text if found is None else f"{e.span.text}, a struct {found.type.tag}"
        text = f"a struct {kind.tag} cannot be assigned from {given}"
        raise Trouble("type", text, e.span, "write *p for the struct that p points to; or name a field")
    return found


def is_struct(place: MemoryPlace) -> bool:
    """Is a place a struct itself, with all its fields?"""
    return place.whole and place.type.kind == "struct"


def copy(b: BodyCode, to: Val, source: Val, e: Spanned) -> Val:
    """Add the loads and the stores."""
    into, out = b.held(to.expr), b.held(source.expr)
    at = len(b.code)
    both = zip(cells(b, out, to.type), cells(b, into, to.type), strict=True)
    for (path, load, kind), (_, store, _) in both:
        temp = b.fresh()
        b.emit("R", e, Touch(load, temp))
        b.emit("W", e, Touch(store, None, Reg(temp)))
        b.code[-2:] = [x._replace(text=f"{x.text}: {path}") for x in b.code[-2:] if isinstance(x, Emit)]
        b.shared.keeps_pages |= kind.kind in ("any", "page")
    if len(b.code) == at:
        hint = f"define struct {to.type.tag} {{ … }}; or give an object initial values"
        raise Trouble("struct", f"struct {to.type.tag} has no fields", e.span, hint)
    return Val(into, to.type)


def cells(b: BodyCode, at: Expr, kind: Type, path: str = "") -> Iterator[tuple[str, Expr, Type]]:
    """The cells of a struct: their names in it, their addresses, and what they hold."""
    for name, of in b.memory.fields.get(group(kind), {}).items():
        yield from inside(
            b, call("field", at, Const(b.memory.step(group(kind), name))), of, path=f"{path}.{name}"
        )


def inside(b: BodyCode, at: Expr, of: Type, path: str) -> Iterator[tuple[str, Expr, Type]]:
    """The same of a part of a struct."""
    if of.kind == "array":
        for i in range(of.bits):
            element = call("add", at, Const(i * t.cells(of.to)))
            yield from inside(b, element, of.to or t.ANY, path=f"{path}[{i}]")
    elif of.inside and of.kind == "mask":
        yield from ((f"{path}[{c}]", call("add", at, Const(c)), t.BIT) for c in range(b.memory.cpus))
    elif of.inside:
        yield from cells(b, at, of, path)
    elif t.wide(of):
        yield path, at, t.ULONG
        yield f"{path}.{t.HIGH}", t.high_half(at), t.ULONG
    else:
        yield path, at, of
