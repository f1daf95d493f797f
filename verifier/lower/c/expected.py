"""What ``try_cmpxchg(&x, &old, new)`` expects to find: ``*old``, in a local or in memory.

``__raw_try_cmpxchg()`` of asm/cmpxchg.h reads ``*old`` in front of the instruction, and writes what was found
there if it failed.
"""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import load, same_pointee, store, store_local, told
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.parts import Local, MemoryPlace, Val
from verifier.lower.c.places import pointee
from verifier.lower.c.types import Type
from verifier.lower.code import Branch, Emit, Label
from verifier.program.expressions import Expr, Reg
from verifier.records import NamedTuple
from verifier.syntax.trouble import Trouble


class Expected(NamedTuple):
    """Where the expected value is kept, and the value, as the object holds it."""

    kept: Local | MemoryPlace
    value: Expr


def expected(b: BodyCode, place: MemoryPlace, use: SpecialCall) -> Expected:
    """What a word expects to find in ``place``: what its argument ``old`` leads to. Raises ``Trouble`` for
    what is no address of such a value."""
    node = use.arguments["old"]
    given = b.value(node)
    if given.local is not None:
        kept: Local | MemoryPlace = given.local
        held = given.local.fixed or Val(
            Reg(given.local.reg), given.local.type or given.local.declared or t.ANY
        )
    else:
        if given.type.kind not in ("pointer", "any"):
            text = f"{use.word.name} takes the address of the old value here, not {given.type.words}"
            raise Trouble("type", text, node.span, f"write {use.word.signature}, with a local old")
        if place.type.kind == "int":
            same_pointee(b, Type("pointer", to=place.type), given.type, node.span)
        kept = pointee(b, given, node)
        if kept.whole:
            raise Trouble("type", f"{node.span.text} leads to {kept.type.words}", node.span, "name a field")
        held = load(b, kept, use.e)
        _part(b, "reads", node.span.text)
    return Expected(kept, b.held(t.converted(held.expr, held.type, place.type)))


def leave(b: BodyCode, old: Expected, found: Val, equal: Expr, use: SpecialCall) -> None:
    """Keep what was found, where it is not ``equal`` to what was expected."""
    if isinstance(old.kept, Local):
        store_local(b, old.kept, found, use.e)
        return
    end = b.fresh("stored")
    b.code.append(Branch(equal, end, use.e.span))
    store(b, old.kept, found, use.e)
    _part(b, "stores", use.arguments["old"].span.text)
    b.code.append(Label(end))


def _part(b: BodyCode, does: str, pointer: str) -> None:
    """Stories say of the last access what it is a part of."""
    if isinstance(b.code[-1], Emit):
        told(b, f"{does} {pointer[1:] if pointer.startswith('&') else '*' + pointer}")
