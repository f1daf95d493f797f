"""What the steps of a told run have to do with each other: who reads from whom, who overwrites what, which
translation serves which access and which flush removes it, who sends and who waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from verifier.execution.candidate import Removals
from verifier.execution.check import Checked
from verifier.execution.run import From, Walk
from verifier.model import Relation
from verifier.program.ops import ICR
from verifier.program.trace import Arc, ArcKind, Standing, Step, Trace
from verifier.program.values import IN_LINE, Ptr, Value, target

_SENT = {"nmi": "NMI", "callback": "callback"}  # by kind of body; of others: an IPI


def linked(checked: Checked, trace: Trace) -> Trace:
    """The story of an execution with its arcs and its translations. Steps without a node have none."""
    found = _Linker(checked, trace.steps)
    return trace._replace(arcs=tuple(found.arcs()), standing=tuple(found.standing()))


class _Linker:
    def __init__(self, checked: Checked, steps: Sequence[Step]) -> None:
        self.x, self.made, self.steps = checked.execution, checked.candidate, steps
        self.program, self.events = self.x.program, self.x.program.events
        self.at: dict[int, int] = {}  # node -> the step that it is
        for number, step in enumerate(steps):
            if step.node is not None:
                self.at.setdefault(step.node, number)
        self.fetching = {node: event for event, node in self.x.fetches.items()}
        self.written = self.x.written_at()

    # -- places -------------------------------------------------------------------------------------

    def place(self, node: int) -> int | None:
        """The step of an instant; of an instruction that is fetched when it is executed, and of a store that
        nobody sees in its buffer, that of its event."""
        found = self.at.get(node)
        if found is None and node in self.fetching:
            found = self.at.get(self.fetching[node])
        if found is None and 0 <= node < len(self.events):
            found = self.issued(node)
        return found

    def issued(self, event: int) -> int | None:
        """The step in which a store enters its buffer."""
        return self.at.get(self.x.issues.get(event, -1), self.at.get(-1000 - event))

    def told(self, cell: Ptr, value: Value) -> bool:
        """Is this a cell whose reads and writes a reader wants to follow? Registers are not, nor lines for
        locks in which nobody stands."""
        kind = self.program.cells[cell].kind
        return kind != "register" and (IN_LINE not in cell.base or bool(value))

    # -- arcs ---------------------------------------------------------------------------------------

    def arcs(self) -> Iterator[Arc]:
        """All arcs, each pair of steps once for each kind; sorted."""
        found: dict[tuple[int, int, ArcKind], dict[str, None]] = {}
        for kind, first, second, what in (*self._data(), *self._walks(), *self._calls()):
            if first is not None and second is not None and first != second:
                found.setdefault((first, second, kind), {}).update({what: None} if what else {})
        for (first, second, kind), what_all in sorted(found.items()):
            yield Arc(kind, first, second, tuple(what_all))

    def _data(self) -> Iterator[tuple[ArcKind, int | None, int | None, str]]:
        for r in self.x.reads:
            if not self.told(r.cell, r.value):
                continue
            name, reader = self.program.cells[r.cell].name, self.place(r.read)
            if r.write is not None:
                yield "rf", self._source(r, reader), reader, name
            order = self.x.co.get(r.cell, [])
            after = order[0 if r.write is None else order.index(r.write) + 1 :]
            if after and after[0] != r.read:
                yield "fr", reader, self.place(after[0]), name
        for cell, order in self.x.co.items():
            for a, b in pairwise(order):
                if self.told(cell, self.written[b, cell]):
                    yield "co", self.place(a), self.place(b), self.program.cells[cell].name

    def _source(self, r: From, reader: int | None) -> int | None:
        """The step from which a read takes its value: a store in its buffer, or as it has reached memory."""
        assert r.write is not None
        there = self.place(r.write)
        late = there is not None and reader is not None and there > reader
        return self.issued(r.write) if r.forwarded or late else there

    def _walks(self) -> Iterator[tuple[ArcKind, int | None, int | None, str]]:
        for walk in self.x.walks:
            nodes = [n for n, _, _ in walk.levels if n in self.at]
            for a, b in pairwise(nodes):
                yield "walk", self.at[a], self.at[b], ""
        for event, node in self.x.fetches.items():
            yield "copy", self.at.get(node), self.at.get(event), ""

    def _calls(self) -> Iterator[tuple[ArcKind, int | None, int | None, str]]:
        for body in self.program.bodies:
            if body.send is not None:
                what = _SENT.get(body.kind, "IPI")
                yield "sends", self.place(body.send.id), self.place(body.events[0].id), what
        if self.made is None:
            return
        made = self.made
        for a, b in made.sent:  # a merged one, too
            send, body = self.program.events[a], self.program.bodies[self.program.events[b].body]
            if send.kind in ICR and body.id not in send.handlers:
                yield "sends", self.place(a), self.place(b), _SENT.get(body.kind, "IPI")
        called: tuple[tuple[ArcKind, Relation], ...] = (
            ("answers", made.acked), ("answers", made.answers), ("broadcast", made.broadcast),
            ("grace", made.grace),
        )  # fmt: skip
        for kind, pairs in called:
            for a, b in pairs:
                yield kind, self.place(a), self.place(b), ""

    # -- translations -------------------------------------------------------------------------------

    def standing(self) -> list[Standing]:
        """The translations that steps use, in the order in which they come."""
        found: dict[tuple[int | None, int, str], list[Walk]] = {}
        filled = sorted(self._filled())
        for walk in self.x.walks:
            use = self._use(walk)
            if use is None or (walk.kind != "initial" and not walk.levels) or walk.kind == "accessed":
                continue
            since = self._since(walk, use, filled)
            if since is not None or self._initial(walk):
                found.setdefault((since, walk.cpu, self._tagged(walk)), []).append(walk)
        if not found:
            return []
        removals = Removals(self.x)
        out = [self._stands(since, walks, removals) for (since, _, _), walks in found.items()]
        return sorted(out, key=lambda s: (-1 if s.since is None else s.since, s.cpu, s.va, s.uses))

    def _use(self, walk: Walk) -> int | None:
        """The step that a walk serves."""
        if walk.event is None:
            return self.at.get(walk.use)
        return self.place(walk.use) if walk.use in self.at else self.place(walk.event)

    def _filled(self) -> Iterator[tuple[int, Walk]]:
        """The steps after which a translation stands, with the walk that they end."""
        for walk in self.x.walks:
            if walk.levels and walk.kind == "use":
                last = walk.levels[-1][0]
                step = self.at.get(last)
                if step is not None:
                    yield step, walk

    def _since(self, walk: Walk, use: int, filled: list[tuple[int, Walk]]) -> int | None:
        """The step that fills a translation. A story tells one fill for all uses of it."""
        if walk.kind == "initial":
            return None
        own = self.at.get(walk.levels[-1][0])
        if own is not None and own != use:
            return own
        what = self._what(walk)
        return next((n for n, w in reversed(filled) if n < use and self._what(w) == what), None)

    def _what(self, walk: Walk) -> tuple[int, str, Value | None]:
        return walk.cpu, self._tagged(walk), target(walk.content)

    def _initial(self, walk: Walk) -> bool:
        """Has a translation like this one been there from the start?"""
        return walk.kind == "initial" or any(
            cpu == walk.cpu and va == walk.va and target(content) == target(walk.content)
            for cpu, _, va, content in self.program.tlb
        )

    def _tagged(self, walk: Walk) -> str:
        tagged = Ptr(f"{walk.cpu}:pcid") in self.program.cells
        return f"{walk.va}@{walk.tag}" if tagged else str(walk.va)

    def _stands(self, since: int | None, walks: list[Walk], removals: Removals) -> Standing:
        walk = walks[0]
        uses = tuple(sorted({use for w in walks if (use := self._use(w)) is not None}))
        left: list[int] = []
        until = None
        for step, node in self._flushes(walk.cpu, removals):
            if step <= (-1 if since is None else since):
                continue
            if node is not None and removals.removes_of(node, walk):
                until = step
                break
            if step < uses[-1]:
                left.append(step)
        return Standing(walk.cpu, self._tagged(walk), walk.content, since, uses, until, tuple(left))

    def _flushes(self, cpu: int, removals: Removals) -> list[tuple[int, int | None]]:
        """The steps of a CPU's invalidations, each with its node; None: it is one that removes nothing."""
        found: list[tuple[int, int | None]] = []
        for node, (_, there, _, _) in removals.invalidations.items():
            step = self.place(node)
            if there == cpu and step is not None:
                found.append((step, node))
        for e in removals.events:
            step = self.place(e.id) if e.cpu == cpu and removals.nothing(e) else None
            if step is not None:
                found.append((step, None))
        return sorted(found, key=lambda f: f[0])
