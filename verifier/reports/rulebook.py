"""The page of the rules, with the tests that rest on each, and the page of the claims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from verifier.model.rules import Statement, rules
from verifier.patterns import pattern
from verifier.reports.claims import Claim, Claims
from verifier.reports.html import Html, html, joined, link, tag
from verifier.reports.index import Listed
from verifier.reports.layout import document
from verifier.reports.places import INDEX, shown
from verifier.reports.section import chips

CONFIDENCE = {
    "A": "a vendor manual says so",
    "B": "it follows by a short inference, or manuals and kernels rely on it",
    "C": "only kernels, papers or measurements say so",
    "D": "every source is silent, and we decided",
}
_SOURCES = (
    "SDM is the Intel manual (order 325384-059, June 2016; later editions have other numbers), "
    "APM2 the AMD64 manual, volume 2."
)
WITH_RULE = 40  # tests that are listed with a rule; the index finds all
_MARKS = pattern(r"`([^`]+)`|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]*)\)")


def rules_page(rows: Sequence[Listed], *, claims: bool) -> str:
    """All rules, each with its source, our confidence, and the tests that rest on it."""
    used: dict[str, list[Listed]] = {}
    for listed in rows:
        for number in listed.row.rules:
            used.setdefault(number, []).append(listed)
    letters = [joined([tag("dt", letter), tag("dd", means)]) for letter, means in CONFIDENCE.items()]
    return document(
        "The rules of the memory model",
        tag("h1", "The rules of the memory model"),
        tag(
            "p",
            f"The verdicts of this report rest on {len(used)} of {len(rules())} rules: their stories and "
            f"explanations cite these. {_SOURCES} Our confidence in a rule is one of these:",
        ),
        tag("dl", *letters, class_="letters"),
        *(_rule(rule, used.get(rule.number, [])) for rule in rules().values()),
        claims=claims,
    )


def _rule(rule: Statement, tests: Sequence[Listed]) -> Html:
    switches = joined([tag("dt", "switches"), tag("dd", joined(map(html, rule.switches), ", "))])
    facts = [
        joined([tag("dt", "source"), tag("dd", rule.source)]),
        joined([tag("dt", "confidence"), tag("dd", f"{rule.confidence}: {CONFIDENCE[rule.confidence]}")]),
        switches if rule.switches else "",
    ]
    head = tag("h2", tag("a", rule.number, href=f"#r{rule.number}"), " ", rule.title)
    said = tag("p", rule.text)
    return tag(
        "section", head, said, tag("dl", *facts), _resting(rule.number, tests),
        class_="rule" if tests else "rule idle", id=f"r{rule.number}",
    )  # fmt: skip


def _resting(number: str, tests: Sequence[Listed]) -> Html:
    """The tests that rest on a rule."""
    if not tests:
        return tag("p", "No verdict of this report rests on it.", class_="none")
    many = f"{len(tests)} verdict{'s' if len(tests) > 1 else ''} rest{'s' if len(tests) == 1 else ''} on it"
    more = tag("li", link(f"{INDEX}#rule={number}", f"all {len(tests)}")) if len(tests) > WITH_RULE else ""
    items = tag("ul", *(tag("li", _test(x)) for x in tests[:WITH_RULE]), more, class_="tests")
    return tag("details", tag("summary", many), items)


def _test(listed: Listed) -> Html:
    row = listed.row
    name = f"{shown(row.file)}::{row.variant}" if row.variant else shown(row.file)
    return joined([link(f"{listed.page}#{row.anchor}", name), " ", joined(chips(row))])


# -- claims ---------------------------------------------------------------------------------------


def claims_page(known: Claims, rows: Sequence[Listed]) -> str:
    """The claims that tests of this report decide, each with its tests."""
    by: dict[str, list[Listed]] = {}
    for listed in rows:
        for number in listed.claims:
            by.setdefault(number, []).append(listed)
    shown_claims = [claim for claim in known.claims if claim.number in by]
    seeds = dict.fromkeys(claim.seed for claim in shown_claims)
    parts = []
    for seed in seeds:
        found = [claim for claim in shown_claims if claim.seed == seed]
        title = f"{seed}: {known.seeds[seed]}" if seed in known.seeds else seed
        parts += [tag("h2", title), *(_claim(claim, by[claim.number]) for claim in found)]
    return document("Claims", tag("h1", "Claims"), tag("p", _count(shown_claims, known)), *parts, claims=True)


def _count(shown_claims: Sequence[Claim], known: Claims) -> str:
    rest = len(known.claims) - len(shown_claims)
    more = f" {rest} more are decided by tests that this report does not have." if rest else ""
    return f"The tests of this report decide {len(shown_claims)} claims.{more}"


def _claim(claim: Claim, tests: Sequence[Listed]) -> Html:
    head = tag(
        "h3", link(f"#c{quote(claim.number)}", claim.number), " ",
        tag("span", claim.answer, class_="chip answer"),
    )  # fmt: skip
    lines = [tag("li", _test(x), " ", x.row.says) for x in tests]
    lacking = len(set(claim.by)) - len({x for x in claim.by if _has(x, tests)})
    are = "is" if lacking == 1 else "are"
    more = (
        tag("p", f"{lacking} more of its tests {are} not in this report.", class_="none") if lacking else ""
    )
    return tag(
        "section", head, tag("p", marked(claim.says), class_="says"), tag("p", marked(claim.why)),
        tag("ul", *lines, class_="tests"), more, class_="claim", id=f"c{claim.number}",
    )  # fmt: skip


def _has(decider: tuple[str, str | None], tests: Iterable[Listed]) -> bool:
    import os

    file, variant = decider
    return any(os.path.realpath(x.row.file) == file and variant in (None, x.row.variant) for x in tests)


def marked(text: str) -> Html:
    """A text with code, emphasis and links as Markdown has them. Links within a page have no place here."""
    parts: list[Html] = []
    end = 0
    for found in _MARKS.finditer(text):
        parts.append(html(text[end : found.start()]))
        end = found.end()
        code, strong, name, href = found.groups()
        if code is not None:
            parts.append(tag("code", code))
        elif strong is not None:
            parts.append(tag("em", strong))
        elif href.startswith(("https://", "http://")):
            parts.append(link(href, name))
        else:
            parts.append(html(name))
    return joined([*parts, html(text[end:])])
