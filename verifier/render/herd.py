"""The log text of herd7 7.58. ``Positive`` and ``Negative`` count states, not executions. A ``Flag`` says
that some run hangs."""

from __future__ import annotations

from verifier.program.states import state_lines
from verifier.render.base import Verdicts
from verifier.render.story import headline
from verifier.results import Verdict

_KIND = {"exists": "Allowed", "~exists": "Forbidden", "forall": "Required"}


def herd(verdict: Verdict) -> str:
    """One test's log; the verdict must have its states."""
    test, program = verdict.test, verdict.program
    states = verdict.states or ()
    positive, negative = verdict.positive or 0, verdict.negative or 0
    holds = {"exists": positive > 0, "~exists": positive == 0, "forall": negative == 0}[test.quantifier]
    observation = "Always" if states and not negative else "Never" if not positive else "Sometimes"
    lines = sorted(state_lines(program, states)) if program else []
    return "\n".join(
        [
            f"Test {test.id} {_KIND[test.quantifier]}",
            f"States {len(states)}",
            *lines,
            "Ok" if holds else "No",
            "Witnesses",
            f"Positive: {positive} Negative: {negative}",
            *(["Flag hangs"] if verdict.hangs else []),
            f"Condition {test.quantifier} ({test.condition})",
            f"Observation {test.id} {observation} {positive} {negative}",
            f"Time {test.id} {verdict.seconds:.2f}",
            "",
            "",
        ]
    )


class Herd(Verdicts):
    """Logs. The format has no words for an unknown verdict, so standard error gets a note."""

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The log, and a note if it is missing or incomplete."""
        note = "" if verdict.complete and verdict.states is not None else f"verifier: {headline(verdict)}"
        return (herd(verdict) if verdict.states is not None else ""), note
