"""What a test needed goes when nobody needs it any more: a suite leaves nothing to the cycle collector."""

from __future__ import annotations

import gc
from collections import Counter
from pathlib import Path

import pytest

from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load, read

LITMUS = Path(__file__).resolve().parents[3] / "litmus"
FILES = (
    "classic/SB.litmus",
    "mmu/10.2-self-modifying.litmus",
    "hangs/abba-interrupt.litmus",
    "linux/switch_mm-vs-flush.litmus",
    "rcu/18.3-callbacks.litmus",
)


@pytest.mark.long
@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize("file", FILES)
def test_nothing_of_a_test_is_left(file: str, judge: str) -> None:
    def decide() -> None:
        for test in load(read(str(LITMUS / file))):
            run(test, Options(judge=judge, states=True))

    decide()  # what is made once and kept
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        decide()
        gc.collect()
        found = Counter(type(x).__qualname__ for x in gc.garbage if type(x).__module__.startswith("verifier"))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not found
