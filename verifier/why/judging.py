"""Both judges about all that can be seen at the end of a run, to compare a test with a repaired one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import compress
from typing import Literal

from verifier import explore
from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.lower.build import lower, unrolled
from verifier.lower.code import Emit, Lowered, SetRegister
from verifier.model import model as model_of
from verifier.program.answer import Answer
from verifier.program.events import Observable, Program
from verifier.program.expressions import Obs, Reg, evaluate, has, parts
from verifier.program.trace import Trace
from verifier.program.values import Value, truth
from verifier.program.waits import Wait
from verifier.records import dataclass, replace
from verifier.suite.decide import EXPLORER_STATES, compare
from verifier.suite.options import Options
from verifier.suite.shorten import short_program, shortened
from verifier.syntax.test import Test
from verifier.why.engine import Engine

Place = tuple[
    str, int, int, str, int
]  # an instruction: its file, from where to where, its op; the how many-th
State = tuple[tuple[str, str], ...]  # what is seen, by name


def seen(states: Iterable[State]) -> set[str]:
    """The names of what is seen in states."""
    return {name for state in states for name, _ in state}


def only(states: Iterable[State], names: set[str]) -> set[State]:
    """States without all other names."""
    return {_only(s, names) for s in states}


def _only(state: State, names: set[str]) -> State:
    return tuple((n, v) for n, v in state if n in names)


@dataclass(frozen=True, slots=True)
class Judged:
    """What both judges say of a test.

    ``possible``  is the bad outcome possible? None: a judge does not know, for a ``reason``;
    ``good``      the final states without it; ``beside``: those of them that a run with it has, too, if one
                  does not ask what a TLB or an instant could have shown;
    ``asked``     the names of what the condition asks for, and ``rests``: final states with the bad outcome,
                  without these;
    ``stuck``     the states in which a run hangs;
    ``ends``      does some run end? ``witness``: a run with the bad outcome;
    ``dead``      instructions that no run executes.
    """

    possible: bool | None
    good: frozenset[State] = frozenset()
    beside: frozenset[State] = frozenset()
    asked: frozenset[str] = frozenset()
    rests: frozenset[State] = frozenset()
    stuck: frozenset[State] = frozenset()
    ends: bool = True
    witness: Trace | None = None
    program: Program | None = None
    dead: frozenset[Place] = frozenset()
    reason: str = ""
    wrong: bool = False  # is a run wrong: it accesses what is no object, or decides by an undefined value?

    @property
    def judges_hangs(self) -> bool:
        """Does the condition ask for hangs?"""
        return self.program is not None and self.program.judges_hangs

    def alike(self, other: Judged) -> bool:
        """Is the same known of both, but for runs?"""
        mine = self.possible, self.good, self.stuck, self.ends
        return mine == (other.possible, other.good, other.stuck, other.ends)

    def hangs_more_than(self, base: Judged) -> bool:
        """Can a run hang that could not hang before, or does no run end?"""
        both = seen(self.stuck) & seen(base.stuck) if base.stuck else seen(self.stuck)
        return bool(only(self.stuck, both) - only(base.stuck, both)) or not self.ends


def judged(
    test: Test, options: Options, budget: Budget, base: Judged | None = None, forks: int = EXPLORER_STATES
) -> Judged:
    """Ask both judges. ``base``: what they said before a change. Where the first judge says enough to refuse
    the change, the second one is not asked. ``forks``: what it may see; less than the default, and it may
    leave the question open.

    Without ``base``, a run with the bad outcome is told, and runs that a bound cuts do not matter. The second
    judge only has to find such a run, too; that is quick, as it follows the first one's. Raises
    ``InternalError`` if they disagree, ``InputError`` for a wrong test."""
    bad = test.quantifier != "forall"
    try:
        code = _observed(lower(test, budget))
        program = unrolled(test, code, options.unroll, budget, switches=options.switches)
        code, short = shortened(test, code, program, options.switches, options.unroll, budget)
    except LimitError as limit:
        return Judged(None, reason=str(limit))
    from verifier.solve import decide

    first = decide(
        short, model=options.model, switches=options.switches, budget=budget, seed=options.seed,
        want_states=True, witnesses=base is None and bad, counters=base is None and not bad,
    )  # fmt: skip
    reason = _unknown(first, base is None)
    if reason:
        return Judged(None, reason=reason, wrong=first.bad is not None)
    found = _found(program, first, bad)
    if base is not None and (found.possible or found.hangs_more_than(base)):
        return found
    if base is None and found.possible and not program.judges_hangs and found.witness is not None:
        try:
            if _followed(short, found.witness, bad, options, budget):
                return replace(found, dead=_dead(code))
        except LimitError as limit:
            return Judged(None, reason=f"the explorer: {limit}")
    second = explore.decide(
        program, model=options.model, switches=options.switches, budget=budget,
        limit_states=forks, want_states=True, witnesses=False,
    )  # fmt: skip
    reason = _unknown(second, base is None)
    if reason and forks < EXPLORER_STATES and second.bad is None and not budget.over:
        compare(test, program, first, second)
        return found
    if reason:
        return Judged(None, reason=f"the explorer: {reason}")
    compare(test, program, first, second)
    return found


def _followed(program: Program, witness: Trace, bad: bool, options: Options, budget: Budget) -> bool:
    """Has the explorer a run with the bad outcome in which all reads find what they find in another judge's
    run? Raises ``LimitError``."""
    given = [has(slot, value) for slot, value in _read(witness)]
    program = replace(
        program,
        assumes=[*program.assumes, *given],
        waits=[*program.waits, *(Wait(0, "") for _ in given)],
    )

    def wanted(observed: Mapping[int, Value]) -> bool:
        return truth(evaluate(program.condition, {}, observed)) == bad and (
            program.filter is None or truth(evaluate(program.filter, {}, observed))
        )

    found = explore.find(
        program, wanted, model=options.model, switches=options.switches, budget=budget,
        limit_states=EXPLORER_STATES,
    )  # fmt: skip
    return found is not None


def _read(witness: Trace) -> Iterator[tuple[int, Value]]:
    """What fills slots in a run, where a step has one read."""
    for step in witness.steps:
        if step.kind != "exec" or step.event is None or len(step.reads) != 1:
            continue
        slots = [a.slot for a in step.event.accesses if a.slot is not None]
        if len(slots) == 1:
            yield slots[0], step.reads[0][1]


def _found(program: Program, answer: Answer, bad: bool) -> Judged:
    """What an answer says. ``bad``: the value of the proposition in the bad outcome."""
    states = {_named(program, s): _holds(program, s) == bad for s in answer.states or ()}
    sure = [o.kind not in ("tlb", "ever") for o in map(program.observables.__getitem__, program.shown)]
    spoilt = {tuple(compress(s, sure)) for s, wrong in states.items() if wrong}
    good = frozenset(s for s, wrong in states.items() if not wrong)
    stuck = frozenset(_named(program, s) for s in answer.rests or ())
    asked = {program.observables[x.index].label for x in parts(program.condition) if isinstance(x, Obs)}
    ends = [s for s, wrong in states.items() if wrong]
    return Judged(
        possible=answer.reachable if bad else answer.refutable,
        good=good,
        beside=frozenset(s for s in good if tuple(compress(s, sure)) in spoilt),
        asked=frozenset(asked),
        rests=frozenset(only(ends, seen(ends) - asked)),
        stuck=stuck,
        ends=bool(answer.reachable or answer.refutable),
        witness=answer.witness if bad else answer.counter,
        program=program,
    )


def compared(before: Judged, after: Judged) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """The good states that are lost and those beside a bad one, as text, and how many are new.

    Beside a bad one are also states that differ from it only in what the condition asks for, where no run
    ends with the rest of them any more, and each value of this rest still occurs: so could a near miss of
    the bug end, and nothing but the bug is gone.
    """
    names = seen(before.good)
    if after.good:
        names &= seen(after.good)
    old, new = (only(j.good, names) for j in (before, after))
    others = names - before.asked
    rests = only(before.rests, others) - only(new, others) if new else set()
    left = {pair for state in new for pair in state}
    near = {s for s in old - new if (rest := _only(s, others)) in rests and left.issuperset(rest)}
    spoilt = only(before.beside, names) | near
    values: dict[str, set[str]] = {}
    for state in old | new:
        for name, value in state:
            values.setdefault(name, set()).add(value)

    def told(states: set[State]) -> tuple[str, ...]:
        lines = (" ".join(f"{n}={v}" for n, v in s if len(values[n]) > 1) or "the only one" for s in states)
        return tuple(sorted(lines))

    return told(old - new - spoilt), told((old - new) & spoilt), len(new - old)


Effect = Literal["helps", "hangs", "fails"]


def effect(test: Test, options: Options, budget: Budget, base: Judged, likely: Container[Place]) -> Effect:
    """What a change does, says one judge alone: it makes the bad outcome impossible; it does so, but a run
    can hang; or it does not. ``likely``: instructions that no run executes, it seems; a bad run without
    them says enough. Raises ``LimitError``."""
    code = lower(test, budget)
    bad = test.quantifier != "forall"
    without = {id(x): x for place, x in _placed(code) if place in likely}
    if without and not base.judges_hangs:
        rest = replace(code, unreached=without)
        guessed = unrolled(test, rest, options.unroll, budget, switches=options.switches)
        if _possible(guessed, bad, options, budget):
            return "fails"
    _, program = short_program(test, code, options.switches, options.unroll, budget)
    if _possible(program, bad, options, budget):
        return "fails"
    from verifier.solve import decide

    answer = decide(
        program, model=options.model, switches=options.switches, budget=budget, witnesses=False
    )  # fmt: skip
    if answer.bad is not None:
        return "fails"
    if answer.deadlock or (answer.hangs and not base.stuck):
        return "hangs"
    return "fails" if (answer.reachable if bad else answer.refutable) else "helps"


def _possible(program: Program, bad: bool, options: Options, budget: Budget) -> bool:
    model = model_of(options.switches, options.model)
    with Engine(program, (), model, bad, budget, fresh=False) as engine:
        return engine.possible(())


def _dead(code: Lowered) -> frozenset[Place]:
    """The instructions of a shortened code that no run executes."""
    return frozenset(place for place, x in _placed(code) if id(x) in code.unreached)


def _placed(code: Lowered) -> Iterator[tuple[Place, Emit]]:
    """The instructions of a code, each with its place. What is called twice has its places twice."""
    times: Counter[tuple[str, int, int, str]] = Counter()
    for x in _emits(code):
        at = ("", 0, 0, x.op) if x.span is None else (x.span.source.name, x.span.start, x.span.end, x.op)
        times[at] += 1
        yield (*at, times[at]), x


def _emits(code: Lowered) -> Iterator[Emit]:
    """All instructions of a code, with those of handlers."""
    pending = [*code.threads, *(c for _, c in code.nmis), *(p.code for p in code.pending)]
    seen: set[int] = set()
    while pending:
        body = pending.pop()
        if id(body) in seen:
            continue
        seen.add(id(body))
        for x in body:
            if isinstance(x, Emit):
                yield x
                pending += [t.code for t in x.targets]


def _unknown(answer: Answer, cut: bool = False) -> str:
    """Why an answer says less than is needed; empty if it does not."""
    if answer.bad is not None:
        return answer.bad.told
    if None in (answer.reachable, answer.refutable, answer.hangs):
        return answer.reason or "not decided"
    return "a loop is cut at its bound" if answer.cut and not cut else ""


def _observed(lowered: Lowered) -> Lowered:
    """The same test with everything shown: all memory, and the locals of the programs."""
    seen = list(lowered.observables)
    cells = {o.cell for o in seen if o.kind == "mem" and o.at is None}
    locals_ = {o.label for o in seen if o.kind == "reg" and o.at is None}
    for ptr, cell in lowered.world.cells.items():
        if cell.kind != "register" and ptr not in cells and "%" not in str(ptr):
            seen.append(Observable("mem", cell.name, cell=ptr))
    for cpu, code in enumerate(lowered.threads):
        names: dict[str, None] = {}
        for x in code:
            if isinstance(x, SetRegister):
                names[x.reg] = None
            elif isinstance(x, Emit):
                names.update((t.into, None) for t in x.touches if t.into is not None)
        for name in names:
            if not {"%", "#"} & set(name) and f"{cpu}:{name}" not in locals_:
                seen.append(Observable("reg", f"{cpu}:{name}", cpu=cpu, expr=Reg(name)))
    shown = [i for i, o in enumerate(seen) if o.at is None or o.kind == "ever"]
    return replace(lowered, observables=seen, shown=shown)


def _holds(program: Program, state: tuple[Value, ...]) -> bool:
    values = dict(zip(program.shown, state, strict=True))
    return truth(evaluate(program.condition, {}, values))


def _named(program: Program, state: tuple[Value, ...]) -> State:
    return tuple(
        (program.observables[i].label, program.naming.observed(i, value))
        for i, value in zip(program.shown, state, strict=True)
    )
