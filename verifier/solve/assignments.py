"""Models of clauses side by side: are they models, and what do they choose?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verifier.budget import Budget
from verifier.errors import InternalError
from verifier.solve.together import Bundle, Clause

_DIGITS = bytes.maketrans(b"01", b"\0\1")


def chosen(rows: Sequence[Clause], models: Assignments, shown: Sequence[Sequence[int]]) -> set[Clause]:
    """Which literal of each of ``shown`` holds, for all models. Raises ``InternalError`` if a model breaks a
    clause, or if several literals of one choice hold, or none."""
    if not all(models.hold(row) for row in rows):
        raise InternalError("a state that the search has found breaks a clause")
    choices = [models.choice(literals) for literals in shown]
    return set(zip(*choices, strict=True)) if shown else {()}


def refusals(found: Iterable[Clause], shown: Sequence[Sequence[int]], budget: Budget) -> list[Clause]:
    """Clauses that together rule out exactly the choices that are found; fewer if the time is over. If all
    literals of the last choice are found behind the same ones before it, one shorter clause is for all."""
    refused: list[Clause] = []
    left = set(found)
    for literals in reversed(shown):
        if budget.over:
            return refused
        behind: dict[Clause, int] = {}
        for choice in left:
            behind[choice[:-1]] = behind.get(choice[:-1], 0) + 1
        full = {before for before, count in behind.items() if count == len(literals)}
        refused += [tuple([-x for x in choice]) for choice in left if choice[:-1] not in full]
        left = full
    return refused + [() for _ in left]


class Assignments:
    """Models side by side: for each literal a number with one byte a model, 1 where it holds. ``columns``:
    those of the variables; the first one stands for none."""

    def __init__(self, count: int, columns: list[int]) -> None:
        self.count = count
        self.ones = int.from_bytes(b"\1" * self.count, "little")
        self.of = columns + [self.ones ^ c for c in columns[:0:-1]]  # a negative literal counts from the end

    def hold(self, row: Clause) -> bool:
        """Does a clause hold in all of them?"""
        held = 0
        for x in row:
            held |= self.of[x]
        return held == self.ones

    def choice(self, literals: Sequence[int]) -> list[int]:
        """The one literal that holds, in each of them."""
        if len(literals) > 255 or sum(self.of[x] for x in literals) != self.ones:  # a sum has a byte a model
            return self._slowly(literals)
        place = sum(at * self.of[x] for at, x in enumerate(literals))
        return [literals[at] for at in place.to_bytes(self.count, "little")]

    def _slowly(self, literals: Sequence[int]) -> list[int]:
        held = [(x, self.of[x].to_bytes(self.count, "little")) for x in literals]
        found = [[x for x, holds in held if holds[model]] for model in range(self.count)]
        if any(len(one) != 1 for one in found):
            raise InternalError("a state that the search has found has several values in one place, or none")
        return [x for (x,) in found]

    @classmethod
    def of_models(cls, models: Sequence[bytes]) -> Assignments:
        """From models that have one byte a variable, 1 where it is true; byte 0 stands for none."""
        text, width = b"".join(models), len(models[0])
        return cls(len(models), [int.from_bytes(text[v::width], "little") for v in range(width)])

    @classmethod
    def of_bundle(cls, bundle: Bundle) -> Assignments:
        """From candidates, all alive, that are models if all variables without a value are false."""
        true, count = bundle.true, bundle.width
        return cls(count, [_spread(bits, count) for bits in true[: len(true) // 2 + 1]])


def _spread(bits: int, count: int) -> int:
    """A number with one byte for each bit."""
    return int.from_bytes(f"{bits:0{count}b}".encode().translate(_DIGITS), "big") if bits else 0
