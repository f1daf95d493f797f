"""The search and Z3 beside each other: what they answer about the same clauses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest

from tests.texts import LOOP
from verifier.budget import Budget
from verifier.errors import InternalError
from verifier.lower.build import build
from verifier.solve import asker as room
from verifier.solve import decide
from verifier.solve.asker import Asker
from verifier.solve.clauses import Clauses
from verifier.solve.listing import Finder
from verifier.source import Source
from verifier.syntax import load

NAMES = 7


def drawn(seed: int) -> tuple[Clauses, list[int], list[int]]:
    """Clauses over a few variables, and two lists of literals."""
    random, clauses = Random(seed), Clauses()
    names = [clauses.new() for _ in range(NAMES)]
    for _ in range(random.randint(4, 16)):
        some = random.sample(names, random.randint(1, 3))
        clauses.add(*(x * random.choice((1, -1)) for x in some))
    lists = [[x * random.choice((1, -1)) for x in random.sample(names, n)] for n in (1, 4)]
    return clauses, lists[0], lists[1]


def models(clauses: Clauses, literals: list[int]) -> Iterator[tuple[bool, ...]]:
    """Which values the variables may have, found by trying all."""
    rows = [*clauses.rows, *((x,) for x in literals)]
    for values in product((False, True), repeat=NAMES):
        known = (False, True, *values)
        if all(any(known[abs(x)] == (x > 0) for x in row) for row in rows):
            yield values


def asked(clauses: Clauses, *, tells: bool) -> Asker:
    return Asker(clauses, (), Budget(), 0, fresh=False, tells=tells)


@pytest.mark.parametrize("tells", [False, True])
@pytest.mark.parametrize("few", [0, 500])
def test_an_answer_is_that_of_all_assignments(tells: bool, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "QUICKLY", few)
    monkeypatch.setattr(room, "TELLING", few)
    seen = set()
    for seed in range(150):
        clauses, given, more = drawn(seed)
        with asked(clauses, tells=tells) as one:
            for literals in ([], given, more, [*given, *more]):
                there = set(models(clauses, literals))
                assert one.check(literals) is bool(there)
                seen.add(bool(there))
                if there:
                    assert tuple(one.value(x) for x in range(2, NAMES + 2)) in there
                    assert not one.value(-1)
    assert seen == {True, False}


@pytest.mark.parametrize("few", [0, 500])
def test_what_is_needed_suffices(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And of what the search says, nothing can be left out."""
    monkeypatch.setattr(room, "TELLING", few)
    sizes = set()
    for seed in range(300):
        clauses, given, more = drawn(seed)
        with asked(clauses, tells=True) as one:
            groups = [more[:2], more[2:3], more[3:]]
            found = one.needed(given, groups)
            assert (found is None) == any(models(clauses, [*given, *more]))
            if found is None:
                continue
            needed = sorted(found)
            assert not any(models(clauses, [*given, *(x for i in needed for x in groups[i])]))
            for left_out in needed if few else ():
                rest = [x for i in needed if i != left_out for x in groups[i]]
                assert any(models(clauses, [*given, *rest]))
            sizes.add(len(needed))
    assert len(sizes) > 2


def test_what_is_judged_is_judged_by_z3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the search says that there is no model; and Z3 knows more clauses than the search."""
    clauses = Clauses()
    a = clauses.new()
    with asked(clauses, tells=False) as one:
        monkeypatch.setattr(Finder, "find", lambda self, literals: False)
        assert one.check([a]) is True and one.value(a)
        one.add([(-a,)])
        assert one.check([a]) is False
        b = clauses.new()
        clauses.add(a, b)
        assert one.check([-b]) is False and one.check([b])
    with asked(clauses, tells=True) as one:
        assert one.check([b]) is False
        assert one.judged([b]) is True


def test_a_model_that_the_search_finds_is_compared_with_the_clauses(monkeypatch: pytest.MonkeyPatch) -> None:
    clauses = Clauses()
    a, b = clauses.new(), clauses.new()
    clauses.add(a, b)
    finder = Finder(clauses.rows, clauses.variables, Budget())
    monkeypatch.setattr(finder.search, "completed", lambda choice: bytes((0, 1, 0, 0)))
    with pytest.raises(InternalError, match="breaks a clause"):
        finder.find([])
    monkeypatch.setattr(finder.search, "completed", lambda choice: bytes((0, 1, 0, 1)))
    with pytest.raises(InternalError, match="not what was asked for"):
        finder.find([a])


def test_the_search_and_z3_tell_runs_of_the_same_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    (test,) = load(Source("t.litmus", LOOP))
    program = build(test)
    found = decide(program, counters=True)
    monkeypatch.setattr(room, "QUICKLY", 0)
    monkeypatch.setattr(room, "TELLING", 0)
    other = decide(program, counters=True)
    for name in ("reachable", "refutable", "hangs", "cut", "deadlock"):
        assert getattr(found, name) == getattr(other, name)
    for name in ("witness", "counter"):
        assert (getattr(found, name) is None) == (getattr(other, name) is None)
