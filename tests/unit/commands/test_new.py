"""``verifier new``: it asks nothing, replaces nothing, and what it writes runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import ExitCode


@pytest.mark.slow
def test_it_writes_a_test_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "mine"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and "verifier check mine.litmus " in out and "verifier watch mine.litmus " in out
    assert main(["check", "-q", "mine.litmus"]) == 0
    found = capsys.readouterr().out
    assert "mine::F    never " in found and "mine::B1   sometimes " in found


def test_it_replaces_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.litmus"
    path.write_text("precious")
    assert main(["new", str(path), "--kind", "lock"]) == ExitCode.WRONG
    assert "is there already; take another name" in capsys.readouterr().err
    assert path.read_text() == "precious"


@pytest.mark.parametrize(
    "words, said",
    [
        (["a b"], "'a b' cannot be a test's name"),
        (["/no/such/folder/x"], "cannot write /no/such/folder/x.litmus: No such file or directory"),
        (["x", "--language", "C", "--kind", "hang"], "C has no 'hang' to begin with; it has barrier, lock"),
    ],
)
def test_what_cannot_be(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", *words]) == ExitCode.WRONG
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "language", "why"),
    [
        ([], "MM", ""),
        (["--kind", "hang"], "MM", ""),
        (["--kind", "lock"], "MM", ""),
        (["--language", "X86"], "X86", ""),
        (["--language", "C", "--kind", "barrier"], "C", ""),
        (["--kind", "barrier"], "C", "since MM has no 'barrier' to begin with; C and X86 have one"),
    ],
)
def test_it_says_in_which_language_and_why(
    words: list[str], language: str, why: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "mine.litmus"
    assert main(["new", str(path), *words]) == ExitCode.EXPECTED
    out = capsys.readouterr().out
    assert out.startswith(f"{path}, in {language}: ") and path.read_text().startswith(language)
    assert why in out and ("It is in" in out) == bool(why)
