"""The line above a story: entries of the initial TLB, instants that a condition asks for, interrupt flags.
No more stores wait in a buffer than have to."""

from __future__ import annotations

import pytest

from verifier.budget import Budget
from verifier.execution.cycles import adjoined, cyclic
from verifier.render.story import BUFFERED, story
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

JUDGES = pytest.mark.parametrize("judge", ["z3", "explorer"])
START = ", which was in its TLB from the start"


def decided(text: str, judge: str = "z3") -> Verdict:
    (test,) = load(Source("t", text))
    return run(test, Options(judge=judge))  # type: ignore[arg-type]


def head(verdict: Verdict) -> str:
    assert verdict.witness is not None and verdict.witness.matter is not None
    return verdict.witness.matter.told("t")


def rows(verdict: Verdict) -> list[str]:
    assert verdict.witness is not None
    return [" ".join(row[1:].split()) for row in story(verdict, verdict.witness).splitlines()]


@JUDGES
@pytest.mark.parametrize("change", ["ptep_test_and_clear_dirty", "pte_clear", "ptep_get_and_clear"])
def test_an_entry_of_the_initial_tlb_was_not_walked(change: str, judge: str) -> None:
    """A walk may find the same in the tables: the story says that the entry was there."""
    text = f"""MM t
{{ page A = 0; mm N {{ v -> A }}; 1:cr3 = N; 1:tlb = {{ v -> A }}; }}
P0 {{
    {change}(pte(N, v));
    A.data = 66;
}}
P1 {{ r1 = xchg(v, 1); }}
exists (1:r1 = 66)
"""
    verdict = decided(text, judge)
    assert head(verdict) == f"CPU 1 uses v -> A in line 7{START}, before line 4 of CPU 0 changed pte(N, v)"
    assert not any("store buffer" in row for row in rows(verdict))


PAIR = """MM t
{ page A = 0; page B = 1; mm N { v -> A }; mm U { v -> A }; 1:cr3 = N; 1:pcid = 1; 1:tlb = { v@129 -> A }; }
P0 {
    set_pte(pte(U, v), B);
    smp_mb();
    A.data = 66;
}
P1 {
    load_cr3_noflush(U, 129);
    r1 = *v;
}
exists (1:r1 = 66)
"""


@JUDGES
def test_an_entry_of_two_tables_is_of_the_space_that_is_loaded(judge: str) -> None:
    said = f"CPU 1 uses v@129 -> A in line 10{START}, before line 4 of CPU 0 changed pte(U, v)"
    assert head(decided(PAIR, judge)) == said


@JUDGES
def test_an_entry_of_another_space_is_named(judge: str) -> None:
    """Its PCID has gone to a space whose tables lead elsewhere."""
    text = """MM t
{ page A = 1; page B = 2; mm N { v -> A }; mm M { v -> B }; 1:cr3 = init_mm; 1:tlb = { v@5 -> A }; }
P0 { }
P1 {
    load_cr3_noflush(M, 5);
    r1 = *v;
}
exists (1:r1 = 1)
"""
    said = f"CPU 1 uses v@5 -> A in line 6{START}: an entry of N, not of M"
    assert head(decided(text, judge)) == said


def test_what_comes_after_the_instant_that_is_asked_for_is_not_the_matter() -> None:
    text = """MM t
{ page A = 1; mm N { v -> A }; 0..1:cr3 = N; int x; }
P0 {
    ptep_get_and_clear(pte(N, v));
    A.data = 66;
}
P1 {
    r1 = *v;
    WRITE_ONCE(x, 1);
}
exists (ever (A.data = 66 && x = 0 && 1:tlb[v -> A]) /\\ 1:r1 = 66)
"""
    verdict = decided(text)
    assert head(verdict).startswith("at the instant asked for CPU 1 can still use v -> A")


def test_the_interrupt_flag_is_told_as_on_or_off() -> None:
    text = """MM t
{ int x; int y; }
P0 {
    r0 = irqs_disabled();
    local_irq_disable();
    r1 = irqs_disabled();
    WRITE_ONCE(x, 1);
}
exists (0:r0 = 0 /\\ 0:r1 = 1)
"""
    found = rows(decided(text))
    assert "CPU 0 r0 = irqs_disabled() line 4 interrupts are on" in found
    assert "CPU 0 r1 = irqs_disabled() line 6 interrupts are off" in found


@JUDGES
@pytest.mark.parametrize("fenced", [0, 1])
def test_no_store_waits_that_need_not(fenced: int, judge: str) -> None:
    fence = ["smp_mb();" * (cpu == fenced) for cpu in (0, 1)]
    text = f"""MM t
{{ int x; int y; }}
P0 {{ WRITE_ONCE(x, 1); {fence[0]} r0 = READ_ONCE(y); }}
P1 {{ WRITE_ONCE(y, 1); {fence[1]} r0 = READ_ONCE(x); }}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
    waits = [row for row in rows(decided(text, judge)) if BUFFERED in row]
    assert len(waits) == 1 and waits[0].startswith(f"CPU {1 - fenced} ")


def test_adjoined_pairs_stand_beside_each_other_in_each_order() -> None:
    order = {1: {2, 3}, 2: {4}, 3: {5}, 4: {6}, 5: {6}, 6: set()}
    pairs = [(1, 2), (1, 4), (3, 5)]
    added = adjoined(order, pairs, Budget())
    assert not cyclic((a, b) for a, after in order.items() for b in after)
    assert (2, 3) in added  # 3 comes after 1, and so after 2
    assert not any(b == 1 for _, b in added) and (4, 3) not in added  # 2 is between 1 and 4
