"""A run of the machine, told as steps, with page walks where a TLB entry was needed.

The machine keeps everything that is cached as large as it can be.  A story tells of those walks and
prefetches alone that some use rests on, each at the last instant at which it could still read what
it read.
"""

from __future__ import annotations

from verifier.explore.caches import UPPER, Item
from verifier.explore.machine import Machine
from verifier.explore.reduction import steps as enough
from verifier.explore.state import IDLE, SENDING, SILENT, Move, State, Written
from verifier.program.events import Event
from verifier.program.trace import Step, Trace
from verifier.program.values import Value, evaluate, truth


def replay(
    machine: Machine, first: State, taken: list[int], end: State, reduced: bool
) -> tuple[list[State], list[Move]]:
    """The states and steps of the run that takes these turns at its forks, from ``first`` to ``end``.

    ``states`` has one more element than ``moves``.
    """
    state = first
    states, moves, turn = [state], [], 0
    machine.budget.enter("telling a run")
    while turn < len(taken) or state != end:
        machine.budget.tick()
        steps = enough(machine, state, reduced)
        if len(steps) == 1:
            move, state = steps[0]
        else:
            move, state = steps[taken[turn]]
            turn += 1
        moves.append(move)
        states.append(state)
    return states, moves


class _Teller:
    """Collects the steps of one run; ``before[i]`` is what happens just before move ``i``."""

    def __init__(self, machine: Machine, states: list[State], moves: list[Move]) -> None:
        self.machine = machine
        self.states = states
        self.moves = moves
        self.before: list[list[Step]] = [[] for _ in states]
        self.filled: set[tuple[int, int, int]] = set()

    def name(self, cell: int) -> str:
        return self.machine.cells[cell].name

    def named(self, cells: Written) -> tuple[tuple[str, Value], ...]:
        return tuple((self.name(cell), value) for cell, value in cells)

    def last_read(self, cpu: int, item: int, at: int) -> tuple[int, int, int, Value] | None:
        """The last instant, up to state ``at``, at which a walk's read could cache an item.

        With the upper item it hangs below, 0 for none, and the cell and value read.
        """
        caches = self.machine.caches
        va = caches.items[item.bit_length() - 1].va
        for i in range(at, -1, -1):
            self.machine.budget.tick()
            s = self.states[i]
            if not self.machine.switches.spontaneous and not self.walks_at(cpu, i):
                continue
            for bit, place, cell, value in caches.derivations(s.tlbs[cpu], s.memory, s.buffers[cpu], cpu, va):
                if bit == item:
                    tag = caches.tag(s.memory, cpu)
                    upper = Item(UPPER, tag, va, place.handle, place.flags, place.path)
                    return i, caches.bits[upper] if place.path else 0, cell, value
        return None

    def walks_at(self, cpu: int, at: int) -> bool:
        """Is an access that may walk this CPU's next step?"""
        move = self.moves[at] if at < len(self.moves) else None
        return move is not None and move.cpu == cpu and bool(move.used)

    def fill(self, cpu: int, item: int, at: int) -> bool:
        """Tell of the walk behind a TLB entry that is used at state ``at``; False if there is none.

        Then the TLB has held the entry since the start.
        """
        found = self.last_read(cpu, item, at)
        if found is None:
            return False
        i, above, cell, value = found
        if (cpu, item, i) in self.filled:
            return True
        self.filled.add((cpu, item, i))
        if above:
            self.fill(cpu, above, i)
        known = self.machine.caches.items[item.bit_length() - 1]
        own = self.states[i].memory[cell] != value
        # Does this CPU's next step use it?
        user = next((m for m in self.moves[i:] if m.cpu == cpu and m.kind == "exec"), None)
        asked = user is not None and user.used == item
        note = "for the access that follows" if asked else "no access asks for it"
        reads = ((self.name(cell), value),)
        writes = ((str(self.machine.program.vas[known.va]), known.to),)
        upper = known.kind == UPPER
        self.before[i].append(
            Step(
                "walk" if upper else "fill",
                cpu,
                user.event if user is not None and asked else None,
                reads,
                () if upper else writes,
                f"read from the own store buffer; {note}" if own else "" if upper else note,
                "3.5" if own else "3.4" if upper else "3.3",
            )
        )
        return True

    def prefetch(self, cpu: int, copy: int, at: int) -> None:
        """Tell when an instruction that is executed after state ``at`` was fetched."""
        cell, value = self.machine.prefetched.made[copy.bit_length() - 1]
        for i in range(at, -1, -1):
            if self.states[i].memory[cell] == value:
                if i < at:
                    reads = ((self.name(cell), value),)
                    self.before[i].append(Step("fetch", cpu, None, reads, (), "ahead of its use", "10.1"))
                return

    def snapshot(self, index: int) -> None:
        """Tell of the first instant at which an ``ever`` held, and of the fills it rests on."""
        observables = self.machine.program.observables
        o = observables[index]
        assert o.at is not None and o.expr is not None
        for i, state in enumerate(self.states):
            for observed in self.machine.instant(state.memory, state.tlbs, o.at):
                if truth(evaluate(o.expr, {}, observed)):
                    for k, value in observed.items():
                        if observables[k].kind == "tlb" and value:
                            self.cached(k, i)
                    now = [k for k in observed if observables[k].kind == "mem"]
                    cells = [self.machine.cell_at[c] for k in now if (c := observables[k].cell)]
                    reads = self.named(tuple((cell, state.memory[cell]) for cell in cells))
                    self.before[i].append(Step("snapshot", None, reads=reads, note="the instant asked for"))
                    return

    def cached(self, index: int, at: int) -> None:
        """Tell why a ``tlb`` observable is 1 at state ``at``."""
        o, state = self.machine.program.observables[index], self.states[at]
        found = self.machine.cached(index, state.memory, state.tlbs)
        assert o.cpu is not None
        self.fill(o.cpu, found & -found, at)

    def steps(self) -> tuple[Step, ...]:
        """The whole story, in order."""
        buffered: list[list[Event | None]] = [[] for _ in self.machine.cpus]
        notes: dict[int, str] = {}
        for i, move in enumerate(self.moves):
            if move.used:
                walked = self.fill(move.cpu, move.used, i)
                page = self.machine.caches.items[move.used.bit_length() - 1].to
                how = "a cached entry" if walked else "an entry of the initial TLB"
                notes[i] = f"translated to {page} by {how}"
            if move.copy:
                self.prefetch(move.cpu, move.copy, i)
        out: list[Step] = []
        for i, move in enumerate(self.moves):
            out += self.before[i]
            out += [
                Step("update", move.cpu, move.event, (), self.named((mark,)), "sets D", "7.3")
                for mark in move.dirty
            ]
            out += self.step(i, move, buffered[move.cpu], notes.get(i, ""))
        return tuple(out + self.before[len(self.moves)])

    def step(self, i: int, move: Move, buffered: list[Event | None], note: str) -> list[Step]:
        """One move, with the fault that may be taken at its end."""
        cpu, event, rule, kind = move.cpu, move.event, "", move.kind
        old, new = self.states[i], self.states[i + 1]
        reads = self.named(move.reads)
        if kind == "never":
            return []
        if kind == "commit" and old.buffers[cpu][move.at].kind & SILENT:
            buffered.pop(move.at)
            return []
        if kind == "commit":
            sent = old.buffers[cpu][move.at].kind & SENDING
            event, kind, rule = buffered.pop(move.at), "exec" if sent else kind, "8.1" if sent else "1.1"
            for fence in [e for e in buffered if e is not None and e.op == "F"]:
                if len(buffered) > len(new.buffers[cpu]):
                    buffered.remove(fence)  # nothing is left that it waits for
        elif len(new.buffers[cpu]) > len(old.buffers[cpu]):
            buffered.append(event)
            rule = "1.2" if event is not None and event.op == "W" else ""
            if event is not None and event.op == "SEND" and event.kind != "rcu":
                return []  # told when it is executed
        elif kind == "update":
            note, rule = ("sets A", "7.2") if event is None else ("sets D", "7.3")
        elif kind == "flush":
            note, rule = " ".join(map(str, self.machine.broadcasts[move.at][:1])), "11.3"
        elif kind == "fault":
            rule = "5.1"
        elif event is not None and event.op == "SEND" and move.at:
            note, rule = "ahead of its place", "8.2"
        if move.fault:
            note, rule = "faults", "6.3"
        elif move.used and event is not None and event.op == "T":
            reads = (("translation", self.machine.caches.items[move.used.bit_length() - 1].to),)
        out = [Step(kind, cpu, event, reads, self.named(move.writes), note, rule)]
        faulted = move.fault or old.faults[cpu] != IDLE
        if faulted and new.faults[cpu] == IDLE and kind != "fault":
            out.append(Step("fault", cpu, rule="5.1"))
        return out


def tell(
    machine: Machine,
    first: State,
    taken: list[int],
    end: State,
    observed: dict[int, Value],
    shown: tuple[Value, ...],
    reduced: bool,
) -> Trace:
    """The run that takes these turns, as a trace that ends in the observables ``observed``."""
    states, moves = replay(machine, first, taken, end, reduced)
    teller = _Teller(machine, states, moves)
    for index, value in observed.items():
        kind = machine.program.observables[index].kind
        if value and kind == "ever":
            teller.snapshot(index)
        elif value and kind == "tlb":
            teller.cached(index, len(states) - 1)
    return Trace(teller.steps(), shown)
