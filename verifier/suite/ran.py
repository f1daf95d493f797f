"""Runs of the explorer as executions: checked against the axioms, and with the line that matters."""

from __future__ import annotations

from verifier.budget import Budget
from verifier.execution import Checked, Execution, From, Walk, check, combined
from verifier.explore import Ran
from verifier.model import model as model_of


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
        flushes=facts.flushes,
        snapshots=facts.snapshots,
        past=facts.past(),
        choices={name: pairs for name, pairs in facts.orders().items()},
        together=frozenset(facts.together),
        observed={
            i: value for i, value in facts.observed.items() if facts.program.observables[i].kind == "ever"
        },
    )


def checked(ran: Ran, model: str, budget: Budget | None = None) -> Checked:
    """A run of the explorer, checked as an execution of the axioms."""
    return check(execution(ran, model), budget)
