"""A handler or an NMI that lets another one in gets a warning: the model runs them one after the other."""

from __future__ import annotations

import pytest

from verifier.lower.build import build
from verifier.program.nesting import nested
from verifier.source import Source
from verifier.suite.load import load_checked

TEXT = """MM t
{{ int x; spinlock_t l; }}
void h(void *info) {{ {code} x = 1; }}
P0 {{ {sends} }}
P1 {{ }}
exists (x = 1)
"""
ONE = "apic_icr_write(1, h);"


def places(text: str) -> list[str]:
    """Where there is a warning."""
    (test,) = load_checked(Source("t.litmus", text))
    return [d.span.text for d in nested(build(test)) if d.span is not None]


@pytest.mark.parametrize(
    ("code", "sends", "said"),
    [
        ("local_irq_enable();", ONE + ONE, ["local_irq_enable()"]),
        ("spin_lock_irq(&l); spin_unlock_irq(&l);", ONE + ONE, ["spin_unlock_irq(&l)"]),
        ("local_irq_enable();", "smp_call_function_single(1, h, NULL, 0);" + ONE, ["local_irq_enable()"]),
        ("local_irq_enable();", ONE, []),
        ("local_irq_disable();", ONE + ONE, []),
        ("unsigned long f; local_irq_save(f); local_irq_restore(f);", ONE + ONE, []),
        ("local_irq_enable();", ONE + "apic_icr_write(0, h);", []),
        ("local_irq_enable();", "call_rcu(&x, h); call_rcu(&x, h);", []),
    ],
)
def test_handlers(code: str, sends: str, said: list[str]) -> None:
    assert places(TEXT.format(code=code, sends=sends)) == said


@pytest.mark.parametrize(
    ("code", "times", "said"),
    [
        ("iret();", 2, ["iret()"]),
        ("sync_core();", 2, ["sync_core()"]),
        ("iret();", 1, []),
        ("cpuid();", 2, []),
    ],
)
def test_nmis(code: str, times: int, said: list[str]) -> None:
    assert places(TEXT.format(code=code, sends="apic_send_nmi(1, h);" * times)) == said
