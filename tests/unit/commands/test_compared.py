"""``verifier compare``: the same switches, bounds and constants under each profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import ExitCode

SLOW = """MM t
enum { n = 1 };
{ int x; int y; }
P0 { WRITE_ONCE(x, 1); while (READ_ONCE(y) != n) { r0 = READ_ONCE(y); WRITE_ONCE(y, r0 + 1); }
     r1 = READ_ONCE(x); }
P1 { WRITE_ONCE(x, 2); }
exists (0:r1 = 2)
"""
STORE_BUFFERING = """MM t
{ int x; int y; }
P0 { WRITE_ONCE(x, 1); r0 = READ_ONCE(y); }
P1 { WRITE_ONCE(y, 1); r0 = READ_ONCE(x); }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""


def compared(capsys: pytest.CaptureFixture[str], path: Path, text: str, *options: str) -> str:
    """What the command prints of a test under two profiles."""
    path.write_text(text)
    main(["compare", "--all", "--profiles", "generic,amd", *options, str(path)])
    return capsys.readouterr().out


def test_a_switch_is_set_in_each_profile(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "t.litmus"
    assert compared(capsys, path, STORE_BUFFERING).count("sometimes") == 2
    assert compared(capsys, path, STORE_BUFFERING, "--set", "store_buffer=false").count("never") == 2


def test_an_unknown_switch_is_said_before_files_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--set", "nope=true", "nowhere.litmus"]) == ExitCode.WRONG
    said = capsys.readouterr().err
    assert "unknown switch 'nope'" in said and "nowhere" not in said


def test_a_bound_and_a_constant_hold_in_each_profile(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "t.litmus"
    assert compared(capsys, path, SLOW).count(" sometimes") == 2
    assert "under amd: unknown (within bound 2" in compared(capsys, path, SLOW, "-D", "n=4")
    assert compared(capsys, path, SLOW, "-D", "n=4", "--unroll", "4").count(" sometimes") == 2
