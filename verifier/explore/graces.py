"""RCU: which readers' sections are open, and which of them each grace period still waits for (MMR 18). What
a callback does is such a section, too, for those who wait for callbacks.

The machine keeps both in cells of its own, after the cells of the program. One cell has the open
sections. Each grace period has one more. Each cell is a set with one bit for each section.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.explore.state import CALLBACK, RELEASE, Buffered, Draft, Written
from verifier.program.events import Cell, Event, Program
from verifier.program.values import Ptr, Value
from verifier.records import replace


class Graces:
    """The sections and grace periods of one program.

    ``cells``   the cells after the program's; empty if the program has no grace period;
    ``first``   the index of the first of them, which has the open sections.
    """

    def __init__(self, program: Program, first: int) -> None:
        periods = program.grace_periods()
        self.first = first
        self.cells = [Cell(Ptr(f"%rcu{n}"), f"rcu{n}", 0, "register") for n in range(len(periods) + 1)]
        self.cells = self.cells if periods else []
        self.bits = {lock.id: 1 << n for n, (lock, _) in enumerate(program.sections())}
        if periods:
            held = sum(self.bits[lock.id] for lock, _ in program.sections() if lock.kind == "held")
            self.cells[0] = replace(self.cells[0], init=held)
        self.body = [0] * len(program.bodies)  # the RCU sections of each body
        for lock, _ in program.sections():
            if lock.op == "RCU" and lock.domain is None:
                self.body[lock.body] |= self.bits[lock.id]
        self.period: dict[int, int] = {}  # event that starts or ends a grace period -> its cell
        self.awaited: dict[int, int] = {}  # cell of a grace period -> the sections that it may wait for
        self.callback: dict[int, int] = {}  # body of a callback -> the cell of its grace period
        for n, (start, end) in enumerate(periods):
            self.period[start.id] = self.period[end.id] = first + 1 + n
            self.awaited[first + 1 + n] = sum(
                self.bits[lock.id] for lock, _ in program.sections() if program.awaits(start, lock)
            )
            if start.op == "SEND":
                self.callback[end.body] = first + 1 + n

    def effects(self, event: Event) -> tuple[int, int]:
        """The cells that an event reads, and the cells that it writes at its instant or later, as bits."""
        if not self.cells:
            return 0, 0
        open_ = 1 << self.first
        if event.op == "RCU":
            every = sum(1 << self.first + n for n in range(len(self.cells)))
            return 0, {"held": 0, "lock": open_, "unlock": every}[event.kind]
        if event.op == "GP":
            mine = 1 << self.period[event.id]
            return (mine, 0) if event.kind == "end" else (open_, mine)
        if event.op == "SEND" and event.id in self.period:
            return open_, open_ | 1 << self.period[event.id]
        return 0, 0

    def ended(self, memory: Sequence[Value], body: int) -> bool:
        """Has the grace period of a callback ended? True for handlers of other kinds."""
        cell = self.callback.get(body)
        return cell is None or memory[cell] == 0

    def awaits(self, memory: Sequence[Value], end: Event) -> int:
        """The sections, as bits, for which the grace period that would end here waits, or may wait for ever.
        That of a callback starts at its ``call_rcu`` at the earliest; it may start later, and so wait for any
        section that is open (MMR 18.3)."""
        cell = self.period[end.id]
        late = end.body in self.callback
        open_ = memory[self.first] if late else memory[cell]
        assert isinstance(open_, int)
        return open_ & self.awaited[cell] if late else open_

    def waiting(self, memory: Sequence[Value], event: Event) -> bool:
        """Is this event the end of a grace period that still waits for a section?"""
        return event.op == "GP" and event.kind == "end" and memory[self.period[event.id]] != 0

    def execute(self, draft: Draft, event: Event, sent: tuple[int, ...] = ()) -> Buffered | None:
        """A section begins or ends, or a grace period starts. The result is an entry that has to wait in
        the store buffer, or None."""
        if not self.cells:
            return None  # the program has no grace period, so nobody waits for a reader
        if event.op == "RCU" and event.kind == "lock":
            self._set(draft, self.first, self._get(draft, self.first) | self.bits[event.id])
        elif event.kind == "unlock":
            mine = self._get(draft, self.first) & self.body[event.body]
            last = 1 << mine.bit_length() >> 1 if event.begun is None else self.bits.get(event.begun, 0)
            if not last:
                return None  # a callback ends for which nobody waits; in a run that is wrong, nothing
            return Buffered(tuple((self.first + n, last) for n in range(len(self.cells))), RELEASE)
        elif event.op == "SEND":
            if event.id not in self.period:
                return None
            mine = self.bits.get(event.id, 0)
            return Buffered(((self.first, mine), (self.period[event.id], 0)), CALLBACK, 0, sent)
        elif event.kind in ("start", "barrier"):
            self._start(draft, self.period[event.id])
        return None

    def leave(self, draft: Draft, store: Buffered) -> Written:
        """The effect of such an entry when it leaves the buffer. It writes no cell of the program."""
        for cell, value in store.writes:
            assert isinstance(value, int)
            if store.kind & RELEASE:
                self._set(draft, cell, self._get(draft, cell) & ~value)
            elif cell == self.first:
                self._set(draft, cell, self._get(draft, cell) | value)
            else:
                self._start(draft, cell)
        return ()

    def _start(self, draft: Draft, cell: int) -> None:
        """A grace period starts: it waits for what is open in its domain."""
        self._set(draft, cell, self._get(draft, self.first) & self.awaited[cell])

    def _get(self, draft: Draft, cell: int) -> int:
        value = draft.memory[cell]
        assert isinstance(value, int)
        return value

    def _set(self, draft: Draft, cell: int, value: int) -> None:
        draft.memory[cell] = value
