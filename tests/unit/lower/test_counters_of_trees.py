"""``.counter`` of an ``atomic_t`` in the kernel's text is the counter itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.lower.build import build
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

TREE = """
typedef struct {
	int counter;
} atomic_t;
typedef struct {
	s64 counter;
} atomic64_t;
struct node { int before; atomic_t refs; atomic64_t seq; };
struct named { int before; int counter; };
int of_pointer(atomic_t *v) { return v->counter; }
int of_field(struct node *n) { return READ_ONCE(n->refs.counter); }
int of_long(struct node *n) { WRITE_ONCE(n->seq.counter, 5); return atomic64_read(&n->seq); }
int of_address(struct node *n) { int *p = &n->refs.counter; return *p; }
int of_object(void) { return atomic_read(&n.refs); }
int of_struct(struct named *n) { n->counter = 5; return n->counter; }
"""


def loaded(tmp_path: Path, names: str, text: str):  # type: ignore[no-untyped-def]
    (tmp_path / "t.c").write_text(TREE)
    whole = f'MM t\n#kernel "t.c" {{ {names} }}\n{text}'
    (test,) = load_all(Source("t.litmus", whole), tree=KernelTree(str(tmp_path)))
    return test


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("of_pointer", "of_pointer(&a)"),
        ("of_field", "of_field(&n)"),
        ("of_long", "of_long(&n)"),
        ("of_address", "of_address(&n)"),
        ("of_object", "of_object()"),  # a field of this name, in a whole struct
        ("of_struct", "of_struct(&s)"),
    ],
)
def test_a_counter_is_its_number(tmp_path: Path, name: str, call: str) -> None:
    text = "{ atomic_t a = 5; struct node n { .refs = 5 }; struct named s; }\n"
    test = loaded(tmp_path, name, f"{text}P0 {{ r0 = {call}; }}\nexists (0:r0 = 5)")
    assert run(test, Options(judge="both", witnesses=False)).observation == "always"


def test_the_tests_own_code_names_no_counter_of_an_int(tmp_path: Path) -> None:
    text = "{ int x; }\nP0 { r0 = x.counter; }\nexists (0:r0 = 5)"
    with pytest.raises(InputError, match="x"):
        build(loaded(tmp_path, "of_pointer", text), 0)
