"""What the memory of a C or MM test holds at first: in objects, page tables, TLBs and registers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.lower.c import types as t
from verifier.lower.c.cell_names import cell_name
from verifier.lower.c.fields import group
from verifier.lower.c.objects import MAPPING, NamedObject, Objects, no_mm
from verifier.lower.c.pointees import OF_ITS_TYPE, other_struct, same_number
from verifier.lower.c.structs import Bitfield
from verifier.lower.c.tables import Mapped, Tables, uses
from verifier.lower.c.types import Type
from verifier.program.expressions import Const, evaluate
from verifier.program.values import UNACCESSED, Ptr, Value, flags, target
from verifier.records import replace
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.nodes import gathered, parts
from verifier.syntax.trouble import Trouble, nearest, the_first
from verifier.words.table import INITIALIZERS, entry_level

MAX_PCID = 4095
PGD = "pgd"  # the field of an mm that leads to its root
_NESTED = (
    ast.Block, ast.If, ast.While, ast.DoWhile, ast.For, ast.ForEachCpu, ast.ForEachEntry, ast.Switch,
    ast.Guard,
)  # fmt: skip


def _fields(code: Iterable[object]) -> set[str]:
    """The fields that code names with their structs."""
    return {x.name for x in code if isinstance(x, ast.FieldExpr)}


class InitialContents(Objects):
    """The initial values that a test gives. Errors are collected in ``troubles``."""

    def __init__(self, unit: ast.Unit, troubles: list[Diagnostic]) -> None:
        super().__init__(unit)
        self.troubles = troubles
        troubles += self.defined
        self.warnings: list[Diagnostic] = []
        self.values: dict[Ptr, Value] = {}
        self.tlb: list[tuple[int, int, Ptr, Value]] = []
        self.pending: list[tuple[int, str, Span]] = []  # handlers that are pending from the start
        self.locals: dict[tuple[int, str], tuple[Value, Type]] = {}
        self._given: dict[Ptr, bool] = {}  # what has a value; True if a test may override it
        self._cached: list[tuple[int, ast.Mapping, Ptr, Value]] = []
        self._mapped: dict[tuple[Ptr, Ptr], Mapped] = {}
        self._overridable = False
        self._initial = [(item, i in unit.overridable) for i, item in enumerate(unit.initial)]
        for item, overridable in self._initial:
            self._overridable = overridable
            self._try(self.declare, item)
        for thread in (*unit.threads.values(), *unit.nmis):
            for p in thread.parameters:
                self._try(self.parameter, p)
        for function in unit.functions.values():
            self._name_fields(function.body)
        for thread in (*unit.threads.values(), *unit.nmis):
            self._name_fields(thread.body)
        code = (list(unit.functions.values()), unit.threads, unit.nmis)
        if PGD in gathered(code, _fields):
            self.fields.setdefault("mm", {}).setdefault(PGD, t.UPPER)
        handles = [n for n in self.named.values() if n.type.kind in MAPPING]
        if handles:
            self.used = uses(unit)
        for item, overridable in self._initial if handles else ():
            self._overridable = overridable
            self._map(item)
        self.vas = [Ptr(n.name) for n in self.named.values() if n.type.kind == "va"]
        self.tables = Tables(
            mms=[Ptr(n.name) for n in handles if n.type.kind == "mm"],
            tables=[Ptr(n.name) for n in handles if n.type.kind == "table"],
            vas=self.vas,
            mapped=list(self._mapped.values()),
            used=self.used,
            note=lambda trouble: troubles.append(trouble.diagnostic),
        )
        self.values.update((cell, m.content) for cell, m in self.tables.initial())
        for item, overridable in self._initial:
            self._overridable = overridable
            self._try(self._fill, item)
        self._roots()
        self._cached_entries()

    def _try(self, step, item) -> None:  # type: ignore[no-untyped-def]
        try:
            step(item)
        except Trouble as trouble:
            self.troubles.append(trouble.diagnostic)

    def _name_fields(self, body: ast.Stmt) -> None:
        """The fields that initial values of structs on the stack name."""
        pending: list[object] = [body]
        while pending:
            x = pending.pop()
            if isinstance(x, ast.Declare) and isinstance(x.init, ast.Braced):
                kind = t.of(x.type)
                for part in x.init.items:
                    if isinstance(part, ast.FieldInit) and kind.kind == "struct":
                        self.name_field(kind, part.name)
            elif isinstance(x, tuple):
                pending += x
            elif isinstance(x, _NESTED):
                pending += [getattr(x, name) for name in x.__slots__]

    def _roots(self) -> None:
        """The ``pgd`` of each mm, if code names it: its own root, unless the test says another one's."""
        if PGD not in self.fields.get("mm", {}):
            return
        self.fields["mm"][PGD] = t.UPPER
        for mm in self.tables.mms:
            held = self.values.setdefault(Ptr(f"{mm}.{self.step('mm', PGD)}"), mm)
            if held not in self.tables.mms:
                text = f"the pgd of {mm} is the root of an address space, not {held}"
                found = Diagnostic(
                    "type", text, span=self.named[mm.base].span, hint="write .pgd = M, of an mm M"
                )
                self.troubles.append(found)

    def _cached_entries(self) -> None:
        """What TLBs hold at first; without a PCID, under that of their CPU."""
        for cpu, part, va, page in self._cached:
            own = self.values.get(Ptr(f"{cpu}:pcid"), 0)
            pcid = part.pcid if part.pcid is not None else own
            assert isinstance(pcid, int)
            self.tlb.append((cpu, pcid, va, page))

    def content(self, expr: ast.InitValue | ast.InitItem) -> tuple[Value, Type]:
        """What an object holds at first, and its type. Raises ``Trouble`` where that names what another one
        holds. In C files, as in herd7, a name is the object's address there."""
        named = next(self._read(expr), None) if self.mm_file else None
        if named is not None:
            what = named.span.text
            hint = f"write the number itself, or &{what} for the address of {what}"
            raise Trouble("value", f"an initial value is a constant, not what {what} holds", named.span, hint)
        return self.value(expr)

    def _read(self, expr: object) -> Iterator[ast.CExpr]:
        """The objects, elements and fields whose content an expression stands for."""
        if isinstance(expr, ast.Ident):
            named = self.named.get(expr.name)
            if named is not None and named.size is None and not named.handle:
                yield expr
        elif isinstance(expr, ast.IndexExpr | ast.FieldExpr):
            _, kind = self.address(expr)
            if kind.kind == "pointer" and (kind.to is None or kind.to.kind != "array"):
                yield expr
        elif isinstance(expr, ast.Binary | ast.Conditional | ast.OrElse):
            for part in parts(expr):
                yield from self._read(part)
        elif isinstance(expr, ast.Cast) or (isinstance(expr, ast.Unary) and expr.op != "&"):
            yield from self._read(expr.operand)
        elif isinstance(expr, ast.CallExpr) and expr.name in INITIALIZERS:
            for argument in expr.arguments:
                yield from self._read(argument)

    def _give(
        self, cell: Ptr, value: Value, span: Span, kind: Type = t.ANY, given: Type | None = None
    ) -> None:
        """An initial value, converted to the type of what holds it. ``given``: its own type."""
        if kind.kind == "int" and isinstance(value, Ptr) and value.base in self.unit.functions:
            raise Trouble("type", f"{cell_name(cell, self)} holds numbers; {value} is a function", span)
        if given is not None and self.mm_file:
            same_number(kind, given, span)
            value, given = self.as_number(value, given, kind)
            text = other_struct(self, kind, given)
            if text:
                found = Diagnostic("pointee", text, span=span, hint=OF_ITS_TYPE, severity="warning")
                self.warnings += [found] if found not in self.warnings else []  # one for all CPUs
        if kind.kind == "int" and isinstance(value, int):
            kept = t.number(value, kind)
            if t.loses(value, kind):
                text = f"{value} does not fit into {t.words(kind)}: it becomes {kept}"
                hint = f"{t.words(kind)} is {' to '.join(map(str, t.limits(kind)))}"
                self.warnings.append(Diagnostic("overflow", text, span=span, hint=hint, severity="warning"))
            value = kept
        high = Ptr(f"{cell.path}.{t.HIGH}") if t.wide(kind) else cell
        if False in (self._given.get(cell), self._given.get(high)):
            raise Trouble("duplicate", f"{cell_name(cell, self)} has two initial values", span)
        self._given[cell] = self._overridable
        if t.wide(kind) and isinstance(value, int):
            low, upper = t.halves(Const(value))
            self.values[cell], self.values[high] = evaluate(low, {}), evaluate(upper, {})
        else:
            self.values[cell] = value

    def _inner_value(self, cell: Ptr, of: Type, value: ast.InitValue) -> None:
        """What a struct, an array or a mask in a struct is at first."""
        if of.kind == "mask":
            self._mask(cell, value)
            return
        if isinstance(value, ast.Num) and value.value == 0:  # all of it, as it is without a value
            return
        if not isinstance(value, ast.Braced):
            raise Trouble("value", "this is given in braces", value.span)
        if of.kind != "array":
            for part in value.items:
                self._part(cell, of, part)
            return
        assert of.to is not None
        if len(value.items) > of.bits:
            raise Trouble("size", f"there are only {of.bits} elements", value.span)
        for i, item in enumerate(value.items):
            at = Ptr(cell.base, cell.off + i * t.cells(of.to))
            if of.to.inside or of.to.kind == "array":
                self._inner_value(at, of.to, item)  # type: ignore[arg-type]
            else:
                held, given = self.content(item)
                self._give(at, held, item.span, of.to, given)

    def _give_bits(self, unit: Ptr, bits: Bitfield, cell: Ptr, value: Value, span: Span) -> None:
        """An initial value of a bitfield: ``cell`` is what it would be by itself."""
        self._give(cell, value, span, bits.type)
        whole = bits.written(Const(self.values.get(unit, 0)), Const(self.values.pop(cell)))
        assert isinstance(whole, Const) and not isinstance(whole.value, str)
        self.values[unit] = whole.value

    def _map(self, item: ast.Initial) -> None:
        """Note the mappings of an item; levels and regions follow from all of them."""
        if isinstance(item, ast.Object) and isinstance(item.value, ast.Braced):
            named = self.named.get(item.name)
            if named is not None and named.type.kind in MAPPING:
                for part in item.value.items:
                    if isinstance(part, ast.Mapping):
                        self._try(lambda p: self._mapping(Ptr(item.name), p), part)
        elif isinstance(item, ast.Setting) and item.cpus is None and _entry_place(item.place):
            self._try(self._entry_setting, item)

    def _mapping(self, handle: Ptr, part: ast.Mapping) -> None:
        if part.pcid is not None:
            raise Trouble("value", "page tables have no PCIDs", part.span, "@ is for TLBs")
        va, content = self._translation(part, ("page", "pte", "table", "pmd"), "a page, a table or none")
        self._note_mapping(Mapped(handle, va, content, part.span, overridable=self._overridable))

    def _entry_setting(self, item: ast.Setting) -> None:
        """``pte(N, v) = A``."""
        assert isinstance(item.place, ast.CallExpr)
        handle, va = self.handle_and_va(item.place)
        content, kind = self.value(item.value)
        if kind.kind not in ("page", "pte", "table", "pmd") and content != 0:
            raise Trouble("type", f"an entry holds a page or none, not {kind.words}", item.value.span)
        word = item.place.name
        self._note_mapping(
            Mapped(handle, va, content, item.place.span, overridable=self._overridable, word=word)
        )

    def _note_mapping(self, m: Mapped) -> None:
        old = self._mapped.get((m.handle, m.va))
        if old is not None and not old.overridable:
            raise Trouble("duplicate", f"{m.handle} maps {m.va} twice", m.span, the_first(old.span, m.span))
        self._mapped[m.handle, m.va] = m

    def _fill(self, item: ast.Initial) -> None:
        if isinstance(item, ast.Setting):
            if item.cpus is None and _entry_place(item.place):
                return
            if item.cpus is None:
                self._set(item.place, item.value, None)
                return
            low, high = self.number(item.cpus.low), self.number(item.cpus.high)
            if high < low:
                text = f"the range {low}..{high} is empty"
                raise Trouble("range", text, item.cpus.span, "write low..high")
            if not 0 <= low <= high < self.cpus:
                hint = f"CPUs are 0 to {self.cpus - 1}; one without a program is P{high} {{ }}"
                raise Trouble("no-cpu", f"there is no CPU {high}", item.cpus.span, hint)
            for cpu in range(low, high + 1):
                self._set(item.place, item.value, cpu)
            return
        named = self.named.get(item.name)
        if named is None or item.value is None:
            return
        early = [p for p in self._given if named.percpu and p.base.partition(":")[2] == item.name]
        if early and not self._given[early[0]] and not self._overridable:
            hint = "write the values of single CPUs behind it"
            raise Trouble("duplicate", f"{early[0]} has a value before this declaration", item.span, hint)
        for prefix in [f"{c}:" for c in range(self.cpus)] if named.percpu else [""]:
            self._object(Ptr(prefix + item.name), named, item.value)

    def _object(self, ptr: Ptr, named: NamedObject, value: ast.InitValue) -> None:
        kind = named.type
        if kind.kind == "page" and not isinstance(value, ast.Braced):
            self._give(Ptr(f"{ptr.base}.data"), self.content(value)[0], value.span)
        elif kind.kind == "mask":
            self._mask(ptr, value)
        elif kind.kind in ("mm", "table", "page", "struct") and named.size is None:
            if not isinstance(value, ast.Braced):
                raise Trouble("value", f"{kind.words} is given in braces", value.span)
            for part in value.items:
                self._part(ptr, kind, part)
        elif named.size is not None:
            items = value.items if isinstance(value, ast.Braced) else (value,)
            if len(items) > named.size:
                raise Trouble("size", f"{named.name} has only {named.size} elements", value.span)
            for i, part in enumerate(items):
                if kind.kind in ("array", "struct"):
                    self._inner_value(Ptr(ptr.base, i * t.cells(kind)), kind, part)  # type: ignore[arg-type]
                else:
                    held, given = self.content(part)
                    self._give(Ptr(ptr.base, i), held, part.span, kind, given)
        elif isinstance(value, ast.Braced) and len(value.items) == 1:
            held, given = self.content(value.items[0])
            self._give(ptr, held, value.span, kind, given)
        else:
            held, given = self.content(value)
            if kind.kind == "pointer" and given.percpu:
                self.named[named.name] = replace(named, type=replace(kind, percpu=True))
            if kind.kind == "int" and given.kind in ("mm", "table", "page", "mask") and self.mm_file:
                raise Trouble("type", f"{named.name} holds numbers; this is {given.words}", value.span)
            self._give(ptr, held, value.span, kind, given)

    def _part(self, ptr: Ptr, kind: Type, part: ast.InitItem) -> None:
        if isinstance(part, ast.FieldInit):
            if not self.has(group(kind), part.name):
                raise self.no_field(kind, part.name, part.span)
            of, bits = self.field(group(kind), part.name)
            self.use(group(kind), part.name, part.span)
            steps = (part.name,) if bits is not None else self.steps(group(kind), part.name)
            cell = Ptr(".".join((ptr.path, *steps)))
            if of.inside or of.kind == "array":
                self._inner_value(cell, of, part.value)
                return
            value, given = self.content(part.value)
            if bits is None:
                if of.kind != "int":
                    if of.kind in ("pointer", "struct") and given.percpu:
                        of = replace(of, percpu=True)
                    if of.kind != "struct":
                        of = t.joined(of, given if given.kind != "int" else t.ANY)
                    self.field_is(group(kind), part.name, of)
                self._give(cell, value, part.span, self.kept_as(group(kind), part.name) or of, given)
            else:
                unit = Ptr(".".join((ptr.path, *self.steps(group(kind), part.name))))
                self._give_bits(unit, bits, cell, value, span=part.span)
        elif not (isinstance(part, ast.Mapping) and kind.kind in MAPPING):
            raise Trouble("value", f"{kind.words} cannot hold this", part.span)

    def _translation(self, part: ast.Mapping, kinds: tuple[str, ...], words: str) -> tuple[Ptr, Value]:
        """``va -> target``."""
        if not isinstance(part.va, ast.Ident):
            raise Trouble("value", "a virtual address is a name", part.va.span)
        named = self.named.get(part.va.name)
        if named is None or named.type.kind != "va":
            raise Trouble(
                "unknown-name", f"no mm maps {part.va.name!r}", part.va.span,
                nearest(part.va.name, [n.name for n in self.named.values() if n.type.kind == "va"]),
            )  # fmt: skip
        to, kind = self.value(part.target)
        if kind.kind not in kinds:
            raise Trouble("type", f"an address maps to {words}, not to {kind.words}", part.target.span)
        return Ptr(part.va.name), to

    def _mask(self, ptr: Ptr, value: ast.InitValue) -> None:
        if not isinstance(value, ast.Braced):
            raise Trouble("value", "a cpumask is given in braces, as {0, 2..3}", value.span)
        chosen: set[int] = set()
        for part in value.items:
            low, high = (part.low, part.high) if isinstance(part, ast.Range) else (part, part)
            first, last = self.number(low), self.number(high)  # type: ignore[arg-type]
            if last < first:
                text = f"the range {first}..{last} is empty"
                raise Trouble("range", text, part.span, "write low..high")
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
        if cpu is not None and name == "pending":
            self._pending(value, cpu)
            return
        if cpu is not None and name in ("cr3", "irq", "tlb", "pcid"):
            self._register(name, value, cpu, place.span)
            return
        base = place
        while isinstance(base, ast.FieldExpr | ast.IndexExpr):
            base = base.base
        named = self.named.get(base.name) if isinstance(base, ast.Ident) else None
        if cpu is not None and (named is None or not named.percpu):
            if not isinstance(place, ast.Ident) or named is not None:
                raise Trouble("place", "this is neither a per-CPU object nor a register", place.span)
            self.locals[cpu, name] = self.content(value)
            self._give(Ptr(f"{cpu}:{name}"), self.locals[cpu, name][0], place.span)
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
        elif (bits := self.part(place)) is not None and isinstance(place, ast.FieldExpr):
            cell = Ptr(f"{ptr.base.rpartition('.')[0]}.{place.name}")
            if cpu is not None:
                self._given.pop(cell, None)
            self._give_bits(ptr, bits, cell, self.content(value)[0], span=place.span)
        else:
            held, given = self.content(value)
            self._give(ptr, held, place.span, kind.to or t.ANY, given)

    def _pending(self, value: ast.InitValue, cpu: int) -> None:
        """``1:pending = f``, ``1:pending = { f, g }``."""
        if any(known == cpu for known, _, _ in self.pending):
            hint = "write 1:pending = { f, g }"
            raise Trouble("duplicate", f"{cpu}:pending has two initial values", value.span, hint)
        for part in value.items if isinstance(value, ast.Braced) else (value,):
            function = part.operand if isinstance(part, ast.Unary) and part.op == "&" else part
            if not isinstance(function, ast.Ident) or function.name not in self.unit.functions:
                known = function.name if isinstance(function, ast.Ident) else ""
                hint = nearest(known, self.unit.functions) or "write 1:pending = { f, g }"
                raise Trouble("type", "a handler, which is a function, is pending", part.span, hint)
            self.pending.append((cpu, function.name, part.span))

    def _register(self, name: str, value: ast.InitValue, cpu: int, span: Span) -> None:
        if name != "irq" and not self.tables.mms:
            raise no_mm(span)
        if name == "tlb":
            for part in value.items if isinstance(value, ast.Braced) else (value,):
                if not isinstance(part, ast.Mapping):
                    raise Trouble("value", "a TLB holds mappings, as { v -> A }", part.span)
                va, page = self._translation(part, ("page", "pte"), "a page")
                if part.pcid is not None and part.pcid > MAX_PCID:
                    raise Trouble("pcid", f"a PCID is a number from 0 to {MAX_PCID}", part.span)
                if target(page) is None:
                    raise Trouble("value", "a TLB holds only entries that are present", part.span)
                if flags(page) & UNACCESSED:
                    raise Trouble("value", "a TLB holds only entries whose A is set", part.span)
                self._cached.append((cpu, part, va, page))
            return
        held, kind = self.value(value)
        if name == "pcid" and not (isinstance(held, int) and 0 <= held <= MAX_PCID):
            raise Trouble("pcid", f"a PCID is a number from 0 to {MAX_PCID}", value.span)
        if name == "cr3" and kind.kind != "mm":
            raise Trouble("type", f"cr3 holds an mm, not {kind.words}", value.span)
        if name == "irq" and held not in (0, 1):
            raise Trouble("value", "irq is on or off", value.span)
        self._give(Ptr(f"{cpu}:{name}"), held, span)


def _entry_place(place: ast.CExpr) -> bool:
    return isinstance(place, ast.CallExpr) and entry_level(place.name) != ""
