"""Words of one instruction without LOCK, of two words at once, and of polls: what they refuse."""

from __future__ import annotations

import pytest

from tests.texts import wrong

HEAD = "struct two { u64 a; u64 b; u64 c; };\n{ struct two s; struct two o; int x; u64 w; percpu u64 p; }\n"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("r0 = cmpxchg_double(&s.a, &o.b, 0, 0, 1, 1);", "two fields of one struct"),
        ("r0 = cmpxchg_double(&s.a, &w, 0, 0, 1, 1);", "two fields of one struct"),
        ("r0 = cmpxchg_double(&s.b, &s.c, 0, 0, 1, 1);", "b and c are not two words"),
        ("r0 = cmpxchg_double(&s.b, &s.a, 0, 0, 1, 1);", "b and a are not two words"),
        ("r0 = cmpxchg_double(&s.a, &s.d, 0, 0, 1, 1);", "no field 'd'"),
        ("r0 = cmpxchg128(&s, 0, 1);", "write cmpxchg_double("),
        (
            "int v; r0 = read_poll_timeout(atomic_inc_return, v, v, 0, 9, 0, &x);",
            "atomic_inc_return may only read",
        ),
        ("int v; r0 = read_poll_timeout(nothing, v, v, 0, 9, 0, x);", "the name of a function or a word"),
        ("int v; r0 = read_poll_timeout(READ_ONCE, x, x, 0, 9, 0, x);", "takes a register here"),
        ("int v; r0 = read_poll_timeout(READ_ONCE, v, v, 0, 9);", "takes 6 or 7 arguments, not 5"),
        ("r0 = local_add_return(1, p);", "not an object write &p"),
        ("r0 = this_cpu_try_cmpxchg(p, 0, 1);", "the address of the old value"),
    ],
)
def test_what_is_refused(statement: str, says: str) -> None:
    found = wrong(f"MM t\n{HEAD}P0 {{ {statement} }}\nexists (x = 1 /\\ w = 1)\n")
    assert any(says in f"{d.message} {d.hint}" for d in found)
