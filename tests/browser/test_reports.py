"""A report in a real browser: from the index to a step and its node, by pointer and by keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verifier.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    Open = Callable[..., Page]

pytestmark = pytest.mark.long  # a browser

LITMUS = Path(__file__).resolve().parents[2] / "litmus"
FILES = (
    "linux/switch_mm-vs-flush.litmus", "linux/cpumask", "classic/SB.litmus", "hangs/abba-interrupt.litmus",
)  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of a report about some of our tests."""
    folder = tmp_path_factory.mktemp("report")
    assert main(["report", *(str(LITMUS / name) for name in FILES), "-o", str(folder)]) == 0
    return folder / "index.html"


def shown(page: Page) -> list[dict[str, str]]:
    """The attributes of the rows that are shown, and their texts."""
    found: list[dict[str, str]] = page.eval_on_selector_all(
        "table.tests tbody tr",
        "rows => rows.filter(r => r.checkVisibility()).map(r => ({...r.dataset, text: r.textContent}))",
    )
    return found


def chosen(page: Page, name: str) -> str:
    return str(page.evaluate(f"document.querySelector('form').elements['{name}'].value"))


def test_from_a_rule_to_a_step_and_its_node(index: Path, open_page: Open) -> None:
    page = open_page(index)
    every = len(shown(page))
    page.select_option("select[name=rule]", "1.2")
    page.select_option("select[name=verdict]", "sometimes")
    found = shown(page)
    assert 1 < len(found) < every
    assert all("1.2" in row["rule"].split() and row["verdict"].startswith("sometimes") for row in found)
    assert page.locator("output").inner_text() == f"{len(found)} of {every}"
    page.wait_for_function("location.href.endsWith('index.html#verdict=sometimes&rule=1.2')")
    page.locator("tr", has_text="no smp_mb()").get_by_role("link", name="B1", exact=True).click()
    page.wait_for_url("**/*switch_mm-vs-flush.html#test-B1")
    step = page.locator("#test-B1 tr[data-step]", has_text="goes to the store buffer").first
    step.locator("code").click()
    name = step.get_attribute("data-step")
    lit = "es => es.map(e => e.dataset.step || e.querySelector('code').textContent)"
    found_lit = page.eval_on_selector_all("[aria-current=true]", lit)
    assert sorted(found_lit) == sorted([name, name, "    set_pte(pte(N, v), B);"]), "row, node and line"
    assert page.locator("g[data-step].v-on .b").evaluate("e => getComputedStyle(e).strokeWidth") == "4px"
    page.go_back()
    assert len(shown(page)) == len(found), "the address has kept the filter"
    assert (chosen(page, "rule"), chosen(page, "verdict")) == ("1.2", "sometimes")


@pytest.mark.parametrize(
    ("name", "value", "key", "fits"),
    [
        ("folder", "litmus/linux", "folder", lambda x: x.startswith("litmus/linux")),
        ("verdict", "may hang", "verdict", lambda x: "may hang" in x),
        ("expectation", "as expected", "expectation", lambda x: x == "as expected"),
        ("claim", "0c", "claim", lambda x: "0c" in x.split()),
        ("text", "SMP_mb(): pte", "text", lambda x: "no smp_mb(): the PTE" in x),
    ],
)  # fmt: skip
def test_each_filter_finds_what_fits(
    index: Path, open_page: Open, name: str, value: str, key: str, fits: Callable[[str], bool]
) -> None:
    page = open_page(index)
    every = shown(page)
    page.goto(f"{index.as_uri()}#{name}={value}")
    found = shown(page)
    assert chosen(page, name) == value and found
    assert found == [row for row in every if fits(row.get(key, ""))]
    page.get_by_role("button", name="clear").click()
    page.wait_for_function("location.href.endsWith('index.html')")  # page.url follows later
    assert shown(page) == every


def test_an_address_with_a_choice_that_is_not_there(index: Path, open_page: Open) -> None:
    page = open_page(index, where="#rule=99.9&folder=<script>")
    assert chosen(page, "rule") == chosen(page, "folder") == ""
    assert len(shown(page)) > 20


def test_keys_do_it_all(index: Path, open_page: Open) -> None:
    page = open_page(index)
    page.keyboard.press("/")
    page.keyboard.type("SB.litmus")
    assert [row["text"].split(".litmus")[0] for row in shown(page)] == ["litmus/classic/SB"]
    page.keyboard.press("Escape")
    page.keyboard.type("mm-vs-flush smp_mb")
    assert len(shown(page)) > 1
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/*switch_mm-vs-flush.html#test-*")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.locator("tr[aria-current=true]").count() == 1
    assert page.locator("g[aria-current=true]").count() == 1


def test_the_table_is_there_without_scripts(index: Path, browser: Browser, open_page: Open) -> None:
    every = shown(open_page(index))
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(index.as_uri())
        assert page.locator("table.tests tbody tr").count() == len(every)
        assert not page.locator("form").is_visible()
        assert page.get_by_role("link", name="B1", exact=True).first.is_visible()
    finally:
        context.close()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [420, 1400])
def test_every_page_fits(index: Path, open_page: Open, width: int, dark: bool) -> None:
    page = open_page(index, width=width, dark=dark)
    below = sorted(path.relative_to(index.parent).as_posix() for path in index.parent.rglob("*.html"))
    kinds = {name.partition("/")[0] for name in below}
    assert kinds == {"index.html", "rules.html", "claims.html", "tests", "includes"}
    for kind in sorted(kinds):
        page.goto((index.parent / next(name for name in below if name.startswith(kind))).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, kind
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(22, 24, 28)" if dark else "rgb(255, 255, 255)")
