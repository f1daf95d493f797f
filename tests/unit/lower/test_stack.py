"""Locks, counters and masks that are declared in a function are memory on its stack. Other locals are
registers: no word can follow their address."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong
from verifier.words.declared import LOCK_WORDS, type_of
from verifier.words.table import WORDS

LOCKED = {  # what a lock begins with, a word that takes it, and one that gives it back
    "spinlock_t l;": ("spin_lock(&l)", "spin_unlock(&l)"),
    "spinlock_t l; spin_lock_init(&l);": ("spin_lock_bh(&l)", "spin_unlock_bh(&l)"),
    "raw_spinlock_t l;": ("raw_spin_lock(&l)", "raw_spin_unlock(&l)"),
    "rwlock_t l;": ("read_lock(&l)", "read_unlock(&l)"),
    "rwlock_t l; ": ("write_lock(&l)", "write_unlock(&l)"),
    "struct mutex l;": ("mutex_lock(&l)", "mutex_unlock(&l)"),
    "struct rw_semaphore l;": ("down_read(&l)", "up_read(&l)"),
    "struct rw_semaphore l; ": ("down_write(&l)", "up_write(&l)"),
    "struct semaphore l = 1;": ("down(&l)", "up(&l)"),
    "struct semaphore l; sema_init(&l, 1);": ("down(&l)", "up(&l)"),
}


@pytest.mark.parametrize("declared", LOCKED)
def test_a_lock_on_the_stack(declared: str) -> None:
    takes, gives = LOCKED[declared]
    code = f"P0 {{ {declared} {takes}; x = 1; {gives}; {takes}; x = x + 1; {gives}; }}"
    assert states(f"MM t\n{{ int x; }}\n{code}\nlocations [x]\n") == ["[x]=2;"]


@pytest.mark.parametrize("declared", LOCKED)
def test_other_cpus_reach_a_lock_on_the_stack(declared: str) -> None:
    """A lock is held where another CPU, which has its address, tries to take it."""
    takes, gives = (word.replace("&l", "q") for word in LOCKED[declared])
    kind = declared.partition(";")[0].rpartition(" l")[0]
    code = (
        f"P0 {{ {declared} {LOCKED[declared][0]}; smp_store_release(&p, &l); x = 1; x = 0; "
        f"{LOCKED[declared][1]}; }}\n"
        f"P1 {{ {kind} *q = smp_load_acquire(&p); if (q) {{ {takes}; r0 = x; {gives}; }} }}"
    )
    reads = "read" in takes
    assert holds(f"MM t\n{{ int x; {kind} *p; }}\n{code}\nexists (1:r0 = 1)\n") == reads


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        ("atomic_t a; atomic_set(&a, 1); x = atomic_dec_and_test(&a);", 1),
        ("atomic_t a = 4; atomic_inc(&a); x = atomic_read(&a);", 5),
        ("atomic_t a = ATOMIC_INIT(4); x = atomic_inc_return(&a);", 5),
        ("struct s v = { .a = ATOMIC_INIT(4) }; x = atomic_read(&v.a);", 4),
        ("spinlock_t l = __SPIN_LOCK_UNLOCKED(l); x = spin_trylock(&l);", 1),
        ("atomic_t a, b = 2; atomic_add(3, &b); x = atomic_read(&b);", 5),
        ("atomic64_t a = 1; atomic64_add(1L << 40, &a); x = atomic64_read(&a) >> 40;", 1),
        ("atomic_long_t a = 1; x = atomic_long_inc_return(&a);", 2),
        ("refcount_t r; refcount_set(&r, 1); x = refcount_dec_and_test(&r);", 1),
        ("local_t l; local_set(&l, 1); local_inc(&l); x = local_read(&l);", 2),
        ("spinlock_t l = 0; x = spin_trylock(&l); r0 = spin_trylock(&l); x = x + r0;", 1),
        ("atomic_t a[2]; atomic_inc(&a[1]); x = atomic_read(&a[1]);", 1),
        ("cpumask_t m; cpumask_clear(&m); cpumask_set_cpu(0, &m); x = cpumask_weight(&m);", 1),
        ("unsigned long f[1]; set_bit(1, f); x = test_bit(1, f);", 1),
        ("int i; for (i = 0; i < 2; i++) { atomic_t a = 1; x = x + atomic_inc_return(&a); }", 4),
        ("spinlock_t l; take(&l); x = spin_is_locked(&l); spin_unlock(&l);", 1),
    ],
)
def test_a_counter_on_the_stack(code: str, ends: int) -> None:
    text = "MM t\nstruct s { atomic_t a; };\n{ int x; }\nvoid take(spinlock_t *l) { spin_lock(l); }\n"
    text = f"{text}P0 {{ {code} }}\n"
    assert states(f"{text}locations [x]\n") == [f"[x]={ends};"]


def test_a_counter_of_a_cpu_in_a_condition() -> None:
    code = "P0 { atomic_t a = 1; atomic_add(2, &a); spinlock_t l; spin_lock(&l); }"
    assert states(f"MM t\n{{ }}\n{code}\nlocations [0:a; 0:l]\n") == ["0:a=3; 0:l=1;"]
    assert holds(f"MM t\n{{ }}\n{code}\nexists (0:a = 3 /\\ 0:l != 0)\n")


def _calls() -> list[tuple[str, str]]:
    """A call of each word that takes an address, with a local's in this place."""
    found = []
    for word in WORDS.values():
        kinds = [p.kind for p in word.parameters]
        for at, p in enumerate(word.parameters):
            if p.kind not in ("pointer", "word") or p.name == "old" or word.planned:
                continue
            others = {"pointer": "&x", "word": "&y", "local": "flags", "condition": "VAL"}
            given = [others.get(kind, "1") for kind in kinds]
            given = ["&r0" if q.name == "old" else g for g, q in zip(given, word.parameters, strict=True)]
            given[at] = "&f"
            found.append((word.name, f"{word.name}({', '.join(given)})"))
    return found


@pytest.mark.parametrize(("word", "call"), _calls())
def test_no_word_follows_the_address_of_a_register(word: str, call: str) -> None:
    text = (
        f"MM t\n{{ int x; unsigned long y; }}\nP0 {{ unsigned long f, flags;\n  {call}; }}\nexists (x = 0)\n"
    )
    said = [d for d in wrong(text) if "f is a register, not in memory" in d.message]
    assert said or word.startswith("cmpxchg_double"), [d.message for d in wrong(text)]
    for found in said:
        assert found.span is not None and (found.span.line, found.span.text) == (4, "&f")
        assert "put it into the initial state" in found.hint
    assert not any("unknown" in d.code for d in wrong(text))


@pytest.mark.parametrize(
    ("code", "says", "hint"),
    [
        ("int l; spin_lock(&l);", "l is a register", "declare it spinlock_t l; or put it into the initial"),
        ("int l; down_write(&l);", "l is a register", "declare it struct rw_semaphore l;"),
        ("int c; atomic_inc(&c);", "c is a register", "declare it atomic_t c;"),
        ("int m; cpumask_set_cpu(0, &m);", "m is a register", "declare it cpumask_t m;"),
        ("int f; set_bit(0, &f);", "f is a register", "declare unsigned long f[1]; and write f, or"),
        ("u8 f; xchg(&f, 1);", "f is a register", "declare int f[1]; and write f, or"),
        ("unsigned int f; movnti(&f, 1);", "f is a register", "declare unsigned int f[1]; and write f, or"),
        ("int f; take(&f);", "f is a register", "declare it spinlock_t f;"),
        ("int f, *q = &f; spin_lock(q);", "f is a register", "declare it spinlock_t f;"),
        ("int f; call_rcu(&f, done);", "the address of a local can be passed", "declare int x[1];"),
        ("int f, g; xchg(x ? &f : &g, 1);", "the address of a local can be passed", "declare int x[1];"),
        ("int *q = give();", "the address of a local can be passed", "declare int x[1];"),
        ("local_lock_t l; local_lock(&l);", "takes the address of a per-CPU", "percpu local_lock_t l;"),
    ],
)
def test_what_to_declare(code: str, says: str, hint: str) -> None:
    functions = (
        "void take(int *l) { spin_lock(l); }\nint *give(void) { int g; return &g; }\nvoid done(void *p) { }\n"
    )
    found = wrong(f"MM t\n{{ int x; }}\n{functions}P0 {{ {code} }}\nexists (x = 0)\n")[0]
    assert says in found.message and hint in found.hint
    assert found.span is not None and found.span.line > 2


@pytest.mark.parametrize("kind", LOCK_WORDS)
def test_a_lock_has_words(kind: str) -> None:
    """Each type of lock is what some word is for."""
    assert any(
        kind == type_of(w, p) or kind == "raw_spinlock_t" for w in WORDS.values() for p in w.parameters
    )
