"""Says how far long work has come: ``[ 213/1531] 40 s left: linux/switch_mm::F``."""

from __future__ import annotations

import time
from collections.abc import Callable

from verifier.output import Output

LEAST_ENDED = 8  # parts that have ended before there is an estimate
LEAST_SECONDS = 2.0  # the time that they took, at least


class Progress:
    """Shows a progress line on the terminal, if there is one and it is ``wanted``.

    The time left is estimated from the newer half of the parts that have ended: the first ones may come from
    a results store, or wait for a library that is loaded once.
    """

    def __init__(
        self, out: Output, *, wanted: bool = True, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.out, self.on, self.clock = out, wanted and out.terminal, clock
        self.of = 0
        self.ends: list[float] = []  # when each part ended; before all, when the first one began

    def at(self, text: str, number: int = 1, of: int = 1, left: float | None = None) -> None:
        """Part ``number`` of ``of`` is being done; ``of`` 0: nobody knows of how many. ``left``: seconds, if
        they are known."""
        if not self.on:
            return
        if of != self.of or not self.ends or number < len(self.ends):
            self.of, self.ends = of, [self.clock()] * number
        while len(self.ends) < number:
            self.ends.append(self.clock())
        self.out.progress(self.line(text, number, left))

    def line(self, text: str, number: int, left: float | None = None) -> str:
        """The line about a part."""
        seconds = self.left(number) if left is None else left
        time_left = "" if seconds is None else f"{_told(seconds)} left: "
        if not self.of:
            return f"[{number}] {time_left}{text}"
        if self.of == 1:
            return f"{time_left}{text}"
        return f"[{number:>{len(str(self.of))}}/{self.of}] {time_left}{text}"

    def left(self, number: int) -> float | None:
        """How many seconds are left, about; None before that means something."""
        ended = len(self.ends) - 1
        if ended < LEAST_ENDED or self.of < 2:
            return None
        newer = self.ends[ended // 2 :]
        if newer[-1] - self.ends[0] < LEAST_SECONDS:
            return None
        return (newer[-1] - newer[0]) / (len(newer) - 1) * (self.of - number + 1)

    def close(self) -> None:
        """Take the line away."""
        if self.on:
            self.out.clear()


def _told(seconds: float) -> str:
    """A time in round numbers."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 100:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 100 * 60:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"
