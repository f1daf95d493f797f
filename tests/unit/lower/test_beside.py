"""Warnings about barriers without a LOCK'd operation beside them, INVLPGB without a wait, and ``== A``."""

from __future__ import annotations

import pytest

from verifier.lower.build import build
from verifier.source import Source
from verifier.suite.load import load_checked
from verifier.words.table import WORDS

TOP = """MM t
{ page A = 1; mm N { v -> A }; 0:cr3 = N; atomic_t c; int x; spinlock_t l; unsigned long w; percpu int p; }
void inc(void) { atomic_inc(&c); }
void wait(void *info) { tlbsync(); }
"""
AFTER = "locations [c; w; 0:p; l]\n"


def warned(code: str, condition: str, expect: str = "", top: str = TOP) -> list[str]:
    text = f"{top}P0 {{ {code} }}\n{expect}\n{AFTER}exists ({condition})\n"
    (test,) = load_checked(Source("t", text))
    return [w.message for w in build(test).warnings]


@pytest.mark.parametrize(
    "code",
    [
        "smp_mb__before_atomic(); atomic_inc(&c); smp_mb__after_atomic();",
        "r0 = atomic_fetch_add(1, &c); r1 = r0 + 1; smp_mb__after_atomic(); x = r1;",
        "set_bit(0, &w); smp_mb__after_atomic();",
        "inc(); smp_mb__after_atomic(); x = 1;",
        "smp_mb__before_atomic(); inc();",
        "if (x) atomic_inc(&c); else atomic_dec(&c); smp_mb__after_atomic();",
        "r0 = 1; if (cmpxchg(&x, 0, 1)) smp_mb__after_atomic();",
        "r0 = 0; r1 = try_cmpxchg(&x, &r0, 1); smp_mb__after_atomic();",
        "spin_lock(&l); smp_mb__after_spinlock(); spin_unlock(&l);",
        "spin_lock_irqsave(&l, flags); smp_mb__after_spinlock(); spin_unlock_irqrestore(&l, flags);",
        "smp_mb(); smp_mb__after_atomic();",
    ],
)
def test_beside_a_locked_operation(code: str) -> None:
    flags = "unsigned long flags; " if "flags" in code else ""
    assert warned(flags + code, "x = 1") == []


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("__set_bit(0, &w); smp_mb__after_atomic(); r0 = x;", "before"),
        ("smp_mb__after_atomic(); x = 1;", "before"),
        ("atomic_inc(&c); x = 1; smp_mb__after_atomic();", "before"),
        ("if (x) atomic_inc(&c); smp_mb__after_atomic();", "before"),
        ("atomic_set(&c, 1); smp_mb__after_atomic();", "before"),
        ("this_cpu_inc(p); smp_mb__after_atomic();", "before"),
        ("x = 1; smp_mb__before_atomic(); atomic_set(&c, 1);", "after"),
        ("smp_mb__before_atomic(); if (x) atomic_inc(&c);", "after"),
        ("smp_mb__before_atomic();", "after"),
        ("spin_lock(&l); x = 1; smp_mb__after_spinlock(); spin_unlock(&l);", "before"),
        ("spin_lock(&l); spin_unlock(&l); smp_mb__after_unlock_lock();", "before"),
    ],
)
def test_beside_none(code: str, where: str) -> None:
    (found,) = warned(code, "x = 1")
    assert found.endswith(f": no LOCK'd operation stands right {where} it")


def test_the_row_says_which_words_are_locked() -> None:
    locked = "atomic_inc xchg cmpxchg try_cmpxchg set_bit smp_mb mb spin_lock cpumask_set_cpu ptep_xchg"
    plain = "atomic_set __set_bit READ_ONCE spin_unlock this_cpu_inc smp_wmb set_pte __cpumask_set_cpu"
    assert all(WORDS[w].locked for w in locked.split())
    assert not any(WORDS[w].locked for w in plain.split())


@pytest.mark.parametrize(
    ("code", "condition", "expect", "many"),
    [
        ("invlpgb(0, v);", "0:tlb[v -> A]", "", 1),
        ("invlpgb(0, v);", "0:tlb[v -> A]", "expect never;", 1),
        ("invlpgb(0, v); if (x) tlbsync();", "0:tlb[v -> A]", "", 1),
        ("tlbsync(); invlpgb_all();", "0:tlb[v -> A]", "", 1),
        ("invlpgb(0, v);", "0:tlb[v -> A]", "expect sometimes;", 0),
        ("invlpgb(0, v); tlbsync();", "0:tlb[v -> A]", "", 0),
        ("invlpgb(0, v); if (x) tlbsync(); else tlbsync();", "0:tlb[v -> A]", "", 0),
        ("invlpgb(0, v);", "x = 1", "", 0),
        ("invlpgb(0, v);", "ever (0:tlb[v -> A])", "", 0),
    ],
)
def test_an_invlpgb_that_nothing_waits_for(code: str, condition: str, expect: str, many: int) -> None:
    found = warned(code, condition, expect)
    assert len(found) == many and all("waits for this INVLPGB" in text for text in found)


@pytest.mark.parametrize(
    ("code", "page"),
    [
        ("if (ptep_get(pte(N, v)) == A) x = 1; ptep_set_wrprotect(pte(N, v));", "A"),
        ("pte_t e = ptep_get(pte(N, v)); if (e != A) x = 1; set_pte(pte(N, v), mk_pte(A, ro));", "A"),
        ("while (ptep_get(pte(N, v)) == A) cpu_relax(); r0 = ptep_test_and_clear_young(pte(N, v));", "A"),
    ],
)
def test_a_comparison_that_looks_at_the_page_alone(code: str, page: str) -> None:
    (found,) = warned(code, "x = 1")
    assert f"{page} looks at the page alone" in found


@pytest.mark.parametrize(
    "code",
    [
        "if (ptep_get(pte(N, v)) == A) x = 1;",
        "if (pte_same(ptep_get(pte(N, v)), A)) x = 1; ptep_set_wrprotect(pte(N, v));",
        "if (pte_page(ptep_get(pte(N, v))) == A) x = 1; ptep_set_wrprotect(pte(N, v));",
        "if (translate(v) == A) x = 1; ptep_set_wrprotect(pte(N, v));",
        "if (ptep_get(pte(N, v)) == mk_pte(A, ro)) x = 1;",
        "if (ptep_get(pte(N, v)) == none) x = 1; ptep_set_wrprotect(pte(N, v));",
    ],
)
def test_a_comparison_that_is_meant(code: str) -> None:
    assert warned(code, "x = 1") == []


def test_entries_that_are_not_present_are_told_apart_by_the_comparison() -> None:
    code = "set_pte(pte(N, v), mk_pte(A, protnone | ro)); if (ptep_get(pte(N, v)) == A) x = 1;"
    assert warned(code, "x = 1") == []
