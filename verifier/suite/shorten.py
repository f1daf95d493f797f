"""Large programs without what no run reaches, as far as values alone show it."""

from __future__ import annotations

from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.lower.build import reached, unrolled
from verifier.lower.code import Lowered
from verifier.program.events import Program
from verifier.program.profiles import Switches
from verifier.solve import unreached
from verifier.syntax.test import Test

# Events, from which it pays to look for those that no run reaches. Where a loop needs a bound, such events
# may be the reason for it, so they are looked for always: what can be decided depends on no size.
LARGE = 60


def short_program(
    test: Test, code: Lowered, switches: Switches, unroll: int | None, budget: Budget
) -> tuple[Lowered, Program]:
    """``shortened`` of a test's code whose whole program nobody needs."""
    whole = unrolled(test, code, unroll, budget, switches=switches)
    return shortened(test, code, whole, switches, unroll, budget)


def shortened(
    test: Test, code: Lowered, program: Program, switches: Switches, unroll: int | None, budget: Budget
) -> tuple[Lowered, Program]:
    """A test's code without what no run reaches, and its program; ``program`` is that of all the code. Where
    a part of the code is optional, runs with and without it count. Raises as ``build``.

    What is left out is looked for once: a second look has found no more events in any program of litmus/."""
    if len(program.events) < LARGE and not program.cuts:
        return code, program
    try:
        dead = unreached(program, program.kernels(switches), budget)
    except LimitError:
        if budget.over:
            raise
        return code, program  # counters with many values: the program stays as it is
    short = reached(code, program, dead)
    if short.unreached.keys() == code.unreached.keys():
        return code, program
    return short, unrolled(test, short, unroll, budget, switches=switches)
