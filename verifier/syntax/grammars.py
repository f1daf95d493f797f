"""The grammars: found in a checkout or in a wheel, built once, kept in a cache on disk."""

from __future__ import annotations

import getpass
import hashlib
import os
import tempfile
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

    The folder belongs to this user alone: lark loads such a file with pickle.
    """
    import lark

    try:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        if not os.path.isdir(os.path.dirname(base) or "/"):
            base = os.path.join(tempfile.gettempdir(), f"verifier-{getpass.getuser()}")
        place = os.path.join(base, "verifier")
        os.makedirs(place, mode=0o700, exist_ok=True)
        if hasattr(os, "getuid") and os.stat(place).st_uid != os.getuid():
            return False
        digest = hashlib.sha256(f"{lark.__version__}\0{key}\0{source}".encode()).hexdigest()[:20]
        return os.path.join(place, f"{digest}.lark")
    except (OSError, KeyError):
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
