"""Calls that repairs insert: handlers that another variant sends or that the file declares, and flushes."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.source import Source
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.why.repair import repair

ROOT = Path(__file__).parents[3]
NAME = str(ROOT / "litmus" / "linux" / "some.litmus")  # finds the includes

SHOOTDOWN = """MM t
INCLUDE
{ page A = 0; page B = 0; mm N { v -> A }; 0..1:cr3 = N; SETTING int flag; }
HANDLER
P0 {
    ptep_get_and_clear(pte(N, v));
    CALL
    B.data = A.data;
    set_pte(pte(N, v), B);
}
P1 { r1 = xchg(v, 1); }
variants { B sometimes; V never; }
exists (~ 1:r1 = fault /\\ B.data = 0)
"""
FLUSH = "void flush(void *info) { flush_tlb_local(); }"


def changes(handler: str = FLUSH, call: str = "", include: str = "", setting: str = "") -> set[str]:
    text = SHOOTDOWN.replace("HANDLER", handler).replace("CALL", call).replace("SETTING", setting)
    tests = load(Source(NAME, text.replace("INCLUDE", include)))
    found = repair(next(t for t in tests if t.variant == "B"), Options(timeout=60))
    return {c.removeprefix("insert ").partition(")")[0] + ")" for r in found.found for c in r.changes}


@pytest.mark.parametrize("call", ["", "[V] smp_call_function_single(1, flush, NULL, 1);"])
def test_a_shootdown_that_this_variant_leaves_out_is_found(call: str) -> None:
    assert changes(call=call) == {"smp_call_function(flush, NULL, 1)"}


def test_the_argument_is_that_of_the_variant_that_sends() -> None:
    handler = (
        "void flush(void *info) { int *on = info; if (READ_ONCE(*on) == 0) flush_tlb_local(); }"  # no NULL
    )
    call = "[V] smp_call_function_single(1, flush, &flag, 1);"
    assert changes(handler, call) == {"smp_call_function(flush, &flag, 1)"}


def test_what_keeps_a_lock_is_no_handler() -> None:
    assert changes(FLUSH.replace("{ ", "{ local_irq_disable(); ")) == set()


def test_a_flush_of_the_includes_is_tried() -> None:
    found = changes("", "", '#include "linux/mmu_gather.inc"', "mm_cpumask(N) = {1};")
    assert "flush_tlb_mm(N)" in found


def test_all_places_of_a_block_are_not_called_an_empty_block() -> None:
    text = """MM t
    { int x; int y; int z; }
    P0 { WRITE_ONCE(x, 1); if (READ_ONCE(z) == 0) { WRITE_ONCE(z, 1); } r0 = READ_ONCE(y); }
    P1 { WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }
    exists (0:r0 = 0 /\\ 1:r0 = 0)
    """
    (test,) = load(Source("t.litmus", text))
    told = str(repair(test, Options(timeout=60)))
    assert "anywhere in the block of line 3" in told and "empty" not in told
