"""How what was sent comes: interrupts that are merged, and calls of the call queue."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.program.events import Body, Event, Program
from verifier.program.expressions import FALSE, Expr, Slots, call, evaluate
from verifier.program.profiles import CALL_QUEUE
from verifier.program.values import Value, truth


def merged_sends(program: Program, slots: Mapping[int, Value]) -> frozenset[int]:
    """The bodies that were sent and that another one runs for, as this one was pending when the other
    came, or the other way round (MMR 8.3)."""
    return frozenset(
        b.id
        for b in program.bodies
        if b.merges and b.choice is not None
        if slots[b.choice] == 0 and truth(evaluate(b.sent, slots))
    )


def batches(program: Program) -> list[tuple[Body, Body]]:
    """Pairs of handlers that one interrupt may run, in this order, if this makes a difference (MMR 8.10).
    The call queue has sent both to one CPU. It makes a difference only if the first handler stores
    something, or if the CPU fetches instructions that may change."""
    calls, fetching = _calls(program), _fetching(program)
    return [
        (a, b)
        for a in calls
        for b in calls
        if a.cpu == b.cpu and a is not b and (a.cpu in fetching or any(e.op == "W" for e in a.events))
    ]


def own_calls(program: Program) -> list[Body]:
    """The calls that a CPU may find by itself, without an interrupt, before its thread begins (MMR 8.12).
    It makes a difference only if the CPU fetches instructions that may change."""
    fetching = _fetching(program)
    return [b for b in _calls(program) if b.cpu in fetching]


def old_queue(program: Program, slots: Slots) -> bool:
    """Is this run's kernel older than v5.8, whose call queue is another one (MMR 8.12, 17.7)?"""
    kernel = None if program.kernel is None else slots[program.kernel]
    return isinstance(kernel, int) and kernel < CALL_QUEUE


def overtakes(later: Event, earlier: Event) -> Expr:
    """Whether a CPU may handle a SEND before an earlier one of the same sender (MMR 17.7), over slots: if
    the sender waits for the later one, but not for the earlier one."""
    if later.waited is None or earlier.waited is None:
        return FALSE
    return call("and", call("bool", later.waited), call("not", earlier.waited))


def _calls(program: Program) -> list[Body]:
    """What comes by the call queue."""
    return [b for b in program.bodies if b.kind == "handler" and b.send is not None and not b.send.kind]


def _fetching(program: Program) -> set[int]:
    """The CPUs that fetch instructions that may change."""
    return {e.cpu for e in program.events if e.op == "IF"}
