"""Who waits where in runs that do not end, and which loops a bound cuts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.render.story import headline
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

LITMUS = Path(__file__).resolve().parents[3] / "litmus"
JUDGES = ("z3", "explorer", "both")


def verdicts(text: str, judge: str = "z3", **more: object) -> list[Verdict]:
    options = Options(judge=judge, **more)  # type: ignore[arg-type]
    return [run(test, options) for test in load(Source("t", text))]


def verdict(program: str, judge: str = "z3", **more: object) -> Verdict:
    """The verdict on what stands from line 2 on."""
    (found,) = verdicts(f"MM t\n{program}", judge, **more)
    return found


WAITS = {
    "a spin": (
        "{ int x; }\nP0 { while (READ_ONCE(x) != 7) cpu_relax(); }\nP1 { WRITE_ONCE(x, 1); }\nexists (x = 1)",
        "CPU 0 waits in line 3 until READ_ONCE(x) == 7, and x is 1",
    ),
    "what is waited for is not negated twice": (
        "{ int x; }\nP0 { do { cpu_relax(); } while (!READ_ONCE(x)); }\nexists (x = 1)",
        "CPU 0 waits in line 3 until READ_ONCE(x) is true, and x is 0",
    ),
    "a spin on several places": (
        "{ int x; int y = 1; }\nP0 { while (READ_ONCE(x) != READ_ONCE(y) || READ_ONCE(y) == 1) barrier(); }\n"
        "P1 { WRITE_ONCE(x, 1); }\nexists (x = 1)",
        "CPU 0 waits in line 3 until READ_ONCE(x) != READ_ONCE(y) || READ_ONCE(y) == 1 is false, and x is 1, "
        "y is 1",
    ),
    "a spin by a function": (
        "{ int x = 1; }\nint busy(int *p) { return READ_ONCE(*p); }\n"
        "P0 { while (busy(&x))\n    cpu_relax(); }\nexists (x = 1)",
        "CPU 0 waits in line 4 until busy(&x) is false, and x is 1",
    ),
    "an entry with other attributes": (
        "{ int x; page A; mm N { v -> A }; }\nP0 { ptep_set_wrprotect(pte(N, v)); }\n"
        "P1 { while (ptep_get(pte(N, v)) == A) cpu_relax(); }\nexists (x = 1)",
        "CPU 1 waits in line 4 until ptep_get(pte(N, v)) != A, and pte(N, v) is mk_pte(A, ro)",
    ),
    "a semaphore": (
        "{ struct semaphore s = 1; }\nP0 { down(&s);\n down(&s); }\nexists (s = 1)",
        "CPU 0 waits in line 4 for s, and it is 0",
    ),
    "a lock that somebody gave back who did not have it": (
        "{ rwlock_t l; }\nP0 { read_unlock(&l);\n read_lock(&l); }\nexists (l = 1)",
        "CPU 0 waits in line 4 for l, and it is -1",
    ),
    "a semaphore whose writer gave it back as a reader": (
        "{ struct rw_semaphore l; }\nP0 { down_write(&l);\n up_read(&l);\n down_read(&l); }\nexists (l = 1)",
        "CPU 0 waits in line 5 for l, and it is -2",
    ),
    "a local": (
        "{ int x = 1; }\nP0 { r0 = READ_ONCE(x); while (r0) cpu_relax(); }\nexists (x = 1)",
        "CPU 0 waits in line 3 until r0 is false",
    ),
    "for ever": (
        "{ int x; }\nP0 { while (1) cpu_relax(); }\nexists (x = 1)",
        "CPU 0 waits in line 3 in a loop that has no end",
    ),
    "smp_cond_load": (
        "{ int x = 5; }\nP0 { smp_cond_load_acquire(&x, VAL == 1); }\nexists (x = 1)",
        "CPU 0 waits in line 3 until VAL == 1, and x is 5",
    ),
    "two locks in two orders": (
        "{ spinlock_t a; spinlock_t b; int x; int y; }\n"
        "P0 { spin_lock(&a); WRITE_ONCE(x, 1); while (!READ_ONCE(y)) cpu_relax();\n spin_lock(&b); }\n"
        "P1 { spin_lock(&b); WRITE_ONCE(y, 1); while (!READ_ONCE(x)) cpu_relax();\n spin_lock(&a); }\n"
        "exists (x = 1)",
        "CPU 0 waits in line 4 for b, and CPU 1 has held it since line 5; "
        "CPU 1 waits in line 6 for a, and CPU 0 has held it since line 3",
    ),
    "a mutex that is never released": (
        "{ struct mutex m = 1; }\nP0 { mutex_lock(&m); }\nexists (m = 1)",
        "CPU 0 waits in line 3 for m, and it is held from the start",
    ),
    "a lock with several readers": (
        "{ rwlock_t l; int x; int y; }\n"
        "P0 { read_lock(&l); WRITE_ONCE(x, 1); while (!READ_ONCE(y)) cpu_relax(); write_lock(&l); }\n"
        "P1 { while (!READ_ONCE(x)) cpu_relax(); read_lock(&l); WRITE_ONCE(y, 1); }\nexists (l = 1)",
        "CPU 0 waits in line 3 for l, and CPU 0 has held it as a reader since line 3 and CPU 1 since line 4",
    ),
    "who reads last is not who holds": (
        "{ rwlock_t l; int x; }\nP0 { while (!READ_ONCE(x)) cpu_relax();\n read_lock(&l); read_unlock(&l);\n"
        " write_lock(&l); }\nP1 { read_lock(&l); WRITE_ONCE(x, 1); }\nexists (l = 1)",
        "CPU 0 waits in line 5 for l, and CPU 1 has held it as a reader since line 6",
    ),
    "who gives back for others": (
        "{ rwlock_t l; int x; }\nP0 { read_lock(&l); while (!READ_ONCE(x)) cpu_relax();\n read_unlock(&l); "
        "read_unlock(&l);\n write_lock(&l); }\nP1 { read_lock(&l); read_lock(&l); WRITE_ONCE(x, 1); }\n"
        "exists (l = 1)",
        "CPU 0 waits in line 5 for l, and it is 1",
    ),
    "readers from the start": (
        "{ rwlock_t l = 2; }\nP0 { read_unlock(&l);\n write_lock(&l); }\nexists (l = 1)",
        "CPU 0 waits in line 4 for l, and it is held from the start",
    ),
    "who has downgraded": (
        "{ struct rw_semaphore l; }\nP0 { down_write(&l);\n downgrade_write(&l);\n down_write(&l); }\n"
        "exists (l = 1)",
        "CPU 0 waits in line 5 for l, and CPU 0 has held it as a reader since line 4",
    ),
    "a bit beside others": (
        "{ unsigned long f = 4; int x; }\nP0 { bit_spin_lock(0, &f);\n WRITE_ONCE(x, 1); }\n"
        "P1 { while (!READ_ONCE(x)) cpu_relax();\n set_bit(1, &f);\n bit_spin_lock(0, &f); }\nexists (x = 1)",
        "CPU 1 waits in line 7 for bit 0 of f, and CPU 0 has held it since line 3",
    ),
    "a loop on a local": (
        "{ int x = 1; }\nP0 {\n do {\n  r0 = READ_ONCE(x);\n } while (r0 & 1); }\nexists (x = 1)",
        "CPU 0 waits in line 4 until r0 & 1 is false, and x is 1",
    ),
    "a loop with work": (
        "{ int x; int y = 5; }\nP0 { while (READ_ONCE(x) < 1) {\n  r0 = READ_ONCE(y); } }\nexists (x = 1)",
        "CPU 0 waits in line 3 until READ_ONCE(x) >= 1, and x is 0, y is 5",
    ),
    "a loop that is left in the middle": (
        "{ int x; }\nP0 { for (;;) {\n  if (READ_ONCE(x) == 1)\n   break;\n  cpu_relax(); } }\n"
        "exists (x = 1)",
        "CPU 0 waits in line 3 until READ_ONCE(x) == 1, and x is 0",
    ),
    "a loop that is left in two places": (
        "{ int x; }\nP0 { for (;;) {\n  if (READ_ONCE(x) == 1)\n   break;\n  if (READ_ONCE(x) == 2)\n"
        "   break; }\n}\nexists (x = 1)",
        "CPU 0 waits in line 3 for the loop up to line 7 to end, and x is 0",
    ),
    "a loop by goto": (
        "{ int x; }\nP0 {\nagain:\n if (!READ_ONCE(x)) goto again;\n}\nexists (x = 1)",
        "CPU 0 waits in line 4 for the loop up to line 5 to end, and x is 0",
    ),
    "a page": (
        "{ page A = 1; page B = 2; mm N { v -> A }; 0:cr3 = N; }\n"
        "P0 { while (READ_ONCE(*v) != 2) cpu_relax(); }\nexists (A.data = 1)",
        "CPU 0 waits in line 3 until READ_ONCE(*v) == 2, and v is translated to A, A.data is 1",
    ),
    "a translation": (
        "{ page A = 1; page B = 2; mm N { v -> A }; 0:cr3 = N; }\n"
        "P0 { while (translate(v) != B) cpu_relax(); }\nexists (A.data = 1)",
        "CPU 0 waits in line 3 until translate(v) == B, and v is translated to A",
    ),
    "no page": (
        "{ page A = 1; mm N { v -> none }; 0:cr3 = N; }\n"
        "P0 { while (READ_ONCE(*v) != 1) cpu_relax(); }\nexists (A.data = 1)",
        "CPU 0 waits in line 3 until READ_ONCE(*v) == 1, and v faults",
    ),
    "a call": (
        "{ int x; 0..1:irq = off; }\nvoid f(void *info) { WRITE_ONCE(x, 1); }\n"
        "P0 { smp_call_function_single(1, f, NULL, 1); }\nP1 { smp_call_function_single(0, f, NULL, 1); }\n"
        "exists (x = 1)",
        "CPU 0 waits in line 4 for CPU 1 to run f(), and CPU 1 has interrupts off; "
        "CPU 1 waits in line 5 for CPU 0 to run f(), and CPU 0 has interrupts off",
    ),
    "a call of functions that wait": (
        "{ int x; }\nvoid f(void *info) { while (!READ_ONCE(x)) cpu_relax(); }\n"
        "P0 { smp_call_function(f, NULL, 1); WRITE_ONCE(x, 1); }\nP1 { }\nP2 { }\nexists (x = 1)",
        "CPU 0 waits in line 4 for CPU 1 to run f() and CPU 2 to run f(), and f() on CPU 1 waits in line 3 "
        "and f() on CPU 2 waits in line 3; "
        "CPU 1, in f(), waits in line 3 until READ_ONCE(x) is true, and x is 0; "
        "CPU 2, in f(), waits in line 3 until READ_ONCE(x) is true, and x is 0",
    ),
    "a handler that keeps another one out": (
        "{ int x; int y; }\nvoid f(void *info) { WRITE_ONCE(y, 1); while (!READ_ONCE(x)) cpu_relax(); }\n"
        "void g(void *info) { WRITE_ONCE(x, 1); }\nP0 { while (!READ_ONCE(y)) cpu_relax();\n"
        " smp_call_function_single(1, g, NULL, 1); }\nP1 { }\n"
        "P2 { smp_call_function_single(1, f, NULL, 0); }\nexists (x = 1)",
        "CPU 0 waits in line 6 for CPU 1 to run g(), and CPU 1 is in f(); "
        "CPU 1, in f(), waits in line 3 until READ_ONCE(x) is true, and x is 0",
    ),
    "a handler behind one that waits": (
        "{ int x; int y; }\nvoid f(void *info) { WRITE_ONCE(y, 1); while (!READ_ONCE(x)) cpu_relax(); }\n"
        "void g(void *info) { WRITE_ONCE(x, 1); }\nP0 { while (!READ_ONCE(y)) cpu_relax();\n"
        " smp_call_function_single(1, g, NULL, 0); }\nP1 { }\n"
        "P2 { smp_call_function_single(1, f, NULL, 0); }\nexists (x = 1)",
        "CPU 1, in f(), waits in line 3 until READ_ONCE(x) is true, and x is 0; "
        "g(), sent in line 6, waits on CPU 1 for f() to return",
    ),
    "an interrupted holder": (
        "{ spinlock_t l; int x; }\nvoid f(void *info) { spin_lock(&l); }\n"
        "P0 { spin_lock(&l); WRITE_ONCE(x, 1);\n while (READ_ONCE(x) != 2) cpu_relax(); spin_unlock(&l); }\n"
        "P1 { while (!READ_ONCE(x)) cpu_relax();\n smp_call_function_single(0, f, NULL, 1);\n"
        " WRITE_ONCE(x, 2); }\nexists (x = 3)",
        "CPU 1 waits in line 7 for CPU 0 to run f(), and f() waits in line 3; "
        "CPU 0, in f(), waits in line 3 for l, and CPU 0 itself has held it since line 4, "
        "before this interrupt",
    ),
    "two locks in a callback": (
        "{ spinlock_t l; int x; struct rcu_head h; }\n"
        "void f(struct rcu_head *h) { spin_lock(&l); spin_lock(&l); }\n"
        "P0 { call_rcu(&h, f); }\nexists (x = 1)",
        "CPU 0, in f(), waits in line 3 for l, and CPU 0 has held it since line 3",
    ),
    "a section that begins later": (
        "{ int x; int y; 1:irq = off; }\nP0 { synchronize_rcu(); }\n"
        "P1 { while (!READ_ONCE(y)) cpu_relax(); }\nP2 { rcu_read_lock(); rcu_read_unlock(); }\n"
        "exists (x = 1)",
        "CPU 0 waits in line 3 for a grace period, and CPU 1 has interrupts off; "
        "CPU 1 waits in line 4 until READ_ONCE(y) is true, and y is 0",
    ),
    "an interrupt that nobody waits for": (
        "{ int x; 1:irq = off; }\nvoid f(void *info) { WRITE_ONCE(x, 1); }\n"
        "P0 { smp_call_function_single(1, f, NULL, 0); }\nP1 { r0 = READ_ONCE(x); }\nexists (x = 1)",
        "f(), sent in line 4, waits on CPU 1 for interrupts to be on",
    ),
    "a grace period": (
        "{ int x; }\nP0 { rcu_read_lock();\n synchronize_rcu(); }\nexists (x = 1)",
        "CPU 0 waits in line 4 for a grace period, and the section of CPU 0 in line 3 does not end",
    ),
    "a grace period and a window": (
        "{ int x; 1:irq = off; }\nP0 { synchronize_rcu(); }\nP1 { }\nexists (x = 1)",
        "CPU 0 waits in line 3 for a grace period, and CPU 1 has interrupts off",
    ),
    "a grace period and a handler": (
        "{ int x; int y; }\nvoid f(void *info) { WRITE_ONCE(y, 1); while (!READ_ONCE(x)) cpu_relax(); }\n"
        "P0 { while (!READ_ONCE(y)) cpu_relax();\n synchronize_rcu(); WRITE_ONCE(x, 1); }\n"
        "P1 { smp_call_function_single(2, f, NULL, 0); }\nP2 { }\nexists (x = 1)",
        "CPU 0 waits in line 5 for a grace period, and f() on CPU 2 does not return; "
        "CPU 2, in f(), waits in line 3 until READ_ONCE(x) is true, and x is 0",
    ),
    "a callback": (
        "{ int x; struct rcu_head h; }\nvoid f(struct rcu_head *h) { WRITE_ONCE(x, 1); }\n"
        "P0 { rcu_read_lock();\n call_rcu(&h, f); }\nexists (x = 1)",
        "f(), sent in line 5, waits on CPU 0 for a grace period, and the section of CPU 0 in line 4 does not "
        "end",
    ),
    "a run in which what the user assumes holds": (
        "{ int x; spinlock_t l; }\nP0 { r0 = READ_ONCE(x); assume(r0 == 1); spin_lock(&l); }\n"
        "P1 { spin_lock(&l); WRITE_ONCE(x, 1); }\nexists (x = 1)",
        "CPU 0 waits in line 3 for l, and CPU 1 has held it since line 4",
    ),
    "an NMI does not have to come": (
        "{ int x; spinlock_t l; }\nP0 { spin_lock(&l); spin_lock(&l); }\nnmi P0 { WRITE_ONCE(x, 1); }\n"
        "exists (x = 1)",
        "CPU 0 waits in line 3 for l, and CPU 0 has held it since line 3",
    ),
}


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("name", WAITS)
def test_who_waits_where(name: str, judge: str) -> None:
    program, told = WAITS[name]
    found = verdict(program, judge)
    assert found.deadlock
    assert found.reason == f"deadlock: no run ends: {told}"


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("condition", ["x = 1", "hang"])
def test_no_run_is_left_where_an_assumption_never_holds(condition: str, judge: str) -> None:
    """Nobody waits for what the user assumes: that is no deadlock."""
    program = "{ int x; }\nP0 { r0 = READ_ONCE(x); assume(r0 == 1); }\nexpect deadlock;\n"
    found = verdict(f"{program}exists ({condition})", judge)
    assert (found.observation, found.deadlock, found.hangs, found.as_expected) == (
        "unknown",
        False,
        False,
        False,
    )
    assert found.reason == "no run is left: assume(r0 == 1) of CPU 0 in line 3 does not hold"


@pytest.mark.parametrize("judge", JUDGES)
def test_store_buffers_do_not_matter(judge: str) -> None:
    program, told = WAITS["a spin"]
    assert verdict(program, judge, model="sc").reason == f"deadlock: no run ends: {told}"


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("condition", ["hang", "1:hang /\\ flag = 3"])
def test_no_run_ends_where_the_condition_asks_for_hangs(condition: str, judge: str) -> None:
    """A state in which a run hangs counts for the condition, but no run ends in it."""
    spin = "while (!(READ_ONCE(flag) & 1)) cpu_relax();"
    text = f"MM t\n{{ int flag; }}\nP0 {{ WRITE_ONCE(flag, 2); }}\nP1 {{ {spin} }}\nexists ({condition})\n"
    (test,) = load(Source("t", text))
    assert run(test, Options(judge=judge)).deadlock


CASES = [
    ("rcu/self-wait", "LOCK"), ("rcu/self-wait", "IRQ"), ("rcu/18.1-from-the-start", "NEVER"),
    ("mmu/8.3-spin", "OFF"), ("mmu/8.3-spin", "IRQ"), ("mmu/8.7-deadlock", "BOTH"),
    ("locks/handler-waits", "ON"),
]  # fmt: skip


MAYBE = "ON; cpu_relax(); OFF; if (!irqs_disabled()) break;"  # a last look would not see that they are off


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize(
    ("loop", "said"),
    [
        (f"while (!READ_ONCE(x)) {{ {MAYBE} }}", "no bound is enough; assume() its end"),
        ("while (!READ_ONCE(x)) WRITE_ONCE(n, 5);", "no bound is enough; assume() its end"),
        ("do { spin_lock(&l); r0 = x; n = 5; spin_unlock(&l); } while (!r0);", "no bound is enough"),
        ("int i; do { i = READ_ONCE(n); WRITE_ONCE(n, i + 1); } while (i < 9);", "use --unroll 3"),
        ("while (READ_ONCE(n)) { xchg(&n, READ_ONCE(n) - 1); }", "use --unroll 3"),
        ("int *p = &n; while (READ_ONCE(*p) && !READ_ONCE(x)) { WRITE_ONCE(*p, 1); }", "use --unroll 3"),
        (f"for (;;) {{ if (READ_ONCE(x)) break; {MAYBE} }}", "may turn any number of times"),
        ("int i = 0; while (i < READ_ONCE(n)) { i++; ON; OFF; }", "use --unroll 3"),
    ],
)  # fmt: skip
def test_no_bound_is_advised_where_none_is_enough(loop: str, said: str, judge: str) -> None:
    """Interrupts that a loop lets in may come late, in any of its turns."""
    loop = loop.replace(" ON", " local_irq_enable()").replace(" OFF", "local_irq_disable()")
    found = verdict(
        "{ int x; int n = 4; spinlock_t l; }\nvoid h(void *i) { WRITE_ONCE(x, 1); }\n"
        "P0 { smp_call_function_single(1, h, NULL, 1); }\n"
        f"P1 {{ local_irq_disable();\n{loop}\n local_irq_enable(); }}\nexists (x = 0)",
        judge,
    )
    assert found.observation == "unknown" and said in found.reason
    assert ("--unroll" in found.reason) == ("--unroll" in said)


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize(
    ("turn", "walks"),
    [
        ("p = READ_ONCE(p->next);", True),
        ("{ struct n *q = p; p = q->next; smp_rmb(); }", True),
        ("{ p = READ_ONCE(p->next); WRITE_ONCE(x, 1); }", False),
        ("{ WRITE_ONCE(x, x + 1); if (x == 9) break; }", False),
    ],
)
def test_a_walk_may_be_one_that_no_bound_ends(turn: str, walks: bool, judge: str) -> None:
    found = verdict(
        "struct n { struct n *next; };\n{ struct n head { .next = &a }; struct n a { .next = &a }; int x; }\n"
        f"P0 {{ struct n *p = READ_ONCE(head.next); while (p != &head) {turn} }}\nexists (x = 0)",
        judge,
    )
    assert found.observation == "unknown" and "--unroll 3" in found.reason
    assert ("where a list leads to itself" in found.reason) == walks


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize(
    ("condition", "observation"), [("exists (0:hang)", "never"), ("exists (hang)", "always")]
)
@pytest.mark.parametrize("filtered", ["", "filter (x = 0)\n", "filter (x = 5)\n"])
def test_a_deadlock_is_one_where_the_condition_asks_for_hangs(
    condition: str, observation: str, filtered: str, judge: str
) -> None:
    program = (
        "{ int x; }\nP0 { r0 = READ_ONCE(x); }\nP1 { smp_cond_load_relaxed(&x, VAL); }\nexpect deadlock;\n"
    )
    found = verdict(f"{program}{filtered}{condition}", judge)
    if "5" in filtered:
        assert found.observation == "unknown"  # no run that it keeps; those that it drops hang
        return
    assert (found.observation, found.deadlock, found.hangs, found.as_expected) == (
        observation,
        True,
        True,
        True,
    )
    assert headline(found) == f"t   {observation:<9}   as expected, deadlock"


@pytest.mark.parametrize(("name", "variant"), CASES)
def test_deadlocks_of_the_corpus_say_who_waits(name: str, variant: str) -> None:
    path = LITMUS / f"{name}.litmus"
    (test,) = (t for t in load(Source(str(path), path.read_text())) if t.variant == variant)
    found = [run(test, Options(judge=judge)) for judge in JUDGES]
    assert found[0].waits and found[0].as_expected
    assert {v.waits for v in found} == {found[0].waits}
    for wait in found[0].waits:
        assert wait.kind and wait.span is not None and wait.span.source is test.source
        assert wait.told(test.source.name) in found[0].reason


def test_the_same_run_is_told_every_time() -> None:
    program, _ = WAITS["two locks in two orders"]
    assert len({verdict(program).reason for _ in range(3)}) == 1


def test_files_that_are_included_have_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "take.h").write_text("void take(spinlock_t *l)\n{\n    spin_lock(l);\n}\n")
    (tmp_path / "t.litmus").write_text(
        'MM t\n{ spinlock_t l; }\n#include "take.h"\nP0 { take(&l); take(&l); }\nexists (l = 1)\n'
    )
    assert main(["check", "-q", str(tmp_path / "t.litmus")]) == 3
    said = "CPU 0 waits in line 4 (take.h:3) for l, and CPU 0 has held it since line 4 (take.h:3)"
    assert said in capsys.readouterr().out


COUNTS = """{ unsigned int seq; int a; }
P0 { WRITE_ONCE(seq, 1); smp_wmb(); WRITE_ONCE(a, 1); smp_wmb(); WRITE_ONCE(seq, 2); }
P1 {
    unsigned int s;
    do {
        s = READ_ONCE(seq); smp_rmb();
        r0 = READ_ONCE(a); r1++;
        smp_rmb();
    } while ((s & 1) || READ_ONCE(seq) != s);
}
exists (1:r0 = 7 /\\ ~1:r1 = 99)"""

MORE = "needs more iterations; assume() its end, or use --unroll {more}"
ANY = (
    "may turn any number of times before others come in between, or see what it does; "
    "no bound is enough; assume() its end"
)
LOOPS = {
    "do": (COUNTS, f"the loop in lines 6-10 of P1 {MORE}"),
    "while": (
        "{ int x; int y; }\nP0 { while (!READ_ONCE(x))\n WRITE_ONCE(y, 1); }\nP1 { WRITE_ONCE(x, 1); }\n"
        "exists (y = 2)",
        f"the loop in lines 3-4 of P0 {ANY}",
    ),
    "goto, and several": (
        "{ int x = 1; int y; }\nP0 {\n"
        "again:\n r0 = READ_ONCE(x); WRITE_ONCE(y, 1);\n if (r0)\n  goto again;\n}\n"
        "P1 { for (r1 = 0; r1 < 1 || READ_ONCE(x); r1++)\n WRITE_ONCE(y, r1); }\nexists (x = 0)",
        f"the loop in lines 4-7 of P0 {ANY.split('; ')[0]}; the loop in lines 9-10 of P1 "
        "needs more iterations; no bound is enough; assume() their ends",
    ),
    "a handler": (
        "{ int x; int y; }\nvoid f(void *i) { do { WRITE_ONCE(y, 1); } while (!READ_ONCE(x)); }\n"
        "P0 { smp_call_function_single(1, f, NULL, 1); WRITE_ONCE(x, 1); }\nP1 { }\nexists (x = 1)",
        f"the loop in line 3 of f() on CPU 1 {ANY}",
    ),
}


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("bound", [2, 3])
@pytest.mark.parametrize("name", LOOPS)
def test_which_loop_goes_on(name: str, bound: int, judge: str) -> None:
    program, told = LOOPS[name]
    found = verdict(program, judge, unroll=bound)
    assert (found.observation, found.bound) == ("unknown", bound)
    assert found.reason == f"within bound {bound}: {told.format(more=bound + 1)}"


ENDLESS = (
    "while (1) { x++; }", "for (;;) x++;", "do { x++; } while (1);", "again: x++; goto again;",
    "while (1) { x++; f(); do { y++; } while (READ_ONCE(y) < 3); }",
    "while (1) { if (x == 1) continue; x++; }",
)  # fmt: skip
AT_LAST = (
    "while (1) { x++; if (x == 99) break; }", "do { x++; } while (x != 9);", "for (; x != 9;) x++;",
    "while (1) { x++; if (x == 99) goto out; }\nout: ;", "while (1) { x++; assume(x != 9); }",
)  # fmt: skip


@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("loop", [*ENDLESS, *AT_LAST])
def test_of_a_loop_that_nothing_leaves_no_bound_is_named(loop: str, judge: str) -> None:
    program = (
        f"{{ int x; int y; }}\nvoid f(void) {{ if (y == 3) return; y++; }}\nP0 {{ {loop} }}\nexists (x = 9)"
    )
    reason = verdict(program, judge).reason
    ending = "line 4 of P0 needs more iterations; assume() its end, or use --unroll 3"
    told = "line 4 of P0 never ends: nothing leaves it" if loop in ENDLESS else ending
    assert reason == f"within bound 2: the loop in {told}"


def test_loops_with_and_without_an_end() -> None:
    program = "{ int x; int y; }\nP0 { while (1) x++; }\nP1 { do { y++; } while (y != 99); }\nexists (x = 9)"
    assert verdict(program).reason == (
        "within bound 2: the loop in line 3 of P0 never ends: nothing leaves it; "
        "the loop in line 4 of P1 needs more iterations; assume() its end, or use --unroll 3"
    )


@pytest.mark.parametrize("judge", JUDGES)
def test_a_loop_that_ends_is_not_named(judge: str) -> None:
    """Of two loops, only the one that the bound cuts."""
    program = "{ int x; int y; }\nP0 { r0 = 0; while (r0 != 2) r0 = r0 + 1; }\n"
    program += (
        "P1 { do { WRITE_ONCE(y, 3);\n } while (!READ_ONCE(x)); }\nP2 { WRITE_ONCE(x, 1); }\nexists (x = 9)"
    )
    assert "the loop in lines 4-5 of P1 may turn any number of times" in verdict(program, judge).reason


@pytest.mark.parametrize("judge", JUDGES)
def test_assembly_has_no_assume(judge: str) -> None:
    text = (
        "X86_64 t\n{ }\n P0 | P1 ;\n movl $1,(x) | L0: ;\n | movl $1,(y) ;\n | movl (x),%eax ;\n"
        " | cmpl $0,%eax ;\n | je L0 ;\n"
    )
    (found,) = verdicts(f"{text}exists (1:rax=2)\n", judge)
    never = "the loop in lines 4-8 of P1 may turn any number of times before others come in between"
    assert found.reason == f"within bound 2: {never}, or see what it does; no bound is enough"
    (found,) = verdicts(f"{text.replace('movl $1,(y)', 'incl (y)')}exists (1:rax=2)\n", judge)
    assert found.reason == "within bound 2: the loop in lines 4-8 of P1 needs more iterations; use --unroll 3"


def test_the_bound_is_not_spoken_of_where_it_does_not_matter() -> None:
    found = verdict(COUNTS.replace("1:r0 = 7", "1:r0 = 1"))
    assert (found.observation, found.loops, found.reason) == ("sometimes", (), "")


@pytest.mark.parametrize("judge", JUDGES)
def test_json_has_it_apart(capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str) -> None:
    path = tmp_path / "t.litmus"
    program, told = WAITS["a call"]
    path.write_text(f"MM t\n{program}\n")
    main(["check", "--format", "json", "--judge", judge, str(path)])
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert found["reason"] == f"deadlock: no run ends: {told}"
    assert found["loops"] == []
    assert found["waits"][0] == {
        "kind": "answers", "cpu": 0, "file": str(path), "line": 4, "what": "for CPU 1 to run f()",
        "held_by": "CPU 1 has interrupts off", "handler": None, "inside": None, "called": None,
    }  # fmt: skip
    path.write_text(f"MM t\n{COUNTS}\n")
    main(["check", "--format", "json", "--judge", judge, str(path)])
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert found["waits"] == []
    assert found["loops"] == [{"cpu": 1, "body": "P1", "file": str(path), "line": 6, "last": 10}]
