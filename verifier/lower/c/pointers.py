"""Function pointers: which functions a pointer may lead to, and calls through pointers.

A pointer that only the initial state sets, in a place that is known, leads to one function, and nothing
is loaded. Any other is loaded, and the call is a branch over the functions that the test stores under
that name; where the name gets something else than functions that are named there, over all that it stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.records import dataclass, field
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.words.rows import Locked, Modify, Special, Store, flat
from verifier.words.table import WORDS

_STORES = frozenset({"try_cmpxchg", "cmpxchg_double", "cmpxchg128"})  # special words that store
_FILL = frozenset({"free", "free_rcu"})  # they store to whole structs
# What a function is given to by value.
_PASSING = (ast.CallExpr, ast.PointerCall, ast.Declare, ast.Return, ast.Conditional, ast.OrElse)


@dataclass(slots=True)
class Pointers:
    """``named``: the functions that are stored under the name of a field or an object; ``written``: the
    names that code stores to; ``open``: those that get what is not named there; ``wild``: some store does
    not say to which field."""

    named: dict[str, set[str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    wild: bool = False

    def constant(self, path: str) -> bool:
        """Does only the initial state set ``object.field``, and what it is a part of?"""
        return not self.wild and self.written.isdisjoint(path.split("."))

    def candidates(self, name: str) -> list[str]:
        """The functions that a pointer of a name may lead to; empty: of a local, which may be any."""
        if not name or self.wild or name in self.open:
            return sorted(self.taken)
        return sorted(self.named.get(name, ()))


def pointers(unit: ast.Unit) -> Pointers:
    """Look through a whole test."""
    return _Search(unit).found


class _Search:
    def __init__(self, unit: ast.Unit) -> None:
        self.functions, self.found = unit.functions, Pointers()
        for item in unit.initial:
            if isinstance(item, ast.Object):
                self.initial(item.name, item.value)
            else:
                self.initial(name_of(item.place), item.value)
        for x in nodes((list(unit.functions.values()), unit.threads, unit.nmis)):
            self.code(x)

    def initial(self, name: str, value: object) -> None:
        """An initial value, or a part of one."""
        for item in value.items if isinstance(value, ast.Braced) else (value,):
            if isinstance(item, ast.FieldInit):
                self.initial(item.name, item.value)
            elif isinstance(item, ast.Braced):
                self.initial(name, item)
            else:
                self.given(name, self.mentioned(item))

    def code(self, x: object) -> None:
        """An expression or a statement."""
        if isinstance(x, ast.FieldInit):
            self.stored(x.name, x.value)
        elif isinstance(x, ast.Assign):
            self.stored(name_of(x.target), x.value)
        elif isinstance(x, ast.CallExpr) and x.name in WORDS:
            self.word(x)
        elif isinstance(x, _PASSING):
            self.found.taken |= set(self.mentioned(x))

    def word(self, x: ast.CallExpr) -> None:
        """A word of the vocabulary: what it stores, and where."""
        word = WORDS[x.name]
        self.found.wild |= word.special is not None and word.special.name in _FILL
        special = word.special is not None and word.special.name in _STORES
        stores = special or any(isinstance(y, Store | Locked | Modify) for y in flat(word.effects))
        if not stores or any(isinstance(y, Special) for y in word.effects) != special:
            return
        for at, parameter in enumerate(word.parameters[: len(x.arguments)]):
            if parameter.kind in ("place", "pointer", "percpu", "word") and parameter.name != "old":
                for value in (*x.arguments[:at], *x.arguments[at + 1 :]):
                    self.stored(name_of(x.arguments[at]), value)

    def stored(self, name: str, value: object) -> None:
        """Something is stored under a name; empty: it is not known under which."""
        functions = list(self.mentioned(value))
        self.found.wild |= not name and (bool(functions) or not isinstance(value, ast.Num | ast.Binary))
        if name:
            self.found.written.add(name)
            known = bool(functions) or isinstance(value, ast.Num)
            if not known and not (isinstance(value, ast.Ident) and value.name == "NULL"):
                self.found.open.add(name)
        self.given(name, functions)

    def given(self, name: str, functions: Iterable[str]) -> None:
        """Functions that something of a name may lead to."""
        for function in functions:
            self.found.named.setdefault(name, set()).add(function)
            self.found.taken.add(function)

    def mentioned(self, tree: object) -> Iterator[str]:
        """The functions that a tree names without calling them."""
        yield from (x.name for x in nodes(tree) if isinstance(x, ast.Ident) and x.name in self.functions)


def name_of(place: object) -> str:
    """The field or the object that a place is; empty if it does not say."""
    while True:
        if isinstance(place, ast.IndexExpr):
            place = place.base
        elif isinstance(place, ast.Cast) or (isinstance(place, ast.Unary) and place.op == "&"):
            place = place.operand
        elif isinstance(place, ast.CallExpr) and place.name in WORDS and WORDS[place.name].stands:
            place = place.arguments[0] if place.arguments else None
        else:
            return place.name if isinstance(place, ast.Ident | ast.FieldExpr) else ""
