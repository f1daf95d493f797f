"""The objects of a C or MM test: what its initial state declares, as cells with their contents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from verifier.program import c_types as t
from verifier.program.c_types import Type
from verifier.program.events import Cell
from verifier.program.kernel import CONSTANT_MASKS, NAMED_VALUES, WORDS, entry
from verifier.program.observe import Trouble
from verifier.program.values import FAULT, Ptr, Value, apply
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.trouble import nearest

INIT_MM = Ptr("init_mm")
MAX_CELLS = 4096


@dataclass(frozen=True, slots=True)
class Named:
    """An object or a handle. ``type`` is what a plain object holds, or the handle's own type.

    ``size``: elements of an array, None if it is none.
    """

    name: str
    type: Type
    span: Span
    size: int | None = None
    percpu: bool = False

    @property
    def handle(self) -> bool:
        """Is the name itself a value (a page, an mm, a struct, …)?"""
        return self.type.kind in t.HANDLES


class Memory:
    """All cells of a test. Errors are collected in ``troubles``."""

    def __init__(self, unit: ast.Unit, troubles: list[Diagnostic]) -> None:
        self.unit, self.troubles = unit, troubles
        self.mm_file = unit.arch == "MM"
        self.cpus = max(unit.threads, default=0) + 1
        self.named: dict[str, Named] = {}
        self.cells: dict[Ptr, Cell] = {}
        self.fields: dict[str, dict[str, Type]] = {}  # by kind of object: those that have a name
        self.values: dict[Ptr, Value] = {}
        self.tlb: list[tuple[int, int, Ptr, Value]] = []
        self.entries: dict[tuple[Ptr, Ptr], Ptr] = {}
        self.locals: dict[tuple[int, str], tuple[Value, Type]] = {}
        self.vas: list[Ptr] = []
        self._given: dict[Ptr, bool] = {}  # what has a value; True if a test may override it
        self._refused: dict[str, str] = {}  # names of what is not supported yet
        self._overridable = False
        self._initial = [(item, i in unit.overridable) for i, item in enumerate(unit.initial)]
        for item, overridable in self._initial:
            self._overridable = overridable
            self._try(self._declare, item)
        for thread in (*unit.threads.values(), *unit.nmis):
            for p in thread.parameters:
                self._try(self._parameter, p)
        for item, overridable in self._initial:
            self._overridable = overridable
            self._try(self._fill, item)
        self._lay_out()

    def _try(self, step, item) -> None:  # type: ignore[no-untyped-def]
        try:
            step(item)
        except Trouble as trouble:
            self.troubles.append(trouble.diagnostic)

    # -- names ------------------------------------------------------------------------------------

    def _add(self, named: Named) -> None:
        if named.name in self.unit.functions:
            raise Trouble("duplicate", f"{named.name} is a function already", named.span)
        old = self.named.get(named.name)
        if old is not None and (old.type.kind == "va") != (named.type.kind == "va"):
            raise Trouble("duplicate", f"{named.name} is {old.type.words} already", named.span)
        self.named[named.name] = named

    def _declare(self, item: ast.Initial) -> None:
        if isinstance(item, ast.Setting):
            name = item.place
            if item.cpus is None and not self.mm_file and isinstance(name, ast.Ident):
                if name.name not in self.named:
                    self._add(Named(name.name, t.ANY, name.span))
                if isinstance(item.value, ast.Ident | ast.Unary):
                    self._implicit(item.value)
            elif item.cpus is not None and isinstance(item.value, ast.Ident | ast.Unary) and not self.mm_file:
                self._implicit(item.value)
            return
        if item.type.base in ("table", "code"):
            what = {"table": "page-table levels", "code": "instruction fetch"}[item.type.base]
            self._refused[item.name] = what
            raise Trouble("not-yet", f"{item.type.base} ({what}) is not supported yet", item.span)
        kind = t.of(item.type)
        if kind.kind in ("mm", "page", "mask", "struct") and item.type.pointers:
            kind = Type("pointer", to=kind)
        size = None if item.size is None else self.number(item.size)
        if size is not None and not 0 < size <= MAX_CELLS:
            raise Trouble("size", f"an array of {size} elements", item.span, f"1 to {MAX_CELLS}")
        if kind.kind == "mm" and "init_mm" not in self.named:
            self.named["init_mm"] = Named("init_mm", t.MM, item.span)
        self._add(Named(item.name, kind, item.span, size, item.percpu))
        if isinstance(item.value, ast.Braced):
            for part in item.value.items:
                if isinstance(part, ast.FieldInit):
                    self.fields.setdefault(_group(kind), {}).setdefault(part.name, t.ANY)
                elif isinstance(part, ast.Mapping) and isinstance(part.va, ast.Ident):
                    self._add(Named(part.va.name, t.VA, part.va.span))
        elif not self.mm_file and isinstance(item.value, ast.Ident | ast.Unary):
            self._implicit(item.value)

    def _implicit(self, value: ast.CExpr) -> None:
        """In C files, as in herd7, an object whose address is an initial value exists by that."""
        while isinstance(value, ast.Unary) and value.op == "&":
            value = value.operand
        if isinstance(value, ast.Ident) and not self._known(value.name):
            self._add(Named(value.name, t.ANY, value.span))

    def _known(self, name: str) -> bool:
        return name in self.named or name in self.unit.enums or name in NAMED_VALUES

    def _parameter(self, p: ast.Parameter) -> None:
        """A thread's parameter names an object; in C files it also creates one."""
        old = self.named.get(p.name)
        if old is None and self.mm_file:
            raise self.unknown(p.name, p.span)
        kind = t.of(p.type)
        held = kind.to if kind.kind == "pointer" and kind.to else t.ANY
        if old is None or (old.type is t.ANY and not old.handle):
            self.named[p.name] = Named(p.name, held, p.span, old.size if old else None)

    def unknown(self, name: str, span: Span | None) -> Trouble:
        """The error about a name that nothing declares."""
        if name in self._refused:
            return Trouble("not-yet", f"{name} ({self._refused[name]}) is not supported yet", span)
        known = [*self.named, *self.unit.enums, *self.unit.functions, *NAMED_VALUES, *WORDS, *CONSTANT_MASKS]
        return Trouble("unknown-name", f"there is no {name!r}", span, nearest(name, known))

    # -- values -----------------------------------------------------------------------------------

    def number(self, expr: ast.CExpr) -> int:
        """A constant."""
        value, _ = self.value(expr)
        if not isinstance(value, int):
            raise Trouble("type", "a number is needed here", expr.span)
        return value

    def value(self, expr: ast.InitValue | ast.InitItem) -> tuple[Value, Type]:
        """A value of the initial state and its type."""
        if isinstance(expr, ast.Num):
            return expr.value, t.literal(expr.value)
        if isinstance(expr, ast.Ident):
            return self._name(expr)
        if isinstance(expr, ast.Unary):
            if expr.op == "&":
                return self.address(expr.operand)
            value, kind = self.value(expr.operand)
            function = {"-": "neg", "~": "inv", "!": "not"}.get(expr.op)
            if function:
                return apply(function, (value,)), kind
            return value, kind
        if isinstance(expr, ast.Binary):
            functions = {"+": "add", "-": "sub", "*": "mul", "|": "bitor", "&": "bitand", "<<": "shl"}
            if expr.op in functions:
                (a, kind), (b, _) = self.value(expr.left), self.value(expr.right)
                return apply(functions[expr.op], (a, b)), kind
        if isinstance(expr, ast.Cast):
            return self.value(expr.operand)
        if isinstance(expr, ast.IndexExpr):
            return self.address(expr)
        if isinstance(expr, ast.CallExpr):
            return self._call(expr)
        raise Trouble("value", "this is no initial value", expr.span)

    def _name(self, expr: ast.Ident) -> tuple[Value, Type]:
        if expr.name in self.unit.enums:
            value = self.unit.enums[expr.name]
            return value, t.literal(value)
        named = self.named.get(expr.name)
        if named is not None:
            return Ptr(named.name), named.type if named.handle else Type("pointer", to=named.type)
        if expr.name in NAMED_VALUES:
            return NAMED_VALUES[expr.name], t.PTE if expr.name == "none" else t.ANY
        if expr.name == "fault":
            return FAULT, t.ANY
        raise self.unknown(expr.name, expr.span)

    def _call(self, expr: ast.CallExpr) -> tuple[Value, Type]:
        if expr.name in (
            "ATOMIC_INIT",
            "ATOMIC64_INIT",
            "ATOMIC_LONG_INIT",
            "mk_pte",
            "__SPIN_LOCK_UNLOCKED",
        ):
            if expr.name == "mk_pte" and len(expr.arguments) > 1:
                raise Trouble("not-yet", "attributes of entries are not supported yet", expr.span)
            if len(expr.arguments) != 1:
                raise Trouble("arity", f"{expr.name} takes one argument", expr.span)
            value, kind = self.value(expr.arguments[0])
            if expr.name == "mk_pte" and kind.kind != "page":
                raise Trouble("type", f"{expr.name} takes a page, not {kind.words}", expr.arguments[0].span)
            return (
                (0, t.INT)
                if expr.name.startswith("__")
                else (value, t.PTE if expr.name == "mk_pte" else kind)
            )
        return self.address(expr)

    def address(self, expr: ast.CExpr) -> tuple[Ptr, Type]:
        """The address of a place, and the type of that address."""
        if isinstance(expr, ast.Ident):
            named = self.named.get(expr.name)
            if named is None:
                raise self.unknown(expr.name, expr.span)
            return Ptr(expr.name), named.type if named.handle else Type("pointer", to=named.type)
        if isinstance(expr, ast.IndexExpr) and isinstance(expr.base, ast.Ident | ast.CallExpr):
            base, kind = self.address(expr.base)
            index = self.number(expr.index)
            named = self.named.get(base.base)
            size = self.cpus if kind.kind == "mask" else named.size if named else None
            if size is None or not 0 <= index < size:
                raise Trouble("index", f"there is no element {index}", expr.span)
            return Ptr(base.base, index), kind
        if isinstance(expr, ast.FieldExpr):
            base, kind = self.address(expr.base)
            field_type = self.fields.get(_group(kind), {}).get(expr.name)
            if field_type is None and (kind.kind, expr.name) != ("page", "data"):
                raise self.no_field(kind, expr.name, expr.span)
            return Ptr(f"{base.base}.{expr.name}"), Type("pointer", to=field_type or t.ANY)
        if isinstance(expr, ast.CallExpr) and expr.name in ("pte", "mm_cpumask"):
            wanted = ("mm", "va") if expr.name == "pte" else ("mm",)
            if len(expr.arguments) != len(wanted):
                raise Trouble("arity", f"{expr.name} takes {len(wanted)} argument(s)", expr.span)
            pointers: list[Ptr] = []
            for kind_wanted, argument in zip(wanted, expr.arguments, strict=True):
                base, kind = self.address(argument)
                if kind.kind != kind_wanted:
                    raise Trouble("type", f"{Type(kind_wanted).words} is needed here", argument.span)
                pointers.append(base)
            if expr.name == "pte":
                return entry(*pointers), t.ENTRY
            return Ptr(f"mm_cpumask({pointers[0]})"), t.MASK
        raise Trouble("place", "this is no place in memory", expr.span)

    def no_field(self, kind: Type, name: str, span: Span | None) -> Trouble:
        """The error about a field that no initial state names."""
        known = self.fields.get(_group(kind), {})
        hint = nearest(name, known) or f"name it once in the initial state, as in {{ .{name} = 0 }}"
        return Trouble("unknown-field", f"{kind.words} has no field {name!r}", span, hint)

    # -- initial contents -------------------------------------------------------------------------

    def _give(self, cell: Ptr, value: Value, span: Span) -> None:
        if self._given.get(cell) is False:
            raise Trouble("duplicate", f"{cell_name(cell, self)} has two initial values", span)
        self._given[cell] = self._overridable
        self.values[cell] = value

    def _fill(self, item: ast.Initial) -> None:
        if isinstance(item, ast.Setting):
            if item.cpus is None:
                self._set(item.place, item.value, None)
                return
            low, high = self.number(item.cpus.low), self.number(item.cpus.high)
            if not 0 <= low <= high < self.cpus:
                hint = f"CPUs are 0 to {self.cpus - 1}; one without a program is P{high} {{ }}"
                raise Trouble("no-cpu", f"there is no CPU {high}", item.cpus.span, hint)
            for cpu in range(low, high + 1):
                self._set(item.place, item.value, cpu)
            return
        named = self.named.get(item.name)
        if named is None or item.value is None:
            return
        for prefix in [f"{c}:" for c in range(self.cpus)] if named.percpu else [""]:
            self._object(Ptr(prefix + item.name), named, item.value)

    def _object(self, ptr: Ptr, named: Named, value: ast.InitValue) -> None:
        kind = named.type
        if kind.kind == "page" and not isinstance(value, ast.Braced):
            self._give(Ptr(f"{ptr.base}.data"), self.value(value)[0], value.span)
        elif kind.kind == "mask":
            self._mask(ptr, value)
        elif kind.kind in ("mm", "page", "struct"):
            if not isinstance(value, ast.Braced):
                raise Trouble("value", f"{kind.words} is given in braces", value.span)
            for part in value.items:
                self._part(ptr, kind, part)
        elif named.size is not None:
            items = value.items if isinstance(value, ast.Braced) else (value,)
            if len(items) > named.size:
                raise Trouble("size", f"{named.name} has only {named.size} elements", value.span)
            for i, part in enumerate(items):
                self._give(Ptr(ptr.base, i), self.value(part)[0], part.span)
        elif isinstance(value, ast.Braced) and len(value.items) == 1:
            self._give(ptr, self.value(value.items[0])[0], value.span)
        else:
            held, given = self.value(value)
            if kind.kind == "int" and given.kind in ("mm", "page", "mask") and self.mm_file:
                raise Trouble("type", f"{named.name} holds numbers; this is {given.words}", value.span)
            self._give(ptr, held, value.span)

    def _part(self, ptr: Ptr, kind: Type, part: ast.InitItem) -> None:
        if isinstance(part, ast.FieldInit):
            value, given = self.value(part.value)
            known = self.fields[_group(kind)]
            known[part.name] = t.joined(known[part.name], given if given.kind != "int" else t.ANY)
            self._give(Ptr(f"{ptr.base}.{part.name}"), value, part.span)
        elif isinstance(part, ast.Mapping) and kind.kind == "mm":
            if ptr == INIT_MM:
                raise Trouble("not-yet", "kernel mappings (of init_mm) are not supported yet", part.span)
            va, page = self._mapping(part)
            self._give(entry(ptr, va), page, part.span)
        else:
            raise Trouble("value", f"this is nothing that {kind.words} has", part.span)

    def _mapping(self, part: ast.Mapping) -> tuple[Ptr, Value]:
        if part.pcid is not None:
            raise Trouble("not-yet", "PCIDs are not supported yet", part.span)
        if not isinstance(part.va, ast.Ident):
            raise Trouble("value", "a virtual address is a name", part.va.span)
        named = self.named.get(part.va.name)
        if named is None or named.type.kind != "va":
            raise Trouble(
                "unknown-name", f"no mm maps {part.va.name!r}", part.va.span,
                nearest(part.va.name, [n.name for n in self.named.values() if n.type.kind == "va"]),
            )  # fmt: skip
        page, kind = self.value(part.target)
        if kind.kind not in ("page", "pte"):
            raise Trouble("type", f"an address maps to a page or none, not to {kind.words}", part.target.span)
        return Ptr(part.va.name), page

    def _mask(self, ptr: Ptr, value: ast.InitValue) -> None:
        if not isinstance(value, ast.Braced):
            raise Trouble("value", "a cpumask is given in braces, as {0, 2..3}", value.span)
        chosen: set[int] = set()
        for part in value.items:
            low, high = (part.low, part.high) if isinstance(part, ast.Range) else (part, part)
            first, last = self.number(low), self.number(high)  # type: ignore[arg-type]
            if not 0 <= first <= last < self.cpus:
                raise Trouble(
                    "no-cpu", f"there is no CPU {last}", part.span, f"CPUs are 0 to {self.cpus - 1}"
                )
            chosen |= set(range(first, last + 1))
        for cpu in range(self.cpus):
            self._give(Ptr(ptr.base, cpu), int(cpu in chosen), value.span)

    def _set(self, place: ast.CExpr, value: ast.InitValue, cpu: int | None) -> None:
        """``place = value`` and ``cpu:place = value``."""
        name = place.name if isinstance(place, ast.Ident) else ""
        if cpu is not None and name in ("cr3", "irq", "tlb", "pcid"):
            self._register(name, value, cpu, place.span)
            return
        base = place
        while isinstance(base, ast.FieldExpr | ast.IndexExpr):
            base = base.base
        named = self.named.get(base.name) if isinstance(base, ast.Ident) else None
        if cpu is not None and (named is None or not named.percpu):
            if not isinstance(place, ast.Ident) or named is not None:
                raise Trouble("place", "this is no per-CPU object and no register", place.span)
            self.locals[cpu, name] = self.value(value)
            return
        if named is not None and named.percpu and cpu is None:
            raise Trouble("place", f"{named.name} is a per-CPU object", place.span, f"write 1:{named.name}")
        ptr, kind = self.address(place)
        if cpu is not None:
            ptr = Ptr(f"{cpu}:{ptr.base}", ptr.off)
            self._given.pop(ptr, None)
        if isinstance(place, ast.Ident) and named is not None:
            self._object(ptr, named, value)
        elif kind.kind == "mask" and not isinstance(place, ast.IndexExpr):
            self._mask(ptr, value)
        else:
            self._give(ptr, self.value(value)[0], place.span)

    def _register(self, name: str, value: ast.InitValue, cpu: int, span: Span) -> None:
        if name == "pcid":
            raise Trouble("not-yet", "PCIDs are not supported yet", span)
        if name == "tlb":
            for part in value.items if isinstance(value, ast.Braced) else (value,):
                if not isinstance(part, ast.Mapping):
                    raise Trouble("value", "a TLB holds mappings, as { v -> A }", part.span)
                va, page = self._mapping(part)
                if not isinstance(page, Ptr):
                    raise Trouble("value", "a TLB holds no entries that are not present", part.span)
                self.tlb.append((cpu, 0, va, page))
            return
        held, kind = self.value(value)
        if name == "cr3" and kind.kind != "mm":
            raise Trouble("type", f"cr3 holds an mm, not {kind.words}", value.span)
        if name == "irq" and held not in (0, 1):
            raise Trouble("value", "irq is on or off", value.span)
        self._give(Ptr(f"{cpu}:{name}"), held, span)

    # -- cells ------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """A cell for everything there is."""
        for named in self.named.values():
            for prefix in [f"{c}:" for c in range(self.cpus)] if named.percpu else [""]:
                for ptr in self._parts(named, prefix + named.name):
                    self._cell(ptr)
        mms = [Ptr(n.name) for n in self.named.values() if n.type.kind == "mm" and n.size is None]
        self.vas = [Ptr(n.name) for n in self.named.values() if n.type.kind == "va"]
        for mm in mms:
            for va in self.vas:
                self._cell(entry(mm, va), "pte")
                self.entries[mm, va] = entry(mm, va)
        for cpu in range(self.cpus):
            self._cell(Ptr(f"{cpu}:irq"), "register", 1)
            if mms:
                self._cell(Ptr(f"{cpu}:cr3"), "register", INIT_MM)

    def _cell(self, ptr: Ptr, kind: str = "data", default: Value = 0) -> None:
        if len(self.cells) >= MAX_CELLS:
            return
        self.cells[ptr] = Cell(ptr, cell_name(ptr, self), self.values.get(ptr, default), kind)

    def _parts(self, named: Named, name: str) -> Iterator[Ptr]:
        kind = named.type.kind
        if kind in ("va", "function"):
            return
        if kind in ("mm", "page", "struct"):
            if kind == "page":
                yield Ptr(f"{name}.data")
            for field_name in self.fields.get(_group(named.type), {}):
                yield Ptr(f"{name}.{field_name}")
            if kind == "mm":
                yield from (Ptr(f"mm_cpumask({name})", c) for c in range(self.cpus))
        elif kind == "mask":
            yield from (Ptr(name, c) for c in range(self.cpus))
        else:
            yield from (Ptr(name, i) for i in range(named.size or 1))


def _group(kind: Type) -> str:
    """Objects of one group have the same fields."""
    return f"struct {kind.tag}" if kind.kind == "struct" else kind.kind


def fields_of(memory: Memory, kind: Type) -> dict[str, Type]:
    """The fields that objects of a kind have."""
    known = dict(memory.fields.get(_group(kind), {}))
    if kind.kind == "page":
        known["data"] = t.ANY
    return known


def cell_name(ptr: Ptr, memory: Memory) -> str:
    """How states and stories call a cell."""
    named = memory.named.get(ptr.base.split(":", 1)[-1])
    several = ptr.base.startswith("mm_cpumask(") or (
        named is not None and (named.size is not None or named.type.kind == "mask")
    )
    return f"{ptr.base}[{ptr.off}]" if several else str(ptr)
