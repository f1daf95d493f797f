"""The cycles that the runs with an outcome would have to close which some parts of a test exclude.

Candidate executions are not yet ordered by the model. One after the other is found that has the outcome;
some rules of the model make a cycle in it, and the cycle becomes a clause, until no candidate is left. A
smallest set of these cycles is a proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from verifier.errors import LimitError
from verifier.lower.optional import OptionalPart
from verifier.program.expressions import bits_in
from verifier.program.values import Ptr, Value
from verifier.program.whereabouts import Whereabouts
from verifier.records import NamedTuple
from verifier.solve.clauses import NO, YES
from verifier.solve.symbolic import SymbolicRelation
from verifier.why.engine import Candidates
from verifier.why.rests import Rests

MOST = 2000  # candidates that are looked at
AT_ONCE = 4  # cycles of one candidate
OTHER_RUNS = 100  # candidates that close none of the cycles found: so many are looked at


class Edge(NamedTuple):
    """``first`` comes before ``second``, by a rule of the model."""

    first: int
    second: int
    rule: str


class Cycle(NamedTuple):
    """Events each of which comes before the next one, and the last one before the first.

    ``read``: what reads among them found, by event and cell, in the candidate that showed the cycle;
    ``executed``: the events at their places, by number, that this candidate executes.
    """

    axiom: str
    edges: tuple[Edge, ...]
    read: Mapping[tuple[int, Ptr], Value]
    executed: frozenset[int] = frozenset()


# Of the rules that order two events, the one that says most comes first.
_TELLING = (
    "start", "fresh", "fresh_upper", "refetch", "grace", "walk", "copied", "descent", "ipi", "queue", "rfe",
    "fr", "rf", "co", "drain", "drain_nt", "sfence", "icr", "seen", "ppo", "po_loc", "po",
)  # fmt: skip
_RANK = {rule: rank for rank, rule in enumerate(_TELLING)}


class Cycles:
    """Finds the cycles of a program with an outcome that is impossible; ``present``: the parts on which this
    is said to rest. Close it after use."""

    def __init__(self, candidates: Candidates, present: Iterable[OptionalPart]) -> None:
        self.candidates, self.rests = candidates, Rests(candidates, present)
        self.repeated = _repeated(candidates)
        self.graphs = [
            (axiom, list(self._ways((rule.name, relation) for rule, relation in rules)))
            for axiom, rules in candidates.graphs
        ]
        self.impossible = NO in candidates.given
        if self.rests.parts:
            self._order_the_rest()
        self.solver = candidates.solver(candidates.given, unordered=not self.rests.parts)
        self.next = candidates.encoding.clauses.variables
        self.found: dict[int, Cycle] = {}  # by the literal that forbids it
        self.edges: dict[int, list[int]] = {}  # likewise: the literals of its edges

    def _ways(
        self, rules: Iterable[tuple[str, SymbolicRelation]]
    ) -> Iterator[tuple[tuple[int, int], str, int]]:
        """The pairs of all rules, each with its rule and its literal: sure ones before others. What the start
        comes before is left out but for invalidations: a cycle through the start has one of them."""
        init = self.candidates.encoding.init
        found = [
            (_RANK.get(name, len(_RANK)), (a, b), name, literal)
            for name, relation in rules
            for a, ways in relation.successors().items()
            for b, literal in ways
            if literal != NO and (a != init or name == "start")
        ]
        found.sort(key=lambda way: (way[3] != YES, way[0]))
        for _, pair, name, literal in found:
            yield pair, name, literal

    def _order_the_rest(self) -> None:
        """Pairs that rest on no part are no reason: they are clauses from the start."""
        for _, ways in self.graphs:
            relation = self.candidates.execution.none.copy()
            for (a, b), rule, literal in ways:
                if next(self.rests.on(a, b, rule), None) is None:
                    relation.add(a, b, literal)
            self.candidates.acyclic([relation])

    def __enter__(self) -> Cycles:
        return self

    def __exit__(self, *_: object) -> None:
        self.solver.__exit__()

    def needed(self) -> list[Cycle]:
        """A smallest set of cycles one of which is in each candidate with the outcome; the shortest first.
        Empty: there is no such candidate. Raises ``LimitError``."""
        if self.impossible:
            return []
        self._search(MOST)
        needed = self._least()
        self.found = {x: self.found[x] for x in needed}
        return self._listed(needed)

    def others(self) -> list[Cycle] | None:
        """After ``needed``: a smallest set of cycles that rest on no part, one of which is in each candidate
        with the outcome that closes none of those. None: there are too many candidates to look at all of
        them, or there is no time."""
        if self.impossible or not self.rests.parts:
            return []
        needed = list(self.found)
        ordered, self.solver = self.solver, self.candidates.solver(self.candidates.given, unordered=True)
        ordered.__exit__()
        for literal in needed:
            self.solver.forbid([literal, *self.edges[literal]])
        try:
            self._search(OTHER_RUNS)
            return self._listed(x for x in self._least(needed) if x not in needed)
        except LimitError:
            return None

    def _search(self, most: int) -> None:
        """Find cycles until each candidate closes one of them. Raises ``LimitError`` after ``most``."""
        tried = 0
        while self._candidate(self.found):
            tried += 1
            if tried > most:
                raise LimitError(f"more than {most} candidate executions")
            self._forbid()

    def _least(self, kept: Sequence[int] = ()) -> list[int]:
        """A smallest set of the cycles found, beside those that are ``kept``: one is in each candidate."""
        needed = [*dict.fromkeys([*kept, *self.solver.core(list(self.found))])]
        for literal in sorted(needed, key=lambda x: len(self.found[x].edges), reverse=True):
            rest = [x for x in needed if x != literal]
            if literal in needed and literal not in kept and not self._candidate(rest):
                needed = [*dict.fromkeys([*kept, *self.solver.core(rest)])]
        return needed

    def _listed(self, literals: Iterable[int]) -> list[Cycle]:
        return sorted((self.found[x] for x in literals), key=lambda cycle: (len(cycle.edges), cycle.edges))

    def _candidate(self, forbidden: Iterable[int]) -> bool:
        return self.candidates.check(self.solver, forbidden)

    def _forbid(self) -> None:
        """Forbid some cycles of the candidate at hand."""
        known: dict[int, bool] = {YES: True}
        for axiom, ways in self.graphs:
            edges: dict[tuple[int, int], tuple[str, int]] = {}
            for pair, rule, literal in ways:
                if pair not in edges:
                    holds = known.get(literal)
                    if holds is None:
                        holds = known[literal] = self.solver.value(literal)
                    if holds:
                        edges[pair] = rule, literal
            found = shortest(edges, AT_ONCE)
            if found:
                cycles = [self._cycle(axiom, nodes, edges) for nodes in found]
                for cycle, literals in cycles:  # what is read is asked before the solver forgets it
                    self.next += 1
                    self.found[self.next], self.edges[self.next] = cycle, literals
                    self.solver.forbid([self.next, *literals])
                return
        raise AssertionError("the model allows an execution that it forbids")

    def _cycle(
        self, axiom: str, nodes: list[int], edges: Mapping[tuple[int, int], tuple[str, int]]
    ) -> tuple[Cycle, list[int]]:
        pairs = list(zip(nodes, [*nodes[1:], nodes[0]], strict=True))
        literals = [edges[pair][1] for pair in pairs]
        made = tuple(Edge(*pair, edges[pair][0]) for pair in pairs)
        executed = self.candidates.encoding.executed
        seen = {e for n in nodes for e in self.repeated.get(n, ()) if self._holds(executed[e])}
        cycle = Cycle(axiom, made, dict(self._read(frozenset(nodes))), frozenset(seen))
        return cycle, [x for x in literals if x != YES]

    def _read(self, nodes: frozenset[int]) -> Iterator[tuple[tuple[int, Ptr], Value]]:
        for read in self.candidates.encoding.reads:
            if read.node in nodes:
                for cell, here in read.where.items():
                    if self._holds(here):
                        yield from (((read.node, cell), v) for v, x in read.values.items() if self._holds(x))

    def _holds(self, literal: int) -> bool:
        return literal == YES or (literal != NO and self.solver.value(literal))


def _repeated(candidates: Candidates) -> dict[int, list[int]]:
    """By instant, the events that may come to the place of its event, if there are several."""
    program, e = candidates.program, candidates.encoding
    whereabouts = Whereabouts(program)
    found: dict[int, list[int]] = {}
    owned = (e.issues, e.faults, e.fetches)
    for event in program.events:
        times = [other.id for other in whereabouts.times(event)]
        if len(times) > 1:
            nodes = [event.id, *(part[event.id] for part in owned if event.id in part)]
            found |= dict.fromkeys(nodes, times)
    return found


def shortest(edges: Iterable[tuple[int, int]], limit: int) -> list[list[int]]:
    """Some shortest cycles of a graph, each from its smallest event."""
    after, before = _rows(edges)
    alive = _on_cycles(after, before)
    found: dict[tuple[int, ...], None] = {}
    best = len(after) + 1
    for start in bits_in(alive):
        cycle = _around(start, after, before, alive, best + 1)
        if cycle is not None:
            best = min(best, len(cycle))
            turn = cycle.index(min(cycle))
            found[tuple(cycle[turn:] + cycle[:turn])] = None
    return [list(c) for c in sorted(found, key=lambda c: (len(c), c)) if len(c) <= best + 1][:limit]


def _rows(edges: Iterable[tuple[int, int]]) -> tuple[dict[int, int], dict[int, int]]:
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for a, b in edges:
        after[a] = after.get(a, 0) | 1 << b
        before[b] = before.get(b, 0) | 1 << a
    return after, before


def _on_cycles(after: Mapping[int, int], before: Mapping[int, int]) -> int:
    """The events, as bits, that are left when those without a way in or out are dropped."""
    alive = sum(1 << a for a in after.keys() & before.keys())
    while True:
        kept = sum(1 << a for a in bits_in(alive) if after[a] & alive and before[a] & alive)
        if kept == alive:
            return alive
        alive = kept


def _around(
    start: int, after: Mapping[int, int], before: Mapping[int, int], alive: int, most: int
) -> list[int] | None:
    """A shortest way from an event back to itself, in at most ``most`` steps."""
    layers, seen = [1 << start], 0
    while len(layers) <= most and layers[-1]:
        reached = 0
        for a in bits_in(layers[-1]):
            reached |= after[a]
        reached &= alive
        if reached >> start & 1:
            break
        reached &= ~seen
        seen |= reached
        layers.append(reached)
    else:
        return None
    way, at = [], start
    for layer in reversed(layers):
        at = next(bits_in(before[at] & layer))
        way.append(at)
    return way[::-1]
