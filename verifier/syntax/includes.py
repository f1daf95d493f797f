"""Finds, reads and parses the files that a test includes, depth first."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from verifier.errors import InputError
from verifier.patterns import pattern
from verifier.records import dataclass, field
from verifier.source import Diagnostic, Source, Span
from verifier.syntax import clues, layout
from verifier.syntax.ast import Function
from verifier.syntax.grammars import Node, Unparsed, folder, tree_of
from verifier.syntax.trouble import nearest, syntax_error

if TYPE_CHECKING:
    from pathlib import Path

_INCLUDE = pattern(r'^[ \t]*#[ \t]*include[ \t]*("([^"\n]*)"|<([^>\n]*)>|[^\n]*)([^\n]*)', re.MULTILINE)


@dataclass(slots=True)
class Part:
    """A test or an included file, as Lark's tree.

    ``functions`` has those of an included file, by their place in it. As it has no guards, they are the same
    in all variants and in all tests that include it.
    """

    source: Source
    tree: Node
    included: bool
    functions: dict[int, Function] = field(default_factory=dict)


_KERNEL = re.compile(r'^[ \t]*#[ \t]*kernel[ \t]*"([^"\n]*)"', re.MULTILINE)

ReadFile = Callable[[str | os.PathLike[str]], Source]
"""Gives the text of a file; raises ``InputError`` as ``syntax.read``, which it stands for."""

MAX_INCLUDES = 50  # levels of includes in includes
_INCLUDED: dict[tuple[str, str], Part] = {}  # by name and text; each file is parsed once


def parsed(source: Source, text: str, troubles: list[Diagnostic], *, included: bool = False) -> Part:
    """The tree of ``text``: the text of ``source``, with blanks for the parts that are already read.

    Raises ``InputError`` for a syntax error, together with the ``troubles`` before it.
    """
    try:
        tree = tree_of(text, "mm", start="start")
    except Unparsed as error:
        found = clues.explained(source, syntax_error(source, error.error, "this test"))
        raise InputError([*troubles, found]) from None
    except RecursionError:
        raise InputError([Diagnostic("nesting", "nested too deeply", file=source.name)]) from None
    return Part(source, tree, included)


class Includes:
    """Blanks out the ``#include`` lines of a file, and adds the files that they name to ``parts``.

    Errors are added to ``troubles``, warnings to ``warnings``. ``reader``: what gives the text of a file, if
    not the disk alone.
    """

    def __init__(
        self,
        source: Source,
        troubles: list[Diagnostic],
        warnings: list[Diagnostic],
        reader: ReadFile | None = None,
    ) -> None:
        self.source, self.troubles, self.warnings, self.reader = source, troubles, warnings, reader
        self.parts: list[Part] = []
        self.included: set[str] = set()  # by real path
        self.named: set[str] = set()  # by the test itself; real paths

    def blanked(self, text: str) -> str:
        """The file's text without its ``#include`` lines."""
        return self._blanked(self.source, text, [os.path.realpath(self.source.name)])

    def _blanked(self, source: Source, text: str, chain: list[str]) -> str:
        """Blank out ``#include`` lines and parse what they name, depth first."""
        for found in list(_INCLUDE.finditer(text)):
            span = Span(source, found.start(), found.end())
            name = found.group(2) or found.group(3)
            text = text[: found.start()] + layout.blank(found.group()) + text[found.end() :]
            if name is None:
                self._trouble("include", "this #include names no file", span, 'write #include "file.inc"')
                continue
            if found.group(4).strip():
                rest = Span(source, found.start(4), found.end(4))
                self._trouble("include", "there is text after the include", rest, "move it to its own line")
            path = find_include(source, name)
            if path is None:
                shown = name if len(name) < 100 else f"{name[:100]}…"
                self._trouble("include", f"there is no file {shown!r}", span, self._nearby(source, name))
                continue
            real = os.path.realpath(path)
            if real in chain:
                self._trouble("include", f"{name!r} includes itself", span)
            elif len(chain) > MAX_INCLUDES:
                hint = "include each file directly where it is needed"
                self._trouble("include", f"includes nest more than {MAX_INCLUDES} deep", span, hint)
            elif real not in self.included:
                self._include(path, name, span, [*chain, real])
            elif source is self.source and real in self.named:
                twice = Diagnostic(
                    "duplicate", f"{name!r} is included twice", span, "leave one out", severity="warning"
                )
                self.warnings.append(twice)
            if source is self.source:
                self.named.add(real)
        return text

    def _include(self, path: Path, name: str, span: Span, chain: list[str]) -> None:
        """Parse an included file, after the files that it includes. ``span`` is the ``#include`` line."""
        from verifier.syntax import read

        try:
            inner = (self.reader or read)(path)
        except InputError as error:
            (d,) = error.diagnostics
            self._trouble("include", f"{name!r} cannot be read: {d.message}", span, d.hint)
            return
        bare = layout.uncomment(inner, herd=False)
        clues.check_quotes(inner, bare.text)
        body = self._blanked(inner, bare.text, chain)
        if (inner.name, body) not in _INCLUDED:
            _INCLUDED[inner.name, body] = parsed(inner, body, self.troubles, included=True)
        self.parts.append(_INCLUDED[inner.name, body])
        self.included.add(chain[-1])

    def _nearby(self, source: Source, name: str) -> str:
        """A hint with the nearest include: beside the test, one folder below it, or in the library."""
        beside, library = _places(source)
        known = [str(f.relative_to(library)) for f in library.glob("**/*.inc")]
        for form in ("*.inc", "*/*.inc"):
            known += (str(f.relative_to(beside)) for f in islice(beside.glob(form), 500))
        hint = nearest(name[:200], known)
        same = sorted(k for k in known if k.rpartition("/")[2] == name.rpartition("/")[2])
        return f"did you mean {same[0]!r}?" if same and not hint else hint

    def _trouble(self, code: str, message: str, span: Span, hint: str = "") -> None:
        self.troubles.append(Diagnostic(code, message, span, hint))


def blank_lines(text: str) -> tuple[str, list[tuple[int, int]]]:
    """A text with blanks for its ``#include`` lines, and from where to where each of them goes."""
    found = [(m.start(), m.end()) for m in _INCLUDE.finditer(text)]
    return _INCLUDE.sub(lambda m: layout.blank(m.group()), text), found


def named(source: Source) -> tuple[list[str], list[str]]:
    """What a file names to take its text: the paths of the files that it includes itself, which need not
    exist, and those in a kernel's tree."""
    from pathlib import Path

    try:
        text = layout.uncomment(source, herd=False).text
    except InputError:  # a comment has no end
        text = source.text
    names = [found.group(2) or found.group(3) for found in _INCLUDE.finditer(text)]
    paths = [str(find_include(source, name) or Path(source.name).parent / name) for name in names if name]
    return paths, _KERNEL.findall(text)


def _places(source: Source) -> list[Path]:
    from pathlib import Path

    return [Path(source.name).parent, folder("litmus")]


def find_include(source: Source, name: str) -> Path | None:
    """The file that a source means by a name: beside it, or in the library. None if there is none."""
    try:
        return next((p / name for p in _places(source) if os.path.lexists(p / name)), None)
    except (OSError, ValueError):  # no file can have this name
        return None
