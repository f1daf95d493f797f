"""What the kernel declares the objects as that words take: a ``spinlock_t`` for ``spin_lock(&l)``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from verifier.patterns import pattern
from verifier.words.rows import Word, WordParameter

# Locks, with the words that each is for.
LOCK_WORDS = MappingProxyType(
    {
        "spinlock_t": pattern(r"(raw_)?spin_"),  # the two are alike here
        "raw_spinlock_t": pattern(r"(raw_)?spin_"),
        "rwlock_t": pattern(r"(read|write)_(un|try)?lock"),
        "struct mutex": pattern(r"mutex_"),
        "struct rw_semaphore": pattern(r"(down|up)_(read|write)|downgrade_write"),
        "struct semaphore": pattern(r"(down|up)(_interruptible|_killable|_trylock)?$|sema_init"),
        "local_lock_t": pattern(r"local_(un)?lock"),
    }
)
# Counters, likewise.
COUNTERS = MappingProxyType(
    {
        "atomic64_t": pattern(r"atomic64_"),
        "atomic_long_t": pattern(r"atomic_long_"),
        "atomic_t": pattern(r"atomic_"),
        "refcount_t": pattern(r"refcount_"),
        "local64_t": pattern(r"local64_"),
        "local_t": pattern(r"local_(?!irq)"),
    }
)
_OF_KIND: Mapping[str, str] = MappingProxyType(
    {
        "word": "unsigned long", "wide": "u128", "domain": "struct srcu_struct", "mask": "cpumask_t",
        "pte": "pte_t", "pmd": "pmd_t", "mm": "struct mm_struct *", "page": "struct page *",
        "entry": "pte_t *", "upper": "pmd_t *", "code": "code", "uint": "unsigned int",
    }
)  # fmt: skip
_PER_CPU = frozenset({"offset", "percpu", "percpu wide"})
_POINTED_TO = frozenset({"pointer", "word", "wide", "domain", "offset", "struct", "code", "fetched"})


def locks_of(word: str) -> list[str]:
    """The types of locks that a word is for."""
    return [kind for kind, words in LOCK_WORDS.items() if words.match(word)]


def usual_type(word: str) -> str:
    """The type with which the kernel declares what the first address that a word takes leads to; empty where
    it may be anything."""
    counters = [kind for kind, words in COUNTERS.items() if words.match(word)]
    return next(iter([*locks_of(word), *counters]), "")


def type_of(word: Word, parameter: WordParameter) -> str:
    """What the kernel declares what a word takes as; ``int`` where it may be anything."""
    if parameter.name == "flags":
        return "unsigned long"
    if parameter.kind in ("pointer", "offset"):
        return word.declared or "int"
    if parameter.kind == "struct" and parameter.name == "wq":
        return "struct wait_queue_head"
    return _OF_KIND.get(parameter.kind, "int")


def type_given(word: Word) -> str:
    """What the value of a word is declared as; ``int`` where it may be anything."""
    return _OF_KIND.get(word.result, "int")


def declaration(word: Word, parameter: WordParameter, name: str) -> str:
    """How what a word takes is declared: ``spinlock_t l;``."""
    percpu = "percpu " if parameter.kind in _PER_CPU else ""
    return percpu + declared_as(type_of(word, parameter), name)


def declared_as(kind: str, name: str) -> str:
    """A declaration of a name."""
    return f"{kind}{'' if kind.endswith('*') else ' '}{name};"


def is_shared(parameter: WordParameter) -> bool:
    """Does a word take the address of an object, which other CPUs have too?"""
    return parameter.kind in _POINTED_TO or parameter.kind in _PER_CPU
