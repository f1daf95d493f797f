"""Explanations and audits, for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable

from verifier.lower.optional import OptionalPart
from verifier.output import COLOURLESS, Output, Paint
from verifier.render.base import Wanted
from verifier.render.json import Json, Shape, trace_object
from verifier.render.story import headline, story, text
from verifier.render.text import PlainText
from verifier.results import Verdict
from verifier.source import Span
from verifier.why.answers import Audit, Explanation, Finding, Link, wrapped


def explanation(x: Explanation, paint: Paint = COLOURLESS) -> str:
    """The verdict, a sentence, and reasons with their cycles; of an outcome that is possible, what ``check``
    shows."""
    if not x.reasons and not x.gap:
        return text(x.verdict, paint=paint)
    out = [headline(x.verdict, paint=paint), *wrapped(f"{x.summary[:1].upper()}{x.summary[1:]}."), ""]
    return "\n".join([*out, *x.lines()]).rstrip() + "\n"


# -- audit ----------------------------------------------------------------------------------------


def audit(x: Audit, runs: bool = True, paint: Paint = COLOURLESS) -> str:
    """The verdict, a table of what was found, and with ``runs`` a run for each part that is needed."""
    file = x.verdict.test.source.name
    out = [headline(x.verdict, paint=paint), *x.lines()]
    for f in x.findings if runs else ():
        if f.run is not None or f.wrong:
            out += ["", f"Without the {f.kind} of {' '.join(f.text.split())} ({f.where(file)}):"]
        if f.run is not None:
            out += [story(x.verdict, f.run, paint)]
        if f.wrong:
            out += wrapped(f"A run is wrong: {f.wrong}.")
    return "\n".join(out).rstrip() + "\n"


# -- JSON -----------------------------------------------------------------------------------------


def _place(span: Span) -> Shape:
    return {"file": span.source.name, "line": span.line, "column": span.column}


def _part_object(part: OptionalPart) -> Shape:
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
                "guards": [_part_object(p) for p in r.guards],
                "wrong": r.wrong,
                "comes": list(r.excluded.comes) if r.excluded else [],
                "cycles": [
                    {
                        "case": c.case,
                        "alike": c.alike,
                        "parts": [_part_object(p) for p in c.parts],
                        "steps": [_link_object(link) for link in c.links],
                    }
                    for c in r.cycles
                ],
            }
            for r in x.reasons
        ],
        "comments": [{**_place(c.part.span), "text": c.text} for c in x.comments],
    }


def _link_object(link: Link) -> Shape:
    step = link.step
    return {
        "cpu": step.cpu, "text": step.text, "where": step.where, "note": step.note, "before": link.why,
    }  # fmt: skip


def audit_object(x: Audit) -> Shape:
    """What an audit adds to a result."""
    file = x.verdict.test.source.name
    found = [_finding_object(f, file) for f in x.findings]
    return {"gap": x.gap, "findings": found, "together": [_part_object(p) for p in x.together]}


def _finding_object(f: Finding, file: str) -> Shape:
    return {
        "kind": f.kind,
        "text": " ".join(f.text.split()),
        **_place(f.span),
        "cpus": sorted(f.cpus),
        "need": f.need,
        "joint": [_part_object(p) for p in f.joint],
        "run": trace_object(f.program, f.run, file),
        "wrong": f.wrong,
    }


# -- reports --------------------------------------------------------------------------------------


class ExplainedText(PlainText):
    """An explanation for each verdict."""

    def __init__(self, out: Output, wanted: Wanted, explain: Callable[[Verdict], Explanation]) -> None:
        super().__init__(out, wanted)
        self.explain = explain

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The text of an explanation."""
        return explanation(self.explain(verdict), self.out.paint) + "\n", ""


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
        return audit(self.audit(verdict), self.wanted.stories, self.out.paint) + "\n", ""


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
