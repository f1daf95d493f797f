"""Words that are conditions, compare and exchange, or stand for a place."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import load, storable, store_local, truth_of
from verifier.lower.c.arguments import pointed_to
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.expressions import condition_of
from verifier.lower.c.loops import until
from verifier.lower.c.parts import Local, Val
from verifier.lower.c.places import memory_place, place_of
from verifier.lower.code import Assume, Emit, Touch, Warn
from verifier.program.expressions import Const, Reg, call
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.rows import Word


def assume(b: BodyCode, use: SpecialCall) -> Val:
    """Only runs in which it holds go on."""
    asks_nothing(b, use.word, use.arguments["c"])
    b.code.append(Assume(condition_of(b, use.arguments["c"]), use.e.span))
    return Val(Const(0), t.VOID)


def asks_nothing(b: BodyCode, word: Word, node: ast.CExpr) -> None:
    """Warn where a condition is written as a constant."""
    if isinstance(node, ast.Num) or (isinstance(node, ast.Ident) and node.name in ("true", "false")):
        always = "always" if node.span.text not in ("0", "false") else "never"
        text = f"{word.name} of a constant, which {always} holds"
        b.warn("no-effect", text, node.span, "leave it out, or name a condition")


def warn(b: BodyCode, use: SpecialCall) -> Val:
    """``WARN_ON`` and similar words."""
    asks_nothing(b, use.word, use.arguments["c"])
    said = use.arguments.get("format")
    if said is not None and not isinstance(said, ast.Text):
        raise Trouble(
            "type", f"{use.word.name} takes a string here", said.span, f"write {use.word.signature}"
        )
    hit = b.held(call("bool", condition_of(b, use.arguments["c"])))
    b.code.append(Warn(hit, use.e.span, said.value if said is not None else ""))
    return Val(hit, t.INT)


def cond_load(b: BodyCode, use: SpecialCall) -> Val:
    """Exactly the last load of a loop; its condition calls the value VAL."""
    place, at = pointed_to(b, use.word, use.word.parameters[0], use.arguments["x"]), len(b.code)
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


def try_cmpxchg(b: BodyCode, use: SpecialCall) -> Val:
    """LOCK CMPXCHG; what was found goes to a local."""
    place = pointed_to(b, use.word, use.word.parameters[0], use.arguments[use.word.parameters[0].name])
    old = use.arguments["old"]
    local = place_of(b, old.operand) if isinstance(old, ast.Unary) and old.op == "&" else None
    if not isinstance(local, Local):
        raise Trouble("type", f"{use.word.name} takes the address of a register here", old.span, "write &r0")
    new = storable(b, place, b.value(use.arguments["new"]), use.arguments["new"])
    held = local.fixed or Val(Reg(local.reg), local.type or local.declared or t.ANY)
    before = t.converted(held.expr, held.type, place.type)
    temp, done = b.fresh(), b.fresh()
    equal = call("eq", Reg(temp), before)
    b.emit("X", use.e, Touch(place.addr, temp, new, equal), virtual=place.virtual)
    b.set(done, equal)
    store_local(b, local, Val(Reg(temp), place.type), use.e)
    return Val(Reg(done), t.INT)


def per_cpu(b: BodyCode, use: SpecialCall) -> Val:
    """The value of a place that the word stands for."""
    return load(b, memory_place(b, use.e), use.e)
