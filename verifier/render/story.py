"""Verdicts for people: one line a test, and the story of a run for each reachable outcome."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.program.events import show
from verifier.program.trace import Step, Trace
from verifier.program.values import Value
from verifier.results import Verdict

Row = tuple[str, str, str, str]  # who, what, where, what came of it


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


def summary(verdicts: Iterable[Verdict], errors: int) -> str:
    """``52 tests: 50 as expected, 1 differs, 1 unknown``."""
    counts = {"as expected": 0, "differ": 0, "unknown": 0, "without expectation": 0}
    total = 0
    for v in verdicts:
        total += 1
        if v.as_expected is True:
            counts["as expected"] += 1
        elif v.exit_code == 3:
            counts["unknown"] += 1
        elif v.as_expected is False:
            counts["differ"] += 1
        else:
            counts["without expectation"] += 1
    parts = [f"{n} {word}" for word, n in counts.items() if n]
    if errors:
        parts.append(f"{errors} with errors")
    return f"{total} test{'s' * (total != 1)}: {', '.join(parts) or 'nothing to judge'}"


def _rows(verdict: Verdict, trace: Trace) -> Iterable[Row]:
    names = verdict.program.names if verdict.program else {}

    def said(pairs: tuple[tuple[str, Value], ...], word: str) -> str:
        many = len(pairs) > 1
        return ", ".join(f"{cell}: {show(v, names)}" if many else show(v, names) for cell, v in pairs).join(
            (word, "") if pairs else ("", "")
        )

    steps = list(trace.steps)
    skip: set[int] = set()
    for at, step in enumerate(steps):
        if at in skip or _silent(step, steps[at + 1 :]):
            continue
        who = f"CPU {step.cpu}" if step.cpu is not None else ""
        event = step.event
        where = f"line {event.span.line}" if event is not None and event.span is not None else ""
        what = " ".join((event.text if event is not None else "").split())
        note = step.note
        if step.kind == "fill":
            entry = ", ".join(f"{va}: {show(page, names)}" for va, page in step.writes)
            yield who, f"    TLB fill of {entry}", "", note
        elif step.kind == "walk":
            entry = ", ".join(f"{cell}: {show(v, names)}" for cell, v in step.reads)
            yield who, f"    page walk reads {entry}", "", note
        elif step.kind == "fault":
            yield who, "    page fault", where, note
        elif step.kind == "update":
            changed = ", ".join(f"{cell} = {show(v, names)}" for cell, v in step.writes)
            yield who, f"    the processor {note}: {changed}", "", ""
        elif step.kind == "flush":
            yield who, f"    {note}", where, ""
        elif step.kind == "fetch":
            copies = ", ".join(f"{cell}: {show(v, names)}" for cell, v in step.reads)
            yield who, f"    prefetch of {copies}", "", ""
        elif step.kind == "commit":
            changed = ", ".join(f"{cell} = {show(v, names)}" for cell, v in step.writes)
            yield who, f"    {changed} reaches memory", "", note
        elif step.kind == "snapshot":
            yield who, "    this is the instant", "", said(step.reads, "memory has ")
        elif event is not None and event.op == "DLV":
            yield who, f"  interrupt: {event.text}", where, note
        elif event is not None and event.op == "IRET":
            yield who, f"  return from {event.text}", "", note
        else:
            follows = steps[at + 1] if at + 1 < len(steps) else None
            stored = event is not None and event.op == "W" and step.kind == "exec" and bool(step.writes)
            register = (
                stored and event is not None and any(":cr3" in c or ":irq" in c for c, _ in step.writes)
            )
            if (
                stored
                and not register
                and any(s.kind == "commit" and s.event is event for s in steps[at + 1 :])
            ):
                if follows is not None and follows.kind == "commit" and follows.event is event:
                    skip.add(at + 1)
                else:
                    note = "; ".join(filter(None, ["goes to the store buffer", note]))
            read = said(step.reads, "reads ") if event is None or event.op not in ("DLV", "IRQ") else ""
            yield who, what, where, "; ".join(filter(None, [read, note]))


def _silent(step: Step, rest: list[Step]) -> bool:
    """A send that starts nothing, and the wait for it, are no steps of a story."""
    event = step.event
    if event is None or step.kind != "exec" or event.op not in ("SEND", "WAIT"):
        return False
    if event.op == "SEND":
        return not any(
            s.event is not None and s.event.op == "DLV" and s.event.body in event.handlers for s in rest
        )
    return not event.handlers
