"""What names of the kernel's text stand for at a place: macros, and constants of enums.

The text of a file means what the file says above it, as in C. What it does not say comes from the other files
of the test: from one that it may include, before one that it does not. Where these differ, nobody can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from verifier.kernel.joined import is_c
from verifier.kernel.scan import Definition, Kind, Macro, Scanned
from verifier.records import NamedTuple
from verifier.source import Span
from verifier.syntax.kernel import Cutter
from verifier.syntax.trouble import Trouble

T = TypeVar("T", Macro, Definition)


class TextPlace(NamedTuple):
    """An offset of a file of the tree."""

    path: str
    at: int


class Meanings:
    """What names stand for in the files of a test. ``named``: the file by which the test takes a name."""

    def __init__(self, cutter: Cutter) -> None:
        self.cutter, self.files = cutter, cutter.files
        self.named = {taken.name: one.path for one in cutter.asked.files for taken in one.names}
        self.constants = self._constants()
        self._other: dict[tuple[str, str], tuple[Scanned, Macro] | None] = {}

    def _constants(self) -> dict[str, list[tuple[Scanned, Definition]]]:
        """Where each constant of an enum of the files is."""
        found: dict[str, list[tuple[Scanned, Definition]]] = {}
        for file in self.files.values():
            for (kind, _), definition in file.definitions.items():
                if kind == "enum":
                    inside = file.active[definition.body + 1 : definition.end].split("}")[0]
                    for part in inside.split(","):
                        found.setdefault(part.split("=")[0].strip(), []).append((file, definition))
        return found

    def place(self, span: Span) -> TextPlace | None:
        """The place of a span; None in the test's own text."""
        file = self.files.get(span.source.name)
        return TextPlace(span.source.name, span.start) if file and file.source is span.source else None

    def macro(self, name: str, place: TextPlace | None, span: Span) -> tuple[Scanned, Macro] | None:
        """The macro that a name stands for. Raises ``Trouble`` if files differ about it."""
        if place is not None:
            own = self.files[place.path]
            found = own.macro(name, place.at)
            if found is not None:
                return own, found
            if own.undone(name, place.at):
                return None
        key = (name, "" if place is None else place.path)
        if key not in self._other:
            every = [(f, f.macros[name]) for f in self.files.values() if name in f.macros]
            self._other[key] = self._one(name, place, every, _text, span)
        return self._other[key]

    def constant(
        self, name: str, place: TextPlace | None, value: Callable[[Scanned, Definition], object], span: Span
    ) -> tuple[Scanned, Definition] | None:
        """The enum of a constant; ``value``: which one it has there. Raises ``Trouble`` likewise."""
        every = self.constants.get(name, [])
        own = [(f, d) for f, d in every if place is not None and f.source.name == place.path]
        return own[0] if own else self._one(name, place, every, value, span)

    def struct(
        self, key: tuple[Kind, str], path: str, fields: frozenset[str]
    ) -> tuple[Scanned, Definition] | None:
        """The struct or typedef of a name that the text of a file means; "": the test's own text. ``fields``:
        those that anything uses. Raises ``Trouble`` likewise."""
        every = [(f, f.definitions[key]) for f in self.files.values() if key in f.definitions]
        own = [(f, d) for f, d in every if f.source.name == path]
        if not every or own:
            return own[0] if own else None
        start = every[0][1].start
        span = Span(every[0][0].source, start, max(every[0][1].body, start + 1))
        place = TextPlace(path, 0) if path else None
        return self._one(key[1], place, every, lambda f, d: self.members(f, d, fields), span)

    def members(self, file: Scanned, found: Definition, fields: frozenset[str]) -> str:
        """What makes two structs the same: those members that anything uses; of other typedefs, the text."""
        if found.kind == "alias":
            return " ".join(file.active[found.start : found.end].split())
        close = file.active.rindex("}", found.body, found.end)
        inside = self.cutter.members(file, found.body + 1, close, fields)
        return " ".join(inside.split())

    def _one(
        self,
        name: str,
        place: TextPlace | None,
        every: Iterable[tuple[Scanned, T]],
        text: Callable[[Scanned, T], object],
        span: Span,
    ) -> tuple[Scanned, T] | None:
        """The one of several meanings; the test's own text means the file by which it takes the name."""
        others = [(f, x) for f, x in every if place is None or f.source.name != place.path]
        named = [(f, x) for f, x in others if place is None and f.source.name == self.named.get(name)]
        headers = [(f, x) for f, x in others if not is_c(f.source.name)]
        found = named or headers or others
        if len(found) > 1 and len({text(f, x) for f, x in found}) > 1:
            first = next(one for one in found[1:] if text(*one) != text(*found[0]))
            raise two_meanings(name, found[0], first, span)
        return found[0] if found else None


def two_meanings(name: str, one: tuple[Scanned, T], other: tuple[Scanned, T], span: Span) -> Trouble:
    """The error about a name for which two files have different definitions."""
    said = f"{name} has two meanings here: {where(*one)} and {where(*other)}"
    found, alone = one[1], "name one of these files alone"
    if isinstance(found, Macro) and found.parameters is not None:
        return Trouble("macro", said, span, f"define {name}() in the test, or {alone}")
    if isinstance(found, Macro) or found.kind == "enum":
        return Trouble("macro", said, span, f"say which one: #config {name} = …; or {alone}")
    return Trouble("struct", said, span, f"define it in the test, or {alone}")


def where(file: Scanned, found: Macro | Definition) -> str:
    """The file and the line of a definition."""
    at = found.at if isinstance(found, Macro) else found.start
    return f"{file.source.name}:{Span(file.source, at, at).line}"


def _text(file: Scanned, macro: Macro) -> tuple[object, ...]:
    """What makes two macros the same."""
    return macro.parameters, " ".join(file.body(macro).split())
