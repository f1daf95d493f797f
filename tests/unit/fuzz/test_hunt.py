"""The hunt finds a planted fault, shrinks it, and says which judge says what."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import ExitCode
from verifier.fuzz import hunt as hunting
from verifier.fuzz.drafts import Act, Sketch, drafted
from verifier.fuzz.hunt import MENDED, Hunt, States, judged, shrunk
from verifier.model import Model
from verifier.model import model as model_of
from verifier.program.answer import Answer
from verifier.program.profiles import GENERIC, Switches
from verifier.solve import queries
from verifier.source import Source
from verifier.suite.worker import STOPPING
from verifier.syntax import load

pytestmark = pytest.mark.slow  # together, these take many seconds


def weakened(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """Take a rule away from Z3, and leave the explorer as it is."""

    def weak(switches: Switches, name: str = "x86-tso") -> Model:
        return model_of(switches, name).without(rule)

    monkeypatch.setattr(queries, "model_of", weak)


def statements(draft: Sketch) -> list[str]:
    return sorted(s.what for cpu in draft.cpus for s in cpu)


@pytest.mark.long
@pytest.mark.parametrize(
    ("language", "rule", "smallest"),
    [("X86", "drain", 6), ("MM", "fresh", 4)],
)
def test_a_planted_fault_is_found_and_shrunk(
    language: str, rule: str, smallest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    weakened(monkeypatch, rule)
    hunt = Hunt(language, GENERIC)
    found = next(
        o for o in (judged(s, drafted(s, language), hunt) for s in range(400)) if o.kind == "differs"
    )
    small = shrunk(found, hunt)
    assert small.kind == "differs" and len(statements(small.draft)) <= smallest
    assert all(judged(0, d, hunt).kind != "differs" for d in small.draft.smaller() if judgeable(d))
    text = small.text(language)
    assert "only z3: " in text and "only explorer" not in text
    assert load(Source("shrunk", text))


def judgeable(draft: Sketch) -> bool:
    return any(s.place or s.reads for cpu in draft.cpus for s in cpu)


@pytest.mark.long
def test_the_command_writes_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weakened(monkeypatch, "ppo")
    words = ["fuzz", "--language", "C", "--count", "60", "--seed", "1", "--into", str(tmp_path)]
    assert main(words) == ExitCode.FAULT
    files = sorted(tmp_path.glob("fuzz-*.litmus"))
    out = capsys.readouterr().out
    assert files and all(str(f) in out and f.read_text() in out for f in files)
    assert re.search(
        rf"60 programs by z3, explorer.*: \d+ same, 0 known, {len(files)} differs, 0 undecided", out
    )


def test_no_difference_without_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "--count", "20", "-j", "2", "--into", str(tmp_path)]) == ExitCode.EXPECTED
    assert capsys.readouterr().out.startswith("20 programs by z3, explorer: 20 same")
    assert not list(tmp_path.iterdir())


def test_bad_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "--profile", "inel"]) == ExitCode.WRONG
    assert "inel" in capsys.readouterr().err


XCHG = Sketch(((Act("xchg", "y", 1),), (Act("write", "y", 2),)))
MORE = ("0:EAX=9",)
# What a herd7 finds beside our states by its own model, and by the mended one, and what that is.
CLASSES = [((), (), "same"), ((MORE,), (), "known"), ((MORE,), (MORE,), "differs")]


@pytest.mark.parametrize(("own", "mended", "kind"), CLASSES)
def test_a_difference_is_known_if_the_mended_model_explains_it(
    own: tuple[tuple[str, ...], ...],
    mended: tuple[tuple[str, ...], ...],
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = dict(judged(0, XCHG, Hunt("X86", GENERIC)).states)["z3"]

    def herd(hunt: Hunt, text: str, model: str | None = None) -> States:
        return ours | set(mended if model == MENDED else own)

    monkeypatch.setattr(hunting, "_herd", herd)
    found = judged(0, XCHG, Hunt("X86", GENERIC, herd="herd7"))
    assert found.kind == kind
    assert found.exit_code == (ExitCode.DIFFERS if kind == "differs" else ExitCode.EXPECTED)
    assert ("only herd7: 0:EAX=9" in found.text("X86")) == bool(own)


def test_a_state_that_herd7_lacks_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the mended model lacks another one."""
    ours = dict(judged(0, XCHG, Hunt("X86", GENERIC)).states)["z3"]
    first, second = sorted(ours)
    monkeypatch.setattr(hunting, "_herd", lambda *words: ours - {second if MENDED in words else first})
    found = judged(0, XCHG, Hunt("X86", GENERIC, herd="herd7"))
    assert found.kind == "differs" and found.exit_code == ExitCode.DIFFERS


# The model of a release, which lacks ``amo`` in its first axiom.
RELEASED = """include "x86fences.cat"
include "filters.cat"
include "cos.cat"
let com = rf | fr | co
acyclic po-loc | com
empty rmw & (fre;coe)
let implied = MA(WR(po)) | AM(WR(po))
acyclic mfence | implied | WW(po) | RM(po) | rfe | fr | co
"""


@pytest.mark.skipif(shutil.which("herd7") is None, reason="herd7 is not on PATH")
def test_the_known_difference_is_that_of_a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    real = hunting._herd

    def released(hunt: Hunt, text: str, model: str | None = None) -> States | None:
        model = model or '"released"\ninclude "x86tso.cat"\n'
        return real(hunt, text, model.replace('include "x86tso.cat"', RELEASED))

    monkeypatch.setattr(hunting, "_herd", released)
    assert judged(0, XCHG, Hunt("X86", GENERIC, herd="herd7")).kind == "known"


def test_programs_depend_on_the_seed_alone() -> None:
    assert [drafted(s, "MM") for s in range(20)] == [drafted(s, "MM") for s in range(20)]
    assert len({drafted(s, "MM") for s in range(200)}) > 190


@pytest.mark.parametrize("silent", ["herd7", "z3", "explorer"])
def test_it_is_the_same_only_if_all_judges_answer(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = dict(judged(0, XCHG, Hunt("X86", GENERIC)).states)["z3"]
    monkeypatch.setattr(hunting, "_herd", lambda *_: None if silent == "herd7" else ours)
    for judge, room in (("z3", hunting.solve), ("explorer", hunting.explore)):
        if judge == silent:
            monkeypatch.setattr(room, "decide", lambda *_, **__: Answer(reason="too large"))
    found = judged(0, XCHG, Hunt("X86", GENERIC, herd="herd7"))
    assert (found.kind, found.silent) == ("undecided", (silent,))


def test_a_herd7_that_fails_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hunting, "herd7", lambda: "false")  # the command, which fails
    assert main(["fuzz", "--language", "X86", "--count", "3", "-q"]) == ExitCode.EXPECTED
    said = (
        "3 programs by z3, explorer, herd7: 0 same, 0 known, 0 differs, 3 undecided; no answer: herd7 of 3\n"
    )
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("into", "said"),
    [("file", "is a file"), ("file/below", "is a file"), ("", "--into '' names no directory")],
)
def test_where_files_go_is_looked_at_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, into: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["fuzz", "--count", "1", "--into", into]) == ExitCode.WRONG
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("signum", STOPPING)
@pytest.mark.skipif(sys.platform != "linux", reason="processes die with their parent on Linux")
def test_a_signal_leaves_no_process_and_no_directory(tmp_path: Path, signum: signal.Signals) -> None:
    """What was finished is counted."""
    herd = tmp_path / "herd7"
    herd.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec sleep 1000\n")
    herd.chmod(0o755)
    place = tmp_path / "temporary"
    place.mkdir()
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    words = [sys.executable, "-m", "verifier", "fuzz", "--language", "X86", "-j", "2"]
    process = subprocess.Popen(
        words, env={**os.environ, "PATH": path, "TMPDIR": str(place)}, stdout=subprocess.PIPE, text=True
    )
    pids = tmp_path / "pids"
    while not (pids.exists() and pids.read_text().count("\n") == 2):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signum)
    out, _ = process.communicate(timeout=60)
    left = [int(pid) for pid in pids.read_text().split()]
    try:
        assert process.returncode == 128 + signum
        assert out == "0 programs by z3, explorer, herd7: 0 same, 0 known, 0 differs, 0 undecided\n"
        assert not list(place.iterdir())
        end = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in left):
            assert time.monotonic() < end, "they do not die"
            time.sleep(0.02)
    finally:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
