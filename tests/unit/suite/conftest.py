"""What tests of suites share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from verifier.cli import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls the command line: its exit code, output and errors."""

    def called(*words: object) -> tuple[int, str, str]:
        code = main([str(w) for w in words])
        return (code, *capsys.readouterr())

    return called
