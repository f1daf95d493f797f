"""Histories of values: the stores that computed them, one from the other.

Where a value gets too many of them, what all have in common takes their place: that rules out less.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product

MAX_HISTORIES = 20

Histories = tuple[int, ...]  # sets of stores, as bits; none contains another one
NEW: Histories = (0,)  # of what no store computed


def smallest(histories: set[int]) -> Histories:
    """The smallest of some histories."""
    if len(histories) == 1:
        return tuple(histories)
    return NEW if 0 in histories else _smallest_of(frozenset(histories))


@lru_cache(maxsize=2000)  # round after round, the same ones are asked for
def _smallest_of(histories: frozenset[int]) -> Histories:
    """``smallest`` of several ones."""
    found: list[int] = []
    for history in sorted(histories, key=lambda h: (h.bit_count(), h)):
        for known in found:
            if known & history == known:
                break
        else:
            found.append(history)
    return tuple(found) if len(found) <= MAX_HISTORIES else (_common(found),)


def _common(histories: Iterable[int]) -> int:
    """The stores that are in all of these histories."""
    common = -1
    for history in histories:
        common &= history
    return common


def joined(read: Sequence[Histories], store: int) -> set[int]:
    """The histories of what a store computes from values with these histories. Empty: the store is in all of
    their histories."""
    size = 1
    for histories in read:
        size *= len(histories)
    if size > MAX_HISTORIES:
        read = [(_common(histories),) for histories in read]
    found: set[int] = set()
    for chosen in product(*read):
        history = 0
        for h in chosen:
            history |= h
        if not history & store:
            found.add(history | store)
    return found
