"""A word takes locks of its own kind. A lock that its holder may still look at is not freed in silence."""

from __future__ import annotations

import pytest

from tests.texts import wrong
from verifier.lower.build import build
from verifier.source import Source
from verifier.suite.load import load_checked

TEXT = """MM t
struct s {{ struct mutex m; spinlock_t l; }};
{{ struct s o; rwlock_t rw; int n; struct rw_semaphore sem; raw_spinlock_t raw[2]; }}
void f(spinlock_t *p) {{ {inside} }}
void spin_on(struct mutex *p) {{ while (mutex_is_locked(p)) cpu_relax(); }}
P0 {{ struct s *q = &o; {code} f(&q->l); n = 1; }}
exists (n = 1)
"""


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("spin_lock(&o.m);", "spin_lock() takes a spinlock_t, and this is a struct mutex"),
        ("mutex_unlock(&q->l);", "mutex_unlock() takes a struct mutex, and this is a spinlock_t"),
        ("guard(mutex)(&rw);", "mutex_lock() takes a struct mutex, and this is a rwlock_t"),
        ("down(&sem);", "down() takes a struct semaphore, and this is a struct rw_semaphore"),
        ("down_write(&rw);", "down_write() takes a struct rw_semaphore, and this is a rwlock_t"),
        ("read_lock(&raw[1]);", "read_lock() takes a rwlock_t, and this is a raw_spinlock_t"),
    ],
)
def test_a_lock_of_another_kind(code: str, text: str) -> None:
    assert [d.message for d in wrong(TEXT.format(code=code, inside=""))] == [text]


def test_a_parameter_has_a_kind() -> None:
    text = "mutex_lock() takes a struct mutex, and this is a spinlock_t"
    assert [d.message for d in wrong(TEXT.format(code="", inside="mutex_lock(p);"))] == [text]


@pytest.mark.parametrize(
    "code",
    [
        "spin_lock(&q->l); spin_unlock(&o.l);",
        "raw_spin_lock(&q->l); raw_spin_unlock(&q->l);",
        "spin_lock(&n); spin_unlock(&n);",
        "guard(mutex)(&o.m);",
        "down_read(&sem); up_read(&sem);",
        "spin_lock_irq(&raw[0]); spin_unlock_irq(&raw[0]);",
        "spin_on(&q->m);",
    ],
)
def test_a_lock_of_its_kind(code: str) -> None:
    assert load_checked(Source("t.litmus", TEXT.format(code=code, inside="")))


def test_what_is_of_no_known_type_is_not_taken_for_another_such_thing() -> None:
    text = """MM t
struct s { struct mutex m; };
struct other { int n; };
{ struct s o; struct s *a[2] = { &o, &o }; struct other x; struct other *b[2] = { &x, &x }; }
P0 { struct s *p = a[0]; mutex_lock(&a[0]->m); mutex_unlock(&a[0]->m); kfree(b[1]); p->m = 0; }
exists (hang)
"""
    (test,) = load_checked(Source("t.litmus", text))
    assert "freed-lock" not in [w.code for w in build(test).world.warnings]


FREED = """MM t
struct s {{ struct mutex m; spinlock_t l; int n; }};
{{ struct s o {{ .n = 2 }}; }}
P0..1 {{
    struct s *p = &o;
    {lock}(&p->{field});
    p->n = p->n - 1;
    {unlock}(&p->{field});
    if (p->n == 0)
        kfree(p);
}}
exists (hang)
"""


@pytest.mark.parametrize(
    ("lock", "field", "unlock", "codes"),
    [("mutex_lock", "m", "mutex_unlock", ["freed-lock"]), ("spin_lock", "l", "spin_unlock", [])],
)
def test_a_lock_is_freed(lock: str, field: str, unlock: str, codes: list[str]) -> None:
    text = FREED.format(lock=lock, field=field, unlock=unlock)
    (test,) = load_checked(Source("t.litmus", text))
    assert [w.code for w in build(test).world.warnings] == codes
