"""Walks by software: which levels there are, what is read on the way, and what is refused."""

from __future__ import annotations

import pytest

from tests.unit.lower.test_kernel_text import SMALL
from verifier.budget import Budget
from verifier.errors import InputError
from verifier.lower.build import lower
from verifier.lower.unroll import unroll
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options
from verifier.syntax.test import Test

TABLES = {
    1: "mm N { v -> A };",
    2: "table T { v -> A }; mm N { v -> T };",
    3: "table T { v -> A }; table U { v -> T }; mm N { v -> U };",
    4: "table T { v -> A }; table U { v -> T }; table S { v -> U }; mm N { v -> S };",
    5: "table T { v -> A }; table U { v -> T }; table S { v -> U }; table R { v -> S }; mm N { v -> R };",
}
WALK = "pmd_offset(pud_offset(p4d_offset(pgd_offset(N, v), v), v), v)"


def loaded(depth: int, code: str, condition: str, head: str = "") -> Test:
    text = f"MM t\n{head}\n{{ page A = 1; {TABLES[depth]} }}\nP0 {{ {code} }}\nexists ({condition})\n"
    (test,) = load_all(Source("t", text), tree=SMALL)
    return test


def holds(depth: int, code: str, condition: str, head: str = "") -> bool:
    """Does something hold at the end of every run, by both judges?"""
    found = run(loaded(depth, code, condition, head), Options(judge="both", witnesses=False))
    assert not found.reason and found.observation in ("always", "never")
    return found.observation == "always"


def refused(depth: int, code: str, head: str = "") -> str:
    with pytest.raises(InputError) as caught:
        run(loaded(depth, code, "0:r0 = 1", head), Options())
    return str(caught.value.diagnostics[0].message)


@pytest.mark.parametrize("depth", [2, 3, 4, 5])
def test_a_walk_ends_at_the_page_however_many_levels_there_are(depth: int) -> None:
    assert holds(depth, f"r0 = ptep_get(pte_offset_kernel({WALK}, v));", "0:r0 = A")


@pytest.mark.parametrize(("depth", "loads"), [(2, 1), (3, 2), (4, 3), (5, 4)])
def test_each_level_that_there_is_is_read_once(depth: int, loads: int) -> None:
    """The levels between the first and the last one that are folded read nothing."""
    code = f"r0 = pte_offset_kernel({WALK}, v) == pte(T, v);"
    program = unroll(lower(loaded(depth, code, "0:r0 = 1"), Budget()))
    assert [e.op for e in program.events].count("R") == loads


def test_a_copy_of_an_entry_stays_what_it_was() -> None:
    code = "pgd_t pgd = pgdp_get(pgd_offset(N, v)); p4d_t *p4dp = p4d_offset(&pgd, v); "
    code += "pgd_clear(pgd_offset(N, v)); r0 = p4dp_get(p4dp); r1 = pgdp_get(pgd_offset(N, v));"
    assert holds(3, code, "0:r0 = U /\\ 0:r1 = none")


def test_what_was_read_leads_on() -> None:
    code = "pud_t e = pudp_get(pud(N, v)); pud_clear(pud(N, v)); "
    code += "r0 = pmdp_get(pmd_offset_lockless(pud(N, v), e, v)); r1 = pmdp_get(pmd_offset(&e, v));"
    assert holds(3, code, "0:r0 = T /\\ 0:r1 = T")


def test_a_local_that_holds_an_entry_is_read_without_a_load() -> None:
    code = "pmd_t e = pmdp_get(pmd(N, v)); pmd_clear(pmd(N, v)); r0 = pmdp_get_lockless(&e);"
    assert holds(2, code, "0:r0 = T")


def test_what_is_asked_of_entries() -> None:
    code = "r0 = pmd_bad(T); r1 = pmd_bad(A); r2 = pmd_bad(none); r3 = pud_bad(none); r4 = pud_bad(A); "
    code += "r5 = pmd_trans_huge(A); r6 = pmd_trans_huge(T); r7 = pmd_val(T) == pmd_val(*pmd(N, v));"
    expected = (0, 1, 1, 0, 1, 1, 0, 1)
    assert holds(2, code, " /\\ ".join(f"0:r{i} = {x}" for i, x in enumerate(expected)))


@pytest.mark.parametrize(
    ("entry", "reads", "writes"),
    [
        ("A", 1, 1), ("mk_pte(A, ro)", 1, 0), ("mk_pte(A, supervisor)", 0, 0), ("mk_pte(A, protnone)", 0, 0),
        ("mk_pte(A, migration)", 0, 0), ("none", 0, 0),
    ],
)  # fmt: skip
def test_what_user_mode_may_do(entry: str, reads: int, writes: int) -> None:
    code = f"pte_t e = {entry}; r0 = pte_access_permitted(e, 0); r1 = pte_access_permitted(e, 1);"
    assert holds(2, code, f"0:r0 = {reads} /\\ 0:r1 = {writes}")


def test_the_table_of_an_entry() -> None:
    code = f"r0 = virt_to_ptdesc({WALK}); r1 = virt_to_page(pte_offset_kernel({WALK}, v)); "
    assert holds(3, code, "0:r0 = U /\\ 0:r1 = T")


def test_the_end_of_what_lies_in_a_table() -> None:
    code = "unsigned long a = v; unsigned long e = v + PAGE_SIZE; pte_t *p = pte(T, v); int n = 0; "
    code += "do { n++; } while (p++, a = pmd_addr_end(a, e), a != e);"
    assert holds(2, code, "0:n = 1")


def test_a_test_says_how_many_levels_there_are() -> None:
    """A page below three levels of four is a large one."""
    head = '#kernel "include/flags.h"\n#config CONFIG_PGTABLE_LEVELS = 4'
    code = f"r0 = pmdp_get({WALK}); r1 = pmd_leaf(r0);"
    assert holds(3, code, "0:r0 = A /\\ 0:r1 = 1", head)


def test_what_is_refused() -> None:
    assert "begins at an upper entry" in refused(1, "r0 = pgdp_get(pgd_offset(N, v));")
    head = '#kernel "include/flags.h"\n#config CONFIG_PGTABLE_LEVELS = 2'
    assert "some mm here has 3 levels" in refused(3, f"r0 = pmdp_get({WALK});", head)
    changed = refused(2, "pmd_t e = pmdp_get(pmd(N, v)); pmd_clear(&e);")
    assert changed == "pmd_clear changes an entry in memory, and this is the address of a local"
    assert refused(2, "r0 = A + 1;").startswith("a number is needed here")
