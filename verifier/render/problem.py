"""What is wrong, for the formats that CI systems read: verdicts that are not as expected, and errors."""

from __future__ import annotations

import re
from typing import NamedTuple

from verifier.errors import ExitCode, InputError, InternalError, Interrupted, LimitError
from verifier.program.trace import Trace
from verifier.render import story
from verifier.results import Verdict
from verifier.source import Diagnostic, Span

DIFFERS, UNDECIDED = "differs", "unknown"

_CODES: dict[type[Exception], str] = {InternalError: "internal", LimitError: "limit", Interrupted: "stopped"}


class Problem(NamedTuple):
    """A verdict that is not as expected: ``kind`` is ``differs`` or ``unknown``, ``message`` is a line.

    ``span`` is what the expectation is about: the variant's name in ``variants``, or the condition. ``told``
    has the verdict and the story; ``runs``: the runs of the story.
    """

    kind: str
    message: str
    span: Span | None
    told: str
    runs: tuple[Trace, ...]


def problem(verdict: Verdict) -> Problem | None:
    """What is wrong with a verdict; None if it is as expected, or if nothing was expected."""
    if verdict.exit_code is ExitCode.EXPECTED:
        return None
    kind = UNDECIDED if verdict.exit_code is ExitCode.UNKNOWN else DIFFERS
    told = story.text(verdict).rstrip("\n")
    return Problem(kind, brief(verdict), place_of(verdict), told, story.runs(verdict))


def brief(verdict: Verdict) -> str:
    """The verdict in a line, without the test's name: ``sometimes DIFFERS: expected never``."""
    return " ".join(story.headline(verdict)[len(verdict.test.id) :].split())


def place_of(verdict: Verdict) -> Span | None:
    """What the expectation of a test is about."""
    return verdict.test.declared or verdict.test.span


def diagnostics(error: Exception, file: str | None = None) -> tuple[Diagnostic, ...]:
    """The errors of a file, one by one, or an error without a place."""
    if isinstance(error, InputError):
        return error.diagnostics
    code = next((c for kind, c in _CODES.items() if isinstance(error, kind)), "usage")
    return (Diagnostic(code, str(error), file=file or ""),)


def file_of(found: Diagnostic) -> str:
    """The name of the file that an error or a warning is about; empty if it is about none."""
    return found.span.source.name if found.span is not None else found.file


def with_hint(found: Diagnostic) -> str:
    """The message of an error or a warning, and what to do about it."""
    return f"{found.message}\nhint: {found.hint}" if found.hint else found.message


# What neither XML 1.0 nor YAML can have as a character.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


def printable(text: str) -> str:
    """A text with ``\\x1b``, ``\\ud83d`` and the like in place of what documents cannot have."""
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
