"""Includes need things in a test's initial state. Each one that is missing gives a warning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifier.lower.build import build
from verifier.source import Source
from verifier.suite.load import load_checked

ROOT = Path(__file__).resolve().parents[3]
INCLUDES = sorted((ROOT / "litmus" / "linux").glob("*.inc"))
ONE = "\nexists (1:tlb[v -> A])\n"


def warned(text: str) -> list[str]:
    (test,) = load_checked(Source(str(ROOT / "litmus" / "linux" / "t.litmus"), text))
    return [w.message for w in build(test).warnings if w.code == "initial"]


def with_tlb(version: str, lines: list[str], mm: str) -> str:
    initial = "".join(f"    {line}\n" for line in ["page A = 1;", mm, *lines])
    code = "P0 { pte_clear(pte(N, v)); flush_tlb_mm_range(N); }\nP1 { switch_mm(NULL, init_mm); }\n"
    return f'MM t\n#include "linux/tlb-{version}.inc"\n{{\n{initial}}}\n{code}{ONE}'


GENERATIONS = ["1:cr3 = N;", "1:pcid = 1;", "1:cpu_tlbstate.loaded_mm = N;", "mm_cpumask(N) = {1};"]
PLAIN = {
    "v4.12": ["1:cr3 = N;", "1:cpu_tlbstate.active_mm = N;", "mm_cpumask(N) = {1};"],
    "v4.13": ["1:cr3 = N;", "1:cpu_tlbstate.loaded_mm = N;", "mm_cpumask(N) = {1};"],
}
SETTINGS = {**PLAIN, **dict.fromkeys(("v4.19", "v5.10", "v6.15"), GENERATIONS)}
GEN = "mm N { v -> A, .tlb_gen = 1 };"


@pytest.mark.parametrize("version", SETTINGS)
def test_a_test_that_sets_all_of_it(version: str) -> None:
    assert (
        warned(with_tlb(version, SETTINGS[version], GEN if version > "v4.13" else "mm N { v -> A };")) == []
    )


@pytest.mark.parametrize(
    ("version", "forgotten", "says"),
    [
        *((v, 0, "CPU 1: cr3 is not cpu_tlbstate.loaded_mm") for v in ("v4.13", "v4.19", "v5.10", "v6.15")),
        *((v, 1, "CPU 1: pcid is not asid_of(cpu_tlbstate.loaded_mm)") for v in ("v4.19", "v5.10", "v6.15")),
        *((v, 2, "CPU 1: cr3 is not cpu_tlbstate.loaded_mm") for v in ("v4.19", "v5.10", "v6.15")),
        *((v, 3, "CPU 1: its bit is clear in the mm_cpumask()") for v in ("v4.19", "v5.10", "v6.15")),
        ("v4.12", 0, "CPU 1: it is in the space of active_mm or not, and its bit"),
        ("v4.12", 1, "CPU 1: cr3 is not cpu_tlbstate.active_mm"),
        ("v4.12", 2, "CPU 1: it is in the space of active_mm or not, and its bit"),
        ("v4.13", 1, "CPU 1: cr3 is not cpu_tlbstate.loaded_mm"),
        ("v4.13", 2, "CPU 1: its bit is clear in the mm_cpumask()"),
    ],
)
def test_a_setting_that_is_forgotten(version: str, forgotten: int, says: str) -> None:
    kept = [line for i, line in enumerate(SETTINGS[version]) if i != forgotten]
    found = warned(with_tlb(version, kept, GEN if version > "v4.13" else "mm N { v -> A };"))
    assert any(text.startswith(says) for text in found), found


@pytest.mark.parametrize("version", ["v4.19", "v5.10", "v6.15"])
def test_a_generation_that_is_forgotten(version: str) -> None:
    found = warned(with_tlb(version, GENERATIONS, "mm N { v -> A };"))
    assert found[0].startswith("N: its tlb_gen is 0") and "CPU 1: ctxs_tlb_gen is ahead" in found[1]


SCHED = ["1:current_task = user;", "1:runqueues.curr = user;", *GENERATIONS]
TASK = "struct task_struct user { .mm = N, .active_mm = N };"


def with_sched(lines: list[str], mm: str, task: str = TASK) -> str:
    initial = "".join(f"    {line}\n" for line in ["page A = 1;", mm, task, *lines])
    code = "P0 { }\nP1 { __schedule(this_cpu_read(current_task), idle); }\n"
    top = 'MM t\n#include "linux/tlb-v5.10.inc"\n#include "linux/sched.inc"\n'
    return f"{top}{{\n{initial}}}\n{code}{ONE}"


COUNTED = "mm N { v -> A, .tlb_gen = 1, .mm_count = 1 };"
OTHER = COUNTED + " mm M { .tlb_gen = 1, .mm_count = 1 };"


@pytest.mark.parametrize(
    ("kept", "mm", "task", "says"),
    [
        (SCHED, COUNTED, TASK, ""),
        (SCHED[1:], COUNTED, TASK, "CPU 1: runqueues.curr is not current_task"),
        ([SCHED[0], *SCHED[2:]], COUNTED, TASK, "CPU 1: runqueues.curr is not current_task"),
        (SCHED, GEN, TASK, "CPU 1: the mm_count of its active_mm is 0"),
        (SCHED[:2], COUNTED, TASK, "CPU 1: cr3 is not the active_mm"),
        (SCHED, OTHER, TASK.replace(".mm = N", ".mm = M"), "CPU 1: the mm of current_task is not its"),
    ],
)
def test_a_task(kept: list[str], mm: str, task: str, says: str) -> None:
    lines = kept if "mm_count" in mm else [*kept, "mm O { .mm_count = 1, .tlb_gen = 1 };"]
    found = warned(with_sched(lines, mm, task))
    assert any(text.startswith(says) for text in found) if says else not found


@pytest.mark.parametrize(
    ("include", "call", "lines", "says"),
    [
        ("mmu_gather", "flush_tlb_mm(N)", ["mm_cpumask(N) = {1};"], ""),
        ("mmu_gather", "flush_tlb_mm(N)", [], "CPU 1: its bit is clear in the mm_cpumask()"),
        ("mmu_gather", "broadcast_tlb_flush(N)", [], ""),
        ("tlb_sparc", "smp_flush_tlb_mm(N)", ["1:pcid = 1;", "mm_cpumask(N) = {1};"], ""),
        ("tlb_sparc", "smp_flush_tlb_mm(N)", ["1:pcid = 1;"], "CPU 1: its pcid is CTX, and its bit is clear"),
        ("tlb_sparc", "smp_flush_tlb_mm(N)", ["mm_cpumask(N) = {1};"], "CPU 1: its bit is set"),
        ("smp", "smp_mb()", [], ""),
    ],
)
def test_masks_and_contexts(include: str, call: str, lines: list[str], says: str) -> None:
    initial = " ".join(["page A = 1;", "mm N { v -> A };", "1:cr3 = N;", *lines])
    found = warned(f'MM t\n#include "linux/{include}.inc"\n{{ {initial} }}\nP0 {{ {call}; }}\nP1 {{ }}{ONE}')
    assert [text.startswith(says) for text in found] == ([True] if says else [])


def test_an_include_that_is_not_called_wants_nothing() -> None:
    text = with_tlb("v6.15", ["1:cr3 = N;"], "mm N { v -> A };")
    bare = re.sub(r"(?m)^P([01]) .*", r"P\1 { smp_mb(); }", text)
    assert warned(bare) == []


def test_where_it_is_said(tmp_path: Path) -> None:
    (test,) = load_checked(Source("t", with_tlb("v6.15", GENERATIONS, "mm N { v -> A };")))
    first, second = (w for w in build(test).warnings if w.code == "initial")
    assert first.span is not None and first.span.line == 5 and "tlb_gen.inc" in first.hint
    assert second.span is not None and second.span.text == "P1"


def test_a_test_has_early_functions_of_its_own() -> None:
    own = 'void __init early(void) { WARN(x != 7, "x is 7 at first"); WARN_ONCE(x > 7, "?"); }\n'
    text = f"MM t\n{{ int x; }}\n{own}P0 {{ f(); }}\nvoid f(void) {{ x = 1; }}\nP1 {{ }}\nexists (x = 1)\n"
    assert {*warned(text)} == {"CPU 0: x is 7 at first", "CPU 1: x is 7 at first"}
    assert warned(text.replace("int x;", "int x = 7;")) == []


@pytest.mark.parametrize("path", INCLUDES, ids=lambda p: p.name)
def test_an_include_says_what_a_test_has_to_set(path: Path) -> None:
    head = path.read_text().partition("*/")[0]
    sets = any(word in path.read_text() for word in ("cr3", "percpu", "mm_cpumask", "pt_share_count"))
    assert not sets or re.search(r"\bA test('s space| sets)\b", head)
