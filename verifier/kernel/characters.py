"""Character constants."""

from __future__ import annotations

_ESCAPES = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11}


def character(text: str) -> int:
    """The value of a character constant, such as ``'a'`` or ``'\\n'`` (C11 6.4.4.4)."""
    inside = text[1:-1]
    if not inside.startswith("\\"):
        return ord(inside)
    escape = inside[1:]
    if escape[0] == "x" and len(escape) > 1:
        return int(escape[1:], 16)
    if escape[0] in "01234567":
        return int(escape, 8)
    return _ESCAPES.get(escape, ord(escape[0]))
