"""A story tells every step of its run, and no step that the run does not need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import verifier
from verifier.budget import Budget
from verifier.errors import InternalError
from verifier.execution import Execution
from verifier.program.trace import Step, Trace
from verifier.solve import queries
from verifier.source import Source
from verifier.storyline import _Teller, trace
from verifier.syntax import load

ROOT = Path(__file__).resolve().parents[2]

FENCED = """X86 stores-and-sfence
{ x=0; y=0; z=0; }
P0          | P1          ;
MOV [x],$1  | MOV [y],$1  ;
SFENCE      | SFENCE      ;
MOV EAX,[y] | MOV EAX,[x] ;
MOVNTI [z],EAX |          ;
exists (0:EAX=0 /\\ 1:EAX=0)
"""
AHEAD = """MM sent-ahead
{ int y; }
void f(void *info) { WRITE_ONCE(y, 5); }
P0 { r1 = xchg(&y, 1); apic_icr_write(1, f); }
P1 { }
exists (0:r1 = 5)
"""


def told(text: str, judge: str = "z3") -> tuple[Step, ...]:
    (test,) = load(Source("t", text))
    witness = verifier.check(test, judge=judge).witness
    assert witness is not None
    return witness.steps


def test_loads_pass_a_store_fence() -> None:
    steps = told(FENCED)
    texts = [s.event.text for s in steps if s.event is not None and s.kind == "exec"]
    assert sorted(texts) == sorted(
        ["MOV [x],$1", "SFENCE", "MOV EAX,[y]", "MOVNTI [z],EAX", "MOV [y],$1", "SFENCE", "MOV EAX,[x]"]
    )


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_a_bare_icr_write_may_be_ahead_of_its_place(judge: str) -> None:
    steps = told(AHEAD, judge)
    assert steps[0].event is not None and steps[0].event.op == "SEND"
    assert (steps[0].note, steps[0].rule) == ("ahead of its place", "8.2")
    assert any(s.event is not None and s.event.op == "X" and s.reads == (("y", 5),) for s in steps)


def test_what_needs_not_be_early_is_not() -> None:
    steps = told(AHEAD.replace("exists (0:r1 = 5)", "exists (0:r1 = 0)"))
    ops = [s.event.op for s in steps if s.event is not None]
    assert ops.index("X") < ops.index("SEND")
    assert not any(s.rule == "8.2" for s in steps)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Execution]]:
    """The runs that have been told."""
    seen: list[Execution] = []

    def keep(execution: Execution, budget: object = None) -> Trace:
        seen.append(execution)
        return trace(execution)

    monkeypatch.setattr(queries, "trace", keep)
    yield seen


def test_a_cycle_is_an_error_and_no_shorter_story(runs: list[Execution]) -> None:
    told(AHEAD)
    teller = _Teller(runs[0], Budget())
    node = next(n for n in teller.nodes if n in teller.cpu)
    teller.after[node].add(node)
    teller.waiting[node] += 1
    with pytest.raises(InternalError, match="no place for"):
        teller.tell()


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["litmus/mmu", "litmus/linux", "litmus/classic"])
def test_every_step_of_every_witness_is_told(folder: str, runs: list[Execution]) -> None:
    for path in sorted((ROOT / folder).rglob("*.litmus")):
        for test in verifier.load(path):
            runs.clear()
            verdict = verifier.check(test)
            both = (verdict.witness, verdict.counter)
            for run, told in zip(runs, filter(None, both), strict=True):
                assert told is not None
                shown = {s.event.id for s in told.steps if s.event is not None}
                missing = {i for i in run.executed if i not in shown}
                assert not missing, (test.id, missing)
