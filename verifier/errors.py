"""The exceptions of this package, and the exit codes that they and verdicts lead to.

VerifierError
├── InputError       a litmus file is wrong; carries every Diagnostic of it
├── UsageError       the call itself is wrong (an option, a path)
├── LimitError       a question too large to decide here (a domain, a bound): the verdict is unknown
├── InternalError    the tool contradicts itself, or fails: a witness that does
│                    not re-check, two judges that disagree, any other exception
└── Interrupted      a signal asks to stop
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from enum import IntEnum

from verifier.source import Diagnostic, render_all


class ExitCode(IntEnum):
    """What a command ends with. The worst of several wins: the one that stands first here.

    ``brief`` is for the command line's help, ``meaning`` for its documentation.
    """

    brief: str
    meaning: str

    def __new__(cls, code: int, brief: str, meaning: str) -> ExitCode:
        """A code, with what it means."""
        self = int.__new__(cls, code)
        self._value_, self.brief, self.meaning = code, brief, meaning
        return self

    FAULT = 4, "the tool disagrees with itself", "the verifier contradicts itself or fails: please report it"
    WRONG = 2, "bad input or usage", "bad input or usage"
    DIFFERS = 1, "differs", "a verdict differs from its expectation"
    UNKNOWN = (
        3,
        "unknown or timed out",
        "unknown, timed out, out of memory, or a part of what you asked for is not known",
    )
    EXPECTED = 0, "as expected", "every verdict is as expected, or nothing was expected"


STOPPED = 128  # the exit code of a signal is that and its number


def worst(codes: Iterable[int]) -> ExitCode:
    """The exit code of all."""
    found = set(codes)
    return next((code for code in ExitCode if code in found), ExitCode.EXPECTED)


class VerifierError(Exception):
    """Everything this package raises on purpose."""

    exit_code: int = ExitCode.WRONG


class InputError(VerifierError):
    """A litmus file is wrong. ``diagnostics`` holds all that was found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(render_all(self.diagnostics))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Diagnostic, ...]]]:
        """Workers send it to the process that prints: an exception is pickled by its message otherwise, and
        one that is derived may be made of other things than diagnostics."""
        return InputError, (self.diagnostics,)


class UsageError(VerifierError):
    """The call is wrong: an unknown variant, a path that does not exist."""


class LimitError(VerifierError):
    """The question is larger than what can be decided here; never a pass."""

    exit_code = ExitCode.UNKNOWN


class InternalError(VerifierError):
    """The tool contradicts itself; the message says what to report."""

    exit_code = ExitCode.FAULT


class Interrupted(VerifierError):
    """A signal asks to stop: number ``signum``. ``more`` goes into the message."""

    def __init__(self, signum: int, more: str = "") -> None:
        self.signum, self.exit_code = signum, STOPPED + signum
        super().__init__(f"stopped by {signal.Signals(signum).name}{more}")


def fault(said: str, name: str) -> InternalError:
    """What to report of a fault of this program; ``name`` is the file that it was at."""
    from verifier import __version__

    return InternalError(
        f"{name}: this is a fault of the verifier (version {__version__}); please report it with the "
        f"file:\n  {said}"
    )


def unexpected(error: Exception, name: str) -> InternalError:
    """What to report of an exception that nothing here expects."""
    from traceback import extract_tb

    frames = extract_tb(error.__traceback__)[-1:]
    place = "".join(f" in {os.path.basename(f.filename)}:{f.lineno}" for f in frames)
    return fault(f"{type(error).__name__}: {error}".splitlines()[0][:300] + place, name)
