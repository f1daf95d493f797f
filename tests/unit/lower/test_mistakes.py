"""Mistakes that C, or this tool, could take for something else: each is an error, or a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.texts import warned, wrong
from verifier.source import Source
from verifier.suite.load import load_checked

STRUCTS = """struct bar { int b; };
struct foo { int a; struct bar *q; struct foo *n; };
struct outer { struct bar in; struct bar arr[2]; struct bar *ps[2]; };
"""
OBJECTS = """{
    int x; int y; int *at = &x; int row[2]; percpu int c; spinlock_t l; spinlock_t held = 1; rwlock_t rw;
    struct bar g { .b = 1 }; struct foo s { .q = &g, .n = &s }; struct foo *p = &s; struct outer o;
    struct bar *gp[2];
}
enum { USER = 7 };
void give(void) { return 1; }
int take(const int n, int *const m) { n = 2; return *m; }
int keep(const int n, int *const m) { *m = n; return n; }
int of(struct foo *z) { return z.a; }
"""


def text(code: str, initial: str = "") -> str:
    """A test with this code."""
    end = "locations [x; y; at; row[0]; 0:c; l; held; rw; s.a; p; o.in.b; gp[0]]\nforall (true)\n"
    return f"MM t\n{STRUCTS}{OBJECTS}{{ {initial} }}\nP0 {{\n{code}\n}}\n{end}"


@pytest.mark.parametrize(
    ("initial", "names"),
    [
        ("int z = x;", "x"),
        ("int z = x + 1;", "x"),
        ("int z = 1 + 2 * x;", "x"),
        ("int z = ~x;", "x"),
        ("int z = row[1];", "row[1]"),
        ("int z = s.a;", "s.a"),
        ("int z = c;", "c"),
        ("int z[2] = { 1, x };", "x"),
        ("int z[2][1] = { {1}, {x} };", "x"),
        ("struct bar z { .b = x };", "x"),
        ("struct new z { .b = x };", "x"),
        ("page z = x;", "x"),
        ("page z { .data = x };", "x"),
        ("atomic_t z = ATOMIC_INIT(x);", "x"),
        ("0:c = x;", "x"),
        ("0:r9 = x;", "x"),
        ("y = x;", "x"),
    ],
)
def test_an_initial_value_is_a_constant(initial: str, names: str) -> None:
    found = wrong(text("x = r9;" if "r9" in initial else "x = 1;", initial))
    assert [d.message for d in found] == [f"an initial value is a constant, not what {names} holds"]
    assert f"&{names} for the address of {names}" in found[0].hint


@pytest.mark.parametrize(
    ("initial", "code"),
    [
        ("int *z = &x;", "at = z;"),
        ("int *z = row;", "at = z;"),
        ("int *z = &row[1];", "at = z;"),
        ("int *z = &s.a;", "at = z;"),
        ("struct foo *z = &s;", "p = z;"),
        ("int z = USER + 1;", "x = z;"),
    ],
)
def test_an_address_is_a_constant(initial: str, code: str) -> None:
    load_checked(Source("t.litmus", text(code, initial)))


def test_a_name_in_a_file_of_herd_is_an_address() -> None:
    load_checked(Source("t.litmus", "C t\n{ int x; y = x; }\nP0(int *x, int *y) { *y = 1; }\nexists (y=1)\n"))


@pytest.mark.parametrize(
    "item", ["int USER;", "page USER;", "int USER[2];", "mm M { USER -> A }; page A;", "percpu int USER;"]
)
def test_a_constant_is_no_object(item: str) -> None:
    messages = [d.message for d in wrong(text("x = 1;", item))]
    assert "USER is a constant of an enum already" in messages


@pytest.mark.parametrize("arch", ["C", "MM"])
def test_a_constant_is_no_parameter_and_no_function(arch: str) -> None:
    code = "int A(void) { return 1; }\nP0(int *B) { x = A(); }\n"
    found = wrong(f"{arch} t\nenum {{ A, B }};\n{{ int x; int *B; }}\n{code}exists (x = 1)\n")
    messages = [d.message for d in found]
    assert messages == [f"{name} is a constant of an enum already" for name in "ABB"]


WRONG = {
    "switch (x) { case 1: y = 1; break; case 1: y = 2; }": "this case is there already",
    "switch (x) { case 1 ... 3: y = 1; break; case 2: y = 2; }": "this case is there already",
    "switch (x) { case 7: y = 1; break; case USER: y = 2; }": "this case is there already",
    "switch (x) { default: y = 1; break; default: y = 2; }": "a second default",
    "x = s->a;": "s is a struct, not a pointer to one",
    "x = p.a;": "p is a pointer to a struct",
    "x = s.q.b;": "s.q is a pointer to a struct",
    "x = p->n.a;": "p->n is a pointer to a struct",
    "x = of(&s);": "z is a pointer to a struct",
    "x = o.in->b;": "o.in is a struct, not a pointer to one",
    "x = o.arr[1]->b;": "o.arr[1] is a struct, not a pointer to one",
    "x = o.ps[0].b;": "o.ps[0] is a pointer to a struct",
    "x = gp[0].b;": "gp[0] is a pointer to a struct",
    "x = (*p)->a;": "*p is a struct, not a pointer to one",
    "x = (&s).a;": "&s is a pointer to a struct",
    "x = p[0]->a;": "p[0] is a struct, not a pointer to one",
    "struct foo k = { .a = 1 }; x = k->a;": "k is a struct, not a pointer to one",
    "struct foo *k = &s; x = k.a;": "k is a pointer to a struct",
    "struct foo *k = p; WRITE_ONCE(k.a, 1);": "k is a pointer to a struct",
    "x = p->nothing;": "struct foo has no field 'nothing'",
    "struct bar k = { .bb = 1 }; x = k.b;": "struct bar has no field 'bb'",
    "const int k = 1; k = 2;": "k is const",
    "const int k = 1; k++;": "k is const",
    "int *const k = &x; k = &y;": "k is const",
    "const int k[2] = { 1, 2 }; k[0] = 2;": "k is const",
    "const struct bar k = { .b = 1 }; k.b = 2;": "k is const",
    "x = take(1, &x);": "n is const",
    "USER = 1;": "USER is a constant, which cannot be assigned to",
    "USER++;": "USER is a constant, which cannot be assigned to",
    "give();": "give() is void, and this returns a value",
}  # fmt: skip


@pytest.mark.parametrize("code", WRONG)
def test_what_c_does_not_allow(code: str) -> None:
    assert [d.message for d in wrong(text(code))] == [WRONG[code]]


def test_a_misspelt_field_is_no_new_one() -> None:
    (found,) = wrong(text("x = 1;", "struct foo k { .nothing = 7 };"))
    assert (found.message, found.hint) == ("struct foo has no field 'nothing'", "its definition has a, q, n")


RIGHT = [
    "switch (x) { case 1: y = 1; break; case 2: y = 2; break; default: y = 3; }",
    "x = s.a + p->a + s.q->b + p->n->a + o.in.b + o.arr[1].b + (*p).a + (&s)->a;",
    "r0 = p; x = r0->a + r0.a;",
    "struct foo k = { .a = 1 }; struct foo *m = &k; struct foo **w = &p; x = k.a + m->a + (*w)->a;",
    "const int *k = &x; k = &y; x = *k;",
    "x = keep(1, &y);",
    "if (x) { } while (READ_ONCE(x)); for (int i = 0; i < 2; i++);",
    "x = y / (x + 1);",
    "spin_lock(&l); spin_unlock(&l); spin_unlock(&held);",
    "if (x) spin_lock(&l); x = 2; if (x == 3) spin_unlock(&l);",
    "if (spin_trylock(&l)) spin_unlock(&l); rcu_read_lock(); rcu_read_unlock(); get_cpu(); put_cpu();",
    "{ guard(spinlock)(&l); x = 1; }",
]


def told(capsys: pytest.CaptureFixture[str], tmp_path: Path, code: str) -> list[str]:
    """The codes of the warnings about code, but those about names that it does not use."""
    lines = warned(capsys, tmp_path, text(code)).splitlines()
    codes = [line.rpartition("[")[2].rstrip("]") for line in lines if ": warning: " in line]
    return [c for c in codes if not c.startswith("unused")]


@pytest.mark.parametrize("code", RIGHT)
def test_what_c_allows(capsys: pytest.CaptureFixture[str], tmp_path: Path, code: str) -> None:
    assert told(capsys, tmp_path, code) == []


WARNED = {
    "if (x); y = 1;": "empty",
    "if (x) y = 1; else ; x = 1;": "empty",
    "x = y / 0;": "division",
    "y %= 0;": "division",
    "spin_unlock(&l);": "unpaired",
    "spin_lock(&l); spin_unlock(&l); spin_unlock(&l);": "unpaired",
    "read_unlock(&rw);": "unpaired",
    "rcu_read_unlock();": "unpaired",
    "preempt_enable(); preempt_disable();": "unpaired",
    "local_bh_enable();": "unpaired",
}  # fmt: skip


@pytest.mark.parametrize("code", WARNED)
def test_what_is_surely_not_meant(capsys: pytest.CaptureFixture[str], tmp_path: Path, code: str) -> None:
    assert told(capsys, tmp_path, code) == [WARNED[code]]


def test_a_function_with_the_name_of_a_word(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = "MM t\n{ int x; }\nint smp_mb(void) { return 1; }\nP0 { x = smp_mb(); }\nforall (x = 1)\n"
    err = warned(capsys, tmp_path, code)
    assert "t.litmus:3:5: warning: calls of smp_mb mean this function, and not the word smp_mb()" in err


def test_a_function_in_the_place_of_an_included_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "words.inc").write_text("int smp_mb(void) { return 2; }\nint smp_rmb(void) { return 3; }\n")
    code = 'MM t\n#include "words.inc"\n{ int x; }\nint smp_mb(void) { return 1; }\n'
    err = warned(capsys, tmp_path, code + "P0 { x = smp_mb() + smp_rmb(); }\nforall (x = 4)\n")
    assert err == ""


TOLD = {
    ("r1 = two(1);", "x = 1"): ("two takes 2 arguments, not 1", "write two(a, b)"),
    ("goto nowhere; now_here: x = 1;", "x = 1"): ("there is no label 'nowhere'", "did you mean 'now_here'?"),
    ("atomic_set(1, &n);", "x = 1"): ("something in memory here, not a number", "atomic_set(&v, i)"),
    ("set_pte_at(N, addr, pte(N, v), A);", "x = 1"): ("takes a virtual address here", "declare it void *"),
    ("r1 = at(x);", "x = 1"): ("a number is not an address", "declare it as an address: void *w"),
    ("x = 1;", "p->a = 1"): ("a condition follows no pointers", "as s.a"),
    ("x = 1;", "0:tlb[v -> C]"): ("there is no 'C'", ""),
    ("x = 1;", "0:tlb[v -> none]"): ("a TLB holds only entries that are present", "~0:tlb[v -> A]"),
    ("x = 1;", "tlb[v -> A]"): ("this is the TLB of no CPU", "say whose: 0:tlb"),
    ("x = 1;", "0:x = 1"): ("x is shared by all CPUs", "write x, without the CPU"),
    ("r0 = x;", "0:r0 = 0 & x = 0"): ("is true or false, not a value", "conditions are joined by /\\"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "condition"), TOLD)
def test_what_to_write_instead(code: str, condition: str) -> None:
    top = "MM t\nstruct foo { int a; };\n{ int x; atomic_t n; page A; mm N { v -> A }; }\n"
    objects = "{ struct foo s; struct foo *p = &s; unsigned long addr = v; }\n"
    functions = "int two(int a, int b) { return a; }\nint at(unsigned long w) { return *w; }\n"
    found = wrong(f"{top}{objects}{functions}P0 {{ {code} }}\nexists ({condition})\n")
    says, hint = TOLD[code, condition]
    assert says in found[0].message and hint in found[0].hint


def test_a_value_of_a_cpu_stands_behind_the_declaration() -> None:
    (found,) = wrong(text("this_cpu_write(k, 1);", "0:k = 2; percpu int k = 1;"))
    assert found.message == "0:k has a value before this declaration"


def test_a_function_that_forgets_its_value_gives_0(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = "MM t\n{ int x; }\nint h(void) { x = 1; }\nP0 { r1 = h(); }\nforall (0:r1 = 0)\n"
    err = warned(capsys, tmp_path, code)
    assert "t.litmus:3:" in err and "[unset]" in err
