"""Guards that a kernel tree defines, and locals with ``__free()``: what runs where a scope is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judges import holds
from tests.texts import wrong
from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

TREE = """
/* Kernel-like C, and no kernel's. */
DEFINE_LOCK_GUARD_0(mb, smp_mb(), smp_mb())
static DEFINE_MUTEX(one);
static int after_a_maker = 5;
DEFINE_GUARD(turn, struct board *, take_turn(_T),
		give_turn(_T))
DEFINE_LOCK_GUARD_1(gate, spinlock_t, spin_lock(_T->lock), spin_unlock(_T->lock))
DEFINE_LOCK_GUARD_1(kept, spinlock_t, spin_lock_irqsave(_T->lock, _T->flags), spin_unlock(_T->lock),
		unsigned long flags)
#define SERIALIZE() guard(mutex)(&one)

struct board { int turn; int data; spinlock_t lock; };
static void take_turn(struct board *b) { b->turn++; }
static void give_turn(struct board *b) { b->turn--; b->data++; }

static int fenced(int *mine, int *theirs)
{
	guard(mb)();
	WRITE_ONCE(*mine, 1);
	return 0;
}

static int turns(struct board *b, int early)
{
	cpumask_var_t __free(free_cpumask_var) mask = CPUMASK_VAR_NULL;

	SERIALIZE();
	guard(turn)(b);
	guard(gate)(&b->lock);
	int declared_after = b->turn;

	if (early)
		return declared_after;
	cpumask_set_cpu(0, mask);
	return declared_after + cpumask_weight(mask);
}

static void keeps(struct board *b)
{
	guard(kept)(&b->lock);
}
"""
HEAD = '#kernel "a.c" {{ {names} }}\n'
OBJECTS = "{ struct board b; int x; int y; }\n"


def judged(tree: Path, text: str) -> dict[str | None, str]:
    (tree / "a.c").write_text(TREE)
    tests = load_all(Source("t.litmus", f"MM t\n{text}"), tree=KernelTree(str(tree)))
    found = [run(t, Options(judge="both", witnesses=False)) for t in tests]
    assert not [v.reason for v in found if v.reason]
    return {v.test.variant: v.observation for v in found}


def test_a_guard_of_a_tree_is_what_the_tree_says(tmp_path: Path) -> None:
    """The barrier at the end of the scope comes after the store, unless #without leaves it out."""
    text = HEAD.format(names="fenced") + "[B] #without smp_mb\n{ int x; int y; }\n"
    text += "P0 { fenced(&x, &y); r0 = READ_ONCE(y); }\nP1 { fenced(&y, &x); r0 = READ_ONCE(x); }\n"
    text += "variants { F never; B sometimes; }\nexists (0:r0 = 0 /\\ 1:r0 = 0)"
    assert judged(tmp_path, text) == {"F": "never", "B": "sometimes"}


@pytest.mark.parametrize(("early", "result"), [(1, 1), (0, 2)])
def test_scopes_that_are_left_give_back(tmp_path: Path, early: int, result: int) -> None:
    """The lock, the turn and the mutex are given back; the mask begins empty."""
    names = "turns, take_turn, give_turn, one"
    text = HEAD.format(names=names) + OBJECTS + f"P0 {{ r0 = turns(&b, {early}); r1 = turns(&b, 0); }}\n"
    text += f"forall (0:r0 = {result} /\\ 0:r1 = 2 /\\ b.turn = 0 /\\ b.data = 2 /\\ b.lock = 0 /\\ one = 0)"
    assert judged(tmp_path, text) == {None: "always"}


def test_an_object_behind_a_macro_that_makes_others_is_taken(tmp_path: Path) -> None:
    text = HEAD.format(names="one, after_a_maker") + "P0 { guard(mutex)(&one); r0 = after_a_maker; }\n"
    assert judged(tmp_path, text + "forall (0:r0 = 5 /\\ one = 0)") == {None: "always"}


def test_a_test_may_use_the_guards_of_the_tree(tmp_path: Path) -> None:
    text = HEAD.format(names="take_turn, give_turn") + OBJECTS
    text += "P0 { scoped_guard(turn, &b) r0 = b.turn; r1 = b.turn; }\nforall (0:r0 = 1 /\\ 0:r1 = 0)"
    assert judged(tmp_path, text) == {None: "always"}


@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        ("take_turn, give_turn", "guard(turn)();", "the guard turn takes 1 argument, not 0"),
        ("one", "guard(nothing)();", "there is no guard 'nothing'"),
    ],
)
def test_what_is_refused_of_guards(tmp_path: Path, names: str, code: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        judged(tmp_path, HEAD.format(names=names) + OBJECTS + f"P0 {{ {code} }}\nexists (x = 1)")
    assert said in [d.message for d in caught.value.diagnostics]


FOO = "struct foo { int n; };\n{ struct foo f { .n = 1 }; struct foo g { .n = 2 }; int x; struct mutex m; }\n"
FREED = "f.n = 0x6b6b6b6b"


@pytest.mark.parametrize(
    ("body", "condition"),
    [
        ("struct foo *p __free(kfree) = &f;", FREED),
        ("struct foo *__free(kfree) p = &f;", FREED),
        ("struct foo *p __free(kvfree) = &f;", FREED),
        ("struct foo *p __free(kfree) = NULL;", "f.n = 1"),
        ("struct foo *p __free(kfree) = NULL; p = &f;", FREED),
        ("struct foo *p __free(kfree) = &f; p = NULL;", "f.n = 1"),
        (
            "struct foo *p __free(kfree) = &f; struct foo *q __free(kfree) = &g;",
            f"{FREED} /\\ g.n = 0x6b6b6b6b",
        ),
        ("{ struct foo *p __free(kfree) = &f; x = p->n; } x += 10;", f"{FREED} /\\ x = 11"),
        ("struct foo *p __free(kfree) = &f; return p->n;", f"{FREED} /\\ 0:r0 = 1"),
        ("struct foo *p __free(kfree) = &f; goto out; out: x = 1;", f"{FREED} /\\ x = 1"),
        ("int i; for (i = 0; i < 1; i++) { struct foo *p __free(kfree) = &f; break; }", FREED),
        (
            "guard(mutex)(&m); struct foo *p __free(kfree) = &f; x = mutex_is_locked(&m);",
            f"{FREED} /\\ x = 1",
        ),
        ("cpumask_var_t m1 __free(free_cpumask_var) = CPUMASK_VAR_NULL; x = cpumask_weight(m1);", "x = 0"),
        ("cpumask_var_t m1 = {}; cpumask_set_cpu(0, m1); x = cpumask_weight(m1);", "x = 1"),
    ],
)
def test_a_local_with_a_cleanup_is_freed_where_its_scope_ends(body: str, condition: str) -> None:
    text = f"MM t\n{FOO}int call(void) {{ {body} return 0; }}\nP0 {{ r0 = call(); }}\n"
    assert holds(f"{text}exists ({condition})") and not holds(f"{text}exists ~({condition})")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "cpumask_var_t m1 __free(kfree);",
            "kfree takes the address of a struct, or NULL here, not a cpumask",
        ),
        (
            "for (struct foo *p __free(kfree) = &f; p; p = NULL) {}",
            "a loop's counter is given back by nobody",
        ),
        (
            "switch (x) { case 1: x = 2; struct foo *p __free(kfree) = &f; }",
            "a case would jump into the scope of this local with __free()",
        ),
        ("struct foo *p __free(kfre) = &f;", "there is no cleanup 'kfre' for __free()"),
        (
            "goto in; struct foo *p __free(kfree) = &f; in: x = 1;",
            "this jumps to in, into the scope of a guard",
        ),
    ],
)
def test_what_is_refused_of_cleanups(body: str, said: str) -> None:
    assert said in [d.message for d in wrong(f"MM t\n{FOO}P0 {{ {body} }}\nexists (x = 1)")]
