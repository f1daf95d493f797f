"""What a page holds is no field of ``struct page``; a table is a page, whose fields are its own; and virtual
addresses in which bits are set."""

from __future__ import annotations

import pytest

from tests.judges import holds
from tests.texts import wrong

STATE = """
{
    page A { .data = 1 };
    table T { v -> A, .count = 3 };
    mm M { v -> T };
    0..1:cr3 = M;
}
"""


@pytest.mark.parametrize(
    "definition",
    [
        "",
        "struct page { unsigned long flags; };",
        "struct page { unsigned long flags; atomic_t _refcount; };",
        "struct page { unsigned long data; unsigned long flags; };",
        "struct page { unsigned long flags; }; struct folio { unsigned long flags; };",
    ],
)
@pytest.mark.parametrize(
    ("zero", "one"),
    [
        ("WRITE_ONCE(A.data, 66);", "r0 = *v;"),
        ("WRITE_ONCE(*v, 66);", "r0 = READ_ONCE(A.data);"),
        ("struct page *p = A; p->data = 66;", "r0 = *v;"),
    ],
)
def test_a_translated_access_is_to_what_the_page_holds(definition: str, zero: str, one: str) -> None:
    body = f"P0 {{ {zero} }}\nP1 {{ {one} }}\n"
    text = f"MM t\n{definition}{STATE}{body}"
    assert holds(f"{text}exists (1:r0 = 66)") and holds(f"{text}exists (1:r0 = 1)")
    assert not holds(f"{text}exists (1:r0 = 0)") and holds(f"{text}exists (A.data = 66)")


@pytest.mark.parametrize("definition", ["", "struct page { unsigned long flags; int count; };"])
def test_a_function_of_a_page_takes_a_table_as_its_page(definition: str) -> None:
    """As ``tlb_unshare_pmd_ptdesc(tlb, virt_to_page(ptep), addr)`` of v6.1.y."""
    code = "int count(struct page *p) { p->count = p->count + 1; return p->count; }\n"
    body = "P0 { r0 = count(virt_to_page(pte(T, v))); struct page *q = virt_to_page(pte(T, v)); "
    body += "r1 = q->count; }\nP1 {}\n"
    text = f"MM t\n{definition}{STATE}{code}{body}"
    condition = "0:r0 = 4 /\\ 0:r1 = 4 /\\ T.count = 4"
    assert holds(f"{text}exists ({condition})") and not holds(f"{text}exists ~({condition})")


def test_a_table_itself_is_no_page() -> None:
    (found,) = wrong(
        f"MM t{STATE}int f(struct page *p) {{ return 1; }}\nP0 {{ r0 = f(T); }}\nP1 {{}}\nexists (0:r0 = 1)"
    )
    assert found.message == "f takes a page here, not a table"


@pytest.mark.parametrize(
    ("code", "address"),
    [
        ("a |= 2048;", "v + 2048"),
        ("a = v | 3072;", "v + 3072"),
        ("a = 2048 | v;", "v + 2048"),
        ("a |= 0;", "v"),
        ("a |= 2048; a &= PAGE_MASK;", "v"),
    ],
)
def test_bits_within_a_page_are_set_in_a_virtual_address(code: str, address: str) -> None:
    body = f"P0 {{ unsigned long a = v; {code} r0 = a == {address}; }}\nP1 {{}}\n"
    assert not holds(f"MM t{STATE}{body}exists ~(0:r0 = 1)")


@pytest.mark.parametrize("code", ["v | 4096", "v | -1", "v | v", "v ^ 1"])
def test_other_bits_are_refused(code: str) -> None:
    assert wrong(f"MM t{STATE}P0 {{ r0 = {code}; }}\nP1 {{}}\nexists (0:r0 = 1)")
