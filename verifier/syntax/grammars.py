"""Finds the grammars in a checkout or a wheel, and reads texts by them.

Lark makes a grammar's tables, which takes up to half a second. A wheel has them as modules, which
``grammar/build.py`` writes. In a checkout they are made once, and kept in a cache on disk.
"""

from __future__ import annotations

import importlib
import marshal
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from verifier.syntax.lalr import GrammarTables, Parser, Tree, tables_of

if TYPE_CHECKING:
    from pathlib import Path

    from lark import Lark
    from lark.exceptions import UnexpectedInput


class Meta(Protocol):
    """Where a tree begins and ends in the text; an empty tree has neither."""

    start_pos: int
    end_pos: int


class Node(Protocol):
    """A node of the trees of a text, as the code that reads them sees it.

    A node is either a tree, which has ``data`` (the name of its rule), ``children`` and ``meta``, or a
    token, a string that has a ``type`` and positions.  The grammar says which of the two stands where, so
    readers need no check; where it allows both, ``is_tree`` tells them apart.
    """

    data: str
    children: list[Node]
    meta: Meta
    type: str
    start_pos: int
    end_pos: int

    def iter_subtrees(self) -> Iterator[Node]:
        """All trees below this one, and itself."""

    def update(self, *, value: str) -> Node:
        """The token with another text."""


def is_tree(node: Node) -> bool:
    """Is this a tree, or is it a token?"""
    return hasattr(node, "data")


# The grammars by their names, and what texts of them can be: of C and MM files a file, a part of one, or a
# definition of the kernel's text.
STARTS = {
    "condition": ("final",),
    "mm": ("start", "guard", "function", "struct_def", "enum", "expr", "stmt"),
    "x86": ("cell", "init"),
}

PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def folder(name: str) -> Path:
    """The folder ``grammar``, ``litmus`` or ``docs``: inside the installed package, or beside it in a
    checkout."""
    from pathlib import Path

    return Path(_folder(name))


def page(name: str) -> str:
    """Where a page of the documentation is, for messages: from the directory of the call if it is below."""
    path = os.path.join(_folder("docs"), name)
    try:
        below = os.path.relpath(path)
    except (OSError, ValueError):  # there is no directory of the call, or it is on another drive
        return path
    return path if below.startswith(os.pardir) else below


def _folder(name: str) -> str:
    inside = os.path.join(PACKAGE, f"_{name}")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(PACKAGE), name)


@cache
def text(grammar: str) -> str:
    """The text of a grammar."""
    with open(os.path.join(_folder("grammar"), f"{grammar}.lark"), encoding="utf-8") as file:
        return file.read()


def _cache_file(source: str, key: str, end: str) -> str:
    """The cache file for the tables of a grammar, or '' if there can be none.

    Whoever writes such a file decides what is run, so the folder must be one that only this user can
    write to.
    """
    try:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        place = os.path.join(base, "verifier")
        if not os.path.isdir(os.path.dirname(base)):
            return ""
        os.makedirs(place, mode=0o700, exist_ok=True)
        status = os.stat(place)
        if not hasattr(os, "getuid") or status.st_uid != os.getuid() or status.st_mode & 0o022:
            return ""
        # A checksum is enough to tell a few versions and grammars apart, and needs no import of hashlib.
        data = f"{sys.version}\0{key}\0{source}".encode()
        return os.path.join(place, f"{zlib.crc32(data):08x}{zlib.adler32(data):08x}{len(data):x}{end}")
    except OSError:
        return ""


def _kept(place: str) -> Lark | None:
    """The parser from a cache file; None if the file cannot be read."""
    from lark import Lark

    try:
        with open(place, "rb") as file:
            return Lark.load(file)
    except Exception:  # a damaged file may raise anything; it is replaced
        return None


def _write(place: str, write: Callable[[BinaryIO], object]) -> None:
    """Write a cache file. It appears complete or not at all."""
    part = f"{place}.{os.getpid()}"
    try:
        with open(part, "wb") as file:
            write(file)
        os.replace(part, place)
    except OSError:
        pass


@cache
def parser(grammar: str) -> Lark:
    """The LALR parser of a grammar."""
    import lark
    from lark import Lark

    source, starts = text(grammar), STARTS[grammar]
    place = _cache_file(source, f"{lark.__version__}\0{starts}", ".lark")
    found = _kept(place) if place and os.path.exists(place) else None
    if found is None:
        options: dict[str, Any] = {
            "parser": "lalr",
            "start": list(starts),
            "propagate_positions": True,
            "maybe_placeholders": False,
        }
        found = Lark(source, **options)
        if place:
            _write(place, found.save)
    return found


@cache
def _reader(grammar: str) -> Parser:
    """What reads texts by the tables of ``parser``, without Lark if they are in a wheel or a cache file."""
    source = text(grammar)
    tables = _shipped(grammar, source)
    if tables is None:
        place = _cache_file(source, repr(STARTS[grammar]), ".tables")
        tables = _tables_in(place) if place else None
        if tables is None:
            tables = tables_of(parser(grammar))
            if place:
                _write(place, lambda file: marshal.dump(tuple(tables), file))
    return Parser(tables)


SHIPPED = "verifier._tables"  # a wheel has a module below it for each grammar


def module_of_tables(grammar: str) -> str:
    """The text of a module with a grammar's tables, for a wheel."""
    key = (text(grammar), STARTS[grammar])
    return f"KEY = {key!r}\nTABLES = {tuple(tables_of(parser(grammar)))!r}\n"


def _shipped(grammar: str, source: str) -> GrammarTables | None:
    """The tables that a wheel has, if they are those of this grammar."""
    try:
        module = importlib.import_module(f"{SHIPPED}.{grammar}")
    except ImportError:
        return None
    return GrammarTables(*module.TABLES) if (source, STARTS[grammar]) == module.KEY else None


def _tables_in(place: str) -> GrammarTables | None:
    """The tables in a cache file; None if it cannot be read."""
    try:
        with open(place, "rb") as file:
            return GrammarTables(*marshal.load(file))
    except Exception:  # a damaged file may raise anything; it is replaced
        return None


class Unparsed(Exception):
    """A text does not fit its grammar. ``error`` is what Lark says about it."""

    def __init__(self, error: UnexpectedInput) -> None:
        self.error = error
        super().__init__(str(error))


def tree_of(text: str, grammar: str, start: str) -> Node:
    """The tree of a text of a grammar, which is what ``start`` names in ``STARTS``. Raises ``Unparsed``."""
    made = _reader(grammar).parse(text, start)
    if made is not None:
        return cast("Node", made)
    from lark.exceptions import UnexpectedInput

    try:
        return cast("Node", parser(grammar).parse(text, start=start))
    except UnexpectedInput as error:
        raise Unparsed(error) from None


def made_tree(data: str, children: list[Node], start: int, end: int) -> Node:
    """A tree that no grammar made; it goes from ``start`` to ``end``."""
    tree = Tree(data, [*children])
    tree.start_pos, tree.end_pos, tree.outer = start, end, (start, end)
    return cast("Node", tree)
