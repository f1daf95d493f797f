"""The page that says for which kernels each row holds: it has the shape that its generator makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verifier.against.compare import Comparison
from verifier.kernel.tree import KernelTree
from verifier.render.against import compared_json
from verifier.render.checked import MARKS, page, read, rendered
from verifier.words.table import WORDS

PAGE = Path(__file__).parents[3] / "docs" / "words-checked.md"
SMALL = str(Path(__file__).parents[2] / "trees" / "words")


def test_the_page_is_as_the_generator_makes_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert rendered(*read(text)) == text, "make it again: its first lines say how"


def test_the_page_knows_every_word() -> None:
    states, reasons, _ = read(PAGE.read_text(encoding="utf-8"))
    for version, marks in states.items():
        assert set(marks) == set(WORDS) and set(marks.values()) <= set(MARKS.values())
        for name, mark in marks.items():
            assert (mark == MARKS["not compared"]) == (version in reasons.get(name, {})), (name, version)


def test_no_row_differs_and_most_are_compared() -> None:
    states, _, _ = read(PAGE.read_text(encoding="utf-8"))
    for version, marks in states.items():
        assert MARKS["differs"] not in marks.values(), version
        assert sum(mark in (MARKS["agrees"], MARKS["instruction"]) for mark in marks.values()) > 300


@pytest.mark.long
def test_a_page_of_the_small_tree(tmp_path: Path) -> None:
    comparison = Comparison(KernelTree(SMALL))
    text = compared_json(SMALL, comparison.words(["atomic_add", "virt_store_mb", "kfree", "refcount_inc"]))
    (tmp_path / "v6.12.json").write_text(text)
    states, reasons, _ = read(page([str(tmp_path / "v6.12.json")]))
    assert [states["v6.12"][n] for n in ("atomic_add", "virt_store_mb", "kfree", "refcount_inc")] == [*"=≠·–"]
    assert reasons["kfree"] == {"v6.12": "an allocator in the kernel, which no test has"}
    assert json.loads(text)["kernel"] == SMALL
