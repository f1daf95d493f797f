"""What a run needs whose condition is about one instant: stores around it say so only if they are all."""

from __future__ import annotations

import pytest

from tests.unit.execution.test_matter import decided, told

START = "MM t\n{ page A = 1; page X = 2; mm N { v -> A }; 1:cr3 = N; int x; int y; }\n"
STORES = "P0 { WRITE_ONCE(x, 1); set_pte(pte(N, v), X); }\nP1 { WRITE_ONCE(y, 1); WRITE_ONCE(y, 2); }\n"


@pytest.mark.parametrize(
    ("asked", "alone"),
    [
        ("x = 1 /\\ y = 0", True),
        ("x = 0 /\\ y = 2", True),
        ("1:tlb[v -> X] /\\ y = 0", False),
        ("1:tlb[v -> X] /\\ 1:cr3 = N", False),
        ("x = 1 \\/ y = 1", False),
        ("x = 1 /\\ ~y = 2", False),
        ("x = 1 /\\ 1:irq = on", False),
    ],
)
def test_stores_around_an_instant_are_named_where_they_are_all(asked: str, alone: bool) -> None:
    kind, said = told(decided(f"{START}{STORES}exists (ever ({asked}))\n"))
    assert kind == "interleaving"
    assert ("the instant asked for comes" in said) == alone
    assert ("some instant is as asked for" in said) != alone
