"""Stories: what each step is called, and where it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verifier.cli import main

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
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_a_declaration_is_told_as_an_assignment(told: list[str]) -> None:
    assert "CPU 0 prev = this_cpu_read(real_prev) line 5 reads init_mm" in told


def test_values_have_the_names_that_programs_give_them(told: list[str]) -> None:
    assert "CPU 0 r0 = ptep_get(pte(N, v)) line 9 reads none" in told
    assert "CPU 0 prev = this_cpu_read(real_prev) line 10 reads LOADED_MM_SWITCHING" in told


def test_what_is_included_has_its_files_name(told: list[str]) -> None:
    text = (Path(__file__).resolve().parents[2] / "litmus/linux/tlb_gen.inc").read_text().splitlines()
    at = next(i for i, line in enumerate(text, 1) if "if (this_cpu_read(cpu_tlbstate.loaded_mm)" in line)
    assert any(f"this_cpu_read(cpu_tlbstate.loaded_mm) tlb_gen.inc:{at} reads" in line for line in told)


def test_an_instant_says_what_is_where(told: list[str]) -> None:
    (instant,) = (line for line in told if line.startswith("this is the instant"))
    assert "1:cr3 is N" in instant and "x is 1" in instant


def test_a_warning_that_is_hit_is_told(told: list[str]) -> None:
    assert "CPU 0 has hit a WARN_ON or BUG_ON" in told


def test_one_instruction_is_no_change_of_the_interrupt_flag(told: list[str]) -> None:
    assert len([line for line in told if "this_cpu_inc(y)" in line]) == 2


def test_json_names_the_file_of_a_step(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "s.litmus"
    path.write_text(TEXT)
    assert main(["check", "--format", "json", str(path)]) == 0
    steps = json.loads(capsys.readouterr().out)["results"][0]["witness"]["steps"]
    files = {Path(s["file"]).name for s in steps if s["file"]}
    assert files == {"s.litmus", "tlb_gen.inc"}
