"""Decides a task for another process, perhaps on another machine: ``perform`` is what executors call.

An executor's process may have many threads, and must not die of a test. So ``perform`` has a *helper*, a
process with one thread that forks a worker for each task. The helper lives as long as the thread that started
it.
"""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import IO, Generic, TypeVar

from verifier.records import dataclass, replace
from verifier.source import Source
from verifier.suite.discover import Task
from verifier.suite.kept import Carried, Keeper
from verifier.suite.keys import tool
from verifier.suite.options import Options
from verifier.suite.parts import Finish, Job, limits_together, parts_of
from verifier.suite.pool import Pool
from verifier.suite.shelf import Kept, Record
from verifier.suite.worker import Doing, Last, die_with
from verifier.syntax import load
from verifier.syntax.grammars import PACKAGE

P = TypeVar("P")
_LENGTH = struct.Struct("<Q")
_TRIES = 2  # of a helper, before the task is given back
_WARM = (
    "MM warm\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n",
    "X86 warm\n{ }\n P0 ;\n MOV [x],$1 ;\nexists (x=1)\n",
)


class Refused(Exception):
    """A worker cannot do what is asked, and no other try would help."""


class HelperDied(Exception):
    """The process that decides a task was killed."""


@dataclass(frozen=True, slots=True)
class Common(Generic[P]):
    """What all tasks of a suite have in common. ``folder`` is the current directory of the command, ``tool``
    the digest of its program, which the workers must have, too."""

    columns: Sequence[Options]
    finish: Finish[P]
    keeper: Keeper | None
    folder: str
    tool: str


@dataclass(frozen=True, slots=True)
class Errand:
    """One task, with the answers about its text that the store has."""

    task: Task
    number: int
    known: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A part of a task, and what the store is to keep."""

    part: object
    records: tuple[Record, ...] = ()


def perform(shared: bytes, errand: bytes) -> list[bytes]:
    """The parts of an errand, each a pickled ``Sent``, ``Lost`` or ``Garbled``. Both arguments are pickled:
    a ``Common`` and an ``Errand``. Raises ``Refused`` and ``HelperDied``."""
    for _ in range(_TRIES):
        helper = getattr(_LOCAL, "helper", None) or _Helper()
        _LOCAL.helper = helper
        try:
            parts = helper.parts(shared, errand)
        except (OSError, EOFError, struct.error):
            helper.end()
            _LOCAL.helper = None
            continue
        if parts and isinstance(first := pickle.loads(parts[0]), Refused):
            raise first
        return parts
    raise HelperDied("the process that decides was killed")


_LOCAL = threading.local()


class _Helper:
    """A helper, as its parent sees it."""

    def __init__(self) -> None:
        path = os.pathsep.join(filter(None, (os.path.dirname(PACKAGE), os.environ.get("PYTHONPATH"))))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C in a terminal is for the command alone
        )

    def parts(self, shared: bytes, errand: bytes) -> list[bytes]:
        """The parts of an errand. Raises ``EOFError`` or an error of reading if the helper dies."""
        assert self.process.stdin is not None and self.process.stdout is not None
        for data in (shared, errand):
            _write(self.process.stdin, data)
        found: list[bytes] = []
        while part := _read(self.process.stdout):
            found.append(part)
        return found

    def end(self) -> None:
        """Kill it, if it is alive."""
        with suppress(OSError):
            self.process.kill()
        with suppress(OSError):
            self.process.communicate()


def _write(stream: IO[bytes], data: bytes) -> None:
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes:
    head = stream.read(_LENGTH.size)
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


# -- the helper ----------------------------------------------------------------------------------------


def main() -> None:
    """The life of a helper: errands on standard input, their parts on standard output."""
    die_with(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests, seen = sys.stdin.buffer, b""
    import_module("verifier.solve")  # Z3 and the grammars are loaded here once, and not in each worker
    for text in _WARM:
        load(Source("warm", text))
    shared: Common[object] | None = None
    refused: Refused | None = None
    while True:
        try:
            data, errand = _read(requests), _read(requests)
        except (EOFError, struct.error):
            return  # the parent is gone
        if shared is None or data != seen:
            shared, seen = pickle.loads(data), data
            refused = _prepared(shared)
        for part in [refused] if refused is not None else _parts(shared, pickle.loads(errand)):
            _write(answers, pickle.dumps(part, pickle.HIGHEST_PROTOCOL))
        _write(answers, b"")


def _prepared(shared: Common[P]) -> Refused | None:
    """Go to the folder of the command. Why the suite cannot be decided here, if it cannot."""
    if shared.tool != tool():
        what = f"another verifier, Z3, Lark or Python than this machine ({sys.executable})"
        return Refused(f"worker {os.uname().nodename} has {what}; install the same everywhere")
    try:
        os.chdir(shared.folder)
    except OSError:
        os.chdir(tempfile.mkdtemp())  # tests without files beside them can be decided all the same
    return None


def _parts(shared: Common[P], errand: Errand) -> Iterator[object]:
    """The parts of an errand, which a worker of this process decides."""
    columns = [replace(options, store=None) for options in shared.columns]

    def work(_: int, done: int) -> Iterator[object]:
        shelf = Carried({kept.key: kept for kept in errand.known}) if shared.keeper is not None else None
        job = Job(errand.task, errand.number, columns, shared.keeper, shelf)
        for part in parts_of(job, shared.finish, done):
            records = tuple(shelf.written) if shelf is not None else ()
            if shelf is not None:
                shelf.written.clear()
            yield Last(Sent(part.part, records)) if isinstance(part, Last) else Sent(part, records)

    for _, part in Pool(1, work, 1, limits_together(columns), patient=True).parts():
        if part is not None and not isinstance(part, Doing):
            yield part


if __name__ == "__main__":
    from verifier.suite import remote  # so that what is pickled has the module's usual name

    remote.main()
