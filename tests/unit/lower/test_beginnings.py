"""A struct, its first member and what that begins with have one address; so have the members of a union."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judges import holds, states
from tests.texts import warned, wrong
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

STATE = """MM t
struct node { struct node *next; int tag; };
struct pair { struct node n; int second; };
struct foo { struct pair p; int val; spinlock_t lock; };
struct locked { spinlock_t lock; int n; };
struct table { int t[2]; int more; };
struct bits { unsigned int a : 3, b : 5; int c; };
struct either { union { struct node n; struct { int x; int y; }; int z; }; int end; };
struct box { struct foo all[2]; };
struct late { int begin; union { int x; int z; }; };
{
    struct foo a { .p = { .n = { .next = NULL } }, .val = 1 };
    struct foo b { .val = 2 };
    struct box box;
    percpu struct foo own;
    struct locked w { .n = 0 };
    struct table u;
    struct bits s;
    struct either e;
    struct late l;
    struct node alone { .tag = 7 };
    struct node *head = &a.p.n;
    struct foo *none;
    void *any;
    int x;
}
"""


@pytest.mark.parametrize(
    "code",
    [
        "(void *)&a == (void *)&a.p",
        "(void *)&a == &a.p.n.next",
        "(unsigned long)&a.p == (unsigned long)&a.p.n",
        "(void *)head == (void *)&a",
        "(struct foo *)head == &a",
        "(struct pair *)&a == (struct pair *)head",
        "(struct node *)&a == head",
        "((struct foo *)head)->val == 1",
        "((struct foo *)&a.p)->val == 1",
        "((struct node *)&b)->tag == b.p.n.tag",
        "container_of(&a.p, struct foo, p) == &a",
        "(void *)&box.all[1] == &box.all[1].p.n.next",
        "(void *)&box == &box.all[0].p.n.next",
        "(struct foo *)&box.all[1].p.n == &box.all[1]",
        "(void *)this_cpu_ptr(&own) == &this_cpu_ptr(&own)->p",
        "(spinlock_t *)&w == &w.lock",
        "((struct locked *)&w.lock)->n == 0",
        "(void *)&u == u.t && (void *)&u == &u.t[0] && u.t + 1 == &u.t[1]",
        "(void *)&e == &e.x && (void *)&e.n == &e.z && (void *)&e.z == &e.x",
        "(struct node *)none == NULL && (struct foo *)(struct node *)NULL == NULL",
        "(struct pair *)(struct foo *)head == &a.p",
        # what is not at the beginning
        "(void *)&a != &a.val",
        "(void *)&a != (void *)&b.p",
        "(void *)&box.all[0] != &box.all[1].p.n.next",
        "(void *)&box.all[1] != &box.all[0].p.n.next",
        "(void *)&u != &u.t[1] && (void *)&u != &u.more",
        "(void *)&e != &e.y && (void *)&e != &e.end",
        "(void *)&l != &l.x && (void *)&l == &l.begin",
        "(void *)&s != &s.c",
        "(struct foo *)&alone != &a",
    ],
)
def test_addresses(code: str) -> None:
    text = f"{STATE}P0 {{ r0 = {code}; }}\n"
    assert states(f"{text}exists (0:r0 = 1)") == ["0:r0=1;"]


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("any = &a; r0 = cmpxchg(&any, (void *)&a.p.n, NULL) == (void *)&a;", "0:r0 = 1 /\\ any = 0"),
        ("any = &a.p;", "any = a /\\ any = &a /\\ any = &a.p.n"),
        ("any = &box.all[1].p.n;", "any = &box.all[1]"),
        ("spin_lock((spinlock_t *)&w); r0 = spin_is_locked(&w.lock);", "0:r0 = 1 /\\ w.lock = 1"),
        (
            "struct foo *f = (struct foo *)head; f->val = 9; r0 = (void *)f == (void *)head;",
            "a.val = 9 /\\ 0:r0 = 1",
        ),
        ("struct foo f = { .val = 3 }; struct pair *p = &f.p; r0 = ((struct foo *)p)->val;", "0:r0 = 3"),
        ("kfree(head);", "a.val = 0x6b6b6b6b /\\ a.p.n.next = 0x6b6b6b6b6b6b6b6b /\\ b.val = 2"),
        ("kfree((struct pair *)&a);", "a.val = 0x6b6b6b6b"),
        ("kfree(&a.p.n);", "a.val = 0x6b6b6b6b"),
        ("struct node *n = &alone; kfree(n);", "alone.tag = 0x6b6b6b6b /\\ a.val = 1"),
        ("kfree((struct node *)none); kfree((struct node *)NULL);", "a.val = 1 /\\ b.val = 2"),
    ],
)
def test_what_follows(code: str, condition: str) -> None:
    text = f"{STATE}P0 {{ {code} }}\n"
    assert holds(f"{text}exists ({condition})")
    assert not holds(f"{text}exists ~({condition})")


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("head = a.val", "head holds an address, and a.val is here the number that a.val holds"),
        ("0:r0 = u.t[1]", ""),
        ("any = &a.val", ""),
    ],
)
def test_an_address_beside_a_number(
    condition: str, text: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = warned(
        capsys, tmp_path, f"{STATE}P0 {{ r0 = 1; any = &a.val; u.t[1] = 2; }}\nexists ({condition})\n"
    )
    assert (f"{text} [address]" in said) if text else "[address]" not in said


def test_what_states_print_can_be_asked_for() -> None:
    text = f"{STATE}P0 {{ any = &a.val; }}\nlocations [any;]\nexists (any = &a.val)\n"
    assert states(text) == ["[any]=&a.val;"] and holds(text)


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("any = &s.a", "s.a is a bitfield, which has no address"),
        ("any = &a.nothing", "struct foo has no field 'nothing'"),
        ("any = a.p", "a.p does not hold a value"),
        ("any = &head.tag", "a condition follows no pointers"),
        ("any = &own.val", "own is a per-CPU object"),
    ],
)
def test_no_address(condition: str, text: str) -> None:
    assert wrong(f"{STATE}P0 {{ any = &a.val; }}\nexists ({condition})\n")[0].message == text


CLASH = """MM t
struct in { int z; int pad; };
struct foo { struct in f; int z; };
struct other { int z; int q; };
struct keeper { struct foo *p; void *v; };
{ struct foo g; struct other o; percpu struct foo own; struct foo all[2]; int i = 1;
  struct keeper k = { .v = &g.f }; }
void *inner(void) { return &g.f; }
struct foo *as_foo(void *p) { return p; }
void set(struct foo *p) { p->z = 5; }
void handler(void *info) { struct foo *p = info; p->z = 5; }
void inside(void *info) { struct in *p = info; p->z = 5; }
"""


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("handler(&g.f);", "g.z = 5 /\\ g.f.z = 0"),
        ("smp_call_function_single(1, handler, &g.f, 1);", "g.z = 5 /\\ g.f.z = 0"),
        ("smp_call_function_single(1, inside, &g, 1);", "g.z = 0 /\\ g.f.z = 5"),
        ("struct foo *p = inner(); p->z = 5;", "g.z = 5 /\\ g.f.z = 0"),
        ("struct foo *p = as_foo(&g.f); p->z = 5;", "g.z = 5 /\\ g.f.z = 0"),
        ("struct foo *p = NULL; void *x = &g.f; p = x; p->z = 5;", "g.z = 5 /\\ g.f.z = 0"),
        ("set((void *)&g.f);", "g.z = 5 /\\ g.f.z = 0"),
        ("set((void *)&all[i].f);", "all[1].z = 5 /\\ all[1].f.z = 0 /\\ all[0].z = 0"),
        ("set((void *)this_cpu_ptr(&own.f));", "0:own.z = 5 /\\ 0:own.f.z = 0"),
        ("struct foo s = { .z = 1 }; handler(&s.f); r0 = s.z;", "0:r0 = 5"),
        ("struct foo *p = k.v; p->z = 5;", "g.z = 5 /\\ g.f.z = 0"),
        ("k.p = (void *)&g.f; k.p->z = 5;", "g.z = 5 /\\ g.f.z = 0"),
        ("__auto_type x = inner(); struct foo *p = x; p->z = 5;", "g.z = 5 /\\ g.f.z = 0"),
        ("struct in *p = (struct in *)1; k.p = (struct foo *)p;", "k.p = 1"),
        ("struct in *p = &all[1].f; kfree(p);", "all[1].z = 0x6b6b6b6b /\\ all[0].z = 0"),
    ],
)
def test_the_declaration_says_which_struct_it_is(code: str, condition: str) -> None:
    text = f"{CLASH}P0 {{ {code} }}\nP1 {{ }}\n"
    assert holds(f"{text}exists ({condition})")
    assert not holds(f"{text}exists ~({condition})")


def test_a_struct_that_is_not_there_is_no_object() -> None:
    text = f"{CLASH}P0 {{ void *x = &o; struct foo *p = x; p->z = 5; }}\nP1 {{ }}\nexists (o.z = 5)\n"
    (test,) = load_all(Source("t", text))
    for judge in ("z3", "explorer"):
        found = run(test, Options(judge=judge, witnesses=False))
        assert found.observation == "unknown" and "belongs to no object: p->z = 5" in found.reason


MEMBERS = """MM t
struct inner { u64 a; u64 b; };
struct wide { union { struct { u64 lo; u64 hi; }; u128 full; }; int n; };
struct rows { struct inner t[2]; int n; };
struct ints { int t[3]; int n; };
struct leads { struct inner *p; int n; };
{
    struct wide w { .n = 1 };
    struct rows r { .n = 2 };
    struct ints i { .n = 3 };
    struct leads l { .n = 4 };
    int x;
}
"""


@pytest.mark.parametrize(
    ("code", "gives"),
    [
        ("u128 *f = &w.full; x = ((struct wide *)f)->n;", 1),
        ("u64 *f = &w.lo; x = ((struct wide *)f)->n;", 1),
        ("u128 *f = (u128 *)&w; x = f == &w.full;", 1),
        ("u64 *f = (u64 *)&w; *f = 3; x = w.lo;", 3),
        ("void *v = &w; u64 *f = v; *f = 3; x = w.lo;", 3),
        ("u64 *f = &w.hi; x = container_of(f, struct wide, hi)->n;", 1),
        ("struct inner *f = &r.t[0]; x = ((struct rows *)f)->n;", 2),
        ("struct inner *f = r.t; x = ((struct rows *)f)->n;", 2),
        ("u64 *f = &r.t[0].a; x = ((struct rows *)f)->n;", 2),
        ("struct inner *f = (struct inner *)&r; f->b = 5; f[1].a = 2; x = r.t[0].b * 10 + r.t[1].a;", 52),
        ("u64 *f = (u64 *)&r; *f = 7; x = r.t[0].a;", 7),
        ("void *v = &r; struct inner *f = v; f[1].b = 7; x = r.t[1].b;", 7),
        ("void *v = &r.t[0]; struct rows *f = v; x = f->n;", 2),
        ("int *f = &i.t[0]; x = ((struct ints *)f)->n;", 3),
        ("int *f = (int *)&i; f[2] = 7; x = i.t[2];", 7),
        ("void *v = &i; int *f = v; f++; *f = 7; x = i.t[1];", 7),
        ("void *v = &i.t[0]; struct ints *f = v; x = f->n;", 3),
        ("struct inner **f = &l.p; x = ((struct leads *)f)->n;", 4),
        ("struct inner **f = (struct inner **)&l; *f = &r.t[1]; x = l.p - r.t;", 1),
    ],
)
def test_a_first_member_of_any_kind(code: str, gives: int) -> None:
    assert states(f"{MEMBERS}P0 {{ {code} }}\nexists (x = 0)\n") == [f"[x]={gives};"]


def test_first_arrays_of_one_name_have_their_own_sizes() -> None:
    assert states(f"{MEMBERS}P0 {{ i.t[2] = 5; }}\nexists (i.t[2] = 5)\n") == ["i.t[2]=5;"]
    for code, number in (("x = i.t[3];", 3), ("x = r.t[2].a;", 2)):
        (found,) = wrong(f"{MEMBERS}P0 {{ {code} }}\nexists (x = 1)\n")
        assert found.message == f"there is no element {number}"
