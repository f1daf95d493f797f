"""RCU readers that have no mark of their own in the source: windows with interrupts off, handlers, NMIs."""

from __future__ import annotations

from collections.abc import Container

from verifier.program.events import Event, Program

_BEGINS = ("IRQ", "DLV", "NMI")
_ENDS = ("ACK", "IRET")


class Windows:
    """The marks of RCU sections, and what makes them.

    ``made``  by the number of a mark that has no place, the event of the source, of a handler or an NMI that
              begins or ends the section there. None: interrupts are off from the start.
    """

    def __init__(self, program: Program) -> None:
        self.made: dict[int, Event | None] = {}
        for body in program.bodies:
            for at, mark in enumerate(body.events):
                if mark.op == "RCU" and mark.span is None:
                    before = body.events[at - 1] if at else None
                    after = (e for e in body.events[at:] if e.op in _ENDS)
                    here = before is not None and before.op in _BEGINS
                    self.made[mark.id] = before if here else next(after, None)
        self.begins: dict[int, list[Event]] = {}  # by a mark, those that begin the sections that it may end
        for begin, ends in program.sections():
            for mark in (begin, *ends):
                self.begins.setdefault(mark.id, []).append(begin)

    def begin(self, mark: Event, executed: Container[int]) -> Event:
        """The mark that begins the section which a mark begins or ends, the last one of several."""
        begins = self.begins.get(mark.id, [mark])
        return next((b for b in reversed(begins) if b.id in executed), begins[-1])

    def window(self, mark: Event) -> Event | None:
        """What turns interrupts off where a section begins, if that is what begins it."""
        made = self.made.get(mark.id)
        return made if made is not None and made.op == "IRQ" else None
