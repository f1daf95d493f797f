"""Words about cpumasks that are more than a row."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.lower.c import types as t
from verifier.lower.c.access import check_cpu, decide_within
from verifier.lower.c.arguments import given
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.parts import Spanned, Val
from verifier.lower.code import Branch, Label, Touch
from verifier.lower.paths import substitute
from verifier.program.expressions import Const, Expr, Reg, call
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble

_SET = Reg("m")


def bits_of(b: BodyCode, mask: Val, node: Spanned, joined: bool = False, start: int = 0) -> tuple[Expr, ...]:
    """The bits of a mask from ``start`` on; those in memory are read by one load, ``joined`` to what
    follows."""
    if mask.bits is not None:
        return mask.bits[start:]
    temps = [b.fresh() for _ in range(start, b.memory.cpus)]
    touches = [Touch(call("add", mask.expr, Const(k)), temp) for k, temp in enumerate(temps, start)]
    b.emit("R", node, *touches, joined=joined)
    return tuple(Reg(temp) for temp in temps)


def mask_of(b: BodyCode, use: SpecialCall) -> Val:
    """A constant mask of one CPU."""
    cpu = given(b, use, "cpu")
    check_cpu(b, cpu.expr, use.e.span)
    bits = tuple(call("eq", cpu.expr, Const(k)) for k in range(b.memory.cpus))
    return Val(Const(0), t.MASK, bits)


def mask_first(b: BodyCode, use: SpecialCall) -> Val:
    """The first CPU of a mask."""
    return Val(next_cpu(b, {"m": given(b, use, "m")}, 0, use.e), t.UINT)


def mask_empty(b: BodyCode, use: SpecialCall) -> Val:
    """Is no bit set?"""
    return Val(call("not", call("or", *bits_of(b, given(b, use, "m"), use.e))), t.INT)


def mask_full(b: BodyCode, use: SpecialCall) -> Val:
    """Are all bits set?"""
    return Val(call("and", *bits_of(b, given(b, use, "m"), use.e)), t.INT)


def mask_weight(b: BodyCode, use: SpecialCall) -> Val:
    """How many bits are set."""
    result, *rest = bits_of(b, given(b, use, "m"), use.e)
    for bit in rest:
        result = call("add", result, bit)
    return Val(result, t.UINT)


def next_cpu(b: BodyCode, masks: Mapping[str, Val], start: int, node: Spanned, wanted: Expr = _SET) -> Expr:
    """The first CPU from ``start`` on that is ``wanted``, or how many CPUs there are; ``masks`` by the
    names that ``wanted`` has for their bits. One load of each mask that is in memory."""
    bits = {name: bits_of(b, mask, node, start=start) for name, mask in masks.items()}
    result: Expr = Const(b.memory.cpus)
    for k in range(b.memory.cpus - 1, start - 1, -1):
        here = substitute(wanted, {name: each[k - start] for name, each in bits.items()})
        result = call("ite", here, Const(k), result)
    return result


def mask_any_but(b: BodyCode, use: SpecialCall) -> Val:
    """The first CPU of a mask but one: if that is the first, another load finds the next."""
    mask, e = given(b, use, "m"), use.e
    but, found, end = b.held(given(b, use, "cpu").expr), b.fresh(), b.fresh("any")
    b.set(found, next_cpu(b, {"m": mask}, 0, e))
    b.code.append(Branch(call("ne", Reg(found), but), end, e.span))
    last: Expr = Const(b.memory.cpus)
    again = bits_of(b, mask, e)
    for k in range(b.memory.cpus - 1, -1, -1):
        last = call("ite", call("and", again[k], call("lt", but, Const(k))), Const(k), last)
    b.set(found, last)
    b.code.append(Label(end))
    return Val(Reg(found), t.UINT)


def mask_modify(b: BodyCode, use: SpecialCall) -> Val:
    """BTS or BTR without LOCK: a load and a store of the whole mask, by one instruction."""
    cpu = given(b, use, "cpu")
    check_cpu(b, cpu.expr, use.arguments["cpu"].span)
    mask = given(b, use, "m")
    which = b.held(cpu.expr)
    decide_within(b, which, b.memory.cpus, use.arguments["cpu"].span)
    bits = bits_of(b, mask, use.e, joined=True)
    changed = tuple(
        call("ite", call("eq", which, Const(k)), use.special.value, bit) for k, bit in enumerate(bits)
    )
    write_mask(b, mask, changed, use.e)
    return Val(Const(0), t.VOID)


def mask_copy(b: BodyCode, use: SpecialCall) -> Val:
    """One load of a mask and one store."""
    to = given(b, use, "to")
    write_mask(b, to, bits_of(b, given(b, use, "m"), use.e), use.e)
    return Val(Const(0), t.VOID)


def mask_combine(b: BodyCode, use: SpecialCall) -> Val:
    """One load of each of two masks, and one store."""
    to = given(b, use, "to")
    left, right = (bits_of(b, given(b, use, name), use.e) for name in ("a", "b"))
    both = zip(left, right, strict=True)
    bits = tuple(substitute(use.special.value, {"a": x, "b": y}) for x, y in both)
    write_mask(b, to, bits, use.e)
    return Val(Const(0), t.VOID) if use.word.result == "void" else Val(call("or", *bits), t.INT)


def mask_fill(b: BodyCode, use: SpecialCall) -> Val:
    """One store of a whole mask, all of whose bits are the same; the value is 1, if there is one."""
    write_mask(b, given(b, use, "m"), (use.special.value,) * b.memory.cpus, use.e)
    return Val(Const(0), t.VOID) if use.word.result == "void" else Val(Const(1), t.INT)


def write_mask(b: BodyCode, mask: Val, bits: tuple[Expr, ...], e: ast.CallExpr) -> None:
    """One store of a whole mask. Raises ``Trouble`` for one that is not in memory."""
    if mask.bits is not None:
        raise Trouble("type", "this mask cannot be changed", e.span)
    touches = [Touch(call("add", mask.expr, Const(k)), None, bit) for k, bit in enumerate(bits)]
    b.emit("W", e, *touches)
