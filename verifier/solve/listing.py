"""A search that lists final states: what Z3 would find one at a time, at less cost for each.

It is a plain search over the clauses.  It branches on what is shown first and learns nothing, so its time is
about proportional to the number of states.  It has a budget of steps and may give up.  It is not trusted:
``refuted`` compares all models that it finds with all clauses, and Z3 is asked whether there are others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from verifier.budget import Budget

STEPS = 20_000  # assignments to begin with, and for each state found
EACH = 2_000
LOOK = 256  # so many states pass before one looks at the clock
MANY = 4096  # so many models are compared with the clauses at once
BYTES = 64 << 20  # so many bytes of models at most


class Listing(NamedTuple):
    """Models of clauses; ``models`` has one byte a variable, 1 where it is true, the first one unused."""

    models: list[bytes]
    complete: bool  # did the search come to its end?


def listing(
    rows: Sequence[tuple[int, ...]], variables: int, shown: Sequence[Sequence[int]], budget: Budget
) -> Listing:
    """One model of ``rows`` for each choice of one literal from each of ``shown`` that has a model."""
    search = _Search(rows, variables, shown, budget)
    try:
        if search.begin():
            search.choose(0)
    except _Spent:
        return Listing(search.models, False)
    return Listing(search.models, True)


def refuted(rows: Sequence[tuple[int, ...]], models: list[bytes]) -> bool:
    """Does one of these models break a clause?"""
    for start in range(0, len(models), MANY):
        some = models[start : start + MANY]
        text, width = b"".join(some), len(some[0])
        ones = int.from_bytes(b"\1" * len(some), "little")
        columns = [int.from_bytes(text[v::width], "little") for v in range(width)]
        columns += [ones ^ c for c in columns[:0:-1]]  # a negative literal counts from the end
        for row in rows:
            held = 0
            for x in row:
                held |= columns[x]
            if held != ones:
                return True
    return False


class _Spent(Exception):
    """The steps or the time are over."""


class _Search:
    def __init__(
        self, rows: Sequence[tuple[int, ...]], variables: int, shown: Sequence[Sequence[int]], budget: Budget
    ) -> None:
        self.rows, self.shown, self.budget, self.variables = rows, shown, budget, variables
        size = 2 * variables + 1
        self.true = bytearray(size)  # by literal; a negative one counts from the end
        self.trail: list[int] = []
        self.implied: list[list[int]] = [[] for _ in range(size)]
        self.watches: list[list[list[int]]] = [[] for _ in range(size)]
        self.steps = STEPS
        self.models: list[bytes] = []
        self.phase = [-v for v in range(variables + 1)]  # what each variable was in the model before
        self.open: list[int] = []

    def begin(self) -> bool:
        """Sort the clauses, and see what is sure; False if they have no model."""
        for row in self.rows:
            if len(row) == 1:
                if not self._assume(row[0]):
                    return False
            elif len(row) == 2:
                a, b = row
                self.implied[-a].append(b)
                self.implied[-b].append(a)
            else:
                clause = list(row)
                self.watches[clause[0]].append(clause)
                self.watches[clause[1]].append(clause)
        if not self._propagate(0):
            return False
        true = self.true
        self.open = [v for v in range(1, self.variables + 1) if not true[v] and not true[-v]]
        return True

    def _assume(self, x: int) -> bool:
        if self.true[-x]:
            return False
        if not self.true[x]:
            self.true[x] = 1
            self.trail.append(x)
        return True

    def _propagate(self, at: int) -> bool:
        """Draw all conclusions from the trail after ``at``; False if they contradict."""
        true, trail, implied, watches = self.true, self.trail, self.implied, self.watches
        while at < len(trail):
            p = trail[at]
            at += 1
            for q in implied[p]:
                if not true[q]:
                    if true[-q]:
                        return False
                    true[q] = 1
                    trail.append(q)
            watching = watches[-p]
            i, end = 0, len(watching)
            while i < end:
                clause = watching[i]
                if clause[0] == -p:
                    clause[0], clause[1] = clause[1], -p
                first = clause[0]
                if true[first]:
                    i += 1
                    continue
                for k in range(2, len(clause)):
                    q = clause[k]
                    if not true[-q]:
                        clause[1], clause[k] = q, -p
                        watches[q].append(clause)
                        end -= 1
                        watching[i] = watching[end]
                        watching.pop()
                        break
                else:
                    if true[-first]:
                        return False
                    true[first] = 1
                    trail.append(first)
                    i += 1
        return True

    def _undo(self, mark: int) -> None:
        trail, true = self.trail, self.true
        self.steps -= len(trail) - mark
        for x in trail[mark:]:
            true[x] = 0
        del trail[mark:]
        if self.steps < 0:
            raise _Spent

    def choose(self, depth: int) -> None:
        """List the models of what is assumed, one for each choice from what is shown from ``depth`` on."""
        true, trail, shown = self.true, self.trail, self.shown
        while depth < len(shown) and any(true[x] for x in shown[depth]):
            depth += 1
        if depth == len(shown):
            mark = len(trail)
            if self._complete():
                self._keep()
            self._undo(mark)
            return
        for x in shown[depth]:
            if not true[-x]:
                mark = len(trail)
                true[x] = 1
                trail.append(x)
                if self._propagate(mark):
                    self.choose(depth + 1)
                self._undo(mark)

    def _keep(self) -> None:
        self.models.append(bytes(self.true[: self.variables + 1]))
        self.steps += EACH
        full = len(self.models) * self.variables > BYTES
        if full or (len(self.models) % LOOK == 0 and self.budget.over):
            raise _Spent

    def _complete(self) -> bool:
        """Find some model of what is assumed."""
        true, trail, phase = self.true, self.trail, self.phase
        chosen: list[
            tuple[int, int, bool]
        ] = []  # places on the trail and in ``open``; was it turned already?
        order = self.open
        i = 0
        while i < len(order):
            v = order[i]
            if true[v] or true[-v]:
                i += 1
                continue
            x, mark = phase[v], len(trail)
            turned = False
            while True:
                true[x] = 1
                trail.append(x)
                chosen.append((mark, i, turned))
                if self._propagate(mark):
                    break
                while chosen:
                    mark, i, turned = chosen.pop()
                    x = -trail[mark]
                    self._undo(mark)
                    if not turned:
                        break
                else:
                    return False
                turned = True
            i += 1
        for x in trail:
            phase[abs(x)] = x
        return True
