"""A text as tokens, comments and lines, which is all that may not change when a file is printed anew."""

from __future__ import annotations

from bisect import bisect_right

from verifier.patterns import pattern
from verifier.records import dataclass
from verifier.source import Source
from verifier.syntax import layout

_TOKEN = pattern(
    r"\"[^\"]*\""
    r"|'(?:[^'\\\n]|\\(?:[0-7]{1,3}|x[0-9a-fA-F]+|.))'"
    r"|\w+|\.\.\.|<<=|>>=|/\\|\\/|->|\+\+|--|<<|>>|<=|>=|==|!=|<>|=>|&&|\|\||\.\.|\?:|[-+*/%&|^]=|\S"
)
TAB = 8  # columns from one tab stop to the next


@dataclass(slots=True)
class TextToken:
    """A token or a comment. ``start``: its offset; ``kind``: ``comment``, ``word``, ``text`` or ``sign``.
    ``breaks``: how many line breaks stand before it; ``gap``: is there a space or a line break?"""

    text: str
    start: int
    kind: str
    breaks: int = 0
    gap: bool = False

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.start + len(self.text)

    @property
    def wordlike(self) -> bool:
        """Would it become another token if a word stood right beside it?"""
        return self.kind in ("word", "text")


def tokens(
    text: str, comments: layout.Uncommented, start: int = 0, end: int | None = None
) -> list[TextToken]:
    """The tokens and comments of a text from ``start`` to ``end``."""
    end = len(text) if end is None else end
    found: list[TextToken] = []
    at = start
    for begin, comment in zip(comments.starts, comments.comments, strict=True):
        if start <= begin < end:
            found += _between(text, at, begin)
            found.append(TextToken(comment.rstrip(), begin, "comment"))
            at = begin + len(comment)
    found += _between(text, at, end)
    last = start
    for token in found:
        space = text[last : token.start]
        token.breaks, token.gap = space.count("\n"), bool(space)
        last = token.end
    return found


def _between(text: str, start: int, end: int) -> list[TextToken]:
    return [TextToken(m.group(), m.start(), _kind(m.group())) for m in _TOKEN.finditer(text, start, end)]


def _kind(text: str) -> str:
    if text[0] in "\"'" and len(text) > 1:
        return "text"
    return "word" if text[0] == "_" or text[0].isalnum() else "sign"


def stay_apart(left: str, right: str) -> bool:
    """Would two tokens become others if nothing stood between them?"""
    together = f"{left}{right}"
    if together[:2] in ("//", "/*", "(*") or f"{left[-1:]}{right[:1]}" in ("//", "/*", "(*", "*/", "*)"):
        return True
    return [m.group() for m in _TOKEN.finditer(together)] != [left, right]


class Columns:
    """The columns of offsets in a text, with tabs written out."""

    def __init__(self, source: Source) -> None:
        self.text, self.starts = source.text, source.starts()

    def of(self, offset: int) -> int:
        """The column of an offset, counted from 0."""
        start = self.starts[bisect_right(self.starts, offset) - 1]
        return width(self.text[start:offset])


def width(text: str) -> int:
    """How many columns a line takes."""
    return len(text.expandtabs(TAB))


def comment_lines(text: str) -> list[str]:
    """The lines of a comment without the space around them."""
    return [line.strip() for line in text.split("\n")]
