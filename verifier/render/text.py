"""Reports for people."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.program.events import state_line
from verifier.render import story
from verifier.render.base import Piece, Verdicts
from verifier.results import Verdict
from verifier.syntax.test import Test


class PlainText(Verdicts):
    """A report with one line for each verdict. Columns only get wider, because later names are not known."""

    width = 0

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The text of a verdict, with a run or with all final states."""
        if not self.wanted.states:
            return (story.text(verdict) if self.wanted.stories else story.headline(verdict)) + "\n", ""
        lines = [story.headline(verdict)]
        if verdict.states is not None and verdict.program is not None:
            lines += [f"  {state_line(verdict.program, state)}" for state in verdict.states]
            lines += [] if verdict.complete else ["  and perhaps others"]
            lines += ["  where runs hang:"] if verdict.rests else []
            lines += [f"  {state_line(verdict.program, state)}" for state in verdict.rests or ()]
        return "\n".join([*lines, ""]), ""

    def begin(self, tests: Iterable[Test]) -> None:
        """Make the column of names wide enough for these tests."""
        self.width = max([self.width, *(len(t.id) for t in tests)])

    def print(self, piece: Piece) -> None:
        """Print the text; the test's name is as wide as the names around it."""
        self.out.write(piece.id.ljust(self.width) + piece.text[len(piece.id) :])

    def skipped(self, file: str, arch: str) -> None:
        """Print a line about a skipped file, unless the user wants only verdicts."""
        super().skipped(file, arch)
        if self.wanted.stories or self.wanted.states:
            self.out.write(f"{file}   skipped: a test for {arch}\n")

    def close(self) -> None:
        """Print the summary, unless the report is a single verdict."""
        if self.tally.total != 1 or self.tally.errors or self.tally.skipped:
            self.out.write(f"{self.tally}\n")
