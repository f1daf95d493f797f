"""Finds the tests that differ from a git revision, or take text of a file that does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from functools import cache

from verifier.errors import UsageError
from verifier.suite.discover import Task
from verifier.suite.taken import TakenFiles

ANSWER_SECONDS = 600  # for each answer


def changed(tasks: Iterable[Task], revision: str, kernel: str | None = None) -> list[Task]:
    """The tasks whose file differs from a revision of its repository, includes a file of it that does, or
    takes kernel text of one (``kernel``: the tree).

    What has no file of its own, such as standard input and a path that does not exist, is among them. A file
    differs if it has other bytes than in the revision, or is not there. Raises ``UsageError`` for a file in
    no repository, a revision that does not exist, and git itself.
    """
    asked = _Asked(revision, kernel)
    return [task for task in tasks if task.source or task.error or asked.differs(task.name)]


class _Asked:
    """Answers about files, each of which is asked about once."""

    def __init__(self, revision: str, kernel: str | None) -> None:
        self.revision = revision
        self.taken = TakenFiles(kernel)
        self.news: dict[str, _News] = {}

    def differs(self, file: str) -> bool:
        """Does a test differ from the revision?"""
        placed = _placed(file)
        root = _root(os.path.dirname(placed))
        if root is None:
            raise UsageError(f"--changed-since {self.revision}: {file} lies in no git repository")
        if root not in self.news:
            self.news[root] = _News(root, self.revision)
        news = self.news[root]
        return any(news.has(place) for place in (placed, *self.taken.of(os.path.realpath(file))))


class _News:
    """How the files of a repository differ from one of its revisions."""

    def __init__(self, root: str, revision: str) -> None:
        self.root = root
        _check(root, revision)
        self.old = _paths(root, "ls-tree", "-r", "-z", "--name-only", "--full-tree", revision)
        whole = ("--no-renames", "--no-ext-diff", "--no-relative")
        self.other = _paths(root, "diff", "-z", "--name-only", *whole, revision, "--")

    def has(self, place: str) -> bool:
        """Is this file of the repository new, or other than in the revision? Files elsewhere are not."""
        path = os.path.relpath(place, self.root)
        if path.startswith(os.pardir + os.sep):
            return False
        return path in self.other or (path not in self.old and os.path.lexists(place))


def _placed(file: str) -> str:
    """The real path of a file; a link stands for itself."""
    folder, name = os.path.split(os.path.abspath(file))
    return os.path.join(os.path.realpath(folder), name)


@cache
def _root(folder: str) -> str | None:
    """The repository's directory at or above a folder."""
    if os.path.lexists(os.path.join(folder, ".git")):
        return folder
    above = os.path.dirname(folder)
    return None if above == folder else _root(above)


def _check(root: str, revision: str) -> None:
    """Raises ``UsageError`` unless there is a revision."""
    question = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    done = _git(root, *question)
    if done.returncode:
        said = os.fsdecode(done.stderr).strip()
        why = said or f"there is no revision {revision!r} in {root}"
        if not said and _git(root, "rev-parse", "--is-shallow-repository").stdout.startswith(b"true"):
            why += "; this clone is shallow: fetch more of it, as by 'git fetch --unshallow'"
        raise UsageError(f"--changed-since {revision}: {why}")


def _paths(root: str, *words: str) -> frozenset[str]:
    done = _git(root, *words)
    if done.returncode:
        raise UsageError(f"git {words[0]} fails in {root}: {os.fsdecode(done.stderr).strip()}")
    return frozenset(os.fsdecode(done.stdout).split("\0"))


def _git(root: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "--no-optional-locks", "-C", root, *words]
    try:
        return subprocess.run(command, capture_output=True, timeout=ANSWER_SECONDS, check=False)
    except FileNotFoundError:
        raise UsageError("--changed-since asks git, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"git did not answer within {ANSWER_SECONDS} s in {root}") from None
