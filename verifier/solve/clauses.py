"""Literals, gates and clauses. A literal is a DIMACS integer; variable 1 is the constant true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from verifier.budget import Budget

YES = 1  # the literal that always holds
NO = -1  # the literal that never holds
EVERY = 32  # so many calls of ``check`` pass before one looks
BLOCK = 10_000  # so many clauses are turned into text at once
CLAUSE, PAIR = 1900, 200  # bytes, about: a clause, here and in Z3; a pair of a relation
MANY = 32  # ``at_most_one`` compares the pairs of up to so many literals; it counts more of them


class Clauses:
    """A growing formula in conjunctive normal form, with structurally shared gates."""

    __slots__ = ("_calls", "_gates", "_implied", "budget", "rows", "variables")

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self._calls = 0
        self.variables = 1
        self.rows: list[tuple[int, ...]] = [(YES,)]
        self._gates: dict[tuple[int, ...], int] = {}
        self._implied: dict[tuple[tuple[int, ...], ...], int] = {}

    def check(self, pairs: int = 0) -> None:
        """Raise ``LimitError`` if the time is over, or if the clauses and so many pairs of relations exceed
        the memory."""
        self._calls -= 1
        if self._calls < 0:
            self._calls = EVERY
            self.budget.check()
            self.budget.fits(len(self.rows) * CLAUSE + pairs * PAIR)

    def new(self) -> int:
        """A fresh variable."""
        self.variables += 1
        return self.variables

    def add(self, *literals: int) -> None:
        """Add a clause. ``YES`` makes it vanish; ``NO`` drops out."""
        if YES in literals:
            return
        if NO in literals:
            literals = tuple(x for x in literals if x != NO)
        self.rows.append(literals or (NO,))

    def both(self, a: int, b: int) -> int:
        """The literal of ``a and b``."""
        if a == YES or a == b:
            return b
        if b == YES:
            return a
        if a == NO or b == NO or a == -b:
            return NO
        if a > b:
            a, b = b, a
        gate = self._gates.get((a, b))
        if gate is None:
            gate = self.new()
            self._gates[a, b] = gate
            self.rows += ((-gate, a), (-gate, b), (gate, -a, -b))
        return gate

    def either(self, a: int, b: int) -> int:
        """The literal of ``a or b``."""
        return -self.both(-a, -b)

    def all(self, literals: Iterable[int]) -> int:
        """The literal of a conjunction."""
        found: dict[int, None] = {}
        for x in literals:
            if x == NO or -x in found:
                return NO
            if x != YES:
                found[x] = None
        out = list(found)
        if not out:
            return YES
        if len(out) <= 2:
            return out[0] if len(out) == 1 else self.both(*out)
        key = tuple(sorted(out))
        gate = self._gates.get(key)
        if gate is None:
            gate = self.new()
            self._gates[key] = gate
            self.rows += [(-gate, x) for x in out]
            self.rows.append((gate, *(-x for x in out)))
        return gate

    def any(self, literals: Iterable[int]) -> int:
        """The literal of a disjunction."""
        return -self.all([-x for x in literals])

    def implied(self, ways: Iterable[tuple[int, int]]) -> int:
        """A literal that holds where both literals of one of these pairs hold; it may hold elsewhere, too."""
        found: set[tuple[int, ...]] = set()
        for a, b in ways:
            if a == YES or a == b:
                if b == YES:
                    return YES
                if b != NO:
                    found.add((b,))
            elif b == YES:
                if a != NO:
                    found.add((a,))
            elif a != NO and b != NO and a != -b:
                found.add((a, b) if a < b else (b, a))
        if not found:
            return NO
        key = tuple(sorted(found)) if len(found) > 1 else tuple(found)
        if len(key) == 1 and len(key[0]) == 1:
            return key[0][0]
        if len(key) > 1 and any(len(way) == 1 and (-way[0],) in found for way in key):
            return YES
        gate = self._implied.get(key)
        if gate is None:
            gate = self._implied[key] = self.new()
            self.rows += [(gate, *[-x for x in way]) for way in key]
        return gate

    def at_most_one(self, literals: list[int]) -> None:
        """Add clauses: at most one of these holds."""
        rows = self.rows
        if len(literals) > MANY:
            before = literals[0]
            for a in literals[1:]:
                rows.append((-before, -a))
                before, last = self.new(), before
                rows += ((-last, before), (-a, before))
            return
        for i, a in enumerate(literals):
            for b in literals[:i]:
                rows.append((-a, -b))

    def one_hot(self, count: int) -> list[int]:
        """``count`` new literals; exactly one of them holds. Two share one variable."""
        if count == 1:
            return [YES]
        if count == 2:
            a = self.new()
            return [a, -a]
        out = [self.new() for _ in range(count)]
        self.rows.append(tuple(out))
        self.at_most_one(out)
        return out

    def dimacs(self, rows: Sequence[tuple[int, ...]] | None = None) -> str:
        """The formula as DIMACS text, or one of these clauses over the same variables."""
        rows = self.rows if rows is None else rows
        blocks = [f"p cnf {self.variables} {len(rows)}\n"]
        for i in range(0, len(rows), BLOCK):
            self.check()
            block = rows[i : i + BLOCK]
            form = "".join([_LINES[len(row)] for row in block])
            blocks.append(form % tuple(chain.from_iterable(block)))
        return "".join(blocks)


class _Lines(dict[int, str]):
    """The form of a line of DIMACS by the number of its literals."""

    def __missing__(self, literals: int) -> str:
        made = self[literals] = "%d " * literals + "0\n"
        return made


_LINES = _Lines()
