"""The concrete interpreter of the model's algebra: plain sets, for one finished execution."""

from __future__ import annotations

from collections.abc import Iterable


class Events(frozenset[int]):
    """A set of events of one execution."""

    __slots__ = ()

    def __mul__(self, other: Events) -> Relation:
        return Relation((a, b) for a in self for b in other)

    def __or__(self, other: Iterable[int]) -> Events:  # type: ignore[override]
        return Events(frozenset(self).union(other))


class Relation(frozenset[tuple[int, int]]):
    """A set of pairs of events of one execution."""

    __slots__ = ()

    def __or__(self, other: Iterable[tuple[int, int]]) -> Relation:  # type: ignore[override]
        return Relation(frozenset(self).union(other))

    def __and__(self, other: frozenset[tuple[int, int]]) -> Relation:  # type: ignore[override]
        return Relation(frozenset(self).intersection(other))

    def __invert__(self) -> Relation:
        return Relation((b, a) for a, b in self)

    def plus(self, others: Iterable[Relation]) -> Relation:
        """This relation with all others."""
        return Relation(frozenset(self).union(*others))

    def irreflexive(self) -> Relation:
        """Without the pairs of an event with itself."""
        return Relation((a, b) for a, b in self if a != b)

    def __matmul__(self, other: frozenset[tuple[int, int]]) -> Relation:
        after: dict[int, list[int]] = {}
        for b, c in other:
            after.setdefault(b, []).append(c)
        return Relation((a, c) for a, b in self for c in after.get(b, ()))

    def cycle(self) -> list[int] | None:
        """A shortest-found cycle as a list of events, or None if the relation is acyclic."""
        after: dict[int, list[int]] = {}
        for a, b in self:
            after.setdefault(a, []).append(b)
        state: dict[int, int] = {}  # 1 on the stack, 2 done
        for root in sorted(after):
            if root in state:
                continue
            stack = [(root, iter(sorted(after.get(root, ()))))]
            state[root] = 1
            while stack:
                node, rest = stack[-1]
                for b in rest:
                    if state.get(b) == 1:
                        path = [n for n, _ in stack]
                        return path[path.index(b) :]
                    if b not in state:
                        state[b] = 1
                        stack.append((b, iter(sorted(after.get(b, ())))))
                        break
                else:
                    state[node] = 2
                    stack.pop()
        return None
