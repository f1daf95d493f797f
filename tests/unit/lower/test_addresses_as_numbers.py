"""Addresses in integers: what is stored there, their low bits, and what they are as pointers again."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong
from verifier.explore import decide as explored
from verifier.lower.build import build
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load

STATE = """MM t
struct foo { int n; struct foo *next; };
struct small { int n; short s; };
struct outer { struct foo f; int end; };
{
    struct foo x { .n = 3 };
    struct foo all[3] = { { .n = 1 }, { .n = 2 } };
    struct small small { .n = 5 };
    struct outer o { .end = 9 };
    struct foo *p = &x;
    int row[3] = { 10, 20, 30 };
    short s;
    unsigned long w;
    s64 signed_;
    atomic_long_t owner;
    u64 kept = 4;
    long sum;
}
"""

DOES = {
    "w = (unsigned long)&x; sum = ((struct foo *)w)->n;": 3,
    "w = (unsigned long)&x.n; sum = *(int *)w;": 3,
    "WRITE_ONCE(w, (unsigned long)p); sum = ((struct foo *)READ_ONCE(w))->n;": 3,
    "w = (unsigned long)&all[1]; struct foo *q = (struct foo *)w; sum = q->n;": 2,
    "w = (unsigned long)&row[2]; sum = *(int *)w;": 30,
    "w = (unsigned long)&x; p = (typeof(p))w; sum = p->n;": 3,
    "w = (unsigned long)&x; p = (typeof(&x))w; sum = (p == &x) + p->n;": 4,
    "w = (unsigned long)&row[2]; int *q = NULL; q = (typeof(q))w; sum = *q;": 30,
    "w = (unsigned long)&row[2]; int *q; q = (typeof(*q) *)w; sum = *q;": 30,
    "void *v = NULL; v = (typeof(v))(unsigned long)&x; sum = v == &x;": 1,
    "w = (unsigned long)&x; w = (typeof(w))w | 1; sum = w & 1;": 1,
    "w = (u64)&x | 1; sum = w & 1;": 1,
    "w = (unsigned long)&x | 1; sum = ((struct foo *)(w & ~1UL))->n;": 3,
    "w = (unsigned long)&x | 5; sum = ((struct foo *)(w & ~7))->n * 10 + (w & 7);": 35,
    "w = (unsigned long)&x; w |= 2; w ^= 3; sum = w & 3;": 1,
    "w = (unsigned long)&x + 1; sum = w & 7; sum += ((struct foo *)(w - 1))->n;": 4,
    "w = (unsigned long)&x; sum = w & 7;": 0,
    "w = (unsigned long)p; sum = !(w & 1);": 1,
    "w = (unsigned long)&row[1]; sum = w & 3;": 0,
    "w = (unsigned long)&x | 1; sum = w == ((unsigned long)&x | 1);": 1,
    "w = (unsigned long)&x | 1; sum = w == (unsigned long)&x;": 0,
    "w = (unsigned long)&x | 1; sum = w == ((unsigned long)&x.n | 1);": 1,
    "w = (unsigned long)&x | 1; sum = w == ((unsigned long)&x.n | 2);": 0,
    "w = (unsigned long)&x; sum = (struct foo *)w == &x;": 1,
    "w = (unsigned long)&x; sum = w == (unsigned long)p;": 1,
    "w = (unsigned long)NULL | 1; sum = w;": 1,
    "signed_ = (long)&x | 1; sum = ((struct foo *)(signed_ & ~1L))->n;": 3,
    "atomic_long_set(&owner, (long)&x | 1); atomic_long_or(4, &owner);"
    " sum = ((struct foo *)(atomic_long_read(&owner) & ~7L))->n * 10 + (atomic_long_read(&owner) & 7);": 35,
    "atomic_long_set(&owner, (long)&x); sum = atomic_long_cmpxchg(&owner, (long)p, 0) == (long)&x;": 1,
    "w = (unsigned long)&x; set_bit(0, &w); sum = test_bit(0, &w) + 2 * test_bit(1, &w);": 1,
    "w = (unsigned long)&x; set_bit(0, &w); clear_bit(0, &w); sum = w == (unsigned long)&x;": 1,
    "r0 = (unsigned long)p | 2; sum = ((struct foo *)(r0 & ~2UL))->n;": 3,
    "void *v = (void *)((unsigned long)p | 1); sum = (unsigned long)v & 1;": 1,
    "void *v = (void *)(unsigned long)&x; sum = v == &x;": 1,
    "p = (struct foo *)((unsigned long)&o.f & ~7UL); sum = container_of(p, struct outer, f)->end;": 9,
    "sum = (unsigned long)&o == (unsigned long)&o.f.n;": 1,
    "w = kept; sum = (w & ~1UL) + (w | 1);": 9,
}


@pytest.mark.parametrize("code", DOES)
def test_an_address_in_an_integer(code: str) -> None:
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == [f"[sum]={DOES[code]};"]


# What nothing says: bits beyond the alignment, and how many bytes lie between two objects.
UNKNOWN = (
    "w = (unsigned long)&row[1]; if (w & 4) sum = 1;",
    "w = (unsigned long)&s; if (w & 2) sum = 1;",
    "w = (unsigned long)&small; if (w & 4) sum = 1;",
    "w = (unsigned long)p; if (w & 8) sum = 1;",
    "w = (unsigned long)p; if (w >> 3) sum = 1;",
    "w = (unsigned long)p; w += 8; if (w) sum = 1;",
    "w = (unsigned long)p; w -= 1; if (w) sum = 1;",
    "w = (unsigned long)&all[1]; kept = (unsigned long)&all[0]; if (w - kept) sum = 1;",
)


@pytest.mark.parametrize("code", UNKNOWN)
def test_what_nothing_says_of_an_address(code: str) -> None:
    (test,) = load(Source("t", f"{STATE}P0 {{ {code} }}\nexists (sum = 1)\n"))
    program = build(test)
    for answer in (decide(program), explored(program)):
        assert answer.bad is not None and "undefined" in answer.bad.told


def test_a_marked_address_leads_nowhere() -> None:
    (test,) = load(
        Source("t", f"{STATE}P0 {{ w = (u64)&x | 1; sum = ((struct foo *)w)->n; }}\nexists (sum = 1)\n")
    )
    program = build(test)
    for answer in (decide(program), explored(program)):
        assert answer.bad is not None and "no object" in answer.bad.told


def test_marks_of_a_condition_are_in_the_low_bits() -> None:
    text = f"{STATE}P0 {{ w = (unsigned long)&x | 1; }}\n"
    assert holds(f"{text}exists (w = (&x | 1))\n")
    assert not holds(f"{text}exists (w = (&x | 2))\n")
    assert any("marks are numbers below 8" in d.hint for d in wrong(f"{text}exists (w = (&x | 8))\n"))


def test_states_and_conditions_say_what_it_is() -> None:
    code = "w = (unsigned long)&all[1].n | 1; kept = (unsigned long)&x.n; r0 = (unsigned long)p;"
    text = f"{STATE}P0 {{ {code} }}\nlocations [w]\nexists (kept = &x.n /\\ 0:r0 = x)\n"
    assert states(text) == ["0:r0=x; [kept]=&x.n; [w]=(&all[1].n | 1);"]
    assert holds(text)


REFUSED = {
    "w = (unsigned long)&x + 16;": "moves is not known",
    "w = (unsigned long)&x - (unsigned long)&all[0];": "moves is not known",
    "w = p;": "a number is needed here, not a struct",
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_refused(code: str) -> None:
    found = wrong(f"{STATE}P0 {{ {code} }}\nexists (w = 1)\n")
    assert any(REFUSED[code] in d.message for d in found), [d.message for d in found]
