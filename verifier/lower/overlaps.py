"""Members of unions that share bytes and have cells of their own: which runs access both.

The memory of such members is one, and the model has no cells for it: what one of them finds after a store to
the other is not known. A run that stores to one, and accesses the other, is wrong (``program.undefined``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from verifier.lower.aliases import Cells
from verifier.program.events import Access, Cell, DecidedBy, Event, Observable, World
from verifier.program.expressions import FALSE, Apply, Const, Expr, Obs, call, mask, parts
from verifier.program.undefined import ONE_SIZE, line_of
from verifier.program.values import UNDEF, Ptr
from verifier.records import NamedTuple
from verifier.source import Span

Overlaid = Mapping[Ptr, frozenset[Ptr]]


class _Touch(NamedTuple):
    """An access of an event that may be one to ``cell``."""

    event: Event
    access: Access
    cell: Ptr

    def guard(self, stores: bool) -> tuple[Expr, ...]:
        """What holds if it is one; ``stores``: and stores there."""
        here = call("eq", self.access.addr, Const(self.cell))
        return self.event.guard, here, *([self.access.when] if stores else [])

    @property
    def fills(self) -> bool:
        """Does it store a constant? What is one statement does so for a whole struct: 0, or what freed memory
        is filled with."""
        return self.event.op == "W" and isinstance(self.access.value, Const)

    @property
    def place(self) -> tuple[int, Span | None]:
        """The statement that it is a part of."""
        return self.event.body, self.event.span

    def where(self, world: World) -> str:
        """Where it stands, as reasons say it."""
        span = self.event.span
        return "what runs" if span is None else f"`{self.event.text}` in {line_of(world, span)}"


def decisions(world: World, events: Sequence[Event], asked: Iterable[Observable]) -> Iterator[DecidedBy]:
    """The decisions that make runs wrong which store to a member of a union, and access another one that
    shares bytes with it. ``asked``: what the condition asks for."""
    if not world.overlaid:
        return
    cells = Cells(world, events)
    by_cell: dict[Ptr, list[_Touch]] = {ptr: [] for ptr in world.overlaid}
    for event in events:
        for access in event.accesses if not event.virtual else ():
            for cell in sorted(cells.of(access.addr) & by_cell.keys(), key=str):
                by_cell[cell].append(_Touch(event, access, cell))
    filled = {(x.place, cell) for cell, touches in by_cell.items() for x in touches if x.fills}
    finals = {o.cell for o in asked if o.kind == "mem"}
    for cell, others in world.overlaid.items():
        for touch in by_cell[cell]:
            for other in sorted(others, key=str):
                if touch.fills and (touch.place, other) in filled:
                    continue  # the other one, too, with the same bytes
                beside = [x for x in by_cell[other] if not (x.fills and (x.place, cell) in filled)]
                yield from _of_runs(world, touch, beside)
                yield from _of_ends(world, world.cells[other], touch, other in finals)


def _of_runs(world: World, store: _Touch, others: Iterable[_Touch]) -> Iterator[DecidedBy]:
    """A store beside accesses of other members: for each body that does one of both."""
    if store.access.value is None or store.access.when == FALSE:
        return
    for other in others:
        if store.place == other.place and store.event.text != other.event.text:
            continue  # parts of the copy of a struct, which copies all bytes alike
        guard = (*store.guard(True), *other.guard(False))
        if FALSE in guard:
            continue
        names = f"{world.cells[store.cell].name} and {world.cells[other.cell].name} share bytes in a union"
        done = f"{store.where(world)} stores to one, {other.where(world)} accesses the other"
        told = f"{names}, and {done}; {ONE_SIZE}"
        pair = sorted((store.event, other.event), key=lambda e: e.id)
        for first, last in [pair] if pair[0].body == pair[1].body else [pair, pair[::-1]]:
            yield DecidedBy(last.body, last.id, guard, Const(UNDEF), last.span, told, first.id)


def _of_ends(world: World, other: Cell, touch: _Touch, asked: bool) -> Iterator[DecidedBy]:
    """A store beside a condition that asks for another member; an access beside an initial value of one."""
    stores = touch.access.value is not None
    if asked and stores:
        what = f"{touch.where(world)} stores to the other, and the condition asks for {other.name}"
    elif other.init != 0:
        what, stores = (
            f"{touch.where(world)} accesses the other, and {other.name} has an initial value",
            False,
        )
    else:
        return
    guard = touch.guard(stores)
    if FALSE not in guard:
        told = f"two members of a union share bytes: {what}; {ONE_SIZE}"
        yield DecidedBy(touch.event.body, touch.event.id, guard, Const(UNDEF), touch.event.span, told)


def asked(observables: Sequence[Observable], *conditions: Expr | None) -> list[Observable]:
    """The observables that conditions ask for, those of an instant among them."""
    wanted = {x.index for c in conditions if c is not None for x in parts(c) if isinstance(x, Obs)}
    inner = [o.expr for i, o in enumerate(observables) if i in wanted and o.kind == "ever"]
    wanted |= {x.index for e in inner if e is not None for x in parts(e) if isinstance(x, Obs)}
    return [o for i, o in enumerate(observables) if i in wanted]


def differ(turn: Sequence[Event], overlaid: Overlaid, entry: tuple[Expr, ...]) -> bool:
    """May a turn of a loop access a member of a union where another turn accesses none? ``entry``: under what
    the turn begins."""
    if not overlaid:
        return False
    slots = sum(1 << a.slot for e in turn for a in e.accesses if a.slot is not None)
    return any(
        e.guard != call("and", *entry) or any(mask(a.addr) & slots for a in e.accesses)
        for e in turn
        if not e.virtual and any(_may_be(a.addr, overlaid) for a in e.accesses)
    )


def _may_be(addr: Expr, overlaid: Overlaid) -> bool:
    """May it be the address of such a member, as far as its form says it?"""
    if isinstance(addr, Const):
        return addr.value in overlaid
    if isinstance(addr, Apply) and addr.function == "field" and isinstance(addr.args[1], Const):
        return any(ptr.base.endswith(f".{addr.args[1].value}") for ptr in overlaid)
    return True
