"""Cycles: complete, without repetition, reproducible."""

from __future__ import annotations

from itertools import islice, product

import pytest

from verifier.errors import UsageError
from verifier.generate.cycles import Cycle, Necklaces, cycle_of, spelled
from verifier.generate.edges import DEFAULTS, MEETINGS, STEP_KINDS, edges
from verifier.generate.names import CLASSIC, placed

pytestmark = pytest.mark.slow  # together, these take many seconds

PLAIN = ("Rfe", "Fre", "Coe", "Pod")
EXCHANGES = ("RfeWX", "RfeXR", "RfeXX", "FreRX", "CoeXW")
WALKS = ("Rfe", "Fre", "Coe", "Rfw", "Frw", "Pod", "Invlpgd", "Shotd", "Ipid")


def some(names: tuple[str, ...], language: str, size: int, cpus: int) -> Necklaces:
    return Necklaces(edges(names, language), size, cpus)


def test_three_locations_give_the_classic_shapes() -> None:
    """26 shapes: those of two and three CPUs, and the three of four CPUs with two locations."""
    found = [placed(cycle).name for cycle in some(PLAIN, "X86", 6, 4)]
    assert set(found) == {*CLASSIC.values(), "3.SB", "3.LB", "3.2W"}
    assert len(found) == 26


def words(chosen: Necklaces, length: int) -> set[str]:
    """All cycles of so many edges, by trying every sequence of edges."""
    found = set()
    for sequence in product(chosen.edges, repeat=length):
        try:
            cycle = cycle_of(list(sequence), [e.name for e in sequence])
        except UsageError:
            continue
        if sum(bead.cpus for bead in cycle) <= chosen.max_cpus:
            found.add(min(spelled(cycle[i:] + cycle[:i]) for i in range(len(cycle))))
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("names", "language", "cpus", "most"),
    [
        (("Rfe", "Fre", "Coe", "Pod", "MFencedWR"), "X86", 4, 6),
        (("Rfe", "Fre", "Coe", *EXCHANGES, "Pod"), "X86", 3, 4),
        (
            ("Rfe", "Fre", "CoeXW", "RfeXR", "Frw", "Rfw", "PodR*", "PodXW", "PodWT", "DpAddrd", "DpCtrld"),
            "MM",
            3,
            5,
        ),
        (WALKS, "MM", 3, 4),
    ],
)
def test_none_is_missing_and_none_is_twice(
    names: tuple[str, ...], language: str, cpus: int, most: int
) -> None:
    chosen = some(names, language, most, cpus)
    found = [min(spelled(c[i:] + c[:i]) for i in range(len(c))) for c in chosen]
    assert len(found) == len(set(found)) == chosen.total
    assert set(found) == set().union(*(words(chosen, length) for length in range(2, most + 1)))


@pytest.mark.parametrize(
    ("names", "language"),
    [(DEFAULTS["X86"], "X86"), (WALKS, "MM"), (("Rfe", "Fre", "Coe", *EXCHANGES, "Pod"), "C")],
)
def test_names_are_of_the_cycle(names: tuple[str, ...], language: str) -> None:
    """All rotations have one name, and no two cycles have the same."""
    chosen = some(names, language, 5 if language == "MM" else 7, 4)
    called: dict[str, Cycle] = {}
    for cycle in chosen:
        place = placed(cycle)
        assert place.name not in called
        called[place.name] = cycle
        for i in range(1, len(cycle)):
            assert placed(cycle[i:] + cycle[:i]) == place
    assert len(called) == chosen.total > 200


def test_samples_are_reproducible() -> None:
    chosen = some(DEFAULTS["X86"], "X86", 10, 6)
    first, second, other = (list(chosen.sample(200, seed)) for seed in (1, 1, 2))
    assert first == second != other
    assert len({placed(c).name for c in first}) == 200
    assert {len(c) for c in first} == {2, 3, 4, 5}
    assert len({spelled(placed(c).cycle) for c in first}) == 200


def test_a_large_sample_is_everything() -> None:
    chosen = some(PLAIN, "X86", 6, 4)
    for count in (25, 26, 1000):
        assert len({placed(c).name for c in chosen.sample(count, 3)}) == min(count, 26)


def test_a_hundred_thousand() -> None:
    chosen = some(("Rfe", "Fre", "Coe", "Pod", "MFenced", "LFenced", "Locked"), "X86", 12, 6)
    assert chosen.total > 100_000
    assert len(set(islice(chosen, 5000))) == 5000


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (("Rfe", "PodWR"), "Rfe ends at R, and no edge starts there"),
        (("Rfe", "Fre"), "it needs a step"),
        (("PodWR",), "it needs a communication"),
        (("Rfe", "PodRW"), "has up to 3 edges"),
    ],
)
def test_impossible_edges(names: tuple[str, ...], what: str) -> None:
    with pytest.raises(UsageError, match=what):
        some(names, "X86", 3, 4)


@pytest.mark.parametrize(
    ("cycle", "what"),
    [
        ("PodWR Fre MFencedWR Coe", "MFencedWR ends at R, but Coe, which follows, starts at W"),
        ("PodWR PodRW Coe PodWW Coe", "on one CPU"),
        ("Rfe Fre", "needs steps"),
        ("PodWR Fre", "at one location"),
        ("PodWW Rfe Fre Rfe PodRW Coe", "no part of a critical cycle"),
        ("ShotdWR Fre PodWR Fre", "no access there is translated"),
        ("DpAddrdW Rfw PodTW Rfe", "one of the two is an entry"),
        ("PodWW CoeXW Rfw PodTR Fre", "CoeXW, which follows, starts at X"),
        ("PodWX CoeXW Rfw PodTR Fre", "no part of a critical cycle"),
    ],
)
def test_impossible_cycles(cycle: str, what: str) -> None:
    names = cycle.split()
    with pytest.raises(UsageError, match=what):
        cycle_of([edges([name], "MM")[0] for name in names], names)


def test_every_row_is_in_some_cycle() -> None:
    chosen = some(tuple(row.name for row in (*STEP_KINDS, *MEETINGS)), "MM", 5, 4)
    used = {name for cycle in chosen for name in spelled(cycle).split()}
    assert {e.name for e in chosen.edges} == used
