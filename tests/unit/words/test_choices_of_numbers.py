"""min(), max() and clamp(), and the limits of C's types."""

from __future__ import annotations

import pytest

from tests.judges import states
from tests.texts import wrong

STATE = """MM t
{ int x = 3; int n = -4; unsigned long d = 9; u32 m = U32_MAX; long least = LONG_MIN; long sum; }
"""
DOES = {
    "sum = min(READ_ONCE(x), 5);": 3,
    "sum = max(x, 5);": 5,
    "sum = min(x, n);": -4,
    "sum = max(n, x);": 3,
    "sum = min(d, 5UL) + max(d, 10);": 15,
    "sum = min(xchg(&x, 1), 5); sum += 10 * x;": 13,
    "int i = 1; sum = max(i++, 0); sum += 10 * i;": 21,
    "sum = clamp(x, 4, 8);": 4,
    "sum = clamp(x, 0, 2) + clamp(x, -1, 8);": 5,
    "sum = clamp(n, -9, -5);": -5,
    "sum = m == UINT_MAX;": 1,
    "sum = INT_MAX + 1 < 0;": 1,
    "sum = (ULONG_MAX > 5) + (U64_MAX == ULONG_MAX) + (SIZE_MAX == ULONG_MAX);": 3,
    "sum = (U8_MAX << 8) + U8_MAX == U16_MAX;": 1,
    "sum = -1 < U8_MAX;": 1,
    "sum = -1 < U32_MAX;": 0,
    "sum = LONG_MAX + least;": -1,
    "sum = S8_MIN + S16_MAX + S8_MAX;": 32766,
    "sum = BITS_PER_LONG / BITS_PER_BYTE;": 8,
}


@pytest.mark.parametrize("code", DOES)
def test_what_it_is(code: str) -> None:
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == [f"[sum]={DOES[code]};"]


@pytest.mark.parametrize("call", ["min(d, x)", "max(x, d)", "clamp(d, n, 5UL)"])
def test_numbers_with_and_without_a_sign_are_an_error(call: str) -> None:
    (error, *_) = wrong(f"{STATE}P0 {{ sum = {call}; }}\nexists (sum = 0)\n")
    assert error.message == f"{call.partition('(')[0]} of numbers with and without a sign"
    assert error.hint == "cast one of them, as in (unsigned long)n"


def test_what_is_no_number_is_an_error() -> None:
    (error, *_) = wrong("MM t\n{ page A = 1; int x; }\nP0 { x = min(A, 1); }\nexists (x = 0)\n")
    assert error.message == "a number is needed here, not a page"
