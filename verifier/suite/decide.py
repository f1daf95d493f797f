"""Decides one test: builds it, asks the judges, and compares their answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from verifier.budget import Budget
from verifier.errors import InputError, InternalError, LimitError, VerifierError, unexpected
from verifier.lower.build import lower, unrolled
from verifier.program.answer import Answer
from verifier.program.events import Program, World
from verifier.program.expressions import TRUE
from verifier.program.states import state_line
from verifier.records import replace
from verifier.results import Verdict, judge_answer, wrong_expectations
from verifier.source import Diagnostic
from verifier.suite.options import Options
from verifier.suite.pool import Raised, each_alone
from verifier.suite.worker import OUT_OF_MEMORY, forks, starved
from verifier.syntax.test import Test, no_condition

EXPLORER_STATES = 2_000_000
FILTERED = "the filter lets no state through"


def run(test: Test, options: Options) -> Verdict:
    """Decide one test in this process.

    Raises ``InputError`` for errors that show when the test is built, and ``InternalError`` if the verifier
    contradicts itself or fails.
    """
    try:
        return run_or_die(test, options)
    except MemoryError:
        return unknown(test, options, OUT_OF_MEMORY)
    except VerifierError:
        raise
    except RecursionError:
        raise InputError([nested(test.source.name)]) from None
    except Exception as error:
        if starved():
            return unknown(test, options, OUT_OF_MEMORY)
        raise unexpected(error, test.source.name) from error


def run_or_die(test: Test, options: Options, budget: Budget | None = None) -> Verdict:
    """``run`` for an expendable process: it lets every exception through. ``budget``: that of ``options``, if
    the caller wants to ask it afterwards."""
    start = time.perf_counter()
    if not test.asks and not options.states:
        raise InputError([no_condition(test)])
    budget = budget or Budget(options.timeout, options.memory)
    try:
        asked, whole = _programs(test, options, budget)
    except LimitError as limit:
        return unknown(test, options, str(limit))
    if test.quantifier == "forall":
        options = replace(options, counters=True)
    likely = test.expected in ("sometimes", "always")
    if options.judge == "explorer":
        asked = whole
    first = _decide(
        asked, options, "explorer" if options.judge == "explorer" else "z3", budget, likely=likely
    )
    doubt = ""
    if options.judge == "both":
        open_ = first.reachable is None or first.refutable is None  # then the explorer's story is told
        second = _decide(whole, options, "explorer", budget.again(), told=open_)
        compare(test, whole, first, second)
        doubt = _one_judge(first, second)
        if open_:
            first, asked = second, whole
    first = _refused(whole, _filtered(asked, first, options, budget), options, budget)
    return _judged(test, asked, first, options, seconds=time.perf_counter() - start, doubt=doubt)


def _programs(test: Test, options: Options, budget: Budget) -> tuple[Program, Program]:
    """What Z3 is asked about, and the explorer. The latter has all that no run reaches, so that it
    contradicts a wrong answer; but not where a loop needs a bound, perhaps because of that. Raises
    ``LimitError``."""
    code = lower(test, budget)
    whole = unrolled(test, code, options.unroll, budget, switches=options.switches)
    if options.judge == "explorer" and not whole.cuts:
        return whole, whole
    from verifier.suite.shorten import shortened

    asked = shortened(test, code, whole, options.switches, options.unroll, budget)[1]
    return asked, asked if whole.cuts else whole


def run_alone(test: Test, options: Options) -> Verdict:
    """``run`` in a process of its own, with ``options.limits``; in this one if the system cannot fork."""
    if not forks():
        return run(test, options)
    (found,) = each_alone([partial(run_bare, test, options)], options.limits, test.source.name)
    return received(found, test, options)


def run_each(tests: Sequence[Test], options: Options, jobs: int = 1) -> Iterator[Verdict | Raised]:
    """``run_alone`` for each of the tests of a file, in their order, in up to ``jobs`` processes at a time.

    What ``run_alone`` would raise takes the place of a verdict.
    """
    name = tests[0].source.name if tests else ""
    work = [partial(run_bare, test, options) for test in tests]
    found = each_alone(work, options.limits, name, jobs) if forks() else map(_tried, work)
    for test, verdict in zip(tests, found, strict=True):
        try:
            yield received(verdict, test, options)
        except VerifierError as error:
            yield Raised(error)


def _tried(work: Callable[[], Verdict]) -> Verdict | Raised:
    try:
        return work()
    except VerifierError as error:
        return Raised(error)


def run_bare(test: Test, options: Options) -> Verdict:
    """``run`` in a process that has the test from another one: the verdict does not send it back whole."""
    return replace(run(test, options), test=test.bare)


def received(found: Verdict | Raised, test: Test, options: Options) -> Verdict:
    """The verdict that another process has sent. If that has died, or has come to a limit, the verdict is
    unknown. Raises what the other process has raised."""
    if not isinstance(found, Raised):
        return replace(found, test=test)
    if isinstance(found.error, LimitError):
        return unknown(test, options, str(found.error))
    raise found.error


def unknown(test: Test, options: Options, reason: str) -> Verdict:
    """The verdict on a test that could not be decided. Raises ``InputError`` for wrong expectations."""
    nothing = World(cpus=0, cells={})
    empty = Program(nothing, [], [], slots=0, assumes=[], cuts=[], observables=[], condition=TRUE, shown=[])
    return _judged(test, empty, Answer(reason=reason), options, seconds=0.0)


def nested(name: str) -> Diagnostic:
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
    """Why the states of the judges could not be compared; empty if they could."""
    lacking = [
        f"{name}{', which has a verdict but not all states' * _decided(answer)}: {answer.reason}"
        for name, answer in (("z3", z3), ("the explorer", explorer))
        if (answer.stopped if answer.bad is not None else answer.states is None)
    ]
    return f"the judges are not compared ({', '.join(lacking)})" if lacking else ""


def _decided(answer: Answer) -> bool:
    return answer.reachable is not None and answer.refutable is not None


def _decide(
    program: Program, options: Options, judge: str, budget: Budget, likely: bool = False, told: bool = True
) -> Answer:
    """The answer of one judge; ``told``: somebody sees its stories."""
    states = options.states or options.judge == "both"
    if judge == "z3":
        from verifier.execution.matter import matter
        from verifier.solve import decide

        return decide(
            program, model=options.model, switches=options.switches, budget=budget,
            seed=options.seed, want_states=states, witnesses=options.witnesses,
            counters=options.witnesses and options.counters, likely=likely, why=matter,
        )  # fmt: skip
    from verifier import explore
    from verifier.suite.ran import Telltale

    why = Telltale(program, options.model, options.switches, budget).told if told else None
    return explore.decide(
        program, model=options.model, switches=options.switches, budget=budget,
        limit_states=EXPLORER_STATES, want_states=states, witnesses=options.witnesses,
        counters=options.witnesses and options.counters, why=why,
    )  # fmt: skip


def _filtered(program: Program, answer: Answer, options: Options, budget: Budget) -> Answer:
    """The answer, changed to unknown if runs do end but the filter drops all their states."""
    if not answer.deadlock or answer.cut or program.filter is None:
        return answer
    judge = "explorer" if options.judge == "explorer" else "z3"
    quick = replace(options, states=False, witnesses=False)
    ends = _decide(replace(program, filter=None), quick, judge, budget)
    if ends.deadlock:  # then runs hang, whatever the filter says of their states
        return replace(answer, hangs=ends.hangs, hang=ends.hang)
    known = ends.reachable or ends.refutable
    reason = FILTERED if known else f"{FILTERED}, or no run ends"
    return replace(answer, reachable=None, refutable=None, deadlock=False, reason=reason, filtered=True)


def _refused(program: Program, answer: Answer, options: Options, budget: Budget) -> Answer:
    """The answer, with the loops of runs that are cut and that an ``assume()`` of another CPU refuses: what
    comes behind the cut may be what it asks for."""
    if answer.cut or answer.bad or not program.refuses or not program.cuts:
        return answer
    judge = "explorer" if options.judge == "explorer" else "z3"
    quick = replace(options, states=False, witnesses=False)
    for cpu in sorted({loop.cpu for loop in program.loops}):
        own = [n for n, wait in enumerate(program.waits) if wait.kind or wait.cpu == cpu]
        mine = [n for n, loop in enumerate(program.loops) if loop.cpu == cpu]
        if len(own) == len(program.waits):
            continue
        less = replace(
            program,
            assumes=[program.assumes[n] for n in own],
            waits=[program.waits[n] for n in own],
            cuts=[program.cuts[n] for n in mine],
            loops=[program.loops[n] for n in mine],
            cuts_after=[program.cuts_after[n] for n in mine],
        )
        found = _decide(less, quick, judge, budget, told=False)
        if found.cut or found.reachable is None:
            return replace(answer, cut=True, loops=found.loops)
    return answer


def compare(test: Test, program: Program, z3: Answer, explorer: Answer) -> None:
    """Raise ``InternalError`` if the judges disagree about something that both know."""
    wrong: list[str] = []
    known = all(a.bad or a.states is not None for a in (z3, explorer))
    both = z3.bad is not None and explorer.bad is not None
    # Who has come to a limit may have missed a cut, a deadlock or a wrong address.
    ends = ("cut", "deadlock") if known and not (z3.bad or explorer.bad) else ()
    for what in ("reachable", "refutable", "hangs", *ends):
        a, b = (_known(answer, what, both) for answer in (z3, explorer))
        if None not in (a, b) and a != b:
            wrong.append(f"{what}: z3 says {a}, the explorer {b}")
    if z3.bad and explorer.bad and z3.bad.lost != explorer.bad.lost:
        less, more = sorted((z3, explorer), key=lambda answer: answer.bad is not None and answer.bad.lost)
        if not less.stopped and more.bad is not None:
            wrong.append(f"only one of them finds {more.bad.told}")
    if known and (z3.bad is None) != (explorer.bad is None):
        told = next(bad.told for bad in (z3.bad, explorer.bad) if bad is not None)
        wrong.append(f"only one of them finds {told}")
    for states, reaches in (("states", "reaches"), ("rests", "hangs at")):
        a, b = getattr(z3, states), getattr(explorer, states)
        if a is not None and b is not None:
            for name, only in (("z3", set(a) - set(b)), ("the explorer", set(b) - set(a))):
                for state in sorted(only, key=str)[:5]:
                    wrong.append(f"only {name} {reaches} {state_line(program, state)}")
    if wrong:
        from verifier import __version__

        raise InternalError(
            f"the two judges disagree about {test.source.name}::{test.variant or test.name} "
            f"(version {__version__}); please report this with the file:\n  " + "\n  ".join(wrong)
        )


def _known(answer: Answer, what: str, both: bool) -> bool | None:
    """What a judge knows of all runs; ``both``: both have found a wrong one. If no run has gone astray and no
    limit is reached, it then knows what the others do not show."""
    found: bool | None = getattr(answer, what)
    if both and answer.bad is not None and not answer.bad.lost and not answer.stopped:
        return bool(found)
    return found
