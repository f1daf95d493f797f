"""What is known on a path holds for all values that the path allows."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from verifier.lower.facts import decided, known, settled, where
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Ref, call, evaluate

A, B, C = Ref(0), Ref(1), Ref(2)
VALUES = [dict(enumerate(values)) for values in product(range(4), repeat=3)]
TWO = ("and", "or", "eq", "ne", "lt", "le", "gt", "ge", "bitand", "bitor", "add")


def drawn(random: Random, depth: int) -> Expr:
    """An expression over three values."""
    kind = random.randrange(10)
    if not depth or kind < 2:
        return random.choice([A, B, C, A, B, C, FALSE, TRUE, Const(2)])
    if kind < 4:
        return call(random.choice(("not", "bool", "int32", "uint8")), drawn(random, depth - 1))
    if kind < 7:
        return call("ite", *(drawn(random, depth - 1) for _ in range(3)))
    return call(random.choice(TWO), drawn(random, depth - 1), drawn(random, depth - 1))


@pytest.mark.parametrize("seed", range(40))
def test_what_is_known_is_so(seed: int) -> None:
    random = Random(seed)
    said = 0
    for _ in range(25):
        guard = [drawn(random, 3) for _ in range(random.randint(1, 3))]
        more, asked, deep = drawn(random, 2), drawn(random, 3), drawn(random, 4)
        facts = known(guard)
        both, found, least = where(facts, more), decided(asked, facts), settled(deep, facts)
        said += found is not None
        for values in VALUES:
            if not all(evaluate(x, values) for x in guard):
                continue
            assert all(bool(evaluate(x, values)) == holds for x, holds in facts.items())
            assert found is None or bool(evaluate(asked, values)) == found
            assert evaluate(least, values) == evaluate(deep, values)
            if evaluate(more, values):
                assert all(bool(evaluate(x, values)) == holds for x, holds in both.items())
    assert said


@pytest.mark.parametrize(
    ("guard", "expr", "holds"),
    [
        (A, call("ite", call("not", A), B, FALSE), False),
        (A, call("ite", A, TRUE, B), True),
        (call("ite", A, B, A), A, True),
        (call("ite", A, B, A), B, True),
        (call("not", call("ite", A, A, B)), B, False),
        (call("eq", call("ite", A, Const(3), Const(4)), Const(3)), A, True),
        (call("eq", call("int32", call("ite", A, Const(3), B)), Const(4)), A, False),
        (call("eq", A, Const(2)), call("eq", A, Const(3)), False),
        (call("ge", A, TRUE), A, True),
        (call("lt", FALSE, A), call("not", A), False),
        (A, call("bitand", call("not", A), B), False),
        (call("eq", A, Const(2)), call("bitor", A, B), True),
        (A, call("ite", B, A, TRUE), True),
        (A, B, None),
        (call("ite", A, B, C), A, None),
        (call("lt", A, TRUE), A, None),
    ],
)
def test_what_choices_and_comparisons_say(guard: Expr, expr: Expr, holds: bool | None) -> None:
    assert decided(expr, known([guard])) is holds
