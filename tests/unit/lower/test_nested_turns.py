"""Turns that look only where an earlier look says so: nested ``if``s need no bound, as ``&&`` needs none."""

from __future__ import annotations

import pytest

from verifier.explore import decide as explored
from verifier.lower.build import build
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load

LOOPS = [
    "for (;;) { if (READ_ONCE(x) && xchg(&x, 0)) break; }",
    "for (;;) { if (READ_ONCE(x)) { if (xchg(&x, 0)) break; } }",
    "for (;;) { if (READ_ONCE(x)) { int n = xchg(&x, 0); if (n) break; } }",
    "for (;;) { if (READ_ONCE(x)) { r1 = xchg(&x, 0); if (r1) break; } }",
    "for (;;) { if (!READ_ONCE(x)) continue; if (xchg(&x, 0)) break; }",
    "for (;;) { if (!READ_ONCE(x)) { cpu_relax(); } else if (xchg(&x, 0)) break; }",
    "for (;;) { if (READ_ONCE(x)) { if (READ_ONCE(y) != 1) { if (xchg(&x, 0)) break; } } }",
    "for (;;) { if (READ_ONCE(x)) { if (cmpxchg(&x, 5, 0) == 5) break; } }",
    "for (;;) { if (READ_ONCE(x) == 5) { if (atomic_cmpxchg(&c, 0, 1) == 0) break; } }",
    "do { r1 = 0; if (READ_ONCE(x)) r1 = xchg(&x, 0); } while (!r1);",
    "while (1) { if (READ_ONCE(x) || READ_ONCE(y)) { if (xchg(&x, 0)) break; } }",
]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_with_a_look_inside_a_look_needs_no_bound(loop: str) -> None:
    text = f"""MM t
{{ int x; int y; atomic_t c; }}
P0 {{ {loop} r0 = 1; }}
P1 {{ WRITE_ONCE(x, 5); }}
exists (0:r0 = 0)
"""
    (test,) = load(Source("t", text))
    program = build(test)
    for answer in (decide(program, witnesses=False), explored(program, witnesses=False)):
        assert (answer.cut, answer.reachable, answer.refutable, answer.hangs) == (False, False, True, False)


@pytest.mark.parametrize(
    "loop",
    [
        "for (;;) { if (READ_ONCE(x)) { if (atomic_inc_return(&c) > 9) break; } }",  # a turn may store
        "for (;;) { if (READ_ONCE(x)) { if (xchg(&x, r1++) == 5) break; } }",
        "for (;;) { if (READ_ONCE(x)) { if (atomic_xchg(&c, 3) == 2) break; atomic_set(&c, 1); } }",
    ],
)
def test_a_turn_that_may_store_is_followed(loop: str) -> None:
    text = f"""MM t
{{ int x; int y; atomic_t c; }}
P0 {{ {loop} r0 = 1; }}
P1 {{ WRITE_ONCE(x, 4); WRITE_ONCE(x, 5); }}
exists (0:r0 = 0)
"""
    (test,) = load(Source("t", text))
    program = build(test)
    assert decide(program, witnesses=False).cut
    assert explored(program, witnesses=False).cut


@pytest.mark.parametrize(
    "code",
    [
        "int old = refcount_read(&n); do { if (!old) break; }"
        " while (!atomic_try_cmpxchg(&n, &old, old + 1));",
        "unsigned int old = atomic_read(&c);"
        " do { if (old == 9) break; } while (!atomic_try_cmpxchg(&c, &old, old + 1));",
        "long old = READ_ONCE(x); do { if (old == 9) break; } while (!try_cmpxchg(&x, &old, old + 1));",
        "int *p = &x; int old = *p; do { if (old == 9) break; } while (!try_cmpxchg(p, &old, old + 1));",
        "u64 *p = (u64 *)&w; u64 old = *p;"
        " do { if (old & 1) break; } while (!try_cmpxchg(p, &old, old | 1));",
    ],
)
def test_a_look_that_is_converted_is_renewed_as_it_was(code: str) -> None:
    text = f"""MM t
{{ int x; atomic_t c; refcount_t n = 1; int *w = &x; }}
P0 {{ {code} r0 = 1; }}
P1 {{ WRITE_ONCE(x, 5); atomic_inc(&c); xchg(&x, 9); refcount_inc(&n); }}
exists (0:r0 = 0)
"""
    (test,) = load(Source("t", text))
    program = build(test)
    for answer in (decide(program, witnesses=False), explored(program, witnesses=False)):
        assert (answer.cut, answer.reachable, answer.refutable) == (False, False, True)
