"""Collects the outcomes of tests, and writes the pages of a report."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from verifier import __version__
from verifier.budget import Budget
from verifier.errors import InputError, Interrupted, VerifierError
from verifier.model import model
from verifier.output import Output
from verifier.picture.page import script, style
from verifier.records import NamedTuple
from verifier.render.base import Report, said
from verifier.reports.claims import Claims
from verifier.reports.folder import ReportFolder
from verifier.reports.index import Listed, Whole, index
from verifier.reports.layout import PICTURE_SCRIPT, PICTURE_STYLE, REPORT_SCRIPT, REPORT_STYLE
from verifier.reports.pages import FilePage, error_row, include
from verifier.reports.places import CLAIMS, INDEX, RULES, include_page, shown, test_pages
from verifier.reports.rulebook import claims_page, rules_page
from verifier.reports.section import IndexRow, ReportSection, section
from verifier.results import Verdict
from verifier.source import Diagnostic, Source
from verifier.suite.discover import Task
from verifier.suite.options import Options
from verifier.suite.worker import tell
from verifier.syntax import read
from verifier.syntax.test import Test
from verifier.why.audit import audit
from verifier.why.explain import explain


class Contents(NamedTuple):
    """What a report is to have. ``seconds``: the time for the explanation of each test, and again for its
    audit; ``audits``: audit each test; ``times``: say how long tests took; ``hurry``: show the progress."""

    seconds: float
    audits: bool = False
    times: bool = False
    hurry: bool = False


class ReportPages(Report[ReportSection]):
    """A report in a directory. The page of a file is written when it is decided, the index at the end."""

    def __init__(
        self, out: Output, folder: ReportFolder, tasks: Sequence[Task], options: Options, contents: Contents,
        claims: Claims,
    ) -> None:  # fmt: skip
        super().__init__(out)
        self.folder, self.options, self.contents, self.claims = folder, options, contents, claims
        files = {os.path.realpath(task.name) for task in tasks}
        self.any_claims = any(file in files for claim in claims.claims for file, _ in claim.by)
        self.whole = {task.name for task in tasks if not task.variants}
        self.machine = model(options.switches, options.model)
        self.pages = test_pages(task.name for task in tasks)
        self.page: FilePage | None = None  # of the file whose outcomes come
        self.rows: list[Listed] = []
        self.notes: list[str] = []
        self.warnings: dict[str, list[Diagnostic]] = {}
        self.includes: dict[str, tuple[Source, dict[str, str]]] = {}  # by page: the text, and who includes it

    # -- in the process that decides --------------------------------------------------------------

    def piece(self, verdicts: list[Verdict]) -> ReportSection:
        """The section of a test, with its explanation."""
        (verdict,) = verdicts
        found = explain(verdict, self.machine, self._budget(verdict), self.options.unroll)
        parts = None
        if self.contents.audits:
            parts = audit(verdict, self.machine, self._budget(verdict), self.options.unroll, witnesses=False)
        return section(verdict, found, parts, self.contents.times)

    def _budget(self, verdict: Verdict) -> Budget:
        listener = (lambda text: tell(f"{verdict.test.id}: {text}")) if self.contents.hurry else None
        return Budget(self.contents.seconds, self.options.memory, listener)

    # -- in the process that writes ---------------------------------------------------------------

    def _of(self, file: str) -> FilePage:
        """What there is about a file so far."""
        if self.page is None or self.page.file != file:
            self.page = FilePage(file)
        return self.page

    def begin(self, ids: Sequence[str], tests: Callable[[], Sequence[Test]]) -> None:
        """Keep the tests of the file that comes."""
        found = tuple(tests())
        if found:
            self._of(found[0].source.name).tests = found

    def done(self, piece: ReportSection) -> None:
        """Count a verdict, and keep its section."""
        self.tally.add(piece.as_expected, piece.exit_code)
        self.codes.add(piece.exit_code)
        self._of(piece.row.file).sections.append(piece)
        for source in piece.includes:
            users = self.includes.setdefault(include_page(source.name), (source, {}))[1]
            users[piece.row.file] = self.pages[piece.row.file]

    def warning(self, warning: Diagnostic) -> None:
        """Print it, and keep it for the page."""
        super().warning(warning)
        if self.page is not None:
            self.page.warnings.append(warning)

    def error(self, error: VerifierError, file: str | None = None) -> None:
        """Print it, and keep it for the page of its file, or for the index."""
        super().error(error, file)
        if file in self.pages:
            self._of(file).errors.append(said(error))
        else:
            self.notes.append(said(error))

    def stopped(self, stop: Interrupted) -> None:
        """Say so in the index, too."""
        super().stopped(stop)
        self.notes.append(f"This report is not complete: {stop}.")

    def skipped(self, file: str, arch: str) -> None:
        """A row for a file that is left out."""
        super().skipped(file, arch)
        self._of(file).skipped = arch

    def ended(self, file: str) -> None:
        """Write the page of a file."""
        page = self._of(file)
        page.source = page.tests[0].source if page.tests else _read(file)
        name = self.pages[file]
        for found in page.sections:
            claims = self.claims.of(file, found.row.variant)
            page.claims[found.row.anchor] = claims
            self.rows.append(Listed(found.row, name, claims))
        if page.tests and file in self.whole:
            for lacks in self.claims.lacking(file, [test.variant for test in page.tests]):
                self.out.complain(f"verifier: {shown(file)} has no such variant; claim {lacks}")
        if page.errors:
            self.rows.append(Listed(error_row(file)._replace(says=_first(page.errors)), name, ()))
        if page.skipped:
            row = IndexRow(file, shown(file), "", "skipped", "skipped", f"a test for {page.skipped}")
            self.rows.append(Listed(row, name, ()))
        if page.warnings:
            self.warnings[file] = page.warnings
        self.folder.write(name, page.text(claims=self.any_claims))
        self.page = None

    @property
    def index(self) -> str:
        """The path of the index."""
        return os.path.join(self.folder.path, INDEX)

    def close(self) -> None:
        """Write the index and what else is about all files."""
        claims = self.any_claims
        if self.page is not None:  # a signal stopped the run amid a file
            self.ended(self.page.file)
        for name, (source, users) in sorted(self.includes.items()):
            pages = sorted((page, file) for file, page in users.items())
            self.folder.write(name, include(source, pages, claims=claims))
        self.folder.write(RULES, rules_page(self.rows, claims=claims))
        if claims:
            self.folder.write(CLAIMS, claims_page(self.claims, self.rows))
        for name in (REPORT_STYLE, REPORT_SCRIPT):
            self.folder.write(name, Path(__file__).with_name(name).read_text(encoding="utf-8"))
        self.folder.write(PICTURE_STYLE, style())
        self.folder.write(PICTURE_SCRIPT, script())
        whole = Whole(self._facts(), str(self.tally), self.notes, self.contents.times)
        self.folder.write(INDEX, index(self.rows, whole, self.warnings, self.pages, claims=claims))
        self.folder.close()

    def _facts(self) -> list[tuple[str, str]]:
        """What was asked for, by which version."""
        options = self.options
        settings = ", ".join(f"{name}={value}" for name, value in sorted(options.settings.items()))
        defines = ", ".join(f"{name}={value}" for name, value in sorted(options.defines.items()))
        facts = {
            "verifier": __version__,
            "model": options.model,
            "profile": f"{options.profile}{f', with {settings}' if settings else ''}",
            "judge": options.judge,
            "bound of loops": str(options.unroll) if options.unroll is not None else "as the files say, or 2",
            "constants": defines,
            "kernel": shown(options.kernel) if options.kernel else "",
            "time for a verdict": f"{options.timeout:g} s" if options.timeout is not None else "",
            "time for an explanation": f"{self.contents.seconds:g} s",
        }
        return [(name, value) for name, value in facts.items() if value]


def _read(file: str) -> Source | None:
    """The text of a file with errors, if there is one."""
    try:
        return read(file) if os.path.isfile(file) else None
    except InputError:
        return None


def _first(errors: list[str]) -> str:
    """The first error in a line."""
    line = errors[0].splitlines()[0]
    return f"{line} (and {len(errors) - 1} more)" if len(errors) > 1 else line
