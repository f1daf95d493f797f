"""The page of a file, and that of an included file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.picture.page import anchor, listing
from verifier.records import dataclass, field
from verifier.reports.html import Html, html, joined, link, row, table, tag
from verifier.reports.layout import PICTURE_SCRIPT, document
from verifier.reports.places import CLAIMS, include_page, shown
from verifier.reports.section import IndexRow, ReportSection, chips
from verifier.source import Diagnostic, Source
from verifier.syntax.test import Test

ERRORS = "errors"  # the id of a page's errors


@dataclass(slots=True)
class FilePage:
    """What came about a file. ``claims``: the claims that each section decides, by its anchor."""

    file: str
    tests: tuple[Test, ...] = ()
    source: Source | None = None
    sections: list[ReportSection] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    skipped: str = ""
    claims: dict[str, list[str]] = field(default_factory=dict)

    def text(self, *, claims: bool) -> str:
        """The page. ``claims``: does the report have any?"""
        name = self.tests[0].name if self.tests else shown(self.file)
        left = tag("div", tag("h2", "Source"), *self._listings(), class_="v-source") if self.source else ""
        right = tag("div", *map(self._section, self.sections), class_="right") if self.sections else ""
        return document(
            f"{name}: {shown(self.file)}",
            tag("h1", name),
            tag("p", shown(self.file), class_="path"),
            self._about(),
            self._wrong(),
            self._contents() if len(self.sections) > 1 else "",
            tag("div", left, right, class_="v-columns") if self.sections else left,
            up="../",
            scripts=(PICTURE_SCRIPT,) if self.sections else (),
            claims=claims,
        )

    def _about(self) -> Html:
        """The text in front of the test, and its keys."""
        if not self.tests:
            return tag("p", f"Left out: a test for {self.skipped}.") if self.skipped else html("")
        test = self.tests[0]
        doc = tag("p", " ".join(test.doc.split()), class_="doc") if test.doc.strip() else ""
        keys = [joined([tag("dt", key), tag("dd", value)]) for key, value in test.meta.items()]
        return joined([doc, tag("dl", *keys) if keys else ""])

    def _wrong(self) -> Html:
        """Errors and warnings."""
        out = []
        if self.errors:
            said = [tag("pre", error, tabindex=0) for error in self.errors]
            out.append(tag("section", tag("h2", "Errors"), *said, id=ERRORS, class_="wrong"))
        if self.warnings:
            said = [tag("pre", warning.render(), tabindex=0) for warning in self.warnings]
            out.append(tag("section", tag("h2", "Warnings"), *said, class_="warned"))
        return joined(out)

    def _contents(self) -> Html:
        """The variants, with their verdicts."""
        rows = [
            row([link(f"#{s.row.anchor}", s.row.name), joined(chips(s.row)), s.row.says])
            for s in self.sections
        ]
        return tag("nav", table(["variant", "verdict", ""], rows, class_="contents"))

    def _listings(self) -> Iterator[Html]:
        """The source, and the parts of other files that sections name."""
        assert self.source is not None
        yield Html(listing(self.source))
        cited: dict[str, tuple[Source, set[int]]] = {}
        for source, lines in (at for section in self.sections for at in section.cited):
            cited.setdefault(anchor(source, 1), (source, set()))[1].update(lines)
        includes = {source.name for section in self.sections for source in section.includes}
        for source, found in cited.values():
            name = shown(source.name) if source.name in includes else source.name
            whole = f"../{include_page(source.name)}"
            yield tag("h3", link(whole, name) if source.name in includes else name, class_="v-file")
            yield Html(listing(source, found))

    def _section(self, section: ReportSection) -> Html:
        decides = self.claims.get(section.row.anchor, [])
        links = [link(f"../{CLAIMS}#c{number}", number) for number in decides]
        which = "Decides the claims " if len(links) > 1 else "Decides the claim "
        claims = tag("p", which, joined(links, ", "), ".", class_="decides") if links else ""
        return tag("section", Html(section.body), claims, class_="test", id=section.row.anchor)


def include(source: Source, users: Sequence[tuple[str, str]], *, claims: bool) -> str:
    """The page of an included file; ``users``: the pages of the tests that include it, and their paths."""
    path = shown(source.name)
    return document(
        path,
        tag("h1", path),
        tag("p", f"Included by {len(users)} file{'s' * (len(users) != 1)}:"),
        tag("ul", *(tag("li", link(f"../{page}", shown(file))) for page, file in users), class_="users"),
        Html(listing(source)),
        up="../",
        claims=claims,
    )


def error_row(file: str) -> IndexRow:
    """The row of a file with errors."""
    return IndexRow(file, shown(file).rpartition("/")[2], ERRORS, "error", "error")
