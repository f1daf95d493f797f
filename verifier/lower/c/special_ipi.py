"""Interprocessor interrupts: the kernel's calls, and bare writes of the interrupt command register."""

from __future__ import annotations

from dataclasses import dataclass, replace

from verifier.lower.c import types as t
from verifier.lower.c.parts import Place, Val
from verifier.lower.c.special_masks import CpuWords
from verifier.lower.code import Branch, Label, Target, Touch
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.ops import Kind
from verifier.program.values import Ptr, truth
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.rows import Special, Word, since


@dataclass(slots=True)
class _Call:
    """A call of functions on other CPUs: the word, its arguments, the group of its IPIs."""

    word: Word
    e: ast.CallExpr
    values: dict[str, Val]
    group: str
    sent: bool = False  # is there anybody who may be sent one?

    @property
    def function(self) -> str:
        """What is called."""
        return self.values["func"].function

    @property
    def info(self) -> Val:
        """Its argument."""
        return self.values["info"]

    @property
    def cond(self) -> str:
        """The function that is asked for each CPU, if there is one."""
        return self.values["cond"].function if "cond" in self.values else ""

    @property
    def asks(self) -> bool:
        """Does it depend on something whether this CPU is called?"""
        return bool(self.cond) or "m" in self.values

    @property
    def waits(self) -> Expr:
        """Is it waited for?"""
        wait = self.values["wait"].expr
        return Const(int(truth(wait.value))) if isinstance(wait, Const) else wait

    @property
    def own(self) -> bool:
        """Is this CPU one that may be called?"""
        return any(isinstance(effect, Special) and effect.value == TRUE for effect in self.word.effects)


class Ipis(CpuWords):
    """Adds IPIs to words."""

    def _word_call_cpus(self, word: Word, e: ast.CallExpr, arguments: dict[str, ast.CExpr]) -> Val:
        values: dict[str, Val] = {}
        for parameter in word.parameters:
            given = self.argument(word, parameter, arguments[parameter.name])
            assert isinstance(given, Val)
            values[parameter.name] = given
        for name in ("info", "wait"):
            values[name] = replace(values[name], expr=self.held(values[name].expr))
        self.shared.counter += 1
        call_ = _Call(word, e, values, f"call{self.shared.counter}")
        if "cpu" in values:
            self.check_cpu(values["cpu"].expr, arguments["cpu"].span)
            cpu = self.held(values["cpu"].expr)
            wanted = [call("eq", cpu, Const(k)) for k in range(self.memory.cpus)]
            self._send(call_, wanted)
            self._here(call_, wanted[self.cpu])
            self._wait(call_)
        else:
            self._call_many(call_)
        return Val(Const(0), t.INT)

    def _call_many(self, c: _Call) -> None:
        """``smp_call_function_many_cond()``, kernel/smp.c: whom else to call is read by one load. Whether
        this CPU is to call, too, is read before that from v5.13 to v6.16, else after the others were
        queued; up to v5.12 it calls when it has waited for the others, since then before."""
        local_first, own_first = since("v5.13"), call("and", since("v5.13"), call("not", since("v6.17")))
        mine: Expr = FALSE
        if c.own:
            mine = TRUE
            if c.asks:
                self.shared.ask_version(own_first)
                mine = self._mine(c, own_first, FALSE)
        self._send(c, list(self._bits(c)))
        if mine == TRUE or mine == FALSE:
            waits_first = mine == TRUE and c.sent and c.waits != FALSE
        else:
            mine = self._mine(c, call("not", own_first), mine)
            waits_first = c.sent and c.waits != FALSE
        if waits_first:
            self.shared.ask_version(local_first)
            self._wait(c, call("not", local_first))
        self._here(c, mine)
        self._wait(c, local_first if waits_first else TRUE)

    def _mine(self, c: _Call, when: Expr, otherwise: Expr) -> Expr:
        """Is this CPU to call? Asked where ``when`` holds, else ``otherwise``."""
        result, end = self.fresh(), self.fresh("mine")
        self.set(result, otherwise)
        self.code.append(Branch(call("not", when), end, c.e.span))
        bit: Expr = TRUE
        if "m" in c.values:
            mask = c.values["m"]
            if mask.bits is not None:
                bit = mask.bits[self.cpu]
            else:
                bit = self.load(Place(call("add", mask.expr, Const(self.cpu)), t.INT), c.e).expr
        self.set(result, self._asked(c, self.cpu, bit) if c.cond else call("bool", bit))
        self.code.append(Label(end))
        return Reg(result)

    def _bits(self, c: _Call) -> tuple[Expr, ...]:
        """Which CPUs are to be called, as far as the mask goes."""
        if "m" not in c.values:
            return (TRUE,) * self.memory.cpus
        return tuple(self.held(bit) for bit in self.bits(c.values["m"], c.e))

    def _send(self, c: _Call, wanted: list[Expr]) -> None:
        """IPIs to the other CPUs that are wanted; nothing at all, and no fence, if none is. ``cond`` is asked
        for each when those before it have been queued."""
        targets: list[Target] = []
        for k in range(self.memory.cpus):
            if k == self.cpu or wanted[k] == FALSE:
                continue
            code, register = self.handler(c.function, k, c.info, c.e.span)
            given = ((register, c.info.expr),) if register else ()
            asked = self._asked(c, k, wanted[k]) if c.cond else wanted[k]
            target = Target(k, asked, code, given, c.function)
            if c.cond:
                self._queue(c, [target])
            else:
                targets.append(target)
        if targets:
            self._queue(c, targets)

    def _queue(self, c: _Call, targets: list[Target]) -> None:
        """``llist_add()``, which is LOCK'd, for each target, if there is any."""
        some, end = call("or", *(target.guard for target in targets)), self.fresh("nobody")
        if some != TRUE:
            self.code.append(Branch(call("not", some), end, c.e.span))
        self.emit("SEND", c.e, group=c.group, targets=tuple(targets), waited=c.waits)
        self.shared.waits.add(truth(c.waits.value) if isinstance(c.waits, Const) else None)
        c.sent = True
        self.code.append(Label(end))

    def _wait(self, c: _Call, when: Expr = TRUE) -> None:
        """Wait for all that were called, if ``wait`` is set."""
        waits = call("and", c.waits, when)
        if not c.sent or waits == FALSE:
            return
        end = self.fresh("nowait")
        if waits != TRUE:
            self.code.append(Branch(call("not", waits), end, c.e.span))
        self.emit("WAIT", c.e, group=c.group)
        self.code.append(Label(end))

    def _asked(self, c: _Call, cpu: int, wanted: Expr) -> Expr:
        """Is a CPU wanted for which ``cond(cpu, info)`` holds? The sender asks."""
        result, end = self.fresh(), self.fresh("cond")
        self.set(result, FALSE)
        self.code.append(Branch(call("not", wanted), end, c.e.span))
        answer = self.inline(self.unit.functions[c.cond], [Val(Const(cpu), t.INT), c.info], c.e)
        self.set(result, call("bool", self.truth(answer, c.e)))
        self.code.append(Label(end))
        return Reg(result)

    def _here(self, c: _Call, wanted: Expr) -> None:
        """The sender's own part: the function itself, with interrupts off, and no fence."""
        if wanted == FALSE:
            return
        end, flags = self.fresh("here"), self.fresh()
        cell = Const(Ptr(f"{self.cpu}:irq"))
        if wanted != TRUE:
            self.code.append(Branch(call("not", wanted), end, c.e.span))
        self.emit("IRQ", c.e, Touch(cell, flags, FALSE))
        made = self.unit.functions[c.function]
        self.inline(made, [c.info] if made.parameters else [], c.e)
        self.emit("IRQ", c.e, Touch(cell, None, Reg(flags)))
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
        kind: Kind = "xapic" if word.name.endswith("_mmio") else "x2apic"
        self.emit("SEND", e, kind=kind, group=f"icr{self.shared.counter}", targets=tuple(targets))
        return Val(Const(0), t.VOID)
