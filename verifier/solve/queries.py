"""The questions that can be asked of a program: reachable, refutable, all final states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from verifier.budget import Budget
from verifier.errors import InternalError, LimitError
from verifier.execution import Checked, Execution, check, sequential
from verifier.execution.decisions import Decision
from verifier.execution.rest import check_rest, hang, stops
from verifier.execution.storyline import Told, tell
from verifier.model import Model
from verifier.model import model as model_of
from verifier.program.answer import Answer
from verifier.program.events import Event, Program
from verifier.program.expressions import evaluate
from verifier.program.judged import Judge, judge
from verifier.program.profiles import GENERIC, Switches
from verifier.program.trace import Matter, Trace
from verifier.program.undefined import Wrong, decision, left_open, no_cell
from verifier.program.values import UNDEF, Value, truth
from verifier.program.waits import Loop
from verifier.records import replace
from verifier.solve.asker import Asker, unused
from verifier.solve.clauses import NO, YES
from verifier.solve.decode import decode
from verifier.solve.encode import after, encode, lost
from verifier.solve.finals import FinalStates, States, held
from verifier.solve.relate_interrupts import without_interrupt
from verifier.solve.together import Clause

# The part of some decisions that forces the outcome; None: some run with these decisions has another one.
Forces = Callable[[Sequence[Decision]], list[Decision] | None]
Why = Callable[[Told, Forces, Budget], Matter]  # what matters in a run that ends


def decide(
    program: Program,
    *,
    model: str = "x86-tso",
    switches: Switches = GENERIC,
    budget: Budget | None = None,
    seed: int = 0,
    want_states: bool = False,
    witnesses: bool = True,
    counters: bool | None = None,
    likely: bool = False,
    why: Why | None = None,
) -> Answer:
    """Decide a program by Z3.

    ``budget`` is for everything; if it ends, the answer says in which phase. With ``witnesses`` a run in
    which the proposition holds is told, with ``counters`` one in which it fails (None: as ``witnesses``).
    ``likely`` says that the outcome is expected to occur; every answer is the same without it. With ``why``,
    which says what matters in a run, a run is told without store buffers if there is such a run. The concrete
    interpreter re-checks every witness before it is told. Raises ``InternalError`` if one is wrong.
    """
    both = {True: witnesses, False: witnesses if counters is None else counters}
    told = frozenset(value for value, wanted in both.items() if wanted)
    try:
        stated = want_states and not told
        asked = _Asked(
            program, model_of(switches, model), budget, seed, why, lazily=not want_states, stated=stated
        )
        return asked.answer(want_states, told, likely)
    except LimitError as limit:
        return Answer(reason=str(limit))


def find(
    program: Program, value: bool, *, model: str, switches: Switches, budget: Budget, why: Why | None = None
) -> Trace | None:
    """The run that ``decide`` tells for a value of the proposition, without its other answers. None: there is
    no such run. Raises ``LimitError``, and ``InternalError`` as ``decide``."""
    asked = _Asked(program, model_of(switches, model), budget, 0, why, lazily=True)
    budget.enter(SOLVING)
    with asked._telling() as asked.solver:
        run = asked._run(value)
        if run is None:
            asked._confirm(asked._having(value))
        return run


def find_hang(program: Program, *, model: str, switches: Switches, budget: Budget) -> Trace | None:
    """A run that hangs, told. None: there is none. Raises ``LimitError``, and ``InternalError`` as
    ``decide``."""
    asked = _Asked(program, model_of(switches, model), budget, 0)
    budget.enter(SOLVING)
    with asked._telling() as asked.solver:
        found = asked._found(asked.resting)
        if found is None:
            asked._confirm(asked.resting)
        return None if found is None else asked._told(found)


def find_wrong(program: Program, *, model: str, switches: Switches, budget: Budget) -> Wrong | None:
    """What ``decide`` says of a wrong run. None: there is none. Raises ``LimitError``."""
    asked = _Asked(program, model_of(switches, model), budget, 0, lazily=True)
    budget.enter(SOLVING)
    with asked._asker(fresh=True) as asked.solver:
        for lost, literal in ((True, asked.lost), (False, asked.bad)):
            found = asked._check([literal])
            if found is None:
                raise LimitError(budget.spent)
            if found:
                return asked._wrong(lost).bad
    return None


SOLVING = "solving"
SHORTENING = 30  # questions to find a shorter run that hangs


class _Asked:
    def __init__(
        self, program: Program, model: Model, budget: Budget | None, seed: int, why: Why | None = None,
        lazily: bool = False, stated: bool = False,
    ) -> None:  # fmt: skip
        """``stated``: only states are asked for, so that these may say whether the proposition holds."""
        self.program, self.seed, self.budget, self.why = program, seed, budget or Budget(), why
        self.encoding = encode(program, model, self.budget, lazily)
        self.solver: Asker  # of one question after the other
        clauses = self.encoding.clauses
        if stated:  # else after the proposition, whose literals come first
            self.shown = [self.encoding.observe(i) for i in program.shown]
        self.judge = self._judge() if stated else None
        self._proposition = None if self.judge else self.encoding.truth(program.condition)
        self.open = (
            {}
            if self.judge
            else {
                program.observables[i].label: self.encoding.truth(expr)
                for i, expr in left_open(program, lambda i: UNDEF in self.encoding.observe(i)).items()
            }
        )
        kept = YES if program.filter is None else self.encoding.truth(program.filter)
        if not stated:
            self.shown = [self.encoding.observe(i) for i in program.shown]
        self.bad = clauses.any(x for x, _ in self.encoding.bad)
        self.lost = lost(self.encoding)
        counted = [-x for x in (self.encoding.cut, self.bad, -kept) if x != NO]
        self.ending = [*counted, *([-self.encoding.stuck] if self.encoding.stuck != NO else [])]
        self.resting = [*counted, self.encoding.stuck]
        self.normal = counted if program.judges_hangs else self.ending

    def _judge(self) -> Judge | None:
        """The proposition as a function of what is shown; None if it is none, or a run may be wrong."""
        if self.encoding.bad or any([UNDEF in values for values in self.shown]):
            return None
        return judge(self.program)

    @property
    def proposition(self) -> int:
        """The literal of the proposition. If states were to say whether it holds, and cannot, its clauses are
        made now."""
        if self._proposition is None:
            self._proposition = self.encoding.truth(self.program.condition)
        return self._proposition

    def _asker(self, fresh: bool, tells: bool = False, more: Sequence[Clause] = ()) -> Asker:
        """Who answers questions about the clauses; ``fresh``, ``tells`` and ``more`` as for ``Asker``."""
        e = self.encoding
        liked = [entry.done for use in e.uses for entry in use.initial]
        liked += [next(iter(values.values())) for values in e.slots if values]
        return Asker(
            e.clauses, e.watched, self.budget, self.seed, fresh=fresh, tells=tells, more=more, liked=liked
        )

    def _telling(self) -> Asker:
        """Who is asked for a run that is told: one that uses what is in TLBs already."""
        return self._asker(fresh=True, tells=True)

    def _confirm(self, wanted: list[int]) -> None:
        """Z3 says, too, that there is no such run. Raises ``LimitError`` if it gives up."""
        found = self._judged(wanted)
        if found is None:
            raise LimitError(self.budget.spent)
        if found:
            raise InternalError("a run that there is was not found")

    def answer(self, want_states: bool, told: frozenset[bool], likely: bool) -> Answer:
        """All answers; ``told`` has the values of the proposition for which a run is to be told.

        Who tells a run asks a solver in a context of its own, so that it is the same one every time. If the
        outcome is likely to occur, that solver answers the other questions, too.
        """
        kinds = (self.ending, self.resting) if want_states else ()
        finals = [self._finals(wanted) for wanted in kinds]
        counted = finals if self.program.judges_hangs else finals[:1]  # whose states the condition is about
        self.budget.enter(SOLVING)
        runs: dict[bool, Trace | None] = {}
        first = True in told and (likely or unused())
        later = bool(told) or self.bad != NO  # something is asked before the states are
        refused = [] if later else self._refused(finals)
        with self._asker(fresh=first, tells=first, more=refused) as self.solver:
            if first:
                runs[True] = self._run(True)
                self.solver.judge()
            if self.bad != NO:
                if self._check([self.lost]):
                    return self._wrong(lost=True)
                if self._check([self.bad]):
                    return self._beside(self._wrong(), runs, told)
            if later:
                self.solver.add(self._refused(finals))
            for final in finals:
                final.confirm(self._judged)
            reachable = True if runs.get(True) else self._reached(True, counted)
            refutable = self._reached(False, counted)
            open_ = tuple(label for label, x in self.open.items() if self._check([x, *self.normal]))
            deadlock = reachable is False and refutable is False
            if self.program.judges_hangs:
                deadlock = self._check(self.ending) is False
            cut = self.encoding.cut != NO and self._check([self.encoding.cut])
            if cut is None:  # what is found holds all the same, and what is not may be beyond the bound
                reachable, refutable, deadlock = reachable or None, refutable or None, False
            known = reachable and refutable and not want_states  # cut runs make no difference
            loops = self._loops() if cut and not known else ()
            hangs = finals[1].any if finals else None
            if hangs is None:
                hangs = self._check(self.resting)
            if None not in (reachable, refutable, hangs):
                for final in finals:
                    final.finish(self.solver, self._judged)
        states = [final.states() for final in finals if final.complete]
        unknown = None in (reachable, refutable, hangs) or len(states) < len(finals)
        unnamed = cut and not known and not loops
        reason = self.budget.spent if unknown or unnamed else ""
        for value in told - runs.keys():
            if reachable if value else refutable:
                with self._telling() as self.solver:
                    runs[value] = self._run(value)
        hung = None
        if hangs and (told or deadlock):
            with self._telling() as self.solver:
                rest = self._found(self.resting)
                hung = None if rest is None else self._told(rest)
        rests = states[1] if len(states) == 2 else None
        ends = None if rests is None else states[0] | rests if self.program.judges_hangs else states[0]
        return Answer(
            reachable,
            refutable,
            witness=runs.get(True),
            counter=runs.get(False),
            states=_listed(ends),
            positive=None if ends is None else sum(holds for _, holds in ends),
            negative=None if ends is None else sum(not holds for _, holds in ends),
            cut=cut is not False,
            deadlock=deadlock,
            reason=reason,
            loops=loops,
            hangs=hangs,
            hang=hung,
            rests=_listed(rests),
            open=open_,
        )

    def _beside(self, wrong: Answer, runs: dict[bool, Trace | None], told: frozenset[bool]) -> Answer:
        """A wrong run, and what others show all the same: that an outcome occurs, never that none does."""
        self.why = None  # what some decisions force, they may not force in a wrong run
        reached = True if runs.get(True) else self._check(self._having(True))
        refuted, rests = self._check(self._having(False)), self._check(self.resting)
        reachable, refutable = reached or None, refuted or None
        if None in (reached, refuted, rests):
            wrong = replace(wrong, reason=self.budget.spent)
        if reachable and refutable:
            for value in told:
                with self._telling() as self.solver:
                    runs[value] = self._run(value)
        return replace(
            wrong,
            reachable=reachable,
            refutable=refutable,
            hangs=rests or None,
            witness=runs.get(True) if refutable else None,
            counter=runs.get(False),
        )

    def _finals(self, wanted: list[int]) -> FinalStates:
        return FinalStates(self.encoding.clauses, wanted, self.judge or self.proposition, self.shown)

    def _refused(self, finals: Sequence[FinalStates]) -> list[Clause]:
        """Look for final states: the clauses that rule out what is found."""
        return [row for final in finals for row in final.search(self.budget)]

    def _reached(self, value: bool, counted: Sequence[FinalStates]) -> bool | None:
        """May the proposition have a value in a run that counts? The states of such runs may say it."""
        known = [final.having(value) for final in counted]
        if True in known or (known and None not in known):
            return True in known
        return self._check(self._having(value))

    def _wrong(self, lost: bool = False) -> Answer:
        """That a run is wrong, and why. ``lost``: by an access."""
        wrong = [e for x, e in self.encoding.bad if x == YES or self.solver.value(x)]
        wrong.sort(key=after)
        first = {e.body: e for e in reversed(wrong)}.values()  # what follows in its body is a part of it
        what = next(e for e in first if isinstance(e, Event) or not lost)
        slots = {
            n: next(v for v, y in x.items() if y == held(self.solver, list(x.values())))
            for n, x in enumerate(self.encoding.slots)
            if x
        }
        if isinstance(what, Event):
            bad = no_cell(self.program, what, slots)
        else:
            bad = decision(self.program, what, slots)
        return Answer(bad=bad._replace(lost=lost), reason=bad.told)

    def _loops(self) -> tuple[Loop, ...]:
        """The loops in which some run is cut. Each is asked for by itself, so that they are the same every
        time."""
        cuts = self.encoding.cuts.items()
        return tuple(loop for loop, done in cuts if done != NO and self._check([done]))

    def _check(self, assumptions: list[int]) -> bool | None:
        """Is there a run in which these literals hold? None: the time is over, or nobody knows."""
        return self._answered(self.solver.check, assumptions)

    def _judged(self, assumptions: list[int]) -> bool | None:
        """``_check``, by Z3 alone."""
        return self._answered(self.solver.judged, assumptions)

    def _answered(self, ask: Callable[[Sequence[int]], bool | None], assumptions: list[int]) -> bool | None:
        if self.budget.over:
            return None
        if NO in assumptions:
            return False
        found = ask([a for a in assumptions if a != YES])
        if found is None:
            self.budget.feel()
        return found

    def _run(self, value: bool) -> Trace | None:
        """A run in which the proposition has a value, if there is one, and time left to find it."""
        found = self._found(self._having(value), value)
        if found is None or self.why is None or stops(found.execution):
            return None if found is None else self._told(found)
        if sequential(found).cycle():
            found = self._without_buffers(value) or found
        told = tell(found, self.budget)
        self.budget.enter("finding out what matters in a run")
        matter = self.why(told, lambda decided: self._forced(decided, value), self.budget)
        self.budget.enter(SOLVING)
        return told.trace._replace(matter=matter)

    def _having(self, value: bool) -> list[int]:
        """Literals of the runs that count, and in which the proposition has a value."""
        return [self.proposition if value else -self.proposition, *self.normal]

    def _without_buffers(self, value: bool) -> Checked | None:
        """A run of the model sc in which the proposition has a value, if there is one that ends; None if it
        is not found in half of the time that is left."""
        budget = self.budget.half()
        try:
            sc = model_of(self.encoding.model.switches, "sc")
            asked = _Asked(self.program, sc, budget, self.seed, lazily=True)
            with asked._telling() as asked.solver:
                return asked._found([*asked._having(value), -asked.encoding.stuck], value)
        except LimitError:
            return None

    def _forced(self, decided: Sequence[Decision], value: bool) -> list[Decision] | None:
        """A part of some decisions with which the proposition has a value in every run; None: there is none,
        or the solver gives up."""
        other = self._having(not value)
        if self.budget.over:
            return None
        if NO in other:
            return []
        groups = [[x for x in self._literals(d) if x != YES] for d in decided]
        needed = self.solver.needed([x for x in other if x != YES], groups)
        return None if needed is None else [d for i, d in enumerate(decided) if i in needed]

    def _literals(self, d: Decision) -> list[int]:
        """The literals of a decision."""
        e = self.encoding
        if d.kind == "found":
            return [e.observed[d.at][d.value]]
        if d.kind == "read" and d.event is not None:  # who reads something comes there
            return [e.slots[d.at][d.value], e.executed[d.event.id]]
        if d.kind != "last":
            return [e.slots[d.at][d.value]]
        assert d.cell is not None
        writes = [w for w in e.writes if d.cell in w.where]
        if d.event is None:
            return [-w.where[d.cell] for w in writes]
        last = next(w for w in writes if w.node == d.event.id)
        pairs = ((w.where[d.cell], e.co_literal(w, last)) for w in writes if w is not last)
        return [last.where[d.cell], *(-done if first == NO else first for done, first in pairs)]

    def _told(self, checked: Checked) -> Trace:
        """A run's story; of one that hangs, with who waits where at its end."""
        told = tell(checked, self.budget).trace
        if stops(checked.execution):
            told = told._replace(waits=hang(checked.execution).told())
        self.budget.enter(SOLVING)
        return told

    def _found(self, wanted: list[int], value: bool | None = None) -> Checked | None:
        """A run as it is wanted, checked again; ``value``: that of the proposition, if it was asked for."""
        for plain in self._plain():
            if plain and self._check([*wanted, *plain]):
                wanted = [*wanted, *plain]
                break
        else:
            if not self._check(wanted):
                return None
        if self.encoding.stuck != NO and self.solver.value(self.encoding.stuck):
            self._shorten([*wanted, self.encoding.stuck])
        self.budget.enter("reading a run from the solver")
        execution = decode(self.encoding, self.solver)
        self.budget.enter("checking a run again")
        checked = self._recheck(execution, value)
        self.budget.enter("telling a run")
        return checked

    def _plain(self) -> Iterator[list[int]]:
        """Literals of a run that is easy to follow: without walks served by a store buffer, without accessed
        flags that are set for no reason, without stale faults; and at first without calls that a CPU finds by
        itself, where there may be some (MMR 8.12)."""
        e = self.encoding
        rare = [s.literal for s in e.sources if s.forwarded] + [u.done for u in e.updates]
        rare += [u.stale for u in e.uses]
        plain = [-x for x in rare if x != NO]
        own = {-x for x in without_interrupt(e).values() if x != NO}
        if own:
            yield [*plain, *own]
        yield plain

    def _shorten(self, wanted: list[int]) -> None:
        """Find a run that hangs in which little is done for nothing; the model is one that is as wanted.

        What cannot be had is found out quickly, and each new model takes long. So many are tried together."""
        rare = [x for x in self._needless() if x not in (YES, NO)]
        have = {x for x in rare if self.solver.value(x)}
        at, size, tries = 0, len(rare), SHORTENING
        while at < len(rare):
            if rare[at] in have or tries == 0:
                wanted = [*wanted, rare[at]] if rare[at] in have else wanted
                at += 1
                continue
            some = rare[at : at + size]
            tries -= 1
            if self._check([*wanted, *some]):
                have = {x for x in rare if self.solver.value(x)}
                size *= 2
            elif len(some) == 1:
                at += 1
            else:
                size = len(some) // 2
        found = self._check(wanted)
        if found is None:
            raise LimitError(self.budget.spent)
        if not found:
            raise InternalError("a run that hangs is lost")

    def _needless(self) -> Iterator[int]:
        """Literals of what need not be in a run that hangs, the most telling ones first: that an NMI does not
        strike, that a handler or a body does not wait, that none is sent, that an event is not executed."""
        e = self.encoding
        yield from (-e.ran[b.id] for b in self.program.bodies if b.kind == "nmi")
        stops = zip(self.program.stops, e.stops, strict=True)
        waits = [(stop.kind != "pending", -x) for stop, x in stops if stop.kind != "interrupted"]
        yield from (x for _, x in sorted(waits, key=lambda wait: wait[0]))
        yield from (-e.ran[b.id] for b in self.program.bodies if b.send is not None)
        yield from (-x for x in reversed(e.executed))

    def _recheck(self, execution: Execution, value: bool | None) -> Checked:
        checked = check(execution, self.budget)
        wrong, condition = checked.wrong, self.program.condition
        wrong = wrong or check_rest(execution)
        if not wrong and value is not None:
            found = truth(evaluate(condition, execution.slots, execution.values()))
            wrong = [] if found == value else ["the proposition has another value"]
        if wrong:
            raise InternalError("a witness does not re-check: " + "; ".join(wrong))
        return checked


def _listed(states: States | None) -> tuple[tuple[Value, ...], ...] | None:
    """States as answers have them: each once, in order."""
    if states is None:
        return None
    shown = {s for s, _ in states}
    if all(type(value) is int for s in shown for value in s):
        return tuple(sorted(shown))
    return tuple(sorted(shown, key=lambda s: tuple(map(_key, s))))


def _key(value: Value) -> tuple[int, str]:
    return (value, "") if isinstance(value, int) else (0, str(value))
