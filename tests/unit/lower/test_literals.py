"""Structs in braces: without a name, and with structs and arrays inside."""

from __future__ import annotations

import pytest

from tests.judges import states
from tests.texts import wrong

STRUCTS = """
struct in { int a; int b; };
struct s { int x; struct in i; int y; int v[2]; };
void take(struct s *p) { WRITE_ONCE(sum, p->x + p->i.b + p->v[1]); }
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("o = (struct s){ .x = 1, .y = 2 }; sum = o.x + o.y;", 3),
        ("o.y = 9; o = (struct s){ .x = 1 }; sum = o.x * 10 + o.y;", 10),
        (
            "struct s *p = &o; *p = (struct s){ .i = { .a = 2, .b = 3 }, .v = { 4, 5 } }; sum = o.i.b + 5;",
            8,
        ),
        ("struct s l = (struct s){ .x = 1, .i.a = 2, .i.b = 3 }; sum = l.x + l.i.a + l.i.b;", 6),
        (
            "struct s l = { .i = { .b = 3 }, .v = { 4 } }; sum = l.i.a * 100 + l.i.b * 10 + l.v[0] + l.v[1];",
            34,
        ),
        ("o.i = (struct in){ .b = 4 }; sum = o.i.a * 10 + o.i.b;", 4),
        ("take(&(struct s){ .x = 3, .i.b = 4, .v = { 1, 2 } });", 9),
        ("for (int i = 0; i < 2; i++) o = (struct s){ .x = o.x + 2 }; sum = o.x;", 4),
        ("o = (struct s){ .x = 2 }; o = (struct s){ .y = o.x + 1 }; sum = o.x * 10 + o.y;", 3),
        ("o = (struct s){}; sum = o.i.a;", 0),
    ],
)
def test_what_is_left_out_is_0(code: str, expected: int) -> None:
    text = f"MM t\n{STRUCTS}\n{{ struct s o = {{ .x = 0, .i = {{ .a = 7 }} }}; int sum; }}\n"
    assert states(f"{text}P0 {{ {code} }}\nlocations [sum]\n") == [f"[sum]={expected};"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("int r = (int){ 4 };", "a literal is assigned, or its address is taken"),
        ("int *p = &(int){ 4 };", "a literal in braces is a struct here"),
        ("struct in n = (struct s){ .x = 4 };", "a struct in cannot be assigned from"),
        ("struct s l = { .x = { 1 } };", "x is neither a struct nor an array"),
        ("struct s l = { .i = 1 };", "i is given in braces, field by field"),
        ("struct s l = { .i.a = 1, .i.a = 2 };", "a has two initial values"),
        ("struct s l = { .i = { .a = 1 }, .i = { .b = 1 } };", "i has two initial values"),
        ("struct s l = { .i.c = 1 };", "struct in has no field 'c'"),
        ("o = (struct r){ .x = 1 };", "a struct has no field 'x'"),
    ],
)
def test_what_cannot_be_is_said(code: str, said: str) -> None:
    text = f"MM t\n{STRUCTS}\n{{ struct s o; int sum; }}\nP0 {{ {code} }}\nexists (sum = 0)\n"
    assert any(said in d.message for d in wrong(text))
