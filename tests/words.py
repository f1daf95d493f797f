"""A test around a call of any word of the vocabulary, made from the kinds of its parameters."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.words.rows import Word

_ARGUMENTS = {
    "type": "int",
    "place": "c", "pointer": "&c", "value": "1", "number": "1", "mm": "N", "page": "A", "va": "v",
    "addr": "v", "in table": "pte(T, v)",
    "table": "T", "handle": "N", "entry": "pte(T, v)", "upper": "pmd(N, v)", "pte": "A", "pmd": "T",
    "target": "A", "attributes": "ro", "pcid": "0", "root": "N", "cr3": "__pa(N)",
    "code": "&insn", "fetched": "&insn", "mask": "m",
    "function": "nothing", "condition": "NULL", "local": "flags", "percpu": "p", "offset": "&p",
    "text": '"t"', "vma": "N", "accessor": "READ_ONCE", "word": "&c", "bit": "1", "cpu": "1",
    "struct": "queue", "domain": "&dom", "index": "idx",
    "freed": "&pair", "wide": "&whole", "percpu wide": "wholes", "member": "head",
    "error": "-12", "array": "row",
}  # fmt: skip
_TYPES = (
    ("local64", "local64_t"), ("local_", "local_t"),
    ("atomic_long", "atomic_long_t"), ("atomic64", "atomic64_t"), ("atomic", "atomic_t"),
    ("refcount", "refcount_t"), ("raw_spin", "raw_spinlock_t"), ("spin", "spinlock_t"),
    ("mutex", "struct mutex"), ("read_", "rwlock_t"), ("write_", "rwlock_t"),
    ("down_read", "struct rw_semaphore"), ("down_write", "struct rw_semaphore"),
    ("up_", "struct rw_semaphore"), ("downgrade", "struct rw_semaphore"),
    ("down", "struct semaphore"), ("up", "struct semaphore"), ("sema", "struct semaphore"),
)  # fmt: skip


def arguments(word: Word) -> list[str]:
    """What a word is called with."""
    given = [_ARGUMENTS[p.kind] for p in word.parameters]
    if word.name.startswith("per_cpu") or (word.group == "Per-CPU data" and "pointer" in word.signature):
        given = ["p" if a == "c" else "&p" if a == "&c" else a for a in given]
    if word.name == "invpcid":
        given = ["2", "0", "0"]
    if "cmpxchg_double" in word.name:
        percpu = word.group == "Per-CPU data"
        given[:2] = ["pairs.a", "pairs.b"] if percpu else ["&pair.a", "&pair.b"]
    if "_poll_timeout" in word.name:
        given = ["c" if p.name == "args" else a for p, a in zip(word.parameters, given, strict=True)]
    if "try_cmpxchg" in word.name:
        given[1] = "&r9"
    if word.group == "Page tables" and "leaf" not in word.name and word.name.startswith("pte"):
        given = ["T" if p.kind == "handle" else a for p, a in zip(word.parameters, given, strict=True)]
    return given


def called(name: str, given: Iterable[str]) -> str:
    """A call of a word."""
    return f"{name}({', '.join(given)})"


def text(word: Word, statements: str, value: object = 0, initial: str = "", condition: str = "") -> str:
    """Store buffering with some statements on one side. ``value``: of ``c``, or of the entry for ``v``;
    ``initial`` and ``condition``: what else is in the initial state and in the condition."""
    kind = next((t for prefix, t in _TYPES if word.name.startswith(prefix)), "unsigned long")
    entry = value if isinstance(value, str) else "A"
    upper = "mk_pte(T, old)" if word.name.startswith(("pmdp", "pudp")) and "old" in entry else "T"
    waits = word.special is not None and word.special.name == "wait_event"
    include, queue = ('#include "linux/wait_bit.inc"', "struct wait_queue_head queue;") if waits else ("", "")
    row = "int row[3];" if word.at("array") is not None else ""
    begins = "int idx = srcu_read_lock_fast(&dom);" if word.at("index") is not None else ""
    return f"""MM t
{include}
struct two {{ u64 a; u64 b; struct rcu_head head; }};
{{
    struct two pair; percpu struct two pairs; u128 whole; percpu u128 wholes; struct srcu_struct dom;
    int x; int y; percpu int p; cpumask_t m = {{}}; code insn = 1;
    {kind} c = {value if isinstance(value, int) else 0};
    page A = 1; table T {{ v -> {entry} }}; mm N {{ v -> {upper} }}; 0..1:cr3 = N;{queue}{row}{initial}
}}
void nothing(void *info) {{ }}
P0 {{
    unsigned long flags;
    {begins}
    r9 = 0;
    WRITE_ONCE(x, 1);
    {statements}
    r0 = READ_ONCE(y);
}}
P1 {{ WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }}
exists (0:r0 = 0 /\\ 1:r0 = 0{condition})
"""
