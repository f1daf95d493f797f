"""Asks both judges about a test, and asserts that they agree."""

from __future__ import annotations

from verifier import explore
from verifier.lower.build import build
from verifier.program.states import state_line
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load


def states(text: str) -> list[str]:
    """All final states of the only test in a text. No run may access a wrong address."""
    (test,) = load(Source("t", text))
    program = build(test)
    answer = decide(program, want_states=True, witnesses=False)
    second = explore.decide(program, want_states=True, witnesses=False)
    assert answer.states is not None and second.states is not None
    assert set(answer.states) == set(second.states)
    assert answer.bad is None
    return sorted(state_line(program, state) for state in answer.states)


def holds(text: str) -> bool:
    """Does the condition of the only test in a text hold in some run?"""
    (test,) = load(Source("t", text))
    program = build(test)
    found = {bool(decide(program).reachable), bool(explore.decide(program).reachable)}
    assert len(found) == 1
    return found.pop()
