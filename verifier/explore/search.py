"""All runs of the machine: a depth-first search that visits each state once."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product

from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.explore.machine import AbstractMachine
from verifier.explore.reduction import steps as enough
from verifier.explore.replay import Ran, Why, read_in, told_run
from verifier.explore.rest import Rest
from verifier.explore.state import ASTRAY, CUT, WRONG, State, Successor
from verifier.program.events import Program
from verifier.program.expressions import evaluate
from verifier.program.profiles import GENERIC, Switches, under
from verifier.program.trace import Step, Trace
from verifier.program.undefined import Wrong
from verifier.program.values import Value, truth
from verifier.program.waits import Blocked
from verifier.records import dataclass, field

EndState = tuple[Value, ...]
Waiting = Callable[[Mapping[int, Value], Sequence[Step]], tuple[Blocked, ...]]
CUT_BIT = CUT.bit_length()
RUNNING = "running the machine"


def machine_of(
    program: Program, model: str, switches: Switches = GENERIC, budget: Budget | None = None
) -> AbstractMachine:
    """The machine of a program under a model.

    Raises ``UsageError`` for an unknown model, ``LimitError`` if there is no time to make it.
    """
    return AbstractMachine(program, under(model, switches), budget)


@dataclass(slots=True)
class Exploration:
    """The results of a search.

    ``finals``    the observables that make up an end state: indices into ``program.observables``;
    ``states``    their values at the ends of runs, without the states that ``program.filter`` drops;
    ``rests``     what is shown where the machine comes to rest for ever; ``hang``: a run that does;
    ``ended``     some run ended (even if the filter dropped its state); ``kept``: some run ended whose state
                  the filter keeps;
    ``cut``       some run reached the unrolling bound, and ended there; ``cuts``: in which loops, as bits;
    ``bad``       what made a run wrong;
    ``complete``  False if the search stopped at a limit; ``reason`` names the limit;
    ``visited``   how many states with more than one successor the search has seen;
    ``traces``    for each class that ``classes`` gave, a run to the first state of this class.
    """

    program: Program
    finals: tuple[int, ...]
    states: set[EndState] = field(default_factory=set)
    ended: bool = False
    kept: bool = False
    rests: set[EndState] = field(default_factory=set)
    hang: Trace | None = None
    cut: bool = False
    cuts: int = 0
    bad: Wrong | None = None
    complete: bool = True
    reason: str = ""
    visited: int = 0
    traces: dict[object, Trace] = field(default_factory=dict)

    @property
    def trace(self) -> Trace | None:
        """A run to the first state that ``want`` accepted."""
        return self.traces.get(True)

    @property
    def deadlock(self) -> bool:
        """Did the search find out that no run ends?"""
        return self.complete and not self.ended and not self.cut

    def observed(self, state: EndState) -> dict[int, Value]:
        """The values of a state by the index of the observable."""
        return dict(zip(self.finals, state, strict=True))

    def holds(self, state: EndState) -> bool:
        """Does the program's condition hold in a state?"""
        return truth(evaluate(self.program.condition, {}, self.observed(state)))

    def project(self, state: EndState) -> tuple[Value, ...]:
        """A state as users see it: the values of ``program.shown``, in its order."""
        values = self.observed(state)
        return tuple(values[i] for i in self.program.shown)

    @property
    def shown(self) -> set[tuple[Value, ...]]:
        """All states as users see them."""
        return {self.project(state) for state in self.states}


# The class of an end state. The search keeps one run for each class, and none for the class None.
Classes = Callable[[Exploration, EndState], object]


@dataclass(slots=True)
class _Frame:
    """A state with several successors, and the index of the one that the search is in."""

    steps: list[Successor]
    taken: int = -1


class Search:
    """One depth-first search. The state graph has no cycles, because every step uses something up."""

    def __init__(
        self,
        machine: AbstractMachine,
        limit: int | None,
        classes: Classes | None = None,
        reduced: bool = True,
        rest: Rest | None = None,
        why: Why | None = None,
    ) -> None:
        self.machine, self.rest, self.why = machine, rest, why
        self.budget = machine.budget
        self.limit = limit
        self.classes = classes
        self.reduced = reduced
        self.result = Exploration(machine.program, tuple(machine.finals))
        self.frames: list[_Frame] = []
        self.first: State | None = None  # where the run that is looked at began
        self.seen: set[State] = set()
        self.ends: set[tuple[object, ...]] = set()

    def run(self, until: Callable[[Exploration], bool] | None = None) -> Exploration:
        """Search all runs, or stop as soon as ``until`` holds for the results so far."""
        result, frames = self.result, self.frames
        self.budget.phase = RUNNING
        collecting = gc.isenabled()
        gc.disable()  # states are many, and no state is part of a cycle
        try:
            for state in self.machine.initials():
                self.first = state
                self._follow(state)
                self._search(until)
                if frames:
                    break
        except LimitError as limit:
            result.complete, result.reason = False, str(limit)
        finally:
            if collecting:
                gc.enable()
        if result.bad is None or (self.machine.bad is not None and self.machine.bad.lost):
            result.bad = self.machine.bad
        result.complete = result.complete and not frames
        return result

    def _search(self, until: Callable[[Exploration], bool] | None) -> None:
        """Take every branch at the forks on the stack, or stop as soon as ``until`` holds."""
        result, frames = self.result, self.frames
        while frames and result.complete and not (until and until(result)):
            frame = frames[-1]
            frame.taken += 1
            if frame.taken == len(frame.steps):
                frames.pop()
                continue
            self._follow(frame.steps[frame.taken][1])

    def _follow(self, state: State) -> None:
        """Follow a run while it has one next step; put a fork on the stack."""
        seen, machine = self.seen, self.machine
        # For each loop that is cut, one run that ends is enough.
        while not self._known(state):
            known = len(seen)
            seen.add(state)
            if len(seen) == known:
                return
            if known % 1024 == 0:
                self.budget.fits(known * _size(state))
            self.budget.tick()
            if self.rest is not None and self.rest.here(state):
                self._rest(state)
            if machine.aged and machine.final(state):
                self._end(state)  # the run may end here, or the processor may still set A
            steps = enough(machine, state, self.reduced)
            if len(steps) == 1:
                state = steps[0][1]
                continue
            if steps:
                self._count()
                self.frames.append(_Frame(steps))
            elif machine.final(state):
                self._end(state)
            return

    def _known(self, state: State) -> bool:
        """Do runs that were cut as this one was add nothing? They may still be wrong."""
        cuts = self.result.cuts
        return bool(state.ever & CUT) and cuts | state.ever >> CUT_BIT == cuts and not self.machine.decisions

    def _rest(self, state: State) -> None:
        """Record what may be observed where the machine has come to rest."""
        assert self.rest is not None
        result, filtered = self.result, self.machine.program.filter
        if self._wrong(state) or self._cut(state):
            return
        for final, stops, slots in self.rest.finals(state):
            if filtered is not None and not truth(evaluate(filtered, {}, result.observed(final))):
                continue
            result.rests.add(result.project(final))
            waiting = partial(self.rest.waiting, state, stops, slots)
            if result.hang is None:
                result.hang = self._told(state, final, waiting)
            if self.machine.whole.judges_hangs:
                self._reached(state, final, waiting)

    def _count(self) -> None:
        result = self.result
        result.visited += 1
        if self.limit is not None and result.visited > self.limit:
            result.complete, result.reason = False, "too many states"

    def _end(self, state: State) -> None:
        """Record the values that a condition may observe at the end of a run."""
        machine, result = self.machine, self.result
        if self._wrong(state):
            return
        if self._cut(state):
            return
        result.ended = True
        key = (state.memory, state.results, state.tlbs, state.ever)
        if key in self.ends:
            return
        self.ends.add(key)
        filtered = machine.program.filter
        for final in product(*(machine.observed(i, state) for i in machine.finals)):
            self.budget.tick()
            if filtered is not None and not truth(evaluate(filtered, {}, result.observed(final))):
                continue
            result.kept = True
            self._reached(state, final)

    def _cut(self, state: State) -> bool:
        """Is this the end of a run that was cut? Who waits there may wait for what comes behind the cut."""
        if state.ever & CUT:
            self.result.cut = True
            self.result.cuts |= state.ever >> CUT_BIT
        return bool(state.ever & CUT)

    def _wrong(self, state: State) -> bool:
        """Has a run that ends here, or comes to rest, decided by an UNDEF value?"""
        result, machine = self.result, self.machine
        if state.ever & ASTRAY:
            result.bad = machine.astray
        elif state.ever & WRONG and result.bad is None:
            assert self.first is not None
            result.bad = machine.undefined  # this is known, if there is no time for more
            taken = [frame.taken for frame in self.frames]
            result.bad = machine.decided(read_in(machine, self.first, taken, state, self.reduced))
            self.budget.phase = RUNNING
        return bool(state.ever & WRONG)

    def _reached(self, state: State, final: EndState, waiting: Waiting | None = None) -> None:
        """A run that counts ends here; keep one run for each class."""
        result = self.result
        if final in result.states:
            return
        result.states.add(final)
        if len(result.states) % 1024 == 0:
            self.budget.fits(len(result.states) * 2 * sys.getsizeof(final))
        kind = None if self.classes is None else self.classes(result, final)
        if kind is not None and kind not in result.traces:
            result.traces[kind] = self._told(state, final, waiting)

    def _told(self, state: State, final: EndState, waiting: Waiting | None) -> Trace:
        """The run to a state, as a trace."""
        assert self.first is not None
        told = told_run(
            self.machine,
            self.first,
            [frame.taken for frame in self.frames],
            state,
            observed=self.result.observed(final),
            shown=self.result.project(final),
            reduced=self.reduced,
            waiting=waiting,
            why=self.why,
        )
        self.budget.phase = RUNNING
        return told


def _size(state: State) -> int:
    """About how many bytes the search needs for a state."""
    return sum(map(sys.getsizeof, state)) + 1024


def explore(
    program: Program,
    *,
    model: str = "x86-tso",
    switches: Switches = GENERIC,
    limit_states: int | None = None,
    timeout: float | None = None,
    want: Callable[[EndState], object] | None = None,
    first: bool = False,
    traces: bool = False,
    reduced: bool = True,
) -> Exploration:
    """Run a program on the abstract machine, in all ways.

    ``model``         ``x86-tso``, or ``sc``, which has no store buffers;
    ``switches``      where machines differ: see ``profiles``;
    ``limit_states``  give up after so many states; ``timeout``: after so many seconds;
    ``want``          a predicate on end states; ``Exploration.trace`` is a run to the first state that it
                      accepts, and with ``first`` the search stops there;
    ``traces``        instead of ``want``: ``Exploration.traces`` has a run to each end state;
    ``reduced``       False explores every interleaving, even those that add no end state.

    Raises ``UsageError`` for an unknown model.
    """
    machine = machine_of(program, model, switches, Budget(timeout))

    def wanted(_: Exploration, state: tuple[Value, ...]) -> object:
        if traces:
            return state
        return True if want is not None and want(state) else None

    classes: Classes | None = wanted if traces or want is not None else None
    search = Search(machine, limit_states, classes, reduced)
    return search.run((lambda found: found.trace is not None) if first else None)


def find(
    program: Program,
    wanted: Callable[[Mapping[int, Value]], bool],
    *,
    model: str,
    switches: Switches,
    budget: Budget,
    limit_states: int,
) -> Ran | None:
    """A run that ends in observables as they are wanted; None if there is none.

    Raises ``LimitError`` if the search is not complete.
    """
    ran: list[Ran] = []

    def keep(found: Ran) -> Trace:
        ran.append(found)
        return found.trace

    def classes(found: Exploration, state: EndState) -> object:
        return True if wanted(found.observed(state)) else None

    search = Search(machine_of(program, model, switches, budget), limit_states, classes, why=keep)
    found = search.run(lambda _: bool(ran))
    if not ran and not found.complete:
        raise LimitError(found.reason)
    return ran[0] if ran else None
