"""The base relations of an execution as concrete pairs, and what its invalidations remove."""

from __future__ import annotations

from itertools import pairwise

from verifier.execution.run import Choice, Execution, Walk
from verifier.model.candidate import FEATURES, Candidate, CellRelations
from verifier.model.cover import Formula, cover, holds
from verifier.model.relations import Events, Relation
from verifier.model.roles import bare, invalidates, sets_under
from verifier.program import arrivals
from verifier.program.asking import asking
from verifier.program.events import Event
from verifier.program.expressions import evaluate
from verifier.program.invalidations import INVALIDATING, invalidation
from verifier.program.leaves import addresses, mapping
from verifier.program.ops import Kind
from verifier.program.values import GLOBAL, Ptr, Value, flags, truth
from verifier.program.waits import Stop

INIT = -1


def candidate(x: Execution) -> Candidate[Relation, Events]:
    """What the model's equations are evaluated over."""
    return _Candidate(x).made()


class Removals:
    """What each invalidation of an execution removes; ``invalidations``: node -> (row of ``COVERS``, CPU,
    the address and the PCID that it names or acts on)."""

    def __init__(self, x: Execution) -> None:
        self.x = x
        self.program, self.switches = x.program, x.model.switches
        self.addresses = addresses(x.program)
        self.events = [e for e in x.program.events if e.id in x.executed]
        self.invalidations: dict[int, tuple[Kind, int, Value | None, Value | None]] = {}
        self._invalidations()

    def _invalidations(self) -> None:
        x = self.x
        for e in self.events:
            if invalidates(e, broadcast=False) and not self.nothing(e):
                self.invalidations[e.id] = (e.kind, e.cpu, self._va(e), self._pcid(e))
        for event, node in x.faults.items():
            walk = x.walk_of(event)
            e = self.program.events[event]
            now = x.register(e.cpu, "pcid", x.issues.get(event, event))
            self.invalidations[node] = ("fault", e.cpu, None if walk is None else walk.va, now)
        for node, (event, cpu) in x.flushes.items():
            e = self.program.events[event]
            self.invalidations[node] = (e.kind, cpu, self._va(e), self._pcid(e))

    def nothing(self, e: Event) -> bool:
        """Is this an invalidation that leaves every entry?"""
        return e.op in INVALIDATING and cover(e.kind, self.switches).nothing

    def _va(self, e: Event) -> Value | None:
        return None if e.va is None else evaluate(e.va, self.x.slots)

    def _pcid(self, e: Event) -> Value | None:
        if e.pcid is not None:
            return evaluate(e.pcid, self.x.slots)
        if invalidation(e.kind).acts == "every":
            return None
        if e.op == "CR3":
            cell = Ptr(f"{e.cpu}:pcid")
            return self.x.written_at().get((e.id, cell), 0)
        return self.x.register(e.cpu, "pcid", e.id)

    def removes(self, node: int, va: Ptr, tag: int, content: Value, leaf: Ptr | None) -> bool:
        """Does an invalidation remove a finished entry of its CPU? ``leaf``: where it was read, if known."""
        formula = cover(self.invalidations[node][0], self.switches).entries
        return self._holds(formula, node, va=va, tag=tag, content=content, cell=leaf)

    def removes_of(self, node: int, walk: Walk) -> bool:
        """Does an invalidation remove the entry that a walk has made?"""
        return self.removes(node, walk.va, walk.tag, walk.content, self.leaf(walk))

    def leaf(self, walk: Walk) -> Ptr | None:
        """Where the entry that a walk stands for was read."""
        if walk.levels:
            return walk.levels[-1][1]
        return mapping(self.program, walk.cpu, walk.va, walk.content)

    def _holds(
        self, formula: Formula, node: int, va: Ptr, tag: int, content: Value, cell: Ptr | None
    ) -> bool:
        _, _, named, pcid = self.invalidations[node]
        globe = bool(flags(content) & GLOBAL)
        atoms = {
            "va": named == va or (cell is not None and named in self.addresses.get(cell, ())),
            "tag": pcid == tag,
            "global": globe,
            "local": not globe,
            "pcid0": pcid == 0,
            "leads": any(c == cell and at == named for (_, at), c in self.program.entries.items()),
        }
        return holds(
            formula, atoms.__getitem__, both=bool.__and__, either=bool.__or__, true=True, false=False
        )


class _Candidate(Removals):
    def __init__(self, x: Execution) -> None:
        super().__init__(x)
        self.lines = x.lines()
        self.cpu = {n: c for c, line in enumerate(self.lines) for n in line}

    # -- what is removed ----------------------------------------------------------------------------

    def _covers(self) -> Relation:
        pairs = []
        for w in self.x.walks:
            if w.kind == "accessed":
                continue
            for node, (_, cpu, _, _) in self.invalidations.items():
                mine = w.event is not None and node == self.x.faults.get(w.event)
                if cpu == w.cpu and not mine and self.removes_of(node, w):
                    pairs.append((node, self._instant(w)))
        return Relation(pairs)

    def _instant(self, w: Walk) -> int:
        """The node at which a translation is used: of an instruction, the read of its copy (MMR 10.1)."""
        if w.event is None or w.event in self.x.faults or not self.switches.spontaneous:
            return w.use
        return self.x.fetches.get(w.event, w.use)

    def _covers_upper(self) -> Relation:
        pairs = []
        for w in self.x.walks:
            for upper, cell, _ in w.levels[:-1]:
                for node, (kind, cpu, _, _) in self.invalidations.items():
                    formula = cover(kind, self.switches).uppers
                    if cpu == w.cpu and self._holds(formula, node, va=w.va, tag=w.tag, content=0, cell=cell):
                        pairs.append((node, upper))
        return Relation(pairs)

    # -- walks --------------------------------------------------------------------------------------

    def _walks(self) -> tuple[Relation, Relation, Relation, Relation]:
        """trans, levels, next, and the copies of faults whose last read floats."""
        trans, levels, following, copies = [], [], [], []
        for w in self.x.walks:
            nodes = [n for n, _, _ in w.levels]
            if w.kind == "initial":
                trans.append((INIT, self._instant(w)))
            elif w.kind == "use" and nodes[-1] != w.use:
                trans.append((nodes[-1], self._instant(w)))
            elif w.kind == "fault" and nodes[-1] != w.use:
                copies.append((nodes[-1], w.use))
            following += [(a, b) for a, b in pairwise(nodes) if a != b]
            levels += [(a, b) for i, a in enumerate(nodes) for b in nodes[i + 1 :] if a != b]
        return Relation(trans), Relation(levels), Relation(following), Relation(copies)

    def _chosen(self, name: Choice) -> Relation:
        """The chosen order between invalidations and walks or uses, as far as the execution has them."""
        there = {w.use for w in self.x.walks} | {n for w in self.x.walks for n, _, _ in w.levels}
        there |= {*self.invalidations, *self.x.fetches.values()}
        return Relation(p for p in self.x.choices.get(name, frozenset()) if there.issuperset(p))

    def _aged(self, covered: Relation) -> Relation:
        """The chosen order between invalidations and the reads behind the upper entries that they remove. A
        pair that the execution leaves open is here both ways, which is a cycle."""
        chosen, below = self._chosen("aged"), dict[int, set[int]]()
        for w in self.x.walks:
            for (upper, _, _), (node, _, _) in pairwise(w.levels):
                if node not in self.cpu:
                    below.setdefault(upper, set()).add(node)
        pairs = {(inv, node) for inv, upper in covered for node in below.get(upper, ())}
        left = {(a, b) for a, b in pairs if (a, b) not in chosen and (b, a) not in chosen}
        return chosen | left | {(b, a) for a, b in left}

    def _apart(self) -> Relation:
        """Where walks are always forwarded, a walk is outside the time that an own store is buffered."""
        x, pairs = self.x, []
        if self.switches.walk_forward != "forward_always":
            return Relation()
        chosen = x.choices.get("apart", frozenset())
        updates = {node for node, _ in x.updates()}
        walked = {n for w in x.walks for n, _, _ in w.levels if n not in self.cpu and n not in updates}
        where = x.written_at()
        for r in x.reads:
            if r.read not in walked:
                continue
            cpu = next(w.cpu for w in x.walks if any(n == r.read for n, _, _ in w.levels))
            line = x.order[cpu]
            for store in (s for s in line if s in x.issues and (s, r.cell) in where and s not in x.faults):
                served = r.forwarded and r.write in line and line.index(r.write) >= line.index(store)
                if not served:
                    first = (store, r.read) in chosen
                    pairs.append((store, r.read) if first else (r.read, x.issues[store]))
        return Relation(pairs)

    # -- the rest -----------------------------------------------------------------------------------

    def _program_order(self) -> Relation:
        x = self.x
        po = [(a, b) for line in self.lines for i, a in enumerate(line) for b in line[i + 1 :]]
        for w in x.walks:
            if w.observable is not None:
                at = self._at(w)
                for node, (_, cpu, _, _) in self.invalidations.items():
                    if cpu == w.cpu and (at is None or (node, at) in x.past):
                        po.append((node, w.use))
        return Relation(po)

    def _at(self, w: Walk) -> int | None:
        """The snapshot at which a condition uses a translation; None: at the end."""
        assert w.observable is not None
        at = self.program.observables[w.observable].at
        return None if at is None else self.x.snapshots[at]

    def _seen(self) -> Relation:
        pairs = []
        for w in self.x.walks:
            at = None if w.observable is None else self._at(w)
            if at is None:
                continue
            pairs.append((w.use, at))
            for node, (_, cpu, _, _) in self.invalidations.items():
                if cpu == w.cpu:
                    pairs.append((node, at) if (node, at) in self.x.past else (at, node))
        return Relation(pairs)

    def _smc(self) -> Relation:
        x, pairs = self.x, []
        where = x.written_at()
        for fetch in x.fetches:
            line = x.order[self.program.events[fetch].cpu]
            word = x.cell(self.program.events[fetch], self.program.events[fetch].accesses[0])
            address = x.linear(self.program.events[fetch])
            for store in line[: line.index(fetch)]:
                if word is None or (store, word) not in where:
                    continue
                between = line[line.index(store) : line.index(fetch)]
                jump = any(self.program.events[e].op == "JMP" for e in between)
                event = self.program.events[store]
                same = event.kind != "alias" and x.linear(event) == address
                if self.switches.smc == "amd" or (same and jump):
                    pairs.append((store, fetch))
        return Relation(pairs)

    def _answers(self) -> Relation:
        pairs = []
        for node, (event, _) in self.x.flushes.items():
            line = self.x.order[self.program.events[event].cpu]
            for later in line[line.index(event) :]:
                if self.program.events[later].op == "TLBSYNC":
                    pairs.append((node, later))
        return Relation(pairs)

    def _cells(self) -> list[CellRelations[Relation]]:
        out: list[CellRelations[Relation]] = []
        for cell in self.program.cells:
            mine = [r for r in self.x.reads if r.cell == cell]
            order = [INIT, *self.x.co.get(cell, ())]
            out.append(
                CellRelations(
                    rf=Relation((INIT if r.write is None else r.write, r.read) for r in mine),
                    co=Relation((a, b) for i, a in enumerate(order) for b in order[i + 1 :]),
                    forwarded=Relation(
                        (r.write, r.read) for r in mine if r.forwarded and r.write is not None
                    ),
                )
            )
        return out

    def _loc(self) -> Relation:
        touched: dict[Ptr, list[tuple[int, bool]]] = {}
        updates = {node for node, _ in self.x.updates()}
        for node, cell in self.x.written_at():
            if node not in updates:
                touched.setdefault(cell, []).append((node, True))
        for r in self.x.reads:
            if r.read in self.cpu and r.read not in updates:
                touched.setdefault(r.cell, []).append((r.read, False))
        return Relation(
            (a, b)
            for mine in touched.values()
            for a, writes in mine
            for b, too in mine
            if a != b and (writes or too) and self.cpu[a] == self.cpu[b]
        )

    def _reads_from(self) -> tuple[Relation, Relation]:
        """rfe and rfi."""
        forwarded = {(r.write, r.read) for r in self.x.reads if r.forwarded}
        every = {(INIT if r.write is None else r.write, r.read) for r in self.x.reads} - forwarded
        floating = set(self.x.dirty.values())
        rfi = {
            (a, b)
            for a, b in every
            if a in self.cpu and self.cpu.get(b) == self.cpu[a] and not {a, b} & floating
        }
        return Relation(every - rfi), Relation(rfi)

    def made(self) -> Candidate[Relation, Events]:
        """The candidate."""
        x, s = self.x, self.switches
        late = {e.id: e for e in self.events if x.buffered(e.id)}
        light, found = x.between_functions(), x.without_interrupt()
        done = [e for e in self.events if e.id not in x.faults]
        whole = [e for e in done if e.id not in light]
        faults = set(x.faults.values())
        issued = {x.issues[e.id] for e in self.events if e.id in x.issues}
        held = {x.issues[e.id] for e in self.events if e.id in x.issues and e.virtual} | faults
        known = sets_under(s)
        sets = {e.id: known[e.op, e.kind, e.serializing] for e in self.events}
        among = {e.id for e in self.events if sets[e.id].queued and x.model.buffered}
        instants = {e.id for e in self.events if e.id not in late and sets[e.id].instant}
        trans, levels, following, copies = self._walks()
        fetched = Relation((n, e) for e, n in x.fetches.items())
        rfe, rfi = self._reads_from()
        covered = self._covers_upper()
        cells = self._cells()
        stored = {e.id for e in done if sets[e.id].uncached and x.model.buffered}
        committed = {n: e for n, e in late.items() if n not in x.faults}
        return Candidate(
            I=Events(
                instants
                | issued
                | faults
                | set(x.dirty.values())
                | {n for loads in x.loads.values() for n in loads}
                | {w.use for w in x.walks if w.observable is not None}
            ),
            S=Events(n for n, e in committed.items() if e.kind != "nt") | stored | among,
            NT=Events(n for n, e in committed.items() if e.kind == "nt"),
            Q=Events(e.id for e in self.events if e.id in among and sets[e.id].promised),
            D=Events(e.id for e in whole if sets[e.id].drains) | faults,
            SER=Events(e.id for e in whole if e.id not in found and sets[e.id].serializes),
            SF=Events(e.id for e in done if sets[e.id].fences),
            ICR=Events(e.id for e in done if sets[e.id].bare and e.id not in stored),
            H=Events(e.id for e in self.events if e.id not in light and sets[e.id].holds) | held,
            INV=Events(self.invalidations),
            C=Events(x.fetches) | (b for _, b in copies),
            INIT=Events([INIT]),
            po=self._program_order(),
            loc=self._loc(),
            cells=cells,
            rfe=rfe,
            rfi=rfi,
            co=Relation(p for c in cells for p in c.co),
            issue=Relation((i, e) for e, i in x.issues.items()),
            trans=trans,
            marks=Relation(
                (w.levels[-1][0], x.dirty[w.event])
                for w in x.walks
                if w.kind == "use" and w.event is not None and w.event in x.dirty
            ),
            levels=levels,
            next=following,
            covers=self._covers(),
            covers_upper=covered,
            aged=self._aged(covered),
            remote=self._chosen("remote"),
            apart=self._apart(),
            copy=fetched | copies,
            smc=self._smc(),
            broadcast=Relation((event, node) for node, (event, _) in x.flushes.items()),
            answers=self._answers(),
            sent=self._sent() | self._taken_along() | self._merged(),
            called=Relation((a, b) for a, b in self._sent() if not bare(self.program.events[a])),
            acked=self._acked(),
            seen=self._seen(),
            grace=self._grace(),
            kept=self._kept(),
            asking=Relation(
                (a.id, b.id)
                for a, b, there in asking(self.program)
                if {a.id, b.id} <= x.executed and truth(evaluate(there, x.slots))
            ),
            none=Relation(),
            has=FEATURES,
        )

    def _grace(self) -> Relation:
        """The execution says whether section or grace period is first; these pairs check that it can be."""
        x, pairs = self.x, []
        resting = {self._waits_at(stop) for stop in self.program.stops if x.slots.get(stop.slot)}
        for lock, unlocks in self.program.sections():
            end = next((u.id for u in unlocks if u.id in x.executed), None)
            for start, after in self.program.grace_periods():
                awaits = self.program.awaits(start, lock)
                if awaits and lock.id in x.executed and start.id in x.executed:
                    chosen = lock.kind == "held" or (lock.id, start.id) in x.choices["grace"]
                    if after.id not in x.executed and chosen and end is None:
                        late = start.op == "SEND"  # it may start later (18.3)
                        if lock.kind != "held" and after.id in resting and not late:
                            pairs.append((lock.id, start.id))
                        continue
                    if end is None or not chosen:
                        pairs.append((start.id, lock.id))
                    elif after.id in x.executed:
                        pairs.append((end, after.id))
        return Relation(pairs)

    def _waits_at(self, stop: Stop) -> int | None:
        """The end of a grace period, or the delivery, in front of which a body rests; None: elsewhere."""
        if stop.kind == "pending":
            return self.program.bodies[stop.body].events[0].id
        return stop.event if stop.kind == "grace" else None

    def _sent(self) -> Relation:
        return Relation(
            (body.send.id, body.events[0].id)
            for body in self.program.bodies
            if body.send is not None and body.events[0].id in self.x.executed
        )

    def _taken_along(self) -> Relation:
        """All functions that an interrupt runs were sent before it came (MMR 8.10)."""
        pairs = [(self.program.bodies[a], self.program.bodies[b]) for a, b in self.x.together]
        return Relation((b.send.id, a.events[0].id) for a, b in pairs if b.send is not None)

    def _merged(self) -> Relation:
        """A send that another handler runs for, as one of the two was pending when the other came, is before
        the delivery of that handler (MMR 8.3): of the last one that it may be."""
        pairs, merged = [], arrivals.merged_sends(self.program, self.x.slots)
        for body in map(self.program.bodies.__getitem__, sorted(merged)):
            able = {self.program.bodies[b].events[0].id for b in body.merges}
            others = [e for e in self.x.order[body.cpu] if e in able]
            pairs += [(body.send.id, others[-1])] if body.send is not None else []
        return Relation(pairs)

    def _kept(self) -> Relation:
        """Sends whose handlers keep their order (MMR 17.7)."""
        sends = [e for e in self.events if e.op == "SEND"]
        old = arrivals.old_queue(self.program, self.x.slots)
        return Relation(
            (a.id, b.id)
            for a in sends
            for b in sends
            if a.cpu == b.cpu and a is not b and a.domain == b.domain
            if old or not truth(evaluate(arrivals.overtakes(b, a), self.x.slots))
        )

    def _acked(self) -> Relation:
        said = self.program.acknowledgements()
        return Relation(
            (said[handler].id, event.id)
            for event in self.events
            if event.op == "WAIT"
            for handler in event.handlers
            if said[handler].id in self.x.executed
        )
