"""The names of pages, and the links to what texts cite."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifier.picture.page import anchor
from verifier.reports.html import Html, html, tag
from verifier.reports.places import Links, folders_of, include_page, shown, test_pages
from verifier.source import Source
from verifier.syntax.grammars import folder


def test_names_of_pages_are_safe_and_differ(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    files = [
        "a/SB.litmus", "b/SB.litmus", "b/sb.litmus", "b-sb.litmus", "con.litmus", "<stdin>", "☃.litmus",
        f"{'x' * 300}.litmus", f"{'x' * 300}y.litmus", "../up.litmus", "/dev/fd/63", "a b:c?.litmus",
    ]  # fmt: skip
    names = test_pages(files)
    assert names["a/SB.litmus"] == "tests/a-sb.html"
    assert names["../up.litmus"] == "tests/up.html"
    assert names["a b:c?.litmus"] == "tests/a-b-c.html"
    assert len({name.lower() for name in names.values()}) == len(files)
    for name in names.values():
        assert len(name) < 130 and name.isascii()
        assert not set('<>:"\\|?* ') & set(name)
    assert names["con.litmus"] != "tests/con.html"
    assert test_pages(["con.litmus"]) == {"con.litmus": names["con.litmus"]}


def test_two_paths_that_are_shown_alike(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    library = str(folder("litmus") / "classic" / "SB.litmus")
    assert shown(library) == shown("litmus/classic/SB.litmus") == "litmus/classic/SB.litmus"
    assert len(set(test_pages([library, "litmus/classic/SB.litmus"]).values())) == 2


def test_folders() -> None:
    assert folders_of("a/b/c.litmus") == ["a/b", "a"]
    assert folders_of("c.litmus") == []


@pytest.fixture
def links() -> Links:
    inc, twice, again = (Source(name, "1\n2\n") for name in ("d/smp.inc", "d/two.inc", "e/two.inc"))
    others = {include_page(s.name): s for s in (inc, twice, again)}
    return Links(Source("t.litmus", "a\nb\nc\n"), others, ["kernel/smp.c"])


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("see line 2", "see <a href=\"#L2\" class=\"place\">line 2</a>"),
        ("lines 2-3 of P1", "<a href=\"#L2\" class=\"place\">lines 2-3</a> of P1"),
        ("line 9", "line 9"),
        ("line 0", "line 0"),
        ("two.inc:1", "two.inc:1"),
        ("smp.c:1, other.inc:1", "smp.c:1, other.inc:1"),
        ("x/smp.inc:1", "x/smp.inc:1"),
        ("smp.inc:3", "smp.inc:3"),
        ("<b> [99.9]", "&lt;b&gt; [99.9]"),
    ],
)  # fmt: skip
def test_places(links: Links, text: str, linked: str) -> None:
    own = Source("t.litmus", "a\nb\nc\n")
    assert links.of(text) == re.sub(r"#L(\d)", lambda found: f"#{anchor(own, int(found[1]))}", linked)


def test_an_include_and_rules_are_linked(links: Links) -> None:
    place = anchor(Source("d/smp.inc", "1\n2\n"), 2)
    assert f'href="../{include_page("d/smp.inc")}#{place}"' in links.of("flush (smp.inc:2)")
    said = links.of("waits [2.1, 8.7] and [5.4]")
    assert [f'href="../rules.html#r{n}"' in said for n in ("2.1", "8.7", "5.4")] == [True] * 3
    assert list(links.cited) == ["2.1", "8.7", "5.4"]


def test_texts_are_escaped_once() -> None:
    inner = tag("b", "<&>", title="\"'<")
    assert inner == '<b title="&quot;&#x27;&lt;">&lt;&amp;&gt;</b>'
    assert tag("p", inner, "<") == f"<p>{inner}&lt;</p>"
    assert html("a\x00b\u202ec\ud800") == "a\\x00b\\u202ec\\ud800"
    assert html(Html("<br>")) == "<br>"
    assert tag("input", data_x="1", hidden="", class_=None) == '<input data-x="1" hidden>'
