"""Cycles of orders that are given as pairs of instants: is there one, and which is the shortest?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from verifier.budget import Budget

Pair = tuple[int, int]


def shortest(pairs: Iterable[Pair], budget: Budget) -> list[int]:
    """A cycle with the fewest pairs; empty if there is none. Raises ``LimitError`` if the time is over."""
    after: dict[int, list[int]] = {}
    for a, b in sorted(pairs):
        after.setdefault(a, []).append(b)
    after = _inverse(_entered(_inverse(_entered(after))))
    found: list[int] = []
    for root in sorted(after):
        budget.check()
        found = _through(root, after, len(found) or len(after) + 1) or found
    return found


def contracted(pairs: Iterable[Pair], whole: Mapping[int, int]) -> set[Pair]:
    """An order in which some instants are the same as others: ``whole`` has a pair of these for each."""
    return {(a, b) for a, b in ((whole.get(a, a), whole.get(b, b)) for a, b in pairs) if a != b}


def cyclic(pairs: Iterable[Pair]) -> bool:
    """Has an order a cycle?"""
    after: dict[int, list[int]] = {}
    for a, b in pairs:
        after.setdefault(a, []).append(b)
    return bool(_entered(after))


def adjoined(after: Mapping[int, set[int]], pairs: Iterable[Pair], budget: Budget) -> list[Pair]:
    """Let the second instant of a pair follow the first one at once, for as many pairs as can: one after the
    other, if nothing has to come in between.

    ``after``: an order without a cycle, what comes after each instant; it gets the pairs that this takes,
    which are the result. Raises ``LimitError`` if the time is over.
    """
    before: dict[int, set[int]] = {n: set() for n in after}
    for a, followers in after.items():
        for b in followers:
            before[b].add(a)
    added: list[Pair] = []
    for first, last in pairs:
        budget.check()
        if _between(first, last, after):
            continue
        wanted = [(a, first) for a in before[last] if a != first]
        wanted += [(last, b) for b in after[first] if b != last]
        for a, b in wanted:
            if b not in after[a]:
                after[a].add(b)
                before[b].add(a)
                added.append((a, b))
    return added


def _between(first: int, last: int, after: Mapping[int, set[int]]) -> bool:
    """Has something to come after one instant and before another?"""
    pending = [n for n in after[first] if n != last]
    seen = set(pending)
    while pending:
        for n in after[pending.pop()]:
            if n == last:
                return True
            if n not in seen:
                seen.add(n)
                pending.append(n)
    return False


def _inverse(after: dict[int, list[int]]) -> dict[int, list[int]]:
    out: dict[int, list[int]] = {}
    for a, ways in after.items():
        for b in ways:
            out.setdefault(b, []).append(a)
    return out


def _entered(after: dict[int, list[int]]) -> dict[int, list[int]]:
    """A graph without the nodes that have no way in, again and again: they are on no cycle."""
    ways = {b: len(froms) for b, froms in _inverse(after).items()}
    left = [a for a in after if a not in ways]
    for a in left:
        for b in after.get(a, ()):
            ways[b] -= 1
            if not ways[b]:
                left.append(b)
    gone = set(left)
    return {
        a: kept for a, bs in after.items() if a not in gone and (kept := [b for b in bs if b not in gone])
    }


def _through(root: int, after: dict[int, list[int]], less: int) -> list[int]:
    """A shortest cycle through a node, if it has fewer pairs than ``less``."""
    came = {root: root}
    edge = [root]
    for _ in range(less - 1):  # the cycles of so many pairs
        reached: list[int] = []
        for a in edge:
            for b in after.get(a, ()):
                if b == root:
                    path = [a]
                    while path[-1] != root:
                        path.append(came[path[-1]])
                    return path[::-1]
                if b not in came:
                    came[b] = a
                    reached.append(b)
        edge = reached
    return []
