"""Where a CPU waits for ever, whatever its last look is made of: loads of which none is executed, and what
stands between two of them (MMR 20.3). The judges have to agree about all states."""

from __future__ import annotations

from itertools import product

import pytest

from tests.properties.test_waiting import check_text
from verifier.lower.build import build
from verifier.source import Source
from verifier.syntax import load

# Loops that look only where something holds that they cannot change.
GUARDED = (
    "while (!{r} || !READ_ONCE(z)) cpu_relax();",
    "while ({r} || !READ_ONCE(z)) cpu_relax();",
    "while ({r} != 1 || xchg(&z, 0) == 0) cpu_relax();",
    "for (;;) { if ({r} && READ_ONCE(z)) break; }",
    "for (;;) { if (!{r}) continue; if (READ_ONCE(z)) break; smp_mb(); }",
    "do { if ({r}) r1 = READ_ONCE(z); } while (!r1);",
    "while ({r} ? !READ_ONCE(z) : !READ_ONCE(x)) cpu_relax();",
    "while (!{r} || !READ_ONCE(z) || !READ_ONCE(x)) rmb();",
    "while (!{r} || !READ_ONCE(z)) mb();",
    "while (!{r}) rmb();",
    "while (!{r}) { if (READ_ONCE(z) && {r} == 2) break; wmb(); }",
    "while (!{r}) { spin_lock(&l); spin_unlock(&l); }",
    "while (!{r} || !READ_ONCE(z)) { rcu_read_lock(); rcu_read_unlock(); }",
    "while (!{r}) { if ({r}) { spin_lock(&l); spin_unlock(&l); } else if (READ_ONCE(z) == 2) break; }",
    "while (!{r} || cmpxchg(&z, 1, 0) != 1) cpu_relax();",
    "spin_lock(&l); while (!{r} || !READ_ONCE(z)) { spin_unlock(&l); spin_lock(&l); } spin_unlock(&l);",
)
READS = ("r0 = READ_ONCE(y);", "r0 = xchg(&y, 0);", "r0 = atomic_read(&a);")

# What stands between the loads of a turn, and behind the last.
BETWEEN = (
    "",
    "smp_mb();",
    "mb();",
    "rmb();",
    "wmb();",
    "cpu_relax();",
    "smp_mb(); rmb(); smp_mb();",
    "if (xchg(&w, 0)) break;",
    "if (cmpxchg(&w, 1, 2) == 1) break;",
    "if (this_cpu_cmpxchg(p, 1, 2) == 1) break;",
    "r2 = atomic_add_return(0, &a);",
    "r2 = READ_ONCE(w);",
    "rcu_read_lock(); rcu_read_unlock();",
    "local_irq_disable(); local_irq_enable();",
    "spin_lock(&l); spin_unlock(&l);",
    "r2 = smp_processor_id();",
    "if (r0 == 2) { WRITE_ONCE(w, 1); break; }",
    "if (r0 == 2) smp_mb();",
    "while (READ_ONCE(w)) cpu_relax();",
)
LAST = (
    "do {{ r0 = READ_ONCE(y); {0} }} while (!READ_ONCE(z)); WRITE_ONCE(x, r0);",
    "r0 = READ_ONCE(y); {0} while (!READ_ONCE(z)) {{ r0 = READ_ONCE(y); {0} }} WRITE_ONCE(x, r0);",
    "while (!READ_ONCE(z)) {{ {0} r0 = READ_ONCE(y); {0} }} r0 = 0;",
)
# What breaks does not stand in front of a loop.
PAIRED = [(a, b) for a, b in product(LAST, BETWEEN) if "break" not in b or not a.startswith("r0")]
STATE = "{ int x; int y; int z; int w; atomic_t a; spinlock_t l; percpu int p; }"
ENDS = "locations [x; y; z; w;]\nexists (hang)"


def in_places(code: str, others: str) -> tuple[str, ...]:
    """A program whose first CPU runs this code, and one in which a handler does."""
    handler = f"void h(void *info) {{ int r0; int r1; int r2; {code} }}"
    return (
        f"MM t\n{STATE}\nP0 {{ {code} }}\nP1 {{ {others} }}\n{ENDS}\n",
        f"MM t\n{STATE}\n{handler}\nP0 {{ WRITE_ONCE(z, 1); }}\n"
        f"P1 {{ smp_call_function_single(0, h, NULL, 0); {others} }}\n{ENDS}\n",
    )


def agree(code: str, others: str, *profiles: str) -> bool:
    """May a program with this code hang, or may its loop need a bound? The judges agree about it."""
    texts = in_places(code, others)
    hangs = [check_text(text, name) for text in texts for name in profiles]
    return True in hangs or any(build(test).cuts for text in texts for test in load(Source("t", text)))


OTHERS = "WRITE_ONCE(y, 1); atomic_set(&a, 1); WRITE_ONCE(z, 1);"


@pytest.mark.slow
@pytest.mark.parametrize(("loop", "read"), [*product(GUARDED, READS)])
def test_looks_of_which_none_is_executed(loop: str, read: str) -> None:
    code = f"{read} {loop.replace('{r}', 'r0')}"
    assert agree(code, OTHERS, "generic", "sparc64")


@pytest.mark.slow
@pytest.mark.parametrize(("loop", "between"), PAIRED)
def test_what_stands_between_two_looks(loop: str, between: str) -> None:
    code = loop.format(between)
    assert agree(code, "WRITE_ONCE(y, 1);", "generic", "sparc64")
    agree(code, OTHERS, "generic")
