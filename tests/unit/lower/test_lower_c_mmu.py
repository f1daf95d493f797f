"""MM tests to code: page tables, attributes, PCIDs, invalidations, instruction words, bare IPIs."""

from __future__ import annotations

import pytest

from tests.unit.lower.test_lower_c import errors, mm, states
from verifier.errors import InputError
from verifier.lower.c.file import lower
from verifier.lower.code import Emit, Lowered
from verifier.program.expressions import Const
from verifier.program.values import GLOBAL, NX, RO, Entry, Ptr
from verifier.source import Source
from verifier.syntax import load

PAGES = "page A = 1; page B = 2; int x; "


def lowered(initial: str, code: str = "P0 { }", condition: str = "x = 0", functions: str = "") -> Lowered:
    (test,) = load(Source("t", mm(PAGES + initial, code, condition, functions)))
    return lower(test)


def entries(low: Lowered) -> dict[str, str]:
    """``N v`` -> the cell's name and its content."""
    cells = low.world.cells
    return {f"{h} {v}": f"{cells[c].name} = {cells[c].init}" for (h, v), c in low.world.entries.items()}


def emitted(code: str, initial: str = "mm N { v -> A }; ", cpu: int = 0, functions: str = "") -> list[Emit]:
    low = lowered(initial, f"P0 {{ {code} }}\nP1 {{ }}", functions=functions)
    return [i for i in low.threads[cpu] if isinstance(i, Emit)]


# -- levels, regions, kernel mappings -------------------------------------------------------------------


def test_levels_follow_from_what_is_held() -> None:
    low = lowered("table T { v -> A, .n = 3 }; table U { v -> T }; mm N { v -> U }; mm M { w -> B };")
    assert (low.world.depth, low.world.tables) == (3, {Ptr("T"), Ptr("U")})
    found = entries(low)
    assert found["N v"] == "pmd(N, v) = U" and found["U v"] == "pmd(U, v) = T"
    assert found["T v"] == "pte(T, v) = A" and found["M w"] == "pte(M, w) = B" and found["M v"].endswith("0")
    assert low.world.cells[low.world.entries[Ptr("N"), Ptr("v")]].kind == "pte"
    assert low.world.cells[Ptr("T.n")].init == 3


def test_what_is_empty_has_the_level_that_is_asked_for() -> None:
    asked = lowered("mm N { v -> none }; table T { v -> A };", "P0 { set_pmd(pmd(N, v), T); }")
    assert entries(asked)["N v"] == "pmd(N, v) = 0" and asked.world.depth == 2
    deep = "table T { v -> A }; table U { v -> T }; mm N { v -> none };"
    assert lowered(deep, "P0 { set_pud(pud(N, v), U); }").world.depth == 3
    assert entries(lowered(deep, "P0 { set_pud(pud(N, v), U); }"))["N v"] == "pud(N, v) = 0"
    alike = lowered("table T { v -> A }; mm N { v -> T }; mm P { };")
    assert entries(alike)["P v"] == "pmd(P, v) = 0"
    assert entries(lowered("table T { v -> A }; mm N { v -> T }; mm P { };", "P0 { pte_clear(pte(P, v)); }"))[
        "P v"
    ].startswith("pte(P, v)")
    assert lowered("mm N { v -> none };").world.depth == 1
    split = lowered("mm N { v -> A }; table T { v -> A };", "P0 { pmd_populate(N, pmd(N, v), T); }")
    assert entries(split)["N v"] == "pmd(N, v) = A"


def test_a_region_has_one_upper_entry() -> None:
    low = lowered(
        "table T { w -> A, v -> B }; table S { u -> A }; mm N { w -> T, v -> T, u -> S }; mm M { v -> T };"
    )
    found = entries(low)
    assert found["N v"] == found["N w"] == "pmd(N, w) = T"
    assert found["M v"] == found["M w"] == "pmd(M, w) = T"
    assert found["N u"] == "pmd(N, u) = S"
    assert found["T v"] == "pte(T, v) = B" and found["T w"] == "pte(T, w) = A"


def test_a_region_is_one_at_all_levels_above() -> None:
    tables = "table T { v -> A, w -> A }; table S { u -> A }; table U { v -> T, w -> T, u -> S };"
    low = lowered(f"{tables} mm N {{ v -> U, u -> U }};")
    found = entries(low)
    assert found["U v"] == found["U w"] == "pmd(U, v) = T" and found["U u"] == "pmd(U, u) = S"
    assert found["N v"] == found["N w"] == found["N u"] == "pmd(N, v) = U"


def test_a_page_in_an_upper_entry_is_a_large_page() -> None:
    low = lowered("table T { w -> A }; mm N { v -> mk_pte(B, ro), w -> T };", "P0 { set_pmd(pmd(N, w), A); }")
    assert entries(low)["N v"] == "pmd(N, v) = mk_pte(B, ro)"


def test_what_init_mm_maps_every_mm_maps() -> None:
    low = lowered("mm N { v -> A }; mm M { }; mm init_mm { k -> mk_pte(B, global | nx) };")
    cell = Ptr("pte(init_mm, k)")
    assert {low.world.entries[Ptr(m), Ptr("k")] for m in ("N", "M", "init_mm")} == {cell}
    assert low.world.cells[cell].init == Entry(Ptr("B"), GLOBAL | NX)
    assert low.world.entries[Ptr("M"), Ptr("v")] == Ptr("pte(M, v)")
    upper = lowered("table T { k -> A, l -> B }; mm N { }; mm init_mm { k -> T };")
    assert entries(upper)["N k"] == "pmd(init_mm, k) = T" and "N l" in entries(upper)


def test_an_included_mapping_can_be_overridden() -> None:
    low = lowered("mm N { v -> A }; pte(N, w) = B; mm M { w -> none };")
    assert entries(low)["N w"] == "pte(N, w) = B"


# -- attributes -----------------------------------------------------------------------------------------

COMPUTED = {
    "comparisons look at the page and at the attributes they name": (
        "mm N { v -> mk_pte(A, ro | global) }; 0:cr3 = N;",
        "P0 { r0 = ptep_get(pte(N, v)); r1 = r0 == A; r2 = r0 == mk_pte(A, ro); r3 = mk_pte(A, nx) == r0;"
        " r4 = r0 != B; r5 = pte_same(r0, A); r6 = ptep_cmpxchg(pte(N, v), A, B) == A; r7 = pte_page(r0); }",
        "0:r0=mk_pte(A, global) /\\ 0:r1 = 1 /\\ 0:r2 = 1 /\\ 0:r3 = 0 /\\ 0:r4 = 1 /\\ 0:r5 = 0 /\\ 0:r6 = 1"
        " /\\ 0:r7 = A /\\ A = pte(N, v)",
        "0:r0=mk_pte(A, ro | global); 0:r1=1; 0:r2=1; 0:r3=0; 0:r4=1; 0:r5=0; 0:r6=1; 0:r7=A;"
        " pte(N, v)=mk_pte(A, ro | global);",
    ),
    "attributes are asked for and changed": (
        "mm N { v -> none };",
        "P0 { r0 = mk_pte(A, supervisor); r1 = pte_mkold(pte_mkclean(pte_wrprotect(r0))); r2 = pte_write(r1)"
        " + pte_young(r1) + pte_dirty(r1) + pte_user(r1) + pte_global(r1); r3 = pte_exec(r1);"
        " r4 = pte_mkyoung(pte_mkdirty(pte_mkwrite(r1))); r5 = pte_young(none) + pte_write(none);"
        " r6 = pte_wrprotect(none); int prot = ro | nx; r7 = mk_pte(B, prot); }",
        "0:r1=A /\\ 0:r2=0 /\\ 0:r3 = 1 /\\ 0:r4 = A /\\ 0:r5 = 0 /\\ 0:r6 = none /\\ 0:r7 = mk_pte(B, nx)",
        "0:r1=mk_pte(A, ro | supervisor | clean | old); 0:r2=0; 0:r3=1; 0:r4=mk_pte(A, supervisor); 0:r5=0;"
        " 0:r6=0; 0:r7=mk_pte(B, ro | nx);",
    ),
    "attributes of entries in memory": (
        "mm N { v -> mk_pte(A, clean), w -> none };",
        "P0 { ptep_set_wrprotect(pte(N, v)); r0 = ptep_test_and_clear_dirty(pte(N, v));"
        " r1 = ptep_test_and_clear_young(pte(N, w)); r2 = ptep_get_and_clear(pte(N, v)); }",
        "0:r0 = 0 /\\ 0:r1 = 0 /\\ 0:r2 = A",
        "0:r0=0; 0:r1=0; 0:r2=mk_pte(A, ro | clean);",
    ),
    "faults": (
        "mm N { v -> mk_pte(A, ro), s -> mk_pte(B, supervisor) }; 0:cr3 = N;",
        "P0 { *v = 5; r0 = xchg(v, 3); r1 = user_read(s); r2 = *s; r3 = r0 == fault; user_write(s, 9); }",
        "fault(0:r0) /\\ 0:r1 = fault /\\ 0:r2 = 2 /\\ 0:r3 = 1 /\\ A.data = 1 /\\ B.data = 2",
        "0:r0=fault; 0:r1=fault; 0:r2=2; 0:r3=1; A.data=1; B.data=2;",
    ),
    "two levels": (
        "table T { v -> A, w -> B }; mm N { v -> T, w -> T }; mm Q { }; 0:cr3 = N;",
        "P0 { r0 = pmdp_get(pmd(N, w)); r1 = ptep_get(pte(r0, w)); r2 = *w; r3 = pmd_leaf(r0);"
        " pud_clear(pud(N, w)); flush_tlb_local(); r4 = *v; pmd_populate(Q, pmd(Q, w), T); load_cr3(Q);"
        " r5 = *v; r6 = pmdp_xchg(pmd(Q, v), A); r7 = pmd_leaf(pmdp_get(pmd(Q, w))); }",
        "0:r0=T /\\ 0:r1=B /\\ 0:r2=2 /\\ 0:r3=0 /\\ 0:r4=fault /\\ 0:r5=1 /\\ 0:r6=T /\\ 0:r7=1 /\\"
        " pmd(N, w) = none",
        "0:r0=T; 0:r1=B; 0:r2=2; 0:r3=0; 0:r4=fault; 0:r5=1; 0:r6=T; 0:r7=1; pmd(N, v)=none;",
    ),
    "handles that are known only when the program runs": (
        "table T { v -> A, w -> B }; mm N { v -> T, w -> T }; mm M { w -> T }; mm init_mm { k -> T2 };"
        " table T2 { k -> mk_pte(B, global) }; struct s i { .mm = M, .at = w }; int one = 1;",
        "P0 { struct s *p = &i; struct mm_struct *mm=p->mm; r0=ptep_get(pte(pmdp_get(pmd(mm, p->at)), w));"
        " r1=ptep_get(pte(pmdp_get(pmd(mm, k)), k)); pmd_clear(pmd(mm, p->at)); if (one) r2 = N; else r2=M;"
        " r3 = pmdp_get(pmd(r2, w)); }",
        "0:r0 = B /\\ 0:r1 = mk_pte(B, global) /\\ 0:r3 = T /\\ pmd(M, v) = none",
        "0:r0=B; 0:r1=mk_pte(B, global); 0:r3=T; pmd(M, v)=none;",
    ),
    "PCIDs": (
        "mm N { v -> A }; 0:cr3 = N; 0:pcid = 2;",
        "P0 { r0 = read_pcid(); load_cr3(N, 5); r1 = read_pcid(); load_cr3_noflush(N); r2 = read_pcid(); }",
        "0:r0=2 /\\ 0:r1=5 /\\ 0:r2=0 /\\ 0:pcid = 0",
        "0:r0=2; 0:r1=5; 0:r2=0; 0:pcid=0;",
    ),
    "instruction words and stores of other kinds": (
        "code c[2] = {4, 5}; code d = 8; mm N { v -> A }; 0:cr3 = N;",
        "P0 { text_poke(&c[1], 6); WRITE_ONCE(d, 9); sync_core(); r0 = ifetch(&c[0]); r1 = ifetch(&c[1]);"
        " r2 = ifetch(v); r3 = ifetch(&d); movnti(&x, 3); sfence(); r4 = x; clflush(&x); clwb(v); jump(); }",
        "0:r0=0 /\\ 0:r1=0 /\\ 0:r2=0 /\\ 0:r3=0 /\\ 0:r4=0 /\\ c[1]=6 /\\ x=3",
        "0:r0=4; 0:r1=6; 0:r2=1; 0:r3=9; 0:r4=3; [x]=3; c[1]=6;",
    ),
    "a comparison with a table of an entry with attributes": (
        "table T { v -> A }; mm N { v -> mk_pte(T, ro) }; 0:cr3 = N;",
        "P0 { r0 = pmdp_get(pmd(N, v)); r1 = r0 == T; r2 = ptep_get(pte(r0, v)); *v = 4; }",
        "0:r1 = 1 /\\ 0:r2 = A /\\ pmd(N, v) = T /\\ A.data = 1",
        "0:r1=1; 0:r2=A; A.data=1; pmd(N, v)=mk_pte(T, ro);",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPUTED)
def test_what_programs_compute(name: str) -> None:
    initial, code, condition, expected = COMPUTED[name]
    assert states(mm(PAGES + initial, code, condition)) == [expected]


def test_filters_and_locations_speak_of_entries() -> None:
    text = f"MM t\n{{ {PAGES} table T {{ v -> A }}; mm N {{ v -> T }}; }}\n"
    text += "P0 { set_pte(pte(T, v), mk_pte(A, ro)); }\nP1 { r0 = ptep_get(pte(T, v)); }\n"
    text += "locations [pte(T, v); pmd(N, v)] filter (1:r0 = mk_pte(A, ro)) exists (1:r0 = A)\n"
    assert states(text) == ["1:r0=mk_pte(A, ro); pmd(N, v)=T; pte(T, v)=mk_pte(A, ro);"]


# -- machine instructions -----------------------------------------------------------------------------------


def test_pcids_are_there_if_a_test_has_them() -> None:
    without, invlpg = emitted("load_cr3(N); invlpg(v); load_cr3_noflush(N, 0);")[:2]
    assert [len(i.touches) for i in (without, invlpg)] == [1, 0]
    cr3, inv = emitted("load_cr3_noflush_relaxed(N, 3); invpcid_flush_one(3, v);")
    assert [str(t.addr.value) for t in cr3.touches] == ["0:cr3", "0:pcid"]  # type: ignore[union-attr]
    assert (cr3.kind, cr3.serializing) == ("noflush", False)
    assert [str(t.addr.value) for t in inv.touches] == ["0:pcid"] and inv.touches[0].into  # type: ignore[union-attr]
    low = lowered("mm N { v -> A }; 1:pcid = 4;", "P0 { }\nP1 { }")
    assert low.world.cells[Ptr("1:pcid")].init == 4 and low.world.cells[Ptr("0:pcid")].kind == "register"
    assert Ptr("0:pcid") not in lowered("mm N { v -> A };").world.cells


def test_what_a_tlb_holds_at_first() -> None:
    low = lowered(
        "mm N { v -> A, k -> A }; 1:tlb = { v -> A, v@2 -> B, k -> mk_pte(B, global) }; 1:pcid = 7;",
        "P0 { }\nP1 { }",
        "1:tlb[v@2 -> mk_pte(A, ro)] /\\ 1:tlb[v -> A] /\\ 1:tlb[v@7 -> B]",
    )
    assert low.world.tlb == [
        (1, 7, Ptr("v"), Ptr("A")), (1, 2, Ptr("v"), Ptr("B")), (1, 7, Ptr("k"), Entry(Ptr("B"), GLOBAL)),
    ]  # fmt: skip
    asked = [(o.label, o.page, o.pcid) for o in low.observables]
    assert asked[0] == ("1:tlb[v@2 -> mk_pte(A, ro)]", Entry(Ptr("A"), RO), 2)
    assert asked[1:] == [("1:tlb[v -> A]", Ptr("A"), None), ("1:tlb[v@7 -> B]", Ptr("B"), 7)]


KINDS = {
    "invlpg(v)": ("INV", "invlpg", 1, True),
    "invlpg_relaxed(v)": ("INV", "invlpg", 1, False),
    "flush_tlb_local()": ("INV", "local", 0, True),
    "__flush_tlb_all()": ("INV", "all", 0, True),
    "cr4_toggle_pge()": ("INV", "all", 0, True),
    "invpcid(0, 4095, v)": ("INV", "invpcid0", 2, True),
    "invpcid(1, 3, 0)": ("INV", "invpcid1", 1, True),
    "invpcid(2, 0, 0)": ("INV", "invpcid2", 0, True),
    "invpcid(3, 0, 0)": ("INV", "invpcid3", 0, True),
    "invpcid_flush_single_context_relaxed(2)": ("INV", "invpcid1", 1, False),
    "invpcid_flush_all()": ("INV", "invpcid2", 0, True),
    "invpcid_flush_all_nonglobals()": ("INV", "invpcid3", 0, True),
    "invlpgb(1, v)": ("BINV", "broadcast-va", 2, False),
    "invlpgb(1)": ("BINV", "broadcast-pcid", 1, False),
    "invlpgb_final(1, v)": ("BINV", "broadcast-final", 2, False),
    "invlpgb_all()": ("BINV", "broadcast-all", 0, False),
    "tlbsync()": ("TLBSYNC", "", 0, True),
    "cpuid()": ("SER", "cpuid", 0, True),
    "serialize()": ("SER", "serialize", 0, True),
    "iret()": ("SER", "iret", 0, True),
    "sync_core()": ("SER", "sync_core", 0, True),
    "jump()": ("JMP", "", 0, False),
    "clflushopt(&x)": ("F", "clflush", 0, False),
    "movnti(&x, 1)": ("W", "nt", 0, False),
    "text_poke(&c, 1)": ("W", "alias", 0, False),
    "user_read(v)": ("R", "user", 0, False),
    "user_write(v, 1)": ("W", "user", 0, False),
    "ifetch(&c)": ("IF", "", 0, False),
    "apic_icr_write(1, h)": ("SEND", "x2apic", 0, False),
    "apic_icr_write_mmio(1, h)": ("SEND", "xapic", 0, False),
}


@pytest.mark.parametrize("call", KINDS)
def test_what_a_word_is_on_x86(call: str) -> None:
    (made,) = emitted(f"{call};", "mm N { v -> A }; code c; ", functions="void h(void *info) { }")
    assert (made.op, made.kind, sum(x is not None for x in (made.va, made.pcid)), made.serializing) == KINDS[
        call
    ]
    assert made.virtual == ("user" in call)


def test_a_bare_ipi_waits_for_nothing() -> None:
    (send,) = emitted("r0 = 1; apic_icr_write(r0, h);", functions="void h(void *info) { x = info; }")
    assert [target.cpu for target in send.targets] == [0, 1]  # its own CPU, too
    for target in send.targets:
        assert [str(v.value) for _, v in target.locals] == ["0"]  # type: ignore[union-attr]


# -- what is refused ----------------------------------------------------------------------------------------

OBJECTS = (
    PAGES + "table T { v -> A }; mm N { v -> T, w -> none }; table U { z -> T }; mm L { z -> U };"
    " mm F { u -> none }; code c; page K = 3; mm init_mm { k -> K };"
)
WRONG = {
    "r0 = ptep_get(pte(N, v))": "level", "r0 = pmdp_get(pmd(T, v))": "level",
    "set_pmd(pmd(N, v), U)": "level", "set_pte(pte(T, v), T)": "type", "set_pmd(pmd(N, v), 5)": "type",
    "set_pte(pmd(N, v), A)": "type", "set_pmd(pte(T, v), A)": "type", "WRITE_ONCE(*pmd(N, v), x)": "type",
    "pmd_populate(N, pmd(N, v), A)": "type", "pmd_populate(L, pud(L, z), T)": "level",
    "r0 = pte(A, v)": "type", "r0 = pte(T, N)": "type", "r0 = mk_pte(N, ro)": "type",
    "r0 = mk_pte(A, rw)": "attribute", "r0 = mk_pte(A, ro | 2)": "attribute",
    "r0 = mk_pte(A, x)": "attribute",
    "r0 = mk_pte()": "arity", "pte_wrprotect(T)": "type", "ptep_set_wrprotect(pmd(N, v))": "type",
    "load_cr3(N, 4096)": "pcid", "load_cr3_noflush(N, 0 - 1)": "pcid", "load_cr3(T)": "type",
    "load_cr3(N, A)": "type", "invpcid(4, 0, 0)": "invpcid", "invpcid(x, 0, 0)": "invpcid",
    "invpcid(0, 0, 0)": "type", "invpcid(1, 0, A)": "type", "invpcid(2)": "arity",
    "invpcid_flush_one(1, N)": "type", "invlpg(A)": "type", "invlpg(N)": "type", "invlpg(x)": "type",
    "invlpgb(v)": "type", "invlpgb(1, A)": "type", "invlpgb(5000, v)": "pcid", "tlbsync(1)": "arity",
    "r0 = ifetch(&x)": "type", "r0 = ifetch(c)": "type", "r0 = ifetch(A)": "type", "text_poke(&x, 1)": "type",
    "text_poke(v, 1)": "type", "movnti(x, 1)": "type", "movnti(A, 1)": "type", "clflush(x)": "type",
    "r0 = user_read(&x)": "type", "user_write(A, 1)": "type",
    "apic_icr_write(4, h)": "no-cpu", "apic_icr_write(1, x)": "type", "r0 = T + 1": "type", "x = T": "type",
    "r0 = N.v": "unknown-field", "r0 = *T": "type",
}  # fmt: skip


@pytest.mark.parametrize("statement", WRONG)
def test_wrong_statements(statement: str) -> None:
    code = f"P0 {{ x = 1; {statement}; x = 2; }}\nP1 {{ }}"
    ((code_found, line, _),) = errors(mm(OBJECTS, code, "x = 1", "void h(void *info) { }"))
    assert (code_found, line) == (WRONG[statement], 4)


WRONG_AT_FIRST = {
    "mm M[2] { v -> A }": "type", "percpu table V { v -> A }": "type",
    "mm M { v -> T, z -> U }": "level", "table V { v -> V }": "cycle",
    "table V { v -> W }; table W { v -> V }": "cycle",
    "mm M { v -> T, w -> T }": "", "mm M { k -> A }": "region", "mm M { v -> A, v -> B }": "duplicate",
    "pte(N, w) = A": "duplicate", "pte(N, u) = A": "level", "pmd(T, u) = A": "level", "pte(A, v) = B": "type",
    "mm M { v -> mk_pte(A, rw) }": "attribute", "mm M { v -> mk_pte(N, ro) }": "type",
    "mm M { v -> mk_pte(A, ro, nx) }": "arity", "mm M { v -> N }": "type", "mm M { v@1 -> A }": "value",
    "0:pcid = 4096": "pcid", "0:pcid = A": "pcid", "0:tlb = { v@5000 -> A }": "pcid",
    "0:tlb = { v -> T }": "type",
    "0:tlb = { v -> mk_pte(A, old) }": "value", "table V = 3": "value", "code d = A": "type",
    "table V { q -> N }": "type", "pte(N) = A": "arity", "x = pte(N, v)": "level",
}  # fmt: skip


@pytest.mark.parametrize("item", WRONG_AT_FIRST)
def test_wrong_initial_states(item: str) -> None:
    if not WRONG_AT_FIRST[item]:
        lowered("table T { v -> A }; mm N { v -> T };" + f"{item};")
        return
    ((code, line, _),) = errors(mm(f"{OBJECTS} {item};", "P0 { x = 1; }", "x = 1"))
    assert (code, line) == (WRONG_AT_FIRST[item], 2)


def test_registers_of_translation_need_an_mm() -> None:
    for initial, code in (("0:pcid = 1;", "x = 1"), ("", "r0 = read_cr3()"), ("", "r0 = read_pcid()")):
        ((found, _, _),) = errors(mm(f"int x; {initial}", f"P0 {{ {code}; }}", "x = 1"))
        assert found == "no-mm"


def test_code_of_each_cpu() -> None:
    low = lowered("percpu code c = 4;", "P0 { r0 = ifetch(this_cpu_ptr(&c)); }\nP1 { }")
    assert low.world.cells[Ptr("1:c")].kind == "code" and low.world.cells[Ptr("1:c")].init == 4


def test_regions_that_contradict() -> None:
    initial = "table T { v -> A }; table S { w -> B }; mm N { v -> T, w -> T }; mm M { v -> T, w -> S };"
    with pytest.raises(InputError) as caught:
        lowered(initial)
    (error,) = caught.value.diagnostics
    assert error.code == "region" and error.span is not None and error.span.text == "w -> S"


def test_the_addresses_of_one_table_lie_side_by_side() -> None:
    apart = "table T { v -> A }; table S { w -> B }; mm N { v -> T, w -> S };"
    entries = lowered(apart).world.entries
    assert entries[Ptr("N"), Ptr("v")] != entries[Ptr("N"), Ptr("w")]
    for said in (
        "table T { v -> A, w -> B }; mm N { v -> A, w -> A };",  # and it is stored later
        "table T { v -> none, w -> none }; mm N { v -> A, w -> A };",
        "table T { v -> A, w -> B }; mm N { v -> T };",
        "table T { v -> A, w -> B }; mm N { }; mm M { v -> T };",
    ):
        world = lowered(said, "P0 { set_pmd(pmd(N, v), T); }").world
        mine = [world.entries[Ptr("N"), Ptr(va)] for va in "vw"]
        leaves = [world.entries[Ptr("T"), Ptr(va)] for va in "vw"]
        assert mine[0] == mine[1] and leaves[0] != leaves[1], said


def test_a_table_and_a_space_that_contradict() -> None:
    with pytest.raises(InputError) as caught:
        lowered("table T { v -> A, w -> B }; mm N { v -> A, w -> B };", "P0 { set_pmd(pmd(N, v), T); }")
    (error,) = caught.value.diagnostics
    assert error.code == "region" and error.hint.endswith("T is one table for both addresses")


def test_tables_of_two_levels_lie_side_by_side_above_them() -> None:
    tables = "table T { v -> A }; table S { w -> B }; table U { v -> T, w -> S }; mm N { v -> U };"
    entries = lowered(tables).world.entries
    assert entries[Ptr("U"), Ptr("v")] != entries[Ptr("U"), Ptr("w")]
    assert entries[Ptr("N"), Ptr("v")] == entries[Ptr("N"), Ptr("w")]


WRONG_AT_LAST = {
    "pte(N, v) = A": "level", "pmd(T, v) = A": "level", "0:tlb[v@3 -> A]": "pcid", "0:tlb[v -> T]": "type",
    "0:tlb[v -> mk_pte(A, rw)]": "attribute", "0:tlb[v -> mk_pte(A, old)]": "value", "pte(A, v) = B": "type",
    "pte(T, v) = mk_pte(x, ro)": "type", "pte(T, v) = mk_pte(A, ro, nx)": "arity",
    "pmd(N, v) = mk_pte(T, x)": "attribute",
}  # fmt: skip


@pytest.mark.parametrize("condition", WRONG_AT_LAST)
def test_wrong_conditions(condition: str) -> None:
    ((code, line, _),) = errors(mm(OBJECTS, "P0 { x = 1; }", condition))
    assert (code, line) == (WRONG_AT_LAST[condition], 5)


# -- CR3 and addresses as numbers -----------------------------------------------------------------------


def wrong(initial: str, code: str) -> list[str]:
    """What the errors say."""
    with pytest.raises(InputError) as caught:
        lowered(initial, code)
    return [d.message for d in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("write_cr3(1);", "1 is no root of an address space"),
        ("write_cr3(N);", "takes a number for CR3"),
        ("write_cr3(__pa(A));", "__pa takes the root of an address space"),
        ("flush_tlb_one_user(4096);", "takes a virtual address"),
        ("on_each_cpu_cond(NULL, f, NULL, 1, 5);", "on_each_cpu_cond takes GFP flags here"),
        ("r0 = current;", "there is no 'current'"),
        ("r0 = v < w;", "nothing says whether v is below w"),
        ("r0 = w - v;", "nothing says whether w is below v"),
        ("r0 = v * 2;", "a number is needed here, not a virtual address"),
        ("r0 = v + w;", "a number is needed here, not a virtual address"),
        ("r0 = 5 - v;", "a number is needed here, not a virtual address"),
        ("r0 = *(v + 8);", "a number is not an address"),
        ("invlpg(v + 8);", "takes a virtual address"),
        ("r0 = v == 5;", "v is a virtual address, which is never 5"),
    ],
)
def test_what_no_number_is_made_of(code: str, message: str) -> None:
    assert any(message in text for text in wrong("mm N { v -> A, w -> B };", f"P0 {{ {code} }}"))


def test_a_pgd_is_the_root_of_an_mm() -> None:
    code = "P0 { write_cr3(__pa(N->pgd)); }"
    cells = lowered("mm N { v -> A }; mm M { v -> B, .pgd = N };", code).world.cells
    roots = {name: cells[Ptr(f"{name}.pgd")].init for name in ("N", "M", "init_mm")}
    assert roots == {"N": Ptr("N"), "M": Ptr("N"), "init_mm": Ptr("init_mm")}
    assert Ptr("N.pgd") not in lowered("mm N { v -> A };").world.cells
    said = wrong("mm N { v -> A, .pgd = A };", code)
    assert "the pgd of N is the root of an address space, not A" in said


def test_an_address_names_its_page() -> None:
    flushed = [i.va for i in emitted("flush_tlb_one_user(v + 40); flush_tlb_one_kernel(v + 4097);")]
    assert flushed == [Const(Ptr("v")), Const(Ptr("v", 4096))]
