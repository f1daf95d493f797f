"""One Chromium for all tests here. They are skipped where there is none, and say how to get it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Open = Callable[..., "Page"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 180_000  # milliseconds; only a browser that hangs takes so long


def _chromium() -> str | None:
    chosen = os.environ.get("VERIFIER_CHROMIUM")
    return chosen or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for a module. As long as it lives, this thread has an event loop, and can run no other."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    path = _chromium()
    if path is None:
        pytest.skip("no Chromium: as root, 'apt-get install chromium'; or set VERIFIER_CHROMIUM to its path")
    with api.sync_playwright() as driver:
        arguments = ["--disable-gpu", *(["--no-sandbox"] if os.getuid() == 0 else [])]
        started = driver.chromium.launch(executable_path=path, args=arguments, timeout=PATIENCE)
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a file. At the end, no page may have complained, asked anything of the user, or asked the network
    for something."""
    complaints: list[str] = []
    contexts = []

    def opened(
        path: Path, *, width: int = 1300, height: int = 800, dark: bool = False, where: str = ""
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE / 3)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request", lambda r: None if r.url.startswith("file:") else complaints.append(f"asks for {r.url}")
        )
        page.goto(path.as_uri() + where)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
