"""Completion in shells, as a user gets it who presses the tabulator."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.commands.parser import whole_parser
from verifier.commands.table import COMMANDS
from verifier.completion import SHELLS, commands
from verifier.render.formats import formats_of

CASES = {
    "verifier ": [*COMMANDS, "--help", "--version"],
    "verifier his": ["history"],
    "verifier check --format ": formats_of("check"),
    "verifier check --format s": ["sarif"],
    "verifier states --format=h": ["herd"],
    "verifier audit --format ": ["text", "json"],
    "verifier check t.litmus --changed": ["--changed-since"],
    "verifier states --changed": [],
    "verifier check --profile a": ["amd"],
    "verifier completion ": list(SHELLS),
    "verifier check ": [],
    "verifier check --store ": [],
}


@pytest.mark.parametrize("shell", SHELLS)
def test_it_names_all_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    for name, command in commands(whole_parser()).items():
        assert name in text
        for option in command.options:
            assert all((n.lstrip("-") if shell == "fish" else n) in text for n in option.names)


@pytest.mark.parametrize("line", CASES)
def test_bash(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out
    words = line.replace("=", " = ").split(" ")
    script += f"COMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}; _verifier verifier\n"
    script += 'printf "%s\\n" "${COMPREPLY[@]}"\n'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "" and done.stdout.split() == CASES[line]


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
@pytest.mark.parametrize("line", CASES)
def test_fish(line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["completion", "fish"])
    (tmp_path / "c.fish").write_text(capsys.readouterr().out)
    call = ["fish", "--no-config", "-c", f"source c.fish; complete -C {shlex.quote(line)}"]
    done = subprocess.run(call, capture_output=True, text=True, check=True, cwd=tmp_path)
    found = {row.split("\t")[0].removeprefix("--format=") for row in done.stdout.splitlines()}
    assert done.stderr == "" and found - {"c.fish"} == set(CASES[line]) - {"--help", "--version"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_reads_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["completion", "zsh"])
    (tmp_path / "_verifier").write_text(capsys.readouterr().out)
    subprocess.run(["zsh", "-n", str(tmp_path / "_verifier")], check=True)


def test_no_such_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "sh"]) == 2
    assert "invalid choice: 'sh'" in capsys.readouterr().err
