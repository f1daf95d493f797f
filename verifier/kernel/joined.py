"""What the files that a test names say to each other: which macros they define."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from verifier.kernel.conditions import Config
from verifier.kernel.scan import Macro, Scanned, scanned

_ROUNDS = 8


def joined(files: Mapping[str, Scanned], config: Config) -> dict[str, Scanned]:
    """Files, by path, in which an open question about a macro is answered by what another file defines.

    An answer may open further questions, and may close those on which other answers depend.
    """
    made = dict(files)
    for _ in range(_ROUNDS):
        known = {path: dict(_answers(path, made)) for path in made}
        if all(known[path].keys() <= made[path].known.keys() for path in made):
            break
        made = {
            path: scanned(file.source, config, {**file.known, **known[path]}) for path, file in made.items()
        }
    return made


def _answers(path: str, files: Mapping[str, Scanned]) -> Iterator[tuple[str, str | None]]:
    """What other files say of the names that a file asks for."""
    for name in {name for x in files[path].open for name in x.names}:
        bodies = {
            None if macro.parameters is not None else " ".join(file.body(macro).split())
            for file, macro in elsewhere(name, path, files)
            if not file.around(macro.at, macro.end)
        }
        if bodies:
            yield name, bodies.pop() if len(bodies) == 1 else None


def elsewhere(name: str, path: str, files: Mapping[str, Scanned]) -> list[tuple[Scanned, Macro]]:
    """What other files than ``path`` define as a macro of a name: those that it may include. What a C file
    defines, no other C file sees."""
    return [
        (file, file.macros[name])
        for other, file in files.items()
        if other != path and name in file.macros and not (is_c(path) and is_c(other))
    ]


def is_c(path: str) -> bool:
    """Is this a C file, which no other one includes?"""
    return path.endswith(".c")
