"""Words about per-CPU data and cpumasks that are more than a row."""

from __future__ import annotations

from typing import Any

from verifier.program import c_types as t
from verifier.program.code import Touch
from verifier.program.lower_parts import Val
from verifier.program.lower_words import Words
from verifier.program.observe import Trouble
from verifier.program.rows import Word
from verifier.program.values import FALSE, TRUE, Const, Expr, Ptr, Reg, call
from verifier.syntax import ast


class CpuWords(Words):
    """Adds per-CPU data and cpumasks to words."""

    def _word_percpu_update(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        """One instruction without LOCK: a load and a store to other CPUs, but nothing in between on its
        own. That is promised of ``this_cpu_…`` alone."""
        family, _, op = word.name.partition("_cpu_")
        given = [self.value(a) for name, a in arguments.items() if name != "x"]
        place = self.of_cpu(arguments["x"], Const(self.cpu))
        irq, flags = Const(Ptr(f"{self.cpu}:irq")), self.fresh()
        if family == "this":
            self.emit("IRQ", e, Touch(irq, flags, FALSE))
        old = self.load(place, e)
        if op in ("xchg", "cmpxchg"):
            new = Val(self.storable(place, given[-1], e), place.type)
        else:
            sign = {"add": "+", "inc": "+", "sub": "-", "dec": "-", "and": "&", "or": "|"}[
                op.partition("_")[0]
            ]
            new = self.binary(sign, old, given[0] if given else Val(Const(1), t.INT), e, e)
        if op == "cmpxchg":  # it writes what it found back where that differs
            equal = call("eq", old.expr, self.storable(place, given[0], e))
            new = Val(call("ite", equal, new.expr, old.expr), place.type)
        stored = self.store(place, new, e)
        if family == "this":
            self.emit("IRQ", e, Touch(irq, None, Reg(flags)))
        if word.result == "void":
            return Val(Const(0), t.VOID)
        kept = place.type if place.type.kind == "int" else new.type
        return Val(stored, kept) if op.endswith("_return") else old

    # -- masks ------------------------------------------------------------------------------------

    def mask(self, word: Word, name: str, arguments: dict[str, ast.CExpr]) -> Val:
        parameter = next(p for p in word.parameters if p.name == name)
        given = self.argument(word, parameter, arguments[name])
        assert isinstance(given, Val)
        return given

    def bits(self, mask: Val, node: Any) -> tuple[Expr, ...]:
        """All bits of a mask; those in memory are read by one load."""
        if mask.bits is not None:
            return mask.bits
        temps = [self.fresh() for _ in range(self.memory.cpus)]
        touches = [Touch(call("add", mask.expr, Const(k)), temp) for k, temp in enumerate(temps)]
        self.emit("R", node, *touches)
        return tuple(Reg(temp) for temp in temps)

    def _word_mask_of(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        cpu = self.argument(word, word.parameters[0], arguments["cpu"])
        assert isinstance(cpu, Val)
        self.check_cpu(cpu.expr, e.span)
        bits = tuple(call("eq", cpu.expr, Const(k)) for k in range(self.memory.cpus))
        return Val(Const(0), t.MASK, bits)

    def _word_mask_read(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        bits = self.bits(self.mask(word, "m", arguments), e)
        result: Expr
        if word.name == "cpumask_empty":
            result = call("not", call("or", *bits))
        elif word.name == "cpumask_any_but":
            cpu = self.argument(word, word.parameters[1], arguments["cpu"])
            assert isinstance(cpu, Val)
            result = Const(self.memory.cpus)
            for k in range(len(bits) - 1, -1, -1):
                other = call("and", bits[k], call("ne", cpu.expr, Const(k)))
                result = call("ite", other, Const(k), result)
        elif word.name == "cpumask_full":
            result = call("and", *bits)
        elif word.name == "cpumask_weight":
            result = bits[0]
            for bit in bits[1:]:
                result = call("add", result, bit)
        else:
            result = Const(self.memory.cpus)
            for k in range(len(bits) - 1, -1, -1):
                result = call("ite", bits[k], Const(k), result)
        return Val(result, t.INT)

    def _word_mask_copy(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        to = self.mask(word, "to", arguments)
        self._write_mask(to, self.bits(self.mask(word, "m", arguments), e), e)
        return Val(Const(0), t.VOID)

    def _word_mask_combine(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        to = self.mask(word, "to", arguments)
        left, right = (self.bits(self.mask(word, name, arguments), e) for name in ("a", "b"))
        if word.name == "cpumask_andnot":
            right = tuple(call("not", bit) for bit in right)
        function = "or" if word.name == "cpumask_or" else "and"
        bits = tuple(call(function, x, y) for x, y in zip(left, right, strict=True))
        self._write_mask(to, bits, e)
        return Val(Const(0), t.VOID) if function == "or" else Val(call("or", *bits), t.INT)

    def _word_mask_clear(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        value = TRUE if word.name == "cpumask_setall" else FALSE
        self._write_mask(self.mask(word, "m", arguments), (value,) * self.memory.cpus, e)
        return Val(Const(0), t.VOID)

    def _write_mask(self, mask: Val, bits: tuple[Expr, ...], e: ast.CallExpr) -> None:
        if mask.bits is not None:
            raise Trouble("type", "this mask cannot be changed", e.span)
        touches = [Touch(call("add", mask.expr, Const(k)), None, bit) for k, bit in enumerate(bits)]
        self.emit("W", e, *touches)
