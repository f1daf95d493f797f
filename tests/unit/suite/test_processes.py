"""Faults of the machine, with real processes: killed workers, signals, full disks, no memory, no reader.

None of them gives a traceback, or exit code 1, which means "differs"; and none loses other results.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs" / "results.schema.json").read_text())
SB = "X86 {name}\n{{}}\n P0 | P1 ;\n MOV [x],$1 | MOV [y],$1 ;\n MOV EAX,[y] | MOV EAX,[x] ;\n"
SB += "exists (0:EAX=0 /\\ 1:EAX=0)\n"
WAIT = 120.0  # seconds until a test gives up; nothing here takes so long

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]


def ring(name: str, cpus: int = 8, loads: int = 3) -> str:
    """Each CPU writes its own location and reads those of its neighbours: too many runs to visit all."""
    rows = [[f"movl $1,(x{c})" for c in range(cpus)]]
    for n in range(loads):
        rows.append([f"movl (x{(c + n + 1) % cpus}),%e{'abcd'[n]}x" for c in range(cpus)])
    table = "".join(" " + " | ".join(row) + " ;\n" for row in [[f"P{c}" for c in range(cpus)], *rows])
    shown = "".join(f"{c}:r{r}x;" for c in range(cpus) for r in "abcd"[:loads])
    return f"X86_64 {name}\n{{ }}\n{table}locations [{shown}]\nexists (0:rax=0)\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A test that takes for ever between two that take no time."""
    (tmp_path / "a.litmus").write_text(SB.format(name="FIRST"))
    (tmp_path / "b.litmus").write_text(ring("ENDLESS"))
    (tmp_path / "c.litmus").write_text(SB.format(name="LAST"))
    return tmp_path


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the command line in its own process group, and kills the group at the end."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: object, **more: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "verifier.cli", *map(str, words)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)  # type: ignore[call-overload]
        started.append(process)
        return process

    yield run
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def until(what: Callable[[], object]) -> None:
    """Wait for something, however slow the machine is."""
    end = time.monotonic() + WAIT
    while not what():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def children(process: subprocess.Popen[str]) -> list[int]:
    try:
        return [int(x) for x in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    except OSError:
        return []


def nobody_left(process: subprocess.Popen[str]) -> bool:
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return True
    return False


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    streams = process.communicate(timeout=WAIT)
    out, err = (text or "" for text in streams)
    assert "Traceback" not in out + err
    return process.returncode, out, err


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


EXPLORE = ("check", "-q", "--judge", "explorer", "--timeout", "600", "--memory", "8000")


@pytest.mark.long
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_killed_worker_takes_its_test_alone(start: Start, suite: Path, jobs: str) -> None:
    (suite / "a.litmus").write_text(ring("ENDLESS"))  # the first one, so that the others wait for it
    (suite / "b.litmus").write_text(SB.format(name="MIDDLE"))
    process = start(*EXPLORE, "-j", jobs, suite)
    until(lambda: len(children(process)) == int(jobs))
    busy: list[int] = []

    def found() -> bool:
        """One worker is at work for more than the others need."""
        ticks = {p: int(Path(f"/proc/{p}/stat").read_text().split()[13]) for p in children(process)}
        busy[:] = [p for p, spent in ticks.items() if spent > 2 * os.sysconf("SC_CLK_TCK")]
        return len(busy) == 1

    until(found)
    os.kill(busy[0], signal.SIGKILL)
    code, out, err = ended(process)
    assert (code, err) == (3, "")
    assert lines(out)[:4] == [
        "ENDLESS unknown its process was killed by SIGKILL: was the machine out of memory?",
        "MIDDLE sometimes",
        "LAST sometimes",
        "3 tests: 1 unknown, 2 without expectation",
    ]
    assert lines(out)[5] == "needs attention:" and "a.litmus" in lines(out)[6]
    assert nobody_left(process)


def test_the_other_variants_of_a_killed_test_go_on(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "t.litmus"
    spin = "r0 = READ_ONCE(x); r1 = READ_ONCE(y);" * 5
    threads = "".join(f"[B] P{n} {{ x = {n}; y = {n}; {spin} }}\n" for n in range(2, 8))
    path.write_text(
        "MM t\n{ int x; int y; }\nP0 { x = 1; }\nP1 { r0 = READ_ONCE(x); }\n" + threads
        + 'variants { A sometimes; B sometimes; C sometimes "the last"; }\nexists (1:r0 = 1)\n'
    )  # fmt: skip
    process = start(*EXPLORE, path)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("t::A   sometimes   as expected")  # it is said at once
    (worker,) = children(process)
    os.kill(worker, signal.SIGKILL)
    code, out, _ = ended(process)
    assert code == 3
    assert [line.split()[:2] for line in lines(out)[:2]] == [["t::B", "unknown"], ["t::C", "sometimes"]]


STOPS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def heeded() -> None:
    """As a terminal starts it: a suite under nohup, or behind &, passes on signals that are ignored."""
    for signum in STOPS:
        signal.signal(signum, signal.SIG_DFL)


@pytest.mark.parametrize("signum", STOPS)
@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_signal_stops_all_and_keeps_what_is_known(
    start: Start, suite: Path, signum: signal.Signals, jobs: str
) -> None:
    process = start(*EXPLORE, "-j", jobs, suite, preexec_fn=heeded)
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first.split() == ["FIRST", "sometimes"]
    until(lambda: children(process))
    process.send_signal(signum)
    code, out, err = ended(process)
    assert code == 128 + signum
    assert f"verifier: stopped by {signum.name}; " in err
    assert "ENDLESS" not in out
    assert nobody_left(process)


def test_a_stopped_document_is_one(start: Start, suite: Path) -> None:
    target = suite / "out.json"
    with open(target, "w") as stream:
        process = start(*EXPLORE, "--format", "json", suite, stdout=stream, preexec_fn=heeded)
    until(lambda: "FIRST" in target.read_text() and children(process))
    os.killpg(process.pid, signal.SIGTERM)  # as timeout(1) does: workers get it, too
    assert ended(process)[0] == 143
    found = json.loads(target.read_text())
    jsonschema.validate(found, SCHEMA)
    assert [r["name"] for r in found["results"]] == ["FIRST"]
    assert [e["code"] for e in found["errors"]] == ["stopped"]
    assert nobody_left(process)


@pytest.mark.long
def test_workers_die_with_their_parent(start: Start, suite: Path) -> None:
    process = start(*EXPLORE, "-j", "2", suite)
    until(lambda: len(children(process)) == 2)
    process.kill()
    process.wait()
    until(lambda: nobody_left(process))


def test_nohup_is_heeded(start: Start, suite: Path) -> None:
    (suite / "b.litmus").unlink()
    process = start(
        "check", "-q", suite, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )  # fmt: skip
    while process.poll() is None:
        process.send_signal(signal.SIGHUP)
        time.sleep(0.02)
    assert ended(process)[0] == 0


@pytest.mark.long
def test_out_of_memory_is_unknown(start: Start, suite: Path) -> None:
    process = start("check", "-q", "--judge", "explorer", "--memory", "60", "--timeout", "600", suite)
    code, out, _ = ended(process)
    assert code == 3
    first, endless, last = lines(out)[:3]
    assert (first, last) == ("FIRST sometimes", "LAST sometimes")
    assert re.match("ENDLESS unknown (out of memory|memory: about 60 MB, more than 60)", endless)


@pytest.mark.long
@pytest.mark.parametrize("megabytes", [120, 200, 400])
def test_a_limit_of_the_shell_is_unknown_at_worst(start: Start, suite: Path, megabytes: int) -> None:
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    process = start("check", "-q", "--judge", "explorer", "--timeout", "3", suite, preexec_fn=limit)
    code, out, err = ended(process)
    assert code == 3, err
    assert "ENDLESS   unknown" in out and "LAST" in out


@pytest.mark.parametrize(
    "words", [["check", "{}"], ["check", "--format", "json", "{}"], ["states", "--format", "herd", "{}"],
              ["compare", "{}"], ["rules"], ["--help"], ["check", "--dot", "-", "{}"]],
    ids=" ".join,
)  # fmt: skip
def test_a_full_disk_is_said(start: Start, suite: Path, words: list[str]) -> None:
    with open("/dev/full", "w") as full:
        process = start(*(w.format(suite / "a.litmus") for w in words), stdout=full)
        code, _, err = ended(process)
    assert code == 2
    assert err == "verifier: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("closed", [(1,), (0, 1), (0, 1, 2), (2,), (0,)])
def test_closed_streams(start: Start, suite: Path, closed: tuple[int, ...]) -> None:
    def close() -> None:
        for fd in closed:
            os.close(fd)

    code, _, err = ended(
        start("check", "-q", "-j", "2", suite / "a.litmus", suite / "c.litmus", preexec_fn=close)
    )
    assert code == (2 if 1 in closed else 0)
    assert err == ("verifier: standard output is closed\n" if 1 in closed and 2 not in closed else "")


@pytest.mark.parametrize("word", ["never", "sometimes"])
def test_a_reader_that_leaves_does_not_change_the_code(start: Start, suite: Path, word: str) -> None:
    (suite / "b.litmus").unlink()
    text = "MM t\n{{ int x; }}\nP0 {{ x = 1; }}\nP1 {{ r0 = x; }}\nexpect {};\nexists (1:r0 = 1)\n"
    (suite / "d.litmus").write_text(text.format(word))
    read, write = os.pipe()
    os.close(read)
    process = start("check", suite, stdout=write)
    os.close(write)
    code, _, err = ended(process)
    assert (code, err) == (1 if word == "never" else 0, "")


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_any_encoding_will_do(start: Start, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.litmus"
    path.write_text('MM t\n{ int x; }\nP0 { x = 1; }\nexpect always "żółć – é";\nexists (x = 1)\n')
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    code, out, _ = ended(start("check", path, env=environment, encoding=encoding))
    assert code == 0 and "as expected: \\u017c\\xf3" in out.replace("ó", "\\xf3")
    process = start("check", "--format", "json", path, env=environment, encoding=encoding)
    found = json.loads(ended(process)[1])
    jsonschema.validate(found, SCHEMA)


def test_names_that_are_no_text(start: Start, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.litmus"
    with open(name, "w") as stream:
        stream.write("MM t\n{ }\nP0 { x = 1; }\nexists (true)\n")
    code, _, err = ended(start("check", tmp_path))
    assert code == 2 and "\\udcff.litmus:3:6: error" in err
    found = json.loads(ended(start("check", "--format", "json", tmp_path))[1])
    assert found["errors"][0]["file"].endswith("\udcff.litmus")


def test_pipes_and_devices_are_no_tests(start: Start, suite: Path) -> None:
    (suite / "b.litmus").unlink()
    os.mkfifo(suite / "b.litmus")
    (suite / "d.litmus").symlink_to("/dev/zero")
    code, out, err = ended(start("check", "-q", suite, suite / "b.litmus", "/dev/tty"))
    assert code == 2
    assert f"{suite}/b.litmus: error: this is a pipe, not a file [special]" in err
    assert f"{suite}/d.litmus: error: this is a device, not a file [special]" in err
    assert "/dev/tty: error: this is a device" in err
    assert lines(out)[:2] == ["FIRST sometimes", "LAST sometimes"]


@pytest.mark.long
def test_what_is_included_is_a_file(start: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.inc")
    path = tmp_path / "t.litmus"
    for name, says in (
        ("a.inc", "'a.inc' cannot be read: this is a pipe, not a file"),
        ("x" * 300 + ".inc", "there is no file"),
        ("../" * 3000 + "x", "there is no file"),
        (".", "'.' cannot be read: this is a directory, not a file"),
        ("/dev/zero", "'/dev/zero' cannot be read: this is a device"),
    ):
        path.write_text(f'MM t\n#include "{name}"\n{{ int x; }}\nP0 {{ x = 1; }}\nexists (x = 1)\n')
        code, _, err = ended(start("check", path))
        assert code == 2 and says in err and "t.litmus:2:1: error" in err


def test_circles_of_includes_are_seen_under_any_name(start: Start, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.inc").write_text('#include "../a/c.inc"\n')
    (tmp_path / "a" / "c.inc").write_text('#include "../a/../a/b.inc"\n')
    path = tmp_path / "t.litmus"
    path.write_text('MM t\n#include "a/b.inc"\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n')
    code, _, err = ended(start("check", path))
    assert code == 2 and "'../a/../a/b.inc' includes itself" in err


def test_standard_input_without_end(start: Start) -> None:
    with open("/dev/zero") as endless:
        code, _, err = ended(start("check", "-", stdin=endless))
    assert code == 2 and "<stdin>: error: the file has more than 1 MiB" in err


@pytest.mark.parametrize("command", ["check", "states"])
def test_what_the_shell_has_opened_is_read(start: Start, suite: Path, command: str) -> None:
    with open(suite / "a.litmus") as stream:
        process = start(
            command, "/dev/stdin", f"/dev/fd/{stream.fileno()}", stdin=stream, pass_fds=[stream.fileno()]
        )
        code, out, _ = ended(process)
    assert code in (0, 2) and "FIRST" in out  # they are the same file, at the same place


@pytest.mark.long
@pytest.mark.parametrize("form", ["text", "json", "herd"])
def test_states_that_are_not_all_known(start: Start, tmp_path: Path, form: str) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(ring("MANY"))
    code, out, err = ended(start("states", "--timeout", "1", "--format", form, path))
    assert code == 3
    assert "timeout" in (err if form == "herd" else out)
    if form == "json":
        (found,) = json.loads(out)["results"]
        assert (found["observation"], found["complete"], found["states"]) == ("unknown", False, None)
    else:
        assert (
            ("unknown" in err and out == "") if form == "herd" else lines(out)[0].startswith("MANY unknown")
        )


@pytest.mark.long
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_stopped_suite_resumes(start: Start, suite: Path, signum: signal.Signals, jobs: str) -> None:
    """What was decided when the suite was stopped is not decided again, even where it was not printed yet."""
    (suite / "a.litmus").write_text(ring("ENDLESS"))
    (suite / "b.litmus").write_text(SB.format(name="MIDDLE"))
    if jobs == "1":
        (suite / "0.litmus").write_text(SB.format(name="ZERO"))
    store = suite / "s.db"
    process = start(*EXPLORE, "-j", jobs, "--store", store, suite, preexec_fn=heeded)
    many = 1 if jobs == "1" else 2

    def decided() -> bool:
        try:
            with sqlite3.connect(store) as base:
                return bool(base.execute("SELECT count(*) FROM verdicts").fetchone()[0] == many)
        except sqlite3.OperationalError:
            return False  # the tables are not made yet

    until(decided)
    process.send_signal(signum)
    code, out, _ = ended(process)
    assert code == (-9 if signum == signal.SIGKILL else 128 + signum)
    assert "ENDLESS" not in out
    (suite / "a.litmus").write_text(SB.format(name="QUICK"))
    code, out, err = ended(start(*EXPLORE, "--store", store, suite))
    names = (["ZERO"] if jobs == "1" else []) + ["QUICK", "MIDDLE", "LAST"]
    assert (code, err) == (0, "") and [line.split()[0] for line in out.splitlines()[:-1]] == names
    with sqlite3.connect(store) as base:
        reused = {n: r for n, r in base.execute("SELECT id, reused FROM verdicts WHERE run = 2")}
        states = [state for (state,) in base.execute("SELECT state FROM runs ORDER BY number")]
    known = {"ZERO"} if jobs == "1" else {"MIDDLE", "LAST"}
    assert {n for n, r in reused.items() if r} == known
    assert states == ["open" if signum == signal.SIGKILL else f"stopped by {signum.name}", "complete"]
