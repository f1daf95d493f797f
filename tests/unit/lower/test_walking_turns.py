"""Turns of loops that walk, on processors that walk only for accesses (MMR 20.4)."""

from __future__ import annotations

import pytest

from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

SPIN = "while (READ_ONCE(*v) != 1) cpu_relax();"
LOOPS = {
    "a spin": (SPIN, "1:hang"),
    "a spin behind a look": (f"if (READ_ONCE(*v) != 1) {SPIN}", "1:hang"),
    "a loop with a body": ("while (1) { if (READ_ONCE(*v) == 1) break; cpu_relax(); }", "1:hang"),
    "a word": ("r0 = smp_cond_load_relaxed(v, VAL == 1);", "1:hang"),
    "a loop that walks": ("while (!READ_ONCE(x)) r0 = READ_ONCE(*v); r1 = READ_ONCE(*v);", "1:r1 = 0"),
}


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("profile", ["generic", "sparc64"])
def test_a_turn_that_walks_is_not_left_out(profile: str, name: str, judge: str) -> None:
    """Its walk may have filled the old entry that a later turn uses. Elsewhere any walk may."""
    code, outcome = LOOPS[name]
    text = (
        "MM t\n{ page A = 0; page B = 1; int x; mm N { v -> A }; 0..1:cr3 = N; }\n"
        f"P0 {{ set_pte(pte(N, v), B); WRITE_ONCE(x, 1); }}\nP1 {{ {code} }}\nexists ({outcome})\n"
    )
    (test,) = load(Source("t", text))
    found = run(test, Options(judge=judge, profile=profile))
    assert found.observation in ("sometimes", "unknown")
    assert profile == "sparc64" or found.observation == "sometimes"


@pytest.mark.parametrize("profile", ["generic", "sparc64"])
def test_a_turn_that_does_not_walk_is(profile: str) -> None:
    spin = "while (!READ_ONCE(x)) cpu_relax();"
    text = f"MM t\n{{ int x; }}\nP0 {{ WRITE_ONCE(x, 1); }}\nP1 {{ {spin} }}\nexists (x = 0)\n"
    (test,) = load(Source("t", text))
    assert run(test, Options(profile=profile)).observation == "never"
