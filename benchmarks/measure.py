"""CPU time of processes, and ratios of what was measured in one run.

All times are CPU time, user and system together, in milliseconds. What is compared takes turns, so that a
machine that becomes slower slows both down. A ratio is the median of the ratios of the turns, and its spread
is the smallest and the largest of them.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """A median with its spread."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{rounded(self.median)} ({rounded(self.least)} to {rounded(self.most)})"


def figure(values: Iterable[float]) -> Figure:
    """The figure of some values."""
    found = list(values)
    return Figure(statistics.median(found), min(found), max(found))


def rounded(value: float) -> str:
    """With three digits that count."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def process(*command: str, seconds: float | None = None, stdout: int | None = None) -> float | None:
    """The CPU time of a process and its children; None if it takes more than ``seconds`` of the clock.

    Python may keep compiled modules, as it does by default: otherwise it would compile them each time.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.DEVNULL if stdout is None else stdout
    try:
        subprocess.run(
            command, check=True, stdout=out, stderr=subprocess.PIPE, env=environment, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return None
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"{' '.join(command[:4])} … failed: {error.stderr.decode()[-2000:]}") from None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def in_turns(what: Mapping[str, Callable[[], float | None]], runs: int) -> dict[str, list[float]]:
    """The times of several things that take turns; the list of one that once gives None is empty."""
    found: dict[str, list[float]] = {name: [] for name in what}
    over: set[str] = set()
    for _ in range(runs):
        for name, measure in what.items():
            took = None if name in over else measure()
            if took is None:
                over.add(name)
            else:
                found[name].append(took)
    return {name: [] if name in over else times for name, times in found.items()}


def ratio(some: Sequence[float], others: Sequence[float]) -> Figure:
    """The ratio of two things that took turns."""
    return figure(a / b for a, b in zip(some, others, strict=True))
