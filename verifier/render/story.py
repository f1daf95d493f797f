"""Verdicts for people: one line a test, and the story of a run for each reachable outcome."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

from verifier.program.events import Event, show
from verifier.program.trace import Step, Trace
from verifier.program.values import Ptr, Value
from verifier.results import Verdict

Row = tuple[str, str, str, str]  # who, what, where, what came of it
# Parts of a call that is written once.
_SAID = {
    "SEND": "sends", "WAIT": "all have answered", "SEND rcu": "a grace period will start [18.3]",
    "GP start": "a grace period starts [18.2]", "GP end": "it has ended [18.2]",
}  # fmt: skip


def headline(verdict: Verdict, width: int = 0) -> str:
    """``name::B1   sometimes   as expected: why``."""
    test = verdict.test
    if verdict.as_expected is None:
        judged = ""
    elif verdict.as_expected:
        judged = "as expected"
    elif verdict.exit_code == 3:
        judged = f"expected {verdict.expected}"
    else:
        judged = f"DIFFERS: expected {verdict.expected}"
    if test.comment:
        judged = f"{judged}: {test.comment}" if judged and verdict.as_expected else judged or test.comment
    if verdict.reason:
        judged = f"{judged} ({verdict.reason})" if judged else verdict.reason
    return f"{test.id:<{width}}   {verdict.observation:<9}   {judged}".rstrip()


def story(verdict: Verdict, trace: Trace) -> str:
    """A run as aligned rows."""
    rows = list(_rows(verdict, trace))
    widths = [max((len(r[i]) for r in rows), default=0) for i in range(3)]
    return "\n".join(
        "  " + "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    )


def text(verdict: Verdict, width: int = 0) -> str:
    """The headline, and below it what a reader would check: a witness if the outcome is reachable,
    a counterexample if it was expected to hold always and does not."""
    out = [headline(verdict, width)]
    trace = verdict.witness
    if verdict.test.quantifier == "forall" and verdict.counter is not None:
        trace = verdict.counter
        out.append("  a run in which it does not hold:")
    if trace is not None:
        out += ["", story(verdict, trace), ""]
    return "\n".join(out)


def _rows(verdict: Verdict, trace: Trace) -> Iterable[Row]:
    """A row a step; each names the rule that lets it happen, where that is no plain execution."""
    tell = _teller(verdict)
    steps = list(trace.steps)
    at_once: set[int] = set()  # commits that follow their store at once are no steps of their own
    for at, step in enumerate(steps):
        if at in at_once or _silent(step, steps):
            continue
        who = f"CPU {step.cpu}" if step.cpu is not None else ""
        event = step.event
        where = _where(event, verdict)
        own = _own(step, tell)
        if own is not None:
            yield who, f"    {own}", where if step.kind in ("fault", "flush") else "", _noted(step)
        elif step.kind == "snapshot":
            yield who, "    this is the instant", "", ", ".join(f"{c} is {tell(c, v)}" for c, v in step.reads)
        elif event is not None and event.op == "DLV":
            ended = "the grace period has ended [18.3]" if _callback(event, verdict) else ""
            yield who, f"  interrupt: {event.text}", where, step.note or ended
        elif event is not None and event.op == "NMI":
            yield who, "  NMI", "", step.note
        elif event is not None and event.op == "IRET":
            yield who, f"  return from {event.text}", "", step.note
        else:
            what = " ".join((event.text if event is not None else "").split())
            notes = [_noted(step)] if step.note else []
            late = _commits_later(step, steps[at + 1 :])
            if late:
                notes.insert(0, "goes to the store buffer [1.2]")
            elif late is False:
                at_once.add(at + 1)
            if event is not None:
                notes.append(_SAID.get(f"{event.op} {event.kind}".strip(), ""))
            if event is None or event.op not in ("DLV", "IRQ", "INV"):
                notes.insert(0, _said(step.reads, "reads ", tell))
            yield who, what, where, "; ".join(filter(None, notes))
    yield from _warned(verdict, trace)


def _warned(verdict: Verdict, trace: Trace) -> Iterable[Row]:
    """A row for each CPU that has hit a WARN or BUG, as far as the condition asks for that."""
    if verdict.program is not None:
        for index, value in zip(verdict.program.shown, trace.state, strict=False):
            observable = verdict.program.observables[index]
            if observable.kind == "reg" and observable.label == f"{observable.cpu}:warn" and value:
                yield f"CPU {observable.cpu}", "  has hit a WARN_ON or BUG_ON", "", ""


def _where(event: Event | None, verdict: Verdict) -> str:
    """The line of an event, with the file's name if the test includes it."""
    if event is None or event.span is None:
        return ""
    if event.span.source.name == verdict.test.source.name:
        return f"line {event.span.line}"
    return f"{os.path.basename(event.span.source.name)}:{event.span.line}"


Tell = Callable[[str, Value], str]  # a cell's name and a value -> how to write the value


def _teller(verdict: Verdict) -> Tell:
    """How values are told: as states print them, but ``none`` in entries, and in what begins with an
    address the constant that is a number's name (``LOADED_MM_SWITCHING``)."""
    program = verdict.program
    if program is None:
        return lambda cell, value: show(value)
    names = program.names
    entries = {program.cells[cell].name for cell in program.entries.values()}
    pointers = {cell.name for cell in program.cells.values() if isinstance(cell.init, Ptr)} - entries
    enums: dict[str, int] = getattr(verdict.test.tree, "enums", {})
    constants = {value: name for name, value in reversed(enums.items()) if value}

    def tell(cell: str, value: Value) -> str:
        if isinstance(value, int) and value == 0 and cell in entries:
            return "none"
        if isinstance(value, int) and cell in pointers and value in constants:
            return constants[value]
        return show(value, names)

    return tell


def _callback(event: Event, verdict: Verdict) -> bool:
    """Is this the delivery of a callback of RCU?"""
    send = verdict.program.bodies[event.body].send if verdict.program is not None else None
    return send is not None and send.kind == "rcu"


def _noted(step: Step) -> str:
    """A step's note and its rule. A store that enters the buffer has its rule said there."""
    if step.kind in ("update", "flush"):
        return f"[{step.rule}]"
    if not step.rule or step.kind == "commit" or (step.rule == "1.2" and step.note):
        return step.note
    return f"{step.note} [{step.rule}]".strip()


def _own(step: Step, tell: Tell) -> str | None:
    """What a processor does by itself, in words; None for an event of the program."""
    writes = ", ".join(f"{cell} = {tell(cell, v)}" for cell, v in step.writes)
    reads = ", ".join(f"{cell}: {tell(cell, v)}" for cell, v in step.reads)
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


def _said(pairs: tuple[tuple[str, Value], ...], word: str, tell: Tell) -> str:
    if not pairs:
        return ""
    many = len(pairs) > 1
    return word + ", ".join(f"{cell}: {tell(cell, v)}" if many else tell(cell, v) for cell, v in pairs)


def _commits_later(step: Step, rest: list[Step]) -> bool | None:
    """Does this step's store reach memory later than at once? None: it is no buffered store."""
    event = step.event
    if event is None or event.op != "W" or step.kind != "exec" or not step.writes:
        return None
    if any(":cr3" in cell or ":irq" in cell for cell, _ in step.writes):
        return None
    if not any(s.kind == "commit" and s.event is event for s in rest):
        return None
    return not (rest[0].kind == "commit" and rest[0].event is event)


_CALLS = re.compile(r"(\w+ = )?(smp_call|on_each_cpu|this_cpu_)")


def _silent(step: Step, steps: list[Step]) -> bool:
    """A send that starts nothing, and the wait for it, are no steps of a story; nor is it one that a
    call of many CPUs turns interrupts off around its own part, or that is part of one instruction."""
    event = step.event
    if event is not None and (event.op == "ACK" or (event.op == "RCU" and not event.text)):
        return True
    if event is not None and event.op == "IRQ" and _CALLS.match(event.text):
        return True
    if event is None or step.kind != "exec" or event.op not in ("SEND", "WAIT"):
        return False
    return not any(
        s.event is not None and s.event.op == "DLV" and s.event.body in event.handlers for s in steps
    )
