"""The symbolic interpreter of the model's algebra: relations whose pairs carry literals.

The algebra is monotone, and all that is ever said of its results is that they have no cycle. So what its
operators make needs gates in one direction alone: the literal of a pair holds where the pair is in the
result, and it may hold elsewhere, too (Plaisted and Greenbaum 1986). ``SymbolicEvents.add`` and
``SymbolicRelation.add``, by which an encoding fills the relations of a candidate, make exact literals.
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.solve.clauses import NO, YES, Clauses

# By pair, the ways to be in a relation: two literals each, both of which hold.
Ways = dict[tuple[int, int], list[tuple[int, int]]]


class Space:
    """The events that relations are over, and where their gates go."""

    __slots__ = ("clauses", "size")

    def __init__(self, size: int, clauses: Clauses) -> None:
        self.size = size
        self.clauses = clauses


class SymbolicEvents:
    """A set of events; ``sure`` is a bit mask, ``maybe`` maps others to their literals."""

    __slots__ = ("maybe", "space", "sure")

    def __init__(self, space: Space, sure: int = 0, maybe: dict[int, int] | None = None) -> None:
        self.space, self.sure, self.maybe = space, sure, maybe or {}

    def add(self, event: int, literal: int = YES) -> None:
        if literal == YES:
            self.sure |= 1 << event
            self.maybe.pop(event, None)
        elif literal != NO and not self.sure >> event & 1:
            old = self.maybe.get(event)
            self.maybe[event] = literal if old is None else self.space.clauses.either(old, literal)

    def __or__(self, other: SymbolicEvents) -> SymbolicEvents:
        out = SymbolicEvents(self.space, self.sure | other.sure)
        for event in self.maybe.keys() | other.maybe.keys():
            if not out.sure >> event & 1:
                either = ((maybe.get(event, NO), YES) for maybe in (self.maybe, other.maybe))
                out.add(event, self.space.clauses.implied(either))
        return out

    def __mul__(self, other: SymbolicEvents) -> SymbolicRelation:
        out = SymbolicRelation(self.space)
        for a in range(self.space.size):
            if self.sure >> a & 1:
                self.space.clauses.check(len(out.may))
                out.must[a] = other.sure
                for b, literal in other.maybe.items():
                    out.add(a, b, literal)
        for a, mine in self.maybe.items():
            self.space.clauses.check(len(out.may))
            rest, b = other.sure, 0
            while rest:
                low = rest & -rest
                b = low.bit_length() - 1
                out.add(a, b, mine)
                rest ^= low
            for b, literal in other.maybe.items():
                out.add(a, b, self.space.clauses.implied([(mine, literal)]))
        return out


class SymbolicRelation:
    """A relation: ``must`` has a row of sure pairs an event, ``may`` literals for other pairs."""

    __slots__ = ("may", "must", "space")

    def __init__(self, space: Space) -> None:
        self.space = space
        self.must = [0] * space.size
        self.may: dict[tuple[int, int], int] = {}

    def add(self, a: int, b: int, literal: int = YES) -> None:
        """Put a pair in if a literal holds; it may be in by another literal already."""
        if literal == NO or self.must[a] >> b & 1:
            return
        if literal == YES:
            self.must[a] |= 1 << b
            self.may.pop((a, b), None)
            return
        old = self.may.get((a, b))
        if old is None:
            self.may[a, b] = literal
        elif old != literal:
            literal = self.space.clauses.either(old, literal)
            del self.may[a, b]
            self.add(a, b, literal)

    def literal(self, a: int, b: int) -> int:
        """The literal that a pair is in the relation."""
        return YES if self.must[a] >> b & 1 else self.may.get((a, b), NO)

    def may_hold(self, a: int, b: int) -> bool:
        """May a pair be in the relation?"""
        return self.literal(a, b) != NO

    @property
    def empty(self) -> bool:
        """Is there no pair that may be in it?"""
        return not self.may and not any(self.must)

    def copy(self) -> SymbolicRelation:
        out = SymbolicRelation.__new__(SymbolicRelation)
        out.space, out.must, out.may = self.space, self.must[:], dict(self.may)
        return out

    def __or__(self, other: SymbolicRelation) -> SymbolicRelation:
        return self if other.empty else self.plus([other])

    def take(self, other: SymbolicRelation) -> None:
        """Put all pairs of another relation in, each where its literal holds."""
        for a, row in enumerate(other.must):
            self.must[a] |= row
        self.may = {k: v for k, v in self.may.items() if not self.must[k[0]] >> k[1] & 1}
        for (a, b), literal in other.may.items():
            self.add(a, b, literal)

    def plus(self, others: Iterable[SymbolicRelation]) -> SymbolicRelation:
        """This relation with all others, as by ``|``."""
        out, more = self.copy(), Ways()
        may = out.may
        for other in others:
            if other.empty:
                continue
            self.space.clauses.check(len(may))
            if any(other.must):
                out.must = [a | b for a, b in zip(out.must, other.must, strict=True)]
            for pair, literal in other.may.items():
                old = may.setdefault(pair, literal)
                if old != literal:
                    more.setdefault(pair, [(old, YES)]).append((literal, YES))
        if more or any(out.must):
            out.may = {k: v for k, v in may.items() if k not in more and not out.must[k[0]] >> k[1] & 1}
        return out._by(more)

    def __and__(self, other: SymbolicRelation) -> SymbolicRelation:
        out = SymbolicRelation(self.space)
        out.must = [a & b for a, b in zip(self.must, other.must, strict=True)]
        implied = self.space.clauses.implied
        for (a, b), literal in self.may.items():
            if other.must[a] >> b & 1:
                out.may[a, b] = literal
            else:
                theirs = other.may.get((a, b))
                if theirs is not None:
                    out.add(a, b, implied([(literal, theirs)]))
        if any(self.must):
            for (a, b), literal in other.may.items():
                if self.must[a] >> b & 1:
                    out.may[a, b] = literal
        return out

    def _by(self, ways: Ways) -> SymbolicRelation:
        """This relation, with pairs that are in it where one of their ways is."""
        implied = self.space.clauses.implied
        for (a, b), mine in ways.items():
            if not self.must[a] >> b & 1:
                self.add(a, b, implied(mine))
        return self

    def __invert__(self) -> SymbolicRelation:
        out = SymbolicRelation(self.space)
        if self.empty:
            return out
        for a, row in enumerate(self.must):
            bit = 1 << a
            while row:
                low = row & -row
                out.must[low.bit_length() - 1] |= bit
                row ^= low
        out.may = {(b, a): literal for (a, b), literal in self.may.items()}
        return out

    def irreflexive(self) -> SymbolicRelation:
        out = SymbolicRelation(self.space)
        out.must = [row & ~(1 << a) for a, row in enumerate(self.must)]
        out.may = {pair: literal for pair, literal in self.may.items() if pair[0] != pair[1]}
        return out

    def successors(self) -> dict[int, list[tuple[int, int]]]:
        """event -> [(event, literal)]; sure pairs have the literal ``YES``."""
        out: dict[int, list[tuple[int, int]]] = {}
        for a, row in enumerate(self.must):
            if row:
                here = out[a] = []
                while row:
                    low = row & -row
                    here.append((low.bit_length() - 1, YES))
                    row ^= low
        for (a, b), literal in self.may.items():
            out.setdefault(a, []).append((b, literal))
        return out

    def __matmul__(self, other: SymbolicRelation) -> SymbolicRelation:
        out, ways = SymbolicRelation(self.space), Ways()
        if self.empty or other.empty:
            return out
        after = other.successors()
        for a, outs in self.successors().items():
            for b, first in outs:
                here = after.get(b)
                if here is None:
                    continue
                self.space.clauses.check(len(ways))
                for c, second in here:
                    if first == second == YES:
                        out.must[a] |= 1 << c
                    else:
                        ways.setdefault((a, c), []).append((first, second))
        return out._by(ways)
