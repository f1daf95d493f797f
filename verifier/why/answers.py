"""The answers of ``explain`` and ``audit``, and their texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap
from typing import Literal

from verifier.lower.optional import OptionalPart, PartKind
from verifier.notebook import Drawable
from verifier.program.events import Program
from verifier.program.trace import Trace
from verifier.program.waits import place
from verifier.records import NamedTuple, dataclass, replace
from verifier.results import Verdict
from verifier.source import Span
from verifier.why.names import CycleStep, called

PARAGRAPH = 112
# What a part does, for the list of what an outcome rests on, and the rules that say so.
_SERIALIZES = "serializes: it waits for the store buffer, and drops prefetched code"
_DOES: Mapping[PartKind, str] = {
    "LOCK": "is LOCK'd: it waits for the store buffer, and is not buffered [2.1]",
    "serialization": f"{_SERIALIZES} [9.2]",
    "flush": "removes translations [5.1]",
    "wait": "waits until the others have answered [8.7]",
    "IPI": "interrupts other CPUs [8.3]",
    "IRQ-off region": "keeps interrupts off [8.3]",
    "softirq-off region": "keeps callbacks off [18.3]",
    "lock": "keeps others out [2.1]",
    "grace period": "waits for readers [18.2]",
    "reader": "is waited for by grace periods [18.1]",
}
# The same where it depends on the instruction: an op, or an op and a kind.
_DOES_BY: Mapping[tuple[PartKind, str], str] = {
    ("barrier", "F lock"): "a barrier [2.1]",
    ("barrier", "F mfence"): "a barrier [2.3]",
    ("barrier", "F lfence"): "a barrier [2.4]",
    ("barrier", "F sfence"): "a barrier [2.5]",
    ("serialization", "INV"): f"{_SERIALIZES} [5.3, 9.2]",
    ("serialization", "CR3"): f"{_SERIALIZES} [5.3, 9.2]",
    ("flush", "BINV"): "removes translations on all CPUs [5.1, 11.1]",
    ("wait", "TLBSYNC"): "waits until the invalidations have taken effect on all CPUs [11.2]",
}


def does(part: OptionalPart, awaited: bool = False) -> str:
    """What a part does, with the rules of its own instruction. ``awaited``: a grace period waits for it as a
    reader, whatever else it is."""
    kind, op = part.kind, part.of.partition(" ")[0]
    if awaited:
        return _DOES["reader"]
    return _DOES_BY.get((kind, part.of)) or _DOES_BY.get((kind, op)) or _DOES[kind]


Need = Literal[
    "needed", "else a run is wrong", "else it may hang", "else no run ends", "redundant", "never reached",
    "not asked here", "unneeded here", "unneeded", "not known", "for the compiler only", "not asked",
]  # fmt: skip


NO_PARTS = "There is nothing here to switch off: no barrier, flush, wait or lock"
# The words that do not speak for themselves.
_MEANS: dict[Need, str] = {
    "else a run is wrong": (
        "Else a run is wrong: without it some run accesses an address that belongs to no object, decides by "
        "an undefined value, or goes beyond a limit of the model. The verdict would be unknown."
    ),
    "redundant": "Redundant: without it no final state changes, by all memory and locals{hang}.",
    "unneeded here": "Unneeded here: without it final states change, but this outcome stays impossible.",
    "not asked here": (
        "Not asked here: nothing comes after it, and at the end of a run everything that was stored and sent "
        "has taken effect. Let something come after it that must not be early."
    ),
    "not known": "Not known: without it a loop is followed to its bound only.",
    "never reached": "Never reached: no run executes it, so this test says nothing about it.",
}


class Link(NamedTuple):
    """A step of a cycle, and why it comes before the next one; ``rule``: the relation of the model that says
    so."""

    step: CycleStep
    why: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """A cycle in words.

    ``case``    what the runs have in common that it is about; empty: nothing that has a name;
    ``links``   its steps, each with the reason why it comes before the next one, the last before the first;
    ``alike``   how many cycles differ from it only in the numbers of CPUs, itself included;
    ``parts``   the parts of the test that it rests on;
    ``called``  the calls that ask for callbacks whose grace periods it needs;
    ``every``   there is no other cycle: it is about all runs that the parts exclude.
    """

    case: str
    links: tuple[Link, ...]
    alike: int
    parts: tuple[OptionalPart, ...]
    called: tuple[str, ...] = ()
    every: bool = True

    @property
    def heading(self) -> str:
        """The runs that it is about, and how many cycles are like it."""
        case = f"if {self.case}" if self.case else "in each of these runs" if self.every else "in some runs"
        return f"{case} ({self.alike} alike)" if self.alike > 1 else case


class Excluded(NamedTuple):
    """What excludes an outcome that needs no cycle through a part of the test.

    ``ordered``  not the values alone, but also what every CPU orders by itself;
    ``comes``    what has to come for that, each as a clause with its rule.
    """

    ordered: bool
    comes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reason:
    """Parts each of which is needed, while the others of the test are not; ``cycles``: the proof. ``gap``
    says why there is none. ``excluded``: if it needs no cycle, what excludes it. ``open``: it is not known
    whether these parts are needed. ``guards``: without each of these some run is wrong, and ``wrong`` says
    how, without the first of them. ``others``: cycles that rest on no part, and that runs with the outcome
    would close which close none of ``cycles``; None: there may be many."""

    parts: tuple[OptionalPart, ...]
    cycles: tuple[Closed, ...]
    gap: str = ""
    excluded: Excluded | None = None
    open: tuple[OptionalPart, ...] = ()
    guards: tuple[OptionalPart, ...] = ()
    wrong: str = ""
    others: tuple[Closed, ...] | None = ()

    def awaits(self, part: OptionalPart) -> bool:
        """Is a region with interrupts off on a cycle as a reader, for which a grace period waits?"""
        return part.kind == "IRQ-off region" and any(part in cycle.parts for cycle in self.cycles)

    def off_cycles(self, file: str) -> str:
        """Sentences about the parts that keep runs from being wrong, and about others that are on no cycle;
        empty if there are none."""
        return " ".join(filter(None, (self._guarded(file), self._off_cycles(file))))

    def _guarded(self, file: str) -> str:
        names = " or without ".join(named(p, file) for p in self.guards)
        return f"Some run is wrong without {names}{f': {self.wrong}' if self.wrong else ''}." if names else ""

    def _off_cycles(self, file: str) -> str:
        no = "In the other runs no" if self.guards else "No"
        if self.excluded is not None:
            comes = " and ".join(self.excluded.comes)
            given = f", as {comes}" if comes else ""
            if self.excluded.ordered:
                through = f"{no} cycle through them is needed{given}"
                return f"{through}: with them, what CPUs order anyhow excludes it."
            return f"{no} cycle is needed{given}: without an order, the values alone exclude it."
        if not self.cycles:
            return ""
        on = {part for cycle in self.cycles for part in cycle.parts}
        told = {*on, *self.open, *self.guards}
        off = [named(part, file) for part in self.parts if part not in told]
        said, verb, them = " and ".join(off), *(("is", "it") if len(off) == 1 else ("are", "them"))
        said = f"{said[:1].upper()}{said[1:]} {verb} on no cycle: without {them}, some runs would close none."
        return said if off else ""


@dataclass(frozen=True, slots=True)
class Comment:
    """A line to paste beside a barrier."""

    part: OptionalPart
    text: str


@dataclass(frozen=True, slots=True)
class Explanation(Drawable):
    """Why a test's outcome is as it is.

    ``verdict``   what was decided; a run of it is the explanation of an outcome that is possible;
    ``summary``   one sentence;
    ``reasons``   of an outcome that is impossible; ``complete``: there are no others;
    ``comments``  lines to paste beside the barriers of the first reason;
    ``gap``       why the explanation is only a part of one; empty if it is whole.
    """

    verdict: Verdict
    summary: str
    reasons: tuple[Reason, ...] = ()
    complete: bool = True
    comments: tuple[Comment, ...] = ()
    gap: str = ""

    def __str__(self) -> str:
        return "\n".join([f"{self.verdict.test.id}: {self.summary}", "", *self.lines()])

    def lines(self) -> list[str]:
        """The reasons, and comments for the source."""
        out = [
            line for number, reason in enumerate(self.reasons, 1) for line in _reason(reason, number, self)
        ]
        if self.comments:
            file = self.verdict.test.source.name
            out.append("Comments that could stand in the source:")
            out += [f"  {where(c.part, file)}: {c.text}" for c in self.comments]
            out.append("")
        if self.gap:
            out.append(f"This is not all of it: {self.gap}.")
        return out


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about a part.

    ``need``   ``needed``: without it the outcome is possible; ``else a run is wrong``: without it the outcome
               stays impossible in the runs of which something is known, but some run accesses what is no
               object, decides by an undefined value, or goes beyond a limit of the model;
               ``else it may hang``: without it the outcome
               stays impossible, but some run hangs, and none does with it; ``else no run ends``: without it
               all runs hang;
               ``redundant``: none of these; without it
               runs end in the same states, by all memory and locals;
               ``never reached``: nor does any run execute it;
               ``not asked here``: nothing comes after it that could be early;
               ``not known``: without it a loop is cut at its bound;
               ``unneeded here``: states change, but the outcome
               stays impossible; ``unneeded``: it stays impossible, and whether states change is not known;
               ``not asked``: the time was over before;
               ``for the compiler only``: on x86 it is no instruction;
    ``joint``  parts each of which is needed if this one is missing, though this one alone is not;
    ``run``    if it is needed, a run without it that has the outcome, or that hangs, of ``program``;
    ``wrong``  what is wrong in a run without it; empty if none is, or if it was not asked for.
    """

    kind: str
    text: str
    span: Span
    cpus: frozenset[int]
    need: Need
    part: OptionalPart | None = None
    joint: tuple[OptionalPart, ...] = ()
    run: Trace | None = None
    program: Program | None = None
    wrong: str = ""

    def where(self, file: str) -> str:
        """Its place, told apart from others in its line."""
        return place(self.span, file) if self.part is None else where(self.part, file)


@dataclass(frozen=True, slots=True)
class Audit:
    """The findings about a test, in the order of its code. ``gap``: why some are missing; empty: none is.
    ``together``: parts that are not needed, nor any two of them, but without all of them the outcome is
    possible."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    gap: str = ""
    together: tuple[OptionalPart, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.verdict.test.id, *self.lines()])

    def lines(self) -> list[str]:
        """A row for each finding."""
        out = findings(self)
        if not self.findings and not self.gap:
            out += wrapped(f"{NO_PARTS}.")
        for text in filter(None, (self.said_together, *self.legend())):
            out += wrapped(text)
        return [*out, *([f"  {self.gap[:1].upper()}{self.gap[1:]}."] if self.gap else [])]

    @property
    def said_together(self) -> str:
        """A sentence about the parts that are needed together; empty if there are none."""
        names = [named(p, self.verdict.test.source.name) for p in self.together]
        if not names:
            return ""
        return f"One of these is needed: {', '.join(names[:-1])} or {names[-1]}."

    def legend(self) -> list[str]:
        """What the words mean that do not speak for themselves, of those that the findings have."""
        found = {f.need for f in self.findings}
        # Whether a run hangs without a part is asked where none hangs with it, if there is time.
        hang = ", and no run hangs" if self.verdict.hangs is False and not self.gap else ""
        return [text.format(hang=hang) for need, text in _MEANS.items() if need in found]


def impossible(verdict: Verdict) -> bool:
    """Is it known that no run that ends has the outcome: that ``exists`` holds, or that ``forall`` fails?"""
    wanted = "always" if verdict.test.quantifier == "forall" else "never"
    return verdict.observation == wanted and not verdict.deadlock


def where(part: OptionalPart, file: str) -> str:
    """``line 22``, and the column where another part like it is in this line."""
    column = f", column {part.span.column}" if part.beside else ""
    return f"{place(part.span, file)}{column}"


def named(part: OptionalPart, file: str, short: bool = True) -> str:
    """``smp_mb() (line 22)``, ``the LOCK of atomic_inc() (line 9)``."""
    text = called(part.text) if short else " ".join(part.text.split())
    of = {
        "barrier": "",
        "lock": "the lock that ",
        "IRQ-off region": "the IRQ-off region of ",
        "wait": "the wait of ",
    }
    what = f"{text} takes" if part.kind == "lock" else text
    return f"{of.get(part.kind, f'the {part.kind} of ')}{what} ({where(part, file)})"


MOST_OTHERS = 4  # cycles of runs that x86 excludes without the parts, which are shown
_ANY_RUN = "A run with this outcome"
_ALLOWED = "with this outcome that x86 allows without these parts"


def _others(reason: Reason) -> list[str]:
    """What is to be said of the runs that x86 excludes without the parts: their cycles between CPUs, unless
    there are many."""
    if reason.others == ():
        return []
    said = "x86 excludes the other runs with this outcome without these parts."
    several = [c for c in reason.others or () if len({link.step.cpu for link in c.links}) > 1]
    if not 0 < len(several) <= MOST_OTHERS:
        return [said, ""]
    many = len(several)
    they = "They" if many == len(reason.others or ()) else "Those that close one between CPUs"
    which = "this cycle" if many == 1 else f"one of these {many} cycles"
    out = wrap(f"{said} {they} would close {which}:", PARAGRAPH)
    for at, cycle in enumerate(several, 1):
        out += ["", *_cycle(replace(cycle, every=False), at if many > 1 else 0)]
    return [*out, ""]


def _reason(reason: Reason, number: int, x: Explanation) -> list[str]:
    file = x.verdict.test.source.name
    out: list[str] = []
    if len(x.reasons) > 1:
        out.append(f"Reason {number} of {len(x.reasons)}{'' if x.complete else ' or more'}")
    if reason.parts:
        out += ["It rests on", *_table(_part(p, file, reason.awaits(p)) for p in reason.parts), ""]
    said = reason.off_cycles(file)
    if said:
        out += [*(wrapped(said) if reason.cycles else wrap(said, PARAGRAPH)), ""]
    if reason.gap:
        out += [f"{reason.gap}.", ""]
    if reason.cycles:
        many = len(reason.cycles)
        which = "this cycle" if many == 1 else f"one of these {many} cycles"
        runs = _ANY_RUN if reason.others == () else f"Each run {_ALLOWED}"
        out.append(f"{runs} would have to close {which}:")
        for at, cycle in enumerate(reason.cycles, 1):
            out += ["", *_cycle(cycle, at if many > 1 else 0)]
        out += ["", *_others(reason)]
    return out


def _part(part: OptionalPart, file: str, awaited: bool) -> tuple[str, str, str, str]:
    cpus = ", ".join(map(str, sorted(part.cpus)))
    return f"CPU {cpus}", " ".join(part.text.split()), where(part, file), does(part, awaited)


def _cycle(cycle: Closed, number: int) -> list[str]:
    head = f"  {number}. " if number else "  "
    rows = _table((_row(link.step) for link in cycle.links), indent="     ")
    out = [f"{head}{cycle.heading}"]
    for row, link in zip(rows, cycle.links, strict=True):
        out += [row, f"       before: {link.why}"]
    first = cycle.links[0].step
    who = f"CPU {first.cpu}  " if first.cpu is not None else ""
    return [*out, f"     {who}{first.text}: it would come before itself"]


def _row(step: CycleStep) -> tuple[str, str, str, str]:
    return f"CPU {step.cpu}" if step.cpu is not None else "", step.text, step.where, step.note


def _table(rows: Iterable[Sequence[str]], indent: str = "  ") -> list[str]:
    cells = list(rows)
    widths = [max((len(row[at]) for row in cells), default=0) for at in range(3)]
    return [
        indent + ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)) + "  " + row[3]).rstrip()
        for row in cells
    ]


def wrapped(text: str) -> list[str]:
    """Lines of a paragraph."""
    return wrap(text, PARAGRAPH, initial_indent="  ", subsequent_indent="  ")


def findings(x: Audit) -> list[str]:
    """A row for each finding."""
    file = x.verdict.test.source.name
    rows = []
    for f in sorted(x.findings, key=lambda f: (f.span.source.name != file, f.span.source.name, f.span.start)):
        cpus = f"CPU {', '.join(map(str, sorted(f.cpus)))}" if f.cpus else ""
        joint = f"; needed if {' or '.join(named(p, file) for p in f.joint)} is missing" if f.joint else ""
        text = " ".join(f.text.split())
        rows.append((f.where(file), text, f"{f.kind}", f"{f.need}{joint}{f'  ({cpus})' if cpus else ''}"))
    return _table(rows)
