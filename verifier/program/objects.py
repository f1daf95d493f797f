"""The objects of a C or MM test: what its initial state declares, and the cells they are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from verifier.program.events import Cell
from verifier.program.kernel import NAMED_VALUES
from verifier.program.observe import Trouble
from verifier.program.values import Ptr, Value
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.ast import Braced, FieldInit, Ident, Mapping, Object, Range, Setting, Unit
from verifier.syntax.tree import constant
from verifier.syntax.trouble import nearest

HANDLES = {"mm": "mm", "struct mm_struct": "mm", "page": "page", "struct page": "page", "cpumask": "mask"}
WRAPS = {
    "int": "s32", "signed int": "s32", "unsigned": "u32", "unsigned int": "u32", "u8": "u8", "u16": "u16",
    "u32": "u32", "u64": "u64", "unsigned long": "u64", "long": "s64", "s32": "s32", "s64": "s64",
    "bool": "bool", "_Bool": "bool", "atomic_t": "s32", "short": "s16", "char": "s8",
}  # fmt: skip


@dataclass(slots=True)
class Thing:
    """One named object: ``kind`` is ``data``, ``array``, ``mm``, ``page``, ``mask``, ``struct`` or ``va``."""

    name: str
    kind: str
    wrap: str = ""
    size: int = 1
    percpu: bool = False


@dataclass(slots=True)
class Objects:
    """All objects of a unit. ``Trouble`` goes to ``troubles``."""

    unit: Unit
    cpus: int
    troubles: list[Diagnostic]
    things: dict[str, Thing] = field(default_factory=dict)
    values: dict[Ptr, Value] = field(default_factory=dict)  # initial values given
    fields: set[str] = field(default_factory=set)
    tlb: list[tuple[int, Ptr, Value]] = field(default_factory=list)
    registers: list[tuple[int, str, Value, Span]] = field(default_factory=list)
    given: dict[Ptr, bool] = field(default_factory=dict)  # cell -> it came from an include

    def build(self) -> None:
        """Declare everything, then give the initial values."""
        for item in self.unit.initial:
            if isinstance(item, Object):
                self._try(self._declare, item)
        self._addresses()
        for index, item in enumerate(self.unit.initial):
            self.from_include = index in self.unit.overridable
            self._try(self._object if isinstance(item, Object) else self._setting, item)

    from_include: bool = False

    def _try(self, method: object, item: object) -> None:
        try:
            method(item)  # type: ignore[operator]
        except Trouble as trouble:
            self.troubles.append(trouble.diagnostic)

    # -- declarations -----------------------------------------------------------------------------

    def _declare(self, item: Object) -> None:
        base = item.type.base
        if base == "table":
            raise Trouble(
                "not-yet", "page-table levels are not supported yet", item.span, "map pages in the mm itself"
            )
        if base == "code":
            raise Trouble("not-yet", "instruction fetch is not supported yet", item.span)
        size = 1
        if item.type.pointers == 0 and base in HANDLES:
            kind = HANDLES[base]
        elif item.type.pointers == 0 and base.startswith("struct "):
            kind = "struct"
        elif item.size is not None:
            kind, size = "array", self.number(item.size)
            if not 0 < size <= 64:
                raise Trouble("array", f"{item.name} cannot have {size} elements", item.span, "1 to 64")
        else:
            kind = "data"
        wrap = "" if item.type.pointers else WRAPS.get(base, "")
        self.things[item.name] = Thing(item.name, kind, wrap, size, item.percpu)

    def _addresses(self) -> None:
        """Whatever an mm or a TLB maps is a virtual address; with any mm there is ``init_mm``."""
        for item in self.unit.initial:
            braced = item.value
            place = item.place if isinstance(item, Setting) else None
            tlb = isinstance(place, Ident) and place.name == "tlb"
            mm = isinstance(item, Object) and self.kind(item.name) == "mm"
            if isinstance(braced, Braced) and (tlb or mm):
                for part in braced.items:
                    if isinstance(part, Mapping) and isinstance(part.va, Ident):
                        old = self.things.get(part.va.name)
                        if old is not None and old.kind != "va":
                            self.troubles.append(
                                Diagnostic("type", f"{part.va.name} is no virtual address", part.va.span)
                            )
                        self.things[part.va.name] = Thing(part.va.name, "va")
        if any(t.kind in ("mm", "va") for t in self.things.values()):
            self.things.setdefault("init_mm", Thing("init_mm", "mm"))

    def kind(self, name: str) -> str:
        """The kind of an object, or nothing."""
        thing = self.things.get(name)
        return thing.kind if thing else ""

    def names(self, kind: str) -> list[str]:
        """All objects of a kind."""
        return [t.name for t in self.things.values() if t.kind == kind]

    def number(self, expr: ast.CExpr) -> int:
        """A constant."""
        value = constant(expr, self.unit.enums)
        if value is None:
            raise Trouble("constant", "this is no constant", expr.span, "numbers and enum constants are")
        return value

    # -- initial values ---------------------------------------------------------------------------

    def give(self, cell: Ptr, value: Value, span: Span) -> None:
        """Set an initial value; a test may override what an include gave, and nothing else."""
        if cell in self.given and self.given[cell] == self.from_include and self.values[cell] != value:
            raise Trouble("duplicate", f"{cell} has two initial values", span)
        self.values[cell] = value
        self.given[cell] = self.from_include

    def value(self, expr: ast.InitValue) -> Value:
        """A value of the initial state."""
        if isinstance(expr, Braced):
            raise Trouble("type", "braces where a value is needed", expr.span)
        if isinstance(expr, Ident):
            if expr.name in self.unit.enums:
                return self.unit.enums[expr.name]
            if expr.name in NAMED_VALUES:
                return NAMED_VALUES[expr.name]
            if expr.name in self.things:
                return Ptr(expr.name)
            if self.unit.arch == "C":
                self.things[expr.name] = Thing(expr.name, "data", "s32")
                return Ptr(expr.name)
            raise Trouble(
                "unknown-name",
                f"there is no {expr.name!r}",
                expr.span,
                nearest(expr.name, [*self.things, *self.unit.enums]),
            )
        if isinstance(expr, ast.Unary) and expr.op == "&":
            return self.value(expr.operand)
        if isinstance(expr, ast.IndexExpr) and isinstance(expr.base, Ident):
            return Ptr(expr.base.name, self.number(expr.index))
        if isinstance(expr, ast.CallExpr):
            if expr.name in ("ATOMIC_INIT", "ATOMIC64_INIT") and len(expr.arguments) == 1:
                return self.value(expr.arguments[0])
            if expr.name == "mk_pte":
                if len(expr.arguments) == 1:
                    return self.value(expr.arguments[0])
                raise Trouble("not-yet", "attributes of entries are not supported yet", expr.span)
        if isinstance(expr, ast.Cast):
            return self.value(expr.operand)
        return self.number(expr)

    def instances(self, thing: Thing) -> list[str]:
        """The names of an object's instances: one, or one a CPU."""
        return [f"{c}:{thing.name}" for c in range(self.cpus)] if thing.percpu else [thing.name]

    def _object(self, item: Object) -> None:
        thing = self.things.get(item.name)
        if thing is None or item.value is None:
            return
        for name in self.instances(thing):
            self._fill(thing, name, item.value)

    def _fill(self, thing: Thing, name: str, value: ast.InitValue) -> None:
        if thing.kind == "page" and not isinstance(value, Braced):
            self.fields.add("data")
            self.give(Ptr(f"{name}.data"), self.value(value), value.span)
        elif thing.kind == "mask":
            self._mask(name, value)
        elif not isinstance(value, Braced):
            if thing.kind in ("mm", "struct"):
                raise Trouble("type", f"{thing.name} is initialised in braces", value.span)
            self.give(Ptr(name), self.value(value), value.span)
        else:
            position = 0
            for part in value.items:
                if isinstance(part, FieldInit) and thing.kind in ("mm", "page", "struct"):
                    self.fields.add(part.name)
                    self.give(Ptr(f"{name}.{part.name}"), self.value(part.value), part.span)
                elif isinstance(part, Mapping) and thing.kind == "mm":
                    self._map(name, part)
                elif thing.kind == "array" and not isinstance(part, Mapping | FieldInit | Range):
                    if position >= thing.size:
                        raise Trouble("array", f"{thing.name} has only {thing.size} elements", part.span)
                    self.give(Ptr(name, position), self.value(part), part.span)
                    position += 1
                else:
                    raise Trouble(
                        "type", f"this is nothing that {thing.name} can be initialised with", part.span
                    )

    def _map(self, mm: str, part: Mapping) -> None:
        if mm == "init_mm":
            raise Trouble("not-yet", "mappings of init_mm are not supported yet", part.span)
        if part.pcid is not None or not isinstance(part.va, Ident):
            raise Trouble("type", "an mm maps a virtual address to a page", part.span, "such as { v -> A }")
        self.give(Ptr(f"pte({mm}, {part.va.name})"), self.entry(part.target), part.span)

    def entry(self, expr: ast.InitValue) -> Value:
        """What an entry may hold: none, or a page."""
        value = self.value(expr)
        if value != 0 and not (isinstance(value, Ptr) and self.kind(value.base) == "page"):
            raise Trouble("type", "an entry holds a page, or none", expr.span, "declare it: page A = 1;")
        return value

    def _mask(self, name: str, value: ast.InitValue) -> None:
        if not isinstance(value, Braced):
            raise Trouble("type", "a cpumask is a set", value.span, "such as {0, 2} or {1..n}")
        for part in value.items:
            if isinstance(part, Range):
                members = range(self.number(part.low), self.number(part.high) + 1)
            elif isinstance(part, Mapping | FieldInit | Braced):
                raise Trouble("type", "a cpumask is a set of CPUs", part.span)
            else:
                members = range(self.number(part), self.number(part) + 1)
            for cpu in members:
                if not 0 <= cpu < self.cpus:
                    raise Trouble(
                        "no-cpu", f"there is no CPU {cpu}", part.span, f"CPUs are 0 to {self.cpus - 1}"
                    )
                self.give(Ptr(name, cpu), 1, part.span)

    def _setting(self, item: Setting) -> None:
        if item.cpus is None:
            self._plain(item)
            return
        low, high = self.number(item.cpus.low), self.number(item.cpus.high)
        for cpu in range(low, high + 1):
            if not 0 <= cpu < self.cpus:
                raise Trouble("no-cpu", f"there is no CPU {cpu}", item.span, f"CPUs are 0 to {self.cpus - 1}")
            self._of_cpu(cpu, item)

    def _plain(self, item: Setting) -> None:
        place, value = item.place, item.value
        if isinstance(place, ast.CallExpr) and place.name == "mm_cpumask" and len(place.arguments) == 1:
            mm = self.value(place.arguments[0])
            self._mask(f"mm_cpumask({mm})", value)
        elif isinstance(place, Ident):
            if place.name not in self.things:
                if self.unit.arch != "C":
                    known = nearest(place.name, self.things) or "declare it, such as int x = 1;"
                    raise Trouble("unknown-name", f"there is no {place.name!r}", place.span, known)
                self.things[place.name] = Thing(place.name, "data", "s32")
            self._fill(self.things[place.name], place.name, value)
        elif isinstance(place, ast.IndexExpr) and isinstance(place.base, Ident):
            self.give(Ptr(place.base.name, self.number(place.index)), self.value(value), item.span)
        else:
            self.give(Ptr(self.path(place)), self.value(value), item.span)

    def path(self, expr: ast.CExpr) -> str:
        """``runqueues.curr`` as a name."""
        if isinstance(expr, Ident):
            if expr.name not in self.things:
                raise Trouble(
                    "unknown-name", f"there is no {expr.name!r}", expr.span, nearest(expr.name, self.things)
                )
            return expr.name
        if isinstance(expr, ast.FieldExpr):
            base = self.path(expr.base)
            self.fields.add(expr.name)
            return f"{base}.{expr.name}"
        raise Trouble("type", "this is no object", expr.span)

    def _of_cpu(self, cpu: int, item: Setting) -> None:
        place, value = item.place, item.value
        name = place.name if isinstance(place, Ident) else ""
        if name == "cr3":
            mm = self.value(value)
            if not isinstance(mm, Ptr) or self.kind(mm.base) != "mm":
                raise Trouble("type", "cr3 holds an address space", value.span, "declare it: mm N { };")
            self.give(Ptr(f"{cpu}:cr3"), mm, item.span)
        elif name == "irq":
            self.give(Ptr(f"{cpu}:irq"), self.value(value), item.span)
        elif name == "tlb":
            if not isinstance(value, Braced):
                raise Trouble("type", "a TLB is a set of mappings", value.span, "such as { v -> A }")
            for part in value.items:
                if not isinstance(part, Mapping) or not isinstance(part.va, Ident):
                    raise Trouble("type", "a TLB holds mappings", part.span, "such as { v -> A }")
                if part.pcid is not None:
                    raise Trouble("not-yet", "PCIDs are not supported yet", part.span)
                self.tlb.append((cpu, Ptr(part.va.name), self.entry(part.target)))
        elif name == "pcid":
            raise Trouble("not-yet", "PCIDs are not supported yet", item.span)
        elif name and name not in self.things:
            self.registers.append((cpu, name, self.value(value), item.span))
        else:
            self.give(Ptr(f"{cpu}:{self.path(place)}"), self.value(value), item.span)

    # -- cells ------------------------------------------------------------------------------------

    def cells(self) -> dict[Ptr, Cell]:
        """Every cell with its initial value."""
        out: dict[Ptr, Cell] = {}

        def add(ptr: Ptr, name: str, kind: str = "data", default: Value = 0) -> None:
            out[ptr] = Cell(ptr, name, self.values.get(ptr, default), kind)

        mms, vas = self.names("mm"), self.names("va")
        for thing in self.things.values():
            for name in self.instances(thing):
                if thing.kind == "data":
                    add(Ptr(name), name)
                elif thing.kind == "array":
                    for i in range(thing.size):
                        add(Ptr(name, i), f"{name}[{i}]")
                elif thing.kind == "mask":
                    for cpu in range(self.cpus):
                        add(Ptr(name, cpu), f"{name}[{cpu}]")
                elif thing.kind != "va":
                    for part in sorted(self.fields | ({"data"} if thing.kind == "page" else set())):
                        add(Ptr(f"{name}.{part}"), f"{name}.{part}")
        for mm in mms:
            for cpu in range(self.cpus):
                add(Ptr(f"mm_cpumask({mm})", cpu), f"mm_cpumask({mm})[{cpu}]")
            for va in vas:
                add(Ptr(f"pte({mm}, {va})"), f"pte({mm}, {va})", "pte")
        for cpu in range(self.cpus):
            add(Ptr(f"{cpu}:irq"), f"{cpu}:irq", "register", 1)
            if mms:
                add(Ptr(f"{cpu}:cr3"), f"{cpu}:cr3", "register", Ptr("init_mm"))
        return out
