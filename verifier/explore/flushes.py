"""What the invalidations of one run remove, and what they leave. The story of the run says so."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.explore.caches import removal, removes_nothing
from verifier.explore.machine import AbstractMachine
from verifier.explore.state import IDLE, Draft, Move, State
from verifier.program.events import Event
from verifier.program.invalidations import INVALIDATING, invalidation
from verifier.program.trace import Flush
from verifier.program.values import Value


class Flushes:
    """The invalidations of a run. ``made[i]`` lists those of move ``i``: the CPU, the items that it removes,
    and the invalidation."""

    def __init__(self, machine: AbstractMachine, states: list[State], moves: list[Move]) -> None:
        self.machine, self.states, self.moves = machine, states, moves
        self.made = [list(self._of(i)) for i in range(len(moves))]

    def gone(self, cpu: int, item: int, at: int) -> int:
        """The first state after the last removal of an item before state ``at``; 0 if no move removes it."""
        for i in range(at - 1, -1, -1):
            if any(c == cpu and gone & item for c, gone, _ in self.made[i]):
                return i + 1
        return 0

    def left(self, cpu: int, item: int, at: int) -> list[Flush]:
        """The flushes on a CPU since the last removal of an item, up to state ``at``."""
        first = self.gone(cpu, item, at)
        return [f for i in range(first, at) for c, _, f in self.made[i] if c == cpu]

    def sender(self, i: int) -> Event:
        """The INVLPGB that takes effect by move ``i``."""
        cpu, at = self.moves[i].cpu, self.moves[i].at
        old, new = list(self.states[i].floods[cpu]), list(self.states[i + 1].floods[cpu])
        for flood in new:
            if flood in old:
                old.remove(flood)
        by = next((sender for sender, index in old if index == at), None)
        events = (m.event for m in reversed(self.moves[:i]) if m.event is not None and m.event.op == "BINV")
        return next(e for e in events if by is None or e.cpu == by)

    def _of(self, i: int) -> Iterator[tuple[int, int, Flush]]:
        machine, move = self.machine, self.moves[i]
        old, new, cpu, event = self.states[i], self.states[i + 1], move.cpu, move.event
        caches = machine.caches
        if move.kind == "flush":
            kind, pcid, va = machine.broadcasts[move.at]
            yield cpu, caches.removed(kind, pcid, va), self._named(_text(self.sender(i)), va, pcid)
        elif move.kind == "exec" and event is not None and self._here(event):
            op = next(o for o in machine.ops[event.body] if o.event is event)
            draft = Draft.of(new)
            draft.slots = list(old.slots)  # these give the address; the PCID may be the one that CR3 loads
            pcid, va = machine.covered(draft, op)
            named = None if op.va is None else op.va(draft.slots)
            acts = None if invalidation(event.kind).acts == "every" else pcid
            flush = Flush(_text(event), named, acts, nothing=removal(event.kind) is removes_nothing)
            yield cpu, caches.removed(event.kind, pcid, va), flush
        for other in machine.cpus:
            va = self._faulting(i) if move.fault and other == cpu else old.faults[other]
            if va != IDLE and new.faults[other] == IDLE:
                tag = caches.tag(old.memory, other)
                yield other, caches.removed("fault", tag, va), self._named("the page fault", va, tag)

    @staticmethod
    def _here(event: Event) -> bool:
        """Does this event invalidate translations of its own CPU?"""
        return event.op in INVALIDATING and not invalidation(event.kind).broadcast

    def _faulting(self, i: int) -> int:
        """The address at which the access of move ``i`` faults."""
        event = self.moves[i].event
        assert event is not None
        op = next(o for o in self.machine.ops[event.body] if o.event is event)
        return self.machine.va_at.get(op.touches[0].addr(self.states[i].slots), -1)

    def _named(self, text: str, va: int, pcid: Value) -> Flush:
        return Flush(text, self.machine.program.vas[va] if va >= 0 else None, pcid)


def _text(event: Event) -> str:
    return " ".join(event.text.split())
