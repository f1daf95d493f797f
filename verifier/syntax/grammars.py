"""The grammars: found in a checkout or in a wheel, built once, kept in a cache on disk."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lark import Lark

PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """The folder ``grammar`` or ``litmus``: inside an installed package, or beside it in a checkout."""
    inside = PACKAGE / f"_{name}"
    return inside if inside.is_dir() else PACKAGE.parent / name


@cache
def text(*names: str) -> str:
    """The grammar files of these names, one after the other."""
    return "\n".join((folder("grammar") / f"{n}.lark").read_text(encoding="utf-8") for n in names)


def _cache_file(source: str, key: str) -> str | bool:
    """Where the tables of a grammar are kept, or False if nothing can be kept there.

    Lark loads such a file with pickle, so that no one else may be able to write there.
    """
    import lark

    try:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        place = os.path.join(base, "verifier")
        if not os.path.isdir(os.path.dirname(base)):
            return False
        os.makedirs(place, mode=0o700, exist_ok=True)
        status = os.stat(place)
        if not hasattr(os, "getuid") or status.st_uid != os.getuid() or status.st_mode & 0o022:
            return False
        digest = hashlib.sha256(f"{lark.__version__}\0{key}\0{source}".encode()).hexdigest()[:20]
        return os.path.join(place, f"{digest}.lark")
    except OSError:
        return False


@cache
def parser(names: tuple[str, ...], starts: tuple[str, ...]) -> Lark:
    """The LALR parser of the grammar files ``names``, for the start rules ``starts``."""
    from lark import Lark

    source = text(*names)
    options: dict[str, Any] = {
        "parser": "lalr",
        "start": list(starts),
        "propagate_positions": True,
        "maybe_placeholders": False,
    }
    place = _cache_file(source, repr(starts))
    if place:
        try:
            return Lark(source, cache=place, **options)
        except OSError:
            pass
    return Lark(source, **options)
