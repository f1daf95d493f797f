"""Where the machine comes to rest: states in which nothing that must happen can happen (MMR 20.1).

A wait fails alone: its loads together, by no other CPU disturbed, do not find what they look for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from verifier.explore.compiled import Compiled
from verifier.explore.machine import AbstractMachine, Attempts
from verifier.explore.sends import deliverable, striking
from verifier.explore.state import IDLE, Dropped, Move, State
from verifier.program.events import Event
from verifier.program.expressions import evaluate
from verifier.program.hang import Hang
from verifier.program.trace import Step
from verifier.program.values import Ptr, Value, truth
from verifier.program.waits import Blocked, Stop, Wait
from verifier.records import NamedTuple

Slots = Sequence["Value | None"]
Through = Mapping[int, Value]  # by event, the entry by which a translated access goes


class Failed(NamedTuple):
    """A way in which a look fails: where its body comes to rest, what was read, and by which entries."""

    stop: Stop
    slots: Slots
    through: Through


class Seen(NamedTuple):
    """What was read where the machine comes to rest, and by which entries."""

    slots: Sequence[Value | None]
    through: Through


class Rest:
    """What a program's stops are to its machine, which runs it without them."""

    def __init__(self, machine: AbstractMachine) -> None:
        self.machine, self.program = machine, machine.whole
        program = machine.whole
        self.looks = {id(stop.wait): stop for stop in program.stops if stop.kind == "look"}
        self.before = {s.event: s for s in program.stops if s.kind in ("answers", "grace")}
        self.interrupted: dict[int, list[Stop]] = {}
        for stop in program.stops:
            if stop.kind == "interrupted":
                self.interrupted.setdefault(stop.body, []).append(stop)
        self.pending = {stop.body: stop for stop in program.stops if stop.kind == "pending"}

    # ---- is it at rest?

    def here(self, state: State) -> bool:
        """Has the machine come to rest in a state that is no end of a run?"""
        machine = self.machine
        if any(state.buffers) or any(state.floods) or max(state.faults, default=IDLE) != IDLE:
            return False
        held = False
        for cpu in machine.cpus:
            if self._must_deliver(state, cpu):
                return False
            event = self.event(state, cpu)
            if event is not None and not self.waits(state, cpu, event):
                return False
            held = held or event is not None or bool(state.pending[cpu])
        return held

    def _must_deliver(self, state: State, cpu: int) -> bool:
        """Is there an interrupt that a CPU has to take now?"""
        if state.struck[cpu] == IDLE and any(True for _ in striking(self.machine, state, cpu)):
            return True
        free = state.struck[cpu] == IDLE and state.running[cpu] == IDLE and bool(state.pending[cpu])
        on = free and state.memory[self.machine.irq[cpu]] == 1
        return on and any(not self._withheld(state, body) for body in deliverable(self.machine, state, cpu))

    def _withheld(self, state: State, body: int) -> bool:
        """Is this a callback whose grace period may have started late enough to wait for ever (MMR 18.3)?"""
        graces = self.machine.graces
        callback = body in graces.callback
        return callback and graces.awaits(state.memory, self.machine.program.bodies[body].events[0]) != 0

    def event(self, state: State, cpu: int) -> Event | None:
        """What a CPU is to do next; None at the end of its program."""
        machine = self.machine
        body = machine.current(state, cpu)
        at = state.pcs[body]
        return machine.ops[body][at].event if at < machine.length[body] else None

    def waits(self, state: State, cpu: int, event: Event) -> bool:
        """Does a CPU wait in front of this event for something that need not come?"""
        machine = self.machine
        if event.op == "WAIT":
            return machine.unanswered(state.memory, event.handlers)
        if machine.graces.waiting(state.memory, event):
            return True
        return event.id in machine.looks and any(True for _ in self.failing(state, cpu))

    def _begun(self, state: State, body: int, wait: Wait) -> bool:
        """Has a body done a part of what a wait looks at? Events without effect are no part."""
        machine, slots, events = self.machine, state.slots, frozenset(wait.events)
        return any(
            op.event.id in events and not machine.idle(op) and (op.guard is None or truth(op.guard(slots)))
            for op in machine.ops[body][: state.pcs[body]]
        )

    def failing(self, state: State, cpu: int) -> Iterator[Failed]:
        """The ways in which the look that a CPU is to make next fails: where, and what was read."""
        machine = self.machine
        body = machine.current(state, cpu)
        group = machine.looks[machine.ops[body][state.pcs[body]].event.id]
        alone = machine.alone(state, cpu) if machine.caches.loading else state
        pending: list[tuple[State, Through, frozenset[int]]] = [(alone, {}, frozenset())]
        while pending:
            now, before, done = pending.pop()
            machine.budget.tick()
            at = now.pcs[body]
            op = machine.ops[body][at] if at < machine.length[body] else None
            if op is None or machine.looks.get(op.event.id) != group:
                continue  # it has found what it looks for
            done |= {op.event.id}
            for move, draft, going in self._steps(now, cpu, body, op):
                read, through = list(draft.slots), self._through(before, move)
                if not op.translated:  # what it would take, it gives back
                    draft.memory, draft.buffers = list(now.memory), list(now.buffers)
                machine.failed.clear()
                try:
                    if going >= 0:
                        machine._next(draft, move.cpu, going)
                    pending.append((machine._settled(draft), through, done))
                except Dropped:
                    missing = [self.machine.program.waits[n] for n in machine.failed]
                    if missing and all(wait.kind for wait in missing):
                        wait = missing[0]
                        # What is done in front of a look stays done.
                        if done <= set(wait.events) and not self._begun(state, body, wait):
                            yield Failed(self.looks[id(wait)], read, through)

    def _steps(self, state: State, cpu: int, body: int, op: Compiled) -> Attempts:
        """The ways to execute an event of a look; none where its address has no cell. That makes the run
        wrong, which the machine notes, and nobody waits there."""
        try:
            yield from self.machine._execute(state, cpu, body, op)
        except Dropped:
            return

    def _through(self, before: Through, move: Move) -> Through:
        """By which entry a step has gone, besides those before it."""
        if not move.used or move.event is None:
            return before
        item = self.machine.caches.items[move.used.bit_length() - 1]
        return {**before, move.event.id: item.to}

    # ---- what is seen there

    def resting(self, state: State) -> Iterator[tuple[list[Stop], Seen]]:
        """The stops at which the bodies are, and all slots, their own too; for each way to look."""
        machine, stops = self.machine, list[Stop]()
        looking: list[list[Failed]] = []
        for cpu in machine.cpus:
            stops += [self.pending[h] for h in state.pending[cpu]]
            current = machine.current(state, cpu)
            for body in machine.bodies_on[cpu]:
                at = state.pcs[body]
                if not 0 <= at < machine.length[body] or body in state.pending[cpu]:
                    continue
                event = machine.ops[body][at].event
                if body != current:
                    stops += [self._interrupted(body, event)] if at or body == machine.threads[cpu] else []
                elif event.id in machine.looks:
                    looking.append(list(self.failing(state, cpu)))
                else:
                    stops.append(self.before[event.id])
        for ways in product(*looking):
            slots = list(state.slots)
            for way in ways:
                slots = [b if a is None else a for a, b in zip(slots, way.slots, strict=True)]
            here = [*stops, *(way.stop for way in ways)]
            for stop in self.program.stops:
                slots[stop.slot] = int(stop in here)
            yield here, Seen(slots, {e: entry for way in ways for e, entry in way.through.items()})

    def _interrupted(self, body: int, event: Event) -> Stop:
        """The stop of a body that is held up in front of an event, or in the middle of what it is part of."""
        stops = self.interrupted[body]
        return next((s for s in stops if s.event is not None and s.event >= event.id), stops[-1])

    def finals(self, state: State) -> Iterator[tuple[tuple[Value, ...], list[Stop], Seen]]:
        """What may be observed there, as ``Search`` has it at the ends of runs; with the stops and slots."""
        machine, observables = self.machine, self.program.observables
        for stops, seen in self.resting(state):
            slots = seen.slots
            choices: list[tuple[Value, ...]] = []
            for i in machine.finals:
                o = observables[i]
                if o.kind == "hang" and o.expr is not None:
                    choices.append((evaluate(o.expr, slots),))
                elif o.kind == "reg" and o.expr is not None and o.cpu is not None:
                    done = state.pcs[machine.threads[o.cpu]] == machine.length[machine.threads[o.cpu]]
                    known = state.results[machine.result_of[i]] if done else evaluate(o.expr, slots)
                    choices.append((0 if known is None else known,))
                else:
                    choices.append(machine.observed(i, state))
            for final in product(*choices):
                yield final, stops, seen

    def waiting(
        self, state: State, stops: list[Stop], seen: Seen, known: Mapping[int, Value], steps: Sequence[Step]
    ) -> tuple[Blocked, ...]:
        """Who waits where in a state. ``seen`` has what was read last, ``known`` the values of the whole run,
        whose ``steps`` say who wrote what."""
        machine, program = self.machine, self.program
        slots = {i: value for i, value in enumerate(seen.slots) if value is not None} | dict(known)
        slots |= {stop.slot: int(stop in stops) for stop in program.stops}
        memory = {ptr: state.memory[machine.cell_at[ptr]] for ptr in program.cells}
        open_ = {end.id: list(self._awaited(state, end)) for _, end in program.grace_periods()}
        return Hang(program, stops, slots, memory, self._history(steps), open_, seen.through).told()

    def _history(self, steps: Sequence[Step]) -> dict[Ptr, list[tuple[Event | None, Value]]]:
        """What was written to each cell, and who wrote it."""
        at = {cell.name: cell.ptr for cell in self.program.cells.values()}
        history: dict[Ptr, list[tuple[Event | None, Value]]] = {}
        for step in steps:
            if step.rule == "1.2":
                continue  # a store that enters the store buffer; its commit follows
            for name, value in step.writes:
                if name in at and step.kind not in ("fill", "walk", "cached"):
                    author = None if step.kind == "update" else step.event
                    history.setdefault(at[name], []).append((author, value))
        return history

    def _awaited(self, state: State, end: Event) -> Iterator[Event]:
        """Where the RCU readers' sections begin for which a grace period waits that would end here."""
        graces = self.machine.graces
        bits = graces.awaits(state.memory, end)
        return (lock for lock, _ in self.program.sections() if bits & graces.bits[lock.id])
