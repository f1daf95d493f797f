"""The exact outputs that users see: stories, state lists, diagnostics. ``make golden`` rewrites them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifier.cli import main

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

CASES = {
    "switch_mm": ["check", "litmus/linux/switch_mm-vs-flush.litmus"],
    "lazy-return": ["check", "litmus/linux/lazy-return.litmus"],
    "family": ["check", "-D", "n=3", "litmus/linux/switch_mm-vs-flush-n.litmus::B2"],
    "n6": ["check", "litmus/classic/n6.litmus"],
    "states": ["states", "litmus/classic/SB.litmus", "litmus/linux/lazy-return.litmus"],
    "herd": ["states", "--format", "herd", "litmus/classic/MP.litmus", "litmus/linux/lazy-return.litmus"],
    "dot": ["check", "-q", "--dot", "-", "litmus/classic/SB.litmus"],
    "errors": ["check", "tests/golden/errors.mm"],
}


@pytest.mark.parametrize("name", CASES)
def test_golden(
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.chdir(ROOT)
    code = main(CASES[name])
    captured = capsys.readouterr()
    text = f"exit {code}\n{captured.out}{captured.err}"
    text = re.sub(r"(Time \S+) \d+\.\d+", r"\1 *", text)
    path = HERE / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.write_text(text)
    assert path.read_text() == text
