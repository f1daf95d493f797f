"""Verdicts for people who watch tests: those that are new, and the counts of all."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.errors import VerifierError
from verifier.output import Output
from verifier.render.attention import Attention, attention, attention_of, listed
from verifier.render.base import Piece, Wanted
from verifier.render.text import PlainText
from verifier.results import Tally

CLEARED = "\033[H\033[2J\033[3J"


class WatchedText(PlainText):
    """Rounds of verdicts. What is known of a file stays until it is decided again. ``clears``: each round
    begins with an empty screen."""

    def __init__(self, out: Output, wanted: Wanted, *, clears: bool) -> None:
        super().__init__(out, wanted)
        self.clears = clears
        self.known: dict[str, list[Piece]] = {}
        self.wrong: dict[str, list[Attention]] = {}

    def round(self, files: Iterable[str], gone: Iterable[str]) -> None:
        """These files are decided now; those that are gone count no more."""
        if self.clears:
            self.out.write(CLEARED)
        for file in (*files, *gone):
            self.known.pop(file, None)
            self.wrong.pop(file, None)
        self.width = 0

    def done(self, piece: Piece) -> None:
        """Print a verdict, and keep it."""
        self.known.setdefault(piece.file, []).append(piece)
        self.print(piece)

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """Print an error, and keep its file."""
        super().error(error, file)
        if file is not None:
            self.wrong.setdefault(file, []).append(attention_of(error, file))

    def rounded(self) -> None:
        """The end of a round: print the counts of all files, and what needs attention."""
        tally, found = Tally(errors=sum(map(len, self.wrong.values()))), list[Attention]()
        for piece in (piece for pieces in self.known.values() for piece in pieces):
            tally.add(piece.as_expected, piece.exit_code)
            found += [attention(piece)] if piece.exit_code else []
        found += [one for wrong in self.wrong.values() for one in wrong]
        self.out.write(f"{tally}\n")
        if len(self.known.keys() | self.wrong.keys()) > 1:
            for line in listed(found, self.wanted.again, self.out.paint):
                self.out.write(f"{line}\n")
