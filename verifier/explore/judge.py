"""The explorer as a judge. It answers the same questions, in the same form, as the Z3 judge."""

from __future__ import annotations

from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.explore.replay import Why
from verifier.explore.rest import Rest
from verifier.explore.search import Exploration, Search, machine_of
from verifier.program.answer import Answer
from verifier.program.events import Program
from verifier.program.expressions import evaluate
from verifier.program.profiles import GENERIC, Switches
from verifier.program.undefined import left_open
from verifier.program.values import UNDEF, Value, truth


def decide(
    program: Program,
    *,
    model: str = "x86-tso",
    switches: Switches = GENERIC,
    budget: Budget | None = None,
    limit_states: int | None = None,
    want_states: bool = False,
    witnesses: bool = True,
    counters: bool | None = None,
    why: Why | None = None,
) -> Answer:
    """Decide a program by running it in all ways.

    ``model``         ``x86-tso``, or ``sc``, which has no store buffers;
    ``switches``      where machines differ;
    ``limit_states``  give up after so many states; ``budget``: after so much time. The answer then tells
                      what was found before, and leaves the rest unknown;
    ``witnesses``     tell a run in which the proposition holds; ``counters``: one in which it fails (None:
                      as ``witnesses``);
    ``why``           says what matters in a run that is told, if it ends.

    Raises ``UsageError`` for an unknown model.
    """
    try:
        budget = budget or Budget()
        budget.enter("making the machine")
        machine = machine_of(program, model, switches, budget)
    except LimitError as limit:
        return Answer(reason=str(limit))
    holding: set[bool] = set()
    asked, decides = left_open(program), set[int]()
    told = {True: witnesses, False: witnesses if counters is None else counters}

    def classes(found: Exploration, state: tuple[Value, ...]) -> object:
        holds = found.holds(state)
        holding.add(holds)
        if UNDEF in state:
            values = found.observed(state)
            decides.update(i for i, expr in asked.items() if truth(evaluate(expr, {}, values)))
        return holds if told[holds] else None

    # Until a run is lost, the search visits every state: this may come up late.
    rest = Rest(machine) if program.stops else None
    search = Search(machine, limit_states, classes, rest=rest, why=why)
    found = search.run(lambda found: any(bad is not None and bad.lost for bad in (found.bad, machine.bad)))
    if found.bad is not None:
        return _beside(found, holding)
    pairs = {(found.project(s), found.holds(s)) for s in found.states} if found.complete else set()
    unknown = None if not found.complete else False
    return Answer(
        reachable=True if True in holding else unknown,
        refutable=True if False in holding else unknown,
        witness=found.traces.get(True),
        counter=found.traces.get(False),
        states=tuple(sorted({s for s, _ in pairs}, key=_sort_key))
        if want_states and found.complete
        else None,
        positive=sum(h for _, h in pairs) if want_states and found.complete else None,
        negative=sum(not h for _, h in pairs) if want_states and found.complete else None,
        cut=found.cut,
        loops=tuple(loop for n, loop in enumerate(dict.fromkeys(program.loops)) if found.cuts >> n & 1),
        deadlock=found.complete and not found.kept,
        reason=found.reason,
        hangs=True if found.rests else unknown,
        hang=found.hang,
        rests=tuple(sorted(found.rests, key=_sort_key)) if want_states and found.complete else None,
        open=tuple(program.observables[i].label for i in asked if i in decides),
    )


def _beside(found: Exploration, holding: set[bool]) -> Answer:
    """A wrong run, and what other runs show all the same: that an outcome occurs, never that none does. What
    some decisions force, they may not force in a wrong run."""
    assert found.bad is not None
    if found.bad.lost:
        return Answer(bad=found.bad, reason=found.bad.told)
    if not found.complete:
        return Answer(bad=found.bad, reason=found.reason)
    runs = {value: found.traces.get(value) for value in (True, False)} if len(holding) == 2 else {}
    plain = {value: run and run._replace(matter=None) for value, run in runs.items()}
    return Answer(
        reachable=True in holding or None,
        refutable=False in holding or None,
        hangs=True if found.rests else None,
        witness=plain.get(True),
        counter=plain.get(False),
        bad=found.bad,
        reason=found.bad.told,
    )


def _sort_key(state: tuple[Value, ...]) -> list[tuple[int, str]]:
    return [(v, "") if isinstance(v, int) else (0, str(v)) for v in state]
