"""Tests to begin with: commented, and as expected. ``texts/`` has them, with NAME for the name."""

from __future__ import annotations

from pathlib import Path

from verifier.errors import UsageError
from verifier.records import NamedTuple


class Skeleton(NamedTuple):
    """A test to begin with: its language, its kind, what it asks, and its file in ``texts/``."""

    language: str
    kind: str
    about: str
    file: str


# The first one of a language, and of all, is what a call without more words means.
SKELETONS = (
    Skeleton("MM", "shootdown", "who may still use an old translation?", "shootdown"),
    Skeleton("MM", "lock", "what does a lock keep apart?", "lock"),
    Skeleton("MM", "table", "when may a page table be freed?", "table"),
    Skeleton("MM", "patching", "which instructions may a CPU execute while they change?", "patching"),
    Skeleton("MM", "hang", "can it hang?", "hang"),
    Skeleton("C", "barrier", "which barriers are needed?", "barrier-c"),
    Skeleton("C", "lock", "what does a lock keep apart?", "lock-c"),
    Skeleton("X86", "barrier", "which barriers are needed?", "barrier-x86"),
)
LANGUAGES_OF_SKELETONS = tuple(dict.fromkeys(s.language for s in SKELETONS))
KINDS_OF_SKELETONS = tuple(dict.fromkeys(s.kind for s in SKELETONS))


def skeleton(language: str | None, kind: str | None) -> Skeleton:
    """The first test to begin with that has this language and is of this kind. Raises ``UsageError``."""
    for one in SKELETONS:
        if language in (None, one.language) and kind in (None, one.kind):
            return one
    there = ", ".join(s.kind for s in SKELETONS if s.language == language)
    raise UsageError(f"{language} has no {kind!r} to begin with; it has {there}")


def reason_of(one: Skeleton, language: str | None) -> str:
    """Why a test is in its language, if that is not the usual one and nobody asked for it; else empty."""
    usual = SKELETONS[0].language
    if language is not None or one.language == usual:
        return ""
    there = [s.language for s in SKELETONS if s.kind == one.kind]
    has = " and ".join(there)
    return f"{usual} has no {one.kind!r} to begin with; {has} {'have' if len(there) > 1 else 'has'} one"


def text_of(one: Skeleton, name: str) -> str:
    """The text of a test of this name."""
    text = (Path(__file__).parent / "texts" / f"{one.file}.litmus").read_text(encoding="utf-8")
    return text.replace("NAME", name, 1)
