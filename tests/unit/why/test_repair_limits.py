"""``repair``, and the encoding of many handlers, when the time or the memory is over."""

from __future__ import annotations

import os

import pytest

import verifier.why.repair as room
from verifier import solve
from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.lower.build import build
from verifier.solve import relate_interrupts
from verifier.solve.encoding import Encoding
from verifier.solve.relate_walks import Symbolic
from verifier.source import Source
from verifier.suite.options import Options
from verifier.suite.worker import forks, tell
from verifier.syntax import load
from verifier.syntax.test import Test
from verifier.why.found import Repairs
from verifier.why.judging import effect

SB = """MM sb
{ int x; int y; }
P0 { WRITE_ONCE(x, 1); r0 = READ_ONCE(y); }
P1 { WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""

ICR = """MM icr
{ int data; int got = 9; }
void h(void *unused) { WRITE_ONCE(got, READ_ONCE(data)); }
P0 { WRITE_ONCE(data, 1); apic_icr_write(1, h); }
P1 { }
exists (got = 0)
"""


def loaded(text: str) -> Test:
    (test,) = load(Source("here", text))
    return test


def test_relating_many_handlers_asks_for_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that one interrupt may run are related to each other: where the time ends there, it ends."""
    send = "smp_call_function_single(1, f, NULL, 0);"
    text = (
        f"MM many\n{{ int x; }}\nvoid f(void *i) {{ WRITE_ONCE(x, 3); }}\nP0 {{ {send * 20} }}\n"
        "P1 { r0 = READ_ONCE(x); }\nexists (x = 2)\n"
    )
    batches = relate_interrupts._batches
    ended: list[bool] = []

    def late(e: Encoding, x: Symbolic) -> None:
        e.clauses.budget.deadline = 0
        ended.append(False)
        with pytest.raises(LimitError):
            batches(e, x)
        ended[-1] = True
        raise LimitError("it has ended")

    monkeypatch.setattr(relate_interrupts, "_batches", late)
    answer = solve.decide(build(loaded(text)), budget=Budget(60))
    assert ended == [True] and answer.reason == "it has ended"


def test_an_edit_that_is_too_large_does_not_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are tried, and the reason names it."""
    asked: list[str] = []

    def limited(test: Test, *rest: object) -> object:
        asked.append(test.id)
        if len(asked) == 1:
            raise LimitError("memory: more than there is")
        return effect(test, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(room, "effect", limited)
    found = room.repair(loaded(ICR), Options())
    assert len(asked) > 1
    assert "memory: more than there is" in found.reason and not found.complete


@pytest.mark.skipif(not forks(), reason="needs processes")
def test_who_is_stopped_says_what_was_tried_last(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> Repairs:
        tell("insertions of cost 3")
        tell("edit of cost 5, 2 of 7")
        os._exit(9)

    monkeypatch.setattr(room, "repair", stopped)
    heard: list[str] = []
    for hear in (None, heard.append):
        found = room.repair_alone(loaded(SB), Options(), hear=hear)
        assert found.status == "unknown"
        assert found.reason.endswith("; the last that was tried: edit of cost 5, 2 of 7")
    assert heard[-1] == "edit of cost 5, 2 of 7"
