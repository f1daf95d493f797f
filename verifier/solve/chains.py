"""Walks of page tables as clauses: chains of reads, from a root to the page that they find."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from verifier.program.events import Event
from verifier.program.values import (
    CLEAN,
    COMBINED,
    GLOBAL,
    NX,
    RO,
    SUPERVISOR,
    UNACCESSED,
    Ptr,
    Value,
    flags,
    target,
)
from verifier.solve.clauses import NO
from verifier.solve.encoding import Encoding
from verifier.solve.sites import Chain, Level, Literals, Read

# The attributes that a whole walk has of its entries.
CHAIN_FLAGS = (RO, NX, SUPERVISOR, GLOBAL, CLEAN)


class Chains:
    """Makes the walks of an encoding."""

    def __init__(self, encoding: Encoding) -> None:
        self.e = encoding
        self.clauses = encoding.clauses
        self.program = encoding.program
        self.switches = encoding.model.switches
        self.domains = encoding.domains

    def present(self, cells: Iterable[Ptr], old: bool = False) -> frozenset[Value]:
        """May-values of entries that a walk can go on with."""
        return frozenset(
            v
            for cell in cells
            for v in self.domains.contents(cell)
            if target(v) is not None and (old or not flags(v) & UNACCESSED)
        )

    def tags(self, cpu: int) -> Literals:
        """A PCID that the CPU may have; every read of a walk has to find it."""
        return self.e.one_hot(self.domains.pcids(cpu))

    def current(self, event: Event, node: int, done: int) -> Literals:
        """The PCID in force when an event happens."""
        now = self.tags(event.cpu)
        if len(now) > 1:
            where = {Ptr(f"{event.cpu}:pcid"): done}
            self.e.reads.append(Read(node, event.cpu, body=event.body, at=event.id, where=where, values=now))
        return now

    def registers(self, level: Level, cpu: int, tag: Literals, roots: Literals | None, at: Read) -> None:
        """Each read of a walk finds the walk's tag in force; the first read finds the root, too."""
        for name, values in (("pcid", tag), ("cr3", roots)):
            if values and len(self.domains.contents(Ptr(f"{cpu}:{name}"))) > 1:
                where = {Ptr(f"{cpu}:{name}"): level.done}
                self.e.reads.append(
                    Read(level.node, cpu, body=at.body, at=at.at, where=where, values=values, kind=at.kind)
                )

    def level(self, node: int, done: int, handles: Literals, vas: Literals, values: Literals) -> Level:
        """A read of the entry of one of ``handles``; a handle without such an entry is excluded."""
        where: dict[Ptr, int] = {}
        self.clauses.check()
        for (handle, x), (va, y) in product(handles.items(), vas.items()):
            literal = self.clauses.all((done, x, y))
            cell = self.program.entries.get((handle, va))  # type: ignore[arg-type]
            if cell is None:
                self.clauses.add(-literal)
            elif literal != NO:
                where[cell] = self.clauses.either(where[cell], literal) if cell in where else literal
        return Level(node, done, where, values)

    def cells(self, handles: Iterable[Value], vas: Iterable[Value]) -> list[Ptr]:
        """The entries that these handles have for these addresses."""
        found = (self.program.entries.get((h, v)) for h, v in product(handles, vas))  # type: ignore[arg-type]
        return [c for c in found if c is not None]

    def chain(self, use: int, cpu: int, vas: Literals, done: int, tag: Literals) -> Chain:
        """A walk of several reads at any instants, from a root that is in force at the first read."""
        chain = Chain(use, cpu, done=done, vas=vas, tag=tag)
        roots = self.e.one_hot(self.domains.roots(cpu))
        handles, here = roots, done
        for depth in range(self.program.depth):
            contents = self.present(self.cells(handles, vas))
            if depth == self.program.depth - 1:
                contents = frozenset(v for v in contents if target(v) not in self.program.tables)
            node = self.e.node()
            level = self.level(node, here, handles=handles, vas=vas, values=self.e.one_hot(contents))
            if not level.values or not level.where:
                self.clauses.add(-here)
                break
            self.e.reads.append(
                Read(node, cpu, body=-1, at=-1, where=level.where, values=level.values, kind="walk")
            )
            self.registers(level, cpu, tag=tag, roots=None if depth else roots, at=self.e.reads[-1])
            chain.levels.append(level)
            handles = self.descend(level)
            level.last = self.clauses.both(here, -self.clauses.any(handles.values()))
            if not handles:
                break
            here = self.clauses.any(handles.values())
        self._summary(chain)
        return chain

    def descend(self, level: Level) -> Literals:
        """The tables that a level leads to."""
        tables: dict[Value, list[int]] = {}
        for value, literal in level.values.items():
            to = target(value)
            if to is not None and to in self.program.tables:
                tables.setdefault(to, []).append(self.clauses.both(level.done, literal))
        return {t: self.clauses.any(xs) for t, xs in tables.items()}

    def flag(self, level: Level, bit: int) -> int:
        """The literal that the entry of a level has this attribute."""
        return self.clauses.any(x for v, x in level.values.items() if flags(v) & bit)

    def _summary(self, chain: Chain) -> None:
        """Combined attributes and pages of a whole walk (MMR 4.2)."""
        both = self.clauses.both
        for bit in CHAIN_FLAGS:
            parts = [
                both(level.done if bit & COMBINED else level.last, self.flag(level, bit))
                for level in chain.levels
            ]
            chain.flags[bit] = self.clauses.any(parts)
        found: dict[Value, list[int]] = {}
        for level in chain.levels:
            for value, literal in level.values.items():
                to = target(value)
                if to is not None and to not in self.program.tables:
                    found.setdefault(to, []).append(both(level.last, literal))
        chain.pages = {page: self.clauses.any(xs) for page, xs in found.items()}
