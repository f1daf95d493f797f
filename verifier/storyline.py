"""An execution as one sequence of steps: a linear order that a reader can follow by hand.

Any linear extension of the model's global order is right.  The one chosen keeps a CPU running as
long as it can, lets stores reach memory at once unless the execution needs them late, and puts a
page walk as late as it may come.
"""

from __future__ import annotations

from verifier.execution import Execution, Translation
from verifier.model.roles import invalidates
from verifier.program.trace import Step, Trace
from verifier.program.values import FAULT, Ptr, Value, apply


def trace(execution: Execution) -> Trace:
    """The steps of an execution that has been checked, and the state it ends in."""
    return _Teller(execution).tell()


class _Teller:
    def __init__(self, execution: Execution) -> None:
        self.x = execution
        self.program = execution.program
        self.walks = {t.walk: t for t in execution.translations if t.walk is not None}
        self.shown_issue: dict[int, int] = {}  # commit -> issue node
        self.cpu: dict[int, int] = {}
        self.after: dict[int, set[int]] = {}
        self.waiting: dict[int, int] = {}
        self._graph()

    def _graph(self) -> None:
        x = self.x
        pairs = set(x.model.axioms[-1].relation(x.candidate()))
        fresh = -1000
        for cpu, line in enumerate(x.order):
            previous: int | None = None
            for event in line:
                self.cpu[event] = cpu
                instant = event
                if x.buffered(event):
                    instant = x.issues.get(event, fresh)
                    fresh -= 1
                    self.shown_issue[event] = instant
                    self.cpu[instant] = cpu
                    pairs.add((instant, event))
                if previous is not None:
                    pairs.add((previous, instant))
                previous = instant
        for node, t in self.walks.items():
            self.cpu[node] = t.cpu
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
        if node in self.walks:
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
            return self._fill(node, self.walks[node])
        if node in x.snapshots.values():
            return Step("snapshot", None, reads=self._reads(node), note="the instant asked for")
        if node in self.issue_of:
            event = self.program.events[self.issue_of[node]]
            if event.id in x.faults:
                return Step("exec", event.cpu, event, self._reads(node), note="faults", rule="6.3")
            return Step(
                "exec", event.cpu, event, (), self._writes(event.id), self._translated(event.id), rule="1.2"
            )
        if node in self.shown_issue:
            event = self.program.events[node]
            if node in x.faults:
                return None
            return Step("commit", event.cpu, event, (), self._writes(node), rule="1.1")
        if 0 <= node < len(self.program.events):
            event = self.program.events[node]
            note = "faults" if node in x.faults else self._translated(node)
            reads = self._reads(node)
            if event.op == "T" and event.accesses[0].slot is not None:
                value = x.slots[event.accesses[0].slot]
                reads = (("translation", value),) if value != FAULT else reads
            return Step("exec", event.cpu, event, reads, self._writes(node), note)
        return None

    def _translated(self, event: int) -> str:
        for t in self.x.translations:
            if t.event == event:
                how = "an entry of the initial TLB" if t.walk is None else "a cached entry"
                return f"translated to {t.page} by {how}"
        return ""

    def _fill(self, node: int, t: Translation) -> Step:
        found = {r.cell: r for r in self.x.reads if r.read == node}
        root = found.get(Ptr(f"{t.cpu}:cr3"))
        entry = apply("pte", (root.value if root else 0, t.va))
        read = found.get(entry) if isinstance(entry, Ptr) else None
        forwarded = read is not None and read.forwarded
        return Step(
            "fill",
            t.cpu,
            None if t.event is None else self.program.events[t.event],
            ((self._name(entry), t.page),) if isinstance(entry, Ptr) and read is not None else (),
            ((str(t.va), t.page),),
            "read from the own store buffer" if forwarded else "",
            rule="3.5" if forwarded else "3.3",
        )


def _without_refills(steps: list[Step]) -> list[Step]:
    """Leave out a fill of what the CPU has cached already; say which fills no access asked for.

    Each use has a walk of its own in the model. A reader expects one fill to serve all uses until
    an invalidation.
    """
    cached: set[tuple[int | None, tuple[tuple[str, Value], ...]]] = set()
    kept: list[Step] = []
    for step in steps:
        if step.kind == "fill":
            if (step.cpu, step.writes) in cached:
                continue
            cached.add((step.cpu, step.writes))
        elif step.event is not None and step.kind == "exec" and invalidates(step.event):
            cached = {c for c in cached if c[0] != step.cpu}
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
