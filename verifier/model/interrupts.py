"""Interrupts and IPIs.

A handler is a body of its own in ``po``, placed between two instants of the thread it interrupts.
Its delivery reads the interrupt flag, which must be on, and writes off; its return writes on: so
handlers run with interrupts off, one after the other, and never inside a window (MMR 8.3, 8.8).
An NMI is such a body, too, but asks for no flag, and may lie in a handler (MMR 12.1).
"""

from __future__ import annotations

from verifier.model.algebra import R
from verifier.model.candidate import X


def ipi(x: X[R]) -> R:
    """A delivery comes after its send, the end of a wait after the acknowledgement (MMR 8.3, 8.4, 8.7)."""
    return x.sent | x.acked


def queue(x: X[R]) -> R:
    """What one CPU sends to one CPU is delivered in the order of the sends: there is one call queue, from
    which calls that are waited for are taken first (MMR 17.7). Both deliveries are on one CPU exactly
    if ``po`` orders them, one way or the other. Bare ICR writes go by no queue (MMR 8.3)."""
    return (~x.called @ (x.po & x.kept) @ x.called) & (x.po | ~x.po)


def seen(x: X[R]) -> R:
    """A snapshot is one instant: what it counts as past is before it, the rest after it."""
    return x.seen
