"""A configuration that is stuck, told: who waits where, for what, and what keeps it away (MMR 20.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from verifier.program.events import Access, Body, Event, Program, show
from verifier.program.expressions import TRUE, Apply, evaluate
from verifier.program.functions import apply
from verifier.program.values import FAULT, IN_LINE, Ptr, Value, softirqs_off, target, truth
from verifier.program.waits import Blocked, Stop, Wait, reached
from verifier.records import NamedTuple, dataclass
from verifier.source import Span

WORD_BITS = 64  # bits
_HOLDERS = 4096  # of a lock; where it says more, it holds something else, as in memory that was freed
_STRUCK = {"callback": "callback", "handler": "interrupt", "nmi": "NMI"}


class _Held(NamedTuple):
    """Who has a lock: a CPU, since an event; None: from the start. Is it one of several readers?"""

    cpu: int | None
    since: Event | None
    reader: bool


class _Told(NamedTuple):
    """Who waits, and for which CPUs."""

    blocked: Blocked
    on: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Hang:
    """What a judge knows of a stuck configuration.

    ``stops``    where bodies have come to rest;
    ``slots``    what was read, by slot; the stops' own slots too;
    ``memory``   what each cell holds;
    ``history``  what was written to each cell, in order, and who wrote it; None: the processor did;
    ``open``     by the event that ends a grace period: where the RCU readers' sections begin that it waits
                 for;
    ``through``  by the event of a translated access: the content of the entry through which it went.
    """

    program: Program
    stops: Sequence[Stop]
    slots: Mapping[int, Value]
    memory: Mapping[Ptr, Value]
    history: Mapping[Ptr, Sequence[tuple[Event | None, Value]]]
    open: Mapping[int, Sequence[Event]]
    through: Mapping[int, Value]

    def told(self) -> tuple[Blocked, ...]:
        """Who waits where: a CPU that nobody waits for comes first, then the one that it waits for; where
        that says nothing, CPU by CPU. What is held up by others is not told beside these."""
        mine = [stop for stop in self.stops if stop.kind not in ("interrupted", "pending")]
        found = [self._told(stop) for stop in sorted(mine, key=lambda s: s.cpu)]
        awaited = {
            handler
            for stop in mine
            if stop.kind == "answers" and stop.event is not None
            for handler in self.program.events[stop.event].handlers
        }
        pending = [stop for stop in self.stops if stop.kind == "pending" and stop.body not in awaited]
        undelivered = (self._undelivered(stop) for stop in sorted(pending, key=lambda s: s.cpu))
        return (*(told.blocked for told in _chains(found)), *undelivered)

    def _told(self, stop: Stop) -> _Told:
        if stop.kind == "look":
            assert stop.wait is not None
            told = self._looking(stop, stop.wait)
        else:
            assert stop.event is not None
            event = self.program.events[stop.event]
            told = self._grace(stop, event) if stop.kind == "grace" else self._answers(stop, event)
        return told._replace(blocked=told.blocked._replace(inside=_inside(self.program.bodies[stop.body])))

    def _at(self, span: Span | None) -> str:
        return reached(span, self.program.world.file)

    def _in(self, span: Span | None) -> str:
        where = self._at(span)
        return f" in {where}" if where else ""

    # -- looks ------------------------------------------------------------------------------------

    def _looking(self, stop: Stop, wait: Wait) -> _Told:
        """A spin or a lock: what it sees."""
        if wait.kind == "lock":
            cells = list(self._cells(wait))
            if cells:
                return self._locked(stop, wait, *cells[0])
        if wait.kind == "halt":
            off = "its interrupts are off" if self.memory.get(Ptr(f"{wait.cpu}:irq")) == 0 else ""
            return _Told(Blocked("halt", wait.cpu, wait.span, wait.what, off))
        seen = ", ".join(dict.fromkeys(self._seen(wait)))
        blocked = Blocked(wait.kind, wait.cpu, wait.span, wait.what or _never_left(wait), seen)
        return _Told(blocked, frozenset(self._writers({cell for cell, _ in self._cells(wait)})))

    def _writers(self, cells: set[Ptr]) -> Iterator[int]:
        """The CPUs that would still write to one of these cells if they went on."""
        for stop in self.stops:
            at = stop.event if stop.wait is None else stop.wait.after
            for event in self.program.bodies[stop.body].events:
                if event.id >= (at or 0) and any(self._writes(access) & cells for access in event.accesses):
                    yield stop.cpu

    def _writes(self, access: Access) -> set[Value]:
        """The cell that an access writes, if this is known."""
        try:
            return set() if access.value is None else {evaluate(access.addr, self.slots)}
        except KeyError:
            return set()

    def _reads(self, wait: Wait) -> Iterator[tuple[Event, int, Ptr]]:
        """What a wait looks at: the events, with their slots and addresses."""
        for event in (self.program.events[e] for e in wait.events if e not in wait.returns):
            try:
                if not truth(evaluate(event.guard, self.slots)):
                    continue
                for access in event.accesses:
                    at = evaluate(access.addr, self.slots)
                    if access.slot is not None and isinstance(at, Ptr):
                        yield event, access.slot, at
            except KeyError:
                continue  # in a turn that is not the last one

    def _cells(self, wait: Wait) -> Iterator[tuple[Ptr, int]]:
        """The cells by which a wait looks, and the slots of their values."""
        for event, slot, at in self._reads(wait):
            if not event.virtual and at in self.memory:
                yield at, slot

    def _seen(self, wait: Wait) -> Iterator[str]:
        """What a wait sees; not that nobody stands in line for a lock."""
        for event, slot, at in self._reads(wait):
            if event.virtual:
                yield from self._translated(event, slot, at)
            elif at in self.memory and (self.memory[at] or IN_LINE not in at.base):
                yield self._is(at)

    def _is(self, cell: Ptr) -> str:
        return f"{self.program.cells[cell].name} is {self.program.naming.of(cell, self.memory[cell])}"

    def _translated(self, event: Event, slot: int, va: Ptr) -> Iterator[str]:
        """What an access through a translation sees: the page, by which entry, and what the page holds."""
        value = self.slots.get(slot)
        content = value if event.op == "T" else self.through.get(event.id)
        page = None if content is None else target(content)
        if value == FAULT:
            yield f"{va} faults"
        elif page is None:
            yield f"*{va} is {'not known' if value is None else show(value, self.program.names)}"
        else:
            old = "" if self._walk(event.cpu, va) == page else " by an old entry in the TLB"
            yield f"{va} is translated to {show(page, self.program.names)}{old}"
            cell = apply("page_data", (page,))
            if event.op != "T" and isinstance(cell, Ptr) and cell in self.memory:
                yield self._is(cell)

    def _walk(self, cpu: int, va: Ptr) -> Ptr | None:
        """Where the page tables lead; None if nowhere."""
        at = target(self.memory.get(Ptr(f"{cpu}:cr3"), 0))
        for _ in range(self.program.depth):
            if at is None or (at, va) not in self.program.entries:
                break
            at = target(self.memory[self.program.entries[at, va]])
            if at not in self.program.tables:
                break
        return at

    # -- locks ------------------------------------------------------------------------------------

    def _locked(self, stop: Stop, wait: Wait, lock: Ptr, slot: int) -> _Told:
        """A wait for a lock: who has it, or who stands in line before."""
        name, line = self.program.cells[lock].name, Ptr(f"{lock}{IN_LINE}-write")
        line_slot = next((s for at, s in self._cells(wait) if at == line), None)
        if line_slot is not None and self._free(wait, {slot: self.memory[lock], line_slot: 0}):
            ahead = [(h.cpu, h.since.span) for h in self._holders(line) or () if h.since is not None]
            who = _joined(f"CPU {cpu}, which waits for it{self._in(span)}" for cpu, span in ahead)
            on = frozenset(cpu for cpu, _ in ahead if cpu is not None)
            return _Told(Blocked("lock", wait.cpu, wait.span, f"for {name} behind {who or 'others'}"), on)
        bit = self._bit(wait, slot)
        holders = self._holders(lock) if bit is None else self._setter(lock, bit)
        what = f"for {name}" if bit is None else f"for bit {bit} of {name}"
        if not holders:
            return _Told(Blocked("lock", wait.cpu, wait.span, what, f"it is {show(self.memory[lock])}"))
        held = _joined(self._has(h, stop, first=n == 0) for n, h in enumerate(holders))
        on = frozenset(h.cpu for h in holders if h.cpu is not None)
        return _Told(Blocked("lock", wait.cpu, wait.span, what, held), on)

    def _free(self, wait: Wait, seen: Mapping[int, Value]) -> bool:
        """Would a wait end if it saw these values in its slots?"""
        try:
            return wait.holds != TRUE and truth(evaluate(wait.holds, {**self.slots, **seen}))
        except KeyError:
            return False

    def _bit(self, wait: Wait, slot: int) -> int | None:
        """The one bit that a wait looks at; None if it looks at the whole word."""
        if not self._free(wait, {slot: 0}):
            return None
        taken = [k for k in range(WORD_BITS) if not self._free(wait, {slot: 1 << k})]
        return taken[0] if len(taken) == 1 else None

    def _setter(self, lock: Ptr, bit: int) -> list[_Held] | None:
        """Who has set a bit that is a lock."""
        was, found = self.program.cells[lock].init, _Held(None, None, False)
        for event, value in self.history.get(lock, ()):
            if event is None or not isinstance(was, int) or not isinstance(value, int):
                return None
            if value >> bit & 1 and not was >> bit & 1:
                found = _Held(event.cpu, event, False)
            was = value
        return [found]

    def _holders(self, lock: Ptr) -> list[_Held] | None:
        """Who has a lock, by who took it and who gave it back; None if that does not say it.

        A number is how many have it; -1 is a writer.
        """
        was = self.program.cells[lock].init
        if not isinstance(was, int) or abs(was) > _HOLDERS:
            return None
        held = [_Held(None, None, was != 1)] * abs(was)
        for event, value in self.history.get(lock, ()):
            if event is None or not isinstance(value, int) or abs(value) > _HOLDERS:
                return None
            if value and (value < 0 or was < 0) and _counts(event):
                return None  # someone gave back what nobody had
            if value <= 0 or was < 0:
                held = [_Held(event.cpu, event, value > 0)] * abs(value)
            elif value > was:
                held += [_Held(event.cpu, event, _counts(event))] * (value - was)
            for _ in range(was - value if value > 0 else 0):
                own = [n for n, h in enumerate(held) if h.cpu in (event.cpu, None)]
                if not own:
                    return None  # someone gave back for another one
                held.pop(max(own, key=lambda n: (held[n].cpu is not None, n)))
            was = value
        first = {h.cpu: h for h in reversed(held)}
        return sorted(first.values(), key=lambda h: -1 if h.cpu is None else h.cpu)

    def _has(self, held: _Held, stop: Stop, first: bool) -> str:
        """The words for one who has a lock; ``first``: of several."""
        if held.since is None:
            return "it is held from the start"
        where = self._at(held.since.span)
        body, here = self.program.bodies[held.since.body], self.program.bodies[stop.body]
        struck = any(s.body == body.id and s.kind == "interrupted" for s in self.stops)
        struck = struck and body.cpu == here.cpu and body is not here
        said = f"CPU {held.cpu}{' itself' if struck else ''}"
        said += f" has held it{' as a reader' if held.reader else ''}" if first else ""
        said += f" since {where}" if where else ""
        if struck:
            said += f", before this {_STRUCK[here.kind]}"
        return said

    # -- interrupts and grace periods -----------------------------------------------------------------

    def _answers(self, stop: Stop, event: Event) -> _Told:
        """A wait for handlers."""
        missing = [self.program.bodies[h] for h in event.handlers if self._unanswered(h)]
        what = _joined(f"CPU {b.cpu} to run {b.name}()" for b in missing)
        why = _joined(filter(None, (self._why(b, len(missing) > 1) for b in missing)))
        return _Told(
            Blocked("answers", stop.cpu, event.span, f"for {what}", why), frozenset(b.cpu for b in missing)
        )

    def _unanswered(self, handler: int) -> bool:
        return any(stop.body == handler for stop in self.stops)

    def _why(self, handler: Body, several: bool) -> str:
        """Why a handler has not been acknowledged; empty if this is not known."""
        cpu = handler.cpu
        stop = next(s for s in self.stops if s.body == handler.id)
        if stop.kind == "pending":
            running = self._running(handler)
            off = self.memory.get(Ptr(f"{cpu}:irq")) == 0
            return f"CPU {cpu} is in {_inside(running)}" if running else f"CPU {cpu} has interrupts off" * off
        name = f"{handler.name}(){f' on CPU {cpu}' if several else ''}"
        if stop.kind == "interrupted":
            above = self._running(handler)
            return "" if above is None else f"{_inside(above)} has interrupted {name}"
        at = stop.wait.span if stop.wait is not None else None
        if stop.event is not None:
            at = self.program.events[stop.event].span
        return f"{name} waits{self._in(at)}"

    def _running(self, body: Body) -> Body | None:
        """The handler or NMI that has come to rest on the CPU of another handler, and holds this one up."""
        for stop in self.stops:
            running = self.program.bodies[stop.body]
            here = stop.cpu == body.cpu and running is not body and running.rank >= body.rank
            if here and running.rank and stop.kind not in ("pending", "interrupted"):
                return running
        return None

    def _undelivered(self, stop: Stop) -> Blocked:
        """Something was sent to a CPU that never takes it."""
        body = self.program.bodies[stop.body]
        span = body.send.span if body.send is not None else None
        running, readers = self._running(body), self._readers(body.events[0])
        if readers:
            return Blocked("grace period", stop.cpu, span, "for a grace period", readers, f"{body.name}()")
        off = self.memory.get(Ptr(f"{stop.cpu}:irq")) == 0
        what = "for interrupts to be on" if off else "for what was sent before it"
        if body.kind == "callback" and self.memory.get(softirqs_off(stop.cpu), 0) != 0:
            what = "for softirqs to be on"
        what = what if running is None else f"for {_inside(running)} to return"
        return Blocked("interrupt", stop.cpu, span, what, handler=f"{body.name}()")

    def _grace(self, stop: Stop, end: Event) -> _Told:
        """A wait for a grace period."""
        readers = self._readers(end)
        on = frozenset(lock.cpu for lock in self.open.get(end.id, ()))
        (start,) = [a for a, b in self.program.grace_periods() if b is end]
        what = "for callbacks" if start.kind == "barrier" else "for a grace period"
        return _Told(Blocked("grace period", stop.cpu, end.span, what, readers), on)

    def _readers(self, end: Event) -> str:
        """The sections for which a grace period waits that would end here."""
        return _joined(self._reader(lock) for lock in self.open.get(end.id, ()))

    def _reader(self, lock: Event) -> str:
        body = self.program.bodies[lock.body]
        if lock.op == "SEND":
            return f"the callback that CPU {lock.cpu} asked for in {self._at(lock.span)} has not run"
        if lock.span is not None:
            return f"the section of CPU {lock.cpu} in {self._at(lock.span)} does not end"
        if body.kind == "nmi" and " " in body.name:  # it has no function
            return f"{body.name} does not return"
        if body.kind != "thread":
            return f"{body.name}() on CPU {lock.cpu} does not return"
        return f"CPU {lock.cpu} has interrupts off"


def _chains(found: Sequence[_Told]) -> list[_Told]:
    """Who waits, in the order in which they wait for each other."""
    waited = {cpu for told in found for cpu in told.on - {told.blocked.cpu}}
    pending = [*(told for told in found if told.blocked.cpu not in waited), *found]
    out: list[_Told] = []
    while pending:
        told = pending.pop(0)
        if told not in out:
            out.append(told)
            pending = [t for t in found if t.blocked.cpu in told.on] + pending
    return out


def _inside(body: Body) -> str:
    """The handler or NMI that a body is; empty for a program."""
    return {"thread": "", "nmi": "the NMI"}.get(body.kind, f"{body.name}()")


def _counts(event: Event) -> bool:
    """Does an event take a lock that several may have: does it add itself to those who do?"""
    return any(isinstance(access.value, Apply) for access in event.accesses)


def _never_left(wait: Wait) -> str:
    """The words for a loop whose source does not say what it waits for."""
    if wait.span is None:
        return "in a loop"
    last = wait.span.source.position(max(wait.span.start, wait.span.end - 1))[0]
    return f"for the loop{f' up to line {last}' if last > wait.span.line else ''} to end"


def _joined(parts: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(parts))
