"""``bit_spin_lock()`` against its definition in linux/bit_spinlock.h, written out: all states, and all places
in which CPUs wait for ever."""

from __future__ import annotations

import pytest

from tests.properties.test_waiting import check_text
from verifier import explore
from verifier.lower.build import build
from verifier.program.answer import Answer
from verifier.source import Source
from verifier.syntax import load

WRITTEN_OUT = """preempt_disable();
while (test_and_set_bit_lock(0, &b)) {
    preempt_enable();
    do { cpu_relax(); } while (test_bit(0, &b));
    preempt_disable();
}"""
STATE = "{ unsigned long b; unsigned long c = 1; int x; int y; struct rcu_head h; }"
PROGRAMS = {
    "the holder waits for readers": "P0 { bit_spin_lock(0, &b); x = 1; preempt_enable(); synchronize_rcu(); "
    "clear_bit_unlock(0, &b); }\nP1 { LOCK y = x; bit_spin_unlock(0, &b); }",
    "a callback gives it back": "void cb(struct rcu_head *p) { clear_bit_unlock(0, &b); }\n"
    "P0 { __set_bit(0, &b); call_rcu(&h, cb); LOCK x = 1; bit_spin_unlock(0, &b); }\nP1 { y = 1; }",
    "who sees it taken waits for the holder": "P0 { LOCK x = READ_ONCE(y); bit_spin_unlock(0, &b); }\n"
    "P1 { if (test_bit(0, &b)) { synchronize_rcu(); WRITE_ONCE(y, 1); } }",
    "two of three get it": "P0 { LOCK x = x + 1; bit_spin_unlock(0, &b); }\n"
    "P1 { LOCK x = x + 2; bit_spin_unlock(0, &b); }\nP2 { synchronize_rcu(); y = READ_ONCE(x); }",
    "in a reader": "P0 { rcu_read_lock(); LOCK bit_spin_unlock(0, &b); rcu_read_unlock(); }\n"
    "P1 { bit_spin_lock(0, &b); preempt_enable(); synchronize_rcu(); x = 1; clear_bit_unlock(0, &b); }",
    "in a handler": "void h1(void *i) { LOCK y = 1; bit_spin_unlock(0, &b); }\n"
    "P0 { bit_spin_lock(0, &b); x = 1; bit_spin_unlock(0, &b); synchronize_rcu(); }\n"
    "P1 { smp_call_function_single(0, h1, NULL, 0); }",
    "it is never given back": "P0 { LOCK x = 1; }\nP1 { LOCK y = 1; }\nP2 { synchronize_rcu(); }",
}


def found(text: str) -> Answer:
    """What the explorer finds; Z3 has to agree."""
    check_text(text, "generic")
    (test,) = load(Source("t", text))
    program = build(test)
    assert not program.cuts
    return explore.decide(program, want_states=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_word_is_its_definition(name: str) -> None:
    text = f"MM t\n{STATE}\n{PROGRAMS[name]}\nlocations [b; x; y;]\nexists (hang)\n"
    word, written = (found(text.replace("LOCK", lock)) for lock in ("bit_spin_lock(0, &b);", WRITTEN_OUT))
    assert word.states is not None and word.states == written.states
    assert word.rests is not None and word.rests == written.rests
