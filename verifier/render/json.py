"""Results as JSON; docs/results.schema.json says of what shape."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from verifier.errors import InputError, InternalError
from verifier.program.events import show, state_line
from verifier.program.trace import Step, Trace
from verifier.results import Verdict
from verifier.source import Diagnostic


def document(verdicts: Iterable[Verdict], errors: Iterable[Exception] = (), *, states: bool) -> str:
    """The whole document."""
    body = {
        "version": 1,
        "results": [result(v, states=states) for v in verdicts],
        "errors": [e for error in errors for e in _errors(error)],
    }
    return json.dumps(body, indent=1, ensure_ascii=False) + "\n"


def _errors(error: Exception) -> list[dict[str, Any]]:
    """What is wrong with a file, each thing by itself; what is wrong with no file has no place."""
    if isinstance(error, InputError):
        return [_error(d) for d in error.diagnostics]
    code = "internal" if isinstance(error, InternalError) else "usage"
    return [_error(Diagnostic(code, str(error)))]


def _error(d: Diagnostic) -> dict[str, Any]:
    return {
        "file": d.span.source.name if d.span else d.file or None,
        "line": d.span.line if d.span else None,
        "column": d.span.column if d.span else None,
        "code": d.code,
        "message": d.message,
        "hint": d.hint,
    }


def result(verdict: Verdict, *, states: bool) -> dict[str, Any]:
    """One result."""
    test = verdict.test
    out: dict[str, Any] = {
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
        "as_expected": verdict.as_expected,
        "bound": verdict.bound,
        "seconds": round(verdict.seconds, 6),
        "witness": _trace(verdict, verdict.witness),
    }
    if states:
        known = verdict.program is not None and verdict.states is not None
        out["states"] = (
            sorted(state_line(verdict.program, s) for s in verdict.states or ()) if known else None  # type: ignore[arg-type]
        )
    return out


def _trace(verdict: Verdict, trace: Trace | None) -> dict[str, Any] | None:
    if trace is None or verdict.program is None:
        return None
    names = verdict.program.names

    def pairs(items: tuple[tuple[str, Any], ...]) -> list[list[str]]:
        return [[cell, show(value, names)] for cell, value in items]

    def step(s: Step) -> dict[str, Any]:
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

    return {"state": state_line(verdict.program, trace.state), "steps": [step(s) for s in trace.steps]}
