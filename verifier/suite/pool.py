"""Expendable worker processes: if one crashes or runs out of memory or time, only one result is lost.

The parent forks workers, sends them numbers of tasks, and reads the finished parts of their work from a
pipe. It replaces a worker that dies, hangs or sends nonsense. The part that this worker was at is ``Lost``;
the parts before it are kept, and the next worker does the rest. A part that cannot be sent or read is
``Garbled``: that is a fault of this program. Between two parts a worker may say how far it is, with ``tell``.
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

from verifier.errors import Interrupted, LimitError, VerifierError, fault

T = TypeVar("T")
Handler = Callable[[int, FrameType | None], object] | int | None  # Python's type for the handler of a signal
Work = Callable[[int, int], Iterator[object]]
"""``work(task, done)`` yields the parts of a task one by one, without the first ``done`` parts."""

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if hasattr(signal, "SIGHUP") else ()
OUT_OF_MEMORY = "out of memory"
_REQUEST = struct.Struct("<QQ")  # a task, and the number of its parts that are done
_FRAME = struct.Struct("<BQ")  # the kind of what follows, and its length
_PART, _END, _RETIRE, _NOTE = range(4)  # a part; the end of a task; the same, and the worker ends; ``Doing``
_MEMORY_EXIT = 71  # a worker's exit code
_SPARE = 48 << 20  # bytes that must be free, or memory is short: about as much as a library takes
_POLL = 0.25  # seconds between two looks at the clock


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


class Signals:
    """Inside this context, a signal that asks to stop is stored in ``caught`` and wakes ``poll``.

    Signals that were ignored stay ignored, as under ``nohup``. A second signal ends the process at once.
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
                    break  # not the main thread: only that one can handle signals
        return self

    def _note(self, signum: int, _: FrameType | None) -> None:
        if self.caught is not None:
            os._exit(128 + signum)  # the workers end with their parent
        self.caught = signum
        os.write(self.write, b"!")

    def __exit__(self, *_: object) -> None:
        for signum, handler in self.before.items():
            signal.signal(signum, handler)
        os.close(self.read)
        os.close(self.write)


def forks() -> bool:
    """Can this system have workers?"""
    return hasattr(os, "fork") and hasattr(select, "poll")


class Pool:
    """Does ``count`` tasks in ``jobs`` processes at a time."""

    def __init__(self, count: int, work: Work, jobs: int, limits: Limits) -> None:
        self.count, self.work, self.limits = count, work, limits
        self.jobs = max(1, min(jobs, count))
        self.workers: list[_Worker] = []
        # Tasks, each with its number of finished parts.
        self.waiting = [(task, 0) for task in reversed(range(count))]
        self.found: dict[int, list[object]] = {}  # parts that ``parts`` has not yielded yet
        self.ended: set[int] = set()
        self.told: dict[int, Doing] = {}  # the newest word about tasks

    def parts(self) -> Iterator[tuple[int, object]]:
        """Pairs of a task and a part or ``Doing``, tasks in their order; after its last part a task has None.

        On a signal it first yields everything that is finished, then raises ``Interrupted``. Raises
        ``LimitError`` if no process can be started.
        """
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
                            if first in self.told:
                                yield first, self.told.pop(first)
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
                    return  # the workers that exist do all the work
                raise LimitError(f"no process can be started: {error.strerror}") from None
            self.workers.append(worker)
            worker.give(*self.waiting.pop())

    def _wait(self, signals: Signals) -> None:
        """Wait for workers, a signal or a moment, and take in what workers have sent."""
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
        """Take in what a worker has sent; replace it if it is dead."""
        try:
            frames, alive = worker.listen()
        except (OSError, Nonsense) as error:
            self._replace(worker, Garbled(str(error)))
            return
        for kind, part in frames:
            if worker.task is None:
                alive = False  # it sends something without a request
                break
            if kind == _NOTE:
                self.told[worker.task] = cast("Doing", part)
                continue
            self.told.pop(worker.task, None)
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
        """Remove a worker. ``instead``, or the cause of its death, takes the place of its next part.

        If it had finished a first part, the next worker does the parts of the task after the lost one.
        """
        self.workers.remove(worker)
        died = worker.end()
        if worker.task is None:
            return
        self.told.pop(worker.task, None)
        self.found.setdefault(worker.task, []).append(instead or Lost(died))
        if worker.done:
            self.waiting.append((worker.task, worker.done + 1))
        else:
            self.ended.add(worker.task)


class _Worker:
    """A worker process, as its parent sees it."""

    def __init__(self, work: Work, limits: Limits, others: Sequence[_Worker]) -> None:
        ours: list[int] = []
        try:
            for _ in range(3):
                ours += os.pipe()
            here, parent = ours, os.getpid()
            requests, self.requests, self.results, results, self.errors, errors = here
            os.set_blocking(errors, False)  # long last words of a worker are cut
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
        """Give the worker a task. If it is dead, the next read of its results shows that."""
        self.task, self.done, self.since = task, done, time.monotonic()
        with suppress(BrokenPipeError):
            os.write(self.requests, _REQUEST.pack(task, done))

    def listen(self) -> tuple[list[tuple[int, object]], bool]:
        """The frames that it has sent, and whether more can come. Raises ``Nonsense``."""
        frames: list[tuple[int, object]] = []
        data = os.read(self.results, 1 << 20)
        self.buffer += data
        while len(self.buffer) >= _FRAME.size:
            kind, length = _FRAME.unpack_from(self.buffer)
            if kind not in (_PART, _END, _RETIRE, _NOTE):
                raise Nonsense(
                    f"its process sent {self.buffer[: _FRAME.size].hex()}, where a part must begin"
                )
            if len(self.buffer) < _FRAME.size + length:
                break
            body = bytes(self.buffer[_FRAME.size : _FRAME.size + length])
            del self.buffer[: _FRAME.size + length]
            if kind == _NOTE:
                frames.append((kind, Doing(body.decode(errors="replace"))))
                continue
            frames.append((kind, _unpacked(body) if kind == _PART else None))
            self.since = time.monotonic()
        return frames, bool(data)

    def end(self) -> str:
        """Kill the worker if it is alive, and wait for its end. Returns the cause of its death."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            status = os.waitpid(self.pid, 0)[1]
        except (ProcessLookupError, ChildProcessError):
            status = 0  # somebody else has reaped it
        try:
            os.set_blocking(self.errors, False)
            said = os.read(self.errors, 1 << 16).decode(errors="replace")
        except OSError:
            said = ""
        for fd in (self.requests, self.results, self.errors):
            os.close(fd)
        return _cause(status, said)


class Nonsense(Exception):
    """A worker sends data that breaks the protocol."""


def _unpacked(body: bytes) -> object:
    """The part in a frame, or ``Garbled`` if it cannot be read."""
    try:
        return pickle.loads(body)
    except MemoryError:
        raise
    except Exception as error:  # an error of pickle, or of a constructor that it calls
        return Garbled(f"the result of its process cannot be read: {type(error).__name__}: {error}")


def _cause(status: int, said: str) -> str:
    """The cause of a process's death, from its status and its last words."""
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


def alone(
    function: Callable[[], T], limits: Limits, name: str, hear: Callable[[str], None] | None = None
) -> T:
    """The result of a function that runs in a process of its own; ``name`` is the file in question. ``hear``
    gets what the process tells meanwhile.

    Raises what the function raises, ``LimitError`` if the process dies, and ``InternalError`` if the result
    or the exception cannot be sent.
    """
    (found,) = each_alone([function], limits, name, hear=hear)
    if isinstance(found, Raised):
        raise found.error
    return found


def each_alone(
    functions: Sequence[Callable[[], T]],
    limits: Limits,
    name: str,
    jobs: int = 1,
    hear: Callable[[str], None] | None = None,
) -> Iterator[T | Raised]:
    """The results of functions, in their order; up to ``jobs`` processes do them at the same time. What a
    function raises, and what ``alone`` would raise, takes the place of its result."""

    def work(task: int, _: int) -> Iterator[object]:
        try:
            yield _Value(functions[task]())
        except MemoryError:
            raise
        except Exception as error:
            if not isinstance(error, VerifierError) and starved():
                raise MemoryError from error
            yield error

    part: object = None
    try:
        for _, part in Pool(len(functions), work, jobs, limits).parts():
            if isinstance(part, Doing):
                if hear is not None:
                    hear(part.text)
            elif isinstance(part, Lost):
                yield Raised(LimitError(part.cause))
            elif isinstance(part, Garbled):
                yield Raised(fault(part.cause, name))
            elif isinstance(part, Exception):
                yield Raised(part)
            elif part is not None:
                yield cast("_Value[T]", part).value
    except Interrupted as stop:
        os.kill(os.getpid(), stop.signum)  # let the signal have its usual effect
        raise


@dataclass(frozen=True, slots=True)
class Raised:
    """Takes the place of a result: the function has raised ``error``."""

    error: Exception


@dataclass(frozen=True, slots=True)
class _Value(Generic[T]):
    """The result of a function. The wrapper tells a returned exception from a raised one."""

    value: T


# -- the worker's side -------------------------------------------------------------------------------

_pipe: list[int] = []  # to the parent, in a worker


def tell(text: str) -> None:
    """In a worker, say what it is doing."""
    if _pipe:
        _send(_pipe[0], _NOTE, text.encode(errors="replace"))


def _child(
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
        _die_with(parent)
        if limits.memory is not None:
            _limit(limits.memory)
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)  # tests leave few reference cycles behind
        gc.enable()
        _pipe[:] = [results]
        _serve(work, limits, requests, results)
    except MemoryError:
        os._exit(_MEMORY_EXIT)
    except BrokenPipeError:
        os._exit(0)  # the parent is gone
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}"[:4000].encode(errors="replace"))
        os._exit(70)
    os._exit(0)


def _serve(work: Work, limits: Limits, requests: int, results: int) -> None:
    """Do tasks until the parent closes the pipe, or this process holds too much memory."""
    while len(request := os.read(requests, _REQUEST.size)) == _REQUEST.size:
        task, done = _REQUEST.unpack(request)
        for part in work(task, done):
            _send(results, _PART, _packed(part))
        fat = limits.memory is not None and _resident() > limits.memory << 19
        _send(results, _RETIRE if fat else _END, b"")
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
    rest = memoryview(_FRAME.pack(kind, len(body)) + body)
    while rest:
        rest = rest[os.write(results, rest) :]


def _die_with(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux only)."""
    if sys.platform == "linux":
        import ctypes

        try:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        except (AttributeError, OSError, TypeError):
            return  # another C library: the process ends when it writes to a closed pipe
        if os.getppid() != parent:
            os._exit(0)


def _statm(column: int) -> int:
    """A column of /proc/self/statm in bytes; 0 on systems without this file."""
    try:
        with open("/proc/self/statm", "rb") as stream:
            return int(stream.read().split()[column]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
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
