"""An execution as one sequence of steps: a linear order that a reader can follow by hand.

Any linear extension of the model's global order is right.  We choose one that keeps a CPU running as
long as it can, lets stores reach memory at once unless the execution needs them late, and puts a
page walk as late as it may come.
"""

from __future__ import annotations

from verifier.budget import Budget
from verifier.errors import InternalError
from verifier.execution.arcs import linked
from verifier.execution.candidate import Removals
from verifier.execution.check import Checked
from verifier.execution.cycles import adjoined
from verifier.execution.run import Execution, Walk
from verifier.model.roles import bare, instant, invalidates
from verifier.program.events import Event
from verifier.program.leaves import first_leaf, mapping
from verifier.program.trace import Flush, Step, Trace, completed, standing
from verifier.program.values import (
    CLEAN,
    COMBINED,
    FAULT,
    GLOBAL,
    UNACCESSED,
    Ptr,
    Value,
    flags,
    make_entry,
    target,
)
from verifier.records import NamedTuple


class CachedEntry(NamedTuple):
    """A finished TLB entry. ``dirty``: where D would be set; ``large``: where it was read, if it is of a
    large page that has several addresses."""

    cpu: int
    tag: int
    va: Ptr
    content: Value
    dirty: Ptr | None
    large: Ptr | None


class Told(NamedTuple):
    """An execution that the check has found right, its story, and the turn that each instant has in it.

    ``initial``: the uses of entries of which the story says that they were in the TLB from the start.
    """

    checked: Checked
    trace: Trace
    turns: dict[int, int]
    initial: frozenset[int] = frozenset()


def tell(checked: Checked, budget: Budget | None = None) -> Told:
    """The story of an execution: its steps, and the state it ends in.

    Raises ``LimitError`` if the time is over, ``InternalError`` if the check has found the execution wrong,
    or if some step has no place in the order.
    """
    teller = _Teller(checked, budget or Budget())
    told = linked(checked, teller.tell())
    turns = {node: turn for turn, node in enumerate(teller.told)}
    return Told(checked, told, turns, frozenset(teller.initial))


class _Teller:
    def __init__(self, checked: Checked, budget: Budget) -> None:
        execution, self.budget = checked.execution, budget
        self.x = execution
        self.program = execution.program
        self.walks = _walk_reads(execution)
        self.updates = {w.levels[-1][0]: w for w in execution.walks if w.kind == "accessed"}
        self.events_of = {n: e for part in (execution.dirty, execution.fetches) for e, n in part.items()}
        self.faults = {n: e for e, n in execution.faults.items()}
        self.along = execution.between_functions()
        self.alone = execution.without_interrupt()
        self.tlb = _Tlb(execution)
        self.shown_issue: dict[int, int] = {}  # commit -> issue node
        self.behind: dict[int, int] = {}  # event that may leave its place -> the instant before it
        self.told: dict[int, None] = {}  # in order
        self.initial: set[int] = set()  # uses of entries that were there from the start
        self.cpu: dict[int, int] = {}
        self.after: dict[int, set[int]] = {}
        self.waiting: dict[int, int] = {}
        if checked.candidate is None or checked.wrong:
            raise InternalError("only an execution that the check has found right has a story")
        self._graph(set(execution.model.axioms[-1].relation(checked.candidate)))

    def _graph(self, pairs: set[tuple[int, int]]) -> None:
        x = self.x
        self.budget.check()
        for cpu, line in enumerate(x.order):
            self._line(cpu, line, pairs)
        for node, (walk, _) in self.walks.items():
            self.cpu[node] = walk.cpu
        for node, walk in self.updates.items():
            self.cpu[node] = walk.cpu
        for node, (_, cpu) in x.flushes.items():
            self.cpu[node] = cpu
        self.nodes = set(self.cpu) | set(x.snapshots.values()) | {n for p in pairs for n in p}
        for n in self.nodes:
            self.after[n] = set()
            self.waiting[n] = 0
        for a, b in pairs:
            if a != b and b not in self.after[a]:
                self.after[a].add(b)
                self.waiting[b] += 1
        self.issue_of = {i: c for c, i in self.shown_issue.items()}
        self._at_once()

    def _at_once(self) -> None:
        """Let stores reach memory where they are executed, as many as can; where it may be one CPU's or
        another's, the first CPU's wait. A store that a walk finds in the buffer stays there."""
        served = {r.write for r in self.x.reads if r.forwarded and r.read in self.walks}
        stores = {
            commit: issue
            for commit, issue in sorted(self.shown_issue.items(), key=lambda x: (-self.cpu[x[1]], x[0]))
            if self.x.buffered(commit) and commit not in self.x.faults and commit not in served
        }
        for _, b in adjoined(self.after, ((issue, commit) for commit, issue in stores.items()), self.budget):
            self.waiting[b] += 1

    def _line(self, cpu: int, line: list[int], pairs: set[tuple[int, int]]) -> None:
        """Program order on a CPU, between those of its events that keep it.

        An event that is executed in its place and takes effect later has two nodes: the first one is in the
        line. A bare ICR write may leave its place (MMR 8.1, 8.2).
        """
        x, events, previous = self.x, self.program.events, -1
        for event in line:
            self.cpu[event] = cpu
            at = event
            kept = not x.model.buffered or instant(events[event], x.model.switches)
            if x.buffered(event) or not kept:
                if bare(events[event]):
                    self.behind[event] = previous
                    continue
                at = x.issues.get(event, -1000 - event)
                self.shown_issue[event] = at
                self.cpu[at] = cpu
                pairs.add((at, event))
            for node in (x.dirty.get(event), x.faults.get(event), x.fetches.get(event)):
                if node is not None:
                    self.cpu[node] = cpu
            if event in x.faults and x.buffered(event):
                pairs.add((x.faults[event], event))
            for node in (*x.loads.get(event, ()), at):
                if previous != -1:
                    pairs.add((previous, node))
                previous = node

    def tell(self) -> Trace:
        """All steps, in order."""
        ready = {n for n in self.nodes if self.waiting[n] == 0}
        last: int | None = None
        steps: list[tuple[Walk | None, Step]] = []  # with the walk that a step is part of
        while ready:
            self.budget.tick()
            node = min(ready, key=lambda n: self._rank(n, last))
            ready.remove(node)
            for b in self.after[node]:
                self.waiting[b] -= 1
                if self.waiting[b] == 0:
                    ready.add(b)
            if node in self.cpu:
                last = self.cpu[node]
            if node in self.x.snapshots.values():
                steps += [(None, s) for s in self._cached(node)]
            walk = self.walks[node][0] if node in self.walks else None
            needless = walk is not None and self.tlb.known(node, walk)
            step = None if needless else self._step(node)
            self.tlb.pass_by(node)
            self.told[node] = None
            if step is not None:
                steps.append((walk, step._replace(node=node)))
        left = self.nodes - self.told.keys()
        if left:
            raise InternalError(f"a story has no place for {len(left)} of its {len(self.nodes)} steps")
        steps += [(None, s) for s in self._cached(None)]
        kept = _asked(_without_repeats(steps, self.tlb.needless))
        return Trace(completed(self.program, kept, self.x.slots), self.x.state())

    def _rank(self, node: int, last: int | None) -> tuple[int, int, int]:
        cpu = self.cpu.get(node, -1)
        if node in self.walks or node in self.updates or node in self.x.flushes:
            kind = 3
        elif self._ahead(node):
            kind = 5
        elif node in self.issue_of:
            # A store whose commit can follow at once is like any other step.
            kind = 4 if self.waiting[self.issue_of[node]] > 1 else 1
        elif node in self.shown_issue:
            kind = 0
        else:
            kind = 1 if node in self.cpu else 0
        return (kind + (kind == 1 and cpu != last), cpu, abs(node))

    def _ahead(self, node: int) -> bool:
        """Would this event be executed ahead of its place?"""
        front = self.behind.get(node, -1)
        return front != -1 and front not in self.told

    def _cached(self, snapshot: int | None) -> list[Step]:
        """Why the translations that a condition asks for, at an instant or at the end, can be used."""
        out: list[Step] = []
        for walk in self.x.walks:
            if walk.observable is None:
                continue
            at = self.program.observables[walk.observable].at
            if (None if at is None else self.x.snapshots[at]) == snapshot:
                note = standing(*self.tlb.history(walk))
                self._note_initial(walk)
                what = (self._tagged(walk), walk.content)
                step = Step("cached", walk.cpu, writes=(what,), note=note, rule="4.1", node=walk.use)
                out.append(step)
        return out

    def _name(self, cell: Ptr) -> str:
        return self.program.cells[cell].name

    def _reads(self, node: int) -> tuple[tuple[str, Value], ...]:
        return tuple((self._name(r.cell), r.value) for r in self.x.reads if r.read == node)

    def _writes(self, event: int) -> tuple[tuple[str, Value], ...]:
        out: list[tuple[str, Value]] = []
        e = self.program.events[event]
        for access in e.accesses:
            cell, value = self.x.cell(e, access), self.x.written(e, access)
            if cell is not None and value is not None:
                out.append((self._name(cell), value))
        return tuple(out)

    def _step(self, node: int) -> Step | None:
        x = self.x
        if node in self.walks:
            return self._fill(node, *self.walks[node])
        if node in self.updates or node in self.events_of or node in x.flushes:
            return self._processor(node)
        if node in self.faults:
            event = self.program.events[self.faults[node]]
            return Step("fault", event.cpu, event, note="the store buffer is drained", rule="6.3")
        if node in x.snapshots.values():
            return Step("snapshot", None, reads=self._reads(node), note="the instant asked for")
        if node in self.issue_of:
            event = self.program.events[self.issue_of[node]]
            if event.id in x.faults:
                return self._faulting(node, event)
            if not x.buffered(event.id) or not self._writes(event.id):
                return Step("exec", event.cpu, event)
            return Step(
                "exec",
                event.cpu,
                event=event,
                reads=(),
                writes=self._writes(event.id),
                note=self._translated(event.id),
                rule="1.2",
            )
        if node in self.shown_issue:
            event = self.program.events[node]
            if node in x.faults or not x.buffered(node) or not self._writes(node):
                return None  # nobody sees what it waits for, or nothing is stored
            return Step("commit", event.cpu, event=event, reads=(), writes=self._writes(node), rule="1.1")
        if 0 <= node < len(self.program.events):
            event = self.program.events[node]
            if node in x.faults:
                return self._faulting(node, event)
            if self._ahead(node):
                return Step("exec", event.cpu, event, note="executed early", rule="8.2")
            if node in self.along:
                return Step("exec", event.cpu, event, note="the interrupt continues", rule="8.10")
            if node in self.alone:
                return Step("exec", event.cpu, event, note="without an interrupt", rule="8.12")
            note = self._translated(node)
            reads = self._reads(x.fetches.get(node, node))
            if event.op == "T" and event.accesses[0].slot is not None:
                value = x.slots[event.accesses[0].slot]
                reads = (("translation", value),) if value != FAULT else reads
            return Step(
                "exec",
                event.cpu,
                event=event,
                reads=reads,
                writes=self._writes(node),
                note=note,
                rule="4.1" if note else "",
            )
        return None

    def _faulting(self, node: int, event: Event) -> Step:
        walk = self.x.walk_of(event.id)
        stale = walk is not None and walk.kind != "fault"
        note = "faults because of a cached entry" if stale else "faults"
        return Step("exec", event.cpu, event, self._reads(node), note=note, rule="6.2" if stale else "6.3")

    def _translated(self, event: int) -> str:
        walk = self.x.walk_of(event)
        if walk is None:
            return ""
        how = "an entry of the initial TLB" if self._note_initial(walk) else "a cached entry"
        return f"translated to {target(walk.content)} by {how}"

    def _note_initial(self, walk: Walk) -> bool:
        """Was the entry that is used in the TLB from the start? It is kept for what matters in the run."""
        found = self.tlb.initial(walk)
        self.initial |= {walk.use} if found else set()
        return found

    def _fill(self, node: int, walk: Walk, last: bool) -> Step:
        """A read of a page walk: of an upper entry, or of the one that ends it."""
        cell, content = next((c, v) for n, c, v in walk.levels if n == node)
        forwarded = any(r.forwarded for r in self.x.reads if r.read == node and r.cell == cell)
        return Step(
            "fill" if last else "walk",
            walk.cpu,
            event=None if walk.event is None else self.program.events[walk.event],
            reads=((self._name(cell), content),),
            writes=((self._tagged(walk), walk.content if last else content),),
            note="read from the CPU's own store buffer" if forwarded else "",
            rule="3.5" if forwarded else "3.3" if last else "3.4",
        )

    def _tagged(self, walk: Walk) -> str:
        """An address, with its PCID where the test has any."""
        tagged = Ptr(f"{walk.cpu}:pcid") in self.program.cells
        return f"{walk.va}@{walk.tag}" if tagged else str(walk.va)

    def _processor(self, node: int) -> Step:
        """What a processor does by itself."""
        x = self.x
        writes = tuple((self._name(c), v) for (n, c), v in x.written_at().items() if n == node)
        if node in self.updates:
            return Step(
                "update",
                self.updates[node].cpu,
                event=None,
                reads=(),
                writes=writes,
                note="sets A",
                rule="7.2",
            )
        if node in x.flushes:
            number, cpu = x.flushes[node]
            sender = self.program.events[number]
            note = f"the INVLPGB of CPU {sender.cpu} takes effect here"
            return Step("flush", cpu, sender, note=note, rule="11.3")
        event = self.program.events[self.events_of[node]]
        if writes:
            aged = node not in x.unaged and any(
                flags(r.value) & UNACCESSED for r in x.reads if r.read == node
            )
            note = "sets A and D" if aged else "sets D"
            return Step("update", event.cpu, event=event, reads=(), writes=writes, note=note, rule="7.3")
        return Step("fetch", event.cpu, event, self._reads(node), note="before it is executed", rule="10.1")


def _walk_reads(x: Execution) -> dict[int, tuple[Walk, bool]]:
    """The reads of page walks that are steps of their own: node -> (walk, is it the walk's last read?)."""
    own = {n for line in x.lines() for n in line} - {n for loads in x.loads.values() for n in loads}
    return {
        n: (w, k == len(w.levels) - 1)
        for w in x.walks
        for k, (n, _, _) in enumerate(w.levels)
        if n not in own and not (w.kind == "accessed" and k == len(w.levels) - 1)
    }


class _Tlb:
    """The finished entries that a reader knows of: those of the initial TLB, and those that were filled.

    Each use has a walk of its own in the model. A reader expects one fill to serve all uses until an
    invalidation covers it. Entries that were there from the start need no fill.
    """

    def __init__(self, x: Execution) -> None:
        self.x, self.removals = x, Removals(x)
        self.since: dict[CachedEntry, str] = {}
        self.left: dict[CachedEntry, list[str]] = {}  # why flushes since then have left it
        self.needless: set[int] = set()  # uses whose walk nobody needs to know
        own = {n for line in x.lines() for n in line}
        # By its last read: a walk of an access, made at its instant. Others may use what it has filled.
        made = [w for w in x.walks if w.kind == "use" and w.levels]
        self.walked = {w.levels[-1][0]: w for w in reversed(made) if w.levels[-1][0] in own}
        self.issued = {issue: event for event, issue in x.issues.items()}
        for cpu, pcid, va, content in x.program.tlb:
            self._add(self._entry(cpu, pcid, va, content=content, leaf=None), _START)

    def _entry(self, cpu: int, tag: int, va: Ptr, content: Value, leaf: Ptr | None) -> CachedEntry:
        """``leaf``: where it was read. That matters if D has to be set there, and for its page's size."""
        program, size = self.x.program, leaf
        kept = make_entry(target(content) or 0, flags(content) & (COMBINED | GLOBAL | CLEAN))
        if leaf is None:
            leaf, size = first_leaf(program, cpu, va), mapping(program, cpu, va, content)
        large = size if size is not None and size in self.removals.addresses else None
        return CachedEntry(cpu, tag, va, kept, leaf if flags(kept) & CLEAN else None, large)

    def _of(self, walk: Walk) -> CachedEntry:
        leaf = walk.levels[-1][1] if walk.levels else None
        return self._entry(walk.cpu, walk.tag, walk.va, content=walk.content, leaf=leaf)

    def _add(self, entry: CachedEntry, since: str) -> None:
        self.since[entry], self.left[entry] = since, []

    def known(self, node: int, walk: Walk) -> bool:
        """Is this the last read of a walk for an entry that is there already? A new entry is added."""
        if walk.kind != "use" or walk.levels[-1][0] != node:
            return False
        entry = self._of(walk)
        if entry in self.since:
            self.needless.add(walk.use)
            return True
        cell = self.x.program.cells[walk.levels[-1][1]].name
        self._add(entry, f"filled above from {cell}")
        return False

    def pass_by(self, node: int) -> None:
        """A step is done: the entries that it removes are gone, and the entry that it walks for is there."""
        events = self.x.program.events
        if node in self.walked:
            walk, event = self.walked[node], events[self.issued.get(node, node)]
            if self._of(walk) not in self.since:
                self._add(self._of(walk), f"filled by {_text(event)}")
        if 0 <= node < len(events) and self.removals.nothing(events[node]):
            self._leave(events[node].cpu, Flush(_text(events[node]), nothing=True))
        if node not in self.removals.invalidations:
            return
        kind, cpu, va, pcid = self.removals.invalidations[node]
        removes = self.removals.removes
        gone = [e for e in self.since if e.cpu == cpu and removes(node, e.va, e.tag, e.content, leaf=e.large)]
        for entry in gone:
            del self.since[entry]
        text = "the page fault"
        if kind != "fault":
            text = _text(events[self.x.flushes[node][0] if node in self.x.flushes else node])
        self._leave(cpu, Flush(text, va, pcid))

    def _leave(self, cpu: int, flush: Flush) -> None:
        for entry in self.since:
            if entry.cpu == cpu:
                self.left[entry].append(flush.leaves(entry.va, entry.tag, entry.content))

    def initial(self, walk: Walk) -> bool:
        """Has the entry that this walk stands for been there from the start?"""
        return walk.kind == "initial" or self.since.get(self._of(walk)) == _START

    def history(self, walk: Walk) -> tuple[str, list[str]]:
        """Since when the entry of a walk has been there, and why flushes have left it."""
        entry = self._of(walk)
        if entry not in self.since:
            raise InternalError(f"a story does not say where {walk.va} -> {walk.content} comes from")
        return self.since[entry], self.left[entry]


_START = "from the start"


def _text(event: Event) -> str:
    return " ".join(event.text.split())


def _without_repeats(steps: list[tuple[Walk | None, Step]], needless: set[int]) -> list[Step]:
    """Leave out the reads of needless walks, and reads of upper entries that were read before."""
    cached: set[tuple[str, int | None, tuple[tuple[str, Value], ...]]] = set()
    kept: list[Step] = []
    for walk, step in steps:
        if walk is not None and walk.kind == "use" and walk.use in needless:
            continue
        if step.kind == "walk" or (step.kind == "fill" and walk is not None and walk.kind != "use"):
            if (step.kind, step.cpu, step.writes) in cached:
                continue
            cached.add((step.kind, step.cpu, step.writes))
        elif step.kind in ("fault", "flush") or (
            step.event is not None and step.kind == "exec" and invalidates(step.event, broadcast=False)
        ):
            cached = {c for c in cached if c[1] != step.cpu}
        kept.append(step)
    return kept


def _asked(kept: list[Step]) -> list[Step]:
    """Say which fills no access asked for."""
    out: list[Step] = []
    for i, step in enumerate(kept):
        if step.kind == "fill":
            following = next((s for s in kept[i + 1 :] if s.cpu == step.cpu and s.kind == "exec"), None)
            asked = following is not None and following.event is step.event and step.event is not None
            note = "for the access that follows" if asked else "no access asks for it"
            step = step._replace(note=f"{step.note}; {note}" if step.note else note)
        out.append(step)
    return out
