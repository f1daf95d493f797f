"""If no run ends: find a run that is stuck, and say who waits where in it.

A state is stuck if no step that must happen is possible: every CPU is done or waits for something that
never comes, all stores are committed, and all interrupts that can be delivered have been delivered.
Steps that are optional do not count: NMIs, and A bits that the processor sets for no reason.

The search tries a wait only when no other step is left. It does the loads of the wait together, without
steps of other CPUs between them. So the wait sees the values that stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.explore.caches import loaded
from verifier.explore.compiled import Compiled, Known, Unknown
from verifier.explore.machine import ASIDE, COMMIT, DELIVER, EXEC, AbstractMachine
from verifier.explore.prepared import UNSENT
from verifier.explore.search import machine_of
from verifier.explore.state import IDLE, Move, State
from verifier.program.events import Body, Event, Program, show
from verifier.program.profiles import GENERIC, Switches
from verifier.program.values import Value, truth
from verifier.program.waits import Blocked, Wait, folded, place
from verifier.source import Span

MAX_STATES = 5_000

# For each cell, the event that wrote it last, and the value before. For (CPU, cell), the same of a store of
# this CPU that may still be in its buffer.
Writers = dict[int | tuple[int, int], tuple[Event, Value]]
Here = tuple[State, Writers]


def stuck(
    program: Program, *, model: str = "x86-tso", switches: Switches = GENERIC, budget: Budget | None = None
) -> tuple[Blocked, ...]:
    """Who waits where in one run of a program, none of whose runs ends.

    The choice of the run is deterministic, and prefers a run in which no ``assume()`` fails. The result is
    empty if the search finds no stuck run within the budget and ``MAX_STATES``.
    """
    budget = budget or Budget()
    try:
        budget.enter("looking for who waits where")
        return _Hang(machine_of(program, model, switches, budget)).found()
    except LimitError:
        return ()


class _Hang:
    """A depth-first search for a stuck state."""

    def __init__(self, machine: AbstractMachine) -> None:
        self.machine, self.program = machine, machine.program
        self.looks = {e: n for n, wait in enumerate(self.program.waits) for e in wait.events}
        self.seen: set[State] = set()

    def found(self) -> tuple[Blocked, ...]:
        """Who waits where in the first stuck state."""
        machine = self.machine
        second: tuple[Blocked, ...] = ()
        for state in machine.initials():
            pending: list[Here] = [(state, {})]
            while pending and len(self.seen) < MAX_STATES:
                here = pending.pop()
                if here[0] in self.seen:
                    continue
                self.seen.add(here[0])
                machine.budget.tick()
                following = list(self.following(here))
                pending += reversed(following)
                if not following and not machine.final(here[0]):
                    waits, counts = self.told(here)
                    if counts and waits:
                        return waits
                    second = second or waits
        if not self.seen:  # an assumption fails before the first step
            return tuple(self.failing(self.program.waits[n], "") for n in sorted(machine.failed))
        return second

    def following(self, here: Here) -> Iterator[Here]:
        """All steps that must happen next, in some order; a wait only if there is no other step."""
        machine, state = self.machine, here[0]
        rest = True
        for cpu in machine.cpus:
            event = self.event(state, cpu)
            which = COMMIT | DELIVER | (0 if event is not None and event.id in self.looks else EXEC)
            steps = machine.moves(state, cpu, which)
            steps += [step for step in machine.moves(state, cpu, ASIDE) if step[0].kind == "flush"]
            for move, after in steps:
                if move.event is None or self.program.bodies[move.event.body].choice is None:
                    rest = False
                    yield after, self.written(here, move)
        if rest:
            for cpu in machine.cpus:
                yield from self.past(here, cpu)

    def past(self, here: Here, cpu: int) -> Iterator[Here]:
        """The states after a wait, if it can end now."""
        event = self.event(here[0], cpu)
        if event is None or event.id not in self.looks:
            return
        pending = [here]
        while pending:
            now = pending.pop()
            for move, after in self.machine.moves(now[0], cpu, EXEC):
                self.machine.budget.tick()
                then, last = self.event(after, cpu), self.written(now, move)
                if then is not None and self.looks.get(then.id) == self.looks[event.id]:
                    pending.append((after, last))
                else:
                    yield after, last

    def event(self, state: State, cpu: int) -> Event | None:
        """The next event of a CPU; None at the end of its program."""
        op = self.op(state, cpu)
        return None if op is None else op.event

    def op(self, state: State, cpu: int) -> Compiled | None:
        """The next event of a CPU, compiled; None at the end of its program."""
        body = self.machine.current(state, cpu)
        at = state.pcs[body]
        return self.machine.ops[body][at] if at < self.machine.length[body] else None

    def written(self, here: Here, move: Move) -> Writers:
        """The last writers of all cells after a step from here."""
        (state, writers), event = here, move.event
        over = {cell: state.memory[cell] for cell, _ in move.writes}
        if not over:
            return writers
        if event is None:  # a store leaves its buffer
            known = {cell: writers.get((move.cpu, cell)) for cell in over}
            return writers | {cell: (one[0], over[cell]) for cell, one in known.items() if one is not None}
        if event.op == "W" and self.machine.buffered:
            return writers | {(move.cpu, cell): (event, was) for cell, was in over.items()}
        return writers | {cell: (event, was) for cell, was in over.items()}

    # ---- what is told

    def told(self, here: Here) -> tuple[tuple[Blocked, ...], bool]:
        """Who waits where; and whether this run counts, that is, no ``assume()`` fails in it."""
        machine, (state, writers) = self.machine, here
        waits: list[Blocked] = []
        counts, awaited = True, set()
        for cpu in machine.cpus:
            op = self.op(state, cpu)
            if op is None:
                continue
            awaited |= set(op.event.handlers) if op.event.op == "WAIT" else set()
            machine.failed.clear()
            machine.moves(state, cpu, EXEC)
            at = self.looks.get(op.event.id)
            if at is None and machine.failed:
                at = min(machine.failed)
            if at is None:
                held = self.held(state, cpu, op.event)
                waits += [] if held is None else [held]
            else:
                wait = self.program.waits[at]
                counts = counts and bool(wait.kind)
                waits.append(self.looking(wait, state, writers, cpu))
        for cpu in machine.cpus:
            waits += [self.undelivered(state, cpu, h) for h in state.pending[cpu] if h not in awaited]
        return tuple(waits), counts

    def looking(self, wait: Wait, state: State, writers: Writers, cpu: int) -> Blocked:
        """A spin or a lock, with the values that it sees."""
        cells = list(dict.fromkeys(self.read(wait, state, cpu)))
        if wait.kind == "lock" and cells:
            held = self.holder(state.memory[cells[0]], writers.get(cells[0]), _file(wait.span))
            return Blocked(
                "lock", wait.cpu, wait.span, f"for {self.machine.cells[cells[0]].name}", held_by=held
            )
        seen = [f"{self.machine.cells[c].name} is {show(state.memory[c], self.program.names)}" for c in cells]
        return self.failing(wait, ", ".join(seen))

    def holder(self, value: Value, last: tuple[Event, Value] | None, file: str) -> str:
        """Who holds a lock, by the event that wrote it last. If several may hold it, the lock's value."""
        if last is None:
            return "it is held from the start" if value in (1, -1) else f"it is {show(value)} from the start"
        (event, was), where = last, place(last[0].span, file)
        if value in (1, -1) and was == 0:
            return f"CPU {event.cpu} has held it{f' since {where}' if where else ''}"
        return f"it is {show(value)}, written by CPU {event.cpu}{f' in {where}' if where else ''}"

    def failing(self, wait: Wait, held: str) -> Blocked:
        """An assumption that does not hold."""
        text = folded(wait.span.text) if wait.span is not None else ""
        if not wait.kind:
            return Blocked("", wait.cpu, wait.span, text or "assume()")
        return Blocked(wait.kind, wait.cpu, wait.span, wait.what or f"in {text}", held_by=held)

    def read(self, wait: Wait, state: State, cpu: int) -> Iterator[int]:
        """The cells that a wait reads, if their addresses are known. The CPU's stores are committed."""
        machine, slots = self.machine, Known(state.slots)
        body = machine.current(state, cpu)
        for op in machine.ops[body]:
            if op.event.id not in wait.events:
                continue
            try:
                if op.translated or (op.guard is not None and not truth(op.guard(slots))):
                    continue
                for touch in op.touches:
                    cell = touch.cell if touch.cell >= 0 else machine.cell_at.get(touch.addr(slots), -1)
                    if touch.slot is not None and cell >= 0:
                        slots[touch.slot] = loaded(cell, state.buffers[cpu], state.memory)
                        yield cell
            except Unknown:
                continue

    def held(self, state: State, cpu: int, event: Event) -> Blocked | None:
        """The event's own reason to wait (answers, a grace period, INVLPGBs); None if it has none."""
        machine = self.machine
        if event.op == "WAIT":
            missing = [h for h in event.handlers if machine.unanswered(state.memory, (h,))]
            bodies = [self.program.bodies[h] for h in missing]
            what = _joined(f"CPU {b.cpu} to run {b.name}()" for b in bodies)
            why = _joined(filter(None, (self.why(state, b) for b in bodies)))
            return Blocked("answers", cpu, event.span, f"for {what}", held_by=why)
        if machine.graces.waiting(state.memory, event):
            readers = self.readers(state, machine.graces.period[event.id], event.span)
            return Blocked("grace period", cpu, event.span, "for a grace period", held_by=readers)
        if event.op == "TLBSYNC":
            return Blocked("tlbsync", cpu, event.span, "for its INVLPGBs to take effect everywhere")
        return None

    def why(self, state: State, handler: Body) -> str:
        """Why a handler has not been acknowledged; empty if the handler itself waits."""
        machine, cpu = self.machine, handler.cpu
        if state.pcs[handler.id] not in (0, UNSENT):
            return ""
        if state.running[cpu] != IDLE or state.struck[cpu] != IDLE:
            running = self.program.bodies[machine.current(state, cpu)]
            return f"CPU {cpu} is in {running.name}{'()' if running.kind == 'handler' else ''}"
        return f"CPU {cpu} has interrupts off" if state.memory[machine.irq[cpu]] == 0 else ""

    def undelivered(self, state: State, cpu: int, handler: int) -> Blocked:
        """A handler that was sent to a CPU, but that the CPU never runs."""
        body = self.program.bodies[handler]
        span = body.send.span if body.send is not None else None
        period = self.machine.graces.callback.get(handler)
        if period is not None:
            readers = self.readers(state, period, span)
            return Blocked(
                "grace period", cpu, span, "for a grace period", held_by=readers, handler=f"{body.name}()"
            )
        off = state.memory[self.machine.irq[cpu]] == 0
        what = "for interrupts to be on" if off else "for a handler that was sent before it"
        return Blocked("interrupt", cpu, span, what, handler=f"{body.name}()")

    def readers(self, state: State, period: int, at: Span | None) -> str:
        """The sections that a grace period waits for."""
        bits = state.memory[period]
        assert isinstance(bits, int)
        opened = {self.machine.graces.bits[lock.id]: lock for lock, _ in self.program.sections()}
        file = _file(at)
        return _joined(self.reader(lock, file) for bit, lock in opened.items() if bits & bit)

    def reader(self, lock: Event, file: str) -> str:
        """A section that does not end."""
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
