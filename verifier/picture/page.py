"""Verdicts as HTML: pages in which a step of a story, its line in the source and its node in the picture show
each other.

A page is one file. It is made of parts, so that several verdicts can stand on one page: ``style()`` and
``script()`` once, ``listing(source)`` once for each text, and ``section(verdict)`` for each verdict, with a
prefix of its own. The parts find each other by attributes: an element of step N of a story has
``data-step="PREFIX-N"``, a line of a source has ``data-line``, and a step names its lines in ``data-at``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from functools import cache
from pathlib import Path
from zlib import crc32

from verifier.picture.cycles import CyclePicture, cycle_pictures
from verifier.picture.runs import about, kind_of_run, run_picture
from verifier.picture.svg import STYLE, svg
from verifier.picture.texts import coded, escaped, escaped_line
from verifier.program.trace import Trace
from verifier.program.waits import place
from verifier.records import NamedTuple
from verifier.render.story import headline, rows, runs
from verifier.results import Verdict
from verifier.source import Source, Span
from verifier.why.answers import Explanation, Reason, does, where

AROUND = 4  # lines that are shown around those of an include that a story names
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

Href = Callable[[Span], str]  # where the line of a span is to be found: ``#…`` or a relative link
ToldAs = Callable[[str], str]  # the HTML of a sentence


@cache
def style() -> str:
    """The text of one ``<style>`` element, for a page with sections. It takes part of the names of classes
    that begin with ``v-``, and ``vp`` for pictures."""
    return STYLE + _file("page.css")


@cache
def script() -> str:
    """The text of one ``<script>`` element, at the end of a page with sections."""
    return _file("page.js")


def anchor(source: Source, line: int) -> str:
    """The id of a line in the ``listing`` of a source. It is the same wherever the file lies."""
    text = f"{os.path.basename(source.name)}\n{source.text}"
    return f"s{crc32(text.encode(errors='surrogatepass')):08x}-{line}"


def here(span: Span) -> str:
    """The place of a span in a listing on the same page."""
    return f"#{anchor(span.source, span.line)}"


def page(verdict: Verdict, explanation: Explanation | None = None) -> str:
    """A verdict as a page of its own: what was found, the source, the story, and its picture."""
    test = verdict.test
    listings = [listing(test.source)]
    for source, lines in cited(verdict, explanation):
        name = escaped(os.path.basename(source.name))
        listings.append(f'<h3 class="v-file">{name}</h3>\n{listing(source, lines)}')
    name = escaped(os.path.basename(test.source.name))
    return document(
        test.id,
        '<div class="v-columns">\n'
        f'<div class="v-source"><h2>{name}</h2>\n{"".join(listings)}</div>\n'
        f"<main>{section(verdict, explanation)}</main>\n</div>",
    )


def document(title: str, body: str) -> str:
    """A page around a body that has sections; ``title`` is text, ``body`` is HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escaped(title)}</title>\n<style>{style()}</style>\n</head>\n<body>\n"
        f"{body}\n<script>{script()}</script>\n</body>\n</html>\n"
    )


def section(
    verdict: Verdict, explanation: Explanation | None = None, *, prefix: str = "v", href: Href = here,
    told: ToldAs = escaped, head: bool = True,
) -> str:  # fmt: skip
    """A verdict as a fragment of HTML: its headline, its stories and cycles with their pictures.

    ``prefix``  begins all its ids, and no other one on the page: a letter, then letters, digits and ``-``;
    ``href``    where the lines are that it names;
    ``told``    makes HTML of its sentences, which name lines and rules; ``head``: has it a headline?
    """
    return "\n".join(_Section(verdict, explanation, prefix, href, told, head).lines())


def listing(source: Source, lines: Collection[int] | None = None) -> str:
    """A source with numbered lines, as a fragment of HTML. ``lines``: only these and some around them."""
    last = source.text.count("\n") + (not source.text.endswith("\n"))
    if lines is None:
        shown = list(range(1, last + 1))
    else:
        near = {n for line in lines for n in range(line - AROUND, line + AROUND + 1)}
        shown = sorted(n for n in near if 1 <= n <= last)
    out = ['<ol class="v-listing">']
    for at, number in enumerate(shown):
        if number > 1 and (at == 0 or shown[at - 1] != number - 1):
            out.append('<li class="v-gap" aria-hidden="true"></li>')
        name = anchor(source, number)
        text = escaped_line(source.line(number))
        out.append(f'<li value="{number}" id="{name}" data-line="{name}"><code>{text}</code></li>')
    return "\n".join([*out, "</ol>"])


def cited(verdict: Verdict, explanation: Explanation | None = None) -> list[tuple[Source, frozenset[int]]]:
    """The other sources that a section names, with the lines that it names there; by name."""
    own = verdict.test.source.name
    found: dict[str, tuple[Source, set[int]]] = {}
    for span in _spans(verdict, explanation):
        for at in filter(None, (span, span.called)):
            if at.source.name != own:
                found.setdefault(at.source.name, (at.source, set()))[1].add(at.line)
    return [(source, frozenset(lines)) for _, (source, lines) in sorted(found.items())]


def _spans(verdict: Verdict, explanation: Explanation | None) -> Iterator[Span]:
    for trace in runs(verdict):
        yield from (row.span for row in rows(verdict, trace) if row.span is not None)
    for reason in explanation.reasons if explanation is not None else ():
        yield from (part.span for part in reason.parts)
        steps = (link.step for cycle in reason.cycles for link in cycle.links)
        yield from (step.span for step in steps if step.span is not None)


class _Told(NamedTuple):
    """A row of a table: a step of a story or of a cycle. ``where`` is its place in words."""

    who: str
    what: str
    where: str
    span: Span | None
    remark: str
    matters: bool = False
    then: str = ""


class _Section:
    def __init__(
        self, verdict: Verdict, explanation: Explanation | None, prefix: str, href: Href, told: ToldAs,
        head: bool,
    ) -> None:  # fmt: skip
        self.verdict, self.explanation, self.prefix, self.href = verdict, explanation, prefix, href
        self.head = head
        self.as_html = told

    def told(self, sentence: str) -> str:
        """The HTML of a sentence; what it quotes from a source is code."""
        return coded(self.as_html(sentence))

    def lines(self) -> Iterator[str]:
        """The fragment, piece by piece."""
        v, x = self.verdict, self.explanation
        yield f'<section class="v-section" id="{self.prefix}">'
        if self.head:
            yield self._headline()
        if x is not None and (x.reasons or x.gap):
            yield f'<p class="v-why">{self.told(_sentence(x.summary))}</p>'
        for number, trace in enumerate(runs(v), 1):
            yield from self._run(trace, f"{self.prefix}-r{number}-")
        if x is not None:
            yield from self._explanation(x)
        yield "</section>"

    def _headline(self) -> str:
        v = self.verdict
        said = headline(v)[len(v.test.id) :].strip()
        observed, _, judged = said.partition(" ")
        mark = {True: "v-good", False: "v-bad", None: ""}[v.as_expected]
        return (
            f'<h2 class="v-head {mark}"><span class="v-id">{escaped(v.test.id)}</span> '
            f'<b class="v-word">{escaped(observed)}</b> <span>{escaped(judged)}</span></h2>'
        )

    # -- runs ---------------------------------------------------------------------------------------

    def _run(self, trace: Trace, prefix: str) -> Iterator[str]:
        v = self.verdict
        yield f'<h3 class="v-kind">{escaped(_sentence(kind_of_run(v, trace)))}</h3>'
        if about(v, trace):
            yield f'<p class="v-matter">{self.told(_sentence(about(v, trace)))}</p>'
        told = [
            _Told(r.who, r.what, r.where, r.span, "; ".join(r.remarks), r.matters) for r in rows(v, trace)
        ]
        yield '<div class="v-both">'
        yield self._table(told, prefix)
        yield self._figure(svg(run_picture(v, trace), prefix=prefix, alone=False))
        yield "</div>"

    def _figure(self, text: str) -> str:
        """A picture, with the switch for the edges that it leaves out at first."""
        switch = ""
        if ' minor"' in text:
            switch = '<label class="v-switch"><input type="checkbox" data-minor> all co and fr</label>'
        return f'<figure class="v-figure">{switch}<div class="v-scroll">{text}</div></figure>'

    # -- explanations -------------------------------------------------------------------------------

    def _explanation(self, x: Explanation) -> Iterator[str]:
        pictures = list(cycle_pictures(x))
        for number, reason in enumerate(x.reasons, 1):
            if len(x.reasons) > 1:
                more = "" if x.complete else " or more"
                yield f'<h3 class="v-kind">Reason {number} of {len(x.reasons)}{more}</h3>'
            yield from self._reason(reason)
            mine = [p for p in pictures if p.reason == number]
            for picture in mine:
                yield from self._cycle(picture, len(mine))
        if x.comments:
            file = self.verdict.test.source.name
            yield "<p>Comments that could stand in the source:</p><ul>"
            for c in x.comments:
                where = self._place(place(c.part.span, file), c.part.span)
                yield f"<li>{where}: <code>{escaped(c.text)}</code></li>"
            yield "</ul>"
        if x.gap:
            yield f'<p class="v-gap-said">This is not all of it: {self.told(x.gap)}.</p>'

    def _reason(self, reason: Reason) -> Iterator[str]:
        file = self.verdict.test.source.name
        if reason.parts:
            yield '<p>It rests on</p><ul class="v-parts">'
            for part in reason.parts:
                there = self._place(where(part, file), part.span)
                cpus = ", ".join(map(str, sorted(part.cpus)))
                said = f"{there}: {self.told(does(part, reason.awaits(part)))}"
                yield f"<li>CPU {cpus}: <code>{escaped(part.text)}</code>, {said}</li>"
            yield "</ul>"
        if reason.off_cycles(file):
            yield f"<p>{self.told(reason.off_cycles(file))}</p>"
        if reason.gap:
            yield f"<p>{self.told(reason.gap)}.</p>"

    def _cycle(self, picture: CyclePicture, of: int) -> Iterator[str]:
        prefix = f"{self.prefix}-c{picture.reason}-{picture.number}-"
        which = f"Cycle {picture.number} of {of}" if of > 1 else "The cycle"
        yield f'<h3 class="v-kind">{which}: {self.told(picture.closed.heading)}</h3>'
        told = [
            _Told(
                "" if link.step.cpu is None else f"CPU {link.step.cpu}", link.step.text, link.step.where,
                link.step.span, link.step.note, then=link.why,
            )
            for link in picture.closed.links
        ]  # fmt: skip
        yield '<div class="v-both">'
        yield self._table(told, prefix)
        yield self._figure(svg(picture.picture, prefix=prefix, alone=False))
        yield "</div>"

    # -- tables -------------------------------------------------------------------------------------

    def _table(self, told: list[_Told], prefix: str) -> str:
        """A story; each row is a step."""
        out = ['<div class="v-table"><table class="v-story"><tbody>']
        for n, row in enumerate(told):
            spans = [] if row.span is None else [row.span, *([row.span.called] if row.span.called else [])]
            at = " ".join(dict.fromkeys(anchor(s.source, s.line) for s in spans))
            indent = (len(row.what) - len(row.what.lstrip())) // 2
            then = f'<br><span class="v-then">before: {self.told(row.then)}</span>' if row.then else ""
            mark = "*" if row.matters else ""
            matters = ' class="v-matters"' if row.matters else ""
            out.append(
                f'<tr id="{prefix}{n}" data-step="{prefix}{n}" data-at="{at}"{matters}'
                f' tabindex="{-1 if n else 0}">'
                f'<th scope="row">{n + 1}{mark}</th><td>{escaped(row.who)}</td>'
                f'<td class="v-what" style="--in:{indent}"><code>{escaped(row.what)}</code> '
                f'<span class="v-remark">{self.told(row.remark)}</span>{then}</td>'
                f"<td>{self._place(row.where, row.span)}</td></tr>"
            )
        return "\n".join([*out, "</tbody></table></div>"])

    def _place(self, said: str, span: Span | None) -> str:
        if span is None or not said:
            return escaped(said)
        return f'<a href="{escaped(self.href(span))}">{escaped(said)}</a>'


def _sentence(text: str) -> str:
    """A text that begins and ends as a sentence does."""
    return f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.:?!' else '.'}" if text else ""


def _file(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
