"""A run of the machine, told as steps, with page walks where a TLB entry was needed.

The machine keeps every TLB as large as it can be.  A story tells of those fills alone that some use
rests on, each at the last instant at which the walk could still read what it read.
"""

from __future__ import annotations

from verifier.explore.machine import Machine, Move, State
from verifier.explore.reduction import steps as enough
from verifier.program.events import Event
from verifier.program.trace import Step, Trace
from verifier.program.values import Value, evaluate, truth


def replay(machine: Machine, taken: list[int], reduced: bool) -> tuple[list[State], list[Move]]:
    """The states and steps of the run that takes these turns at its forks.

    ``states`` has one more element than ``moves``.
    """
    state = machine.initial()
    assert state is not None
    states, moves, turns = [state], [], iter(taken)
    while steps := enough(machine, state, reduced):
        move, state = steps[0 if len(steps) == 1 else next(turns)]
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

    def named(self, cells: tuple[tuple[int, Value], ...]) -> tuple[tuple[str, Value], ...]:
        return tuple((self.name(cell), value) for cell, value in cells)

    def fill(self, cpu: int, entry: int, at: int) -> bool:
        """Tell of the walk behind a TLB entry that is used at state ``at``; False if there is none.

        Then the TLB has held the entry since the start.
        """
        machine = self.machine
        va, page = machine.entries[entry.bit_length() - 1]
        for i in range(at, -1, -1):
            state = self.states[i]
            if not machine.fillable(state.memory, state.buffers[cpu], cpu, 1 << va) & entry:
                continue
            if (cpu, entry, i) in self.filled:
                return True
            self.filled.add((cpu, entry, i))
            cell = machine.pte_cell(state.memory[machine.cr3[cpu]], va)
            own = state.memory[cell] != page
            # Does this CPU's next step use it?
            user = next((m for m in self.moves[i:] if m.cpu == cpu and m.kind == "exec"), None)
            asked = user is not None and user.used == entry
            note = "for the access that follows" if asked else "no access asks for it"
            self.before[i].append(
                Step(
                    "fill",
                    cpu,
                    user.event if user is not None and asked else None,
                    ((self.name(cell), page),),
                    ((str(machine.vas[va]), page),),
                    f"read from the own store buffer; {note}" if own else note,
                    "3.5" if own else "3.3",
                )
            )
            return True
        return False

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
        o = self.machine.program.observables[index]
        assert o.cpu is not None and o.va is not None and o.page is not None
        self.fill(o.cpu, self.machine.entry(self.machine.va_at[o.va], o.page), at)

    def steps(self) -> tuple[Step, ...]:
        """The whole story, in order."""
        buffered: list[list[Event | None]] = [[] for _ in self.machine.cpus]
        notes: dict[int, str] = {}
        for i, move in enumerate(self.moves):
            if move.used:
                walked = self.fill(move.cpu, move.used, i)
                _, page = self.machine.entries[move.used.bit_length() - 1]
                how = "a cached entry" if walked else "an entry of the initial TLB"
                notes[i] = f"translated to {page} by {how}"
        out: list[Step] = []
        for i, move in enumerate(self.moves):
            out += self.before[i]
            event, cpu, rule = move.event, move.cpu, ""
            reads = self.named(move.reads)
            if move.kind == "commit":
                event, rule = buffered[cpu].pop(0), "1.1"
            elif len(self.states[i + 1].buffers[cpu]) > len(self.states[i].buffers[cpu]):
                buffered[cpu].append(event)
                rule = "1.2"
            if move.fault:
                notes[i], rule = "faults", "6.3"
            elif move.used and event is not None and event.op == "T":
                reads = (("translation", self.machine.entries[move.used.bit_length() - 1][1]),)
            out.append(Step(move.kind, cpu, event, reads, self.named(move.writes), notes.get(i, ""), rule))
        return tuple(out + self.before[len(self.moves)])


def tell(
    machine: Machine,
    taken: list[int],
    observed: dict[int, Value],
    shown: tuple[Value, ...],
    reduced: bool,
) -> Trace:
    """The run that takes these turns, as a trace that ends in the observables ``observed``."""
    states, moves = replay(machine, taken, reduced)
    teller = _Teller(machine, states, moves)
    for index, value in observed.items():
        kind = machine.program.observables[index].kind
        if value and kind == "ever":
            teller.snapshot(index)
        elif value and kind == "tlb":
            teller.cached(index, len(states) - 1)
    return Trace(teller.steps(), shown)
