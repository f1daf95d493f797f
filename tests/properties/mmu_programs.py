"""Random programs over the whole MMU: two levels, PCIDs, attributes, every system instruction.

Compared with ``programs``, these are smaller and have a simpler control flow: few branches and no loops.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.properties.programs import Draw, fence, lit, pte, read, rmw, write
from verifier.lower.code import Branch, Emit, Instruction, Label, Lowered, Target, Touch
from verifier.program.events import Cell, Observable, World
from verifier.program.expressions import TRUE, Apply, Const, Expr, Obs, Reg
from verifier.program.invalidations import INVALIDATIONS
from verifier.program.profiles import CHOICES, PROFILES, Switches
from verifier.program.values import (
    CLEAN,
    FAULT,
    GLOBAL,
    NOT_PRESENT,
    NX,
    PROTNONE,
    RO,
    SUPERVISOR,
    SWAP,
    UNACCESSED,
    Ptr,
    Value,
    make_entry,
)

PAGES = ("A", "B")
MMS = ("N", "M")
TABLES = ("T", "U")
FOCI = ("walks", "tags", "rights", "marks", "fetch", "broadcast", "icr", "stores", "absent", "all")


def random_switches(draw: Draw) -> Switches:
    """A profile, sometimes with another value of one switch."""
    chosen = PROFILES[draw(("generic", "generic", "intel", "amd", "sparc64", "sc"))]
    if draw((False, True)):
        name = draw([n for n in Switches._fields if n not in ("store_buffer", "spontaneous")])
        old = getattr(chosen, name)
        new = draw(CHOICES[name]) if name in CHOICES else not old
        chosen = chosen._replace(**{name: new})
    return chosen


class MmuGenerator:
    """Makes one random test. ``focus`` is its main subject."""

    def __init__(self, draw: Draw, focus: str) -> None:
        self.draw = draw
        self.focus = focus
        self.cpus = draw((2, 2, 2, 3, 1))
        self.levels = draw((1, 2, 2)) if focus in ("walks", "all", "tags") else draw((1, 1, 1, 2))
        self.tagged = focus == "tags" or draw((False, False, True))
        self.vas: Sequence[str] = draw((("v",), ("v",), ("v", "w")))
        self.side_by_side = draw((False, True))  # v and w have one upper entry
        self.mms: Sequence[str] = draw((MMS[:1], MMS))
        self.pages: Sequence[str] = draw((PAGES, PAGES[:1]))
        self.bits = {
            "rights": (0, RO, SUPERVISOR, NX),
            "marks": (0, UNACCESSED, CLEAN, UNACCESSED | CLEAN, CLEAN | RO),
            "tags": (0, GLOBAL),
            "absent": (0, 0, PROTNONE, PROTNONE | UNACCESSED | CLEAN, SWAP | GLOBAL, UNACCESSED, CLEAN),
            "all": (0, 0, RO, GLOBAL, UNACCESSED, CLEAN),
        }.get(focus, (0,))
        self.cacheable = tuple(b for b in self.bits if not b & (UNACCESSED | NOT_PRESENT))
        self.count = 0
        self.labels = 0
        self.sent = 0

    # -- values -----------------------------------------------------------------------------------

    def content(self) -> Value:
        """A content for a leaf entry."""
        page = self.draw((0, *self.pages, *self.pages))
        return 0 if page == 0 else make_entry(Ptr(page), self.draw(self.bits))

    def upper(self) -> Value:
        """A content for an upper entry; sometimes a large page."""
        to = self.draw((0, *TABLES, *TABLES, self.pages[0]))
        bits = tuple(b for b in self.bits if not b & (CLEAN | GLOBAL))
        return 0 if to == 0 else make_entry(Ptr(to), self.draw(bits))

    def number(self) -> int:
        """A new value."""
        self.count += 1
        return self.count

    def leaf(self) -> Ptr:
        """A leaf entry."""
        return pte(self.draw(TABLES if self.levels == 2 else self.mms), self.draw(self.vas))

    def entry(self) -> tuple[Ptr, Value]:
        """An entry, and a content for it."""
        if self.levels == 2 and self.draw((False, True)):
            return self.cell(self.draw(self.mms), self.draw(self.vas)), self.upper()
        return self.leaf(), self.content()

    def cell(self, mm: str, va: str) -> Ptr:
        """The entry of an mm. With ``side_by_side``, all addresses have the same one."""
        return pte(mm, self.vas[0] if self.levels == 2 and self.side_by_side else va)

    def pcid(self) -> int:
        return self.draw((1, 2)) if self.tagged else 0

    # -- instructions -----------------------------------------------------------------------------

    def invalidation(self, op: str, cpu: int, kind: str, va: Expr, *, serializing: bool) -> Emit:
        """An invalidation with the operands that its row names. INV reads the PCID if there is one."""
        named, touches = INVALIDATIONS[kind], ()
        p = Const(self.pcid())
        if op == "INV" and self.tagged:
            touches = (Touch(lit(f"{cpu}:pcid"), f"p{self.number()}"),)
        of = va if named.va else None, p if named.pcid else None
        text = f"{op} {kind} {of}"
        return Emit(op, touches, kind=kind, va=of[0], pcid=of[1], serializing=serializing, text=text)

    def instruction(self, cpu: int, regs: list[str], inside: bool = False) -> list[Instruction]:
        """One instruction."""
        draw = self.draw
        own = {
            "walks": ("inv", "inv", "cr3"),
            "tags": ("cr3", "cr3", "inv", "inv"),
            "rights": ("user", "vW", "ifv", "inv"),
            "marks": ("vW", "vW", "look", "look", "inv"),
            "fetch": ("if", "if", "code", "code", "ser", "jmp"),
            "broadcast": ("binv", "binv", "sync", "sync", "vW"),
            "icr": ("send", "send", "F", "F"),
            "stores": ("nt", "nt", "nt", "F", "F"),
            "absent": ("vW", "look", "inv", "inv"),
            "all": ("inv", "cr3", "binv", "sync", "if", "code", "ser", "nt", "user", "vW", "F"),
        }[self.focus]
        common: Sequence[str] = ("pte", "pte", "vR", "vR", "T", "R", "W", "X")
        if self.focus in ("icr", "stores", "fetch"):
            common = ("R", "R", "W", "W", "X", "pte", "T")
        kind = draw((*own, *own, *common))
        if inside and kind == "send":
            kind = "R"
        return self.make(kind, cpu, regs)

    def into(self, regs: list[str]) -> str:
        reg = f"r{len(regs)}"
        regs.append(reg)
        return reg

    def make(self, kind: str, cpu: int, regs: list[str]) -> list[Instruction]:
        """The instruction of a kind."""
        draw = self.draw
        va = lit(draw(self.vas))
        if kind in ("pte", "look"):
            at, value = self.entry()
            if kind == "look":
                return [
                    draw((read(self.into(regs), Const(at)), rmw(self.into(regs), Const(at), Const(value))))
                ]
            return [write(Const(at), Const(value))]
        if kind in ("vR", "user", "T", "ifv"):
            op = {"T": "T", "ifv": "IF"}.get(kind, "R")
            text = f"{kind} {va}"
            touch = Touch(va, self.into(regs))
            return [Emit(op, (touch,), virtual=True, kind="user" if kind == "user" else "", text=text)]
        if kind == "vW":
            touch = Touch(va, None, Const(self.number()))
            if draw((True, True, False)):
                return [Emit("W", (touch,), virtual=True, text=f"*{va} = {touch.value}")]
            return [Emit("X", (touch._replace(into=self.into(regs)),), virtual=True, text=f"xchg {va}")]
        if kind == "inv":
            which = draw(("invlpg", "invlpg", "local", "all", "invpcid0", "invpcid1", "invpcid2", "invpcid3"))
            return [self.invalidation("INV", cpu, which, va, serializing=draw((True, True, True, False)))]
        if kind == "cr3":
            touches = (Touch(lit(f"{cpu}:cr3"), None, lit(draw(self.mms))),)
            if self.tagged:
                touches += (Touch(lit(f"{cpu}:pcid"), None, Const(self.pcid())),)
            how = draw(("cr3", "noflush")) if self.tagged else "cr3"
            return [Emit("CR3", touches, kind=how, serializing=True, text=f"{how} {touches}")]
        if kind == "binv":
            which = f"broadcast-{draw(('va', 'final', 'pcid', 'all'))}"
            return [self.invalidation("BINV", cpu, which, va, serializing=False)]
        if kind == "sync":
            return [Emit("TLBSYNC", serializing=True, text="tlbsync")]
        if kind == "ser":
            return [Emit("SER", kind=draw(("cpuid", "serialize")), serializing=True, text="serialize")]
        if kind == "jmp":
            return [Emit("JMP", text="jump")]
        if kind == "F":
            return [fence(draw(("mfence", "mfence", "lfence", "sfence")))]
        if kind == "if":
            return [Emit("IF", (Touch(lit("code"), self.into(regs)),), text="ifetch")]
        if kind == "code":
            touch = Touch(lit("code"), None, Const(self.number()))
            return [Emit("W", (touch,), kind=draw(("", "alias")), text=f"code = {touch.value}")]
        if kind == "nt":
            touch = Touch(lit(draw(("x", "y"))), None, Const(self.number()))
            return [Emit("W", (touch,), kind="nt", text=f"nt {touch.addr} = {touch.value}")]
        if kind == "send":
            return self.send(cpu)
        x = lit(draw(("x", "y", "A.data")))
        if kind == "R":
            return [read(self.into(regs), x)]
        if kind == "X":
            return [rmw(self.into(regs), x, Const(self.number()))]
        return [write(x, Const(self.number()))]

    def send(self, cpu: int) -> list[Instruction]:
        """A bare ICR write or a call, with a handler that reads something."""
        others = [c for c in range(self.cpus) if c != cpu]
        if not others or self.sent == 2:
            return [fence("mfence")]
        self.sent += 1
        to = self.draw(others)
        code: list[Instruction] = list(self.make(self.draw(("R", "R", "inv", "T")), to, []))
        if isinstance(code[0], Emit) and code[0].op in ("R", "T") and code[0].touches[0].into:
            seen = Apply("ite", (Apply("eq", (Reg(code[0].touches[0].into), Const(0))), Const(7), Const(8)))
            code.append(write(lit("z"), seen))
        kind = self.draw(("x2apic", "x2apic", "xapic", ""))
        target = Target(to, TRUE, tuple(code), (), "handler", nmi=bool(kind) and self.draw((False, True)))
        made: list[Instruction] = [
            Emit("SEND", kind=kind, group=f"g{self.sent}", targets=(target,), text=f"send {kind}")
        ]
        if not target.nmi and self.draw((False, False, True)):
            made.append(Emit("WAIT", group=f"g{self.sent}", text="wait"))
        return made

    # -- the test ---------------------------------------------------------------------------------

    def thread(self, cpu: int) -> tuple[list[Instruction], list[str]]:
        """A thread, sometimes with a branch."""
        code: list[Instruction] = []
        regs: list[str] = []
        longest = {1: 6, 2: 4, 3: 3}[self.cpus]
        for _ in range(self.draw(range(longest // 2, longest + 1))):
            known = list(regs)
            if known and self.draw((False,) * 6 + (True,)):
                self.labels += 1
                label = f"end{self.labels}"
                code.append(Branch(Apply("eq", (Reg(known[-1]), Const(self.draw((0, 1))))), label))
                code += self.instruction(cpu, regs, inside=True)
                code.append(Label(label))
            else:
                code += self.instruction(cpu, regs)
        return code, regs

    def cells(self) -> tuple[dict[Ptr, Cell], dict[tuple[Ptr, Ptr], Ptr]]:
        """All cells, and the map of entries."""
        draw, cells = self.draw, {}
        entries: dict[tuple[Ptr, Ptr], Ptr] = {}

        def cell(ptr: Ptr, init: Value = 0, kind: str = "data") -> None:
            cells.setdefault(ptr, Cell(ptr, str(ptr), init, kind))

        for name in ("x", "y", "z"):
            cell(Ptr(name))
        cell(Ptr("code"), 0, "code")
        for n, page in enumerate(PAGES):
            cell(Ptr(f"{page}.data"), 100 + n)
        for mm in MMS:
            for va in self.vas:
                at = entries[Ptr(mm), Ptr(va)] = self.cell(mm, va)
                first = self.upper() if self.levels == 2 else self.content()
                cell(
                    at, Ptr(draw(TABLES)) if self.levels == 2 and draw((True, True, False)) else first, "pte"
                )
        if self.levels == 2:
            for table in TABLES:
                for va in self.vas:
                    at = entries[Ptr(table), Ptr(va)] = pte(table, va)
                    cell(at, self.content(), "pte")
        for cpu in range(self.cpus):
            cell(Ptr(f"{cpu}:irq"), 1, "register")
            cell(Ptr(f"{cpu}:cr3"), Ptr(draw(self.mms)), "register")
            if self.tagged:
                cell(Ptr(f"{cpu}:pcid"), draw((1, 1, 2)), "register")
        return cells, entries

    def test(self) -> Lowered:
        """A whole test."""
        draw = self.draw
        threads, observables = [], []
        for cpu in range(self.cpus):
            code, regs = self.thread(cpu)
            threads.append(tuple(code))
            observables += [Observable("reg", f"{cpu}:{r}", cpu, Reg(r)) for r in regs]
        cells, entries = self.cells()
        mem = ["x", "y", "z", "A.data", *(str(c) for c in dict.fromkeys(entries.values()))]
        observables += [Observable("mem", n, cell=Ptr(n)) for n in mem if draw((True, False))]
        for cpu, va in {(draw(range(self.cpus)), draw(self.vas)) for _ in range(draw((0, 0, 1, 2)))}:
            page = make_entry(Ptr(draw(self.pages)), draw((0, 0, *self.cacheable)))
            pcid = draw((None, 1)) if self.tagged else None
            label = f"{cpu}:tlb[{va}@{pcid} -> {page}]"
            observables.append(Observable("tlb", label, cpu, va=Ptr(va), page=page, pcid=pcid))
        cached = []
        if draw((False, False, True)):
            at = draw(range(self.cpus)), self.pcid(), Ptr(draw(self.vas))
            bits = draw(self.cacheable)
            cached.append((*at, make_entry(Ptr(draw(self.pages)), bits)))
        if not observables:
            observables.append(Observable("mem", "x", cell=Ptr("x")))
        shown = list(range(len(observables)))
        wanted = Apply(draw(("eq", "ne")), (Obs(draw(shown)), Const(draw((0, 1, 2, FAULT, Ptr("A"))))))
        return Lowered(
            threads=threads,
            world=World(
                cpus=len(threads),
                cells=cells,
                tlb=cached,
                vas=[Ptr(v) for v in self.vas],
                tables=frozenset(map(Ptr, TABLES)) if self.levels == 2 else frozenset(),
                entries=entries,
                depth=self.levels,
            ),
            observables=observables,
            condition=wanted,
            shown=shown,
        )


def random_mmu_test(draw: Draw, focus: str) -> Lowered:
    """A random test about one of ``FOCI``."""
    return MmuGenerator(draw, focus).test()
