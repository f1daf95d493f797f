"""The abstract machine: small programs with known sets of final states."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

import verifier.explore as explore_room
from tests.effort import times
from tests.properties.mmu_programs import FOCI, random_mmu_test, random_switches
from tests.properties.programs import (
    cr3,
    drawing,
    fence,
    flush,
    invlpg,
    irq,
    lit,
    program,
    pte,
    random_test,
    read,
    rmw,
    send,
    translate,
    vread,
    vwrite,
    wait,
    with_ever,
    write,
)
from tests.properties.programs import lowered as make
from verifier.errors import UsageError
from verifier.explore import AbstractMachine, decide, explore
from verifier.explore.machine import ALL
from verifier.explore.search import Search
from verifier.explore.state import Move, State, Successor
from verifier.lower.code import Assume, Branch, Emit, Instruction, Jump, Label, Target, Touch
from verifier.lower.unroll import unroll
from verifier.program.events import Observable, Program
from verifier.program.expressions import TRUE, Apply, Const, Obs, Ref, Reg
from verifier.program.values import FAULT, Ptr, Value

X, Y, Z = lit("x"), lit("y"), lit("z")
ONE, TWO = Const(1), Const(2)
A, B = Ptr("A"), Ptr("B")
V = lit("v")
PTE = Const(pte("N", "v"))
MAPPED = {"pte(N, v)": A}


def shown(test: Program, **more: object) -> set[tuple[Value, ...]]:
    """All final states, of a search that was complete."""
    found = explore(test, **more)  # type: ignore[arg-type]
    assert found.complete and found.bad is None
    return found.shown


# -- x86-TSO -----------------------------------------------------------------------------------------


def sb(*between: Instruction) -> Program:
    return program(
        [write(X, ONE), *between, read("r0", Y)],
        [write(Y, ONE), *between, read("r0", X)],
        regs=["0:r0", "1:r0"],
    )


STRONG = {(0, 1), (1, 0), (1, 1)}


def test_store_buffering() -> None:
    assert shown(sb()) == STRONG | {(0, 0)}
    assert shown(sb(), model="sc") == STRONG
    assert shown(sb(fence())) == STRONG
    assert shown(sb(rmw("r1", Z, ONE))) == STRONG
    assert shown(sb(fence("lfence"))) == STRONG | {(0, 0)}
    assert shown(sb(fence("sfence"))) == STRONG | {(0, 0)}
    assert shown(sb(flush())) == STRONG


def test_a_failed_cmpxchg_drains_too() -> None:
    assert shown(sb(rmw("r1", Z, ONE, Apply("eq", (Reg("r1"), TWO))))) == STRONG


def test_message_passing_and_load_buffering() -> None:
    mp = program([write(X, ONE), write(Y, ONE)], [read("r0", Y), read("r1", X)], regs=["1:r0", "1:r1"])
    assert shown(mp) == {(0, 0), (0, 1), (1, 1)}
    lb = program([read("r0", X), write(Y, ONE)], [read("r0", Y), write(X, ONE)], regs=["0:r0", "1:r0"])
    assert shown(lb) == {(0, 0), (0, 1), (1, 0)}


def test_forwarding_is_not_forced_early() -> None:
    """n6: a CPU sees its own store before others do, and may as well see it overwritten."""
    n6 = program(
        [write(X, ONE), read("r0", X), read("r1", Y)],
        [write(Y, ONE), write(X, TWO)],
        regs=["0:r0", "0:r1"],
        mem=["x"],
    )
    states = shown(n6)
    assert (1, 0, 1) in states
    assert (1, 0, 2) in states
    assert (2, 1, 2) in states
    assert (2, 0, 2) not in states


def test_xchg_against_a_store_is_one_instant() -> None:
    """herd7 7.58 lets another store fall between the two halves; a machine does not."""
    test = program([rmw("r0", Y, ONE)], [write(Y, TWO)], regs=["0:r0"], mem=["y"])
    assert shown(test) == {(0, 2), (2, 1)}


def test_iriw_and_2_2w() -> None:
    readers = [read("r0", X), read("r1", Y)], [read("r0", Y), read("r1", X)]
    iriw = program([write(X, ONE)], [write(Y, ONE)], *readers, regs=["2:r0", "2:r1", "3:r0", "3:r1"])
    assert len(shown(iriw)) == 15
    w = program([write(X, ONE), write(Y, TWO)], [write(Y, ONE), write(X, TWO)], mem=["x", "y"])
    assert shown(w) == {(1, 2), (2, 1), (2, 2)}


def test_several_cells_at_once() -> None:
    both = Emit("W", (Touch(X, None, ONE), Touch(Y, None, ONE)))
    test = program([both], [Emit("R", (Touch(Y, "r0"), Touch(X, "r1")))], regs=["1:r0", "1:r1"])
    assert shown(test) == {(0, 0), (1, 1)}


def test_computed_addresses() -> None:
    test = program(
        [read("r0", X), write(Reg("r0"), TWO)],
        [write(X, lit("z"))],
        init={"x": Ptr("y")},
        mem=["y", "z"],
    )
    assert shown(test) == {(2, 0), (0, 2)}


def test_a_wrong_address_is_reported() -> None:
    found = explore(program([read("r0", X), read("r1", Reg("r0"))], regs=["0:r1"]))
    assert found.bad is not None and found.bad.told.endswith("r1 = Reg(name='r0')") and not found.states


# -- control -----------------------------------------------------------------------------------------


def test_branches_and_assumptions() -> None:
    code: list[Instruction] = [
        read("r0", X),
        Branch(Apply("eq", (Reg("r0"), Const(0))), "skip"),
        write(Y, ONE),
        Label("skip"),
    ]
    test = program(code, [write(X, ONE)], regs=["0:r0"], mem=["y"])
    assert shown(test) == {(0, 0), (1, 1)}
    spin = program([read("r0", X), Assume(Apply("eq", (Reg("r0"), ONE)))], [write(X, ONE)], regs=["0:r0"])
    assert shown(spin) == {(1,)}


def test_no_run_ends() -> None:
    found = explore(program([read("r0", X), Assume(Apply("eq", (Reg("r0"), ONE)))], regs=["0:r0"]))
    assert found.deadlock and not found.states and found.complete


def test_a_loop_is_cut() -> None:
    code: list[Instruction] = [
        Label("again"),
        read("r0", X),
        write(Y, ONE),
        Branch(Apply("eq", (Reg("r0"), Const(0))), "again"),
    ]
    found = explore(program(code, [write(X, ONE)], regs=["0:r0"]))
    assert found.cut and found.states == {(1,)} and not found.deadlock
    forever = explore(program([Label("again"), write(X, ONE), Jump("again")]))
    assert forever.cut and not forever.states and not forever.deadlock


def test_limits() -> None:
    assert not explore(sb(), limit_states=2).complete
    many = program(*([write(X, Const(i)), read("r0", Y), write(Y, Const(i))] for i in range(6)), mem=["x"])
    start = time.monotonic()
    assert not explore(many, timeout=0.2).complete
    assert time.monotonic() - start < 5
    with pytest.raises(UsageError):
        explore(sb(), model="pso")


def test_filter_and_projection() -> None:
    test = sb()
    test.shown = [1]
    test.filter = Apply("eq", (Apply("add", (Obs(0), Obs(1))), ONE))
    found = explore(test)
    assert found.states == {(0, 1), (1, 0)} and found.shown == {(0,), (1,)}


# -- translation -------------------------------------------------------------------------------------


def test_an_old_translation_stays_usable() -> None:
    """No fence orders a walk (MMR 2.1, 2.3); INVLPG does (5.3); INVLPG before the store does not (5.5)."""

    def after(*code: Instruction) -> set[tuple[Value, ...]]:
        return shown(program([*code, vread("r0", V)], init=MAPPED, regs=["0:r0"], translated=True))

    change = write(PTE, lit("B"))
    assert after(change) == {(1,), (2,)}
    assert after(change, fence()) == {(1,), (2,)}
    assert after(change, rmw("r1", X, ONE)) == {(1,), (2,)}
    assert after(change, invlpg(V)) == {(2,)}
    assert after(change, flush()) == {(2,)}
    assert after(change, invlpg(lit("w"))) == {(1,), (2,)}
    assert after(change, cr3(0, lit("N"))) == {(2,)}
    assert after(change, cr3(0, lit("N"), False)) == {(1,), (2,)}
    assert after(invlpg(V), change) == {(1,), (2,)}


def test_a_fault_is_confirmed_by_a_load() -> None:
    """MMR 6.3: the terminating read sees the own store buffer; what is cached may still serve."""

    def after(*code: Instruction, **more: object) -> set[tuple[Value, ...]]:
        made = program([*code, vread("r0", V)], regs=["0:r0"], translated=True, **more)  # type: ignore[arg-type]
        return shown(made)

    assert after() == {(FAULT,)}
    assert after(write(PTE, lit("A"))) == {(1,)}
    assert after(write(PTE, Const(0)), init=MAPPED) == {(1,), (FAULT,)}
    assert after(write(PTE, Const(0)), invlpg(V), init=MAPPED) == {(FAULT,)}
    assert after(cached=[(0, "v", "B")]) == {(2,), (FAULT,)}


def test_a_fault_drains_and_invalidates() -> None:
    """MMR 5.1, 8.4: after a fault nothing cached for the address is left."""
    test = program(
        [write(X, ONE), translate("r0", V), read("r1", Y), translate("r2", V)],
        [write(Y, ONE), fence(), read("r0", X)],
        regs=["0:r0", "0:r1", "0:r2", "1:r0"],
        cached=[(0, "v", "A")],
        translated=True,
    )
    states = shown(test)
    assert (A, 0, A, 0) in states  # through the TLB: store buffering
    assert not any(r0 == FAULT and r1 == 0 and x == 0 for r0, r1, _, x in states)
    assert not any(r0 == FAULT and r2 != FAULT for r0, _, r2, _ in states)


def test_a_walk_may_read_its_own_store_buffer() -> None:
    """MMR 3.5: not another CPU's, and nothing forces it to."""
    test = program(
        [write(PTE, lit("B")), translate("r0", V), read("r1", Y)],
        [write(Y, ONE), fence(), read("r0", PTE)],
        init=MAPPED,
        regs=["0:r0", "0:r1", "1:r0"],
        translated=True,
    )
    states = shown(test)
    assert (B, 0, A) in states and (A, 0, A) in states and (A, 1, B) in states


def test_a_store_keeps_the_page_of_its_execution() -> None:
    """MMR 1.2: translated when executed, written when committed."""
    test = program(
        [vwrite(V, Const(7)), read("r0", X)],
        [write(PTE, lit("B")), fence(), read("r0", Const(Ptr("A.data"))), write(X, ONE)],
        init=MAPPED,
        regs=["0:r0", "1:r0"],
        mem=["A.data", "B.data"],
        translated=True,
    )
    states = shown(test)
    assert (0, 1, 7, 2) in states and (0, 7, 7, 2) in states and (1, 1, 7, 2) in states


def test_tlb_at_the_end() -> None:
    test = program(
        [write(PTE, lit("B"))],
        [flush()],
        init=MAPPED,
        tlb=[(0, "v", "A"), (0, "v", "B"), (1, "v", "A")],
        translated=True,
    )
    assert shown(test) == {(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)}
    quiet = program([write(PTE, lit("B")), flush()], [], init=MAPPED, tlb=[(0, "v", "A")], translated=True)
    assert shown(quiet) == {(0,)}


def test_ever() -> None:
    test = make([write(X, ONE), write(X, TWO)], [write(Y, ONE)])
    instants = Observable("mem", "x", cell=Ptr("x")), Observable("mem", "y", cell=Ptr("y"))
    with_ever(test, lambda x, y: Apply("and", (Apply("eq", (x, ONE)), Apply("eq", (y, ONE)))), *instants)
    assert shown(unroll(test)) == {(0,), (1,)}
    never = make([write(X, ONE), write(Y, ONE)], [])
    with_ever(never, lambda x, y: Apply("and", (Apply("eq", (x, Const(0))), y)), *instants)
    assert shown(unroll(never)) == {(0,)}


# -- interrupts --------------------------------------------------------------------------------------


def target(cpu: int, *code: Instruction) -> Target:
    return Target(cpu, TRUE, code, (), "handler")


def test_a_handler_runs_at_any_boundary() -> None:
    test = program(
        [send("g", target(1, write(X, ONE)))],
        [read("r0", X), read("r1", X)],
        regs=["1:r0", "1:r1"],
        mem=["x"],
    )
    assert shown(test) == {(0, 0, 1), (0, 1, 1), (1, 1, 1)}


def test_a_window_holds_a_handler_back() -> None:
    test = program(
        [send("g", target(1, write(X, ONE)))],
        [irq(1, 0), read("r0", X), read("r1", X), irq(1, 1)],
        regs=["1:r0", "1:r1"],
    )
    assert shown(test) == {(0, 0), (1, 1)}


def test_interrupts_left_off() -> None:
    code = [send("g", target(1, write(X, ONE))), wait("g")]
    found = explore(program(code, [], irq_off=[1]))
    assert found.deadlock


def test_a_wait_is_for_the_handler_and_its_stores() -> None:
    test = program(
        [write(Y, ONE), send("g", target(1, read("r0", Y), write(X, ONE))), wait("g"), read("r0", X)],
        [write(Z, ONE), read("r1", Y)],
        regs=["0:r0"],
        mem=["x", "z"],
    )
    assert shown(test) == {(1, 1, 1)}


def test_ipis_of_one_sender_arrive_in_order() -> None:
    """MMR 17.7."""
    two = program([send("a", target(1, write(X, ONE))), send("b", target(1, write(X, TWO)))], [], mem=["x"])
    assert shown(two) == {(2,)}
    senders = program(
        [send("a", target(2, write(X, ONE)))], [send("b", target(2, write(X, TWO)))], [], mem=["x"]
    )
    assert shown(senders) == {(1,), (2,)}


def test_a_send_to_some() -> None:
    maybe = Target(1, Reg("r0"), (write(Y, Reg("info")),), (("info", Reg("r0")),), "handler")
    code = [read("r0", X), send("g", maybe), wait("g")]
    test = program(code, [], [write(X, Const(5))], regs=["0:r0"], mem=["y"])
    assert shown(test) == {(0, 0), (5, 5)}


# -- the two protocols of the kernel that started this -----------------------------------------------


def switch_mm(*, mb: bool, cr3_first: bool = False) -> Program:
    """Who changes an entry against who switches to it (S000-01 of docs/seeds.md)."""
    announce, load = rmw("r9", X, ONE), cr3(1, lit("N"))
    return program(
        [
            write(PTE, lit("B")),
            *([fence()] if mb else []),
            read("r0", X),
            send("g", Target(1, Reg("r0"), (flush(),), (), "flush")),
            wait("g"),
        ],
        [irq(1, 0), *((load, announce) if cr3_first else (announce, load)), irq(1, 1), translate("r1", V)],
        init=MAPPED,
        regs=["0:r0"],
        tlb=[(1, "v", "A")],
        cr3s=["N", "M"],
        translated=True,
    )


def test_switch_mm() -> None:
    assert shown(switch_mm(mb=True)) == {(0, 0), (1, 0)}
    assert shown(switch_mm(mb=False)) == {(0, 0), (1, 0), (0, 1)}
    assert (0, 1) in shown(switch_mm(mb=True, cr3_first=True))


def test_the_story_of_switch_mm() -> None:
    found = explore(switch_mm(mb=False), want=lambda state: state == (0, 1), first=True)
    assert found.trace is not None and found.trace.state == (0, 1)
    steps = found.trace.steps
    kinds = [step.kind for step in steps]
    fill = kinds.index("fill")
    commit = next(i for i, s in enumerate(steps) if s.kind == "commit" and s.writes == (("pte(N, v)", B),))
    load = next(i for i, s in enumerate(steps) if s.event is not None and s.event.op == "CR3")
    assert load < fill < commit
    assert steps[fill].reads == (("pte(N, v)", A),)
    stored = next(i for i, s in enumerate(steps) if s.event is steps[commit].event)
    assert steps[stored].kind == "exec" and stored < commit


def test_every_state_has_a_story() -> None:
    found = explore(switch_mm(mb=False), traces=True)
    assert set(found.traces) == found.states
    assert all(trace.state == found.project(state) for state, trace in found.traces.items())  # type: ignore[arg-type]


def test_as_a_judge() -> None:
    test = switch_mm(mb=False)
    test.condition = Obs(1)
    answer = decide(test, want_states=True)
    assert answer.reachable and answer.refutable and not answer.cut and not answer.deadlock
    assert answer.states == ((0, 0), (0, 1), (1, 0))
    assert (answer.positive, answer.negative) == (1, 2)
    assert answer.witness is not None and answer.witness.state == (0, 1)
    assert answer.counter is not None and answer.counter.state[1] == 0
    given_up = decide(test, limit_states=1)
    assert given_up.reason == "too many states" and given_up.states is None
    assert decide(program([read("r0", X), read("r1", Reg("r0"))])).bad is not None


# -- the machine against a plainer one ---------------------------------------------------------------


class Spontaneous(AbstractMachine):
    """The machine without the argument about largest caches: each read of a walk is a step of its own."""

    def _fill(self, draft: object, used: object) -> None:
        pass

    def moves(self, state: State, cpu: int, which: int = ALL) -> list[Successor]:
        out = super().moves(state, cpu, which)
        if self.translating and self.caches.cr3[cpu] >= 0:
            here = state.tlbs[cpu], state.memory, state.buffers[cpu], cpu
            for va in range(len(self.program.vas)):
                for bit, *_ in self.caches.derivations(*here, va):
                    if not bit & state.tlbs[cpu]:
                        tlbs = list(state.tlbs)
                        tlbs[cpu] |= bit
                        out.append((Move("fill", cpu), state._replace(tlbs=tuple(tlbs))))
        return out


@pytest.mark.long
@pytest.mark.parametrize("kind", ["plain", "mmu", "ipi", "all"])
def test_reductions_lose_nothing(kind: str) -> None:
    compared = 0
    for seed in range(times(14)):
        test = unroll(random_test(drawing(seed), kind), 1)
        whole = explore(test, reduced=False, limit_states=4000)
        if whole.complete:
            compared += 1
            assert explore(test).states == whole.states, f"{kind} {seed}"
    assert compared > times(4)


@pytest.mark.long
def test_largest_tlbs_lose_nothing() -> None:
    compared = 0
    for seed in range(times(30)):
        lowered = random_test(drawing(seed), "mmu")
        if any(o.kind == "ever" for o in lowered.observables):
            continue  # an instant would have to be looked at after each fill
        test = unroll(lowered, 1)
        search = Search(Spontaneous(test), 3000, None, reduced=False)
        plain = search.run()
        if plain.complete:
            compared += 1
            assert explore(test).states == plain.states, seed
    assert compared > times(8)


@pytest.mark.slow
@pytest.mark.parametrize("focus", FOCI)
def test_reductions_lose_nothing_of_the_whole_mmu(focus: str) -> None:
    compared = 0
    for seed in range(times(15)):
        draw = drawing(seed)
        test = unroll(random_mmu_test(draw, focus), 1)
        switches = random_switches(draw)
        whole = explore(test, switches=switches, reduced=False, limit_states=2000)
        if whole.complete:
            compared += 1
            assert explore(test, switches=switches).states == whole.states, f"{focus} {seed}"
    assert compared > times(9)


@pytest.mark.long
@pytest.mark.parametrize("focus", ["walks", "tags", "marks", "broadcast"])
def test_largest_caches_lose_nothing(focus: str) -> None:
    compared = 0
    for seed in range(times(12)):
        test = unroll(random_mmu_test(drawing(seed), focus), 1)
        plain = Search(Spontaneous(test), 4000, None, reduced=False).run()
        if plain.complete:
            compared += 1
            assert explore(test).states == plain.states, f"{focus} {seed}"
    assert compared > times(3)


def test_slots_of_a_finished_body_are_forgotten() -> None:
    test = program([read("r0", X), read("r1", X)], [write(X, ONE)], regs=["0:r1"])
    machine = AbstractMachine(test)
    assert machine.rest((2, 1)).slots == 0
    assert isinstance(test.observables[0].expr, Ref)


@pytest.mark.slow
def test_it_knows_nothing_of_the_axioms() -> None:
    rooms = ("explore", "program", "budget", "errors", "patterns", "records", "source")
    allowed = tuple(f"verifier.{room}" for room in rooms)
    for path in Path(explore_room.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [a.name for a in node.names] if isinstance(node, ast.Import) else []
            assert all(n.startswith(allowed) for n in names if n.startswith("verifier")), path
