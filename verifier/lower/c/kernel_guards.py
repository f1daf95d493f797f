"""Lock guards that the files of a tree define (include/linux/cleanup.h): what they begin and end with."""

from __future__ import annotations

import re
from typing import Any

from verifier.kernel.scan import Scanned
from verifier.patterns import pattern
from verifier.records import NamedTuple, replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.kernel import Cutter
from verifier.syntax.rebuilt import rebuilt, substituted
from verifier.syntax.trouble import Trouble
from verifier.words.guards import GUARDED

# The macros that define guards, and which of their arguments is what the guard begins with. What it ends with
# is the next one, and then comes what it keeps.
_FORMS = {"LOCK_GUARD_0": 1, "LOCK_GUARD_1": 2, "GUARD": 2}
_DEFINES = pattern(r"\bDEFINE_(LOCK_GUARD_0|LOCK_GUARD_1|GUARD)\s*\(\s*(\w+)\s*,")
# The macros that define what else takes the lock of a guard, and may fail.
_ATTEMPTS = pattern(r"\bDEFINE_(?:LOCK_GUARD_1|GUARD)_COND(?:_\d)?\s*\(\s*(\w+)\s*,\s*(\w+)\s*,")
SCOPE = "scope"  # the name that scoped_guard() gives to what it keeps
_GOT = "_RET"  # what an attempt gives, in what says whether that is the lock


class _Found(NamedTuple):
    """A definition: its file, what it is, and where it begins and where its name is."""

    file: Scanned
    found: re.Match[str]


def guard_of(cutter: Cutter, x: ast.Guard) -> ast.GuardText | None:
    """The guard of a name that some file of the test defines. Raises ``Trouble`` for text that is not read,
    and where two files differ."""
    one = _only(cutter, _DEFINES, x.name, lambda m: m[2])
    return None if one is None else _read(cutter, one, x)


def attempt_of(cutter: Cutter, x: ast.Guard) -> tuple[str, ast.CExpr] | None:
    """The guard whose lock ``scoped_cond_guard(x, …)`` takes, and whether that was possible, in which ``_T``
    is what it is given. None if no file of the test defines it. Raises ``Trouble`` likewise."""
    one = _only(cutter, _ATTEMPTS, x.name, lambda m: m[1] + m[2])
    if one is None:
        return None
    file, found = one
    given = _arguments(file.active, file.active.index("(", found.start()))
    cutter.decided(file, found.start(), given[-1][1])
    takes, *got = (cutter.statement(file, *at) for at in given[2:4])
    if not isinstance(takes, ast.ExprStmt) or not all(isinstance(g, ast.ExprStmt) for g in got):
        raise Trouble("kernel", "this is no attempt to take a lock", Span(file.source, *found.span()))
    made = _plain(takes.expr)
    for g in got:
        made = substituted(g.expr, {_GOT: made})  # type: ignore[union-attr]
    return found[1], made


def renamed(x: Any, variable: str, keeps: tuple[ast.Declare, ...], names: dict[str, str]) -> Any:
    """Code in which what a guard keeps, ``variable.rq``, is the local of that name."""

    def put(e: Any) -> Any:
        inside = isinstance(e, ast.FieldExpr) and isinstance(e.base, ast.Ident) and e.base.name == variable
        if inside and e.name in names:
            return ast.Ident(names[e.name], e.span)
        return rebuilt(e, put)

    if not keeps or x is None:
        return x
    return tuple(map(put, x)) if isinstance(x, tuple) else put(x)


def _only(cutter: Cutter, form: re.Pattern[str], name: str, named: Any) -> _Found | None:
    """The definition of a name. Raises ``Trouble`` where two files differ."""
    every = [
        _Found(file, found)
        for file in cutter.files.values()
        for found in form.finditer(file.active)
        if named(found) == name
    ]
    texts = {" ".join(_given(file.active, found).split()): _Found(file, found) for file, found in every}
    if len(texts) > 1:
        (one, first), (other, second) = list(texts.values())[:2]
        line = Span(other.source, second.start(), second.end()).line
        said = f"the guard {name} has two meanings here: the other one is in {other.source.name}:{line}"
        span = Span(one.source, first.start(), first.end())
        raise Trouble("kernel", said, span, "name one of these files alone")
    return every[0] if every else None


def _given(active: str, found: re.Match[str]) -> str:
    """The text of all arguments of a macro that defines a guard."""
    opening = active.index("(", found.start())
    return active[opening : max((end for _, end in _arguments(active, opening)), default=opening)]


def _read(cutter: Cutter, one: _Found, x: ast.Guard) -> ast.GuardText:
    """What a definition says, for the guard at one place, whose locals have names of their own."""
    (file, found), first = one, _FORMS[one.found[1]]
    given = _arguments(file.active, file.active.index("(", found.end(1)))
    if len(given) < first + 2:
        raise Trouble("kernel", "this defines no guard", Span(file.source, found.start(), found.end(1)))
    cutter.decided(file, found.start(), given[-1][1])
    begin, last = (_plain(cutter.statement(file, *given[i])) for i in (first, first + 1))
    keeps: list[ast.Declare] = []
    for start, end in given[first + 2 : first + 3]:
        kept = cutter.statement(file, start, end, block=True)
        keeps += [s for s in kept.body if isinstance(s, ast.Declare)] if isinstance(kept, ast.Block) else []
    names = {k.name: f"{k.name}'{x.span.start}" for k in keeps}
    begin, last = (renamed(s, GUARDED, tuple(keeps), names) for s in (begin, last))
    named = tuple(replace(k, name=names[k.name]) for k in keeps)
    return ast.GuardText(begin, last, int(first > 1), named)


def kept_names(own: ast.GuardText) -> dict[str, str]:
    """The names of the locals that a guard keeps, by those of its definition."""
    return {k.name.partition("'")[0]: k.name for k in own.keeps}


def _plain(x: Any) -> Any:
    """``_T->lock``, which is what the guard is given, as ``_T``."""
    x = rebuilt(x, _plain)
    if isinstance(x, ast.FieldExpr) and x.name == "lock" and isinstance(x.base, ast.Ident):
        return x.base if x.base.name == GUARDED else x
    return x


def _arguments(text: str, opening: int) -> list[tuple[int, int]]:
    """Where the arguments of a macro lie, between a bracket and the one that closes it."""
    found, depth, start = [], 0, opening + 1
    for at in range(opening, len(text)):
        char = text[at]
        depth += (char in "([{") - (char in ")]}")
        if depth == 0 or (depth == 1 and char == ","):
            found.append((start, at))
            start = at + 1
        if depth == 0:
            break
    return found
