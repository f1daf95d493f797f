"""``verifier watch``, as a process: it decides again what was saved, and ends at once on Ctrl-C."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import ExitCode
from verifier.output import Output
from verifier.render.base import Wanted
from verifier.render.watch import CLEARED, WatchedText
from verifier.suite.discover import discover
from verifier.suite.taken import SavedFiles

ROOT = Path(__file__).resolve().parents[3]
CLASSIC = ROOT / "litmus" / "classic"
INCLUDING = 'MM with\n#include "f.inc"\n{ int x; }\nP0 { f(); r0 = x; }\nexpect always;\nexists (0:r0 = 1)\n'


class Watched:
    """A process, and what it has printed so far."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "verifier.cli", "watch", *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT,
        )  # fmt: skip
        self.text = ""

    def until(self, end: str) -> str:
        """What it prints up to a text, which has to come."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as chosen:
            chosen.register(self.process.stdout, selectors.EVENT_READ)
            while end not in self.text:
                assert chosen.select(60), f"it waits; so far: {self.text}"
                data = os.read(self.process.stdout.fileno(), 1 << 16)
                assert data, f"it ended: {self.text}"
                self.text += data.decode()
        found, _, self.text = self.text.partition(end)
        return found + end


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(CLASSIC / "n6.litmus", tmp_path)
    (tmp_path / "with.litmus").write_text(INCLUDING)
    (tmp_path / "f.inc").write_text("void f(void) { WRITE_ONCE(x, 1); }\n")
    return tmp_path


@pytest.fixture
def watched(folder: Path) -> Iterator[Watched]:
    found = Watched(str(folder))
    yield found
    if found.process.poll() is None:
        found.process.kill()
        found.process.wait()


@pytest.mark.long
def test_what_is_saved_is_decided_again(watched: Watched, folder: Path) -> None:
    first = watched.until("2 tests: 2 as expected\n")
    assert "n6   sometimes   as expected" in first and "with   always      as expected" in first
    path = folder / "n6.litmus"
    path.write_text(path.read_text().replace("Result: Sometimes", "Result: Never"))
    second = watched.until(f"verifier check {path}\n")
    assert "n6   sometimes   DIFFERS: expected never\n2 tests: 1 as expected, 1 differs\n" in second
    assert "with" not in second.split("needs attention")[0]
    (folder / "f.inc").write_text("void f(void) { }\n")  # what a test includes
    third = watched.until("2 tests: 2 differ\n")
    assert "with   never       DIFFERS: expected always" in third and "n6" not in third.split("tests")[0]
    watched.until("needs attention")
    path.write_text("MM n6\n{")
    assert "error: " in watched.until("1 test: 1 differs, 1 with errors\n")
    path.unlink()
    watched.until("1 test: 1 differs\n")
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(60) == 128 + signal.SIGINT
    assert "stopped by SIGINT" in watched.until("SIGINT\n")


@pytest.mark.parametrize("clears", [True, False])
def test_a_round_begins_with_an_empty_screen_on_a_terminal(
    clears: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    report = WatchedText(Output(), Wanted(again="verifier check"), clears=clears)
    report.round(["a.litmus"], [])
    report.rounded()
    assert capsys.readouterr().out == f"{CLEARED if clears else ''}0 tests: nothing to judge\n"


def test_what_can_be_read_once_cannot_be_watched(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(INCLUDING.encode())))
    assert main(["watch", "-"]) == ExitCode.WRONG
    assert "cannot be watched" in capsys.readouterr().err


def test_includes_of_includes_count(folder: Path) -> None:
    (folder / "f.inc").write_text('#include "g.inc"\n')
    (folder / "g.inc").write_text("void f(void) { }\n")
    saved, tasks = SavedFiles(None), discover([str(folder)])
    assert len(saved.changed(tasks)) == 2 and saved.changed(tasks) == []
    (folder / "g.inc").write_text("void f(void) { WRITE_ONCE(x, 1); }\n")
    assert [Path(task.name).name for task in saved.changed(tasks)] == ["with.litmus"]
    (folder / "f.inc").write_text("void f(void) { }\n")  # g.inc is not included any more
    assert len(saved.changed(tasks)) == 1
    (folder / "g.inc").write_text("void g(void) { }\n")
    os.utime(folder / "g.inc", ns=(time.time_ns(), time.time_ns()))
    assert saved.changed(tasks) == []
