"""RCU, as the kernel promises it (MMR 18). The kernel provides it, not the machine: it is a rule of its own.

A reader's section begins at an instant.  It ends at a place among the stores: the end has come when all
earlier stores have reached memory.  Both the beginning and the end are weaker than fences.
"""

from __future__ import annotations

from verifier.model.algebra import R
from verifier.model.candidate import X


def grace(x: X[R]) -> R:
    """A grace period ends after a section ends, or starts before it starts (MMR 18.2; the fundamental law of
    RCU: Alglave, Maranget, McKenney, Parri, Stern, ASPLOS 2018)."""
    return x.grace
