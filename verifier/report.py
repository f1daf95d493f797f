"""What a command prints, verdict by verdict: text, JSON, or herd7's logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verifier.errors import (
    ExitCode,
    InputError,
    Interrupted,
    LimitError,
    VerifierError,
    unexpected,
    worst,
)
from verifier.output import Output, OutputError
from verifier.results import Tally, Verdict
from verifier.source import Diagnostic
from verifier.suite.discover import Task
from verifier.suite.outcomes import Begun, Done, Outcome, Skipped
from verifier.suite.pool import OUT_OF_MEMORY
from verifier.syntax.test import Test


@dataclass(frozen=True, slots=True)
class Piece:
    """What is printed of a verdict, made in the process that decided it.

    ``text`` goes to standard output, ``note`` to standard error; ``graph`` is for Graphviz.
    """

    id: str
    exit_code: ExitCode
    as_expected: bool | None
    text: str
    note: str = ""
    graph: str = ""


def said(error: VerifierError) -> str:
    """An error for people."""
    return str(error) if isinstance(error, InputError) else f"verifier: {error}"


class Report:
    """Prints verdicts, errors and warnings as they come, and keeps what the end of the report needs.

    ``states``: all final states are to be shown; ``stories``: runs are to be told; ``graphs``: the last
    one is wanted as a graph, too.
    """

    def __init__(self, out: Output, *, states: bool = False, stories: bool = True, graphs: bool = False):
        self.out, self.states, self.stories, self.graphs = out, states, stories, graphs
        self.tally = Tally()
        self.codes: set[int] = set()
        self.graph, self.undecided = "", ""

    # -- in the process that decides --------------------------------------------------------------

    def piece(self, verdicts: list[Verdict]) -> Piece:
        """What to print of a test's one verdict."""
        (verdict,) = verdicts
        text, note = self.shown(verdict)
        return Piece(
            verdict.test.id, verdict.exit_code, verdict.as_expected, text, note, self._graph(verdict)
        )

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """Text for standard output, and a line for standard error."""
        from verifier.program.events import state_line
        from verifier.render.story import headline, text

        if not self.states:
            return (text(verdict) if self.stories else headline(verdict)) + "\n", ""
        lines = [headline(verdict)]
        if verdict.states is not None and verdict.program is not None:
            lines += [f"  {state_line(verdict.program, state)}" for state in verdict.states]
            lines += [] if verdict.complete else ["  and perhaps others"]
        return "\n".join([*lines, ""]), ""

    def _graph(self, verdict: Verdict) -> str:
        trace = verdict.witness or verdict.counter
        if not self.graphs or trace is None:
            return ""
        from verifier.render.dot import dot

        return dot(verdict, trace)

    # -- in the process that prints ---------------------------------------------------------------

    def begin(self, tests: Iterable[Test]) -> None:
        """The outcomes of these tests follow."""

    def done(self, piece: Piece) -> None:
        """A test is decided."""
        self.tally.add(piece.as_expected, piece.exit_code)
        self.codes.add(piece.exit_code)
        self.graph = piece.graph or self.graph
        if piece.exit_code is ExitCode.UNKNOWN:
            self.undecided = piece.id
        if piece.note:
            self.out.complain(piece.note)
        self.print(piece)

    def print(self, piece: Piece) -> None:
        """Print what there is of a test."""
        self.out.write(piece.text)

    def warning(self, warning: Diagnostic) -> None:
        """Something is allowed, but surely not meant."""
        self.out.complain(warning.render())

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """Something is wrong, with a file or with all."""
        self.tally.errors += 1
        self.codes.add(error.exit_code)
        self.out.complain(said(error))

    def stopped(self, stop: Interrupted) -> None:
        """A signal keeps the rest from being decided."""
        self.out.complain(said(stop))

    def skipped(self, file: str, arch: str) -> None:
        """A file for another architecture is left out."""
        self.tally.skipped[arch] = self.tally.skipped.get(arch, 0) + 1

    def close(self) -> None:
        """All that there is was told."""

    @property
    def exit_code(self) -> ExitCode:
        """The worst one of all."""
        return worst(self.codes)


class Text(Report):
    """For people. Columns only ever get wider, because what comes later is not known."""

    width = 0

    def begin(self, tests: Iterable[Test]) -> None:
        """Make room for their names."""
        self.width = max([self.width, *(len(t.id) for t in tests)])

    def print(self, piece: Piece) -> None:
        """The text, with the test's name as wide as those around it."""
        self.out.write(piece.id.ljust(self.width) + piece.text[len(piece.id) :])

    def skipped(self, file: str, arch: str) -> None:
        """Say so in a line, unless only verdicts are asked for."""
        super().skipped(file, arch)
        if self.stories or self.states:
            self.out.write(f"{file}   skipped: a test for {arch}\n")

    def close(self) -> None:
        """The summary, unless there is but one verdict."""
        if self.tally.total != 1 or self.tally.errors or self.tally.skipped:
            self.out.write(f"{self.tally}\n")


class Herd(Report):
    """Logs as herd7 writes them. They have no words for what is not known."""

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The log, or why there is none, or not all of it."""
        from verifier.render.herd import herd
        from verifier.render.story import headline

        note = "" if verdict.complete and verdict.states is not None else f"verifier: {headline(verdict)}"
        return (herd(verdict) if verdict.states is not None else ""), note


class Json(Report):
    """One document; docs/results.schema.json says of what shape."""

    def __init__(self, out: Output, *, states: bool = False, graphs: bool = False):
        from verifier.render.json import Document

        super().__init__(out, states=states, graphs=graphs)
        self.document = Document(ascii=not out.unicode)
        self.begun = False

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The result as an element of the list."""
        return self.document.result(verdict, states=self.states), ""

    def print(self, piece: Piece) -> None:
        """An element, after what has to stand before it."""
        self.out.write(("," if self.begun else self.document.opening) + piece.text)
        self.begun = True

    def warning(self, warning: Diagnostic) -> None:
        """Keep it for the list, too."""
        super().warning(warning)
        self.document.warning(warning)

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """Keep it for the list, too."""
        super().error(error, file)
        self.document.error(error, file)

    def stopped(self, stop: Interrupted) -> None:
        """Say so in the document, too."""
        super().stopped(stop)
        self.document.error(stop)

    def skipped(self, file: str, arch: str) -> None:
        """Keep it for the list."""
        super().skipped(file, arch)
        self.document.skip(file, arch)

    def close(self) -> None:
        """The rest of the document."""
        opening = "" if self.begun else self.document.opening
        self.out.write(opening + self.document.closing(empty=not self.begun))


def print_all(
    tasks: Sequence[Task], found: Iterable[tuple[Task, Outcome | None]], report: Report, hurry: bool = False
) -> int:
    """Report outcomes as they come; the exit code if a signal asks to stop, else 0. Raises
    ``OutputError``."""
    ended = 0
    try:
        for task, outcome in found:
            if outcome is None:
                ended += 1
            elif isinstance(outcome, Begun):
                if hurry:
                    report.out.progress(f"{ended + 1}/{len(tasks)} {task.name}")
                report.begin(outcome.tests)
            elif isinstance(outcome, Done):
                report.done(outcome.value)
            elif isinstance(outcome, Skipped):
                report.skipped(task.name, outcome.arch)
            elif isinstance(outcome, Diagnostic):
                report.warning(outcome)
            else:
                report.error(outcome, task.name)
    except Interrupted as stop:
        report.stopped(Interrupted(stop.signum, f"; {ended} of {len(tasks)} files are decided"))
        return stop.exit_code
    except OutputError:
        raise
    except VerifierError as error:
        report.error(error)
    except MemoryError:
        report.error(LimitError(OUT_OF_MEMORY))
    except Exception as error:
        report.error(unexpected(error, "verifier"))
    return 0
