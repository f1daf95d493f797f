"""NMIs that are sent, and handlers that are pending from the start."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong
from verifier import explore
from verifier.lower.build import build
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load

HEAD = """
void f(void *info) { WRITE_ONCE(x, READ_ONCE(x) + 1); }
void g(void *info) { WRITE_ONCE(y, READ_ONCE(x) + 1); }
void two(int a, int b) { WRITE_ONCE(x, a + b); }
"""


def text(programs: str, condition: str, initial: str = "") -> str:
    return f"MM t\n{{ int x; int y; {initial} }}{HEAD}{programs}\nP2 {{ }}\nexists ({condition})\n"


def test_a_sent_nmi_strikes_once() -> None:
    assert states(text("P0 { apic_send_nmi(1, f); } P1 { local_irq_disable(); }", "x = 1")) == ["[x]=1;"]


def test_one_that_is_not_sent_does_not() -> None:
    programs = "P0 { r0 = READ_ONCE(y); if (r0) apic_send_nmi(1, f); } P1 { WRITE_ONCE(y, 1); }"
    assert states(text(programs, "x = 1 /\\ 0:r0 = 1")) == ["0:r0=0; [x]=0;", "0:r0=1; [x]=1;"]


def test_it_goes_to_the_cpu_that_the_run_finds() -> None:
    programs = "P0 { r0 = 1 + READ_ONCE(y); apic_send_nmi(r0, f); } P1 { WRITE_ONCE(y, 1); }"
    assert states(text(programs, "x = 1")) == ["[x]=1;"]


def test_it_may_go_to_the_own_cpu() -> None:
    programs = "P0 { local_irq_disable(); apic_send_nmi(0, f); r0 = READ_ONCE(x); } P1 { }"
    assert states(text(programs, "x = 1 /\\ 0:r0 = 1")) == ["0:r0=0; [x]=1;", "0:r0=1; [x]=1;"]


def test_two_nmis_do_not_nest() -> None:
    """They may be merged (MMR 8.3), but neither comes in the middle of the other."""
    programs = "P0 { apic_send_nmi(1, f); apic_send_nmi(1, h); } P1 { }"
    other = "\nvoid h(void *info) { WRITE_ONCE(x, READ_ONCE(x) + 1); }\nP0"
    assert states(text(programs.replace("P0", other), "x = 2")) == ["[x]=2;"]
    programs = programs.replace("h)", "f)")
    assert states(text(programs, "x = 2")) == ["[x]=1;", "[x]=2;"]


def test_it_interrupts_a_handler() -> None:
    programs = "P0 { apic_send_nmi(1, f); } P1 { } P2 { smp_call_function_single(1, g, NULL, 1); }"
    programs = programs.replace(" P2 {", "\nP3 {")
    assert holds(text(programs, "y = 1 /\\ x = 1")) and holds(text(programs, "y = 2"))


def test_pending_handlers_come_in_any_order() -> None:
    found = states(text("P0 { } P1 { }", "x = 1 /\\ y = 1", "1:pending = { f, g };"))
    assert found == ["[x]=1; [y]=1;", "[x]=1; [y]=2;"]


def test_they_wait_for_interrupts() -> None:
    programs = "P0 { r0 = READ_ONCE(x); local_irq_enable(); } P1 { }"
    found = states(text(programs, "0:r0 = 0 /\\ x = 1", "0:irq = off; 0:pending = f;"))
    assert found == ["0:r0=0; [x]=1;"]


@pytest.mark.parametrize("programs", ["P0 { } P1 { }", "P0 { local_irq_disable(); } P1 { }"])
def test_without_interrupts_nothing_comes(programs: str) -> None:
    (test,) = load(Source("t", text(programs, "x = 1", "0:irq = off; 0:pending = &f;")))
    program = build(test)
    for answer in (decide(program), explore.decide(program)):
        assert answer.deadlock and answer.hangs


def test_an_nmi_waits_for_another_one_that_never_ends() -> None:
    programs = "nmi P1 { while (!READ_ONCE(y)) cpu_relax(); } P0 { apic_send_nmi(1, f); } P1 { }"
    (test,) = load(Source("t", text(programs, "x = 0")))
    program = build(test)
    one, two = decide(program, want_states=True), explore.decide(program, want_states=True)
    assert one.hangs and two.hangs and one.states == two.states
    assert one.rests == two.rests == ((0,), (1,))


REFUSED = {
    "apic_send_nmi(7, f);": "there is no CPU 7",
    "apic_send_nmi(1, x);": "apic_send_nmi takes a function here",
    "apic_send_nmi(1, two);": "a handler takes one argument, info; two takes more",
    "apic_send_nmi(1);": "apic_send_nmi takes 2 arguments, not 1",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_what_is_refused(statement: str) -> None:
    found = wrong(text(f"P0 {{ {statement} }} P1 {{ }}", "x = 1"))
    assert any(REFUSED[statement] in d.message for d in found), [d.message for d in found]


WRONG = {
    "1:pending = 3;": "a handler, which is a function, is pending",
    "1:pending = nothing;": "a handler, which is a function, is pending",
    "1:pending = two;": "a handler takes one argument, info; two takes more",
    "1:pending = f; 1:pending = g;": "1:pending has two initial values",
    "7:pending = f;": "there is no CPU 7",
    "pending = f;": "there is no 'pending'",
}


@pytest.mark.parametrize("initial", WRONG)
def test_what_cannot_be_pending(initial: str) -> None:
    found = wrong(text("P0 { } P1 { }", "x = 1", initial))
    assert any(WRONG[initial] in d.message for d in found), [d.message for d in found]


def test_the_machine_may_come_to_rest_before_an_nmi_strikes() -> None:
    programs = "nmi P0 { WRITE_ONCE(y, 7); } P0 { } P1 { apic_icr_write(0, f); r0 = READ_ONCE(x); }"
    (test,) = load(Source("t", text(programs, "y = 7", "0:irq = off;")))
    program = build(test)
    for answer in (decide(program, want_states=True), explore.decide(program, want_states=True)):
        assert answer.rests == ((0,), (7,))


SHADOW = "no interrupt comes between an STI and the CLI right behind it"


@pytest.mark.parametrize(
    ("between", "open_"),
    [
        ("local_irq_enable(); local_irq_disable();", False),
        ("local_irq_enable(); barrier(); local_irq_disable();", True),  # a statement of its own
        ("local_irq_enable(); cpu_relax(); local_irq_disable();", True),
        ("local_irq_enable(); spin_lock_irq(&l); spin_unlock(&l);", True),
        ("spin_lock(&l); spin_unlock_irq(&l); local_irq_disable();", True),
        ("local_irq_enable(); local_irq_save(flags);", True),
        ("local_irq_enable(); if (r1 == 0) local_irq_disable();", True),
        ("opens(); closes();", True),  # where they are not inlined
    ],
)
@pytest.mark.parametrize("graced", [False, True])
def test_the_shadow_of_sti(between: str, open_: bool, graced: bool) -> None:
    """An interrupt comes between STI and CLI only if another instruction stands there (MMR 8.11)."""
    more = "\nvoid opens(void) { local_irq_enable(); }\nvoid closes(void) { local_irq_disable(); }\n"
    reader = "P3 { synchronize_rcu(); }" if graced else ""
    program = (
        f"MM t\n{{ int x; int y; spinlock_t l; 1:irq = off; }}{HEAD}{more}\n"
        f"P0 {{ smp_call_function_single(1, f, NULL, 0); }}\nP1 {{ unsigned long flags; r1 = 0; {between} "
        f"r0 = READ_ONCE(x); local_irq_enable(); }}\nP2 {{ }}\n{reader}\nexists (1:r0 = 1)\n"
    )
    (test,) = load(Source("t", program))
    made = build(test)
    assert any(w.message == SHADOW for w in made.warnings) != open_
    assert decide(made).reachable is open_ and explore.decide(made).reachable is open_
