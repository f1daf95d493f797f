"""CMPXCHG8B and CMPXCHG16B, which compare and write two words at one instant (SDM, volume 2)."""

from __future__ import annotations

from verifier.lower.code import Touch
from verifier.lower.x86.operands import X86Instruction
from verifier.lower.x86.table import DOUBLES
from verifier.program.expressions import Reg, call
from verifier.syntax import x86


def pair(i: X86Instruction) -> None:
    """``cmpxchg8b`` and ``cmpxchg16b``: rdx:rax and rcx:rbx, or their lower halves, against two words of
    memory. It sets ZF alone. Without LOCK the old value is written back when they differ."""
    i.arity(1)
    half = DOUBLES[i.opcode]
    (target,) = i.operands
    if not isinstance(target, x86.Memory):
        raise i.wrong(f"{i.opcode} takes an address in memory", "write it in brackets: [x]")
    if half > i.thread.bits:
        raise i.wrong(f"{i.opcode} is an instruction of X86_64", "write cmpxchg8b")
    if i.address(target)[1] and target.displacement % 16 and half == 64:
        raise i.wrong("cmpxchg16b of an address that is no multiple of 16 is a fault")
    i.bits = half
    low, high = ("eax", "edx") if half == 32 else ("rax", "rdx")
    stored = ("ebx", "ecx") if half == 32 else ("rbx", "rcx")
    wanted = [i.keep(i.signed(i.thread.register(name))) for name in (low, high)]
    new = [i.signed(i.thread.register(name)) for name in stored]
    places = target, target._replace(displacement=target.displacement + half // 8)
    cells = [i.cell(place, True) for place in places]
    into = [i.thread.temporary() for _ in cells]
    old = [Reg(name) for name in into]
    same = call("and", *(call("eq", x, y) for x, y in zip(old, wanted, strict=True)))
    if i.locked:
        i.emit("X", *(Touch(c, r, x, same) for c, r, x in zip(cells, into, new, strict=True)))
    else:
        kept = [call("ite", same, x, r) for x, r in zip(new, old, strict=True)]
        i.emit("R", *(Touch(c, r) for c, r in zip(cells, into, strict=True)))
        i.emit("W", *(Touch(c, None, x) for c, x in zip(cells, kept, strict=True)))
    i.flags(zero=lambda: same)
    for name, found in zip((low, high), old, strict=True):
        i.thread.set(name, found, i.span, call("not", same))
