"""The second judge: an abstract machine that runs a program in all ways.

It shares nothing with the axioms but the room ``program``: the events, the functions on values, and what
each kind of invalidation names. What that removes, it says itself.
"""

from verifier.explore.judge import decide
from verifier.explore.machine import AbstractMachine
from verifier.explore.search import Exploration, explore
from verifier.explore.stuck import stuck

__all__ = ["AbstractMachine", "Exploration", "decide", "explore", "stuck"]
