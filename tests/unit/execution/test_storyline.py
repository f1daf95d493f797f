"""A story tells every step of its run, and leaves out steps that the run does not need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import verifier
from tests.effort import share
from verifier.budget import Budget
from verifier.errors import InternalError
from verifier.execution import Checked, check
from verifier.execution.storyline import Told, _Teller, tell
from verifier.explore.replay import Telling
from verifier.explore.search import machine_of
from verifier.lower.build import build
from verifier.program.expressions import Ref, call
from verifier.program.profiles import switches
from verifier.program.trace import Step
from verifier.solve import queries
from verifier.source import Source
from verifier.syntax import load

ROOT = Path(__file__).resolve().parents[3]

FENCED = """X86 stores-and-sfence
{ x=0; y=0; z=0; }
P0          | P1          ;
MOV [x],$1  | MOV [y],$1  ;
SFENCE      | SFENCE      ;
MOV EAX,[y] | MOV EAX,[x] ;
MOVNTI [z],EAX |          ;
exists (0:EAX=0 /\\ 1:EAX=0)
"""
AHEAD = """MM sent-ahead
{ int y; }
void f(void *info) { WRITE_ONCE(y, 5); }
P0 { r1 = xchg(&y, 1); apic_icr_write(1, f); }
P1 { }
exists (0:r1 = 5)
"""


def told(text: str, judge: str = "z3") -> tuple[Step, ...]:
    (test,) = load(Source("t", text))
    witness = verifier.check(test, judge=judge).witness
    assert witness is not None
    return witness.steps


def test_loads_pass_a_store_fence() -> None:
    steps = told(FENCED)
    texts = [s.event.text for s in steps if s.event is not None and s.kind == "exec"]
    assert sorted(texts) == sorted(
        ["MOV [x],$1", "SFENCE", "MOV EAX,[y]", "MOVNTI [z],EAX", "MOV [y],$1", "SFENCE", "MOV EAX,[x]"]
    )


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_a_bare_icr_write_may_be_ahead_of_its_place(judge: str) -> None:
    steps = told(AHEAD, judge)
    assert steps[0].event is not None and steps[0].event.op == "SEND"
    assert (steps[0].note, steps[0].rule) == ("executed early", "8.2")
    assert any(s.event is not None and s.event.op == "X" and s.reads == (("y", 5),) for s in steps)


def test_what_needs_not_be_early_is_not() -> None:
    steps = told(AHEAD.replace("exists (0:r1 = 5)", "exists (0:r1 = 0)"))
    ops = [s.event.op for s in steps if s.event is not None]
    assert ops.index("X") < ops.index("SEND")
    assert not any(s.rule == "8.2" for s in steps)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Checked]]:
    """The runs that have been told."""
    seen: list[Checked] = []

    def keep(checked: Checked, budget: object = None) -> Told:
        seen.append(checked)
        return tell(checked)

    monkeypatch.setattr(queries, "tell", keep)
    yield seen


def test_a_cycle_is_an_error_and_no_shorter_story(runs: list[Checked]) -> None:
    told(AHEAD)
    teller = _Teller(runs[0], Budget())
    node = next(n for n in teller.nodes if n in teller.cpu)
    teller.after[node].add(node)
    teller.waiting[node] += 1
    with pytest.raises(InternalError, match="no place for"):
        teller.tell()


def test_an_execution_that_is_wrong_has_no_story(runs: list[Checked]) -> None:
    told(AHEAD)
    execution = runs[0].execution
    execution.executed = frozenset()
    wrong = check(execution)
    assert wrong.wrong
    with pytest.raises(InternalError, match="found right"):
        tell(wrong)


@pytest.mark.long
@pytest.mark.parametrize("folder", ["litmus/mmu", "litmus/hangs", "litmus/linux/switch-mm", "litmus/classic"])
def test_every_step_of_every_witness_is_told(folder: str, runs: list[Checked]) -> None:
    for path in share(sorted((ROOT / folder).rglob("*.litmus")), 4):
        for test in verifier.load(path):
            runs.clear()
            verdict = verifier.check(test)
            all_ = (verdict.witness, verdict.counter, verdict.hang)
            for run, told in zip(runs, filter(None, all_), strict=True):
                assert told is not None
                shown = {s.event.id for s in told.steps if s.event is not None}
                missing = {i for i in run.execution.executed if i not in shown}
                assert not missing, (test.id, missing)


HEAD = "MM cached\n{{ page A = 1; page B = 2; mm N {{ v -> A, w -> A }}; 1:cr3 = N; {initial} }}\n"
BOTH = pytest.mark.parametrize("judge", ["z3", "explorer"])


def last(initial: str, code: str, condition: str, judge: str) -> tuple[Step, ...]:
    """The steps of the run that this program has."""
    return told(HEAD.format(initial=initial) + f"{code}\nexists ({condition})\n", judge)


@BOTH
@pytest.mark.parametrize(
    ("initial", "code", "condition", "notes"),
    [
        (
            "1:tlb = { v -> A };",
            "P0 { } P1 { invlpg(w); }",
            "1:tlb[v -> A]",
            "from the start; invlpg(w) is for w",
        ),
        (
            "1:tlb = { v -> A };",
            "P0 { set_pte(pte(N, v), B); } P1 { }",
            "1:tlb[v -> A]",
            "from the start; no flush since",
        ),
        (
            "1:tlb = { v -> mk_pte(A, global) };",
            "P0 { } P1 { flush_tlb_local(); flush_tlb_local(); }",
            "1:tlb[v -> mk_pte(A, global)]",
            "from the start; flush_tlb_local() keeps global entries",
        ),
        (
            "1:pcid = 1; 1:tlb = { v@2 -> A };",
            "P0 { } P1 { flush_tlb_local(); load_cr3_noflush(N, 2); }",
            "1:tlb[v -> A]",
            "from the start; flush_tlb_local() is for PCID 1, and this entry has PCID 2;"
            " load_cr3_noflush(N, 2) flushes nothing",
        ),
        (
            "",
            "P0 { set_pte(pte(N, v), B); } P1 { invlpg(v); r0 = READ_ONCE(x); }",
            "1:tlb[v -> A] /\\ 1:r0 = 0",
            "filled above from pte(N, v); no flush since",
        ),
        (
            "1:tlb = { v -> A };",
            "P0 { set_pte(pte(N, v), B); smp_mb(); WRITE_ONCE(x, 1); } P1 { r0 = READ_ONCE(x); invlpg(v); }",
            "1:tlb[v -> B] /\\ 1:r0 = 1",
            "filled above from pte(N, v); no flush since",
        ),
    ],
)
def test_a_condition_on_the_tlb_says_why_the_entry_is_there(
    initial: str, code: str, condition: str, notes: str, judge: str
) -> None:
    steps = last(f"int x; {initial}", code, condition, judge)
    step = steps[-1]
    assert (step.kind, step.cpu, step.note) == ("cached", 1, notes)
    assert sum(s.kind == "fill" for s in steps) == ("filled" in notes)


@BOTH
def test_no_walk_is_told_for_what_is_there(judge: str) -> None:
    code = "P0 { } P1 { r0 = *v; invlpg(w); r1 = *v; invlpg(v); r2 = *v; }"
    steps = last("1:tlb = { v -> A };", code, "1:r0 = 1 /\\ 1:r1 = 1 /\\ 1:r2 = 1", judge)
    assert sum(s.kind == "fill" for s in steps) == 1
    how = [s.note for s in steps if s.note.startswith("translated")]
    assert how == ["translated to A by an entry of the initial TLB"] * 2 + [
        "translated to A by a cached entry"
    ]


@BOTH
def test_an_instant_says_why_the_entry_is_there(judge: str) -> None:
    steps = last("1:tlb = { v -> A };", "P0 { } P1 { invlpg(w); invlpg(v); }", "ever (1:tlb[v -> A])", judge)
    kinds = [s.kind for s in steps]
    assert kinds[kinds.index("snapshot") - 1] == "cached"
    assert steps[kinds.index("cached")].note.startswith("from the start; ")


@pytest.mark.parametrize(
    ("judge", "mode", "entry", "note"),
    [
        ("z3", "always", "A", "sets A and D"),
        ("z3", "never", "mk_pte(A, old)", "sets D"),
        ("explorer", "never", "mk_pte(A, old)", "sets D"),
    ],
)
def test_a_write_sets_what_is_clear(judge: str, mode: str, entry: str, note: str) -> None:
    text = f"""MM marks
{{ page A = 1; mm N {{ v -> mk_pte(A, clean | old) }}; 1:cr3 = N; 1:tlb = {{ v -> mk_pte(A, clean) }}; }}
P0 {{ }}
P1 {{ *v = 2; }}
exists (A.data = 2 /\\ pte(N, v) = {entry})
"""
    (test,) = load(Source("t", text))
    witness = verifier.check(test, judge=judge, settings={"d_sets_a": mode}).witness
    assert witness is not None
    assert [s.note for s in witness.steps if s.kind == "update"] == [note]


@pytest.mark.parametrize(("mode", "note"), [("always", "sets A and D"), ("never", "sets D")])
def test_the_machine_says_whether_a_write_sets_a_too(mode: str, note: str) -> None:
    """A may be set by itself at any time, so this looks at the one step that is meant."""
    text = """MM marks
{ page A = 1; mm N { v -> mk_pte(A, clean | old) }; 0:cr3 = N; 0:tlb = { v -> mk_pte(A, clean) }; }
P0 { *v = 2; }
exists (true)
"""
    (test,) = load(Source("t", text))
    machine = machine_of(build(test), "x86-tso", switches("generic", {"d_sets_a": mode}))
    state = next(machine.initials())
    notes = []
    for move, after in machine.moves(state, 0):
        if move.dirty:
            notes += [s.note for s in Telling(machine, [state, after], [move]).steps() if s.kind == "update"]
    assert notes == [note]


@BOTH
def test_an_access_that_walks_by_itself_tells_all_levels(judge: str) -> None:
    """Where no walk is spontaneous nothing keeps the upper entries."""
    text = """MM levels
{ page A = 1; table T { v -> A }; mm N { v -> T }; 1:cr3 = N; }
P0 { }
P1 { r0 = *v; invlpg(v); r1 = *v; r2 = *v; }
exists (1:tlb[v -> A] /\\ 1:r0 = 1 /\\ 1:r1 = 1 /\\ 1:r2 = 1)
"""
    (test,) = load(Source("t", text))
    verdict = verifier.check(test, judge=judge, settings={"spontaneous": "false"})
    assert verdict.witness is not None
    assert verdict.witness.steps[-1].kind == "cached"
    accesses = [
        s for s in verdict.witness.steps if s.kind == "exec" and s.event is not None and s.event.virtual
    ]
    assert len(accesses) == 3


HELD_UP = """MM held-up
{ int x; int y; int z; }
void f(void *info) { WRITE_ONCE(x, 1); while (!READ_ONCE(z)) cpu_relax(); }
P0 { synchronize_rcu(); }
P1 {
    while (!READ_ONCE(x)) cpu_relax();
    rcu_read_lock(); while (!READ_ONCE(y)) cpu_relax(); rcu_read_unlock();
}
P2 { smp_call_function_single(0, f, NULL, 1); }
exists (1:hang)
"""


def test_a_grace_period_that_is_held_up_waits_for_no_reader(runs: list[Checked]) -> None:
    """Its interrupt rests after it began, and before it waits. It does not matter whether a reader is called
    older than it: in this run there is no such reader, and the run is right (MMR 18.2)."""
    (test,) = load(Source("held-up", HELD_UP))
    program = build(test)
    (reader,) = (lock for lock, _ in program.sections() if lock.cpu == 1)
    ((start, end),) = program.grace_periods()
    (held,) = (s.slot for s in program.stops if s.kind == "interrupted" and s.event == end.id)
    assert queries.decide(replace(program, condition=call("and", program.condition, Ref(held)))).reachable
    run = next(r.execution for r in runs if r.execution.executed >= {reader.id, start.id})
    assert end.id not in run.executed
    for chosen in (frozenset[tuple[int, int]](), frozenset({(reader.id, start.id)})):
        run.choices["grace"] = chosen
        assert not check(run).wrong


FILLED = """MM filled
{ page A = 1; page B = 2; mm N { v -> A }; 0:cr3 = N; 0:tlb = { v -> B }; }
P0 { r0 = translate(v); }
exists (0:r0 = B /\\ 0:tlb[v -> A])
"""


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_an_access_may_fill_what_it_does_not_use(judge: str) -> None:
    """MMR 3.3, 4.1: its own walk fills the TLB, and an entry of before serves it."""
    (test,) = load(Source("t", FILLED))
    found = verifier.check(test, judge=judge, profile="sparc64").witness
    assert found is not None
    (cached,) = [step for step in found.steps if step.kind == "cached"]
    assert cached.note.startswith("filled ")
