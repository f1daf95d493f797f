"""Verdicts for people: one line for each test, and the story of a run for each reachable outcome."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from verifier.errors import ExitCode
from verifier.output import COLOURLESS, Paint
from verifier.patterns import pattern
from verifier.program.events import Event, show
from verifier.program.trace import MERGED, Step, Trace
from verifier.program.values import IN_LINE, SOFTIRQS_OFF, Value
from verifier.program.waits import Blocked, reached
from verifier.records import dataclass, field
from verifier.results import Verdict
from verifier.source import Span

LINE = 120  # characters in a line of a story, if its parts fit
LEAST = 24  # characters of the last column, which has the remarks, at least
WIDE = 56  # a longer statement has a line of its own
BUFFERED = "goes to the store buffer [1.2]"
# Remarks about the parts of a call that is one statement.
_SAID = {
    "SEND": "sends", "WAIT": "all have answered", "SEND rcu": "a grace period will start [18.3]",
    "GP start": "a grace period starts [18.2]", "GP end": "the grace period has ended [18.2]",
    "IRQ hlt": "halts [8.11]", "HLT": "halts [8.11]", "R hlt": "wakes up [8.11]",
    "GP barrier": "waits for callbacks [18.5]",
}  # fmt: skip


def headline(verdict: Verdict, width: int = 0, brief: bool = False, paint: Paint = COLOURLESS) -> str:
    """``name::B1   sometimes   as expected, may hang: why``; ``brief``: without who waits where."""
    test, reason = verdict.test, verdict.reason
    if verdict.as_expected is None:
        judged = ""
    elif verdict.as_expected:
        judged = "as expected"
    elif verdict.exit_code is ExitCode.UNKNOWN:
        judged = f"expected {verdict.wanted}"
    else:
        judged = f"{paint.bad('DIFFERS')}: {_difference(verdict)}"
    hangs = "may hang" if verdict.hangs and "may hang" not in judged else ""
    if verdict.hangs and verdict.deadlock:
        hangs, reason = ("deadlock", "") if brief or not reason else ("", reason)
    judged = ", ".join(filter(None, (judged, hangs)))
    if test.comment:
        known = verdict.exit_code is not ExitCode.UNKNOWN
        judged = f"{judged}: {test.comment}" if judged and known else judged or test.comment
    if reason:
        judged = f"{judged} ({reason})" if judged else reason
    observation = _painted(verdict, paint)(f"{verdict.observation:<9}")
    return f"{test.id:<{width}}   {observation}   {judged}".rstrip()


def _painted(verdict: Verdict, paint: Paint) -> Callable[[str], str]:
    """The colour of an observation: whether it is what was expected."""
    if verdict.exit_code is ExitCode.UNKNOWN:
        return paint.doubt
    if verdict.as_expected is None:
        return str
    return paint.good if verdict.as_expected else paint.bad


def _difference(verdict: Verdict) -> str:
    """What differs: the observation, that some run hangs, or both."""
    if verdict.deadlock and verdict.hang_expected is not None:
        return f"expected {verdict.wanted}{'' if verdict.hang_expected else ', and that no run hangs'}"
    wanted = verdict.wanted if verdict.hangs else verdict.expected
    said = [f"expected {wanted}"] if verdict.expected not in (None, verdict.observation) else []
    if verdict.hang_expected and not verdict.hangs:
        said.append("no run hangs, and the test expects that one does")
    elif verdict.hang_expected is False and verdict.hangs:
        said.append("may hang, and the test expects that no run does")
    return ", ".join(said) or f"expected {verdict.wanted}"


def story(verdict: Verdict, trace: Trace, paint: Paint = COLOURLESS) -> str:
    """A run as aligned rows. Remarks that make a line too long continue below it."""
    told = rows(verdict, trace)
    texts = [r.cells() for r in told]
    widths = [max((len(t[i]) for t in texts if len(t[i]) <= WIDE), default=0) for i in range(3)]
    out: list[str] = []
    for row, cells in zip(told, texts, strict=True):
        mark = "* " if row.matters else "  "
        head = mark + "  ".join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True)) + "  "
        if len(head) > 2 + sum(widths) + 6 and (cells[2] or row.remarks):
            long = mark + "  ".join(cells[:2]).rstrip()  # a long statement has a line of its own
            out.append(paint.strong(long) if row.matters else long)
            head = (
                "  "
                + "  ".join(cell.ljust(w) for cell, w in zip(("", "", cells[2]), widths, strict=True))
                + "  "
            )
        blank = " " * len(head)
        if paint.on:
            head = _with_colours(head, widths, row.matters, paint)
        for line in _lines(row.remarks, max(LINE - len(blank), LEAST)):
            out.append((head + line).rstrip())
            head = blank
    return "\n".join(out)


def _with_colours(head: str, widths: list[int], matters: bool, paint: Paint) -> str:
    """The beginning of a row: what matters is strong, the place in the file is dim."""
    at = 2 + widths[0] + 2 + widths[1] + 2
    if len(head) != at + widths[2] + 2:  # a statement that is too long for its column
        return paint.strong(head) if matters else head
    who = paint.strong(head[:at]) if matters else head[:at]
    return f"{who}{paint.dim(head[at:])}"


def _lines(remarks: list[str], width: int) -> list[str]:
    """Lines of remarks, each with as many as fit."""
    out = [""]
    for i, remark in enumerate(remarks):
        said = remark + (";" if i < len(remarks) - 1 else "")
        if out[-1] and len(out[-1]) + 1 + len(said) > width:
            out.append(said)
        else:
            out[-1] = f"{out[-1]} {said}".strip()
    return out


def text(verdict: Verdict, width: int = 0, paint: Paint = COLOURLESS) -> str:
    """The headline, and a run below it that a reader can check: a witness if the outcome is reachable, or a
    counterexample if a ``forall`` does not hold."""
    told = verdict.hang is not None and bool(verdict.waits)
    out = [headline(verdict, width, brief=told, paint=paint)]
    for trace in runs(verdict):
        if trace is verdict.counter:
            out.append("  a run in which it does not hold:")
        about = _matter(verdict, trace) if is_judged(verdict, trace) else _who_waits(verdict)
        out += [*about, "", story(verdict, trace, paint), ""]
    return "\n".join(out)


def runs(verdict: Verdict) -> tuple[Trace, ...]:
    """The runs that are shown with a verdict: a witness, or a counterexample; and a run that hangs, unless
    the first one does."""
    trace = verdict.witness
    if verdict.test.quantifier == "forall" and verdict.counter is not None:
        trace = verdict.counter
    hang = None if trace is not None and trace.waits else verdict.hang
    return tuple(run for run in (trace, hang) if run is not None)


def is_judged(verdict: Verdict, trace: Trace) -> bool:
    """Does a run show the observation, and not only that some run hangs?"""
    return trace is verdict.witness or trace is verdict.counter


def _who_waits(verdict: Verdict) -> list[str]:
    """Who waits where, a line for each that does."""
    head = "  no run ends: " if verdict.deadlock else "  may hang: "
    waits = [wait.told(verdict.test.source.name) for wait in verdict.waits]
    said = [f"{wait};" for wait in waits[:-1]] + waits[-1:]
    lines = [line for text in said for line in _wrapped(text, LINE - len(head))]
    return [(" " * len(head) if n else head) + line for n, line in enumerate(lines)]


def _matter(verdict: Verdict, trace: Trace) -> list[str]:
    """What matters in a run; in one line, if it is not too long."""
    if trace.matter is None:
        return []
    return [f"  {line}" for line in _wrapped(trace.matter.told(verdict.test.source.name), LINE - 2)]


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width and text.isprintable() and text == text.strip():  # as it is, without textwrap
        return [text] if text else []
    from textwrap import wrap

    return wrap(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


@dataclass(slots=True)
class StoryRow:
    """One row: who did what, in which line, with which remarks. ``of`` is its statement, if it has one;
    ``matters``: is one of its steps a step that matters? ``span``: where it is, if it has a place;
    ``cpu`` is None for an instant of all; ``steps``: the indices of the steps that it tells."""

    who: str
    what: str
    where: str = ""
    remarks: list[str] = field(default_factory=list)
    of: _Statement | None = None
    matters: bool = False
    span: Span | None = None
    cpu: int | None = None
    steps: list[int] = field(default_factory=list)

    def cells(self) -> tuple[str, str, str]:
        """The first three columns."""
        return self.who, self.what, self.where


@dataclass(slots=True, eq=False)
class _Statement:
    """A statement that is being executed. If its first part comes again, a new execution begins."""

    first: tuple[object, ...]


_Place = tuple[int, str, Span | None]  # the body, the text and the span of a statement


def rows(verdict: Verdict, trace: Trace) -> list[StoryRow]:
    """The rows of a run: one for each statement, and for each step without a statement. A row names the rule
    that allows it, unless it is a plain execution."""
    tell = verdict.program.naming.at if verdict.program is not None else _plainly
    steps = [_without_lines(step, verdict) for step in trace.steps]
    found: list[StoryRow] = []
    open_: dict[_Place, _Statement] = {}
    mattering = set(trace.matter.steps) if trace.matter is not None else set()
    at_once: set[int] = set()  # commits that follow their store at once are no steps of their own
    for at, step in enumerate(steps):
        if at in at_once or _silent(step, trace):
            continue
        if _commits_later(step, steps[at + 1 :]) is False:
            at_once.add(at + 1)
        row = _aside(step, verdict, tell)
        if row is None:
            assert step.event is not None
            _go_on(found, open_, step.event, _remarks(step, steps[at + 1 :], tell), verdict=verdict)
        else:
            row.span = step.event.span if step.event is not None else None
            found.append(row)
        found[-1].cpu = step.cpu
        found[-1].steps += [at, at + 1] if at + 1 in at_once else [at]
        found[-1].matters |= not mattering.isdisjoint(found[-1].steps)
    return [*found, *(_waits(wait, verdict) for wait in trace.waits)]


def _without_lines(step: Step, verdict: Verdict) -> Step:
    """A step without the lines for locks in which nobody stands; that softirqs are on is no news either."""
    if verdict.program is None or len(step.reads) < 2:
        return step
    cells = verdict.program.cells.items()
    lines = {cell.name for ptr, cell in cells if IN_LINE in ptr.base or SOFTIRQS_OFF in ptr.base}
    return step._replace(reads=tuple((cell, v) for cell, v in step.reads if v or cell not in lines))


def _waits(wait: Blocked, verdict: Verdict) -> StoryRow:
    """The row of one who waits for ever at the end of a run."""
    what = "waits for ever" if not wait.inside else f"{wait.inside} waits for ever"
    what = f"  {wait.handler} is never run" if wait.handler else f"  {what}"
    where = reached(wait.span, verdict.test.source.name)
    said = [remark for remark in (wait.what, wait.held_by) if remark]
    return StoryRow(f"CPU {wait.cpu}", what, where, said, span=wait.span, cpu=wait.cpu)


def _go_on(
    rows: list[StoryRow],
    open_: dict[_Place, _Statement],
    event: Event,
    remarks: list[list[str]],
    verdict: Verdict,
) -> None:
    """Add a part of a statement. It is the first part of a new one, or it continues the statement of the last
    row, or it continues a statement after other rows came in between."""
    text = " ".join(event.text.split())
    place = event.body, text, event.span
    statement, part = open_.get(place), _part(event)
    who, where = f"CPU {event.cpu}", _where(event, verdict)
    if statement is None or part == statement.first:
        statement = open_[place] = _Statement(part)
        rows.append(StoryRow(who, text, where, remarks[0], of=statement, span=event.span))
    elif rows[-1].of is statement:
        rows[-1].remarks += remarks[1]
    else:
        rows.append(
            StoryRow(who, f"  {_short(text)} continues", where, remarks[1], of=statement, span=event.span)
        )


def _part(event: Event) -> tuple[object, ...]:
    """A key for a part of a statement. It has no addresses, because these may differ when a loop returns."""
    return event.op, event.kind, tuple((a.slot is None, a.value is None) for a in event.accesses)


def _short(text: str) -> str:
    """A statement by its function's name."""
    called = re.match(r"(?:[^()=]+ = )?(\w+)\(", text)
    return f"{called[1]}()" if called else text


# By a rule, how a function of the call queue comes, and what is said of its end.
_COMES = {
    "8.10": ("the interrupt continues with", ""),
    "8.12": ("without an interrupt:", "no IRET [8.12]"),
}


def _aside(step: Step, verdict: Verdict, tell: Tell) -> StoryRow | None:
    """The row of a step without a statement; None for a step that is part of a statement."""
    who = f"CPU {step.cpu}" if step.cpu is not None else ""
    event, where = step.event, _where(step.event, verdict)
    own = _own(step, tell)
    if own is not None:
        noted = [n for n in (*step.note.split("; "), "") if n] if step.kind == "cached" else [_noted(step)]
        if step.kind == "cached":
            noted[-1] = f"{noted[-1]} [{step.rule}]"
        return StoryRow(who, f"    {own}", where if step.kind in ("fault", "flush") else "", noted)
    if step.kind == "snapshot":
        found = ", ".join(f"{c} is {v}" for c, v in _values(step.reads, tell))
        return StoryRow(who, "    ever holds here", "", [found])
    if event is None or event.op not in ("DLV", "NMI", "IRET"):
        return None
    how, end = _COMES.get(step.rule, ("interrupt:", ""))
    noted = [step.note] if step.note and step.rule not in _COMES else []
    if event.op == "NMI":
        name = "" if event.span is None else f": {event.text}"
        return StoryRow(who, f"  NMI{name}", where, noted)
    if event.kind == "callback" and event.op == "DLV":
        return StoryRow(
            who, f"  callback: {event.text}", where, ["the grace period has ended [18.3]", *noted]
        )
    if event.op == "DLV":
        rule = [f"[{step.rule}]"] if step.rule in _COMES else noted
        return StoryRow(who, f"  {how} {event.text}", where, rule)
    over = "end of callback" if event.kind == "callback" else "return from"
    return StoryRow(who, f"  {over} {event.text}", "", [end] if end else noted)


def _remarks(step: Step, rest: list[Step], tell: Tell) -> list[list[str]]:
    """The remarks about a part of a statement: first those for a first part, then those for a later part."""
    event = step.event
    assert event is not None
    notes = [_noted(step)] if step.note else []
    if _commits_later(step, rest):
        notes.insert(0, BUFFERED)
    if step.kind == "warn":
        notes.append("warns")
    if not (event.kind == "hlt" and any(value for _, value in step.reads)):  # it goes on waiting
        notes.append(_SAID.get(f"{event.op} {event.kind}".strip(), ""))
    said = ["", ""]
    if event.op not in ("DLV", "IRQ", "INV") and event.kind != "hlt" and not (event.op == "T" and step.note):
        said = [_said(step.reads, "reads ", tell, named) for named in (False, True)]
    return [[n for n in (s, *notes) if n] for s in said]


def _where(event: Event | None, verdict: Verdict) -> str:
    """The line of an event, with the file's name if the event is in an included file."""
    if event is None or event.span is None:
        return ""
    if event.span.source.name == verdict.test.source.name:
        return f"line {event.span.line}"
    return f"{os.path.basename(event.span.source.name)}:{event.span.line}"


Tell = Callable[[str, Value], str]  # a cell's name and a value -> the text of the value


def _plainly(cell: str, value: Value) -> str:
    return show(value)


_ELEMENT = pattern(r"(.*)\[\d+\]")


def _values(pairs: tuple[tuple[str, Value], ...], tell: Tell) -> list[tuple[str, str]]:
    """Cells and the texts of their values. If an access takes several bits of one mask at once, they are told
    as a mask: the CPUs that are in it."""
    out: list[tuple[str, str]] = []
    masks: dict[str, list[tuple[str, Value]]] = {}
    for cell, value in pairs:
        element = _ELEMENT.fullmatch(cell)
        if element is not None:
            masks.setdefault(element[1], []).append((cell, value))
    for cell, value in pairs:
        element = _ELEMENT.fullmatch(cell)
        bits = masks[element[1]] if element is not None else []
        if element is None or len(bits) == 1 or any(v not in (0, 1) for _, v in bits):
            out.append((cell, tell(cell, value)))
        elif bits[0][0] == cell:
            inside = [c[len(element[1]) + 1 : -1] for c, v in bits if v]
            out.append((element[1], f"{{{', '.join(inside)}}}"))
    return out


def _noted(step: Step) -> str:
    """A step's note and its rule. For a store that enters the buffer, another remark has the rule."""
    if step.kind in ("update", "flush"):
        return f"[{step.rule}]"
    if not step.rule or step.kind == "commit" or (step.rule == "1.2" and step.note):
        return step.note
    return f"{step.note} [{step.rule}]".strip()


def _own(step: Step, tell: Tell) -> str | None:
    """The words for a step that the processor does by itself; None for an event of the program."""
    writes = ", ".join(f"{cell} = {v}" for cell, v in _values(step.writes, tell))
    reads = ", ".join(f"{cell}: {v}" for cell, v in _values(step.reads, tell))
    if step.kind == "fill":
        return f"TLB fill of {', '.join(f'{va}: {tell(va, page)}' for va, page in step.writes)}"
    if step.kind == "cached":
        return f"{', '.join(f'{va} -> {tell(va, page)}' for va, page in step.writes)} is in the TLB"
    words = {
        "walk": f"page walk reads {reads}",
        "fault": "page fault",
        "update": f"the processor {step.note}: {writes}",
        "flush": step.note,
        "fetch": f"prefetch of {reads}",
        "commit": f"{writes} reaches memory",
    }
    return words.get(step.kind)


def _said(pairs: tuple[tuple[str, Value], ...], word: str, tell: Tell, named: bool) -> str:
    values = _values(pairs, tell)
    if len(values) == 1 and values[0][0].endswith(":irq"):
        return f"interrupts are {values[0][1]}"
    if len(values) == 1 and not named and len(pairs) == 1:
        return f"{word}{values[0][1]}"
    return word + ", ".join(f"{cell}: {value}" for cell, value in values) if values else ""


def _commits_later(step: Step, rest: list[Step]) -> bool | None:
    """Does this step's store reach memory later, after other steps? None if it is not a buffered store."""
    event = step.event
    if event is None or event.op != "W" or step.kind != "exec" or not step.writes:
        return None
    if any(":cr3" in cell or ":irq" in cell for cell, _ in step.writes):
        return None
    if not any(s.kind == "commit" and s.event is event for s in rest):
        return None
    return not (rest[0].kind == "commit" and rest[0].event is event)


def _silent(step: Step, trace: Trace) -> bool:
    """Is this a step that a story leaves out? Such are a send that starts no handler, and the wait for it
    (but not if someone waits for the handler for ever, or if the handler does);
    turning interrupts off and on around this CPU's part of a call to many CPUs; and parts of one
    instruction."""
    event = step.event
    if event is not None and event.op == "IRET" and step.rule == "8.10":
        return True  # the row of the next function says it
    if event is not None and (
        event.op in ("ACK", "PAUSE") or (event.op in ("IRQ", "RCU") and not event.text)
    ):
        return True
    if event is None or step.kind != "exec" or event.op not in ("SEND", "WAIT"):
        return False
    if MERGED in step.note:
        return False
    if any(wait.span == event.span and (wait.handler or wait.kind == "answers") for wait in trace.waits):
        return False
    return not any(
        s.event is not None and s.event.op in ("DLV", "NMI") and s.event.body in event.handlers
        for s in trace.steps
    )
