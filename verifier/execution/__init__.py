"""One concrete execution: the data of a witness, its re-check from the program alone, its story."""

from verifier.execution.check import Checked, check, sequential
from verifier.execution.run import Execution, From, Walk, combined

__all__ = ["Checked", "Execution", "From", "Walk", "check", "combined", "sequential"]
