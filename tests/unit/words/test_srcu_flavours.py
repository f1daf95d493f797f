"""The flavours of SRCU readers: which have a fence, and who may end a section."""

from __future__ import annotations

import pytest

from tests.judges import states

PAIRS = {
    ("srcu_read_lock", "srcu_read_unlock"): False,
    ("srcu_down_read", "srcu_up_read"): False,
    ("srcu_read_lock_fast", "srcu_read_unlock_fast"): True,
    ("srcu_read_lock_fast_notrace", "srcu_read_unlock_fast_notrace"): True,
    ("srcu_read_lock_fast_updown", "srcu_read_unlock_fast_updown"): True,
    ("srcu_down_read_fast", "srcu_up_read_fast"): True,
}


@pytest.mark.parametrize("pair", PAIRS)
def test_which_readers_have_no_fence(pair: tuple[str, str]) -> None:
    begin, end = pair
    text = f"""MM t
{{ int x; int y; struct srcu_struct s; }}
P0 {{ WRITE_ONCE(x, 1); int i = {begin}(&s); r0 = READ_ONCE(y); {end}(&s, i); }}
P1 {{ WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
    assert ("0:r0=0; 1:r0=0;" in states(text)) == PAIRS[pair]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_grace_period_waits_for_every_reader(pair: tuple[str, str]) -> None:
    begin, end = pair
    text = f"""MM t
{{ int x; int y; struct srcu_struct s; }}
P0 {{ int i = {begin}(&s); r0 = READ_ONCE(x); r1 = READ_ONCE(y); {end}(&s, i); }}
P1 {{ WRITE_ONCE(y, 1); synchronize_srcu(&s); WRITE_ONCE(x, 1); }}
exists (0:r0 = 1 /\\ 0:r1 = 0)
"""
    assert "0:r0=1; 0:r1=0;" not in states(text)


@pytest.mark.parametrize("suffix", ["", "_fast"])
def test_another_cpu_ends_a_section_that_went_down(suffix: str) -> None:
    begin, end = f"srcu_down_read{suffix}", f"srcu_up_read{suffix}"
    text = f"""MM t
{{ int x; int y; int idx; struct srcu_struct s; }}
P0 {{ idx = {begin}(&s); r0 = READ_ONCE(y); smp_call_function_single(1, f, NULL, 0); }}
void f(void *info) {{ {end}(&s, READ_ONCE(idx)); }}
P1 {{ }}
P2 {{ WRITE_ONCE(x, 1); synchronize_srcu(&s); WRITE_ONCE(y, 1); }}
exists (0:r0 = 1)
"""
    assert states(text) == ["0:r0=0;", "0:r0=1;"]


@pytest.mark.parametrize(("name", "may"), [("srcu", False), ("srcu_fast", True), ("srcu_fast_notrace", True)])
def test_guards_of_srcu_are_these_readers(name: str, may: bool) -> None:
    text = f"""MM t
{{ int x; int y; struct srcu_struct s; }}
P0 {{ WRITE_ONCE(x, 1); scoped_guard({name}, &s) {{ r0 = READ_ONCE(y); }} }}
P1 {{ WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
    assert ("0:r0=0; 1:r0=0;" in states(text)) == may
