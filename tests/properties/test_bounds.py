"""A verdict that a bound has given holds for every larger bound: a run that is cut counts as one."""

from __future__ import annotations

import pytest

from tests.effort import times
from verifier.fuzz.waiting import Waiting
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

PROGRAM = """MM cut
{{ int x; int y; int z; spinlock_t l; struct semaphore s = 0; struct rcu_head p; }}
void h(void *info) {{ WRITE_ONCE(y, 1); }}
P0 {{ WRITE_ONCE(x, 1); {waits} }}
P1 {{ {before} r0 = READ_ONCE(x); if (r0) while (READ_ONCE(z) < 3) WRITE_ONCE(z, READ_ONCE(z) + 1); {after} }}
exists (1:r0 = 1)
"""

# What one CPU waits for, and what the other does in front of a loop that is cut, and behind it.
WAITS = {
    "a value": ("while (!READ_ONCE(y)) cpu_relax();", "", "WRITE_ONCE(y, 1);"),
    "a value, by a word": ("smp_cond_load_relaxed(&y, VAL);", "", "WRITE_ONCE(y, 1);"),
    "a value that it asks for": ("r1 = READ_ONCE(y); assume(r1 == 1);", "", "WRITE_ONCE(y, 1);"),
    "a semaphore": ("down(&s);", "", "up(&s);"),
    "a lock": ("spin_lock(&l);", "spin_lock(&l);", "spin_unlock(&l);"),
    "an interrupt": ("safe_halt();", "", "smp_call_function_single(0, h, NULL, 0);"),
    "a handler": (
        "smp_call_function_single(1, h, NULL, 1);", "local_irq_disable();", "local_irq_enable();",
    ),
    "a grace period": ("synchronize_rcu();", "rcu_read_lock();", "rcu_read_unlock();"),
}  # fmt: skip


def at(text: str, bound: int, judge: str = "both") -> Verdict:
    (test,) = load(Source("cut", text))
    return run(test, Options(judge=judge, unroll=bound))


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
@pytest.mark.parametrize("name", WAITS)
def test_a_run_that_is_cut_while_somebody_waits(name: str, judge: str) -> None:
    """What comes behind the cut may be what is waited for."""
    waits, before, after = WAITS[name]
    text = PROGRAM.format(waits=waits, before=before, after=after)
    short = at(text, 2, judge)
    assert short.observation == "unknown" and "use --unroll 3" in short.reason
    long = at(text, 3, judge)
    assert long.observation == "sometimes" and long.complete


class _Counting(Waiting):
    """Programs with loops that may be cut, beside those that wait."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        if self.tasks:
            self.tasks, self.rows = False, self.rows[:-2]
        self.rows = [*self.rows, (25, self.counts), (6, self.spin)]

    def counts(self) -> list[str]:
        x = self.some("xyz")
        most = self.random.randint(1, 2)
        return [f"while (READ_ONCE({x}) < {most}) WRITE_ONCE({x}, READ_ONCE({x}) + 1);"]


@pytest.mark.long
def test_a_larger_bound_contradicts_no_smaller_one() -> None:
    decided = 0
    for seed in range(times(60)):
        text = _Counting(seed).text()
        short, long = at(text, 1, "z3"), at(text, 3, "z3")
        if "unknown" not in (short.observation, long.observation):
            assert short.observation == long.observation, text
            decided += 1
        if short.hangs is False and long.hangs is not None:
            assert not long.hangs, text
    assert decided > 10
