"""The settings of a project: [tool.verifier] in the nearest pyproject.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import ExitCode, UsageError
from verifier.settings import Settings, settings

SMALL = Path(__file__).parents[1] / "trees" / "small"
TEST = """MM flag
#kernel "kernel/flag.c" { wait_flag }
#kernel "include/flags.h"
#config !CONFIG_STATISTICS, !CONFIG_FENCES, !CONFIG_SLOW
{ struct board board; }
P0 { r0 = wait_flag(&board); }
expect always;
exists (0:r0 = -1)
"""


def project(path: Path, text: str) -> Path:
    (path / "pyproject.toml").write_text(text)
    below = path / "a" / "b"
    below.mkdir(parents=True)
    return below


@pytest.mark.parametrize("named", ["../tree@v1", "/somewhere/tree"])
def test_a_tree_is_named_from_where_the_file_lies(tmp_path: Path, named: str) -> None:
    below = project(tmp_path, f'[tool.verifier]\nkernel = "{named}"\n')
    for start in (tmp_path, below):
        found = settings(start)
        assert found.kernel == (named if named[0] == "/" else f"{tmp_path}/{named}")
        assert found.file == str(tmp_path / "pyproject.toml")


def test_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of")
    assert settings(project(tmp_path, '[tool.verifier]\nkernel = "~/linux"\n')).kernel == "/home/of/linux"


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    below = project(tmp_path, '[tool.verifier]\nkernel = "tree"\n')
    (below.parent / "pyproject.toml").write_text("[project]\nname = 'verifier-tests'\n")
    assert settings(below).kernel is None
    assert settings(tmp_path).kernel is not None


@pytest.mark.parametrize("text", ["", "[tool.other]\nkernel = 'x'\n", "[tool.verifier]\n"])
def test_nothing_is_said(tmp_path: Path, text: str) -> None:
    assert settings(project(tmp_path, text)).kernel is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[tool.verifier]\nkernal = 'x'\n", r"toml: \[tool.verifier\] has no key 'kernal'; it has kernel"),
        ("[tool.verifier]\nfile = 'x'\n", "has no key 'file'"),
        ("[tool.verifier]\nkernel = 1\n", "must be a string"),
        ("[tool.verifier]\nkernel = ''\n", "must be a string"),
        ("[tool]\nverifier = 'x'\n", "must be a table"),
        ("[tool.verifier\n", "pyproject.toml: "),
    ],
)  # fmt: skip
def test_wrong_settings(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        settings(project(tmp_path, text))


def test_no_settings() -> None:
    assert settings("/") == Settings()


@pytest.mark.slow
def test_commands_use_it_where_no_tree_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    below = project(tmp_path, f'[tool.verifier]\nkernel = "{SMALL}"\n')
    (below / "flag.litmus").write_text(TEST)
    monkeypatch.chdir(below)
    assert main(["check", "flag.litmus"]) == ExitCode.EXPECTED
    assert "as expected" in capsys.readouterr().out
    assert main(["kernel", "flag.litmus"]) == ExitCode.EXPECTED
    assert "wait_flag()" in capsys.readouterr().out
    assert main(["compare", "--all", "--models", "sc", "flag.litmus"]) == ExitCode.EXPECTED
    assert "1 test" in capsys.readouterr().out
    (tmp_path / "other.c").write_text("int other;\n")
    assert main(["check", "flag.litmus", "--kernel", str(tmp_path)]) == ExitCode.WRONG
    assert "there is no such file in the tree" in capsys.readouterr().err
    (tmp_path / "pyproject.toml").write_text("[tool.verifier]\nother = 1\n")
    assert main(["check", "flag.litmus"]) == ExitCode.WRONG
    assert "[tool.verifier] has no key 'other'" in capsys.readouterr().err
