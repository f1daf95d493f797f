"""What the names in a condition may mean, and what a front end knows about them."""

from __future__ import annotations

from typing import Protocol

from verifier.lower.c.structs import Bitfield
from verifier.lower.c.types import Type
from verifier.program.expressions import Const
from verifier.program.values import Ptr, Value
from verifier.records import dataclass
from verifier.source import Span
from verifier.syntax import condition as c


@dataclass(frozen=True, slots=True)
class CellOf:
    """A place in a condition that is a cell; ``label`` is how states print it. ``unsigned``: the bits of
    what is declared without a sign, where the cell may hold a negative number for it; 0: read as it is."""

    cell: Ptr
    label: str
    unsigned: int = 0


@dataclass(frozen=True, slots=True)
class RegisterOf:
    """A place in a condition that is a local of a CPU."""

    cpu: int
    local: str
    label: str


@dataclass(frozen=True, slots=True)
class PartOf:
    """A bitfield in a condition: ``part`` of the cell that it lies in."""

    cell: CellOf
    part: Bitfield


@dataclass(frozen=True, slots=True)
class WideOf:
    """An integer of 128 bits in a condition: its two cells, and its type."""

    low: CellOf
    high: CellOf
    type: Type


@dataclass(frozen=True, slots=True)
class EntryOf:
    """A page or a table in a condition, with attributes: what an entry is compared with."""

    content: Value


@dataclass(frozen=True, slots=True)
class HangOf:
    """``hang`` in a condition: does a CPU wait for ever? None: any CPU."""

    cpu: int | None


Meaning = CellOf | PartOf | WideOf | RegisterOf | EntryOf | HangOf | Const


class Scope(Protocol):
    """What a front end knows about names in conditions. Methods raise ``Trouble``."""

    def place(self, place: c.Place, cpu: int | None) -> Meaning:
        """The meaning of a place; ``cpu`` if it was written ``cpu:place``."""

    def address(self, place: c.Place, cpu: int | None) -> Value:
        """The address of a place, of one of CPU ``cpu`` if that is given."""

    def moves(self, address: Ptr) -> bool:
        """May numbers be added to this address: is it a virtual address, or the root of an mm?"""

    def points(self, place: c.Place, cpu: int | None) -> bool:
        """Does a place hold an address?"""

    def constant(self, name: c.Name) -> int:
        """A number that has a name (``n`` in ``1..n``)."""

    def comparable(self, place: c.Place, cpu: int | None, meaning: Meaning, named: bool) -> str:
        """Empty if a place may be a number that is not 0; otherwise what to write instead. ``named``:
        the number has a name."""

    def holds(self, place: c.Place, cpu: int | None) -> Type | None:
        """The C type of what a place holds, ``any`` if it is not known; None: not a C object."""

    def cpus(self) -> int:
        """How many CPUs there are."""

    def va(self, name: c.Name) -> Ptr:
        """A virtual address."""

    def page(self, operand: c.Operand) -> Value:
        """What an entry may map to."""

    def pcid(self, pcid: int, span: Span) -> int:
        """A PCID."""
