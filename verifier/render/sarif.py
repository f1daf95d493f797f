"""SARIF 2.1.0, the format of static analyses: a result for each problem, with the story as its code flow."""

from __future__ import annotations

import json
import os
from textwrap import indent
from urllib.parse import quote

from verifier import __version__
from verifier.errors import STOPPED, Interrupted, VerifierError
from verifier.output import Output
from verifier.program.trace import Trace
from verifier.render import story
from verifier.render.base import Piece, Verdicts, Wanted
from verifier.render.problem import (
    DIFFERS,
    UNDECIDED,
    Problem,
    diagnostics,
    file_of,
    place_of,
    problem,
    with_hint,
)
from verifier.results import Verdict
from verifier.source import Diagnostic, Span

Shape = dict[str, object]  # an object, as the schema has it

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_OPENING = (
    f'{{\n "$schema": "{SCHEMA}",\n "version": "2.1.0",\n "runs": [\n  {{\n'
    '   "columnKind": "unicodeCodePoints",\n   "results": ['
)
_ROOT = "%SRCROOT%"  # the directory in which the verifier is called, as readers take it
_OWN = {
    DIFFERS: "A verdict differs from its expectation.",
    UNDECIDED: "The verdict of a test, or a part of it, is not known.",
}


class Sarif(Verdicts):
    """A report that is one document. Results stand before the rules that they name, so they are printed as
    they come. Verdicts that are as expected are no results."""

    def __init__(self, out: Output, wanted: Wanted) -> None:
        super().__init__(out, wanted)
        self.begun = False
        self.rules: list[str] = []  # those that results name, in the order of the document
        self.notes: list[Shape] = []
        self.stop = 0

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """A line with the rule, and the result below it."""
        found = problem(verdict)
        if found is None:
            return "", ""
        rule = _rule_of(found)
        flows = [_flow(verdict, run) for run in found.runs]
        file = verdict.test.source.name
        result = _result(rule, "error", f"{verdict.test.id}: {found.message}", _place(found.span, file))
        result |= {"codeFlows": flows} if flows else {}
        result["partialFingerprints"] = {"test/v1": f"{_artifact(file)['uri']}::{verdict.test.id}"}
        return f"{rule}\n{self._json(result)}", ""

    def print(self, piece: Piece) -> None:
        """Print a result, if there is one."""
        rule, _, text = piece.text.partition("\n")
        if text:
            self._print(rule, text)

    def warning(self, warning: Diagnostic) -> None:
        """A result of the level ``warning``."""
        super().warning(warning)
        self._tell(warning, "warning")

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """A result for each error in a file; other errors are notes about the run."""
        super().error(error, file)
        for found in diagnostics(error, file):
            self._tell(found, "error")

    def stopped(self, stop: Interrupted) -> None:
        """Note it about the run."""
        super().stopped(stop)
        self.stop = stop.exit_code
        for found in diagnostics(stop):
            self._tell(found, "error")

    def close(self) -> None:
        """Print the tool, its rules, and how it has ended."""
        driver: Shape = {
            "name": "verifier",
            "version": __version__,
            "rules": list(map(_descriptor, self.rules)),
        }
        call: Shape = {
            "executionSuccessful": not self.notes,
            "exitCode": self.stop or int(self.exit_code),
            "toolExecutionNotifications": self.notes,
        }
        call |= {"exitSignalNumber": self.stop - STOPPED} if self.stop else {}
        rest: Shape = {"tool": {"driver": driver}, "invocations": [call]}
        text = indent(self._json(rest).removeprefix("{\n").removesuffix("\n}"), "  ")
        self.out.write(f"{'' if self.begun else _OPENING}\n   ],\n{text}\n  }}\n ]\n}}\n")

    def failed(self, error: VerifierError) -> None:
        """Print a document that has only the error."""
        super().failed(error)
        self.close()

    def _tell(self, found: Diagnostic, level: str) -> None:
        file = file_of(found)
        if file:
            result = _result(found.code, level, with_hint(found), _place(found.span, file))
            self._print(found.code, self._json(result))
        else:
            note: Shape = {"level": level, "message": {"text": with_hint(found)}}
            self.notes.append(note | {"descriptor": {"id": found.code}})

    def _print(self, rule: str, text: str) -> None:
        if rule not in self.rules:
            self.rules.append(rule)
        self.out.write(("," if self.begun else _OPENING) + "\n" + indent(text, "    "))
        self.begun = True

    def _json(self, shape: Shape) -> str:
        return json.dumps(shape, indent=1, ensure_ascii=not self.out.unicode)


def _result(rule: str, level: str, message: str, place: Shape) -> Shape:
    return {"ruleId": rule, "level": level, "message": {"text": message}, "locations": [place]}


def _rule_of(found: Problem) -> str:
    """The rule of the memory model that a result is about: the first one of a step that matters, or else of
    any step of its runs. Without a run, what is wrong."""
    for run in found.runs if found.kind == DIFFERS else ():
        matter = run.matter.steps if run.matter is not None else ()
        for step in (*(run.steps[at] for at in matter), *run.steps):
            if step.rule:
                return step.rule
    return found.kind


def _flow(verdict: Verdict, run: Trace) -> Shape:
    """A run as a code flow. The CPUs take turns in it, so it is one list, and each step names its CPU."""
    steps: list[Shape] = []
    file, at = verdict.test.source.name, place_of(verdict)
    for number, row in enumerate(story.rows(verdict, run), 1):
        at = row.span or at  # a step without a place is seen where the step before it is
        said = ": ".join(
            filter(None, (" ".join((row.who, *row.what.split())).strip(), "; ".join(row.remarks)))
        )
        place = _place(at, file) | {"message": {"text": said}}
        importance = "essential" if row.matters else "important"
        steps.append({"location": place, "executionOrder": number, "importance": importance})
    flow: Shape = {"threadFlows": [{"locations": steps}]}
    if run.matter is not None:
        flow["message"] = {"text": run.matter.told(file)}
    return flow


def _place(span: Span | None, file: str) -> Shape:
    """A place in a file; without a span, its first line."""
    region: Shape = {"startLine": 1}
    if span is not None:
        source = span.source
        file = source.name
        (line, column), (last, end) = source.position(span.start), source.position(span.end)
        region = {"startLine": line, "startColumn": column, "endLine": last, "endColumn": end}
    return {"physicalLocation": {"artifactLocation": _artifact(file), "region": region}}


def _artifact(file: str) -> Shape:
    """A file. Its path is meant from the directory of the call, unless it lies elsewhere."""
    below = os.path.relpath(file) if os.path.isabs(file) else os.path.normpath(file)
    if below.split(os.sep)[0] == os.pardir:
        return {"uri": "file://" + quote(os.fsencode(os.path.abspath(file)))}
    return {"uri": quote(os.fsencode(below)), "uriBaseId": _ROOT}


def _descriptor(rule: str) -> Shape:
    """What a rule says."""
    from verifier.model.rules import rules

    known = rules().get(rule)
    if known is None:
        return {"id": rule, "shortDescription": {"text": _OWN.get(rule, f"A fault in a file: {rule}.")}}
    return {
        "id": rule,
        "name": known.title,
        "shortDescription": {"text": known.title},
        "fullDescription": {"text": known.text},
        "help": {"text": f"{known.text}\nSource: {known.source}. 'verifier rules {rule}' says the same."},
        "properties": {"tags": ["memory-model", f"confidence-{known.confidence}"]},
    }
