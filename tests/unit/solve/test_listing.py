"""The search that lists final states, against brute force, and what Z3 does where the search gives up."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from verifier.budget import Budget
from verifier.errors import InternalError
from verifier.solve import finals, together
from verifier.solve import listing as room
from verifier.solve.assignments import Assignments, chosen, refusals
from verifier.solve.listing import MODEL_BYTES, STEPS, Effort, listing
from verifier.solve.together import Clause
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load, read

ROOT = Path(__file__).resolve().parents[3]


def search(rows: list[Clause], variables: int, shown: list[list[int]], **effort: int) -> set[Clause] | None:
    """What the search finds; None if it gives up."""
    found = listing(rows, variables, shown, Effort(Budget(), **effort))
    return set().union(*(chosen(rows, m, shown) for m in found.assignments())) if found.complete else None


def by_force(rows: list[Clause], variables: int, shown: list[list[int]]) -> set[Clause]:
    found = set()
    for values in itertools.product((False, True), repeat=variables):
        if all(any(values[abs(x) - 1] == (x > 0) for x in row) for row in rows):
            found.add(tuple(next(x for x in xs if values[abs(x) - 1] == (x > 0)) for xs in shown))
    return found


def random_clauses(rng: random.Random, variables: int) -> list[Clause]:
    rows: list[Clause] = []
    for _ in range(rng.randint(0, 4 * variables)):
        some = rng.sample(range(1, variables + 1), min(variables, rng.choice((1, 2, 2, 3, 3, 3, 4))))
        rows.append(tuple(x if rng.random() < 0.5 else -x for x in some))
    return rows


@pytest.fixture(params=["one by one", "together", "together, in small bundles"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How models are found."""
    if request.param != "one by one":
        monkeypatch.setattr(room, "SINGLY", 1)
    if request.param == "together, in small bundles":
        monkeypatch.setattr(together, "BUNDLE_WIDTH", 4)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("first", range(0, 300, 20))
def test_it_finds_what_brute_force_finds(first: int) -> None:
    for seed in range(first, first + 20):
        check_random_clauses(seed)


def check_random_clauses(seed: int) -> None:
    rng = random.Random(seed)
    variables = rng.randint(1, 9)
    rows = random_clauses(rng, variables)
    shown = [[x, -x] for x in rng.sample(range(1, variables + 1), rng.randint(0, min(4, variables)))]
    if variables >= 3 and rng.random() < 0.5:  # one of three
        a, b, c = rng.sample(range(1, variables + 1), 3)
        rows += [(a, b, c), (-a, -b), (-a, -c), (-b, -c)]
        shown.append([a, b, c])
    assert search(rows, variables, shown) == by_force(rows, variables, shown), seed


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_refusals_rule_out_what_is_found_and_nothing_else(first: int) -> None:
    for seed in range(first, first + 20):
        check_refusals(seed)


def check_refusals(seed: int) -> None:
    rng = random.Random(seed)
    shown, variables = [], 0
    for _ in range(rng.randint(0, 4)):
        size = rng.randint(1, 3)
        shown.append(list(range(variables + 1, variables + 1 + size)))
        variables += size
    every = set(itertools.product(*shown))
    found = {choice for choice in every if rng.random() < rng.choice((0.3, 0.9))}
    refused = refusals(found, shown, Budget())
    ruled_out = {c for c in every if any(all(-x in c for x in row) for row in refused)}
    assert ruled_out == found
    assert len(refused) <= len(found)


def test_what_is_found_whole_is_refused_by_one_clause() -> None:
    shown = [[x, -x] for x in range(1, 11)]
    assert refusals(itertools.product(*shown), shown, Budget()) == [()]


def test_a_model_that_breaks_a_clause_is_noticed() -> None:
    assert chosen([(1,)], Assignments.of_models([bytes([0, 1, 0])]), [[2, -2]]) == {(-2,)}
    with pytest.raises(InternalError, match="breaks a clause"):
        chosen([(1,), (2,)], Assignments.of_models([bytes([0, 1, 1]), bytes([0, 1, 0])]), [])


@pytest.mark.parametrize("model", [bytes([0, 0, 0]), bytes([0, 1, 1])])
def test_each_choice_has_one_literal_that_holds(model: bytes) -> None:
    with pytest.raises(InternalError, match="several values in one place, or none"):
        chosen([], Assignments.of_models([bytes([0, 1, 0]), model]), [[1, 2]])


def test_a_choice_of_many_literals() -> None:
    """A sum over them does not fit in a byte."""
    many = list(range(1, 301))
    models = [bytes([0] + [x == at for x in many]) for at in (1, 256, 300)]
    assert chosen([], Assignments.of_models(models), [many]) == {(1,), (256,), (300,)}


def test_many_places_are_no_deep_recursion() -> None:
    """All places are free; the first 3,000 choices are made, and the search gives up."""
    shown = [[x, -x] for x in range(1, 3001)]
    found = listing([], 3000, shown, Effort(Budget(), size=3001 * 5))
    assert len(found.models) == 5 and not found.complete


def test_it_gives_up() -> None:
    shown = [[x, -x] for x in range(1, 11)]
    assert search([], 10, shown, steps=STEPS, size=MODEL_BYTES) == set(itertools.product(*shown))
    assert search([], 10, shown, size=11 * 1000) is None
    pigeons = [tuple(10 * p + h for h in range(1, 10)) for p in range(10)]  # ten of them, nine holes
    pigeons += [(-10 * p - h, -10 * q - h) for h in range(1, 10) for p in range(10) for q in range(p)]
    assert search(pigeons, 100, []) is None


def test_it_gives_up_where_many_candidates_come_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [[x, -x] for x in range(1, 11)]
    rows: list[Clause] = [(-10, *((-1) ** i * x for i, x in enumerate(range(1, 10))))]
    free = set(itertools.product(*shown))
    assert search(rows, 10, shown) == {c for c in free if any(x in c for x in rows[0])}
    monkeypatch.setattr(together, "VAIN", -1)
    assert search(rows, 10, shown) is None


def test_it_ends_with_the_time() -> None:
    over = Budget(0.0)
    assert over.over
    assert not listing([(1,)], 1, [[1, -1]], Effort(over)).complete


FILES = ("classic/SB", "classic/IRIW", "mmu/3.4-own-store", "hangs/nmi-two-locks", "linux/switch_mm-vs-flush")


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("models", [0, 1, 2])
def test_z3_lists_what_is_left(name: str, models: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search stops after some models. All states are found, and it is known how many are wanted."""
    options = Options(states=True, witnesses=False)
    tests = load(read(str(ROOT / f"litmus/{name}.litmus")))
    before = [run(test, options) for test in tests]
    stopped = []

    def stopping(rows: list[Clause], variables: int, shown: list[list[int]], effort: Effort) -> object:
        room = Effort(effort.budget, size=models * (variables + 1))
        found = listing(rows, variables, shown, room if models else Effort(effort.budget, steps=-1))
        stopped.append(not found.complete)
        return found

    monkeypatch.setattr(finals, "listing", stopping)
    after = [run(test, options) for test in tests]
    assert any(stopped)
    for one, other in zip(before, after, strict=True):
        assert one.states == other.states and one.states is not None
        assert (one.positive, one.negative) == (other.positive, other.negative)
        assert one.rests == other.rests


@pytest.fixture
def side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SINGLY", 1)


HARD = [
    (1, 2, 3),
    (1, 2, -3),
    (1, -2, 3),
    (1, -2, -3),
]  # 1 must hold, but that follows from no decision about it


@pytest.mark.usefixtures("side_by_side")
def test_what_two_decisions_contradict_is_decided_alone() -> None:
    rows: list[Clause] = [(*row, -4) for row in HARD]
    shown = [[x, -x] for x in range(4, 8)]
    assert search(rows, 7, shown) == set(itertools.product(*shown))
    found = listing(rows, 7, shown, Effort(Budget()))
    assert sum(b.width for b in found.bundles) == 8  # where 4 does not hold
    assert len(found.models) == 1 + 8
    assert search([*rows, (-1,)], 7, shown) == {c for c in itertools.product(*shown) if c[0] == -4}


@pytest.mark.usefixtures("side_by_side")
def test_what_was_concluded_in_vain_is_taken_back() -> None:
    """If 1 does not hold, nor does 2; if that does, 4 does and does not. That is no part of a choice."""
    rows: list[Clause] = [*HARD[:2], (1, -2, 8), (1, -2, 9), (-8, -9, -4), (-8, -9, 4)]
    shown = [[x, -x] for x in range(4, 8)]
    assert search(rows, 9, shown) == set(itertools.product(*shown))


@pytest.mark.usefixtures("side_by_side")
def test_what_holds_in_any_case_is_the_choice() -> None:
    """No clause says that 2 does not hold beside 1."""
    assert search([(1,)], 4, [[1, 2], [3, -3], [4, -4]]) == {
        (1, *rest) for rest in itertools.product((3, -3), (4, -4))
    }


@pytest.mark.usefixtures("side_by_side")
def test_a_choice_of_nothing_has_no_model() -> None:
    assert search([], 2, [[1, -1], [], [2, -2]]) == set()


@pytest.mark.usefixtures("side_by_side")
def test_candidates_are_given_up_when_the_time_is_over() -> None:
    class Ending(Budget):
        asked = 0

        @property
        def over(self) -> bool:
            self.asked += 1
            return self.asked > 3

    shown = [[x, -x] for x in range(1, 14)]
    rows: list[Clause] = [(x, x + 1, x + 2) for x in range(20, 300)]
    assert not listing(rows, 302, shown, Effort(Ending())).complete
    assert listing(rows, 302, shown, Effort(Budget())).complete
