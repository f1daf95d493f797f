"""A run of the machine as plain facts: who read what from whom, when, and by which walks.

The facts have the form in which the room ``execution`` holds a run. What they mean there is not known here:
they are read off the states and moves alone. Events have the numbers of the program; further *nodes* are
issues of stores, faults, reads of walks and of fetches, updates of entries, effects of INVLPGBs, uses by
conditions, and snapshots.
"""

from __future__ import annotations

from verifier.errors import InternalError
from verifier.explore import access
from verifier.explore.caches import loaded
from verifier.explore.facts import Level, Took, Walked
from verifier.explore.sources import Sources
from verifier.explore.state import BARRIER, IDLE, SENDING, SILENT, Move
from verifier.program import arrivals
from verifier.program.events import Event, Program
from verifier.program.expressions import Const, evaluate
from verifier.program.trace import StepKind
from verifier.program.values import UNACCESSED, Ptr, Value, flags, target, truth


class Instants:
    """The facts of a run that ends.

    ``turns``    all nodes, in the order in which they come;
    ``marks``    (move, kind of its step) -> the node that the step is;
    ``uses``     observable -> its use by the condition;
    ``loads``    access -> the loads right before it by which its walk reads upper entries;
    ``walked``   (move, CPU, cell) -> the first read by a walk in front of the move;
    the other fields are as in ``execution.Execution``.
    """

    def __init__(self, sources: Sources, slots: dict[int, Value], observed: dict[int, Value]) -> None:
        self.sources, self.machine = sources, sources.machine
        self.states, self.moves = sources.states, sources.moves
        self.program: Program = self.machine.whole
        self.slots = slots | {stop.slot: 0 for stop in self.program.stops}
        self.observed = observed
        self.executed = frozenset(e.id for e in self.program.events if truth(evaluate(e.guard, self.slots)))
        cpus = self.machine.cpus
        self.order: list[list[int]] = [[] for _ in cpus]
        self.reads: dict[tuple[int, Ptr], Took] = {}
        self.co: dict[Ptr, list[int]] = {}
        self.issues: dict[int, int] = {}
        self.walks: list[Walked] = []
        self.faults: dict[int, int] = {}
        self.dirty: dict[int, int] = {}
        self.unaged: set[int] = set()
        self.fetches: dict[int, int] = {}
        self.loads: dict[int, list[int]] = {}
        self.flushes: dict[int, tuple[int, int]] = {}
        self.snapshots: dict[int, int] = {}
        self.together: set[tuple[int, int]] = set()
        self.marks: dict[tuple[int, StepKind], int] = {}
        self.uses: dict[int, int] = {}
        self.walked: dict[tuple[int, int, int], int] = {}
        self._nodes = len(self.program.events)
        self._before: list[list[int]] = [[] for _ in self.states]  # by move: what comes in front of it
        self._at: list[list[int]] = [[] for _ in self.states]  # by move: what it does
        self._placed: set[int] = set()
        self._writers: list[dict[int, int]] = [{}]  # by state: cell -> who has written it
        self._authors: list[list[list[int]]] = [[[] for _ in cpus]]  # by state and CPU: whose stores wait
        self._flying: list[list[tuple[tuple[int, int], int]]] = [[] for _ in cpus]
        self._loading: dict[tuple[int, int], int] = {}  # access, item that it has loaded -> the load
        self._served: dict[tuple[int, int], int] = {}  # move, CPU -> the node of its translated access
        self._faulting: dict[int, int] = {}  # CPU -> the event that faults
        self._batch: list[list[int]] = [[] for _ in cpus]
        self._batches = {(a.id, b.id) for a, b in arrivals.batches(self.program)}
        self._follow()
        self.turns: dict[int, int] = {}
        for part in (p for pair in zip(self._before, self._at, strict=True) for p in pair):
            for node in part:
                self.turns[node] = len(self.turns)

    # -- the run, move by move ----------------------------------------------------------------------

    def _node(self) -> int:
        self._nodes += 1
        return self._nodes - 1

    def _does(self, i: int, node: int, kind: StepKind | None = None) -> None:
        """Move ``i`` does this; with ``kind``: it is told as a step of this kind."""
        self._at[i].append(node)
        self._placed.add(node)
        if kind is not None:
            self.marks[i, kind] = node

    def _follow(self) -> None:
        for body in self.program.bodies:
            self._pass(body.id, 0, self.states[0].pcs[body.id], 0)
        for i, move in enumerate(self.moves):
            self.machine.budget.tick()
            self._writers.append(dict(self._writers[i]))
            self._authors.append([list(mine) for mine in self._authors[i]])
            self._move(i, move)
        self._moments()
        for index, value in self.observed.items():
            if self.program.observables[index].kind == "tlb" and value:
                self._asked(index, len(self.moves))

    def _move(self, i: int, move: Move) -> None:
        old, new, cpu = self.states[i], self.states[i + 1], move.cpu
        if move.kind == "commit":
            self._commit(i, move)
        elif move.kind == "update":
            self._update(i, move)
        elif move.kind == "flush":
            left = [f for f in old.floods[cpu] if old.floods[cpu].count(f) > new.floods[cpu].count(f)]
            flood = next(f for f in left if f[1] == move.at)
            self.marks[i, "flush"] = self._flush(i, cpu, flood)
        elif move.kind == "exec" and move.event is not None:
            self._exec(i, move, move.event)
        for body in self.program.bodies:
            if old.pcs[body.id] != new.pcs[body.id]:
                self._pass(body.id, old.pcs[body.id], new.pcs[body.id], i)
        for other in self.machine.cpus:
            taken = old.faults[other] != IDLE or (move.fault and other == cpu)
            if taken and new.faults[other] == IDLE:
                node = self.faults[self._faulting[other]] = self._node()
                self._does(i, node, "fault")
            if not new.floods[other]:
                for flood, _ in list(self._flying[other]):
                    self._flush(i, other, flood)  # if it is no step of its own, there is nothing to remove

    def _pass(self, body: int, old: int, new: int, i: int) -> None:
        """A body moves on: what it executes on the way takes its place in program order."""
        waiting = {n for mine in self._authors[min(i + 1, len(self._authors) - 1)] for n in mine}
        for e in self.program.bodies[body].events[max(old, 0) : max(new, 0)]:
            if e.id in self.executed:
                self.order[e.cpu].append(e.id)
                if e.id not in self._placed and e.id not in waiting:
                    self._does(i, e.id)

    def _flush(self, i: int, cpu: int, flood: tuple[int, int]) -> int:
        """An INVLPGB takes effect on a CPU."""
        found = next(pair for pair in self._flying[cpu] if pair[0] == flood)
        self._flying[cpu].remove(found)
        node = self._node()
        self.flushes[node] = found[1], cpu
        self._does(i, node)
        return node

    def _wrote(self, i: int, cell: int, node: int) -> None:
        """Move ``i`` writes a cell; the machine's own cells do not count."""
        if cell < len(self.program.cells):
            self.co.setdefault(self._ptr(cell), []).append(node)
            self._writers[i + 1][cell] = node

    def _ptr(self, cell: int) -> Ptr:
        return self.machine.cells[cell].ptr

    def _commit(self, i: int, move: Move) -> None:
        cpu, authors = move.cpu, self._authors[i + 1][move.cpu]
        buffer = self.states[i].buffers[cpu]
        entry, author = buffer[move.at], authors.pop(move.at)
        self._does(i, author, "exec" if entry.kind & SENDING else "commit")
        left = [*buffer[: move.at], *buffer[move.at + 1 :]]
        gone = len(left) - len(self.states[i + 1].buffers[cpu])  # SFENCEs whose older stores have left
        for k in [k for k, other in enumerate(left) if other.kind & BARRIER][:gone][::-1]:
            if authors[k] not in self._placed:
                self._does(i, authors[k])
            del authors[k]
        if not entry.kind & SILENT:
            for cell, _ in entry.writes:
                self._wrote(i, cell, author)

    def _update(self, i: int, move: Move) -> None:
        """The processor sets A by itself, or D for an access that follows."""
        ((cell, value),) = move.writes
        if move.event is None:
            self._accessed(i, move.cpu, cell)
        else:
            self._serve(i, move, move.event)
            self._mark(i, move.event.id, cell, value)

    def _mark(self, i: int, event: int, cell: int, value: Value) -> None:
        """D is set for an access."""
        node = self.dirty[event] = self._node()
        self._take(node, cell, self.states[i].memory[cell], self._writers[i].get(cell))
        if flags(value) & UNACCESSED:
            self.unaged.add(node)
        self._wrote(i, cell, node)
        self._does(i, node, "update")

    # -- reads --------------------------------------------------------------------------------------

    def _take(self, node: int, cell: int, value: Value, write: int | None, forwarded: bool = False) -> None:
        ptr = self._ptr(cell)
        self.reads.setdefault((node, ptr), Took(ptr, write, node, value, forwarded))

    def _load(self, i: int, node: int, cpu: int, cell: int) -> Value:
        """A load of a CPU: from its newest buffered store, else from memory."""
        own = self._own(i, cpu, cell)
        value = loaded(cell, self.states[i].buffers[cpu], self.states[i].memory)
        self._take(node, cell, value, self._writers[i].get(cell) if own is None else own)
        return value

    def _own(self, i: int, cpu: int, cell: int) -> int | None:
        """The newest store to a cell in a CPU's own store buffer."""
        pairs = zip(self.states[i].buffers[cpu], self._authors[i][cpu], strict=True)
        mine = [n for s, n in pairs if not s.kind & SILENT and any(c == cell for c, _ in s.writes)]
        return mine[-1] if mine else None

    def _aside(self, i: int, node: int, cpu: int, cell: int, value: Value) -> None:
        """A read by a walk or by a fetch in front of move ``i``: of memory, or of the store buffer."""
        own = self._own(i, cpu, cell)
        always = self.machine.switches.walk_forward == "forward_always"
        if own is not None and (always or self.states[i].memory[cell] != value):
            self._take(node, cell, value, own, forwarded=True)
        else:
            self._take(node, cell, value, self._writers[i].get(cell))

    def _register(self, i: int, node: int, cpu: int, name: str) -> None:
        """A register is read in front of move ``i``."""
        cell = self.machine.cell_at.get(Ptr(f"{cpu}:{name}"), -1)
        if cell >= 0:
            self._take(node, cell, self.states[i].memory[cell], self._writers[i].get(cell))

    # -- executed events ----------------------------------------------------------------------------

    def _exec(self, i: int, move: Move, event: Event) -> None:
        cpu, old, new = move.cpu, self.states[i], self.states[i + 1]
        node = event.id
        if self._late(event):
            node = self.issues[event.id] = self._node()
        if event.virtual or event.op == "T":
            self._serve(i, move, event)
        for cell, value in move.dirty:
            self._mark(i, event.id, cell, value)
        if move.fault:
            self._faulting[cpu] = event.id
        elif event.op == "IF":
            self._fetched(i, move, event)
        elif event.op != "T":
            for cell, _ in move.reads:
                self._load(i, event.id, cpu, cell)
        if len(new.buffers[cpu]) > len(old.buffers[cpu]):
            self._authors[i + 1][cpu].append(event.id)
        else:
            for cell, _ in move.writes:
                self._wrote(i, cell, event.id)
        if node != event.id or event.id not in self._authors[i + 1][cpu]:
            self._does(i, node)
        self.marks[i, "exec"] = node
        if event.op == "BINV":
            self._broadcast(i, event)
        elif event.op == "DLV":
            self._delivered(i, event)

    def _late(self, event: Event) -> bool:
        """Is this a store that has an issue: one that is buffered?"""
        if event.op != "W" or not self.machine.buffered:
            return False
        address = event.accesses[0].addr
        fixed = self.machine.cell_at.get(address.value, -1) if isinstance(address, Const) else -1
        return fixed < 0 or not self.machine.register[fixed]

    def _broadcast(self, i: int, event: Event) -> None:
        """An INVLPGB is on its way to all CPUs."""
        old, new = self.states[i].floods, self.states[i + 1].floods
        sent = (event.cpu, -1)  # it has nothing to remove anywhere
        for a, b in zip(old, new, strict=True):
            sent = next((f for f in b if b.count(f) > a.count(f)), sent)
        for cpu in self.machine.cpus:
            self._flying[cpu].append((sent, event.id))

    def _delivered(self, i: int, event: Event) -> None:
        batch = self._batch[event.cpu]
        if self.states[i].running[event.cpu] != event.body:
            batch.clear()
        for earlier in batch:
            if (earlier, event.body) in self._batches:
                self.together.add((earlier, event.body))
        batch.append(event.body)

    def _fetched(self, i: int, move: Move, event: Event) -> None:
        """An instruction is executed that was fetched before, or that the store buffer has."""
        ((cell, value),) = move.reads
        node = self.fetches[event.id] = self._node()
        at = self.sources.fetched(move, i) if move.copy else i
        buffer = self.states[at].buffers[move.cpu]
        prefetched = self.machine.prefetched
        copy = prefetched.made[move.copy.bit_length() - 1] if move.copy else None
        seen = copy is not None and prefetched.seen(buffer, cell, copy.linear) is not None
        forwarded = copy is None or (bool(move.used) and seen)
        if forwarded:
            self._take(node, cell, value, self._own(at, move.cpu, cell), forwarded=True)
        else:
            self._take(node, cell, value, self._writers[at].get(cell))
        self._before[at].append(node)

    # -- translations -------------------------------------------------------------------------------

    def _serve(self, i: int, move: Move, event: Event) -> None:
        """A translated access is executed, or sets D."""
        if any(w.event == event.id for w in self.walks):
            return  # it has set D, and keeps its translation
        cpu, use = move.cpu, self.issues.get(event.id, event.id)
        self._register(i, use, cpu, "pcid")
        self._served[i, cpu] = use
        if move.fault:
            self._faults(i, move, event, use)
        else:
            self._walk(cpu, move.used, self.sources.translated(move, i), use, event=event.id)

    def _walk(
        self, cpu: int, item: int, at: int, use: int, event: int | None = None, observable: int | None = None
    ) -> None:
        """The walk, or the initial entry, that serves a use in front of move ``at``."""
        entry = self.machine.caches.items[item.bit_length() - 1]
        va, tag, kind, content = self.program.vas[entry.va], entry.tag, "use", None
        levels: list[Level] = []
        if (cpu, item) in self.sources.initial and self.sources.since(cpu, item, at) == 0:
            kind = "initial"
            tag, content = self.sources.initial[cpu, item]
        else:
            levels = self._levels(cpu, item, at)
        assert isinstance(tag, int)
        self.walks.append(Walked(kind, use, cpu, va, tag, tuple(levels), content, event, observable))

    def _levels(self, cpu: int, item: int, at: int, user: Event | None = None) -> list[Level]:
        """The reads of a walk that has cached an item before move ``at``, each as late as possible. ``user``:
        the access that has loaded it."""
        found = self.sources.last_read(cpu, item, self.sources.since(cpu, item, at), at)
        if found is None:
            known = self.machine.caches.items[item.bit_length() - 1]
            raise InternalError(f"a story does not say where {known} is from")
        i, above, cell, value = found
        if not self.machine.switches.spontaneous and not item & self.machine.caches.loaded:
            user = self.moves[i].event
        levels = self._levels(cpu, above, i, user) if above else []
        if item & self.machine.caches.loaded and user is not None:
            return [*levels, self._load_of(user, item, i, cell, first=not levels)]
        return [*levels, self._level(i, cpu, cell, value, first=not levels)]

    def _load_of(self, user: Event, item: int, i: int, cell: int, first: bool) -> Level:
        """An access loads an upper entry in front of move ``i``, on its walk (MMR 3.4)."""
        cpu, node = user.cpu, self._loading.get((user.id, item))
        if node is None:
            node = self._loading[user.id, item] = self._node()
            self.loads.setdefault(user.id, []).append(node)
            self._before[i].append(node)
            self.walked.setdefault((i, cpu, cell), node)
            self._load(i, node, cpu, cell)
            self._register(i, node, cpu, "pcid")
            if first:
                self._register(i, node, cpu, "cr3")
        return node, self._ptr(cell), self.reads[node, self._ptr(cell)].value

    def _level(self, i: int, cpu: int, cell: int, value: Value, first: bool) -> Level:
        """A walk reads an entry in front of move ``i``."""
        if not self.machine.switches.spontaneous:
            node = self._served[i, cpu]
            self._load(i, node, cpu, cell)
        else:
            node = self._node()
            self._before[i].append(node)
            self._aside(i, node, cpu, cell, value)
            self.walked.setdefault((i, cpu, cell), node)
        self._register(i, node, cpu, "pcid")
        if first:
            self._register(i, node, cpu, "cr3")
        return node, self._ptr(cell), value

    def _accessed(self, i: int, cpu: int, cell: int) -> None:
        """A walk sets A in an entry."""
        caches, s = self.machine.caches, self.states[i]
        for va, ptr in enumerate(self.program.vas):
            for place in caches.places(s.tlbs[cpu], s.memory, cpu, va):
                if caches.cells.get((place.handle, va), -1) != cell:
                    continue
                above = self.sources.upper(s, cpu, va, place)
                levels = self._levels(cpu, above, i) if above else []
                node, tag = self._node(), caches.tag(s.memory, cpu)
                self._take(node, cell, s.memory[cell], self._writers[i].get(cell))
                self._register(i, node, cpu, "pcid")
                if not levels:
                    self._register(i, node, cpu, "cr3")
                levels.append((node, self._ptr(cell), s.memory[cell]))
                assert isinstance(tag, int)
                self.walks.append(Walked("accessed", node, cpu, ptr, tag, tuple(levels), None))
                self._wrote(i, cell, node)
                self._does(i, node, "update")
                return
        raise InternalError(f"a story does not say by which walk A is set in {self._ptr(cell)}")

    def _faults(self, i: int, move: Move, event: Event, use: int) -> None:
        """An access faults: on what it reads now, on what a walk has read, or on a cached entry."""
        machine, cpu, s = self.machine, move.cpu, self.states[i]
        op = next(o for o in machine.ops[event.body] if o.event is event)
        va = machine.va_at[op.touches[0].addr(s.slots)]
        if move.reads:
            levels = self._loaded(i, event, va, use, forbidding=op.forbidding, end=move.reads[0][0])
        elif access.faulting(machine, s, cpu, op, va=va) is None:
            found = machine.caches.usable(s.tlbs[cpu], s.memory, cpu, va)
            item = next(bit for bit, item in found if item.flags & op.forbidding)
            self._walk(cpu, item, i, use, event=event.id)
            return
        else:
            levels = self._absent(i, cpu, va)
        tag = machine.caches.tag(s.memory, cpu)
        assert isinstance(tag, int)
        ptr = self.program.vas[va]
        self.walks.append(Walked("fault", use, cpu, ptr, tag, tuple(levels), None, event.id))

    def _loaded(self, i: int, event: Event, va: int, use: int, forbidding: int, end: int) -> list[Level]:
        """The levels of a walk whose last read, of the cell ``end``, is a load of its access."""
        above = self.sources.above_fault(i, event.cpu, va, forbidding, end)
        levels = self._levels(event.cpu, above, i, event) if above else []
        if not levels:
            self._register(i, use, event.cpu, "cr3")
        return [*levels, (use, self._ptr(end), self._load(i, use, event.cpu, end))]

    def _absent(self, i: int, cpu: int, va: int) -> list[Level]:
        """The levels of a walk that has met an entry which is not present."""
        caches = self.machine.caches
        now = caches.tag(self.states[i].memory, cpu)
        for at in range(i, -1, -1):
            s = self.states[at]
            if caches.tag(s.memory, cpu) != now:
                continue
            for place in caches.places(s.tlbs[cpu], s.memory, cpu, va):
                cell = caches.cells.get((place.handle, va), -1)
                values = caches.values(cell, s.memory, s.buffers[cpu]) if cell >= 0 else ()
                value = next((v for v in values if target(v) is None), None)
                if value is not None:
                    above = self.sources.upper(s, cpu, va, place)
                    levels = self._levels(cpu, above, at) if above else []
                    return [*levels, self._level(at, cpu, cell, value, first=not levels)]
        raise InternalError("a story does not say where an access has found no entry")

    # -- what the condition finds -------------------------------------------------------------------

    def _asked(self, index: int, at: int) -> None:
        """Why a ``tlb`` observable is 1 in front of move ``at``."""
        s, cpu = self.states[at], self.program.observables[index].cpu
        assert cpu is not None
        found = self.machine.cached(index, s.memory, s.tlbs)
        bits = [1 << n for n in range(found.bit_length()) if found >> n & 1]
        # Best is one that needs no walk.
        first = [(cpu, b) not in self.sources.initial or self.sources.since(cpu, b, at) > 0 for b in bits]
        item = bits[first.index(min(first))]
        node = self.uses[index] = self._node()
        self._walk(cpu, item, at, node, observable=index)
        self._before[at].append(node)

    def _moments(self) -> None:
        """The instants at which something is asked for; any one will do where no ``ever`` has held."""
        for k, here in self.machine.instants.items():
            at, seen = self._moment(k)
            node = self.snapshots[k] = self._node()
            for index in here:
                o = self.program.observables[index]
                if o.kind == "mem" and o.cell is not None:
                    cell = self.machine.cell_at[o.cell]
                    self._take(node, cell, self.states[at].memory[cell], self._writers[at].get(cell))
                elif o.kind == "tlb" and o.cpu is not None:
                    if o.pcid is None:
                        self._register(at, node, o.cpu, "pcid")
                    if seen.get(index):
                        self._asked(index, at)
            self._before[at].append(node)

    def _moment(self, k: int) -> tuple[int, dict[int, Value]]:
        """The first state in which an ``ever`` held about instant ``k``, and what it found there."""
        for index, value in self.observed.items():
            o = self.program.observables[index]
            if o.kind == "ever" and o.at == k and value and o.expr is not None:
                for at, s in enumerate(self.states):
                    for seen in self.machine.instant(s.memory, s.tlbs, k):
                        if truth(evaluate(o.expr, {}, seen)):
                            return at, seen
        return len(self.moves), {}
