"""Reports for people."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.program.events import state_line
from verifier.render import story
from verifier.render.base import Piece, Verdicts
from verifier.results import Verdict
from verifier.syntax.test import Test


class Text(Verdicts):
    """A line a verdict. Columns only ever get wider, because what comes later is not known."""

    width = 0

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The verdict, and a run or all final states."""
        if not self.wanted.states:
            return (story.text(verdict) if self.wanted.stories else story.headline(verdict)) + "\n", ""
        lines = [story.headline(verdict)]
        if verdict.states is not None and verdict.program is not None:
            lines += [f"  {state_line(verdict.program, state)}" for state in verdict.states]
            lines += [] if verdict.complete else ["  and perhaps others"]
        return "\n".join([*lines, ""]), ""

    def begin(self, tests: Iterable[Test]) -> None:
        """Make room for their names."""
        self.width = max([self.width, *(len(t.id) for t in tests)])

    def print(self, piece: Piece) -> None:
        """The text, with the test's name as wide as those around it."""
        self.out.write(piece.id.ljust(self.width) + piece.text[len(piece.id) :])

    def skipped(self, file: str, arch: str) -> None:
        """Say so in a line, unless only verdicts are asked for."""
        super().skipped(file, arch)
        if self.wanted.stories or self.wanted.states:
            self.out.write(f"{file}   skipped: a test for {arch}\n")

    def close(self) -> None:
        """The summary, unless there is but one verdict."""
        if self.tally.total != 1 or self.tally.errors or self.tally.skipped:
            self.out.write(f"{self.tally}\n")
