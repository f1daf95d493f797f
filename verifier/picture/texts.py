"""Texts in pictures: how wide they are, how they are shortened and escaped."""

from __future__ import annotations

import re
from html import escape
from textwrap import wrap
from unicodedata import category, combining, east_asian_width

ELLIPSIS = "…"
# Wider than the characters of common monospaced fonts, as parts of the font size.
ADVANCE = 0.61


def columns(text: str) -> int:
    """How many cells of a monospaced font a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def width(text: str, size: float) -> float:
    """How wide a text is, at most, in units of the picture."""
    return columns(text) * size * ADVANCE


def shortened(text: str, most: int) -> str:
    """A text of at most ``most`` cells."""
    if columns(text) <= most:
        return text
    while columns(text) > most - 1:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS


def folded_lines(text: str, most: int, lines: int) -> list[str]:
    """A text in at most ``lines`` lines of ``most`` cells."""
    found = wrap(text, most, break_long_words=False, break_on_hyphens=False)
    if len(found) > lines:
        found[lines - 1 :] = [" ".join(found[lines - 1 :])]
    return [shortened(line, most) for line in found]


def clean(text: str) -> str:
    """A text in one line. What turns the direction of writing, and what XML does not know, is shown as its
    number: a name must not look like another one."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _plain(c) else f"\\u{ord(c):04x}" for c in text)


def escaped_line(text: str) -> str:
    """A line of a source for the content of an element: as ``escaped``, with its spaces."""
    return escape("".join(c if _plain(c) else f"\\u{ord(c):04x}" for c in text.expandtabs()), quote=True)


def _plain(c: str) -> bool:
    return category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def coded(html: str) -> str:
    """HTML whose code in backticks is in elements for code."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", html)


def escaped(text: str) -> str:
    """A text for the content or an attribute of XML and HTML."""
    return escape(clean(text), quote=True)
