"""Executors of a Dask cluster. The package ``distributed`` is optional, and imported here alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from importlib import import_module
from typing import Protocol, cast

from verifier.errors import LimitError, UsageError

PATIENCE = 10.0  # seconds for the scheduler to answer when the suite begins
PATIENCE_LATER = 300.0  # and when it has been lost
_TRY = 3.0  # seconds for one try to reach it


class _Client(Protocol):
    """What is used of ``distributed.Client``."""

    def get_executor(self) -> Executor:
        """An executor whose tasks the cluster does."""

    def close(self, timeout: float) -> None:
        """Close the connection."""


def _silence(*packages: str) -> None:
    """What happens to the cluster is said by the command, and not by logs of these packages."""
    known = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in packages]
    for name in (*packages, *known):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class Cluster:
    """The cluster whose scheduler has an address. Raises ``UsageError`` if Dask is not installed."""

    def __init__(self, address: str) -> None:
        self.address = address
        try:
            self.make = cast("Callable[..., _Client]", import_module("distributed").Client)
        except ImportError:
            help_ = "in a checkout of the verifier, pip install '.[dask]'"
            raise UsageError(f"--dask needs Dask: {help_}") from None
        _silence("distributed", "tornado", "asyncio")
        self.client: _Client | None = None
        self.found: Executor | None = None
        self.known = False  # was the scheduler ever reached?

    def executor(self, stopped: Callable[[], bool]) -> Executor:
        """As ``Executors`` says."""
        if self.found is None:
            self.client = self._connected(stopped)
            self.found = self.client.get_executor()
            self.known = True
        return self.found

    def _connected(self, stopped: Callable[[], bool]) -> _Client:
        end = time.monotonic() + (PATIENCE_LATER if self.known else PATIENCE)
        while True:
            try:
                return self.make(self.address, timeout=_TRY, set_as_default=False, name="verifier")
            except (ValueError, TypeError) as error:
                raise UsageError(f"--dask {self.address}: {error}") from None
            except OSError:  # also of time-outs
                if stopped():
                    raise LimitError(f"--dask {self.address}: stopped while the scheduler was away") from None
                if time.monotonic() > end:
                    kind = LimitError if self.known else UsageError
                    raise kind(f"--dask {self.address}: no scheduler answers") from None
                time.sleep(0.2)

    def give_up(self) -> None:
        """As ``Executors`` says."""
        client, self.client, self.found = self.client, None, None
        if client is not None:
            with suppress(Exception):  # whatever a scheduler that is gone makes of it
                client.close(timeout=_TRY)
