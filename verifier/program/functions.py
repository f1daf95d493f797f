"""The functions that programs apply to values. Both judges evaluate expressions by this table; it is the only
part of the machine's semantics that they share.
"""

from __future__ import annotations

from collections.abc import Callable

from verifier.errors import LimitError
from verifier.program.values import (
    ADDRESS_BITS,
    FAULT,
    FIRST_ERROR,
    LAM_BITS,
    LOW_BITS,
    MIGRATION,
    NO_NUMBER,
    NOFLUSH_BIT,
    PAGE_BITS,
    PCID_BITS,
    ROOT,
    STEP,
    SWAP,
    UNDEF,
    WOULD_BE,
    Mark,
    Ptr,
    Value,
    attributes,
    compared,
    element,
    held,
    make_entry,
    matches,
)

MAX_INTEGER_BITS = 4096  # of an integer


def _wrap(bits: int, signed: bool, whole: bool = False) -> Callable[[Value], Value]:
    span, top = 1 << bits, 1 << (bits - 1)

    def cut(a: Value) -> Value:
        if not isinstance(a, int):
            return a if bits == 64 or whole or isinstance(a, Mark) else UNDEF
        a &= span - 1
        return a - span if signed and a >= top else a

    return cut


def _integers(f: Callable[..., Value]) -> Callable[..., Value]:
    def on_integers(*args: Value) -> Value:
        for a in args:
            if not isinstance(a, int):
                return UNDEF
        return f(*args)

    return on_integers


_LAST = (1 << 64) - 1  # the greatest number of 64 bits
_PAGE = (1 << PAGE_BITS) - 1


def _is_root(a: Value) -> bool:
    """Is it the physical address of an mm's root, perhaps with bits of CR3?"""
    return isinstance(a, Ptr) and a.base.endswith(ROOT)


def _root(base: str, bits: int) -> Value:
    """A root with other bits, which are none of its address's."""
    return UNDEF if bits < 0 or bits >> 64 or bits & ADDRESS_BITS else Ptr(base, bits)


def _moved(a: Ptr, by: int) -> Value:
    """An address and a number of cells or bytes; of bytes, only the low bits are known."""
    if a.low is not None:
        return Ptr(a.base, a.off + by) if 0 <= a.off + by < 1 << a.low else UNDEF
    return _root(a.base, a.off + by) if _is_root(a) else Ptr(a.base, a.off + by)


def _on_bits(a: Value, b: Value, made: Callable[[int, int], int]) -> Value:
    """A root, or an address as a number, and a number, joined or compared bit by bit. The bits of the address
    stay, or all of them go; of an address of which some are left, nothing is known."""
    if isinstance(b, Ptr):
        a, b = b, a
    if not isinstance(a, Ptr) or not isinstance(b, int) or not (_is_root(a) or a.low is not None):
        return UNDEF
    number = b & _LAST
    high = ADDRESS_BITS if a.low is None else _LAST >> a.low << a.low
    bits = made(a.off, number) & ~high
    kept = [made(bit, number) & high for bit in (0, high)]
    return Ptr(a.base, bits) if kept == [0, high] else bits if kept == [0, 0] else UNDEF


def _add(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if isinstance(a, Ptr) and isinstance(b, int):
        return _moved(a, b)
    if isinstance(b, Ptr) and isinstance(a, int):
        return _moved(b, a)
    return UNDEF


def _in_one(a: Ptr, b: Ptr) -> tuple[Ptr, Ptr]:
    """Two addresses with one base, if they have one: in one array, or where it begins."""
    return (a, b) if a.base == b.base else (a.start, b.start)


def _sub(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a - b
    if isinstance(a, Ptr) and isinstance(b, int):
        return _moved(a, -b)
    if isinstance(a, Ptr) and isinstance(b, Ptr):
        if a.base != b.base and (a.low, b.low) != (None, None):
            return UNDEF  # how many bytes lie between two objects, nothing says
        a, b = _in_one(a, b)
        return a.off - b.off if a.base == b.base else UNDEF
    return UNDEF


def _and(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a & b
    if a == 0 or b == 0:
        return 0
    return a if a == b else _on_bits(a, b, int.__and__)


def _xor(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a ^ b
    if a == b:
        return 0
    return a if b == 0 else b if a == 0 else _on_bits(a, b, int.__xor__)


def _or(a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return a | b
    if a == b:
        return a
    return a if b == 0 else b if a == 0 else _on_bits(a, b, int.__or__)


def _order(compare: Callable[[int, int], bool]) -> Callable[[Value, Value], Value]:
    def ordered(a: Value, b: Value) -> Value:
        if isinstance(a, int) and isinstance(b, int):
            return int(compare(a, b))
        if isinstance(a, Ptr) and isinstance(b, Ptr):
            a, b = _in_one(a, b)
            return int(compare(a.off, b.off)) if a.base == b.base else UNDEF
        # Every address is above 0, and below the numbers that pointers to nothing have for errors.
        if isinstance(a, Ptr) and isinstance(b, int) and (b == 0 or FIRST_ERROR <= b <= _LAST):
            return int(compare(1, b))
        if isinstance(b, Ptr) and isinstance(a, int) and (a == 0 or FIRST_ERROR <= a <= _LAST):
            return int(compare(a, 1))
        return UNDEF

    return ordered


def _divide(a: int, b: int) -> Value:
    if b == 0:
        return UNDEF
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _modulo(a: int, b: int) -> Value:
    if b == 0:
        return UNDEF
    quotient = _divide(a, b)
    return a - b * quotient if isinstance(quotient, int) else UNDEF


def _shift(left: bool) -> Callable[[Value, Value], Value]:
    def shift(a: Value, b: Value) -> Value:
        if not isinstance(b, int) or not 0 <= b < 128:
            return UNDEF
        if isinstance(a, Ptr) and _is_root(a) and not left and not ADDRESS_BITS >> b:
            return a.off >> b
        if not isinstance(a, int):
            return UNDEF
        return _bounded(a, b) << b if left else a >> b

    return shift


def _bounded(a: int, more: int) -> int:
    """A number that is about to grow by ``more`` bits. Raises ``LimitError`` if it becomes too long."""
    if a.bit_length() + more > MAX_INTEGER_BITS:
        raise LimitError(f"a number of more than {MAX_INTEGER_BITS} bits")
    return a


def _handle(a: Value, pattern: str, *more: object) -> Value:
    """A handle that belongs to another one: its field, its entry, its mask."""
    return Ptr(pattern.format(a.path, *more)) if isinstance(a, Ptr) else UNDEF


def _masked(a: Value, b: Value) -> Value:
    """A virtual address and a mask: its page and something of where in the page, or only the latter. That
    it is at the beginning of a page is all that is known of the address of a name."""
    if isinstance(b, Ptr):
        a, b = b, a
    if not isinstance(a, Ptr) or not isinstance(b, int):
        return _and(a, b)
    if b >> PAGE_BITS in (-1, _LAST >> PAGE_BITS):
        return Ptr(a.base, a.off & (b | ~_PAGE))
    return a.off & b if 0 <= b <= _PAGE else UNDEF


def _va_page(a: Value) -> Value:
    """The page that a virtual address lies in."""
    return Ptr(a.base, a.off & ~_PAGE) if isinstance(a, Ptr) else a


def _va_base(a: Value) -> Value:
    """The name from which a virtual address is counted."""
    return Ptr(a.base) if isinstance(a, Ptr) else UNDEF


def _in_cr3(a: Value, of: Callable[[Ptr], Value]) -> Value:
    """A part of what is written to CR3; UNDEF if that is no root, or has bits that are reserved there."""
    known = isinstance(a, Ptr) and _is_root(a) and not a.off & ~(PCID_BITS | NOFLUSH_BIT | LAM_BITS)
    return of(a) if known and isinstance(a, Ptr) else UNDEF


def _percpu(a: Value, cpu: Value) -> Value:
    return Ptr(f"{cpu}:{a.base}", a.off) if isinstance(a, Ptr) and isinstance(cpu, int) else UNDEF


def _all(*args: Value) -> Value:
    found: Value = 1
    for a in args:
        if a == 0:
            return 0
        if a == UNDEF:
            found = UNDEF
    return found


def _any(*args: Value) -> Value:
    found: Value = 0
    for a in args:
        if a == UNDEF:
            found = UNDEF
        elif a != 0:
            return 1
    return found


def _ite(c: Value, a: Value, b: Value) -> Value:
    return (a if a == b else UNDEF) if c == UNDEF else a if c != 0 else b


def _equal(a: Value, b: Value) -> bool:
    return compared(a) == compared(b) and a != NO_NUMBER


def _attributes(e: Value, bits: int) -> Value:
    to = held(e)
    return e if to is None else make_entry(to, bits)


def _page(e: Value) -> Value:
    """The page or table of an entry. A swap entry has a page number, but no page."""
    return 0 if e == 0 else UNDEF if attributes(e) & (SWAP | MIGRATION) else held(e) or UNDEF


def _container(a: Value, name: Value) -> Value:
    """What has a field of this name at an address: the inverse of ``field``. That of NULL is NULL here. If
    nothing has it, as the head of a list, this is an address of nothing, whose field is there. A number in
    place of the name: what has an element there that is so many cells behind its first one."""
    if not isinstance(a, Ptr):
        return 0 if a == 0 else UNDEF
    if isinstance(name, int):
        return Ptr(a.base, a.off - name)
    if a.off or not a.base.endswith(f".{name}"):
        return Ptr(f"{a.path}{WOULD_BE}{name}")
    return element(a.base.removesuffix(f".{name}"))


def _field(a: Value, name: Value) -> Value:
    """The address of a field; that of a struct is also that of what it begins with (C11 6.7.2.1)."""
    if isinstance(a, Ptr) and a.base.endswith(f"{WOULD_BE}{name}"):
        return element(a.base.removesuffix(f"{WOULD_BE}{name}"))
    found = STEP.fullmatch(str(name))
    if found is not None and isinstance(a, Ptr):
        a = a.as_struct(found[1])
    return _handle(a, "{}.{}", name)


def _as_number(a: Value, low: Value) -> Value:
    """An address as a number. So many of its low bits are 0, by its alignment."""
    known = low if isinstance(low, int) else 0
    return Ptr(f"{a.path}{LOW_BITS}{known}") if isinstance(a, Ptr) and a.low is None else a


def _unless_number(f: Callable[[Value, Value], Value]) -> Callable[[Value, Value], Value]:
    """A cast of a number, such as NULL, leaves it as it is."""
    return lambda a, name: a if isinstance(a, int) else f(a, name)


# The functions that convert to C's integer types: bits, and whether it is signed.
INTEGER_TYPES = {
    f"{'' if signed else 'u'}int{bits}": (bits, signed)
    for bits in (8, 16, 32, 64, 128)
    for signed in (True, False)
}

FUNCTIONS: dict[str, Callable[..., Value]] = {
    # Arithmetic is exact; a front end wraps what its types say (the next rows).
    "add": _add,
    "sub": _sub,
    "mul": _integers(lambda a, b: _bounded(a, b.bit_length()) * b),
    "div": _integers(_divide),
    "mod": _integers(_modulo),
    "neg": _integers(lambda a: -a),
    "inv": _integers(lambda a: ~a),
    "bitand": _and,
    "bitor": _or,
    "bitxor": _xor,
    "shl": _shift(True),
    "shr": _shift(False),
    **{
        f"{'s' if signed else 'u'}{bits}": _wrap(bits, signed)
        for bits in (8, 16, 32, 64)
        for signed in (True, False)
    },
    # The same for C's integer types. In litmus tests these may hold an address, which stays whole.
    **{name: _wrap(bits, signed, whole=True) for name, (bits, signed) in INTEGER_TYPES.items()},
    # Truth and comparison. Any two values can be compared for equality.
    "eq": lambda a, b: int(_equal(a, b)),
    "ne": lambda a, b: int(not _equal(a, b)),
    "lt": _order(lambda a, b: a < b),
    "le": _order(lambda a, b: a <= b),
    "gt": _order(lambda a, b: a > b),
    "ge": _order(lambda a, b: a >= b),
    "not": lambda a: int(a == 0),
    "and": _all,
    "or": _any,
    "bool": lambda a: int(a != 0),
    "ite": _ite,
    # In conditions: a value that cannot be calculated equals none, and a comparison without answer fails.
    "known": lambda a: NO_NUMBER if a == UNDEF else a,
    "holds": lambda a: int(a not in (UNDEF, NO_NUMBER, 0)),
    "undefined": lambda a: int(a in (UNDEF, NO_NUMBER)),
    # Handles.
    "field": _field,
    "container": _container,
    # A cast from the address of a struct to that of its first member, and back.
    "to_first": _unless_number(_field),
    "from_first": _unless_number(_container),
    "percpu": _percpu,
    # A cast of an address to an integer of 64 bits, and back.
    "as_number": _as_number,
    "as_pointer": lambda a: a.as_pointer if isinstance(a, Ptr) else a,
    "pte": lambda mm, va: _handle(mm, "pte({}, {})", va) if isinstance(va, Ptr) else UNDEF,
    "mm_cpumask": lambda mm: _handle(mm, "mm_cpumask({})"),
    # Virtual addresses as numbers, ``off`` counting bytes.
    "va_and": _masked,
    "va_page": _va_page,
    "va_base": _va_base,
    # CR3 as a number: the root of an mm (``ROOT``), and what a value that is written to CR3 says.
    "root": lambda mm: Ptr(f"{mm}{ROOT}") if isinstance(mm, Ptr) and not _is_root(mm) else UNDEF,
    "cr3_mm": lambda a: _in_cr3(a, lambda root: element(root.base.removesuffix(ROOT))),
    "cr3_pcid": lambda a: _in_cr3(a, lambda root: root.off & PCID_BITS),
    "cr3_noflush": lambda a: _in_cr3(a, lambda root: int(bool(root.off & NOFLUSH_BIT))),
    "page_data": lambda page: page if page == FAULT else _handle(page, "{}.data"),
    # Contents of entries.
    "mk_pte": lambda page, bits: make_entry(page, bits) if isinstance(bits, int) else UNDEF,
    "pte_target": _page,
    "pte_held": lambda e: held(e) or UNDEF,
    "pte_has": lambda e, bits: int(attributes(e) & bits == bits) if isinstance(bits, int) else UNDEF,
    "pte_with": lambda e, bits: _attributes(e, attributes(e) | bits),
    "pte_without": lambda e, bits: _attributes(e, attributes(e) & ~bits),
    "pte_matches": lambda e, wanted: int(matches(e, wanted)),
}

# Functions that may give something else than UNDEF for an UNDEF argument: see ``expressions``.
LENIENT = frozenset({"and", "or", "ite", "bitand", "va_and", "known", "holds", "undefined"})


def apply(function: str, args: tuple[Value, ...]) -> Value:
    """Apply a function of the table. The result is UNDEF if an argument is UNDEF, but for ``LENIENT``."""
    if UNDEF in args and function not in LENIENT:
        return UNDEF
    return FUNCTIONS[function](*args)
