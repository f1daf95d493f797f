"""Brings into line what files have as tables: variants, and the guards before conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Protocol

from verifier.style.outline import Outline
from verifier.style.tokens import TextToken
from verifier.syntax.grammars import Node, is_tree


class Printed(Protocol):
    """A line with its text so far."""

    text: str


def aligned(lines: Sequence[tuple[list[TextToken], Printed]], found: Outline) -> None:
    """Bring variants, and the guards of conditions, into line."""
    by_start = {tokens[0].start: (tokens, line) for tokens, line in lines}
    for top in found.tree.children:
        item = top.children[-1]
        if item.data == "variants":
            _variants([v for v in item.children if v.meta.start_pos in by_start], by_start)
    conditions = {s.span.start: len(s.guards) for s in found.segments}
    for together in _guarded(lines, conditions):
        _guards([(conditions[tokens[0].start], line) for tokens, line in together])


def _variants(variants: list[Node], by_start: dict[int, tuple[list[TextToken], Printed]]) -> None:
    """The names with what they are based on, the expectations, the texts."""
    rows: list[tuple[Printed, str, str, str]] = []
    for variant in variants:
        every, line = by_start[variant.meta.start_pos]
        tokens = every[:-1] if every[-1].kind == "comment" else every
        place = variant.meta
        if not all(t.end <= place.end_pos and t.kind != "comment" for t in tokens) or tokens[-1].text != ";":
            continue  # it is not alone in its line, or has several lines
        expected = next(c for c in variant.children if is_tree(c)).meta
        name = _joined(t for t in tokens if t.start < expected.start_pos)
        said = _joined(t for t in tokens if expected.start_pos <= t.start < expected.end_pos)
        rest = _joined(t for t in tokens if t.start >= expected.end_pos)
        rows.append((line, name, said, rest))
    first = max((len(name) for _, name, _, _ in rows), default=0)
    words = [len(said.split(",")[0].split()[0]) for _, _, said, rest in rows if rest != ";"]
    second = max(words, default=0)
    for line, name, said, rest in rows:
        line.text = f"{name:<{first}} {said};" if rest == ";" else f"{name:<{first}} {said:<{second}} {rest}"


def _joined(tokens: Iterable[TextToken]) -> str:
    """Tokens as the table of variants has them."""
    out = ""
    for token in tokens:
        spaced = token.gap or ":" in (token.text, out[-1:]) or out.endswith(",")
        out += f" {token.text}" if out and spaced and token.text not in (",", ";") else token.text
    return out


def _guarded(
    lines: Sequence[tuple[list[TextToken], Printed]], counts: dict[int, int]
) -> Iterator[list[tuple[list[TextToken], Printed]]]:
    """Lines in a row that begin with a guard, and have something behind it."""

    def guarded(item: tuple[list[TextToken], Printed]) -> bool:
        count = counts.get(item[0][0].start, 0)
        return count > 0 and sum(t.text == "]" for t in item[0]) >= count and item[0][-1].text != "]"

    for several, group in groupby(lines, guarded):
        if several:
            yield list(group)


def _guards(lines: list[tuple[int, Printed]]) -> None:
    cut: list[tuple[Printed, str, str]] = []
    for count, line in lines:
        at = 0
        for _ in range(count):
            at = line.text.index("]", at) + 1
        cut.append((line, line.text[:at], line.text[at:].lstrip()))
    wide = max(len(guard) for _, guard, _ in cut)
    for line, guard, rest in cut:
        line.text = f"{guard:<{wide}} {rest}" if rest else guard
