"""Interprocessor interrupts: the kernel's calls, and bare writes of the interrupt command register."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import check_cpu, load, truth_of
from verifier.lower.c.arguments import given
from verifier.lower.c.bodies import handler, inline
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.parts import MemoryPlace, Val
from verifier.lower.c.special_masks import bits_of
from verifier.lower.code import Assume, Branch, Emit, Label, Target, Touch
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.values import Ptr, truth
from verifier.records import dataclass, replace
from verifier.syntax.trouble import Trouble
from verifier.words.rows import since


@dataclass(slots=True)
class _Call:
    """A call of functions on other CPUs: the word, its arguments, the group of its IPIs."""

    use: SpecialCall
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
        return self.use.special.value == TRUE


def call_cpus(b: BodyCode, use: SpecialCall) -> Val:
    """``smp_call_function_single()`` and similar words."""
    values = {p.name: given(b, use, p.name) for p in use.word.parameters}
    for name in ("info", "wait"):
        values[name] = replace(values[name], expr=b.held(values[name].expr))
    b.shared.counter += 1
    c = _Call(use, values, f"call{b.shared.counter}")
    if "cpu" in values:
        check_cpu(b, values["cpu"].expr, use.arguments["cpu"].span)
        cpu = b.held(values["cpu"].expr)
        wanted = [call("eq", cpu, Const(k)) for k in range(b.memory.cpus)]
        send(b, c, wanted)
        call_here(b, c, wanted[b.cpu])
        wait(b, c)
    else:
        if c.cond and len(use.e.arguments) > len(use.word.parameters):
            ask_all(b, c)
        call_many(b, c)
    return Val(Const(0), t.INT)


def ask_all(b: BodyCode, c: _Call) -> None:
    """``on_each_cpu_cond_mask()`` up to v5.6, kernel/smp.c: it asks for all CPUs, makes a mask of that,
    and only then calls those of the mask."""
    wanted = wanted_bits(b, c)
    bits = tuple(asked(b, c, cpu, wanted[cpu]) for cpu in range(b.memory.cpus))
    c.values["m"] = Val(Const(0), t.MASK, bits)
    del c.values["cond"]


def call_many(b: BodyCode, c: _Call) -> None:
    """``smp_call_function_many_cond()``, kernel/smp.c: whom else to call is read by one load. Whether
    this CPU is to call, too, is read before that from v5.13 to v6.16, else after the others were
    queued; up to v5.12 it calls when it has waited for the others, since then before."""
    local_first, own_first = since("v5.13"), call("and", since("v5.13"), call("not", since("v6.17")))
    mine: Expr = FALSE
    if c.own:
        mine = TRUE
        if c.asks:
            b.shared.ask_version(own_first)
            mine = asked_first(b, c, own_first, FALSE)
    send(b, c, list(wanted_bits(b, c)))
    if mine == TRUE or mine == FALSE:
        waits_first = mine == TRUE and c.sent and c.waits != FALSE
    else:
        mine = asked_first(b, c, call("not", own_first), mine)
        waits_first = c.sent and c.waits != FALSE
    if waits_first:
        b.shared.ask_version(local_first)
        wait(b, c, call("not", local_first))
    call_here(b, c, mine)
    wait(b, c, local_first if waits_first else TRUE)


def asked_first(b: BodyCode, c: _Call, when: Expr, otherwise: Expr) -> Expr:
    """Is this CPU to call? Asked where ``when`` holds, else ``otherwise``."""
    result, end = b.fresh(), b.fresh("mine")
    b.set(result, otherwise)
    b.code.append(Branch(call("not", when), end, c.use.e.span))
    bit: Expr = TRUE
    if "m" in c.values:
        mask = c.values["m"]
        if mask.bits is not None:
            bit = mask.bits[b.cpu]
        else:
            bit = load(b, MemoryPlace(call("add", mask.expr, Const(b.cpu)), t.INT), c.use.e).expr
    b.set(result, asked(b, c, b.cpu, bit) if c.cond else call("bool", bit))
    b.code.append(Label(end))
    return Reg(result)


def wanted_bits(b: BodyCode, c: _Call) -> tuple[Expr, ...]:
    """Which CPUs are to be called, as far as the mask goes."""
    if "m" not in c.values:
        return (TRUE,) * b.memory.cpus
    return tuple(b.held(bit) for bit in bits_of(b, c.values["m"], c.use.e))


def send(b: BodyCode, c: _Call, wanted: list[Expr]) -> None:
    """IPIs to the other CPUs that are wanted; nothing at all, and no fence, if none is. ``cond`` is asked
    for each when those before it have been queued."""
    targets: list[Target] = []
    for k in range(b.memory.cpus):
        if k == b.cpu or wanted[k] == FALSE:
            continue
        target = handler(b, c.function, k, c.info, span=c.use.e.span)
        target = target._replace(guard=asked(b, c, k, wanted[k]) if c.cond else wanted[k])
        if c.cond:
            queue(b, c, [target])
        else:
            targets.append(target)
    if targets:
        queue(b, c, targets)


def queue(b: BodyCode, c: _Call, targets: list[Target]) -> None:
    """``llist_add()``, which is LOCK'd, for each target, if there is any."""
    some, end = call("or", *(target.guard for target in targets)), b.fresh("nobody")
    if some != TRUE:
        b.code.append(Branch(call("not", some), end, c.use.e.span))
    b.emit("SEND", c.use.e, group=c.group, targets=tuple(targets), waited=c.waits)
    b.shared.waits.add(truth(c.waits.value) if isinstance(c.waits, Const) else None)
    c.sent = True
    b.code.append(Label(end))


def wait(b: BodyCode, c: _Call, when: Expr = TRUE) -> None:
    """Wait for all that were called, if ``wait`` is set."""
    waits = call("and", c.waits, when)
    if not c.sent or waits == FALSE:
        return
    end = b.fresh("nowait")
    if waits != TRUE:
        b.code.append(Branch(call("not", waits), end, c.use.e.span))
    b.emit("WAIT", c.use.e, group=c.group)
    b.code.append(Label(end))


def asked(b: BodyCode, c: _Call, cpu: int, wanted: Expr) -> Expr:
    """Is a CPU wanted for which ``cond(cpu, info)`` holds? The sender asks."""
    result, end = b.fresh(), b.fresh("cond")
    b.set(result, FALSE)
    b.code.append(Branch(call("not", wanted), end, c.use.e.span))
    answer = inline(b, b.unit.functions[c.cond], [Val(Const(cpu), t.INT), c.info], c.use.e)
    b.set(result, call("bool", truth_of(answer, c.use.e)))
    b.code.append(Label(end))
    return Reg(result)


def call_here(b: BodyCode, c: _Call, wanted: Expr) -> None:
    """The sender's own part: the function itself, with interrupts off, and no fence."""
    if wanted == FALSE:
        return
    end, flags = b.fresh("here"), b.fresh()
    cell = Const(Ptr(f"{b.cpu}:irq"))
    if wanted != TRUE:
        b.code.append(Branch(call("not", wanted), end, c.use.e.span))
    b.emit("IRQ", c.use.e, Touch(cell, flags, FALSE), told=False)
    made = b.unit.functions[c.function]
    inline(b, made, [c.info] if made.parameters else [], c.use.e)
    b.emit("IRQ", c.use.e, Touch(cell, None, Reg(flags)), told=False)
    b.code.append(Label(end))


def call_rcu(b: BodyCode, use: SpecialCall) -> Val:
    """The callback comes when the grace period has ended. One of RCU is an interrupt on this CPU. One of the
    ``srcu_struct`` that the word takes runs in a workqueue, and those of one CPU one after the other."""
    domain = tuple(Touch(given(b, use, p.name).expr) for p in use.word.parameters if p.kind == "domain")
    x, func = (given(b, use, p.name) for p in use.word.parameters if p.kind != "domain")
    x = replace(x, expr=b.held(x.expr), data=False)
    cpu = b.memory.worker((b.cpu, *domain)) if domain else b.cpu
    target = handler(b, func.function, cpu, x, span=use.e.span)
    b.shared.counter += 1
    b.emit("SEND", use.e, *domain, kind="rcu", group=f"rcu{b.shared.counter}", targets=(target,))
    return Val(Const(0), t.VOID)


def halt(b: BodyCode, use: SpecialCall) -> Val:
    """HLT; STI and HLT at one instant, as no interrupt comes behind the STI. It ends when one has come."""
    if b.interrupting:
        hint = "interrupts do not interrupt each other here, so nothing would end it but an NMI"
        raise Trouble("halt", f"{use.word.name} in a handler is not supported", use.e.span, hint)
    halted, found = Const(b.memory.halts(b.cpu)), b.fresh()
    if use.special.value == TRUE:
        irq = Const(Ptr(f"{b.cpu}:irq"))
        b.emit("IRQ", use.e, Touch(irq, None, TRUE), Touch(halted, None, TRUE), kind="hlt")
    else:
        b.emit("HLT", use.e, Touch(halted, None, TRUE))
    b.emit("R", use.e, Touch(halted, found), kind="hlt")
    woken = call("eq", Reg(found), FALSE)
    look = b.code[-1]
    assert isinstance(look, Emit)
    b.code.append(Assume(woken, b.span(use.e), "halt", "in a halt", (look,)))
    return Val(Const(0), t.VOID)


def icr(b: BodyCode, use: SpecialCall) -> Val:
    """A bare write: nothing is waited for, the handler's argument is NULL. ``value``: of an NMI."""
    nmi = use.special.value == TRUE
    cpu, func = (given(b, use, p.name) for p in use.word.parameters)
    check_cpu(b, cpu.expr, use.arguments["cpu"].span)
    to = b.held(cpu.expr)
    targets: list[Target] = []
    for k in range(b.memory.cpus):
        wanted = call("eq", to, Const(k))
        if wanted == FALSE:
            continue
        target = handler(b, func.function, k, Val(FALSE, t.ANY), span=use.e.span)
        targets.append(target._replace(guard=wanted, nmi=nmi))
    b.shared.counter += 1
    b.emit("SEND", use.e, kind=use.special.kind, group=f"icr{b.shared.counter}", targets=tuple(targets))
    return Val(Const(0), t.VOID)
