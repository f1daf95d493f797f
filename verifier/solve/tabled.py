"""Values of expressions, each found once for each choice of values of the slots that it mentions.

Guards share most of their parts, and a part mentions fewer slots than the whole. So few applications of
functions serve many choices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from verifier.program.expressions import Apply, Const, Expr, Ref, large_parts, refs
from verifier.program.functions import apply
from verifier.program.values import Value

Choice = tuple[Value, ...]  # values of the slots that an expression mentions, in ascending order
DEEP = 100  # applications in one another, from which an expression is not evaluated by recursion alone


class Tabled:
    """The values that expressions have been found to have."""

    def __init__(self) -> None:
        self._tables: dict[Apply, _Table] = {}

    def of(self, expr: Apply, choice: Choice) -> Value:
        """The value of an expression where the slots that it mentions return these values."""
        table = self._tables.get(expr)
        if table is None:
            table = self._table(expr)
        value = table.found.get(choice)
        if value is None:
            for part, its in table.deep:
                part.value(its(choice))
            value = table.value(choice)
        return value

    def _table(self, expr: Apply) -> _Table:
        deep = [part for part in large_parts(expr) if part is not expr] if expr.depth > DEEP else []
        for part in deep:
            if part not in self._tables:
                self._tables[part] = self._empty(part)
        table = self._tables[expr] = self._empty(expr)
        slots = list(refs(expr))
        table.deep = [(self._tables[part], _picker(slots, list(refs(part)))) for part in deep]
        return table

    def _empty(self, expr: Apply) -> _Table:
        """A table without values, and tables of the parts."""
        slots, args = list(refs(expr)), list[_Argument]()
        for a in expr.args:
            if isinstance(a, Apply):
                table = self._tables.get(a)
                if table is None:
                    table = self._tables[a] = self._empty(a)
                args.append((table, _picker(slots, list(refs(a)))))
            elif isinstance(a, Ref):
                args.append((None, itemgetter(slots.index(a.slot))))
            else:
                args.append((None, _constant(a)))
        return _Table(expr.function, args)


class _Table:
    """The values of an expression. ``deep``: its large parts, parts before wholes, if it is deep."""

    __slots__ = ("args", "deep", "found", "function")

    def __init__(self, function: str, args: list[_Argument]) -> None:
        self.function, self.args = function, args
        self.found: dict[Choice, Value] = {}
        self.deep: list[tuple[_Table, _Pick]] = []

    def value(self, choice: Choice) -> Value:
        """The value for a choice; those of large parts are known."""
        value = self.found.get(choice)
        if value is None:
            args = [its(choice) if table is None else table.value(its(choice)) for table, its in self.args]
            value = self.found[choice] = apply(self.function, tuple(args))
        return value


_Pick = Callable[[Choice], "Choice"]  # what a part needs of a choice
_Argument = tuple["_Table | None", Callable[[Choice], Any]]


def _picker(slots: Sequence[int], wanted: Sequence[int]) -> _Pick:
    """Picks the values of some of the slots."""
    if len(wanted) == len(slots):
        return lambda choice: choice
    at = [slots.index(s) for s in wanted]
    if len(at) > 1:
        return itemgetter(*at)
    return (lambda choice: (choice[at[0]],)) if at else lambda choice: ()


def _constant(expr: Expr) -> Callable[[Choice], object]:
    assert isinstance(expr, Const)
    return lambda choice: expr.value
