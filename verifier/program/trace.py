"""A run, told step by step. Both judges hand runs to the renderers in this form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Literal

from verifier.program import arrivals
from verifier.program.events import Event, Program, Warned
from verifier.program.expressions import Expr, evaluate
from verifier.program.values import GLOBAL, Ptr, Value, flags, truth
from verifier.program.waits import Blocked, place
from verifier.records import NamedTuple
from verifier.source import Span

StepKind = Literal[
    "exec", "commit", "walk", "fill", "fault", "update", "flush", "fetch", "snapshot", "warn", "cached"
]


class Step(NamedTuple):
    """One step of a run.

    ``kind``  ``exec`` (an event's instant; a store enters the store buffer),
              ``commit`` (a buffered store reaches memory), ``walk`` (a page walk reads an upper entry),
              ``fill`` (a page walk reads the last entry, and the translation is cached), ``fault`` (the
              CPU takes a fault), ``update`` (the processor sets A or D), ``flush`` (an INVLPGB takes
              effect on a CPU), ``fetch`` (the CPU prefetches an instruction), ``snapshot`` (the instant
              of an ``ever``), ``warn`` (the code hits a WARN or BUG),
              ``cached`` (the TLB entry that a condition finds: since when it has been there, and why
              the flushes since then have left it).
    ``reads`` the (cell name, value) pairs that were read; for ``fill`` the entry that was walked;
    ``writes`` the pairs that were written;
    ``rule``  the rule that allows the step. Rule 8.10 at a delivery: the interrupt before it continues with
              this function; at a return: it continues with another function;
    ``node``  the instant of an ``Execution`` that the step is; None: of none, or nobody asks what matters.
    """

    kind: StepKind
    cpu: int | None
    event: Event | None = None
    reads: tuple[tuple[str, Value], ...] = ()
    writes: tuple[tuple[str, Value], ...] = ()
    note: str = ""
    rule: str = ""
    node: int | None = None


MatterKind = Literal["reordered", "stale", "interleaving"]


class Matter(NamedTuple):
    """What matters in a run: why it comes to its outcome.

    ``kind``   ``reordered`` (no sequentially consistent run has the outcome: a step overtakes another one),
               ``stale`` (none has it in which each access uses what it finds at that instant: a
               translation or an instruction is used that was read before it changed), ``interleaving``
               (the order in which the CPUs take turns is enough);
    ``parts``  the sentence about it; a span stands for the line that it is in;
    ``steps``  the steps of the run that matter, as indices, in order.
    """

    kind: MatterKind
    parts: tuple[str | Span, ...]
    steps: tuple[int, ...] = ()

    def told(self, file: str) -> str:
        """The sentence; places that are not in ``file`` have the name of their file."""
        return "".join(part if isinstance(part, str) else place(part, file) for part in self.parts)


ArcKind = Literal["rf", "co", "fr", "walk", "copy", "sends", "answers", "broadcast", "grace"]


class Arc(NamedTuple):
    """Two steps of a run that have to do with each other; ``first`` and ``second`` are their indices.

    ``kind``  ``rf`` (the second step reads what the first one wrote), ``co`` (it overwrites what the first
              one wrote), ``fr`` (it overwrites what the first one read), ``walk`` (a page walk goes on to it
              from an upper entry), ``copy`` (it executes what the first one fetched), ``sends`` (an
              interrupt or a callback begins in it), ``answers`` (it waits for the first one),
              ``broadcast`` (it is the effect of an INVLPGB), ``grace`` (a grace period orders the two);
    ``what``  the cells that it is about, or what is sent.
    """

    kind: ArcKind
    first: int
    second: int
    what: tuple[str, ...] = ()


class Standing(NamedTuple):
    """A translation that stands in the TLB of ``cpu`` for a part of a run. Steps are indices.

    ``va``     the address, with its PCID where the test has any; ``content``: where it leads;
    ``since``  the step that fills it; None: it is there from the start;
    ``uses``   the steps that it serves, in order;
    ``until``  the step that removes it; None: no step does;
    ``left``   flushes in front of its last use that leave it.
    """

    cpu: int
    va: str
    content: Value
    since: int | None = None
    uses: tuple[int, ...] = ()
    until: int | None = None
    left: tuple[int, ...] = ()


class Trace(NamedTuple):
    """A whole run and the final state it ends in (values of ``program.shown``).

    ``waits``     who waits where at its end, if it hangs (MMR 20.1);
    ``matter``    which of its steps matter; None: it is not told;
    ``arcs``      what its steps have to do with each other, as the execution says;
    ``standing``  the translations that its steps use.
    """

    steps: tuple[Step, ...]
    state: tuple[Value, ...] = ()
    waits: tuple[Blocked, ...] = ()
    matter: Matter | None = None
    arcs: tuple[Arc, ...] = ()
    standing: tuple[Standing, ...] = ()

    @property
    def buffers(self) -> bool:
        """Does a store wait in a store buffer while something else happens?"""
        return any(
            last.event is not step.event for last, step in pairwise(self.steps) if step.kind == "commit"
        )


class Flush(NamedTuple):
    """An invalidation, with the facts that explain why it leaves an entry.

    ``text``     its name in a story;
    ``va``       the address on which it acts, None if it acts on all; ``pcid`` likewise;
    ``nothing``  does it remove nothing (a CR3 write with bit 63 set)?
    """

    text: str
    va: Value | None = None
    pcid: Value | None = None
    nothing: bool = False

    def leaves(self, va: Ptr, tag: Value, content: Value) -> str:
        """Why it leaves an entry; the caller knows that it does."""
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
    """Why an entry can still be used: since when it has been there, and why flushes have left it."""
    return "; ".join([since, *(dict.fromkeys(left) or ["no flush since"])])


MERGED = "one interrupt comes for this and for another send"


def completed(program: Program, steps: Iterable[Step], slots: Mapping[int, Value]) -> tuple[Step, ...]:
    """The steps with what the values say: where the code hits a WARN or BUG, and which sends were merged.

    ``slots`` has the values that were read in this run.
    """
    out, merged = list(steps), {program.bodies[b].send for b in arrivals.merged_sends(program, slots)}
    for i, step in enumerate(out):
        if step.kind == "exec" and step.event in merged:
            out[i] = step._replace(note="; ".join(filter(None, (step.note, MERGED))), rule=step.rule or "8.3")
    for w in reversed(program.warns):
        if _holds(w.hit, slots):
            _warn(program, w, out)
    return tuple(out)


def _warn(program: Program, w: Warned, out: list[Step]) -> None:
    """Add the step of a WARN or BUG. It comes after those of the events that come before it in its body."""
    before = [e.id for e in program.bodies[w.body].events if e.id <= w.after]
    places = [
        i for i, s in enumerate(out) if s.event is not None and s.event.id in before and s.kind == "exec"
    ]
    text = w.span.text if w.span is not None else "WARN_ON"
    event = Event(-1, w.body, w.cpu, "WARN", span=w.span, text=text)
    out.insert(max(places, default=-1) + 1, Step("warn", w.cpu, event))


def _holds(expr: Expr, slots: Mapping[int, Value]) -> bool:
    try:
        return truth(evaluate(expr, slots))
    except KeyError:
        return False  # its body has not come there
