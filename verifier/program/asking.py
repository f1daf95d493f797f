"""What a CPU has to know before it sends by a bare write of the interrupt command register (MMR 8.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.program.events import Event, Program
from verifier.program.expressions import FALSE, TRUE, Apply, Expr, Ref, bits_in, call, mask, refs
from verifier.program.ops import ICR


def asking(program: Program) -> list[tuple[Event, Event, Expr]]:
    """LOCK'd operations, each with a later bare ICR write of its body that waits for the value it reads. The
    value decides whether or where the IPI is sent, a branch in front of it, or for how long a loop or a lock
    in front of it waits. It does so if the third, over slots, holds."""
    out: list[tuple[Event, Event, Expr]] = []
    told, held, options = branches(program), awaited(program), frozenset(program.options.values())
    for body in program.bodies:
        if not any(event.op == "SEND" and event.kind in ICR for event in body.events):
            continue
        locked: dict[int, Event] = {}
        asked: dict[tuple[Event, Expr], None] = {}  # in front of the event that is looked at
        for event in body.events:
            guards = (event.guard, *(program.bodies[h].guard for h in event.handlers))
            asked |= dict.fromkeys(_needed(guards, locked))
            if event.op == "SEND" and event.kind in ICR:
                out += [(x, event, there) for x, there in asked]
            if event.op == "X":
                locked |= {a.slot: event for a in event.accesses if a.slot is not None}
            slots = held.get(event.id, set())
            there = call("and", *(Ref(slot) for slot in sorted(slots & options)))
            asked |= {(locked[slot], there): None for slot in sorted(slots) if slot in locked}
            asked |= dict.fromkeys(_needed(told.get(event.id, ()), locked))
    return list(dict.fromkeys(out))


def _needed(choices: Iterable[Expr], locked: dict[int, Event]) -> Iterator[tuple[Event, Expr]]:
    """The LOCK'd operations whose values these choices may need, and when they do."""
    among = sum(1 << slot for slot in locked)
    for choice in choices:
        if mask(choice) & among:
            yield from ((locked[slot], when) for slot, when in demanded(choice, among).items())


def branches(program: Program) -> dict[int, list[Expr]]:
    """What is decided by a branch that has no event of the model behind it, by the event in front of it. Such
    are the tests of WARN and BUG, behind which the kernel has a UD2. An ``if`` without events is none: a
    compiler may leave it out, or calculate without a branch."""
    out: dict[int, list[Expr]] = {}
    for warned in program.warns:
        out.setdefault(warned.after, []).append(warned.hit)
    return out


def awaited(program: Program) -> dict[int, set[int]]:
    """The events that read what a loop or a lock waits for, each with the slots that decide on it."""
    out: dict[int, set[int]] = {}
    for needed, wait in zip(program.assumes, program.waits, strict=True):
        for event in wait.events:
            out.setdefault(event, set()).update(refs(needed))
    return out


def demanded(expr: Expr, among: int) -> dict[int, Expr]:
    """The slots, of ``among``, as bits, that decide on the value of an expression, each with the condition
    under which it does. What ``evaluate`` leaves out decides nothing: ``b`` in ``a && b`` where a is 0."""
    known: dict[Expr, dict[int, Expr]] = {}
    pending = [expr]
    while pending:
        part = pending[-1]
        missing = [a for _, a in _reached(part) if mask(a) & among and a not in known]
        pending += missing
        if not missing:
            known[pending.pop()] = _joined(part, among, known)
    return known[expr]


def _joined(part: Expr, among: int, known: dict[Expr, dict[int, Expr]]) -> dict[int, Expr]:
    if isinstance(part, Ref):
        return {part.slot: TRUE} if among >> part.slot & 1 else {}
    out: dict[int, Expr] = {}
    for when, a in _reached(part):
        for slot in bits_in(mask(a) & among):
            there = call("and", when, known[a].get(slot, FALSE))
            out[slot] = call("or", out.get(slot, FALSE), there)
    return out


def _reached(part: Expr) -> list[tuple[Expr, Expr]]:
    """The arguments of an expression, each after the condition under which ``evaluate`` looks at it."""
    if not isinstance(part, Apply):
        return []
    args = part.args
    if part.function == "ite":
        chosen, then, other = args
        return [(TRUE, chosen), (chosen, then), (call("not", chosen), other)]
    if part.function not in ("and", "or"):
        return [(TRUE, a) for a in args]
    earlier = args if part.function == "and" else tuple(call("not", a) for a in args)
    return [(call("and", *earlier[:i]), a) for i, a in enumerate(args)]
