"""A configuration that is stuck, told: who waits where, for what, and what keeps it away (MMR 20.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from verifier.program.events import Body, Event, Program, show
from verifier.program.expressions import evaluate
from verifier.program.values import Ptr, Value, truth
from verifier.program.waits import Blocked, Stop, Wait, folded, place
from verifier.source import Span


@dataclass(frozen=True, slots=True)
class Hang:
    """What a judge knows of a stuck configuration.

    ``stops``   where bodies have come to rest;
    ``slots``   what was read, by slot; the stops' own slots too;
    ``memory``  what each cell holds;
    ``last``    who wrote a cell last, and what it held before; cells that nobody wrote are missing;
    ``open``    where the RCU readers' sections begin that have not ended.
    """

    program: Program
    stops: Sequence[Stop]
    slots: Mapping[int, Value]
    memory: Mapping[Ptr, Value]
    last: Mapping[Ptr, tuple[Event, Value]]
    open: Sequence[Event]

    def told(self) -> tuple[Blocked, ...]:
        """Who waits where, CPU by CPU; what is held up by others is not told beside these."""
        mine = [stop for stop in self.stops if stop.kind not in ("interrupted", "pending")]
        found = [self._told(stop) for stop in sorted(mine, key=lambda s: s.cpu)]
        awaited = {
            handler
            for stop in mine
            if stop.kind == "answers" and stop.event is not None
            for handler in self.program.events[stop.event].handlers
        }
        pending = [stop for stop in self.stops if stop.kind == "pending" and stop.body not in awaited]
        return (*found, *(self._undelivered(stop) for stop in sorted(pending, key=lambda s: s.cpu)))

    def _told(self, stop: Stop) -> Blocked:
        if stop.kind == "look":
            assert stop.wait is not None
            return self._looking(stop.wait)
        assert stop.event is not None
        event = self.program.events[stop.event]
        if stop.kind == "grace":
            held = self._readers(event.span)
            return Blocked("grace period", stop.cpu, event.span, "for a grace period", held)
        missing = [self.program.bodies[h] for h in event.handlers if self._unanswered(h)]
        what = _joined(f"CPU {b.cpu} to run {b.name}()" for b in missing)
        why = _joined(filter(None, map(self._why, missing)))
        return Blocked("answers", stop.cpu, event.span, f"for {what}", why)

    def _unanswered(self, handler: int) -> bool:
        return any(stop.body == handler for stop in self.stops)

    # -- looks ------------------------------------------------------------------------------------

    def _looking(self, wait: Wait) -> Blocked:
        """A spin or a lock: what it sees."""
        cells = list(dict.fromkeys(self._read(wait)))
        if wait.kind == "lock" and cells:
            held = self._holder(cells[0], _file(wait.span))
            return Blocked("lock", wait.cpu, wait.span, f"for {self.program.cells[cells[0]].name}", held)
        seen = [f"{self.program.cells[c].name} is {self.program.naming.of(c, self.memory[c])}" for c in cells]
        if wait.kind == "halt":
            off = self.memory.get(Ptr(f"{wait.cpu}:irq")) == 0
            return Blocked("halt", wait.cpu, wait.span, wait.what, "its interrupts are off" if off else "")
        text = folded(wait.span.text) if wait.span is not None else ""
        return Blocked(wait.kind, wait.cpu, wait.span, wait.what or f"in {text}", ", ".join(seen))

    def _read(self, wait: Wait) -> Iterator[Ptr]:
        """The cells by which a wait looks."""
        for event in map(self.program.events.__getitem__, wait.events):
            try:
                if event.virtual or not truth(evaluate(event.guard, self.slots)):
                    continue
                for access in event.accesses:
                    cell = evaluate(access.addr, self.slots)
                    if access.slot is not None and isinstance(cell, Ptr) and cell in self.memory:
                        yield cell
            except KeyError:
                continue  # in a turn that is not the last one

    def _holder(self, lock: Ptr, file: str) -> str:
        """Who has a lock; where it may have several holders, what it is."""
        value = self.memory[lock]
        if lock not in self.last:
            return "it is held from the start" if value in (1, -1) else f"it is {show(value)} from the start"
        (event, was), where = self.last[lock], place(self.last[lock][0].span, file)
        if value in (1, -1) and was == 0:
            return f"CPU {event.cpu} has held it{f' since {where}' if where else ''}"
        return f"it is {show(value)}, written by CPU {event.cpu}{f' in {where}' if where else ''}"

    # -- interrupts and grace periods -----------------------------------------------------------------

    def _why(self, handler: Body) -> str:
        """Why a handler has not been acknowledged; empty if it waits itself."""
        if not any(s.body == handler.id and s.kind == "pending" for s in self.stops):
            return ""
        cpu = handler.cpu
        for stop in self.stops:
            running = self.program.bodies[stop.body]
            if stop.cpu == cpu and running.rank and stop.kind not in ("pending", "interrupted"):
                return f"CPU {cpu} is in {running.name}{'()' if running.kind != 'nmi' else ''}"
        return f"CPU {cpu} has interrupts off" if self.memory.get(Ptr(f"{cpu}:irq")) == 0 else ""

    def _undelivered(self, stop: Stop) -> Blocked:
        """Something was sent to a CPU that never takes it."""
        body = self.program.bodies[stop.body]
        span = body.send.span if body.send is not None else None
        if body.kind == "callback" and self.open:
            readers = self._readers(span)
            return Blocked("grace period", stop.cpu, span, "for a grace period", readers, f"{body.name}()")
        off = self.memory.get(Ptr(f"{stop.cpu}:irq")) == 0
        what = "for interrupts to be on" if off else "for what was sent before it"
        return Blocked("interrupt", stop.cpu, span, what, handler=f"{body.name}()")

    def _readers(self, at: Span | None) -> str:
        """The sections that a grace period waits for."""
        return _joined(self._reader(lock, _file(at)) for lock in self.open)

    def _reader(self, lock: Event, file: str) -> str:
        body = self.program.bodies[lock.body]
        if lock.span is not None:
            return f"the section of CPU {lock.cpu} in {place(lock.span, file)} does not end"
        if body.kind != "thread":
            return f"{body.name}() on CPU {lock.cpu} does not return"
        return f"CPU {lock.cpu} has interrupts off"


def _file(span: Span | None) -> str:
    return "" if span is None else span.source.name


def _joined(parts: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(parts))
