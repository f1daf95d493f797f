"""A run, told step by step: what both judges hand to the renderers."""

from __future__ import annotations

from typing import NamedTuple

from verifier.program.events import Event
from verifier.program.values import Value


class Step(NamedTuple):
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


class Trace(NamedTuple):
    """A whole run and the final state it ends in (values of ``program.shown``)."""

    steps: tuple[Step, ...]
    state: tuple[Value, ...] = ()
