"""Verdicts that are unknown, and what is said about why."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main

LITMUS = Path(__file__).resolve().parents[2] / "litmus"
FILTER = """MM t
{ int x; int y; }
P0 { x = 1; r0 = y; }
[D] P1 { while (READ_ONCE(x) != 7) cpu_relax(); }
[!D] P1 { y = 1; r0 = x; }
variants { F never; D deadlock; U deadlock; K sometimes; }
[!K] filter (x = 5)
[K] filter (x = 1)
exists (0:r0 = 0)
"""


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
def test_a_filter_that_lets_nothing_through_is_no_deadlock(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(FILTER)
    assert main(["check", "-q", "--judge", judge, str(path)]) == 3
    assert capsys.readouterr().out.splitlines() == [
        "t::F   unknown     expected never (the filter lets no state through)",
        "t::D   unknown     as expected (deadlock: no run ends)",
        "t::U   unknown     expected deadlock (the filter lets no state through)",
        "t::K   sometimes   as expected",
        "4 tests: 2 as expected, 2 unknown",
    ]


def test_time_that_is_up_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    path = LITMUS / "linux" / "switch_mm-vs-flush.litmus"
    assert main(["check", "-q", "--timeout", "0.001", f"{path}::F"]) == 3
    assert "unknown     expected never (timeout: more than 0.001 s, while " in capsys.readouterr().out


def test_a_log_does_not_say_never_for_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    path = LITMUS / "linux" / "switch_mm-vs-flush.litmus"
    assert main(["states", "--format", "herd", "--timeout", "0.001", f"{path}::F"]) == 3
    found = capsys.readouterr()
    assert found.out == ""
    assert "unknown" in found.err and "timeout" in found.err
