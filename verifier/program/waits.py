"""Where runs may wait, and where loops are cut. Messages about runs that do not end are made from this."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Literal

from verifier.program.expressions import TRUE, Expr
from verifier.records import NamedTuple
from verifier.source import Span

WaitKind = Literal["", "spin", "lock", "retry", "halt", "interrupt", "answers", "stopped"]
StopKind = Literal["look", "answers", "grace", "pending", "interrupted"]
BlockedKind = Literal[WaitKind, "answers", "grace period", "tlbsync"]


class Wait(NamedTuple):
    """The meaning of an assumption: ``Program.waits`` has one for each of ``Program.assumes``.

    ``kind``    ``spin`` (a loop that only reads has ended), ``lock`` (a word waits until one place has
                a value), ``retry`` (a lock is taken right after a look that found it free: who fails looks
                again, so that nobody waits here), ``halt`` (HLT waits for an interrupt), ``interrupt``
                (everything that is sent is delivered); empty: the ``assume()`` of a user, for which no CPU
                waits;
    ``what``    the words for it, ``until READ_ONCE(x) is true``; empty for a lock, whose name is enough, and
                for a loop whose source does not say it;
    ``events``  the ids of the events that read the awaited values;
    ``after``   the id of the event of its body in front of it; -1 if there is none;
    ``holds``   what is waited for, over slots, if it is one condition;
    ``returns`` those of the events that take something or give it back, and look at nothing: a lock of each
                turn, the interrupt flag.
    """

    cpu: int
    kind: WaitKind
    what: str = ""
    span: Span | None = None
    events: tuple[int, ...] = ()
    after: int = -1
    holds: Expr = TRUE
    returns: tuple[int, ...] = ()


class Stop(NamedTuple):
    """A place where a body may come to rest for ever; ``Program.stops`` has them in the order of events.

    ``kind``    ``look``: what ``wait`` looks for does not come; ``answers``: handlers of the WAIT ``event``
                are not acknowledged; ``grace``: nor does the grace period end that the GP ``event`` ends;
                ``pending``: the handler ``body`` is sent, and not delivered; ``interrupted``, in front of
                ``event``: by something that has come to rest itself;
    ``slot``    1 where the body does, else 0; nothing decides it but that the configuration is stuck.
    """

    kind: StopKind
    cpu: int
    body: int
    slot: int
    wait: Wait | None = None
    event: int | None = None


class Loop(NamedTuple):
    """A loop of one body that may be cut: ``Program.loops`` has one for each of ``Program.cuts``.

    ``body`` is the name of its program or handler in messages; ``span`` is the whole loop; ``endless``:
    nothing leaves it; ``any_number``: it may turn any number of times, and others come in between or can
    see it; ``sends``: the handler that sends itself at ``span``; ``walks``: a turn changes nothing and
    follows addresses that it has read, as a walk over a list does.
    """

    cpu: int
    body: str
    span: Span | None = None
    endless: bool = False
    any_number: bool = False
    sends: str = ""
    walks: bool = False

    @property
    def needs(self) -> str:
        """What it needs."""
        if self.endless:
            return "never"
        return "any number" if self.any_number else "more"

    @property
    def lines(self) -> tuple[int, int] | None:
        """Its first and its last line."""
        if self.span is None:
            return None
        return self.span.line, self.span.source.position(max(self.span.start, self.span.end - 1))[0]

    def told(self, file: str) -> str:
        """``lines 5-10 of P1``, with the name of the loop's file if this is not ``file``."""
        if self.span is None or self.lines is None:
            return self.body
        first, last = self.lines
        lines = f"line {first}" if first == last else f"lines {first}-{last}"
        other = "" if self.span.source.name == file else f" of {os.path.basename(self.span.source.name)}"
        again = f", which sends {self.sends}() again," if self.sends else ""
        return f"{lines}{other} of {self.body}{again}"


class Blocked(NamedTuple):
    """A CPU or a handler that waits for ever in a run that does not end.

    ``kind``     as in ``Wait``, or ``answers`` (of other CPUs, to a call), ``grace period``, ``tlbsync``;
                 empty: nobody waits, but an ``assume()`` fails;
    ``cpu``      the CPU on which it waits;
    ``span``     where it waits: the spin, the lock's word, the call; for an interrupt that does not come:
                 the SEND;
    ``what``     what it waits for, to follow ``waits in line 9``: ``for l``, ``until READ_ONCE(x) is true``;
    ``held_by``  the reason, as a clause: ``CPU 1 has held it since line 7``, ``x is 0``; empty if it is not
                 known;
    ``handler``  the handler that waits, if it has not begun; else empty;
    ``inside``   the handler or NMI in which the CPU waits, ``f()``, ``the NMI``; empty in its program.
    """

    kind: BlockedKind
    cpu: int
    span: Span | None
    what: str
    held_by: str = ""
    handler: str = ""
    inside: str = ""

    def told(self, file: str) -> str:
        """``CPU 1, in f(), waits in line 9 for l, and CPU 0 has held it since line 5``."""
        where = reached(self.span, file)
        if not self.kind:
            return f"{self.what} of CPU {self.cpu}{f' in {where}' if where else ''} does not hold"
        if self.handler:
            said = f"{self.handler}{f', sent in {where},' if where else ''} waits on CPU {self.cpu}"
        else:
            said = f"CPU {self.cpu}{f', in {self.inside},' if self.inside else ''} waits"
            said += f" in {where}" if where else ""
        return f"{said} {self.what}{f', and {self.held_by}' if self.held_by else ''}"


def place(span: Span | None, file: str) -> str:
    """``line 9``, or ``tlb.h:9`` if the span is not in ``file``; empty if the place is not known."""
    if span is None:
        return ""
    if span.source.name == file:
        return f"line {span.line}"
    return f"{os.path.basename(span.source.name)}:{span.line}"


def reached(span: Span | None, file: str) -> str:
    """``place``; for the code of an include's function the line that calls it comes first:
    ``line 9 (tlb.inc:40)``."""
    said = place(span, file)
    if span is None or span.called is None or span.called.source.name != file or span.source.name == file:
        return said
    return f"{place(span.called, file)} ({said})"


def loops_told(loops: Iterable[Loop], file: str) -> str:
    """``the loop in lines 5-10 of P1 needs more iterations``, or never ends; empty if none is known."""
    every = list(loops)
    ways = (
        ("never", "never ends: nothing leaves it", "never end: nothing leaves them"),
        (
            "any number",
            "may turn any number of times before others come in between, or see what it does",
            "may turn any number of times before others come in between, or see what they do",
        ),
        ("more", "needs more iterations", "need more iterations"),
    )
    parts = []
    for needs, one, many in ways:
        said = [loop.told(file) for loop in every if loop.needs == needs]
        if len(said) > 1:
            parts.append(f"the loops in {', '.join(said[:-1])} and {said[-1]} {many}")
        elif said:
            parts.append(f"the loop in {said[0]} {one}")
    return "; ".join(parts)


def folded(text: str, most: int = 80) -> str:
    """Source text in one line. A long text is cut off."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 4]} ..."
