"""The errors and the warnings of a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import InputError
from verifier.source import Diagnostic, Source
from verifier.suite.load import load_checked


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
