"""Idle CPUs find calls by themselves (MMR 8.12): both judges have the same states, and the stories say it."""

from __future__ import annotations

import random
from itertools import cycle

import pytest

import verifier
from tests.effort import times
from tests.pictures import load
from verifier.program import arrivals
from verifier.render.story import runs, text
from verifier.source import Source
from verifier.syntax import load as load_text

FILE = "mmu/8.12-own-call.litmus"
HEAD = """MM own
{ int x; int y; int got; code f = 1; }
void nothing(void *info) { }
void store(void *info) { WRITE_ONCE(x, 1); }
void fetch(void *info) { WRITE_ONCE(got, ifetch(&f)); WRITE_ONCE(y, 1); }
void sync(void *info) { sync_core(); }
void leave(void *info) { WRITE_ONCE(x, 2); sysret(); }
"""
# A weight, and a statement with places for a CPU, a function, a register and a variable.
STATEMENTS = [
    (4, "smp_call_function_single({cpu}, {function}, NULL, 1);"),
    (3, "smp_call_function_single({cpu}, {function}, NULL, 0);"),
    (1, "on_each_cpu({function}, NULL, 1);"),
    (1, "apic_icr_write({cpu}, {function});"),
    (4, "text_poke(&f, {number});"),
    (4, "{register} = ifetch(&f);"),
    (3, "{register} = READ_ONCE({variable});"),
    (2, "WRITE_ONCE({variable}, {number});"),
    (1, "smp_mb();"),
    (1, "sync_core();"),
    (1, "local_irq_disable(); {register} = ifetch(&f); local_irq_enable();"),
]


def drawn(seed: int) -> str:
    """A program of two or three CPUs that change code, call functions and fetch."""
    chance = random.Random(seed)
    programs, registers = [], [0, 0, 0]
    cpus = chance.choice([2, 2, 3])
    for cpu in range(cpus):
        body = ""
        for _ in range(chance.randint(0, 3)):
            (_, statement) = chance.choices(STATEMENTS, [w for w, _ in STATEMENTS])[0]
            registers[cpu] += "{register}" in statement
            body += " " + statement.format(
                cpu=chance.choice([c for c in range(cpus) if c != cpu]),
                function=chance.choice(["nothing", "store", "fetch", "fetch", "sync", "leave"]),
                register=f"r{registers[cpu]}",
                variable=chance.choice("xy"),
                number=chance.randint(2, 3),
            )
        programs.append(f"P{cpu} {{{body} }}\n")
    shown = "".join(f"{c}:r{r + 1}; " for c in range(cpus) for r in range(registers[c]))
    return f"{HEAD}{''.join(programs)}locations [{shown}x; y; got;]\nexists (got = 1)\n"


@pytest.mark.long
@pytest.mark.parametrize("kernel", ["any", "v5.4"])
def test_both_judges_have_the_same_states(kernel: str) -> None:
    decided = 0
    for seed, profile in zip(range(times(120)), cycle(["generic", "amd", "intel"]), strict=False):
        (test,) = load_text(Source(f"own-{seed}", drawn(seed)))
        verdict = verifier.check(
            test, judge="both", states=True, timeout=20, profile=profile, settings={"kernel": kernel}
        )
        decided += verdict.states is not None and not verdict.reason
    assert decided > times(100)


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_a_story_says_that_no_interrupt_comes(judge: str) -> None:
    verdict = verifier.check(load(FILE, "IDLE"), judge=judge)
    assert any(step.rule == "8.12" for run in runs(verdict) for step in run.steps)
    told = text(verdict)
    assert "without an interrupt: tell" in told and "no IRET [8.12]" in told


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize("variant", ["IDLE", "IN"])
def test_it_makes_the_difference(variant: str, judge: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"dlv_serializing": "true"}
    assert verifier.check(load(FILE, variant), judge=judge, settings=settings).observation == "sometimes"
    monkeypatch.setattr(arrivals, "own_calls", lambda program: [])
    assert verifier.check(load(FILE, variant), judge=judge, settings=settings).observation == "never"
