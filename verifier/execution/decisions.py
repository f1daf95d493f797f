"""What a run has decided: the values that were read, who wrote last, what its condition finds."""

from __future__ import annotations

from typing import Literal

from verifier.execution.run import Execution
from verifier.program.events import Event, Observable, Program
from verifier.program.expressions import Apply, Obs, parts
from verifier.program.values import Ptr, Value
from verifier.records import NamedTuple

DecisionKind = Literal["read", "last", "found", "strikes", "kernel"]


class Decision(NamedTuple):
    """One choice of a run. All choices of a run together decide about its condition.

    ``kind``   ``read`` (``event`` finds ``value``), ``last`` (``event`` writes ``cell`` last; None: nobody
               writes it), ``found`` (the condition's observable ``at`` has ``value``), ``strikes`` (does the
               NMI strike whose choice is ``at``? Does the SEND ``event`` get an interrupt of its own?),
               ``kernel`` (its version is ``value``);
    ``at``     a slot of the program, its index of an observable, or of a body.
    """

    kind: DecisionKind
    value: Value = 0
    at: int = -1
    cell: Ptr | None = None
    event: Event | None = None


def decisions(x: Execution) -> list[Decision]:
    """The choices of an execution, those first that say most to a reader."""
    program = x.program
    reads = [
        Decision("read", x.slots[a.slot], a.slot, x.cell(event, a), event)
        for line in x.order
        for event in map(program.events.__getitem__, line)
        for a in event.accesses
        if a.slot is not None
    ]
    plain = [d for d in reads if _plain(x, d)]
    out = plain + _last(x) + _found(x)
    out += [
        Decision("strikes", x.slots[b.choice], b.choice, event=b.send or b.events[0])
        for b in program.bodies
        if b.choice is not None and (b.send is None or b.send.id in x.executed)
    ]
    if program.kernel is not None:
        out.append(Decision("kernel", x.slots[program.kernel], program.kernel))
    return out + [d for d in reads if not _plain(x, d)]


def _plain(x: Execution, d: Decision) -> bool:
    """Does a statement of the test read it from memory?"""
    if d.event is None or d.event.span is None or d.event.op not in ("R", "X", "T", "IF"):
        return False
    return d.cell not in x.program.cells or x.program.cells[d.cell].kind != "register"


def _last(x: Execution) -> list[Decision]:
    """Who has written the cells last that the condition looks at in the end."""
    out: list[Decision] = []
    asked = {o.cell: None for o in x.program.observables if o.kind == "mem" and o.at is None}
    for cell in asked:
        order = x.co.get(cell, []) if cell is not None else []
        if not order:
            out.append(Decision("last", cell=cell))
        elif order[-1] < len(x.program.events):
            out.append(Decision("last", cell=cell, event=x.program.events[order[-1]]))
    return out


def _found(x: Execution) -> list[Decision]:
    """What the condition finds that a run may decide freely, or that processors have written last."""
    out: list[Decision] = []
    for index, value in x.values().items():
        o = x.program.observables[index]
        order = x.co.get(o.cell, []) if o.cell is not None else []
        walker = o.kind == "mem" and o.at is None and bool(order) and order[-1] >= len(x.program.events)
        if o.kind in ("tlb", "ever") or walker:
            out.append(Decision("found", value, index))
    return out


def by_stores_alone(program: Program, o: Observable) -> bool:
    """Is an ``ever`` a conjunction of equalities of memory? Then the stores around its instant say when it
    holds: all of them are needed, and nothing else is."""
    for part in parts(o.expr) if o.expr is not None else ():
        if isinstance(part, Obs):
            asked = program.observables[part.index]
            cell = program.cells.get(asked.cell) if asked.cell is not None else None
            if asked.kind != "mem" or cell is None or cell.kind == "register":
                return False
        elif isinstance(part, Apply) and part.function not in ("and", "eq", "bool"):
            return False
    return True
