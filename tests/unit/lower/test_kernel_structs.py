"""Structs of a kernel tree of which a test uses some fields: where the others were still counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

STRUCTS = """
struct deep { long before; int inner; };
struct board {
	union {
		struct { int hidden; int second; };
		int first_too;
	};
	unsigned long flags;
};
struct plain { int a, b; };
struct late { struct deep deep; int x; };
struct mm_struct {
	struct { atomic_t mm_count; };
	unsigned long flags;
	pgd_t *pgd;
};
"""
CODE = """
bool second(struct board *p) { return (void *)p == (void *)&p->second; }
bool first_too(struct board *p) { return (void *)p == (void *)&p->first_too; }
bool flags(struct board *p) { return (void *)p == (void *)&p->flags; }
bool a(struct plain *p) { return (void *)p == (void *)&p->a; }
bool b(struct plain *p) { return (void *)p == (void *)&p->b; }
bool inner(struct late *p) { return (void *)p == (void *)&p->deep.inner; }
void load(struct mm_struct *mm) { write_cr3(__pa(mm->pgd)); }
"""


@pytest.fixture
def tree(tmp_path: Path) -> KernelTree:
    (tmp_path / "all.h").write_text(STRUCTS)
    (tmp_path / "all.c").write_text(CODE)
    return KernelTree(str(tmp_path))


def observation(text: str, tree: KernelTree | None = None) -> str:
    (test,) = load_all(Source("t.litmus", f"MM t\n{text}"), tree=tree)
    verdict = run(test, Options(judge="both", witnesses=False))
    return verdict.reason or verdict.observation


def answer(tree: KernelTree, name: str, text: str) -> str:
    return observation(f'#kernel "all.h"\n#kernel "all.c" {{ {name} }}\n{text}', tree)


@pytest.mark.parametrize(
    ("struct", "field", "begins"),
    [
        ("board", "second", False),  # what is before it is left out
        ("board", "first_too", True),  # each member of a union
        ("board", "flags", False),
        ("plain", "a", True),
        ("plain", "b", False),  # two in one declaration
        ("late", "inner", False),  # in a struct that is first
    ],
)
def test_a_field_is_first_only_if_the_tree_says_so(
    tree: KernelTree, struct: str, field: str, begins: bool
) -> None:
    text = f"{{ struct {struct} s; }}\nP0 {{ r0 = {field}(&s); }}\nexists (0:r0 = 1)"
    assert answer(tree, field, text) == ("always" if begins else "never")


def test_an_mm_of_a_tree_has_its_own_root(tree: KernelTree) -> None:
    text = "{ page A = 1; mm N = { v -> A }; }\nP0 { load(N); r0 = *v; }\nexists (0:r0 = 1)"
    assert answer(tree, "load", text) == "always"


FOLIO = '#include "linux/page.inc"\n{ page A { ._refcount = 1 }; struct folio f; }\n'


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("folio_get(page_folio(A)); r0 = page_ref_count(A);", "0:r0 = 2"),
        ("get_page(A); r0 = folio_ref_count(page_folio(A));", "0:r0 = 2"),
        ("struct page *p = (struct page *)&f; p->flags = 3; r0 = f.flags;", "0:r0 = 3"),
        ("r0 = &page_folio(A)->flags == &A->flags;", "0:r0 = 1"),
    ],
)
def test_a_folio_is_its_page(code: str, asked: str) -> None:
    assert observation(f"{FOLIO}P0 {{ {code} }}\nexists ({asked})") == "always"


@pytest.mark.parametrize("declared", ["u8 a[4]", "char a[4]", "code a[4]"])
def test_a_void_pointer_moves_over_bytes(declared: str) -> None:
    text = f"{{ {declared} = {{ 1, 2, 3, 4 }}; }}\nP0 {{ void *p = a; r0 = p + 2 == &a[2]; }}\n"
    assert observation(text + "exists (0:r0 = 1)") == "always"


OPS = """
struct ops {
	gpa_t (*get)(struct other *vcpu, gpa_t gpa);
	int (*cmp)(const void *a, const struct flag *b, int flags, enum what (*inner)(int));
	struct a *(*inval)(struct kvm_vcpu *vcpu, struct kvm_mmu_page *gpa, unsigned long roots) __must_check;
	u8 (*small)(int);
	int (*table[4])(int flags);
	int flags;
};
int read_flags(struct ops *p) { p->flags = 5; return p->flags; }
void call(struct ops *p) { p->get(4); p->inval(5); p->small(6); }
int row(struct ops *p) { return p->table[0] != 0; }
"""


def ops(tmp_path: Path, name: str, text: str) -> str:
    (tmp_path / "ops.c").write_text(OPS)
    return observation(f'#kernel "ops.c" {{ {name} }}\n{text}', KernelTree(str(tmp_path)))


def test_pointers_to_functions_that_nobody_uses_are_left_out(tmp_path: Path) -> None:
    text = "{ struct ops o; }\nP0 { r0 = read_flags(&o); }\nexists (0:r0 = 5)"
    assert ops(tmp_path, "read_flags", text) == "always"


def test_a_pointer_to_a_function_may_give_and_take_anything(tmp_path: Path) -> None:
    text = "void hit(int a) { x = x + a; }\n"
    text += "{ int x; struct ops o { .get = hit, .inval = hit, .small = hit }; }\n"
    assert ops(tmp_path, "call", text + "P0 { call(&o); }\nexists (x = 15)") == "always"


def test_a_row_of_pointers_to_functions_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ops.c:7"):
        ops(tmp_path, "row", "{ struct ops o; }\nP0 { r0 = row(&o); }\nexists (0:r0 = 5)")
