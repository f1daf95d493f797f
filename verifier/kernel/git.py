"""Asks git about a repository, through processes that live on. Blobs are kept by their ids."""

from __future__ import annotations

import os
import select
import threading
import weakref
from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING

from verifier.errors import UsageError
from verifier.records import NamedTuple
from verifier.source import Source

if TYPE_CHECKING:  # a test that is not about the text of a kernel needs no processes
    import subprocess

GIT_SECONDS = 60  # for each answer
_KEPT_SOURCES = 256  # files whose text is kept


class GitObject(NamedTuple):
    """An object of a repository: its id, its type (``blob``, ``tree``, …) and its size in bytes."""

    id: str
    type: str
    size: int


class _Ended(Exception):
    """The process is gone: git has refused the repository."""


class _Batch:
    """A ``git cat-file`` that answers one question after the other."""

    def __init__(self, directory: str, option: str) -> None:
        import subprocess

        self.directory, self.owner = directory, os.getpid()
        try:
            self.process = subprocess.Popen(
                ["git", "-C", directory, "cat-file", option],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            )  # fmt: skip
        except FileNotFoundError:
            raise UsageError("a revision is read by git, which is not installed") from None
        assert self.process.stdin is not None and self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout
        self.buffer = bytearray()
        weakref.finalize(self, _end, self.process, self.owner)

    def ask(self, question: str) -> list[str]:
        """The words of the first line of the answer. Raises ``_Ended``."""
        try:
            self.requests.write(question.encode(errors="surrogateescape") + b"\n")
        except OSError:
            raise _Ended from None
        while b"\n" not in self.buffer:
            self._more()
        line, _, rest = bytes(self.buffer).partition(b"\n")
        self.buffer[:] = rest
        return line.decode(errors="replace").split(" ")

    def content(self, size: int) -> bytes:
        """The bytes that follow, without the newline after them."""
        while len(self.buffer) <= size:
            self._more()
        data = bytes(self.buffer[:size])
        del self.buffer[: size + 1]
        return data

    def _more(self) -> None:
        if not select.select([self.answers], [], [], GIT_SECONDS)[0]:
            raise _late(self.directory)
        data = os.read(self.answers.fileno(), 1 << 20)
        if not data:
            raise _Ended
        self.buffer += data


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    """Close the pipes of a process, and wait for it if it is a child of this one."""
    import subprocess

    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    if os.getpid() == owner:
        try:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _late(directory: str) -> UsageError:
    return UsageError(f"git did not answer within {GIT_SECONDS} s in {directory}")


class Repository:
    """A git repository. All trees of it share its processes and its texts."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._batches: dict[str, _Batch] = {}
        self._sources: OrderedDict[tuple[str, str], Source] = OrderedDict()
        self._found: dict[str, GitObject | None] = {}

    def find(self, name: str) -> GitObject | None:
        """The object that a name such as ``REV^{commit}`` stands for now; None if there is none. Raises
        ``UsageError`` if this is no repository."""
        if "\n" in name or "\0" in name:
            return None
        with self._lock:
            words = self._ask("--batch-check", name)
            if len(words) == 3 and words[2].isdigit() and words[1] in ("blob", "tree", "commit", "tag"):
                return GitObject(words[0], words[1], int(words[2]))
            return None

    def file(self, commit: str, path: str) -> GitObject | None:
        """What lies at a path of a commit, which is named by its id."""
        name = f"{commit}:{path}"
        if name not in self._found:
            self._found[name] = self.find(name)
        return self._found[name]

    def source(self, path: str, blob: GitObject) -> Source:
        """The text of a blob; it is named by its path. The same blob at the same path is the same source."""
        key = path, blob.id
        if key in self._sources:
            self._sources.move_to_end(key)
            return self._sources[key]
        made = Source(path, text_of(self.content(blob)))
        self._sources[key] = made
        if len(self._sources) > _KEPT_SOURCES:
            self._sources.popitem(last=False)
        return made

    def content(self, blob: GitObject) -> bytes:
        """The bytes of an object. Raises ``UsageError`` if git does not give them."""
        with self._lock:
            words = self._ask("--batch", blob.id)
            if len(words) != 3 or not words[2].isdigit():
                raise UsageError(f"git cannot read object {blob.id} in {self.directory}")
            return self._batches["--batch"].content(int(words[2]))

    def run(self, *arguments: str) -> str | None:
        """What a git command prints; None if it fails."""
        import subprocess

        command = ["git", "--no-optional-locks", "--literal-pathspecs", "-C", self.directory, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, timeout=10 * GIT_SECONDS, check=False)
        except FileNotFoundError:
            raise UsageError("a revision is read by git, which is not installed") from None
        except subprocess.TimeoutExpired:
            raise _late(self.directory) from None
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None

    def _ask(self, option: str, question: str) -> list[str]:
        batch = self._batches.get(option)
        if batch is None or batch.owner != os.getpid():  # a fork must not share its parent's pipes
            batch = self._batches[option] = _Batch(self.directory, option)
        try:
            return batch.ask(question)
        except _Ended:
            del self._batches[option]
        if self.run("rev-parse", "--git-dir") is None:
            raise UsageError(f"{self.directory} is no git repository")
        raise UsageError(f"git cat-file has ended in {self.directory}, asked for {question}")


def text_of(data: bytes) -> str:
    """The text of a file, with Unix newlines."""
    return data.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n")


@cache
def repository(directory: str) -> Repository:
    """The repository of a directory, which must exist."""
    return Repository(directory)
