"""The vocabulary's RCU, and the locks that are not spinlocks."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.program.rows import OLD, Load, Machine, Special, Store, Update, Word, f, row
from verifier.program.values import FALSE, TRUE, Const, Reg
from verifier.program.words_kernel import IRQ_OFF, IRQ_ON, IRQ_RESTORE, IRQ_SAVE

_ENTER = Machine("RCU", "lock")
_LEAVE = Machine("RCU", "unlock")
_GRACE = (Machine("GP", "start"), Machine("GP", "end"))


def rcu() -> Iterator[Word]:
    """Readers, grace periods and callbacks: one flavour, as since Linux v5.0."""
    g = "RCU"
    for flavour in ("", "_sched", "_bh"):
        yield row(g, f"rcu_read_lock{flavour}()", _ENTER, "a read-side section begins; no fence", "18.1")
        yield row(g, f"rcu_read_unlock{flavour}()", _LEAVE, "and ends; no fence", "18.1")
    for name in ("preempt", "local_bh"):
        yield row(g, f"{name}_disable()", _ENTER, "a read-side section, too", "18.1")
        yield row(g, f"{name}_enable()", _LEAVE, "and its end", "18.1")
    yield row(g, "preempt_enable_no_resched()", _LEAVE, "the end of one", "18.1")
    for name in ("synchronize_rcu", "synchronize_rcu_expedited", "synchronize_sched", "synchronize_net"):
        yield row(g, f"{name}()", _GRACE, "waits for a grace period; a full fence before and after", "18.2")
    calls = Special("call_rcu", "a grace period, then an interrupt")
    for name in ("call_rcu", "call_rcu_hurry"):
        doc = "func(x) on this CPU when a grace period has ended"
        yield row(g, f"{name}(x, func: function)", calls, doc, "18.3")
    for name in ("rcu_dereference_check", "rcu_dereference_protected"):
        yield row(
            g, f"{name}(x: place, c)", Load("x"), "a load of a pointer; c is not looked at", "1.1", "same"
        )
    yield row(g, "rcu_access_pointer(x: place)", Load("x"), "a load of a pointer", "1.1", "same")
    yield row(g, "RCU_INIT_POINTER(x: place, e)", Store("x", Reg("e")), "a store of a pointer", "1.1")


def sleeping() -> Iterator[Word]:
    """Mutexes; reader-writer spinlocks and semaphores: 0 is free, -1 a writer, n > 0 readers."""
    g = "Mutexes and reader-writer locks"
    free = f("eq", OLD, 0)
    one = "l: pointer"
    take = Update("l", TRUE, None, needs=free)
    attempt = Update("l", TRUE, free, free)
    drop = Update("l", FALSE, None)
    yield row(g, f"mutex_lock({one})", take, "LOCK'd; waits exactly until it is free", "2.1")
    yield row(g, f"mutex_unlock({one})", drop, "LOCK'd", "2.1")
    yield row(g, f"mutex_trylock({one})", attempt, "LOCK'd; 1 if taken", "2.1", "number")
    held = Load("l", f("ne", OLD, 0))
    yield row(g, f"mutex_is_locked({one})", held, "a load", "1.1", "number")
    no_writer = f("ge", OLD, 0)
    enter, leave = f("add", OLD, 1), f("sub", OLD, 1)
    share, tries = Update("l", enter, None, needs=no_writer), Update("l", enter, no_writer, no_writer)
    unshare = Update("l", leave, None)
    own, tries_own = Update("l", Const(-1), None, needs=free), Update("l", Const(-1), free, free)
    yield row(g, f"read_lock({one})", share, "LOCK'd; waits exactly until no writer has it", "2.1")
    yield row(g, f"read_unlock({one})", unshare, "LOCK'd", "2.1")
    yield row(g, f"read_trylock({one})", tries, "LOCK'd; 1 if taken", "2.1", "number")
    yield row(g, f"write_lock({one})", own, "LOCK'd; waits exactly until it is free", "2.1")
    yield row(g, f"write_unlock({one})", Store("l", FALSE), "a plain store", "1.1")
    yield row(g, f"write_trylock({one})", tries_own, "LOCK'd; 1 if taken", "2.1", "number")
    saved, restored = "l: pointer, flags: local", "l: pointer, flags: number"
    for name, lock, unlock in (("read", share, unshare), ("write", own, Store("l", FALSE))):
        yield row(g, f"{name}_lock_irq({one})", (IRQ_OFF, lock), "with interrupts off", "2.1, 8.3")
        yield row(g, f"{name}_unlock_irq({one})", (unlock, IRQ_ON), "and interrupts on", "2.1, 8.3")
        yield row(g, f"{name}_lock_irqsave({saved})", (IRQ_SAVE, lock), "interrupts off", "2.1, 8.3")
        both = (unlock, IRQ_RESTORE)
        yield row(g, f"{name}_unlock_irqrestore({restored})", both, "interrupts as before", "2.1, 8.3")
    for name, effect in (("read", share), ("write", own)):
        yield row(g, f"down_{name}({one})", effect, "LOCK'd; waits exactly", "2.1")
    for name, effect in (("read", tries), ("write", tries_own)):
        yield row(g, f"down_{name}_trylock({one})", effect, "LOCK'd; 1 if taken", "2.1", "number")
    yield row(g, f"up_read({one})", unshare, "LOCK'd", "2.1")
    yield row(g, f"up_write({one})", drop, "LOCK'd", "2.1")
    yield row(g, f"downgrade_write({one})", Update("l", Const(1), None), "LOCK'd; it is read-held now", "2.1")
