"""Self-modifying code by several addresses (MMR 10.2): both judges find the same states, and tell runs."""

from __future__ import annotations

import random

import pytest

from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

STATEMENTS = (
    "WRITE_ONCE(*v, {n});", "WRITE_ONCE(*w, {n});", "WRITE_ONCE(A.data, {n});", "text_poke(&A.data, {n});",
    "{r} = xchg(v, {n});", "{r} = xchg(w, {n});", "jump();", "jump();", "sync_core();", "smp_mb();",
    "{r} = ifetch(v);", "{r} = ifetch(v);", "{r} = ifetch(w);", "{r} = READ_ONCE(*v);",
    "set_pte(pte(N, w), B);", "WRITE_ONCE(x, 1);", "{r} = READ_ONCE(x);",
)  # fmt: skip
MACHINES = (
    Options(judge="both", states=True, counters=True),
    Options(judge="both", states=True, counters=True, profile="amd"),
    Options(judge="both", states=True, counters=True, settings={"spontaneous": "false"}),
    Options(judge="both", states=True, counters=True, model="sc"),
)


def drawn(choices: random.Random) -> str:
    """A test of one or two CPUs, of which one fetches by a virtual address."""
    cpus = choices.choice((1, 1, 2))
    registers, bodies = ["0:r9"], list[str]()
    for cpu in range(cpus):
        code = []
        for n in range(choices.randint(1, 4 if cpus == 1 else 3)):
            statement = choices.choice(STATEMENTS).format(n=cpu * 10 + n + 2, r=f"r{n}")
            registers += [f"{cpu}:r{n}"] if statement.startswith("r") else []
            code.append(statement)
        bodies.append(f"P{cpu} {{ {' '.join(code)} {'r9 = ifetch(v);' if cpu == 0 else ''} }}\n")
    spaces = f"mm N {{ v -> A, w -> {choices.choice('AAB')} }}; " + "".join(
        f"{c}:cr3 = N; " for c in range(cpus)
    )
    asked = f"locations [{'; '.join(registers)}; A.data]\nexists (0:r9 = 1)\n"
    return f"MM t\n{{ page A = 1; page B = 9; {spaces}int x; }}\n{''.join(bodies)}{asked}"


@pytest.mark.parametrize("options", MACHINES, ids=["generic", "amd", "no-spontaneous", "sc"])
@pytest.mark.parametrize("seed", range(4))
def test_the_judges_agree(seed: int, options: Options) -> None:
    """``run`` raises if they differ in a state, or if a run that is told breaks a rule."""
    choices, found = random.Random(seed), set[str]()
    for _ in range(30):
        (test,) = load(Source("t.litmus", drawn(choices)))
        found.add(run(test, options).observation)
    assert len(found) > 1


def test_on_amd_a_fetch_reads_from_the_buffer_what_another_address_stored() -> None:
    """CPU 0 fetches its own 2, reads x before CPU 1 stores to it, and its 2 reaches memory last."""
    text = """MM t
{ page A = 1; mm N { v -> A, w -> A }; 0..1:cr3 = N; int x; }
P0 { WRITE_ONCE(A.data, 2); r1 = ifetch(w); r2 = READ_ONCE(x); }
P1 { WRITE_ONCE(x, 1); WRITE_ONCE(*v, 6); r2 = xchg(w, 7); }
exists (0:r1 = 2 /\\ 0:r2 = 0 /\\ 1:r2 = 6 /\\ A.data = 2)
"""
    (test,) = load(Source("t.litmus", text))
    assert run(test, Options(judge="both", profile="amd")).observation == "sometimes"
