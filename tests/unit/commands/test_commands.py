"""The table of commands, and the modules that it names."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

import verifier.commands
from verifier.cli import main
from verifier.commands.parser import parse
from verifier.commands.table import COMMANDS, module_of
from verifier.errors import UsageError
from verifier.model import cover

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
    with pytest.raises(UsageError, match="no command 'chekc'; did you mean 'check'"):
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


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    """The exit code of a call, and what it writes to standard error."""
    code = main([str(word) for word in words])
    return code, capsys.readouterr().err


def test_a_call_without_a_command_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = call(capsys)
    assert code == 2 and said.startswith("verifier: name a command\n\nusage: verifier")
    assert all(f"\n    {name} " in said or f"\n    {name}\n" in said for name in COMMANDS)


@pytest.mark.parametrize("path", ["::F", ""])
def test_a_path_without_a_file_is_named(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = call(capsys, "check", path)
    assert code == 2 and f"verifier: {path!r}: the name of a file is missing" in said


def test_a_constant_of_the_call_has_no_place_in_the_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for head, body in (("MM t", "{ int x; }\nP0 { x = 1; }\n"), ("X86 t", "{ }\n P0 ;\n MOV [x],$1 ;\n")):
        path = tmp_path / f"{head.split()[0]}.litmus"
        path.write_text(f"{head}\n{body}exists (x = 1)\n")
        code, said = call(capsys, "check", "-D", "n=3", path)
        assert code == 2 and said.startswith(f"{path}: error: there is no constant 'n' to define")


@pytest.mark.parametrize(
    ("there", "said"),
    [(False, "there is no directory"), (True, "is no kernel tree; name the directory with")],
)
def test_a_place_without_a_kernel_is_said_once(
    there: bool, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    if there:
        tree.mkdir()
    code, errors = call(capsys, "check", "-q", "--kernel", tree, Path("litmus", "kernel"))
    assert code == 2 and errors.count(said) == 1 and len(errors.splitlines()) == 1


def test_a_rule_with_a_table_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    for which in ("5.1", "tce"):
        assert main(["rules", which]) == 0
        assert cover.reference().strip() in capsys.readouterr().out
    assert main(["rules", "5.2"]) == 0
    assert "|" not in capsys.readouterr().out


def test_warnings_come_in_the_order_of_their_places(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(
        "MM t\n{ int x; }\nP0 { local_irq_enable(); local_irq_disable(); x = 1; }\nenum { NEVER };\n"
        "exists (x = 1)\n"
    )
    _, said = call(capsys, "check", "-q", path)
    places = [tuple(map(int, place)) for place in re.findall(r":(\d+):(\d+): warning", said)]
    assert len(places) > 1 and places == sorted(places)
