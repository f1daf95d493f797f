"""``--update-golden`` rewrites expected outputs: look at the difference before you commit it. ``--few`` makes
long tables short."""

from __future__ import annotations

import gc
import signal
from collections import defaultdict

import pytest


def pytest_configure() -> None:
    """A shell ignores signals of what it runs in the background. So does pytest then, but not what it starts:
    some tests send these."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


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


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """What was collected lives to the end: no look for garbage goes through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
