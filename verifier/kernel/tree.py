"""Reads the files of a kernel tree: a directory, or any revision of its git repository."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

from verifier.errors import UsageError
from verifier.source import Source

MAX_FILE = 4 << 20  # of one file
_GIT_SECONDS = 60


_VERSION = ("VERSION", "PATCHLEVEL", "SUBLEVEL")


def version_code(major: int, minor: int, patch: int) -> int:
    """The kernel's ``KERNEL_VERSION(major, minor, patch)`` (linux/version.h)."""
    return (major << 16) + (minor << 8) + min(patch, 255)


class Unreadable(Exception):
    """A file of a tree that cannot be taken, and why."""


class KernelTree:
    """A kernel tree. ``DIR`` is what lies in the directory; ``DIR@REV`` is a revision of its repository,
    read through ``git cat-file``: nothing is checked out.

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
        self.place, self.directory, self.revision = place, directory, revision
        self.commit = _commit(directory, revision) if revision else ""
        self._sources: dict[str, Source] = {}

    def source(self, path: str) -> Source:
        """A file of the tree; it is named by its path in it. Raises ``Unreadable``."""
        if path not in self._sources:
            data = self._of_revision(path) if self.commit else self._of_directory(path)
            if len(data) > MAX_FILE:
                raise Unreadable(f"it has more than {MAX_FILE >> 20} MiB")
            if b"\0" in data:
                raise Unreadable("it is not text")
            text = data.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
            self._sources[path] = Source(path, text)
        return self._sources[path]

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

    def _of_directory(self, path: str) -> bytes:
        place = Path(self.directory, path)
        if ".." in Path(path).parts or Path(path).is_absolute():
            raise Unreadable("a file is named by its path in the tree")
        try:
            if not place.is_file():
                raise Unreadable("there is no such file in the tree")
            with place.open("rb") as file:
                return file.read(MAX_FILE + 1)
        except (OSError, ValueError) as error:
            raise Unreadable(str(error)) from None

    def _of_revision(self, path: str) -> bytes:
        found = _git(self.directory, "cat-file", "-s", f"{self.commit}:{path}")
        if found is None:
            raise Unreadable(f"there is no such file at {self.revision}")
        if int(found) > MAX_FILE:
            raise Unreadable(f"it has more than {MAX_FILE >> 20} MiB")
        found = _git(self.directory, "cat-file", "blob", f"{self.commit}:{path}")
        if found is None:
            raise Unreadable("it is no file")
        return found


def _git(directory: str, *arguments: str) -> bytes | None:
    """What git prints; None if it fails. Raises ``UsageError`` if there is no git."""
    command = ["git", "-C", directory, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_GIT_SECONDS, check=False)
    except FileNotFoundError:
        raise UsageError("a revision is read by git, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git did not answer within {_GIT_SECONDS} s in {directory}") from None
    return done.stdout if done.returncode == 0 else None


@cache
def _commit(directory: str, revision: str) -> str:
    """The full name of a revision's commit."""
    found = _git(directory, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        if _git(directory, "rev-parse", "--git-dir") is None:
            raise UsageError(f"--kernel {directory}@{revision}: {directory} is no git repository")
        raise UsageError(f"--kernel {directory}@{revision}: there is no revision {revision!r}")
    return found.decode().strip()
