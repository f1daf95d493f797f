"""Z3 gets a large program without what no run reaches. The explorer, which has all of it, agrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.effort import share
from verifier.budget import Budget
from verifier.lower.build import lower, unrolled
from verifier.program.events import Program
from verifier.program.profiles import GENERIC
from verifier.source import Source
from verifier.suite import decide, shorten
from verifier.suite.options import Options
from verifier.syntax import load, read
from verifier.syntax.test import Test

pytestmark = pytest.mark.slow  # together, these take many seconds

ROOT = Path(__file__).resolve().parents[3]
RULED_OUT = """MM ruled-out
{ int lazy; int next; int x; int y; }
void relax(void) { WRITE_ONCE(lazy, 0); if (READ_ONCE(lazy)) { WRITE_ONCE(next, 1); smp_mb(); } }
P0 { relax(); WRITE_ONCE(x, 1); if (READ_ONCE(next) == 1) WRITE_ONCE(lazy, 1); r0 = READ_ONCE(y); }
P1 { WRITE_ONCE(y, 1); relax(); if (READ_ONCE(lazy)) smp_mb(); r0 = READ_ONCE(x); }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""


@pytest.fixture(autouse=True)
def every_program_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shorten, "LARGE", 0)


def both(test: Test) -> tuple[Program, Program]:
    """The whole program of a test, and the shortened one."""
    budget = Budget()
    code = lower(test, budget)
    whole = unrolled(test, code, budget=budget)
    return whole, shorten.shortened(test, code, whole, GENERIC, None, budget)[1]


def test_what_values_rule_out_is_left_out() -> None:
    """``lazy`` is set only where ``next`` is, and ``next`` only where ``lazy`` is: neither ever is."""
    (test,) = load(Source("t", RULED_OUT))
    whole, rest = both(test)
    gone = {(e.op, e.text) for e in whole.events} - {(e.op, e.text) for e in rest.events}
    assert gone == {("W", "WRITE_ONCE(next, 1)"), ("W", "WRITE_ONCE(lazy, 1)"), ("F", "smp_mb()")}
    assert decide.run(test, Options(judge="both", witnesses=False)).observation == "sometimes"


def test_what_may_happen_late_stays() -> None:
    """Each store waits for one of the other CPU."""
    text = """MM chain
{ int a; int b; int c; int d; }
P0 { WRITE_ONCE(a, 1); if (READ_ONCE(b)) WRITE_ONCE(c, 1); }
P1 { if (READ_ONCE(a)) WRITE_ONCE(b, 1); if (READ_ONCE(c)) WRITE_ONCE(d, 1); }
exists (d = 1)
"""
    (test,) = load(Source("t", text))
    whole, rest = both(test)
    assert len(rest.events) == len(whole.events)
    assert decide.run(test, Options(judge="both", witnesses=False)).observation == "sometimes"


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
def test_a_turn_that_no_run_reaches_needs_no_bound(judge: str) -> None:
    """Nobody sets y. With the turn that goes back by ``continue``, the loop needs a bound; it is left out for
    both judges, also where another turn has left the loop with a bound."""
    text = """MM never-again
{ int x; int y; int z = 2; }
P0 {
    r1 = 1;
    while (!READ_ONCE(y)) {
        xchg(&x, 2);
        if (READ_ONCE(y)) {
            r1 = 0;
            if (READ_ONCE(z))
                continue;
        }
    }
}
exists (0:r1 = 1)
"""
    (test,) = load(Source("t", text))
    verdict = decide.run(test, Options(judge=judge))
    assert (verdict.observation, verdict.deadlock, verdict.hangs) == ("unknown", True, True)


def test_a_read_that_never_happens_hides_nothing() -> None:
    """A second turn of the loops would read an element that the array does not have. What later events wait
    for mentions that read in an arm that does not matter."""
    text = """MM turns
struct loc { int rel; };
struct arr { struct loc vec[1]; int nr; };
{ int a[4] = { 1, 2 }; struct arr arr = { .nr = 1 }; }
void poke(int *at, int value) { if (at == &a[0]) WRITE_ONCE(a[0], value); else WRITE_ONCE(a[1], value); }
P0 {
    unsigned int i;
    for (i = 0; i < arr.nr; i++) poke(a + arr.vec[i].rel, 5);
    for (i = 0; i < arr.nr; i++) poke(a + arr.vec[i].rel + 1, 7);
    for (i = 0; i < arr.nr; i++) poke(a + arr.vec[i].rel, 8);
}
P1 { r0 = READ_ONCE(a[0]); }
unroll 4;
exists (1:r0 = 1)
"""
    (test,) = load(Source("t", text))
    assert decide.run(test, Options(judge="both", witnesses=False)).observation == "sometimes"


@pytest.mark.long
@pytest.mark.parametrize("folder", ["linux/switch-mm", "linux/membarrier", "linux/sleep", "hangs"])
def test_the_judges_agree(folder: str) -> None:
    """The states and the hangs of both are compared."""
    paths = sorted((ROOT / "litmus" / folder).rglob("*.litmus"))
    assert paths
    for path in share(paths, 6):
        for test in load(read(path)):
            if test.asks:
                verdict = decide.run(test, Options(judge="both", witnesses=False))
                assert verdict.as_expected, test.id
