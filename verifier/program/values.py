"""Values, and the contents of page-table entries.

A value is an ``int``, a ``Ptr`` (the address of a cell, or the name of a handle: an mm, a table, a
page, a virtual address), an ``Entry`` (the content of a page-table entry with attributes), or one of
the two marks ``FAULT`` (an access that faulted) and ``UNDEF`` (a function applied where it means
nothing, such as a pointer times three).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Union


class Ptr(NamedTuple):
    """The address of a cell, or a handle. ``off`` counts cells in C and MM, bytes in X86."""

    base: str
    off: int = 0

    def __str__(self) -> str:
        return self.base if not self.off else f"{self.base}+{self.off}"


# Attributes of a paging-structure entry, as departures from: present, writable, user, executable,
# not global, dirty, accessed.  The last three are contents whose P is clear: the processor ignores all
# else in them (MMR 4.6), the kernel does not.
RO, NX, GLOBAL, SUPERVISOR, CLEAN, UNACCESSED, PROTNONE, SWAP, MIGRATION = (1 << i for i in range(9))
ATTRIBUTES: Mapping[str, int] = MappingProxyType(
    {
        "ro": RO, "nx": NX, "global": GLOBAL, "supervisor": SUPERVISOR, "clean": CLEAN, "old": UNACCESSED,
        "protnone": PROTNONE, "swap": SWAP, "migration": MIGRATION,
    }
)  # fmt: skip
COMBINED = RO | NX | SUPERVISOR  # rights: of a whole walk, each level may take them away (MMR 4.2)
NOT_PRESENT = PROTNONE | SWAP | MIGRATION


class Entry(NamedTuple):
    """The content of an entry with attributes; one without any is its ``target`` alone.

    ``target`` is a page or a table, ``flags`` some of ``ATTRIBUTES``, never 0, and of ``NOT_PRESENT``
    one at most.
    """

    target: Ptr
    flags: int

    def __str__(self) -> str:
        names = [name for name, bit in ATTRIBUTES.items() if self.flags & bit]
        return f"mk_pte({self.target}, {' | '.join(names)})"


class Mark(NamedTuple):
    """A value that is no number and no address."""

    name: str

    def __str__(self) -> str:
        return self.name


FAULT = Mark("fault")
UNDEF = Mark("undef")
NO_NUMBER = Mark("no number")  # what a condition calculates of something that is none

Value = Union[int, Ptr, Entry, Mark]


def target(value: Value) -> Ptr | None:
    """Where an entry with this content leads a walk, to a page or a table; None if it is not present."""
    kind = type(value)
    if kind is Ptr:
        return value  # type: ignore[return-value]
    return value.target if kind is Entry and not value.flags & NOT_PRESENT else None  # type: ignore[union-attr]


def flags(value: Value) -> int:
    """The attributes of an entry's content as a walk sees them: 0 if it is not present."""
    return value.flags if isinstance(value, Entry) and not value.flags & NOT_PRESENT else 0


def held(value: Value) -> Ptr | None:
    """The page or table that an entry's content names, present or not; None if it names none."""
    return value if isinstance(value, Ptr) else value.target if isinstance(value, Entry) else None


def attributes(value: Value) -> int:
    """The attributes of an entry's content as the kernel sees them, present or not."""
    return value.flags if isinstance(value, Entry) else 0


def make_entry(to: Value, attributes: int) -> Value:
    """An entry's content; UNDEF for what is neither page nor table, or not present in two ways."""
    absent = attributes & NOT_PRESENT
    if not isinstance(to, Ptr) or absent & (absent - 1):
        return UNDEF
    return Entry(to, attributes) if attributes else to


def matches(content: Value, wanted: Value) -> bool:
    """Does an entry lead where ``wanted`` does, with at least the attributes that it names? An entry
    that is not present is like another one that is not, in the same way."""
    if held(wanted) is None:
        return content == wanted
    here, there = attributes(content), attributes(wanted)
    return held(content) == held(wanted) and not there & ~here and not (here ^ there) & NOT_PRESENT


def truth(value: Value | str) -> bool:
    """C's idea of truth: not zero. A pointer is true."""
    return value != 0
