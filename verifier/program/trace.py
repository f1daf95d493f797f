"""A run, told step by step: what both judges hand to the renderers."""

from __future__ import annotations

from typing import NamedTuple

from verifier.program.events import Event
from verifier.program.values import Value


class Step(NamedTuple):
    """One step of a run.

    ``kind``  ``exec`` (an event's instant; for a store: it enters the store buffer),
              ``commit`` (a buffered store reaches memory), ``walk`` and ``fill`` (a page walk reads
              an upper entry, or the last one: a translation is cached), ``fault`` (it is taken),
              ``update`` (the processor sets A or D), ``flush`` (an INVLPGB takes effect on a CPU),
              ``fetch`` (an instruction is prefetched), ``snapshot`` (the instant of an ``ever``).
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
