"""Stories: the text and the place of each step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.program.states import state_line
from verifier.render.story import LINE, WIDE, story
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load, read

TEXT = """MM s
#include "linux/tlb-v6.15.inc"
{ page A = 1; page B; mm N { v -> A }; int x; percpu struct mm_struct *real_prev = init_mm; percpu int y; }
P0 {
    struct mm_struct *prev = this_cpu_read(real_prev);
    set_pte(pte(N, v), none);
    x = 1;
    this_cpu_write(real_prev, LOADED_MM_SWITCHING);
    r0 = ptep_get(pte(N, v));
    prev = this_cpu_read(real_prev);
    enter_lazy_tlb(N, NULL);
    this_cpu_inc(y);
    WARN_ON(x == 1);
}
P1 { load_cr3(N); }
exists (ever (1:cr3 = N /\\ x = 1) /\\ 0:warn)
"""


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> list[str]:
    path = tmp_path / "s.litmus"
    path.write_text(TEXT)
    assert main(["check", str(path)]) == 0
    return [" ".join(line.removeprefix("*").split()) for line in capsys.readouterr().out.splitlines()]


def test_a_declaration_is_told_as_an_assignment(told: list[str]) -> None:
    assert "CPU 0 prev = this_cpu_read(real_prev) line 5 reads init_mm" in told


def test_values_have_the_names_that_programs_give_them(told: list[str]) -> None:
    assert "CPU 0 r0 = ptep_get(pte(N, v)) line 9 reads none" in told
    assert "CPU 0 prev = this_cpu_read(real_prev) line 10 reads LOADED_MM_SWITCHING" in told


def test_what_is_included_has_its_files_name(told: list[str]) -> None:
    text = (Path(__file__).resolve().parents[3] / "litmus/linux/tlb_gen.inc").read_text().splitlines()
    at = next(i for i, line in enumerate(text, 1) if "if (this_cpu_read(cpu_tlbstate.loaded_mm)" in line)
    assert any(f"this_cpu_read(cpu_tlbstate.loaded_mm) tlb_gen.inc:{at} reads" in line for line in told)


def test_an_instant_says_what_is_where(told: list[str]) -> None:
    (instant,) = (line for line in told if line.startswith("ever holds here"))
    assert "1:cr3 is N" in instant and "x is 1" in instant


def test_a_warning_that_is_hit_is_told(told: list[str]) -> None:
    assert "CPU 0 WARN_ON(x == 1) line 13 warns" in told


def test_one_instruction_is_no_change_of_the_interrupt_flag(told: list[str]) -> None:
    assert [line for line in told if "this_cpu_inc(y)" in line] == ["CPU 0 this_cpu_inc(y) line 12 reads 0"]


def test_json_names_the_file_of_a_step(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "s.litmus"
    path.write_text(TEXT)
    assert main(["check", "--format", "json", str(path)]) == 0
    steps = json.loads(capsys.readouterr().out)["results"][0]["witness"]["steps"]
    files = {Path(s["file"]).name for s in steps if s["file"]}
    assert files == {"s.litmus", "tlb_gen.inc"}


ROOT = Path(__file__).resolve().parents[3]
BOTH = pytest.mark.parametrize("judge", ["z3", "explorer"])


def rows(text: str, judge: str, **settings: str) -> list[str]:
    """The story of a test's run: a row for each line."""
    (test,) = load(Source("t", text))
    verdict = run(test, Options(judge=judge, settings=settings))
    assert verdict.witness is not None
    return [" ".join(line.removeprefix("*").split()) for line in story(verdict, verdict.witness).splitlines()]


@BOTH
@pytest.mark.parametrize(
    ("enum", "name"),
    [("MINE = 1, BUSY = 1", "1"), ("MINE = 2, BUSY = 1", "BUSY"), ("MINE = 0, BUSY = 1", "BUSY")],
)
def test_a_number_has_the_name_that_is_its_alone(judge: str, enum: str, name: str) -> None:
    text = f"""MM names
enum {{ {enum} }};
{{ mm P {{ }}; struct mm_struct *now = P; }}
P0 {{ r0 = READ_ONCE(now); }}
P1 {{ WRITE_ONCE(now, BUSY); }}
exists (0:r0 = BUSY /\\ now = BUSY)
"""
    assert f"CPU 0 r0 = READ_ONCE(now) line 4 reads {name}" in rows(text, judge)
    (test,) = load(Source("t", text))
    verdict = run(test, Options(judge=judge, states=True))
    assert verdict.program is not None and verdict.states is not None
    found = sorted(state_line(verdict.program, s) for s in verdict.states)
    assert found == sorted([f"0:r0={name}; [now]={name};", f"0:r0=P; [now]={name};"])


@BOTH
def test_what_is_no_address_keeps_its_number(judge: str) -> None:
    text = (
        "MM plain\nenum { BUSY = 1 };\n{ int x; }\nP0 { r0 = READ_ONCE(x); }\nP1 { WRITE_ONCE(x, BUSY); }\n"
    )
    assert "CPU 0 r0 = READ_ONCE(x) line 4 reads 1" in rows(text + "exists (0:r0 = BUSY)\n", judge)


@BOTH
def test_a_mask_is_the_cpus_in_it(judge: str) -> None:
    text = """MM masks
{ cpumask m = {0, 2}; cpumask none; }
void f(void *info) { }
P0 { on_each_cpu_mask(m, f, NULL, 1); r0 = cpumask_weight(none); r1 = cpumask_test_cpu(2, m); }
P1 { }
P2 { }
exists (0:r1 = 1)
"""
    told = rows(text, judge, kernel="v5.10")
    assert any("reads m: {0, 2}; sends; reads m[0]: 1" in line for line in told)
    assert any(line.endswith("reads none: {}") for line in told)
    assert any(line.endswith("r1 = cpumask_test_cpu(2, m) line 4 reads 1") for line in told)


@BOTH
def test_a_statement_is_told_once_and_goes_on_where_others_come_between(judge: str) -> None:
    text = """MM parts
{ atomic_t x = 1; int y; cpumask m; }
P0 { r0 = atomic_inc_not_zero(&x); __cpumask_set_cpu(1, m); }
P1 { if (atomic_read(&x) == 2) atomic_set(&x, 5); }
exists (0:r0 = 1 /\\ x = 5)
"""
    told = rows(text, judge)
    assert sum("atomic_inc_not_zero(&x)" in line for line in told) == 1
    assert sum(line.startswith("CPU 0 __cpumask_set_cpu(1, m)") for line in told) == 1
    between = """MM between
{ atomic_t x = 1; }
P0 { r0 = atomic_inc_not_zero(&x); }
P1 { atomic_set(&x, 7); }
exists (x = 8)
"""
    told = rows(between, judge)
    first = next(i for i, line in enumerate(told) if line.startswith("CPU 0"))
    parts = [line for line in told if line.startswith("CPU 0")]
    assert parts[0].startswith("CPU 0 r0 = atomic_inc_not_zero(&x)")
    assert all("continues" in line for line in parts[1:]) and told[first] == parts[0]


@BOTH
def test_a_loop_is_no_statement_that_goes_on(judge: str) -> None:
    text = "MM loop\n{ int x; }\nP0 { while (!READ_ONCE(x)) cpu_relax(); }\nP1 { x = 1; }\nexists (true)\n"
    assert not any("continues" in line for line in rows(text, judge))


@BOTH
def test_one_interrupt_may_run_two_functions(judge: str) -> None:
    (test,) = (t for t in load(read(ROOT / "litmus/words/8.10-one-interrupt.litmus")) if t.variant == "BATCH")
    verdict = run(test, Options(judge=judge))
    assert verdict.witness is not None
    told = [line.split(None, 2)[-1] for line in story(verdict, verdict.witness).splitlines()]
    on = next(i for i, line in enumerate(told) if line.startswith("the interrupt continues with "))
    assert told[on].endswith("[8.10]")
    began = max(i for i, line in enumerate(told[:on]) if line.startswith("interrupt: "))
    assert not any(line.startswith("return from") for line in told[began:on])


@BOTH
def test_a_callback_is_no_interrupt(judge: str) -> None:
    text = """MM callback
{ int x; struct rcu_head h; }
void f(struct rcu_head *head) { WRITE_ONCE(x, 1); }
P0 { call_rcu(&h, f); }
P1 { }
exists (x = 1)
"""
    told = rows(text, judge)
    assert any("callback: f" in line for line in told) and any("end of callback f" in line for line in told)
    assert not any("interrupt" in line or "return" in line for line in told)


@BOTH
def test_warnings_stand_where_they_are_hit(judge: str) -> None:
    text = """MM warns
{ int x = 1; int y; }
void f(void *info) { WARN_ON_ONCE(READ_ONCE(x)); }
P0 { y = 1; BUG_ON(x == 1); WARN_ON(x == 2); smp_call_function_single(1, f, NULL, 1); y = 2; }
P1 { }
exists (0:warn /\\ 1:warn)
"""
    told = rows(text, judge)
    hits = [line for line in told if line.endswith("warns")]
    assert hits == ["CPU 0 BUG_ON(x == 1) line 4 warns", "CPU 1 WARN_ON_ONCE(READ_ONCE(x)) line 3 warns"]
    assert told.index(hits[0]) < told.index(hits[1])


def test_long_statements_and_long_remarks_have_lines_of_their_own() -> None:
    name = "a_variable_with_a_name_that_is_long_enough_for_everybody"
    text = f"MM long\n{{ int {name}; int x; }}\nP0 {{ r0 = READ_ONCE({name}); x = 1; }}\nexists (true)\n"
    (test,) = load(Source("t", text))
    verdict = run(test, Options())
    assert verdict.witness is not None
    lines = story(verdict, verdict.witness).splitlines()
    at = next(i for i, line in enumerate(lines) if name in line)
    assert len(lines[at].strip()) > WIDE and lines[at + 1].split() == ["line", "3", "reads", "0"]
    assert all(len(line) <= LINE for line in lines)


@BOTH
def test_an_access_that_walks_by_itself_is_where_an_entry_comes_from(judge: str) -> None:
    text = """MM filled
{ page A = 1; mm N { v -> A }; 0:cr3 = N; }
P0 { r0 = *v; r1 = *v; }
exists (0:tlb[v -> A])
"""
    (test,) = load(Source("t", text))
    verdict = run(test, Options(judge=judge, profile="sparc64"))
    assert verdict.witness is not None
    told = [" ".join(line.removeprefix("*").split()) for line in story(verdict, verdict.witness).splitlines()]
    assert any(line.startswith("CPU 0 v -> A is in the TLB filled ") for line in told)
