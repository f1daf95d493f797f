"""What keeps a run from hanging: parts of an audit, and reasons of a condition that asks for hangs."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

import verifier
from verifier.budget import Budget
from verifier.lower.build import lower
from verifier.lower.optional import OptionalPart, given, optional
from verifier.program.profiles import GENERIC
from verifier.solve import decide
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.suite.shorten import short_program
from verifier.syntax import load
from verifier.syntax.test import Test
from verifier.why.answers import Audit, where

ROOT = Path(__file__).resolve().parents[3]
WAKE = """MM wake
{{ int request; int sleeping; int woken; }}
P0 {{
    WRITE_ONCE(request, 1);
    [!B0] smp_mb();
    if (READ_ONCE(sleeping))
        WRITE_ONCE(woken, 1);
}}
P1 {{
    WRITE_ONCE(sleeping, 1);
    [!B1] smp_mb();
    if (!READ_ONCE(request))
        while (!READ_ONCE(woken))
            cpu_relax();
}}
variants {{ F never; B0 never hangs; B1 never hangs; }}
exists ({condition})
"""


WAKER = """MM waker
{{ int request; int sleeping; int woken; int other; }}
P0 {{
    {first}
    {then}
    if (READ_ONCE(sleeping))
        WRITE_ONCE(woken, 1);
}}
P1 {{
    WRITE_ONCE(sleeping, 1);
    smp_mb();
    if (!READ_ONCE(request))
        while (!READ_ONCE(woken))
            cpu_relax();
}}
exists (request = 5)
"""


def audited(text: str, variant: str | None = None) -> Audit:
    test = next(t for t in load(Source("t.litmus", text)) if t.variant == variant)
    return verifier.audit(test)


def test_a_barrier_that_keeps_from_hanging_is_not_redundant() -> None:
    found = audited(WAKE.format(condition="request = 5"), "F")
    assert [(f.text, f.need) for f in found.findings] == [("smp_mb()", "else it may hang")] * 2
    for f in found.findings:
        assert f.run is not None and f.run.waits and f.run.waits[0].cpu == 1
    assert not found.gap


def test_where_a_run_hangs_anyway_a_part_keeps_nobody_from_it() -> None:
    found = audited(WAKE.format(condition="request = 5"), "B0")
    assert [f.need for f in found.findings] == ["redundant"]
    assert "by all memory and locals." in str(found), "it says nothing of hangs"


def needed_if(found: Audit) -> set[tuple[str, str]]:
    """Which parts are needed if which others are missing."""
    return {
        (f"{f.kind}, {f.where('t.litmus')}", f"{p.kind}, {where(p, 't.litmus')}")
        for f in found.findings
        for p in f.joint
    }


def both_ways(*pairs: tuple[str, str]) -> set[tuple[str, str]]:
    return {two for a, b in pairs for two in ((a, b), (b, a))}


def test_of_two_parts_that_keep_from_hanging_one_is_enough() -> None:
    """The sleeper hangs if the waker has neither: its rows say so, though the condition asks for no hang."""
    found = audited(WAKER.format(first="xchg(&request, 1);", then="smp_mb();"))
    assert needed_if(found) == both_ways(("LOCK, line 4", "barrier, line 5"))
    needs = {f.span.line: f.need for f in found.findings}
    assert needs == {4: "redundant", 5: "redundant", 11: "else it may hang"}
    assert not found.together


def test_of_three_parts_that_keep_from_hanging_one_is_enough() -> None:
    found = audited(WAKER.format(first="xchg(&request, 1);", then="smp_mb(); atomic_inc(&other);"))
    assert not needed_if(found)
    assert [p.text for p in found.together] == ["xchg(&request, 1)", "smp_mb()", "atomic_inc(&other)"]
    assert "One of these is needed" in str(found)


def test_where_a_run_hangs_anyway_no_two_parts_keep_anybody_from_it() -> None:
    """P1 waits for ever where it finds no request, whatever P0 has: nobody writes woken."""
    text = WAKER.format(first="xchg(&request, 1);", then="smp_mb();").replace("READ_ONCE(sleeping)", "0")
    assert not needed_if(audited(text))


HANDLER = """MM handler
{ spinlock_t l; int x; }
void h(void *i) { spin_lock(&l); WRITE_ONCE(x, 2); spin_unlock(&l); }
P0 { smp_call_function_single(1, h, NULL, 0); }
P1 {
    local_irq_disable();
    spin_lock_irq(&l);
    WRITE_ONCE(x, 1);
    spin_unlock_irq(&l);
}
exists (x = 0)
"""


def test_of_two_regions_that_keep_a_handler_out_one_is_enough() -> None:
    told = both_ways(("IRQ-off region, line 6", "IRQ-off region, line 7"))
    assert needed_if(audited(HANDLER)) == told


CALLED = """MM called
{ int x; int y; int never; }
void f(void *i) { WRITE_ONCE(x, 1); }
P0 {
    smp_call_function_single(2, f, NULL, 0);
    if (READ_ONCE(y))
        while (!READ_ONCE(never))
            cpu_relax();
}
P1 { smp_call_function_single(2, f, NULL, 0); }
P2 { while (!READ_ONCE(x)) cpu_relax(); WRITE_ONCE(y, MORE); }
exists (x = 0)
"""


@pytest.mark.parametrize("more", ["0", "1"])
def test_of_two_ipis_without_which_no_run_ends_one_is_enough(more: str) -> None:
    """Whether or not a run hangs with both of them."""
    found = audited(CALLED.replace("MORE", more))
    assert found.verdict.hangs is (more == "1")
    assert needed_if(found) == both_ways(("IPI, line 5", "IPI, line 10"))


@pytest.mark.parametrize("condition", ["1:hang", "hang", "1:hang /\\ woken = 0"])
def test_a_condition_that_asks_for_hangs(condition: str) -> None:
    """B0 and B1 are F without a barrier, and their verdicts say the same as the audit of F."""
    text = WAKE.format(condition=condition).replace("never hangs", "sometimes")
    verdicts = {
        t.variant: run(t, Options(witnesses=False)).observation for t in load(Source("t.litmus", text))
    }
    assert verdicts == {"F": "never", "B0": "sometimes", "B1": "sometimes"}
    assert [f.need for f in audited(text, "F").findings] == ["needed", "needed"]
    test = next(t for t in load(Source("t.litmus", text)) if t.variant == "F")
    found = verifier.explain(test)
    assert [[p.text for p in r.parts] for r in found.reasons] == [["smp_mb()", "smp_mb()"]]
    assert found.reasons[0].cycles and found.complete


def test_a_wait_is_given_where_hangs_are_asked_for() -> None:
    """Without the lock nobody would wait for it: that is no reason why nobody hangs."""
    text = """MM t
    { spinlock_t l; int x; }
    P0 { spin_lock(&l); WRITE_ONCE(x, 1); spin_unlock(&l); }
    P1 { spin_lock(&l); WRITE_ONCE(x, 2); spin_unlock(&l); }
    exists (hang)
    """
    (test,) = load(Source("t.litmus", text))
    found = verifier.explain(test)
    assert found.reasons and not any(p.kind == "lock" for r in found.reasons for p in r.parts)


HALT = """MM t
{ int need; }
void h(void *i) { }
P0 {
    local_irq_disable();
    if (!READ_ONCE(need))
        safe_halt();
    local_irq_enable();
}
P1 {
    WRITE_ONCE(need, 1);
    smp_call_function_single(0, h, NULL, 0);
}
exists (0:hang)
"""


def test_what_is_taken_as_given_is_named_as_the_audit_says() -> None:
    (test,) = load(Source("t.litmus", HALT))
    assert ("IRQ-off region", "needed") in [(f.kind, f.need) for f in verifier.audit(test).findings]
    found = verifier.explain(test)
    assert found.summary.endswith(
        "and on what is taken as given where a condition asks for a hang: the IRQ-off region of "
        "local_irq_disable() (line 5)"
    )
    said = [link.why for cycle in found.reasons[0].cycles for link in cycle.links]
    assert "the interrupt needs interrupts on, which line 5 turns off [8.3]" in said
    assert "it turns interrupts on, which the interrupt needs [8.3]" in said


def test_what_is_taken_as_given_may_not_be_needed() -> None:
    (test,) = load(Source("t.litmus", HALT.replace("local_irq_disable();\n    if", "if").replace(
        "safe_halt();", "spin_lock(&l);").replace("int need;", "int need; spinlock_t l;")))  # fmt: skip
    assert verifier.explain(test).summary.endswith("of which no part is needed alone")


FILES = sorted((ROOT / "litmus" / "hangs").glob("*.litmus"))


def hangs_without(test: Test, *absent: OptionalPart) -> bool:
    """Does a run hang without these parts, as the ordinary way of deciding says it?"""
    code, parts = optional(lower(test, Budget()))
    code = given(code, {p.name for p in parts} - {p.name for p in absent})
    _, program = short_program(test, code, GENERIC, None, Budget())
    return bool(decide(program, witnesses=False).hangs)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_what_keeps_from_hanging_as_the_ordinary_way_says(path: object) -> None:
    """Of each test in which nothing hangs: the program without a part, or without two, decided by itself."""
    for test in verifier.load(str(path)):
        found = verifier.audit(test, timeout=60)
        hangs = found.verdict.hangs is not False
        spare = []
        for f in found.findings:
            if f.part is None or f.need not in ("redundant", "unneeded here", "else it may hang"):
                continue
            assert (f.need == "else it may hang") is (not hangs and hangs_without(test, f.part)), f.text
            if f.need != "else it may hang":
                spare.append((f, f.part))
        for (f, p), (_, q) in combinations(spare, 2):
            if not hangs and hangs_without(test, p, q):
                assert q in f.joint, f"{f.text}, {q.text}"


@pytest.mark.slow
def test_a_hang_is_repaired_by_a_barrier(tmp_path: Path) -> None:
    text = WAKE.format(condition="1:hang").replace("never hangs", "sometimes")
    for variant, line in (("B0", 4), ("B1", 10)):
        test = next(t for t in load(Source("t.litmus", text)) if t.variant == variant)
        found = verifier.repair(test)
        said = [change for repair in found.found for change in repair.changes]
        assert any(f"insert smp_mb() between lines {line} " in one for one in said), said
