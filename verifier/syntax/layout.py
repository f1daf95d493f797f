"""Reads what all kinds of tests share: comments, the first line, the doc string, ``Key=Value`` lines."""

from __future__ import annotations

import re
from collections.abc import Collection

from verifier.errors import InputError
from verifier.patterns import pattern
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Diagnostic, Source, Span
from verifier.syntax.trouble import nearest


def blank(text: str) -> str:
    """Spaces of the same length. Newlines stay, so that offsets and line numbers stay right."""
    return "".join("\n" if c == "\n" else " " for c in text)


# The text before braces that hold something else than an initial state.
_CODE = pattern(r"(\)|\bP\d+|\.\.\s*\w+|\b(struct|union|enum)(\s+\w+)?|\bvariants)\s*$")
_POINTER = pattern(r"\(\*\s*\w+\s*(\[\s*\w*\s*\]\s*)*\)\s*\(")  # to a function: (*hook)(int cpu)
_NEAR = 200  # characters before a brace that say what it begins
_COMMENT = pattern(r'\(\*|/\*|//|"|[{}]')


@dataclass(slots=True)
class Uncommented:
    """A text without its comments, and the comments."""

    text: str
    comments: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # where each comment begins


def uncomment(source: Source, *, herd: bool) -> Uncommented:
    """Blank out comments: ``//``, ``/* */`` and nested ``(* *)``.

    In C code ``(*v)`` is an expression. So, unless ``herd`` is set, ``(*`` begins a comment only outside
    braces and in the initial state, and there not in ``(*hook)(…)``.
    Raises ``InputError`` for a comment without an end.
    """
    text = source.text
    if not any([mark in text for mark in ("(*", "/*", "//")]):
        return Uncommented(text)
    out, comments, at, depth, code = list[str](), list[str](), 0, 0, False
    recent = ""  # the end of ``out``
    starts: list[int] = []
    while True:
        found = _COMMENT.search(text, at)
        if not found:
            out.append(text[at:])
            return Uncommented("".join(out), comments, starts)
        start, mark = found.start(), found.group()
        if mark == '"':
            end = text.find('"', start + 1)
            end = len(text) if end < 0 else end + 1
            out.append(text[at:end])
            recent = (recent + text[at:end])[-_NEAR:]
            at = end
            continue
        in_code = mark == "(*" and not herd and (bool(depth and code) or _POINTER.match(text, start))
        if mark in "{}" or in_code:
            if mark == "{" and depth == 0:
                code = _holds_code((recent + text[at:start])[-_NEAR:].rstrip())
            depth = max(0, depth + (mark == "{") - (mark == "}"))
            out.append(text[at : found.end()])
            recent = (recent + text[at : found.end()])[-_NEAR:]
            at = found.end()
            continue
        end = _end_of_comment(source, start, mark)
        comments.append(text[start:end])
        starts.append(start)
        out += [text[at:start], blank(text[start:end])]
        recent = (recent + text[at:start] + out[-1])[-_NEAR:]
        at = end


def beginning(source: Source) -> int:
    """The offset of the first character outside comments. Raises ``InputError`` for one without an end."""
    at, text = 0, source.text
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        if text[at : at + 2] not in ("//", "/*", "(*"):
            return at
        at = _end_of_comment(source, at, text[at : at + 2])


def _holds_code(before: str) -> bool:
    """Does a brace after this text hold something else than an initial state?"""
    likely = before[-1:] == ")" or before[-1:] == "_" or before[-1:].isalnum()  # the search is slow
    return likely and _CODE.search(before) is not None


def _end_of_comment(source: Source, start: int, mark: str) -> int:
    text = source.text
    if mark == "//":
        end = text.find("\n", start)
        return len(text) if end < 0 else end
    if mark == "/*":
        end = text.find("*/", start + 2)
    else:
        depth, end = 1, start + 2
        for found in re.finditer(r"\(\*|\*\)", text[start + 2 :]):
            depth += 1 if found.group() == "(*" else -1
            if depth == 0:
                end = start + 2 + found.start()
                break
        else:
            end = -1
    if end < 0:
        close = "*/" if mark == "/*" else "*)"
        raise InputError(
            [
                Diagnostic(
                    "comment",
                    "this comment does not end",
                    Span(source, start, start + 2),
                    f"close it with '{close}'",
                )
            ]
        )
    return end + 2


@dataclass(slots=True)
class Head:
    """The first lines of a file; ``start`` is where the rest begins."""

    arch: str
    name: str
    doc: str
    meta: dict[str, str]
    start: int
    warnings: list[Diagnostic] = field(default_factory=list)


# The name is one word. A title in round brackets and a ';' may follow, as in herd7.
_FIRST = pattern(r"\s*(\S+)[ \t]+([^\s{;\"]+)(?:[ \t]*\([^()\n]*\))?[ \t]*;?")
_META = pattern(r"[ \t]*([A-Za-z_][\w-]*)[ \t]*=[ \t]*([^\n]*)(?:\n|$)")
_DOC = pattern(r'\s*"([^"]*)"')


def head(source: Source, text: str) -> Head:
    """Parse the first lines of ``text``, the source without comments."""
    first = _FIRST.match(text)
    if not first:
        word = re.match(r"\s*(\S*)", text)
        assert word
        span = Span(source, word.start(1), word.end(1))
        raise InputError(
            [Diagnostic("header", "a test needs a name in its first line", span, "such as 'MM my-test'")]
        )
    arch, name, at = first.group(1), first.group(2), first.end()
    if name == "--":
        from pathlib import PurePath

        name = PurePath(source.name).stem
    rest = text[at : (text + "\n").index("\n", at)].strip()
    if arch == "MM" and rest[:1] not in ("", "{", '"'):
        start = text.index(rest, at)
        span = Span(source, start, start + len(rest))
        raise InputError(
            [Diagnostic("header", "a test's name is one word", span, 'put a description in quotes: "…"')]
        )
    doc = _DOC.match(text, at)
    if doc:
        at = doc.end()
    out = Head(arch, name, " ".join(doc.group(1).split()) if doc else "", {}, start=at)
    _lines(source, text, out)
    return out


def _lines(source: Source, text: str, head: Head) -> None:
    """Read the lines between the first one and the initial state: ``Key=Value``, and free text, which herd7
    skips. In MM files any other line begins the rest of the file."""
    begun = head.start
    while head.start < len(text):
        start = head.start
        found = _META.match(text, start) if start > begun else None
        if found:
            key, value = found.groups()
            if key in head.meta or key not in _KEYS:
                head.warnings += _key(Span(source, *found.span(1)), head.meta)
            head.meta[key] = value.rstrip(" \t")
            head.start = found.end()
            continue
        end = text.find("\n", start) + 1 or len(text)
        here = text[start:end]
        if not here.isspace():
            if head.arch == "MM" or "{" in here or _OURS.match(here):
                return
            if _opened(text, end):
                return
            head.warnings += _code_like(source, start, here)
        head.start = end


_HEADING = (
    r"\s*\w[\w\s*]*[\s*]\w+\s*\((void|[^()\n]*(\w\s+|\*)\w+[^()\n]*)?\)\s*$"  # the first line of a function
)
# Lines that begin the rest of a file, and are never free text.
_OURS = pattern(r"\s*(#|\[|(expect|unroll|variants|enum|struct|union|nmi)\b|P\d+\s*(\(|\.\.))|" + _HEADING)


def _opened(text: str, at: int) -> bool:
    """Is there no brace after ``at``, so that the initial state is missing?"""
    return "{" not in text[at:]


def _code_like(source: Source, start: int, line: str) -> list[Diagnostic]:
    """A warning about a line that is skipped, but looks like code."""
    text = line.strip()
    if not text.endswith(";") and "=" not in text:
        return []
    at = start + len(line) - len(line.lstrip())
    hint = "text before the initial state is skipped, as herd7 does"
    return [
        Diagnostic(
            "text", "this line has no effect", Span(source, at, at + len(text)), hint, severity="warning"
        )
    ]


# The keys of herd7 and of this project's own tests. Other keys are allowed.
_KEYS = ("Source", "Id", "Generator", "Com", "Prefetch", "Orig", "Cycle", "Relax", "Safe", "Hash", "Variant")


def _key(span: Span, known: Collection[str]) -> list[Diagnostic]:
    """Warnings about a key: one of those that are known already, or that looks like a misspelt one."""
    key, found = span.text, []
    if key in known:
        text, hint = f"{key!r} is given twice", "the last one counts"
        found.append(Diagnostic("duplicate", text, span, hint, severity="warning"))
    return found if key in _KEYS else [*found, *_misspelt(key, span)]


def _misspelt(key: str, span: Span) -> list[Diagnostic]:
    folded = {k.lower(): k for k in _KEYS}
    import difflib

    close = difflib.get_close_matches(key.lower(), folded, n=1, cutoff=0.8)
    if not close:
        return []
    hint = f"did you mean {folded[close[0]]!r}?"
    return [Diagnostic("unknown-key", f"unknown key {key!r}", span, hint, severity="warning")]


_RESULT = pattern(r"\bResult:[ \t]*([A-Za-z]+)")
_WORDS = ("never", "sometimes", "always", "deadlock")


class Result(NamedTuple):
    """The expectation of a ``Result:`` comment, its place, and warnings about such comments."""

    word: str | None
    span: Span | None
    warnings: list[Diagnostic]


def result(source: Source, bare: Uncommented) -> Result:
    """The expectation of a ``Result:`` comment; None without a comment, or if it says ``Maybe``.

    There are warnings about misspelt words, and about two comments that contradict each other.
    """
    word: str | None = None
    place: Span | None = None
    warnings: list[Diagnostic] = []
    for start, comment in zip(bare.starts, bare.comments, strict=True):
        for found in _RESULT.finditer(comment):
            said = found.group(1).lower()
            span = Span(source, start + found.start(1), start + found.end(1))
            close = nearest(said, _WORDS)
            if said in _WORDS and word not in (None, said):
                text, hint = f"an earlier comment says {word}", "the first one counts"
                warnings.append(Diagnostic("result", text, span, hint, severity="warning"))
            elif said in _WORDS:
                word, place = said, place or span
            elif close:
                text = f"unknown result {found.group(1)!r}"
                warnings.append(Diagnostic("result", text, span, close, severity="warning"))
    return Result(word, place, warnings)


_CONFIGURATION = pattern(r"^[ \t]*<<", re.MULTILINE)


def without_configuration(text: str) -> str:
    """A text without herd7's sections ``<< … >>`` after the condition, which configure its drawings.

    Such a section begins a line outside brackets. Elsewhere ``<<`` is a shift.
    """
    for found in _CONFIGURATION.finditer(text):
        before = text[: found.start()]
        if all(before.count(a) == before.count(b) for a, b in ("()", "{}")):
            return before + blank(text[found.start() :])
    return text
