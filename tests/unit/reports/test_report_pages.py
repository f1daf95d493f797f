"""Whole reports: pages are sound, links hold, and the index says what was decided."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import html5lib
import pytest

from tests.texts import BAD, LOOP
from verifier.cli import main
from verifier.model.rules import rules
from verifier.picture.page import anchor
from verifier.reports.written import ReportPages
from verifier.source import Source
from verifier.suite import outcomes

pytestmark = pytest.mark.slow  # together, these take many seconds

TWO = """MM two
"Two stores, two loads; see line 5 and inc.inc:2."
#include "inc.inc"
{ int x; int y; }
P0 { x = 1; [F] fence(); r0 = y; }
P1 { y = 1; [F] fence(); r0 = x; }
variants { F never "fenced"; B never "not fenced"; }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
INCLUDED = "// a full barrier\nvoid fence(void) { smp_mb(); }\n"
HANGS = """MM hangs
{ spinlock_t l; spinlock_t m; }
P0 { spin_lock(&l); spin_lock(&m); spin_unlock(&m); spin_unlock(&l); }
P1 { spin_lock(&m); spin_lock(&l); spin_unlock(&l); spin_unlock(&m); r0 = 1; }
expect always hangs;
exists (1:r0 = 1)
"""
WARNED = "MM warned\nSourse=here\n{ int x; }\nP0 { x = 1; r0 = x; }\nexpect always;\nexists (0:r0 = 1)\n"
OTHER = "AArch64 other\n{ }\n P0 ;\n NOP ;\nexists (true)\n"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>'&amp; \u202e\u2066 é☃"
HOSTILE = f"""MM hostile
"{EVIL}"
Source={EVIL}
{{ int x; }} // {EVIL}
P0 {{ x = 1; }}
variants {{ F always "{EVIL}"; }}
exists (x=1)
"""
CLAIMS = """
[[seed]]
number = "1"
title = "A <b>patch</b>"
[[claim]]
number = "1a"
answer = "holds"
says = "`fence()` is *needed*."
why = "See [the list](https://example.org/a?b=1&c=2)."
by = ["t/two.litmus::F,B", "t/loop.litmus::F9"]
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A report about a test of each kind."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "t" / "deep").mkdir(parents=True)
    files = {"two": TWO, "loop": LOOP, "bad": BAD, "warned": WARNED, "other": OTHER, "hangs": HANGS}
    for name, text in files.items():
        (folder / "t" / f"{name}.litmus").write_text(text)
    (folder / "t" / "inc.inc").write_text(INCLUDED)
    (folder / "t" / "deep" / "inc.inc").write_text(INCLUDED)
    (folder / "t" / "deep" / "two.litmus").write_text(TWO)
    (folder / "t" / "deep" / "a #%,:é☃<b>&'.litmus").write_text(HOSTILE)
    (folder / "claims.toml").write_text(CLAIMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder / "out"


def made(folder: Path, *words: str) -> int:
    return main(["report", "t", "gone.litmus", "-o", str(folder), "--skip-other", *words])


@pytest.fixture(scope="module")
def pages(report: Path) -> dict[str, str]:
    """The texts of all pages."""
    assert made(report, "--claims", "claims.toml") == 2
    return texts(report)


def texts(report: Path) -> dict[str, str]:
    return {
        p.relative_to(report).as_posix(): p.read_text(encoding="utf-8")
        for p in sorted(report.rglob("*"))
        if p.suffix == ".html"
    }


def rows(index: str) -> dict[str, dict[str, str]]:
    """The attributes of the index's rows, by the address of the test."""
    tree = html5lib.parse(index, namespaceHTMLElements=False)
    table = next(t for t in tree.iter("table") if t.get("class") == "tests")
    found = {}
    for row in table.find("tbody"):
        links = list(row.iter("a"))
        own = [a for a in links if not a.get("href").startswith("rules.html")]
        found[unquote(own[-1].get("href"))] = dict(row.items())
    return found


@pytest.mark.long
def test_pages_are_sound_html(pages: dict[str, str]) -> None:
    assert len(pages) == 3 + 9 + 2  # index, rules, claims; files; includes
    for name, text in pages.items():
        html5lib.HTMLParser(strict=True).parse(text)
        ids = re.findall(r'\sid="([^"]*)"', text)
        assert len(ids) == len(set(ids)), name


def test_links_hold(report: Path, pages: dict[str, str]) -> None:
    """Each link leads to a file of the report, and to a place in it, and no link needs a server."""
    seen = 0
    for name, text in pages.items():
        for address in re.findall(r'(?:href|src)="([^"]*)"', text):
            parts = urlsplit(unescape(address))
            if parts.scheme:
                assert parts.geturl() == "https://example.org/a?b=1&c=2"
                continue
            path = (report / name).parent / unquote(parts.path) if parts.path else report / name
            place = path.resolve().relative_to(report.resolve()).as_posix()
            assert path.is_file(), (name, address)
            if parts.fragment and not parts.fragment.startswith("rule="):
                assert f'id="{unquote(parts.fragment)}"' in pages[place], (name, address)
            seen += 1
    assert seen > 200


def test_the_index_has_a_row_for_each_outcome(pages: dict[str, str]) -> None:
    found = {
        address.removeprefix("tests/t-"): (
            row["data-verdict"],
            row["data-expectation"],
            row.get("data-folder"),
        )
        for address, row in rows(pages["index.html"]).items()
    }
    assert found == {
        "two.html#test-F": ("never", "as expected", "t"),
        "two.html#test-B": ("sometimes", "differs", "t"),
        "deep-two.html#test-F": ("never", "as expected", "t/deep"),
        "deep-two.html#test-B": ("sometimes", "differs", "t/deep"),
        "deep-a-b.html#test-F": ("always", "as expected", "t/deep"),
        "loop.html#test": ("unknown", "unknown", "t"),
        "hangs.html#test": ("always|may hang", "as expected", "t"),
        "warned.html#test": ("always", "as expected", "t"),
        "bad.html#errors": ("error", "error", "t"),
        "other.html": ("skipped", "skipped", "t"),
        "tests/gone.html#errors": ("error", "error", None),
    }


def test_what_needs_attention_stands_first(pages: dict[str, str]) -> None:
    index = pages["index.html"]
    first = index[: index.index('<form class="filters"')]
    for text in (
        "Verdicts that differ: 2",
        "Unknown verdicts: 1",
        "Files with errors: 2",
        "Files with warnings",
    ):
        assert text in first
    assert "8 tests: 5 as expected, 2 differ, 1 unknown, 2 with errors, 1 skipped (1 AArch64)" in first


def test_rules_and_tests_cite_each_other(pages: dict[str, str]) -> None:
    """The rules of a row are those that its section links, and their sections link the test."""
    for address, row in rows(pages["index.html"]).items():
        name, _, place = address.partition("#")
        numbers = row.get("data-rule", "").split()
        section = re.search(rf'<section [^>]*id="{place}".*?</section>', pages[name], re.DOTALL)
        linked = set(re.findall(r"rules\.html#r([\d.]+)", section[0])) if place and section else set()
        assert set(numbers) == linked
        for number in numbers:
            rule = re.search(rf'<section [^>]*id="r{re.escape(number)}".*?</section>', pages["rules.html"])
            assert rule is not None
            assert address in rule[0] and rules()[number].source.split(",")[0] in unescape(rule[0])
    assert rows(pages["index.html"])["tests/t-two.html#test-F"]["data-rule"].split()


def test_claims_and_tests_cite_each_other(pages: dict[str, str]) -> None:
    found = {a for a, row in rows(pages["index.html"]).items() if row.get("data-claim") == "1a"}
    assert found == {"tests/t-two.html#test-F", "tests/t-two.html#test-B"}
    assert '<a href="../claims.html#c1a">1a</a>' in pages["tests/t-two.html"]
    claims = pages["claims.html"]
    assert "<code>fence()</code> is <em>needed</em>." in claims
    assert "A &lt;b&gt;patch&lt;/b&gt;" in claims
    assert "1 more of its tests is not in this report" in claims


def test_a_claim_about_a_variant_that_is_not_there(
    report: Path, pages: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked, said in (("t/loop.litmus", True), ("t/two.litmus::B", False)):
        main(["report", asked, "-o", str(tmp_path), "--claims", "claims.toml"])
        assert ("t/loop.litmus has no such variant; claim 1a: F9" in capsys.readouterr().err) is said


def test_a_page_has_stories_explanations_and_audits(pages: dict[str, str]) -> None:
    page = pages["tests/t-two.html"]
    fenced, bare = page.split('id="test-B"')
    assert "It rests on" in fenced and "before: " in fenced and "<svg" in fenced
    assert "What is needed" in fenced and ">needed</span>" in fenced
    assert "A run in which it holds" in bare and bare.count("<svg") == 1 and "What is needed" not in bare
    include = next(name for name in pages if re.fullmatch(r"includes/t-inc\.inc-\w+\.html", name))
    place = anchor(Source("inc.inc", INCLUDED), 2)
    assert f'href="../{include}#{place}"' in page and f'id="{place}"' in pages[include]
    assert "Included by 1 file:" in pages[include] and 'href="../tests/t-two.html"' in pages[include]
    assert "expected never" in bare and "CPU 0 waits" in pages["tests/t-hangs.html"]


def test_hostile_texts_are_only_texts(pages: dict[str, str]) -> None:
    name = "tests/t-deep-a-b.html"
    for text in (pages[name], pages["index.html"]):
        tree = html5lib.parse(text, namespaceHTMLElements=False)
        assert not list(tree.iter("img")), name
        assert [s.get("src") for s in tree.iter("script")] in (["../picture.js"], ["report.js"])
        assert not set(text) & set("\u202e\u2066")
        assert "\\u202e" in text and "é☃" in text


def test_the_same_input_gives_the_same_bytes(report: Path, pages: dict[str, str], tmp_path: Path) -> None:
    assert made(tmp_path / "again", "--claims", "claims.toml", "-j", "3") == 2
    assert texts(tmp_path / "again") == pages


def test_an_older_report_is_replaced(report: Path, pages: dict[str, str], tmp_path: Path) -> None:
    made(tmp_path, "--times")
    (tmp_path / "tests" / "mine.txt").write_text("mine")
    assert main(["report", "t/two.litmus::F", "./t/two.litmus::B", "-o", str(tmp_path), "--no-audit"]) == 1
    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    include = next(name for name in pages if name.startswith("includes/t-inc"))
    shared = {f"{name}.{kind}" for name in ("picture", "report") for kind in ("css", "js")}
    own = {".verifier-report", "index.html", "rules.html", "tests/t-two.html", include} | shared
    assert left == own | {"tests/mine.txt"}
    page = (tmp_path / "tests" / "t-two.html").read_text()
    assert 'id="test-F"' in page and 'id="test-B"' in page and "What is needed" not in page


def test_seconds_stand_only_where_they_are_asked_for(
    report: Path, pages: dict[str, str], tmp_path: Path
) -> None:
    made(tmp_path, "--times")
    timed = texts(tmp_path)
    assert re.search(r'<td class="seconds">\d+\.\d{3} s</td>', timed["index.html"])
    assert re.search(r"<span>\d+\.\d{3} s</span>", timed["tests/t-two.html"])
    assert not any(re.search(r">\d+\.\d{3}( s)?<", text) for text in pages.values())


@pytest.mark.long
def test_a_store_changes_nothing(report: Path, pages: dict[str, str], tmp_path: Path) -> None:
    store = str(tmp_path / "results.db")
    for name in ("first", "second"):
        assert made(tmp_path / name, "--claims", "claims.toml", "--store", store) == 2
        assert texts(tmp_path / name) == pages


def test_a_signal_leaves_a_report_of_what_is_done(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import signal

    from verifier.errors import Interrupted

    real = outcomes.Pool.parts

    def stopped(self: outcomes.Pool) -> Iterator[tuple[int, object]]:
        ended = 0
        for number, part in real(self):
            yield number, part
            ended += part is None
            if ended == 2:
                raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(outcomes.Pool, "parts", stopped)
    assert main(["report", "t", "-o", str(tmp_path)]) == 130
    found = texts(tmp_path)
    assert "stopped by SIGINT; 2 of 8 files are decided" in found["index.html"]
    assert len([name for name in found if name.startswith("tests/")]) == 2
    assert not list(tmp_path.rglob("*.part"))


def test_an_explanation_that_is_not_finished_says_so(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["report", "t/two.litmus", "-o", str(tmp_path), "--why-timeout", "1e-6"]) == 1
    found = texts(tmp_path)
    assert "timeout: more than 1e-06 s" in found["tests/t-two.html"]
    assert "Explanations that are not finished: 1" in found["index.html"]


def test_lines_of_a_kernel_stand_below_the_source(report: Path, tmp_path: Path) -> None:
    trees = Path(__file__).resolve().parents[2] / "trees"
    assert (
        main(["report", str(trees / "flag.litmus"), "--kernel", str(trees / "small"), "-o", str(tmp_path)])
        == 0
    )
    (page,) = (tmp_path / "tests").iterdir()
    below = page.read_text().split('<h3 class="v-file">kernel/flag.c</h3>')[1]
    line = re.search(r'<li value="18" id="(\w+-18)"[^>]*><code>\s*smp_mb\(\);', below)
    assert line is not None and f'href="#{line[1]}"' in below


def test_no_file_is_still_a_report(report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.commands.report.changed_tasks", lambda *_: [])
    assert main(["report", "t", "-o", str(tmp_path)]) == 0
    assert "0 tests: nothing to judge" in (tmp_path / "index.html").read_text()


def test_pieces_are_small(report: Path) -> None:
    """What waits in the process that writes is HTML, not what was decided."""
    assert set(ReportPages.piece.__annotations__.values()) == {"list[Verdict]", "ReportSection"}
