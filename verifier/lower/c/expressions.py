"""C expressions to code: operators, conversions, assignments; each load becomes an event of its own."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.lower.c import types as t
from verifier.lower.c.access import load, numeric, same_pointee, store, store_local, truth_of
from verifier.lower.c.body import BodyCode, Lines, line, of_kernel
from verifier.lower.c.copies import copied_from, copy, is_struct, is_whole, named_struct
from verifier.lower.c.objects import never_a_number
from verifier.lower.c.parts import Local, MemoryPlace, Spanned, Val
from verifier.lower.c.places import any_place, base_of, memory_place, place_of
from verifier.lower.c.types import Type
from verifier.lower.code import Branch, Decide, Instruction, Jump, Label, SetRegister
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.values import ATTRIBUTES, FAULT, UNDEF, Ptr, truth
from verifier.records import replace
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.ast import nodes
from verifier.syntax.idle import PERCPU_NAMES
from verifier.syntax.trouble import Trouble
from verifier.words.table import (
    CONSTANT_MASKS,
    CPU_COUNTS,
    LONG_VALUES,
    NAMED_VALUES,
    ROOTS,
    WORDS,
    special,
)

_ARITHMETIC = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "<<": "shl", ">>": "shr",
    "&": "bitand", "|": "bitor", "^": "bitxor",
}  # fmt: skip
_PAGE = NAMED_VALUES["PAGE_SIZE"]
_PAGE_MASKS = (Const(NAMED_VALUES["PAGE_MASK"]), Const(-_PAGE), Const(_PAGE - 1))
COMPARE = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def ident(b: BodyCode, e: ast.Ident) -> Val:
    """The value of a name: a local, an object, a constant or a function."""
    local = b.local(e.name)
    if local is not None:
        if local.fixed is not None:
            return local.fixed
        return Val(Reg(local.reg), local.type or local.declared or t.ANY)
    named = b.memory.named.get(e.name)
    if named is not None:
        if named.percpu and named.size is not None:
            return base_of(b, e)
        if named.percpu:
            return load(b, memory_place(b, e), e)
        if named.handle:
            return Val(Const(Ptr(e.name)), named.type)
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
    if e.name in NAMED_VALUES:
        kind = {"NULL": t.ANY, "none": t.PTE}.get(e.name, t.ULONG if e.name in LONG_VALUES else t.INT)
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
    raise b.memory.unknown(e.name, e.span)


def address_of(b: BodyCode, e: ast.CExpr) -> Val:
    """``&e``."""
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
    place = any_place(b, e)
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


def result_type(kind: Type, *operands: Val) -> Type:
    """The type of what is calculated: known if those of the operands are."""
    return kind if all(o.type.kind == "int" for o in operands) else t.ANY


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


def combined(b: BodyCode, op: str, left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> Val:
    """``left op right``; ``at`` is where they stand."""
    if op in COMPARE:
        return compared(b, op, left, right, at=at)
    if t.VA in (left.type, right.type):
        return on_addresses(b, op, left, right, at=at)
    if op in "+-" and moves(b, left):
        numeric(right, at[1])
        return Val(call(_ARITHMETIC[op], left.expr, right.expr), left.type)
    numeric(left, at[0])
    numeric(right, at[1])
    function = _ARITHMETIC[op]
    pointers = [value.type for value in (left, right) if value.type.kind == "pointer"]
    if pointers:
        kind = t.LONG if len(pointers) == 2 else pointers[0] if op in "+-" else t.ANY
        return Val(call(function, left.expr, right.expr), kind)
    if op in ("<<", ">>"):
        return shifted(b, op, left, right, by=at[1])
    kind = t.promoted(left.type, right.type)
    if op == "&" and any(value.expr in _PAGE_MASKS for value in (left, right)):
        function = "va_and"  # of an address, if one is in it
    if left.type is t.ANY and op in ("&", "|", "^"):
        return Val(call(function, left.expr, right.expr), t.ANY)
    if op in ("+", "-", "*"):  # the same modulo two to the width, whatever the operands are converted to
        found = t.wrapped(call(function, left.expr, right.expr), kind)
        return Val(found, result_type(kind, left, right))
    x, y = (t.converted(v.expr, v.type, kind) for v in (left, right))
    found = call(function, x, y)
    if op in "/%" and kind.signed and (not isinstance(y, Const) or y.value == -1):
        least = Const(t.limits(kind)[0])  # divided by -1 it traps, as a division by 0 does
        traps = call("and", call("eq", x, least), call("eq", y, Const(-1)))
        found = call("ite", traps, Const(UNDEF), found)
    return Val(
        found if op != "/" and left.type.kind == right.type.kind == "int" else t.wrapped(found, kind),
        result_type(kind, left, right),
    )


def moves(b: BodyCode, value: Val) -> bool:
    """Can a number be added to it: a pointer to an entry, or, in the kernel's own text, one to a page? What
    that leads to is nothing that is known here."""
    return value.type.kind in t.ENTRIES or (value.type.kind == "page" and of_kernel(b))


def on_addresses(b: BodyCode, op: str, left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> Val:
    """What is calculated with virtual addresses: an unsigned long, as the kernel keeps them. Sums and
    differences with numbers, differences of two, and masks."""
    both = left.type == right.type
    for value, e in zip((left, right), at, strict=True):
        if value.type != t.VA or op not in ("+", "-", "&") or (both and op != "-"):
            numeric(value, e)
    if op == "-" and isinstance(left.expr, Const) and isinstance(left.expr.value, int):
        numeric(right, at[1])
    if both:
        check_same_va(left, right, at)
    function = "va_and" if op == "&" else _ARITHMETIC[op]
    return Val(t.wrapped(call(function, left.expr, right.expr), t.ULONG), t.ULONG)


def check_same_va(left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> None:
    """Raise ``Trouble`` for two virtual addresses of which nothing says how far apart they are."""
    x, y = (value.expr.value if isinstance(value.expr, Const) else None for value in (left, right))
    if isinstance(x, Ptr) and isinstance(y, Ptr) and x.base != y.base:
        text = f"nothing says whether {x.base} is below {y.base}"
        raise Trouble("type", text, at[0].span.to(at[1].span), "write sums of one address, as v + PAGE_SIZE")


def compared(b: BodyCode, op: str, left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> Val:
    """A comparison."""
    for value, e in zip((left, right), at, strict=True):
        truth_of(value, e)
    check_comparable(b, left, right, at)
    x, y = left.expr, right.expr
    common = t.promoted(left.type, right.type)
    if left.type.kind == right.type.kind == "int" or (common == t.ULONG and op not in ("==", "!=")):
        x, y = t.converted(x, left.type, common), t.converted(y, right.type, common)
    elif op in ("==", "!="):
        x, y = t.words_of_64(x, y, left.type, right.type)
    if op not in ("==", "!="):
        for value, e in zip((left, right), at, strict=True):
            if value.type != t.VA:
                numeric(value, e)
        check_same_va(left, right, at)
    elif b.memory.used.attributes:
        for held, wanted, node in ((left, right, at[1]), (right, left, at[0])):
            if held.type.kind in ("pte", "pmd", "any") and _names_entry(wanted, node):
                check_bare(b, held, node, op)
                found = call("pte_matches", held.expr, wanted.expr)
                return Val(found if op == "==" else call("not", found), t.INT)
    return Val(call(COMPARE[op], x, y), t.INT)


def shifted(b: BodyCode, op: str, left: Val, right: Val, by: ast.CExpr) -> Val:
    """A shift has the type of its left side; by more than its width it is undefined (C11 6.5.7)."""
    kind = t.promoted(left.type, t.INT)
    result = call(_ARITHMETIC[op], t.converted(left.expr, left.type, kind), right.expr)
    if op == "<<" or left.type.kind != "int":
        result = t.wrapped(result, kind)
    count = right.expr
    if isinstance(count, Const):
        if isinstance(count.value, int) and not 0 <= count.value < kind.bits:
            text = f"a shift by {count.value} of what has {kind.bits} bits is undefined in C"
            b.warn("shift", text, by.span, f"shift by 0 to {kind.bits - 1}")
            result = Const(UNDEF)
    elif kind.bits < 128:
        inside = call("and", call("ge", count, Const(0)), call("lt", count, Const(kind.bits)))
        result = call("ite", inside, result, Const(UNDEF))
    return Val(result, result_type(kind, left))


def check_bare(b: BodyCode, held: Val, page: ast.CExpr, op: str) -> None:
    """Warn of ``== A`` for an entry's content where A has entries with other attributes."""
    used = b.memory.used
    if held.type.kind == "any" or not isinstance(page, ast.Ident):
        return
    if used.changes or page.name in used.varied:
        text = f"{op} {page.name} looks at the page alone, and it has entries with other attributes here"
        hint = f"pte_same(e, {page.name}) compares them, too; pte_page(e) {op} {page.name} does not"
        b.warn("attributes", text, page.span, hint)


def check_comparable(b: BodyCode, left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> None:
    """Raise ``Trouble`` where something that is not a number is compared with one other than 0; warn
    where what a page holds is compared with a page, unless some page holds pages."""
    one, two = at
    for held, number, here, e in ((left, right, one, two), (right, left, two, one)):
        constant = number.expr.value if isinstance(number.expr, Const) else 0
        last = held.type == t.VA and constant in (-1, (1 << 64) - 1)  # as TLB_FLUSH_ALL
        if isinstance(constant, int) and number.type.kind == "int" and constant and not last:
            hint = never_a_number(held.type.kind, here.span.text, isinstance(e, ast.Ident))
            if hint:
                text = f"{here.span.text} is {held.type.words}, which is never {e.span.text}"
                raise Trouble("type", text, one.span.to(two.span), hint)
        if held.data and number.type.kind == "page":
            text = f"what {here.span.text} reads is compared with a page"
            hint = f"what the page holds is {e.span.text}.data; which page it is, translate(…) says"
            b.shared.suspects.append(
                Diagnostic("comparison", text, span=here.span, hint=hint, severity="warning")
            )


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
    first, then = b.captured(lambda: b.value(e.then))
    second, other = b.captured(lambda: b.value(e.other))
    kind = t.joined(then.type, other.type)
    if then.type.kind == other.type.kind == "int":
        kind = t.promoted(then.type, other.type)
        then, other = (replace(v, expr=t.converted(v.expr, v.type, kind)) for v in (then, other))
    if _is_value(first) and _is_value(second) and then.bits is None and other.bits is None:
        if not isinstance(condition, Const):
            b.code.append(Decide(condition, e.condition.span))
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
    if value.type.kind in t.HANDLES | t.ENTRIES | t.CONTENTS or value.type is t.VOID:
        return value
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
        same_pointee(b, kind, value.type, e.span)
        return Val(value.expr, replace(kind, percpu=value.type.percpu), local=value.local)
    return Val(value.expr, value.type if kind is t.ANY else kind, local=value.local)


def assign(b: BodyCode, e: ast.Assign) -> Val:
    """``e = value``, ``e op= value``, ``e++``."""
    if isinstance(e.target, ast.Ident | ast.Unary | ast.FieldExpr | ast.IndexExpr | ast.CallExpr):
        if not e.op:
            whole = named_struct(b, e.target)
            if whole is not None:
                return copy(b, whole, copied_from(b, e.value, whole.type), e)
            shown_whole(b, e, e.value)
            if isinstance(e.target, ast.Ident):
                local = b.local(e.target.name)
                if local is not None:
                    return store_local(b, local, b.value(e.value), e)
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


def _names_entry(value: Val, e: ast.CExpr) -> bool:
    """Does a comparison with this look at the page and the attributes it names, and no others?"""
    return value.type.kind in ("page", "table") or (
        isinstance(e, ast.CallExpr) and special(e.name) == "mk_pte"
    )


EXPRESSIONS: Lines[BodyCode, Val] = dict(
    (
        line(ast.Num, number),
        line(ast.Ident, ident),
        line(ast.Unary, unary),
        line(ast.Binary, binary),
        line(ast.Conditional, choice),
        line(ast.Comma, comma),
        line(ast.FieldExpr, part),
        line(ast.IndexExpr, part),
        line(ast.Cast, cast),
        line(ast.SizeOf, size_of),
        line(ast.Assign, assign),
    )
)
