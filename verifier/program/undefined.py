"""Decisions by undefined values.

``UNDEF`` is a value of which nothing is known: C does not define it, or this model has no number for it, as
for the bits of an address. It may be stored, read and passed on. But in a run that decides by it, nothing is
known of what is done next. Such a run is wrong, as one that accesses an address without a cell is: a branch,
a loop or a wait has a condition that is UNDEF; or it decides whether a store is done, whether an interrupt
is sent, what an invalidation names, or what a register of the processor holds.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from verifier.program.events import Cell, DecidedBy, Event, Program, World, show
from verifier.program.expressions import FALSE, Apply, Const, Expr, Obs, Ref, Slots, call, evaluate, parts
from verifier.program.values import UNDEF, WITHIN, Ptr, Value, truth
from verifier.program.waits import folded
from verifier.records import NamedTuple
from verifier.source import Span

ONE_SIZE = "accesses of different sizes to one location are not modelled"


class Wrong(NamedTuple):
    """What makes a run one of which nothing is known, in words, and where it stands. ``lost``: it is an
    access to an address that belongs to no object, before any decision by an undefined value."""

    told: str
    span: Span | None = None
    lost: bool = False


def no_cell(program: Program, event: Event, slots: Slots) -> Wrong:
    """An access to an address without a cell, in a run in which slots have these values."""
    line = f" in line {event.span.line}" if event.span else ""
    known = _Reasons(program, slots)
    for access in event.accesses:
        cell = _around(program, known.value(access.addr))
        if cell is not None:
            what = f"to other bytes than those of {cell.name}, which has {cell.bits} bits: {event.text}"
            return Wrong(f"an access{line} {what}; {ONE_SIZE}", event.span, lost=True)
    what = f"to an address that belongs to no object: {event.text}"
    return Wrong(f"an access{line} {what}", event.span, lost=True)


def _around(program: Program, address: Value | None) -> Cell | None:
    """The cell of whose bytes one has this address, which is none of a cell. Only cells that count bytes
    have any."""
    if not isinstance(address, Ptr):
        return None
    base, off = address.base.removesuffix(WITHIN), address.off
    near = (c for c in program.cells.values() if c.bits and c.ptr.base == base)
    return next((c for c in near if c.ptr.off <= off < c.ptr.off + c.bits // 8), None)


def decision(program: Program, made: DecidedBy, slots: Slots) -> Wrong:
    """A decision by a value that is UNDEF for the values that these slots have."""
    span = made.span
    if made.limit:
        line = f" ({line_of(program.world, span)})" if span is not None else ""
        return Wrong(f"beyond a limit of the model{line}: {made.limit}", span)
    why = _Reasons(program, slots).of(made.value)
    if span is None:
        return Wrong(f"a decision by an undefined value: {why}")
    return Wrong(
        f"`{folded(span.text)}` in {line_of(program.world, span)} decides by an undefined value: {why}", span
    )


def by_undefined(made: DecidedBy) -> Expr:
    """The condition that a run comes to a decision, and that it is by an UNDEF value. It may come there by
    an earlier one of these: as for events, a guard that is UNDEF holds."""
    comes = (call("or", call("undefined", part), part) for part in made.guard)
    return call("and", *comes, call("undefined", made.value))


def left_open(program: Program, may_be: Callable[[int], bool] = lambda _: True) -> dict[int, Expr]:
    """By observable, the condition that it is UNDEF and that such values decide the program's condition: this
    is true for some values in their place, and false for others. What asks for UNDEF itself is not meant.
    ``may_be``: may an observable be UNDEF? The others are left out."""
    asked = dict.fromkeys(x.index for x in parts(program.condition) if isinstance(x, Obs))
    unknown = [i for i in asked if may_be(i)]
    made = call("undefined", _for_any(program.condition)) if unknown else FALSE
    return {i: call("and", call("undefined", Obs(i)), made) for i in unknown}


def _for_any(expr: Expr) -> Expr:
    """A condition that is UNDEF where UNDEF values decide it, which else are equal to nothing."""
    if isinstance(expr, Apply) and expr.function in ("and", "or", "not", "bool"):
        return call(expr.function, *map(_for_any, expr.args))
    if isinstance(expr, Apply) and expr.function == "undefined":
        return expr
    unknown = [call("undefined", x) for x in parts(expr) if isinstance(x, Obs)]
    return call("ite", call("or", *unknown), Const(UNDEF), expr) if unknown else expr


def line_of(world: World, span: Span) -> str:
    """Where something stands: ``line 5``, with the name of the file if it is not the test's."""
    other = "" if span.source.name == world.file else f" of {os.path.basename(span.source.name)}"
    return f"line {span.line}{other}"


_SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "bitand": "&", "va_and": "&", "bitor": "|",
    "bitxor": "^", "shl": "<<", "shr": ">>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
_BITWISE = frozenset({"bitand", "va_and", "bitor", "bitxor"})
_PREFIXES = {"neg": "-", "inv": "~"}
_MOST = 4  # reads and stores on the way to where a value comes from


class _Reasons:
    """Why values are UNDEF in a run in which slots have these values; what has no value was not read."""

    def __init__(self, program: Program, slots: Slots) -> None:
        self.program, self.slots = program, slots

    def value(self, expr: Expr) -> Value | None:
        """A value, if it is known."""
        try:
            return evaluate(expr, self.slots)
        except KeyError:
            return None

    def of(self, expr: Expr, most: int = _MOST) -> str:
        """Where an UNDEF value comes from."""
        expr = self._origin(expr)
        if isinstance(expr, Ref):
            return self._read(expr.slot, most)
        if not isinstance(expr, Apply):
            return "it has no value"
        values = [self.value(a) for a in expr.args]
        if expr.function == "ite":
            return self._chosen(expr.args[0])
        if expr.function in ("div", "mod") and values[1] == 0:
            return "a division by 0"
        text = self._applied(expr, values)
        return f"nothing says whether {text}" if expr.function in _ORDERS else f"{text} has no value"

    def _origin(self, expr: Expr) -> Expr:
        """The first part that is UNDEF although its own parts are not."""
        while isinstance(expr, Apply):
            args = expr.args
            if expr.function == "ite":
                chosen = self.value(args[0])
                if chosen != UNDEF:
                    arm = args[1 if chosen is None or truth(chosen) else 2]
                    if isinstance(arm, Const):
                        return expr
                    args = (arm,)
                else:
                    args = args[:1]
            unknown = next((a for a in args if self.value(a) == UNDEF), None)
            if unknown is None:
                return expr
            expr = unknown
        return expr

    def _applied(self, expr: Apply, values: list[Value | None]) -> str:
        """An operation as C writes it."""
        texts = [
            hex(v) if expr.function in _BITWISE and isinstance(v, int) else self._shown(a, v)
            for a, v in zip(expr.args, values, strict=True)
        ]
        sign = _SIGNS.get(expr.function)
        if sign is not None and len(texts) == 2:
            return f"{texts[0]} {sign} {texts[1]}"
        if expr.function in _PREFIXES:
            return f"{_PREFIXES[expr.function]}{texts[0]}"
        if expr.function[1:].isdigit():
            return f"a part of {texts[0]}"
        return f"{expr.function}({', '.join(texts)})"

    def _shown(self, expr: Expr, value: Value | None) -> str:
        if value is None:
            return "?"
        if isinstance(expr, Const):
            return show(expr.value, self.program.names)
        return show(value, self.program.names)

    def _chosen(self, condition: Expr) -> str:
        """C does not define a shift or a division, since it is not inside of this."""
        for part in condition.args if isinstance(condition, Apply) and condition.function == "and" else ():
            if isinstance(part, Apply) and part.function == "lt":
                count, width = (self.value(a) for a in part.args)
                return f"a shift by {count} of what has {width} bits"
            if isinstance(part, Apply) and part.function == "eq":
                return "a division of the least number by -1"
        return "it has no value"

    def _read(self, slot: int, most: int) -> str:
        """Who has read an UNDEF value, and who has stored it."""
        program = self.program
        read = next(((e, a) for e in program.events for a in e.accesses if a.slot == slot), None)
        if read is None or read[0].span is None:
            return "it is read from memory"
        event, access = read
        assert event.span is not None
        where = f"`{folded(event.text)}` in {line_of(program.world, event.span)} reads"
        for store in program.events if most else ():
            for a in store.accesses:
                if a.value is None or store is event or self.value(a.value) != UNDEF:
                    continue
                done = self.value(store.guard)
                if done is None or not truth(done) or self.value(a.addr) != self.value(access.addr):
                    continue
                what = f"what {line_of(program.world, store.span)} stores" if store.span else "what is stored"
                return f"{where} {what}: {self.of(a.value, most - 1)}"
        return f"{where} one"


_ORDERS = frozenset({"lt", "le", "gt", "ge"})
