"""The command: texts, files, lines of JSON."""

from __future__ import annotations

import json
import os
import signal
from io import TextIOWrapper
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.generate import suite
from verifier.generate.suite import Made
from verifier.suite.worker import STOPPING

SB = """X86 SB+mfence+po
"MFencedWR Fre PodWR Fre"
{ }
 P0          | P1          ;
 MOV [x],$1  | MOV [y],$1  ;
 MFENCE      | MOV EAX,[x] ;
 MOV EAX,[y] |             ;
exists (0:EAX=0 /\\ 1:EAX=0)
"""


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["generate", *words])
    return code, *capsys.readouterr()


def test_one_cycle(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever edge comes first, the test is the same one."""
    for cycle in ("PodWR Fre MFencedWR Fre", "Fre,PodWR,Fre,MFencedWR"):
        assert said(capsys, "--cycle", cycle) == (0, SB, "")


def test_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "new" / "suite"
    words = ("--count", "50", "--seed", "3", "--into", str(into))
    assert said(capsys, *words) == (0, "", "")
    files = (into / "@all").read_text().split()
    assert len(files) == 50 and {*files, "@all"} == {p.name for p in into.iterdir()}
    code, out, _ = said(capsys, *words[:4], "--format", "jsonl")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [f"{line['name']}.litmus" for line in lines] == files
    assert all(line["text"] == (into / f"{line['name']}.litmus").read_text() for line in lines)
    assert all(f'"{line["cycle"]}"' in line["text"] for line in lines)
    code, _, err = said(capsys, *words)
    assert code == 2 and "is not empty" in err


def test_names(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "--max-edges", "4", "--edges", "Fre,Pod", "--format", "names")
    assert out == "SB: PodWR Fre PodWR Fre\n"


def test_several_texts_stand_apart(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "--max-edges", "4", "--edges", "Fre,Coe,PodW*")
    assert [text.split()[1] for text in out.split("\n\n")] == ["SB", "R", "2+2W"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--edges", "Rfe,MFencdWR"), "did you mean 'MFencedWR'"),
        (("--cycle", "Pod Fre PodWR Fre"), "stands for several edges"),
        (("--cycle", "PodWR Fre PodWR Fre", "--count", "2"), "without --edges and --count"),
        (("--max-edges", "3"), "has up to 3 edges"),
    ],
)
def test_errors(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], what: str) -> None:
    code, out, err = said(capsys, *words)
    assert code == 2 and not out and what in err


def test_long_names_are_cut() -> None:
    names = ["+".join(["WW"] * 99), "+".join(["WW"] * 98)]
    files = {Made(name, "", "").file for name in names}
    assert len(files) == 2 and all(len(file) < 255 for file in files)


class Stopping(TextIOWrapper):
    """A file in whose middle a signal comes, if it is the third one."""

    number, signum = 0, 0

    def write(self, text: str) -> int:
        Stopping.number += "exists" in text
        if Stopping.number < 3 or "exists" not in text:
            return super().write(text)
        super().write(text[:20])
        os.kill(os.getpid(), Stopping.signum)
        raise AssertionError("it was not stopped")


@pytest.mark.parametrize("signum", STOPPING)
def test_a_signal_leaves_whole_files_and_their_list(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    signum: signal.Signals,
) -> None:
    Stopping.number, Stopping.signum = 0, signum
    before = signal.getsignal(signum)
    opened = lambda path, mode, encoding: Stopping(open(path, f"{mode}b"), encoding)  # noqa: E731, SIM115
    monkeypatch.setattr(suite, "open", opened, raising=False)
    signal.signal(signum, lambda *_: None)
    try:
        code, _, err = said(capsys, "--count", "9", "--into", str(tmp_path))
    finally:
        signal.signal(signum, before)
    assert code == 128 + signum and f"stopped by {signum.name}; 2 tests are written" in err
    names = (tmp_path / "@all").read_text().split()
    assert len(names) == 2 and {*names, "@all"} == {p.name for p in tmp_path.iterdir()}
    assert all("exists" in (tmp_path / name).read_text() for name in names)


def test_fewer_tests_than_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "--max-edges", "4", "--edges", "Fre,Pod", "--count", "7")
    assert code == 0 and out.startswith("X86 SB") and err == "verifier: there is only 1 such test, not 7\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cycle", ""], "argument --cycle: names nothing"),
        (["--edges", " , "], "argument --edges: names nothing"),
        (["--format", "jsonl", "--into", "new"], "--format is about standard output"),
        (["--into", ""], "the name of the directory is empty"),
    ],
)
def test_words_without_an_effect_are_errors(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, out, err = said(capsys, *words)
    assert (code, out) == (2, "") and message in err
