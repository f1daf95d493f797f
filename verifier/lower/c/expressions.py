"""C expressions to code: names, conversions, assignments; each load becomes an event of its own."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.lower.c import types as t
from verifier.lower.c.access import load, numeric, same_pointee, stays, store, store_local, truth_of
from verifier.lower.c.beginnings import seen_as
from verifier.lower.c.body import BodyCode, Lines, line
from verifier.lower.c.copies import copied_from, copy, is_struct, named_struct, unnamed
from verifier.lower.c.operators import combined, result_type
from verifier.lower.c.parts import Local, MemoryPlace, Spanned, Val
from verifier.lower.c.places import any_place, base_of, is_whole, memory_place, place_of
from verifier.lower.c.steps import as_number
from verifier.lower.c.types import Type
from verifier.lower.code import Branch, Decide, Instruction, Jump, Label, SetRegister
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.values import ATTRIBUTES, FAULT, Ptr, truth
from verifier.records import replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.idle import CALLED_NAMES, PERCPU_NAMES
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import Trouble
from verifier.words.declared import declared_as, type_given
from verifier.words.table import (
    CONSTANT_MASKS,
    CPU_COUNTS,
    LIMITS,
    LONG_VALUES,
    NAMED_VALUES,
    ROOTS,
    WORDS,
)


def ident(b: BodyCode, e: ast.Ident) -> Val:
    """The value of a name: a local, an object, a constant or a function."""
    local = b.local(e.name)
    if local is not None:
        if local.place is not None:
            return load(b, local.place, e)
        if local.fixed is not None:
            fixed, kind = local.fixed, t.decayed(local.fixed.type)
            return fixed if kind is fixed.type else replace(fixed, type=kind)
        return Val(Reg(local.reg), local.type or local.declared or t.ANY)
    named = b.memory.named.get(e.name)
    if named is not None:
        if named.percpu and named.size is not None:
            return base_of(b, e)
        if named.percpu:
            return load(b, memory_place(b, e), e)
        if named.handle:
            return Val(Const(Ptr(e.name)), named.type)
        if named.type.inside:
            return Val(Const(Ptr(e.name)), replace(named.type, inside=False))
        if named.size is not None:
            return Val(Const(Ptr(e.name)), Type("pointer", to=named.type))
        return load(b, MemoryPlace(Const(Ptr(e.name)), named.type), e)
    if e.name in b.unit.enums:
        value = b.unit.enums[e.name]
        return Val(Const(value), t.literal(value))
    if e.name in b.unit.functions:
        return Val(Const(Ptr(e.name)), t.FUNCTION, function=e.name)
    if e.name in CPU_COUNTS:
        return Val(Const(b.memory.cpus), t.UINT)
    if e.name in PERCPU_NAMES and PERCPU_NAMES[e.name] in b.memory.named:
        own = ast.Ident(PERCPU_NAMES[e.name], e.span)
        return b.value(ast.CallExpr("this_cpu_read", (own,), e.span))
    if b.memory.stands_for_more(e.name):
        return b.value(ast.CallExpr(CALLED_NAMES[e.name], (), e.span))
    if e.name in NAMED_VALUES:
        kind = {"NULL": t.ANY, "none": t.PTE}.get(e.name, t.ULONG if e.name in LONG_VALUES else t.INT)
        kind = t.written(LIMITS[e.name][1]) if e.name in LIMITS else kind
        return Val(Const(NAMED_VALUES[e.name]), kind)
    if e.name in ROOTS and ROOTS[e.name] in b.memory.named:
        return Val(Const(Ptr(ROOTS[e.name])), t.UPPER)
    if e.name == "fault":
        return Val(Const(FAULT), t.ANY)
    if e.name in CONSTANT_MASKS:
        bit = TRUE if CONSTANT_MASKS[e.name] else FALSE
        return Val(Const(0), t.MASK, (bit,) * b.memory.cpus)
    if e.name in ATTRIBUTES:
        return Val(Const(ATTRIBUTES[e.name]), t.INT)
    parameter = "" if b.memory.mm_file or b.stack else f"P{b.cpu} has no such parameter: int *{e.name}"
    raise b.memory.unknown(e.name, e.span, parameter)


def address_of(b: BodyCode, e: ast.CExpr) -> Val:
    """``&e``."""
    if isinstance(e, ast.Literal):
        return unnamed(b, e)
    if isinstance(e, ast.Ident) and b.local(e.name, False) is None:
        named = b.memory.named.get(e.name)
        if named is not None and named.handle and not named.percpu:
            return Val(Const(Ptr(e.name)), named.type)
        if named is not None and named.percpu and b.percpu is None:
            kind = named.type if named.handle else Type("pointer", to=named.type)
            return Val(Const(Ptr(e.name)), replace(kind, percpu=True))
        if e.name in b.unit.functions:
            return ident(b, e)
    word = WORDS.get(e.name) if isinstance(e, ast.CallExpr) else None
    called = word is not None or (isinstance(e, ast.CallExpr) and e.name in b.unit.functions)
    if isinstance(e, ast.CallExpr) and called and (word is None or not word.stands):
        hint = f"write {e.span.text}, without &"
        raise Trouble("address", f"the result of {e.name}() has no address", e.span, hint)
    place = any_place(b, e, end=True)
    if isinstance(place, Local) and place.stack and place.fixed is not None:
        return place.fixed
    if isinstance(place, Local):
        return of_register(b, place, e)
    if place.part is not None:
        raise Trouble("bitfield", "a bitfield has no address", e.span, "use the address of its struct")
    if place.virtual:
        return Val(place.addr, t.VA)
    if place.whole:
        return Val(place.addr, replace(place.type, percpu=place.percpu))
    to_entry = {"pte": t.ENTRY, "pmd": t.UPPER}.get(place.type.kind)
    return Val(place.addr, to_entry or Type("pointer", to=place.type, percpu=place.percpu))


def of_register(b: BodyCode, local: Local, e: ast.CExpr) -> Val:
    """The address of a local, for a function that stores through it. It is in no memory: nobody but who is
    given this address can follow it."""
    if local.fixed is not None:
        if local.fixed.local is not None or local.fixed.type.kind in t.HANDLES:
            raise Trouble("address", f"{e.span.text} is no variable here", e.span, "pass the value itself")
        local_value, local.fixed = local.fixed, None
        store_local(b, local, local_value, e)
    b.written.add(local.reg)
    held = local.declared or local.type or t.ANY
    kind = {"pte": t.ENTRY, "pmd": t.UPPER}.get(held.kind) or Type("pointer", to=held)
    return Val(Const(Ptr(f"&{local.reg}")), kind, local=local)


def number(b: BodyCode, e: ast.Num) -> Val:
    """A literal."""
    return Val(Const(e.value), t.literal(e.value, e.span.text))


def part(b: BodyCode, e: ast.FieldExpr | ast.IndexExpr) -> Val:
    """A field or an element."""
    place = place_of(b, e)
    assert isinstance(place, MemoryPlace)
    return load(b, place, e)


def unary(b: BodyCode, e: ast.Unary) -> Val:
    """``&e``, ``*e``, and what is calculated with one operand."""
    if e.op == "&":
        return address_of(b, e.operand)
    if e.op == "*":
        place = place_of(b, e)
        if isinstance(place, Local):
            found = Val(Reg(place.reg), place.type or place.declared or t.ANY)
            seen = b.value(e.operand).type.to or t.ANY
            if seen != found.type and seen.kind == found.type.kind == "int":
                return Val(t.converted(found.expr, found.type, seen), seen)
            return found
        return load(b, place, e)
    operand = b.value(e.operand)
    if e.op == "!":
        return Val(call("not", truth_of(operand, e.operand)), t.INT)
    numeric(operand, e.operand)
    kind = t.promoted(operand.type, t.INT)
    if e.op == "+":
        return Val(operand.expr, result_type(kind, operand))
    return Val(
        t.wrapped(call("neg" if e.op == "-" else "inv", operand.expr), kind), result_type(kind, operand)
    )


def condition_of(b: BodyCode, e: ast.CExpr) -> Expr:
    """The condition of an ``if``, a loop or an assumption."""
    if isinstance(e, ast.Assign) and not e.op and not _in_brackets(e.span):
        b.warn(
            "assignment", "an assignment as a condition", e.span,
            f"write == to compare, or (({e.span.text})) if it is meant",
        )  # fmt: skip
    return truth_of(b.value(e), e)


def binary(b: BodyCode, e: ast.Binary) -> Val:
    """Two operands and an operator."""
    if e.op in ("&&", "||"):
        return logic(b, e)
    left = b.value(e.left)
    # What stands on the left is read before what stands on the right.
    at = len(b.code)
    right = b.value(e.right)
    if len(b.code) > at and isinstance(left.expr, Reg) and not left.expr.name.startswith("%"):
        temp = b.fresh()
        b.code.insert(at, SetRegister(temp, left.expr))
        left = Val(Reg(temp), left.type)
    return combined(b, e.op, left, right, at=(e.left, e.right))


def logic(b: BodyCode, e: ast.Binary) -> Val:
    """``&&`` and ``||``: the right side is evaluated only where it matters."""
    left = truth_of(b.value(e.left), e.left)
    if b.of_kernel and isinstance(left, Const) and truth(left.value) == (e.op == "||"):
        return Val(call("bool", left), t.INT)
    code, right = b.captured(lambda: truth_of(b.value(e.right), e.right))
    function = "and" if e.op == "&&" else "or"
    if _is_value(code):
        b.code += _decided_where(left if function == "and" else call("not", left), code)
        return Val(call(function, call("bool", left), call("bool", right)), t.INT)
    result, end = b.fresh(), b.fresh("logic")
    b.set(result, call("bool", left))
    stop = call("not", Reg(result)) if function == "and" else Reg(result)
    b.code += [Branch(stop, end, e.span), *code, SetRegister(result, call("bool", right)), Label(end)]
    return Val(Reg(result), t.INT)


def _is_value(code: Sequence[Instruction]) -> bool:
    """Does this code do nothing?"""
    return all(isinstance(x, Decide) for x in code)


def _decided_where(holds: Expr, code: Sequence[Instruction]) -> list[Instruction]:
    """What code that does nothing decides, where it is reached."""
    return [x._replace(condition=call("and", holds, x.condition)) for x in code if isinstance(x, Decide)]


def _type_of(b: BodyCode, e: ast.CExpr) -> Type | None:
    """The type of an arm that is not evaluated, as far as its text alone says so."""
    if any(isinstance(x, ast.CallExpr | ast.PointerCall | ast.StatementExpr | ast.Assign) for x in nodes(e)):
        return None
    at, shared = len(b.code), b.shared
    warnings, suspects = len(shared.warnings), len(shared.suspects)
    try:
        return b.value(e).type
    except Trouble:
        return None  # it need not make sense here
    finally:
        del b.code[at:], shared.warnings[warnings:], shared.suspects[suspects:]


def beside(value: Val, other: Type | None) -> Val:
    """An arm as the conditional expression has it whose other arm has this type."""
    if other is None or not value.type.kind == other.kind == "int":
        return value
    kind = t.promoted(value.type, other)
    return Val(t.converted(value.expr, value.type, kind), kind)


def choice(b: BodyCode, e: ast.Conditional) -> Val:
    """``condition ? then : other``: only one of the two is evaluated."""
    condition = truth_of(b.value(e.condition), e.condition)
    if b.of_kernel and isinstance(condition, Const):
        live, dead = (e.then, e.other) if truth(condition.value) else (e.other, e.then)
        return beside(b.value(live), _type_of(b, dead))
    return _chosen(b, condition, e, b.captured(lambda: b.value(e.then)))


def or_else(b: BodyCode, e: ast.OrElse) -> Val:
    """``value ?: other``: ``value``, evaluated once, unless it is 0."""
    value = b.value(e.value)
    condition = truth_of(value, e.value)
    if b.of_kernel and isinstance(condition, Const):
        if truth(condition.value):
            return beside(value, _type_of(b, e.other))
        return beside(b.value(e.other), value.type)
    return _chosen(b, condition, e, ([], value))


def _chosen(
    b: BodyCode, condition: Expr, e: ast.Conditional | ast.OrElse, found: tuple[list[Instruction], Val]
) -> Val:
    """The value of one of two arms, of which only that one is evaluated. ``found``: the first, evaluated."""
    asked, on = (e.condition, e.then) if isinstance(e, ast.Conditional) else (e.value, e.value)
    first, then = found
    second, other = b.captured(lambda: b.value(e.other))
    for arm, node in ((then, on), (other, e.other)):
        stays(arm, node.span)
    # GNU C allows one arm without a value: then there is none.
    kind = t.VOID if t.VOID in (then.type, other.type) else t.joined(then.type, other.type)
    if then.type.kind == other.type.kind == "int":
        kind = t.promoted(then.type, other.type)
        then, other = (replace(v, expr=t.converted(v.expr, v.type, kind)) for v in (then, other))
    if _is_value(first) and _is_value(second) and then.bits is None and other.bits is None:
        if not isinstance(condition, Const):
            b.code.append(Decide(condition, asked.span))
        b.code += _decided_where(condition, first) + _decided_where(call("not", condition), second)
        return Val(call("ite", condition, then.expr, other.expr), kind)
    result, no, end = b.fresh(), b.fresh("else"), b.fresh("end")
    b.code += [Branch(call("not", condition), no, e.span), *first, SetRegister(result, then.expr), Jump(end)]
    b.code += [Label(no), *second, SetRegister(result, other.expr), Label(end)]
    return Val(Reg(result), kind)


def comma(b: BodyCode, e: ast.Comma) -> Val:
    """``first, then`` (C11 6.5.17)."""
    b.value(e.first)
    return b.value(e.then)


def written(b: BodyCode, c: ast.CType) -> Type:
    """The type that code writes; that of an expression is found without evaluating it."""
    if c.of is None:
        return t.of(c)
    of, before, outer = c.of, set(b.written), b.percpu
    b.percpu = Const(b.cpu) if outer is None else outer  # what every CPU has is of the same type
    try:
        _, value = b.captured(lambda: b.value(of))
        whole = is_whole(b, of)
    finally:
        b.percpu = outer
    b.written &= before
    kind = replace(value.type, inside=False)
    if c.pointers and kind.kind in t.HANDLES and not whole:
        return t.pointed(Type("pointer", to=kind), c.pointers - 1)
    return t.pointed(kind, c.pointers)


def size_of(b: BodyCode, e: ast.SizeOf) -> Val:
    """``sizeof``: the bytes of a number or of an address. Nothing says how large anything else is."""
    kind = written(b, e.type)
    whole = e.type.of is None or is_whole(b, e.type.of)
    if kind.kind == "int" and kind.bits % 8 == 0:
        return Val(Const(kind.bits // 8), t.ULONG)
    address = kind.kind in ("pointer", "entry", "upper", "va") or (kind.kind in t.HANDLES and not whole)
    if not address and not (kind is t.ANY and e.type.pointers):
        text = f"the size of {kind.words if kind is not t.ANY else e.span.text} is not known here"
        raise Trouble("sizeof", text, e.span, "objects are cells; write the number itself")
    return Val(Const(8), t.ULONG)


def cast(b: BodyCode, e: ast.Cast) -> Val:
    """``(type) e``."""
    kind = written(b, e.type)
    if kind is t.VOID:
        b.value(e.operand)
        return Val(Const(0), t.VOID)
    value = b.value(e.operand)
    seen = seen_as(b, value, kind)
    if seen is not None:
        return seen
    number = as_number(b, value, kind)
    if number is not None:
        return number
    if value.type.kind in t.HANDLES | t.ENTRIES | t.CONTENTS or value.type is t.VOID:
        return value
    has_no_star = e.type.of is not None and kind.kind in t.HANDLES | {"pointer", "any"}  # typeof(p)
    if (e.type.pointers or has_no_star) and value.type.kind == "int":  # as what addresses are
        address = call("as_pointer", t.converted(value.expr, value.type, t.ULONG))
        value = replace(value, expr=address, type=t.ULONG)
    if kind.tag == "bool" or (kind.kind == "int" and value.type.kind in ("int", "any")):
        return Val(t.converted(value.expr, value.type, kind), kind)
    if kind.kind == "int" and value.type.kind == "pointer":
        return value
    if kind.kind == value.type.kind == "pointer" and value.type.to is not t.ANY:
        if value.local is not None and t.same_width(kind, value.type):
            return replace(value, type=kind)
        if value.type.to == t.CODE and kind.to is not None and kind.to.bits == 8:
            return value  # an instruction word, whatever the size of its accesses
        if (other := t.as_bytes(kind, value.type)) is not None:
            return replace(value, type=other)
        same_pointee(b, kind, value.type, e.span, cast=True)
        return Val(value.expr, replace(kind, percpu=value.type.percpu), local=value.local)
    return Val(value.expr, value.type if kind is t.ANY else kind, local=value.local)


def assign(b: BodyCode, e: ast.Assign) -> Val:
    """``e = value``, ``e op= value``, ``e++``."""
    changes(b, e.target)
    if isinstance(e.target, ast.Ident | ast.Unary | ast.FieldExpr | ast.IndexExpr | ast.CallExpr):
        if not e.op:
            whole = named_struct(b, e.target)
            if whole is not None:
                return copy(b, whole, copied_from(b, e.value, whole.type), e)
            shown_whole(b, e, e.value)
            if isinstance(e.target, ast.Ident):
                local = b.local(e.target.name)
                if local is not None and local.place is None:
                    return store_local(b, local, b.value(e.value), e)
                if local is None and e.target.name not in b.memory.named:
                    hint = f"declare it: {declared_as(_suits(b, e.value), e.target.name)}"
                    raise b.memory.unknown(e.target.name, e.target.span, hint)
        target = place_of(b, e.target)
    else:
        raise Trouble("place", "this cannot be assigned to", e.target.span)
    both = e.target, e.value
    if isinstance(target, Local) and not e.op:
        return store_local(b, target, b.value(e.value), e)
    if isinstance(target, Local):
        old = target.fixed or Val(Reg(target.reg), target.type or target.declared or t.ANY)
        new = combined(b, e.op, old, b.value(e.value), at=both)
        kept = Val(b.held(old.expr), old.type) if e.post else old
        result = store_local(b, target, new, e)
        return kept if e.post else result
    target = replace(target, addr=b.held(target.addr))
    if not e.op and is_struct(target):
        return copy(b, Val(target.addr, target.type), copied_from(b, e.value, target.type), e)
    if not e.op:
        value = b.value(e.value)
        return Val(store(b, target, value, e), after_assignment(target, value))
    before = load(b, replace(target, part=None), e.target)
    unit = before.expr
    if target.part is not None:
        before = Val(target.part.read(unit), target.part.promoted)
    new = combined(b, e.op, before, b.value(e.value), at=both)
    stored = store(b, target, new, e, unit=unit)
    return before if e.post else Val(stored, after_assignment(target, new))


def changes(b: BodyCode, target: ast.CExpr) -> None:
    """Raise ``Trouble`` for what is ``const``, or a part of it, and for a constant of an ``enum``."""
    root = target
    while isinstance(root, ast.IndexExpr) or (isinstance(root, ast.FieldExpr) and not root.arrow):
        root = root.base
    if not isinstance(root, ast.Ident):
        return
    local = b.local(root.name, False)
    if local is not None and local.constant and (root is target or local.stack):
        raise Trouble("const", f"{root.name} is const", target.span, "leave const out of its declaration")
    if local is None and root.name in b.unit.enums and root.name not in b.memory.named:
        text = f"{root.name} is a constant, which cannot be assigned to"
        raise Trouble("const", text, target.span, "declare an object of another name: int x;")


def _suits(b: BodyCode, e: ast.CExpr) -> str:
    """The type of a local that keeps what an expression gives, as C writes it."""
    if isinstance(e, ast.CallExpr) and e.name in b.unit.functions:
        result = b.unit.functions[e.name].result
        if result.base != "void":
            return f"{result.base} {'*' * result.pointers}".strip()
    return type_given(WORDS[e.name]) if isinstance(e, ast.CallExpr) and e.name in WORDS else "int"


def type_argument(b: BodyCode, e: ast.TypeArgument) -> Val:
    """A type where a value is needed. Raises ``Trouble``."""
    raise Trouble("type", "this is a type, and no value", e.span, "give a value here")


def literal(b: BodyCode, e: ast.Literal) -> Val:
    """A struct without a name where a value is needed. Raises ``Trouble``."""
    hint = "declare a local with these braces, and use the local"
    raise Trouble("not-yet", "a literal is assigned, or its address is taken", e.span, hint)


def after_assignment(target: MemoryPlace, value: Val) -> Type:
    """The type of an assignment: the type of its left side, where it is known."""
    if target.part is not None:
        return target.part.promoted
    return target.type if target.type.kind == "int" else value.type


def shown_whole(b: BodyCode, statement: Spanned, value: ast.CExpr) -> None:
    """If the value is one access, its event is shown as the whole assignment."""
    while isinstance(value, ast.Cast):
        value = value.operand
    if isinstance(value, ast.CallExpr | ast.Unary | ast.Ident | ast.FieldExpr | ast.IndexExpr):
        b.spans[id(value)] = b.span(statement)


def _in_brackets(span: Span) -> bool:
    """Does an expression that is in brackets have brackets of its own?"""
    return span.source.text[: span.start].rstrip().removesuffix("(").rstrip().endswith("(")


EXPRESSIONS: Lines[BodyCode, Val] = dict(
    (
        line(ast.Num, number),
        line(ast.Ident, ident),
        line(ast.Unary, unary),
        line(ast.Binary, binary),
        line(ast.Conditional, choice),
        line(ast.OrElse, or_else),
        line(ast.Comma, comma),
        line(ast.FieldExpr, part),
        line(ast.IndexExpr, part),
        line(ast.Cast, cast),
        line(ast.SizeOf, size_of),
        line(ast.Assign, assign),
        line(ast.TypeArgument, type_argument),
        line(ast.Literal, literal),
    )
)
