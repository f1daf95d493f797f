"""Rows and turns as text, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.revisions.rows import Judgement, Row, Turn

_KINDS = {"start": "(start) ", "commit": "", "end": "(end) "}


def told(
    variants: Sequence[str], rows: Sequence[Row], turns: Sequence[Turn], more: Sequence[str]
) -> Iterator[str]:
    """A table with a line for each row, then a sentence for each turn."""
    yield from table(variants, rows)
    yield ""
    yield from sentences(turns, more)


def sentences(turns: Sequence[Turn], more: Sequence[str]) -> Iterator[str]:
    """A sentence for each turn, and what there is to say besides."""
    for text in (*map(str, turns), *more):
        yield f"{text[0].upper()}{text[1:]}."


def table(variants: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """A line for each row, with a column for each variant. What differs from its expectation has a star."""
    names = [v or "verdict" for v in variants]
    widths = [
        max(len(name), *(len(_cell(row.verdicts[v])) for row in rows))
        for v, name in zip(variants, names, strict=True)
    ]
    cells = [name.ljust(width) for name, width in zip(names, widths, strict=True)]
    yield "  ".join(["date".ljust(10), "commit".ljust(12), *cells, "subject"])
    for row in rows:
        cells = [_cell(row.verdicts[v]).ljust(width) for v, width in zip(variants, widths, strict=True)]
        subject = _KINDS[row.kind] + row.commit.subject
        yield "  ".join([row.commit.date, row.commit.short, *cells, subject]).rstrip()
        yield from (f"{'':10}  {text}" for text in _remarks(row))
    if any(j.as_expected is False and not j.errors for row in rows for j in row.verdicts.values()):
        yield "* differs from what the file expects"


def _cell(judgement: Judgement) -> str:
    star = "*" if judgement.as_expected is False and not judgement.errors else ""
    return judgement.word + star


def _remarks(row: Row) -> Iterator[str]:
    """Errors, reasons and warnings of a row; what several variants have is said once."""
    said: dict[str, list[str]] = {}
    for variant, judgement in row.verdicts.items():
        for text in _of(judgement):
            said.setdefault(text, []).append(variant)
    for text, variants in said.items():
        everywhere = len(variants) == len(row.verdicts)
        yield text if everywhere else f"{', '.join(variants)}: {text}"
    yield from row.notes


def _of(judgement: Judgement) -> Iterator[str]:
    if judgement.errors:
        first, *others = judgement.errors
        place = f"{first.span.source.name}:{first.span.line}: " if first.span else ""
        more = f"; {len(others)} more error{'s' * (len(others) != 1)}" if others else ""
        yield f"{place}{first.message}{more}"
    if judgement.reason:
        yield judgement.reason
    yield from (d.message for d in judgement.warnings)
