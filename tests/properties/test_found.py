"""Programs on which the judges once differed, or one of them gave up; each with the rule it is about."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.properties.programs import (
    call_rcu,
    grace,
    irq,
    lit,
    lowered,
    read,
    send,
    write,
)
from verifier import explore, solve
from verifier.explore import explore as run
from verifier.program.code import Instruction, Lowered, Target
from verifier.program.profiles import GENERIC, Switches
from verifier.program.unroll import unroll
from verifier.program.values import TRUE, Const, Reg

X, Y, Z, ONE = lit("x"), lit("y"), lit("z"), Const(1)
FOUND: dict[str, Callable[[], tuple[Lowered, Switches]]] = {}


def found(make: Callable[[], Lowered | tuple[Lowered, Switches]]) -> None:
    """One of the programs, by its name."""

    def both() -> tuple[Lowered, Switches]:
        made = make()
        return (made, GENERIC) if isinstance(made, Lowered) else made

    FOUND[make.__name__] = both


def at(cpu: int, *code: Instruction) -> Target:
    """A handler."""
    return Target(cpu, TRUE, tuple(code), (), "handler")


@found
def callback_of_an_nmi() -> Lowered:
    """No NMI, no callback: nothing waits for one (MMR 12.1)."""
    test = lowered([read("r0", X)], mem=("x", "z"), regs=("0:r0",))
    test.nmis.append((0, (write(X, ONE), call_rcu("g", at(0, write(Z, ONE))))))
    return test


@found
def nmis_that_send_crosswise() -> Lowered:
    """Each would wait for what the other has not sent."""
    test = lowered([], [], mem=("x", "z"))
    test.nmis.append((0, (send("g", at(1, write(X, ONE))),)))
    test.nmis.append((1, (send("k", at(0, write(Z, ONE))),)))
    return test


@found
def a_handler_that_turns_interrupts_on() -> Lowered:
    """A handler is one RCU reader from end to end, whatever the flag says (MMR 18.1)."""
    handler = at(1, irq(1, 1), read("r0", X), write(Z, Reg("r0")))
    return lowered([*grace(), write(X, ONE)], [], [send("g", handler)], mem=("x", "z"))


@pytest.mark.parametrize("name", FOUND)
def test_judges_agree(name: str) -> None:
    test, switches = FOUND[name]()
    program = unroll(test, 1)
    first = explore.decide(program, switches=switches, want_states=True)
    second = solve.decide(program, switches=switches, want_states=True)
    assert first.states is not None and second.states is not None
    assert set(first.states) == set(second.states)
    assert run(program, switches=switches, reduced=False).shown == set(first.states)
