"""What each x86 instruction does: one column's cells to code.

Operands are values modulo two to the operation's width; they are wrapped where it matters: in what
is written, compared and shifted to the right. Rules are those of the vendors' manuals, volume 2 of
the SDM and volume 3 of the APM.
"""

from __future__ import annotations

from collections.abc import Callable

from verifier.lower.code import Branch, Emit, Jump, Set, Touch
from verifier.lower.x86.table import (
    ARITHMETIC,
    BITS,
    CF,
    FENCES,
    FLUSHES,
    JUMPS,
    KNOWN,
    LOCKABLE,
    MOVES,
    NOTHING,
    OF,
    PF,
    REGISTERS,
    SF,
    SHIFTS,
    UNARY,
    ZF,
    Register,
    decode,
)
from verifier.lower.x86.thread import Thread
from verifier.program.expressions import Const, Expr, Reg, call
from verifier.program.ops import Kind, Op
from verifier.program.values import Ptr
from verifier.syntax import x86
from verifier.syntax.trouble import Trouble, nearest

_ZERO, _ONE = Const(0), Const(1)
Thunk = Callable[[], Expr]


def lower_cell(thread: Thread, placed: x86.Placed) -> None:
    """Append the code of one instruction. Raises ``Trouble`` for what is wrong with it."""
    _Instruction(thread, placed).lower()


class _Instruction:
    """One instruction; its operands destination first."""

    def __init__(self, thread: Thread, placed: x86.Placed) -> None:
        self.thread, self.span = thread, placed.span
        cell = placed.cell
        opcode = decode(cell.opcode)
        if opcode is None:
            hint = nearest(cell.opcode, KNOWN)
            raise Trouble("unknown-instruction", f"unknown instruction {cell.opcode!r}", self.span, hint)
        self.opcode, self.bits, self.source = opcode
        self.locked, self.labels = cell.locked, len(cell.labels)
        operands = cell.operands
        if cell.att or (len(operands) == 2 and isinstance(operands[0], x86.Immediate)):
            operands = operands[::-1]
        self.operands = operands
        self.bits = self.bits or self._guess()

    def _guess(self) -> int:
        """The width of an instruction without a suffix: its first register's, its memory's, or 32."""
        for operand in self.operands:
            if isinstance(operand, x86.Named):
                register = REGISTERS.get(operand.name.lower())
                if register is not None:
                    return register.bits
            elif isinstance(operand, x86.Memory):
                names = [name for name, _ in operand.terms if name.lower() not in REGISTERS]
                bits = operand.size or max(map(self.thread.objects.width, names), default=0)
                if bits:
                    return bits
        return 32

    def _text(self) -> str:
        """The instruction as it is written, without its labels."""
        return " ".join(self.span.text.split(":", self.labels)[-1].split())

    def wrong(self, message: str, hint: str = "") -> Trouble:
        """A trouble with the operands."""
        return Trouble("operand", message, self.span, hint)

    def two(self) -> tuple[x86.Operand, x86.Operand]:
        """Both operands, at most one of them in memory."""
        self.arity(2)
        target, source = self.operands
        if isinstance(target, x86.Memory) and isinstance(source, x86.Memory):
            raise self.wrong("one instruction cannot access memory twice", "go through a register")
        return target, source

    def arity(self, count: int) -> None:
        """Raise ``Trouble`` unless there are so many operands."""
        if len(self.operands) != count:
            plural = "" if count == 1 else "s"
            message = f"{self.opcode} takes {count or 'no'} operand{plural}, not {len(self.operands)}"
            raise Trouble("arity", message, self.span)

    # -- operands ---------------------------------------------------------------------------------

    def register(self, operand: x86.Operand) -> str | None:
        """The name of a register, at the operation's width; None if the operand is something else."""
        if not isinstance(operand, x86.Named):
            return None
        name = operand.name.lower()
        found = REGISTERS.get(name)
        if found is None:
            hint = nearest(name, REGISTERS) or f"memory is written [{operand.name}]"
            raise Trouble("unknown-register", f"{operand.name!r} is no register", self.span, hint)
        return name

    def address(self, operand: x86.Memory) -> tuple[Expr, str]:
        """The address of a memory operand, and the object it lies in if that is fixed."""
        total: Expr | None = None
        objects: list[str] = []
        fixed = True
        for name, factor in operand.terms:
            register = REGISTERS.get(name.lower())
            if register is not None and register.whole == "rip":
                continue
            if register is not None:
                fixed = False
                term = Reg(register.whole) if factor == 1 else call("mul", Reg(register.whole), Const(factor))
            else:
                objects.append(name)
                term = Const(self.thread.objects.object(name))
                if factor != 1:
                    raise self.wrong(f"the address of {name!r} cannot be scaled")
            total = term if total is None else call("add", total, term)
        if len(objects) > 1 or total is None:
            raise self.wrong("an address names one object, or a register that points to one")
        if operand.displacement:
            total = call("add", total, Const(operand.displacement))
        return total, objects[0] if fixed else ""

    def cell(self, operand: x86.Memory, written: bool, bits: int = 0) -> Expr:
        """The address of a memory operand that is accessed."""
        address, name = self.address(operand)
        if name and isinstance(address, Const) and isinstance(address.value, Ptr):
            self.thread.objects.access(address.value, bits or self.bits, written, self.span)
        return address

    def value(self, operand: x86.Operand, bits: int = 0) -> Expr:
        """The value of an operand, modulo the width; memory is loaded."""
        if isinstance(operand, x86.Immediate):
            return Const(operand.value)
        if isinstance(operand, x86.Address):
            return Const(self.thread.objects.object(operand.name))
        if isinstance(operand, x86.Memory):
            into = self.thread.temporary()
            self.emit("R", Touch(self.cell(operand, False, bits), into))
            return Reg(into)
        name = self.register(operand)
        assert name is not None
        return self.thread.register(name)

    def signed(self, expr: Expr) -> Expr:
        """Wrapped to a signed number of the operation's width."""
        return self.thread.signed(expr, self.bits)

    def unsigned(self, expr: Expr) -> Expr:
        """Wrapped to an unsigned number of the operation's width."""
        return self.thread.unsigned(expr, self.bits)

    def keep(self, expr: Expr) -> Expr:
        """The expression's value now, in a local of its own."""
        kept = Reg(self.thread.temporary())
        self.thread.code.append(Set(kept.name, expr, self.span))
        return kept

    # -- effects ----------------------------------------------------------------------------------

    def emit(self, op: Op, *touches: Touch, kind: Kind = "") -> None:
        """Append a machine instruction."""
        self.thread.code.append(Emit(op, touches, kind=kind, span=self.span, text=self._text()))

    def assign(self, target: x86.Operand, value: Expr) -> None:
        """Write a register or memory."""
        if isinstance(target, x86.Memory):
            kind: Kind = "nt" if self.opcode == "movnti" else ""
            self.emit("W", Touch(self.cell(target, True), None, self.signed(value)), kind=kind)
            return
        name = self.register(target)
        if name is None:
            raise self.wrong("a constant cannot be written")
        register = REGISTERS[name]
        if register.bits != self.bits and not register.shift:  # movl %rax is movl %eax
            name = next(n for n, r in REGISTERS.items() if r == Register(register.whole, self.bits))
        self.thread.set(name, value, self.span)

    def modify(
        self,
        target: x86.Operand,
        change: Callable[[Expr], Expr],
        flags: Callable[[Expr], None] | None = None,
        locked: bool = False,
    ) -> Expr:
        """Read, set the flags, write. LOCK makes it one instant. Returns what was there in memory."""
        if isinstance(target, x86.Memory):
            old = Reg(self.thread.temporary())
            address = self.cell(target, True)
            value = self.signed(change(old))
            if locked or self.locked:
                self.emit("X", Touch(address, old.name, value))
            else:
                self.emit("R", Touch(address, old.name))
                self.emit("W", Touch(address, None, value))
            if flags:
                flags(old)
            return old
        # Flags come first: the operands may mention the register that is written.
        before = self.value(target)
        if flags:
            flags(before)
        self.assign(target, change(before))
        return before

    def flags(
        self,
        zero: Thunk | None = None,
        sign: Thunk | None = None,
        carry: Thunk | None = None,
        overflow: Thunk | None = None,
        parity: Thunk | None = None,
    ) -> None:
        """Set those flags that the column reads and the instruction changes."""
        for flag, value in ((ZF, zero), (SF, sign), (CF, carry), (OF, overflow), (PF, parity)):
            if value is not None and flag.name in self.thread.flags:
                self.thread.code.append(Set(flag.name, value(), self.span))

    def flags_of(
        self, result: Expr, carry: Thunk | None, overflow: Thunk | None, zero: Thunk | None = None
    ) -> None:
        """All flags: ZF, SF and PF by the result."""
        value = self.signed(result)

        def parity() -> Expr:
            low = call("u8", result)
            for shift in (4, 2, 1):
                low = call("bitxor", low, call("shr", low, Const(shift)))
            return call("not", call("bitand", low, _ONE))

        zero = zero or (lambda: call("eq", value, _ZERO))
        self.flags(zero, lambda: call("lt", value, _ZERO), carry, overflow, parity)

    def flags_of_sum(self, a: Expr, b: Expr) -> None:
        """The flags of ``a + b``."""
        result = call("add", a, b)
        negative = call("lt", self.signed(result), _ZERO)
        minus_a, minus_b = (call("lt", self.signed(x), _ZERO) for x in (a, b))
        self.flags_of(
            result,
            lambda: call("lt", self.unsigned(result), self.unsigned(a)),
            lambda: call("and", call("eq", minus_a, minus_b), call("ne", minus_a, negative)),
        )

    def flags_of_difference(self, a: Expr, b: Expr) -> None:
        """The flags of ``a - b``. Any two pointers can be compared for equality."""
        result = call("sub", a, b)
        x, y = self.signed(a), self.signed(b)
        self.flags_of(
            result,
            lambda: call("lt", self.unsigned(a), self.unsigned(b)),
            lambda: call("ne", call("lt", x, y), call("lt", self.signed(result), _ZERO)),
            lambda: call("eq", x, y),
        )

    # -- what they do -----------------------------------------------------------------------------

    def lower(self) -> None:
        """Append this instruction's code."""
        opcode = self.opcode
        if self.locked and (
            opcode not in LOCKABLE or not any(isinstance(o, x86.Memory) for o in self._targets())
        ):
            hint = "LOCK goes with a read-modify-write of memory"
            raise Trouble("lock", f"{opcode} cannot be locked here", self.span, hint)
        if opcode in MOVES:
            self.move()
        elif opcode in JUMPS or opcode == "jmp":
            self.jump()
        elif opcode in FENCES:
            self.arity(0)
            self.emit("F", kind=FENCES[opcode])
        elif opcode in NOTHING:
            pass
        elif opcode in FLUSHES:
            self.flush()
        elif opcode in ARITHMETIC:
            self.arithmetic()
        elif opcode in SHIFTS:
            self.shift()
        elif opcode in UNARY:
            self.unary()
        elif opcode in BITS:
            self.bit()
        else:
            {
                "movzx": self.extend, "movsx": self.extend, "lea": self.lea, "xchg": self.xchg,
                "xadd": self.xadd, "cmpxchg": self.cmpxchg, "cmp": self.compare, "test": self.compare,
                "ret": self.ret,
            }[opcode]()  # fmt: skip

    def flush(self) -> None:
        """``clflush`` and its kin: a fence of the kind that orders nothing."""
        self.arity(1)
        operand = self.operands[0]
        if not isinstance(operand, x86.Memory):
            raise self.wrong(f"{self.opcode} takes an address in memory", "write it in brackets: [x]")
        self.address(operand)
        self.emit("F", kind="clflush")

    def _targets(self) -> tuple[x86.Operand, ...]:
        """The operands that may be written to."""
        return self.operands if self.opcode in ("xchg", "xadd", "cmpxchg") else self.operands[:1]

    def jump(self) -> None:
        """``jmp`` and the conditional ones."""
        self.arity(1)
        target, labels = self.operands[0], self.thread.labels
        if not isinstance(target, x86.Named) or target.name not in labels:
            word = target.name if isinstance(target, x86.Named) else self._text()
            hint = nearest(word, labels)
            raise Trouble("unknown-label", f"P{self.thread.cpu} has no label {word!r}", self.span, hint)
        if self.opcode == "jmp":
            self.thread.code.append(Jump(target.name, self.span))
        else:
            self.thread.code.append(Branch(JUMPS[self.opcode], target.name, self.span))

    def ret(self) -> None:
        """The end of the column."""
        self.thread.returns = True
        self.thread.code.append(Jump(self.thread.END, self.span))

    def move(self) -> None:
        """``mov``: a load, a store, or neither."""
        target, source = self.two()
        thread = self.thread
        name = self.register(target)
        whole = self.bits == thread.bits or (thread.small and self.bits == 32)
        if name is not None and whole and isinstance(source, x86.Memory):
            register = REGISTERS[name].whole
            self.emit("R", Touch(self.cell(source, False), register))
            thread.written.add(register)
        else:
            self.assign(target, self.value(source))

    def extend(self) -> None:
        """``movzx``, ``movsx``: a narrower value made wider."""
        target, source = self.two()
        bits = self.source
        if not bits and isinstance(source, x86.Named):
            name = self.register(source)
            bits = REGISTERS[name].bits if name else 0
        elif not bits and isinstance(source, x86.Memory):
            bits = source.size
        if not bits or bits >= self.bits:
            raise self.wrong("the width of the source is not clear", "write movzbl, or 'byte ptr [x]'")
        wrap = self.thread.unsigned if self.opcode == "movzx" else self.thread.signed
        self.assign(target, wrap(self.value(source, bits), bits))

    def lea(self) -> None:
        """An address, without access."""
        target, source = self.two()
        if not isinstance(source, x86.Memory) or self.register(target) is None:
            raise self.wrong("lea takes an address and a register")
        self.assign(target, self.address(source)[0])

    def arithmetic(self) -> None:
        """``add``, ``sub`` and bitwise operations."""
        target, source = self.two()
        by = self.value(source)
        function = ARITHMETIC[self.opcode]

        def flags(old: Expr) -> None:
            if self.opcode == "add":
                self.flags_of_sum(old, by)
            elif self.opcode == "sub":
                self.flags_of_difference(old, by)
            else:
                self.flags_of(call(function, old, by), lambda: _ZERO, lambda: _ZERO)

        self.modify(target, lambda old: call(function, old, by), flags)

    def shift(self) -> None:
        """Shifts by a constant, or by ``cl`` where no jump reads the flags."""
        if len(self.operands) == 1:
            self.operands = (*self.operands, x86.Immediate(1))
        target, source = self.two()
        mask, bits = (63 if self.bits == 64 else 31), self.bits
        if isinstance(source, x86.Immediate):
            count: Expr = Const(source.value & mask)
        elif isinstance(source, x86.Named) and source.name.lower() == "cl":
            if self.thread.flags:
                raise Trouble("not-yet", "flags of a shift by cl are not supported yet", self.span)
            count = call("bitand", self.thread.register("cl"), Const(mask))
        else:
            raise self.wrong("a shift is by a constant or by cl")
        left = SHIFTS[self.opcode] == "shl"
        wrap = self.signed if self.opcode == "sar" else self.unsigned

        def change(old: Expr) -> Expr:
            return call("shl", old, count) if left else call("shr", wrap(old), count)

        def flags(old: Expr) -> None:
            if count == _ZERO:
                return
            result = change(old)
            # The last bit that was shifted out is a bit of what one step less gives.
            before = call("sub", count, _ONE)
            previous = call("shl", old, before) if left else call("shr", wrap(old), before)
            place = Const(bits - 1 if left else 0)
            out = call("bitand", call("shr", self.unsigned(previous), place), _ONE)
            first = call("lt", self.signed(old), _ZERO)
            after = call("lt", self.signed(result), _ZERO)
            overflow = {"shr": first, "sar": _ZERO}.get(self.opcode, call("ne", first, after))
            self.flags_of(result, lambda: out, lambda: overflow)

        self.modify(target, change, flags)

    def unary(self) -> None:
        """``inc dec neg not``."""
        self.arity(1)
        opcode, least = self.opcode, Const(-(1 << (self.bits - 1)))

        def change(old: Expr) -> Expr:
            if opcode == "neg":
                return call("neg", old)
            if opcode == "not":
                return call("inv", old)
            return call("add" if opcode == "inc" else "sub", old, _ONE)

        def flags(old: Expr) -> None:
            result = change(old)
            if opcode == "neg":
                lowest = call("eq", self.signed(old), least)
                self.flags_of(result, lambda: call("ne", self.unsigned(old), _ZERO), lambda: lowest)
            elif opcode != "not":  # CF stays
                lowest = call("eq", self.signed(result if opcode == "inc" else old), least)
                self.flags_of(result, None, lambda: lowest)

        self.modify(self.operands[0], change, flags)

    def bit(self) -> None:
        """``bt bts btr btc``: CF is the bit that was there."""
        target, source = self.two()
        index = call("bitand", self.value(source), Const(self.bits - 1))
        mask = call("shl", _ONE, index)
        function = BITS[self.opcode]

        def flags(old: Expr) -> None:
            self.flags(carry=lambda: call("bitand", call("shr", self.unsigned(old), index), _ONE))

        if not function:
            flags(self.value(target))
            return
        by = call("inv", mask) if self.opcode == "btr" else mask
        self.modify(target, lambda old: call(function, old, by), flags)

    def exchange(self) -> tuple[x86.Operand, str]:
        """The operands of ``xchg`` and its kin, in either order: the place, and a register."""
        target, source = self.two()
        if isinstance(source, x86.Memory):
            target, source = source, target
        name = self.register(source)
        if name is None:
            raise self.wrong(f"{self.opcode} takes a register, and a register or memory")
        return target, name

    def xchg(self) -> None:
        """With memory it is locked, prefix or not."""
        target, name = self.exchange()
        new = self.thread.register(name)
        if isinstance(target, x86.Memory):
            old = self.modify(target, lambda _: new, locked=True)
        else:
            old, new = self.keep(self.value(target)), self.keep(new)
            self.assign(target, new)
        self.assign(x86.Named(name), old)

    def xadd(self) -> None:
        """The sum goes to the first operand, its old value to the register."""
        target, name = self.exchange()
        by = self.thread.register(name)
        if isinstance(target, x86.Memory):
            old = self.modify(
                target, lambda old: call("add", old, by), lambda old: self.flags_of_sum(old, by)
            )
            self.assign(x86.Named(name), old)
            return
        before = self.value(target)
        self.flags_of_sum(before, by)
        total = self.keep(self.signed(call("add", before, by)))
        self.assign(x86.Named(name), before)
        self.assign(target, total)

    def cmpxchg(self) -> None:
        """Without LOCK the old value is written back when they differ (SDM vol. 2, CMPXCHG)."""
        target, name = self.exchange()
        new = self.thread.register(name)
        accumulator = {8: "al", 16: "ax", 32: "eax", 64: "rax"}[self.bits]
        wanted = self.keep(self.signed(self.thread.register(accumulator)))

        def same(old: Expr) -> Expr:
            return call("eq", self.signed(old), wanted)

        def flags(old: Expr) -> None:
            self.flags_of_difference(wanted, old)

        if isinstance(target, x86.Memory) and self.locked:
            into = self.thread.temporary()
            old: Expr = Reg(into)
            self.emit("X", Touch(self.cell(target, True), into, self.signed(new), same(old)))
            flags(old)
        elif isinstance(target, x86.Memory):
            old = self.modify(target, lambda old: call("ite", same(old), new, old), flags)
        else:
            old = self.keep(self.value(target))
            flags(old)
            self.assign(target, call("ite", same(old), new, old))
        # Only a failure writes the accumulator, and with it the upper half of rax.
        failed = call("not", same(old))
        self.thread.set(accumulator, old, self.span, failed)

    def compare(self) -> None:
        """``cmp``, ``test``: flags only."""
        target, source = self.two()
        a, b = self.value(target), self.value(source)
        if self.opcode == "cmp":
            self.flags_of_difference(a, b)
        else:
            self.flags_of(call("bitand", a, b), lambda: _ZERO, lambda: _ZERO)
