"""Locals and cells: what is read, what is stored, and what may be stored where."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.beginnings import as_declared
from verifier.lower.c.body import BodyCode
from verifier.lower.c.parts import Local, MemoryPlace, Spanned, Val
from verifier.lower.c.pointees import OF_ITS_TYPE, number_of_object, other_struct, same_number
from verifier.lower.c.types import Type
from verifier.lower.code import Decide, Emit, Touch
from verifier.program.expressions import FALSE, Const, Expr, Reg, call
from verifier.program.ops import Op
from verifier.program.values import FAULT, UNDEF, Ptr, of_all, target
from verifier.records import replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.table import WORDS


def store_local(b: BodyCode, local: Local, value: Val, node: Spanned) -> Val:
    """``local = value``; the value it has then."""
    if local.fixed is not None and local.fixed.function:
        raise Trouble("type", "this is a function; it cannot be assigned to", node.span)
    if local.stack:
        raise Trouble("type", f"{local.stack} cannot be written whole", node.span, "name a part of it")
    kind = local.declared
    if value.type is t.VOID:
        raise without_value(node)
    stays(value, node.span)
    if local.written is not None and local.written.kind == "struct":
        same_pointee(b, local.written, value.type, node.span)
    value = as_declared(b, value, local.written)
    value = pointing(value, kind or t.ANY)
    if value.bits is not None or value.function:
        raise Trouble("type", f"{value.type.words} cannot be kept in a local", node.span)
    if (
        kind is not None
        and kind.kind == "int"
        and b.memory.mm_file
        and value.type.kind in ("page", "mm", "table", "mask")
    ):
        raise Trouble(
            "type", f"a number is needed here, not {value.type.words}", node.span,
            "an undeclared register r0, r1, … holds anything",
        )  # fmt: skip
    if kind is not None:
        same_pointee(b, kind, value.type, node.span)
    expr = value.expr if kind is None else kept(b, value, kind, node)
    takes = kind is not None and (value.type.kind == "int" or value.type is t.ANY)
    seen = kind if kind is not None and takes else value.type
    known = local.type
    local.type = seen if known is None else t.joined(known, seen)
    if kind is not None and known is not None and {known.kind, seen.kind} == {"va", "int"}:
        local.type = kind  # an address, and what is calculated with it
    local.fixed = None
    b.written.add(local.reg)
    b.set(local.reg, expr, node.span)
    return Val(Reg(local.reg), local.type)


def without_value(node: Spanned) -> Trouble:
    """The error about a register that is to keep nothing."""
    given = (
        node.init if isinstance(node, ast.Declare) else node.value if isinstance(node, ast.Assign) else None
    )
    word = WORDS.get(given.name) if isinstance(given, ast.CallExpr) else None
    hint = ""
    if word is not None and [p.kind for p in word.parameters[:1]] == ["va"]:
        hint = "a store does not report its fault; a read-modify-write does: r0 = xchg(v, 1)"
    return Trouble("type", "this has no value", node.span, hint)


def decide(b: BodyCode, by: Expr, span: Span) -> None:
    """A run in which this is undefined is wrong: it decides what is done."""
    if not isinstance(by, Const):
        b.code.append(Decide(by, span))


def decide_within(b: BodyCode, nr: Expr, size: int, span: Span) -> None:
    """A run in which a number is undefined, or none of the bits of a word, is wrong: the kernel accesses
    another word then."""
    within = call("and", call("ge", nr, Const(0)), call("lt", nr, Const(size)))
    unknown = call("ite", within, FALSE, Const(UNDEF))
    if unknown != FALSE:
        b.code.append(Decide(unknown, span))


def check_cpu(b: BodyCode, cpu: Expr, span: Span) -> None:
    """Raise ``Trouble`` for a CPU that does not exist."""
    if cpu == Const(b.cpu) and b.cpu >= b.memory.cpus:
        hint = "pass what it needs: the argument of the callback is the first one of the call"
        raise Trouble("no-cpu", "a workqueue runs this callback, and on which CPU is not known", span, hint)
    if isinstance(cpu, Const) and not (isinstance(cpu.value, int) and 0 <= cpu.value < b.memory.cpus):
        hint = f"CPUs are 0 to {b.memory.cpus - 1}"
        raise Trouble("no-cpu", f"there is no CPU {cpu.value}", span, hint)


def load(b: BodyCode, place: MemoryPlace, node: Spanned, op: Op = "R") -> Val:
    """Add a load, or another operation that reads."""
    if place.whole:
        return Val(place.addr, t.decayed(place.type))
    function = pointed_to(b, place)
    if function:
        return Val(Const(Ptr(function)), t.FUNCTION, function=function)
    if t.wide(place.type) and place.part is None:
        return load_halves(b, place, node)
    temp = b.fresh()
    b.emit(op, node, place.touch(temp), virtual=place.virtual)
    if place.part is not None:
        return Val(place.part.read(Reg(temp)), place.part.promoted)
    return Val(as_held(b, seen(b, place, temp), place.type), t.loaded(place.type), data=place.virtual)


def seen(b: BodyCode, place: MemoryPlace, found: str) -> Expr:
    """What was found at a place, as its type has it: other names of such memory may have another sign, and
    what a word of a counter finds where no counter is declared may be any number."""
    mixed = place.type.kind == "int" and place.part is None and place.type.bits in b.memory.mixed
    if not mixed and place.kept is None:
        return Reg(found)
    number = t.wrapped(Reg(found), place.type)
    if not place.virtual:
        may_lead = place.kept is not None and place.type.bits == place.kept.bits == t.LONG.bits
        return number_of_object(b.memory, number) if may_lead else number
    return call("ite", call("eq", Reg(found), Const(FAULT)), Const(FAULT), number)


def as_kept(place: MemoryPlace, value: Expr) -> Expr:
    """What is stored at a place, as the memory keeps it."""
    return value if place.kept is None else t.converted(value, place.type, place.kept)


def load_halves(b: BodyCode, place: MemoryPlace, node: Spanned) -> Val:
    """Two loads, which are two instants: no instruction of a compiler reads 128 bits at once."""
    temps = b.fresh(), b.fresh()
    for half, temp, addr in zip(_HALVES, temps, (place.addr, t.high_half(place.addr)), strict=True):
        b.emit("R", node, Touch(addr, temp))
        told(b, half)
    low, high = map(Reg, temps)
    return Val(t.both(low, high, place.type), place.type)


def store_halves(b: BodyCode, place: MemoryPlace, value: Expr, node: Spanned) -> None:
    """Two stores, which are two instants."""
    for half, part, addr in zip(
        _HALVES, t.halves(b.held(value)), (place.addr, t.high_half(place.addr)), strict=True
    ):
        b.emit("W", node, Touch(addr, None, part))
        told(b, half)


def told(b: BodyCode, what: str) -> None:
    """The last instruction is only this part of what the source writes."""
    last = b.code[-1]
    assert isinstance(last, Emit)
    b.code[-1] = last._replace(text=f"{last.text}: {what}")


def as_held(b: BodyCode, read: Expr, kind: Type) -> Expr:
    """What is read where an address is held, as an address: a store by way of a pointer to numbers may have
    left it there as a number."""
    to_address = t.loaded(kind).kind in ("struct", "pointer") and b.shared.recasts
    return call("as_pointer", read) if to_address else read


_HALVES = ("low half", "high half")


def pointed_to(b: BodyCode, place: MemoryPlace) -> str:
    """The function that a pointer leads to which only the initial state sets; empty if it is another
    place, or any function."""
    cell = place.addr.value if isinstance(place.addr, Const) else None
    value = b.memory.values.get(cell) if isinstance(cell, Ptr) else None
    if not isinstance(value, Ptr) or value.base not in b.unit.functions or not isinstance(cell, Ptr):
        return ""
    return value.base if b.shared.pointers.constant(of_all(str(Ptr(cell.base)))) else ""


def pointing(value: Val, kind: Type) -> Val:
    """A function where it is kept in memory or in a local: its address."""
    if value.function and kind in (t.TO_FUNCTION, t.ANY):
        return Val(value.expr, t.TO_FUNCTION)
    return value


def store(b: BodyCode, place: MemoryPlace, value: Val, node: Spanned, unit: Expr | None = None) -> Expr:
    """Add a plain store; what is stored. Before the store of a bitfield its unit is loaded, if it is not
    yet (``unit``)."""
    expr = storable(b, place, value, node)
    if place.part is not None:
        unit = unit or load(b, replace(place, part=None), node).expr
        b.emit("W", node, place.touch(None, place.part.written(unit, expr)))
        return expr
    if t.wide(place.type):
        store_halves(b, place, expr, node)
    else:
        b.emit("W", node, place.touch(None, as_kept(place, expr)), virtual=place.virtual)
    return expr


def storable(b: BodyCode, place: MemoryPlace, value: Val, node: Spanned) -> Expr:
    """A value converted to what the place holds."""
    if place.whole:
        row = place.type.kind == "pointer"
        what, hint = ("an array", "name an element") if row else ("a struct", "name a field")
        raise Trouble("type", f"{what} cannot be written whole", node.span, hint)
    stays(value, node.span)
    value = pointing(value, place.type)
    if value.type is t.VOID or value.bits is not None or value.function:
        raise Trouble("type", f"{value.type.words} cannot be stored", node.span)
    if (
        place.type.kind == "int"
        and b.memory.mm_file
        and value.type.kind in ("page", "mm", "table", "mask", "struct")
    ):
        raise Trouble("type", f"a number is needed here, not {value.type.words}", node.span)
    if place.type.kind in t.CONTENTS and value.expr != FALSE:
        check_content(b, place, value, node)
    elif value.type.kind == "page" or (value.type.kind == "any" and not isinstance(value.expr, Const)):
        b.shared.keeps_pages = True
    same_pointee(b, place.type, value.type, node.span)
    return kept(b, value, place.type, node)


def stays(value: Val, span: Span) -> None:
    """Raise ``Trouble`` for the address of a local that would be kept."""
    if value.local is not None:
        text = "the address of a local can be passed to a function, which may follow it, and not be kept"
        raise Trouble("address", text, span, "an array or a struct has an address: declare int x[1];")


def kept(b: BodyCode, value: Val, kind: Type, node: Spanned) -> Expr:
    """A value as an object of a type keeps it; a constant that loses bits gets a warning."""
    number = value.expr.value if isinstance(value.expr, Const) else None
    if kind.kind == "int" and isinstance(number, int) and t.loses(number, kind):
        text = f"{number} does not fit into {t.words(kind)}: it becomes {t.number(number, kind)}"
        b.warn("overflow", text, node.span, f"{t.words(kind)} is {' to '.join(map(str, t.limits(kind)))}")
    return t.converted(value.expr, value.type, kind)


def same_pointee(b: BodyCode, wanted: Type, given: Type, span: Span, cast: bool = False) -> None:
    """Raise ``Trouble`` for an integer seen through a pointer to another integer type; warn of a struct that
    is kept as another one. C files do not mind, as herd7."""
    if b.memory.mm_file:
        same_number(wanted, given, span, cast)
        text = "" if b.of_kernel else other_struct(b.memory, wanted, given)
        if text:
            b.warn("pointee", text, span, OF_ITS_TYPE)


def check_content(b: BodyCode, place: MemoryPlace, value: Val, node: Spanned) -> None:
    """Raise ``Trouble`` for what an entry cannot hold."""
    upper = place.type.kind == "pmd"
    holds = "none, a table or a page" if upper else "none or a page"
    fits = ("page", "pte", "any", "table", "pmd") if upper else ("page", "pte", "any")
    if value.type.kind not in fits:
        raise Trouble("type", f"an entry holds {holds}, not {value.type.words}", node.span)
    cell = place.addr.value if isinstance(place.addr, Const) else None
    to = target(value.expr.value) if isinstance(value.expr, Const) else None  # type: ignore[arg-type]
    tables = b.memory.tables
    if isinstance(cell, Ptr) and cell in tables.cells and to in tables.tables:
        level, below = tables.cells[cell], tables.levels[to]
        if level != below + 1:
            what = f"level mismatch: {tables.names[cell]} is of level {level}, {to} of level {below}"
            raise Trouble("level", what, node.span, f"it holds tables of level {level - 1}")


def numeric(value: Val, e: ast.CExpr) -> None:
    """Raise ``Trouble`` for what cannot be calculated with."""
    kind = value.type.kind
    if kind in t.HANDLES | t.ENTRIES | t.CONTENTS | {"void"} or value.bits is not None:
        raise Trouble("type", f"a number is needed here, not {value.type.words}", e.span)


def truth_of(value: Val, e: ast.CExpr) -> Expr:
    """The value as a condition."""
    if value.type is t.VOID or value.bits is not None:
        raise Trouble("type", f"{value.type.words} is not a condition", e.span)
    return value.expr
