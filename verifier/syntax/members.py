"""Places in a struct, as ``container_of(p, struct foo, f.n[1])`` names them."""

from __future__ import annotations

from verifier.records import replace
from verifier.syntax import ast


def within(member: ast.CExpr, of: ast.CExpr) -> ast.CExpr | None:
    """The place that a member is in a struct: ``f.n`` in ``p`` is ``p->f.n``. None if it names none."""
    if isinstance(member, ast.Ident):
        return ast.FieldExpr(of, member.name, member.span)
    if not isinstance(member, ast.FieldExpr | ast.IndexExpr):
        return None
    base = within(member.base, of)
    return None if base is None else replace(member, base=base)


def moved(member: ast.CExpr, to: ast.CExpr) -> ast.CExpr:
    """The same place in another struct: ``member`` is what ``within`` made."""
    if isinstance(member, ast.FieldExpr | ast.IndexExpr):
        return replace(member, base=moved(member.base, to))
    return to
