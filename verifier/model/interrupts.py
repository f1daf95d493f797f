"""Interrupts and IPIs.

A handler is a body of its own in ``po``, placed between two instants of the thread it interrupts.
Its delivery reads the interrupt flag, which must be on, and turns it off; its return turns it on.  So
handlers run with interrupts off, one after the other, and outside of every window (MMR 8.3, 8.8).
An NMI is such a body, too, but ignores the flag, and may interrupt a handler (MMR 12.1).
"""

from __future__ import annotations

from verifier.model.algebra import R
from verifier.model.candidate import X


def ipi(x: X[R]) -> R:
    """A delivery comes after its send, the end of a wait after the acknowledgement (MMR 8.3, 8.4, 8.7)."""
    return x.sent | x.acked


def queue(x: X[R]) -> R:
    """Calls from one CPU to another are delivered in the order of the sends. There is one call queue, and
    calls that are waited for are taken from it first (MMR 17.7). Both deliveries are on one CPU exactly
    if ``po`` orders them, one way or the other. Bare ICR writes bypass the queue (MMR 8.3)."""
    return (~x.called @ (x.po & x.kept) @ x.called) & (x.po | ~x.po)


def seen(x: X[R]) -> R:
    """A snapshot is one instant: what it counts as past is before it, and the rest is after it."""
    return x.seen
