"""Turns that can be left out under a condition (MMR 20.4): where they leave what was there, and where a load
in front of the loop still finds its way to the loop with what the turn has found. What such loops do is what
they do turn by turn."""

from __future__ import annotations

import pytest

from verifier import explore, solve
from verifier.lower.build import build
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

# A loop of P0, and what P1 does.
LOOPS = {
    "a look in front": (
        "int old = READ_ONCE(w); if (old != 0) { while (old & 2) old = READ_ONCE(w); r0 = READ_ONCE(x); }",
        "WRITE_ONCE(x, 1); smp_store_release(&w, 4);",
    ),
    "a look that may end it": (
        "int old = READ_ONCE(w); if (!old) goto out; while (old & 2) old = READ_ONCE(w); r0 = READ_ONCE(x);\n"
        "out: r1 = old;",
        "WRITE_ONCE(x, 1); WRITE_ONCE(w, 0);",
    ),
    "a look that finds several things": (
        "int old = READ_ONCE(w); if (old > 1) { while (old != 4) old = READ_ONCE(w); r0 = READ_ONCE(x); }",
        "WRITE_ONCE(w, 3); WRITE_ONCE(x, 1); WRITE_ONCE(w, 0); WRITE_ONCE(w, 4);",
    ),
    "a look behind a fence": (
        "WRITE_ONCE(x, 2); int old = READ_ONCE(w); if (old & 4) smp_mb(); r2 = 7;\n"
        "while (old & 2) old = READ_ONCE(w); r0 = READ_ONCE(y);",
        "WRITE_ONCE(y, 1); smp_mb(); r5 = READ_ONCE(x); WRITE_ONCE(w, 6); WRITE_ONCE(w, 5);",
    ),
    "what is warned of in front": (
        "int old = READ_ONCE(w); WARN_ON(old == 2); while (old & 2) old = READ_ONCE(w); r0 = READ_ONCE(x);",
        "WRITE_ONCE(x, 1); smp_store_release(&w, 4);",
    ),
    "what is assumed in front": (
        "int old = READ_ONCE(w); assume(old == 2); while (old & 2) old = READ_ONCE(w); r0 = READ_ONCE(x);",
        "WRITE_ONCE(x, 1); smp_store_release(&w, 4);",
    ),
    "what it has found is kept": (
        "int old = READ_ONCE(w); r2 = old; while (old & 2) old = READ_ONCE(w); r0 = READ_ONCE(x);",
        "WRITE_ONCE(x, 1); smp_store_release(&w, 4);",
    ),
    "two loops, as in a lock": (
        "int old = READ_ONCE(w); if (!old) goto out;\n"
        "do { while (old & 2) old = READ_ONCE(w); if (!old) goto out; } while (!try_cmpxchg(&w, &old, 7));\n"
        "r0 = READ_ONCE(x);\nout: r1 = old;",
        "WRITE_ONCE(x, 1); WRITE_ONCE(w, 4); WRITE_ONCE(w, 0);",
    ),
    "two loops without a second look": (
        "int old = READ_ONCE(w); if (!old) goto out;\n"
        "do { while (old & 2) old = READ_ONCE(w); } while (!try_cmpxchg(&w, &old, 7));\n"
        "r0 = READ_ONCE(x);\nout: r1 = old;",
        "WRITE_ONCE(x, 1); WRITE_ONCE(w, 4); WRITE_ONCE(w, 0);",
    ),
    "a try that begins with another value": (
        "int old = 5; while (!try_cmpxchg(&w, &old, 7)) cpu_relax(); r0 = READ_ONCE(x); r1 = old;",
        "WRITE_ONCE(x, 1); WRITE_ONCE(w, 4); WRITE_ONCE(w, 3); WRITE_ONCE(w, 6); WRITE_ONCE(w, 1);",
    ),
    "a flag": (
        "bool ok = false; while (!ok) ok = READ_ONCE(w) == 4; r0 = READ_ONCE(x);",
        "WRITE_ONCE(x, 1); smp_store_release(&w, 4);",
    ),
    "a flag of two": (
        "bool ok = false; while (!ok) ok = READ_ONCE(w) == 4 && READ_ONCE(y) == 0; r0 = READ_ONCE(x);",
        "WRITE_ONCE(y, 1); smp_store_release(&w, 4); WRITE_ONCE(x, 1); WRITE_ONCE(y, 0);",
    ),
    "an int as a flag": (
        "int ok = 0; while (ok == 0) { ok = READ_ONCE(w) > 3; cpu_relax(); } r0 = READ_ONCE(x);",
        "WRITE_ONCE(x, 1); smp_store_release(&w, 4);",
    ),
    "what is found, from 0 on": (
        "int ok = 0; while (ok != 4) ok = READ_ONCE(w); r0 = READ_ONCE(x);",
        "WRITE_ONCE(w, 0); WRITE_ONCE(x, 1); smp_store_release(&w, 4);",
    ),
    "an exchange of a bool": (
        "while (xchg(&b, 1)) cpu_relax(); r0 = READ_ONCE(x);",
        "WRITE_ONCE(x, 1); smp_store_release(&b, 0);",
    ),
    "an exchange of a number": (
        "while (xchg(&l, 1) != 0) cpu_relax(); r0 = READ_ONCE(x); r1 = READ_ONCE(l);",
        "r5 = READ_ONCE(l); WRITE_ONCE(x, 1); smp_store_release(&l, 0);",
    ),
    "an exchange of another one": (
        "while (xchg(&l, 3) != 0) cpu_relax(); r0 = READ_ONCE(x);",
        "r5 = READ_ONCE(l); WRITE_ONCE(x, 1); r2 = READ_ONCE(l); smp_store_release(&l, 0);",
    ),
    "an exchange behind a look": (
        "for (;;) { if (READ_ONCE(x)) { if (xchg(&x, 7) == 5) break; } }",
        "WRITE_ONCE(x, 4); WRITE_ONCE(x, 5);",
    ),
    "two exchanges behind a look": (
        "for (;;) { if (READ_ONCE(x)) { if (xchg(&y, 1)) break; } else if (xchg(&x, 0)) break; }",
        "WRITE_ONCE(x, 4); WRITE_ONCE(x, 5);",
    ),
}  # fmt: skip
STATE = "{ int w = 2; int x; int y; int l = 1; bool b = 1; }"
OF_MEMORY = "w; x; y; l; b;"


def asked(loop: str, other: str) -> str:
    """All that a program writes."""
    mine = [
        f"{cpu}:{name};"
        for cpu, code in enumerate((loop, other))
        for name in ("r0", "r1", "r2", "r5")
        if name in code
    ]
    return f"locations [{OF_MEMORY} {' '.join(mine)}]"


@pytest.mark.parametrize("name", LOOPS)
def test_all_turns_that_matter_are_there(name: str) -> None:
    loop, other = LOOPS[name]
    text = f"MM t\n{STATE}\nP0 {{ {loop} }}\nP1 {{ {other} }}\n{asked(loop, other)}\nexists (~0:warn)"
    (test,) = load(Source("t", text))
    exact = build(test)
    first = solve.decide(exact, want_states=True, witnesses=False)
    second = explore.decide(exact, want_states=True, witnesses=False)
    turned = explore.decide(build(test, 5, exact=False), want_states=True, witnesses=False)
    assert first.states == second.states
    assert first.states is not None and turned.states is not None
    assert set(turned.states) == set(first.states)


OPEN = ("what is warned of in front", "what is assumed in front", "what it has found is kept")


@pytest.mark.parametrize("name", [name for name in LOOPS if name not in OPEN])
def test_such_a_loop_needs_no_bound(name: str) -> None:
    loop, other = LOOPS[name]
    text = f"MM t\n{STATE}\nP0 {{ {loop} }}\nP1 {{ {other} }}\nexists (w = 66)"
    (test,) = load(Source("t", text))
    made = run(test, Options(judge="both", witnesses=False))
    assert (made.observation, made.complete, made.reason) == ("never", True, "")


@pytest.mark.parametrize(
    ("loop", "other", "rests"),
    [
        ("while (xchg(&w, 1)) cpu_relax();", "", "w = 1"),
        ("while (xchg(&b, 1)) cpu_relax();", "", "b = 1"),
        ("bool ok = false; while (!ok) ok = READ_ONCE(w) == 4;", "", "w = 2"),
        ("int o = READ_ONCE(w); if (o) while (o & 2) o = READ_ONCE(w);", "WRITE_ONCE(w, 3);", "w = 3"),
        ("int old = 5; while (!try_cmpxchg(&w, &old, 7)) old = 5;", "", "w = 2"),
    ],
)  # fmt: skip
def test_who_waits_in_vain_rests_there(loop: str, other: str, rests: str) -> None:
    text = f"MM t\n{STATE}\nP0 {{ {loop} }}\nP1 {{ {other} }}\nexists (0:hang /\\ {rests})"
    (test,) = load(Source("t", text))
    made = run(test, Options(judge="both", witnesses=False))
    assert (made.observation, made.deadlock) == ("always", True)
