"""One question, asked again and again: is the outcome possible without these parts?

The program is encoded once, with its parts optional (``lower.optional``). Each question is one check of one
solver under assumptions, and what the solver learns serves all later ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.lower.optional import Part
from verifier.model import Model
from verifier.program.events import Program
from verifier.program.stops import running
from verifier.solve.clauses import NO, YES
from verifier.solve.encode import candidates, require
from verifier.solve.z3 import Solver


class Engine:
    """Decides an outcome of a program with optional parts.

    ``value``: the outcome is that the program's proposition has this value at the end of a run. Runs that
    hang do not count. ``fresh``: in a context of its own, as ``Solver`` has it. Raises ``LimitError``.
    Close it after use (it is a context manager).
    """

    def __init__(
        self,
        program: Program,
        parts: Sequence[Part],
        model: Model,
        value: bool = True,
        budget: Budget | None = None,
        fresh: bool = True,
    ) -> None:
        self.program, self.model = running(program), model
        self.budget = budget or Budget()
        self.encoding, self.execution = candidates(self.program, model, self.budget)
        e, clauses = self.encoding, self.encoding.clauses
        proposition = e.truth(self.program.condition)
        kept = YES if self.program.filter is None else e.truth(self.program.filter)
        bad = clauses.any(x for x, _ in e.bad)
        self.outcome = proposition if value else -proposition
        self.normal = [x for x in (-e.cut, -bad, kept) if x != YES]
        self.shown = [e.observe(i) for i in self.program.shown]
        self.on = {part: e.slots[self.program.options[part.name]][1] for part in parts}
        self.candidates = clauses.dimacs()
        require(e, self.execution)
        self.solver = Solver(clauses.dimacs(), budget=self.budget, fresh=fresh)

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.solver.__exit__()

    def check(self, assumptions: Iterable[int]) -> bool:
        """Is there an execution under these assumptions? Raises ``LimitError``."""
        asked = [x for x in assumptions if x != YES]
        if self.budget.over:
            raise LimitError(self.budget.timeout)
        found = False if NO in asked else self.solver.check(asked)
        if found is None:
            raise LimitError(self.budget.timeout)
        return found

    def possible(self, present: Iterable[Part], absent: Iterable[Part] = ()) -> bool:
        """May the outcome occur where some parts are present, and others absent? A part that is neither may
        be absent; that is the same for parts whose absence allows more."""
        on, off = [self.on[p] for p in present], [-self.on[p] for p in absent]
        return self.check([self.outcome, *self.normal, *on, *off])

    def core(self, present: Sequence[Part]) -> list[Part]:
        """Parts of ``present`` without which the outcome is not possible, either; the last question was
        about ``present``."""
        found = set(self.solver.core([x for x in (self.on[p] for p in present) if x != YES]))
        return [p for p in present if self.on[p] in found]
