"""What ``audit`` says of a part, against the text without it; and what it says of parts together."""

from __future__ import annotations

from itertools import product

import pytest

from tests.judges import states
from verifier import explore, solve
from verifier.budget import Budget
from verifier.lower.build import build, lower, unrolled
from verifier.lower.optional import given, optional
from verifier.model import model
from verifier.program.profiles import CALL_QUEUE, GENERIC, KERNELS, Switches
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.syntax.test import Test
from verifier.why.answers import Audit, Explanation, Finding
from verifier.why.audit import audit
from verifier.why.engine import Engine
from verifier.why.explain import explain


def loaded(text: str) -> Test:
    (test,) = load(Source("here", text))
    return test


def audited(text: str) -> Audit:
    return audit(run(loaded(text), Options()), model(GENERIC), Budget(20))


def of_text(text: str) -> Explanation:
    return explain(run(loaded(text), Options()), model(GENERIC), Budget(20))


def found(text: str) -> dict[str, Finding]:
    """The findings, by the kind and the line of their parts."""
    return {f"{f.kind} {f.span.line}": f for f in audited(text).findings}


def needs(text: str) -> dict[str, str]:
    return {where: f.need for where, f in found(text).items()}


# -- calls that are waited for ------------------------------------------------------------------------

CALLS = """MM calls
{{ int w; int x; int y; int z; }}
void f(void *i) {{ WRITE_ONCE(x, 1); }}
void g(void *i) {{ WRITE_ONCE(y, 1 + READ_ONCE(x)); }}
void h(void *i) {{ WRITE_ONCE(z, 1 + READ_ONCE(x) + READ_ONCE(y)); }}
P0 {{ r0 = READ_ONCE(w);
  smp_call_function_single(1, f, NULL, {});
  smp_call_function_single(1, g, NULL, {});
  {}
}}
P1 {{ WRITE_ONCE(w, 1); }}
exists (y = 1)
"""


def possible(test: Test, switches: Switches) -> bool:
    """Both judges about the test alone."""
    program = build(test)
    said = {
        bool(judge.decide(program, switches=switches, witnesses=False).reachable)
        for judge in (solve, explore)
    }
    assert len(said) == 1
    return said.pop()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["any", KERNELS[CALL_QUEUE - 1]])
@pytest.mark.parametrize("third", ["", "smp_call_function(h, NULL, {});"])
@pytest.mark.parametrize("waits", ["11", "10", "01", "r1", "1r"])
def test_without_a_wait_a_call_is_as_if_nobody_waited(waits: str, third: str, kernel: str) -> None:
    """The engine, and both judges about the code without it, say what they say of the text without it."""
    switches = GENERIC._replace(kernel=kernel)
    written = [*("r0" if w == "r" else w for w in waits), third.format(1)]
    test = loaded(CALLS.format(*written))
    code, parts = optional(lower(test, Budget()))
    with Engine(unrolled(test, code), parts, model(switches)) as engine:
        for n, line in enumerate((7, 8, 9)):
            mine = [p for p in parts if p.kind == "wait" and p.span.line == line]
            without = third.format(0) if n == 2 else "0"
            edited = loaded(CALLS.format(*(without if k == n else w for k, w in enumerate(written))))
            others = [p for p in parts if p not in mine]
            less = unrolled(test, given(code, {p.name for p in others}))
            answers = {engine.possible(others, mine), possible(edited, switches)}
            answers |= {
                bool(j.decide(less, switches=switches, witnesses=False).reachable) for j in (solve, explore)
            }
            assert len(answers) == 1, (written, line)


def test_a_wait_that_keeps_a_later_call_from_overtaking_is_needed() -> None:
    said = needs(CALLS.format(1, 1, ""))
    assert said["wait 7"] == "needed" and said["wait 8"] == "not asked here"


@pytest.mark.slow
def test_waits_that_are_known_at_run_time_only() -> None:
    """Calls that are waited for alike do not overtake each other; these may."""
    for first, second in product(("0", "1", "r0", "!r0"), repeat=2):
        early = any("[y]=1;" in state for state in states(CALLS.format(first, second, "")))
        assert early is ((first, second) in {("0", "1"), ("0", "r0"), ("0", "!r0"), ("r0", "1"), ("!r0", "1"),
                                             ("r0", "!r0"), ("!r0", "r0")}), (first, second)  # fmt: skip


# -- what is executed, and what is lost ---------------------------------------------------------------

READER = """MM readers
{{ int x; int y; spinlock_t l; }}
void h(void *i) {{ {} }}
P0 {{ WRITE_ONCE(x, 1); synchronize_rcu(); WRITE_ONCE(y, 1); }}
P1 {{ {}
r0 = READ_ONCE(x); r1 = READ_ONCE(y);
{} }}
P2 {{ {} }}
exists (1:r0 = 0 /\\ 1:r1 = 1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("rcu_read_lock();\npreempt_disable();", "preempt_enable(); rcu_read_unlock();"),
        ("local_irq_disable();\nrcu_read_lock();", "rcu_read_unlock(); local_irq_enable();"),
        ("rcu_read_lock();\nrcu_read_lock();", "rcu_read_unlock(); rcu_read_unlock();"),
        ("local_bh_disable();\nrcu_read_lock_sched();", "rcu_read_unlock_sched(); local_bh_enable();"),
    ],
)
def test_inner_readers_are_executed(begins: str, ends: str) -> None:
    """One of two nested ones is enough: each is redundant, and names the other."""
    said = found(READER.format("", begins, ends, ""))
    inner = said["reader 6"]
    assert inner.need == "redundant" and inner.joint
    assert "never reached" not in {f.need for f in said.values()}


@pytest.mark.slow
def test_readers_in_handlers_are_executed_and_others_are_not() -> None:
    reads = "rcu_read_lock(); r0 = READ_ONCE(x); rcu_read_unlock();"
    begins, ends = "rcu_read_lock();", "rcu_read_unlock();"
    sends = "smp_call_function_single(1, h, NULL, 1);\nif (READ_ONCE(x) == 2) { rcu_read_lock(); }"
    said = needs(READER.format(reads, begins, ends, sends + " if (READ_ONCE(x) == 2) { rcu_read_unlock(); }"))
    assert said["reader 3"] == "redundant" and said["reader 5"] == "needed"
    said = needs(
        READER.format("", begins, ends, "if (READ_ONCE(x) == 2) { rcu_read_lock(); rcu_read_unlock(); }")
    )
    assert said["reader 8"] == "never reached"


WINDOW = """MM window
{{ int x; int y; }}
void h(void *i) {{ {} }}
P0 {{ local_irq_disable(); WRITE_ONCE(x, 1); WRITE_ONCE(x, 2); local_irq_enable(); {} }}
P1 {{ {} }}
exists (y = 1)
"""


@pytest.mark.parametrize("send", ["smp_call_function_single(0, h, NULL, 0);",
                                  "apic_icr_write(0, h);"])  # fmt: skip
def test_states_that_an_ipi_makes_are_missed(send: str) -> None:
    """Without it, nobody stores 2."""
    text = WINDOW.format("WRITE_ONCE(y, READ_ONCE(x));", "", send)
    said = audited(text.replace("y = 1", "y = 3"))
    assert {f.need for f in said.findings if f.kind == "IPI"} == {"unneeded here"}
    assert "without it final states change" in str(said)


@pytest.mark.slow
def test_an_ipi_without_which_no_run_ends() -> None:
    """Whether a run hangs anyway or not."""
    send = "smp_call_function_single(0, h, NULL, 0);"
    for handler, sure in (("WRITE_ONCE(y, 2);", True), ("if (x) WRITE_ONCE(y, 2);", False)):
        said = audited(WINDOW.format(handler, "while (!READ_ONCE(y));", send))
        assert said.verdict.hangs is not sure
        (ipi,) = (f for f in said.findings if f.kind == "IPI")
        assert ipi.need == "else no run ends" and ipi.run is not None


def test_an_ipi_that_only_looks_is_redundant() -> None:
    said = needs(WINDOW.format("READ_ONCE(x);", "", "smp_call_function_single(0, h, NULL, 0);"))
    assert said["IPI 5"] == "redundant"


# -- parts together ------------------------------------------------------------------------------------

SB = """MM sb
{{ int x; int y; atomic_t z; }}
P0 {{ WRITE_ONCE(x, 1);
{}
r0 = READ_ONCE(y); }}
P1 {{ WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""


def test_parts_of_one_line_are_told_apart() -> None:
    """By their columns, where kind and word are the same: in the table, in clauses, above runs."""
    said = " ".join(str(audited(SB.format("smp_mb(); smp_mb(); mfence(); atomic_inc(&z);"))).split())
    assert "line 4, column 1 smp_mb() barrier" in said and "line 4, column 11 smp_mb() barrier" in said
    assert "line 4 mfence() barrier" in said and "line 6 smp_mb() barrier" in said
    assert (
        "One of these is needed: smp_mb() (line 4, column 1), smp_mb() (line 4, column 11), mfence() " in said
    )
    text = SB.format("smp_mb(); smp_mb();")
    assert "needed if smp_mb() (line 4, column 11) is missing" in str(audited(text))
    (reason, *_) = of_text(text).reasons
    assert "line 4, column " in str(of_text(text)) and len(reason.parts) == 2


@pytest.mark.parametrize(
    ("between", "lines"),
    [
        ("smp_mb();\nmfence();\natomic_inc(&z);", [4, 5, 6]),
        ("smp_mb();\nmfence();\natomic_inc(&z);\natomic_dec(&z);", [4, 5, 6, 7]),
        ("smp_mb();\nmfence();", []),
        ("smp_mb();", []),
    ],
)
def test_parts_one_of_which_is_needed(between: str, lines: list[int]) -> None:
    """Two of them say it in their rows."""
    said = audited(SB.format(between))
    assert [p.span.line for p in said.together] == lines
    assert ("One of these is needed: smp_mb() (line 4), " in str(said)) is bool(lines)


def test_parts_that_are_needed_together_beside_two_of_which_one_is() -> None:
    """The pair is in the rows, the others are named."""
    text = SB.format("smp_mb();\nmfence();\natomic_inc(&z);").replace("P1", "P2 { }\nP1")
    text = text.replace("WRITE_ONCE(y, 1); smp_mb(); r0", "WRITE_ONCE(y, 1);\nsmp_mb();\nsmp_mb();\nr0")
    said = audited(text)
    assert [p.span.line for p in said.together] == [4, 5, 6]
    assert {f.span.line for f in said.findings if f.joint} == {10, 11}


def test_all_parts_of_a_word_that_stands_twice_in_a_line_have_columns() -> None:
    """Only the first of the two calls is waited for."""
    text = """MM twice
{ int x; int y; }
void f(void *i) { WRITE_ONCE(x, 1); }
void g(void *i) { WRITE_ONCE(y, READ_ONCE(x) + 1); }
P0 {
    smp_call_function_single(1, f, NULL, 1); smp_call_function_single(1, g, NULL, 0);
}
P1 { r0 = READ_ONCE(x); }
exists (y = 1)
"""
    said = [(f.kind, f.where("here")) for f in audited(text).findings]
    first, second = "line 6, column 5", "line 6, column 46"
    assert said == [("IPI", first), ("wait", first), ("IPI", second)]
