"""The pictures of the documentation are what ``verifier show`` draws of the tests beside them.

``make golden``, or pytest with ``--update-golden``, draws them anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
FIGURES = ROOT / "docs" / "figures"

# The name of a figure, the page whose litmus file it shows, and which variant.
SHOWN = {
    "mmdrop": ("README.md", "mmdrop::B1"),
    "sb": ("docs/tutorial.md", "sb"),
    "mask": ("docs/tutorial.md", "mask"),
    "pcid": ("docs/tutorial.md", "pcid::B1"),
    "store-buffer": ("docs/model-explained.md", "store-buffer"),
    "walk": ("docs/model-explained.md", "walk"),
    "tlb": ("docs/model-explained.md", "tlb"),
    "upper": ("docs/model-explained.md", "upper"),
    "invalidation": ("docs/model-explained.md", "invalidation::F"),
    "serialization": ("docs/model-explained.md", "serialization::B1"),
    "ipi": ("docs/model-explained.md", "ipi::B1"),
}


@pytest.mark.parametrize("figure", SHOWN)
def test_a_figure_is_what_is_drawn_today(
    figure: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    page, test = SHOWN[figure]
    name, _, variant = test.partition("::")
    blocks = re.findall(r"^```litmus\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    (text,) = [block for block in blocks if block.split()[1] == name]
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.litmus").write_text(text)
    wanted = f"{name}.litmus::{variant}" if variant else f"{name}.litmus"
    assert main(["show", wanted, "--svg", "-o", "figure.svg"]) == ExitCode.EXPECTED
    drawn = Path("figure.svg").read_text()
    if request.config.getoption("--update-golden"):
        (FIGURES / f"{figure}.svg").write_text(drawn)
    assert (FIGURES / f"{figure}.svg").read_text() == drawn, (
        "pytest tests/unit/test_figures_of_pages.py --update-golden, and look at the picture"
    )


@pytest.mark.parametrize("figure", SHOWN)
def test_a_figure_stands_in_its_page(figure: str) -> None:
    page = ROOT / SHOWN[figure][0]
    shown = re.findall(r"^!\[.{40,}\]\(([^)]*)\)$", page.read_text(), re.MULTILINE)
    assert (FIGURES / f"{figure}.svg").resolve() in [(page.parent / path).resolve() for path in shown]
