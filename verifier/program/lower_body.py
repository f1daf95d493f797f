"""Statements and expressions of one CPU to flat code: functions inlined, words by the vocabulary."""

from __future__ import annotations

from dataclasses import dataclass, field

from verifier.program import kernel
from verifier.program.code import Assume, Branch, Emit, Instruction, Jump, Label, Set, Target, Touch, Warn
from verifier.program.objects import WRAPS, Objects
from verifier.program.observe import Trouble
from verifier.program.values import FALSE, TRUE, Apply, Const, Expr, Ptr, Reg, call
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.ast import Unit
from verifier.syntax.tree import constant
from verifier.syntax.trouble import nearest

MAX_DEPTH = 20
MAX_ITERATIONS = 64
OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "&": "bitand", "|": "bitor", "^": "bitxor",
    "<<": "shl", ">>": "shr", "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
}  # fmt: skip
COMPARES = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})


@dataclass(frozen=True, slots=True)
class Val:
    """A value; ``kind`` as in ``kernel.KINDS`` if it is known, else empty. ``bits``: of a mask."""

    expr: Expr
    kind: str = ""
    bits: tuple[Expr, ...] | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Something assignable: a local, or the cell at ``address``."""

    address: Expr = FALSE
    local: str = ""
    virtual: bool = False
    wrap: str = ""
    kind: str = ""


@dataclass(slots=True)
class Frame:
    """A function while it is inlined: its names, and where ``return`` goes."""

    prefix: str
    end: str
    locals: dict[str, Place] = field(default_factory=dict)
    functions: dict[str, str] = field(default_factory=dict)  # parameters that are functions
    kinds: dict[str, str] = field(default_factory=dict)
    constants: dict[str, int] = field(default_factory=dict)  # variables of unrolled loops
    breaks: list[str] = field(default_factory=list)
    continues: list[str] = field(default_factory=list)
    result: str = ""


class Body:
    """Lowers for one CPU. Errors go to ``troubles``; lowering goes on with the next statement."""

    def __init__(
        self, unit: Unit, objects: Objects, cpu: int, troubles: list[Diagnostic], depth: int = 0
    ) -> None:
        self.unit, self.objects, self.cpu, self.troubles = unit, objects, cpu, troubles
        self.code: list[Instruction] = []
        self.written: set[str] = set()
        self.count = 0
        self.frame = Frame("", "%end")
        self.chain: list[str] = []
        self.depth = depth
        self.span: Span | None = None

    # -- bodies -----------------------------------------------------------------------------------

    def thread(self, thread: ast.Thread) -> list[Instruction]:
        """The code of a thread."""
        for parameter in thread.parameters:
            # herd's parameters are the addresses of the objects of that name.
            self.frame.locals.pop(parameter.name, None)
        self.parameters = {p.name for p in thread.parameters}
        self.statement(thread.body)
        self.code.append(Label("%end"))
        return self.code

    parameters: set[str] = set()  # noqa: RUF012

    def handler(self, function: ast.Function, info: str) -> tuple[Instruction, ...]:
        """The code of an interrupt handler; its argument is in the local ``info``."""
        self.chain.append(function.name)
        for parameter in function.parameters[:1]:
            self.frame.locals[parameter.name] = Place(local=info)
            self.frame.kinds[parameter.name] = ""
        self.statement(function.body)
        self.code.append(Label("%end"))
        return tuple(self.code)

    def fresh(self, stem: str = "t") -> str:
        self.count += 1
        return f"%{stem}{self.count}"

    # -- statements -------------------------------------------------------------------------------

    def statement(self, s: ast.Stmt) -> None:
        """One statement; its errors are noted."""
        try:
            self._statement(s)
        except Trouble as trouble:
            self.troubles.append(trouble.diagnostic)

    def _statement(self, s: ast.Stmt) -> None:
        if isinstance(s, ast.Block):
            self.block(s)
            return
        self.span = s.span
        if isinstance(s, ast.ExprStmt):
            self.value(s.expr, void=True)
        elif isinstance(s, ast.Declare):
            self.declare(s)
        elif isinstance(s, ast.If):
            self.branch(s)
        elif isinstance(s, ast.While | ast.DoWhile | ast.For):
            self.loop(s)
        elif isinstance(s, ast.ForEachCpu):
            self.for_each_cpu(s)
        elif isinstance(s, ast.Switch):
            self.switch(s)
        elif isinstance(s, ast.LabelStmt):
            self.code.append(Label(f"{self.frame.prefix}{s.name}"))
        elif isinstance(s, ast.Goto):
            self.code.append(Jump(f"{self.frame.prefix}{s.name}", s.span))
        elif isinstance(s, ast.Return):
            if s.value is not None:
                self.code.append(Set(self.frame.result or self.fresh(), self.value(s.value).expr, s.span))
            self.code.append(Jump(self.frame.end, s.span))
        elif isinstance(s, ast.Break | ast.Continue):
            targets = self.frame.breaks if isinstance(s, ast.Break) else self.frame.continues
            if not targets:
                raise Trouble("loop", "this is inside no loop", s.span)
            self.code.append(Jump(targets[-1], s.span))
        elif isinstance(s, ast.Case):
            raise Trouble("switch", "a case outside of a switch", s.span)

    def block(self, s: ast.Block) -> None:
        outer = dict(self.frame.locals)
        for inner in s.body:
            self.statement(inner)
        # Names of an inner block end with it, but in threads conditions may ask for them.
        if self.frame.prefix or self.depth:
            self.frame.locals = outer

    def declare(self, s: ast.Declare) -> None:
        if s.size is not None:
            raise Trouble("not-yet", "local arrays are not supported yet", s.span)
        name = f"{self.frame.prefix}{s.name}"
        self.frame.kinds.pop(s.name, None)
        place = Place(local=name, wrap="" if s.type.pointers else WRAPS.get(s.type.base, ""))
        initial = Val(FALSE) if s.init is None else self.value(s.init)
        self.frame.locals[s.name] = place
        if s.init is not None:
            self.store(place, initial, s.span)
            self.frame.kinds[s.name] = initial.kind
        elif self.frame.prefix or self.depth:
            # In a thread the initial state may have given it a value.
            self.code.append(Set(name, FALSE, s.span))

    def branch(self, s: ast.If) -> None:
        known = self.constant(s.condition)
        if known is not None:
            if known:
                self.statement(s.then)
            elif s.other is not None:
                self.statement(s.other)
            return
        self.span = s.condition.span
        test = self.value(s.condition).expr
        other, end = self.fresh("else"), self.fresh("fi")
        self.code.append(Branch(call("not", test), other, s.condition.span))
        self.statement(s.then)
        if s.other is not None:
            self.code.append(Jump(end))
        self.code.append(Label(other))
        if s.other is not None:
            self.statement(s.other)
            self.code.append(Label(end))

    def loop(self, s: ast.While | ast.DoWhile | ast.For) -> None:
        if isinstance(s, ast.For):
            for first in s.init:
                self.statement(first)
            if self.counted(s):
                return
        elif isinstance(s, ast.While) and _idle(s.body) and self.spin(s.condition):
            return
        top, again, end = self.fresh("top"), self.fresh("next"), self.fresh("done")
        self.frame.breaks.append(end)
        self.frame.continues.append(again)
        self.code.append(Label(top))
        if not isinstance(s, ast.DoWhile) and s.condition is not None:
            self.span = s.condition.span
            self.code.append(Branch(call("not", self.value(s.condition).expr), end, s.condition.span))
        self.statement(s.body)
        self.code.append(Label(again))
        if isinstance(s, ast.For):
            for step in s.step:
                self.value(step, void=True)
        if isinstance(s, ast.DoWhile):
            self.span = s.condition.span
            self.code.append(Branch(self.value(s.condition).expr, top, s.condition.span))
        else:
            self.code.append(Jump(top, s.span))
        self.code.append(Label(end))
        self.frame.breaks.pop()
        self.frame.continues.pop()

    def spin(self, condition: ast.CExpr) -> bool:
        """``while (c) cpu_relax();`` is its last evaluation, exactly, if that only loads."""
        start = len(self.code)
        self.span = condition.span
        test = self.value(condition).expr
        if all(not isinstance(i, Emit) or (i.op == "R" and not i.virtual) for i in self.code[start:]):
            self.code.append(Assume(call("not", test), condition.span))
            return True
        del self.code[start:]
        return False

    def counted(self, s: ast.For) -> bool:
        """Unroll a loop whose variable runs over constants."""
        if s.condition is None or len(s.step) != 1 or not isinstance(s.step[0], ast.Assign):
            return False
        target = s.step[0].target
        last = self.code[-1] if self.code else None
        if not isinstance(target, ast.Ident) or target.name not in self.frame.locals:
            return False
        local = self.frame.locals[target.name].local
        if not isinstance(last, Set) or last.reg != local or not isinstance(last.value, Const):
            return False
        if _assigns(s.body, target.name) or not isinstance(last.value.value, int):
            return False
        values, value = list[int](), last.value.value
        while True:
            self.frame.constants[target.name] = value
            go = self.constant(s.condition)
            step = self.constant(s.step[0].value)
            if go is None or step is None or s.step[0].op not in ("+", "-", ""):
                del self.frame.constants[target.name]
                return False
            if not go:
                break
            values.append(value)
            if len(values) > MAX_ITERATIONS:
                del self.frame.constants[target.name]
                raise Trouble("loop", f"more than {MAX_ITERATIONS} iterations", s.span)
            value = {"+": value + step, "-": value - step, "": step}[s.step[0].op]
        self.repeat(target.name, values, s.body, s.span)
        self.code.append(Set(local, Const(value), s.span))
        return True

    def repeat(self, variable: str, values: list[int], body: ast.Stmt, span: Span) -> None:
        """The body once for each value of the variable."""
        end = self.fresh("done")
        self.frame.breaks.append(end)
        for value in values:
            again = self.fresh("next")
            self.frame.continues.append(again)
            self.frame.constants[variable] = value
            if variable in self.frame.locals:
                self.code.append(Set(self.frame.locals[variable].local, Const(value), span))
            self.statement(body)
            self.code.append(Label(again))
            self.frame.continues.pop()
        self.frame.constants.pop(variable, None)
        self.code.append(Label(end))
        self.frame.breaks.pop()

    def for_each_cpu(self, s: ast.ForEachCpu) -> None:
        bits: tuple[Expr, ...] = (TRUE,) * self.objects.cpus
        if s.mask is not None:
            bits = self.bits(self.value(s.mask), s.mask.span)
        inner = f"{self.frame.prefix}{s.variable}"
        self.frame.locals.setdefault(s.variable, Place(local=inner))
        end = self.fresh("done")
        self.frame.breaks.append(end)
        for cpu, bit in enumerate(bits):
            again = self.fresh("next")
            self.frame.continues.append(again)
            self.code.append(Branch(call("not", bit), again, s.span))
            self.frame.constants[s.variable] = cpu
            self.code.append(Set(self.frame.locals[s.variable].local, Const(cpu), s.span))
            self.statement(s.body)
            self.code.append(Label(again))
            self.frame.continues.pop()
        self.frame.constants.pop(s.variable, None)
        self.code.append(Label(end))
        self.frame.breaks.pop()

    def switch(self, s: ast.Switch) -> None:
        self.span = s.subject.span
        subject = self.keep(self.value(s.subject).expr)
        body = s.body.body if isinstance(s.body, ast.Block) else (s.body,)
        end, labels = self.fresh("done"), dict[int, str]()
        default = end
        for at, inner in enumerate(body):
            if isinstance(inner, ast.Case):
                labels[at] = self.fresh("case")
                if inner.value is None:
                    default = labels[at]
                else:
                    value = self.constant(inner.value)
                    if value is None:
                        raise Trouble("constant", "a case is a constant", inner.value.span)
                    self.code.append(Branch(call("eq", subject, Const(value)), labels[at], inner.span))
        self.code.append(Jump(default, s.span))
        self.frame.breaks.append(end)
        for at, inner in enumerate(body):
            if at in labels:
                self.code.append(Label(labels[at]))
            else:
                self.statement(inner)
        self.frame.breaks.pop()
        self.code.append(Label(end))

    # -- places -----------------------------------------------------------------------------------

    def place(self, e: ast.CExpr) -> Place:
        """Something that can be read and written."""
        if isinstance(e, ast.Ident):
            return self.named(e)
        if isinstance(e, ast.Unary) and e.op == "*":
            value = self.value(e.operand)
            return self.at(value, e.span)
        if isinstance(e, ast.FieldExpr):
            base = self.struct(e.base)
            self.objects.fields.add(e.name)
            return Place(call("field", base, Const(e.name)))
        if isinstance(e, ast.IndexExpr):
            base_value = self.value(e.base)
            index = self.value(e.index).expr
            return self.at(Val(call("add", base_value.expr, index), base_value.kind), e.span)
        if isinstance(e, ast.CallExpr) and e.name == "per_cpu" and len(e.arguments) == 2:
            path, cpu = self.percpu(e.arguments[0]), self.value(e.arguments[1]).expr
            return Place(call("percpu", Const(Ptr(path)), cpu))
        if isinstance(e, ast.Cast):
            return self.place(e.operand)
        raise Trouble("lvalue", "this cannot be read or written", e.span, "it is no place in memory")

    def at(self, value: Val, span: Span) -> Place:
        """The place a pointer points to."""
        if value.kind in ("number", "mm", "mask", "function", "struct"):
            raise Trouble("type", f"{kernel.KINDS.get(value.kind, value.kind)} cannot be dereferenced", span)
        if value.kind == "page":
            raise Trouble(
                "type", "a page is no pointer", span, "its content is A.data, or *v through a mapping"
            )
        return Place(value.expr, virtual=value.kind == "va", kind="pte" if value.kind == "entry" else "")

    def named(self, e: ast.Ident) -> Place:
        name = e.name
        if name in self.frame.locals:
            return self.frame.locals[name]
        if name not in self.parameters or self.frame.prefix:
            kind = self.objects.kind(name)
            if kind == "data":
                thing = self.objects.things[name]
                if thing.percpu:
                    raise Trouble(
                        "percpu",
                        f"each CPU has its own {name}",
                        e.span,
                        f"this_cpu_read({name}), per_cpu({name}, cpu)",
                    )
                if not self.parameters or self.unit.arch == "MM":
                    return Place(Const(Ptr(name)), wrap=thing.wrap)
            elif kind:
                raise Trouble("type", f"{name} is {kernel.KINDS.get(kind, kind)}, no place", e.span)
        if self.unit.arch == "MM" and not (name[0] == "r" and name[1:].isdigit()) and name != "VAL":
            if name in self.unit.enums:
                raise Trouble("lvalue", f"{name} is a constant", e.span)
            known = [*self.frame.locals, *self.objects.things, *self.unit.enums]
            hint = nearest(name, known) or "registers r0, r1, … need no declaration; others do"
            raise Trouble("unknown-name", f"there is no {name!r}", e.span, hint)
        local = f"{self.frame.prefix}{name}"
        place = self.frame.locals[name] = Place(local=local)
        return place

    def struct(self, e: ast.CExpr) -> Expr:
        """The address of something with fields."""
        if isinstance(e, ast.FieldExpr):
            # p->a.b: a struct within; p->a->b: a pointer is loaded.
            return self.value(e).expr
        value = self.value(e)
        if value.kind in ("va", "mask", "number", "function", "entry"):
            raise Trouble("type", f"{kernel.KINDS.get(value.kind, value.kind)} has no fields", e.span)
        return value.expr

    def percpu(self, e: ast.CExpr) -> str:
        """The path of a per-CPU object."""
        root = e
        while isinstance(root, ast.FieldExpr):
            self.objects.fields.add(root.name)
            root = root.base
        if not isinstance(root, ast.Ident) or root.name not in self.objects.things:
            known = [t.name for t in self.objects.things.values() if t.percpu]
            name = root.name if isinstance(root, ast.Ident) else ""
            raise Trouble(
                "unknown-name", f"there is no per-CPU object {name!r}", e.span, nearest(name, known)
            )
        if not self.objects.things[root.name].percpu:
            raise Trouble("type", f"{root.name} is no per-CPU object", e.span, "declare it: percpu int x;")
        return self.objects.path(e)

    def load(self, place: Place) -> Val:
        """The value of a place."""
        if place.local:
            return Val(Reg(place.local))
        into = self.fresh()
        self.emit("R", Touch(place.address, into), virtual=place.virtual)
        return Val(Reg(into), place.kind)

    def store(self, place: Place, value: Val, span: Span) -> None:
        """Write a place."""
        expr = self.wrap(value.expr, place.wrap)
        if place.local:
            self.code.append(Set(place.local, expr, span))
            self.written.add(place.local)
        else:
            self.emit("W", Touch(place.address, None, expr), virtual=place.virtual)

    def wrap(self, expr: Expr, wrap: str) -> Expr:
        """Cut what was computed to the type it is stored in."""
        arithmetic = isinstance(expr, Apply) and expr.function not in COMPARES | {"not", "and", "or", "bool"}
        if wrap and (arithmetic or (isinstance(expr, Const) and isinstance(expr.value, int))):
            return call(wrap, expr)
        return expr

    def emit(self, op: str, *touches: Touch, **more: object) -> None:
        text = " ".join(self.span.text.rstrip(";").split()) if self.span else ""
        self.code.append(Emit(op, touches, span=self.span, text=text, **more))  # type: ignore[arg-type]

    def keep(self, expr: Expr) -> Expr:
        """In a local of its own."""
        if isinstance(expr, Const):
            return expr
        name = self.fresh()
        self.code.append(Set(name, expr, self.span))
        return Reg(name)

    # -- values -----------------------------------------------------------------------------------

    def constant(self, e: ast.CExpr) -> int | None:
        """Its value if it is a constant here."""
        if (
            isinstance(e, ast.CallExpr)
            and e.name in ("smp_processor_id", "raw_smp_processor_id")
            and not e.arguments
        ):
            return self.cpu
        if isinstance(e, ast.Binary) and e.op in COMPARISONS:
            a, b = self.constant(e.left), self.constant(e.right)
            return None if a is None or b is None else int(COMPARISONS[e.op](a, b))
        return constant(e, {**self.unit.enums, **self.frame.constants})

    def value(self, e: ast.CExpr, void: bool = False) -> Val:
        """The value of an expression, evaluated from the left."""
        if isinstance(e, ast.Num):
            return Val(Const(e.value), "number" if e.value else "")
        if isinstance(e, ast.Ident):
            return self.ident(e)
        if isinstance(e, ast.CallExpr):
            return self.called(e, void)
        if isinstance(e, ast.Assign):
            return self.assign(e)
        if isinstance(e, ast.Unary):
            return self.unary(e)
        if isinstance(e, ast.Binary):
            return self.binary(e)
        if isinstance(e, ast.Conditional):
            return self.conditional(e)
        if isinstance(e, ast.Cast):
            value = self.value(e.operand)
            wrap = "" if e.type.pointers else WRAPS.get(e.type.base, "")
            return Val(call(wrap, value.expr), value.kind) if wrap else value
        if isinstance(e, ast.FieldExpr | ast.IndexExpr):
            place = self.place(e)
            return self.load(place)
        raise Trouble("type", "a string has no value here", e.span)

    def ident(self, e: ast.Ident) -> Val:
        name = e.name
        if name in self.frame.constants:
            return Val(Const(self.frame.constants[name]), "number")
        if name in self.frame.locals:
            place = self.frame.locals[name]
            return Val(Reg(place.local), self.frame.kinds.get(name, ""))
        if name in self.parameters and not self.frame.prefix:
            kind = self.objects.kind(name)
            return Val(Const(Ptr(name)), "" if kind in ("data", "array") else kind)
        if name in self.unit.enums:
            return Val(Const(self.unit.enums[name]), "number")
        kind = self.objects.kind(name)
        if kind == "data":
            return self.load(self.named(e))
        if kind in ("array", "struct"):
            return Val(Const(Ptr(name)), "struct" if kind == "struct" else "")
        if kind:
            return Val(Const(Ptr(name)), kind)
        if name in kernel.NAMED_VALUES:
            return Val(Const(kernel.NAMED_VALUES[name]))
        if name in kernel.CONSTANT_MASKS:
            every = FALSE if name == "cpu_none_mask" else TRUE
            return Val(FALSE, "mask", (every,) * self.objects.cpus)
        if name in self.unit.functions or name in self.frame.functions:
            raise Trouble(
                "type", f"{name} is a function", e.span, "functions can only be called or passed on"
            )
        return self.load(self.named(e))

    def assign(self, e: ast.Assign) -> Val:
        if not e.op:
            if isinstance(e.target, ast.Ident) and e.target.name not in self.frame.locals:
                target = None
            else:
                target = self.place(e.target)
            value = self.value(e.value)
            place = target or self.place(e.target)
        else:
            place = self.place(e.target)
            if place.address != FALSE:
                place = Place(self.keep(place.address), "", place.virtual, place.wrap, place.kind)
            old = self.load(place)
            before = self.keep(old.expr) if e.post else old.expr
            value = Val(self.compute(e.op, before, self.value(e.value).expr, e.span))
            self.store(place, value, e.span)
            return Val(before) if e.post else Val(self.wrap(value.expr, place.wrap))
        self.store(place, value, e.span)
        if isinstance(e.target, ast.Ident) and place.local:
            self.frame.kinds[e.target.name] = value.kind
        return Val(Reg(place.local), value.kind) if place.local else value

    def compute(self, op: str, a: Expr, b: Expr, span: Span) -> Expr:
        if op not in OPERATORS:
            raise Trouble("operator", f"the operator {op!r} is not supported", span)
        return call(OPERATORS[op], a, b)

    def unary(self, e: ast.Unary) -> Val:
        if e.op == "*":
            return self.load(self.place(e))
        if e.op == "&":
            return self.address(e.operand)
        value = self.value(e.operand).expr
        if e.op == "!":
            return Val(call("not", value))
        if e.op == "+":
            return Val(value)
        return Val(call("neg" if e.op == "-" else "inv", value))

    def address(self, e: ast.CExpr) -> Val:
        """``&x``; of a handle, itself."""
        if isinstance(e, ast.Ident) and e.name not in self.frame.locals:
            kind = self.objects.kind(e.name)
            if kind and kind != "data":
                return Val(Const(Ptr(e.name)), "" if kind == "array" else kind)
            if kind == "data" and e.name not in self.parameters and self.objects.things[e.name].percpu:
                return Val(Const(Ptr(e.name)))
        place = self.place(e)
        if place.local:
            raise Trouble("lvalue", "a local has no address", e.span)
        return Val(place.address, "va" if place.virtual else "")

    def binary(self, e: ast.Binary) -> Val:
        if e.op not in ("&&", "||"):
            left = self.value(e.left)
            if _has_effects(e.right):
                left = Val(self.keep(left.expr), left.kind)
            right = self.value(e.right)
            computed = self.compute(e.op, left.expr, right.expr, e.span)
            return Val(computed, "va" if left.kind == "va" and e.op in "+-" else "")
        left = self.value(e.left)
        start = len(self.code)
        right = self.value(e.right)
        if len(self.code) == start:
            return Val(call("and" if e.op == "&&" else "or", left.expr, right.expr))
        rest, self.code[start:] = self.code[start:], []
        result, skip = self.fresh(), self.fresh("skip")
        decided = call("bool", left.expr)
        self.code.append(Set(result, decided, e.span))
        self.code.append(Branch(call("not", decided) if e.op == "&&" else decided, skip, e.span))
        self.code += rest
        self.code.append(Set(result, call("bool", right.expr), e.span))
        self.code.append(Label(skip))
        return Val(Reg(result))

    def conditional(self, e: ast.Conditional) -> Val:
        test = self.value(e.condition).expr
        result, other, end = self.fresh(), self.fresh("else"), self.fresh("fi")
        self.code.append(Branch(call("not", test), other, e.span))
        then = self.value(e.then)
        self.code += [Set(result, then.expr, e.span), Jump(end), Label(other)]
        value = self.value(e.other)
        self.code += [Set(result, value.expr, e.span), Label(end)]
        return Val(Reg(result), then.kind if then.kind == value.kind else "")

    # -- calls ------------------------------------------------------------------------------------

    def called(self, e: ast.CallExpr, void: bool) -> Val:
        name = self.frame.functions.get(e.name, e.name)
        if name in self.unit.functions:
            return self.inline(self.unit.functions[name], e.arguments, e.span, void)
        word = kernel.WORDS.get(name)
        if word is None:
            known = [*kernel.WORDS, *self.unit.functions]
            hint = nearest(name, known)
            raise Trouble("unknown-word", f"unknown primitive or function {name!r}", e.span, hint)
        if word.planned:
            verb = "are" if word.planned.endswith("s") and word.planned not in ("RCU",) else "is"
            raise Trouble("not-yet", f"{name}: {word.planned} {verb} not supported yet", e.span)
        return self.word(word, e)

    def inline(
        self, function: ast.Function, arguments: tuple[ast.CExpr, ...], span: Span, void: bool = False
    ) -> Val:
        """A call of the test's own function."""
        if function.name in self.chain or len(self.chain) > MAX_DEPTH:
            raise Trouble("recursion", f"{function.name}() calls itself", span, "write it as a loop")
        if len(arguments) != len(function.parameters):
            raise Trouble("arity", _arity(function.name, len(function.parameters), len(arguments)), span)
        if not void and function.result.base == "void" and not function.result.pointers:
            raise Trouble("type", f"{function.name}() has no value", span)
        self.count += 1
        prefix = f"{function.name}.{self.count}."
        frame = Frame(prefix, f"{prefix}%end", result=f"{prefix}%result")
        for parameter, argument in zip(function.parameters, arguments, strict=True):
            if isinstance(argument, ast.Ident) and self.function_name(argument.name):
                frame.functions[parameter.name] = self.function_name(argument.name)
                continue
            value = self.value(argument)
            local = f"{prefix}{parameter.name}"
            wrap = "" if parameter.type.pointers else WRAPS.get(parameter.type.base, "")
            self.code.append(Set(local, self.wrap(value.expr, wrap), span))
            frame.locals[parameter.name] = Place(local=local, wrap=wrap)
            known = self.constant(argument)
            if known is not None and not _assigns(function.body, parameter.name):
                frame.constants[parameter.name] = known
            frame.kinds[parameter.name] = value.kind
        outer, outer_span = self.frame, self.span
        self.frame = frame
        self.chain.append(function.name)
        self.code.append(Set(frame.result, FALSE, span))
        self.statement(function.body)
        self.code.append(Label(frame.end))
        self.chain.pop()
        self.frame, self.span = outer, outer_span
        return Val(Reg(frame.result))

    def function_name(self, name: str) -> str:
        """The function a name stands for, or nothing."""
        if name in self.frame.functions:
            return self.frame.functions[name]
        if name in self.frame.locals or name in self.objects.things:
            return ""
        return name if name in self.unit.functions else ""

    def word(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        """A word of the vocabulary."""
        least = len(word.parameters) - word.optional
        if not least <= len(e.arguments) <= len(word.parameters):
            hint = f"it is written {word.signature}"
            raise Trouble("arity", _arity(word.name, len(word.parameters), len(e.arguments)), e.span, hint)
        special = next((x for x in word.effects if isinstance(x, kernel.Special)), None)
        if special is not None:
            found: Val = getattr(self, f"do_{special.name}")(word, e)
            return found
        arguments: dict[str, Val] = {}
        places: dict[str, Place] = {}
        for parameter, argument in zip(word.parameters, e.arguments, strict=False):
            self.argument(parameter, argument, arguments, places)
        if "m" in arguments and "cpu" in arguments:
            mask = arguments["m"]
            if mask.bits is None:
                places["bit"] = Place(call("add", mask.expr, arguments["cpu"].expr))
            else:
                return Val(_member(mask.bits, arguments["cpu"].expr))
        env = {name: value.expr for name, value in arguments.items()}
        env["this_cpu"], env["cpus"] = Const(self.cpu), Const(self.objects.cpus)
        result = Val(FALSE)
        for effect in word.effects:
            made = self.effect(effect, env, places)
            if made is not None:
                result = made
        if word.result in ("void",):
            return Val(FALSE)
        kind = "" if word.result in ("same", "value", "number") else word.result
        if word.result == "same":
            kind = next((p.kind for p in places.values() if p.kind), "")
        return Val(result.expr, kind)

    def argument(
        self, parameter: kernel.Parameter, e: ast.CExpr, arguments: dict[str, Val], places: dict[str, Place]
    ) -> None:
        """Evaluate one argument by the kind that is wanted."""
        kind = parameter.kind
        if kind == "place":
            places[parameter.name] = self.place(e)
        elif kind == "percpu":
            path = self.percpu(e)
            places[parameter.name] = Place(Const(Ptr(f"{self.cpu}:{path}")))
            arguments[parameter.name] = Val(Const(Ptr(path)))
        elif kind == "local":
            place = self.place(e)
            if not place.local:
                raise Trouble("type", "a register is needed here", e.span, "such as r0, or a local variable")
            places[parameter.name] = place
        else:
            value = self.value(e)
            self.check(value, kind, e.span)
            arguments[parameter.name] = value
            if kind in ("pointer", "entry"):
                places[parameter.name] = Place(
                    value.expr, virtual=value.kind == "va", kind="pte" if kind == "entry" else ""
                )

    def check(self, value: Val, kind: str, span: Span) -> None:
        """Refuse what is known to be of another kind."""
        have = value.kind
        if kind in ("mm", "page", "va", "entry", "mask", "pte", "number", "pointer", "value") and have:
            fits = {
                "value": {"mm", "page", "va", "entry", "pte", "number", "struct"},
                "number": {"number"},
                "pointer": {"va", "entry", "struct"},
                "pte": {"pte", "page"},
                "page": {"page", "pte"},
            }.get(kind, {kind})
            if have not in fits:
                wanted = kernel.KINDS.get(kind, kind)
                raise Trouble(
                    "type", f"{wanted} is needed here, this is {kernel.KINDS.get(have, have)}", span
                )

    def effect(self, effect: kernel.Effect, env: dict[str, Expr], places: dict[str, Place]) -> Val | None:
        """One instruction of a word; its value if it has one."""
        if isinstance(effect, kernel.Pure):
            return Val(fill(effect.value, env))
        if isinstance(effect, kernel.Order):
            if effect.kind:
                self.emit("F", kind=effect.kind)
            return None
        if isinstance(effect, kernel.Machine):
            return self.machine(effect, env, places)
        assert isinstance(effect, kernel.Load | kernel.Store | kernel.Update)
        place = places[effect.at]
        if place.local:
            if isinstance(effect, kernel.Load):
                return Val(Reg(place.local))
            if isinstance(effect, kernel.Store):
                self.store(place, Val(fill(effect.value, env)), self.span)  # type: ignore[arg-type]
                return None
            raise Trouble("type", "a local is no place in memory", self.span)
        if isinstance(effect, kernel.Store):
            value = self.wrap(fill(effect.value, env), self.type_at(place))
            self.emit("W", Touch(place.address, None, value), virtual=place.virtual)
            return None
        old = self.fresh()
        inside = {**env, "old": Reg(old)}
        if isinstance(effect, kernel.Load):
            self.emit("R", Touch(place.address, old), virtual=place.virtual)
            env["old"] = Reg(old)
        else:
            when = fill(effect.when, inside)
            touch = Touch(place.address, old, fill(effect.value, inside), when)
            self.emit("X", touch, virtual=place.virtual)
        if effect.needs != TRUE:
            self.code.append(Assume(fill(effect.needs, inside), self.span))
        return None if effect.result is None else Val(fill(effect.result, inside))

    def type_at(self, place: Place) -> str:
        """How values stored at a known object are cut."""
        if place.wrap:
            return place.wrap
        if isinstance(place.address, Const) and isinstance(place.address.value, Ptr):
            thing = self.objects.things.get(place.address.value.base)
            return thing.wrap if thing else ""
        return ""

    def machine(self, effect: kernel.Machine, env: dict[str, Expr], places: dict[str, Place]) -> Val | None:
        """An instruction of the system kind."""
        if effect.op == "T":
            into = self.fresh()
            self.emit("T", Touch(env[effect.args[0]], into), virtual=True)
            return Val(Reg(into), "page")
        if effect.register:
            if effect.register == "cr3" and not self.objects.names("mm"):
                raise Trouble("no-mm", "there is no address space", self.span, "declare one: mm N { };")
            place = places[effect.into] if effect.into else None
            local = place.local if place else None
            assert effect.value is not None
            touch = Touch(Const(Ptr(f"{self.cpu}:{effect.register}")), local, fill(effect.value, env))
            self.emit(effect.op, touch, serializing=effect.serializing and effect.op != "IRQ")
            if local:
                self.written.add(local)
            return None
        arguments = tuple(env[a] for a in effect.args)
        self.emit(effect.op, kind=effect.kind, args=arguments, serializing=effect.serializing)
        return None

    # -- words that are control flow ----------------------------------------------------------------

    def do_assume(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        self.code.append(Assume(self.value(e.arguments[0]).expr, e.span))
        return Val(FALSE)

    def do_warn(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        test = self.keep(call("bool", self.value(e.arguments[0]).expr))
        self.code.append(Warn(test, e.span))
        return Val(test)

    def do_cond_load(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        """``smp_cond_load_acquire(p, cond)``: the last load, for which the condition on VAL holds."""
        value = self.value(e.arguments[0])
        into = self.fresh()
        self.emit("R", Touch(value.expr, into), virtual=value.kind == "va")
        outer = self.frame.locals.get("VAL")
        self.frame.locals["VAL"] = Place(local=into)
        self.code.append(Assume(self.value(e.arguments[1]).expr, e.span))
        del self.frame.locals["VAL"]
        if outer:
            self.frame.locals["VAL"] = outer
        return Val(Reg(into))

    def do_try_cmpxchg(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        """``*old`` is a local or an object; it is updated if the exchange fails."""
        target, old, new = e.arguments
        address = self.keep(self.value(target).expr)
        if not isinstance(old, ast.Unary) or old.op != "&":
            raise Trouble("type", "the address of a local is needed here", old.span, "such as &old")
        place = self.place(old.operand)
        expected = self.keep(self.load(place).expr)
        value = self.keep(self.value(new).expr)
        into = self.fresh()
        same = call("eq", Reg(into), expected)
        self.emit("X", Touch(address, into, value, same))
        done = self.keep(same)
        self.store(place, Val(call("ite", done, expected, Reg(into))), e.span)
        return Val(done)

    def do_per_cpu(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        return self.load(self.place(e))

    def do_read_cr3(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        into = self.fresh()
        self.emit("R", Touch(Const(Ptr(f"{self.cpu}:cr3")), into))
        return Val(Reg(into), "mm")

    def do_mask_of(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        cpu = self.value(e.arguments[0]).expr
        return Val(FALSE, "mask", tuple(call("eq", cpu, Const(c)) for c in range(self.objects.cpus)))

    def bits(self, mask: Val, span: Span) -> tuple[Expr, ...]:
        """The bits of a mask; one in memory is read at one instant."""
        if mask.kind and mask.kind != "mask":
            raise Trouble(
                "type", f"a cpumask is needed here, this is {kernel.KINDS.get(mask.kind, mask.kind)}", span
            )
        if mask.bits is not None:
            return mask.bits
        names = [self.fresh() for _ in range(self.objects.cpus)]
        touches = [Touch(call("add", mask.expr, Const(cpu)), name) for cpu, name in enumerate(names)]
        self.emit("R", *touches)
        return tuple(Reg(name) for name in names)

    def do_mask_read(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        bits = self.bits(self.value(e.arguments[0]), e.span)
        if word.name == "cpumask_empty":
            return Val(call("not", call("or", *bits)))
        if word.name == "cpumask_full":
            return Val(call("and", *bits))
        total: Expr = Const(0) if word.name == "cpumask_weight" else Const(len(bits))
        for cpu in reversed(range(len(bits))):
            bit = call("bool", bits[cpu])
            total = (
                call("add", total, bit)
                if word.name == "cpumask_weight"
                else call("ite", bit, Const(cpu), total)
            )
        return Val(total)

    def mask_store(self, e: ast.CExpr, values: tuple[Expr, ...]) -> Val:
        target = self.value(e)
        self.check(target, "mask", e.span)
        if target.bits is not None:
            raise Trouble("type", "this mask is a constant", e.span)
        touches = [Touch(call("add", target.expr, Const(c)), None, v) for c, v in enumerate(values)]
        self.emit("W", *touches)
        return Val(FALSE)

    def do_mask_copy(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        return self.mask_store(e.arguments[0], self.bits(self.value(e.arguments[1]), e.span))

    def do_mask_clear(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        value = TRUE if word.name == "cpumask_setall" else FALSE
        return self.mask_store(e.arguments[0], (value,) * self.objects.cpus)

    def do_call_cpus(self, word: kernel.Word, e: ast.CallExpr) -> Val:
        """IPIs: the mask is read once, the handlers are sent, this CPU runs its own, then it waits."""
        given = dict(zip((p.name for p in word.parameters), e.arguments, strict=True))
        function = self.function(given["func"])
        cpus = self.objects.cpus
        if "cpu" in given:
            cpu = self.value(given["cpu"])
            self.check(cpu, "number", given["cpu"].span)
            if isinstance(cpu.expr, Const) and not (
                isinstance(cpu.expr.value, int) and 0 <= cpu.expr.value < cpus
            ):
                raise Trouble(
                    "no-cpu", "there is no such CPU", given["cpu"].span, f"CPUs are 0 to {cpus - 1}"
                )
            guards = tuple(call("eq", cpu.expr, Const(c)) for c in range(cpus))
        elif "m" in given:
            guards = self.bits(self.value(given["m"]), given["m"].span)
        else:
            guards = (TRUE,) * cpus
        info = Val(FALSE)
        if not self.is_function(given["info"]):
            info = Val(self.keep(self.value(given["info"]).expr))
        if "cond" in given:
            condition = self.function(given["cond"])
            guards = tuple(
                FALSE if g == FALSE else call("and", g, self.condition(condition, c, info, e))
                for c, g in enumerate(guards)
            )
        wait = self.constant(given["wait"])
        if wait is None:
            raise Trouble("constant", "wait must be a constant here", given["wait"].span, "0 or 1")
        group = self.fresh("ipi")
        self.span = e.span
        targets = tuple(
            Target(c, g, self.compiled(function, c, e.span), (("info", info.expr),), function.name)
            for c, g in enumerate(guards)
            if c != self.cpu and g != FALSE
        )
        self.emit("SEND", group=group, targets=targets)
        mine = guards[self.cpu] if "func" in given and word.name != "smp_call_function" else FALSE
        if word.name == "smp_call_function_many":
            mine = FALSE
        if mine != FALSE:
            self.local_call(function, info, mine, e.span)
        if wait:
            self.emit("WAIT", group=group)
        return Val(FALSE)

    def is_function(self, e: ast.CExpr) -> bool:
        return isinstance(e, ast.Ident) and bool(self.function_name(e.name))

    def function(self, e: ast.CExpr) -> ast.Function:
        """A function that is an argument."""
        inner = e.operand if isinstance(e, ast.Unary) and e.op == "&" else e
        name = self.function_name(inner.name) if isinstance(inner, ast.Ident) else ""
        if not name:
            word = inner.name if isinstance(inner, ast.Ident) else ""
            raise Trouble("type", "a function is needed here", e.span, nearest(word, self.unit.functions))
        return self.unit.functions[name]

    def condition(self, function: ast.Function, cpu: int, info: Val, e: ast.CallExpr) -> Expr:
        """``cond(cpu, info)``, evaluated by the sender."""
        name = self.fresh("info")
        self.code.append(Set(name, info.expr, e.span))
        self.frame.locals[name] = Place(local=name)
        arguments = (ast.Num(cpu, e.span), ast.Ident(name, e.span))
        return self.keep(self.inline(function, arguments, e.span).expr)

    def compiled(self, function: ast.Function, cpu: int, span: Span) -> tuple[Instruction, ...]:
        """A handler's code on a CPU."""
        if len(function.parameters) != 1:
            raise Trouble("arity", f"{function.name}() is a handler: it takes one argument, info", span)
        if self.depth >= 3 or function.name in self.chain:
            raise Trouble("recursion", f"{function.name}() interrupts others without end", span)
        inner = Body(self.unit, self.objects, cpu, self.troubles, self.depth + 1)
        inner.chain = list(self.chain)
        return inner.handler(function, "info")

    def local_call(self, function: ast.Function, info: Val, guard: Expr, span: Span) -> None:
        """This CPU's own part: the function, with interrupts off."""
        end = self.fresh("own")
        self.code.append(Branch(call("not", guard), end, span))
        irq, flags, name = Const(Ptr(f"{self.cpu}:irq")), self.fresh("flags"), self.fresh("info")
        self.emit("IRQ", Touch(irq, flags, FALSE))
        self.code.append(Set(name, info.expr, span))
        self.frame.locals[name] = Place(local=name)
        self.inline(function, (ast.Ident(name, span),), span, void=True)
        self.span = span
        self.emit("IRQ", Touch(irq, None, Reg(flags)))
        self.code.append(Label(end))


COMPARISONS = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip


def fill(expr: Expr, env: dict[str, Expr]) -> Expr:
    """An expression of the vocabulary with its arguments in place."""
    if isinstance(expr, Reg):
        return env.get(expr.name, expr)
    if isinstance(expr, Apply):
        return call(expr.function, *(fill(a, env) for a in expr.args))
    return expr


def _member(bits: tuple[Expr, ...], cpu: Expr) -> Expr:
    out: Expr = FALSE
    for c, bit in enumerate(bits):
        out = call("ite", call("eq", cpu, Const(c)), bit, out)
    return out


def _arity(name: str, wanted: int, given: int) -> str:
    return f"{name}() takes {wanted or 'no'} argument{'s' * (wanted != 1)}, not {given}"


def _idle(s: ast.Stmt) -> bool:
    """A body that does nothing but wait."""
    if isinstance(s, ast.Block):
        return all(map(_idle, s.body))
    if isinstance(s, ast.ExprStmt):
        return (
            isinstance(s.expr, ast.CallExpr)
            and s.expr.name in ("cpu_relax", "barrier")
            and not s.expr.arguments
        )
    return isinstance(s, ast.Empty)


def _walk(node: object) -> list[object]:
    out: list[object] = [node]
    for name in getattr(node, "__slots__", ()):
        value = getattr(node, name)
        for inner in value if isinstance(value, tuple) else (value,):
            if hasattr(inner, "span") and hasattr(inner, "__slots__"):
                out += _walk(inner)
    return out


def _assigns(node: object, name: str) -> bool:
    """Does a statement assign a variable?"""
    return any(
        isinstance(n, ast.Assign) and isinstance(n.target, ast.Ident) and n.target.name == name
        for n in _walk(node)
    )


def _has_effects(node: object) -> bool:
    return any(isinstance(n, ast.Assign | ast.CallExpr) for n in _walk(node))
