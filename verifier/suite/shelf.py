"""Answers on their way between a store and those who need them; for all who do not open the store itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from verifier.records import NamedTuple, dataclass
from verifier.results import Verdict
from verifier.source import Source


class StoreError(Exception):
    """The store cannot be read or written. ``damaged``: its file is broken; ``foreign``: it is no store of
    this program; ``full``: nothing can be written where it lies, for now."""

    def __init__(
        self, said: str, damaged: bool = False, *, foreign: bool = False, full: bool = False
    ) -> None:
        super().__init__(said)
        self.damaged, self.foreign, self.full = damaged, foreign, full


Cell = str | int | float | None


class Kept(NamedTuple):
    """An answer as a store has it. ``limits`` are empty if the verdict did not come to them; ``texts``: name
    and text, by digest."""

    key: str
    limits: str
    data: bytes
    texts: Mapping[str, tuple[str, str]]

    def verdict(self) -> Verdict | None:
        """The verdict; None if its bytes are damaged."""
        from verifier.suite.packed import Unpackable, unpacked

        try:
            return unpacked(self.data, lambda digest: Source(*self.texts[digest]))
        except Unpackable:
            return None


class Record(NamedTuple):
    """A verdict of a run, as the table has it, and its answer, unless the store has that already."""

    row: Mapping[str, Cell]
    answer: Kept | None = None


@dataclass(frozen=True, slots=True)
class Unkept:
    """Something could not be read from a store, or written to it; all verdicts are as without the store.
    ``verdicts``: how many verdicts of the run are not written."""

    cause: str
    damaged: bool = False
    verdicts: int = 0


class Place(NamedTuple):
    """Where a test stands in a run: the numbers of its file, and of the test there; and the file's path."""

    file: int
    test: int
    path: str


class Shelf(Protocol):
    """Where answers are: both methods raise ``StoreError``."""

    def find(self, key: str) -> Kept | None:
        """The answer that a key has."""

    def write(self, records: Sequence[Record]) -> None:
        """Keep verdicts, and their answers."""
