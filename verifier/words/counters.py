"""The words of the kernel that are one read-modify-write: exchanges, counters, bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from verifier.program.expressions import FALSE, Const, Expr, Reg
from verifier.records import replace
from verifier.words.rows import (
    NO_READER,
    OLD,
    READER,
    Load,
    Locked,
    Modify,
    Special,
    Store,
    Warns,
    Where,
    Word,
    f,
    looking,
    row,
    since,
)

_ORDERS = ("", "_relaxed", "_acquire", "_release")


def exchanges() -> Iterator[Word]:
    """xchg and cmpxchg."""
    g, lock = "Exchange", "2.1"
    swaps = partial(row, g, source="arch_xchg(), asm/cmpxchg.h; one for all orders")
    compares = partial(row, g, source="__raw_cmpxchg(), asm/cmpxchg.h; one for all orders")
    source = "__raw_try_cmpxchg(), asm/cmpxchg.h; one for all orders; it writes *old on failure only"
    tries = partial(row, g, source=source)
    for order in _ORDERS:
        yield swaps(f"xchg{order}(x: pointer, e)", Locked("x", Reg("e")), "XCHG", lock, "same")
        swap = Locked("x", Reg("new"), when=f("eq", OLD, "old_value"))
        doc = "LOCK CMPXCHG, LOCK'd also when it fails"
        yield compares(f"cmpxchg{order}(x: pointer, old_value, new)", swap, doc, lock, "same")
        head, doc = (
            f"try_cmpxchg{order}(x: pointer, old: pointer, new)",
            "LOCK CMPXCHG; *old is what was found",
        )
        yield tries(head, Special("try_cmpxchg", "LOCK'd read-modify-write", locks=True), doc, lock, "number")
    swap = Locked("x", Reg("new"), when=f("eq", OLD, "old_value"))
    for name, source in (
        ("cmpxchg64", "arch_cmpxchg64(), asm/cmpxchg_64.h"),
        ("sync_cmpxchg", "arch_sync_cmpxchg(), asm/cmpxchg.h"),
    ):
        doc = "LOCK CMPXCHG, LOCK'd also when it fails"
        yield row(g, f"{name}(x: pointer, old_value, new)", swap, doc, lock, "same", source=source)
    head = "try_cmpxchg64(x: pointer, old: pointer, new)"
    taken = Special("try_cmpxchg", "LOCK'd read-modify-write", locks=True)
    doc, source = "LOCK CMPXCHG; *old is what was found", "arch_try_cmpxchg64(), asm/cmpxchg_64.h"
    yield row(g, head, taken, doc, lock, "number", source=source)


def atomics(prefix: str, wrap: str) -> Iterator[Word]:
    """A family of counters; ``wrap`` is the function that wraps its sums."""
    g, lock = "Atomic counters", "2.1"
    wide = "atomic" if prefix == "atomic" else "atomic64"  # atomic_long is atomic64
    gives = "int" if prefix == "atomic" else "same"

    def at(name: str, head: str) -> str:
        return f"{prefix}_{name}({head})"

    header = "asm/atomic.h" if prefix == "atomic" else "asm/atomic64_64.h"
    orders = f"{header}; its orders: {_FALLBACK}"
    source = f"arch_{wide}_read(), arch_{wide}_set(), {orders}"
    plain = partial(row, g, source=source)
    for name in ("read", "read_acquire"):
        yield plain(at(name, "v: pointer"), Load("v"), "a load", "1.1", gives)
    for name in ("set", "set_release"):
        yield plain(at(name, "v: pointer, i"), Store("v", Reg("i")), "a plain store", "1.1")
    results: dict[str, Expr] = {
        "add": f(wrap, f("add", OLD, "i")),
        "sub": f(wrap, f("sub", OLD, "i")),
        "and": f("bitand", OLD, "i"),
        "or": f("bitor", OLD, "i"),
        "xor": f("bitxor", OLD, "i"),
        "andnot": f("bitand", OLD, f("inv", "i")),
        "inc": f(wrap, f("add", OLD, 1)),
        "dec": f(wrap, f("sub", OLD, 1)),
    }
    for op, new in results.items():
        head = "v: pointer" if op in ("inc", "dec") else "i: number, v: pointer"
        sums = op in ("add", "sub", "inc", "dec")
        doc = "LOCK AND of ~i" if op == "andnot" else f"LOCK {op.upper()}"
        source = f"raw_{wide}_andnot(), {_FALLBACK}" if op == "andnot" else f"arch_{wide}_{op}(), {header}"
        yield row(g, at(op, head), Locked("v", new, None), doc, lock, source=source)
        how = "XADD" if sums else "a load, then CMPXCHG until it succeeds, which orders no more"
        source = f"arch_{wide}_fetch_{'add' if sums else 'and'}() and kin ({how}), {orders}"
        for order in _ORDERS:
            fetched, doc = Locked("v", new), "gives the old value"
            yield row(g, at(f"fetch_{op}{order}", head), fetched, doc, lock, gives, source=source)
            if sums:
                returned, doc = Locked("v", new, new), "gives the new value"
                yield row(g, at(f"{op}_return{order}", head), returned, doc, lock, gives, source=source)
    source = f"arch_{wide}_xchg(), arch_{wide}_cmpxchg(), arch_{wide}_try_cmpxchg(), {orders}"
    swaps = partial(row, g, source=source)
    for order in _ORDERS:
        xchg = Locked("v", Reg("new"))
        yield swaps(at(f"xchg{order}", "v: pointer, new"), xchg, "XCHG", lock, gives)
        swap = Locked("v", Reg("new"), when=f("eq", OLD, "old_value"))
        head = "v: pointer, old_value, new"
        yield swaps(at(f"cmpxchg{order}", head), swap, "LOCK CMPXCHG, also when it fails", lock, gives)
        tries = Special("try_cmpxchg", "LOCK'd read-modify-write", locks=True)
        head = "v: pointer, old: pointer, new"
        yield swaps(at(f"try_cmpxchg{order}", head), tries, "*old is what was found", lock, "number")
    tests = partial(row, g, source=f"arch_{wide}_dec_and_test() and kin, {header}")
    for op in ("inc", "dec"):
        zero = Locked("v", results[op], f("eq", results[op], 0))
        yield tests(at(f"{op}_and_test", "v: pointer"), zero, "is the new value 0?", lock, "number")
    zero = Locked("v", results["sub"], f("eq", results["sub"], 0))
    yield tests(at("sub_and_test", "i: number, v: pointer"), zero, "is the new value 0?", lock, "number")
    below = Locked("v", results["add"], f("lt", results["add"], 0))
    source = f"arch_{wide}_add_negative(), {header}; its orders since v6.4 (version unchecked)"
    for name in ("add_negative", "add_negative_relaxed"):
        head, doc = at(name, "i: number, v: pointer"), "is the new value negative?"
        yield row(g, head, below, doc, lock, "number", source=source)
    yield from _conditional(at, results, wrap, wide, gives)


_FALLBACK = "linux/atomic/atomic-arch-fallback.h"


def _conditional(
    at: Callable[[str, str], str], results: dict[str, Expr], wrap: str, wide: str, gives: str
) -> Iterator[Word]:
    """Counters that are changed unless they have some value: a plain load looks for it first."""
    rule = "1.1, 2.1, 19.2"
    unless = partial(row, "Atomic counters", source=f"raw_{wide}_fetch_add_unless(), {_FALLBACK}")
    new, differs = f(wrap, f("add", OLD, "a")), f("ne", OLD, "u")
    head = "v: pointer, a: number, u: number"
    doc = "adds a unless the value is u"
    yield unless(at("add_unless", head), looking("v", new, differs), doc, rule, "number")
    added = looking("v", new, differs, OLD)
    yield unless(at("fetch_add_unless", head), added, f"{doc}; gives the old value", rule, gives)
    for name, op, goes, doc in (
        ("inc_not_zero", "inc", f("ne", OLD, 0), "adds 1 unless the value is 0"),
        ("inc_unless_negative", "inc", f("ge", OLD, 0), "adds 1 unless the value is negative"),
        ("dec_unless_positive", "dec", f("le", OLD, 0), "subtracts 1 unless the value is positive"),
    ):
        source = f"raw_{wide}_{'fetch_add_unless' if name == 'inc_not_zero' else name}(), {_FALLBACK}"
        effect, rules = looking("v", results[op], goes), rule
        if name != "inc_not_zero":  # the older loop guessed 0, and began with CMPXCHG
            effect, rules = replace(effect, looks=since("v4.19")), f"{rule[:-4]}19.1, 19.2"
            doc += "; if not, a load since v4.19, LOCK'd before"
            source += "; linux/atomic.h up to v4.18 (version unchecked)"
        yield row("Atomic counters", at(name, "v: pointer"), effect, doc, rules, "number", source=source)
    less = results["dec"]
    dec = looking("v", less, f("ge", less, 0), less)
    doc = "gives the value minus 1, stored unless < 0"
    source = f"raw_{wide}_dec_if_positive(), {_FALLBACK}"
    yield row("Atomic counters", at("dec_if_positive", "v: pointer"), dec, doc, rule, gives, source=source)


def refcounts() -> Iterator[Word]:
    """Reference counts, which saturate, with a warning, where they would overflow or come back from 0."""
    g, lock = "Reference counts", "2.1"
    new = "since v5.5; before, with CONFIG_REFCOUNT_FULL, a loop of CMPXCHG that looks first"
    plain = partial(row, g, source="refcount_read(), refcount_set(), linux/refcount.h")
    was = f("s32", OLD)  # it is an atomic_t
    more, less = f("s32", f("add", OLD, "i")), f("s32", f("sub", OLD, "i"))
    inc, dec = f("s32", f("add", OLD, 1)), f("s32", f("sub", OLD, 1))
    some, one = f("ne", OLD, 0), f("eq", OLD, 1)
    yield plain("refcount_read(r: pointer)", Load("r"), "a load", "1.1", "uint")
    yield plain("refcount_set(r: pointer, i)", Store("r", Reg("i")), "a plain store", "1.1")
    number = "i: number, "
    saturating = (
        ("add", number, more, f("or", f("le", was, 0), f("lt", more, 0)), "adds i"),
        ("inc", "", inc, f("or", f("le", was, 0), f("lt", inc, 0)), "adds 1"),
        ("dec", "", dec, f("le", was, 1), "subtracts 1"),
    )
    for name, head, value, bad, doc in saturating:
        both = (Locked("r", value, None), _saturates(bad))
        source = f"__refcount_{name}(), linux/refcount.h, {new}"
        yield row(g, f"refcount_{name}({head}r: pointer)", both, f"LOCK'd; {doc}", lock, source=source)
    looks = "1.1, 2.1, 19.2"
    for name, head, value, doc in (("add", number, more, "adds i"), ("inc", "", inc, "adds 1")):
        bad = f("or", f("lt", was, 0), f("lt", value, 0))
        effects = (looking("r", value, some), _saturates(bad))
        head, doc = f"refcount_{name}_not_zero({head}r: pointer)", f"{doc} unless it is 0"
        source = "__refcount_add_not_zero(), linux/refcount.h"
        yield row(g, head, effects, doc, looks, "number", source=source)
    for name, head, value, last in (("sub", number, less, f("eq", less, 0)), ("dec", "", dec, one)):
        zero = Locked("r", value, f("and", f("gt", was, 0), last))
        bad = f("or", f("le", was, 0), f("lt", value, 0))
        effects = (zero, _saturates(bad))
        head, doc = f"refcount_{name}_and_test({head}r: pointer)", "is the new value 0?"
        source = f"__refcount_sub_and_test(), linux/refcount.h, {new}"
        yield row(g, head, effects, doc, lock, "number", source=source)
    only = Locked("r", FALSE, one, one)
    lib = partial(row, g, source="refcount_dec_if_one(), refcount_dec_not_one(), lib/refcount.c")
    yield lib("refcount_dec_if_one(r: pointer)", only, "LOCK'd; 1 becomes 0; was it 1?", lock, "number")
    goes = f("not", f("or", f("eq", was, _SATURATED), f("eq", OLD, 0), one))
    effects = (looking("r", dec, goes, f("ne", OLD, 1)), Where(f("eq", OLD, 0), (Warns(),)))
    yield lib("refcount_dec_not_one(r: pointer)", effects, "subtracts 1 unless it is 1", looks, "number")


_SATURATED = -(1 << 30)  # REFCOUNT_SATURATED, INT_MIN / 2


def _saturates(bad: Expr) -> Where:
    """``refcount_warn_saturate()``: a plain store, and a warning."""
    return Where(bad, (Store("r", Const(_SATURATED)), Warns()))


def bits() -> Iterator[Word]:
    """Bits of a word."""
    g, lock = "Bits", "2.1"
    bit = f("shl", 1, "nr")
    was = f("ne", f("bitand", OLD, f("shl", 1, "nr")), 0)
    values = {
        "set": f("bitor", OLD, bit),
        # As words of 64 bits: a field without a type may hold one with a sign or without.
        "clear": f("bitand", OLD, f("s64", f("inv", bit))),
        "change": f("s64", f("bitxor", OLD, bit)),
    }
    head = "nr: bit, addr: word"
    source = "constant_test_bit(), variable_test_bit(), asm/bitops.h"
    yield row(g, f"test_bit({head})", Load("addr", was), "a load of the word", "1.1", "number", source=source)
    source = "arch_test_bit_acquire(), asm/bitops.h; since v6.0 (version unchecked)"
    looks = f"test_bit_acquire({head})"
    yield row(g, looks, Load("addr", was), "a load of the word", "1.1", "number", source=source)
    locked = partial(row, g, source="arch_set_bit(), arch_test_and_set_bit() and kin, asm/bitops.h")
    one = "not LOCK'd; no interrupt comes between"
    source = "arch___set_bit(), arch___test_and_set_bit() and kin (BTS, BTR, BTC), asm/bitops.h"
    bare = partial(row, g, source=source)
    for op, value in values.items():
        yield locked(f"{op}_bit({head})", Locked("addr", value, None), "LOCK'd", lock)
        yield locked(f"test_and_{op}_bit({head})", Locked("addr", value, was), "the old bit", lock, "number")
        yield bare(f"__{op}_bit({head})", Modify("addr", value), one, "1.1, 8.9")
        tested = Modify("addr", value, was)
        yield bare(f"__test_and_{op}_bit({head})", tested, f"the old bit; {one}", "1.1, 8.9", "number")
    lock_bit = Locked("addr", values["set"], was)
    source = "arch_test_and_set_bit_lock(), arch_clear_bit_unlock(), asm/bitops.h"
    ordered = partial(row, g, source=source)
    yield ordered(f"test_and_set_bit_lock({head})", lock_bit, "the old bit", lock, "number")
    yield ordered(f"clear_bit_unlock({head})", Locked("addr", values["clear"], None), "LOCK'd", lock)
    source = "arch___clear_bit_unlock(), asm/bitops.h: arch___clear_bit()"
    dropped = Modify("addr", values["clear"])
    yield row(g, f"__clear_bit_unlock({head})", dropped, one, "1.1, 8.9", source=source)
    doc = "LOCK'd; is bit 7 set in what is stored?"
    source = "clear_bit_unlock_is_negative_byte(), asm/bitops.h, up to v6.6 (version unchecked)"
    seventh = f("bitand", f("shr", values["clear"], 7), 1)
    dropped_with = Locked("addr", values["clear"], seventh)
    yield row(
        g, f"clear_bit_unlock_is_negative_byte({head})", dropped_with, doc, lock, "number", source=source
    )
    flipped = f("bitxor", OLD, f("bitand", "mask", 0xFF))
    flips = Locked("addr", flipped, f("bitand", f("shr", flipped, 7), 1))
    source = "arch_xor_unlock_is_negative_byte(), asm/bitops.h: XOR of the lowest byte; "
    source += "since v6.7 (version unchecked)"
    name = "xor_unlock_is_negative_byte(mask: number, addr: word)"
    yield row(g, name, flips, doc, lock, "number", source=source)
    source = "wait_on_bit(), wait_on_bit_lock(), linux/wait_bit.h; "
    source += "the sleep is left out, so no wake-up is lost; linux/wait_bit.inc has it"
    waits = partial(row, g, source=source, sleeps=True)
    clear, args = f("eq", was, 0), "addr: word, nr: bit, mode: number"
    doc = "waits exactly until the bit is clear; gives 0"
    seen = Load("addr", FALSE, needs=clear)
    yield waits(f"wait_on_bit({args})", seen, doc, "1.1", "number")
    doc = "LOCK'd; waits exactly until the bit is clear, and sets it; gives 0"
    taken = Locked("addr", values["set"], FALSE, needs=clear)
    yield waits(f"wait_on_bit_lock({args})", taken, doc, "2.1", "number")
    spins = partial(row, g, source="bit_spin_lock(), bit_spin_unlock(), linux/bit_spinlock.h")
    spin = Locked("addr", values["set"], None, needs=clear, again=True)
    held = (Load("addr", FALSE, needs=clear), READER, spin)
    doc = "waits exactly until the bit is clear, with preemption on; then LOCK'd, and an RCU reader"
    yield spins(f"bit_spin_lock({head})", held, doc, "2.1, 18.1")
    free = (Locked("addr", values["clear"], None), NO_READER)
    yield spins(f"bit_spin_unlock({head})", free, "LOCK'd", "2.1, 18.1")
    more = partial(row, g, source="bit_spin_trylock(), __bit_spin_unlock(), linux/bit_spinlock.h")
    attempt = (READER, Locked("addr", values["set"], f("eq", was, 0)), Where(was, (NO_READER,)))
    doc = "LOCK'd, also if it fails; 1 if it took it"
    yield more(f"bit_spin_trylock({head})", attempt, doc, "2.1, 18.1", "number")
    bare_free = (Modify("addr", values["clear"]), NO_READER)
    doc = "not LOCK'd: a change that another CPU makes in the word at the same time may be lost"
    yield more(f"__bit_spin_unlock({head})", bare_free, doc, "1.1, 18.1")
