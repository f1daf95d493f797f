"""Compares the settings of the memory model's switches by random programs, and writes docs/switches.md.

``python -m benchmarks.switches [--count N] [--seed S] [--seconds S]``. It finds the final states of random
MMU programs of ``tests/properties`` under profile ``generic``, and with each other value of each switch. The
page says for each value on how many programs it has fewer, more, or other states.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from tests.properties.mmu_programs import FOCI, random_mmu_test
from tests.properties.programs import drawing
from verifier import solve
from verifier.budget import Budget
from verifier.lower.unroll import unroll
from verifier.program.events import Program
from verifier.program.profiles import CHOICES, GENERIC, PROFILES, Switches

PAGE = Path(__file__).resolve().parent.parent / "docs" / "switches.md"
SECONDS = 10.0
HEAD = """# Switches, compared

Which value of a switch admits which outcomes? `python -m benchmarks.switches` writes this page. It takes
{count} random MMU programs (seed {seed}) and finds all final states by Z3, under profile `generic` and with
one switch changed. *fewer*: on so many programs, the final states are a proper subset of those of `generic`;
*more*: a proper superset; *other*: neither. So a setting with *fewer* alone is stronger, as far as these
programs show. In a row of zeros, they do not show the switch. They have no words of the kernel, so that the
switch `kernel` is left out.

| setting | fewer | more | other | so it is |
|---|---|---|---|---|
"""


def settings() -> dict[str, Switches]:
    """Profiles, and ``generic`` with one switch changed."""
    found = {f"profile `{name}`": switches for name, switches in PROFILES.items() if switches != GENERIC}
    for name in Switches._fields:
        if name == "kernel":
            continue
        for value in CHOICES.get(name, ("true", "false")):
            typed = value if name in CHOICES else value == "true"
            changed = GENERIC._replace(**{name: typed})
            if changed != GENERIC:
                found[f"`{name}={value}`"] = changed
    return found


def states(program: Program, switches: Switches) -> frozenset[object] | None:
    """All final states; None if there is no time for them."""
    answer = solve.decide(
        program, switches=switches, want_states=True, witnesses=False, budget=Budget(SECONDS)
    )
    return None if answer.states is None else frozenset(answer.states)


def relation(counts: Counter[str]) -> str:
    """What the counts say about a setting and ``generic``."""
    if counts["other"] or (counts["fewer"] and counts["more"]):
        return "not comparable"
    return "stronger" if counts["fewer"] else "weaker" if counts["more"] else "the same here"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.switches")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600.0, help="stop after so long")
    asked = parser.parse_args()
    columns = settings()
    counts = {name: Counter[str]() for name in columns}
    end, done = time.monotonic() + asked.seconds, 0
    for number in range(asked.count):
        if time.monotonic() > end:
            break
        done += 1
        seed = asked.seed * 1_000_000 + number
        program = unroll(random_mmu_test(drawing(seed), FOCI[number % len(FOCI)]), 1)
        base = states(program, GENERIC)
        if base is None:
            continue
        for name, switches in columns.items():
            found = states(program, switches)
            if found is not None and found != base:
                counts[name]["fewer" if found < base else "more" if found > base else "other"] += 1
    rows = [
        f"| {name} | {c['fewer']} | {c['more']} | {c['other']} | {relation(c)} |"
        for name, c in counts.items()
    ]
    PAGE.write_text(HEAD.format(count=done, seed=asked.seed) + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
