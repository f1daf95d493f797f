"""Edits that help, and equal ones as one answer."""

from __future__ import annotations

from verifier.records import dataclass
from verifier.why.edits import Edit, place


@dataclass(slots=True)
class Mending:
    """Edits that make the outcome impossible, each in places from ``low`` to ``high`` of its block."""

    edits: tuple[Edit, ...]
    spread: tuple[tuple[int, int], ...]

    @property
    def cost(self) -> int:
        """The cost of all edits."""
        return sum(e.cost for e in self.edits)

    def joined(self, other: Mending) -> Mending | None:
        """Both as one answer, if they differ only in one place, and that of one is next to the other's."""
        if [e.same_but_place for e in self.edits] != [e.same_but_place for e in other.edits]:
            return None
        differ = [i for i, (a, b) in enumerate(zip(self.spread, other.spread, strict=True)) if a != b]
        if len(differ) != 1 or self.edits[differ[0]].body is None:
            return None
        (low, high), (other_low, other_high) = self.spread[differ[0]], other.spread[differ[0]]
        if other_low > high + 1 or low > other_high + 1:
            return None
        spread = list(self.spread)
        spread[differ[0]] = min(low, other_low), max(high, other_high)
        first = self if low <= other_low else other
        return Mending(first.edits, tuple(spread))

    @property
    def places(self) -> int:
        """In how many places it can stand."""
        number = 1
        for low, high in self.spread:
            number *= high - low + 1
        return number

    def told(self) -> tuple[str, ...]:
        """What to do, one line for each edit."""
        return tuple(
            e.what if e.body is None else f"{_verb(e)} {place(e.body, low, high)}"
            for e, (low, high) in zip(self.edits, self.spread, strict=True)
        )


def _verb(e: Edit) -> str:
    return f"{e.what} to" if e.kind.startswith("move") else f"insert {e.what}"


def merged(answers: list[Mending]) -> list[Mending]:
    """Answers in neighbouring places as one, the first place first."""
    found: list[Mending] = []
    for answer in sorted(answers, key=lambda a: (a.cost, [s for s, _ in a.spread])):
        found.append(answer)
        joined = True
        while joined:
            joined = False
            last = found[-1]
            for i, other in enumerate(found[:-1]):
                both = other.joined(last)
                if both is not None:
                    found.pop()
                    found.pop(i)
                    found.append(both)
                    joined = True
                    break
    return sorted(found, key=lambda a: (a.cost, a.edits[0].line))


def halves(answer: Mending) -> list[Mending]:
    """An answer with several places as two with fewer."""
    at = next(i for i, (low, high) in enumerate(answer.spread) if low < high)
    low, high = answer.spread[at]
    middle = (low + high) // 2
    made = []
    for part in ((low, middle), (middle + 1, high)):
        spread = list(answer.spread)
        spread[at] = part
        made.append(Mending(answer.edits, tuple(spread)))
    return made
