"""Locks that a word takes for those of another kind, and sleeping locks in memory that is freed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.patterns import pattern
from verifier.source import Diagnostic
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.words.guards import GUARDS
from verifier.words.table import WORDS

Calls = Sequence[tuple[str, ast.CExpr]]

# The words that a lock of each type is for.
_WORDS = {
    "spinlock_t": pattern(r"(raw_)?spin_"),  # the two are alike here
    "raw_spinlock_t": pattern(r"(raw_)?spin_"),
    "rwlock_t": pattern(r"(read|write)_(un|try)?lock"),
    "struct mutex": pattern(r"mutex_"),
    "struct rw_semaphore": pattern(r"(down|up)_(read|write)|downgrade_write"),
    "struct semaphore": pattern(r"(down|up)(_interruptible|_killable|_trylock)?$|sema_init"),
    "local_lock_t": pattern(r"local_(un)?lock"),
}


# These may look at the lock once more when another CPU has taken it already, to wake who waits:
# Documentation/locking/mutex-design.rst; rwsem_wake(), kernel/locking/rwsem.c.
_LOOK_BACK = frozenset({"mutex_unlock", "up_read", "up_write"})


def mistaken(unit: ast.Unit) -> list[Diagnostic]:
    """Errors about locks in the code of a test, and warnings. An object of another type, such as an ``int``,
    may be a lock of any kind."""
    types = [x.type for x in unit.initial if isinstance(x, ast.Object)]
    types += [f.type for s in unit.structs for f in s.fields]
    if not any(kind.base in _WORDS for kind in types):
        return []
    names = _Names(unit)
    own = (f for f in unit.functions.values() if not f.kernel)
    found = _taken((*own, *unit.threads.values(), *unit.nmis))
    calls = list({(word, argument.span): (word, argument) for word, argument in found}.values())
    return [*_others(names, calls), *_freed(names, calls)]


def _others(names: _Names, calls: Calls) -> Iterator[Diagnostic]:
    """Locks of another kind than a word takes."""
    for word, argument in calls:
        kind = names.kind(argument)
        takes = [known for known, words in _WORDS.items() if words.match(word)]
        if not takes or kind in takes or kind not in _WORDS:
            continue
        text = f"{word}() takes a {takes[0]}, and this is a {kind}"
        hint = f"use the words of a {kind}, or declare a {takes[0]}"
        yield Diagnostic("lock", text, argument.span, hint)


def _freed(names: _Names, calls: Calls) -> Iterator[Diagnostic]:
    """Objects that are freed, and in which a lock is given back that may be looked at later."""
    held: dict[str, str] = {}  # by the type of the object, a word
    for word, argument in calls:
        while isinstance(argument, ast.Unary):
            argument = argument.operand
        if word in _LOOK_BACK and isinstance(argument, ast.FieldExpr):
            held.setdefault(names.kind(argument.base), word)
    for word, argument in calls:
        back = held.get(names.kind(argument), "") if word in WORDS and WORDS[word].group == "Freeing" else ""
        if back:
            text = f"in the kernel, {back}() may look at the lock when another CPU has taken it already, and"
            hint = "the model does not show that; a spin_unlock() is over with its store"
            text = f"{text} then this frees it"
            yield Diagnostic("freed-lock", text, argument.span, hint, severity="warning")


def _taken(code: object) -> Iterator[tuple[str, ast.CExpr]]:
    """Calls and guards with their words, and what these take first."""
    for x in nodes(code):
        if isinstance(x, ast.CallExpr) and x.arguments:
            yield x.name, x.arguments[0]
        elif isinstance(x, ast.Guard) and x.arguments and x.name in GUARDS:
            yield GUARDS[x.name].begin, x.arguments[0]


class _Names:
    """The types with which objects, parameters, locals and fields are declared."""

    def __init__(self, unit: ast.Unit) -> None:
        self.objects: dict[str, set[str]] = {}
        self.fields = {s.name: {f.name: f.type.base for f in s.fields} for s in unit.structs}
        for x in nodes((unit.initial, unit.functions, unit.threads, unit.nmis)):
            if isinstance(x, ast.Object | ast.Parameter | ast.Declare):
                self.objects.setdefault(x.name, set()).add(x.type.base)

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
