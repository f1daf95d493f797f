"""Which of ``s.a`` and ``p->a`` is C: what declarations say of the struct that a field is in."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.body import UNDECLARED, BodyCode
from verifier.lower.c.fields import group
from verifier.lower.c.objects import NamedObject
from verifier.lower.c.types import Type
from verifier.records import NamedTuple
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble

_WITH_FIELDS = frozenset({"struct", "mm", "page", "table"})


class _Leads(NamedTuple):
    """What an expression leads to: a struct, and whether the expression is a pointer to it."""

    struct: Type
    points: bool


def check_arrow(b: BodyCode, e: ast.FieldExpr) -> None:
    """Raise ``Trouble`` for ``.`` behind a pointer, and for ``->`` behind a struct, as far as declarations
    tell these apart. The kernel's own text has been compiled."""
    found = None if e.arrow is None or b.of_kernel else _leads(b, e.base)
    if found is None or found.points == e.arrow:
        return
    what = e.base.span.text
    is_one = "is a pointer to a struct" if found.points else "is a struct, not a pointer to one"
    before = e.span.text.removesuffix(e.name).rstrip().removesuffix("->" if e.arrow else ".").rstrip()
    hint = f"write {before}{'->' if found.points else '.'}{e.name}"
    raise Trouble("arrow", f"{what} {is_one}", e.span, hint)


def _leads(b: BodyCode, e: ast.CExpr) -> _Leads | None:
    """What is declared of an expression; None if that is not known."""
    if isinstance(e, ast.Ident):
        return _name(b, e.name)
    if isinstance(e, ast.FieldExpr):
        of = _field(b, e)
        return None if of is None else _held(of, inside=of.inside)
    if isinstance(e, ast.IndexExpr):
        return _element(b, e.base)
    if isinstance(e, ast.Unary) and e.op in ("*", "&"):
        inner = _leads(b, e.operand)
        wanted = e.op == "*"
        return inner._replace(points=not wanted) if inner and inner.points == wanted else None
    return None


def _name(b: BodyCode, name: str) -> _Leads | None:
    local = b.local(name, False)
    if local is not None:
        held = local.fixed.type if local.fixed is not None else local.declared or local.type or t.ANY
        if local.stack and held.kind == "pointer" and t.decayed(held).kind == "struct":
            return _Leads(t.decayed(held), points=True)  # an array of structs
        if UNDECLARED.fullmatch(name) or (local.stack and held.kind != "struct"):
            return None
        return _held(held, inside=bool(local.stack))
    named = b.memory.named.get(name)
    if named is None or named.type.kind in ("mm", "page", "table"):  # whose names are as good as pointers
        return None
    if named.size is not None:  # an array of structs stands for a pointer to the first one
        return _held(named.type, inside=False) if named.type.inside else None
    return _object(named)


def _object(named: NamedObject) -> _Leads | None:
    """What an object leads to, or an element of an array. Its type says whether it is a pointer."""
    of = named.type
    to = t.loaded(of)
    if to != of and to.kind == "struct":
        return _Leads(to, points=True)
    return _held(of, inside=True)


def _held(of: Type, inside: bool) -> _Leads | None:
    """What a local or a field leads to, whose type is that of a struct if it is a pointer to one, too.
    ``inside``: it is none."""
    return _Leads(of, points=not inside) if of.kind in _WITH_FIELDS else None


def _field(b: BodyCode, e: ast.FieldExpr) -> Type | None:
    """The type of a field of a struct."""
    base = _leads(b, e.base)
    if base is None or not b.memory.has(group(base.struct), e.name):
        return None
    return b.memory.field(group(base.struct), e.name)[0]


def _element(b: BodyCode, array: ast.CExpr) -> _Leads | None:
    """What an element of an array leads to, or what a pointer points to."""
    named = _array(b, array)
    if named is not None:
        return _object(named)
    of = _field(b, array) if isinstance(array, ast.FieldExpr) else None
    if of is not None and of.kind == "array" and of.to is not None:
        return _held(of.to, inside=of.to.inside)
    inner = _leads(b, array)
    return inner._replace(points=False) if inner is not None and inner.points else None


def _array(b: BodyCode, e: ast.CExpr) -> NamedObject | None:
    named = (
        b.memory.named.get(e.name) if isinstance(e, ast.Ident) and b.local(e.name, False) is None else None
    )
    return named if named is not None and named.size is not None else None
