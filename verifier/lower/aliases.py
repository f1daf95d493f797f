"""Which cells an address may be, as far as its form says it."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.program.events import Event, World
from verifier.program.expressions import Apply, Const, Expr, large_parts, parts
from verifier.program.functions import INTEGER_TYPES
from verifier.program.values import Ptr

PAGE_CELLS = ".data"  # ends the names of the cells of pages, to which translations lead


class Cells:
    """The cells of a test. ``events`` store what may be found in them."""

    def __init__(self, world: World, events: Iterable[Event]) -> None:
        self._of: dict[str, set[Ptr]] = {}
        for ptr in world.cells:
            self._of.setdefault(ptr.base, set()).add(ptr)
        self._known: dict[Expr, frozenset[str]] = {}
        self._found = frozenset(cell.init.base for cell in world.cells.values() if isinstance(cell.init, Ptr))
        values = {access.value for event in events for access in event.accesses if access.value is not None}
        stored = [self._bases(value) for value in values]
        self._known.clear()  # what is stored may have been found elsewhere
        self._found = self._found.union(*stored)

    def touched(self, event: Event) -> set[Ptr]:
        """The cells that an event may touch."""
        if event.virtual:
            return {cell for base in self._of if base.endswith(PAGE_CELLS) for cell in self._of[base]}
        return set[Ptr]().union(*(self.of(access.addr) for access in event.accesses))

    def of(self, addr: Expr) -> set[Ptr]:
        """The cells that an address may be."""
        if type(addr) is Const and isinstance(addr.value, Ptr):
            return {addr.value}
        return {cell for base in self._bases(addr) for cell in self._of.get(base, ())}

    def _bases(self, expr: Expr) -> frozenset[str]:
        """What the values of an expression may be the address of, or lie near to."""
        if type(expr) is Const:
            return frozenset((expr.value.base,)) if isinstance(expr.value, Ptr) else frozenset()
        if not isinstance(expr, Apply):
            return self._found
        if expr not in self._known:
            for part in large_parts(expr, self._known):
                self._known[part] = self._made(part)
            self._known[expr] = self._made(expr)
        return self._known[expr]

    def _made(self, expr: Apply) -> frozenset[str]:
        """``_bases`` of what a function makes."""
        function, args = expr.function, expr.args
        if function == "field" and not any(_goes_out(part) for part in parts(expr)):
            name = args[1]
            assert isinstance(name, Const)
            return frozenset(base for base in self._of if base.endswith(f".{name.value}"))
        if function in _NAMED:
            return frozenset(base for base in self._of if base.startswith(f"{function}("))
        if function in _NEAR or function in INTEGER_TYPES:
            return frozenset[str]().union(*map(self._bases, args[function == "ite" :]))
        return frozenset() if function in _TRUTHS else frozenset(self._of)


_NAMED = frozenset(("pte", "mm_cpumask"))
_NEAR = frozenset(("add", "sub", "ite"))
_TRUTHS = frozenset(("eq", "ne", "lt", "le", "gt", "ge", "not", "and", "or", "bool", "known", "holds"))


def _goes_out(part: Expr) -> bool:
    """From a field to what has it?"""
    return isinstance(part, Apply) and part.function == "container"
