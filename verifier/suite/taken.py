"""The files that a test takes text of, and whether they have changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from verifier.errors import InputError
from verifier.suite.discover import Task
from verifier.syntax import read
from verifier.syntax.includes import named

Stamp = tuple[int, int, int]
"""What tells two versions of a file apart, without reading it."""


class TakenFiles:
    """The files that tests take text of, each of which is read once. ``kernel``: the tree, if any."""

    def __init__(self, kernel: str | None) -> None:
        self.tree = os.path.realpath(kernel) if kernel is not None and os.path.isdir(kernel) else None
        self.names: dict[str, tuple[str, ...]] = {}

    def of(self, file: str) -> Iterator[str]:
        """The real paths of a file and of all that it takes text of, whether they exist or not."""
        seen, more = {file}, [file]
        while more:
            place = more.pop()
            yield place
            new = [found for found in self.named(place) if found not in seen]
            seen.update(new)
            more += new

    def named(self, file: str) -> tuple[str, ...]:
        """What a file names to take its text; nothing if it cannot be read."""
        if file not in self.names:
            try:
                includes, texts = named(read(file))
            except InputError:
                includes, texts = [], []
            below = [os.path.join(self.tree, text) for text in texts] if self.tree is not None else []
            self.names[file] = tuple(map(os.path.realpath, [*includes, *below]))
        return self.names[file]


class SavedFiles:
    """Says which tasks have changed since it was last asked: their files, or what these take text of."""

    def __init__(self, kernel: str | None) -> None:
        self.taken = TakenFiles(kernel)
        self.files: dict[str, Stamp | None] = {}
        self.tasks: dict[object, tuple[tuple[str, Stamp | None], ...]] = {}

    def changed(self, tasks: Iterable[Task]) -> list[Task]:
        """The tasks that are new, or have changed."""
        stamps: dict[str, Stamp | None] = {}
        found: list[Task] = []
        known: dict[object, tuple[tuple[str, Stamp | None], ...]] = {}
        for task in tasks:
            now = tuple(self._stamps(task, stamps))
            key = task.name, task.variants
            if self.tasks.get(key) != now:
                found.append(task)
            known[key] = now
        self.files, self.tasks = stamps, known
        return found

    def _stamps(self, task: Task, stamps: dict[str, Stamp | None]) -> Iterator[tuple[str, Stamp | None]]:
        """The files of a task with their stamps. What a file names is found again if it has changed."""
        for file in self._files(task, stamps):
            yield file, stamps[file]

    def _files(self, task: Task, stamps: dict[str, Stamp | None]) -> Iterator[str]:
        seen, more = set[str](), [os.path.realpath(task.name)]
        while more:
            file = more.pop()
            if file in seen:
                continue
            seen.add(file)
            if file not in stamps:
                stamps[file] = _stamp(file)
                if self.files.get(file) != stamps[file]:
                    self.taken.names.pop(file, None)
            yield file
            more += self.taken.named(file)


def _stamp(file: str) -> Stamp | None:
    """The stamp of a file; None if there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
