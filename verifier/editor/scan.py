"""Tokens and sections of a litmus file, also of one that is being typed.

The grammars accept whole files only. An editor asks in the middle of a line, so this module reads what is
there: it never raises, and a section that has no end stops where another one begins.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import Literal

from verifier.errors import InputError
from verifier.patterns import pattern
from verifier.records import NamedTuple
from verifier.source import Source
from verifier.syntax import layout

LexemeKind = Literal["name", "number", "string", "mark"]
SectionKind = Literal[
    "include", "kernel", "config", "without", "enum", "struct", "initial", "function", "thread", "nmi",
    "variants", "expect", "unroll", "final", "table",
]  # fmt: skip
WITH_CODE = frozenset({"function", "thread", "nmi"})


class Lexeme(NamedTuple):
    """A word or a mark of a text, and where it is."""

    kind: LexemeKind
    text: str
    start: int
    end: int


class Section(NamedTuple):
    """A part of a file: the tokens ``first .. last``, without the guards before it.

    ``body``  the token of its opening brace; ``last`` if it has none;
    ``name``  of a function, a struct; ``P0`` of a thread; the path of an include.
    """

    kind: SectionKind
    name: str
    first: int
    body: int
    last: int
    start: int
    end: int


_TOKEN = pattern(
    r'(?P<string>"[^"]*"?)|(?P<name>[A-Za-z_]\w*)|(?P<number>0[xX][0-9a-fA-F]+|\d\w*)'
    r"|(?P<mark>->|\.\.\.|\.\.|/\\|\\/|==|!=|<=|>=|=>|&&|\|\||\S)"
)
_X86_TOKEN = pattern(
    r'(?P<string>"[^"]*"?)|(?P<name>[A-Za-z_.][\w.]*)|(?P<number>0[xX][0-9a-fA-F]+|\d\w*)'
    r"|(?P<mark>->|/\\|\\/|==|!=|=>|&&|\|\||\S)"
)
_LINES = ("include", "kernel", "config", "without")
_FINALS = frozenset({"exists", "forall", "final", "filter", "locations", "observed", "Observed", "with"})
_NO_NAMES = frozenset({"if", "while", "for", "else", "return", "do", "switch", "case", "goto"})
_PROGRAM = pattern(r"P\d+")
_MOST_QUOTES = 50  # lost quotes that are looked for
_MAX_HEADING = 400  # tokens of the heading of a function
_MAX_TYPE = 12  # words of the type of a function
MAX_GUARD = 200  # tokens of a guard
MAX_SCANNED = 1 << 16  # characters of a text that is looked at while it is typed


class Litmus:
    """A litmus file or an include, as an editor has it. ``included``: it has no header."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.included = source.name.endswith(".inc")
        self.arch = "MM" if self.included else _arch(source.text)
        self.bare, self.comments = _bare(source, herd=self.assembly)

    @property
    def text(self) -> str:
        """The text itself."""
        return self.source.text

    @property
    def assembly(self) -> bool:
        """Is it one of herd7's files for X86?"""
        return self.arch in ("X86", "X86_64")

    @cached_property
    def start(self) -> int:
        """Where the rest begins, after the name, the doc string and ``Key=Value`` lines."""
        if self.included:
            return 0
        try:
            return layout.head(self.source, self.bare).start
        except (InputError, ValueError):
            line = self.bare.find("\n")
            return len(self.bare) if line < 0 else line

    @cached_property
    def tokens(self) -> list[Lexeme]:
        """The tokens after the head."""
        found: list[Lexeme] = []
        for m in (_X86_TOKEN if self.assembly else _TOKEN).finditer(self.bare, self.start):
            kind = m.lastgroup
            assert kind is not None
            found.append(Lexeme(kind, m.group(), m.start(), m.end()))  # type: ignore[arg-type]
        return found

    @cached_property
    def _starts(self) -> list[int]:
        return [t.start for t in self.tokens]

    def before(self, offset: int) -> int:
        """How many tokens begin before an offset."""
        return bisect_right(self._starts, offset - 1)

    def at(self, offset: int) -> int | None:
        """The token that an offset is in, or right behind; a name rather than another one."""
        number = bisect_right(self._starts, offset) - 1
        near = [n for n in (number, number - 1) if n >= 0 and self.tokens[n].end >= offset]
        return next((n for n in near if self.tokens[n].kind == "name"), near[0] if near else None)

    def in_comment(self, offset: int) -> bool:
        """Is an offset inside a comment?"""
        return any(start < offset <= end - 1 or (start < offset == end and _line(self.text, start))
                   for start, end in self.comments)  # fmt: skip

    @cached_property
    def sections(self) -> list[Section]:
        """The sections, in the order of the text."""
        return _assembly(self) if self.assembly else _Sections(self).all()

    def section_at(self, offset: int) -> Section | None:
        """The section that an offset is in, or right behind."""
        for section in reversed(self.sections):
            if section.start < offset <= section.end:
                return section
        return None

    def first_on_line(self, number: int) -> bool:
        """Does a token begin its line, in the first column?"""
        start = self.tokens[number].start
        return start == 0 or self.bare[start - 1] == "\n"


def _line(text: str, start: int) -> bool:
    return text.startswith("//", start)


def _arch(text: str) -> str:
    found = re.search(r"^\s*(?:(?://[^\n]*|/\*.*?\*/|\(\*.*?\*\))\s*)*([A-Za-z]\w*)", text, re.DOTALL)
    return found.group(1) if found else ""


def _bare(source: Source, *, herd: bool) -> tuple[str, list[tuple[int, int]]]:
    """A text without its comments, and where they are. A comment without an end goes on to the end of the
    text, a string without an end to that of its line."""
    text = source.text
    for _ in range(_MOST_QUOTES):
        lost = _lost_quote(text)
        if lost is None:
            break
        text = f"{text[:lost]} {text[lost + 1 :]}"
    more: list[tuple[int, int]] = []
    try:
        found = layout.uncomment(Source(source.name, text), herd=herd)
        bare = found.text
    except InputError as error:
        (wrong,) = error.diagnostics
        at = wrong.span.start if wrong.span else 0
        found = layout.uncomment(Source(source.name, text[:at]), herd=herd)
        bare = found.text + layout.blank(text[at:])
        more.append((at, len(text)))
    places = [(at, at + len(c)) for at, c in zip(found.starts, found.comments, strict=True)]
    return bare, [*places, *more]


_QUOTED = pattern(r'//[^\n]*|/\*.*?\*/|"[^"]*("|\Z)', re.DOTALL)


def _lost_quote(text: str) -> int | None:
    """Where a string begins that ends nowhere, or only where another one should begin."""
    for found in _QUOTED.finditer(text):
        said = found.group()
        code = "[;{}]" if "{" in text[: found.start()] else "[{}]"  # a doc string may have a semicolon
        open_ = not found.group(1) or ("\n" in said and re.search(code, said))
        if said.startswith('"') and open_:
            return found.start()
    return None


class _Sections:
    """Finds the sections of a C or MM file, or of an include."""

    def __init__(self, litmus: Litmus) -> None:
        self.litmus, self.tokens = litmus, litmus.tokens

    def all(self) -> list[Section]:
        """The sections."""
        found: list[Section] = []
        at = 0
        while at < len(self.tokens):
            token = self.tokens[at]
            if token.text == "[":
                at = self._guard(at)
                continue
            section = self._section(at)
            if section is None:
                at += 1
                continue
            found.append(section)
            at = section.last + 1
        return found

    def _guard(self, at: int) -> int:
        """What follows a guard, which ends on its line."""
        end, most = self._line_end(at), min(len(self.tokens), at + MAX_GUARD)
        while at < most and self.tokens[at].start < end:
            at += 1
            if self.tokens[at - 1].text == "]":
                break
        return at

    def _line_end(self, at: int) -> int:
        end = self.litmus.bare.find("\n", self.tokens[at].start)
        return end if end >= 0 else len(self.litmus.bare)

    def _word(self, at: int) -> str:
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def _section(self, at: int) -> Section | None:
        """The section that begins with a token."""
        word = self._word(at)
        if word == "#" and self._word(at + 1) in _LINES:
            return self._directive(at)
        if word == "{":
            return self._braced("initial", "", at, at)
        if word in ("variants", "enum"):
            name = self._word(at + 1) if word == "enum" and self._word(at + 1) != "{" else ""
            return self._braced("enum" if word == "enum" else "variants", name, at, self._brace(at))
        if word in ("struct", "union", "typedef") and self._word(at + 2) in ("{", ";"):
            return self._braced("struct", self._word(at + 1), at, self._brace(at))
        if word in ("expect", "unroll"):
            return self._to_semicolon("expect" if word == "expect" else "unroll", at)
        if word == "nmi":
            return self._braced("nmi", self._word(at + 1), at, self._brace(at))
        if _PROGRAM.fullmatch(word):
            return self._braced("thread", word, at, self._brace(at))
        if word in _FINALS or (word == "~" and self._word(at + 1) == "exists"):
            return self._final(at)
        if self.tokens[at].kind == "name":
            return self._function(at)
        return None

    def _brace(self, at: int) -> int | None:
        """The opening brace of a section that begins at a token; None if another section begins before."""
        for number in range(at + 1, len(self.tokens)):
            word = self.tokens[number].text
            if word == "{":
                return number
            if word in (";", "}") or self._begins(number):
                return None
        return None

    def _begins(self, at: int) -> bool:
        """Does a token surely begin a section, even where a brace before it is not closed?"""
        token = self.tokens[at]
        if not self.litmus.first_on_line(at):
            return False
        word, after = token.text, self._word(at + 1)
        if word in ("variants", "expect", "unroll", "nmi") and after != "=":
            return True
        if word == "#" and after in _LINES:
            return True
        if _PROGRAM.fullmatch(word):
            return after in ("{", "(", "..")
        if (word in _FINALS and word != "with") or (word == "~" and after == "exists"):
            return after not in ("=", ".")
        return token.kind == "name" and word not in _NO_NAMES and self._heading(at) is not None

    def _heading(self, at: int) -> tuple[int, int] | None:
        """The name of the function that a token begins, and its brace."""
        number, most = at, min(len(self.tokens), at + _MAX_TYPE)
        while number < most and (self._word(number) == "*" or self.tokens[number].kind == "name"):
            number += 1
        if number - at < 2 or self._word(number) != "(" or self._word(number - 1) == "*":
            return None
        name, depth = number - 1, 0
        for after in range(number, min(len(self.tokens), number + _MAX_HEADING)):
            word = self.tokens[after].text
            depth += (word == "(") - (word == ")")
            if depth == 0:
                return (name, after + 1) if self._word(after + 1) == "{" else None
            if word in (";", "{", "}"):
                return None
        return None

    def _function(self, at: int) -> Section | None:
        found = self._heading(at)
        if found is None:
            return None
        name, brace = found
        return self._braced("function", self._word(name), at, brace)

    def _braced(self, kind: SectionKind, name: str, first: int, brace: int | None) -> Section:
        """A section up to the brace that closes it, or to where another one begins."""
        if brace is None:
            last = first
            while last + 1 < len(self.tokens) and not self._begins(last + 1):
                last += 1
                if self.tokens[last].text in (";", "}"):
                    break
            return self._made(kind, name, first, last, last)
        depth = 0
        last = len(self.tokens) - 1
        for number in range(brace, len(self.tokens)):
            word = self.tokens[number].text
            depth += (word == "{") - (word == "}")
            if depth == 0:
                last = number
                break
            if number > brace and self._begins(number):
                last = self._without_guards(number, brace)
                break
        if kind in ("enum", "struct", "variants") and self._word(last) == "}":
            limit = 2 if kind == "struct" else 1  # typedef struct { } name;
            ahead = [self._word(last + n) for n in range(1, limit + 1)]
            if ";" in ahead:
                last += ahead.index(";") + 1
        return self._made(kind, name, first, brace, last, closed=depth == 0)

    def _without_guards(self, number: int, least: int) -> int:
        """The last token before a section, without the guards that belong to it."""
        last = number - 1
        while last > least and self._word(last) == "]":
            opening = last
            while opening > least and self._word(opening) != "[":
                opening -= 1
            if not self.litmus.first_on_line(opening):
                break
            last = opening - 1
        return max(least, last)

    def _to_semicolon(self, kind: SectionKind, at: int) -> Section:
        last = at
        while last + 1 < len(self.tokens) and self._word(last) != ";" and not self._begins(last + 1):
            last += 1
        return self._made(kind, "", at, last, last, closed=self._word(last) == ";")

    def _directive(self, at: int) -> Section:
        """``#include "file"``, ``#kernel "file" { … }`` and the like, which may go on in braces."""
        end, last = self._line_end(at), at + 1
        brace: int | None = None
        while last + 1 < len(self.tokens):
            inside = brace is not None and self._word(last) != "}"
            if self.tokens[last + 1].start >= end and (not inside or self._begins(last + 1)):
                break
            last += 1
            brace = last if brace is None and self._word(last) == "{" else brace
        name = next((t.text.strip('"') for t in self.tokens[at : last + 1] if t.kind == "string"), "")
        kind = self._word(at + 1)
        assert kind in _LINES
        made = self._made(kind, name, at, last if brace is None else brace, last)  # type: ignore[arg-type]
        return made._replace(end=max(made.end, end))

    def _final(self, at: int) -> Section:
        """A condition, locations or a filter: up to what begins another section."""
        last, depth = at, 0
        if self._word(at) == "~":
            last += 1
        while last + 1 < len(self.tokens):
            number = last + 1
            word = self._word(number)
            if self._begins(number) or (depth == 0 and self._after(number)):
                break
            depth = max(0, depth + (word in "([") - (word in ")]")) if word else depth
            last = number
        return self._made("final", self._word(at), at, last, last, closed=False)

    def _after(self, at: int) -> bool:
        """May a token after a whole condition begin another section?"""
        word = self._word(at)
        if word in ("variants", "expect", "unroll", "enum", "struct", "nmi", "{", "#"):
            return True
        if word in _FINALS or (word == "~" and self._word(at + 1) == "exists"):
            return True
        if _PROGRAM.fullmatch(word):
            return self._word(at + 1) != ":"
        if word == "[" and self._word(at - 1) != "locations":
            after = self._guard(at)
            return self._word(after - 1) == "]" and (self._word(after) == "[" or self._after(after))
        return False

    def _made(
        self, kind: SectionKind, name: str, first: int, body: int, last: int, closed: bool = True
    ) -> Section:
        """A section. One that is not closed goes on to the next token."""
        end = self.tokens[last].end
        if not closed:
            end = self.tokens[last + 1].start if last + 1 < len(self.tokens) else len(self.litmus.text)
        return Section(kind, name, first, body, last, self.tokens[first].start, end)


def _assembly(litmus: Litmus) -> list[Section]:
    """The sections of an assembly file: the initial state, the table of the program, the condition."""
    tokens = litmus.tokens
    if not tokens:
        return []
    words = [t.text for t in tokens]
    found: list[Section] = []
    at = 0
    if "{" in words:
        first = words.index("{")
        last, depth = first, 0
        for last in range(first, len(words)):
            depth += (words[last] == "{") - (words[last] == "}")
            if depth == 0 or words[last] == "P0":
                break
        last -= depth != 0 and last > first and words[last] == "P0"
        found.append(Section("initial", "", first, first, last, tokens[first].start, tokens[last].end))
        at = last + 1
    final = next((n for n in range(at, len(words)) if words[n] in _FINALS), len(words))
    final -= final > at and final < len(words) and words[final - 1] == "~"
    if at < final:
        end = tokens[final].start if final < len(words) else len(litmus.text)
        found.append(Section("table", "", at, at, final - 1, tokens[at].start, end))
    if final < len(words):
        last = len(words) - 1
        found.append(Section("final", words[final], final, last, last, tokens[final].start, len(litmus.text)))
    return found


class ColumnCell(NamedTuple):
    """One cell of the table of an assembly file: ``row`` 0 has the names of the CPUs."""

    row: int
    column: int
    start: int
    end: int


def cells(litmus: Litmus, section: Section) -> list[ColumnCell]:
    """The cells of a table."""
    found: list[ColumnCell] = []
    row, column, start = 0, 0, section.start
    for token in litmus.tokens[section.first : section.last + 1]:
        if token.text in ("|", ";") and not (
            token.text == ";" and litmus.bare[start : token.start].strip().lower() == "lock"
        ):
            found.append(ColumnCell(row, column, start, token.start))
            row, column = (row, column + 1) if token.text == "|" else (row + 1, 0)
            start = token.end
    found.append(ColumnCell(row, column, start, section.end))
    return found
