"""Which part of a test each ordered pair of events rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.lower.optional import OptionalPart, PartKind
from verifier.program.events import Event
from verifier.program.ops import Op
from verifier.program.windows import Windows
from verifier.source import Span
from verifier.why.engine import Candidates

_STORED = ("drain", "drain_nt", "sfence", "icr")  # the rules by which an event waits for stores
_ORDERED = ("ppo", *_STORED)
_FLUSHED = ("fresh", "fresh_upper", "start", "broadcast")
# By rule, op of one of the two events, and the kind of part without which there is no such pair.
_BOTH: tuple[tuple[tuple[str, ...], Op, PartKind], ...] = (
    (_ORDERED, "F", "barrier"),
    ((*_ORDERED, "ipi"), "WAIT", "wait"),
    ((*_ORDERED, "broadcast"), "TLBSYNC", "wait"),
    ((*_ORDERED, "grace"), "GP", "grace period"),
    (("grace",), "RCU", "reader"),
    (("grace",), "RCU", "IRQ-off region"),
    (_FLUSHED, "CR3", "flush"),
    (_FLUSHED, "INV", "flush"),
    (_FLUSHED, "BINV", "flush"),
    (("refetch",), "CR3", "serialization"),
    (("refetch",), "INV", "serialization"),
    ((*_ORDERED, "refetch"), "SER", "serialization"),
)  # fmt: skip
# Likewise, but only of the event that waits for stores.
_SECOND: tuple[tuple[Op, PartKind], ...] = (
    ("X", "LOCK"), ("CR3", "serialization"), ("INV", "serialization"),
)  # fmt: skip


class Rests:
    """The parts that pairs of events rest on, among those that are present."""

    def __init__(self, candidates: Candidates, present: Iterable[OptionalPart]) -> None:
        self.parts = {(p.kind, p.span): p for p in present}
        self.events: dict[int, Event] = {e.id: e for e in candidates.program.events}
        events = candidates.program.events
        self.events |= {node: events[event] for (event, _), node in candidates.encoding.flushes.items()}
        windows = Windows(candidates.program)
        self.readers: dict[int, Span | None] = {}
        for lock, unlocks in candidates.program.sections():
            begin = lock if lock.span is not None else windows.window(lock)
            if begin is not None:
                self.readers |= dict.fromkeys((mark.id for mark in (lock, *unlocks)), begin.span)

    def on(self, first: int, second: int, rule: str) -> Iterator[OptionalPart]:
        """The parts without which ``first`` does not come before ``second`` by a rule of the model."""
        a, b = self.events.get(first), self.events.get(second)
        for event in (a, b):
            for rules, op, kind in _BOTH:
                if event is not None and rule in rules and event.op == op:
                    yield from self._part(kind, self.readers.get(event.id, event.span))
        for op, kind in _SECOND:
            if b is not None and rule in _STORED and b.op == op:
                yield from self._part(kind, b.span)
        if a is not None and rule == "ppo" and a.op == "X":
            yield from self._part("LOCK", a.span)

    def _part(self, kind: PartKind, span: Span | None) -> Iterator[OptionalPart]:
        found = None if span is None else self.parts.get((kind, span))
        if found is not None:
            yield found
