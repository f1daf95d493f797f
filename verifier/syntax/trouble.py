"""Makes diagnostics and hints in plain words, and merges those of several readings of a file."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import TYPE_CHECKING

from verifier.errors import InputError
from verifier.records import NamedTuple
from verifier.source import Diagnostic, Source, Span

if TYPE_CHECKING:
    from lark.exceptions import UnexpectedInput

    from verifier.syntax.test import Test


class Trouble(Exception):
    """One diagnostic, raised where the error is found and collected by a caller."""

    def __init__(self, code: str, message: str, span: Span | None, hint: str = "") -> None:
        self.diagnostic = Diagnostic(code, message, span, hint)
        super().__init__(message)


class Reading(NamedTuple):
    """One way to read a file with errors: its errors, and tests that may have more of them."""

    troubles: tuple[Diagnostic, ...]
    tests: tuple[Test, ...]


class Unfinished(InputError):
    """A file has errors. Its tests are made nonetheless, so that the errors of their programs show, too.

    ``readings``  two readings of the file: with the parts whose guards are wrong, and without them. If
                  there are no such parts, the first one alone;
    ``doubtful``  these parts.
    """

    def __init__(self, readings: Sequence[Reading], doubtful: Sequence[Span]) -> None:
        self.readings, self.doubtful = tuple(readings), tuple(doubtful)
        super().__init__(agreed([r.troubles for r in readings], doubtful))


def agreed(readings: Sequence[Sequence[Diagnostic]], doubtful: Sequence[Span]) -> list[Diagnostic]:
    """The errors that all readings have, and those inside doubtful parts, each once.

    Errors that only one reading has are mere consequences of a wrong guard, such as a name that is declared
    twice or not at all.
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


TERMINALS = {
    "SEMICOLON": "';'", "COMMA": "','", "LPAR": "'('", "RPAR": "')'", "LSQB": "'['", "RSQB": "']'",
    "LBRACE": "'{'", "_NAMES": "'{'", "RBRACE": "'}'", "COLON": "':'", "EQUAL": "'='", "NAME": "a name",
    "NUMBER": "a number",
    "SIGNED": "a number", "COMPARE": "'='", "AND": "'/\\'", "OR": "'\\/'", "NOT": "'~'", "STRING": "a string",
    "QUANTIFIER": "'exists', '~exists' or 'forall'", "$END": "the end of the file", "STAR": "'*'",
    "REGISTER": "a register", "MINUSGREATERTHAN": "'->'", "DOT": "'.'", "__ANON_0": "'->'",
    "EXPECT": "'never', 'sometimes', 'always' or 'deadlock'", "HANGS": "'hangs'",
}  # fmt: skip


def syntax_error(source: Source, error: UnexpectedInput, where: str, end: int | None = None) -> Diagnostic:
    """The error about an unexpected token, with the tokens that could stand in its place.

    ``end``: where the parsed part ends, if it is not the end of the source.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    start = error.pos_in_stream if error.pos_in_stream is not None else len(source.text.rstrip())
    found, expected = "", set[str]()
    if isinstance(error, UnexpectedToken):
        token = error.token
        start = token.start_pos if token.start_pos is not None else start
        # The text's own words: of a kernel's text the grammar may have read signs that stand for some.
        found = source.text[start : start + len(token)] if token.type != "$END" else ""
        expected = set(error.accepts or error.expected)
    elif isinstance(error, UnexpectedCharacters):
        found = source.text[start : start + 1]
        expected = set(error.allowed or ())
    elif isinstance(error, UnexpectedEOF):
        expected = set(error.expected)
    if not found:
        start = len(source.text.rstrip()) if end is None else end
    words = sorted({TERMINALS[e] for e in expected if e in TERMINALS})
    hint = ""
    if words and len(words) <= 6:
        hint = "expected " + " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    early = f"the file ends in the middle of {where}" if end is None else f"{where} ends too early"
    message = f"unexpected {found!r} in {where}" if found else early
    span = Span(source, start, start + max(1, len(found)))
    return Diagnostic("syntax", message, span, hint)


def the_first(span: Span, other: Span | None = None) -> str:
    """A hint that says where the first of two things is, and in which file if the ``other`` is in another."""
    file = f" of {span.source.name}" if other is not None and other.source is not span.source else ""
    return f"the first one is in line {span.line}{file}"


def nesting(span: Span, depth: int) -> Diagnostic:
    """The error about text that nests too deeply."""
    return Diagnostic("nesting", f"nested more than {depth} levels deep", span, "use fewer levels")


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word; empty if none is near.

    Of one letter only the case may be wrong. A longer word may have one letter that is wrong, missing, extra
    or swapped; one of six letters or more may have two. A name with another number is another name.
    """
    low = word.lower()
    most = 2 if len(low) >= 6 else min(1, len(low) - 1)
    near = (
        (_edits(low, other.lower(), most), other)
        for other in set(known)
        if other != word and abs(len(other) - len(low)) <= most and not _numbered(low, other.lower())
    )
    far, best = min(near, default=(most + 1, ""))
    return f"did you mean {best!r}?" if far <= most else ""


def _numbered(a: str, b: str) -> bool:
    """Do two names differ in one digit: ``r1`` and ``r2``?"""
    differ = [x + y for x, y in zip(a, b, strict=False) if x != y]
    return len(a) == len(b) and len(differ) == 1 and differ[0].isdigit()


def misspelt(word: str, known: Iterable[str], parts: Container[str]) -> list[str]:
    """The known words that ``word`` may be a misspelling of: the nearest ones.

    A part between underscores that is in ``parts`` counts as spelt right, and must be in the found word, too:
    ``dma_rmb`` is not offered for ``dma_mb``. If all parts are right, only a long word may have one letter
    too few or too many (``pte_get_and_clear``).
    """
    low = word.lower()
    if len(low) < 2:
        return []
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
        rest = folded.split("_")
        kept = bool(typos) and all(part in rest for part in right)
        limit = most if kept else 1 if not typos and len(low) >= 8 else -1
        if limit >= 0 and (far := _edits(low, folded, limit)) <= limit:
            found[other] = far
    best = min(found.values(), default=0)
    return sorted(other for other, far in found.items() if far == best)


def _edits(a: str, b: str, most: int) -> int:
    """The number of letters that are wrong, missing, extra or swapped; at most ``most + 1``."""
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
