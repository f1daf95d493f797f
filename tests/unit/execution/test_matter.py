"""What matters in a run: the kind, the sentence, and the steps that are marked."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.effort import share
from verifier.cli import main
from verifier.execution.cycles import contracted, cyclic
from verifier.program.trace import Matter
from verifier.render.story import LINE, story, text
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.discover import discover
from verifier.suite.load import load_task
from verifier.suite.options import Options
from verifier.syntax import load

ROOT = Path(__file__).resolve().parents[3]


def decided(text: str, options: Options | None = None) -> Verdict:
    (test,) = load(Source("t", text))
    return run(test, options or Options())


def told(verdict: Verdict) -> tuple[str, str]:
    """The kind and the sentence."""
    trace = verdict.counter or verdict.witness
    assert trace is not None and trace.matter is not None
    return trace.matter.kind, trace.matter.told("t")


def marked(verdict: Verdict) -> list[str]:
    """The rows of the story that have a mark, without it."""
    assert verdict.witness is not None
    rows = story(verdict, verdict.witness).splitlines()
    return [" ".join(row[1:].split()) for row in rows if row.startswith("*")]


SB = """MM sb
{ int x; int y; int z; }
P0 {
    WRITE_ONCE(x, 1);
    WRITE_ONCE(z, 1);
    r0 = READ_ONCE(y);
}
P1 {
    WRITE_ONCE(y, 1);
    smp_mb();
    r1 = READ_ONCE(x);
}
exists (0:r0 = 0 /\\ 1:r1 = 0)
"""


def test_a_read_that_overtakes_a_store() -> None:
    verdict = decided(SB)
    said = "CPU 0: line 6 `r0 = READ_ONCE(y)` takes effect before line 4 `WRITE_ONCE(x, 1)`"
    assert told(verdict) == ("reordered", said)
    assert marked(verdict) == [
        "CPU 0 WRITE_ONCE(x, 1) line 4 goes to the store buffer [1.2]",
        "CPU 0 r0 = READ_ONCE(y) line 6 reads 0",
        "CPU 1 WRITE_ONCE(y, 1) line 9",
        "CPU 1 r1 = READ_ONCE(x) line 11 reads 0",
        "CPU 0 x = 1 reaches memory",
    ]


def test_an_interrupt_that_is_sent_early() -> None:
    text = """MM early
{ int x; int seen; }
void f(void *info) { r0 = READ_ONCE(x); WRITE_ONCE(seen, r0 + 1); }
P0 {
    WRITE_ONCE(x, 1);
    apic_icr_write(1, f);
}
P1 { }
exists (seen = 1)
"""
    said = "CPU 0: line 6 `apic_icr_write(1, f)` takes effect before line 5 `WRITE_ONCE(x, 1)`"
    assert told(decided(text)) == ("reordered", said)


def test_a_run_without_reordering_is_preferred() -> None:
    text = SB.replace("exists (0:r0 = 0 /\\ 1:r1 = 0)", "exists (0:r0 = 0 \\/ 1:r1 = 0)")
    verdict = decided(text)
    assert told(verdict)[0] == "interleaving"
    assert verdict.witness is not None
    assert not any(step.kind == "commit" and step.rule == "1.1" for step in verdict.witness.steps[:1])


STALE = """MM stale
{ page A = 1; page B = 2; int x; mm N { v -> A }; 0..1:cr3 = N; TLB }
P0 {
    set_pte(pte(N, v), B);
    smp_mb();
    WRITE_ONCE(x, 1);
}
P1 {
    FLUSH
    r0 = READ_ONCE(x);
    r1 = translate(v);
}
exists (1:r0 = 1 /\\ 1:r1 = A)
"""


def test_a_translation_that_was_walked_before_its_entry_changed() -> None:
    verdict = decided(STALE.replace("TLB ", "").replace("FLUSH", ""))
    said = "CPU 1 uses v -> A in line 11, which it walked before line 4 of CPU 0 changed pte(N, v)"
    assert told(verdict) == ("stale", said)
    assert marked(verdict) == [
        "CPU 1 TLB fill of v: A no access asks for it [3.3]",
        "CPU 0 set_pte(pte(N, v), B) line 4",
        "CPU 0 WRITE_ONCE(x, 1) line 6",
        "CPU 1 r0 = READ_ONCE(x) line 10 reads 1",
        "CPU 1 r1 = translate(v) line 11 translated to A by a cached entry [4.1]",
    ]


def test_a_translation_that_was_walked_after_a_flush() -> None:
    verdict = decided(STALE.replace("TLB ", "").replace("FLUSH", "flush_tlb_local();"))
    said = (
        "CPU 1 uses v -> A in line 11, which it walked after the flush in line 9, "
        "before line 4 of CPU 0 changed pte(N, v)"
    )
    assert told(verdict) == ("stale", said)


def test_a_translation_that_was_there_from_the_start() -> None:
    text = """MM start
{ page A = 1; page B = 2; mm N { v -> A }; 0:cr3 = N; 0:tlb = { v -> A }; }
P0 {
    set_pte(pte(N, v), B);
    r0 = translate(v);
}
exists (0:r0 = A)
"""
    said = (
        "CPU 0 uses v -> A in line 5, which was in its TLB from the start, "
        "before its line 4 changed pte(N, v)"
    )
    assert told(decided(text)) == ("stale", said)


def test_a_translation_at_the_end() -> None:
    text = """MM end
{ page A = 1; page B = 2; mm N { v -> A }; 0..1:cr3 = N; }
P0 { set_pte(pte(N, v), B); }
P1 { }
exists (1:tlb[v -> A])
"""
    said = "at the end CPU 1 can still use v -> A, which it walked before line 3 of CPU 0 changed pte(N, v)"
    assert told(decided(text)) == ("stale", said)


def test_an_entry_that_no_table_had() -> None:
    text = """MM none
{ page A = 1; page B = 2; mm N { v -> A }; 0:cr3 = N; 0:tlb = { v -> B }; }
P0 { r0 = translate(v); }
exists (0:r0 = B)
"""
    said = "CPU 0 uses v -> B in line 3, which was in its TLB from the start, although no table had it"
    assert told(decided(text)) == ("stale", said)


def test_a_translation_that_is_current_is_not_stale() -> None:
    text = """MM current
{ page A = 1; page B = 2; mm N { v -> A }; 0..1:cr3 = N; }
P0 { set_pte(pte(N, v), B); }
P1 { r0 = translate(v); }
exists (1:r0 = B)
"""
    assert told(decided(text)) == ("interleaving", "it needs only that CPU 1 finds the page B in line 4")


def test_an_entry_that_has_its_old_value_again_is_not_stale() -> None:
    text = """MM again
{ page A = 1; page B = 2; mm N { v -> A }; 0:cr3 = N; 0:tlb = { v -> A }; }
P0 {
    set_pte(pte(N, v), B);
    set_pte(pte(N, v), A);
    r0 = translate(v);
}
exists (0:r0 = A)
"""
    assert told(decided(text))[0] == "interleaving"


WRITE = """MM write
{ page A = 0; page B = 0; mm N { v -> A }; 0..1:cr3 = N; int done; }
P0 {
    set_pte(pte(N, v), B);
    B.data = A.data;
    smp_store_release(&done, 1);
}
P1 { IF WRITE_ONCE(*v, 1); }
exists (A.data = 1 /\\ B.data = 0)
"""


@pytest.mark.parametrize("guard", ["", "if (smp_load_acquire(&done))"])
def test_a_write_through_an_old_entry_needs_no_flag_to_be_stale(guard: str) -> None:
    """Without the flag the write could also have been translated in time, and wait; here it need not wait."""
    verdict = decided(WRITE.replace("IF", guard))
    said = "CPU 1 uses v -> A in line 8, which it walked before line 4 of CPU 0 changed pte(N, v)"
    assert told(verdict) == ("stale", said)
    assert [re.sub(" (no|for the) access .*| line .*", "", row) for row in marked(verdict)] == [
        "CPU 1 TLB fill of v: A",
        "CPU 0 set_pte(pte(N, v), B)",
        "CPU 0 B.data = A.data",
        "CPU 1 WRITE_ONCE(*v, 1)",
    ]
    assert told(decided(WRITE.replace("IF", guard), Options(judge="explorer"))) == ("stale", said)


def test_a_story_shows_a_write_through_an_old_entry_after_the_change() -> None:
    """The explorer comes first to a run whose write waits for the change in its store buffer."""
    text = """MM first
{ page A = 0; page B = 0; mm N { v -> A }; 0..1:cr3 = N; }
P0 { WRITE_ONCE(*v, 1); }
P1 {
    set_pte(pte(N, v), B);
    B.data = A.data;
}
exists (A.data = 1 /\\ B.data = 0)
"""
    said = "CPU 0 uses v -> A in line 3, which it walked before line 5 of CPU 1 changed pte(N, v)"
    for judge in ("z3", "explorer"):
        verdict = decided(text, Options(judge=judge))
        assert told(verdict) == ("stale", said)
        rows = [row.split(" line ")[0] for row in marked(verdict)]
        assert rows[1:] == ["CPU 1 set_pte(pte(N, v), B)", "CPU 1 B.data = A.data", "CPU 0 WRITE_ONCE(*v, 1)"]


def test_a_write_that_has_to_wait_in_its_buffer_is_not_stale() -> None:
    """It is translated before the INVLPGB takes effect, and may be translated before the entry changes."""
    text = """MM waits
{ page A = 0; page B = 0; mm N { v -> A }; 0..1:cr3 = N; 0..1:pcid = 1; }
P0 {
    set_pte(pte(N, v), B);
    smp_mb();
    invlpgb(1, v);
    tlbsync();
    r0 = A.data;
}
P1 { WRITE_ONCE(*v, 1); }
exists (0:r0 = 0 /\\ A.data = 1)
"""
    verdict = decided(text, Options(settings={"tlbsync_waits_remote_stores": "false"}))
    said = "it needs only that CPU 0 reads 0 in line 8 and line 10 of CPU 1 writes A.data last"
    assert told(verdict) == ("interleaving", said)
    assert "CPU 1 WRITE_ONCE(*v, 1) line 10 goes to the store buffer [1.2];" in marked(verdict)


def test_the_update_of_an_access_makes_its_own_entry_not_stale() -> None:
    text = """MM lost
{ page A = 0; mm N { v -> mk_pte(A, clean) }; 0:cr3 = N; }
P0 { WRITE_ONCE(*v, 1); }
P1 {
    r0 = ptep_get(pte(N, v));
    pte_clear(pte(N, v));
}
exists (1:r0 = mk_pte(A, clean) /\\ A.data = 1)
"""
    verdict = decided(text)
    said = "it needs only that CPU 1 reads mk_pte(A, clean) in line 5 and line 3 of CPU 0 writes A.data last"
    assert told(verdict) == ("interleaving", said)
    assert marked(verdict) == [
        "CPU 1 r0 = ptep_get(pte(N, v)) line 5 reads mk_pte(A, clean)",
        "CPU 0 the processor sets D: pte(N, v) = A [7.3]",
        "CPU 0 WRITE_ONCE(*v, 1) line 3 translated to A by a cached entry",
    ]


def test_the_update_of_an_access_does_not_hide_who_changed_its_entry() -> None:
    text = """MM protected
{ page A = 0; mm N { v -> mk_pte(A, clean) }; 0:cr3 = N; }
P0 { WRITE_ONCE(*v, 1); }
P1 {
    ptep_set_wrprotect(pte(N, v));
    r0 = A.data;
}
exists (1:r0 = 0 /\\ A.data = 1 /\\ pte(N, v) = mk_pte(A, ro))
"""
    said = (
        "CPU 0 uses v -> mk_pte(A, clean) in line 3, which it walked before line 5 of CPU 1 changed pte(N, v)"
    )
    assert told(decided(text, Options(settings={"d_on_ro": "true"}))) == ("stale", said)


DIRTY = """MM dirty
{ page A = 0; mm N { v -> mk_pte(A, clean) }; 0..1:cr3 = N; }
P0 { WRITE_ONCE(*v, 1); }
P1 { }
"""


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("pte(N, v) = A", "every run that ends gets here"),
        ("1:tlb[v -> A]", "it needs only that CPU 1 can use v -> A at the end"),
        (
            "1:tlb[v -> mk_pte(A, clean)]",
            "at the end CPU 1 can still use v -> mk_pte(A, clean), which it walked before the processor of "
            "CPU 0 changed pte(N, v)",
        ),
    ],
)
def test_only_who_asks_for_d_finds_an_entry_without_d_old(condition: str, said: str) -> None:
    assert told(decided(DIRTY + f"exists ({condition})\n"))[1] == said


def test_orders_in_which_some_instants_are_one() -> None:
    pairs = {(1, 2), (2, 3), (3, 4)}
    assert contracted(pairs, {1: 2}) == {(2, 3), (3, 4)} and not cyclic(pairs)
    assert contracted(pairs, {1: 4}) == {(4, 2), (2, 3), (3, 4)} and cyclic(contracted(pairs, {1: 4}))


def test_a_new_entry_below_an_old_one_is_stale() -> None:
    path = ROOT / "litmus" / "mmu" / "3.4-levels.litmus"
    tests = load(Source("t", path.read_text()))
    verdict = next(run(t, Options()) for t in tests if t.variant == "OLDNEW")
    said = "CPU 1 uses v -> B in line 27, which it walked before line 19 of CPU 0 changed pmd(N, v)"
    assert told(verdict) == ("stale", said)


def test_an_instruction_that_was_fetched_before_it_changed() -> None:
    path = ROOT / "litmus" / "mmu" / "10.2-self-modifying.litmus"
    tests = load(Source("t", path.read_text()))
    verdict = next(run(t, Options()) for t in tests if t.variant == "SAME")
    said = "CPU 0 executes in line 19 what it fetched before its line 15 changed f"
    assert told(verdict) == ("stale", said)


READS = """MM reads
{ int x; int y; }
P0 {
    if (READ_ONCE(y) == 1)
        WRITE_ONCE(x, 2);
}
P1 {
    r0 = READ_ONCE(x);
    if (r0 == 0)
        WRITE_ONCE(y, 1);
}
"""


def test_the_reads_that_decide() -> None:
    verdict = decided(READS + "exists (x = 2)\n")
    assert told(verdict) == ("interleaving", "it needs only that CPU 0 reads 1 in line 4")
    assert marked(verdict) == ["CPU 0 READ_ONCE(y) line 4 reads 1"]


def test_reads_of_two_cpus_and_of_one() -> None:
    text = """MM two
{ int x; int y; }
P0 { WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); }
P1 {
    r0 = READ_ONCE(x);
    r1 = READ_ONCE(y);
}
P2 { r2 = READ_ONCE(y); }
"""
    verdict = decided(text + "exists (1:r0 = 1 /\\ 1:r1 = 0)\n")
    assert told(verdict)[1] == "it needs only that CPU 1 reads 1 in line 5 and 0 in line 6"
    verdict = decided(text + "exists (1:r0 = 1 /\\ 2:r2 = 0)\n")
    assert told(verdict)[1] == "it needs only that CPU 1 reads 1 in line 5 and CPU 2 reads 0 in line 8"
    verdict = decided(text + "exists (1:r0 = 1 /\\ 1:r1 = 0 /\\ 2:r2 = 1)\n")
    said = "it needs only that CPU 1 reads 1 in line 5 and 0 in line 6, and CPU 2 reads 1 in line 8"
    assert told(verdict)[1] == said


def test_who_writes_last() -> None:
    text = "MM last\n{ int x; }\nP0 { WRITE_ONCE(x, 1); }\nP1 { WRITE_ONCE(x, 2); }\nexists (x = 1)\n"
    assert told(decided(text))[1] == "it needs only that line 3 of CPU 0 writes x last"


def test_what_always_happens() -> None:
    text = "MM always\n{ int x; }\nP0 { WRITE_ONCE(x, 1); }\nexists (x = 1)\n"
    assert told(decided(text)) == ("interleaving", "every run that ends gets here")


def test_a_counterexample_is_told_like_a_witness() -> None:
    verdict = decided(SB.replace("exists (0:r0 = 0 /\\ 1:r1 = 0)", "forall (0:r0 = 1 \\/ 1:r1 = 1)"))
    assert verdict.counter is not None and told(verdict)[0] == "reordered"
    lines = text(verdict).splitlines()
    assert lines[1] == "  a run in which it does not hold:"
    assert lines[2].startswith("  CPU 0: line 6 `r0 = READ_ONCE(y)` takes effect before line 4 ")


def test_a_run_that_hangs_has_no_such_line() -> None:
    text = "MM hang\n{ int x; }\nP0 { while (READ_ONCE(x) == 0) cpu_relax(); }\nexists (hang)\n"
    verdict = decided(text)
    assert verdict.witness is not None and verdict.witness.waits and verdict.witness.matter is None


def test_the_model_sc_reorders_nothing() -> None:
    verdict = decided(SB.replace("/\\", "\\/"), Options(model="sc"))
    assert told(verdict)[0] == "interleaving"


def test_long_statements_are_cut_off_and_long_sentences_go_on_below() -> None:
    name = "a_flag_with_a_name_that_says_all_that_there_is_to_say_about_it"
    verdict = decided(re.sub(r"\by\b", name, SB).replace("(x, 1)", f"(x, 1{' + 0' * 20})"))
    said = told(verdict)[1]
    assert f"`{f'r0 = READ_ONCE({name})'[:52]} ...` takes" in said
    assert said.endswith("`WRITE_ONCE(x, 1 + 0 + 0 + 0 + 0 + 0 + 0 + 0 + 0 + 0  ...`")
    lines = text(verdict).splitlines()
    assert all(len(line) <= LINE for line in lines[1:3]) and lines[2].startswith("    ")


@pytest.mark.slow
def test_json_and_graphs_have_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "sb.litmus"
    path.write_text(SB)
    assert main(["check", "--format", "json", str(path)]) == 0
    witness = json.loads(capsys.readouterr().out)["results"][0]["witness"]
    assert witness["matter"]["kind"] == "reordered"
    assert witness["matter"]["text"].startswith("CPU 0: line 6 ")
    assert [witness["steps"][n]["line"] for n in witness["matter"]["steps"]] == [4, 6, 9, 9, 11, 4]
    assert main(["check", "-q", "--dot", "-", str(path)]) == 0
    assert capsys.readouterr().out.count("style=bold") == 6


@pytest.mark.slow
def test_the_explorer_tells_it_too() -> None:
    assert told(decided(SB, Options(judge="explorer"))) == told(decided(SB))


def rows_with_marks(verdict: Verdict, matter: Matter) -> int:
    trace = verdict.witness
    assert trace is not None
    lines = story(verdict, trace._replace(matter=matter)).splitlines()
    return sum(line.startswith("*") for line in lines)


@pytest.mark.long
def test_reordered_are_those_that_sc_forbids() -> None:
    """Each witness of these folders has one kind. It is ``reordered`` exactly if its final state is none of
    the model sc. Each marked step is in the story."""
    count = 0
    kinds: set[str] = set()
    for task in share(discover([str(ROOT / "litmus" / name) for name in ("classic", "mmu")]), 3):
        for test in load_task(task, Options()):
            verdict = run(test, Options())
            if verdict.witness is None or verdict.witness.waits:
                continue
            count += 1
            matter = verdict.witness.matter
            assert matter is not None and matter.told(test.source.name), test.id
            kinds.add(matter.kind)
            sc = run(replace(test, expected=None, otherwise=()), Options(model="sc", states=True))
            assert sc.states is not None, test.id
            assert (matter.kind == "reordered") == (verdict.witness.state not in sc.states), test.id
            for step in matter.steps:
                assert rows_with_marks(verdict, matter._replace(steps=(step,))) == 1, test.id
    assert count > 35 and kinds == {"reordered", "stale", "interleaving"}


# -- which execution of a line ----------------------------------------------------------------------

TWO_CALLS = """MM t
{ int sum; }
struct info { int n; };
void h(void *p) { struct info *i = p; WRITE_ONCE(sum, sum + i->n); }
P0 {
    struct info in = { .n = 1 };
    smp_call_function_single(1, h, &in, 0);
    in.n = 10;
    smp_call_function_single(1, h, &in, 1);
}
P1 { }
exists (~sum = 11)
"""
ONE_LINE = """MM t
{ int a; int b; }
P0 { WRITE_ONCE(a, 1); WRITE_ONCE(a, 0); }
P1 { WRITE_ONCE(b, 1); WRITE_ONCE(b, 0); }
exists (ever (a = 1 /\\ b = 1))
"""
NMI_TOO = """MM t
{ int y; int seen; }
int look(void) { int old = READ_ONCE(y); WRITE_ONCE(y, old + 1); return old; }
P0 { }
P1 { look(); look(); }
nmi P1 { WRITE_ONCE(seen, look()); }
exists (y = 2 /\\ seen = 1)
"""
CALLBACKS = """MM t
{ int x; struct rcu_head a; struct rcu_head b; int y; }
void cb(struct rcu_head *p) { WRITE_ONCE(y, y * 10 + READ_ONCE(x)); }
P0 { call_rcu(&a, cb); WRITE_ONCE(x, 1); call_rcu(&b, cb); WRITE_ONCE(x, 2); }
exists (y = 2)
"""
IN_A_LOOP = """MM t
{ int x; int n; }
void tick(void *p) { WRITE_ONCE(n, READ_ONCE(x)); }
P0 {
    for (int i = 0; i < 2; i++) {
        smp_call_function_single(1, tick, NULL, 0);
        WRITE_ONCE(x, i + 1);
    }
}
P1 { }
unroll 3;
exists (n = 1)
"""
RETRIES = """MM t
{ int x; int n; }
P0 { WRITE_ONCE(x, 1); WRITE_ONCE(x, 2); WRITE_ONCE(x, 3); }
P1 {
    for (int i = 0; i < 2; i++) {
        int seen = READ_ONCE(x);
        if (seen == 2)
            n = n + 1;
    }
}
unroll 3;
exists (n = 2)
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TWO_CALLS, ["line 4 (in the h() that line 7 sends)"]),
        (ONE_LINE, ["line 3 `WRITE_ONCE(a, 1)` of CPU 0", "line 4 `WRITE_ONCE(b, 0)` of CPU 1"]),
        (NMI_TOO, ["line 3 (in P1, the second time)", "line 3 (in the NMI)"]),
        (CALLBACKS, ["(in the cb() that line 4 `call_rcu(&b, cb)` queues)"]),
        (IN_A_LOOP, ["in line 3 (in the tick() that line 6 sends the second time)"]),
        (RETRIES, ["n = 1 in line 8 (the second time)"]),
    ],
)
def test_a_line_that_is_executed_more_than_once(text: str, words: list[str]) -> None:
    said = told(decided(text))[1]
    assert all(one in said for one in words), said


def test_a_line_that_is_executed_once_has_no_more_words() -> None:
    assert "(" not in told(decided(SB))[1].replace("(x, 1)", "").replace("(y)", "")
    one = RETRIES.replace("i < 2", "i < 1").replace("n = 2", "n = 1")
    assert told(decided(one))[1].endswith("in line 6")


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize(
    ("guarded", "handler"),
    [
        ("if (READ_ONCE(x))\nr1 = READ_ONCE(y);", ""),
        ("if (READ_ONCE(x))\nif (!READ_ONCE(z))\nr1 = READ_ONCE(y);", ""),
        ("r0 = READ_ONCE(x); while (r0 == 1) {\nr1 = READ_ONCE(y); r0 = 2; }", ""),
        ("if (READ_ONCE(x))\nsmp_call_function_single(0, f, NULL, 1);", "\nr1 = READ_ONCE(y);"),
    ],
)
def test_who_reads_something_has_come_there(guarded: str, handler: str, judge: str) -> None:
    """What a read rests on is not told beside it."""
    text = (
        "MM t\n{ int x = 1; int y; int z; int w; }\n"
        f"void f(void *i) {{ int r1;{handler}\n{'w = r1;' if handler else ''} }}\n"
        "P0 { WRITE_ONCE(y, 1); }\n"
        f"P1 {{ {guarded} }}\nP2 {{ WRITE_ONCE(x, 0); }}\nP3 {{ WRITE_ONCE(z, 1); }}\n"
        f"exists ({'w = 1' if handler else '1:r1 = 1'})\n"
    )
    line = 1 + text[: text.index("r1 = READ_ONCE(y)")].count("\n")
    kind, said = told(decided(text, Options(judge=judge)))
    who = "CPU 0" if handler else "CPU 1"
    assert (kind, said) == ("interleaving", f"it needs only that {who} reads 1 in line {line}")
