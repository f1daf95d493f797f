"""How much is done by tests that draw programs, or ask the same of many files.

Tests are to end in minutes, so they do a part: the first programs, and each so-many-th file, the same
every time. ``VERIFIER_EFFORT=10 make test-all`` does ten times as much, and draws other programs each
time where Hypothesis draws them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

EFFORT = max(1, int(os.environ.get("VERIFIER_EFFORT", "1")))


def times(few: int) -> int:
    """So many programs, or more of them."""
    return few * EFFORT


def share(items: Sequence[T], part: int) -> list[T]:
    """Every ``part``-th of these, or more of them, up to all."""
    return list(items[:: max(1, part // EFFORT)])
