"""Both judges decide the tests about the MMU and RCU under every profile. Their final states must be equal,
and the expectations of the files must hold."""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", FILES)
def test_judges_agree(name: str, profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    options = Options(judge="both", states=True, profile=profile, witnesses=False)
    (task,) = discover([name])
    for test in load_task(task, options):
        verdict = decide.run(test, options)  # raises where the judges disagree
        assert verdict.as_expected is True, (test.id, verdict.observation)
