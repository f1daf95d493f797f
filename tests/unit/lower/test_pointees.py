"""Pointers that are kept as what they are not: the same is said in the initial state and in code."""

from __future__ import annotations

import pytest

from tests.texts import wrong
from verifier.lower.c.file import lower
from verifier.source import Source
from verifier.syntax import load

TYPES = """MM t
struct inner { int b; };
struct outer { struct inner in; int c; };
struct other { int y; };
struct node { struct other *to; };
void f(struct other *z) { r0 = z; }
"""
OBJECTS = "struct inner i; struct outer o; struct other x; struct node n; int k; u64 w; "


def said(initial: str = "", code: str = "") -> list[str]:
    """The warnings about pointers."""
    text = f"{TYPES}{{ {OBJECTS}{initial} }}\nP0 {{ {code} }}\nexists (true)\n"
    (test,) = load(Source("t", text))
    return [d.message for d in lower(test).world.warnings if d.code == "pointee"]


@pytest.mark.parametrize(
    ("initial", "code"),
    [
        ("struct other *p = &i;", ""),
        ("struct other *p = { &i };", ""),
        ("struct other *p[2] = { &x, &i };", ""),
        ("percpu struct other *p = &i;", ""),
        ("percpu struct other *p; 0:p = &i;", ""),
        ("struct node m { .to = &i };", ""),
        ("struct node m[2] = { { .to = &i }, { .to = &x } };", ""),
        ("", "struct other *p = &i;"),
        ("", "struct other *p; p = &i;"),
        ("struct other *p;", "p = &i;"),
        ("struct other *p;", "WRITE_ONCE(p, &i);"),
        ("", "n.to = &i;"),
        ("", "f(&i);"),
    ],
)
def test_a_pointer_to_another_struct_is_a_warning(initial: str, code: str) -> None:
    expected = "this is the address of a struct inner, which is kept as that of a struct other"
    assert said(initial, code) == [expected]


@pytest.mark.parametrize(
    ("initial", "code"),
    [
        ("struct other *p = &x; void *q = &i; struct inner *s = &o; struct outer *u = &o.in;", ""),
        ("struct other *p = NULL; struct other *q = 5;", ""),
        ("struct node m { .to = &x }; struct other *p[2] = { &x, NULL };", ""),
        ("", "f(&x); f(NULL); n.to = &x; struct inner *p = &o; struct outer *u = &o.in; void *v = &i;"),
    ],
)
def test_one_to_its_own_struct_is_none(initial: str, code: str) -> None:
    assert said(initial, code) == []


@pytest.mark.parametrize(
    ("initial", "code"),
    [
        ("u64 *p = &k;", ""),
        ("int *p[2] = { &k, &w };", ""),
        ("percpu int *p = &w;", ""),
        ("", "u64 *p = &k;"),
        ("u64 *p;", "p = &k;"),
    ],
)
def test_a_pointer_to_another_number_is_an_error(initial: str, code: str) -> None:
    found = wrong(f"{TYPES}{{ {OBJECTS}{initial} }}\nP0 {{ {code} }}\nexists (true)\n")
    assert any("this points to " in d.message for d in found)
