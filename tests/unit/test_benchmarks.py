"""The parts of the benchmarks that other figures rest on."""

from __future__ import annotations

import sys

import pytest

from benchmarks.measure import figure, in_turns, process, ratio
from benchmarks.scaling import SHAPES
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "size", "observation", "states"),
    [
        ("ring", 4, "sometimes", 16),
        ("chain", 4, "sometimes", 15),
        ("pairs", 2, "sometimes", 24),
        ("coherence", 2, "sometimes", 444),
        ("counters", 6, "always", 1),
        ("shootdowns", 3, "never", 3),
    ],
)
def test_shapes(shape: str, size: int, observation: str, states: int) -> None:
    (test,) = load(Source("shape.litmus", SHAPES[shape](size)))
    found = run(test, Options(judge="both", states=True, witnesses=False))
    assert found.observation == observation and len(found.states or ()) == states
    assert found.as_expected in (None, True)


def test_what_is_compared_takes_turns() -> None:
    said: list[str] = []

    def says(name: str, took: float | None) -> float | None:
        said.append(name)
        return took

    found = in_turns(
        {"a": lambda: says("a", 6.0), "b": lambda: says("b", 2.0), "c": lambda: says("c", None)}, 2
    )
    assert said == ["a", "b", "c", "a", "b"], "what took too long is not asked again"
    assert found == {"a": [6.0, 6.0], "b": [2.0, 2.0], "c": []}
    assert ratio(found["a"], found["b"]) == (3.0, 3.0, 3.0)
    assert figure([3, 1, 2]) == (2, 1, 3)


@pytest.mark.slow
def test_a_process_is_measured_or_stopped() -> None:
    took = process(sys.executable, "-c", "sum(range(10**6))")
    assert took is not None and took > 0
    assert process(sys.executable, "-c", "import time; time.sleep(60)", seconds=0.2) is None
