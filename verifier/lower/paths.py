"""Where control may be in a body that is unrolled: under which conditions, with which locals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from verifier.budget import Budget
from verifier.program.expressions import FALSE, TRUE, Apply, Expr, Reg, call, large_parts
from verifier.records import dataclass, field

Env = dict[str, Expr]


@dataclass(slots=True)
class LoopEntry:
    """A turn's beginning: how many events, warnings, assumptions and sections handed over there were, and
    where control and locals were. ``earlier``: the beginning of the turn before."""

    events: int
    warns: int
    assumes: int
    handed: int
    guard: tuple[Expr, ...]
    env: Env
    groups: dict[str, tuple[int, ...]]
    earlier: LoopEntry | None = None

    def turns(self) -> Iterator[LoopEntry]:
        """The beginnings of this turn and those before it, this one first."""
        entry: LoopEntry | None = self
        while entry is not None:
            yield entry
            entry = entry.earlier


@dataclass(slots=True)
class Path:
    """Where control may be: under which conditions, with which locals.

    ``guard`` is a conjunction, outermost condition first; ``groups`` are the handlers that a WAIT
    of each group waits for; ``turns``, by the place of a label: where the path has come by it last, if all
    that it is made of has come by together.
    """

    guard: tuple[Expr, ...]
    env: Env
    groups: dict[str, tuple[int, ...]]
    turns: dict[int, LoopEntry] = field(default_factory=dict)

    def under(self, condition: Expr) -> Path | None:
        """This path where the condition holds as well; None where it cannot."""
        if condition == FALSE:
            return None
        guard = self.guard if condition == TRUE else (*self.guard, condition)
        return Path(guard, dict(self.env), dict(self.groups), dict(self.turns))


def negation(a: Expr) -> Expr:
    """The opposite of a condition."""
    return call("not", a)


def _split(a: tuple[Expr, ...], b: tuple[Expr, ...]) -> tuple[tuple[Expr, ...], Expr, Expr]:
    """The common prefix of two conjunctions, and what each adds to it."""
    n = 0
    while n < len(a) and n < len(b) and a[n] == b[n]:
        n += 1
    return a[:n], call("and", *a[n:]), call("and", *b[n:])


def _complementary(a: tuple[Expr, ...], b: tuple[Expr, ...]) -> bool:
    """Is one guard, beyond what they share, the negation of the other? Long ones are not looked into."""
    short, long = (a, b) if len(a) <= len(b) else (b, a)
    n = len(short) - 1  # what both share is all of the shorter one, but its last condition
    if n < 0 or short[:n] != long[:n] or short[n] == long[n]:
        return False
    last, rest = short[n], long[n:]
    if len(rest) > 1 and not (isinstance(last, Apply) and last.function == "not"):
        return False
    x, y = call("and", last), call("and", *rest)
    return x == negation(y) or y == negation(x)


def _merge_two(a: Path, b: Path, dead: Callable[[str], bool]) -> Path:
    common, mine, other = _split(a.guard, b.guard)
    if mine == negation(other) or other == negation(mine) or TRUE in (mine, other):
        guard = common
    else:
        guard = (*common, call("or", mine, other))
    env = dict(a.env)  # a local that a path has not written is 0 there
    for name, y in b.env.items():
        x = env.setdefault(name, FALSE)
        if x is not y and not dead(name):
            env[name] = call("ite", mine, x, y)
    for name in a.env.keys() - b.env.keys():
        if a.env[name] != FALSE and not dead(name):
            env[name] = call("ite", mine, a.env[name], FALSE)
    groups = {
        name: tuple(sorted({*a.groups.get(name, ()), *b.groups.get(name, ())}))
        for name in a.groups.keys() | b.groups.keys()
    }
    turns = {at: entry for at, entry in a.turns.items() if b.turns.get(at) is entry}
    return Path(guard, env, groups, turns)


def merge(paths: list[Path], budget: Budget, dead: Callable[[str], bool]) -> Path | None:
    """All paths as one. Complementary ones first, so that guards fold back to what they were; they are
    looked for among the last few, where branches leave them. ``dead``: of a local, does nobody look at it any
    more?"""
    while len(paths) > 1:
        budget.tick()
        last = len(paths) - 1
        near = (
            (j, i)
            for i in range(last, max(0, last - 8), -1)
            for j in range(i - 1, max(-1, i - 9), -1)
            if _complementary(paths[j].guard, paths[i].guard)
        )
        j, i = next(near, (last - 1, last))
        paths[j] = _merge_two(paths[j], paths.pop(i), dead)
    return paths[0] if paths else None


def substitute(expr: Expr, env: Mapping[str, Expr]) -> Expr:
    """An expression over locals as one over slots; a local never written is 0."""
    if isinstance(expr, Reg):
        return env.get(expr.name, FALSE)
    if not isinstance(expr, Apply) or not expr.open:
        return expr
    if not expr.large:
        return call(expr.function, *[substitute(a, env) for a in expr.args])
    known: dict[Expr, Expr] = {}
    for part in large_parts(expr):
        args = [known[a] if a in known else substitute(a, env) for a in part.args]
        known[part] = call(part.function, *args)
    return known[expr]
