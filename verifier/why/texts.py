"""Edits as changes of a file's text, with the guard of the variant that they are for.

An edit can often be written in several ways. The first that keeps all other variants as they are is taken:
a guarded statement can change what a later ``[else]`` means.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from verifier.patterns import pattern
from verifier.records import NamedTuple, replace
from verifier.source import Source, Span
from verifier.syntax import ast, layout
from verifier.why.sites import Key, Site, key

_GUARDS = pattern(r"(?:\[[^\[\]]*\]\s*)+\Z")
WAYS = 24  # to write an edit, at most


class TextChange(NamedTuple):
    """The text from ``start`` to ``end`` becomes ``text``, in a ``file`` of the kernel tree if it is not the
    test's own."""

    start: int
    end: int
    text: str
    file: str = ""


Writing = tuple[TextChange, ...]  # one way to write an edit


class Writer:
    """Writes edits of one variant of a file. ``variant``: None if the file has no other one. ``shared``: the
    statements and blocks that are in other variants, too; the rest needs no guard."""

    def __init__(self, source: Source, variant: str | None, shared: frozenset[Key] = frozenset()) -> None:
        self.source, self.variant, self.shared = source, variant, shared
        self.bare = layout.uncomment(source, herd=False).text
        self.guard = "" if variant is None else f"[{variant}] "
        self.others = "" if variant is None else f"[!{variant}] "

    # -- places -----------------------------------------------------------------------------------------

    def begins(self, s: ast.Stmt) -> int:
        """Where a statement begins, with its guards."""
        start = s.span.start
        if isinstance(s, ast.Declare):
            start = max(self.bare.rfind(c, 0, start) for c in ";{}]:") + 1
            start += len(self.bare[start:]) - len(self.bare[start:].lstrip())
        found = _GUARDS.search(self.bare, max(0, start - 400), start)
        return found.start() if found is not None else start

    def ends(self, s: ast.Stmt) -> int:
        """Where a statement ends, with its semicolon."""
        end = s.span.end
        if isinstance(s, ast.Declare):
            found = self.bare.find(";", end)
            return found + 1 if found >= 0 else end
        return end

    def inserted(self, body: Site, at: int, text: str) -> Iterator[Writing]:
        """A statement before statement ``at`` of a block."""
        statements = body.statements
        text = self.guard + text if body.key in self.shared else text
        if at:
            yield (self._after(statements[at - 1], text),)
        if at < len(statements) and not isinstance(statements[at], ast.Declare):
            yield (self._before(statements[at], text),)
            if not isinstance(statements[at], ast.Case | ast.LabelStmt):
                yield self._wrapped(statements[at], text)
        if not at:
            start = body.block.span.start + 1
            rest = self._rest_of_line(start)
            if rest is None:
                yield (TextChange(start, start, f" {text}"),)
            else:
                inner = self.begins(statements[0]) if statements else None
                indent = self._indent(inner) if inner is not None else self._indent(start) + "    "
                yield (TextChange(rest, rest, f"\n{indent}{text}"),)

    def replaced(self, s: ast.Stmt, start: int, end: int, text: str, alone: bool) -> Iterator[Writing]:
        """A part of a statement becomes ``text``. ``alone``: the statement is not in a block."""
        here = TextChange(start, end, text)
        old = self.source.text[s.span.start : self.ends(s)]
        offset = s.span.start
        new = old[: start - offset] + text + old[end - offset :]
        at = s.span.start
        if key(s.span) not in self.shared:
            yield (here,)
        elif alone:
            both = f"{{ {self.others}{old} {self.guard}{new} }}"
            yield (TextChange(at, self.ends(s), both),)
        elif not isinstance(s, ast.Declare):
            guard = TextChange(at, at, self.others)
            yield (guard, self._after(s, f"{self.guard}{new}"))
            yield (here,)
        elif self.source.text[s.span.end :].lstrip()[:1] == ";":  # one declarator, or the last one
            first = self.begins(s)
            whole = self.source.text[first:start] + text + self.source.text[end : self.ends(s)]
            yield (TextChange(first, first, self.others), self._after(s, f"{self.guard}{whole}"))
        if self.guard and (alone or isinstance(s, ast.Declare)):
            yield (here,)

    def moved(self, body: Site, source: int, at: int) -> Iterator[Writing]:
        """Statement ``source`` of a block moves before statement ``at``."""
        s = body.statements[source]
        text = self.source.text[s.span.start : self.ends(s)]
        removed = self._removed(s)
        kept = (TextChange(s.span.start, s.span.start, self.others),)
        ways = [kept, removed] if key(s.span) in self.shared else [removed]
        for put, gone in product(self.inserted(body, at, text), ways):
            yield (*put, *gone)

    def joined(self, s: ast.Stmt, text: str, other: ast.Stmt) -> Iterator[Writing]:
        """A statement becomes ``text``, and a later one goes away."""
        kept = (TextChange(other.span.start, other.span.start, self.others),)
        ways = [kept, self._removed(other)] if key(other.span) in self.shared else [self._removed(other)]
        for put, gone in product(self.replaced(s, s.span.start, self.ends(s), text, alone=False), ways):
            yield (*put, *gone)

    def _removed(self, s: ast.Stmt) -> Writing:
        start, end = self.begins(s), self.ends(s)
        line = self.source.text.rfind("\n", 0, start) + 1
        rest = self._rest_of_line(end)
        if rest is not None and not self.source.text[line:start].strip():
            return (TextChange(line, min(rest + 1, len(self.source.text)), ""),)
        return (TextChange(start, end, ""),)

    def _after(self, s: ast.Stmt, text: str) -> TextChange:
        end = self.ends(s)
        rest = self._rest_of_line(end)
        if rest is None:
            return TextChange(end, end, f" {text}")
        return TextChange(rest, rest, f"\n{self._indent(self.begins(s))}{text}")

    def _before(self, s: ast.Stmt, text: str) -> TextChange:
        start = self.begins(s)
        indent = self._indent(start)
        line = self.source.text.rfind("\n", 0, start) + 1
        if line + len(indent) == start:
            return TextChange(line, line, f"{indent}{text}\n")
        return TextChange(start, start, f"{text} ")

    def _wrapped(self, s: ast.Stmt, text: str) -> Writing:
        start, end = s.span.start, self.ends(s)
        return TextChange(start, start, f"{{ {text} "), TextChange(end, end, " }")

    def _rest_of_line(self, at: int) -> int | None:
        """The end of the line, if nothing but a comment follows there, which may go on in further lines."""
        end = (self.source.text + "\n").index("\n", at)
        if self.bare[at:end].strip():
            return None
        rest = self.source.text[at:end].partition("//")[0]
        close = self.source.text.find("*/", end) + 2 if rest.rfind("/*") > rest.rfind("*/") else 0
        return self._rest_of_line(close) if close > end else end

    def _indent(self, at: int) -> str:
        line = self.source.text.rfind("\n", 0, at) + 1
        text = self.source.text[line:]
        return text[: len(text) - len(text.lstrip(" \t"))]


def together(ways: Sequence[Iterable[Writing]]) -> Iterator[Writing]:
    """The ways to write several edits at once."""
    for number, chosen in enumerate(product(*ways)):
        if number >= WAYS:
            return
        yield tuple(change for writing in chosen for change in writing)


class KernelWriter(Writer):
    """Writes edits of a file of the kernel tree: there are no guards. ``code``: its text with blanks for all
    that is no code that is compiled."""

    def __init__(self, source: Source, code: str) -> None:
        self.source, self.variant, self.shared = source, None, frozenset()
        self.bare = code
        self.guard = self.others = ""

    def inserted(self, body: Site, at: int, text: str) -> Iterator[Writing]:
        """See ``Writer``."""
        return self._filed(super().inserted(body, at, text))

    def replaced(self, s: ast.Stmt, start: int, end: int, text: str, alone: bool) -> Iterator[Writing]:
        """See ``Writer``."""
        return self._filed(super().replaced(s, start, end, text, alone))

    def moved(self, body: Site, source: int, at: int) -> Iterator[Writing]:
        """See ``Writer``."""
        return self._filed(super().moved(body, source, at))

    def joined(self, s: ast.Stmt, text: str, other: ast.Stmt) -> Iterator[Writing]:
        """See ``Writer``."""
        return self._filed(super().joined(s, text, other))

    def _filed(self, ways: Iterable[Writing]) -> Iterator[Writing]:
        for writing in ways:
            yield tuple(change._replace(file=self.source.name) for change in writing)


def changed(sources: Iterable[Source], writing: Writing) -> list[Source] | None:
    """The changed texts of the files that a writing changes; None if changes overlap. The first of
    ``sources`` is the test's own file."""
    found = []
    for number, source in enumerate(sources):
        name = source.name if number else ""
        here = tuple(change for change in writing if change.file == name)
        made = applied(source, here) if here else source
        if made is None:
            return None
        if made is not source:
            found.append(made)
    return found


def applied(source: Source, writing: Writing) -> Source | None:
    """The changed text; None if the changes overlap."""
    out, at = [], 0
    for change in sorted(writing, key=lambda c: (c.start, c.end)):
        if change.start < at:
            return None
        out += [source.text[at : change.start], change.text]
        at = change.end
    return Source(source.name, "".join([*out, source.text[at:]]))


def patch(before: Source, after: Source) -> str:
    """The unified diff of a file."""
    old, new = (re.findall(r"[^\n]*\n|[^\n]+\Z", s.text) for s in (before, after))
    name = before.name.lstrip("/")
    lines = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def same(a: object, b: object) -> bool:
    """Are two trees equal but for the places in the text, and for braces around statements?"""
    a, b = _bare(a), _bare(b)
    if isinstance(a, Span) or isinstance(b, Span):
        return isinstance(a, Span) == isinstance(b, Span)
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple | list):
        assert isinstance(b, tuple | list)
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        assert isinstance(b, dict)
        return a.keys() == b.keys() and all(same(x, b[k]) for k, x in a.items())
    slots = getattr(type(a), "__slots__", ())
    if slots:
        return all(same(getattr(a, s), getattr(b, s)) for s in slots)
    return bool(a == b)


def _bare(x: object) -> object:
    """A statement without braces around it, or a block without braces around some of its statements."""
    if isinstance(x, ast.Unit):
        return replace(x, cutter=None)
    if not isinstance(x, ast.Block):
        return x
    body = tuple(_flat(x))
    if len(body) == 1 and not isinstance(body[0], ast.Declare):
        return body[0]
    return replace(x, body=body)


def _flat(block: ast.Block) -> Iterator[ast.Stmt]:
    for s in block.body:
        if isinstance(s, ast.Block) and not any(isinstance(x, ast.Declare) for x in s.body):
            yield from _flat(s)
        else:
            yield s
