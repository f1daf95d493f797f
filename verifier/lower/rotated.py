"""Loops that begin each turn with a lock, or with interrupts off (MMR 20.4).

Such a loop gives back what it has in the middle of a turn, and takes it again: others come in between.  What
can be left out of a run goes from one such place to the next one.  So the loop is written twice, and the
second one begins its turns there::

    again:  A               again:  A
            B                       goto middle
            goto again              B
                                    goto again
                            middle: B
                            next:   A
                                    goto middle

Where the place is under a condition, what goes past it in A comes to B in the same copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.lower.code import Assume, Branch, Emit, Instruction, Jump, Label
from verifier.lower.paths import negation
from verifier.program.expressions import FALSE, Apply, Expr

Code = tuple[Instruction, ...]


def rotated(code: Code, graced: bool) -> Code:
    """The same code, with such loops beginning where nothing is held. ``graced``: somebody waits for RCU
    readers, so that their sections count as locks do."""
    done: set[str] = set()
    while True:
        back = next(_backward(code, done), None)
        if back is None:
            return code
        name, to, at = back
        done.add(name)
        middle = _middle(code[to : at + 1], graced)
        if middle is not None:
            code = _turned(code, to, to + middle, at)


def _backward(code: Code, done: set[str]) -> Iterator[tuple[str, int, int]]:
    """The labels of loops, with their places and those of the last jumps back; but those that are done."""
    last = {x.target: at for at, x in enumerate(code) if isinstance(x, Jump | Branch)}
    if not last:
        return
    places = {x.name: i for i, x in enumerate(code) if isinstance(x, Label)}
    yield from (
        (name, places[name], at) for name, at in last.items() if places[name] < at and name not in done
    )


def _middle(loop: Code, graced: bool) -> int | None:
    """Where in a loop something is taken again that was given back before; None if nothing is."""
    taken = {e.touches[0].addr for x in loop if isinstance(x, Assume) and x.kind == "lock" for e in x.reads}
    if any(isinstance(x, Emit) and _keeps(x, taken) for x in loop):
        return None  # no turn can be left out
    given = joined = False
    for at, x in enumerate(loop):
        if not isinstance(x, Emit):
            continue
        takes, closed = _takes(x, taken, graced), joined or x.joined
        joined = x.joined
        if x.op == "IRQ" and closed:
            continue  # an STI and the CLI right behind it: nothing comes between (MMR 8.11)
        if takes:
            return at if given else None
        given = given or takes is False
    return None


def _keeps(x: Emit, locks: set[Expr]) -> bool:
    """Does an instruction do what no turn that is left out may do: send something, or store elsewhere?"""
    return x.op == "SEND" or (x.op == "W" and x.touches[0].addr not in locks)


def _takes(x: Emit, locks: set[Expr], graced: bool) -> bool | None:
    """Does an instruction take something, or (False) give it back? None: neither."""
    if x.op == "RCU" and (graced or x.touches):
        return x.kind == "lock"
    if x.op == "IRQ" and x.kind != "hlt":
        value = x.touches[0].value
        return value == FALSE or (isinstance(value, Apply) and value.function == "add")
    if x.op in ("X", "W") and not x.virtual and x.touches[0].addr in locks:
        return x.touches[0].value != FALSE
    return None


def _turned(code: Code, to: int, middle: int, at: int) -> Code:
    """The code with the loop from ``to`` to its last jump back ``at`` rotated; as it is if other code jumps
    into the loop."""
    head, back, first, second = code[to], code[at], code[to + 1 : middle], code[middle:at]
    assert isinstance(head, Label) and isinstance(back, Jump | Branch)
    if (_labels(first) | _labels(second)) & _targets((*code[:to], *code[at + 1 :])):
        return code
    turn, again, over = (f"{head.name}%{part}" for part in ("turn", "again", "over"))
    names = {name: f"{name}%again" for name in _labels(first) | _labels(second)} | {head.name: again}
    leaves = (Branch(negation(back.condition), over, back.span),) if isinstance(back, Branch) else ()
    return (
        *code[: to + 1],
        *first,
        Jump(turn, back.span),
        *second,
        back,
        Jump(over, back.span),
        Label(turn, head.span, head.what),
        *(_renamed(x, names) for x in second),
        *leaves,
        Label(again, head.span, head.what),
        *(_renamed(x, names) for x in first),
        Jump(turn, back.span),
        Label(over),
        *code[at + 1 :],
    )


def _labels(code: Iterable[Instruction]) -> set[str]:
    return {x.name for x in code if isinstance(x, Label)}


def _targets(code: Iterable[Instruction]) -> set[str]:
    return {x.target for x in code if isinstance(x, Jump | Branch)}


def _renamed(x: Instruction, names: dict[str, str]) -> Instruction:
    """An instruction with other names of labels."""
    if isinstance(x, Label):
        return x._replace(name=names.get(x.name, x.name))
    if isinstance(x, Jump | Branch):
        return x._replace(target=names.get(x.target, x.target))
    return x
