"""Reports for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verifier.errors import ExitCode, VerifierError
from verifier.output import Output, visible
from verifier.program.states import state_lines
from verifier.render import story
from verifier.render.attention import Attention, attention, attention_of, listed
from verifier.render.base import Piece, Verdicts, Wanted
from verifier.results import Verdict
from verifier.syntax.test import Test


class PlainText(Verdicts):
    """A report with one line for each verdict. Columns only get wider, because later names are not known."""

    width = 0

    def __init__(self, out: Output, wanted: Wanted) -> None:
        super().__init__(out, wanted)
        self.files = 0
        self.attention: list[Attention] = []

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The text of a verdict, with a run or with all final states."""
        paint = self.out.paint
        if not self.wanted.states:
            return self._verdict(verdict) + "\n", ""
        lines = [story.headline(verdict, paint=paint)]
        if verdict.states is not None and verdict.program is not None:
            lines += [f"  {line}" for line in state_lines(verdict.program, verdict.states)]
            lines += [] if verdict.complete else ["  and perhaps others"]
            if verdict.rests:
                lines.append("  where runs hang:")
                lines += [f"  {line}" for line in state_lines(verdict.program, verdict.rests)]
        return "\n".join([*lines, ""]), ""

    def _verdict(self, verdict: Verdict) -> str:
        paint = self.out.paint
        return (
            story.text(verdict, paint=paint) if self.wanted.stories else story.headline(verdict, paint=paint)
        )

    def begin(self, ids: Sequence[str], tests: Callable[[], Sequence[Test]]) -> None:
        """Make the column of names wide enough for these."""
        self.width = max(self.width, *map(len, ids))

    def print(self, piece: Piece) -> None:
        """Print the text; the test's name is as wide as the names around it."""
        self.out.write(piece.id.ljust(self.width) + piece.text[len(piece.id) :])

    def skipped(self, file: str, arch: str) -> None:
        """Print a line about a skipped file, unless the user wants only verdicts."""
        super().skipped(file, arch)
        if self.wanted.stories or self.wanted.states:
            self.out.write(f"{visible(file)}   skipped: a test for {arch}\n")

    def done(self, piece: Piece) -> None:
        """Count a verdict, print it, and remember it if it needs attention."""
        super().done(piece)
        if piece.exit_code != ExitCode.EXPECTED:
            self.attention.append(attention(piece))

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """Print, count and remember an error."""
        super().error(error, file)
        if file is not None:
            self.attention.append(attention_of(error, file))

    def ended(self, file: str) -> None:
        """Count the files."""
        self.files += 1

    def close(self) -> None:
        """Print the summary, unless the report is a single verdict; of several files, also what needs
        attention."""
        if self.tally.total != 1 or self.tally.errors or self.tally.skipped:
            self.out.write(f"{self.tally}\n")
        if self.files > 1 and self.wanted.again:
            for line in listed(self.attention, self.wanted.again, self.out.paint):
                self.out.write(f"{line}\n")
