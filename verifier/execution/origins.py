"""Where the entries of an initial TLB come from: which tables lead to their pages."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.execution.run import Execution, Walk
from verifier.program.events import Program
from verifier.program.values import Ptr, Value, target
from verifier.records import NamedTuple


class Origin(NamedTuple):
    """A way through the initial tables that leads to the page of an entry.

    ``root``   the space whose tables these are; ``loaded``: the one that is in CR3 when the entry is used;
    ``cells``  what a walk would have read, from the root down; CR3, too, where it held ``root`` at first;
    ``first``  did CR3 hold ``root`` at first?
    """

    root: Value
    loaded: Value | None
    cells: tuple[Ptr, ...]
    first: bool

    @property
    def foreign(self) -> bool:
        """Is the entry of a space that CR3 held neither at first nor when the entry is used?"""
        return not self.first and self.loaded is not None and self.root != self.loaded


def origin(x: Execution, turns: Mapping[int, int], walk: Walk) -> Origin | None:
    """Where an entry of the initial TLB comes from: if possible from the space that is in CR3 when it is
    used, else from the one that was there at first, else from any other. None: no table leads to its page.

    ``turns``: the turn that each instant of the run has; ``walk``: of the kind ``initial``.
    """
    program, cr3 = x.program, Ptr(f"{walk.cpu}:cr3")
    first = program.cells[cr3].init if cr3 in program.cells else None
    loaded, use = first, turns.get(walk.use, len(turns))
    for writer in x.co.get(cr3, ()):
        loaded = x.written_at()[writer, cr3] if turns[writer] < use else loaded
    for root in (loaded, first, *(root for root, va in program.entries if va == walk.va)):
        path = _path(program, root, walk)
        if root is not None and path:
            return Origin(root, loaded, (*path, cr3) if root == first else path, root == first)
    return None


def _path(program: Program, root: Value | None, walk: Walk) -> tuple[Ptr, ...]:
    """The cells of a way from a root to the page of an entry; empty if there is none."""
    path: list[Ptr] = []
    handle: Value | None = root
    while isinstance(handle, Ptr) and (handle, walk.va) in program.entries:
        path.append(program.entries[handle, walk.va])
        handle = target(program.cells[path[-1]].init)
        if handle not in program.tables:
            break
    return tuple(path) if path and handle == target(walk.content) else ()
