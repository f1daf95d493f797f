"""The pytest plugin, as a user's project sees it."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

GOOD = """MM two
{ int x; int y; }
P0 { x = 1; [F] smp_mb(); r0 = y; }
P1 { y = 1; [F] smp_mb(); r0 = x; }
variants { F never "fenced"; B sometimes "not"; }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""


def test_a_test_a_variant(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD)
    result = pytester.runpytest_subprocess("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*two.litmus::F PASSED*", "*two.litmus::B PASSED*"])
    pytester.runpytest_subprocess("-k", "B").assert_outcomes(passed=1, deselected=1)


def test_a_difference_shows_its_story(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD.replace("B sometimes", "B never"))
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*DIFFERS: expected never*", "*goes to the store buffer*"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_a_file_with_errors_is_one_failing_item(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD, broken="MM broken\n{ }\nP0 { [Q] r0 = 1; }\nexists (0:r0 = 1)\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*broken.litmus:3:6: error: there is no variant 'Q'*", "*^^^*"])


def test_errors_in_programs_are_one_failing_item_too(pytester: pytest.Pytester) -> None:
    pytester.makefile(".litmus", two=GOOD.replace("x = 1;", "fooo();"))
    result = pytester.runpytest_subprocess("-v")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*two.litmus::error FAILED*", "*two.litmus:3:6: error: *fooo*"])
