"""Places are counted as editors count them."""

from __future__ import annotations

import pytest

from verifier.editor.places import Lines, Point, Unit, normal

TEXT = "MM a // é\n// 漢字 🙂 x\n\nlast"


@pytest.mark.parametrize(
    ("unit", "column"),
    [("utf-16", 3 + 2 + 1 + 2 + 1), ("utf-8", 3 + 6 + 1 + 4 + 1), ("utf-32", 3 + 2 + 1 + 1 + 1)],
)
def test_columns_count_code_units(unit: Unit, column: int) -> None:
    lines = Lines(TEXT, unit)
    assert lines.point(TEXT.index("x")) == Point(1, column)
    assert lines.offset(Point(1, column)) == TEXT.index("x")


@pytest.mark.parametrize("unit", ["utf-16", "utf-8", "utf-32"])
def test_each_offset_comes_back(unit: Unit) -> None:
    lines = Lines(TEXT, unit)
    assert [lines.offset(lines.point(at)) for at in range(len(TEXT) + 1)] == list(range(len(TEXT) + 1))


def test_places_beyond_the_text_are_at_its_ends() -> None:
    lines = Lines(TEXT)
    assert lines.offset(Point(0, 99)) == TEXT.index("\n")
    assert lines.offset(Point(99, 0)) == len(TEXT)
    assert lines.point(999) == Point(3, 4)


def test_lines_and_columns_of_other_line_ends_stay() -> None:
    assert normal("a\r\nb\rc\n") == "a\nb\nc\n"
    assert normal("\ufeffMM x") == " MM x"
