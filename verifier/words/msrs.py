"""Writes of model-specific registers: which of them serialize."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import MappingProxyType

from verifier.program.expressions import Expr
from verifier.words.rows import Machine, Where, Word, f, row

# Those whose WRMSR does not serialize, by the names of asm/msr-index.h (SDM vol. 3, "Serializing
# instructions"); the base addresses where CPUID says so (X86_FEATURE_WRMSR_XX_BASE_NS, AMD).
_BARE: Mapping[str, int] = MappingProxyType(
    {
        "MSR_IA32_SPEC_CTRL": 0x48,
        "MSR_IA32_PRED_CMD": 0x49,
        "MSR_IA32_TSX_CTRL": 0x122,
        "MSR_IA32_TSC_DEADLINE": 0x6E0,
        "MSR_IA32_PKRS": 0x6E1,
        "MSR_HWP_REQUEST": 0x774,
        "MSR_FS_BASE": 0xC0000100,
        "MSR_GS_BASE": 0xC0000101,
        "MSR_KERNEL_GS_BASE": 0xC0000102,
    }
)
_X2APIC = (0x802, 0x83F)  # the first and the last one
MSRS: Mapping[str, int] = MappingProxyType({**_BARE, "MSR_EFER": 0xC0000080, "APIC_BASE_MSR": 0x800})

_BUT = "not of SPEC_CTRL, PRED_CMD, TSX_CTRL, TSC_DEADLINE, PKRS, HWP_REQUEST and the x2APIC's, nor, on some "
_BUT += "AMD processors, of FS, GS and KERNEL_GS base"


def _serializes() -> Expr:
    """Of an MSR with the index ``msr``."""
    first, last = _X2APIC
    apic = f("and", f("ge", "msr", first), f("le", "msr", last))
    return f("not", f("or", apic, *(f("eq", "msr", index) for index in _BARE.values())))


def msrs() -> Iterator[Word]:
    """WRMSR and WRMSRNS. What is written decides nothing."""
    writes = Where(_serializes(), (Machine("SER", "wrmsr"),))
    words = partial(row, "Instruction fetch", rule="9.1, 9.2")
    doc = f"serializing as cpuid, {_BUT}; it sends no interrupt"
    source = "native_write_msr(), asm/msr.h; which MSRs: SDM vol. 3, Serializing instructions"
    head = "wrmsr(msr: number, low: number, high: number)"
    yield words(head, writes, f"{doc}; without an MSR: serializing", optional=3, source=source)
    for name, more in (("wrmsrl", "; up to v7.1"), ("wrmsrq", "; v6.16 and later")):
        yield words(f"{name}(msr: number, value: number)", writes, doc, source=source + more)
    doc = "WRMSRNS: not serializing, it orders nothing here"
    source = "wrmsrns(), asm/msr.h; v6.8 and later (version unchecked)"
    yield words("wrmsrns(msr: number, value: number)", (), doc, source=source)
