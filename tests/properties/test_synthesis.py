"""Generated cycles beside tests that others have synthesized from axioms, where the models are the same.

D. Lustig et al. (ASPLOS 2017) synthesize *minimal* tests of an axiom: the outcome breaks it, and without any
instruction it breaks none. Their tool lists the tests of x86-TSO for the axiom ``causality``, up to four
instructions (the README of github.com/NVlabs/litmustestgen). TransForm (ISCA 2020) takes over these axioms
for ``x86t_elt``, and adds walks, remaps and invalidations. The README of its tool
(github.com/naorinh/TransForm) lists the eleven tests of ``sc_per_loc`` up to five events.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, permutations, product

import pytest

from tests.judges import holds
from verifier.generate.cycles import Necklaces
from verifier.generate.edges import edges
from verifier.generate.names import placed
from verifier.generate.texts import plan

# What the README lists, in its notation, and what the paper calls it.
CAUSALITY = {
    "Wa0 Wa0": "CoWW",
    "Ra0 Wa1 | Wa1 Wa0": "S",
    "Wa0 Wa1 | Wa1 Wa0": "2+2W",
    "Ra0 Ra0 | Wa0 | Wa0": "W+W+RR",
    "Ra0 Ra0 | Wa0 Wa0": "CoMP",
    "Ra0 Ra0 | Wa0": "CoRR",
    "Wa0 | Wa0 Ra0 Ra0": "W+WRR",
    "Ra0 Ra1 | Wa1 Wa0": "MP",
    "Ra0 Wa1 | Ra1 Wa0": "LB",
    "Ra0 Wa0 | Wa0": "CoRW",
}
Thread = tuple[tuple[str, int], ...]
Program = tuple[Thread, ...]
Pairs = set[tuple[int, int]]


def canonical(program: Program) -> Program:
    """The same for all names of locations and orders of CPUs."""
    found = []
    for order in permutations(program):
        names: dict[int, int] = {}
        found.append(
            tuple(tuple((kind, names.setdefault(place, len(names))) for kind, place in t) for t in order)
        )
    return min(found)


def read(text: str) -> Program:
    """A program in the notation of the list."""
    return canonical(tuple(tuple((x[0], int(x[2:])) for x in thread.split()) for thread in text.split(" | ")))


# -- the definition of the tool, for reads and writes ------------------------------------------------


def threads(size: int) -> Iterator[tuple[int, ...]]:
    """How many instructions each CPU has, the longest first."""

    def parts(left: int, most: int) -> Iterator[tuple[int, ...]]:
        if not left:
            yield ()
        for first in range(min(left, most), 0, -1):
            yield from ((first, *rest) for rest in parts(left - first, first))

    return parts(size, size)


def programs(size: int) -> set[Program]:
    """All programs of so many reads and writes; each location is written."""
    found = set[Program]()
    for lengths in threads(size):
        for kinds in product("RW", repeat=size):
            for places in product(range(size), repeat=size):
                if any(p > 1 + max(places[:i], default=-1) for i, p in enumerate(places)):
                    continue
                if {p for k, p in zip(kinds, places, strict=True) if k == "W"} == set(places):
                    code, made = iter(zip(kinds, places, strict=True)), list[Thread]()
                    for length in lengths:
                        made.append(tuple(next(code) for _ in range(length)))
                    found.add(canonical(tuple(made)))
    return found


def cyclic(pairs: Pairs) -> bool:
    left = set(pairs)
    while True:
        ends = {b for _, b in left}
        kept = {(a, b) for a, b in left if a in ends}
        if kept == left:
            return bool(left)
        left = kept


class Outcome:
    """An execution: which write each read reads, and in which order writes reach memory."""

    def __init__(self, program: Program, sources: dict[int, int | None], order: tuple[int, ...]) -> None:
        flat = [(cpu, kind, place) for cpu, thread in enumerate(program) for kind, place in thread]
        size = range(len(flat))
        self.events, self.sources = flat, sources
        self.po = {(a, b) for a in size for b in size if a < b and flat[a][0] == flat[b][0]}
        self.co = {(a, b) for i, a in enumerate(order) for b in order[i + 1 :] if flat[a][2] == flat[b][2]}
        self.rf = {(w, r) for r, w in sources.items() if w is not None}

    def allowed(self, without: int | None = None) -> tuple[bool, bool]:
        """sc_per_loc, and causality, without an event. A read without its write reads the initial value."""
        flat = self.events
        rf = {(w, r) for w, r in self.rf if without not in (w, r)}
        co = {(a, b) for a, b in self.co if without not in (a, b)}
        fr = {(r, b) for w, r in rf for a, b in co if a == w}
        for r, w in self.sources.items():
            if w is None and r != without:  # only those that read the initial value in the whole test
                fr |= {
                    (r, b) for b, (_, kind, place) in enumerate(flat)
                    if kind == "W" and place == flat[r][2] and b != without
                }  # fmt: skip
        po = {(a, b) for a, b in self.po if without not in (a, b)}
        here = {(a, b) for a, b in po if flat[a][2] == flat[b][2]}
        kept = {(a, b) for a, b in po if (flat[a][1], flat[b][1]) != ("W", "R")}
        outside = {(w, r) for w, r in rf if flat[w][0] != flat[r][0]}
        return not cyclic(rf | co | fr | here), not cyclic(outside | co | fr | kept)


def outcomes(program: Program) -> Iterator[Outcome]:
    flat = [(kind, place) for thread in program for kind, place in thread]
    reads = [i for i, (kind, _) in enumerate(flat) if kind == "R"]
    writes = [i for i, (kind, _) in enumerate(flat) if kind == "W"]
    options = [[None, *(w for w in writes if flat[w][1] == flat[r][1])] for r in reads]
    for order in permutations(writes):
        if any(a > b and flat[a][1] != flat[b][1] for a, b in pairwise(order)):
            continue  # the same order at each location as another one
        for chosen in product(*options):
            yield Outcome(program, dict(zip(reads, chosen, strict=True)), order)


def minimal(size: int) -> set[Program]:
    """The programs that have an outcome which is minimal for causality."""
    found = set[Program]()
    for program in programs(size):
        events = range(sum(map(len, program)))
        for outcome in outcomes(program):
            if not outcome.allowed()[1] and all(all(outcome.allowed(e)) for e in events):
                found.add(program)
                break
    return found


def generated(size: int) -> set[Program]:
    """The programs of our cycles with so many instructions whose outcome x86-TSO forbids."""
    found = set[Program]()
    for cycle in Necklaces(edges(("Rfe", "Fre", "Coe", "PodRR", "PodRW", "PodWW"), "X86"), 2 * size, size):
        lanes = plan(placed(cycle)).threads
        program = tuple(tuple((a.type, a.place) for a in lane.accesses) for lane in lanes)
        if sum(map(len, program)) == size:
            found.add(canonical(program))
    return found


def places(program: Program) -> int:
    return len({place for thread in program for _, place in thread})


def test_the_published_tests_are_found() -> None:
    """Ten up to four instructions. Four of them have several locations: these are our cycles."""
    found = set[Program]().union(*(minimal(size) for size in range(2, 5)))
    assert found == {read(text) for text in CAUSALITY}
    assert len(found) == 10
    ours = {p for size in range(2, 5) for p in generated(size)}
    assert ours == {p for p in found if places(p) > 1}
    assert ours == {read(t) for t, name in CAUSALITY.items() if name in ("S", "2+2W", "MP", "LB")}


# Without a write that a read reads, the tool forgets which writes that read comes before. So these are
# minimal for it, too: MP, in which an older write than that of the cycle is read.
OLDER = ("Ra0 Ra1 | Wa1 Wa1 Wa0", "Ra0 Ra1 | Wa1 | Wa1 Wa0", "Wa0 Ra1 Ra0 | Wa0 Wa1")


@pytest.mark.long
def test_five_instructions() -> None:
    """Again, our cycles are the synthesized tests with several locations; three are left."""
    found = minimal(5)
    assert len(generated(5)) == 4 and generated(5) < found
    assert found - generated(5) == {read(text) for text in OLDER}


# -- TransForm: sc_per_loc, up to five events -----------------------------------------------------------

# Its eleven tests: the events of the one CPU, in its notation, and the outcome that the axiom forbids. ptw is
# a walk for the instruction before it, WPTE and I a remap and its INVLPG. A walk is no word of a litmus test,
# so that tests which differ in walks alone are one program here.
SC_PER_LOC = {
    "Wa0_ptwa1_Wa0 Wa0_Wa0_ptwa1": ("WRITE_ONCE(*v, 1); WRITE_ONCE(*v, 2);", "A.data = 1"),
    "Wa0_Ra0_ptwa1 Wa0_ptwa1_Ra0 Wa0_ptwa1_Ra0_ptwa1": ("WRITE_ONCE(*v, 1); r0 = *v;", "0:r0 = 0"),
    "Ra0_Wa0_ptwa1 Ra0_ptwa1_Wa0 Ra0_ptwa1_Wa0_ptwa1": ("r0 = *v; WRITE_ONCE(*v, 1);", "0:r0 = 1"),
    "WPTEa0_Ia1_Ra1_ptwa0": ("set_pte(pte(N, v), B); invlpg(v); r0 = *v;", "0:r0 = 0"),
    "WPTEa0_Ia1_Wa1_ptwa0": ("set_pte(pte(N, v), B); invlpg(v); WRITE_ONCE(*v, 1);", "A.data = 1"),
    "Wa0_ptwa1_WPTEa1_Ia0": ("WRITE_ONCE(*v, 1); set_pte(pte(N, v), B); invlpg(v);", "B.data = 1"),
}


def remapped(code: str, condition: str) -> bool:
    """Can the condition hold after these instructions, for both judges?"""
    init = "page A = 0; page B = 7; mm N { v -> A }; 0:cr3 = N;"
    return holds(f"MM t\n{{ {init} }}\nP0 {{ {code} }}\nlocations [A.data; B.data;]\nexists ({condition})\n")


def test_the_list_has_eleven_tests() -> None:
    assert len([name for names in SC_PER_LOC for name in names.split()]) == 11


@pytest.mark.parametrize(("code", "condition"), SC_PER_LOC.values(), ids=SC_PER_LOC)
def test_what_transform_forbids_cannot_happen_here(code: str, condition: str) -> None:
    """By both judges."""
    assert not remapped(code, condition)


def test_a_remap_needs_its_invalidation() -> None:
    """Without its INVLPG, an old entry may serve the access."""
    for code, condition in SC_PER_LOC.values():
        if "invlpg(v); " in code:
            assert remapped(code.replace("invlpg(v); ", ""), condition)
