"""Finds what the paths of a call name: files, directories, variants of files, standard input."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable

from verifier.errors import InputError, UsageError
from verifier.patterns import pattern
from verifier.records import dataclass, replace
from verifier.source import STDIN, Diagnostic, Source
from verifier.syntax import MAX_BYTES, decode
from verifier.syntax.trouble import nearest

STREAMS = pattern(r"/dev/(stdin|fd/\d+)")  # opened by the shell, and read like standard input


NOT_THERE = frozenset({"no-tests", "missing"})  # the codes of errors: nothing is there


@dataclass(frozen=True, slots=True)
class Task:
    """A file, or some of its variants."""

    name: str
    variants: tuple[str, ...] = ()
    source: Source | None = None  # None: the file is read later
    error: InputError | None = None


def discover(paths: Iterable[str], ends: tuple[str, ...] = (".litmus",)) -> list[Task]:
    """The tasks that paths name: files, directories, ``FILE::VARIANT``, ``-`` for standard input.
    ``ends``: of the names of files in directories.

    A path that does not exist and a directory that cannot be read become tasks with an error. Raises
    ``UsageError`` for a path with nothing before or behind its ``::``.
    """
    tasks: list[Task] = []
    for path in paths:
        name, colons, variant = parted(path)
        wanted = tuple(v for v in variant.split(",") if v)
        if colons and not wanted:
            raise UsageError(f"{path}: the name of a variant is missing after '::'")
        if not name:
            raise UsageError(f"{path!r}: the name of a file is missing{' in front of ::' * bool(colons)}")
        if name == "-" or STREAMS.fullmatch(name):
            tasks.append(_stream(name, wanted))
        elif os.path.isdir(name):
            tasks += _below(name, wanted, ends)
        elif os.path.lexists(name):
            tasks.append(Task(name, wanted))
        else:
            tasks.append(_wrong(name, "missing", "there is no such file or directory", _nearby(name)))
    return _once(tasks)


def parted(path: str) -> tuple[str, str, str]:
    """A file's name, ``::`` if variants follow, and these. A file that is there is meant as it is called,
    even if its name has ``::``."""
    name, colons, variant = path, "", ""
    while not os.path.lexists(name):
        name, colons, more = name.rpartition("::")
        if not colons:
            return path.rpartition("::") if "::" in path else (path, "", "")
        variant = f"{more}::{variant}" if variant else more
    return name, colons if name != path else "", variant


def _stream(name: str, wanted: tuple[str, ...]) -> Task:
    """The task of a stream. It reads one byte more than a file may have, and no further."""
    called = STDIN if name == "-" else name
    number = 0 if name in ("-", "/dev/stdin") else int(name.rpartition("/")[2])
    try:
        if number == 0:
            if sys.stdin is None:
                raise OSError(errno.EBADF, "standard input is closed")
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(number, "rb", closefd=False) as stream:
                data = stream.read(MAX_BYTES + 1)
        return Task(called, wanted, decode(data, called))
    except InputError as error:
        return Task(called, wanted, error=error)
    except (OSError, OverflowError, ValueError) as error:
        return _wrong(called, "unreadable", getattr(error, "strerror", None) or str(error))


def _below(folder: str, wanted: tuple[str, ...], ends: tuple[str, ...]) -> list[Task]:
    """The tests below a directory, by name, and an error for each directory that cannot be read. Directories
    whose names begin with a dot are left out, such as .git and .venv."""
    from pathlib import Path

    found: list[Task] = []

    def hidden(error: OSError) -> None:
        found.append(_wrong(str(error.filename or folder), "unreadable", error.strerror or str(error)))

    for where, folders, files in os.walk(folder, onerror=hidden):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Task(str(Path(where, f)), wanted) for f in files if f.endswith(ends)]
    if not found:
        return [_wrong(folder, "no-tests", "there are no .litmus files below this directory")]
    return sorted(found, key=lambda task: task.name)


def _wrong(name: str, code: str, message: str, hint: str = "") -> Task:
    return Task(name, error=InputError([Diagnostic(code, message, None, hint, file=name)]))


def _once(tasks: list[Task]) -> list[Task]:
    """Each file where it is first named; only once, if any path names the whole file."""
    folders: dict[str, str] = {}
    paths = [_real(task.name, folders) for task in tasks]
    whole = {path for path, task in zip(paths, tasks, strict=True) if not task.variants}
    kept: dict[tuple[str, tuple[str, ...]], Task] = {}
    for path, task in zip(paths, tasks, strict=True):
        all_of_it = replace(task, variants=()) if task.variants and path in whole else task
        kept.setdefault((path, all_of_it.variants), all_of_it)
    return list(kept.values())


def _real(name: str, folders: dict[str, str]) -> str:
    """``os.path.realpath``, which asks about each folder of a path; ``folders`` has what is known of them."""
    folder, last = os.path.split(name)
    if last in ("", os.curdir, os.pardir) or os.path.islink(name):
        return os.path.realpath(name)
    known = folders.get(folder)
    if known is None:
        known = folders[folder] = os.path.realpath(folder)
    return os.path.join(known, last)


def _nearby(name: str) -> str:
    """A hint with the file of the nearest name in the folder of a missing file."""
    folder, word = os.path.split(name)
    try:
        return nearest(word, os.listdir(folder or "."))
    except OSError:
        return ""
