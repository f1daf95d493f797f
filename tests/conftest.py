"""``--update-golden`` rewrites expected outputs: look at the difference before you commit it. ``--few`` makes
long tables short."""

from __future__ import annotations

from collections import defaultdict

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")
    parser.addoption(
        "--few", type=int, metavar="N", help="of a test with more than N sets of parameters, run about N"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep every so-manieth set of parameters of each test function, the first one included."""
    few: int | None = config.getoption("--few")
    if few is None:
        return
    sets: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if isinstance(item, pytest.Function):
            sets[item.nodeid.partition("[")[0]].append(item)
    kept = {item for some in sets.values() for item in some[:: -(-len(some) // max(1, few))]}
    left_out = [item for item in items if isinstance(item, pytest.Function) and item not in kept]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not isinstance(item, pytest.Function) or item in kept]
