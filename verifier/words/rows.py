"""What a row of the vocabulary is: the words that tests may use, and what each is on x86.

In a row's expressions ``Reg("name")`` is the argument of that name and ``OLD`` the value just read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Literal, Union

from verifier.program.expressions import FALSE, KERNEL, TRUE, Apply, Const, Expr, Reg, parts
from verifier.program.ops import Fence, Kind, Op
from verifier.program.profiles import KERNELS
from verifier.program.values import ATTRIBUTES, SOFTIRQS_OFF
from verifier.records import dataclass

OLD = Reg("old")
CPU = Reg("this_cpu")
# The states in which tasks wait, by what the names of words say, linux/sched.h; without it
# TASK_UNINTERRUPTIBLE.
TASK_STATES: Mapping[str, int] = MappingProxyType(
    {"": 0x002, "_interruptible": 0x001, "_killable": 0x102, "_idle": 0x402, "_freezable": 0x001}
)


@dataclass(frozen=True, slots=True)
class Load:
    """A load of ``*at``; the word's value is ``result``. ``needs``: only runs where it holds go on."""

    at: str
    result: Expr = OLD
    needs: Expr = TRUE
    kind: Kind = ""


@dataclass(frozen=True, slots=True)
class Store:
    """A plain store to ``*at``; ``kind`` as in ``program.ops``."""

    at: str
    value: Expr
    kind: Kind = ""


@dataclass(frozen=True, slots=True)
class Locked:
    """A LOCK'd read-modify-write of ``*at``; it writes ``value`` if ``when`` holds.

    ``line``: of a lock that a CPU may wait for in a line which others see: ``joins``, it stands in it where
    it cannot have the lock at once; ``follows``, so does a reader, and waits for all writers that stand
    there; ``waits``, a reader waits for them without standing there, unless in an interrupt or with softirqs
    off; ``gives_way``,
    a trylock, it fails while somebody stands there (MMR 19.4). ``readers``: do readers stand there, too?
    ``looks``: where this holds, the kernel looks first: a plain load, and nothing more if ``when`` does
    not hold of what it found. ``again``: the word has looked before, and who does not find what it ``needs``
    looks again: nobody waits here. (In a loop around CMPXCHG, what a failing turn found is what the last
    one finds: a run without the failing turns has the same end.)
    """

    at: str
    value: Expr
    result: Expr | None = OLD
    when: Expr = TRUE
    needs: Expr = TRUE
    looks: Expr = FALSE
    line: Literal["", "joins", "follows", "waits", "gives_way"] = ""
    readers: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Modify:
    """A read-modify-write of ``*at`` by one instruction without LOCK: a load and a plain store to other
    CPUs, but no interrupt comes between. ``value`` and ``result`` are wrapped to what ``at`` holds.
    ``split``: the kernel takes two instructions. ``when``: where it does not hold of what was found, that
    is written back, as CMPXCHG does. ``looks``: the kernel looks first, by a plain load, and does nothing
    more if ``when`` does not hold of what that found. ``locked``: in these kernels it is LOCK'd."""

    at: str
    value: Expr
    result: Expr | None = None
    split: bool = False
    when: Expr = TRUE
    looks: bool = False
    locked: Expr = FALSE


@dataclass(frozen=True, slots=True)
class Order:
    """A fence instruction, or only a rule for the compiler (``kind`` empty). ``beside``: it rests
    on a LOCK'd operation right ``after`` or ``before`` it, as its own name says."""

    kind: Literal["", Fence] = ""
    beside: str = ""


@dataclass(frozen=True, slots=True)
class Pure:
    """A function of the arguments."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Machine:
    """An instruction of the system kind; ``op`` and ``kind`` as in ``program.ops``.

    ``register`` is the register cell of this CPU that it writes ``value`` to, and whose old content
    it leaves in the local ``into``. ``va`` and ``pcid`` are arguments of the word; a PCID that is left out
    is 0. ``domain``: the argument that is the ``srcu_struct`` in question, ``index`` the one that says
    which of its sections ends; the index is the value of a word that begins one. ``anywhere``: it may have
    begun on another CPU.
    """

    op: Op
    kind: Kind = ""
    va: str = ""
    pcid: str = ""
    register: str = ""
    value: Expr | None = None
    into: str = ""
    serializing: bool = True
    domain: str = ""
    index: str = ""
    anywhere: bool = False

    @property
    def serializes(self) -> bool:
        """Is it serializing, and an instruction that can be?"""
        return self.serializing and self.op in ("CR3", "INV", "SER", "TLBSYNC")


@dataclass(frozen=True, slots=True)
class Where:
    """Effects that there are only where ``condition`` holds, of the value just read and the arguments."""

    condition: Expr
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Warns:
    """``WARN_ON``: the CPU's ``warn`` becomes true."""


# The words that are more than instructions, by what they do.
SpecialName = Literal[
    "array_size", "assume", "bad_entry", "call_cpus", "call_rcu", "chosen", "cmpxchg128", "cmpxchg_double",
    "cond_load", "entry_below", "entry_of", "err_ptr", "first_entry", "free", "free_rcu", "halt", "icr",
    "ifetch", "invlpgb", "invpcid", "irqs_disabled", "leaf", "limit", "mask_any_but", "mask_combine",
    "mask_copy", "mask_empty", "mask_fill", "mask_first", "mask_full", "mask_modify", "mask_of",
    "mask_weight", "mk_pte", "per_cpu", "read_cr3", "read_poll", "read_register", "table_of", "try_cmpxchg",
    "wait_event", "warn", "write_cr3",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Special:
    """A word whose meaning is control flow: ``name`` says which function of the lowering is for it,
    ``value`` what that needs to know of the word: what it stores, or whether this CPU is called, too.
    ``locks``: it does a LOCK'd operation. ``register``: the register cell of this CPU that it reads or
    writes; ``kind``: of the SEND that it makes, as in ``program.ops``."""

    name: SpecialName
    makes: str = ""
    value: Expr = FALSE
    locks: bool = False
    register: Literal["", "cr3", "pcid"] = ""
    kind: Literal["", "x2apic", "xapic"] = ""


Effect = Union[Load, Store, Locked, Modify, Order, Pure, Machine, Where, Warns, Special]


def flat(effects: Iterable[Effect]) -> Iterator[Effect]:
    """Effects, with those that there are only under a condition."""
    for effect in effects:
        yield effect
        if isinstance(effect, Where):
            yield from flat(effect.effects)


@dataclass(frozen=True, slots=True)
class WordParameter:
    """What a word takes; ``kind`` is a key of ``VALUE_KINDS``."""

    name: str
    kind: str


@dataclass(frozen=True)
class Word:
    """One row. ``result`` is a key of ``VALUE_KINDS``, ``void``, ``int`` or ``uint``, of 32 bits whatever
    the place holds, or ``same``: what the place holds.

    ``optional`` is how many of the last parameters may be left out; ``planned`` names what is
    missing if the word is not decided yet. ``source`` is the kernel's function and file that the row was
    read from, with the version in which it changed; headers are named as ``#include`` names them. It
    says where the row was not compared with the file, or a version is unchecked. ``lead``: what the kernel's
    form takes before the others (an mm or a vma, an address); it decides nothing on x86 and may be left out.
    ``stands``: a call of it can stand for the place that is its first argument, as in ``&READ_ONCE(x)``.
    ``older``: where older kernels' form has an argument more, the GFP flags of an allocation; whoever
    gives it means that form. ``twin``: the word that does the same for entries of the other kind: of
    upper ones, for a word about leaves, and the other way round. ``declared``: the type with which the kernel
    declares what its first address leads to: ``spinlock_t``; empty where it may be anything. ``sleeps``: in
    the kernel another task may run meanwhile, as ``might_sleep()`` says.
    """

    name: str
    parameters: tuple[WordParameter, ...]
    result: str
    effects: tuple[Effect, ...]
    group: str
    doc: str
    rule: str = ""
    planned: str = ""
    optional: int = 0
    source: str = ""
    lead: tuple[WordParameter, ...] = ()
    stands: bool = False
    older: int | None = None
    twin: str = ""
    declared: str = ""
    sleeps: bool = False

    @cached_property
    def special(self) -> Special | None:
        """What it is if it is more than instructions."""
        return next((x for x in self.effects if isinstance(x, Special)), None)

    @cached_property
    def state(self) -> int:
        """The state in which a task waits in it: one of ``TASK_STATES``; 0 if it sets none."""
        waits = any(
            x.op == "GP" if isinstance(x, Machine) else isinstance(x, Load | Locked) and x.needs != TRUE
            for x in self.effects
        )
        said = next(
            (state for part, state in TASK_STATES.items() if part and part in self.name), TASK_STATES[""]
        )
        return said if self.sleeps and waits else 0

    @cached_property
    def applies(self) -> frozenset[str]:
        """The functions that are applied in what it stores or gives."""
        values = (x.value for x in self.effects if isinstance(x, Store | Locked | Pure))
        return frozenset(
            part.function for value in values for part in parts(value) if isinstance(part, Apply)
        )

    @cached_property
    def entry(self) -> Literal["", "leaf", "upper"]:
        """Which entries of page tables it names, if it is a word as ``pte(N, v)``."""
        if self.special is None or self.special.name != "entry_of":
            return ""
        return "leaf" if self.result == "entry" else "upper"

    @property
    def ours(self) -> bool:
        """Has the kernel no such word? Its row says so in place of a source."""
        return self.source.startswith("no kernel function")

    @property
    def only_reads(self) -> bool:
        """Does nothing but its value depend on whether it is called?"""
        return bool(self.effects) and all(
            isinstance(x, Pure)
            or (isinstance(x, Load) and x.needs == TRUE)
            or (isinstance(x, Special) and x.makes == "no event")
            for x in self.effects
        )

    @property
    def formats(self) -> bool:
        """Does it end with the format of a message, after which the kernel's form takes what is printed?"""
        return bool(self.parameters) and self.parameters[-1].kind == "text"

    def at(self, kind: str) -> int | None:
        """Where its parameter of a kind stands."""
        return next((at for at, p in enumerate(self.parameters) if p.kind == kind), None)

    @property
    def signature(self) -> str:
        """How it is written; ``&x`` where the address of an object is taken."""
        names = [
            f"&{p.name}"
            if p.kind in ("pointer", "word", "wide", "offset", "code", "fetched", "domain")
            else p.name
            for p in self.parameters
        ]
        needed = len(names) - self.optional
        rest = "".join(f"[, {name}]" if i or needed else f"[{name}]" for i, name in enumerate(names[needed:]))
        lead = f"[{''.join(f'{p.name}, ' for p in self.lead)}]".replace(", ]", ",] ") if self.lead else ""
        return f"{self.name}({lead}{', '.join(names[:needed])}{rest})"

    @cached_property
    def locked(self) -> bool:
        """Is there a LOCK'd operation in it, or another full fence?"""
        return any(
            isinstance(x, Locked)
            or (isinstance(x, Special) and x.locks)
            or (isinstance(x, Order) and x.kind in ("lock", "mfence"))
            for x in flat(self.effects)
        )

    @cached_property
    def quiet(self) -> bool:
        """Does it do nothing at all on x86?"""
        return not self.planned and all(isinstance(x, Order) and not x.kind for x in self.effects)

    @property
    def events(self) -> str:
        """What it is on x86, in words."""
        if self.planned:
            return f"not yet ({self.planned})"
        said = ", then ".join(filter(None, map(_shown, self.effects)))
        if not said and any(isinstance(x, Where) for x in self.effects):
            said = ", then ".join(filter(None, map(_shown, flat(self.effects)))) + ", or nothing"
        return said or "nothing"


# What arguments and results can be, in the words that error messages use.
VALUE_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "place": "something in memory",
        "pointer": "the address of something in memory",
        "word": "the address of an unsigned long",
        "wide": "the address of a u128",
        "percpu wide": "a per-CPU u128",
        "value": "a value",
        "number": "a number",
        "cpu": "a number",
        "bit": "the number of a bit",
        "mm": "an address space (mm)",
        "page": "a page",
        "va": "a virtual address",
        "table": "a table",
        "handle": "an address space, a table, or the content of an upper entry",
        "entry": "a pointer to a page-table entry (such as pte(N, v))",
        "upper": "a pointer to an upper page-table entry (such as pmd(N, v))",
        "in table": "a pointer to a page-table entry (such as pte(T, v))",
        "pte": "the content of a page-table entry (none or a page)",
        "pmd": "the content of an upper page-table entry (none, a table or a page)",
        "target": "a page or a table",
        "attributes": "attributes, joined by |: " + ", ".join(ATTRIBUTES),
        "vma": "an address space (mm) or a struct",
        "pcid": "a PCID, a number from 0 to 4095",
        "root": "the root of an address space (such as mm->pgd)",
        "cr3": "a number for CR3 (such as __pa(mm->pgd) | pcid)",
        "ulong": "a number",
        "long": "a number",
        "array": "an array",
        "error": "a number",
        "addr": "a virtual address, or what is calculated with one",
        "code": "the address of an instruction word",
        "fetched": "the address of an instruction word or a virtual address",
        "mask": "a cpumask",
        "function": "a function",
        "condition": "a function or NULL",
        "accessor": "the name of a function or a word that reads",
        "local": "a register",
        "percpu": "a per-CPU object",
        "offset": "the address of a per-CPU object",
        "struct": "a struct",
        "domain": "the address of a struct srcu_struct",
        "index": "the index that srcu_read_lock() gave",
        "text": "a string",
        "type": "a type",
        "freed": "the address of a struct, or NULL",
        "member": "the name of its struct rcu_head",
        "void": "void",
    }
)


def _shown(effect: Effect) -> str:
    if isinstance(effect, Load):
        return "load"
    if isinstance(effect, Store):
        return {"nt": "non-temporal store"}.get(effect.kind, "store")
    if isinstance(effect, Locked):
        return "LOCK'd read-modify-write" if effect.looks == FALSE else "load, then LOCK'd if it goes on"
    if isinstance(effect, Modify):
        how = "load and store, " + ("two instructions" if effect.split else "one instruction")
        return how if effect.locked == FALSE else f"{how}; LOCK'd in some versions"
    if isinstance(effect, Where | Warns):
        return ""
    if isinstance(effect, Order):
        known = {"mfence": "full fence", "lock": "LOCK'd operation", "": "nothing (compiler only)"}
        return known.get(effect.kind, effect.kind.upper())
    if isinstance(effect, Special):
        return effect.makes
    if isinstance(effect, Pure):
        return "no event"
    if (effect.op, effect.kind) in _SOFTWARE:
        return _SOFTWARE[effect.op, effect.kind]
    what = _MACHINE.get(effect.op, "invalidation")
    relaxed = effect.op in ("CR3", "INV") and not effect.serializes
    return f"{what}, not serializing" if relaxed else what


_MACHINE = {
    "CR3": "write of CR3", "IRQ": "interrupt flag", "T": "translation", "SER": "serializing instruction",
    "BINV": "INVLPGB", "TLBSYNC": "TLBSYNC", "JMP": "taken branch", "SYSRET": "the return from a handler",
    "EQS": "an extended quiescent state",
}  # fmt: skip


_SOFTWARE = {
    ("RCU", "lock"): "nothing (a reader)", ("RCU", "unlock"): "nothing (no reader any more)",
    ("GP", "start"): "full fence", ("GP", "end"): "grace period, full fence",
    ("GP", "barrier"): "full fence", ("IRQ", "bh"): "softirqs",
}  # fmt: skip


def since(version: str) -> Expr:
    """Holds if the test's words are those of ``version``, one of ``profiles.KERNELS``, or a later one."""
    return Apply("ge", (KERNEL, Const(KERNELS.index(version))))


def f(name: str, *args: Expr | int | str) -> Expr:
    """An application; a ``str`` is an argument of the word, an ``int`` a constant."""
    return Apply(
        name,
        tuple(Reg(a) if isinstance(a, str) else Const(a) if isinstance(a, int) else a for a in args),
    )


def row(
    group: str,
    head: str,
    effects: Effect | Iterable[Effect],
    doc: str,
    rule: str = "",
    result: str = "void",
    optional: int = 0,
    source: str = "",
    lead: str = "",
    stands: bool = False,
    sleeps: bool = False,
) -> Word:
    """``head`` is ``name(parameter: kind, …)``; without a kind it is a ``value``; ``lead`` likewise. The
    rest as in ``Word``."""
    name, _, rest = head.rstrip(")").partition("(")
    made = tuple(effects) if isinstance(effects, Iterable) else (effects,)
    return Word(
        name,
        _parameters(rest),
        result,
        made,
        group,
        doc,
        rule,
        optional=optional,
        source=source,
        lead=_parameters(lead),
        stands=stands,
        sleeps=sleeps,
    )


def _parameters(text: str) -> tuple[WordParameter, ...]:
    return tuple(
        WordParameter(n.strip(), k.strip() or "value")
        for n, _, k in (part.partition(":") for part in text.split(",") if part.strip())
    )


# Effects that many rows have.

IRQ_OFF = Machine("IRQ", register="irq", value=FALSE)
IRQ_ON = Machine("IRQ", register="irq", value=TRUE)
IRQ_SAVE = Machine("IRQ", register="irq", value=FALSE, into="flags")
IRQ_RESTORE = Machine("IRQ", register="irq", value=f("or", OLD, "flags"))
BH_OFF = Machine("IRQ", "bh", register=SOFTIRQS_OFF, value=f("add", OLD, 1))
BH_ON = Machine("IRQ", "bh", register=SOFTIRQS_OFF, value=f("ite", f("gt", OLD, 0), f("sub", OLD, 1), 0))
READER = Machine("RCU", "lock")
NO_READER = Machine("RCU", "unlock")


def looking(at: str, value: Expr, goes: Expr, result: Expr | None = None) -> Locked:
    """A read-modify-write for which the kernel looks first whether it ``goes`` on (MMR 19.2)."""
    return Locked(at, value, goes if result is None else result, goes, looks=TRUE)
