"""Instructions that a flag or the counter decides, apart from conditional jumps.

Rules are those of the SDM, volume 2: SETcc, CMOVcc, LOOP and Jcc.
"""

from __future__ import annotations

from verifier.lower.code import Branch
from verifier.lower.x86.operands import ONE, ZERO, X86Instruction
from verifier.lower.x86.table import BYTE_SETS, CF, CONDITIONAL_MOVES, COUNTED, REGISTER_NAMES, ZERO_JUMPS
from verifier.program.expressions import call
from verifier.syntax import x86
from verifier.syntax.trouble import Trouble, nearest


def label(i: X86Instruction) -> str:
    """The label to which an instruction with one operand goes."""
    i.arity(1)
    target, labels = i.operands[0], i.thread.labels
    if not isinstance(target, x86.Named) or target.name not in labels:
        word = target.name if isinstance(target, x86.Named) else i.text
        hint = nearest(word, labels)
        raise Trouble("unknown-label", f"P{i.thread.cpu} has no label {word!r}", i.span, hint)
    return target.name


def set_byte(i: X86Instruction) -> None:
    """``setcc``: a byte that is 1 or 0."""
    i.arity(1)
    target = i.operands[0]
    name, i.bits = i.register(target), 8
    if name is not None and REGISTER_NAMES[name].bits != 8:
        raise i.wrong(f"{i.opcode} writes one byte", "take a register of 8 bits, such as al")
    i.assign(target, call("ite", BYTE_SETS[i.opcode], ONE, ZERO))


def conditional_move(i: X86Instruction) -> None:
    """``cmovcc``: memory is loaded, and the upper half of a register of 32 bits is cleared, in any case."""
    target, source = i.two()
    if i.register(target) is None or isinstance(source, x86.Immediate | x86.Address) or i.bits == 8:
        raise i.wrong(f"{i.opcode} takes a register or memory, and a register, of 16, 32 or 64 bits")
    new = i.value(source)
    i.assign(target, call("ite", CONDITIONAL_MOVES[i.opcode], new, i.value(target)))


def loop(i: X86Instruction) -> None:
    """``loop`` and its kin: the counter is one less, which sets no flag. At 0 no jump is taken."""
    target, name = label(i), "rcx" if i.thread.bits == 64 else "ecx"
    i.thread.set(name, call("sub", i.thread.register(name), ONE), i.span)
    left = call("ne", i.thread.register(name), ZERO)
    i.thread.code.append(Branch(call("and", left, COUNTED[i.opcode]), target, i.span))


def jump_at_zero(i: X86Instruction) -> None:
    """``jecxz`` and ``jrcxz``: a jump if the counter is 0."""
    target, bits = label(i), ZERO_JUMPS[i.opcode]
    if bits > i.thread.bits:
        raise i.wrong("jrcxz is an instruction of X86_64", "write jecxz")
    counter = i.thread.unsigned(i.thread.register("rcx" if bits == 64 else "ecx"), bits)
    i.thread.code.append(Branch(call("eq", counter, ZERO), target, i.span))


def carry(i: X86Instruction) -> None:
    """``stc clc cmc``: CF is set, cleared, complemented."""
    i.arity(0)
    value = {"stc": ONE, "clc": ZERO}.get(i.opcode, call("ite", CF, ZERO, ONE))
    i.flags(carry=lambda: value)
