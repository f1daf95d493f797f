"""Places in a text as editors count them: lines from 0, and code units of a line."""

from __future__ import annotations

from bisect import bisect_right
from typing import Literal

from verifier.records import NamedTuple

Unit = Literal["utf-16", "utf-8", "utf-32"]
"""What a column counts. The Language Server Protocol counts units of UTF-16 unless both sides agree on
another one."""


class Point(NamedTuple):
    """A place between two characters; both numbers count from 0."""

    line: int
    character: int


class Extent(NamedTuple):
    """The text from ``start`` up to ``end``."""

    start: Point
    end: Point


def normal(text: str) -> str:
    """The text of an editor as the verifier reads files: lines end with a newline character. Lines and
    columns stay the same."""
    if text.startswith("\ufeff"):
        text = f" {text[1:]}"
    return text.replace("\r\n", "\n").replace("\r", "\n")


def units(text: str, unit: Unit) -> int:
    """How many code units a text has."""
    if unit == "utf-32" or text.isascii():
        return len(text)
    if unit == "utf-16":
        return len(text) + sum(c > "\uffff" for c in text)
    return len(text.encode("utf-8", "surrogatepass"))


class Lines:
    """Turns the offsets of a text into points, and back."""

    def __init__(self, text: str, unit: Unit = "utf-16") -> None:
        self.text, self.unit = text, unit
        self.starts = [0]
        at = text.find("\n")
        while at >= 0:
            self.starts.append(at + 1)
            at = text.find("\n", at + 1)

    def point(self, offset: int) -> Point:
        """The point at an offset; that of the end, if the text is shorter."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self.starts, offset) - 1
        return Point(line, units(self.text[self.starts[line] : offset], self.unit))

    def offset(self, point: Point) -> int:
        """The offset of a point. What lies beyond the end of a line is at its end."""
        if point.line >= len(self.starts):
            return len(self.text)
        start = self.starts[max(0, point.line)]
        end = self.text.find("\n", start)
        line = self.text[start : end if end >= 0 else len(self.text)]
        if line.isascii() or self.unit == "utf-32":
            return start + max(0, min(point.character, len(line)))
        seen = 0
        for at, character in enumerate(line):
            if seen >= point.character:
                return start + at
            seen += units(character, self.unit)
        return start + len(line)

    def extent(self, start: int, end: int) -> Extent:
        """The extent between two offsets."""
        return Extent(self.point(start), self.point(end))
