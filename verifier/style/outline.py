"""What the style has to know of a C or MM file: its head, its tree, and where conditions stand."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.errors import InputError
from verifier.records import NamedTuple
from verifier.source import Diagnostic, Source
from verifier.syntax import HEADERS, clues, condition, finals, layout
from verifier.syntax.finals import Segment
from verifier.syntax.grammars import Node
from verifier.syntax.includes import blank_lines, parsed


class Outline(NamedTuple):
    """The parts of a file.

    ``arch``: ``C``, ``MM`` or "" for an included file; ``head``: where the head ends; ``body``: where the
    sections begin that are for herd7's drawings; ``bare``: comments; ``lines``: the ``#include`` lines;
    ``tree``: of what the grammar reads; ``segments``: the conditions; ``finals``: from where to where each
    goes.
    """

    arch: str
    head: int
    body: int
    bare: layout.Uncommented
    lines: list[tuple[int, int]]
    tree: Node
    segments: list[Segment]
    finals: list[tuple[int, int]]
    first: tuple[str, str, dict[str, str]]
    result: str | None


def outline(source: Source) -> Outline:
    """The parts of a C or MM file, or of one that such files include. Raises ``InputError``."""
    bare = layout.uncomment(source, herd=False)
    clues.check_quotes(source, bare.text)
    arch = next(iter(bare.text.split(None, 1)), "")
    head = layout.head(source, bare.text) if arch in HEADERS else layout.Head("", "", "", {}, 0)
    text = layout.blank(bare.text[: head.start]) + bare.text[head.start :]
    shown = layout.without_configuration(text) if head.arch == "C" else text
    body = next((i for i, (a, b) in enumerate(zip(text, shown, strict=True)) if a != b), len(text))
    clues.check_c11(source, shown)
    condition.too_deep(source, shown)
    rest, lines = blank_lines(shown)
    troubles: list[Diagnostic] = []
    cut = finals.cut(source, rest, troubles)
    tree = parsed(source, cut.text, troubles).tree
    if troubles:
        raise InputError(troubles)
    first = (head.name, head.doc, head.meta)
    result = layout.result(source, bare).word
    return Outline(
        head.arch,
        head.start,
        body,
        bare,
        lines,
        tree,
        cut.segments,
        list(_cuts(rest, cut.text)),
        first,
        result,
    )


def _cuts(before: str, after: str) -> Iterator[tuple[int, int]]:
    """From where to where the conditions go that have been cut out of a text."""
    start, last = -1, 0
    for at, (a, b) in enumerate(zip(before, after, strict=True)):
        if a != b:
            start, last = (at if start < 0 else start), at + 1
        elif start >= 0 and not a.isspace():
            yield start, last
            start = -1
    if start >= 0:
        yield start, last


def kept_lines(text: str, bare: layout.Uncommented, start: int, end: int) -> str:
    """A part of a text as it is, but for the space at the ends of its lines, and blank lines: there are none
    at the ends of the part, and no two in a row. Comments and strings keep theirs."""
    inside: set[int] = set()
    quotes = [m for m in range(start, end) if bare.text[m] == '"']
    spans = [(s, s + len(c)) for s, c in zip(bare.starts, bare.comments, strict=True)]
    spans += list(zip(quotes[::2], quotes[1::2], strict=False))
    for first, last in spans:
        inside.update(m for m in range(max(first, start), min(last, end)) if text[m] == "\n")
    out: list[str] = []
    line_start = start
    for at in [*(m for m in range(start, end) if text[m] == "\n"), end]:
        line = text[line_start:at]
        kept = at in inside or line_start - 1 in inside
        line = line if at in inside else line.rstrip()
        if line or kept or (out and out[-1]):
            out.append(line)
        line_start = at + 1
    while out and not out[-1]:
        out.pop()
    return "\n".join(out)


def is_assembly(source: Source) -> bool:
    """Is this a test in herd7's format for assembly?"""
    return next(iter(source.text[layout.beginning(source) :].split(None, 1)), "") in ("X86", "X86_64")
