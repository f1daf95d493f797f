"""What the guards of events say of each other: which events are executed wherever another one is, and which
never are together.

A guard is a conjunction of conditions. An event whose conditions are among those of another one is executed
wherever that one is; two events that need a condition and its opposite are never both executed. So a read
does not return what its body stored before such a store to the same cell as it is sure to come after, and
nothing that is stored on another branch.
"""

from __future__ import annotations

from verifier.program.events import Access, Event, Program
from verifier.program.expressions import TRUE, Apply, Const, Expr, call
from verifier.program.values import Value

Conditions = frozenset[Expr]


def conjuncts(guard: Expr) -> Conditions:
    """The conditions whose conjunction a guard is."""
    found: set[Expr] = set()
    pending = [guard]
    while pending:
        part = pending.pop()
        if isinstance(part, Apply) and part.function == "and":
            pending += part.args
        elif part != TRUE:
            found.add(part)
    return frozenset(found)


def steady(event: Event, access: Access) -> bool:
    """Is the access at one cell, the same one in every run?"""
    return not event.virtual and type(access.addr) is Const


class Branches:
    """The guards of a program's events.

    ``decided``: are all conditions true or false in every run? Where one is UNDEF, both branches are taken.
    """

    def __init__(self, program: Program) -> None:
        self.decided = True
        known: dict[Expr, Conditions] = {}
        for event in program.events:
            if event.guard not in known:
                known[event.guard] = conjuncts(event.guard)
        against = {guard: frozenset(call("not", x) for x in found) for guard, found in known.items()}
        self._needs = [known[event.guard] for event in program.events]
        self._refuses = [against[event.guard] for event in program.events]
        self._stores: dict[tuple[int, Value | str], list[int]] = {}  # by body and cell, in their order
        self._after: dict[tuple[int, Value], int] = {}
        for event in program.events:
            for access in event.accesses:
                if access.value is not None and access.when == TRUE and steady(event, access):
                    assert isinstance(access.addr, Const)
                    self._stores.setdefault((event.body, access.addr.value), []).append(event.id)

    def conditions(self) -> Conditions:
        """All conditions."""
        return frozenset[Expr]().union(*self._needs)

    def exclusive(self, a: int, b: int) -> bool:
        """Are two events never both executed?"""
        return self.decided and not self._needs[a].isdisjoint(self._refuses[b])

    def implies(self, a: int, b: int) -> bool:
        """Is an event executed only where another one is?"""
        return self._needs[b] <= self._needs[a]

    def after(self, event: Event, cell: Value) -> int:
        """The last store of its body to a cell that a read of the cell is sure to come after; -1: none. What
        was stored there before, the read does not return."""
        if event.virtual or event.op == "IF":  # these need not look at their own stores
            return -1
        key = (event.id, cell)
        known = self._after.get(key)
        if known is None:
            own = reversed(self._stores.get((event.body, cell), ()))
            sure = (at for at in own if at < event.id and self.implies(event.id, at))
            known = self._after[key] = next(sure, -1)
        return known
