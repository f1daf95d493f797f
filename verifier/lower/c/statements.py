"""Statements to code, but loops: declarations, branches, jumps."""

from __future__ import annotations

from verifier.lower.c import guards, labels
from verifier.lower.c import types as t
from verifier.lower.c.access import kept, stays, store_local
from verifier.lower.c.beginnings import as_declared
from verifier.lower.c.bodies import assigned_names, statements
from verifier.lower.c.body import BodyCode, Lines, line
from verifier.lower.c.expressions import condition_of, shown_whole, written
from verifier.lower.c.loops import forget
from verifier.lower.c.operators import COMPARE
from verifier.lower.c.parts import Exits, Local, Val
from verifier.lower.c.places import is_whole
from verifier.lower.c.stack import on_stack, single
from verifier.lower.c.types import Type
from verifier.lower.code import Branch, Emit, Instruction, Jump, Label, SetRegister
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.values import truth
from verifier.records import replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import Trouble, the_first
from verifier.words.table import WORDS

MAX_CASES = 64  # of a range


def empty(b: BodyCode, s: ast.Empty) -> None:
    """``;``"""


def block(b: BodyCode, s: ast.Block) -> None:
    """``{ … }``"""
    statements(b, s.body)


def expression(b: BodyCode, s: ast.ExprStmt) -> None:
    """An expression, whose value nobody uses."""
    e = s.expr
    if isinstance(e, ast.Ident) and b.local(e.name, False) is None and e.name in b.unit.functions:
        hint = f"write {e.name}()"
        raise Trouble("no-call", f"{e.name} is a function; this does not call it", e.span, hint)
    before, sti = len(b.code), b.sti
    b.value(e)
    if sti == before < len(b.code):
        _shadow(b, before, s)
    b.sti = len(b.code) if len(b.code) > before and _turns(b.code[-1], TRUE) else -1
    if isinstance(e, ast.Binary) and e.op in COMPARE:
        b.warn("no-effect", "nothing uses the result of this comparison", e.span, "write = to assign")
    elif len(b.code) == before and not may_do_nothing(b, e):
        b.warn("no-effect", "this statement does nothing", e.span, "use its value, or leave it out")


def _shadow(b: BodyCode, at: int, s: ast.Stmt) -> None:
    """No interrupt comes between an STI and a CLI right behind it, in the next statement (MMR 8.11). A word
    between them may be an instruction though it adds no code, as cpu_relax() is."""
    sti = b.code[at - 1]
    if isinstance(sti, Emit) and _turns(sti, TRUE) and _turns(b.code[at], FALSE):
        b.code[at - 1] = sti._replace(joined=True)
        hint = "put cpu_relax() between them if handlers are to run there"
        b.warn("sti-shadow", "no interrupt comes between an STI and the CLI right behind it", s.span, hint)


def _turns(x: Instruction, on: Expr) -> bool:
    """Does it turn interrupts on, or off, whatever they were, and nothing else?"""
    if not isinstance(x, Emit) or x.op != "IRQ" or x.kind or len(x.touches) != 1:
        return False
    return x.touches[0].value == on and x.touches[0].into is None


def may_do_nothing(b: BodyCode, e: ast.CExpr) -> bool:
    """Is it meant so: a word that is nothing on x86, a function of the test, a cast to void?"""
    if isinstance(e, ast.Cast):
        return written(b, e.type) is t.VOID
    if isinstance(e, ast.PointerCall | ast.StatementExpr):
        return True
    if isinstance(e, ast.CallExpr):
        word = WORDS.get(e.name)
        return e.name in b.unit.functions or word is None or word.result == "void"
    return False


def declare(b: BodyCode, s: ast.Declare) -> None:
    """A local, or an object on the stack. Static ones of functions are objects of the initial state."""
    if s.static:
        hint = "declare it before the loop"
        raise Trouble("static", f"{s.name} is a static object of a loop", s.span, hint)
    kind, s = declared(b, s)
    if s.name in b.given and len(b.frames) == 1 and s.init is None:
        given = b.local(s.name, False)
        if given is not None and kind.kind == "int":  # the initial state gives it a value
            given.declared, before = kind, given.type or t.ANY
            store_local(b, given, Val(Reg(given.reg), before), s)
        return
    check_new(b, s)
    whole = kind.kind in ("struct", "mask") and not s.type.pointers
    if s.size is not None or whole or t.in_memory(s.type):
        on_stack(b, s, kind)
        b.frame.scopes[-1][s.name].constant = s.constant
        return
    value = None
    if s.init is not None:
        first = single(s.name, s.init)
        shown_whole(b, s, first)
        value = b.value(first)
        if s.type.base == "__auto_type":
            kind = replace(value.type, inside=False)
    local = b.declare(s.name, None if kind is t.ANY or kind.kind in t.HANDLES else kind)
    local.span, local.constant = s.span, s.constant
    local.written = kind
    if value is not None and value.local is not None and s.name not in assigned_here(b):
        local.fixed = value  # it points to that local for good
        return
    if kind.kind in t.HANDLES or kind.kind == "pointer":
        local.type = value.type if value is not None and t.is_table(kind, value.type) else kind
    if value is not None:
        store_local(b, local, value, s)
        keeps(b, s, local)


def keeps(b: BodyCode, s: ast.Declare, local: Local) -> None:
    """A local that begins with a constant address and is not assigned to holds it for good: loops that end
    there are known to."""
    last = b.code[-1]
    kind = local.type or t.ANY
    if not isinstance(last, SetRegister) or last.reg != local.reg or not isinstance(last.value, Const):
        return
    if kind.kind in ("pointer", "struct") and kind != t.TO_FUNCTION and s.name not in assigned_here(b):
        local.fixed = Val(last.value, kind)


def assigned_here(b: BodyCode) -> set[str]:
    """The names that the innermost function, or this program, assigns to."""
    inside = b.unit.functions.get(b.stack[-1]) if b.stack else None
    key = id(inside) if inside is not None else 0
    if key not in b.shared.assigned:
        where = inside.body if inside is not None else (b.unit.threads, b.unit.nmis)
        b.shared.assigned[key] = assigned_names(where)
    return b.shared.assigned[key]


def declared(b: BodyCode, s: ast.Declare) -> tuple[Type, ast.Declare]:
    """The type that a declaration writes; and the declaration, in which a type that ``typeof`` found is a
    pointer or none."""
    if s.type.base == "__auto_type" and (s.init is None or isinstance(s.init, ast.Braced)):
        raise Trouble("type", f"{s.name} has no value that gives it a type", s.span, f"write {s.name} = …")
    kind = written(b, s.type)
    if s.type.of is None:
        return kind, s
    points = bool(s.type.pointers) or not is_whole(b, s.type.of)
    return kind, replace(s, type=ast.CType(s.type.base, int(points)))


def statement_expr(b: BodyCode, e: ast.StatementExpr) -> Val:
    """``({ … })``: the value of its last statement, as it is there. Its locals end with it."""
    *body, last = e.body.body or (ast.Empty(e.span),)
    if not isinstance(last, ast.ExprStmt):
        statements(b, (*body, last))
        return Val(Const(0), t.VOID)
    found: list[Val] = []

    def value() -> None:
        of = b.value(last.expr)
        found.append(of if of.bits is not None or of.local is not None else replace(of, expr=b.held(of.expr)))

    statements(b, body, last=value)
    return found[0]


def check_new(b: BodyCode, s: ast.Declare) -> None:
    """Raise ``Trouble`` for a name that is declared twice; warn where it hides a shared object."""
    if s.name in b.frame.scopes[-1]:
        first = b.frame.scopes[-1][s.name].span
        hint = the_first(first) if first else ""
        raise Trouble("duplicate", f"{s.name} is declared twice", s.span, hint)
    included = bool(b.stack) and b.stack[-1] in b.unit.functions
    included = included and b.unit.functions[b.stack[-1]].included
    if s.name in b.memory.named and not included:
        hint = "its name means this local from here on; give the local another one"
        b.warn("hides", f"the local {s.name} hides the shared {s.name}", s.span, hint)


def if_(b: BodyCode, s: ast.If) -> None:
    """``if``, ``else``."""
    for body, word in ((s.then, "if"), (s.other, "else")):
        if isinstance(body, ast.Empty) and not b.of_kernel:
            b.warn(
                "empty",
                f"this ';' is all that the {word} governs",
                body.span,
                "leave the ';' out, or write {}",
            )
    condition = condition_of(b, s.condition)
    if isinstance(condition, Const) and b.of_kernel:
        live, dead = (s.then, s.other) if truth(condition.value) else (s.other, s.then)
        if not any(isinstance(x, ast.LabelStmt | ast.Case) for x in nodes(dead)):
            statements(b, () if live is None else (live,))
            return
    no = b.fresh("else")
    b.code.append(Branch(call("not", condition), no, s.condition.span))
    statements(b, (s.then,))
    if s.other is None:
        b.code.append(Label(no))
        return
    end = b.fresh("endif")
    b.code += [Jump(end), Label(no)]
    statements(b, (s.other,))
    b.code.append(Label(end))


def switch(b: BodyCode, s: ast.Switch) -> None:
    """``switch``: jumps to the cases, then its body."""
    on = b.value(s.subject)
    on = Val(b.held(on.expr), on.type)
    body = s.body.body if isinstance(s.body, ast.Block) else (s.body,)
    cases = [x for x in body if isinstance(x, ast.Case)]
    end, default = b.fresh("done"), ""
    if isinstance(on.expr, Const) and b.of_kernel:
        body = reached_cases(b, on, body)
        cases = [x for x in body if isinstance(x, ast.Case)]
    labels = {id(case): b.fresh("case") for case in cases}
    seen: dict[Expr | None, Span] = {}
    for case in cases:
        if case.value is None:
            default = labels[id(case)]
            once(b, seen, None, case)
        else:
            for value in case_values(b, case, case.value):
                once(b, seen, compared_with(on, value), case)
                b.code.append(Branch(is_case(on, value), labels[id(case)], case.span))
    b.code.append(Jump(default or end))
    held = len(b.frame.held)
    outer = b.frame.exits[-1] if b.frame.exits else Exits("", "", held, held)
    b.frame.exits.append(Exits(end, outer.again, held, outer.held_again))
    b.frame.scopes.append({})
    for x in body:
        if (isinstance(x, ast.Guard) and x.body is None) or (isinstance(x, ast.Declare) and x.free):
            what = "guard" if isinstance(x, ast.Guard) else "local with __free()"
            raise Trouble("guard", f"a case would jump into the scope of this {what}", x.span, "use a block")
        if isinstance(x, ast.Case):
            b.code.append(Label(labels[id(x)]))
        else:
            statements(b, (x,), scope=False)
    b.frame.scopes.pop()
    b.frame.exits.pop()
    b.code.append(Label(end))


def reached_cases(b: BodyCode, on: Val, body: tuple[ast.Stmt, ...]) -> tuple[ast.Stmt, ...]:
    """The statements of a ``switch`` that the case of a constant reaches: those up to its first ``break``."""
    cases = [x for x in body if isinstance(x, ast.Case)]
    taken = next(
        (
            c
            for c in cases
            if c.value is not None and any(is_case(on, v) == TRUE for v in case_values(b, c, c.value))
        ),
        next((c for c in cases if c.value is None), None),
    )
    jumps_in = any(isinstance(x, ast.LabelStmt) for x in nodes(body))
    if taken is None or jumps_in:
        return body if jumps_in else ()
    rest = body[body.index(taken) :]
    ends = (i for i, x in enumerate(rest) if isinstance(x, ast.Break | ast.Return) or _ends(x))
    return rest[: next(ends, len(rest)) + 1]


def _ends(s: ast.Stmt) -> bool:
    """Does a block end with a ``break``?"""
    return isinstance(s, ast.Block) and bool(s.body) and isinstance(s.body[-1], ast.Break | ast.Return)


def case_values(b: BodyCode, case: ast.Case, low: ast.CExpr) -> list[Val]:
    """The values of a case: one, or those of a range, ``case 1 ... 4:`` (an extension of GNU C)."""
    first = b.value(low)
    if case.upto is None:
        return [first]
    last = b.value(case.upto)
    ends = [x.expr.value if isinstance(x.expr, Const) else None for x in (first, last)]
    if not isinstance(ends[0], int) or not isinstance(ends[1], int):
        raise Trouble("case", "the ends of a range of cases are constants", case.span)
    if not 0 <= ends[1] - ends[0] < MAX_CASES:
        hint = f"the first is not above the last, and a range has at most {MAX_CASES} values"
        raise Trouble("case", "this range of cases is empty or too large", case.span, hint)
    return [Val(Const(value), first.type) for value in range(ends[0], ends[1] + 1)]


def once(b: BodyCode, seen: dict[Expr | None, Span], value: Expr | None, case: ast.Case) -> None:
    """Note a value of a switch, or its default (None). An error if another case has it already."""
    first = seen.setdefault(value, case.span)
    if first != case.span and not b.of_kernel:
        what = "a second default" if value is None else "this case is there already"
        b.shared.troubles.append(Trouble("duplicate", what, case.span, the_first(first)).diagnostic)


def is_case(on: Val, case: Val) -> Expr:
    """Is it this case?"""
    if on.type.kind == case.type.kind == "int":
        return call("eq", on.expr, compared_with(on, case))
    return call("eq", *t.words_of_64(on.expr, case.expr, on.type, case.type))


def compared_with(on: Val, case: Val) -> Expr:
    """The constant of a case, converted to the promoted type of what is asked (C11 6.8.4.2)."""
    if on.type.kind == case.type.kind == "int":
        return t.converted(case.expr, case.type, t.promoted(on.type, t.INT))
    return case.expr


def case(b: BodyCode, s: ast.Case) -> None:
    """A case that ``switch`` does not see."""
    raise Trouble("case", "a case outside of a switch", s.span)


def break_(b: BodyCode, s: ast.Break) -> None:
    """``break``."""
    if not b.frame.exits:
        raise Trouble("break", "there is nothing to break out of", s.span)
    _only_the_guard(b, "break", s.span)
    guards.leave(b, b.frame.exits[-1].held, s.span)
    b.code.append(Jump(b.frame.exits[-1].end, s.span))


def continue_(b: BodyCode, s: ast.Continue) -> None:
    """``continue``."""
    if not b.frame.exits or not b.frame.exits[-1].again:
        raise Trouble("continue", "there is no loop to continue", s.span)
    _only_the_guard(b, "continue", s.span)
    guards.leave(b, b.frame.exits[-1].held_again, s.span)
    b.code.append(Jump(b.frame.exits[-1].again, s.span))


def return_(b: BodyCode, s: ast.Return) -> None:
    """``return``: a value in a local of the frame, and a jump to its end."""
    frame = b.frame
    if s.value is not None:
        shown_whole(b, s, s.value)
        kind = frame.result
        try:
            value = b.value(s.value)
        except Trouble:  # the function gives something, though it is not known what
            frame.returned = frame.returned or Val(Const(0), kind or t.ANY)
            raise
        if kind is not None and kind.kind == "int" and value.type.kind in ("int", "any"):
            value = Val(kept(b, value, kind, s), kind)
        stays(value, s.value.span)
        value = as_declared(b, value, kind)
        if value.type is not t.VOID:
            gives_nothing(b, s)
            reg = f"{frame.prefix}return"
            before = frame.returned
            if value.bits is not None or value.function:
                if before is not None and before != value:
                    raise Trouble("type", f"{value.type.words} cannot be returned in two ways", s.span)
                frame.returned = value
            else:
                b.set(reg, value.expr, s.span)
                frame.returned = Val(Reg(reg), t.joined(before.type if before else None, value.type))
    guards.leave(b, 0, s.span)
    b.code.append(Jump(frame.end, s.span))


def gives_nothing(b: BodyCode, s: ast.Return) -> None:
    """Raise ``Trouble`` for a value that a ``void`` function returns."""
    function = b.unit.functions.get(b.stack[-1]) if b.stack else None
    if function is not None and t.of(function.result) is t.VOID:
        text = f"{function.name}() is void, and this returns a value"
        raise Trouble("return", text, s.span, f"write return; or declare it int {function.name}(…)")


def label(b: BodyCode, s: ast.LabelStmt) -> None:
    """``name:``"""
    labels.placed(b, s)
    forget(b)


def _only_the_guard(b: BodyCode, word: str, span: Span) -> None:
    """Warn about a jump that leaves a guard where it seems to leave a loop."""
    if b.frame.exits[-1].guard and len(b.frame.exits) > 1:
        text = f"this {word} leaves scoped_guard(), which is a loop itself, and not the one around it"
        b.warn("scoped-guard", text, span, "write guard() in a block, or goto")


def guard(b: BodyCode, s: ast.Guard) -> None:
    """``scoped_guard(…)``; or a ``guard(…)`` that is all of a body, whose scope ends at once. The macro of
    the former is a loop that turns once, so that ``break`` and ``continue`` in it leave only the guard."""
    held = len(b.frame.held)
    b.frame.scopes.append({})
    guards.begin(b, s, () if s.body is None else (s.body,))
    if s.body is not None:
        end = b.fresh("scoped")
        b.frame.exits.append(Exits(end, end, held, held, guard=True))
        statements(b, (s.body,))
        b.frame.exits.pop()
        guards.closed(b, held)
        b.code.append(Label(end))
    else:
        guards.closed(b, held)
    b.frame.scopes.pop()


def macro_loop(b: BodyCode, s: ast.MacroLoop) -> None:
    """A macro in front of a statement, in code that is no kernel's. Raises ``Trouble``."""
    raise Trouble("unknown-word", f"there is no loop {s.name!r}", s.span, "write the loop itself")


STATEMENTS: Lines[BodyCode, None] = dict(
    (
        line(ast.Block, block),
        line(ast.ExprStmt, expression),
        line(ast.Declare, declare),
        line(ast.If, if_),
        line(ast.Switch, switch),
        line(ast.Case, case),
        line(ast.LabelStmt, label),
        line(ast.Goto, labels.jumps),
        line(ast.Return, return_),
        line(ast.Break, break_),
        line(ast.Continue, continue_),
        line(ast.Empty, empty),
        line(ast.Guard, guard),
        line(ast.MacroLoop, macro_loop),
    )
)
STATEMENT_EXPRESSIONS: Lines[BodyCode, Val] = dict((line(ast.StatementExpr, statement_expr),))
