"""Decides what a test says of a revision. What has the same meaning is decided once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from verifier.errors import ExitCode, VerifierError
from verifier.records import replace
from verifier.results import Verdict
from verifier.revisions.rows import Judgement
from verifier.revisions.takings import Snapshot, Taking
from verifier.source import Diagnostic
from verifier.suite.decide import run_each
from verifier.suite.options import Options
from verifier.suite.pool import Raised
from verifier.syntax.test import Test

Telling = Callable[[str, int, int], object]
"""Is told what is being done, which is part number so many of so many."""
Wanted = tuple[Snapshot, str, str]  # what is taken, the variant, and words that name the revision


class Judge:
    """Decides takings under ``options``. ``progress`` is told what is being decided."""

    def __init__(self, options: Options, progress: Telling) -> None:
        self.options, self.progress = options, progress
        self.decided: dict[tuple[str, str], Judgement] = {}

    def known(self, snapshot: Snapshot, variant: str) -> Judgement:
        """What is known so far."""
        taking = snapshot.takings[variant]
        if taking.errors:
            return Judgement(errors=taking.errors)
        found = self.decided.get((variant, taking.meaning))
        return replace(found or Judgement(), warnings=taking.warnings)

    def judge(self, snapshot: Snapshot, variant: str, where: str) -> Judgement:
        """The judgement, which is made now if it is not known; ``where`` names the revision."""
        found = self.known(snapshot, variant)
        if found.errors or found.observation is not None:
            return found
        self.progress(f"{where}{' ' * bool(variant)}{variant}", 1, 1)
        taking = snapshot.takings[variant]
        self.decided[variant, taking.meaning] = self._made(taking)
        return self.known(snapshot, variant)

    def together(self, wanted: Iterable[Wanted], jobs: int) -> None:
        """Make the judgements that are wanted, and not known, in ``jobs`` processes at the same time."""
        open_: dict[tuple[str, str], tuple[Test, str]] = {}
        for snapshot, variant, where in wanted:
            taking = snapshot.takings[variant]
            key = variant, taking.meaning
            if taking.test is not None and key not in self.decided:
                open_.setdefault(key, (taking.test, f"{where}{' ' * bool(variant)}{variant}"))
        found = run_each([test for test, _ in open_.values()], self.options, jobs)
        for number, (key, (_, where)) in enumerate(open_.items(), 1):
            self.progress(where, number, len(open_))
            self.decided[key] = _judgement(next(found))

    def _made(self, taking: Taking) -> Judgement:
        assert taking.test is not None
        (found,) = run_each([taking.test], self.options)
        return _judgement(found)


def _judgement(verdict: Verdict | Raised) -> Judgement:
    """What a verdict says. Raises what says nothing of the test, such as a fault of the verifier."""
    if isinstance(verdict, Raised):
        error = verdict.error
        if not isinstance(error, VerifierError) or error.exit_code != ExitCode.WRONG:
            raise error
        found = getattr(error, "diagnostics", None) or (Diagnostic("usage", str(error)),)
        return Judgement(errors=tuple(found))
    return Judgement(
        observation=verdict.observation,
        hangs=verdict.hangs,
        expected=verdict.wanted,
        as_expected=verdict.as_expected,
        reason=verdict.reason if verdict.observation == "unknown" else "",
        seconds=verdict.seconds,
        exit_code=verdict.exit_code,
    )
