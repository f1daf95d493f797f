"""Macros of the kernel's text as trees: where C would read their text in another way, they are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from verifier.patterns import pattern
from verifier.records import replace
from verifier.source import Source, Span
from verifier.syntax import ast
from verifier.syntax.members import within
from verifier.syntax.nodes import nodes
from verifier.syntax.rebuilt import rebuilt, renamed_types
from verifier.syntax.trouble import Trouble

# Macros for constants that join tokens or ask for types, and how many of their arguments are values
# (linux/const.h, linux/bits.h).
BITS = {
    "_AC": 1, "UL": 1, "ULL": 1, "_UL": 1, "_ULL": 1, "BIT": 1, "BIT_ULL": 1, "_BITUL": 1,
    "_BITULL": 1, "GENMASK": 2, "GENMASK_ULL": 2,
}  # fmt: skip
# What binds less than an operator beside it may.
COMPOUND = (ast.Binary, ast.Conditional, ast.OrElse, ast.Assign, ast.Comma)
# The names in nodes for which a parameter may stand.
_NAMES: Mapping[type, str] = {
    ast.FieldExpr: "name", ast.FieldInit: "name", ast.CallExpr: "name",
    ast.ForEachCpu: "variable", ast.ForEachEntry: "variable", ast.Declare: "name",
}  # fmt: skip


_ASSIGNED = pattern(r"(?:[^=!<>]|<<|>>)=$")  # what stands before the whole value of an assignment


def bits(name: str, given: tuple[ast.CExpr, ...], span: Span) -> ast.CExpr:
    """One of the macros of ``BITS``; each of them makes an ``unsigned long`` here."""
    long, one = ast.CType("unsigned long"), ast.Num(1, span)

    def shifted(to: ast.CExpr) -> ast.CExpr:
        return ast.Binary("<<", ast.Cast(long, one, span), to, span)

    if name.startswith("GENMASK"):
        high, low = given
        top = ast.Binary("-", ast.Binary("<<", shifted(high), one, span), one, span)
        return ast.Binary("&", top, ast.Unary("~", ast.Binary("-", shifted(low), one, span), span), span)
    if "BIT" in name:
        return shifted(given[0])
    return ast.Cast(long, given[0], span)


def check_brackets(text: str, start: int, body: object, given: Mapping[str, ast.CExpr], alone: bool) -> None:
    """Raise ``Trouble`` where C, which puts texts together, may read another tree than this (C11 6.10.3).

    ``text``: the macro's body, which begins at ``start`` in its file; ``alone``: nothing stands beside it.
    """
    if isinstance(body, COMPOUND) and not alone and not _bracketed(text.strip()):
        raise Trouble("macro", "its body is not in brackets: what stands beside it may bind tighter", None)
    for x in nodes(body):
        if isinstance(x, ast.Ident) and isinstance(given.get(x.name), COMPOUND):
            before, after = text[: x.span.start - start].rstrip(), text[x.span.end - start :].lstrip()
            starts = before[-1:] in ("", "(", ",", "[") or (_ASSIGNED.search(before) and after[:1] in ",;")
            if not starts or after[:1] not in ("", ")", ",", "]", ";"):
                why = f"{x.name} is not in brackets there, and is more than one operand here"
                raise Trouble("macro", why, None)


def spread(body: Any, rest: str, given: Sequence[ast.CExpr]) -> Any:
    """A body in which the arguments that a macro takes besides stand in calls, where it names them ``rest``.
    Raises ``Trouble`` where they stand elsewhere."""

    def put(x: Any) -> Any:
        x = rebuilt(x, put)
        if isinstance(x, ast.CallExpr | ast.PointerCall | ast.MacroLoop):
            every: list[ast.CExpr] = []
            for a in x.arguments:
                every += given if isinstance(a, ast.Ident) and a.name == rest else (a,)
            x = replace(x, arguments=tuple(every))
        return x

    made = put(body) if rest else body
    if rest and any(isinstance(x, ast.Ident) and x.name == rest for x in nodes(made)):
        raise Trouble("macro", f"{rest} stands in no call there", None)
    return made


def types_in(given: Mapping[str, ast.CExpr]) -> frozenset[str]:
    """The parameters that are given types."""
    return frozenset(name for name, a in given.items() if isinstance(a, ast.TypeArgument))


def filled(loop: Any, source: Source, end: int, inside: ast.Stmt) -> Any:
    """A macro's text with the statement that follows it; in its place is an ``Empty`` at the ``end`` of the
    text in ``source``."""

    def put(x: Any) -> Any:
        return inside if is_filled(x, source, end) else rebuilt(x, put)

    return put(loop)


def is_filled(x: object, source: Source, end: int) -> bool:
    """Is this where the statement stands that follows a macro?"""
    return isinstance(x, ast.Empty) and x.span.source is source and x.span.start == end


def as_macro(x: ast.ForEachEntry) -> ast.MacroLoop:
    """A loop over structs as the call of a macro."""
    member = () if x.member is None else (within_nothing(x.member),)
    variable = ast.Ident(x.variable, x.head)
    return ast.MacroLoop(x.word, (variable, *x.arguments, *member), x.body, x.head)


def within_nothing(member: ast.CExpr) -> ast.CExpr:
    """A member as it is written: ``f.n``, which ``members.within`` has put into a struct."""
    if isinstance(member, ast.FieldExpr) and isinstance(member.base, ast.Num):
        return ast.Ident(member.name, member.span)
    if isinstance(member, ast.FieldExpr | ast.IndexExpr):
        return replace(member, base=within_nothing(member.base))
    return member


def _bracketed(text: str) -> bool:
    """Is a text all in one pair of brackets?"""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return at == len(text) - 1 and char == ")"
    return False


def named(body: Any, given: Mapping[str, ast.CExpr]) -> Any:
    """A body in which parameters that stand for the names of fields, functions and counters are replaced.
    Raises ``Trouble`` if the argument is no name."""

    types = {name: a.type for name, a in given.items() if isinstance(a, ast.TypeArgument)}

    def put(x: Any) -> Any:
        x = renamed_types(rebuilt(x, put), types)
        attribute = _NAMES.get(type(x))
        if attribute is None or getattr(x, attribute) not in given:
            return x
        name = given[getattr(x, attribute)]
        inner = within(name, x.base) if isinstance(x, ast.FieldExpr) else None
        if inner is not None:
            return inner
        if not isinstance(name, ast.Ident):
            raise Trouble("macro", f"{getattr(x, attribute)} stands for a name there, and is none here", None)
        return replace(x, **{attribute: name.name})

    return put(body) if given else body
