"""The search of ``listing`` for many states at once.

Each choice of what is shown is a candidate. Many of them stand side by side in a bundle: for each literal it
has a number with one bit a candidate, 1 where the literal is true. One look at a clause draws its conclusions
for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.budget import Budget
from verifier.records import dataclass

Clause = tuple[int, ...]
BUNDLE_WIDTH = 4096  # so many candidates may stand in a bundle
VAIN = 20_000  # so many candidates may come to nothing, to begin with
MORE = 20  # and more of them for each model
_OTHERS = bytes.maketrans(b"01", b"\2\0")


class GivenUp(Exception):
    """Too many candidates came to nothing, or the time is over."""


@dataclass(slots=True)
class Bundle:
    """Candidates side by side; ``true``: by literal, where it is true (a negative literal counts from the
    end). ``alive``: the candidates that count, of ``width``. ``depth``: so many of ``shown`` are chosen."""

    true: list[int]
    alive: int
    width: int
    depth: int

    def some(self, wanted: int) -> Bundle:
        """The candidates at these bits alone."""
        count, width = wanted.bit_count(), self.width
        if count == width:
            return self
        full = (1 << count) - 1
        others = int.from_bytes(f"{wanted:0{width}b}".encode().translate(_OTHERS))
        known = {0: 0, wanted: full}

        def packed(bits: int) -> int:
            """Written with one digit a candidate, and without those of the others, which get 2."""
            bits &= wanted
            found = known.get(bits)
            if found is None:
                digits = (int.from_bytes(f"{bits:0{width}b}".encode()) + others).to_bytes(width)
                found = known[bits] = int(digits.translate(None, b"2"), 2)
                known[wanted ^ bits] = full ^ found
            return found

        return Bundle([packed(bits) for bits in self.true], packed(self.alive), count, self.depth)

    def choices(self, shown: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """The literals from ``shown`` that each candidate has chosen."""
        every = [x for literals in shown for x in literals]
        for at in range(self.width):
            yield [x for x in every if self.true[x] >> at & 1]

    def undo(self, log: Sequence[tuple[int, int]], where: int) -> None:
        """Take back what became true there."""
        for x, new in log:
            both = new & where
            if both:
                self.true[x] ^= both


class Together:
    """Decides about candidates of some clauses; ``open_``: the variables that need a value, as ``listing``
    has them. Raises ``GivenUp``."""

    def __init__(self, rows: Sequence[Clause], variables: int, open_: Sequence[int], budget: Budget) -> None:
        size = 2 * variables + 1
        self.variables, self.open, self.budget = variables, open_, budget
        self.vain = VAIN
        self.units = [row[0] for row in rows if len(row) == 1]
        # By literal, where it holds: what holds, too; of which two, or which others, one holds.
        self.two: list[list[int]] = [[] for _ in range(size)]
        self.three: list[list[tuple[int, int]]] = [[] for _ in range(size)]
        self.more: list[list[Clause]] = [[] for _ in range(size)]
        for row in rows:
            if len(row) == 2:
                a, b = row
                self.two[-a].append(b)
                self.two[-b].append(a)
            elif len(row) == 3:
                a, b, c = row
                self.three[-a].append((b, c))
                self.three[-b].append((a, c))
                self.three[-c].append((a, b))
            elif len(row) > 3:
                for at, x in enumerate(row):
                    self.more[-x].append(row[:at] + row[at + 1 :])

    def bundles(self, shown: Sequence[Sequence[int]]) -> Iterator[tuple[Bundle, list[Bundle]]]:
        """Candidates that are models if all variables without a value are false, and bundles of candidates
        for which that is not known. Together they have one candidate for each choice from ``shown`` that
        has a model."""
        first = Bundle([0] * (2 * self.variables + 1), alive=1, width=1, depth=0)
        self._hold(first, dict.fromkeys(self.units, 1))
        pending = [first]
        while pending:
            self._look()
            bundle = pending.pop()
            if bundle.alive.bit_count() * 2 < bundle.width:
                bundle = bundle.some(bundle.alive)
            if not bundle.alive:
                continue
            if bundle.depth == len(shown):
                unknown = self._complete(bundle)
                self.vain += MORE * bundle.alive.bit_count()
                yield bundle, unknown
                continue
            literals = shown[bundle.depth]
            most = max(1, BUNDLE_WIDTH // len(literals))
            if bundle.width > most:
                ones = (1 << most) - 1
                parts = (bundle.alive & ones << at for at in range(0, bundle.width, most))
                pending += [bundle.some(part) for part in parts if part]
            else:
                pending.append(self._chosen(bundle, literals))

    def _chosen(self, bundle: Bundle, literals: Sequence[int]) -> Bundle:
        """The candidates, once for each of these literals that they may choose."""
        true, width = bundle.true, bundle.width
        known = 0
        for x in literals:
            known |= true[x]
        copies, alive = 0, 0
        chosen: dict[int, int] = {}
        for x in literals:
            these = bundle.alive & ~true[-x] & (~known | true[x])
            if these:
                chosen[x] = these << copies * width
                alive |= these << copies * width
                copies += 1
        times = sum(1 << at * width for at in range(copies))
        found = Bundle([bits * times for bits in true], alive, copies * width, bundle.depth + 1)
        self._hold(found, chosen)
        return found

    def _complete(self, bundle: Bundle) -> list[Bundle]:
        """Decide all that is open: false, or true where that contradicts. Candidates for which both do are
        not alive any more, and come back."""
        true, unknown = bundle.true, list[Bundle]()
        for v in self.open:
            before = bundle.alive
            free = before & ~(true[v] | true[-v])
            if not free:
                continue
            self._look()
            log = self._hold(bundle, {-v: free})
            wrong = before ^ bundle.alive
            if wrong:
                bundle.undo(log, wrong)
                bundle.alive = before
                log = self._hold(bundle, {v: wrong})
                lost = before ^ bundle.alive
                if lost:
                    bundle.undo(log, lost)
                    unknown.append(bundle.some(lost))
        return unknown

    def _look(self) -> None:
        if self.budget.over:
            raise GivenUp

    def _hold(self, bundle: Bundle, literals: dict[int, int]) -> list[tuple[int, int]]:
        """Make literals true at these bits, and all that follows. Candidates of which that does not hold are
        not alive any more. Returns what became true, and where."""
        step, before = _Step(bundle), bundle.alive
        for x, where in literals.items():
            step.hold(x, where)
        changed, two, three, more = step.changed, self.two, self.three, self.more
        while changed and bundle.alive:
            p = next(iter(changed))
            fresh = changed.pop(p) & bundle.alive
            if fresh:
                for q in two[p]:
                    step.hold(q, fresh)
                for a, b in three[p]:
                    step.one_of_two(a, b, fresh)
                for others in more[p]:
                    step.one_of(others, fresh)
        self.vain -= (before ^ bundle.alive).bit_count()
        if self.vain < 0:
            raise GivenUp
        return step.log


class _Step:
    """What follows from some literals of a bundle. ``changed``: what became true, and was not looked at."""

    __slots__ = ("bundle", "changed", "log", "true")

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, self.true = bundle, bundle.true
        self.changed: dict[int, int] = {}
        self.log: list[tuple[int, int]] = []

    def hold(self, x: int, where: int) -> None:
        """``x`` is true there."""
        true = self.true
        new = where ^ (where & true[x])
        if new:
            true[x] |= new
            self.changed[x] = self.changed.get(x, 0) | new
            self.log.append((x, new))
            if new & true[-x]:
                self.bundle.alive &= ~(new & true[-x])

    def one_of_two(self, a: int, b: int, where: int) -> None:
        """One of two literals is true there."""
        forced = where & self.true[-a]
        if forced:
            self.hold(b, forced)
        forced = where & self.true[-b]
        if forced:
            self.hold(a, forced)

    def one_of(self, literals: Clause, where: int) -> None:
        """One of several literals is true there."""
        true = self.true
        none, one = where, 0  # where none, or one, of the literals so far is not false
        for x in literals:
            false = true[-x]
            if none:
                one = (one & false) | (none ^ (none & false))
                none &= false
            else:
                one &= false
                if not one:
                    return
        if none:
            self.bundle.alive &= ~none
        if one:
            for x in literals:
                forced = one ^ (one & true[-x])
                if forced:
                    self.hold(x, forced)
