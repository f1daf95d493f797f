"""Decides tests of a known list whenever somebody asks for one, in a process that lasts.

To fork a process for each test costs more than to decide most tests: the child copies each page that it or
its parent touches.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from verifier.results import Verdict
from verifier.suite.decide import received, run_bare
from verifier.suite.options import Options
from verifier.suite.pool import Pool, one_by_one, results
from verifier.syntax.test import Test


class Lasting:
    """Decides these tests. A process that dies is replaced, and costs the test that it was at."""

    def __init__(self, tests: Sequence[Test], options: Options) -> None:
        self.tests, self.options = tests, options
        self.numbers = {id(test): number for number, test in enumerate(tests)}
        work = one_by_one([partial(run_bare, test, options) for test in tests])
        self.pool = Pool(len(tests), work, 1, options.limits)

    def __contains__(self, test: Test) -> bool:
        return id(test) in self.numbers

    def verdict(self, test: Test) -> Verdict:
        """The verdict on one of the tests, as ``decide.run_alone`` gives it, and with what it raises."""
        number = self.numbers[id(test)]
        (found,) = results(self.pool.again(number + 1, number), test.source.name)
        return received(found, test, self.options)

    def end(self) -> None:
        """End the process."""
        self.pool.end()
