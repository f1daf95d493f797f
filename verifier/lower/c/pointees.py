"""What pointers lead to: of two structs, whether one begins with the other; and pointers that are kept as
something that they are not."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.lower.c import types as t
from verifier.lower.c.fields import MAX_INNER, group
from verifier.lower.c.objects import Objects
from verifier.lower.c.types import Type
from verifier.program.expressions import FALSE, TRUE, Const, Expr, call
from verifier.program.values import Ptr
from verifier.records import replace
from verifier.source import Span
from verifier.syntax.trouble import Trouble

_ASKED = 64  # so many cells are looked at where the run says which one a pointer leads to
_POINTERS = frozenset({"pointer", "struct"})  # what a pointer is: of a struct it is the handle itself
OF_ITS_TYPE = "declare the pointer as one to this struct, or as void *"


def way(objects: Objects, outer: Type, inner: Type, depth: int = 0) -> list[str] | None:
    """The names that lead from a struct to what it begins with; None if it begins with nothing of that
    type."""
    if outer.kind != "struct" or depth > MAX_INNER:
        return None
    of = group(outer)
    for name in objects.first.get(of, ()):
        for kind in _addresses(objects.fields[of][name]):
            more = [] if kind == inner else way(objects, kind, inner, depth + 1)
            if more is not None:
                return [objects.step(of, name), *more]
    for names, held in objects.halves.get(of, {}).values():
        if len(names) == 1 and names[0] in objects.first.get(of, ()) and inner == Type("pointer", to=held):
            return [objects.step(of, names[0])]  # the lower half of an integer of 128 bits
    return None


def _addresses(held: Type) -> Iterator[Type]:
    """The types of the address of a member: an array has that of its first element, too."""
    yield replace(held, inside=False) if held.inside else Type("pointer", to=held)
    if held.kind == "array" and held.to is not None:
        yield from _addresses(held.to)


def low_there(objects: Objects, addr: Expr, seen: Type) -> Expr | None:
    """Of what lies at an address and is seen as an integer of 64 bits: how many low bits are 0 of an address
    that is there, by what the cell is declared to lead to; none where this is not known. None where no
    address is."""
    if not objects.mm_file or seen.kind != "int" or seen.bits != 64:
        return None
    at = addr.value if isinstance(addr, Const) else None
    held = objects.held.get(at) if isinstance(at, Ptr) else None
    if held is not None:
        return None if held.kind == "int" else Const(_low_of(objects, held))
    if all(of.kind == "int" for of in objects.held.values()):
        return None
    lows = {cell: _low_of(objects, of) for cell, of in objects.held.items()}
    low: Expr = Const(0)
    for cell in [cell for cell, bits in lows.items() if bits][:_ASKED]:
        low = call("ite", call("eq", addr, Const(cell)), Const(lows[cell]), low)
    return low


def number_of_object(objects: Objects, value: Expr) -> Expr:
    """A value of no type as a number: of the address of an object, low bits are 0 as the declaration of that
    object says. All else stays as it is: nothing says how a page lies, or what a number led to."""
    lows = {at: objects.low_bits(of) for at, of in objects.starts.items()}
    for cell, of in objects.held.items():
        if of.kind == "int" or of.kind in _POINTERS:  # of no type is a field without a definition, too
            lows.setdefault(cell, objects.low_bits(of if of.kind == "int" else Type("pointer")))
    cells = [cell for cell, low in lows.items() if low > 0][:_ASKED]
    found = value
    for low in sorted({lows[cell] for cell in cells}):  # a struct and its first member have one address
        here = call("or", *(call("eq", value, Const(cell)) for cell in cells if lows[cell] == low))
        found = call("ite", here, call("as_number", value, Const(low)), found)
    return found


def signed_else(objects: Objects, addr: Expr, seen: Type) -> Expr:
    """Whether what lies at an address, and is seen as an integer, is declared as one of the other sign."""
    if seen.kind != "int" or not objects.mm_file:
        return FALSE
    wanted = t.other_sign(seen)
    if isinstance(addr, Const):
        held = objects.held.get(addr.value) if isinstance(addr.value, Ptr) else None
        return TRUE if held is not None and t.plain(held) == wanted else FALSE
    cells = [cell for cell, held in objects.held.items() if t.plain(held) == wanted]
    return call("or", *(call("eq", addr, Const(cell)) for cell in cells))


def _low_of(objects: Objects, held: Type) -> int:
    """How many low bits are 0 of an address in a cell of a type, as far as the type says it."""
    to = held.to if held.kind == "pointer" else held if held.kind == "struct" else None
    return 0 if to is None or to.kind in ("any", "void") else objects.low_bits(to)


def same_number(wanted: Type, given: Type, span: Span, cast: bool = False) -> None:
    """Raise ``Trouble`` for an integer seen through a pointer to another integer type: memory here is
    cells, which are read and written whole. A ``cast`` may change the sign."""
    if t.pointers_differ(wanted, given) and not (cast and t.same_width(wanted, given)):
        assert wanted.to is not None and given.to is not None
        text = f"this points to {t.words(given.to)}, not to {t.words(wanted.to)}"
        hint = "an object is read and written whole, as the type it is declared with"
        if t.same_width(wanted, given):
            hint = (
                f"write a cast, as in (unsigned long *)p, to see {t.words(given.to)} as {t.words(wanted.to)}"
            )
        raise Trouble("type", text, span, hint)


def other_struct(objects: Objects, wanted: Type, given: Type) -> str:
    """The warning about the address of a struct that is kept as that of another one; empty if there is none
    to give: one begins with the other, or nothing says which struct it is."""
    wanted = t.loaded(wanted)
    if wanted.kind != "struct" or given.kind != "struct" or not (wanted.tag and given.tag):
        return ""
    bare, kind = (replace(x, percpu=False, inside=False) for x in (given, wanted))
    if bare.tag == kind.tag or way(objects, bare, kind) is not None or way(objects, kind, bare) is not None:
        return ""
    return f"this is the address of a struct {given.tag}, which is kept as that of a struct {wanted.tag}"
