"""Finds the commits at which the verdict of a variant changes, with as few decisions as it needs.

Rows stand in an order in which parents come first. Where history is one line, each row but the first
follows the row before it. Lines that run side by side are told apart by ``before``: what the test takes at
the parents of a commit. A verdict changes at a commit if none of its parents has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.records import dataclass
from verifier.revisions.judge import Judge, Wanted
from verifier.revisions.rows import Commit, Judgement, Turn
from verifier.revisions.takings import Snapshot, differences


@dataclass(frozen=True, slots=True)
class Visit:
    """A row before it is judged: a commit, what is taken there, and what is taken at its parents."""

    commit: Commit
    here: Snapshot
    before: tuple[Snapshot, ...]


FEW = 8  # so many different tests are all judged, even if a bisection would need fewer


class TurnSearch:
    """Looks for the turns of one variant among ``visits``."""

    def __init__(self, visits: Sequence[Visit], judge: Judge, variant: str) -> None:
        self.visits, self.judge, self.variant = visits, judge, variant

    def sure(self, every: bool) -> Iterator[Wanted]:
        """The judgements that ``every`` or ``between`` will ask for, whatever the others say."""
        rows = self._usable()
        few = self._few(rows)
        if not every and not few:
            rows = rows[:1] + rows[-1:]
        for at in rows:
            if every or few:
                yield from (self._parent(at, snapshot) for snapshot in self.visits[at].before)
            yield self._row(at)

    def every(self) -> list[Turn]:
        """All turns: each row is judged, and what parents have."""
        for at in self._usable():
            self._parents(at)
            self._verdict(at)
        return self._turns(0, len(self.visits) - 1)

    def between(self) -> list[Turn]:
        """All turns if there are few rows of different meaning; if there are many, those that a bisection
        between the first row and the last one finds."""
        usable = self._usable()
        return self.every() if self._few(usable) else self._bisected(usable)

    def _few(self, rows: list[int]) -> bool:
        return len({self.visits[at].here.takings[self.variant].meaning for at in rows}) <= FEW

    def _bisected(self, rows: list[int]) -> list[Turn]:
        low, high = 0, len(rows) - 1
        first, last = self._verdict(rows[low]).word, self._verdict(rows[high]).word
        if first == last:
            return []
        while high - low > 1:
            middle = (low + high) // 2
            if self._verdict(rows[middle]).word == first:
                low = middle
            else:
                high = middle
        self._parents(rows[high])
        found = self._turns(rows[low], rows[high])
        if not found:  # the two stand on lines side by side
            for at in rows:
                self._parents(at)
                self._verdict(at)
            return self._turns(rows[0], rows[-1])
        if self._verdict(rows[high]).word != last:  # there is another one behind it
            found += self._bisected(rows[high:])
        return found

    def _usable(self) -> list[int]:
        """The rows that can be judged."""
        return [at for at, visit in enumerate(self.visits) if not visit.here.takings[self.variant].errors]

    def _verdict(self, at: int) -> Judgement:
        return self.judge.judge(*self._row(at))

    def _parents(self, at: int) -> None:
        for snapshot in self.visits[at].before:
            self.judge.judge(*self._parent(at, snapshot))

    def _row(self, at: int) -> Wanted:
        visit = self.visits[at]
        return visit.here, self.variant, f"{visit.commit.short} ({at + 1}/{len(self.visits)})"

    def _parent(self, at: int, snapshot: Snapshot) -> Wanted:
        return snapshot, self.variant, f"before {self.visits[at].commit.short}"

    def _turns(self, first: int, last: int) -> list[Turn]:
        """The turns that judged rows after ``first`` up to ``last`` are."""
        found: list[Turn] = []
        for at in range(first + 1, last + 1):
            visit = self.visits[at]
            here = self._known(visit.here)
            parents = [self._known(snapshot) for snapshot in visit.before]
            if here.observation is None or not parents:
                continue
            if all(p.observation is not None for p in parents):
                if all(p.word != here.word for p in parents):
                    changes = differences(visit.before[0], visit.here)
                    found.append(Turn(self.variant, parents[0].word, here.word, visit.commit, changes))
            elif all(p.errors for p in parents):
                found += self._over_a_gap(at, here)
        return found

    def _over_a_gap(self, at: int, here: Judgement) -> list[Turn]:
        """The turn at a row behind rows that cannot be judged."""
        for earlier in range(at - 1, -1, -1):
            visit = self.visits[earlier]
            then = self._known(visit.here)
            if then.observation is not None:
                if then.word == here.word:
                    return []
                changes = differences(visit.here, self.visits[at].here)
                return [
                    Turn(self.variant, then.word, here.word, self.visits[at].commit, changes, visit.commit)
                ]
            if not then.errors:
                return []  # one that is not judged lies between
        return []

    def _known(self, snapshot: Snapshot) -> Judgement:
        return self.judge.known(snapshot, self.variant)
