"""What every CPU has: fields and elements, their addresses, and what is not a per-CPU object."""

from __future__ import annotations

import pytest

from tests.judges import holds
from verifier import explore
from verifier.errors import InputError
from verifier.lower.build import build
from verifier.program.states import state_line
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load

INITIAL = (
    "percpu struct rq q { .n = 1, .left = 5 }; 1:q.n = 2; percpu int a[2] = {3, 4}; percpu int k = 6;"
    " 1:k = 7; struct holder h { .counter = &k }; int *of = &k; int x; struct other plain { .direct = &x };"
    " percpu int *p = &x; struct other y { .direct = &x }; percpu struct other *o = &y;"
)
FUNCTIONS = "int left(struct rq *r) { return this_cpu_read(r->left); } int twice(int *r) { return *r * 2; }"

READ = {
    "*this_cpu_ptr(&q.n)": 1, "*per_cpu_ptr(&q.n, 1)": 2, "this_cpu_ptr(&q)->left": 5,
    "per_cpu_ptr(&q, 1)->n": 2, "this_cpu_read(q.n)": 1, "per_cpu(q.n, 1)": 2, "per_cpu(q, 1).n": 2,
    "*this_cpu_ptr(&a[1])": 4, "*per_cpu_ptr(&a[0], 1)": 3, "this_cpu_ptr(a)[1]": 4, "this_cpu_read(a[1])": 4,
    "per_cpu(a[1], 1)": 4, "*this_cpu_ptr(&k)": 6, "*per_cpu_ptr(&k, 1)": 7, "left(&q)": 5,
    "*this_cpu_ptr(h.counter)": 6, "this_cpu_read(*h.counter)": 6, "*per_cpu_ptr(of, 1)": 7,
    "this_cpu_read(*of)": 6, "twice(per_cpu_ptr(&k, 1))": 14, "xchg(this_cpu_ptr(&q.n), 9)": 1,
    "atomic_inc_return(per_cpu_ptr(&q.n, 1))": 3, "this_cpu_add_return(q.left, 2)": 7,
    "cmpxchg(per_cpu_ptr(of, 1), 7, 1)": 7,
    "smp_load_acquire(this_cpu_ptr(&a[0]))": 3, "*this_cpu_read(p)": 0, "*per_cpu(p, 1)": 0,
    "*this_cpu_read(o)->direct": 0, "*per_cpu(o, 1)->direct": 0, "&q.n == &q.n": 1,
    "this_cpu_ptr(&q.n) == per_cpu_ptr(&q.n, 0)": 1, "this_cpu_ptr(&q.n) == per_cpu_ptr(&q.n, 1)": 0,
}  # fmt: skip


@pytest.mark.parametrize("expression", READ)
def test_what_a_cpu_has(expression: str) -> None:
    text = f"MM t\n{{ {INITIAL} }}\n{FUNCTIONS}\nP0 {{ r0 = {expression}; }}\nP1 {{ }}\nexists (0:r0 = 0)\n"
    (test,) = load(Source("t", text))
    program = build(test)
    for judge in (decide, explore.decide):
        (state,) = judge(program, want_states=True, witnesses=False).states or ()
        assert state_line(program, state) == f"0:r0={READ[expression]};"


XCHG = "xchg takes the address of something in memory here, not the address of a per-CPU object"
NOT = {
    "this_cpu_write(x, 1)": "x is not a per-CPU object", "r0 = this_cpu_read(x)": "x is not a per-CPU object",
    "this_cpu_inc(x)": "x is not a per-CPU object", "raw_cpu_add(x, 1)": "x is not a per-CPU object",
    "__this_cpu_write(x, 1)": "x is not a per-CPU object",
    "r0 = this_cpu_xchg(x, 1)": "x is not a per-CPU object",
    "r0 = this_cpu_cmpxchg(x, 0, 1)": "x is not a per-CPU object",
    "r0 = per_cpu(x, 0)": "x is not a per-CPU object",
    "per_cpu(x, 0) = 1": "x is not a per-CPU object",
    "r0 = READ_ONCE(per_cpu(x, 0))": "x is not a per-CPU object",
    "r0 = this_cpu_read(*plain.direct)": "*plain.direct is not a per-CPU object",
    "r0 = this_cpu_read(h.counter)": "h.counter is not a per-CPU object",
    "r0 = this_cpu_dec_return(h.counter)": "h.counter is not a per-CPU object",
    "r0 = this_cpu_ptr(&x)": "this_cpu_ptr takes the address of a per-CPU object here, not an address",
    "r0 = per_cpu_ptr(&x, 0)": "per_cpu_ptr takes the address of a per-CPU object here, not an address",
    "r0 = this_cpu_ptr(&plain)": "this_cpu_ptr takes the address of a per-CPU object here, not a struct",
    "r0 = this_cpu_ptr(q)": "this_cpu_ptr takes the address of a per-CPU object here, not a per-CPU object",
    "r0 = this_cpu_ptr(x)": "this_cpu_ptr takes the address of a per-CPU object here, not a number",
    "r0 = q.n": "q.n is a per-CPU object", "q.n = 1": "q.n is a per-CPU object",
    "r0 = k": "k is a per-CPU object",
    "r0 = a[1]": "a[1] is a per-CPU object", "r0 = *(&k)": "*(&k) is a per-CPU object",
    "WRITE_ONCE(*h.counter, 1)": "*h.counter is a per-CPU object", "r0 = *of": "*of is a per-CPU object",
    "r0 = xchg(&q.n, 1)": XCHG,
    "r0 = xchg(h.counter, 1)": XCHG,
    "r0 = this_cpu_ptr(&a[3])": "there is no element 3", "r0 = per_cpu_ptr(&q.n, 2)": "there is no CPU 2",
    "r0 = this_cpu_read(a[k])": "k is a per-CPU object", "r0 = *p": "p is a per-CPU object",
}  # fmt: skip


@pytest.mark.parametrize("statement", NOT)
def test_what_is_refused(statement: str) -> None:
    text = f"MM t\n{{ {INITIAL} }}\nP0 {{ {statement}; }}\nP1 {{ }}\nexists (x = 0)\n"
    with pytest.raises(InputError) as caught:
        build(load(Source("t", text))[0])
    assert [d.message for d in caught.value.diagnostics] == [NOT[statement]]


HINTS = {
    "r0 = xchg(&q.n, 1)": "write this_cpu_ptr(&q.n) or per_cpu_ptr(&q.n, cpu)",
    "r0 = q.n": "write this_cpu_read(q.n) or per_cpu(q.n, cpu)", "r0 = this_cpu_ptr(q)": "write &q",
    "this_cpu_inc(x)": "declare it so in the initial state: percpu … x; or use it without a CPU",
    "r0 = this_cpu_ptr(&x)": "x is not a per-CPU object; without a CPU, write &x",
}  # fmt: skip


@pytest.mark.parametrize("statement", HINTS)
def test_the_hint_leads_on(statement: str) -> None:
    text = f"MM t\n{{ {INITIAL} }}\nP0 {{ {statement}; }}\nP1 {{ }}\nexists (x = 0)\n"
    with pytest.raises(InputError) as caught:
        build(load(Source("t", text))[0])
    assert [d.hint for d in caught.value.diagnostics] == [HINTS[statement]]


@pytest.mark.parametrize(
    "objects", ["struct o a { .n = &x };", "struct o a { .n = &x }; struct o b { .n = &y };"]
)
def test_a_declared_field_may_point_to_a_per_cpu_object(objects: str) -> None:
    text = (
        "MM t\nstruct o { int *n; };\n"
        f"{{ percpu int x; percpu int y; {objects} }}\n"
        "void get(struct o *o) { this_cpu_inc(*o->n); }\n"
        "P0 { get(&a); get(&a); r0 = *per_cpu_ptr(a.n, 0) + READ_ONCE(*per_cpu_ptr(a.n, 1)); }\n"
        "P1 { get(&a); }\n"
        "exists (0:r0 = 2)\n"
    )
    assert holds(text)
