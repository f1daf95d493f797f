"""What is found in a text, where it is shown, and in which process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from verifier.budget import Budget
from verifier.editor import bounded
from verifier.editor.bounded import check, decide, explain
from verifier.editor.files import Files
from verifier.editor.findings import EditorFinding, diagnostics
from verifier.errors import InputError, LimitError
from verifier.suite.load import load_checked
from verifier.suite.options import Options
from verifier.syntax import NO_TREE, read

LITMUS = Path(__file__).resolve().parents[3] / "litmus"
ALL = [p for p in sorted(LITMUS.rglob("*")) if p.suffix in (".litmus", ".inc")]
# Files, and directories, whose tests are about what there is a warning about.
MEANT = {"hangs": "sleep", "srcu-self-wait.litmus": "sleep", "8.11-sti-shadow.litmus": "sti-shadow"}


def yes() -> bool:
    return True


@pytest.mark.parametrize("path", [p for p in ALL if p.suffix == ".inc"], ids=lambda p: p.name)
def test_nothing_is_wrong_with_the_includes(path: Path) -> None:
    assert diagnostics(path.read_text(), str(path), Files()) == []


@pytest.mark.parametrize(
    "path",
    [p for i, p in enumerate(ALL) if i % (len(ALL) // 40) == 0 or p.name in MEANT],
    ids=lambda p: p.name,
)
def test_nothing_is_wrong_with_the_tests(path: Path) -> None:
    found = diagnostics(path.read_text(), str(path), Files())
    meant = MEANT.get(path.name, MEANT.get(path.parent.name, ""))
    assert [f for f in found if f.code not in (NO_TREE, meant)] == []
    assert {f.severity for f in found if f.code != meant} <= {"note"}


TEXT = """MM t

#include "h.inc"

{ int x; int unused; }

P0 { WRITE_ONCE(x, 1); smp_mv(); helper(); [B7] smp_mb(); }

variants { F never; }

exists (x = 2)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "h.inc").write_text("void helper(void) { smp_mb(); }\n")
    return tmp_path


def found_in(
    text: str, folder: Path, files: Files | None = None, name: str = "t.litmus"
) -> list[EditorFinding]:
    return diagnostics(text, str(folder / name), files or Files())


def test_all_errors_have_their_places(folder: Path) -> None:
    found = found_in(TEXT, folder)
    assert [(f.severity, f.code, TEXT[f.start : f.end]) for f in found] == [
        ("error", "unknown-word", "smp_mv()"),
        ("error", "unknown-variant", "[B7]"),
    ]
    (hint,) = found[0].related
    assert "smp_mb" in hint.message
    assert (hint.start, hint.end) == (found[0].start, found[0].end)


def test_warnings_are_found_and_agree_with_the_command(folder: Path) -> None:
    text = TEXT.replace("smp_mv();", "").replace("[B7] ", "")
    (found,) = found_in(text, folder)
    assert (found.severity, text[found.start : found.end]) == ("warning", "unused")
    assert found.hint


def test_errors_are_those_of_the_command(folder: Path) -> None:
    path = folder / "t.litmus"
    path.write_text(TEXT)
    with pytest.raises(InputError) as caught:
        load_checked(read(path))
    assert {d.message for d in caught.value.diagnostics} == {f.message for f in found_in(TEXT, folder)}


def test_errors_of_an_include_are_at_its_line(folder: Path) -> None:
    text = TEXT.replace("smp_mv();", "").replace("[B7] ", "")
    files = Files({str(folder / "h.inc"): "void helper(void) {\n    smp_mbb();\n}\n"})
    found = [f for f in found_in(text, folder, files) if f.severity == "error"]
    assert [text[f.start : f.end] for f in found] == ['#include "h.inc"']
    assert found[0].message.startswith("h.inc:2:5: ")
    first, *rest = found[0].related
    assert first.source.name == str(folder / "h.inc")
    assert first.source.text[first.start : first.end] == "smp_mbb()"
    assert any("smp_mb" in r.message for r in rest)


def test_an_include_of_an_include_leads_to_the_test(folder: Path) -> None:
    (folder / "outer.inc").write_text('#include "h.inc"\n')
    text = TEXT.replace("h.inc", "outer.inc").replace("smp_mv();", "").replace("[B7] ", "")
    files = Files({str(folder / "h.inc"): "void helper(void) { syntax error }\n"})
    found = [f for f in found_in(text, folder, files) if f.severity == "error"]
    assert [text[f.start : f.end] for f in found] == ['#include "outer.inc"']


def test_an_include_has_its_own_errors(folder: Path) -> None:
    (folder / "h.inc").write_text("")
    text = "int helper(void) { return 1 }\n"
    (found,) = found_in(text, folder, Files({str(folder / "h.inc"): text}), "h.inc")
    assert (found.code, found.start) == ("syntax", text.index(" }"))  # where a ';' is missing


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("MM", "header"),
        ("MM t\0", "binary"),
        ("\ud800", "binary"),
        ("MM t\n{ int x; }\nP0 { x = ", "syntax"),
        ("X86 t\n{ }\n P0 ;\n MOV [x] ;\nexists (x=1)\n", "arity"),
        ("C t\n{ }\nP0(int *x) { WRITE_ONCE(*x, 1; }\nexists (x=1)\n", "syntax"),
        ("MM t\n{ int x; }\nP0 { x = " + "(" * 2000 + "1" + ")" * 2000 + "; }\nexists (x = 1)\n", "nesting"),
        ("AArch64 t\n{ }\n", "architecture"),
        ("MM t\n" + " " * (1 << 20), "too-large"),
    ],
)
def test_all_kinds_of_texts_have_findings(text: str, code: str) -> None:
    found = diagnostics(text, "t.litmus", Files())
    assert code in {f.code for f in found}
    assert all(0 <= f.start <= f.end <= max(len(text), 1) for f in found)


@pytest.mark.slow
def test_each_prefix_of_a_file_has_findings_or_none() -> None:
    path = LITMUS / "linux/switch_mm-vs-flush.litmus"
    text = path.read_text()
    for end in range(0, len(text), 97):
        found = diagnostics(text[:end], str(path), Files())
        assert all(f.message and f.start <= f.end <= end for f in found)


def test_a_budget_that_is_over_is_told() -> None:
    (found,) = diagnostics(
        "MM t\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n", "t.litmus", Files(), Budget(0.0)
    )
    assert (found.severity, found.code) == ("note", "limit")


@pytest.mark.slow
def test_a_process_checks_and_nobody_waits() -> None:
    text = "MM t\n{ int x; }\nP0 { y = 1; }\nexists (x = 1)\n"
    assert [f.code for f in check(text, "t.litmus", Files(), Options(), yes)] == ["unknown-name"]
    with pytest.raises(LimitError, match="nobody waits"):
        check(text, "t.litmus", Files(), Options(), lambda: False)


@pytest.mark.slow
def test_a_check_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "CHECKING", 0.2)
    monkeypatch.setattr(bounded, "diagnostics", lambda *_: time.sleep(1000))
    (found,) = check("MM t\n", "t.litmus", Files(), Options(), yes)
    assert (found.severity, found.code) == ("note", "limit")
    assert "timeout: stopped after" in found.message


@pytest.mark.long
def test_a_process_decides_with_unsaved_includes(folder: Path) -> None:
    text = """MM t
#include "h.inc"
{ int x; int y; }
P0 { WRITE_ONCE(x, 1); helper(); r0 = READ_ONCE(y); }
P1 { WRITE_ONCE(y, 1); [F] helper(); r0 = READ_ONCE(x); }
variants { F never "why"; B never "not so"; }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
    path = str(folder / "t.litmus")
    first, second = decide(text, path, Files(), ["F", "B"], Options(), yes)
    assert first.good and first.title.startswith("never, as expected (")
    assert second.good is False and second.title.startswith("sometimes, expected never (")
    assert "t::B" in second.text
    weak = Files({str(folder / "h.inc"): "void helper(void) { barrier(); }\n"})
    (found,) = decide(text, path, weak, ["F"], Options(), yes)
    assert found.good is False
    (missing,) = decide(text, path, Files(), ["G"], Options(), yes)
    assert "there is no variant G" in missing.title
    (wrong,) = decide(text.replace("helper();", "help();"), path, Files(), ["F"], Options(), yes)
    assert wrong.title == "it has errors" and "help" in wrong.text
    with pytest.raises(LimitError):
        list(decide(text, path, Files(), ["F"], Options(), lambda: False))
    assert "smp_mb()" in explain(text, path, Files(), "F", Options(), yes)


def test_a_limit_is_told() -> None:
    text = "MM t\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n"
    (found,) = decide(text, "t.litmus", Files(), [None], Options(timeout=1e-6), yes)
    assert found.good is None and found.title.startswith("unknown")
