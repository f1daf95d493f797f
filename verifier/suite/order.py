"""Tasks that are done in any order, and told in theirs."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from verifier.suite.worker import Doing

HELD = 64 << 20  # bytes of parts that wait for earlier tasks; with more of them, no later task is begun


class InOrder:
    """The tasks from ``first`` on, up to ``count``, and the parts of their results.

    Parts of later tasks wait until those of earlier ones have come, but no more of them than ``HELD``: the
    memory that this takes does not grow with the number of tasks.
    """

    def __init__(self, count: int, first: int = 0) -> None:
        self.count = count
        self.first = first  # the first task that has not been told to its end
        self.next = first  # the first task that was not taken
        self.again: list[tuple[int, int]] = []  # a heap: tasks given back, with their finished parts
        self.found: dict[int, list[object]] = {}  # parts that have not been told
        self.held: dict[int, int] = {}  # their sizes by task, and of all tasks together
        self.weight = 0
        self.ended: set[int] = set()  # those of the tasks from ``first`` on
        self.told: dict[int, Doing] = {}  # the newest word about tasks

    @property
    def over(self) -> bool:
        """Are all tasks told to their ends?"""
        return self.first >= self.count

    @property
    def waiting(self) -> bool:
        """Is there a task that may be begun?"""
        full = self.weight >= HELD and self.next > self.first
        return bool(self.again) or (self.next < self.count and not full)

    def take(self) -> tuple[int, int]:
        """The first task that waits, and the number of its parts that are done."""
        if self.again:
            return heappop(self.again)
        self.next += 1
        return self.next - 1, 0

    def give_back(self, task: int, done: int) -> None:
        """A task has to be taken again; ``done`` of its parts are done."""
        heappush(self.again, (task, done))

    def tell(self, task: int, what: Doing) -> None:
        """Say what is done for a task."""
        self.told[task] = what

    def add(self, task: int, part: object, size: int = 0) -> None:
        """A part of a task has come; ``size`` in bytes."""
        self.told.pop(task, None)
        self.found.setdefault(task, []).append(part)
        self.held[task] = self.held.get(task, 0) + size
        self.weight += size

    def end(self, task: int) -> None:
        """A task has no more parts."""
        self.told.pop(task, None)
        self.ended.add(task)

    def finished(self, *, everything: bool) -> Iterator[tuple[int, object]]:
        """What can be told now: pairs of a task and a part or ``Doing``; after its last part a task has None.
        ``everything``: also the parts of tasks after one that has not ended."""
        while self.first < self.count:
            task = self.first
            self.weight -= self.held.pop(task, 0)
            yield from ((task, part) for part in self.found.pop(task, ()))
            if task in self.ended:
                self.ended.remove(task)
                yield task, None
            elif not everything:
                if task in self.told:
                    yield task, self.told.pop(task)
                break
            elif not self.found and not self.ended:
                break
            self.first += 1
