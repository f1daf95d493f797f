"""Statements to code: control flow, loops, handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from verifier.lower.c import types as t
from verifier.lower.c.calls import assigned_names
from verifier.lower.c.parts import Frame, Local, Val
from verifier.lower.c.stack import Stack
from verifier.lower.code import Assume, Branch, Emit, Instruction, Jump, Label, Set
from verifier.program.expressions import TRUE, Const, Expr, Reg, call, parts
from verifier.program.values import Ptr, truth
from verifier.program.waits import folded
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble, the_first
from verifier.words.table import WORDS

MAX_TURNS = 256

# Loops over CPUs: how many masks each takes, and which CPUs it visits. The kernel's find_next_and_bit()
# and the like read one word of the first mask, then one of the second (lib/find_bit.c).
_EACH: Mapping[str, tuple[int, Callable[..., Expr]]] = MappingProxyType(
    {
        "for_each_online_cpu": (0, lambda: TRUE),
        "for_each_possible_cpu": (0, lambda: TRUE),
        "for_each_present_cpu": (0, lambda: TRUE),
        "for_each_cpu": (1, lambda a: a),
        "for_each_cpu_and": (2, lambda a, b: call("and", a, b)),
        "for_each_cpu_andnot": (2, lambda a, b: call("and", a, call("not", b))),
        "for_each_cpu_or": (2, lambda a, b: call("or", a, b)),
    }
)


def _check_sysret(code: Sequence[Instruction], function: str) -> None:
    """SYSRET is how a handler ends: nothing comes after it, and nothing goes around it."""
    for at, x in enumerate(code):
        if isinstance(x, Emit) and x.op == "SYSRET":
            after = {y.name for y in code[at:] if isinstance(y, Label)}
            around = any(isinstance(y, Branch | Jump) and y.target in after for y in code[:at])
            if around or any(not isinstance(y, Label | Set) for y in code[at + 1 :]):
                assert x.span is not None
                text = f"sysret() is how {function} ends, so it has to be its last statement, in all runs"
                raise Trouble("sysret", text, x.span)


class Statements(Stack):
    """The code of a whole body."""

    def thread(self, thread: ast.Thread) -> tuple[Instruction, ...]:
        """The program of a CPU."""
        self._parameters(thread)
        for (cpu, name), (value, kind) in self.memory.locals.items():
            if cpu == self.cpu:
                local = self.local(name, False) or self.declare(name, None, self.frame.scopes[0])
                self.given.add(name)
                self.store_local(local, Val(Const(value), kind), thread)
        self.statements(thread.body.body, scope=False)
        self.code.append(Label(self.frame.end))
        self._labels()
        return tuple(self.code)

    def _parameters(self, thread: ast.Thread) -> None:
        for p in thread.parameters:
            kind = t.of(p.type)
            named = self.memory.named.get(p.name)
            if named is None:
                continue
            if named.percpu:
                hint = f"write this_cpu_read({p.name})"
                error = Trouble("percpu", f"{p.name} is a per-CPU object", p.span, hint)
                self.shared.troubles.append(error.diagnostic)
            if named.handle:
                kind = named.type
            elif kind.kind != "pointer":
                kind = t.Type("pointer", to=named.type)
            self.frame.scopes[0][p.name] = Local(p.name, fixed=Val(Const(Ptr(p.name)), kind))

    def handler(self, function: str, cpu: int, info: Val, span: Span) -> tuple[tuple[Instruction, ...], str]:
        """A handler's code on a CPU, and the register that receives its ``info``."""
        made = self.unit.functions[function]
        if function in self.stack:
            raise Trouble("recursion", f"the handler {function} sends itself", span, "it would never end")
        if len(made.parameters) > 1:
            raise Trouble("arity", f"a handler takes one argument, info; {function} takes more", span)
        key = (function, cpu, info.type, info.bits, info.function, self.stack)
        register = "%info" if made.parameters else ""
        if key not in self.shared.handlers:
            body = Statements(self.shared, cpu, self.stack)
            body.frames, body.interrupting = [Frame("", "%end")], True
            body.context = f"{function}@{cpu}"
            given = [Val(Reg("%info"), info.type, info.bits, info.function)] if register else []
            body.enter(body.frame, made, given, span)
            body.code.append(Label("%end"))
            _check_sysret(body.code, function)
            self.shared.handlers[key] = tuple(body.code)
        return self.shared.handlers[key], register

    def nmi(self, nmi: ast.Thread) -> tuple[Instruction, ...]:
        """The code of an NMI, whose locals are its own."""
        inside = Statements(self.shared, self.cpu, ("nmi",))
        inside.interrupting = True
        inside.context = f"nmi@{self.cpu}"
        inside.statements(nmi.body.body, scope=False)
        inside.code.append(Label(inside.frame.end))
        inside._labels()
        return tuple(inside.code)

    def body(self, function: ast.Function) -> None:
        """The statements of a function."""
        self.statements(function.body.body)
        self._labels()

    def _labels(self) -> None:
        for name, span in self.frame.labels.items():
            if span is not None:
                self.shared.troubles.append(
                    Trouble("unknown-label", f"there is no label {name!r}", span).diagnostic
                )

    # -- statements -------------------------------------------------------------------------------

    def statements(self, body: Sequence[ast.Stmt], scope: bool = True) -> None:
        """A sequence of statements; what is wrong with one is noted, and the next one is tried."""
        if scope:
            self.frame.scopes.append({})
        for statement in body:
            depth = len(self.frames), len(self.frame.scopes), len(self.frame.exits)
            try:
                self.statement(statement)
            except Trouble as trouble:
                self.shared.troubles.append(trouble.diagnostic)
                del self.frames[depth[0] :], self.frame.scopes[depth[1] :], self.frame.exits[depth[2] :]
                if isinstance(statement, ast.Declare) and self.local(statement.name, False) is None:
                    self.written.add(self.declare(statement.name, None).reg)
                self._note_targets(statement)
        if scope:
            self.frame.scopes.pop()

    def _note_targets(self, statement: ast.Stmt) -> None:
        """A statement with an error still writes its registers: one error, not two."""
        for name in assigned_names(statement):
            local = self.local(name)
            if local is not None:
                self.written.add(local.reg)

    def statement(self, s: ast.Stmt) -> None:
        """One statement."""
        getattr(self, f"_s_{type(s).__name__}")(s)

    def _s_Empty(self, s: ast.Empty) -> None:
        pass

    def _s_Block(self, s: ast.Block) -> None:
        self.statements(s.body)

    def _s_ExprStmt(self, s: ast.ExprStmt) -> None:
        e = s.expr
        if isinstance(e, ast.Ident) and self.local(e.name, False) is None and e.name in self.unit.functions:
            hint = f"write {e.name}()"
            raise Trouble("no-call", f"{e.name} is a function, which this does not call", e.span, hint)
        before = len(self.code)
        self.value(e)
        if isinstance(e, ast.Binary) and e.op in self._COMPARE:
            self.warn("no-effect", "a comparison whose result nobody uses", e.span, "an assignment is =")
        elif len(self.code) == before and not self._may_do_nothing(e):
            self.warn("no-effect", "this statement does nothing", e.span, "use its value, or leave it out")

    def _may_do_nothing(self, e: ast.CExpr) -> bool:
        """Is it meant so: a word that is nothing on x86, a function of the test, a cast to void?"""
        if isinstance(e, ast.Cast):
            return t.of(e.type) is t.VOID
        if isinstance(e, ast.CallExpr):
            word = WORDS.get(e.name)
            return e.name in self.unit.functions or word is None or word.result == "void"
        return False

    def _s_Declare(self, s: ast.Declare) -> None:
        kind = t.of(s.type)
        if s.name in self.given and len(self.frames) == 1 and s.init is None:
            given = self.local(s.name, False)
            if given is not None and kind.kind == "int":  # the initial state gives it a value
                given.declared, before = kind, given.type or t.ANY
                self.store_local(given, Val(Reg(given.reg), before), s)
            return
        if s.name in self.frame.scopes[-1]:
            first = self.frame.scopes[-1][s.name].span
            hint = the_first(first) if first else ""
            raise Trouble("duplicate", f"{s.name} is declared twice", s.span, hint)
        included = bool(self.stack) and self.stack[-1] in self.unit.functions
        included = included and self.unit.functions[self.stack[-1]].included
        if s.name in self.memory.named and not included:
            hint = "its name means this local from here on; give the local another one"
            self.warn("hides", f"the local {s.name} hides the shared {s.name}", s.span, hint)
        if s.size is not None or (kind.kind in ("struct", "mask") and not s.type.pointers):
            self.on_stack(s, kind)
            return
        if isinstance(s.init, ast.Braced):
            raise Trouble("value", f"{s.name} is no struct and no array", s.init.span, "leave the braces out")
        value = None
        if s.init is not None:
            self._whole(s, s.init)
            value = self.value(s.init)
        local = self.declare(s.name, None if kind is t.ANY or kind.kind in t.HANDLES else kind)
        local.span = s.span
        if kind.kind in t.HANDLES or kind.kind == "pointer":
            local.type = kind
        if value is not None:
            self.store_local(local, value, s)

    def _s_If(self, s: ast.If) -> None:
        condition = self.condition(s.condition)
        no = self.fresh("else")
        self.code.append(Branch(call("not", condition), no, s.condition.span))
        self.statements((s.then,))
        if s.other is None:
            self.code.append(Label(no))
            return
        end = self.fresh("endif")
        self.code += [Jump(end), Label(no)]
        self.statements((s.other,))
        self.code.append(Label(end))

    def _s_While(self, s: ast.While) -> None:
        if not self._spins(s.condition, s.body):
            self._loop(s.condition, s.body, (), s.span)

    def _s_DoWhile(self, s: ast.DoWhile) -> None:
        if self._spins(s.condition, s.body):
            return
        top, again, end = self.fresh("do"), self.fresh("again"), self.fresh("done")
        self._forget(assigned_names((s.body, s.condition)))
        self.code.append(Label(top, s.span))
        self._inside(s.body, end, again)
        self.code.append(Label(again))
        condition = self.condition(s.condition)
        self.code += [Branch(condition, top, s.condition.span), Label(end)]

    def _s_For(self, s: ast.For) -> None:
        self.frame.scopes.append({})
        try:
            for init in s.init:
                self.statement(init)
            if not self._counted(s):
                self._loop(s.condition, s.body, s.step, s.span)
        finally:
            self.frame.scopes.pop()

    def _s_ForEachCpu(self, s: ast.ForEachCpu) -> None:
        """One turn for each CPU. Each step loads a mask in memory anew, to find the next bit that is set
        (include/linux/find.h, ``find_next_bit()``)."""
        local = self.local(s.variable)
        if local is None:
            text = f"there is no {s.variable!r}"
            raise Trouble("unknown-name", text, s.counter, f"declare it: int {s.variable};")
        if s.variable in assigned_names(s.body):
            raise Trouble("loop", f"{s.variable} counts the CPUs; it cannot be assigned to", s.span)
        masks = self._masks(s)
        end, following = self.fresh("done"), self.fresh()
        searched = any(mask.bits is None for mask in masks)
        wanted = _EACH[s.word][1]
        if searched:
            self.set(following, self.next_cpu(masks, 0, s, wanted))
        for k in range(self.memory.cpus):
            again, skip = self.fresh("next"), self.fresh("skip")
            if masks:
                fixed = wanted(*((mask.bits or ())[k] for mask in masks)) if not searched else TRUE
                bit = call("eq", Reg(following), Const(k)) if searched else fixed
                self.code.append(Branch(call("not", bit), skip, s.span))
            self._turn(local, Const(k), s)
            self._inside(s.body, end, again)
            self.code.append(Label(again))
            if searched and k + 1 < self.memory.cpus:
                self.set(following, self.next_cpu(masks, k + 1, s, wanted))
            self.code.append(Label(skip))
        self.code.append(Label(end))
        local.fixed = None

    def _masks(self, s: ast.ForEachCpu) -> list[Val]:
        wanted = _EACH[s.word][0]
        if len(s.masks) != wanted:
            many = f"{wanted + 1} argument{'s' if wanted else ''}"
            names = ", ".join(("cpu", "mask", "other")[: wanted + 1])
            text = f"{s.word} takes {many}, not {len(s.masks) + 1}"
            raise Trouble("arity", text, s.counter, f"write {s.word}({names})")
        masks = [self.value(node) for node in s.masks]
        for mask, node in zip(masks, s.masks, strict=True):
            if mask.bits is None and mask.type.kind not in ("mask", "any"):
                raise Trouble("type", f"a cpumask is needed here, not {mask.type.words}", node.span)
        return masks

    def _turn(self, local: Local, value: Const, node: Any) -> None:
        self.store_local(local, Val(value, t.INT), node)
        local.fixed = Val(value, local.declared or t.INT)

    def _forget(self, names: set[str] | None = None) -> None:
        """What undeclared registers hold from here on may be of any integer type: it may come from a later
        line. None: all of them."""
        for scope in self.frame.scopes:
            for name, local in scope.items():
                undeclared = local.declared is None and local.fixed is None
                number = local.type is not None and local.type.kind == "int"
                if undeclared and number and (names is None or name in names):
                    local.type = t.ANY

    def _inside(self, body: ast.Stmt, end: str, again: str) -> None:
        """A loop's body, with targets for ``break`` and ``continue``."""
        self.shared.copied(body.span)
        self.frame.exits.append((end, again))
        self.statements((body,))
        self.frame.exits.pop()

    def _loop(
        self, condition: ast.CExpr | None, body: ast.Stmt, step: tuple[ast.CExpr, ...], span: Span
    ) -> None:
        """A loop that is unrolled to the bound."""
        for name in assigned_names((body, step, condition)):
            local = self.local(name, False)
            if local is not None:
                local.fixed = None if local.fixed is None or not local.fixed.function else local.fixed
        self._forget(assigned_names((body, step, condition)))
        top, again, end = self.fresh("while"), self.fresh("again"), self.fresh("done")
        self.code.append(Label(top, span))
        if condition is not None:
            holds = self.condition(condition)
            self.code.append(Branch(call("not", holds), end, condition.span))
        self._inside(body, end, again)
        self.code.append(Label(again))
        for e in step:
            self.value(e)
        self.code += [Jump(top, span), Label(end)]

    def _counted(self, s: ast.For) -> bool:
        """A ``for`` whose bounds are constants: one copy of its body for each turn."""
        counters = assigned_names((s.init, s.step)) | {i.name for i in s.init if isinstance(i, ast.Declare)}
        if s.condition is None or len(counters) != 1 or counters & assigned_names(s.body):
            return False
        (name,) = counters
        local = self.local(name, False)
        start = next(
            (i.value for i in reversed(self.code) if isinstance(i, Set) and local and i.reg == local.reg),
            None,
        )
        if local is None or not isinstance(start, Const) or not isinstance(self.code[-1], Set):
            return False
        kind = local.declared or local.type or t.INT
        local.fixed = Val(start, kind)
        end = self.fresh("done")
        for _ in range(MAX_TURNS):
            code, holds = self.captured(lambda: self.truth(self.value(s.condition), s.condition))  # type: ignore[arg-type]
            if code or not isinstance(holds, Const):
                local.fixed = None
                return False
            if not truth(holds.value):
                break
            again = self.fresh("next")
            self._inside(s.body, end, again)
            self.code.append(Label(again))
            for e in s.step:
                self.value(e)
            last = self.code[-1]
            if not isinstance(last, Set) or not isinstance(last.value, Const):
                raise Trouble("loop", f"{name} does not count by a constant", s.span)
            local.fixed = Val(last.value, kind)
        else:
            hint = "a loop that counts is written out, turn by turn; let it count less far"
            raise Trouble("loop", f"this loop turns more than {MAX_TURNS} times", s.span, hint)
        self.code.append(Label(end))
        local.fixed = None
        return True

    def _quiet(self, s: ast.Stmt) -> bool:
        """Does a statement do nothing at all?"""
        if isinstance(s, ast.Block):
            return all(map(self._quiet, s.body))
        if isinstance(s, ast.ExprStmt) and isinstance(s.expr, ast.CallExpr) and not s.expr.arguments:
            word = WORDS.get(s.expr.name)
            return word is not None and word.quiet and s.expr.name not in self.unit.functions
        return isinstance(s, ast.Empty)

    def _spins(self, condition: ast.CExpr, body: ast.Stmt) -> bool:
        """``while (c) cpu_relax();`` where c only reads: exactly its last reading, which finds c false."""
        if not self._quiet(body):
            return False
        mark = self.fresh_count
        code, holds = self.captured(lambda: self.condition(condition))
        if not _only_reads(code):
            self.fresh_count = max(mark, self.fresh_count)
            return False
        reads = tuple(x.span for x in code if isinstance(x, Emit))
        self.code += [*code, Assume(call("not", holds), condition.span, "spin", _until(condition), reads)]
        return True

    def _s_Switch(self, s: ast.Switch) -> None:
        on = self.value(s.subject)
        on = Val(self.held(on.expr), on.type)
        cases = [
            x
            for x in (s.body.body if isinstance(s.body, ast.Block) else (s.body,))
            if isinstance(x, ast.Case)
        ]
        end, default = self.fresh("done"), ""
        labels = {id(case): self.fresh("case") for case in cases}
        for case in cases:
            if case.value is None:
                default = labels[id(case)]
            else:
                equal = self._case(on, self.value(case.value))
                self.code.append(Branch(equal, labels[id(case)], case.span))
        self.code.append(Jump(default or end))
        outer = self.frame.exits[-1][1] if self.frame.exits else ""
        self.frame.exits.append((end, outer))
        self.frame.scopes.append({})
        for x in s.body.body if isinstance(s.body, ast.Block) else (s.body,):
            if isinstance(x, ast.Case):
                self.code.append(Label(labels[id(x)]))
            else:
                self.statements((x,), scope=False)
        self.frame.scopes.pop()
        self.frame.exits.pop()
        self.code.append(Label(end))

    def _case(self, on: Val, case: Val) -> Expr:
        """Is it this case? Its constant is converted to the promoted type of what is asked (C11 6.8.4.2)."""
        if on.type.kind == case.type.kind == "int":
            kind = t.promoted(on.type, t.INT)
            return call("eq", on.expr, t.converted(case.expr, case.type, kind))
        return call("eq", *t.words_of_64(on.expr, case.expr, on.type, case.type))

    def _s_Case(self, s: ast.Case) -> None:
        raise Trouble("case", "a case outside of a switch", s.span)

    def _s_Break(self, s: ast.Break) -> None:
        if not self.frame.exits:
            raise Trouble("break", "there is nothing to break out of", s.span)
        self.code.append(Jump(self.frame.exits[-1][0], s.span))

    def _s_Continue(self, s: ast.Continue) -> None:
        if not self.frame.exits or not self.frame.exits[-1][1]:
            raise Trouble("continue", "there is no loop to continue", s.span)
        self.code.append(Jump(self.frame.exits[-1][1], s.span))

    def _s_Return(self, s: ast.Return) -> None:
        frame = self.frame
        if s.value is not None:
            self._whole(s, s.value)
            value = self.value(s.value)
            kind = frame.result
            if kind is not None and kind.kind == "int" and value.type.kind in ("int", "any"):
                value = Val(self.kept(value, kind, s), kind)
            if value.type is not t.VOID:
                reg = f"{frame.prefix}return"
                before = frame.returned
                if value.bits is not None or value.function:
                    if before is not None and before != value:
                        raise Trouble("type", f"{value.type.words} cannot be returned in two ways", s.span)
                    frame.returned = value
                else:
                    self.set(reg, value.expr, s.span)
                    frame.returned = Val(Reg(reg), t.joined(before.type if before else None, value.type))
        self.code.append(Jump(frame.end, s.span))

    def _s_Goto(self, s: ast.Goto) -> None:
        self.frame.labels.setdefault(s.name, s.span)
        self.code.append(Jump(f"{self.frame.prefix}{s.name}:", s.span))

    def _s_LabelStmt(self, s: ast.LabelStmt) -> None:
        if self.frame.labels.get(s.name, s.span) is None:
            raise Trouble("duplicate", f"the label {s.name} stands twice", s.span)
        self.frame.labels[s.name] = None
        self._forget()
        self.code.append(Label(f"{self.frame.prefix}{s.name}:", s.span))


def _until(condition: ast.CExpr) -> str:
    """What a loop that goes on under a condition waits for."""
    if isinstance(condition, ast.Unary) and condition.op == "!":
        return f"until {folded(condition.operand.span.text)} is true"
    return f"until {folded(condition.span.text)} is false"


def _mentioned(expr: Expr) -> set[str]:
    return {part.name for part in parts(expr) if isinstance(part, Reg)}


def _only_reads(code: Sequence[Instruction]) -> bool:
    """Can the code be run again and again as if it had run once, the last time?"""
    before: set[str] = set()  # registers that it takes from outside
    assigned: set[str] = set()
    for x in code:
        used: set[str] = set()
        if isinstance(x, Set):
            used = _mentioned(x.value)
        elif isinstance(x, Branch):
            used = _mentioned(x.condition)
        elif isinstance(x, Emit):
            if x.op not in ("R", "T"):
                return False
            used = set().union(*(_mentioned(touch.addr) for touch in x.touches))
        elif not isinstance(x, Label | Jump):
            return False
        before |= used - assigned
        if isinstance(x, Set):
            assigned.add(x.reg)
        elif isinstance(x, Emit):
            assigned |= {touch.into for touch in x.touches if touch.into}
    return not before & assigned
