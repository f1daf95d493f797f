"""What keeps a run from hanging: parts of an audit, and reasons of a condition that asks for hangs."""

from __future__ import annotations

from pathlib import Path

import pytest

import verifier
from verifier.budget import Budget
from verifier.lower.build import lower
from verifier.lower.optional import given, optional
from verifier.program.profiles import GENERIC
from verifier.solve import decide
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.suite.shorten import short_program
from verifier.syntax import load
from verifier.why.answers import Audit

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


def audited(text: str, variant: str = "F") -> Audit:
    test = next(t for t in load(Source("t.litmus", text)) if t.variant == variant)
    return verifier.audit(test)


def test_a_barrier_that_keeps_from_hanging_is_not_redundant() -> None:
    found = audited(WAKE.format(condition="request = 5"))
    assert [(f.text, f.need) for f in found.findings] == [("smp_mb()", "else it may hang")] * 2
    for f in found.findings:
        assert f.run is not None and f.run.waits and f.run.waits[0].cpu == 1
    assert not found.gap


def test_where_a_run_hangs_anyway_a_part_keeps_nobody_from_it() -> None:
    found = audited(WAKE.format(condition="request = 5"), "B0")
    assert [f.need for f in found.findings] == ["redundant"]
    assert "by all memory and locals." in str(found), "it says nothing of hangs"


@pytest.mark.parametrize("condition", ["1:hang", "hang", "1:hang /\\ woken = 0"])
def test_a_condition_that_asks_for_hangs(condition: str) -> None:
    """B0 and B1 are F without a barrier, and their verdicts say the same as the audit of F."""
    text = WAKE.format(condition=condition).replace("never hangs", "sometimes")
    verdicts = {
        t.variant: run(t, Options(witnesses=False)).observation for t in load(Source("t.litmus", text))
    }
    assert verdicts == {"F": "never", "B0": "sometimes", "B1": "sometimes"}
    assert [f.need for f in audited(text).findings] == ["needed", "needed"]
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


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_what_keeps_from_hanging_as_the_ordinary_way_says(path: object) -> None:
    """Of each test in which nothing hangs: the program without the part, decided by itself."""
    for test in verifier.load(str(path)):
        found = verifier.audit(test, timeout=60)
        parts = {f.part.name for f in found.findings if f.part is not None}
        code, _ = optional(lower(test, Budget()))
        for f in found.findings:
            if f.part is None or f.need not in ("redundant", "unneeded here", "else it may hang"):
                continue
            if found.verdict.hangs is not False:
                assert f.need != "else it may hang"
                continue
            alone = given(code, parts - {f.part.name})
            _, program = short_program(test, alone, GENERIC, None, Budget())
            answer = decide(program, witnesses=False)
            assert (f.need == "else it may hang") is bool(answer.hangs), f.text


@pytest.mark.slow
def test_a_hang_is_repaired_by_a_barrier(tmp_path: Path) -> None:
    text = WAKE.format(condition="1:hang").replace("never hangs", "sometimes")
    for variant, line in (("B0", 4), ("B1", 10)):
        test = next(t for t in load(Source("t.litmus", text)) if t.variant == variant)
        found = verifier.repair(test)
        said = [change for repair in found.found for change in repair.changes]
        assert any(f"insert smp_mb() between lines {line} " in one for one in said), said
