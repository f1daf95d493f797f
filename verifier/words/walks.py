"""The words of walks by software: from an entry to the one below it, and what is asked of entries on the way.

A walk reads the entries that the hardware's walks read. The kernel has five levels; those that a test has no
tables for are folded, as on a machine with fewer levels: a pointer to an entry of a folded level is the one
above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from verifier.program import values as v
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg
from verifier.records import replace
from verifier.words.rows import Pure, Special, Word, f, row

_GROUP = "Walks by software"
_64, _X86, _LINUX = "asm/pgtable_64.h", "asm/pgtable.h", "linux/pgtable.h"
LEVELS_OPTION = "CONFIG_PGTABLE_LEVELS"  # of #config
WALKED = ("p4d", "pud", "pmd")  # the levels between the first and the last one, from above
LEVELS = ("pgd", *WALKED)


def _offsets() -> Iterator[Word]:
    """From an entry to the one below it."""
    rule = "1.1"
    step = partial(row, _GROUP, rule=rule)
    root = Special("first_entry", "no event")
    source = f"pgd_offset(), {_LINUX}, earlier {_X86}; without the load of mm->pgd, which never changes"
    doc = "the address of the first entry of the walk"
    yield step(f"{LEVELS[0]}_offset(mm: mm, addr: addr)", root, doc, result="upper", source=source)
    below = partial(Special, "entry_below")  # its value: which level of ``WALKED`` may be folded, from 1 on
    for number, level in enumerate(WALKED, 1):
        source = f"{level}_offset(), {_LINUX}, earlier {_X86}"
        loads = f"the address of the {level} entry for addr in the table that *p leads to; where {level} is "
        loads += "folded, p, and no load; of a local, there is a copy in memory then"
        yield step(
            f"{level}_offset(p: upper, addr: addr)",
            below("load", Const(number)),
            loads,
            result="upper",
            source=source,
        )
        source = f"{level}_offset_lockless(), {_LINUX}, since v5.10"
        pure = (
            f"the address of the {level} entry for addr in the table that e, read from *p, leads to; p where "
        )
        pure += f"{level} is folded, where x86 takes the copy of *p"
        head = f"{level}_offset_lockless(p: upper, e: pmd, addr: addr)"
        yield step(head, below("no event", Const(number)), pure, result="upper", source=source)
    doc = "the address of the last entry for addr, in the table that *p leads to"
    source = f"pte_offset_kernel(), {_LINUX}, earlier {_64}"
    head = "pte_offset_kernel(p: upper, addr: addr)"
    yield step(head, below("load"), doc, result="entry", source=source)
    doc = "end: what lies between addr and end is in one table here"
    for level in LEVELS:
        source = f"{level}_addr_end(), {_LINUX}"
        ends = Pure(Reg("end"))
        yield row(_GROUP, f"{level}_addr_end(addr: addr, end)", ends, doc, result="ulong", source=source)


def _permitted() -> Expr:
    """P and U/S, and R/W for a store (``__pte_access_permitted()``). There are no protection keys here."""
    walked = (bit for bit in v.ATTRIBUTES.values() if bit & (v.NOT_PRESENT | v.SUPERVISOR))
    absent = (f("not", f("pte_has", "e", bit)) for bit in walked)
    writes = f("or", f("not", "write"), f("not", f("pte_has", "e", v.RO)))
    return f("and", f("ne", "e", 0), *absent, writes)


def _questions() -> Iterator[Word]:
    """What a walk asks of the entries that it has read."""
    asks = partial(row, _GROUP, result="number")
    for level, content in (("pte", "pte"), *((level, "pmd") for level in LEVELS)):
        source = f"{level}_val(), {_X86}; the entry itself: it can be compared, and is no number"
        doc = "the whole of the entry, with its attributes"
        head = f"{level}_val(e: {content})"
        yield row(_GROUP, head, Pure(Reg("e")), doc, result="value", source=source)
    for level in LEVELS:
        source = f"{level}_bad(), {_X86}"
        empty = level in ("pgd", "pmd")
        bad = Special("bad_entry", "no event", TRUE if empty else FALSE)
        doc = f"does it lead to something that is no table? {'Also of none' if empty else 'Not of none'}"
        yield asks(f"{level}_bad(e: pmd)", bad, doc, source=source)
    leaf = Special("leaf", "no event")
    for level in ("pmd", "pud"):
        source = f"{level}_trans_huge(), {_X86}"
        yield asks(f"{level}_trans_huge(e: pmd)", leaf, "is it a large page?", "4.5", source=source)
        doc, absent = "is it a large page, or a swap or migration entry?", replace(leaf, value=TRUE)
        source = f"{level}_huge(), arch/x86/mm/hugetlbpage.c up to v6.9"
        yield asks(f"{level}_huge(e: pmd)", absent, doc, "4.5", source=source)
    for level in ("p4d", "pgd"):
        source = f"{level}_huge(), linux/hugetlb.h up to v6.9"
        yield asks(f"{level}_huge(e: pmd)", Pure(FALSE), "0: there are no such pages on x86", source=source)
    for level, content in (("pte", "pte"), ("pmd", "pmd"), ("pud", "pmd")):
        doc = "may user mode read it, or write it, through this entry?"
        head, source = (
            f"{level}_access_permitted(e: {content}, write: number)",
            f"{level}_access_permitted(), {_X86}",
        )
        yield asks(head, Pure(_permitted()), doc, source=source)


def _owners() -> Iterator[Word]:
    """The table that an entry lies in."""
    holds = partial(Special, "table_of", "no event")
    doc = "the table that an entry lies in"
    source = "virt_to_ptdesc(), linux/mm.h, since v6.5"
    yield row(_GROUP, "virt_to_ptdesc(p: in table)", holds(), doc, result="table", source=source)
    source = "virt_to_page(), asm/page.h"
    doc = "the page of the table that an entry lies in: the table itself, whose fields are those of its page"
    yield row(_GROUP, "virt_to_page(p: in table)", holds(value=TRUE), doc, result="value", source=source)


def walks() -> Iterator[Word]:
    """All of them."""
    yield from _offsets()
    yield row(
        _GROUP, "pud_page(e: pmd)", Pure(f("pte_target", "e")), "the page that a large page's entry maps",
        result="page", source=f"pud_page(), {_X86}",
    )  # fmt: skip
    yield from _questions()
    yield from _owners()
