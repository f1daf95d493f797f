"""What deciding one test may use: time, and memory as far as it can be told beforehand.

A ``Budget`` is made for each test and handed down to all that works for it: lowering, unrolling,
both judges, the telling of runs. Whatever loops asks it now and then; it raises ``LimitError``, which
says in what the time or the memory ended, and becomes the verdict ``unknown``.
"""

from __future__ import annotations

import time

from verifier.errors import LimitError

MEMORY = 1024  # MiB
EVERY = 16  # questions between two looks at the clock


class Budget:
    """``seconds`` and ``memory`` (MiB) for one test; None: no limit.

    ``phase`` says what is being done, as the message puts it after "while".
    """

    __slots__ = ("_ticks", "deadline", "memory", "phase", "seconds")

    def __init__(self, seconds: float | None = None, memory: int | None = MEMORY) -> None:
        self.seconds, self.memory = seconds, memory
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.phase = "starting"
        self._ticks = EVERY

    def again(self) -> Budget:
        """The same budget from now on: the second judge has as much time as the first."""
        return Budget(self.seconds, self.memory)

    def enter(self, phase: str) -> None:
        """Something else begins. Raises ``LimitError`` if there is no time for it."""
        self.phase = phase
        self.check()

    def left(self) -> float | None:
        """Seconds left, at least a millisecond; None: as many as you like."""
        return None if self.deadline is None else max(0.001, self.deadline - time.monotonic())

    @property
    def over(self) -> bool:
        """Is the time over?"""
        return self.deadline is not None and time.monotonic() >= self.deadline

    @property
    def timeout(self) -> str:
        """How a reason says that the time is over."""
        return f"timeout: more than {self.seconds:g} s, while {self.phase}"

    def check(self) -> None:
        """Raise ``LimitError`` if the time is over."""
        if self.over:
            raise LimitError(self.timeout)

    def expired(self) -> bool:
        """Is the time over? It is cheap: most calls look at no clock, and say no."""
        self._ticks -= 1
        if self._ticks > 0:
            return False
        self._ticks = EVERY
        return self.over

    def tick(self) -> None:
        """``check``, as cheap as ``expired``."""
        if self.expired():
            raise LimitError(self.timeout)

    def fits(self, size: int) -> None:
        """Raise ``LimitError`` if ``size`` bytes, an estimate, are more than the memory."""
        if self.memory is not None and size > self.memory << 20:
            raise LimitError(f"memory: about {size >> 20} MB, more than {self.memory}, while {self.phase}")
