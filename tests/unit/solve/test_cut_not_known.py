"""What is said where Z3 gives up on what is beyond the bound of loops."""

from __future__ import annotations

import pytest

from tests.texts import LOOP
from verifier.lower.build import build
from verifier.results import judge_answer
from verifier.solve import queries
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load


def _said(monkeypatch: pytest.MonkeyPatch, gives_up: str) -> tuple[str, str]:
    """The verdict and its reason, where Z3 gives up on a cut, or on which loop it is."""
    check, first = queries._Asked._check, [True]

    def checked(self: queries._Asked, assumptions: list[int]) -> bool | None:
        cut = assumptions == [self.encoding.cut]
        one = assumptions in [[x] for x in self.encoding.cuts.values()]
        if cut and gives_up == "loop" and first:
            first.clear()  # of one loop, its cut is the cut
            return check(self, assumptions)
        return None if (cut if gives_up == "cut" else one) else check(self, assumptions)

    monkeypatch.setattr(queries._Asked, "_check", checked)
    (test,) = load(Source("t.litmus", LOOP))
    program = build(test)
    verdict = judge_answer(test, program, decide(program), model="x86-tso", judge="z3", seconds=0)
    return verdict.observation, verdict.reason


def test_where_a_cut_is_not_known_the_reason_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    observation, reason = _said(monkeypatch, "cut")
    assert observation == "unknown"
    assert "--unroll" not in reason
    assert reason.startswith("memory: more than") or "while solving" in reason


def test_where_the_loop_is_not_known_the_reason_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    observation, reason = _said(monkeypatch, "loop")
    assert observation == "unknown"
    assert "some loop needs more iterations, and which one is not known" in reason
