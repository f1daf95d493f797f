"""Hangs as outcomes, as expectations and in reports, of both judges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.texts import wrong
from verifier.cli import main
from verifier.errors import ExitCode
from verifier.program.profiles import PROFILES
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

JUDGES = pytest.mark.parametrize("judge", ["z3", "explorer", "both"])
# CPU 1 may take m first. Then both wait for ever, and x stays 0.
ABBA = """MM abba
{ spinlock_t l; spinlock_t m; int x; }
P0 { spin_lock(&l); spin_lock(&m); x = 1; spin_unlock(&m); spin_unlock(&l); }
P1 { spin_lock(&m); spin_lock(&l); r0 = 1; spin_unlock(&l); spin_unlock(&m); }
"""
TOLD = (
    "CPU 0 waits in line 3 for m, and CPU 1 has held it since line 4; "
    "CPU 1 waits in line 4 for l, and CPU 0 has held it since line 3"
)


def verdict(text: str, judge: str = "z3", **more: object) -> Verdict:
    (test,) = load(Source("t", text))
    return run(test, Options(judge=judge, **more))  # type: ignore[arg-type]


@JUDGES
@pytest.mark.parametrize(
    ("expect", "as_expected", "code"),
    [
        ("", None, ExitCode.EXPECTED),
        ("expect never;", False, ExitCode.DIFFERS),
        ("expect never hangs;", True, ExitCode.EXPECTED),
        ("expect always hangs;", False, ExitCode.DIFFERS),
        ("expect hangs;", True, ExitCode.EXPECTED),
        ("expect never, sc never hangs;", False, ExitCode.DIFFERS),
        ("expect never, generic never hangs;", True, ExitCode.EXPECTED),
        ("expect never, tce=true hangs;", True, ExitCode.EXPECTED),
    ],
)
def test_expectations(judge: str, expect: str, as_expected: bool | None, code: ExitCode) -> None:
    found = verdict(f"{ABBA}{expect}\nexists (x = 0)\n", judge)
    assert (found.observation, found.hangs, found.as_expected, found.exit_code) == (
        "never", True, as_expected, code,
    )  # fmt: skip
    assert "; ".join(w.told("t") for w in found.waits) == TOLD


@JUDGES
def test_a_hang_that_does_not_come(judge: str) -> None:
    one = ABBA.replace("P1 { spin_lock(&m); spin_lock(&l);", "P1 { spin_lock(&l); spin_lock(&m);")
    found = verdict(f"{one}expect never hangs;\nexists (x = 0)\n", judge)
    assert (found.hangs, found.hang, found.as_expected) == (False, None, False)
    assert found.exit_code is ExitCode.DIFFERS
    assert verdict(f"{one}expect never;\nexists (x = 0)\n", judge).as_expected


@JUDGES
@pytest.mark.parametrize(
    ("condition", "observation"),
    [
        ("hang", "sometimes"),
        ("1:hang", "sometimes"),
        ("hang /\\ x = 1", "never"),
        ("1:hang /\\ 1:r0 = 1", "never"),
        ("~hang /\\ x = 0", "never"),
        ("hang \\/ x = 1", "always"),
        ("0:hang /\\ ~1:hang", "never"),
    ],
)
def test_conditions_ask_for_hangs(judge: str, condition: str, observation: str) -> None:
    """Then runs that hang count as runs, and hangs are no difference."""
    found = verdict(f"{ABBA}expect {observation};\nexists ({condition})\n", judge)
    assert (found.observation, found.as_expected, found.hang_expected) == (observation, True, None)
    if observation == "sometimes":
        assert found.witness is not None and [w.cpu for w in found.witness.waits] == [0, 1]


@JUDGES
def test_states_apart(judge: str) -> None:
    found = verdict(f"{ABBA}locations [x; 1:r0;]\n", judge, states=True)
    assert found.states == ((1, 1),) and found.rests == ((0, 0),)
    asked = verdict(f"{ABBA}locations [x;]\nexists (hang)\n", judge, states=True)
    assert asked.states is not None and set(asked.states) == {(0, 1), (1, 0)}
    assert (asked.positive, asked.negative) == (1, 1)


@JUDGES
@pytest.mark.parametrize("profile", PROFILES)
def test_all_profiles(judge: str, profile: str) -> None:
    assert verdict(f"{ABBA}exists (x = 0)\n", judge, profile=profile).hangs


def test_a_hang_that_only_tso_has() -> None:
    """The store is buffered when the flag is read; without store buffers one of the two sees the other."""
    text = """MM t
    { int state; int cond; }
    P0 { WRITE_ONCE(state, 1); r0 = READ_ONCE(cond); if (!r0) { while (READ_ONCE(state)) cpu_relax(); } }
    P1 { WRITE_ONCE(cond, 1); if (READ_ONCE(state)) WRITE_ONCE(state, 0); }
    expect never hangs, sc never;
    exists (cond = 0)
    """
    assert verdict(text, "both").as_expected
    assert verdict(text, "both", profile="sc").as_expected
    assert verdict(text, "both", model="sc").as_expected
    fixed = text.replace("(state, 1);", "(state, 1); smp_mb();").replace("(cond, 1);", "(cond, 1); smp_mb();")
    assert verdict(fixed.replace(" hangs", ""), "both").as_expected


def test_other_languages_have_no_word_for_it() -> None:
    text = "C t\n(* Result: Never *)\n{ }\nP0(spinlock_t *l, int *x) { spin_lock(l); spin_lock(l); }\n"
    text += "P1(int *x) { int r0 = *x; }\nexists (1:r0=1)\n"
    found = verdict(text)
    assert found.deadlock and found.hangs and found.hang_expected is None


def test_a_filter_speaks_of_hangs_too() -> None:
    assert verdict(f"{ABBA}filter (x = 0)\nexists (x = 0)\n", "both").hangs
    assert not verdict(f"{ABBA}filter (x = 1)\nexists (x = 0)\n", "both").hangs


def test_a_loop_that_is_cut_may_hang_or_not() -> None:
    text = "MM t\n{ int x; }\nP0 { r1 = 0; do { r1++; } while (!READ_ONCE(x)); }\nP1 { WRITE_ONCE(x, 1); }\n"
    found = verdict(f"{text}expect sometimes;\nexists (0:r1 = 2)\n", "both")
    assert (found.hangs, found.as_expected) == (None, True)
    found = verdict(f"{text}expect sometimes hangs;\nexists (0:r1 = 2)\n", "both")
    assert found.exit_code is ExitCode.UNKNOWN


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("expect deadlock hangs;\nexists (x = 0)\n", "expect", "a deadlock is a hang"),
        ("expect hang;\nexists (x = 0)\n", "expect", "there is no expectation 'hang'"),
        ("exists (2:hang)\n", "no-cpu", "there is no CPU 2"),
        ("exists (ever (hang))\n", "hang-ever", "'ever' does not look at hangs"),
        ("exists (hangs)\n", "unknown-name", "there is no 'hangs'"),
    ],
)
def test_errors(text: str, code: str, message: str) -> None:
    (found,) = wrong(ABBA + text)
    assert found.code == code and message in found.message
    assert found.span is not None


def test_a_name_of_the_test_comes_first() -> None:
    text = "MM t\n{ int hang = 3; }\nP0 { r0 = READ_ONCE(hang); }\nexists (hang = 3)\n"
    assert verdict(text, "both").observation == "always"


@pytest.mark.slow
def test_the_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "abba.litmus"
    path.write_text(f"{ABBA}exists (x = 0)\n")
    assert main(["check", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["abba", "never", "may", "hang"]
    assert " ".join(" ".join(lines[1:3]).split()) == f"may hang: {TOLD}"
    assert [line.split()[2:5] for line in lines if "waits for ever" in line] == [["waits", "for", "ever"]] * 2
    assert main(["check", "-q", str(path)]) == 0
    assert capsys.readouterr().out == "abba   never       may hang\n"
    assert main(["states", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["  [x]=1;", "  where runs hang:", "  [x]=0;"]
    assert main(["check", "--format", "herd", str(path)]) == 0
    assert "Flag hangs" in capsys.readouterr().out.splitlines()
    dot = tmp_path / "run.dot"
    assert main(["check", "-q", "--dot", str(dot), str(path)]) == 0
    assert "abba: a run that hangs" in dot.read_text()
    capsys.readouterr()
    assert main(["compare", "--all", str(path)]) == 0
    assert "never hangs" in capsys.readouterr().out


def test_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "abba.litmus"
    path.write_text(f"{ABBA}expect never;\nexists (x = 0)\n")
    assert main(["states", "--format", "json", str(path)]) == 1
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert (found["hangs"], found["hangs_expected"], found["as_expected"]) == (True, False, False)
    assert found["states"] == ["[x]=1;"] and found["hang_states"] == ["[x]=0;"]
    assert main(["check", "--format", "json", str(path)]) == 1
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert [w["kind"] for w in found["waits"]] == ["lock", "lock"]
    assert [s["text"] for s in found["hang"]["steps"]][:1] == ["spin_lock(&l)"]
