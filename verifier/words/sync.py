"""The vocabulary's RCU, and the locks that are not spinlocks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg
from verifier.records import replace
from verifier.words.rows import (
    BH_OFF,
    BH_ON,
    IRQ_OFF,
    IRQ_ON,
    IRQ_RESTORE,
    IRQ_SAVE,
    NO_READER,
    OLD,
    READER,
    TASK_STATES,
    Load,
    Locked,
    Machine,
    Modify,
    Order,
    Special,
    Store,
    Where,
    Word,
    f,
    looking,
    row,
    since,
)

_GRACE = (Machine("GP", "start"), Machine("GP", "end"))


def _quiescent(g: str) -> Iterator[Word]:
    """Extended quiescent states: guests and idle CPUs."""
    start, end = Machine("EQS", "start"), Machine("EQS", "end")
    begins, ends = "RCU watches this CPU no more: until {} no window and no section counts", "RCU watches it"
    for name, source in (
        ("guest{}", "linux/context_tracking.h up to v5.11, then linux/kvm_host.h"),
        ("guest_context{}", "linux/kvm_host.h"),
        ("guest_state{}", "linux/kvm_host.h; v5.18 and later, and later releases of v5.15"),
    ):
        enter, leave = (name.format(f"_{way}_irqoff") for way in ("enter", "exit"))
        more = "; no fence: without context tracking it has none"
        doc = begins.format(f"{leave}()") + more
        yield row(g, f"{enter}()", start, doc, "18.1", source=f"{enter}(), {source}")
        yield row(g, f"{leave}()", end, ends + more, "18.1", source=f"{leave}(), {source}")
    for name, source in (
        ("ct_idle{}", "kernel/context_tracking.c; v6.0 and later"),
        ("ct_cpuidle{}", "linux/cpuidle.h; v6.3 and later"),
        ("rcu_idle{}", "kernel/rcu/tree.c; up to v5.19"),
    ):
        enter, leave = (name.format(f"_{way}") for way in ("enter", "exit"))
        doc = begins.format(f"{leave}()") + "; a full fence"
        yield row(g, f"{enter}()", (Order("lock"), start), doc, "18.1", source=f"{enter}(), {source}")
        yield row(
            g,
            f"{leave}()",
            (end, Order("lock")),
            f"{ends}; a full fence",
            "18.1",
            source=f"{leave}(), {source}",
        )


def rcu() -> Iterator[Word]:
    """Readers, grace periods and callbacks: one flavour, as since Linux v5.0."""
    g = "RCU"
    reads = partial(
        row,
        g,
        source="rcu_read_lock() and kin, linux/rcupdate.h; one flavour since v4.20 (version unchecked)",
    )
    for flavour in ("", "_sched", "_sched_notrace"):
        lock, unlock = f"rcu_read_lock{flavour}", f"rcu_read_unlock{flavour}"
        yield reads(f"{lock}()", READER, "a read-side section begins; no fence", "18.1")
        yield reads(f"{unlock}()", NO_READER, "and ends; no fence", "18.1")
    doc = "a read-side section begins, and softirqs are off; no fence"
    yield reads("rcu_read_lock_bh()", (BH_OFF, READER), doc, "18.1, 18.3")
    doc = "and ends, and softirqs are on; no fence"
    yield reads("rcu_read_unlock_bh()", (BH_ON, NO_READER), doc, "18.1, 18.3")
    yield from _quiescent(g)
    counts = partial(row, g, source="preempt_disable(), preempt_enable(), linux/preempt.h")
    yield counts("preempt_disable()", READER, "a read-side section, too", "18.1")
    yield counts("preempt_enable()", NO_READER, "and its end", "18.1")
    source = "local_bh_disable(), linux/bottom_half.h; __local_bh_enable_ip(), kernel/softirq.c"
    softirqs = partial(row, g, source=source)
    doc = "no softirq runs on this CPU, and so no callback of call_rcu(); a read-side section, too"
    yield softirqs("local_bh_disable()", (BH_OFF, READER), doc, "18.1, 18.3")
    yield softirqs("local_bh_enable()", (BH_ON, NO_READER), "and its end", "18.1, 18.3")
    yield counts("preempt_enable_no_resched()", NO_READER, "the end of one", "18.1")
    doc = "waits for a grace period; a full fence before and after"
    flavours = "one flavour since v4.20"
    old = "v4.20 and v5.0 as here, another flavour up to v4.19"
    for name, source, more in (
        ("synchronize_rcu", f"kernel/rcu/tree.c, not compared with the file; {flavours}", ""),
        ("synchronize_rcu_expedited", f"kernel/rcu/tree_exp.h, not compared with the file; {flavours}", ""),
        (
            "synchronize_sched",
            "kernel/rcu/tree.c (versions unchecked)",
            "; v4.20 and v5.0 as here, another flavour up to v4.19",
        ),
        ("synchronize_sched_expedited", f"kernel/rcu/tree_exp.h, not compared with the file; {old}", ""),
        ("synchronize_rcu_bh", f"kernel/rcu/tree_plugin.h, not compared with the file; {old}", ""),
        ("synchronize_net", "net/core/dev.c; an expedited one while the RTNL is held", ""),
    ):
        yield row(g, f"{name}()", _GRACE, doc + more, "18.2", source=f"{name}(), {source}", sleeps=True)
    calls = Special("call_rcu", "a grace period, then the callback")
    source = "__call_rcu_common(), rcu_do_batch(), kernel/rcu/tree.c"
    for name, more in (
        ("call_rcu", ""),
        ("call_rcu_hurry", "; v6.2 and later"),
        ("call_rcu_sched", f", not compared with the file; {old}"),
        ("call_rcu_bh", f", not compared with the file; {old}"),
    ):
        doc = "func(x) on this CPU when a grace period has ended; "
        doc += "not offloaded: CONFIG_RCU_NOCB_CPU may run it elsewhere"
        yield row(g, f"{name}(x, func: function)", calls, doc, "18.3", source=source + more)
    doc = "waits for the callbacks that call_rcu() has queued on all CPUs; no grace period; a full fence "
    waits = (Machine("GP", "barrier"), Machine("GP", "end"))
    source = "rcu_barrier(), rcu_barrier_entrain(), kernel/rcu/tree.c"
    yield row(g, "rcu_barrier()", waits, doc + "before and after", "18.5", source=source, sleeps=True)
    for flavour in ("_sched", "_bh"):
        source = f"rcu_barrier{flavour}(), kernel/rcu/tree.c, not compared with the file; {old}"
        yield row(g, f"rcu_barrier{flavour}()", waits, "as rcu_barrier", "18.5", source=source, sleeps=True)
    load, doc = Load("x"), "a load of a pointer; c is not looked at"
    for name in ("check", "protected", "bh_check", "sched_check"):
        source = f"rcu_dereference_{name}(), linux/rcupdate.h"
        yield row(g, f"rcu_dereference_{name}(x: place, c)", load, doc, "1.1", "same", source=source)
    for name in ("bh", "sched"):
        source = f"rcu_dereference_{name}(), linux/rcupdate.h"
        head, doc = f"rcu_dereference_{name}(x: place)", "a load of a pointer"
        yield row(g, head, load, doc, "1.1", "same", source=source)
    doc = "a load of a pointer, then a store; the old pointer; c is not looked at"
    source, swap = "rcu_replace_pointer(), linux/rcupdate.h; v5.5 and later", Modify("x", Reg("e"), OLD, True)
    head = "rcu_replace_pointer(x: place, e, c)"
    yield row(g, head, swap, doc, "1.1", "same", source=source)
    name, source = "rcu_access_pointer(x: place)", "rcu_access_pointer(), linux/rcupdate.h"
    yield row(g, name, load, "a load of a pointer", "1.1", "same", source=source)
    source, store = "RCU_INIT_POINTER(), linux/rcupdate.h", Store("x", Reg("e"))
    yield row(g, "RCU_INIT_POINTER(x: place, e)", store, "a store of a pointer", "1.1", source=source)


def freeing() -> Iterator[Word]:
    """What frees an object. The slab poisoning of the kernel makes it visible who uses that afterwards."""
    g, poison = "Freeing", "fills every field with POISON_FREE, the byte 0x6b"
    frees = Special("free", "stores")
    file = "mm/slub.c"
    doc = f"{poison}: plain stores, one field after the other; no fence; nothing if p is NULL"
    for name in ("kfree", "kvfree", "vfree"):
        source = (
            f"{name}(), slab_free(), init_object(), {file}, with slub_debug=P, not compared with the file"
        )
        yield row(g, f"{name}(p: freed)", frees, doc, "1.1", source=source)
    frees = Special("free_rcu", "a grace period, then stores")
    how = f"when a grace period has ended, a workqueue {poison}; rcu_barrier() does not wait for it"
    source = "kvfree_call_rcu(), kfree_rcu_work(), mm/slab_common.c, kernel/rcu/tree.c up to v6.13; "
    source += "without a workqueue up to v5.5 (version unchecked)"
    for name in ("kfree_rcu", "kvfree_rcu"):
        doc = f"{how}; nothing if p is NULL"
        yield row(g, f"{name}(p: freed, field: member)", frees, doc, "18.3", source=source)
    for name in ("kfree_rcu_mightsleep", "kvfree_rcu_mightsleep"):
        doc = f"{how}; where memory is short, the kernel waits here, which adds no outcome"
        yield row(g, f"{name}(p: freed)", frees, doc, "18.3", source=source, sleeps=True)


def sleeping() -> Iterator[Word]:
    """Mutexes; reader-writer spinlocks and semaphores: 0 is free, -1 a writer, n > 0 readers."""
    g = "Mutexes and reader-writer locks"
    free = f("eq", OLD, 0)
    one = "l: pointer"
    take = Locked("l", TRUE, None, needs=free)
    drop = Locked("l", FALSE, None)
    file = "kernel/locking/mutex.c"
    doc, source = "LOCK'd; waits exactly until it is free", "__mutex_trylock_fast(), __mutex_lock_common()"
    yield row(g, f"mutex_lock({one})", take, doc, "2.1", source=f"{source}, {file}", sleeps=True)
    source = "__mutex_unlock_fast(), __mutex_handoff()"
    yield row(g, f"mutex_unlock({one})", drop, _LOOKS_BACK, "2.1", source=f"{source}, {file}")
    doc, rule = "a load if it is taken; 1 if it took it", "1.1, 2.1, 19.2"
    source = f"__mutex_trylock_or_owner(), {file}, since v4.10 (version unchecked)"
    yield row(g, f"mutex_trylock({one})", looking("l", TRUE, free), doc, rule, "number", source=source)
    same = partial(row, g, source=f"__mutex_lock(), {file}", sleeps=True)
    doc = "as mutex_lock; the last argument is lockdep's"
    for nested in ("nested", "nest_lock", "io_nested"):
        yield same(f"mutex_lock_{nested}({one}, subclass)", take, doc, "2.1")
    yield same(f"mutex_lock_io({one})", take, "as mutex_lock", "2.1")
    for how in ("killable", "interruptible"):
        doc = "as mutex_lock: no signal comes; 0"
        yield same(f"mutex_lock_{how}({one})", take, doc, "2.1", "number")
        yield same(f"mutex_lock_{how}_nested({one}, subclass)", take, doc, "2.1", "number")
    held, source = Load("l", f("ne", OLD, 0)), f"mutex_is_locked(), {file}"
    yield row(g, f"mutex_is_locked({one})", held, "a load", "1.1", "number", source=source)
    yield from _reader_writer_spinlocks(g)
    yield from _semaphores(g)
    yield from _counting_semaphores(g)
    yield from _local_locks(g)


_LOOKS_BACK = "LOCK'd; in the kernel it may look at the lock once more, when another CPU has taken it already"
_FREE = f("eq", OLD, 0)
_NO_WRITER = f("ge", OLD, 0)
_ENTER, _LEAVE = f("add", OLD, 1), f("sub", OLD, 1)
_SHARE = Locked("l", _ENTER, None, needs=_NO_WRITER, line="waits")
_UNSHARE = Locked("l", _LEAVE, None)
_OWN = Locked("l", Const(-1), None, needs=_FREE, line="joins")


def _reader_writer_spinlocks(g: str) -> Iterator[Word]:
    """qrwlock: whoever holds one is an RCU reader, as with spinlocks."""
    one, saved, restored = "l: pointer", "l: pointer, flags: local", "l: pointer, flags: number"
    disown, header = Store("l", FALSE), "asm-generic/qrwlock.h"
    ways: tuple[tuple[str, Locked, Locked | Store, str, Expr, Expr, str], ...] = (
        ("read", _SHARE, _UNSHARE, "2.1, 18.1", _ENTER, _NO_WRITER, "LOCK'd"),
        ("write", _OWN, disown, "1.1, 18.1", Const(-1), _FREE, "a plain store"),
    )
    for name, lock, unlock, rule, taken, goes, how in ways:
        slow = f"queued_{name}_lock_slowpath(), kernel/locking/qrwlock.c"
        takes = partial(row, g, source=f"queued_{name}_lock(), {header}; {slow}")
        drops = partial(row, g, source=f"queued_{name}_unlock(), {header}")
        doc = "LOCK'd; waits exactly until " + ("no writer has it" if name == "read" else "it is free")
        yield takes(f"{name}_lock({one})", (READER, lock), doc, "2.1, 18.1")
        yield drops(f"{name}_unlock({one})", (unlock, NO_READER), how, rule)
        attempt = replace(looking("l", taken, goes), line="gives_way")
        tries = (READER, attempt, Where(f("not", goes), (NO_READER,)))
        doc = "a load if that fails, also where a writer waits for it; 1 if it took it"
        source, rules = f"queued_{name}_trylock(), {header}", "1.1, 2.1, 18.1, 19.2"
        yield row(g, f"{name}_trylock({one})", tries, doc, rules, "number", source=source)
        if name == "write":
            quiet = (IRQ_SAVE, *tries[:2], Where(f("not", goes), (IRQ_RESTORE, NO_READER)))
            doc, source = "interrupts are off if it took it, which gives 1", "write_trylock_irqsave(), "
            source += "linux/rwlock.h"
            head = f"write_trylock_irqsave({saved})"
            yield row(g, head, quiet, doc, "1.1, 2.1, 8.3, 18.1, 19.2", "number", source=source)
        off = (IRQ_OFF, READER, lock)
        yield takes(f"{name}_lock_irq({one})", off, "with interrupts off", "2.1, 8.3, 18.1")
        on = (unlock, IRQ_ON, NO_READER)
        yield drops(f"{name}_unlock_irq({one})", on, "and interrupts on", f"{rule}, 8.3")
        save = (IRQ_SAVE, READER, lock)
        yield takes(f"{name}_lock_irqsave({saved})", save, "interrupts off", "2.1, 8.3, 18.1")
        restore = (unlock, IRQ_RESTORE, NO_READER)
        yield drops(f"{name}_unlock_irqrestore({restored})", restore, "interrupts as before", f"{rule}, 8.3")
        source = f"__raw_{name}_lock_bh(), __raw_{name}_unlock_bh(), linux/rwlock_api_smp.h; "
        bh = partial(row, g, source=f"{source}queued_{name}_lock(), queued_{name}_unlock(), {header}")
        yield bh(f"{name}_lock_bh({one})", (BH_OFF, READER, lock), "with softirqs off", "2.1, 18.1, 18.3")
        back = (unlock, BH_ON, NO_READER)
        yield bh(f"{name}_unlock_bh({one})", back, "and softirqs on", f"{rule}, 18.3")


def _semaphores(g: str) -> Iterator[Word]:
    """rwsem. Its holders may sleep, so they are not RCU readers."""
    one = "l: pointer"
    file = "kernel/locking/rwsem.c"
    follows, joins = replace(_SHARE, line="follows", readers=True), replace(_OWN, readers=True)
    for name, effect in (("read", follows), ("write", joins)):
        takes = partial(row, g, source=f"__down_{name}(), {file}, since v5.2", sleeps=True)
        yield takes(f"down_{name}({one})", effect, "LOCK'd; waits exactly", "2.1")
        doc = f"as down_{name}; the last argument is lockdep's"
        yield takes(f"down_{name}_nested({one}, subclass)", effect, doc, "2.1")
        doc = f"as down_{name}: no signal comes; 0"
        for how in ("killable", "interruptible") if name == "read" else ("killable",):
            yield takes(f"down_{name}_{how}({one})", effect, doc, "2.1", "number")
    looks = f("or", since("v5.16"), f("not", since("v5.8")))  # LOCK'd from v5.2 on; v4.0 stands for v5.2, too
    tries = Locked("l", _ENTER, _NO_WRITER, _NO_WRITER, looks=looks, line="gives_way", readers=True)
    doc = "1 if it took it, which it does not while others wait; if not, a load since v5.16 and up to v5.1, "
    doc += "LOCK'd between"
    source = f"__down_read_trylock(), {file}; asm/rwsem.h up to v5.1"
    head, rule = f"down_read_trylock({one})", "1.1, 2.1, 19.1, 19.2"
    yield row(g, head, tries, doc, rule, "number", source=source)
    old = f("not", since("v5.8"))  # likewise
    tries = Locked("l", Const(-1), _FREE, _FREE, looks=old, line="gives_way", readers=True)
    head = f"down_write_trylock({one})"
    doc = "LOCK'd, also if it fails, but a load then up to v5.1; 1 if it took it"
    source = f"rwsem_write_trylock(), {file}; asm/rwsem.h up to v5.1"
    yield row(g, head, tries, doc, rule, "number", source=source)
    ends = partial(row, g, source=f"__up_read(), __up_write(), __downgrade_write(), {file}, since v5.2")
    yield ends(f"up_read({one})", _UNSHARE, _LOOKS_BACK, "2.1")
    yield ends(f"up_write({one})", Locked("l", FALSE, None), _LOOKS_BACK, "2.1")
    yield ends(f"downgrade_write({one})", Locked("l", Const(1), None), "LOCK'd; it is read-held now", "2.1")


# By the name of what somebody waits for: the include, and the functions that prepare, sleep, and end it.
SLEEPS = {
    "wq": ("wait.inc", "prepare_to_wait_event", "schedule", "finish_wait"),
    "var": ("wait_bit.inc", "prepare_to_wait_var", "schedule", "finish_wait_var"),
}
SLEEPS_WITH_TIMEOUT = "schedule_timeout"


def waiting() -> Iterator[Word]:
    """What calls the functions of an include because it is a macro: it evaluates its argument again and
    again."""
    for how in TASK_STATES:
        yield _waits("wait_event", "wq: struct", how)
        if how != "_freezable":
            yield _waits("wait_event", "wq: struct", how, timeout=True)
    for how in ("", "_interruptible", "_killable"):
        yield _waits("wait_var_event", "var: pointer", how)
    yield _waits("wait_var_event", "var: pointer", "", timeout=True)


def _waits(name: str, first: str, how: str, timeout: bool = False) -> Word:
    """A macro that waits in a state; with a ``timeout``, what is left of it."""
    file, prepare, sleep, finish = SLEEPS[first.partition(":")[0]]
    whole, rest = f"{name}{how}{'_timeout' if timeout else ''}", f"then {finish}()"
    if timeout:
        doc = f"if c does not hold: {prepare}(), c, {SLEEPS_WITH_TIMEOUT}(), until c holds or the time is "
        doc += f"over, {rest}; 0 if c does not hold then, else what is left, or 1"
    else:
        doc = f"if c does not hold: {prepare}(), c, {sleep}(), until c holds, {rest}"
    doc += f'; with #include "linux/{file}"'
    signals = how in ("_interruptible", "_killable", "_freezable")
    doc += "; there are no signals" + ("" if timeout else ", so it gives 0") if signals else ""
    effect = Special("wait_event", "loads of c; what these functions do", Const(TASK_STATES[how]))
    source = f"{whole}(), ___{name}(), linux/{file.removesuffix('inc')}h"
    result = "number" if signals or timeout else "void"
    head = f"{whole}({first}, c{', timeout' if timeout else ''})"
    return row("Sleeping", head, effect, doc, "1.1", result, source=source, sleeps=True)


def _counting_semaphores(g: str) -> Iterator[Word]:
    """``struct semaphore``: its count. Whoever uses one holds its spinlock for a while, so that each of these
    is a LOCK'd operation; the count is what others see when they have the spinlock. up() gives its place to
    the first who waits, and wakes it up, since v6.15 after it has left the spinlock: that is no
    difference here. Interrupts are off with the spinlock, but an NMI that calls one of these where it has
    interrupted another one waits for ever in the kernel, and not here."""
    file, free = "kernel/locking/semaphore.c", f("gt", OLD, 0)
    down = Locked("l", _LEAVE, None, needs=free, line="joins")
    doc, one = "LOCK'd; waits exactly until the count is above 0, and takes 1 from it", "l: pointer"
    source = f"down(), __down_common(), {file}"
    yield row(g, f"down({one})", down, doc, "2.1", source=source, sleeps=True)
    for how in ("interruptible", "killable"):
        doc = "as down: no signal comes; 0"
        source = f"down_{how}(), {file}"
        yield row(g, f"down_{how}({one})", down, doc, "2.1", "number", source=source, sleeps=True)
    tries = Locked("l", _LEAVE, f("not", free), free, line="gives_way")
    doc = "LOCK'd, also if it fails; 0 if it took 1, which it does not while others wait; if not, 1"
    yield row(g, f"down_trylock({one})", tries, doc, "2.1", "number", source=f"down_trylock(), {file}")
    rises = Locked("l", _ENTER, None)
    yield row(g, f"up({one})", rises, "LOCK'd; adds 1 to the count", "2.1", source=f"up(), {file}")
    doc, source = "a plain store", "sema_init(), linux/semaphore.h"
    yield row(g, f"sema_init({one}, n)", Store("l", Reg("n")), doc, "1.1", source=source)


def _local_locks(g: str) -> Iterator[Word]:
    """Local locks without PREEMPT_RT: no lock is taken; what they do keeps others on this CPU away."""
    header = "linux/local_lock_internal.h; v5.8 and later"
    one, saved, restored = "l: offset", "l: offset, flags: local", "l: offset, flags: number"
    doc = "preemption is off: an RCU reader; no fence"
    locks = partial(row, g, source=f"__local_lock() and kin, {header}")
    yield locks(f"local_lock({one})", READER, doc, "18.1")
    yield locks(f"local_unlock({one})", NO_READER, "preemption is on; no fence", "18.1")
    yield locks(f"local_lock_irq({one})", IRQ_OFF, "interrupts are off", "8.8, 18.1")
    yield locks(f"local_unlock_irq({one})", IRQ_ON, "interrupts are on", "8.8, 18.1")
    yield locks(f"local_lock_irqsave({saved})", IRQ_SAVE, "interrupts are off", "8.8, 18.1")
    yield locks(f"local_unlock_irqrestore({restored})", IRQ_RESTORE, "interrupts as before", "8.8, 18.1")
