"""A loop that only loads, by plain loads: a compiler may load once, and wait for ever or not at all."""

from __future__ import annotations

import pytest

from verifier.lower.build import build
from verifier.source import Source
from verifier.syntax import load


@pytest.mark.parametrize(
    ("loop", "warned"),
    [
        ("while (!x) ;", True),
        ("while (x == 0) { }", True),
        ("do { } while (!x);", True),
        ("while (!x) cpu_relax();", False),
        ("while (!x) barrier();", False),
        ("while (!READ_ONCE(x)) ;", False),
        ("while (!looks()) ;", False),
        ("while (!x) y = 1;", False),
        ("while (*v == 0) ;", False),
    ],
)
def test_a_load_that_a_compiler_may_take_out_of_a_loop(loop: str, warned: bool) -> None:
    text = (
        "MM t\n{ int x; int y; page A = 1; mm N { v -> A }; 1:cr3 = N; }\nint looks(void) { return x; }\n"
        f"P0 {{ x = 1; }}\nP1 {{ {loop} }}\nexists (x = 0)\n"
    )
    (test,) = load(Source("t", text))
    said = [w.message for w in build(test).warnings]
    assert ("a compiler may load this once, in front of the loop" in said) == warned
