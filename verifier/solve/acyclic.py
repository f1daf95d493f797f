"""``acyclic(r)`` as clauses: by vertex elimination (Rankooh and Rintanen 2022), or else by ranks.

Eliminating an event joins each way in with each way out.  The next event is the one with the smallest
product of ways in and ways out in the current graph.  Sure pairs decide other pairs first, and only events
on possible cycles are looked at.  In a dense graph, elimination makes a number of clauses that is cubic in
the number of events; so it has a budget.  A relation that exceeds the budget gets ranks: every event has a
number, and the first event of each pair has the smaller one.  That takes a number of clauses linear in the
pairs, but they are slower to solve. Where only models are asked for, the cycles of such a relation are looked
for in models instead (``lazily``).
"""

from __future__ import annotations

from verifier.program.expressions import bits_in
from verifier.solve.clauses import YES, Clauses
from verifier.solve.lazily import Watched
from verifier.solve.symbolic import SymbolicRelation


def _components(after: list[int]) -> list[int]:
    """For each event the mask of its strongly connected component; 0 if it is on no cycle (Gabow 2000)."""
    component, place = [0] * len(after), [-1] * len(after)
    seen = closed = 0
    path: list[int] = []  # the events of components that are not closed yet, in the order of their discovery
    before: list[int] = []  # for each of them, the events before it on the path
    starts: list[int] = []  # where components begin on the path, as far as it is known
    for root in range(len(after)):
        work = [root] if place[root] < 0 else []
        while work:
            v = work[-1]
            if place[v] < 0:
                place[v] = len(path)
                before.append(before[-1] | 1 << path[-1] if path else 0)
                starts.append(len(path))
                path.append(v)
                seen |= 1 << v
            new = after[v] & ~seen
            if new:
                work.append((new & -new).bit_length() - 1)
                continue
            work.pop()
            back = after[v] & ~closed
            while back & before[starts[-1]]:
                starts.pop()
            if starts[-1] == place[v]:
                first = starts.pop()
                mask = 0
                for event in path[first:]:
                    mask |= 1 << event
                closed |= mask
                if back:  # into the component itself
                    for event in path[first:]:
                        component[event] = mask
                del path[first:], before[first:]
    return component


def _closure(after: list[int]) -> list[int]:
    """Transitive closure of rows of bits."""
    rows = [0] * len(after)
    done = active = 0
    for root in range(len(after)):
        work = [root]
        while work:
            v = work[-1]
            bit = 1 << v
            active |= bit
            missing = after[v] & ~done
            if missing & active:
                return _cyclic_closure(after)
            if missing:
                work.append((missing & -missing).bit_length() - 1)
                continue
            work.pop()
            rest, row = after[v], 0
            while rest:
                low = rest & -rest
                row |= low | rows[low.bit_length() - 1]
                rest &= ~row
            rows[v] = row
            done |= bit
            active &= ~bit
    return rows


def _cyclic_closure(after: list[int]) -> list[int]:
    """``_closure`` of rows that may have cycles (Warshall)."""
    rows = after[:]
    for k, via in enumerate(rows):
        if via:
            bit = 1 << k
            for i, row in enumerate(rows):
                if row & bit:
                    rows[i] = row | rows[k]
    return rows


MAX_JOINS = 100_000  # pairs of a way in and a way out; a relation that needs more gets ranks


FEW_JOINS = 60_000  # beyond these, it is quicker to look for the cycles of models


def require_acyclic(
    relation: SymbolicRelation, joins: int = MAX_JOINS, watched: list[Watched] | None = None
) -> None:
    """Add clauses that hold exactly if the chosen pairs of ``relation`` form no cycle.

    ``joins`` is how many pairs of a way in and a way out elimination may join. ``watched``: a relation that
    needs many of them is added here, and has no such clauses: its cycles are to be looked for in models.
    Raises ``LimitError`` if the time is over, or the clauses are too many.
    """
    clauses = relation.space.clauses
    size = relation.space.size
    may = dict(relation.may)
    must = relation.must
    clauses.check(len(may))
    sure = _closure(must)
    for a, row in enumerate(sure):
        if row >> a & 1:
            clauses.add()  # a sure cycle: no execution at all
            return
    # A pair against the sure order is out; a pair along it is redundant.
    for (a, b), literal in list(may.items()):
        if a == b or sure[b] >> a & 1:
            clauses.add(-literal)
            del may[a, b]
        elif sure[a] >> b & 1:
            del may[a, b]
    may = _nearest(may, sure)
    if not may:
        return
    after = must[:]
    for a, b in may:
        after[a] |= 1 << b
    component = _components(after)
    pairs: list[tuple[int, int, int]] = []
    for a in range(size):
        mine = component[a]
        if not mine:
            continue
        row, via = must[a] & mine, 0
        for c in bits_in(row):
            via |= sure[c]
        # Transitive reduction: skip pairs that follow from two other sure pairs.
        for b in bits_in(row & ~via):
            pairs.append((a, b, YES))
    may = {(a, b): literal for (a, b), literal in may.items() if component[a] >> b & 1}
    pairs += [(a, b, literal) for (a, b), literal in may.items()]
    mark = len(clauses.rows), clauses.variables
    if _eliminate(clauses, pairs, joins if watched is None else min(joins, FEW_JOINS)):
        return
    del clauses.rows[mark[0] :]
    clauses.variables = mark[1]
    if watched is None:
        _rank(clauses, pairs, component)
        return
    watched.append(Watched(sure, may))
    for (a, b), literal in may.items():
        back = may.get((b, a))
        if a < b and back is not None and back != -literal:
            clauses.add(-literal, -back)


def _nearest(may: dict[tuple[int, int], int], sure: list[int]) -> dict[tuple[int, int], int]:
    """``may`` without the pairs that follow from the sure order and from another pair of the same literal,
    which begins later or ends earlier. What comes before the first event of a handler comes before all of it,
    for instance."""
    rows: dict[int, dict[int, int]] = {}  # by literal and event, a mask of the events that come after it
    for (a, b), literal in may.items():
        row = rows.setdefault(literal, {})
        row[a] = row.get(a, 0) | 1 << b
    near: dict[tuple[int, int], int] = {}
    for literal, row in rows.items():
        for a, ends in row.items():
            follow = 0
            if ends & (ends - 1):
                for b in bits_in(ends):
                    follow |= sure[b]
            if len(row) > 1:
                for later in row:
                    if sure[a] >> later & 1:
                        follow |= row[later]
            for b in bits_in(ends & ~follow):
                near[a, b] = literal
    return near


def _rank(clauses: Clauses, pairs: list[tuple[int, int, int]], component: list[int]) -> None:
    """A number for each event, bits from the highest down; the first event of a pair has the smaller one."""
    bits: dict[int, list[int]] = {}
    for a in {event for first, second, _ in pairs for event in (first, second)}:
        count = component[a].bit_count()
        bits[a] = [clauses.new() for _ in range((count - 1).bit_length())]
    for a, b, literal in pairs:
        clauses.check(len(pairs))
        smaller = literal  # the first one is smaller in the bits from here on
        for x, y in zip(bits[a], bits[b], strict=True):
            clauses.add(-smaller, -x, y)
            rest = clauses.new()
            clauses.add(-smaller, x, y, rest)
            clauses.add(-smaller, -x, -y, rest)
            smaller = rest
        clauses.add(-smaller)


def _eliminate(clauses: Clauses, pairs: list[tuple[int, int, int]], joins: int) -> bool:
    """Eliminate all events; False if that needs more joins.

    The literal of a path holds where there is one, and may hold elsewhere. So all ways between two events
    share one, unless a sure pair has made it the path of others, too. Where a pair has the literal ``x`` and
    its reverse ``-x``, as in co, a path along the pair implies ``x``: against it would be a cycle.
    """
    rows = clauses.rows
    own: set[int] = set()  # literals of paths between one pair of events alone
    ways_in: dict[int, dict[int, int]] = {}
    ways_out: dict[int, dict[int, int]] = {}
    for a, b, literal in pairs:
        ways_out.setdefault(a, {})[b] = literal
        ways_in.setdefault(b, {})[a] = literal
    alive = set(ways_in) & set(ways_out)
    cost = {v: len(ways_in[v]) * len(ways_out[v]) for v in alive}
    while cost:
        least, v = min(zip(cost.values(), cost, strict=True))
        joins -= least
        if joins < 0:
            return False
        clauses.check()
        del cost[v]
        ins, outs = ways_in.pop(v), ways_out.pop(v)
        for a in ins:
            ways_out.get(a, {}).pop(v, None)
        for b in outs:
            ways_in.get(b, {}).pop(v, None)
        for a, first in ins.items():
            for b, second in outs.items():
                if a == b:
                    if first == YES or second == YES:
                        clauses.add(-first if second == YES else -second)
                    elif first != -second:
                        rows.append((-first, -second))
                    continue
                if first == -second:
                    continue
                row = ways_out.get(a)
                if row is None or b not in ways_in:
                    continue
                old = row.get(b)
                if old == YES:
                    continue
                new = second if first == YES else first if second in (YES, first) else None
                if new == YES or (new is not None and old in (None, new)):
                    row[b] = ways_in[b][a] = new
                    own.discard(new)
                elif old is not None and (old in own or ways_out.get(b, {}).get(a) == -old):
                    clauses.add(-first, -second, old)
                else:
                    path = clauses.new()
                    clauses.add(-first, -second, path)
                    if old is not None:
                        rows.append((-old, path))
                    row[b] = ways_in[b][a] = path
                    own.add(path)
        for e in (*ins, *outs):
            if e in cost:
                cost[e] = len(ways_in[e]) * len(ways_out[e])
    return True
