"""Words of the vocabulary for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from verifier.model.rules import rules
from verifier.output import Paint
from verifier.words.folding import WordFamily
from verifier.words.rows import Word
from verifier.words.search import family_of
from verifier.words.table import orders

WIDE = 48  # a longer word has a line of its own; what else is longer moves the rest of its line


def word_table(found: Sequence[WordFamily], paint: Paint) -> Iterator[str]:
    """A line for each word or family: how it is written, what it is on x86, what it orders, its rules."""
    rows = [_cells(family) for family in found]
    widths = [max((len(row[n]) for row in rows if len(row[n]) <= WIDE), default=0) for n in range(3)]
    group = ""
    for family, (name, *rest) in zip(found, rows, strict=True):
        if family.members[0].group != group:
            yield from [""] * bool(group)
            group = family.members[0].group
            yield paint.strong(group)
        if len(name) > WIDE:
            yield f"  {name}"
            name = ""
        cells = [cell.ljust(width) for cell, width in zip((name, *rest[:2]), widths, strict=True)]
        yield f"  {'  '.join(cells)}  {rest[2]}".rstrip()


def _cells(family: WordFamily) -> tuple[str, str, str, str]:
    word = family.members[0]
    return family.signature, word.events, orders(word), word.rule


def whole_word(word: Word, paint: Paint) -> Iterator[str]:
    """All that is known of one word."""
    yield paint.strong(word.name if word.planned else word.signature)
    yield ""
    family = family_of(word)
    told = {
        "on x86": word.events,
        "meaning": word.doc,
        "orders": orders(word) or "nothing beyond TSO",
        "rules": "; ".join(f"{n} {rules()[n].title}" for n in word.rule.split(", ") if n in rules()),
        "read from": word.source,
        "listed in": word.group,
        "one of": family.name if len(family.members) > 1 else "",
    }
    yield from (f"  {name:<9}  {text}" for name, text in told.items() if text)


def word_objects(words: Sequence[Word]) -> str:
    """Words as JSON."""
    rows = [
        {
            "name": word.name,
            "signature": word.name if word.planned else word.signature,
            "x86": word.events,
            "meaning": word.doc,
            "orders": orders(word),
            "rules": word.rule.split(", ") if word.rule else [],
            "source": word.source,
            "group": word.group,
            "refused": bool(word.planned),
        }
        for word in words
    ]
    return json.dumps({"words": rows}, indent=2, ensure_ascii=False) + "\n"
