"""RCU, as the kernel promises it (MMR 18): no machine has it, so it is a rule of its own.

A reader's section is an instant where it begins, and a place among the stores where it ends: the end
has come when what was stored before it has reached memory.  Neither is a fence.
"""

from __future__ import annotations

from verifier.model.algebra import R
from verifier.model.candidate import X


def grace(x: X[R]) -> R:
    """A grace period ends after a section has, or starts before it (MMR 18.2; the fundamental law of
    RCU: Alglave, Maranget, McKenney, Parri, Stern, ASPLOS 2018)."""
    return x.grace
