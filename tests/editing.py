"""Texts with a mark where the pointer is, as an editor asks about them."""

from __future__ import annotations

from verifier.editor.files import Files
from verifier.editor.names import KnownNames
from verifier.editor.places import normal
from verifier.editor.rename import NewText
from verifier.editor.scan import Litmus
from verifier.source import Source

MARK = "‸"


def pointed(text: str, path: str = "t.litmus", files: Files | None = None) -> tuple[KnownNames, int]:
    """The names of a text, and the offset of its mark, which is not part of it."""
    at = text.index(MARK)
    litmus = Litmus(Source(path, normal(text.replace(MARK, ""))))
    return KnownNames.of(litmus, files or Files()), at


def names_of(text: str, path: str = "t.litmus", files: Files | None = None) -> KnownNames:
    """The names of a text."""
    return KnownNames.of(Litmus(Source(path, normal(text))), files or Files())


def edited(text: str, edits: list[NewText]) -> str:
    """A text after edits."""
    for one in sorted(edits, reverse=True):
        text = f"{text[: one.start]}{one.text}{text[one.end :]}"
    return text
