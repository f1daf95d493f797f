"""The memory of a C or MM test: the cells of its objects, and of the registers of its CPUs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from verifier.errors import InputError
from verifier.lower.c import types as t
from verifier.lower.c.cell_names import cell_name, elements, index
from verifier.lower.c.contents import InitialContents
from verifier.lower.c.fields import MAX_INNER, group, seen_as
from verifier.lower.c.objects import MAX_CELLS, NamedObject
from verifier.lower.c.tables import INIT_MM
from verifier.lower.c.types import Type
from verifier.program.events import Cell, CellKind, Observable
from verifier.program.expressions import Const, Expr, call
from verifier.program.values import IN_LINE, Ptr, Value, element, halted, of_all, softirqs_off
from verifier.source import Diagnostic
from verifier.syntax import ast
from verifier.syntax.nodes import gathered
from verifier.syntax.trouble import Trouble
from verifier.words.guards import GUARDS
from verifier.words.rows import Locked, Machine, flat
from verifier.words.table import WORDS, special


def _softirqs(unit: ast.Unit) -> bool:
    """Does it matter whether a test turns softirqs off? It does to the callbacks of RCU, and to readers that
    wait behind a writer only where they are not in an interrupt (MMR 19.4)."""
    called = gathered((unit.functions, unit.threads, unit.nmis), _called)
    words = [WORDS[name] for name in called if name in WORDS and name not in unit.functions]
    off = any(isinstance(e, Machine) and e.kind == "bh" for w in words for e in flat(w.effects))
    callbacks = any(special(w.name) == "call_rcu" and w.at("domain") is None for w in words)
    waits = any(isinstance(e, Locked) and e.line == "waits" for w in words for e in flat(w.effects))
    return off and (callbacks or waits)


def _called(code: Iterable[object]) -> set[str]:
    """The functions and words that code calls."""
    found: set[str] = set()
    for x in code:
        if type(x) is ast.CallExpr:
            found.add(x.name)
        elif type(x) is ast.Guard and x.name in GUARDS:
            found.add(GUARDS[x.name].begin)
    return found


class TestMemory(InitialContents):
    """All cells of a test."""

    def __init__(self, unit: ast.Unit, troubles: list[Diagnostic]) -> None:
        super().__init__(unit, troubles)
        self.cells: dict[Ptr, Cell] = {}
        self.poisons: set[int] = set()  # what is stored into objects that are freed
        self.workers: dict[object, int] = {}  # CPUs that run what is left to a workqueue, by what it is
        self.softirqs = _softirqs(unit)
        # Of structs with unions: the group of each, and the cells of each field.
        self.instances: list[tuple[str, dict[str, list[Ptr]]]] = []
        self._lay_out()

    def _lay_out(self) -> None:
        """A cell for everything there is."""
        for named in self.named.values():
            try:
                self._object_cells(named)
            except Trouble as trouble:  # without its memory nothing else makes sense
                raise InputError([*self.troubles, trouble.diagnostic]) from None
        for cell in self.tables.cells:
            self._cell(cell, "pte")
        for cpu in range(self.cpus):
            self._registers(cpu)

    def _registers(self, cpu: int) -> None:
        """The cells of a CPU's registers."""
        self._cell(Ptr(f"{cpu}:irq"), "register", 1)
        if self.softirqs:
            self._cell(softirqs_off(cpu), "register", 0)
        if self.tables.mms:
            self._cell(Ptr(f"{cpu}:cr3"), "register", INIT_MM)
            if self.used.pcids:
                self._cell(Ptr(f"{cpu}:pcid"), "register", 0)

    def _struct(self, name: str, kind: Type, depth: int = 0) -> Iterator[Ptr]:
        """The cells of a struct; of more than a test may have, no more than show that."""
        if depth > MAX_INNER:
            raise Trouble("struct", f"struct {kind.tag} contains itself", None)
        if kind.kind == "struct":
            self.starts[element(name)] = kind
        found: dict[str, list[Ptr]] = {}
        for field_name, of in self.fields.get(group(kind), {}).items():
            at = Ptr(f"{name}.{self.step(group(kind), field_name)}")
            found[field_name] = list(itertools.islice(self.inner(at, of, depth), MAX_CELLS + 1))
            yield from found[field_name]
        if self.sharing(group(kind)):
            self.instances.append((group(kind), found))

    def inner(self, at: Ptr, of: Type, depth: int = 0) -> Iterator[Ptr]:
        """The cells of a part of a struct."""
        if of.kind == "array":
            assert of.to is not None
            name = of_all(at.base)
            self.arrays.setdefault(name, t.cells(of))
            self.columns[name] = of.bits
            for i in range(min(of.bits, MAX_CELLS + 1)):
                yield from self.inner(Ptr(at.base, at.off + i * t.cells(of.to)), of.to, depth)
        elif of.inside and of.kind == "mask":
            self.arrays[of_all(at.path)] = self.cpus
            yield from (Ptr(at.path, c) for c in range(self.cpus))
        elif of.inside:
            yield from self._struct(at.path, of, depth + 1)
        else:
            yield from self._cells_of(at, of)

    def on_stack(self, named: NamedObject) -> None:
        """Lay out an object on a stack."""
        self.stack[named.name] = named
        for ptr in self._parts(named, named.name):
            self._room(named)
            shown = named.shown + elements(ptr.base, self).removeprefix(named.name)
            elements_here = named.type.kind == "mask" or (named.size is not None and not named.type.inside)
            several = elements_here or ptr.base in self.arrays
            self.cells[ptr] = Cell(ptr, shown + (index(ptr, self) if several else ""), 0)

    def _object_cells(self, named: NamedObject) -> None:
        for prefix in [f"{c}:" for c in range(self.cpus)] if named.percpu else [""]:
            for ptr in self._parts(named, prefix + named.name):
                self._room(named)
                self._cell(ptr)

    def _room(self, named: NamedObject) -> None:
        if len(self.cells) >= MAX_CELLS:
            text = f"a test has at most {MAX_CELLS} cells; this one has more"
            raise Trouble("size", text, named.span, "make arrays smaller, or leave fields out")

    def overlaid(self, asked: Iterable[Observable]) -> Mapping[Ptr, frozenset[Ptr]]:
        """By cell, the others that share bytes with it, of members of unions that a test uses. ``asked``:
        what its condition asks for."""
        finals = {o.cell for o in asked}
        found: dict[Ptr, frozenset[Ptr]] = {}
        for of, fields in self.instances:
            used = {
                self.steps_within(part, name)[0] for part in seen_as(of) for name in self.uses.get(part, ())
            }
            used |= {name for name, cells in fields.items() if not finals.isdisjoint(cells)}
            for names in self.sharing(of):
                if names <= used and names <= fields.keys():
                    for name, other in itertools.permutations(names):
                        for cell in fields[name]:
                            found[cell] = found.get(cell, frozenset()) | frozenset(fields[other])
        return found

    def line(self, lock: Expr, who: Literal["read", "write"]) -> Expr:
        """The address of a cell that counts the writers, or the readers, that stand in line for a lock."""
        suffix = f"{IN_LINE}-{who}"
        known = [lock.value] if isinstance(lock, Const) else list(self.cells)
        for ptr in known:
            if isinstance(ptr, Ptr) and IN_LINE not in ptr.base:
                at = Ptr(ptr.path + suffix)
                self.cells.setdefault(at, Cell(at, f"waiting to {who} {ptr}", 0))
        return call("field", lock, Const(suffix[1:]))

    def halts(self, cpu: int) -> Ptr:
        """The register cell that says whether a CPU is halted; from now on there is one."""
        if halted(cpu) not in self.cells:
            self.cells[halted(cpu)] = Cell(halted(cpu), f"{cpu}:halted", 0, "register")
        return halted(cpu)

    def worker(self, work: object) -> int:
        """A CPU that has no program: it runs what the kernel leaves to a workqueue. Two works that may run
        at the same time have two."""
        if work not in self.workers:
            self.workers[work] = self.cpus + len(self.workers)
            self._registers(self.workers[work])
        return self.workers[work]

    def _cell(self, ptr: Ptr, kind: CellKind = "data", default: Value = 0) -> None:
        named = self.named.get(of_all(ptr.base))
        if named is not None and named.type.kind == "int" and named.type.tag == "code":
            kind = "code"
        self.cells[ptr] = Cell(ptr, cell_name(ptr, self), self.values.get(ptr, default), kind)

    def _parts(self, named: NamedObject, name: str) -> Iterator[Ptr]:
        kind = named.type.kind
        if kind in ("va", "function"):
            return
        if kind in ("mm", "table", "page", "struct"):
            if kind == "page":
                yield Ptr(f"{name}.data")
            if named.size is not None:
                self.arrays[named.name] = named.size
                for i in range(named.size):
                    yield from self._struct(Ptr(name, i).path, named.type)
                return
            yield from self._struct(name, named.type)
            if kind == "mm":
                yield from (Ptr(f"mm_cpumask({name})", c) for c in range(self.cpus))
        elif kind == "mask":
            yield from (Ptr(name, c) for c in range(self.cpus))
        else:
            count = (named.size or 1) * t.cells(named.type)
            if named.type.kind == "array":
                self.columns[named.name] = named.type.bits
                self.arrays[named.name] = count
            of = named.type.to if named.type.kind == "array" else named.type
            for i in range(min(count, MAX_CELLS + 1)):
                yield from self._cells_of(Ptr(name, i), of or t.ANY)

    def _cells_of(self, at: Ptr, of: Type) -> Iterator[Ptr]:
        """The cells of what is no struct: two of an integer of 128 bits."""
        self.held[at] = of
        yield at
        if t.wide(of):
            yield Ptr(f"{at.path}.{t.HIGH}")
