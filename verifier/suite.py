"""Suites: find tests, decide them, one after the other or in parallel."""

from __future__ import annotations

import copyreg
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from verifier.budget import Budget
from verifier.discover import Task, discover
from verifier.errors import InputError, InternalError, Interrupted, LimitError, UsageError, VerifierError
from verifier.pool import OUT_OF_MEMORY, Limits, Lost, Pool, alone, forks, starved
from verifier.program.answer import Answer
from verifier.program.build import build
from verifier.program.events import Program, state_line
from verifier.program.profiles import Switches, switches
from verifier.program.values import TRUE
from verifier.results import Verdict, judge_answer, wrong_expectations
from verifier.source import Diagnostic, Source
from verifier.syntax import OTHER_CODE, load, read
from verifier.syntax.test import Test, no_condition
from verifier.syntax.trouble import Unfinished, agreed, nearest
from verifier.twins import Alike

__all__ = ["Options", "Task", "discover", "load_all", "load_checked", "outcomes", "run", "tests_of"]
JUDGES = ("z3", "explorer", "both")
MODELS = ("x86-tso", "sc")
EXPLORER_STATES = 2_000_000


@dataclass(frozen=True, slots=True)
class Options:
    """How to decide. ``timeout`` is in seconds, for each test and judge.

    ``memory`` is in MB, for the process that decides a test; only what decides in processes of its own
    holds to it. ``strict``: warnings are errors; ``skip_other``: files for other architectures are left
    out.
    ``witnesses``: runs are told: one in which the outcome occurs; one in which it does not where the
    test says ``forall``, and with ``counters`` always. Raises ``UsageError`` for what none of them can
    be.
    """

    model: str = "x86-tso"
    judge: str = "z3"
    unroll: int | None = None
    timeout: float | None = 60.0
    seed: int = 0
    states: bool = False
    witnesses: bool = True
    defines: Mapping[str, int] = field(default_factory=dict)
    profile: str = "generic"
    settings: Mapping[str, str] = field(default_factory=dict)
    counters: bool = False
    memory: int | None = None
    strict: bool = False
    skip_other: bool = False

    def __post_init__(self) -> None:
        for what, word, known in (("model", self.model, MODELS), ("judge", self.judge, JUDGES)):
            if word not in known:
                raise UsageError(f"unknown {what} {word!r}; there are {', '.join(known)}")
        if self.unroll is not None and not (_whole(self.unroll) and self.unroll >= 0):
            raise UsageError(f"unroll is a whole number, 0 or more, not {self.unroll!r}")
        if self.timeout is not None and not (_number(self.timeout) and 0 < self.timeout < MAX_SECONDS):
            raise UsageError(f"timeout is a positive number of seconds, not {self.timeout!r}")
        if self.memory is not None and not (_whole(self.memory) and 0 < self.memory <= MAX_MEMORY):
            raise UsageError(f"memory is a positive whole number of MB, not {self.memory!r}")
        for name, value in self.settings.items():
            if not isinstance(value, str):
                hint = f"{str(value).lower()!r}" if isinstance(value, bool) else "a string"
                raise UsageError(f"the value of switch {name} is {hint}, not {value!r}")

    @property
    def limits(self) -> Limits:
        """What a process may take to decide a test: its time, and some to notice that it is over."""
        judges = 2 if self.judge == "both" else 1
        seconds = None if self.timeout is None else 5 + 1.1 * judges * self.timeout
        return Limits(self.memory, seconds)

    @property
    def switches(self) -> Switches:
        """The profile's switches with the settings. Raises ``UsageError`` for what does not exist."""
        return switches(self.profile, self.settings)


MAX_SECONDS = 1e9
MAX_MEMORY = 1 << 30  # MB


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, float) or _whole(value)


def tests_of(task: Task, options: Options) -> list[Test]:
    """The tests of a task. Raises ``InputError``, or ``UsageError`` for an unknown variant."""
    if task.error is not None:
        raise task.error
    tests = load_all(task.source or read(task.name), options.defines)
    for wanted in task.variants:
        known = [t.variant for t in tests if t.variant]
        if wanted not in known:
            hint = nearest(wanted, known) or (f"it has {', '.join(known)}" if known else "it has none")
            raise UsageError(f"{task.name}: there is no variant {wanted!r}; {hint}")
    return [t for t in tests if not task.variants or t.variant in task.variants]


def load_all(source: Source, defines: Mapping[str, int] | None = None) -> list[Test]:
    """``syntax.load``, but what is wrong with guards does not hide what is wrong with programs.

    Raises ``InputError`` with both.
    """
    try:
        return load(source, defines)
    except Unfinished as error:
        readings = [[*r.troubles, *_errors_of(r.tests)] for r in error.readings]
        raise InputError(agreed(readings, error.doubtful)) from None


def load_checked(source: Source, defines: Mapping[str, int] | None = None) -> list[Test]:
    """``load_all`` for who decides later: errors that building finds are found at once."""
    tests = load_all(source, defines)
    wrong = _errors_of(tests)
    if wrong:
        raise InputError(agreed([wrong], ()))
    return tests


def _errors_of(tests: Iterable[Test]) -> list[Diagnostic]:
    """What building tests finds wrong with them."""
    found: list[Diagnostic] = []
    for test in tests:
        found += wrong_expectations(test)
        try:
            build(test, 0)
        except InputError as error:
            found += error.diagnostics
        except (LimitError, RecursionError):
            pass  # said when it is decided
    return found


def run(test: Test, options: Options) -> Verdict:
    """Decide one test, in this process.

    Raises ``InputError`` for what the test's text turns out to mean, ``InternalError`` if the tool
    contradicts itself or fails.
    """
    try:
        return run_or_die(test, options)
    except MemoryError:
        return unknown(test, options, OUT_OF_MEMORY)
    except VerifierError:
        raise
    except RecursionError:
        raise InputError([_nested(test.source.name)]) from None
    except Exception as error:
        if starved():
            return unknown(test, options, OUT_OF_MEMORY)
        raise InternalError(fault(error, test.source.name)) from error


def run_or_die(test: Test, options: Options) -> Verdict:
    """``run``, for a process that can be done without: it raises what comes."""
    start = time.perf_counter()
    if not test.asks and not options.states:
        raise InputError([no_condition(test)])
    budget = Budget(options.timeout, options.memory)
    try:
        program = build(test, options.unroll, budget)
    except LimitError as limit:
        return unknown(test, options, str(limit))
    if test.quantifier == "forall":
        options = replace(options, counters=True)
    likely = test.expected in ("sometimes", "always")
    first = _decide(program, options, "explorer" if options.judge == "explorer" else "z3", budget, likely)
    doubt = ""
    if options.judge == "both":
        second = _decide(program, options, "explorer", budget.again())
        _compare(test, program, first, second)
        doubt = _one_judge(first, second)
        if first.reachable is None or first.refutable is None:
            first = second
    first = _filtered(program, first, options, budget)
    first = _explained(program, first, options, budget)
    return _judged(test, program, first, options, time.perf_counter() - start, doubt)


def run_alone(test: Test, options: Options) -> Verdict:
    """``run`` in a process of its own, which holds to ``options.limits``, where a system has one to spare."""
    if not forks():
        return run(test, options)
    try:
        verdict = alone(lambda: replace(run(test, options), test=replace(test, tree=None)), options.limits)
    except LimitError as lost:
        return unknown(test, options, str(lost))
    return replace(verdict, test=test)


def unknown(test: Test, options: Options, reason: str) -> Verdict:
    """The verdict on what could not be decided. Raises ``InputError`` for wrong expectations."""
    empty = Program(0, {}, [], [], 0, [], [], [], TRUE, [])
    return _judged(test, empty, Answer(reason=reason), options, 0.0)


def fault(error: Exception, name: str) -> str:
    """What to report of an exception that nothing here expects."""
    from traceback import extract_tb

    from verifier import __version__

    place = "".join(
        f" in {os.path.basename(f.filename)}:{f.lineno}" for f in extract_tb(error.__traceback__)[-1:]
    )
    said = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return (
        f"{name}: this is a fault of the verifier (version {__version__}); please report it with the "
        f"file:\n  {said}{place}"
    )


def _nested(name: str) -> Diagnostic:
    return Diagnostic("nesting", "nested too deeply", file=name)


def _judged(
    test: Test, program: Program, answer: Answer, options: Options, seconds: float, doubt: str = ""
) -> Verdict:
    wrong = wrong_expectations(test)
    if wrong:
        raise InputError(wrong)
    return judge_answer(
        test, program, answer, model=options.model, judge=options.judge, seconds=seconds,
        profile=options.profile, chosen=options.switches, states=options.states, doubt=doubt,
    )  # fmt: skip


def _one_judge(z3: Answer, explorer: Answer) -> str:
    """Why the judges could not be compared in everything, if they could not."""
    lacking = [
        f"{name}: {answer.reason}"
        for name, answer in (("z3", z3), ("the explorer", explorer))
        if answer.bad is None and answer.states is None
    ]
    return f"the judges are not compared ({', '.join(lacking)})" if lacking else ""


def _decide(program: Program, options: Options, judge: str, budget: Budget, likely: bool = False) -> Answer:
    states = options.states or options.judge == "both"
    if judge == "z3":
        from verifier.solve import decide

        return decide(
            program, model=options.model, switches=options.switches, budget=budget,
            seed=options.seed, want_states=states, witnesses=options.witnesses,
            counters=options.witnesses and options.counters, likely=likely,
        )  # fmt: skip
    from verifier import explore

    return explore.decide(
        program, model=options.model, switches=options.switches, budget=budget,
        limit_states=EXPLORER_STATES, want_states=states, witnesses=options.witnesses,
    )  # fmt: skip


def _filtered(program: Program, answer: Answer, options: Options, budget: Budget) -> Answer:
    """An answer that says so if runs end, but the filter drops all of their states."""
    if not answer.deadlock or answer.cut or program.filter is None:
        return answer
    judge = "explorer" if options.judge == "explorer" else "z3"
    quick = replace(options, states=False, witnesses=False)
    ends = _decide(replace(program, filter=None), quick, judge, budget)
    if ends.deadlock:
        return answer
    known = ends.reachable or ends.refutable
    reason = FILTERED if known else f"{FILTERED}, or no run ends"
    return replace(answer, reachable=None, refutable=None, deadlock=False, reason=reason, filtered=True)


def _explained(program: Program, answer: Answer, options: Options, budget: Budget) -> Answer:
    """Where no run ends: who waits where in one of them. The machine is asked, whoever judged; it needs one
    run that is stuck, and gets some seconds to find it."""
    if not answer.deadlock or answer.cut:
        return answer
    from verifier import explore

    left = budget.left()
    seconds = EXPLAINING if left is None else min(left, EXPLAINING)
    waits = explore.stuck(
        program, model=options.model, switches=options.switches, budget=Budget(seconds, options.memory)
    )
    return replace(answer, waits=waits)


EXPLAINING = 10.0  # seconds
FILTERED = "the filter lets no state through"


def _compare(test: Test, program: Program, z3: Answer, explorer: Answer) -> None:
    """Two judges must agree as far as both know."""
    wrong: list[str] = []
    known = all(a.bad or None not in (a.reachable, a.refutable) for a in (z3, explorer))
    # Who has come to a limit may have missed a cut, a deadlock or a wrong address.
    for what in ("reachable", "refutable", *(("cut", "deadlock") if known else ())):
        a, b = getattr(z3, what), getattr(explorer, what)
        if None not in (a, b) and a != b and not (z3.bad or explorer.bad):
            wrong.append(f"{what}: z3 says {a}, the explorer {b}")
    if known and (z3.bad is None) != (explorer.bad is None):
        wrong.append("only one of them finds an access to something that is no object")
    if z3.states is not None and explorer.states is not None:
        for name, mine, other in (("z3", z3, explorer), ("the explorer", explorer, z3)):
            for state in sorted(set(mine.states or ()) - set(other.states or ()), key=str)[:5]:
                wrong.append(f"only {name} reaches {state_line(program, state)}")
    if wrong:
        from verifier import __version__

        raise InternalError(
            f"the two judges disagree about {test.source.name}::{test.variant or test.name} "
            f"(version {__version__}); please report this with the file:\n  " + "\n  ".join(wrong)
        )


@dataclass(frozen=True, slots=True)
class Begun:
    """The tests of a file are known; their outcomes follow."""

    tests: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file for another architecture is left out."""

    arch: str


@dataclass(frozen=True, slots=True)
class Done:
    """A test is decided: what ``finish`` made of its verdicts."""

    value: Any


Finish = Callable[[list[Verdict]], Any]
Outcome = Begun | Skipped | Done | Diagnostic | VerifierError  # a Diagnostic is a warning


def outcomes(
    tasks: list[Task], columns: Sequence[Options], finish: Finish, jobs: int = 1
) -> Iterator[tuple[Task, Outcome | None]]:
    """Each task with its outcomes as they come, and with None at its end; in the order of the tasks.

    A test is decided under each of the ``columns``, of which the first one says what else there is to
    say; ``finish`` makes an outcome of the verdicts, in the process that decided. ``jobs``: how many of
    these there are. Raises ``Interrupted`` on a signal that asks to stop, ``LimitError`` where there can
    be no process.
    """
    options = columns[0]
    seconds = [c.limits.seconds for c in columns]
    limits = Limits(options.memory, sum(s for s in seconds if s is not None) if None not in seconds else None)

    def work(number: int, done: int) -> Iterator[object]:
        return _parts(tasks[number], columns, finish, done)

    parts = Pool(len(tasks), work, jobs, limits).parts() if forks() else _here(len(tasks), work)
    files: dict[int, _File] = {}  # those that are not at their end
    try:
        for number, part in parts:
            file = files.setdefault(number, _File(tasks[number], columns, finish))
            yield from ((file.task, outcome) for outcome in (file.end() if part is None else file.take(part)))
            if part is None:
                del files[number]
                yield file.task, None
    except Interrupted:
        for file in files.values():
            yield from ((file.task, outcome) for outcome in file.end())
        raise


def _here(count: int, work: Callable[[int, int], Iterator[object]]) -> Iterator[tuple[int, object]]:
    """What a pool does, in this process, where a system has no others to spare."""
    for number in range(count):
        yield from ((number, part) for part in work(number, 0))
        yield number, None


class _File:
    """The outcomes of a file, from the parts that a worker sends: each error and warning once."""

    def __init__(self, task: Task, columns: Sequence[Options], finish: Finish) -> None:
        self.task, self.columns, self.finish = task, columns, finish
        self.tests: tuple[Test, ...] | None = None
        self.decided = 0
        self.wrong: dict[object, Diagnostic] = {}
        self.said: set[object] = set()

    def take(self, part: object) -> Iterator[Outcome]:
        """The outcomes of a part: what is in it, or what becomes of a test whose process died."""
        if isinstance(part, Lost):
            found = self._lost(part.cause)
        else:
            self.decided += self.tests is not None
            found = cast("list[Outcome]", part)
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

    def _lost(self, cause: str) -> list[Outcome]:
        if self.tests is None:
            return [LimitError(f"{self.task.name}: it could not be read: {cause}")]
        if self.decided == len(self.tests):
            return []  # nothing was left to do
        test = self.tests[self.decided]
        self.decided += 1
        try:
            return [Done(self.finish([unknown(test, options, cause) for options in self.columns]))]
        except InputError as error:
            return [error]

    def end(self) -> Iterator[Outcome]:
        """All errors of the file together."""
        if self.wrong:
            yield InputError(self.wrong.values())


def _pickled(error: InputError) -> tuple[type[InputError], tuple[tuple[Diagnostic, ...]]]:
    """An exception is pickled as its message, which is no argument of this one."""
    return InputError, (error.diagnostics,)


copyreg.pickle(InputError, _pickled)


def _parts(task: Task, columns: Sequence[Options], finish: Finish, done: int) -> Iterator[list[Outcome]]:
    """The tests of a task, then the outcomes of each, without the first ``done`` of these."""
    try:
        tests = tests_of(task, columns[0])
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


def _of_file(error: Exception, task: Task, options: Options) -> Outcome:
    """What keeps a file's tests from being known."""
    if isinstance(error, InputError):
        other = [d.span.text for d in error.diagnostics if d.code == OTHER_CODE and d.span]
        return Skipped(other[0]) if other and options.skip_other else error
    if isinstance(error, VerifierError):
        return error
    if isinstance(error, RecursionError):
        return InputError([_nested(task.name)])
    if starved():
        raise MemoryError from error
    return InternalError(fault(error, task.name))


def _outcomes(test: Test, columns: Sequence[Options], finish: Finish, alike: Alike) -> list[Outcome]:
    """One test's outcome and warnings, or what is wrong with it."""
    try:
        verdicts = [run_or_die(test, options) for options in columns]
        return [Done(finish(verdicts)), *verdicts[0].warnings, *alike.add(verdicts[0])]
    except MemoryError:
        raise
    except VerifierError as error:
        return [error]
    except RecursionError:
        return [InputError([_nested(test.source.name)])]
    except Exception as error:
        if starved():
            raise MemoryError from error
        return [InternalError(fault(error, test.source.name))]
