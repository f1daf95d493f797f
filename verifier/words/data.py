"""The words of the kernel that are about data: accesses, barriers, locks, masks, IPIs, control."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from verifier.program.expressions import FALSE, TRUE, Expr, Reg
from verifier.records import replace
from verifier.words.rows import (
    BH_OFF,
    BH_ON,
    CPU,
    IRQ_OFF,
    IRQ_ON,
    IRQ_RESTORE,
    IRQ_SAVE,
    NO_READER,
    OLD,
    READER,
    Load,
    Locked,
    Modify,
    Order,
    Pure,
    Special,
    SpecialName,
    Store,
    Where,
    Word,
    f,
    looking,
    row,
)


def accesses() -> Iterator[Word]:
    """Loads and stores."""
    g = "Accesses"
    load, store = Load("x"), Store("x", Reg("e"))
    once = partial(row, g, source="READ_ONCE(), WRITE_ONCE(), asm-generic/rwonce.h")
    yield once("READ_ONCE(x: place)", load, "one load", "1.1", "same", stands=True)
    yield once("WRITE_ONCE(x: place, e)", store, "one store", "1.1", stands=True)
    tso = partial(row, g, source="__smp_load_acquire(), __smp_store_release(), asm/barrier.h")
    yield tso("smp_load_acquire(x: pointer)", load, "a load; TSO keeps it in order", "1.1", "same")
    yield tso("smp_store_release(x: pointer, e)", store, "a store; TSO keeps it in order", "1.1")
    guests = partial(
        row, g, source="virt_load_acquire() and kin, asm-generic/barrier.h: __smp_load_acquire() and kin"
    )
    yield guests("virt_load_acquire(x: pointer)", load, "a load; TSO keeps it in order", "1.1", "same")
    yield guests("virt_store_release(x: pointer, e)", store, "a store; TSO keeps it in order", "1.1")
    yield guests("virt_store_mb(x: place, e)", Locked("x", Reg("e"), None), "a store by XCHG", "2.1")
    source = "__smp_store_mb(), asm/barrier.h; set_mb() up to v4.1 (version unchecked)"
    swap = Locked("x", Reg("e"), None)
    yield row(g, "smp_store_mb(x: place, e)", swap, "a store by XCHG", "2.1", source=source)
    for name, more in (("rcu_dereference", ""), ("rcu_dereference_raw", "")):
        source = f"{name}(), linux/rcupdate.h{more}"
        yield row(g, f"{name}(x: place)", load, "a load of a pointer", "1.1", "same", source=source)
    source = "task_rcu_dereference(), kernel/exit.c; up to v5.3"
    doc = "a load of a pointer; up to v5.3, and without its look whether the task has been freed"
    yield row(g, "task_rcu_dereference(x: pointer)", load, doc, "1.1", "same", source=source)
    source = "lockless_dereference(), linux/compiler.h; v4.0 to v4.14 (version unchecked)"
    yield row(g, "lockless_dereference(x: place)", load, "a load of a pointer", "1.1", "same", source=source)
    source = "rcu_assign_pointer(), linux/rcupdate.h"
    yield row(g, "rcu_assign_pointer(x: place, e)", store, "a store of a pointer", "1.1", source=source)
    source = "data_race(), linux/compiler.h"
    races = partial(row, g, source=source, stands=True)
    yield races("data_race(x: value)", Pure(Reg("x")), "an access that may race", "", "same")
    waits = Special("cond_load", "load, repeated until the condition on VAL holds")
    source = "smp_cond_load_relaxed(), asm-generic/barrier.h"
    for name in ("smp_cond_load_acquire", "smp_cond_load_relaxed"):
        yield row(g, f"{name}(x: pointer, c)", waits, "waits exactly", "1.1", "same", source=source)
    for name in ("atomic_cond_read", "atomic64_cond_read", "atomic_long_cond_read"):
        for order in ("acquire", "relaxed"):
            source = f"{name}_{order}(), linux/atomic.h: smp_cond_load_{order}()"
            head = f"{name}_{order}(x: pointer, c)"
            yield row(g, head, waits, "waits exactly", "1.1", "same", source=source)
    polls = Special("read_poll", "what op does, repeated until c or the time-out")
    doc = "val = op(args) until c holds: 0, or -110 (-ETIMEDOUT): the time-out may come at any time, and "
    doc += "then op reads once more. With timeout_us 0 it waits exactly"
    for name in ("read_poll_timeout", "read_poll_timeout_atomic"):
        head = f"{name}(op: accessor, val: local, c, us: number, timeout_us: number, before: number, args)"
        yield row(g, head, polls, doc, "1.1", "number", optional=1, source=f"{name}(), linux/iopoll.h")
    for name in ("readx_poll_timeout", "readx_poll_timeout_atomic"):
        head = f"{name}(op: accessor, args, val: local, c, us: number, timeout_us: number)"
        yield row(g, head, polls, doc, "1.1", "number", source=f"{name}(), linux/iopoll.h")


def barriers() -> Iterator[Word]:
    """Fences, of the machine and of the compiler."""
    g, full = "Barriers", Order("mfence")
    doc = "LOCK ADD on the stack; orders all data accesses; no page walk, no fetch"
    source = "__smp_mb(), asm/barrier.h; MFENCE before v4.15"
    yield row(g, "smp_mb()", Order("lock"), doc, "2.1", source=source)
    header, bare = partial(row, g, source="mb(), rmb(), wmb(), asm/barrier.h"), partial(row, g, source=_BARE)
    yield header("mb()", full, "MFENCE", "2.3")
    yield bare("mfence()", full, "the instruction", "2.3")
    yield bare("lfence()", Order("lfence"), "the instruction; nothing beyond TSO", "2.4")
    yield bare("sfence()", Order("sfence"), "the instruction; orders MOVNTI stores", "2.5, 2.6")
    yield header("rmb()", Order("lfence"), "LFENCE", "2.4")
    yield header("wmb()", Order("sfence"), "SFENCE", "2.5")
    nothing, given = Order(), "TSO gives it already"
    source = "__smp_rmb(), asm/barrier.h; LFENCE with CONFIG_X86_PPRO_FENCE (up to v4.15, version unchecked)"
    yield row(g, "smp_rmb()", nothing, given, "1.1", source=source)
    yield row(g, "smp_wmb()", nothing, given, "1.1", source="__smp_wmb(), asm/barrier.h")
    source = "barrier(), linux/compiler.h"
    yield row(g, "barrier()", nothing, "for the compiler only", "1.1", source=source)
    for name in ("dma_rmb", "dma_wmb"):
        yield row(g, f"{name}()", nothing, given, "1.1", source=f"__{name}(), asm/barrier.h")
    generic = "asm-generic/barrier.h"
    yield row(g, "dma_mb()", full, "MFENCE", "2.3", source=f"dma_mb(), {generic}: mb()")
    yield row(g, "virt_mb()", Order("lock"), "as smp_mb()", "2.1", source=f"virt_mb(), {generic}: __smp_mb()")
    for name in ("rmb", "wmb"):
        source = f"virt_{name}(), {generic}: __smp_{name}()"
        yield row(g, f"virt_{name}()", nothing, given, "1.1", source=source)
    yield row(g, "pmem_wmb()", Order("sfence"), "SFENCE", "2.5", source=f"pmem_wmb(), {generic}: wmb()")
    doc = "nothing on x86"
    yield row(
        g,
        "io_stop_wc()",
        nothing,
        doc,
        "1.1",
        source=f"io_stop_wc(), {generic}, since v5.17 (version unchecked)",
    )
    doc = "LFENCE; nothing, if the CPU's LFENCE does not serialize (LFENCE_RDTSC)"
    yield row(g, "barrier_nospec()", Order("lfence"), doc, "2.4", source="barrier_nospec(), asm/barrier.h")
    source = "smp_read_barrier_depends(), asm-generic/barrier.h; up to v5.8 (version unchecked)"
    yield row(g, "smp_read_barrier_depends()", nothing, given, "1.1", source=source)
    doc = "the LOCK'd operation beside it is the barrier"
    for name in ("before_atomic", "after_atomic"):
        source = f"__smp_mb__{name}(), asm/barrier.h"
        more = "; none beside one that is not LOCK'd, as atomic_set() or a conditional one that fails"
        rests = Order(beside=name.partition("_")[0])
        yield row(g, f"smp_mb__{name}()", rests, doc + more, "2.1", source=source)
    source = "smp_mb__after_spinlock(), linux/spinlock.h"
    rests = Order(beside="after")
    yield row(g, "smp_mb__after_spinlock()", rests, doc, "2.1", source=source)
    doc, source = "the LOCK'd lock operation is the barrier", "linux/rcupdate.h"
    name = "smp_mb__after_unlock_lock()"
    yield row(g, name, rests, doc, "2.1", source=f"{name}, {source}")
    name = "smp_acquire__after_ctrl_dep()"
    yield row(g, name, nothing, given, "1.1", source=f"{name}, asm-generic/barrier.h")


def wide() -> Iterator[Word]:
    """CMPXCHG16B of a ``u128``."""
    g, source = (
        "Exchange",
        "arch_cmpxchg128(), arch_try_cmpxchg128(), asm/cmpxchg_64.h; v6.5 and later (version unchecked)",
    )
    compares = partial(row, g, source=source)
    locked = Special("cmpxchg128", "LOCK'd read-modify-write", locks=True)
    doc = "LOCK CMPXCHG16B, LOCK'd also when it fails"
    for order in ("", "_relaxed", "_acquire", "_release"):
        head = f"cmpxchg128{order}(x: wide, old_value, new)"
        yield compares(head, locked, f"{doc}; gives the old value", "2.1", "same")
        head = f"try_cmpxchg128{order}(x: wide, old: pointer, new)"
        yield compares(head, locked, f"{doc}; *old is what was found", "2.1", "number")
    alone, doc = Special("cmpxchg128", _ALONE), f"CMPXCHG16B without LOCK; {_ONE}"
    yield compares("cmpxchg128_local(x: wide, old_value, new)", alone, doc, "1.1, 8.9", "same")
    yield compares("try_cmpxchg128_local(x: wide, old: pointer, new)", alone, doc, "1.1, 8.9", "number")


def percpu_wide() -> Iterator[Word]:
    """The same of what every CPU has."""
    g, source = (
        "Per-CPU data",
        "percpu_cmpxchg128_op(), percpu_try_cmpxchg128_op(), asm/percpu.h; v6.5 and later",
    )
    alone, doc = Special("cmpxchg128", _ALONE), f"CMPXCHG16B without LOCK; {_ONE}"
    compares = partial(row, g, source=f"{source} (version unchecked)")
    for name in ("this_cpu", "raw_cpu"):
        head = f"{name}_cmpxchg128(x: percpu wide, old_value, new)"
        yield compares(head, alone, f"{doc}; gives the old value", "1.1, 8.9", "same")
        head = f"{name}_try_cmpxchg128(x: percpu wide, old: pointer, new)"
        yield compares(head, alone, f"{doc}; *old is what was found", "1.1, 8.9", "number")


_ALONE = "load and store, one instruction"
_ONE = "no interrupt comes between"
_BARE = "no kernel function: the instruction"


_OFF = {"irq": "interrupts are off", "irqsave": "interrupts are off", "bh": "softirqs are off"}


def locks() -> Iterator[Word]:
    """Spinlocks. Whoever holds one is an RCU reader: preemption is off, or it called rcu_read_lock()."""
    g = "Spinlocks"
    free = f("eq", OLD, 0)
    take = Locked("l", TRUE, None, needs=free)
    attempt = (READER, looking("l", TRUE, free), Where(f("not", free), (NO_READER,)))
    drop = Store("l", FALSE)
    enter, leave = (READER, take), (drop, NO_READER)
    spin = "asm-generic/qspinlock.h"
    for prefix in ("spin", "raw_spin"):
        takes = partial(
            row, g, source=f"__raw_spin_lock() and kin, linux/spinlock_api_smp.h; queued_spin_lock(), {spin}"
        )
        source = "native_queued_spin_unlock(), asm/qspinlock.h; __raw_spin_unlock() and kin, "
        drops = partial(row, g, source=f"{source}linux/spinlock_api_smp.h")
        one = "l: pointer"
        saved = "l: pointer, flags: local"
        doc = "LOCK'd; waits exactly until it is free; an RCU reader"
        yield takes(f"{prefix}_lock({one})", enter, doc, "2.1, 18.1")
        yield drops(f"{prefix}_unlock({one})", leave, "a plain store", "1.1, 18.1")
        doc, rule = "a load if it is taken; 1 if it took it", "1.1, 2.1, 18.1, 19.2"
        source = f"__raw_spin_trylock(), linux/spinlock_api_smp.h; queued_spin_trylock(), {spin}"
        yield row(g, f"{prefix}_trylock({one})", attempt, doc, rule, "number", source=source)
        source = f"{prefix}_trylock_irq() and kin, linux/spinlock.h"
        for how, before, after, parameters, rules in (
            ("irq", IRQ_OFF, IRQ_ON, one, "8.3"),
            ("irqsave", IRQ_SAVE, IRQ_RESTORE, saved, "8.3"),
            ("bh", BH_OFF, BH_ON, one, "18.3"),
        ):
            tries = (before, *attempt[:2], Where(f("not", free), (after, NO_READER)))
            head, doc = f"{prefix}_trylock_{how}({parameters})", f"{_OFF[how]} if it took it, which gives 1"
            yield row(g, head, tries, doc, f"1.1, 2.1, {rules}, 18.1, 19.2", "number", source=source)
        held = Load("l", f("ne", OLD, 0))
        doc, source = "a load", f"queued_spin_is_locked(), {spin}, since v4.8 (version unchecked)"
        yield row(g, f"{prefix}_is_locked({one})", held, doc, "1.1", "number", source=source)
        off = (IRQ_OFF, *enter)
        yield takes(f"{prefix}_lock_irq({one})", off, "with interrupts off", "2.1, 8.3, 18.1")
        on = (drop, IRQ_ON, NO_READER)
        yield drops(f"{prefix}_unlock_irq({one})", on, "and interrupts on", "1.1, 8.3, 18.1")
        both = (IRQ_SAVE, *enter)
        yield takes(f"{prefix}_lock_irqsave({saved})", both, "interrupts off", "2.1, 8.3, 18.1")
        head = "l: pointer, flags: number"
        restore = (drop, IRQ_RESTORE, NO_READER)
        yield drops(f"{prefix}_unlock_irqrestore({head})", restore, "interrupts as before", "1.1, 8.3, 18.1")
        for nested in ("nested", "nest_lock"):
            doc = "as spin_lock; the last argument is lockdep's"
            yield takes(f"{prefix}_lock_{nested}({one}, subclass)", enter, doc, "2.1, 18.1")
        nested = f"{prefix}_lock_irqsave_nested({saved}, subclass)"
        yield takes(nested, both, "as spin_lock_irqsave", "2.1, 8.3, 18.1")
        softly = (BH_OFF, *enter)
        yield takes(f"{prefix}_lock_bh({one})", softly, "with softirqs off", "2.1, 18.1, 18.3")
        back = (drop, BH_ON, NO_READER)
        yield drops(f"{prefix}_unlock_bh({one})", back, "and softirqs on", "1.1, 18.1, 18.3")
    for raw in ("", "raw_"):
        source = f"{raw}spin_lock_init(), linux/spinlock.h"
        yield row(g, f"{raw}spin_lock_init(l: pointer)", drop, "a plain store", "1.1", source=source)
    doc = "waits until it is free; v4.8 to v4.13 as here"
    source = "queued_spin_unlock_wait(), kernel/locking/qspinlock.c, v4.8 to v4.13 (version unchecked); "
    source += "before, it looked at the locked byte only, which a waiting spin_lock() sets later"
    yield row(g, "spin_unlock_wait(l: pointer)", Load("l", needs=free), doc, "1.1", source=source)


def percpu() -> Iterator[Word]:
    """What every CPU has of its own."""
    g = "Per-CPU data"
    for name in ("this_cpu", "__this_cpu", "raw_cpu"):
        whole = partial(row, g, source="__raw_cpu_read(), __raw_cpu_write(), asm/percpu.h")
        yield whole(f"{name}_read(x: percpu)", Load("x"), "a load", "1.1", "same")
        yield whole(f"{name}_write(x: percpu, e)", Store("x", Reg("e")), "a store", "1.1")
        source = (
            "percpu_binary_op(), percpu_add_op(), percpu_add_return_op(), percpu_cmpxchg_op(), asm/percpu.h"
        )
        single = partial(row, g, source=source)
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
            yield single(f"{name}_{op}(x: percpu{more})", Modify("x", value), one, rule)
            if op not in ("and", "or"):
                made = Modify("x", value, value)
                doc = f"gives the new value; {one}"
                yield single(f"{name}_{op}_return(x: percpu{more})", made, doc, rule, "same")
        split = name != "this_cpu"
        swap = Modify("x", Reg("e"), OLD, split)
        doc = "gives the old value; " + ("not LOCK'd; an interrupt may come between" if split else one)
        source = "this_percpu_xchg_op(), asm/percpu.h: a loop of CMPXCHG without LOCK"
        if split:
            source = "raw_percpu_xchg_op(), asm/percpu.h; the loop of this_cpu_xchg() "
            source += "before v6.10 (version unchecked)"
        yield row(g, f"{name}_xchg(x: percpu, e)", swap, doc, rule, "same", source=source)
        compare = Modify("x", Reg("new"), OLD, when=f("eq", OLD, "old_value"))
        head = "x: percpu, old_value, new"
        yield single(f"{name}_cmpxchg({head})", compare, f"gives the old value; {one}", rule, "same")
    where = partial(row, g, source="this_cpu_ptr() and kin, linux/percpu-defs.h")
    mine = Pure(f("percpu", "x", CPU))
    yield where("this_cpu_ptr(x: offset)", mine, "the address of this CPU's", "", "same")
    other = Pure(f("percpu", "x", "cpu"))
    yield where("per_cpu_ptr(x: offset, cpu: cpu)", other, "the address of a CPU's", "", "same")
    place, doc = Special("per_cpu", "no event by itself"), "a CPU's instance, to read or write"
    yield where("per_cpu(x: percpu, cpu: cpu)", place, doc, "", "same", stands=True)
    asks = partial(row, g, source="smp_processor_id(), get_cpu(), put_cpu(), linux/smp.h")
    for name in ("smp_processor_id", "raw_smp_processor_id"):
        yield asks(f"{name}()", Pure(CPU), "the number of this CPU", "", "number")
    doc = "the number of this CPU; an RCU reader from here on"
    yield asks("get_cpu()", (READER, Pure(CPU)), doc, "18.1", "number")
    yield asks("put_cpu()", NO_READER, "the end of a section", "18.1")
    source = "num_online_cpus(), linux/cpumask.h; there an atomic_read()"
    count = Pure(Reg("cpus"))
    yield row(g, "num_online_cpus()", count, "how many CPUs there are", "", "uint", source=source)


def masks() -> Iterator[Word]:
    """cpumasks."""
    g, lock = "CPU masks", "2.1"
    head = "cpu: cpu, m: mask"
    locked = partial(row, g, source="cpumask_set_cpu() and kin, linux/cpumask.h: set_bit() and kin")
    bare = partial(row, g, source="__cpumask_set_cpu() and kin, linux/cpumask.h: __set_bit() and kin")
    for name, value, doc in (("set", TRUE, "sets"), ("clear", FALSE, "clears")):
        update = Locked("bit", value, None)
        yield locked(f"cpumask_{name}_cpu({head})", update, f"LOCK'd; {doc} one bit", lock)
        whole = Special("mask_modify", "load and store of the whole mask, one instruction", value)
        lossy = f"not LOCK'd; {doc} one bit; what another CPU changes in between is lost"
        yield bare(f"__cpumask_{name}_cpu({head})", whole, lossy, "1.1, 8.9")
        tested = Locked("bit", value)
        yield locked(f"cpumask_test_and_{name}_cpu({head})", tested, f"LOCK'd; {doc} one bit", lock, "number")
    source = "cpumask_test_cpu(), linux/cpumask.h"
    yield row(g, f"cpumask_test_cpu({head})", Load("bit"), "a load", "1.1", "number", source=source)
    source, doc = "cpu_online(), linux/cpumask.h: a test_bit()", "1: every CPU of a test is online"
    yield row(g, "cpu_online(cpu: cpu)", Pure(TRUE), doc, "", "number", source=source)
    source = "alloc_cpumask_var() and kin, linux/cpumask.h, without CONFIG_CPUMASK_OFFSTACK"
    on_stack = partial(row, g, source=source)
    doc = "1: a cpumask_var_t of a function is on its stack; for a failure, define it in the test"
    yield on_stack("alloc_cpumask_var(m: mask, gfp)", Pure(TRUE), doc, "", "number")
    empty, doc = Special("mask_fill", "one store of the whole mask", FALSE), "clears all bits; 1"
    yield on_stack("zalloc_cpumask_var(m: mask, gfp)", empty, doc, "1.1", "number")
    yield on_stack("free_cpumask_var(m: mask)", (), "nothing", "")
    mine, doc = Pure(f("mm_cpumask", "mm")), "the CPUs that may use mm"
    source = "mm_cpumask(), linux/mm_types.h"
    yield row(g, "mm_cpumask(mm: mm)", mine, doc, "", "mask", source=source)
    single, doc = Special("mask_of"), "a constant mask of one CPU"
    yield row(g, "cpumask_of(cpu: cpu)", single, doc, "", "mask", source="get_cpu_mask(), linux/cpumask.h")
    one_load = "one load of the whole mask"
    reads = partial(row, g, source="cpumask_empty() and kin, linux/cpumask.h; one load a word")
    asks: tuple[tuple[str, SpecialName, str], ...] = (
        ("empty", "mask_empty", "is no bit set?"),
        ("full", "mask_full", "are all set?"),
        ("weight", "mask_weight", "how many are set"),
    )
    for name, what, doc in asks:
        result = "uint" if name == "weight" else "number"
        yield reads(f"cpumask_{name}(m: mask)", Special(what, one_load), doc, "1.1", result)
    none = "or how many CPUs there are (the kernel: nr_cpu_ids or more)"
    finds = partial(row, g, source="cpumask_first(), linux/cpumask.h; one load a word")
    first = Special("mask_first", one_load)
    yield finds("cpumask_first(m: mask)", first, f"the first one set, {none}", "1.1", "uint")
    yield finds("cpumask_any(m: mask)", first, "as cpumask_first(m)", "1.1", "uint")
    doc = f"the first one set that is not cpu, {none}"
    source = "cpumask_any_but(), linux/cpumask.h, lib/cpumask.c before; one load a step"
    other = Special("mask_any_but", one_load)
    yield row(g, "cpumask_any_but(m: mask, cpu: cpu)", other, doc, "1.1", "uint", source=source)
    combine = partial(Special, "mask_combine", "one load of each mask, then one plain store of the whole")
    source = "cpumask_and() and kin, linux/cpumask.h: bitmap_and() and kin; as here up to 64 CPUs"
    for name, joined, doc, result in (
        ("and", f("and", "a", "b"), "to = a & b; is any bit set?", "number"),
        ("andnot", f("and", "a", f("not", "b")), "to = a & ~b; is any bit set?", "number"),
        ("or", f("or", "a", "b"), "to = a | b", "void"),
    ):
        head = f"cpumask_{name}(to: mask, a: mask, b: mask)"
        yield row(g, head, combine(joined), doc, "1.1", result, source=source)
    source = (
        "cpumask_copy() and kin, linux/cpumask.h: bitmap_copy() and kin; memcpy() or memset() beyond 64 CPUs"
    )
    whole_words = partial(row, g, source=source)
    copy = Special("mask_copy", "one load, then one plain store, of the whole mask")
    yield whole_words("cpumask_copy(to: mask, m: mask)", copy, "plain load and store; up to 64 CPUs", "1.1")
    for name, value in (("clear", FALSE), ("setall", TRUE)):
        fill = Special("mask_fill", "one plain store of the whole mask", value)
        yield whole_words(f"cpumask_{name}(m: mask)", fill, "a plain store; up to 64 CPUs", "1.1")


def interrupts() -> Iterator[Word]:
    """The interrupt flag and calls of other CPUs."""
    g = "Interrupts and IPIs"
    flag = partial(row, g, source="native_irq_disable() and kin, asm/irqflags.h")
    yield flag("local_irq_disable()", IRQ_OFF, "no handler runs on this CPU from here on", "8.3")
    yield flag("local_irq_enable()", IRQ_ON, "handlers run again", "8.3")
    yield flag("local_irq_save(flags: local)", IRQ_SAVE, "disables, and remembers", "8.3")
    source = "arch_local_irq_restore(), asm/irqflags.h: STI or nothing; POPF before v5.12 (version unchecked)"
    head, doc = "local_irq_restore(flags: number)", "on again, if they were on; it turns nothing off"
    yield row(g, head, IRQ_RESTORE, doc, "8.3", source=source)
    asks = Special("irqs_disabled", "no data access")
    yield flag("irqs_disabled()", asks, "are interrupts off?", "8.3", "number")
    source = "preemptible(), linux/preempt.h: without CONFIG_PREEMPT_COUNT it is 0"
    yield row(g, "preemptible()", Pure(FALSE), "0: nothing says it of a test", "", "number", source=source)
    for name, on, file, more in (
        ("halt", FALSE, "native_halt()", "; with interrupts off only an NMI ends it"),
        ("safe_halt", TRUE, "native_safe_halt(): STI; HLT", "; interrupts on, and none between"),
    ):
        halts = Special(
            "halt", "HLT, until an interrupt has come" if on == FALSE else "STI and HLT, likewise", on
        )
        source = f"{file}, asm/irqflags.h"
        yield row(
            g,
            f"{name}()",
            halts,
            f"waits until a handler or an NMI has run here{more}",
            "8.11",
            source=source,
        )
    makes = "IPIs, and their acknowledgements if wait"
    others, own_too = (Special("call_cpus", makes, own, True) for own in (FALSE, TRUE))
    by_caller = (others,)  # whoever calls it has disabled preemption
    fewer, every = (READER, others, NO_READER), (READER, own_too, NO_READER)
    rule = "8.2, 8.3, 8.6, 17.4, 18.1, 19.3"
    tail = "func: function, info, wait: number"
    queues = "llist_add() a target"
    many = f"smp_call_function_many_cond(), kernel/smp.c: {queues}"
    single = f"smp_call_function_single(), __smp_call_single_queue(), kernel/smp.c: {queues}"
    earlier = "func(info) on one CPU; with wait 0 the kernel also waits until this CPU's previous such call "
    earlier += "has started; here not, which admits more runs that end, and leaves out that this hangs"
    heads = (
        (f"smp_call_function_single(cpu: cpu, {tail})", earlier, every, single),
        (f"smp_call_function_many(m: mask, {tail})", "on the CPUs of a mask but this one", by_caller, many),
        (f"smp_call_function({tail})", "on all CPUs but this one", fewer, many),
        (f"on_each_cpu({tail})", "on all CPUs, this one too", every, many),
        (f"on_each_cpu_mask(m: mask, {tail})", "on the CPUs of a mask, this one too", every, many),
        (
            f"on_each_cpu_cond(cond: condition, {tail})",
            "on the CPUs for which cond(cpu, info) holds, this one too; NULL: on all",
            every,
            many,
        ),
        (f"on_each_cpu_cond_mask(cond: condition, {tail}, m: mask)", "likewise, of a mask", every, many),
    )
    for head, doc, effects, source in heads:
        word = row(g, head, effects, doc, rule, source=source)
        if word.name.startswith("on_each_cpu_cond"):
            doc = f"{doc}; with GFP flags after wait as up to v5.6: asks for all before it calls any"
            word = replace(word, doc=doc, older=4)
        yield word


def control() -> Iterator[Word]:
    """What is control flow, or nothing."""
    g = "Control"
    doc, source = "only runs in which c holds here go on", "no kernel function: of the test"
    yield row(g, "assume(c)", Special("assume"), doc, source=source)
    ends = "nothing is known of a run in which c holds here; only what other runs show is told, with the text"
    yield row(g, "model_limit(c, text: text)", Special("limit"), ends, source=source)
    warn = Special("warn")
    warns = partial(row, g, source="WARN_ON(), BUG_ON(), asm-generic/bug.h")
    yield warns("WARN_ON(c)", warn, "1:warn is true if this is hit on CPU 1; a branch (8.2)", "", "number")
    yield warns("WARN_ON_ONCE(c)", warn, "the same", "", "number")
    for name in ("WARN", "WARN_ONCE"):
        yield warns(f"{name}(c, format: text)", warn, "the same, and what is wrong", "", "number")
    yield warns("BUG_ON(c)", warn, "the same; the CPU goes on, where in the kernel that thread ends")
    inside = f("and", f("ge", "index", 0), f("lt", "index", "size"))
    clamped = Pure(f("ite", inside, "index", 0))
    doc = "index if it is below size, else 0"
    source = "array_index_nospec(), linux/nospec.h; array_index_mask_nospec(), asm/barrier.h"
    head = "array_index_nospec(index: number, size: number)"
    yield row(g, head, clamped, doc, "", "number", source=source)
    for name in ("likely", "unlikely"):
        source = f"{name}(), linux/compiler.h"
        truth, doc = Pure(f("bool", "c")), "is its argument other than 0?"
        yield row(g, f"{name}(c)", truth, doc, "", "number", source=source)
    for name, file, doc in _QUIET:
        yield row(g, f"{name}()", (), doc, source=f"{name}(), {file}", sleeps=doc == _RESCHED)
    name, source = "lockdep_assert_held(l: pointer)", f"lockdep_assert_held(), {_LOCKDEP}"
    yield row(g, name, (), "nothing", source=source)


_LOCKDEP = "linux/lockdep.h, without CONFIG_PROVE_LOCKING"
_MIGRATE = "kernel/sched/core.c; preempt_disable() up to v5.10 without CONFIG_PREEMPT_RT (version unchecked)"
_FAULTS = "linux/uaccess.h"
_RESCHED = "nothing, which admits more: it may schedule"
_QUIET = (
    ("cpu_relax", "asm/vdso/processor.h", "nothing"),
    ("cond_resched", "linux/sched.h", _RESCHED),
    ("cant_migrate", "linux/kernel.h", "nothing"),
    ("might_sleep", "linux/kernel.h", _RESCHED),
    ("lockdep_assert_irqs_disabled", _LOCKDEP, "nothing"),
    ("lockdep_assert_irqs_enabled", _LOCKDEP, "nothing"),
    ("lockdep_assert_preemption_disabled", _LOCKDEP, "nothing"),
    ("migrate_disable", _MIGRATE, "nothing: preemption stays on, so it is not an RCU reader"),
    ("migrate_enable", _MIGRATE, "nothing"),
    ("pagefault_disable", _FAULTS, "nothing"),
    ("pagefault_enable", _FAULTS, "nothing"),
)
