"""Types have the width and the sign that the kernel gives them; one that nobody has defined is an error."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong
from verifier.lower.c import types as t
from verifier.lower.c.known_types import unknown_types
from verifier.syntax import ast
from verifier.syntax.typenames import INTEGERS, SHORT_TYPES, STRUCTS


@pytest.mark.parametrize("name", INTEGERS)
def test_a_number_of_the_kernel(name: str) -> None:
    """It wraps around at its width, and is negative if it has a sign."""
    bits, signed = INTEGERS[name]
    text = f"MM t\n{{ {name} x; int low; int back; }}\nP0 {{ x = 0; x = x - 1; low = x < 0; x = x + 2;\n"
    text += f" {name} y = 1; y = y << {bits - 1}; back = y < 0; }}\nlocations [x; low; back]\n"
    assert states(text) == [f"[back]={int(signed)}; [low]={int(signed)}; [x]=1;"]
    assert t.of(ast.CType(name)) == t.Type("int", bits, signed)


def test_it_is_an_int() -> None:
    """pid_t is an int: 0x80000000 is negative in it."""
    text = "MM t\n{ pid_t p; umode_t m; }\nP0 { p = 0x80000000; m = 0x12345; r0 = p < 0; r1 = m; }\n"
    assert holds(text + "exists (0:r0 = 1 /\\ 0:r1 = 0x2345)\n")


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("{ banana_t x; } P0 { x = 1; }", 3, "write int, u64, struct … or"),
        ("{ int x; } P0 { banana_t y = 1; x = y; }", 17, "write int, u64, struct … or"),
        ("{ int x; } P0 { x = (banana_t)1; }", 22, "write int, u64, struct … or"),
        ("{ int x; } P0 { x = sizeof(banana_t); }", 28, "write int, u64, struct … or"),
        ("{ int x; } void f(banana_t *p) { } P0 { f(&x); x = 1; }", 19, "write int, u64, struct … or"),
        ("{ int x; } banana_t f(void) { return 1; } P0 { x = f(); }", 12, "write int, u64, struct … or"),
        ("struct s { banana_t *y; }; { int x; struct s s; } P0 { x = 1; }", 12, "write int, u64, struct …"),
        ("{ percpu banana_t x; } P0 { this_cpu_inc(x); }", 10, "write int, u64, struct … or"),
        ("{ spinlok_t x; } P0 { spin_lock(&x); }", 3, "did you mean 'spinlock_t'?"),
        ("{ atmic_t x; } P0 { atomic_inc(&x); }", 3, "did you mean 'atomic_t'?"),
        ("{ refcnt_t x; } P0 { refcount_inc(&x); }", 3, "did you mean 'refcount_t'?"),
        ("{ mutex_t x; } P0 { mutex_lock(&x); }", 3, "did you mean 'struct mutex'?"),
        ("{ uin64_t x; } P0 { x = 1; }", 3, "did you mean 'uint64_t'?"),
        ("{ bool_t x; } P0 { x = 1; }", 3, "did you mean 'bool'?"),
        ("{ u23 x; } P0 { x = 1; }", 3, "did you mean 'u32'?"),
        ("{ uint x; } P0 { x = 1; }", 3, "write unsigned int"),
        ("{ int a; uint x; } P0 { x = 1; }", 10, "write unsigned int"),
        ("{ percpu ulong x; } P0 { x = 1; }", 10, "write unsigned long"),
        ("{ int x; } P0 { uint y = 1; x = y; }", 17, "write unsigned int"),
        ("{ int x; } P0 { for (uint y = 1; y < 2; y++) x = y; }", 22, "write unsigned int"),
        ("{ int x; } void f(uint a) { x = a; } P0 { f(1); }", 19, "write unsigned int"),
        ("{ int x; } uint f(void) { return 1; } P0 { x = f(); }", 12, "write unsigned int"),
        ("struct s { uint y; }; { int x; struct s s; } P0 { x = 1; }", 12, "write unsigned int"),
        ("{ int x; } P0 { inr y = 1; x = y; }", 17, "did you mean 'int'?"),
    ],
)
def test_an_unknown_type(text: str, column: int, hint: str) -> None:
    (found,) = wrong(f"MM t\n{text}\nexists (x = 1)\n")
    assert found.code == "unknown-type" and found.message.startswith("there is no type '")
    assert found.span is not None and (found.span.line, found.span.column) == (2, column)
    assert hint in found.hint


@pytest.mark.parametrize(
    "text",
    [
        "{ int x; } P0 { x = 1 y = 2; }",
        "{ int x; } P0 { x = 1; } nmii P0 { }",
        "{ int x; } P0 { x = (x y); }",
    ],
)
def test_what_is_no_declaration_is_not_called_a_type(text: str) -> None:
    assert all("type" not in d.message for d in wrong(f"MM t\n{text}\nexists (x = 1)\n"))


def test_a_typedef_of_the_test_is_known() -> None:
    text = "MM t\ntypedef struct { int a; } foo_t;\n{ struct foo_t x; }\nP0 { x.a = 1; }\nexists (x.a = 1)\n"
    assert holds(text)


def test_short_names_are_no_types() -> None:
    """Objects may be called so."""
    assert holds("MM t\n{ int uint; int ulong; }\nP0 { uint = 1; ulong = uint; }\nexists (ulong = 1)\n")
    assert not set(SHORT_TYPES) & set(INTEGERS)


@pytest.mark.parametrize("name", STRUCTS)
def test_a_struct_with_two_names(name: str) -> None:
    of = f"struct {STRUCTS[name]}"
    text = f"MM t\n{of} {{ int a; }};\n{{ {name} x; {of} *p = &x; }}\n"
    text += f"void f({name} *q) {{ q->a = 1; }}\nP0 {{ f(p); {name} y; f(&y); r0 = y.a; }}\n"
    assert holds(text + "exists (x.a = 1 /\\ 0:r0 = 1)\n")


def test_types_of_a_kernel_text_stay_what_they_are() -> None:
    from verifier.source import Source, Span
    from verifier.syntax import load

    (test,) = load(Source("t", "MM t\n{ banana_t x; }\nP0 { x = 1; }\nexists (x = 1)\n"))
    assert isinstance(test.tree, ast.Unit)
    assert [d.span and d.span.text for d in unknown_types(test.tree, ())] == ["banana_t"]
    assert unknown_types(test.tree, {"t"}) == []
    assert isinstance(test.span, Span)


def test_an_error_inside_an_include_names_the_call() -> None:
    text = '#include "linux/csd.inc"\n{ int csd; }\nvoid csd_func(void *info) { }\n'
    code = "P0 {\n  r0 = smp_call_function_single_async(1, &csd);\n}\nP1 { }\n"
    found = wrong(f"MM t\n{text}{code}exists (0:r0 = 0)\n")
    assert found[0].span is not None and found[0].span.source.name.endswith("csd.inc")
    called = found[0].span.called
    assert called is not None and (called.line, called.source.name) == (6, "t.litmus")
    line = "    in what t.litmus:6:8 calls: smp_call_function_single_async(1, &csd)"
    assert line in found[0].render().splitlines()
    assert len({d.render() for d in found}) == len(found)
