"""Finds the grammars in a checkout or a wheel, and builds their parsers, with a cache on disk."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from lark import Lark


class Meta(Protocol):
    """Where a tree begins and ends in the text; an empty tree has neither."""

    start_pos: int
    end_pos: int


class Node(Protocol):
    """A node of the trees that Lark makes, as the code that reads them sees it.

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


# What the grammar of C and MM files can begin with: a file, a part of one, a definition of the kernel's text.
MM_STARTS = ("start", "guard", "function", "struct_def", "enum", "expr", "stmt")

PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """The folder ``grammar`` or ``litmus``: inside the installed package, or beside it in a checkout."""
    inside = PACKAGE / f"_{name}"
    return inside if inside.is_dir() else PACKAGE.parent / name


@cache
def text(*names: str) -> str:
    """The grammar files of these names, one after the other."""
    return "\n".join((folder("grammar") / f"{n}.lark").read_text(encoding="utf-8") for n in names)


def _cache_file(source: str, key: str) -> str:
    """The cache file for the tables of a grammar, or '' if there can be none.

    The tables are pickled, so the folder must be one that only this user can write to.
    """
    import lark

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
        data = f"{lark.__version__}\0{sys.version}\0{key}\0{source}".encode()
        return os.path.join(place, f"{zlib.crc32(data):08x}{zlib.adler32(data):08x}{len(data):x}.lark")
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


def _keep(parser: Lark, place: str) -> None:
    """Write a parser's tables to a cache file. The file appears complete or not at all."""
    part = f"{place}.{os.getpid()}"
    try:
        with open(part, "wb") as file:
            parser.save(file)
        os.replace(part, place)
    except OSError:
        pass


@cache
def parser(names: tuple[str, ...], starts: tuple[str, ...]) -> Lark:
    """The LALR parser of the grammar files ``names``, for the start rules ``starts``."""
    from lark import Lark

    source = text(*names)
    place = _cache_file(source, repr(starts))
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
            _keep(found, place)
    return found


def tree_of(text: str, names: tuple[str, ...], starts: tuple[str, ...], start: str) -> Node:
    """The tree of a text, whose rule is ``start``; ``names`` and ``starts`` as for ``parser``. Raises
    Lark's ``UnexpectedInput``."""
    return cast("Node", parser(names, starts).parse(text, start=start))


def made_tree(data: str, children: list[Node], start: int, end: int) -> Node:
    """A tree that no grammar made; it goes from ``start`` to ``end``."""
    from lark import Tree

    tree = Tree(data, [*children])
    tree.meta.start_pos, tree.meta.end_pos, tree.meta.empty = start, end, False
    return cast("Node", tree)
