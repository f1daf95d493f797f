"""What repairs say, and that both judges confirm the text that each of them makes."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import verifier
from tests.effort import share
from verifier.budget import Budget
from verifier.cli import main
from verifier.errors import UsageError
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.suite.worker import STOPPING
from verifier.syntax import ast, load
from verifier.syntax.nodes import nodes
from verifier.syntax.test import Test
from verifier.why import repair as module
from verifier.why.costs import COSTS, costs
from verifier.why.edits import Edits
from verifier.why.found import Repair, Repairs
from verifier.why.judging import effect, judged
from verifier.why.regions import Regions
from verifier.why.repair import _Search, repair
from verifier.why.sites import shared
from verifier.why.texts import Writer, same
from verifier.why.trees import Trees

ROOT = Path(__file__).parents[3]
NAME = str(ROOT / "litmus" / "linux" / "some.litmus")  # finds the includes

LOOK = """MM look
{ int x; int y; int z; }
P0 {
    WRITE_ONCE(x, 1);
    smp_mb();
    r0 = READ_ONCE(y);
}
P1 {
    WRITE_ONCE(y, 1);
    r1 = READ_ONCE(z);
    [F] smp_mb();
    r0 = READ_ONCE(x);
}
variants { F never; B1 sometimes; }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""


def variants(text: str) -> dict[str | None, Test]:
    return {t.variant: t for t in load(Source(NAME, text))}


def repairs(text: str, variant: str | None = None, **cost: int) -> Repairs:
    found = repair(variants(text)[variant], cost=cost)
    for one in found.found:
        confirmed(text, variant, one)
    return found


def confirmed(text: str, variant: str | None, one: Repair) -> None:
    """Both judges say that the outcome is impossible in the patched text; other variants are as before."""
    before, after = variants(text), variants(patched(text, one.patch))
    verdict = run(after[variant], Options(judge="both", witnesses=False))
    impossible = "always" if verdict.test.quantifier == "forall" else "never"
    assert verdict.observation == impossible, one
    assert verdict.hangs is False or run(before[variant], Options()).hangs, one
    for other in before.keys() - {variant}:
        old, new = (run(t[other], Options(states=True)) for t in (before, after))
        assert old.states == new.states


def patched(text: str, patch: str) -> str:
    """A text with a unified diff applied."""
    lines, out, at = text.splitlines(keepends=True), list[str](), 0
    for line in patch.splitlines(keepends=True)[2:]:
        head = re.match(r"@@ -(\d+)(,(\d+))?", line)
        if head is not None:
            start = int(head[1]) - (head[3] != "0")
            out += lines[at:start]
            at = start
        elif line[0] in " -":
            assert lines[at] == line[1:]
            out += [lines[at]] if line[0] == " " else []
            at += 1
        elif line[0] == "+":
            out.append(line[1:])
    return "".join(out + lines[at:])


def changes(found: Repairs) -> list[tuple[str, ...]]:
    return [r.changes for r in found.found]


def test_places_with_the_same_effect_are_one_answer() -> None:
    found = repairs(LOOK, "B1")
    assert ("insert smp_mb() anywhere between lines 9 and 12",) in changes(found)
    assert ("WRITE_ONCE(y, 1) becomes smp_store_mb(y, 1) in line 9",) in changes(found)
    assert all(r.cost == 2 and not r.lost for r in found.found)
    assert next(r.places for r in found.found if r.kinds == ("smp_mb",)) == 2
    assert found.status == "repaired" and found.complete and found.exit_code == 0


def test_two_barriers_are_one_answer_if_one_does_not_suffice() -> None:
    text = LOOK.replace("    smp_mb();\n", "").replace("[F] ", "[F] ")
    found = repairs(text, "B1", locked=9)
    assert all(r.kinds == ("smp_mb", "smp_mb") and r.cost == 4 for r in found.found)
    assert len(found.found) == 1


@pytest.mark.slow
def test_costs_can_be_overridden() -> None:
    assert {r.kinds for r in repairs(LOOK, "B1", smp_mb=9).found} == {("locked",)}
    assert {r.kinds for r in repairs(LOOK, "B1", locked=9).found} == {("smp_mb",)}
    with pytest.raises(UsageError, match="did you mean 'smp_mb'"):
        repairs(LOOK, "B1", smp_bm=3)
    with pytest.raises(UsageError, match="whole number"):
        repairs(LOOK, "B1", smp_mb=0)


@pytest.mark.slow
def test_what_is_lost_is_told() -> None:
    text = """MM lossy
{ int x; int y; int z; }
P0 { WRITE_ONCE(x, 1); r0 = READ_ONCE(y); r1 = READ_ONCE(z); }
P1 { WRITE_ONCE(z, 1); WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }
exists (0:r0 = 0 /\\ 1:r0 = 0 /\\ 0:r1 = 1)
"""
    found = repairs(text)
    barrier = next(r for r in found.found if r.kinds == ("smp_mb",))
    assert [sorted(lost.split()) for lost in barrier.lost] == [["0:r0=0", "0:r1=0", "1:r0=0"]]
    assert "loses 1 good outcome: " in str(found)
    assert [bool(r.lost) for r in found.found] == sorted(bool(r.lost) for r in found.found)


HANGS = """MM hangs
{ int x; int y; }
void nothing(void *info) { }
P0 {
    local_irq_disable();
    WRITE_ONCE(x, 1);
    r0 = READ_ONCE(y);
    local_irq_enable();
}
P1 {
    local_irq_disable();
    WRITE_ONCE(y, 1);
    smp_mb();
    r0 = READ_ONCE(x);
    smp_call_function(nothing, NULL, 1);
    local_irq_enable();
}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""


@pytest.mark.slow
def test_what_lets_a_run_hang_is_no_repair() -> None:
    found = repairs(HANGS, ipi=1)
    assert found.hanging
    assert not any(r.kinds == ("ipi",) and "line 6" in r.changes[0] for r in found.found)
    assert "let a run hang that could not hang before" in str(found)


@pytest.mark.slow
def test_a_later_else_means_what_it_meant() -> None:
    text = LOOK.replace("    [F] smp_mb();\n", "    [F] smp_mb();\n    [else] r2 = 1;\n").replace(
        "    r1 = READ_ONCE(z);\n", ""
    )
    found = repairs(text, "B1")
    assert any(r.kinds == ("smp_mb",) for r in found.found)


@pytest.mark.slow
def test_an_else_of_the_same_variant_means_what_it_meant() -> None:
    text = LOOK.replace(
        "    r1 = READ_ONCE(z);\n    [F] smp_mb();\n",
        "    [V] WRITE_ONCE(z, 2);\n    [else] WRITE_ONCE(z, 1);\n    [F] smp_mb();\n",
    ).replace("B1 sometimes;", "B1 sometimes; V sometimes;")
    found = repairs(text, "B1")
    assert any(r.kinds == ("smp_mb",) and r.places == 2 for r in found.found)
    for one in found.found:
        after = variants(patched(text, one.patch))["B1"]
        written = [x.span.text for x in nodes(after.tree) if isinstance(x, ast.CallExpr)]
        assert any(text.endswith("(z, 1)") for text in written), one


@pytest.mark.slow
def test_what_is_tried_in_the_tree_is_what_is_written() -> None:
    path = ROOT / "litmus" / "linux" / "switch_mm-vs-flush.litmus"
    test = variants(path.read_text())["B1"]
    search = _Search(test, Options(), costs())
    search.writer = Writer(test.source, "B1", shared([variants(path.read_text())["F"]]))
    changed = [e for e in Edits(test, search.writer, costs(), None).all() if e.change is not None]
    assert {e.kind for e in changed} >= {"move", "irqs_off", "ipi"}
    for edit in changed:
        written = search._changed((edit,), (edit.at,))  # it compares the trees
        assert written is not None, edit.told
        tree = search.trees.changed((edit,), (edit.at,))
        assert tree is not None and same(written.tree, tree)


def test_a_move_that_is_left_out_would_not_help() -> None:
    """The bad run does not come to both sides of it, or others cannot notice one of them."""
    text = """MM own
{ int x; int y; int own; int more; }
P0 {
    WRITE_ONCE(own, 1);
    smp_mb();
    WRITE_ONCE(x, 1);
    r1 = READ_ONCE(more);
    if (r1)
        smp_mb();
    r0 = READ_ONCE(y);
}
P1 { WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
    test = variants(text)[None]
    base = judged(test, Options(), Budget())
    writer = Writer(test.source, None)
    every, some = (
        {(e.told, e.at): e for e in Edits(test, writer, costs(), run).all() if e.kind.startswith("move")}
        for run in (None, base.witness)
    )
    left_out = every.keys() - some.keys()
    assert left_out and some
    for edit in map(every.__getitem__, left_out):
        tree = Trees(test).changed((edit,), (edit.at,))
        assert effect(replace(test, tree=tree), Options(), Budget(), base, base.dead) == "fails", edit.told


def test_interrupts_off_around_a_function_whose_name_only_sounds_like_it() -> None:
    text = """MM window
{ int x; int y; }
void both(void *info) { WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); }
void irq_safe(void) { }
P0 { smp_call_function_single(1, both, NULL, 1); }
P1 {
    r0 = READ_ONCE(x);
    irq_safe();
    r1 = READ_ONCE(y);
}
exists (1:r0 = 0 /\\ 1:r1 = 1)
"""
    found = repair(variants(text)[None], cost={"irqs_off": 1}).found
    assert ("irqs_off",) in [one.kinds for one in found]


def test_a_statement_stays_behind_a_function_that_stores_through_a_pointer() -> None:
    text = """MM pointer
{ int x; int y; }
void give(int *to) { *to = 1; }
P0 {
    int one = 0;

    give(&one);
    WRITE_ONCE(x, one);
    r0 = READ_ONCE(y);
}
P1 { WRITE_ONCE(y, 1); r0 = READ_ONCE(x); }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
    test = variants(text)[None]
    edits = Edits(test, Writer(test.source, None), costs(), None).all()
    moved = [e.told for e in edits if e.kind.startswith("move")]
    assert moved and not any("`give(&one);`" in told for told in moved)


def test_a_region_inside_one_that_does_not_help_is_not_tried() -> None:
    text = """MM window
{ int x; int y; int z; }
void both(void *info) { WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); }
P0 { smp_call_function_single(1, both, NULL, 1); }
P1 {
    r0 = READ_ONCE(z);
    r1 = READ_ONCE(x);
    MIDDLE
    r2 = READ_ONCE(z);
}
exists (1:r1 = 0 /\\ x = 1)
"""
    plain, flagged = (text.replace("MIDDLE", s) for s in ("r3 = READ_ONCE(z);", "off_and_on();"))
    flagged = flagged.replace(
        "void both", "void off_and_on(void) { local_irq_disable(); local_irq_enable(); }\nvoid both"
    )
    for source, around in ((plain, True), (flagged, False)):
        test = variants(source)[None]
        program = judged(test, Options(), Budget()).program
        edits = Edits(test, Writer(test.source, None), costs(), None).all()
        regions = [e for e in edits if e.kind == "irqs_off"]
        inner = [e for e in regions if e.line > 6]
        wide = Regions(program, test.tree, edits)
        assert inner and all((wide.around(e) is not None) == around for e in inner)


def test_moves_keep_what_a_statement_uses() -> None:
    text = """MM publish
{ int data; int flag; }
P0 {
    WRITE_ONCE(flag, 1);
    r0 = 1;
    WRITE_ONCE(data, r0);
}
P1 {
    r0 = smp_load_acquire(&flag);
    r1 = READ_ONCE(data);
}
exists (1:r0 = 1 /\\ 1:r1 = 0)
"""
    found = repairs(text)
    assert [r.kinds for r in found.found] == [("move_far",), ("move",)] or all(
        set(r.kinds) <= {"move", "move_far"} for r in found.found
    )
    moved = {r.changes[0] for r in found.found}
    assert any(m.startswith("move `WRITE_ONCE(flag, 1);` of line 4") for m in moved)
    assert not any(m.startswith("move `WRITE_ONCE(data, r0);` of line 6 to before line 4") for m in moved)


def test_text_of_one_variant_needs_no_guard() -> None:
    text = (
        LOOK.replace("P1 {\n    WRITE", "P1 {\n    [B1] {\n    WRITE")
        .replace(
            "    r1 = READ_ONCE(z);\n    [F] smp_mb();\n",
            "    r0 = READ_ONCE(x);\n    }\n    [F] WRITE_ONCE(y, 1);\n",
        )
        .replace(
            "    r0 = READ_ONCE(x);\n}\nvariants",
            "    [F] smp_mb();\n    [F] r0 = READ_ONCE(x);\n}\nvariants",
        )
    )
    barrier = next(r for r in repairs(text, "B1").found if r.kinds == ("smp_mb",))
    assert "+    smp_mb();\n" in barrier.patch


def test_the_one_statement_of_an_if_is_changed_in_braces() -> None:
    text = LOOK.replace("    WRITE_ONCE(y, 1);\n", "    if (READ_ONCE(z) == 0)\n        WRITE_ONCE(y, 1);\n")
    stronger = next(r for r in repairs(text, "B1").found if r.kinds == ("locked",))
    assert "+        { [!B1] WRITE_ONCE(y, 1); [B1] smp_store_mb(y, 1); }\n" in stronger.patch


def test_a_declaration_is_changed_for_one_variant() -> None:
    text = LOOK.replace("    WRITE_ONCE(y, 1);\n", "    int old = __test_and_set_bit(0, &y);\n").replace(
        "int y;", "unsigned long y;"
    )
    full = next(r for r in repairs(text, "B1").found if r.kinds == ("full",))
    assert "+    [!B1] int old = __test_and_set_bit(0, &y);\n" in full.patch
    assert "+    [B1] int old = test_and_set_bit(0, &y);\n" in full.patch


def test_a_load_and_a_store_become_an_exchange() -> None:
    text = """MM tickets
{ int x = 1; }
P0..1 {
    r0 = READ_ONCE(x);
    WRITE_ONCE(x, 0);
}
exists (0:r0 = 1 /\\ 1:r0 = 1)
"""
    assert changes(repairs(text)) == [("lines 4 and 5 become `r0 = xchg(&x, 0);`",)]


def test_interrupts_are_off_for_as_little_as_needed() -> None:
    text = """MM window
{ int x; int y; }
void both(void *info) { WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); }
P0 { smp_call_function_single(1, both, NULL, 1); }
P1 {
    r0 = 7;
    r1 = READ_ONCE(x);
    r2 = READ_ONCE(y);
    r3 = 7;
}
exists (1:r1 = 0 /\\ 1:r2 = 1)
"""
    found = repairs(text, move=9, move_far=9)
    off = [r for r in found.found if r.kinds == ("irqs_off",)]
    assert [r.changes for r in off] == [("local_irq_disable() and local_irq_enable() around lines 7 to 8",)]


@pytest.mark.long
def test_a_lock_of_the_test_is_taken() -> None:
    path = ROOT / "litmus" / "linux" / "pages" / "folio-lock.litmus"
    assert changes(repairs(path.read_text(), "B1")) == [
        ("folio_lock(&f) and folio_unlock(&f) around lines 35 to 36",)
    ]


@pytest.mark.slow
def test_a_statement_moves_behind_a_return() -> None:
    path = ROOT / "litmus" / "linux" / "lazy-tlb" / "leave-twice.litmus"
    found = repairs(path.read_text(), "B1")
    assert [r.kinds for r in found.found] == [("move",)] and not found.found[0].lost


def test_what_is_impossible_needs_no_repair() -> None:
    found = repairs(LOOK, "F")
    assert (found.status, found.found, found.exit_code) == ("impossible", (), 0)


def test_what_no_edit_mends() -> None:
    found = repairs("MM none\n{ int x; }\nP0 { WRITE_ONCE(x, 1); }\nP1 { }\nexists (x = 1)\n")
    assert (found.status, found.complete, found.exit_code) == ("none", True, 1)


def test_the_time_may_be_over() -> None:
    found = repair(variants(LOOK)["B1"], Options(timeout=1e-4))
    assert (found.status, found.complete, found.exit_code) == ("unknown", False, 3)
    assert "timeout" in found.reason


def test_forall_is_about_the_condition_that_fails() -> None:
    text = LOOK.replace("exists (0:r0 = 0 /\\ 1:r0 = 0)", "forall (0:r0 = 1 \\/ 1:r0 = 1)")
    text = text.replace("F never; B1 sometimes", "F always; B1 sometimes")
    assert any(r.kinds == ("smp_mb",) for r in repairs(text, "B1").found)


@pytest.mark.slow
def test_the_words_of_the_mmu() -> None:
    path = ROOT / "litmus" / "linux" / "mmu-gather" / "invlpgb.litmus"
    found = repairs(path.read_text(), "B1")
    assert changes(found) == [("insert tlbsync() between lines 23 and 26",)]


@pytest.mark.long
def test_the_first_seed() -> None:
    path = ROOT / "litmus" / "linux" / "switch_mm-vs-flush.litmus"
    found = repairs(path.read_text(), "B1")
    assert found.found[0].changes == ("insert smp_mb() between lines 21 and 24",)
    assert {r.kinds for r in found.found} == {("smp_mb",), ("locked",)}
    assert all(len(r.beside) == 1 and not r.lost for r in found.found)


def test_assembly_is_refused() -> None:
    (test,) = load(Source("a.litmus", "X86 a\n{ x=0; }\n P0 ;\n MOV [x],$1 ;\nexists (x=1)\n"))
    with pytest.raises(UsageError, match="only C and MM"):
        repair(test)


def test_python() -> None:
    found = verifier.repair(variants(LOOK)["B1"], costs={"locked": 3})
    assert isinstance(found, verifier.Repairs) and isinstance(found.found[0], verifier.Repair)
    assert str(found).startswith(
        "look::B1   1 repair\n  1. insert smp_mb() anywhere between lines 9 and 12\n"
    )


# -- the command -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "look.litmus"
    path.write_text(LOOK)
    assert main(["repair", f"{path}::B1", "--cost", "locked=3"]) == 0
    assert capsys.readouterr().out.startswith("look::B1   1 repair\n")
    assert main(["repair", f"{path}::B1", "--patch"]) == 0
    patch = capsys.readouterr().out
    assert patch.startswith("--- a/") and "+    [B1] smp_mb();\n" in patch
    assert main(["repair", f"{path}::B1", "--patch", "--take", "9"]) == 0
    assert "has 2 repairs, not 9" in capsys.readouterr().err
    assert main(["repair", f"{path}::B1", "--cost", "smp_bm=3"]) == 2
    assert "did you mean" in capsys.readouterr().err


@pytest.mark.slow
def test_json_holds_to_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads((ROOT / "docs" / "repair.schema.json").read_text())
    path = tmp_path / "look.litmus"
    path.write_text(LOOK)
    assert main(["repair", str(path), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, schema)
    assert [r["status"] for r in found["results"]] == ["impossible", "repaired"]
    assert main(["repair", str(path), str(tmp_path / "none"), "--format", "json"]) == 2
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, schema)
    assert found["errors"] and len(found["results"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("signum", STOPPING)
def test_a_signal_prints_what_is_finished(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    signum: signal.Signals,
) -> None:
    path = tmp_path / "look.litmus"
    path.write_text(LOOK)
    real = module.repair

    def stopped(test: Test, *more: Any) -> Repairs:
        if test.variant == "B1":
            os.kill(os.getppid(), signum)
            time.sleep(1000)
        return real(test, *more)

    monkeypatch.setattr(module, "repair", stopped)
    before = signal.signal(signum, lambda *_: None)
    try:
        code = main(["repair", str(path), "--format", "json"])
    finally:
        signal.signal(signum, before)
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads((ROOT / "docs" / "repair.schema.json").read_text()))
    assert code == 128 + signum
    assert [r["variant"] for r in found["results"]] == ["F"]
    assert [(e["code"], e["message"]) for e in found["errors"]] == [("stopped", f"stopped by {signum.name}")]


def test_the_page_has_the_table() -> None:
    page = (ROOT / "docs" / "repair.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.*) \|$", page, re.MULTILINE)
    assert rows == [(name, str(row.cost), row.what) for name, row in COSTS.items()]


# -- all bugs of litmus/linux ------------------------------------------------------------------------------

# What none of the kinds of edits can do, and what it would take.
BEYOND = {
    "completion-on-stack::B": "wait until the waker has unlocked",
    "int3::B1": "a phase more: INT3 first, and a call of all CPUs",
    "mmdrop-after-cr3::B2": "a reference",
    "nmi-uaccess::B1": "a value that says that CR3 is changing",
    "nmi-uaccess::B2": "a value that says that CR3 is changing",
    "self-removal::B2": "leave out a step",
    "speculative-reference::B1": "a conditional increment",
    "trim-copy::B1": "leave out a step",
    "two-words::B1": "one word for two",
}


def bugs() -> list[tuple[Path, Test]]:
    """Each B variant of litmus/linux whose F is never; a part of them unless all are asked for."""
    found = []
    for path in sorted((ROOT / "litmus" / "linux").rglob("*.litmus")):
        tests = {t.variant: t for t in load(Source(str(path), path.read_text()))}
        right = tests.get("F")
        if right is not None and right.expected == "never":
            found += [
                (path, t)
                for t in tests.values()
                if (t.variant or "").startswith("B")
                and t.condition == right.condition
                and t.expected == "sometimes"
            ]
    return share(found, 48)


@pytest.mark.long
def test_the_bugs_of_linux() -> None:
    """Both judges confirm every first answer. With ``VERIFIER_EFFORT=48``, of all; that takes minutes."""
    asked = bugs()
    without: set[str] = set()
    for path, test in asked:
        found = repair(test, Options(timeout=None))
        if not found.found:
            without.add(test.id)
            continue
        text = patched(path.read_text(), found.found[0].patch)
        after = next(t for t in load(Source(str(path), text)) if t.variant == test.variant)
        verdict = run(after, Options(judge="both", witnesses=False))
        assert verdict.observation == "never", test.id
        assert not verdict.hangs or run(test, Options()).hangs, test.id
    assert without == BEYOND.keys() & {test.id for _, test in asked}
