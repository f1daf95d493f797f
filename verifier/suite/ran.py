"""Runs of the explorer as executions: checked against the axioms, and with the line that matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifier import explore
from verifier.budget import Budget
from verifier.errors import InternalError, LimitError
from verifier.execution import Checked, Execution, From, Walk, check, combined, sequential
from verifier.execution.arcs import linked
from verifier.execution.decisions import Decision
from verifier.execution.matter import matter
from verifier.execution.storyline import Told, tell
from verifier.explore import Ran
from verifier.explore.orders import chosen, past
from verifier.model import model as model_of
from verifier.program.events import Program
from verifier.program.expressions import evaluate, has
from verifier.program.profiles import Switches
from verifier.program.trace import Trace
from verifier.program.values import Value, truth
from verifier.program.waits import Wait
from verifier.records import NamedTuple, replace

FORKS = 20_000  # forks that a search for another run may see


def execution(ran: Ran, model: str) -> Execution:
    """A run of the explorer, under one of ``profiles.MODEL_NAMES``, as an execution."""
    facts = ran.facts
    switches = facts.machine.switches
    return Execution(
        program=facts.program,
        model=model_of(switches, model),
        executed=facts.executed,
        slots=facts.slots,
        order=facts.order,
        reads=[From(*took) for took in facts.reads.values()],
        co=facts.co,
        issues=facts.issues,
        walks=[
            Walk(
                w.kind,
                w.use,
                cpu=w.cpu,
                va=w.va,
                tag=w.tag,
                levels=w.levels,
                content=combined(w.levels) if w.content is None else w.content,
                event=w.event,
                observable=w.observable,
            )
            for w in facts.walks
        ],
        faults=facts.faults,
        dirty=facts.dirty,
        unaged=frozenset(facts.unaged),
        fetches=facts.fetches,
        loads={event: tuple(loads) for event, loads in facts.loads.items()},
        flushes=facts.flushes,
        snapshots=facts.snapshots,
        past=past(facts),
        choices={name: pairs for name, pairs in chosen(facts).items()},
        together=frozenset(facts.together),
        observed={
            i: value for i, value in facts.observed.items() if facts.program.observables[i].kind == "ever"
        },
    )


def checked(ran: Ran, model: str, budget: Budget | None = None) -> Checked:
    """A run of the explorer, checked as an execution of the axioms."""
    return check(execution(ran, model), budget)


class _End(NamedTuple):
    """Where a run ends: the values that it has read, and what its condition finds."""

    slots: Mapping[int, Value]
    observed: Mapping[int, Value]


class Telltale:
    """Says what matters in the runs that the explorer tells of a program."""

    def __init__(self, program: Program, model: str, switches: Switches, budget: Budget) -> None:
        self.program, self.model, self.switches, self.budget = program, model, switches, budget

    def told(self, ran: Ran) -> Trace:
        """The story of a run with what matters in it, or that of a run without store buffers that has the
        same outcome; without what matters, if that takes more than half of the time that is left. The other
        half is for the search."""
        sharing = Telltale(self.program, self.model, self.switches, self.budget.half())
        try:
            return sharing._told(ran)
        except LimitError:
            return ran.trace

    def _told(self, ran: Ran) -> Trace:
        found = self._checked(ran, self.model)
        value = self._holds(ran.facts.observed)
        if ran.trace.buffers or sequential(found).cycle():
            plain = self._without_buffers(value)
            if plain is not None:
                ran, found = plain, self._checked(plain, "sc")
        if ran.trace.buffers:  # in an order in which no store waits that need not
            told = tell(found, self.budget)
        else:
            told = Told(found, linked(found, ran.trace), ran.facts.turns)
        self.budget.enter("finding out what matters in a run")
        forcing = _Forcing(self, found.execution, value)
        return told.trace._replace(matter=matter(told, forcing.part, self.budget))

    def _checked(self, ran: Ran, model: str) -> Checked:
        """The run as an execution. Raises ``InternalError`` if the axioms do not have it."""
        found = checked(ran, model, self.budget)
        if found.wrong:
            raise InternalError("the axioms do not allow a run of the explorer: " + "; ".join(found.wrong))
        return found

    def _holds(self, observed: Mapping[int, Value]) -> bool:
        return truth(evaluate(self.program.condition, {}, observed))

    def _without_buffers(self, value: bool) -> Ran | None:
        """A run of the model sc in which the proposition has a value, if there is one that ends; None if it
        is not found in half of the time that is left."""
        try:
            return explore.find(
                self.program,
                lambda observed: self._holds(observed) == value,
                model="sc",
                switches=self.switches,
                budget=self.budget.half(),
                limit_states=FORKS,
            )
        except LimitError:
            return None

    def other(self, value: bool, kept: Sequence[Decision], finals: Mapping[int, Value]) -> Ran | None:
        """A run with these decisions in which the proposition has not this value; ``finals``: observables
        that some of the decisions ask for. Raises ``LimitError`` if the search is not complete."""
        given = [has(d.at, d.value) for d in kept if d.kind in _SLOTS]
        program = replace(
            self.program,
            assumes=[*self.program.assumes, *given],
            waits=[*self.program.waits, *(Wait(0, "") for _ in given)],
        )
        return explore.find(
            program,
            lambda seen: self._holds(seen) != value and all(seen[i] == v for i, v in finals.items()),
            model=self.model,
            switches=self.switches,
            budget=self.budget,
            limit_states=FORKS,
        )


_SLOTS = ("read", "strikes", "kernel")


class _Forcing:
    """Finds a part of a run's decisions with which every run has its outcome. It looks for a run with
    another outcome, adds a decision that this run does not share, and so on, until there is none.

    A decision about who writes a cell last counts as one about its last value; that is enough.
    """

    def __init__(self, finding: Telltale, x: Execution, value: bool) -> None:
        self.finding, self.x, self.value = finding, x, value
        self.ends: list[_End] = []  # of runs with the other outcome

    def part(self, decided: Sequence[Decision]) -> list[Decision] | None:
        """A part of some decisions that forces the outcome; None: some run with all of them has another
        one, or the search has given up."""
        if self.finding.program.judges_hangs:
            return None  # a run that hangs may have the other outcome
        kept: list[Decision] = []
        ends = iter(self.ends)
        while True:
            end = next((e for e in ends if all(self._shares(e, d) for d in kept)), None)
            if end is None:
                try:
                    end = self._other(kept)
                except LimitError:
                    self.finding.budget.check()
                    return None
                if end is None:
                    return [d for d in decided if d in kept]
            apart = next((d for d in decided if not self._shares(end, d)), None)
            if apart is None or apart in kept:
                return None
            kept.append(apart)

    def _other(self, kept: Sequence[Decision]) -> _End | None:
        finals = {i: v for d in kept for i, v in self._finals(d).items()}
        ran = self.finding.other(self.value, kept, finals)
        if ran is None:
            return None
        self.ends.append(_End(ran.facts.slots, ran.facts.observed))
        return self.ends[-1]

    def _shares(self, end: _End, d: Decision) -> bool:
        """Has another run made the same decision?"""
        if d.kind in _SLOTS:
            return end.slots.get(d.at) == d.value
        return all(end.observed[i] == v for i, v in self._finals(d).items())

    def _finals(self, d: Decision) -> dict[int, Value]:
        """What a decision says about observables of the end; an ``ever`` sums up what its instant finds."""
        o = self.x.program.observables[d.at] if d.kind == "found" else None
        if o is not None:
            return {d.at: d.value} if o.at is None or o.kind == "ever" else {}
        if d.kind != "last" or d.cell is None:
            return {}
        observables = enumerate(self.x.program.observables)
        mine = [i for i, o in observables if o.kind == "mem" and o.cell == d.cell and o.at is None]
        return dict.fromkeys(mine, self.x.final(d.cell))
