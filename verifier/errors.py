"""The exceptions of this package, and the exit codes of commands.

VerifierError
├── InputError       a litmus file is wrong; carries every Diagnostic of it
├── UsageError       the call is wrong (an option, a path)
├── LimitError       the test is too large to decide (a domain, a bound): the verdict is unknown
├── InternalError    the verifier contradicts itself or fails: a run fails its re-check, the two
│                    judges disagree, or an unexpected exception occurs
└── Interrupted      a signal asks to stop
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from enum import IntEnum

from verifier.source import Diagnostic, render_all


class ExitCode(IntEnum):
    """The exit code of a command. Of several, the worst counts; the worst stands first here.

    ``brief`` is for the help of the command line, ``meaning`` for its documentation.
    """

    brief: str
    meaning: str

    def __new__(cls, code: int, brief: str, meaning: str) -> ExitCode:
        """Make a code with its meaning."""
        self = int.__new__(cls, code)
        self._value_, self.brief, self.meaning = code, brief, meaning
        return self

    FAULT = 4, "the verifier fails", "the verifier contradicts itself or fails: please report it"
    WRONG = 2, "bad input or usage", "bad input or usage"
    DIFFERS = 1, "a verdict differs", "a verdict differs from its expectation"
    UNKNOWN = (
        3,
        "unknown or timed out",
        "unknown, timed out, out of memory, or a part of what you asked for is not known",
    )
    EXPECTED = 0, "as expected", "every verdict is as expected, or nothing was expected"


STOPPED = 128  # plus the number of the signal, this is the exit code


def worst(codes: Iterable[int]) -> ExitCode:
    """The worst of several exit codes; ``EXPECTED`` if there are none."""
    found = set(codes)
    return next((code for code in ExitCode if code in found), ExitCode.EXPECTED)


class VerifierError(Exception):
    """The base of all exceptions that this package raises on purpose."""

    exit_code: int = ExitCode.WRONG


class InputError(VerifierError):
    """A litmus file is wrong. ``diagnostics`` holds all errors that were found. ``tests``: those of its tests
    that have them, if others have none."""

    def __init__(self, diagnostics: Iterable[Diagnostic], tests: Iterable[str] = ()) -> None:
        self.diagnostics, self.tests = tuple(diagnostics), tuple(tests)
        super().__init__(render_all(self.diagnostics))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Diagnostic, ...], tuple[str, ...]]]:
        """Pickle the diagnostics, since a worker sends the error to the process that prints.

        Exceptions are pickled by their message otherwise, and a derived class may take other arguments.
        """
        return InputError, (self.diagnostics, self.tests)


class UsageError(VerifierError):
    """The call is wrong: an unknown variant, a path that does not exist."""


class LimitError(VerifierError):
    """The test is too large to decide. This never counts as a pass."""

    exit_code = ExitCode.UNKNOWN


class InternalError(VerifierError):
    """The verifier contradicts itself or fails. The message says what to report."""

    exit_code = ExitCode.FAULT


class Interrupted(VerifierError):
    """Signal number ``signum`` asks to stop. ``more`` is added to the message."""

    def __init__(self, signum: int, more: str = "") -> None:
        self.signum, self.exit_code = signum, STOPPED + signum
        super().__init__(f"stopped by {signal.Signals(signum).name}{more}")


def fault(said: str, name: str) -> InternalError:
    """The error that asks the user to report a fault of this program; ``name`` is the file in question."""
    from verifier import __version__

    return InternalError(
        f"{name}: this is a fault of the verifier (version {__version__}); please report it with the "
        f"file:\n  {said}"
    )


def unexpected(error: Exception, name: str) -> InternalError:
    """The error that asks the user to report an unexpected exception."""
    from traceback import extract_tb

    frames = extract_tb(error.__traceback__)[-1:]
    place = "".join(f" in {os.path.basename(f.filename)}:{f.lineno}" for f in frames)
    return fault(f"{type(error).__name__}: {error}".splitlines()[0][:300] + place, name)
