"""The re-check of an execution: from the program alone, without trust in who produced it.

``check`` runs the program again with the values that the reads are said to have returned.  It compares every
rf pair with what was written, follows every page walk, and interprets the model's equations over concrete
pairs.
"""

from __future__ import annotations

from itertools import pairwise

from verifier.budget import Budget
from verifier.execution.candidate import candidate
from verifier.execution.run import Execution
from verifier.execution.walks import check_walks
from verifier.model import Candidate, Events, Relation, violations
from verifier.model import model as model_of
from verifier.program import arrivals
from verifier.program.expressions import evaluate
from verifier.program.values import FAULT, Value, truth
from verifier.records import NamedTuple

PAIR = 1000  # bytes for two instants of one CPU, about: a few relations have them


class Checked(NamedTuple):
    """An execution, and what the check has found.

    ``wrong`` says everything that is wrong; it is empty if the execution is one of the model.
    ``candidate`` has the base relations; None if the data itself is wrong, so that it has none.
    """

    execution: Execution
    wrong: list[str]
    candidate: Candidate[Relation, Events] | None


def check(x: Execution, budget: Budget | None = None) -> Checked:
    """Check an execution. Raises ``LimitError`` if the time is over."""
    budget, wrong = budget or Budget(), list[str]()
    for part in (_control, _values, check_walks, _order):
        wrong += part(x)
        budget.check()
    if wrong:
        return Checked(x, wrong, None)
    budget.fits(sum(len(line) ** 2 for line in x.lines()) * PAIR)
    made = candidate(x)
    wrong += violations(x.model, made)
    budget.check()
    return Checked(x, wrong, made)


def sequential(checked: Checked) -> Relation:
    """The order that the model sc would ask for in an execution that the check has found right; it has a
    cycle exactly if the execution is none of sc."""
    x, made = checked.execution, checked.candidate
    assert made is not None
    order = model_of(x.model.switches, "sc").axioms[-1].relation(made)
    return order | ((r.write, r.read) for r in x.reads if r.forwarded and r.write is not None)


def _control(x: Execution) -> list[str]:
    """The events whose guards hold are executed; assumptions hold, and no loop was cut."""
    wrong: list[str] = []
    for event in x.program.events:
        if truth(evaluate(event.guard, x.slots)) != (event.id in x.executed):
            wrong.append(f"event {event.id}: executed against its guard")
    for body in map(x.program.bodies.__getitem__, arrivals.merged_sends(x.program, x.slots)):
        if not any(x.program.bodies[b].events[0].id in x.executed for b in body.merges):
            wrong.append(f"{body.name} is sent, and nothing runs for it")
    for expr in x.program.assumes:
        if not truth(evaluate(expr, x.slots)):
            wrong.append("an assumption fails")
    for expr in x.program.cuts:
        if truth(evaluate(expr, x.slots)):
            wrong.append("the run was cut")
    return wrong


def _values(x: Execution) -> list[str]:
    """Each read finds what was written, each slot has what was read, and co orders exactly the writes."""
    wrong: list[str] = []
    written = x.written_at()
    found = {(r.read, r.cell): r.value for r in x.reads}
    for r in x.reads:
        source = x.program.cells[r.cell].init if r.write is None else written.get((r.write, r.cell))
        if source != r.value:
            wrong.append(f"event {r.read} reads {r.value} of {r.cell}, but {source} was written")
    for event in x.program.events:
        if event.id not in x.executed or event.op == "T":
            continue
        for access in event.accesses:
            if access.slot is None:
                continue
            cell = x.cell(event, access)
            value: Value | None = None
            if event.id in x.faults:
                value = FAULT
            elif cell is not None:
                value = found.get((x.fetches.get(event.id, event.id), cell))
            if value is None or x.slots.get(access.slot) != value:
                wrong.append(f"event {event.id} returned {x.slots.get(access.slot)}, not {value}")
    order = {cell: set(events) for cell, events in x.co.items()}
    for event_id, cell in written:
        if event_id not in order.get(cell, ()):
            wrong.append(f"event {event_id} is missing in co of {cell}")
    if sum(map(len, x.co.values())) != len(written):
        wrong.append("co orders events that write nothing")
    return wrong


def _order(x: Execution) -> list[str]:
    """Bodies are in program order, only higher ranks interrupt one; the order has all executed events."""
    wrong: list[str] = []
    seen: list[int] = []
    for cpu, line in enumerate(x.order):
        seen += line
        bodies = [x.program.events[e].body for e in line]
        for body in x.program.bodies:
            mine = [e for e in line if x.program.events[e].body == body.id]
            if mine != sorted(mine) or (mine and body.cpu != cpu):
                wrong.append(f"{body.name} is out of program order")
            if body.rank and mine:
                between = bodies[bodies.index(body.id) : len(bodies) - bodies[::-1].index(body.id)]
                if any(b != body.id and x.program.bodies[b].rank <= body.rank for b in between):
                    wrong.append(f"{body.name} is interrupted")
        for a, b in pairwise(map(x.program.events.__getitem__, line)):
            if a.joined and b.body != a.body and a.id + 1 in x.executed:
                wrong.append(f"event {a.id}: an instruction is interrupted")
        wrong += _batches(x, line)
    if sorted(seen) != sorted(x.executed):
        wrong.append("program order and executed events differ")
    return wrong


def _batches(x: Execution, line: list[int]) -> list[str]:
    """One interrupt runs functions of the call queue one after the other; only an NMI may come between."""
    wrong: list[str] = []
    events, bodies = x.program.events, x.program.bodies
    known = {(a.id, b.id) for a, b in arrivals.batches(x.program)}
    for a, b in x.together:
        if bodies[a].cpu != events[line[0]].cpu if line else True:
            continue
        run = [events[e].body for e in line]
        if (a, b) not in known or a not in run or b not in run:
            wrong.append(f"{bodies[a].name} and {bodies[b].name} cannot share an interrupt")
            continue
        between = {c for c in run[run.index(a) : run.index(b)] if bodies[c].kind != "nmi"} - {a}
        if run.index(a) > run.index(b) or any((a, c) not in x.together for c in between):
            wrong.append(f"{bodies[a].name} and {bodies[b].name} share no interrupt")
    return wrong
