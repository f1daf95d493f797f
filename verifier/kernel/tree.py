"""Reads the files of a kernel tree: a directory, or any revision of its git repository."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from copy import copy

from verifier.errors import UsageError
from verifier.kernel.git import repository, text_of
from verifier.source import Source

MAX_FILE = 4 << 20  # of one file
_TOO_LARGE = (
    f"it has more than {MAX_FILE >> 20} MiB",
    "such files are generated; name the file that has the definition, or write what is needed in the test",
)


# The directories of a kernel tree; a part of one has some of them.
_TOP = (
    "arch", "include", "kernel", "mm", "block", "crypto", "drivers", "fs", "init", "io_uring", "ipc", "lib",
    "net", "rust", "samples", "scripts", "security", "sound", "tools", "virt",
)  # fmt: skip
_VERSION = ("VERSION", "PATCHLEVEL", "SUBLEVEL")


def version_code(major: int, minor: int, patch: int) -> int:
    """The kernel's ``KERNEL_VERSION(major, minor, patch)`` (linux/version.h)."""
    return (major << 16) + (minor << 8) + min(patch, 255)


BY_PATH = "name a file by its path in the tree"


def _is_tree(directory: str) -> bool:
    """Has a directory anything of the kernel: one of its directories, or a file in C?"""
    names = os.listdir(directory)
    return not set(_TOP).isdisjoint(names) or any(name.endswith((".c", ".h")) for name in names)


class Unreadable(Exception):
    """A file of a tree that cannot be taken, why, and what to do about it (``hint``)."""

    def __init__(self, why: str, hint: str = BY_PATH) -> None:
        super().__init__(why)
        self.hint = hint


class KernelTree:
    """A kernel tree. ``DIR`` is what lies in the directory; ``DIR@REV`` is a revision of its repository,
    read through ``git cat-file``: nothing is checked out. All trees of a repository share what is read.

    Raises ``UsageError`` for a directory or a revision that is not there.
    """

    def __init__(self, place: str) -> None:
        directory, at, revision = place.rpartition("@") if "@" in place else (place, "", "")
        if at and not directory:
            raise UsageError(f"--kernel {place}: the directory before '@' is missing")
        if at and not revision:
            raise UsageError(f"--kernel {place}: the revision after '@' is missing")
        if os.path.isdir(place):  # a directory may have '@' in its name
            directory, revision = place, ""
        if not os.path.isdir(directory):
            raise UsageError(f"--kernel {place}: there is no directory {directory!r}")
        if not revision and not _is_tree(directory):
            name = f"name the directory with {', '.join(_TOP[:4])}"
            raise UsageError(f"--kernel {place}: {directory!r} is no kernel tree; {name}")
        self.place, self.directory, self.revision = place, directory, revision
        self.commit = _commit(directory, revision) if revision else ""
        self._sources: dict[str, Source] = {}

    @property
    def asked(self) -> set[str]:
        """The paths of the files that were taken so far."""
        return set(self._sources)

    def source(self, path: str) -> Source:
        """A file of the tree; it is named by its path in it. Raises ``Unreadable``."""
        if path not in self._sources:
            from pathlib import Path

            if ".." in Path(path).parts or Path(path).is_absolute():
                raise Unreadable("a file is named by its path in the tree")
            found = self._of_revision(path) if self.commit else self._of_directory(path)
            if "\0" in found.text:
                raise Unreadable("it is not text", "take the definitions from a C file")
            self._sources[path] = found
        return self._sources[path]

    def edited(self, sources: Iterable[Source]) -> KernelTree:
        """The same tree with other texts of some files."""
        made = copy(self)
        made._sources = {**self._sources, **{s.name: s for s in sources}}
        return made

    def exact(self, path: str) -> bool:
        """Is the text of a file all of its bytes? It is not with carriage returns, or if it is not UTF-8."""
        data = self.source(path).text.encode()
        if self.commit:
            repo = repository(self.directory)
            found = repo.file(self.commit, path)
            return found is not None and repo.content(found) == data
        with open(os.path.join(self.directory, path), "rb") as file:
            return file.read() == data

    @property
    def version(self) -> int | None:
        """``LINUX_VERSION_CODE``, as the tree's Makefile says it; None if it says nothing."""
        try:
            text = self.source("Makefile").text
        except Unreadable:
            return None
        found = [re.search(rf"^{word}\s*=\s*(\d+)", text, re.MULTILINE) for word in _VERSION]
        if found[0] is None or found[1] is None:
            return None
        return version_code(*(int(m.group(1)) if m else 0 for m in found))

    def _of_directory(self, path: str) -> Source:
        from pathlib import Path

        place = Path(self.directory, path)
        try:
            if not place.is_file():
                raise Unreadable("there is no such file in the tree")
            with place.open("rb") as file:
                data = file.read(MAX_FILE + 1)
        except (OSError, ValueError) as error:
            raise Unreadable(str(error)) from None
        if len(data) > MAX_FILE:
            raise Unreadable(*_TOO_LARGE)
        return Source(path, text_of(data))

    def _of_revision(self, path: str) -> Source:
        repo = repository(self.directory)
        found = repo.file(self.commit, path)
        if found is None:
            raise Unreadable(f"there is no such file at {self.revision}")
        if found.type != "blob":
            raise Unreadable("it is no file")
        if found.size > MAX_FILE:
            raise Unreadable(*_TOO_LARGE)
        return repo.source(path, found)


def _commit(directory: str, revision: str) -> str:
    """The full name of a revision's commit."""
    try:
        found = repository(directory).find(f"{revision}^{{commit}}")
    except UsageError as error:
        raise UsageError(f"--kernel {directory}@{revision}: {error}") from None
    if found is None:
        raise UsageError(f"--kernel {directory}@{revision}: there is no revision {revision!r}")
    return found.id
