"""CR3 and virtual addresses as numbers: what can be calculated with them."""

from __future__ import annotations

import pytest

from verifier.program.functions import apply
from verifier.program.values import ADDRESS_BITS, NOFLUSH_BIT, UNDEF, Ptr, Value

N, ROOT, TAGGED = Ptr("N"), Ptr("N%root"), Ptr("N%root", NOFLUSH_BIT | 5)
M = (1 << 64) - 1


@pytest.mark.parametrize(
    ("function", "a", "b", "expected"),
    [
        ("bitor", ROOT, 5, Ptr("N%root", 5)),
        ("bitor", 5 | NOFLUSH_BIT, ROOT, TAGGED),
        ("bitor", ROOT, 1 << 12, UNDEF),
        ("add", ROOT, 4095, Ptr("N%root", 4095)),
        ("add", ROOT, 4096, UNDEF),
        ("sub", TAGGED, 5, Ptr("N%root", NOFLUSH_BIT)),
        ("sub", ROOT, 1, UNDEF),
        ("sub", TAGGED, ROOT, NOFLUSH_BIT | 5),
        ("bitand", TAGGED, 0xFFF, 5),
        ("bitand", TAGGED, ADDRESS_BITS, ROOT),
        ("bitand", TAGGED, ~NOFLUSH_BIT, Ptr("N%root", 5)),
        ("bitand", TAGGED, M ^ 0xFFF, Ptr("N%root", NOFLUSH_BIT)),
        ("bitand", TAGGED, 0x10FFF, UNDEF),
        ("bitxor", TAGGED, NOFLUSH_BIT, Ptr("N%root", 5)),
        ("bitxor", TAGGED, TAGGED, 0),
        ("shr", TAGGED, 63, 1),
        ("shr", TAGGED, 12, UNDEF),
        ("shl", ROOT, 1, UNDEF),
        ("eq", TAGGED, ROOT, 0),
        ("eq", ROOT, Ptr("M%root"), 0),
        ("bitor", Ptr("x"), 1, UNDEF),
        ("bitand", Ptr("x"), -4096, UNDEF),
    ],
)
def test_bits_of_a_root(function: str, a: Value, b: Value, expected: Value) -> None:
    assert apply(function, (a, b)) == expected


@pytest.mark.parametrize(
    ("value", "mm", "pcid", "keeps"),
    [
        (ROOT, N, 0, 0),
        (TAGGED, N, 5, 1),
        (Ptr("N%root", 1 << 61 | 7), N, 7, 0),
        (Ptr("N%root", 1 << 55), UNDEF, UNDEF, UNDEF),
        (Ptr("N"), UNDEF, UNDEF, UNDEF),
        (5, UNDEF, UNDEF, UNDEF),
    ],
)
def test_what_a_value_of_cr3_says(value: Value, mm: Value, pcid: Value, keeps: Value) -> None:
    assert [apply(f, (value,)) for f in ("cr3_mm", "cr3_pcid", "cr3_noflush")] == [mm, pcid, keeps]


def test_only_the_root_of_something_has_an_address() -> None:
    assert apply("root", (N,)) == ROOT
    assert apply("root", (ROOT,)) == apply("root", (5,)) == UNDEF
    assert apply("cr3_mm", (apply("root", (Ptr("t", 3),)),)) == Ptr("t", 3)


V, IN = Ptr("v"), Ptr("v", 4100)


@pytest.mark.parametrize(
    ("function", "a", "b", "expected"),
    [
        ("va_and", IN, M ^ 0xFFF, Ptr("v", 4096)),
        ("va_and", -4096, IN, Ptr("v", 4096)),
        ("va_and", IN, 0xFFF, 4),
        ("va_and", Ptr("v", -1), -4096, Ptr("v", -4096)),
        ("va_and", IN, 0x1FFF, UNDEF),
        ("va_and", 6, 3, 2),
        ("lt", V, IN, 1),
        ("lt", V, M, 1),
        ("ge", V, M, 0),
        ("gt", V, 0, 1),
        ("le", V, 0, 0),
        ("lt", 0, V, 1),
        ("lt", M, V, 0),
        ("lt", V, 5, UNDEF),
        ("lt", V, Ptr("w"), UNDEF),
        ("sub", IN, V, 4100),
    ],
)
def test_virtual_addresses(function: str, a: Value, b: Value, expected: Value) -> None:
    assert apply(function, (a, b)) == expected


def test_the_page_of_an_address() -> None:
    assert [apply("va_page", (a,)) for a in (V, IN, Ptr("v", -1), 7)] == [
        V,
        Ptr("v", 4096),
        Ptr("v", -4096),
        7,
    ]
    assert [apply("va_base", (a,)) for a in (V, IN, Ptr("v", -1), 7)] == [V, V, V, UNDEF]
