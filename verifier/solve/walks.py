"""Uses of translations as clauses: which walks serve them, when an access faults, what sets A and D."""

from __future__ import annotations

from itertools import product

from verifier.program.events import Event
from verifier.program.functions import apply
from verifier.program.leaves import first_leaf, mapping
from verifier.program.rights import RIGHTS, needs
from verifier.program.values import (
    CLEAN,
    COMBINED,
    FAULT,
    GLOBAL,
    RO,
    UNACCESSED,
    UNDEF,
    Ptr,
    Value,
    flags,
    target,
)
from verifier.records import replace
from verifier.solve.chains import CHAIN_FLAGS, Chains
from verifier.solve.clauses import NO, YES
from verifier.solve.domains import order_key
from verifier.solve.encoding import Encoding
from verifier.solve.sites import WALKER, Chain, InitialEntry, Level, Literals, Read, Update, Use, Write


class Walks(Chains):
    """Makes the uses of translations of an encoding, and the updates of entries."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__(encoding)
        self.demanded: list[tuple[Event, Chain]] = []

    # -- uses -------------------------------------------------------------------------------------

    def _usable(self, done: int, tag: Literals, globe: int, now: Literals) -> None:
        """An entry that serves a use is of the current PCID, or global (MMR 4.4)."""
        if done != NO and (len(now) > 1 or len(tag) > 1 or set(now) != set(tag)):
            same = [self.clauses.both(x, now[q]) for q, x in tag.items() if q in now]
            self.clauses.add(-done, globe, *same)

    def demand(self) -> None:
        """Without spontaneous walks: every access may walk, at its own instant (MMR 3.3)."""
        if self.switches.spontaneous:
            return
        for event in self.program.events:
            if event.virtual:
                node = self.e.instant(event)
                walked = self.clauses.new()
                self.clauses.add(-walked, self.e.executed[event.id])
                vas = self.e.literals(event.accesses[0].addr)
                now = self.current(event, node, self.e.executed[event.id])
                chain = Chain(node, event.cpu, done=walked, vas=vas, tag=now)
                self._by_loads(chain, event)
                self.demanded.append((event, chain))

    def _by_loads(self, chain: Chain, event: Event) -> None:
        """The levels of a walk of an access: each is a load of its own, the last one at the access's own
        instant (MMR 3.3, 3.4)."""
        clauses, lowest = self.clauses, self.program.depth - 1
        load = Read(chain.use, event.cpu, body=event.body, at=event.id, where={}, values={}, kind="load")
        roots = self.e.one_hot(self.domains.roots(event.cpu))
        handles, going = roots, chain.done
        for k in range(lowest + 1):
            first = None if k else roots
            end = going if k == lowest else clauses.both(going, clauses.new())
            pages = frozenset(
                v
                for v in self.present(self.cells(handles, chain.vas), True)
                if target(v) not in self.program.tables
            )
            level = self.level(chain.use, end, handles=handles, vas=chain.vas, values=self.e.one_hot(pages))
            if level.values and level.where:
                level.last = end
                self._read(chain, level, load, roots=first)
            else:
                clauses.add(-end)
            if k == lowest:
                break
            more = clauses.both(going, -end)
            upper = self._upper(chain, event, load, more, handles, first)
            if upper is None:
                clauses.add(-more)
                break
            handles = self.descend(upper)
            going = clauses.any(handles.values())
        self._summary(chain)

    def _read(self, chain: Chain, level: Level, at: Read, roots: Literals | None) -> None:
        """A level of a walk whose reads are as ``at``. At its own instant, an access has read its PCID."""
        read = replace(at, node=level.node, where=level.where, values=level.values)
        self.e.reads.append(read)
        tag = {} if level.node == chain.use else chain.tag
        self.registers(level, chain.cpu, tag=tag, roots=roots, at=read)
        chain.levels.append(level)

    def _demanded(self, use: Use, done: int) -> None:
        """The entry that an access has walked for serves uses on its CPU, until it is invalidated."""
        for _, chain in self.demanded:
            same = self.clauses.any(
                self.clauses.both(x, use.vas[va]) for va, x in chain.vas.items() if va in use.vas
            )
            if chain.cpu == use.cpu and same != NO:
                served = self.clauses.new()
                for needed in (done, chain.done, same):
                    self.clauses.add(-served, needed)
                self._usable(served, chain.tag, chain.flags[GLOBAL], use.now)
                use.served.append((served, chain))

    def _walked(self, use: Use, done: int) -> None:
        """A walk of its own serves a use."""
        chosen = self.clauses.new()
        self.clauses.add(-chosen, done)
        # An entry of its own PCID serves it, or a global one, whose walk may have had any PCID.
        tag = use.now if not self.domains.globals else self.tags(use.cpu)
        if use.event is None and not self.domains.globals:
            tag = {q: x for q, x in use.now.items() if q in self.domains.pcids(use.cpu)}
            self.clauses.add(-chosen, *tag.values())
        chain = self.chain(use.node, use.cpu, vas=use.vas, done=chosen, tag=tag)
        if tag is not use.now:
            self._usable(chosen, tag, chain.flags[GLOBAL], use.now)
        use.served.append((chosen, chain))

    def _options(self, use: Use, done: int) -> list[int]:
        """Walks, or initial entries, that may serve a use."""
        if self.switches.spontaneous:
            self._walked(use, done)
        else:
            self._demanded(use, done)
        options = [literal for literal, _ in use.served]
        for cpu, pcid, va, content in self.program.tlb:
            if cpu == use.cpu and va in use.vas:
                literal, leaf = self.clauses.new(), mapping(self.program, cpu, va, content)
                self.clauses.add(-literal, done)
                self.clauses.add(-literal, use.vas[va])
                use.initial.append(InitialEntry(literal, pcid, va, content, leaf))
                self._usable(literal, {pcid: YES}, YES if flags(content) & GLOBAL else NO, use.now)
                options.append(literal)
        return options

    def _permitted(self, use: Use, event: Event) -> None:
        """The entry that serves an access permits it and leads to a page, or makes it fault."""
        clauses = self.clauses
        permitted: dict[Value, list[int]] = {}
        stale: list[int] = []
        for served, chain in use.served:
            forbidden = clauses.any(chain.flags[bit] for bit in RIGHTS if needs(event) & bit)
            stale.append(clauses.both(served, forbidden))
            for page, literal in chain.pages.items():
                literal = clauses.all((served, literal, -forbidden))
                permitted.setdefault(page, []).append(literal)
        for entry in use.initial:
            if flags(entry.content) & needs(event):
                stale.append(entry.done)
            else:
                permitted.setdefault(target(entry.content) or UNDEF, []).append(entry.done)
        found = {page: clauses.any(literals) for page, literals in permitted.items()}
        use.pages = {page: literal for page, literal in found.items() if literal != NO}
        use.stale = clauses.any(stale)
        if event.unless is not None or not self.switches.spurious_prot_fault:
            clauses.add(-use.stale)
            use.stale = NO

    def access(self, event: Event, node: int) -> Use:
        """The use of a translated access: a walk or an initial entry serves it, or it faults."""
        clauses, (access,) = self.clauses, event.accesses
        done = self.e.executed[event.id]
        vas = self.e.literals(access.addr)
        use = Use(node, event, cpu=event.cpu, vas=vas, now=self.current(event, node, done))
        options = self._options(use, done)
        self._permitted(use, event)
        if self.domains.faults[id(access)]:
            options += self._faults(use, event, done)
        clauses.add(-done, self._lost(event, done, vas), *options)
        clauses.at_most_one(options)
        use.fault = clauses.any([use.stale, *(c.done for c in use.faults)])
        if event.op in ("W", "X") and self.switches.spontaneous:
            self._dirty(use, event)
        if access.slot is not None:
            values = self.e.slots[access.slot]
            if UNDEF in values:
                clauses.add(-done, values[UNDEF], *options)
            if use.fault != NO:
                clauses.add(-use.fault, values.get(FAULT, NO))
            if event.op == "T":
                for page, literal in use.pages.items():
                    clauses.add(-literal, values.get(page, NO))
        self.e.uses.append(use)
        return use

    def _lost(self, event: Event, done: int, vas: Literals) -> int:
        """The literal that nothing can serve an access, in a run that is wrong: its address is none that is
        translated, or an UNDEF value has become the root."""
        clauses, e = self.clauses, self.e
        lost = clauses.both(done, clauses.any(x for va, x in vas.items() if va not in self.program.vas))
        if lost != NO:
            e.bad.append((lost, event))
        roots = [
            clauses.both(e.executed[x.id], e.literals(a.value).get(UNDEF, NO))
            for x in self.program.events
            for a in x.accesses
            if UNDEF in self.domains.roots(event.cpu) and x.op == "CR3" and x.cpu == event.cpu and a.value
        ]
        return clauses.any([lost, *roots])

    def asked(self, node: int, cpu: int, va: Ptr, wanted: Value, now: Literals, done: int) -> Use:
        """The use by a condition: a cached entry leads to ``wanted`` and has the attributes it names."""
        clauses = self.clauses
        use = Use(node, None, cpu=cpu, vas={va: YES}, now=now)
        options = self._options(use, done)
        for served, chain in use.served:
            matching = [chain.pages.get(target(wanted) or wanted, NO)]
            matching += [chain.flags[bit] for bit in CHAIN_FLAGS if flags(wanted) & bit]
            clauses.add(-served, clauses.all(matching))
        for entry in use.initial:
            if not apply("pte_matches", (entry.content, wanted)):
                clauses.add(-entry.done)
        clauses.add(-done, *options)
        clauses.at_most_one(options)
        self.e.uses.append(use)
        return use

    # -- faults -----------------------------------------------------------------------------------

    def _faults(self, use: Use, event: Event, done: int) -> list[int]:
        """The ways in which a walk may end in a fault (MMR 6.2, 6.3)."""
        kinds = ["load"]
        if self.switches.fault_walk == "spurious_once" and self.switches.spontaneous:
            kinds.append("walk")
        for kind in kinds:
            literal = self.clauses.new()
            self.clauses.add(-literal, done)
            use.faults.append(self._fault(use, event, literal, kind))
        return [c.done for c in use.faults]

    def _fault(self, use: Use, event: Event, fault: int, kind: str) -> Chain:
        """A walk that ends at an entry which is not present, or forbids the access.

        With ``kind`` ``load`` its last read is a load of the access itself; with ``walk`` it is a walk's read
        since the last serializing event, of an entry that is not present: that a cached entry may forbid the
        access is said elsewhere (6.2), and it does so only once. The reads above it are a walk's, or with
        ``rewalk`` loads too, each at an instant of its own.
        """
        clauses, depth = self.clauses, self.program.depth
        chain = Chain(use.node, use.cpu, done=fault, vas=use.vas, tag=use.now)
        node = use.node if kind == "load" else self.e.node()
        load = Read(node, event.cpu, body=event.body, at=event.id, where={}, values={}, kind=kind)
        above = load if self.switches.faults_by_loads else replace(load, body=-1, at=-1, kind="walk")
        ends = [clauses.new() for _ in range(depth - 1)] + [fault] if depth > 1 else [fault]
        forbidding: list[int] = []
        roots = self.e.one_hot(self.domains.roots(use.cpu))
        handles = roots
        for k in range(depth):
            going = fault if k == 0 else clauses.any(handles.values())
            if k < depth - 1:
                clauses.add(-ends[k], going)
            else:
                ends[k] = going if depth == 1 else clauses.both(going, -clauses.any(ends[:k]))
            self._end(
                chain,
                event,
                load=load,
                done=ends[k],
                handles=handles,
                forbidding=forbidding,
                roots=roots if k == 0 else None,
            )
            if k == depth - 1:
                break
            more = clauses.both(going, -clauses.any(ends[: k + 1]))
            upper = self._upper(chain, event, above, more, handles, roots if k == 0 else None)
            if upper is None:
                clauses.add(-more)
                break
            forbidding += [
                clauses.both(more, self.flag(upper, bit)) for bit in RIGHTS if needs(event) & bit & COMBINED
            ]
            handles = self.descend(upper)
        return chain

    def _upper(
        self, chain: Chain, event: Event, above: Read, more: int, handles: Literals, roots: Literals | None
    ) -> Level | None:
        """An upper entry on the way: a walk's read, or a load right before the access (MMR 3.4)."""
        contents = self.present(self.cells(handles, chain.vas), not self.switches.spontaneous)
        contents = frozenset(v for v in contents if target(v) in self.program.tables)
        if not contents:
            return None
        node = self.e.node() if above.kind == "walk" else self.e.load(event)
        level = self.level(node, more, handles=handles, vas=chain.vas, values=self.e.one_hot(contents))
        self._read(chain, level, above, roots)
        return level

    def _end(
        self, chain: Chain, event: Event, load: Read, done: int, handles: Literals,
        forbidding: list[int], roots: Literals | None,
    ) -> None:  # fmt: skip
        """The entry that a faulting walk ends at."""
        cells = self.cells(handles, chain.vas)
        contents = frozenset(
            v for c in cells for v in self.domains.contents(c) if target(v) not in self.program.tables
        )
        if load.kind == "walk":
            contents = frozenset(v for v in contents if target(v) is None)
        values = self.e.one_hot(contents)
        level = self.level(load.node, done, handles=handles, vas=chain.vas, values=values)
        level.last = done
        forbidden = self.clauses.any(forbidding)
        for value, literal in values.items():
            if target(value) is not None and not flags(value) & needs(event):
                self.clauses.add(-done, -literal, forbidden)
        if not level.where:
            self.clauses.add(-done)
            return
        self._read(chain, level, load, roots)

    # -- accessed and dirty -----------------------------------------------------------------------

    def _without(self, values: Literals, bits: int) -> list[tuple[Value, int]]:
        """These contents without some attributes."""
        return [(apply("pte_without", (v, bits)), x) for v, x in values.items()]

    def _update(
        self, node: int, where: dict[Ptr, int], values: Literals, changed: list[tuple[Value, int]]
    ) -> None:
        """The processor's LOCK'd update of an entry, from ``values`` to contents ``changed`` (MMR 7.1)."""
        written = self.e.collect(changed)
        self.e.reads.append(Read(node, WALKER, body=-1, at=-1, where=where, values=values, kind="memory"))
        self.e.writes.append(
            Write(node, WALKER, body=-node, at=0, where=where, values=written, buffered=False)
        )

    def _dirty(self, use: Use, event: Event) -> None:
        """A write through a clean entry sets D in that entry first (MMR 7.3)."""
        clauses, ((_, chain),) = self.clauses, use.served
        clean = clauses.both(chain.flags[CLEAN], clauses.any(use.pages.values()))
        where: dict[Ptr, int] = {}
        for level in chain.levels:
            here = clauses.all((chain.done, clean, level.last, self.flag(level, CLEAN)))
            for cell, x in level.where.items():
                literal = clauses.both(here, x)
                if literal != NO:
                    where[cell] = clauses.either(where.get(cell, NO), literal)
        for entry in use.initial:
            if flags(entry.content) & CLEAN and not flags(entry.content) & needs(event):
                found = first_leaf(self.program, use.cpu, entry.va)
                if found is None:
                    clauses.add(-entry.done)
                else:
                    where[found] = clauses.either(where.get(found, NO), entry.done)
        if not where:
            return
        done = clauses.any(where.values())
        values = self.e.one_hot(
            frozenset(
                v
                for cell in where
                for v in self.domains.contents(cell)
                if flags(v) & CLEAN and (self.switches.d_on_ro or not flags(v) & RO)
                and target(v) in use.pages
            )
        )  # fmt: skip
        if not values:
            clauses.add(-done)
            return
        for value, literal in values.items():
            clauses.add(-done, -literal, use.pages[target(value)])  # type: ignore[index]
        use.dirty = self.e.node()
        self._update(use.dirty, where, values, self._marked(values))

    def _marked(self, values: Literals) -> list[tuple[Value, int]]:
        """These contents after D was set; where A is clear it may be set, too (MMR 7.3)."""
        mode = self.switches.d_sets_a
        if mode != "either" or not any(flags(v) & UNACCESSED for v in values):
            return self._without(values, CLEAN if mode == "never" else CLEAN | UNACCESSED)
        too, both = self.clauses.new(), self.clauses.both
        aged = [(v, both(x, too)) for v, x in self._without(values, CLEAN | UNACCESSED)]
        return aged + [(v, both(x, -too)) for v, x in self._without(values, CLEAN)]

    def accessed(self) -> None:
        """Every walker may set A wherever it can walk, for no reason (MMR 7.2). Where software fills
        TLBs the processor sets neither A nor D."""
        for cpu in range(self.program.cpus):
            for cell in dict.fromkeys(self.program.entries.values()) if self.marks(cpu) else ():
                old = self._unaged(cell)
                for _ in range(self._chances(cell) if old else 0):
                    self._accessed(cpu, cell, old)

    def marks(self, cpu: int) -> bool:
        """May the walker of this CPU set A in some entry (MMR 7.2)?"""
        cells = self.program.entries.values()
        walks = self.switches.spontaneous and bool(cells) and bool(self.domains.roots(cpu))
        return walks and any(map(self._unaged, cells))

    def _unaged(self, cell: Ptr) -> frozenset[Value]:
        """The contents of an entry in which a walker may set A."""
        contents = self.domains.contents(cell)
        return frozenset(v for v in contents if flags(v) & UNACCESSED and target(v) is not None)

    def _chances(self, cell: Ptr) -> int:
        """How often A can be set in an entry: once for each store that may clear it."""
        first = int(bool(flags(self.program.cells[cell].init) & UNACCESSED))
        return first + sum(
            cell in w.where and w.cpu != WALKER and any(flags(v) & UNACCESSED for v in w.values)
            for w in self.e.writes
        )

    def _accessed(self, cpu: int, cell: Ptr, old: frozenset[Value]) -> None:
        done = self.clauses.new()
        vas = self.e.one_hot(frozenset(va for (_, va), c in self.program.entries.items() if c == cell))
        node = self.e.node()
        chain = Chain(node, cpu, done=done, vas=vas, tag=self.tags(cpu))
        at = Read(node, cpu, body=-1, at=-1, where={}, values={}, kind="walk")
        roots = self.e.one_hot(self.domains.roots(cpu))
        handles, going = roots, done
        arrived: list[int] = []
        for k in range(self.program.depth):
            here = [
                self.clauses.all((going, x, y))
                for (h, x), (va, y) in product(handles.items(), vas.items())
                if self.program.entries.get((h, va)) == cell  # type: ignore[arg-type]
            ]
            end = self.clauses.any(here)
            arrived.append(end)
            if end != NO and k == 0:
                self.registers(Level(node, end, {}, {}), cpu, tag={}, roots=roots, at=at)
            going = self.clauses.both(going, -end)
            if going == NO or k == self.program.depth - 1:
                self.clauses.add(-going)
                break
            contents = self.present(self.cells(handles, vas))
            contents = frozenset(v for v in contents if target(v) in self.program.tables)
            level = self.level(
                self.e.node(), going, handles=handles, vas=vas, values=self.e.one_hot(contents)
            )
            if not contents or not level.where:
                self.clauses.add(-going)
                break
            self.e.reads.append(
                Read(level.node, cpu, body=-1, at=-1, where=level.where, values=level.values, kind="walk")
            )
            self.registers(level, cpu, tag=chain.tag, roots=None if k else roots, at=at)
            chain.levels.append(level)
            handles = self.descend(level)
        self.clauses.add(-done, *arrived)
        self.registers(Level(node, done, {}, {}), cpu, tag=chain.tag, roots=None, at=at)
        values = self.e.one_hot(frozenset(sorted(old, key=order_key)))
        chain.levels.append(Level(node, done, where={cell: done}, values=values, last=done))
        self._update(node, {cell: done}, values, self._without(values, UNACCESSED))
        self.e.updates.append(Update(node, cpu, done, chain))
