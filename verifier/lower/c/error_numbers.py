"""Numbers as addresses that stand for errors, as ``ERR_PTR()`` makes them."""

from __future__ import annotations

from verifier.program.values import MAX_ERRNO
from verifier.source import Span
from verifier.syntax.trouble import Trouble


def as_address(error: int, span: Span) -> int:
    """The address that stands for an error, a number of 64 bits; of 0 NULL. Raises ``Trouble`` for a number
    that is no error."""
    if not -MAX_ERRNO <= error <= 0:
        hint = "write the number below 0, as in ERR_PTR(-ENOMEM)"
        raise Trouble("error", f"errors are numbers from {-MAX_ERRNO} to -1, not {error}", span, hint)
    return error % (1 << 64)
