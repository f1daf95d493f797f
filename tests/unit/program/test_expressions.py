"""Expressions: what is folded when they are built is what evaluating them gives."""

from __future__ import annotations

import pytest

from verifier.program.expressions import Apply, Const, Ref, call, evaluate
from verifier.program.values import UNDEF, Ptr, Value


@pytest.mark.parametrize("chosen", [0, 1, 7, Ptr("v"), UNDEF])
def test_a_choice_by_a_constant_is_folded_as_it_is_evaluated(chosen: Value) -> None:
    slots = {0: chosen, 1: 1, 2: 2}
    folded = call("ite", Const(chosen), Ref(1), Ref(2))
    assert evaluate(folded, slots) == evaluate(Apply("ite", (Ref(0), Ref(1), Ref(2))), slots)
