"""One x86 instruction while it is lowered: its operands, what it writes, and the flags it sets.

Operands are values modulo two to the operation's width; they are wrapped where it matters: in what
is written, compared and shifted to the right.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from verifier.lower.code import Emit, SetRegister, Touch
from verifier.lower.x86.refused import unknown
from verifier.lower.x86.table import CF, OF, PF, REGISTER_NAMES, SF, SHIFTS, ZF, RegisterName, decode
from verifier.lower.x86.thread import Column, RegisterAccess
from verifier.program.expressions import TRUE, Const, Expr, Reg, call
from verifier.program.ops import Kind, Op
from verifier.program.values import UNDEF, Ptr
from verifier.syntax import x86
from verifier.syntax.trouble import Trouble, nearest

ZERO, ONE = Const(0), Const(1)
Thunk = Callable[[], Expr]


class X86Instruction:
    """One instruction; its operands destination first."""

    def __init__(self, thread: Column, placed: x86.Placed) -> None:
        self.thread, self.span = thread, placed.span
        cell = placed.cell
        opcode = decode(cell.opcode)
        if opcode is None:
            raise unknown(cell.opcode, self.span)
        self.opcode, self.bits, self.source = opcode
        self.locked, self.text = cell.locked, cell.text
        operands = cell.operands
        if cell.att or (len(operands) == 2 and isinstance(operands[0], x86.Immediate)):
            operands = operands[::-1]
        self.operands = operands
        self.bits = self.bits or self._guess()
        self.beyond: Expr = ZERO  # bytes from where the memory operand is to what is accessed

    def _guess(self) -> int:
        """The width of an instruction without a suffix: its first register's, its memory's, or 32."""
        operands = self.operands[:1] if self.opcode in SHIFTS else self.operands  # cl has its own
        for operand in operands:
            register = REGISTER_NAMES.get(operand.name.lower()) if isinstance(operand, x86.Named) else None
            if register is not None:
                return register.bits
        for operand in operands:
            if isinstance(operand, x86.Memory):
                names = [name for name, _ in operand.terms if name.lower() not in REGISTER_NAMES]
                bits = operand.size or max(map(self.thread.objects.width, names), default=0)
                if bits:
                    return bits
        return 32

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
        found = REGISTER_NAMES.get(name)
        if found is None:
            hint = nearest(name, REGISTER_NAMES) or f"write [{operand.name}] for the memory"
            raise Trouble("unknown-register", f"{operand.name!r} is not a register", self.span, hint)
        return name

    def address(self, operand: x86.Memory, taken: bool = False) -> tuple[Expr, str]:
        """The address of a memory operand, and the object it lies in if that is fixed. ``taken``: it becomes
        a value."""
        total: Expr | None = None
        objects: list[str] = []
        fixed = True
        for name, factor in operand.terms:
            register = REGISTER_NAMES.get(name.lower())
            if register is not None and register.whole == "rip":
                continue
            if register is not None:
                fixed = False
                term = Reg(register.whole) if factor == 1 else call("mul", Reg(register.whole), Const(factor))
            else:
                objects.append(name)
                term = Const(self.thread.objects.taken(name) if taken else self.thread.objects.object(name))
                if factor != 1:
                    raise self.wrong(f"the address of {name!r} cannot be scaled")
            total = term if total is None else call("add", total, term)
        if len(objects) > 1 or total is None:
            raise self.wrong("an address names one object, or a register that points to one")
        if operand.displacement:
            total = call("add", total, Const(operand.displacement))
        return total, objects[0] if fixed else ""

    def on_stack(self) -> bool:
        """Does it access the stack? It does by a stack pointer that the test gives no value."""
        memory = [o for o in self.operands if isinstance(o, x86.Memory)]
        names = {name.lower() for o in memory for name, _ in o.terms}
        pointers = {n for n in names if n in REGISTER_NAMES and REGISTER_NAMES[n].whole == "rsp"}
        return bool(pointers) and "rsp" not in self.thread.written

    def cell(self, operand: x86.Memory, written: bool, bits: int = 0) -> Expr:
        """The address of a memory operand that is accessed."""
        address, name = self.address(operand)
        if name and isinstance(address, Const) and isinstance(address.value, Ptr):
            self.thread.objects.access(address.value, bits or self.bits, written, self.span)
        return address if self.beyond == ZERO else call("add", address, self.beyond)

    def value(self, operand: x86.Operand, bits: int = 0) -> Expr:
        """The value of an operand, modulo the width; memory is loaded."""
        if isinstance(operand, x86.Immediate):
            return Const(operand.value)
        if isinstance(operand, x86.Address):
            return Const(self.thread.objects.taken(operand.name))
        if isinstance(operand, x86.Memory):
            into = self.thread.temporary()
            self.emit("R", Touch(self.cell(operand, False, bits), into), bits=bits)
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
        self.thread.code.append(SetRegister(kept.name, expr, self.span))
        return kept

    # -- effects ----------------------------------------------------------------------------------

    def emit(self, op: Op, *touches: Touch, kind: Kind = "", bits: int = 0) -> None:
        """Append a machine instruction. ``bits``: of its access, if they are not the operation's."""
        if any([type(t.addr) is not Const for t in touches]):
            written = any([t.value is not None for t in touches])
            self.thread.through.append(RegisterAccess(len(self.thread.code), bits or self.bits, written))
        self.thread.code.append(Emit(op, touches, kind=kind, span=self.span, text=self.text))

    def assign(self, target: x86.Operand, value: Expr, kind: Kind = "", when: Expr = TRUE) -> None:
        """Write a register, if ``when``, or memory; ``kind``: of the store."""
        if isinstance(target, x86.Memory):
            self.emit("W", Touch(self.cell(target, True), None, self.signed(value)), kind=kind)
            return
        name = self.register(target)
        if name is None:
            raise self.wrong("a constant cannot be written")
        register = REGISTER_NAMES[name]
        if register.bits != self.bits and not register.shift:  # movl %rax is movl %eax
            name = next(n for n, r in REGISTER_NAMES.items() if r == RegisterName(register.whole, self.bits))
        self.thread.set(name, value, self.span, when)

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
                self.thread.code.append(SetRegister(flag.name, value(), self.span))

    def forget_flags(self) -> None:
        """The flags are what no test knows."""
        unknown = Const(UNDEF)
        self.flags(*[lambda: unknown] * 5)

    def flags_of(
        self, result: Expr, carry: Thunk | None, overflow: Thunk | None, zero: Thunk | None = None
    ) -> None:
        """All flags: ZF, SF and PF by the result."""
        value = self.signed(result)

        def parity() -> Expr:
            low = call("u8", result)
            for shift in (4, 2, 1):
                low = call("bitxor", low, call("shr", low, Const(shift)))
            return call("not", call("bitand", low, ONE))

        zero = zero or (lambda: call("eq", value, ZERO))
        self.flags(zero, lambda: call("lt", value, ZERO), carry=carry, overflow=overflow, parity=parity)

    def flags_of_sum(self, a: Expr, b: Expr, carry: Expr = ZERO) -> None:
        """The flags of ``a + b``, or of that and a carry."""
        result = call("add", call("add", a, b), carry)
        negative = call("lt", self.signed(result), ZERO)
        minus_a, minus_b = (call("lt", self.signed(x), ZERO) for x in (a, b))
        out = call("lt", self.unsigned(result), self.unsigned(a))
        if carry != ZERO:
            whole = call("add", call("add", self.unsigned(a), self.unsigned(b)), carry)
            out = call("lt", Const((1 << self.bits) - 1), whole)
        self.flags_of(
            result,
            lambda: out,
            lambda: call("and", call("eq", minus_a, minus_b), call("ne", minus_a, negative)),
        )

    def flags_of_difference(self, a: Expr, b: Expr, borrow: Expr = ZERO) -> None:
        """The flags of ``a - b``, or of that less a borrow. Any two pointers can be compared for equality."""
        result = call("sub", call("sub", a, b), borrow)
        x, y = self.signed(a), self.signed(b)
        less = call("lt", x, y)
        zero: Thunk | None = partial(call, "eq", x, y)
        if borrow != ZERO:
            less, zero = call("lt", x, call("add", y, borrow)), None
        self.flags_of(
            result,
            lambda: call("lt", self.unsigned(a), call("add", self.unsigned(b), borrow)),
            lambda: call("ne", less, call("lt", self.signed(result), ZERO)),
            zero,
        )
