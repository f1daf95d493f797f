"""X86 and X86_64 assembly to code.

Registers are whole: a write of ``%eax`` sets ``rax``; narrower names of one register are that register.
Values are signed numbers of the operation's width. The flags ZF, SF, CF and OF are locals, so that
conditional jumps are exact. ``movnti`` is a plain store and ``clflush`` nothing, for now: what they
order less or more is not modelled yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from verifier.errors import InputError
from verifier.program.code import Branch, Emit, Instruction, Jump, Label, Lowered, Set, Touch
from verifier.program.events import Cell
from verifier.program.observe import CellOf, Meaning, RegisterOf, Trouble, observe
from verifier.program.values import Apply, Const, Expr, Ptr, Reg, Value, call
from verifier.source import Diagnostic, Span
from verifier.syntax import condition as c
from verifier.syntax import x86
from verifier.syntax.test import Test
from verifier.syntax.trouble import nearest


def _registers() -> dict[str, tuple[str, int]]:
    """Each register's name -> its 64-bit name and its width in bits."""
    names: dict[str, tuple[str, int]] = {}
    for letter in "abcd":
        whole = f"r{letter}x"
        for name, width in (
            (whole, 64), (f"e{letter}x", 32), (f"{letter}x", 16), (f"{letter}l", 8), (f"{letter}h", 8),
        ):  # fmt: skip
            names[name] = whole, width
    for stem in ("si", "di", "bp", "sp"):
        for name, width in ((f"r{stem}", 64), (f"e{stem}", 32), (stem, 16), (f"{stem}l", 8)):
            names[name] = f"r{stem}", width
    for number in range(8, 16):
        for suffix, width in (("", 64), ("d", 32), ("w", 16), ("b", 8), ("l", 8)):
            names[f"r{number}{suffix}"] = f"r{number}", width
    for name in ("rip", "cs", "ds", "es", "fs", "gs", "ss"):
        names[name] = name, 64
    return names


REGISTERS = _registers()
SUFFIXES = {"b": 8, "w": 16, "l": 32, "q": 64}
BINARY = {
    "add": "add", "sub": "sub", "and": "bitand", "or": "bitor", "xor": "bitxor", "shl": "shl", "sal": "shl",
    "shr": "shr",
}  # fmt: skip
UNARY = frozenset({"inc", "dec", "neg", "not"})
FENCES = frozenset({"mfence", "lfence", "sfence"})
NOTHING = frozenset({"nop", "clflush", "clflushopt", "clwb", "pause", "endbr64"})
BITS = {"bt": None, "bts": "bitor", "btr": "bitand", "btc": "bitxor"}
OTHERS = frozenset({"ret", "mov", "movnti", "movnt", "lea", "xchg", "xadd", "cmpxchg", "cmp", "test", "jmp"})
LOCKABLE = frozenset({*BINARY, *UNARY, "xchg", "xadd", "cmpxchg", "bts", "btr", "btc"})

_ZF, _SF, _CF, _OF = (Reg(f"%{f}") for f in ("zf", "sf", "cf", "of"))


def _not(a: Expr) -> Expr:
    return call("not", a)


def _jumps() -> dict[str, Expr]:
    less, below = call("ne", _SF, _OF), call("bool", _CF)
    zero = call("bool", _ZF)
    plain = {
        "e": zero, "l": less, "b": below, "s": call("bool", _SF), "o": call("bool", _OF),
        "le": call("or", zero, less), "be": call("or", zero, below),
    }  # fmt: skip
    out = {f"j{k}": v for k, v in plain.items()}
    out |= {f"jn{k}": _not(v) for k, v in plain.items()}
    for alias, name in {
        "jz": "je", "jnz": "jne", "jg": "jnle", "jge": "jnl", "ja": "jnbe", "jae": "jnb", "jc": "jb", "jnc": "jnb",
        "jnae": "jb", "jnge": "jl", "jng": "jle", "jna": "jbe",
    }.items():  # fmt: skip
        out[alias] = out[name]
    return out


JUMPS = _jumps()
KNOWN = frozenset({*BINARY, *UNARY, *FENCES, *NOTHING, *BITS, *OTHERS, *JUMPS})


def lower(test: Test) -> Lowered:
    """The code of an assembly test. Raises ``InputError`` with every error of the file."""
    return _File(test).lower()


@dataclass(slots=True)
class _Thread:
    """One column while it is lowered."""

    cpu: int
    code: list[Instruction]
    labels: dict[str, str]
    written: set[str]
    temporaries: int = 0

    def temporary(self) -> str:
        self.temporaries += 1
        return f"%t{self.temporaries}"


class _File:
    def __init__(self, test: Test) -> None:
        self.test = test
        self.tree: x86.Tree = test.tree
        self.wide = test.arch == "X86_64"
        self.troubles: list[Diagnostic] = []
        self.cells: dict[Ptr, Cell] = {}
        self.names: dict[Ptr, str] = {}
        self.sizes: dict[str, tuple[int, int]] = {}  # object -> element width in bytes, elements
        self.written: list[set[str]] = []

    # -- initial state ----------------------------------------------------------------------------

    def lower(self) -> Lowered:
        starts: list[list[Instruction]] = [[] for _ in self.tree.columns]
        written: list[set[str]] = [set() for _ in self.tree.columns]
        seen: set[tuple[int | None, str]] = set()
        for item in self.tree.init:
            key = (item.cpu, self._whole(item.name) if item.cpu is not None else item.name)
            if key in seen:
                self._trouble("duplicate", f"{item.name} has two initial values", item.span)
            seen.add(key)
            if item.cpu is None:
                self._object(item)
            elif item.cpu >= len(starts) or item.name.lower() not in REGISTERS:
                what = "CPU" if item.cpu >= len(starts) else "register"
                self._trouble("unknown-name", f"there is no such {what}", item.span, nearest(item.name, REGISTERS))
            else:
                name = REGISTERS[item.name.lower()][0]
                starts[item.cpu].append(Set(name, Const(self._initial(item.value)), item.span))
                written[item.cpu].add(name)
        self.written = written
        for item in self.tree.init:
            if item.cpu is None and item.size is None:
                cell = Ptr(item.name)
                if cell in self.cells:
                    self.cells[cell] = Cell(cell, item.name, self._initial(item.value))
        threads = [
            self._thread(cpu, column, starts[cpu]) for cpu, column in enumerate(self.tree.columns)
        ]
        for place in self.tree.final.locations:
            if isinstance(place, c.Name) and place.name not in self.sizes:
                self._cell(place.name)  # named where nothing touches it: 0
        for cpu in range(len(threads)):
            irq = Ptr(f"{cpu}:irq")
            self.cells[irq] = Cell(irq, str(irq), 1, "register")
        try:
            seen_by = observe(self.tree.final, self)
        except InputError as error:
            self.troubles += error.diagnostics
        if self.troubles:
            raise InputError(self.troubles)
        return Lowered(
            threads, self.cells, seen_by.observables, seen_by.condition, seen_by.shown, seen_by.filter,
            names=self.names,
        )  # fmt: skip

    def _trouble(self, code: str, message: str, span: Span, hint: str = "") -> None:
        self.troubles.append(Diagnostic(code, message, span, hint))

    def _whole(self, name: str) -> str:
        return REGISTERS.get(name.lower(), (name, 0))[0]

    def _object(self, item: x86.Initial) -> None:
        if item.size is None:
            self._cell(item.name)
            return
        width = item.width or 4
        values = item.value if isinstance(item.value, tuple) else ()
        if len(values) > item.size or not 0 < item.size <= 64:
            self._trouble("array", f"{item.name} has {item.size} elements, not {len(values)}", item.span)
            return
        self.sizes[item.name] = (width, item.size)
        for i in range(item.size):
            cell, label = Ptr(item.name, i * width), f"{item.name}[{i}]"
            self.cells[cell] = Cell(cell, label, self._initial(values[i]) if i < len(values) else 0)
            self.names[cell] = label

    def _cell(self, name: str) -> Ptr:
        cell = Ptr(name)
        if cell not in self.cells:
            self.cells[cell] = Cell(cell, name, 0)
        return cell

    def _initial(self, value: int | str | tuple[int | str, ...] | None) -> Value:
        if value is None or isinstance(value, tuple):
            return 0
        if isinstance(value, int):
            return value
        if "[" in value:
            name, index = value[:-1].split("[")
            return Ptr(name, int(index) * self.sizes.get(name, (4, 0))[0])
        return self._cell(value)

    # -- instructions -----------------------------------------------------------------------------

    def _thread(
        self, cpu: int, column: tuple[x86.Placed, ...], start: list[Instruction]
    ) -> tuple[Instruction, ...]:
        thread = _Thread(cpu, start, {}, self.written[cpu])
        for placed in column:
            for label in placed.cell.labels:
                if label in thread.labels:
                    self._trouble("duplicate", f"label {label!r} stands twice", placed.span)
                thread.labels[label] = label
        for placed in column:
            thread.code += [Label(label) for label in placed.cell.labels]
            if placed.cell.opcode:
                try:
                    _Instruction(self, thread, placed).lower()
                except Trouble as trouble:
                    self.troubles.append(trouble.diagnostic)
        thread.code.append(Label("%end"))
        return tuple(thread.code)

    # -- names in conditions ------------------------------------------------------------------------

    def cpus(self) -> int:
        return len(self.tree.columns)

    def constant(self, name: c.Name) -> int:
        raise Trouble("unknown-name", f"{name.name!r} is no number", name.span)

    def va(self, name: c.Name) -> Ptr:
        raise Trouble("no-translation", "assembly tests have no TLB", name.span, "write an MM test")

    def page(self, operand: c.Operand) -> Value:
        raise Trouble("no-translation", "assembly tests have no pages", operand.span, "write an MM test")

    def place(self, place: c.Place, cpu: int | None) -> Meaning:
        if cpu is not None:
            return self._register(place, cpu)
        if isinstance(place, c.Name):
            if place.name in self.sizes or Ptr(place.name) not in self.cells:
                known = [p.base for p in self.cells]
                if place.name in self.sizes:
                    raise Trouble("type", f"{place.name} is an array", place.span, f"such as {place.name}[0]")
                if any(place.name == item.name for item in self.tree.init):
                    return CellOf(self._cell(place.name), f"[{place.name}]")
                raise Trouble(
                    "unknown-name", f"no instruction touches {place.name!r}", place.span, nearest(place.name, known)
                )
            return CellOf(Ptr(place.name), f"[{place.name}]")
        if isinstance(place, c.Member) and isinstance(place.base, c.Name) and isinstance(place.index, c.Number):
            width, size = self.sizes.get(place.base.name, (4, 0))
            if place.index.value < size:
                cell = Ptr(place.base.name, place.index.value * width)
                return CellOf(cell, f"{place.base.name}[{place.index.value}]")
        raise Trouble("unknown-name", "there is no such object", place.span)

    def _register(self, place: c.Place, cpu: int) -> Meaning:
        name = place.name if isinstance(place, c.Name) else ""
        if name.lower() not in REGISTERS:
            hint = nearest(name.lower(), REGISTERS)
            raise Trouble("unknown-name", f"{name!r} is no register", place.span, hint)
        whole = REGISTERS[name.lower()][0]
        if whole not in self.written[cpu]:
            raise Trouble(
                "unwritten", f"no instruction of P{cpu} writes {name}", place.span, "its value is always 0"
            )
        label = whole if self.wide else f"E{whole[1:].upper()}"
        return RegisterOf(cpu, whole, f"{cpu}:{label}")


class _Instruction:
    """One instruction: operands destination first."""

    def __init__(self, file: _File, thread: _Thread, placed: x86.Placed) -> None:
        self.file, self.thread, self.span = file, thread, placed.span
        self.cell = placed.cell
        self.text = placed.span.text.split(":")[-1].strip()
        self.opcode, self.width = self._opcode(placed.cell.opcode)
        operands = placed.cell.operands
        att = placed.cell.att or (len(operands) == 2 and isinstance(operands[0], x86.Immediate))
        self.operands = tuple(reversed(operands)) if att else operands
        if not self.width:
            self.width = next((self._size(o) for o in self.operands if self._size(o)), 32)

    def _opcode(self, word: str) -> tuple[str, int]:
        if word in KNOWN:
            return word, 0
        if word[:-1] in KNOWN and word[-1] in SUFFIXES and word[:-1] not in JUMPS:
            return word[:-1], SUFFIXES[word[-1]]
        raise Trouble("unknown-instruction", f"unknown instruction {word!r}", self.span, nearest(word, KNOWN))

    def _size(self, operand: x86.Operand) -> int:
        if isinstance(operand, x86.Named):
            return REGISTERS.get(operand.name.lower(), ("", 0))[1]
        return 0

    def arity(self, *counts: int) -> None:
        if len(self.operands) not in counts:
            wanted = " or ".join(map(str, counts))
            raise Trouble(
                "arity", f"{self.opcode} takes {wanted} operand{'s' * (counts != (1,))}, not {len(self.operands)}",
                self.span,
            )  # fmt: skip

    # -- operands ---------------------------------------------------------------------------------

    def register(self, operand: x86.Operand) -> str | None:
        """The register an operand names, whole; None if it is something else."""
        if isinstance(operand, x86.Named):
            found = REGISTERS.get(operand.name.lower())
            if found is None:
                hint = nearest(operand.name.lower(), REGISTERS) or f"memory is written [{operand.name}]"
                raise Trouble("unknown-name", f"{operand.name!r} is no register", self.span, hint)
            return found[0]
        return None

    def address(self, operand: x86.Memory) -> Expr:
        """The address of a memory operand."""
        known = REGISTERS.get(operand.base.lower())
        if known:
            base: Expr = Reg(known[0])
        else:
            name = operand.base
            if name not in self.file.sizes:
                self.file._cell(name)
            base = Const(Ptr(name))
        if operand.index:
            index = self.register(x86.Named(operand.index))
            assert index is not None
            base = call("add", base, call("mul", Reg(index), Const(operand.scale)))
        return call("add", base, Const(operand.displacement)) if operand.displacement else base

    def value(self, operand: x86.Operand) -> Expr:
        """The value of an operand; memory is loaded."""
        if isinstance(operand, x86.Immediate):
            return Const(operand.value)
        if isinstance(operand, x86.Address):
            return Const(self.file._cell(operand.name))
        if isinstance(operand, x86.Memory):
            into = self.thread.temporary()
            self.emit("R", Touch(self.address(operand), into))
            return Reg(into)
        name = self.register(operand)
        assert name is not None
        return Reg(name)

    def cut(self, expr: Expr) -> Expr:
        """Wrapped to the operation's width."""
        return expr if isinstance(expr, (Const, Reg)) else call(f"s{self.width}", expr)

    def set(self, name: str, value: Expr) -> None:
        self.thread.code.append(Set(name, value, self.span))
        if not name.startswith("%"):
            self.thread.written.add(name)

    def emit(self, op: str, *touches: Touch, kind: str = "") -> None:
        self.thread.code.append(Emit(op, touches, kind=kind, span=self.span, text=self.text))

    def flags(self, zero: Expr, sign: Expr, carry: Expr | None, overflow: Expr) -> None:
        for flag, value in ((_ZF, zero), (_SF, sign), (_CF, carry), (_OF, overflow)):
            if value is not None:
                self.set(flag.name, value)

    def result_flags(self, result: Expr, carry: Expr | None = Const(0), overflow: Expr = Const(0)) -> None:
        """ZF and SF by the result."""
        self.flags(call("eq", result, Const(0)), call("lt", result, Const(0)), carry, overflow)

    def difference_flags(self, a: Expr, b: Expr, result: Expr) -> None:
        """All four by ``a - b``."""
        less = call("lt", self.cut(a), self.cut(b))
        sign = call("lt", result, Const(0))
        below = call("lt", call(f"u{self.width}", a), call(f"u{self.width}", b))
        self.flags(call("eq", a, b), sign, below, call("ne", less, sign))

    def keep(self, expr: Expr) -> Expr:
        """The expression in a local of its own, so that it keeps its value."""
        if isinstance(expr, Const):
            return expr
        name = self.thread.temporary()
        self.set(name, expr)
        return Reg(name)

    # -- what they do -----------------------------------------------------------------------------

    def lower(self) -> None:
        opcode = self.opcode
        if self.cell.locked and (
            opcode not in LOCKABLE or not any(isinstance(o, x86.Memory) for o in self.operands)
        ):
            raise Trouble(
                "lock", f"{opcode} cannot be locked here", self.span, "LOCK goes with a read-modify-write of memory"
            )
        if opcode in JUMPS or opcode == "jmp":
            return self.jump()
        if opcode in FENCES:
            self.arity(0)
            return self.emit("F", kind=opcode)
        if opcode in NOTHING:
            return None
        if opcode == "ret":
            self.thread.code.append(Jump("%end", self.span))
            return None
        if opcode in BINARY:
            return self.binary()
        if opcode in UNARY:
            return self.unary()
        if opcode in BITS:
            return self.bit()
        if opcode in ("mov", "movnti", "movnt"):
            return self.move()
        return {
            "lea": self.lea, "xchg": self.xchg, "xadd": self.xadd, "cmpxchg": self.cmpxchg,
            "cmp": self.compare, "test": self.compare,
        }[opcode]()  # fmt: skip

    def jump(self) -> None:
        self.arity(1)
        target = self.operands[0]
        if not isinstance(target, x86.Named) or target.name not in self.thread.labels:
            word = target.name if isinstance(target, x86.Named) else self.text
            hint = nearest(word, self.thread.labels)
            raise Trouble("unknown-name", f"P{self.thread.cpu} has no label {word!r}", self.span, hint)
        if self.opcode == "jmp":
            self.thread.code.append(Jump(target.name, self.span))
        else:
            self.thread.code.append(Branch(JUMPS[self.opcode], target.name, self.span))

    def store_or_set(self, target: x86.Operand, value: Expr) -> None:
        """Write a register or memory."""
        if isinstance(target, x86.Memory):
            self.emit("W", Touch(self.address(target), None, value))
            return
        name = self.register(target)
        if name is None:
            raise Trouble("operand", "a constant cannot be written", self.span)
        self.set(name, value)

    def move(self) -> None:
        self.arity(2)
        target, source = self.operands
        if isinstance(target, x86.Memory) and isinstance(source, x86.Memory):
            raise Trouble("operand", "one instruction cannot access memory twice", self.span)
        name = self.register(target)
        if name is not None and isinstance(source, x86.Memory):
            self.emit("R", Touch(self.address(source), name))
            self.thread.written.add(name)
        else:
            self.store_or_set(target, self.value(source))

    def lea(self) -> None:
        self.arity(2)
        target, source = self.operands
        if not isinstance(source, x86.Memory):
            raise Trouble("operand", "lea takes an address", self.span)
        self.store_or_set(target, self.address(source))

    def modify(self, target: x86.Operand, change: Callable[[Expr], Expr]) -> Expr:
        """Read, change, write; what was there. LOCK makes it one instant."""
        if isinstance(target, x86.Memory):
            old = self.thread.temporary()
            address = self.keep(self.address(target))
            if self.cell.locked or self.opcode == "xchg":
                self.emit("X", Touch(address, old, change(Reg(old))))
            else:
                self.emit("R", Touch(address, old))
                self.emit("W", Touch(address, None, change(Reg(old))))
            return Reg(old)
        before = self.keep(self.value(target))
        self.store_or_set(target, change(before))
        return before

    def binary(self) -> None:
        if self.opcode in ("shl", "sal", "shr") and len(self.operands) == 1:
            self.operands = (*self.operands, x86.Immediate(1))
        self.arity(2)
        target, source = self.operands
        if isinstance(target, x86.Memory) and isinstance(source, x86.Memory):
            raise Trouble("operand", "one instruction cannot access memory twice", self.span)
        by = self.keep(self.value(source))
        function = BINARY[self.opcode]

        def change(a: Expr) -> Expr:
            if self.opcode == "shr":
                a = call(f"u{self.width}", a)
            return self.cut(call(function, a, by))

        old = self.modify(target, change)
        result = change(old)
        if self.opcode == "sub":
            self.difference_flags(old, by, result)
        elif self.opcode == "add":
            size = self.width
            carry = call("lt", call(f"u{size}", result), call(f"u{size}", old))
            overflow = call("ne", call("lt", result, old), call("lt", by, Const(0)))
            self.result_flags(result, carry, overflow)
        else:
            self.result_flags(result)

    def unary(self) -> None:
        self.arity(1)
        opcode, one = self.opcode, Const(1)
        changes: dict[str, Callable[[Expr], Expr]] = {
            "inc": lambda a: self.cut(call("add", a, one)),
            "dec": lambda a: self.cut(call("sub", a, one)),
            "neg": lambda a: self.cut(call("neg", a)),
            "not": lambda a: self.cut(call("inv", a)),
        }
        old = self.modify(self.operands[0], changes[opcode])
        result = changes[opcode](old)
        top = -(1 << (self.width - 1))
        if opcode == "inc":
            self.result_flags(result, None, call("eq", result, Const(top)))
        elif opcode == "dec":
            self.result_flags(result, None, call("eq", old, Const(top)))
        elif opcode == "neg":
            self.result_flags(result, call("ne", old, Const(0)), call("eq", result, Const(top)))

    def bit(self) -> None:
        self.arity(2)
        target, source = self.operands
        mask = self.keep(call("shl", Const(1), call("bitand", self.value(source), Const(self.width - 1))))
        function = BITS[self.opcode]
        if function is None:
            old: Expr = self.keep(self.value(target))
        else:
            by = call("inv", mask) if self.opcode == "btr" else mask
            old = self.modify(target, lambda a: self.cut(call(function, a, by)))
        self.set(_CF.name, call("ne", call("bitand", old, mask), Const(0)))

    def xchg(self) -> None:
        target, source = self.memory_first()
        name = self.register(source)
        if name is None:
            raise Trouble("operand", "xchg takes a register and memory or a register", self.span)
        new = self.keep(Reg(name))
        self.set(name, self.modify(target, lambda _: new))

    def memory_first(self) -> tuple[x86.Operand, x86.Operand]:
        """Target and source; memory can only be the target, in whichever order it is written."""
        self.arity(2)
        target, source = self.operands
        return (source, target) if isinstance(source, x86.Memory) else (target, source)

    def xadd(self) -> None:
        target, source = self.memory_first()
        name = self.register(source)
        if name is None:
            raise Trouble("operand", "xadd adds a register", self.span)
        by = self.keep(Reg(name))
        old = self.modify(target, lambda a: self.cut(call("add", a, by)))
        self.set(name, old)
        self.result_flags(self.cut(call("add", old, by)))

    def cmpxchg(self) -> None:
        target, source = self.memory_first()
        new = self.keep(self.value(source))
        compared = self.keep(Reg("rax"))
        same: Callable[[Expr], Expr] = lambda a: Apply("eq", (a, compared))  # noqa: E731
        if isinstance(target, x86.Memory) and self.cell.locked:
            into = self.thread.temporary()
            self.emit("X", Touch(self.address(target), into, new, same(Reg(into))))
            old: Expr = Reg(into)
        else:
            # Without LOCK the old value is written back when they differ (SDM vol. 2, CMPXCHG).
            old = self.modify(target, lambda a: call("ite", same(a), new, a))
        old = self.keep(old)
        self.difference_flags(compared, old, self.cut(call("sub", compared, old)))
        self.set("rax", call("ite", same(old), compared, old))

    def compare(self) -> None:
        self.arity(2)
        a, b = (self.keep(self.value(o)) for o in self.operands)
        if self.opcode == "cmp":
            self.difference_flags(a, b, self.cut(call("sub", a, b)))
        else:
            self.result_flags(self.cut(call("bitand", a, b)))


def instructions() -> Iterator[str]:
    """All instructions understood, without their suffixes."""
    yield from sorted(KNOWN)
