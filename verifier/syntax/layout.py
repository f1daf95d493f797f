"""What all headers share above the program: comments, the first line, doc string, ``Key=Value`` lines."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

from verifier.errors import InputError
from verifier.source import Diagnostic, Source, Span


def blank(text: str) -> str:
    """Spaces of the same length; newlines stay, so that offsets and lines do."""
    return "".join("\n" if c == "\n" else " " for c in text)


_COMMENT = re.compile(r'\(\*|/\*|//|"|[{}]')


@dataclass(slots=True)
class Uncommented:
    """A text without its comments, and the comments."""

    text: str
    comments: list[str] = field(default_factory=list)


def uncomment(source: Source, *, herd: bool) -> Uncommented:
    """Blank out comments: ``//``, ``/* */`` and nested ``(* *)``.

    Unless ``herd``, ``(*`` begins a comment only outside braces and inside the first ones, which are
    the initial state: in C code ``(*v)`` is an expression.
    Raises ``InputError`` for a comment without an end.
    """
    text, out, comments, at, depth, blocks = source.text, [], list[str](), 0, 0, 0
    while True:
        found = _COMMENT.search(text, at)
        if not found:
            out.append(text[at:])
            return Uncommented("".join(out), comments)
        start, mark = found.start(), found.group()
        if mark == '"':
            end = text.find('"', start + 1)
            end = len(text) if end < 0 else end + 1
            out.append(text[at:end])
            at = end
            continue
        if mark in "{}" or (mark == "(*" and depth and blocks > 1 and not herd):
            blocks += mark == "{" and depth == 0
            depth = max(0, depth + (mark == "{") - (mark == "}"))
            out.append(text[at : found.end()])
            at = found.end()
            continue
        end = _end_of_comment(source, start, mark)
        comments.append(text[start:end])
        out += [text[at:start], blank(text[start:end])]
        at = end


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
    warnings: tuple[Diagnostic, ...] = ()


_FIRST = re.compile(r"\s*(\S+)[ \t]+(\S[^\n{]*?)[ \t]*(?=\n|\{|$)")
_META = re.compile(r"[ \t]*([A-Za-z_][\w-]*)[ \t]*=[ \t]*([^\n]*?)[ \t]*(?:\n|$)")
_DOC = re.compile(r'\s*"([^"]*)"')


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
    arch, name, at = first.group(1), first.group(2).strip(), first.end()
    doc = _DOC.match(text, at)
    if doc:
        at = doc.end()
    meta: dict[str, str] = {}
    warnings: list[Diagnostic] = []
    while True:
        gap = re.compile(r"\s*\n").match(text, at)
        line = _META.match(text, gap.end() if gap else at)
        if not line:
            break
        meta[line.group(1)] = line.group(2)
        warnings += _misspelt(line.group(1), Span(source, line.start(1), line.end(1)))
        at = line.end() - 1 if text[line.end() - 1 : line.end()] == "\n" else line.end()
    return Head(arch, name, " ".join(doc.group(1).split()) if doc else "", meta, at, tuple(warnings))


# herd7's keys, and those of this project's own tests; others are allowed.
_KEYS = ("Source", "Id", "Generator", "Com", "Prefetch", "Orig", "Cycle", "Relax", "Safe", "Hash", "Variant")


def _misspelt(key: str, span: Span) -> list[Diagnostic]:
    """A warning about a key that is nearly a known one."""
    folded = {k.lower(): k for k in _KEYS}
    close = difflib.get_close_matches(key.lower(), folded, n=1, cutoff=0.8)
    if key in _KEYS or not close:
        return []
    hint = f"did you mean {folded[close[0]]!r}?"
    return [Diagnostic("unknown-key", f"nobody knows the key {key!r}", span, hint, "warning")]


_RESULT = re.compile(r"\bResult:\s*([A-Za-z]+)")
_WORDS = {"never": "never", "sometimes": "sometimes", "always": "always", "deadlock": "deadlock"}


def result(comments: list[str]) -> str | None:
    """The expectation of a ``Result:`` comment; None where there is none, or it says ``Maybe``."""
    for comment in comments:
        found = _RESULT.search(comment)
        if found:
            return _WORDS.get(found.group(1).lower())
    return None
