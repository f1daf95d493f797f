"""Decides every test of every task, one after the other or in parallel processes."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from verifier.errors import InputError, Interrupted, LimitError, VerifierError, fault
from verifier.records import dataclass, replace
from verifier.source import Diagnostic
from verifier.suite.decide import unknown
from verifier.suite.discover import Task
from verifier.suite.options import Options
from verifier.suite.parts import Begun, Done, Finish, Job, Outcome, limits_together, parts_of
from verifier.suite.pool import Pool
from verifier.suite.shelf import Place, Record, Unkept
from verifier.suite.worker import Doing, Garbled, Last, Lost, forks
from verifier.syntax import read

if TYPE_CHECKING:
    from verifier.suite.kept import Book
    from verifier.suite.spread import Executors

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Aside:
    """Something to say that is about no test: a store that cannot be written, or is damaged."""

    text: str


def outcomes(
    tasks: list[Task], columns: Sequence[Options], finish: Finish[P], jobs: int = 1, command: str = ""
) -> Iterator[tuple[Task, Outcome[P] | Aside | None]]:
    """Pairs of a task and an outcome, in the order of the tasks; after its last outcome a task has None.

    Each test is decided under all ``columns``; warnings, ``strict`` and the store are those of the first
    column. ``finish`` makes an outcome of the verdicts, inside the process that decided. ``jobs`` is the
    number of processes; ``command`` is noted in the store. Raises ``UsageError`` at once for a store that
    cannot be used; the iterator raises ``Interrupted`` if a signal asks to stop, and ``LimitError`` if no
    process can start.
    """
    options = columns[0]
    executors = cluster_at(options.dask) if options.dask is not None else None
    book, shelf, said = None, None, ""
    if options.store is not None:
        from verifier.suite.kept import OnDisk, begun

        book, said = begun(options.store, columns, len(tasks), command)
        shelf = OnDisk(options.store)
    if executors is not None:
        parts = _spread(executors, tasks, columns, finish, book)
    else:

        def work(number: int, done: int) -> Iterator[object]:
            job = Job(tasks[number], number, columns, book.keeper if book else None, shelf)
            return parts_of(job, finish, done)

        limits = limits_together(columns)
        parts = (
            Pool(len(tasks), work, jobs, limits, patient=True).parts() if forks() else _here(len(tasks), work)
        )
    told = _told(tasks, columns, finish, parts, book)
    return chain([(tasks[0], Aside(said))], told) if said else told


def cluster_at(address: str) -> Executors:
    """The Dask cluster whose scheduler has an address. Raises ``UsageError`` if Dask is not installed."""
    from verifier.suite.cluster import Cluster

    return Cluster(address)


def _spread(
    executors: Executors, tasks: list[Task], columns: Sequence[Options], finish: Finish[P], book: Book | None
) -> Iterator[tuple[int, object]]:
    """The parts of tasks that executors decide."""
    from verifier.suite.keys import digest, tool
    from verifier.suite.remote import Common, Errand
    from verifier.suite.spread import Spread

    def errand(number: int) -> bytes:
        task = tasks[number]
        if task.source is None and task.error is None:
            try:
                task = replace(task, source=read(task.name))
            except InputError as error:
                task = replace(task, error=error)
        known = book.about(digest(task.source)) if book is not None and task.source is not None else []
        return pickle.dumps(Errand(task, number, tuple(known)))

    def keep(records: Sequence[Record]) -> None:
        if book is not None:
            book.unkept += book.write(records)

    keeper = book.keeper if book is not None else None
    shared = pickle.dumps(Common(columns, finish, keeper, os.getcwd(), tool()))
    return Spread(len(tasks), errand, shared, executors, keep).parts()


def _told(
    tasks: list[Task],
    columns: Sequence[Options],
    finish: Finish[P],
    parts: Iterator[tuple[int, object]],
    book: Book | None,
) -> Iterator[tuple[Task, Outcome[P] | Aside | None]]:
    """The outcomes in the parts that workers send; the run is ended in the book."""
    files: dict[int, _File[P]] = {}  # the files that are not finished
    state = "failed"
    try:
        for number, part in parts:
            if book is not None:
                yield from ((tasks[number], aside) for aside in _told_first(book))
            file = files.setdefault(number, _File(tasks[number], number, columns, finish, book))
            if isinstance(part, Doing):
                yield file.task, part
                continue
            yield from _noted(file.task, file.end() if part is None else file.take(part), book)
            if part is None:
                del files[number]
                yield file.task, None
        state = "complete"
    except Interrupted as stop:
        state = f"stopped by {signal.Signals(stop.signum).name}"
        for file in files.values():
            yield from _noted(file.task, file.end(), book)
        raise
    finally:
        asides = [*_told_first(book), *_asides(book, book.end(state))] if book is not None else []
    yield from ((tasks[-1], aside) for aside in asides)


def _noted(
    task: Task, found: Iterable[Outcome[P] | Aside], book: Book | None
) -> Iterator[tuple[Task, Outcome[P] | Aside]]:
    """Outcomes of a file; its errors are noted in the book."""
    for outcome in found:
        if book is not None and isinstance(outcome, VerifierError):
            book.unkept += book.note(task.name, outcome)
        yield task, outcome


def _told_first(book: Book) -> list[Aside]:
    """What the book itself could not read or write since it was asked last."""
    unkept, book.unkept = book.unkept, []
    return _asides(book, unkept)


def _asides(book: Book, unkept: Iterable[Unkept]) -> list[Aside]:
    return [Aside(text) for text in map(book.told, unkept) if text]


def _here(count: int, work: Callable[[int, int], Iterator[object]]) -> Iterator[tuple[int, object]]:
    """Does the work of a pool in this process, for systems that cannot fork."""
    for number in range(count):
        yield from ((number, p.part if isinstance(p, Last) else p) for p in work(number, 0))
        yield number, None


class _File(Generic[P]):
    """Makes the outcomes of a file from the parts that workers send, each error and warning once."""

    def __init__(
        self, task: Task, number: int, columns: Sequence[Options], finish: Finish[P], book: Book | None
    ) -> None:
        self.task, self.number, self.columns, self.finish, self.book = task, number, columns, finish, book
        self.begun: Begun | None = None
        self.decided = 0
        self.wrong: dict[object, Diagnostic] = {}
        self.failed: dict[str, None] = {}  # the tests that have errors
        self.said: set[object] = set()

    def take(self, part: object) -> Iterator[Outcome[P] | Aside]:
        """The outcomes in a part. A lost part means an unknown verdict, a garbled one a fault."""
        if isinstance(part, Lost):
            found = self._lost(part.cause)
        else:
            self.decided += self.begun is not None
            if isinstance(part, Garbled):
                found = [fault(part.cause, self.task.name)]
            else:
                found = cast("list[Outcome[P] | Unkept]", part)
        for outcome in found:
            if isinstance(outcome, Unkept):
                yield from _asides(self.book, [outcome]) if self.book else []
                continue
            if isinstance(outcome, Begun):
                self.begun = outcome
            if isinstance(outcome, InputError) and self.begun is not None and self.decided:
                self.failed[self.begun.ids[self.decided - 1]] = None
            if isinstance(outcome, Diagnostic) and self.columns[0].strict:
                outcome = InputError([replace(outcome, severity="error")])
            if isinstance(outcome, InputError):
                for d in outcome.diagnostics:
                    self.wrong.setdefault(d.key, d)
            elif not isinstance(outcome, Diagnostic):
                yield outcome
            elif outcome.key not in self.said:
                self.said.add(outcome.key)
                yield outcome

    def _lost(self, cause: str) -> list[Outcome[P] | Unkept]:
        if self.begun is None:
            return [LimitError(f"{self.task.name}: the file could not be read: {cause}")]
        if self.decided == len(self.begun.ids):
            return []  # nothing was left to do
        number, test = self.decided, self.begun.tests()[self.decided]
        self.decided += 1
        try:
            verdicts = [unknown(test, options, cause) for options in self.columns]
            unkept: list[Unkept] = []
            if self.book is not None:
                at = Place(self.number, number, self.task.name)
                unkept = self.book.write(
                    self.book.keeper.lost(self.begun.keys[number], verdicts, self.columns, at)
                )
            return [Done(self.finish(verdicts)), *unkept]
        except InputError as error:
            return [error]

    def end(self) -> Iterator[Outcome[P]]:
        """All errors of the file, as one exception."""
        if self.wrong:
            some = self.begun is not None and len(self.failed) < len(self.begun.ids)
            yield InputError(self.wrong.values(), self.failed if some else ())
