"""Finds words of the vocabulary: by name, by a glob, by a text in what they mean."""

from __future__ import annotations

from fnmatch import fnmatchcase

from verifier.words.folding import WordFamily, families
from verifier.words.rows import Word
from verifier.words.table import WORDS


def found_words(pattern: str) -> list[Word]:
    """The words that a pattern finds, in the order of the vocabulary. A name finds this word alone; a glob as
    ``smp_*`` names; any other text names and meanings that have it in them, upper case or lower; no pattern
    finds all."""
    name = pattern.removesuffix("()")
    if name in WORDS:
        return [WORDS[name]]
    if any(sign in pattern for sign in "*?["):
        return [word for word in WORDS.values() if fnmatchcase(word.name, name)]
    text = " ".join(name.lower().split())
    return [word for word in WORDS.values() if text in word.name.lower() or text in _said(word)]


def _said(word: Word) -> str:
    """What a word means and is on x86, and the heading that it stands under."""
    return " ".join((word.doc, word.events, word.group)).lower()


def family_of(word: Word) -> WordFamily:
    """The family that a word belongs to."""
    return next(f for f in families(list(WORDS.values())) if word in f.members)
