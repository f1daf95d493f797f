"""Words that free memory: what they refuse, and what they fill objects with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judges import states
from tests.texts import warned, wrong
from verifier.lower.c import types as t
from verifier.lower.c.special_free import poison
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.syntax.ast import CType

HEAD = """MM t
struct inner { int b; };
struct item { u64 a; struct rcu_head rcu; struct inner in; };
struct empty { struct rcu_head rcu; };
{ struct item s; struct empty e; struct item *p = &s; percpu struct item c; int x; page A = 1; }
"""


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("kfree(x);", "takes the address of a struct, or NULL here, not a number"),
        ("kfree(&x);", "takes the address of a struct, or NULL here, not an address"),
        ("kfree(A);", "takes the address of a struct, or NULL here, not a page"),
        ("r0 = READ_ONCE(x); kfree(r0);", "takes the address of a struct, or NULL here, not a number"),
        ("kfree(&c);", "it frees one object, not one for each CPU"),
        ("kfree(&s.in);", "&s.in is a part of an object"),
        ("kfree(&s.in.b);", "&s.in.b is a part of an object"),
        ("kfree((void *)&s.in);", "is a part of an object"),
        ("struct item mine; kfree(&mine.a);", "&mine.a is on a stack"),
        ("kfree((void *)5);", "takes the address of a struct, or NULL here, not a number"),
        ("void *v = &c; kfree(v);", "it frees one object, not one for each CPU"),
        ("kfree_rcu(&s.a, rcu);", "declare what it is kept in as struct"),
        ("struct item mine; kfree(&mine);", "&mine is on a stack"),
        ("kfree(&e);", "struct empty has no fields"),
        ("kfree_rcu(p);", "kfree_rcu takes 2 arguments, not 1 write kfree_rcu(p, field)"),
        ("kfree_rcu(p, a);", "a is no struct rcu_head of struct item"),
        ("kfree_rcu(p, head);", "no field 'head'"),
        ("kfree_rcu(p, 1);", "takes the name of its struct rcu_head here"),
        ("kfree_rcu_mightsleep(p, rcu);", "takes 1 argument, not 2"),
        ("kmem_cache_free(p);", "write kfree(p)"),
        ("kvfree_rcu_barrier();", "write call_rcu(&p->rcu, f) with an f that calls kfree()"),
    ],
)
def test_what_is_refused(statement: str, says: str) -> None:
    found = wrong(f"{HEAD}P0 {{ {statement} }}\nexists (s.a = 1)\n")
    assert any(says in f"{d.message} {d.hint}" for d in found)


FREES = """MM t
struct inner { int b; };
struct item { struct inner in; u64 a; };
struct heads { struct rcu_head rcu; u64 c; };
{ struct item s; struct item t[2]; struct item *p = &s; struct heads f; void *v = &s; int x; }
"""
POISON = hex(poison(t.ANY))
OF_S, OF_T, OF_F = f"s.a={POISON};", f"t[1].a={POISON};", f"f.c={POISON};"


@pytest.mark.parametrize(
    ("statement", "freed"),
    [
        ("kfree(p);", OF_S),
        ("kfree(v);", OF_S),
        ("kvfree(v);", OF_S),
        ("kfree_rcu_mightsleep(v);", OF_S),
        ("void *q = v; kfree(q);", OF_S),
        ("r0 = v; kfree(r0);", OF_S),
        ("kfree(&p->in);", OF_S),
        ("kfree(&p->in.b);", OF_S),
        ("int *i = &p->in.b; kfree(i);", OF_S),
        ("kfree((void *)&s.in.b);", OF_S),
        ("v = &t[1]; kfree(v);", OF_T),
        ("v = &t[1].in; kfree(v);", OF_T),
        ("kfree(&f.rcu);", OF_F),
        ("struct rcu_head *h = &f.rcu; kfree(h);", OF_F),
        ("v = &f.rcu; kfree(v);", OF_F),
        ("v = NULL; kfree(v);", ""),
    ],
)
def test_what_begins_at_an_address_is_freed_whatever_its_type(statement: str, freed: str) -> None:
    text = f"{FREES}P0 {{ {statement} }}\nlocations [s.a; t[1].a; f.c]\nexists (true)\n"
    (state,) = states(text)
    assert {of for of in (OF_S, OF_T, OF_F) if of in state} == ({freed} - {""})


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize(
    "statement",
    [
        "u64 *q = &p->a; kfree(q);",
        "v = &s.a; kfree(v);",
        "v = &x; kfree(v);",
        "v = (void *)5; kfree(v);",
        "struct item m; v = &m; kfree(v);",
    ],
)
def test_where_no_object_begins_nothing_is_freed(statement: str, judge: str) -> None:
    (test,) = load(Source("t", f"{FREES}P0 {{ {statement} }}\nexists (s.a = 0)\n"))
    verdict = run(test, Options(judge=judge, witnesses=False))
    assert verdict.observation == "unknown" and "no object begins here" in verdict.reason


def test_null_is_not_freed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = "MM t\nstruct s { int a; };\n{ struct s o; }\nP0 { kfree(NULL); r0 = READ_ONCE(o.a); }\n"
    assert "kfree of NULL does nothing" in warned(capsys, tmp_path, f"{text}exists (0:r0 = 0)\n")


@pytest.mark.parametrize(
    ("of", "holds"),
    [
        (t.of(CType("u8")), 0x6B),
        (t.of(CType("s16")), 0x6B6B),
        (t.of(CType("int")), 0x6B6B6B6B),
        (t.of(CType("unsigned long")), 0x6B6B6B6B6B6B6B6B),
        (t.of(CType("struct item", 1)), 0x6B6B6B6B6B6B6B6B),
        (t.ANY, 0x6B6B6B6B6B6B6B6B),
        (t.BOOL, 0x6B),
        (t.Type("int", 3, False), 3),
    ],
)
def test_every_byte_is_the_poison(of: t.Type, holds: int) -> None:
    assert poison(of) == holds


@pytest.mark.parametrize(
    "code", ["WRITE_ONCE(x, smp_processor_id());", "this_cpu_inc(c);", "r0 = this_cpu_ptr(&c);"]
)
def test_which_cpu_runs_a_callback_of_srcu_is_not_known(code: str) -> None:
    head = f"MM t\n{{ struct srcu_struct s; int x; percpu int c; }}\nvoid f(void *p) {{ {code} }}\n"
    text = f"{head}P0 {{ call_srcu(&s, NULL, f); }}\nexists (x = 1 /\\ 0:c = 1)\n"
    assert any("on which CPU is not known" in d.message for d in wrong(text))
