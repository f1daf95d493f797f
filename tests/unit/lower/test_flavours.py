"""Warnings about kernels in which RCU has several flavours: up to v4.19."""

from __future__ import annotations

import pytest

from verifier.lower.c.flavours import reads, waits_for
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.words.rows import READER, flat
from verifier.words.table import WORDS

START = "MM t\nstruct s { int a; struct rcu_head h; };\n"
START += "{ int p = 1; int d; spinlock_t l; struct srcu_struct z; struct s o; struct s *q = &o; }\n"
F = "void f(void *info) { r1 = READ_ONCE(p); }\n"
OF_RCU = ("synchronize_rcu()", "synchronize_rcu_expedited()", "call_rcu(&d, f)", "kfree_rcu(q, h)")
OF_SCHED = ("synchronize_sched()", "call_rcu_sched(&d, f)")
READERS = {
    "rcu": ("rcu_read_lock(); r1 = READ_ONCE(p); rcu_read_unlock();",),
    "sched": (
        "preempt_disable(); r1 = READ_ONCE(p); preempt_enable();",
        "local_irq_disable(); r1 = READ_ONCE(p); local_irq_enable();",
        "unsigned long flags; local_irq_save(flags); r1 = READ_ONCE(p); local_irq_restore(flags);",
        "spin_lock(&l); r1 = READ_ONCE(p); spin_unlock(&l);",
        "rcu_read_lock_sched(); r1 = READ_ONCE(p); rcu_read_unlock_sched();",
        "{ guard(preempt)(); r1 = READ_ONCE(p); }",
        "local_bh_disable(); r1 = READ_ONCE(p); local_bh_enable();",
        "smp_call_function_single(0, f, NULL, 0);",
    ),
}


def said(grace: str, reader: str, kernel: str) -> list[str]:
    """The warnings about flavours of a test under a kernel."""
    text = f"{START}{F}P0 {{\n  WRITE_ONCE(p, 0); {grace}; }}\nP1 {{ {reader} }}\nexists (p = 0)\n"
    (test,) = load(Source("t", text))
    found = [w for w in run(test, Options(settings={"kernel": kernel})).warnings if w.code == "flavour"]
    assert all(w.span is not None and w.span.line == 6 for w in found)
    return [w.message for w in found]


@pytest.mark.slow
@pytest.mark.parametrize("flavour", READERS)
@pytest.mark.parametrize("grace", [*OF_RCU, *OF_SCHED])
def test_a_grace_period_of_another_flavour_gets_a_warning(grace: str, flavour: str) -> None:
    other = (grace in OF_RCU) != (flavour == "rcu")
    for reader in READERS[flavour]:
        if grace in OF_SCHED and "bh" in reader:
            continue
        found = said(grace, reader, "v4.14")
        assert len(found) == other, reader
        assert all(m.startswith("up to v4.19") and grace.partition("(")[0] in m for m in found)


def test_kernels_with_one_flavour_get_none() -> None:
    reader = READERS["sched"][0]
    assert [len(said("synchronize_rcu()", reader, k)) for k in ("v4.19", "v5.8", "v6.12", "any")] == [
        1,
        0,
        0,
        0,
    ]


def test_srcu_has_readers_of_its_own() -> None:
    assert not said("synchronize_srcu(&z)", READERS["sched"][0], "v4.14")
    assert not said("synchronize_rcu()", "r0 = srcu_read_lock(&z); srcu_read_unlock(&z, r0);", "v4.14")


@pytest.mark.parametrize(
    ("initial", "nmi", "who"),
    [
        ("", "nmi P1 { WRITE_ONCE(d, READ_ONCE(p)); }", "the NMI of P1"),
        ("{ 1:irq = off; }", "", "the initial irq"),
        ("{ 1:pending = f; }", "", "the initial pending"),
    ],
)
def test_what_is_a_reader_from_outside(initial: str, nmi: str, who: str) -> None:
    programs = "P0 { synchronize_rcu(); }\nP1 { WRITE_ONCE(d, 1); }"
    text = f"{START}{initial}\n{F}{programs}\n{nmi}\nexists (d = 0)\n"
    (test,) = load(Source("t", text))
    warnings = run(test, Options(settings={"kernel": "v4.14"})).warnings
    (found,) = (w for w in warnings if w.code == "flavour")
    assert found.message.endswith(f"the readers of {who}")


def test_each_word_has_its_flavour() -> None:
    for word in WORDS.values():
        if READER in flat(word.effects):
            assert reads(word), word.name
    kinds = {name: waits_for(WORDS[name]) for name in WORDS if waits_for(WORDS[name])}
    assert kinds["synchronize_rcu"] == kinds["synchronize_net"] == kinds["call_rcu_hurry"] == "rcu"
    assert kinds["synchronize_rcu_bh"] == kinds["call_rcu_bh"] == "bh"
    assert not {"synchronize_srcu", "call_srcu", "rcu_barrier"} & kinds.keys()
