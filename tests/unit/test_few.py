"""``--few``: long tables are made short, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TESTS = """
import pytest

@pytest.mark.parametrize("n", range(10))
def test_ten(n): pass

@pytest.mark.parametrize("n", range(4))
def test_four(n): pass

def test_one(): pass
"""


FOUR = [f"test_four[{n}]" for n in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [*(f"test_ten[{n}]" for n in range(10)), *FOUR, "test_one"]),
        (["--few", "4"], [*(f"test_ten[{n}]" for n in (0, 3, 6, 9)), *FOUR, "test_one"]),
        (["--few", "1"], ["test_ten[0]", "test_four[0]", "test_one"]),
    ],
)
def test_long_tables_are_short(pytester: pytest.Pytester, arguments: list[str], expected: list[str]) -> None:
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile(TESTS)
    told = pytester.runpytest_inprocess("--collect-only", "-q", *arguments).outlines
    assert [line.rpartition("::")[2] for line in told if "::" in line] == expected
