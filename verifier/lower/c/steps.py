"""Arithmetic with pointers into arrays (C11 6.5.6): how far a sum moves one, and what lies between two.

An address counts cells. A pointer moves by elements of what C says that it points to: one cell, or a row.
The end of an array, ``&all[n]``, is an address that can be compared, and nothing is there.
"""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import numeric, stays
from verifier.lower.c.body import UNDECLARED, BodyCode
from verifier.lower.c.parts import MemoryPlace, Val
from verifier.lower.c.places import any_place, is_whole
from verifier.lower.c.pointees import number_of_object
from verifier.lower.c.types import Type
from verifier.program.expressions import Apply, Const, Expr, call
from verifier.program.values import Ptr
from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble

_POINTERS = frozenset({"pointer", "struct"})


def is_pointer(value: Val) -> bool:
    """Is it the address of a struct, or of something that is no handle?"""
    return value.type.kind in _POINTERS and value.bits is None and not value.function


def moved(b: BodyCode, op: str, left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> Val:
    """``p + n``, ``n + p``, ``p - n`` and ``p - q``. Raises ``Trouble`` for other sums, and for what counts
    bytes."""
    if is_pointer(left) and is_pointer(right):
        return _between(b, op, left, right, at)
    pointer, number = (left, right) if is_pointer(left) else (right, left)
    here, by = at if is_pointer(left) else (at[1], at[0])
    if op == "-" and not is_pointer(left):
        raise Trouble("type", "an address is taken away from a number", at[0].span.to(at[1].span))
    numeric(number, by)
    stride = t.cells(_pointee(b, pointer, here))
    cells = number.expr if stride == 1 else call("mul", number.expr, Const(stride))
    kind = t.ANY if number.type is t.ANY else t.decayed(pointer.type)
    return Val(call(t.ARITHMETIC[op], pointer.expr, cells), kind)


def _between(b: BodyCode, op: str, left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> Val:
    """How many elements lie between two addresses."""
    whole = at[0].span.to(at[1].span)
    if op != "-":
        raise Trouble("type", "two addresses have no sum", whole, "add a number to one of them")
    one, other = (_pointee(b, value, e) for value, e in zip((left, right), at, strict=True))
    if replace(one, inside=False) != replace(other, inside=False) and b.memory.mm_file:
        raise Trouble("type", "these point to different things", whole, "subtract addresses in one array")
    check_one_array(left.expr, right.expr, at)
    stride, cells = t.cells(one), call("sub", left.expr, right.expr)
    return Val(cells if stride == 1 else call("div", cells, Const(stride)), t.LONG)


def as_number(b: BodyCode, value: Val, kind: Type) -> Val | None:
    """An address as an integer of 64 bits; None for all other casts. C files keep it whole, as herd7."""
    if kind.kind != "int" or kind.bits != 64 or not b.memory.mm_file:
        return None
    if value.type is t.ANY and value.local is None:
        return Val(t.wrapped(number_of_object(b.memory, b.held(value.expr)), kind), kind)
    if not is_pointer(value):
        return None
    if value.local is not None or value.type.percpu:
        return None
    to = value.type if value.type.kind == "struct" else value.type.to or t.ANY
    return Val(call("as_number", value.expr, Const(b.memory.low_bits(to))), kind)


def _counts_bytes(value: Val, other: Val, e: ast.CExpr) -> None:
    """Raise ``Trouble`` for a sum of an address as a number, but of its low bits."""
    x, low = value.expr, None
    if isinstance(x, Apply) and x.function == "as_number" and isinstance(x.args[1], Const):
        low = x.args[1].value
    elif isinstance(x, Const) and isinstance(x.value, Ptr):
        low = x.value.low
    by = other.expr.value if isinstance(other.expr, Const) else None
    if isinstance(low, int) and not (isinstance(by, int) and abs(by) < 1 << low):
        raise _bytes(e)


def check_one_array(left: Expr, right: Expr, at: tuple[ast.CExpr, ast.CExpr]) -> None:
    """Raise ``Trouble`` for two addresses in different objects: which is the lower one, nothing says."""
    x, y = (e.value if isinstance(e, Const) else None for e in (left, right))
    if isinstance(x, Ptr) and isinstance(y, Ptr) and x.base != y.base and x.start.base != y.start.base:
        text = f"nothing says whether {at[0].span.text} is below {at[1].span.text}"
        raise Trouble("type", text, at[0].span.to(at[1].span), "compare addresses in one array")


def check_ordered(b: BodyCode, value: Val, e: ast.CExpr) -> None:
    """Raise ``Trouble`` for what ``<`` does not compare: no number, and no address."""
    if value.type.kind != "struct" or is_whole(b, e):
        numeric(value, e)


def _pointee(b: BodyCode, value: Val, e: ast.CExpr) -> Type:
    """What C says that an address leads to. Raises ``Trouble`` for a struct itself, and where bytes would be
    counted."""
    stays(value, e.span)
    kind = value.type
    if kind.kind == "struct" and is_whole(b, e):
        raise Trouble(
            "type", f"{e.span.text} is a struct, and no address of one", e.span, f"write &{e.span.text}"
        )
    if isinstance(e, ast.Unary) and e.op == "&" and _is_array(b, e.operand):
        text = f"{e.span.text} is the address of a whole array"
        raise Trouble(
            "type", text, e.span, f"write {e.operand.span.text}, which is that of its first element"
        )
    _check_cells(b, kind, e)
    return kind if kind.kind == "struct" else kind.to or t.ANY


def _is_array(b: BodyCode, e: ast.CExpr) -> bool:
    """Is an expression a whole array, or a row of one?"""
    if isinstance(e, ast.Ident):
        local = b.local(e.name, False)
        return local is not None and local.stack == "an array"
    if not isinstance(e, ast.FieldExpr | ast.IndexExpr):
        return False
    _, place = b.captured(lambda: any_place(b, e, end=True))
    return isinstance(place, MemoryPlace) and place.whole and place.type.kind == "pointer"


def _check_cells(b: BodyCode, found: Type, e: ast.CExpr) -> None:
    """Raise ``Trouble`` where the text says something else of a pointer than what is known of it: it may
    count bytes."""
    said = _declared(b, e) if b.memory.mm_file else None
    if said is not None and not _agree(said, found):
        raise _bytes(e)


def _bytes(e: ast.CExpr) -> Trouble:
    """The error about a sum that counts bytes."""
    text = f"how far {e.span.text} moves is not known: objects are cells here, and bytes have no addresses"
    return Trouble("type", text, e.span, "use a pointer to the elements, struct foo *p or int *p")


def _agree(said: Type, found: Type) -> bool:
    """Does the text say of a pointer what is known of it?"""
    if found.kind == "struct":
        return (said.kind, said.tag) == (found.kind, found.tag)
    return said.kind in _POINTERS or (said is t.ANY and _has_bytes(found.to or t.ANY))


def _has_bytes(kind: Type) -> bool:
    """Is a cell of this type one byte? A ``void *`` counts these; of code a byte is a cell (10.1)."""
    return kind.kind == "int" and (kind.bits == 8 or kind.tag == t.CODE.tag)


def _declared(b: BodyCode, e: ast.CExpr) -> Type | None:
    """The type that the text gives an expression: of a cast, of a local, of a call. None: it gives none."""
    if isinstance(e, ast.Cast):
        return t.of(e.type) if e.type.of is None else None
    if isinstance(e, ast.Assign):
        return _declared(b, e.target)
    if isinstance(e, ast.CallExpr) and e.name in b.unit.functions:
        return t.of(b.unit.functions[e.name].result)
    if not isinstance(e, ast.Ident) or UNDECLARED.fullmatch(e.name):
        return None
    local = b.local(e.name, False)
    return None if local is None else local.written


def may_move(b: BodyCode, op: str, left: Val, right: Val, at: tuple[ast.CExpr, ast.CExpr]) -> bool:
    """Is it a sum or a difference with an address in it?"""
    for value, other, e in ((left, right, at[0]), (right, left, at[1])) if op in "+-" else ():
        said = _declared(b, e) if value.type is t.ANY else None
        if said is not None and said.kind == "pointer":
            _check_cells(b, Type("struct"), e)  # it holds the addresses of different things
        _counts_bytes(value, other, e)
    return op in "+-" and (is_pointer(left) or is_pointer(right))
