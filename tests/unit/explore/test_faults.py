"""The abstract machine: rights at a use, and faults."""

from __future__ import annotations

from tests.properties.programs import fence, read, rmw, vread, vwrite, write
from tests.unit.explore.test_mmu import (
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
    inv,
    lowered,
    send,
    ser,
    shown,
    values,
)
from verifier.explore import AbstractMachine
from verifier.explore.state import IDLE
from verifier.lower.unroll import unroll
from verifier.program.expressions import Const
from verifier.program.profiles import PROFILES, Switches
from verifier.program.values import FAULT, RO, Entry

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
