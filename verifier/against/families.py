"""Which words are compared, and how they are called: the table of families."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from verifier.records import dataclass, field
from verifier.words.rows import Word

# The values of arguments, by the name of the parameter.
ARGUMENTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "i": ("1", "-1"), "a": ("1", "-2"), "u": ("1",), "e": ("7",), "new": ("7",), "old_value": ("1", "2"),
        "nr": ("0", "3"), "n": ("7",), "mask": ("1", "129"), "subclass": ("0",),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Family:
    """Words that are called alike: those that match ``names``; of several, the first one counts.

    ``cell``      declares the object ``cell`` that they work on; ``local`` is the type of what it holds,
                  which has ``bits`` bits;
    ``starts``    what the cell holds at first;
    ``files``     may define them;
    ``arguments`` are further than ``ARGUMENTS``;
    ``reach``     how another CPU names the cell, and ``changed`` what it stores there;
    ``handler``   what an interrupt does;
    ``inside``    fields of the tree's type that are the cell itself;
    ``types``     types of the tree that are others here;
    ``encoding``  what the tree has in the cell for a value of the row's;
    ``stubs``     functions that are not taken from the tree, as C, and ``said`` why not;
    ``before``    the families for trees before this version (``v5.5``); empty: for all.
    """

    names: str
    cell: str
    starts: tuple[str, ...]
    files: tuple[str, ...]
    arguments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reach: str = "cell"
    changed: str = "9"
    handler: str = "WRITE_ONCE(cell, READ_ONCE(cell) + 8);"
    local: str = "int"
    bits: int = 32
    inside: tuple[str, ...] = ("counter",)
    types: Mapping[str, str] = field(default_factory=dict)
    encoding: Mapping[int, int] = field(default_factory=dict)
    stubs: Mapping[str, str] = field(default_factory=dict)
    said: str = ""
    before: str = ""


_ATOMIC, _BITS = ("include/linux/atomic.h",), ("include/linux/bitops.h",)
_REFCOUNT = ("include/linux/refcount.h", "lib/refcount.c")
_COUNTS = ("0", "1", "2", "-1")
_LONG: dict[str, Any] = {"local": "s64", "bits": 64}
_WORD: dict[str, Any] = {"local": "unsigned long", "bits": 64}
_REFS: dict[str, Any] = {
    "inside": ("counter", "refs"), "types": {"refcount_t": "atomic_t"}, "arguments": {"i": ("1", "2")},
    "said": "amounts that are negative: they are a misuse, and versions differ",
}  # fmt: skip
_OLDER: dict[str, Any] = {
    **_REFS, "before": "v5.5", "arguments": {"i": ("1",)},
    "said": "counts that saturate: before v5.5 an exception of the processor does that, or other code, as "
    "the configuration says; here only what is no misuse is compared",
}  # fmt: skip
_OWN: dict[str, Any] = {
    "reach": "per_cpu(cell, 0)",
    "handler": "this_cpu_write(cell, this_cpu_read(cell) + 8);",
}
_POINTER: dict[str, Any] = {
    "arguments": {"e": ("&y",), "c": ("1",)}, "changed": "&y", "handler": "WRITE_ONCE(cell, &y);",
    "local": "int *", "bits": 64,
}  # fmt: skip
_SPIN = ("include/linux/spinlock.h", "kernel/locking/spinlock.c")
_QUEUE = (
    "void kernel_{0}(spinlock_t *lock, int val) "
    "{{ do {{ val = 0; }} while (!atomic_try_cmpxchg(lock, &val, 1)); }}"
)
_SLOW = ("queued_spin_lock_slowpath", "native_queued_spin_lock_slowpath")
_SPINLOCK: dict[str, Any] = {
    "changed": "1", "handler": "WRITE_ONCE(y, 2);",
    "inside": ("counter", "rlock", "raw_lock", "val", "locked"),
    "types": {"raw_spinlock_t": "spinlock_t", "arch_spinlock_t": "spinlock_t"},
    "stubs": {name: _QUEUE.format(name) for name in _SLOW},
    "said": "the slow path, which is a queue: whoever waits takes the lock by CMPXCHG when it is free",
}  # fmt: skip
_RWLOCK: dict[str, Any] = {
    "changed": "1", "handler": "WRITE_ONCE(y, 2);",
    "inside": ("counter", "raw_lock", "cnts", "wlocked"), "types": {"arch_rwlock_t": "rwlock_t"},
    "encoding": {0: 0, 1: 0x200, 2: 0x400, -1: 0xFF},
}  # fmt: skip
# A reader counts 0x100 in v4.14 and 0x200 in v4.20, asm-generic/qrwlock.h. Those between are not read.
_OLD_RWLOCK = {**_RWLOCK, "encoding": {0: 0, 1: 0x100, 2: 0x200, -1: 0xFF}, "before": "v4.15"}

FAMILIES = (
    Family(r"atomic_long_(?!cond_read)\w+", "atomic_long_t cell", _COUNTS, _ATOMIC, **_LONG),
    Family(r"atomic64_(?!cond_read)\w+", "atomic64_t cell", _COUNTS, _ATOMIC, **_LONG),
    Family(r"atomic_(?!cond_read|long_cond)\w+", "atomic_t cell", _COUNTS, _ATOMIC),
    Family(r"refcount_dec", "atomic_t cell", ("3",), _REFCOUNT, **_OLDER),
    Family(r"refcount_(sub|dec)_and_test", "atomic_t cell", ("2",), _REFCOUNT, **_OLDER),
    Family(r"refcount_(add|inc)", "atomic_t cell", ("1", "2"), _REFCOUNT, **_OLDER),
    Family(r"refcount_\w+", "atomic_t cell", ("0", "1", "2"), _REFCOUNT, **_OLDER),
    Family(r"refcount_\w+", "atomic_t cell", (*_COUNTS, str(-(1 << 30))), _REFCOUNT, **_REFS),
    Family(
        r"(__)?(test_and_)?(set|clear|change)_bit(_lock|_unlock)?|test_bit(_acquire)?", "unsigned long cell",
        ("0", "1", "8", "9"), _BITS, **_WORD,
    ),
    Family(
        r"(__)?bit_spin_(un|try)?lock", "unsigned long cell", ("0", "1"), ("include/linux/bit_spinlock.h",),
        arguments={"nr": ("0",)}, **_WORD,
    ),
    Family(
        r"(try_)?(cmp)?xchg(64)?(_relaxed|_acquire|_release|_local)?|sync_cmpxchg",
        "unsigned long cell", ("0", "1", "2"), _ATOMIC, **_WORD,
    ),
    Family(
        r"(smp|virt)_(load_acquire|store_release|store_mb)|READ_ONCE|WRITE_ONCE", "int cell", ("0", "1"),
        _ATOMIC,
    ),
    Family(
        r"((smp|virt|dma|pmem)_)?(mb|rmb|wmb)|barrier|cpu_relax|smp_mb__\w+|smp_acquire__after_ctrl_dep"
        r"|smp_read_barrier_depends|barrier_nospec", "int cell", ("0",),
        (*_ATOMIC, "include/linux/spinlock.h"),
    ),
    Family(
        "rcu_read_unlock", "int cell", ("0",), ("include/linux/rcupdate.h",), before="v5.16",
        stubs={"rcu_read_unlock_strict": "void kernel_rcu_read_unlock_strict(void) { }"},
        said="rcu_read_unlock_strict(), which does nothing without CONFIG_RCU_STRICT_GRACE_PERIOD",
    ),
    Family(
        r"rcu_read_(un)?lock(_sched|_sched_notrace)?|preempt_(dis|en)able(_no_resched)?|(likely|unlikely)"
        r"|local_irq_(dis|en)able|migrate_(dis|en)able|cond_resched|might_sleep",
        "int cell", ("0",), ("include/linux/rcupdate.h", "include/linux/uaccess.h"), arguments={"c": ("7",)},
    ),
    Family(
        r"rcu_(dereference(_\w+)?|access_pointer|assign_pointer|replace_pointer)|RCU_INIT_POINTER"
        r"|lockless_dereference", "int *cell", ("NULL", "&x"), ("include/linux/rcupdate.h",), **_POINTER,
    ),
    Family(
        r"(smp|atomic)_cond_(load|read)_(acquire|relaxed)", "atomic_t cell", ("0", "1"), _ATOMIC,
        arguments={"c": ("VAL != 0",)},
    ),
    Family(
        r"atomic(64|_long)_cond_read_(acquire|relaxed)", "atomic64_t cell", ("0", "1"), _ATOMIC,
        arguments={"c": ("VAL != 0",)}, **_LONG, types={"atomic_long_t": "atomic64_t"},
    ),
    Family(
        r"local(64)?_(?!lock|unlock|irq|bh)\w+", "local_t cell", _COUNTS,
        ("arch/x86/include/asm/local.h", "include/asm-generic/local64.h"), **_LONG, inside=("counter", "a"),
        types={"local64_t": "local_t"},
    ),
    Family(
        r"(__this_cpu|this_cpu|raw_cpu)_(?!ptr|\w*double|\w*128)\w+", "percpu int cell", ("0", "1"),
        ("include/linux/percpu.h",), **_OWN,
    ),
    Family(
        r"(raw_)?spin_(un|try)?lock(_nested|_nest_lock)?|(raw_)?spin_(un)?lock_irq|(raw_)?spin_is_locked",
        "spinlock_t cell", ("0", "1"), _SPIN, **_SPINLOCK,
    ),
    Family(r"(read|write)_trylock", "rwlock_t cell", ("0", "1", "-1"), _SPIN, **_OLD_RWLOCK),
    Family(r"read_unlock", "rwlock_t cell", ("2",), _SPIN, **_OLD_RWLOCK),
    Family(r"(read|write)_trylock", "rwlock_t cell", ("0", "1", "-1"), _SPIN, **_RWLOCK),
    Family(r"read_unlock", "rwlock_t cell", ("2",), _SPIN, **_RWLOCK),
    Family(r"write_unlock", "rwlock_t cell", ("-1",), _SPIN, **_RWLOCK),
)  # fmt: skip


def family_of(word: Word, version: int | None = None) -> Family | None:
    """The family of a word in a tree of a version (``LINUX_VERSION_CODE``)."""
    for family in FAMILIES:
        older = family.before and (version is None or version >= code_of(family.before))
        if re.fullmatch(family.names, word.name) and not older:
            return family
    return None


def code_of(name: str) -> int:
    """``LINUX_VERSION_CODE`` of ``v5.5``."""
    major, minor = name.lstrip("v").split(".")
    return (int(major) << 16) + (int(minor) << 8)


# Why other words are not compared, by name or by group; the first line that matches counts.
REASONS: tuple[tuple[str, str], ...] = (
    (r"movnti|clflush(opt)?|clwb|[mls]fence|invlpg\w*|invpcid\w*|tlbsync|cpuid|serialize|iret|wrmsr\w*"
     r"|sysret|jump|ifetch|cr4_toggle_pge\w*|translate|user_read|user_write|load_cr3\w*|read_cr3|read_pcid|flush_tlb_local_relaxed"
     r"|__flush_tlb_all_relaxed|safe_halt|halt", "an instruction itself, or a word of the tests alone"),
    (r"(try_)?cmpxchg128\w*|\w*cmpxchg_double\w*|\w*_cmpxchg128",
     "of two words: its asm names four registers"),
    (r"\w*_is_negative_byte", "of one byte of a word: an object is one cell here"),
    (r"read\w*_poll_timeout\w*", "it waits for a time, and there is none here"),
    (r"wait_on_bit\w*|wait_(var_)?event\w*|(mutex|down)\w*|up(_read|_write)?|downgrade_write|sema_init",
     "whoever waits sleeps in the kernel: its queue of tasks is no part of the model"),
    (r"(guest|guest_context|guest_state|ct_idle|ct_cpuidle|rcu_idle)_(enter|exit)\w*",
     "a counter of RCU's in the kernel, the end or the beginning of a section here"),
    (r"(read|write)_(un)?lock\w*", "whoever waits is in a queue, and counts in the lock while it looks"),
    (r"task_rcu_dereference|srcu_dereference\w*", "it needs a structure of the kernel around its pointer"),
    (r"(\w*spin_\w*|write_trylock_)(irqsave|irqrestore)\w*|local_irq_(save|restore)|irqs_disabled",
     "it keeps flags of the processor"),
    (r"\w*spin_\w*|local_bh_\w*|local_(un)?lock\w*|rcu_read_(un)?lock_bh|pagefault_(dis|en)able",
     "it counts in an object of the kernel's own, or needs lockdep's types"),
    (r"this_cpu_ptr|per_cpu\w*|\w*smp_processor_id|(get|put)_cpu|num_online_cpus|preemptible"
     r"|cpu_online",
     "a value or a place, without an access"),
    (r"data_race|array_index_nospec|WARN\w*|BUG_ON|assume|model_limit|lockdep_\w*|cant_migrate|io_stop_wc",
     "no event of the machine, or a word of the tests alone"),
    ("Page tables|Walks by software", "entries are pages with attributes here, and numbers in the kernel"),
    ("TLB and CR3", "tests take what is above the instruction from the tree itself (#kernel)"),
    ("CPU masks", "a mask is a set of CPUs here, and an array of words in the kernel"),
    ("Pointers|Numbers", "a value, without an access"),
    ("RCU|SRCU", "a grace period is one event here, and an algorithm in the kernel"),
    ("Freeing", "an allocator in the kernel, which no test has"),
    ("Instruction fetch", "an instruction, or the code patcher, which tests have as an include"),
    ("Interrupts and IPIs", "an interrupt is an event here, and a queue and a vector in the kernel"),
)  # fmt: skip


def reason_of(word: Word) -> str:
    """Why a word without a family is not compared."""
    for pattern, reason in REASONS:
        if re.fullmatch(pattern, word.name) or re.fullmatch(pattern, word.group):
            return reason
    return "no test calls it yet"
