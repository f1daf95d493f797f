"""What excludes an outcome where no cycle does: what is sent comes in every run, and values have to fit."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.errors import InternalError
from verifier.model import Model
from verifier.program.events import Body, Event, Program
from verifier.program.expressions import Expr, Ref, call
from verifier.program.waits import place
from verifier.records import replace
from verifier.solve.z3 import Solver
from verifier.why.answers import Excluded
from verifier.why.engine import Candidates

_COMES = {
    "handler": ("the interrupt of {}", "is handled", "[8.3]"),
    "nmi": ("the NMI of {}", "strikes", "[12.1]"),
    "callback": ("the callback of {}", "runs", "[18.3]"),
}  # fmt: skip


def excluded(known: Candidates, model: Model, value: bool, file: str) -> Excluded:
    """What excludes an outcome of a program, of whose candidates none has it. None of what has to come could
    be left out. Raises ``LimitError``."""
    bodies = known.program.bodies
    sent = [b for b in bodies if b.kind != "thread" and (b.send is not None or b.choice is None)]
    free, slots = _free(known.program, sent)
    candidates = Candidates(free, model, value, known.budget) if sent else known
    on = {candidates.encoding.slots[slot][1]: body for slot, body in slots.items()}
    with candidates.solver(candidates.given, unordered=True) as solver:
        if not candidates.check(solver, on):
            return Excluded(False, _needed(candidates, solver, on, file))
    for _, rules in candidates.graphs:
        candidates.acyclic(relation for _, relation in rules)
    with candidates.solver(candidates.given) as solver:
        if candidates.check(solver, on):
            raise InternalError("an outcome that is excluded is possible")
        return Excluded(True, _needed(candidates, solver, on, file))


def _needed(candidates: Candidates, solver: Solver, on: Mapping[int, Body], file: str) -> tuple[str, ...]:
    """What has to come, of which the solver has found that all of it excludes the outcome."""
    needed = solver.core(list(on))
    for literal in list(needed):
        rest = [x for x in needed if x != literal]
        if not candidates.check(solver, rest):
            needed = rest
    return tuple(dict.fromkeys(_comes(on[x], file) for x in needed))


def _free(program: Program, sent: list[Body]) -> tuple[Program, dict[int, Body]]:
    """The program in which nothing that is sent need come, and the slots that say of each whether it does."""
    slots = {program.slots + i: body for i, body in enumerate(sent)}
    own = {body.id: Ref(slot) for slot, body in slots.items()}
    comes: dict[int, tuple[Expr, ...]] = {}
    for body in program.bodies:  # what sends a body is before it
        above = comes[body.send.body] if body.send is not None else ()
        comes[body.id] = (*above, own[body.id]) if body.id in own else above
    events = [_under(event, comes[event.body]) for event in program.events]

    def freed(b: Body) -> Body:
        send = None if b.send is None else events[b.send.id]
        guard = call("and", *comes[b.id], b.guard)
        return replace(b, events=[events[e.id] for e in b.events], guard=guard, send=send)

    names = {f"comes {body.id}": slot for slot, body in slots.items()}
    return replace(
        program,
        slots=program.slots + len(slots),
        events=events,
        bodies=[freed(b) for b in program.bodies],
        options={**program.options, **names},
    ), slots


def _under(event: Event, comes: tuple[Expr, ...]) -> Event:
    return replace(event, guard=call("and", *comes, event.guard)) if comes else event


def _comes(body: Body, file: str) -> str:
    what, does, rule = _COMES[body.kind]
    span = body.events[0].span if body.send is None else body.send.span
    return f"{what.format(place(span, file))} {does} in every run {rule}"
