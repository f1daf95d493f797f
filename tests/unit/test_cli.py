"""The command line: verdicts, stories, formats, exit codes, and messages about bad input."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.effort import share
from verifier.cli import main
from verifier.render import story
from verifier.render.base import Verdicts
from verifier.render.formats import FORMATS, Format
from verifier.results import Verdict
from verifier.suite import decide, worker
from verifier.suite.options import Options
from verifier.suite.worker import Limits

ROOT = Path(__file__).resolve().parents[2]
CLASSIC, LINUX = ROOT / "litmus" / "classic", ROOT / "litmus" / "linux"
SOME = [
    LINUX / "gup-fast",
    LINUX / "mmu-gather",
    *share(sorted((ROOT / "litmus" / "hangs").glob("*.litmus")), 6),
]
SB = CLASSIC / "SB.litmus"
SWITCH = LINUX / "switch_mm-vs-flush.litmus"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(a) for a in arguments])
    out = capsys.readouterr()
    assert "Traceback" not in out.out + out.err
    return code, out.out, out.err


@pytest.mark.long
def test_both_judges_find_the_corpus_as_expected(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", "-q", "--judge", "both", *SOME, CLASSIC)
    assert code == 0
    assert re.search(r"(\d+) tests: \1 as expected$", out.strip())


@pytest.mark.slow
def test_the_story_of_b1_is_the_store_buffer(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "check", f"{SWITCH}::B1")
    assert code == 0
    lines = [" ".join(line.split()) for line in out.splitlines() if line.startswith(("  ", "* "))]
    stored = next(
        i for i, x in enumerate(lines) if "set_pte" in x and x.endswith("goes to the store buffer [1.2]")
    )
    read = next(i for i, x in enumerate(lines) if "cpumask_test_cpu" in x and x.endswith("reads 0"))
    fill = next(i for i, x in enumerate(lines) if "TLB fill of v: A" in x)
    late = next(i for i, x in enumerate(lines) if "pte(N, v) = B reaches memory" in x)
    assert stored < read < fill < late


@pytest.mark.slow
def test_the_story_of_the_lazy_return_is_the_spontaneous_fill(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "check", f"{LINUX / 'lazy-return.litmus'}::B1")
    assert re.search(r"TLB fill of v: A\s+no access asks for it", out)
    assert "store buffer" not in out
    assert out.index("TLB fill of v: A") < out.index("set_pte")


@pytest.mark.slow
def test_families(capsys: pytest.CaptureFixture[str]) -> None:
    path = LINUX / "switch_mm-vs-flush-n.litmus"
    assert run(capsys, "check", "-q", "-D", "n=8", f"{path}::F")[0] == 0
    code, _, err = run(capsys, "check", "-D", "m=8", path)
    assert (code == 2 and "did you mean 'n'" in err) or "no constant" in err


def test_herd_output(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "states", "--format", "herd", SB)
    expected = """Test SB Allowed
States 4
0:EAX=0; 1:EAX=0;
0:EAX=0; 1:EAX=1;
0:EAX=1; 1:EAX=0;
0:EAX=1; 1:EAX=1;
Ok
Witnesses
Positive: 1 Negative: 3
Condition exists (0:EAX=0 /\\ 1:EAX=0)
Observation SB Sometimes 1 3
Time SB *

"""
    assert re.sub(r"Time SB \d+\.\d\d", "Time SB *", out) == expected


@pytest.mark.long
@pytest.mark.parametrize("command", ["check", "states"])
def test_json_output_holds_to_its_schema(capsys: pytest.CaptureFixture[str], command: str) -> None:
    _, out, _ = run(capsys, command, "--format", "json", *SOME, SB)
    found = json.loads(out)
    jsonschema.validate(found, json.loads((ROOT / "docs" / "results.schema.json").read_text()))
    assert all(("states" in r) == (command == "states") for r in found["results"])
    assert {r["observation"] for r in found["results"]} >= {"never", "sometimes"}


def test_json_output_has_the_errors(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path, MM + "P0 { y = 1; }\nexists (x=1)\n")
    code, out, err = run(capsys, "check", "--format", "json", path, f"{SB}::B9")
    found = json.loads(out)
    jsonschema.validate(found, json.loads((ROOT / "docs" / "results.schema.json").read_text()))
    assert code == 2 and found["results"] == [] and ": error: " in err
    first, second = found["errors"]
    assert (first["file"], first["line"], first["column"], first["code"]) == (str(path), 3, 6, "unknown-name")
    assert second["code"] == "usage" and second["line"] is None


@pytest.mark.long
def test_output_is_the_same_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check", *SOME)[1] == run(capsys, "check", "-j", "2", *SOME)[1]


@pytest.mark.slow
def test_dot(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "out.dot"
    assert run(capsys, "check", "--dot", target, SB)[0] == 0
    assert target.read_text().startswith('digraph "SB" {\n  label="SB: a run in which it holds')
    assert run(capsys, "check", "--dot", target, f"{SWITCH}::F")[0] == 0
    assert 'label="switch_mm-vs-flush::F: a run in which it does not hold' in target.read_text()


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "t.litmus"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


C = "C t\n{}\nP0(int *x) { WRITE_ONCE(*x, 1); }\n"
MM = "MM t\n{ page A = 1; mm N { v -> A }; int x; }\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        (b"\0\1\2", "the file is not text"),
        (b"\xff\xfe", "the file is not UTF-8 text"),
        ("QQ t\n", "unknown kind of test 'QQ'"),
        ("C t (* never closed\n{}\n", "does not end"),
        ("C t\n{}\nP0(int *x) { WRITE_ONCE(*x, 1) }\nexists (x=1)\n", "';' is missing"),
        (C, None),
        (C + "exists (0:r1=1)\n", "no statement of P0 writes"),
        ("C t\n{}\nP0(int *x) { WRITE_ONE(*x, 1); }\nexists (x=1)\n", "did you mean 'WRITE_ONCE'"),
        ("C t\n{}\nP0(int *x) { WRITE_ONCE(*x); }\nexists (x=1)\n", "2 arguments, not 1"),
        ("C t\n{}\nP0(int *x) { kfree_rcu(x); }\nexists (x=1)\n", "kfree_rcu takes 2 arguments"),
        (MM + "P0 { load_cr3(A); }\nexists (x=1)\n", "[type]"),
        (MM + "P0 { invlpg(N); }\nexists (x=1)\n", "[type]"),
        (MM + "P0 { y = 1; }\nexists (x=1)\n", "'y'"),
        (MM + "P0 { [B1] x = 1; }\nexists (x=1)\n", "there is no variant 'B1'"),
        (MM + "P0 { x = 1; }\nvariants { F never; F never; }\nexists (x=1)\n", "declared twice"),
        (MM + "P0 { x = 1; }\n", "needs a condition"),
        (MM + "P0 { x = 1; }\nexists (~0:tlb[v -> A])\n", "cannot ask whether a TLB entry is absent"),
        (MM + "P0 { x = " + "(" * 500 + "1" + ")" * 500 + "; }\nexists (x=1)\n", "deep"),
        ("X86_64 t\n{ }\n P0 ;\n FOO [x],$1 ;\nexists (x=1)\n", "unknown instruction"),
    ],
)
def test_bad_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str | bytes, says: str | None
) -> None:
    code, _, err = run(capsys, "check", write(tmp_path, text))
    if says is None:
        assert code == 0  # as herd7 reads it: forall (true)
        return
    assert code == 2
    assert says in err
    assert "t.litmus" in err


def test_all_errors_of_a_file_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write(tmp_path, MM + "P0 { y = 1; z = 2; fooo(); }\nexists (0:r9 = 1)\n")
    _, _, err = run(capsys, "check", path)
    assert len(re.findall(r": error: ", err)) == 4
    assert re.search(r"t\.litmus:3:6: error", err)


def test_a_long_line_is_refused_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "check", write(tmp_path, "C t " + "x" * 10_000_000))
    assert code == 2 and "more than 1 MiB" in err


def test_usage_errors(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments in (
        ["check", tmp_path],
        ["check", tmp_path / "missing.litmus"],
        ["check", f"{SWITCH}::B9"],
        ["check", "--timeout", "-1", SB],
        ["check", "-j", "0", SB],
        ["check", "--prof", "amd", SB],
        ["frobnicate"],
    ):
        assert run(capsys, *arguments)[0] == 2


@pytest.mark.slow
def test_exit_codes_and_expectations(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    differs = write(tmp_path, MM + 'P0 { x = 1; }\nexpect never "no";\nexists (x=1)\n')
    code, out, _ = run(capsys, "check", differs)
    assert code == 1 and "DIFFERS: expected never" in out
    spins = "P0 { while (READ_ONCE(x) != 2) cpu_relax(); }\nexpect never;\nexists (x=1)\n"
    code, out, _ = run(capsys, "check", write(tmp_path, MM + spins))
    assert code == 1 and "no run ends" in out
    loops = "P0 { do { r0 = READ_ONCE(x); WRITE_ONCE(x, 9); } while (r0 != 9); }\n"
    loops += "expect never;\nexists (0:r0=8)\n"
    code, out, _ = run(capsys, "check", write(tmp_path, MM + loops))
    assert code == 0, "two turns are within the bound"
    code, out, _ = run(capsys, "check", "--unroll", "0", write(tmp_path, MM + loops))
    assert code == 3 and "within bound 0" in out
    weak = C + "exists (x=2)\n"
    code, out, _ = run(
        capsys, "check", write(tmp_path, weak.replace("C t\n", "C t\n(* Result: Sometimes *)\n"))
    )
    assert code == 0 and "stronger on x86" in out


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SB.read_bytes())))
    assert run(capsys, "check", "-q", "-")[1].startswith("SB")


@pytest.mark.parametrize(
    ("path", "found"), [("-::F", ["t::F never"]), ("-::F,B", ["t::F never", "t::B sometimes"])]
)
def test_a_variant_of_standard_input(
    path: str, found: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "MM t\n{ int x; int y; }\nP0 { x = 1; [F] smp_mb(); r0 = y; }\nP1 { y = 1; [F] smp_mb(); r0 = x; }\n"
        "variants { F never; B sometimes; }\nexists (0:r0 = 0 /\\ 1:r0 = 0)\n"
    )
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, out, _ = run(capsys, "check", "-q", path)
    assert code == 0
    assert [" ".join(line.split()[:2]) for line in out.splitlines() if line.startswith("t::")] == found


@pytest.mark.slow
def test_the_package_is_the_command() -> None:
    command = [sys.executable, "-m", "verifier"]
    assert subprocess.run([*command, "--version"], check=True, capture_output=True).stdout
    assert subprocess.run([*command, "check", "nowhere.litmus"], capture_output=True).returncode == 2


@pytest.mark.slow
def test_ctrl_c_leaves_no_child() -> None:
    """The parent dies of the interrupt with 130, and its process group with it."""
    command = [
        sys.executable,
        "-m",
        "verifier.cli",
        "check",
        "-q",
        "-j",
        "2",
        "--judge",
        "explorer",
        str(LINUX),
        str(CLASSIC),
    ]
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT, start_new_session=True
    )
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
    started = time.monotonic()
    while time.monotonic() < started + 20 and not (children.exists() and children.read_text()):
        time.sleep(0.1)  # until it is at work, however slow the machine
    time.sleep(0.2)
    os.kill(child.pid, signal.SIGINT)
    assert child.wait(timeout=20) in (0, 130)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(child.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("a child process is left")


@pytest.mark.slow
def test_a_file_is_decided_once(capsys: pytest.CaptureFixture[str]) -> None:
    once = run(capsys, "check", "-q", SWITCH)[1]
    assert run(capsys, "check", "-q", f"{SWITCH}::B1", SWITCH, SWITCH)[1] == once
    both = run(capsys, "check", "-q", f"{SWITCH}::B1", f"{SWITCH}::F", f"{SWITCH}::B1")[1]
    assert "2 tests" in both


MAYBE = "MM maybe\n{ int x; }\nP0 { x = 1; }\nP1 { r0 = x; }\n"


@pytest.mark.slow
def test_a_path_that_does_not_exist_is_one_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "check", "--format", "json", tmp_path / "nothing", SB, tmp_path)
    found = json.loads(out)
    jsonschema.validate(found, json.loads((ROOT / "docs" / "results.schema.json").read_text()))
    assert code == 2 and [r["name"] for r in found["results"]] == ["SB"]
    assert [(e["code"], e["file"]) for e in found["errors"]] == [
        ("missing", str(tmp_path / "nothing")), ("no-tests", str(tmp_path))
    ]  # fmt: skip
    assert "there is no such file" in err


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--format", "json", "--timeout", "never"],
        ["check", "--format=json", "--profile", "foo", str(SB)],
        ["states", "--bogus", "--format", "json", str(SB)],
        ["check", "--format", "json", "--set", "tec=true", str(SB)],
    ],
)
def test_a_wrong_call_is_a_document_too(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    code, out, _ = run(capsys, *words)
    found = json.loads(out)
    jsonschema.validate(found, json.loads((ROOT / "docs" / "results.schema.json").read_text()))
    assert code == 2 and found["results"] == [] and found["errors"][0]["code"] == "usage"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_one_test_s(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    text = MAYBE + "variants { A sometimes; B sometimes; C sometimes; }\nexists (1:r0 = 1)\n"
    path, real = write(tmp_path, text), decide.lower

    def lower(test: Any, *more: Any) -> Any:
        return real(test, *more) if test.variant != "B" else 1 // 0

    monkeypatch.setattr(decide, "lower", lower)
    code, out, err = run(capsys, "check", "-q", "--format", form, path, SB)
    assert code == 4
    assert f"verifier: {path}: this is a fault of the verifier (version " in err
    assert re.search(r"ZeroDivisionError: .* in test_cli\.py:\d+", err)
    if form == "text":
        verdicts, attention = out.split("\n\nneeds attention:\n")
        assert attention == f"  fault      verifier check {path}\n"
        assert [line.split()[0] for line in verdicts.splitlines()] == ["maybe::A", "maybe::C", "SB", "3"]
    else:
        found = json.loads(out)
        assert [e["code"] for e in found["errors"]] == ["internal"] and len(found["results"]) == 3


@pytest.mark.slow
def test_an_exception_in_a_story_is_one_test_s(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = story.text

    def text(verdict: Any, **more: Any) -> str:
        return real(verdict, **more) if verdict.test.name != "SB" else {}["SB"]

    monkeypatch.setattr(story, "text", text)
    code, out, err = run(capsys, "check", SB, CLASSIC / "MP.litmus")
    assert code == 4 and "KeyError: 'SB'" in err and out.startswith("MP   never")


class Names(Verdicts):
    """A format that prints only names."""

    def shown(self, verdict: Verdict) -> tuple[str, str]:
        """The name of the test, on its line."""
        return f"{verdict.test.id}\n", ""


@pytest.mark.slow
def test_a_format_is_its_renderer_and_its_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "names", Format("names alone", ("check",), Names))
    assert run(capsys, "check", "--format", "names", SB, CLASSIC / "MP.litmus") == (0, "SB\nMP\n", "")
    for words in (["states", "--format", "names", SB], ["check", "--format=names", "--bogus", SB]):
        code, out, err = run(capsys, *words)
        assert (code, out) == (2, "") and err.startswith("verifier: ")
    assert "{text,json,herd,junit,sarif,github,tap,names}" in run(capsys, "check", "--help")[1]
    assert "{text,json,herd}" in run(capsys, "states", "--help")[1]


@pytest.mark.long
def test_warnings_stand_in_all_formats_and_can_be_errors(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = MAYBE.replace("{ int x; }", "Sourse=here\n{ int x; }") + "exists (1:r0 = 1)\n"
    path = write(tmp_path, text)
    says = f"{path}:2:1: warning: unknown key 'Sourse' [unknown-key]"
    forms = [[c, "--format", name] for name, form in FORMATS.items() for c in form.commands]
    for words in (*forms, ["check", "--dot", "-"], ["compare"]):
        code, _, err = run(capsys, *words, path)
        assert code == 0 and err.startswith(says), words
        code, _, err = run(capsys, *words, "--strict", path)
        assert code == 2 and err.startswith(says.replace(": warning:", ": error:")), words
    found = json.loads(run(capsys, "check", "--format", "json", path)[1])
    assert [(w["line"], w["code"]) for w in found["warnings"]] == [(2, "unknown-key")]
    found = json.loads(run(capsys, "check", "--format", "json", "--strict", path)[1])
    assert found["warnings"] == [] and [e["code"] for e in found["errors"]] == ["unknown-key"]
    assert found["results"][0]["observation"] == "sometimes"


def test_a_warning_is_said_once_for_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    text = MAYBE.replace("{ int x; }", "Sourse=here\n{ int x; }")
    text += "[B] P2 { x = 2; }\nvariants { A sometimes; B sometimes; }\nexists (1:r0 = 1)\n"
    assert run(capsys, "check", write(tmp_path, text))[2].count("unknown-key") == 1


@pytest.mark.long
def test_tests_for_other_machines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, arch in (("a", "AArch64"), ("b", "PPC"), ("c", "AArch64"), ("d", "QQ")):
        (tmp_path / f"{name}.litmus").write_text(f"{arch} MP\n{{ }}\n P0 ;\n NOP ;\nexists (true)\n")
    (tmp_path / "e.litmus").write_text(MAYBE + "exists (1:r0 = 1)\n")
    code, out, err = run(capsys, "check", "-q", tmp_path)
    assert code == 2 and "1 test: 1 without expectation, 4 with errors\n\nneeds attention:\n" in out
    assert "a.litmus:1:1: error: this test is for AArch64 [architecture]" in err and "--skip-other" in err
    (tmp_path / "d.litmus").unlink()
    code, out, err = run(capsys, "check", "-q", "--skip-other", tmp_path)
    assert (code, err) == (0, "")
    assert out.endswith("1 test: 1 without expectation, 3 skipped (2 AArch64, 1 PPC)\n")
    code, out, _ = run(capsys, "check", "--skip-other", tmp_path)
    assert f"{tmp_path}/b.litmus   skipped: a test for PPC\n" in out
    found = json.loads(run(capsys, "check", "--format", "json", "--skip-other", tmp_path)[1])
    jsonschema.validate(found, json.loads((ROOT / "docs" / "results.schema.json").read_text()))
    assert [s["arch"] for s in found["skipped"]] == ["AArch64", "PPC", "AArch64"]
    assert run(capsys, "compare", "--skip-other", tmp_path)[1].endswith("3 skipped (2 AArch64, 1 PPC)\n")


@pytest.mark.slow
@pytest.mark.parametrize("expect", ["sometimes, sparc64 never", "sometimes, sparc64 sometimes, sc never"])
def test_a_profile_keeps_its_expectations_under_sc(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, expect: str
) -> None:
    path = write(
        tmp_path,
        "MM t\n{ page A = 1; mm N { v -> A }; 0..1:cr3 = N; }\nP0 { pte_clear(pte(N, v)); }\nP1 { }\n"
        f"expect {expect};\nexists (1:tlb[v -> A])\n",
    )
    code, out, _ = run(capsys, "check", "-q", "--profile", "sparc64", "--model", "sc", path)
    assert (code, out) == (0, "t   never       as expected\n")
    found = json.loads(
        run(capsys, "check", "--format", "json", "--profile", "sparc64", "--model", "sc", path)[1]
    )
    assert (found["results"][0]["profile"], found["results"][0]["model"]) == ("sparc64", "sc")


def test_a_directory_that_cannot_be_read_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "t.litmus").write_text(MAYBE + "exists (1:r0 = 1)\n")
    real = os.scandir

    def scandir(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    code, out, err = run(capsys, "check", "-q", tmp_path)
    assert code == 2 and out.startswith("maybe   sometimes")
    assert f"{tmp_path}/closed: error: Permission denied [unreadable]" in err


def test_where_no_process_can_be_started(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    code, _, err = run(capsys, "check", "-q", SB)
    assert (code, err) == (3, "verifier: no process can be started: Resource temporarily unavailable\n")
    monkeypatch.delattr(os, "fork")  # a system that has none
    assert run(capsys, "check", "-q", SB)[:2] == (0, "SB   sometimes   as expected\n")


@pytest.mark.slow
def test_a_worker_that_holds_much_is_replaced(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    real = os.fork
    monkeypatch.setattr(os, "fork", lambda: started.append(1) or real())
    paths = [CLASSIC / f"{name}.litmus" for name in ("SB", "MP", "LB")]
    monkeypatch.setattr(worker, "_resident", lambda: 1 << 40)
    assert run(capsys, "check", "-q", *paths)[0] == 0 and len(started) == 1
    found = chain([1 << 30], repeat(1 << 40))  # where it began, and later
    monkeypatch.setattr(worker, "_resident", lambda: next(found))
    code, out, _ = run(capsys, "check", "-q", *paths)
    assert code == 0 and len(started) == 4 and "3 tests: 3 as expected" in out


@pytest.mark.long
def test_a_test_that_does_not_stop_is_stopped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = decide.lower

    def lower(test: Any, *more: Any) -> Any:
        if test.name == "SB":
            time.sleep(1000)
        return real(test, *more)

    monkeypatch.setattr(decide, "lower", lower)
    monkeypatch.setattr(Options, "limits", Limits(None, 5.0))
    code, out, _ = run(capsys, "check", "-q", SB, CLASSIC / "MP.litmus")
    assert code == 3
    assert re.match(r"SB   unknown     expected sometimes \(timeout: stopped after \d+ seconds\)\nMP  ", out)


WRONG_IN_SOME = """MM some
{ int x; }
P0 { [A] WRITE_ONCE(x, 1); [B] y = 2; }
variants { A always; B never; C never; D : B never; }
exists (x = 1)
"""


@pytest.mark.parametrize(
    ("command", "counts"), [("check", "2 tests: 2 as expected"), ("compare", "2 tests: 2 the same")]
)
def test_the_variants_with_errors_are_named(
    command: str, counts: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "some.litmus").write_text(WRONG_IN_SOME)
    assert main([command, str(tmp_path / "some.litmus")]) == 2
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(counts) and last.endswith(", 2 with errors (some::B, some::D)")


def test_a_file_that_is_wrong_in_all_variants_has_no_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "all.litmus").write_text(WRONG_IN_SOME.replace("[B] y", "y"))
    assert main(["check", str(tmp_path / "all.litmus")]) == 2
    assert capsys.readouterr().out == "0 tests: 1 with errors\n"


def test_a_current_directory_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for words in (["check", "-q", str(SB)], ["check"], ["words", "smp_mb"], ["check", "--format", "json"]):
        code = main(words)
        assert code == 2
        assert "the current directory cannot be used (No such file or directory)" in capsys.readouterr().err
