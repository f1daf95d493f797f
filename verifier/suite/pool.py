"""Expendable processes. What runs out of memory or time, crashes or is killed takes nothing else with it.

The parent forks workers, hands them numbers of tasks, and reads the parts of their work from a pipe as
they are finished. It trusts no worker: one that dies, hangs or talks nonsense is replaced, and the part
it was at is ``Lost``; those before it are kept, and those after it are done by the next worker. A part
that cannot be sent, or not be read, is ``Garbled``: that is no accident, but a fault of this program.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Generic, NoReturn, TypeVar, cast

from verifier.errors import Interrupted, LimitError, fault

T = TypeVar("T")
Handler = Callable[[int, FrameType | None], object] | int | None  # of a signal, as Python has it
Work = Callable[[int, int], Iterator[object]]
"""``work(task, done)`` gives the parts of a task one by one, without the first ``done`` of them."""

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else ()
MEMORY = 1024  # MB that a test may take, unless something else is said
OUT_OF_MEMORY = "out of memory"
_REQUEST = struct.Struct("<QQ")  # a task, and how many of its parts are done
_FRAME = struct.Struct("<BQ")  # what follows, and how long it is
_PART, _END, _RETIRE = range(3)  # a part; no more of this task; and none of any other
_MEMORY_EXIT = 71  # a worker's exit code
_SPARE = 48 << 20  # bytes: what a library takes
_POLL = 0.25  # seconds between two looks at the clock


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may take: ``memory`` in MB beyond what it starts with, ``seconds`` for each part."""

    memory: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """In place of a part: its worker died over it. ``cause`` is what is known about why."""

    cause: str


@dataclass(frozen=True, slots=True)
class Garbled:
    """In place of a part that came to nothing on its way. ``cause`` says why."""

    cause: str


class Signals:
    """While this is entered, a signal that asks to stop is noted in ``caught``, and wakes ``poll``.

    Signals that were ignored stay so, as ``nohup`` means them. A second one ends the process at once.
    """

    def __init__(self) -> None:
        self.caught: int | None = None
        self.read, self.write = -1, -1
        self.before: dict[int, Handler] = {}

    def __enter__(self) -> Signals:
        self.read, self.write = os.pipe()
        os.set_blocking(self.write, False)
        for signum in STOPPING:
            if signal.getsignal(signum) not in (signal.SIG_IGN, None):
                try:
                    self.before[signum] = signal.signal(signum, self._note)
                except ValueError:
                    break  # not the main thread: whoever has that one stops it
        return self

    def _note(self, signum: int, _: FrameType | None) -> None:
        if self.caught is not None:
            os._exit(128 + signum)  # workers do not outlive their parent
        self.caught = signum
        os.write(self.write, b"!")

    def __exit__(self, *_: object) -> None:
        for signum, handler in self.before.items():
            signal.signal(signum, handler)
        os.close(self.read)
        os.close(self.write)


def forks() -> bool:
    """Can there be workers on this system?"""
    return hasattr(os, "fork") and hasattr(select, "poll")


class Pool:
    """Does ``count`` tasks in ``jobs`` processes at a time."""

    def __init__(self, count: int, work: Work, jobs: int, limits: Limits) -> None:
        self.count, self.work, self.limits = count, work, limits
        self.jobs = max(1, min(jobs, count))
        self.workers: list[_Worker] = []
        self.waiting = [(task, 0) for task in reversed(range(count))]  # tasks, and how much of them is done
        self.found: dict[int, list[object]] = {}  # parts that have not been given on
        self.ended: set[int] = set()

    def parts(self) -> Iterator[tuple[int, object]]:
        """Each task with its parts, and with None after the last one; tasks in their order, parts as they
        come. Raises ``Interrupted`` on a signal, after everything that was finished; ``LimitError`` if
        there can be no process."""
        first = 0
        try:
            with Signals() as signals:
                while first < self.count:
                    self._employ()
                    self._wait(signals)
                    stop = signals.caught
                    while first < self.count:
                        yield from ((first, part) for part in self.found.pop(first, ()))
                        if first not in self.ended and stop is None:
                            break
                        if first in self.ended:
                            yield first, None
                        first += 1
                    if stop is not None:
                        raise Interrupted(stop)
        finally:
            for worker in self.workers:
                worker.end()

    def _employ(self) -> None:
        """Give tasks to the workers, of which there are as many as can be used."""
        for worker in self.workers:
            if worker.task is None and self.waiting:
                worker.give(*self.waiting.pop())
        while self.waiting and len(self.workers) < self.jobs:
            try:
                worker = _Worker(self.work, self.limits, self.workers)
            except OSError as error:
                if self.workers:
                    return  # those that there are do it
                raise LimitError(f"no process can be started: {error.strerror}") from None
            self.workers.append(worker)
            worker.give(*self.waiting.pop())

    def _wait(self, signals: Signals) -> None:
        """Wait until something happens, and take in what has."""
        poll = select.poll()
        poll.register(signals.read, select.POLLIN)
        for worker in self.workers:
            poll.register(worker.results, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(_POLL * 1000)}
        for worker in list(self.workers):
            if worker.results in ready:
                self._take(worker)
            elif worker.task is not None and self.limits.seconds is not None:
                spent = time.monotonic() - worker.since
                if spent > self.limits.seconds:
                    self._replace(worker, Lost(f"timeout: stopped after {spent:.0f} seconds"))

    def _take(self, worker: _Worker) -> None:
        """What a worker has to say: parts, or that it is dead."""
        try:
            frames, alive = worker.listen()
        except (OSError, Nonsense) as error:
            self._replace(worker, Garbled(str(error)))
            return
        for kind, part in frames:
            if worker.task is None:
                alive = False  # nobody has asked
                break
            if kind == _PART:
                self.found.setdefault(worker.task, []).append(part)
                worker.done += 1
                continue
            self.ended.add(worker.task)
            worker.task = None
            if kind == _RETIRE:
                alive = False
        if not alive:
            self._replace(worker)

    def _replace(self, worker: _Worker, instead: Lost | Garbled | None = None) -> None:
        """Do without a worker. Its next part is lost, and ``instead`` or what it died of takes its place;
        who can say what its task has after that does so in the next process, if it came as far as the
        first one."""
        self.workers.remove(worker)
        died = worker.end()
        if worker.task is None:
            return
        self.found.setdefault(worker.task, []).append(instead or Lost(died))
        if worker.done:
            self.waiting.append((worker.task, worker.done + 1))
        else:
            self.ended.add(worker.task)


class _Worker:
    """A process, as its parent sees it."""

    def __init__(self, work: Work, limits: Limits, others: Sequence[_Worker]) -> None:
        ours: list[int] = []
        try:
            for _ in range(3):
                ours += os.pipe()
            here, parent = ours, os.getpid()
            requests, self.requests, self.results, results, self.errors, errors = here
            os.set_blocking(errors, False)  # who says too much before dying is cut short
            self.pid = os.fork()
        except OSError:
            for fd in ours:
                os.close(fd)
            raise
        if self.pid == 0:
            mine = [self.requests, self.results, self.errors]
            theirs = [fd for w in others for fd in (w.requests, w.results, w.errors)]
            _child(
                work, limits, requests=requests, results=results, errors=errors, parent=parent,
                others=[*mine, *theirs],
            )  # fmt: skip
        for fd in (requests, results, errors):
            os.close(fd)
        os.set_blocking(self.results, False)
        self.buffer = bytearray()
        self.task: int | None = None
        self.done = 0
        self.since = 0.0

    def give(self, task: int, done: int) -> None:
        """A task to do. If the worker is dead its results will say so."""
        self.task, self.done, self.since = task, done, time.monotonic()
        with suppress(BrokenPipeError):
            os.write(self.requests, _REQUEST.pack(task, done))

    def listen(self) -> tuple[list[tuple[int, object]], bool]:
        """What it has finished, and whether there can be more. Raises ``Nonsense``."""
        frames: list[tuple[int, object]] = []
        data = os.read(self.results, 1 << 20)
        self.buffer += data
        while len(self.buffer) >= _FRAME.size:
            kind, length = _FRAME.unpack_from(self.buffer)
            if kind not in (_PART, _END, _RETIRE):
                raise Nonsense(
                    f"its process sent {self.buffer[: _FRAME.size].hex()}, where a part must begin"
                )
            if len(self.buffer) < _FRAME.size + length:
                break
            body = bytes(self.buffer[_FRAME.size : _FRAME.size + length])
            del self.buffer[: _FRAME.size + length]
            frames.append((kind, _unpacked(body) if kind == _PART else None))
            self.since = time.monotonic()
        return frames, bool(data)

    def end(self) -> str:
        """Kill it, if it is not dead, and wait for that; what it died of."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            status = os.waitpid(self.pid, 0)[1]
        except (ProcessLookupError, ChildProcessError):
            status = 0  # somebody else has waited for it
        try:
            os.set_blocking(self.errors, False)
            said = os.read(self.errors, 1 << 16).decode(errors="replace")
        except OSError:
            said = ""
        for fd in (self.requests, self.results, self.errors):
            os.close(fd)
        return _cause(status, said)


class Nonsense(Exception):
    """A worker sends what no worker sends."""


def _unpacked(body: bytes) -> object:
    """A part, as a worker sent it."""
    try:
        return pickle.loads(body)
    except MemoryError:
        raise
    except Exception as error:  # pickle's own, or any that what is made anew raises
        return Garbled(f"the result of its process cannot be read: {type(error).__name__}: {error}")


def _cause(status: int, said: str) -> str:
    """What a process died of, by its status and its last words."""
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _MEMORY_EXIT:
        return OUT_OF_MEMORY
    if any(
        word in said
        for word in (
            "bad_alloc",
            "out of memory",
            "MemoryError",
            "allocate memory",
            "Resource temporarily unavailable",
        )
    ):
        return OUT_OF_MEMORY
    last = said.strip().rpartition("\n")[2][:200]
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        last = last or {"SIGKILL": "was the machine out of memory?", "SIGSEGV": "was it out of memory?"}.get(
            name, ""
        )
        return f"its process was killed by {name}{': ' if last else ''}{last}"
    return f"its process ended with code {os.WEXITSTATUS(status)}{': ' if last else ''}{last}"


def alone(function: Callable[[], T], limits: Limits, name: str) -> T:
    """What a function gives, run in a process of its own. It raises what the function raises,
    ``LimitError`` if the process dies, and ``InternalError`` if either cannot be sent. ``name``: the file
    that it is about."""

    def work(_: int, __: int) -> Iterator[object]:
        try:
            yield _Value(function())
        except MemoryError:
            raise
        except Exception as error:
            yield error

    try:
        part = next(part for _, part in Pool(1, work, 1, limits).parts())
    except Interrupted as stop:
        os.kill(os.getpid(), stop.signum)  # as if nothing had caught it
        raise
    if isinstance(part, Lost):
        raise LimitError(part.cause)
    if isinstance(part, Garbled):
        raise fault(part.cause, name)
    if isinstance(part, Exception):
        raise part
    return cast("_Value[T]", part).value


@dataclass(frozen=True, slots=True)
class _Value(Generic[T]):
    """What a function gave, be it an exception or not."""

    value: T


# -- the worker's side -------------------------------------------------------------------------------


def _child(
    work: Work, limits: Limits, *, requests: int, results: int, errors: int, parent: int, others: list[int]
) -> NoReturn:
    """What a worker does: it keeps three pipes of its own and closes those of ``others``."""
    try:
        signal.set_wakeup_fd(-1)
        for signum in STOPPING:
            signal.signal(signum, signal.SIG_IGN)  # they are the parent's to handle
        for fd in others:
            os.close(fd)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        os.dup2(errors, 2)
        _die_with(parent)
        if limits.memory is not None:
            _limit(limits.memory)
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)  # tests leave little behind that is in a cycle
        gc.enable()
        _serve(work, limits, requests, results)
    except MemoryError:
        os._exit(_MEMORY_EXIT)
    except BrokenPipeError:
        os._exit(0)  # nobody listens
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}"[:4000].encode(errors="replace"))
        os._exit(70)
    os._exit(0)


def _serve(work: Work, limits: Limits, requests: int, results: int) -> None:
    """Do task after task, until nobody asks for more or too much memory is held."""
    while len(request := os.read(requests, _REQUEST.size)) == _REQUEST.size:
        task, done = _REQUEST.unpack(request)
        for part in work(task, done):
            _send(results, _PART, _packed(part))
        fat = limits.memory is not None and _resident() > limits.memory << 19
        _send(results, _RETIRE if fat else _END, b"")
        if fat:
            return


def _packed(part: object) -> bytes:
    """A part as it is sent; what takes its place, if it cannot be."""
    try:
        return pickle.dumps(part, pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        raise
    except RecursionError:
        lost: Lost | Garbled = Lost("the result is nested too deeply to be sent")
    except Exception as error:  # pickle's own, or any that a part of it raises
        if starved():
            raise MemoryError from error
        what = f"{type(part).__name__} cannot be sent: {type(error).__name__}: {error}"
        lost = Garbled(f"{what}; it is {part}"[:1000] if isinstance(part, Exception) else what)
    return pickle.dumps(lost, pickle.HIGHEST_PROTOCOL)


def _send(results: int, kind: int, body: bytes) -> None:
    rest = memoryview(_FRAME.pack(kind, len(body)) + body)
    while rest:
        rest = rest[os.write(results, rest) :]


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (Linux)."""
    if sys.platform == "linux":
        import ctypes

        try:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        except (AttributeError, OSError, TypeError):
            return  # another C library; it ends when it has nobody to tell
        if os.getppid() != parent:
            os._exit(0)


def _statm(column: int) -> int:
    """A figure of this process's memory, in bytes; 0 where /proc does not tell."""
    try:
        with open("/proc/self/statm", "rb") as stream:
            return int(stream.read().split()[column]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _resident() -> int:
    return _statm(1)


def starved() -> bool:
    """Is this process so short of memory that whatever goes wrong goes wrong for that?"""
    try:
        bytearray(_SPARE)
    except MemoryError:
        return True
    return False


def _limit(megabytes: int) -> None:
    """Allow this process some memory beyond what it has. RLIMIT_DATA counts what can be written and
    belongs to the process alone: that is what deciding takes, and not the libraries' text."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = _statm(5) + (megabytes << 20)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))
