"""What may be left out of a loop, and where a CPU rests in it: both judges have the same program, so that a
fault of unrolling is seen by neither (MMR 20.1, 20.4)."""

from __future__ import annotations

import pytest

from verifier import explore
from verifier.lower.build import build
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load


def verdict(text: str, bound: int = 2) -> Verdict:
    (test,) = load(Source("t", f"MM t\n{text}\n"))
    return run(test, Options(judge="both", unroll=bound))


NESTED = {
    "nothing else happens": ("r1 == 2", "READ_ONCE(x) < 2", "", "always"),
    "another one may end it": (
        "r1 == 2 || READ_ONCE(n)", "!READ_ONCE(z) && READ_ONCE(x) < 2",
        "P1 { WRITE_ONCE(z, 1); WRITE_ONCE(n, 1); }", "sometimes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
def test_the_stores_of_an_inner_loop_are_a_turn_of_the_outer_one(name: str) -> None:
    """Paths that have come by the outer label at different times meet at the inner one."""
    leaves, goes_on, other, right = NESTED[name]
    text = (
        "{ int x; int z; int n; }\n"
        f"P0 {{ for (;;) {{ r1 = READ_ONCE(x); if ({leaves}) break; while ({goes_on}) "
        f"WRITE_ONCE(x, READ_ONCE(x) + 1); }} }}\n{other}\nexists (0:r1 = 2)"
    )
    assert verdict(text).observation in ("unknown", right) and not verdict(text).deadlock
    found = verdict(text, 4)
    assert found.observation == right and not found.hangs


OFF = (
    "{ int x; int y; int z; }\n"
    "P0 { int a; do { local_irq_disable(); a = irqs_disabled(); %s local_irq_enable(); } "
    "while (!READ_ONCE(x)); }\n"
    "P1 { WRITE_ONCE(y, 1); if (READ_ONCE(z)) x = 1; }\nP2 { z = 1; }\n"
    "exists (0:hang)"
)


@pytest.mark.parametrize(
    "waits",
    ["assume(a);", "smp_cond_load_relaxed(&y, VAL == a);", "while (READ_ONCE(y) != a) cpu_relax();"],
)
def test_a_wait_for_what_the_turn_has_changed(waits: str) -> None:
    """A last look would not see that interrupts are off, so the turn is not left out."""
    assert verdict(OFF % waits).observation in ("unknown", "sometimes")


RESTS = {
    "an inner wait": (
        "do { smp_cond_load_relaxed(&y, VAL == 0); r0 = READ_ONCE(x); } while (!READ_ONCE(z));", "y = 1;",
    ),
    "by hand": (
        "smp_cond_load_relaxed(&y, VAL == 0); r0 = READ_ONCE(x); if (!READ_ONCE(z)) { "
        "smp_cond_load_relaxed(&y, VAL == 0); r0 = READ_ONCE(x); }", "y = 1;",
    ),
    "a lock": (
        "do { spin_lock(&l); r0 = READ_ONCE(x); spin_unlock(&l); } while (!READ_ONCE(z));", "spin_lock(&l);",
    ),
    "an interrupt": (
        "do { cpu_relax(); r0 = READ_ONCE(x); } while (!READ_ONCE(z));",
        "smp_call_function_single(0, h, NULL, 0);",
    ),
    "an interrupt in an RCU section": (
        "do { rcu_read_lock(); r1 = READ_ONCE(z); r0 = READ_ONCE(x); rcu_read_unlock(); } while (!r1);",
        "apic_icr_write(0, h);",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RESTS)
def test_locals_of_an_earlier_turn(name: str) -> None:
    """A CPU rests in a later turn with what it has read in an earlier one."""
    loop, stops = RESTS[name]
    text = (
        "{ int x; int y; int z; spinlock_t l; }\nvoid h(void *p) { while (!READ_ONCE(z)) cpu_relax(); }\n"
        f"P0 {{ {loop} }}\nP1 {{ WRITE_ONCE(x, 1); smp_mb(); {stops} }}\nexists (0:hang /\\ 0:r0 = 1)"
    )
    assert verdict(text).observation == "sometimes"


INTERRUPTED = {
    "in a spin that looks at nothing": (
        "void h(void *p) { WRITE_ONCE(y, 1); while (!READ_ONCE(z)) cpu_relax(); }\n"
        "P0 { if (READ_ONCE(n)) { WRITE_ONCE(x, 1); for (;;) cpu_relax(); } }\n"
        "P1 { if (READ_ONCE(x)) apic_icr_write(0, h); }\nP2 { WRITE_ONCE(n, 1); }"
    ),
    "in a do-while": (
        "void h(void *p) { WRITE_ONCE(y, 1); while (!READ_ONCE(z)) cpu_relax(); }\n"
        "P0 { do { cpu_relax(); } while (1); }\nP1 { apic_icr_write(0, h); }"
    ),
    "by an NMI that it has sent itself": (
        "void h(void *p) { if (!READ_ONCE(x)) { WRITE_ONCE(x, 1); apic_send_nmi(1, h); WRITE_ONCE(y, 1); "
        "WRITE_ONCE(y, 2); } else { while (!READ_ONCE(z)) cpu_relax(); } }\n"
        "P0 { apic_icr_write(1, h); }\nP1 { }"
    ),
}


@pytest.mark.parametrize("name", INTERRUPTED)
def test_a_handler_that_rests(name: str) -> None:
    text = f"{{ int x; int y; int z; int n; }}\n{INTERRUPTED[name]}\nexists (hang /\\ y = 1)"
    found = verdict(text)
    assert found.positive and found.hangs


@pytest.mark.parametrize("begin", ["local_bh_disable();", "rcu_read_lock();"])
def test_no_stop_in_front_of_what_is_no_event(begin: str) -> None:
    """Where x is 0 in the end, P0 is in its first loop, and has not set r1."""
    end = begin.replace("dis", "en").replace("lock", "unlock")
    text = (
        "{ int n; int x; int y; int z; int w; }\nvoid h(void *p) { while (!READ_ONCE(w)) cpu_relax(); }\n"
        f"P0 {{ int a = 0, b = 0; {begin} while (!READ_ONCE(x)) {{ WRITE_ONCE(n, 1); b = READ_ONCE(y); }} "
        f"while (!a) {{ WRITE_ONCE(n, 2); a = READ_ONCE(z); }} {end} r1 = b; }}\n"
        "P1 { WRITE_ONCE(y, 1); apic_icr_write(0, h); }\n"
        "P2 { if (READ_ONCE(y)) { WRITE_ONCE(x, 1); WRITE_ONCE(z, 1); } }\n"
        "exists (0:hang /\\ 0:r1 = 1 /\\ x = 0)"
    )
    (test,) = load(Source("t", f"MM t\n{text}\n"))
    assert explore.decide(build(test)).reachable is not True
    assert verdict(text).observation != "sometimes"


def test_a_callback_that_never_ends() -> None:
    """It has no path to its end at which a flag could be left changed."""
    found = verdict(
        "{ int x; struct rcu_head head; }\n"
        "void cb(struct rcu_head *p) { for (;;) { local_irq_disable(); x = x + 1; local_irq_enable(); } }\n"
        "P0 { call_rcu(&head, cb); }\nP1 { r0 = READ_ONCE(x); }\nexists (1:r0 = 1)"
    )
    assert "never ends" in found.reason


def test_a_warning_about_an_index_from_memory() -> None:
    """Whether an end has a beginning is known when all is unrolled."""
    found = verdict(
        "{ struct srcu_struct s; int i; int x; int z; }\nP0 { do { r1 = READ_ONCE(z); if (READ_ONCE(x) == 1) "
        "srcu_up_read(&s, READ_ONCE(i)); } while (!r1); }\n"
        "P1 { WRITE_ONCE(x, 1); WRITE_ONCE(x, 2); WRITE_ONCE(z, 1); }\nexists (0:warn = 1)"
    )
    assert found.observation == "sometimes"
