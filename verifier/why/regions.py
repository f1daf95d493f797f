"""Regions with interrupts off: where a wide one does not help, none inside it does."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.program.events import Event, Program
from verifier.program.expressions import Const
from verifier.program.values import Ptr
from verifier.syntax import ast
from verifier.why.edits import Edit
from verifier.why.sites import called

_DELIVERS = ("DLV", "IRET", "NMI")


class Regions:
    """Which region of some edits is around another one, so that it excludes all runs that this one excludes.

    That is so if no code in it changes interrupts or asks for them: then, with the wider region, they are off
    at each instant at which they are off with the narrower one.
    """

    def __init__(self, program: Program | None, unit: ast.Unit, edits: Sequence[Edit]) -> None:
        self.unit = unit
        events = [] if program is None else program.events
        self.flagged = [e.span for e in events if e.span is not None and _uses_flag(e)]
        regions = [e for e in edits if e.kind == "irqs_off"] if program is not None else []
        widest = [e for e in regions if not any(x is not e and x.contains(e) for x in regions)]
        self.widest = [e for e in widest if self._plain(e)]

    def around(self, edit: Edit) -> Edit | None:
        """A wider region around this one."""
        if edit.kind != "irqs_off":
            return None
        return next((w for w in self.widest if w is not edit and w.contains(edit)), None)

    def _plain(self, edit: Edit) -> bool:
        """Does no code in a region use the interrupt flag?"""
        assert edit.region is not None and edit.site is not None
        low, high = edit.region
        file = edit.site.block.span.source.name
        inside = [s for s in edit.site.statements if low <= s.span.start and s.span.end <= high]
        places = [(file, low, high)]
        places += [(b.span.source.name, b.span.start, b.span.end) for b in called(self.unit, inside)]
        return not any(
            s.source.name == name and a <= s.start and s.end <= b
            for s in self.flagged
            for name, a, b in places
        )


def _uses_flag(e: Event) -> bool:
    flag = Const(Ptr(f"{e.cpu}:irq"))
    return e.op not in _DELIVERS and any(a.addr == flag for a in e.accesses)
