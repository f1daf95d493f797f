"""What an edit costs: the table by which repairs are ordered. A call may override it."""

from __future__ import annotations

from collections.abc import Mapping

from verifier.errors import UsageError
from verifier.records import NamedTuple
from verifier.syntax.trouble import nearest


class Cost(NamedTuple):
    """A row of the table: the cost of one edit of a kind, and what such an edit is."""

    cost: int
    what: str


COSTS: Mapping[str, Cost] = {
    "smp_mb": Cost(2, "insert `smp_mb()`"),
    "mfence": Cost(2, "insert `mfence()`, where IPIs are sent by `apic_icr_write()`"),
    "lfence": Cost(2, "insert `lfence()`, where IPIs are sent by `apic_icr_write()`"),
    "locked": Cost(2, "a plain store becomes a LOCK'd one: `smp_store_mb()`, `xchg()`"),
    "full": Cost(2, "a weak form of a word becomes its full form: without `__`, `_relaxed`, `_noflush`"),
    "move": Cost(2, "move a statement by one place, within its block"),
    "move_far": Cost(3, "move a statement by more than one place, within its block"),
    "wait": Cost(3, "wait for a call of other CPUs that was not waited for"),
    "kfree_rcu": Cost(3, "`kfree()` becomes `kfree_rcu()`, where the struct has a `struct rcu_head`"),
    "exchange": Cost(3, "a load and a later store of the same place become `xchg()`"),
    "tlbsync": Cost(3, "insert `tlbsync()` after an INVLPGB"),
    "invlpg": Cost(3, "insert `invlpg()` of one address"),
    "flush_tlb_local": Cost(4, "insert `flush_tlb_local()`"),
    "sync_core": Cost(4, "insert `sync_core()`"),
    "xapic": Cost(4, "`apic_icr_write()` becomes `apic_icr_write_mmio()`"),
    "irqs_off": Cost(5, "interrupts off around statements of a block"),
    "helper": Cost(6, "call a function of the file that takes no argument"),
    "ipi": Cost(8, "call a handler of the test's file on all other CPUs, and wait"),
    "flush_tlb_mm": Cost(8, "call `flush_tlb_mm()` or `flush_tlb_mm_range()` of a file to include"),
    "synchronize_rcu": Cost(9, "insert `synchronize_rcu()`"),
    "lock": Cost(10, "take a lock of the test around statements of a block"),
}
MAX_COST = 1_000_000


def costs(changed: Mapping[str, int] | None = None) -> Mapping[str, int]:
    """The cost of each kind of edit, with changes. Raises ``UsageError`` for an unknown kind, and for a
    cost that is no whole number from 1 on."""
    found = {name: row.cost for name, row in COSTS.items()}
    for name, cost in (changed or {}).items():
        if name not in COSTS:
            hint = nearest(name, COSTS) or f"there are {', '.join(COSTS)}"
            raise UsageError(f"no kind of edit is called {name!r}; {hint}")
        if isinstance(cost, bool) or not isinstance(cost, int) or not 0 < cost <= MAX_COST:
            raise UsageError(f"the cost of {name} must be a whole number from 1 to {MAX_COST}, not {cost!r}")
        found[name] = cost
    return found
