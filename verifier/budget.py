"""The time and memory for deciding one test.

Each test has a ``Budget``. Everything that works on the test gets it: lowering, unrolling, the judges, the
telling of runs. Every loop over input asks it now and then. If the time is over, or an estimate of memory is
too large, it raises ``LimitError`` with the phase in which that happened; the verdict is then ``unknown``.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from verifier.errors import LimitError

MEMORY = 1024  # MiB that a test may take by default
EVERY = 16  # calls of ``expired`` for each look at the clock


class Budget:
    """``seconds`` and ``memory`` (MiB) for one test; None means no limit.

    ``phase`` names the work that is going on; messages have it after the word "while". ``listener`` hears
    how far long work is, for instance to show it.
    """

    __slots__ = ("_felt", "_ticks", "deadline", "listener", "memory", "phase", "seconds")

    def __init__(
        self,
        seconds: float | None = None,
        memory: int | None = MEMORY,
        listener: Callable[[str], None] | None = None,
    ) -> None:
        self.seconds, self.memory, self.listener = seconds, memory, listener
        self.deadline = None if seconds is None else time.monotonic() + seconds
        self.phase = "starting"
        self._ticks = EVERY
        self._felt: list[str] = []  # phases that came to a limit; budgets made of this one share the list

    def again(self) -> Budget:
        """A fresh budget of the same size, which gives the second judge as much time as the first."""
        return self._sharing(Budget(self.seconds, self.memory, self.listener))

    def half(self) -> Budget:
        """A budget with half of the time that is left."""
        left = self.left()
        return self._sharing(Budget(None if left is None else left / 2, self.memory))

    def _sharing(self, made: Budget) -> Budget:
        made._felt = self._felt
        return made

    @property
    def felt(self) -> bool:
        """Did this budget, or one made of it, come to a limit? If not, a larger one would change nothing."""
        return bool(self._felt)

    def feel(self) -> None:
        """Note that this work came to a limit, and may have been left undone."""
        if not self._felt:
            self._felt.append(self.phase)

    def enter(self, phase: str) -> None:
        """Begin another phase. Raises ``LimitError`` if the time is over."""
        self.phase = phase
        self.check()

    def tell(self, what: str, done: int = 0, of: int = 0) -> None:
        """Say that work begins: number ``done``, if there are several, of ``of``, if that is known."""
        if self.listener is not None:
            self.listener(f"{what} {done} of {of}" if of else f"{what} {done}" if done else what)

    def left(self) -> float | None:
        """The seconds that are left, at least a millisecond; None means no limit."""
        return None if self.deadline is None else max(0.001, self.deadline - time.monotonic())

    @property
    def over(self) -> bool:
        """Is the time over?"""
        if self.deadline is None or time.monotonic() < self.deadline:
            return False
        self.feel()
        return True

    @property
    def timeout(self) -> str:
        """The reason that a verdict gives when the time is over."""
        return f"timeout: more than {self.seconds:g} s, while {self.phase}"

    @property
    def spent(self) -> str:
        """The reason that a verdict gives when a solver gives up: the time is over, or the memory is full."""
        self.feel()
        if self.over or self.memory is None:
            return self.timeout
        return f"memory: more than {self.memory} MB, while {self.phase}"

    def check(self) -> None:
        """Raise ``LimitError`` if the time is over."""
        if self.over:
            raise LimitError(self.timeout)

    def expired(self) -> bool:
        """Is the time over? Cheap: only one call in ``EVERY`` reads the clock, the others say no."""
        self._ticks -= 1
        if self._ticks > 0:
            return False
        self._ticks = EVERY
        return self.over

    def tick(self) -> None:
        """Raise ``LimitError`` if the time is over; as cheap as ``expired``."""
        if self.expired():
            raise LimitError(self.timeout)

    def fits(self, size: int) -> None:
        """Raise ``LimitError`` if an estimate of ``size`` bytes is larger than the memory."""
        if self.memory is not None and size > self.memory << 20:
            self.feel()
            raise LimitError(f"memory: about {size >> 20} MB, more than {self.memory}, while {self.phase}")
