"""Prints what a test takes of the kernel's own text, and what was left out of that text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from verifier.lower.c.kernel_notes import Note, Resolved
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.kernel import Cutter
from verifier.syntax.nodes import nodes

_WORDS = {
    "dropped": "dropped", "omitted": "left out", "decided": "decided", "unused": "unused", "set": "set",
    "not set": "not set",
}  # fmt: skip


def taken_text(name: str, found: Resolved) -> str:
    """What was taken, function by function, for a reader. A line that begins with ``-`` is not judged."""
    lines = [f"{name}"]
    for function in _functions(found):
        lines += ["", *_shown(found, function)]
    left_out = _left_out(found.notes)
    if left_out:
        lines += ["", "Of this text:"]
        width = max(len(what) for _, what, *_ in left_out)
        for outcome, what, reason, places in left_out:
            why = f"{reason}; " if reason else ""
            lines.append(f"  {_WORDS[outcome]:9} {what:{width}}  {why}{', '.join(places)}")
    return "\n".join(lines) + "\n"


def taken_json(name: str, found: Resolved) -> dict[str, Any]:
    """The same as data; see docs/kernel-text.md."""
    return {
        "test": name,
        "functions": [
            {
                "name": f.name, "file": f.kernel, "line": f.span.line,
                "end": f.span.source.position(f.body.span.end)[0],
                "not_judged": [n for n, judged, _ in _lines(found, f) if not judged],
            }
            for f in _functions(found)
        ],
        "left_out": [
            {"outcome": outcome, "name": what, "reason": reason, "places": places}
            for outcome, what, reason, places in _left_out(found.notes)
        ],
    }  # fmt: skip


def as_json(rows: list[dict[str, Any]]) -> str:
    """Rows as one document."""
    return json.dumps({"tests": rows}, indent=2, ensure_ascii=False) + "\n"


def _functions(found: Resolved) -> list[ast.Function]:
    """The functions that come from the kernel, in the order of its files."""
    taken = [f for f in found.unit.functions.values() if f.kernel]
    return sorted(taken, key=lambda f: (f.kernel, f.span.start))


def _shown(found: Resolved, function: ast.Function) -> Iterator[str]:
    yield f"{function.kernel}:{function.span.line}: {function.name}()"
    for number, judged, text in _lines(found, function):
        yield f"{' ' if judged else '-'}{number:5} | {text}"


def _lines(found: Resolved, function: ast.Function) -> Iterator[tuple[int, bool, str]]:
    """The lines of a function that are code: their numbers, and whether anything of each is judged."""
    cutter = found.unit.cutter
    assert isinstance(cutter, Cutter)
    file = cutter.files[function.kernel]
    source = file.source
    judged = _judged(function)
    first, last = function.span.line, source.position(function.body.span.end - 1)[0]
    bare = file.lines()
    for number in range(first, last + 1):
        code = bare[number - 1].strip()
        if code:
            yield number, number in judged or not code.strip("{}; \t"), source.line(number)


def _judged(function: ast.Function) -> set[int]:
    """The lines on which something stands that is judged."""
    source = function.span.source
    lines = {function.span.line}
    for p in function.parameters:
        lines |= set(range(p.span.line, source.position(p.span.end)[0] + 1))
    lines.add(function.body.span.line)
    for x in nodes(function.body):
        span = getattr(x, "span", None)
        if not isinstance(span, Span) or span.source is not source or isinstance(x, ast.Block | ast.Empty):
            continue
        inside = [getattr(x, slot) for slot in getattr(x, "__slots__", ())]
        if any(isinstance(part, ast.Block | ast.If) for part in inside) or isinstance(x, ast.If | ast.Switch):
            lines.add(span.line)
        else:
            lines |= set(range(span.line, source.position(max(span.start, span.end - 1))[0] + 1))
    return lines


def _left_out(notes: list[Note]) -> list[tuple[str, str, str, list[str]]]:
    """What became of names besides being taken: the outcome, the name, the reason, the places."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for note in notes:
        if note.outcome == "taken":
            continue
        place = f"{note.span.source.name}:{note.span.line}"
        places = rows.setdefault((note.outcome, note.name, note.reason), [])
        if place not in places:
            places.append(place)
    return [(*key, places) for key, places in sorted(rows.items())]
