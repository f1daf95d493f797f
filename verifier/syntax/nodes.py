"""The nodes of a syntax tree, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from operator import attrgetter
from typing import Any

from verifier.source import Span
from verifier.syntax.ast import FieldInit, Function, Initial, Setting, Thread

_LEAVES = frozenset((str, int, bool, type(None), Span))
# By type, what gives the parts of a node; a named tuple, a tuple and a list give their own.
_PARTS: dict[type, Callable[[Any], Iterable[object]]] = {}
_MAX_KEPT = 2000
_EVERY = (object,)  # nodes of all types
# What is gathered of nodes: names, for instance.
Rule = Callable[[Iterable[object]], Set[str]]


class _Kept:
    """A function or thread, the nodes below it, and what rules gathered of them.

    Several readers ask for those of each, and functions of includes are the same objects in all variants and
    tests."""

    def __init__(self, top: object) -> None:
        self.top = top
        below = (node for part in reversed(list(_parts_of(type(top))(top))) for node in nodes(part))
        self.nodes = (top, *below)
        self.gathered: dict[Rule, Set[str]] = {}
        self._of: dict[tuple[type, ...], tuple[object, ...]] = {_EVERY: self.nodes}

    def gather(self, rule: Rule) -> Set[str]:
        """What a rule gathers of the nodes."""
        known = self.gathered.get(rule)
        if known is None:
            known = self.gathered[rule] = rule(self.nodes)
        return known

    def of(self, kinds: tuple[type, ...]) -> tuple[object, ...]:
        """The nodes of some types."""
        known = self._of.get(kinds)
        if known is None:
            known = self._of[kinds] = tuple([node for node in self.nodes if isinstance(node, kinds)])
        return known


_KEPT: dict[int, _Kept] = {}  # by id


def _no_parts(_: object) -> Iterable[object]:
    return ()


def _parts_of(kind: type) -> Callable[[Any], Iterable[object]]:
    """What gives the parts of nodes of a type."""
    if issubclass(kind, tuple | list):
        found: Callable[[Any], Iterable[object]] = iter
    elif issubclass(kind, dict):
        found = kind.values
    else:
        slots = getattr(kind, "__slots__", ())
        found = attrgetter(*slots) if len(slots) > 1 else lambda x: [getattr(x, s) for s in slots]
    _PARTS[kind] = found if kind not in _LEAVES else _no_parts
    return _PARTS[kind]


def parts(node: object) -> Iterable[object]:
    """What a node consists of: nodes, and texts, numbers and places, which are no nodes."""
    kind = type(node)
    return (_PARTS.get(kind) or _parts_of(kind))(node)


def nodes(tree: object) -> Iterator[object]:
    """All nodes of a tree. The nodes of conditions are named tuples."""
    return nodes_of(tree, _EVERY)


def nodes_of(tree: object, kinds: tuple[type, ...]) -> Iterator[Any]:
    """The nodes of some types in a tree, as ``nodes`` has them; found once for each function and thread."""
    pending: list[object] = [tree]
    while pending:
        x = pending.pop()
        kind = type(x)
        if kind in _LEAVES:
            continue
        if kind is Function or kind is Thread:
            yield from _kept(x).of(kinds)
            continue
        if isinstance(x, kinds):
            yield x
        pending += parts(x)


def gathered(tree: object, rule: Rule) -> set[str]:
    """All that ``rule`` gathers of the nodes of a tree. What it gathers of a node depends on that node alone,
    so that it is kept for functions and threads."""
    found: set[str] = set()
    others: list[object] = []
    pending: list[object] = [tree]
    while pending:
        x = pending.pop()
        kind = type(x)
        if kind is Function or kind is Thread:
            found |= _kept(x).gather(rule)
        elif kind not in _LEAVES:
            others.append(x)
            pending += parts(x)
    return found.union(rule(others))


def _kept(x: object) -> _Kept:
    known = _KEPT.get(id(x))
    if known is None:
        if len(_KEPT) >= _MAX_KEPT:
            _KEPT.clear()
        known = _KEPT[id(x)] = _Kept(x)
    return known


def optional_at(item: Initial) -> Span | None:
    """Where an item of the initial state has ``?``; None if nowhere."""
    if isinstance(item, Setting) and item.optional:
        return item.place.span
    return next((x.span for x in nodes(item) if isinstance(x, FieldInit) and x.optional), None)
