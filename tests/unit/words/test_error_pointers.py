"""Pointers that stand for errors, and the sizes of arrays."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong
from verifier.explore import decide as explored
from verifier.lower.build import build
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load

STATE = """MM t
struct foo { int n; int t[5]; struct foo *next; };
{
    struct foo x { .n = 3 };
    struct foo all[3];
    struct foo *good = &x;
    struct foo *none;
    struct foo *bad = ERR_PTR(-12);
    struct foo *other = ERR_PTR(-ENOMEM);
    percpu struct foo own[2];
    int row[4];
    int grid[2][3];
    long error = -5;
    long sum;
}
struct foo *made(int ok) { if (ok) return &x; return ERR_PTR(-EINVAL); }
"""

DOES = {
    "sum = IS_ERR(good);": 0,
    "sum = IS_ERR(none);": 0,
    "sum = IS_ERR(bad);": 1,
    "sum = IS_ERR_OR_NULL(good);": 0,
    "sum = IS_ERR_OR_NULL(none);": 1,
    "sum = IS_ERR_OR_NULL(bad);": 1,
    "sum = PTR_ERR(bad);": -12,
    "sum = PTR_ERR(bad) == -ENOMEM;": 1,
    "sum = PTR_ERR_OR_ZERO(bad);": -12,
    "sum = PTR_ERR_OR_ZERO(good);": 0,
    "sum = ERR_PTR(-12) == bad;": 1,
    "sum = bad == other;": 1,
    "sum = bad == good;": 0,
    "sum = ERR_PTR(error) == ERR_PTR(-EIO);": 1,
    "sum = ERR_PTR(0) == NULL;": 1,
    "void *p = ERR_CAST(bad); sum = PTR_ERR(p);": -12,
    "sum = PTR_ERR(made(0));": -22,
    "sum = made(1)->n;": 3,
    "struct foo *p = made(0); if (IS_ERR(p)) sum = PTR_ERR(p); else sum = p->n;": -22,
    "struct foo *p = READ_ONCE(good); if (!IS_ERR_OR_NULL(p)) sum = p->n;": 3,
    "WRITE_ONCE(good, ERR_PTR(-EAGAIN)); sum = PTR_ERR(READ_ONCE(good));": -11,
    "sum = IS_ERR((void *)-4095L) * 10 + IS_ERR((void *)-4096L);": 10,
    "sum = IS_ERR_VALUE((unsigned long)bad) + 2 * IS_ERR_VALUE(-1) + 4 * IS_ERR_VALUE(-5000);": 3,
    "sum = (unsigned long)bad >= (unsigned long)-MAX_ERRNO;": 1,
    "sum = (unsigned long)good >= (unsigned long)-MAX_ERRNO;": 0,
    "sum = bad == (struct foo *)-12L;": 1,
    "sum = bad == (void *)-12;": 1,
    "sum = good == (void *)-12;": 0,
    "sum = (void *)-12L != bad;": 0,
    "none = (void *)-12; sum = none == bad;": 1,
    "r1 = -12; none = (struct foo *)(long)r1; sum = none == ERR_PTR(-12);": 1,
    "sum = ARRAY_SIZE(all);": 3,
    "sum = ARRAY_SIZE(row);": 4,
    "sum = ARRAY_SIZE(grid) * 10 + ARRAY_SIZE(grid[0]);": 23,
    "sum = ARRAY_SIZE(x.t);": 5,
    "sum = ARRAY_SIZE(good->t);": 5,
    "sum = ARRAY_SIZE(all[1].t);": 5,
    "sum = ARRAY_SIZE(own);": 2,
    "int f[6]; sum = ARRAY_SIZE(f);": 6,
    "sum = ARRAY_END(all) - all;": 3,
    "sum = ARRAY_END(good->t) - good->t;": 5,
    "int f[ARRAY_SIZE(all)]; sum = sizeof(f[0]) * ARRAY_SIZE(f);": 12,
    "struct foo *p; for (p = all; p < all + ARRAY_SIZE(all); p++) sum++;": 3,
    "for (struct foo *p = all; p < ARRAY_END(all); p++) sum++;": 3,
    "for (int i = 0; i < ARRAY_SIZE(row); i++) sum += i;": 6,
}


@pytest.mark.parametrize("code", DOES)
def test_what_it_gives(code: str) -> None:
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == [f"[sum]={DOES[code]};"]


def test_conditions_and_states_name_the_error() -> None:
    code = "r0 = READ_ONCE(bad); x.next = ERR_PTR(-EBUSY);"
    asks = "0:r0 = ERR_PTR(-12) /\\ bad = ERR_PTR(-ENOMEM) /\\ x.next = ERR_PTR(-16)"
    text = f"{STATE}P0 {{ {code} }}\nlocations [other]\nexists ({asks})\n"
    assert holds(text)
    assert states(text) == [
        "0:r0=ERR_PTR(-12); [bad]=ERR_PTR(-12); [other]=ERR_PTR(-12); x.next=ERR_PTR(-16);"
    ]


def test_a_number_that_is_no_address_stays_a_number() -> None:
    text = f"{STATE}P0 {{ r0 = PTR_ERR(bad); r1 = -ENOMEM; }}\nexists (0:r0 = -ENOMEM /\\ 0:r1 = -12)\n"
    assert holds(text)
    assert states(text) == ["0:r0=-12; 0:r1=-12;"]


def test_an_own_constant_comes_first() -> None:
    text = "MM t\nenum { EIO = 7 };\n{ int x; }\nP0 { x = EIO; }\nexists (x = EIO)\n"
    assert states(text) == ["[x]=7;"]


def test_nothing_is_at_an_error() -> None:
    (test,) = load(Source("t", f"{STATE}P0 {{ sum = READ_ONCE(bad)->n; }}\nexists (sum = 1)\n"))
    program = build(test)
    assert decide(program).bad is not None
    assert explored(program).bad is not None


REFUSED = {
    "bad = ERR_PTR(12);": "errors are numbers from -4095 to -1, not 12",
    "bad = ERR_PTR(-4096);": "errors are numbers from -4095 to -1, not -4096",
    "bad = ERR_PTR(good);": "ERR_PTR takes a number",
    "bad = ERR_PTR();": "ERR_PTR takes 1 argument, not 0",
    "sum = ARRAY_SIZE(good);": "ARRAY_SIZE takes an array, and good is none",
    "sum = ARRAY_SIZE(&all[0]);": "ARRAY_SIZE takes an array, and &all[0] is none",
    "sum = ARRAY_SIZE(x.n);": "ARRAY_SIZE takes an array, and x.n is none",
    "sum = ARRAY_SIZE(x);": "ARRAY_SIZE takes an array, and x is none",
    "sum = ARRAY_SIZE(all[0].q);": "struct foo has no field 'q'",
    "sum = ARRAY_END(good) == good;": "ARRAY_END takes an array, and good is none",
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_refused(code: str) -> None:
    found = wrong(f"{STATE}P0 {{ {code} }}\nexists (sum = 1)\n")
    assert any(REFUSED[code] in d.message for d in found), [d.message for d in found]


@pytest.mark.parametrize(
    ("value", "says"),
    [("ERR_PTR(5)", "errors are numbers"), ("ERR_PTR()", "takes one number"), ("ERR_PTR(&x)", "a number is")],
)
def test_what_no_pointer_begins_with(value: str, says: str) -> None:
    found = wrong(STATE.replace("ERR_PTR(-12)", value) + "P0 { }\nexists (sum = 1)\n")
    assert any(says in d.message for d in found), [d.message for d in found]
