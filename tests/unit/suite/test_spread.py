"""Tasks over executors: whatever is lost on the way, each verdict comes once, and the output is the same."""

from __future__ import annotations

import importlib.util
import os
import pickle
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from verifier.errors import ExitCode, LimitError, UsageError
from verifier.suite import cluster, keys, order, remote, spread
from verifier.suite.remote import HelperDied, Refused, Sent
from verifier.suite.shelf import Record
from verifier.suite.spread import Spread
from verifier.suite.worker import Doing, Garbled, Lost

ROOT = Path(__file__).resolve().parents[3]
MM = """MM {name}
#include "part.inc"
{{ int x; int y; }}
P0 {{ x = 1; [F] smp_mb(); r0 = READ_ONCE(y); }}
P1 {{ y = 1; [F] smp_mb(); r0 = READ_ONCE(x); look(); }}
variants {{ PLAIN sometimes; F never; }}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
WAIT = 240.0  # seconds until a test gives up; nothing here takes so long


# -- the order, with executors that are no processes ---------------------------------------------------


class Now(Executor):
    """Does a task when it is given, by ``does``."""

    def __init__(self, does: Callable[[int], list[object]]) -> None:
        self.does = does

    def submit(self, _: Callable[..., object], *args: object, **__: object) -> Future[list[bytes]]:  # type: ignore[override]
        future: Future[list[bytes]] = Future()
        try:
            future.set_result([pickle.dumps(part) for part in self.does(int(args[1]))])  # type: ignore[call-overload]
        except CancelledError:
            future.cancel()
        except Exception as error:
            future.set_exception(error)
        return future


class Makes:
    """Makes executors that do tasks by ``does``, and counts them."""

    def __init__(self, does: Callable[[int], list[object]]) -> None:
        self.does, self.made, self.now = does, 0, False

    def executor(self, stopped: Callable[[], bool]) -> Executor:
        self.made += not self.now
        self.now = True
        return Now(self.does)

    def give_up(self) -> None:
        self.now = False


def spread_over(makes: Makes, count: int, kept: list[Record] | None = None) -> list[tuple[int, object]]:
    keep = (kept if kept is not None else []).extend
    return list(Spread(count, lambda task: str(task).encode(), b"", makes, keep).parts())


def twice(task: int) -> list[object]:
    return [Sent(f"{task}.0"), Sent(f"{task}.1")]


def whole(count: int) -> list[tuple[int, object]]:
    return [(task, part) for task in range(count) for part in (f"{task}.0", f"{task}.1", None)]


def test_parts_come_in_order() -> None:
    makes = Makes(twice)
    assert spread_over(makes, 600) == whole(600) and makes.made == 1


@pytest.mark.parametrize("error", [CancelledError("x"), BrokenExecutor("x")])
def test_what_an_executor_loses_another_one_does(error: Exception) -> None:
    failing = [7, 7, 100, 300]

    def does(task: int) -> list[object]:
        if task in failing:
            failing.remove(task)
            raise error
        return twice(task)

    makes = Makes(does)
    assert spread_over(makes, 600) == whole(600)
    assert not failing and makes.made > 1


def test_an_executor_that_takes_no_task_is_given_up() -> None:
    makes = Makes(twice)
    refusals = [1, 1]

    class Shut(Now):
        def submit(self, *args: object, **more: object) -> Future[list[bytes]]:  # type: ignore[override]
            if refusals:
                refusals.pop()
                raise RuntimeError("cannot schedule new futures after shutdown")
            return super().submit(*args, **more)  # type: ignore[arg-type]

    makes.executor = lambda stopped: Shut(twice)  # type: ignore[method-assign]
    assert spread_over(makes, 10) == whole(10) and not refusals


def test_a_task_that_takes_its_process_with_it_is_lost_alone() -> None:
    tries: list[int] = []

    def does(task: int) -> list[object]:
        if task == 3:
            tries.append(task)
            raise HelperDied("the process that decides was killed")
        return twice(task)

    found = spread_over(Makes(does), 6)
    lost = Lost("its process ended 5 times; last, HelperDied: the process that decides was killed")
    assert [x for x in found if x[0] == 3] == [(3, lost), (3, None)] and len(tries) == spread.TRIES
    assert [x for x in found if x[0] != 3] == [x for x in whole(6) if x[0] != 3]


def test_executors_that_finish_nothing_are_not_asked_for_ever() -> None:
    def does(task: int) -> list[object]:
        raise CancelledError

    makes = Makes(does)
    with pytest.raises(LimitError, match="no executor finishes a task: CancelledError"):
        spread_over(makes, 3)
    assert makes.made == spread.RENEWALS + 1


def test_it_says_that_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "_QUIET", -1.0)
    failing = [0, 0, 0]

    def does(task: int) -> list[object]:
        if failing:
            raise HelperDied(str(failing.pop()))
        return twice(task)

    found = spread_over(Makes(does), 2)
    assert found[0] == (0, Doing("waiting for workers"))
    assert [x for x in found if not isinstance(x[1], Doing)] == whole(2)


def test_workers_that_are_not_fit_are_an_error() -> None:
    def does(task: int) -> list[object]:
        raise Refused("worker w has another verifier")

    with pytest.raises(UsageError, match="another verifier"):
        spread_over(Makes(does), 3)


class Unread(Exception):
    """Can be sent but not read."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def test_what_cannot_be_read_is_garbled_and_records_are_kept_at_once() -> None:
    records: list[Record] = []

    def does(task: int) -> list[object]:
        return [Sent("a", (Record({"task": task}),)), Unread("x", "y"), Lost("died")]

    found = spread_over(Makes(does), 2, records)
    parts = [part for task, part in found if task == 0]
    assert parts[0] == "a" and isinstance(parts[1], Garbled) and parts[2:] == [Lost("died"), None]
    assert records == [Record({"task": 0}), Record({"task": 1})]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the first task does not come, others are not begun without end."""
    monkeypatch.setattr(order, "HELD", 10_000)
    monkeypatch.setattr(spread, "IN_FLIGHT", 2)
    begun: list[int] = []

    def does(task: int) -> list[object]:
        begun.append(task)
        if task == 0 and len(begun) < 30:
            raise HelperDied("again")
        return [Sent(bytes(1000))]

    monkeypatch.setattr(spread, "TRIES", 1000)
    found = spread_over(Makes(does), 60)
    assert [task for task, part in found if part is None] == list(range(60))
    assert max(begun[: begun.index(0, 20)]) < 20  # about ten parts were held


# -- real processes, in threads of this one ------------------------------------------------------------


class Threads:
    """Executors of threads: each has its helper."""

    def __init__(self, number: int) -> None:
        self.number, self.now = number, None

    def executor(self, stopped: Callable[[], bool]) -> Executor:
        self.now = self.now or ThreadPoolExecutor(self.number)
        return self.now

    def give_up(self) -> None:
        if self.now is not None:
            self.now.shutdown(cancel_futures=True)
        self.now = None


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some files in the current directory, one of them wrong; ``--dask`` uses two threads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster, "Cluster", lambda _: Threads(2))
    Path("part.inc").write_text("void look(void) { r7 = 1; }\n")
    for name in "abc":
        Path(f"{name}.litmus").write_text(MM.format(name=name))
    Path("wrong.litmus").write_text("MM wrong\n{ int x; }\nP0 { z = 1; }\nexists (x = 1)\n")
    Path("other.litmus").write_text("AArch64 other\n{ }\n")
    return tmp_path


FORMS = [
    ["check", "."],
    ["check", "-q", ".", "--skip-other", "--strict"],
    ["states", ".", "nowhere.litmus"],
    ["compare", ".", "-a", "--profiles", "generic,intel"],
]


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_output_is_that_of_one_process(suite: Path, call: Call, form: list[str]) -> None:
    assert call(*form, "--dask", "a") == call(*form)


@pytest.mark.long
def test_a_store_is_read_and_written_here_alone(suite: Path, call: Call) -> None:
    words = ["check", "-q", ".", "--store", "s.db"]
    first = call(*words, "--dask", "a")
    assert call(*words) == first == call(*words, "--dask", "a") == call("check", "-q", ".")
    Path("b.litmus").write_text(MM.format(name="b").replace("x = 1", "x = 2"))
    call(*words, "--dask", "a")
    call(*words, "--dask", "a", "--fresh")
    base = sqlite3.connect("s.db")
    reused = [list(base.execute(f"SELECT reused FROM verdicts WHERE run = {n}")) for n in range(1, 6)]
    states = base.execute("SELECT DISTINCT state FROM runs").fetchall()
    base.close()
    assert [sum(r for (r,) in rows) for rows in reused] == [0, 6, 6, 4, 0]
    assert [len(rows) for rows in reused] == [6] * 5 and states == [("complete",)]


@pytest.mark.slow
def test_a_helper_that_is_killed_is_replaced(
    suite: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, killed = remote._Helper.parts, list[int]()
    lock = threading.Lock()

    def killing(self: remote._Helper, shared: bytes, errand: bytes) -> list[bytes]:
        with lock:
            if len(killed) < 2:
                killed.append(self.process.pid)
                os.kill(self.process.pid, signal.SIGKILL)
        return parts(self, shared, errand)

    monkeypatch.setattr(remote._Helper, "parts", killing)
    plain = call("check", ".")
    assert call("check", ".", "--dask", "a") == plain and len(killed) == 2


@pytest.mark.slow
def test_other_versions_are_refused(suite: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "tool", lambda: "another")
    code, out, err = call("check", ".", "--dask", "a")
    assert code == ExitCode.WRONG and "has another verifier, Z3, Lark or Python" in err
    assert "sometimes" not in out


def test_wrong_calls(suite: Path, call: Call) -> None:
    code, _, err = call("check", ".", "--dask", "a", "-j", 2)
    assert code == ExitCode.WRONG and "leave -j out" in err


def test_dask_is_optional(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    store = tmp_path / "s.db"
    words = ["check", ROOT / "litmus" / "classic" / "SB.litmus", "--store", store]
    code, _, err = call(*words, "--dask", "tcp://127.0.0.1:1")
    assert not store.exists()
    assert code == ExitCode.WRONG and "pip install '.[dask]'" in err


# -- a real cluster ------------------------------------------------------------------------------------

dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="Dask is not installed: pip install '.[dask]'",
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class RealCluster:
    """A scheduler and its workers on the loopback interface."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.started: list[subprocess.Popen[bytes]] = []

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        with open(self.folder / f"{len(self.started)}.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words, "--no-dashboard"],
                stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    def scheduler(self) -> subprocess.Popen[bytes]:
        return self._start("scheduler", "--host", "127.0.0.1", "--port", str(self.port))

    def worker(self) -> subprocess.Popen[bytes]:
        options = ["--host", "127.0.0.1", "--nthreads", "1", "--memory-limit", "0", "--no-nanny"]
        return self._start("worker", self.address, *options)

    def close(self) -> None:
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[RealCluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    made = RealCluster(folder)
    yield made
    made.close()


def until(what: Callable[[], object]) -> None:
    """Wait for something, however slow the machine is."""
    end = time.monotonic() + WAIT
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.mark.long
@dask
@pytest.mark.skipif(sys.platform != "linux", reason="helpers die with their parents on Linux")
def test_a_cluster_that_loses_a_worker_and_its_scheduler(tmp_path: Path, real: RealCluster) -> None:
    """No verdict is lost, none comes twice, and the output is that of -j 1."""
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "part.inc").write_text("void look(void) { r7 = 1; }\n")
    for n in range(60):
        text = MM.format(name=f"t{n:02}")
        slow = "".join(f"P{p} {{ r0 = READ_ONCE(x); r1 = READ_ONCE(y); }}\n" for p in range(2, 4))
        (folder / f"t{n:02}.litmus").write_text(text.replace("variants", slow + "variants"))
    words = [sys.executable, "-m", "verifier.cli", "check", "--judge", "both", "."]
    plain = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert plain.stdout.count("::PLAIN") == 60

    scheduler, workers = real.scheduler(), [real.worker(), real.worker()]
    store = tmp_path / "s.db"
    process = subprocess.Popen(
        [*words, "--dask", real.address, "--store", str(store)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    lines: list[str] = []

    def reads() -> None:
        assert process.stdout is not None
        lines.extend(process.stdout)

    reader = threading.Thread(target=reads)

    def kept(number: int) -> Callable[[], bool]:
        """Have that many verdicts come? They may not be printed yet."""

        def enough() -> bool:
            with suppress(sqlite3.OperationalError), sqlite3.connect(store) as base:  # it may not be made yet
                return bool(base.execute("SELECT count(*) FROM verdicts").fetchone()[0] >= number)
            return False

        return enough

    try:
        reader.start()
        until(kept(6))
        workers[0].kill()  # in the middle of a test
        until(kept(20))
        assert process.poll() is None, "the suite is over before the scheduler could die"
        scheduler.kill()
        scheduler.wait()
        workers[1].wait(WAIT)  # it does not outlive its scheduler
        real.scheduler()
        real.worker()
        until(lambda: process.poll() is not None)
        reader.join()
        assert process.stderr is not None
        said = process.stderr.read()
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, "".join(lines), said) == (plain.returncode, plain.stdout, plain.stderr)
    with sqlite3.connect(store) as base:
        rows = base.execute("SELECT id FROM verdicts WHERE run = 1 ORDER BY file, test").fetchall()
    assert [name for (name,) in rows] == [f"t{n:02}::{v}" for n in range(60) for v in ("PLAIN", "F")]


@pytest.mark.long
@dask
@pytest.mark.parametrize(
    ("address", "said"),
    [(f"tcp://127.0.0.1:{free_port()}", "no scheduler answers"), ("nonsense://x", "--dask nonsense://x: ")],
    ids=["nobody", "nonsense"],
)
def test_a_scheduler_that_is_not_there(address: str, said: str) -> None:
    words = [sys.executable, "-m", "verifier.cli", "check", "litmus/classic/SB.litmus", "--dask", address]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=WAIT)
    assert found.returncode == ExitCode.WRONG and said in found.stderr and "Traceback" not in found.stderr
