"""Smallest sets of parts on which an impossible outcome rests.

The method is MARCO (Liffiton, Previti, Malik, Marques-Silva: "Fast, flexible MUS enumeration", Constraints
21, 2016)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from verifier.errors import LimitError
from verifier.lower.optional import PART_KINDS, OptionalPart, PartKind
from verifier.program.events import Observable
from verifier.records import NamedTuple
from verifier.why.engine import Engine

# What a reader would least like to see in a reason is left out of it first.
_LAST: tuple[PartKind, ...] = (
    "serialization",
    "LOCK",
    "lock",
    "IRQ-off region",
    "softirq-off region",
    "reader",
    "wait",
    "grace period",
    "flush",
    "barrier",
)
_WEIGHT = {kind: at for at, kind in enumerate(_LAST)}
MONOTONE = tuple(kind for kind in PART_KINDS if kind in _WEIGHT)
# Who waits for something may hang, and hangs no more where the wait is left out.
MAY_HANG = frozenset({"wait", "lock", "grace period", "reader", "IRQ-off region", "softirq-off region"})


def monotone(observables: Iterable[Observable]) -> frozenset[str]:
    """The kinds of parts whose absence allows more, for a condition that asks for these."""
    hangs = any(o.kind == "hang" for o in observables)
    return frozenset(MONOTONE) - (MAY_HANG if hangs else frozenset())


class Reasons(NamedTuple):
    """Smallest sets of parts, each of which makes the outcome and wrong runs impossible; ``complete``: no
    other set does.
    ``gap``: why the search ended early; empty if it did not."""

    found: tuple[tuple[OptionalPart, ...], ...]
    complete: bool
    gap: str = ""


def reasons(engine: Engine, bound: int = 4) -> Reasons:
    """At most ``bound`` reasons of an outcome. That it is impossible with all parts was the engine's last
    answer. An IPI is no such part: without one, other things happen. Raises ``LimitError`` if there is no
    time for the first one."""
    kinds = monotone(engine.candidates.program.observables)
    always = [p for p in engine.on if p.kind not in kinds]
    parts = [p for p in engine.on if p.kind in kinds]

    def possible(present: Sequence[OptionalPart]) -> bool:
        """May the outcome occur, or be behind the bound of a loop, or a run be wrong?"""
        return engine.cut([*always, *present]) or engine.fails([*always, *present])

    def core(present: Sequence[OptionalPart]) -> list[OptionalPart]:
        """Parts that suffice; the last question was about ``present``."""
        found = engine.core(present)
        return list(present) if engine.cut([*always, *found]) else found

    found: list[tuple[OptionalPart, ...]] = []
    largest: list[frozenset[OptionalPart]] = []  # sets with which the outcome is possible
    seed: Sequence[OptionalPart] | None = parts
    try:
        while seed is not None and len(found) < bound:
            engine.budget.tell("looking for reason", len(found) + 1, bound)
            if (found or largest) and possible(seed):
                largest.append(_grown(parts, seed, possible))
            else:
                found.append(_smallest(core, seed, possible))
            seed = _seed(parts, found, largest)
    except LimitError as limit:
        if not found:
            raise
        return Reasons(tuple(found), False, f"{limit}; other reasons were not looked for")
    return Reasons(tuple(found), seed is None)


def _smallest(
    core: Callable[[Sequence[OptionalPart]], list[OptionalPart]],
    present: Sequence[OptionalPart],
    possible: Callable[[Sequence[OptionalPart]], bool],
) -> tuple[OptionalPart, ...]:
    """A subset that suffices, and none of whose subsets does; the last question was about ``present``."""
    now = core(present)
    for part in sorted(now, key=lambda p: _WEIGHT[p.kind]):
        rest = [p for p in now if p is not part]
        if part in now and not possible(rest):
            now = core(rest)
    return tuple(now)


def _grown(
    parts: Sequence[OptionalPart],
    present: Sequence[OptionalPart],
    possible: Callable[[Sequence[OptionalPart]], bool],
) -> frozenset[OptionalPart]:
    """As many parts as possible with which the outcome is still possible."""
    now = list(present)
    for part in parts:
        if part not in now and possible([*now, part]):
            now.append(part)
    return frozenset(now)


def _seed(
    parts: Sequence[OptionalPart],
    found: Sequence[Sequence[OptionalPart]],
    largest: Sequence[frozenset[OptionalPart]],
) -> list[OptionalPart] | None:
    """A set that contains no reason that is known, and is in no set with which the outcome is possible."""

    def search(at: int, out: frozenset[OptionalPart]) -> frozenset[OptionalPart] | None:
        if at == len(found):
            kept = frozenset(parts) - out
            return None if any(kept <= other for other in largest) else kept
        if not out.isdisjoint(found[at]):
            return search(at + 1, out)
        tries = (search(at + 1, out | {part}) for part in found[at])
        return next((kept for kept in tries if kept is not None), None)

    kept = search(0, frozenset())
    return None if kept is None else [p for p in parts if p in kept]
