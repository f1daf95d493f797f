"""The explorer as a judge: the same questions and answers as the Z3 judge's."""

from __future__ import annotations

import time

from verifier.explore.search import Exploration, Search, machine_of
from verifier.program.answer import Answer
from verifier.program.events import Program
from verifier.program.profiles import GENERIC, Switches
from verifier.program.values import Value


def decide(
    program: Program,
    *,
    model: str = "x86-tso",
    switches: Switches = GENERIC,
    timeout: float | None = None,
    limit_states: int | None = None,
    want_states: bool = False,
    witnesses: bool = True,
) -> Answer:
    """Decide a program by running it in all ways.

    ``model`` ``sc`` is ``x86-tso`` without store buffers; ``switches`` say where machines differ;
    ``timeout`` is in seconds; ``limit_states`` gives up after so many states: what was seen until then
    is still told, the rest is not known. Raises ``UsageError`` for an unknown model.
    """
    machine = machine_of(program, model, switches)
    deadline = None if timeout is None else time.monotonic() + timeout
    holding: set[bool] = set()

    def classes(found: Exploration, state: tuple[Value, ...]) -> object:
        holds = found.holds(state)
        holding.add(holds)
        return holds if witnesses else None

    # A wrong address must not be missed, so the search does not end before all was seen.
    found = Search(machine, limit_states, deadline, classes).run()
    if found.bad is not None:
        return Answer(bad=found.bad, reason="an access to something that is no cell")
    pairs = {(found.project(s), found.holds(s)) for s in found.states} if found.complete else set()
    unknown = None if not found.complete else False
    return Answer(
        reachable=True if True in holding else unknown,
        refutable=True if False in holding else unknown,
        witness=found.traces.get(True),
        counter=found.traces.get(False),
        states=tuple(sorted({s for s, _ in pairs}, key=_order)) if want_states and found.complete else None,
        positive=sum(h for _, h in pairs) if want_states and found.complete else None,
        negative=sum(not h for _, h in pairs) if want_states and found.complete else None,
        cut=found.cut,
        deadlock=found.complete and not found.states,
        reason="" if found.complete else _reason(deadline),
    )


def _reason(deadline: float | None) -> str:
    return "timeout" if deadline is not None and time.monotonic() > deadline else "too many states"


def _order(state: tuple[Value, ...]) -> list[tuple[int, str]]:
    return [(v, "") if isinstance(v, int) else (0, str(v)) for v in state]
