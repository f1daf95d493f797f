"""The vocabulary's SRCU: sections, grace periods and callbacks of one ``srcu_struct``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from verifier.words.rows import Load, Machine, Order, Special, Word, row

_G = "SRCU"
_FULL = Order("lock")  # smp_mb()
_BEGIN = Machine("RCU", "lock", domain="s")
_END = Machine("RCU", "unlock", domain="s", index="idx")
_END_ANYWHERE = Machine("RCU", "unlock", domain="s", index="idx", anywhere=True)


def srcu() -> Iterator[Word]:
    """Readers, grace periods and callbacks of a ``struct srcu_struct``."""
    yield from _sections()
    file = "kernel/rcu/srcutree.c"
    waits = (Machine("GP", "start", domain="s"), Machine("GP", "end", domain="s"))
    for name in ("synchronize_srcu", "synchronize_srcu_expedited"):
        doc = "waits for a grace period of s, that is, for the readers of s; a full fence before and after"
        yield row(_G, f"{name}(s: domain)", waits, doc, "18.2, 18.4", source=f"{name}(), {file}", sleeps=True)
    calls = Special("call_rcu", "a grace period of s, then the callback")
    doc = "func(x) when a grace period of s has ended, by a workqueue: here on a CPU that has no program; "
    doc += "those of one CPU one after the other"
    source = f"call_srcu(), srcu_gp_start_if_needed(), srcu_invoke_callbacks(), {file}"
    head = "call_srcu(s: domain, x, func: function)"
    yield row(_G, head, calls, doc, "18.3, 18.4", source=source)
    doc = "waits for the callbacks that call_srcu() has queued for s; no grace period; a full fence "
    waits = (Machine("GP", "barrier", domain="s"), Machine("GP", "end", domain="s"))
    source = f"srcu_barrier(), {file}"
    yield row(
        _G,
        "srcu_barrier(s: domain)",
        waits,
        doc + "before and after",
        "18.4, 18.5",
        source=source,
        sleeps=True,
    )
    load, header = Load("x"), "linux/srcu.h"
    for name, more in (("", ""), ("_notrace", ""), ("_check", ", c")):
        head = f"srcu_dereference{name}(x: place, s: domain{more})"
        source = f"srcu_dereference{name}(), {header}"
        yield row(_G, head, load, "a load of a pointer", "1.1", "same", source=source)


def _sections() -> Iterator[Word]:
    header, file = "linux/srcu.h", "kernel/rcu/srcutree.c"
    begins = partial(row, _G, rule="2.1, 18.4", result="number")
    ends = partial(row, _G, rule="2.1, 18.4")
    for name, more in (
        ("srcu_read_lock", ""),
        ("srcu_read_lock_notrace", ""),
        ("srcu_read_lock_nmisafe", "; v6.1 and later, on x86 as srcu_read_lock()"),
        ("srcu_down_read", "; v6.0 and later"),
    ):
        doc = "a section begins, then a full fence; its index, for the unlock"
        source = f"{name}(), {header}; __srcu_read_lock(), {file}{more}"
        yield begins(f"{name}(s: domain)", (_BEGIN, _FULL), doc, source=source)
    elsewhere = "; it may have begun on another CPU, and the index be read from memory: what is no index "
    elsewhere += "there sets 1:warn"
    for name, end, where, more in (
        ("srcu_read_unlock", _END, "", ""),
        ("srcu_read_unlock_notrace", _END, "", ""),
        ("srcu_read_unlock_nmisafe", _END, "", "; v6.1 and later, on x86 as srcu_read_unlock()"),
        ("srcu_up_read", _END_ANYWHERE, elsewhere, "; v6.0 and later"),
    ):
        doc = f"a full fence, then the section with this index ends, as by a plain store{where}"
        source = f"{name}(), {header}; __srcu_read_unlock(), {file}{more}"
        yield ends(f"{name}(s: domain, idx: index)", (_FULL, end), doc, source=source)
    for flavour, more in (
        ("_lite", "; v6.13 to v6.16"),
        ("_fast", "; v6.15 and later"),
        ("_fast_notrace", "; v6.19 and later (version unchecked)"),
    ):
        header = "linux/srcu.h, linux/srcutree.h"
        doc = "a section begins; no fence"
        source = f"srcu_read_lock{flavour}(), {header}{more}"
        yield row(_G, f"srcu_read_lock{flavour}(s: domain)", _BEGIN, doc, "18.4", "number", source=source)
        source = f"srcu_read_unlock{flavour}(), {header}{more}"
        doc = "and ends; no fence"
        yield row(_G, f"srcu_read_unlock{flavour}(s: domain, idx: index)", _END, doc, "18.4", source=source)
    header = "linux/srcu.h, linux/srcutree.h; v6.19 and later (version unchecked)"
    for begin, close, end, where in (
        ("srcu_read_lock_fast_updown", "srcu_read_unlock_fast_updown", _END, ""),
        ("srcu_down_read_fast", "srcu_up_read_fast", _END_ANYWHERE, elsewhere),
    ):
        doc = "a section begins; no fence"
        yield row(_G, f"{begin}(s: domain)", _BEGIN, doc, "18.4", "number", source=f"{begin}(), {header}")
        doc = f"and ends; no fence{where}"
        yield row(_G, f"{close}(s: domain, idx: index)", end, doc, "18.4", source=f"{close}(), {header}")
    doc, source = "srcu_read_unlock() has its fence before the end", "linux/srcu.h"
    name = "smp_mb__after_srcu_read_unlock"
    yield row(_G, f"{name}()", Order(), doc, "1.1", source=f"{name}(), {source}")
