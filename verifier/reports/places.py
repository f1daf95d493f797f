"""The names of pages, and links to the lines and the rules that a text cites."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256

from verifier.model.rules import rules
from verifier.patterns import pattern
from verifier.picture.page import anchor
from verifier.records import NamedTuple
from verifier.reports.html import Html, html, joined, link
from verifier.source import Source
from verifier.syntax.grammars import folder

INDEX, RULES, CLAIMS = "index.html", "rules.html", "claims.html"
TESTS, INCLUDES = "tests", "includes"  # folders of pages
_MOST = 100  # characters of a name
# Names that Windows keeps for devices, with any ending.
_DEVICES = pattern(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


@cache
def shown(path: str) -> str:
    """A path as reports show it: from the directory of the call, or from the litmus tests that come with the
    verifier. A path elsewhere is shown as it is named."""
    whole, library = os.path.abspath(path), str(folder("litmus"))
    for root, above in ((os.getcwd(), ""), (library, "litmus/")):
        below = os.path.relpath(whole, root)
        if below.split(os.sep)[0] != os.pardir:
            return (above + below).replace(os.sep, "/")
    return os.path.normpath(path).replace(os.sep, "/")


def _plain(text: str) -> str:
    """A text in characters that every system has in names."""
    return re.sub(r"[^a-z0-9_.]+", "-", text.lower()).strip("-.") or "test"


def _with_digest(plain: str, path: str) -> str:
    return f"{plain[:_MOST]}-{sha256(shown(path).encode(errors='surrogateescape')).hexdigest()[:8]}"


def test_pages(files: Iterable[str]) -> dict[str, str]:
    """The names of the pages of files: their paths. What would be the same name, or none, has a digest."""
    plain = {file: _plain(shown(file).removesuffix(".litmus")) for file in files}
    many = Counter(plain.values())
    found: dict[str, str] = {}
    for file, name in plain.items():
        if many[name] > 1 or len(name) > _MOST or _DEVICES.fullmatch(name):
            name = _with_digest(name, file)
            many[name] += 1
            name += f"-{many[name]}" if many[name] > 1 else ""  # two paths that are shown alike
        found[file] = f"{TESTS}/{name}.html"
    return found


test_pages.__test__ = False  # type: ignore[attr-defined]  # it is no test of pytest


def include_page(file: str) -> str:
    """The name of the page of a file that tests include."""
    return f"{INCLUDES}/{_with_digest(_plain(shown(file)), file)}.html"


def folders_of(path: str) -> list[str]:
    """The folder of a shown path, and those above it: ``a/b``, ``a``."""
    found = []
    while path := path.rpartition("/")[0]:
        found.append(path)
    return found


def test_id(variant: str | None) -> str:
    """The id of the section of a variant."""
    return f"test-{re.sub(r'[^A-Za-z0-9_]', '-', variant)}" if variant else "test"


test_id.__test__ = False  # type: ignore[attr-defined]


def rule_link(number: str, up: str = "../") -> Html:
    """A link to a rule; its title is shown when the pointer is over it."""
    return link(f"{up}{RULES}#r{number}", number, class_="rule", title=rules()[number].title)


class _Target(NamedTuple):
    page: str
    source: Source


# As ``program.waits.place`` writes lines and ``render.story`` rules.
_CITED = pattern(
    r"(?P<lines>\b[Ll]ines? (?P<line>\d+)(?:-\d+)?)"
    r"|(?P<place>(?<![\w./+-])(?P<file>[\w.+-]+):(?P<at>\d+)\b)"
    r"|\[(?P<rules>\d+\.\d+(?:, \d+\.\d+)*)\]"
)


def _lines(source: Source) -> int:
    return len(source.starts()) - source.text.endswith("\n")


class Links:
    """Makes links of the lines and the rules that a text cites; ``cited``: the rules, in order.

    ``own`` is the source on the same page, ``others`` has those on other pages. ``without``: the paths of
    files that texts may name, too, and that have no page.
    """

    def __init__(
        self, own: Source, others: Mapping[str, Source], without: Iterable[str] = (), up: str = "../"
    ) -> None:
        self.own, self.up = _Target("", own), up
        self.cited: dict[str, None] = {}
        # By base name, as texts have it. None: there is no page, or it is not clear which one.
        self.files: dict[str, _Target | None] = {os.path.basename(path): None for path in without}
        for page, source in others.items():
            base = os.path.basename(source.name)
            self.files[base] = None if base in self.files else _Target(f"{up}{page}", source)

    def of(self, said: str) -> Html:
        """A text with links."""
        parts: list[Html] = []
        end = 0
        for found in _CITED.finditer(said):
            parts += [html(said[end : found.start()]), self._link(found)]
            end = found.end()
        return joined([*parts, html(said[end:])])

    def _link(self, found: re.Match[str]) -> Html:
        if found["rules"] is not None:
            numbers = found["rules"].split(", ")
            self.cited |= dict.fromkeys(n for n in numbers if n in rules())
            told = [rule_link(n, self.up) if n in rules() else html(n) for n in numbers]
            return joined(["[", joined(told, ", "), "]"])
        target = self.own if found["lines"] else self.files.get(found["file"])
        number = int(found["line"] or found["at"])
        if target is None or not 1 <= number <= _lines(target.source):
            return html(found[0])
        return link(f"{target.page}#{anchor(target.source, number)}", found[0], class_="place")
