"""CMPXCHG16B of an integer of 128 bits: the one instruction that reads and writes it at one instant."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import decide, storable
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.expected import expected, leave
from verifier.lower.c.parts import Val
from verifier.lower.c.special_control import place_given
from verifier.lower.code import Touch
from verifier.program.expressions import Reg, call


def cmpxchg128(b: BodyCode, use: SpecialCall) -> Val:
    """``cmpxchg128()`` gives what was found. ``try_cmpxchg128()`` leaves that in a local, and gives whether
    it stored."""
    place, wanted = place_given(b, use, use.word.parameters[0].name), None
    if "old" in use.arguments:
        wanted = expected(b, place, use)
        old = wanted.value
    else:
        given = b.value(use.arguments["old_value"])
        old = b.held(storable(b, place, given, use.arguments["old_value"]))
    new = b.held(storable(b, place, b.value(use.arguments["new"]), use.arguments["new"]))
    cells, found = (place.addr, t.high_half(place.addr)), (b.fresh(), b.fresh())
    equal = call("and", *(call("eq", Reg(r), x) for r, x in zip(found, t.halves(old), strict=True)))
    stored = list(zip(cells, found, t.halves(new), strict=True))
    if use.special.locks:
        b.emit("X", use.e, *(Touch(cell, r, x, equal) for cell, r, x in stored))
    else:
        b.emit("R", use.e, *(Touch(cell, r) for cell, r, _ in stored), joined=True)
        kept = [(cell, call("ite", equal, x, Reg(r))) for cell, r, x in stored]
        b.emit("W", use.e, *(Touch(cell, None, x) for cell, x in kept))
        decide(b, equal, use.e.span)
    value = Val(t.both(Reg(found[0]), Reg(found[1]), place.type), place.type)
    if wanted is None:
        return value
    done = b.fresh()
    b.set(done, equal)
    leave(b, wanted, value, Reg(done), use)
    return Val(Reg(done), t.INT)
