"""The examples of the documentation run, its links exist, and its generated page is up to date."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import STOPPED, ExitCode
from verifier.render.formats import FORMATS
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.words.table import reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "litmus" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (page.name, text)
        for page in PAGES
        for text in re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    ]


@pytest.mark.parametrize(("page", "text"), blocks("litmus"))
def test_litmus_examples_are_as_expected(page: str, text: str) -> None:
    tests = load(Source(page, text))
    assert tests
    for test in tests:
        assert run(test, Options(judge="both")).as_expected, test.id


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_python_examples_run(page: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(text, page, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_vocabulary_page_is_printed_from_the_table() -> None:
    assert (ROOT / "docs" / "vocabulary.md").read_text() == reference()


CLI = (ROOT / "docs" / "cli.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading of docs/cli.md, without its header row."""
    below = CLI.partition(f"\n## {heading}\n")[2]
    rows = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert rows is not None, heading
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[0].splitlines()[2:]]


def test_the_exit_codes_are_those_of_the_program() -> None:
    codes = [[str(int(code)), code.meaning] for code in sorted(ExitCode)]
    assert table("Exit codes") == [*codes, [f"{STOPPED} + N", "stopped by signal N"]]
    order = ", ".join(str(int(code)) for code in ExitCode)
    assert f"uses the first of {order}." in CLI


def test_the_formats_are_those_of_the_program() -> None:
    rows = [[f"`{n}`", ", ".join(f"`{c}`" for c in f.commands), f.about] for n, f in FORMATS.items()]
    assert table("Formats") == rows
    assert f"the default is `{next(iter(FORMATS))}`" in CLI


def printed() -> list[tuple[str, str, str]]:
    """A page, a litmus file in it, and what ``verifier check`` prints about it, as the page says."""
    found = []
    for page in PAGES:
        fences = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        for (language, text), (other, output) in pairwise(fences):
            name = re.match(r"\w+ ([\w-]+)", text)
            if language == "litmus" and not other and name and output.startswith(name[1]):
                found.append((page.name, text, output))
    return found


def test_some_examples_say_what_is_printed() -> None:
    assert len(printed()) > 1


@pytest.mark.parametrize(("page", "text", "output"), printed())
def test_what_examples_print(
    page: str, text: str, output: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "example.litmus"
    path.write_text(text)
    assert main(["check", str(path)]) == ExitCode.EXPECTED
    assert capsys.readouterr().out == output


CONSOLE = [
    (page.name, text, command, output)
    for page in PAGES
    for text, command, output in re.findall(
        r"^```litmus\n((?:(?!```).*\n)*)```\n"
        r"(?:(?!```).*\n)*?"
        r"^```console\n\$ verifier (.*)\n((?:(?!```).*\n)*)```",
        page.read_text(),
        re.MULTILINE,
    )
]


def test_some_examples_say_what_is_called() -> None:
    assert CONSOLE


@pytest.mark.parametrize(("page", "text", "command", "output"), CONSOLE)
def test_what_commands_print(
    page: str,
    text: str,
    command: str,
    output: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A call that follows a litmus file, which has the name of its test."""
    name = text.split()[1]
    (tmp_path / f"{name}.litmus").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == ExitCode.EXPECTED
    assert capsys.readouterr().out == output


def calls() -> list[tuple[str, str, str]]:
    """A page, a call of the command in it, and what it prints, as the page says."""
    return [
        (page.name, call, output)
        for page in PAGES
        for call, output in re.findall(
            r"^```console\n\$ verifier ([^\n]*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL
        )
        if not any(call == command for _, _, command, _ in CONSOLE)
    ]


@pytest.mark.parametrize(("page", "call", "output"), calls())
def test_what_calls_print(
    page: str, call: str, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(call)) == ExitCode.EXPECTED
    assert capsys.readouterr().out == output


def test_some_calls_say_what_is_printed() -> None:
    assert len(calls()) > 3
