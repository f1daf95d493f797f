"""A search that lists final states: what Z3 would find one at a time, at less cost for each.

It is a plain search over the clauses. It branches on what is shown first and learns nothing, so its time is
about proportional to the number of states. It has a budget of steps and may give up. If there are many
states, ``together`` takes its place. Nobody trusts either: ``assignments`` compares each model with each
clause, and Z3 is asked whether there are others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice

from verifier.budget import Budget
from verifier.errors import InternalError
from verifier.records import dataclass, field
from verifier.solve.assignments import Assignments, chosen
from verifier.solve.together import Bundle, Clause, GivenUp, Together

STEPS = 20_000  # assignments that may be in vain, to begin with
EACH = 2_000  # and more of them for each model
LOOK = 256  # so many models, or clauses, pass before one looks at the clock
MODEL_BYTES = 64 << 20  # bytes of models at most
SINGLY = 32  # so many models are found one by one; if there are more, all are looked for together


@dataclass(slots=True)
class Effort:
    """How much a search may do."""

    budget: Budget
    steps: int = STEPS
    size: int = MODEL_BYTES


@dataclass(slots=True)
class Listing:
    """Models of clauses, found one by one or side by side; some may be there twice. ``complete``: did the
    search come to its end?"""

    models: list[bytes] = field(default_factory=list)
    bundles: list[Bundle] = field(default_factory=list)
    complete: bool = False

    def assignments(self) -> Iterator[Assignments]:
        """All models, some at a time."""
        if self.models:
            yield Assignments.of_models(self.models)
        yield from map(Assignments.of_bundle, self.bundles)


def listing(
    rows: Sequence[Clause], variables: int, shown: Sequence[Sequence[int]], effort: Effort
) -> Listing:
    """A model of ``rows`` for each choice of one literal from each of ``shown`` that has a model."""
    found = Listing()
    try:
        search = _Search(variables, effort)
        if search.begin(rows):
            for model in search.models(shown):
                found.models.append(model)
                if len(found.models) == SINGLY:
                    _together(rows, shown, search, found)
                    break
    except (_Spent, GivenUp):
        return found
    found.complete = True
    return found


def _together(
    rows: Sequence[Clause], shown: Sequence[Sequence[int]], search: _Search, found: Listing
) -> None:
    """Find all models side by side; ``search`` decides about candidates for which that is no use."""
    several = Together(rows, search.variables, search.open, search.effort.budget)
    number = 0
    for bundle, unknown in several.bundles(shown):
        if bundle.alive:
            found.bundles.append(bundle.some(bundle.alive))
        for choice in (c for some in unknown for c in some.choices(shown)):
            model = search.completed(choice)
            if model is not None:
                found.models.append(model)
        number += bundle.alive.bit_count()
        if number + len(found.models) >= search.room:
            raise _Spent


class Finder:
    """Finds models of clauses in which some literals hold, for one question after another; the answers do not
    depend on earlier ones. ``size``: so many clauses it knows. ``liked``: literals that it supposes first; of
    all other variables it supposes that they are false."""

    def __init__(
        self, rows: Sequence[Clause], variables: int, budget: Budget, liked: Sequence[int] = ()
    ) -> None:
        self.rows, self.size = list(rows), len(rows)
        self.search = _Search(variables, Effort(budget))
        supposed = bytearray(variables + 1)
        for x in liked:
            supposed[abs(x)] = x > 0
        self.search.before = bytes(supposed)
        self.possible: bool | None = None
        with suppress(_Spent):
            self.possible = self.search.begin(rows)

    def find(self, literals: Sequence[int]) -> bytes | bool | None:
        """A model, with one byte a variable, 1 where it is true; byte 0 stands for none. False: there is
        none. None: the search has given up."""
        if not self.possible:
            return self.possible
        self.search.steps = STEPS
        try:
            model = self.search.completed(literals)
        except _Spent:
            return None
        if model is None:
            return False
        chosen(self.rows, Assignments.of_models([model]), ())
        if not all(model[abs(x)] == (x > 0) for x in literals):
            raise InternalError("a model that the search has found is not what was asked for")
        return model


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
        self.room = effort.size // (variables + 1)  # so many models may be found
        self.sure = 0  # so much of the trail holds in all models

    def begin(self, rows: Sequence[Clause]) -> bool:
        """Sort the clauses, and see what is sure; False if they have no model.

        Only what stands among several positive literals of a clause is ever decided. Once all of that has
        values and nothing follows from these any more, each clause that does not hold yet has two literals
        without a value, one of which is negative: it holds if all variables that are left are false.
        """
        decided: set[int] = set()
        implied, watches = self.implied, self.watches
        for number, row in enumerate(rows):
            if number % LOOK == 0:
                self._look()
            length = len(row)
            if length == 2:
                a, b = row
                if a > 0 and b > 0:
                    decided.update(row)
                implied[-a].append(b)
                implied[-b].append(a)
            elif length == 1:
                if not self._assume(row[0]):
                    return False
            else:
                positive = [x for x in row if x > 0]
                if len(positive) > 1:
                    decided.update(positive)
                clause = list(row)
                watches[row[0]].append(clause)
                watches[row[1]].append(clause)
        if not self._propagate(0):
            return False
        true = self.true
        self.open = [v for v in sorted(decided) if not true[v] and not true[-v]]
        self.sure = len(self.trail)
        return True

    def completed(self, choice: Sequence[int]) -> bytes | None:
        """A model with these literals, if there is one; what was chosen before is forgotten."""
        self._undo(self.sure)
        if all(self._assume(x) for x in choice) and self._propagate(self.sure) and self._complete():
            self.steps += EACH
            return bytes(self.true[: self.variables + 1])
        return None

    def models(self, shown: Sequence[Sequence[int]]) -> Iterator[bytes]:
        """A model for each choice from ``shown``, with one byte a variable, 1 where it is true; byte 0 stands
        for none."""
        true, trail = self.true, self.trail
        path = [(iter((0,)), -1, len(trail))]  # literals to be tried, their place in ``shown``, their mark
        number = 0
        while path:
            untried, depth, mark = path[-1]
            self._undo(mark)
            for x in untried:
                if not x or not true[-x]:
                    break
            else:
                path.pop()
                continue
            if x:
                true[x] = 1
                trail.append(x)
                if not self._propagate(mark):
                    continue
            depth += 1
            while depth < len(shown):
                for known in shown[depth]:
                    if true[known]:
                        break
                else:
                    break
                depth += 1
            if depth < len(shown):
                path.append((iter(shown[depth]), depth, len(trail)))
            elif self._complete():
                self.before = bytes(true[: self.variables + 1])
                yield self.before
                number += 1
                self.steps += EACH
                if number >= self.room:
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
        push = trail.append
        for p in islice(trail, at, None):  # it grows
            for q in implied[p]:
                if not true[q]:
                    if true[-q]:
                        return False
                    true[q] = 1
                    push(q)
            watching = watches[-p]
            if not watching:
                continue
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
                    push(first)
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
