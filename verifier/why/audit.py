"""``audit``: which of a test's barriers, flushes, waits and locks its impossible outcome needs.

One part after the other is taken away. Two parts of which one is enough are found by taking away both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice

from verifier.budget import Budget
from verifier.errors import InternalError, LimitError
from verifier.lower.build import lower
from verifier.lower.code import Emit, Instruction, Lowered, SetRegister
from verifier.lower.optional import OptionalPart, given, optional
from verifier.model import Model
from verifier.program.events import Event, Observable, Program
from verifier.program.expressions import Reg
from verifier.program.values import IN_LINE
from verifier.records import replace
from verifier.results import Verdict
from verifier.syntax import ast
from verifier.syntax.idle import reached
from verifier.syntax.nodes import nodes
from verifier.syntax.test import Test
from verifier.why.answers import Audit, Finding, Need, impossible
from verifier.why.engine import Engine, hanging, opened
from verifier.words.rows import Order
from verifier.words.table import WORDS

STATES = 2000  # final states that are listed to find out what is redundant
PAIRS = 400  # that are told
_WRONG: Need = "else a run is wrong"
# Told with a run, or with what is wrong in it.
_RUNS: frozenset[Need] = frozenset({"needed", _WRONG, "else it may hang", "else no run ends"})
_SPARE: frozenset[Need] = frozenset({"redundant", "not asked here", "unneeded here", "unneeded"})
_STARTS = ("IPI", "wait")  # kinds of parts without which runs may do less: a call comes, or comes first
_ORDER = ("barrier", "wait", "grace period")  # kinds of parts that only make later things come later
_ENDS = ("F", "WAIT", "TLBSYNC", "GP")  # what they are made of
# What an audit asks after it has asked for each part whether it is needed.
_LATER = (
    "which parts are needed together", "which parts are redundant", "without which parts a run hangs",
    "the runs without needed parts",
)  # fmt: skip


def audit(
    verdict: Verdict, model: Model, budget: Budget, unroll: int | None = None, witnesses: bool = True
) -> Audit:
    """Audit a test whose outcome is impossible. With ``witnesses`` each part that is needed has a run.

    Raises ``InternalError`` if the engine contradicts the verdict or itself.
    """
    test = verdict.test
    value = test.quantifier != "forall"
    if not impossible(verdict):
        why = (
            verdict.reason
            if verdict.observation == "unknown"
            else ("the outcome is possible as it is; 'verifier repair' looks for what would mend it")
        )
        return Audit(verdict, gap=f"there is nothing to audit: {why}")
    try:
        return _Auditor(verdict, model, budget, unroll, value).audit(witnesses)
    except LimitError as limit:
        return Audit(verdict, gap=str(limit))


class _Auditor:
    def __init__(
        self, verdict: Verdict, model: Model, budget: Budget, unroll: int | None, value: bool
    ) -> None:
        self.verdict, self.test, self.model, self.budget = verdict, verdict.test, model, budget
        self.unroll, self.value = unroll, value
        self.code = observing(lower(self.test, budget))
        self.gap = ""
        self.together: tuple[OptionalPart, ...] = ()
        self.later = list(_LATER)  # what is to be asked after the parts

    def audit(self, witnesses: bool) -> Audit:
        """All findings; when the time is over, those that there are."""
        if not witnesses:
            self.later.pop()
        self.parts = optional(self.code)[1]
        found = {p: Finding(p.kind, p.text, p.span, p.cpus, "not asked", p) for p in self.parts}
        try:
            made = opened(self.test, self.code, self.model, self.value, self.budget, self.unroll)
            self.code, self.parts = made.code, made.parts
            bound = "a loop is followed to its bound only" if made.bounded else ""
            self.gap = "; ".join(filter(None, (made.gap, bound)))
            found = {p: found[p] for p in self.parts}
            with made.engine as engine:
                self._judge(engine, found)
            self._judge_hangs(found)
            needed = [p for p in self.parts if witnesses and found[p].need in _RUNS]
            for number, part in enumerate(needed, 1):
                self.budget.tell("a run without needed part", number, len(needed))
                found[part] = self._with_run(part, found[part])
        except LimitError as limit:
            self.gap = f"{limit}; not asked: {self._not_asked(found)}"
        return Audit(self.verdict, (*found.values(), *_compiler(self.test)), self.gap, self.together)

    def _not_asked(self, found: Mapping[OptionalPart, Finding]) -> str:
        """What there was no time for."""
        open_ = [p for p in self.parts if found[p].need == "not asked"]
        parts = [f"{len(open_)} of {len(self.parts)} parts"] if open_ else []
        return ", ".join([*parts, *self.later])

    def _judge(self, engine: Engine, found: dict[OptionalPart, Finding]) -> None:
        """Judge one part after the other."""
        for number, p in enumerate(self.parts, 1):
            self.budget.tell("is it needed? part", number, len(self.parts))
            found[p] = Finding(p.kind, p.text, p.span, p.cpus, self._need(engine, p), p)
        spare = [p for p in self.parts if found[p].need not in ("needed", _WRONG)]
        self.budget.tell(self.later[0])
        idle = {p for p in spare if not engine.reached(p, self.parts)}
        self._judge_jointly(engine, spare, found)
        self.later.pop(0)
        self.budget.tell(self.later[0])
        changing = engine.changing(self.parts, spare, STATES)
        if changing is None:
            self.gap = self.gap or f"more than {STATES} final states: what is redundant is not known"
            return
        for p in spare:
            if found[p].need == "not known":
                continue
            alike: Need = "never reached" if p in idle else "redundant"
            if p.kind in _ORDER and p not in idle and _last(engine.candidates.program, p):
                alike = "not asked here"
            changes = p in changing or (p.kind in _STARTS and p not in idle and engine.loses(self.parts, p))
            found[p] = replace(found[p], need="unneeded here" if changes else alike)
            if changes and p.kind in _STARTS and not engine.ends(self.parts, p):
                found[p] = replace(found[p], need="else no run ends")
        if self.verdict.hangs is not False:  # else it is asked without which parts a run hangs
            starts = [p for p in spare if p.kind in _STARTS and found[p].need in _SPARE]
            _join(found, (two for two in combinations(starts, 2) if not engine.ends(self.parts, *two)))
        self.later.pop(0)

    def _need(self, engine: Engine, part: OptionalPart) -> Need:
        """What is known of a part from the runs without it alone."""
        others = [q for q in self.parts if q is not part]
        if engine.possible(others, [part]):
            return "needed"
        if engine.wrong(others, [part]):
            return _WRONG
        return "not known" if engine.cut(others, [part]) else "unneeded"

    def _judge_jointly(
        self, engine: Engine, spare: Sequence[OptionalPart], found: dict[OptionalPart, Finding]
    ) -> None:
        """Find the pairs among the parts ``spare`` of which one is enough, and a larger set, if none is known
        yet."""
        _join(found, islice(engine.pairs(self.parts, spare), PAIRS))
        if not self.together:
            self.together = tuple(engine.together(self.parts, _apart(found, spare)))

    def _judge_hangs(self, found: dict[OptionalPart, Finding]) -> None:
        """Find the parts that keep a run from hanging, alone or with others, if none hangs with all of
        them."""
        spare = [p for p in self.parts if found[p].need in _SPARE]
        if spare and self.verdict.hangs is False:
            self.budget.tell(self.later[0])
            engine = hanging(self.test, self.code, self.parts, self.model, self.budget, self.unroll)
            if engine is not None:
                with engine:
                    self._keep_from_hanging(engine, spare, found)
        self.later.pop(0)

    def _keep_from_hanging(
        self, engine: Engine, spare: Sequence[OptionalPart], found: dict[OptionalPart, Finding]
    ) -> None:
        """Judge the parts ``spare`` by the runs that hang."""
        if not engine.possible([p for p in self.parts if p not in spare]):
            return  # none does, whichever of them are missing
        for p in spare:
            if engine.possible([q for q in self.parts if q is not p], [p]):
                found[p] = replace(found[p], need="else it may hang")
        self._judge_jointly(engine, [p for p in spare if found[p].need in _SPARE], found)

    def _with_run(self, part: OptionalPart, found: Finding) -> Finding:
        """A part that is needed, with a run without it, by the ordinary way of deciding."""
        from verifier.execution.matter import matter
        from verifier.solve.queries import find, find_hang, find_wrong
        from verifier.suite.shorten import short_program

        others = {p.name for p in self.parts if p is not part}
        code = given(self.code, others)
        _, program = short_program(self.test, code, self.model.switches, self.unroll, self.budget)
        if found.need == _WRONG:
            wrong = find_wrong(
                program, model=self.model.name, switches=self.model.switches, budget=self.budget
            )  # fmt: skip
            if wrong is None:
                raise InternalError(f"{self.test.id}: no run without {part.text} is wrong")
            return replace(found, wrong=wrong.told)
        if found.need == "needed":
            run = find(
                program, self.value, model=self.model.name, switches=self.model.switches, budget=self.budget,
                why=matter,
            )  # fmt: skip
        else:
            run = find_hang(program, model=self.model.name, switches=self.model.switches, budget=self.budget)
        if run is None:
            has = "has the outcome" if found.need == "needed" else "hangs"
            raise InternalError(f"{self.test.id}: no run without {part.text} {has}")
        return replace(found, run=run, program=program)


def _join(found: dict[OptionalPart, Finding], pairs: Iterable[tuple[OptionalPart, OptionalPart]]) -> None:
    """Note of each of two parts that it is needed if the other one is missing."""
    order = list(found)
    for two in pairs:
        for p, other in (two, two[::-1]):
            joint = {*found[p].joint, other}
            found[p] = replace(found[p], joint=tuple(sorted(joint, key=order.index)))


def _apart(found: Mapping[OptionalPart, Finding], spare: Iterable[OptionalPart]) -> list[OptionalPart]:
    """Parts among ``spare`` that are not needed, of which no two are needed together. Without an IPI other
    things happen, so none is among them."""
    out: list[OptionalPart] = []
    for p in spare:
        if found[p].need in _SPARE and p.kind != "IPI" and not any(q in out for q in found[p].joint):
            out.append(p)
    return out


def _last(program: Program, part: OptionalPart) -> bool:
    """Does nothing come after a part, wherever it is executed? Then no run shows whether it is there."""
    mine = [e for e in program.events if e.span == part.span and e.cpu in part.cpus]
    places = [e for e in mine if part.is_of(e.op)]
    return all(
        program.bodies[e.body].kind == "thread"
        and all(later.id <= _end(mine, e) or later.op in _ENDS for later in program.bodies[e.body].events)
        for e in places
    )


def _end(mine: Sequence[Event], e: Event) -> int:
    """The last event of a call, which may run its function on its own CPU after it has waited; ``mine``: the
    events at its place."""
    here = [x for x in mine if x.body == e.body]
    return here[-1].id if sum(x.op == "SEND" for x in here) == 1 else e.id


def observing(code: Lowered) -> Lowered:
    """The same code, whose final states show all memory and all locals that the source names."""
    observables, shown = list(code.observables), list(code.shown)
    known = {(o.kind, o.cpu, o.label) for i, o in enumerate(observables) if i in shown}
    found = [
        Observable("mem", f"[{cell.name}]", cell=ptr)
        for ptr, cell in code.world.cells.items()
        if cell.kind != "register" and IN_LINE not in ptr.base
    ]
    found += [
        Observable("reg", f"{cpu}:{name}", cpu, Reg(name))
        for cpu, body in enumerate(code.threads)
        for name in dict.fromkeys(_assigned(body))
        if name.isidentifier()
    ]
    for o in found:
        if (o.kind, o.cpu, o.label) not in known:
            shown.append(len(observables))
            observables.append(o)
    return replace(code, observables=observables, shown=shown)


def _assigned(code: Sequence[Instruction]) -> Iterator[str]:
    for x in code:
        if isinstance(x, SetRegister):
            yield x.reg
        elif isinstance(x, Emit):
            yield from (t.into for t in x.touches if t.into is not None)


def _compiler(test: Test) -> Iterator[Finding]:
    """The barriers that are no instructions on x86."""
    if not isinstance(test.tree, ast.Unit):
        return
    unit = test.tree
    code: list[tuple[int, object]] = list(unit.threads.items())
    called = reached(unit)
    code += [(-1, body) for name, body in unit.functions.items() if name in called]
    for cpu, body in code:
        for x in nodes(body):
            word = WORDS.get(x.name) if isinstance(x, ast.CallExpr) and x.name not in unit.functions else None
            if (
                word is not None
                and word.effects
                and all(isinstance(y, Order) and not y.kind for y in word.effects)
            ):
                assert isinstance(x, ast.CallExpr)
                cpus = frozenset({cpu} if cpu >= 0 else ())
                yield Finding("barrier", f"{x.name}()", x.span, cpus, "for the compiler only")
