"""The tests that differ from a git revision, or include a file that does."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from verifier.cli import main

TEST = '#include "sub/one.inc"\n{ int x; }\nP0 { set(); r0 = x; }\nexpect always;\nexists (0:r0 = 1)\n'


def git(where: Path, *words: str) -> None:
    name = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(where), *name, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tests ``a`` and ``b``, which includes one.inc, which includes two.inc; ``c`` takes a kernel's text."""
    root = tmp_path / "root"
    sub = root / "t" / "sub"
    sub.mkdir(parents=True)
    git(root, "init", "-q")
    (sub / "two.inc").write_text("void set(void) { x = 1; }\n")
    (sub / "one.inc").write_text('/* #include "none.inc" */\n#include "two.inc"\n')
    (root / "t" / "a.litmus").write_text(f"MM a\n{TEST[23:].replace('set();', 'x = 1;')}")
    (root / "t" / "b.litmus").write_text(f"MM b\n{TEST}")
    (root / "t" / "c.litmus").write_text(
        'MM c\n#kernel "mm/f.c" { f }\n{ int x; }\nP0 { f(&x); r0 = x; }\nexpect always;\nexists (0:r0 = 1)\n'
    )
    (root / "mm").mkdir()
    (root / "mm" / "f.c").write_text("void f(int *x)\n{\n\t*x = 1;\n}\n")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "one")
    monkeypatch.chdir(root)
    return root


def decided(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], str]:
    """The tests that are decided, all as expected, and what is said about it."""
    code = main(["check", "-q", "--format", "json", "--kernel", ".", *words])
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert code == 0 and found["errors"] == [], err
    return [result["name"] for result in found["results"]], err


def test_nothing_has_changed(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "verifier: 0 of 3 files differ from HEAD, or include one that does\n"
    assert decided(capsys, "t", "--changed-since", "HEAD") == ([], said)
    assert main(["check", "t", "--changed-since", "HEAD", "--store", "s.db"]) == 0
    assert capsys.readouterr().out == "0 tests: nothing to judge\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("t/a.litmus", ["a"]),
        ("t/sub/one.inc", ["b"]),
        ("t/sub/two.inc", ["b"]),
        ("t/sub/none.inc", []),
        ("mm/f.c", ["c"]),
        ("mm/g.c", []),
        ("t/d.litmus", ["d"]),
        ("t/é\n.litmus", ["d"]),
    ],
)
@pytest.mark.parametrize("where", ["changed", "added", "committed"])
def test_a_file_differs(
    repository: Path, capsys: pytest.CaptureFixture[str], file: str, names: list[str], where: str
) -> None:
    path = repository / file
    old = path.read_text() if path.exists() else (repository / "t" / "b.litmus").read_text()
    path.write_text(old.replace("MM b", "MM d") + "/* more */\n")
    if where != "changed":
        git(repository, "add", ".")
    if where == "committed":
        git(repository, "commit", "-q", "-m", "two")
        assert decided(capsys, "t", "--changed-since", "HEAD")[0] == []
        assert decided(capsys, "t", "--changed-since", "HEAD~1")[0] == names
    else:
        assert decided(capsys, "t", "--changed-since", "HEAD")[0] == names


@pytest.mark.slow
def test_a_variant_a_link_and_another_directory(
    repository: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "t" / "a.litmus").write_text((repository / "t" / "a.litmus").read_text() + "\n")
    (tmp_path / "link").symlink_to(repository)
    monkeypatch.chdir(tmp_path)
    for path in ("link/t", "root/t", str(repository / "t")):
        assert decided(capsys, path, "--changed-since", "HEAD")[0] == ["a"]
    os.remove(repository / "t" / "sub" / "two.inc")
    code = main(["check", "--changed-since", "HEAD", "root/t/b.litmus"])
    assert code == 2 and "there is no file 'two.inc'" in capsys.readouterr().err


def test_standard_input_and_missing_files_are_kept(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = main(["check", "--changed-since", "HEAD", "t", "none.litmus"])
    assert code == 2 and "none.litmus: error: there is no such file" in capsys.readouterr().err


@pytest.mark.slow
def test_what_git_cannot_say(
    repository: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*words: str) -> str:
        assert main(["check", *words]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        return err

    for name in ("nowhere", "--all", "HEAD:t", ""):
        assert f"there is no revision {name!r} in {repository}\n" in said(f"--changed-since={name}", "t")
    alone = tmp_path / "alone.litmus"
    alone.write_text("MM a\n")
    assert f"{alone} lies in no git repository" in said("--changed-since", "HEAD", str(alone))
    shallow = tmp_path / "shallow"
    (repository / "t" / "a.litmus").write_text("MM a\n")
    git(repository, "commit", "-q", "-a", "-m", "two")
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), str(shallow))
    assert "this clone is shallow" in said("--changed-since", "HEAD~1", str(shallow / "t"))
    broken = tmp_path / "broken"
    (broken / ".git").mkdir(parents=True)
    (broken / "a.litmus").write_text("MM a\n")
    assert "--changed-since HEAD: fatal: not a git repository" in said("--changed-since", "HEAD", str(broken))
    monkeypatch.setenv("PATH", "")
    assert "asks git, which is not installed" in said("--changed-since", "HEAD~2", "t")
