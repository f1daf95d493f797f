"""What a report says of one test: a section of the page of its file, and the facts for the index.

It is made in the process that decides the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from verifier.errors import ExitCode
from verifier.lower.optional import OptionalPart
from verifier.program.trace import Trace
from verifier.program.waits import folded, place
from verifier.records import NamedTuple, dataclass
from verifier.render import story
from verifier.render.problem import brief
from verifier.reports.html import Html, code, html, joined, row, table, tag
from verifier.reports.places import Links, include_page, rule_link, test_id
from verifier.results import Verdict, who_waits
from verifier.source import Source
from verifier.syntax import ast
from verifier.syntax.test import Test
from verifier.why.answers import DOES, Audit, Closed, Explanation, Reason, impossible, named

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
class Section:
    """A test in a report. ``body`` is HTML, without the element around it; ``includes``: the files that the
    test includes."""

    row: IndexRow
    as_expected: bool | None
    exit_code: ExitCode
    body: str
    includes: tuple[Source, ...]


def section(verdict: Verdict, explanation: Explanation, audit: Audit | None, times: bool) -> Section:
    """The section of a test. ``times``: say how long it took."""
    test = verdict.test
    pages = {include_page(source.name): source for source in test.includes}
    links = Links(test.source, pages, _kernel_files(test))
    parts = joined([
        tag("p", test.comment, class_="comment") if test.comment else "",
        _asked(verdict, times),
        *(_run(verdict, run, links) for run in story.runs(verdict)),
        _why(explanation, links),
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
    return Section(facts, verdict.as_expected, verdict.exit_code, body, test.includes)


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
    if facts.standing not in ("error", "skipped", "nothing expected"):
        yield joined([" ", tag("span", facts.standing, class_=f"chip {facts.standing.replace(' ', '-')}")])


def by_number(rule: str) -> tuple[int, ...]:
    """A key for rules, in the order of their numbers."""
    return tuple(map(int, rule.split(".")))


def _says(verdict: Verdict) -> str:
    """The variant's comment, or what is to be said of its verdict, or what the test is about."""
    said, comment = brief(verdict).removeprefix(verdict.observation).strip(), verdict.test.comment
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


# -- runs -----------------------------------------------------------------------------------------


def _run(verdict: Verdict, run: Trace, links: Links) -> Html:
    """A run: what it shows, the sentence about what matters in it, and its steps."""
    file, about = verdict.test.source.name, ""
    if run is verdict.witness:
        title, matter = "A run with this outcome", run.matter
    elif run is verdict.counter:
        title, matter = "A run in which it does not hold", run.matter
    else:
        title, matter = "No run ends" if verdict.deadlock else "A run that hangs", None
        about = who_waits(verdict.test, verdict.waits)
    about = matter.told(file) if matter is not None else about
    return joined([
        tag("h3", title),
        tag("p", links.of(f"{about[:1].upper()}{about[1:]}."), class_="matter") if about else "",
        tag("pre", links.of(story.story(verdict, run)), class_="story", tabindex=0),
    ])  # fmt: skip


# -- explanations ---------------------------------------------------------------------------------


def _why(found: Explanation, links: Links) -> Html:
    """Why an outcome is impossible; nothing of one that is possible, whose run says it."""
    if not found.reasons and not found.gap:
        return html("")
    file, parts = found.verdict.test.source.name, []
    for number, reason in enumerate(found.reasons, 1):
        if len(found.reasons) > 1:
            more = "" if found.complete else " or more"
            parts.append(tag("h4", f"Reason {number} of {len(found.reasons)}{more}"))
        parts.append(_reason(reason, file, links))
    if found.comments:
        said = [tag("li", links.of(place(c.part.span, file)), ": ", code(c.text)) for c in found.comments]
        parts += [tag("p", "Comments that could stand in the source:"), tag("ul", *said)]
    if found.gap:
        parts.append(tag("p", links.of(f"This is not all of it: {found.gap}."), class_="gap"))
    summary = f"{found.summary[:1].upper()}{found.summary[1:]}."
    return joined([tag("h3", "Why"), tag("p", links.of(summary), class_="matter"), *parts])


def _reason(reason: Reason, file: str, links: Links) -> Html:
    """What an outcome rests on, and the cycles."""
    out: list[Html] = []
    if reason.parts:
        rows = [
            row([_cpus(p), code(p.text), links.of(place(p.span, file)), links.of(DOES[p.kind])])
            for p in reason.parts
        ]
        out += [tag("p", "It rests on"), table([], rows, class_="parts")]
    on = {part for cycle in reason.cycles for part in cycle.parts}
    off = [named(part, file) for part in reason.parts if part not in on] if reason.cycles else []
    if off:
        said = f"On no cycle, though without it some runs would close none: {', '.join(off)}."
        out.append(tag("p", links.of(said)))
    if reason.gap:
        out.append(tag("p", links.of(f"{reason.gap}."), class_="gap"))
    many = len(reason.cycles)
    if many:
        which = "this cycle" if many == 1 else f"one of these {many} cycles"
        out.append(tag("p", f"A run with this outcome would have to close {which}:"))
        out += [_cycle(cycle, links) for cycle in reason.cycles]
    elif reason.parts and not reason.gap:
        out.append(tag("p", "No cycle is needed: without an order, the values alone exclude it."))
    return joined(out)


def _cycle(cycle: Closed, links: Links) -> Html:
    """A cycle as a list; the last step comes before the first one."""
    case = f"If {cycle.case}" if cycle.case else "In any case"
    alike = f" ({cycle.alike} alike)" if cycle.alike > 1 else ""
    steps = []
    for at in cycle.links:
        who = tag("b", f"CPU {at.step.cpu}") if at.step.cpu is not None else html("")
        note = joined([": ", links.of(at.step.note)]) if at.step.note else ""
        told = joined(filter(None, (who, code(at.step.text), links.of(at.step.where))), " ")
        steps.append(tag("li", told, note, tag("div", "before: ", links.of(at.why), class_="before")))
    first = cycle.links[0].step
    steps.append(tag("li", code(first.text), ": it would come before itself", class_="closing"))
    head = tag("p", links.of(f"{case}{alike}"), class_="case")
    return tag("div", head, tag("ol", *steps), class_="cycle")


def _cpus(part: OptionalPart) -> str:
    return f"CPU {', '.join(map(str, sorted(part.cpus)))}" if part.cpus else ""


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
        where = links.of(place(f.span, file))
        rows.append(
            row([where, code(f.text), f.kind, cpus, joined([need, links.of(f"; {joint}" if joint else "")])])
        )
    told = table(["where", "part", "kind", "CPU", "needed?"], rows, class_="audit") if rows else ""
    gap = tag("p", links.of(f"{audit.gap[:1].upper()}{audit.gap[1:]}."), class_="gap") if audit.gap else ""
    none = tag("p", "The test has no barrier, flush, wait or lock.") if not rows and not gap else ""
    return joined([tag("h3", "What is needed"), told, none, gap])


def _rests_on(rules: tuple[str, ...]) -> Html:
    """The rules that the story and the explanation cite."""
    if not rules:
        return html("")
    return tag("p", "Rests on the rules ", joined(map(rule_link, rules), ", "), ".", class_="rests")
