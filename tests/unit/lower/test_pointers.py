"""Function pointers, structs that are assigned whole, and arrays of two dimensions."""

from __future__ import annotations

import pytest

from tests.judges import states
from tests.texts import wrong
from verifier.lower.build import build
from verifier.source import Source
from verifier.syntax import load

OPS = """
struct ops { void (*set)(int n); int (*get)(void); int plain; };
{
    struct ops o = { .set = one, .get = ten };
    struct ops u = { .set = one };
    struct ops *p = &o;
    void (*hook)(int n) = two;
    void (*table[2])(int n) = { one, two };
    void (*none)(int n);
    int x;
}
void one(int n) { WRITE_ONCE(x, n + 1); }
void two(int n) { WRITE_ONCE(x, n + 2); }
int ten(void) { return 10; }
int apply(int (*f)(void), int n) { return f() + n; }
"""

CALLS = {
    "o.set(4);": "x=5",
    "(*o.set)(4);": "x=5",
    "p->set(4);": "x=5",
    "READ_ONCE(p)->set(4);": "x=5",
    "hook(4);": "x=6",
    "(*hook)(4);": "x=6",
    "table[1](4);": "x=6",
    "r1 = 1; table[r1](4);": "x=6",
    "void (*f)(int n) = o.set; f(4);": "x=5",
    "r1 = READ_ONCE(hook); r1(4);": "x=6",
    "r1 = 1; void (*f)(int n); if (r1) f = two; f(4);": "x=6",
    "x = o.get();": "x=10",
    "x = apply(ten, 2);": "x=12",
    "x = apply(o.get, 2);": "x=12",
    "WRITE_ONCE(o.set, two); o.set(4);": "x=6",
    "o.set = two; p->set(4);": "x=6",
    "o.set = two; u = o; u.set(4);": "x=6",
    "x = o.set == one;": "x=1",
    "if (!none) x = 8;": "x=8",
}


@pytest.mark.parametrize("statements", CALLS)
def test_a_call_reaches_the_function(statements: str) -> None:
    wanted = CALLS[statements].partition("=")[2]
    found = states(f"MM t{OPS}P0 {{ {statements} }}\nlocations [x]\nexists (x = {wanted})\n")
    assert found == [f"[x]={wanted};"]


def test_a_pointer_that_nobody_writes_is_not_loaded() -> None:
    (test,) = load(Source("t", f"MM t{OPS}P0 {{ o.set(4); }}\nexists (x = 1)\n"))
    assert [e.op for e in build(test).events if e.cpu == 0] == ["W"]


def test_a_call_of_null_warns() -> None:
    programs = "P0 { none(4); }\nP1 { WRITE_ONCE(none, one); }"
    found = states(f"MM t{OPS}{programs}\nexists (0:warn /\\ x = 5)\n")
    assert found == ["0:warn=0; [x]=5;", "0:warn=1; [x]=0;"]


REFUSED = {
    "o.plain(1);": "o.plain is a number, not a function",
    "o.set(1, 2);": "one takes 1 argument, not 2",
    "none(1);": "no function with 1 parameters is ever stored where none points",
    "o.nothing(1);": "struct ops has no field 'nothing'",
    "int i = one;": "a function cannot be kept in a local",
    "x = one;": "a function cannot be stored",
    "one = two;": "one is a function",
    "u = p;": "a struct ops cannot be assigned from p",
    "*p = x;": "a struct ops cannot be assigned from x",
    "int a[2][2]; a[0][2] = 1;": "there is no element 2",
    "int a[2][2]; a[2][0] = 1;": "there is no element 2",
    "int a[2][2]; a[0] = 1;": "an array cannot be written whole",
    "int a[2][2] = { 1, 2 };": "a row is given in braces",
    "int a[2][2][2]; a[0][0][0] = 1;": "an array has at most 2 dimensions here",
}


@pytest.mark.parametrize("statements", REFUSED)
def test_what_is_refused(statements: str) -> None:
    found = wrong(f"MM t{OPS}P0 {{ {statements} }}\nexists (x = 1)\n")
    assert any(REFUSED[statements] in d.message for d in found), [d.message for d in found]
