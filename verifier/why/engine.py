"""One question, asked again and again: is the outcome possible without these parts?

The program is encoded once, with its parts optional (``lower.optional``). Each question is one check of one
solver under assumptions, and what the solver learns serves all later ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from verifier.budget import Budget
from verifier.errors import InternalError, LimitError
from verifier.lower.code import Lowered
from verifier.lower.optional import OptionalPart, kept, optional
from verifier.model import Model
from verifier.model.axioms import Equation
from verifier.program.events import Program
from verifier.program.expressions import FALSE
from verifier.program.stops import running
from verifier.records import NamedTuple
from verifier.solve.acyclic import require_acyclic
from verifier.solve.clauses import NO, YES
from verifier.solve.encode import candidates
from verifier.solve.lines import require_lines
from verifier.solve.sites import Literals
from verifier.solve.symbolic import SymbolicRelation
from verifier.solve.z3 import Solver
from verifier.suite.shorten import short_program
from verifier.syntax.test import Test


class Candidates:
    """The candidate executions of a program in which its proposition has a value at the end of a run.

    ``value``: that value; None: the candidates that hang, whatever the proposition says. Otherwise runs that
    hang count only if the condition asks for hangs. ``wrong``: the literal of the candidates, hanging or not,
    of which nothing is known: they access what is no object, decide by an undefined value, or go beyond a
    limit of the model. ``graphs``: by axiom, its rules, each with what it says of the candidates. Raises
    ``LimitError``.
    """

    def __init__(
        self, program: Program, model: Model, value: bool | None = True, budget: Budget | None = None
    ) -> None:
        ends = value is not None and not program.judges_hangs  # is it about runs that end only?
        self.program = running(program) if ends else program
        self.budget = budget or Budget()
        self.encoding, self.execution = candidates(self.program, model, self.budget)
        if ends and program.stops and self.encoding.bad:  # runs that hang may be wrong, too
            self.program = program
            self.encoding, self.execution = candidates(program, model, self.budget)
        e, clauses = self.encoding, self.encoding.clauses
        proposition = e.truth(self.program.condition)
        kept = YES if self.program.filter is None else e.truth(self.program.filter)
        self.wrong = clauses.any(x for x, _ in e.bad)
        self.outcome = e.stuck if value is None else proposition if value else -proposition
        ended = -e.stuck if ends else YES
        self.normal = [x for x in (-e.cut, -self.wrong, kept, ended) if x != YES]
        self.cut = [e.cut, -self.wrong, ended]  # what a run is that goes beyond the bound of a loop
        # What a run is that has the outcome, or is wrong. Where it is asked who hangs, only hanging fails.
        self.failing = self.given
        if self.wrong != NO and value is not None:
            self.failing = [clauses.any((clauses.all(self.given), self.wrong))]
        known: dict[Equation, SymbolicRelation] = {}
        self.graphs = [(axiom.name, list(axiom.relations(self.execution, known))) for axiom in model.axioms]
        self.rows = len(clauses.rows)  # of the encoding in which nothing is ordered yet

    @property
    def given(self) -> list[int]:
        """The literals of the outcome, at the end of a run."""
        return [self.outcome, *self.normal]

    def possible(self, cut: bool = False) -> bool:
        """May the outcome occur, or a run be wrong? With ``cut``: or be behind the bound of a loop? What is
        ordered for this question, ``unordered`` solvers do not know."""
        asked = [given for given in (self.failing, self.cut * cut) if given and NO not in given]
        for _, rules in self.graphs if asked else ():
            self.acyclic(relation for _, relation in rules)
        with self.solver() as solver:
            return any(self.check(solver, given) for given in asked)

    def acyclic(self, rules: Iterable[SymbolicRelation]) -> None:
        """Only candidates in which these relations together have no cycle."""
        require_acyclic(self.execution.none.plus(rules))

    def solver(self, more: Iterable[int] = (), fresh: bool = True, unordered: bool = False) -> Solver:
        """A solver for what is encoded by now, and more literals that hold; ``fresh`` as for ``Solver``.
        ``unordered``: without what makes relations acyclic."""
        clauses = self.encoding.clauses
        rows = clauses.rows[: self.rows] if unordered else clauses.rows
        units = [(x,) for x in more if x != YES]
        return Solver(clauses.dimacs([*rows, *units]), budget=self.budget, fresh=fresh)

    def check(self, solver: Solver, assumptions: Iterable[int]) -> bool:
        """Is there a candidate under these assumptions? Raises ``LimitError``."""
        asked = [x for x in assumptions if x != YES]
        if self.budget.over:
            raise LimitError(self.budget.timeout)
        found = False if NO in asked else solver.check(asked)
        if found is None:
            raise LimitError(self.budget.spent)
        return found


class Engine:
    """Decides an outcome of a program with optional parts. Arguments and errors are as for ``Candidates``;
    ``fresh``: in a context of its own, as ``Solver`` has it. Close it after use (it is a context manager)."""

    def __init__(
        self,
        program: Program,
        parts: Sequence[OptionalPart],
        model: Model,
        value: bool | None = True,
        budget: Budget | None = None,
        fresh: bool = True,
    ) -> None:
        self.candidates = Candidates(program, model, value, budget)
        self.encoding, self.budget = self.candidates.encoding, self.candidates.budget
        slots, options = self.encoding.slots, self.candidates.program.options
        self.on = {part: slots[options[part.name]][1] for part in parts}
        self.shown = [self.encoding.observe(i) for i in self.candidates.program.shown]
        for _, rules in self.candidates.graphs:
            self.candidates.acyclic(relation for _, relation in rules)
        require_lines(self.encoding)
        self.begun = [
            (b, self.encoding.truth(b.guard)) for b in self.candidates.program.begun if b.guard != FALSE
        ]
        self.solver = self.candidates.solver(fresh=fresh)
        self.listing = self.next = self.encoding.clauses.variables + 1  # holds where answers are listed
        self.counted: dict[tuple[OptionalPart, ...], int] = {}
        self.states: list[list[int]] = []  # that runs with all parts end in, once they are listed

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.solver.__exit__()

    def possible(self, present: Iterable[OptionalPart], absent: Iterable[OptionalPart] = ()) -> bool:
        """May the outcome occur where some parts are present, and others absent? A part that is neither may
        be absent; that is the same for parts whose absence allows more."""
        return self._asked(self.candidates.given, present, absent)

    def wrong(self, present: Iterable[OptionalPart], absent: Iterable[OptionalPart] = ()) -> bool:
        """May a run be wrong, so that nothing is known of it?"""
        wrong = self.candidates.wrong
        return wrong != NO and self._asked([wrong], present, absent)

    def fails(self, present: Iterable[OptionalPart], absent: Iterable[OptionalPart] = ()) -> bool:
        """May the outcome occur, or a run be wrong? One question about both."""
        return self._asked(self.candidates.failing, present, absent)

    def _asked(
        self, given: Iterable[int], present: Iterable[OptionalPart], absent: Iterable[OptionalPart]
    ) -> bool:
        """Is there a candidate for which these literals hold, with these parts, and without others?"""
        on, off = [self.on[p] for p in present], [-self.on[p] for p in absent]
        return self.candidates.check(self.solver, [*given, *on, *off])

    def cut(self, present: Iterable[OptionalPart], absent: Iterable[OptionalPart] = ()) -> bool:
        """May a run be cut at the bound of a loop where some parts are present, and others absent? Where the
        outcome is impossible, what comes behind the cut may then have it."""
        cut = self.candidates.cut
        return NO not in cut and self._asked(cut, present, absent)

    def reached(self, part: OptionalPart, present: Iterable[OptionalPart]) -> bool:
        """Does some run with these parts execute the instruction of a part?"""
        e = self.encoding
        mine = (
            x for x in e.program.events if x.span == part.span and x.cpu in part.cpus and part.is_of(x.op)
        )
        done = [e.executed[x.id] for x in mine]
        if part.kind == "reader":
            done += [there for b, there in self.begun if b.span == part.span and b.cpu in part.cpus]
        known: list[int] = [x for x in done if x != NO]
        on = [self.on[p] for p in present]
        return YES in known or any(self.candidates.check(self.solver, [x, *on]) for x in known)

    # -- one question about many parts ------------------------------------------------------------

    def pairs(
        self, parts: Sequence[OptionalPart], spare: Sequence[OptionalPart]
    ) -> Iterator[tuple[OptionalPart, OptionalPart]]:
        """The pairs among the parts ``spare``, none of which is needed alone, that cannot both be missing. Of
        ``parts`` the others are there. If it is asked who hangs: the pairs without which a run hangs."""
        c = self.candidates
        self._count(spare)
        given = [*c.failing, *(self.on[p] for p in parts if p not in spare)]
        while self._listed(given):
            missing = [p for p in spare if not self.holds(self.on[p])]
            if len(missing) != 2:
                raise InternalError(f"the outcome is possible without {[p.text for p in missing]}")
            self._forbid([-self.on[p] for p in missing])
            yield missing[0], missing[1]

    def together(self, parts: Sequence[OptionalPart], spare: Sequence[OptionalPart]) -> list[OptionalPart]:
        """Parts among ``spare`` that cannot all be missing, though any of them can where the others are
        there; of ``parts`` the others are there. Empty: all of ``spare`` can be missing."""
        there, free = [p for p in parts if p not in spare], list(spare)
        if not self.fails(there):
            return []
        for p in spare:
            if self.fails([*there, p]):
                there.append(p)
                free.remove(p)
        return free

    def changing(
        self, parts: Sequence[OptionalPart], spare: Sequence[OptionalPart], most: int
    ) -> list[OptionalPart] | None:
        """Those of the parts ``spare`` without which, each alone, a run ends in another state than all runs
        with all ``parts``. None: there are more than ``most`` states.

        One question is about all of them: a run that ends in a state that is not known, in which at most one
        part is missing.
        """
        c = self.candidates
        left = list(spare)
        self._forbid([self._count(spare)])
        found: list[OptionalPart] = []
        self.states = []
        while left:
            if not self._listed([*c.normal, *(self.on[p] for p in parts if p not in left)]):
                break
            state = [self._held(values) for values in self.shown]
            missing = next((p for p in left if not self.holds(self.on[p])), None)
            if missing is None or c.check(self.solver, [*c.normal, *(self.on[p] for p in parts), *state]):
                self.states.append(state)
                if len(self.states) > most:
                    return None
                self._forbid(state)
            else:
                found.append(missing)
                left.remove(missing)
        return found

    def loses(self, parts: Sequence[OptionalPart], part: OptionalPart) -> bool:
        """Is there a state in which a run with all ``parts`` ends, and none without this one? All states with
        them have been listed: ``changing`` has said that no state is new without it."""
        given = [*self.candidates.normal, -self.on[part], *(self.on[p] for p in parts if p is not part)]
        return not all(self.candidates.check(self.solver, [*given, *state]) for state in self.states)

    def ends(self, parts: Sequence[OptionalPart], *absent: OptionalPart) -> bool:
        """Does a run end where these of the parts are absent?"""
        given = [-self.on[p] if p in absent else self.on[p] for p in parts]
        return self.candidates.check(self.solver, [*self.candidates.normal, *given])

    def _forbid(self, literals: Iterable[int]) -> None:
        """While answers are listed, at least one of these is false."""
        self.solver.forbid([self.listing, *literals])

    def _listed(self, assumptions: Iterable[int]) -> bool:
        """Is there an answer that is not in the list yet?"""
        return self.candidates.check(self.solver, [self.listing, *assumptions])

    def _count(self, spare: Sequence[OptionalPart]) -> int:
        """A literal that holds where two of these parts are missing; in lists of answers, no three are."""
        known = self.counted.get(tuple(spare))
        if known is not None:
            return known
        one = two = NO
        for part in spare:
            missing = -self.on[part]
            now_one, now_two = self.next + 1, self.next + 2
            self.next += 2
            for implied in ((one, -now_one), (missing, -now_one), (two, -now_two), (one, missing, -now_two)):
                self.solver.forbid(implied)
            self._forbid((two, missing))
            one, two = now_one, now_two
        self.counted[tuple(spare)] = two
        return two

    def holds(self, literal: int) -> bool:
        """Does a literal hold in the solution that was found last?"""
        return literal == YES or (literal != NO and self.solver.value(literal))

    def _held(self, values: Literals) -> int:
        """The literal of the value that an observable has in the current model."""
        return next(x for x in values.values() if self.holds(x))

    def core(self, present: Sequence[OptionalPart]) -> list[OptionalPart]:
        """Parts of ``present`` that suffice for the answer no of the last question, which was about
        ``present``."""
        found = set(self.solver.core([x for x in (self.on[p] for p in present) if x != YES]))
        return [p for p in present if self.on[p] in found]


class Opened(NamedTuple):
    """A test with optional parts, and the engine that answers for it. ``gap``: what is taken as given.
    ``bounded``: where parts are missing, it follows loops to their bounds that need none."""

    code: Lowered
    parts: list[OptionalPart]
    engine: Engine
    gap: str
    bounded: bool


def opened(
    test: Test, code: Lowered, model: Model, value: bool, budget: Budget, unroll: int | None = None
) -> Opened:
    """The engine of a test whose outcome is impossible. Raises ``LimitError``, and ``InternalError`` if the
    engine says that it is possible."""
    code, parts = optional(code)
    budget.tell("the test with all parts")
    gap = ""
    locks = [p for p in parts if p.kind == "LOCK"]
    # Loops get longer, and counters get many values, where what updates them is not LOCK'd. And turns that
    # take a lock can be left out only if that is so for each that takes it.
    less = [
        ([p for p in locks if p.loop], "LOCK prefixes in loops are"),
        (locks, "LOCK prefixes are"),
        ([p for p in parts if p.kind in ("LOCK", "lock")], "locks and LOCK prefixes are"),
    ]
    less = [(some, what) for some, what in less if some]
    while True:
        try:
            short, engine = _engine(test, code, parts, model, value, budget, unroll)
            why = _unfit(test, engine, parts)
            if not why or not less:
                return Opened(short, parts, engine, gap, bool(why))
            engine.__exit__()
        except LimitError as limit:
            if budget.over or not less:
                raise
            why = str(limit)
        some, what = less.pop(0)
        gap = f"{what} taken as given ({why})"
        code, parts = kept(code, parts, some)


def _unfit(test: Test, engine: Engine, parts: Sequence[OptionalPart]) -> str:
    """Why an engine does not say of a test with all parts what its verdict says: a loop that needed no bound
    needs one, since a part is optional. Raises ``LimitError``, and ``InternalError`` if the outcome is
    possible; then the engine is closed."""
    try:
        cut = engine.cut(parts)
        if not engine.fails(parts):  # the last question: reasons are made from its answer
            return "else a loop is followed to its bound only" if cut else ""
    except LimitError:
        engine.__exit__()
        raise
    engine.__exit__()
    raise InternalError(f"{test.id}: the outcome is possible with all parts")


def hanging(
    test: Test,
    code: Lowered,
    parts: Sequence[OptionalPart],
    model: Model,
    budget: Budget,
    unroll: int | None = None,
) -> Engine | None:
    """The engine that says whether a run may hang, of code with optional parts; None: nothing in it waits.
    Raises ``LimitError``."""
    _, program = short_program(test, code, model.switches, unroll, budget)
    return Engine(program, parts, model, None, budget) if program.stops else None


def _engine(
    test: Test,
    code: Lowered,
    parts: Sequence[OptionalPart],
    model: Model,
    value: bool,
    budget: Budget,
    unroll: int | None,
) -> tuple[Lowered, Engine]:
    """The engine of a test, and its code without what no run reaches."""
    code, program = short_program(test, code, model.switches, unroll, budget)
    return code, Engine(program, parts, model, value, budget)
