"""Both judges decide the tests about the MMU, RCU and locks under two profiles each, in turn, or under all by
``VERIFIER_EFFORT``. Their final states must be equal, and the expectations of the files must hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.effort import EFFORT
from verifier.program.profiles import PROFILES
from verifier.suite import decide
from verifier.suite.discover import discover
from verifier.suite.load import load_task
from verifier.suite.options import Options

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    str(p.relative_to(ROOT))
    for room in ("mmu", "rcu", "locks")
    for p in sorted((ROOT / "litmus" / room).rglob("*.litmus"))
]


FIRST, *OTHERS = PROFILES


def cases() -> Iterator[tuple[str, str]]:
    """Each file under the first profile, and under the others in turn or all."""
    for at, name in enumerate(FILES):
        yield name, FIRST
        for profile in OTHERS if EFFORT > 1 else (OTHERS[at % len(OTHERS)],):
            yield name, profile


@pytest.mark.parametrize(("name", "profile"), list(cases()))
def test_judges_agree(name: str, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    options = Options(judge="both", states=True, profile=profile, witnesses=False)
    (task,) = discover([name])
    for test in load_task(task, options):
        verdict = decide.run(test, options)  # raises where the judges disagree
        assert verdict.as_expected is True, (test.id, verdict.observation)
