"""Loops to code: spins, loops that count, loops over CPUs, and those that are unrolled to the bound."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.lower.c import labels
from verifier.lower.c import types as t
from verifier.lower.c.access import store_local, truth_of
from verifier.lower.c.bodies import assigned_names, statements
from verifier.lower.c.body import BodyCode, Lines, line
from verifier.lower.c.expressions import condition_of
from verifier.lower.c.parts import Exits, Local, Spanned, Val
from verifier.lower.c.special_masks import next_cpu
from verifier.lower.code import Assume, Branch, Decide, Emit, Instruction, Jump, Label, SetRegister
from verifier.lower.paths import substitute
from verifier.program.expressions import TRUE, Const, Expr, Reg, call, parts
from verifier.program.values import truth
from verifier.program.waits import folded
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import Trouble, nearest
from verifier.words.loops import CpuLoop
from verifier.words.table import LOOPS, WORDS

MAX_TURNS = 256


def while_(b: BodyCode, s: ast.While) -> None:
    """``while``: a spin, or a loop that is unrolled."""
    if not spins(b, s.condition, s.body):
        unrolled(b, s.condition, s.body, (), span=s.span)


def do_while(b: BodyCode, s: ast.DoWhile) -> None:
    """``do``, ``while``: the same, and its body runs before its condition."""
    if spins(b, s.condition, s.body):
        return
    top, again, end = b.fresh("do"), b.fresh("again"), b.fresh("done")
    forget(b, assigned_names((s.body, s.condition)))
    begin, start = len(b.code), Label(top, s.span)
    b.code.append(start)
    inside(b, s.body, end, again)
    b.code.append(Label(again))
    condition = condition_of(b, s.condition)
    b.code[begin] = start._replace(what=left_when(s.condition, condition, s.body))
    b.code += [Branch(condition, top, s.condition.span), Label(end)]


def for_(b: BodyCode, s: ast.For) -> None:
    """``for``: it counts by constants, or is unrolled."""
    b.frame.scopes.append({})
    try:
        for init in s.init:
            b.statement(init)
        if not counted(b, s):
            unrolled(b, s.condition, s.body, s.step, span=s.span)
    finally:
        b.frame.scopes.pop()


def for_each_cpu(b: BodyCode, s: ast.ForEachCpu) -> None:
    """One turn for each CPU. Each step loads a mask in memory anew, to find the next bit that is set
    (include/linux/find.h, ``find_next_bit()``)."""
    local = b.local(s.variable)
    if local is None:
        text = f"there is no {s.variable!r}"
        raise Trouble("unknown-name", text, s.counter, f"declare it: int {s.variable};")
    if s.variable in assigned_names(s.body):
        raise Trouble("loop", f"{s.variable} counts the CPUs; it cannot be assigned to", s.span)
    loop = LOOPS.get(s.word)
    if loop is None:
        text = f"there is no loop {s.word!r}"
        raise Trouble("unknown-word", text, s.counter, nearest(s.word, LOOPS))
    masks = masks_of(b, s, loop)
    end, following = b.fresh("done"), b.fresh()
    searched = any(mask.bits is None for mask in masks.values())
    if searched:
        b.set(following, next_cpu(b, masks, 0, s, wanted=loop.wanted))
    for k in range(b.memory.cpus):
        again, skip = b.fresh("next"), b.fresh("skip")
        if searched:
            b.code.append(Branch(call("not", call("eq", Reg(following), Const(k))), skip, s.span))
        elif masks:
            fixed = substitute(loop.wanted, {name: (mask.bits or ())[k] for name, mask in masks.items()})
            b.code.append(Branch(call("not", fixed), skip, s.span))
        turn(b, local, Const(k), s)
        with labels.turn(b, s.body):
            inside(b, s.body, end, again)
        b.code.append(Label(again))
        if searched and k + 1 < b.memory.cpus:
            b.set(following, next_cpu(b, masks, k + 1, s, wanted=loop.wanted))
        b.code.append(Label(skip))
    b.code.append(Label(end))
    local.fixed = None


def masks_of(b: BodyCode, s: ast.ForEachCpu, loop: CpuLoop) -> dict[str, Val]:
    """The masks that a loop over CPUs looks at, by the names that its row has for them. Raises ``Trouble``
    for too many, too few, or no masks."""
    wanted = len(loop.masks)
    if len(s.masks) != wanted:
        many = f"{wanted + 1} argument{'s' if wanted else ''}"
        names = ", ".join(("cpu", "mask", "other")[: wanted + 1])
        text = f"{s.word} takes {many}, not {len(s.masks) + 1}"
        raise Trouble("arity", text, s.counter, f"write {s.word}({names})")
    masks = [b.value(node) for node in s.masks]
    for mask, node in zip(masks, s.masks, strict=True):
        if mask.bits is None and mask.type.kind not in ("mask", "any"):
            raise Trouble("type", f"a cpumask is needed here, not {mask.type.words}", node.span)
    return dict(zip(loop.masks, masks, strict=True))


def turn(b: BodyCode, local: Local, value: Const, node: Spanned) -> None:
    """The counter has a value throughout this turn."""
    store_local(b, local, Val(value, t.INT), node)
    local.fixed = Val(value, local.declared or t.INT)


def forget(b: BodyCode, names: set[str] | None = None) -> None:
    """What undeclared registers hold from here on may be of any integer type: it may come from a later
    line. None: all of them."""
    for scope in b.frame.scopes:
        for name, local in scope.items():
            undeclared = local.declared is None and local.fixed is None
            number = local.type is not None and local.type.kind == "int"
            if undeclared and number and (names is None or name in names):
                local.type = t.ANY


def inside(b: BodyCode, body: ast.Stmt, end: str, again: str) -> None:
    """A loop's body, with targets for ``break`` and ``continue``."""
    b.shared.copied(body.span)
    held = len(b.frame.held)
    b.frame.exits.append(Exits(end, again, held, held))
    statements(b, (body,))
    b.frame.exits.pop()


def unrolled(
    b: BodyCode, condition: ast.CExpr | None, body: ast.Stmt, step: tuple[ast.CExpr, ...], span: Span
) -> None:
    """A loop that is unrolled to the bound."""
    for name in assigned_names((body, step, condition)):
        local = b.local(name, False)
        if local is not None and not local.stack:
            local.fixed = None if local.fixed is None or not local.fixed.function else local.fixed
    forget(b, assigned_names((body, step, condition)))
    top, again, end = b.fresh("while"), b.fresh("again"), b.fresh("done")
    begin, start = len(b.code), Label(top, span)
    b.code.append(start)
    holds: Expr = TRUE
    if condition is not None:
        holds = condition_of(b, condition)
        b.code.append(Branch(call("not", holds), end, condition.span))
    b.code[begin] = start._replace(what=left_when(condition, holds, body))
    inside(b, body, end, again)
    b.code.append(Label(again))
    for e in step:
        b.value(e)
    b.code += [Jump(top, span), Label(end)]


def counted(b: BodyCode, s: ast.For) -> bool:
    """A ``for`` whose bounds are constants: one copy of its body for each turn."""
    counters = assigned_names((s.init, s.step)) | {i.name for i in s.init if isinstance(i, ast.Declare)}
    condition = s.condition
    if condition is None or len(counters) != 1 or counters & assigned_names(s.body):
        return False
    (name,) = counters
    local = b.local(name, False)
    start = next(
        (i.value for i in reversed(b.code) if isinstance(i, SetRegister) and local and i.reg == local.reg),
        None,
    )
    if local is None or not isinstance(start, Const) or not isinstance(b.code[-1], SetRegister):
        return False
    kind = local.declared or local.type or t.INT
    local.fixed = Val(start, kind)
    end, mark = b.fresh("done"), len(b.code)
    for _ in range(MAX_TURNS):
        code, holds = b.captured(lambda: truth_of(b.value(condition), condition))
        if code or not isinstance(holds, Const):
            local.fixed = None
            return False
        if not truth(holds.value):
            break
        again = b.fresh("next")
        with labels.turn(b, s.body):
            inside(b, s.body, end, again)
        b.code.append(Label(again))
        for e in s.step:
            b.value(e)
        last = b.code[-1]
        if not isinstance(last, SetRegister) or not isinstance(last.value, Const):
            del b.code[mark:]  # it does not count by a constant
            local.fixed = None
            return False
        local.fixed = Val(last.value, kind)
    else:
        hint = "each turn of this loop is written out; let it count less far"
        raise Trouble("loop", f"this loop turns more than {MAX_TURNS} times", s.span, hint)
    b.code.append(Label(end))
    local.fixed = None
    return True


def quiet(b: BodyCode, s: ast.Stmt) -> bool:
    """Does a statement do nothing at all?"""
    if isinstance(s, ast.Block):
        return all(quiet(b, x) for x in s.body)
    if isinstance(s, ast.ExprStmt) and isinstance(s.expr, ast.CallExpr) and not s.expr.arguments:
        word = WORDS.get(s.expr.name)
        return word is not None and word.quiet and s.expr.name not in b.unit.functions
    return isinstance(s, ast.Empty)


def spins(b: BodyCode, condition: ast.CExpr, body: ast.Stmt) -> bool:
    """``while (c) cpu_relax();`` where c only reads: exactly its last reading, which finds c false. A reading
    that walks may be more: see ``turns``."""
    if not quiet(b, body):
        return False
    mark = b.fresh_count
    code, holds = b.captured(lambda: condition_of(b, condition))
    if not _only_reads(code) or any(isinstance(x, Emit) and x.virtual for x in code):
        b.fresh_count = max(mark, b.fresh_count)
        return False
    reads = tuple(x for x in code if isinstance(x, Emit))
    if reads and not any(isinstance(x, ast.CallExpr) for x in nodes((condition, body))):
        hint = "write READ_ONCE(), or cpu_relax() in the loop, which is a barrier to the compiler"
        b.warn("hoisted", "a compiler may load this once, in front of the loop", condition.span, hint)
    what = "in a loop that has no end" if isinstance(holds, Const) else until(condition, False)
    b.code += [
        *code,
        Assume(call("not", holds), condition.span, kind="spin", what=what, reads=reads),
    ]
    return True


_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def until(condition: ast.CExpr, holds: bool) -> str:
    """What is waited for, in the words of the source: that a condition holds, or that it does not."""
    while isinstance(condition, ast.Unary) and condition.op == "!":
        condition, holds = condition.operand, not holds
    if not isinstance(condition, ast.Binary) or condition.op not in _OPPOSITE:
        return f"until {folded(condition.span.text)} is {'true' if holds else 'false'}"
    start, text = condition.span.start, condition.span.text
    left, right = condition.left.span.end - start, condition.right.span.start - start
    between = text[left:right]
    if not holds:
        between = between.replace(condition.op, _OPPOSITE[condition.op])
    return f"until {folded(text[:left] + between + text[right:])}"


def left_when(condition: ast.CExpr | None, goes_on: Expr, body: ast.Stmt) -> str:
    """The words for how a loop ends; empty if not one condition says it. ``goes_on``: its own, as code."""
    if condition is not None and not isinstance(goes_on, Const):
        return until(condition, False)
    leaving = [x for x in nodes(body) if isinstance(x, ast.Break | ast.Return | ast.Goto)]
    whole = body.body if isinstance(body, ast.Block) else (body,)
    ifs = [x for x in whole if isinstance(x, ast.If) and x.other is None and _leaves(x.then)]
    return until(ifs[0].condition, True) if len(ifs) == len(leaving) == 1 else ""


def _leaves(s: ast.Stmt) -> bool:
    """Does a statement only leave a loop?"""
    if isinstance(s, ast.Block) and len(s.body) == 1:
        return _leaves(s.body[0])
    return isinstance(s, ast.Break | ast.Return | ast.Goto)


def _mentioned(expr: Expr) -> set[str]:
    return {part.name for part in parts(expr) if isinstance(part, Reg)}


def _only_reads(code: Sequence[Instruction]) -> bool:
    """Can the code be run again and again as if it had run once, the last time?"""
    before: set[str] = set()  # registers that it takes from outside
    assigned: set[str] = set()
    for x in code:
        used: set[str] = set()
        if isinstance(x, SetRegister):
            used = _mentioned(x.value)
        elif isinstance(x, Branch | Decide):
            used = _mentioned(x.condition)
        elif isinstance(x, Emit):
            if x.op not in ("R", "T"):
                return False
            used = set().union(*(_mentioned(touch.addr) for touch in x.touches))
        elif not isinstance(x, Label | Jump):
            return False
        before |= used - assigned
        if isinstance(x, SetRegister):
            assigned.add(x.reg)
        elif isinstance(x, Emit):
            assigned |= {touch.into for touch in x.touches if touch.into}
    return not before & assigned


LOOP_STATEMENTS: Lines[BodyCode, None] = dict(
    (
        line(ast.While, while_),
        line(ast.DoWhile, do_while),
        line(ast.For, for_),
        line(ast.ForEachCpu, for_each_cpu),
    )
)
