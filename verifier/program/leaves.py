"""Leaves of page tables: the entries at which walks end, and the addresses that they are for."""

from __future__ import annotations

from verifier.program.events import Program
from verifier.program.values import Ptr, Value, target


def addresses(program: Program) -> dict[Ptr, frozenset[Ptr]]:
    """The entries that are for several addresses, with these: a page in such an entry is a large page, and
    has them all (MMR 4.5)."""
    found: dict[Ptr, set[Ptr]] = {}
    for (_, va), cell in program.entries.items():
        found.setdefault(cell, set()).add(va)
    return {cell: frozenset(vas) for cell, vas in found.items() if len(vas) > 1}


def first_leaf(program: Program, cpu: int, va: Ptr) -> Ptr | None:
    """The entry at which a walk of the initial page tables ends: one of the initial TLB was read there."""
    root = program.cells.get(Ptr(f"{cpu}:cr3"))
    handle, cell = target(root.init) if root is not None else None, None
    for _ in range(program.depth):
        if handle is None or (handle, va) not in program.entries:
            break
        cell = program.entries[handle, va]
        handle = target(program.cells[cell].init)
        if handle not in program.tables:
            break
    return cell


def mapping(program: Program, cpu: int, va: Ptr, content: Value) -> Ptr | None:
    """``first_leaf``, if it leads to the same page as an entry of the initial TLB: that has its size then.
    An entry of which the tables know nothing translates one address."""
    cell = first_leaf(program, cpu, va)
    return cell if cell is not None and target(program.cells[cell].init) == target(content) else None
