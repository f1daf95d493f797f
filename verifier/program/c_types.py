"""Static types of C and MM expressions: as far as they decide what a word means, and no further."""

from __future__ import annotations

from dataclasses import dataclass

from verifier.program.values import Apply, Const, Expr, call
from verifier.syntax.ast import CType


@dataclass(frozen=True, slots=True)
class Type:
    """``kind`` is ``int``, ``pointer``, ``any``, ``void``, ``function``, or a handle's kind:
    ``mm table page va entry upper pte pmd mask struct`` (an ``upper`` is a pointer to a ``pmd``, the
    content of an entry of any upper level). ``to``: what a pointer points to; ``tag`` of a struct, or
    ``code`` for an instruction word."""

    kind: str
    bits: int = 0
    signed: bool = True
    to: Type | None = None
    tag: str = ""

    @property
    def words(self) -> str:
        """What diagnostics call it."""
        if self.kind == "int":
            return "a number"
        return _WORDS.get(self.kind, f"a {self.kind}")


_WORDS = {
    "pointer": "an address", "any": "a value", "void": "nothing", "mm": "an address space (mm)",
    "va": "a virtual address", "entry": "a pointer to a page-table entry",
    "pte": "the content of a page-table entry", "mask": "a cpumask",
    "upper": "a pointer to an upper page-table entry", "pmd": "the content of an upper page-table entry",
}  # fmt: skip

ANY, VOID, FUNCTION = Type("any"), Type("void"), Type("function")
INT, LONG = Type("int", 32), Type("int", 64)
MM, PAGE, VA, ENTRY, PTE, MASK = (Type(k) for k in ("mm", "page", "va", "entry", "pte", "mask"))
TABLE, UPPER, PMD, CODE = Type("table"), Type("upper"), Type("pmd"), Type("int", 32, tag="code")
HANDLES = frozenset({"mm", "table", "page", "va", "mask", "struct", "function"})
ENTRIES = frozenset({"entry", "upper"})  # pointers to entries
CONTENTS = frozenset({"pte", "pmd"})  # what entries hold

_SIMPLE = {
    "mm": MM, "struct mm_struct": MM, "page": PAGE, "struct page": PAGE, "table": TABLE, "code": CODE,
    "pte_t": PTE, "pmd_t": PMD, "pud_t": PMD, "p4d_t": PMD, "pgd_t": PMD,
    "cpumask": MASK, "cpumask_t": MASK, "struct cpumask": MASK, "cpumask_var_t": MASK, "void": VOID,
    "rwlock_t": INT, "struct mutex": INT, "struct rw_semaphore": INT,
    "refcount_t": INT,
    "atomic_t": INT, "spinlock_t": INT, "raw_spinlock_t": INT, "atomic64_t": LONG, "atomic_long_t": LONG,
    "bool": Type("int", 8, False), "_Bool": Type("int", 8, False), "size_t": Type("int", 64, False),
    "intptr_t": LONG, "uintptr_t": Type("int", 64, False), "ssize_t": LONG,
}  # fmt: skip
_WIDTHS = {"char": 8, "short": 16, "long": 64}


def of(c: CType) -> Type:
    """The type that a declaration writes. Pointers to handles are the handles themselves."""
    base, stars = _base(c.base), c.pointers
    if base.kind in ("mm", "table", "page", "mask", "struct"):
        stars -= 1
    elif base.kind in CONTENTS and stars:
        base, stars = ENTRY if base is PTE else UPPER, stars - 1
    elif base is VOID and stars:
        base, stars = ANY, stars - 1
    for _ in range(stars):
        base = Type("pointer", to=base)
    return base


def _base(name: str) -> Type:
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name.startswith(("struct ", "union ")):
        return Type("struct", tag=name.split(None, 1)[1])
    bare = name.lstrip("_").removeprefix("int").removeprefix("uint").removesuffix("_t")
    if bare[:1] in ("u", "s") and bare[1:] in ("8", "16", "32", "64"):
        return Type("int", int(bare[1:]), bare[0] == "s")
    if bare in ("8", "16", "32", "64"):
        return Type("int", int(bare), not name.startswith("u"))
    words = name.split()
    if set(words) <= {"unsigned", "signed", "long", "int", "char", "short"}:
        return Type("int", next((_WIDTHS[w] for w in words if w in _WIDTHS), 32), "unsigned" not in words)
    return ANY


def promoted(a: Type, b: Type) -> Type:
    """C's usual arithmetic conversions; with an ``any`` a 64-bit word, which may hold a pointer."""
    if a.kind != "int" or b.kind != "int":
        return LONG
    bits = max(32, a.bits, b.bits)
    unsigned = any(t.bits == bits and not t.signed for t in (a, b))
    return Type("int", bits, not unsigned)


def fits(a: Type, b: Type) -> bool:
    """Is every value of integer type ``a`` one of ``b``?"""
    if a.signed == b.signed:
        return a.bits <= b.bits
    return not a.signed and a.bits < b.bits


def wrapped(expr: Expr, t: Type) -> Expr:
    """An exact result as a value of type ``t``."""
    return call(f"{'s' if t.signed else 'u'}{t.bits}", expr)


def converted(expr: Expr, source: Type, target: Type, exact: bool = True) -> Expr:
    """A value of type ``source`` as one of ``target``; only integers change.

    ``exact`` False: 64-bit values are left alone, because litmus tests keep pointers in them.
    """
    if target.kind != "int" or source.kind != "int" or fits(source, target):
        return expr
    if isinstance(expr, Const) and isinstance(expr.value, int):
        return wrapped(expr, target)
    if isinstance(expr, Apply) and expr.function in (
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "not",
        "and",
        "or",
        "bool",
    ):
        return expr
    return wrapped(expr, target) if exact or source.bits < 64 else expr


def joined(a: Type | None, b: Type) -> Type:
    """The type of something that is sometimes ``a`` and sometimes ``b``."""
    if a is None or a == b:
        return b
    if "any" in (a.kind, b.kind) and {a.kind, b.kind} & (HANDLES | ENTRIES | CONTENTS | {"pointer"}):
        return b if a.kind == "any" else a
    return promoted(a, b) if a.kind == b.kind == "int" else ANY


def literal(value: int) -> Type:
    """The type of an integer literal."""
    if -(1 << 31) <= value < 1 << 31:
        return INT
    return LONG if value < 1 << 63 else Type("int", 64, False)
