"""Warnings about what may sleep in an interrupt, or with preemption off, as the kernel's ``might_sleep()``
gives them."""

from __future__ import annotations

import pytest

from tests.words import arguments, called, text
from verifier.lower.c.file import lower
from verifier.program.expressions import TRUE
from verifier.source import Source
from verifier.syntax import load
from verifier.words.rows import Load, Locked, Machine, Word, flat
from verifier.words.table import WORDS

START = (
    'MM t\n#include "linux/wait.inc"\n{ int x; spinlock_t l; raw_spinlock_t w; rwlock_t k; struct mutex m;\n'
)
START += "  struct semaphore s = 1; struct rw_semaphore v; struct srcu_struct d; struct completion c;\n"
START += "  percpu local_lock_t o; }\n"


def said(code: str, more: str = "", expected: str = "") -> list[str]:
    """The warnings about sleeping that a program gives."""
    (test,) = load(Source("t", f"{START}{more}P0 {{\n  {code} }}\nP1 {{ }}\n{expected}exists (x = 1)\n"))
    found = [d for d in lower(test).world.warnings if d.code == "sleep"]
    assert all(d.severity == "warning" and d.span is not None and d.span.source.name == "t" for d in found)
    return [d.message for d in found]


SLEEPS = (
    "mutex_lock(&m)", "r0 = mutex_lock_killable(&m)", "down(&s)", "down_read(&v)", "down_write(&v)",
    "synchronize_rcu()", "synchronize_srcu(&d)", "rcu_barrier()", "srcu_barrier(&d)", "might_sleep()",
    "cond_resched()", "schedule()", "wait_for_completion(&c)", "guard(mutex)(&m)",
)  # fmt: skip
OF_A_CPU = ("schedule()", "wait_for_completion(&c)")  # what they do is about a CPU that is known
ATOMIC = (
    "spin_lock(&l)", "raw_spin_lock(&w)", "read_lock(&k)", "write_lock(&k)", "rcu_read_lock()",
    "preempt_disable()", "local_bh_disable()", "spin_lock_irq(&l)", "guard(spinlock)(&l)",
)  # fmt: skip


@pytest.mark.parametrize("sleeps", SLEEPS)
@pytest.mark.parametrize("atomic", ATOMIC)
def test_with_preemption_off(atomic: str, sleeps: str) -> None:
    (found,) = said(f"{atomic}; {sleeps};")
    assert found.endswith("may sleep, and preemption is off here, or it is an RCU reader")
    assert sleeps.removeprefix("r0 = ") in found
    assert said(f"{sleeps}; {atomic};") == []


OFF = (
    "local_irq_disable()", "unsigned long f; local_irq_save(f)", "guard(irq)()", "guard(irqsave)()",
    "local_irq_disable(); unsigned long f; local_irq_save(f); local_irq_restore(f)",
    "unsigned long f; spin_lock_irqsave(&l, f); spin_unlock(&l)",
    "if (x) local_irq_disable(); else local_irq_disable()", "local_lock_irq(&o)",
)  # fmt: skip
ON = (
    "local_irq_disable(); local_irq_enable()",
    "unsigned long f; local_irq_save(f); local_irq_restore(f)",
    "local_irq_disable(); safe_halt()",
    "spin_lock_irq(&l); spin_unlock_irq(&l)",
    "if (x) local_irq_disable()",
    "unsigned long f; local_irq_save(f); local_irq_enable(); local_irq_disable(); local_irq_restore(f)",
    "{ guard(irqsave)(); r1 = x; }",
)


@pytest.mark.parametrize("sleeps", SLEEPS)
@pytest.mark.parametrize("off", OFF)
def test_with_interrupts_off(off: str, sleeps: str) -> None:
    (found,) = said(f"{off}; {sleeps};")
    assert found.endswith("may sleep, and interrupts are off here")
    assert sleeps.removeprefix("r0 = ") in found


@pytest.mark.parametrize("sleeps", SLEEPS)
@pytest.mark.parametrize("on", ON)
def test_with_interrupts_on_again(on: str, sleeps: str) -> None:
    assert said(f"{on}; {sleeps};") == []


def test_a_cpu_that_starts_with_interrupts_off() -> None:
    code = "mutex_lock(&m); local_irq_enable(); mutex_unlock(&m);"
    text = f"MM t\n{{ struct mutex m; 0:irq = off; }}\nP0 {{ {code} }}\nexists (m = 1)\n"
    (test,) = load(Source("t", text))
    assert [d.message for d in lower(test).world.warnings if d.code == "sleep"] == [
        "mutex_lock(&m) may sleep, and interrupts are off here"
    ]


@pytest.mark.parametrize("sleeps", SLEEPS)
def test_in_an_interrupt(sleeps: str) -> None:
    handler = f"void h(void *p) {{\n {sleeps}; }}\n"
    (found,) = said("smp_call_function_single(1, h, NULL, 0);", handler)
    assert found.endswith("may sleep, and h() runs in an interrupt")
    (found,) = said("call_rcu(&x, h);", handler)
    assert found.endswith("may sleep, and h() runs in an interrupt")
    (found,) = said(";", f"nmi P1 {{ {sleeps}; }}\n")
    assert found.endswith("may sleep, and this is an NMI")
    if sleeps not in OF_A_CPU:
        assert said("call_srcu(&d, &x, h);", handler) == []  # a workqueue runs it


@pytest.mark.parametrize(
    "code",
    [
        "spin_lock(&l); spin_unlock(&l); mutex_lock(&m);",
        "r0 = srcu_read_lock(&d); mutex_lock(&m); srcu_read_unlock(&d, r0);",
        "mutex_lock(&m); down(&s); spin_lock(&l);",
        "spin_lock(&l); r0 = mutex_trylock(&m); r1 = down_trylock(&s); r2 = down_read_trylock(&v);",
        "r0 = spin_trylock(&l); if (!r0) mutex_lock(&m);",
        "if (x) spin_lock(&l); mutex_lock(&m);",  # not on every path
        "scoped_guard(spinlock, &l) { x = 1; } mutex_lock(&m);",
        "local_irq_disable(); local_irq_enable(); mutex_lock(&m);",
    ],
)
def test_where_it_may(code: str) -> None:
    assert said(code) == []


@pytest.mark.parametrize(
    "code",
    [
        "spin_lock(&l); if (x) mutex_lock(&m); spin_unlock(&l);",
        "spin_lock(&l); while (READ_ONCE(x)) mutex_lock(&m); spin_unlock(&l);",
        "rcu_read_lock(); rcu_read_lock(); rcu_read_unlock(); mutex_lock(&m); rcu_read_unlock();",
        "if (x) spin_lock(&l); else read_lock(&k); mutex_lock(&m);",
    ],
)
def test_on_every_path(code: str) -> None:
    assert len(said(code)) == 1


@pytest.mark.parametrize(
    ("expected", "condition", "warns"),
    [
        ("sometimes", "hang", False),
        ("always", "0:hang /\\ x = 0", False),
        ("sometimes", "hang \\/ 0:hang", False),
        ("never", "hang", True),
        ("sometimes", "~hang", True),
        ("sometimes", "hang \\/ x = 0", True),
        ("sometimes", "x = 0", True),
    ],
)
def test_whoever_asks_for_a_hang_expects_it(expected: str, condition: str, warns: bool) -> None:
    code = "rcu_read_lock(); synchronize_rcu(); rcu_read_unlock();"
    end = f'exists ({condition})\nvariants {{\n  V {expected} "why";\n}}\n'
    (test,) = load(Source("t", f"{START}P0 {{ {code} }}\n{end}"))
    assert any(d.code == "sleep" for d in lower(test).world.warnings) == warns


def test_whoever_expects_a_hang_knows() -> None:
    assert said("rcu_read_lock(); synchronize_rcu(); rcu_read_unlock();", expected="expect deadlock;\n") == []


def test_the_call_of_an_include_is_named() -> None:
    code = "spin_lock(&l);\n  if (!try_wait_for_completion(&c)) wait_for_completion(&c);\n"
    assert said(code) == [
        "wait_for_completion(&c) may sleep, and preemption is off here, or it is an RCU reader"
    ]


def _waits(word: Word) -> bool:
    """Does a word wait as a task does: for a grace period, or for one place with preemption on?"""
    every = list(flat(word.effects))
    spins = any(isinstance(x, Machine) and x.op in ("RCU", "IRQ") for x in every)
    looks = any(isinstance(x, Load | Locked) and x.needs != TRUE for x in every)
    ends = any(isinstance(x, Machine) and (x.op, x.kind) == ("GP", "end") for x in every)
    return ends or (looks and not spins and word.declared != "spinlock_t")


@pytest.mark.parametrize("name", WORDS)
def test_what_waits_with_preemption_on_sleeps(name: str) -> None:
    word = WORDS[name]
    more = word.special is not None and word.special.name in ("wait_event", "free_rcu")
    assert word.sleeps == _waits(word) or more or "it may schedule" in word.doc


@pytest.mark.parametrize("name", [w.name for w in WORDS.values() if w.sleeps and w.special is None])
def test_each_word_that_sleeps_is_marked(name: str) -> None:
    word = WORDS[name]
    (test,) = load(
        Source("t", text(word, f"rcu_read_lock(); {called(name, arguments(word))}; rcu_read_unlock();"))
    )
    assert [d.code for d in lower(test).world.warnings if d.code == "sleep"] == ["sleep"]


@pytest.mark.parametrize("code", ["pte(N, v) + 8", "pmd(M, v) - 1", "1 + 0; e = pte(N, v); e = e + 1"])
def test_the_neighbour_of_an_entry(code: str) -> None:
    initial = "page A = 1; table T { v -> A }; mm N { v -> A }; mm M { v -> T };"
    text = f"MM t\n{{ {initial} }}\nP0 {{ pte_t *e; r0 = {code}; }}\nexists (0:r0 = 0)\n"
    (test,) = load(Source("t", text))
    found = [d for d in lower(test).world.warnings if d.code == "entry"]
    assert len(found) == 1 and "name the entry, as pte(N, w)" in found[0].hint
