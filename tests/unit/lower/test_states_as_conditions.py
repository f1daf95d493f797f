"""Final states as conditions: what the tool prints of a state is accepted, and true of it alone."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong

# What is before the program of CPU 0, that program, what is after it, and what states show.
STATES = {
    "an integer of 128 bits": (
        "{ u128 big = 7; }",
        "big = ((u128)1 << 64) + 5;",
        "",
        "big",
    ),
    "fields and elements of 128 bits": (
        "struct s { int a; u128 w; };\n{ struct s o; u128 arr[2]; }",
        "o.w = 5; arr[1] = 6;",
        "",
        "o.w; arr[1]",
    ),
    "128 bits that are all set": (
        "{ u128 big = 7; s128 sb; }",
        "big = -1; sb = -1;",
        "",
        "big; sb",
    ),
    "addresses of per-CPU objects": (
        "{ percpu int c; int *p; percpu struct s d { .a = 1 }; void *q; }",
        "p = this_cpu_ptr(&c); q = per_cpu_ptr(&d, 1); r0 = per_cpu_ptr(&d.a, 1);",
        "P1 { }",
        "p; q; 0:r0",
    ),
    "addresses of locals": (
        "struct call { int f; int g[2]; };\n{ void *p; void *q; void *w; }",
        "struct call pc; int arr[2]; p = &pc.f; q = &arr[1]; w = &pc; pc.f = 1; arr[0] = 2; r0 = p;",
        "",
        "p; q; w; 0:r0; 0:pc.f; 0:arr[0]",
    ),
    "an address of a function's local": (
        "struct call { int f; };\n{ void *p; }\nvoid g(void) { struct call pc; p = &pc.f; pc.f = 1; }",
        "g();",
        "",
        "p",
    ),
    "an address of a lock that is a local": (
        "{ void *p; }",
        "spinlock_t l; spin_lock(&l); p = &l;",
        "",
        "p; 0:l",
    ),
    "an address of a handler's local": (
        "struct call { int f; };\n{ void *p; }\nvoid h(void *i) { struct call pc; pc.f = 1; p = &pc; }",
        "smp_call_function_single(1, h, NULL, 1);",
        "P1 { }",
        "p",
    ),
    "an address of a bit of a mask": (
        "{ void *p; }",
        "cpumask_t m; cpumask_clear(&m); cpumask_set_cpu(0, &m); p = &m;",
        "",
        "p",
    ),
    "a unit of bitfields": (
        "struct s { int a:3; int b:4; };\n{ struct s s; }",
        "s.a = 1; s.b = 2;",
        "",
        "s.a; s.b",
    ),
    "addresses of fields and elements": (
        ("struct s { int a; };\n{ struct s s; int *p; struct s *q; int t[3]; int *r; int m[2][2]; int *z; }"),
        "p = &s.a; q = &s; r = &t[1]; z = &m[1][0]; r0 = &t[2];",
        "",
        "p; q; r; t[1]; z; m[1][0]; 0:r0",
    ),
    "entries and what is read there": (
        "{ page A = 1; page B = 2; mm N { v -> A }; 0..0:cr3 = N; }",
        (
            "set_pte(pte(N, v), mk_pte(B, ro | old)); r0 = translate(v); r1 = ptep_get(pte(N, "
            "v)); r2 = pte(N, v);"
        ),
        "",
        "pte(N, v); 0:r0; 0:r1; A; B; 0:r2; 0:cr3",
    ),
    "entries that are not present": (
        (
            "{ page A = 1; mm N { v -> A, w -> mk_pte(A, protnone), x -> mk_pte(A, swap), y -> "
            "none }; 0..0:cr3 = N; void *p; }"
        ),
        "p = pte(N, v); r0 = ptep_get(pte(N, w)); r1 = ptep_get(pte(N, y)); r2 = *y;",
        "",
        "pte(N, v); pte(N, w); pte(N, x); pte(N, y); 0:r0; 0:r1; p; 0:r2",
    ),
    "tables, roots and CR3": (
        (
            "{ page A = 1; table T { v -> A, .count = 2 }; mm N { v -> T }; 0..0:cr3 = N; void "
            "*p; void *q; void *w; }"
        ),
        (
            "p = pmd(N, v); q = T; w = pte(T, v); r0 = pmdp_get(pmd(N, v)); r1 = read_cr3(); r2 "
            "= __pa(N->pgd) | 5;"
        ),
        "",
        "pmd(N, v); pte(T, v); T.count; p; q; w; 0:r0; 0:r1; 0:r2; 0:pcid",
    ),
    "an mm, its fields and its mask": (
        (
            "{ page A = 1; mm N { v -> A, .users = 1 }; 0..0:cr3 = N; struct mm_struct *p; void "
            "*q; void *c; void *z; }"
        ),
        "p = N; q = mm_cpumask(N); c = &N->users; z = v; r1 = v + 8;",
        "",
        "p; q; c; z; N.users; mm_cpumask(N)[0]; 0:r1",
    ),
    "functions": (
        (
            "struct ops { int (*f)(int n); };\n"
            "int g(int n) { return n; }\n"
            "{ struct ops o = { .f = g }; void *h; }"
        ),
        "h = g; r0 = o.f; r1 = o.f(3);",
        "",
        "h; 0:r0; 0:r1; o.f",
    ),
    "a function in memory": (
        "{ void (*hook)(int cpu) = g; int x; }\nvoid g(int cpu) { x = cpu; }",
        "r0 = hook; hook(1);",
        "",
        "hook; x; 0:r0",
    ),
    "undefined values": (
        "{ int x; }",
        "r0 = 1; r0 = r0 << 40; x = r0; r1 = 1 / x;",
        "",
        "x; 0:r0; 0:r1",
    ),
    "what was freed": (
        "struct s { u32 a; u64 b; u8 c; };\n{ struct s s; struct s *p = &s; }",
        "kfree(p); r0 = READ_ONCE(s.a);",
        "",
        "s.a; s.b; s.c; 0:r0",
    ),
    "poisons of lists": (
        (
            '#include "linux/list.inc"\n'
            "{ struct list_head q = { .next = &n, .prev = &n }; struct list_head n = { .next = "
            "&q, .prev = &q }; }"
        ),
        "list_del(&n); r0 = n.next;",
        "",
        "n.next; n.prev; q.next; 0:r0",
    ),
    "signs and widths": (
        "{ u64 x; s64 y; u32 z; u8 b; bool t; s8 n; }",
        "x = -1; y = -1; z = -1; b = 255; t = 2; n = -5; r0 = x; r1 = z;",
        "",
        "x; y; z; b; t; n; 0:r0; 0:r1",
    ),
    "the state of a CPU": (
        "{ 0:irq = off; int x; }",
        "WARN_ON(1); x = 1;",
        "",
        "0:irq; 0:warn; x",
    ),
    "what a translation gives": (
        "{ page A = 1; page B = 2; mm N { v -> A }; 0..0:cr3 = N; }",
        "set_pte(pte(N, v), B); r0 = *v;",
        "",
        "0:r0",
    ),
    "a fault": (
        "{ page A = 1; mm N { v -> none }; 0..0:cr3 = N; }",
        "r0 = *v;",
        "",
        "0:r0",
    ),
    "an array of structs": (
        "struct s { int a; };\n{ struct s t[2]; void *p; }",
        "p = &t[1].a; t[1].a = 3; r0 = &t[1];",
        "",
        "p; t[1].a; 0:r0",
    ),
    "per-CPU arrays": (
        "{ percpu int c[2]; void *p; percpu struct s d { .a = 1, .b = 1 }; }",
        "p = this_cpu_ptr(&c[1]); r0 = this_cpu_ptr(&d.b);",
        "P1 { }",
        "p; 0:r0; 1:d.b; 1:c[1]",
    ),
    "where a walk over a list ends": (
        (
            '#include "linux/list.inc"\n'
            "struct item { int a; struct list_head node; };\n"
            "{ struct list_head q = { .next = &o.node, .prev = &o.node }; struct item o { .node "
            "= { .next = &q, .prev = &q } }; percpu struct list_head pq = { .next = &pq, .prev = "
            "&pq }; void *f; }"
        ),
        "struct item *pos; list_for_each_entry(pos, &q, node) r0 = 1; f = &pos->a;",
        "",
        "0:pos; 0:r0; f",
    ),
    "instruction words": (
        "{ code insn[2] = {1, 2}; void *p; }",
        "p = &insn[1]; text_poke(&insn[1], 3);",
        "",
        "p; insn[1]",
    ),
    "a struct that would be somewhere": (
        "struct s { int a; int n; };\n{ struct s s; int x; void *p; }",
        "p = container_of(&x, struct s, n);",
        "",
        "p",
    ),
    "fields of fields": (
        (
            "struct i { int b; };\n"
            "struct s { int a; struct i in; struct i arr[2]; };\n"
            "{ struct s s; void *p; void *q; }"
        ),
        "p = &s.in.b; q = &s.arr[1].b;",
        "",
        "p; q; s.in.b; s.arr[1].b",
    ),
    "a union of words": (
        "struct s { union { struct { u64 freelist; u64 counter; }; u128 full; }; };\n{ struct s s; }",
        "s.full = 5;",
        "",
        "s.full; s.counter",
    ),
    "virtual addresses": (
        "{ page A = 1; page B = 2; mm N { v -> A }; 0..0:cr3 = N; void *p; }",
        "p = v; r0 = v; r1 = (unsigned long)v & PAGE_MASK; r2 = v + PAGE_SIZE;",
        "",
        "p; 0:r0; 0:r1; 0:r2",
    ),
    "pages and what they hold": (
        (
            "{ page A = 1; page B { .data = 1, .refcount = 2 }; void *p; void *q; mm N { v -> A "
            "}; 0..0:cr3 = N; }"
        ),
        "p = &B.refcount; q = A; *v = 3;",
        "",
        "p; q; A; B.refcount; A.data",
    ),
    "locks": (
        "{ spinlock_t l; struct mutex m; void *p; void *q; }",
        "p = &l; q = &m; spin_lock(&l);",
        "",
        "p; q; l; m",
    ),
}
X86 = """X86_64 t
{ uint64_t x; uint64_t y[2]; 0:rbx = x; 0:rcx = y; }
 P0                ;
 movq %rbx,(x)     ;
 leaq 8(%rcx),%rdx ;
 movq %rcx,%rsi    ;
 movq (x),%rax     ;
"""


def asked(state: str) -> str:
    """The condition that a state is as a line says."""
    parts = [part.strip() for part in state.split(";") if part.strip()]
    return "exists (" + " /\\ ".join(parts) + ")\n"


@pytest.mark.parametrize("of", STATES)
def test_a_state_is_a_condition(of: str) -> None:
    head, code, more, shown = STATES[of]
    text = f"MM t\n{head}\nP0 {{ {code} }}\n{more}\n"
    found = states(f"{text}locations [{shown}]\nexists (true)\n")
    assert found
    for state in found:
        assert holds(text + asked(state)), state


def test_a_state_of_assembly_is_a_condition() -> None:
    found = states(f"{X86}locations [0:rax; 0:rdx; 0:rsi; x]\nexists (true)\n")
    for state in found:
        assert holds(X86 + asked(state)), state


@pytest.mark.parametrize(
    ("condition", "holds_of_it"),
    [
        ("p = &0:c", True),
        ("p = &1:c", False),
        ("q = &1:d.b", True),
        ("q = &1:d", False),
        ("w = &0:l", True),
        ("w = &0:c", False),
        ("big.low = 5 /\\ big.high = 1", True),
        ("big.low = 1", False),
        ("s.a|b = 17", True),
        ("s.a|b = 16", False),
        ("x = undef", True),
        ("~x = undef", False),
        ("p = undef", False),
        ("x != undef", False),
        ("p != undef", True),
    ],
)
def test_a_condition_tells_states_apart(condition: str, holds_of_it: bool) -> None:
    text = """MM t
struct s { int a:3; int b:4; };
{ struct s s; percpu int c; percpu struct e d { .a = 1, .b = 1 }; void *p; void *q;
  void *w; u128 big; int x; }
P0 { spinlock_t l; spin_lock(&l); w = &l; p = this_cpu_ptr(&c); q = per_cpu_ptr(&d.b, 1);
     big = ((u128)1 << 64) + 5; s.a = 1; s.b = 2; r0 = 1; x = r0 << 40; }
P1 { }
"""
    assert holds(f"{text}exists ({condition})\n") == holds_of_it


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("p = &c", "say whose: &0:c"),
        ("p = &0:z", "nothing in memory is called 0:z"),
        ("p = &5:c", "there is no CPU 5"),
        ("p = &0:s.a", "nothing in memory is called 0:s.a"),
        ("p = container_of(&c, s)", "write container_of(&x, s, n), without the word struct"),
        ("p = container_of(&x, s, z)", "no field 'z'"),
        ("p = __pa(x)", "write __pa(N.pgd)"),
        ("s.a | b = 17", "is true or false, not a value"),
        ("p = x + 8", ""),
    ],
)
def test_what_is_no_address_is_an_error(condition: str, says: str) -> None:
    text = "MM t\nstruct s { int a:3; int b:4; int n; };\n{ struct s s; percpu int c; int x; void *p; }\n"
    text += "P0 { p = &x; }\n"
    if not says:
        assert not holds(f"{text}exists ({condition})\n")  # what x holds, and 8
        return
    assert any(says in f"{d.message} {d.hint}" for d in wrong(f"{text}exists ({condition})\n"))
