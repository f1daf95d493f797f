"""Structs, arrays, masks, locks and counters that are declared in a function: memory on the stack of the CPU
that runs it, as ``struct flush_tlb_info info = { .mm = mm };``.

They are cells as all others: other CPUs reach them through their address. There is one instance for
each declaration, each chain of calls that leads to it, each CPU, and thread, handler or NMI; a loop
uses the same one again, as it does on a machine.
"""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import kept, store
from verifier.lower.c.body import BodyCode
from verifier.lower.c.copies import copied_from, copy
from verifier.lower.c.fields import group
from verifier.lower.c.objects import MAX_CELLS, NamedObject
from verifier.lower.c.parts import MemoryPlace, Slot, Val
from verifier.lower.c.types import Type
from verifier.program.expressions import FALSE, Const, Expr, call
from verifier.program.values import Ptr
from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.guards import EMPTY_MASK
from verifier.words.table import INITIALIZERS


def on_stack(b: BodyCode, s: ast.Declare, kind: Type) -> None:
    """Declare an object and store what it starts with. Without initial values it is what it was, 0 at
    first; with some, the rest of it is 0 (C11 6.7.9)."""
    size = None if s.size is None else size_of(b, s.size)
    columns = None if s.columns is None else size_of(b, s.columns)
    if size is not None and kind.kind == "struct" and not s.type.pointers:
        kind = replace(kind, inside=True)
        if columns is not None:
            text = f"an array of arrays of {kind.words}"
            raise Trouble("not-yet", f"{text} is not supported", s.span, "number the elements yourself")
    elif size is not None and kind.kind in t.HANDLES and not s.type.pointers:
        raise Trouble("not-yet", f"local arrays of {kind.words} are not supported", s.span)
    if kind.kind in ("mm", "table", "page", "mask", "struct") and s.type.pointers:
        kind = t.kept(kind)
    if columns is not None:
        kind = Type("array", columns, to=kind)
    named = NamedObject(slot(b, s), kind, s.span, size, shown=shown(b, s.name))
    if named.name not in b.memory.stack:
        b.memory.on_stack(named)
    local = b.declare(s.name, None)
    local.span = s.span
    local.stack = "an array" if size is not None else kind.words
    at = Const(Ptr(named.name))
    handle = size is None and kind.kind in t.HANDLES
    local.fixed = Val(at, kind if handle else Type("pointer", to=kind))
    if size is None and not handle:
        local.place, local.declared = MemoryPlace(at, kind), kind
    if s.init is None:
        return
    if local.place is not None:
        store(b, local.place, first_value(b, single(s.name, s.init)), s)
        return
    if size is None and kind.kind == "struct" and not isinstance(s.init, ast.Braced):
        copy(b, local.fixed, copied_from(b, s.init, kind), s)
        return
    empty = isinstance(s.init, ast.Braced) and not s.init.items
    if handle and kind == t.MASK and (empty or (isinstance(s.init, ast.Ident) and s.init.name == EMPTY_MASK)):
        b.value(ast.CallExpr("cpumask_clear", (ast.Ident(s.name, s.span),), s.span))
        return
    if not isinstance(s.init, ast.Braced) or kind.kind == "mask":
        hint = "give it in braces, { … }" if kind.kind != "mask" else "use cpumask_copy(), cpumask_set_cpu()"
        raise Trouble("value", f"{local.stack} cannot start with a single value", s.init.span, hint)
    if size is None:
        store_fields(b, at, kind, s, init=s.init)
    else:
        store_elements(b, at, kind, s, init=s.init, size=size)


def first_value(b: BodyCode, e: ast.InitItem) -> Val:
    """A first value, which may be written as ``ATOMIC_INIT(1)``."""
    if isinstance(e, ast.CallExpr) and e.name in INITIALIZERS and len(e.arguments) == 1:
        return b.value(e.arguments[0]) if INITIALIZERS[e.name] else Val(FALSE, t.INT)
    return b.value(e)


def single(name: str, given: ast.InitValue) -> ast.CExpr:
    """The first value of what has one. Raises ``Trouble`` for braces around it."""
    if isinstance(given, ast.Braced):
        text = f"{name} is neither a struct nor an array"
        raise Trouble("value", text, given.span, "leave the braces out")
    return given


def size_of(b: BodyCode, e: ast.CExpr) -> int:
    value = b.value(e).expr
    size = value.value if isinstance(value, Const) else None
    if not isinstance(size, int) or not 0 < size <= MAX_CELLS:
        raise Trouble("size", "the size of an array is a constant", e.span, f"1 to {MAX_CELLS}")
    return size


def shown(b: BodyCode, name: str) -> str:
    """What stories call it."""
    inside = [frame.site[0] for frame in b.frames if frame.site[0]][-1:]
    where = inside or ([] if b.context.startswith("P") else [b.context.partition("@")[0]])
    return f"{b.cpu}:{'.'.join([*where, name])}"


def slot(b: BodyCode, s: ast.Declare) -> str:
    """The name of its memory."""
    path = tuple(frame.site for frame in b.frames)
    key = Slot(b.cpu, b.context, path, s.name, start=s.span.start, source=s.span.source.name)
    number = len(b.shared.slots)
    return b.shared.slots.setdefault(key, f"stack{number}/{b.context}/{s.name}")


def store_elements(b: BodyCode, at: Const, kind: Type, s: ast.Declare, init: ast.Braced, size: int) -> None:
    if len(init.items) > size:
        raise Trouble("size", f"{s.name} has only {size} elements", init.span)
    for i in range(size):
        place = MemoryPlace(call("add", at, Const(i * t.cells(kind))), kind)
        item = init.items[i] if i < len(init.items) else None
        if isinstance(item, ast.FieldInit):
            raise Trouble("value", "an array has no fields", item.span)
        if kind.inside:
            store_struct(b, place, s, init, item)
        elif kind.kind == "array":
            row = Const(place.addr.value) if isinstance(place.addr, Const) else at
            if item is not None and not isinstance(item, ast.Braced):
                raise Trouble("value", "a row is given in braces", item.span, "{ {1, 2}, {3, 4} }")
            given = item or ast.Braced((), init.span)
            store_elements(b, row, kind.to or t.ANY, s, init=given, size=kind.bits)
        elif item is not None:
            store(b, place, first_value(b, item), s)
        else:
            store(b, place, Val(FALSE, t.INT), s)


def store_struct(
    b: BodyCode, place: MemoryPlace, s: ast.Declare, init: ast.Braced, item: ast.InitItem | None
) -> None:
    """An element that is a struct: in braces, 0 if it is left out, or by ``{ 0 }`` for all."""
    if isinstance(item, ast.Num) and item.value == 0 and len(init.items) == 1:
        item = None
    if item is not None and not isinstance(item, ast.Braced):
        text = "an element that is a struct is given in braces"
        raise Trouble("value", text, item.span, "{ { .x = 1 }, { .x = 2 } }")
    assert isinstance(place.addr, Const)
    kind = replace(place.type, inside=False)
    store_fields(b, place.addr, kind, s, init=item or ast.Braced((), init.span))


def store_fields(b: BodyCode, at: Const, kind: Type, s: ast.Declare, init: ast.Braced) -> None:
    """One store to each field, and one to each unit of bitfields."""
    assert isinstance(at.value, Ptr)
    of, units = group(kind), b.memory.fields.get(group(kind), {})
    bits: dict[str, Expr] = {}  # by unit
    stored: set[str] = set()
    for item in init.items:
        if not isinstance(item, ast.FieldInit):
            value = b.value(item)
            if len(init.items) == 1 and value.expr == FALSE:
                break  # { 0 }
            hint = f"as in {{ .{next(iter(units), 'x')} = 0 }}"
            raise Trouble("value", "the initial values of a struct name its fields", item.span, hint)
        if not b.memory.has(of, item.name):
            raise b.memory.no_field(kind, item.name, item.span)
        field, part = b.memory.field(of, item.name)
        whole = b.memory.steps_within(of, item.name)[0]
        if whole in stored:
            raise Trouble("duplicate", f"{item.name} has two initial values", item.span)
        if isinstance(item.value, ast.Braced) or field.inside or field.kind == "array":
            store_inner(b, at, kind, s, item)
            stored.add(whole)
            continue
        value = first_value(b, item.value)
        if part is not None:
            stored_bits = kept(b, value, field, item)
            bits[part.unit] = part.written(bits.get(part.unit, FALSE), stored_bits)
            continue
        addr: Expr = at
        if whole != item.name and t.wide(units[whole]):
            text = f"{item.name} is half of {whole}"
            raise Trouble("not-yet", text, item.span, f"assign to {item.name} afterwards")
        if field.kind not in ("int", "struct") and value.type.kind != "int":
            field = t.joined(field, value.type)
            b.memory.field_is(of, item.name, field)
        b.memory.use(of, item.name, item.span)
        for step in b.memory.steps(of, item.name):
            addr = call("field", addr, Const(step))
        store(b, MemoryPlace(addr, field, kept=b.memory.kept_as(of, item.name)), value, item)
        stored.add(whole)
    beside = {name for pair in b.memory.unions.get(of, ()) for name in pair if pair & (stored | bits.keys())}
    for name, field in units.items():
        if name not in stored and (name in bits or name not in beside):  # a member that nobody gives is none
            rest = Val(bits.get(name, FALSE), t.INT)
            for cell in b.memory.inner(Ptr(f"{at.value.path}.{b.memory.step(of, name)}"), field):
                store(b, MemoryPlace(Const(cell), t.ANY), rest, s)


def store_inner(b: BodyCode, at: Const, kind: Type, s: ast.Declare, item: ast.FieldInit) -> None:
    """A field that is a struct or an array, which has braces of its own."""
    of = group(kind)
    field, _ = b.memory.field(of, item.name)
    if not field.inside and field.kind != "array":
        raise Trouble(
            "value", f"{item.name} is neither a struct nor an array", item.span, "leave the braces out"
        )
    b.memory.use(of, item.name, item.span)
    addr: Expr = at
    for step in b.memory.steps(of, item.name):
        addr = call("field", addr, Const(step))
    init = item.value
    if (
        not isinstance(init, ast.Braced)
        or field.kind not in ("struct", "array")
        or not isinstance(addr, Const)
    ):
        text = f"{item.name} is given in braces, field by field"
        raise Trouble("not-yet", text, item.span, f"assign to {item.name} after the declaration")
    if field.kind == "array":
        store_elements(b, addr, field.to or t.ANY, s, init=init, size=field.bits)
    else:
        store_fields(b, addr, replace(field, inside=False), s, init=init)
