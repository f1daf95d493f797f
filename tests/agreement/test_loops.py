"""Loops that are decided exactly (MMR 20.4), against the same loops unrolled turn by turn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.effort import share
from verifier import explore
from verifier.lower.build import build
from verifier.program.events import Program
from verifier.source import Source
from verifier.suite.load import load_checked
from verifier.syntax import read
from verifier.syntax.test import Test

LITMUS = Path(__file__).resolve().parents[2] / "litmus"
FILES = [  # with loops; those of kernel/ need a tree
    p
    for p in sorted(LITMUS.rglob("*.litmus"))
    if p.parent.name != "kernel" and re.search(r"\b(while|for) \(|\bgoto\b", p.read_text())
]
BOUNDS = (0, 1, 2, 3)


def loops(program: Program) -> int:
    """How many jumps back the program still has."""
    return len(program.cuts)


def corpus() -> list[Test]:
    """The tests of a part of the corpus with a loop that needs no bound: turned off, it is cut somewhere."""
    tests = [t for path in share(FILES, 4) for t in load_checked(read(path))]
    return [t for t in tests if loops(build(t, 1, exact=False)) > loops(build(t, 1))]


def states(program: Program) -> set[object]:
    """All final states, by the explorer."""
    answer = explore.decide(program, want_states=True, witnesses=False)
    assert answer.states is not None, answer.reason
    return set(answer.states)


def compare(test: Test, most: int = BOUNDS[-1]) -> None:
    """Each bound finds states that the exact loop has, and some bound finds all."""
    exact = states(build(test))
    found: set[object] = set()
    for bound in range(most + 1):
        bounded = states(build(test, bound, exact=False))
        assert found <= bounded <= exact, (bound, bounded - exact)
        found = bounded
        if found == exact:
            return
    pytest.fail(f"no run with {most} turns ends in {exact - found}")


@pytest.mark.long
def test_loops_of_the_corpus() -> None:
    """The exact loops of every fourth file; of more by ``VERIFIER_EFFORT``."""
    tests = corpus()
    assert len(tests) > 3
    for test in tests:
        compare(test)


SHARED = "{ unsigned int seq; int a; int b; int x; int stop; unsigned long w; atomic_t y; spinlock_t l; }\n"
WRITER = "P0 { seq = 1; smp_wmb(); a = 1; b = 1; smp_wmb(); seq = 2; }\n"
FORMS = {
    "a reader in one loop": WRITER
    + "P1 { unsigned s; do { s = READ_ONCE(seq); smp_rmb(); r0 = a; r1 = b; smp_rmb(); }"
    " while ((s & 1) || READ_ONCE(seq) != s); }",
    "a reader in two loops": WRITER
    + "P1 { unsigned s; do { while ((s = READ_ONCE(seq)) & 1) cpu_relax(); r0 = a; r1 = b; }"
    " while (READ_ONCE(seq) != s); }",
    "a reader with goto": WRITER
    + "P1 { unsigned s;\nagain: s = READ_ONCE(seq); if (s & 1) goto again; r0 = a; r1 = b;"
    " if (READ_ONCE(seq) != s) goto again; }",
    "try_cmpxchg": "P0 { int o = READ_ONCE(x); do { } while (!try_cmpxchg(&x, &o, o + 1)); r0 = o; }\n"
    "P1 { int o = READ_ONCE(x); do { } while (!try_cmpxchg(&x, &o, o + 2)); r0 = o; r1 = stop; }\n"
    "P2 { stop = 1; r0 = READ_ONCE(x); }",
    "cmpxchg": "P0 { int o; do { o = READ_ONCE(x); } while (cmpxchg(&x, o, o + 1) != o); r0 = o; }\n"
    "P1 { int o; do { o = READ_ONCE(x); } while (cmpxchg(&x, o, o + 2) != o); r0 = o; r1 = stop; }\n"
    "P2 { stop = 1; }",
    "a word that does nothing": "P0 { x = 1; stop = 1; }\n"
    "P1 { while (!READ_ONCE(stop)) cond_resched();\n"
    " r0 = READ_ONCE(x); r1 = 0; }",
    "break": "P0 { x = 1; stop = 1; }\n"
    "P1 { for (;;) { r0 = READ_ONCE(x); if (READ_ONCE(stop)) break; smp_mb(); }"
    " r1 = READ_ONCE(x); }",
    "two ends": "P0 { x = 1; stop = 1; }\n"
    "P1 { for (;;) { if (READ_ONCE(x)) { r0 = 1; break; }\n"
    " if (READ_ONCE(stop)) { r0 = 2; break; } } r1 = READ_ONCE(x); }",
    "a lock by hand": "P0 { while (xchg(&x, 1) == 1) cpu_relax(); r0 = a;\n a = r0 + 1;"
    " smp_store_release(&x, 0); r1 = 0; }\n"
    "P1 { while (cmpxchg(&x, 0, 1) != 0) cpu_relax(); r0 = a; a = r0 + 1; smp_store_release(&x, 0);"
    " r1 = 0; }",
    "a bit lock by hand": "P0 { while (test_and_set_bit(1, &w)) cpu_relax();\n"
    " r0 = a; a = r0 + 1; clear_bit(1, &w); }\n"
    "P1 { while (atomic_fetch_or(4, &y) & 4) cpu_relax(); while (test_and_set_bit(1, &w)) cpu_relax();\n"
    " r0 = a; a = r0 + 1; r1 = 0; clear_bit(1, &w); }",
    "a trylock": "P0 { while (!spin_trylock(&l)) cpu_relax(); r0 = a; a = r0 + 1; spin_unlock(&l); }\n"
    "P1 { while (!spin_trylock(&l)) cpu_relax(); r0 = a; a = r0 + 1; r1 = 0; spin_unlock(&l); }",
    "a counter that is not yet positive": "P0 { while (atomic_dec_if_positive(&y) < 0) cpu_relax();"
    " r0 = x; }\n"
    "P1 { x = 1; atomic_inc(&y); r0 = a; r1 = 0; }",
    "in a handler": "P0 { smp_call_function_single(1, f, NULL, 0); x = 1; stop = 1;"
    " }\nP1 { r0 = READ_ONCE(a); r1 = 0; }",
    "with interrupts off": "P0 { x = 1; smp_call_function_single(1, f, NULL, 0); stop = 1; }\n"
    "P1 { while (!READ_ONCE(stop)) { local_irq_disable(); r0 = READ_ONCE(x); local_irq_enable(); }"
    " r0 = READ_ONCE(a); r1 = READ_ONCE(x); }",
    "in windows": "P0 { x = 1; smp_call_function_single(1, f, NULL, 0); stop = 1; }\n"
    "P1 { local_irq_disable(); do { local_irq_enable(); cpu_relax(); local_irq_disable();"
    " r0 = READ_ONCE(a); } while (!READ_ONCE(stop)); r1 = READ_ONCE(x); local_irq_enable(); }",
    "with a lock": "P0 { spin_lock(&l); x = 1; spin_unlock(&l); spin_lock(&l); stop = 1; spin_unlock(&l); }\n"
    "P1 { do { spin_lock(&l); r0 = x; r1 = stop; spin_unlock(&l); } while (!r1); }",
    "under interrupts": "P0 { x = 1; smp_call_function_single(1, f, NULL, 0); stop = 1; }\n"
    "P1 { do { r0 = READ_ONCE(a); r1 = READ_ONCE(x); } while (!READ_ONCE(stop)); }",
}


HANDLER = "void f(void *info) { while (!READ_ONCE(stop)) cpu_relax(); a = x + 1; }\n"


@pytest.mark.parametrize("name", FORMS)
def test_forms(name: str) -> None:
    handler = HANDLER if "smp_call" in FORMS[name] else ""
    first = "0:r0; " if "r0" in FORMS[name].split("P1")[0] else ""
    text = f"MM t\n{SHARED}{handler}{FORMS[name]}\nlocations [{first}1:r0; 1:r1; x; a;]\n"
    (test,) = load_checked(Source("t", text))
    assert not loops(build(test))
    compare(test)


X86 = """X86_64 t
{ }
 P0          | P1             ;
 movl $1,(x) | L0:            ;
 movl $1,(y) | movl (y),%eax  ;
             | cmpl $0,%eax   ;
             | je L0          ;
             | movl (x),%ebx  ;
locations [1:rax; 1:rbx;]
"""


def test_assembly() -> None:
    (test,) = load_checked(Source("t", X86))
    assert not loops(build(test)) and loops(build(test, exact=False))
    compare(test)


KEPT = {
    "it counts": "P0 { stop = 1; }\nP1 { r0 = 0; while (!READ_ONCE(stop)) r0++; }",
    "it stores": "P0 { stop = 1; }\nP1 { while (!READ_ONCE(stop)) WRITE_ONCE(x, 1); r0 = 0; }",
    "it asks whether handlers can come": "P0 { stop = 1; }\n"
    "P1 { while (!READ_ONCE(stop)) { local_irq_disable(); if (!irqs_disabled()) break;"
    " local_irq_enable(); } r0 = 0; }",
    "what it saw is looked at": "P0 { stop = 1; x = 1; }\nP1 { r0 = 0;"
    " while (!READ_ONCE(stop)) r0 = r0 | READ_ONCE(x); }",
    "it remembers the turn before": "P0 { stop = 1; }\n"
    "P1 { int last = 0; do { r0 = last; last = READ_ONCE(x); }"
    " while (!READ_ONCE(stop)); }",
    "a store that it sees in its own buffer": "P0 { stop = 1; }\n"
    "P1 { do { WRITE_ONCE(x, 1); r0 = READ_ONCE(x); }"
    " while (!READ_ONCE(stop)); }",
}


@pytest.mark.parametrize("name", KEPT)
def test_what_needs_a_bound(name: str) -> None:
    (test,) = load_checked(Source("t", f"MM t\n{SHARED}{KEPT[name]}\nlocations [1:r0;]\n"))
    assert loops(build(test))
