"""The kernel's read-modify-writes that are one instruction without LOCK, and those of two words at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from verifier.program.expressions import Expr, Reg
from verifier.words.rows import OLD, Load, Modify, Special, Store, Word, f, row, since

_ONE = "not LOCK'd; no interrupt comes between"
_RULE = "1.1, 8.9"
_NOT_LOCKED = "load and store, one instruction"


def counters(prefix: str) -> Iterator[Word]:
    """``local_t``, or ``local64_t``, which is one."""
    g = "Counters of one CPU"
    header = "asm/local.h" if prefix == "local" else "asm/local.h; asm-generic/local64.h"

    def words(head: str) -> str:
        return f"{prefix}_{head}"

    whole = partial(row, g, source=f"local_read(), local_set(), {header}")
    yield whole(words("read(l: pointer)"), Load("l"), "a load", "1.1", "same")
    yield whole(words("set(l: pointer, i)"), Store("l", Reg("i")), "a plain store", "1.1")
    single = partial(row, g, source=f"local_inc(), local_add_return() (XADD) and kin, {header}")
    results: dict[str, tuple[str, Expr]] = {
        "add": ("i: number, ", f("s64", f("add", OLD, "i"))),
        "sub": ("i: number, ", f("s64", f("sub", OLD, "i"))),
        "inc": ("", f("s64", f("add", OLD, 1))),
        "dec": ("", f("s64", f("sub", OLD, 1))),
    }
    for op, (head, new) in results.items():
        yield single(words(f"{op}({head}l: pointer)"), Modify("l", new), _ONE, _RULE)
        if op != "add":
            zero, doc = Modify("l", new, f("eq", new, 0)), f"is the new value 0? {_ONE}"
            yield single(words(f"{op}_and_test({head}l: pointer)"), zero, doc, _RULE, "number")
        if (prefix, op) != ("local64", "dec"):
            given, doc = Modify("l", new, new), f"gives the new value; {_ONE}"
            yield single(words(f"{op}_return({head}l: pointer)"), given, doc, _RULE, "same")
    more = results["add"][1]
    below, doc = Modify("l", more, f("lt", more, 0)), f"is the new value negative? {_ONE}"
    yield single(words("add_negative(i: number, l: pointer)"), below, doc, _RULE, "number")
    compare = Modify("l", Reg("new"), OLD, when=f("eq", OLD, "old_value"))
    source = f"local_cmpxchg(), local_try_cmpxchg(), {header}: CMPXCHG without LOCK; the latter since v6.5"
    compares = partial(row, g, source=f"{source} (version unchecked)")
    head = words("cmpxchg(l: pointer, old_value, new)")
    yield compares(head, compare, f"gives the old value; {_ONE}", _RULE, "same")
    tries = Special("try_cmpxchg", _NOT_LOCKED)
    head, doc = words("try_cmpxchg(l: pointer, old: pointer, new)"), f"*old is what was found; {_ONE}"
    yield compares(head, tries, doc, _RULE, "number")
    doc = f"gives the old value; {_ONE}; before v6.9 XCHG, which is LOCK'd"
    source = f"local_xchg(), {header}: since v6.9 a loop of CMPXCHG without LOCK"
    head, swap = words("xchg(l: pointer, n)"), Modify("l", Reg("n"), OLD, locked=f("not", since("v6.9")))
    yield row(g, head, swap, doc, "1.1, 2.1, 8.9, 19.1", "same", source=source)
    source = f"local_add_unless(), {header}: a load, then CMPXCHG without LOCK until it succeeds"
    unless = partial(row, g, source=source)
    for head, added, differs, doc in (
        ("add_unless(l: pointer, a: number, u: number)", "a", f("ne", OLD, "u"), "adds a unless it is u"),
        ("inc_not_zero(l: pointer)", 1, f("ne", OLD, 0), "adds 1 unless it is 0"),
    ):
        value = f("s64", f("add", OLD, added))
        add = Modify("l", value, differs, when=differs, looks=True)
        doc = f"{doc}; a load if it is; an interrupt may come after a load, not within the addition"
        yield unless(words(head), add, doc, _RULE, "number")


def exchanges() -> Iterator[Word]:
    """CMPXCHG of what only this CPU writes, and of a struct of two words."""
    g = "Exchange"
    source = "__cmpxchg_local(), __raw_try_cmpxchg(), asm/cmpxchg.h: CMPXCHG without LOCK"
    local = partial(row, g, source=source)
    compare = Modify("x", Reg("new"), OLD, when=f("eq", OLD, "old_value"))
    for name in ("cmpxchg_local", "cmpxchg64_local"):
        head = f"{name}(x: pointer, old_value, new)"
        yield local(head, compare, f"gives the old value; {_ONE}", _RULE, "same")
    head = "try_cmpxchg_local(x: pointer, old: pointer, new)"
    tries = Special("try_cmpxchg", _NOT_LOCKED)
    yield local(head, tries, f"*old is what was found; {_ONE}", _RULE, "number")
    both = "x: pointer, y: pointer, old_x, old_y, new_x, new_y"
    doc = "both words of a struct if both are as expected; did it? LOCK CMPXCHG16B, LOCK'd also when it fails"
    source = (
        "cmpxchg_double(), asm/cmpxchg.h, up to v6.4 (version unchecked); since then it is cmpxchg128(), "
    )
    source += "arch_cmpxchg128(), asm/cmpxchg_64.h"
    swap = Special("cmpxchg_double", "LOCK'd read-modify-write of two words", locks=True)
    yield row(g, f"cmpxchg_double({both})", swap, doc, "2.1", "number", source=source)
    doc = f"the same by this CPU alone: {_ONE}"
    source = "cmpxchg16b_local(), asm/cmpxchg_64.h: CMPXCHG16B without LOCK"
    swap = Special("cmpxchg_double", "load and store of two words, one instruction")
    yield row(g, f"cmpxchg_double_local({both})", swap, doc, _RULE, "number", source=source)


def percpu() -> Iterator[Word]:
    """The same of what every CPU has."""
    g = "Per-CPU data"
    for name in ("this_cpu", "__this_cpu", "raw_cpu"):
        source = "percpu_try_cmpxchg_op(), asm/percpu.h; since v6.5 (version unchecked)"
        tries = Special("try_cmpxchg", _NOT_LOCKED)
        head = f"{name}_try_cmpxchg(x: percpu, old: pointer, new)"
        if name != "__this_cpu":
            doc = f"*old is what was found; {_ONE}"
            yield row(g, head, tries, doc, _RULE, "number", source=source)
        both = "x: percpu, y: percpu, old_x, old_y, new_x, new_y"
        doc = f"both words of a struct if both are as expected; did it? {_ONE}"
        source = "percpu_cmpxchg16b_double(), asm/percpu.h, up to v6.4; this_cpu_cmpxchg128() since then; "
        swap = Special("cmpxchg_double", "load and store of two words, one instruction")
        yield row(
            g,
            f"{name}_cmpxchg_double({both})",
            swap,
            doc,
            _RULE,
            "number",
            source=f"{source}version unchecked",
        )
