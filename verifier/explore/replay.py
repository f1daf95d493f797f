"""A run of the machine, told as steps, with page walks where a TLB entry was needed.

The machine always caches as much as it can.  A story tells only the walks and prefetches that some access
needs, each at the last instant at which it can still read the same value.  It tells no walk for an entry
that has been in the TLB from the start, or that an earlier walk of the story has filled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from verifier.errors import InternalError
from verifier.explore import sends
from verifier.explore.caches import LOADED, UPPER_ENTRY, Item
from verifier.explore.instants import Instants
from verifier.explore.machine import AbstractMachine
from verifier.explore.reduction import steps as enough
from verifier.explore.sources import Sources
from verifier.explore.state import IDLE, SENDING, SILENT, Move, State, Written
from verifier.program.events import Event
from verifier.program.expressions import evaluate
from verifier.program.trace import Step, Trace, completed, standing
from verifier.program.values import FAULT, UNACCESSED, UNDEF, Value, flags, make_entry, truth
from verifier.program.waits import Blocked
from verifier.records import NamedTuple


def replay(
    machine: AbstractMachine, first: State, taken: list[int], end: State, reduced: bool
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


class Ran(NamedTuple):
    """A run that ends, its story, and its facts, whose nodes the steps of the story name."""

    trace: Trace
    facts: Instants


Why = Callable[[Ran], Trace]  # the story of a run with what matters in it; or that of a better run


class Telling:
    """Collects the steps of one run; ``before[i]`` is what happens just before move ``i``."""

    def __init__(self, machine: AbstractMachine, states: list[State], moves: list[Move]) -> None:
        self.machine = machine
        self.states = states
        self.moves = moves
        self.before: list[list[Step]] = [[] for _ in states]
        self.sources = Sources(machine, states, moves)
        self.flushes = self.sources.flushes
        self.nodes: Instants | None = None  # the instants that steps are
        self.filled: dict[tuple[int, int], list[int]] = {}  # CPU, item -> where its walks are told
        self.cells: dict[tuple[int, int, int], int] = {}  # CPU, item, where its walk is told -> the cell read
        self.initial = self.sources.initial

    def name(self, cell: int) -> str:
        return self.machine.cells[cell].name

    def named(self, cells: Written) -> tuple[tuple[str, Value], ...]:
        return tuple((self.name(cell), value) for cell, value in cells)

    def fill(self, cpu: int, item: int, at: int) -> str:
        """Tell the walk that cached an item used at state ``at``, unless the reader knows the item already.

        The result says since when the item has been there.
        """
        first = self.sources.since(cpu, item, at)
        told = [i for i in self.filled.get((cpu, item), ()) if first <= i <= at]
        if told:
            return self.since(cpu, item, told[-1])
        if first == 0 and (cpu, item) in self.initial:
            return _START
        found = self.sources.last_read(cpu, item, first, at)
        if found is None:
            raise InternalError(
                f"a story does not say where {self.machine.caches.items[item.bit_length() - 1]} is from"
            )
        i, above, cell, value = found
        self.filled.setdefault((cpu, item), []).append(i)
        self.cells[cpu, item, i] = cell
        if above:
            self.fill(cpu, above, i)
        known = self.machine.caches.items[item.bit_length() - 1]
        own = self.states[i].memory[cell] != value
        # Does this CPU's next step use the item?
        user = next((m for m in self.moves[i:] if m.cpu == cpu and m.kind == "exec"), None)
        asked = user is not None and user.used == item
        note = "for the access that follows" if asked else "no access asks for it"
        reads = ((self.name(cell), value),)
        writes = ((self.tagged(cpu, known), make_entry(known.to, known.flags)),)
        upper = known.kind in (UPPER_ENTRY, LOADED)
        self.before[i].append(
            Step(
                "walk" if upper else "fill",
                cpu,
                user.event if user is not None and asked else None,
                reads,
                writes=() if upper else writes,
                note=f"read from the CPU's own store buffer; {note}" if own else "" if upper else note,
                rule="3.5" if own else "3.4" if upper else "3.3",
                node=None if self.nodes is None else self.nodes.walked.get((i, cpu, cell)),
            )
        )
        return self.since(cpu, item, i)

    def since(self, cpu: int, item: int, told: int) -> str:
        """The words for a walk that the story has told."""
        return f"filled above from {self.name(self.cells[cpu, item, told])}"

    def walk_again(self, move: Move, at: int) -> None:
        """Tell the loads by which an access that faults has walked to the entry that it reads last."""
        machine, cpu, event = self.machine, move.cpu, move.event
        assert event is not None
        op = next(o for o in machine.ops[event.body] if o.event is event)
        va = machine.va_at[op.touches[0].addr(self.states[at].slots)]
        above = self.sources.above_fault(at, cpu, va, op.forbidding, end=move.reads[0][0])
        if above:
            self.fill(cpu, above, at)

    def prefetch(self, move: Move, at: int, i: int) -> None:
        """Tell that an instruction which move ``at`` executes was fetched in front of move ``i``."""
        if i < at:
            told = Step(
                "fetch", move.cpu, None, self.named(move.reads), note="before it is executed", rule="10.1"
            )
            if self.nodes is not None and move.event is not None:
                told = told._replace(node=self.nodes.fetches[move.event.id])
            self.before[i].append(told)

    def snapshot(self, index: int) -> None:
        """Tell the first instant at which an ``ever`` held, and the fills that it needs."""
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
                    node = self.nodes.snapshots.get(o.at) if self.nodes is not None else None
                    note = "the instant asked for"
                    self.before[i].append(Step("snapshot", None, reads=reads, note=note, node=node))
                    return

    def cached(self, index: int, at: int) -> None:
        """Tell why a ``tlb`` observable is 1 at state ``at``."""
        o, state = self.machine.program.observables[index], self.states[at]
        found = self.machine.cached(index, state.memory, state.tlbs)
        cpu = o.cpu
        assert cpu is not None
        item = min(_bits(found), key=lambda bit: self.effort(cpu, bit, at))
        since = self.fill(cpu, item, at)
        entry = self.machine.caches.items[item.bit_length() - 1]
        va, content = self.machine.program.vas[entry.va], make_entry(entry.to, entry.flags)
        left = [f.leaves(va, entry.tag, content) for f in self.flushes.left(cpu, item, at)]
        name = self.tagged(cpu, entry)
        use = self.nodes.uses.get(index) if self.nodes is not None else None
        note = standing(since, left)
        step = Step("cached", cpu, None, (), writes=((name, content),), note=note, rule="4.1", node=use)
        self.before[at].append(step)

    def effort(self, cpu: int, item: int, at: int) -> tuple[int, int]:
        """The effort of telling this entry: least for one that needs no walk."""
        first = self.flushes.gone(cpu, item, at)
        known = any(first <= i <= at for i in self.filled.get((cpu, item), ()))
        return 1 - (known or (first == 0 and (cpu, item) in self.initial)), item

    def tagged(self, cpu: int, item: Item) -> str:
        """An address, with its PCID where the test has any."""
        va = self.machine.program.vas[item.va]
        return str(va) if self.machine.caches.pcid[cpu] < 0 else f"{va}@{item.tag}"

    def steps(self) -> tuple[Step, ...]:
        """The whole story, in order."""
        buffered: list[list[Event | None]] = [[] for _ in self.machine.cpus]
        notes: dict[int, str] = {}
        for i, move in enumerate(self.moves):
            at = self.sources.translated(move, i)
            if move.used:
                since = self.fill(move.cpu, move.used, at)
                page = self.machine.caches.items[move.used.bit_length() - 1].to
                how = "an entry of the initial TLB" if since == _START else "a cached entry"
                notes[i] = f"translated to {page} by {how}"
            if move.fault and move.reads and self.machine.caches.loading:
                self.walk_again(move, i)
            if move.copy:
                self.prefetch(move, i, at)
        out: list[Step] = []
        for i, move in enumerate(self.moves):
            out += self.before[i]
            out += [
                Step(
                    "update",
                    move.cpu,
                    move.event,
                    (),
                    writes=self.named((mark,)),
                    note=self.sets(i, mark),
                    rule="7.3",
                    node=None if self.nodes is None else self.nodes.marks[i, "update"],
                )
                for mark in move.dirty
            ]
            told = self.step(i, move, buffered[move.cpu], notes.get(i, ""))
            out += [s._replace(node=self.mark(i, s)) for s in told]
        return tuple(out + self.before[len(self.moves)])

    def mark(self, i: int, step: Step) -> int | None:
        """The instant that a step of move ``i`` is."""
        return None if self.nodes is None else self.nodes.marks.get((i, step.kind))

    def slots(self) -> dict[int, Value]:
        """The values that were read in this run. A state forgets the values that no later step needs."""
        program, first = self.machine.program, self.states[0]
        slots: dict[int, Value] = {b.choice: 0 for b in program.bodies if b.choice is not None}
        slots |= {i: v for i, v in enumerate(first.slots) if v is not None}
        for move in self.moves:
            event = move.event
            if event is None or move.kind != "exec":
                continue
            into = [a.slot for a in event.accesses if a.slot is not None]
            choice = program.bodies[event.body].choice
            if event.op == "NMI" and choice is not None:
                slots[choice] = 1
            if move.fault:
                slots |= dict.fromkeys(into, FAULT)
            elif not move.reads and not (event.op == "T" and move.used):
                slots |= dict.fromkeys(into, UNDEF)  # what is read of no object
            elif event.op == "T":
                slots |= dict.fromkeys(into, self.machine.caches.items[move.used.bit_length() - 1].to)
            else:
                slots |= dict(zip(into, (v for _, v in move.reads), strict=True))
        return slots | self.merging(slots)

    def merging(self, slots: Mapping[int, Value]) -> dict[int, Value]:
        """The choices of bodies that may be merged: 0 for one that was sent and has not come (MMR 8.3)."""
        program, end = self.machine.program, self.states[-1]
        begun = {move.event.id for move in self.moves if move.event is not None}
        return {
            b.choice: int(
                end.pcs[b.id] != self.machine.length[b.id]
                or b.events[0].id in begun
                or not truth(evaluate(b.sent, slots))
            )
            for b in program.bodies
            if b.merges and b.choice is not None
        }

    def sets(self, i: int, mark: tuple[int, Value]) -> str:
        """Which bits a write through a clean entry sets in the entry."""
        cell, content = mark
        aged = flags(self.states[i].memory[cell]) & UNACCESSED and not flags(content) & UNACCESSED
        return "sets A and D" if aged else "sets D"

    def step(self, i: int, move: Move, buffered: list[Event | None], note: str) -> list[Step]:
        """The steps that tell one move: the move, and a fault that the CPU takes at its end."""
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
                    buffered.remove(fence)  # all stores that it waited for have left
        elif len(new.buffers[cpu]) > len(old.buffers[cpu]):
            buffered.append(event)
            rule = "1.2" if event is not None and event.op == "W" else ""
            if event is not None and event.op == "SEND" and event.kind != "rcu":
                return []  # told when it is executed
        elif kind == "update":
            note, rule = ("sets A", "7.2") if event is None else (self.sets(i, move.writes[0]), "7.3")
        elif kind == "flush":
            event = self.flushes.sender(i)
            note, rule = f"the INVLPGB of CPU {event.cpu} takes effect here", "11.3"
        elif kind == "fault":
            rule = "5.1"
        elif event is not None and event.op == "SEND" and move.at:
            note, rule = "executed early", "8.2"
        if event is not None and event.op in ("DLV", "IRET") and self.goes_on(i, event):
            note, rule = "the interrupt continues", "8.10"
        elif event is not None and sends.without_interrupt(self.machine, old, event):
            note, rule = "without an interrupt", "8.12"
        if move.fault:
            note, rule = "faults", "6.3"
        elif move.used and event is not None and event.op == "T":
            reads = (("translation", self.machine.caches.items[move.used.bit_length() - 1].to),)
        rule = rule or ("4.1" if move.used else "")
        out = [Step(kind, cpu, event, reads, writes=self.named(move.writes), note=note, rule=rule)]
        faulted = move.fault or old.faults[cpu] != IDLE
        if faulted and new.faults[cpu] == IDLE and kind != "fault":
            out.append(Step("fault", cpu, rule="5.1"))
        return out

    def goes_on(self, i: int, event: Event) -> bool:
        """Is this delivery or return between two functions of one interrupt (MMR 8.10)?"""
        running = (self.states[i] if event.op == "DLV" else self.states[i + 1]).running[event.cpu]
        return running == event.body if event.op == "DLV" else running not in (IDLE, event.body)


_START = "from the start"


def _bits(items: int) -> Iterator[int]:
    while items:
        yield items & -items
        items &= items - 1


def read_in(
    machine: AbstractMachine, first: State, taken: list[int], end: State, reduced: bool
) -> dict[int, Value]:
    """The values that are read in the run that takes these turns."""
    return Telling(machine, *replay(machine, first, taken, end, reduced=reduced)).slots()


def told_run(
    machine: AbstractMachine,
    first: State,
    taken: list[int],
    end: State,
    observed: dict[int, Value],
    shown: tuple[Value, ...],
    reduced: bool,
    waiting: Callable[[Mapping[int, Value], Sequence[Step]], tuple[Blocked, ...]] | None = None,
    why: Why | None = None,
) -> Trace:
    """The run that takes these turns, as a trace that ends in the observables ``observed``.

    ``waiting`` says from the values and the steps who waits where at its end, if it hangs; ``why``, what
    matters in it, if it ends.
    """
    states, moves = replay(machine, first, taken, end, reduced=reduced)
    teller = Telling(machine, states, moves)
    if why is not None and waiting is None:
        teller.nodes = Instants(teller.sources, teller.slots(), observed)
    for index, value in observed.items():
        kind = machine.program.observables[index].kind
        if value and kind == "ever":
            teller.snapshot(index)
        elif value and kind == "tlb":
            teller.cached(index, len(states) - 1)
    steps, slots = teller.steps(), teller.slots()
    waits = waiting(slots, steps) if waiting is not None else ()
    trace = Trace(completed(machine.program, steps, slots), shown, waits)
    return trace if why is None or teller.nodes is None else why(Ran(trace, teller.nodes))
