"""What is said of a text: errors that it raises, warnings that the command line prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import InputError
from verifier.source import Diagnostic, Source
from verifier.suite.load import load_checked


def wrong(text: str, defines: dict[str, int] | None = None) -> list[Diagnostic]:
    """All errors of a text that has some, those of building its tests too."""
    with pytest.raises(InputError) as caught:
        load_checked(Source("t.litmus", text), defines)
    return list(caught.value.diagnostics)


def warned(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, *options: str) -> str:
    """The warnings of a text whose tests come out as expected."""
    path = tmp_path / "t.litmus"
    path.write_text(text)
    assert main(["check", "-q", *options, str(path)]) == 0
    return capsys.readouterr().err
