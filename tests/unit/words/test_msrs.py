"""Writes of MSRs: the MSR decides whether they serialize."""

from __future__ import annotations

import pytest

from tests.judges import holds
from verifier.words.msrs import MSRS
from verifier.words.table import WORDS, instead, orders

SERIALIZING = ("MSR_EFER", "APIC_BASE_MSR", "0x840", "0x10")
X2APIC = ("APIC_BASE_MSR + 0x30", "0x802", "0x83f")


def stale(write: str) -> bool:
    """May a CPU execute an old instruction although it has read the flag, and written an MSR since?"""
    return holds(f"""MM t
{{ code insn = 1; int flag; int msr = 0x49; }}
P0 {{ text_poke(&insn, 2); WRITE_ONCE(flag, 1); }}
P1 {{ r0 = READ_ONCE(flag); {write}; r1 = ifetch(&insn); }}
exists (1:r0 = 1 /\\ 1:r1 = 1)
""")


@pytest.mark.parametrize("msr", [*(m for m in MSRS if m not in SERIALIZING), *X2APIC, "READ_ONCE(msr)"])
def test_these_do_not_serialize(msr: str) -> None:
    assert stale(f"wrmsrq({msr}, 1)") and stale(f"wrmsrl({msr}, 1)") and stale(f"wrmsr({msr}, 1, 0)")


@pytest.mark.parametrize("msr", SERIALIZING)
def test_others_do(msr: str) -> None:
    assert not stale(f"wrmsrq({msr}, 1)") and not stale(f"wrmsr({msr}, 1, 0)")


def test_without_an_msr_it_is_one_that_does() -> None:
    assert not stale("wrmsr()")


def test_wrmsrns_never_does() -> None:
    assert stale("wrmsrns(MSR_EFER, 1)")


def test_what_is_said_of_them() -> None:
    assert orders(WORDS["wrmsr"]) == "all, if it serializes" and orders(WORDS["wrmsrns"]) == ""
    assert WORDS["wrmsrq"].events == "serializing instruction, or nothing"
    for name in ("native_write_msr", "native_wrmsrl", "native_wrmsrq"):
        assert instead(name).startswith("write wrmsrq(msr, value): it serializes, but for some MSRs")
    assert "orders nothing" in instead("native_wrmsrns")
