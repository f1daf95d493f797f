"""The words that are about the MMU: page tables, translation, invalidation, instruction fetch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from verifier.program import values as v
from verifier.program.expressions import FALSE, TRUE, Expr, Reg
from verifier.program.ops import Serializer
from verifier.records import replace
from verifier.words.rows import (
    OLD,
    Load,
    Locked,
    Machine,
    Order,
    Pure,
    Special,
    Store,
    Word,
    f,
    row,
)

_64, _X86, _TLB = "asm/pgtable_64.h", "asm/pgtable.h", "arch/x86/mm/tlb.c"
_BARE, _TEST = "no kernel function: the instruction", "no kernel function: an access of the test"
_LEAF, _SOFT = "linux/leafops.h", "v6.19 and later (version unchecked)"
_NAMED = "the page that a migration entry names"
_XCHG = "no kernel function: xchg() of the entry"

UPPER_LEVELS = ("pmd", "pud", "p4d", "pgd")


def _copied(level: str) -> str:
    return "; with PTI the kernel also stores the user copy" if level in ("p4d", "pgd") else ""


def _five(level: str) -> str:
    """With four levels the kernel's pgd_none() is 0, pgd_clear() nothing (asm-generic/pgtable-nop4d.h)."""
    return " (as with five levels)" if level == "pgd" else ""


# What the kernel's forms take before the pointer to the entry.
_MM, _VMA = "mm: mm, addr: va", "vma: vma, addr: va"


def _swapped(level: str) -> tuple[int, ...]:
    """How an entry may be neither none nor present. A PMD that is invalid is present: the bit that makes it a
    large page is still there, and pmd_present() looks at that, too. Those above look at P alone."""
    if level in ("pud", "p4d", "pgd"):
        return (v.PROTNONE, v.SWAP, v.MIGRATION, v.INVALID)
    return (v.SWAP, v.MIGRATION, v.INVALID) if level == "pte" else (v.SWAP, v.MIGRATION)


def _present(level: str, e: str) -> Expr:
    """x86's pte_present() and its kin: P, or PROT_NONE below the PUD (arch/x86/include/asm/pgtable.h)."""
    return f("and", f("ne", e, 0), *(f("not", f("pte_has", e, bit)) for bit in _swapped(level)))


def _is(e: str, *bits: int) -> Expr:
    return f("or", *(f("pte_has", e, bit) for bit in bits))


def _absent() -> Iterator[Word]:
    """Entries that are not present and hold something: PROT_NONE, and what include/linux/swapops.h makes."""
    g = "Page tables"
    removed = f"up to v6.18 (version unchecked); since then {_LEAF}"
    entries = partial(
        row, g, source="swp_entry_to_pte(), make_readable_migration_entry() and kin, linux/swapops.h"
    )
    same, name = Pure(Reg("e")), "e: pte"
    moving, page = Pure(_is("e", v.MIGRATION)), Pure(f("pte_held", "e"))
    older = partial(row, g, source=f"is_swap_pte(), is_migration_entry() and kin, linux/swapops.h, {removed}")
    for level, content in (("pte", "pte"), ("pmd", "pmd")):
        doc = "is it PROT_NONE? A walk ends there; the kernel calls it present"
        source, head = f"{level}_protnone(), {_X86}", f"{level}_protnone(e: {content})"
        yield row(g, head, Pure(_is("e", v.PROTNONE)), doc, "4.6", "number", source=source)
        swapped = Pure(_is("e", *_swapped(level)))
        doc = "is it a swap or migration entry?"
        yield older(f"is_swap_{level}(e: {content})", swapped, doc, "4.6", "number")
    for level, content in (("pte", "pte"), ("pmd", "pmd")):
        yield older(f"{level}_to_swp_entry(e: {content})", same, "the same", "", "pte")
        yield entries(f"swp_entry_to_{level}({name})", same, "the same", "", content)
    yield older(f"is_migration_entry({name})", moving, "is it one?", "4.6", "number")
    doc = "is it a migration entry?"
    yield older("is_pmd_migration_entry(e: pmd)", moving, doc, "4.6", "number")
    doc = f"{_NAMED}, of the last level; of a PMD's content, give it pmd_to_swp_entry(e)"
    yield older(f"pfn_swap_entry_to_page({name})", page, doc, "", "page")
    yield from _soft_leaves()
    for access, bits in (("writable", v.MIGRATION), ("readable", v.MIGRATION | v.RO)):
        made = Pure(f("mk_pte", "page", bits))
        doc = "what mk_pte(page, migration) gives" + (", read-only" if bits & v.RO else "")
        yield entries(f"make_{access}_migration_entry(page: page)", made, doc, "4.6", "pte")


def _soft_leaves() -> Iterator[Word]:
    """The names that linux/leafops.h gives them. The kernel's softleaf_from_pte() is 0 for what is none or
    present; so is it here."""
    words = partial(row, "Page tables")
    name = "e: pte"
    for level, content in (("pte", "pte"), ("pmd", "pmd")):
        leaf = Pure(f("ite", _is("e", *_swapped(level)), Reg("e"), 0))
        source = f"softleaf_from_{level}(), {_LEAF}, {_SOFT}"
        doc = "the entry itself, if it is a swap or migration entry; else 0"
        yield words(f"softleaf_from_{level}(e: {content})", leaf, doc, "4.6", "pte", source=source)
    source = f"softleaf_to_pte(), {_LEAF}, {_SOFT}"
    yield words(f"softleaf_to_pte({name})", Pure(Reg("e")), "the same", "", "pte", source=source)
    for asked, held, doc in (
        ("none", f("eq", "e", 0), "is it 0?"),
        ("swap", _is("e", v.SWAP), "is it a swap entry?"),
        ("migration", _is("e", v.MIGRATION), "is it a migration entry?"),
    ):
        source = f"softleaf_is_{asked}(), {_LEAF}, {_SOFT}"
        yield words(f"softleaf_is_{asked}({name})", Pure(held), doc, "4.6", "number", source=source)
    source = f"softleaf_to_page(), {_LEAF}, {_SOFT}"
    yield words(f"softleaf_to_page({name})", Pure(f("pte_held", "e")), _NAMED, "", "page", source=source)
    source = f"pmd_is_migration_entry(), {_LEAF}, {_SOFT}"
    moving = Pure(_is("e", v.MIGRATION))
    doc = "is it a migration entry?"
    yield words("pmd_is_migration_entry(e: pmd)", moving, doc, "4.6", "number", source=source)


def _entries(level: str, pointer: str, content: str) -> Iterator[Word]:
    """What every level has: its entries, and the operations on them; ``content`` is what they hold."""
    g, lock = "Page tables", "2.1"
    upper = pointer == "upper"
    what = "the address of the entry for v" + (" in an mm or table that holds tables" if upper else "")
    address = Special("entry_of", "no event")
    source = (
        "pte_offset_kernel(), pmd_offset() and kin, linux/pgtable.h, earlier asm/pgtable.h; here in one step"
    )
    yield row(g, f"{level}(handle: handle, v: va)", address, what, "", pointer, source=source)
    copied, five = _copied(level), _five(level)
    entry, value = f"p: {pointer}", f"e: {content}"
    doc = "a plain store"
    stores = partial(row, g, source=f"native_set_{level}(), native_{level}_clear(), {_64}")
    yield stores(f"set_{level}({entry}, {value})", Store("p", Reg("e")), f"{doc}{copied}", "1.1")
    if level in ("pte", "pmd", "pud"):
        head = f"set_{level}_at(mm: mm, addr: va, {entry}, {value})"
        yield row(g, head, Store("p", Reg("e")), doc, "1.1", source=f"set_{level}_at(), {_X86}")
    lead, none = "" if upper else _MM, Store("p", FALSE)
    yield stores(f"{level}_clear({entry})", none, f"{doc} of none{five}{copied}", "1.1", lead=lead)
    name = f"{level}p"
    source = f"{name}_get(), linux/pgtable.h"
    for how in ("", "_lockless") if level in ("pte", "pmd") else ("",):
        yield row(g, f"{name}_get{how}({entry})", Load("p"), "a load", "1.1", content, source=source)
    clear, source = Locked("p", FALSE), f"native_{name}_get_and_clear(), {_64}"
    if level in ("pmd", "pud"):
        source += f", called by {name}_huge_get_and_clear()"
    elif level != "pte":
        source = _XCHG
    for huge in ("", "_huge") if level in ("pmd", "pud") else ("",):
        head = f"{name}{huge}_get_and_clear({entry})"
        yield row(g, head, clear, "XCHG with none", lock, content, source=source, lead=_MM)
    swaps = partial(row, g, source=_XCHG)
    yield swaps(f"{name}_xchg({entry}, {value})", Locked("p", Reg("e")), "XCHG", lock, content)
    swap = Locked("p", Reg("e"), when=f("eq", OLD, "expected"))
    head = f"{name}_cmpxchg({entry}, expected: {content}, {value})"
    doc = "LOCK CMPXCHG, LOCK'd also when it fails; compares attributes, too"
    yield row(g, head, swap, doc, lock, content, source="no kernel function: cmpxchg() of the entry")
    if level == "pte":
        source = f"ptep_try_set(), {_X86}; v7.2 and later"
        swap, doc = (
            replace(swap, when=f("eq", OLD, 0), result=f("eq", OLD, 0)),
            "LOCK CMPXCHG of none; was it none?",
        )
        yield row(g, f"ptep_try_set({entry}, {value})", swap, doc, lock, "number", source=source)
    asks = partial(row, g, source=f"{level}_none(), {level}_present(), {_X86}")
    yield asks(f"{level}_none({value})", Pure(f("eq", "e", 0)), f"is it none?{five}", "", "number")
    other = ", or is it PROT_NONE" if level in ("pte", "pmd") else ""
    doc = f"is P set{other}? False for none, swap and migration entries{five}"
    doc += "; true of one that pmd_mkinvalid() made" if level == "pmd" else ""
    yield asks(f"{level}_present({value})", Pure(_present(level, "e")), doc, "", "number")


def _attributes(level: str, content: str) -> Iterator[Word]:
    """What is asked of an entry's content, and contents that differ in one attribute. An upper entry is that
    of a large page, as a rule: in one that leads to a table D means nothing."""
    words = partial(row, "Page tables")
    e = f"e: {content}"
    source = f"{level}_same(), {_X86 if level == 'pte' else 'linux/pgtable.h'}"
    same, doc = Pure(f("eq", "e", "other")), "are they equal, with attributes?"
    yield words(f"{level}_same({e}, other: {content})", same, doc, "", "number", source=source)

    def lacks(bit: int) -> Expr:
        return f("and", f("ne", "e", 0), f("not", f("pte_has", "e", bit)))

    asked = (
        ("write", lacks(v.RO), "may it be written through?"),
        ("exec", lacks(v.NX), "may code be fetched through it?"),
        ("user", lacks(v.SUPERVISOR), "may user mode use it?"),
        ("global", f("and", f("ne", "e", 0), f("pte_has", "e", v.GLOBAL)), "is it global?"),
        ("dirty", lacks(v.CLEAN), "is D set?"),
        ("young", lacks(v.UNACCESSED), "is A set?"),
    )
    for name, value, doc in asked:
        if level == "pte" or name in ("write", "dirty", "young"):  # the kernel has no others
            source = f"{level}_{name}(), {_X86}" if name != "user" else "no kernel function: U/S of the entry"
            yield words(f"{level}_{name}({e})", Pure(value), doc, "", "number", source=source)
    made = (
        ("wrprotect", "pte_with", v.RO, "read-only"),
        ("mkwrite", "pte_without", v.RO, "writable"),
        ("mkold", "pte_with", v.UNACCESSED, "with A clear"),
        ("mkyoung", "pte_without", v.UNACCESSED, "with A set"),
        ("mkclean", "pte_with", v.CLEAN, "with D clear"),
        ("mkdirty", "pte_without", v.CLEAN, "with D set"),
    )
    for name, function, bit, doc in made:
        source = f"{level}_{name}(), {_X86}"
        if name == "mkwrite" and level != "pud":
            source += f"; {level}_mkwrite_novma() since v6.6 (version unchecked)"
        changed, head, optional = Pure(f(function, "e", bit)), f"{level}_{name}({e})", 0
        if name == "mkwrite" and level != "pud":  # with the vma since v6.6 (version unchecked)
            head, optional = f"{level}_{name}({e}, vma: vma)", 1
        doc = f"the same, {doc}"
        yield words(head, changed, doc, "", content, source=source, optional=optional)


def tables() -> Iterator[Word]:
    """Page-table entries, leaves and upper ones."""
    g, lock = "Page tables", "2.1"
    yield from _entries("pte", "entry", "pte")
    for level in UPPER_LEVELS:
        yield from _entries(level, "upper", "pmd")
        head = f"{level}_populate(mm: mm, p: upper, table: table)"
        doc = f"a plain store of a table{_five(level)}{_copied(level)}"
        source = f"{level}_populate(), asm/pgalloc.h"
        yield row(g, head, Store("p", Reg("table")), doc, "1.1", source=source)
        source = f"{level}_leaf(), earlier {level}_large(), {_X86}"
        source += "; always 0" if level in ("p4d", "pgd") else ""
        leaf = Special("leaf", "no event")
        yield row(g, f"{level}_leaf(e: pmd)", leaf, "is it a large page?", "4.5", "number", source=source)
    make = Special("mk_pte", "no event")
    doc = "an entry that leads there, with attributes ro, nx, global, supervisor, clean, old; or one that is"
    doc += " not present and names the page: protnone, swap, migration, invalid"
    head, whole = "mk_pte(page: target, attributes: attributes)", f"mk_pte(), pte_page(), pmd_page(), {_X86}"
    yield row(g, head, make, doc, "4.2, 4.6", "pte", optional=1, source=whole)
    yield from _absent()
    page = Pure(f("pte_target", "e"))
    yield row(g, "pte_page(e: pte)", page, "the page it maps", "", "page", source=whole)
    yield row(
        g, "pmd_page(e: pmd)", page, "the page that a large page's entry maps", "", "page", source=whole
    )
    for level, content in (("pte", "pte"), ("pmd", "pmd"), ("pud", "pmd")):
        yield from _attributes(level, content)
    absent = Pure(f("pte_with", f("pte_without", "e", v.NOT_PRESENT), v.INVALID))
    doc = (
        "the same, with P clear, as mk_pte(page, invalid): a walk ends there. For the kernel it is present, a"
    )
    doc += " large page and not PROT_NONE"
    source = f"pmd_mkinvalid(), {_X86}; earlier pmd_mknotpresent()"
    for name in ("pmd_mkinvalid", "pmd_mknotpresent"):
        yield row(g, f"{name}(e: pmd)", absent, doc, "4.6", "pmd", source=source)
    source = (
        "ptep_set_wrprotect(), asm/pgtable.h: clear_bit(); since v6.6 a loop of CMPXCHG (version unchecked)"
    )
    protect = Locked("p", f("pte_with", OLD, v.RO), None)
    protects = partial(row, g, source=source, lead=_MM)
    doc = "LOCK'd: makes it read-only"
    yield protects("ptep_set_wrprotect(p: entry)", protect, doc, lock)
    yield protects("pmdp_set_wrprotect(p: upper)", protect, doc, lock)
    gone, plain = "p: entry", "a plain store of none"
    # v5.16 and v6.9 stand for versions of both kinds: what these have in common is the plain store.
    source, doc = "ptep_clear(), linux/pgtable.h", f"{plain}; XCHG in v5.19 to v6.13"
    yield row(g, f"ptep_clear({gone})", Store("p", FALSE), doc, "1.1, 19.1", source=source, lead=_MM)
    head, source = f"pte_clear_not_present_full({_MM}, {gone}, full: number)", "linux/pgtable.h, up to v7.2"
    yield row(g, head, Store("p", FALSE), plain, "1.1", source=f"pte_clear_not_present_full(), {source}")
    for level in ("pmd", "pud"):
        source = f"{level}p_establish(), {_X86}" + (
            "" if level == "pmd" else "; v6.12 and later (version unchecked)"
        )
        head = f"{level}p_establish({_VMA}, p: upper, e: pmd)"
        yield row(g, head, Locked("p", Reg("e")), "XCHG", lock, "pmd", source=source)
    for name, bit, letter in (("young", v.UNACCESSED, "A"), ("dirty", v.CLEAN, "D")):
        was = f("and", f("ne", OLD, 0), f("not", f("pte_has", OLD, bit)))
        clear = Locked("p", f("pte_with", OLD, bit), was, was, looks=TRUE)
        doc = f"clears {letter}, LOCK'd; a load if it is clear; was it set?"
        source = f"ptep_test_and_clear_{name}() and kin, "
        source += "arch/x86/mm/pgtable.c" if name == "young" else "up to v2.6.22 (version unchecked)"
        tests = partial(row, g, rule="1.1, 2.1, 7.4, 19.2", result="number", source=source, lead=_VMA)
        yield tests(f"ptep_test_and_clear_{name}(p: entry)", clear, doc)
        for level in ("pmd", "pud") if name == "young" else ():
            yield tests(f"{level}p_test_and_clear_{name}(p: upper)", clear, doc)


def _both(
    g: str, head: str, effect: Machine, doc: str, rule: str, optional: int = 0, *, source: str
) -> Iterator[Word]:
    """An invalidation, and its hypothetical form that does not serialize."""
    yield row(g, head, effect, f"{doc}; serializing", rule, optional=optional, source=source)
    name, bracket, rest = head.partition("(")
    relaxed = replace(effect, serializing=False)
    doc = "the same, but not serializing: hypothetical"
    head, source = f"{name}_relaxed{bracket}{rest}", "no kernel function: hypothetical"
    yield row(g, head, relaxed, doc, "5.3", optional=optional, source=source)


def _numbers(g: str) -> Iterator[Word]:
    """CR3 as the kernel builds it: a root's physical address, a PCID, bit 63, the bits of LAM."""
    takes = partial(row, g, rule="5.1", result="ulong")
    root = Pure(f("root", "pgd"))
    doc = "the physical address of an mm's root; with a PCID, CR3_NOFLUSH and LAM bits it is what CR3 takes"
    source = "__pa(), asm/page.h; __sme_pa(), linux/mem_encrypt.h, since v4.14: without SME the same"
    for name in ("__pa", "__sme_pa"):
        yield takes(f"{name}(pgd: root)", root, doc, source=source)
    write = Special("write_cr3", "write of CR3", register="pcid")
    doc = "load_cr3(mm, pcid), or load_cr3_noflush(mm, pcid) if CR3_NOFLUSH is set; LAM bits do nothing; "
    doc += "a value that is no root is an error of the test; serializing"
    for name in ("write_cr3", "native_write_cr3", "__native_write_cr3"):
        source = f"{'write_cr3(), ' if name == 'write_cr3' else ''}native_write_cr3(), asm/special_insns.h"
        yield row(g, f"{name}(cr3: cr3)", write, doc, "5.1, 5.3, 5.7", source=source)
    read = Special("read_cr3", "no data access", TRUE)
    doc = "this CPU's root and PCID; the bits of LAM are not kept"
    source = "__native_read_cr3(), asm/special_insns.h"
    for name in ("__read_cr3", "__native_read_cr3"):
        yield takes(f"{name}()", read, doc, source=source)
    bare, source = Special("read_cr3", "no data access"), "read_cr3_pa(), asm/processor.h"
    yield takes("read_cr3_pa()", bare, "this CPU's root, without the PCID", source=source)


def _pages(g: str) -> Iterator[Word]:
    """The kernel's names of INVLPG, which take an address that may be the sum of another one."""
    page, rule = Machine("INV", "invlpg", va="addr"), "5.1, 5.3"
    doc = "INVLPG of the page that addr lies in; without PTI, with which user PCIDs follow; serializing"
    user = ("flush_tlb_one_user", "__flush_tlb_one_user", "native_flush_tlb_one_user", "__flush_tlb_one")
    older = "; __flush_tlb_one() and __flush_tlb_single() up to v4.15 (version unchecked)"
    for name in (*user, "__flush_tlb_single", "__native_flush_tlb_single"):
        source = f"native_flush_tlb_one_user(), {_TLB}{older}"
        yield row(g, f"{name}(addr: addr)", page, doc, rule, source=source)
    for name in ("flush_tlb_one_kernel", "__flush_tlb_one_kernel"):
        doc = "the same; without PTI, with which the other PCIDs of this CPU are flushed later"
        source = f"flush_tlb_one_kernel(), {_TLB}; __flush_tlb_one_kernel() up to v5.7 (version unchecked)"
        yield row(g, f"{name}(addr: addr)", page, doc, rule, source=source)


def translation() -> Iterator[Word]:
    """CR3 and the TLB."""
    g, rule = "TLB and CR3", "5.1, 5.3"
    root = Machine("CR3", "cr3", pcid="pcid", register="cr3", value=Reg("mm"))
    head = "(mm: mm, pcid: pcid)"
    doc = "loads mm under a PCID (0 if none is given) and flushes that PCID"
    rules, source = "5.1, 5.3, 5.7", "load_cr3(), asm/processor.h; there of a pgd, without a PCID"
    yield from _both(g, f"load_cr3{head}", root, doc, rules, 1, source=source)
    keeps, doc = replace(root, kind="noflush"), "loads mm and flushes nothing"
    source = f"no kernel function: the write in load_new_mm_cr3(), {_TLB}"
    yield from _both(g, f"load_cr3_noflush{head}", keeps, doc, rules, 1, source=source)
    reads = partial(row, g, source="no kernel function of this name: __read_cr3(), asm/special_insns.h")
    read = partial(Special, "read_register", "no data access")
    yield reads("read_cr3()", read(register="cr3"), "this CPU's address space", "", "mm")
    yield reads("read_pcid()", read(register="pcid"), "this CPU's PCID", "", "number")
    yield from _numbers(g)
    doc = "removes v from this CPU's TLB, under its current PCID and globals"
    page = Machine("INV", "invlpg", va="v")
    yield from _both(g, "invlpg(v: va)", page, doc, rule, source="invlpg(), asm/tlb.h")
    yield from _pages(g)
    local, every = Machine("INV", "local"), Machine("INV", "all")
    doc = "removes all of the current PCID but globals from this CPU's TLB"
    source = f"native_flush_tlb_local(), {_TLB}; __flush_tlb() up to v5.7 (version unchecked)"
    yield from _both(g, "flush_tlb_local()", local, doc, rule, source=source)
    for name in ("native_flush_tlb_local", "__flush_tlb_local"):
        yield row(g, f"{name}()", local, f"{doc}; serializing", rule, source=source)
    doc, source = "removes everything from this CPU's TLB", f"native_flush_tlb_global(), {_TLB}"
    yield from _both(g, "__flush_tlb_all()", every, doc, rule, source=f"__flush_tlb_all(), {source}")
    for name in ("native_flush_tlb_global", "__flush_tlb_global"):
        yield row(g, f"{name}()", every, f"{doc}; serializing", rule, source=source)
    source = f"no kernel function of this name: __native_tlb_flush_global(), called by {source}"
    yield from _both(g, "cr4_toggle_pge()", every, doc, rule, source=source)
    source = "invpcid_flush_one() and kin, asm/invpcid.h"
    flushes = partial(_both, g, source=source)
    one = Machine("INV", "invpcid0", va="v", pcid="pcid")
    yield from flushes("invpcid_flush_one(pcid: pcid, v: va)", one, "INVPCID type 0: v of a PCID", rule)
    context = Machine("INV", "invpcid1", pcid="pcid")
    doc = "INVPCID type 1: a PCID but its globals"
    yield from flushes("invpcid_flush_single_context(pcid: pcid)", context, doc, rule)
    yield from flushes("invpcid_flush_all()", Machine("INV", "invpcid2"), "INVPCID type 2: everything", rule)
    rest = Machine("INV", "invpcid3")
    yield from flushes("invpcid_flush_all_nonglobals()", rest, "INVPCID type 3: all but globals", rule)
    special = Special("invpcid", "invalidation")
    doc = "INVPCID of a constant type, 0 to 3; what the type does not look at is 0"
    source = "no kernel function of this name: __invpcid(pcid, addr, type), asm/invpcid.h"
    yield row(g, "invpcid(type: number, pcid: pcid, v)", special, doc, rule, source=source)
    source = "no kernel function of this name: __invlpgb(), asm/tlb.h, since v6.15"
    broadcasts = partial(row, g, source=source)
    broadcast = Special("invlpgb", "INVLPGB")
    doc = "v of a PCID, or all of it but globals, on every CPU; only TLBSYNC waits"
    yield broadcasts("invlpgb(pcid: pcid, v: va)", broadcast, doc, "11.1, 11.3", optional=1)
    final = Machine("BINV", "broadcast-final", va="v", pcid="pcid")
    doc = "the same, but upper entries stay cached"
    yield broadcasts("invlpgb_final(pcid: pcid, v: va)", final, doc, "11.1, 11.3")
    doc = "everything, on every CPU; without the TLBSYNC of the kernel's invlpgb_flush_all()"
    yield broadcasts("invlpgb_all()", Machine("BINV", "broadcast-all"), doc, "11.1, 11.3")
    doc = "waits for this CPU's INVLPGBs; serializing"
    yield row(g, "tlbsync()", Machine("TLBSYNC"), doc, "11.2", source="__tlbsync(), asm/tlb.h, since v6.15")
    accesses = partial(row, g, source=_TEST)
    walk = Machine("T", va="v")
    yield accesses("translate(v: va)", walk, "the page that v is translated to", "3.3, 4.1, T-FRESH", "page")
    user = Load("v", kind="user")
    yield accesses("user_read(v: va)", user, "a load in user mode", "4.2, T-FRESH", "value")
    stores = Store("v", Reg("e"), "user")
    yield accesses("user_write(v: va, e)", stores, "a store in user mode", "4.2, 7.3, T-FRESH")


def code() -> Iterator[Word]:
    """Instruction fetch and serializing instructions."""
    g = "Instruction fetch"
    bare = partial(row, g, source=_BARE)
    fetch, doc = Special("ifetch", "fetch"), "an instruction word, perhaps a prefetched copy"
    source = "no kernel function: what the CPU executes"
    yield row(g, "ifetch(c: fetched)", fetch, doc, "10.1", "value", source=source)
    poke = Store("c", Reg("e"), "alias")
    doc = "a store through another linear address; alone, without the writes of CR3 and the flush around it"
    source = "the store in __text_poke(), arch/x86/kernel/alternative.c"
    yield row(g, "text_poke(c: code, e)", poke, doc, "10.2, 10.3", source=source)
    instructions: tuple[tuple[Serializer, str], ...] = (
        (
            "sync_core",
            "sync_core(), asm/sync_core.h: SERIALIZE if the CPU has it, else IRET to itself",
        ),
        ("cpuid", "native_cpuid(), asm/processor.h"),
        ("serialize", "serialize(), asm/special_insns.h"),
        ("iret", _BARE),
    )
    for name, source in instructions:
        doc = "serializing; drops prefetched instructions, no TLB entries"
        yield row(g, f"{name}()", Machine("SER", name), doc, "9.1, 9.2", source=source)
    doc = "as a handler's last statement: it returns by SYSRET, which is not serializing; an error elsewhere"
    yield bare("sysret()", Machine("SYSRET"), doc, "8.6")
    yield bare("jump()", Machine("JMP"), "a taken branch, as self-modifying code needs one", "10.2")


def stores() -> Iterator[Word]:
    """Stores past the cache, and cache lines."""
    g = "Non-temporal stores and cache lines"
    nt = Store("x", Reg("e"), "nt")
    doc = "MOVNTI: in order with no other store but by a fence"
    yield row(g, "movnti(x: pointer, e)", nt, doc, "2.6", source=_BARE)
    for name in ("clflush", "clflushopt", "clwb"):
        flush, source = Order("clflush"), f"{name}(), asm/special_insns.h"
        yield row(g, f"{name}(x: pointer)", flush, "orders nothing here", "2.6", source=source)


def interrupts() -> Iterator[Word]:
    """Bare writes of the interrupt command register."""
    g = "Interrupts and IPIs"
    send = partial(Special, "icr", "interrupt command")
    head = "(cpu: cpu, func: function)"
    doc = (
        "the bare x2APIC write: func(NULL) on one CPU, perhaps this one; orders nothing, waits for nothing; "
    )
    doc += "one that finds the same one pending is lost"
    source = "native_x2apic_icr_write(), asm/apic.h, without the weak_wrmsr_fence() that belongs before it"
    yield row(g, f"apic_icr_write{head}", send(kind="x2apic"), doc, "8.2, 8.3", source=source)
    doc = "the bare xAPIC write, uncached: earlier stores are visible before it; else the same"
    source = "native_apic_icr_write(), arch/x86/kernel/apic/apic.c: the second of its two stores"
    yield row(g, f"apic_icr_write_mmio{head}", send(kind="xapic"), doc, "8.1", source=source)
    doc = "the bare x2APIC write of an NMI: it strikes after this, even with interrupts off; orders nothing, "
    doc += "waits for nothing; one that finds the same one pending is lost"
    source = "x2apic_send_IPI() with NMI_VECTOR, arch/x86/kernel/apic/x2apic_cluster.c; as "
    source += "nmi_trigger_cpumask_backtrace() and NMI shootdowns send it, without their weak_wrmsr_fence()"
    strike = send(kind="x2apic", value=TRUE)
    yield row(g, f"apic_send_nmi{head}", strike, doc, "8.2, 8.3, 12.1", source=source)
    doc = "the bare xAPIC write of an NMI, uncached: earlier stores are visible before it; else the same"
    source = "__default_send_IPI_dest_field() with NMI_VECTOR, arch/x86/kernel/apic/ipi.c"
    strike = send(kind="xapic", value=TRUE)
    yield row(g, f"apic_send_nmi_mmio{head}", strike, doc, "8.1, 8.3, 12.1", source=source)
