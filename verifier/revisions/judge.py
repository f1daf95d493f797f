"""Decides what a test says of a revision. What has the same meaning is decided once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from verifier.errors import ExitCode, VerifierError
from verifier.revisions.rows import Judgement
from verifier.revisions.takings import Snapshot, Taking
from verifier.source import Diagnostic
from verifier.suite.decide import run_alone
from verifier.suite.options import Options

Progress = Callable[[str], None]


class Judge:
    """Decides takings under ``options``. ``progress`` is told what is being decided."""

    def __init__(self, options: Options, progress: Progress) -> None:
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
        self.progress(f"{where}{' ' * bool(variant)}{variant}")
        taking = snapshot.takings[variant]
        self.decided[variant, taking.meaning] = self._made(taking)
        return self.known(snapshot, variant)

    def _made(self, taking: Taking) -> Judgement:
        assert taking.test is not None
        try:
            verdict = run_alone(taking.test, self.options)
        except VerifierError as error:
            if error.exit_code != ExitCode.WRONG:
                raise
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
