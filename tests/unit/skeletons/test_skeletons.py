"""Tests to begin with: as expected on every machine by both judges, commented, and in the project's style."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import UsageError
from verifier.program.profiles import PROFILES
from verifier.skeletons import SKELETONS, Skeleton, skeleton, text_of
from verifier.source import Source
from verifier.style.formatted import formatted


def named(one: Skeleton) -> str:
    return f"{one.language}-{one.kind}"


@pytest.mark.long
@pytest.mark.parametrize("profile", PROFILES)
def test_each_is_as_expected(profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for one in SKELETONS:
        (tmp_path / f"{named(one)}.litmus").write_text(text_of(one, named(one)))
    call = ["check", "-q", "--strict", "--judge", "both", "--profile", profile, str(tmp_path)]
    assert main(call) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.endswith("13 tests: 13 as expected\n")


@pytest.mark.parametrize("one", SKELETONS, ids=named)
def test_each_has_its_name_comments_and_the_style(one: Skeleton) -> None:
    text = text_of(one, "mine")
    assert text.split()[:2] == [one.language, "mine"] and "NAME" not in text
    assert "//" in text or "(*" in text
    assert formatted(Source("mine.litmus", text)) == text
    if one.language == "MM":
        assert "F  never" in text and "B1 " in text


def test_the_first_that_fits_is_taken() -> None:
    assert skeleton(None, None) == SKELETONS[0]
    assert skeleton("X86", None).kind == "barrier" and skeleton(None, "barrier").language == "C"
    with pytest.raises(UsageError, match="X86 has no 'hang' to begin with; it has barrier"):
        skeleton("X86", "hang")
