"""What follows for a cell that LOCK'd operations alone store to, as atomic counters are.

A LOCK'd operation reads what the one before it in co has stored. So those that are done stand in a line: the
first one reads the initial value, and the next one computes from that. What the operation at a place of this
line may read is known before anything is solved: a counter that CPUs increment holds k at place k, whoever is
there.

The clauses that are added here rule out no execution that the model allows: the line is co, and what they say
of it follows from ``acyclic(ghb)`` (MMR 1.1; ``x86tso``).  They are there because that no two of n CPUs find
the same value is a pigeonhole argument, which is exponential in n where places have no names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifier.program.events import Access
from verifier.program.expressions import Apply, Ref
from verifier.program.profiles import MODEL_NAMES
from verifier.program.values import Ptr, Value
from verifier.records import NamedTuple
from verifier.solve.clauses import NO, YES
from verifier.solve.encoding import Encoding
from verifier.solve.sites import Read, Write

SHORTEST_LINE = 5  # so many operations make a line worth while
LONGEST_LINE = 32  # more of them would take too many clauses: their number grows as n to the third


class _Operation(NamedTuple):
    """A LOCK'd operation; ``done``: the literal that it is executed, and stores."""

    write: Write
    read: Read
    done: int
    access: Access


def require_lines(e: Encoding) -> None:
    """Add what follows for each such cell, if the model has all its rules. Raises ``LimitError``."""
    if len(e.writes) < SHORTEST_LINE or e.model.name not in MODEL_NAMES:
        return
    loads = {(r.node, cell): r for r in e.reads if r.kind == "load" for cell in r.where}
    stores: dict[Ptr, list[Write]] = {}
    for w in e.writes:
        for cell in w.where:
            stores.setdefault(cell, []).append(w)
    for cell, here in stores.items():
        if not SHORTEST_LINE <= len(here) <= LONGEST_LINE:
            continue
        line = [_operation(e, w, cell, loads.get((w.node, cell))) for w in here]
        operations = [o for o in line if o is not None]
        if len(operations) == len(here):
            _line(e, cell, operations)


def _operation(e: Encoding, write: Write, cell: Ptr, read: Read | None) -> _Operation | None:
    """The LOCK'd operation of which this store is a part, if it is one that accesses one cell."""
    if read is None or read.node >= len(e.program.events):
        return None
    accesses = e.program.events[read.node].accesses
    return _Operation(write, read, write.where[cell], accesses[0]) if len(accesses) == 1 else None


def _line(e: Encoding, cell: Ptr, line: Sequence[_Operation]) -> None:
    """The places of a cell's operations, unless all of them may read the same at each place."""
    held = _held(e, cell, line)
    if all(values >= o.read.values.keys() for o in line for values in held[:-1]):
        return
    sure = sum(o.done == YES for o in line)  # so many places are taken in any case
    places = [_Places(e, o, len(line)) for o in line]
    for mine, o in zip(places, line, strict=True):
        for at, values in zip(mine.at, held, strict=False):
            if not values >= o.read.values.keys():
                e.clauses.add(-at, *(x for v, x in o.read.values.items() if v in values))
    _taken(e, [[mine.at[k] for mine in places] for k in range(len(line))], sure)
    sources = {(s.write, s.read): s.literal for s in e.sources if s.cell == cell and not s.forwarded}
    _ordered(e, line, places, sources)
    last = set().union(*held[sure:])
    for value, literal in e.final(cell).items():
        if value not in last:
            e.clauses.add(-literal)


def _held(e: Encoding, cell: Ptr, line: Sequence[_Operation]) -> list[set[Value]]:
    """What the cell may hold before the operation at each place, and after the last one."""
    held: list[set[Value]] = [{e.program.cells[cell].init}]
    for _ in line:
        e.clauses.check()
        held.append({v for o in line for v in _stored(e, o, held[-1])})
    return held


def _stored(e: Encoding, o: _Operation, held: set[Value]) -> set[Value]:
    """What an operation may store where the cell holds one of these values."""
    expr, slot = o.access.value, o.access.slot
    assert slot is not None  # it reads
    read = held & o.read.values.keys()
    if expr == Ref(slot):
        return read
    if isinstance(expr, Apply) and expr.slots == 1 << slot and not expr.observes:
        return {e.domains.tabled.of(expr, (v,)) for v in read}
    return set(o.write.values)


class _Places:
    """The place of an operation of a line, if it is done. ``at[k]``: it is place k; ``least[k]``: it is place
    k or a later one."""

    def __init__(self, e: Encoding, o: _Operation, number: int) -> None:
        clauses = e.clauses
        self.at = [clauses.new() for _ in range(number)]
        self.least = [o.done, *(clauses.new() for _ in range(number - 1)), NO]
        for k, at in enumerate(self.at):
            here, later = self.least[k : k + 2]
            clauses.add(-later, here)
            clauses.add(-at, here)
            clauses.add(-at, -later)
            clauses.add(-here, later, at)


def _taken(e: Encoding, columns: Sequence[Sequence[int]], sure: int) -> None:
    """No two operations have the same place, and only the last places are free. ``columns``: by place, that
    an operation has it."""
    for k, column in enumerate(columns):
        e.clauses.at_most_one(list(column))
        if k < sure:
            e.clauses.add(*column)
        elif k:
            for at in column:
                e.clauses.add(-at, *columns[k - 1])


def _ordered(
    e: Encoding,
    line: Sequence[_Operation],
    places: Sequence[_Places],
    sources: Mapping[tuple[Write | None, Read], int],
) -> None:
    """The places are in the order of co, and each operation reads what the one before it has stored.
    ``sources``: the literals of rf."""
    clauses, number = e.clauses, len(line)
    for mine, a in zip(places, line, strict=True):
        clauses.add(-mine.at[0], sources.get((None, a.read), NO))
        for its, b in zip(places, line, strict=True):
            if a is b:
                continue
            clauses.check()
            first, source = e.co_literal(a.write, b.write), sources.get((a.write, b.read), NO)
            for k in range(number):
                clauses.add(-first, -mine.least[k], -b.done, its.least[k + 1])
                if k + 1 < number:
                    clauses.add(-mine.at[k], -its.at[k + 1], source)
