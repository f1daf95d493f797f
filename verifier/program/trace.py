"""A run, told step by step: what both judges hand to the renderers."""

from __future__ import annotations

from dataclasses import dataclass, field

from verifier.program.events import Event
from verifier.program.values import Value


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run.

    ``kind``  ``exec`` (an event's instant; for a store: it enters the store buffer),
              ``commit`` (a buffered store reaches memory), ``fill`` (a page walk caches a
              translation; ``note`` says of what), ``snapshot`` (the instant an ``ever`` speaks of).
    ``reads`` (cell name, value) pairs of what was read, ``writes`` likewise; for ``fill``,
              ``reads`` is the entry walked.
    """

    kind: str
    cpu: int | None
    event: Event | None = None
    reads: tuple[tuple[str, Value], ...] = ()
    writes: tuple[tuple[str, Value], ...] = ()
    note: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A whole run and the final state it ends in (values of ``program.shown``)."""

    steps: tuple[Step, ...]
    state: tuple[Value, ...] = field(default=())
