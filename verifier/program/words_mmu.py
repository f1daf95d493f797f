"""The words that are about the MMU: page tables, translation, invalidation, instruction fetch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from verifier.program import values as v
from verifier.program.rows import (
    OLD,
    Load,
    Machine,
    Order,
    Pure,
    Special,
    Store,
    Update,
    Word,
    f,
    row,
)
from verifier.program.values import FALSE, Expr, Reg

UPPER_LEVELS = ("pmd", "pud", "p4d", "pgd")


# What the kernel's forms take before the pointer to the entry.
_MM, _VMA = "mm: mm, addr: va", "vma: vma, addr: va"


def _present(e: str) -> Expr:
    """x86's pte_present(): P, or PROT_NONE (arch/x86/include/asm/pgtable.h)."""
    swapped = (f("not", f("pte_has", e, bit)) for bit in (v.SWAP, v.MIGRATION))
    return f("and", f("ne", e, 0), *swapped)


def _is(e: str, *bits: int) -> Expr:
    return f("or", *(f("pte_has", e, bit) for bit in bits))


def _absent() -> Iterator[Word]:
    """Entries that are not present and hold something: PROT_NONE, and what include/linux/swapops.h makes."""
    g = "Page tables"
    for level, content in (("pte", "pte"), ("pmd", "pmd")):
        doc = "is it PROT_NONE? A walk ends there; the kernel calls it present"
        yield row(g, f"{level}_protnone(e: {content})", Pure(_is("e", v.PROTNONE)), doc, "4.6", "number")
        swapped = Pure(_is("e", v.SWAP, v.MIGRATION))
        doc = "is it a swap or migration entry?"
        yield row(g, f"is_swap_{level}(e: {content})", swapped, doc, "4.6", "number")
    same, name = Pure(Reg("e")), "e: pte"
    yield row(g, f"pte_to_swp_entry({name})", same, "the same", "", "pte")
    yield row(g, f"swp_entry_to_pte({name})", same, "the same", "", "pte")
    moving = Pure(_is("e", v.MIGRATION))
    yield row(g, f"is_migration_entry({name})", moving, "is it one?", "4.6", "number")
    page = Pure(f("pte_held", "e"))
    yield row(g, f"pfn_swap_entry_to_page({name})", page, "the page that a migration entry names", "", "page")
    for access, bits in (("writable", v.MIGRATION), ("readable", v.MIGRATION | v.RO)):
        made = Pure(f("mk_pte", "page", bits))
        doc = "what mk_pte(page, migration) gives" + (", read-only" if bits & v.RO else "")
        yield row(g, f"make_{access}_migration_entry(page: page)", made, doc, "4.6", "pte")


def _entries(level: str, pointer: str, content: str) -> Iterator[Word]:
    """What every level has: its entries, and the operations on them; ``content`` is what they hold."""
    g, lock = "Page tables", "2.1"
    upper = pointer == "upper"
    what = "the address of the entry for v" + (" in an mm or table that holds tables" if upper else "")
    address = Special("entry_of", "no event")
    yield row(g, f"{level}(handle: handle, v: va)", address, what, "", pointer)
    entry, value = f"p: {pointer}", f"e: {content}"
    yield row(g, f"set_{level}({entry}, {value})", Store("p", Reg("e")), "a plain store", "1.1")
    if level in ("pte", "pmd", "pud"):
        head = f"set_{level}_at(mm: mm, addr: va, {entry}, {value})"
        yield row(g, head, Store("p", Reg("e")), "a plain store", "1.1")
    lead, none = "" if upper else _MM, Store("p", FALSE)
    yield row(g, f"{level}_clear({entry})", none, "a plain store of none", "1.1", lead=lead)
    name = f"{level}p"
    for how in ("", "_lockless") if level in ("pte", "pmd") else ("",):
        yield row(g, f"{name}_get{how}({entry})", Load("p"), "a load", "1.1", content)
    clear = Update("p", FALSE)
    for huge in ("", "_huge") if level in ("pmd", "pud") else ("",):
        head = f"{name}{huge}_get_and_clear({entry})"
        yield row(g, head, clear, "XCHG with none", lock, content, lead=_MM)
    yield row(g, f"{name}_xchg({entry}, {value})", Update("p", Reg("e")), "XCHG", lock, content)
    swap = Update("p", Reg("e"), when=f("eq", OLD, "expected"))
    head = f"{name}_cmpxchg({entry}, expected: {content}, {value})"
    doc = "LOCK CMPXCHG, LOCK'd also when it fails; compares attributes, too"
    yield row(g, head, swap, doc, lock, content)
    yield row(g, f"{level}_none({value})", Pure(f("eq", "e", 0)), "is it none?", "", "number")
    doc = "is P set, or is it PROT_NONE? False for none, swap and migration entries"
    yield row(g, f"{level}_present({value})", Pure(_present("e")), doc, "", "number")


def tables() -> Iterator[Word]:
    """Page-table entries, leaves and upper ones."""
    g, lock = "Page tables", "2.1"
    yield from _entries("pte", "entry", "pte")
    for level in UPPER_LEVELS:
        yield from _entries(level, "upper", "pmd")
        head = f"{level}_populate(mm: mm, p: upper, table: table)"
        yield row(g, head, Store("p", Reg("table")), "a plain store of a table", "1.1")
        leaf = Special("leaf", "no event")
        yield row(g, f"{level}_leaf(e: pmd)", leaf, "is it a large page?", "4.5", "number")
    make = Special("mk_pte", "no event")
    doc = "an entry that leads there, with attributes ro, nx, global, supervisor, clean, old; or one that is"
    doc += " not present and names the page: protnone, swap, migration"
    yield row(g, "mk_pte(page: target, attributes: attributes)", make, doc, "4.2, 4.6", "pte", optional=1)
    yield from _absent()
    page = Pure(f("pte_target", "e"))
    yield row(g, "pte_page(e: pte)", page, "the page it maps", "", "page")
    yield row(g, "pmd_page(e: pmd)", page, "the page that a large page's entry maps", "", "page")
    same = Pure(f("eq", "e", "other"))
    yield row(g, "pte_same(e: pte, other: pte)", same, "are they equal, with attributes?", "", "number")

    def lacks(bit: int) -> Expr:
        return f("and", f("ne", "e", 0), f("not", f("pte_has", "e", bit)))

    asked = (
        ("write", lacks(v.RO), "may it be written through?"),
        ("exec", lacks(v.NX), "may code be fetched through it?"),
        ("user", lacks(v.SUPERVISOR), "may user mode use it?"),
        ("global", f("and", f("ne", "e", 0), f("pte_has", "e", v.GLOBAL)), "is it global?"),
        ("dirty", lacks(v.CLEAN), "is D set?"),
        ("young", lacks(v.OLD), "is A set?"),
    )
    for name, value, doc in asked:
        yield row(g, f"pte_{name}(e: pte)", Pure(value), doc, "", "number")
    made = (
        ("wrprotect", "pte_with", v.RO, "read-only"),
        ("mkwrite", "pte_without", v.RO, "writable"),
        ("mkold", "pte_with", v.OLD, "with A clear"),
        ("mkyoung", "pte_without", v.OLD, "with A set"),
        ("mkclean", "pte_with", v.CLEAN, "with D clear"),
        ("mkdirty", "pte_without", v.CLEAN, "with D set"),
    )
    for name, function, bit, doc in made:
        yield row(g, f"pte_{name}(e: pte)", Pure(f(function, "e", bit)), f"the same, {doc}", "", "pte")
    protect = Update("p", f("pte_with", OLD, v.RO), None)
    doc = "LOCK'd: makes it read-only"
    yield row(g, "ptep_set_wrprotect(p: entry)", protect, doc, lock, lead=_MM)
    yield row(g, "pmdp_set_wrprotect(p: upper)", protect, doc, lock, lead=_MM)
    gone = "p: entry"
    yield row(g, f"ptep_clear({gone})", Update("p", FALSE, None), "XCHG with none", lock, lead=_MM)
    head = f"{_MM}, {gone}, full: number"
    plain = Store("p", FALSE)
    yield row(g, f"pte_clear_not_present_full({head})", plain, "a plain store of none", "1.1")
    head = f"pmdp_establish({_VMA}, p: upper, e: pmd)"
    yield row(g, head, Update("p", Reg("e")), "XCHG", lock, "pmd")
    for name, bit, letter in (("young", v.OLD, "A"), ("dirty", v.CLEAN, "D")):
        was = f("and", f("ne", OLD, 0), f("not", f("pte_has", OLD, bit)))
        clear = Update("p", f("pte_with", OLD, bit), was)
        doc = f"LOCK'd: clears {letter}; was it set?"
        for level, pointer in (("pte", "entry"), ("pmd", "upper")):
            if (level, name) != ("pmd", "dirty"):
                head = f"{level}p_test_and_clear_{name}(p: {pointer})"
                yield row(g, head, clear, doc, "2.1, 7.4", "number", lead=_VMA)


def _both(g: str, head: str, effect: Machine, doc: str, rule: str, optional: int = 0) -> Iterator[Word]:
    """An invalidation, and its hypothetical form that does not serialize."""
    yield row(g, head, effect, f"{doc}; serializing", rule, optional=optional)
    name, bracket, rest = head.partition("(")
    relaxed = replace(effect, serializing=False)
    doc = "the same, but not serializing: hypothetical"
    yield row(g, f"{name}_relaxed{bracket}{rest}", relaxed, doc, "5.3", optional=optional)


def translation() -> Iterator[Word]:
    """CR3 and the TLB."""
    g, rule = "TLB and CR3", "5.1, 5.3"
    root = Machine("CR3", register="cr3", value=Reg("mm"))
    head = "(mm: mm, pcid: pcid)"
    doc = "loads mm under a PCID (0 if none is given) and flushes that PCID"
    yield from _both(g, f"load_cr3{head}", root, doc, "5.1, 5.3, 5.7", 1)
    keeps = replace(root, kind="noflush")
    yield from _both(g, f"load_cr3_noflush{head}", keeps, "loads mm and flushes nothing", "5.1, 5.3, 5.7", 1)
    read = Special("read_register", "no data access")
    yield row(g, "read_cr3()", read, "this CPU's address space", "", "mm")
    yield row(g, "read_pcid()", read, "this CPU's PCID", "", "number")
    doc = "removes v from this CPU's TLB, under its current PCID and globals"
    yield from _both(g, "invlpg(v: va)", Machine("INV", "invlpg", ("v",)), doc, rule)
    local, every = Machine("INV", "local"), Machine("INV", "all")
    doc = "removes all of the current PCID but globals from this CPU's TLB"
    yield from _both(g, "flush_tlb_local()", local, doc, rule)
    doc = "removes everything from this CPU's TLB"
    yield from _both(g, "__flush_tlb_all()", every, doc, rule)
    yield from _both(g, "cr4_toggle_pge()", every, doc, rule)
    one = Machine("INV", "invpcid0", ("pcid", "v"))
    yield from _both(g, "invpcid_flush_one(pcid: pcid, v: va)", one, "INVPCID type 0: v of a PCID", rule)
    context = Machine("INV", "invpcid1", ("pcid",))
    doc = "INVPCID type 1: a PCID but its globals"
    yield from _both(g, "invpcid_flush_single_context(pcid: pcid)", context, doc, rule)
    yield from _both(g, "invpcid_flush_all()", Machine("INV", "invpcid2"), "INVPCID type 2: everything", rule)
    rest = Machine("INV", "invpcid3")
    yield from _both(g, "invpcid_flush_all_nonglobals()", rest, "INVPCID type 3: all but globals", rule)
    special = Special("invpcid", "invalidation")
    doc = "INVPCID of a constant type, 0 to 3; what the type does not look at is 0"
    yield row(g, "invpcid(type: number, pcid: pcid, v)", special, doc, rule)
    broadcast = Special("invlpgb", "INVLPGB")
    doc = "v of a PCID, or all of it but globals, on every CPU; only TLBSYNC waits"
    yield row(g, "invlpgb(pcid: pcid, v: va)", broadcast, doc, "11.1, 11.3", optional=1)
    final = Machine("BINV", "final", ("pcid", "v"))
    doc = "the same, but upper entries stay cached"
    yield row(g, "invlpgb_final(pcid: pcid, v: va)", final, doc, "11.1, 11.3")
    yield row(g, "invlpgb_all()", Machine("BINV", "all"), "everything, on every CPU", "11.1, 11.3")
    doc = "waits for this CPU's INVLPGBs; serializing"
    yield row(g, "tlbsync()", Machine("TLBSYNC"), doc, "11.2")
    walk = Machine("T", args=("v",))
    yield row(g, "translate(v: va)", walk, "the page that v is translated to", "3.3, 4.1, T-FRESH", "page")
    user = Load("v", kind="user")
    yield row(g, "user_read(v: va)", user, "a load in user mode", "4.2, T-FRESH", "value")
    stores = Store("v", Reg("e"), "user")
    yield row(g, "user_write(v: va, e)", stores, "a store in user mode", "4.2, 7.3, T-FRESH")


def code() -> Iterator[Word]:
    """Instruction fetch and serializing instructions."""
    g = "Instruction fetch"
    fetch = Special("ifetch", "fetch")
    yield row(
        g, "ifetch(c: fetched)", fetch, "an instruction word, perhaps a prefetched copy", "10.1", "value"
    )
    poke = Store("c", Reg("e"), "alias")
    yield row(g, "text_poke(c: code, e)", poke, "a store through another linear address", "10.2, 10.3")
    for name in ("sync_core", "cpuid", "serialize", "iret", "wrmsr"):
        doc = "serializing; drops prefetched instructions, no TLB entries"
        yield row(g, f"{name}()", Machine("SER", name), doc, "9.1, 9.2")
    doc = "as a handler's last statement: it returns by SYSRET, which is not serializing; else nothing"
    yield row(g, "sysret()", Machine("SYSRET"), doc, "8.6")
    yield row(g, "jump()", Machine("JMP"), "a taken branch, as self-modifying code needs one", "10.2")


def stores() -> Iterator[Word]:
    """Stores past the cache, and cache lines."""
    g = "Non-temporal stores and cache lines"
    nt = Store("x", Reg("e"), "nt")
    yield row(g, "movnti(x: pointer, e)", nt, "MOVNTI: in order with no other store but by a fence", "2.6")
    for name in ("clflush", "clflushopt", "clwb"):
        yield row(g, f"{name}(x: pointer)", Order("clflush"), "orders nothing here", "2.6")


def interrupts() -> Iterator[Word]:
    """Bare writes of the interrupt command register."""
    g = "Interrupts and IPIs"
    send = Special("icr", "interrupt command")
    head = "(cpu: number, func: function)"
    doc = "the bare x2APIC write: func(NULL) on one CPU; orders nothing, waits for nothing"
    yield row(g, f"apic_icr_write{head}", send, doc, "8.2")
    doc = "the bare xAPIC write, uncached: earlier stores are visible before it"
    yield row(g, f"apic_icr_write_mmio{head}", send, doc, "8.1")
