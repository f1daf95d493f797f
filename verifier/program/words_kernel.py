"""The words of the kernel that are about data: accesses, barriers, atomics, locks, masks, IPIs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from verifier.program.rows import (
    CPU,
    OLD,
    If,
    Load,
    Machine,
    Modify,
    Order,
    Pure,
    Special,
    Store,
    Update,
    Warns,
    Word,
    f,
    row,
)
from verifier.program.values import FALSE, TRUE, Const, Expr, Reg


def accesses() -> Iterator[Word]:
    """Loads and stores."""
    g = "Accesses"
    load, store = Load("x"), Store("x", Reg("e"))
    yield row(g, "READ_ONCE(x: place)", load, "one load", "1.1", "same")
    yield row(g, "WRITE_ONCE(x: place, e)", store, "one store", "1.1")
    yield row(g, "smp_load_acquire(x: pointer)", load, "a load; TSO keeps it in order", "1.1", "same")
    yield row(g, "smp_store_release(x: pointer, e)", store, "a store; TSO keeps it in order", "1.1")
    yield row(g, "smp_store_mb(x: place, e)", Update("x", Reg("e"), None), "a store by XCHG", "2.1")
    yield row(g, "rcu_dereference(x: place)", load, "a load of a pointer", "1.1", "same")
    yield row(g, "rcu_dereference_raw(x: place)", load, "a load of a pointer", "1.1", "same")
    yield row(g, "lockless_dereference(x: place)", load, "a load of a pointer", "1.1", "same")
    yield row(g, "rcu_assign_pointer(x: place, e)", store, "a store of a pointer", "1.1")
    yield row(g, "data_race(x: value)", Pure(Reg("x")), "an access that may race", "", "same")
    waits = Special("cond_load", "load, repeated until the condition on VAL holds")
    yield row(g, "smp_cond_load_acquire(x: pointer, c)", waits, "waits exactly", "1.1", "same")
    yield row(g, "smp_cond_load_relaxed(x: pointer, c)", waits, "waits exactly", "1.1", "same")


def barriers() -> Iterator[Word]:
    """Fences, of the machine and of the compiler."""
    g, full = "Barriers", Order("mfence")
    yield row(g, "smp_mb()", Order("lock"), "orders all data accesses; no page walk, no fetch", "2.1")
    yield row(g, "mb()", full, "MFENCE", "2.3")
    yield row(g, "mfence()", full, "the instruction", "2.3")
    yield row(g, "lfence()", Order("lfence"), "the instruction; nothing beyond TSO", "2.4")
    yield row(
        g,
        "sfence()",
        Order("sfence"),
        "the instruction; orders MOVNTI stores",
        "2.5, 2.6",
    )
    yield row(g, "rmb()", Order("lfence"), "LFENCE", "2.4")
    yield row(g, "wmb()", Order("sfence"), "SFENCE", "2.5")
    nothing = Order()
    for name in ("smp_rmb", "smp_wmb", "barrier", "dma_rmb", "dma_wmb", "smp_read_barrier_depends"):
        yield row(g, f"{name}()", nothing, "TSO gives it already", "1.1")
    for name in ("before_atomic", "after_atomic", "after_spinlock"):
        yield row(g, f"smp_mb__{name}()", nothing, "the LOCK'd operation beside it is the barrier", "2.1")
    yield row(g, "smp_mb__after_unlock_lock()", nothing, "the LOCK'd lock operation is the barrier", "2.1")
    yield row(g, "smp_acquire__after_ctrl_dep()", nothing, "TSO gives it already", "1.1")


_ORDERS = ("", "_relaxed", "_acquire", "_release")


def exchanges() -> Iterator[Word]:
    """xchg and cmpxchg."""
    g, lock = "Exchange", "2.1"
    for order in _ORDERS:
        yield row(g, f"xchg{order}(x: pointer, e)", Update("x", Reg("e")), "XCHG", lock, "same")
        swap = Update("x", Reg("new"), when=f("eq", OLD, "old_value"))
        yield row(
            g, f"cmpxchg{order}(x: pointer, old_value, new)", swap,
            "LOCK CMPXCHG, LOCK'd also when it fails", lock, "same",
        )  # fmt: skip
        yield row(
            g, f"try_cmpxchg{order}(x: pointer, old: pointer, new)",
            Special("try_cmpxchg", "LOCK'd read-modify-write"), "LOCK CMPXCHG; *old is what was found",
            lock, "number",
        )  # fmt: skip


def atomics(prefix: str, wrap: str) -> Iterator[Word]:
    """A family of counters; ``wrap`` is the function that wraps its sums."""
    g, lock = "Atomic counters", "2.1"

    def at(name: str, head: str) -> str:
        return f"{prefix}_{name}({head})"

    yield row(g, at("read", "v: pointer"), Load("v"), "a load", "1.1", "same")
    yield row(g, at("read_acquire", "v: pointer"), Load("v"), "a load", "1.1", "same")
    yield row(g, at("set", "v: pointer, i"), Store("v", Reg("i")), "a plain store", "1.1")
    yield row(g, at("set_release", "v: pointer, i"), Store("v", Reg("i")), "a plain store", "1.1")
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
        yield row(g, at(op, head), Update("v", new, None), f"LOCK {op.upper()}", lock)
        for order in _ORDERS:
            fetched = Update("v", new)
            yield row(g, at(f"fetch_{op}{order}", head), fetched, "gives the old value", lock, "same")
            if op in ("add", "sub", "inc", "dec"):
                returned = Update("v", new, new)
                yield row(g, at(f"{op}_return{order}", head), returned, "gives the new value", lock, "same")
    for order in _ORDERS:
        xchg = Update("v", Reg("new"))
        yield row(g, at(f"xchg{order}", "v: pointer, new"), xchg, "XCHG", lock, "same")
        swap = Update("v", Reg("new"), when=f("eq", OLD, "old_value"))
        head = "v: pointer, old_value, new"
        yield row(g, at(f"cmpxchg{order}", head), swap, "LOCK CMPXCHG, also when it fails", lock, "same")
        tries = Special("try_cmpxchg", "LOCK'd read-modify-write")
        head = "v: pointer, old: pointer, new"
        yield row(g, at(f"try_cmpxchg{order}", head), tries, "*old is what was found", lock, "number")
    for op in ("inc", "dec"):
        zero = Update("v", results[op], f("eq", results[op], 0))
        yield row(g, at(f"{op}_and_test", "v: pointer"), zero, "is the new value 0?", lock, "number")
    zero = Update("v", results["sub"], f("eq", results["sub"], 0))
    yield row(g, at("sub_and_test", "i: number, v: pointer"), zero, "is the new value 0?", lock, "number")
    below = Update("v", results["add"], f("lt", results["add"], 0))
    for name in ("add_negative", "add_negative_relaxed"):
        yield row(g, at(name, "i: number, v: pointer"), below, "is the new value negative?", lock, "number")
    yield from _conditional(at, results, wrap)


def _conditional(at: Callable[[str, str], str], results: dict[str, Expr], wrap: str) -> Iterator[Word]:
    """Counters that are changed unless they have some value: a plain load looks for it first."""
    g, rule = "Atomic counters", "1.1, 2.1, 19.2"
    new, differs = f(wrap, f("add", OLD, "a")), f("ne", OLD, "u")
    head = "v: pointer, a: number, u: number"
    doc = "adds a unless the value is u"
    yield row(g, at("add_unless", head), looking("v", new, differs), doc, rule, "number")
    added = looking("v", new, differs, OLD)
    yield row(g, at("fetch_add_unless", head), added, f"{doc}; gives the old value", rule, "same")
    for name, op, goes, doc in (
        ("inc_not_zero", "inc", f("ne", OLD, 0), "adds 1 unless the value is 0"),
        ("inc_unless_negative", "inc", f("ge", OLD, 0), "adds 1 unless the value is negative"),
        ("dec_unless_positive", "dec", f("le", OLD, 0), "subtracts 1 unless the value is positive"),
    ):
        yield row(g, at(name, "v: pointer"), looking("v", results[op], goes), doc, rule, "number")
    less = results["dec"]
    dec = looking("v", less, f("ge", less, 0), less)
    doc = "gives the value minus 1, stored unless < 0"
    yield row(g, at("dec_if_positive", "v: pointer"), dec, doc, rule, "same")


def looking(at: str, value: Expr, goes: Expr, result: Expr | None = None) -> Update:
    """A read-modify-write for which the kernel looks first whether it ``goes`` on (MMR 19.2)."""
    return Update(at, value, goes if result is None else result, goes, looks=TRUE)


def refcounts() -> Iterator[Word]:
    """Reference counts, which saturate, with a warning, where they would overflow or come back from 0."""
    g, lock = "Reference counts", "2.1"
    more, less = f("s32", f("add", OLD, "i")), f("s32", f("sub", OLD, "i"))
    inc, dec = f("s32", f("add", OLD, 1)), f("s32", f("sub", OLD, 1))
    some, one = f("ne", OLD, 0), f("eq", OLD, 1)
    yield row(g, "refcount_read(r: pointer)", Load("r"), "a load", "1.1", "same")
    yield row(g, "refcount_set(r: pointer, i)", Store("r", Reg("i")), "a plain store", "1.1")
    number = "i: number, "
    saturating = (
        ("add", number, more, f("or", f("le", OLD, 0), f("lt", more, 0)), "adds i"),
        ("inc", "", inc, f("or", f("le", OLD, 0), f("lt", inc, 0)), "adds 1"),
        ("dec", "", dec, f("le", OLD, 1), "subtracts 1"),
    )
    for name, head, value, bad, doc in saturating:
        both = (Update("r", value, None), _saturates(bad))
        yield row(g, f"refcount_{name}({head}r: pointer)", both, f"LOCK'd; {doc}", lock)
    looks = "1.1, 2.1, 19.2"
    for name, head, value, doc in (("add", number, more, "adds i"), ("inc", "", inc, "adds 1")):
        bad = f("and", some, f("or", f("lt", OLD, 0), f("lt", value, 0)))
        effects = (looking("r", value, some), _saturates(bad))
        yield row(
            g,
            f"refcount_{name}_not_zero({head}r: pointer)",
            effects,
            f"{doc} unless it is 0",
            looks,
            "number",
        )
    for name, head, value, last in (("sub", number, less, f("eq", less, 0)), ("dec", "", dec, one)):
        zero = Update("r", value, f("and", f("gt", OLD, 0), last))
        bad = f("or", f("le", OLD, 0), f("lt", value, 0))
        effects = (zero, _saturates(bad))
        yield row(
            g, f"refcount_{name}_and_test({head}r: pointer)", effects, "is the new value 0?", lock, "number"
        )
    only = Update("r", FALSE, one, one)
    yield row(g, "refcount_dec_if_one(r: pointer)", only, "LOCK'd; 1 becomes 0; was it 1?", lock, "number")
    goes = f("not", f("or", f("eq", OLD, _SATURATED), f("eq", OLD, 0), one))
    effects = (looking("r", dec, goes, f("ne", OLD, 1)), If(f("eq", OLD, 0), (Warns(),)))
    yield row(g, "refcount_dec_not_one(r: pointer)", effects, "subtracts 1 unless it is 1", looks, "number")


_SATURATED = -(1 << 30)  # REFCOUNT_SATURATED, INT_MIN / 2


def _saturates(bad: Expr) -> If:
    """``refcount_warn_saturate()``: a plain store, and a warning."""
    return If(bad, (Store("r", Const(_SATURATED)), Warns()))


def bits() -> Iterator[Word]:
    """Bits of a word."""
    g, lock = "Bits", "2.1"
    bit = f("shl", 1, "nr")
    was = f("bitand", f("shr", OLD, "nr"), 1)
    values = {
        "set": f("bitor", OLD, bit),
        "clear": f("bitand", OLD, f("inv", bit)),
        "change": f("bitxor", OLD, bit),
    }
    head = "nr: number, addr: pointer"
    yield row(g, f"test_bit({head})", Load("addr", was), "a load of the word", "1.1", "number")
    for op, value in values.items():
        yield row(g, f"{op}_bit({head})", Update("addr", value, None), "LOCK'd", lock)
        yield row(g, f"test_and_{op}_bit({head})", Update("addr", value, was), "the old bit", lock, "number")
        one = "not LOCK'd; no interrupt comes between"
        yield row(g, f"__{op}_bit({head})", Modify("addr", value), one, "1.1, 8.9")
        tested = Modify("addr", value, was)
        yield row(g, f"__test_and_{op}_bit({head})", tested, f"the old bit; {one}", "1.1, 8.9", "number")
    lock_bit = Update("addr", values["set"], was)
    yield row(g, f"test_and_set_bit_lock({head})", lock_bit, "the old bit", lock, "number")
    yield row(g, f"clear_bit_unlock({head})", Update("addr", values["clear"], None), "LOCK'd", lock)
    spin = Update("addr", values["set"], None, needs=f("eq", was, 0))
    held = (READER, spin)
    doc = "LOCK'd; waits exactly until the bit is clear; an RCU reader"
    yield row(g, f"bit_spin_lock({head})", held, doc, "2.1, 18.1")
    free = (Update("addr", values["clear"], None), NO_READER)
    yield row(g, f"bit_spin_unlock({head})", free, "LOCK'd", "2.1, 18.1")


IRQ_OFF = Machine("IRQ", register="irq", value=FALSE)
IRQ_ON = Machine("IRQ", register="irq", value=TRUE)
IRQ_SAVE = Machine("IRQ", register="irq", value=FALSE, into="flags")
IRQ_RESTORE = Machine("IRQ", register="irq", value=f("or", OLD, "flags"))
READER = Machine("RCU", "lock")
NO_READER = Machine("RCU", "unlock")


def locks() -> Iterator[Word]:
    """Spinlocks. Whoever holds one is an RCU reader: preemption is off, or it called rcu_read_lock()."""
    g = "Spinlocks"
    free = f("eq", OLD, 0)
    take = Update("l", TRUE, None, needs=free)
    attempt = (READER, looking("l", TRUE, free), If(f("not", free), (NO_READER,)))
    drop = Store("l", FALSE)
    enter, leave = (READER, take), (drop, NO_READER)
    for prefix in ("spin", "raw_spin"):
        one = "l: pointer"
        saved = "l: pointer, flags: local"
        doc = "LOCK'd; waits exactly until it is free; an RCU reader"
        yield row(g, f"{prefix}_lock({one})", enter, doc, "2.1, 18.1")
        yield row(g, f"{prefix}_unlock({one})", leave, "a plain store", "1.1, 18.1")
        doc = "a load if it is taken; 1 if it took it"
        yield row(g, f"{prefix}_trylock({one})", attempt, doc, "1.1, 2.1, 18.1, 19.2", "number")
        held = Load("l", f("ne", OLD, 0))
        yield row(g, f"{prefix}_is_locked({one})", held, "a load", "1.1", "number")
        yield row(g, f"{prefix}_lock_irq({one})", (IRQ_OFF, *enter), "with interrupts off", "2.1, 8.3, 18.1")
        on = (drop, IRQ_ON, NO_READER)
        yield row(g, f"{prefix}_unlock_irq({one})", on, "and interrupts on", "1.1, 8.3, 18.1")
        both = (IRQ_SAVE, *enter)
        yield row(g, f"{prefix}_lock_irqsave({saved})", both, "interrupts off", "2.1, 8.3, 18.1")
        head = "l: pointer, flags: number"
        restore = (drop, IRQ_RESTORE, NO_READER)
        yield row(g, f"{prefix}_unlock_irqrestore({head})", restore, "interrupts as before", "1.1, 8.3, 18.1")
        yield row(g, f"{prefix}_lock_bh({one})", enter, "as spin_lock", "2.1, 18.1")
        yield row(g, f"{prefix}_unlock_bh({one})", leave, "as spin_unlock", "1.1, 18.1")
    yield row(g, "spin_lock_init(l: pointer)", drop, "a plain store", "1.1")
    yield row(g, "spin_unlock_wait(l: pointer)", Load("l", needs=free), "waits until it is free", "1.1")


def percpu() -> Iterator[Word]:
    """What every CPU has of its own."""
    g = "Per-CPU data"
    for name in ("this_cpu", "__this_cpu", "raw_cpu"):
        yield row(g, f"{name}_read(x: percpu)", Load("x"), "a load", "1.1", "same")
        yield row(g, f"{name}_write(x: percpu, e)", Store("x", Reg("e")), "a store", "1.1")
        rule, one = "1.1, 8.9", "not LOCK'd; no interrupt comes between"
        changes: dict[str, tuple[str, Expr]] = {
            "add": (", e", f("add", OLD, "e")),
            "sub": (", e", f("sub", OLD, "e")),
            "and": (", e", f("bitand", OLD, "e")),
            "or": (", e", f("bitor", OLD, "e")),
            "inc": ("", f("add", OLD, 1)),
            "dec": ("", f("sub", OLD, 1)),
        }
        for op, (more, value) in changes.items():
            yield row(g, f"{name}_{op}(x: percpu{more})", Modify("x", value), one, rule)
            if op not in ("and", "or"):
                made = Modify("x", value, value)
                doc = f"gives the new value; {one}"
                yield row(g, f"{name}_{op}_return(x: percpu{more})", made, doc, rule, "same")
        split = name != "this_cpu"
        swap, doc = (
            Modify("x", Reg("e"), OLD, split),
            "not LOCK'd; an interrupt may come between" if split else one,
        )
        yield row(g, f"{name}_xchg(x: percpu, e)", swap, f"gives the old value; {doc}", rule, "same")
        found = f("ite", f("eq", OLD, "old_value"), "new", OLD)  # it writes back what it found
        compare = Modify("x", found, OLD)
        head = "x: percpu, old_value, new"
        yield row(g, f"{name}_cmpxchg({head})", compare, f"gives the old value; {one}", rule, "same")
    mine = Pure(f("percpu", "x", CPU))
    yield row(g, "this_cpu_ptr(x: pointer)", mine, "the address of this CPU's", "", "same")
    other = Pure(f("percpu", "x", "cpu"))
    yield row(g, "per_cpu_ptr(x: pointer, cpu: number)", other, "the address of a CPU's", "", "same")
    place = Special("per_cpu", "no event by itself")
    yield row(g, "per_cpu(x: percpu, cpu: number)", place, "a CPU's instance, to read or write", "", "same")
    for name in ("smp_processor_id", "raw_smp_processor_id"):
        yield row(g, f"{name}()", Pure(CPU), "the number of this CPU", "", "number")
    doc = "the number of this CPU; an RCU reader from here on"
    yield row(g, "get_cpu()", (READER, Pure(CPU)), doc, "18.1", "number")
    yield row(g, "put_cpu()", NO_READER, "the end of a section", "18.1")
    yield row(g, "num_online_cpus()", Pure(Reg("cpus")), "how many CPUs there are", "", "number")


def masks() -> Iterator[Word]:
    """cpumasks."""
    g, lock = "CPU masks", "2.1"
    head = "cpu: number, m: mask"
    for name, value, doc in (("set", TRUE, "sets"), ("clear", FALSE, "clears")):
        update = Update("bit", value, None)
        yield row(g, f"cpumask_{name}_cpu({head})", update, f"LOCK'd; {doc} one bit", lock)
        whole = Special("mask_modify", "load and store of the whole mask, one instruction", value)
        lossy = f"not LOCK'd; {doc} one bit; what another CPU changes in between is lost"
        yield row(g, f"__cpumask_{name}_cpu({head})", whole, lossy, "1.1, 8.9")
        tested = Update("bit", value)
        yield row(g, f"cpumask_test_and_{name}_cpu({head})", tested, f"LOCK'd; {doc} one bit", lock, "number")
    yield row(g, f"cpumask_test_cpu({head})", Load("bit"), "a load", "1.1", "number")
    yield row(g, "mm_cpumask(mm: mm)", Pure(f("mm_cpumask", "mm")), "the CPUs that may use mm", "", "mask")
    yield row(g, "cpumask_of(cpu: number)", Special("mask_of"), "a constant mask of one CPU", "", "mask")
    whole = Special("mask_read", "one load of the whole mask")
    for name, doc in (("empty", "is no bit set?"), ("full", "are all set?"), ("weight", "how many are set")):
        yield row(g, f"cpumask_{name}(m: mask)", whole, doc, "1.1", "number")
    yield row(
        g, "cpumask_first(m: mask)", whole, "the first one set, or how many CPUs there are", "1.1", "number"
    )
    yield row(g, "cpumask_any(m: mask)", whole, "as cpumask_first(m)", "1.1", "number")
    doc = "the first one set that is not cpu, or how many CPUs there are"
    yield row(g, "cpumask_any_but(m: mask, cpu: number)", whole, doc, "1.1", "number")
    combine = Special("mask_combine", "one load of each mask, then one plain store of the whole")
    for name, doc, result in (
        ("and", "to = a & b; is any bit set?", "number"),
        ("andnot", "to = a & ~b; is any bit set?", "number"),
        ("or", "to = a | b", "void"),
    ):
        yield row(g, f"cpumask_{name}(to: mask, a: mask, b: mask)", combine, doc, "1.1", result)
    copy = Special("mask_copy", "one load, then one plain store, of the whole mask")
    yield row(g, "cpumask_copy(to: mask, m: mask)", copy, "plain load and store", "1.1")
    clear = Special("mask_clear", "one plain store of the whole mask")
    yield row(g, "cpumask_clear(m: mask)", clear, "a plain store", "1.1")
    yield row(g, "cpumask_setall(m: mask)", clear, "a plain store", "1.1")


def interrupts() -> Iterator[Word]:
    """The interrupt flag and calls of other CPUs."""
    g = "Interrupts and IPIs"
    yield row(g, "local_irq_disable()", IRQ_OFF, "no handler runs on this CPU from here on", "8.3")
    yield row(g, "local_irq_enable()", IRQ_ON, "handlers run again", "8.3")
    yield row(g, "local_irq_save(flags: local)", IRQ_SAVE, "disables, and remembers", "8.3")
    yield row(g, "local_irq_restore(flags: number)", IRQ_RESTORE, "as it was", "8.3")
    asks = Special("irqs_disabled", "no data access")
    yield row(g, "irqs_disabled()", asks, "are interrupts off?", "8.3", "number")
    makes = "IPIs, and their acknowledgements if wait"
    others, own_too = Special("call_cpus", makes, FALSE), Special("call_cpus", makes, TRUE)
    by_caller = (others,)  # whoever calls it has disabled preemption
    fewer, every = (READER, others, NO_READER), (READER, own_too, NO_READER)
    rule = "8.2, 8.3, 8.6, 17.4, 18.1, 19.3"
    tail = "func: function, info, wait: number"
    heads = (
        (f"smp_call_function_single(cpu: number, {tail})", "func(info) on one CPU", every),
        (f"smp_call_function_many(m: mask, {tail})", "on the CPUs of a mask but this one", by_caller),
        (f"smp_call_function({tail})", "on all CPUs but this one", fewer),
        (f"on_each_cpu({tail})", "on all CPUs, this one too", every),
        (f"on_each_cpu_mask(m: mask, {tail})", "on the CPUs of a mask, this one too", every),
        (
            f"on_each_cpu_cond(cond: condition, {tail})",
            "on the CPUs for which cond(cpu, info) holds, this one too; NULL: on all",
            every,
        ),
        (f"on_each_cpu_cond_mask(cond: condition, {tail}, m: mask)", "likewise, of a mask", every),
    )
    for head, doc, effects in heads:
        yield row(g, head, effects, doc, rule)


def control() -> Iterator[Word]:
    """What is control flow, or nothing."""
    g = "Control"
    yield row(g, "assume(c)", Special("assume"), "only runs in which c holds here go on")
    warn = Special("warn")
    yield row(g, "WARN_ON(c)", warn, "1:warn is true if this is hit on CPU 1", "", "number")
    yield row(g, "WARN_ON_ONCE(c)", warn, "the same", "", "number")
    yield row(g, "BUG_ON(c)", warn, "the same")
    for name in ("likely", "unlikely"):
        yield row(g, f"{name}(c)", Pure(Reg("c")), "its argument", "", "same")
    quiet = (
        "cpu_relax", "cond_resched", "cant_migrate",
        "might_sleep", "lockdep_assert_irqs_disabled", "lockdep_assert_irqs_enabled",
        "lockdep_assert_preemption_disabled", "migrate_disable", "migrate_enable", "pagefault_disable",
        "pagefault_enable",
    )  # fmt: skip
    for name in quiet:
        yield row(g, f"{name}()", (), "nothing")
    yield row(g, "lockdep_assert_held(l: pointer)", (), "nothing")
