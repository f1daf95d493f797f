"""Which locals of a body's code somebody may still look at."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache

from verifier.lower.code import Assume, Branch, Decide, Emit, Instruction, Jump, Label, SetRegister, Warn
from verifier.program.expressions import Expr, Reg, bits_in, parts


class Liveness:
    """The live locals of a body's code at each label and at its end.

    ``at_end``: the locals that somebody looks at at its end; ``at_rest``: where the body waits, or is
    ``interrupted`` by what comes to rest.
    """

    def __init__(
        self,
        code: tuple[Instruction, ...],
        at_end: Collection[str],
        at_rest: Collection[str] = (),
        interrupted: bool = False,
    ) -> None:
        self._names: dict[str, int] = {}
        self._set = 0  # those that the code sets
        self._end = self._mask(at_end)
        self._live: dict[int, int] = {}  # by the index of a label, and of the end
        self._find(code, self._mask(at_rest), interrupted)

    def _find(self, code: tuple[Instruction, ...], at_rest: int, interrupted: bool) -> None:
        labels = {x.name: i for i, x in enumerate(code) if isinstance(x, Label)}
        found = self._live
        found |= dict.fromkeys(labels.values(), 0)
        found[len(code)] = self._end
        steps: list[tuple[int, int, int, int]] = []  # from the end: a label, a target, what is set, looked at
        for i in range(len(code) - 1, -1, -1):
            x = code[i]
            if isinstance(x, Label):
                steps.append((i, -1, 0, 0))
            elif isinstance(x, Jump):
                steps.append((-1, labels[x.target], -1, 0))
            else:
                new, old = self._mask(sets(x)), self._mask(_uses(x))
                self._set |= new
                if at_rest and _may_rest(x, interrupted):
                    old |= at_rest
                target = labels[x.target] if isinstance(x, Branch) else -1
                if new or old or target >= 0:
                    steps.append((-1, target, new, old))
        changed = True
        while changed:
            changed, now = False, self._end
            for label, target, new, old in steps:
                if label >= 0:
                    changed = changed or now != found[label]
                    found[label] = now
                elif new < 0:  # a jump
                    now = found[target]
                else:
                    now = (now | found[target] if target >= 0 else now) & ~new | old

    def _mask(self, names: Collection[str] | Iterator[str]) -> int:
        found = 0
        for name in names:
            found |= 1 << self._names.setdefault(name, len(self._names))
        return found

    def at(self, place: int) -> tuple[str, ...]:
        """The locals whose values somebody may look at from a label on."""
        every = list(self._names)
        return tuple([every[i] for i in bits_in(self._live[place])])

    def dead(self, name: str, place: int) -> bool:
        """Does the code set a local at which nobody looks from a label, or the end, on? At those of the end
        somebody may look wherever the body comes to rest."""
        number = self._names.get(name)
        return number is not None and (self._set & ~self._live[place] & ~self._end) >> number & 1 == 1


def _may_rest(x: Instruction, interrupted: bool) -> bool:
    """May a body rest in front of an instruction, or in it?"""
    if isinstance(x, Emit):
        return interrupted or x.op in ("WAIT", "GP")
    return isinstance(x, Assume) and bool(x.kind)


def sets(x: Instruction) -> Iterator[str]:
    """The locals that an instruction sets."""
    if isinstance(x, SetRegister):
        yield x.reg
    elif isinstance(x, Emit):
        yield from (touch.into for touch in x.touches if touch.into is not None)


def _uses(x: Instruction) -> Iterator[str]:
    """The locals that an instruction looks at, but those that it has just set."""
    if isinstance(x, SetRegister):
        yield from _names(x.value)
    elif isinstance(x, Branch | Decide | Assume | Warn):
        yield from _names(x.condition)
    elif isinstance(x, Emit):
        own = set(sets(x))
        for touch in x.touches:
            yield from _names(touch.addr)
            for expr in (touch.value, touch.when, touch.seen):
                yield from (name for name in _names(expr) if name not in own)
        for named in (x.va, x.pcid, x.waited):
            yield from _names(named)
        for target in x.targets:
            yield from _names(target.guard)
            for _, value in target.locals:
                yield from _names(value)


def _names(expr: Expr | None) -> tuple[str, ...]:
    return () if expr is None else _in(expr)


@lru_cache(maxsize=10_000)
def _in(expr: Expr) -> tuple[str, ...]:
    return tuple([part.name for part in parts(expr) if isinstance(part, Reg)])
