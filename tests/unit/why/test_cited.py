"""The rules that ``explain`` cites are those of the word or of the event that it speaks of."""

from __future__ import annotations

import re

import pytest

import verifier
from verifier.budget import Budget
from verifier.lower.build import lower
from verifier.lower.optional import PART_KINDS, optional
from verifier.model.rules import rules
from verifier.source import Source
from verifier.syntax import load
from verifier.why.answers import does
from verifier.words.table import WORDS

CALLS = [
    "smp_mb()", "mb()", "mfence()", "lfence()", "sfence()", "rmb()", "wmb()", "dma_mb()", "virt_mb()",
    "sync_core()", "cpuid()", "serialize()", "wrmsr()", "invlpg(v)", "flush_tlb_local()", "invlpgb(0, v)",
    "tlbsync()", "load_cr3(N)", "xchg(&x, 1)", "synchronize_rcu()", "smp_call_function_single(1, f, NULL, 1)",
]  # fmt: skip
NUMBER = r"\d+\.\d+"


@pytest.mark.parametrize("call", CALLS)
def test_a_part_has_the_rules_of_its_word(call: str) -> None:
    text = (
        "MM t\n{ int x; page A; mm N { v -> A }; 0:cr3 = N; }\nvoid f(void *info) { WRITE_ONCE(x, 1); }\n"
        f"P0 {{ {call}; }}\nP1 {{ }}\nexists (x = 1)\n"
    )
    (test,) = load(Source("t", text))
    parts = optional(lower(test, Budget()))[1]
    assert parts
    mine = set(re.findall(NUMBER, WORDS[call.partition("(")[0]].rule))
    for part in parts:
        cited = set(re.findall(NUMBER, does(part)))
        assert cited <= set(rules())
        if part.kind == "barrier":
            assert cited and cited <= mine
        elif part.kind not in ("IPI", "wait") or "TLBSYNC" in part.of:
            assert cited & mine


def test_each_kind_of_part_has_a_text() -> None:
    (test,) = load(Source("t", "MM t\n{ int x; }\nP0 { smp_mb(); }\nexists (x = 1)\n"))
    (part,) = optional(lower(test, Budget()))[1]
    for kind in PART_KINDS:
        assert re.search(rf"\[{NUMBER}", does(part._replace(kind=kind)))


CYCLES = {
    "set_pte(pte(N, v), B); smp_mb(); invlpgb(0, v); tlbsync();": {"2.1", "11.3", "5.4"},
    "set_pte(pte(N, v), B); mb(); invlpgb(0, v); tlbsync();": {"2.3", "11.3", "5.4"},
    "set_pte(pte(N, v), B); sync_core(); invlpgb(0, v); tlbsync();": {"9.2", "11.3", "5.4"},
}  # fmt: skip


@pytest.mark.parametrize("code", CYCLES)
def test_the_steps_of_a_cycle_have_their_own_rules(code: str) -> None:
    text = (
        f"MM t\n{{ page A; page B; mm N {{ v -> A }}; 0:cr3 = N; 1:cr3 = N; }}\nP0 {{ {code} }}\n"
        "P1 { r1 = translate(v); }\nexists (1:tlb[v -> A])\n"
    )
    (test,) = load(Source("t", text))
    (reason,) = verifier.explain(test).reasons
    said = " ".join(link.why for cycle in reason.cycles for link in cycle.links)
    assert set(re.findall(rf"(?<=[\[ ]){NUMBER}(?=[,\]])", said)) == CYCLES[code]


def test_what_waits_for_a_non_temporal_store_and_what_it_waits_for() -> None:
    text = (
        "MM t\n{ int x; int y; }\nP0 { movnti(&x, 1); sfence(); WRITE_ONCE(y, 1); }\n"
        "P1 { r0 = READ_ONCE(y); movnti(&x, 2); }\nexists (1:r0 = 1 /\\ x = 1)\n"
    )
    (test,) = load(Source("t", text))
    (reason,) = verifier.explain(test).reasons
    said = [link.why for cycle in reason.cycles for link in cycle.links]
    assert any("comes after the loads and fences in front of it [2.6]" in one for one in said)
    assert not any("waits for the store buffer" in one for one in said)
