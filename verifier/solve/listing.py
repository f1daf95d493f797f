"""A search that lists final states: what Z3 would find one at a time, at less cost for each.

It is a plain search over the clauses. It branches on what is shown first and learns nothing, so its time is
about proportional to the number of states. It has a budget of steps and may give up. Nobody trusts it:
``chosen`` compares each model that it finds with each clause, and Z3 is asked whether there are others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from verifier.budget import Budget
from verifier.errors import InternalError
from verifier.records import dataclass, field

STEPS = 20_000  # assignments that may be in vain, to begin with
EACH = 2_000  # and more of them for each model
LOOK = 256  # so many models, or clauses, pass before one looks at the clock
MODEL_BYTES = 64 << 20  # bytes of models at most
MANY = 4096  # so many models are compared with the clauses at once

Clause = tuple[int, ...]


@dataclass(slots=True)
class Effort:
    """How much a search may do."""

    budget: Budget
    steps: int = STEPS
    size: int = MODEL_BYTES


@dataclass(slots=True)
class Listing:
    """Models of clauses. Each has one byte a variable, 1 where it is true; byte 0 stands for none.
    ``complete``: did the search come to its end?"""

    models: list[bytes] = field(default_factory=list)
    complete: bool = False


def listing(
    rows: Sequence[Clause], variables: int, shown: Sequence[Sequence[int]], effort: Effort
) -> Listing:
    """One model of ``rows`` for each choice of one literal from each of ``shown`` that has a model."""
    found = Listing()
    try:
        search = _Search(variables, effort)
        if search.begin(rows):
            for model in search.models(shown):
                found.models.append(model)
    except _Spent:
        return found
    found.complete = True
    return found


def chosen(rows: Sequence[Clause], models: Sequence[bytes], shown: Sequence[Sequence[int]]) -> set[Clause]:
    """Which literal of each of ``shown`` holds, for all models. Raises ``InternalError`` if a model breaks a
    clause, or if several literals of one choice hold, or none."""
    found: set[Clause] = set()
    for start in range(0, len(models), MANY):
        some = models[start : start + MANY]
        columns = _Columns(some)
        if not all(columns.hold(row) for row in rows):
            raise InternalError("a state that the search has found breaks a clause")
        found.update(zip(*(columns.choice(literals) for literals in shown), strict=True) if shown else [()])
    return found


def refusals(found: Iterable[Clause], shown: Sequence[Sequence[int]]) -> list[Clause]:
    """Clauses that together rule out exactly the choices that are found. Where all literals of the last
    choice are found behind the same ones before it, one shorter clause rules them out."""
    refused: list[Clause] = []
    left = set(found)
    for literals in reversed(shown):
        behind: dict[Clause, int] = {}
        for choice in left:
            behind[choice[:-1]] = behind.get(choice[:-1], 0) + 1
        full = {before for before, count in behind.items() if count == len(literals)}
        refused += [tuple([-x for x in choice]) for choice in left if choice[:-1] not in full]
        left = full
    return refused + [() for _ in left]


class _Columns:
    """Models side by side: for each literal a number with one byte a model, 1 where it holds."""

    def __init__(self, models: Sequence[bytes]) -> None:
        text, width = b"".join(models), len(models[0])
        self.count = len(models)
        self.ones = int.from_bytes(b"\1" * self.count, "little")
        columns = [int.from_bytes(text[v::width], "little") for v in range(width)]
        self.of = columns + [self.ones ^ c for c in columns[:0:-1]]  # a negative literal counts from the end

    def hold(self, row: Clause) -> bool:
        """Does a clause hold in all of them?"""
        held = 0
        for x in row:
            held |= self.of[x]
        return held == self.ones

    def choice(self, literals: Sequence[int]) -> list[int]:
        """The one literal that holds, in each of them."""
        if len(literals) > 255 or sum(self.of[x] for x in literals) != self.ones:  # a sum has a byte a model
            return self._slowly(literals)
        place = sum(at * self.of[x] for at, x in enumerate(literals))
        return [literals[at] for at in place.to_bytes(self.count, "little")]

    def _slowly(self, literals: Sequence[int]) -> list[int]:
        held = [(x, self.of[x].to_bytes(self.count, "little")) for x in literals]
        found = [[x for x, holds in held if holds[model]] for model in range(self.count)]
        if any(len(one) != 1 for one in found):
            raise InternalError("a state that the search has found has several values in one place, or none")
        return [x for (x,) in found]


class _Spent(Exception):
    """The steps, the time or the room for models is used up."""


class _Search:
    """Depth first, with two watched literals for each clause of three or more. Literals index lists: a
    negative one counts from the end."""

    def __init__(self, variables: int, effort: Effort) -> None:
        size = 2 * variables + 1
        self.variables, self.effort, self.steps = variables, effort, effort.steps
        self.true = bytearray(size)
        self.trail: list[int] = []
        self.implied: list[list[int]] = [[] for _ in range(size)]
        self.watches: list[list[list[int]]] = [[] for _ in range(size)]
        self.before = bytes(variables + 1)  # the model before
        self.open: list[int] = []

    def begin(self, rows: Sequence[Clause]) -> bool:
        """Sort the clauses, and see what is sure; False if they have no model.

        Only what stands among several positive literals of a clause is ever decided. Once all of that has
        values and nothing follows from these any more, each clause that does not hold yet has two literals
        without a value, one of which is negative: it holds if all variables that are left are false.
        """
        decided: set[int] = set()
        for number, row in enumerate(rows):
            if number % LOOK == 0:
                self._look()
            positive = [x for x in row if x > 0]
            if len(positive) > 1:
                decided.update(positive)
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
        self.open = [v for v in sorted(decided) if not true[v] and not true[-v]]
        return True

    def models(self, shown: Sequence[Sequence[int]]) -> Iterator[bytes]:
        """A model for each choice from ``shown``."""
        true, trail = self.true, self.trail
        path = [(iter((0,)), -1, len(trail))]  # literals to be tried, their place in ``shown``, their mark
        number, room = 0, self.effort.size // (self.variables + 1)
        while path:
            untried, depth, mark = path[-1]
            self._undo(mark)
            x = next((x for x in untried if not x or not true[-x]), None)
            if x is None:
                path.pop()
                continue
            if x:
                true[x] = 1
                trail.append(x)
                if not self._propagate(mark):
                    continue
            depth += 1
            while depth < len(shown) and any(true[x] for x in shown[depth]):
                depth += 1
            if depth < len(shown):
                path.append((iter(shown[depth]), depth, len(trail)))
            elif self._complete():
                self.before = bytes(true[: self.variables + 1])
                yield self.before
                number += 1
                self.steps += EACH
                if number >= room:
                    raise _Spent
                if number % LOOK == 0:
                    self._look()

    def _look(self) -> None:
        if self.effort.budget.over:
            raise _Spent

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

    def _complete(self) -> bool:
        """Find some model of what is assumed, near the model before."""
        true, trail, before = self.true, self.trail, self.before
        if len(trail) == self.variables:
            return True
        order = [v for v in self.open if not true[v] and not true[-v]]
        decided: list[
            tuple[int, int, bool]
        ] = []  # places on the trail and in ``order``; is it turned already?
        i = 0
        while i < len(order):
            v = order[i]
            if true[v] or true[-v]:
                i += 1
                continue
            x, mark, turned = v if before[v] else -v, len(trail), False
            while True:
                true[x] = 1
                trail.append(x)
                decided.append((mark, i, turned))
                if self._propagate(mark):
                    break
                turned = True
                while turned:  # back to the last decision that was not turned
                    if not decided:
                        return False
                    mark, i, turned = decided.pop()
                    x = -trail[mark]
                    self._undo(mark)
                turned = True
            i += 1
        return True
