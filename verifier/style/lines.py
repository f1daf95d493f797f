"""Prints C and MM files, and what they include. The lines stay as the author broke them."""

from __future__ import annotations

from verifier.errors import InputError
from verifier.records import dataclass
from verifier.source import Diagnostic, Source
from verifier.style.levels import Levels
from verifier.style.outline import Outline, kept_lines, outline
from verifier.style.spaces import Role, final_gap, gap, roles
from verifier.style.tables import aligned
from verifier.style.tokens import TAB, Columns, TextToken, tokens, width

_COMMENT = 48  # the column of a comment behind code


@dataclass(slots=True)
class Line:
    """A line that is being printed: its tokens, and the column in which it begins. ``blank``: a blank line
    stands before it; ``comment``: what stands behind the code."""

    tokens: list[TextToken]
    blank: bool = False
    column: int = 0
    text: str = ""
    comment: str = ""


def printed(source: Source) -> str:
    """The text of a file in the project's style. Raises ``InputError``."""
    found = outline(source)
    try:
        return _Printer(source, found).text()
    except RecursionError:
        raise InputError([Diagnostic("nesting", "nested too deeply", file=source.name)]) from None


class _Printer:
    def __init__(self, source: Source, found: Outline) -> None:
        self.source, self.found = source, found
        self.columns = Columns(source)
        self.tabs = found.arch == "C"
        self.step = TAB if self.tabs else 4
        self.known: dict[int, Role] = roles(found.tree)
        text = source.text
        self.tokens = self._tokens(text)
        self.levels = Levels(self.tokens)
        self.levels.read(found.tree)
        self.levels.of.update((segment.span.start, 0) for segment in found.segments)
        self.places: dict[int, int] = {}  # the new columns of tokens, by their offsets
        # For each bracket that is open, in which column the next token stood, and stands; -1 in another line.
        self.brackets: list[tuple[int, int]] = []

    def text(self) -> str:
        """The whole text."""
        head = kept_lines(self.source.text, self.found.bare, 0, self.found.head)
        head += "\n" if head else ""
        body = "\n".join(self._body())
        tail = self.source.text[self.found.body :].rstrip()
        blank = "\n" if head and self._blank_around(self.found.head) else ""
        whole = f"{head}{blank}{body}\n"
        if tail:
            whole += f"{chr(10) if self._blank_around(self.found.body) else ''}{tail}\n"
        return whole.lstrip("\n")

    def _tokens(self, text: str) -> list[TextToken]:
        """The tokens behind the head; an ``#include`` line is one."""
        found = tokens(text, self.found.bare, self.found.head, self.found.body)
        for start, end in self.found.lines:
            inside = [t for t in found if start <= t.start < end and t.kind != "comment"]
            line = text[start : inside[-1].end].strip()
            first = found.index(inside[0])
            found[first] = TextToken(line, inside[0].start, "line", inside[0].breaks, inside[0].gap)
            found = [t for t in found if t not in inside[1:]]
        return found

    def _blank_around(self, at: int) -> bool:
        """Do blank lines stand around an offset?"""
        text = self.source.text
        before = text[:at]
        end = before[len(before.rstrip()) :]
        begin = text[at : at + len(text[at:]) - len(text[at:].lstrip())]
        return f"{end}{begin}".count("\n") > 1

    # -- the rest ---------------------------------------------------------------------------------

    def _body(self) -> list[str]:
        lines: list[Line] = []
        for token in self.tokens:
            if not lines or token.breaks:
                lines.append(Line([token], token.breaks > 1 and bool(lines)))
            else:
                lines[-1].tokens.append(token)
        for number, line in enumerate(lines):
            self._place(line, self._column(line.tokens[0], lines, number))
        aligned([(line.tokens, line) for line in lines], self.found)
        out: list[str] = []
        for before, line in zip([None, *lines], lines, strict=False):
            opened = before is not None and before.tokens[-1].text == "{"
            if line.blank and not opened and line.tokens[0].text != "}":
                out.append("")
            out.append(self._finished(line))
        return out

    def _place(self, line: Line, column: int) -> None:
        """Print the tokens of a line that begins in a column."""
        line.column = column
        code = list(line.tokens)
        if len(code) > 1 and code[-1].kind == "comment" and "\n" not in code[-1].text:
            line.comment = code.pop().text
        parts: list[str] = []
        guards = 0
        for left, right in zip([None, *code], code, strict=False):
            if left is not None:
                parts.append(self._gap(left, right, guards > 0))
                column += len(parts[-1])
            role = self.known.get(right.start)
            guards += (role == "guard") - (role == "guarded")
            self.places[right.start] = column
            if left is not None and left.text in ("(", "[", "{") and self.brackets:
                self.brackets[-1] = self.columns.of(right.start), column
            if right.text in ("(", "[", "{"):
                self.brackets.append((-1, -1))
            elif right.text in (")", "]", "}") and self.brackets:
                self.brackets.pop()
            parts.append(self._shifted(right, column))
            *_, last = parts[-1].split("\n")
            column = width(" " * column + last if last == parts[-1] else last)
        line.text = "".join(parts)

    def _gap(self, left: TextToken, right: TextToken, guards: bool) -> str:
        if any(a <= left.start and right.start < b for a, b in self.found.finals):
            return final_gap(left, right, self.found.arch != "C")
        return gap(left, right, self.known, guards)

    def _column(self, first: TextToken, lines: list[Line], number: int) -> int:
        """Where a line begins."""
        if first.kind == "line":
            return 0
        level = self.levels.of.get(first.start)
        if level is not None:
            return level * self.step
        if first.kind == "comment":
            return self._comment(lines, number)
        return self._continued(first)

    def _comment(self, lines: list[Line], number: int) -> int:
        """Where a comment begins: as the next code does, or as what ends there."""
        while number < len(lines) and lines[number].tokens[0].kind == "comment":
            number += 1
        if number == len(lines):
            return 0
        following = lines[number].tokens[0]
        return (self.levels.of.get(following.start, 0) + (following.text == "}")) * self.step

    def _continued(self, first: TextToken) -> int:
        """Where a line begins that continues a statement: where it did, seen from what it continues."""
        column = self.columns.of(first.start)
        if self.brackets and self.brackets[-1][0] == column:
            return self.brackets[-1][1]
        number = self.levels.at[first.start] - 1
        while number > 0 and not (
            self.tokens[number].start in self.levels.of
            and (self.tokens[number].breaks or self.tokens[number].start in self.places)
        ):
            number -= 1
        if number < 0 or self.tokens[number].start not in self.levels.of:
            return column if any(a <= first.start < b for a, b in self.found.finals) else self.step
        start = self.tokens[number]
        new = self.places.get(start.start, 0)
        return max(column - self.columns.of(start.start), self.step) + new

    def _shifted(self, token: TextToken, at: int) -> str:
        """A token; the lines of a comment move together with its first one."""
        if token.kind != "comment" or "\n" not in token.text:
            return token.text
        first, *rest = token.text.split("\n")
        by = at - self.columns.of(token.start)
        out = [first.rstrip()]
        for line in rest:
            bare = line.strip()
            out.append(self._indented(max(0, width(line) - width(line.lstrip()) + by)) + bare if bare else "")
        return "\n".join(out)

    def _indented(self, column: int) -> str:
        return "\t" * (column // TAB) + " " * (column % TAB) if self.tabs else " " * column

    def _finished(self, line: Line) -> str:
        """The text of a line with its comment."""
        text = self._indented(line.column) + line.text
        if not line.comment:
            return text
        used = width(text.rsplit("\n", 1)[-1])
        column = _COMMENT if used < _COMMENT else -(-(used + 1) // TAB) * TAB
        return text + " " * (column - used) + line.comment
