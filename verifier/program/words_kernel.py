"""The words of the kernel that are about data: accesses, barriers, atomics, locks, masks, IPIs."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.program.rows import (
    CPU,
    OLD,
    Load,
    Machine,
    Order,
    Pure,
    Special,
    Store,
    Update,
    Word,
    f,
    row,
)
from verifier.program.values import FALSE, TRUE, Expr, Reg


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
        rests = Order(beside=name.partition("_")[0])
        yield row(g, f"smp_mb__{name}()", rests, "the LOCK'd operation beside it is the barrier", "2.1")
    rests = Order(beside="after")
    yield row(g, "smp_mb__after_unlock_lock()", rests, "the LOCK'd lock operation is the barrier", "2.1")
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
            Special("try_cmpxchg", "LOCK'd read-modify-write", locks=True),
            "LOCK CMPXCHG; *old is what was found", lock, "number",
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
        tries = Special("try_cmpxchg", "LOCK'd read-modify-write", locks=True)
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
    new, differs = f(wrap, f("add", OLD, "a")), f("ne", OLD, "u")
    head = "v: pointer, a: number, u: number"
    doc = "adds a unless the value is u"
    yield row(g, at("add_unless", head), Update("v", new, differs, differs), doc, lock, "number")
    yield row(g, at("fetch_add_unless", head), Update("v", new, OLD, differs), doc, lock, "same")
    some = f("ne", OLD, 0)
    inc = Update("v", results["inc"], some, some)
    yield row(g, at("inc_not_zero", "v: pointer"), inc, "adds 1 unless the value is 0", lock, "number")
    positive = f("gt", OLD, 0)
    dec = Update("v", results["dec"], results["dec"], positive)
    head = "v: pointer"
    yield row(g, at("dec_if_positive", head), dec, "gives the value minus 1, stored unless < 0", lock, "same")


def refcounts() -> Iterator[Word]:
    """Reference counts; that they saturate is not looked at."""
    g, lock = "Reference counts", "2.1"
    more, less = f("s32", f("add", OLD, "i")), f("s32", f("sub", OLD, "i"))
    inc, dec = f("s32", f("add", OLD, 1)), f("s32", f("sub", OLD, 1))
    some, one, others = f("ne", OLD, 0), f("eq", OLD, 1), f("ne", OLD, 1)
    yield row(g, "refcount_read(r: pointer)", Load("r"), "a load", "1.1", "same")
    yield row(g, "refcount_set(r: pointer, i)", Store("r", Reg("i")), "a plain store", "1.1")
    for name, head, value in (("add", "i: number, ", more), ("inc", "", inc), ("dec", "", dec)):
        yield row(g, f"refcount_{name}({head}r: pointer)", Update("r", value, None), "LOCK'd", lock)
    tests = (
        ("add_not_zero", "i: number, ", Update("r", more, some, some), "adds i unless it is 0"),
        ("inc_not_zero", "", Update("r", inc, some, some), "adds 1 unless it is 0"),
        ("sub_and_test", "i: number, ", Update("r", less, f("eq", less, 0)), "is the new value 0?"),
        ("dec_and_test", "", Update("r", dec, f("eq", dec, 0)), "is the new value 0?"),
        ("dec_if_one", "", Update("r", FALSE, one, one), "1 becomes 0; was it 1?"),
        ("dec_not_one", "", Update("r", dec, others, others), "subtracts 1 unless it is 1"),
    )
    for name, head, update, doc in tests:
        yield row(g, f"refcount_{name}({head}r: pointer)", update, doc, lock, "number")


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
        plain = (Load("addr"), Store("addr", value))
        yield row(g, f"__{op}_bit({head})", plain, "plain load and store", "1.1")
        both = (Load("addr"), Store("addr", value), Pure(was))
        yield row(g, f"__test_and_{op}_bit({head})", both, "plain load and store", "1.1", "number")
    lock_bit = Update("addr", values["set"], was)
    yield row(g, f"test_and_set_bit_lock({head})", lock_bit, "the old bit", lock, "number")
    yield row(g, f"clear_bit_unlock({head})", Update("addr", values["clear"], None), "LOCK'd", lock)
    spin = Update("addr", values["set"], None, needs=f("eq", was, 0))
    yield row(g, f"bit_spin_lock({head})", spin, "LOCK'd; waits exactly until the bit is clear", lock)
    yield row(g, f"bit_spin_unlock({head})", Update("addr", values["clear"], None), "LOCK'd", lock)


IRQ_OFF = Machine("IRQ", register="irq", value=FALSE)
IRQ_ON = Machine("IRQ", register="irq", value=TRUE)
IRQ_SAVE = Machine("IRQ", register="irq", value=FALSE, into="flags")
IRQ_RESTORE = Machine("IRQ", register="irq", value=Reg("flags"))


def locks() -> Iterator[Word]:
    """Spinlocks."""
    g = "Spinlocks"
    free = f("eq", OLD, 0)
    take = Update("l", TRUE, None, needs=free)
    attempt = Update("l", TRUE, free, free)
    drop = Store("l", FALSE)
    for prefix in ("spin", "raw_spin"):
        one = "l: pointer"
        saved = "l: pointer, flags: local"
        yield row(g, f"{prefix}_lock({one})", take, "LOCK'd; waits exactly until it is free", "2.1")
        yield row(g, f"{prefix}_unlock({one})", drop, "a plain store", "1.1")
        yield row(g, f"{prefix}_trylock({one})", attempt, "LOCK'd; 1 if taken", "2.1", "number")
        held = Load("l", f("ne", OLD, 0))
        yield row(g, f"{prefix}_is_locked({one})", held, "a load", "1.1", "number")
        yield row(g, f"{prefix}_lock_irq({one})", (IRQ_OFF, take), "with interrupts off", "2.1, 8.3")
        yield row(g, f"{prefix}_unlock_irq({one})", (drop, IRQ_ON), "and interrupts on", "1.1, 8.3")
        yield row(g, f"{prefix}_lock_irqsave({saved})", (IRQ_SAVE, take), "interrupts off", "2.1, 8.3")
        head = "l: pointer, flags: number"
        restore = (drop, IRQ_RESTORE)
        yield row(g, f"{prefix}_unlock_irqrestore({head})", restore, "interrupts as before", "1.1, 8.3")
        yield row(g, f"{prefix}_lock_bh({one})", take, "as spin_lock", "2.1")
        yield row(g, f"{prefix}_unlock_bh({one})", drop, "as spin_unlock", "1.1")
    yield row(g, "spin_lock_init(l: pointer)", drop, "a plain store", "1.1")
    yield row(g, "spin_unlock_wait(l: pointer)", Load("l", needs=free), "waits until it is free", "1.1")


def percpu() -> Iterator[Word]:
    """What every CPU has of its own."""
    g = "Per-CPU data"
    for name in ("this_cpu", "__this_cpu", "raw_cpu"):
        yield row(g, f"{name}_read(x: percpu)", Load("x"), "a load", "1.1", "same")
        yield row(g, f"{name}_write(x: percpu, e)", Store("x", Reg("e")), "a store", "1.1")
        update = Special("percpu_update", "load, then store")
        apart = "; no interrupt comes between" if name == "this_cpu" else "; an interrupt may come between"
        for op in ("add", "sub", "and", "or"):
            yield row(g, f"{name}_{op}(x: percpu, e)", update, f"not LOCK'd{apart}", "1.1, 8.3")
        for op in ("inc", "dec"):
            yield row(g, f"{name}_{op}(x: percpu)", update, f"not LOCK'd{apart}", "1.1, 8.3")
        for op, head in (
            ("add", "x: percpu, e"),
            ("sub", "x: percpu, e"),
            ("inc", "x: percpu"),
            ("dec", "x: percpu"),
        ):
            doc = f"gives the new value{apart}"
            yield row(g, f"{name}_{op}_return({head})", update, doc, "1.1, 8.3", "same")
        yield row(g, f"{name}_xchg(x: percpu, e)", update, f"gives the old value{apart}", "1.1, 8.3", "same")
        head = "x: percpu, old_value, new"
        yield row(g, f"{name}_cmpxchg({head})", update, f"gives the old value{apart}", "1.1, 8.3", "same")
    mine = Pure(f("percpu", "x", CPU))
    yield row(g, "this_cpu_ptr(x: pointer)", mine, "the address of this CPU's", "", "same")
    other = Pure(f("percpu", "x", "cpu"))
    yield row(g, "per_cpu_ptr(x: pointer, cpu: number)", other, "the address of a CPU's", "", "same")
    place = Special("per_cpu", "no event by itself")
    yield row(g, "per_cpu(x: percpu, cpu: number)", place, "a CPU's instance, to read or write", "", "same")
    for name in ("smp_processor_id", "raw_smp_processor_id", "get_cpu"):
        yield row(g, f"{name}()", Pure(CPU), "the number of this CPU", "", "number")
    yield row(g, "put_cpu()", (), "nothing")
    yield row(g, "num_online_cpus()", Pure(Reg("cpus")), "how many CPUs there are", "", "number")


def masks() -> Iterator[Word]:
    """cpumasks."""
    g, lock = "CPU masks", "2.1"
    head = "cpu: number, m: mask"
    for name, value, doc in (("set", TRUE, "sets"), ("clear", FALSE, "clears")):
        update = Update("bit", value, None)
        yield row(g, f"cpumask_{name}_cpu({head})", update, f"LOCK'd; {doc} one bit", lock)
        yield row(
            g, f"__cpumask_{name}_cpu({head})", Store("bit", value), f"a plain store; {doc} one bit", "1.1"
        )
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
    call = Special("call_cpus", "IPIs, and their acknowledgements if wait")
    rule = "8.2, 8.3, 8.6, 17.4"
    tail = "func: function, info, wait: number"
    heads = (
        (f"smp_call_function_single(cpu: number, {tail})", "func(info) on one CPU"),
        (f"smp_call_function_many(m: mask, {tail})", "on the CPUs of a mask but this one"),
        (f"smp_call_function({tail})", "on all CPUs but this one"),
        (f"on_each_cpu({tail})", "on all CPUs, this one too"),
        (f"on_each_cpu_mask(m: mask, {tail})", "on the CPUs of a mask, this one too"),
        (
            f"on_each_cpu_cond(cond: condition, {tail})",
            "on the CPUs for which cond(cpu, info) holds, this one asked last; NULL: on all",
        ),
        (f"on_each_cpu_cond_mask(cond: condition, {tail}, m: mask)", "likewise, of a mask"),
    )
    for head, doc in heads:
        yield row(g, head, call, doc, rule)


def control() -> Iterator[Word]:
    """What is control flow, or nothing."""
    g = "Control"
    yield row(g, "assume(c)", Special("assume"), "only runs in which c holds here go on")
    warn = Special("warn")
    yield row(g, "WARN_ON(c)", warn, "1:warn is true if this is hit on CPU 1", "", "number")
    yield row(g, "WARN_ON_ONCE(c)", warn, "the same", "", "number")
    for name in ("WARN", "WARN_ONCE"):
        yield row(g, f"{name}(c, format: text)", warn, "the same, and what is wrong", "", "number")
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
