"""Words that are conditions, compare and exchange, or stand for a place."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import as_kept, decide, load, seen, storable, store_local, truth_of
from verifier.lower.c.arguments import argument, given
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.expected import expected, leave
from verifier.lower.c.expressions import condition_of
from verifier.lower.c.fields import group
from verifier.lower.c.loops import until
from verifier.lower.c.parts import Local, MemoryPlace, Val
from verifier.lower.c.places import base_of, memory_place
from verifier.lower.code import Assume, Decide, Emit, Warn
from verifier.program.expressions import TRUE, Const, Expr, Reg, call
from verifier.program.values import UNDEF
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.sync import SLEEPS, SLEEPS_WITH_TIMEOUT

_ETIMEDOUT = -110


def assume(b: BodyCode, use: SpecialCall) -> Val:
    """Only runs in which it holds go on."""
    asks_nothing(b, use)
    b.code.append(Assume(condition_of(b, use.arguments["c"]), use.e.span))
    return Val(Const(0), t.VOID)


def asks_nothing(b: BodyCode, use: SpecialCall) -> None:
    """Warn where a condition is written as a constant; not where a line ``#without`` or ``#config`` has made
    it one."""
    node = use.arguments["c"]
    if not use.writes(node):
        return
    if isinstance(node, ast.Num) or (isinstance(node, ast.Ident) and node.name in ("true", "false")):
        always = "always" if node.span.text not in ("0", "false") else "never"
        text = f"{use.word.name} of a constant, which {always} holds"
        b.warn("no-effect", text, node.span, "leave it out, or name a condition")


def limit(b: BodyCode, use: SpecialCall) -> Val:
    """Nothing is known of a run in which it holds here: the test models no more."""
    said = _said(use, "text")
    reached = b.held(call("bool", condition_of(b, use.arguments["c"])))
    unknown = call("ite", reached, Const(UNDEF), Const(0))
    if unknown != Const(0):
        b.code.append(Decide(unknown, use.e.span, said))
    return Val(Const(0), t.VOID)


def warn(b: BodyCode, use: SpecialCall) -> Val:
    """``WARN_ON`` and similar words."""
    asks_nothing(b, use)
    said = _said(use, "format")
    hit = b.held(call("bool", condition_of(b, use.arguments["c"])))
    b.code.append(Warn(hit, use.e.span, said))
    return Val(hit, t.INT)


def _said(use: SpecialCall, name: str) -> str:
    """The string that is given for a parameter, if there is one."""
    said = use.arguments.get(name)
    if said is not None and not isinstance(said, ast.Text):
        raise Trouble(
            "type", f"{use.word.name} takes a string here", said.span, f"write {use.word.signature}"
        )
    return said.value if said is not None else ""


def cond_load(b: BodyCode, use: SpecialCall) -> Val:
    """Exactly the last load of a loop; its condition calls the value VAL."""
    place, at = place_given(b, use, "x"), len(b.code)
    found = load(b, place, use.e)
    b.frame.scopes.append({"VAL": Local("VAL", fixed=found)})
    try:
        condition = truth_of(b.value(use.arguments["c"]), use.arguments["c"])
    finally:
        b.frame.scopes.pop()
    span = b.span(use.e)
    what = until(use.arguments["c"], True)
    reads = tuple(x for x in b.code[at:] if isinstance(x, Emit))
    b.code.append(Assume(condition, span, kind="spin", what=what, reads=reads))
    return found


def read_poll(b: BodyCode, use: SpecialCall) -> Val:
    """The last turn of a loop that reads: those before it wrote nothing but the local that it writes, too.
    It ends by the condition, or by the time-out, after which the kernel reads once more."""
    op = use.arguments["op"]
    argument(b, use.word, use.word.parameters[0], op)
    assert isinstance(op, ast.Ident)
    timeout = b.held(truth_of(given(b, use, "timeout_us"), use.arguments["timeout_us"]))
    args = (use.arguments["args"],) if "args" in use.arguments else ()
    for name in ("us", "before"):
        if name in use.arguments:
            given(b, use, name)  # they are checked, and decide nothing
    read, at = ast.CallExpr(op.name, args, use.e.span), len(b.code)
    to = next(p for p in use.word.parameters if p.name == "val")
    local = argument(b, use.word, to, use.arguments["val"])
    assert isinstance(local, Local)
    store_local(b, local, b.value(read), use.e)
    if any(isinstance(x, Emit) and x.op not in ("R", "F", "T") for x in b.code[at:]):
        text = f"{op.name} may only read here: {use.word.name} calls it again and again"
        raise Trouble("poll", text, op.span, "write the loop")
    span, c = b.span(use.e), use.arguments["c"]
    done = b.held(call("bool", condition_of(b, c)))
    reads = tuple(x for x in b.code[at:] if isinstance(x, Emit))
    ends = call("or", timeout, done)
    if ends != TRUE:
        what = until(c, True)
        b.code.append(Assume(ends, span, kind="spin", what=what, reads=reads))
    return Val(call("ite", done, Const(0), Const(_ETIMEDOUT)), t.INT)


def place_given(b: BodyCode, use: SpecialCall, name: str) -> MemoryPlace:
    """What a parameter that is a place or a pointer to one leads to."""
    parameter = next(p for p in use.word.parameters if p.name == name)
    place = argument(b, use.word, parameter, use.arguments[name])
    assert isinstance(place, MemoryPlace)
    return place


def wait_event(b: BodyCode, use: SpecialCall) -> Val:
    """What the kernel's macro expands to, by the functions of the test: as a macro, it evaluates its
    condition each time. With a time-out, its value is what is left of that."""
    of = use.word.parameters[0]
    file, prepares, sleeps, finishes = SLEEPS[of.name]
    timeout = use.arguments.get("timeout")
    sleeps = sleeps if timeout is None else SLEEPS_WITH_TIMEOUT
    at, c, queue = use.e.span, use.arguments["c"], use.arguments[of.name]
    _, found = b.captured(lambda: argument(b, use.word, of, queue))
    for name in (prepares, sleeps, finishes):
        if name not in b.unit.functions:
            text = f"{use.word.name} calls {name}(), which is not defined here"
            raise Trouble("unknown-word", text, use.e.span, f'write #include "linux/{file}"')
    assert isinstance(use.special.value, Const) and isinstance(use.special.value.value, int)
    if isinstance(found, Val):
        queue = _queue(use, queue, found)
    left, state = ast.Ident("__ret", at), ast.Num(use.special.value.value, at)
    goes_on: ast.CExpr = ast.Unary("!", c, c.span)
    sleep: ast.CExpr = ast.CallExpr(sleeps, () if timeout is None else (left,), at)
    if timeout is not None:
        goes_on = ast.Unary("!", _in_time(c, left), c.span)
        sleep = ast.Assign(left, "", sleep, at)
    prepare = ast.ExprStmt(ast.CallExpr(prepares, (queue, state), at), at)
    finish = ast.ExprStmt(ast.CallExpr(finishes, (queue,), at), at)
    leaves = c if timeout is None else _in_time(c, left)
    turn = ast.Block((prepare, ast.If(leaves, ast.Break(at), None, at), ast.ExprStmt(sleep, at)), at)
    waits = ast.Block((ast.For((), None, (), turn, at), finish), at)
    whole = ast.If(goes_on, waits, None, at)
    if timeout is None:
        b.statement(whole)
        return Val(Const(0), t.INT)
    ret = ast.Declare(ast.CType("long"), left.name, timeout, at)
    return b.value(ast.StatementExpr(ast.Block((ret, whole, ast.ExprStmt(left, at)), at), at))


def _in_time(c: ast.CExpr, left: ast.Ident) -> ast.CExpr:
    """``___wait_cond_timeout()``: does c hold, or is no time left? What holds at the last moment leaves 1."""
    at = c.span
    held = ast.Ident("__cond", at)
    late = ast.Binary("&&", held, ast.Unary("!", left, at), at)
    ends = ast.Binary("||", held, ast.Unary("!", left, at), at)
    parts = (
        ast.Declare(ast.CType("bool"), held.name, c, at),
        ast.If(late, ast.ExprStmt(ast.Assign(left, "", ast.Num(1, at), at), at), None, at),
        ast.ExprStmt(ends, at),
    )
    return ast.StatementExpr(ast.Block(parts, at), at)


def _queue(use: SpecialCall, queue: ast.CExpr, found: Val) -> ast.CExpr:
    """The address of the queue that is given, or a pointer to it; ``found``: its value."""
    if found.type.percpu or found.type.tag != "wait_queue_head":
        text = f"{use.word.name} takes a struct wait_queue_head here, not {found.type.words}"
        raise Trouble("type", text, queue.span, "declare it so, or a pointer to it")
    return ast.Unary("&", queue, queue.span) if found.type.inside else queue


def try_cmpxchg(b: BodyCode, use: SpecialCall) -> Val:
    """CMPXCHG, LOCK'd or not; what was found goes to a local."""
    place = place_given(b, use, use.word.parameters[0].name)
    old = expected(b, place, use)
    new = storable(b, place, b.value(use.arguments["new"]), use.arguments["new"])
    temp, done = b.fresh(), b.fresh()
    equal, new = call("eq", seen(b, place, temp), old.value), as_kept(place, new)
    if use.special.locks:
        b.emit("X", use.e, place.touch(temp, new, equal), virtual=place.virtual)
    else:
        b.emit("R", use.e, place.touch(temp), virtual=place.virtual, joined=True)
        stored = call("ite", equal, new, Reg(temp))
        b.emit("W", use.e, place.touch(None, stored), virtual=place.virtual)
        decide(b, equal, use.e.span)
    b.set(done, equal)
    leave(b, old, Val(seen(b, place, temp), place.type), Reg(done), use)
    return Val(Reg(done), t.INT)


def cmpxchg_double(b: BodyCode, use: SpecialCall) -> Val:
    """CMPXCHG16B, LOCK'd or not: two neighbouring words at one instant."""
    check_neighbours(b, use)
    places = [place_given(b, use, name) for name in ("x", "y")]
    if any(place.virtual for place in places):
        raise Trouble(
            "type", f"{use.word.name} takes kernel data here", use.e.span, "name fields of a struct"
        )
    values: dict[str, Expr] = {}
    for kind in ("old", "new"):
        for name, place in zip("xy", places, strict=True):
            node = use.arguments[f"{kind}_{name}"]
            values[kind + name] = b.held(storable(b, place, b.value(node), node))
    found = [b.fresh(), b.fresh()]
    equal = call("and", *(call("eq", Reg(r), values[f"old{n}"]) for n, r in zip("xy", found, strict=True)))
    done = b.fresh()
    if use.special.locks:
        touches = zip("xy", places, found, strict=True)
        b.emit("X", use.e, *(p.touch(r, values[f"new{n}"], equal) for n, p, r in touches))
    else:
        b.emit("R", use.e, *(p.touch(r) for p, r in zip(places, found, strict=True)), joined=True)
        kept = [call("ite", equal, values[f"new{n}"], Reg(r)) for n, r in zip("xy", found, strict=True)]
        b.emit("W", use.e, *(p.touch(None, v) for p, v in zip(places, kept, strict=True)))
        decide(b, equal, use.e.span)
    b.set(done, equal)
    return Val(Reg(done), t.INT)


def check_neighbours(b: BodyCode, use: SpecialCall) -> None:
    """Raise ``Trouble`` unless the two words are neighbours in memory."""
    one, two = (use.arguments[name] for name in ("x", "y"))
    x, y = (e.operand if isinstance(e, ast.Unary) and e.op == "&" else e for e in (one, two))
    hint = "declare struct s { u64 a; u64 b; }; the first word begins at 16 bytes"
    span = one.span.to(two.span)
    if not (isinstance(x, ast.FieldExpr) and isinstance(y, ast.FieldExpr)):
        raise Trouble("double", f"{use.word.name} takes two fields of one struct", span, hint)
    if " ".join(x.base.span.text.split()) != " ".join(y.base.span.text.split()):
        raise Trouble("double", f"{use.word.name} takes two fields of one struct", span, hint)
    _, base = b.captured(lambda: base_of(b, x.base))
    kind = base.type.to if base.type.kind == "pointer" and base.type.to is not None else base.type
    steps = [b.memory.steps(group(kind), e.name) for e in (x, y)]
    if steps[1] == (*steps[0], t.HIGH):
        return
    fields = list(b.memory.fields.get(group(kind), {}).items())
    names = [name for name, _ in fields]
    if not all(b.memory.has(group(kind), e.name) for e in (x, y)):
        return  # what is wrong there is said by who evaluates it
    at = names.index(x.name) if x.name in names else -1
    wide = all(field.kind != "int" or field.bits == 64 for _, field in fields[: at + 2])
    if at < 0 or names[at + 1 : at + 2] != [y.name] or not wide or at % 2:
        text = f"{x.name} and {y.name} are not two words at a multiple of 16 bytes"
        raise Trouble("double", text, span, hint)


def per_cpu(b: BodyCode, use: SpecialCall) -> Val:
    """The value of a place that the word stands for."""
    return load(b, memory_place(b, use.e), use.e)
