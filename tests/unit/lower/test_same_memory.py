"""Members of a union that are one number or one address, of one size and at its beginning, are one cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judges import holds, states
from verifier.kernel.tree import KernelTree
from verifier.lower.build import build
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

UNION = "struct s {{ u8 first; union {{ {} }}; int last; }};\n"


def warned(text: str, code: str = "union") -> list[str]:
    (test,) = load_all(Source("t.litmus", f"MM t\n{text}"))
    return [d.message for d in build(test, 0).warnings if d.code == code]


@pytest.mark.parametrize(
    ("members", "write", "read"),
    [
        ("u32 a; u32 b;", "x.b = 5", "x.a"),
        ("unsigned int a; atomic_t b;", "atomic_set(&x.b, 5)", "x.a"),
        ("unsigned int a; atomic_t b;", "x.a = 5", "atomic_read(&x.b)"),
        ("unsigned int a; atomic_t b;", "atomic_add(5, &x.b)", "READ_ONCE(x.a)"),
        ("atomic_t a; refcount_t b;", "refcount_set(&x.b, 5)", "atomic_read(&x.a)"),
        ("atomic64_t a; unsigned long b;", "WRITE_ONCE(x.b, 5)", "atomic64_read(&x.a)"),
        ("u8 a; char b;", "x.b = 5", "x.a"),
        ("struct { int a; int c; }; struct { unsigned b; char d; };", "x.b = 5", "x.a"),
        ("union { int a; u16 c; }; int b;", "x.b = 5", "x.a"),
        ("int a; int c; int b;", "x.c = 5", "x.b"),
        ("unsigned long a; struct s *b;", "x.a = 5", "(unsigned long)x.b"),
    ],
)
def test_a_store_to_one_member_changes_the_other(members: str, write: str, read: str) -> None:
    text = UNION.format(members) + f"{{ struct s x; }}\nP0 {{ {write}; r0 = {read}; }}\n"
    assert holds(f"MM t\n{text}exists (0:r0 = 5)")
    assert not holds(f"MM t\n{text}exists (~0:r0 = 5)")
    assert warned(f"{text}exists (0:r0 = 5)") == []


def test_pointers_of_two_types_are_one_cell() -> None:
    text = "MM t\nstruct s { int n; };\nstruct p { int n; };\n"
    text += "struct u { union { struct s *a; struct p *b; }; };\n"
    text += "{ struct s x; struct p y; struct u u { .a = &x }; }\n"
    assert holds(text + "P0 { u.b = &y; r0 = (void *)u.a == (void *)&y; }\nexists (0:r0 = 1)")
    assert holds(text + "P0 { u.b = NULL; r0 = u.a == NULL; }\nexists (0:r0 = 1)")


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("x.b = -1; r0 = x.a > 5;", 1),
        ("x.a = -1; r0 = x.b > 5;", 0),
        ("x.b = -1; r0 = x.a == 0xffffffff;", 1),
        ("x.a = 0xffffffff; r0 = x.b == -1;", 1),
        ("int *p = &x.b; *p = -1; r0 = x.a > 5;", 1),
        ("unsigned *p = &x.a; *p = -1; r0 = x.b < 0;", 1),
        ("unsigned *p = &x.a; x.b = -1; r0 = *p > 5;", 1),
        ("x.b = -1; r0 = cmpxchg(&x.a, 0xffffffff, 7) == 0xffffffff;", 1),
        ("x.a = -1; r0 = cmpxchg(&x.b, -1, 7) == -1;", 1),
        ("x.a = -1; r1 = -1; r0 = try_cmpxchg(&x.b, &r1, 7);", 1),
        ("x.a = -1; r0 = xchg(&x.b, 3) == -1;", 1),
        ("x.a = 0; r0 = atomic_dec_return((atomic_t *)&x.b) < 0;", 1),
    ],
)
def test_each_name_has_its_own_sign(code: str, value: int) -> None:
    text = f"MM t\n{UNION.format('u32 a; int b;')}{{ struct s x; }}\nP0 {{ {code} }}\n"
    assert holds(f"{text}exists (0:r0 = {value})")
    assert not holds(f"{text}exists (~0:r0 = {value})")


@pytest.mark.parametrize("given", [".a = 0xffffffff", ".b = -1"])
def test_conditions_and_initial_values_have_the_sign_of_the_name(given: str) -> None:
    text = f"MM t\n{UNION.format('u32 a; int b;')}{{ struct s x {{ {given} }}; }}\n"
    text += "P0 { r0 = x.a; r1 = x.b; }\n"
    assert holds(text + "exists (x.a = 0xffffffff /\\ x.b = -1 /\\ 0:r0 = 0xffffffff /\\ 0:r1 = -1)")


def test_a_state_has_the_memory_once() -> None:
    text = f"MM t\n{UNION.format('int a; int b;')}{{ struct s x; }}\n"
    text += "P0 { x.b = 5; }\nexists (x.a = 5 /\\ x.b = 5)"
    assert len(states(text)) == 1
    assert holds(text)


def test_a_struct_on_the_stack_has_the_memory_once() -> None:
    text = f"MM t\n{UNION.format('int a; int b;')}{{ }}\nP0 {{ struct s x = {{ .b = 5 }}; r0 = x.a; }}\n"
    assert holds(text + "exists (0:r0 = 5)")


def test_another_member_that_lies_elsewhere_is_told() -> None:
    text = UNION.format("struct { int a; int c; }; struct { int b; int d; };") + "{ struct s x; }\n"
    assert warned(text + "P0 { x.d = 5; r0 = x.c; }\nexists (true)") == ["c and d share memory in a union"]


HALVES = "union u { u64 whole; u32 half; }; { union u x"
LOW_HIGH = "union u { u64 whole; struct { u32 low; u32 high; }; }; { union u x; }"
UNIONS = {
    "of a union": (HALVES + "; }", "x.whole = 1; r0 = x.half;", 1),
    "of one inside": ("struct s { u8 a; union { u64 whole; u32 half; }; }; { struct s x; }",
                      "x.whole = 1; r0 = x.half + x.a;", 1),
    "an initial value": (HALVES + " { .whole = 5 }; }", "r0 = x.half;", 1),
    "a struct as a member": (LOW_HIGH, "x.low = 1; r0 = x.high; r1 = x.whole;", 1),
    "fields of one member": (LOW_HIGH, "x.low = 1; r0 = x.high;", 0),
    "one of them": (HALVES + "; }", "x.whole = 1;", 0),
    "fields of two unions": ("struct s { union { int a; u8 b; }; union { int c; u8 d; }; }; { struct s x; }",
                             "x.a = 1; r0 = x.d;", 0),
    "fields of a struct": ("struct s { u64 a; u32 b; }; { struct s x; }", "x.a = 1; r0 = x.b;", 0),
}  # fmt: skip


@pytest.mark.parametrize("declared, code, count", UNIONS.values(), ids=UNIONS)
def test_members_of_a_union_that_stand_beside_each_other_are_told(
    declared: str, code: str, count: int
) -> None:
    """Such a field is a cell of its own, so a store to one member never changes the other."""
    assert len(warned(f"{declared}\nP0 {{ {code} }}\nexists (true)\n")) == count


TREE = """
struct node { union { unsigned int u_flags; atomic_t a_flags; }; u16 src; };
struct word { union { atomic_t cnts; struct { u8 locked; u8 rest[3]; }; }; };
struct pair { union { struct { int left_out; int second; }; int whole; }; };
"""
CODE = """
int claim(struct node *n) { atomic_or(3, &n->a_flags); return n->u_flags; }
int unlock(struct word *w) { atomic_set(&w->cnts, 255); w->locked = 0; return atomic_read(&w->cnts); }
int two(struct pair *p) { p->second = 3; return p->whole; }
"""


@pytest.fixture
def tree(tmp_path: Path) -> KernelTree:
    (tmp_path / "t.h").write_text(TREE)
    (tmp_path / "t.c").write_text(CODE)
    return KernelTree(str(tmp_path))


@pytest.mark.parametrize(
    ("name", "kind", "gives", "message"),
    [
        ("claim", "node", 3, []),
        ("unlock", "word", None, ["cnts and locked share memory in a union"]),
        ("two", "pair", None, ["second and whole share memory in a union"]),
    ],
)
def test_unions_of_a_tree_are_one_cell_or_unknown(
    tree: KernelTree, name: str, kind: str, gives: int | None, message: list[str]
) -> None:
    text = f'MM t\n#kernel "t.h"\n#kernel "t.c" {{ {name} }}\n{{ struct {kind} s; }}\n'
    text += f"P0 {{ r0 = {name}(&s); }}\nexists (0:r0 = {gives or 0})"
    (test,) = load_all(Source("t.litmus", text), tree=tree)
    verdict = "unknown" if gives is None else "always"
    assert run(test, Options(judge="both", witnesses=False)).observation == verdict
    found = [d for d in build(test, 0).warnings if d.code == "union"]
    assert [d.message for d in found] == message
    assert all("t.c:" in d.hint and d.span and d.span.source.name == "t.h" for d in found)


APART = {
    "a byte of a word": ("union u { u8 on; u64 all; };", "WRITE_ONCE(x.on, 1); r0 = READ_ONCE(x.all);"),
    "a word of a byte": ("union u { u8 on; u64 all; };", "WRITE_ONCE(x.all, 1); r0 = READ_ONCE(x.on);"),
    "in a struct": ("struct u { int a; union { u32 w; struct { u16 l; u16 h; }; }; };", "x.h = 1; r0 = x.w;"),
    "LOCK'd": ("struct u { union { atomic_t w; u8 b; }; };", "atomic_inc(&x.w); smp_store_release(&x.b, 0);"),
    "two stores": ("union u { u8 on; u64 all; };", "x.on = 1; x.all = 2;"),
    "a bit-field": ("struct u { union { struct { u32 a:3; u32 b:5; }; u32 w; }; };", "x.b = 1; r0 = x.w;"),
    "a struct inside": ("struct p { u8 l; u8 h; }; union u { struct p p; u16 w; };", "x.p.h = 1; r0 = x.w;"),
    "an array": ("union u { u8 b[4]; u32 w; };", "x.b[3] = 1; r0 = x.w;"),
    "a pointer": ("union u { u8 on; u64 all; };", "u8 *p = &x.on; WRITE_ONCE(*p, 1); r0 = READ_ONCE(x.all);"),
    "a copy": ("struct u { union { u8 on; u64 all; }; };", "struct u y; y.on = 1; x = y; r0 = x.all;"),
}  # fmt: skip


def decided(text: str) -> tuple[str | None, str]:
    """The verdict by both judges, which agree, and its reason."""
    (test,) = load_all(Source("t.litmus", f"MM t\n{text}"))
    made = run(test, Options(judge="both", witnesses=False))
    return made.observation, made.reason


@pytest.mark.parametrize(("definition", "code"), APART.values(), ids=APART)
def test_a_run_with_a_store_to_one_and_an_access_to_another_is_wrong(definition: str, code: str) -> None:
    kind = "union" if "union u {" in definition else "struct"
    verdict, reason = decided(f"{definition}\n{{ {kind} u x; int z; }}\nP0 {{ {code} }}\nexists (z = 0)")
    assert verdict == "unknown"
    assert "share bytes in a union" in reason and "line 4" in reason


@pytest.mark.parametrize(
    "threads",
    [
        "P0 { WRITE_ONCE(x.on, 1); }\nP1 { r0 = READ_ONCE(x.all); }",
        "P0 { WRITE_ONCE(x.all, 1); smp_store_release(&f, 1); }\n"
        "P1 { if (smp_load_acquire(&f)) r0 = READ_ONCE(x.on); }",
        "P0 { smp_call_function_single(1, h, NULL, 1); r0 = READ_ONCE(x.all); }\nP1 { }",
        "P0 { struct s *p = READ_ONCE(q); WRITE_ONCE(p->on, 1); }\nP1 { r0 = cmpxchg(&x.all, 0, 1); }",
        "P0 { while (!READ_ONCE(f)) r0 = READ_ONCE(x.all); }\nP1 { WRITE_ONCE(x.on, 1); WRITE_ONCE(f, 1); }",
        "P0 { do r0 = READ_ONCE(x.all); while (!READ_ONCE(f)); }\n"
        "P1 { WRITE_ONCE(x.on, 1); WRITE_ONCE(f, 1); }",
    ],
)
def test_so_is_one_in_which_two_cpus_do_this(threads: str) -> None:
    text = "struct s { union { u8 on; u64 all; }; };\n{ struct s x; struct s *q = &x; int f; }\n"
    text += f"void h(void *info) {{ WRITE_ONCE(x.on, 1); }}\n{threads}\nexists (f = 2)"
    verdict, reason = decided(text)
    assert verdict == "unknown"
    assert "x.on and x.all share bytes" in reason or "x.all and x.on share bytes" in reason


def test_what_other_runs_show_is_shown() -> None:
    text = "union u { u8 on; u64 all; };\n{ union u x; int f; }\nP0 { WRITE_ONCE(f, 1); }\n"
    text += "P1 { r1 = READ_ONCE(f); if (r1) { WRITE_ONCE(x.on, 1); r0 = READ_ONCE(x.all); } }\nexists (%s)"
    assert decided(text % "1:r1 = 0")[0] == "unknown"  # nothing shows that it can be false
    text = text.replace("READ_ONCE(f);", "READ_ONCE(f); r2 = READ_ONCE(f);")
    assert decided(text % "1:r2 = 1")[0] == "sometimes"


@pytest.mark.parametrize(
    ("initial", "code", "condition", "verdict"),
    [
        ("", "x.on = 1;", "x.all = 1", "unknown"),
        ("", "x.on = 1;", "x.all = 0", "unknown"),
        ("", "x.on = 1;", "ever (x.all = 1)", "unknown"),
        ("", "x.on = 1;", "x.on = 1", "always"),
        ("", "r0 = x.on; r1 = x.all;", "0:r1 = 0", "always"),
        ("", "r0 = x.on; r1 = cmpxchg(&x.all, 1, 2);", "0:r1 = 0", "always"),
        (" { .all = 5 }", "r0 = x.on;", "0:r0 = 5", "unknown"),
        (" { .all = 0 }", "r0 = x.on;", "0:r0 = 0", "always"),
        (" { .all = 5 }", "r0 = x.all;", "0:r0 = 5", "always"),
        ("", "x.on = 1; y.all = 2; r0 = y.all;", "0:r0 = 2", "always"),
        ("", "union u z = { .all = 5 }; r0 = z.all; x.on = 1;", "0:r0 = 5", "always"),
        ("", "union u z = { .on = 5 }; r0 = z.all;", "0:r0 = 5", "unknown"),
        ("", "union u z = { }; z.all = 5; r0 = z.all; x.on = 1;", "0:r0 = 5", "always"),
        ("", "kfree(&x); r0 = x.on; y.all = 2;", "0:r0 = 0x6b", "always"),
        ("", "x = y; r0 = x.on; y.all = 2;", "0:r0 = 0", "unknown"),
    ],
)
def test_only_runs_with_both_are_wrong(initial: str, code: str, condition: str, verdict: str) -> None:
    text = f"union u {{ u8 on; u64 all; }};\n{{ union u x{initial}; union u y; }}\nP0 {{ {code} }}\n"
    assert decided(f"{text}exists ({condition})")[0] == verdict


@pytest.mark.parametrize(
    ("members", "code", "verdict"),
    [
        ("struct { u16 a; u8 b; }; u8 c;", "x.b = 1; r0 = x.c;", "always"),
        ("struct { u16 a; u8 b; }; u8 c;", "x.a = 1; r0 = x.c;", "unknown"),
        ("struct { u8 a; u32 b; }; struct { u16 c; u8 d; };", "x.d = 1; r0 = x.b;", "always"),
        ("struct { u8 a; u16 b; }; struct { u16 c; u8 d; };", "x.d = 1; r0 = x.b;", "unknown"),
        ("struct { void *p; int n; }; u64 w;", "x.n = 1; r0 = x.w;", "always"),
        ("struct { u8 a[4]; u8 b; }; u32 w;", "x.b = 1; r0 = x.w;", "always"),
        ("struct { struct mutex m; u8 b; }; u32 w;", "x.b = 1; r0 = x.w;", "unknown"),
        ("struct { u32 a : 3; u32 b : 20; }; u32 w;", "x.b = 1; r0 = x.w;", "unknown"),
        ("struct { u32 a : 3; u32 b : 30; }; u32 w;", "x.b = 1; r0 = x.w;", "always"),
        ("struct { union { u8 a; u16 b; }; u8 c; }; u16 w;", "x.c = 1; r0 = x.w;", "always"),
    ],
)
def test_members_that_share_no_byte_are_apart(members: str, code: str, verdict: str) -> None:
    text = f"{UNION.format(members)}{{ struct s x; }}\nP0 {{ {code} }}\nexists (0:r0 = 0)"
    assert decided(text)[0] == verdict
    assert bool(warned(text)) == (verdict == "unknown")


def test_a_c_test_has_the_same() -> None:
    text = "C t\nstruct u { union { u8 on; u64 all; }; };\n{ struct u x; }\n"
    text += "P0(struct u *x) { WRITE_ONCE(x->on, 1); r0 = READ_ONCE(x->all); }\nexists (0:r0 = 0)"
    (test,) = load_all(Source("t.litmus", text))
    assert run(test, Options(judge="both", witnesses=False)).observation == "unknown"


@pytest.mark.parametrize(
    "code",
    [
        "WRITE_ONCE(f->private, 3); r0 = READ_ONCE(f->byte);",
        "WRITE_ONCE(p->private, 3); r0 = READ_ONCE(f->byte);",
        "WRITE_ONCE(f->byte, 3); r0 = READ_ONCE(p->private);",
    ],
)
def test_a_folio_is_its_page_here_too(code: str) -> None:
    members = "{ unsigned long flags; union { u64 private; u8 byte; }; };\n"
    text = f"struct page {members}struct folio {members}{{ page A {{ .flags = 1 }}; }}\n"
    text += f"P0 {{ struct page *p = A; struct folio *f = (struct folio *)A; {code} }}\nexists (A.flags = 1)"
    assert decided(text)[0] == "unknown"
    assert decided(text.replace("->byte", "->private"))[0] == "always"
