"""Static types of C and MM expressions: as far as they decide what a word means, and no further."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from verifier.patterns import pattern
from verifier.program.expressions import Apply, Const, Expr, call
from verifier.records import dataclass, replace
from verifier.syntax.typenames import CALLBACK_TYPES, INTEGERS, STRUCTS

if TYPE_CHECKING:  # conditions of all kinds of tests have types, too
    from verifier.syntax.ast import CType


@dataclass(frozen=True, slots=True)
class Type:
    """``kind`` is ``int``, ``pointer``, ``array`` (of ``bits`` elements of type ``to``, in a struct),
    ``any``, ``void``, ``function``, or a handle's kind:
    ``mm table page va entry upper pte pmd mask struct`` (an ``upper`` is a pointer to a ``pmd``, the
    content of an entry of any upper level). ``to``: what a pointer points to; ``tag`` of a struct, or
    ``code`` for an instruction word, ``bool`` for a truth value. ``percpu``: of an address, that it is
    what every CPU has; only with a CPU is it a place. ``inside``: a struct or a mask that lies in a struct,
    not its address."""

    kind: str
    bits: int = 0
    signed: bool = True
    to: Type | None = None
    tag: str = ""
    percpu: bool = False
    inside: bool = False

    @property
    def words(self) -> str:
        """What diagnostics call it."""
        if self.percpu:
            return "the address of a per-CPU object"
        if self.kind == "int":
            return "a number"
        return _WORDS.get(self.kind, f"a {self.kind}")


_WORDS = {
    "pointer": "an address", "array": "an array", "any": "a value", "void": "void",
    "mm": "an address space (mm)", "va": "a virtual address",
    "entry": "a pointer to a page-table entry", "pte": "the content of a page-table entry",
    "mask": "a cpumask",
    "upper": "a pointer to an upper page-table entry", "pmd": "the content of an upper page-table entry",
}  # fmt: skip

# C's operators on numbers, with the functions that calculate what they do.
ARITHMETIC: Mapping[str, str] = MappingProxyType(
    {
        "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "<<": "shl", ">>": "shr",
        "&": "bitand", "|": "bitor", "^": "bitxor",
    }
)  # fmt: skip

ANY, VOID, FUNCTION = Type("any"), Type("void"), Type("function")
TO_FUNCTION = Type("pointer", to=FUNCTION)
INT, LONG, ULONG, UINT = Type("int", 32), Type("int", 64), Type("int", 64, False), Type("int", 32, False)
BOOL = Type("int", 8, False, tag="bool")
U128 = Type("int", 128, False)
BIT = Type("int", 1, False)  # of a mask
MM, PAGE, VA, ENTRY, PTE, MASK = (Type(k) for k in ("mm", "page", "va", "entry", "pte", "mask"))
BYTES = "bytes"  # with or without a sign, seen as what has the other
PAGE_OF_TABLE = Type("table", tag="page")  # a table as its ``struct page``, whose fields are its own
TABLE, UPPER, PMD, CODE = Type("table"), Type("upper"), Type("pmd"), Type("int", 32, tag="code")
SRCU = Type("struct", tag="srcu_struct")  # no test looks into one
HANDLES = frozenset({"mm", "table", "page", "va", "mask", "struct", "function"})
ENTRIES = frozenset({"entry", "upper"})  # pointers to entries
CONTENTS = frozenset({"pte", "pmd"})  # what entries hold


_KEPT = "kept"


def kept(handle: Type) -> Type:
    """The type of a place that is named, and keeps the address of a handle: that of a handle is the handle
    itself there."""
    return Type("pointer", to=handle, tag=_KEPT)


def loaded(kind: Type) -> Type:
    """The type of what is read from a place."""
    return replace(kind.to, percpu=kind.percpu) if kind.to is not None and kind.tag == _KEPT else kind


def decayed(kind: Type) -> Type:
    """The type of the address of the first element of an array; of an array of structs, that of a struct."""
    inside = kind.kind == "pointer" and kind.to is not None and kind.to.kind == "struct" and kind.to.inside
    return replace(kind.to, inside=False, percpu=kind.percpu) if inside and kind.to else kind


_SIMPLE = {
    "mm": MM, "struct mm_struct": MM, "page": PAGE, "struct page": PAGE, "table": TABLE, "code": CODE,
    "pte_t": PTE, "pmd_t": PMD, "pud_t": PMD, "p4d_t": PMD, "pgd_t": PMD,
    "swp_entry_t": PTE, "softleaf_t": PTE,
    "cpumask": MASK, "cpumask_t": MASK, "struct cpumask": MASK, "cpumask_var_t": MASK, "void": VOID,
    "rwlock_t": INT, "struct mutex": INT, "struct rw_semaphore": INT, "struct semaphore": INT,
    "local_lock_t": INT,
    # Sequence counters, without PREEMPT_RT: which lock is beside them makes no difference.
    "seqcount_t": UINT, "seqcount_spinlock_t": UINT, "seqcount_raw_spinlock_t": UINT,
    "seqcount_rwlock_t": UINT, "seqcount_mutex_t": UINT, "seqcount_latch_t": UINT,
    "seqlock_t": Type("struct", tag="seqlock"),
    "refcount_t": Type("int", 32, False),  # an atomic_t, which refcount_read() gives as unsigned
    "atomic_t": INT, "spinlock_t": INT, "raw_spinlock_t": INT, "atomic64_t": LONG, "atomic_long_t": LONG,
    "local_t": LONG, "local64_t": LONG,
    "function": FUNCTION,
    "bool": BOOL, "_Bool": BOOL,
    **{name: Type("int", bits, signed) for name, (bits, signed) in INTEGERS.items()},
    **{name: Type("struct", tag=tag) for name, tag in STRUCTS.items()},
    **dict.fromkeys(CALLBACK_TYPES, TO_FUNCTION),
}  # fmt: skip
WORD = "word"  # what assembly keeps in a register or a cell: a number, or an address
# What the kernel has as a struct, though here it is one number: locks, counters, sequence counters.
IN_MEMORY = frozenset(
    {
        "rwlock_t", "struct mutex", "struct rw_semaphore", "struct semaphore", "local_lock_t",
        "seqcount_t", "seqcount_spinlock_t", "seqcount_raw_spinlock_t", "seqcount_rwlock_t",
        "seqcount_mutex_t", "seqcount_latch_t", "refcount_t", "atomic_t", "spinlock_t", "raw_spinlock_t",
        "atomic64_t", "atomic_long_t", "local_t", "local64_t",
    }
)  # fmt: skip
HIGH = "high"  # the name of the second cell of an integer of 128 bits
LOW = "low"  # what states and conditions call the first one
_WHOLE = ("8", "16", "32", "64", "128")  # the bits of what is no bitfield
_WIDTHS = {"char": 8, "short": 16, "long": 64}


def of(c: CType) -> Type:
    """The type that a declaration writes. Pointers to handles are the handles themselves."""
    return pointed(_base(c.base), c.pointers)


def in_memory(c: CType) -> bool:
    """Is this one number, and in memory wherever it is declared? Nobody keeps a lock in a register."""
    return c.base in IN_MEMORY and not c.pointers


def is_memory(name: str) -> bool:
    """Is an object of this type in memory wherever it is declared?"""
    return name in IN_MEMORY or _base(name).kind in ("struct", "mask")


def pointed(base: Type, stars: int) -> Type:
    """A type with stars after it. Pointers to handles are the handles themselves."""
    if stars and base.kind in ("mm", "table", "page", "mask", "struct"):
        stars -= 1
    elif base.kind in CONTENTS and stars:
        base, stars = ENTRY if base is PTE else UPPER, stars - 1
    elif base is VOID and stars:
        base, stars = ANY, stars - 1
    for _ in range(stars):
        base = Type("pointer", to=base)
    return base


def written(text: str) -> Type:
    """The type that such words name: ``uint8_t``, ``unsigned long``, ``int *``."""
    name, *stars = text.split("*")
    return pointed(_base(" ".join(name.split())), len(stars))


@lru_cache
def _base(name: str) -> Type:
    if name in _SIMPLE:
        return _SIMPLE[name]
    if name.startswith(("struct ", "union ")):
        return Type("struct", tag=name.split(None, 1)[1])
    bare = name.lstrip("_").removeprefix("int").removeprefix("uint").removesuffix("_t")
    if bare[:1] in ("u", "s") and bare[1:] in _WHOLE:
        return Type("int", int(bare[1:]), bare[0] == "s")
    if bare in _WHOLE:
        return Type("int", int(bare), not name.lstrip("_").startswith("u"))
    words = name.split()
    if set(words) <= {"unsigned", "signed", "long", "int", "char", "short"}:
        return Type("int", next((_WIDTHS[w] for w in words if w in _WIDTHS), 32), "unsigned" not in words)
    return ANY


def is_known(name: str) -> bool:
    """Is this the name of a type here? Names that end in ``_t``, and some others, are read as types."""
    return _base(name) is not ANY or not name.endswith("_t")


def is_own(name: str) -> bool:
    """Is this a type of the language, whatever a kernel's file says of it: a number, a lock, a counter, an
    entry? Not what is named by its tag, unless it is one number here."""
    tagged = name.startswith(("struct ", "union "))
    return name in IN_MEMORY or (
        not tagged and name != "function" and is_known(name) and _base(name) is not ANY
    )


NAMES = tuple(_SIMPLE)
TYPE_NAMES = (
    *(name for name in NAMES if name.endswith("_t")),
    *(f"{s}int{bits}_t" for s in ("", "u") for bits in (8, 16, 32, 64)),
)


def promoted(a: Type, b: Type) -> Type:
    """C's usual arithmetic conversions (C11 6.3.1.8, on x86-64); beside an ``any`` a 64-bit word, which
    may hold a pointer, unsigned if the other one is ``unsigned long``."""
    if a.kind != "int" or b.kind != "int":
        return ULONG if ULONG in (plain(a), plain(b)) else LONG
    bits = max(32, a.bits, b.bits)
    unsigned = any(t.bits == bits and not t.signed for t in (a, b))
    return Type("int", bits, not unsigned)


def plain(a: Type) -> Type:
    """An integer type without what it is used for."""
    return replace(a, tag="") if a.tag and a.kind == "int" else a


def fits(a: Type, b: Type) -> bool:
    """Is every value of integer type ``a`` one of ``b``?"""
    if b.tag == "bool":
        return a.tag == "bool"
    if a.signed == b.signed:
        return a.bits <= b.bits
    return not a.signed and a.bits < b.bits


def holds(a: Type, value: int) -> bool:
    """Is a number one of the values of integer type ``a``?"""
    low, high = limits(a)
    return low <= value <= high


def limits(a: Type) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    if a.tag == "bool":
        return 0, 1
    return (-(1 << (a.bits - 1)), (1 << (a.bits - 1)) - 1) if a.signed else (0, (1 << a.bits) - 1)


def loses(value: int, a: Type) -> bool:
    """Does a number lose bits in integer type ``a``? -1 in an unsigned one does not, nor does 0xffffffff
    in an ``int``: all bits are kept, and read with the other sign."""
    if a.tag == "bool":
        return False  # 2 is as true as 1
    return not -(1 << (a.bits - 1)) <= value < 1 << a.bits


def words(a: Type) -> str:
    """The name of an integer type, as the kernel writes it."""
    if str(a.bits) not in _WHOLE and a.tag != "bool":
        return f"{a.bits} {'signed ' if a.signed else ''}bits"
    return "bool" if a.tag == "bool" else f"{'s' if a.signed else 'u'}{a.bits}"


_TRUTHS = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "not", "and", "or", "bool"})


def wrapped(expr: Expr, t: Type) -> Expr:
    """An exact result as a value of type ``t``."""
    if t.tag != "bool" and str(t.bits) not in _WHOLE:  # a bitfield
        top, kept = Const(1 << (t.bits - 1)), call("bitand", expr, Const((1 << t.bits) - 1))
        return call("sub", call("bitxor", kept, top), top) if t.signed else kept
    wrap = "bool" if t.tag == "bool" else f"int{t.bits}" if t.signed else f"uint{t.bits}"
    if isinstance(expr, Apply) and expr.function in (*_TRUTHS, wrap, words(t)):
        return expr
    return call(wrap, expr)


def number(value: int, t: Type) -> int:
    """A number as one of type ``t``."""
    made = wrapped(Const(value), t)
    assert isinstance(made, Const) and isinstance(made.value, int)
    return made.value


def converted(expr: Expr, source: Type, target: Type) -> Expr:
    """A value of type ``source`` as one of ``target`` (C11 6.3.1.3). Only integers change: an address
    that is kept in a narrow object stays whole, as herd7 has it."""
    if target.kind != "int" or source.kind not in ("int", "any", "pointer"):
        return expr
    if source.kind == "pointer" and target.tag != "bool":
        return expr
    if source.kind == "int" and fits(source, target):
        return expr
    return wrapped(expr, target)


def words_of_64(a: Expr, b: Expr, x: Type, y: Type) -> tuple[Expr, Expr]:
    """Two values that are compared for equality where the type of one is not known, or is that of an address:
    as words of 64 bits, so that -1 and ``~0UL`` are the same. What cannot differ by its sign stays."""
    kinds = {x.kind, y.kind}
    if "int" not in kinds or not kinds & {"any", "pointer", "struct"}:
        return a, b
    number = a if x.kind == "int" else b
    if isinstance(number, Const) and isinstance(number.value, int) and 0 <= number.value < 1 << 63:
        return a, b
    if isinstance(number, Const) and not isinstance(number.value, int):
        return a, b
    known = x if x.kind == "int" else y
    if not known.signed and known.bits < 64:
        return a, b
    return wrapped(a, LONG), wrapped(b, LONG)


def wide(a: Type) -> bool:
    """Is it an integer of 128 bits? It is in two cells, as plain code reads and writes it."""
    return a.kind == "int" and a.bits == 128


def halves(value: Expr) -> tuple[Expr, Expr]:
    """What the two cells of an integer of 128 bits hold, the low one first."""
    return wrapped(value, ULONG), wrapped(call("shr", value, Const(64)), ULONG)


def both(low: Expr, high: Expr, a: Type) -> Expr:
    """The integer of 128 bits whose cells hold this."""
    return wrapped(call("bitor", call("shl", high, Const(64)), low), a)


def high_half(address: Expr) -> Expr:
    """The address of the second cell of an integer of 128 bits."""
    return call("field", address, Const(HIGH))


def cells(a: Type | None) -> int:
    """How many cells an element of a type takes in an array: more than one if it is an array."""
    return a.bits * cells(a.to) if a is not None and a.kind == "array" else 1


def is_table(kind: Type, given: Type) -> bool:
    """Is what is declared as a ``struct page`` that of a table? It is the table then."""
    return kind == PAGE and given == PAGE_OF_TABLE


def joined(a: Type | None, b: Type) -> Type:
    """The type of something that is sometimes ``a`` and sometimes ``b``, each as it is: of two integer
    types one that has all values of both, or ``any``."""
    if a is None or a == b:
        return b
    if "any" in (a.kind, b.kind) and {a.kind, b.kind} & (HANDLES | ENTRIES | CONTENTS | {"pointer"}):
        return b if a.kind == "any" else a
    if a.kind == b.kind == "int":
        a, b = plain(a), plain(b)
        return next((c for c in (a, b, INT, LONG) if fits(a, c) and fits(b, c)), ANY)
    return ANY


_LITERAL = pattern(r"(0x[0-9a-f]+|[0-9]+)([ul]*)", re.ASCII)


def literal(value: int, text: str = "") -> Type:
    """The type of an integer literal (C11 6.4.4.1): the first that can hold it, of those which its suffix
    allows; one that is not decimal may be unsigned without a suffix. ``text``: as it is written."""
    found = _LITERAL.fullmatch(text.lower())
    digits, suffix = found.groups() if found else ("1", "")
    unsigned, long = "u" in suffix, "l" in suffix
    for bits in (64,) if long else (32, 64):
        signed = Type("int", bits)
        if not unsigned and holds(signed, value):
            return signed
        if (unsigned or digits.startswith("0")) and holds(Type("int", bits, False), value):
            return Type("int", bits, False)
    return U128 if value >> 64 else ULONG


def same_width(a: Type, b: Type) -> bool:
    """Do two pointers lead to integers of the same width?"""
    return (
        a.to is not None and b.to is not None and a.to.kind == b.to.kind == "int" and a.to.bits == b.to.bits
    )


def other_sign(a: Type) -> Type:
    """The integer type of the same width with the other sign."""
    return Type("int", a.bits, not a.signed)


def pointers_differ(a: Type, b: Type) -> bool:
    """Do two pointers lead to integers of different types?"""
    if a.kind != "pointer" or b.kind != "pointer" or a.to is None or b.to is None:
        return False
    if b.to.tag == BYTES:
        return a.to.kind == "int" and (a.to.bits, a.to.signed) != (8, b.to.signed)
    return a.to.kind == b.to.kind == "int" and (a.to.bits, a.to.signed) != (b.to.bits, b.to.signed)


def as_bytes(wanted: Type, given: Type) -> Type | None:
    """What ``(char *)p`` gives of a pointer to a ``u8``, and the other way round: an address that can be
    passed on and be cast back, and cannot be followed. None of other casts."""
    if wanted.kind != "pointer" or given.kind != "pointer" or wanted.to is None or given.to is None:
        return None
    other = given.to.bits == wanted.to.bits == 8 and wanted.to.signed != given.to.signed
    if not other or wanted.to.kind != "int" or given.to.kind not in ("int", "void"):
        return None
    return Type("pointer", to=Type("void", 8, given.to.signed, tag=BYTES), percpu=given.percpu)
