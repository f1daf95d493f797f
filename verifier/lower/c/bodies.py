"""Whole bodies: the programs of CPUs, handlers and NMIs, and functions in the place of their calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from verifier.lower.c import types as t
from verifier.lower.c.access import same_pointee, stays, store_local
from verifier.lower.c.beginnings import as_declared
from verifier.lower.c.body import BodyCode
from verifier.lower.c.guards import begin, closed, freed
from verifier.lower.c.labels import check_labels
from verifier.lower.c.parts import Frame, Local, Spanned, Started, Val
from verifier.lower.code import Branch, Emit, Instruction, Jump, Label, SetRegister, Target, changed
from verifier.program.expressions import FALSE, TRUE, Const, Reg
from verifier.program.values import Ptr
from verifier.records import replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.nodes import gathered, nodes
from verifier.syntax.trouble import Trouble
from verifier.words.table import WORDS

MAX_DEPTH = 40


def inline(b: BodyCode, function: ast.Function, arguments: list[Val], e: Spanned) -> Val:
    """The body of a function in the place of its call."""
    name = function.name
    if len(arguments) != len(function.parameters):
        many = f"{len(function.parameters)} argument{'s' if len(function.parameters) != 1 else ''}"
        hint = f"write {name}({', '.join(p.name for p in function.parameters)})"
        raise Trouble("arity", f"{name} takes {many}, not {len(arguments)}", e.span, hint)
    if name in b.stack[b.below :] or len(b.stack) > MAX_DEPTH:
        chain = " -> ".join((*b.stack, name))
        raise Trouble("recursion", f"{name} calls itself ({chain})", e.span, "functions are inlined")
    b.shared.copied(e.span)
    b.fresh_count += 1
    prefix = f"{name}#{b.fresh_count}."
    frame = Frame(prefix, f"%return{b.fresh_count}", result=t.of(function.result), site=(name, e.span.start))
    start, outside = len(b.code), b.outside
    elsewhere = function.body.span.source is not e.span.source
    b.outside = outside or elsewhere
    with saying_where(b, function, e.span):
        enter(b, frame, function, arguments, span=e.span)
    b.outside = outside
    if elsewhere and not outside:  # only the outermost such call is told
        b.code[start:] = called(b.code[start:], e.span)
    b.code.append(Label(frame.end))
    if frame.returned is None and frame.result is not t.VOID:  # nothing is returned: 0, with a warning
        kind = t.of(function.result)
        return Val(Reg(f"{prefix}return"), kind if kind.kind == "int" else t.ANY)
    return frame.returned or Val(Const(0), t.VOID)


@contextmanager
def saying_where(b: BodyCode, function: ast.Function, at: Span) -> Iterator[None]:
    """What is said meanwhile of the body of a function that another file has names the call, too."""
    lists = (b.shared.troubles, b.shared.warnings, b.shared.suspects)
    before = [len(found) for found in lists]
    yield
    if function.body.span.source is at.source:
        return
    for found, start in zip(lists, before, strict=True):
        new = [d for d in found[start:] if d not in found[:start]]
        found[start:] = [replace(d, span=d.span and replace(d.span, called=at)) for d in new]


def called(code: Sequence[Instruction], at: Span) -> list[Instruction]:
    """The code of a function that is called in another file, with spans that say where."""
    told: dict[int, Span] = {}

    def of(x: Instruction) -> Instruction:
        span = x.span
        if span is None:
            return x
        known = told.get(id(span))
        if known is None:
            known = told[id(span)] = replace(span, called=at)
        return x._replace(span=known)

    return changed(code, of)


def enter(b: BodyCode, frame: Frame, function: ast.Function, arguments: list[Val], span: Span) -> None:
    """Bind parameters and run the body in its own frame."""
    assigned = b.shared.assigned.get(id(function))
    if assigned is None:
        assigned = b.shared.assigned[id(function)] = assigned_names(function)
    evaluated = [_held(b, a) for a in arguments]
    b.frames.append(frame)
    b.stack = (*b.stack, function.name)
    try:
        for parameter, value in zip(function.parameters, evaluated, strict=True):
            given = passed(b, function, parameter, value, span=span)
            kind = t.of(parameter.type)
            local = b.declare(parameter.name, kind if kind.kind == "int" else None)
            local.constant = parameter.constant
            local.written = kind
            if parameter.name in assigned:
                store_local(b, local, given, parameter)
            else:
                local.fixed = given
        if t.of(function.result) is not t.VOID:
            b.set(f"{frame.prefix}return", Const(0))
        statements(b, function.body.body)
        check_labels(b)
    finally:
        b.frames.pop()
        b.stack = b.stack[:-1]


def _held(b: BodyCode, argument: Val) -> Val:
    """An argument, as it is before the body."""
    expr = b.held(argument.expr)
    if expr is argument.expr and not argument.data:
        return argument
    return replace(argument, expr=expr, data=False)


def passed(b: BodyCode, function: ast.Function, parameter: ast.Parameter, value: Val, span: Span) -> Val:
    """An argument as a function has it. Raises ``Trouble`` for what is nothing of the parameter's type."""
    kind = t.of(parameter.type)
    if t.is_table(kind, value.type):
        return value
    if (
        kind.kind in ("mm", "table", "page", "mask")
        and value.type.kind in t.HANDLES | {"int"}
        and (value.type.kind != kind.kind and value.expr != FALSE and value.bits is None)
    ):
        wanted = f"{function.name} takes {kind.words} here, not {value.type.words}"
        raise Trouble("type", wanted, span)
    if value.type.kind in ("int", "any") and kind is not t.ANY:
        value = Val(t.converted(value.expr, value.type, kind), kind, value.bits, value.function)
    if value.local is None:
        same_pointee(b, kind, value.type, span)
    return as_declared(b, value, kind)


def program_of(b: BodyCode, thread: ast.Thread) -> tuple[Instruction, ...]:
    """The program of a CPU."""
    parameters(b, thread)
    for (cpu, name), (value, kind) in b.memory.locals.items():
        if cpu == b.cpu:
            local = b.local(name, False) or b.declare(name, None, b.frame.scopes[0])
            b.given.add(name)
            store_local(b, local, Val(Const(value), kind), thread)
    statements(b, thread.body.body, scope=False)
    b.code.append(Label(b.frame.end))
    check_labels(b)
    no_sysret(b, thread, f"P{b.cpu} is a program")
    return tuple(b.code)


def parameters(b: BodyCode, thread: ast.Thread) -> None:
    """The parameters of a program are the shared objects of the same names."""
    for p in thread.parameters:
        kind = t.of(p.type)
        named = b.memory.named.get(p.name)
        if named is None:
            continue
        if named.percpu:
            hint = f"write this_cpu_read({p.name})"
            error = Trouble("percpu", f"{p.name} is a per-CPU object", p.span, hint)
            b.shared.troubles.append(error.diagnostic)
        if named.handle:
            kind = named.type
        elif kind.kind != "pointer" and kind != t.SRCU:
            kind = t.Type("pointer", to=named.type)
        b.frame.scopes[0][p.name] = Local(p.name, fixed=Val(Const(Ptr(p.name)), kind))


def handler(b: BodyCode, function: str, cpu: int, info: Val, span: Span) -> Target:
    """A handler on a CPU, with its code and the value of its ``info``. A handler that sends itself has its
    code once: where it is sent from within, it is there ``again``."""
    made = b.unit.functions[function]
    if len(made.parameters) > 1:
        raise Trouble("arity", f"a handler takes one argument, info; {function} takes more", span)
    stays(info, span)
    given = (("%info", info.expr),) if made.parameters else ()
    who = Started(function, cpu, info.type, info.bits, called=info.function)
    if who in b.within:
        return Target(cpu, TRUE, (), given, function, key=who, again=True)
    key = who._replace(stack=b.stack, within=b.within)
    if key not in b.shared.handlers:
        b.shared.budget.tick()
        body = BodyCode(b.shared, cpu, b.language, b.stack, (*b.within, who))
        body.interrupting = True
        body.context = f"{function}@{cpu}"
        values = [Val(Reg("%info"), info.type, info.bits, info.function)] if given else []
        with saying_where(b, made, span):
            enter(body, body.frame, made, values, span=span)
        body.code.append(Label("%end"))
        check_sysret(body.code, function)
        b.shared.handlers[key] = tuple(body.code)
    return Target(cpu, TRUE, b.shared.handlers[key], given, function, key=who)


def nmi_of(b: BodyCode, nmi: ast.Thread) -> tuple[Instruction, ...]:
    """The code of an NMI, whose locals are its own."""
    inside = BodyCode(b.shared, b.cpu, b.language, ("nmi",))
    inside.interrupting = True
    inside.context = f"nmi@{b.cpu}"
    statements(inside, nmi.body.body, scope=False)
    inside.code.append(Label(inside.frame.end))
    check_labels(inside)
    no_sysret(b, nmi, "this is an NMI, which ends with IRET")
    return tuple(inside.code)


def statements(
    b: BodyCode, body: Sequence[ast.Stmt], scope: bool = True, last: Callable[[], None] | None = None
) -> None:
    """A sequence of statements; what is wrong with one is noted, and the next one is tried. ``last``: what
    comes after them in the same scope."""
    if scope:
        b.frame.scopes.append({})
    held = len(b.frame.held)
    for at, statement in enumerate(body, 1):
        depth = len(b.frames), len(b.frame.scopes), len(b.frame.exits)
        try:
            if isinstance(statement, ast.Guard) and statement.body is None:
                begin(b, statement, body[at:])
            else:
                b.statement(statement)
                if isinstance(statement, ast.Declare) and statement.free:
                    freed(b, statement, body[at:])
        except Trouble as trouble:
            b.shared.troubles.append(trouble.diagnostic)
            del b.frames[depth[0] :], b.frame.scopes[depth[1] :], b.frame.exits[depth[2] :]
            if isinstance(statement, ast.Declare) and b.local(statement.name, False) is None:
                b.written.add(b.declare(statement.name, None).reg)
            note_targets(b, statement)
    if last is not None:
        last()
    closed(b, held)
    if scope:
        b.frame.scopes.pop()


def note_targets(b: BodyCode, statement: ast.Stmt) -> None:
    """A statement with an error still writes its registers: one error, not two."""
    for name in assigned_names(statement):
        local = b.local(name)
        if local is not None:
            b.written.add(local.reg)


def check_sysret(code: Sequence[Instruction], function: str) -> None:
    """SYSRET is how a handler ends: nothing comes after it, and nothing goes around it."""
    for at, x in enumerate(code):
        if isinstance(x, Emit) and x.op == "SYSRET":
            after = {y.name for y in code[at:] if isinstance(y, Label)}
            around = any(isinstance(y, Branch | Jump) and y.target in after for y in code[:at])
            if around or any(not isinstance(y, Label | SetRegister) for y in code[at + 1 :]):
                assert x.span is not None
                text = f"{x.text} ends {function}, so it has to be its last statement, in all runs"
                raise Trouble("sysret", text, x.span)


def no_sysret(b: BodyCode, code: ast.Thread, where: str) -> None:
    """Note a SYSRET in the text of what is no handler. In a function that is one elsewhere it is nothing."""
    for x in nodes(code.body):
        if isinstance(x, ast.CallExpr) and x.name == "sysret" and x.name not in b.unit.functions:
            text, hint = f"{where}, and sysret() ends a handler", f"make it a handler: {b.cpu}:pending = f"
            b.shared.troubles.append(Trouble("sysret", text, x.span, hint).diagnostic)


def assigned_names(tree: object) -> set[str]:
    """The names that statements or expressions assign to, or take the address of."""
    return gathered(tree, _assigned)


def _assigned(code: Iterable[object]) -> set[str]:
    found: set[str] = set()
    for x in code:
        if isinstance(x, ast.Assign) and isinstance(x.target, ast.Ident):
            found.add(x.target.name)
        elif isinstance(x, ast.Unary) and x.op == "&" and isinstance(x.operand, ast.Ident):
            found.add(x.operand.name)
        elif isinstance(x, ast.CallExpr) and x.name in WORDS:
            given = zip(WORDS[x.name].parameters, x.arguments, strict=False)
            found |= {a.name for p, a in given if p.kind == "local" and isinstance(a, ast.Ident)}
        elif isinstance(x, ast.ForEachCpu):
            found.add(x.variable)
        elif isinstance(x, ast.ForEachEntry):
            found |= {x.variable, *(a.name for a in x.arguments[:1] if isinstance(a, ast.Ident))}
    return found
