"""Translated instructions (MMR 10.1) and walks of three levels (0.2): both judges have the same states."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from random import Random

import pytest

from tests.effort import times
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

PROFILES = ("generic", "intel", "amd")


def fetching(r: Random) -> str:
    """CPU 0 changes a mapping and what it leads to; CPU 1 executes what it finds there."""
    deep = r.random() < 0.3
    entry = "pte(T, v)" if deep else "pte(N, v)"
    content = r.choice(["C", "none", "mk_pte(C, nx)", "mk_pte(C, global)"])
    tables = (
        "table T {{ v -> {} }}; table U {{ v -> D }}; mm N {{ v -> T }};" if deep else "mm N {{ v -> {} }};"
    )
    changes = [
        f"set_pte({entry}, {r.choice(['C', 'D', 'none', 'mk_pte(D, nx)'])});",
        f"{r.choice('CD')}.data = {r.randint(3, 6)};",
        "smp_mb();",
        "smp_mb(); invlpgb(0, v); tlbsync();",
        "WRITE_ONCE(flag, 1);",
        "smp_call_function_single(1, f, NULL, 1);",
        *(["set_pmd(pmd(N, v), U);"] if deep else []),
    ]
    looks = [
        *changes[:4],
        "{} = READ_ONCE(flag);",
        "{} = ifetch(v);",
        "{} = *v;",
        "*v = 5;",
        "jump();",
        "invlpg(v);",
        "invlpg_relaxed(v);",
    ]
    mine = [*r.choices(looks, k=r.randint(1, 3)), "{} = ifetch(v);"]
    cached = "1:tlb = { v -> C };" if r.random() < 0.3 else ""
    return (
        f"MM t\n{{ page C = 1; page D = 2; {tables.format(content)} 0..1:cr3 = N; {cached} int flag; }}\n"
        f"void f(void *info) {{ {r.choice(['flush_tlb_local();', 'invlpg(v);', ''])} }}\n"
        f"P0 {{ {' '.join(r.choices(changes, k=r.randint(2, 4)))} }}\n"
        f"P1 {{ {' '.join(s.format(f'r{i}') for i, s in enumerate(mine))} }}\n"
        f"exists (1:r{len(mine) - 1} = 1)\n"
    )


def of_three_levels(r: Random) -> str:
    """Two addresses share the first level; one of them is invalidated."""
    changes = [
        "pmd_clear(pmd(N, v));",
        "pmd_clear(pmd(T1, v));",
        "set_pmd(pmd(T1, v), T4);",
        "set_pte(pte(T2, v), B);",
        "set_pte(pte(T4, v), none);",
        "pte_clear(pte(T2, v));",
    ]
    flushes = [
        "invlpg(v);",
        "invlpg(x);",
        "invpcid_flush_one(0, x);",
        "r8 = *y;",
        "smp_mb(); invlpgb(0, x); tlbsync();",
    ]
    first = [
        *r.choices(changes, k=r.randint(1, 2)),
        r.choice(flushes),
        *r.choices(changes, k=r.randint(0, 1)),
    ]
    there = r.choices([*changes, *flushes[:3], "WRITE_ONCE(flag, 1);"], k=r.randint(0, 2))
    return (
        "MM t\n{ page A = 1; page B = 2; table T2 { v -> A }; table T4 { v -> B };\n"
        "table T3 { x -> A, y -> none }; table T1 { v -> T2, x -> T3, y -> T3 };\n"
        "mm N { v -> T1, x -> T1, y -> T1 }; 0..1:cr3 = N; int flag; }\n"
        f"P0 {{ {' '.join(first)} r0 = *v; r1 = READ_ONCE(flag); }}\nP1 {{ {' '.join(there)} }}\n"
        "exists (0:r0 = 1)\n"
    )


@pytest.mark.long
@pytest.mark.parametrize("drawn", [fetching, of_three_levels])
def test_both_judges_have_the_same_states(drawn: Callable[[Random], str]) -> None:
    profiles = cycle(PROFILES)
    for seed in range(times(40)):
        text = drawn(Random(seed))
        (test,) = load(Source("drawn", text))
        verdict = run(
            test, Options(judge="both", states=True, profile=next(profiles))
        )  # raises if they differ
        assert verdict.observation != "unknown", text
