"""Calls: words of the vocabulary, and functions of the test, which are inlined."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.arguments import argument
from verifier.lower.c.beside import LOCKED
from verifier.lower.c.bodies import inline
from verifier.lower.c.body import BodyCode, Lines, SpecialCall, line
from verifier.lower.c.effects import effect, effects
from verifier.lower.c.parts import Val
from verifier.lower.c.pointers import name_of
from verifier.lower.c.sleeping import sleeps
from verifier.lower.c.word_call import WordCall
from verifier.lower.code import Branch, Jump, Label, Warn
from verifier.program.expressions import FALSE, TRUE, Const, Reg, call
from verifier.program.values import Ptr
from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import Trouble
from verifier.words.rows import Machine, Special
from verifier.words.table import WORDS, Word, entry_level, instead


def called(b: BodyCode, e: ast.CallExpr) -> Val:
    """A word of the vocabulary, or a function of the test."""
    local = b.local(e.name, False)
    name = local.fixed.function if local is not None and local.fixed is not None else e.name
    if name in b.unit.functions:
        return inline(b, b.unit.functions[name], [b.value(a) for a in e.arguments], e)
    if local is not None or (e.name in b.memory.named and e.name not in WORDS):
        name_span = replace(e.span, end=e.span.start + len(e.name))
        return through(b, ast.PointerCall(ast.Ident(e.name, name_span), e.arguments, e.span))
    word = WORDS.get(e.name)
    if word is None:
        hint = instead(e.name, b.unit.functions)
        raise Trouble("unknown-word", f"there is no function {e.name!r}", e.span, hint)
    if word.planned:
        raise Trouble("not-yet", f"{e.name} is not supported yet", e.span, word.planned)
    passed = e.arguments
    if word.older is not None and len(passed) == len(word.parameters) + 1:
        passed = without_flags(word, e)
    else:
        check_arity(word, e)
    leading = len(word.lead) if word.lead and len(passed) > len(word.parameters) else 0
    if leading:
        check_leading(b, word, e)
    arguments = dict(zip((p.name for p in word.parameters), passed[leading:], strict=False))
    for parameter in word.parameters:
        held = arguments.get(parameter.name)
        if parameter.kind == "local" and isinstance(held, ast.FieldExpr | ast.IndexExpr | ast.Unary):
            return kept_in_memory(b, word, e, parameter.name, held)
        if parameter.kind == "function" and isinstance(held, ast.Ident) and in_register(b, held):
            return each_function(b, word, e, arguments, parameter.name)
    if word.sleeps:
        b.code.append(sleeps(e.span))
    if not word.locked:
        return meaning(b, word, e, arguments)
    b.set(LOCKED, FALSE)
    result = meaning(b, word, e, arguments)
    b.set(LOCKED, FALSE)
    return result


def in_register(b: BodyCode, e: ast.Ident) -> bool:
    """Is it a local that is assigned to?"""
    local = b.local(e.name, False)
    return local is not None and local.fixed is None


def kept_in_memory(b: BodyCode, word: Word, e: ast.CallExpr, name: str, held: ast.CExpr) -> Val:
    """A word that takes a register, such as flags, where the text gives it something in memory: that is
    loaded before it, or stored after it."""
    saves = any(isinstance(x, Machine) and x.into == name for x in word.effects)
    register = ast.Ident(b.fresh(name), held.span)
    b.written.add(b.declare(register.name, t.ULONG).reg)
    kept = ast.Assign(register, "", held, held.span)
    if not saves:
        b.value(kept)
    result = called(b, replace(e, arguments=tuple(register if a is held else a for a in e.arguments)))
    if saves:
        b.value(replace(kept, target=held, value=register))
    return result


def each_function(
    b: BodyCode, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr], name: str
) -> Val:
    """A word that takes a function, where a local holds it: a branch over those that the function around it
    assigns to that local. A warning, as in a call of NULL, if it holds none of them."""
    held = arguments[name]
    assert isinstance(held, ast.Ident)
    may_be = assigned_functions(b, held.name)
    if not may_be:
        text = f"{word.name} takes a function here, and none is ever assigned to {held.name}"
        raise Trouble("type", text, held.span, f"assign one, or write {word.signature}")
    address = b.held(b.value(held).expr)
    result, end = b.fresh(), b.fresh("called")
    b.set(result, FALSE)
    gives = Val(Const(0), t.VOID)
    for function in may_be:
        other = b.fresh("other")
        b.code.append(Branch(call("ne", address, Const(Ptr(function))), other, e.span))
        gives = meaning(b, word, e, {**arguments, name: ast.Ident(function, held.span)})
        b.set(result, gives.expr)
        b.code += [Jump(end, e.span), Label(other)]
    b.code += [Warn(TRUE, e.span), Label(end)]
    return Val(Reg(result), gives.type)


def assigned_functions(b: BodyCode, name: str) -> list[str]:
    """The functions of the test that the innermost function, or this program, assigns to a name."""
    inside = b.unit.functions.get(b.stack[-1]) if b.stack else None
    found: set[str] = set()
    for x in nodes(inside.body if inside is not None else (b.unit.threads, b.unit.nmis)):
        value: object = None
        if isinstance(x, ast.Declare) and x.name == name:
            value = x.init
        elif isinstance(x, ast.Assign) and isinstance(x.target, ast.Ident) and x.target.name == name:
            value = x.value
        found |= {i.name for i in nodes(value) if isinstance(i, ast.Ident) and i.name in b.unit.functions}
    return sorted(found)


def without_flags(word: Word, e: ast.CallExpr) -> tuple[ast.CExpr, ...]:
    """The arguments of a call in the form of older kernels. Raises ``Trouble`` if it is none."""
    at = word.older or 0
    flags = e.arguments[at]
    if not isinstance(flags, ast.Ident) or not flags.name.startswith("GFP_"):
        raise Trouble("type", f"{word.name} takes GFP flags here", flags.span, f"write {word.signature}")
    return (*e.arguments[:at], *e.arguments[at + 1 :])


def meaning(b: BodyCode, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
    """What a word is: instructions, or something of its own and instructions around that."""
    if not any(isinstance(x, Special) for x in word.effects):
        return effects(b, word, e, arguments)
    result = Val(Const(0), t.VOID)
    for x in word.effects:
        if isinstance(x, Special):
            result = b.special(SpecialCall(word, e, arguments, x))
        else:
            effect(WordCall(b, e), x)
    return result


def check_arity(word: Word, e: ast.CallExpr) -> None:
    """Raise ``Trouble`` for too many or too few arguments."""
    given, wanted = len(e.arguments), len(word.parameters)
    if wanted - word.optional <= given <= wanted or (word.lead and given == wanted + len(word.lead)):
        return
    most = wanted + len(word.lead)
    count = f"{wanted - word.optional} or {most}" if word.optional or word.lead else str(wanted)
    many = f"{count} argument{'s' if most != 1 else ''}"
    raise Trouble("arity", f"{word.name} takes {many}, not {given}", e.span, f"write {word.signature}")


def check_leading(b: BodyCode, word: Word, e: ast.CallExpr) -> None:
    """Check what the kernel's form takes besides: it names what the entry itself says here."""
    given = [argument(b, word, p, a) for p, a in zip(word.lead, e.arguments, strict=False)]
    entry = e.arguments[len(word.lead)]
    if isinstance(entry, ast.CallExpr) and entry_level(entry.name) == "leaf" and len(entry.arguments) == 2:
        va = b.value(entry.arguments[1])
        for at in given:
            if not isinstance(at, Val) or not at.type.kind == va.type.kind == "va":
                continue
            if isinstance(at.expr, Const) and isinstance(va.expr, Const) and at.expr != va.expr:
                text = f"{entry.span.text} is not an entry for {at.expr.value}"
                b.warn("entry", text, e.span, f"{word.name} looks at the entry alone")


def through(b: BodyCode, e: ast.PointerCall) -> Val:
    """A call through a pointer: of the one function that it leads to, or a branch over those that it may
    lead to. A call of NULL, or of nothing known, warns, and the CPU goes on."""
    callee = e.callee
    while isinstance(callee, ast.Unary) and callee.op in "*&":
        callee = callee.operand  # a function is as good as its address
    pointer = b.value(callee)
    given = [b.value(a) for a in e.arguments]
    if pointer.function:
        return inline(b, b.unit.functions[pointer.function], given, e)
    if pointer.type not in (t.TO_FUNCTION, t.ANY):
        text = f"{callee.span.text} is {pointer.type.words}, not a function"
        raise Trouble("type", text, callee.span, "declare it void (*f)(struct foo *p)")
    name = "" if isinstance(callee, ast.Ident) and b.local(callee.name, False) else name_of(callee)
    may_be = [b.unit.functions[f] for f in b.shared.pointers.candidates(name)]
    may_be = [f for f in may_be if len(f.parameters) == len(given)]
    if not may_be:
        text = f"no function with {len(given)} parameters is ever stored where {callee.span.text} points"
        raise Trouble("pointer", text, e.span, "give it one in the initial state, or store one")
    address = b.held(pointer.expr)
    given = [replace(a, expr=b.held(a.expr)) for a in given]
    result, end = b.fresh(), b.fresh("called")
    kind: t.Type | None = None
    b.set(result, FALSE)
    for function in may_be:
        other = b.fresh("other")
        equal = call("eq", address, Const(Ptr(function.name)))
        b.code.append(Branch(call("not", equal), other, e.span))
        gives = inline(b, function, given, e)
        if gives.bits is not None or gives.function:
            raise Trouble("type", f"{gives.type.words} cannot be returned through a pointer", e.span)
        b.set(result, gives.expr)
        kind = gives.type if gives.type is t.VOID else t.joined(kind, gives.type)
        b.code += [Jump(end, e.span), Label(other)]
    b.code += [Warn(TRUE, e.span), Label(end)]
    return Val(Reg(result), kind or t.VOID)


CALLS: Lines[BodyCode, Val] = dict((line(ast.CallExpr, called), line(ast.PointerCall, through)))
