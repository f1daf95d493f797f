"""Suites: what a call asks for, and its tests one after the other."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from verifier.errors import UsageError
from verifier.generate.cycles import Cycle, Necklaces, cycle_of, spelled
from verifier.generate.edges import DEFAULTS, LANGUAGES, edges
from verifier.generate.names import placed
from verifier.generate.texts import written
from verifier.records import dataclass, field

LONGEST = 200  # of a file's name


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make. ``count`` None: all cycles; ``cycle``: only the one that these edges are.

    Raises ``UsageError`` for a language that does not exist.
    """

    language: str = LANGUAGES[0]
    names: Sequence[str] = ()
    max_edges: int = 6
    cpus: int = 4
    count: int | None = None
    seed: int = 0
    cycle: Sequence[str] = field(default=())

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise UsageError(f"unknown language {self.language!r}; use one of {', '.join(LANGUAGES)}")


@dataclass(frozen=True, slots=True)
class Made:
    """A test: its name, the edges of its cycle, its text."""

    name: str
    cycle: str
    text: str

    @property
    def file(self) -> str:
        """The name of its file. A name that is too long for a file system is cut and numbered."""
        if len(self.name) <= LONGEST:
            return f"{self.name}.litmus"
        return f"{self.name[: LONGEST - 9]}-{zlib.crc32(self.name.encode()):08x}.litmus"

    @property
    def json(self) -> str:
        """The test as a line of JSON."""
        return json.dumps({"name": self.name, "cycle": self.cycle, "text": self.text})


def cycles(asked: Recipe) -> Iterable[Cycle]:
    """The cycles that are asked for. Raises ``UsageError`` for bad names, and if there is no cycle."""
    if asked.cycle:
        one = [edges([name], asked.language) for name in asked.cycle]
        for name, found in zip(asked.cycle, one, strict=True):
            if len(found) > 1:
                raise UsageError(
                    f"{name!r} stands for several edges; a cycle needs one, such as {found[0].name}"
                )
        return [cycle_of([found[0] for found in one], list(asked.cycle))]
    every = Necklaces(
        edges(asked.names or DEFAULTS[asked.language], asked.language), asked.max_edges, asked.cpus
    )
    return every if asked.count is None else every.sample(asked.count, asked.seed)


def tests(asked: Recipe) -> Iterator[Made]:
    """The tests that are asked for. No two are equal up to renaming; the same seed makes the same ones."""
    for cycle in cycles(asked):
        place = placed(cycle)
        yield Made(place.name, spelled(place.cycle), written(place, asked.language))


def save(made: Iterable[Made], directory: str) -> int:
    """Write tests as files into a directory that is new or empty, and ``@all``, which herd7 reads as a list.

    Returns how many. If it is stopped, ``@all`` has the files that are whole, and there are no others. Raises
    ``UsageError`` if the directory has files, or cannot be written.
    """
    if not directory:
        raise UsageError("the name of the directory is empty")
    names: list[str] = []
    try:
        os.makedirs(directory, exist_ok=True)
        if os.listdir(directory):
            raise UsageError(f"{directory} is not empty; name a new directory")
        with open(os.path.join(directory, "@all"), "w", encoding="utf-8") as listing:
            try:
                for test in made:
                    _write(test, directory, names)
            finally:
                listing.writelines(f"{name}\n" for name in names)
    except OSError as error:
        raise UsageError(f"cannot write {directory}: {error.strerror}") from None
    return len(names)


def _write(test: Made, directory: str, names: list[str]) -> None:
    """Write a test's file, and add its name; neither is there if that is stopped."""
    path = os.path.join(directory, test.file)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(test.text)
        names.append(test.file)
    except BaseException:
        if names[-1:] != [test.file]:
            with suppress(OSError):
                os.unlink(path)
        raise
