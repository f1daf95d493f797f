"""The abstract machine: rights at a use, and faults."""

from __future__ import annotations

from typing import Any

import pytest

from tests.properties.programs import fence, read, rmw, vread, vwrite, write
from tests.unit.explore.test_mmu import (
    GENERIC,
    LEAF,
    LOWER,
    OFF,
    ONE,
    UPPER,
    A,
    B,
    T,
    U,
    V,
    X,
    Y,
    binv,
    inv,
    lowered,
    send,
    ser,
    shown,
    tlbsync,
    values,
)
from verifier.explore import AbstractMachine
from verifier.explore.state import IDLE
from verifier.lower.unroll import unroll
from verifier.program.expressions import Const
from verifier.program.profiles import PROFILES, Switches
from verifier.program.values import FAULT, RO, Entry, Value

# -- faults ------------------------------------------------------------------------------------------


def test_a_fault_reads_at_its_place() -> None:
    """MMR 6.3, 8.4: the entry is read before own earlier stores are committed; later loads come after."""
    test = shown(
        [write(X, ONE), vread("r0", V), read("r1", Y)],
        [write(LEAF, Const(A)), fence(), read("r0", X), write(Y, ONE)],
        regs=["0:r0", "0:r1", "1:r0"],
    )
    assert (FAULT, 0, 0) in test
    sb = shown(
        [write(X, ONE), vread("r0", V), read("r1", Y)],
        [write(Y, ONE), fence(), read("r0", X)],
        regs=["0:r0", "0:r1", "1:r0"],
    )
    assert sb == {(FAULT, 0, 1), (FAULT, 1, 0), (FAULT, 1, 1)}


def test_nothing_between_the_two_instants_of_a_fault() -> None:
    """No interrupt, and no later event; what happens by itself goes on."""
    machine = AbstractMachine(
        unroll(lowered([write(X, ONE), vread("r0", V), read("r1", X)], [send("", 0, read("h", Y))]))
    )
    (start,) = machine.initials()
    seen, work = {start}, [start]
    between = 0
    while work:
        state = work.pop()
        steps = [step for cpu in machine.cpus for step in machine.moves(state, cpu)]
        if state.faults[0] != IDLE:
            between += 1
            assert {move.kind for move, _ in steps if move.cpu == 0} <= {"commit", "fault"}
        work += [s for s in {step[1] for step in steps} if s not in seen]
        seen.update(work)
    assert between


def test_a_fault_is_confirmed() -> None:
    """MMR 6.3: P from 0 to 1 needs no invalidation, by an own store nor by one that was seen."""
    assert values([write(LEAF, Const(A)), vread("r0", V)], regs=["0:r0"]) == {1}
    threads = [write(LEAF, Const(A)), write(X, ONE)], [read("r0", X), vread("r1", V)]
    more = {"regs": ["1:r0", "1:r1"]}
    assert shown(*threads, **more) == {(0, 1), (0, FAULT), (1, 1)}
    assert (1, FAULT) in shown(*threads, **more, switches=Switches(fault_walk="spurious_once"))
    once = [write(LEAF, Const(A)), write(X, ONE)], [read("r0", X), ser(), vread("r1", V)]
    assert (1, FAULT) not in shown(*once, **more, switches=Switches(fault_walk="spurious_once"))


def test_upper_levels_of_a_fault() -> None:
    """MMR 6.3, 17.1: they may be old, unless the walk is repeated, or they were invalidated."""
    init = {"pte(N, region)": T, "pte(T, v)": 0, "pte(U, v)": B}
    code = [rmw("%r", UPPER, Const(U)), vread("r0", V)]
    more = {"init": init, "regs": ["0:r0"], "levels": 2}
    assert values(code, **more) == {2, FAULT}
    assert values(code, **more, switches=Switches(fault_walk="rewalk")) == {2}
    code.insert(1, inv(0, "invlpg", va=V))
    assert values(code, **more) == {2}


REWALK = Switches(fault_walk="rewalk", spurious_prot_fault=False)
SOFTWARE = Switches(spontaneous=False, fault_walk="rewalk", spurious_prot_fault=False)
CHANGED: dict[str, Value] = {"pte(N, region)": T, "pte(T, v)": A, "pte(U, v)": B}


@pytest.mark.parametrize("switches", [GENERIC, REWALK, SOFTWARE])
def test_each_level_of_a_fault_is_read_at_its_own_instant(switches: Switches) -> None:
    """MMR 3.4, 6.3: the upper entry before the first store, the lower one after the second."""
    change = [write(UPPER, Const(U)), write(LOWER, Const(0))]
    more: dict[str, Any] = {"init": CHANGED, "levels": 2, "switches": switches}
    assert values(change, [vread("r0", V)], regs=["1:r0"], **more) == {1, 2, FAULT}
    removed = [change[0], fence(), binv("va", Const(0), V), tlbsync(), change[1]]
    assert values(removed, [vread("r0", V)], regs=["1:r0"], **more) == {1, 2}  # 17.1
    late = shown([*change, write(X, ONE)], [read("r0", X), vread("r1", V)], regs=["1:r0", "1:r1"], **more)
    assert ((1, FAULT) in late) == (switches == GENERIC)  # the loads are in program order
    between = shown([*change, write(X, ONE)], [vread("r0", V), read("r1", X), vread("r2", V)],
                    regs=["1:r0", "1:r1", "1:r2"], **more)  # fmt: skip
    assert ((2, 1, FAULT) in between) == (switches == GENERIC)  # each access loads anew


@pytest.mark.parametrize("switches", [GENERIC, REWALK, SOFTWARE])
def test_the_loads_of_a_fault_find_own_stores(switches: Switches) -> None:
    """MMR 1.1, 3.4, 6.3: a level is loaded from the store buffer, also after the store has left it."""
    own = [write(UPPER, Const(U)), vread("r0", V)]
    init: dict[str, Value] = {"pte(N, region)": T, "pte(T, v)": 0, "pte(U, v)": B}
    more: dict[str, Any] = {"init": init, "regs": ["0:r0"], "levels": 2, "switches": switches}
    assert values(own, **more) == ({2, FAULT} if switches == GENERIC else {2})
    assert values(own, [rmw("%r", UPPER, Const(T))], **more) == {2, FAULT}


def test_software_fills_a_tlb_level_by_level() -> None:
    """MMR 3.3, 3.4: what one access has walked for serves later ones; each access walks once."""
    change = [write(UPPER, Const(U)), write(LOWER, Const(B))]
    init: dict[str, Value] = {"pte(N, region)": T, "pte(T, v)": A, "pte(U, v)": A}
    more: dict[str, Any] = {"init": init, "levels": 2, "switches": SOFTWARE}
    assert values(change, [vread("r0", V)], regs=["1:r0"], **more) == {1, 2}
    init["pte(U, v)"] = 0
    twice = [vread("r0", V), read("r1", X), vread("r2", V)]
    found = shown([*change, write(X, ONE)], twice, regs=["1:r0", "1:r1", "1:r2"], **more)
    assert {(2, 1, 2), (1, 1, 1), (2, 1, FAULT), (1, 1, FAULT)} <= found
    assert not {(1, 1, 2), (2, 1, 1)} & found


def test_spurious_protection_faults() -> None:
    """MMR 6.2: by a cached entry, at most once."""
    code = [rmw("%r", LEAF, Const(A)), vwrite(V, Const(7)), vwrite(V, Const(8))]
    more = {"init": {"pte(N, v)": Entry(A, RO)}, "mem": ["A.data"]}
    assert values(code, **more) == {7, 8}
    assert values(code[:2], **more) == {1, 7}
    assert values(code[:2], **more, switches=OFF) == {7}
    assert values(code[:2], **more, switches=PROFILES["amd"]) == {7}


def test_what_is_permitted_may_always_be_used() -> None:
    """MMR 6.4: rights taken away, without an invalidation."""
    code = [rmw("%r", LEAF, Const(Entry(A, RO))), vwrite(V, Const(7))]
    assert values(code, init={"pte(N, v)": A}, mem=["A.data"]) == {1, 7}
    code.insert(1, inv(0, "invlpg", va=V))
    assert values(code, init={"pte(N, v)": A}, mem=["A.data"]) == {1}


def test_a_fault_invalidates() -> None:
    """MMR 5.1: its address, of the current PCID and globals, with the upper entries on the way."""
    more = {"init": {"pte(N, region)": T, "pte(T, v)": 0, "pte(T, w)": B, "pte(U, v)": B}, "levels": 2}
    code = [rmw("%r", UPPER, Const(U)), vread("r0", V), rmw("%r", LOWER, Const(A)), vread("r1", V)]
    states = shown(code, **more, regs=["0:r0", "0:r1"])
    assert (FAULT, 2) in states and (FAULT, 1) not in states and (2, 1) in states
