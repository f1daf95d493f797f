"""Contents of entries, by both judges: entries that are not present but not empty, and the kernel's forms
of the words."""

from __future__ import annotations

import re

import pytest

from verifier.errors import InputError
from verifier.program.functions import apply
from verifier.program.states import state_line
from verifier.program.values import (
    INVALID,
    MIGRATION,
    PROTNONE,
    RO,
    SWAP,
    UNDEF,
    Entry,
    Ptr,
    flags,
    held,
    make_entry,
    matches,
    target,
)
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_checked
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.words.table import WORDS, Word

A, B = Ptr("A"), Ptr("B")
TOP = "page A = 1; page B = 2; struct vm_area_struct vma { .f = 1 }; 0..1:cr3 = N;"


def states(mapped: str, code: str, places: str) -> list[str]:
    """All final states of a program, on which both judges must agree; it must have no warnings."""
    text = f"MM t\n{{ {TOP} mm N {{ {mapped} }}; }}\nP0 {{ {code} }}\nP1 {{ }}\n"
    (test,) = load(Source("t", text + f"locations [{places}]\nexists (true)\n"))
    verdict = run(test, Options(judge="both", states=True, witnesses=False))
    assert verdict.observation == "always" and verdict.program is not None and not verdict.program.warnings
    return sorted(state_line(verdict.program, s) for s in verdict.states or ())


@pytest.mark.parametrize("bit", [PROTNONE, SWAP, MIGRATION, INVALID])
def test_what_is_not_present_leads_nowhere(bit: int) -> None:
    entry = make_entry(A, bit | RO)
    assert entry == Entry(A, bit | RO)
    assert target(entry) is None and flags(entry) == 0 and held(entry) == A
    assert matches(entry, make_entry(A, bit)) and not matches(entry, A) and not matches(A, entry)
    assert not matches(entry, make_entry(B, bit))
    assert apply("pte_with", (make_entry(A, bit), RO)) == entry


def test_it_is_not_present_in_one_way() -> None:
    assert make_entry(A, PROTNONE | SWAP) == UNDEF
    assert not matches(make_entry(A, SWAP), make_entry(A, MIGRATION))


@pytest.mark.parametrize(
    ("kind", "none", "present", "protnone", "swapped", "moving", "page"),
    [
        ("", 0, 1, 0, 0, 0, "A"),
        ("protnone", 0, 1, 1, 0, 0, "A"),
        ("protnone | ro", 0, 1, 1, 0, 0, "A"),
        ("swap", 0, 0, 0, 1, 0, "undef"),
        ("migration", 0, 0, 0, 1, 1, "undef"),
        ("invalid", 0, 0, 0, 1, 0, "A"),
    ],
)
def test_what_the_kernel_asks_of_it(
    kind: str, none: int, present: int, protnone: int, swapped: int, moving: int, page: str
) -> None:
    content = f"mk_pte(A, {kind})" if kind else "A"
    code = "pte_t e = ptep_get(pte(N, v)); r0 = pte_none(e); r1 = pte_present(e); r2 = pte_protnone(e);"
    code += " r3 = is_swap_pte(e); r4 = is_migration_entry(pte_to_swp_entry(e)); r5 = pte_page(e);"
    code += " r6 = translate(v);"
    walked = "A" if not kind else "fault"
    asked = "; ".join(f"0:r{i}" for i in range(7))
    expected = f"0:r0={none}; 0:r1={present}; 0:r2={protnone}; 0:r3={swapped}; 0:r4={moving}; "
    assert states(f"v -> {content}", code, asked) == [f"{expected}0:r5={page}; 0:r6={walked};"]


@pytest.mark.parametrize(
    ("kind", "none", "swap", "moving"),
    [
        ("", 1, 0, 0),
        ("protnone", 1, 0, 0),
        ("swap", 0, 1, 0),
        ("migration", 0, 0, 1),
        ("migration | ro", 0, 0, 1),
    ],
)
def test_what_a_soft_leaf_is(kind: str, none: int, swap: int, moving: int) -> None:
    content = f"mk_pte(A, {kind})" if kind else "A"
    code = "softleaf_t e = softleaf_from_pte(ptep_get(pte(N, v))); r0 = softleaf_is_none(e);"
    code += " r1 = softleaf_is_swap(e); r2 = softleaf_is_migration(e);"
    code += " r3 = softleaf_to_pte(e) == ptep_get(pte(N, v));"
    expected = f"0:r0={none}; 0:r1={swap}; 0:r2={moving}; 0:r3={1 - none};"
    assert states(f"v -> {content}", code, "0:r0; 0:r1; 0:r2; 0:r3") == [expected]


def test_a_swap_entry_has_a_type() -> None:
    code = "swp_entry_t e = pte_to_swp_entry(ptep_get(pte(N, v))); r0 = is_migration_entry(e);"
    assert states("v -> mk_pte(A, migration)", code, "0:r0") == ["0:r0=1;"]


def test_an_upper_soft_leaf() -> None:
    code = "pmd_t e = swp_entry_to_pmd(make_writable_migration_entry(B)); r0 = pmd_is_migration_entry(e);"
    code += " r1 = softleaf_to_page(softleaf_from_pmd(e)); r2 = softleaf_is_none(softleaf_from_pmd(e));"
    assert states("v -> A", code, "0:r0; 0:r1; 0:r2") == ["0:r0=1; 0:r1=B; 0:r2=0;"]


@pytest.mark.parametrize(
    ("held", "did", "page"), [("none", 1, "B"), ("A", 0, "A"), ("mk_pte(A, ro)", 0, "A")]
)
def test_an_entry_is_set_if_it_is_none(held: str, did: int, page: str) -> None:
    code = "r0 = ptep_try_set(pte(N, v), mk_pte(B, 0)); r1 = pte_page(ptep_get(pte(N, v)));"
    assert states(f"v -> {held}", code, "0:r0; 0:r1") == [f"0:r0={did}; 0:r1={page};"]


def test_an_entry_that_is_none_is_no_soft_leaf() -> None:
    code = "pte_clear(pte(N, v)); r0 = softleaf_is_none(softleaf_from_pte(ptep_get(pte(N, v))));"
    assert states("v -> A", code, "0:r0") == ["0:r0=1;"]


def test_a_soft_leaf_gives_the_page_of_a_migration_back() -> None:
    code = "set_pte_at(N, v, pte(N, v), softleaf_to_pte(make_writable_migration_entry(A)));"
    code += " r0 = softleaf_to_page(softleaf_from_pte(ptep_get(pte(N, v))));"
    assert states("v -> A", code, "0:r0") == ["0:r0=A;"]


def test_a_migration_entry_gives_its_page_back() -> None:
    code = "set_pte_at(N, v, pte(N, v), swp_entry_to_pte(make_readable_migration_entry(A)));"
    code += " r0 = pfn_swap_entry_to_page(pte_to_swp_entry(ptep_get(pte(N, v))));"
    code += " r1 = ptep_get(pte(N, v)) == mk_pte(A, migration);"
    code += " r2 = ptep_get(pte(N, v)) == mk_pte(A, migration | ro); r3 = ptep_get(pte(N, v)) == A;"
    assert states("v -> A", code, "0:r0; 0:r1; 0:r2; 0:r3") == ["0:r0=A; 0:r1=1; 0:r2=1; 0:r3=0;"]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("pte_clear(p)", "pte_clear(N, v, p)"),
        ("r0 = ptep_get_and_clear(p)", "r0 = ptep_get_and_clear(N, v, p)"),
        ("ptep_set_wrprotect(p)", "ptep_set_wrprotect(N, v, p)"),
        ("r0 = ptep_test_and_clear_young(p)", "r0 = ptep_test_and_clear_young(vma, v, p)"),
        ("r0 = ptep_test_and_clear_young(p)", "r0 = ptep_test_and_clear_young(N, v, p)"),
        ("set_pte(p, B)", "set_pte_at(N, v, p, B)"),
        ("pte_clear(p)", "pte_clear_not_present_full(N, v, p, 0)"),
        ("pte_clear(p)", "ptep_clear(N, v, p)"),
    ],
)
def test_the_kernels_form_does_the_same(short: str, long: str) -> None:
    both = [re.sub(r"\bp\b", "pte(N, v)", code) for code in (short, long)]
    one, other = (states("v -> A", f"r0 = 0; {code};", "0:r0; pte(N, v)") for code in both)
    assert one == other


LARGE, SMALL = "e = pmdp_get(pmd(N, v))", "w -> T }; table T { w -> B"


@pytest.mark.parametrize(
    ("kind", "present", "leaf", "protnone", "swapped", "moving", "page", "permitted"),
    [
        ("", 1, 1, 0, 0, 0, "A", 1),
        ("protnone", 1, 1, 1, 0, 0, "A", 0),
        ("invalid", 1, 1, 0, 0, 0, "A", 0),
        ("migration", 0, 0, 0, 1, 1, "undef", 0),
    ],
)
def test_what_the_kernel_asks_of_a_large_page(
    kind: str, present: int, leaf: int, protnone: int, swapped: int, moving: int, page: str, permitted: int
) -> None:
    content = f"mk_pte(A, {kind})" if kind else "A"
    code = f"pmd_t {LARGE}; r0 = pmd_present(e); r1 = pmd_leaf(e); r2 = pmd_protnone(e); r3 = is_swap_pmd(e);"
    code += (
        " r4 = is_pmd_migration_entry(e); r5 = pmd_page(e); r6 = pmd_access_permitted(e, 0); r7 = pmd_bad(e);"
    )
    expected = (present, leaf, protnone, swapped, moving, page, permitted, 1)
    found = states(f"v -> {content}, {SMALL}", code, "; ".join(f"0:r{i}" for i in range(8)))
    assert found == ["; ".join(f"0:r{i}={x}" for i, x in enumerate(expected)) + ";"]


@pytest.mark.parametrize("level", ["pte", "pmd", "pud"])
def test_an_attribute_of_an_entry_of_each_level(level: str) -> None:
    """What one word sets, another one finds, and nothing else changes."""
    pairs = (("wrprotect", "mkwrite", "write", "ro"), ("mkold", "mkyoung", "young", "old"))
    for takes, gives, asks, name in (*pairs, ("mkclean", "mkdirty", "dirty", "clean")):
        code = f"{level}_t e = {level}_{takes}(A); r0 = {level}_{asks}(e);"
        code += f" r1 = {level}_same(e, mk_pte(A, {name}));"
        code += f" e = {level}_{gives}(e); r2 = {level}_{asks}(e); r3 = {level}_same(e, A);"
        code += f" r4 = {level}_{asks}(none);"
        found = states("v -> A", code, "; ".join(f"0:r{i}" for i in range(5)))
        assert found == ["0:r0=0; 0:r1=1; 0:r2=1; 0:r3=1; 0:r4=0;"]


def test_an_entry_is_made_invalid() -> None:
    code = "set_pmd(pmd(N, v), pmd_mkinvalid(pmd_mkclean(A))); r0 = translate(v);"
    code += f" pmd_t {LARGE}; r1 = pmd_dirty(e); r2 = e == mk_pte(A, invalid | clean);"
    code += (
        " r3 = pmd_same(pmd_mkinvalid(mk_pte(A, protnone)), mk_pte(A, invalid)); r4 = pmd_mkinvalid(none);"
    )
    found = states(f"v -> none, {SMALL}", code, "; ".join(f"0:r{i}" for i in range(5)))
    assert found == ["0:r0=fault; 0:r1=0; 0:r2=1; 0:r3=1; 0:r4=0;"]


SPLIT = """MM t
{ page H = 0; table T { v -> none }; mm N { v -> mk_pte(H, clean) }; 0..1:cr3 = N; }
void flush(void *info) { flush_tlb_local(); }
P0 {
    pmd_t old = pmdp_get(pmd(N, v));
    [F] old = pmdp_establish(N, v, pmd(N, v), pmd_mkinvalid(old));
    [B1] set_pmd_at(N, v, pmd(N, v), pmd_mkinvalid(old));
    [B2] pmdp_establish(N, v, pmd(N, v), pmd_mkinvalid(old));
    on_each_cpu(flush, NULL, 1);
    pte_t e = mk_pte(pmd_page(old), clean);
    set_pte(pte(T, v), pmd_dirty(old) ? pte_mkdirty(e) : e);
    pmd_populate(N, pmd(N, v), T);
}
P1 { WRITE_ONCE(*v, 1); }
variants { F never; B1 sometimes; B2 sometimes; }
exists (pte(T, v) = mk_pte(H, clean) /\\ H.data = 1)
"""


def test_a_large_page_is_split() -> None:
    """Only what the XCHG gives has the D that another CPU has set meanwhile (pmdp_invalidate())."""
    for test in load(Source("t", SPLIT)):
        assert run(test, Options(judge="both")).as_expected


def wrong(code: str) -> str:
    more = "int x; table T { z -> B }; mm M { z -> T };"
    text = f"MM t\n{{ {TOP} {more} mm N {{ v -> A, w -> B }}; }}\nP0 {{ {code} }}\nP1 {{ }}\nexists (x = 1)\n"
    with pytest.raises(InputError) as caught:
        load_checked(Source("t", text))
    (found,) = caught.value.diagnostics
    return f"{found.message}: {found.hint}"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("pte_clear(1, v, pte(N, v));", "pte_clear takes an address space (mm) here, not a number"),
        ("pte_clear(N, x, pte(N, v));", "pte_clear takes a virtual address here, not a number"),
        ("pte_clear(N, pte(N, v));", "pte_clear takes 1 or 3 arguments, not 2"),
        ("ptep_test_and_clear_young(x, v, pte(N, v));", "takes an address space (mm) or a struct here"),
        (
            "set_pte(pte(N, v), mk_pte(A, swap | protnone));",
            "an entry cannot be protnone and swap at the same time",
        ),
        (
            "pmd_t e = pmdp_get(pmd(M, z)); r0 = pte_dirty(e);",
            "content of an upper page-table entry: write pmd_dirty(e)",
        ),
        ("pmd_t e = pmdp_get(pmd(M, z)); r0 = pte_exec(e);", "there is no such word for that level"),
        (
            "pmd_t e = pmdp_get(pmd(M, z)); set_pte(pte(N, v), e);",
            "of a large page, write mk_pte(pmd_page(e))",
        ),
        (
            "pmd_t e = pmdp_get(pmd(M, z)); set_pte_at(N, v, pte(N, v), e);",
            "of a large page, write mk_pte(pmd_page(e))",
        ),
        ("r0 = pmdp_get(pte(N, v));", "not a pointer to a page-table entry: write ptep_get(p)"),
    ],
)
def test_what_it_takes_is_checked(code: str, says: str) -> None:
    assert says in wrong(code)


def test_an_entry_for_another_address_is_a_warning() -> None:
    text = f"MM t\n{{ {TOP} mm N {{ v -> A, w -> B }}; }}\nP0 {{ pte_clear(N, w, pte(N, v)); }}\nP1 {{ }}\n"
    (test,) = load(Source("t", text + "exists (pte(N, v) = none)\n"))
    program = run(test, Options(witnesses=False)).program
    assert program is not None
    assert [w.message for w in program.warnings] == ["pte(N, v) is not an entry for w"]


@pytest.mark.parametrize("word", [w for w in WORDS.values() if w.lead], ids=lambda w: w.name)
def test_a_kernels_form_is_in_the_signature(word: Word) -> None:
    assert "addr,] p" in word.signature


def test_no_tlb_holds_what_is_not_present() -> None:
    text = f"MM t\n{{ {TOP} mm N {{ v -> A }}; }}\nP0 {{ }}\nP1 {{ }}\n"
    text += "exists (1:tlb[v -> mk_pte(A, protnone)])\n"
    with pytest.raises(InputError, match="a TLB holds only entries that are present"):
        load_checked(Source("t", text))


MASKS = "cpumask m = {0, 2}; cpumask o = {1..2}; int x; int y; int z;"


def test_loops_over_two_masks() -> None:
    code = "int cpu; for_each_cpu_and(cpu, m, o) x = x * 10 + cpu + 1;"
    code += " for_each_cpu_andnot(cpu, m, o) y = y * 10 + cpu + 1;"
    code += " for_each_cpu_or(cpu, m, cpumask_of(1)) z = z * 10 + cpu + 1;"
    text = f"MM t\n{{ {MASKS} }}\nP0 {{ {code} }}\nP1 {{ }}\nP2 {{ }}\nexists (x = 3 /\\ y = 1 /\\ z = 123)\n"
    (test,) = load(Source("t", text))
    assert run(test, Options(judge="both", witnesses=False)).observation == "always"


@pytest.mark.parametrize(
    ("loop", "says"),
    [
        ("for_each_cpu(cpu)", "for_each_cpu takes 2 arguments, not 1"),
        ("for_each_cpu_and(cpu, m)", "for_each_cpu_and takes 3 arguments, not 2"),
        ("for_each_online_cpu(cpu, m)", "for_each_online_cpu takes 1 argument, not 2"),
        ("for_each_cpu_or(cpu, m, x)", "a cpumask is needed here, not a number"),
    ],
)
def test_a_loop_takes_its_masks(loop: str, says: str) -> None:
    text = f"MM t\n{{ {MASKS} }}\nP0 {{ int cpu; {loop} x = 1; }}\nexists (x = 1)\n"
    with pytest.raises(InputError, match=says):
        load_checked(Source("t", text))


@pytest.mark.parametrize(
    ("word", "present"),
    [
        ("pte_present", {"A": 1, "protnone": 1, "invalid": 0, "migration": 0, "swap": 0}),
        ("pmd_present", {"A": 1, "protnone": 1, "invalid": 1, "migration": 0, "swap": 0}),
        ("pud_present", {"A": 1, "protnone": 0, "invalid": 0, "migration": 0, "swap": 0}),
        ("p4d_present", {"A": 1, "protnone": 0, "invalid": 0, "migration": 0, "swap": 0}),
        ("pgd_present", {"A": 1, "protnone": 0, "invalid": 0, "migration": 0, "swap": 0}),
        ("pmd_trans_huge", {"A": 1, "protnone": 1, "invalid": 1, "migration": 0, "swap": 0}),
        ("pmd_huge", {"A": 1, "protnone": 1, "invalid": 1, "migration": 1, "swap": 1}),
        ("pud_huge", {"A": 1, "protnone": 1, "invalid": 1, "migration": 1, "swap": 1}),
    ],
)
def test_levels_differ_in_what_they_take_for_present_or_huge(word: str, present: dict[str, int]) -> None:
    """arch/x86/include/asm/pgtable.h: PMDs look at PSE, too, and those above the PMD at P alone;
    arch/x86/mm/hugetlbpage.c up to v6.9: an entry that is not present, but for none, is huge."""
    for content, wanted in present.items():
        entry = "A" if content == "A" else f"mk_pte(A, {content})"
        assert states("v -> A", f"r0 = {word}({entry});", "0:r0") == [f"0:r0={wanted};"], content
