"""What an include wants of the initial state: its ``__init`` functions, run before the test.

An ``__init`` function runs on every CPU, with interrupts and all other CPUs standing still; if it takes an
mm, it runs once for each mm instead. A ``WARN(c, "text")`` in it that is hit is a warning about the
test. It runs only where the test calls a function of its file, and looks at the fields and masks that it
looks at.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.lower.c import types as t
from verifier.lower.c.bodies import inline
from verifier.lower.c.body import BodyCode
from verifier.lower.c.language import LANGUAGE
from verifier.lower.c.memory import TestMemory
from verifier.lower.c.parts import Shared, Val
from verifier.lower.code import Assume, Branch, Emit, Instruction, Jump, Label, SetRegister, Warn
from verifier.lower.paths import substitute
from verifier.program.expressions import Const, Expr, evaluate
from verifier.program.values import Ptr, Value, truth
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.idle import fields, mentioned, reached
from verifier.words.table import is_mask_of_mm

MAX_STEPS = 10_000


def unmet(unit: ast.Unit, memory: TestMemory) -> list[Diagnostic]:
    """Warnings about what includes want of the initial state, and the test does not give."""
    checks = [f for f in unit.functions.values() if f.early]
    if not checks:
        return []
    run = reached(unit)
    code = (*unit.threads.values(), *unit.nmis, *(unit.functions[name] for name in sorted(run)))
    looked_at = fields(code) | mentioned(code)
    found: list[Diagnostic] = []
    for check in checks:
        wanted = fields(check) | set(filter(is_mask_of_mm, mentioned(check)))
        used = any(unit.functions[name].span.source is check.span.source for name in run)
        if used and wanted <= looked_at:
            for text, span, where in _checked(unit, memory, check):
                hint = f"{check.span.source.name.rpartition('/')[2]} wants it of the initial state"
                warning = Diagnostic("initial", f"{where}: {text}", span=span, hint=hint, severity="warning")
                if warning not in found:
                    found.append(warning)
    return found


def _checked(unit: ast.Unit, memory: TestMemory, check: ast.Function) -> Iterator[tuple[str, Span, str]]:
    """What a check says: the text, where, and of what."""
    if check.parameters:
        for mm in memory.tables.mms:
            named = memory.named[mm.base]
            for text in _hits(unit, memory, check, cpu=0, given=[Val(Const(mm), t.MM)]):
                yield text, named.span, mm.base
    else:
        for cpu in range(memory.cpus):
            thread = unit.threads.get(cpu)
            for text in _hits(unit, memory, check, cpu=cpu, given=[]):
                yield text, thread.span if thread is not None else check.span, f"CPU {cpu}"


def _hits(
    unit: ast.Unit, memory: TestMemory, check: ast.Function, cpu: int, given: list[Val]
) -> Iterator[str]:
    shared = Shared(unit, memory, [])
    body = BodyCode(shared, cpu, LANGUAGE)
    inline(body, check, given, ast.CallExpr(check.name, (), check.span))
    if not shared.troubles:
        yield from _run(body.code, {ptr: cell.init for ptr, cell in memory.cells.items()})


def _run(code: list[Instruction], memory: dict[Ptr, Value]) -> Iterator[str]:
    """The texts of the warnings that are hit, one instruction after the other."""
    labels = {x.name: i for i, x in enumerate(code) if isinstance(x, Label)}
    env: dict[str, Expr] = {}

    def value(expr: Expr) -> Value:
        return evaluate(substitute(expr, env), {})

    at = 0
    for _ in range(MAX_STEPS):
        if at >= len(code):
            return
        x = code[at]
        at += 1
        if isinstance(x, SetRegister):
            env[x.reg] = Const(value(x.value))
        elif isinstance(x, Jump) or (isinstance(x, Branch) and truth(value(x.condition))):
            at = labels[x.target]
        elif isinstance(x, Assume) and not truth(value(x.condition)):
            return
        elif isinstance(x, Warn) and truth(value(x.condition)):
            yield x.text
        elif isinstance(x, Emit):
            for touch in x.touches:
                cell = value(touch.addr)
                if not isinstance(cell, Ptr):
                    return
                if touch.into:
                    env[touch.into] = Const(memory.get(cell, 0))
                    if touch.seen is not None:
                        env[touch.into] = Const(value(touch.seen))
                if touch.value is not None and truth(value(touch.when)):
                    memory[cell] = value(touch.value)
