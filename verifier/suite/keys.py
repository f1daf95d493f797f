"""The key of an answer: a digest of all that it depends on."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from pathlib import Path

from verifier.source import Source
from verifier.suite.options import Options
from verifier.syntax.grammars import PACKAGE, folder
from verifier.syntax.kernel import Cutter
from verifier.syntax.test import Test

_SOLVERS = ("z3-solver", "lark")


@cache
def tool() -> str:
    """A digest of this program: its code and grammars, and the versions of Python and of the libraries."""
    found = hashlib.sha256()
    for place in (Path(PACKAGE), folder("grammar")):
        for file in sorted(p for p in place.rglob("*") if p.suffix in (".py", ".lark", ".toml")):
            _add(found, str(file.relative_to(place)), file.read_bytes())
    for name in _SOLVERS:
        _add(found, name, _version(name).encode())
    _add(found, "python", ".".join(map(str, sys.version_info[:3])).encode())
    return found.hexdigest()


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _add(found: hashlib._Hash, name: str, value: bytes) -> None:
    """Add a named value; no two lists of these give the same bytes."""
    for part in (name.encode("utf-8", "surrogatepass"), value):
        found.update(b"%d:" % len(part))
        found.update(part)


def digest(source: Source) -> str:
    """The digest of a text and its name. Stories tell the name, so it counts."""
    return hashlib.sha256(f"{source.name}\0{source.text}".encode("utf-8", "surrogatepass")).hexdigest()


def key_of(test: Test, options: Options) -> str:
    """The key of the answer about a test under options; limits are no part of it.

    It covers the text of the test, of what it includes, and of the kernel's files that it names, with their
    names; its variant, and constants that are set; the model, the switches, the bound, the judge, the seed,
    and what the answer has to tell; and this program.
    """
    found = hashlib.sha256()
    for name, value in _parts(test, options):
        _add(found, name, value.encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def _parts(test: Test, options: Options) -> list[tuple[str, str]]:
    parts = [("tool", tool()), ("test", digest(test.source)), ("variant", repr(test.variant))]
    parts += [("include", digest(s)) for s in test.includes]
    cutter = getattr(test.tree, "cutter", None)
    if isinstance(cutter, Cutter):
        parts += [("kernel", digest(file.source)) for _, file in sorted(cutter.files.items())]
        parts.append(("version", repr(cutter.tree.version)))
    asked = {
        "model": options.model,
        "judge": options.judge,
        "unroll": options.unroll,
        "seed": options.seed,
        "states": options.states,
        "witnesses": options.witnesses,
        "counters": options.counters,
        "profile": options.profile,
        "switches": options.switches,
        "defines": sorted(options.defines.items()),
        "bounded": options.memory is not None,  # Z3 is then told so, which may change what run it finds
    }
    return [*parts, *((name, repr(value)) for name, value in asked.items())]
