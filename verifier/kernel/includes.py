"""Where a kernel tree defines a name: in which of the headers that some of its files include."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from verifier.kernel.tree import KernelTree, Unreadable
from verifier.patterns import pattern
from verifier.records import NamedTuple

_INCLUDE = pattern(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
# Where x86 looks for what is in angle brackets: LINUXINCLUDE in the Makefile.
_FOLDERS = ("arch/x86/include", "include", "arch/x86/include/uapi", "include/uapi")
_OF_32_BITS = pattern(r"_32(?:_\w+)?\.h$")  # pgtable_32_types.h
MAX_HEADERS = 800


class FoundIn(NamedTuple):
    """A header that defines a name; ``is_function``: as a function, which a test has to take by name."""

    path: str
    is_function: bool


class Headers:
    """The headers that ``files`` of a tree include, and those that these include."""

    def __init__(self, tree: KernelTree, files: Iterable[str]) -> None:
        self.tree, self.files = tree.edited(()), list(files)  # what is looked at is not what a test takes
        self._all: list[tuple[str, str]] | None = None

    def defining(self, name: str) -> FoundIn | None:
        """The first header that defines a name as a macro, a function, a constant or a typedef; None if none
        does."""
        function = pattern(rf"^[^\n#/*;=]*\b{name}\s*\([^;{{}}]*\)\s*\{{", re.MULTILINE)
        other = pattern(
            rf"^[ \t]*#[ \t]*define[ \t]+{name}\b|^[ \t]+{name}\s*(?:=[^;,{{}}]*)?[,}}]"
            rf"|^\}}\s*{name}\s*;|^typedef\b[^;{{}}]*\b{name}\s*;",
            re.MULTILINE,
        )
        for path, text in self._headers():
            if name in text and other.search(text):
                return FoundIn(path, False)
            if name in text and function.search(text):
                return FoundIn(path, True)
        return None

    def of_struct(self, tag: str) -> str:
        """The first header that defines a struct or a union of this name; "" if none does."""
        form = pattern(rf"\b(?:struct|union)\s+{tag}\s*\{{")
        return next((path for path, text in self._headers() if tag in text and form.search(text)), "")

    def _headers(self) -> list[tuple[str, str]]:
        if self._all is None:
            self._all = list(self._followed())
        return self._all

    def _followed(self) -> Iterator[tuple[str, str]]:
        """Their paths and their texts, the nearest ones first."""
        seen, pending = set(self.files), list(self.files)
        for path in pending:
            text = self._text(path)
            if text is None:
                continue
            if path not in self.files:
                yield path, text
            for mark, named in _INCLUDE.findall(text):
                found = self._included(path, mark, named)
                if found is None or found in seen or _OF_32_BITS.search(found):
                    continue
                if len(seen) < MAX_HEADERS:
                    seen.add(found)
                    pending.append(found)

    def _included(self, path: str, mark: str, named: str) -> str | None:
        """The file that a line of ``path`` includes; None if the tree has none."""
        beside = (posixpath.dirname(path),) if mark == '"' else ()
        places = (posixpath.normpath(f"{folder}/{named}") for folder in (*beside, *_FOLDERS))
        return next((place for place in places if self._text(place) is not None), None)

    def _text(self, path: str) -> str | None:
        try:
            return self.tree.source(path).text
        except Unreadable:
            return None
