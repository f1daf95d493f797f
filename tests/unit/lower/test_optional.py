"""The parts of a test that can be left out: readers and grace periods, each of its own domain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from verifier import explore, solve
from verifier.budget import Budget
from verifier.lower.build import lower, unrolled
from verifier.lower.code import Lowered
from verifier.lower.optional import OptionalPart, optional
from verifier.source import Source
from verifier.syntax import load
from verifier.syntax.test import Test

HEAD = "MM parts\n{ struct srcu_struct s; struct srcu_struct t; struct rcu_head head; int x; int y; }\n"
TAIL = "exists (1:r0 = 0 /\\ 1:r1 = 1)\n"
FUNCTION = "void wait_for(struct srcu_struct *d) { synchronize_srcu(d); }\n"
CALLBACK = "void free(struct rcu_head *h) { WRITE_ONCE(x, 1); }\n"


def parts(code: str, more: str = "") -> tuple[Test, Lowered, list[OptionalPart]]:
    (test,) = load(Source("parts", HEAD + more + code + TAIL))
    return test, *optional(lower(test, Budget()))


def answers(test: Test, code: Lowered) -> set[bool | None]:
    program = unrolled(test, code)
    return {judge.decide(program, witnesses=False).reachable for judge in (solve, explore)}


def without(code: Lowered, part: OptionalPart) -> Lowered:
    return replace(code, options={**dict.fromkeys(code.options, 1), part.name: 0})


WAITS = "P0 {{ WRITE_ONCE(y, 1); {0} WRITE_ONCE(x, 1); }}\n"
READS = "P1 {{ int i; {0} r1 = READ_ONCE(x); r0 = READ_ONCE(y); {1} }}\n"
BOTH = READS.format("i = srcu_read_lock(&s); rcu_read_lock();", "rcu_read_unlock(); srcu_read_unlock(&s, i);")


@pytest.mark.parametrize(
    ("waits", "more", "readers"),
    [
        ("synchronize_rcu();", "", ["rcu_read_lock()"]),
        ("synchronize_srcu(&s);", "", ["i = srcu_read_lock(&s)"]),
        ("synchronize_srcu(&t);", "", []),
        ("wait_for(&s);", FUNCTION, ["i = srcu_read_lock(&s)"]),
        ("wait_for(&t);", FUNCTION, []),
        ("call_rcu(&head, free);", CALLBACK, ["rcu_read_lock()"]),
        ("call_srcu(&s, &head, free);", CALLBACK, ["i = srcu_read_lock(&s)"]),
        ("call_srcu(&t, &head, free);", CALLBACK, []),
        ("rcu_barrier(); srcu_barrier(&s);", "", []),
    ],
)  # fmt: skip
def test_readers_are_parts_where_a_grace_period_waits_for_them(
    waits: str, more: str, readers: list[str]
) -> None:
    _, _, found = parts(WAITS.format(waits) + BOTH, more)
    assert [p.text for p in found if p.kind == "reader"] == readers


READERS = {
    "plain": ("i = srcu_read_lock_fast(&s);", "srcu_read_unlock_fast(&s, i);"),
    "fenced": ("i = srcu_read_lock(&s);", "srcu_read_unlock(&s, i);"),
    "one end of two": (
        "i = srcu_read_lock_fast(&s);",
        "if (r0) srcu_read_unlock_fast(&s, i); else srcu_read_unlock_fast(&s, i);",
    ),
    "up": ("i = srcu_down_read(&s);", "srcu_up_read(&s, i);"),
    "nested": (
        "int j = srcu_read_lock_fast(&t); i = srcu_read_lock_fast(&s);",
        "srcu_read_unlock_fast(&t, j); srcu_read_unlock_fast(&s, i);",
    ),
}
EDITED = {
    "plain": ("", ""),
    "fenced": ("smp_mb();", "smp_mb();"),
    "one end of two": ("", ""),
    "up": ("smp_mb();", "smp_mb();"),
    "nested": ("int j = srcu_read_lock_fast(&t);", "srcu_read_unlock_fast(&t, j);"),
}
# The item is taken first, the link is read behind it: with the reader around both never, without it so.
BACKWARDS = "P1 {{ int i; {0} r0 = READ_ONCE(y); r1 = READ_ONCE(x); {1} }}\n"


@pytest.mark.parametrize("name", READERS)
def test_a_reader_that_is_left_out_is_as_if_it_were_not_written(name: str) -> None:
    waits = WAITS.format("synchronize_srcu(&s);")
    test, code, found = parts(waits + BACKWARDS.format(*READERS[name]))
    (reader,) = (p for p in found if p.kind == "reader")
    edited, by_hand, _ = parts(waits + BACKWARDS.format(*EDITED[name]))
    every = replace(code, options=dict.fromkeys(code.options, 1))
    assert answers(test, every) == {False}
    plain = replace(by_hand, options=dict.fromkeys(by_hand.options, 1))
    assert answers(test, without(code, reader)) == answers(edited, plain) == {True}


OVERLAP = "P0 { WRITE_ONCE(y, 1); synchronize_srcu(&s); synchronize_srcu(&t); WRITE_ONCE(x, 1); }\n"


def test_two_grace_periods_are_two_parts() -> None:
    """One word has both ends of a grace period, so two in one body never overlap; on two CPUs they may."""
    second = "P2 { synchronize_srcu(&s); }\n"
    read = BACKWARDS.format(*READERS["plain"])
    test, code, found = parts(OVERLAP + read + second)
    periods = [p for p in found if p.kind == "grace period"]
    assert [(p.text, sorted(p.cpus)) for p in periods] == [
        ("synchronize_srcu(&s)", [0]), ("synchronize_srcu(&t)", [0]), ("synchronize_srcu(&s)", [2])
    ]  # fmt: skip
    assert [answers(test, without(code, p)) for p in periods] == [{True}, {False}, {False}]
    for code_ in (code, *(without(code, p) for p in periods)):
        for start, end in unrolled(test, code_).grace_periods():
            assert end.kind == "end" and start.span == end.span and start.domain == end.domain
