"""Addresses that are kept as ``void *``: their low bits are those of the object that they lead to."""

from __future__ import annotations

import pytest

from tests.judges import states
from verifier.explore import decide as explored
from verifier.lower.build import build
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load

STATE = """MM t
struct foo { int n; struct foo *next; };
struct small { short a; short b; };
struct keeps { void *slot; void *slots[2]; };
{
    int n = 7; short h; u8 c; int row[3] = { 1, 2, 3 }; struct foo x { .n = 3 }; struct small y;
    struct foo all[2] = { { .n = 4 }, { .n = 5 } };
    void *slot = &n; void *to_x = &x; void *to_h = &h; void *to_c = &c; void *none; void *five = 5;
    void *slots[3] = { &n, &x, &all[1] }; struct keeps k = { .slot = &row[1], .slots = { &x, &n } };
    struct open o = { .slot = &n, .bare = 0 };
    percpu void *mine = &n; percpu int every; void *v2; page A; mm N { v -> A }; long sum; int *q;
}
int marked(void *p, unsigned long by) { return ((unsigned long)p & by) != 0; }
void *given(void *p) { return p; }
"""

DOES = {
    "sum = (unsigned long)READ_ONCE(slot) & 3;": 0,
    "if (!((unsigned long)READ_ONCE(slot) & 1)) sum = 4;": 4,
    "sum = (u64)to_x & 7;": 0,
    "sum = (long)to_h & 1;": 0,
    "sum = (unsigned long)slots[1] & 7;": 0,
    "for (int i = 0; i < 3; i++) sum += (unsigned long)slots[i] & 3;": 0,
    "sum = (unsigned long)slots[2] & 7;": 0,
    "sum = (unsigned long)READ_ONCE(k.slot) & 3;": 0,
    "struct keeps *p = &k; sum = (unsigned long)p->slots[0] & 7;": 0,
    "sum = (unsigned long)READ_ONCE(o.slot) & 3;": 0,
    "WRITE_ONCE(o.bare, &n); sum = (unsigned long)READ_ONCE(o.bare) & 3;": 0,
    "WRITE_ONCE(o.bare, &n); sum = atomic_long_read(&o.bare) & 3;": 0,
    "WRITE_ONCE(o.bare, &n); atomic_long_or(1, &o.bare);"
    " sum = *(int *)(atomic_long_read(&o.bare) & ~1L) * 10 + (atomic_long_read(&o.bare) & 3);": 71,
    "void *l = &x; sum = (unsigned long)l & 7;": 0,
    "void *l = READ_ONCE(slot); sum = (unsigned long)l & 3;": 0,
    "r0 = READ_ONCE(slot); sum = (unsigned long)r0 & 3;": 0,
    "sum = marked(READ_ONCE(slot), 3) + marked(&x, 7);": 0,
    "sum = (unsigned long)given(READ_ONCE(to_x)) & 7;": 0,
    "sum = (unsigned long)xchg(&slot, &x) & 3; sum += (unsigned long)READ_ONCE(slot) & 7;": 0,
    "sum = (unsigned long)cmpxchg(&slot, &n, NULL) & 3;": 0,
    "void *old = &x; sum = try_cmpxchg(&slot, &old, NULL) + ((unsigned long)old & 3);": 0,
    "sum = (unsigned long)rcu_dereference(slot) & 3;": 0,
    "sum = (unsigned long)rcu_dereference(k.slots[0]) & 7;": 0,
    "sum = (unsigned long)this_cpu_read(mine) & 3;": 0,
    "WRITE_ONCE(slot, this_cpu_ptr(&every)); sum = (unsigned long)READ_ONCE(slot) & 3;": 0,
    "int on_stack[2]; void *l = &on_stack[1]; sum = (unsigned long)l & 3;": 0,
    "WRITE_ONCE(slot, &q); sum = (unsigned long)READ_ONCE(slot) & 7;": 0,
    "unsigned long w = (unsigned long)READ_ONCE(slot); int *p = (int *)((w | 1) & ~1UL); sum = *p;": 7,
    "unsigned long w = (unsigned long)to_x | 5; sum = ((struct foo *)(w & ~7UL))->n * 10 + (w & 7);": 35,
    "WRITE_ONCE(v2, (void *)((unsigned long)slot | 1)); sum = (unsigned long)v2 & 3;": 1,
    "sum = (unsigned long)READ_ONCE(slot) == (unsigned long)&n;": 1,
    "sum = (unsigned long)READ_ONCE(to_x) == (unsigned long)&x.n;": 1,
    "sum = (void *)(unsigned long)READ_ONCE(slot) == &n;": 1,
    "sum = ((unsigned long)none & 1) + (unsigned long)none;": 0,
    "sum = (unsigned long)five & 7;": 5,
    "sum = (long)five - 6;": -1,
}


@pytest.mark.parametrize("code", DOES)
def test_low_bits_of_an_address_of_no_type(code: str) -> None:
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == [f"[sum]={DOES[code]};"]


# Bits beyond the alignment, and addresses of which nothing says where they are.
UNKNOWN = (
    "if ((unsigned long)READ_ONCE(slot) & 4) sum = 1;",
    "if ((unsigned long)to_h & 2) sum = 1;",
    "if ((unsigned long)to_c & 1) sum = 1;",
    "WRITE_ONCE(slot, &y); if ((unsigned long)READ_ONCE(slot) & 2) sum = 1;",
    "if ((unsigned long)to_x >> 3) sum = 1;",
    "WRITE_ONCE(slot, &o.bare); if ((unsigned long)READ_ONCE(slot) & 1) sum = 1;",
    "unsigned long w = (unsigned long)&c; WRITE_ONCE(slot, (void *)w); if ((unsigned long)slot & 1) sum = 1;",
)


@pytest.mark.parametrize("code", UNKNOWN)
def test_what_nothing_says_of_an_address_of_no_type(code: str) -> None:
    (test,) = load(Source("t", f"{STATE}P0 {{ {code} }}\nexists (sum = 1)\n"))
    program = build(test)
    for answer in (decide(program), explored(program)):
        assert answer.bad is not None and "undefined" in answer.bad.told
