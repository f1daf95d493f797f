"""Places in input texts: sources, spans, and diagnostics that point at them with a caret."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from verifier.records import dataclass, field, replace

STDIN = "<stdin>"  # the name of a source that is no file


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One input text. Diagnostics show its ``name``: a path, or ``STDIN``."""

    name: str
    text: str
    _starts: list[int] = field(default_factory=list, repr=False)

    def starts(self) -> list[int]:
        """The offsets at which lines start, computed once."""
        if not self._starts:
            self._starts.append(0)
            find = self.text.find
            at = find("\n")
            while at >= 0:
                self._starts.append(at + 1)
                at = find("\n", at + 1)
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        starts = self.starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its newline."""
        starts = self.starts()
        start = starts[number - 1]
        end = starts[number] - 1 if number < len(starts) else len(self.text)
        return self.text[start:end].rstrip("\r")


@dataclass(frozen=True, slots=True)
class Span:
    """The half-open range ``start .. end`` of offsets in a source.

    ``called``: where the function is called whose code this is, if the call is in another source, as that of
    an include's function is; of several such calls, the outermost one.
    """

    source: Source
    start: int
    end: int
    called: Span | None = field(default=None, compare=False)

    @property
    def line(self) -> int:
        """The line of the first character, counted from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column of the first character, counted from 1."""
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        """The text of the span."""
        return self.source.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of another one in the same source."""
        return replace(self, end=max(self.end, other.end))


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning about an input. It is a value; ``render`` makes text of it.

    ``code`` is a stable word such as ``unknown-name``. ``message`` says what is wrong, ``hint`` what to do.
    """

    code: str
    message: str
    span: Span | None = None
    hint: str = ""
    severity: str = "error"  # or "warning"
    file: str = ""  # if there is no span: the name of the file

    @property
    def key(self) -> tuple[object, ...]:
        """A key, equal for the same message about the same place, even from two processes."""
        at = self.span
        place = (at.source.name, at.start, at.end) if at else (self.file,)
        return self.severity, self.code, self.message, place

    def render(self) -> str:
        """The message with file, line and column; the source line with a caret below; the hint."""
        if self.span is None:
            head = f"{self.file}: " if self.file else ""
            out = [f"{head}{self.severity}: {self.message} [{self.code}]"]
        else:
            source = self.span.source
            line, column = source.position(self.span.start)
            out = [f"{source.name}:{line}:{column}: {self.severity}: {self.message} [{self.code}]"]
            out += _excerpt(source.line(line), column, self.span.end - self.span.start, line)
            if self.span.called is not None:
                out.append(f"    in {_called(self.span.called)}")
        if self.hint:
            out.append(f"    hint: {self.hint}")
        return "\n".join(out)


def _called(span: Span) -> str:
    """Where a function is called, and how."""
    text = " ".join(span.text.split())
    return f"what {span.source.name}:{span.line}:{span.column} calls: {text}"


def _excerpt(text: str, column: int, length: int, number: int, width: int = 100) -> list[str]:
    """A line and its caret line. Both keep tabs; a long line is cut around the column."""
    start = max(0, column - 1 - width // 2) if len(text) > width else 0
    shown = text[start : start + width]
    lead = shown[: column - 1 - start]
    pad = "".join("\t" if c == "\t" else " " for c in lead)
    carets = "^" * max(1, min(length, len(shown) - len(lead)))
    gutter = f"{number:5} | "
    shown = "".join(c if c.isprintable() or c == "\t" else "?" for c in shown)
    return [f"{gutter}{shown}", f"{' ' * (len(gutter) - 2)}| {pad}{carets}"]


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Diagnostics in the order of their places; those without a place come first."""

    def key(d: Diagnostic) -> tuple[str, int, str]:
        return (d.span.source.name, d.span.start, d.message) if d.span else (d.file, -1, d.message)

    return sorted(diagnostics, key=key)


def render_all(diagnostics: Iterable[Diagnostic]) -> str:
    """The text of all diagnostics, in the order of their places, without repetitions."""
    seen: list[str] = []
    for diagnostic in in_order(diagnostics):
        text = diagnostic.render()
        if text not in seen:
            seen.append(text)
    return "\n".join(seen)
