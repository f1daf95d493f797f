"""Places: what a name, a field or an element means in memory, and what its address is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from verifier.lower.c import types as t
from verifier.lower.c.access import check_cpu, load, numeric
from verifier.lower.c.arrows import check_arrow
from verifier.lower.c.body import BodyCode
from verifier.lower.c.fields import group
from verifier.lower.c.parts import Local, MemoryPlace, Val
from verifier.lower.c.pointees import low_there, signed_else
from verifier.lower.c.structs import Bitfield
from verifier.lower.c.types import Type
from verifier.program.expressions import FALSE, Const, Expr, Reg, call
from verifier.program.values import WOULD_BE, Ptr, of_all
from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import Trouble
from verifier.words.table import WORDS, special


def place_of(b: BodyCode, e: ast.CExpr) -> MemoryPlace | Local:
    """What an expression on the left of ``=`` means. Raises ``Trouble`` for what every CPU has, if
    nothing says whose is meant."""
    found = any_place(b, e)
    if isinstance(found, MemoryPlace):
        check_reachable(found, e)
    return found


def check_reachable(place: MemoryPlace, e: ast.CExpr) -> None:
    """Raise ``Trouble`` for what every CPU has, if nothing says whose is meant."""
    if place.percpu:
        what = e.span.text
        hint = f"write this_cpu_read({what}) or per_cpu({what}, cpu)"
        raise Trouble("percpu", f"{what} is a per-CPU object", e.span, hint)


def any_place(b: BodyCode, e: ast.CExpr, end: bool = False) -> MemoryPlace | Local:
    """A place, or what every CPU has, which has an address. ``end``: only its address is asked for, which may
    be the end of an array."""
    if isinstance(e, ast.Ident):
        return named_place(b, e)
    if isinstance(e, ast.Unary) and e.op == "*":
        address = apart(b, e.operand)
        return address.local or pointee(b, address, e.operand)
    if isinstance(e, ast.FieldExpr):
        return member(b, e)
    if isinstance(e, ast.IndexExpr):
        base, index = base_of(b, e.base), apart(b, e.index)
        if base.type.kind == "struct" and not is_whole(b, e.base):
            numeric(index, e.index)
            addr = base.expr
            if index.expr != Const(0):  # the struct itself is no array, perhaps
                in_bounds(b, base.expr, index.expr, e, stride=1, end=end)
                addr = call("add", base.expr, index.expr)
            return chosen(b, MemoryPlace(addr, base.type, whole=True, percpu=base.type.percpu), e)
        if base.type.kind not in ("pointer", "any") or base.type.to is t.VOID:
            raise Trouble("type", f"{base.type.words} has no elements", e.base.span)
        numeric(index, e.index)
        stride = t.cells(base.type.to)
        in_bounds(b, base.expr, index.expr, e, stride=stride, end=end)
        step = index.expr if stride == 1 else call("mul", index.expr, Const(stride))
        return inner(_led_to(b, base, e, step))
    if isinstance(e, ast.CallExpr) and stands_for_a_place(e):
        if special(e.name) != "per_cpu":
            return place_of(b, e.arguments[0])
        if len(e.arguments) == 2:
            cpu = b.value(e.arguments[1])
            return of_cpu(b, e.arguments[0], cpu.expr)
    hint = ""
    if isinstance(e, ast.Unary) and e.op == "&":
        hint = f"write {e.operand.span.text}, without &"
    raise Trouble("place", "this cannot be read or written", e.span, hint)


def is_whole(b: BodyCode, e: ast.CExpr) -> bool:
    """Is an expression a struct or a mask itself, and not its address?"""
    if isinstance(e, ast.Ident):
        local, named = b.local(e.name), b.memory.named.get(e.name)
        if local is not None:
            return (
                local.stack != "" and local.fixed is not None and local.fixed.type.kind in ("struct", "mask")
            )
        return named is not None and named.type.kind in ("struct", "mask") and named.size is None
    if not isinstance(e, ast.Unary | ast.FieldExpr | ast.IndexExpr) or getattr(e, "op", "*") != "*":
        return False
    _, place = b.captured(lambda: place_of(b, e))
    return isinstance(place, MemoryPlace) and place.whole and place.type.kind in ("struct", "mask")


def stands_for_a_place(e: ast.CallExpr) -> bool:
    """Is it a call of a word that stands for the place which is its first argument?"""
    word = WORDS.get(e.name)
    return word is not None and word.stands and bool(e.arguments)


def member(b: BodyCode, e: ast.FieldExpr) -> MemoryPlace:
    """``base.name`` and ``base->name``; of a bitfield the unit that it lies in."""
    check_arrow(b, e)
    if isinstance(e.base, ast.Cast) and isinstance(e.base.operand, ast.Num):
        text = (
            f"{e.span.text} is where {e.name} lies in its struct, and objects here are cells without offsets"
        )
        raise Trouble(
            "type", text, e.span, "name an object; container_of(p, struct foo, x) leads back to one"
        )
    if b.of_kernel and e.name in _COUNTS:
        counter = _counter(b, e)
        if counter is not None:
            return counter
    base = base_of(b, e.base)
    if base.type.kind == "pointer" and base.type.to is not None and base.type.to.kind == "struct":
        base = Val(base.expr, replace(base.type.to, percpu=base.type.percpu))
    if base.type.kind not in ("struct", "mm", "table", "page", "any"):
        raise Trouble("type", f"{base.type.words} has no fields", e.base.span, _inside(b, base.type, e.name))
    found = chosen(b, MemoryPlace(base.expr, base.type, percpu=base.type.percpu), e)
    kind, part = field_of(b, base.type, e)
    of = group_of(b, base.type, e)
    b.memory.use(of, e.name, e.span)
    for step in b.memory.steps(of, e.name):
        found = replace(found, addr=call("field", found.addr, Const(step)))
    return inner(replace(found, type=kind, part=part, kept=b.memory.kept_as(of, e.name)))


# The fields of counters, which are one number: atomic_t and its kin, include/linux/types.h; refcount_t,
# include/linux/refcount_types.h.
_COUNTS: Mapping[str, Callable[[Type], Type]] = MappingProxyType(
    {"counter": lambda kind: kind, "refs": lambda _: t.INT}
)
# Fields of what the kernel has as a struct and is one number here, with a word that asks for what they say
# (include/linux/mutex_types.h, rwsem.h, semaphore.h, seqlock_types.h, spinlock_types_raw.h).
_ASKS = MappingProxyType(
    {
        "owner": "mutex_is_locked(&m)",
        "count": "down_read_trylock(&s)",
        "counter": "atomic_read(&v)",
        "refs": "refcount_read(&r)",
        "raw_lock": "raw_spin_is_locked(&l)",
        "rlock": "spin_is_locked(&l)",
        "wait_lock": "mutex_is_locked(&m)",
        "wait_list": "mutex_is_locked(&m)",
        "sequence": "read_seqcount_begin(&s)",
    }
)


def _counter(b: BodyCode, e: ast.FieldExpr) -> MemoryPlace | None:
    """``v.counter`` and ``r.refs`` in the kernel's own text: the number that ``v`` is; None if it is none."""
    inside = ast.Unary("*", e.base, e.base.span) if e.arrow else e.base
    at = b.percpu
    try:
        _, place = b.captured(lambda: b.value(e.base) if e.arrow else any_place(b, e.base))
    except Trouble:  # a whole struct, of which refs is a field
        return None
    finally:
        b.percpu = at
    kind = place.type if isinstance(place, MemoryPlace) else (place.type or t.ANY).to or t.ANY
    if kind.kind != "int":
        return None
    found = any_place(b, inside)
    return replace(found, type=_COUNTS[e.name](kind)) if isinstance(found, MemoryPlace) else None


def _inside(b: BodyCode, kind: Type, name: str) -> str:
    """The hint about a field of a number, which the kernel has as a struct."""
    if (kind.to or kind).kind != "int" or name not in _ASKS:
        return ""
    fit = f"use its words, as {_ASKS[name]}"
    if b.of_kernel:
        fit = "write this function anew in the test, with words, or on a struct of the test's own"
    return f"a lock or a counter is one number here, without fields: {fit}"


def group_of(b: BodyCode, kind: Type, e: ast.FieldExpr) -> str:
    """The group of what has a field; of an unknown type, the first one that has such a field."""
    if kind is t.ANY:
        return next((name for name in b.memory.fields if b.memory.has(name, e.name)), "")
    return group(kind)


def inner(place: MemoryPlace) -> MemoryPlace:
    """A struct, a mask or an array in a struct has no value but its address."""
    kind = place.type
    if kind.kind == "array":
        return replace(place, type=Type("pointer", to=kind.to), whole=True)
    return replace(place, type=replace(kind, inside=False), whole=True) if kind.inside else place


def chosen(b: BodyCode, place: MemoryPlace, e: ast.CExpr) -> MemoryPlace:
    """A per-CPU place of the CPU that is meant, if one is."""
    if not place.percpu or b.percpu is None:
        return place
    check_cpu(b, b.percpu, e.span)
    b.reached = True
    return replace(place, addr=call("percpu", place.addr, b.percpu), percpu=False)


def apart(b: BodyCode, e: ast.CExpr) -> Val:
    """The value of an operand of a place: of whose CPU the place is does not matter to it."""
    outer, b.percpu = b.percpu, None
    try:
        return b.value(e)
    finally:
        b.percpu = outer


def memory_place(b: BodyCode, e: ast.CExpr) -> MemoryPlace:
    """A place in memory, no register."""
    place = place_of(b, e)
    if isinstance(place, Local):
        known = place.fixed or Val(Reg(place.reg), place.type or place.declared or t.ANY)
        name = e.name if isinstance(e, ast.Ident) else "this"
        hint = f"write *{name}" if known.type.kind in ("pointer", "va", "any") else "just use its name"
        raise Trouble("place", f"{name} is a register, not in memory", e.span, hint)
    if place.part is not None:
        hint = "read and write it by its name: the compiler makes a load, or a load and a store, of its unit"
        raise Trouble("bitfield", f"{e.span.text} is a bitfield, not a whole object", e.span, hint)
    return place


def of_cpu(b: BodyCode, e: ast.CExpr, cpu: Expr) -> MemoryPlace:
    """A CPU's instance of a per-CPU place."""
    outer, b.percpu, b.reached = (b.percpu, b.reached), cpu, False
    try:
        place = memory_place(b, e)
        if not b.reached:
            what = e.span.text
            hint = "use it without a CPU"
            if isinstance(e, ast.Ident):
                hint = f"declare it so in the initial state: percpu … {what}; or use it without a CPU"
            raise Trouble("percpu", f"{what} is not a per-CPU object", e.span, hint)
        return place
    finally:
        b.percpu, b.reached = outer


def base_of(b: BodyCode, e: ast.CExpr) -> Val:
    """The address that fields and elements count from."""
    if isinstance(e, ast.Ident) and b.local(e.name, False) is None:
        named = b.memory.named.get(e.name)
        if named is not None and (named.handle or named.size is not None or named.percpu):
            kind = named.type if named.handle else Type("pointer", to=named.type)
            place = chosen(b, MemoryPlace(Const(Ptr(named.name)), kind, percpu=named.percpu), e)
            return Val(place.addr, replace(kind, percpu=place.percpu))
    if not isinstance(e, ast.FieldExpr | ast.IndexExpr):
        return b.value(e)
    reached = b.reached
    code, inside = b.captured(lambda: any_place(b, e))
    assert isinstance(inside, MemoryPlace)
    if not inside.whole and b.percpu is not None:
        b.reached = reached  # a per-CPU pointer does not lead to a per-CPU object
        return apart(b, e)
    b.code += code
    if inside.whole:
        return Val(inside.addr, replace(inside.type, percpu=inside.percpu))
    check_reachable(inside, e)
    return load(b, inside, e)


def field_of(b: BodyCode, kind: Type, e: ast.FieldExpr) -> tuple[Type, Bitfield | None]:
    """The type of a field, and where it is if it is a bitfield."""
    if kind is t.ANY:
        groups = [name for name in b.memory.fields if b.memory.has(name, e.name)]
        if not groups and e.name != "data":
            raise b.memory.no_field(kind, e.name, e.span)
        found = {b.memory.field(name, e.name) for name in groups} or {(t.ANY, None)}
        if len(found) > 1 and any(part is not None for _, part in found):
            text = f"{e.name} is a field of several structs, and a bitfield of one"
            raise Trouble("unknown-field", text, e.span, "say which struct: struct … *p = …; p->" + e.name)
        return b.memory.field(groups[0], e.name) if groups else (t.ANY, None)
    if e.name == "data" and kind.kind == "page":
        return t.ANY, None
    if not b.memory.has(group(kind), e.name):
        raise b.memory.no_field(kind, e.name, e.span)
    return b.memory.field(group(kind), e.name)


def in_bounds(b: BodyCode, base: Expr, index: Expr, e: ast.IndexExpr, stride: int, end: bool) -> None:
    """Raise ``Trouble`` for an element that an array does not have; ``stride``: the cells of one. ``end``:
    its address alone is asked for, which may be the end of the array."""
    if isinstance(base, Const) and isinstance(base.value, Ptr) and isinstance(index, Const):
        if not isinstance(index.value, int):
            raise Trouble("type", "an index is a number", e.span)
        at = Ptr(base.value.base, base.value.off + index.value * stride)
        if WOULD_BE in at.base or (at.off == 0 and base.value.off):
            return  # in what container_of() gives of what is in no struct
        name = of_all(at.base)
        size = b.memory.arrays.get(name)
        if size is not None and isinstance(e.base, ast.IndexExpr) and stride == 1:
            size = min(size, b.memory.columns.get(name, size))
            if not 0 <= base.value.off % size + index.value < size + end:
                text, hint = f"there is no element {index.value}", f"there are {size} elements in a row"
                raise Trouble("index", text, e.span, hint)
            return
        if size is not None:
            if not 0 <= at.off < size + end * stride:
                count = size // stride
                text = f"there is no element {at.off // stride}"
                raise Trouble("index", text, e.span, f"there are {count} elements")
            return
        named = b.memory.named.get(at.base) or b.memory.stack.get(at.base)
        if named is not None and named.percpu and 0 <= at.off < (named.size or 1) + end:
            return  # what every CPU has is several cells
        if end and Ptr(at.base, at.off - 1) in b.memory.cells:
            return
        if at not in b.memory.cells:
            hint = f"{named.shown or named.name} has {named.size} elements" if named and named.size else ""
            raise Trouble("index", f"there is no element {at.off}", e.span, hint)


def named_place(b: BodyCode, e: ast.Ident) -> MemoryPlace | Local:
    local = b.local(e.name)
    if local is not None:
        return local.place or local
    named = b.memory.named.get(e.name)
    if named is None:
        raise b.memory.unknown(e.name, e.span, f"declare it: int {e.name};")
    if named.percpu and named.handle:
        whole = MemoryPlace(Const(Ptr(named.name)), named.type, whole=True, percpu=True)
        return chosen(b, whole, e)
    if named.handle:
        hint = {"va": f"write *{e.name}", "page": f"its content is {e.name}.data"}.get(named.type.kind, "")
        raise Trouble("type", f"{e.name} is {named.type.words}, not a place in memory", e.span, hint)
    if named.size is not None:
        raise Trouble("type", f"{e.name} is an array", e.span, f"name an element: {e.name}[0]")
    return chosen(b, MemoryPlace(Const(Ptr(named.name)), named.type, percpu=named.percpu), e)


def pointee(b: BodyCode, address: Val, e: ast.CExpr) -> MemoryPlace:
    """``*address``."""
    kind = address.type
    if kind.kind == "va":
        return MemoryPlace(address.expr, t.ANY, True)
    if kind.kind in t.ENTRIES:
        return MemoryPlace(address.expr, t.PTE if kind.kind == "entry" else t.PMD)
    if kind.kind == "pointer" and kind.to is not None and kind.to.tag == t.BYTES:
        was = t.words(replace(kind.to, kind="int", tag=""))
        raise Trouble("type", f"this points to {was}, and is read as the type it is declared with", e.span)
    if kind.kind == "pointer":
        return inner(_led_to(b, address, e))
    if kind.kind == "struct":
        return chosen(b, MemoryPlace(address.expr, kind, whole=True, percpu=kind.percpu), e)
    if kind is t.ANY or (kind.kind == "int" and not b.memory.mm_file):
        return MemoryPlace(address.expr, t.ANY)
    hint = {"page": "its content is A.data", "mm": "its fields are N.name"}.get(kind.kind, "")
    if kind.kind == "int" and isinstance(e, ast.Ident):
        hint = (
            f"write &{e.name}"
            if b.local(e.name, False) is None
            else f"declare it as an address: void *{e.name}"
        )
    elif kind.kind == "int" and _within_page(b, e):
        hint = "a virtual address stands for the one word of its page: offsets within a page do not exist; "
        hint += "map another address, to another page"
    raise Trouble("type", f"{kind.words} is not an address", e.span, hint)


def _led_to(b: BodyCode, pointer: Val, e: ast.CExpr, step: Expr | None = None) -> MemoryPlace:
    """What lies where a pointer leads to, or ``step`` cells behind."""
    to = pointer.type.to or t.ANY
    found = chosen(b, MemoryPlace(pointer.expr, to, percpu=pointer.type.percpu), e)
    addr = found.addr if step is None else call("add", found.addr, step)
    other = signed_else(b.memory, addr, to) if to.bits in b.shared.resigned else FALSE
    return replace(found, addr=addr, low=low_there(b.memory, addr, to), other=other)


def _within_page(b: BodyCode, e: ast.CExpr) -> bool:
    """Is it calculated with a virtual address?"""
    names = {x.name for x in nodes(e) if isinstance(x, ast.Ident)}
    return any(n.type.kind == "va" for n in map(b.memory.named.get, names) if n is not None)
