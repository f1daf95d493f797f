"""Tells without parsing that a test takes the same from other files.

What a test takes follows from what its names stand for, and those in what it takes. So if no such name stands
for something else, everything is as it was: comments, layout, other definitions and fields that nothing
names do not matter.
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.kernel.conditions import Config
from verifier.kernel.git import GitObject, Repository
from verifier.kernel.scan import Definition, Macro, Scanned, scanned
from verifier.kernel.tree import MAX_FILE
from verifier.patterns import pattern
from verifier.syntax.kernel import Cutter, beginning, beginnings

_TOKEN = pattern(r'"(?:[^"\\]|\\.)*"|\w+|[^\w\s]')
_NAME = pattern(r"[A-Za-z_]\w*")


def tokens(text: str) -> str:
    """A text without comments and layout; comments are blank already."""
    return " ".join(_TOKEN.findall(text))


class _Lax(Cutter):
    """A cutter that goes on where a condition is open, and notes it with what it matters to."""

    def __init__(self) -> None:
        self.met: list[tuple[str, str]] = []

    def decided(self, file: Scanned, start: int, end: int) -> None:
        """Note the open conditions."""
        here = tokens(file.active[start:end])
        self.met += [(here, file.source.text[x.start : x.end]) for x in file.around(start, end)]


class NameMeanings:
    """What the names of a taking stand for in each file. ``words``: everything in which a name may stand;
    ``others``: files that are no C text, by path."""

    def __init__(self, cutter: Cutter, words: Iterable[str], others: dict[str, GitObject | None]) -> None:
        self.cutter, self.others = cutter, others
        asked = {name for f in cutter.files.values() for x in f.open for name in x.names}
        asked |= {name for f in cutter.files.values() for name in f.known}
        asked |= {name for word in words for name in _NAME.findall(word)}
        self.names = frozenset(asked)
        self.files = {path: self._meant(file) for path, file in cutter.files.items()}

    def holds(self, repository: Repository, commit: str) -> bool:
        """Do the names stand for the same things at another commit?"""
        if any(repository.file(commit, path) != known for path, known in self.others.items()):
            return False
        for path, known in self.files.items():
            found = repository.file(commit, path)
            if found is None or found.type != "blob" or found.size > MAX_FILE:
                return False
            source = repository.source(path, found)
            if source is self.cutter.files[path].source:
                continue
            config = Config(self.cutter.config.values, self.cutter.config.constants)
            if self._meant(scanned(source, config, self.cutter.files[path].known)) != known:
                return False
        return True

    def _meant(self, file: Scanned) -> object:
        """What the names stand for in a file, and which conditions are open there."""
        found: list[object] = []
        starts: list[int] = []
        lax = _Lax()
        for (kind, name), one in file.definitions.items():
            if name in self.names or (kind == "enum" and self._constant(file, one)):
                if kind not in ("struct", "typedef"):
                    lax.decided(file, one.start, one.end)
                starts.append(one.start)
                found.append((kind, "" if name[0] == "@" else name, self._text(lax, file, one)))
        for name, changes in file.changes.items():
            if name in self.names:
                for change in changes:  # it matters to what stands below it
                    above = sum(start < change.at for start in starts)
                    found.append((name, above, *self._macro(file, change.macro)))
        return found, lax.met

    def _macro(self, file: Scanned, macro: Macro | None) -> tuple[object, ...]:
        """What a name stands for from some line on."""
        if macro is None:
            return ()
        return macro.parameters, tokens(file.body(macro)), bool(file.around(macro.at, macro.end))

    def _constant(self, file: Scanned, one: Definition) -> bool:
        """Is a constant of an enum among the names?"""
        return not self.names.isdisjoint(_NAME.findall(file.active[one.body : one.end]))

    def _text(self, lax: _Lax, file: Scanned, one: Definition) -> str:
        """A definition; of a struct, the members with such names."""
        if one.kind not in ("struct", "typedef"):
            return tokens(file.active[one.start : one.end])
        close = file.active.rindex("}", one.body, one.end)
        inside = lax.members(file, one.body + 1, close, self.names)
        text = tokens(file.active[one.start : one.body + 1] + inside + file.active[close : one.end])
        first = [beginning(file.active, one.start, one.body, close)]
        first += beginnings(file.active, one.start, one.body, close)
        return f"{text} {[tuple(names) for names in first]}"
