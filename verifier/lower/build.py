"""From a test to its program: pick the lowering by the header, then unroll."""

from __future__ import annotations

from collections.abc import Container

from verifier.budget import Budget
from verifier.errors import InputError
from verifier.lower.code import Lowered
from verifier.lower.unroll import unroll as unroll_code
from verifier.program.events import Program
from verifier.program.profiles import FLAVOURS, GENERIC, Switches
from verifier.records import replace
from verifier.syntax.test import Test

DEFAULT_UNROLL = 2


def build(test: Test, unroll: int | None = None, budget: Budget | None = None, exact: bool = True) -> Program:
    """The guarded events of a test.

    ``exact``: loops that are their last turn (MMR 20.4) need no bound.
    ``unroll`` is how often a body may jump backwards; None takes the file's ``unroll`` or 2.
    Raises ``InputError`` for what the vocabulary does not allow, ``LimitError`` for a test that
    unrolls to too much, or if the time is over.
    """
    budget = budget or Budget()
    lowered = lower(test, budget)
    return unrolled(test, lowered, unroll, budget, exact)


def lower(test: Test, budget: Budget) -> Lowered:
    """The code of a test. Raises as ``build``."""
    budget.enter("reading the program")
    if test.arch in ("X86", "X86_64"):
        from verifier.lower.x86.file import lower as lower_file
    else:
        from verifier.lower.c.file import lower as lower_file
    return lower_file(test, budget)


def reached(lowered: Lowered, program: Program, dead: Container[int]) -> Lowered:
    """The code without the instructions of which no run executes any event; ``dead`` are such events of its
    program."""
    alive = {id(x) for number, x in program.origin.items() if number not in dead}
    gone = {id(x): x for number, x in program.origin.items() if number in dead and id(x) not in alive}
    return replace(lowered, unreached={**lowered.unreached, **gone})  # type: ignore[dict-item]


def of_kernel(lowered: Lowered, switches: Switches) -> Lowered:
    """The code with what is said of one kernel alone."""
    world = lowered.world
    said = [d for d in world.flavours if d not in world.warnings] if switches.kernel in FLAVOURS else []
    return replace(lowered, world=replace(world, warnings=[*world.warnings, *said])) if said else lowered


def unrolled(
    test: Test,
    lowered: Lowered,
    unroll: int | None = None,
    budget: Budget | None = None,
    exact: bool = True,
    switches: Switches = GENERIC,
) -> Program:
    """The guarded events of a test's code. ``switches``: where processors walk only for accesses, a turn that
    walks is not left out (MMR 20.4); which kernel's words these are. Raises as ``build``."""
    budget = budget or Budget()
    bound = unroll if unroll is not None else test.unroll if test.unroll is not None else DEFAULT_UNROLL
    budget.enter("unrolling")
    try:
        return unroll_code(of_kernel(lowered, switches), bound, budget, exact, switches.spontaneous)
    except InputError as error:  # what has no place of its own is about the condition
        placed = [d if d.span is not None else replace(d, span=test.span) for d in error.diagnostics]
        raise InputError(placed) from None
