"""Fields of what is one number here: of counters in the kernel's own text, and of locks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.texts import wrong
from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all, load_checked
from verifier.suite.options import Options

CODE = """
int look(refcount_t *r) { return atomic_read(&r->refs); }
bool drop(refcount_t *r)
{
	int old = atomic_read(&r->refs);
	return atomic_try_cmpxchg(&r->refs, &old, old - 1);
}
int counted(atomic_t *v) { return READ_ONCE(v->counter); }
void more(struct both *p) { WRITE_ONCE(p->a.counter, p->a.counter + 1); }
void here(struct both *p) { this_cpu_inc(p->n->each[1].counter); }
long owner(struct mutex *lock) { return atomic_long_read(&lock->owner); }
long count(struct rw_semaphore *sem) { return atomic_long_read(&sem->count); }
"""
STATE = """
struct each { atomic_long_t each[2]; };
struct both { atomic_t a; struct each *n; };
{
    refcount_t r = 4;
    struct mutex m;
    struct rw_semaphore s;
    percpu struct each e;
    struct both b { .a = 6, .n = &e };
    long sum;
}
"""


@pytest.fixture
def tree(tmp_path: Path) -> KernelTree:
    (tmp_path / "all.c").write_text(CODE)
    return KernelTree(str(tmp_path))


def _text(names: str, code: str, condition: str) -> Source:
    return Source("t", f'MM t\n#kernel "all.c" {{ {names} }}\n{STATE}P0 {{ {code} }}\nexists ({condition})\n')


@pytest.mark.parametrize(
    ("names", "code", "condition"),
    [
        ("look", "sum = look(&r);", "sum = 4"),
        ("drop, look", "drop(&r); sum = look(&r);", "sum = 3"),
        ("counted", "sum = counted(&b.a);", "sum = 6"),
        ("more, counted", "more(&b); sum = counted(&b.a);", "sum = 7"),
        ("here", "here(&b); here(&b); sum = this_cpu_read(e.each[1]);", "sum = 2"),
    ],
)
def test_the_field_of_a_counter_is_the_counter(
    tree: KernelTree, names: str, code: str, condition: str
) -> None:
    (test,) = load_all(_text(names, code, condition), tree=tree)
    verdict = run(test, Options(judge="both", witnesses=False))
    assert (verdict.observation, verdict.reason) == ("always", "")


@pytest.mark.parametrize(("name", "object_"), [("owner", "m"), ("count", "s")])
def test_the_field_of_a_lock_in_kernel_text_says_what_to_do(
    tree: KernelTree, name: str, object_: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_checked(_text(name, f"sum = {name}(&{object_});", "sum = 0"), tree=tree)
    (error, *_) = caught.value.diagnostics
    assert error.hint.startswith(
        "a lock or a counter is one number here, without fields: write this function"
    )


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("sum = m.owner;", "mutex_is_locked(&m)"),
        ("struct mutex *p = &m; sum = p->owner;", "mutex_is_locked(&m)"),
        ("sum = r.refs;", "refcount_read(&r)"),
        ("sum = b.a.counter;", "atomic_read(&v)"),
        ("struct rw_semaphore *p = &s; sum = p->count;", "down_read_trylock(&s)"),
    ],
)
def test_the_field_of_a_lock_or_a_counter_says_which_word_to_use(code: str, word: str) -> None:
    (error, *_) = wrong(f"MM t\n{STATE}P0 {{ {code} }}\nexists (sum = 0)\n")
    assert error.hint == f"a lock or a counter is one number here, without fields: use its words, as {word}"
