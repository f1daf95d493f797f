"""Where reports are written: what is not ours is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import UsageError
from verifier.output import OutputError
from verifier.reports.folder import MARKER, ReportFolder

SB = str(Path(__file__).resolve().parents[3] / "litmus" / "classic" / "SB.litmus")


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_a_directory_with_other_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty, and is no report"):
        ReportFolder(str(tmp_path))
    assert main(["report", SB, "-o", str(tmp_path)]) == 2
    assert files(tmp_path) == {"notes.txt"}
    assert "name a new one, or an empty one" in capsys.readouterr().err


def test_a_file_in_its_place_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("mine")
    assert main(["report", SB, "-o", str(tmp_path / "out")]) == 2
    assert "File exists" in capsys.readouterr().err


def test_pages_that_went_are_removed(tmp_path: Path) -> None:
    for names in (["index.html", "tests/a.html"], ["index.html", "tests/b.html"], ["index.html"]):
        folder = ReportFolder(str(tmp_path))
        for name in names:
            folder.write(name, "é")
        folder.close()
        assert files(tmp_path) == {MARKER, *names}
    assert not (tmp_path / "tests").exists()


def test_a_report_that_was_killed_is_replaced(tmp_path: Path) -> None:
    """It has no index, but its marker names each page that may be there."""
    ReportFolder(str(tmp_path)).write("tests/a.html", "")
    folder = ReportFolder(str(tmp_path))
    folder.write("index.html", "")
    folder.close()
    assert files(tmp_path) == {MARKER, "index.html"}


def test_only_names_of_pages_are_removed(tmp_path: Path) -> None:
    """Somebody else may have written the marker."""
    outside = tmp_path / "outside.html"
    outside.write_text("mine")
    inside = tmp_path / "report"
    inside.mkdir()
    (inside / MARKER).write_text(f"../outside.html\n{outside}\ntests/../../outside.html\nnotes.txt\n")
    (inside / "notes.txt").write_text("mine")
    ReportFolder(str(inside)).close()
    assert outside.exists() and files(inside) == {MARKER, "notes.txt"}


def test_what_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ReportFolder(str(tmp_path))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=r"index\.html: No space left on device"):
        folder.write("index.html", "")
    assert files(tmp_path) == {MARKER}
    assert main(["report", SB, "-o", str(tmp_path)]) == 2
