"""The base of all reports: it prints errors and warnings at once, and counts. Each format prints the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from verifier.errors import ExitCode, InputError, Interrupted, VerifierError, worst
from verifier.output import Output
from verifier.records import dataclass
from verifier.results import Tally, Verdict
from verifier.source import Diagnostic
from verifier.syntax.test import Test

P = TypeVar("P")


class Report(ABC, Generic[P]):
    """Prints the outcomes of tests as they come, and keeps the counts for the end of the report.

    ``P`` is the printed part of a test. ``piece`` makes it in the process that decides the test, and
    ``done`` gets it in the process that prints.
    """

    def __init__(self, out: Output) -> None:
        self.out = out
        self.tally = Tally()
        self.codes: set[int] = set()

    @abstractmethod
    def piece(self, verdicts: list[Verdict]) -> P:
        """The printed part of a test. The test has one verdict for each way to decide it."""

    def begin(self, ids: Sequence[str], tests: Callable[[], Sequence[Test]]) -> None:
        """The outcomes of tests with these names follow; ``tests`` has the tests, without their programs."""

    @abstractmethod
    def done(self, piece: P) -> None:
        """A test is decided: print its part, or keep it."""

    def warning(self, warning: Diagnostic) -> None:
        """Print a warning about something that is allowed, but that the author hardly means."""
        self.out.complain(warning.render())

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """Print and count an error, of one file or of all."""
        wrong = error.tests if isinstance(error, InputError) else ()
        self.tally.errors += max(1, len(wrong))
        self.tally.wrong += wrong
        self.codes.add(error.exit_code)
        self.out.complain(said(error))

    def stopped(self, stop: Interrupted) -> None:
        """A signal stopped the run before all tests were decided."""
        self.out.complain(said(stop))

    def skipped(self, file: str, arch: str) -> None:
        """A file for another architecture is left out."""
        self.tally.skipped[arch] = self.tally.skipped.get(arch, 0) + 1

    def ended(self, file: str) -> None:
        """All outcomes of a file have come."""

    def close(self) -> None:
        """The end of the report: all outcomes have come."""

    def failed(self, error: VerifierError) -> None:
        """The run could not begin: this error is the whole report."""
        self.error(error)

    @property
    def exit_code(self) -> ExitCode:
        """The worst exit code of all tests and errors."""
        return worst(self.codes)


def said(error: VerifierError) -> str:
    """The text of an error for people."""
    return str(error) if isinstance(error, InputError) else f"verifier: {error}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show: all final ``states``, ``stories`` of runs, and the last run as a ``graph``.

    ``again``: the call that shows a test again, without its path; empty: not at the end of a summary."""

    states: bool = False
    stories: bool = True
    graph: bool = False
    again: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """The printed part of a verdict.

    ``text`` goes to standard output, ``note`` to standard error; ``graph`` is for Graphviz. ``file``: the
    name of the test's file; ``seconds``: how long it took.
    """

    id: str
    exit_code: ExitCode
    as_expected: bool | None
    text: str
    note: str = ""
    graph: str = ""
    file: str = ""
    seconds: float = 0.0


class Verdicts(Report[Piece]):
    """A report with one verdict for each test. ``graph`` is the last graph, ``undecided`` the last test whose
    verdict is unknown."""

    def __init__(self, out: Output, wanted: Wanted) -> None:
        super().__init__(out)
        self.wanted = wanted
        self.graph, self.undecided = "", ""

    @abstractmethod
    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """Text for standard output, and a line for standard error."""

    def piece(self, verdicts: list[Verdict]) -> Piece:
        """The printed part of a test's one verdict."""
        (verdict,) = verdicts
        text, note = self.shown(verdict)
        return Piece(
            id=verdict.test.id,
            exit_code=verdict.exit_code,
            as_expected=verdict.as_expected,
            text=text,
            note=note,
            graph=self._graph(verdict) if self.wanted.graph else "",
            file=verdict.test.source.name,
            seconds=verdict.seconds,
        )

    def _graph(self, verdict: Verdict) -> str:
        from verifier.render.dot import dot

        trace = verdict.witness or verdict.hang or verdict.counter
        return dot(verdict, trace) if trace is not None else ""

    def done(self, piece: Piece) -> None:
        """Count a verdict, and print it."""
        self.tally.add(piece.as_expected, piece.exit_code)
        self.codes.add(piece.exit_code)
        self.graph = piece.graph or self.graph
        if piece.exit_code is ExitCode.UNKNOWN:
            self.undecided = piece.id
        if piece.note:
            self.out.complain(piece.note)
        self.print(piece)

    def print(self, piece: Piece) -> None:
        """Print the text."""
        self.out.write(piece.text)
