"""Decides every test of every task, one after the other or in parallel processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar, cast

from verifier.errors import InputError, Interrupted, LimitError, VerifierError, fault, unexpected
from verifier.results import Verdict
from verifier.source import Diagnostic
from verifier.suite.decide import nested, run_or_die, unknown
from verifier.suite.discover import Task
from verifier.suite.load import load_task
from verifier.suite.options import Options
from verifier.suite.pool import Doing, Garbled, Limits, Lost, Pool, forks, starved
from verifier.suite.twins import Alike
from verifier.syntax import NO_TREE, OTHER_CODE
from verifier.syntax.test import Test

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Begun:
    """A file has been read: these are its tests. Their outcomes follow."""

    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file is for another architecture, or about a kernel's text that is not given, and is skipped."""

    arch: str


@dataclass(frozen=True, slots=True)
class Done(Generic[P]):
    """A test is decided. ``value`` is what ``finish`` made of its verdicts."""

    value: P


Finish = Callable[[list[Verdict]], P]

# A Diagnostic is a warning; what is told is no result.
Outcome = Begun | Skipped | Done[P] | Doing | Diagnostic | VerifierError


def outcomes(
    tasks: list[Task], columns: Sequence[Options], finish: Finish[P], jobs: int = 1
) -> Iterator[tuple[Task, Outcome[P] | None]]:
    """Pairs of a task and an outcome, in the order of the tasks; after its last outcome a task has None.

    Each test is decided under all ``columns``; warnings and ``strict`` are those of the first column.
    ``finish`` makes an outcome of the verdicts, inside the process that decided. ``jobs`` is the number of
    processes. Raises ``Interrupted`` if a signal asks to stop, and ``LimitError`` if no process can start.
    """
    options = columns[0]
    seconds = [c.limits.seconds for c in columns]
    limits = Limits(options.memory, sum(s for s in seconds if s is not None) if None not in seconds else None)

    def work(number: int, done: int) -> Iterator[object]:
        return _parts(tasks[number], columns, finish, done)

    parts = Pool(len(tasks), work, jobs, limits).parts() if forks() else _here(len(tasks), work)
    files: dict[int, _File[P]] = {}  # the files that are not finished
    try:
        for number, part in parts:
            file = files.setdefault(number, _File(tasks[number], columns, finish))
            if isinstance(part, Doing):
                yield file.task, part
                continue
            yield from ((file.task, outcome) for outcome in (file.end() if part is None else file.take(part)))
            if part is None:
                del files[number]
                yield file.task, None
    except Interrupted:
        for file in files.values():
            yield from ((file.task, outcome) for outcome in file.end())
        raise


def _here(count: int, work: Callable[[int, int], Iterator[object]]) -> Iterator[tuple[int, object]]:
    """Does the work of a pool in this process, for systems that cannot fork."""
    for number in range(count):
        yield from ((number, part) for part in work(number, 0))
        yield number, None


class _File(Generic[P]):
    """Makes the outcomes of a file from the parts that workers send, each error and warning once."""

    def __init__(self, task: Task, columns: Sequence[Options], finish: Finish[P]) -> None:
        self.task, self.columns, self.finish = task, columns, finish
        self.tests: tuple[Test, ...] | None = None
        self.decided = 0
        self.wrong: dict[object, Diagnostic] = {}
        self.said: set[object] = set()

    def take(self, part: object) -> Iterator[Outcome[P]]:
        """The outcomes in a part. A lost part means an unknown verdict, a garbled one a fault."""
        if isinstance(part, Lost):
            found = self._lost(part.cause)
        else:
            self.decided += self.tests is not None
            if isinstance(part, Garbled):
                found = [fault(part.cause, self.task.name)]
            else:
                found = cast("list[Outcome[P]]", part)
        for outcome in found:
            if isinstance(outcome, Begun):
                self.tests = outcome.tests
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

    def _lost(self, cause: str) -> list[Outcome[P]]:
        if self.tests is None:
            return [LimitError(f"{self.task.name}: the file could not be read: {cause}")]
        if self.decided == len(self.tests):
            return []  # nothing was left to do
        test = self.tests[self.decided]
        self.decided += 1
        try:
            return [Done(self.finish([unknown(test, options, cause) for options in self.columns]))]
        except InputError as error:
            return [error]

    def end(self) -> Iterator[Outcome[P]]:
        """All errors of the file, as one exception."""
        if self.wrong:
            yield InputError(self.wrong.values())


def _parts(
    task: Task, columns: Sequence[Options], finish: Finish[P], done: int
) -> Iterator[list[Outcome[P]]]:
    """The parts of a task: its tests, then the outcomes of each; without the first ``done`` parts."""
    try:
        tests = load_task(task, columns[0])
        if done == 0:
            yield [Begun(tuple(replace(t, tree=None, warnings=()) for t in tests))]
    except MemoryError:
        raise
    except Exception as error:
        yield [_of_file(error, task, columns[0])]
        return
    alike = Alike()
    for number, test in enumerate(tests, 1):
        if number >= done:
            yield _outcomes(test, columns, finish, alike)


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


def _outcomes(test: Test, columns: Sequence[Options], finish: Finish[P], alike: Alike) -> list[Outcome[P]]:
    """The outcome of a test with its warnings, or its error."""
    try:
        verdicts = [run_or_die(test, options) for options in columns]
        return [Done(finish(verdicts)), *verdicts[0].warnings, *alike.add(verdicts[0])]
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
