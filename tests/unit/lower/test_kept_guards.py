"""Guards of a tree that keep more than their lock, and those that may fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

TREE = """
/* Kernel-like C, and no kernel's. */
struct queue { spinlock_t lock; int v; };
struct kept { unsigned long flags; int was; };
struct task { struct queue *queue; };
static void lock_queue(struct queue *q, struct kept *k)
{
	spin_lock_irqsave(&q->lock, k->flags);
	k->was = q->v;
}
static void unlock_queue(struct queue *q, struct kept *k)
{
	q->v = k->was + 1;
	spin_unlock_irqrestore(&q->lock, k->flags);
}
static struct queue *lock_task(struct task *p, struct kept *k)
{
	lock_queue(p->queue, k);
	return p->queue;
}
DEFINE_LOCK_GUARD_1(queue, struct queue, lock_queue(_T->lock, &_T->k), unlock_queue(_T->lock, &_T->k),
		struct kept k)
DEFINE_LOCK_GUARD_1(task, struct task,
		_T->q = lock_task(_T->lock, &_T->k),
		unlock_queue(_T->q, &_T->k),
		struct queue *q; struct kept k)
DECLARE_LOCK_GUARD_1_ATTRS(task, __acquires(_T->lock), __releases((*(struct task **)_T)->lock))
DEFINE_GUARD(turn, struct queue *, take(_T), give(_T))
DEFINE_GUARD_COND(turn, _try, try_take(_T))
DEFINE_GUARD_COND(turn, _not, try_take(_T), _RET == 0)
DEFINE_LOCK_GUARD_1_COND(spinlock, _try, spin_trylock(_T->lock))
DEFINE_LOCK_GUARD_1_COND(spinlock_irqsave, _try, spin_trylock_irqsave(_T->lock, _T->flags))
DEFINE_LOCK_GUARD_1_COND(queue, _try, spin_trylock(_T->lock))
static void take(struct queue *q) { q->v += 10; }
static int try_take(struct queue *q) { if (q->v > 5) return 0; q->v += 20; return 1; }
static void give(struct queue *q) { q->v += 100; }
"""
TAKEN = "f, lock_queue, unlock_queue, lock_task, take, give, try_take"


def of(code: str, tmp_path: Path, more: str = "") -> str:
    """What both judges say that code gives, or the first error."""
    (tmp_path / "a.c").write_text(f"{TREE}\nint f(struct task *p, struct queue *q)\n{{\n\t{code}\n}}\n")
    text = f'MM t\n#kernel "a.c" {{ {TAKEN} }}\n{{ struct queue q; struct task t; t.queue = &q; }}\n{more}'
    text += "P0 { r0 = f(&t, &q); }\nlocations [0:r0;]\n"
    try:
        (test,) = load_all(Source("t.litmus", text), tree=KernelTree(str(tmp_path)))
        found = run(test, Options(states=True, witnesses=False, judge="both"))
    except InputError as error:
        return f"{error.diagnostics[0].message}; {error.diagnostics[0].hint}"
    assert not found.reason
    (state,) = found.states or ()
    return str(state)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("{ guard(queue)(q); q->v = 7; } return q->v;", "(1,)"),
        ("q->v = 3; scoped_guard(task, p) { scope.q->v = 9; } return q->v;", "(4,)"),
        ("int a; { CLASS(task, mine)(p); a = mine.q == q; } return a * 10 + q->v;", "(11,)"),
        ("int a; { ACQUIRE(task, mine)(p); a = mine.k.was; mine.k.was = 6; } return a * 10 + q->v;", "(7,)"),
        ("for (int i = 0; i < 2; i++) { guard(queue)(q); if (i) continue; q->v = 50; } return q->v;", "(2,)"),
        ("{ guard(queue)(q); } { guard(queue)(q); } return q->v * 10 + spin_is_locked(&q->lock);", "(20,)"),
        ("scoped_cond_guard(turn_try, return 8, q) q->v++; return q->v;", "(121,)"),
        ("q->v = 6; scoped_cond_guard(turn_try, return 8, q) { q->v++; } return q->v;", "(8,)"),
        ("scoped_cond_guard(turn_not, return 8, q) { q->v++; } return q->v;", "(8,)"),
        ("q->v = 6; scoped_cond_guard(turn_not, return 8, q) { q->v++; } return q->v;", "(107,)"),
        ("int r = 0; scoped_cond_guard(turn_try, r = 5, q) { return 3; } return r;", "(3,)"),
        (
            "int r = 0; scoped_cond_guard(spinlock_try, r = 5, &q->lock) {"
            " scoped_cond_guard(spinlock_try, { r = 4; }, &q->lock) r = 1; } return r;",
            "(4,)",
        ),
        ("scoped_cond_guard(spinlock_try, return 5, &q->lock) { } return spin_is_locked(&q->lock);", "(0,)"),
        (
            "for (int i = 0; i < 3; i++) scoped_cond_guard(turn_try, continue, q) { } return q->v;",
            "(120,)",
        ),
    ],
)
def test_a_guard_keeps_what_its_definition_says(code: str, expected: str, tmp_path: Path) -> None:
    assert of(code, tmp_path) == expected


@pytest.mark.parametrize("guard", ["guard(queue)(q)", "guard(gate)(&q->lock)", "CLASS(task, t)(p)"])
def test_who_waits_for_the_lock_of_a_guard_gets_it(guard: str, tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(
        f"{TREE}DEFINE_LOCK_GUARD_1(gate, spinlock_t, spin_lock(_T->lock), spin_unlock(_T->lock))\n"
        f"void f(struct task *p, struct queue *q)\n{{\n\t{guard};\n\tq->v = 5;\n}}\n"
    )
    text = f'MM t\n#kernel "a.c" {{ {TAKEN} }}\n{{ struct queue q; struct task t; t.queue = &q; }}\n'
    text += "P0 { f(&t, &q); }\nP1 { spin_lock(&q.lock); r0 = q.v; spin_unlock(&q.lock); }\n"
    (test,) = load_all(Source("t.litmus", f"{text}exists (1:r0 = 6)\n"), tree=KernelTree(str(tmp_path)))
    for judge in ("z3", "explorer"):
        found = run(test, Options(judge=judge, witnesses=False))
        assert (found.observation, bool(found.hangs)) == ("never", False)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "scoped_cond_guard(turn, return 1, q) { } return 2;",
            "the guard turn never fails; write",
        ),
        ("scoped_cond_guard(mutex, return 1, q) { } return 2;", "the guard mutex never fails"),
        ("scoped_cond_guard(other, return 1, q) { } return 2;", "there is no guard 'other'"),
        ("CLASS(other, x)(q); return 2;", "there is no guard 'other'"),
        ("scoped_cond_guard(queue_try, return 1, q) { } return 2;", "keeps more than its lock"),
        (
            "scoped_cond_guard(spinlock_irqsave_try, return 1, &q->lock) { } return 2;",
            "the guard spinlock_irqsave, which may fail here, keeps more than its lock",
        ),
        ("scoped_cond_guard(turn_try, return 1, q++) { } return 2;", "this takes the address of one lock"),
    ],
)
def test_what_cannot_be_kept_is_said(code: str, said: str, tmp_path: Path) -> None:
    assert said in of(code, tmp_path)
