"""The vocabulary: one row for each word of the kernel that a test may use.

A row says what a word is called, what it takes, which machine instructions it is on x86, which rule
of docs/memory-model.md that rests on, and one line for the reader.  The lowering reads the rows, the
reference page is printed from them and error messages suggest from them; adding a word is adding a
row.  Words that this version knows but does not decide are rows as well: they are refused by name.

In a row's expressions ``Reg("name")`` is the argument of that name and ``OLD`` the value just read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Union

from verifier.program.values import FALSE, TRUE, Apply, Const, Expr, Ptr, Reg

OLD = Reg("old")
CPU = Reg("this_cpu")


@dataclass(frozen=True, slots=True)
class Load:
    """A load of ``*at``; the word's value is ``result``. ``needs``: only runs where it holds go on."""

    at: str
    result: Expr = OLD
    needs: Expr = TRUE


@dataclass(frozen=True, slots=True)
class Store:
    """A plain store to ``*at``."""

    at: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Update:
    """A LOCK'd read-modify-write of ``*at``; it writes ``value`` if ``when`` holds."""

    at: str
    value: Expr
    result: Expr | None = OLD
    when: Expr = TRUE
    needs: Expr = TRUE


@dataclass(frozen=True, slots=True)
class Order:
    """A fence instruction, or nothing but a rule for the compiler (``kind`` empty)."""

    kind: str = ""


@dataclass(frozen=True, slots=True)
class Pure:
    """A function of the arguments."""

    value: Expr


@dataclass(frozen=True, slots=True)
class Machine:
    """An instruction of the system kind; ``op`` and ``kind`` as in ``code.Emit``.

    ``register`` is the register cell of this CPU that it writes ``value`` to, and whose old content
    it leaves in the local ``into``.
    """

    op: str
    kind: str = ""
    args: tuple[str, ...] = ()
    register: str = ""
    value: Expr | None = None
    into: str = ""
    serializing: bool = True


@dataclass(frozen=True, slots=True)
class Special:
    """A word whose meaning is control flow: ``name`` is the lowering's method for it."""

    name: str
    makes: str = ""


Effect = Union[Load, Store, Update, Order, Pure, Machine, Special]


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a word takes; ``kind`` is a key of ``KINDS``."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Word:
    """One row. ``result`` is a key of ``KINDS``, ``void``, or ``same``: what the place holds.

    ``optional`` is how many of the last parameters may be left out; ``planned`` names what is
    missing if the word is not decided yet.
    """

    name: str
    parameters: tuple[Parameter, ...]
    result: str
    effects: tuple[Effect, ...]
    group: str
    doc: str
    rule: str = ""
    planned: str = ""
    optional: int = 0

    @property
    def signature(self) -> str:
        """How it is written."""
        return f"{self.name}({', '.join(p.name for p in self.parameters)})"

    @property
    def events(self) -> str:
        """What it is on x86, in words."""
        if self.planned:
            return f"not yet ({self.planned})"
        return ", then ".join(filter(None, map(_shown, self.effects))) or "nothing"


# What arguments and results can be, in the words that error messages use.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "place": "something in memory",
        "pointer": "the address of something in memory",
        "value": "a value",
        "number": "a number",
        "mm": "an address space (mm)",
        "page": "a page",
        "va": "a virtual address",
        "entry": "a pointer to a page-table entry, such as pte(N, v)",
        "pte": "the content of a page-table entry: none or a page",
        "mask": "a cpumask",
        "function": "a function",
        "local": "a register",
        "percpu": "a per-CPU object",
        "struct": "a struct",
        "void": "nothing",
    }
)


def _shown(effect: Effect) -> str:
    if isinstance(effect, Load):
        return "load"
    if isinstance(effect, Store):
        return "store"
    if isinstance(effect, Update):
        return "LOCK'd read-modify-write"
    if isinstance(effect, Order):
        return {"mfence": "full fence", "": "nothing (compiler only)"}.get(effect.kind, effect.kind.upper())
    if isinstance(effect, Special):
        return effect.makes
    if isinstance(effect, Pure):
        return "no event"
    names = {"CR3": "write of CR3", "IRQ": "interrupt flag", "T": "translation"}
    what = names.get(effect.op, "invalidation")
    return what if effect.op in ("IRQ", "T") or effect.serializing else f"{what}, not serializing"


def f(name: str, *args: Expr | int | str) -> Expr:
    """An application; a ``str`` is an argument of the word, an ``int`` a constant."""
    return Apply(
        name,
        tuple(Reg(a) if isinstance(a, str) else Const(a) if isinstance(a, int) else a for a in args),
    )


def _row(
    group: str,
    head: str,
    effects: Effect | Iterable[Effect],
    doc: str,
    rule: str = "",
    result: str = "void",
    optional: int = 0,
) -> Word:
    """``head`` is ``name(parameter: kind, …)``; without a kind it is a ``value``."""
    name, _, rest = head.rstrip(")").partition("(")
    parameters = tuple(
        Parameter(n.strip(), k.strip() or "value")
        for n, _, k in (part.partition(":") for part in rest.split(",") if part.strip())
    )
    made = tuple(effects) if isinstance(effects, Iterable) else (effects,)
    return Word(name, parameters, result, made, group, doc, rule, optional=optional)


def _accesses() -> Iterator[Word]:
    g = "Accesses"
    load, store = Load("x"), Store("x", Reg("e"))
    yield _row(g, "READ_ONCE(x: place)", load, "one load", "1.1", "same")
    yield _row(g, "WRITE_ONCE(x: place, e)", store, "one store", "1.1")
    yield _row(g, "smp_load_acquire(x: pointer)", load, "a load; TSO keeps it in order", "1.1", "same")
    yield _row(g, "smp_store_release(x: pointer, e)", store, "a store; TSO keeps it in order", "1.1")
    yield _row(g, "smp_store_mb(x: place, e)", Update("x", Reg("e"), None), "a store by XCHG", "2.1")
    yield _row(g, "rcu_dereference(x: place)", load, "a load of a pointer", "1.1", "same")
    yield _row(g, "rcu_dereference_raw(x: place)", load, "a load of a pointer", "1.1", "same")
    yield _row(g, "lockless_dereference(x: place)", load, "a load of a pointer", "1.1", "same")
    yield _row(g, "rcu_assign_pointer(x: place, e)", store, "a store of a pointer", "1.1")
    yield _row(g, "data_race(x: value)", Pure(Reg("x")), "an access that may race", "", "same")
    waits = Special("cond_load", "load, repeated until the condition on VAL holds")
    yield _row(g, "smp_cond_load_acquire(x: pointer, c)", waits, "waits exactly", "1.1", "same")
    yield _row(g, "smp_cond_load_relaxed(x: pointer, c)", waits, "waits exactly", "1.1", "same")


def _barriers() -> Iterator[Word]:
    g, full = "Barriers", Order("mfence")
    rule = "2.1, 2.3"
    yield _row(g, "smp_mb()", full, "orders all data accesses; no page walk, no fetch", rule)
    yield _row(g, "mb()", full, "as smp_mb()", rule)
    yield _row(g, "mfence()", full, "the instruction", "2.3")
    yield _row(g, "lfence()", Order("lfence"), "the instruction; nothing beyond TSO", "2.4")
    yield _row(g, "sfence()", Order("sfence"), "the instruction; nothing beyond TSO", "2.5")
    yield _row(g, "rmb()", Order("lfence"), "LFENCE", "2.4")
    yield _row(g, "wmb()", Order("sfence"), "SFENCE", "2.5")
    nothing = Order()
    for name in ("smp_rmb", "smp_wmb", "barrier", "dma_rmb", "dma_wmb", "smp_read_barrier_depends"):
        yield _row(g, f"{name}()", nothing, "TSO gives it already", "1.1")
    for name in ("before_atomic", "after_atomic", "after_spinlock"):
        yield _row(g, f"smp_mb__{name}()", nothing, "the LOCK'd operation beside it is the barrier", "2.1")
    yield _row(g, "smp_mb__after_unlock_lock()", nothing, "the LOCK'd lock operation is the barrier", "2.1")
    yield _row(g, "smp_acquire__after_ctrl_dep()", nothing, "TSO gives it already", "1.1")


_ORDERS = ("", "_relaxed", "_acquire", "_release")


def _exchanges() -> Iterator[Word]:
    g, lock = "Exchange", "2.1"
    for order in _ORDERS:
        yield _row(g, f"xchg{order}(x: pointer, e)", Update("x", Reg("e")), "XCHG", lock, "same")
        swap = Update("x", Reg("new"), when=f("eq", OLD, "old_value"))
        yield _row(
            g, f"cmpxchg{order}(x: pointer, old_value, new)", swap,
            "LOCK CMPXCHG, LOCK'd also when it fails", lock, "same",
        )  # fmt: skip
        yield _row(
            g, f"try_cmpxchg{order}(x: pointer, old: pointer, new)",
            Special("try_cmpxchg", "LOCK'd read-modify-write"), "LOCK CMPXCHG; *old is what was found",
            lock, "number",
        )  # fmt: skip


def _atomics(prefix: str, wrap: str) -> Iterator[Word]:
    g, lock = "Atomic counters", "2.1"

    def at(name: str, head: str) -> str:
        return f"{prefix}_{name}({head})"

    yield _row(g, at("read", "v: pointer"), Load("v"), "a load", "1.1", "same")
    yield _row(g, at("read_acquire", "v: pointer"), Load("v"), "a load", "1.1", "same")
    yield _row(g, at("set", "v: pointer, i"), Store("v", Reg("i")), "a plain store", "1.1")
    yield _row(g, at("set_release", "v: pointer, i"), Store("v", Reg("i")), "a plain store", "1.1")
    results: dict[str, Expr] = {
        "add": f(wrap, f("add", OLD, "i")),
        "sub": f(wrap, f("sub", OLD, "i")),
        "and": f("bitand", OLD, "i"),
        "or": f("bitor", OLD, "i"),
        "xor": f("bitxor", OLD, "i"),
        "andnot": f("bitand", OLD, f("inv", "i")),
        "inc": f(wrap, f("add", OLD, 1)),
        "dec": f(wrap, f("sub", OLD, 1)),
    }
    for op, new in results.items():
        head = "v: pointer" if op in ("inc", "dec") else "i: number, v: pointer"
        yield _row(g, at(op, head), Update("v", new, None), f"LOCK {op.upper()}", lock)
        for order in _ORDERS:
            fetched = Update("v", new)
            yield _row(g, at(f"fetch_{op}{order}", head), fetched, "gives the old value", lock, "same")
            if op in ("add", "sub", "inc", "dec"):
                returned = Update("v", new, new)
                yield _row(g, at(f"{op}_return{order}", head), returned, "gives the new value", lock, "same")
    for order in _ORDERS:
        xchg = Update("v", Reg("new"))
        yield _row(g, at(f"xchg{order}", "v: pointer, new"), xchg, "XCHG", lock, "same")
        swap = Update("v", Reg("new"), when=f("eq", OLD, "old_value"))
        head = "v: pointer, old_value, new"
        yield _row(g, at(f"cmpxchg{order}", head), swap, "LOCK CMPXCHG, also when it fails", lock, "same")
        tries = Special("try_cmpxchg", "LOCK'd read-modify-write")
        head = "v: pointer, old: pointer, new"
        yield _row(g, at(f"try_cmpxchg{order}", head), tries, "*old is what was found", lock, "number")
    for op in ("inc", "dec"):
        zero = Update("v", results[op], f("eq", results[op], 0))
        yield _row(g, at(f"{op}_and_test", "v: pointer"), zero, "is the new value 0?", lock, "number")
    zero = Update("v", results["sub"], f("eq", results["sub"], 0))
    yield _row(g, at("sub_and_test", "i: number, v: pointer"), zero, "is the new value 0?", lock, "number")
    below = Update("v", results["add"], f("lt", results["add"], 0))
    for name in ("add_negative", "add_negative_relaxed"):
        yield _row(g, at(name, "i: number, v: pointer"), below, "is the new value negative?", lock, "number")
    new, differs = f(wrap, f("add", OLD, "a")), f("ne", OLD, "u")
    head = "v: pointer, a: number, u: number"
    doc = "adds a unless the value is u"
    yield _row(g, at("add_unless", head), Update("v", new, differs, differs), doc, lock, "number")
    yield _row(g, at("fetch_add_unless", head), Update("v", new, OLD, differs), doc, lock, "same")
    some = f("ne", OLD, 0)
    inc = Update("v", results["inc"], some, some)
    yield _row(g, at("inc_not_zero", "v: pointer"), inc, "adds 1 unless the value is 0", lock, "number")
    positive = f("gt", OLD, 0)
    dec = Update("v", results["dec"], results["dec"], positive)
    head = "v: pointer"
    yield _row(
        g, at("dec_if_positive", head), dec, "gives the value minus 1, stored unless < 0", lock, "same"
    )


def _bits() -> Iterator[Word]:
    g, lock = "Bits", "2.1"
    bit = f("shl", 1, "nr")
    was = f("bitand", f("shr", OLD, "nr"), 1)
    values = {
        "set": f("bitor", OLD, bit),
        "clear": f("bitand", OLD, f("inv", bit)),
        "change": f("bitxor", OLD, bit),
    }
    head = "nr: number, addr: pointer"
    yield _row(g, f"test_bit({head})", Load("addr", was), "a load of the word", "1.1", "number")
    for op, value in values.items():
        yield _row(g, f"{op}_bit({head})", Update("addr", value, None), "LOCK'd", lock)
        yield _row(g, f"test_and_{op}_bit({head})", Update("addr", value, was), "the old bit", lock, "number")
        plain = (Load("addr"), Store("addr", value))
        yield _row(g, f"__{op}_bit({head})", plain, "plain load and store", "1.1")
        both = (Load("addr"), Store("addr", value), Pure(was))
        yield _row(g, f"__test_and_{op}_bit({head})", both, "plain load and store", "1.1", "number")
    lock_bit = Update("addr", values["set"], was)
    yield _row(g, f"test_and_set_bit_lock({head})", lock_bit, "the old bit", lock, "number")
    yield _row(g, f"clear_bit_unlock({head})", Update("addr", values["clear"], None), "LOCK'd", lock)


_IRQ_OFF = Machine("IRQ", register="irq", value=FALSE)
_IRQ_ON = Machine("IRQ", register="irq", value=TRUE)
_IRQ_SAVE = Machine("IRQ", register="irq", value=FALSE, into="flags")
_IRQ_RESTORE = Machine("IRQ", register="irq", value=Reg("flags"))


def _locks() -> Iterator[Word]:
    g = "Spinlocks"
    free = f("eq", OLD, 0)
    take = Update("l", TRUE, None, needs=free)
    attempt = Update("l", TRUE, free, free)
    drop = Store("l", FALSE)
    for prefix in ("spin", "raw_spin"):
        one = "l: pointer"
        saved = "l: pointer, flags: local"
        yield _row(g, f"{prefix}_lock({one})", take, "LOCK'd; waits exactly until it is free", "2.1")
        yield _row(g, f"{prefix}_unlock({one})", drop, "a plain store", "1.1")
        yield _row(g, f"{prefix}_trylock({one})", attempt, "LOCK'd; 1 if taken", "2.1", "number")
        held = Load("l", f("ne", OLD, 0))
        yield _row(g, f"{prefix}_is_locked({one})", held, "a load", "1.1", "number")
        yield _row(g, f"{prefix}_lock_irq({one})", (_IRQ_OFF, take), "with interrupts off", "2.1, 8.3")
        yield _row(g, f"{prefix}_unlock_irq({one})", (drop, _IRQ_ON), "and interrupts on", "1.1, 8.3")
        yield _row(g, f"{prefix}_lock_irqsave({saved})", (_IRQ_SAVE, take), "interrupts off", "2.1, 8.3")
        head = "l: pointer, flags: number"
        restore = (drop, _IRQ_RESTORE)
        yield _row(g, f"{prefix}_unlock_irqrestore({head})", restore, "interrupts as before", "1.1, 8.3")
        yield _row(g, f"{prefix}_lock_bh({one})", take, "as spin_lock", "2.1")
        yield _row(g, f"{prefix}_unlock_bh({one})", drop, "as spin_unlock", "1.1")
    yield _row(g, "spin_lock_init(l: pointer)", drop, "a plain store", "1.1")
    yield _row(g, "spin_unlock_wait(l: pointer)", Load("l", needs=free), "waits until it is free", "1.1")


def _percpu() -> Iterator[Word]:
    g = "Per-CPU data"
    for name in ("this_cpu", "__this_cpu", "raw_cpu"):
        yield _row(g, f"{name}_read(x: percpu)", Load("x"), "a load", "1.1", "same")
        yield _row(g, f"{name}_write(x: percpu, e)", Store("x", Reg("e")), "a store", "1.1")
    mine = Pure(f("percpu", "x", CPU))
    yield _row(g, "this_cpu_ptr(x: pointer)", mine, "the address of this CPU's", "", "same")
    other = Pure(f("percpu", "x", "cpu"))
    yield _row(g, "per_cpu_ptr(x: pointer, cpu: number)", other, "the address of a CPU's", "", "same")
    place = Special("per_cpu", "no event by itself")
    yield _row(g, "per_cpu(x: percpu, cpu: number)", place, "a CPU's instance, to read or write", "", "same")
    for name in ("smp_processor_id", "raw_smp_processor_id", "get_cpu"):
        yield _row(g, f"{name}()", Pure(CPU), "the number of this CPU", "", "number")
    yield _row(g, "put_cpu()", (), "nothing")
    yield _row(g, "num_online_cpus()", Pure(Reg("cpus")), "how many CPUs there are", "", "number")


def _masks() -> Iterator[Word]:
    g, lock = "CPU masks", "2.1"
    head = "cpu: number, m: mask"
    for name, value, doc in (("set", TRUE, "sets"), ("clear", FALSE, "clears")):
        update = Update("bit", value, None)
        yield _row(g, f"cpumask_{name}_cpu({head})", update, f"LOCK'd; {doc} one bit", lock)
        yield _row(
            g, f"__cpumask_{name}_cpu({head})", Store("bit", value), f"a plain store; {doc} one bit", "1.1"
        )
        tested = Update("bit", value)
        yield _row(
            g, f"cpumask_test_and_{name}_cpu({head})", tested, f"LOCK'd; {doc} one bit", lock, "number"
        )
    yield _row(g, f"cpumask_test_cpu({head})", Load("bit"), "a load", "1.1", "number")
    yield _row(g, "mm_cpumask(mm: mm)", Pure(f("mm_cpumask", "mm")), "the CPUs that may use mm", "", "mask")
    yield _row(g, "cpumask_of(cpu: number)", Special("mask_of"), "a constant mask of one CPU", "", "mask")
    whole = Special("mask_read", "one load of the whole mask")
    for name, doc in (("empty", "is no bit set?"), ("full", "are all set?"), ("weight", "how many are set")):
        yield _row(g, f"cpumask_{name}(m: mask)", whole, doc, "1.1", "number")
    yield _row(
        g, "cpumask_first(m: mask)", whole, "the first one set, or how many CPUs there are", "1.1", "number"
    )
    copy = Special("mask_copy", "one load, then one plain store, of the whole mask")
    yield _row(g, "cpumask_copy(to: mask, m: mask)", copy, "plain load and store", "1.1")
    clear = Special("mask_clear", "one plain store of the whole mask")
    yield _row(g, "cpumask_clear(m: mask)", clear, "a plain store", "1.1")
    yield _row(g, "cpumask_setall(m: mask)", clear, "a plain store", "1.1")


def _tables() -> Iterator[Word]:
    g, lock = "Page tables", "2.1"
    yield _row(
        g, "pte(mm: mm, v: va)", Pure(f("pte", "mm", "v")), "the address of mm's entry for v", "", "entry"
    )
    yield _row(g, "set_pte(p: entry, e: pte)", Store("p", Reg("e")), "a plain store", "1.1")
    yield _row(g, "pte_clear(p: entry)", Store("p", FALSE), "a plain store of none", "1.1")
    yield _row(g, "ptep_get(p: entry)", Load("p"), "a load", "1.1", "pte")
    yield _row(g, "ptep_get_and_clear(p: entry)", Update("p", FALSE), "XCHG with none", lock, "pte")
    yield _row(g, "ptep_xchg(p: entry, e: pte)", Update("p", Reg("e")), "XCHG", lock, "pte")
    swap = Update("p", Reg("e"), when=f("eq", OLD, "expected"))
    yield _row(
        g, "ptep_cmpxchg(p: entry, expected: pte, e: pte)", swap,
        "LOCK CMPXCHG, LOCK'd also when it fails", lock, "pte",
    )  # fmt: skip
    yield _row(g, "mk_pte(page: page)", Pure(Reg("page")), "an entry that maps the page", "", "pte")
    yield _row(g, "pte_none(e: pte)", Pure(f("eq", "e", 0)), "is it none?", "", "number")
    yield _row(g, "pte_present(e: pte)", Pure(f("ne", "e", 0)), "does it map a page?", "", "number")
    yield _row(g, "pte_page(e: pte)", Pure(Reg("e")), "the page it maps", "", "page")
    yield _row(
        g, "pte_same(e: pte, other: pte)", Pure(f("eq", "e", "other")), "are they equal?", "", "number"
    )


def _translation() -> Iterator[Word]:
    g = "TLB and CR3"
    root = Machine("CR3", register="cr3", value=Reg("mm"))
    yield _row(g, "load_cr3(mm: mm)", root, "flushes this CPU's TLB; serializing", "5.1, 5.3, 5.7")
    relaxed = replace(root, serializing=False)
    yield _row(g, "load_cr3_relaxed(mm: mm)", relaxed, "the same, but not serializing: hypothetical", "5.3")
    yield _row(g, "read_cr3()", Special("read_cr3", "no data access"), "this CPU's address space", "", "mm")
    page = Machine("INV", "invlpg", ("v",))
    yield _row(g, "invlpg(v: va)", page, "removes v from this CPU's TLB; serializing", "5.1, 5.3")
    slow = replace(page, serializing=False)
    yield _row(g, "invlpg_relaxed(v: va)", slow, "the same, but not serializing: hypothetical", "5.3")
    for name, kind, doc in (
        ("flush_tlb_local", "local", "all but globals"),
        ("__flush_tlb_all", "all", "all"),
    ):
        every = Machine("INV", kind)
        yield _row(g, f"{name}()", every, f"removes {doc} from this CPU's TLB; serializing", "5.1, 5.3")
        slow = replace(every, serializing=False)
        yield _row(g, f"{name}_relaxed()", slow, "the same, but not serializing: hypothetical", "5.3")
    walk = Machine("T", args=("v",))
    yield _row(g, "translate(v: va)", walk, "the page that v is translated to", "3.3, 4.1, T-FRESH", "page")


def _interrupts() -> Iterator[Word]:
    g = "Interrupts and IPIs"
    yield _row(g, "local_irq_disable()", _IRQ_OFF, "no handler runs on this CPU from here on", "8.3")
    yield _row(g, "local_irq_enable()", _IRQ_ON, "handlers run again", "8.3")
    yield _row(g, "local_irq_save(flags: local)", _IRQ_SAVE, "disables, and remembers", "8.3")
    yield _row(g, "local_irq_restore(flags: number)", _IRQ_RESTORE, "as it was", "8.3")
    call = Special("call_cpus", "IPIs, and their acknowledgements if wait")
    rule = "8.2, 8.3, 8.6, 17.4"
    tail = "func: function, info, wait: number"
    heads = (
        (f"smp_call_function_single(cpu: number, {tail})", "func(info) on one CPU"),
        (f"smp_call_function_many(m: mask, {tail})", "on the CPUs of a mask but this one"),
        (f"smp_call_function({tail})", "on all CPUs but this one"),
        (f"on_each_cpu({tail})", "on all CPUs, this one too"),
        (f"on_each_cpu_mask(m: mask, {tail})", "on the CPUs of a mask, this one too"),
        (f"on_each_cpu_cond(cond: function, {tail})", "on the CPUs for which cond(cpu, info) holds"),
        (f"on_each_cpu_cond_mask(cond: function, {tail}, m: mask)", "likewise, of a mask"),
    )
    for head, doc in heads:
        yield _row(g, head, call, doc, rule)


def _control() -> Iterator[Word]:
    g = "Control"
    yield _row(g, "assume(c)", Special("assume"), "only runs in which c holds here go on")
    warn = Special("warn")
    yield _row(g, "WARN_ON(c)", warn, "1:warn is true if this is hit on CPU 1", "", "number")
    yield _row(g, "WARN_ON_ONCE(c)", warn, "the same", "", "number")
    yield _row(g, "BUG_ON(c)", warn, "the same")
    for name in ("likely", "unlikely"):
        yield _row(g, f"{name}(c)", Pure(Reg("c")), "its argument", "", "same")
    quiet = (
        "cpu_relax", "preempt_disable", "preempt_enable", "preempt_enable_no_resched", "cant_migrate",
        "might_sleep", "lockdep_assert_irqs_disabled", "lockdep_assert_irqs_enabled",
        "lockdep_assert_preemption_disabled", "migrate_disable", "migrate_enable", "pagefault_disable",
        "pagefault_enable",
    )  # fmt: skip
    for name in quiet:
        yield _row(g, f"{name}()", (), "nothing")
    yield _row(g, "lockdep_assert_held(l: pointer)", (), "nothing")


_LATER: Mapping[str, str] = MappingProxyType(
    {
        "RCU": "rcu_read_lock rcu_read_unlock rcu_read_lock_sched rcu_read_unlock_sched rcu_read_lock_bh "
        "rcu_read_unlock_bh synchronize_rcu synchronize_rcu_expedited call_rcu rcu_barrier kfree_rcu "
        "synchronize_sched rcu_dereference_protected rcu_dereference_check",
        "SRCU": "srcu_read_lock srcu_read_unlock srcu_down_read srcu_up_read synchronize_srcu "
        "synchronize_srcu_expedited smp_mb__after_srcu_read_unlock",
        "PCIDs": "load_cr3_noflush load_cr3_noflush_relaxed read_pcid",
        "INVPCID": "invpcid invpcid_flush_one invpcid_flush_all",
        "broadcast invalidation": "invlpgb tlbsync",
        "instruction fetch": "ifetch text_poke sync_core cpuid serialize iret",
        "cache flushes": "clflush clflushopt clwb",
        "NMIs": "nmi send_nmi",
        "raw APIC writes": "apic_icr_write",
        "page-table levels": "pmd pud p4d pgd set_pmd set_pud set_p4d set_pgd pmd_clear pud_clear "
        "p4d_clear pmdp_get pudp_get p4dp_get pmdp_get_and_clear pudp_get_and_clear pmdp_xchg pudp_xchg "
        "pmdp_cmpxchg pudp_cmpxchg pmd_none pmd_present pud_none pud_present pmd_table pud_table p4d_none "
        "pmd_populate pud_populate",
        "entry attributes": "pte_write pte_young pte_dirty pte_wrprotect pte_mkwrite pte_mkold pte_mkyoung "
        "pte_mkclean pte_mkdirty pte_user pte_global pte_exec ptep_set_wrprotect "
        "ptep_test_and_clear_young",
        "mutexes": "mutex_lock mutex_unlock mutex_trylock mutex_is_locked",
        "reader-writer locks": "read_lock read_unlock write_lock write_unlock down_read up_read down_write "
        "up_write",
    }
)


def _later() -> Iterator[Word]:
    for what, names in _LATER.items():
        for name in names.split():
            yield Word(name, (), "void", (), "Not yet", what, planned=what)


def _rows() -> Iterator[Word]:
    yield from _accesses()
    yield from _barriers()
    yield from _exchanges()
    yield from _atomics("atomic", "s32")
    yield from _atomics("atomic64", "s64")
    yield from _atomics("atomic_long", "s64")
    yield from _bits()
    yield from _locks()
    yield from _percpu()
    yield from _masks()
    yield from _tables()
    yield from _translation()
    yield from _interrupts()
    yield from _control()
    yield from _later()


WORDS: Mapping[str, Word] = MappingProxyType({word.name: word for word in _rows()})

# Masks that are not in memory: which CPUs they contain does not change.
CONSTANT_MASKS = frozenset(
    {"cpu_online_mask", "cpu_possible_mask", "cpu_present_mask", "cpu_all_mask", "cpu_none_mask"}
)

NAMED_VALUES: Mapping[str, int] = MappingProxyType(
    {"NULL": 0, "none": 0, "true": 1, "false": 0, "on": 1, "off": 0}
)


def reference() -> str:
    """The vocabulary as a page of Markdown: one table a group."""
    lines = [
        "# The vocabulary",
        "",
        "Printed from `verifier/program/kernel.py`; numbers are rules of memory-model.md.",
        "",
    ]
    group = ""
    for word in WORDS.values():
        if word.group != group:
            group = word.group
            lines += ["", f"## {group}", ""]
            lines += ["| word | on x86 | meaning | rule |", "|---|---|---|---|"]
        events = "refused by name" if word.planned else word.events
        lines.append(
            f"| `{word.name if word.planned else word.signature}` | {events} | {word.doc} | {word.rule} |"
        )
    return "\n".join(line for i, line in enumerate(lines) if line or (i and lines[i - 1])) + "\n"


def entry(mm: Ptr, va: Ptr) -> Ptr:
    """The cell of an address space's entry; the same pattern as ``values.FUNCTIONS['pte']``."""
    return Ptr(f"pte({mm}, {va})")
