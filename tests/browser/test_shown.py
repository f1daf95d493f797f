"""Pages of ``verifier show`` in a real browser: what belongs together lights up together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pictures import LITMUS
from verifier.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Page

    Open = Callable[..., Page]

pytestmark = pytest.mark.long  # a browser


def made(folder: Path, test: str) -> Path:
    """The page of a test."""
    path = folder / "page.html"
    assert main(["show", f"{LITMUS}/{test}", "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def int3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("int3"), "linux/code-patching/int3.litmus::B1")


def lit(page: Page) -> dict[str, list[str]]:
    """What is lit: the numbers of steps in the story, of nodes in the picture, and of lines."""

    def of(query: str, name: str) -> list[str]:
        found = page.eval_on_selector_all(f"{query}[aria-current=true]", f"es => es.map(e => e.{name})")
        return sorted({str(x).rpartition("-")[2] for x in found}, key=int)

    return {
        "rows": of("tr", "dataset.step"), "nodes": of("g", "dataset.step"), "lines": of("li", "dataset.line"),
    }  # fmt: skip


def step(page: Page, text: str) -> str:
    """The number of the only step in the story with a text."""
    (found,) = page.eval_on_selector_all(
        "tr[data-step]",
        "(es, text) => es.filter(e => e.textContent.includes(text)).map(e => e.dataset.step)",
        text,
    )
    return str(found).rpartition("-")[2]


def steps(page: Page) -> int:
    """How many steps the story has."""
    return page.locator("tr[data-step]").count()


NOTHING: dict[str, list[str]] = {"rows": [], "nodes": [], "lines": []}


def test_step_line_and_node_light_up_together(int3: Path, open_page: Open) -> None:
    page = open_page(int3)
    assert lit(page) == NOTHING
    page.locator("tr[data-step]", has_text="r0 = ifetch(&insn[0])").click()
    together, fetch = lit(page), step(page, "r0 = ifetch(&insn[0])")
    assert together == {"rows": [fetch], "nodes": [fetch], "lines": ["32"]}
    frame = "getComputedStyle(document.querySelector('.vp .v-on .b')).stroke"
    assert page.evaluate(frame) == "rgb(154, 103, 0)"
    page.keyboard.press("Escape")
    assert lit(page) == NOTHING
    page.locator("g[data-step]", has_text="r0 = ifetch(&insn[0])").locator("text.x").click()
    assert lit(page) == together
    page.locator("li[data-line]", has_text="text_poke(&insn[0], N0)").click()
    poke = step(page, "text_poke(&insn[0], N0)")
    assert lit(page) == {"rows": [poke], "nodes": [poke], "lines": ["26"]}


def test_a_line_lights_up_all_its_steps(int3: Path, open_page: Open) -> None:
    page = open_page(int3)
    page.locator("li[data-line]", has_text="void text_poke_sync(void)").click()
    found = lit(page)
    assert found["rows"] == found["nodes"] and len(found["rows"]) > 4
    assert "17" in found["lines"]


def test_keys_move_along_the_story(int3: Path, open_page: Open) -> None:
    page = open_page(int3)
    seen = []
    for key in ("j", "j", "ArrowDown", "k", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
        seen += lit(page)["rows"]
    assert seen == ["0", "1", "2", "1", "0", "0"], "it stays at the first step"
    assert page.evaluate("document.activeElement.dataset.step").endswith("-0")
    page.keyboard.press("Escape")
    assert lit(page) == NOTHING
    page.keyboard.press("k")
    assert lit(page)["rows"] == [str(steps(page) - 1)], "backwards from the end"


def test_the_story_is_one_stop_of_the_tab_key(int3: Path, open_page: Open) -> None:
    page = open_page(int3)
    page.keyboard.press("j")
    page.keyboard.press("j")
    stops = page.locator("tr[data-step][tabindex='0']")
    assert stops.count() == 1 and str(stops.get_attribute("data-step")).endswith("-1")


def test_what_lights_up_is_in_view(tmp_path: Path, open_page: Open) -> None:
    """The last step of a long run, in its own part of the page, with the node and the line."""
    page = open_page(made(tmp_path, "linux/work/cancel.litmus::RAN"))
    for _ in range(13):  # a step of the other CPU, whose column is at the right
        page.keyboard.press("k")
    assert lit(page)["rows"] == [str(steps(page) - 13)]
    for query in ("tr.v-on", "li.v-on", "g.v-on rect.b"):
        box = page.locator(query).first.bounding_box()
        assert box is not None and 0 <= box["x"] < 1300 and 0 <= box["y"] < 800 - box["height"], query
    story = page.locator(".v-table").bounding_box()
    assert box is not None and story is not None and box["y"] >= story["y"] + story["height"], "not behind it"


def test_other_orders_are_shown_to_those_who_ask(tmp_path: Path, open_page: Open) -> None:
    page = open_page(made(tmp_path, "hangs/abba-interrupt.litmus::B"))
    edge = page.locator(".minor").first
    assert not edge.is_visible()
    page.locator("[data-minor]").first.check()
    assert edge.is_visible()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1300])
def test_any_width_and_scheme(int3: Path, open_page: Open, width: int, dark: bool) -> None:
    page = open_page(int3, width=width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
    paper = page.evaluate("getComputedStyle(document.querySelector('.vp .paper')).fill")
    assert shade == paper == ("rgb(22, 24, 28)" if dark else "rgb(255, 255, 255)")
    ink = page.evaluate("getComputedStyle(document.querySelector('.vp .x')).fill")
    assert ink == ("rgb(230, 230, 230)" if dark else "rgb(27, 27, 27)")


def test_texts_are_no_wider_than_their_boxes(tmp_path: Path, open_page: Open) -> None:
    """Widths are reckoned without a font; with the browser's font nothing sticks out."""
    page = open_page(made(tmp_path, "linux/sleep/kthread-park.litmus::PLAIN"))
    out = page.evaluate(
        """() => [...document.querySelectorAll("g[data-step]")].flatMap((g) => {
          const box = g.querySelector("rect.b").getBBox();
          const texts = [...g.querySelectorAll("text.x,text.n")].map((t) => [t.textContent, t.getBBox()]);
          return texts.filter(([_, t]) => t.x < box.x || t.x + t.width > box.x + box.width
            || t.y < box.y - 1 || t.y + t.height > box.y + box.height + 1).map(([said]) => said);
        })"""
    )
    assert out == []


def test_texts_run_no_scripts(tmp_path: Path, open_page: Open) -> None:
    source = tmp_path / "<img src=x onerror=alert(1)>.litmus"
    source.write_text(
        "MM hostile\n{ int x = 0; }\n"
        "P0 { WRITE_ONCE(x, 1); } // </script><script>alert(2)</script> <img src=x onerror=alert(3)>\n"
        "P1 { r1 = READ_ONCE(x); }\n"
        'variants { A sometimes "</title><script>alert(4)</script>"; }\n'
        "exists (1:r1 = 1)\n",
        encoding="utf-8",
    )
    path = tmp_path / "page.html"
    assert main(["show", str(source), "--html", "-o", str(path)]) == 0
    page = open_page(path)
    assert page.locator("script").count() == 1 and page.locator("img").count() == 0
    page.keyboard.press("j")
    assert lit(page)["rows"] == ["0"]
