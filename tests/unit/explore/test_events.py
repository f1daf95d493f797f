"""The abstract machine: fetch, non-temporal stores, INVLPGB, bare ICR writes, profiles, stories."""

from __future__ import annotations

from typing import Any

import pytest

from tests.properties.programs import fence, lit, read, rmw, vread, vwrite, wait, write
from tests.unit.explore.test_mmu import (
    CODE,
    LEAF,
    LOWER,
    ONE,
    TAGGED,
    TWO,
    A,
    B,
    M,
    N,
    T,
    V,
    W,
    X,
    Y,
    binv,
    cr3,
    fetch,
    inv,
    jmp,
    lowered,
    send,
    ser,
    shown,
    stored,
    story,
    tagged,
    tlbsync,
    values,
)
from verifier.explore import decide, explore
from verifier.lower.code import Emit, Instruction, Touch
from verifier.lower.unroll import unroll
from verifier.program.expressions import Apply, Const, Reg
from verifier.program.profiles import PROFILES, Switches
from verifier.program.values import CLEAN, FAULT, GLOBAL, NX, RO, SUPERVISOR, UNACCESSED, Entry, Value

# -- serializing events and instruction fetch --------------------------------------------------------


def test_prefetched_instructions() -> None:
    """MMR 10.1, 10.3: only a serializing event drops them."""

    def after(*code: Instruction, **more: Any) -> set[tuple[Value, ...]]:
        threads = [write(CODE, ONE), write(X, ONE)], [read("r0", X), *code, fetch("r1")]
        return shown(*threads, regs=["1:r0", "1:r1"], **more)

    assert (1, 0) in after() and (1, 0) in after(fence()) and (1, 0) in after(rmw("%r", Y, ONE))
    assert (1, 0) in after(jmp())
    assert (1, 0) not in after(fence(), switches=PROFILES["amd"])
    for code in (ser(), inv(1, "local"), cr3(1, N), tlbsync()):
        assert (1, 0) not in after(code)
    assert (1, 0) in after(inv(1, "local", serial=False))
    assert (1, 0) in after(inv(1, "invpcid2"), switches=Switches(amd_invpcid_serializing=False))


def test_an_interrupt_and_prefetched_instructions() -> None:
    """MMR 8.4, 8.6; an idle CPU finds a call without an interrupt (MMR 8.12)."""
    call = send("", 1, fetch("r0"), write(X, Reg("r0")))
    more, serializing = {"regs": ["1:r1"], "mem": ["x"]}, Switches(dlv_serializing=True)
    for asked, found in ((call, {0, 1}), (call._replace(kind="xapic"), {1})):
        threads = [write(CODE, ONE), asked], [fetch("r1")]
        assert shown(*threads, **more) == {(0, 0), (0, 1), (1, 0), (1, 1)}
        assert {x for _, x in shown(*threads, **more, switches=serializing)} == found


def test_later_fetches_need_not_be_newer() -> None:
    """MMR 10.1."""
    states = shown([fetch("r0"), fetch("r1")], [write(CODE, ONE)], regs=["0:r0", "0:r1"])
    assert states == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize(
    ("code", "intel", "amd"),
    [
        ([stored(CODE, ONE, "")], {0, 1}, {1}),
        ([stored(CODE, ONE, ""), jmp()], {1}, {1}),
        ([jmp(), stored(CODE, ONE, "")], {0, 1}, {1}),
        ([stored(CODE, ONE, "alias"), jmp()], {0, 1}, {1}),
        ([stored(CODE, ONE, "alias"), ser()], {1}, {1}),
        ([stored(CODE, ONE, ""), jmp(), stored(CODE, TWO, "")], {1, 2}, {2}),
        ([stored(CODE, ONE, ""), fence(), jmp(), stored(CODE, TWO, "")], {1, 2}, {2}),
        ([stored(CODE, ONE, ""), fence(), stored(CODE, TWO, "alias"), jmp()], {1, 2}, {2}),
        ([rmw("%r", CODE, ONE), jmp()], {1}, {1}),
    ],
)  # fmt: skip
def test_self_modifying_code(code: list[Instruction], intel: set[Value], amd: set[Value]) -> None:
    """MMR 10.2."""
    for which, found in (("intel", intel), ("amd", amd)):
        assert values([*code, fetch("r0")], regs=["0:r0"], switches=Switches(smc=which)) == found


def test_a_virtual_fetch() -> None:
    """MMR 10.4: through any translation, the page's word as prefetched."""
    code = [rmw("%r", LEAF, Const(B)), fetch("r0", V, virtual=True)]
    assert values(code, init={"pte(N, v)": A}, regs=["0:r0"]) == {1, 2}
    states = values(
        [fetch("r0", V, virtual=True)], [write(lit("A.data"), Const(9))], init={"pte(N, v)": A}, regs=["0:r0"]
    )
    assert states == {1, 9}


# -- non-temporal stores -----------------------------------------------------------------------------


def test_non_temporal_stores() -> None:
    """MMR 2.6."""

    def mp(*between: Instruction, first: str = "nt", last: str = "") -> bool:
        threads = [stored(X, ONE, first), *between, stored(Y, ONE, last)], [read("r0", Y), read("r1", X)]
        return (1, 0) in shown(*threads, regs=["1:r0", "1:r1"])

    assert mp() and mp(first="", last="nt") and mp(fence("lfence")) and not mp(first="", last="")
    assert not mp(fence("sfence")) and not mp(fence()) and not mp(rmw("%r", lit("z"), ONE)) and not mp(ser())
    assert not mp(send("", 1))


def test_non_temporal_stores_of_one_cell_keep_their_order() -> None:
    code = [stored(X, ONE, "nt"), stored(X, TWO, ""), read("r0", X)]
    assert shown(code, regs=["0:r0"], mem=["x"]) == {(2, 2)}


def test_sfence_holds_no_loads() -> None:
    """MMR 2.5."""
    side = [stored(X, ONE, "nt"), fence("sfence"), read("r0", Y)]
    other = [stored(Y, ONE, "nt"), fence("sfence"), read("r0", X)]
    assert (0, 0) in shown(side, other, regs=["0:r0", "1:r0"])


# -- INVLPGB -----------------------------------------------------------------------------------------


def shootdown(*between: Instruction, **more: Any) -> bool:
    """May another CPU use the old page after it was changed, invalidated, and this was told?"""
    start = [write(LEAF, Const(B)), *between, write(X, ONE)]
    states = shown(
        start, [read("r0", X), vread("r1", V)], init={"pte(N, v)": A}, regs=["1:r0", "1:r1"], **more
    )
    return (1, 1) in states


def test_invlpgb() -> None:
    """MMR 11.1, 11.3."""
    flush = binv("all")
    assert shootdown(flush) and shootdown(flush, fence()) and shootdown(tlbsync())
    assert not shootdown(fence(), flush, tlbsync())
    assert shootdown(flush, tlbsync())  # it does not wait for the store of the entry
    assert not shootdown(flush, tlbsync(), switches=Switches(invlpgb_after_earlier_stores=True))
    assert not shootdown(fence(), binv("va", Const(0), V), tlbsync())
    assert shootdown(fence(), binv("va", Const(0), W), tlbsync())
    assert not shootdown(fence(), binv("pcid", Const(0)), tlbsync())
    assert shootdown(fence(), binv("pcid", ONE), tlbsync())


def test_all_invlpgbs_take_effect_in_the_end() -> None:
    code = [write(LEAF, Const(B)), fence(), binv("all")]
    assert shown(code, [], init={"pte(N, v)": A}, tlb=[(0, "v", A, None), (1, "v", A, None)]) == {(0, 0)}


def test_stores_that_tlbsync_waits_for() -> None:
    """MMR 11.3, 17.8."""

    def late(wait: bool) -> bool:
        states = shown(
            [rmw("%r", LEAF, Const(B)), binv("all"), tlbsync(), read("r0", lit("A.data"))],
            [vwrite(V, Const(7))],
            init={"pte(N, v)": A},
            regs=["0:r0"],
            mem=["A.data"],
            switches=Switches(tlbsync_waits_remote_stores=wait),
        )
        return (1, 7) in states

    assert late(False) and not late(True)


# -- bare ICR writes and delivery --------------------------------------------------------------------

NOTED = (read("h", X), write(lit("z"), Apply("add", (Reg("h"), Const(5)))))


def noted(kind: str, *before: Instruction, **more: Any) -> set[Value]:
    """What the handler of an IPI saw of x, plus 5, which was stored first."""
    return values([write(X, ONE), *before, send(kind, 1, *NOTED)], [], mem=["z"], **more)


def test_an_ipi_and_the_stores_before_it() -> None:
    """MMR 8.1, 8.2."""
    assert noted("") == {6} and noted("xapic") == {6}
    assert noted("x2apic") == {5, 6} and noted("x2apic", fence()) == {5, 6}
    assert noted("x2apic", fence(), fence("lfence")) == {6}
    assert noted("x2apic", fence("lfence")) == {5, 6} and noted("x2apic", rmw("%r", Y, ONE)) == {5, 6}
    assert noted("x2apic", rmw("%r", Y, ONE), fence("lfence")) == {6}
    assert noted("x2apic", ser()) == {6} and noted("x2apic", fence("sfence")) == {5, 6}
    assert noted("x2apic", switches=Switches(amd_x2apic_ordered=True)) == {6}
    assert noted("x2apic", fence(), switches=Switches(mfence_serializing=True)) == {6}
    assert noted("x2apic", fence(), switches=Switches(x2apic_fence="mfence")) == {6}
    for kind, found in (("sfence", {6}), ("mfence", {6}), ("lfence", {5, 6})):
        assert noted("x2apic", fence(kind), switches=Switches(x2apic_fence="sfence")) == found
    assert noted("x2apic", switches=Switches(store_buffer=False)) == {6}


def test_an_xapic_write_waits_for_locked_stores() -> None:
    """MMR 8.1: they are stores."""
    assert values([rmw("%r", X, ONE), send("xapic", 1, *NOTED)], [], mem=["z"]) == {6}
    assert values([rmw("%r", X, ONE), send("x2apic", 1, *NOTED)], [], mem=["z"]) == {5, 6}


def test_an_x2apic_write_waits_for_loads() -> None:
    """MMR 8.2: what the handler stores is not seen by loads before the send."""
    handler = (write(Y, ONE),)
    for before in ([], [write(X, ONE)]):
        code = [*before, read("r0", Y), send("x2apic", 1, *handler)]
        assert values(code, [], regs=["0:r0"]) == {0}
    locked = [rmw("r0", Y, TWO), send("x2apic", 1, *handler)]
    assert values(locked, [], regs=["0:r0"]) == {0, 1}


def test_loads_pass_an_xapic_write() -> None:
    """MMR 8.1: and so the stores before it."""
    threads = [write(X, ONE), send("xapic", 1), read("r0", Y)], [write(Y, ONE), fence(), read("r0", X)]
    more = {"regs": ["0:r0", "1:r0"]}
    assert (0, 0) in shown(*threads, **more)
    assert (0, 0) not in shown(*threads, **more, switches=Switches(ucw_blocks_later_loads=True))
    queue = [write(X, ONE), send("", 1), read("r0", Y)], threads[1]
    assert (0, 0) not in shown(*queue, **more)


def test_bare_ipis_are_in_no_queue() -> None:
    """MMR 8.3, 17.7."""

    def last(kind: str) -> set[Value]:
        code = [send(kind, 1, write(X, ONE), group="a"), send(kind, 1, write(X, TWO), group="b")]
        return values(code, [], mem=["x"])

    mixed = [send("xapic", 1, write(X, ONE), group="a"), send("", 1, write(X, TWO), group="b")]
    assert values(mixed, [], mem=["x"]) == {1, 2}
    assert last("") == {2} and last("xapic") == {1, 2} and last("x2apic") == {1, 2}


def test_waiting_for_a_bare_ipi() -> None:
    code = [write(X, ONE), send("xapic", 1, *NOTED), wait("g"), read("r0", lit("z"))]
    assert shown(code, [], regs=["0:r0"]) == {(6,)}


def test_a_delivery_need_not_drain() -> None:
    """MMR 8.4."""
    enable = Emit("IRQ", (Touch(lit("0:irq"), None, ONE),), text="sti")
    noting = read("h", Y), write(lit("z"), Apply("add", (Reg("h"), Const(5))))
    threads = [write(X, ONE), enable], [send("", 0, *noting)], [write(Y, ONE), fence(), read("r0", X)]
    more = {"regs": ["2:r0"], "mem": ["z"], "irq_off": [0]}
    drained = {(0, 6), (1, 5), (1, 6)}
    assert shown(*threads, **more) == drained
    assert shown(*threads, **more, switches=Switches(dlv_drains_sb=False)) == drained | {(0, 5)}
    serial = Switches(dlv_drains_sb=False, dlv_serializing=True)
    assert shown(*threads, **more, switches=serial) == drained


# -- what is in a TLB at the end ---------------------------------------------------------------------


def test_tlb_observables_and_tags() -> None:
    more = {"init": TAGGED, "pcids": [1]}
    left = [cr3(0, M, 2)]
    asked = [(0, "v", A, 1), (0, "v", B, None), (0, "v", A, None), (0, "v", B, 1)]
    states = shown(left, **more, tlb=asked)
    assert states == {(a, b, 0, 0) for a in (0, 1) for b in (0, 1)}
    # No walk under a PCID that is not current (MMR 3.3).
    flushed = [*left, tagged("invpcid1", ONE)]
    assert {s[0] for s in shown(flushed, **more, tlb=asked)} == {0}
    everywhere = {"init": TAGGED | {"pte(N, v)": Entry(A, GLOBAL)}, "pcids": [1]}
    assert {s[2] for s in shown(left, **everywhere, tlb=asked)} == {0, 1}


def test_tlb_observables_and_attributes() -> None:
    init = {"pte(N, v)": Entry(A, RO | NX)}
    asked = [(0, "v", A, None), (0, "v", Entry(A, RO), None), (0, "v", Entry(A, SUPERVISOR), None)]
    states = shown([], init=init, tlb=asked)
    assert {s[2] for s in states} == {0} and {s[:2] for s in states} == {
        (a, b) for a in (0, 1) for b in (0, 1)
    }


# -- profiles ----------------------------------------------------------------------------------------

SPARC = PROFILES["sparc64"]


def test_walks_for_accesses_alone() -> None:
    """MMR 3.3, without it: nothing is cached that nothing asked for."""
    init = {"pte(N, v)": A}
    change = rmw("%r", LEAF, Const(B))
    assert values([change, vread("r0", V)], init=init, regs=["0:r0"], switches=SPARC) == {2}
    code = [vread("r0", V), change, vread("r1", V)]
    assert shown(code, init=init, regs=["0:r0", "0:r1"], switches=SPARC) == {(1, 1), (1, 2)}
    code.insert(2, inv(0, "invlpg", va=V))
    assert shown(code, init=init, regs=["0:r0", "0:r1"], switches=SPARC) == {(1, 2)}
    assert values([], init=init, tlb=[(0, "v", A, None)], switches=SPARC) == {0}
    assert values([vread("r0", V)], init=init, tlb=[(0, "v", A, None)], switches=SPARC) == {0, 1}


def test_where_software_fills_tlbs_nothing_is_marked() -> None:
    """A and D are the software's own affair."""
    marked = {"pte(N, v)": Entry(A, UNACCESSED | CLEAN)}
    for code in ([], [vread("r0", V)], [vwrite(V, TWO)]):
        assert values(code, init=marked, mem=["pte(N, v)"], switches=SPARC) == {Entry(A, UNACCESSED | CLEAN)}


def test_faults_of_accesses_alone() -> None:
    assert values([vread("r0", V)], regs=["0:r0"], switches=SPARC) == {FAULT}
    assert values([write(LEAF, Const(A)), vread("r0", V)], regs=["0:r0"], switches=SPARC) == {1}


def test_no_store_buffer() -> None:
    threads = [stored(X, ONE, "nt"), read("r0", Y)], [write(Y, ONE), read("r0", X)]
    more = {"regs": ["0:r0", "1:r0"]}
    assert (0, 0) in shown(*threads, **more)
    assert (0, 0) not in shown(*threads, **more, switches=PROFILES["sc"])
    test = unroll(lowered(*threads, **more))
    assert explore(test, model="sc").states == explore(test, switches=PROFILES["sc"]).states
    assert decide(test, model="sc", want_states=True).states == ((0, 1), (1, 0), (1, 1))


# -- stories -----------------------------------------------------------------------------------------


def test_a_story_of_every_kind_of_step() -> None:
    two = unroll(
        lowered(
            [write(LOWER, Const(0)), binv("all"), tlbsync()],
            [vread("r0", V)],
            init={"pte(N, region)": T, "pte(T, v)": Entry(A, UNACCESSED)},
            regs=["1:r0"],
            levels=2,
        )
    )
    kinds = [kind for kind, _ in story(two, Switches(), (1,))]
    assert {"update", "walk", "fill", "flush", "exec", "commit"} <= set(kinds)
    assert kinds.index("update") < kinds.index("fill") and kinds.index("walk") < kinds.index("fill")
    faulted = [kind for kind, _ in story(two, Switches(), (FAULT,))]
    assert "fault" in faulted
    dirty = unroll(lowered([vwrite(V, TWO)], init={"pte(N, v)": Entry(A, CLEAN)}, mem=["A.data"]))
    assert ("update", "7.3") in story(dirty, Switches(), (2,))
    code = unroll(
        lowered([write(CODE, ONE), write(X, ONE)], [read("r0", X), fetch("r1")], regs=["1:r0", "1:r1"])
    )
    assert ("fetch", "10.1") in story(code, Switches(), (1, 0))
    ahead = unroll(lowered([write(X, ONE), fence(), send("x2apic", 1, *NOTED)], [], mem=["z"]))
    assert ("exec", "8.2") in story(ahead, Switches(), (5,))
    late = unroll(lowered([write(X, ONE), send("xapic", 1, *NOTED)], [], mem=["z"]))
    assert ("exec", "8.1") in story(late, Switches(), (6,))
