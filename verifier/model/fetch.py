"""Instruction fetch (MMR 10).

A copy of an instruction word is read at any instant since the last serializing event.  It is used when the
instruction is executed.
"""

from __future__ import annotations

from verifier.model.algebra import R
from verifier.model.candidate import X


def copied(x: X[R]) -> R:
    """A copy is read before it is used (MMR 10.1)."""
    return x.copy


def refetch(x: X[R]) -> R:
    """A serializing event drops the copies read before it (MMR 9.2, 10.1; SDM 8.3, APM2 7.6.4)."""
    return (x.po & (x.SER * x.C)) @ ~x.copy


def self_modifying(x: X[R]) -> R:
    """A copy is read after every own store that the fetch has to see (MMR 10.2)."""
    return x.smc @ ~x.copy
