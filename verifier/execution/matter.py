"""What matters in a run: the step that overtook another one, the stale translation, or the reads that decide.

*reordered*     No sequentially consistent run has the outcome. The shortest cycle of the model sc over the
                run has pairs that x86-TSO does not keep in order; of these, the run turns some around.
*stale*         The run is sequentially consistent. If each page walk took place at the use that it serves,
                there would be a cycle: a use rests on what was read before it changed. Copies of instructions
                likewise. A store is one instant with its use if the run can do it at once: otherwise its
                wait in the buffer would hide that it went through an old entry. No entry gets old because
                a processor sets A or D: an access needs the page and the rights.
*interleaving*  The rest: a set of decisions that forces the outcome, none of which can be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from verifier.budget import Budget
from verifier.execution import Execution, Walk, sequential
from verifier.execution.candidate import INIT, Removals
from verifier.execution.cycles import Pair, contracted, cyclic, shortest
from verifier.execution.decisions import Decision, by_stores_alone, decisions
from verifier.execution.origins import Origin, origin
from verifier.execution.storyline import Told
from verifier.model import fetch as fetching
from verifier.model import model as model_of
from verifier.model import translation
from verifier.program.events import Event
from verifier.program.profiles import KERNELS
from verifier.program.trace import Matter
from verifier.program.values import CLEAN, FAULT, Ptr, flags
from verifier.program.waits import folded
from verifier.program.whereabouts import Said, Whereabouts, joined, line_of
from verifier.records import NamedTuple
from verifier.source import Span

WIDTH = 56  # characters of a statement; the rest is cut off
CLAUSES = 4  # decisions that are told one by one

Parts = Said
Forces = Callable[[Sequence[Decision]], list[Decision] | None]


class _Old(NamedTuple):
    """What is used at the instant ``use`` and was read earlier, by a walk, or without one by a fetch.

    ``read``   the instant of that read, of ``cell``; ``INIT``: it is an entry of the initial TLB;
    ``write``  the write that it found; None: the initial state.
    """

    use: int
    read: int
    cell: Ptr
    write: int | None
    walk: Walk | None


def matter(told: Told, forces: Forces, budget: Budget) -> Matter:
    """What matters in a run that ends; ``forces``: the part of some decisions with which every run has its
    outcome, None if some run does not.

    Raises ``LimitError`` if the time is over.
    """
    return _Finder(told, forces, budget).matter()


class _Finder:
    def __init__(self, told: Told, forces: Forces, budget: Budget) -> None:
        self.told, self.forces, self.budget = told, forces, budget
        self.x = told.checked.execution
        self.program = self.x.program
        self.events = self.program.events
        self.steps: dict[int, int] = {}  # node -> the step that it is
        for number, step in enumerate(told.trace.steps):
            if step.node is not None:
                self.steps.setdefault(step.node, number)
        self.event_of = {n: self.events[e] for e, n in self.x.issues.items()}
        for owned in (self.x.faults, self.x.dirty, self.x.fetches):
            self.event_of |= {n: self.events[e] for e, n in owned.items()}
        self.walk_of = {n: w for w in self.x.walks for n, _, _ in w.levels}
        self.updates = {n for n, _ in self.x.updates()}  # of A and D
        self.whereabouts = Whereabouts(self.program)

    def matter(self) -> Matter:
        """The first of the three kinds that fits."""
        order = set(sequential(self.told.checked))
        cycle = shortest(order, self.budget)
        return self._reordered(cycle) if cycle else self._stale(order) or self._interleaving()

    # -- places -------------------------------------------------------------------------------------

    def _event(self, node: int) -> Event | None:
        """The event of the program that a node is a part of."""
        return self.events[node] if 0 <= node < len(self.events) else self.event_of.get(node)

    def _marks(self, nodes: Iterable[int]) -> tuple[int, ...]:
        """The steps of some nodes; a buffered store has two."""
        found = set()
        for node in nodes:
            found |= {self.steps[n] for n in (node, self.x.issues.get(node)) if n in self.steps}
            pseudo = -1000 - node
            if pseudo in self.steps:
                found.add(self.steps[pseudo])
        return tuple(sorted(found))

    def _at(self, event: Event, others: Iterable[Event] | None = None) -> Parts:
        """The line of an event, told apart from ``others`` in it, by default all that are alike."""
        others = self.whereabouts.alike(event) if others is None else others
        return self.whereabouts.place(event, self.x.executed, others)

    # -- reordered ----------------------------------------------------------------------------------

    def _reordered(self, cycle: list[int]) -> Matter:
        turns = self.told.turns
        pairs = list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        turned = [(a, b) for a, b in pairs if turns.get(b, 0) < turns.get(a, 0)]
        parts: Parts = []
        for early, late in turned:
            parts += ["; "] if parts else []
            parts += [f"CPU {self._cpu(late)}: ", *self._named(late), " takes effect before "]
            parts += self._named(early)
        return Matter("reordered", tuple(parts), self._marks(cycle))

    def _cpu(self, node: int) -> int:
        event = self._event(node)
        return event.cpu if event is not None else self.walk_of[node].cpu

    def _named(self, node: int) -> Parts:
        """``line 24 `r1 = READ_ONCE(y)```."""
        event = self._event(node)
        if event is None:
            walk = self.walk_of[node]
            return [f"a page walk for {walk.va}"]
        text = f" `{folded(event.text, WIDTH)}`" if event.text else ""
        where, *which = self._at(event, ())
        return [where, text, *which]

    # -- stale --------------------------------------------------------------------------------------

    def _stale(self, sequence: set[Pair]) -> Matter | None:
        """What is used although it is old; ``sequence``: the order that the model sc asks for."""
        x = self.x
        for walk in x.walks:
            if walk.kind == "initial" and self._origin(walk) is None:
                said = ", which was in its TLB from the start, although no table had it"
                return Matter("stale", (*self._use(walk), said), self._marks([walk.use]))
        whole = self._whole(sequence)
        kept, olds = contracted(self._at_use(), whole), list(self._olds())
        for some in (self._asked(olds), olds):
            order: dict[Pair, _Old | None] = dict.fromkeys(kept)
            for old in some:
                before, after = self._around_use(old)
                use = whole.get(old.use, old.use)
                order |= {(writer, use): None for writer in before if writer != use}
                for writer in after:
                    if writer != use:
                        order.setdefault((use, writer), old)
            cycle = shortest(order, self.budget) if some else []
            if cycle:
                break
        else:
            return self._foreign()
        parts: Parts = []
        marks = set(self._marks(cycle))
        for use, writer in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            known = order[use, writer]
            if known is not None:
                parts += ["; "] if parts else []
                parts += self._old(known, writer)
                marks |= self._filled(known)
        return Matter("stale", tuple(parts), tuple(sorted(marks)))

    def _asked(self, olds: Sequence[_Old]) -> list[_Old]:
        """What is used up to the last instant that the condition asks for; nothing if it asks for none. What
        is used later may be old, too, but is not what the condition is about."""
        turns = self.told.turns
        last = max((turns[n] for n in self.x.snapshots.values()), default=-1)
        return [old for old in olds if turns.get(old.use, len(turns)) <= last]

    def _foreign(self) -> Matter | None:
        """A use of an entry that was left in the TLB by a space that is not in CR3."""
        for walk in self.x.walks:
            found = self._origin(walk) if walk.kind == "initial" and walk.event is not None else None
            if found is not None and found.foreign:
                root, loaded = (self.program.naming.of(None, v) for v in (found.root, found.loaded or 0))
                said = f", which was in its TLB from the start: an entry of {root}, not of {loaded}"
                return Matter("stale", (*self._use(walk), said), self._marks([walk.use]))
        return None

    def _origin(self, walk: Walk) -> Origin | None:
        return origin(self.x, self.told.turns, walk)

    def _at_use(self) -> set[Pair]:
        """The order of a machine whose walks and fetches take place where they are used, without what these
        find."""
        x = self.x
        sc = model_of(x.model.switches, "sc").axioms[-1]
        apart = (translation.__name__, fetching.__name__)
        rules = tuple(rule for rule in sc.rules if rule.equation.__module__ not in apart)
        made = self.told.checked.candidate
        assert made is not None
        own = {n for line in x.lines() for n in line} | {n for n, _ in x.written_at()}
        floating = {n for w in x.walks for n, _, _ in w.levels if n not in own} | set(x.fetches.values())
        out = {(a, b) for a, b in sc._replace(rules=rules).relation(made) if not {a, b} & {INIT, *floating}}
        for walk in x.walks:
            if walk.observable is not None and self._instant(walk) == walk.use:  # at the end
                out |= {(w, walk.use) for order in x.co.values() for w in order}
        return out

    def _whole(self, sequence: set[Pair]) -> dict[int, int]:
        """Issue -> commit of the translated stores that this run can do at once, without a store buffer.
        Those that the story shows to wait while their entry changes stay apart."""
        x = self.x
        served = {w.use for w in x.walks} - waiting(x, self.told.turns)
        whole: dict[int, int] = {}
        for event, issue in x.issues.items():
            if issue in served and event not in x.faults:
                self.budget.check()
                order = contracted(sequence, {issue: event})
                if not cyclic(order):
                    sequence, whole[issue] = order, event
        return whole

    def _instant(self, walk: Walk) -> int:
        """The instant at which what a walk has read is used."""
        if walk.observable is not None:
            at = self.program.observables[walk.observable].at
            return walk.use if at is None else self.x.snapshots[at]
        return walk.levels[-1][0] if walk.kind == "accessed" else walk.use

    def _olds(self) -> Iterator[_Old]:
        """What is used, and was read earlier."""
        x = self.x
        for walk in x.walks:
            use = self._instant(walk)
            found = self._origin(walk) if walk.kind == "initial" else None
            for cell in found.cells if found is not None else ():
                yield _Old(use, INIT, cell, None, walk)
            for node, entry, _ in walk.levels:
                for r in x.reads:
                    if r.read == node != use and self._walked(r.cell, entry):
                        yield _Old(use, node, r.cell, r.write, walk)
        for event, node in x.fetches.items():
            for r in x.reads:
                if r.read == node:
                    yield _Old(event, node, r.cell, r.write, None)

    def _walked(self, cell: Ptr, entry: Ptr) -> bool:
        """Does a walk read a cell where it reads an entry? It reads registers, too."""
        return cell == entry or self.program.cells[cell].kind == "register"

    def _around_use(self, old: _Old) -> tuple[list[int], list[int]]:
        """The write that a use finds, and the later ones, which change it. If the cell has the same value
        again before the use, it is as if that had been read."""
        x, turns = self.x, self.told.turns
        order, written = x.co.get(old.cell, []), x.written_at()
        first = order.index(old.write) + 1 if old.write is not None else 0
        value = written[old.write, old.cell] if old.write is not None else self.program.cells[old.cell].init
        for n, writer in enumerate(order):
            same = n >= first and written[writer, old.cell] == value
            if same and turns[writer] < turns.get(old.use, len(turns)):
                first = n + 1
        left = set() if self._sees_flags(old.walk) else self.updates
        before, after = ([n for n in part if n not in left] for part in (order[:first], order[first:]))
        return before[-1:], after

    def _sees_flags(self, walk: Walk | None) -> bool:
        """Does who uses an entry see whether D was set in it? An access does not: a write sets D again."""
        if walk is None or walk.observable is None:
            return False
        return bool(flags(self.program.observables[walk.observable].page or 0) & CLEAN)

    def _old(self, old: _Old, writer: int) -> Parts:
        """A use of something that was read before it changed."""
        walk = old.walk
        if walk is None:
            event = self.events[old.use]
            said: Parts = [f"CPU {event.cpu} executes in ", *self._at(event), " what it fetched before "]
            return [*said, *self._changed(old, writer, event.cpu)]
        how: Parts = [", which was in its TLB from the start, before "]
        if walk.kind == "fault":
            how = [" on an entry that it read before "]
        elif old.read != INIT and walk.use not in self.told.initial:
            flush = self._flushed(walk, old.read)
            how = [", which it walked "]
            how += ["after the flush in ", flush, ", before "] if flush is not None else ["before "]
        return [*self._use(walk), *how, *self._changed(old, writer, walk.cpu)]

    def _use(self, walk: Walk) -> Parts:
        """Who uses which translation, and where."""
        what = f"{self._tagged(walk)} -> {self.program.naming.of(None, walk.content)}"
        if walk.observable is not None:
            at = self.program.observables[walk.observable].at
            when = "at the end" if at is None else "at the instant asked for"
            return [f"{when} CPU {walk.cpu} can still use {what}"]
        if walk.event is None:
            return [f"CPU {walk.cpu} sets A by a walk for {walk.va}"]
        event = self.events[walk.event]
        if walk.kind == "fault":
            return [f"CPU {walk.cpu} faults in ", *self._using(event)]
        return [f"CPU {walk.cpu} uses {what} in ", *self._using(event)]

    def _using(self, event: Event) -> Parts:
        """The line of a translated access."""
        return self._at(event, (e for e in self.program.bodies[event.body].events if e.virtual))

    def _tagged(self, walk: Walk) -> str:
        tagged = Ptr(f"{walk.cpu}:pcid") in self.program.cells
        return f"{walk.va}@{walk.tag}" if tagged else str(walk.va)

    def _changed(self, old: _Old, writer: int, reader: int) -> Parts:
        """Who changed what a CPU had read."""
        changed = f"changed {self.program.cells[old.cell].name}"
        event = self._event(writer)
        if event is None or writer in self.x.dirty.values():
            return [f"the processor of CPU {self._cpu(writer)} {changed}"]
        if event.cpu == reader:
            return ["its ", *self._at(event), f" {changed}"]
        return [*self._at(event), f" of CPU {event.cpu} {changed}"]

    def _flushed(self, walk: Walk, read: int) -> Span | None:
        """The last invalidation in front of a walk that would have removed an older entry."""
        removals = Removals(self.x)
        turns = self.told.turns
        mine = [
            n
            for n, (_, cpu, _, _) in removals.invalidations.items()
            if cpu == walk.cpu and n in turns and turns[n] < turns.get(read, 0)
            if n not in self.x.faults.values() and removals.removes_of(n, walk)
        ]
        if not mine:
            return None
        node = max(mine, key=turns.__getitem__)
        number = self.x.flushes[node][0] if node in self.x.flushes else node
        return self.events[number].span

    def _filled(self, old: _Old) -> set[int]:
        """The step that reads what is used. A story tells one fill for all uses of an entry."""
        walk = old.walk
        if old.read in self.steps:
            return {self.steps[old.read]}
        if walk is None or old.read == INIT or walk.use in self.told.initial:
            return set()
        last = self.steps.get(walk.use, len(self.told.trace.steps))
        what = ((self._tagged(walk), walk.content),)
        steps = enumerate(self.told.trace.steps[:last])
        fills = [n for n, s in steps if s.kind == "fill" and s.cpu == walk.cpu and s.writes == what]
        return set(fills[-1:])

    # -- interleaving -------------------------------------------------------------------------------

    def _interleaving(self) -> Matter:
        mine = self._least(decisions(self.x))
        if mine is None:
            return Matter("interleaving", ("it needs only that the CPUs take turns as they do here",))
        if not mine:
            kept = "" if self.x.program.filter is None else ", and that the filter lets through,"
            return Matter("interleaving", (f"every run that ends{kept} gets here",))
        parts: Parts = ["it needs only that ", *joined(self._clauses(mine))]
        marks = self._marks(n for d in mine for n in self._nodes(d))
        return Matter("interleaving", tuple(parts), marks)

    def _clauses(self, mine: list[Decision]) -> list[list[Parts]]:
        """Decisions as clauses. Reads of one CPU are told as one: CPU 1 reads 0 in line 7 and 1 in line 8."""
        several = self._several()
        groups: list[list[Parts]] = []
        reader = ""
        for d in mine[: CLAUSES if len(mine) > CLAUSES + 1 else None]:
            clause = self._decided(d, several)
            if reader and clause[0] == reader:
                groups[-1].append(clause[1:])
            else:
                groups.append([clause])
            reader = str(clause[0]) if d.kind == "read" and len(clause) > 3 else ""
        if len(mine) > CLAUSES + 1:
            groups.append([[f"{len(mine) - CLAUSES} more things are as they are here"]])
        return groups

    def _nodes(self, d: Decision) -> list[int]:
        """The instants of a decision."""
        if d.event is not None:
            nodes = [self.x.dirty.get(d.event.id), self.x.fetches.get(d.event.id), d.event.id]
            return [n for n in nodes if n is not None]
        if d.kind != "found":
            return []
        o = self.program.observables[d.at]
        if o.kind == "ever" and o.at is not None:
            return [self.x.snapshots[o.at], *self._around(o.at)[0], *self._around(o.at)[1]]
        return [w.use for w in self.x.walks if w.observable == d.at]

    def _around(self, snapshot: int) -> tuple[list[int], list[int]]:
        """The writes whose values an instant finds, and those that come after it at the same cells."""
        node = self.x.snapshots[snapshot]
        mine = [r for r in self.x.reads if r.read == node]
        before = [r.write for r in mine if r.write is not None]
        orders = [(self.x.co.get(r.cell, []), r.write) for r in mine]
        after = [co[0 if w is None else co.index(w) + 1 :][:1] for co, w in orders]
        return before, [w for first in after for w in first]

    def _least(self, choices: list[Decision]) -> list[Decision] | None:
        """A part of a run's decisions that forces its outcome, and from which none can be left out. Reads
        alone are preferred. None: the solver has given up."""
        found = self.forces([d for d in choices if d.kind == "read"])
        if found is None:
            found = self.forces(choices)
        for d in reversed(found or []):
            self.budget.check()
            if found is not None and d in found:
                less = self.forces([other for other in found if other is not d])
                found = found if less is None else less
        return found

    def _several(self) -> set[tuple[int, str, int]]:
        """Lines of a CPU that read several values."""
        seen: set[tuple[int, str, int]] = set()
        out: set[tuple[int, str, int]] = set()
        for event in self.events:
            place = line_of(event)
            for access in event.accesses:
                if access.slot is not None and event.id in self.x.executed:
                    (out if place in seen else seen).add(place)
        return out

    def _decided(self, d: Decision, several: set[tuple[int, str, int]]) -> Parts:
        """A decision as a clause."""
        program, event = self.program, d.event
        if d.kind == "kernel":
            assert isinstance(d.value, int)
            return [f"the kernel is {KERNELS[d.value]}"]
        if d.kind == "found":
            return self._condition(d)
        cell = program.cells[d.cell].name if d.cell in program.cells else "memory"
        if event is None:
            return [f"nobody writes {cell}"]
        if d.kind == "strikes" and event.op == "SEND":
            one = "comes with another one" if d.value == 0 else "comes by itself"
            return ["the interrupt of ", *self._at(event, self._sends(event)), f" {one}"]
        if d.kind == "strikes":
            return [f"{'an' if d.value else 'no'} NMI strikes CPU {event.cpu}"]
        if d.kind == "last":
            return [*self._at(event), f" of CPU {event.cpu} writes {cell} last"]
        value = program.naming.of(d.cell, d.value)
        if d.value == FAULT:
            return [f"CPU {event.cpu} faults in ", *self._using(event)]
        if event.op == "T":
            return [f"CPU {event.cpu} finds the page {value} in ", *self._using(event)]
        if event.span is None:
            return [f"CPU {event.cpu} reads {cell} = {value}"]
        if d.cell in program.naming.interrupts:
            return [
                f"CPU {event.cpu} has interrupts {value} in ",
                *self._at(event, self._readers(event, d.cell)),
            ]
        what = f"{cell} = {value}" if line_of(event) in several else value
        return [f"CPU {event.cpu} reads ", what, " in ", *self._at(event, self._readers(event, d.cell))]

    def _sends(self, event: Event) -> list[Event]:
        return [e for e in self.program.bodies[event.body].events if e.op == "SEND"]

    def _readers(self, event: Event, cell: Ptr | None) -> Iterator[Event]:
        """What reads a cell in this run, in the body of an event."""
        for e in self.program.bodies[event.body].events:
            if e.id in self.x.executed and any(
                a.slot is not None and self.x.cell(e, a) == cell for a in e.accesses
            ):
                yield e

    def _condition(self, d: Decision) -> Parts:
        o = self.program.observables[d.at]
        if o.kind == "ever" and o.at is not None:
            if not d.value:
                return ["the instant asked for does not come"]
            if not by_stores_alone(self.program, o):
                return ["some instant is as asked for"]
            before, after = (list(filter(None, map(self._event, ns))) for ns in self._around(o.at))
            parts: Parts = ["the instant asked for comes"]
            for word, events in ((" after ", before), (" and before " if before else " before ", after)):
                for n, event in enumerate(dict.fromkeys(events)):
                    parts += [" and " if n else word, *self._at(event), f" of CPU {event.cpu}"]
            return parts
        if o.kind == "tlb":
            can = "can" if d.value else "cannot"
            when = "at the end" if o.at is None else "at the instant asked for"
            return [f"CPU {o.cpu} {can} use {o.va} -> {self.program.naming.of(None, o.page or 0)} {when}"]
        return [f"{o.label} is {self.program.naming.observed(d.at, d.value)} in the end"]


def waiting(x: Execution, turns: Mapping[int, int]) -> set[int]:
    """Issues of stores that wait in a store buffer while an entry through which they went changes."""
    out: set[int] = set()
    commits = {issue: event for event, issue in x.issues.items() if event not in x.faults}
    for walk in x.walks:
        if walk.use in commits:
            begin, end = turns[walk.use], turns[commits[walk.use]]
            writers = (n for _, cell, _ in walk.levels for n in x.co.get(cell, ()))
            if any(begin < turns[n] < end for n in writers):
                out.add(walk.use)
    return out
