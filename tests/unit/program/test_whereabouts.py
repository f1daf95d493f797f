"""Which execution of a line is meant: the parts of the answer that need no run."""

from __future__ import annotations

from verifier.program.whereabouts import ordinal


def test_ordinals() -> None:
    said = [ordinal(n) for n in (0, 1, 9, 10, 11, 12, 20, 21, 22, 100, 110, 111, 112)]
    assert said[:3] == ["first", "second", "tenth"]
    assert said[3:] == ["11th", "12th", "13th", "21st", "22nd", "23rd", "101st", "111th", "112th", "113th"]
