"""The errors and the warnings of a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import InputError
from verifier.source import Diagnostic, Source
from verifier.suite.load import load_checked

# A test whose loop the bound cuts, and one with a warning and errors.
LOOP = """MM loop
{ int x; }
P0 { x = 1; }
P1 { r0 = x; while (r0 == 0) { r0 = x; r1 = x; if (r1 == 0) { r0 = 0; } } }
expect never;
exists (1:r0 = 2)
"""
BAD = "MM bad\nSourse=here\n{ int x; }\nP0 { z = 1; }\nexists (w=1)\n"


def wrong(text: str, defines: dict[str, int] | None = None) -> list[Diagnostic]:
    """All errors of a text, also those of building its tests. There must be at least one."""
    with pytest.raises(InputError) as caught:
        load_checked(Source("t.litmus", text), defines)
    return list(caught.value.diagnostics)


def warned(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, *options: str) -> str:
    """The warnings that the command line prints about a text. Its verdicts must be as expected."""
    path = tmp_path / "t.litmus"
    path.write_text(text)
    assert main(["check", "-q", *options, str(path)]) == 0
    return capsys.readouterr().err
