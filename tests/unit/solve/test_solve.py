"""The Z3 judge: acyclicity, the interpreters against each other, witnesses that must be refused."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from itertools import product

import pytest

from verifier.budget import Budget
from verifier.errors import InternalError, LimitError
from verifier.execution import Execution, check
from verifier.lower.build import build
from verifier.lower.code import Emit, Lowered, Target, Touch
from verifier.lower.unroll import unroll
from verifier.model import MODELS, Events, Model, Relation, model
from verifier.program.events import Cell, Observable, Program, World
from verifier.program.expressions import TRUE, Apply, Const, Obs, Reg, bits_in, call
from verifier.program.profiles import PROFILES
from verifier.program.values import Ptr
from verifier.solve import decide
from verifier.solve.acyclic import MAX_JOINS, require_acyclic
from verifier.solve.clauses import Clauses
from verifier.solve.decode import decode
from verifier.solve.encode import encode
from verifier.solve.lazily import Watched
from verifier.solve.queries import _Asked
from verifier.solve.symbolic import Space, SymbolicEvents, SymbolicRelation
from verifier.solve.z3 import Solver, _forgotten, _Library, _shared, core
from verifier.source import Source
from verifier.syntax import load as load_test

X, Y = Ptr("x"), Ptr("y")
HANG = """MM t
#include "linux/wait.inc"
{ int x; int y; int z; spinlock_t l; spinlock_t m; int p; }
void h(void *info) {  }
void g(void *info) { spin_lock(&l); spin_lock(&m); WRITE_ONCE(z, 0); spin_unlock(&l); }
void cb(void *info) {  }
P0 { WRITE_ONCE(y, 1); }
P1 {
    smp_call_function_single(0, g, NULL, 0); WRITE_ONCE(z, 1); wake_up_process(cpu_curr(1));
    local_irq_disable(); apic_icr_write(1, g); halt(); local_irq_enable();
}
P2 { local_irq_disable(); local_irq_enable(); }
nmi P0 { r0 = spin_trylock(&m); }
locations [x; y; z; l; m; ]
exists (x = 1)
"""
FENCE = Emit("F", kind="mfence")


def store(cell: Ptr, value: int) -> Emit:
    return Emit("W", (Touch(Const(cell), None, Const(value)),))


def load(cell: Ptr, into: str) -> Emit:
    return Emit("R", (Touch(Const(cell), into),))


def exchange(cell: Ptr, value: int, into: str) -> Emit:
    return Emit("X", (Touch(Const(cell), into, Const(value)),))


def program(*threads: list[Emit], registers: list[tuple[int, str]]) -> Program:
    observables = [Observable("reg", f"{c}:{r}", c, Reg(r)) for c, r in registers]
    cells = {c: Cell(c, c.base, 0) for c in (X, Y)}
    shown = list(range(len(registers)))
    both_zero = call("and", *(Apply("eq", (Obs(i), Const(0))) for i in shown))
    world = World(len(threads), cells)
    return unroll(Lowered([tuple(t) for t in threads], world, observables, both_zero, shown))


def store_buffering(*between: Emit) -> Program:
    return program(
        [store(X, 1), *between, load(Y, "a")],
        [store(Y, 1), *between, load(X, "a")],
        registers=[(0, "a"), (1, "a")],
    )


Pairs = list[tuple[int, int, int]]


def some_relation(rng: random.Random, size: int, many: int, alone: float) -> tuple[SymbolicRelation, Pairs]:
    """A relation over ``size`` events: a tenth of the pairs are sure, up to ``many`` others have literals.
    Some are chosen together, others against their reverse; ``alone`` is the part that is chosen alone."""
    clauses = Clauses()
    relation = SymbolicRelation(Space(size, clauses))
    literals: Pairs = []
    shared = [clauses.new(), clauses.new()]
    for a, b in rng.sample(list(product(range(size), repeat=2)), size * size):
        kind = rng.random()
        if a != b and kind < 0.1:
            relation.add(a, b)
        elif kind > 0.5 and len(literals) < many:
            literal = clauses.new() if rng.random() < alone else rng.choice(shared)
            relation.add(a, b, literal)
            literals.append((a, b, literal))
            if kind > 0.9 and not relation.may_hold(b, a):
                relation.add(b, a, -literal)
                literals.append((b, a, -literal))
    return relation, literals


def acyclic(relation: SymbolicRelation, literals: Pairs, assumed: list[int]) -> bool:
    """Is it without a cycle where these literals hold?"""
    sure = [(a, b) for a, row in enumerate(relation.must) for b in bits_in(row)]
    return Relation([*sure, *((a, b) for a, b, x in literals if x in assumed)]).cycle() is None


@pytest.mark.parametrize(("joins", "lazily"), [(MAX_JOINS, False), (0, False), (0, True)])
@pytest.mark.parametrize("seed", range(100))
def test_acyclic_agrees_with_enumeration(seed: int, joins: int, lazily: bool) -> None:
    """Every choice of pairs of a small random relation: clauses hold iff there is no cycle."""
    relation, literals = some_relation(random.Random(seed), 5, 9, 0.6)
    watched: list[Watched] = []
    require_acyclic(relation, joins, watched if lazily else None)
    with Solver(relation.space.clauses.dimacs(), watched=watched) as solver:
        distinct = sorted({abs(x) for *_, x in literals})
        for bits in product((1, -1), repeat=len(distinct)):
            assumed = [x * on for x, on in zip(distinct, bits, strict=True)]
            assert solver.check(assumed) == acyclic(relation, literals, assumed), (literals, assumed)


@pytest.mark.parametrize("seed", range(120))
def test_elimination_agrees_on_larger_relations(seed: int) -> None:
    """Some choices of pairs: here a sure pair makes the path of one pair that of others, too."""
    rng = random.Random(seed)
    relation, literals = some_relation(rng, 10, 30, 1)
    require_acyclic(relation)
    with Solver(relation.space.clauses.dimacs()) as solver:
        distinct = sorted({abs(x) for *_, x in literals})
        for _ in range(60):
            assumed = [x if rng.random() < 0.25 else -x for x in distinct]
            assert solver.check(assumed) == acyclic(relation, literals, assumed), (literals, assumed)


def test_the_two_interpreters_of_the_algebra_agree() -> None:
    """Sure relations only: each operator gives the same pairs in both interpreters."""
    rng = random.Random(7)
    for _ in range(200):
        space = Space(5, Clauses())
        pairs = [{(rng.randrange(5), rng.randrange(5)) for _ in range(6)} for _ in range(2)]
        concrete = [Relation(p) for p in pairs]
        symbolic = []
        for p in pairs:
            relation = SymbolicRelation(space)
            for a, b in p:
                relation.add(a, b)
            symbolic.append(relation)
        members = [{e for e in range(5) if rng.random() < 0.5} for _ in range(2)]
        sets = [SymbolicEvents(space, sum(1 << e for e in m)) for m in members]
        (r, s), (q, t) = concrete, symbolic
        for expected, got in [
            (r | s, q | t),
            (r & s, q & t),
            (r @ s, q @ t),
            (~r, ~q),
            (r.irreflexive(), q.irreflexive()),
            (Events(members[0]) * Events(members[1]), sets[0] * sets[1]),
        ]:
            assert not got.may
            assert {(a, b) for a in range(5) for b in range(5) if got.must[a] >> b & 1} == set(expected)


def test_store_buffering() -> None:
    answer = decide(store_buffering(), want_states=True)
    assert answer.reachable and answer.refutable
    assert answer.states == ((0, 0), (0, 1), (1, 0), (1, 1))
    assert (answer.positive, answer.negative) == (1, 3)
    assert answer.witness is not None and answer.witness.state == (0, 0)


def test_a_fence_a_lock_or_sc_forbid_store_buffering() -> None:
    assert decide(store_buffering(FENCE)).reachable is False
    assert decide(store_buffering(exchange(Ptr("x"), 2, "t"))).reachable is False
    assert decide(store_buffering(), model="sc").reachable is False


def test_fences_that_order_nothing_beyond_tso() -> None:
    for kind in ("lfence", "sfence"):
        assert decide(store_buffering(Emit("F", kind=kind))).reachable is True


def witness(p: Program, model: Model = MODELS["x86-tso"]) -> Execution:
    asked = _Asked(p, model, None, 0)
    solver = Solver(asked.encoding.clauses.dimacs())
    assert solver.check([asked.proposition])
    return decode(asked.encoding, solver)


def test_a_witness_that_is_tampered_with_is_refused() -> None:
    """Each kind of lie is found by the concrete interpreter."""
    p = program(
        [store(X, 1), FENCE, load(Y, "a")],
        [exchange(Y, 1, "b"), load(X, "a")],
        registers=[(0, "a"), (1, "b")],
    )
    execution = witness(p)
    assert check(execution).wrong == []

    def wrong(**changes: object) -> list[str]:
        fresh = witness(p)
        for name, value in changes.items():
            setattr(fresh, name, value)
        return check(fresh).wrong

    good = execution
    reads = good.reads
    assert wrong(reads=[reads[0]._replace(value=9), *reads[1:]])
    assert wrong(slots={k: 5 for k in good.slots})
    assert wrong(executed=frozenset(list(good.executed)[1:]))
    assert wrong(order=[line[::-1] for line in good.order])
    assert wrong(co={c: [] for c in good.co})


LEVELS = """MM levels
{ page A = 1; page B = 2; table T { v -> A }; table U { v -> B }; mm N { v -> T }; 1:cr3 = N; }
P0 { set_pmd(pmd(N, v), U); pte_clear(pte(T, v)); }
P1 { r0 = *v; }
exists (1:r0 = fault)
"""
FILLS = (
    LEVELS.replace("pte_clear(pte(T, v))", "set_pte(pte(T, v), B)")
    .replace("*v", "translate(v)")
    .replace("v -> B", "v -> A")
    .replace("r0 = fault", "r0 = B")
)


@pytest.mark.parametrize("text, profile", [(LEVELS, "amd"), (LEVELS, "sparc64"), (FILLS, "sparc64")])
def test_the_levels_of_a_walk_by_loads_are_loads_of_its_access(text: str, profile: str) -> None:
    """MMR 3.4, 6.3: they come right before it in program order."""
    (test,) = load_test(Source("levels", text))
    x = witness(build(test), model(PROFILES[profile]))
    assert check(x).wrong == []
    ((access, (load,)),) = [pair for pair in x.loads.items() if pair[1]]
    assert x.instants(access)[:2] == [load, access]
    assert [node for node, _, _ in x.walk_of(access).levels] == [load, access]  # type: ignore[union-attr]
    x.loads = {}
    assert any("does not load pte(N, v)" in text for text in check(x).wrong)
    (walk,) = x.walks
    x.walks = [walk._replace(levels=walk.levels[:1])]
    assert any("no access loads" in text for text in check(x).wrong)


def test_a_wrong_verdict_of_the_encoder_is_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its acyclicity clauses the encoder would allow SB with fences; the check finds out."""
    monkeypatch.setattr("verifier.solve.encode.require_acyclic", lambda relation, watched: None)
    with pytest.raises(InternalError, match="ghb"):
        decide(store_buffering(FENCE))


def interrupt(*thread: Emit, wait: bool = True, on: int = 1) -> Program:
    """P0 interrupts P1, whose handler stores 5 to y; P1 runs ``thread``."""
    handler = (store(Y, 5),)
    send = [Emit("SEND", group="g", targets=(Target(1, Const(1), handler),))]
    cells = {c: Cell(c, c.base, 0) for c in (X, Y)}
    for c in range(2):
        cells[Ptr(f"{c}:irq")] = Cell(Ptr(f"{c}:irq"), f"{c}:irq", on, "register")
    waits = [Emit("WAIT", group="g"), load(Y, "a")] if wait else []
    observables = [Observable("reg", "0:a", 0, Reg("a")), Observable("reg", "1:a", 1, Reg("a"))]
    return unroll(Lowered([(*send, *waits), thread], World(2, cells), observables, TRUE, [0, 1]))


def irq(value: int) -> Emit:
    return Emit("IRQ", (Touch(Const(Ptr("1:irq")), None, Const(value)),))


def test_a_wait_returns_after_the_handler() -> None:
    assert decide(interrupt(), want_states=True).states == ((5, 0),)


def test_a_handler_does_not_run_in_a_window() -> None:
    p = interrupt(irq(0), store(Y, 1), load(Y, "a"), irq(1), wait=False)
    assert decide(p, want_states=True).states == ((0, 1),)
    p = interrupt(store(Y, 1), load(Y, "a"), wait=False)
    assert decide(p, want_states=True).states == ((0, 1), (0, 5))


def test_interrupts_off_for_ever_is_a_deadlock() -> None:
    answer = decide(interrupt(on=0))
    assert answer.deadlock and answer.reachable is False


def test_an_encoding_is_the_same_every_time() -> None:
    texts = {encode(store_buffering(), MODELS["x86-tso"]).clauses.dimacs() for _ in range(3)}
    assert len(texts) == 1


def pigeons(count: int) -> str:
    """One pigeon more than there are holes: Z3 does not get to the end of it."""
    clauses = Clauses()
    at = [[clauses.new() for _ in range(count)] for _ in range(count + 1)]
    clauses.rows += map(tuple, at)
    for hole in zip(*at, strict=True):
        clauses.at_most_one(list(hole))
    return clauses.dimacs()


@pytest.mark.slow
def test_checks_end_with_the_time() -> None:
    with Solver(pigeons(14), budget=Budget(0.3)) as solver:
        assert solver.check() is None
        assert solver.check() is None  # and so does the next one


@pytest.mark.long
def test_the_clock_has_no_say_in_what_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    (test,) = load_test(Source("hang", HANG))
    program = build(test)
    machine = PROFILES["sparc64"]
    quick = decide(program, switches=machine, budget=Budget(60)).hang
    ordinary = Solver.check

    def slow(solver: Solver, assumptions: Sequence[int] = ()) -> bool | None:
        time.sleep(0.06)
        return ordinary(solver, assumptions)

    monkeypatch.setattr(Solver, "check", slow)
    assert quick is not None and decide(program, switches=machine, budget=Budget(60)).hang == quick


def test_time_that_is_over_between_checks_cancels_nothing_else() -> None:
    with Solver("p cnf 1 1\n1 0\n", budget=Budget(0.01)) as solver:
        assert solver.watch is not None
        time.sleep(0.1)
    with Solver("p cnf 1 1\n1 0\n") as other:
        assert other.check()


def test_a_watch_without_memory_for_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", start)
    monkeypatch.setattr("verifier.solve.z3._ticking", None)
    with pytest.raises(MemoryError):
        Solver("p cnf 1 1\n1 0\n", budget=Budget(1))
    with Solver("p cnf 1 1\n1 0\n") as solver:
        assert solver.check()


def test_no_memory_for_a_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "Z3_mk_context_rc", lambda config: None)
    monkeypatch.setattr("verifier.solve.z3.z3", _Library())
    monkeypatch.setattr("verifier.solve.z3._context", None)
    with pytest.raises(MemoryError):
        Solver("p cnf 1 1\n1 0\n")


@pytest.mark.parametrize("call", ["Z3_mk_solver_for_logic", "Z3_solver_from_string", "Z3_mk_params"])
def test_no_memory_in_a_call(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise core.Z3Exception(b"out of memory")

    monkeypatch.setattr(core, call, fails)
    monkeypatch.setattr("verifier.solve.z3.z3", _Library())
    with pytest.raises(LimitError, match="memory: Z3 gives up: out of memory"):
        Solver("p cnf 1 1\n1 0\n", budget=Budget(5))


def test_what_is_no_lack_of_memory_is_a_fault() -> None:
    with pytest.raises(core.Z3Exception, match="unexpected char"):
        Solver("p cnf 1 1\nx 0\n")


def test_a_solver_that_is_forgotten_is_freed_by_the_next_one() -> None:
    """Who forgets it may be any thread, and another one may be in Z3."""
    Solver("p cnf 1 1\n1 0\n").check()
    assert _forgotten
    with Solver("p cnf 1 1\n1 0\n") as solver:
        assert not _forgotten and solver.check()


@pytest.mark.slow
def test_a_solver_that_is_forgotten_interrupts_nobody() -> None:
    """Both are in the context that the process shares."""
    with Solver("p cnf 1 1\n1 0\n") as first:
        assert first.check()
    Solver("p cnf 1 1\n1 0\n", budget=Budget(0.05)).check()
    with Solver(pigeons(8)) as other:
        assert other.check() is False


def test_stores_that_wait_for_each_other_are_all_found() -> None:
    """Each of these stores happens only after another CPU's: what may be read grows round after round."""
    text = """MM chain
{ int a; int b; int c; int d; int e; int f; }
P0 { WRITE_ONCE(a, 1); if (READ_ONCE(b)) WRITE_ONCE(c, 1); if (READ_ONCE(d)) WRITE_ONCE(e, 1); }
P1 {
    if (READ_ONCE(a)) WRITE_ONCE(b, 1);
    if (READ_ONCE(c)) WRITE_ONCE(d, 1);
    if (READ_ONCE(e)) WRITE_ONCE(f, 1);
}
exists (f = 1)
"""
    (test,) = load_test(Source("t", text))
    assert decide(build(test)).reachable


def lasting() -> list[object]:
    """The solvers that wait for the next small text."""
    return [found for idle in _shared().idle.values() for found in idle]


def test_small_texts_share_a_solver_and_say_nothing_to_each_other() -> None:
    with Solver("p cnf 2 2\n1 0\n-1 0\n") as solver:
        assert solver.check() is False
    before = lasting()
    with Solver("p cnf 2 1\n1 2 0\n") as solver:
        assert solver.lasting in before
        assert solver.check([-1]) and solver.value(2)
        with Solver("p cnf 2 2\n-1 0\n-2 0\n") as other:  # two at the same time
            assert other.lasting is not solver.lasting
            assert other.check([1]) is False
        solver.forbid([2])
        assert solver.check([-1]) is False and solver.check([1])
    with Solver("p cnf 2 1\n1 2 0\n") as solver:
        assert solver.check([-1])  # what was forbidden is forgotten


def test_a_solver_whose_time_was_over_reads_no_other_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.solve.z3.SHORT_TEXT", 1 << 20)
    with Solver(pigeons(14), budget=Budget(0.2, None)) as solver:
        assert solver.check([2]) is None
        spoilt = solver.lasting
    assert spoilt is not None and spoilt not in lasting()


def test_a_solver_reads_so_many_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.solve.z3.TIMES", 1)
    with Solver("p cnf 1 1\n1 0\n", seed=77) as solver:
        first = solver.lasting
    assert first is not None and first not in lasting()
    monkeypatch.setattr("verifier.solve.z3.TIMES", 2)
    with Solver("p cnf 1 1\n1 0\n", seed=77) as solver:
        assert solver.lasting is not first
        second = solver.lasting
    assert second in lasting()


def test_a_value_needs_a_model() -> None:
    with Solver("p cnf 1 1\n1 0\n") as solver:
        assert solver.check()
        solver.forbid([-1])  # the model was not read, and is none of the new clauses
        with pytest.raises(InternalError):
            solver.value(1)
