"""Unknown verdicts, and the reasons that they give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from verifier.cli import main
from verifier.lower.build import build
from verifier.program.answer import Answer
from verifier.program.waits import Loop
from verifier.results import Verdict, judge_answer
from verifier.source import Source
from verifier.suite import decide
from verifier.syntax import load

LITMUS = Path(__file__).resolve().parents[3] / "litmus"
FILTER = """MM t
{ int x; int y; }
P0 { x = 1; r0 = y; }
[D] P1 { while (READ_ONCE(x) != 7) cpu_relax(); }
[!D] P1 { y = 1; r0 = x; }
variants { F never; D deadlock; U deadlock; K sometimes; }
[!K] filter (x = 5)
[K] filter (x = 1)
exists (0:r0 = 0)
"""


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
def test_a_filter_that_lets_nothing_through_is_no_deadlock(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(FILTER)
    assert main(["check", "-q", "--judge", judge, str(path)]) == 3
    assert capsys.readouterr().out.splitlines() == [
        "t::F   unknown     expected never (the filter lets no state through)",
        "t::D   unknown     as expected (deadlock: no run ends: CPU 1 waits in line 4 until READ_ONCE(x) == 7"
        ", and x is 1)",
        "t::U   unknown     expected deadlock (the filter lets no state through)",
        "t::K   sometimes   as expected",
        "4 tests: 2 as expected, 2 unknown",
    ]


def test_time_that_is_up_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    path = LITMUS / "linux" / "switch_mm-vs-flush.litmus"
    assert main(["check", "-q", "--timeout", "0.001", f"{path}::F"]) == 3
    assert "unknown     expected never (timeout: more than 0.001 s, while " in capsys.readouterr().out


def test_a_log_does_not_say_never_for_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    path = LITMUS / "linux" / "switch_mm-vs-flush.litmus"
    assert main(["states", "--format", "herd", "--timeout", "0.001", f"{path}::F"]) == 3
    found = capsys.readouterr()
    assert found.out == ""
    assert "unknown" in found.err and "timeout" in found.err


RESULT = """C t
(*
 * Result: {}
 *)
{{ int x; }}
P0(int *x) {{ WRITE_ONCE(*x, 1); }}
P1(int *x) {{ int r0; r0 = READ_ONCE(*x); }}
filter (x={})
exists (1:r0=1)
"""


@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
@pytest.mark.parametrize(
    ("result", "filtered", "code"),
    [("DEADLOCK", 5, 0), ("DEADLOCK", 1, 1), ("Never", 5, 3), ("Sometimes", 5, 3), ("Maybe", 5, 3)],
)
def test_what_kernel_scripts_call_a_deadlock_is_that_no_state_is_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str, result: str, filtered: int, code: int
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(RESULT.format(result, filtered))
    assert main(["check", "-q", "--judge", judge, str(path)]) == code
    out = capsys.readouterr().out
    assert ("the filter lets no state through" in out) == (filtered == 5)
    assert ("as expected" in out) == (code == 0)


def answered(**known: object) -> Verdict:
    """The verdict on a test without expectation, from the answer of a judge."""
    (test,) = load(Source("t", "MM t\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n"))
    states = bool(known.pop("asked", False))
    answer = Answer(**known)  # type: ignore[arg-type]
    return judge_answer(test, build(test), answer, model="x86-tso", judge="z3", seconds=0, states=states)


@pytest.mark.parametrize(
    ("known", "observation", "reason", "complete"),
    [
        ({"reachable": True, "refutable": True}, "sometimes", "", True),
        ({"reachable": True, "reason": "timeout"}, "unknown",
         "timeout; the observation is sometimes or always", False),
        ({"refutable": True, "reason": "timeout"}, "unknown", "timeout", False),
        ({"reachable": True, "refutable": True, "asked": True, "reason": "timeout"}, "unknown",
         "timeout: the final states are not known", False),
        ({"reachable": True, "refutable": True, "asked": True, "states": ((1,),), "cut": True}, "sometimes",
         "there may be more states than those within bound 2: assume() its end, or use --unroll 3", False),
        ({"reachable": True, "refutable": True, "asked": True, "states": ((1,),)}, "sometimes", "", True),
        ({"reachable": False, "refutable": False, "deadlock": True}, "unknown",
         "deadlock: no run ends", True),
        ({"reachable": False, "cut": True, "refutable": True, "loops": (Loop(1, "P1"),)}, "unknown",
         "within bound 2: the loop in P1 needs more iterations; assume() its end, or use --unroll 3", False),
    ],
)  # fmt: skip
def test_what_is_not_known_is_said(
    known: dict[str, object], observation: str, reason: str, complete: bool
) -> None:
    verdict = answered(**known)
    assert (verdict.observation, verdict.reason, verdict.complete) == (observation, reason, complete)
    assert verdict.exit_code == (0 if complete and observation != "unknown" else 3)


def test_states_of_a_loop_that_was_cut_are_not_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(
        "MM t\n{ int x; }\nP0 { r1 = 0; do { r0 = READ_ONCE(x); r1 = r1 + 1; } while (r0 != 9); }\n"
        "P1 { x = 9; }\nlocations [0:r1;]\nexists (0:r1 = 1)\n"
    )
    assert main(["states", str(path)]) == 3
    found = capsys.readouterr().out.splitlines()
    assert (
        "there may be more states than those within bound 2: the loop in line 3 of P0 needs more iterations; "
        "assume() its end, or use --unroll 3"
    ) in found[0]
    assert found[-1] == "  and perhaps others"
    assert main(["states", "--format", "herd", str(path)]) == 3
    assert "there may be more states" in capsys.readouterr().err
    assert main(["check", "-q", str(path)]) == 0  # of what was asked for there, all is known


def test_a_judge_may_have_a_verdict_and_not_all_states(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = decide._decide

    def half(program: Any, options: Any, judge: str, *more: Any, **likely: bool) -> Answer:
        if judge == "explorer":
            return Answer(reason="timeout")
        return replace(real(program, options, judge, *more, **likely), states=None, reason="too long")

    monkeypatch.setattr(decide, "_decide", half)
    assert main(["check", "-q", "--judge", "both", str(LITMUS / "classic" / "MP.litmus")]) == 3
    said = "not compared (z3, which has a verdict but not all states: too long, the explorer: timeout)"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("silent", ["z3", "explorer"])
def test_one_judge_is_not_two(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    real = decide._decide

    def half(program: Any, options: Any, judge: str, *more: Any, **likely: bool) -> Answer:
        return Answer(reason="timeout") if judge == silent else real(program, options, judge, *more, **likely)

    monkeypatch.setattr(decide, "_decide", half)
    assert main(["check", "-q", "--judge", "both", str(LITMUS / "classic" / "MP.litmus")]) == 3
    name = "z3" if silent == "z3" else "the explorer"
    assert (
        f"never       as expected (the judges are not compared ({name}: timeout))" in capsys.readouterr().out
    )


def test_a_table_says_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    path = LITMUS / "linux" / "switch_mm-vs-flush.litmus"
    assert main(["compare", "--profiles", "intel,amd", "--timeout", "0.001", f"{path}::F"]) == 3
    out = capsys.readouterr().out
    assert "switch_mm-vs-flush::F under amd: unknown (timeout: " in out
    assert out.endswith("1 test: 0 the same everywhere, 0 different, 1 unknown\n")


def test_there_is_no_graph_of_what_is_not_known(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = LITMUS / "linux" / "switch_mm-vs-flush.litmus"
    assert main(["check", "-q", "--dot", str(tmp_path / "g"), "--timeout", "0.001", f"{path}::F"]) == 3
    assert "switch_mm-vs-flush::F is unknown, so there is no graph" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("write", "at"),
    [
        ("load_cr3(q)", "load_cr3(q)"),
        ("load_cr3(q, 1)", "load_cr3(q, 1)"),
        ("load_cr3_noflush(q)", "load_cr3_noflush(q)"),
        ("write_cr3(__pa(q->pgd))", "q->pgd"),
    ],
)
@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
def test_cr3_of_no_address_space(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str, write: str, at: str
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(
        "MM t\n{ page A = 1; page B = 2; mm N { v -> A }; mm M { v -> B };\n"
        "  struct mm_struct *p = M; 0:cr3 = N; }\n"
        f"P0 {{ struct mm_struct *q = READ_ONCE(p); {write}; r1 = *v; }}\nP1 {{ WRITE_ONCE(p, NULL); }}\n"
        "exists (0:r1 = 1)\n"
    )
    assert main(["check", "-q", "--judge", judge, str(path)]) == 3
    assert f"an access in line 4 to an address that belongs to no object: {at}" in capsys.readouterr().out


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize("first", ["v", "0", "v + 4096"])
def test_an_invalidation_of_no_address(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str, first: str
) -> None:
    """A number that is no virtual address would invalidate nothing, in silence."""
    path = tmp_path / "t.litmus"
    path.write_text(
        f"MM t\n{{ page A = 1; mm N {{ v -> A }}; long a = {first}; 0:cr3 = N; }}\n"
        "P0 { r2 = READ_ONCE(a); flush_tlb_one_user(r2); r3 = *v; }\nexists (0:r3 = 1)\n"
    )
    main(["check", "-q", "--judge", judge, str(path)])
    said = capsys.readouterr().out
    wrong = "an access in line 3 to an address that belongs to no object: flush_tlb_one_user(r2)"
    assert (wrong in said, "always" in said) == (first == "0", first != "0")


LOST = """MM t
{{ int x; int y; int *p = &y; page A = 1; mm N {{ v -> A }}; long a; int *m = v; 1:cr3 = N; }}
P0 {{ WRITE_ONCE(p, NULL); WRITE_ONCE(m, NULL); }}
P1 {{ {access}; r1 = READ_ONCE(x); {assumed} }}
exists (1:r0 = 0)
"""
ACCESSES = {
    "memory": "int *q = READ_ONCE(p); r0 = READ_ONCE(*q)",
    "a store": "int *q = READ_ONCE(p); WRITE_ONCE(*q, 1); r0 = READ_ONCE(x)",
    "translated": "int *q = READ_ONCE(m); r0 = *q",
}
REFUSED = "no run is left: assume(r1 == 1) of CPU 1 in line 4 does not hold"
WRONG = "an access in line 4 to an address that belongs to no object"


@pytest.mark.parametrize(
    ("assumed", "told"),
    [
        ("assume(r1 == 1);", REFUSED),
        ("assume(r1 == 0);", WRONG),
        ("", WRONG),
        ("assume(r0 == 0 || r0 != 0);", WRONG),
        ("if (r0) assume(r1 == 1);", WRONG),  # an UNDEF condition holds, but it fails, too
    ],
)
@pytest.mark.parametrize("access", ACCESSES)
@pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
def test_a_failed_assumption_refuses_a_wrong_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, judge: str, access: str, assumed: str, told: str
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(LOST.format(access=ACCESSES[access], assumed=assumed))
    assert main(["check", "-q", "--judge", judge, str(path)]) == 3
    assert told in capsys.readouterr().out


LOOKS = """MM t
{{ {kind} l{start}; {kind} *p = {first}; int x; int y; }}
P0 {{ {kind} *q = READ_ONCE(p); {looks} r1 = READ_ONCE(y); {assumed} }}
P1 {{ {other} WRITE_ONCE(y, 1); }}
exists (0:r1 = 0)
"""
LOOK = {  # the type of what is looked at, how it begins, and the look
    "spin_lock": ("spinlock_t", "", "spin_lock(q); spin_unlock(q);"),
    "read_lock": ("rwlock_t", "", "read_lock(q); read_unlock(q);"),
    "mutex": ("struct mutex", "", "mutex_lock(q); mutex_unlock(q);"),
    "semaphore": ("struct semaphore", " = 1", "down(q); up(q);"),
    "rwsem": ("struct rw_semaphore", "", "down_read(q); up_read(q);"),
    "bit lock": ("unsigned long", "", "bit_spin_lock(0, q); bit_spin_unlock(0, q);"),
    "wait_on_bit": ("unsigned long", "", "wait_on_bit(q, 1, 2);"),
    "cond_load": ("int", "", "smp_cond_load_acquire(q, !VAL);"),
    "cond_load of what never comes": ("int", "", "smp_cond_load_acquire(q, VAL == 7);"),
    "loop": ("int", "", "while (READ_ONCE(*q)) cpu_relax();"),
    "loop of two loads": ("int", "", "while (READ_ONCE(x) || READ_ONCE(*q)) cpu_relax();"),
    "in front of a wait": ("int", "", "r0 = READ_ONCE(*q); while (READ_ONCE(x) != r0) cpu_relax();"),
    "a store": ("int", "", "WRITE_ONCE(*q, 1); spin_lock(&x); spin_unlock(&x);"),
}


@pytest.mark.parametrize("assumed", ["", "assume(r1 == 1);"])
@pytest.mark.parametrize(
    ("first", "other"),
    [("NULL", ""), ("&l", "WRITE_ONCE(p, NULL);"), ("NULL", "WRITE_ONCE(p, &l);")],
    ids=["never", "at first", "later"],
)
@pytest.mark.parametrize("look", LOOK)
def test_who_waits_at_no_address(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, look: str, first: str, other: str, assumed: str
) -> None:
    """Each judge finds the access, whatever is waited for and however many addresses there may be."""
    kind, start, looks = LOOK[look]
    path = tmp_path / "t.litmus"
    text = LOOKS.format(kind=kind, start=start, looks=looks, first=first, other=other, assumed=assumed)
    path.write_text(text)
    for judge in ("z3", "explorer", "both"):
        assert main(["check", "-q", "--judge", judge, str(path)]) == 3
        assert WRONG.replace("line 4", "line 3") in capsys.readouterr().out, judge
