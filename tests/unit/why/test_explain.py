"""What ``explain`` and ``audit`` say: of cases whose answers are known, and that each answer holds."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import verifier
from tests.effort import share
from verifier.budget import Budget
from verifier.cli import main
from verifier.model import model
from verifier.program.profiles import GENERIC
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.syntax.test import Test
from verifier.why.answers import Audit, Explanation, Finding
from verifier.why.audit import audit
from verifier.why.cycles import shortest
from verifier.why.engine import Engine
from verifier.why.explain import explain

LITMUS = Path(__file__).parents[3] / "litmus"
FLUSH = "linux/switch_mm-vs-flush.litmus"


def variant(file: str, name: str | None) -> Test:
    return next(t for t in verifier.load(LITMUS / file) if t.variant == name)


def explained(file: str, name: str | None = None) -> Explanation:
    return verifier.explain(variant(file, name))


def audited(file: str, name: str | None = None) -> dict[tuple[str, str], Finding]:
    """The findings by the kind of a part and the name of its word."""
    found = verifier.audit(variant(file, name)).findings
    return {(f.kind, f.text.partition("(")[0]): f for f in found}


def of_text(text: str) -> tuple[Explanation, Audit]:
    (test,) = load(Source("here", text))
    verdict, machine = run(test, Options()), model(GENERIC)
    return explain(verdict, machine, Budget(20)), audit(verdict, machine, Budget(20))


@pytest.mark.slow
def test_the_comment_of_switch_mm() -> None:
    """The barrier, the LOCK'd mask bit and the flush; or the load of CR3 in place of the LOCK."""
    x = explained(FLUSH, "F")
    kinds = [{(p.kind, p.text.partition("(")[0]) for p in r.parts} for r in x.reasons]
    rest = {("barrier", "smp_mb"), ("flush", "flush_tlb_local")}
    assert kinds == [rest | {("LOCK", "cpumask_set_cpu")}, rest | {("serialization", "load_cr3")}]
    assert x.complete and not x.gap
    assert all(len(r.cycles) == 2 and not r.gap for r in x.reasons)
    assert [c.text for c in x.comments] == [
        "/* Pairs with the LOCK of cpumask_set_cpu() (line 33). */", "/* Pairs with smp_mb() (line 22). */",
    ]  # fmt: skip


@pytest.mark.slow
def test_needed_jointly() -> None:
    found = audited(FLUSH, "F")
    lock, serial = found["LOCK", "cpumask_set_cpu"], found["serialization", "load_cr3"]
    assert lock.need == serial.need == "redundant"
    assert lock.joint == (serial.part,) and serial.joint == (lock.part,)
    barrier = found["barrier", "smp_mb"]
    assert barrier.need == "needed" and barrier.run is not None and not barrier.joint


@pytest.mark.slow
def test_what_no_run_reaches() -> None:
    """It is not redundant: the test says nothing about it."""
    _, found = of_text(
        "MM t\n{ int x; int y; int z; }\n"
        "P0 { WRITE_ONCE(x, 1); smp_mb(); r0 = READ_ONCE(y);\n"
        "  if (READ_ONCE(z)) { smp_mb(); atomic_inc(&z); }\n  smp_mb(); }\n"
        "P1 { WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x);\n  if (r0) smp_mb(); }\n"
        "exists (0:r0 = 0 /\\ 1:r0 = 0)\n"
    )
    said = [(f.span.line, f.kind, f.need) for f in found.findings]
    assert said == [
        (3, "barrier", "needed"),
        (4, "barrier", "never reached"),
        (4, "LOCK", "never reached"),
        (5, "barrier", "not asked here"),
        (6, "barrier", "needed"),
        (7, "barrier", "not asked here"),
    ]
    assert "Never reached: no run executes it" in str(found)


@pytest.mark.long
def test_mmdrop_is_the_barrier_unless_there_is_another() -> None:
    file = "linux/membarrier/curr-then-user.litmus"
    drop = "LOCK", "atomic_dec_and_test"
    assert audited(file, "F")[drop].need == "needed"
    assert audited(file, "V5")[drop].need == "never reached"


@pytest.mark.slow
def test_softirqs_off_are_part_of_a_reason() -> None:
    """A word that also makes a reader, or takes a lock, is a part for each. An inner window is not needed."""
    file = "rcu/18.3-softirqs.litmus"
    for name, word in (("BH", "local_bh_disable"), ("LOCK", "spin_lock_bh")):
        (reason,) = explained(file, name).reasons
        assert [(p.kind, p.text.partition("(")[0]) for p in reason.parts] == [("softirq-off region", word)]
        assert audited(file, name)["softirq-off region", word].need == "needed"
    found = audited(file, "TWICE")
    assert found["softirq-off region", "local_bh_disable"].need == "needed"
    assert found["softirq-off region", "rcu_read_lock_bh"].need == "redundant"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("P0 { apic_send_nmi(1, f); } P1 { cli(); }", ", as the NMI of line 4 strikes in every run [12.1]"),
        ("P0 { call_rcu(&r, f); }", ", as the callback of line 4 runs in every run [18.3]"),
        ("P0 { on_each_cpu(f, NULL, 1); }", ""),
        ("P0 { smp_call_function_single(1, f, NULL, 0); } P1 { }",
         ", as the interrupt of line 4 is handled in every run [8.3]"),
        ("P0 { apic_icr_write(1, g); } P1 { }",
         ", as the interrupt of line 4 is handled in every run [8.3] "
         "and the interrupt of line 3 is handled in every run [8.3]"),
        ("P0 { x = 1; } P1 { smp_call_function_single(0, h, NULL, 0); }", ""),
    ],
)  # fmt: skip
def test_what_comes_in_every_run_is_named(code: str, said: str) -> None:
    """No cycle shows it: the outcome is one of runs in which something that is sent does not come."""
    code = code.replace("cli", "local_irq_disable")
    handlers = "void f(void *i) { x = 1; }\nvoid h(void *i) { }  void g(void *i) { apic_icr_write(1, f); }"
    (test,) = load(Source("t", f"MM t\n{{ int x; int r; }} {handlers}\n{code}\nexists (x = 0)"))
    told = " ".join(str(verifier.explain(test)).split())
    assert f"No cycle is needed{said}: without an order, the values alone exclude it." in told


def test_what_is_ordered_anyhow_is_not_said_to_be_values() -> None:
    """A window with interrupts off: on no cycle, but an interrupt is before it or after it."""
    (reason,) = explained("locks/local-lock.litmus", "IRQ").reasons
    assert reason.excluded is not None and reason.excluded.ordered and not reason.cycles


def test_a_window_of_softirqs_that_does_not_end_is_a_part() -> None:
    found = audited("hangs/callback-and-lock.litmus", "V2")
    assert ("softirq-off region", "local_bh_disable") in found


def test_a_window_is_part_of_a_reason() -> None:
    """It is on no cycle: it leaves no other runs than those that close one."""
    x = explained("linux/gup-fast/table-free.litmus", "F")
    (reason,) = x.reasons
    assert {p.kind for p in reason.parts} == {"wait", "IRQ-off region"}
    assert "is on no cycle" in str(x)


def test_a_lock_is_part_of_a_reason() -> None:
    text = """MM two
    { spinlock_t l; int x; int y; }
    P0 { spin_lock(&l); WRITE_ONCE(x, 1); WRITE_ONCE(x, 2); spin_unlock(&l); }
    P1 { spin_lock(&l); r0 = READ_ONCE(x); spin_unlock(&l); }
    exists (1:r0 = 1)
    """
    x, found = of_text(text)
    assert any(p.kind == "lock" for r in x.reasons for p in r.parts)
    assert [f.need for f in found.findings if f.kind == "lock"] == ["needed", "needed"]


def test_what_is_for_the_compiler_only() -> None:
    text = """MM wmb
    { int x; int y; }
    P0 { WRITE_ONCE(x, 1); smp_wmb(); WRITE_ONCE(y, 1); }
    P1 { r0 = READ_ONCE(y); smp_rmb(); r1 = READ_ONCE(x); }
    exists (1:r0 = 1 /\\\\ 1:r1 = 0)
    """.replace("\\\\", "\\")
    x, found = of_text(text)
    assert [f.need for f in found.findings] == ["for the compiler only"] * 2
    (reason,) = x.reasons
    assert not reason.parts and len(reason.cycles) == 1
    steps = [link.step.text for link in reason.cycles[0].links]
    assert steps == ["WRITE_ONCE(x, 1)", "WRITE_ONCE(y, 1)", "r0 = READ_ONCE(y)", "r1 = READ_ONCE(x)"]


def test_what_happens_is_told_and_not_audited() -> None:
    x = explained("classic/SB.litmus")
    assert not x.reasons and x.verdict.observation == "sometimes"
    assert "the outcome is possible" in verifier.audit(variant("classic/SB.litmus", None)).gap


def test_what_always_holds_is_explained() -> None:
    """The outcome of ``forall`` that must not happen is that the condition fails."""
    text = """MM always
    { int x; int y; }
    P0 { WRITE_ONCE(x, 1); smp_mb(); r0 = READ_ONCE(y); }
    P1 { WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }
    forall (0:r0 = 1 \\/ 1:r0 = 1)
    """
    x, found = of_text(text)
    assert x.summary.startswith("always: it rests on smp_mb() (line 3) and smp_mb() (line 4)")
    assert [f.need for f in found.findings] == ["needed", "needed"]


def test_no_time_is_said() -> None:
    test = variant(FLUSH, "F")
    verdict, machine = run(test, Options()), model(GENERIC)
    assert "timeout" in explain(verdict, machine, Budget(0.001)).gap
    assert "timeout" in audit(verdict, machine, Budget(0.001)).gap


@pytest.mark.slow
@pytest.mark.parametrize("command", ["explain", "audit"])
def test_the_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = f"{LITMUS / FLUSH}::F"
    assert main([command, path]) == 0
    text = capsys.readouterr().out
    assert "smp_mb()" in text and "line 22" in text
    assert main([command, path, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads((LITMUS.parent / "docs" / "results.schema.json").read_text()))
    (result,) = found["results"]
    assert result[{"explain": "explanation", "audit": "audit"}[command]]["gap"] == ""


def test_shortest_cycles() -> None:
    edges = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 0), (4, 5), (5, 4), (6, 0)]
    assert shortest(edges, 4) == [[4, 5], [0, 1, 2]]
    assert shortest([(0, 1), (1, 2)], 4) == []


@pytest.mark.long
@pytest.mark.parametrize("folder", ["mmu", "locks", "linux/mmu-gather"])
def test_everything_impossible_is_explained(folder: str) -> None:
    """A reason has cycles, unless values alone exclude the outcome; all is found in time."""
    with_cycles = 0
    for path in share(sorted((LITMUS / folder).glob("*.litmus")), 3):
        for test in verifier.load(path):
            x = verifier.explain(test, reasons=2)
            given = "followed to its bound only" in x.gap  # where parts of its turns are optional
            assert (given or not x.gap) and not any(r.gap for r in x.reasons), test.id
            assert bool(x.reasons) == (x.verdict.observation == "never"), test.id
            assert all(set(c.parts) <= set(r.parts) for r in x.reasons for c in r.cycles), test.id
            with_cycles += any(r.cycles for r in x.reasons)
    assert with_cycles > 1


TURNS = """MM t
{ int x; int y; }
P0 {
    for (int i = 0; i < 2; i++)
        atomic_inc(&x);
    r0 = READ_ONCE(y);
}
P1 {
    WRITE_ONCE(y, 1);
    smp_mb();
    r0 = atomic_read(&x);
}
unroll 3;
exists (0:r0 = 0 /\\ 1:r0 = 1)
"""


def test_a_cycle_says_which_execution_of_a_line_it_is_about() -> None:
    found, _ = of_text(TURNS)
    links = [link for reason in found.reasons for c in reason.cycles for link in c.links]
    notes = [link.step.note for link in links]
    assert any("the second time" in note for note in notes), notes


def test_a_cycle_tells_two_stores_of_a_line_apart() -> None:
    text = """MM t
    { int x; int y; }
    P0 { WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); }
    P1 { r0 = READ_ONCE(y); r1 = READ_ONCE(x); }
    exists (1:r0 = 1 /\\ 1:r1 = 0)
    """
    found, _ = of_text(text)
    whys = [link.why for reason in found.reasons for c in reason.cycles for link in c.links]
    assert "line 3 `WRITE_ONCE(x, 1)` overwrites what it found, with 1" in whys
    assert "line 4 `r0 = READ_ONCE(y)` reads it [1.1]" in whys


SHOOTDOWN = """MM t
{ page A = 1; page B = 2; mm N { v -> A }; 0..1:cr3 = N; 0..1:pcid = 5; int late; }
void fl(void *i) { invlpg(v); }
P0 {
    set_pte(pte(N, v), B);
    smp_mb();
%s
}
P1 { %s }
exists (%s)
"""
TLB = "1:tlb[v -> A]"


def needs(sends: str, reads: str = "", condition: str = TLB) -> dict[str, str]:
    """What the audit says of each part, by its kind and its line."""
    _, found = of_text(SHOOTDOWN % (sends, reads, condition))
    return {f"{f.kind} {f.span.line}": f.need for f in found.findings}


@pytest.mark.parametrize(
    ("sends", "part"),
    [
        ("invlpgb(5, v);\ntlbsync();", "wait 8"),
        ("on_each_cpu(fl, NULL, 1);", "wait 7"),
        ("smp_call_function_single(1, fl, NULL, 1);", "wait 7"),
        ("on_each_cpu(fl, NULL, 1);\nsynchronize_rcu();", "grace period 8"),
        ("on_each_cpu(fl, NULL, 1);\nsmp_mb();", "barrier 8"),
    ],
)
def test_a_wait_behind_which_nothing_comes_is_not_asked(sends: str, part: str) -> None:
    assert needs(sends)[part] == "not asked here"


@pytest.mark.slow
@pytest.mark.parametrize("wait", ["on_each_cpu(fl, NULL, 1);", "invlpgb(5, v); tlbsync();"])
def test_a_wait_behind_which_something_comes_is_asked(wait: str) -> None:
    late, reads = f"{wait} WRITE_ONCE(late, 1);", "r0 = READ_ONCE(late); r1 = *v;"
    assert needs(late, reads, "1:r0 = 1 /\\ 1:r1 = 1")["wait 7"] == "needed"
    assert needs(late, "", TLB)["wait 7"] == "redundant"


def test_a_wait_in_a_loop_is_asked() -> None:
    loop = "for (int i = 0; i < 2; i++) {\n smp_call_function_single(1, fl, NULL, 1);\n late = i; }"
    _, found = of_text(SHOOTDOWN % (loop, "", TLB))
    assert [f.need for f in found.findings if f.kind == "wait"] == ["redundant"]


def test_nothing_to_switch_off_is_said() -> None:
    _, found = of_text("MM t\n{ int x; }\nP0 { WRITE_ONCE(x, 1); }\nexists (x = 2)\n")
    assert not found.findings and "There is nothing here to switch off" in str(found)


POLLS = """MM polls
{ int x; int y; spinlock_t l; }
P0 { do { spin_lock(&l); r0 = x; r1 = y; spin_unlock(&l); } while (!r0); }
P1 { spin_lock(&l); y = 1; x = 1; spin_unlock(&l); WRITE_ONCE(x, 2); smp_mb(); r0 = READ_ONCE(y); }
exists (0:r1 = 0)
"""


def test_locks_of_turns_that_are_left_out_are_taken_as_given() -> None:
    """Without one of them the loop would be followed to its bound only."""
    _, found = of_text(POLLS)
    assert (
        found.gap == "locks and LOCK prefixes are taken as given (else a loop is followed to its bound only)"
    )
    assert {f.kind: f.need for f in found.findings} == {"barrier": "redundant"}


def test_what_a_loop_hides_behind_its_bound_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part without which a run is cut: what comes behind may have the outcome."""
    monkeypatch.setattr(Engine, "cut", lambda self, present, absent=(): bool(list(absent)))
    _, found = of_text(POLLS)
    needs = [f.need for f in found.findings]
    assert "not known" in needs and "redundant" not in needs


CALLED = """MM called
{ int x; int freed; }
void f(void *i) { WRITE_ONCE(freed, 1); }
P0 { WRITE_ONCE(x, 1); call_rcu(NULL, f); }
P1 { rcu_read_lock(); r0 = READ_ONCE(x); r1 = READ_ONCE(freed); rcu_read_unlock(); }
exists (1:r0 = 0 /\\ 1:r1 = 1)
"""
AGED = """MM aged
{ page A = 1; page G = 66; table T { v -> A }; mm N { v -> T }; 0..1:cr3 = N; }
void flush(void *info) { flush_tlb_local(); }
P0 { pmd_clear(pmd(N, v)); on_each_cpu(flush, NULL, 1); set_pte(pte(T, v), G); }
P1 { }
exists (1:tlb[v -> G])
"""


def test_a_callback_is_no_interrupt_and_its_grace_period_is_named() -> None:
    x, _ = of_text(CALLED)
    text = str(x)
    assert "callback: f" in text and "interrupt" not in text
    assert "and on the grace period of call_rcu() (line 4), which is taken as given" in x.summary
    assert [c.case for r in x.reasons for c in r.cycles] == [
        "the reader of line 5 begins after the grace period has started",
        "the reader of line 5 ends before the grace period does",
    ]


def test_the_places_of_callbacks_and_nmis_have_words_of_their_own() -> None:
    """An order between a body and what it came into."""
    calls = "P0 { WRITE_ONCE(x, 1); call_rcu(NULL, f); r0 = READ_ONCE(y); r1 = READ_ONCE(x); }"
    text = f"""MM m
    {{ int x; int y; }}
    void f(void *i) {{ WRITE_ONCE(y, 1); smp_mb(); WRITE_ONCE(x, 2); }}
    {calls}
    exists (0:r0 = 0 /\\ 0:r1 = 2 /\\ [y] = 0)
    """
    assert "interrupt" not in str(of_text(text)[0])


def test_a_cycle_says_whether_its_walk_is_older_than_the_flush() -> None:
    (reason,) = of_text(AGED)[0].reasons
    assert [c.heading for c in reason.cycles] == [
        "if the page walk for v ends before flush_tlb_local() (line 3)",
        "if the page walk for v ends after flush_tlb_local() (line 3)",
    ]
    assert "[17.1]" not in str(reason.cycles)


def test_only_the_only_cycle_is_about_each_run() -> None:
    """Where there are several, each is about some of the runs."""
    (reason, *_) = explained(FLUSH, "F").reasons
    assert [c.heading for c in reason.cycles] == [
        "if the interrupt of line 26 is sent", "if CPU 0 finds 0 in mm_cpumask(N)[1] (line 24)",
    ]  # fmt: skip
    (reason,) = explained("linux/gup-fast/table-free.litmus", "F").reasons
    assert [c.heading for c in reason.cycles] == ["in each of these runs"]


TWO_WAYS = """MM explain-case
{ int x; int y; int d; }
P0 { WRITE_ONCE(d, 1); WRITE_ONCE(x, 1); smp_mb(); r0 = READ_ONCE(y); }
P1 { WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); r1 = READ_ONCE(d); }
exists (0:r0 = 0 /\\ 1:r0 = 0 \\/ 1:r0 = 1 /\\ 1:r1 = 0)
"""


def test_cycles_are_about_the_runs_that_the_parts_exclude() -> None:
    """Message passing is excluded without the barriers, and by another cycle."""
    told, _ = of_text(TWO_WAYS)
    text = str(told)
    assert "Each run with this outcome that x86 allows without these parts would have to close this" in text
    assert "A run with this outcome would" not in text
    (reason,) = told.reasons
    assert reason.others is not None
    assert [[link.step.text for link in c.links] for c in reason.others] == [
        ["WRITE_ONCE(d, 1)", "WRITE_ONCE(x, 1)", "r0 = READ_ONCE(x)", "r1 = READ_ONCE(d)"]
    ]
    assert "They would close this cycle:" in text


def test_where_all_runs_close_the_cycles_nothing_is_said_of_others() -> None:
    told, _ = of_text(TWO_WAYS.replace(" \\/ 1:r0 = 1 /\\ 1:r1 = 0", ""))
    assert "A run with this outcome would have to close this cycle:" in str(told)
    assert "x86 excludes the other" not in str(told)


HELD = """MM held
{{ int x; int y; spinlock_t l; }}
void f(void *i) {{ WRITE_ONCE(x, 1); }}
P0 {{
  {0}
  while (!READ_ONCE(x)) {{ {1} cpu_relax(); {0} }}
  {1}
  {between}
  r1 = READ_ONCE(y);
}}
P1 {{
  {store}
  {waits}
  {last}
}}
{final}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begins", "ends", "waits"),
    [
        ("rcu_read_lock();", "rcu_read_unlock();", "synchronize_rcu();"),
        ("preempt_disable();", "preempt_enable();", "synchronize_rcu();"),
        ("local_irq_disable();", "local_irq_enable();", "smp_mb();"),
    ],
)
def test_where_loops_have_bounds_nothing_unneeded_is_named(begins: str, ends: str, waits: str) -> None:
    """Without any part, the loop needs none, and the order of stores is enough."""
    text = HELD.format(begins, ends, between="", store="WRITE_ONCE(y, 1);", waits=waits,
                       last="WRITE_ONCE(x, 1);", final="exists (0:r1 = 0)")  # fmt: skip
    x, _ = of_text(text)
    assert [r.parts for r in x.reasons] == [()] and x.complete and not x.gap
    assert x.reasons[0].cycles


@pytest.mark.slow
def test_where_loops_have_bounds_what_is_needed_is_named() -> None:
    sides = [f"WRITE_ONCE({a}, 1);\nsmp_mb();\nr2 = READ_ONCE({b});" for a, b in ("yz", "zy")]
    text = HELD.format("rcu_read_lock();", "rcu_read_unlock();", between=sides[0], store="",
                       waits="synchronize_rcu();", last=f"WRITE_ONCE(x, 1); {sides[1]}",
                       final="exists (0:r2 = 0 /\\ 1:r2 = 0)").replace("int y;", "int y; int z;")  # fmt: skip
    x, _ = of_text(text)
    (reason,) = x.reasons
    assert [(p.kind, p.cpus) for p in reason.parts] == [("barrier", {0}), ("barrier", {1})]
    assert not x.gap and "it rests on smp_mb()" in x.summary


@pytest.mark.slow
def test_what_may_not_be_needed_is_said() -> None:
    """Without it, a loop is followed to its bound only: it is named with that."""
    text = HELD.format("spin_lock_irq(&l);", "spin_unlock_irq(&l);", between="", store="WRITE_ONCE(y, 1);",
                       waits="smp_call_function_single(0, f, NULL, 1);", last="",
                       final="exists (0:r1 = 0)")  # fmt: skip
    x, _ = of_text(text)
    assert "it rests on at most the IRQ-off region of spin_lock_irq()" in x.summary and not x.complete
    assert "is needed is not known: without it a loop is followed to its bound only" in x.gap
