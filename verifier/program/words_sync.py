"""The vocabulary's RCU, and the locks that are not spinlocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verifier.program.rows import OLD, If, Load, Machine, Special, Store, Update, Word, f, row, since
from verifier.program.values import FALSE, TRUE, Const, Expr, Reg
from verifier.program.words_kernel import IRQ_OFF, IRQ_ON, IRQ_RESTORE, IRQ_SAVE, NO_READER, READER, looking

_GRACE = (Machine("GP", "start"), Machine("GP", "end"))


def rcu() -> Iterator[Word]:
    """Readers, grace periods and callbacks: one flavour, as since Linux v5.0."""
    g = "RCU"
    for flavour in ("", "_sched", "_bh"):
        yield row(g, f"rcu_read_lock{flavour}()", READER, "a read-side section begins; no fence", "18.1")
        yield row(g, f"rcu_read_unlock{flavour}()", NO_READER, "and ends; no fence", "18.1")
    for name in ("preempt", "local_bh"):
        yield row(g, f"{name}_disable()", READER, "a read-side section, too", "18.1")
        yield row(g, f"{name}_enable()", NO_READER, "and its end", "18.1")
    yield row(g, "preempt_enable_no_resched()", NO_READER, "the end of one", "18.1")
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
    drop = Update("l", FALSE, None)
    yield row(g, f"mutex_lock({one})", take, "LOCK'd; waits exactly until it is free", "2.1")
    yield row(g, f"mutex_unlock({one})", drop, "LOCK'd", "2.1")
    doc, rule = "a load if it is taken; 1 if it took it", "1.1, 2.1, 19.2"
    yield row(g, f"mutex_trylock({one})", looking("l", TRUE, free), doc, rule, "number")
    held = Load("l", f("ne", OLD, 0))
    yield row(g, f"mutex_is_locked({one})", held, "a load", "1.1", "number")
    yield from _reader_writer_spinlocks(g)
    yield from _semaphores(g)


_FREE = f("eq", OLD, 0)
_NO_WRITER = f("ge", OLD, 0)
_ENTER, _LEAVE = f("add", OLD, 1), f("sub", OLD, 1)
_SHARE = Update("l", _ENTER, None, needs=_NO_WRITER, line="waits")
_UNSHARE = Update("l", _LEAVE, None)
_OWN = Update("l", Const(-1), None, needs=_FREE, line="joins")


def _reader_writer_spinlocks(g: str) -> Iterator[Word]:
    """qrwlock: whoever holds one is an RCU reader, as with spinlocks."""
    one, saved, restored = "l: pointer", "l: pointer, flags: local", "l: pointer, flags: number"
    disown = Store("l", FALSE)
    ways: tuple[tuple[str, Update, Update | Store, str, Expr, Expr, str], ...] = (
        ("read", _SHARE, _UNSHARE, "2.1, 18.1", _ENTER, _NO_WRITER, "LOCK'd"),
        ("write", _OWN, disown, "1.1, 18.1", Const(-1), _FREE, "a plain store"),
    )
    for name, lock, unlock, rule, taken, goes, how in ways:
        doc = "LOCK'd; waits exactly until " + ("no writer has it" if name == "read" else "it is free")
        yield row(g, f"{name}_lock({one})", (READER, lock), doc, "2.1, 18.1")
        yield row(g, f"{name}_unlock({one})", (unlock, NO_READER), how, rule)
        attempt = replace(looking("l", taken, goes), line="gives_way")
        tries = (READER, attempt, If(f("not", goes), (NO_READER,)))
        doc = "a load if that fails, also where a writer waits for it; 1 if it took it"
        yield row(g, f"{name}_trylock({one})", tries, doc, "1.1, 2.1, 18.1, 19.2", "number")
        off = (IRQ_OFF, READER, lock)
        yield row(g, f"{name}_lock_irq({one})", off, "with interrupts off", "2.1, 8.3, 18.1")
        on = (unlock, IRQ_ON, NO_READER)
        yield row(g, f"{name}_unlock_irq({one})", on, "and interrupts on", f"{rule}, 8.3")
        save = (IRQ_SAVE, READER, lock)
        yield row(g, f"{name}_lock_irqsave({saved})", save, "interrupts off", "2.1, 8.3, 18.1")
        restore = (unlock, IRQ_RESTORE, NO_READER)
        yield row(g, f"{name}_unlock_irqrestore({restored})", restore, "interrupts as before", f"{rule}, 8.3")


def _semaphores(g: str) -> Iterator[Word]:
    """rwsem. Its holders may sleep, so they are no RCU readers."""
    one = "l: pointer"
    for name, effect in (("read", replace(_SHARE, line="joins")), ("write", _OWN)):
        yield row(g, f"down_{name}({one})", effect, "LOCK'd; waits exactly", "2.1")
    tries = Update("l", _ENTER, _NO_WRITER, _NO_WRITER, looks=since("v5.17"), line="gives_way")
    doc = "1 if it took it, which it does not while others wait; if not, a load since v5.17, LOCK'd before"
    yield row(g, f"down_read_trylock({one})", tries, doc, "1.1, 2.1, 19.1, 19.2", "number")
    tries = Update("l", Const(-1), _FREE, _FREE, line="gives_way")
    yield row(
        g, f"down_write_trylock({one})", tries, "LOCK'd, also if it fails; 1 if it took it", "2.1", "number"
    )
    yield row(g, f"up_read({one})", _UNSHARE, "LOCK'd", "2.1")
    yield row(g, f"up_write({one})", Update("l", FALSE, None), "LOCK'd", "2.1")
    yield row(g, f"downgrade_write({one})", Update("l", Const(1), None), "LOCK'd; it is read-held now", "2.1")
