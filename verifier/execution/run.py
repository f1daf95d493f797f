"""One concrete execution: the data of a witness, and what follows from it.

An ``Execution`` is data that anyone may have produced.  ``execution.check`` decides whether to believe it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from verifier.model import Model
from verifier.model.roles import buffered
from verifier.program import arrivals
from verifier.program.events import Access, Event, Program
from verifier.program.expressions import evaluate
from verifier.program.functions import apply
from verifier.program.values import (
    CLEAN,
    COMBINED,
    GLOBAL,
    UNACCESSED,
    Ptr,
    Value,
    flags,
    make_entry,
    target,
    truth,
)
from verifier.records import NamedTuple, dataclass, field

Choice = Literal["aged", "remote", "apart", "grace"]  # relations whose pairs are in one order or the other


class From(NamedTuple):
    """``read`` took ``value`` at ``cell`` from ``write`` (None: the initial state)."""

    cell: Ptr
    write: int | None
    read: int
    value: Value
    forwarded: bool = False


class Walk(NamedTuple):
    """A page walk, and what it was for.

    ``kind``     ``use`` (it serves ``use``), ``initial`` (an entry of the initial TLB does),
                 ``fault`` (it ends at an entry that is not present or forbids the access),
                 ``accessed`` (it sets A in the last entry, at node ``use``);
    ``levels``   (node, cell, content) of the entries read, from the root down;
    ``content``  where it leads, with the attributes of the whole walk;
    ``event``    the access that it is for, or ``observable`` of the condition that asks.
    """

    kind: str
    use: int
    cpu: int
    va: Ptr
    tag: int
    levels: tuple[tuple[int, Ptr, Value], ...]
    content: Value
    event: int | None = None
    observable: int | None = None


def combined(levels: Sequence[tuple[int, Ptr, Value]]) -> Value:
    """Where a walk leads, with the attributes of all its levels (MMR 4.2)."""
    if not levels or target(levels[-1][2]) is None:
        return 0
    last, above = levels[-1][2], 0
    for _, _, content in levels[:-1]:
        above |= flags(content) & COMBINED
    return make_entry(target(last) or 0, above | flags(last) & (COMBINED | GLOBAL | CLEAN))


@dataclass(slots=True, eq=False)
class Execution:
    """One execution of ``program`` under ``model``.

    Events are numbered as in the program. Further numbers are issues of stores, faults, reads of
    walks and fetches, updates of entries, effects of INVLPGBs, uses by conditions, snapshots and, last,
    the initial state. ``order`` lists the executed events of each CPU in program order, with handlers
    where they ran.

    ``issues, faults, dirty, fetches``  event -> its issue, the fault that it takes, its update of D,
                the read of its copy;
    ``loads``   access -> the loads right before it by which its walk reads upper entries;
    ``unaged``  updates of D that left A clear;
    ``flushes`` node -> (INVLPGB, CPU on which the node is its effect);
    ``past``    (invalidation, snapshot) if the invalidation is before the snapshot;
    ``together`` (handler, handler) that one interrupt runs, the first one first;
    ``choices`` the orders that were chosen, the earlier event first.
    """

    program: Program
    model: Model
    executed: frozenset[int]
    slots: dict[int, Value]
    order: list[list[int]]
    reads: list[From]
    co: dict[Ptr, list[int]]
    issues: dict[int, int]
    walks: list[Walk]
    faults: dict[int, int]
    dirty: dict[int, int] = field(default_factory=dict)
    unaged: frozenset[int] = frozenset()
    fetches: dict[int, int] = field(default_factory=dict)
    loads: dict[int, tuple[int, ...]] = field(default_factory=dict)
    flushes: dict[int, tuple[int, int]] = field(default_factory=dict)
    snapshots: dict[int, int] = field(default_factory=dict)
    past: frozenset[tuple[int, int]] = frozenset()
    choices: dict[Choice, frozenset[tuple[int, int]]] = field(default_factory=dict)
    together: frozenset[tuple[int, int]] = frozenset()
    observed: dict[int, Value] = field(default_factory=dict)

    def walk_of(self, event: int) -> Walk | None:
        """The walk of a translated access."""
        return next((w for w in self.walks if w.event == event), None)

    def found(self, node: int, cell: Ptr) -> Value | None:
        """What a node read at a cell; None if it did not."""
        return next((r.value for r in self.reads if r.read == node and r.cell == cell), None)

    def register(self, cpu: int, name: str, node: int) -> Value | None:
        """What a register of a CPU held when a node read it.

        The read may be missing where the register never changes.
        """
        cell = Ptr(f"{cpu}:{name}")
        found = self.found(node, cell)
        if found is not None or cell not in self.program.cells:
            return 0 if found is None else found
        values = {self.program.cells[cell].init, *(v for (_, c), v in self.written_at().items() if c == cell)}
        return values.pop() if len(values) == 1 else None

    def updates(self) -> dict[tuple[int, Ptr], Value]:
        """(node, cell) -> the content that an update by a page walker writes."""
        out: dict[tuple[int, Ptr], Value] = {}
        for w in self.walks:
            if w.kind == "accessed":
                node, cell, content = w.levels[-1]
                out[node, cell] = apply("pte_without", (content, UNACCESSED))
        for node in self.dirty.values():
            gone = CLEAN if node in self.unaged else CLEAN | UNACCESSED
            for r in self.reads:
                if r.read == node:
                    out[node, r.cell] = apply("pte_without", (r.value, gone))
        return out

    def written(self, event: Event, access: Access) -> Value | None:
        """The value an executed event writes by an access; None if it writes nothing."""
        if access.value is None or event.id in self.faults or not truth(evaluate(access.when, self.slots)):
            return None
        return evaluate(access.value, self.slots)

    def cell(self, event: Event, access: Access) -> Ptr | None:
        """The cell an executed event touches by an access; None if it faulted."""
        address = evaluate(access.addr, self.slots)
        if event.virtual:
            walk = self.walk_of(event.id)
            page = None if walk is None or event.id in self.faults else target(walk.content)
            if page is None:
                return None
            address = apply("page_data", (page,))
        return address if isinstance(address, Ptr) else None

    def linear(self, event: Event) -> Value | None:
        """The virtual address that an executed event accesses; None if it names the word itself."""
        return evaluate(event.accesses[0].addr, self.slots) if event.virtual else None

    def written_at(self) -> dict[tuple[int, Ptr], Value]:
        """(node, cell) -> value of everything that is written."""
        out = self.updates()
        for event in self.program.events:
            if event.id in self.executed:
                for access in event.accesses:
                    value, cell = self.written(event, access), self.cell(event, access)
                    if value is not None and cell is not None:
                        out[event.id, cell] = value
        return out

    def between_functions(self) -> set[int]:
        """Ends of handlers where no interrupt is delivered or returns: it goes on with another function
        (MMR 8.10)."""
        bodies = self.program.bodies
        ends = {bodies[a].events[-1].id for a, _ in self.together}
        return ends | {bodies[b].events[0].id for _, b in self.together}

    def without_interrupt(self) -> set[int]:
        """First and last events of calls that a CPU finds by itself before its thread begins (MMR 8.12)."""
        found: set[int] = set()
        for body in [] if arrivals.old_queue(self.program, self.slots) else arrivals.own_calls(self.program):
            line, first = self.order[body.cpu], body.events[0].id
            thread = self.program.thread(body.cpu).id
            before = line[: line.index(first)] if first in line else line
            if first in line and all(self.program.events[e].body != thread for e in before):
                found |= {first, body.events[-1].id}
        return found

    def lines(self) -> list[list[int]]:
        """Each CPU's instants in program order."""
        return [[n for e in line for n in self.instants(e)] for line in self.order]

    def instants(self, event: int) -> list[int]:
        """The instants of one event, in order: the loads of its walk, the update of D, the issue or the event
        itself, the fault, the commit."""
        dirty, issue, fault = self.dirty.get(event), self.issues.get(event), self.faults.get(event)
        own = [dirty, event, fault] if issue is None else [dirty, issue, fault, event]
        return [*self.loads.get(event, ()), *(n for n in own if n is not None)]

    def buffered(self, event: int) -> bool:
        """Is this event the commit of a buffered store?"""
        return self.model.buffered and buffered(self.program.events[event], self.program)

    # -- its end --------------------------------------------------------------------------------

    def final(self, cell: Ptr) -> Value:
        """What a cell holds in the end."""
        order = self.co.get(cell)
        if not order:
            return self.program.cells[cell].init
        return self.written_at()[order[-1], cell]

    def values(self) -> dict[int, Value]:
        """All observables at the end: registers and memory are computed, the others are as the execution
        says."""
        out: dict[int, Value] = {}
        uses = {w.observable for w in self.walks}
        at_snapshot = {(r.read, r.cell): r.value for r in self.reads}
        for index, o in enumerate(self.program.observables):
            if o.kind in ("reg", "hang") and o.expr is not None:
                out[index] = evaluate(o.expr, self.slots)
            elif o.kind == "mem" and o.cell is not None:
                if o.at is None:
                    out[index] = self.final(o.cell)
                elif o.at in self.snapshots:
                    value = at_snapshot.get((self.snapshots[o.at], o.cell))
                    if value is not None:
                        out[index] = value
            elif o.kind == "tlb":
                out[index] = int(index in uses)
        for index, o in enumerate(self.program.observables):
            if o.kind == "ever" and o.expr is not None:
                claimed = self.observed.get(index, 0)
                out[index] = int(bool(claimed) and truth(evaluate(o.expr, self.slots, out)))
        return out

    def state(self) -> tuple[Value, ...]:
        """The final state: the shown observables in order."""
        values = self.values()
        return tuple(values[i] for i in self.program.shown)
