"""Expendable worker processes: if one crashes or runs out of memory or time, only one result is lost.

The parent forks workers, sends them numbers of tasks, and reads the finished parts of their work from a
pipe. It replaces a worker that dies, hangs or sends nonsense. The part that this worker was at is ``Lost``;
the parts before it are kept, and the next worker does the rest. A part that cannot be sent or read is
``Garbled``: that is a fault of this program. Between two parts a worker may say how far it is, with ``tell``.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Generic, TypeVar, cast

from verifier.errors import Interrupted, LimitError, VerifierError, fault
from verifier.records import NamedTuple, dataclass
from verifier.suite.order import InOrder
from verifier.suite.worker import (
    END,
    FRAME,
    MEMORY_EXIT,
    NOTE,
    OUT_OF_MEMORY,
    PART,
    REQUEST,
    RETIRE,
    STOPPING,
    Doing,
    Garbled,
    Limits,
    Lost,
    Work,
    live,
    starved,
)

T = TypeVar("T")
Handler = Callable[[int, FrameType | None], object] | int | None  # Python's type for the handler of a signal

_POLL = 0.25  # seconds between two looks at the clock


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


class _Stop(KeyboardInterrupt):
    """A signal asks to stop. Nothing on its way takes it for an error of a test."""

    def __init__(self, signum: int) -> None:
        self.signum = signum


@contextmanager
def stopping() -> Iterator[None]:
    """Inside this context, a signal that asks to stop leaves it as ``Interrupted``, wherever it comes; a pool
    inside hears it first. ``Signals`` says which signals, and what a second one does."""

    def stop(signum: int, _: FrameType | None) -> None:
        for again in before:
            signal.signal(again, lambda number, _: os._exit(128 + number))
        raise _Stop(signum)

    before: dict[int, Handler] = {}
    try:
        for number in STOPPING:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, stop)
        yield
    except _Stop as stopped:
        raise Interrupted(stopped.signum) from None
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class Pool:
    """Does ``count`` tasks in ``jobs`` processes at a time. ``wanted`` is asked now and then: does somebody
    still wait for the results? ``patient``: if a process is killed before it has sent a part of its task, the
    task is begun once more."""

    def __init__(
        self,
        count: int,
        work: Work,
        jobs: int,
        limits: Limits,
        wanted: Callable[[], bool] | None = None,
        *,
        patient: bool = False,
    ) -> None:
        self.patient, self.begun_again = patient, set[int]()
        self.work, self.limits, self.wanted = work, limits, wanted
        self.jobs = max(1, min(jobs, count))
        self.workers: list[_Worker] = []
        self.tasks = InOrder(count)

    def again(self, count: int, first: int) -> Iterator[tuple[int, object]]:
        """The parts of the tasks from ``first`` on, up to ``count``, as ``parts`` yields them. The processes
        last until ``end``."""
        self.tasks = InOrder(count, first)
        return self._parts()

    def parts(self) -> Iterator[tuple[int, object]]:
        """Pairs of a task and a part or ``Doing``, tasks in their order; after its last part a task has None.

        On a signal it first yields everything that is finished, then raises ``Interrupted``. Raises
        ``LimitError`` if no process can be started, or nobody wants the rest.
        """
        try:
            yield from self._parts()
        finally:
            self.end()

    def _parts(self) -> Iterator[tuple[int, object]]:
        with Signals() as signals:
            while not self.tasks.over:
                self._employ()
                self._wait(signals)
                if self.wanted is not None and not self.wanted():
                    raise LimitError("nobody waits for it any more")
                stop = signals.caught
                yield from self.tasks.finished(everything=stop is not None)
                if stop is not None:
                    raise Interrupted(stop)

    def end(self) -> None:
        """End the processes."""
        while self.workers:
            self.workers.pop().end()

    def _employ(self) -> None:
        """Give tasks to the workers, of which there are as many as can be used."""
        for worker in self.workers:
            if worker.task is None and self.tasks.waiting:
                worker.give(*self.tasks.take())
        while len(self.workers) < self.jobs and self.tasks.waiting:
            try:
                worker = _Worker(self.work, self.limits, self.workers)
            except OSError as error:
                if self.workers:
                    return  # the workers that exist do all the work
                raise LimitError(f"no process can be started: {error.strerror}") from None
            self.workers.append(worker)
            worker.give(*self.tasks.take())

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
        for kind, part, size in frames:
            if worker.task is None:
                alive = False  # it sends something without a request
                break
            if kind == NOTE:
                self.tasks.tell(worker.task, cast("Doing", part))
                continue
            if kind == PART or size:
                self.tasks.add(worker.task, part, size)
                worker.done += 1
            if kind == PART:
                continue
            self.tasks.end(worker.task)
            worker.task = None
            if kind == RETIRE:
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
        if (
            self.patient
            and instead is None
            and died.killed
            and not worker.done
            and worker.task not in self.begun_again
        ):
            self.begun_again.add(worker.task)
            self.tasks.give_back(worker.task, 0)
            return
        self.tasks.add(worker.task, instead or Lost(died.cause))
        if worker.done:
            self.tasks.give_back(worker.task, worker.done + 1)
        else:
            self.tasks.end(worker.task)


class Death(NamedTuple):
    """How a process died: the ``cause``, and whether it was ``killed`` by a signal."""

    cause: str
    killed: bool


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
            live(
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
            os.write(self.requests, REQUEST.pack(task, done))

    def listen(self) -> tuple[list[tuple[int, object, int]], bool]:
        """The frames that it has sent, with their sizes, and whether more can come. Raises ``Nonsense``."""
        frames: list[tuple[int, object, int]] = []
        data = os.read(self.results, 1 << 16)  # what a pipe holds
        self.buffer += data
        while len(self.buffer) >= FRAME.size:
            kind, length = FRAME.unpack_from(self.buffer)
            if kind not in (PART, END, RETIRE, NOTE):
                raise Nonsense(f"its process sent {self.buffer[: FRAME.size].hex()}, where a part must begin")
            if len(self.buffer) < FRAME.size + length:
                break
            body = bytes(self.buffer[FRAME.size : FRAME.size + length])
            del self.buffer[: FRAME.size + length]
            if kind == NOTE:
                frames.append((kind, Doing(body.decode(errors="replace")), length))
                continue
            frames.append((kind, _unpacked(body) if kind == PART or body else None, length))
            self.since = time.monotonic()
        return frames, bool(data)

    def end(self) -> Death:
        """Kill the worker if it is alive, and wait for its end."""
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
        return Death(_cause(status, said), os.WIFSIGNALED(status))


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
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == MEMORY_EXIT:
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
    function: Callable[[], T],
    limits: Limits,
    name: str,
    hear: Callable[[str], None] | None = None,
    wanted: Callable[[], bool] | None = None,
) -> T:
    """The result of a function that runs in a process of its own; ``name`` is the file in question. ``hear``
    gets what the process tells meanwhile; ``wanted``: as for ``Pool``.

    Raises what the function raises, ``LimitError`` if the process dies or nobody wants its result, and
    ``InternalError`` if the result or the exception cannot be sent.
    """
    (found,) = each_alone([function], limits, name, hear=hear, wanted=wanted)
    if isinstance(found, Raised):
        raise found.error
    return found


def each_alone(
    functions: Sequence[Callable[[], T]],
    limits: Limits,
    name: str,
    jobs: int = 1,
    hear: Callable[[str], None] | None = None,
    wanted: Callable[[], bool] | None = None,
) -> Iterator[T | Raised]:
    """The results of functions, in their order; up to ``jobs`` processes do them at the same time. What a
    function raises, and what ``alone`` would raise, takes the place of its result. Raises ``LimitError`` if
    nobody wants the rest."""

    pool = Pool(len(functions), one_by_one(functions), jobs, limits, wanted)
    return results(pool.parts(), name, hear)


def one_by_one(functions: Sequence[Callable[[], object]]) -> Work:
    """Work of which each task is the call of a function."""

    def work(task: int, _: int) -> Iterator[object]:
        try:
            yield _Value(functions[task]())
        except MemoryError:
            raise
        except Exception as error:
            if not isinstance(error, VerifierError) and starved():
                raise MemoryError from error
            yield error

    return work


def results(
    parts: Iterable[tuple[int, object]], name: str, hear: Callable[[str], None] | None = None
) -> Iterator[Any]:
    """The results of calls, as ``each_alone`` yields them, from the parts of their work."""
    try:
        for _, part in parts:
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
                yield cast("_Value[Any]", part).value
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
