"""The kernel's lock guards, which are statements: one row for each.

``guard(spinlock)(&l);`` takes a lock that is given back wherever its scope is left. ``scoped_guard(spinlock,
&l)`` does so around one statement (include/linux/cleanup.h, since v6.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from verifier.records import dataclass


@dataclass(frozen=True, slots=True)
class LockGuard:
    """A row: the words that it begins and ends with. ``arguments``: how many it takes.

    ``keeps``: ``flags``, which both words take after the arguments; ``index``, which the first word gives
    and the second one takes.
    """

    name: str
    begin: str
    end: str
    arguments: int = 1
    keeps: Literal["", "flags", "index"] = ""

    @property
    def signature(self) -> str:
        """How it is written."""
        return f"guard({self.name})({'&l' if self.arguments else ''})"


def _locks() -> list[LockGuard]:
    rows = [LockGuard("mutex", "mutex_lock", "mutex_unlock")]
    rows += [LockGuard(f"rwsem_{how}", f"down_{how}", f"up_{how}") for how in ("read", "write")]
    for name, lock, unlock in (
        ("spinlock", "spin_lock", "spin_unlock"),
        ("raw_spinlock", "raw_spin_lock", "raw_spin_unlock"),
        ("read_lock", "read_lock", "read_unlock"),
        ("write_lock", "write_lock", "write_unlock"),
    ):
        rows.append(LockGuard(name, lock, unlock))
        rows.append(LockGuard(f"{name}_irq", f"{lock}_irq", f"{unlock}_irq"))
        rows.append(LockGuard(f"{name}_irqsave", f"{lock}_irqsave", f"{unlock}_irqrestore", keeps="flags"))
    rows += [LockGuard(f"{p}spinlock_bh", f"{p}spin_lock_bh", f"{p}spin_unlock_bh") for p in ("", "raw_")]
    for how in ("", "_fast", "_fast_notrace"):  # the last two since v6.19 (version unchecked), linux/srcu.h
        rows.append(LockGuard(f"srcu{how}", f"srcu_read_lock{how}", f"srcu_read_unlock{how}", keeps="index"))
    return rows


_ROWS = (
    *_locks(),
    LockGuard("rcu", "rcu_read_lock", "rcu_read_unlock", 0),
    LockGuard("preempt", "preempt_disable", "preempt_enable", 0),
    LockGuard("migrate", "migrate_disable", "migrate_enable", 0),
    LockGuard("irq", "local_irq_disable", "local_irq_enable", 0),
    LockGuard("irqsave", "local_irq_save", "local_irq_restore", 0, keeps="flags"),
)

GUARDED = "_T"  # what a guard is given, in what a tree says of it
# What ``__free(name)`` calls with a local where its scope is left, unless the local is NULL or an error:
# DEFINE_FREE() in linux/slab.h, linux/vmalloc.h, linux/cpumask.h.
FREES: Mapping[str, str] = MappingProxyType(
    {name: name for name in ("kfree", "kvfree", "vfree", "free_cpumask_var")}
)
EMPTY_MASK = "CPUMASK_VAR_NULL"  # what a local mask starts with: {}, linux/cpumask_types.h

BY_NAME = {guard.name: guard for guard in _ROWS}
GUARDS: Mapping[str, LockGuard] = MappingProxyType(BY_NAME)
