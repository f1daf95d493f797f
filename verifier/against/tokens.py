"""Tokens of C as its preprocessor sees them (C11 6.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from verifier.patterns import pattern
from verifier.records import NamedTuple

_TOKEN = pattern(
    r"(?P<space>\s+)|(?P<name>[A-Za-z_]\w*)|(?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)"
    r'|(?P<text>"(?:[^"\\]|\\.)*")|(?P<char>\'(?:[^\'\\]|\\.)*\')'
    r"|(?P<mark>\.\.\.|<<=|>>=|##|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|.)",
    re.DOTALL,
)
_NEVER_HIDDEN: frozenset[str] = frozenset()


class Token(NamedTuple):
    """``kind`` is ``name``, ``number``, ``text``, ``char`` or ``mark``. ``spaced``: white space stands
    before it; ``hidden``: the macros that made it, which it does not call again (6.10.3.4)."""

    kind: str
    text: str
    spaced: bool = False
    hidden: frozenset[str] = _NEVER_HIDDEN


def tokens(text: str) -> list[Token]:
    """The tokens of a text without comments and directives."""
    out: list[Token] = []
    spaced = False
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "mark"
        if kind == "space":
            spaced = True
            continue
        out.append(Token(kind, found.group(), spaced))
        spaced = False
    return out


def spelled(of: Iterable[Token]) -> str:
    """Tokens as text that has the same tokens."""
    out: list[str] = []
    before = ""
    for token in of:
        text = token.text
        if out and (token.spaced or _joins(before, text)):
            out.append(" ")
        out.append(text)
        before = text
    return "".join(out)


def _joins(left: str, right: str) -> bool:
    """Could two tokens become another one where nothing stands between them?"""
    a, b = left[-1:], right[:1]
    return (a.isalnum() or a == "_") == (b.isalnum() or b == "_") and (
        a.isalnum() or a == b or b in "=>&|<-+"
    )
