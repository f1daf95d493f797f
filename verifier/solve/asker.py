"""Questions about clauses, one after another: a search answers what it can, and Z3 the rest.

The search of ``listing`` finds a model of a small text before Z3 has read it, and each of its models is
compared with each clause. That there is no model, Z3 says. Only where a run is *told* the search's word is
enough: what is told is the same every time, and the verdict does not rest on it. A command that tells small
runs alone does not load Z3's library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from verifier.budget import Budget
from verifier.solve.clauses import Clauses
from verifier.solve.listing import Finder

if TYPE_CHECKING:
    from verifier.solve.lazily import Watched
    from verifier.solve.together import Clause
    from verifier.solve.z3 import Solver

QUICKLY = 500  # clauses: up to so many, a search in vain costs less than Z3 takes to read them
TELLING = 10_000  # clauses: likewise, where Z3 would need a context of its own


def unused() -> bool:
    """Has this process asked Z3 nothing yet?"""
    return not _begun


_begun: list[bool] = []


class Asker:
    """Asks about some clauses, which may become more. Close it after use (it is a context manager).

    ``fresh``: Z3 gets a context of its own, so that its models are the same every time. ``tells``: what is
    asked is for a run that is told. ``more``: further clauses, which the search does not know. ``liked``:
    what the search supposes first.
    """

    def __init__(
        self, clauses: Clauses, watched: Sequence[Watched], budget: Budget, seed: int, *,
        fresh: bool, tells: bool = False, more: Sequence[Clause] = (), liked: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self.clauses, self.watched, self.budget, self.seed = clauses, watched, budget, seed
        self.fresh, self.tells, self.more = fresh, tells, list(more)
        self.liked = liked
        self._solver: Solver | None = None
        self._known = 0  # clauses that the solver has
        self._finder: Finder | None = None
        self._model: bytes | None = None  # None: the solver has the model

    @property
    def solver(self) -> Solver:
        """Z3, with all clauses that there are now."""
        rows = self.clauses.rows
        if self._solver is None:
            from verifier.solve.z3 import Solver

            _begun[:] = [True]
            text = self.clauses.dimacs([*rows, *self.more] if self.more else None)
            self._solver = Solver(
                text, budget=self.budget, seed=self.seed, fresh=self.fresh, watched=self.watched
            )
        elif self._known < len(rows):
            new = rows[self._known :]
            self._solver.add(new, lambda: self.clauses.dimacs(new))
        self._known = len(rows)
        return self._solver

    def judge(self) -> None:
        """From here on nothing is told: if Z3 has not begun, the context that all tests share will do."""
        self.tells = False
        self.fresh = self.fresh and self._solver is not None

    def check(self, assumptions: Sequence[int]) -> bool | None:
        """Is there a model in which these literals hold? If so, ``value`` reads it. None: nobody knows."""
        found = self._sought(assumptions)
        if isinstance(found, bytes):
            self._model = found
            return True
        return False if found is False and self.tells else self.judged(assumptions)

    def judged(self, assumptions: Sequence[int]) -> bool | None:
        """``check``, by Z3 alone, which knows all clauses."""
        self._model = None
        return self.solver.check(assumptions)

    def value(self, x: int) -> bool:
        """Does a literal hold in the model?"""
        model = self._model
        return self.solver.value(x) if model is None else model[abs(x)] == (x > 0)

    def needed(self, given: Sequence[int], groups: Sequence[Sequence[int]]) -> set[int] | None:
        """Which groups of literals suffice, so that there is no model with these and the ``given`` ones. Of
        two such sets the smaller one, or else what is left where the last groups are left out first. None:
        there is a model with all of them, or nobody knows.
        """
        every = list(range(len(groups)))
        some = _all(given, groups, every)
        sought = self._sought(some) if self.tells else None
        if sought is None:
            if self.judged(some) is not False:
                return None
            core = set(self.solver.core(_all((), groups, every)))
            return {i for i in every if not core.isdisjoint(groups[i])}
        if sought is not False:
            return None
        less, other = (self._least(given, groups, order) for order in (every[::-1], every))
        return set(other if len(other) < len(less) else less)

    def _least(self, given: Sequence[int], groups: Sequence[Sequence[int]], order: list[int]) -> list[int]:
        """``needed``, where each group that can be left out is, in this order."""
        left = order
        for i in order:
            less = [k for k in left if k != i]
            if self._sought(_all(given, groups, less)) is False:
                left = less
        return left

    def add(self, rows: Sequence[Clause]) -> None:
        """Add clauses that only ``judged`` has to know."""
        if self._solver is None:
            self.more += rows
        else:
            self._solver.add(rows, lambda: self.clauses.dimacs(rows))

    def _sought(self, assumptions: Sequence[int]) -> bytes | bool | None:
        """A model, if the search finds one; False: it says that there is none."""
        rows = self.clauses.rows
        if len(rows) > (TELLING if self.tells else QUICKLY) or self.watched:
            return None
        if self._finder is None or self._finder.size != len(rows):
            self._finder = Finder(rows, self.clauses.variables, self.budget, self.liked)
        return self._finder.find(assumptions)

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        if self._solver is not None:
            self._solver.close()


def _all(given: Sequence[int], groups: Sequence[Sequence[int]], some: Sequence[int]) -> list[int]:
    """The ``given`` literals and those of some groups, each once."""
    return list(dict.fromkeys([*given, *(x for i in some for x in groups[i])]))
