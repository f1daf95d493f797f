"""What the commands say when the time is over, and what they show on a terminal before."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from verifier.budget import Budget
from verifier.cli import main
from verifier.model import model
from verifier.output import Output
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load, read
from verifier.why.answers import Audit, Explanation
from verifier.why.audit import audit
from verifier.why.explain import explain
from verifier.why.found import Repairs
from verifier.why.repair import repair

pytestmark = pytest.mark.slow  # together, these take many seconds

ROOT = Path(__file__).parents[3]
SEED = ROOT / "litmus" / "linux" / "switch_mm-vs-flush.litmus"


class Ending(Budget):
    """A budget whose time is over when ``word`` has been told ``times`` times."""

    def __init__(self, word: str, times: int = 1) -> None:
        super().__init__(3600, listener=self._hear)
        self.word, self.left_over = word, times

    def _hear(self, text: str) -> None:
        self.left_over -= self.word in text
        if not self.left_over:
            self.deadline = 0


def verdict() -> Verdict:
    return run(next(t for t in load(read(SEED)) if t.variant == "F"), Options())


def explained(word: str, times: int = 1) -> Explanation:
    found = verdict()
    return explain(found, model(Options().switches, "x86-tso"), Ending(word, times))


def audited(word: str, times: int = 1) -> Audit:
    found = verdict()
    return audit(found, model(Options().switches, "x86-tso"), Ending(word, times))


def test_reasons_that_are_known_are_told() -> None:
    x = explained("looking for reason 2")
    assert len(x.reasons) == 1 and not x.complete
    assert "other reasons were not looked for" in x.gap
    assert "This is not all of it" in str(x)


def test_reasons_without_cycles_are_told() -> None:
    x = explained("cycles of reason 2")
    assert [bool(r.cycles) for r in x.reasons] == [True, False]
    assert x.gap == "the cycles of 1 of 2 reasons are missing"


def test_parts_that_were_asked_are_told() -> None:
    x = audited("is it needed? part 4")
    whole = audit(verdict(), model(Options().switches, "x86-tso"), Budget())
    assert len(x.findings) == len(whole.findings)
    asked = [f.need for f in x.findings if f.need != "not asked"]
    assert asked[:3] == ["needed" if f.need == "needed" else "unneeded" for f in whole.findings[:3]]
    assert f"not asked: {len(x.findings) - 3} of {len(x.findings)} parts, which parts are" in x.gap
    assert "not asked" in str(x)


def test_runs_that_are_missing_are_told() -> None:
    x = audited("a run without needed part 2")
    needed = [f for f in x.findings if f.need == "needed"]
    assert [f.run is not None for f in needed] == [True, *[False] * (len(needed) - 1)]
    assert x.gap.endswith("not asked: the runs without needed parts")


LOOK = """MM look
{ int x; int y; int z; }
P0 { WRITE_ONCE(x, 1); smp_mb(); r0 = READ_ONCE(y); }
P1 {
    WRITE_ONCE(y, 1);
    r1 = READ_ONCE(z);
    r0 = READ_ONCE(x);
}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""


def stopped(monkeypatch: pytest.MonkeyPatch, word: str, times: int = 1) -> Repairs:
    """The repairs of a test when the time is over at a step."""
    monkeypatch.setattr("verifier.why.repair.Budget", lambda *_: Ending(word, times))
    (test,) = load(Source("look.litmus", LOOK))
    return repair(test)


def test_answers_that_are_confirmed_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    x = stopped(monkeypatch, "edit of cost 2, 1 of")
    assert [r.kinds for r in x.found] == [("smp_mb",)] and x.status == "repaired" and x.exit_code == 0
    assert not x.complete and "not tried: edit 1 to " in x.reason
    assert "not complete: " in str(x)


def test_answers_that_one_judge_knows_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    x = stopped(monkeypatch, "answer of cost 2", 2)
    assert not x.complete and "one judge says that this helps, the other was not asked: " in x.reason
    assert "becomes smp_store_mb(y, 1) in line 5" in x.reason


def test_nothing_is_said_to_be_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    x = stopped(monkeypatch, "the test as it is")
    assert (x.status, x.complete, x.exit_code) == ("unknown", False, 3)
    assert "no edit was tried" in x.reason


# -- the commands --------------------------------------------------------------------------------------

# Of each command: the step at which the time ends, and what the text says then.
ENDS = {
    "explain": ("looking for reason 2", "This is not all of it: timeout"),
    "audit": ("is it needed? part 4", "not asked: 6 of 9 parts"),
    "repair": ("edit of cost 2, 1 of", "not complete: timeout"),
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with two files that each command has something to say about."""
    for name in ("one", "two"):
        text = SEED.read_text().replace("switch_mm-vs-flush", name)
        (tmp_path / f"{name}.litmus").write_text(text)
    return tmp_path


def partial(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """From now on the time of a command ends at its step."""
    where = "verifier.why.repair.Budget" if command == "repair" else "verifier.budget.Budget"
    monkeypatch.setattr(where, lambda *_: Ending(ENDS[command][0]))


def marked(command: str, result: dict[str, object]) -> bool:
    """Does a result in JSON say that it is only a part?"""
    if command == "repair":
        return not result["complete"] and result["repairs"] != [] and "not tried" in str(result["reason"])
    more = result["explanation" if command == "explain" else "audit"]
    assert isinstance(more, dict)
    return bool(more["gap"])


@pytest.mark.long
@pytest.mark.parametrize("command", ENDS)
@pytest.mark.parametrize("whole", [False, True], ids=["file", "directory"])
def test_a_part_is_printed(
    command: str,
    whole: bool,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    partial(monkeypatch, command)
    path = str(files) if whole else str(files / "one.litmus")
    expected = 3 if command == "repair" else 0  # of some variants nothing is known
    assert main([command, path]) == expected
    text = " ".join(capsys.readouterr().out.split())
    assert text.count(ENDS[command][1]) >= 1 + whole
    assert main([command, path, "--format", "json"]) == expected
    found = json.loads(capsys.readouterr().out)
    name = "repair" if command == "repair" else "results"
    jsonschema.validate(found, json.loads((ROOT / "docs" / f"{name}.schema.json").read_text()))
    assert sum(marked(command, r) for r in found["results"]) >= 1 + whole


Shown = Callable[..., tuple[str, str]]


@pytest.fixture
def shown() -> Shown:
    """Runs the verifier where standard error is a terminal. Gives what it printed, and what was shown."""

    def call(*words: str) -> tuple[str, str]:
        main_end, side = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "verifier.cli", *words], stdout=subprocess.PIPE, stderr=side, cwd=ROOT
        ) as process:
            os.close(side)
            found = b""
            while True:
                try:
                    data = os.read(main_end, 1 << 16)
                except OSError:  # Linux: the other end is closed
                    break
                if not data:
                    break
                found += data
            assert process.stdout is not None
            printed = process.stdout.read().decode()
        os.close(main_end)
        return printed, found.decode()

    return call


# A variant, and what is said of its progress. Of steps that come quickly some are not shown.
STEPS = {
    "explain": ("F", r"(the test with all parts|looking for reason \d of 4)"),
    "audit": ("F", r"(the test with all parts|is it needed\? part \d of 9)"),
    "repair": ("B1", r"edit of cost \d, \d+ of "),
}


@pytest.mark.long
@pytest.mark.parametrize("command", STEPS)
def test_progress_on_a_terminal(command: str, shown: Shown) -> None:
    variant, step = STEPS[command]
    path = f"{SEED}::{variant}"
    printed, seen = shown(command, path)
    assert re.search(rf"\r\033\[Kswitch_mm-vs-flush::{variant}: {step}", seen), seen
    assert seen.endswith("\r\033[K") and "\n" not in seen  # one line, which is gone at the end
    assert "\033" not in printed
    assert shown(command, path, "-q")[1] == ""


@pytest.mark.long
@pytest.mark.parametrize("command", STEPS)
def test_progress_counts_files(command: str, files: Path, shown: Shown) -> None:
    _, seen = shown(command, str(files))
    assert f"\r\033[K[1/2] one::{STEPS[command][0]}: " in seen and "\r\033[K[2/2] two::" in seen


@pytest.mark.long
def test_check_counts_files_and_is_quiet(files: Path, shown: Shown) -> None:
    printed, seen = shown("check", str(files))
    assert "\r\033[K[1/2] " in seen and "\r\033[K[2/2] " in seen and seen.endswith("\r\033[K")
    assert "\033" not in printed
    assert shown("check", "-q", str(files))[1] == ""


@pytest.mark.long
@pytest.mark.parametrize("command", STEPS)
def test_no_progress_without_a_terminal(command: str) -> None:
    words = [sys.executable, "-m", "verifier.cli", command, str(SEED)]
    assert subprocess.run(words, capture_output=True, cwd=ROOT).stderr == b""


def test_a_long_line_is_cut(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("os.get_terminal_size", lambda _: os.terminal_size((20, 5)))
    Output().progress("[1/2] a test with a long name: edit 7")
    assert capfd.readouterr().err == "\r\033[K[1/2] a test wit..."
