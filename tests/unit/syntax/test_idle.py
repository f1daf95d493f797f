"""Text without effect gives a warning: names that nothing uses, settings of unknown registers."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.errors import InputError
from verifier.source import Diagnostic, Source
from verifier.suite.load import load_checked

ROOT = Path(__file__).resolve().parents[3]
INITIAL = "page A = 1; mm N { v -> A }; 0:cr3 = N; percpu int y; int x; struct foo s { .f = 1 };"
ASKED = "locations [0:y; s.f; pte(N, v)]\nexists (x = 1)\n"


def warnings(text: str) -> list[Diagnostic]:
    """The warnings about a file, which has no errors."""
    return list(load_checked(Source(str(ROOT / "t.litmus"), text))[0].warnings)


def test_what_is_used_is_not_warned_about() -> None:
    assert not warnings(f"MM t\n{{ {INITIAL} }}\nP0 {{ x = 1; }}\n{ASKED}")


@pytest.mark.parametrize(
    ("initial", "code", "says", "hint"),
    [
        ("int z = 5;", "x = 1;", "nothing uses z", "leave it out"),
        ("percpu int z;", "x = 1;", "nothing uses z", "leave it out"),
        ("percpu int z; 0:z = 3;", "x = 1;", "nothing uses z", "leave it out"),
        ("page B = 2;", "x = 1;", "nothing uses B", "leave it out"),
        ("page B = 2; mm M { v -> B };", "x = 1;", "nothing uses M", "leave it out"),
        ("table T { v -> A };", "x = 1;", "nothing uses T", "leave it out"),
        ("cpumask m = {0};", "x = 1;", "nothing uses m", "leave it out"),
        ("struct task task { .mm = N };", "x = 1;", "nothing uses task", "leave it out"),
        ("0:tlb = { v@7 -> A };", "x = 1;", "no CPU ever has PCID 7", "leave it out"),
        ("int z; int *p = &z;", "x = 1;", "nothing uses p", "leave it out"),
        (
            "mm M { w -> A }; mm_cpumask(M) = {0};",
            "load_cr3(M);",
            "nothing uses the address w",
            "leave it out",
        ),
        (
            "mm M { w -> A }; mm_cpumask(M) = {0};",
            "load_cr3(M);",
            "nothing looks at mm_cpumask()",
            "leave it",
        ),
        ("mm M { .tlb_ge = 1 }; mm O { .tlb_gen = 1 };", "x = M->tlb_gen;", "the field tlb_ge", "'tlb_gen'"),
        ("page B { .refcuont = 1 };", "x = B.data;", "the field refcuont", "name it in code"),
        ("", "int z = 1;", "nothing in P0 uses the local z", "leave it out"),
        ("", "r7 = 1;", "nothing in P0 uses r7", "leave it out"),
        ("", "f(); } void f(void) { int q = 2; x = 1;", "nothing in f() uses the local q", "leave it out"),
        ("", "x = 1; } void f(void) { x = 2;", "nothing calls f()", "call it"),
        ("", "x = 1; } void f(void) { f();", "nothing calls f()", "call it"),
        ("", "x = 1; } nmi P0 {", "this NMI does nothing", "give it statements"),
        (
            "",
            "x = 1; } enum { OLD, NEW }; void g(void) { x = 2; } nmi P0 { g();",
            "nothing uses OLD, NEW",
            "",
        ),
        ("", "x = 1; } unroll 3; nmi P0 { x = 2;", "there is no loop to unroll", "leave it out"),
        (
            "",
            "int c; for_each_cpu(c, cpu_online_mask) x = c; } unroll 3; nmi P0 { x = 2;",
            "there is no loop to unroll",
            "leave it out",
        ),
        ("", "r0 = 5; f(); } void f(void) { r0 = x;", "nothing in f() uses r0", "f()'s own; store it in an"),
        (
            "",
            "} nmi P0 { r3 = x;",
            "nothing in the NMI of P0 uses r3",
            "the NMI's own; store it in an object",
        ),
    ],
)
def test_what_nothing_uses_is_a_warning(initial: str, code: str, says: str, hint: str) -> None:
    found = warnings(f"MM t\n{{ {INITIAL} {initial} }}\nP0 {{ {code} }}\n{ASKED}")
    matching = [d for d in found if says in d.message]
    assert len(matching) == 1 and hint in matching[0].hint and matching[0].severity == "warning"


@pytest.mark.parametrize(
    ("setting", "name", "hint"),
    [
        ("0:crr3 = N;", "crr3", "'cr3'"),
        ("0..1:crr3 = N;", "crr3", "'cr3'"),
        ("1:Y = 9;", "Y", "'y'"),
        ("1:irg = off;", "irg", "'irq'"),
        ("1:pcdi = 1;", "pcdi", "'pcid'"),
        ("0:r7 = 1;", "r7", "leave it out"),
        ("0:genn = 1;", "genn", "'gen'"),
        ("1:r3 = 1;", "r3", ""),
    ],
)
def test_a_setting_that_no_cpu_has_is_an_error(setting: str, name: str, hint: str) -> None:
    text = f"MM t\n{{ {INITIAL} {setting} }}\nP0 {{ u64 gen; gen = x; r3 = gen; }}\nP1 {{ }}\n{ASKED}"
    with pytest.raises(InputError) as caught:
        load_checked(Source("t", text))
    (found,) = caught.value.diagnostics
    assert f"no register, local or per-CPU object {name!r}" in found.message and hint in found.hint


def test_settings_of_what_there_is() -> None:
    own = "0:r3 = 1; 0:gen = 2; 0:y = 3; 0:irq = off; 0:r4 = 5;"
    code = "u64 gen; x = gen + r3 + this_cpu_read(y);"
    asked = ASKED.replace("(x", "(0:r4 = 5 \\/ x")
    assert not warnings(f"MM t\n{{ {INITIAL} {own} }}\nP0 {{ {code} }}\n{asked}")


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("v@7 -> A", "load_cr3(N, 7);"),
        ("v@7 -> mk_pte(A, global)", "x = 1;"),
        ("v@7 -> A", "r0 = 6; r0 = r0 + 7; load_cr3(N, r0);"),
        ("v -> A", "x = 1;"),
    ],
)
def test_a_tag_that_some_cpu_may_have(entry: str, code: str) -> None:
    assert not warnings(f"MM t\n{{ {INITIAL} 0:tlb = {{ {entry} }}; }}\nP0 {{ {code} }}\n{ASKED}")


def test_one_variant_that_uses_it_is_enough() -> None:
    variants = "variants { F never; B sometimes; }\n"
    code = "P0 { [B] z = 1; [F] f(); [B] r1 = 0; x = 2; }\nvoid f(void) { }\n[B] nmi P0 { x = 1; }\n"
    text = f"MM t\n{{ {INITIAL} int z; [F] 0:r1 = 7; }}\n{code}{variants}{ASKED.replace('x = 1', '0:r1 = 3')}"
    assert not warnings(text)
    assert [d.message for d in warnings(text.replace("[B] z = 1;", ""))] == ["nothing uses z"]


def test_what_an_include_offers_need_not_be_used() -> None:
    top = 'MM t\n#include "linux/tlb_gen.inc"\n#include "linux/smp.inc"\n'
    assert not warnings(f"{top}{{ {INITIAL} }}\nP0 {{ x = 1; }}\n{ASKED}")


def test_a_function_that_misses_the_included_one() -> None:
    top = 'MM t\n#include "linux/smp.inc"\n'
    (found,) = warnings(f"{top}{{ {INITIAL} }}\nvoid do_flush_tb(void *i) {{ }}\nP0 {{ x = 1; }}\n{ASKED}")
    assert "nothing calls do_flush_tb()" in found.message and "do_flush_tlb" in found.hint


def test_in_c_files_it_is_a_warning_as_others_write_them() -> None:
    (one, two) = warnings("C t\n{ x = 1; q = 3; 0:r9 = 1; }\nP0(int *x) { *x = 2; }\nexists (x = 1)\n")
    assert "nothing uses q" in one.message and "'r9'" in two.message and two.severity == "warning"


@pytest.mark.parametrize(
    ("initial", "condition"),
    [
        ("cpumask m = {1..0};", "m[0]"),
        ("1..0:irq = off;", "x = 1"),
        ("", "some c in 1..0: c:irq = off"),
        ("", "all c in 1..0: c:irq = off"),
    ],
)
def test_an_empty_range_is_an_error(initial: str, condition: str) -> None:
    text = f"MM t\n{{ int x; {initial} }}\nP0 {{ x = 1; }}\nP1 {{ }}\nexists ({condition})\n"
    with pytest.raises(InputError, match=r"the range 1\.\.0 is empty"):
        load_checked(Source("t", text))


# Tests of the kernel's own text need a tree.
LITMUS = [p for p in sorted((ROOT / "litmus").rglob("*.litmus")) if p.parent.name != "kernel"]


@pytest.mark.parametrize("path", LITMUS, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_corpus_says_nothing_in_vain(path: Path) -> None:
    from verifier.syntax import load, read

    assert not [d for test in load(read(path)) for d in test.warnings]


NODES = """struct list_head { struct list_head *next; struct list_head *prev; };
struct foo { struct list_head node; int val; };
"""


@pytest.mark.parametrize(
    ("initial", "code"),
    [
        ("struct list_head *head = &a.node;", "head = NULL;"),
        ("struct list_head *head;", "struct foo *p = &a; head = &p->node;"),
        ("struct foo *head = &a;", "struct list_head *p = (struct list_head *)head; p->next = NULL;"),
        ("struct foo *head = &a;", "r0 = container_of(head->node.next, struct foo, node)->val;"),
        ("struct foo *head = &a;", "r0 = list_first_entry(&head->node, struct foo, node)->val;"),
        ("struct list_head h = { .next = &a };", "list_for_each_entry(p, &h, node) r0 = p->val;"),
        ("struct list_head h = { .next = &a };", "list_for_each_entry_rcu(p, &h, node) r0 = p->val;"),
        ("struct list_head *f = &a;", "llist_for_each_entry(p, f, node) r0 = p->val;"),
        ("struct foo *head = &a;", "kfree_rcu(head, node);"),
    ],
)
def test_what_names_a_field_uses_it(initial: str, code: str) -> None:
    from verifier.syntax import load

    initial = f"{{ struct foo a {{ .node = {{ .next = NULL }} }}; {initial} int x = 1; }}"
    text = f"MM t\n{initial}\n{NODES}P0 {{ struct foo *p = NULL; {code} r1 = p == NULL; }}\nexists (x = 1)\n"
    assert not [d for d in load(Source("t", text))[0].warnings if d.code == "unused-field"]


def test_a_field_that_is_not_the_first_is_not_used_through_the_struct() -> None:
    text = f"""MM t
{{ struct bar b {{ .val = 1, .in = {{ .next = NULL }} }}; void *at = &b; }}
{NODES}struct bar {{ int val; struct list_head in; }};
P0 {{ struct list_head *p = at; p->next = NULL; }}
exists (b.val = 1)
"""
    from verifier.syntax import load

    assert [d.message for d in load(Source("t", text))[0].warnings] == ["nothing uses the field in"]


LOOPS = {
    "while": "while (x != 3) x = x + 1;",
    "do": "do { x = x + 1; } while (x < 3);",
    "for": "for (;;) { if (x) break; }",
    "goto": "again: x = x + 1; if (x < 3) goto again;",
    "list": "list_for_each_entry(p, &h, node) x = 2;",
    "list, RCU": "list_for_each_entry_rcu(p, &h, node) x = 2;",
    "list, safe": "list_for_each_entry_safe(p, q, &h, node) x = 2;",
    "llist": "llist_for_each_entry(p, h.next, node) x = 2;",
    "function": "f();",
    "wait": "wait_event(wq, x == 2);",
    "wait for a variable": "wait_var_event(&x, x == 2);",
}


@pytest.mark.parametrize("kind", LOOPS)
def test_a_loop_of_each_kind_may_be_unrolled(kind: str) -> None:
    from verifier.syntax import load

    initial = "{ struct list_head h; int x; struct wait_queue_head wq; }"
    code = "void f(void) { while (x != 3) x = x + 1; }\n"
    code += f"P0 {{ struct foo *p; struct foo *q; {LOOPS[kind]} }}\n"
    text = f"MM t\n{initial}\n{NODES}unroll 4;\n{code}exists (x = 1)\n"
    assert not [d for d in load(Source("t", text))[0].warnings if "unroll" in d.message]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("void f(void) { int v = x; x = 2; }", "nothing in f() uses the local v"),
        ("void f(void) { int w = x; x = 2; }", ""),
        ("void f(void) { r0 = x; x = r0; }", ""),
        ("int f(void) { r0 = x; return r0; }", ""),
        ("void f(void) { r0 = 1; while (r0) r0 = x; }", ""),
    ],
)
def test_a_local_of_a_function_that_a_condition_seems_to_ask_for(code: str, says: str) -> None:
    text = f"MM t\n{{ int x; }}\n{code}\nP0 {{ int v = 7; f(); x = v; }}\nexists (0:v = 7)\n"
    found = [d for d in warnings(text) if d.code == "unused"]
    assert [d.message for d in found] == ([says] if says else [])
    assert all("v here is f()'s own" in d.hint for d in found)


@pytest.mark.parametrize(
    "initial",
    [
        "page K = 1; mm init_mm { k -> K }; mm N { }; 0:cr3 = N;",
        "page K = 1; table T { k -> K }; mm init_mm { k -> T }; mm N { }; 0:cr3 = N;",
    ],
)
def test_what_the_kernels_space_maps_is_used_by_all(initial: str) -> None:
    text = f"MM t\n{{ {initial} }}\nP0 {{ r0 = %s; }}\nexists (0:r0 = 1)\n"
    assert not warnings(text % "*k")
    assert {d.code for d in warnings(text % "1")} >= {"unused"}
