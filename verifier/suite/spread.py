"""Spreads tasks over the processes of any ``concurrent.futures.Executor``, and yields their parts in order.

An executor may lose what it was given: a machine dies, a scheduler restarts. Then a new one is asked for, and
is given all that has not come back. A result counts once: what comes from an executor that was given up is
dropped.
"""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from typing import Protocol

from verifier.errors import Interrupted, LimitError, UsageError
from verifier.suite.order import InOrder
from verifier.suite.pool import Signals
from verifier.suite.remote import Refused, Sent, perform
from verifier.suite.shelf import Record
from verifier.suite.worker import Doing, Garbled, Lost

IN_FLIGHT = 256  # tasks that an executor has at the same time
TRIES = 5  # how often a task may take its process with it
RENEWALS = 10  # how often a new executor is asked for while nothing comes back
_QUIET = 10.0  # seconds without a result, after which that is said
_LOOK = 0.25  # seconds between two looks at signals


class Executors(Protocol):
    """Gives executors, one at a time."""

    def executor(self, stopped: Callable[[], bool]) -> Executor:
        """An executor that works. It may take a while, which ends if ``stopped`` says so. Raises
        ``VerifierError`` if there is none, or if it is stopped."""

    def give_up(self) -> None:
        """The executor does not work any more."""


class Spread:
    """Does ``count`` tasks. ``errand`` gives the pickled ``Errand`` of one, ``shared`` is the pickled
    ``Common``. ``keep`` gets the records of a task as soon as they come."""

    def __init__(
        self,
        count: int,
        errand: Callable[[int], bytes],
        shared: bytes,
        executors: Executors,
        keep: Callable[[Sequence[Record]], None],
    ) -> None:
        self.errand, self.shared, self.executors, self.keep = errand, shared, executors, keep
        self.tasks = InOrder(count)
        self.flying: dict[Future[list[bytes]], int] = {}
        self.tries: Counter[int] = Counter()
        self.renewals = 0  # since a result has come
        self.since = time.monotonic()  # when that was

    def parts(self) -> Iterator[tuple[int, object]]:
        """As ``Pool.parts``. Raises ``UsageError`` if the workers are not fit for the suite."""
        try:
            with Signals() as signals:
                while not self.tasks.over:
                    if signals.caught is None:
                        self._submit(lambda: signals.caught is not None)
                        self._wait()
                    stop = signals.caught
                    yield from self.tasks.finished(everything=stop is not None)
                    if stop is not None:
                        raise Interrupted(stop)
        finally:
            for future in self.flying:
                future.cancel()
            self.executors.give_up()

    def _submit(self, stopped: Callable[[], bool]) -> None:
        """Give the executor as much as it may have."""
        while self.tasks.waiting and len(self.flying) < IN_FLIGHT and not stopped():
            executor = self.executors.executor(stopped)
            task, _ = self.tasks.take()
            try:
                future = executor.submit(perform, self.shared, self.errand(task))
            except RuntimeError as error:  # it was shut down, or is broken
                self.tasks.give_back(task, 0)
                self._renew(error)
                continue
            self.flying[future] = task

    def _wait(self) -> None:
        """Wait for results, or a moment, and take them in."""
        broken: BaseException | None = None
        if not any(future.done() for future in self.flying):  # ``wait`` does not see all that are cancelled
            wait(self.flying, _LOOK, FIRST_COMPLETED)
        for future in [future for future in self.flying if future.done()]:
            task = self.flying.pop(future)
            error = CancelledError("cancelled") if future.cancelled() else future.exception()
            if error is None:
                self._take(task, future.result())
                self.renewals, self.since = 0, time.monotonic()
            elif isinstance(error, Refused):
                raise UsageError(str(error))
            elif isinstance(error, CancelledError | BrokenExecutor):
                broken = error
                self.tasks.give_back(task, 0)
            else:
                self._again(task, error)
        if broken is not None:
            self._renew(broken)
        if time.monotonic() - self.since > _QUIET:
            self.tasks.tell(self.tasks.first, Doing("waiting for workers"))

    def _take(self, task: int, parts: Sequence[bytes]) -> None:
        """Take in the parts of a task."""
        for data in parts:
            try:
                part = pickle.loads(data)
            except Exception as error:  # an error of pickle, or of a constructor that it calls
                part = Garbled(f"the result of its process cannot be read: {type(error).__name__}: {error}")
            if isinstance(part, Sent):
                if part.records:
                    self.keep(part.records)
                part = part.part
            self.tasks.add(task, part, len(data))
        self.tasks.end(task)

    def _again(self, task: int, error: BaseException) -> None:
        """A task has come back without a result. After some tries it is lost."""
        self.tries[task] += 1
        if self.tries[task] < TRIES:
            self.tasks.give_back(task, 0)
            return
        said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        self.tasks.add(task, Lost(f"its process ended {TRIES} times; last, {said}"))
        self.tasks.end(task)

    def _renew(self, error: BaseException) -> None:
        """Give up the executor, and all that it has; another one will get that."""
        for task in self.flying.values():
            self.tasks.give_back(task, 0)
        self.flying.clear()
        self.executors.give_up()
        self.renewals += 1
        if self.renewals > RENEWALS:
            raise LimitError(f"no executor finishes a task: {type(error).__name__}: {error}")
