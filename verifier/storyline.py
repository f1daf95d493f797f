"""An execution as one sequence of steps: a linear order that a reader can follow by hand.

Any linear extension of the model's global order is right.  The one chosen keeps a CPU running as
long as it can, lets stores reach memory at once unless the execution needs them late, and puts a
page walk as late as it may come.
"""

from __future__ import annotations

from verifier.budget import Budget
from verifier.execution import Execution, Walk
from verifier.execution.candidate import candidate
from verifier.model.roles import invalidation, queued
from verifier.program.events import Event
from verifier.program.trace import Step, Trace
from verifier.program.values import FAULT, Ptr, Value, target


def trace(execution: Execution, budget: Budget | None = None) -> Trace:
    """The steps of an execution that has been checked, and the state it ends in.

    Raises ``LimitError`` if the time is over.
    """
    return _Teller(execution, budget or Budget()).tell()


class _Teller:
    def __init__(self, execution: Execution, budget: Budget) -> None:
        self.x, self.budget = execution, budget
        self.program = execution.program
        self.walks = _walk_reads(execution)
        self.updates = {w.levels[-1][0]: w for w in execution.walks if w.kind == "accessed"}
        self.events_of = {n: e for part in (execution.dirty, execution.fetches) for e, n in part.items()}
        self.faults = {n: e for e, n in execution.faults.items()}
        self.shown_issue: dict[int, int] = {}  # commit -> issue node
        self.cpu: dict[int, int] = {}
        self.after: dict[int, set[int]] = {}
        self.waiting: dict[int, int] = {}
        self._graph()

    def _graph(self) -> None:
        x = self.x
        pairs = set(x.model.axioms[-1].relation(candidate(x)))
        self.budget.check()
        fresh = -1000
        for cpu, line in enumerate(x.order):
            previous: int | None = None
            for event in line:
                self.cpu[event] = cpu
                instant = event
                if x.buffered(event) or (x.model.buffered and queued(self.program.events[event])):
                    instant = x.issues.get(event, fresh)
                    fresh -= 1
                    self.shown_issue[event] = instant
                    self.cpu[instant] = cpu
                    pairs.add((instant, event))
                for node in (x.dirty.get(event), x.faults.get(event), x.fetches.get(event)):
                    if node is not None:
                        self.cpu[node] = cpu
                if event in x.faults and x.buffered(event):
                    pairs.add((x.faults[event], event))
                if previous is not None:
                    pairs.add((previous, instant))
                previous = instant
        for node, (walk, _) in self.walks.items():
            self.cpu[node] = walk.cpu
        for node, walk in self.updates.items():
            self.cpu[node] = walk.cpu
        for node, (_, cpu) in x.flushes.items():
            self.cpu[node] = cpu
        nodes = set(self.cpu) | set(x.snapshots.values()) | {n for p in pairs for n in p}
        self.nodes = nodes
        for n in nodes:
            self.after[n] = set()
            self.waiting[n] = 0
        for a, b in pairs:
            if a != b and b not in self.after[a]:
                self.after[a].add(b)
                self.waiting[b] += 1
        self.issue_of = {i: c for c, i in self.shown_issue.items()}

    def tell(self) -> Trace:
        ready = {n for n in self.nodes if self.waiting[n] == 0}
        last: int | None = None
        steps: list[Step] = []
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
            step = self._step(node)
            if step is not None:
                steps.append(step)
        return Trace(tuple(_without_refills(steps)), self.x.state())

    def _rank(self, node: int, last: int | None) -> tuple[int, int, int]:
        cpu = self.cpu.get(node, -1)
        if node in self.walks or node in self.updates or node in self.x.flushes:
            kind = 3
        elif node in self.issue_of:
            # A store whose commit can follow at once is like any other step.
            kind = 4 if self.waiting[self.issue_of[node]] > 1 else 1
        elif node in self.shown_issue:
            kind = 0
        else:
            kind = 1 if node in self.cpu else 0
        return (kind + (kind == 1 and cpu != last), cpu, abs(node))

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
            if queued(event):
                return Step("exec", event.cpu, event)
            return Step(
                "exec", event.cpu, event, (), self._writes(event.id), self._translated(event.id), rule="1.2"
            )
        if node in self.shown_issue:
            event = self.program.events[node]
            if node in x.faults or queued(event):
                return None
            return Step("commit", event.cpu, event, (), self._writes(node), rule="1.1")
        if 0 <= node < len(self.program.events):
            event = self.program.events[node]
            if node in x.faults:
                return self._faulting(node, event)
            note = self._translated(node)
            reads = self._reads(x.fetches.get(node, node))
            if event.op == "T" and event.accesses[0].slot is not None:
                value = x.slots[event.accesses[0].slot]
                reads = (("translation", value),) if value != FAULT else reads
            return Step("exec", event.cpu, event, reads, self._writes(node), note, "4.1" if note else "")
        return None

    def _faulting(self, node: int, event: Event) -> Step:
        walk = self.x.walk_of(event.id)
        stale = walk is not None and walk.kind != "fault"
        note = "faults by a cached entry" if stale else "faults"
        return Step("exec", event.cpu, event, self._reads(node), note=note, rule="6.2" if stale else "6.3")

    def _translated(self, event: int) -> str:
        walk = self.x.walk_of(event)
        if walk is None:
            return ""
        how = "an entry of the initial TLB" if walk.kind == "initial" else "a cached entry"
        return f"translated to {target(walk.content)} by {how}"

    def _fill(self, node: int, walk: Walk, last: bool) -> Step:
        """A read of a page walk: of an upper entry, or of the one that ends it."""
        cell, content = next((c, v) for n, c, v in walk.levels if n == node)
        forwarded = any(r.forwarded for r in self.x.reads if r.read == node and r.cell == cell)
        return Step(
            "fill" if last else "walk",
            walk.cpu,
            None if walk.event is None else self.program.events[walk.event],
            ((self._name(cell), content),),
            ((self._tagged(walk), walk.content if last else content),),
            "read from the own store buffer" if forwarded else "",
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
            return Step("update", self.updates[node].cpu, None, (), writes, "sets A", rule="7.2")
        if node in x.flushes:
            number, cpu = x.flushes[node]
            sender = self.program.events[number]
            note = f"the INVLPGB of CPU {sender.cpu} takes effect here"
            return Step("flush", cpu, sender, note=note, rule="11.3")
        event = self.program.events[self.events_of[node]]
        if writes:
            return Step("update", event.cpu, event, (), writes, "sets D", rule="7.3")
        return Step("fetch", event.cpu, event, self._reads(node), note="copied", rule="10.1")


def _walk_reads(x: Execution) -> dict[int, tuple[Walk, bool]]:
    """The reads of page walks that are steps of their own; whether each is its walk's last."""
    own = {n for line in x.lines() for n in line}
    return {
        n: (w, k == len(w.levels) - 1)
        for w in x.walks
        for k, (n, _, _) in enumerate(w.levels)
        if n not in own and not (w.kind == "accessed" and k == len(w.levels) - 1)
    }


def _without_refills(steps: list[Step]) -> list[Step]:
    """Leave out a fill of what the CPU has cached already; say which fills no access asked for.

    Each use has a walk of its own in the model. A reader expects one fill to serve all uses until
    an invalidation.
    """
    cached: set[tuple[str, int | None, tuple[tuple[str, Value], ...]]] = set()
    kept: list[Step] = []
    for step in steps:
        if step.kind in ("fill", "walk"):
            if (step.kind, step.cpu, step.writes) in cached:
                continue
            cached.add((step.kind, step.cpu, step.writes))
        elif step.kind in ("fault", "flush") or (
            step.event is not None and step.kind == "exec" and invalidation(step.event)
        ):
            cached = {c for c in cached if c[1] != step.cpu}
        kept.append(step)
    out: list[Step] = []
    for i, step in enumerate(kept):
        if step.kind == "fill":
            following = next((s for s in kept[i + 1 :] if s.cpu == step.cpu and s.kind == "exec"), None)
            asked = following is not None and following.event is step.event and step.event is not None
            note = "for the access that follows" if asked else "no access asks for it"
            step = step._replace(note=f"{step.note}; {note}" if step.note else note)
        out.append(step)
    return out
