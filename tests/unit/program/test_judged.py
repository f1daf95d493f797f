"""The condition as a function of what is shown."""

from __future__ import annotations

from itertools import product

import pytest

from verifier.lower.build import build
from verifier.program.expressions import evaluate
from verifier.program.judged import judge
from verifier.program.values import truth
from verifier.solve import finals
from verifier.solve.listing import Listing
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load

TEXT = """C t
{{ }}
P0 (int *x, int *y) {{ int r0; int r1; WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y); r1 = READ_ONCE(*x); }}
P1 (int *x, int *y) {{ int r0; WRITE_ONCE(*y, 1); WRITE_ONCE(*x, 2); r0 = READ_ONCE(*x); }}
{shown}{condition}
"""
CONDITIONS = (
    "exists (0:r0=0 /\\ 1:r0=0)",
    "exists (0:r0=0 /\\ ~(x=1 \\/ y=0))",
    "exists (0:r0=0:r1)",
    "exists (x=0:r1 /\\ (0:r0=1 \\/ 1:r0=2))",
    "exists (true)",
    "exists (false)",
    "forall (x=1 \\/ x=2)",
    "~exists (0:r0=0 /\\ x=y)",
)


@pytest.mark.parametrize("shown", ["", "locations [x; 0:r1]\n"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_it_is_what_evaluating_says(condition: str, shown: str) -> None:
    (test,) = load(Source("t", TEXT.format(condition=condition, shown=shown)))
    program = build(test)
    holds = judge(program)
    assert holds is not None
    for state in product(range(4), repeat=len(program.shown)):
        values = dict(zip(program.shown, state, strict=True))
        assert holds(state) == truth(evaluate(program.condition, {}, values))


@pytest.mark.parametrize("found", ["by the search", "by Z3"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_states_say_what_the_clauses_of_the_condition_say(
    condition: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that are told need the condition as clauses; so does a search that has given up."""
    if found == "by Z3":
        monkeypatch.setattr(finals, "listing", lambda *_: Listing())
    (test,) = load(Source("t", TEXT.format(condition=condition, shown="")))
    program = build(test)
    one, other = (decide(program, want_states=True, witnesses=told) for told in (False, True))
    for answer in (one, other):
        assert answer.states
        assert (answer.positive or 0) + (answer.negative or 0) == len(answer.states)
    asked = ("reachable", "refutable", "states", "positive", "negative", "hangs", "cut", "deadlock")
    assert [getattr(one, a) for a in asked] == [getattr(other, a) for a in asked]
