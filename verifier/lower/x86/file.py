"""X86 and X86_64 assembly to code.

Registers are locals under their widest names; a narrower name is a part of it, as on the machine (a
write of 32 bits clears the upper half, one of 8 or 16 bits keeps the rest). Locals and cells hold
signed numbers. The flags are locals too, so that conditional jumps are exact; they are kept up to
date only in columns that have one. All accesses to one cell must have one size (``sizes``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from verifier.budget import Budget
from verifier.errors import InputError
from verifier.lower.c import types as t
from verifier.lower.c.types import Type
from verifier.lower.code import Label, Lowered, SetRegister
from verifier.lower.meanings import CellOf, Meaning, RegisterOf
from verifier.lower.observe import observe
from verifier.lower.x86 import known
from verifier.lower.x86.instructions import lower_cell
from verifier.lower.x86.sizes import NamedObject, mixed, sized
from verifier.lower.x86.table import REGISTER_NAMES
from verifier.lower.x86.thread import Column
from verifier.patterns import pattern
from verifier.program.events import Cell, World
from verifier.program.expressions import Const, Expr
from verifier.program.values import Ptr, Value
from verifier.records import replace
from verifier.source import Diagnostic, Span
from verifier.syntax import condition as c
from verifier.syntax import x86
from verifier.syntax.test import Test
from verifier.syntax.trouble import Trouble, nearest

MAX_ELEMENTS = 64


def lower(test: Test, budget: Budget | None = None) -> Lowered:
    """The code of an assembly test. Raises ``InputError`` with every error of the file, ``LimitError``
    if the time is over."""
    file = _File(test, budget or Budget())
    try:
        return file.lower()
    finally:
        file.threads.clear()  # they know the file, and a decided test is to leave no cycles


class _File:
    """One file while it is lowered; the ``Scope`` of its conditions, the ``Objects`` of its threads."""

    def __init__(self, test: Test, budget: Budget) -> None:
        self.test, self.budget = test, budget
        self.tree: x86.Tree = test.tree
        self.wide = test.arch == "X86_64"
        self.bits = 64 if self.wide else 32
        self.troubles: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self.cells: dict[Ptr, Cell] = {}
        self.objects: dict[str, NamedObject] = {}
        self.threads: list[Column] = []
        self.unsigned: set[tuple[int, str]] = set()  # whole registers that are declared without a sign

    def lower(self) -> Lowered:
        small = _small(self.tree)
        self.threads = [Column(self, cpu, self.bits, small) for cpu in range(len(self.tree.columns))]
        self._initial_state()
        self.declares = any([o.type or o.elements for o in self.objects.values()])
        for thread, column in zip(self.threads, self.tree.columns, strict=True):
            self._thread(thread, column)
        self.troubles += mixed(self.objects, self.threads)
        for place in self.tree.final.locations:
            if isinstance(place, c.Name) and place.name not in self.objects:
                text = f"no instruction touches {place.name!r}"
                hint = nearest(place.name, self.objects) or "it is always 0"
                self.warnings.append(
                    Diagnostic("untouched", text, span=place.span, hint=hint, severity="warning")
                )
                self.object(place.name)  # where nothing touches it, it is 0
        final = self.tree.final
        final = final._replace(locations=tuple(e for p in final.locations for e in self._listed(p)))
        try:
            seen = observe(final, self)
        except InputError as error:
            self.troubles += error.diagnostics
        if self.troubles:
            raise InputError(self.troubles)
        self.cells = sized(self.cells, self.objects, self.threads)
        for cpu in range(len(self.threads)):
            irq = Ptr(f"{cpu}:irq")
            self.cells[irq] = Cell(irq, str(irq), 1, "register")
        names = {cell: cell.base + f"[{i}]" for cell, i in self._elements()}
        return Lowered(
            threads=[tuple(thread.code) for thread in self.threads],
            world=World(
                len(self.threads), self.cells, names=names, warnings=self.warnings, file=self.test.source.name
            ),
            observables=seen.observables,
            condition=seen.condition,
            shown=seen.shown,
            filter=seen.filter,
        )

    def _listed(self, place: c.Place) -> list[c.Place]:
        """A place of ``locations``; of an array, its elements."""
        known = self.objects.get(place.name) if isinstance(place, c.Name) else None
        if known is None or not known.elements:
            return [place]
        return [c.Member(place, c.Number(i, place.span), place.span) for i in range(known.elements)]

    def _trouble(self, code: str, message: str, span: Span, hint: str = "") -> None:
        self.troubles.append(Diagnostic(code, message, span, hint))

    # -- objects and the initial state ------------------------------------------------------------

    def object(self, name: str) -> Ptr:
        """The address of an object; made where it is first named."""
        cell = Ptr(name)
        if name not in self.objects:
            self.objects[name] = NamedObject()
            self.cells[cell] = Cell(cell, name, 0)
        return cell

    def taken(self, name: str) -> Ptr:
        """The address of an object, as a value."""
        cell = self.object(name)
        self.objects[name].taken = True
        return cell

    def width(self, name: str) -> int:
        """The declared bits of an object, 0 if it is not declared."""
        return self.objects[name].bits if name in self.objects else 0

    def access(self, cell: Ptr, bits: int, written: bool, span: Span) -> None:
        """Note an access to a cell. Raises ``Trouble`` if there is none."""
        if cell not in self.cells:
            hint = "arrays are declared in the initial state: 'int t[2];'"
            raise Trouble("out-of-bounds", f"there is no object at {cell}", span, hint)
        accesses = self.objects[cell.base].accesses
        before = accesses.get(bits)
        if before is None or (written and not before[0]):
            accesses[bits] = written, span

    def _elements(self) -> list[tuple[Ptr, int]]:
        return [
            (Ptr(name, i * o.bits // 8), i) for name, o in self.objects.items() for i in range(o.elements)
        ]

    def _initial_state(self) -> None:
        seen: set[tuple[int | None, str]] = set()
        for item in self.tree.init:
            if item.cpu is None:
                self._declare(item)
        for item in self.tree.init:
            register = REGISTER_NAMES.get(item.name.lower())
            name = register.whole if item.cpu is not None and register else item.name
            if (item.cpu, name) in seen:
                self._trouble("duplicate", f"{item.name} has two initial values", item.span)
            seen.add((item.cpu, name))
            if item.cpu is None:
                self._initial_object(item)
            elif item.cpu >= len(self.threads):
                hint = f"CPUs are 0 to {len(self.threads) - 1}"
                self._trouble("no-cpu", f"there is no CPU {item.cpu}", item.span, hint)
            elif register is None:
                hint = nearest(item.name.lower(), REGISTER_NAMES)
                self._trouble("unknown-register", f"{item.name!r} is not a register", item.span, hint)
            else:
                value: Expr = self._value(item.value, item, self.bits)
                if item.type:
                    kind = _type(item.type)
                    value = t.wrapped(value, kind)
                    if kind.kind == "int" and not kind.signed and kind.bits >= self.bits:
                        self.unsigned.add((item.cpu, register.whole))
                self.threads[item.cpu].set(item.name, value, item.span)

    def _declare(self, item: x86.Initial) -> None:
        self.object(item.name)
        declared = self.objects[item.name]
        if item.type and declared.type is None:
            declared.type = _type(item.type)
            self.cells[Ptr(item.name)] = Cell(Ptr(item.name), item.name, 0, unsigned=declared.unsigned)
        if item.size is None:
            return
        if not 0 < item.size <= MAX_ELEMENTS:
            self._trouble("array", f"an array has 1 to {MAX_ELEMENTS} elements, not {item.size}", item.span)
            return
        declared.type, declared.elements = declared.type or _INT, item.size
        for i in range(item.size):
            cell = Ptr(item.name, i * declared.bits // 8)
            self.cells[cell] = Cell(cell, f"{item.name}[{i}]", 0, unsigned=declared.unsigned)

    def _initial_object(self, item: x86.Initial) -> None:
        declared = self.objects[item.name]
        values = item.value if isinstance(item.value, tuple) else (item.value,)
        braces = isinstance(item.value, tuple)
        if len(values) > max(1, declared.elements) or (braces and not declared.elements):
            size = f"{declared.elements} elements" if declared.elements else "one value"
            self._trouble("array", f"{item.name} has {size}, not {len(values)}", item.span)
            return
        bits = declared.bits or self.bits
        for i, value in enumerate(values):
            cell = Ptr(item.name, i * declared.bits // 8)
            constant = self._value(value, item, bits)
            self.cells[cell] = replace(self.cells[cell], init=constant.value)  # type: ignore[arg-type]

    def _value(self, value: int | str | tuple[int | str, ...] | None, item: x86.Initial, bits: int) -> Const:
        if isinstance(value, int):
            return Const(signed(value, bits))
        if not isinstance(value, str):
            return Const(0)
        name, _, index = value.removesuffix("]").partition("[")
        cell = self.taken(name)
        if index:
            known = self.objects[name]
            if int(index) >= max(1, known.elements):
                self._trouble("array", f"{name} has no element {index}", item.span)
            cell = Ptr(name, int(index) * known.bits // 8)
        return Const(cell)

    # -- threads ------------------------------------------------------------------------------------

    def _thread(self, thread: Column, column: tuple[x86.Placed, ...]) -> None:
        self.budget.tick()
        cells = [placed.cell for placed in column]
        if any([cell.labels for cell in cells]) or self.declares or "rsp" in thread.written:
            self._labels(thread, column)
            self._lower(thread, column)
            return
        key = self.bits, thread.small, *[cell.text for cell in cells]
        found = known.KNOWN.get(key)
        if found is not None:
            found.repeat(thread, column)
        elif thread.code:
            self._lower(thread, column)
        else:
            recorder, before = known.Recorder(thread), len(self.troubles)
            self._lower(thread, column, recorder.lowered)
            recorder.end()
            if len(self.troubles) == before and not thread.returns:
                known.keep(key, recorder.column())

    def _labels(self, thread: Column, column: tuple[x86.Placed, ...]) -> None:
        """Find the labels of a column."""
        named = {o.name for p in column for o in p.cell.operands if isinstance(o, x86.Named)}
        for placed in column:
            for label in placed.cell.labels:
                if label in thread.labels:
                    self._trouble("duplicate", f"label {label!r} is defined twice", placed.span)
                if label not in named:
                    text, hint = f"no jump goes to {label!r}", nearest(label, named - set(REGISTER_NAMES))
                    self.warnings.append(
                        Diagnostic("label", text, span=placed.span, hint=hint, severity="warning")
                    )
                thread.labels.add(label)

    def _lower(
        self, thread: Column, column: tuple[x86.Placed, ...], after: Callable[[], None] = lambda: None
    ) -> None:
        """Lower a column; ``after`` is called after each instruction."""
        thread.prepare([placed.cell for placed in column])
        for placed in column:
            self.budget.tick()
            thread.code += [Label(label, placed.span) for label in placed.cell.labels]
            if placed.cell.opcode:
                try:
                    lower_cell(thread, placed)
                except Trouble as trouble:
                    self.troubles.append(trouble.diagnostic)
                    self._assume(thread, placed.cell)
            after()
        if thread.returns:
            thread.code.append(Label(thread.END))

    def _assume(self, thread: Column, cell: x86.TableCell) -> None:
        """Take a wrong instruction to touch what it names, so that one error makes no others."""
        for operand in cell.operands:
            if isinstance(operand, x86.Memory):
                for name, _ in operand.terms:
                    if name.lower() not in REGISTER_NAMES:
                        self.object(name)
            elif isinstance(operand, x86.Named) and operand.name.lower() in REGISTER_NAMES:
                thread.written.add(REGISTER_NAMES[operand.name.lower()].whole)

    # -- names in conditions --------------------------------------------------------------------------

    def cpus(self) -> int:
        """How many columns there are."""
        return len(self.threads)

    def constant(self, name: c.Name) -> int:
        """No number has a name in assembly."""
        raise Trouble("unknown-name", f"{name.name!r} is not a number", name.span)

    def va(self, name: c.Name) -> Ptr:
        """There are no virtual addresses in assembly."""
        raise Trouble("no-translation", "assembly tests have no TLB", name.span, "write an MM test")

    def page(self, operand: c.Operand) -> Value:
        """There are no pages in assembly."""
        raise Trouble("no-translation", "assembly tests have no pages", operand.span, "write an MM test")

    def pcid(self, pcid: int, span: Span) -> int:
        """There are no PCIDs in assembly."""
        raise Trouble("no-translation", "assembly tests have no PCIDs", span, "write an MM test")

    def holds(self, place: c.Place, cpu: int | None) -> Type:
        """What is declared; a number with a sign, as wide as what accesses it, where nothing is. A part of a
        register has no sign."""
        if cpu is not None:
            register = REGISTER_NAMES.get(place.name.lower()) if isinstance(place, c.Name) else None
            bits = register.bits if register else self.bits
            declared = register is not None and (cpu, register.whole) in self.unsigned
            return _word(bits, bits >= self.bits and not declared)
        base = place.base if isinstance(place, c.Member) else place
        known = self.objects.get(base.name) if isinstance(base, c.Name) else None
        if known is None:
            return _word(self.bits)
        return known.type or _word(max(known.accesses, default=self.bits))

    def comparable(self, place: c.Place, cpu: int | None, meaning: Meaning, named: bool) -> str:
        """Registers and memory hold numbers."""
        return ""

    def place(self, place: c.Place, cpu: int | None) -> Meaning:
        """A register of a CPU, an object, or an element of an array."""
        if cpu is not None:
            return self._register(place, cpu)
        if isinstance(place, c.Name):
            if place.name not in self.objects:
                hint = nearest(place.name, self.objects)
                if place.name.lower() in REGISTER_NAMES:
                    hint = f"a register needs its CPU: 0:{place.name}"
                raise Trouble("unknown-name", f"no instruction touches {place.name!r}", place.span, hint)
            return CellOf(Ptr(place.name), f"[{place.name}]", self.objects[place.name].unsigned)
        if isinstance(place, c.Member) and isinstance(place.base, c.Name):
            name, index = place.base.name, place.index
            known = self.objects.get(name, NamedObject())
            if isinstance(index, c.Number) and index.value < known.elements:
                cell = Ptr(name, index.value * known.bits // 8)
                return CellOf(cell, f"{name}[{index.value}]", known.unsigned)
        raise Trouble("unknown-name", f"there is no object {place.span.text!r}", place.span)

    def address(self, place: c.Place, cpu: int | None) -> Value:
        """The address of an object or of an element. A CPU has none of its own."""
        if cpu is not None:
            raise Trouble("place", "a register has no address", place.span)
        found = self.place(place, None)
        assert isinstance(found, CellOf)
        return found.cell

    def moves(self, address: Ptr) -> bool:
        """The name of an object is its address only where it is written &x."""
        return False

    def points(self, place: c.Place, cpu: int | None) -> bool:
        """No type says of a word that it is an address."""
        return False

    def _register(self, place: c.Place, cpu: int) -> Meaning:
        name = place.name if isinstance(place, c.Name) else place.span.text
        register = REGISTER_NAMES.get(name.lower())
        if register is None or not isinstance(place, c.Name):
            hint = nearest(name.lower(), REGISTER_NAMES)
            raise Trouble("unknown-register", f"{name!r} is not a register", place.span, hint)
        thread = self.threads[cpu]
        # `forall` over a column that writes no register is meant so; it is not a typing error.
        if register.whole not in thread.written and (thread.written or self.test.quantifier != "forall"):
            known = [self._printed(r) for r in thread.written]
            hint = f"it is always 0; P{cpu} writes {', '.join(sorted(known)) or 'no register'}"
            raise Trouble("unwritten", f"no instruction of P{cpu} writes {name}", place.span, hint)
        whole = register.bits >= self.bits
        if whole and (cpu, register.whole) not in self.unsigned:
            return RegisterOf(cpu, register.whole, f"{cpu}:{self._printed(register.whole)}")
        # What has no sign, as a part of a register, is observed through a local, set when all is over.
        name = register.whole if whole else name
        printed = self._printed(name) if whole else name.lower() if self.wide else name.upper()
        part = SetRegister(f"%{name.lower()}", thread.unsigned(thread.register(name), register.bits))
        if part not in thread.code:
            thread.code.append(part)
        return RegisterOf(cpu, part.reg, f"{cpu}:{printed}")

    def _printed(self, whole: str) -> str:
        return whole if self.wide else _narrow(whole)


@lru_cache
def _narrow(whole: str) -> str:
    """What X86 calls a register of X86_64."""
    return f"E{whole[1:].upper()}" if re.fullmatch(r"r[a-ds][xip]|r[bsd][pi]", whole) else whole


@lru_cache
def _word(bits: int, has_sign: bool = True) -> Type:
    """A number, or an address, of so many bits."""
    return Type("int", bits, has_sign, tag=t.WORD)


_INT = _word(32)


def _type(written: str) -> Type:
    """The type that a declaration writes. An address is a number of 64 bits here, and any of them may hold
    an address."""
    declared = t.written(written)
    return replace(declared, tag=t.WORD) if declared.kind == "int" else Type("int", 64, tag=t.WORD)


def signed(value: int, bits: int) -> int:
    """A number as a signed one of so many bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


# Instructions under which values that are small and not negative stay so, unless they run for ever.
_GROWING = pattern(r"(x?add|inc)[lq]?")
_STEADY = pattern(r"(mov|movnti|movntil|xchg|cmpxchg|or|and|xor|test|cmp)[lq]?|[mls]fence|nop|j\w+")


@lru_cache(maxsize=1024)
def _growth(opcode: str) -> int | None:
    """How many growing instructions this is; None if it may do something else."""
    return 0 if not opcode or _STEADY.fullmatch(opcode) else 1 if _GROWING.fullmatch(opcode) else None


@lru_cache(maxsize=1024)
def _narrow_register(name: str) -> bool:
    register = REGISTER_NAMES.get(name.lower())
    return register is not None and register.bits < 32


def _small(tree: x86.Tree) -> bool:
    """Can no value of this test leave the range in which 32-bit signed and unsigned are the same?

    Then nothing needs to be wrapped to its size, and pointers may pass through 32-bit registers.
    """
    growing = 0
    for column in tree.columns:
        behind: set[str] = set()
        for cell, _ in column:
            if cell.labels:
                behind.update(cell.labels)
            for operand in cell.operands:
                kind = type(operand)
                if kind is x86.Immediate and not 0 <= operand.value < 1 << 16:  # type: ignore[union-attr]
                    return False
                if kind is x86.Named and (operand.name in behind or _narrow_register(operand.name)):  # type: ignore[union-attr]
                    return False
            growth = _growth(cell.opcode)
            if growth is None:
                return False
            growing += growth  # each at most doubles the largest value
    initial = [item.value if isinstance(item.value, tuple) else (item.value,) for item in tree.init]
    values = [v for vs in initial for v in vs if isinstance(v, int)]
    return growing < 14 and all(0 <= v < 1 << 16 for v in values)
