"""RCU readers and grace periods in the cycles of ``explain``: what begins and ends them, and how often."""

from __future__ import annotations

import re

import pytest

import verifier
from verifier.source import Source
from verifier.syntax import load
from verifier.why.answers import Explanation

GUARANTEE = """MM guarantee
{{ int x; int y; int z; int w; struct srcu_struct s; spinlock_t l; {start} }}
void h(void *i) {{ WRITE_ONCE(z, 1 + READ_ONCE(x)); WRITE_ONCE(w, READ_ONCE(y)); }}
void done(struct rcu_head *i) {{ WRITE_ONCE(y, 1); }}
P0 {{
  WRITE_ONCE(x, 1);
  {waits}
  WRITE_ONCE(y, 1);
}}
P1 {{
  {begins}
  r0 = READ_ONCE(x);
  r1 = READ_ONCE(y);
  {ends}
}}
{other}
exists ({condition})
"""
HERE, THERE = "1:r0 = 0 /\\ 1:r1 = 1", "z = 1 /\\ w = 1"
NMI = "nmi P1 { WRITE_ONCE(z, 1 + READ_ONCE(x)); WRITE_ONCE(w, READ_ONCE(y)); }"


def explained(
    begins: str = "", ends: str = "", waits: str = "synchronize_rcu();", start: str = "", other: str = ""
) -> Explanation:
    condition = THERE if other else HERE
    text = GUARANTEE.format(
        begins=begins, ends=ends, waits=waits, start=start, other=other, condition=condition
    )
    (test,) = load(Source("here", text))
    return verifier.explain(test)


def told(x: Explanation) -> str:
    return re.sub(" +", " ", str(x))


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("local_irq_disable();", "local_irq_enable();"),
        ("unsigned long f; local_irq_save(f);", "local_irq_restore(f);"),
    ],
)
def test_a_window_is_named_as_a_reader(begins: str, ends: str) -> None:
    """In the headings, in the steps, and in what the outcome rests on: by rule 18.1."""
    x = explained(begins, ends)
    assert {c.case for c in x.reasons[0].cycles} == {
        "the IRQ-off region of line 11 begins after the grace period has started",
        "the IRQ-off region of line 11 ends before the grace period does",
    }
    said, begins = told(x), begins.split("; ")[-1]
    assert f"CPU 1 {begins[:-1]} line 11 an RCU reader begins [18.1]" in said
    assert f"CPU 1 {ends[:-1]} line 14 an RCU reader ends [18.1]" in said
    assert f"CPU 1 {begins[:-1]} line 11 is waited for by grace periods [18.1]" in said
    assert "on no cycle" not in said and "[8.3]" not in said


def test_a_window_from_the_start() -> None:
    said = told(explained(ends="local_irq_enable();", start="1:irq = 0;"))
    assert "CPU 1 local_irq_enable() line 14 an RCU reader ends [18.1]" in said


@pytest.mark.parametrize(
    ("other", "begins", "ends", "called"),
    [
        ("P2 { smp_call_function_single(1, h, NULL, 0); }", "interrupt: h line 16", "return from h",
         "the interrupt of line 16"),
        (NMI, "NMI", "return from NMI", "the NMI"),
    ],
)  # fmt: skip
def test_handlers_and_nmis_are_named_as_readers(other: str, begins: str, ends: str, called: str) -> None:
    x = explained(other=other)
    said = told(x)
    assert f"CPU 1 {begins} an RCU reader begins [18.1]" in said
    assert f"CPU 1 {ends} an RCU reader ends [18.1]" in said
    assert any(f"{called} ends before the grace period does" in c.case for c in x.reasons[0].cycles)


@pytest.mark.slow
@pytest.mark.parametrize("begins", ["", "local_irq_disable();", "rcu_read_lock();", "preempt_disable();"])
@pytest.mark.parametrize("other", ["", NMI, "P2 { on_each_cpu(h, NULL, 1); }"])
def test_each_step_has_a_name(begins: str, other: str) -> None:
    """A text that is no name of an event, and no clause without its noun."""
    ends = begins.replace("disable", "enable").replace("_lock", "_unlock")
    for reason in explained(begins, ends, other=other).reasons:
        for cycle in reason.cycles:
            assert "  " not in cycle.case
            assert all(link.step.text not in ("", "RCU", "IRQ", "GP") for link in cycle.links)


@pytest.mark.parametrize(
    ("waits", "begins", "ends"),
    [
        ("synchronize_rcu();", "rcu_read_lock();", "rcu_read_unlock();"),
        ("synchronize_srcu(&s);", "int i = srcu_read_lock(&s);", "srcu_read_unlock(&s, i);"),
    ],
)
def test_one_wait_for_a_grace_period_is_executed_once(waits: str, begins: str, ends: str) -> None:
    assert "the second time" not in told(explained(begins, ends, waits))


def test_one_wait_for_callbacks_is_executed_once() -> None:
    text = """MM barrier
{ int x; int y; struct rcu_head r; }
void done(struct rcu_head *i) { WRITE_ONCE(x, 1); }
P0 { call_rcu(&r, done); rcu_barrier(); r0 = READ_ONCE(x); }
exists (0:r0 = 0)
"""
    (test,) = load(Source("here", text))
    said = told(verifier.explain(test))
    assert "rcu_barrier() line 4" in said and "the second time" not in said


def test_two_waits_in_one_place_are_told_apart() -> None:
    """Each has a beginning and an end, and these go together."""
    x = explained("rcu_read_lock();", "rcu_read_unlock();", "for (int i = 0; i < 2; i++) synchronize_rcu();")
    steps = [link.step for c in x.reasons[0].cycles for link in c.links]
    notes = {s.note for s in steps if s.text == "synchronize_rcu()"}
    assert notes and notes <= {"the first time", "the second time"}
