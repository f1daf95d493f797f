"""Verdicts: a judge's answer, compared with the expectation of its test."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.errors import ExitCode, UsageError
from verifier.notebook import Drawable
from verifier.program.answer import Answer
from verifier.program.events import Program
from verifier.program.expressions import Const
from verifier.program.nesting import nested
from verifier.program.profiles import GENERIC, PROFILES, Switches, switches, under
from verifier.program.trace import Trace
from verifier.program.values import Value
from verifier.program.waits import Blocked, Loop, folded, loops_told
from verifier.records import dataclass, field
from verifier.source import Diagnostic, in_order
from verifier.syntax.test import Test, nothing_shown
from verifier.syntax.trouble import nearest

_OPEN = "may be undefined, which decides the condition: it equals nothing then, and may be anything"


@dataclass(frozen=True, slots=True)
class Verdict(Drawable):
    """The verdict on one test.

    ``observation``  ``never``, ``sometimes`` or ``always`` (of the proposition), or ``unknown``;
    ``as_expected``  None without an expectation; false if the observation is unknown, unless the test
                     expects a deadlock and the judge found one;
    ``bound``        the unrolling bound, if the verdict depends on it;
    ``reason``       why it is unknown, or a remark (``stronger on x86``);
    ``witness``      a run in which the proposition holds; ``counter``: a run in which it does not;
    ``states``       all final states, if the caller wants them; in ``positive`` of them the proposition is
                     true, in ``negative`` of them it is false;
    ``seconds``      wall-clock time of reading, building and deciding;
    ``complete``     False if a part of the answer is missing: the observation, all final states, or the
                     answer of the other judge; ``reason`` tells why;
    ``warnings``     about the test's text: things that are allowed, but that the author hardly means;
    ``deadlock``     does no run end, and some hang?
    ``hangs``        does some run hang (MMR 20.1)? None if this is not known; ``hang``: such a run;
    ``hang_expected``  does the test expect that some run hangs? None if it says nothing about hangs: it has
                     no expectation, its condition asks for hangs, or its language has no word for them;
    ``rests``        with ``states``: the states in which runs hang;
    ``waits``        who waits where in ``hang``; if no run ends or hangs: the ``assume()``s of the test;
    ``loops``        if the verdict depends on the bound: the loops that it cuts in some run.
    """

    test: Test
    model: str
    judge: str
    observation: str
    expected: str | None = None
    as_expected: bool | None = None
    bound: int | None = None
    reason: str = ""
    seconds: float = 0.0
    witness: Trace | None = None
    counter: Trace | None = None
    states: tuple[tuple[Value, ...], ...] | None = None
    positive: int | None = None
    negative: int | None = None
    program: Program | None = None
    profile: str = "generic"
    complete: bool = True
    warnings: tuple[Diagnostic, ...] = ()
    deadlock: bool = False
    hangs: bool | None = False
    hang_expected: bool | None = None
    hang: Trace | None = None
    rests: tuple[tuple[Value, ...], ...] | None = None
    waits: tuple[Blocked, ...] = ()
    loops: tuple[Loop, ...] = ()

    @property
    def wanted(self) -> str:
        """The expectation, as files write it: ``never``, ``sometimes hangs``; empty without one."""
        return " ".join(filter(None, (self.expected, "hangs" if self.hang_expected else "")))

    @property
    def exit_code(self) -> ExitCode:
        """The exit code: the verdict is as expected, differs, or is unknown or incomplete."""
        if self.as_expected is not False and not self.complete:
            return ExitCode.UNKNOWN
        if self.as_expected is True:
            return ExitCode.EXPECTED
        if self.hang_expected and self.hangs is None:
            return ExitCode.UNKNOWN
        if self.observation == "unknown" and not (self.as_expected is False and self.deadlock):
            return ExitCode.UNKNOWN
        return ExitCode.DIFFERS if self.as_expected is False else ExitCode.EXPECTED


@dataclass(slots=True)
class Tally:
    """Counts of verdicts; as text ``52 tests: 50 as expected, 1 differs, 1 unknown``.

    ``errors`` counts the errors that left a file or a test without a verdict; ``wrong`` names such tests
    where others of their file have one; ``skipped`` counts the files that were left out, by architecture.
    """

    total: int = 0
    expected: int = 0
    differ: int = 0
    unknown: int = 0
    errors: int = 0
    wrong: list[str] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)

    def add(self, as_expected: bool | None, exit_code: ExitCode) -> None:
        """Count one more verdict."""
        self.total += 1
        if exit_code is ExitCode.UNKNOWN:
            self.unknown += 1
        elif as_expected is not None:
            self.expected += as_expected
            self.differ += not as_expected

    @property
    def left_out(self) -> str:
        """The number of skipped files, and their architectures."""
        named = ", ".join(f"{n} {arch}" for arch, n in sorted(self.skipped.items()))
        return f"{sum(self.skipped.values())} skipped ({named})"

    @property
    def with_errors(self) -> str:
        """The number of errors, and which tests have them where it is not the whole file."""
        named = f" ({', '.join(self.wrong[:3])}{', …' if len(self.wrong) > 3 else ''})" if self.wrong else ""
        return f"{self.errors} with errors{named}"

    def __str__(self) -> str:
        without = self.total - self.expected - self.differ - self.unknown
        counts = {
            "as expected": self.expected, f"differ{'s' * (self.differ == 1)}": self.differ,
            "unknown": self.unknown, "without expectation": without,
        }  # fmt: skip
        parts = [f"{n} {word}" for word, n in counts.items() if n]
        parts += [self.with_errors] if self.errors else []
        parts += [self.left_out] if self.skipped else []
        return f"{self.total} test{'s' * (self.total != 1)}: {', '.join(parts) or 'nothing to judge'}"


def wrong_expectations(test: Test) -> list[Diagnostic]:
    """Errors about expectations that name a profile or a switch that does not exist."""
    found: list[Diagnostic] = []
    for e in test.otherwise:
        if e.profile is not None and e.profile not in PROFILES:
            hint = nearest(e.profile, PROFILES)
            hint = hint or f"there are {', '.join(PROFILES)}; another variant comes after a ';'"
            found.append(Diagnostic("profile", f"there is no profile {e.profile!r}", e.span, hint))
        elif e.switch is not None:
            try:
                switches("generic", dict([e.switch]))
            except UsageError as error:
                hint = nearest(e.switch[0], Switches._fields) if e.switch[0] not in Switches._fields else ""
                found.append(Diagnostic("switch", str(error), e.span, hint))
    return found


def expected_of(
    test: Test, profile: str, chosen: Switches = GENERIC, model: str = "x86-tso"
) -> tuple[str | None, bool]:
    """The expectation of a test's file under a profile, its switches and a model: the last one that fits.
    Under the model ``sc``, expectations for the profile ``sc`` fit, too.

    The result is the word about the proposition, None without one, and whether some run hangs.
    """
    word, hangs = test.expected, test.hangs
    for e in test.otherwise:
        if e.switch is None:
            fits = e.profile in ((profile, "sc") if model == "sc" else (profile,))
        else:
            fits = getattr(switches("generic", dict([e.switch])), e.switch[0]) == getattr(chosen, e.switch[0])
        if fits:
            word, hangs = e.word, e.hangs
    return word, hangs


def judge_answer(
    test: Test,
    program: Program,
    answer: Answer,
    *,
    model: str,
    judge: str,
    seconds: float,
    profile: str = "generic",
    chosen: Switches = GENERIC,
    states: bool = False,
    doubt: str = "",
) -> Verdict:
    """Compare an answer with the expectation of its test.

    ``states``: does the caller want all final states? ``doubt``: why the answer is incomplete, if the answer
    itself does not say so.
    """
    observation, reason, bound = _observation(test, program, answer, states)
    if observation == "unknown":
        doubt = ""  # an unknown observation has its own reason
    elif states and not doubt:
        doubt = _of_states(test, program, answer)
    if states and answer.states is None and observation != "unknown":
        observation = "unknown"  # the caller wants the states, and they are not known
    told = f"{' and '.join(answer.open)} {_OPEN}" if answer.open and observation != "unknown" else ""
    reason = "; ".join(filter(None, (reason, doubt, told)))
    chosen = under(model, chosen)
    asks = test.asks and not isinstance(program.condition, Const)
    unshown = not (program.shown or asks) and bool(program.bodies)
    expected, hang_expected = _hang_expected(test, program, expected_of(test, profile, chosen, model))
    hangs = None if answer.cut and not answer.hangs else answer.hangs
    as_expected: bool | None = None
    if expected is not None:
        as_expected = observation == expected
        if expected == "deadlock":
            # The kernel's scripts say deadlock if no state is left, for any reason.
            some = answer.hangs is not False or test.portable
            as_expected = (answer.deadlock and some and not answer.cut) or (test.portable and answer.filtered)
        elif test.portable and expected in ("sometimes", "always") and observation in ("never", "always"):
            # The comment is about the kernel's portable model, and this model admits more than x86.
            as_expected = True
            if observation != expected:
                reason = "; ".join(filter(None, ("stronger on x86", reason)))
    if hang_expected is not None:
        # Hangs beyond the bound of loops are not known, and count only if one is expected.
        as_expected = as_expected is not False and hang_expected == bool(hangs)
    return Verdict(
        test=test,
        model=model,
        judge=judge,
        observation=observation,
        expected=expected,
        as_expected=as_expected,
        bound=bound,
        reason=reason,
        seconds=seconds,
        witness=answer.witness,
        counter=answer.counter,
        states=answer.states,
        positive=answer.positive,
        negative=answer.negative,
        program=program,
        profile=profile,
        complete=not doubt and (observation != "unknown" or answer.deadlock or answer.filtered),
        warnings=(*warnings_of(test, program), *([nothing_shown(test)] if states and unshown else [])),
        deadlock=answer.deadlock and answer.hangs is not False and not answer.cut,
        hangs=hangs,
        hang_expected=hang_expected,
        hang=answer.hang,
        rests=answer.rests,
        waits=_waits(program, answer),
        loops=answer.loops if bound is not None or doubt else (),
    )


def warnings_of(test: Test, program: Program) -> tuple[Diagnostic, ...]:
    """Warnings about a test's text: things that are allowed, but that the author hardly means; each once,
    in the order of their places."""
    found: dict[object, Diagnostic] = {}
    for d in (*test.warnings, *program.warnings, *nested(program)):
        found.setdefault(d.key, d)
    return tuple(in_order(found.values()))


def _loops_cut(test: Test, program: Program, answer: Answer) -> str:
    """The loops that are cut at the bound, and what the user can do about it."""
    said, more = loops_told(answer.loops, test.source.name), f"use --unroll {program.bound + 1}"
    if not said and answer.reason:
        said = f"some loop needs more iterations, and which one is not known ({answer.reason})"
    assembly = test.arch in ("X86", "X86_64")  # which has no assume()
    help_ = more if assembly else f"assume() its end, or {more}"
    ending = sum(not loop.endless for loop in answer.loops)
    if answer.loops and not ending:
        return f"within bound {program.bound}: {said}"
    if any(loop.any_number for loop in answer.loops):
        help_ = "no bound is enough" if assembly else "no bound is enough; assume() its end"
    elif any(loop.walks for loop in answer.loops):
        help_ += ", which never helps where a list leads to itself"
    if ending > 1:
        help_ = help_.replace("its end", "their ends")
    return f"within bound {program.bound}: {f'{said}; ' if said else ''}{help_}"


def _hang_expected(
    test: Test, program: Program, expected: tuple[str | None, bool]
) -> tuple[str | None, bool | None]:
    """The expectation, with None for the hang if the test says nothing about hangs."""
    word, hangs = expected
    silent = test.arch != "MM" or word in (None, "deadlock") or program.judges_hangs
    return word, None if silent and not hangs else hangs


def _waits(program: Program, answer: Answer) -> tuple[Blocked, ...]:
    """Who waits where in a run that hangs. If no run ends or hangs, no run is left by the ``assume()``s."""
    if answer.hang is not None:
        return answer.hang.waits
    if not answer.deadlock:
        return ()
    assumed = {w.span: w for w in program.waits if not w.kind and w.span is not None}
    return tuple(Blocked("", w.cpu, at, folded(at.text)) for at, w in assumed.items())


def _deadlock(test: Test, program: Program, answer: Answer) -> str:
    """The message that no run ends, and who waits where."""
    waits = _waits(program, answer)
    if answer.hangs:
        return f"deadlock: no run ends: {who_waits(test, waits)}"
    told = " or ".join(wait.told(test.source.name) for wait in waits)
    if waits and answer.hangs is False:
        return f"no run is left: {told}"
    return f"deadlock: no run ends{': ' if told else ''}{told}"


def who_waits(test: Test, waits: Iterable[Blocked]) -> str:
    """Who waits where, as text."""
    return "; ".join(wait.told(test.source.name) for wait in waits)


def _of_states(test: Test, program: Program, answer: Answer) -> str:
    """Why some final states may be unknown."""
    if answer.states is None:
        return f"{answer.reason or 'not decided'}: the final states are not known"
    return f"there may be more states than those {_loops_cut(test, program, answer)}" if answer.cut else ""


def _observation(test: Test, program: Program, answer: Answer, states: bool) -> tuple[str, str, int | None]:
    """The observation, the reason if it is unknown or a remark, and the bound if it matters. A run that is
    not wrong shows its outcome whatever wrong runs do; but if ``states`` are asked for, all of them are."""
    if answer.bad is not None and answer.reachable and answer.refutable and not states:
        return "sometimes", f"nothing is known of some other runs: {answer.bad.told}", None
    if answer.bad is not None:
        also = f"; {answer.reason}" if answer.stopped else ""
        return "unknown", f"{answer.bad.told}{also}", None
    if answer.reachable is None or answer.refutable is None:
        if answer.reachable:
            return (
                "unknown",
                f"{answer.reason or 'not decided'}; the observation is sometimes or always",
                None,
            )
        return "unknown", answer.reason or "not decided", None
    if answer.reachable and answer.refutable:
        return "sometimes", "", None
    if answer.cut:
        return "unknown", _loops_cut(test, program, answer), program.bound
    if answer.deadlock and not answer.reachable and not answer.refutable:
        return "unknown", _deadlock(test, program, answer), None
    return ("always" if answer.reachable else "never"), "", None
