"""Messages about mistakes say where the mistake is and what to write instead. Text that is allowed, but
almost certainly a mistake, gives a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.texts import warned, wrong

TOP = "MM t\n{ page A = 1; page B; mm N { v -> A }; int x; percpu int y; atomic_t c; }\n"
FLUSH = "void flush(void *i) { invlpg(v); }\n"
USED = "\nlocations [A.data; B.data; pte(N, v); 0:y; c]\n"  # all of TOP
END = USED + "exists (x = 1)\n"


@pytest.mark.parametrize(
    ("code", "says", "hint"),
    [
        ("flush;", "flush is a function; this does not call it", "write flush()"),
        ("smp_mb;", "smp_mb is a function", "write smp_mb()"),
        ("spin_lock;", "spin_lock is a function", "write spin_lock(&l)"),
        ("smp_store_release(x, 1);", "smp_store_release takes the address", "write &x"),
        ("smp_store_release(x);", "takes 2 arguments", "write smp_store_release(&x, e)"),
        ("atomic_inc();", "takes 1 argument", "write atomic_inc(&v)"),
        ("set_pte(A);", "takes 2 arguments", "write set_pte(p, e)"),
        ("flush_tlb_page(N, v);", "there is no function", '#include "linux/tlb-'),
        ("ptep_clear_flush(pte(N, v));", "there is no function", "write ptep_get_and_clear(p)"),
        ("__dma_mb();", "there is no function", "write mb(), which it is on x86, or smp_mb()"),
        ("smp_mbb();", "there is no function", "'smp_mb'?"),
        ("x = wbinvd;", "there is no 'wbinvd'", "it is serializing, as cpuid() is"),
        ("r0 = READ_ONCE(&x);", "cannot be read or written", "write x, without &"),
        ("WRITE_ONCE(&x, 1);", "cannot be read or written", "write x, without &"),
        ("this_cpu_write(&y, 1);", "cannot be read or written", "write y, without &"),
        ("set_pte(&pte(N, v), A);", "has no address", "write pte(N, v), without &"),
        ("r0 = user_write(v, 1);", "this has no value", "r0 = xchg(v, 1)"),
        ("int r0 = user_write(v, 1);", "this has no value", "r0 = xchg(v, 1)"),
        ("if (A == 1) x = 1;", "A is a page, which is never 1", "what it holds is A.data"),
        ("if (ptep_get(pte(N, v)) == 1) x = 1;", "which is never 1", "an entry holds none or a page"),
        ("r0 = translate(v); if (1 != r0) x = 1;", "r0 is a page, which is never 1", "r0.data"),
    ],
)
def test_a_mistake_in_code(code: str, says: str, hint: str) -> None:
    (found,) = wrong(TOP + FLUSH + f"P0 {{ {code} }}" + END)
    assert says in found.message and hint in found.hint
    assert found.span is not None and found.span.line == 4


@pytest.mark.parametrize(
    ("condition", "says", "hint"),
    [
        ("A = 1", "A is never 1", "what it holds is A.data"),
        ("1 = A", "A is never 1", "what it holds is A.data"),
        ("pte(N, v) = 1", "pte(N, v) is never 1", "an entry holds none or a page"),
        ("0:cr3 != 1", "0:cr3 is never 1", "it is a name"),
        ("x = 1 /\\ 0:r0 = 1", "0:r0 is never 1", "name a page"),
        ("0:r0 = ONE", "0:r0 is never ONE", "name a page"),
    ],
)
def test_a_page_in_a_condition_is_no_number(condition: str, says: str, hint: str) -> None:
    text = TOP + "enum { ONE = 1 };\n" + f"P0 {{ r0 = translate(v); }}\nexists ({condition})\n"
    (found,) = wrong(text)
    assert says in found.message and hint in found.hint


@pytest.mark.parametrize(
    "code",
    [
        "r0 = translate(v); if (r0 == 0 || r0 == A || r0 == fault) x = 1;",
        "r0 = translate(v); r0 = 1; if (r0 == 1) x = 1;",
        "struct mm_struct *m = read_cr3(); if (m == LOADED_MM_SWITCHING || m == NULL) x = 1;",
        "if (ptep_get(pte(N, v)) == none || pte(N, v) != NULL) x = 1;",
        "*v = A; if (*v == A) x = 1;",
        "if (*v == 1) x = 1; if ((r0 = x)) x = 2; while ((r0 = x) == 3) cpu_relax();",
        "int z = 1; if (z == 1) x = z;",
    ],
)
def test_what_is_meant_is_not_warned_about(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, code: str
) -> None:
    enum = "enum { LOADED_MM_SWITCHING = 1 };\n" if "LOADED" in code else ""
    text = TOP + enum + f"P0 {{ {code} }}{USED}exists (0:cr3 = 0 \\/ pte(N, v) = A)\n"
    assert warned(capsys, tmp_path, text) == ""


@pytest.mark.parametrize(
    ("code", "says", "hint"),
    [
        ("if (*v == A) x = 1;", "what *v reads is compared with a page", "A.data"),
        ("if (B != READ_ONCE(*v)) x = 1;", "compared with a page", "B.data"),
        ("if (x = 1) smp_mb();", "an assignment as a condition", "write == to compare, or ((x = 1))"),
        ("assume(r0 = 1);", "an assignment as a condition", "((r0 = 1))"),
        ("while (x = 0) smp_mb();", "an assignment as a condition", "((x = 0))"),
        ("x == 1;", "nothing uses the result of this comparison", "write = to assign"),
        ("r0 = x; r0 + 1;", "this statement does nothing", "use its value"),
        ("7;", "this statement does nothing", "leave it out"),
        ("&x;", "this statement does nothing", "leave it out"),
        ("smp_processor_id();", "this statement does nothing", "use its value"),
        ("assume(1);", "assume of a constant, which always holds", "leave it out"),
        ("assume(true);", "assume of a constant, which always holds", "leave it out"),
        ("WARN_ON(0);", "WARN_ON of a constant, which never holds", "name a condition"),
        ("int x; x = READ_ONCE(c);", "the local x hides the shared x", "give the local another one"),
    ],
)
def test_a_warning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, code: str, says: str, hint: str
) -> None:
    err = warned(capsys, tmp_path, TOP + f"P0 {{\n {code} }}" + END)
    assert err.count(": warning: ") == 1 and "t.litmus:4:" in err
    assert says in err and hint in err


CALLS_ITSELF = "int f(int n) { return n ? f(n - 1) : 1; }"
PROGRAMS = "P0 { x = 1; }\nP1 { x = 2; }\n"
VARIANTS = 'variants {\n F never "one";\n G never "two";\n}\n'
CODE = "MM t\n{ int x; }\n" + PROGRAMS + VARIANTS + "exists (x = 3)\n"


@pytest.mark.parametrize(
    ("before", "after", "line", "says", "hint"),
    [
        ("F never", "F nevr", 6, "there is no expectation 'nevr'", "did you mean 'never'?"),
        ("2; }", "2;", 4, "this block is not closed", "line 5 begins another part"),
        ("1; }", "1;", 3, "this block is not closed", "line 4 begins another part"),
        ("int x; }", "int x;", 2, "this block is not closed", "line 3 begins another part"),
        ('"two";\n}', '"two";', 5, "this block is not closed", "line 8 begins another part"),
        ("2; }", "2; }}", 4, "unexpected '}'", "no block is open here"),
        ('one"', "one", 6, "this string does not end", "the next '\"' is in line 7"),
        ('two"', "two", 7, "this string does not end", "close it"),
        ("MM t\n", 'MM t\n"doc\n', 2, "this string does not end", "the next '\"' is in line 7"),
        ('"two"', "“two”", 7, "“ is not a quotation mark here", 'write "…"'),
        ("MM t\n", "MM t\n“there exists one”\n", 2, "“ is not a quotation mark here", 'write "…"'),
        ("P0", "# first\nP0", 3, "unexpected '#'", "write a comment as // …"),
        ("P0", "#define RING 4\nP0", 3, "there is no preprocessor here", "write enum { RING = 4 };"),
        (
            "P0",
            "#define BIT (1 << 2) // 4\nP0",
            3,
            "there is no preprocessor here",
            "enum { BIT = (1 << 2) };",
        ),
        ("P0", "#define TWICE(x) (2 * x)\nP0", 3, "there is no preprocessor here", "write a function"),
        ("P0", "#define OTHER x\nP0", 3, "there is no preprocessor here: #define", "what it stands for"),
        ("P0", "#ifdef X\nP0", 3, "there is no preprocessor here: #ifdef", "a guard says in which variants"),
        ("x = 1;", "if (x) x = 1;\n[F] else x = 2;", 4, "no guard can stand before else", "else { [F] …"),
        ("x = 1;", "if (x) x = 1;\n[F] else { x = 2; }", 4, "no guard can stand before else", "else { [F] …"),
        (
            "{ int x;",
            "{ struct s { int a; }; int x;",
            2,
            "a struct cannot be defined in the",
            "before the '{'",
        ),
        ("int x;", "int x; enum { A };", 2, "an enum cannot be defined in the initial", "before the '{'"),
        ("int x;", "u64 x = 1 << 63;", 2, "a shift by 63 of what has 32 bits", "1UL has 64 bits"),
        ("int x;", "int x = 1 / 0;", 2, "this divides by 0", ""),
        ("int x;", "int x; int *p = &x * 2;", 2, "this is not an initial value", "calculate with numbers"),
        (
            "P0 { x = 1; }",
            f"{CALLS_ITSELF}\nP0 {{ x = f(2); }}",
            3,
            "f calls itself",
            "functions are inlined",
        ),
        ("P0 { x = 1; }", "int f(void) { return q; }\nP0 { x = f(); }", 3, "there is no 'q'", ""),
        ("x = 1;", "if ([F] x) x = 1;", 3, "unexpected '['", "put the guard before the statement"),
        (
            "P0",
            "struct s { int a; [F] int b; };\nP0",
            3,
            "unexpected '['",
            "before all of a struct: [B1] struct",
        ),
        ("P0", "enum { a, [F] b };\nP0", 3, "unexpected '['", "before all of an enum: [B1] enum"),
        ("x = 1;", "[F, G] x = 1;", 3, "unexpected ','", "write [A | B]"),
        ("int x;", "int x; [F] { int y; }", 2, "unexpected '{'", "guard each line, or"),
        ("x = 1;", "int q;\nint q;", 4, "q is declared twice", "the first one is in line 3"),
        ("int x;", "int x;\nint x;", 3, "x is declared twice", "the first one is in line 2"),
        ("P1", "P0", 4, "P0 has two programs", "the first one is in line 3"),
        ("G never", "F never", 7, "variant F is declared twice", "the first one is in line 6"),
        ("P0", "enum { a,\na };\nP0", 4, "a is declared twice", "the first one is in line 3"),
        ("x = 1", "for_each_cpu(cpu, cpu_online_mask) x = 1", 3, "there is no 'cpu'", "declare it: int cpu;"),
        ("x = 1", "for (int i = 0; i < 999; i++) x = i", 3, "more than 256 times", "let it count less far"),
    ],
)
def test_a_mistake_is_told_where_it_is(before: str, after: str, line: int, says: str, hint: str) -> None:
    (found,) = wrong(CODE.replace(before, after, 1))
    assert says in found.message and hint in found.hint
    assert found.span is not None and found.span.line == line


def test_a_key_that_is_nearly_known_is_a_warning(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    keys = "MM t\nSorce=me\nMood=fine\nHash=1\n"
    err = warned(capsys, tmp_path, keys + "{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n")
    assert err.count(": warning: ") == 1
    assert "t.litmus:2:1: warning: unknown key 'Sorce'" in err and "did you mean 'Source'?" in err


@pytest.mark.parametrize("code", ["load_cr3(init_mm);", "WRITE_ONCE(x, read_cr3());", "p = &init_mm;", ""])
@pytest.mark.parametrize("condition", ["0:cr3 = init_mm", "p = init_mm", "x = 1"])
def test_a_test_without_mms_has_no_init_mm(code: str, condition: str) -> None:
    text = f"MM t\n{{ int x; struct mm_struct *p; }}\nP0 {{ x = 1; {code} }}\nexists ({condition})\n"
    if code or "mm" in condition:
        found = wrong(text)
        assert found and {f.code for f in found} == {"no-mm"}
        assert all("mm N { v -> A }; the test then has init_mm, too" in f.hint for f in found)


@pytest.mark.parametrize(
    "code", ["r0 = *(v + 8);", "*(v + 8) = 1;", "r0 = READ_ONCE(*(v + x));", "r0 = *(8 + v);"]
)
def test_there_are_no_offsets_within_a_page(code: str) -> None:
    found = wrong(TOP + FLUSH + f"P0 {{ {code} }}" + END)
    assert found[0].message == "a number is not an address"
    assert "offsets within a page do not exist" in found[0].hint


@pytest.mark.parametrize(
    "row", ["B1 : A, C never;", "A never; C never; B1 : A, C never;", 'A never "a"; B1 : A, C, D never;']
)
def test_a_variant_has_one_base(row: str) -> None:
    (found,) = wrong(f"MM t\n{{ int x; }}\nP0 {{ x = 1; }}\nvariants {{ {row} }}\nexists (x = 1)\n")
    assert "a variant has one base" in found.hint and "[B1 | IL]" in found.hint


HINTED = "MM t\n{ page A = 1; mm N { v -> A }; int x; cpumask_t m; }\nint give(void) { return 1; }\n"


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("spin_lock(&lk);", "put it into the initial state: spinlock_t lk;"),
        ("raw_spin_lock(&lk);", "put it into the initial state: spinlock_t lk;"),
        ("mutex_lock(&lk);", "put it into the initial state: struct mutex lk;"),
        ("down_read(&lk);", "put it into the initial state: struct rw_semaphore lk;"),
        ("down(&lk);", "put it into the initial state: struct semaphore lk;"),
        ("write_lock(&lk);", "put it into the initial state: rwlock_t lk;"),
        ("local_lock(&lk);", "put it into the initial state: percpu local_lock_t lk;"),
        ("atomic_inc(&lk);", "put it into the initial state: atomic_t lk;"),
        ("atomic64_inc(&lk);", "put it into the initial state: atomic64_t lk;"),
        ("refcount_inc(&lk);", "put it into the initial state: refcount_t lk;"),
        ("local_inc(&lk);", "put it into the initial state: local_t lk;"),
        ("set_bit(1, &lk);", "put it into the initial state: unsigned long lk;"),
        ("r0 = srcu_read_lock(&lk);", "put it into the initial state: struct srcu_struct lk;"),
        ("smp_store_release(&lk, 1);", "put it into the initial state: int lk;"),
        ("WRITE_ONCE(lk, 1);", "declare it: int lk;"),
        ("lk = ptep_get(pte(N, v));", "declare it: pte_t lk;"),
        ("lk = pmdp_get(pmd(N, v));", "declare it: pmd_t lk;"),
        ("lk = pte(N, v);", "declare it: pte_t *lk;"),
        ("lk = give();", "declare it: int lk;"),
        ("lk = 1;", "declare it: int lk;"),
        ("local_irq_save(lk);", "declare it: unsigned long lk;"),
        ("local_irq_restore(flags);", "declare it: unsigned long flags;"),
        ("spin_lock_irqsave(&x, flags);", "declare it: unsigned long flags;"),
        ("r0 = pte_none(lk);", "declare it: pte_t lk;"),
        ("DEFINE_SPINLOCK(l);", "declare it: spinlock_t l;"),
        ("DEFINE_MUTEX(l);", "declare it: struct mutex l;"),
        ("DECLARE_COMPLETION_ONSTACK(c);", 'define it, or #include "linux/wait.inc"'),
        ("DEFINE_WAIT(w);", "leave it out: prepare_to_wait"),
        ("r0 = TASK_IDLE;", 'write #include "linux/wait.inc", which has it'),
        ("DEFINE_WAKE_Q(q);", 'define it, or #include "linux/wake_q.inc"'),
        ("DEFINE_WAKE_Q(q, r);", "it declares a local: in a function, with one name"),
        (
            "smp_call_function_any(&m, give, NULL, 1);",
            "write smp_call_function_single(cpu, func, info, wait)",
        ),
        ("kvm_make_all_cpus_request(1);", "define it: of each vcpu set_bit(nr, &requests)"),
        ("set_need_resched();", "write set_bit(nr, &flags)"),
        ("r0 = cpumask_next(0, &m);", "write the loop: for_each_cpu(cpu, m)"),
        ("r0 = down_timeout(&x, 1);", "with a time-out nobody waits for ever"),
        ("x = BIT(3);", "write 1UL << n"),
        ("r0 = current;", '#include "linux/wait.inc", whose get_current() it is'),
    ],
)
def test_a_hint_follows_the_use(code: str, hint: str) -> None:
    found = wrong(HINTED + f"P0 {{ {code} }}\nexists (x = 1)\n")[0]
    assert "there is no" in found.message and hint in found.hint
    assert found.span is not None and found.span.line == 4


def test_a_name_of_the_test_comes_first() -> None:
    """What is near a name of the test is misspelt, whatever it is used as."""
    found = wrong("MM t\n{ spinlock_t lock; }\nP0 { spin_lock(&lok); }\nexists (lock = 1)\n")[0]
    assert found.hint == "did you mean 'lock'?"


def test_current_is_what_the_include_gives(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = "P0 { WRITE_ONCE(current->__state, 2); r0 = READ_ONCE(get_current()->__state); }\n"
    text = f'MM t\n#include "linux/wait.inc"\n{{ }}\n{code}expect always;\nexists (0:r0 = 2)\n'
    assert warned(capsys, tmp_path, text) == ""
