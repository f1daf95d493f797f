"""Words about per-CPU data and cpumasks that are more than a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from verifier.lower.c import types as t
from verifier.lower.c.calls import Words
from verifier.lower.c.parts import Val
from verifier.lower.code import Branch, Label, Touch
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.rows import Special, Word


class CpuWords(Words):
    """Adds per-CPU data and cpumasks to words."""

    # -- masks ------------------------------------------------------------------------------------

    def mask(self, word: Word, name: str, arguments: dict[str, ast.CExpr]) -> Val:
        parameter = next(p for p in word.parameters if p.name == name)
        given = self.argument(word, parameter, arguments[name])
        assert isinstance(given, Val)
        return given

    def bits(self, mask: Val, node: Any, joined: bool = False, start: int = 0) -> tuple[Expr, ...]:
        """The bits of a mask from ``start`` on; those in memory are read by one load, ``joined`` to what
        follows."""
        if mask.bits is not None:
            return mask.bits[start:]
        temps = [self.fresh() for _ in range(start, self.memory.cpus)]
        touches = [Touch(call("add", mask.expr, Const(k)), temp) for k, temp in enumerate(temps, start)]
        self.emit("R", node, *touches, joined=joined)
        return tuple(Reg(temp) for temp in temps)

    def _word_mask_of(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        cpu = self.argument(word, word.parameters[0], arguments["cpu"])
        assert isinstance(cpu, Val)
        self.check_cpu(cpu.expr, e.span)
        bits = tuple(call("eq", cpu.expr, Const(k)) for k in range(self.memory.cpus))
        return Val(Const(0), t.MASK, bits)

    def _word_mask_read(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        mask = self.mask(word, "m", arguments)
        if word.name == "cpumask_any_but":
            cpu = self.argument(word, word.parameters[1], arguments["cpu"])
            assert isinstance(cpu, Val)
            return Val(self._any_but(mask, cpu.expr, e), t.INT)
        result: Expr
        if word.name in ("cpumask_first", "cpumask_any"):
            return Val(self.next_cpu([mask], 0, e), t.INT)
        bits = self.bits(mask, e)
        if word.name == "cpumask_empty":
            result = call("not", call("or", *bits))
        elif word.name == "cpumask_full":
            result = call("and", *bits)
        else:  # cpumask_weight
            result = bits[0]
            for bit in bits[1:]:
                result = call("add", result, bit)
        return Val(result, t.INT)

    def next_cpu(
        self, masks: Sequence[Val], start: int, node: Any, wanted: Callable[..., Expr] = lambda bit: bit
    ) -> Expr:
        """The first CPU from ``start`` on that is ``wanted`` by its bits in the masks, or how many CPUs there
        are; one load of each mask that is in memory."""
        bits = [self.bits(mask, node, start=start) for mask in masks]
        result: Expr = Const(self.memory.cpus)
        for k in range(self.memory.cpus - 1, start - 1, -1):
            result = call("ite", wanted(*(each[k - start] for each in bits)), Const(k), result)
        return result

    def _any_but(self, mask: Val, cpu: Expr, e: ast.CallExpr) -> Expr:
        """The first CPU of a mask but ``cpu``: if ``cpu`` is the first, another load finds the next."""
        but, found, end = self.held(cpu), self.fresh(), self.fresh("any")
        self.set(found, self.next_cpu([mask], 0, e))
        self.code.append(Branch(call("ne", Reg(found), but), end, e.span))
        last: Expr = Const(self.memory.cpus)
        again = self.bits(mask, e)
        for k in range(self.memory.cpus - 1, -1, -1):
            last = call("ite", call("and", again[k], call("lt", but, Const(k))), Const(k), last)
        self.set(found, last)
        self.code.append(Label(end))
        return Reg(found)

    def _word_mask_modify(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        """BTS or BTR without LOCK: a load and a store of the whole mask, by one instruction."""
        cpu = self.argument(word, word.parameters[0], arguments["cpu"])
        assert isinstance(cpu, Val)
        self.check_cpu(cpu.expr, arguments["cpu"].span)
        mask = self.mask(word, "m", arguments)
        effect = next(x for x in word.effects if isinstance(x, Special))
        which = self.held(cpu.expr)
        bits = self.bits(mask, e, joined=True)
        changed = tuple(
            call("ite", call("eq", which, Const(k)), effect.value, bit) for k, bit in enumerate(bits)
        )
        self._write_mask(mask, changed, e)
        return Val(Const(0), t.VOID)

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
