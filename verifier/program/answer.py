"""What a judge answers."""

from __future__ import annotations

from dataclasses import dataclass

from verifier.program.events import Event
from verifier.program.trace import Trace
from verifier.program.values import Value
from verifier.program.waits import Blocked, Loop


@dataclass(frozen=True, slots=True)
class Answer:
    """A judge's answer about one program.

    ``reachable``  the proposition holds at the end of some run; None: not known;
    ``refutable``  it fails at the end of some run; None: not known (or not asked);
    ``witness``    a run in which it holds; ``counter`` one in which it fails;
    ``states``     all final states, projected to ``Program.shown``, if they were asked for;
    ``positive, negative``  in how many of them the proposition holds and fails;
    ``cut``        some run needs more loop iterations than the bound allows;
    ``loops``      those that some such run is cut in, as far as they are known;
    ``deadlock``   no run ends;
    ``waits``      then, who waits where in one of the runs that do not; empty: it was not found out;
    ``hangs``      some run comes to a configuration that is stuck (MMR 20.1); None: not known;
    ``hang``       a run that does; ``waits`` then says who waits where in it;
    ``rests``      what can be seen in these configurations, as ``states`` has it, if it was asked for;
    ``filtered``   no state passes the filter, whether runs end or not;
    ``bad``        an event that may access something that is no cell;
    ``reason``     why something is not known.
    """

    reachable: bool | None = None
    refutable: bool | None = None
    witness: Trace | None = None
    counter: Trace | None = None
    states: tuple[tuple[Value, ...], ...] | None = None
    positive: int | None = None
    negative: int | None = None
    cut: bool = False
    deadlock: bool = False
    bad: Event | None = None
    reason: str = ""
    filtered: bool = False
    loops: tuple[Loop, ...] = ()
    waits: tuple[Blocked, ...] = ()
    hangs: bool | None = False
    hang: Trace | None = None
    rests: tuple[tuple[Value, ...], ...] | None = None
