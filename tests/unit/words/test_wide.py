"""Integers of 128 bits: what is refused, and what C makes of their values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.texts import warned, wrong

HEAD = """MM t
union two { struct { u64 low; u64 high_word; }; u128 full; };
struct s { u64 a; u64 b; u128 w; };
{ union two u; struct s s; u128 x; u128 y; y.high = 1; u64 q; percpu u128 p; u128 row[2] = {1, 2};
  s128 n = -1; }
"""


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("r0 = READ_ONCE(x);", "READ_ONCE of u128: no plain instruction reads or writes 128 bits at once"),
        ("WRITE_ONCE(u.full, 1);", "WRITE_ONCE of u128"),
        ("r0 = xchg(&x, 1);", "xchg of u128"),
        ("r0 = cmpxchg(&x, 0, 1);", "cmpxchg of u128"),
        ("r0 = this_cpu_read(p);", "this_cpu_read of u128"),
        ("r0 = smp_load_acquire(&row[1]);", "smp_load_acquire of u128"),
        ("r0 = cmpxchg128(&q, 0, 1);", "cmpxchg128 takes the address of a u128 here, not u64"),
        ("r0 = cmpxchg128(&s, 0, 1);", "declare it u128; of two words in a struct, write cmpxchg_double("),
        ("r0 = cmpxchg128(&p, 0, 1);", "per-CPU"),
        ("r0 = this_cpu_cmpxchg128(x, 0, 1);", "x is not a per-CPU object"),
        ("r0 = try_cmpxchg128(&x, 0, 1);", "takes the address of the old value"),
        ("r0 = cmpxchg_double(&u.high_word, &u.low, 0, 0, 1, 1);", "are not two words"),
        ("r0 = cmpxchg_double(&s.a, &u.low, 0, 0, 1, 1);", "two fields of one struct"),
    ],
)
def test_what_is_refused(statement: str, says: str) -> None:
    found = wrong(f"{HEAD}P0 {{ {statement} }}\nexists (q = 1)\n")
    assert any(says in f"{d.message} {d.hint}" for d in found)


def test_a_half_has_one_initial_value() -> None:
    text = "MM t\nunion two { struct { u64 a; u64 b; }; u128 c; };\n{ union two u = { .b = 1, .c = 2 }; }\n"
    assert any("two initial values" in d.message for d in wrong(f"{text}P0 {{ }}\nexists (u.a = 1)\n"))


@pytest.mark.parametrize(
    ("code", "asks"),
    [
        ("r0 = x == 0 && y == (u128)1 << 64;", "0:r0 = 1"),
        ("r0 = y >> 64;", "0:r0 = 1"),
        ("r0 = (u64)(y - 1);", "0:r0 = 0xffffffffffffffff"),
        ("x = y * 3 + 7;", "x = (3 << 64) + 7 /\\ x.high = 3"),
        ("x = y + y;", "x.high = 2"),
        ("r0 = n < 0; n = n >> 100;", "0:r0 = 1 /\\ n = -1"),
        ("row[1] = row[0] << 127; row[0] = 9;", "row[1] = (1 << 127) /\\ row[0] = 9"),
        ("u.full = y + 5;", "u.low = 5 /\\ u.high_word = 1"),
        ("WRITE_ONCE(u.high_word, 2);", "u.full = 2 << 64"),
        ("s.w = 4; s.a = 1;", "s.w = 4 /\\ s.a = 1 /\\ s.b = 0"),
        ("r0 = cmpxchg_double(&u.low, &u.high_word, 0, 0, 1, 2);", "0:r0 = 1 /\\ u.full = (2 << 64) + 1"),
        ("u128 o = 0; r0 = try_cmpxchg128(&y, &o, 3); r1 = o >> 64;", "0:r0 = 0 /\\ 0:r1 = 1"),
        ("this_cpu_cmpxchg128(p, 0, y);", "0:p = 1 << 64"),
        ("struct s t; t.w = y; s = t;", "s.w = 1 << 64"),
        ("kfree(&s);", "s.w.high = 0x6b6b6b6b6b6b6b6b /\\ s.b = 0x6b6b6b6b6b6b6b6b"),
    ],
)
def test_values(capsys: pytest.CaptureFixture[str], tmp_path: Path, code: str, asks: str) -> None:
    text = f"{HEAD}P0 {{ {code} }}\nexpect always;\nexists ({asks})\n"
    warned(capsys, tmp_path, text, "--judge", "both")
