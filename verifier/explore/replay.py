"""A run of the machine, told as steps, with page walks where a TLB entry was needed.

The machine keeps every TLB as large as it can be.  A story tells of those fills alone that some use
rests on, each at the last instant at which the walk could still read what it read.
"""

from __future__ import annotations

from verifier.explore.machine import Machine, Move, State
from verifier.explore.reduction import steps as enough
from verifier.program.events import Event, show
from verifier.program.trace import Step, Trace
from verifier.program.values import Value, apply, evaluate, truth


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

    def fill(self, cpu: int, entry: int, at: int) -> None:
        """Tell of the walk behind a TLB entry that is used at state ``at``."""
        machine = self.machine
        va, page = machine.entries[entry.bit_length() - 1]
        for i in range(at, -1, -1):
            state = self.states[i]
            if machine.fillable(state.memory, state.buffers[cpu], cpu, 1 << va) & entry:
                if (cpu, entry, i) not in self.filled:
                    self.filled.add((cpu, entry, i))
                    walked = machine.program.cells[
                        apply("pte", (state.memory[machine.cr3[cpu]], machine.vas[va]))  # type: ignore[index]
                    ]
                    names = machine.program.names
                    own = state.memory[machine.cell_at[walked.ptr]] != page
                    self.before[i].append(
                        Step(
                            "fill",
                            cpu,
                            reads=((walked.name, page),),
                            note=f"{show(machine.vas[va], names)} -> {show(page, names)}"
                            + (", from its own store buffer" if own else ""),
                            rule="3.5" if own else "3.3",
                        )
                    )
                return
        # Otherwise the TLB has held it since the start.

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
                    self.before[i].append(Step("snapshot", None, note=o.label))
                    return

    def cached(self, index: int, at: int) -> None:
        """Tell why a ``tlb`` observable is 1 at state ``at``."""
        o = self.machine.program.observables[index]
        assert o.cpu is not None and o.va is not None and o.page is not None
        self.fill(o.cpu, self.machine.entry(self.machine.va_at[o.va], o.page), at)

    def steps(self) -> tuple[Step, ...]:
        """The whole story, in order."""
        buffered: list[list[Event | None]] = [[] for _ in self.machine.cpus]
        out: list[Step] = []
        for i, move in enumerate(self.moves):
            if move.used:
                self.fill(move.cpu, move.used, i)
        for i, move in enumerate(self.moves):
            out += self.before[i]
            event = move.event
            cpu = move.cpu
            if move.kind == "commit":
                event = buffered[cpu].pop(0)
            elif len(self.states[i + 1].buffers[cpu]) > len(self.states[i].buffers[cpu]):
                buffered[cpu].append(event)
            note = "fault" if move.fault else ""
            out.append(Step(move.kind, cpu, event, self.named(move.reads), self.named(move.writes), note))
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
