"""Annotations: workflow commands that GitHub Actions reads in the log of a job."""

from __future__ import annotations

from verifier.errors import Interrupted, VerifierError
from verifier.output import visible
from verifier.render.base import Verdicts
from verifier.render.problem import diagnostics, file_of, problem, with_hint
from verifier.results import Verdict
from verifier.source import STDIN, Diagnostic, Span


class GitHub(Verdicts):
    """An annotation for each problem, and the counts at the end. Verdicts that are as expected are silent."""

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The annotation of a verdict that is not as expected."""
        found = problem(verdict)
        if found is None:
            return "", ""
        lines = found.told.split("\n")[1:]
        said = "\n".join([found.message, *lines]).rstrip("\n")
        title = f"{verdict.test.id}: {found.kind}"
        return _annotation("error", said, title, found.span, verdict.test.source.name), ""

    def warning(self, warning: Diagnostic) -> None:
        """An annotation of the kind ``warning``."""
        super().warning(warning)
        self.out.write(_of(warning, "warning"))

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """An annotation for each error."""
        super().error(error, file)
        for found in diagnostics(error, file):
            self.out.write(_of(found, "error"))

    def stopped(self, stop: Interrupted) -> None:
        """An annotation that says so."""
        super().stopped(stop)
        self.out.write(_annotation("error", str(stop), "stopped", None, ""))

    def close(self) -> None:
        """Print the counts."""
        self.out.write(f"{self.tally}\n")


def _of(found: Diagnostic, level: str) -> str:
    return _annotation(level, with_hint(found), found.code, found.span, file_of(found))


def _annotation(level: str, message: str, title: str, span: Span | None, file: str) -> str:
    """A line such as ``::error file=a.litmus,line=3,col=1,title=differs::…``."""
    place: dict[str, object] = {}
    if span is not None:
        file = span.source.name
        (line, column), (last, end) = (span.source.position(at) for at in (span.start, span.end))
        place = {"line": line, "endLine": last, "col": column}
        place |= {"endColumn": end} if line == last else {}
    where = {"file": file} | place if file not in ("", STDIN) else {}
    properties = ",".join(f"{name}={_property(str(v))}" for name, v in (where | {"title": title}).items())
    return f"::{level} {properties}::{_data(message)}\n"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
