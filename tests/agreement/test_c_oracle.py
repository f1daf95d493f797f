"""Both judges against the C tests' final states, where the data are at hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verifier import explore
from verifier.lower.build import build
from verifier.program.events import state_line
from verifier.solve import decide
from verifier.source import Source
from verifier.syntax import load

DATA = Path(__file__).resolve().parents[3] / "shared" / "oracle" / "c-on-tso.jsonl"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the agreement data are not at hand")


def rows() -> list[dict[str, object]]:
    if not DATA.exists():
        return []
    return [json.loads(line) for line in DATA.read_text().splitlines()]


@pytest.mark.parametrize("part", range(8))
def test_the_same_final_states(part: int) -> None:
    chosen = rows()[part::8]
    assert len(chosen) > 80
    for row in chosen:
        test = load(Source(str(row["name"]), str(row["litmus"])))[0]
        program = build(test)
        answer = decide(program, want_states=True, witnesses=False)
        states = sorted(state_line(program, s) for s in answer.states or ())
        assert states == sorted(row["states"]), row["name"]  # type: ignore[call-overload]
        limit = 500 if row["group"] == "rcu" else 20_000
        second = explore.decide(program, want_states=True, witnesses=False, limit_states=limit)
        if second.states is not None:
            assert set(second.states) == set(answer.states or ()), row["name"]


@pytest.mark.parametrize("name", ["SRCU"])
def test_srcu_is_refused_by_name(name: str) -> None:
    from verifier.errors import InputError

    body = "int i; i = srcu_read_lock(x); srcu_read_unlock(x, i);"
    text = "C r\n{}\nP0(int *x) { " + body + " }\nexists (x=1)\n"
    with pytest.raises(InputError, match=f"{name} is not supported yet"):
        build(load(Source("r", text))[0])


def test_conditions_are_printed_as_herd_does() -> None:
    for row in rows():
        test = load(Source(str(row["name"]), str(row["litmus"])))[0]
        assert f"{test.quantifier} ({test.condition})" == row["condition"], row["name"]
