"""The documentation as a site: no warning when it is built, nothing from other hosts, no dead link."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.long  # the site is built

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

RESOURCES = {
    ("link", "href"),
    ("script", "src"),
    ("img", "src"),
    ("source", "srcset"),
    ("iframe", "src"),
    ("use", "href"),
}
"""Attributes by which a page asks for something before anybody clicks."""


class Page(HTMLParser):
    """The links of a page, what it loads, and the ids that a link can name."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if (tag, name) in RESOURCES:
                self.loads.append(value or "")
            if tag == "a" and name == "href":
                self.links.append(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    call = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", DOCS, out / "html"]
    done = subprocess.run([*call, "-d", out / "trees"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}


def test_a_page_loads_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for target in page.loads:
            parts = urlsplit(target)
            assert not parts.scheme and not parts.netloc, f"{path}: {target}"
            assert not parts.path or (path.parent / unquote(parts.path)).is_file(), f"{path}: {target}"
    for style in site.rglob("*.css"):
        assert "@import" not in style.read_text() and "url(http" not in style.read_text(), style


@pytest.mark.slow
def test_no_link_is_dead(pages: dict[Path, Page]) -> None:
    assert len(pages) > 100
    for path, page in pages.items():
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            other = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert other.is_file(), f"{path}: {target}"
            assert not parts.fragment or other not in pages or unquote(parts.fragment) in pages[other].ids, (
                target
            )


@pytest.mark.slow
def test_data_can_be_downloaded(site: Path) -> None:
    files = {path.name: path for path in (site / "_downloads").rglob("*.*")}
    for source in [*DOCS.glob("*.schema.json"), DOCS / "seeds.toml"]:
        assert files[source.name].read_bytes() == source.read_bytes()


@pytest.mark.slow
def test_the_search_has_an_index(site: Path) -> None:
    index = (site / "searchindex.js").read_text()
    assert "tutorial" in index and "acknowledg" in index


@pytest.mark.slow
def test_a_file_of_the_repository_is_a_page_and_links_what_it_includes(
    pages: dict[Path, Page], site: Path
) -> None:
    page = pages[site / "litmus" / "linux" / "switch_mm-vs-flush.litmus.html"]
    assert "../../litmus/linux/smp.inc.html" in page.links
