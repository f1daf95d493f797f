"""Cuts the conditions, locations and filters out of C and MM files, and chooses those of each variant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from verifier.errors import InputError
from verifier.patterns import pattern
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Diagnostic, Source, Span
from verifier.syntax import condition, layout
from verifier.syntax.condition import Final
from verifier.syntax.grammars import Node, Unparsed, tree_of
from verifier.syntax.trouble import syntax_error
from verifier.syntax.variants import Guards

_FINAL = pattern(
    r"((?:\[[^\[\]\n]*\]\s*)+)?(?<![\w~.])(locations\s*\[[^{}]*?\](?=\s*[a-z~(\[]|\s*$)|(~\s*exists|exists|forall|filter|final|[oO]bserved)\b)"
)
_AFTER = pattern(
    r"\b(variants|expect|unroll|enum|struct|union|nmi)\b|\bP\d+\b(?!\s*:)|\[(?=[^\[\]\n]*\]\s*(P\d|variants))"
)


@dataclass(slots=True)
class Segment:
    """One ``exists (…)``, ``locations […]`` or ``filter (…)`` with its guard."""

    final: Final
    span: Span
    guards: list[Node] = field(default_factory=list)


class Cut(NamedTuple):
    """A text without its segments. ``unread``: a segment had an error."""

    text: str
    segments: list[Segment]
    unread: bool


def cut(source: Source, text: str, troubles: list[Diagnostic]) -> Cut:
    """Cut out the segments that the condition grammar reads: those outside braces that begin with its words.

    Their errors are added to ``troubles``.
    """
    depth, starts = 0, []
    marks = sorted(
        [(m.start(), m.group(), None) for m in re.finditer(r"[{}]", text)]
        + [(m.start(), "", m) for m in _FINAL.finditer(text)],
        key=lambda x: x[0],
    )
    for _, brace, match in marks:
        if match is None:
            depth += 1 if brace == "{" else -1
        elif depth == 0:
            starts.append(match)
    segments: list[Segment] = []
    unread = False
    for i, match in enumerate(starts):
        end = starts[i + 1].start() if i + 1 < len(starts) else len(text)
        after = _AFTER.search(text, match.end(), end)
        if after and not text[match.end() : after.start()].rstrip().endswith((":", "/\\", "\\/", "=")):
            end = after.start()
        body = match.end(1) if match.group(1) else match.start()
        try:
            segments.append(_segment(source, text[:end], match, body))
        except InputError as error:
            troubles += error.diagnostics
            unread = True
        text = text[: match.start()] + layout.blank(text[match.start() : end]) + text[end:]
    return Cut(text, segments, unread)


def _segment(source: Source, text: str, match: re.Match[str], body: int) -> Segment:
    """The segment that reaches from a match to the end of ``text``. Its condition begins at ``body``.

    Raises ``InputError``.
    """
    start, guard = match.start(), match.group(1)
    final = condition.parse_final(source, layout.blank(text[:body]) + text[body:])
    span = Span(source, start, body if guard else len(text))
    guards: list[Node] = []
    for one in re.finditer(r"\[[^\[\]]*\]", guard or ""):
        word = " " * (start + one.start()) + one.group()
        try:
            guards.append(tree_of(word, "mm", start="guard").children[0])
        except Unparsed as error:
            raise InputError([syntax_error(source, error.error, "this guard")]) from None
    return Segment(final, span, guards)


def chosen(segments: Iterable[Segment], guards: Guards) -> dict[str | None, Final]:
    """The condition, locations and filters of each variant. All three may have guards."""
    names: list[str | None] = [v.name for v in guards.once] or [None]
    out: dict[str | None, Final] = {n: Final() for n in names}
    run: list[frozenset[str] | None] = []
    for segment in segments:
        where: frozenset[str] | None = None
        if segment.guards:
            where = guards.together(segment.guards, run, segment.span)
        else:
            run = []
        for name in names:
            if not segment.guards or guards.stands(where, name, segment.span):
                old, new = out[name], segment.final
                if old.proposition is not None and new.proposition is not None and new.span is not None:
                    of = f" of variant {name}" if name else ""
                    guards.trouble("condition", f"this is a second condition{of}", new.span, "a test has one")
                    continue
                out[name] = Final(
                    quantifier=old.quantifier or new.quantifier,
                    proposition=old.proposition or new.proposition,
                    span=old.span or new.span,
                    locations=old.locations + new.locations,
                    filters=old.filters + new.filters,
                    warnings=old.warnings + new.warnings,
                )
    return out
