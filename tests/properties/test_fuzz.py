"""A short run of ``tests.fuzz``: mutated files must raise only the errors of this project."""

from __future__ import annotations

import pytest

from tests import fuzz
from tests.effort import EFFORT, times


@pytest.mark.long
def test_mutated_files_raise_nothing_else() -> None:
    found = list(fuzz.hunt(20261128, inputs=times(80), seconds=60 * EFFORT))
    assert len(found) > 25
    finds = [f for f in found if f is not None]
    assert not finds, "\n".join(f"{f.what}\n{f.name}\n{f.text}" for f in finds[:3])


def test_a_find_is_seen_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hunt finds a planted fault, and removes the irrelevant parts of its input."""

    def planted(source: object, defines: object = None) -> list[object]:
        if "smp_mb" in source.text:  # type: ignore[attr-defined]
            raise KeyError("planted")
        return []

    monkeypatch.setattr(fuzz, "load_checked", planted)
    name, text = next((n, t) for n, t in fuzz.corpus() if "smp_mb" in t)
    what = fuzz.trial(name, text)
    assert what.startswith("KeyError at test_fuzz.py")
    small = fuzz.shrunk(fuzz.Found(what, name, text), seconds=5)
    assert "smp_mb" in small.text and len(small.text) < 20


def test_mutants_are_the_same_for_a_seed() -> None:
    files = fuzz.corpus()
    first, second = ([fuzz.mutant(r, files) for _ in range(20)] for r in map(fuzz.random.Random, (5, 5)))
    assert first == second
    assert sum(text not in [t for _, t in files] for _, text in first) > 15
