"""Suites: find tests, decide them, one after the other or in parallel."""

from __future__ import annotations

import copyreg
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from verifier.budget import Budget
from verifier.errors import InputError, InternalError, LimitError, UsageError
from verifier.program.answer import Answer
from verifier.program.build import build
from verifier.program.events import Program, state_line
from verifier.program.profiles import Switches, switches
from verifier.results import Verdict, judge_answer, wrong_expectations
from verifier.source import Diagnostic, Source
from verifier.syntax import decode, load, read
from verifier.syntax.test import Test
from verifier.syntax.trouble import Unfinished, agreed, nearest

JUDGES = ("z3", "explorer", "both")
MODELS = ("x86-tso", "sc")
EXPLORER_STATES = 2_000_000


@dataclass(frozen=True, slots=True)
class Options:
    """How to decide. ``timeout`` is in seconds, for each test and judge.

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

    def __post_init__(self) -> None:
        for what, word, known in (("model", self.model, MODELS), ("judge", self.judge, JUDGES)):
            if word not in known:
                raise UsageError(f"unknown {what} {word!r}; there are {', '.join(known)}")
        if self.unroll is not None and not (_whole(self.unroll) and self.unroll >= 0):
            raise UsageError(f"unroll is a whole number, 0 or more, not {self.unroll!r}")
        if self.timeout is not None and not (_number(self.timeout) and 0 < self.timeout < MAX_SECONDS):
            raise UsageError(f"timeout is a positive number of seconds, not {self.timeout!r}")
        for name, value in self.settings.items():
            if not isinstance(value, str):
                hint = f"{str(value).lower()!r}" if isinstance(value, bool) else "a string"
                raise UsageError(f"the value of switch {name} is {hint}, not {value!r}")

    @property
    def switches(self) -> Switches:
        """The profile's switches with the settings. Raises ``UsageError`` for what does not exist."""
        return switches(self.profile, self.settings)


MAX_SECONDS = 1e9


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, float) or _whole(value)


@dataclass(frozen=True, slots=True)
class Task:
    """A file, or some of its variants: what one path of the command line names."""

    source: Source | None
    variants: tuple[str, ...] = ()
    error: InputError | None = None

    @property
    def name(self) -> str:
        """What to call it."""
        return self.source.name if self.source else "?"


def discover(paths: Iterable[str]) -> list[Task]:
    """The tasks that paths name: files, directories, ``FILE::VARIANT``, ``-`` for standard input.

    Raises ``UsageError`` for a path that does not exist or a directory without tests.
    """
    tasks: list[Task] = []
    for path in paths:
        if path == "-":
            tasks.append(_task("<stdin>", (), sys.stdin.buffer.read()))
            continue
        name, colons, variant = path.partition("::")
        wanted = tuple(v for v in variant.split(",") if v)
        if colons and not wanted:
            raise UsageError(f"{path}: no variant is named after '::'")
        if os.path.isdir(name):
            found = sorted(str(f) for f in Path(name).rglob("*.litmus"))
            if not found:
                raise UsageError(f"{name}: no .litmus files below this directory")
            tasks += [_task(f, wanted) for f in found]
        elif os.path.lexists(name):
            tasks.append(_task(name, wanted))
        else:
            raise UsageError(f"{name}: there is no such file or directory{_nearby(name)}")
    return _once(tasks)


def _once(tasks: list[Task]) -> list[Task]:
    """Each file in the place where it is first named, once if it is named whole anywhere."""
    whole = {os.path.realpath(t.name) for t in tasks if not t.variants}
    kept: dict[tuple[str, tuple[str, ...]], Task] = {}
    for task in tasks:
        path = os.path.realpath(task.name)
        all_of_it = Task(task.source, (), task.error) if path in whole else task
        kept.setdefault((path, all_of_it.variants), all_of_it)
    return list(kept.values())


def _nearby(name: str) -> str:
    """The file beside a missing one with the nearest name, as a hint."""
    folder, word = os.path.split(name)
    try:
        hint = nearest(word, os.listdir(folder or "."))
    except OSError:
        return ""
    return f"; {hint}" if hint else ""


def _task(name: str, variants: tuple[str, ...], data: bytes | None = None) -> Task:
    try:
        return Task(read(name) if data is None else decode(data, name), variants)
    except InputError as error:
        return Task(Source(name, ""), variants, error)


def tests_of(task: Task, options: Options) -> list[Test]:
    """The tests of a task. Raises ``InputError``, or ``UsageError`` for an unknown variant."""
    if task.error is not None:
        raise task.error
    assert task.source is not None
    tests = load_all(task.source, options.defines)
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
    """Decide one test.

    Raises ``InputError`` for what the test's text turns out to mean, ``InternalError`` if the tool
    contradicts itself.
    """
    start = time.perf_counter()
    budget = Budget(options.timeout)
    try:
        program = build(test, options.unroll, budget)
    except LimitError as limit:
        empty = Program(0, {}, [], [], 0, [], [], [], _TRUE, [])
        return _judged(test, empty, Answer(reason=str(limit)), options, 0.0)
    if test.quantifier == "forall":
        options = replace(options, counters=True)
    likely = test.expected in ("sometimes", "always")
    first = _decide(program, options, "explorer" if options.judge == "explorer" else "z3", budget, likely)
    if options.judge == "both":
        second = _decide(program, options, "explorer", budget.again())
        _compare(test, program, first, second)
        if first.reachable is None or first.refutable is None:
            first = second
    first = _filtered(program, first, options, budget)
    seconds = time.perf_counter() - start
    return _judged(test, program, first, options, seconds)


def _judged(test: Test, program: Program, answer: Answer, options: Options, seconds: float) -> Verdict:
    wrong = wrong_expectations(test)
    if wrong:
        raise InputError(wrong)
    return judge_answer(
        test, program, answer, model=options.model, judge=options.judge, seconds=seconds,
        profile="sc" if options.model == "sc" else options.profile, chosen=options.switches,
    )  # fmt: skip


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
    return replace(answer, reachable=None, refutable=None, deadlock=False, reason=reason)


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


_SHOWN_ONLY = frozenset({"span", "text", "warnings"})  # what a judge does not look at


class _Numbers:
    """Numbers for programs and their parts: equal ones for what is equal but for where it stands."""

    def __init__(self) -> None:
        self.known: dict[object, int] = {}
        self.seen: dict[int, tuple[Any, int]] = {}  # by id, with the object, so that ids stay its own

    def of(self, x: Any) -> int:
        """The number of a value."""
        if not is_dataclass(x):
            return self._number(self._plain(x))
        if id(x) not in self.seen:
            parts = tuple(self.of(getattr(x, f.name)) for f in fields(x) if f.name not in _SHOWN_ONLY)
            self.seen[id(x)] = x, self._number((type(x), parts))
        return self.seen[id(x)][1]

    def _plain(self, x: Any) -> object:
        if isinstance(x, dict):
            return dict, frozenset((self.of(k), self.of(v)) for k, v in x.items())
        if isinstance(x, frozenset | set):
            return frozenset, frozenset(map(self.of, x))
        if isinstance(x, tuple | list):
            return type(x), tuple(map(self.of, x))
        return type(x), x

    def _number(self, key: object) -> int:
        return self.known.setdefault(key, len(self.known))


def _twins(verdicts: Iterable[Verdict]) -> list[Diagnostic]:
    """Warnings about variants of one file that come out as the same test."""
    numbers = _Numbers()
    first: dict[tuple[str, int], Test] = {}
    found: list[Diagnostic] = []
    alike: dict[object, list[tuple[Test, Program]]] = {}  # few programs have to be looked at closely
    for verdict in verdicts:
        if verdict.program is not None and verdict.program.cpus:  # not more than can be built
            shape = tuple((e.body, e.op, e.kind, len(e.accesses)) for e in verdict.program.events)
            alike.setdefault(shape, []).append((verdict.test, verdict.program))
    for test, program in [pair for pairs in alike.values() if len(pairs) > 1 for pair in pairs]:
        twin = first.setdefault((test.quantifier, numbers.of(program)), test)
        if twin is not test:
            message = f"variants {twin.variant} and {test.variant} are the same test"
            hint = "their programs and conditions come out equal"
            found.append(Diagnostic("same-test", message, test.declared, hint, "warning"))
    return found


def _warnings(verdict: Verdict) -> list[Diagnostic]:
    """Warnings about one test."""
    return [*verdict.test.warnings, *(verdict.program.warnings if verdict.program else ())]


Outcome = Verdict | InputError | InternalError | UsageError | Diagnostic  # the last one: a warning


def outcomes(tasks: list[Task], options: Options, jobs: int = 1) -> Iterator[tuple[Task, list[Outcome]]]:
    """Each task with its outcomes, in the order of the tasks; ``jobs`` processes."""
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield task, _outcomes(task, options)
        return
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(jobs, mp_context=get_context("fork"), initializer=_child)
    try:
        pending = [pool.submit(_outcomes, task, options) for task in tasks]
        for task, future in zip(tasks, pending, strict=True):
            yield task, future.result()
    except BrokenProcessPool:
        text = "a process that was deciding tests has died; was it out of memory? Try -j 1"
        raise LimitError(text) from None
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.kill()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()


def _pickled(error: InputError) -> tuple[type[InputError], tuple[tuple[Diagnostic, ...]]]:
    """An exception is pickled as its message, which is no argument of this one."""
    return InputError, (error.diagnostics,)


copyreg.pickle(InputError, _pickled)


def _child() -> None:
    """Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _outcomes(task: Task, options: Options) -> list[Outcome]:
    try:
        tests = tests_of(task, options)
    except (InputError, UsageError) as error:
        return [error]
    out: list[Outcome] = []
    wrong: list[Diagnostic] = []
    for test in tests:
        try:
            out.append(run(test, options))
        except InputError as error:
            wrong += error.diagnostics
        except InternalError as error:
            out.append(error)
        except RecursionError:
            wrong.append(Diagnostic("nesting", "nested too deeply", file=test.source.name))
    verdicts = [o for o in out if isinstance(o, Verdict)]
    out += agreed([[d for v in verdicts for d in _warnings(v)]], ())
    if len(tests) > 1:
        out += _twins(verdicts)
    return [*out, InputError(agreed([wrong], ()))] if wrong else out


from verifier.program.values import TRUE as _TRUE  # noqa: E402
