"""Addresses as numbers in the initial state: code makes of them what it makes of those that code stores."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong

STRUCTS = "MM t\nstruct foo { u64 a; struct foo *next; };\nstruct small { int n; };\n"
STATE = "struct foo x { .a = 3 }; struct foo y; struct small s; int row[3]; u8 byte; "
# An initial value, the number of low bits that are known, and what they are.
GIVEN = {
    "unsigned long w = &x;": (7, 0),
    "unsigned long w = (&x | 1);": (7, 1),
    "unsigned long w = (unsigned long)&x;": (7, 0),
    "unsigned long w = (unsigned long)&x | 5;": (7, 5),
    "unsigned long w = 5 | (unsigned long)&x;": (7, 5),
    "unsigned long w = ((u64)&x | 3) & ~1;": (7, 2),
    "unsigned long w = (&x ^ 2);": (7, 2),
    "unsigned long w = (unsigned long)&x + 2;": (7, 2),
    "unsigned long w = (&x & 7);": (7, 0),
    "unsigned long w = (&x.next | 4);": (7, 4),
    "unsigned long w = (&s | 3);": (3, 3),
    "unsigned long w = (&row[1] | 1);": (3, 1),
    "unsigned long w = &row[1];": (3, 0),
    "unsigned long w = (unsigned long)NULL | 1;": (7, 1),
    "u64 w = (&x | 1);": (7, 1),
    "long w = (&x | 1);": (7, 1),
}  # fmt: skip


@pytest.mark.parametrize("given", GIVEN)
def test_its_low_bits_are_those_of_the_number(given: str) -> None:
    mask, low = GIVEN[given]
    text = f"{STRUCTS}{{ {STATE}{given} }}\nP0 {{ r0 = READ_ONCE(w) & {mask}; }}\nexists (0:r0 = {low})"
    assert holds(text)
    assert not holds(text.replace("exists (", "exists (~"))


HOLDERS = {
    "an atomic_long_t": ("atomic_long_t w = (&x | 1);", "atomic_long_read(&w)"),
    "an atomic64_t": ("atomic64_t w = &x;", "atomic64_read(&w) | 1"),
    "a field": ("struct foo h { .a = (&x | 1) };", "READ_ONCE(h.a)"),
    "an array": ("unsigned long w[2] = { 0, (&x | 1) };", "READ_ONCE(w[1])"),
    "a per-CPU object": ("percpu unsigned long w = (&x | 1);", "this_cpu_read(w)"),
    "one CPU's": ("percpu unsigned long w; 0:w = (&x | 1);", "this_cpu_read(w)"),
    "a choice": ("unsigned long w = 1 ? (&x | 1) : 0;", "READ_ONCE(w)"),
}


@pytest.mark.parametrize(("given", "read"), HOLDERS.values(), ids=HOLDERS)
def test_whatever_holds_it(given: str, read: str) -> None:
    text = f"{STRUCTS}{{ {STATE}{given} }}\nP0 {{ unsigned long v = {read}; r0 = v & 7;\n"
    text += "struct foo *p = (struct foo *)(v & ~1UL); r1 = READ_ONCE(p->a); r2 = p == &x; }\n"
    assert holds(f"{text}exists (0:r0 = 1 /\\ 0:r1 = 3 /\\ 0:r2 = 1)")


def test_a_state_has_what_the_initial_state_may_have() -> None:
    text = f"{STRUCTS}{{ {STATE}unsigned long w = %s; }}\nP0 {{ }}\nlocations [w;]\nexists (w = 0)"
    for value in ("(&x | 1)", "(&row[1] | 2)", "(&x.next | 4)"):
        assert states(text % value) == [f"[w]={value};"]
        assert holds((text % value).replace("w = 0", f"w = {value}"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("unsigned long w = (&x | 8);", "not an initial value"),
        ("unsigned long w = (&row[0] | 4);", "not an initial value"),
        ("int w = (int)&x;", "an address is no s32"),
        ("u8 w = (u8)(unsigned long)&x;", "an address is no u8"),
        ("unsigned long w = (unsigned long)byte;", "not what byte holds"),
    ],
)
def test_what_no_number_is_known_for_is_an_error(given: str, message: str) -> None:
    text = f"{STRUCTS}{{ {STATE}{given} }}\nP0 {{ r0 = READ_ONCE(w); }}\nexists (0:r0 = 0)"
    assert any(message in said.message for said in wrong(text))


def test_a_cast_of_a_number_converts_it() -> None:
    text = "MM t\n{ int w = (u8)300; unsigned long v = (u32)-1; }\nP0 { }\nexists (w = 44 /\\ v = 0xffffffff)"
    assert holds(text)
