"""Lock guards that the files of a tree define (include/linux/cleanup.h): what they begin and end with."""

from __future__ import annotations

import re
from typing import Any

from verifier.kernel.scan import Scanned
from verifier.patterns import pattern
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.kernel import Cutter
from verifier.syntax.nodes import nodes
from verifier.syntax.rebuilt import rebuilt
from verifier.syntax.trouble import Trouble
from verifier.words.guards import GUARDED

# The macros that define guards, and which of their arguments is what the guard begins with. What it ends with
# is the next one.
_FORMS = {"LOCK_GUARD_0": 1, "LOCK_GUARD_1": 2, "GUARD": 2}
_DEFINES = pattern(r"\bDEFINE_(LOCK_GUARD_0|LOCK_GUARD_1|GUARD)\s*\(\s*(\w+)\s*,")


def guard_of(cutter: Cutter, name: str) -> ast.GuardText | None:
    """The guard of a name that some file of the test defines. Raises ``Trouble`` for one that keeps more than
    its lock, as ``rq_lock`` does, for text that is not read, and where two files differ."""
    every = [
        (file, found)
        for file in cutter.files.values()
        for found in _DEFINES.finditer(file.active)
        if found[2] == name
    ]
    if not every:
        return None
    texts = {" ".join(_given(file.active, found).split()): (file, found) for file, found in every}
    if len(texts) > 1:
        (one, first), (other, second) = list(texts.values())[:2]
        line = Span(other.source, second.start(), second.end()).line
        said = f"the guard {name} has two meanings here: the other one is in {other.source.name}:{line}"
        span = Span(one.source, first.start(), first.end())
        raise Trouble("kernel", said, span, "name one of these files alone")
    file, found = every[0]
    return _read(cutter, file, found[1], found.start(), found.end(1))


def _given(active: str, found: re.Match[str]) -> str:
    """The text of all arguments of a macro that defines a guard."""
    opening = active.index("(", found.end(1))
    return active[opening : max((end for _, end in _arguments(active, opening)), default=opening)]


def _read(cutter: Cutter, file: Scanned, form: str, at: int, after: int) -> ast.GuardText:
    given = _arguments(file.active, file.active.index("(", after))
    first = _FORMS[form]
    if len(given) < first + 2:
        raise Trouble("kernel", "this defines no guard", Span(file.source, at, after))
    end = given[-1][1]
    cutter.decided(file, at, end)
    begin, last = (_plain(cutter.statement(file, *given[i])) for i in (first, first + 1))
    for x in nodes((begin, last)):
        if isinstance(x, ast.FieldExpr) and isinstance(x.base, ast.Ident) and x.base.name == GUARDED:
            text = "a guard that keeps more than its lock is not read"
            hint = "leave out the function that has it, or write a function of that name in the test"
            raise Trouble("kernel", text, Span(file.source, at, end), hint)
    return ast.GuardText(begin, last, int(first > 1))


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
