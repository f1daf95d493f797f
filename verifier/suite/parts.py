"""The work of a process that decides: the parts of a task are its tests, and then the outcomes of each."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from verifier.errors import InputError, VerifierError, unexpected
from verifier.records import NamedTuple, dataclass
from verifier.results import Verdict
from verifier.source import Diagnostic
from verifier.suite.decide import nested, run_or_die
from verifier.suite.discover import Task
from verifier.suite.load import load_task
from verifier.suite.options import Options
from verifier.suite.shelf import Place, Shelf, Unkept
from verifier.suite.twins import Alike
from verifier.suite.worker import Doing, Last, Limits, starved
from verifier.syntax import NO_TREE, OTHER_CODE
from verifier.syntax.test import Test

if TYPE_CHECKING:
    from verifier.suite.kept import Keeper

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Begun:
    """A file has been read: these are the names of its tests. Their outcomes follow. ``keys``: those of their
    answers, for each column. ``packed``: the tests themselves, which few ask for."""

    ids: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    packed: bytes

    @classmethod
    def of(cls, tests: Sequence[Test], keys: tuple[tuple[str, ...], ...]) -> Begun:
        """What is sent of tests."""
        packed = pickle.dumps([t.bare for t in tests], pickle.HIGHEST_PROTOCOL)
        return cls(tuple([t.id for t in tests]), keys, packed)

    def tests(self) -> list[Test]:
        """The tests, without their programs."""
        found: list[Test] = pickle.loads(self.packed)
        return found


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
Decided = tuple[list[Verdict], list[Unkept]]


def limits_together(columns: Sequence[Options]) -> Limits:
    """The limits of a process that decides a test under all columns."""
    seconds = [c.limits.seconds for c in columns]
    known = [s for s in seconds if s is not None]
    return Limits(columns[0].memory, sum(known) if len(known) == len(seconds) else None)


class Job(NamedTuple):
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
        from verifier.suite.keys import key_of

        return tuple(tuple(key_of(test, options) for options in self.columns) for test in tests)

    def decided(self, test: Test, number: int) -> Decided:
        """The verdicts on a test. Raises as ``run_or_die``."""
        if self.keeper is None or self.shelf is None:
            return [run_or_die(test, options) for options in self.columns], []
        return self.keeper.decide(self.shelf, test, self.columns, Place(self.number, number, self.task.name))


def parts_of(job: Job, finish: Finish[P], done: int) -> Iterator[list[Outcome[P] | Unkept] | Last]:
    """The parts of a task: its tests, then the outcomes of each; without the first ``done`` parts. Each is a
    list of outcomes."""
    try:
        tests = load_task(job.task, job.columns[0])
        if done == 0:
            yield [Begun.of(tests, job.keys(tests))]
    except MemoryError:
        raise
    except Exception as error:
        yield [_of_file(error, job.task, job.columns[0])]
        return
    alike = Alike()
    for number, test in enumerate(tests):
        if number + 1 >= done:
            found = _outcomes(test, number, job, finish, alike)
            yield Last(found) if number + 1 == len(tests) else found


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
    test: Test, number: int, job: Job, finish: Finish[P], alike: Alike
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
