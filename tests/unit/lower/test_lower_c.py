"""C and MM tests become code: the results of programs, and errors with their places."""

from __future__ import annotations

import pytest

from tests.judges import states
from verifier.errors import InputError, LimitError
from verifier.lower.build import build
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load


def errors(text: str) -> list[tuple[str, int, int]]:
    """Code, line and column of every error."""
    with pytest.raises(InputError) as caught:
        for test in load(Source("t", text)):
            build(test)
    found = [(d.code, d.span.line, d.span.column) for d in caught.value.diagnostics if d.span]
    assert len(found) == len(caught.value.diagnostics)
    return sorted(set(found), key=lambda x: x[1:])


def mm(initial: str, code: str, condition: str, functions: str = "") -> str:
    return f"MM t\n{{ {initial} }}\n{functions}\n{code}\nexists ({condition})\n"


COMPUTED = {
    "arithmetic of 32 bits wraps": (
        "u32 u = 4294967295; int s = 2147483647; u64 g = 1; unsigned char b = 255;",
        "P0 { r0 = u + 1 == 0; r1 = s + 1 < 0; r2 = g - 2 > 5; b = b + 1; r3 = -1 < u; r4 = 1 << 31; }",
        "0:r0=1 /\\ 0:r1=1 /\\ 0:r2=1 /\\ 0:r3=0 /\\ 0:r4=0 /\\ b=0",
        ["0:r0=1; 0:r1=1; 0:r2=1; 0:r3=0; 0:r4=-2147483648; [b]=0;"],
    ),
    "a for with constant bounds": (
        "int a[4] = {1, 2, 3, 4};",
        "P0 { int i; int t = 0; for (i = 0; i < 4; i++) { if (i == 2) continue; t += a[i]; } r0 = t; r1 = i;"
        " for (i = 3; i >= 0; i--) if (a[i] == 2) break; r2 = i; }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0",
        ["0:r0=7; 0:r1=4; 0:r2=1;"],
    ),
    "blocks have locals of their own": (
        "int x;",
        "P0 { int a = 5; { int a = 9; r0 = a; } r1 = a; }",
        "0:r0=0 /\\ 0:r1=0",
        ["0:r0=9; 0:r1=5;"],
    ),
    "switch falls through, goto goes": (
        "int x = 1;",
        "P0 { switch (x) { case 0: r0 = 5; break; case 1: r0 = 6; default: r0 = r0 + 10; } goto out;"
        " r1 = 1; out: r2 = 9; }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0",
        ["0:r0=16; 0:r1=0; 0:r2=9;"],
    ),
    "a comma evaluates both": (
        "int x;",
        "P0 { r1 = (r2 = 4, 5); if (r1 = 0, r2) r0 = 3; }",
        "0:r0=0 /\\ 0:r1=1 /\\ 0:r2=0",
        ["0:r0=3; 0:r1=0; 0:r2=4;"],
    ),
    "a comma in the condition of a loop": (
        "int x;",
        "P0 { int i = 2; int t = 5; do i--; while (t--, i); r0 = t; }",
        "0:r0=0",
        ["0:r0=3;"],
    ),
    "ranges of cases, and characters": (
        "int x = 4;",
        "P0 { switch (x) { case 0 ... 3: r0 = 1; break; case 4 ... 4: r0 = '\\n'; }"
        " switch (x) { case -1 ... 3: case 5 ... 9: r1 = 1; break; default: r1 = 'a'; }"
        " r2 = '\\x41' + '\\0'; }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0",
        ["0:r0=10; 0:r1=97; 0:r2=65;"],
    ),
    "operands are evaluated from the left": (
        "int x;",
        "P0 { r0 = 1; r1 = r0 + (r0 = 5); r2 = r0++ + ++r0; }",
        "0:r1=0 /\\ 0:r2=0",
        ["0:r1=6; 0:r2=12;"],
    ),
    "the right side of && is evaluated only where it matters": (
        "int x; int y;",
        "P0 { r0 = x && (y = 1); r1 = !x || (y = 2); r2 = x ? (y = 3) : 4; }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0 /\\ y=0",
        ["0:r0=0; 0:r1=1; 0:r2=4; [y]=0;"],
    ),
    "pointers": (
        "int x = 5; int y; struct s o { .p = &x };",
        "P0 { int *p = &x; r0 = *p; p = &y; *p = 3; (*p)++; r1 = y; r2 = p == &y; r3 = *o.p; o.p = p; r4"
        " = *o.p; }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0 /\\ 0:r3=0 /\\ 0:r4=0",
        ["0:r0=5; 0:r1=4; 0:r2=1; 0:r3=5; 0:r4=4;"],
    ),
    "words that give what they found": (
        "int x = 3; unsigned long f = 5; atomic_t c = ATOMIC_INIT(2147483647);",
        "P0 { int old = 2; r0 = try_cmpxchg(&x, &old, 9); r1 = old; r2 = try_cmpxchg(&x, &old, 9);"
        " r3 = test_and_clear_bit(0, &f); change_bit(3, &f); __set_bit(4, &f); r4 = atomic_inc_return(&c);"
        " r5 = cmpxchg(&x, 1, 7); r6 = atomic_add_unless(&c, 1, r4); }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0 /\\ 0:r3=0 /\\ 0:r4=0 /\\ 0:r5=0 /\\ 0:r6=0 /\\ f=0 /\\ x=0",
        ["0:r0=0; 0:r1=3; 0:r2=1; 0:r3=1; 0:r4=-2147483648; 0:r5=9; 0:r6=0; [f]=28; [x]=9;"],
    ),
    "masks": (
        "mm N { }; cpumask m = {0, 2}; mm_cpumask(N) = {1..2};",
        "P0 { r0 = cpumask_weight(&m); r1 = cpumask_empty(mm_cpumask(N)); cpumask_copy(&m, mm_cpumask(N));"
        " r2 = cpumask_test_and_set_cpu(0, m); cpumask_clear(mm_cpumask(N)); r3 ="
        " cpumask_first(mm_cpumask(N));"
        " int c; for_each_cpu(c, &m) r4 = r4 * 10 + c + 1; for_each_online_cpu(c) r5 = r5 + c;"
        " r6 = cpumask_test_cpu(0, cpumask_of(0)); }\nP1 { }\nP2 { }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0 /\\ 0:r3=0 /\\ 0:r4=0 /\\ 0:r5=0 /\\ 0:r6=0 /\\ m[1] /\\"
        " mm_cpumask(N)[1]",
        ["0:r0=2; 0:r1=0; 0:r2=0; 0:r3=3; 0:r4=123; 0:r5=3; 0:r6=1; m[1]=1; mm_cpumask(N)[1]=0;"],
    ),
    "what every CPU has of its own": (
        "struct ts t { .mm = NULL, .n = 0 }; struct ts u { }; percpu struct rq runqueues { .curr = t };"
        " 1:runqueues.curr = u; percpu int k = 3; 1:k = 4;",
        "P0 { this_cpu_write(k, 9); r0 = per_cpu(k, 1); r1 = *per_cpu_ptr(&k, 0); r2 = per_cpu(runqueues,"
        " 1).curr;"
        " struct ts *c = this_cpu_read(runqueues.curr); c->n = 7; r3 = this_cpu_ptr(&runqueues)->curr->n;"
        " r4 = smp_processor_id(); }\nP1 { }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=t /\\ 0:r3=0 /\\ 0:r4=1 /\\ 0:k=0 /\\ t.n=0",
        ["0:r0=4; 0:r1=9; 0:r2=u; 0:r3=7; 0:r4=0; 0:k=9; t.n=7;"],
    ),
    "entries and translations": (
        "mm N { v -> A, w -> none }; page A = 1; page B = 2; 0:cr3 = N;",
        "P0 { r0 = ptep_get_and_clear(pte(N, v)); r1 = ptep_cmpxchg(pte(N, v), none, B); r2 ="
        " pte_none(ptep_xchg("
        "pte(N, w), r0)); r3 = pte_page(ptep_get(pte(N, w))); pte_clear(pte(N, w)); flush_tlb_local(); r4"
        " = *w;"
        " r5 = translate(v); r6 = read_cr3(); }",
        "0:r0=A /\\ 0:r1=none /\\ 0:r2=1 /\\ 0:r3=A /\\ 0:r4=fault /\\ 0:r5=B /\\ 0:r6=N",
        ["0:r0=A; 0:r1=none; 0:r2=1; 0:r3=A; 0:r4=fault; 0:r5=B; 0:r6=N;"],
    ),
    "every word works through a translation": (
        "mm N { v -> A }; page A = 3; 0:cr3 = N;",
        "P0 { r0 = xchg(v, 5); r1 = atomic_fetch_add(2, v); smp_store_release(v, 9); r2 = cmpxchg(v, 9, 10);"
        " *v = *v + 1; r3 = A.data; r4 = ++*v; void *p = v; r5 = *p; }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0 /\\ 0:r3=0 /\\ 0:r4=0 /\\ 0:r5=0",
        ["0:r0=3; 0:r1=5; 0:r2=9; 0:r3=11; 0:r4=12; 0:r5=12;"],
    ),
    "a spin is its last reading": (
        "int x; int y;",
        "P0 { while ((r0 = READ_ONCE(x)) == 0) cpu_relax(); r1 = y; }\nP1 { y = 1; WRITE_ONCE(x, 1); }\n"
        "P2 { smp_cond_load_acquire(&x, VAL == 1); r0 = READ_ONCE(y); }",
        "0:r0=1 /\\ 0:r1=0 /\\ 2:r0=0",
        ["0:r0=1; 0:r1=1; 2:r0=1;"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPUTED)
def test_what_programs_compute(name: str) -> None:
    initial, code, condition, expected = COMPUTED[name]
    assert states(mm(initial, code, condition)) == expected


CALLED = {
    "functions are inlined": (
        "int x;",
        "int sel(int a) { if (a > 2) return 10; if (a == 2) return 20; return 30; }\n"
        "int inc(int a) { a = a + 1; return a; }\nvoid out(int *p, int v) { WRITE_ONCE(*p, v); }\n"
        "int f(int n) { int i; for (i = 0; i < n; i++) if (i == 1) return 7; return 9; }",
        "P0 { r0 = sel(1) + sel(2) + sel(3); r1 = 5; r2 = inc(inc(r1)); out(&x, r2); r3 = f(4) * 10 +"
        " f(1); }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0 /\\ 0:r3=0 /\\ x=0",
        ["0:r0=60; 0:r1=5; 0:r2=7; 0:r3=79; [x]=7;"],
    ),
    "functions and handles are arguments and results": (
        "mm N { }; mm M { }; int x;",
        "void h1(void *info) { x = 1; }\nvoid h2(void *info) { x = 2; }\n"
        "void on(int cpu, smp_call_func_t f) { smp_call_function_single(cpu, f, NULL, 1); }\n"
        "struct mm_struct *pick(int n) { if (n) return N; return M; }",
        "P0 { on(1, h1); r0 = x; on(1, h2); r1 = x; load_cr3(pick(0)); r2 = pick(1); }\nP1 { }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:cr3=N /\\ 0:r2=N",
        ["0:r0=1; 0:r1=2; 0:r2=N; 0:cr3=M;"],
    ),
    "handlers get what the sender evaluates": (
        "mm N { .gen = 3 }; mm M { }; struct info i { .mm = N, .n = 4 };",
        "void g(struct mm_struct *mm) { mm->gen = mm->gen + 1; }\n"
        "void h(void *info) { struct info *f = info; g(f->mm); if (f->n == 4) load_cr3(M); }",
        "P0 { smp_call_function_single(1, h, &i, 0); }\nP1 { }",
        "N.gen=4 /\\ 1:cr3=M",
        ["1:cr3=M; N.gen=4;"],
    ),
    "whom a call reaches": (
        "int a[3]; int b[3]; int c[3]; cpumask m = {0, 2};",
        "void ha(void *info) { a[smp_processor_id()] = info; }\nvoid hb(void *info) {"
        " b[smp_processor_id()] = info; }\n"
        "void hc(void *info) { c[smp_processor_id()] = info; }\nbool odd(int cpu, void *info) { return"
        " cpu == info; }",
        "P0 { smp_call_function_many(&m, ha, 1, 1); on_each_cpu_mask(&m, hb, 1, 1); on_each_cpu_cond(odd,"
        " hc, 1, 1);"
        " r0 = a[0] * 100 + a[1] * 10 + a[2]; r1 = b[0] * 100 + b[1] * 10 + b[2]; r2 = c[0] * 100 + c[1]"
        " * 10 + c[2]; }"
        "\nP1 { }\nP2 { }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0",
        ["0:r0=1; 0:r1=101; 0:r2=10;"],
    ),
    "no handler runs while interrupts are off": (
        "int x;",
        "void h(void *info) { x = 1; }",
        "P0 { smp_call_function_single(1, h, NULL, 0); }\n"
        "P1 { unsigned long flags; local_irq_save(flags); r0 = x; r1 = x; local_irq_restore(flags); }",
        "1:r0=0 /\\ 1:r1=0 /\\ 1:irq=on",
        ["1:r0=0; 1:r1=0; 1:irq=on;", "1:r0=1; 1:r1=1; 1:irq=on;"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLED)
def test_what_is_called(name: str) -> None:
    initial, functions, code, condition, expected = CALLED[name]
    assert states(mm(initial, code, condition, functions)) == expected


def test_c_files_follow_herd() -> None:
    text = "C t\n{ x = 1; y = x; int a[2] = {1, 2}; 1:r9 = a; }\n"
    text += "P0(int *x, int **y, int *a) { int *r0 = *y; int r1 = *r0; int r2 = a[1] + *(a + 1);"
    text += " WRITE_ONCE(*x, 5); }\n"
    text += (
        "P1(int *z, spinlock_t *l) { spin_lock(l); int r0 = READ_ONCE(*z); spin_unlock(l); int r1 = *r9; }\n"
    )
    text += "locations [x; z]\nexists (0:r0=x /\\ 0:r1=1 /\\ 0:r2=4 /\\ 1:r0=0 /\\ 1:r1=1)\n"
    assert states(text) == ["0:r0=x; 0:r1=1; 0:r2=4; 1:r0=0; 1:r1=1; [x]=5; [z]=0;"]


OBJECTS = (
    "mm N { v -> A }; page A = 1; int x; spinlock_t l; int a[2]; cpumask m; struct s t { .f = 1 };"
    " percpu int k;"
)
WRONG = {
    "r0 = READ_ONCE(X)": "unknown-name", "RAED_ONCE(x)": "unknown-word", "WRITE_ONCE(x)": "arity",
    "r0 = A + 1": "type", "load_cr3(v)": "type", "invlpg(N)": "type", "set_pte(pte(N, v), N)": "type",
    "set_pte(pte(N, v), 5)": "type", "spin_lock(l)": "type", "atomic_inc(x)": "type", "x = A": "type",
    "r0 = *A": "type", "r0 = *x": "type", "A = 3": "type", "3 = x": "place", "r0 = &r1": "address",
    "r0 = a[5]": "index", "t.g = 1": "unknown-field", "k = 3": "percpu", "goto nowhere": "unknown-label",
    "break": "break", "cpumask_set_cpu(9, &m)": "no-cpu", "cpumask_set_cpu(0, N)": "type",
    "READ_ONCE(r0)": "place", "READ_ONCE(v)": "type", "foo = 3": "unknown-name",
    "int x1; int x1": "duplicate",
    "local_irq_save(x)": "type", "translate(A)": "type", "two(1)": "arity", "rec(1)": "recursion",
    "smp_call_function_single(7, h, NULL, 1)": "no-cpu", "smp_call_function_single(0, x, NULL, 1)": "type",
    "int i = N": "type", "for (int i = 0; i < 1000; i++) x = i": "loop", "r0 = nothing()": "type",
    "two(1, 2, 3)": "arity", "inner(A)": "type", "a = 3": "type", "r0 = \"s\"": "value",
    "kfree_rcu(x)": "arity", "kfree(x)": "type", "srcu_read_lock(&x)": "type", "call_srcu(&x, 0, h)": "type",
}  # fmt: skip
FUNCTIONS = (
    "void h(void *info) { } int two(int a, int b) { return a; } void nothing(void) { }"
    " void rec(int a) { rec(a); } void inner(struct mm_struct *m) { }"
)


@pytest.mark.parametrize("statement", WRONG)
def test_wrong_statements(statement: str) -> None:
    text = mm(OBJECTS, f"P0 {{ x = 1; {statement}; x = 2; }}", "x = 1", FUNCTIONS)
    ((code, line, _),) = errors(text)
    assert (code, line) == (WRONG[statement], 3 if code == "recursion" else 4)


WRONG_AT_FIRST = {
    "int y = A": "type", "mm M { v -> x }": "type", "mm M { v@1 -> A }": "value", "7:cr3 = N": "no-cpu",
    "0:cr3 = A": "type",
    "int b[1] = {1, 2}": "size",
    "cpumask n = {0, 9}": "no-cpu", "x.y = 3": "unknown-field",
    "zz = 4": "unknown-name",
    "int *p = &zz": "unknown-name", "0:tlb = { v -> none }": "value", "0:irq = 7": "value",
    "int b[0]": "size",
    "a[1] = 1; a[1] = 2": "duplicate", "mm_cpumask(x) = {0}": "type", "0:tlb = { w -> A }": "unknown-name",
    "struct s u = 3": "value", "0:x = 3": "place", "k = 3": "place", "page D = { 1 }": "value",
}  # fmt: skip


@pytest.mark.parametrize("item", WRONG_AT_FIRST)
def test_wrong_initial_states(item: str) -> None:
    ((code, line, _),) = errors(mm(f"{OBJECTS} {item};", "P0 { x = 1; }", "x = 1"))
    assert (code, line) == (WRONG_AT_FIRST[item], 2)


WRONG_AT_LAST = {
    "0:r7 = 1": "unwritten", "x1 = 1": "unknown-name", "5:r0 = 1": "no-cpu", "0:tlb[w -> A]": "unknown-name",
    "0:tlb[v -> x]": "type", "pte(N, w) = A": "unknown-name", "t.g = 2": "unknown-field",
    "r0 = 1": "unknown-name",
    "a[7] = 1": "index", "k = 2": "percpu",
    "mm_cpumask(N) = 1": "type",
}  # fmt: skip


@pytest.mark.parametrize("condition", WRONG_AT_LAST)
def test_wrong_conditions(condition: str) -> None:
    ((code, line, _),) = errors(mm(OBJECTS, "P0 { r0 = x; }", condition))
    assert (code, line) == (WRONG_AT_LAST[condition], 5)


def test_all_errors_at_once() -> None:
    text = mm(
        "int x; int y = q;", "P0 { WRITE_ONCE(X, 1); smp_mb(1);\n READ_ONEC(x); }", "0:r1 = 1 /\\ z = 1"
    )
    assert [(code, line) for code, line, _ in errors(text)] == [
        ("unknown-name", 2), ("unknown-name", 4), ("arity", 4), ("unknown-word", 5),
        ("unwritten", 6), ("unknown-name", 6),
    ]  # fmt: skip


def test_a_loop_that_is_cut_says_so() -> None:
    (test,) = load(
        Source("t", mm("int x;", "P0 { while (READ_ONCE(x) < 9) WRITE_ONCE(x, READ_ONCE(x) + 1); }", "x = 1"))
    )
    assert decide(build(test), witnesses=False).cut


def _lowered(text: str) -> None:
    for test in load(Source("t", text)):
        build(test)


@pytest.mark.parametrize(
    "body",
    [
        "sysret(); WRITE_ONCE(x, 1);",
        "if (READ_ONCE(x)) sysret();",
        "if (READ_ONCE(x)) return; sysret();",
    ],
)
def test_sysret_is_how_a_handler_ends(body: str) -> None:
    text = f"MM t\n{{ int x; }}\nvoid h(void *info) {{ {body} }}\n"
    text += "P0 { smp_call_function_single(1, h, NULL, 1); }\nP1 { }\nexists (x = 1)\n"
    with pytest.raises(InputError, match="its last statement"):
        _lowered(text)


@pytest.mark.parametrize("code", ["P0 { sysret(); }", "P0 { if (x) { sysret(); } }", "nmi P0 { sysret(); }"])
def test_a_program_and_an_nmi_do_not_end_with_sysret(code: str) -> None:
    with pytest.raises(InputError, match=r"and sysret\(\) ends a handler"):
        _lowered(f"MM t\n{{ int x; }}\n{'' if code.startswith('P0') else 'P0 { }'}\n{code}\nexists (x = 1)\n")


def test_a_program_may_call_a_function_that_is_a_handler_elsewhere() -> None:
    handler = "void h(void *info) { WRITE_ONCE(x, 1); sysret(); }\n"
    code = "P0 { h(NULL); smp_call_function_single(1, h, NULL, 1); }\nP1 { }\n"
    _lowered(f"MM t\n{{ int x; }}\n{handler}{code}exists (x = 1)\n")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("r0 = sizeof(struct pair);", "sizeof"),
        ("switch (x) { case 4 ... 2: r1 = 1; }", "case"),
        ("switch (x) { case 0 ... x: r1 = 1; }", "case"),
    ],
)
def test_c_that_is_not_supported_is_refused_by_name(line: str, code: str) -> None:
    text = f"MM t\nstruct pair {{ int a; int b; }};\n{{ int x; }}\nP0 {{\n{line}\n}}\nexists (x=1)\n"
    assert [(c, at) for c, at, _ in errors(text)] == [(code, 5)]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("x = 1; x = 2; x = 3; x = 4; x = 5; x = 6;", "more than 5 events; write fewer statements"),
        ("for (i = 0; i < 9; i++) x = i;", "more than 5 events; write fewer statements"),
        ("while (x == y) { y = x; x = 1; }", "more than 5 events after unrolling; ask for a smaller bound"),
    ],
)
def test_what_helps_against_many_events(code: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A smaller bound helps where a loop has gone back."""
    monkeypatch.setattr("verifier.lower.collector.MAX_EVENTS", 5)
    (test,) = load(Source("t", f"MM t\n{{ int x; int y; }}\nP0 {{ int i; {code} }}\nexists (x = 1)\n"))
    with pytest.raises(LimitError, match=said):
        build(test, 5)
