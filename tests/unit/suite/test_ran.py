"""Runs of the explorer as executions of the axioms, and the line that matters in their stories."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.effort import EFFORT, share
from verifier import explore
from verifier.budget import Budget
from verifier.errors import InputError, LimitError
from verifier.execution import sequential
from verifier.explore import Ran
from verifier.explore.search import EndState, Exploration, Search, machine_of
from verifier.lower.build import build
from verifier.program.events import Program
from verifier.program.profiles import PROFILES
from verifier.program.trace import Trace
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options
from verifier.suite.ran import Telltale, checked, execution
from verifier.syntax import load, read
from verifier.syntax.test import Test

pytestmark = pytest.mark.slow  # together, these take many seconds

ROOT = Path(__file__).resolve().parents[3]
FEW = 2_000  # forks that a search of all end states may see
# With more effort, every folder under every profile: that takes a quarter of an hour.
EVERY = EFFORT > 1
FOLDERS = ("mmu", "linux", "rcu", "locks", "c", "hangs") if EVERY else ("rcu", "hangs")
UNDER = tuple(PROFILES) if EVERY else ("generic",)
LINES = ("classic", "linux", "mmu", "words", "locks", "rcu", "c") if EVERY else ("classic", "rcu")

SB = """MM sb
{ int x; int y; }
P0 { WRITE_ONCE(x, 1); r0 = READ_ONCE(y); }
P1 { WRITE_ONCE(y, 1); r1 = READ_ONCE(x); }
exists (0:r0 = 0 /\\ 1:r1 = 0)
"""

MP = """MM mp
{ int x; int y; }
P0 { WRITE_ONCE(x, 1); smp_wmb(); WRITE_ONCE(y, 1); r0 = READ_ONCE(x); }
P1 {
    r1 = READ_ONCE(y);
    r2 = READ_ONCE(x);
}
exists (1:r1 = 0 /\\ 1:r2 = 1)
"""


def program(text: str) -> Program:
    (test,) = load(Source("t", text))
    return build(test)


def runs(p: Program, profile: str = "generic", model: str = "x86-tso") -> list[Ran]:
    """A run of the explorer to each end that it finds."""
    found: list[Ran] = []

    def keep(ran: Ran) -> Trace:
        found.append(ran)
        return ran.trace

    def each(_: Exploration, state: EndState) -> object:
        return state

    Search(machine_of(p, model, PROFILES[profile], Budget(10)), FEW, each, why=keep).run()
    return found


def programs(path: str) -> list[tuple[str, Program]]:
    """The programs of all tests below a directory of litmus/ that can be built."""
    found = []
    for file in share(sorted((ROOT / "litmus" / path).rglob("*.litmus")), 2):
        try:
            tests: list[Test] = load_all(read(str(file)))
            found += [(f"{file.stem}::{t.variant}", build(t, budget=Budget(10))) for t in tests]
        except (InputError, LimitError):
            continue
    return found


def wrong(path: str, profile: str = "generic", model: str = "x86-tso") -> list[str]:
    """What the axioms say against runs of the explorer; some runs must be there."""
    out, seen = [], 0
    for name, p in programs(path):
        for ran in runs(p, profile, model):
            seen += 1
            here = checked(ran, model)
            out += [f"{name}: {text}" for text in here.wrong]
            if not here.wrong and here.execution.state() != ran.trace.state:
                out.append(f"{name}: it ends elsewhere")
    assert seen
    return out


@pytest.mark.long
@pytest.mark.parametrize("path", ["classic", "words", "linux/switch-mm", "mmu/barriers"])
def test_the_axioms_allow_each_run_of_the_explorer(path: str) -> None:
    assert wrong(path) == []


@pytest.mark.long
@pytest.mark.parametrize("profile", UNDER)
@pytest.mark.parametrize("path", FOLDERS)
def test_the_axioms_allow_each_run_of_the_explorer_under_each_profile(path: str, profile: str) -> None:
    assert wrong(path, profile) == []


@pytest.mark.long
@pytest.mark.parametrize("path", ["classic", "linux/switch-mm"])
def test_the_axioms_of_sc_allow_each_run_without_store_buffers(path: str) -> None:
    assert wrong(path, model="sc") == []


def test_the_check_finds_a_run_that_the_axioms_forbid() -> None:
    wrong = [text for ran in runs(program(SB)) for text in checked(ran, "sc").wrong]
    assert wrong
    assert all(text.startswith("sc: cycle") for text in wrong)


def test_the_instants_of_a_run_are_in_its_order() -> None:
    for ran in runs(program(SB)):
        x = execution(ran, "x86-tso")
        for store, issue in x.issues.items():
            assert ran.facts.turns[issue] < ran.facts.turns[store]
        assert all(r.write is None or x.program.events[r.write].op == "W" for r in x.reads)


def line(text: str, **options: object) -> tuple[str, str]:
    """The kind and the sentence of the explorer's story."""
    (test,) = load(Source("t", text))
    verdict = run(test, Options(judge="explorer", **options))  # type: ignore[arg-type]
    trace = verdict.witness
    assert trace is not None and trace.matter is not None
    return trace.matter.kind, trace.matter.told("t")


def test_a_store_that_is_overtaken() -> None:
    kind, said = line(SB)
    assert kind == "reordered"
    assert said == "CPU 0: line 3 `r0 = READ_ONCE(y)` takes effect before line 3 `WRITE_ONCE(x, 1)`"


def test_an_interleaving_says_what_is_enough() -> None:
    assert line(MP) == ("interleaving", "it needs only that CPU 1 reads 0 in line 5 and 1 in line 6")


def test_a_search_that_is_too_large_leaves_the_line_general(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.suite.ran.FORKS", 0)
    assert line(MP) == ("interleaving", "it needs only that the CPUs take turns as they do here")


def test_a_story_has_no_line_if_the_time_is_over() -> None:
    p = program(MP)
    over = Telltale(p, "x86-tso", PROFILES["generic"], Budget(0.0))
    answer = explore.decide(p, why=over.told)
    assert answer.witness is not None
    assert answer.witness.matter is None


def test_the_story_is_that_of_a_run_without_store_buffers_if_there_is_one() -> None:
    p = program(SB.replace("/\\", "\\/"))
    telltale = Telltale(p, "x86-tso", PROFILES["generic"], Budget())
    (reordered,) = [ran for ran in runs(p) if sequential(checked(ran, "x86-tso")).cycle()]
    told = telltale.told(reordered)
    assert reordered.trace.state == (0, 0) != told.state
    assert told.matter is not None
    assert told.matter.kind == "interleaving"


@pytest.mark.long
@pytest.mark.parametrize("path", LINES)
def test_the_stories_of_both_judges_have_lines_of_one_kind(path: str) -> None:
    different = []
    for file in share(sorted((ROOT / "litmus" / path).rglob("*.litmus")), 2):
        try:
            tests = load_all(read(str(file)))
        except InputError:
            continue
        for test in tests:
            told = [run(test, Options(judge=judge, timeout=30)).witness for judge in ("z3", "explorer")]
            kinds = [t.matter.kind if t.matter is not None else None for t in told if t is not None]
            if len(kinds) == 2 and kinds[0] != kinds[1]:
                different.append((file.stem, test.variant, kinds))
    assert different == []
