"""The files that an editor has open, which count before those on disk, and what includes resolve to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from verifier.editor.places import normal
from verifier.editor.scan import MAX_SCANNED, Litmus, Section
from verifier.errors import InputError
from verifier.source import Source
from verifier.syntax import read
from verifier.syntax.includes import find_include

MAX_FILES = 200  # included files that are looked at


class Files:
    """Texts by path: ``open`` has those of the editor, everything else comes from disk."""

    def __init__(self, open: Mapping[str, str] | None = None) -> None:
        self.open = {os.path.realpath(path): text for path, text in (open or {}).items()}
        self._known: dict[str, tuple[object, Litmus]] = {}

    def put(self, path: str, text: str) -> None:
        """The editor has this text for a file."""
        self.open[os.path.realpath(path)] = text

    def drop(self, path: str) -> None:
        """The editor has closed a file."""
        self.open.pop(os.path.realpath(path), None)

    def read(self, path: str | os.PathLike[str]) -> Source:
        """A file as a source. Raises ``InputError`` as ``syntax.read`` does."""
        text = self.open.get(os.path.realpath(path))
        return read(path) if text is None else Source(os.fspath(path), normal(text))

    def litmus(self, path: str) -> Litmus | None:
        """A file as editors look at it; None if it cannot be read. It is kept until it changes."""
        real = os.path.realpath(path)
        stamp = self._stamp(real)
        known = self._known.get(path)
        if known is not None and stamp is not None and known[0] == stamp:
            return known[1]
        try:
            source = self.read(path)
        except InputError:
            return None
        if len(source.text) > MAX_SCANNED:
            return None
        found = Litmus(source)
        self._known[path] = stamp, found
        return found

    def _stamp(self, real: str) -> object:
        """What is different when a file is; None if it cannot be seen."""
        if real in self.open:
            return self.open[real]
        try:
            status = os.stat(real)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def includes(self, litmus: Litmus) -> Iterator[Included]:
        """The files that a file includes, and those that they include, each once and in their order."""
        seen = {os.path.realpath(litmus.source.name)}
        pending: list[tuple[Litmus, Section, Section | None]] = [(litmus, s, None) for s in _named(litmus)]
        while pending and len(seen) < MAX_FILES:
            holder, section, line = pending.pop(0)
            path = find_include(holder.source, section.name)
            real = os.path.realpath(path) if path else ""
            if path is None or real in seen:
                continue
            seen.add(real)
            found = self.litmus(os.fspath(path))
            if found is None:
                continue
            first = section if line is None else line
            yield Included(found, first)
            pending = [*((found, s, first) for s in _named(found)), *pending]


class Included:
    """An included file, and the line of the including file that leads to it."""

    __slots__ = ("line", "litmus")

    def __init__(self, litmus: Litmus, line: Section) -> None:
        self.litmus, self.line = litmus, line


def _named(litmus: Litmus) -> list[Section]:
    return [s for s in litmus.sections if s.kind == "include" and s.name]
