"""Interprocessor interrupts: the kernel's calls, and bare writes of the interrupt command register."""

from __future__ import annotations

from verifier.program import c_types as t
from verifier.program.code import Branch, Label, Target, Touch
from verifier.program.lower_masks import CpuWords
from verifier.program.lower_parts import Val
from verifier.program.observe import Trouble
from verifier.program.rows import Word
from verifier.program.values import FALSE, TRUE, Const, Expr, Ptr, Reg, call, truth
from verifier.syntax import ast


class Ipis(CpuWords):
    """Adds IPIs to words."""

    def _word_call_cpus(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        values: dict[str, Val] = {}
        for parameter in word.parameters:
            given = self.argument(word, parameter, arguments[parameter.name])
            assert isinstance(given, Val)
            values[parameter.name] = given
        function, info = values["func"].function, values["info"]
        info = Val(self.held(info.expr), info.type, info.bits, info.function)
        everyone = range(self.memory.cpus)
        wanted: list[Expr] = [TRUE for _ in everyone]
        if "cpu" in values:
            self.check_cpu(values["cpu"].expr, arguments["cpu"].span)
            cpu = self.held(values["cpu"].expr)
            wanted = [call("eq", cpu, Const(k)) for k in everyone]
        elif "m" in values:
            wanted = [self.held(bit) for bit in self.bits(values["m"], e)]
        cond = values["cond"].function if "cond" in values else ""
        if cond:
            wanted = [b if k == self.cpu else self._asked(cond, k, b, info, e) for k, b in enumerate(wanted)]
        if word.name in ("smp_call_function_many", "smp_call_function"):
            wanted[self.cpu] = FALSE
        targets: list[Target] = []
        for k in everyone:
            if k != self.cpu and wanted[k] != FALSE:
                code, register = self.handler(function, k, info, e.span)
                given_locals = ((register, info.expr),) if register else ()
                targets.append(Target(k, wanted[k], code, given_locals, function))
        self.shared.counter += 1
        group = f"call{self.shared.counter}"
        if targets:
            self.emit("SEND", e, group=group, targets=tuple(targets))
        if cond:  # as kernel/smp.c: when the others have been sent theirs
            wanted[self.cpu] = self._asked(cond, self.cpu, wanted[self.cpu], info, e)
        if wanted[self.cpu] != FALSE:
            self._here(function, info, wanted[self.cpu], e)
        wait = values["wait"].expr
        if targets and not (isinstance(wait, Const) and not truth(wait.value)):
            end = self.fresh("nowait")
            if not isinstance(wait, Const):
                self.code.append(Branch(call("not", wait), end, e.span))
            self.emit("WAIT", e, group=group)
            self.code.append(Label(end))
        return Val(Const(0), t.INT)

    def _asked(self, function: str, cpu: int, wanted: Expr, info: Val, e: ast.CallExpr) -> Expr:
        """Is a CPU wanted for which ``cond(cpu, info)`` holds? The sender asks."""
        result, end = self.fresh(), self.fresh("cond")
        self.set(result, FALSE)
        self.code.append(Branch(call("not", wanted), end, e.span))
        answer = self.inline(self.unit.functions[function], [Val(Const(cpu), t.INT), info], e)
        self.set(result, call("bool", self.truth(answer, e)))
        self.code.append(Label(end))
        return Reg(result)

    def _here(self, function: str, info: Val, wanted: Expr, e: ast.CallExpr) -> None:
        """The sender's own part: the function itself, with interrupts off."""
        end, flags = self.fresh("here"), self.fresh()
        cell = Const(Ptr(f"{self.cpu}:irq"))
        if wanted != TRUE:
            self.code.append(Branch(call("not", wanted), end, e.span))
        self.emit("IRQ", e, Touch(cell, flags, FALSE))
        made = self.unit.functions[function]
        self.inline(made, [info] if made.parameters else [], e)
        self.emit("IRQ", e, Touch(cell, None, Reg(flags)))
        self.code.append(Label(end))

    def _word_call_rcu(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        """The callback is an interrupt on this CPU that comes when the grace period has ended."""
        x, func = (self.argument(word, p, arguments[p.name]) for p in word.parameters)
        assert isinstance(x, Val) and isinstance(func, Val)
        x = Val(self.held(x.expr), x.type, x.bits, x.function)
        code, register = self.handler(func.function, self.cpu, x, e.span)
        given = ((register, x.expr),) if register else ()
        self.shared.counter += 1
        target = Target(self.cpu, TRUE, code, given, func.function)
        self.emit("SEND", e, kind="rcu", group=f"rcu{self.shared.counter}", targets=(target,))
        return Val(Const(0), t.VOID)

    def _word_icr(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        """A bare write: nothing is waited for, the handler's argument is NULL."""
        cpu, func = (self.argument(word, p, arguments[p.name]) for p in word.parameters)
        assert isinstance(cpu, Val) and isinstance(func, Val)
        self.check_cpu(cpu.expr, arguments["cpu"].span)
        to = self.held(cpu.expr)
        targets: list[Target] = []
        for k in range(self.memory.cpus):
            wanted = call("eq", to, Const(k))
            if wanted == FALSE:
                continue
            if k == self.cpu and wanted == TRUE:
                raise Trouble("self-ipi", "a CPU's interrupt to itself is not supported", e.span)
            if k != self.cpu:
                code, register = self.handler(func.function, k, Val(FALSE, t.ANY), e.span)
                info: tuple[tuple[str, Expr], ...] = ((register, FALSE),) if register else ()
                targets.append(Target(k, wanted, code, info, func.function))
        self.shared.counter += 1
        kind = "xapic" if word.name.endswith("_mmio") else "x2apic"
        self.emit("SEND", e, kind=kind, group=f"icr{self.shared.counter}", targets=tuple(targets))
        return Val(Const(0), t.VOID)
