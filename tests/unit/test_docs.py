"""The examples of the documentation run, its links exist, and its generated page is up to date."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from verifier.cli import main
from verifier.errors import STOPPED, ExitCode
from verifier.model import cover
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
        assert run(test, Options(judge="both")).exit_code == ExitCode.EXPECTED, test.id


@pytest.mark.slow
@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_python_examples_run(page: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    exec(compile(text, page, "exec"), {})


def text_of(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """What a link can name after ``#``: the headings of a page, as GitHub and the site spell them."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, _, anchor in re.findall(r"\]\(([^)#:]*)(#([^)]*))?\)", text_of(page)):
        path = page.parent / target if target else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def test_each_page_has_its_place_in_the_site() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    trees = re.findall(r"^```{toctree}\n(?::.*\n)*\n((?:.+\n)*)```", index, re.MULTILINE)
    placed = [line for tree in trees for line in tree.splitlines()]
    pages = [page.stem for page in (ROOT / "docs").glob("*.md") if page.stem != "index"]
    assert sorted(placed) == sorted(pages)


def test_the_vocabulary_page_is_printed_from_the_table() -> None:
    assert (ROOT / "docs" / "vocabulary.md").read_text() == reference()


def test_what_invalidations_remove_is_the_table_of_the_code() -> None:
    assert cover.reference() in (ROOT / "docs" / "memory-model.md").read_text()


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


class Call(NamedTuple):
    """A call of the command in a page, what it prints, and the litmus files that the page has before it."""

    page: Path
    files: dict[str, str]
    command: str
    output: str


def calls() -> list[Call]:
    found = []
    for page in PAGES:
        files: dict[str, str] = {}
        for language, text in re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            if language == "litmus":
                files = files | {text.split()[1]: text}
            if language == "console":
                command, _, output = text.partition("\n")
                found.append(Call(page, files, command.removeprefix("$ verifier "), output))
    return found


@pytest.mark.parametrize("call", calls(), ids=lambda call: f"{call.page.name} {call.command}")
def test_what_calls_print(
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """A litmus file has the name of its test. With ``--update-golden``, the page is written anew."""
    for name, text in call.files.items():
        (tmp_path / f"{name}.litmus").write_text(text)
    for folder in ("litmus", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(call.command)) == ExitCode.EXPECTED
    output = capsys.readouterr().out
    if request.config.getoption("--update-golden"):
        shown = f"```console\n$ verifier {call.command}\n"
        call.page.write_text(call.page.read_text().replace(f"{shown}{call.output}```", f"{shown}{output}```"))
        return
    assert output == call.output


def test_some_calls_say_what_is_printed() -> None:
    assert len(calls()) > 15
    assert not [call.page.name for call in calls() if call.files and not call.output]
