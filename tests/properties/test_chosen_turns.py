"""Turns that store only where a loop is left need no bound (MMR 20.4), in whatever words this is written:
``&&``, ``||``, ``?:``, a local that one of two paths sets. What they do is what they do turn by turn."""

from __future__ import annotations

from itertools import product

import pytest

from tests.properties.test_waiting import check_text
from verifier import explore, solve
from verifier.lower.build import build
from verifier.source import Source
from verifier.syntax import load

# What a turn does where the loop is left, and only there.
LAST = {
    "nested if": "if (!busy) { if (READ_ONCE(p)) WRITE_ONCE(p, 0); }",
    "&&": "if (!busy && READ_ONCE(p)) WRITE_ONCE(p, 0);",
    "&& twice": "if (!busy && READ_ONCE(p) && READ_ONCE(q)) WRITE_ONCE(p, 0);",
    "&&, the load first": "if (READ_ONCE(p) && !busy) WRITE_ONCE(p, 0);",
    "||": "if (busy || !READ_ONCE(p)) cpu_relax(); else WRITE_ONCE(p, 0);",
    "not ||": "if (!(busy || !READ_ONCE(p))) WRITE_ONCE(p, 0);",
    "?:": "if (busy ? 0 : READ_ONCE(p)) WRITE_ONCE(p, 0);",
    "bits": "if (!busy & READ_ONCE(p)) WRITE_ONCE(p, 0);",
    "a local": "f = 0; if (!busy) f = READ_ONCE(p); if (f) WRITE_ONCE(p, 0);",
    "a local, ==": "f = 0; if (!busy) f = READ_ONCE(p); if (f == 1) WRITE_ONCE(p, 0);",
    "a local, >": "f = 0; if (!busy) f = READ_ONCE(p); if (f > 0) WRITE_ONCE(p, 0);",
    "a local of &&": "f = !busy && READ_ONCE(p); if (f) WRITE_ONCE(p, 0);",
    "a local of ?:": "f = busy ? 2 : READ_ONCE(p); if (f == 1) WRITE_ONCE(p, 0);",
    "a small local": "u8 g = 0; if (!busy) g = READ_ONCE(p); if (g) WRITE_ONCE(p, 0);",
    "a bool": "bool g = busy || !READ_ONCE(p); if (!g) WRITE_ONCE(p, 0);",
    "a bit of a local": "f = 4; if (!busy) f |= READ_ONCE(p); if (f & 1) WRITE_ONCE(p, 0);",
    "switch": "f = 7; if (!busy) f = READ_ONCE(p) ? 1 : 3; switch (f) { case 1: WRITE_ONCE(p, 0); break; }",
    "a pointer": "int *w = NULL; if (!busy) w = &p; if (w) WRITE_ONCE(*w, 0);",
    "an exchange": "if (!busy && READ_ONCE(p)) r8 = xchg(&p, 0);",
    "an exchange that may fail": "if (!busy && cmpxchg(&p, 1, 0) == 1) WRITE_ONCE(q, 2);",
    "a function": "if (!busy && take()) WRITE_ONCE(q, 2);",
    "a lock": "if (!busy && READ_ONCE(p)) { spin_lock(&l); WRITE_ONCE(p, 0); spin_unlock(&l); }",
    "a local that stays": "if (!busy && READ_ONCE(p)) found = 3;",
    "a sum": "if (!busy && READ_ONCE(p)) found++;",
    "a call": "if (!busy && READ_ONCE(p)) smp_call_function_single(1, h, NULL, 1);",
    "what another part has read": "if (state == 2 && READ_ONCE(p)) WRITE_ONCE(p, 0);",
}
# How a turn says that the loop goes on, in front of what it does last and behind.
AGAIN = (
    ("busy = READ_ONCE(r);", "", "busy"),
    ("busy = READ_ONCE(r);", "", "busy != 0"),
    ("busy = READ_ONCE(r);", "", "busy == 1"),
    ("busy = READ_ONCE(r);", "", "busy > 0"),
    ("busy = READ_ONCE(r);", "", "busy >= 1"),
    ("busy = READ_ONCE(r) == 1;", "", "busy"),
    ("busy = READ_ONCE(r);", "", "busy && !READ_ONCE(q)"),
    ("busy = READ_ONCE(r);", "again = 0; if (busy) again = 1;", "again"),
    ("busy = READ_ONCE(r);", "again = busy ? 3 : 4;", "again == 3"),
    ("busy = READ_ONCE(r) || READ_ONCE(q);", "", "busy"),
    ("busy = READ_ONCE(r) ? 1 : READ_ONCE(q);", "", "busy"),
    ("spin_lock(&l); busy = r; spin_unlock(&l);", "", "busy"),
)


def program(last: str, again: tuple[str, str, str]) -> str:
    """A program with such a loop, and another CPU that lets it be left."""
    before, after, condition = again
    return f"""MM t
{{ int p = 1; int q; int r = 1; int obj; spinlock_t l; }}
void h(void *i) {{ WRITE_ONCE(p, 5); }}
int take(void) {{ if (READ_ONCE(q)) return 0; WRITE_ONCE(p, 0); return 1; }}
P0 {{
    int busy; int f; int again; int state; int found = READ_ONCE(q);
    do {{ {before} state = busy ? 1 : 2; {last} {after} }} while ({condition});
    WRITE_ONCE(obj, 6 + found);
}}
P1 {{ WRITE_ONCE(p, 3); spin_lock(&l); r = 0; spin_unlock(&l); }}
locations [p; q; r; obj;]
exists (obj = 9)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("last", "again"), [*product(LAST, AGAIN)])
def test_what_a_turn_does_last_needs_no_bound(last: str, again: tuple[str, str, str]) -> None:
    text = program(LAST[last], again)
    (test,) = load(Source("t", text))
    exact = build(test)
    assert not exact.cuts
    turned = explore.decide(build(test, 3, exact=False), want_states=True, witnesses=False)
    assert turned.states == solve.decide(exact, want_states=True, witnesses=False).states
    assert check_text(text, "generic") is False


STORES = "if (!busy && READ_ONCE(p)) WRITE_ONCE(p, 0);"
# What a turn that goes back does, and others can tell; and the condition of its loop.
EACH = {
    "it stores": ("WRITE_ONCE(p, 0);", "busy"),
    "it stores where a local is set": ("f = 0; if (busy) f = READ_ONCE(p); if (f) WRITE_ONCE(p, 0);", "busy"),
    "it stores where one of two holds": ("if (busy || READ_ONCE(p)) WRITE_ONCE(p, 0);", "busy"),
    "it goes on for another reason": (STORES, "busy || !READ_ONCE(q)"),
    "another value": ("if (busy == 5 && READ_ONCE(p)) WRITE_ONCE(p, 0);", "busy"),
    "a local that stays": ("if (READ_ONCE(p)) found = 3;", "busy"),
    "a sum": ("found += busy || READ_ONCE(p);", "busy"),
    "a call": ("if (READ_ONCE(p)) smp_call_function_single(1, h, NULL, 1);", "busy"),
}  # fmt: skip


@pytest.mark.parametrize("name", EACH)
def test_what_each_turn_does_needs_a_bound(name: str) -> None:
    last, condition = EACH[name]
    (test,) = load(Source("t", program(last, ("busy = READ_ONCE(r);", "", condition))))
    assert build(test).cuts
