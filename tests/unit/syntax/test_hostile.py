"""Hostile input gives a diagnostic with its place, and never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import InputError
from verifier.source import Source
from verifier.suite.load import load_checked
from verifier.syntax import decode

TOP = "MM t\n{ page A = 1; mm N { v -> A }; int x; int y; }\n"
END = "\nexists (x = 1)\n"
TWO = "\nvariants { F never; B never; }\n"
N = 5000


def diagnostics(text: str) -> list[tuple[str, int, int]]:
    """Code, line and column of every error."""
    with pytest.raises(InputError) as caught:
        load_checked(Source("t.litmus", text))
    found = caught.value.diagnostics
    return [(d.code, d.span.line, d.span.column) if d.span else (d.code, 0, 0) for d in found]


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        "x = " + "(" * N + "1" + ")" * N + ";",
        "{" * N + "x = 1;" + "}" * N,
        "if (x) " * N + "x = 1;",
        "if (x) x = 2; else " * N + "x = 1;",
        "while (x) " * N + "x = 1;",
        "x = " + "!" * N + "1;",
        "x = " + "1 + " * N + "1;",
        "x = " + "x ? 1 : " * N + "1;",
        "x = " * N + "1;",
        "r0 = " + "*" * N + "v;",
        "r0 = x" + ".a" * N + ";",
        "r0 = " + "(int)" * N + "x;",
    ],
    ids=lambda code: code[:12],
)
def test_deep_programs(code: str) -> None:
    ((code, line, column),) = diagnostics(TOP + "P0 { " + code + " }" + END)
    assert (code, line) == ("nesting", 3)
    assert column > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "condition", ["(" * N + "x = 1" + ")" * N, "~" * N + "x = 1", "x = 1 => " * N + "x = 1"]
)
def test_deep_conditions(condition: str) -> None:
    ((code, line, _),) = diagnostics(TOP + "P0 { x = 1; }\nexists (" + condition + ")\n")
    assert (code, line) == ("nesting", 4)


@pytest.mark.long
@pytest.mark.parametrize("guard", ["!" * N + "B", "(" * N + "B" + ")" * N])
def test_deep_guards(guard: str) -> None:
    assert diagnostics(TOP + "P0 { [" + guard + "] x = 1; }" + TWO + END)[0][:2] == ("nesting", 3)


@pytest.mark.slow
def test_a_long_guard_takes_no_time() -> None:
    text = TOP + "P0 { [" + "B & " * N + "B] x = 1; }" + TWO + END
    assert len(load_checked(Source("t.litmus", text))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("initial", ["int x = " + "1 + " * N + "1;", "int x = " + "{" * N + "1" + "}" * N])
def test_deep_initial_values(initial: str) -> None:
    assert diagnostics("MM t\n{ " + initial + " }\nP0 { }" + END)[0][:2] == ("nesting", 2)


def test_deep_constants() -> None:
    text = "MM t\nenum { n = " + "-" * N + "1 };\n{ int x; }\nP0 { x = n; }" + END
    assert diagnostics(text)[0][:2] == ("nesting", 2)


@pytest.mark.slow
def test_as_deep_as_allowed_is_decided() -> None:
    for code in ("if (x) " * 90 + "x = 1;", "x = " + "!" * 90 + "y;", "x = " + "1 + " * 90 + "1;"):
        assert load_checked(Source("t.litmus", TOP + "P0 { " + code + " }" + END))


def test_a_variant_declared_twice_is_one_error() -> None:
    text = TOP + "P0 { [F] x = 1; }\nvariants { F never; B never;\n F sometimes; }" + END
    assert diagnostics(text) == [("duplicate", 5, 2)]


def test_a_variant_that_stands_on_itself() -> None:
    text = TOP + "P0 { x = 1; }\nvariants {\n F : B never;\n B : F never; }" + END
    assert {d for d in diagnostics(text) if d[0] == "circular"} == {("circular", 5, 2), ("circular", 6, 2)}


def test_nothing_but_comments() -> None:
    with pytest.raises(InputError, match="only comments"):
        load_checked(Source("t.litmus", "// a\n/* b */\n"))


def test_line_ends_of_all_times() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        source = decode(end.join([b"MM t", b"{ int x; }", b"P0 {", b" fooo(); }", b"exists (x = 1)"]), "t")
        assert diagnostics(source.text) == [("unknown-word", 4, 2)]


@pytest.mark.slow
def test_an_unreadable_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = tmp_path / "good.litmus", tmp_path / "bad.litmus"
    for path in (good, bad):
        path.write_text(TOP + "P0 { x = 1; }" + END)
    real = os.open

    def refuse(path: str, *more: int, **options: int | None) -> int:
        if path == str(bad):
            raise PermissionError(13, "Permission denied")
        return real(path, *more, **options)

    monkeypatch.setattr("os.open", refuse)
    assert main(["check", "-q", str(tmp_path)]) == 2
    found = capsys.readouterr()
    assert f"{bad}: error: Permission denied [unreadable]" in found.err
    assert "1 with errors" in found.out


def test_a_dangling_link_and_a_directory_named_like_a_test(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "link.litmus").symlink_to(tmp_path / "nothing")
    (tmp_path / "dir.litmus").mkdir()
    assert main(["check", "-q", str(tmp_path)]) == 2
    assert "link.litmus: error: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--timeout", "x", "a.litmus"], "'x' is not a number of seconds"),
        (["--timeout", "inf", "a.litmus"], "must be positive"),
        (["--timeout", "nan", "a.litmus"], "must be positive"),
        (["-j", "x", "a.litmus"], "'x' is not a whole number"),
        (["a.litmus::"], "the name of a variant is missing after '::'"),
        (
            ["a.litmsu"],
            "there is no such file or directory [missing]\n    hint: did you mean 'a.litmus'?",
        ),
        (["nosuch/a.litmus"], "nosuch/a.litmus: error: there is no such file or directory"),
        (["a.litmus::FF"], "there is no variant 'FF'; did you mean 'F'?"),
        (["a.litmus::QQQ"], "there is no variant 'QQQ'; it has F, B"),
    ],
)
def test_wrong_calls(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    (tmp_path / "a.litmus").write_text(TOP + "P0 { [F] x = 1; }" + TWO + END)
    monkeypatch.chdir(tmp_path)
    assert main(["check", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_settings_are_for_the_whole_file(tmp_path: Path) -> None:
    text = TOP + "P0 { [F] x = 1; }" + TWO + "[F] unroll 3;\nunroll 4;\nunroll 5;" + END
    assert diagnostics(text) == [("setting", 5, 1), ("duplicate", 6, 1), ("duplicate", 7, 1)]
    (tmp_path / "a.inc").write_text("unroll 3;\n")
    source = Source(str(tmp_path / "t.litmus"), 'MM t\n#include "a.inc"\n{ int x; }\nP0 { x = 1; }' + END)
    with pytest.raises(InputError, match=r"a\.inc:1:1: error: an included file cannot have 'unroll'"):
        load_checked(source)
