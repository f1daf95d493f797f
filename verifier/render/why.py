"""Explanations and audits, for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from textwrap import wrap

from verifier.lower.optional import Part
from verifier.output import Output
from verifier.program.waits import place
from verifier.render.base import Wanted
from verifier.render.json import Json, Shape, trace_object
from verifier.render.story import headline, story, text
from verifier.render.text import PlainText
from verifier.results import Verdict
from verifier.source import Span
from verifier.why.audit import Audit, Finding
from verifier.why.explain import Closed, Explanation, Reason, named
from verifier.why.names import Step

WIDTH = 112
# What a part does, for the list of what an outcome rests on.
DOES = {
    "barrier": "a barrier",
    "LOCK": "is LOCK'd: it waits for the store buffer, and is not buffered",
    "serialization": "serializes: it waits for the store buffer, and drops prefetched code",
    "flush": "removes translations",
    "wait": "waits until the others have answered",
    "IPI": "interrupts other CPUs",
    "IRQ-off region": "keeps interrupts off",
    "lock": "keeps others out",
    "grace period": "waits for readers",
    "reader": "is waited for by grace periods",
}


def explanation(x: Explanation) -> str:
    """The verdict and a sentence; then reasons with their cycles, or a run."""
    test = x.verdict.test
    out = [headline(x.verdict), *_wrapped(f"{x.summary[:1].upper()}{x.summary[1:]}."), ""]
    if not x.reasons:
        out += text(x.verdict).split("\n")[1:]
    for number, reason in enumerate(x.reasons, 1):
        out += _reason(reason, number, x)
    if x.comments:
        out.append("Comments that could stand in the source:")
        out += [f"  {place(c.part.span, test.source.name)}: {c.text}" for c in x.comments]
        out.append("")
    if x.gap:
        out.append(f"This is not all of it: {x.gap}.")
    return "\n".join(out).rstrip() + "\n"


def _reason(reason: Reason, number: int, x: Explanation) -> list[str]:
    file = x.verdict.test.source.name
    out: list[str] = []
    if len(x.reasons) > 1:
        out.append(f"Reason {number} of {len(x.reasons)}{'' if x.complete else ' or more'}")
    if reason.parts:
        out += ["It rests on", *_table(_part(p, file) for p in reason.parts), ""]
    on = {part for cycle in reason.cycles for part in cycle.parts}
    off = [part for part in reason.parts if part not in on]
    if off and reason.cycles:
        said = " and ".join(named(part, file) for part in off)
        out += [
            *_wrapped(f"On no cycle is {said}: without it there would be other runs than those below."),
            "",
        ]
    if reason.gap:
        out += [f"{reason.gap}.", ""]
    if reason.cycles:
        many = len(reason.cycles)
        which = "this cycle" if many == 1 else f"one of these {many} cycles"
        out.append(f"A run with this outcome would have to close {which}:")
        for at, cycle in enumerate(reason.cycles, 1):
            out += ["", *_cycle(cycle, at if many > 1 else 0)]
        out.append("")
    elif reason.parts and not reason.gap:
        out += ["No cycle is needed: without an order, the values alone exclude it.", ""]
    return out


def _part(part: Part, file: str) -> tuple[str, str, str, str]:
    cpus = ", ".join(map(str, sorted(part.cpus)))
    return f"CPU {cpus}", " ".join(part.text.split()), place(part.span, file), DOES[part.kind]


def _cycle(cycle: Closed, number: int) -> list[str]:
    head = f"  {number}. " if number else "  "
    case = f"if {cycle.case}" if cycle.case else "in any case"
    alike = f" ({cycle.alike} alike, on other CPUs)" if cycle.alike > 1 else ""
    rows = _table((_row(link.step) for link in cycle.links), indent="     ")
    out = [f"{head}{case}{alike}"]
    for row, link in zip(rows, cycle.links, strict=True):
        out += [row, f"       before: {link.why}"]
    first = cycle.links[0].step
    who = f"CPU {first.cpu}  " if first.cpu is not None else ""
    return [*out, f"     {who}{first.text}: it would come before itself"]


def _row(step: Step) -> tuple[str, str, str, str]:
    return f"CPU {step.cpu}" if step.cpu is not None else "", step.text, step.where, step.note


def _table(rows: Iterable[Sequence[str]], indent: str = "  ") -> list[str]:
    cells = list(rows)
    widths = [max((len(row[at]) for row in cells), default=0) for at in range(3)]
    return [
        indent + ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)) + "  " + row[3]).rstrip()
        for row in cells
    ]


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


# -- audit ----------------------------------------------------------------------------------------


def audit(x: Audit, runs: bool = True) -> str:
    """The verdict, a table of what was found, and with ``runs`` a run for each part that is needed."""
    file = x.verdict.test.source.name
    out = [headline(x.verdict), *findings(x)]
    if any(f.need == "redundant" for f in x.findings):
        out += _wrapped("Redundant: no final state changes without it, by all memory and all locals.")
    for f in x.findings if runs else ():
        if f.run is not None:
            out += ["", f"Without the {f.kind} of {' '.join(f.text.split())} ({place(f.span, file)}):"]
            out += [story(x.verdict, f.run)]
    if x.gap:
        out.append(f"  {x.gap[:1].upper()}{x.gap[1:]}.")
    return "\n".join(out).rstrip() + "\n"


def findings(x: Audit) -> list[str]:
    """A row for each finding."""
    file = x.verdict.test.source.name
    rows = []
    for f in sorted(x.findings, key=lambda f: (f.span.source.name != file, f.span.source.name, f.span.start)):
        cpus = f"CPU {', '.join(map(str, sorted(f.cpus)))}" if f.cpus else ""
        joint = f"; needed if {' or '.join(named(p, file) for p in f.joint)} is missing" if f.joint else ""
        text = " ".join(f.text.split())
        rows.append(
            (place(f.span, file), text, f"{f.kind}", f"{f.need}{joint}{f'  ({cpus})' if cpus else ''}")
        )
    return _table(rows)


# -- JSON -----------------------------------------------------------------------------------------


def _place(span: Span) -> Shape:
    return {"file": span.source.name, "line": span.line, "column": span.column}


def _part_object(part: Part) -> Shape:
    text = " ".join(part.text.split())
    return {"kind": part.kind, "text": text, **_place(part.span), "cpus": sorted(part.cpus)}


def explanation_object(x: Explanation) -> Shape:
    """What an explanation adds to a result."""
    return {
        "summary": x.summary,
        "complete": x.complete,
        "gap": x.gap,
        "reasons": [
            {
                "parts": [_part_object(p) for p in r.parts],
                "gap": r.gap,
                "cycles": [
                    {
                        "case": c.case,
                        "alike": c.alike,
                        "parts": [_part_object(p) for p in c.parts],
                        "steps": [{**link.step._asdict(), "before": link.why} for link in c.links],
                    }
                    for c in r.cycles
                ],
            }
            for r in x.reasons
        ],
        "comments": [{**_place(c.part.span), "text": c.text} for c in x.comments],
    }


def audit_object(x: Audit) -> Shape:
    """What an audit adds to a result."""
    return {"gap": x.gap, "findings": [_finding_object(f) for f in x.findings]}


def _finding_object(f: Finding) -> Shape:
    return {
        "kind": f.kind,
        "text": " ".join(f.text.split()),
        **_place(f.span),
        "cpus": sorted(f.cpus),
        "need": f.need,
        "joint": [_part_object(p) for p in f.joint],
        "run": trace_object(f.program, f.run),
    }


# -- reports --------------------------------------------------------------------------------------


class ExplainedText(PlainText):
    """An explanation for each verdict."""

    def __init__(self, out: Output, wanted: Wanted, explain: Callable[[Verdict], Explanation]) -> None:
        super().__init__(out, wanted)
        self.explain = explain

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The text of an explanation."""
        return explanation(self.explain(verdict)) + "\n", ""


class ExplainedJson(Json):
    """One document; each result has an ``explanation``."""

    def __init__(self, out: Output, wanted: Wanted, explain: Callable[[Verdict], Explanation]) -> None:
        super().__init__(out, wanted)
        self.explain = explain

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """An element of the list."""
        more: Shape = {"explanation": explanation_object(self.explain(verdict))}
        return self.document.result(verdict, states=False, more=more), ""


class AuditedText(PlainText):
    """An audit for each verdict; without stories, only its table."""

    def __init__(self, out: Output, wanted: Wanted, audit: Callable[[Verdict], Audit]) -> None:
        super().__init__(out, wanted)
        self.audit = audit

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The text of an audit."""
        return audit(self.audit(verdict), self.wanted.stories) + "\n", ""


class AuditedJson(Json):
    """One document; each result has an ``audit``."""

    def __init__(self, out: Output, wanted: Wanted, audit: Callable[[Verdict], Audit]) -> None:
        super().__init__(out, wanted)
        self.audit = audit

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """An element of the list."""
        return self.document.result(
            verdict, states=False, more={"audit": audit_object(self.audit(verdict))}
        ), ""
