"""The abstract machine and the whole MMU: at least one small program for each rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.properties.programs import fence, lit, pte, read, rmw, translate, vread, vrmw, vwrite, write
from verifier.explore import decide, explore
from verifier.lower.code import Emit, Instruction, Lowered, Target, Touch
from verifier.lower.unroll import unroll
from verifier.program.events import Cell, Observable, Program, World
from verifier.program.expressions import TRUE, Const, Expr, Reg
from verifier.program.profiles import Switches
from verifier.program.values import CLEAN, FAULT, GLOBAL, NX, RO, SUPERVISOR, UNACCESSED, Entry, Ptr, Value

V, W = lit("v"), lit("w")
X, Y, CODE = lit("x"), lit("y"), lit("code")
A, B, T, U, N, M = (Ptr(n) for n in "ABTUNM")
ONE, TWO = Const(1), Const(2)
LEAF = Const(pte("N", "v"))  # of v, if there is one level
UPPER = Const(pte("N", "region"))  # of v and w, if there are two
LOWER, LOWER_W = Const(pte("T", "v")), Const(pte("T", "w"))
GENERIC = Switches()
OFF = Switches(spurious_prot_fault=False)

Tlb = tuple[int, int, str, Value]


def lowered(
    *threads: Sequence[Instruction],
    init: Mapping[str, Value] | None = None,
    regs: Sequence[str] = (),
    mem: Sequence[str] = (),
    tlb: Sequence[tuple[int, str, Value, int | None]] = (),
    cached: Sequence[Tlb] = (),
    levels: int = 1,
    pcids: Sequence[int] = (),
    irq_off: Sequence[int] = (),
) -> Lowered:
    """A test over pages A and B, spaces N and M, and with two levels the tables T and U."""
    init = dict(init or {})
    cells: dict[Ptr, Cell] = {}
    entries: dict[tuple[Ptr, Ptr], Ptr] = {}

    def cell(at: Ptr, content: Value = 0, kind: str = "data") -> None:
        cells[at] = Cell(at, str(at), init.pop(str(at), content), kind)

    for name in ("x", "y", "z"):
        cell(Ptr(name))
    cell(Ptr("code"), 0, "code")
    for number, page in enumerate("AB"):
        cell(Ptr(f"{page}.data"), number + 1)
    for handle in (N, M) if levels == 1 else (N, M, T, U):
        for va in "vw":
            shared = levels == 2 and handle in (N, M)
            at = entries[handle, Ptr(va)] = pte(handle.base, "region" if shared else va)
            cell(at, cells[at].init if at in cells else 0, "pte")
    for cpu in range(len(threads)):
        cell(Ptr(f"{cpu}:irq"), int(cpu not in irq_off), "register")
        cell(Ptr(f"{cpu}:cr3"), N, "register")
        if pcids:
            cell(Ptr(f"{cpu}:pcid"), pcids[cpu], "register")
    assert not init
    observables = [Observable("reg", name, int(name[0]), Reg(name[2:])) for name in regs]
    observables += [Observable("mem", name, cell=Ptr(name)) for name in mem]
    observables += [
        Observable("tlb", f"{cpu}:tlb {va}", cpu, va=Ptr(va), page=page, pcid=pcid)
        for cpu, va, page, pcid in tlb
    ]
    return Lowered(
        [tuple(t) for t in threads],
        World(
            len(threads),
            cells,
            tlb=[(cpu, pcid, Ptr(va), content) for cpu, pcid, va, content in cached],
            vas=[Ptr("v"), Ptr("w")],
            tables=frozenset((T, U)) if levels == 2 else frozenset(),
            entries=entries,
            depth=levels,
        ),
        observables,
        TRUE,
        list(range(len(observables))),
    )


def shown(
    *threads: Sequence[Instruction], switches: Switches = GENERIC, **more: Any
) -> set[tuple[Value, ...]]:
    """All final states; each has a story, and leaving out interleavings loses none."""
    test = unroll(lowered(*threads, **more))
    found = explore(test, switches=switches, traces=True)
    assert found.complete and found.bad is None
    assert set(found.traces) == found.states
    assert explore(test, switches=switches, reduced=False).states == found.states
    return found.shown


def values(*threads: Sequence[Instruction], **more: Any) -> set[Value]:
    """The final values of the one observable."""
    return {value for (value,) in shown(*threads, **more)}


def story(test: Program, switches: Switches, want: tuple[Value, ...]) -> list[tuple[str, str]]:
    """Kind and rule of the steps of a run to a state."""
    found = explore(test, switches=switches, want=lambda state: state == want, first=True)
    assert found.trace is not None
    return [(step.kind, step.rule) for step in found.trace.steps]


def inv(
    cpu: int,
    kind: str,
    pcid: Expr | None = None,
    va: Expr | None = None,
    *,
    serial: bool = True,
    tagged: bool = False,
) -> Emit:
    touches = (Touch(lit(f"{cpu}:pcid"), "%p"),) if tagged else ()
    return Emit("INV", touches, kind=kind, va=va, pcid=pcid, serializing=serial, text=kind)


def cr3(cpu: int, root: Ptr, pcid: int | None = None, noflush: bool = False) -> Emit:
    touches = [Touch(lit(f"{cpu}:cr3"), None, Const(root))]
    if pcid is not None:
        touches.append(Touch(lit(f"{cpu}:pcid"), None, Const(pcid)))
    return Emit("CR3", tuple(touches), kind="noflush" if noflush else "cr3", serializing=True, text="cr3")


def user(op: str, reg: str | None = None, value: Expr | None = None) -> Emit:
    return Emit(op, (Touch(V, reg, value),), virtual=True, kind="user", text=f"user {op}")


def fetch(reg: str, at: Expr = CODE, virtual: bool = False) -> Emit:
    return Emit("IF", (Touch(at, reg),), virtual=virtual, text="ifetch")


def stored(at: Expr, value: Expr, kind: str) -> Emit:
    return Emit("W", (Touch(at, None, value),), kind=kind, text=f"{kind} store")


def ser() -> Emit:
    return Emit("SER", kind="cpuid", serializing=True, text="cpuid")


def jmp() -> Emit:
    return Emit("JMP", text="jmp")


def binv(kind: str, pcid: Expr | None = None, va: Expr | None = None) -> Emit:
    return Emit("BINV", kind=f"broadcast-{kind}", va=va, pcid=pcid, text=f"invlpgb {kind}")


def tlbsync() -> Emit:
    return Emit("TLBSYNC", serializing=True, text="tlbsync")


def send(kind: str, cpu: int, *code: Instruction, group: str = "g") -> Emit:
    target = Target(cpu, TRUE, code, (), "handler")
    return Emit("SEND", kind=kind, group=group, targets=(target,), text=f"send {kind}")


# -- rights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bits", "access", "faults"),
    [
        (RO, vwrite(V, ONE), True),
        (RO, vread("r0", V), False),
        (RO, vrmw("r0", V, ONE), True),
        (SUPERVISOR, user("R", "r0"), True),
        (SUPERVISOR, vread("r0", V), False),
        (SUPERVISOR, user("W", None, ONE), True),
        (NX, fetch("r0", V, virtual=True), True),
        (NX, vread("r0", V), False),
        (GLOBAL, vwrite(V, ONE), False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("upper", [False, True])
def test_rights_are_of_all_levels(bits: int, access: Emit, faults: bool, upper: bool) -> None:
    """MMR 4.2: each level may take a right away."""
    at_top, at_leaf = (Entry(T, bits), A) if upper else (T, Entry(A, bits))
    test = lowered(
        [access],
        init={"pte(N, region)": at_top, "pte(T, v)": at_leaf},
        levels=2,
        regs=["0:r0"],
        mem=["A.data"],
    )
    steps = explore(unroll(test), traces=True).traces
    for trace in steps.values():
        assert any(step.kind == "fault" for step in trace.steps) == faults


def test_global_and_clean_are_the_leafs() -> None:
    """MMR 4.2."""
    test = {"pte(N, region)": Entry(T, RO), "pte(T, v)": Entry(A, GLOBAL | CLEAN)}
    for wanted, found in ((RO | GLOBAL | CLEAN, {0, 1}), (NX, {0}), (0, {0, 1})):
        page = Entry(A, wanted) if wanted else A
        assert values([], init=test, levels=2, tlb=[(0, "v", page, None)]) == found


# -- A and D -----------------------------------------------------------------------------------------


def test_a_is_set_at_any_time_and_never_cached_clear() -> None:
    """MMR 4.3, 7.2."""
    old = {"pte(N, v)": Entry(A, UNACCESSED)}
    assert values([], init=old, mem=["pte(N, v)"]) == {A, Entry(A, UNACCESSED)}
    states = shown([vread("r0", V)], init=old, regs=["0:r0"], mem=["pte(N, v)"])
    assert states == {(1, A)}
    # Taken away before it was used: never cached.
    taken = shown(
        [rmw("r0", LEAF, Const(0)), inv(0, "invlpg", va=V)], init=old, regs=["0:r0"], tlb=[(0, "v", A, None)]
    )
    assert taken == {(A, 0), (Entry(A, UNACCESSED), 0)}


def test_a_is_set_only_where_a_walk_leads() -> None:
    """MMR 7.2: the lower entry is reached through an upper one that is present and has A set."""
    lower = {"pte(T, v)": Entry(A, UNACCESSED)}
    two = {"levels": 2, "mem": ["pte(N, region)", "pte(T, v)"]}
    assert shown([], init=lower, **two) == {(0, Entry(A, UNACCESSED))}
    states = shown([], init=lower | {"pte(N, region)": Entry(T, UNACCESSED)}, **two)
    assert states == {(Entry(T, UNACCESSED), Entry(A, UNACCESSED)), (T, Entry(A, UNACCESSED)), (T, A)}


def test_a_cached_table_still_leads_to_entries() -> None:
    """MMR 3.4, 7.2: A is set below an upper entry that is no longer there."""
    test = [write(UPPER, Const(0)), fence(), write(LOWER, Const(Entry(A, UNACCESSED)))]
    init = {"pte(N, region)": T}
    assert values(test, init=init, levels=2, mem=["pte(T, v)"]) == {A, Entry(A, UNACCESSED)}
    test.insert(2, inv(0, "invlpg", va=V))
    assert values(test, init=init, levels=2, mem=["pte(T, v)"]) == {Entry(A, UNACCESSED)}


def test_d_is_set_by_a_write() -> None:
    """MMR 7.3: before the store is issued, in memory."""
    clean = {"pte(N, v)": Entry(A, CLEAN)}
    assert values([vread("r0", V)], init=clean, mem=["pte(N, v)"]) == {Entry(A, CLEAN)}
    assert values([vwrite(V, TWO)], init=clean, mem=["pte(N, v)"]) == {A}
    assert values([vwrite(V, TWO)], init={"pte(N, v)": Entry(A, CLEAN | UNACCESSED)}, mem=["pte(N, v)"]) == {
        A
    }
    # With a cached entry A may be clear in memory; whether it is set with D, or by a walk, or not at all.
    old = [write(LEAF, Const(Entry(A, CLEAN | UNACCESSED))), fence("mfence"), vwrite(V, TWO)]
    for mode, left in (
        ("either", {A, Entry(A, UNACCESSED)}),
        ("always", {A}),
        ("never", {A, Entry(A, UNACCESSED)}),
    ):
        assert values(old, init=clean, mem=["pte(N, v)"], switches=Switches(d_sets_a=mode)) == left
    # The store itself may still be buffered when D is seen.
    seen = shown(
        [vwrite(V, TWO)], [read("r0", LEAF), read("r1", lit("A.data"))], init=clean, regs=["1:r0", "1:r1"]
    )
    assert seen == {(Entry(A, CLEAN), 1), (Entry(A, CLEAN), 2), (A, 1), (A, 2)}
    # So may a LOCK'd operation be still to come.
    both = [read("r0", LEAF), read("r1", lit("A.data"))]
    assert shown([vrmw("r0", V, TWO)], both, init=clean, regs=["1:r0", "1:r1"]) == seen
    back = [read("r1", lit("A.data")), read("r0", LEAF)]
    seen = shown([vrmw("r0", V, TWO)], back, init=clean, regs=["1:r0", "1:r1"])
    assert (Entry(A, CLEAN), 2) not in seen


def test_d_is_not_set_in_an_entry_that_has_changed() -> None:
    """MMR 7.3: then the translation cannot serve the write."""
    clean = {"pte(N, v)": Entry(A, CLEAN)}
    more = {"init": clean, "mem": ["pte(N, v)", "A.data", "B.data"]}
    assert shown([rmw("r0", LEAF, Const(0)), vwrite(V, Const(7))], **more) == {(0, 1, 2)}
    moved = shown([rmw("r0", LEAF, Const(Entry(B, CLEAN))), vwrite(V, Const(7))], **more)
    assert moved == {(B, 1, 7)}
    forbidden = [rmw("r0", LEAF, Const(Entry(A, RO | CLEAN))), vwrite(V, Const(7))]
    ro = Entry(A, RO | CLEAN)
    assert shown(forbidden, **more) == {(Entry(A, RO), 7, 2), (ro, 1, 2)}
    assert shown(forbidden, **more, switches=Switches(d_on_ro=False)) == {(ro, 1, 2)}


def test_d_is_set_once_by_each_of_two() -> None:
    """MMR 7.1: a translation cached clean is of no use for writing after somebody has set D."""
    test = [vwrite(V, Const(7))], [vwrite(V, Const(8))]
    states = shown(*test, init={"pte(N, v)": Entry(A, CLEAN)}, mem=["pte(N, v)", "A.data"])
    assert states == {(A, 7), (A, 8)}


def test_d_and_what_the_tlb_holds_at_the_start() -> None:
    """Its leaf is the one that a walk finds."""
    more = {"init": {"pte(N, v)": Entry(A, CLEAN)}, "cached": [(0, 0, "v", Entry(A, CLEAN))]}
    assert shown([vwrite(V, TWO)], **more, mem=["pte(N, v)", "A.data"]) == {(A, 2)}


# -- own store buffer --------------------------------------------------------------------------------


def test_walk_forwarding() -> None:
    """MMR 3.5. The other CPU's look tells that the store was not yet committed."""
    threads = (
        [write(LEAF, Const(B)), translate("r0", V), read("r1", Y)],
        [write(Y, ONE), fence(), read("r0", LEAF)],
    )
    more = {"init": {"pte(N, v)": A}, "regs": ["0:r0", "0:r1", "1:r0"]}

    def early(how: str) -> set[Value]:
        return {
            r0
            for r0, r1, e in shown(*threads, **more, switches=Switches(walk_forward=how))
            if (r1, e) == (0, A)
        }

    assert early("both") == {A, B}
    assert early("memory_only") == {A}
    assert early("forward_always") == {A, B}  # A was cached before
    # Walks see what is in the store buffer alone if they have to.
    code = [write(LEAF, Const(A)), inv(0, "invlpg", va=V), write(LEAF, Const(B)), translate("r0", V)]
    for how, found in (("both", {A, B}), ("memory_only", {A, B}), ("forward_always", {A, B})):
        assert (
            values(code, init={"pte(N, v)": A}, regs=["0:r0"], switches=Switches(walk_forward=how)) == found
        )


# -- tags and cover sets -----------------------------------------------------------------------------

TAGGED = {"pte(N, v)": A, "pte(M, v)": B}


def used(*code: Instruction, content: Value = A, **more: Any) -> set[Value]:
    """What a read of v finds after an entry was changed from A to B and then ``code``."""
    more.setdefault("pcids", [1])
    change = rmw("%r", LEAF, Const(B))
    return values([change, *code, vread("r0", V)], init={"pte(N, v)": content}, regs=["0:r0"], **more)


def tagged(kind: str, pcid: Expr | None = None, va: Expr | None = None) -> Emit:
    return inv(0, kind, pcid, va, tagged=True)


@pytest.mark.parametrize(
    ("code", "plain", "everywhere"),
    [
        ((), {1, 2}, {1, 2}),
        ((tagged("invlpg", va=V),), {2}, {2}),
        ((tagged("invlpg", va=W),), {1, 2}, {1, 2}),
        ((tagged("local"),), {2}, {1, 2}),
        ((tagged("all"),), {2}, {2}),
        ((tagged("invpcid0", ONE, V),), {2}, {1, 2}),
        ((tagged("invpcid0", ONE, W),), {1, 2}, {1, 2}),
        ((tagged("invpcid0", TWO, V),), {1, 2}, {1, 2}),
        ((tagged("invpcid1", ONE),), {2}, {1, 2}),
        ((tagged("invpcid1", TWO),), {1, 2}, {1, 2}),
        ((tagged("invpcid2"),), {2}, {2}),
        ((tagged("invpcid3"),), {2}, {1, 2}),
        ((cr3(0, N, 1),), {2}, {1, 2}),
        ((cr3(0, N, 1, noflush=True),), {1, 2}, {1, 2}),
        ((cr3(0, N, 2),), {2}, {1, 2}),
        ((cr3(0, N, 2), cr3(0, N, 1, noflush=True)), {1, 2}, {1, 2}),
        ((cr3(0, M, 2), tagged("invpcid1", ONE), cr3(0, N, 1, noflush=True)), {2}, {1, 2}),
        ((cr3(0, N, 2), tagged("invlpg", va=V), cr3(0, N, 1, noflush=True)), {1, 2}, {2}),
    ],
)  # fmt: skip
def test_cover_sets(code: tuple[Emit, ...], plain: set[Value], everywhere: set[Value]) -> None:
    """MMR 5.1, of an entry that is not global and of one that is."""
    assert used(*code) == plain
    assert used(*code, content=Entry(A, GLOBAL)) == everywhere


def test_an_erratum_of_invlpg() -> None:
    """MMR 5.9: with PCIDs, globals survive it."""
    erratum = Switches(errata_invlpg_global_pcid=True)
    code = tagged("invlpg", va=V)
    assert used(code, content=Entry(A, GLOBAL), switches=erratum) == {1, 2}
    assert used(code, switches=erratum) == {2}
    assert used(code, content=Entry(A, GLOBAL), switches=erratum, pcids=[0]) == {2}


def test_a_tag_is_a_residency() -> None:
    """MMR 5.7: what was walked under another root stays usable under the same PCID; not another's."""

    def after(*code: Instruction) -> set[Value]:
        return values([*code, vread("r0", V)], init=TAGGED, regs=["0:r0"], pcids=[1])

    assert after(cr3(0, M, 1, noflush=True)) == {1, 2}
    assert after(cr3(0, M, 1)) == {2}
    assert after(cr3(0, M, 2, noflush=True)) == {2}
    assert after(cr3(0, M, 2, noflush=True), cr3(0, N, 1, noflush=True)) == {1}


def test_a_chain_has_one_tag() -> None:
    """MMR 4.4, 17.6: a cached table is used under its own PCID alone, under whatever root."""
    init = {"pte(N, region)": T, "pte(M, region)": U, "pte(T, v)": A, "pte(U, v)": B}

    def after(*code: Instruction) -> set[Value]:
        return values([*code, vread("r0", V)], init=init, regs=["0:r0"], pcids=[1], levels=2)

    flush_leaf = binv("final", ONE, V), tlbsync()
    assert after(cr3(0, M, 1, noflush=True), *flush_leaf) == {1, 2}
    assert after(cr3(0, M, 2, noflush=True), *flush_leaf) == {2}


# -- upper entries -----------------------------------------------------------------------------------


def moved(*code: Instruction, switches: Switches = GENERIC, tail: Sequence[Instruction] = ()) -> set[Value]:
    """A read of v after its table was exchanged for U, and the old one changed after ``code``."""
    init = {"pte(N, region)": T, "pte(T, v)": 0, "pte(U, v)": B, "pte(U, w)": B}
    change = rmw("%r", UPPER, Const(U))
    return values(
        [change, *code, rmw("%r", LOWER, Const(A)), *tail, vread("r0", V)],
        init=init, regs=["0:r0"], levels=2, switches=switches,
    )  # fmt: skip


def test_a_cached_upper_entry_outlives_its_change() -> None:
    """MMR 3.4, 4.3: T-FRESH (ii)."""
    assert moved() == {1, 2}
    assert moved(fence()) == {1, 2}
    assert moved(inv(0, "invlpg", va=V)) == {2}
    assert moved(inv(0, "local")) == {2}
    assert moved(inv(0, "invlpg", va=W)) == {2}  # side by side: the entry leads to w, too
    assert moved(binv("va", Const(0), W), tlbsync()) == {2}
    assert moved(binv("final", Const(0), V), tlbsync()) == {1, 2}
    assert moved(binv("final", Const(0), V), tlbsync(), tail=[inv(0, "invlpg", va=V)]) == {2}


def test_tce() -> None:
    """MMR 5.1: INVLPG of an address in another region."""

    def other(tce: bool) -> set[Value]:
        test = lowered(
            [rmw("%r", LEAF, Const(U)), inv(0, "invlpg", va=W), rmw("%r", LOWER, Const(A)), vread("r0", V)],
            init={"pte(N, v)": 0},
            regs=["0:r0"],
        )
        for table in (T, U):
            for va in (Ptr("v"), Ptr("w")):
                at = test.world.entries[table, va] = pte(table.base, va.base)
                content: Value = B if (table, va) == (U, Ptr("v")) else 0
                test.world.cells[at] = Cell(at, str(at), content, "pte")
        root = pte("N", "v")
        test.world.cells[root] = Cell(root, str(root), T, "pte")
        test.world = replace(test.world, tables=frozenset((T, U)), depth=2)
        return {v for (v,) in explore(unroll(test), switches=Switches(tce=tce)).shown}

    assert other(tce=True) == {1, 2}
    assert other(tce=False) == {2}


def test_a_finished_entry_outlives_its_upper_one() -> None:
    """MMR 0.2: INVLPG of another address takes upper entries alone."""
    init = {"pte(N, region)": T, "pte(T, v)": A, "pte(U, v)": B}
    code = [rmw("%r", UPPER, Const(U)), inv(0, "invlpg", va=W), vread("r0", V)]
    assert values(code, init=init, regs=["0:r0"], levels=2) == {1, 2}


def test_each_level_counts_for_itself() -> None:
    """MMR 0.2: an entry below one that is removed may stay, if it is on the way to no other address."""

    def after(*code: Instruction) -> set[Value]:
        change = rmw("%r", Const(pte("T", "v")), Const(0))
        test = lowered(
            [change, *code, rmw("%r", Const(pte("U", "v")), Const(A)), vread("r0", V)], regs=["0:r0"]
        )
        at = {
            (N, "v"): "top",
            (N, "w"): "top",
            (T, "v"): "Tv",
            (T, "w"): "Tw",
            (U, "v"): "Uv",
            (U, "w"): "Uw",
        }
        content: dict[str, Value] = {"top": T, "Tv": U}
        for (handle, va), name in at.items():
            cell = pte("T", "v") if name == "Tv" else pte("U", "v") if name == "Uv" else Ptr(name)
            test.world.entries[handle, Ptr(va)] = cell
            test.world.cells[cell] = Cell(cell, str(cell), content.get(name, 0), "pte")
        test.world = replace(test.world, tables=frozenset((T, U)), depth=3)
        return {v for (v,) in explore(unroll(test)).shown}

    assert after() == {1, FAULT}
    assert after(inv(0, "invlpg", va=W)) == {1, FAULT}  # under TCE; only the top entry leads to w
    assert after(inv(0, "invlpg", va=V)) == {FAULT}


def test_a_large_page() -> None:
    """A page among tables is of all addresses below."""
    assert shown(
        [vread("r0", V), vread("r1", W)], init={"pte(N, region)": B}, regs=["0:r0", "0:r1"], levels=2
    ) == {(2, 2)}


def test_a_walk_without_an_entry_is_wrong() -> None:
    test = lowered([vread("r0", V)], init={"pte(N, region)": T}, levels=2)
    del test.world.entries[T, Ptr("v")]
    assert decide(unroll(test)).bad is not None
