"""``acyclic(r)`` without clauses for most of its cycles: those that a model has are found and forbidden.

A dense relation has far more cycles than any search meets. So its cycles are looked for in each model that
Z3 finds, and Z3 goes on with a clause against each; a model without one is a model of the axiom. Every clause
follows from the axiom, so what cannot be satisfied with some of them cannot be with all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from verifier.program.expressions import bits_in

BROKEN = 100  # that one model is refused for

Clause = tuple[int, ...]


class Watched:
    """A relation whose cycles are looked for in models.

    ``sure``: by event, a mask of those that surely come after it; no sure pair closes a cycle. ``may``: other
    pairs, each with the literal that it is there.
    """

    def __init__(self, sure: list[int], may: Mapping[tuple[int, int], int]) -> None:
        self.sure = [row | 1 << a for a, row in enumerate(sure)]  # an event itself, too
        self.may = may
        self.literals = {abs(x) for x in may.values()}

    def broken(self, value: Callable[[int], bool]) -> list[Clause]:
        """Clauses against cycles of a model; none if it has none. ``value``: of a literal in the model."""
        true = {x for v in self.literals for x in (v if value(v) else -v,)}
        ways: dict[int, list[int]] = {}
        for (a, b), literal in self.may.items():
            if literal in true:
                ways.setdefault(a, []).append(b)
        starts = 0
        for a in ways:
            starts |= 1 << a
        after: dict[int, int] = {}  # where one goes on from the ends of an event's pairs
        for a, ends in ways.items():
            row = 0
            for b in ends:
                row |= self.sure[b]
            after[a] = row & starts
        left = _on_cycles(after)
        found: dict[Clause, None] = {}
        for a in bits_in(left):
            path = _shortest(a, after, left)
            if path:
                literals = {self._literal(x, y, ways) for x, y in pairwise(path)}
                found[tuple(sorted(-x for x in literals))] = None
                if len(found) == BROKEN:
                    break
        return list(found)

    def _literal(self, a: int, b: int, ways: Mapping[int, list[int]]) -> int:
        """That of a pair by which one comes from ``a`` to ``b``."""
        return next(self.may[a, end] for end in ways[a] if self.sure[end] >> b & 1)


def _on_cycles(after: Mapping[int, int]) -> int:
    """The events that are left when those without a way on are taken away, again and again."""
    left = 0
    for a in after:
        left |= 1 << a
    again = True
    while again:
        again = False
        for a in bits_in(left):
            if not after[a] & left:
                left ^= 1 << a
                again = True
    return left


def _shortest(a: int, after: Mapping[int, int], left: int) -> list[int]:
    """A shortest way from an event back to it; empty if there is none."""
    levels, seen = [1 << a], 0
    while not seen >> a & 1:
        row = 0
        for b in bits_in(levels[-1]):
            row |= after[b]
        row &= left & ~seen
        if not row:
            return []
        seen |= row
        levels.append(row)
    path = [a]
    for level in reversed(levels[:-1]):
        path.append(next(b for b in bits_in(level) if after[b] >> path[-1] & 1))
    return path[::-1]
