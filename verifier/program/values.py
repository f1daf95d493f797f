"""Values, and the contents of page-table entries.

A value is an ``int``, a ``Ptr`` (the address of a cell, or the name of a handle: an mm, a table, a
page, a virtual address), an ``Entry`` (the content of a page-table entry with attributes), or one of
the two marks ``FAULT`` (an access that faulted) and ``UNDEF`` (the result of a function that has no
meaning for its arguments, such as a pointer times three).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Union

from verifier.patterns import pattern
from verifier.records import NamedTuple


class Ptr(NamedTuple):
    """The address of a cell, or a handle. ``off`` counts cells in C and MM, bytes in X86."""

    base: str
    off: int = 0

    def __str__(self) -> str:
        return plain(self.path)

    @property
    def path(self) -> str:
        """It as the beginning of another address. Unlike the text that users see, it tells whose fields the
        steps are: see ``step``."""
        return self.base if not self.off else f"{self.base}+{self.off}"

    @property
    def start(self) -> Ptr:
        """The whole that begins here: a struct and its first member have one address (C11 6.7.2.1)."""
        if self.low is not None and self.off:
            return Ptr(f"{Ptr(self.base).as_pointer.start.path}{LOW_BITS}{ALIGNED}", self.off)
        if self.off or "%" not in self.base:
            return self
        base = self.as_pointer.path
        while (found := _FIRST.fullmatch(base)) is not None:
            base = found[1]
        return element(base)

    @property
    def low(self) -> int | None:
        """Of an address as a number, how many of its low bits are known, in ``off``; None of others."""
        found = _AS_NUMBER.fullmatch(self.base) if "%" in self.base else None
        return None if found is None else int(found[2])

    @property
    def as_pointer(self) -> Ptr:
        """The address that it is as a number, if its low bits are 0."""
        found = _AS_NUMBER.fullmatch(self.base) if "%" in self.base and not self.off else None
        return self if found is None else element(found[1])

    def as_struct(self, tag: str) -> Ptr:
        """It as the address of a ``struct tag``, if one begins with what is here. What would have a member
        here, as ``container_of()`` gives it, is the struct which is here."""
        base, here, whole = self.base, True, self
        while not self.off and (found := _FIRST.fullmatch(base)) is not None:
            is_member = base[len(found[1])] == "."
            here, base = here and not is_member, found[1]
            if found[2] == tag and is_member:
                return element(base)
            if here and (found[2] == tag or whole is not self):
                whole = element(base)
        return whole


_ELEMENT = pattern(r"(.*)\+(-?[0-9]+)")


def element(path: str) -> Ptr:
    """The address that is written so."""
    found = _ELEMENT.fullmatch(path)
    return Ptr(path) if found is None else Ptr(found.group(1), int(found.group(2)))


LOW_BITS = "%low"  # after an address: it as a number, with how many of its low bits are 0 by its alignment
ALIGNED = 3  # that many are 0 at most: of an object of 8 bytes or more
_AS_NUMBER = pattern(rf"(.*){LOW_BITS}([0-9])")
WOULD_BE = "%in-"  # after an address, before the name of a field: what would have it there
_FIRST = pattern(rf"(.*)(?:\.|{WOULD_BE})%(\w*):[^.+]*")
STEP = pattern(r"%(\w*)[:;](.*)")
_SIGNED = pattern(r"%\w*[:;]")


def step(tag: str, name: str, first: bool) -> str:
    """A field of a defined struct in addresses: ``%foo:x`` has the struct's address, ``%foo;x`` has not."""
    return f"%{tag}{':' if first else ';'}{name}"


def plain(path: str) -> str:
    """An address, or a field, without what tells whose fields its steps are."""
    return _SIGNED.sub("", path) if "%" in path else path


_CPU = pattern(r"[0-9]+:")


def of_all(path: str) -> str:
    """An address without the CPU whose instance of an object it is in."""
    found = _CPU.match(path)
    return path if found is None else path[found.end() :]


IN_LINE = ".%waiting"  # after the name of a lock: cells that count who stands in line, -write and -read

WITHIN = "%within"  # after the name of an object of assembly: bytes of it that are not the whole

# After the name of an mm: the physical address of its root. ``off`` of such a ``Ptr`` is the bits of CR3
# that are no address: the PCID, bit 63 (nothing is flushed), and those of LAM, which change no walk.
ROOT = "%root"
PCID_BITS, NOFLUSH_BIT, LAM_BITS = 0xFFF, 1 << 63, 3 << 61
ADDRESS_BITS = 0x000F_FFFF_FFFF_F000  # of a root
PAGE_BITS = 12  # of an address: where it lies in its page

# Attributes of a paging-structure entry. An entry without attributes is present, writable, user, executable,
# not global, dirty and accessed.  The last four mean that P is clear: the processor ignores the rest of such
# an entry (MMR 4.6), the kernel reads it. The last one is a large page's entry while it is split.
RO, NX, GLOBAL, SUPERVISOR, CLEAN, UNACCESSED, PROTNONE, SWAP, MIGRATION, INVALID = (
    1 << i for i in range(10)
)
ATTRIBUTES: Mapping[str, int] = MappingProxyType(
    {
        "ro": RO, "nx": NX, "global": GLOBAL, "supervisor": SUPERVISOR, "clean": CLEAN, "old": UNACCESSED,
        "protnone": PROTNONE, "swap": SWAP, "migration": MIGRATION, "invalid": INVALID,
    }
)  # fmt: skip
COMBINED = RO | NX | SUPERVISOR  # rights that each level of a walk may take away (MMR 4.2)
NOT_PRESENT = PROTNONE | SWAP | MIGRATION | INVALID


class Entry(NamedTuple):
    """The content of an entry with attributes. The content of an entry without attributes is a ``Ptr``.

    ``target`` is a page or a table. ``flags`` has at least one of ``ATTRIBUTES``, and at most one of
    ``NOT_PRESENT``.
    """

    target: Ptr
    flags: int

    def __str__(self) -> str:
        names = [name for name, bit in ATTRIBUTES.items() if self.flags & bit]
        return f"mk_pte({self.target}, {' | '.join(names)})"


class Mark(NamedTuple):
    """A value that is neither a number nor an address."""

    name: str

    def __str__(self) -> str:
        return self.name


FAULT = Mark("fault")
UNDEF = Mark("undef")
NO_NUMBER = Mark("no number")  # the result of a condition's calculation with something that is not a number

Value = Union[int, Ptr, Entry, Mark]


MAX_ERRNO = 4095  # a pointer that stands for an error is a number from -4095 to -1 (include/linux/err.h)
FIRST_ERROR = (1 << 64) - MAX_ERRNO  # as an address

SOFTIRQS_OFF = "%bh"  # a register, as ``irq`` is one


def halted(cpu: int) -> Ptr:
    """The register cell that says whether a CPU is in a halt."""
    return Ptr(f"{cpu}:%halted")


def softirqs_off(cpu: int) -> Ptr:
    """The register cell that counts why a CPU runs no softirq; it runs them where this is 0."""
    return Ptr(f"{cpu}:{SOFTIRQS_OFF}")


def compared(value: Value) -> Value:
    """A value as a comparison sees it: of an address, where it begins."""
    return value.start if isinstance(value, Ptr) else value


def target(value: Value) -> Ptr | None:
    """The page or table to which an entry with this content leads a walk; None if it is not present."""
    kind = type(value)
    if kind is Ptr:
        return value  # type: ignore[return-value]
    return value.target if kind is Entry and not value.flags & NOT_PRESENT else None  # type: ignore[union-attr]


def flags(value: Value) -> int:
    """The attributes of an entry's content, as a walk sees them; 0 if it is not present."""
    return value.flags if isinstance(value, Entry) and not value.flags & NOT_PRESENT else 0


def held(value: Value) -> Ptr | None:
    """The page or table that an entry's content names, present or not; None if it names none."""
    return value if isinstance(value, Ptr) else value.target if isinstance(value, Entry) else None


def attributes(value: Value) -> int:
    """The attributes of an entry's content, as the kernel sees them, whether it is present or not."""
    return value.flags if isinstance(value, Entry) else 0


def make_entry(to: Value, attributes: int) -> Value:
    """An entry's content. UNDEF if ``to`` is no page and no table, or if two of ``NOT_PRESENT`` are set."""
    absent = attributes & NOT_PRESENT
    if not isinstance(to, Ptr) or absent & (absent - 1):
        return UNDEF
    return Entry(to, attributes) if attributes else to


def matches(content: Value, wanted: Value) -> bool:
    """Does an entry lead to the same place as ``wanted``, with at least the attributes of ``wanted``? An
    entry that is not present matches only one that is not present in the same way."""
    if held(wanted) is None:
        return content == wanted
    here, there = attributes(content), attributes(wanted)
    return held(content) == held(wanted) and not there & ~here and not (here ^ there) & NOT_PRESENT


def truth(value: Value | str) -> bool:
    """C's idea of truth: not zero. A pointer is true."""
    return value != 0
