"""Operators of C over operands that are evaluated: what is calculated or compared, and its type."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import numeric, truth_of
from verifier.lower.c.body import BodyCode, of_kernel
from verifier.lower.c.objects import never_a_number
from verifier.lower.c.parts import Val
from verifier.lower.c.steps import check_one_array, check_ordered, may_move, moved
from verifier.lower.c.types import Type
from verifier.program.expressions import FALSE, Const, call
from verifier.program.values import FIRST_ERROR, UNDEF, Ptr
from verifier.source import Diagnostic
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.table import NAMED_VALUES, special

_PAGE = NAMED_VALUES["PAGE_SIZE"]
_PAGE_MASKS = (Const(NAMED_VALUES["PAGE_MASK"]), Const(-_PAGE), Const(_PAGE - 1))
COMPARE = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def combined(b: BodyCode, op: str, left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> Val:
    """``left op right``; ``at`` is where they stand."""
    if op in COMPARE:
        return compared(b, op, left, right, at=at)
    if t.VA in (left.type, right.type):
        return on_addresses(b, op, left, right, at=at)
    if op in "+-" and moves(b, left):
        numeric(right, at[1])
        if not of_kernel(b) and right.expr != FALSE:
            text = f"nothing says which entry lies beside {at[0].span.text}: this leads to none"
            b.warn("entry", text, at[0].span.to(at[1].span), "name the entry, as pte(N, w)")
        return Val(call(t.ARITHMETIC[op], left.expr, right.expr), left.type)
    if may_move(b, op, left, right, at):
        return moved(b, op, left, right, at)
    numeric(left, at[0])
    numeric(right, at[1])
    function = t.ARITHMETIC[op]
    if "pointer" in (left.type.kind, right.type.kind):
        return Val(call(function, left.expr, right.expr), t.ANY)
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
    if op in "/%" and y == FALSE:
        b.warn(
            "division", "this divides by 0, which is undefined in C", at[1].span, "divide by another number"
        )
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
    differences with numbers, differences of two, masks, and bits within a page that are set."""
    both = left.type == right.type
    if op == "|" and not both:
        return _with_bits(left, right, at)
    for value, e in zip((left, right), at, strict=True):
        if value.type != t.VA or op not in ("+", "-", "&") or (both and op != "-"):
            numeric(value, e)
    if op == "-" and isinstance(left.expr, Const) and isinstance(left.expr.value, int):
        numeric(right, at[1])
    if both:
        check_same_va(left, right, at)
    function = "va_and" if op == "&" else t.ARITHMETIC[op]
    return Val(t.wrapped(call(function, left.expr, right.expr), t.ULONG), t.ULONG)


def _with_bits(left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> Val:
    """A virtual address in which bits of a constant are set, all of them within a page."""
    address, number = (left, right) if left.type == t.VA else (right, left)
    bits = number.expr.value if isinstance(number.expr, Const) else None
    if not isinstance(bits, int) or not 0 <= bits < _PAGE:
        text = f"which bits of a virtual address are set is a constant below {_PAGE} here"
        raise Trouble("type", text, at[0].span.to(at[1].span), "write a sum, as v + PAGE_SIZE")
    rest = call("va_and", address.expr, Const(~bits))
    return Val(t.wrapped(call("add", rest, number.expr), t.ULONG), t.ULONG)


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
                check_ordered(b, value, e)
        if t.VA in (left.type, right.type):
            check_same_va(left, right, at)
        else:
            check_one_array(left.expr, right.expr, at)
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
    result = call(t.ARITHMETIC[op], t.converted(left.expr, left.type, kind), right.expr)
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
        last = isinstance(constant, int) and constant % (1 << 64) >= FIRST_ERROR  # TLB_FLUSH_ALL, ERR_PTR()
        last = last and held.type.kind in ("va", "struct")
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


def result_type(kind: Type, *operands: Val) -> Type:
    """The type of what is calculated: known if those of the operands are."""
    return kind if all(o.type.kind == "int" for o in operands) else t.ANY


def _names_entry(value: Val, e: ast.CExpr) -> bool:
    """Does a comparison with this look at the page and the attributes it names, and no others?"""
    return value.type.kind in ("page", "table") or (
        isinstance(e, ast.CallExpr) and special(e.name) == "mk_pte"
    )
