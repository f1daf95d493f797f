"""Small programs for the tests of both judges: functions to write them by hand, and random programs.

A random program is made by choices. The generator makes each of them by a ``Draw``, which picks one of
several things by a ``random.Random`` or by Hypothesis.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from verifier.lower.code import (
    Assume,
    Branch,
    Emit,
    Instruction,
    Jump,
    Label,
    Lowered,
    PendingHandler,
    Target,
    Touch,
)
from verifier.lower.unroll import unroll
from verifier.program.events import Cell, Observable, Program, World
from verifier.program.expressions import FALSE, TRUE, Apply, Const, Expr, Obs, Reg
from verifier.program.profiles import CALL_QUEUE
from verifier.program.values import FAULT, Ptr, Value
from verifier.source import Source, Span

T = TypeVar("T")

DATA = ("x", "y", "z")
PAGES = ("A", "B")
MMS = ("N", "M")
VAS = ("v", "w")


def lit(name: str) -> Const:
    """The address of the cell with this name, or the handle."""
    return Const(Ptr(name))


def pte(mm: str, va: str) -> Ptr:
    """The address of a page-table entry."""
    return Ptr(f"pte({mm}, {va})")


# -- instructions ------------------------------------------------------------------------------------


def read(reg: str, x: Expr) -> Emit:
    """``reg = *x``"""
    return Emit("R", (Touch(x, reg),), text=f"{reg} = {x}")


def write(x: Expr, value: Expr) -> Emit:
    """``*x = value``"""
    return Emit("W", (Touch(x, None, value),), text=f"{x} = {value}")


def rmw(reg: str, x: Expr, value: Expr, when: Expr = TRUE) -> Emit:
    """LOCK'd read-modify-write; ``value`` and ``when`` may mention ``reg``."""
    return Emit("X", (Touch(x, reg, value, when),), text=f"{reg} = xchg({x}, {value}) if {when}")


def modify(reg: str, x: Expr, value: Expr) -> list[Instruction]:
    """A read-modify-write by one instruction without LOCK."""
    return [read(reg, x)._replace(joined=True), write(x, value)]


def fence(kind: str = "mfence") -> Emit:
    """A fence instruction."""
    return Emit("F", kind=kind, text=kind)


def vread(reg: str, va: Expr) -> Emit:
    """``reg = *va``, translated."""
    return Emit("R", (Touch(va, reg),), virtual=True, text=f"{reg} = *{va}")


def vwrite(va: Expr, value: Expr) -> Emit:
    """``*va = value``, translated."""
    return Emit("W", (Touch(va, None, value),), virtual=True, text=f"*{va} = {value}")


def vrmw(reg: str, va: Expr, value: Expr) -> Emit:
    """LOCK'd read-modify-write, translated."""
    return Emit("X", (Touch(va, reg, value),), virtual=True, text=f"{reg} = xchg(*{va}, {value})")


def translate(reg: str, va: Expr) -> Emit:
    """``reg = translate(va)``"""
    return Emit("T", (Touch(va, reg),), virtual=True, text=f"{reg} = translate({va})")


def cr3(cpu: int, root: Expr, serializing: bool = True) -> Emit:
    """``load_cr3(root)``"""
    touch = Touch(lit(f"{cpu}:cr3"), None, root)
    return Emit("CR3", (touch,), kind="cr3", serializing=serializing, text=f"load_cr3({root}) {serializing}")


def invlpg(va: Expr) -> Emit:
    """``invlpg(va)``"""
    return Emit("INV", kind="invlpg", va=va, serializing=True, text=f"invlpg({va})")


def flush() -> Emit:
    """``flush_tlb_local()``"""
    return Emit("INV", kind="local", serializing=True, text="flush_tlb_local()")


def irq(cpu: int, on: int) -> Emit:
    """``local_irq_enable()`` or ``local_irq_disable()``"""
    return Emit("IRQ", (Touch(lit(f"{cpu}:irq"), None, Const(on)),), text=f"irq {on}")


def send(group: str, *targets: Target, waited: bool | None = None) -> Emit:
    """One IPI to each target whose guard holds. ``waited``: does the sender wait? None: it never asks."""
    asked = None if waited is None else Const(int(waited))
    return Emit("SEND", group=group, targets=targets, waited=asked, text=f"send {group}")


def wait(group: str) -> Emit:
    """Wait for the handlers of a group."""
    return Emit("WAIT", group=group, text=f"wait {group}")


def reader(kind: str) -> Emit:
    """``rcu_read_lock()`` or ``rcu_read_unlock()``"""
    return Emit("RCU", kind=kind, text=f"rcu {kind}")


def srcu_lock(domain: str, index: str) -> Emit:
    """``index = srcu_read_lock(domain)``, without its fence"""
    return Emit("RCU", (Touch(lit(domain), index),), kind="lock", text=f"{index} = srcu lock {domain}")


def srcu_unlock(domain: str, index: str) -> Emit:
    """``srcu_read_unlock(domain, index)``, without its fence"""
    touch = Touch(lit(domain), None, Reg(index))
    return Emit("RCU", (touch,), kind="unlock", text=f"srcu unlock {domain} {index}")


def grace(domain: str = "", kind: str = "start") -> list[Instruction]:
    """``synchronize_rcu()``, ``synchronize_srcu(domain)``; with ``barrier``, ``rcu_barrier()``"""
    touches = (Touch(lit(domain)),) if domain else ()
    return [Emit("GP", touches, kind=k, text=f"grace period {domain} {k}") for k in (kind, "end")]


def call_rcu(group: str, target: Target, domain: str = "") -> Emit:
    """``call_rcu(x, f)``, ``call_srcu(domain, x, f)``"""
    touches = (Touch(lit(domain)),) if domain else ()
    text = f"call_rcu {group} {domain}"
    return Emit("SEND", touches, kind="rcu", group=group, targets=(target,), text=text)


def sysret() -> Emit:
    """The end of a handler by SYSRET in place of IRET."""
    return Emit("SYSRET", text="sysret")


# -- tests -------------------------------------------------------------------------------------------


def lowered(
    *threads: Sequence[Instruction],
    init: dict[str, Value] | None = None,
    regs: Sequence[str] = (),
    mem: Sequence[str] = (),
    tlb: Sequence[tuple[int, str, str]] = (),
    cached: Sequence[tuple[int, str, str]] = (),
    irq_off: Sequence[int] = (),
    cr3s: Sequence[str] = (),
    translated: bool = False,
) -> Lowered:
    """A test over the cells ``DATA`` and, with ``translated``, over pages and page tables.

    ``regs`` are observed registers such as ``0:r0``, ``mem`` observed cells, ``tlb`` observed
    translations; ``cached`` is what TLBs hold at the start, ``cr3s`` every CPU's first root.
    """
    init = init or {}
    cells = [Cell(Ptr(n), n, init.get(n, 0)) for n in DATA]
    for cpu in range(len(threads)):
        name = f"{cpu}:irq"
        cells.append(Cell(Ptr(name), name, int(cpu not in irq_off), "register"))
        if translated:
            root = cr3s[cpu] if cpu < len(cr3s) else MMS[0]
            cells.append(Cell(Ptr(f"{cpu}:cr3"), f"{cpu}:cr3", Ptr(root), "register"))
    if translated:
        for n, page in enumerate(PAGES):
            cells.append(Cell(Ptr(f"{page}.data"), f"{page}.data", init.get(f"{page}.data", n + 1)))
        for mm in MMS:
            for va in VAS:
                at = pte(mm, va)
                cells.append(Cell(at, at.base, init.get(at.base, 0), "pte"))
    observables = [Observable("reg", name, int(name.split(":")[0]), Reg(name.split(":")[1])) for name in regs]
    observables += [Observable("mem", name, cell=Ptr(name)) for name in mem]
    observables += [
        Observable("tlb", f"{cpu}:tlb[{va} -> {page}]", cpu, va=Ptr(va), page=Ptr(page))
        for cpu, va, page in tlb
    ]
    return Lowered(
        [tuple(t) for t in threads],
        World(
            len(threads),
            {c.ptr: c for c in cells},
            tlb=[(cpu, 0, Ptr(va), Ptr(page)) for cpu, va, page in cached],
            vas=[Ptr(va) for va in VAS] if translated else [],
            entries={(Ptr(mm), Ptr(va)): pte(mm, va) for mm in MMS for va in VAS},
        ),
        observables,
        TRUE,
        list(range(len(observables))),
    )


def program(*threads: Sequence[Instruction], bound: int = 2, **more: Any) -> Program:
    """``lowered``, and unrolled."""
    return unroll(lowered(*threads, **more), bound)


def with_ever(test: Lowered, expr: Callable[..., Expr], *instants: Observable, at: int = 0) -> None:
    """Add ``ever (expr(Obs, Obs, …))`` over ``instants`` to the observables of a test."""
    first = len(test.observables)
    test.observables += [replace(o, at=at) for o in instants]
    condition = expr(*(Obs(first + i) for i in range(len(instants))))
    test.shown.append(len(test.observables))
    test.observables.append(Observable("ever", f"ever {at}", expr=condition, at=at))


# -- random programs ---------------------------------------------------------------------------------


KINDS = (
    "R",
    "W",
    "X",
    "cas",
    "F",
    "if",
    "assume",
    "loop",
    "vR",
    "vW",
    "vX",
    "T",
    "pte",
    "pteX",
    "inv",
    "cr3",
)


class Draw(Protocol):
    """A source of choices."""

    def __call__(self, options: Sequence[Any], /) -> Any: ...


def drawing(seed: int) -> Draw:
    """A source of choices that depend only on a seed."""
    return random.Random(seed).choice


@dataclass(slots=True)
class _Body:
    """A body that is being made: its instructions, and the registers that have a value."""

    code: list[Instruction]
    regs: list[str]
    fresh: int = 0


class Generator:
    """Random tests of up to three CPUs, small enough for both judges.

    ``kind`` is ``plain`` (x86-TSO alone), ``mmu`` (translation), ``ipi`` (interrupts), ``all``, ``rcu``
    (RCU, sometimes with interrupts), or ``srcu`` (SRCU beside it). All kinds with interrupts have NMIs, too.
    """

    def __init__(self, draw: Draw, kind: str) -> None:
        self.draw = draw
        self.kind = kind
        self.mmu = kind in ("mmu", "all")
        self.rcu = kind in ("rcu", "srcu")
        self.domains: Sequence[str] = draw((("s", "s", ""), ("s", "t"), ("s",))) if kind == "srcu" else ("",)
        self.ipi = kind in ("ipi", "all") or (self.rcu and draw((False, True)))
        self.labels = 0
        self.groups = 0
        self.sections = 0
        self.values = 0
        self.cpus = draw((2, 2, 2, 3)) if kind != "plain" else draw((2, 2, 3))
        # Each program has only a few of all kinds of things, so that rare combinations occur.
        self.data: Sequence[str] = draw((DATA[:2], DATA[:2], DATA))
        self.vas: Sequence[str] = draw((VAS[:1], VAS[:1], VAS))
        self.mms: Sequence[str] = draw((MMS[:1], MMS[:1], MMS))
        self.left_out = {k for k in KINDS if draw((False, True))}

    def test(self) -> Lowered:
        """A whole test."""
        draw, cpus = self.draw, self.cpus
        length = 4 + 2 * (cpus == 2)
        names = [f"r{i}" for i in range(3)]
        bodies = [_Body([], []) for _ in range(cpus)]
        if draw((False, True)):
            self.crossing(bodies)
            length -= 3
        for cpu, body in enumerate(bodies):
            for _ in range(draw(range(length // 2, length + 1))):
                self.instruction(body, cpu, "thread")
        if self.rcu:
            self.protect(bodies)
        threads = [body.code for body in bodies]
        init: dict[str, Value] = {}
        if draw((False, False, True)):
            init["x"] = Ptr(draw(DATA))
        cached = []
        if self.mmu:
            for mm in MMS:
                for va in VAS:
                    page = draw((0, *PAGES))
                    init[f"pte({mm}, {va})"] = page if isinstance(page, int) else Ptr(page)
            cached = [(draw(range(cpus)), draw(self.vas), draw(PAGES)) for _ in range(draw((0, 0, 1)))]
        tlb = (
            [(draw(range(cpus)), draw(self.vas), draw(PAGES)) for _ in range(draw((0, 1, 2)))]
            if self.mmu
            else []
        )
        mem = [*DATA, *(f"{p}.data" for p in PAGES if self.mmu)]
        mem += [f"{c}:irq" for c in range(cpus) if self.ipi] + [f"{c}:cr3" for c in range(cpus) if self.mmu]
        if self.mmu:
            mem += [pte(MMS[0], VAS[0]).base]
        test = lowered(
            *threads,
            init=init,
            regs=[f"{c}:{n}" for c in range(cpus) for n in names],
            mem=[m for m in mem if draw((True, True, False))],
            tlb=list(dict.fromkeys(tlb)),
            cached=cached,
            irq_off=[c for c in range(cpus) if draw((False,) * 5 + (True,))] if self.ipi else (),
            cr3s=[draw(self.mms) for _ in range(cpus)],
            translated=self.mmu,
        )
        if self.ipi and draw((False, False, True)):
            self.nmi(test)
        if self.ipi and draw((False,) * 4 + (True,)):
            self.pending(test)
        if self.kind != "plain" and draw((False, False, True)):
            self.ever(test)
        if draw((False, False, True)):
            test.shown = test.shown[len(test.shown) // 2 :]
        if self.ipi and draw((False, True)):
            test.world = replace(test.world, versions=frozenset((CALL_QUEUE,)))
        test.condition = self.proposition(test)
        if draw((False,) * 7 + (True,)):
            test.filter = self.proposition(test)
        return test

    def nmi(self, test: Lowered) -> None:
        """One NMI, sometimes two, that read, write, and sometimes start something."""
        for cpu, code in self.interrupts():
            test.nmis.append((cpu, code))

    def pending(self, test: Lowered) -> None:
        """One handler that is pending from the start, sometimes two."""
        span = Span(Source("random", ""), 0, 0)
        for n, (cpu, code) in enumerate(self.interrupts()):
            test.pending.append(PendingHandler(cpu, f"pending{n}", code, (), span))

    def interrupts(self) -> Iterator[tuple[int, tuple[Instruction, ...]]]:
        """One interrupt, sometimes two: the CPU that it comes to, and what it does."""
        for _ in range(self.draw((1, 1, 1, 2))):
            cpu, body = self.draw(range(self.cpus)), _Body([], [])
            self.look(body, lit(self.draw(self.data)))
            if self.draw((True, False)):
                self.instruction(body, cpu, "handler")
            body.code.append(write(lit(DATA[2]), _digest(body.regs[0])))
            if self.draw((False,) * 4 + (True,)):
                self.start(body, cpu)
            yield cpu, tuple(body.code)

    def start(self, body: _Body, cpu: int) -> None:
        """A callback or an IPI: a handler or an NMI may start these."""
        if self.rcu and self.draw((False, True)):
            self.callback(body, cpu, len(body.code))
        elif self.groups < 2:
            self.send(body, cpu)

    def protect(self, bodies: list[_Body]) -> None:
        """Put read-side sections around some instructions, and add a grace period or a callback.

        They may stand anywhere, also in branches and loops, so that some never begin and some never end.
        """
        draw = self.draw
        for cpu, body in enumerate(bodies):
            for _ in range(draw((1, 1, 2) if self.kind == "rcu" else (1, 2, 2))):
                what = (
                    "reader",
                    "reader",
                    "waits",
                    "calls",
                    "nothing",
                    "turns",
                    *(("off",) if self.ipi else ()),
                )
                choice = draw(what)
                at, end = sorted(draw(_places(body.code)) for _ in range(2))
                domain = draw(self.domains)
                if choice == "reader" and domain:
                    self.srcu_section(body, domain)
                elif choice == "reader":
                    body.code.insert(end, reader("unlock"))
                    body.code.insert(at, reader("lock"))
                elif choice == "off":
                    body.code.insert(end, irq(cpu, 1))
                    body.code.insert(at, irq(cpu, 0))
                elif choice == "waits":
                    start = draw(("start", "start", "barrier")) if self.kind == "srcu" else "start"
                    body.code[at:at] = grace(domain, start)
                elif choice == "turns":
                    body.code[at:at] = self.turns(cpu)
                elif choice == "calls":
                    self.callback(body, cpu, at)

    def srcu_section(self, body: _Body, domain: str) -> None:
        """A section of SRCU, whose unlock surely has the index of its lock; sometimes with the fences."""
        code = body.code
        at = self.draw(_places(code))
        end = self.draw([i for i in _places(code) if i >= at and _closed(code[at:i], code)])
        self.sections += 1
        index = f"i{self.sections}"
        full = self.draw((True, False))
        fences = [Emit("F", kind="lock", text="smp_mb()")] if full else []
        if self.draw((True,) * 7 + (False,)):
            code[end:end] = [*fences, srcu_unlock(domain, index)]
        code[at:at] = [srcu_lock(domain, index), *fences]

    def turns(self, cpu: int) -> list[Instruction]:
        """A loop that contains a section, a part of a section, or a grace period."""
        again = _Body([], [])
        self.loop(again)
        inside = self.draw(
            (
                [reader("lock")],
                [reader("lock"), reader("unlock")],
                [reader("unlock"), reader("lock")],
                grace(),
            )
        )
        at = self.draw(range(1, len(again.code)))
        return [*again.code[:at], *inside, *again.code[at:]]

    def callback(self, body: _Body, cpu: int, at: int) -> None:
        """``call_rcu()``; its callback may start something itself."""
        draw = self.draw
        callback = _Body([], [])
        for _ in range(draw((1, 2))):
            self.instruction(callback, cpu, "handler")
        self.groups += 1
        group = f"g{self.groups}"
        if draw((False,) * 5 + (True,)):
            self.start(callback, cpu)
        if draw((False, False, False, True)):
            callback.code.append(sysret())
        target = Target(cpu, TRUE, tuple(callback.code), (), "callback")
        body.code.insert(at, call_rcu(group, target, draw(self.domains)))

    def proposition(self, test: Lowered) -> Expr:
        """A proposition about the observables of a final state."""
        draw = self.draw
        atoms = [
            Apply(draw(("eq", "ne")), (Obs(draw(test.shown)), Const(draw((0, 0, 1, 2, FAULT)))))
            for _ in range(draw((1, 2, 3)))
        ]
        return Apply(draw(("and", "or")), tuple(atoms))

    def ever(self, test: Lowered) -> None:
        """Ask about one instant of the run."""
        draw = self.draw
        cell, other = draw(self.data), draw((*self.data, "0:irq"))
        instants = [Observable("mem", cell, cell=Ptr(cell)), Observable("mem", other, cell=Ptr(other))]
        if self.mmu and draw((True, False)):
            cpu, va, page = draw(range(self.cpus)), draw(self.vas), draw(PAGES)
            instants[1] = Observable("tlb", f"{cpu}:tlb[{va} -> {page}]", cpu, va=Ptr(va), page=Ptr(page))
        want = draw((1, 2))
        with_ever(
            test,
            lambda a, b: Apply("and", (Apply("eq", (a, Const(want))), Apply("bool", (b,)))),
            *instants,
        )

    def crossing(self, bodies: list[_Body]) -> None:
        """Two CPUs that each store to one place and read the other: a store buffer shows in this shape.

        The second CPU may read in a handler, and both may read through a translation.
        """
        draw = self.draw
        entry = Const(pte(MMS[0], VAS[0]))
        places: list[Expr] = [lit(x) for x in self.data]
        if self.mmu:
            places += [entry, lit(f"{PAGES[0]}.data")]
        here = draw(places)
        there = draw([p for p in places if p != here])
        handler = _Body([], [])
        if self.ipi and draw((False, True)):
            self.look(handler, there)
            handler.code.append(write(lit(DATA[2]), _digest(handler.regs[0])))
            bodies[0].code.append(send("g0", Target(1, TRUE, tuple(handler.code), (), "handler")))
        for cpu, mine, other in ((0, there, here), (1, here, there)):
            body = bodies[cpu]
            if mine == entry:
                page = draw((0, *PAGES))
                body.code.append(write(mine, Const(page if isinstance(page, int) else Ptr(page))))
            else:
                body.code.append(write(mine, self.value(body)))
            between = draw(("nothing", "fence", "fence", "something", *(("use",) if mine == entry else ())))
            if between == "fence":
                body.code.append(fence())
            elif between == "something":
                self.instruction(body, cpu, "if")
            elif between == "use":
                body.code.append(translate(self.into(body), lit(VAS[0])))
            if cpu == 0 or not handler.code:
                self.look(body, other)

    def look(self, body: _Body, place: Expr) -> None:
        """Read a place: an entry, or the content of a page, sometimes through a translation."""
        reg = self.into(body)
        if not isinstance(place, Const) or str(place.value) in DATA or self.draw((False, True)):
            body.code.append(read(reg, place))
        else:
            body.code.append(self.draw((translate(reg, lit(VAS[0])), vread(reg, lit(VAS[0])))))
        body.regs.append(reg)

    def value(self, body: _Body) -> Expr:
        """Something to store."""
        choice = self.draw(("new", "new", "reg", "sum", "one", "pointer"))
        if choice == "one":
            return Const(1)
        if choice == "pointer":
            return lit(self.draw(self.data))
        if choice == "new" or not body.regs:
            self.values += 1
            return Const(self.values)
        reg = Reg(self.draw(body.regs))
        return reg if choice == "reg" else _digest(reg.name)

    def target(self, body: _Body) -> Expr:
        """A cell of plain data; sometimes its address is computed."""
        x, y = self.draw(self.data), self.draw(self.data)
        if body.regs and self.draw((False, False, False, True)):
            reg = Reg(self.draw(body.regs))
            if self.draw((False, True)):
                known = Apply("or", (Apply("eq", (reg, lit(x))), Apply("eq", (reg, lit(y)))))
                return Apply("ite", (known, reg, lit(DATA[2])))
            return Apply("ite", (Apply("eq", (reg, Const(self.draw((0, 1))))), lit(x), lit(y)))
        return lit(x)

    def into(self, body: _Body) -> str:
        """A register to read into. There are three, which are used again and again."""
        reg = f"r{body.fresh % 3}"
        body.fresh += 1
        return reg

    def instruction(self, body: _Body, cpu: int, where: str) -> None:
        """Append one instruction, or a few that belong together."""
        draw, code = self.draw, body.code
        kinds = ["R", "R", "W", "W", "W", "X", "cas", "F", "if", "if"]
        if where == "thread":
            kinds += [draw(("assume", "loop", "R"))]
        if self.mmu:
            kinds += ["vR", "vR", "vW", "vX", "T", "T", "pte", "pte", "pte", "pteX", "inv", "inv", "cr3"]
        if self.ipi and where == "thread":
            kinds += ["send", "send", "send", "irq", "irq", "modify"]
        if where == "if":
            kinds = [k for k in kinds if k not in ("if", "loop", "send")]
            kinds += ["send"] if self.ipi and self.groups < 2 and not self.mmu else []
        kind = draw([k for k in kinds if k not in self.left_out] or ["R", "W"])
        if kind == "R":
            reg = self.into(body)
            code.append(read(reg, self.target(body)))
            body.regs.append(reg)
        elif kind == "W":
            weak = "nt" if self.rcu and draw((False,) * 5 + (True,)) else ""
            code.append(write(self.target(body), self.value(body))._replace(kind=weak))
        elif kind in ("X", "cas"):
            when = TRUE if kind == "X" else Apply("eq", (Reg(f"r{body.fresh % 3}"), Const(draw((0, 1)))))
            x, value = self.target(body), self.value(body)
            reg = self.into(body)
            code.append(rmw(reg, x, value, when))
            body.regs.append(reg)
        elif kind == "modify":
            x, reg = self.target(body), self.into(body)
            code.extend(modify(reg, x, _digest(reg)))
            body.regs.append(reg)
        elif kind == "F":
            code.append(fence(draw(("mfence", "mfence", "lfence", "sfence"))))
        elif kind == "if":
            self.branch(body, cpu)
        elif kind == "assume":
            if body.regs:
                code.append(Assume(Apply("ne", (Reg(draw(body.regs)), Const(draw((0, 1)))))))
        elif kind == "loop":
            self.loop(body)
        elif kind in ("vR", "T", "vX"):
            va, value = self.va(body), self.value(body)
            reg = self.into(body)
            code.append(
                vread(reg, va)
                if kind == "vR"
                else translate(reg, va)
                if kind == "T"
                else vrmw(reg, va, value)
            )
            if kind != "T":
                body.regs.append(reg)
        elif kind == "vW":
            code.append(vwrite(self.va(body), self.value(body)))
        elif kind in ("pte", "pteX"):
            self.entry(body, kind)
        elif kind == "inv":
            code.append(draw((invlpg(self.va(body)), invlpg(lit(draw(self.vas))), flush())))
            if draw((False, True)):
                self.translation(body)
        elif kind == "cr3":
            code.append(cr3(cpu, lit(draw(self.mms)), draw((True, True, False))))
        elif kind == "send":
            self.send(body, cpu)
        elif kind == "irq":
            code.append(irq(cpu, draw((0, 1, 1))))

    def translation(self, body: _Body) -> None:
        """``r = translate(v)``"""
        body.code.append(translate(self.into(body), lit(self.draw(self.vas))))

    def va(self, body: _Body) -> Expr:
        """A virtual address, sometimes computed."""
        v, w = self.draw(self.vas), self.draw(self.vas)
        if body.regs and self.draw((False, False, False, False, True)):
            return Apply("ite", (Apply("eq", (Reg(self.draw(body.regs)), Const(0))), lit(v), lit(w)))
        return lit(v)

    def entry(self, body: _Body, kind: str) -> None:
        """Write a page-table entry."""
        draw = self.draw
        at = Const(pte(draw(self.mms), draw(self.vas)))
        page = draw((0, *PAGES))
        value = Const(page if isinstance(page, int) else Ptr(page))
        if kind == "pte":
            body.code.append(write(at, value))
        else:
            body.code.append(rmw(self.into(body), at, value))

    def condition(self, body: _Body) -> Expr:
        """Something to branch on."""
        if not body.regs:
            body.code.append(read("r0", lit(self.draw(self.data))))
            body.regs.append("r0")
        function = self.draw(("eq", "ne"))
        return Apply(function, (Reg(self.draw(body.regs)), Const(self.draw((0, 1)))))

    def branch(self, body: _Body, cpu: int) -> None:
        """``if (c) { … }``, sometimes with an ``else``."""
        self.labels += 1
        other, end = f"else{self.labels}", f"end{self.labels}"
        body.code.append(Branch(self.condition(body), other))
        known = list(body.regs)
        self.instruction(body, cpu, "if")
        if self.draw((True, False)):
            body.code += [Jump(end), Label(other)]
            self.instruction(body, cpu, "if")
        else:
            body.code.append(Label(other))
        body.code.append(Label(end))
        body.regs = known

    def loop(self, body: _Body) -> None:
        """``do reg = *x; while (reg == c)``, cut at the bound."""
        self.labels += 1
        label = f"again{self.labels}"
        reg = self.into(body)
        body.code += [
            Label(label),
            read(reg, lit(self.draw(self.data))),
            Branch(Apply("eq", (Reg(reg), Const(self.draw((0, 1))))), label),
        ]
        body.regs.append(reg)

    def send(self, body: _Body, cpu: int) -> None:
        """IPIs to one or more other CPUs, with a small handler, sometimes waited for."""
        draw = self.draw
        self.groups += 1
        kind = draw(("", "", "", "x2apic", "xapic"))
        nmi = bool(kind) and draw((False, True))
        targets = []
        others = [c for c in range(self.cpus) if c != cpu]
        if nmi and draw((False, False, True)):
            others = [cpu]
        for target in others if len(others) == 1 or draw((False, False, True)) else [draw(others)]:
            handler = _Body([], [])
            initial: tuple[tuple[str, Expr], ...] = ()
            if not kind and draw((True, False)):
                initial = (("r0", self.value(body)),)
                handler.regs.append("r0")
                handler.fresh = 1
            for _ in range(draw((1, 1, 2))):
                self.instruction(handler, target, "handler")
            if handler.regs and draw((False, True)):
                # Only the handler itself sees what it read.
                handler.code.append(write(lit(DATA[2]), _digest(handler.regs[-1])))
            if not nmi and draw((False, False, True)):
                handler.code.append(sysret())
            guard: Expr = TRUE
            if body.regs and draw((False, True)):
                guard = Apply(draw(("eq", "ne")), (Reg(draw(body.regs)), Const(0)))
            if guard != FALSE:
                targets.append(Target(target, guard, tuple(handler.code), initial, "handler", nmi=nmi))
        group = f"g{self.groups}"
        waited = None if kind else draw((None, False, True))
        body.code.append(send(group, *targets, waited=waited)._replace(kind=kind))
        if not nmi and draw((True, False)):
            body.code.append(wait(group))


def _places(code: list[Instruction]) -> list[int]:
    """The places for an insertion: outside ``synchronize_rcu()`` and its kin, and between instructions."""
    split = [isinstance(x, Emit) and (x.joined or (x.op == "GP" and x.kind != "end")) for x in code]
    return [i for i in range(len(code) + 1) if not (i and split[i - 1])]


def _closed(part: list[Instruction], code: list[Instruction]) -> bool:
    """Does no jump lead into a part of this code, or out of it?"""

    def jumps(lines: list[Instruction]) -> list[str]:
        return [x.target for x in lines if isinstance(x, Jump | Branch)]

    labels = {x.name for x in part if isinstance(x, Label)}
    inside = jumps(part)
    return set(inside) <= labels and all(jumps(code).count(x) == inside.count(x) for x in labels)


def _digest(reg: str) -> Expr:
    """A value that is never 0, and differs by whether a register is 0."""
    return Apply("ite", (Apply("eq", (Reg(reg), Const(0))), Const(7), Const(8)))


def random_test(draw: Draw, kind: str) -> Lowered:
    """A random test of one of the kinds of ``Generator``."""
    return Generator(draw, kind).test()


def describe(test: Program) -> str:
    """A program in full, for the report of a disagreement."""
    out = [f"cells { ({c.name: str(c.init) for c in test.cells.values()}) }", f"cached {test.tlb}"]
    for body in test.bodies:
        out.append(f"body {body.id}: {body.kind} on CPU {body.cpu}, if {body.guard}")
        for event in body.events:
            slots = [a.slot for a in event.accesses]
            out.append(f"    {event.id}: {event.op} {event.text}  slots {slots}, if {event.guard}")
    out.append(f"assumes {test.assumes}")
    out.append(f"cuts {test.cuts}")
    out.append(f"condition {test.condition}, filter {test.filter}")
    out.append(f"shown {[test.observables[i].label for i in test.shown]}")
    return "\n".join(out)
