"""A run, told step by step: what both judges hand to the renderers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from verifier.program.events import Event
from verifier.program.values import GLOBAL, Ptr, Value, flags


class Step(NamedTuple):
    """One step of a run.

    ``kind``  ``exec`` (an event's instant; for a store: it enters the store buffer),
              ``commit`` (a buffered store reaches memory), ``walk`` and ``fill`` (a page walk reads
              an upper entry, or the last one: a translation is cached), ``fault`` (it is taken),
              ``update`` (the processor sets A or D), ``flush`` (an INVLPGB takes effect on a CPU),
              ``fetch`` (an instruction is prefetched), ``snapshot`` (the instant of an ``ever``),
              ``cached`` (what a condition on the TLB rests on: the entry that it finds, since when it
              has been there, and why what was flushed since then has left it).
    ``reads`` (cell name, value) pairs of what was read, ``writes`` likewise; for ``fill``,
              ``reads`` is the entry walked.
    ``rule``  the rule that lets it happen; 8.10 of a delivery: the interrupt before it goes on with
              this function, and of a return: it goes on with another one.
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


class Flush(NamedTuple):
    """An invalidation, as far as it says why it leaves an entry.

    ``text``  how to call it; ``va`` and ``pcid`` what it names or acts on, None if that is everything;
    ``nothing``  it removes nothing at all (a CR3 write with bit 63 set).
    """

    text: str
    va: Value | None = None
    pcid: Value | None = None
    nothing: bool = False

    def leaves(self, va: Ptr, tag: Value, content: Value) -> str:
        """Why it leaves an entry that it does not remove."""
        if self.nothing:
            why = "flushes nothing"
        elif self.va not in (None, va):
            why = f"is for {self.va}"
        elif flags(content) & GLOBAL:
            why = "keeps global entries"
        elif self.pcid not in (None, tag):
            why = f"is for PCID {self.pcid}, and this is of PCID {tag}"
        else:
            why = "does not cover it"
        return f"{self.text} {why}"


def standing(since: str, left: Iterable[str]) -> str:
    """Why an entry can still be used: since when it has been there, and what has left it."""
    return "; ".join([since, *(dict.fromkeys(left) or ["nothing flushed since"])])
