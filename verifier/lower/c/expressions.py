"""C expressions to code: places, values, conversions; each load becomes an event of its own."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

from verifier.lower.c import types as t
from verifier.lower.c.objects import never_a_number
from verifier.lower.c.parts import Local, Place, Val
from verifier.lower.c.places import PLACE_WORDS, Places
from verifier.lower.c.types import Type
from verifier.lower.code import Branch, Jump, Label, Set
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.values import ATTRIBUTES, FAULT, UNDEF, Ptr
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.table import CONSTANT_MASKS, NAMED_VALUES, WORDS


class Expressions(Places):
    """Adds values to places."""

    # -- values -----------------------------------------------------------------------------------

    def value(self, e: ast.CExpr) -> Val:
        """Evaluate an expression, left to right."""
        if isinstance(e, ast.Num):
            return Val(Const(e.value), t.literal(e.value, e.span.text))
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

    @abstractmethod
    def call(self, e: ast.CallExpr) -> Val:
        """A call; see ``Words``."""

    def _name(self, e: ast.Ident) -> Val:
        local = self.local(e.name)
        if local is not None:
            if local.fixed is not None:
                return local.fixed
            return Val(Reg(local.reg), local.type or local.declared or t.ANY)
        named = self.memory.named.get(e.name)
        if named is not None:
            if named.percpu and named.size is not None:
                return self.base(e)
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
        if e.name in self.unit.functions:
            return Val(Const(Ptr(e.name)), t.FUNCTION, function=e.name)
        if e.name in NAMED_VALUES:
            kind = {"NULL": t.ANY, "none": t.PTE}.get(e.name, t.INT)
            return Val(Const(NAMED_VALUES[e.name]), kind)
        if e.name == "fault":
            return Val(Const(FAULT), t.ANY)
        if e.name in CONSTANT_MASKS:
            bit = FALSE if e.name == "cpu_none_mask" else TRUE
            return Val(Const(0), t.MASK, (bit,) * self.memory.cpus)
        if e.name in ATTRIBUTES:
            return Val(Const(ATTRIBUTES[e.name]), t.INT)
        raise self.memory.unknown(e.name, e.span)

    def address(self, e: ast.CExpr) -> Val:
        """``&e``."""
        if isinstance(e, ast.Ident) and self.local(e.name, False) is None:
            named = self.memory.named.get(e.name)
            if named is not None and named.handle and not named.percpu:
                return Val(Const(Ptr(e.name)), named.type)
            if named is not None and named.percpu and self.percpu is None:
                kind = named.type if named.handle else Type("pointer", to=named.type)
                return Val(Const(Ptr(e.name)), replace(kind, percpu=True))
            if e.name in self.unit.functions:
                return self._name(e)
        if (
            isinstance(e, ast.CallExpr)
            and (e.name in WORDS or e.name in self.unit.functions)
            and e.name not in PLACE_WORDS
        ):
            hint = f"write {e.span.text}, without &"
            raise Trouble("address", f"what {e.name}() gives has no address", e.span, hint)
        place = self.any_place(e)
        if isinstance(place, Local) and place.stack and place.fixed is not None:
            return place.fixed
        if isinstance(place, Local):
            hint = "what is in an array has one: int x[1];"
            raise Trouble("address", "a register has no address", e.span, hint)
        if place.part is not None:
            raise Trouble("bitfield", "a bitfield has no address", e.span, "it is no object of its own")
        if place.virtual:
            return Val(place.addr, t.VA)
        if place.whole:
            return Val(place.addr, replace(place.type, percpu=place.percpu))
        to_entry = {"pte": t.ENTRY, "pmd": t.UPPER}.get(place.type.kind)
        return Val(place.addr, to_entry or Type("pointer", to=place.type, percpu=place.percpu))

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
            return Val(operand.expr, self._result(kind, operand))
        return Val(
            t.wrapped(call("neg" if e.op == "-" else "inv", operand.expr), kind), self._result(kind, operand)
        )

    def _result(self, kind: Type, *operands: Val) -> Type:
        return kind if all(o.type.kind == "int" for o in operands) else t.ANY

    def numeric(self, value: Val, e: ast.CExpr) -> None:
        """Raise ``Trouble`` for what cannot be calculated with."""
        kind = value.type.kind
        if kind in t.HANDLES | t.ENTRIES | t.CONTENTS | {"void"} or value.bits is not None:
            raise Trouble("type", f"a number is needed here, not {value.type.words}", e.span)

    def condition(self, e: ast.CExpr) -> Expr:
        """The condition of an ``if``, a loop or an assumption."""
        if isinstance(e, ast.Assign) and not e.op and not _in_brackets(e.span):
            self.warn(
                "assignment", "an assignment as a condition", e.span,
                f"write == to compare, or (({e.span.text})) if it is meant",
            )  # fmt: skip
        return self.truth(self.value(e), e)

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
            self._comparable(left, right, a, b)
            x, y = left.expr, right.expr
            common = t.promoted(left.type, right.type)
            if left.type.kind == right.type.kind == "int" or (common == t.ULONG and op not in ("==", "!=")):
                x, y = t.converted(x, left.type, common), t.converted(y, right.type, common)
            elif op in ("==", "!="):
                x, y = t.words_of_64(x, y, left.type, right.type)
            if op not in ("==", "!="):
                self.numeric(left, a)
                self.numeric(right, b)
            elif self.memory.used.attributes:
                for held, wanted, node in ((left, right, b), (right, left, a)):
                    if held.type.kind in ("pte", "pmd", "any") and _names_entry(wanted, node):
                        self._bare(held, node, op)
                        found = call("pte_matches", held.expr, wanted.expr)
                        return Val(found if op == "==" else call("not", found), t.INT)
            return Val(call(self._COMPARE[op], x, y), t.INT)
        self.numeric(left, a)
        self.numeric(right, b)
        function = self._ARITHMETIC[op]
        pointers = [value.type for value in (left, right) if value.type.kind == "pointer"]
        if pointers:
            kind = t.LONG if len(pointers) == 2 else pointers[0] if op in "+-" else t.ANY
            return Val(call(function, left.expr, right.expr), kind)
        if op in ("<<", ">>"):
            return self._shift(op, left, right, b)
        kind = t.promoted(left.type, right.type)
        if left.type is t.ANY and op in ("&", "|", "^"):
            return Val(call(function, left.expr, right.expr), t.ANY)
        if op in ("+", "-", "*"):  # the same modulo two to the width, whatever the operands are converted to
            return Val(
                t.wrapped(call(function, left.expr, right.expr), kind), self._result(kind, left, right)
            )
        x, y = (t.converted(v.expr, v.type, kind) for v in (left, right))
        found = call(function, x, y)
        if op in "/%" and kind.signed and (not isinstance(y, Const) or y.value == -1):
            least = Const(t.limits(kind)[0])  # divided by -1 it traps, as a division by 0 does
            traps = call("and", call("eq", x, least), call("eq", y, Const(-1)))
            found = call("ite", traps, Const(UNDEF), found)
        return Val(
            found if op != "/" and left.type.kind == right.type.kind == "int" else t.wrapped(found, kind),
            self._result(kind, left, right),
        )

    def _shift(self, op: str, left: Val, right: Val, b: ast.CExpr) -> Val:
        """A shift has the type of its left side; by more than its width it is undefined (C11 6.5.7)."""
        kind = t.promoted(left.type, t.INT)
        shifted = call(self._ARITHMETIC[op], t.converted(left.expr, left.type, kind), right.expr)
        if op == "<<" or left.type.kind != "int":
            shifted = t.wrapped(shifted, kind)
        count = right.expr
        if isinstance(count, Const):
            if isinstance(count.value, int) and not 0 <= count.value < kind.bits:
                text = f"a shift by {count.value} of what has {kind.bits} bits is undefined in C"
                self.warn("shift", text, b.span, f"shift by 0 to {kind.bits - 1}")
                shifted = Const(UNDEF)
        elif kind.bits < 64:
            inside = call("and", call("ge", count, Const(0)), call("lt", count, Const(kind.bits)))
            shifted = call("ite", inside, shifted, Const(UNDEF))
        return Val(shifted, self._result(kind, left))

    def _bare(self, held: Val, page: ast.CExpr, op: str) -> None:
        """Warn of ``== A`` for an entry's content where A has entries with other attributes."""
        used = self.memory.used
        if held.type.kind == "any" or not isinstance(page, ast.Ident):
            return
        if used.changes or page.name in used.varied:
            text = f"{op} {page.name} looks at the page alone, and it has entries with other attributes here"
            hint = f"pte_same(e, {page.name}) compares them, too; pte_page(e) {op} {page.name} does not"
            self.warn("attributes", text, page.span, hint)

    def _comparable(self, left: Val, right: Val, a: ast.CExpr, b: ast.CExpr) -> None:
        """Raise ``Trouble`` where something that is no number is compared with one that is not 0; warn
        where what a page holds is compared with a page, unless some page holds pages."""
        for held, number, at, e in ((left, right, a, b), (right, left, b, a)):
            constant = number.expr.value if isinstance(number.expr, Const) else 0
            if isinstance(constant, int) and number.type.kind == "int" and constant:
                hint = never_a_number(held.type.kind, at.span.text, isinstance(e, ast.Ident))
                if hint:
                    text = f"{at.span.text} is {held.type.words}, which is never {e.span.text}"
                    raise Trouble("type", text, at.span.to(e.span) if at is a else e.span.to(at.span), hint)
            if held.data and number.type.kind == "page":
                text = f"what {at.span.text} reads is compared with a page"
                hint = f"what the page holds is {e.span.text}.data; which page it is, translate(…) says"
                self.shared.suspects.append(Diagnostic("comparison", text, at.span, hint, "warning"))

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
        if then.type.kind == other.type.kind == "int":
            kind = t.promoted(then.type, other.type)
            then, other = (replace(v, expr=t.converted(v.expr, v.type, kind)) for v in (then, other))
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
        if value.type.kind in t.HANDLES | t.ENTRIES | t.CONTENTS or value.type is t.VOID:
            return value
        if kind.tag == "bool" or (kind.kind == "int" and value.type.kind in ("int", "any")):
            return Val(t.converted(value.expr, value.type, kind), kind)
        if kind.kind == "int" and value.type.kind == "pointer":
            return value
        if kind.kind == value.type.kind == "pointer" and value.type.to is not t.ANY:
            self.same_pointee(kind, value.type, e.span)
            return Val(value.expr, replace(kind, percpu=value.type.percpu))
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
        target = replace(target, addr=self.held(target.addr))
        if not e.op:
            value = self.value(e.value)
            return Val(self.store(target, value, e), self._after(target, value))
        before = self.load(replace(target, part=None), e.target)
        unit = before.expr
        if target.part is not None:
            before = Val(target.part.read(unit), target.part.promoted)
        new = self.binary(e.op, before, self.value(e.value), e.target, e.value)
        stored = self.store(target, new, e, unit)
        return before if e.post else Val(stored, self._after(target, new))

    def _after(self, target: Place, value: Val) -> Type:
        """The type of an assignment: that of what was assigned to, where it is known."""
        if target.part is not None:
            return target.part.promoted
        return target.type if target.type.kind == "int" else value.type

    def _whole(self, statement: Any, value: ast.CExpr) -> None:
        """If the value is one access, its event is shown as the whole assignment."""
        while isinstance(value, ast.Cast):
            value = value.operand
        if isinstance(value, ast.CallExpr | ast.Unary | ast.Ident | ast.FieldExpr | ast.IndexExpr):
            self.spans[id(value)] = self.spans.get(id(statement), statement.span)


def _in_brackets(span: Span) -> bool:
    """Does an expression that is in brackets have brackets of its own?"""
    return span.source.text[: span.start].rstrip().removesuffix("(").rstrip().endswith("(")


def _names_entry(value: Val, e: ast.CExpr) -> bool:
    """Does a comparison with this look at the page and the attributes it names, and no others?"""
    return value.type.kind in ("page", "table") or (isinstance(e, ast.CallExpr) and e.name == "mk_pte")
