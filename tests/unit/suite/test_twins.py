"""Variants that are the same test give a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.texts import warned

TOP = """MM twin
{ int x; int y; }
P0 { x = 1; [!B & !C] smp_mb(); [B] r1 = smp_processor_id(); [M] r0 = y; [!M] r0 = READ_ONCE(y); }
P1 { y = 1; smp_mb(); r0 = x; }
"""


@pytest.mark.slow
def test_twins_are_a_warning_in_the_line_of_the_later_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = TOP + "variants {\n F never;\n M never;\n B sometimes;\n C sometimes;\n G never;\n}\n"
    err = warned(capsys, tmp_path, text + "exists (0:r0 = 0 /\\ 1:r0 = 0)\n")
    assert err.count(": warning: ") == 3
    assert "t.litmus:7:2: warning: variants F and M are the same test [same-test]\n" in err
    assert "t.litmus:10:2: warning: variants F and G are the same test [same-test]\n" in err
    assert "variants B and C are" in err  # nobody asks for the r1 of B
    assert err == warned(capsys, tmp_path, text + "exists (0:r0 = 0 /\\ 1:r0 = 0)\n", "-j", "2")


def test_other_conditions_are_other_tests(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    variants = "variants { M never; B sometimes; C sometimes; }\n"
    conditions = "[B] exists (0:r0 = 0 /\\ 1:r0 = 0)\n[C] exists (0:r0 = 1)\n[else] exists (0:r0 = 7)\n"
    assert warned(capsys, tmp_path, TOP + variants + conditions) == ""


@pytest.mark.parametrize("form", ["json", "herd"])
def test_other_formats_have_them_too(capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str) -> None:
    text = TOP + "variants { M never; F never; B sometimes; C sometimes; }\n"
    text += "exists (0:r0 = 0 /\\ 1:r0 = 0)\n"
    found = warned(capsys, tmp_path, text)
    assert found.count(": warning: ") == 2
    assert warned(capsys, tmp_path, text, "--format", form) == found
