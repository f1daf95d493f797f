"""The Test Anything Protocol, version 13: a line for each test, and a block of YAML for what is wrong.

Version 14 adds nothing that is needed here, and Perl's prove of release 3.44 refuses it.
"""

from __future__ import annotations

import json

from verifier.errors import ExitCode, Interrupted, VerifierError
from verifier.output import Output
from verifier.render.base import Piece, Verdicts, Wanted
from verifier.render.problem import diagnostics, file_of, printable, problem, with_hint
from verifier.results import Verdict
from verifier.source import Diagnostic, Span

_Value = str | int | list[str] | None


class Tap(Verdicts):
    """A report whose plan stands at its end, so that it can be printed line by line."""

    def __init__(self, out: Output, wanted: Wanted) -> None:
        super().__init__(out, wanted)
        self.count = 0
        self.begun = False
        self.bailed = False

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The test's name, and what is wrong."""
        found, file = problem(verdict), verdict.test.source.name
        block = ""
        if found is not None:
            block = _block(
                message=found.message,
                severity=found.kind,
                file=file,
                line=found.span.line if found.span else None,
                expected=verdict.wanted or None,
                observed=verdict.observation,
                story=found.told.split("\n")[1:],
            )
        return f" - {_name(f'{file} {verdict.test.id}')}\n{block}", ""

    def print(self, piece: Piece) -> None:
        """Print the lines of a test."""
        self._point(piece.exit_code is ExitCode.EXPECTED, piece.text)

    def warning(self, warning: Diagnostic) -> None:
        """Print a comment."""
        super().warning(warning)
        self._write(_comment(warning))

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """Print the lines for an error of a file, as those of a test."""
        super().error(error, file)
        for found in diagnostics(error, file):
            block = _block(
                message=with_hint(found), severity="error", code=found.code, file=file_of(found) or None,
                line=_line(found.span),
            )  # fmt: skip
            self._point(False, f" - {_name(file_of(found) or 'verifier')}\n{block}")

    def stopped(self, stop: Interrupted) -> None:
        """Say that the rest is missing."""
        super().stopped(stop)
        self._bail(stop)

    def skipped(self, file: str, arch: str) -> None:
        """Print a line for a file that is left out."""
        super().skipped(file, arch)
        self._point(True, f" - {_name(file)} # SKIP a test for {_name(arch)}\n")

    def close(self) -> None:
        """Print the plan, unless the run was ended before all tests were decided."""
        if not self.bailed:
            self._write(f"1..{self.count}{'' if self.count else ' # SKIP no tests'}\n")

    def failed(self, error: VerifierError) -> None:
        """Say that nothing was decided, and why."""
        super(Verdicts, self).error(error)
        self._bail(error)

    def _point(self, good: bool, rest: str) -> None:
        self.count += 1
        self._write(f"{'ok' if good else 'not ok'} {self.count}{rest}")

    def _bail(self, error: VerifierError) -> None:
        self.bailed = True
        self._write(f"Bail out! {_one_line(str(error))}\n")

    def _write(self, text: str) -> None:
        self.out.write(text if self.begun else f"TAP version 13\n{text}")
        self.begun = True


def _line(span: Span | None) -> int | None:
    return span.line if span is not None else None


def _name(text: str) -> str:
    """A description. ``#`` would begin a directive."""
    return _one_line(text).replace("\\", "\\\\").replace("#", "\\#")


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _comment(found: Diagnostic) -> str:
    at = f"{file_of(found)}:{found.span.line}" if found.span is not None else file_of(found)
    return f"# {_one_line(f'{at}: {found.severity}: {found.message} [{found.code}]')}\n"


def _block(**named: _Value) -> str:
    """A block of YAML. Its strings are in quotes, so that nothing in them has a meaning."""
    lines = ["  ---"]
    for name, value in named.items():
        if isinstance(value, list):
            lines += [f"  {name}:", *(f"    - {_quoted(text)}" for text in value)] if any(value) else []
        elif value is not None:
            lines.append(f"  {name}: {_quoted(value) if isinstance(value, str) else value}")
    return "\n".join([*lines, "  ...", ""])


def _quoted(text: str) -> str:
    return json.dumps(printable(text), ensure_ascii=False)
