"""``verifier fmt``: prints, checks, compares and writes files."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import ExitCode

MESSY = "MM t\n{ int x; }\nP0 {\n  r0=1;\n}\nexists (0:r0=1)\n"
TIDY = "MM t\n{ int x; }\nP0 {\n    r0 = 1;\n}\nexists (0:r0 = 1)\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "messy.litmus").write_text(MESSY)
    (tmp_path / "tidy.litmus").write_text(TIDY)
    (tmp_path / "part.inc").write_text("void f(void){ }\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_prints(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "messy.litmus"]) == 0
    assert capsys.readouterr().out == TIDY
    assert (here / "messy.litmus").read_text() == MESSY


def test_check_lists_files(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check"]) == ExitCode.DIFFERS
    assert capsys.readouterr().out == "messy.litmus\npart.inc\n"
    assert main(["fmt", "--check", "tidy.litmus"]) == 0


def test_diff(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--diff", "messy.litmus"]) == 0
    assert "--- messy.litmus\n+++ messy.litmus\n" in (out := capsys.readouterr().out)
    assert "-  r0=1;\n+    r0 = 1;\n" in out
    assert main(["fmt", "--diff", "--check", "messy.litmus"]) == ExitCode.DIFFERS


def test_write(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.chmod(here / "messy.litmus", 0o640)
    assert main(["fmt", "--write", "."]) == 0
    assert capsys.readouterr().out == "messy.litmus\npart.inc\n"
    assert (here / "messy.litmus").read_text() == TIDY
    assert (here / "messy.litmus").stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in here.iterdir()) == ["messy.litmus", "part.inc", "tidy.litmus"]
    assert main(["fmt", "--write", "."]) == 0
    assert capsys.readouterr().out == ""


def test_other_ends_of_lines_are_a_difference(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "tidy.litmus").write_bytes(TIDY.replace("\n", "\r\n").encode())
    assert main(["fmt", "--check", "tidy.litmus"]) == ExitCode.DIFFERS
    assert main(["fmt", "--write", "tidy.litmus"]) == 0
    assert (here / "tidy.litmus").read_bytes() == TIDY.encode()


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for words, code, said in (([], 0, TIDY), (["--check"], 1, "<stdin>\n")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MESSY.encode())))
        assert main(["fmt", *words, "-"]) == code
        assert capsys.readouterr().out == said


def test_a_broken_file_has_its_error_and_the_others_are_done(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "broken.litmus").write_text("MM t\nP0 {\n")
    assert main(["fmt", "--write", "."]) == ExitCode.WRONG
    out, err = capsys.readouterr()
    assert out == "messy.litmus\npart.inc\n"
    assert err.startswith("broken.litmus:2:1: error: this block is not closed")
    assert (here / "broken.litmus").read_text() == "MM t\nP0 {\n"


@pytest.mark.parametrize(
    "words, said",
    [(["--write", "--check", "."], "--write writes files"), (["a.litmus::F"], "a whole file has a style")],
)
def test_wrong_calls(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", *words]) == ExitCode.WRONG
    assert said in capsys.readouterr().err
