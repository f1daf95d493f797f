"""Critical cycles: all of them up to a size, or a random sample; no two are equal up to rotation.

A cycle is critical if each CPU has at most two accesses, to different locations, and each location at most
three, all from different CPUs (Shasha and Snir, TOPLAS 1988; Alglave, Maranget, Tautschnig, TOPLAS 2014).
So it is a necklace of *beads*. A bead is a step, and then one or two communications at the location that the
step leads to: Rf, Fr, Co, Co;Rf or Fr;Rf. Other pairs are the same as one communication; so is Co to an XCHG,
which is Rf. Names of CPUs and
locations do not occur in a cycle, so that two cycles differ up to renaming if their necklaces do.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import product

from verifier.errors import UsageError
from verifier.generate.edges import Edge, Meeting, Stride
from verifier.records import dataclass


@dataclass(frozen=True, slots=True)
class Bead:
    """A step, and the communications after it."""

    step: Stride
    meetings: tuple[Meeting, ...]

    @property
    def source(self) -> str:
        """The type of the access that the step starts from."""
        return self.step.source

    @property
    def end(self) -> str:
        """The type of the access that the next step starts from."""
        return self.meetings[-1].target

    @property
    def walked(self) -> bool:
        """Is its location a page-table entry?"""
        return "T" in {x for m in self.meetings for x in (m.source, m.target)}

    @property
    def edges(self) -> int:
        return 1 + len(self.meetings)

    @property
    def cpus(self) -> int:
        """How many CPUs it adds: of the step, of its handler, of an access between communications."""
        return len(self.meetings) + self.step.kind.handler


Cycle = tuple[Bead, ...]


def spelled(cycle: Cycle) -> str:
    """The edges of a cycle, as diy writes them."""
    return " ".join(name for bead in cycle for name in (bead.step.name, *(m.name for m in bead.meetings)))


def _beads(edges: Iterable[Edge]) -> tuple[Bead, ...]:
    """All beads of some edges."""
    edges = tuple(edges)
    comms = [e for e in edges if isinstance(e, Meeting)]
    runs = [(m,) for m in comms]
    pairs = [(a, b) for a, b in product(comms, comms) if a.target == b.source == "W" and b.target in "RT"]
    pairs = [(a, b) for a, b in pairs if not {a.source, b.target} >= {"X", "T"}]  # no XCHG of an entry
    found = []
    for step in (e for e in edges if isinstance(e, Stride)):
        for run in [*runs, *pairs]:
            if run[0].source == step.target:
                found.append(Bead(step, run))
    return tuple(found)


def _fits(before: Bead, after: Bead) -> bool:
    """May one bead follow the other? A shootdown invalidates an entry; what depends on a value is none."""
    if before.end != after.source:
        return False
    if after.step.kind.depends:
        return not before.walked and not after.walked
    return before.walked or not after.step.kind.of_source


def least(word: tuple[int, ...]) -> tuple[int, ...]:
    """The least rotation of a word."""
    return min(word[i:] + word[:i] for i in range(len(word)))


class Necklaces:
    """The critical cycles of some edges with up to ``max_edges`` edges and ``max_cpus`` CPUs.

    Raises ``UsageError`` if there is none.
    """

    def __init__(self, edges: Iterable[Edge], max_edges: int, max_cpus: int) -> None:
        self.edges = tuple(edges)
        self.max_edges, self.max_cpus = max_edges, max_cpus
        self.beads = _beads(self.edges)
        size = range(len(self.beads))
        self.after = [[j for j in size if _fits(self.beads[i], self.beads[j])] for i in size]
        self._follows = [set(row) for row in self.after]
        if not self.counts:
            raise UsageError(self._impossible())

    # -- how many there are ---------------------------------------------------------------------------

    def _ways(self, first: int, length: int) -> list[dict[tuple[int, int, int], int]]:
        """For each number of beads: how many words from ``first`` there are, by last bead, edges and CPUs."""
        bead = self.beads[first]
        ways = [{(first, bead.edges, bead.cpus): 1}]
        for _ in range(length - 1):
            more: dict[tuple[int, int, int], int] = {}
            for (last, edges, cpus), count in ways[-1].items():
                for j in self.after[last]:
                    key = j, edges + self.beads[j].edges, cpus + self.beads[j].cpus
                    if key[1] <= self.max_edges and key[2] <= self.max_cpus:
                        more[key] = more.get(key, 0) + count
            ways.append(more)
        return ways

    @cached_property
    def _closed(self) -> dict[tuple[int, int, int], int]:
        """How many closed words there are of so many beads, edges and CPUs."""
        found: dict[tuple[int, int, int], int] = {}
        for first in range(len(self.beads)):
            for length, ways in enumerate(self._ways(first, self.max_edges // 2), 1):
                for (last, edges, cpus), count in ways.items():
                    if first in self._follows[last]:
                        key = length, edges, cpus
                        found[key] = found.get(key, 0) + count
        return found

    @cached_property
    def counts(self) -> dict[tuple[int, int, int], int]:
        """How many cycles there are of so many beads, edges and CPUs (by Burnside's lemma)."""
        found = {}
        for length, edges, cpus in sorted(self._closed):
            if length < 2:  # both ends of the only step would be at one location
                continue
            total = 0
            for turns in range(1, length + 1):
                if not length % turns and not edges % turns and not cpus % turns:
                    root = length // turns, edges // turns, cpus // turns
                    total += _totient(turns) * self._closed.get(root, 0)
            found[length, edges, cpus] = total // length
        return found

    @property
    def total(self) -> int:
        """How many cycles there are in all."""
        return sum(self.counts.values())

    # -- all of them ------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Cycle]:
        """All cycles, the short ones first."""
        for length, edges, cpus in sorted(self.counts, key=lambda size: (size[1], size[0], size[2])):
            for word in self._necklaces(length, edges, cpus):
                yield tuple(self.beads[i] for i in word)

    def _necklaces(self, length: int, edges: int, cpus: int) -> Iterator[tuple[int, ...]]:
        """Words that are their own least rotation, in order (Fredricksen, Kessler and Maiorana)."""
        word = [0] * (length + 1)

        def extend(at: int, period: int, edges_left: int, cpus_left: int) -> Iterator[tuple[int, ...]]:
            if at > length:
                if (
                    not (edges_left or cpus_left or length % period)
                    and word[1] in self._follows[word[length]]
                ):
                    yield tuple(word[1:])
                return
            rest = length - at
            floor = word[at - period] if at > 1 else 0
            for j in self.after[word[at - 1]] if at > 1 else range(len(self.beads)):
                bead = self.beads[j]
                e, c = edges_left - bead.edges, cpus_left - bead.cpus
                if j < floor or e < 2 * rest or c < rest or e > 4 * rest:
                    continue
                word[at] = j
                yield from extend(at + 1, period if j == floor and at > 1 else at, e, c)

        return extend(1, 1, edges, cpus)

    # -- some of them -----------------------------------------------------------------------------------

    def sample(self, count: int, seed: int) -> Iterator[Cycle]:
        """Different cycles, chosen by a seed; all of them if there are no more than ``count``.

        Each size has the same chance as long as it has cycles left.
        """
        choices = random.Random(seed)
        if count >= self.total:
            everything = list(self)
            choices.shuffle(everything)
            yield from everything
            return
        left = dict(self.counts)
        seen: set[tuple[int, ...]] = set()
        sizes = [size for size, number in sorted(left.items()) if number]
        for _ in range(count):
            size = choices.choice(sizes)
            while (word := self._drawn(size, choices)) in seen:
                pass
            seen.add(word)
            left[size] -= 1
            if not left[size]:
                sizes.remove(size)
            yield tuple(self.beads[i] for i in word)

    def _drawn(self, size: tuple[int, int, int], choices: random.Random) -> tuple[int, ...]:
        """A random cycle of a size; each of its words has the same chance."""
        firsts, weights = self._starts(size)
        (first,) = choices.choices(firsts, weights)
        word, (length, edges, cpus) = [first], size
        edges, cpus = edges - self.beads[first].edges, cpus - self.beads[first].cpus
        for rest in range(length - 1, 0, -1):
            options = [
                (j, e, c, self._tails(j, first, rest - 1, e, c))
                for j in self.after[word[-1]]
                for e, c in [(edges - self.beads[j].edges, cpus - self.beads[j].cpus)]
            ]
            ((j, edges, cpus, _),) = choices.choices(options, [o[3] for o in options])
            word.append(j)
        return least(tuple(word))

    def _starts(self, size: tuple[int, int, int]) -> tuple[list[int], list[int]]:
        if size not in self._first:
            length, edges, cpus = size
            firsts = list(range(len(self.beads)))
            weights = [
                self._tails(i, i, length - 1, edges - self.beads[i].edges, cpus - self.beads[i].cpus)
                for i in firsts
            ]
            self._first[size] = firsts, weights
        return self._first[size]

    @cached_property
    def _first(self) -> dict[tuple[int, int, int], tuple[list[int], list[int]]]:
        return {}

    @cached_property
    def _tail(self) -> dict[tuple[int, int, int, int, int], int]:
        return {}

    def _tails(self, last: int, first: int, rest: int, edges: int, cpus: int) -> int:
        """In how many ways do ``rest`` beads of so many edges and CPUs lead from one bead to another?"""
        if edges < 2 * rest or cpus < rest:
            return 0
        if not rest:
            return int(not edges and not cpus and first in self._follows[last])
        key = last, first, rest, edges, cpus
        if key not in self._tail:
            self._tail[key] = sum(
                self._tails(j, first, rest - 1, edges - self.beads[j].edges, cpus - self.beads[j].cpus)
                for j in self.after[last]
            )
        return self._tail[key]

    # -- errors ---------------------------------------------------------------------------------------------

    def _impossible(self) -> str:
        """Why there is no cycle."""
        names = ", ".join(e.name for e in self.edges)
        steps = [e for e in self.edges if isinstance(e, Stride)]
        comms = [e for e in self.edges if isinstance(e, Meeting)]
        if not steps or not comms:
            what = (
                "a step to another location, such as PodWR" if not steps else "a communication, such as Rfe"
            )
            return f"no cycle can be made of {names}: it needs {what}"
        for e in self.edges:
            others: list[Edge] = [*comms] if isinstance(e, Stride) else [*steps, *comms]
            if not any(x.source == e.target for x in others):
                what = "communication" if isinstance(e, Stride) else "edge"
                stuck = f"{e.name} ends at {e.target}, and no {what} starts there"
                return f"no cycle can be made of {names}: {stuck}"
        return (
            f"no critical cycle of {names} has up to {self.max_edges} edges and {self.max_cpus} CPUs; "
            "allow more by --max-edges or --cpus, or give more edges"
        )


def _totient(n: int) -> int:
    """How many of the numbers up to n have no factor in common with it."""
    from math import gcd

    return sum(gcd(i, n) == 1 for i in range(1, n + 1))


def cycle_of(edges: list[Edge], names: list[str]) -> Cycle:
    """The cycle that edges are, one after the other. Raises ``UsageError`` if they are no critical cycle."""
    for i, edge in enumerate(edges):
        after = edges[(i + 1) % len(edges)]
        if edge.target != after.source:
            raise UsageError(
                f"{names[i]} ends at {edge.target}, but {names[(i + 1) % len(edges)]}, which follows, "
                f"starts at {after.source}"
            )
        if isinstance(edge, Stride) and isinstance(after, Stride):
            raise UsageError(
                f"{names[i]} and the step after it are on one CPU: a critical cycle has one step there"
            )
    first = next((i for i, e in enumerate(edges) if isinstance(e, Stride)), None)
    if first is None:
        raise UsageError("a cycle needs steps to another location, such as PodWR")
    found: list[Bead] = []
    for edge in edges[first:] + edges[:first]:
        if isinstance(edge, Stride):
            found.append(Bead(edge, ()))
        else:
            found[-1] = Bead(found[-1].step, (*found[-1].meetings, edge))
    if len(found) < 2:
        raise UsageError(
            "both ends of the only step are at one location: a critical cycle has two steps or more"
        )
    allowed = set(_beads(edges))
    for bead, before in zip(found, [found[-1], *found], strict=False):
        if bead not in allowed:
            pair = " ".join(m.name for m in bead.meetings)
            raise UsageError(
                f"{pair} is no part of a critical cycle: of pairs at a location, only Coe Rfe, Fre Rfe and "
                "their kin are"
            )
        if not _fits(before, bead):
            wrong = "invalidates an entry, but no access there is translated"
            if bead.step.kind.depends:
                wrong = "is between plain locations, but one of the two is an entry"
            raise UsageError(f"{bead.step.name} {wrong}")
    return tuple(found)
