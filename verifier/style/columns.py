"""Prints herd7's assembly tests: the program's columns are in line, and the rest stays as it is."""

from __future__ import annotations

from verifier.source import Source
from verifier.style.outline import kept_lines
from verifier.style.tokens import TextToken
from verifier.syntax import layout, x86


def printed(source: Source) -> str:
    """The text of a file in the project's style. Raises ``InputError``."""
    x86.parse(source)  # raises what is wrong with the file
    bare = layout.uncomment(source, herd=True)
    table = x86.table(source)
    comments = [TextToken(c, s, "comment") for s, c in zip(bare.starts, bare.comments, strict=True)]
    inside = [c for c in comments if table.start <= c.start < table.end]
    parts = [
        kept_lines(source.text, bare, 0, table.start),
        *_rows(source.text, bare.text, table, inside),
        kept_lines(source.text, bare, table.end, len(source.text)),
    ]
    return "".join(f"{part}\n" for part in parts if part)


def _rows(text: str, bare: str, table: x86.ProgramRows, comments: list[TextToken]) -> list[str]:
    """The rows of the program, and the comments before them."""
    out: list[str] = []
    rows = [[" ".join(bare[a:b].split()) for a, b in row] for row in table.rows]
    full = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(len(row[n]) for row in full) for n in range(len(rows[0]))]
    for cells, places in zip(rows, table.rows, strict=True):
        first, last = places[0][0], places[-1][1]
        code = first + len(bare[first:last]) - len(bare[first:last].lstrip())
        for comment in [c for c in comments if first <= c.start < last]:
            if comment.start > code:  # between two cells: this row stays as it is
                kept = text[code:last].rstrip(" ")
                out.append(f" {kept}{'' if kept.endswith(chr(10)) else ' '};")
                break
            if out and "\n" not in text[first : comment.start]:
                out[-1] += f" {comment.text}"
            else:
                out.append(f" {comment.text}")
        else:
            told = " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False))
            out.append(f" {told} ;")
    return out
