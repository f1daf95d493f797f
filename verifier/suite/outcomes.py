"""Decides every test of every task, one after the other or in parallel processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar, cast

from verifier.errors import InputError, Interrupted, LimitError, VerifierError, fault, unexpected
from verifier.results import Verdict
from verifier.source import Diagnostic
from verifier.suite.decide import nested, run_or_die, unknown
from verifier.suite.discover import Task
from verifier.suite.kept import Book, Keeper, OnDisk, Place, Shelf, Unkept
from verifier.suite.keys import key_of
from verifier.suite.load import load_task
from verifier.suite.options import Options
from verifier.suite.pool import Pool
from verifier.suite.store import opened
from verifier.suite.twins import Alike
from verifier.suite.worker import Doing, Garbled, Limits, Lost, forks, starved
from verifier.syntax import NO_TREE, OTHER_CODE
from verifier.syntax.test import Test

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Begun:
    """A file has been read: these are its tests. Their outcomes follow. ``keys``: those of their answers, for
    each column."""

    tests: tuple[Test, ...]
    keys: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file is for another architecture, or about a kernel's text that is not given, and is skipped."""

    arch: str


@dataclass(frozen=True, slots=True)
class Done(Generic[P]):
    """A test is decided. ``value`` is what ``finish`` made of its verdicts."""

    value: P


@dataclass(frozen=True, slots=True)
class Aside:
    """Something to say that is about no test: a store that cannot be written, or is damaged."""

    text: str


Finish = Callable[[list[Verdict]], P]

# A Diagnostic is a warning; what is told is no result.
Outcome = Begun | Skipped | Done[P] | Doing | Diagnostic | VerifierError
Decided = tuple[list[Verdict], list[Unkept]]


def outcomes(
    tasks: list[Task], columns: Sequence[Options], finish: Finish[P], jobs: int = 1, command: str = ""
) -> Iterator[tuple[Task, Outcome[P] | Aside | None]]:
    """Pairs of a task and an outcome, in the order of the tasks; after its last outcome a task has None.

    Each test is decided under all ``columns``; warnings, ``strict`` and the store are those of the first
    column. ``finish`` makes an outcome of the verdicts, inside the process that decided. ``jobs`` is the
    number of processes; ``command`` is noted in the store. Raises ``Interrupted`` if a signal asks to stop,
    ``LimitError`` if no process can start, and ``UsageError`` for a store that cannot be used.
    """
    options = columns[0]
    book = None
    if options.store is not None:
        said = opened(options.store)
        if said:
            yield tasks[0], Aside(f"{said}, and a new one is begun")
        book = Book(options.store, columns, len(tasks), command)
    shelf = OnDisk(options.store) if options.store is not None else None

    def work(number: int, done: int) -> Iterator[object]:
        return _parts(
            _Job(tasks[number], number, columns, book.keeper if book else None, shelf), finish, done
        )

    limits = limits_together(columns)
    parts = Pool(len(tasks), work, jobs, limits).parts() if forks() else _here(len(tasks), work)
    yield from _told(tasks, columns, finish, parts, book)


def limits_together(columns: Sequence[Options]) -> Limits:
    """The limits of a process that decides a test under all columns."""
    seconds = [c.limits.seconds for c in columns]
    known = [s for s in seconds if s is not None]
    return Limits(columns[0].memory, sum(known) if len(known) == len(seconds) else None)


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
            file = files.setdefault(number, _File(tasks[number], number, columns, finish, book))
            if isinstance(part, Doing):
                yield file.task, part
                continue
            yield from ((file.task, outcome) for outcome in (file.end() if part is None else file.take(part)))
            if part is None:
                del files[number]
                yield file.task, None
        state = "complete"
    except Interrupted as stop:
        state = f"stopped by {signal.Signals(stop.signum).name}"
        for file in files.values():
            yield from ((file.task, outcome) for outcome in file.end())
        raise
    finally:
        asides = _asides(book, book.end(state)) if book is not None else []
    yield from ((tasks[-1], aside) for aside in asides)


def _asides(book: Book, unkept: Iterable[Unkept]) -> list[Aside]:
    return [Aside(text) for text in map(book.told, unkept) if text]


def _here(count: int, work: Callable[[int, int], Iterator[object]]) -> Iterator[tuple[int, object]]:
    """Does the work of a pool in this process, for systems that cannot fork."""
    for number in range(count):
        yield from ((number, part) for part in work(number, 0))
        yield number, None


class _File(Generic[P]):
    """Makes the outcomes of a file from the parts that workers send, each error and warning once."""

    def __init__(
        self, task: Task, number: int, columns: Sequence[Options], finish: Finish[P], book: Book | None
    ) -> None:
        self.task, self.number, self.columns, self.finish, self.book = task, number, columns, finish, book
        self.tests: tuple[Test, ...] | None = None
        self.keys: tuple[tuple[str, ...], ...] = ()
        self.decided = 0
        self.wrong: dict[object, Diagnostic] = {}
        self.said: set[object] = set()

    def take(self, part: object) -> Iterator[Outcome[P] | Aside]:
        """The outcomes in a part. A lost part means an unknown verdict, a garbled one a fault."""
        if isinstance(part, Lost):
            found = self._lost(part.cause)
        else:
            self.decided += self.tests is not None
            if isinstance(part, Garbled):
                found = [fault(part.cause, self.task.name)]
            else:
                found = cast("list[Outcome[P] | Unkept]", part)
        for outcome in found:
            if isinstance(outcome, Unkept):
                yield from _asides(self.book, [outcome]) if self.book else []
                continue
            if isinstance(outcome, Begun):
                self.tests, self.keys = outcome.tests, outcome.keys
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
        if self.tests is None:
            return [LimitError(f"{self.task.name}: the file could not be read: {cause}")]
        if self.decided == len(self.tests):
            return []  # nothing was left to do
        number, test = self.decided, self.tests[self.decided]
        self.decided += 1
        try:
            verdicts = [unknown(test, options, cause) for options in self.columns]
            unkept: list[Unkept] = []
            if self.book is not None:
                at = Place(self.number, number, self.task.name)
                unkept = self.book.write(self.book.keeper.lost(self.keys[number], verdicts, self.columns, at))
            return [Done(self.finish(verdicts)), *unkept]
        except InputError as error:
            return [error]

    def end(self) -> Iterator[Outcome[P]]:
        """All errors of the file, as one exception."""
        if self.wrong:
            yield InputError(self.wrong.values())


class _Job(NamedTuple):
    """A task for a worker: its number, how to decide it, and where answers are kept."""

    task: Task
    number: int
    columns: Sequence[Options]
    keeper: Keeper | None
    shelf: Shelf | None

    def keys(self, tests: Sequence[Test]) -> tuple[tuple[str, ...], ...]:
        """The keys of the tests' answers, if they are kept."""
        if self.keeper is None:
            return ()
        return tuple(tuple(key_of(test, options) for options in self.columns) for test in tests)

    def decided(self, test: Test, number: int) -> Decided:
        """The verdicts on a test. Raises as ``run_or_die``."""
        if self.keeper is None or self.shelf is None:
            return [run_or_die(test, options) for options in self.columns], []
        return self.keeper.decide(self.shelf, test, self.columns, Place(self.number, number, self.task.name))


def _parts(job: _Job, finish: Finish[P], done: int) -> Iterator[list[Outcome[P] | Unkept]]:
    """The parts of a task: its tests, then the outcomes of each; without the first ``done`` parts."""
    try:
        tests = load_task(job.task, job.columns[0])
        if done == 0:
            yield [Begun(tuple(t.bare for t in tests), job.keys(tests))]
    except MemoryError:
        raise
    except Exception as error:
        yield [_of_file(error, job.task, job.columns[0])]
        return
    alike = Alike()
    for number, test in enumerate(tests):
        if number + 1 >= done:
            yield _outcomes(test, number, job, finish, alike)


def _of_file(error: Exception, task: Task, options: Options) -> Skipped | VerifierError:
    """The outcome of a file whose tests could not be loaded."""
    if isinstance(error, InputError):
        other = [d.span.text for d in error.diagnostics if d.code == OTHER_CODE and d.span]
        if {d.code for d in error.diagnostics if d.severity == "error"} == {NO_TREE}:
            return Skipped("a kernel's own text; --kernel DIR names a tree")
        return Skipped(other[0]) if other and options.skip_other else error
    if isinstance(error, VerifierError):
        return error
    if isinstance(error, RecursionError):
        return InputError([nested(task.name)])
    if starved():
        raise MemoryError from error
    return unexpected(error, task.name)


def _outcomes(
    test: Test, number: int, job: _Job, finish: Finish[P], alike: Alike
) -> list[Outcome[P] | Unkept]:
    """The outcome of a test with its warnings, or its error."""
    try:
        verdicts, unkept = job.decided(test, number)
        return [Done(finish(verdicts)), *verdicts[0].warnings, *alike.add(verdicts[0]), *unkept]
    except MemoryError:
        raise
    except VerifierError as error:
        return [error]
    except RecursionError:
        return [InputError([nested(test.source.name)])]
    except Exception as error:
        if starved():
            raise MemoryError from error
        return [unexpected(error, test.source.name)]
