"""One concrete execution: what a witness is, re-checked from the program alone."""

from verifier.execution.run import Execution, From, Walk, combined

__all__ = ["Execution", "From", "Walk", "combined"]
