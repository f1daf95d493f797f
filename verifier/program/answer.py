"""The answer of a judge."""

from __future__ import annotations

from verifier.program.trace import Trace
from verifier.program.undefined import Wrong
from verifier.program.values import Value
from verifier.program.waits import Loop
from verifier.records import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """A judge's answer about one program.

    ``reachable``  does the proposition hold at the end of some run? None: not known;
    ``refutable``  does it fail at the end of some run? None: not known, or not asked;
    ``witness``    a run in which it holds; ``counter``: a run in which it fails;
    ``states``     all final states, projected to ``Program.shown``, if the caller wants them;
    ``positive, negative``  the numbers of states in which the proposition holds, and fails;
    ``cut``        some run needs more loop iterations than the bound allows;
    ``loops``      the loops in which such runs are cut, as far as they are known;
    ``deadlock``   no run ends;
    ``hangs``      some run comes to a stuck configuration (MMR 20.1); None if this is not known;
    ``hang``       such a run, with who waits where at its end;
    ``rests``      the observations in stuck configurations, as ``states`` has them, if asked for;
    ``filtered``   no state passes the filter, whether runs end or not;
    ``bad``        what makes some run one of which nothing is known: an access to an address without a cell,
                   or a decision by an undefined value. Of the latter, other runs say what else is known:
                   ``reachable``, ``refutable`` and ``hangs`` are True or None;
    ``open``       the observables whose UNDEF values decide the condition in some run (``left_open``);
    ``reason``     why something is not known; of ``bad`` the same words, if nothing else is the reason.
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
    bad: Wrong | None = None
    reason: str = ""
    filtered: bool = False
    loops: tuple[Loop, ...] = ()
    hangs: bool | None = None
    hang: Trace | None = None
    rests: tuple[tuple[Value, ...], ...] | None = None
    open: tuple[str, ...] = ()

    @property
    def stopped(self) -> bool:
        """Has a wrong run been found, and a limit kept the judge from seeing what others show?"""
        return self.bad is not None and self.reason != self.bad.told
