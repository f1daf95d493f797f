"""The second judge: an abstract machine that runs a program in all ways.

It shares only the room ``program`` with the axioms: the events, the functions on values, and what each
kind of invalidation names. It has its own table of what each kind removes.
"""

from verifier.explore.judge import decide
from verifier.explore.machine import AbstractMachine
from verifier.explore.replay import Ran, Why
from verifier.explore.search import Exploration, explore, find

__all__ = ["AbstractMachine", "Exploration", "Ran", "Why", "decide", "explore", "find"]
