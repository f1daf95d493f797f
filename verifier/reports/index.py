"""The index: what needs attention, and a table of all tests that can be filtered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from verifier.records import NamedTuple
from verifier.reports.html import Html, joined, link, tag
from verifier.reports.layout import REPORT_SCRIPT, document
from verifier.reports.places import folders_of, shown
from verifier.reports.section import IndexRow, by_number, chips
from verifier.source import Diagnostic

SOME = 50  # rows of the list of what needs attention; the table has all

_STANDINGS = ("as expected", "differs", "unknown", "nothing expected", "error", "skipped")
_WORDS = ("never", "sometimes", "always", "unknown", "may hang", "deadlock", "error", "skipped")


class Listed(NamedTuple):
    """A row of the index, the name of its page, and the claims that it decides."""

    row: IndexRow
    page: str
    claims: Sequence[str]


class Whole(NamedTuple):
    """What the index says of the whole run. ``facts``: names and values; ``told``: the counts in a line;
    ``notes``: what else is to be said first, such as errors of the call; ``times``: show how long tests
    took."""

    facts: Sequence[tuple[str, str]]
    told: str
    notes: Sequence[str]
    times: bool = False


def index(
    rows: Sequence[Listed],
    whole: Whole,
    warnings: Mapping[str, Sequence[Diagnostic]],
    pages: Mapping[str, str],
    *,
    claims: bool,
) -> str:
    """The text of the index. ``warnings`` has those of each file, ``pages`` the names of the pages."""
    facts = joined([joined([tag("dt", name), tag("dd", value)]) for name, value in whole.facts])
    return document(
        f"Litmus tests: {whole.told}",
        tag("h1", "Litmus tests"),
        tag("p", whole.told, class_="told"),
        _attention(rows, whole.notes, warnings, pages),
        _filters(rows),
        _table(rows, whole.times),
        tag("h2", "About this report"),
        tag("dl", facts, class_="facts"),
        scripts=(REPORT_SCRIPT,),
        claims=claims,
    )


# -- what needs attention -------------------------------------------------------------------------


def _attention(
    rows: Sequence[Listed], notes: Sequence[str], warnings: Mapping[str, Sequence[Diagnostic]],
    pages: Mapping[str, str],
) -> Html:  # fmt: skip
    """First verdicts that differ or are unknown, and errors; then what is less: warnings, and explanations
    that are not finished."""
    parts = [tag("p", note, class_="note") for note in notes]
    titles = {"differs": "Verdicts that differ", "unknown": "Unknown verdicts", "error": "Files with errors"}
    for standing, title in titles.items():
        found = [x for x in rows if x.row.standing == standing]
        if found:
            said = [joined([_to(x), " ", *chips(x.row), " ", x.row.says]) for x in found[:SOME]]
            parts += [tag("h3", f"{title}: {len(found)}"), _some(said, len(found))]
    calm = not parts
    if calm:
        word = (
            "every verdict is as expected"
            if any(x.row.standing == "as expected" for x in rows)
            else "no error"
        )
        parts.append(tag("p", f"Nothing: {word}."))
    if warnings:
        said = [joined([link(pages[f], shown(f)), ": ", d[0].message]) for f, d in warnings.items()]
        parts.append(_less(f"Files with warnings: {len(warnings)}", said))
    gaps = [_to(x) for x in rows if x.row.gap]
    if gaps:
        parts.append(_less(f"Explanations that are not finished: {len(gaps)}", gaps))
    kind = "attention calm" if calm else "attention"
    return tag("section", tag("h2", "What needs attention"), *parts, class_=kind)


def _some(said: Sequence[Html], of: int) -> Html:
    """A list that may go on in the table."""
    more = tag("p", f"… and {of - len(said)} more, in the table.") if of > len(said) else ""
    return joined([tag("ul", *(tag("li", line) for line in said)), more])


def _less(title: str, said: Sequence[Html]) -> Html:
    """A list to be opened."""
    return tag("details", tag("summary", title), tag("ul", *(tag("li", line) for line in said)))


def _to(listed: Listed) -> Html:
    """A link to a test, or to a file's errors."""
    return link(_href(listed), _name(listed.row))


def _name(row: IndexRow) -> str:
    file = shown(row.file)
    return f"{file}::{row.variant}" if row.variant else file


# -- the table ------------------------------------------------------------------------------------


def _filters(rows: Sequence[Listed]) -> Html:
    """The choices; a script shows them, since they need one."""
    folders = {folder for x in rows for folder in folders_of(shown(x.row.file))}
    used = {rule for x in rows for rule in x.row.rules}
    claims = dict.fromkeys(claim for x in rows for claim in x.claims)
    words = Counter(word for x in rows for word in _words(x.row))
    standings = Counter[str](x.row.standing for x in rows)
    choices = [
        _choice("folder", sorted(folders)),
        _choice("verdict", [w for w in _WORDS if words[w]]),
        _choice("expectation", [s for s in _STANDINGS if standings[s]]),
        _choice("rule", sorted(used, key=by_number)),
        _choice("claim", list(claims)) if claims else "",
    ]
    text = tag(
        "label",
        "text ",
        tag("input", type="search", name="text", autocomplete="off", placeholder="press / to search"),
    )
    count = tag("output", class_="count", aria_live="polite")
    clear = tag("button", "clear", type="reset")
    return tag("form", *choices, text, clear, count, class_="filters", role="search", hidden="")


def _choice(name: str, values: Sequence[str]) -> Html:
    options = [tag("option", "any", value=""), *(tag("option", v, value=v) for v in values)]
    return tag("label", f"{name} ", tag("select", *options, name=name))


def _words(row: IndexRow) -> list[str]:
    """The words that the filter for verdicts finds a row by."""
    return [row.word, *filter(None, [row.hangs])]


def _table(rows: Sequence[Listed], times: bool) -> Html:
    head = ["test", "variant", "verdict", "", "rests on", *(["time"] if times else [])]
    top = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in head)))
    body = tag("tbody", *(joined([_row(x, times), "\n"]) for x in rows))
    return tag("div", tag("table", top, body, class_="tests"), class_="wide")


def _row(listed: Listed, times: bool) -> Html:
    """A row. What it is filtered by stands in its attributes."""
    row = listed.row
    folder, _, base = shown(row.file).rpartition("/")
    where = tag("span", f"{folder}/", class_="folder") if folder else ""
    variant = row.variant or ""
    cells = [
        tag("td", where, link(_href(listed) if not variant else listed.page, base)),
        tag("td", link(_href(listed), variant) if variant else ""),
        tag("td", joined(chips(row)), class_="verdict"),
        tag("td", row.says, class_="what"),
        tag("td", joined((link(f"rules.html#r{n}", n) for n in row.rules), " "), class_="rules"),
    ]
    if times:
        told = f"{row.seconds:.3f} s" if row.standing not in ("error", "skipped") else ""
        cells.append(tag("td", told, class_="seconds"))
    return tag(
        "tr",
        *cells,
        data_folder=folder or None,
        data_verdict="|".join(_words(row)),
        data_expectation=row.standing,
        data_rule=" ".join(row.rules) or None,
        data_claim=" ".join(listed.claims) or None,
    )


def _href(listed: Listed) -> str:
    return f"{listed.page}#{listed.row.anchor}" if listed.row.anchor else listed.page
