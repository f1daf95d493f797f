"""Words about cpumasks that are more than a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verifier.lower.c import types as t
from verifier.lower.c.access import check_cpu
from verifier.lower.c.arguments import given
from verifier.lower.c.body import Body, Use
from verifier.lower.c.parts import Spanned, Val
from verifier.lower.code import Branch, Label, Touch
from verifier.program.values import FALSE, TRUE, Const, Expr, Reg, call
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble


def bits_of(b: Body, mask: Val, node: Spanned, joined: bool = False, start: int = 0) -> tuple[Expr, ...]:
    """The bits of a mask from ``start`` on; those in memory are read by one load, ``joined`` to what
    follows."""
    if mask.bits is not None:
        return mask.bits[start:]
    temps = [b.fresh() for _ in range(start, b.memory.cpus)]
    touches = [Touch(call("add", mask.expr, Const(k)), temp) for k, temp in enumerate(temps, start)]
    b.emit("R", node, *touches, joined=joined)
    return tuple(Reg(temp) for temp in temps)


def mask_of(b: Body, use: Use) -> Val:
    """A constant mask of one CPU."""
    cpu = given(b, use, "cpu")
    check_cpu(b, cpu.expr, use.e.span)
    bits = tuple(call("eq", cpu.expr, Const(k)) for k in range(b.memory.cpus))
    return Val(Const(0), t.MASK, bits)


def mask_read(b: Body, use: Use) -> Val:
    """What is asked of a whole mask."""
    mask = given(b, use, "m")
    if use.word.name == "cpumask_any_but":
        cpu = given(b, use, "cpu")
        return Val(any_but(b, mask, cpu.expr, use.e), t.INT)
    result: Expr
    if use.word.name in ("cpumask_first", "cpumask_any"):
        return Val(next_cpu(b, [mask], 0, use.e), t.INT)
    bits = bits_of(b, mask, use.e)
    if use.word.name == "cpumask_empty":
        result = call("not", call("or", *bits))
    elif use.word.name == "cpumask_full":
        result = call("and", *bits)
    else:  # cpumask_weight
        result = bits[0]
        for bit in bits[1:]:
            result = call("add", result, bit)
    return Val(result, t.INT)


def next_cpu(
    b: Body, masks: Sequence[Val], start: int, node: Spanned, wanted: Callable[..., Expr] = lambda bit: bit
) -> Expr:
    """The first CPU from ``start`` on that is ``wanted`` by its bits in the masks, or how many CPUs there
    are; one load of each mask that is in memory."""
    bits = [bits_of(b, mask, node, start=start) for mask in masks]
    result: Expr = Const(b.memory.cpus)
    for k in range(b.memory.cpus - 1, start - 1, -1):
        result = call("ite", wanted(*(each[k - start] for each in bits)), Const(k), result)
    return result


def any_but(b: Body, mask: Val, cpu: Expr, e: ast.CallExpr) -> Expr:
    """The first CPU of a mask but ``cpu``: if ``cpu`` is the first, another load finds the next."""
    but, found, end = b.held(cpu), b.fresh(), b.fresh("any")
    b.set(found, next_cpu(b, [mask], 0, e))
    b.code.append(Branch(call("ne", Reg(found), but), end, e.span))
    last: Expr = Const(b.memory.cpus)
    again = bits_of(b, mask, e)
    for k in range(b.memory.cpus - 1, -1, -1):
        last = call("ite", call("and", again[k], call("lt", but, Const(k))), Const(k), last)
    b.set(found, last)
    b.code.append(Label(end))
    return Reg(found)


def mask_modify(b: Body, use: Use) -> Val:
    """BTS or BTR without LOCK: a load and a store of the whole mask, by one instruction."""
    cpu = given(b, use, "cpu")
    check_cpu(b, cpu.expr, use.arguments["cpu"].span)
    mask = given(b, use, "m")
    which = b.held(cpu.expr)
    bits = bits_of(b, mask, use.e, joined=True)
    changed = tuple(
        call("ite", call("eq", which, Const(k)), use.special.value, bit) for k, bit in enumerate(bits)
    )
    write_mask(b, mask, changed, use.e)
    return Val(Const(0), t.VOID)


def mask_copy(b: Body, use: Use) -> Val:
    """One load of a mask and one store."""
    to = given(b, use, "to")
    write_mask(b, to, bits_of(b, given(b, use, "m"), use.e), use.e)
    return Val(Const(0), t.VOID)


def mask_combine(b: Body, use: Use) -> Val:
    """One load of each of two masks, and one store."""
    to = given(b, use, "to")
    left, right = (bits_of(b, given(b, use, name), use.e) for name in ("a", "b"))
    if use.word.name == "cpumask_andnot":
        right = tuple(call("not", bit) for bit in right)
    function = "or" if use.word.name == "cpumask_or" else "and"
    bits = tuple(call(function, x, y) for x, y in zip(left, right, strict=True))
    write_mask(b, to, bits, use.e)
    return Val(Const(0), t.VOID) if function == "or" else Val(call("or", *bits), t.INT)


def mask_clear(b: Body, use: Use) -> Val:
    """One store of a whole mask."""
    value = TRUE if use.word.name == "cpumask_setall" else FALSE
    write_mask(b, given(b, use, "m"), (value,) * b.memory.cpus, use.e)
    return Val(Const(0), t.VOID)


def write_mask(b: Body, mask: Val, bits: tuple[Expr, ...], e: ast.CallExpr) -> None:
    """One store of a whole mask. Raises ``Trouble`` for one that is not in memory."""
    if mask.bits is not None:
        raise Trouble("type", "this mask cannot be changed", e.span)
    touches = [Touch(call("add", mask.expr, Const(k)), None, bit) for k, bit in enumerate(bits)]
    b.emit("W", e, *touches)
