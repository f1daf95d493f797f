"""What a report says of one test: a section of the page of its file, and the facts for the index.

It is made in the process that decides the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from verifier.errors import ExitCode
from verifier.picture import page
from verifier.program.waits import folded
from verifier.records import NamedTuple, dataclass
from verifier.render.problem import brief
from verifier.reports.html import Html, code, html, joined, row, table, tag
from verifier.reports.places import Links, include_page, rule_link, test_id
from verifier.results import Verdict
from verifier.source import Source, Span
from verifier.syntax import ast
from verifier.syntax.test import Test
from verifier.why.answers import NO_PARTS, Audit, Explanation, impossible, named

SHORT = 160  # characters of what the index says of a test

Standing = Literal["as expected", "differs", "unknown", "nothing expected", "error", "skipped"]
"""How a row of the index stands to its expectation; errors and skipped files have no verdict."""


class IndexRow(NamedTuple):
    """A row of the index: a test, an error of a file, or a file that is left out.

    ``word``    the observation, or ``error`` or ``skipped``; ``hangs``: ``may hang``, ``deadlock``, or empty;
    ``says``    the comment of the variant, and what is to be said of its verdict;
    ``rules``   the rules that its story and its explanation cite;
    ``gap``     why its explanation or its audit is not finished; empty if they are.
    """

    file: str
    name: str
    anchor: str
    word: str
    standing: Standing
    says: str = ""
    hangs: str = ""
    rules: tuple[str, ...] = ()
    gap: str = ""
    seconds: float = 0.0
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A test in a report.

    ``body``      HTML, without the element around it;
    ``includes``  the files that the test includes;
    ``cited``     other files whose lines the section names, with these lines.
    """

    row: IndexRow
    as_expected: bool | None
    exit_code: ExitCode
    body: str
    includes: tuple[Source, ...]
    cited: tuple[tuple[Source, frozenset[int]], ...]


def section(verdict: Verdict, explanation: Explanation, audit: Audit | None, times: bool) -> ReportSection:
    """The section of a test. ``times``: say how long it took."""
    test = verdict.test
    pages = {include_page(source.name): source for source in test.includes}
    links = Links(test.source, pages, _kernel_files(test))
    told = page.section(
        verdict,
        explanation,
        prefix=f"v-{test_id(test.variant)}",
        href=_hrefs(test),
        told=links.of,
        head=False,
    )
    parts = joined([
        tag("p", test.comment, class_="comment") if test.comment else "",
        _asked(verdict, times),
        Html(told),
        _audited(audit, links) if audit is not None else "",
    ])  # fmt: skip
    gaps = [explanation.gap, audit.gap if audit is not None and impossible(verdict) else ""]
    facts = IndexRow(
        file=test.source.name,
        name=test.variant or test.name,
        anchor=test_id(test.variant),
        word=verdict.observation,
        standing=standing(verdict),
        says=_says(verdict),
        hangs="deadlock" if verdict.deadlock else "may hang" if verdict.hangs else "",
        rules=tuple(sorted(links.cited, key=by_number)),
        gap="; ".join(filter(None, gaps)),
        seconds=verdict.seconds,
        variant=test.variant,
    )
    body = joined([tag("h2", facts.name, " ", *chips(facts)), parts, _rests_on(facts.rules)])
    return ReportSection(
        row=facts,
        as_expected=verdict.as_expected,
        exit_code=verdict.exit_code,
        body=body,
        includes=test.includes,
        cited=tuple(page.cited(verdict, explanation)),
    )


def _hrefs(test: Test) -> Callable[[Span], str]:
    """Where the line of a span is: on the page of an include, or else on the page of the test."""
    pages = {source.name: include_page(source.name) for source in test.includes}

    def href(span: Span) -> str:
        found = pages.get(span.source.name)
        return page.here(span) if found is None else f"../{found}{page.here(span)}"

    return href


def _kernel_files(test: Test) -> Iterable[str]:
    """The paths of the files of a kernel's tree from which a test takes text."""
    if not isinstance(test.tree, ast.Unit) or test.tree.kernel is None:
        return ()
    return [one.path for one in test.tree.kernel.files]


def standing(verdict: Verdict) -> Standing:
    """How a verdict stands to its expectation."""
    if verdict.exit_code is ExitCode.UNKNOWN:
        return "unknown"
    if verdict.as_expected is None:
        return "nothing expected"
    return "as expected" if verdict.as_expected else "differs"


def chips(facts: IndexRow) -> Iterator[Html]:
    """The verdict, and how it stands to its expectation, as words in frames."""
    yield tag("span", facts.word, class_=f"chip word {facts.word}")
    if facts.hangs:
        yield joined([" ", tag("span", facts.hangs, class_="chip word hangs")])
    if facts.standing not in (facts.word, "nothing expected"):
        yield joined([" ", tag("span", facts.standing, class_=f"chip {facts.standing.replace(' ', '-')}")])


def by_number(rule: str) -> tuple[int, ...]:
    """A key for rules, in the order of their numbers."""
    return tuple(map(int, rule.split(".")))


def _says(verdict: Verdict) -> str:
    """The variant's comment, or what is to be said of its verdict, or what the test is about."""
    said = brief(verdict).removeprefix(verdict.observation).strip().removeprefix("DIFFERS: ")
    comment = verdict.test.comment
    if verdict.exit_code is not ExitCode.EXPECTED:
        return said if not comment or comment in said else f"{comment}: {said}"
    return comment or verdict.reason or folded(verdict.test.doc, SHORT)


def _asked(verdict: Verdict, times: bool) -> Html:
    """The condition, the expectation and what is to be said of the verdict."""
    test = verdict.test
    said = [tag("span", code(f"{test.quantifier} ({test.condition})" if test.asks else "no condition"))]
    if verdict.wanted:
        said.append(tag("span", f"expected {verdict.wanted}"))
    if verdict.bound is not None:
        said.append(tag("span", f"unrolled {verdict.bound} times"))
    if verdict.reason and not verdict.deadlock:
        said.append(tag("span", verdict.reason, class_="remark"))
    if times:
        said.append(tag("span", f"{verdict.seconds:.3f} s"))
    return tag("p", joined(said, " "), class_="asked")


# -- audits ---------------------------------------------------------------------------------------


def _audited(audit: Audit, links: Links) -> Html:
    """Which parts are needed; nothing of a test whose outcome is possible."""
    verdict = audit.verdict
    if not impossible(verdict):
        return html("")
    file = verdict.test.source.name
    found = sorted(
        audit.findings, key=lambda f: (f.span.source.name != file, f.span.source.name, f.span.start)
    )
    rows = []
    for f in found:
        joint = f"needed if {' or '.join(named(p, file) for p in f.joint)} is missing" if f.joint else ""
        cpus = ", ".join(map(str, sorted(f.cpus)))
        need = tag("span", f.need, class_=f"need {f.need.partition(' ')[0]}")
        where = links.of(f.where(file))
        rows.append(
            row([where, code(f.text), f.kind, cpus, joined([need, links.of(f"; {joint}" if joint else "")])])
        )
    told = table(["where", "part", "kind", "CPU", "needed?"], rows, class_="audit") if rows else ""
    gap = tag("p", links.of(f"{audit.gap[:1].upper()}{audit.gap[1:]}."), class_="gap") if audit.gap else ""
    none = tag("p", f"{NO_PARTS}.") if not rows and not gap else ""
    notes = [tag("p", links.of(audit.said_together))] if audit.together else []
    notes += [tag("p", text) for text in audit.legend()]
    return joined([tag("h3", "What is needed"), told, none, *notes, gap])


def _rests_on(rules: tuple[str, ...]) -> Html:
    """The rules that the story and the explanation cite."""
    if not rules:
        return html("")
    return tag("p", "Rests on the rules ", joined(map(rule_link, rules), ", "), ".", class_="rests")
