"""What lies at one address: a struct, its first member, and what that begins with (C11 6.7.2.1).

An address here is a path of names. A comparison sees where it begins (``Ptr.start``). A cast between the
address of a struct and that of something it begins with makes one path of the other.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.lower.c import types as t
from verifier.lower.c.body import BodyCode
from verifier.lower.c.objects import Objects
from verifier.lower.c.parts import Val
from verifier.lower.c.pointees import way
from verifier.lower.c.types import Type
from verifier.program.expressions import Const, call
from verifier.program.values import Ptr
from verifier.records import replace


def seen_as(b: BodyCode, value: Val, kind: Type) -> Val | None:
    """An address that a cast makes one of what the struct there begins with, or of the struct that begins
    with what is there; None for any other cast."""
    given = value.type
    if "struct" not in (kind.kind, given.kind) or {kind.kind, given.kind} - {"struct", "pointer"}:
        return None
    if value.local is not None or value.bits is not None:
        return None
    made = value.expr
    bare = replace(given, percpu=False)
    down, up = way(b.memory, given, kind), way(b.memory, kind, bare)
    if down is not None:
        for step in down:
            made = call("to_first", made, Const(step))
    elif up is not None:
        for step in reversed(up):
            made = call("from_first", made, Const(step))
    else:
        return None
    return Val(b.held(made), replace(kind, percpu=given.percpu))


def as_declared(b: BodyCode, value: Val, kind: Type | None) -> Val:
    """A value as what is declared to hold the address of a struct has it: an address of such a struct,
    whatever it was on the way. ``kind``: of the declaration."""
    given = value.type
    if kind is None or kind.kind != "struct" or (given.kind, given.tag) == (kind.kind, kind.tag):
        return value
    if given.kind not in ("struct", "pointer", "any", "int") or value.local is not None:
        return value
    if value.bits is not None or value.function:
        return value
    found = seen_as(b, value, kind)
    if found is None and given.kind == "pointer" and given.to not in (None, t.VOID, t.ANY):
        return value  # of a number, which is no struct
    return found or replace(value, type=replace(kind, percpu=given.percpu))


def wholes(objects: Objects, kind: Type) -> Iterator[tuple[Ptr, Type]]:
    """The structs of a test that begin with one of this type, and are of another one; all of them if it is no
    type of a struct. Those on a stack are left out."""
    for named in objects.named.values():
        of = named.type
        if named.percpu or of.kind != "struct" or named.name in objects.stack:
            continue
        if kind.kind == "struct" and way(objects, of, kind) is None:
            continue
        yield from ((Ptr(named.name, i), replace(of, inside=False)) for i in range(named.size or 1))
