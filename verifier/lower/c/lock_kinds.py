"""Locks that a word takes for those of another kind, and sleeping locks in memory that is freed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.nodes import nodes_of
from verifier.words.declared import LOCK_WORDS, locks_of
from verifier.words.guards import GUARDS
from verifier.words.table import WORDS

Call = tuple[str, ast.CExpr, "_Names"]  # a word, what it takes first, and what names mean there

# These may look at the lock once more when another CPU has taken it already, to wake who waits:
# Documentation/locking/mutex-design.rst; rwsem_wake(), kernel/locking/rwsem.c.
_LOOK_BACK = frozenset({"mutex_unlock", "up_read", "up_write"})


def mistaken(unit: ast.Unit) -> list[Diagnostic]:
    """Errors about locks in the code of a test, and warnings. An object of another type, such as an ``int``,
    may be a lock of any kind."""
    types = [x.type for x in unit.initial if isinstance(x, ast.Object)]
    types += [f.type for s in unit.structs for f in s.fields]
    if not any(kind.base in LOCK_WORDS for kind in types):
        return []
    fields = {s.name: {f.name: f.type.base for f in s.fields} for s in unit.structs}
    calls: dict[tuple[str, Span], Call] = {}
    own = (f for f in unit.functions.values() if not f.kernel)
    for code in (*own, *unit.threads.values(), *unit.nmis):
        names = _Names(unit, code, fields)
        for word, argument in _taken(code):
            if word in WORDS and word not in unit.functions:
                calls[word, argument.span] = word, argument, names
    return [*_others(calls.values()), *_freed(calls.values())]


def _others(calls: Iterable[Call]) -> Iterator[Diagnostic]:
    """Locks of another kind than a word takes."""
    for word, argument, names in calls:
        kind = names.kind(argument)
        takes = locks_of(word)
        if takes and kind in LOCK_WORDS and kind not in takes:
            text = f"{word}() takes a {takes[0]}, and this is a {kind}"
            hint = f"use the words of a {kind}, or declare a {takes[0]}"
            yield Diagnostic("lock", text, argument.span, hint)


def _freed(calls: Iterable[Call]) -> Iterator[Diagnostic]:
    """Objects that are freed, and in which a lock is given back that may be looked at later."""
    held: dict[str, str] = {}  # by the type of the object, a word
    for word, argument, names in calls:
        while isinstance(argument, ast.Unary):
            argument = argument.operand
        if word in _LOOK_BACK and isinstance(argument, ast.FieldExpr) and names.kind(argument.base):
            held.setdefault(names.kind(argument.base), word)
    for word, argument, names in calls:
        back = held.get(names.kind(argument)) if WORDS[word].group == "Freeing" else None
        if back:
            text = f"in the kernel, {back}() may look at the lock when another CPU has taken it already, and"
            text = f"{text} then this frees it"
            hint = "the model does not show that; a spin_unlock() is over with its store"
            yield Diagnostic("freed-lock", text, argument.span, hint, severity="warning")


def _taken(code: object) -> Iterator[tuple[str, ast.CExpr]]:
    """Calls and guards with their words, and what these take first."""
    for x in nodes_of(code, (ast.CallExpr, ast.Guard)):
        if isinstance(x, ast.CallExpr) and x.arguments:
            yield x.name, x.arguments[0]
        elif isinstance(x, ast.Guard) and x.arguments and x.name in GUARDS:
            yield GUARDS[x.name].begin, x.arguments[0]


class _Names:
    """The types with which the objects, parameters, locals and fields are declared that a body may name."""

    def __init__(self, unit: ast.Unit, code: object, fields: Mapping[str, Mapping[str, str]]) -> None:
        self.fields = fields
        self.objects: dict[str, set[str]] = {}
        for x in nodes_of(code, (ast.Parameter, ast.Declare)):
            self.objects.setdefault(x.name, set()).add(x.type.base)
        for x in unit.initial:
            if isinstance(x, ast.Object):
                self.objects.setdefault(x.name, {x.type.base})

    def kind(self, e: ast.CExpr) -> str:
        """The type of what an expression leads to, without pointers; empty if that is not clear."""
        while isinstance(e, ast.Unary | ast.IndexExpr):
            if isinstance(e, ast.Unary) and e.op not in ("&", "*"):
                return ""
            e = e.operand if isinstance(e, ast.Unary) else e.base
        if isinstance(e, ast.Ident):
            kinds = self.objects.get(e.name, set())
            return next(iter(kinds)) if len(kinds) == 1 else ""
        if isinstance(e, ast.FieldExpr):
            return self.fields.get(self.kind(e.base).removeprefix("struct "), {}).get(e.name, "")
        return ""
