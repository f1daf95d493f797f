"""What reads may return: all that they ever do, and of a counter no more than its stores add up to."""

from __future__ import annotations

import random

import pytest

from verifier.budget import Budget
from verifier.explore import decide as run_all
from verifier.lower.build import build
from verifier.program.events import Program
from verifier.program.values import Ptr, Value
from verifier.solve.domains import Domains
from verifier.source import Source
from verifier.syntax import load

X, Y = Ptr("x"), Ptr("y")


def program(*threads: str) -> Program:
    bodies = "\n".join(f"P{cpu} {{ {code} }}" for cpu, code in enumerate(threads))
    text = f"MM t\n{{ int x; int y; }}\n{bodies}\nlocations [x; y;]\nexists (x = 77)\n"
    (test,) = load(Source("t.litmus", text))
    return build(test)


def contents(program: Program, cell: Ptr) -> frozenset[Value]:
    return Domains(program, Budget()).contents(cell)


@pytest.mark.parametrize("cpus", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("add", ["atomic_inc(&x);", "WRITE_ONCE(x, READ_ONCE(x) + 1);"])
def test_a_counter_ends_where_all_have_counted(cpus: int, add: str) -> None:
    assert contents(program(*[add] * cpus), X) == set(range(cpus + 1))


def test_a_store_is_in_no_history_of_its_own_through_another_cell() -> None:
    there, back = "WRITE_ONCE(y, READ_ONCE(x) + 1);", "WRITE_ONCE(x, READ_ONCE(y) + 1);"
    found = program(there, back)
    assert contents(found, X) == {0, 1, 2} and contents(found, Y) == {0, 1, 2}


def test_a_value_with_two_histories_goes_on_from_both() -> None:
    adds = [f"WRITE_ONCE(x, READ_ONCE(x) + {n});" for n in (1, 1, 2, 2)]
    assert contents(program(*adds), X) >= set(range(7))


@pytest.mark.long
def test_what_runs_end_with_is_in_the_domains() -> None:
    rng, seen = random.Random(5), set[Value]()
    for _ in range(40):
        made = program(*(" ".join(_step(rng) for _ in range(rng.randint(1, 2))) for _ in range(3)))
        answer = run_all(made, want_states=True)
        assert answer.states is not None
        for at, cell in enumerate((X, Y)):
            ends = {state[at] for state in answer.states}
            assert ends <= contents(made, cell)
            seen |= ends
    assert len(seen) > 10


def _step(rng: random.Random) -> str:
    to, of, n = rng.choice("xy"), rng.choice("xy"), rng.randint(1, 3)
    return rng.choice(
        [
            f"WRITE_ONCE({to}, READ_ONCE({of}) + {n});",
            f"WRITE_ONCE({to}, READ_ONCE({of}) * 2 + {n});",
            f"WRITE_ONCE({to}, {n});",
            f"atomic_add({n}, &{to});",
            f"if (READ_ONCE({of}) > {n}) WRITE_ONCE({to}, READ_ONCE({to}) + 1);",
        ]
    )
