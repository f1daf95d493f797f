"""The second judge: an abstract machine that runs a program in all ways.

It shares nothing with the axioms but the program's events and the table of functions on values.
"""

from verifier.explore.judge import decide
from verifier.explore.machine import AbstractMachine
from verifier.explore.search import Exploration, explore
from verifier.explore.stuck import stuck

__all__ = ["AbstractMachine", "Exploration", "decide", "explore", "stuck"]
