"""Programs on which the judges once disagreed, or one gave up. Each names the rule that it tests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.properties.programs import (
    call_rcu,
    cr3,
    grace,
    irq,
    lit,
    lowered,
    pte,
    read,
    reader,
    rmw,
    send,
    translate,
    vwrite,
    write,
)
from verifier import explore, solve
from verifier.explore import explore as run
from verifier.lower.build import build
from verifier.lower.code import Branch, Emit, Instruction, Label, Lowered, Target, Touch
from verifier.lower.unroll import unroll
from verifier.program.expressions import FALSE, TRUE, Apply, Const, Reg
from verifier.program.profiles import GENERIC, Switches
from verifier.program.values import Ptr
from verifier.source import Source
from verifier.syntax import load

X, Y, Z, ONE = lit("x"), lit("y"), lit("z"), Const(1)
FOUND: dict[str, Callable[[], tuple[Lowered, Switches]]] = {}


def found(make: Callable[[], Lowered | tuple[Lowered, Switches]]) -> None:
    """The program with this name."""

    def both() -> tuple[Lowered, Switches]:
        made = make()
        return (made, GENERIC) if isinstance(made, Lowered) else made

    FOUND[make.__name__] = both


def at(cpu: int, *code: Instruction) -> Target:
    """A handler."""
    return Target(cpu, TRUE, tuple(code), (), "handler")


@found
def callback_of_an_nmi() -> Lowered:
    """If the NMI does not come, there is no callback, and nothing waits for one (MMR 12.1)."""
    test = lowered([read("r0", X)], mem=("x", "z"), regs=("0:r0",))
    test.nmis.append((0, (write(X, ONE), call_rcu("g", at(0, write(Z, ONE))))))
    return test


@found
def an_nmi_that_need_not_strike_while_a_handler_waits() -> Lowered:
    """CPU 1 comes to rest with interrupts off and a handler pending. What is left there is an NMI, which may
    never strike; CPU 0 goes on (MMR 12.1, 20.2)."""
    handler = at(1, read("r0", Y), write(Z, Reg("r0")))
    mine = [write(X, ONE), irq(1, 0), rmw("r0", Y, Const(3), Apply("eq", (Reg("r0"), Const(0))))]
    other = [send("g", handler), write(Y, ONE), read("r0", X), Emit("F", kind="mfence")]
    test = lowered(other, mine, mem=("x", "y", "z"), regs=("0:r0", "1:r0"))
    test.nmis.append((1, (read("r0", X), write(Z, Const(8)))))
    return test


@found
def nmis_that_send_crosswise() -> Lowered:
    """Each would wait for an IPI that the other has not sent."""
    test = lowered([], [], mem=("x", "z"))
    test.nmis.append((0, (send("g", at(1, write(X, ONE))),)))
    test.nmis.append((1, (send("k", at(0, write(Z, ONE))),)))
    return test


@found
def a_handler_that_turns_interrupts_on() -> Lowered:
    """A whole handler is one RCU reader, even if it turns interrupts on (MMR 18.1)."""
    handler = at(1, irq(1, 1), read("r0", X), write(Z, Reg("r0")))
    return lowered([*grace(), write(X, ONE)], [], [send("g", handler)], mem=("x", "z"))


# An event that neither reads nor serializes does not delay an x2APIC write, directly or indirectly (MMR 8.2).
NO_HOLD = {
    "irq": irq(0, 0),
    "jump": Emit("JMP"),
    "invlpgb": Emit("BINV", kind="broadcast-all"),
    "invpcid": Emit("INV", kind="local", serializing=False),
    "cr3": cr3(0, lit("N"), False),
    "section": reader("lock"),
    "entry": write(Const(pte("N", "v")), lit("B")),
}


def _held(between: Instruction) -> tuple[Lowered, Switches]:
    look = at(1, read("r0", X), write(Y, Apply("add", (Reg("r0"), ONE))))
    icr = Emit("SEND", kind="x2apic", group="g", targets=(look,))
    thread = [rmw("r0", X, ONE), between, icr, translate("r1", lit("v"))]
    return lowered(thread, grace(), mem=("x", "y"), translated=True), GENERIC


for _name, _between in NO_HOLD.items():
    FOUND[f"x2apic_after_{_name}"] = partial(_held, _between)


@found
def x2apic_after_translated_store() -> Lowered:
    """The write waits until a store before it is translated, as that may fault; not for the store itself."""
    remap = at(1, write(Const(pte("N", "v")), lit("B")))
    icr = Emit("SEND", kind="x2apic", group="g", targets=(remap,))
    pages = ("A.data", "B.data")
    thread = [vwrite(lit("v"), Const(5)), icr]
    return lowered(thread, [], mem=pages, translated=True, init={"pte(N, v)": Ptr("A")})


@found
def x2apic_that_asks() -> Lowered:
    """The write is executed or not, depending on the value of the LOCK'd operation (MMR 8.2)."""
    icr = Emit("SEND", kind="x2apic", group="g", targets=(at(1, write(X, ONE)),))
    thread = [rmw("r0", X, ONE, FALSE), Branch(Apply("eq", (Reg("r0"), Const(0))), "end"), icr, Label("end")]
    return lowered(thread, [], mem=("x",), regs=("0:r0",))


@found
def interrupts_off_from_the_start() -> Lowered:
    """A window that exists at the start of the test began before every grace period (MMR 18.1)."""
    waits = [write(X, ONE), *grace(), write(Y, ONE)]
    looks = [read("r0", X), read("r1", Y), irq(1, 1)]
    return lowered(waits, looks, regs=("1:r0", "1:r1"), irq_off=(1,))


@found
def a_non_temporal_store_in_a_section() -> Lowered:
    """A grace period that waits for the section also waits for this store (MMR 18.2)."""
    weak = Emit("W", (Touch(X, None, ONE),), kind="nt")
    reads = [reader("lock"), weak, read("r0", Y), reader("unlock"), write(Z, ONE)]
    return lowered(reads, [write(Y, ONE), *grace(), read("r0", X)], regs=("0:r0", "1:r0"), mem=("z",))


def icr_after(*between: Instruction) -> Lowered:
    """A bare ICR write after a store or a LOCK'd operation, and after an instruction that is not executed."""
    look = (read("r0", X), write(Z, Apply("ite", (Apply("eq", (Reg("r0"), Const(0))), Const(7), Const(8)))))
    icr = Emit("SEND", kind="x2apic", group="late", targets=(at(1, *look),))
    thread = [read("r0", Y), *between, Label("end"), icr]
    return lowered(thread, [write(Y, ONE)], mem=("x", "z"), regs=("0:r0",))


@found
def an_xapic_write_that_is_not_executed() -> Lowered:
    """It does not wait for stores, so the x2APIC write after it does not, either (MMR 8.2)."""
    other = Emit("SEND", kind="xapic", group="early", targets=(at(1),))
    return icr_after(write(X, ONE), Branch(Apply("eq", (Reg("r0"), Const(0))), "end"), other)


@found
def a_load_that_is_not_executed() -> Lowered:
    """It does not order the x2APIC write after a LOCK'd operation (MMR 8.2)."""
    return icr_after(rmw("r1", X, ONE), Branch(Apply("eq", (Reg("r0"), Const(0))), "end"), read("r2", Z))


@found
def the_end_of_a_section_that_is_not_executed() -> Lowered:
    """It does not order a non-temporal store before a later one (MMR 2.6, 18.2)."""
    weak = Emit("W", (Touch(X, None, ONE),), kind="nt")
    skip = Branch(Apply("eq", (Reg("r0"), Const(0))), "end")
    thread = [read("r0", Z), reader("lock"), weak, skip, reader("unlock"), Label("end"), write(Y, ONE)]
    return lowered(
        thread, [*grace(), write(Z, ONE), read("r0", Y), read("r1", X)], regs=("0:r0", "1:r0", "1:r1")
    )


def _call_after(fence: str) -> Lowered:
    """A reader that sends by a bare x2APIC write after a fence. It sees what a grace period waited for."""
    look = (read("r0", X), write(Z, Apply("add", (Reg("r0"), ONE))))
    icr = Emit("SEND", kind="x2apic", group="late", targets=(at(1, *look),))
    thread = [reader("lock"), Emit("F", kind=fence), icr, read("r0", Y), reader("unlock")]
    return lowered(thread, [], [write(X, ONE), *grace(), write(Y, ONE)], mem=("z",), regs=("0:r0",))


@found
def a_send_after_lfence_in_a_section() -> Lowered:
    """LFENCE holds the x2APIC write, although the start of the section does not (MMR 2.4, 8.2, 18.1)."""
    return _call_after("lfence")


def test_lfence_holds_an_x2apic_write() -> None:
    """So the handler misses no store that is older than the section; without LFENCE it may (MMR 8.2)."""
    for fence, possible in (("lfence", False), ("sfence", True)):
        assert ((1, 1) in run(unroll(_call_after(fence), 1)).shown) == possible


@pytest.mark.parametrize("name", FOUND)
def test_judges_agree(name: str) -> None:
    test, switches = FOUND[name]()
    program = unroll(test, 1)
    first = explore.decide(program, switches=switches, want_states=True)
    second = solve.decide(program, switches=switches, want_states=True)
    assert first.states is not None and second.states is not None
    assert set(first.states) == set(second.states)
    assert set(first.rests or ()) == set(second.rests or ())
    assert run(program, switches=switches, reduced=False).shown == set(first.states)


HIDDEN = """MM t
{ page A = 1; page B = 2; table T { v -> A }; mm N { v -> none }; 0:cr3 = N; }
P0 { set_pte(pte(T, v), B); r0 = translate(v); }
P1 { set_pmd(pmd(N, v), T); }
locations [0:r0;]
exists (0:r0 = A)
"""
TWICE = """MM t
{ page A = 1; mm N { v -> mk_pte(A, ro) }; 0:cr3 = N; }
P0 { set_pte(pte(N, v), A); r0 = xchg(v, 2); r1 = xchg(v, 3); }
locations [0:r0; 0:r1;]
exists (0:r0 = fault /\\ 0:r1 = fault)
"""

MARK = """MM t
{ int x; int y; int z; }
void look(void *info) { WRITE_ONCE(z, READ_ONCE(x) + 1); }
P0 { rcu_read_lock(); apic_icr_write(1, look); r0 = READ_ONCE(y); rcu_read_unlock(); }
P1 { }
P2 { WRITE_ONCE(x, 1); synchronize_rcu(); WRITE_ONCE(y, 1); }
locations [0:r0; z;]
exists (0:r0 = 1 /\\ z = 1)
"""


@pytest.mark.parametrize(
    ("text", "switches", "reachable"),
    [
        (MARK, GENERIC, True),
        (MARK, GENERIC._replace(amd_x2apic_ordered=True), False),
        (HIDDEN, GENERIC._replace(walk_forward="forward_always"), True),
        (TWICE, GENERIC._replace(fault_walk="spurious_once"), False),
    ],
)
def test_under_one_other_switch(text: str, switches: Switches, reachable: bool) -> None:
    """HIDDEN: what walks find in front of a store that hides an entry depends on what other CPUs do to other
    entries (MMR 3.5). TWICE: an old read makes no protection fault; a cached entry does, once (6.2, 6.3).
    MARK: a write that is executed in program order does not pass the mark of a section (8.2, 18.1)."""
    program = build(load(Source("t", text))[0])
    first = solve.decide(program, switches=switches, want_states=True)
    second = explore.decide(program, switches=switches, want_states=True)
    assert first.reachable == second.reachable == reachable
    assert first.states is not None and second.states is not None
    assert set(first.states) == set(second.states)


def test_nobody_ends_a_window_that_was_there_before() -> None:
    """Then no grace period ends (MMR 18.1, 18.2)."""
    program = unroll(lowered(grace(), [read("r0", X)], irq_off=(1,), regs=("1:r0",)), 1)
    assert explore.decide(program).deadlock
    assert solve.decide(program).deadlock


def test_a_window_that_was_there_before_is_waited_for() -> None:
    """The window does not see a store after the grace period (MMR 18.1, 18.2)."""
    program = unroll(FOUND["interrupts_off_from_the_start"]()[0], 1)
    assert not any(y for _, y in run(program).shown)


def test_a_grace_period_waits_for_non_temporal_stores() -> None:
    """The two loads cannot both miss the stores (MMR 18.2)."""
    program = unroll(FOUND["a_non_temporal_store_in_a_section"]()[0], 1)
    assert not any(a == b == 0 for a, b, _ in run(program).shown)
