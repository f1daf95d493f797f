"""Friendly words for what is wrong with a text, and the exception that carries them."""

from __future__ import annotations

import difflib
from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from verifier.errors import InputError
from verifier.source import Diagnostic, Source, Span

if TYPE_CHECKING:
    from lark.exceptions import UnexpectedInput

    from verifier.syntax.test import Test


class Trouble(Exception):
    """One diagnostic, raised where it is found and collected above."""

    def __init__(self, code: str, message: str, span: Span | None, hint: str = "") -> None:
        self.diagnostic = Diagnostic(code, message, span, hint)
        super().__init__(message)


class Reading(NamedTuple):
    """One way to read a file with errors: what is wrong, and tests to look for more errors in."""

    troubles: tuple[Diagnostic, ...]
    tests: tuple[Test, ...]


class Unfinished(InputError):
    """A file is wrong, and so may be the programs of its tests, which are made nonetheless.

    ``readings``  the file with the parts whose guards are wrong and, if there are any, without them;
    ``doubtful``  these parts.
    """

    def __init__(self, readings: Sequence[Reading], doubtful: Sequence[Span]) -> None:
        self.readings, self.doubtful = tuple(readings), tuple(doubtful)
        super().__init__(agreed([r.troubles for r in readings], doubtful))


def agreed(readings: Sequence[Sequence[Diagnostic]], doubtful: Sequence[Span]) -> list[Diagnostic]:
    """What is wrong however a file is read, and what is wrong inside doubtful parts; each once.

    What only one reading finds is what a wrong guard does to the rest: a name declared twice, or
    not at all.
    """
    first, *others = map(dict.fromkeys, readings)
    found: dict[object, Diagnostic] = {}
    for d in first:
        inside = d.code != "duplicate" and any(_within(d, part) for part in doubtful)
        if inside or all(d in other for other in others):
            found.setdefault((d.code, d.span, d.message, d.file), d)
    return list(found.values())


def _within(d: Diagnostic, part: Span) -> bool:
    at = d.span
    return at is not None and at.source is part.source and part.start <= at.start and at.end <= part.end


WORDS = {
    "SEMICOLON": "';'", "COMMA": "','", "LPAR": "'('", "RPAR": "')'", "LSQB": "'['", "RSQB": "']'",
    "LBRACE": "'{'", "RBRACE": "'}'", "COLON": "':'", "EQUAL": "'='", "NAME": "a name", "NUMBER": "a number",
    "SIGNED": "a number", "COMPARE": "'='", "AND": "'/\\'", "OR": "'\\/'", "NOT": "'~'", "STRING": "a string",
    "QUANTIFIER": "'exists', '~exists' or 'forall'", "$END": "the end of the file", "STAR": "'*'",
    "REGISTER": "a register", "MINUSGREATERTHAN": "'->'", "DOT": "'.'", "__ANON_0": "'->'",
    "EXPECT": "'never', 'sometimes', 'always' or 'deadlock'",
}  # fmt: skip


def syntax_error(source: Source, error: UnexpectedInput, where: str, end: int | None = None) -> Diagnostic:
    """What stands where nothing of the kind can, and what could stand there.

    ``end``: where the parsed part of the source ends, if not with the source.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    start = error.pos_in_stream if error.pos_in_stream is not None else len(source.text.rstrip())
    found, expected = "", set[str]()
    if isinstance(error, UnexpectedToken):
        token = error.token
        start = token.start_pos if token.start_pos is not None else start
        found = str(token) if token.type != "$END" else ""
        expected = set(error.accepts or error.expected)
    elif isinstance(error, UnexpectedCharacters):
        found = source.text[start : start + 1]
        expected = set(error.allowed or ())
    elif isinstance(error, UnexpectedEOF):
        expected = set(error.expected)
    if not found:
        start = len(source.text.rstrip()) if end is None else end
    words = sorted({WORDS[e] for e in expected if e in WORDS})
    hint = ""
    if words and len(words) <= 6:
        hint = "expected " + " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    early = f"the file ends in the middle of {where}" if end is None else f"{where} ends too early"
    message = f"unexpected {found!r} in {where}" if found else early
    span = Span(source, start, start + max(1, len(found)))
    return Diagnostic("syntax", message, span, hint)


def the_first(span: Span) -> str:
    """A hint where the first of two things is."""
    return f"the first one is in line {span.line}"


def nesting(span: Span, depth: int) -> Diagnostic:
    """What nests deeper than anyone means."""
    return Diagnostic("nesting", f"nested more than {depth} levels deep", span, "use fewer levels")


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word, or nothing."""
    close = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    if not close:
        folded = {k.lower(): k for k in known}
        close = [folded[word.lower()]] if word.lower() in folded else []
    return f"did you mean {close[0]!r}?" if close else ""


def misspelt(word: str, known: Iterable[str], parts: Container[str]) -> list[str]:
    """The known words of which this one is a misspelling, all equally near.

    What is spelt right is meant: a part between underscores that is in ``parts`` stands in the found
    word, too, so that nobody is told ``dma_rmb`` for ``dma_mb``. Only long words whose parts are all
    right may lack a letter or have one too many (``pte_get_and_clear``).
    """
    low = word.lower()
    right = [part for part in low.split("_") if part and part in parts]
    typos = [part for part in low.split("_") if part and part not in parts]
    most = 1 if len(low) < 6 else 2 if len(low) < 14 else 3
    found: dict[str, int] = {}
    for other in set(known):
        folded = other.lower()
        if abs(len(folded) - len(low)) > most:
            continue
        if folded.replace("_", "") == low.replace("_", ""):
            found[other] = 0
            continue
        far = _edits(low, folded, most)
        rest = folded.split("_")
        kept = bool(typos) and all(part in rest for part in right)
        if far <= (most if kept else 1 if not typos and len(low) >= 8 else -1):
            found[other] = far
    best = min(found.values(), default=0)
    return sorted(other for other, far in found.items() if far == best)


def _edits(a: str, b: str, most: int) -> int:
    """How many letters are wrong, missing, too many, or swapped with the next one; ``most + 1`` if more."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        new = [i]
        for j, y in enumerate(b, 1):
            cost = min(row[j] + 1, new[-1] + 1, row[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            new.append(cost)
        if min(new) > most:
            return most + 1
        before, row = row, new
    return row[-1]
