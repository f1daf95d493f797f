"""``explain``: what an impossible outcome rests on, and the cycles that a run with it would have to close."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from verifier.budget import Budget
from verifier.errors import InternalError, LimitError
from verifier.lower.build import lower
from verifier.lower.optional import OptionalPart, given, optional
from verifier.model import Model
from verifier.program.events import Program
from verifier.records import replace
from verifier.results import Verdict
from verifier.suite.shorten import short_program
from verifier.syntax.test import Test
from verifier.why.answers import Closed, Comment, Explanation, Link, Reason, impossible, named
from verifier.why.cases import Cases
from verifier.why.cycles import Cycle, Cycles, Edge
from verifier.why.engine import Candidates, Engine, opened
from verifier.why.excluded import excluded
from verifier.why.names import EventName, EventNames
from verifier.why.reasons import MAY_HANG, Reasons, monotone, reasons

BOUND = 4  # reasons


def explain(
    verdict: Verdict, model: Model, budget: Budget, unroll: int | None = None, bound: int = BOUND
) -> Explanation:
    """Explain a verdict. ``bound``: how many reasons are looked for.

    The budget is for everything; what is missing when it ends is named in the result. Raises
    ``InternalError`` if the engine contradicts the verdict.
    """
    if not impossible(verdict):
        return Explanation(verdict, _possible(verdict))
    try:
        return _Explainer(verdict, model, budget, unroll).explain(bound)
    except LimitError as limit:
        return Explanation(
            verdict,
            f"{verdict.observation}; there was no time to find out why",
            gap=str(limit),
            complete=False,
        )


def _possible(verdict: Verdict) -> str:
    if verdict.observation == "unknown":
        return f"it is not known: {verdict.reason}"
    if verdict.deadlock:
        return "no run ends"
    run = verdict.counter if verdict.test.quantifier == "forall" else verdict.witness
    matter = "" if run is None or run.matter is None else run.matter.told(verdict.test.source.name)
    return f"it happens: {matter}" if matter else "it happens"


MANY_PARTS = 12  # parts, from which it pays to ask first without any of them


class _Explainer:
    def __init__(self, verdict: Verdict, model: Model, budget: Budget, unroll: int | None) -> None:
        self.verdict, self.model, self.budget = verdict, model, budget
        self.test, self.unroll = verdict.test, unroll
        self.open: list[OptionalPart] = []  # of which it is not known whether they are needed
        # By set of parts: those of them without which, each alone, some run is wrong.
        self.guards: dict[tuple[OptionalPart, ...], tuple[OptionalPart, ...]] = {}
        self.value = verdict.test.quantifier != "forall"

    def explain(self, bound: int) -> Explanation:
        lowered = lower(self.test, self.budget)
        self.code, parts = optional(lowered)
        kinds = monotone(lowered.observables)
        self.always = [p for p in parts if p.kind not in kinds]
        bare = self._bare(parts) if len(parts) >= MANY_PARTS else None
        gap, found = "", Reasons(((),), True)
        if bare is None:
            code, _, engine, gap, bounded = opened(
                self.test, lowered, self.model, self.value, self.budget, self.unroll
            )
            with engine:
                found = reasons(engine, bound)
                self.guards = {some: self._guards(engine, some) for some in found.found}
            bare = self._bare(parts) if bounded and len(parts) < MANY_PARTS else None
            if bare is not None:
                gap, found = "", Reasons(((),), True)
            else:
                self.code = code
                found = self._without_bounds(found) if bounded else found
                gap = "; ".join(filter(None, (gap, self._not_known())))
        of = len(found.found)
        told = tuple(self._reason(some, at, of, bare) for at, some in enumerate(found.found, 1))
        waits = self._taken(told[0].parts) if told else ""
        lacking = sum(bool(r.gap) for r in told)
        cycles = f"the cycles of {lacking} of {len(told)} reasons are missing" if lacking else ""
        gap = "; ".join(filter(None, (gap, found.gap, cycles)))
        return Explanation(
            self.verdict, self._summary(told, found, waits), told, found.complete,
            tuple(_comments(told[0], self.test)) if told else (), gap,
        )  # fmt: skip

    def _summary(self, told: Sequence[Reason], found: Reasons, waits: str) -> str:
        """One sentence. ``waits``: what it rests on that is taken as given."""
        if not told:
            return self.verdict.observation
        first, file, word = told[0], self.test.source.name, self.verdict.observation
        if not first.parts:
            waits = ", and on ".join(filter(None, (_callbacks(first), waits)))
            no, also = ("barrier, LOCK or flush", f", and on {waits}") if waits else _NOTHING
            return f"{word}: it rests on no {no}, but on what every CPU does by itself{also}"
        rests = _listed([named(p, file) for p in first.parts])
        rests += "".join(f", and on {given}" for given in (_callbacks(first), waits) if given)
        others, more = len(told) - 1, ""
        if others:
            least = others if found.complete else f"{others} or more"
            more = f"; {least} other reason{'' if least == 1 else 's'}"
        elif not found.complete:
            more = "; there may be other reasons"
        most = "at most " if any(p in self.open for p in first.parts) else ""
        return f"{word}: it rests on {most}{rests}{more}"

    def _guards(self, engine: Engine, parts: Sequence[OptionalPart]) -> tuple[OptionalPart, ...]:
        """Those of the parts of a reason without which, each alone, some run is wrong; none if there is no
        time to find out."""
        there = [p for p in engine.on if p in parts or p in self.always]
        try:
            return tuple(p for p in parts if engine.wrong([q for q in there if q is not p]))
        except LimitError:
            return ()

    def _wrong(self, parts: Iterable[OptionalPart], guards: Sequence[OptionalPart]) -> str:
        """What is wrong in a run without the first of the ``guards``; empty if there are none."""
        from verifier.solve.queries import find_wrong

        if not guards:
            return ""
        found = find_wrong(
            self._program(parts, guards[:1]), model=self.model.name, switches=self.model.switches,
            budget=self.budget,
        )  # fmt: skip
        if found is None:
            raise InternalError(f"{self.test.id}: no run without {guards[0].text} is wrong")
        return found.told

    def _bare(self, parts: Sequence[OptionalPart]) -> Candidates | None:
        """The candidates without any part, if the outcome is impossible and no run is wrong even then,
        whichever calls are waited for: these may overtake others (MMR 17.7). Many outcomes rest on no part,
        and these are far fewer candidates than those in which each part is there or not."""
        self.budget.tell("the test without any part")
        waits = [p for p in parts if p.kind == "wait" and p.is_of("WAIT") and p not in self.always]
        try:
            if len(waits) > 1 and self._candidates((), free=waits).possible(cut=True):
                return None
            candidates = self._candidates(())
            return None if candidates.possible(cut=True) else candidates
        except LimitError:
            if self.budget.over:
                raise
            return None  # counters that are not updated by LOCK'd operations may get many values

    def _without_bounds(self, found: Reasons) -> Reasons:
        """Reasons that were found where loops are followed to their bounds, without what is not needed where
        all else is missing: loops may need no bound there. Of the parts that are left, those without which a
        loop needs one are ``open``: they may not be needed."""
        smaller: list[tuple[OptionalPart, ...]] = []
        try:
            for parts in found.found:
                smaller.append(self._smaller(parts))
        except LimitError as limit:
            self.open += dict.fromkeys(p for parts in found.found[len(smaller) :] for p in parts)
            return found._replace(gap=str(limit))
        least = [a for a in smaller if not any(set(b) < set(a) for b in smaller)]
        return Reasons(tuple(dict.fromkeys(least)), False, found.gap)

    def _smaller(self, parts: tuple[OptionalPart, ...]) -> tuple[OptionalPart, ...]:
        """A reason without what is not needed where all else is missing."""
        open_: list[OptionalPart] = []
        for p in parts:
            less = tuple(q for q in parts if q is not p)
            without = self._candidates(less)
            if not without.possible(cut=True):
                return self._smaller(less)  # what could not be decided may be decided now
            if not without.possible():
                open_.append(p)
        self.open += open_
        return parts

    def _not_known(self) -> str:
        """A clause about the parts that may not be needed; empty if there are none."""
        if not self.open:
            return ""
        names = [named(p, self.test.source.name) for p in dict.fromkeys(self.open)]
        needed, them = ("is needed", "it") if len(names) == 1 else ("are needed", "one of them")
        bound = f"without {them} a loop is followed to its bound only"
        return f"whether {_listed(names)} {needed} is not known: {bound}"

    def _taken(self, parts: Iterable[OptionalPart]) -> str:
        """A clause about what is taken as given where a condition asks for hangs: those parts without which,
        each alone, the outcome were possible with ``parts``. Empty if there is nothing of the kind."""
        waits = [p for p in self.always if p.kind in MAY_HANG]
        if not waits:
            return ""
        taken = "what is taken as given where a condition asks for a hang"
        needed = []
        try:
            for number, p in enumerate(waits, 1):
                self.budget.tell("is what makes somebody wait needed? part", number, len(waits))
                if self._candidates(parts, (p,)).possible():
                    needed.append(named(p, self.test.source.name))
        except LimitError:
            return f"{taken}: locks, waits and regions"
        return f"{taken}: {_listed(needed)}" if needed else f"{taken}, of which no part is needed alone"

    def _candidates(
        self,
        parts: Iterable[OptionalPart],
        absent: Sequence[OptionalPart] = (),
        free: Sequence[OptionalPart] = (),
    ) -> Candidates:
        """The candidates of ``_program``."""
        return Candidates(self._program(parts, absent, free), self.model, self.value, self.budget)

    def _program(
        self,
        parts: Iterable[OptionalPart],
        absent: Sequence[OptionalPart] = (),
        free: Sequence[OptionalPart] = (),
    ) -> Program:
        """The program that has only these parts, and those that are always there but for ``absent``. Those
        that are ``free`` may be there or not."""
        there = {p.name for p in (*parts, *self.always) if p not in absent}
        code = given(self.code, there)
        code = replace(code, options={**code.options, **dict.fromkeys((p.name for p in free), None)})
        return short_program(self.test, code, self.model.switches, self.unroll, self.budget)[1]

    def _reason(
        self, parts: tuple[OptionalPart, ...], number: int, of: int, known: Candidates | None = None
    ) -> Reason:
        self.budget.tell("cycles of reason", number, of)
        known_guards = [some for of_, some in self.guards.items() if set(parts) <= set(of_)]
        guards = tuple(p for p in parts if any(p in some for some in known_guards))
        wrong = ""
        try:
            wrong = self._wrong(parts, guards)
            candidates = known or self._candidates(parts)
            with Cycles(candidates, parts) as cycles:
                needed = cycles.needed()
                names = EventNames(candidates, self.test.source.name)
                cases = Cases(candidates, names)
                closed = [_closed(c, names, cycles, cases.of(c, len(needed) == 1)) for c in needed]
                found = cycles.others()
                others = None if found is None else _merged(_closed(c, names, cycles, "") for c in found)
            alone = None if needed else excluded(candidates, self.model, self.value, self.test.source.name)
        except LimitError as limit:
            return Reason(parts, (), f"its cycles are missing: {limit}", guards=guards, wrong=wrong)
        open_ = tuple(p for p in parts if p in self.open)
        return Reason(
            parts, tuple(_merged(closed)), excluded=alone, open=open_, guards=guards, wrong=wrong,
            others=None if others is None else tuple(others),
        )  # fmt: skip


def _closed(cycle: Cycle, names: EventNames, cycles: Cycles, case: str) -> Closed:
    """A cycle in words, from the lowest CPU's first store or other event."""
    edges = _from_the_first(cycle.edges, names.nodes)
    links = [Link(names.step(e.first, cycle), names.why(e, cycle), e.rule) for e in edges]
    parts = dict.fromkeys(p for e in edges for p in cycles.rests.on(*e))
    called = filter(None, (names.callback(e) for e in edges))
    return Closed(
        case, tuple(_short(edges, links, names)), 1, tuple(parts), called=tuple(dict.fromkeys(called))
    )


def _from_the_first(edges: Sequence[Edge], nodes: dict[int, EventName]) -> Sequence[Edge]:
    def rank(edge: Edge) -> tuple[int, bool, int]:
        node = nodes[edge.first]
        return (99 if node.cpu is None else node.cpu, node.kind != "commit", edge.first)

    at = edges.index(min(edges, key=rank))
    return [*edges[at:], *edges[:at]]


def _short(edges: Sequence[Edge], links: Iterable[Link], names: EventNames) -> list[Link]:
    """An event that waits for the store buffer of the step in front of it is a reason, not a step."""
    out: list[Link] = []
    waits = False
    for edge, link in zip(edges, links, strict=True):
        if waits:
            text, where = link.step.text, link.step.where
            said = f"{text} in {where} is between them{_numbers(out[-1].why)}"
            out[-1] = out[-1]._replace(why=said)
        else:
            out.append(link)
        waits = not waits and names.waits(edge) and edge is not edges[-1]
    return out


def _numbers(why: str) -> str:
    found = re.search(r" \[[\d., ]+\]$", why)
    return found[0] if found else ""


def _merged(cycles: Iterable[Closed]) -> list[Closed]:
    """Cycles that differ only in the numbers of CPUs are told once."""
    found: dict[str, Closed] = {}
    for cycle in cycles:
        key = re.sub(
            r"CPU \d+",
            "CPU",
            f"{cycle.case} {[(link.step._replace(cpu=None), link.why) for link in cycle.links]}",
        )
        known = found.get(key)
        found[key] = cycle if known is None else replace(known, alike=known.alike + 1)
    several = len(found) > 1
    return [replace(cycle, every=False) if several else cycle for cycle in found.values()]


_NOTHING = "barrier, LOCK, flush or wait", ""


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _callbacks(reason: Reason) -> str:
    """A clause about the grace periods of callbacks that a reason's cycles need; empty if there is none."""
    called = list(dict.fromkeys(name for c in reason.cycles for name in c.called))
    if not called:
        return ""
    periods, are = ("period", "is") if len(called) == 1 else ("periods", "are")
    return f"the grace {periods} of {_listed(called)}, which {are} taken as given"


def _comments(reason: Reason, test: Test) -> Iterable[Comment]:
    """For each barrier of a reason, with what on other CPUs it pairs: the other parts on its cycles."""
    file = test.source.name
    for part in reason.parts:
        if part.kind not in ("barrier", "LOCK", "serialization"):
            continue
        on = [c for c in reason.cycles if part in c.parts]
        others = dict.fromkeys(p for c in on for p in c.parts if p is not part and p.cpus != part.cpus)
        pairs = [named(p, file) for p in others]
        if not pairs:
            steps = dict.fromkeys(
                f"{link.step.text}{f' in {link.step.where}' if link.step.where else ''}"
                for c in on for link in c.links
                if link.step.cpu is not None and link.step.cpu not in part.cpus
            )  # fmt: skip
            pairs = [f"the order of {' and '.join(steps)}"] if steps else []
        if pairs:
            yield Comment(part, f"/* Pairs with {', and '.join(pairs)}. */")
