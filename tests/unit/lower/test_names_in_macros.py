"""Macros of a tree that pass on names of members and types, that declare static objects; fields of structs
that the text of a tree writes in its own ways; and the header that defines what a test does not name."""

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
#include <linux/other.h>
struct node { struct node *next, *prev; };
typedef unsigned int flags_t;
typedef flags_t more_t;
enum { ONE = (__force flags_t)0x1, TWO, LAST = (more_t)-1, LOW = (u8)-1 };
#define WIDTH 65
struct e {
	int v;
	const struct { int k; };
	struct node n;
	DECLARE_BITMAP(map, WIDTH);
	int __cacheline_aligned_in_smp far;
};
#define my_next(pos, member) container_of((pos)->member.next, typeof(*(pos)), member)
#define each_entry(pos, start, member) for (pos = (start); pos->v != 9; pos = my_next(pos, member))
#define once(x) ({ static int done; int r = done; done = 1; r + (x); })
#define inner(t) sizeof(t)
#define sized(type) (sizeof(type) + inner(type))
#define nr_cpu_ids (frob)
#define ahead n.next
#define k_of(x) x.k
#define add3(a, b, c) ((a) * 100 + (b) * 10 + (c))
#define any(...) add3(__VA_ARGS__)
#define first(a, args...) add3(a, args)
#define said(fmt, args...) told(fmt, ##args)
#define braced(...) ((int []){ __VA_ARGS__ })
static int told(int x) { return x; }
static int count(struct e *p) { return READ_ONCE(p->v); }
"""
OTHER = """
#define limit 7
#define each_other(p, h) for (p = h; p; p = p->link)
typedef int (*visit)(int x);
enum {
	first_other,
	second_other = 3,
};
struct far { int tail; };
static inline int taken(int x)
{
	return x;
}
"""


def of(body: str, code: str, tmp_path: Path, taken: str = "f, told") -> str:
    """What both judges say, or the errors with their hints."""
    (tmp_path / "include" / "linux").mkdir(parents=True)
    (tmp_path / "include" / "linux" / "other.h").write_text(OTHER)
    (tmp_path / "a.c").write_text(f"{TREE}\n{body}\n")
    text = f'MM t\n#kernel "a.c" {{ {taken} }}\n'
    text += (
        "{ struct e c; struct e a; struct far o; a.v = 1; c.v = 9; a.n.next = &c.n; a.k = 3; }\nunroll 3;\n"
    )
    text += f"P0 {{ r0 = {code}; }}\nlocations [0:r0;]\n"
    try:
        (test,) = load_all(Source("t.litmus", text), tree=KernelTree(str(tmp_path)))
        found = run(test, Options(states=True, witnesses=False, judge="both"))
    except InputError as error:
        return "\n".join(f"{d.message}; {d.hint}" for d in error.diagnostics)
    assert not found.reason
    (state,) = found.states or ()
    return str(state)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("struct e *p; int s = 0; each_entry(p, h, n) { s += p->v; } return s;", "(1,)"),
        ("struct e *p; int s = 0; list_for_each_entry(p, &h->n, n) { s++; break; } return s;", "(1,)"),
        ("return my_next(h, n)->v;", "(9,)"),
        ("return sized(u16);", "(4,)"),
        ("return once(0) * 100 + once(0) * 10 + 5;", "(5,)"),
        ("int r = 0; for (int i = 0; i < 3; i++) r = r * 10 + once(0); return r;", "(11,)"),
        ("h->map[1] = 3; return h->map[1];", "(3,)"),
        ("return h->k;", "(3,)"),
        ("h->far = 4; return h->far;", "(4,)"),
        ("return h->ahead == h->n.next && h->ahead;", "(1,)"),
        ("struct e x; x.ahead = NULL; x.v = 4; return !x.n.next && x.v == 4;", "(1,)"),
        ("return ONE * 10 + TWO;", "(12,)"),
        ("return any(1, h->k, 2);", "(132,)"),
        ("int a = 4; return first(a, 5, a + 2);", "(456,)"),
        ("return said(6);", "(6,)"),
        ("return LAST == 0xffffffff;", "(1,)"),
        ("return LOW;", "(255,)"),
        ("return nr_cpu_ids;", "(1,)"),
        ("struct e x, y; x = y = (struct e){ .v = 2 }; return x.v + y.v;", "(4,)"),
    ],
)
def test_text_means_what_c_says(code: str, expected: str, tmp_path: Path) -> None:
    assert of(f"int f(struct e *h)\n{{\n\t{code}\n}}", "f(&a)", tmp_path) == expected


def test_calls_of_one_function_share_what_a_macro_in_it_declares_static(tmp_path: Path) -> None:
    body = "int g(void)\n{\n\treturn once(0) + once(0);\n}\nint f(struct e *h)\n{\n\tint a = g();\n\n"
    assert of(f"{body}\treturn a * 10 + g();\n}}", "f(&a)", tmp_path, "f, g") == "(2,)"


NAME_IT = 'name the file that defines it: #kernel "include/linux/other.h"'


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("return limit;", f"there is no 'limit'; {NAME_IT}"),
        ("return second_other;", f"there is no 'second_other'; {NAME_IT}"),
        (
            "return taken(1);",
            "'taken'; take it: #kernel \"include/linux/other.h\" { taken }; or leave it out",
        ),
        ("struct e *p; each_other(p, h) { } return 0;", f"there is no loop 'each_other'; {NAME_IT}"),
        ("return o.tail;", f"struct far has no field 'tail'; {NAME_IT}"),
        ("return count(h);", '#kernel "a.c" { count }'),
        ("return any(1, 2);", "add3 takes 3 arguments, not 2"),
        ("return first();", "first takes 1 arguments, not 0"),
        ("return braced(1, 2)[1];", "braced (a.c:"),
        ("return nowhere;", "declare it in the initial state, or name the file that defines it in #kernel"),
    ],
)
def test_what_is_missing_is_said_and_where_it_is(code: str, said: str, tmp_path: Path) -> None:
    assert said in of(f"int f(struct e *h)\n{{\n\t{code}\n}}", "f(&a)", tmp_path)


def test_an_include_may_have_structs_of_which_the_tree_says_more(tmp_path: Path) -> None:
    """linux/wait.inc gives 0 to a field that is a struct in the tree."""
    sched = "struct wake_q_node { struct wake_q_node *next; };\n#define set_current_state(x) frob(x)\n"
    sched += "struct task_struct { unsigned int __state; raw_spinlock_t pi_lock; refcount_t usage;\n"
    (tmp_path / "sched.h").write_text(f"{sched}\tstruct wake_q_node wake_q; int more; }};\n")
    text = (
        '#kernel "sched.h"\n#include "linux/wait.inc"\n{ int flag; }\nvariants { F never; B never hangs; }\n'
    )
    text += "P0 { [F] set_current_state(TASK_INTERRUPTIBLE); [B] __set_current_state(TASK_INTERRUPTIBLE);"
    text += " if (!READ_ONCE(flag)) schedule(); __set_current_state(TASK_RUNNING); }\n"
    text += "P1 { WRITE_ONCE(flag, 1); wake_up_process(cpu_curr(0)); }\nexists (flag = 0)\n"
    for test in load_all(Source("t.litmus", f"MM t\n{text}"), tree=KernelTree(str(tmp_path))):
        found = run(test, Options(witnesses=False, judge="both"))
        assert (found.reason, found.observation, bool(found.hangs)) == ("", "never", test.variant == "B")


def test_0_is_all_of_a_struct_in_the_initial_state() -> None:
    text = "MM t\nstruct in { int a; };\nstruct s { struct in i; int b; };\n"
    text += "{ struct s o = { .i = 0, .b = 2 }; }\nP0 { r0 = o.i.a + o.b; }\nforall (0:r0 = 2)\n"
    (test,) = load_all(Source("t.litmus", text))
    assert run(test, Options(witnesses=False, judge="both")).observation == "always"
