"""Locals that are read before they have a value, and functions that end without one, get a warning."""

from __future__ import annotations

import pytest

from verifier.lower.build import build
from verifier.source import Source
from verifier.suite.load import load_checked

TEXT = """MM t
{{ int x; int y; spinlock_t l; }}
void put(int *p) {{ *p = 1; }}
int twice(int n) {{ return n + n; }}
{functions}
P0 {{ int a; unsigned long flags; int i; {code} y = 1; }}
exists (y = 1)
"""


def said(code: str, functions: str = "") -> list[tuple[str, str]]:
    """The warnings about values: what they are about, and the place."""
    (test,) = load_checked(Source("t.litmus", TEXT.format(code=code, functions=functions)))
    return [
        (w.message.split()[0], w.span.text)
        for w in build(test).world.warnings
        if w.code == "unset" and w.span
    ]


@pytest.mark.parametrize(
    "code",
    [
        "if (a) x = 1;",
        "x = a + 1;",
        "a += 1;",
        "a++;",
        "WRITE_ONCE(x, a);",
        "x = twice(a);",
        "while (x) { x = a; }",
        "for (i = 0; i < 2; i++) x = a;",
        "if (x) { int b; x = b; a = 1; }",
        "x = a ? 1 : 2;",
    ],
)
def test_a_local_without_a_value(code: str) -> None:
    (found,) = said(code)
    assert found[0] == found[1] and found[0] in ("a", "b")


@pytest.mark.parametrize(
    "code",
    [
        "a = 1; x = a;",
        "put(&a); x = a;",
        "if (x) a = 1; if (x) x = a;",
        "spin_lock_irqsave(&l, flags); spin_unlock_irqrestore(&l, flags);",
        "local_irq_save(flags); local_irq_restore(flags);",
        "while (x) { if (y) x = a; a = 1; }",
        "for (i = 0; i < 2; i++) x = i;",
        "if (x) goto last; x = a; last: ;",
        "x = sizeof(a);",
        "int cpu; for_each_online_cpu(cpu) x = cpu;",
    ],
)
def test_a_local_that_some_line_may_have_set(code: str) -> None:
    assert said(code) == []


@pytest.mark.parametrize(
    ("body", "ends"),
    [
        ("if (n) return 1;", True),
        ("if (n) return 1; x = n;", True),
        ("while (1) { if (n) return 1; if (x) break; }", True),
        ("while (1) { if (n) return 1; }", False),
        ("if (n) return 1; else return 2;", False),
        ("if (n) { return 1; } return 2;", False),
        ("{ return n; }", False),
        ("if (n) return 1; BUG_ON(1);", False),
    ],
)
def test_a_function_that_ends_without_a_value(body: str, ends: bool) -> None:
    functions = f"int f(int n) {{ {body} }}"
    assert said("x = f(x);", functions) == ([("f()", "}")] if ends else [])
    assert said("f(x);", functions) == []
