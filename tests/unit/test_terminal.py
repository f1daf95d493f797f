"""What only a terminal shows: colours, progress; and what a summary ends with."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import ExitCode
from verifier.output import Output, Paint, paint_for
from verifier.progress import Progress
from verifier.render.attention import Attention, listed

ROOT = Path(__file__).resolve().parents[2]
CLASSIC = ROOT / "litmus" / "classic"
SWITCH = ROOT / "litmus" / "linux" / "switch_mm-vs-flush.litmus"
CODES = re.compile("\033\\[[0-9;]*m")
VARIABLES = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TERM")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# -- colours --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "when, terminal, environment, on",
    [
        ("auto", True, "", True),
        ("auto", False, "", False),
        ("auto", True, "NO_COLOR=1", False),
        ("auto", True, "NO_COLOR=1 FORCE_COLOR=1", False),
        ("auto", False, "FORCE_COLOR=1", True),
        ("auto", False, "CLICOLOR_FORCE=1", True),
        ("auto", False, "CLICOLOR_FORCE=0", False),
        ("auto", True, "FORCE_COLOR=0", False),
        ("auto", True, "TERM=dumb", False),
        ("auto", True, "TERM=dumb FORCE_COLOR=1", True),
        ("always", False, "NO_COLOR=1", True),
        ("never", True, "FORCE_COLOR=1", False),
    ],
)
def test_when_there_are_colours(
    when: str, terminal: bool, environment: str, on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for setting in environment.split():
        monkeypatch.setenv(*setting.split("="))
    assert paint_for(when, Terminal() if terminal else io.StringIO()).on is on


def test_space_is_not_painted() -> None:
    assert Paint(True).good("never    ") == "\033[32mnever\033[0m    "
    assert Paint(True).dim("   ") == "   " and Paint(False).bad("x") == "x"


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "states", "explain", "audit"])
def test_without_the_codes_a_coloured_text_is_the_same(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = f"{SWITCH}::F,B1"
    main([command, path])
    plain = capsys.readouterr().out
    main([command, "--color", "always", path])
    coloured = capsys.readouterr().out
    assert "\033" not in plain and "\033[32mnever\033[0m" in coloured
    assert CODES.sub("", coloured) == plain


@pytest.mark.slow
def test_what_is_coloured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (CLASSIC / "n6.litmus").read_text()
    path = tmp_path / "n6.litmus"
    path.write_text(text.replace("Result: Sometimes", "Result: Never"))
    assert main(["check", "--color", "always", str(path)]) == 1
    out = capsys.readouterr().out
    assert "\033[1;31msometimes\033[0m   \033[1;31mDIFFERS\033[0m: expected never" in out
    assert "\033[1m* CPU 0  MOV [x],$1\033[0m" in out and "\033[2mline 7\033[0m" in out
    assert "  CPU 0  MOV EAX,[x] " in out  # a step that does not matter
    assert main(["check", "-q", "--color", "always", "--timeout", "0.00001", str(SWITCH)]) == 3
    assert "\033[33munknown\033[0m" in capsys.readouterr().out


def test_formats_for_programs_have_no_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--format", "json", "--color", "always", str(SWITCH)]) == ExitCode.WRONG
    assert "--format json has no colours" in capsys.readouterr().err
    monkeypatch.setenv("FORCE_COLOR", "1")
    main(["check", "--format", "json", str(CLASSIC / "n6.litmus")])
    assert "\\u001b" not in (out := capsys.readouterr().out) and "\033" not in out


# -- progress -------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def progress_at(ends: list[float], of: int) -> tuple[Progress, Clock]:
    """The progress after parts that ended at these times."""
    clock = Clock()
    shown = Progress(Output(), clock=clock)
    shown.on = True
    for number, end in enumerate([0.0, *ends], 1):
        clock.now = end
        shown.at("x", number, of)
    return shown, clock


@pytest.mark.parametrize(
    "ends, of, line",
    [
        ([0.5] * 7, 1531, "[   8/1531] x"),  # too few have ended
        ([0.1 * n for n in range(1, 11)], 1531, "[  11/1531] x"),  # too little time
        ([float(n) for n in range(1, 213)], 252, "[213/252] 40 s left: x"),
        ([0.0] * 100 + [float(n) for n in range(1, 101)], 300, "[201/300] 2 min left: x"),
        ([60.0 * n for n in range(1, 11)], 211, "[ 11/211] 3 h left: x"),
        ([1.0], 2, "[2/2] x"),
    ],
)
def test_counts_and_the_time_left(ends: list[float], of: int, line: str) -> None:
    shown, _ = progress_at(ends, of)
    assert shown.line("x", len(ends) + 1) == line


def test_one_part_has_no_count_and_parts_of_an_unknown_number_have_no_end() -> None:
    shown = Progress(Output())
    shown.on = True
    shown.at("x")
    assert shown.line("x", 1) == "x"
    shown.at("x", 7, 0)
    assert shown.line("x", 7) == "[7] x" and shown.line("x", 7, 12.0) == "[7] 10 s left: x"


def test_other_work_begins_anew() -> None:
    shown, clock = progress_at([float(n) for n in range(1, 50)], 100)
    assert shown.left(50) is not None
    clock.now = 100.0
    shown.at("y", 1, 40)
    assert shown.left(1) is None


def test_without_a_terminal_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress(Output())
    shown.at("x", 1, 2)
    shown.close()
    assert capsys.readouterr().err == ""


# -- what needs attention -------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("n6", "SB", "MP"):
        shutil.copy(CLASSIC / f"{name}.litmus", tmp_path)
    path = tmp_path / "n6.litmus"
    path.write_text(path.read_text().replace("Result: Sometimes", "Result: Never"))
    (tmp_path / "broken it.litmus").write_text("MM x\n{")
    return tmp_path


def test_the_summary_ends_with_what_needs_attention(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-q", "--profile", "intel", "-D", "n=3", str(folder / "MP.litmus")]) == 2
    capsys.readouterr()
    call = ["check", "-q", "--profile", "intel", "--timeout", "30", str(folder)]
    assert main(call) == 2
    out = capsys.readouterr().out
    again = "verifier check --profile intel --timeout 30"
    assert out.endswith(
        f"3 tests: 2 as expected, 1 differs, 1 with errors\n\nneeds attention:\n"
        f"  error        {again} '{folder}/broken it.litmus'\n"
        f"  differs  n6  {again} {folder}/n6.litmus\n"
    )


def test_one_file_has_only_its_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-q", str(folder / "n6.litmus")]) == 1
    assert "attention" not in capsys.readouterr().out
    assert main(["check", "-q", str(folder / "SB.litmus"), str(folder / "MP.litmus")]) == 0
    assert capsys.readouterr().out.endswith("2 tests: 2 as expected\n")


@pytest.mark.slow
def test_the_call_that_is_shown_shows_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "families.litmus"
    path.write_text(SWITCH.read_text().replace('V6 never     "', 'V6 sometimes "'))
    assert main(["check", "-q", str(folder)]) == 2
    (call,) = re.findall(r"differs  switch_mm-vs-flush::V6  verifier (.*)", capsys.readouterr().out)
    assert main(call.split()) == 1
    assert capsys.readouterr().out.startswith("switch_mm-vs-flush::V6   never       DIFFERS")


NAMES = [
    "-dash.litmus",
    "c::d.litmus",
    "lat\udce9.litmus",
    "es\033c.litmus",
    "it's.litmus",
    "new\nline.litmus",
]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("variants", [False, True], ids=["file", "variant"])
def test_the_call_works_whatever_the_file_is_called(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    variants: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "MM t\n{ int x; }\nP0 { x = 1; }\n"
    text += "variants { F never; B1 always; }\n" * variants + "expect never;\n" * (not variants)
    (tmp_path / name).write_text(f"{text}exists (x = 1)\n")
    (tmp_path / "bad.litmus").write_text("bad")
    assert main(["check", "-q", ".", "./bad.litmus"]) == 2
    out, _ = capsys.readouterr()
    assert out.isprintable() or set(filter(lambda c: not c.isprintable(), out)) == {"\n"}
    call = re.findall(r"differs  t\S*  +(verifier check .*)", out)[0]
    bash = ["bash", "-c", f"verifier() {{ printf '%s\\0' \"$@\"; }}; {call}"]
    words = subprocess.run(bash, capture_output=True, check=True).stdout.split(b"\0")[:-1]
    assert main([os.fsdecode(word) for word in words]) == 1
    assert capsys.readouterr().out.startswith("t::F " if variants else "t ")


def test_the_call_for_standard_input() -> None:
    found = [Attention("unknown", "t::F", "<stdin>::F")]
    assert list(listed(found, "verifier check", Paint()))[2] == "  unknown  t::F  verifier check -::F"


@pytest.mark.parametrize("form", ["text", "github"])
def test_a_files_name_is_not_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    (tmp_path / "es\033[2Jc.litmus").write_text("bad")
    (tmp_path / "other\033.litmus").write_text("AArch64 other\n{ }\n P0 ;\n NOP ;\nexists (true)\n")
    assert main(["check", "--format", form, "--skip-other", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert "\033" not in out + err and "es\\x1b[2Jc.litmus" in err


def test_a_long_list_is_cut() -> None:
    found = [Attention("differs", f"t{n}", f"t{n}.litmus") for n in range(33)]
    lines = list(listed(found, "verifier check", Paint()))
    assert lines[:3] == ["", "needs attention:", "  differs  t0   verifier check t0.litmus"]
    assert len(lines) == 23 and lines[-1] == "  and 13 more"
    assert list(listed([], "verifier check", Paint())) == []
    assert (
        list(listed([Attention("unknown", "t", "<stdin>")], "verifier check", Paint()))[2]
        == "  unknown  t  verifier check -"
    )


# -- calls without paths --------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["check", "states", "explain", "audit", "compare"])
def test_without_a_path_it_is_what_is_here(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(CLASSIC / "SB.litmus", tmp_path)
    shutil.copy(CLASSIC / "MP.litmus", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main([command]) == 0
    assert "2 tests: " in capsys.readouterr().out


def test_hidden_directories_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (".venv", "mine"):
        (tmp_path / folder / "below").mkdir(parents=True)
        shutil.copy(CLASSIC / "SB.litmus", tmp_path / folder / "below")
    monkeypatch.chdir(tmp_path)
    assert main(["fmt", "--check"]) == 0
    assert main(["states", "-q"]) == 0
    assert "SB " in capsys.readouterr().out and main(["check", "-q", ".venv"]) == 0


def test_without_a_path_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.verifier]\ntests = ["mine", "more/n6.litmus"]\n')
    for folder, name in (("mine", "SB"), ("more", "n6"), ("other", "MP")):
        (tmp_path / folder).mkdir()
        shutil.copy(CLASSIC / f"{name}.litmus", tmp_path / folder)
    monkeypatch.chdir(tmp_path / "other")
    assert main(["check", "-q"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["SB", "n6", "2"]
    assert main(["check", "-q", "."]) == 0
    assert capsys.readouterr().out.startswith("MP ")


@pytest.mark.parametrize("command", ["check", "explain", "compare", "repair", "fmt", "watch"])
def test_nothing_is_here(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command]) == ExitCode.WRONG
    assert "names no path, and there are no .litmus files below this directory" in capsys.readouterr().err
    (tmp_path / "pyproject.toml").write_text('[tool.verifier]\ntests = ["mine"]\n')
    assert main([command]) == ExitCode.WRONG
    assert f"no tests in {tmp_path}/mine, as [tool.verifier] of {tmp_path}" in capsys.readouterr().err


def test_the_tests_of_the_settings_are_named_as_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.verifier]\ntests = ["gone"]\n')
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")
    assert main(["check"]) == 2
    assert f"there are no tests in {tmp_path}/gone, as [tool.verifier] of " in capsys.readouterr().err


@pytest.mark.parametrize("value", ['"mine"', "[]", "[1]", '[""]'])
def test_tests_are_a_list_of_paths(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.verifier]\ntests = {value}\n")
    monkeypatch.chdir(tmp_path)
    assert main(["check"]) == ExitCode.WRONG
    assert "tests must be a list of strings, files and directories" in capsys.readouterr().err
