"""The Z3 judge. Nothing outside this package imports z3."""

from verifier.solve.queries import decide
from verifier.solve.shorten import shortened

__all__ = ["decide", "shortened"]
