"""What pointers lead to: of two structs, whether one begins with the other; and pointers that are kept as
something that they are not."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.lower.c import types as t
from verifier.lower.c.fields import group
from verifier.lower.c.objects import MAX_INNER, Objects
from verifier.lower.c.types import Type
from verifier.records import replace
from verifier.source import Span
from verifier.syntax.trouble import Trouble

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


def same_number(wanted: Type, given: Type, span: Span) -> None:
    """Raise ``Trouble`` for an integer seen through a pointer to another integer type: memory here is
    cells, which are read and written whole, and as what they are."""
    if t.pointers_differ(wanted, given):
        assert wanted.to is not None and given.to is not None
        text = f"this points to {t.words(given.to)}, not to {t.words(wanted.to)}"
        hint = "an object is read and written whole, as the type it is declared with"
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
