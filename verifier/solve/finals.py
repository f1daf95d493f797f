"""The final states of a kind of runs: a search finds them, and Z3 says that there are no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from verifier.budget import Budget
from verifier.program.judged import Judge
from verifier.program.values import Value
from verifier.solve.asker import Asker
from verifier.solve.assignments import chosen, refusals
from verifier.solve.clauses import NO, YES, Clauses
from verifier.solve.listing import Effort, listing
from verifier.solve.sites import Literals
from verifier.solve.together import Clause

States = set[tuple[tuple[Value, ...], bool]]  # what is shown, and whether the proposition holds
QUICK = 20_000  # clauses, up to which Z3 is asked for other states before it is asked for anything else


class FinalStates:
    """The final states of the runs in which some literals hold, the ``wanted`` ones.

    A state is what is ``shown``, and whether the ``proposition`` holds: a function of what is shown, or a
    literal. If what is shown leaves it open, both of its values count. A new variable guards what Z3 must not
    find again: other questions do not see that.
    """

    def __init__(
        self, clauses: Clauses, wanted: Sequence[int], proposition: int | Judge, shown: Sequence[Literals]
    ) -> None:
        self.clauses, self.wanted, self.proposition, self.shown = clauses, wanted, proposition, shown
        self.observed = list(shown)
        if isinstance(proposition, int):  # in this order few clauses rule out what is found
            self.observed.insert(0, {v: x for v, x in ((1, proposition), (0, -proposition)) if x != NO})
        self.variables, self.guard = clauses.variables, clauses.new()
        self.found: set[Clause] = set()
        self._states: tuple[int, States] = (0, set())  # of so many that are found
        self.complete = NO in wanted  # does Z3 say that there are no others?
        self.quick = False  # can it be asked at once?

    def search(self, budget: Budget) -> list[Clause]:
        """Look for states. The clauses that rule out what is found, for runs in which the guard holds."""
        if self.complete or budget.over:
            return []
        rows = [*self.clauses.rows, *((x,) for x in self.wanted)]
        shown = [list(o.values()) for o in self.observed]
        seen = listing(rows, self.variables, shown, Effort(budget))
        for models in seen.assignments():
            self.found |= chosen(rows, models, shown)
            if budget.over:
                return []  # what is found may still say what can occur
        self.quick = seen.complete and len(rows) <= QUICK
        return [(-self.guard, *row) for row in refusals(self.found, shown, budget)]

    def confirm(self, check: Callable[[list[int]], bool | None]) -> None:
        """If what is found seems to be all, and few clauses say so, ask Z3 whether there are others."""
        if self.quick:
            self.complete = check([*self.wanted, self.guard]) is False

    def finish(self, solver: Asker, check: Callable[[list[int]], bool | None]) -> None:
        """Let Z3 find the others, one at a time. If it gives up, they are not complete."""
        while not self.complete:
            some = check([*self.wanted, self.guard])
            if some is None:
                return
            if some:
                choice = tuple(held(solver, list(o.values())) for o in self.observed)
                self.found.add(choice)
                solver.add([tuple([-x for x in (self.guard, *choice)])])
            self.complete = not some

    def having(self, value: bool) -> bool | None:
        """Does the proposition have this value in some state? None: in none that is known."""
        known = value in {holds for _, holds in self.states()}
        return True if known else False if self.complete else None

    @property
    def any(self) -> bool | None:
        """Are there states? None: none is known."""
        return True if self.found else False if self.complete else None

    def states(self) -> States:
        """The states that are found."""
        if self._states[0] != len(self.found):
            self._states = len(self.found), set(self._read())
        return self._states[1]

    def _read(self) -> Iterator[tuple[tuple[Value, ...], bool]]:
        proposition, values = self.proposition, [{x: value for value, x in o.items()} for o in self.shown]
        if isinstance(proposition, int):
            for first, *rest in self.found:
                yield tuple([at[x] for at, x in zip(values, rest, strict=True)]), first == proposition
        else:
            for choice in self.found:
                shown = tuple([at[x] for at, x in zip(values, choice, strict=True)])
                yield shown, proposition(shown)


def held(solver: Asker, literals: Sequence[int]) -> int:
    """The literal that holds in the solver's model, where exactly one of them does."""
    return next((x for x in literals[:-1] if x == YES or solver.value(x)), literals[-1])
