"""The Z3 judge. Nothing outside this package imports z3."""

from verifier.solve.domains import unreached
from verifier.solve.queries import decide

__all__ = ["decide", "unreached"]
