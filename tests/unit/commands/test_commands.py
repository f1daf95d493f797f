"""The table of commands, and the modules that it names."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

import verifier.commands
from verifier.commands.parser import parse
from verifier.commands.table import COMMANDS, module_of
from verifier.errors import UsageError

HERE = Path(verifier.commands.__file__).parent
SHARED = {"__init__", "arguments", "calls", "options", "outcomes", "parser", "table"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_adds_its_arguments(name: str) -> None:
    parser = argparse.ArgumentParser()
    module_of(name).add(parser, name)
    assert len(parser._actions) > 1, "besides --help"


def test_each_module_is_in_the_table() -> None:
    named = {module for _, module in COMMANDS.values()}
    assert {path.stem for path in HERE.glob("*.py")} == named | SHARED


@pytest.mark.slow
def test_a_call_imports_its_own_command_alone() -> None:
    code = (
        "import sys; from verifier.commands.parser import parse; parse(['rules']); "
        "print(*sorted(m for m in sys.modules if m.startswith('verifier.commands.')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = {name.rpartition(".")[2] for name in found.stdout.split()}
    assert modules == {"rules", "arguments", "parser", "table"}


def test_a_command_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="invalid choice: 'chekc'"):
        parse(["chekc"])


@pytest.mark.parametrize(
    ("words", "like"), [(["help"], ["--help"]), (["help", "rules"], ["rules", "--help"])]
)
def test_help_is_a_word(words: list[str], like: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for call in (words, like):
        with pytest.raises(SystemExit):
            parse(call)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and said[0].startswith("usage: verifier")
