"""What each x86 instruction does: one column's cells to code.

Rules are those of the vendors' manuals, volume 2 of the SDM and volume 3 of the APM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from verifier.lower.code import Branch, Jump, SetRegister, Touch
from verifier.lower.x86.conditions import carry, conditional_move, jump_at_zero, label, loop, set_byte
from verifier.lower.x86.operands import ONE, ZERO, X86Instruction
from verifier.lower.x86.pairs import pair
from verifier.lower.x86.table import (
    ARITHMETIC,
    BITS,
    BYTE_SETS,
    CARRIES,
    CF,
    CONDITIONAL_MOVES,
    COUNTED,
    DOUBLES,
    FENCES,
    FLUSHES,
    JUMPS,
    LOCKABLE,
    MOVES,
    NOTHING,
    REGISTER_NAMES,
    SERIALIZERS,
    SHIFTS,
    UNARY,
    ZERO_JUMPS,
)
from verifier.lower.x86.thread import Column
from verifier.program.expressions import Const, Expr, Reg, call
from verifier.program.values import UNDEF
from verifier.syntax import x86
from verifier.syntax.trouble import Trouble


def lower_cell(thread: Column, placed: x86.Placed) -> None:
    """Append the code of one instruction. Raises ``Trouble`` for what is wrong with it."""
    i = X86Instruction(thread, placed)
    if i.locked and (i.opcode not in LOCKABLE or not any(isinstance(o, x86.Memory) for o in targets(i))):
        hint = "LOCK goes with a read-modify-write of memory"
        raise Trouble("lock", f"{i.opcode} cannot be locked here", i.span, hint)
    (stack if i.on_stack() else INSTRUCTIONS[i.opcode])(i)


def stack(i: X86Instruction) -> None:
    """A LOCK'd operation on the CPU's own stack, which nobody else looks at: a full fence, as smp_mb() is."""
    registers = any(isinstance(o, x86.Named) for o in i.operands)
    if i.opcode == "lea":
        lea(i)
    elif not i.locked or registers:
        hint = "a LOCK'd operation there is a full fence if it names no register: lock addl $0,(%rsp)"
        raise Trouble("stack", "what the stack holds is not modelled", i.span, hint)
    else:
        i.emit("F", kind="lock")
        i.forget_flags()


def serializer(i: X86Instruction) -> None:
    """A serializing instruction. CPUID leaves in four registers what no test knows."""
    i.arity(0)
    i.emit("SER", kind=SERIALIZERS[i.opcode])
    if i.opcode == "cpuid":
        for name in ("rax", "rbx", "rcx", "rdx"):
            i.thread.code.append(SetRegister(name, Const(UNDEF), i.span))
            i.thread.written.add(name)


def fence(i: X86Instruction) -> None:
    """A fence of its own kind."""
    i.arity(0)
    i.emit("F", kind=FENCES[i.opcode])


def nothing(i: X86Instruction) -> None:
    """``nop`` and similar instructions, and prefetches."""
    for operand in i.operands:
        if isinstance(operand, x86.Memory):
            i.address(operand)


def flush(i: X86Instruction) -> None:
    """``clflush`` and similar instructions: a fence of the kind that orders nothing."""
    i.arity(1)
    operand = i.operands[0]
    if not isinstance(operand, x86.Memory):
        raise i.wrong(f"{i.opcode} takes an address in memory", "write it in brackets: [x]")
    i.address(operand)
    i.emit("F", kind="clflush")


def targets(i: X86Instruction) -> tuple[x86.Operand, ...]:
    """The operands that may be written to."""
    return i.operands if INSTRUCTIONS[i.opcode] in (xchg, xadd, cmpxchg) else i.operands[:1]


def jump(i: X86Instruction) -> None:
    """``jmp`` and the conditional ones."""
    target = label(i)
    if i.opcode == "jmp":
        i.thread.code.append(Jump(target, i.span))
    else:
        i.thread.code.append(Branch(JUMPS[i.opcode], target, i.span))


def ret(i: X86Instruction) -> None:
    """The end of the column."""
    i.thread.returns = True
    i.thread.code.append(Jump(i.thread.END, i.span))


def move(i: X86Instruction) -> None:
    """``mov``: a load, a store, or neither."""
    target, source = i.two()
    thread = i.thread
    name = i.register(target)
    whole = i.bits == thread.bits or (thread.small and i.bits == 32)
    if name is not None and whole and isinstance(source, x86.Memory):
        register = REGISTER_NAMES[name].whole
        i.emit("R", Touch(i.cell(source, False), register))
        thread.written.add(register)
    else:
        i.assign(target, i.value(source), kind="nt" if i.opcode == "movnti" else "")


def extend(i: X86Instruction) -> None:
    """``movzx``, ``movsx``: a narrower value made wider."""
    target, source = i.two()
    bits = i.source
    if not bits and isinstance(source, x86.Named):
        name = i.register(source)
        bits = REGISTER_NAMES[name].bits if name else 0
    elif not bits and isinstance(source, x86.Memory):
        bits = source.size
    if not bits or bits >= i.bits:
        raise i.wrong("the width of the source is not clear", "write movzbl, or 'byte ptr [x]'")
    wrap = i.thread.unsigned if i.opcode == "movzx" else i.thread.signed
    i.assign(target, wrap(i.value(source, bits), bits))


def lea(i: X86Instruction) -> None:
    """An address, without access."""
    target, source = i.two()
    if not isinstance(source, x86.Memory) or i.register(target) is None:
        raise i.wrong("lea takes an address and a register")
    i.assign(target, i.address(source, taken=True)[0])


def arithmetic(i: X86Instruction) -> None:
    """``add``, ``sub``, the same with a carry, and bitwise operations."""
    target, source = i.two()
    by = i.value(source)
    function = ARITHMETIC[i.opcode]
    with_carry = i.keep(CF) if i.opcode in ("adc", "sbb") else ZERO

    def change(old: Expr) -> Expr:
        result = call(function, old, by)
        return result if with_carry == ZERO else call(function, result, with_carry)

    def flags(old: Expr) -> None:
        if function == "add":
            i.flags_of_sum(old, by, with_carry)
        elif function == "sub":
            i.flags_of_difference(old, by, with_carry)
        else:
            i.flags_of(change(old), lambda: ZERO, lambda: ZERO)

    i.modify(target, change, flags)


def shift(i: X86Instruction) -> None:
    """Shifts by a constant, or by ``cl`` where no jump reads the flags."""
    if len(i.operands) == 1:
        i.operands = (*i.operands, x86.Immediate(1))
    target, source = i.two()
    mask, bits = (63 if i.bits == 64 else 31), i.bits
    if isinstance(source, x86.Immediate):
        count: Expr = Const(source.value & mask)
    elif isinstance(source, x86.Named) and source.name.lower() == "cl":
        if i.thread.flags:
            raise Trouble("not-yet", "flags of a shift by cl are not supported yet", i.span)
        count = call("bitand", i.thread.register("cl"), Const(mask))
    else:
        raise i.wrong("a shift is by a constant or by cl")
    left = SHIFTS[i.opcode] == "shl"
    wrap = i.signed if i.opcode == "sar" else i.unsigned

    def change(old: Expr) -> Expr:
        return call("shl", old, count) if left else call("shr", wrap(old), count)

    def flags(old: Expr) -> None:
        if count == ZERO:
            return
        result = change(old)
        # The last bit that was shifted out is a bit of what one step less gives.
        before = call("sub", count, ONE)
        previous = call("shl", old, before) if left else call("shr", wrap(old), before)
        place = Const(bits - 1 if left else 0)
        out = call("bitand", call("shr", i.unsigned(previous), place), ONE)
        first = call("lt", i.signed(old), ZERO)
        after = call("lt", i.signed(result), ZERO)
        # Only a shift by one defines OF. SHL and SHR leave CF undefined if nothing of the operand is left.
        overflow = {"shr": first, "sar": ZERO}.get(i.opcode, call("ne", first, after))
        whole = i.opcode != "sar" and isinstance(source, x86.Immediate) and source.value & mask >= bits
        i.flags_of(
            result,
            lambda: Const(UNDEF) if whole else out,
            lambda: overflow if count == ONE else Const(UNDEF),
        )

    i.modify(target, change, flags)


def unary(i: X86Instruction) -> None:
    """``inc dec neg not``."""
    i.arity(1)
    opcode, least = i.opcode, Const(-(1 << (i.bits - 1)))

    def change(old: Expr) -> Expr:
        if opcode == "neg":
            return call("neg", old)
        if opcode == "not":
            return call("inv", old)
        return call("add" if opcode == "inc" else "sub", old, ONE)

    def flags(old: Expr) -> None:
        result = change(old)
        if opcode == "neg":
            lowest = call("eq", i.signed(old), least)
            i.flags_of(result, lambda: call("ne", i.unsigned(old), ZERO), lambda: lowest)
        elif opcode != "not":  # CF stays
            lowest = call("eq", i.signed(result if opcode == "inc" else old), least)
            i.flags_of(result, None, lambda: lowest)

    i.modify(i.operands[0], change, flags)


def bit(i: X86Instruction) -> None:
    """``bt bts btr btc``: CF is the bit that was there. A constant and the bits of a register are taken
    modulo the width. In memory a register's bits are counted from the operand on, in both directions (SDM
    vol. 2, BT)."""
    target, source = i.two()
    if i.bits == 8:
        raise i.wrong(f"{i.opcode} has no form of 8 bits", "take a register of 16, 32 or 64 bits")
    if isinstance(source, x86.Memory):
        raise i.wrong(f"the index of {i.opcode} is a constant or a register")
    if isinstance(target, x86.Memory) and isinstance(source, x86.Named):
        word = call("shr", i.signed(i.value(source)), Const(i.bits.bit_length() - 1))
        i.beyond = call("mul", word, Const(i.bits // 8))
    index = call("bitand", i.value(source), Const(i.bits - 1))
    mask = call("shl", ONE, index)
    function = BITS[i.opcode]

    def flags(old: Expr) -> None:
        i.flags(carry=lambda: call("bitand", call("shr", i.unsigned(old), index), ONE))

    if not function:
        flags(i.value(target))
        return
    by = call("inv", mask) if i.opcode == "btr" else mask
    i.modify(target, lambda old: call(function, old, by), flags)


def exchange(i: X86Instruction) -> tuple[x86.Operand, str]:
    """The operands of ``xchg`` and ``xadd``, in either order: the place, and a register."""
    target, source = i.two()
    if isinstance(source, x86.Memory):
        target, source = source, target
    name = i.register(source)
    if name is None:
        raise i.wrong(f"{i.opcode} takes a register, and a register or memory")
    return target, name


def xchg(i: X86Instruction) -> None:
    """With memory it is locked, prefix or not."""
    target, name = exchange(i)
    new = i.thread.register(name)
    if isinstance(target, x86.Memory):
        old = i.modify(target, lambda _: new, locked=True)
    else:
        old, new = i.keep(i.value(target)), i.keep(new)
        i.assign(target, new)
    i.assign(x86.Named(name), old)


def xadd(i: X86Instruction) -> None:
    """The sum goes to the first operand, its old value to the register."""
    target, name = exchange(i)
    by = i.thread.register(name)
    if isinstance(target, x86.Memory):
        old = i.modify(target, lambda old: call("add", old, by), lambda old: i.flags_of_sum(old, by))
        i.assign(x86.Named(name), old)
        return
    before = i.value(target)
    i.flags_of_sum(before, by)
    total = i.keep(i.signed(call("add", before, by)))
    i.assign(x86.Named(name), before)
    i.assign(target, total)


def cmpxchg(i: X86Instruction) -> None:
    """Without LOCK the old value is written back when they differ (SDM vol. 2, CMPXCHG). A register stays
    as it is then, with its upper half: so do processors, where the SDM's pseudocode writes it."""
    target, name = exchange(i)
    new = i.thread.register(name)
    accumulator = {8: "al", 16: "ax", 32: "eax", 64: "rax"}[i.bits]
    wanted = i.keep(i.signed(i.thread.register(accumulator)))

    def same(old: Expr) -> Expr:
        return call("eq", i.signed(old), wanted)

    def flags(old: Expr) -> None:
        i.flags_of_difference(wanted, old)

    if isinstance(target, x86.Memory) and i.locked:
        into = i.thread.temporary()
        old: Expr = Reg(into)
        i.emit("X", Touch(i.cell(target, True), into, i.signed(new), same(old)))
        flags(old)
    elif isinstance(target, x86.Memory):
        old = i.modify(target, lambda old: call("ite", same(old), new, old), flags)
    else:
        old = i.keep(i.value(target))
        flags(old)
        i.assign(target, new, when=same(old))
    # Only a failure writes the accumulator, and with it the upper half of rax.
    failed = call("not", same(old))
    i.thread.set(accumulator, old, i.span, failed)


def compare(i: X86Instruction) -> None:
    """``cmp``, ``test``: flags only."""
    target, source = i.two()
    a, b = i.value(target), i.value(source)
    if i.opcode == "cmp":
        i.flags_of_difference(a, b)
    else:
        i.flags_of(call("bitand", a, b), lambda: ZERO, lambda: ZERO)


INSTRUCTIONS: Mapping[str, Callable[[X86Instruction], None]] = MappingProxyType(
    {
        **dict.fromkeys(MOVES, move),
        **dict.fromkeys(JUMPS, jump),
        **dict.fromkeys(FENCES, fence),
        **dict.fromkeys(SERIALIZERS, serializer),
        **dict.fromkeys(NOTHING, nothing),
        **dict.fromkeys(FLUSHES, flush),
        **dict.fromkeys(ARITHMETIC, arithmetic),
        **dict.fromkeys(SHIFTS, shift),
        **dict.fromkeys(UNARY, unary),
        **dict.fromkeys(BITS, bit),
        **dict.fromkeys(BYTE_SETS, set_byte),
        **dict.fromkeys(CONDITIONAL_MOVES, conditional_move),
        **dict.fromkeys(COUNTED, loop),
        **dict.fromkeys(ZERO_JUMPS, jump_at_zero),
        **dict.fromkeys(CARRIES, carry),
        **dict.fromkeys(DOUBLES, pair),
        "jmp": jump,
        "movzx": extend,
        "movsx": extend,
        "lea": lea,
        "xchg": xchg,
        "xadd": xadd,
        "cmpxchg": cmpxchg,
        "cmp": compare,
        "test": compare,
        "ret": ret,
    }
)
