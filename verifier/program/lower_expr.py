"""C expressions to code: places, values, conversions; each load becomes an event of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

from verifier.program import c_types as t
from verifier.program.c_types import Type
from verifier.program.code import Branch, Emit, Instruction, Jump, Label, Set, Touch
from verifier.program.kernel import CONSTANT_MASKS, NAMED_VALUES
from verifier.program.lower_parts import Frame, Local, Place, Shared, Val
from verifier.program.memory import Named, fields_of
from verifier.program.observe import Trouble
from verifier.program.values import FALSE, FAULT, TRUE, Const, Expr, Ptr, Reg, call
from verifier.source import Span
from verifier.syntax import ast

_REGISTER = re.compile(r"r[0-9]+")


class Expressions:
    """The code of one CPU's program or handler, as far as expressions go."""

    def __init__(self, shared: Shared, cpu: int, stack: tuple[str, ...] = ()) -> None:
        self.shared, self.memory, self.unit = shared, shared.memory, shared.unit
        self.cpu, self.stack = cpu, stack
        self.code: list[Instruction] = []
        self.frames = [Frame("", "%end")]
        self.fresh_count = 0
        self.spans: dict[int, Span] = {}  # expressions that stand for their whole statement
        self.percpu: Expr | None = None  # the CPU whose instance a per-CPU object's name means
        self.names: set[str] = set()  # registers in use
        self.written: set[str] = set()
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

    def emit(self, op: str, node: Any, *touches: Touch, **more: Any) -> None:
        """Add a machine instruction that stands for the expression or statement ``node``."""
        span = self.spans.get(id(node), node.span)
        text = " ".join(span.text.split()).rstrip(";")
        self.code.append(Emit(op, touches, span=span, text=text, **more))

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
        kind = local.declared
        if value.type is t.VOID:
            raise Trouble("type", "this has no value", node.span)
        if value.bits is not None or value.function:
            raise Trouble("type", f"{value.type.words} cannot be kept in a local", node.span)
        if (
            kind is not None
            and kind.kind == "int"
            and self.memory.mm_file
            and value.type.kind in ("page", "mm", "mask")
        ):
            raise Trouble(
                "type", f"a number is needed here, not {value.type.words}", node.span,
                "an undeclared register r0, r1, … holds anything",
            )  # fmt: skip
        expr = value.expr if kind is None else t.converted(value.expr, value.type, kind, self.memory.mm_file)
        as_declared = kind is not None and (value.type.kind == "int" or value.type is t.ANY)
        seen = kind if kind is not None and as_declared else value.type
        local.type = seen if local.type is None else t.joined(local.type, seen)
        local.fixed = None
        self.written.add(local.reg)
        self.set(local.reg, expr, node.span)
        return Val(Reg(local.reg), local.type)

    # -- places -----------------------------------------------------------------------------------

    def place(self, e: ast.CExpr) -> Place | Local:
        """What an expression on the left of ``=`` means."""
        if isinstance(e, ast.Ident):
            return self._named_place(e)
        if isinstance(e, ast.Unary) and e.op == "*":
            return self.pointee(self.value(e.operand), e.operand)
        if isinstance(e, ast.FieldExpr):
            base = self.base(e.base)
            if base.type.kind == "pointer" and base.type.to is not None and base.type.to.kind == "struct":
                base = Val(base.expr, base.type.to)
            if base.type.kind not in ("struct", "mm", "page", "any"):
                raise Trouble("type", f"{base.type.words} has no fields", e.base.span)
            return Place(call("field", base.expr, Const(e.name)), self._field(base.type, e))
        if isinstance(e, ast.IndexExpr):
            base, index = self.base(e.base), self.value(e.index)
            if base.type.kind not in ("pointer", "any") or base.type.to is t.VOID:
                raise Trouble("type", f"{base.type.words} has no elements", e.base.span)
            self.numeric(index, e.index)
            self.in_bounds(base.expr, index.expr, e)
            return Place(call("add", base.expr, index.expr), base.type.to or t.ANY)
        if isinstance(e, ast.CallExpr) and e.name == "per_cpu" and len(e.arguments) == 2:
            cpu = self.value(e.arguments[1])
            found = self.of_cpu(e.arguments[0], cpu.expr)
            return found
        if isinstance(e, ast.CallExpr) and e.name in ("READ_ONCE", "WRITE_ONCE", "data_race") and e.arguments:
            return self.place(e.arguments[0])
        raise Trouble("place", "this is no place that can be read or written", e.span)

    def memory_place(self, e: ast.CExpr) -> Place:
        """A place in memory, no register."""
        place = self.place(e)
        if isinstance(place, Local):
            known = place.fixed or Val(Reg(place.reg), place.type or place.declared or t.ANY)
            name = e.name if isinstance(e, ast.Ident) else "this"
            hint = f"write *{name}" if known.type.kind in ("pointer", "va", "any") else "just use its name"
            raise Trouble("place", f"{name} is a register, not in memory", e.span, hint)
        return place

    def of_cpu(self, e: ast.CExpr, cpu: Expr) -> Place:
        """A CPU's instance of a per-CPU place."""
        outer, self.percpu = self.percpu, cpu
        try:
            return self.memory_place(e)
        finally:
            self.percpu = outer

    def base(self, e: ast.CExpr) -> Val:
        """The address that fields and elements count from."""
        if isinstance(e, ast.Ident) and self.local(e.name, False) is None:
            named = self.memory.named.get(e.name)
            if named is not None and (named.handle or named.size is not None or named.percpu):
                return Val(
                    self._address(named, e), named.type if named.handle else Type("pointer", to=named.type)
                )
        if isinstance(e, ast.CallExpr) and e.name == "per_cpu":
            place = self.place(e)
            assert isinstance(place, Place)
            return Val(place.addr, place.type)
        return self.value(e)

    def _field(self, kind: Type, e: ast.FieldExpr) -> Type:
        if kind is t.ANY:
            for fields in (*self.memory.fields.values(), {"data": t.ANY}):
                if e.name in fields:
                    return fields[e.name]
            raise self.memory.no_field(kind, e.name, e.span)
        fields = fields_of(self.memory, kind)
        if e.name not in fields:
            raise self.memory.no_field(kind, e.name, e.span)
        return fields[e.name]

    def in_bounds(self, base: Expr, index: Expr, e: Any) -> None:
        """Raise ``Trouble`` for an element that an array does not have."""
        if isinstance(base, Const) and isinstance(base.value, Ptr) and isinstance(index, Const):
            if not isinstance(index.value, int):
                raise Trouble("type", "an index is a number", e.span)
            at = Ptr(base.value.base, base.value.off + index.value)
            if at not in self.memory.cells:
                named = self.memory.named.get(at.base)
                hint = f"{at.base} has {named.size} elements" if named and named.size else ""
                raise Trouble("index", f"there is no element {at.off}", e.span, hint)

    def _named_place(self, e: ast.Ident) -> Place | Local:
        local = self.local(e.name)
        if local is not None:
            return local
        named = self.memory.named.get(e.name)
        if named is None:
            raise self.memory.unknown(e.name, e.span)
        if named.percpu and named.handle:
            return Place(self._address(named, e), named.type, whole=True)
        if named.handle:
            hint = {"va": f"write *{e.name}", "page": f"its content is {e.name}.data"}.get(
                named.type.kind, ""
            )
            raise Trouble("type", f"{e.name} is {named.type.words}, no place in memory", e.span, hint)
        if named.size is not None:
            raise Trouble("type", f"{e.name} is an array", e.span, f"name an element: {e.name}[0]")
        return Place(self._address(named, e), named.type)

    def _address(self, named: Named, e: ast.CExpr) -> Expr:
        if not named.percpu:
            return Const(Ptr(named.name))
        if self.percpu is None:
            hint = f"write this_cpu_read({named.name}) or per_cpu({named.name}, cpu)"
            raise Trouble("percpu", f"{named.name} is a per-CPU object", e.span, hint)
        self.check_cpu(self.percpu, e.span)
        return call("percpu", Const(Ptr(named.name)), self.percpu)

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
        if kind.kind == "entry":
            return Place(address.expr, t.PTE)
        if kind.kind == "pointer":
            return Place(address.expr, kind.to or t.ANY)
        if kind is t.ANY or (kind.kind == "int" and not self.memory.mm_file):
            return Place(address.expr, t.ANY)
        hint = {"page": "its content is A.data", "mm": "its fields are N.name"}.get(kind.kind, "")
        if kind.kind == "int" and isinstance(e, ast.Ident):
            hint = f"write &{e.name}"
        raise Trouble("type", f"{kind.words} is no address", e.span, hint)

    def load(self, place: Place, node: Any) -> Val:
        """Add a load."""
        if place.whole:
            return Val(place.addr, place.type)
        temp = self.fresh()
        self.emit("R", node, Touch(place.addr, temp), virtual=place.virtual)
        return Val(Reg(temp), place.type)

    def store(self, place: Place, value: Val, node: Any) -> Expr:
        """Add a plain store; what is stored."""
        expr = self.storable(place, value, node)
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
            and value.type.kind in ("page", "mm", "mask", "struct")
        ):
            raise Trouble("type", f"a number is needed here, not {value.type.words}", node.span)
        if place.type is t.PTE and value.type.kind not in ("page", "pte", "any") and value.expr != FALSE:
            raise Trouble("type", f"an entry holds none or a page, not {value.type.words}", node.span)
        return t.converted(value.expr, value.type, place.type, self.memory.mm_file)

    # -- values -----------------------------------------------------------------------------------

    def value(self, e: ast.CExpr) -> Val:
        """Evaluate an expression, left to right."""
        if isinstance(e, ast.Num):
            return Val(Const(e.value), t.literal(e.value))
        if isinstance(e, ast.Ident):
            return self._name(e)
        if isinstance(e, ast.CallExpr):
            return self.call(e)
        if isinstance(e, ast.Unary):
            return self._unary(e)
        if isinstance(e, ast.Binary):
            return self._logic(e) if e.op in ("&&", "||") else self._binary(e)
        if isinstance(e, ast.Assign):
            return self._assign(e)
        if isinstance(e, ast.FieldExpr | ast.IndexExpr):
            place = self.place(e)
            assert isinstance(place, Place)
            return self.load(place, e)
        if isinstance(e, ast.Cast):
            return self._cast(e)
        if isinstance(e, ast.Conditional):
            return self._choice(e)
        raise Trouble("value", "a string is no value here", e.span)

    def call(self, e: ast.CallExpr) -> Val:
        """A call; see ``Words``."""
        raise NotImplementedError

    def _name(self, e: ast.Ident) -> Val:
        local = self.local(e.name)
        if local is not None:
            if local.fixed is not None:
                return local.fixed
            return Val(Reg(local.reg), local.type or local.declared or t.ANY)
        named = self.memory.named.get(e.name)
        if named is not None:
            if named.percpu:
                return self.load(self.memory_place(e), e)
            if named.handle:
                return Val(Const(Ptr(e.name)), named.type)
            if named.size is not None:
                return Val(Const(Ptr(e.name)), Type("pointer", to=named.type))
            return self.load(Place(Const(Ptr(e.name)), named.type), e)
        if e.name in self.unit.enums:
            value = self.unit.enums[e.name]
            return Val(Const(value), t.literal(value))
        if e.name in NAMED_VALUES:
            kind = {"NULL": t.ANY, "none": t.PTE}.get(e.name, t.INT)
            return Val(Const(NAMED_VALUES[e.name]), kind)
        if e.name == "fault":
            return Val(Const(FAULT), t.ANY)
        if e.name in CONSTANT_MASKS:
            bit = FALSE if e.name == "cpu_none_mask" else TRUE
            return Val(Const(0), t.MASK, (bit,) * self.memory.cpus)
        if e.name in self.unit.functions:
            return Val(Const(Ptr(e.name)), t.FUNCTION, function=e.name)
        raise self.memory.unknown(e.name, e.span)

    def address(self, e: ast.CExpr) -> Val:
        """``&e``."""
        if isinstance(e, ast.Ident) and self.local(e.name, False) is None:
            named = self.memory.named.get(e.name)
            if named is not None and named.handle and not named.percpu:
                return Val(Const(Ptr(e.name)), named.type)
            if named is not None and named.percpu and self.percpu is None:
                kind = named.type if named.handle else Type("pointer", to=named.type)
                return Val(Const(Ptr(e.name)), kind)
            if e.name in self.unit.functions:
                return self._name(e)
        place = self.place(e)
        if isinstance(place, Local):
            raise Trouble("address", "a register has no address", e.span)
        if place.virtual:
            return Val(place.addr, t.VA)
        if place.whole:
            return Val(place.addr, place.type)
        return Val(place.addr, t.ENTRY if place.type is t.PTE else Type("pointer", to=place.type))

    def _unary(self, e: ast.Unary) -> Val:
        if e.op == "&":
            return self.address(e.operand)
        if e.op == "*":
            place = self.place(e)
            assert isinstance(place, Place)
            return self.load(place, e)
        operand = self.value(e.operand)
        if e.op == "!":
            return Val(call("not", self.truth(operand, e.operand)), t.INT)
        self.numeric(operand, e.operand)
        kind = t.promoted(operand.type, t.INT)
        if e.op == "+":
            return operand
        return Val(
            t.wrapped(call("neg" if e.op == "-" else "inv", operand.expr), kind), self._result(kind, operand)
        )

    def _result(self, kind: Type, *operands: Val) -> Type:
        return kind if all(o.type.kind == "int" for o in operands) else t.ANY

    def numeric(self, value: Val, e: ast.CExpr) -> None:
        """Raise ``Trouble`` for what cannot be calculated with."""
        kind = value.type.kind
        if kind in t.HANDLES or kind in ("void", "entry", "pte") or value.bits is not None:
            raise Trouble("type", f"a number is needed here, not {value.type.words}", e.span)

    def truth(self, value: Val, e: ast.CExpr) -> Expr:
        """The value as a condition."""
        if value.type is t.VOID or value.bits is not None:
            raise Trouble("type", f"{value.type.words} is no condition", e.span)
        return value.expr

    _ARITHMETIC: ClassVar = {
        "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "<<": "shl", ">>": "shr",
        "&": "bitand", "|": "bitor", "^": "bitxor",
    }  # fmt: skip
    _COMPARE: ClassVar = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

    def _binary(self, e: ast.Binary) -> Val:
        left = self.value(e.left)
        # What stands on the left is read before what stands on the right.
        at = len(self.code)
        right = self.value(e.right)
        if len(self.code) > at and isinstance(left.expr, Reg) and not left.expr.name.startswith("%"):
            temp = self.fresh()
            self.code.insert(at, Set(temp, left.expr))
            left = Val(Reg(temp), left.type)
        return self.binary(e.op, left, right, e.left, e.right)

    def binary(self, op: str, left: Val, right: Val, a: ast.CExpr, b: ast.CExpr) -> Val:
        """``left op right``; ``a`` and ``b`` are where they stand."""
        if op in self._COMPARE:
            for value, e in ((left, a), (right, b)):
                self.truth(value, e)
            x, y = left.expr, right.expr
            if left.type.kind == right.type.kind == "int":
                common = t.promoted(left.type, right.type)
                exact = self.memory.mm_file
                x = t.converted(x, left.type, common, exact)
                y = t.converted(y, right.type, common, exact)
            if op not in ("==", "!="):
                self.numeric(left, a)
                self.numeric(right, b)
            return Val(call(self._COMPARE[op], x, y), t.INT)
        self.numeric(left, a)
        self.numeric(right, b)
        function = self._ARITHMETIC[op]
        exact_result = call(function, left.expr, right.expr)
        for value in (left, right):
            if value.type.kind == "pointer":
                return Val(exact_result, value.type if op in "+-" else t.ANY)
        kind = t.promoted(left.type, right.type if op not in ("<<", ">>") else t.INT)
        if left.type.kind == right.type.kind == "int" and op in ("&", "|", "^", "%", ">>") and kind.signed:
            return Val(exact_result, kind)
        if left.type is t.ANY and op in ("&", "|", "^"):
            return Val(exact_result, t.ANY)
        return Val(t.wrapped(exact_result, kind), self._result(kind, left, right))

    def _logic(self, e: ast.Binary) -> Val:
        """``&&`` and ``||``: the right side is evaluated only where it matters."""
        left = self.truth(self.value(e.left), e.left)
        code, right = self.captured(lambda: self.truth(self.value(e.right), e.right))
        function = "and" if e.op == "&&" else "or"
        if not code:
            return Val(call(function, call("bool", left), call("bool", right)), t.INT)
        result, end = self.fresh(), self.fresh("logic")
        self.set(result, call("bool", left))
        stop = call("not", Reg(result)) if function == "and" else Reg(result)
        self.code += [Branch(stop, end, e.span), *code, Set(result, call("bool", right)), Label(end)]
        return Val(Reg(result), t.INT)

    def _choice(self, e: ast.Conditional) -> Val:
        condition = self.truth(self.value(e.condition), e.condition)
        first, then = self.captured(lambda: self.value(e.then))
        second, other = self.captured(lambda: self.value(e.other))
        kind = t.joined(then.type, other.type)
        if not first and not second and then.bits is None and other.bits is None:
            return Val(call("ite", condition, then.expr, other.expr), kind)
        result, no, end = self.fresh(), self.fresh("else"), self.fresh("end")
        self.code += [Branch(call("not", condition), no, e.span), *first, Set(result, then.expr), Jump(end)]
        self.code += [Label(no), *second, Set(result, other.expr), Label(end)]
        return Val(Reg(result), kind)

    def _cast(self, e: ast.Cast) -> Val:
        kind = t.of(e.type)
        if kind is t.VOID:
            self.value(e.operand)
            return Val(Const(0), t.VOID)
        value = self.value(e.operand)
        if value.type.kind in t.HANDLES or value.type.kind in ("entry", "pte") or value.type is t.VOID:
            return value
        if kind.kind == "int" and value.type.kind == "int":
            return Val(t.converted(value.expr, value.type, kind, self.memory.mm_file), kind)
        if kind.kind == "int" and value.type.kind == "pointer":
            return value
        return Val(value.expr, value.type if kind is t.ANY else kind)

    def _assign(self, e: ast.Assign) -> Val:
        if isinstance(e.target, ast.Ident | ast.Unary | ast.FieldExpr | ast.IndexExpr | ast.CallExpr):
            if not e.op:
                self._whole(e, e.value)
                if isinstance(e.target, ast.Ident):
                    local = self.local(e.target.name)
                    if local is not None:
                        return self.store_local(local, self.value(e.value), e)
            target = self.place(e.target)
        else:
            raise Trouble("place", "this cannot be assigned to", e.target.span)
        if isinstance(target, Local):
            old = target.fixed or Val(Reg(target.reg), target.type or target.declared or t.ANY)
            new = self.binary(e.op, old, self.value(e.value), e.target, e.value)
            kept = Val(self.held(old.expr), old.type) if e.post else old
            result = self.store_local(target, new, e)
            return kept if e.post else result
        target = Place(self.held(target.addr), target.type, target.virtual)
        if not e.op:
            value = self.value(e.value)
            return Val(self.store(target, value, e), value.type)
        before = self.load(target, e.target)
        new = self.binary(e.op, before, self.value(e.value), e.target, e.value)
        stored = self.store(target, new, e)
        return before if e.post else Val(stored, new.type)

    def _whole(self, statement: Any, value: ast.CExpr) -> None:
        """If the value is one access, its event is shown as the whole assignment."""
        while isinstance(value, ast.Cast):
            value = value.operand
        if isinstance(value, ast.CallExpr | ast.Unary | ast.Ident | ast.FieldExpr | ast.IndexExpr):
            self.spans[id(value)] = self.spans.get(id(statement), statement.span)
