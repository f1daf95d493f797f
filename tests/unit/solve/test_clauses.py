"""Gates in one direction: the literal holds where one of the ways does."""

from __future__ import annotations

import pytest

from verifier.solve.clauses import NO, YES, Clauses


@pytest.mark.parametrize(
    ("ways", "found"),
    [
        ([], NO),
        ([(2, NO), (3, -3)], NO),
        ([(2, YES)], 2),
        ([(YES, 2), (2, 2)], 2),
        ([(2, 3), (YES, YES)], YES),
        ([(2, YES), (-2, YES)], YES),  # one of the two holds
        ([(3, 4), (YES, -2), (2, 2)], YES),
    ],
)
def test_ways_that_need_no_gate(ways: list[tuple[int, int]], found: int) -> None:
    clauses = Clauses()
    clauses.variables = 4
    assert clauses.implied(ways) == found
    assert clauses.variables == 4 and clauses.rows == [(YES,)]


def test_a_gate_is_implied_by_each_way() -> None:
    clauses = Clauses()
    clauses.variables = 4
    gate = clauses.implied([(3, 2), (-4, YES), (2, 3)])
    assert gate == 5 and set(clauses.rows[1:]) == {(gate, -2, -3), (gate, 4)}
    assert clauses.implied([(YES, -4), (2, 3)]) == gate
