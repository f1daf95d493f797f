"""Names of cycles: the classic name of the shape, and what is between the accesses of each CPU, as in diy.

``SB+mfence+po`` is the shape SB with an MFENCE on the first CPU. All alike are named once, in the plural
(``SB+mfences``), and left out if they are nothing (``SB``). In a shape, an exchange is the read or the write
as which it communicates; the accesses follow (``SB.XR.WR``).
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.generate.cycles import Cycle
from verifier.records import dataclass

# What each CPU does, in the order of the cycle; a shape with several orders has the first one here.
CLASSIC = {
    "WR+WR": "SB",
    "WW+RR": "MP",
    "RW+RW": "LB",
    "WW+WR": "R",
    "WW+RW": "S",
    "WW+WW": "2+2W",
    "W+RW+RR": "WRC",
    "W+RR+WR": "RWC",
    "W+RW+RW": "WWC",
    "W+RW+WR": "WRW+WR",
    "W+RR+WW": "WRR+2W",
    "W+RW+WW": "WRW+2W",
    "WW+RR+WR": "W+RWC",
    "WW+RW+RR": "ISA2",
    "W+RR+W+RR": "IRIW",
    "W+RR+W+RW": "IRRWIW",
    "W+RW+W+RW": "IRWIW",
    "WW+RW+WR": "Z6.0",
    "WW+WW+RW": "Z6.1",
    "WW+RW+RW": "Z6.2",
    "WW+WW+RR": "Z6.3",
    "WW+WR+WR": "Z6.4",
    "WW+WW+WR": "Z6.5",
}
RINGS = {"WR": "SB", "RW": "LB", "WW": "2W"}


@dataclass(frozen=True, slots=True)
class Titled:
    """A cycle with its name. ``rest_first``: CPU 0 is that of the last bead's middle access."""

    cycle: Cycle
    name: str
    rest_first: bool


def placed(cycle: Cycle) -> Titled:
    """The cycle, turned so that its first CPU is that of the classic name.

    The same for all rotations, and the names of different cycles are different.
    """
    best = min(_offers(cycle), key=lambda offer: offer[:5])
    unknown, base, marks, key, rest_first, turned = best
    parts = key.split("+")
    if "X" in key:
        base += "." + ".".join(parts)
    elif not unknown and "T" in key:
        base += "." + ".".join(part for part in parts if set(part) & set("RT"))
    if len(set(marks)) > 1:
        base = "+".join([base, *marks])
    elif marks[0] != "po":
        base += f"+{marks[0]}s"
    return Titled(turned, base, rest_first)


def _offers(cycle: Cycle) -> Iterator[tuple[bool, str, list[str], str, bool, Cycle]]:
    """Each way to place a cycle: has its shape no classic name, the shape, the marks, what the CPUs do."""
    for i in range(len(cycle)):
        turned = cycle[i:] + cycle[:i]
        threads: list[tuple[str, str]] = []  # what each CPU does, without exchanges and with them
        for before, bead in zip([turned[-1], *turned], turned, strict=False):
            plain = before.meetings[-1].parts[1] + bead.meetings[0].parts[0]
            threads.append((plain, bead.step.source + bead.step.target))
            threads += [(m.parts[1], m.target) for m in bead.meetings[:-1]]
        orders = [(False, threads)]
        if len(threads[-1][1]) == 1:
            orders.append((True, [threads[-1], *threads[:-1]]))
        for rest_first, order in orders:
            plain, key = ("+".join(part) for part in zip(*order, strict=True))
            classic = _classic(plain)
            marks = [bead.step.kind.short for bead in turned]
            yield classic is None, classic or (plain if "X" in key else key), marks, key, rest_first, turned


def _classic(key: str) -> str | None:
    """The classic name of a shape of reads and writes."""
    parts = key.split("+")
    if len(parts) > 2 and len(set(parts)) == 1 and parts[0] in RINGS:
        return f"{len(parts)}.{RINGS[parts[0]]}"
    return CLASSIC.get(key)
