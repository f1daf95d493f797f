"""Constant expressions: C's operators, ``?:`` among them, wherever a constant stands."""

from __future__ import annotations

import pytest

from tests.judges import holds
from tests.texts import wrong
from verifier.source import Source
from verifier.syntax import load

HEAD = "MM t\nenum { n = 3, none_of_it = 0 };\n"
VALUES = {
    "n > 2 ? 4 : 5": 4,
    "n < 2 ? 4 : 5": 5,
    "n ?: 7": 3,
    "none_of_it ?: 7": 7,
    "n == 3 && n != 4": 1,
    "n >= 4 || n <= 2": 0,
    "!n || n": 1,
    "n > 5 ? 1 : n > 1 ? 2 : 3": 2,
    "(n ? 2 : 1) * 3": 6,
    "n ? 1 : 8 / none_of_it": 1,
    "none_of_it && 8 / none_of_it": 0,
    "n || 8 % none_of_it": 1,
    "n ?: 8 / none_of_it": 3,
    "-7 / 2": -3,
    "-7 % 2": -1,
    "1 << n | 1": 9,
}


@pytest.mark.parametrize("text", VALUES)
def test_an_initial_value(text: str) -> None:
    body = (
        f"{HEAD}{{ int x = {text}; int a[2] = {{ 1, {text} }}; struct s s {{ .f = {text} }}; }}\nP0 {{ }}\n"
    )
    value = VALUES[text]
    assert holds(f"{body}exists (x = {value} /\\ a[1] = {value} /\\ s.f = {value})\n")


@pytest.mark.parametrize("text", VALUES)
def test_a_constant_of_an_enum(text: str) -> None:
    body = f"{HEAD}enum {{ made = {text} }};\n{{ int x = made; }}\nP0 {{ }}\n"
    assert holds(f"{body}exists (x = {VALUES[text]})\n")


@pytest.mark.parametrize("text", [text for text, value in VALUES.items() if value > 0])
def test_a_size_and_a_bound(text: str) -> None:
    last = VALUES[text] - 1
    body = f"{HEAD}struct s {{ int f[{text}]; }};\n{{ int a[{text}]; struct s s; }}\nunroll {text};\n"
    body += f"P0 {{ int l[{text}]; l[{last}] = 1; a[{last}] = l[{last}]; s.f[{last}] = 2; r0 = 1;"
    body += " while (r0) { r0 = a[0]; } }\n"
    body += f"exists (a[{last}] = 1 /\\ s.f[{last}] = 2)\n"
    (test,) = load(Source("t", body))
    assert test.unroll == VALUES[text]
    found = wrong(body.replace(f"a[{last}] = l", f"a[{last + 1}] = l"))
    assert found


def test_an_address_is_chosen() -> None:
    body = f"{HEAD}{{ int x; int y; int *p = n > 2 ? &y : &x; int *q = NULL ?: &x; int same = &x == &x; }}\n"
    assert holds(f"{body}P0 {{ }}\nexists (p = y /\\ q = x /\\ same = 1)\n")


def test_addresses_in_one_array_have_an_order_and_a_difference() -> None:
    body = (
        "{ int a[4]; int m[2][3]; int lower = &a[1] < &a[2]; int not_lower = &a[2] <= &a[1];\n"
        "long between = &a[3] - &a[1]; int *next = &a[1] + 1; long in_rows = &m[1][0] - &m[0][1]; }\n"
    )
    asked = "lower = 1 /\\ not_lower = 0 /\\ between = 2 /\\ next = &a[2] /\\ in_rows = 2"
    assert holds(f"{HEAD}{body}P0 {{ }}\nexists ({asked})\n")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{ int x = n ? 1 : typo; }\nP0 { }", "there is no 'typo'"),
        ("{ int x = n || typo; }\nP0 { }", "there is no 'typo'"),
        ("{ int x = n ? 8 / none_of_it : 1; }\nP0 { }", "this divides by 0"),
        ("{ int y; int x = n ? y : 1; }\nP0 { }", "not what y holds"),
        ("{ int y; int x = n ? 1 : y; }\nP0 { }", "not what y holds"),
        ("{ int y; int z; int x = &y < &z; }\nP0 { }", "nothing says whether &y is below &z"),
        ("enum { m = n ? 1 : typo };\n{ int x; }\nP0 { }", "this is not a constant"),
        ("enum { m = 8 / none_of_it };\n{ int x; }\nP0 { }", "this is not a constant"),
        ("{ int x; }\nunroll typo;\nP0 { while (x) x = 0; }", "this is not a constant"),
        ("{ int x; }\nunroll n - 4;\nP0 { while (x) x = 0; }", "a bound is 0 or more"),
        ("{ int x[none_of_it ? 1 : 0]; }\nP0 { }", "an array of 0 elements"),
    ],
)
def test_what_is_no_constant_is_an_error(body: str, says: str) -> None:
    found = wrong(f"{HEAD}{body}\nexists (true)\n")
    assert any(says in f"{d.message} {d.hint}" for d in found), [d.message for d in found]
