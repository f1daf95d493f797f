"""Results of workers arrive, or an error says that they did not."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Iterator
from mmap import PAGESIZE, mmap
from pathlib import Path

import pytest

import verifier
from verifier.cli import main
from verifier.errors import InputError, InternalError, LimitError, VerifierError
from verifier.source import Diagnostic, Source
from verifier.suite import decide, order, pool, worker
from verifier.suite import parts as decided
from verifier.suite.discover import Task
from verifier.suite.options import Options
from verifier.suite.pool import Pool, alone
from verifier.suite.worker import Garbled, Last, Limits, Lost, Work
from verifier.syntax import load
from verifier.syntax.test import Test
from verifier.syntax.trouble import Reading, Unfinished

SB = Path(__file__).resolve().parents[3] / "litmus" / "classic" / "SB.litmus"
MP = SB.with_name("MP.litmus")
WRONG = Diagnostic("name", "there is no such thing", file="t")


class Unread(VerifierError):
    """An exception that can be sent but not read: its constructor takes more than the message."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")


class Unsent(VerifierError):
    """An exception that holds something that cannot be sent."""

    def __init__(self) -> None:
        super().__init__("it holds a function")
        self.function = lambda: None


class Deep:
    """An object that is nested too deeply to be sent."""

    def __reduce__(self) -> tuple[type[Deep], tuple[()]]:
        raise RecursionError


def parts(work: Work, count: int = 1) -> list[tuple[int, object]]:
    return list(Pool(count, work, 1, Limits()).parts())


@pytest.mark.parametrize("made", [Unread("x", "y"), Unsent()], ids=["unread", "unsent"])
def test_what_cannot_be_sent_is_garbled_and_the_rest_comes(made: object) -> None:
    def work(task: int, done: int) -> Iterator[object]:
        yield from [made if task == 0 else "whole", "after"][done:]

    first, after, end, *others = parts(work, 2)
    assert isinstance(first[1], Garbled) and type(made).__name__ in first[1].cause
    assert [after, end, *others] == [(0, "after"), (0, None), (1, "whole"), (1, "after"), (1, None)]


@pytest.mark.parametrize("made", ["part", Unread("x", "y"), Unsent()], ids=["sent", "unread", "unsent"])
def test_a_last_part_comes_with_the_end_of_its_task(made: object) -> None:
    def work(task: int, done: int) -> Iterator[object]:
        yield from ["first", Last(made)][done:]

    first, last, end, *others = parts(work, 2)
    assert first == (0, "first") and end == (0, None) and len(others) == 3
    assert last == (0, "part") if made == "part" else isinstance(last[1], Garbled)


def test_a_worker_that_dies_before_its_last_part_is_replaced() -> None:
    def work(task: int, done: int) -> Iterator[object]:
        if not done:
            yield "first"
        if task == 0 and done < 2:
            os.kill(os.getpid(), signal.SIGKILL)
        yield Last("last")

    found = parts(work, 2)
    assert [part for _, part in found if not isinstance(part, Lost)] == 2 * ["first", "last", None]
    assert [task for task, part in found if isinstance(part, Lost)] == [0]


def pages(megabytes: int) -> mmap:
    """So much memory that nobody has used before, written to; a byte at least."""
    made = mmap(-1, max(1, megabytes << 20))
    for at in range(0, len(made), PAGESIZE):
        made[at] = 1
    return made


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc: memory is not asked for")
@pytest.mark.parametrize(("grows", "processes"), [(0, 1), (40, 3)])
def test_a_worker_is_replaced_for_what_it_takes_not_for_what_it_began_with(
    grows: int, processes: int
) -> None:
    """Of 64 MB a worker may keep half; the process that it comes from may hold more."""
    before, kept = pages(96), list[mmap]()

    def work(task: int, _: int) -> Iterator[object]:
        kept.append(pages(grows))
        yield os.getpid()

    found = {part for _, part in Pool(3, work, 1, Limits(memory=64)).parts() if part is not None}
    assert len(before) == 96 << 20 and len(found) == processes


def test_what_is_too_deep_to_be_sent_is_lost() -> None:
    def work(_: int, __: int) -> Iterator[object]:
        yield Deep()

    assert parts(work) == [(0, Lost("the result is nested too deeply to be sent")), (0, None)]


def test_a_worker_that_talks_nonsense_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def send(results: int, kind: int, body: bytes) -> None:
        os.write(results, b"\xee" * 9)

    monkeypatch.setattr(worker, "_send", send)

    def work(_: int, __: int) -> Iterator[object]:
        yield "something"

    (first, end) = parts(work)
    assert isinstance(first[1], Garbled) and "ee" * 9 in first[1].cause and end == (0, None)


def test_a_part_of_nothing_is_garbled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_packed", lambda part: b"")

    def work(_: int, __: int) -> Iterator[object]:
        yield "something"

    (first, end) = parts(work)
    assert isinstance(first[1], Garbled) and end == (0, None)


@pytest.mark.parametrize("error", [Unread("x", "y"), Unsent()], ids=["unread", "unsent"])
def test_an_exception_that_cannot_be_sent_is_an_internal_error(error: VerifierError) -> None:
    def function() -> None:
        raise error

    with pytest.raises(
        InternalError, match=rf"t: this is a fault of the verifier (.|\n)*{type(error).__name__}"
    ):
        alone(function, Limits(), "t")


def test_what_a_function_gives_is_not_raised() -> None:
    assert str(alone(lambda: LimitError("given"), Limits(), "t")) == "given"
    with pytest.raises(InputError) as caught:
        alone(lambda: (_ for _ in ()).throw(InputError([WRONG])), Limits(), "t")
    assert caught.value.diagnostics == (WRONG,)


def test_errors_of_input_can_be_sent_whatever_they_are_made_of() -> None:
    error = Unfinished([Reading((WRONG,), ())], ())
    sent = pickle.loads(pickle.dumps(error))
    assert isinstance(sent, InputError) and sent.diagnostics == (WRONG,) and str(sent) == str(error)


@pytest.mark.parametrize("error", [Unread("x", "y"), Unsent()], ids=["unread", "unsent"])
def test_no_test_is_silent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: VerifierError
) -> None:
    """From end to end: the test's error cannot be sent; that is exit 4, and the other test is decided."""
    real = decided.run_or_die

    def run_or_die(test: verifier.Test, options: decide.Options) -> verifier.Verdict:
        if test.name == "SB":
            raise error
        return real(test, options)

    monkeypatch.setattr(decided, "run_or_die", run_or_die)
    code = main(["check", "-q", str(SB), str(MP)])
    out, err = capsys.readouterr()
    assert code == 4 and out.startswith("MP   never") and "1 with errors" in out
    assert err.startswith(f"verifier: {SB}: this is a fault of the verifier ") and type(error).__name__ in err


def test_no_verdict_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    (test,) = load(Source("t", SB.read_text()))

    def lower(*_: object) -> None:
        raise Unread("x", "y")

    monkeypatch.setattr(decide, "lower", lower)
    with pytest.raises(InternalError, match="this is a fault of the verifier"):
        verifier.check(test, memory=500)


def test_later_tasks_wait_while_much_is_held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first task ends when the file is there. Until then, others are done, but not all of them."""
    monkeypatch.setattr(order, "HELD", 10_000)
    go, begun = tmp_path / "go", tmp_path / "begun"

    def work(task: int, _: int) -> Iterator[object]:
        while task == 0 and not go.exists():
            time.sleep(0.01)
        with begun.open("a") as stream:
            stream.write(f"{task}\n")
        yield bytes(1000)

    running = Pool(50, work, 2, Limits())
    watched = running._wait

    def wait(signals: pool.Signals) -> None:
        watched(signals)
        if running.tasks.weight >= 10_000 and all(w.task in (None, 0) for w in running.workers):
            go.touch()

    monkeypatch.setattr(running, "_wait", wait)
    found = list(running.parts())
    assert [task for task, part in found if part is None] == list(range(50))
    those = [int(word) for word in begun.read_text().split()]
    assert those.index(0) == 10 and sorted(those) == list(range(50))
    left = running.tasks
    assert (left.weight, left.held, left.found, left.ended) == (0, {}, {}, set())


@pytest.mark.slow
def test_tasks_of_dead_workers_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if much is held: the earlier parts are what the others wait for."""
    monkeypatch.setattr(order, "HELD", 1)

    def work(task: int, done: int) -> Iterator[object]:
        for part in range(done, 4):
            if part == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield f"{task}.{part}"

    found = list(Pool(6, work, 3, Limits()).parts())
    for task in range(6):
        texts = [p if isinstance(p, str | None) else type(p).__name__ for t, p in found if t == task]
        assert texts == [f"{task}.0", f"{task}.1", "Lost", f"{task}.3", None]
    assert [t for t, p in found if p is None] == list(range(6))


@pytest.mark.parametrize("kills", [1, 2])
def test_a_task_is_begun_once_more_if_its_process_is_killed_at_first(tmp_path: Path, kills: int) -> None:
    def work(task: int, done: int) -> Iterator[object]:
        assert done == 0
        count = tmp_path / str(task)
        with count.open("a") as file:
            file.write("!")
        if task == 0 and len(count.read_text()) <= kills:
            os.kill(os.getpid(), signal.SIGKILL)
        yield f"{task}"

    found = list(Pool(2, work, 1, Limits(), patient=True).parts())
    assert found[-2:] == [(1, "1"), (1, None)]
    assert [p if isinstance(p, str) else type(p) for t, p in found if t == 0] == (
        ["0", type(None)] if kills == 1 else [Lost, type(None)]
    )


def test_what_runs_out_of_memory_or_time_at_first_is_not_begun_again(tmp_path: Path) -> None:
    def work(task: int, _: int) -> Iterator[object]:
        with (tmp_path / str(task)).open("a") as file:
            file.write("!")
        if task == 0:
            raise MemoryError
        time.sleep(60)
        yield

    found = list(Pool(2, work, 1, Limits(seconds=0.1), patient=True).parts())
    assert [type(part) for _, part in found] == [Lost, type(None)] * 2
    assert [(tmp_path / name).read_text() for name in "01"] == ["!", "!"]


def test_a_file_whose_reader_is_killed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, seen = decided.load_task, tmp_path / "seen"

    def killed(task: Task, options: Options) -> list[Test]:
        if task.name == str(SB) and not seen.exists():
            seen.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return real(task, options)

    monkeypatch.setattr(decided, "load_task", killed)
    assert main(["check", "-q", str(SB), str(MP)]) == 0
    assert capsys.readouterr().out.endswith("2 tests: 2 as expected\n") and seen.exists()
