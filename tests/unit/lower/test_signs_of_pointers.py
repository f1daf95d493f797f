"""Casts between pointers to integers of one width: the same memory, with values of its own type."""

from __future__ import annotations

import pytest

from tests.judges import states
from tests.texts import wrong

STATE = """MM t
struct work { atomic_long_t data; atomic_t n; };
{
    struct work w { .data = 1, .n = 3 };
    unsigned long d;
    long l;
    s64 row[2] = { -1, -2 };
    u32 u;
    s16 half;
    percpu atomic_long_t each;
    int which;
    long sum;
}
unsigned long *bits(struct work *p) { return (unsigned long *)&p->data; }
"""
DOES = {
    "set_bit(1, bits(&w)); sum = atomic_long_read(&w.data);": 3,
    "sum = test_and_set_bit(0, bits(&w)) + 2 * test_bit(1, bits(&w));": 1,
    "unsigned long *p = (unsigned long *)&w.data; *p = ~0UL; sum = atomic_long_read(&w.data);": -1,
    "unsigned long *p = (unsigned long *)&w.data; *p = ~0UL; sum = *p > 5;": 1,
    "unsigned long *p = bits(&w); *p = ~0UL; sum = xchg(p, 7) > 5; sum += *p;": 8,
    "unsigned long *p = bits(&w); *p = ~0UL; sum = cmpxchg(p, ~0UL, 7) > 5; sum += *p;": 8,
    "unsigned long *p = bits(&w), o = ~0UL; *p = o; sum = try_cmpxchg(p, &o, 7); sum += *p;": 8,
    "atomic_long_t *p = (atomic_long_t *)&d; atomic_long_set(p, -1); sum = d > 5;": 1,
    "atomic_long_t *p = (atomic_long_t *)&d; atomic_long_dec(p); sum = (d > 5) + (*p < 0);": 2,
    "atomic_t *p = (atomic_t *)&u; sum = atomic_sub_return(2, p); sum += u == 0xfffffffe;": -1,
    "unsigned int *p = (unsigned int *)&w.n; sum = *p - 4 > 0;": 1,
    "u16 *p = (u16 *)&half; *p = 65535; sum = half;": -1,
    "u64 *p = (u64 *)row; sum = (p[0] > 5) + (p[1] == -2ULL); p[1] = ~0ULL; sum += row[1] == row[0];": 3,
    "u64 *p = which ? (u64 *)&d : (u64 *)&l; *p = ~0ULL; sum = l;": -1,
    "which = 1; u64 *p = which ? (u64 *)&d : (u64 *)&l; *p = ~0ULL; sum = (d > 5) + l;": 1,
    "u64 *p = (u64 *)this_cpu_ptr(&each); *p = ~0ULL; sum = this_cpu_read(each);": -1,
    "long *p = (long *)&d; *p = -3; sum = *p;": -3,
}


@pytest.mark.parametrize("code", DOES)
def test_the_same_memory_seen_with_the_other_sign(code: str) -> None:
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == [f"[sum]={DOES[code]};"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("unsigned long *p = (unsigned long *)&w.n; sum = *p;", "this points to s32, not to u64"),
        ("u8 *p = (u8 *)&half; sum = *p;", "this points to s16, not to u8"),
        ("unsigned long *p = &w.data; sum = *p;", "this points to s64, not to u64"),
    ],
)
def test_another_width_and_no_cast_are_errors(code: str, message: str) -> None:
    (error, *_) = wrong(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n")
    assert error.message == message
