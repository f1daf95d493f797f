"""A worker process from inside: it does tasks, and sends their parts to its parent through a pipe."""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from verifier.records import dataclass

Work = Callable[[int, int], Iterator[object]]
"""``work(task, done)`` yields the parts of a task one by one, without the first ``done`` parts. It may say of
one that it is ``Last``."""

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else ()
OUT_OF_MEMORY = "out of memory"
REQUEST = struct.Struct("<QQ")  # a task, and the number of its parts that are done
FRAME = struct.Struct("<BQ")  # the kind of what follows, and its length
# A part; the end of a task, with its last part or without; the same, and the worker ends; ``Doing``.
PART, END, RETIRE, NOTE = range(4)
MEMORY_EXIT = 71  # a worker's exit code
_SPARE = 48 << 20  # bytes that must be free, or memory is short: about as much as a library takes


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a worker: ``memory`` in MB beyond what it starts with, ``seconds`` for each part."""

    memory: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """Takes the place of a part whose worker died. ``cause`` says what is known about the reason."""

    cause: str


@dataclass(frozen=True, slots=True)
class Garbled:
    """Takes the place of a part that could not be sent or read. ``cause`` says why."""

    cause: str


@dataclass(frozen=True, slots=True)
class Doing:
    """What a worker is doing. No part: it comes between two parts, and only the newest one counts."""

    text: str


@dataclass(frozen=True, slots=True)
class Last:
    """A part after which no other one comes: the end of its task is sent with it."""

    part: object


def forks() -> bool:
    """Can this system have workers?"""
    return hasattr(os, "fork") and hasattr(select, "poll")


_pipe: list[int] = []  # to the parent, in a worker


def tell(text: str) -> None:
    """In a worker, say what it is doing."""
    if _pipe:
        _send(_pipe[0], NOTE, text.encode(errors="replace"))


def live(
    work: Work, limits: Limits, *, requests: int, results: int, errors: int, parent: int, others: list[int]
) -> NoReturn:
    """The life of a worker. It keeps its own three pipes, and closes those of ``others``."""
    try:
        signal.set_wakeup_fd(-1)
        for signum in STOPPING:
            signal.signal(signum, signal.SIG_IGN)  # the parent handles them
        for fd in others:
            os.close(fd)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.dup2(errors, 2)
        die_with(parent)
        if limits.memory is not None:
            _limit(limits.memory)
        gc.freeze()
        gc.set_threshold(150_000, 50, 100)  # tests leave few reference cycles behind
        gc.enable()
        _pipe[:] = [results]
        _serve(work, limits, requests, results)
    except MemoryError:
        os._exit(MEMORY_EXIT)
    except BrokenPipeError:
        os._exit(0)  # the parent is gone
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}"[:4000].encode(errors="replace"))
        os._exit(70)
    os._exit(0)


def _serve(work: Work, limits: Limits, requests: int, results: int) -> None:
    """Do tasks until the parent closes the pipe, or this process holds too much memory beyond what it began
    with."""
    begun = _resident()
    while len(request := os.read(requests, REQUEST.size)) == REQUEST.size:
        task, done = REQUEST.unpack(request)
        last = b""
        for part in work(task, done):
            if isinstance(part, Last):
                last = _packed(part.part)
            else:
                _send(results, PART, _packed(part))
        fat = limits.memory is not None and _resident() - begun > limits.memory << 19
        _send(results, RETIRE if fat else END, last)
        if fat:
            return


def _packed(part: object) -> bytes:
    """The bytes of a part, or of what takes its place if it cannot be sent."""
    try:
        return pickle.dumps(part, pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        raise
    except RecursionError:
        lost: Lost | Garbled = Lost("the result is nested too deeply to be sent")
    except Exception as error:  # an error of pickle, or of the object that it reads
        if starved():
            raise MemoryError from error
        what = f"{type(part).__name__} cannot be sent: {type(error).__name__}: {error}"
        lost = Garbled(f"{what}; it is {part}"[:1000] if isinstance(part, Exception) else what)
    return pickle.dumps(lost, pickle.HIGHEST_PROTOCOL)


def _send(results: int, kind: int, body: bytes) -> None:
    rest = memoryview(FRAME.pack(kind, len(body)) + body)
    while rest:
        rest = rest[os.write(results, rest) :]


def die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux only)."""
    if sys.platform == "linux":
        import ctypes

        try:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        except (AttributeError, OSError, TypeError):
            return  # another C library: the process ends when it writes to a closed pipe
        if os.getppid() != parent:
            os._exit(0)


_statms: dict[int, int] = {}  # by process, its open file


def _statm(column: int) -> int:
    """A column of /proc/self/statm in bytes; 0 on systems without this file."""
    process = os.getpid()
    try:
        if process not in _statms:
            _statms[process] = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        return int(os.pread(_statms[process], 200, 0).split()[column]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _resident() -> int:
    return _statm(1)


def starved() -> bool:
    """Is this process so short of memory that a lack of memory explains any error?"""
    try:
        bytearray(_SPARE)
    except MemoryError:
        return True
    return False


def _limit(megabytes: int) -> None:
    """Limit this process to some memory beyond what it has.

    RLIMIT_DATA counts private memory that can be written. That is what deciding a test takes; the text of
    libraries does not count.
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _statm(5) + (megabytes << 20)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
