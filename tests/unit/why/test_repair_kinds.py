"""Kinds of edits for interrupts and for freed memory, and what a repair leaves idle."""

from __future__ import annotations

import pytest

from verifier.budget import Budget
from verifier.source import Source
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.why.activities import Activity, activities
from verifier.why.found import Repair, Repairs
from verifier.why.judging import Judged, compared, judged
from verifier.why.repair import repair


def repairs(text: str) -> Repairs:
    (test,) = load(Source("t.litmus", text))
    return repair(test, Options(timeout=60))


def kinds(text: str) -> set[tuple[str, ...]]:
    return {r.kinds for r in repairs(text).found}


ICR = """MM t
{ int data; int got = 9; }
void h(void *unused) { WRITE_ONCE(got, READ_ONCE(data)); }
P0 {
    WRITE_ONCE(data, 1);
    FENCE
    SEND(1, h);
}
P1 { }
exists (got = 0)
"""


def icr(fence: str = "", send: str = "apic_icr_write") -> str:
    return ICR.replace("    FENCE\n", f"    {fence}\n" * bool(fence)).replace("SEND", send)


def test_what_orders_a_bare_write_of_the_x2apic() -> None:
    found = repairs(icr())
    assert {r.kinds for r in found.found} == {
        ("sync_core",), ("smp_mb", "lfence"), ("mfence", "lfence"), ("xapic",),
    }  # fmt: skip
    assert all(r.clean and r.cost == 4 for r in found.found)
    written = next(r.patch for r in found.found if r.kinds == ("mfence", "lfence"))
    assert written.index("+    mfence();") < written.index("+    lfence();")


def test_an_nmi_has_no_uncached_write() -> None:
    assert kinds(icr(send="apic_send_nmi")) == {("sync_core",), ("smp_mb", "lfence"), ("mfence", "lfence")}


@pytest.mark.parametrize("fence", ["smp_mb();", "mfence();"])
def test_an_lfence_behind_a_fence_is_enough(fence: str) -> None:
    assert kinds(icr(fence)) == {("lfence",)}


def test_a_fence_in_front_of_an_lfence_is_enough() -> None:
    assert kinds(icr("lfence();")) == {("smp_mb",), ("mfence",), ("locked",)}


def test_where_nothing_is_sent_by_the_x2apic_there_are_no_new_words() -> None:
    text = """MM sb
    { int x; int y; }
    P0 { WRITE_ONCE(x, 1); r0 = READ_ONCE(y); }
    P1 { WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }
    exists (0:r0 = 0 /\\ 1:r0 = 0)
    """
    assert {kind for row in kinds(text) for kind in row} == {"smp_mb", "locked"}


FREED = """MM t
struct other { int a; struct rcu_head rh; };
struct node { u32 val; struct rcu_head rcu; };
{ struct node n = { .val = 1 }; struct node *head = &n; struct other o; }
void drop(struct node *q) { if (q) FREE(q); }
P0 {
    struct node *p = head;
    rcu_assign_pointer(head, NULL);
    drop(p);
}
P1 {
    struct node *p;
    rcu_read_lock();
    p = rcu_dereference(head);
    if (p)
        r1 = READ_ONCE(p->val);
    rcu_read_unlock();
}
exists (1:r1 = 0x6b6b6b6b)
"""


@pytest.mark.slow
@pytest.mark.parametrize("free", ["kfree", "kvfree"])
def test_memory_is_freed_after_a_grace_period(free: str) -> None:
    found = repairs(FREED.replace("FREE", free))
    assert found.found[0].changes == (f"{free}(q) becomes {free}_rcu(q, rcu) in line 5",)
    assert found.found[0].clean
    idle = [r for r in found.found if r.idle]
    assert [r.idle for r in idle] == [("no run executes line 5",)], "nothing is freed any more"
    assert found.found.index(idle[0]) == len(found.found) - 1


@pytest.mark.slow
def test_without_an_rcu_head_there_is_no_such_edit() -> None:
    text = (
        FREED.replace("FREE", "kfree").replace(" struct rcu_head rcu;", "").replace("struct rcu_head rh;", "")
    )
    assert all("kfree_rcu" not in row for row in kinds(text))


SLEEP = """MM t
#include "linux/wait.inc"
{ int flag; }
P0 {
    __set_current_state(TASK_UNINTERRUPTIBLE);
    if (!READ_ONCE(flag)) schedule();
    __set_current_state(TASK_RUNNING);
}
P1 {
    WRITE_ONCE(flag, 1);
    wake_up_process(cpu_curr(0));
}
exists (0:hang)
"""


@pytest.mark.slow
def test_a_repair_after_which_nobody_sleeps_comes_last() -> None:
    found = repairs(SLEEP)
    rows = [(r.kinds, r.idle) for r in found.found]
    assert rows[:2] == [(("smp_mb",), ()), (("full",), ())]
    assert [kinds for kinds, _ in rows[2:]] == [("move",), ("move",)]
    assert all(idle[0].startswith("CPU 0 never waits in line 6 (wait.inc:") for _, idle in rows[2:])
    assert "loses no good outcome; but then CPU 0 never waits in line 6" in str(found)


@pytest.mark.parametrize(
    ("waits", "body"),
    [
        (True, "while (!READ_ONCE(flag)) cpu_relax();"),
        (True, "if (READ_ONCE(x)) while (!READ_ONCE(flag)) cpu_relax();"),
        (False, "WRITE_ONCE(flag, 1); while (!READ_ONCE(flag)) cpu_relax();"),
        (False, "if (0) while (!READ_ONCE(flag)) cpu_relax();"),
    ],
)
def test_who_has_to_wait(waits: bool, body: str) -> None:
    text = f"MM t\n{{ int flag; int x; }}\nP0 {{ WRITE_ONCE(x, 1); WRITE_ONCE(flag, 1); }}\nP1 {{ {body} }}\n"
    (test,) = load(Source("t.litmus", f"{text}exists (x = 2)\n"))
    done = activities(test, Options(), Budget()).done
    assert any(d.waits and d.cpu == 1 for d in done) is waits
    assert Activity(0, False, "t.litmus", "WRITE_ONCE(x, 1)") in done


HANGS = """MM t
{ int flag; int x; }
P0 { WRITE_ONCE(flag, 2); }
P1 {
    while (READ_ONCE(flag) != 1)
        cpu_relax();
}
"""


@pytest.mark.parametrize(("condition", "hangs"), [("flag = 3", True), ("1:hang /\\ flag = 3", False)])
def test_a_test_that_only_hangs(condition: str, hangs: bool) -> None:
    found = repairs(f"{HANGS}exists ({condition})\n")
    assert (found.status, found.hangs) == ("impossible", hangs)
    assert ("but no run ends, and some hang" in str(found)) is hangs
    assert ("by `exists (hang)`" in str(found)) is hangs


def test_a_repaired_test_may_still_hang() -> None:
    text = """MM t
    { int x; int y; int go; }
    P0 { WRITE_ONCE(x, 1); r0 = READ_ONCE(y); if (!r0) { while (!READ_ONCE(go)) cpu_relax(); } }
    P1 { WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); if (r0) WRITE_ONCE(go, 1); }
    exists (0:r0 = 0 /\\ 1:r0 = 0)
    """
    assert repairs(text).status == "impossible", "such runs hang"
    text = text.replace("if (!r0) {", "if (r0) {").replace("if (r0) WRITE", "if (!r0) WRITE")
    found = repairs(text)
    assert (found.status, found.hangs) == ("repaired", True)
    assert "as the test is, some runs hang; ask for that" in str(found)


@pytest.mark.parametrize("other", ["", "r0 = READ_ONCE(z);"])
@pytest.mark.parametrize(
    ("calls", "waits"),
    [
        ("smp_call_function_single(1, f, NULL, 1);", "local_irq_disable(); {} local_irq_enable();"),
        ("while (!READ_ONCE(x)) cpu_relax();", "{} WRITE_ONCE(x, 1);"),
    ],
)
def test_what_is_behind_a_wait_may_move_in_front_of_it(calls: str, waits: str, other: str) -> None:
    """The run that hangs never comes to it; it does once it stands in front."""
    waits = waits.format("while (!READ_ONCE(y)) cpu_relax();")
    found = repairs(
        "MM t\n{ int x; int y; int z; }\nvoid f(void *info) { WRITE_ONCE(x, 1); }\n"
        f"P0 {{ {calls}\n {other}\n WRITE_ONCE(y, 1); }}\nP1 {{ {waits} }}\nexists (hang)\n"
    )
    assert any(r.kinds in (("move",), ("move_far",)) for r in found.found)


def test_a_test_some_of_whose_runs_hang() -> None:
    text = HANGS.replace("while (READ_ONCE(flag) != 1)", "while (READ_ONCE(flag) == 2)")
    assert "but some runs hang" in str(repairs(f"{text}exists (flag = 3)\n"))


def test_states_in_which_bad_runs_could_end_are_told_apart() -> None:
    """What good runs alone had, and what bad runs had, too."""
    one = Repair(("a",), ("k",), 1, 1, (), ("1:seen=1",), (), 0, "")
    said = "loses no good outcome; 1 final state is gone in which bad runs could end as well, "
    said += "but for what the condition asks: 1:seen=1"
    assert one.loss == said
    two = Repair(("a",), ("k",), 1, 1, ("x=1",), ("x=2", "x=3"), (), 0, "")
    assert two.loss == (
        "loses 1 good outcome: x=1; 2 final states are gone in which bad runs could end as well, "
        "but for what the condition asks: x=2; x=3"
    )


LOST_FLAG = """MM flag-lost
{ int flag = 1; int data; }
P0 {
    int old;
    int won;
    old = READ_ONCE(flag);
    won = 0;
    if (old == 1)
        won = try_cmpxchg(&flag, &old, 3);
    if (won)
        WRITE_ONCE(data, 1);
}
P1 {
    int seen;
    seen = READ_ONCE(flag);
    WRITE_ONCE(flag, 0);
    if (seen == 1)
        r2 = READ_ONCE(data);
}
exists (1:r2 = 1)
"""


def test_a_near_miss_of_the_bug_is_no_good_outcome() -> None:
    """That the flag is lost is the bug, also where data is read in time."""
    found = repairs(LOST_FLAG).found
    exchange = next(r for r in found if r.kinds == ("exchange",))
    assert exchange.clean and exchange.beside


SEEN = """MM seen
{ int flag; int data; }
P0 { STORES }
P1 { r1 = READ_ONCE(flag); r2 = READ_ONCE(data); }
exists (1:r2 = 2)
"""


def test_a_value_that_no_run_has_any_more_is_lost() -> None:
    """Nobody stores the flag any more: each bad run had it, but good ones had it, too."""

    def of(stores: str) -> Judged:
        (test,) = load(Source("t.litmus", SEEN.replace("STORES", stores)))
        return judged(test, Options(), Budget(20), Judged(None))

    before, after = of("WRITE_ONCE(flag, 1); WRITE_ONCE(data, 2);"), of("WRITE_ONCE(data, 1);")
    assert before.possible and not after.possible
    assert any("1:r1=1" in state for state in compared(before, after)[0])
