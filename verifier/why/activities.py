"""What good runs of a test do, to see what no run of a repaired test does any more.

A change can mend a test the wrong way: a task that looks before it says that it sleeps is mended if it
never sleeps. Final states may not tell that from a right answer: it is asked what runs execute,
and where they wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.budget import Budget
from verifier.lower.build import lower, unrolled
from verifier.model import Model
from verifier.model import model as model_of
from verifier.program.events import Access, Event, Program
from verifier.program.expressions import Expr, call
from verifier.program.waits import Stop, Wait, folded, reached
from verifier.records import NamedTuple, replace
from verifier.solve.clauses import NO
from verifier.source import Span
from verifier.suite.options import Options
from verifier.suite.shorten import shortened
from verifier.syntax.test import Test
from verifier.why.engine import Engine

_NOBODYS = ("ACK", "IRET", "PAUSE")  # events that the source does not write
_SLEEPS = ("spin", "halt")


class Activity(NamedTuple):
    """What a CPU does: it executes a statement, or has to wait in one until others have written something.
    Places change with the text of a file, so it is known by its text."""

    cpu: int
    waits: bool
    file: str
    text: str


class Activities(NamedTuple):
    """What some good run does, and everything that the program has."""

    done: dict[Activity, Span]
    known: frozenset[Activity]

    def missing(self, after: Activities, file: str) -> tuple[str, ...]:
        """What runs did, and none does after a change that has left it in the program."""
        gone = {d: s for d, s in self.done.items() if d in after.known and d not in after.done}
        waits = {d: s for d, s in gone.items() if d.waits}
        told = [f"CPU {d.cpu} never waits in {reached(s, file)}" for d, s in waits.items()]
        lines = (reached(s, file) for d, s in gone.items() if not d.waits)
        told += [f"no run executes {line}" for line in lines]
        return tuple(dict.fromkeys(told))


def activities(test: Test, options: Options, budget: Budget) -> Activities:
    """What the runs of a test do that end without its bad outcome, and where some run has to wait. Raises
    ``LimitError``."""
    code = lower(test, budget)
    whole = unrolled(test, code, options.unroll, budget, switches=options.switches)
    _, program = shortened(test, code, whole, options.switches, options.unroll, budget)
    model = model_of(options.switches, options.model)
    done: dict[Activity, Span] = {}
    with Engine(program, (), model, test.quantifier == "forall", budget, fresh=False) as engine:
        ways = _ways(engine)
        c = engine.candidates
        for activity, (span, literals) in ways.items():
            if activity not in done and any(c.check(engine.solver, [*c.given, x]) for x in literals):
                done[activity] = span
                for other, (its, others) in ways.items():
                    if any(map(engine.holds, others)):
                        done.setdefault(other, its)
    for stop, wait, activity in _sleeps(program):
        if activity not in done and wait.span is not None and _waits(program, stop, wait, model, budget):
            done[activity] = wait.span
    known = {_executes(e, e.span) for e in whole.events if e.span is not None}
    return Activities(done, frozenset([*known, *(activity for _, _, activity in _sleeps(whole))]))


def _executes(e: Event, span: Span) -> Activity:
    return Activity(e.cpu, False, span.source.name, folded(e.text))


def _sleeps(program: Program) -> Iterator[tuple[Stop, Wait, Activity]]:
    """Where bodies may have to wait for others."""
    for stop in program.stops:
        wait = stop.wait
        if wait is not None and wait.kind in _SLEEPS and wait.span is not None:
            text = folded(wait.span.text)
            yield stop, wait, Activity(wait.cpu, True, wait.span.source.name, text)


def _ways(engine: Engine) -> dict[Activity, tuple[Span, list[int]]]:
    """What the program of an engine executes, each with its place and with literals one of which holds in the
    runs that do it."""
    program, executed = engine.candidates.program, engine.encoding.executed
    found: dict[Activity, tuple[Span, list[int]]] = {}
    for e in program.events:
        if e.span is not None and e.text and e.op not in _NOBODYS:
            found.setdefault(_executes(e, e.span), (e.span, []))[1].append(executed[e.id])
    return {
        activity: (span, [x for x in literals if x != NO]) for activity, (span, literals) in found.items()
    }


def _waits(program: Program, stop: Stop, wait: Wait, model: Model, budget: Budget) -> bool:
    """May a body have to wait until somebody else writes what it waits for? It may if it waits for ever where
    nobody else does."""
    awaited = {a.addr for e in wait.events for a in program.events[e].accesses if a.slot is not None}
    with Engine(_left_alone(program, stop.body, awaited), (), model, None, budget, fresh=False) as engine:
        c = engine.candidates
        return c.check(engine.solver, [*c.given, engine.encoding.slots[stop.slot][1]])


def _left_alone(program: Program, body: int, cells: Iterable[Expr]) -> Program:
    """The program in which nothing but one body writes to some cells."""
    cells = list(cells)

    def changed(e: Event) -> Event:
        if e.body == body or all(a.value is None for a in e.accesses):
            return e
        return replace(e, accesses=tuple(map(left, e.accesses)))

    def left(a: Access) -> Access:
        others = [call("not", call("eq", a.addr, cell)) for cell in cells]
        return a if a.value is None else replace(a, when=call("and", a.when, *others))

    events = [changed(e) for e in program.events]
    bodies = [
        replace(
            b, events=[events[e.id] for e in b.events], send=None if b.send is None else events[b.send.id]
        )
        for b in program.bodies
    ]
    return replace(program, events=events, bodies=bodies)
