"""Typedefs of a kernel tree: a name of a type means the type that the tree gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

TYPES = """
typedef unsigned char byte_t;
typedef u32 __bitwise word_t;
typedef word_t chained_t;
typedef unsigned long long __attribute__((aligned(8))) aligned_t;
typedef u8 mark;
typedef u8 q8;
typedef struct board *board_p;
typedef void (*hook_fn)(int);
typedef int (work_fn)(int);
typedef struct tagged {
	int a;
} tagged_t;
typedef struct { int a; } bare;
typedef struct same same;
struct same { int a; };
typedef struct twin { int a; } twin;
typedef struct { int a; } *nameless_p;
typedef union either {
	u16 low;
	u32 all;
} either_t;
typedef enum { FIRST, SECOND = 7 } level_t;
typedef unsigned long mask_t[4];
typedef struct { int counter; } atomic_t;
typedef u8 u64;
struct board { byte_t b; mark m; word_t w; board_p next; hook_fn hook; work_fn *work; };
"""
CODE = """
int local(int a) { byte_t x = 300 + a; return x; }
int sign(int a) { word_t x = a - 1; return x > 5; }
int chain(int a) { chained_t x = a - 1; return x > 5; }
int wide(int a) { aligned_t x = a - 1; return x >> 63; }
int cast(int a) { return (byte_t)(300 + a); }
int narrow(byte_t a) { return a; }
int passed(int a) { return narrow(300 + a); }
byte_t result(int a) { return 300 + a; }
int unmarked(int a) { mark x = 300 + a; return x; }
int short_name(int a) { q8 x = 300 + a; return x; }
int unmarked_cast(int a) { return (mark)(300 + a); }
mark unmarked_result(int a) { return 300 + a; }
int unmarked_parameter(mark m) { return m; }
int unmarked_passed(int a) { return unmarked_parameter(300 + a); }
int same_name(int mark) { return mark + 1; }
int fields(struct board *p) { p->b = 300; p->m = 301; return p->b + p->m; }
int pointer(board_p p) { board_p q = p; q->w = 3; return p->next->w; }
int of_tag(struct tagged *p) { p->a = 5; return p->a; }
int of_name(tagged_t *p) { struct tagged *q = p; q->a = 5; return p->a; }
int of_bare(bare *p) { p->a = 5; return p->a; }
int of_same(same *p) { p->a = 5; return p->a; }
int of_twin(twin *p) { p->a = 5; return p->a; }
int of_union(either_t *p) { p->all = 5; return p->all; }
int constant(void) { level_t x = SECOND; return x; }
int counter(atomic_t *v) { atomic_inc(v); return atomic_read(v); }
u64 own(int a) { return 300 + a; }
int array(int a) { mask_t x; return a; }
static byte_t global;
int stored(int a) { global = 300 + a; return global; }
"""


@pytest.fixture
def tree(tmp_path: Path) -> KernelTree:
    (tmp_path / "t.h").write_text(TYPES)
    (tmp_path / "t.c").write_text(CODE)
    return KernelTree(str(tmp_path))


def answer(tree: KernelTree, names: str, text: str) -> str:
    whole = f'MM t\n#kernel "t.h"\n#kernel "t.c" {{ {names} }}\n{text}'
    (test,) = load_all(Source("t.litmus", whole), tree=tree)
    verdict = run(test, Options(judge="both", witnesses=False))
    return verdict.reason or verdict.observation


@pytest.mark.parametrize(
    ("names", "call", "gives"),
    [
        ("local", "local(0)", 44),
        ("sign", "sign(0)", 1),
        ("chain", "chain(0)", 1),
        ("wide", "wide(0)", 1),
        ("cast", "cast(0)", 44),
        ("passed, narrow", "passed(0)", 44),
        ("result", "result(0)", 44),
        ("unmarked", "unmarked(0)", 44),
        ("short_name", "short_name(0)", 44),
        ("unmarked_cast", "unmarked_cast(0)", 44),
        ("unmarked_result", "unmarked_result(0)", 44),
        ("unmarked_passed, unmarked_parameter", "unmarked_passed(0)", 44),
        ("same_name", "same_name(4)", 5),
        ("fields", "fields(&s)", 89),
        ("pointer", "pointer(&s)", 3),
        ("constant", "constant()", 7),
        ("own", "own(0)", 300),
        ("stored, global", "stored(0)", 44),
    ],
)
def test_a_typedef_is_the_type_that_the_tree_says(
    tree: KernelTree, names: str, call: str, gives: int
) -> None:
    text = f"{{ struct board s {{ .next = &s }}; }}\nP0 {{ r0 = {call}; }}\nexists (0:r0 = {gives})"
    assert answer(tree, names, text) == "always"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("of_tag", "struct tagged"),
        ("of_name", "struct tagged"),
        ("of_tag", "tagged_t"),
        ("of_name", "tagged_t"),
        ("of_bare", "struct bare"),
        ("of_same", "struct same"),
        ("of_twin", "struct twin"),
        ("of_union", "either_t"),
        ("of_union", "struct either"),
    ],
)
def test_a_struct_has_its_tag_and_its_typedef(tree: KernelTree, name: str, kind: str) -> None:
    assert answer(tree, name, f"{{ {kind} s; }}\nP0 {{ r0 = {name}(&s); }}\nexists (0:r0 = 5)") == "always"


def test_a_type_of_the_language_stays_what_it_is(tree: KernelTree) -> None:
    text = "{ atomic_t c = 4; }\nP0 { r0 = counter(&c); }\nexists (0:r0 = 5)"
    assert answer(tree, "counter", text) == "always"


def test_a_type_of_an_array_is_an_error(tree: KernelTree) -> None:
    with pytest.raises(InputError) as found:
        answer(tree, "array", "{ }\nP0 { r0 = array(0); }\nexists (0:r0 = 0)")
    assert "mask_t is the type of an array, which is not read" in str(found.value)
    assert "t.h:24" in str(found.value)
