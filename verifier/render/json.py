"""Results as JSON. docs/results.schema.json is the schema."""

from __future__ import annotations

import json
from textwrap import indent

from verifier.errors import Interrupted, VerifierError
from verifier.output import Output
from verifier.program.events import Program
from verifier.program.states import state_line, state_lines
from verifier.program.trace import Matter, Step, Trace
from verifier.program.values import Value
from verifier.program.waits import Blocked, Loop
from verifier.render.base import Piece, Verdicts, Wanted
from verifier.render.problem import diagnostics
from verifier.results import Verdict
from verifier.source import Diagnostic, Span

Shape = dict[str, object]  # an object, as the schema has it


class Document:
    """A document, made piece by piece: ``opening``, results with commas between them, ``closing``.

    ``ascii``: escape all characters beyond ASCII.
    """

    opening = '{\n "version": 1,\n "results": ['

    def __init__(self, *, ascii: bool = False) -> None:
        self.ascii = ascii
        self.lists: dict[str, list[Shape]] = {"errors": [], "warnings": [], "skipped": []}

    def result(self, verdict: Verdict, *, states: bool, more: Shape | None = None) -> str:
        """An element of the list of results; ``more`` is what it has besides."""
        found = result_object(verdict, states=states) | (more or {})
        text = json.dumps(found, indent=1, ensure_ascii=self.ascii)
        return "\n" + indent(text, "  ")

    def error(self, error: Exception, file: str | None = None) -> None:
        """Keep the errors of a file, one by one, or an error without a file."""
        self.lists["errors"] += error_objects(error, file)

    def warning(self, warning: Diagnostic) -> None:
        """Keep a warning about something that is allowed, but that the author hardly means."""
        self.lists["warnings"].append(diagnostic_object(warning))

    def skip(self, file: str, arch: str) -> None:
        """Keep a file that was left out."""
        self.lists["skipped"].append({"file": file, "arch": arch})

    def closing(self, *, empty: bool) -> str:
        """The text after the results."""
        text = json.dumps(self.lists, indent=1, ensure_ascii=self.ascii)
        return ("],\n" if empty else "\n ],\n") + text.removeprefix("{\n") + "\n"


class Json(Verdicts):
    """A report that is one JSON document, even if errors end it early."""

    def __init__(self, out: Output, wanted: Wanted) -> None:
        super().__init__(out, wanted)
        self.document = Document(ascii=not out.unicode)
        self.begun = False

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The result_object as an element of the list."""
        return self.document.result(verdict, states=self.wanted.states), ""

    def print(self, piece: Piece) -> None:
        """Print an element, with the opening or the comma before it."""
        self.out.write(("," if self.begun else self.document.opening) + piece.text)
        self.begun = True

    def warning(self, warning: Diagnostic) -> None:
        """Keep it for the list, too."""
        super().warning(warning)
        self.document.warning(warning)

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """Keep it for the list, too."""
        super().error(error, file)
        self.document.error(error, file)

    def stopped(self, stop: Interrupted) -> None:
        """Say so in the document, too."""
        super().stopped(stop)
        self.document.error(stop)

    def skipped(self, file: str, arch: str) -> None:
        """Keep it for the list."""
        super().skipped(file, arch)
        self.document.skip(file, arch)

    def close(self) -> None:
        """Print the rest of the document."""
        opening = "" if self.begun else self.document.opening
        self.out.write(opening + self.document.closing(empty=not self.begun))

    def failed(self, error: VerifierError) -> None:
        """Print a document that has only the error."""
        super().failed(error)
        self.close()


def error_objects(error: Exception, file: str | None = None) -> list[Shape]:
    """The errors of a file, one by one, or an error without a file."""
    return [diagnostic_object(d) for d in diagnostics(error, file)]


def diagnostic_object(d: Diagnostic) -> Shape:
    """An error or a warning, as the schemas have it."""
    return {
        "file": d.span.source.name if d.span else d.file or None,
        "line": d.span.line if d.span else None,
        "column": d.span.column if d.span else None,
        "code": d.code,
        "message": d.message,
        "hint": d.hint,
    }


def result_object(verdict: Verdict, *, states: bool) -> Shape:
    """One result_object."""
    test = verdict.test
    out: Shape = {
        "file": test.source.name,
        "name": test.name,
        "variant": test.variant,
        "meta": test.meta,
        "model": verdict.model,
        "profile": verdict.profile,
        "quantifier": test.quantifier,
        "condition": test.condition,
        "observation": verdict.observation,
        "reason": verdict.reason,
        "expected": verdict.expected,
        "hangs_expected": verdict.hang_expected,
        "as_expected": verdict.as_expected,
        "bound": verdict.bound,
        "complete": verdict.complete,
        "seconds": round(verdict.seconds, 6),
        "witness": trace_object(verdict.program, verdict.witness, test.source.name),
        "hangs": verdict.hangs,
        "hang": trace_object(verdict.program, verdict.hang, test.source.name),
        "waits": [_wait(w) for w in verdict.waits],
        "loops": [_loop(x) for x in verdict.loops],
    }
    if states:
        out["states"] = _states(verdict.program, verdict.states)
        out["hang_states"] = _states(verdict.program, verdict.rests)
    return out


def _states(program: Program | None, known: tuple[tuple[Value, ...], ...] | None) -> list[str] | None:
    if program is None or known is None:
        return None
    return sorted(state_lines(program, known))


def _wait(w: Blocked) -> Shape:
    return {
        "kind": w.kind,
        "cpu": w.cpu,
        "file": w.span.source.name if w.span else None,
        "line": w.span.line if w.span else None,
        "called": _called(w.span),
        "what": w.what,
        "held_by": w.held_by,
        "handler": w.handler or None,
        "inside": w.inside or None,
    }


def _called(span: Span | None) -> Shape | None:
    call = span.called if span else None
    return None if call is None else {"file": call.source.name, "line": call.line}


def _loop(x: Loop) -> Shape:
    first, last = x.lines or (None, None)
    return {
        "cpu": x.cpu,
        "body": x.body,
        "file": x.span.source.name if x.span else None,
        "line": first,
        "last": last,
    }


def trace_object(program: Program | None, trace: Trace | None, file: str) -> Shape | None:
    """A run of a program; ``file`` is the test's."""
    if trace is None or program is None:
        return None
    naming = program.naming

    def pairs(items: tuple[tuple[str, Value], ...]) -> list[list[str]]:
        return [[cell, naming.at(cell, value)] for cell, value in items]

    def step(s: Step) -> Shape:
        return {
            "kind": s.kind,
            "cpu": s.cpu,
            "op": s.event.op if s.event else None,
            "text": s.event.text if s.event else None,
            "file": s.event.span.source.name if s.event and s.event.span else None,
            "line": s.event.span.line if s.event and s.event.span else None,
            "reads": pairs(s.reads),
            "writes": pairs(s.writes),
            "note": s.note,
            "rule": s.rule,
        }

    return {
        "state": state_line(program, trace.state),
        "steps": [step(s) for s in trace.steps],
        "matter": _matter(trace.matter, file),
    }


def _matter(matter: Matter | None, file: str) -> Shape | None:
    return matter and {"kind": matter.kind, "text": matter.told(file), "steps": list(matter.steps)}
