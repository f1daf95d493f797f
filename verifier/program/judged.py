"""Does a condition hold in a final state?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from verifier.program.events import Program
from verifier.program.expressions import Apply, Const, Expr, Obs, evaluate, parts
from verifier.program.values import Value, truth

State = tuple[Value, ...]  # the values of ``Program.shown``
Judge = Callable[[State], bool]
_NOTHING: Mapping[int, Value] = {}  # what was read: a condition about states does not ask


def judge(program: Program) -> Judge | None:
    """The condition of a program as a function of what is shown, of which nothing is UNDEF. None: it is about
    something else, too."""
    return _judge(program.condition, {index: place for place, index in enumerate(program.shown)})


def _judge(expr: Expr, at: Mapping[int, int]) -> Judge | None:
    if isinstance(expr, Apply) and expr.function in ("and", "or"):
        every = [f for f in (_judge(a, at) for a in expr.args) if f is not None]
        if len(every) < len(expr.args):
            return None
        if expr.function == "and":
            return lambda state: all([f(state) for f in every])
        return lambda state: any([f(state) for f in every])
    known = _known(expr)
    if known is None or not at.keys() >= set(known.asked):
        return None
    if len(known.asked) == 1:
        place = at[known.asked[0]]
        return lambda state: known[state[place]]
    places = [at[index] for index in known.asked]
    return lambda state: known[tuple([state[place] for place in places])]


class _Known(dict[object, bool]):
    """Whether a condition holds, by the value of the one observable that it is about, or those of several;
    each is found once."""

    def __init__(self, expr: Expr, asked: tuple[int, ...]) -> None:
        self.expr, self.asked = expr, asked

    def __missing__(self, found: object) -> bool:
        values = (found,) if len(self.asked) == 1 else found
        seen = dict(zip(self.asked, values, strict=True))  # type: ignore[call-overload]
        holds = self[found] = truth(evaluate(self.expr, _NOTHING, seen))
        return holds


@lru_cache(maxsize=1024)
def _known(expr: Expr) -> _Known | None:
    """None: it asks what was read. Tests ask the same of their first observables."""
    if not isinstance(expr, Const | Obs | Apply) or (isinstance(expr, Apply) and expr.slots):
        return None
    return _Known(expr, tuple(dict.fromkeys(p.index for p in parts(expr) if isinstance(p, Obs))))
