"""Trylocks that turn interrupts or softirqs off where they take the lock, against their definitions in
linux/spinlock.h, written out."""

from __future__ import annotations

import pytest

from tests.judges import states

# By the call: how the kernel defines it, and what gives the lock back.
DEFINED = {
    "spin_trylock_irq(&l)": (
        "local_irq_disable(); r0 = spin_trylock(&l); if (!r0) local_irq_enable();",
        "spin_unlock_irq(&l);",
    ),
    "spin_trylock_irqsave(&l, f)": (
        "local_irq_save(f); r0 = spin_trylock(&l); if (!r0) local_irq_restore(f);",
        "spin_unlock_irqrestore(&l, f);",
    ),
    "spin_trylock_bh(&l)": (
        "local_bh_disable(); r0 = spin_trylock(&l); if (!r0) local_bh_enable();",
        "spin_unlock_bh(&l);",
    ),
    "write_trylock_irqsave(&w, f)": (
        "local_irq_save(f); r0 = write_trylock(&w); if (!r0) local_irq_restore(f);",
        "write_unlock_irqrestore(&w, f);",
    ),
}
AROUND = ("CODE", "local_irq_disable(); CODE r2 = irqs_disabled(); local_irq_enable();")


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("call", DEFINED)
def test_each_is_its_definition(call: str, around: str) -> None:
    written, unlock = DEFINED[call]
    lock = "write" if "write" in call else "spin"
    at = "&w" if lock == "write" else "&l"
    found = []
    for taken in (f"r0 = {call};", written):
        code = f"{taken} r1 = irqs_disabled(); if (r0) {{ x = x + 1; {unlock} }} r3 = irqs_disabled();"
        found.append(
            states(
                "MM t\n{ int x; int y; spinlock_t l; rwlock_t w; struct rcu_head c; }\n"
                "void h(void *i) { y = READ_ONCE(x) + 1; }\nvoid cb(struct rcu_head *i) { y = 9; }\n"
                f"P0 {{ unsigned long f; {'call_rcu(&c, cb); ' * ('_bh' in call)}"
                f"{around.replace('CODE', code)} }}\n"
                f"P1 {{ {lock}_lock({at}); x = x + 1; {lock}_unlock({at}); "
                "smp_call_function_single(0, h, NULL, 0); }\n"
                f"locations [0:r0; 0:r1; 0:r3; {'0:r2; ' * ('r2' in around)}x; y;]\n"
            )
        )
    assert len(found[0]) > 1 and found[0] == found[1]
