"""The exceptions of this package.

VerifierError
├── InputError       a litmus file is wrong; carries every Diagnostic of it     exit 2
├── UsageError       the call itself is wrong (an option, a path)               exit 2
├── LimitError       a question too large to decide here (a domain, a bound)    exit 3, verdict unknown
├── InternalError    the tool contradicts itself, or fails: a witness that does
│                    not re-check, two judges that disagree, any other exception exit 4
└── Interrupted      a signal asks to stop                                      exit 128 + its number
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.source import Diagnostic, render_all


class VerifierError(Exception):
    """Everything this package raises on purpose."""


class InputError(VerifierError):
    """A litmus file is wrong. ``diagnostics`` holds all that was found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(render_all(self.diagnostics))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Diagnostic, ...]]]:
        """Workers send it to the process that prints: an exception is pickled by its message otherwise."""
        return type(self), (self.diagnostics,)


class UsageError(VerifierError):
    """The call is wrong: an unknown variant, a path that does not exist."""


class LimitError(VerifierError):
    """The question is larger than what can be decided here; never a pass."""


class InternalError(VerifierError):
    """The tool contradicts itself; the message says what to report."""


class Interrupted(VerifierError):
    """A signal asks to stop: number ``signum``, called ``name``. ``more`` goes into the message."""

    def __init__(self, signum: int, name: str, more: str = "") -> None:
        self.signum, self.name = signum, name
        super().__init__(f"stopped by {name}{more}")
