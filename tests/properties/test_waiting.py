"""Both judges find the same hangs, and each run that hangs passes the check again."""

from __future__ import annotations

import sys
from itertools import cycle

import pytest

from tests.effort import times
from verifier import explore, solve
from verifier.budget import Budget
from verifier.explore.rest import Rest
from verifier.explore.search import Search, machine_of
from verifier.fuzz.waiting import Waiting
from verifier.lower.build import build
from verifier.program.profiles import PROFILES
from verifier.program.trace import Trace
from verifier.program.waits import Blocked
from verifier.source import Source
from verifier.syntax import load

FAST = 60
SLOW = times(60)


def check(seed: int, profile: str) -> bool | None:
    """Does the program of a seed hang? The conditions of some ask for hangs."""
    text = Waiting(seed).text()
    if seed % 4 == 3:
        text = text.replace("exists (x = 1)", "exists (0:hang /\\ x = 1)")
    return check_text(text, profile)


def check_text(text: str, profile: str) -> bool | None:
    """Does a program hang? Both judges have to agree, state by state."""
    (test,) = load(Source("waiting", text))
    program, switches = build(test), PROFILES[profile]
    first = solve.decide(program, switches=switches, want_states=True, budget=Budget(20))
    second = explore.decide(program, switches=switches, want_states=True, budget=Budget(20))
    if first.rests is None or second.rests is None:
        return None
    assert (first.hangs, first.rests) == (second.hangs, second.rests)
    assert (first.states, first.reachable) == (second.states, second.reachable)
    assert first.cut or first.deadlock == second.deadlock
    assert bool(first.hang) == bool(second.hang) == bool(first.hangs)
    for answer in (first, second):
        assert answer.hang is None or answer.hang.waits
    if first.hang is not None and second.hang is not None and where(first.hang) == where(second.hang):
        assert said(first.hang) == said(second.hang)
    return bool(first.hangs)


def where(run: Trace) -> object:
    """Where a run hangs: its final state, and who waits in which places."""
    return run.state, sorted((w.cpu, w.handler, w.inside, w.span.start if w.span else 0) for w in run.waits)


def said(run: Trace) -> list[Blocked]:
    """What is told of such a place, without the reasons. These may differ: another CPU has taken the lock, or
    another one of two handlers is the one that is pending, or the callback waits for interrupts, where in
    another run its grace period waits for the reader that has turned them off."""
    several = (w for w in run.waits if w.kind != "grace period" and w.handler != "cb()")
    return sorted((wait._replace(held_by="") for wait in several), key=lambda w: (w.cpu, w.handler, w.inside))


def several(seeds: range) -> None:
    """Check many programs; a good part of them has to be decided, and to hang."""
    found = [check(seed, profile) for seed, profile in zip(seeds, cycle(PROFILES), strict=False)]
    assert found.count(True) > len(found) // 4 and found.count(False) > len(found) // 10
    assert found.count(None) <= len(found) // 20


@pytest.mark.long
def test_some_random_programs() -> None:
    several(range(FAST))


@pytest.mark.long
@pytest.mark.parametrize("part", range(2))
def test_random_programs(part: int) -> None:
    size = SLOW // 2
    several(range(1000 + part * size, 1000 + (part + 1) * size))


@pytest.mark.parametrize("seed", range(0, FAST, 4))
def test_the_reduction_loses_no_hang(seed: int) -> None:
    (test,) = load(Source(f"seed {seed}", Waiting(seed).text()))
    program = build(test)
    found = []
    for reduced in (True, False):
        machine = machine_of(program, "x86-tso", budget=Budget(20))
        found.append(Search(machine, 200_000, None, reduced, Rest(machine)).run())
    if all(x.complete for x in found):
        assert found[0].rests == found[1].rests and found[0].states == found[1].states


if __name__ == "__main__":  # python -m tests.properties.test_waiting FIRST LAST
    done = [
        check(seed, profile)
        for seed, profile in zip(range(int(sys.argv[1]), int(sys.argv[2])), cycle(PROFILES), strict=False)
    ]
    print(len(done), "programs,", done.count(True), "hang,", done.count(None), "undecided")


FOUND = {
    "P1 is interrupted in front of the last of two events that one instruction is made of": """MM t
{ int x; int y; int z; spinlock_t l; spinlock_t m; int p; }
void cb(void *info) { }
P0 { WRITE_ONCE(x, 1); r0 = spin_trylock(&m); synchronize_rcu(); r1 = READ_ONCE(x); }
P1 { while (READ_ONCE(z)) cpu_relax(); }
locations [x; y; z; l; m; 0:r0; 0:r1;]
exists (x = 1)
""",
    "a bare ICR write does not pass a lock that is waited for (MMR 8.2)": """MM t
{ spinlock_t l; spinlock_t m; }
void h(void *info) { }
P0 { spin_lock(&l); spin_lock(&m); apic_icr_write(0, h); spin_unlock(&l); }
P1 { spin_lock(&m); smp_call_function_single(0, h, NULL, 1); spin_unlock(&m); }
locations [l; m]
exists (hang)
""",
}


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    """Programs on which the judges once disagreed."""
    assert check_text(FOUND[name], "generic")
