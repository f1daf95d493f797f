"""Files with errors: all errors are reported together, each once, in the order of their lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.texts import wrong
from verifier.cli import main
from verifier.source import Source
from verifier.suite.load import load_all

TOP = "MM t\n{ page A = 1; mm N { v -> A }; int x; int y; }\n"
END = "variants { F never; B1 never; }\n"


def told(text: str) -> list[tuple[str, int]]:
    """The codes and lines of a file's errors."""
    found = sorted(wrong(text), key=lambda d: d.span.start if d.span else 0)
    return [(d.code, d.span.line if d.span else 0) for d in found]


def test_wrong_guards_do_not_hide_wrong_programs() -> None:
    text = TOP + "P0 { [Q] r0 = 1;\n fooo();\n smp_mb(1);\n z = 1; }\n" + END + "exists (x = 1)\n"
    assert told(text) == [("unknown-variant", 3), ("unknown-word", 4), ("arity", 5), ("unknown-name", 6)]


def test_each_error_comes_once_for_all_variants(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(TOP + "P0 { fooo();\n [B1] baar(); }\n" + END + "exists (x = 1)\n")
    assert main(["check", str(path)]) == 2
    found = capsys.readouterr()
    assert re.findall(r":(\d+):\d+: error", found.err) == ["3", "4"]
    assert "1 with errors" in found.out


@pytest.mark.parametrize(
    "text",
    [
        "P0 { [Q] r0 = 1; }\n" + END + "exists (0:r0 = 1)\n",
        "P0 { [Q] int r0 = 1; [else] int r0 = 2; }\n" + END + "exists (0:r0 = 1)\n",
        "P0 { [Q] int r0 = 1; [B1] int r0 = 2; [F] r0 = 3; }\n" + END + "exists (0:r0 = 1)\n",
        "[Q] P0 { r0 = 1; }\n" + END + "exists (0:r0 = 1)\n",
        "P0 { x = 1; }\n" + END + "[Q] exists (x = 1)\n",
        "P0 { x = 1; }\n" + END + "[Q] exists (x = 1)\n[else] exists (x = 2)\n",
        "[Q] void f(void *i) { x = 1; }\nP0 { f(NULL); }\n" + END + "exists (x = 1)\n",
    ],
)
def test_a_wrong_guard_is_one_error(text: str) -> None:
    assert [code for code, _ in told(TOP + text)] == ["unknown-variant"]


def test_what_a_wrong_guard_guards_is_looked_into() -> None:
    text = TOP + "P0 {\n [Q] fooo(); }\n" + END + "exists (x = 1)\n"
    assert told(text) == [("unknown-variant", 4), ("unknown-word", 4)]


def test_a_guard_that_never_holds_is_one_error() -> None:
    text = TOP + "P0 { [F & B1] r0 = 1; }\n" + END + "exists (0:r0 = 1)\n"
    assert [code for code, _ in told(text)] == ["constant-guard"]


def test_a_missing_include_does_not_repeat_itself_in_every_call() -> None:
    text = '#include "nosuch.inc"\n' + TOP.partition("\n")[2] + "P0 { f(); }\nexists (x = 1)\n"
    assert [code for code, _ in told("MM t\n" + text)] == ["include"]


def test_a_condition_that_does_not_parse_is_not_missing_as_well() -> None:
    assert told(TOP + "P0 { x = 1;\n fooo(); }\nexists (x = )\n") == [("unknown-word", 4), ("syntax", 5)]


def test_a_range_of_cpus_the_wrong_way_round_is_one_error() -> None:
    assert [code for code, _ in told(TOP + "P0 { }\nP2..1 { r0 = 1; }\nexists (2:r0 = 1)\n")] == ["family"]


def test_a_file_without_errors_loads() -> None:
    text = TOP + "P0 { [F] x = 1; [else] x = 2; }\n" + END + "exists (x = 1)\n"
    assert [t.variant for t in load_all(Source("t.litmus", text))] == ["F", "B1"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_errors_come_back_from_other_processes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, jobs: str
) -> None:
    (tmp_path / "a.litmus").write_text(TOP + "P0 { fooo(); }\nexists (x = 1)\n")
    (tmp_path / "b.litmus").write_text(TOP + "P0 { [Q] x = 1; }\nexists (x = 1)\n")
    (tmp_path / "c.litmus").write_bytes(b"\0")
    assert main(["check", "-j", jobs, str(tmp_path)]) == 2
    found = capsys.readouterr()
    assert [c for c in re.findall(r"\[(\S+)\]\n", found.err) if c.islower()] == [
        "unknown-word",
        "unknown-variant",
        "binary",
    ]
