"""Verdicts: what an answer means for a test and its expectation."""

from __future__ import annotations

from dataclasses import dataclass

from verifier.errors import UsageError
from verifier.program.answer import Answer
from verifier.program.events import Program
from verifier.program.profiles import GENERIC, PROFILES, Switches, switches
from verifier.program.trace import Trace
from verifier.program.values import Value
from verifier.source import Diagnostic
from verifier.syntax.test import Test
from verifier.syntax.trouble import nearest


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one test.

    ``observation``  ``never``, ``sometimes`` or ``always`` (of the proposition), or ``unknown``;
    ``as_expected``  None without an expectation; never true where the observation is unknown,
                     unless a deadlock was expected and found;
    ``bound``        the unrolling bound, if the verdict depends on it;
    ``reason``       why it is unknown, or a remark (``stronger on x86``);
    ``witness``      a run in which the proposition holds, ``counter`` one in which it does not;
    ``states``       all final states, if they were asked for, ``positive`` of them with the
                     proposition true and ``negative`` with it false;
    ``seconds``      wall-clock time of reading, building and deciding.
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

    @property
    def exit_code(self) -> int:
        """0 as expected or nothing expected, 1 differs, 3 unknown."""
        if self.as_expected is True:
            return 0
        if self.observation == "unknown" and not (self.expected and self.reason.startswith("deadlock")):
            return 3
        return 1 if self.as_expected is False else 0


def wrong_expectations(test: Test) -> list[Diagnostic]:
    """Expectations of profiles and switches that do not exist."""
    found: list[Diagnostic] = []
    for e in test.otherwise:
        if e.profile is not None and e.profile not in PROFILES:
            hint = nearest(e.profile, PROFILES) or f"there are {', '.join(PROFILES)}"
            found.append(Diagnostic("profile", f"there is no profile {e.profile!r}", e.span, hint))
        elif e.switch is not None:
            try:
                switches("generic", dict([e.switch]))
            except UsageError as error:
                hint = nearest(e.switch[0], Switches._fields) if e.switch[0] not in Switches._fields else ""
                found.append(Diagnostic("switch", str(error), e.span, hint))
    return found


def expected_of(test: Test, profile: str, chosen: Switches) -> str | None:
    """What a test's file expects under a profile and its switches: the last expectation that fits."""
    word = test.expected
    for e in test.otherwise:
        if e.switch is None:
            fits = e.profile == profile
        else:
            fits = getattr(switches("generic", dict([e.switch])), e.switch[0]) == getattr(chosen, e.switch[0])
        if fits:
            word = e.word
    return word


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
) -> Verdict:
    """Hold an answer against a test's expectation."""
    observation, reason, bound = _observation(program, answer)
    expected = expected_of(test, profile, chosen)
    as_expected: bool | None = None
    if expected is not None:
        as_expected = observation == expected
        if expected == "deadlock":
            as_expected = answer.deadlock and not answer.cut
        elif test.portable and expected in ("sometimes", "always") and observation in ("never", "always"):
            # The comment is about the kernel's portable model, which admits more than x86.
            as_expected, reason = True, "stronger on x86" if observation != expected else reason
    return Verdict(
        test, model, judge, observation, expected, as_expected, bound, reason, seconds,
        answer.witness, answer.counter, answer.states, answer.positive, answer.negative, program, profile,
    )  # fmt: skip


def _observation(program: Program, answer: Answer) -> tuple[str, str, int | None]:
    """The observation, the reason for an unknown one, the bound if it matters."""
    if answer.bad is not None:
        line = f" in line {answer.bad.span.line}" if answer.bad.span else ""
        return "unknown", f"an access to something that is no object{line}: {answer.bad.text}", None
    if answer.reachable is None or answer.refutable is None:
        if answer.reachable and answer.refutable is None:
            return "sometimes", "", None
        return "unknown", answer.reason or "not decided", None
    if answer.reachable and answer.refutable:
        return "sometimes", "", None
    if answer.cut:
        return "unknown", f"within bound {program.bound}", program.bound
    if answer.deadlock:
        return "unknown", "deadlock: no run ends", None
    return ("always" if answer.reachable else "never"), "", None
