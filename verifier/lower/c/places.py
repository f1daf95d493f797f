"""Names and places: locals, cells and their addresses; each access becomes an event."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Unpack

from verifier.lower.c import types as t
from verifier.lower.c.objects import group
from verifier.lower.c.parts import Frame, Local, Place, Shared, Val
from verifier.lower.c.structs import Part
from verifier.lower.c.types import Type
from verifier.lower.code import Emit, Instruction, More, Set, Touch
from verifier.program.expressions import FALSE, Const, Expr, Reg, call
from verifier.program.ops import Op
from verifier.program.values import Ptr, target
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.table import WORDS

PLACE_WORDS = frozenset({"per_cpu", "READ_ONCE", "WRITE_ONCE", "data_race"})  # they stand for a place
_REGISTER = re.compile(r"r[0-9]+")


class Places(ABC):
    """The code of one CPU's program or handler, as far as places in memory go."""

    def __init__(self, shared: Shared, cpu: int, stack: tuple[str, ...] = ()) -> None:
        self.shared, self.memory, self.unit = shared, shared.memory, shared.unit
        self.cpu, self.stack = cpu, stack
        self.code: list[Instruction] = []
        self.frames = [Frame("", "%end")]
        self.fresh_count = 0
        self.spans: dict[int, Span] = {}  # expressions that stand for their whole statement
        self.percpu: Expr | None = None  # the CPU whose instance a per-CPU object's name means
        self.reached = False  # was there such an object?
        self.context = f"P{cpu}"  # whose stack it is
        self.names: set[str] = set()  # registers in use
        self.written: set[str] = set()
        self.interrupting = False  # is it a handler, a callback or an NMI?
        self.given: set[str] = set()  # locals of the thread that the initial state gives a value

    # -- small things -----------------------------------------------------------------------------

    @property
    def frame(self) -> Frame:
        """The innermost function."""
        return self.frames[-1]

    def fresh(self, what: str = "") -> str:
        """A name that nothing has yet."""
        self.fresh_count += 1
        return f"%{what}{self.fresh_count}"

    def emit(self, op: Op, node: Any, *touches: Touch, **more: Unpack[More]) -> None:
        """Add a machine instruction that stands for the expression or statement ``node``."""
        span = self.spans.get(id(node), node.span)
        text = " ".join(span.text.split()).rstrip(";")
        self.code.append(Emit(op, touches, span=span, text=text, **more))

    def warn(self, code: str, message: str, span: Span, hint: str = "") -> None:
        """Note what is allowed, but surely not meant."""
        found = Diagnostic(code, message, span, hint, "warning")
        if found not in self.shared.warnings:
            self.shared.warnings.append(found)

    def set(self, reg: str, value: Expr, span: Span | None = None) -> None:
        """Add ``reg = value``."""
        self.code.append(Set(reg, value, span))

    def held(self, expr: Expr) -> Expr:
        """The expression's value now, whatever is assigned later."""
        if isinstance(expr, Const) or (isinstance(expr, Reg) and expr.name.startswith("%")):
            return expr
        temp = self.fresh()
        self.set(temp, expr)
        return Reg(temp)

    def captured(self, build: Callable[[], Any]) -> tuple[list[Instruction], Any]:
        """The code that ``build`` adds, taken out again, and its result."""
        at = len(self.code)
        result = build()
        code = self.code[at:]
        del self.code[at:]
        return code, result

    # -- names ------------------------------------------------------------------------------------

    def local(self, name: str, create: bool = True) -> Local | None:
        """The local of that name; ``r0 r1 …`` need no declaration."""
        for scope in reversed(self.frame.scopes):
            if name in scope:
                return scope[name]
        if create and _REGISTER.fullmatch(name) and name not in self.memory.named:
            return self.declare(name, None, self.frame.scopes[0])
        return None

    def declare(self, name: str, kind: Type | None, scope: dict[str, Local] | None = None) -> Local:
        """A new local in the innermost scope."""
        reg = self.frame.prefix + name
        while reg in self.names:
            reg += "'"
        self.names.add(reg)
        local = Local(reg, kind)
        (self.frame.scopes[-1] if scope is None else scope)[name] = local
        return local

    def store_local(self, local: Local, value: Val, node: Any) -> Val:
        """``local = value``; the value it has then."""
        if local.fixed is not None and local.fixed.function:
            raise Trouble("type", "this stands for a function", node.span)
        if local.stack:
            raise Trouble("type", f"{local.stack} cannot be written whole", node.span, "name a part of it")
        kind = local.declared
        if value.type is t.VOID:
            raise self._no_value(node)
        if value.bits is not None or value.function:
            raise Trouble("type", f"{value.type.words} cannot be kept in a local", node.span)
        if (
            kind is not None
            and kind.kind == "int"
            and self.memory.mm_file
            and value.type.kind in ("page", "mm", "table", "mask")
        ):
            raise Trouble(
                "type", f"a number is needed here, not {value.type.words}", node.span,
                "an undeclared register r0, r1, … holds anything",
            )  # fmt: skip
        if kind is not None:
            self.same_pointee(kind, value.type, node.span)
        expr = value.expr if kind is None else self.kept(value, kind, node)
        as_declared = kind is not None and (value.type.kind == "int" or value.type is t.ANY)
        seen = kind if kind is not None and as_declared else value.type
        local.type = seen if local.type is None else t.joined(local.type, seen)
        local.fixed = None
        self.written.add(local.reg)
        self.set(local.reg, expr, node.span)
        return Val(Reg(local.reg), local.type)

    def _no_value(self, node: Any) -> Trouble:
        """The error about a register that is to keep nothing."""
        given = getattr(node, "init", None) or getattr(node, "value", None)
        word = WORDS.get(given.name) if isinstance(given, ast.CallExpr) else None
        hint = ""
        if word is not None and [p.kind for p in word.parameters[:1]] == ["va"]:
            hint = "a store does not tell of its fault; a read-modify-write does: r0 = xchg(v, 1)"
        return Trouble("type", "this has no value", node.span, hint)

    # -- places -----------------------------------------------------------------------------------

    def place(self, e: ast.CExpr) -> Place | Local:
        """What an expression on the left of ``=`` means. Raises ``Trouble`` for what every CPU has, if
        nothing says whose is meant."""
        found = self.any_place(e)
        if isinstance(found, Place):
            self._reachable(found, e)
        return found

    def _reachable(self, place: Place, e: ast.CExpr) -> None:
        if place.percpu:
            what = e.span.text
            hint = f"write this_cpu_read({what}) or per_cpu({what}, cpu)"
            raise Trouble("percpu", f"{what} is a per-CPU object", e.span, hint)

    def any_place(self, e: ast.CExpr) -> Place | Local:
        """A place, or what every CPU has, which has an address."""
        if isinstance(e, ast.Ident):
            return self._named_place(e)
        if isinstance(e, ast.Unary) and e.op == "*":
            return self.pointee(self._apart(e.operand), e.operand)
        if isinstance(e, ast.FieldExpr):
            return self._member(e)
        if isinstance(e, ast.IndexExpr):
            base, index = self.base(e.base), self._apart(e.index)
            if base.type.kind not in ("pointer", "any") or base.type.to is t.VOID:
                raise Trouble("type", f"{base.type.words} has no elements", e.base.span)
            self.numeric(index, e.index)
            self.in_bounds(base.expr, index.expr, e)
            found = Place(base.expr, base.type.to or t.ANY, percpu=base.type.percpu)
            found = self._chosen(found, e)
            return self._inner(replace(found, addr=call("add", found.addr, index.expr)))
        if isinstance(e, ast.CallExpr) and e.name == "per_cpu" and len(e.arguments) == 2:
            cpu = self.value(e.arguments[1])
            found = self.of_cpu(e.arguments[0], cpu.expr)
            return found
        if isinstance(e, ast.CallExpr) and e.name in PLACE_WORDS - {"per_cpu"} and e.arguments:
            return self.place(e.arguments[0])
        hint = ""
        if isinstance(e, ast.Unary) and e.op == "&":
            hint = f"write {e.operand.span.text}, without &"
        raise Trouble("place", "this is no place that can be read or written", e.span, hint)

    def _member(self, e: ast.FieldExpr) -> Place:
        """``base.name`` and ``base->name``; of a bitfield the unit that it lies in."""
        base = self.base(e.base)
        if base.type.kind == "pointer" and base.type.to is not None and base.type.to.kind == "struct":
            base = Val(base.expr, replace(base.type.to, percpu=base.type.percpu))
        if base.type.kind not in ("struct", "mm", "table", "page", "any"):
            raise Trouble("type", f"{base.type.words} has no fields", e.base.span)
        found = self._chosen(Place(base.expr, base.type, percpu=base.type.percpu), e)
        kind, part = self._field(base.type, e)
        name = e.name if part is None else part.unit
        return self._inner(replace(found, addr=call("field", found.addr, Const(name)), type=kind, part=part))

    def _inner(self, place: Place) -> Place:
        """A struct, a mask or an array in a struct has no value but its address."""
        kind = place.type
        if kind.kind == "array":
            return replace(place, type=Type("pointer", to=kind.to), whole=True)
        return replace(place, type=replace(kind, inside=False), whole=True) if kind.inside else place

    def _chosen(self, place: Place, e: ast.CExpr) -> Place:
        """A per-CPU place as that of the CPU which is meant, if one is."""
        if not place.percpu or self.percpu is None:
            return place
        self.check_cpu(self.percpu, e.span)
        self.reached = True
        return replace(place, addr=call("percpu", place.addr, self.percpu), percpu=False)

    def _apart(self, e: ast.CExpr) -> Val:
        """The value of an operand of a place: of whose CPU the place is does not matter to it."""
        outer, self.percpu = self.percpu, None
        try:
            return self.value(e)
        finally:
            self.percpu = outer

    def memory_place(self, e: ast.CExpr) -> Place:
        """A place in memory, no register."""
        place = self.place(e)
        if isinstance(place, Local):
            known = place.fixed or Val(Reg(place.reg), place.type or place.declared or t.ANY)
            name = e.name if isinstance(e, ast.Ident) else "this"
            hint = f"write *{name}" if known.type.kind in ("pointer", "va", "any") else "just use its name"
            raise Trouble("place", f"{name} is a register, not in memory", e.span, hint)
        if place.part is not None:
            hint = "read and write it as it is: the compiler makes a load, or a load and a store, of its unit"
            raise Trouble("bitfield", f"{e.span.text} is a bitfield, no object of its own", e.span, hint)
        return place

    def of_cpu(self, e: ast.CExpr, cpu: Expr) -> Place:
        """A CPU's instance of a per-CPU place."""
        outer, self.percpu, self.reached = (self.percpu, self.reached), cpu, False
        try:
            place = self.memory_place(e)
            if not self.reached:
                what = e.span.text
                hint = "use it without a CPU"
                if isinstance(e, ast.Ident):
                    hint = f"declare it so in the initial state: percpu … {what}; or use it without a CPU"
                raise Trouble("percpu", f"{what} is no per-CPU object", e.span, hint)
            return place
        finally:
            self.percpu, self.reached = outer

    def base(self, e: ast.CExpr) -> Val:
        """The address that fields and elements count from."""
        if isinstance(e, ast.Ident) and self.local(e.name, False) is None:
            named = self.memory.named.get(e.name)
            if named is not None and (named.handle or named.size is not None or named.percpu):
                kind = named.type if named.handle else Type("pointer", to=named.type)
                place = self._chosen(Place(Const(Ptr(named.name)), kind, percpu=named.percpu), e)
                return Val(place.addr, replace(kind, percpu=place.percpu))
        if isinstance(e, ast.CallExpr) and e.name == "per_cpu":
            found = self.place(e)
            assert isinstance(found, Place)
            return Val(found.addr, found.type)
        if not isinstance(e, ast.FieldExpr | ast.IndexExpr):
            return self.value(e)
        reached = self.reached
        code, inside = self.captured(lambda: self.any_place(e))
        if not inside.whole and self.percpu is not None:
            self.reached = reached  # what a per-CPU pointer leads to is no per-CPU object
            return self._apart(e)
        self.code += code
        if inside.whole:
            return Val(inside.addr, replace(inside.type, percpu=inside.percpu))
        self._reachable(inside, e)
        return self.load(inside, e)

    def _field(self, kind: Type, e: ast.FieldExpr) -> tuple[Type, Part | None]:
        """The type of a field, and where it is if it is a bitfield."""
        if kind is t.ANY:
            groups = [name for name in self.memory.fields if self.memory.has(name, e.name)]
            if not groups and e.name != "data":
                raise self.memory.no_field(kind, e.name, e.span)
            found = {self.memory.field(name, e.name) for name in groups} or {(t.ANY, None)}
            if len(found) > 1 and any(part is not None for _, part in found):
                text = f"{e.name} is a field of several structs, and a bitfield of one"
                raise Trouble("unknown-field", text, e.span, "say of which: struct … *p = …; p->" + e.name)
            return self.memory.field(groups[0], e.name) if groups else (t.ANY, None)
        if e.name == "data" and kind.kind == "page":
            return t.ANY, None
        if not self.memory.has(group(kind), e.name):
            raise self.memory.no_field(kind, e.name, e.span)
        return self.memory.field(group(kind), e.name)

    def in_bounds(self, base: Expr, index: Expr, e: Any) -> None:
        """Raise ``Trouble`` for an element that an array does not have."""
        if isinstance(base, Const) and isinstance(base.value, Ptr) and isinstance(index, Const):
            if not isinstance(index.value, int):
                raise Trouble("type", "an index is a number", e.span)
            at = Ptr(base.value.base, base.value.off + index.value)
            size = self.memory.arrays.get(at.base.split(":", 1)[-1])
            if size is not None:
                if not 0 <= at.off < size:
                    raise Trouble(
                        "index", f"there is no element {at.off}", e.span, f"there are {size} elements"
                    )
                return
            named = self.memory.named.get(at.base) or self.memory.stack.get(at.base)
            if named is not None and named.percpu and 0 <= at.off < (named.size or 1):
                return  # what every CPU has is no cell
            if at not in self.memory.cells:
                hint = (
                    f"{named.shown or named.name} has {named.size} elements" if named and named.size else ""
                )
                raise Trouble("index", f"there is no element {at.off}", e.span, hint)

    def _named_place(self, e: ast.Ident) -> Place | Local:
        local = self.local(e.name)
        if local is not None:
            return local
        named = self.memory.named.get(e.name)
        if named is None:
            raise self.memory.unknown(e.name, e.span, f"declare it: int {e.name};")
        if named.percpu and named.handle:
            whole = Place(Const(Ptr(named.name)), named.type, whole=True, percpu=True)
            return self._chosen(whole, e)
        if named.handle:
            hint = {"va": f"write *{e.name}", "page": f"its content is {e.name}.data"}.get(
                named.type.kind, ""
            )
            raise Trouble("type", f"{e.name} is {named.type.words}, no place in memory", e.span, hint)
        if named.size is not None:
            raise Trouble("type", f"{e.name} is an array", e.span, f"name an element: {e.name}[0]")
        return self._chosen(Place(Const(Ptr(named.name)), named.type, percpu=named.percpu), e)

    def check_cpu(self, cpu: Expr, span: Span) -> None:
        """Raise ``Trouble`` for a CPU that does not exist."""
        if isinstance(cpu, Const) and not (isinstance(cpu.value, int) and 0 <= cpu.value < self.memory.cpus):
            hint = f"CPUs are 0 to {self.memory.cpus - 1}"
            raise Trouble("no-cpu", f"there is no CPU {cpu.value}", span, hint)

    def pointee(self, address: Val, e: ast.CExpr) -> Place:
        """``*address``."""
        kind = address.type
        if kind.kind == "va":
            return Place(address.expr, t.ANY, True)
        if kind.kind in t.ENTRIES:
            return Place(address.expr, t.PTE if kind.kind == "entry" else t.PMD)
        if kind.kind == "pointer":
            return self._inner(self._chosen(Place(address.expr, kind.to or t.ANY, percpu=kind.percpu), e))
        if kind.kind == "struct":
            return self._chosen(Place(address.expr, kind, whole=True, percpu=kind.percpu), e)
        if kind is t.ANY or (kind.kind == "int" and not self.memory.mm_file):
            return Place(address.expr, t.ANY)
        hint = {"page": "its content is A.data", "mm": "its fields are N.name"}.get(kind.kind, "")
        if kind.kind == "int" and isinstance(e, ast.Ident):
            hint = f"write &{e.name}"
        raise Trouble("type", f"{kind.words} is no address", e.span, hint)

    def load(self, place: Place, node: Any, op: Op = "R") -> Val:
        """Add a load, or another operation that reads."""
        if place.whole:
            return Val(place.addr, place.type)
        temp = self.fresh()
        self.emit(op, node, Touch(place.addr, temp), virtual=place.virtual)
        if place.part is not None:
            return Val(place.part.read(Reg(temp)), place.part.promoted)
        kind = place.type
        if kind.to is not None and kind.to.kind in ("mm", "table", "page", "mask", "struct"):
            kind = replace(kind.to, percpu=kind.percpu)  # pointers to handles are the handles themselves
        return Val(Reg(temp), kind, data=place.virtual)

    def store(self, place: Place, value: Val, node: Any, unit: Expr | None = None) -> Expr:
        """Add a plain store; what is stored. Before that of a bitfield its unit is loaded, if it is not
        yet (``unit``)."""
        expr = self.storable(place, value, node)
        if place.part is not None:
            unit = unit or self.load(replace(place, part=None), node).expr
            self.emit("W", node, Touch(place.addr, None, place.part.written(unit, expr)))
            return expr
        self.emit("W", node, Touch(place.addr, None, expr), virtual=place.virtual)
        return expr

    def storable(self, place: Place, value: Val, node: Any) -> Expr:
        """A value converted to what the place holds."""
        if place.whole:
            raise Trouble("type", "a struct cannot be written whole", node.span, "name a field")
        if value.type is t.VOID or value.bits is not None or value.function:
            raise Trouble("type", f"{value.type.words} cannot be stored", node.span)
        if (
            place.type.kind == "int"
            and self.memory.mm_file
            and value.type.kind in ("page", "mm", "table", "mask", "struct")
        ):
            raise Trouble("type", f"a number is needed here, not {value.type.words}", node.span)
        if place.type.kind in t.CONTENTS and value.expr != FALSE:
            self._check_content(place, value, node)
        elif value.type.kind == "page" or (value.type.kind == "any" and not isinstance(value.expr, Const)):
            self.shared.keeps_pages = True
        self.same_pointee(place.type, value.type, node.span)
        return self.kept(value, place.type, node)

    def kept(self, value: Val, kind: Type, node: Any) -> Expr:
        """A value as an object of a type keeps it; a constant that loses bits gets a warning."""
        number = value.expr.value if isinstance(value.expr, Const) else None
        if kind.kind == "int" and isinstance(number, int) and t.loses(number, kind):
            text = f"{number} does not fit into {t.words(kind)}: it becomes {t.number(number, kind)}"
            self.warn(
                "overflow", text, node.span, f"{t.words(kind)} is {' to '.join(map(str, t.limits(kind)))}"
            )
        return t.converted(value.expr, value.type, kind)

    def same_pointee(self, wanted: Type, given: Type, span: Span) -> None:
        """Raise ``Trouble`` for an integer seen through a pointer to another integer type: memory here is
        cells, which are read and written whole, and as what they are. C files do not mind, as herd7."""
        if self.memory.mm_file and t.pointers_differ(wanted, given):
            assert wanted.to is not None and given.to is not None
            text = f"this points to {t.words(given.to)}, not to {t.words(wanted.to)}"
            hint = "an object is read and written whole, as the type it is declared with"
            raise Trouble("type", text, span, hint)

    def _check_content(self, place: Place, value: Val, node: Any) -> None:
        """Raise ``Trouble`` for what an entry cannot hold."""
        upper = place.type.kind == "pmd"
        holds = "none, a table or a page" if upper else "none or a page"
        fits = ("page", "pte", "any", "table", "pmd") if upper else ("page", "pte", "any")
        if value.type.kind not in fits:
            raise Trouble("type", f"an entry holds {holds}, not {value.type.words}", node.span)
        cell = place.addr.value if isinstance(place.addr, Const) else None
        to = target(value.expr.value) if isinstance(value.expr, Const) else None  # type: ignore[arg-type]
        tables = self.memory.tables
        if isinstance(cell, Ptr) and cell in tables.cells and to in tables.tables:
            level, below = tables.cells[cell], tables.levels[to]
            if level != below + 1:
                what = f"level mismatch: {tables.names[cell]} is of level {level}, {to} of level {below}"
                raise Trouble("level", what, node.span, f"it holds tables of level {level - 1}")

    # -- what expressions are; see ``Expressions`` ------------------------------------------------

    @abstractmethod
    def value(self, e: ast.CExpr) -> Val:
        """The value of an expression."""

    @abstractmethod
    def numeric(self, value: Val, e: ast.CExpr) -> None:
        """Raise ``Trouble`` for what cannot be calculated with."""
