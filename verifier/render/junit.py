"""JUnit XML: a suite for each file, a case for each test. Jenkins, GitLab and others read it.

Elements and attributes are those of the schema of Jenkins's xUnit plugin (junit-10.xsd).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from verifier.errors import ExitCode, Interrupted, VerifierError
from verifier.output import Output
from verifier.render.base import Piece, Verdicts, Wanted, said
from verifier.render.problem import UNDECIDED, diagnostics, printable, problem
from verifier.results import Verdict
from verifier.source import Diagnostic

_OPENING = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="verifier">\n'
_CLOSING = "</testsuites>\n"


@dataclass(slots=True)
class _Suite:
    """The cases of a file. Their counts stand before them, so the suite is kept until it is complete."""

    name: str
    cases: list[str] = field(default_factory=list)
    failures: int = 0
    errors: int = 0
    skipped: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The suite as XML."""
        counts = _attributes(
            name=self.name, tests=len(self.cases), failures=self.failures, errors=self.errors,
            skipped=self.skipped, time=f"{self.seconds:.3f}", file=self.name,
        )  # fmt: skip
        warnings = "\n".join(self.warnings)
        said = f"<system-err>{_text(warnings)}</system-err>\n" if warnings else ""
        return f"<testsuite{counts}>\n{''.join(self.cases)}{said}</testsuite>\n"


class JUnit(Verdicts):
    """A report that is one document. Each suite is printed as soon as its file is decided."""

    def __init__(self, out: Output, wanted: Wanted) -> None:
        super().__init__(out, wanted)
        self.begun = False
        self.suites: dict[str, _Suite] = {}

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The case of a test."""
        found, file = problem(verdict), verdict.test.source.name
        inner = ""
        if found is not None:
            tag = "error" if found.kind == UNDECIDED else "failure"
            inner = _element(tag, found.told, type=found.kind, message=found.message)
        return _case(file, verdict.test.id, inner, time=f"{verdict.seconds:.3f}"), ""

    def print(self, piece: Piece) -> None:
        """Keep a case for the suite of its file."""
        suite = self._suite(piece.file)
        suite.cases.append(piece.text)
        suite.failures += piece.exit_code is ExitCode.DIFFERS
        suite.errors += piece.exit_code is ExitCode.UNKNOWN
        suite.seconds += piece.seconds

    def warning(self, warning: Diagnostic) -> None:
        """Keep it for what the suite says besides."""
        super().warning(warning)
        self._suite(warning.span.source.name if warning.span else warning.file).warnings.append(
            warning.render()
        )

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """A case for the errors of a file."""
        super().error(error, file)
        self._wrong(error, file)

    def stopped(self, stop: Interrupted) -> None:
        """Say so in the document, too."""
        super().stopped(stop)
        self._wrong(stop, None)

    def skipped(self, file: str, arch: str) -> None:
        """A case for a file that is left out."""
        super().skipped(file, arch)
        suite = self._suite(file)
        suite.cases.append(_case(file, _base(file), _element("skipped", "", message=f"a test for {arch}")))
        suite.skipped += 1

    def ended(self, file: str) -> None:
        """Print the suite of a file."""
        for suite in self.suites.values():
            self._write(suite.text())
        self.suites.clear()

    def close(self) -> None:
        """Print what is left, and the end of the document."""
        self.ended("")
        self._write(_CLOSING)

    def failed(self, error: VerifierError) -> None:
        """Print a document that has only the error."""
        super().failed(error)
        self.close()

    def _wrong(self, error: VerifierError, file: str | None) -> None:
        found = diagnostics(error, file)
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        inner = _element("error", said(error), type=found[0].code, message=found[0].message + more)
        suite = self._suite(file or "")
        suite.cases.append(_case(file or "", _base(file or "verifier"), inner))
        suite.errors += 1

    def _suite(self, file: str) -> _Suite:
        """The suite of a file; what is about none stands in the suite ``verifier``."""
        return self.suites.setdefault(file, _Suite(file or "verifier"))

    def _write(self, text: str) -> None:
        text = ("" if self.begun else _OPENING) + text
        self.begun = True
        if not self.out.unicode:
            text = text.encode("ascii", "xmlcharrefreplace").decode()
        self.out.write(text)


def _base(file: str) -> str:
    return os.path.basename(file) or file


def _case(file: str, name: str, inner: str, **more: str) -> str:
    """A case; its class is the path of its file, in the form that readers take apart at dots."""
    parts = (file or "verifier").removesuffix(".litmus").replace(".", "_").split("/")
    head = _attributes(classname=".".join(part for part in parts if part.strip("_")), name=name, **more)
    return f"<testcase{head}>\n{inner}</testcase>\n" if inner else f"<testcase{head}/>\n"


def _element(tag: str, text: str, **attributes: str) -> str:
    return f"<{tag}{_attributes(**attributes)}>{_text(text)}</{tag}>\n"


def _attributes(**named: str | int) -> str:
    return "".join(
        f" {name}={quoteattr(printable(str(value)), {chr(10): '&#10;'})}" for name, value in named.items()
    )


def _text(text: str) -> str:
    return escape(printable(text), {"\r": "&#13;"})
