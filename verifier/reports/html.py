"""HTML from texts. A text is escaped where it enters; what is HTML already has the type ``Html``."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from verifier.patterns import pattern
from verifier.render.problem import printable

# Characters that turn the direction of a line round, so that a reader sees another text than the judge.
_TURNING = pattern("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_EMPTY = frozenset({"br", "input", "link", "meta"})  # elements without an end


class Html(str):
    """A piece of HTML."""

    __slots__ = ()


def html(text: str) -> Html:
    """A text as HTML; HTML as it is. Characters that cannot be seen become ``\\x1b`` and the like."""
    if isinstance(text, Html):
        return text
    return Html(escape(_TURNING.sub(lambda found: f"\\u{ord(found[0]):04x}", printable(text))))


def joined(parts: Iterable[str], between: str = "") -> Html:
    """The parts one after the other."""
    return Html(html(between).join(map(html, parts)))


def tag(element: str, *inner: str, **attributes: str | int | None) -> Html:
    """An element. ``class_`` is the attribute ``class``, ``data_rule`` is ``data-rule``; an attribute that is
    None is left out, and an empty one has no value."""
    said = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + (f'="{html(str(value))}"' if value != "" else "")
        for name, value in attributes.items()
        if value is not None
    )
    if element in _EMPTY:
        return Html(f"<{element}{said}>")
    return Html(f"<{element}{said}>{joined(inner)}</{element}>")


def link(href: str, *inner: str, **attributes: str | int | None) -> Html:
    """A link."""
    return tag("a", *inner, href=href, **attributes)


def code(text: str) -> Html:
    """A piece of a program, in one line."""
    return tag("code", " ".join(text.split()))


def row(cells: Iterable[str], cell: str = "td") -> Html:
    """A row of a table."""
    return tag("tr", *(tag(cell, text) for text in cells))


def table(head: Iterable[str], rows: Iterable[str], **attributes: str | int | None) -> Html:
    """A table, with or without a head, that scrolls by itself if it is wider than the page."""
    names = [tag("th", text, scope="col") for text in head]
    top = tag("thead", tag("tr", *names)) if names else ""
    return tag("div", tag("table", top, tag("tbody", *rows), **attributes), class_="wide")
