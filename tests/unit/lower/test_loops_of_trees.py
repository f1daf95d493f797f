"""Macros of a kernel tree in front of a statement, and macros that are given types."""

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
struct node { struct node *next; int v; };
#define each(pos, head) for ((pos) = (head); (pos); (pos) = (pos)->next)
#define each_odd(pos, head)			\\
	each(pos, head)				\\
		if (!((pos)->v & 1)) {} else
#define each_safe(pos, n, first) \\
	for ((pos) = (first); (pos) && ((n) = (pos)->next, true); (pos) = (n))
#define each_pair(p, q, h) each(p, h) each(q, h)
#define while_more(pos, h) while (((pos) = (pos) ? (pos)->next : (h)) != NULL)
#define counted(n) for (int turn = 0; turn < (n); turn++)
#define called(name, n) for (int name = 0; name < (n); name++)
#define only_if(c) if (c)
#define nothing(x)
#define assigned(x) x = 1
#define ended(x) for (; x; x = 0);
#define nodes_from(pos, start) list_for_each_entry_odd(pos, start, next)
#define list_for_each_entry_odd(pos, h, member) for (pos = (h); pos; pos = pos->member)
#define twice(type, x) ((type)(x) + (type)(x))
#define put(type, name, x) do { type name = (x); WRITE_ONCE(seen, name); } while (0)
#define size(t) sizeof(t)
typedef unsigned char tiny;
"""
LIST = "struct node c; struct node b; struct node a; a.v = 1; b.v = 2; c.v = 5; a.next = &b; b.next = &c;"


def of(body: str, code: str, tmp_path: Path) -> str:
    """What both judges say that a function ``f`` of a tree gives, or the errors."""
    (tmp_path / "a.c").write_text(f"{TREE}\n{body}\n")
    text = f'MM t\n#kernel "a.c" {{ f }}\n{{ int seen; {LIST} }}\nunroll 5;\n'
    text += f"P0 {{ r0 = {code}; }}\nlocations [0:r0;]\n"
    try:
        (test,) = load_all(Source("t.litmus", text), tree=KernelTree(str(tmp_path)))
        found = run(test, Options(states=True, witnesses=False, judge="both"))
    except InputError as error:
        return "\n".join(f"{d.message}; {d.hint}" for d in error.diagnostics)
    assert not found.reason
    (state,) = found.states or ()
    return str(state)


def of_loop(loop: str, tmp_path: Path) -> str:
    """What the statements in it add up to."""
    body = (
        f"int f(struct node *h)\n{{\n\tstruct node *p = NULL, *q;\n\tint s = 0;\n\n\t{loop}\n\treturn s;\n}}"
    )
    return of(body, "f(&a)", tmp_path)


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("each(p, h) { s += p->v; }", "(8,)"),
        ("each(p, h) s += p->v;", "(8,)"),
        ("each(p, h)\n\t\tif (p->v == 2) continue; else s += p->v;", "(6,)"),
        ("each(p, h) { if (p->v == 2) break; s += p->v; }", "(1,)"),
        ("each(p, h) { /* nothing */ } s += !p;", "(1,)"),
        ("each(p, h); s += !p;", "(1,)"),
        ("each_odd(p, h) s += p->v;", "(6,)"),
        ("if (h) each_odd(p, h) { s += p->v; } else s = 9;", "(6,)"),
        ("each_safe(p, q, h) { if (p->v == 2) continue; s += p->v; }", "(6,)"),
        ("while_more(p, h) { s += p->v; }", "(8,)"),
        ("each_pair(p, q, &c) s += p->v + q->v;", "(10,)"),
        ("nodes_from(p, h) { s += p->v; }", "(8,)"),
        ("list_for_each_entry_odd(p, h, next) { s += p->v; }", "(8,)"),
        ("list_for_each_entry_odd((p), h, next) { s += p->v; }", "(8,)"),
        ("counted(4) { s += turn; }", "(6,)"),
        ("called(mine, 4) { s += mine; }", "(6,)"),
        ("only_if(h->v) { s = 3; }", "(3,)"),
        ("nothing(h) s = 4;", "(4,)"),
        ("nothing(h) { s = 4; }", "(4,)"),
        ("do each(p, h) { s++; } while (0);", "(3,)"),
    ],
)
def test_a_macro_repeats_the_statement_that_follows_it(loop: str, expected: str, tmp_path: Path) -> None:
    if "&c" in loop:
        loop = loop.replace("&c", "h->next->next")
    assert of_loop(loop, tmp_path) == expected


def test_names_of_parameters_are_the_callers_own_in_the_statement(tmp_path: Path) -> None:
    """``pos`` and ``n`` are names of the macro's parameters, too."""
    body = "int f(struct node *head)\n{\n\tstruct node *pos, *n;\n\tint first = 0;\n\n"
    body += "\teach_safe(n, pos, head) { first += n->v + (pos ? pos->v : 0); }\n\treturn first;\n}"
    assert of(body, "f(&a)", tmp_path) == "(15,)"


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        (
            "each_other(p, h) { s++; }",
            "there is no loop 'each_other'; name the file that defines",
        ),
        ("assigned(s) s++;", "it ends as a statement itself"),
        ("ended(s) s++;", "cannot be expanded"),
        ("each(p) { s++; }", "each takes 2 arguments, not 1"),
        ("called(p->v, 2) { s++; }", "name stands for a name there, and is none here"),
    ],
)
def test_what_is_no_loop_is_said(loop: str, said: str, tmp_path: Path) -> None:
    assert said in of_loop(loop, tmp_path)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("return twice(u8, x);", "(2,)"),
        ("return twice(tiny, x) + twice(unsigned char, x);", "(4,)"),
        ("return twice(typeof(x), x);", "(514,)"),
        ("put(unsigned char, mine, x); return READ_ONCE(seen);", "(1,)"),
        ("put(tiny, type, x); return READ_ONCE(seen);", "(1,)"),
        ("return size(u16) + size(int *);", "(10,)"),
        ("return min_t(unsigned int, -1, 7);", "(7,)"),
        ("return max_t(u8, x, 0);", "(1,)"),
        ("return min_t(tiny, x, 7) + clamp_t(int, x, -3, 9);", "(10,)"),
        ("return min_t(long, -1, 7) + 3;", "(2,)"),
    ],
)
def test_a_type_is_what_it_is_given_as(code: str, expected: str, tmp_path: Path) -> None:
    assert of(f"int f(int x)\n{{\n\t{code}\n}}", "f(257)", tmp_path) == expected


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("return READ_ONCE(unsigned int);", "this cannot be read or written"),
        ("return min_t(x, x, 7);", "min_t takes a type of numbers first; write min_t(unsigned int, …)"),
        ("return min_t(struct node *, x, 7);", "min_t takes a type of numbers first"),
        ("return min_t(u8, x);", "min_t takes 3 arguments, not 2"),
        ("return x + f(unsigned int);", "this is a type, and no value; give a value here"),
    ],
)
def test_a_type_where_none_fits_is_said(code: str, said: str, tmp_path: Path) -> None:
    assert said in of(f"int f(int x)\n{{\n\t{code}\n}}", "f(257)", tmp_path)


def test_a_string_may_stand_beside_a_macro(tmp_path: Path) -> None:
    body = '#define KERN_ERR "3"\nint f(int x)\n{\n\tprintk(KERN_ERR "a \\"%d\\"" " b\\n", x);\n'
    body += '\tif (WARN(x == 3, KERN_ERR "no (%" PRIx64 ")\\n", x))\n\t\treturn 0;\n\treturn 4;\n}'
    assert of(body, "f(257)", tmp_path) == "(4,)"
