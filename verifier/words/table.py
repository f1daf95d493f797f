"""The vocabulary: one row for each word of the kernel that a test may use.

A row says what a word is called, what it takes, which machine instructions it is on x86, which rule
of docs/memory-model.md that rests on, and one line for the reader.  The lowering reads the rows, the
reference page is printed from them and error messages suggest from them; adding a word is adding a
row.  Words that this version knows but does not decide are rows as well: they are refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap
from types import MappingProxyType
from typing import Literal

from verifier.patterns import pattern
from verifier.program import values as v
from verifier.program.expressions import FALSE
from verifier.program.values import Ptr
from verifier.records import replace
from verifier.syntax.trouble import misspelt
from verifier.words import counters, local, mmu, srcu, sync
from verifier.words import data as kernel
from verifier.words.declared import usual_type
from verifier.words.elsewhere import ELSEWHERE
from verifier.words.folding import families
from verifier.words.guards import FREES, GUARDS
from verifier.words.hosts_elsewhere import of_subsystem
from verifier.words.loops import LOOPS
from verifier.words.minmax import LIMITS, choices
from verifier.words.msrs import MSRS, msrs
from verifier.words.pointers import ERROR_NUMBERS, pointers
from verifier.words.rows import (
    VALUE_KINDS,
    Locked,
    Machine,
    Order,
    Pure,
    SpecialName,
    Where,
    Word,
    WordParameter,
    flat,
)
from verifier.words.walks import walks


def _rows() -> Iterator[Word]:
    yield from kernel.accesses()
    yield from mmu.stores()
    yield from kernel.barriers()
    yield from counters.exchanges()
    yield from local.exchanges()
    yield from kernel.wide()
    yield from counters.atomics("atomic", "s32")
    yield from counters.atomics("atomic64", "s64")
    yield from counters.atomics("atomic_long", "s64")
    yield from counters.refcounts()
    yield from counters.bits()
    yield from local.counters("local")
    yield from local.counters("local64")
    yield from kernel.locks()
    yield from sync.sleeping()
    yield from sync.rcu()
    yield from sync.freeing()
    yield from sync.waiting()
    yield from srcu.srcu()
    yield from kernel.percpu()
    yield from local.percpu()
    yield from kernel.percpu_wide()
    yield from kernel.masks()
    yield from mmu.tables()
    yield from walks()
    yield from mmu.translation()
    yield from mmu.code()
    yield from msrs()
    yield from kernel.interrupts()
    yield from mmu.interrupts()
    yield from kernel.control()
    yield from pointers()
    yield from choices()


_UPPER = pattern(r"p(md|ud|4d|gd)")


def _with_twins(words: Iterable[Word]) -> dict[str, Word]:
    """The rows by name, with the types of what they take. Words about leaves and about upper entries know
    each other."""
    rows = {word.name: replace(word, declared=usual_type(word.name)) for word in words}
    for name, word in rows.items():
        other = name.replace("pte", "pmd", 1) if "pte" in name else _UPPER.sub("pte", name, count=1)
        if other != name and other in rows:
            rows[name] = replace(word, twin=other)
    return rows


BY_NAME = _with_twins(_rows())
WORDS: Mapping[str, Word] = MappingProxyType(BY_NAME)


def special(name: str) -> SpecialName | None:
    """What a word is that is more than instructions; None for all other names."""
    word = WORDS.get(name)
    return word.special.name if word is not None and word.special is not None else None


def entry_level(name: str) -> Literal["", "leaf", "upper"]:
    """Which entries of page tables a word names, as ``pte(N, v)`` does; empty for all other names."""
    word = WORDS.get(name)
    return word.entry if word is not None else ""


def is_mask_of_mm(name: str) -> bool:
    """Does a word give the mask of an mm, as ``mm_cpumask(N)``?"""
    word = WORDS.get(name)
    return word is not None and "mm_cpumask" in word.applies


def is_root_of_mm(name: str) -> bool:
    """Does a word give the physical address of the root of an mm, as ``__pa(N->pgd)``?"""
    word = WORDS.get(name)
    return word is not None and any(isinstance(x, Pure) for x in word.effects) and "root" in word.applies


# Masks that are not in memory, with whether they contain the CPUs there are.
CONSTANT_MASKS: Mapping[str, bool] = MappingProxyType(
    {
        "cpu_online_mask": True,
        "cpu_possible_mask": True,
        "cpu_present_mask": True,
        "cpu_all_mask": True,
        "cpu_none_mask": False,
    }
)

# What initial values are written with, with whether it has the value of its argument.
INITIALIZERS: Mapping[str, bool] = MappingProxyType(
    {
        "ATOMIC_INIT": True,
        "ATOMIC64_INIT": True,
        "ATOMIC_LONG_INIT": True,
        "LOCAL_INIT": True,
        "LOCAL64_INIT": True,
        "REFCOUNT_INIT": True,
        "__SPIN_LOCK_UNLOCKED": False,
        "__RAW_SPIN_LOCK_UNLOCKED": False,
        "__RW_LOCK_UNLOCKED": False,
        "__MUTEX_INITIALIZER": False,
        "__RWSEM_INITIALIZER": False,
        "INIT_LOCAL_LOCK": False,
    }
)

# Constants of the kernel that are unsigned longs.
LONG_VALUES: Mapping[str, int] = MappingProxyType(
    {
        "CR3_NOFLUSH": v.NOFLUSH_BIT,  # asm/processor-flags.h
        "X86_CR3_PCID_NOFLUSH": v.NOFLUSH_BIT,
        "CR3_ADDR_MASK": v.ADDRESS_BITS,
        "CR3_PCID_MASK": v.PCID_BITS,
        "X86_CR3_PCID_MASK": v.PCID_BITS,
        "X86_CR3_LAM_U57": 1 << 61,
        "X86_CR3_LAM_U48": 1 << 62,
        "PAGE_SIZE": 1 << v.PAGE_BITS,  # asm/page_types.h
        "PAGE_MASK": (1 << 64) - (1 << v.PAGE_BITS),
        "TLB_FLUSH_ALL": (1 << 64) - 1,  # asm/tlbflush.h
    }
)
NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "PAGE_SHIFT": v.PAGE_BITS,
        "X86_CR3_PCID_BITS": v.PAGE_BITS,
        "MAX_ERRNO": v.MAX_ERRNO,
        **ERROR_NUMBERS,
        **MSRS,
    }
)
CPU_COUNTS = frozenset({"nr_cpu_ids"})  # how many CPUs there are, linux/cpumask.h
# The names of roots, with the mm that each belongs to.
ROOTS: Mapping[str, str] = MappingProxyType({"swapper_pg_dir": "init_mm"})

NAMED_VALUES: Mapping[str, int] = MappingProxyType(
    {"NULL": 0, "none": 0, "true": 1, "false": 0, "on": 1, "off": 0, **LONG_VALUES, **NUMBERS,
     **{name: value for name, (value, _) in LIMITS.items()}}
)  # fmt: skip


_READ_FROM = (
    "*Read from* names the kernel's functions whose code a row follows, and their file, by the names of",
    "recent kernels; a header as `#include` names it: `asm/` is arch/x86/include/asm/, `asm-generic/` and",
    "`linux/` are in include/. Where it says *not compared with the file*, the row follows what is known of",
    "the function. *Version unchecked*: only the version is not from a tree.",
    "",
    "The words are those of an x86-64 kernel without CONFIG_PREEMPT_RT. With it, `spin_lock_irq()`,",
    "`spin_lock_irqsave()` and (unchecked) those of reader-writer locks leave interrupts on; the",
    "`raw_` forms do not.",
)


def strength(word: Word) -> int:
    """How much a word orders: 2 all data accesses, 1 some (SFENCE, LFENCE), 0 nothing beyond TSO."""
    kinds = {x.kind for x in flat(word.effects) if isinstance(x, Order)}
    locked = any(isinstance(x, Locked) for x in flat(word.effects))
    waits = any(isinstance(x, Machine) and (x.serializes or x.op == "GP") for x in flat(word.effects))
    return 2 if locked or waits or kinds & {"lock", "mfence"} else 1 if kinds - {""} else 0


def orders(word: Word) -> str:
    """What a word orders beyond TSO, in words."""
    if any(isinstance(x, Locked) and x.looks != FALSE for x in flat(word.effects)):
        return "all, if it goes on"
    if special(word.name) == "call_cpus":
        return "all, if it calls a CPU"
    if word.locked or special(word.name) in ("write_cr3", "invpcid"):
        return "all"
    if strength(word) == 2 and all(isinstance(x, Where) for x in word.effects):
        return "all, if it serializes"
    return ("", "some", "all")[strength(word)]


_PARTS = frozenset(part for name in (*WORDS, *ELSEWHERE) for part in name.lower().split("_"))


def instead(name: str, functions: Iterable[str] = ()) -> str:
    """What to write for an unknown function: the kernel's word, or one that is spelt nearly so.

    ``functions``: of the test. Of barriers that are equally near, only those are named that order most;
    words that are refused are never named.
    """
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    if hint := of_subsystem(name):
        return hint
    known = [*(w.name for w in WORDS.values() if not w.planned), *functions, *ELSEWHERE]
    near = misspelt(name, known, _PARTS)
    if all(part in _PARTS for part in name.lower().split("_")):
        squashed = name.lower().replace("_", "")  # smp_rmb is not a misspelling of smp_mb
        near = [n for n in near if _orders(n) < 0 or n.replace("_", "") == squashed]
    most = max((_orders(n) for n in near), default=0)
    near = [n for n in near if _orders(n) in (most, -1)]
    lacking = next((n for n in near if n in ELSEWHERE), None)
    if lacking and len(near) == 1:
        return f"there is no {lacking}() either; {ELSEWHERE[lacking]}"
    best = [repr(n) for n in near if n not in ELSEWHERE][:3]
    return f"did you mean {' or '.join(best)}?" if best else ""


def _orders(name: str) -> int:
    """The strength of a barrier; -1 for other words."""
    word = WORDS.get(name)
    return strength(word) if word is not None and word.group == "Barriers" else -1


def reference() -> str:
    """The vocabulary as a page of Markdown: one table a group."""
    lines = [
        "# The vocabulary",
        "",
        "Printed from `verifier/words/`; numbers are rules of memory-model.md.",
        "",
        "`{a,b}` stands for each of the words between its commas; `verifier words --all PATTERN` lists them.",
        "`&x` is the address of something in memory. What stands in `[ ]` may be left out; before the",
        "pointer to an entry it is what the kernel's form has, an mm or a vma and an address.",
        *_loops(),
        "",
        *_guards(),
        "",
        *_READ_FROM,
        "",
    ]
    group = ""
    for family in families(list(WORDS.values())):
        word = family.members[0]
        if word.group != group:
            group = word.group
            lines += ["", f"## {group}", ""]
            lines += ["| word | on x86 | meaning | rule | read from |", "|---|---|---|---|---|"]
        events = "refused by name" if word.planned else word.events
        cells = (f"`{family.signature}`", events, family.doc, word.rule, family.source)
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(line for i, line in enumerate(lines) if line or (i and lines[i - 1])) + "\n"


def _loops() -> list[str]:
    """What the reference says of loops over CPUs."""
    *most, last = (f"`{loop.signature}`" for loop in LOOPS.values())
    text = f"{', '.join(most)} and {last} are statements: `int cpu;` is declared before, the body runs once "
    return wrap(text + "for each CPU, masks in memory are read bit by bit.", 96)


def _guards() -> list[str]:
    """What the reference says of lock guards."""
    text = (
        "Lock guards (include/linux/cleanup.h, v6.5 and later) are statements, too. A guard calls one word, "
        "and another one wherever its scope is left. `scoped_guard(spinlock, &l) { … }` does the same for "
        "one statement. It is a loop that turns once: `break` and `continue` leave only the guard. A guard "
        "that a kernel tree defines is what the tree says, if the test names the file. A local with "
        f"`__free(name)`, of {', '.join(f'`{name}`' for name in FREES)}, is given back wherever its scope is "
        "left, unless it is NULL or an error."
    )
    return [*wrap(text, 96), "", *(f"- `{g.signature}`: `{g.begin}`, `{g.end}`" for g in GUARDS.values())]


def entry(handle: Ptr, va: Ptr) -> Ptr:
    """The cell of an entry; the same pattern as ``functions.FUNCTIONS['pte']``."""
    return Ptr(f"pte({handle}, {va})")


__all__ = [
    "CONSTANT_MASKS", "CPU_COUNTS", "ELSEWHERE", "INITIALIZERS", "LIMITS", "LONG_VALUES", "LOOPS",
    "NAMED_VALUES", "ROOTS", "VALUE_KINDS", "WORDS", "Word", "WordParameter", "entry",
    "entry_level", "instead", "is_mask_of_mm", "is_root_of_mm",
    "orders", "reference", "special", "strength",
]  # fmt: skip
