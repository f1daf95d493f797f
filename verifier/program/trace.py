"""A run, told step by step: what both judges hand to the renderers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from verifier.program.events import Event, Program
from verifier.program.expressions import Expr, evaluate
from verifier.program.values import GLOBAL, Ptr, Value, flags, truth

StepKind = Literal[
    "exec", "commit", "walk", "fill", "fault", "update", "flush", "fetch", "snapshot", "warn", "cached"
]


class Step(NamedTuple):
    """One step of a run.

    ``kind``  ``exec`` (an event's instant; for a store: it enters the store buffer),
              ``commit`` (a buffered store reaches memory), ``walk`` and ``fill`` (a page walk reads
              an upper entry, or the last one: a translation is cached), ``fault`` (it is taken),
              ``update`` (the processor sets A or D), ``flush`` (an INVLPGB takes effect on a CPU),
              ``fetch`` (an instruction is prefetched), ``snapshot`` (the instant of an ``ever``),
              ``warn`` (a WARN or BUG is hit),
              ``cached`` (what a condition on the TLB rests on: the entry that it finds, since when it
              has been there, and why what was flushed since then has left it).
    ``reads`` (cell name, value) pairs of what was read, ``writes`` likewise; for ``fill``,
              ``reads`` is the entry walked.
    ``rule``  the rule that lets it happen; 8.10 of a delivery: the interrupt before it goes on with
              this function, and of a return: it goes on with another one.
    """

    kind: StepKind
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
            why = f"is for PCID {self.pcid}, and this entry has PCID {tag}"
        else:
            why = "does not cover it"
        return f"{self.text} {why}"


def standing(since: str, left: Iterable[str]) -> str:
    """Why an entry can still be used: since when it has been there, and what has left it."""
    return "; ".join([since, *(dict.fromkeys(left) or ["no flush since"])])


def warned(program: Program, steps: Iterable[Step], slots: Mapping[int, Value]) -> tuple[Step, ...]:
    """The steps with those at which a WARN or BUG is hit, each after what its body did before it.

    ``slots`` are the values that were read in this run.
    """
    out = list(steps)
    for w in reversed(program.warns):
        if not _holds(w.hit, slots):
            continue
        before = [e.id for e in program.bodies[w.body].events if e.id <= w.after]
        places = [
            i for i, s in enumerate(out) if s.event is not None and s.event.id in before and s.kind == "exec"
        ]
        text = w.span.text if w.span is not None else "WARN_ON"
        event = Event(-1, w.body, w.cpu, "WARN", span=w.span, text=text)
        out.insert(max(places, default=-1) + 1, Step("warn", w.cpu, event))
    return tuple(out)


def _holds(expr: Expr, slots: Mapping[int, Value]) -> bool:
    try:
        return truth(evaluate(expr, slots))
    except KeyError:
        return False  # its body has not come there
