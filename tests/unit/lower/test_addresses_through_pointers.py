"""Addresses that are read and written through pointers to integers: low bits, and pointers again."""

from __future__ import annotations

import pytest

from tests.judges import states

STATE = """MM t
struct foo { int n; struct foo *next; };
struct small { int n; short s; };
struct held { int *narrow; struct foo *owner; void *any; };
{
    struct foo x { .n = 3 };
    struct small small { .n = 5 };
    int one = 7;
    struct foo *p = &x;
    struct small *q = &small;
    struct held h { .owner = &x, .narrow = &one };
    struct foo *both[2] = { &x, &x };
    unsigned long w = 4;
    long sum;
}
"""
P = "unsigned long *a = (unsigned long *)&p; "
DOES = {
    f"{P}sum = READ_ONCE(*a) & 1;": 0,
    f"{P}WRITE_ONCE(*a, READ_ONCE(*a) | 1); sum = READ_ONCE(*a) & 1;": 1,
    f"{P}*a |= 1; sum = *a & 7;": 1,
    f"{P}*a |= 1; sum = ((struct foo *)(*a & ~1UL))->n;": 3,
    f"{P}*a |= 1; sum = (unsigned long)READ_ONCE(p) & 7;": 1,
    f"{P}*a |= 1; *a &= ~1UL; sum = p->n;": 3,
    f"{P}*a |= 1; *a &= ~1UL; sum = READ_ONCE(p)->n;": 3,
    f"{P}*a |= 1; *a &= ~1UL; sum = (p == &x);": 1,
    f"{P}sum = READ_ONCE(*a) == (unsigned long)&x;": 1,
    f"{P}a[0] |= 2; sum = a[0] & 3;": 2,
    f"{P}sum = xchg(a, 5) & 7;": 0,
    f"{P}unsigned long o = *a; sum = cmpxchg(a, o, o | 1) & 1; sum = 10 * sum + (*a & 1);": 1,
    f"{P}unsigned long o = *a; sum = try_cmpxchg(a, &o, o | 1); sum = 10 * sum + (*a & 1);": 11,
    f"{P}set_bit(0, a); sum = test_bit(0, a) + 2 * test_bit(1, a);": 1,
    f"{P}sum = test_and_set_bit(0, a); sum += 2 * test_and_clear_bit(0, a);": 2,
    f"{P}__set_bit(1, a); sum = *a & 7;": 2,
    f"{P}sum = xchg(&p, NULL)->n;": 3,
    "u64 *a = (u64 *)&q; *a |= 2; sum = *a & 3;": 2,
    "unsigned long *a = (unsigned long *)&h.owner; *a |= 4; sum = *a & 7;": 4,
    "unsigned long *a = (unsigned long *)&h.narrow; *a |= 2; sum = *a & 3;": 2,
    "unsigned long *a = (unsigned long *)both; a[1] |= 1; sum = 10 * (a[0] & 1) + (a[1] & 1);": 1,
    "unsigned long *a = w ? (unsigned long *)&p : &w; sum = *a & 1;": 0,
    "unsigned long *a = &w; sum = *a & 7;": 4,
    "unsigned long *a = &w; if (sum) a = (unsigned long *)&p; sum = *a + 1;": 5,
    "w = (unsigned long)&x; struct foo **a = (struct foo **)&w; sum = (*a)->n;": 3,
}


@pytest.mark.parametrize("code", DOES)
def test_an_address_through_a_pointer_to_an_integer(code: str) -> None:
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == [f"[sum]={DOES[code]};"]


@pytest.mark.parametrize(
    "code",
    [
        "h.any = &x; unsigned long *a = (unsigned long *)&h.any; sum = READ_ONCE(*a) & 1;",
        "unsigned long *a = (unsigned long *)&h.narrow; sum = *a & 4;",
        "unsigned long *a = (unsigned long *)&q; sum = *a & 4;",
        "unsigned long *a = (unsigned long *)&p; sum = *a & 8;",
    ],
)
def test_no_more_is_known_than_the_cell_says(code: str) -> None:
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == ["[sum]=undef;"]
